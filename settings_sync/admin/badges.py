"""Where a setting stands, in a word and a colour: one place for lists, forms and pages."""

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Model
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from settings_sync import circuit
from settings_sync.circuit import Shut
from settings_sync.clock import database_now
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider import STATE_LOOK, State


def gate() -> Shut | None:
    """Why nothing is sent at this moment; None while things are sent."""
    return circuit.why_shut(Circuit.only(), database_now())


def words(setting: ProviderSetting, shut: Shut | None) -> str:
    state = circuit.shown_state(setting, shut)
    if state == State.RETRYING and setting.next_attempt_at:
        at = time_format(timezone.localtime(setting.next_attempt_at), "H:i")
        return _("Retrying at %(time)s") % {"time": at}
    if state == State.REFUSED:
        return _("Refused: “%(reply)s”") % {"reply": setting.last_reply[:60]}
    if state == State.PAUSED and shut:
        return {
            "unconfigured": _("Paused: no provider set up"),
            "stopped": _("Paused: sending is stopped"),
            "account": _("Paused: the provider refuses the account"),
        }.get(shut.why, _("Paused: provider down"))
    return str(state.label)


def badge(setting: ProviderSetting | None, shut: Shut | None, *, without: str = "") -> str:
    """The badge of a setting; `without` is said where there is none, because nothing is sent for it."""
    if setting is None:
        return render_to_string(
            "components/badge.html", {"words": without or _("Not sent"), "colour": "base"}
        )
    colour, icon = STATE_LOOK[circuit.shown_state(setting, shut)]
    link = reverse("admin:settings_sync_providersetting_change", args=[setting.pk])
    return render_to_string(
        "components/badge.html",
        {"words": words(setting, shut), "colour": colour, "icon": icon, "link": link, "state": setting.state},
    )


def attach(records: Iterable[Model], address_of: Callable[[Any], str]) -> None:
    """Give each record its `provider_setting` (or None) and the gate's state, in two queries for all of them."""
    by_address = {address_of(record): record for record in records}
    found = {row.address: row for row in ProviderSetting.objects.filter(address__in=by_address)}
    shut = gate()
    for address, record in by_address.items():
        record.provider_setting = found.get(address)  # type: ignore[attr-defined]
        record.gate = shut  # type: ignore[attr-defined]
