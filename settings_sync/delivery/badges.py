"""Label and colour of a setting's delivery state, for lists, forms and pages."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from ivrportal.common.invisible_characters import make_visible
from settings_sync.delivery import account_status, circuit
from settings_sync.delivery.circuit import GateClosed
from settings_sync.models import ProviderSetting
from settings_sync.models.provider_setting import STATE_STYLES, State


def load_closed_reason() -> GateClosed | None:
    """Return why nothing is sent now; None while sending is on."""
    return account_status.load().closed_reason


def state_label(setting: ProviderSetting, closed: GateClosed | None) -> str:
    state = circuit.displayed_state(setting, closed)
    if state == State.RETRYING and setting.next_attempt_at:
        return _("Retrying at %(time)s") % {"time": account_status.format_moment(setting.next_attempt_at)}
    if state == State.REFUSED:
        return _("Refused: “%(reply)s”") % {"reply": make_visible(setting.last_reply[:60])}
    if state == State.PAUSED and closed:
        return {
            "unconfigured": _("Paused: no provider set up"),
            "stopped": _("Paused: sending is stopped"),
            "account": _("Paused: the provider refuses the account"),
        }.get(closed.code, _("Paused: provider down"))
    return str(state.label)


def should_poll(setting: ProviderSetting, closed: GateClosed | None) -> bool:
    """Whether the setting will change automatically, so that the page should poll again."""
    return setting.next_attempt_at is not None and not (closed and closed.wait_s is None)


def render_badge(setting: ProviderSetting | None, closed: GateClosed | None, *, without: str = "") -> str:
    """Render the badge of a setting. `without` is the label if there is no setting, because nothing is sent."""
    if setting is None:
        return render_to_string(
            "components/badge.html", {"label": without or _("Not sent"), "colour": "base"}
        )
    state = circuit.displayed_state(setting, closed)
    colour, icon = STATE_STYLES[state]
    return render_to_string(
        "components/badge.html",
        {
            "label": state_label(setting, closed),
            "colour": colour,
            "icon": icon,
            "link": reverse("admin:settings_sync_providersetting_change", args=[setting.pk]),
            "state": state,
            "setting": setting.pk,
            "should_poll": should_poll(setting, closed),
        },
    )


def attach_settings(records: Iterable[Model], get_address: Callable[[Any], str]) -> None:
    """Set `provider_setting` (or None) and the gate's `closed_reason` on each record, in two queries for all."""
    by_address = {get_address(record): record for record in records}
    settings = {row.address: row for row in ProviderSetting.objects.filter(address__in=by_address)}
    closed = load_closed_reason()
    for address, record in by_address.items():
        record.provider_setting = settings.get(address)  # type: ignore[attr-defined]
        record.closed_reason = closed  # type: ignore[attr-defined]
