"""Context of one setting's page: what happened, what happens next, what the user has to do."""

from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ivrportal.common.invisible_characters import make_visible
from settings_sync import setting_address
from settings_sync.delivery import account_status, attempts_admin, badges, circuit, record_lookup
from settings_sync.delivery.account_status import AccountStatus
from settings_sync.models import ProviderSetting
from settings_sync.models.provider_setting import State

MAX_ATTEMPTS = 50


def build_setting_page(setting: ProviderSetting, account: AccountStatus) -> dict[str, Any]:
    """Return the context of `setting_body.html`."""
    record = record_lookup.load_records([setting.address]).get(setting.address)
    attempts = list(setting.attempt_set.order_by("-started_at", "-id")[: MAX_ATTEMPTS + 1])
    return {
        "setting": setting,
        "title": record_lookup.format_title(setting),
        "badge": badges.render_badge(setting, account.closed_reason),
        "status_text": describe_status(setting, account),
        "desired": record_lookup.describe(setting.address, setting.desired),
        "confirmed": format_confirmed(setting),
        "record": record,
        "record_link": record_lookup.build_admin_url(record) if record else "",
        "can_send": can_send(setting),
        "history": attempts_admin.build_history(attempts[:MAX_ATTEMPTS]),
        "has_more_history": len(attempts) > MAX_ATTEMPTS,
        "all_attempts": f"{reverse('admin:settings_sync_attempt_changelist')}?q={setting.address}",
        "withdrawn": build_withdrawn_notice(setting) if setting.state == State.WITHDRAWN else None,
        "should_poll": badges.should_poll(setting, account.closed_reason),
    }


def can_send(setting: ProviderSetting) -> bool:
    """False for a withdrawn setting and for a holiday in the past."""
    if setting.state == State.WITHDRAWN:
        return False
    return (
        setting.kind != setting_address.HOLIDAY
        or setting_address.holiday_date(setting.address) >= timezone.localdate()
    )


def format_confirmed(setting: ProviderSetting) -> str:
    if not setting.confirmed:
        return _("nothing yet")
    text = record_lookup.describe(setting.address, setting.confirmed)
    return f"{text} ({account_status.format_moment(setting.confirmed_at)})" if setting.confirmed_at else text


def describe_status(setting: ProviderSetting, account: AccountStatus) -> str:
    """Return what happened and what to do, for the state that the badge shows."""
    state = circuit.displayed_state(setting, account.closed_reason)
    facts = {
        "reply": make_visible(setting.last_reply),
        "next": account_status.format_moment(setting.next_attempt_at),
        "confirmed": account_status.format_moment(setting.confirmed_at),
        "failed": account_status.format_moment(setting.first_failed_at),
    }
    if state == State.PAUSED:
        return account_status.format_closed_reason(account)
    if state == State.WITHDRAWN:
        return _("It was deleted here, but the provider still has it.")
    return str(_status_texts()[state]) % facts


def _status_texts() -> dict[State, str]:
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


def build_withdrawn_notice(setting: ProviderSetting) -> dict[str, Any]:
    """Return the context of `withdrawn.html`, with the text for the provider's support."""
    if setting.kind != setting_address.HOLIDAY:
        what = record_lookup.describe(setting.address, setting.confirmed)
        return {"what": what, "text": _support_request(what, setting), "is_past": False}
    date = setting_address.holiday_date(setting.address)
    days = (date - timezone.localdate()).days
    what = _("the holiday on %(date)s") % {"date": date_format(date, "l, j F Y")}
    return {
        "what": what,
        "is_past": days < 0,
        "when": _("today") if days == 0 else ngettext("in %(n)d day", "in %(n)d days", days) % {"n": days},
        "text": _support_request(f"{what} (hdate={date.isoformat()})", setting),
    }


def _support_request(what: str, setting: ProviderSetting) -> str:
    """Return the text for the provider's support, without key and customer id: it passes through mail and tickets."""
    sent = date_format(timezone.localtime(setting.first_sent_at), "j F Y") if setting.first_sent_at else "–"
    return _(
        "Hello,\n\n"
        "please remove %(what)s from our account. We set it through your settings API on %(sent)s; the API has no "
        "call that takes it back. Until it is removed, callers are told that we are closed.\n\n"
        "Our customer id: ____________________\n\n"
        "Please tell us when it is done. Thank you."
    ) % {"what": what, "sent": sent}
