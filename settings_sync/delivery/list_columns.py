"""The cells of the provider's list, each drawn by one function for the list and for the live look."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ivrportal.common.invisible_characters import shown
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import record_lookup
from settings_sync.delivery.account_status import Account
from settings_sync.models import ProviderSetting


def parts(setting: ProviderSetting, account: Account) -> dict[str, str]:
    """All cells that change by themselves, by name."""
    return {
        "confirmed": confirmed(setting),
        "next": next_try(setting, account),
        "reply": reply(setting),
    }


def what(setting: ProviderSetting, name: str) -> str:
    """The desired value in words, and whose it is."""
    words = record_lookup.title_of(setting)
    if not name:
        return words
    return format_html('{}<span class="cell-note">{}</span>', words, name)


def confirmed(setting: ProviderSetting) -> str:
    if not setting.confirmed:
        return format_html('<span class="cell-quiet">{}</span>', _("nothing yet"))
    if setting.confirmed == setting.desired:
        return format_html('<span class="cell-quiet">{}</span>', _("the same"))
    return record_lookup.describe(setting.address, setting.confirmed)


def next_try(setting: ProviderSetting, account: Account) -> str:
    if setting.next_attempt_at is None:
        return "–"
    if account.shut and account.shut.wait_s is None:
        return _("when sending starts")
    at = setting.next_attempt_at
    if account.shut and account.circuit.opened_until:
        at = max(at, account.circuit.opened_until)
    return accounts.clock(at) if at > account.now else _("now")


def reply(setting: ProviderSetting) -> str:
    """As it came; without quotation marks, because it may be our own words about an answer that never came."""
    return format_html("{}", shown(setting.last_reply)) if setting.last_reply else "–"


def live(setting: ProviderSetting, name: str, html: str) -> str:
    """A cell that the live look fills again."""
    return format_html('<span data-live="{}-{}">{}</span>', name, setting.pk, html)


def send_now_button(setting: ProviderSetting) -> str:
    return format_html(
        '<button type="submit" class="row-button" formaction="{}" aria-label="{}: {}">{}</button>',
        reverse("admin:provider_send_now", args=[setting.pk]),
        _("Send now"),
        record_lookup.title_of(setting),
        _("Send now"),
    )
