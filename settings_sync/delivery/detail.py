"""One setting, told to a person: what happened, what happens next, what to do."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ivrportal.common.invisible_characters import shown
from settings_sync import setting_address
from settings_sync.delivery import account_status as accounts
from settings_sync.delivery import attempts_admin, badges, circuit, record_lookup
from settings_sync.delivery.account_status import Account
from settings_sync.models import ProviderSetting
from settings_sync.models.provider_setting import State

SHOWN_ATTEMPTS = 50


def page(setting: ProviderSetting, account: Account) -> dict[str, Any]:
    """What a setting's page draws."""
    record = record_lookup.by_address([setting.address]).get(setting.address)
    history = list(setting.attempt_set.order_by("-started_at", "-id")[: SHOWN_ATTEMPTS + 1])
    return {
        "setting": setting,
        "words": record_lookup.title_of(setting),
        "badge": badges.badge(setting, account.shut),
        "story": story(setting, account),
        "desired": record_lookup.describe(setting.address, setting.desired),
        "confirmed": confirmed_words(setting),
        "record": record,
        "record_link": record_lookup.link_to(record) if record else "",
        "can_send": can_send(setting),
        "history": attempts_admin.history(history[:SHOWN_ATTEMPTS]),
        "has_more_history": len(history) > SHOWN_ATTEMPTS,
        "all_attempts": f"{reverse('admin:settings_sync_attempt_changelist')}?q={setting.address}",
        "withdrawn": withdrawn(setting) if setting.state == State.WITHDRAWN else None,
        "is_moving": badges.is_moving(setting, account.shut),
    }


def can_send(setting: ProviderSetting) -> bool:
    """Nothing can be sent for what was withdrawn, nor for a day that has passed."""
    if setting.state == State.WITHDRAWN:
        return False
    return (
        setting.kind != setting_address.HOLIDAY
        or setting_address.holiday_date(setting.address) >= timezone.localdate()
    )


def confirmed_words(setting: ProviderSetting) -> str:
    if not setting.confirmed:
        return _("nothing yet")
    words = record_lookup.describe(setting.address, setting.confirmed)
    return f"{words} ({accounts.clock(setting.confirmed_at)})" if setting.confirmed_at else words


def story(setting: ProviderSetting, account: Account) -> str:
    """What happened and what to do, for the state that the badge shows."""
    state = circuit.shown_state(setting, account.shut)
    facts = {
        "reply": shown(setting.last_reply),
        "next": accounts.clock(setting.next_attempt_at),
        "confirmed": accounts.clock(setting.confirmed_at),
        "failed": accounts.clock(setting.first_failed_at),
    }
    if state == State.PAUSED:
        return accounts.why_words(account)
    if state == State.WITHDRAWN:
        return _("It was deleted here, but the provider still has it.")
    return str(_words()[state]) % facts


def _words() -> dict[State, str]:
    return {
        State.WAITING: _("It goes to the provider in a moment. There is nothing to do."),
        State.SENDING: _("It is being sent at this moment. There is nothing to do."),
        State.IN_FORCE: _("The provider confirmed exactly this at %(confirmed)s. There is nothing to do."),
        State.RETRYING: _(
            "The provider could not be told since %(failed)s. The next try is at %(next)s, by itself; there is "
            "nothing to do."
        ),
        State.UNSURE: _(
            "It was sent, but it is not certain that the provider has done it. It is sent once more at %(next)s, by "
            "itself, to be sure; there is nothing to do."
        ),
        State.REFUSED: _(
            "The provider refused it and said: “%(reply)s”. It is not sent again by itself. Change it and save, or "
            "press Send now to try the same once more."
        ),
        State.NEEDS_PERSON: _(
            "The provider answered with words that we do not know, so we cannot say that it is in force: “%(reply)s”. "
            "It is tried again at %(next)s. If this stays, show the reply to the provider's support."
        ),
    }


def withdrawn(setting: ProviderSetting) -> dict[str, Any]:
    """The truth about what cannot be taken back, and the text for the provider's support."""
    if setting.kind != setting_address.HOLIDAY:
        words = record_lookup.describe(setting.address, setting.confirmed)
        return {"what": words, "text": _ask_support(words, setting), "days": None, "is_past": False}
    date = setting_address.holiday_date(setting.address)
    days = (date - timezone.localdate()).days
    what = _("the holiday on %(date)s") % {"date": date_format(date, "l, j F Y")}
    return {
        "what": what,
        "date": date,
        "is_past": days < 0,
        "when": _("today") if days == 0 else ngettext("in %(n)d day", "in %(n)d days", days) % {"n": days},
        "is_soon": 0 <= days <= accounts.REMIND_DAYS,
        "text": _ask_support(f"{what} (hdate={date.isoformat()})", setting),
    }


def _ask_support(what: str, setting: ProviderSetting) -> str:
    """Without key and customer id: it goes through mail boxes and ticket systems."""
    sent = date_format(timezone.localtime(setting.first_sent_at), "j F Y") if setting.first_sent_at else "–"
    return _(
        "Hello,\n\n"
        "please remove %(what)s from our account. We set it through your settings API on %(sent)s; the API has no "
        "call that takes it back. Until it is removed, callers are told that we are closed.\n\n"
        "Our customer id: ____________________\n\n"
        "Please tell us when it is done. Thank you."
    ) % {"what": what, "sent": sent}
