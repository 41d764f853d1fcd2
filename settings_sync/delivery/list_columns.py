"""Cells of the settings list, rendered by the same functions for the changelist and for polling."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ivrportal.common.invisible_characters import make_visible
from settings_sync.delivery import account_status, record_lookup
from settings_sync.delivery.account_status import AccountStatus
from settings_sync.models import ProviderSetting


def render_live_cells(setting: ProviderSetting, account: AccountStatus) -> dict[str, str]:
    """Return the HTML of all cells that polling updates, by name."""
    return {
        "confirmed": render_confirmed(setting),
        "next": render_next_attempt(setting, account),
        "reply": render_reply(setting),
    }


def render_desired(setting: ProviderSetting, name: str) -> str:
    """Render the desired value and the record's name."""
    title = record_lookup.format_title(setting)
    if not name:
        return title
    return format_html('{}<span class="cell-note">{}</span>', title, name)


def render_confirmed(setting: ProviderSetting) -> str:
    if not setting.confirmed:
        return format_html('<span class="cell-quiet">{}</span>', _("nothing yet"))
    if setting.confirmed == setting.desired:
        return format_html('<span class="cell-quiet">{}</span>', _("the same"))
    return record_lookup.describe(setting.address, setting.confirmed)


def render_next_attempt(setting: ProviderSetting, account: AccountStatus) -> str:
    if setting.next_attempt_at is None:
        return "–"
    if account.closed_reason and account.closed_reason.wait_s is None:
        return _("when sending starts")
    at = setting.next_attempt_at
    if account.closed_reason and account.circuit.opened_until:
        at = max(at, account.circuit.opened_until)
    return account_status.format_moment(at) if at > account.now else _("now")


def render_reply(setting: ProviderSetting) -> str:
    """Render the last reply without quotation marks, because it may be our own text about a missing answer."""
    return format_html("{}", make_visible(setting.last_reply)) if setting.last_reply else "–"


def wrap_live_cell(setting: ProviderSetting, name: str, html: str) -> str:
    """Wrap a cell so that polling can update it."""
    return format_html('<span data-live="{}-{}">{}</span>', name, setting.pk, html)


def render_send_now_button(setting: ProviderSetting) -> str:
    return format_html(
        '<button type="submit" class="row-button" formaction="{}" aria-label="{}: {}">{}</button>',
        reverse("admin:provider_send_now", args=[setting.pk]),
        _("Send now"),
        record_lookup.format_title(setting),
        _("Send now"),
    )
