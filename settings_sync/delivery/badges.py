"""Where a setting stands, in a word and a colour: one place for lists, forms and pages."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from ivrportal.common.invisible_characters import shown
from settings_sync.delivery import account_status, circuit
from settings_sync.delivery.circuit import GateClosed
from settings_sync.models import ProviderSetting
from settings_sync.models.provider_setting import STATE_LOOK, State


def gate() -> GateClosed | None:
    """Why nothing is sent at this moment; None while things are sent."""
    return account_status.read().shut


def state_label(setting: ProviderSetting, shut: GateClosed | None) -> str:
    state = circuit.shown_state(setting, shut)
    if state == State.RETRYING and setting.next_attempt_at:
        return _("Retrying at %(time)s") % {"time": account_status.clock(setting.next_attempt_at)}
    if state == State.REFUSED:
        return _("Refused: “%(reply)s”") % {"reply": shown(setting.last_reply[:60])}
    if state == State.PAUSED and shut:
        return {
            "unconfigured": _("Paused: no provider set up"),
            "stopped": _("Paused: sending is stopped"),
            "account": _("Paused: the provider refuses the account"),
        }.get(shut.why, _("Paused: provider down"))
    return str(state.label)


def is_moving(setting: ProviderSetting, shut: GateClosed | None) -> bool:
    """Whether it will change by itself, so that a page should look again."""
    return setting.next_attempt_at is not None and not (shut and shut.wait_s is None)


def badge(setting: ProviderSetting | None, shut: GateClosed | None, *, without: str = "") -> str:
    """The badge of a setting; `without` is said where there is none, because nothing is sent for it."""
    if setting is None:
        return render_to_string(
            "components/badge.html", {"words": without or _("Not sent"), "colour": "base"}
        )
    state = circuit.shown_state(setting, shut)
    colour, icon = STATE_LOOK[state]
    return render_to_string(
        "components/badge.html",
        {
            "words": state_label(setting, shut),
            "colour": colour,
            "icon": icon,
            "link": reverse("admin:settings_sync_providersetting_change", args=[setting.pk]),
            "state": state,
            "setting": setting.pk,
            "is_moving": is_moving(setting, shut),
        },
    )


def attach_settings(records: Iterable[Model], address_of: Callable[[Any], str]) -> None:
    """Give each record its `provider_setting` (or None) and the gate's state, in two queries for all of them."""
    by_address = {address_of(record): record for record in records}
    found = {row.address: row for row in ProviderSetting.objects.filter(address__in=by_address)}
    shut = gate()
    for address, record in by_address.items():
        record.provider_setting = found.get(address)  # type: ignore[attr-defined]
        record.gate = shut  # type: ignore[attr-defined]
