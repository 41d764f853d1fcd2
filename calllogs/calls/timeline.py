"""One call, told to a person: what happened in order, why it was missed, what its pushes said."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, F, TimeField, Value
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from calllogs.access import redaction
from calllogs.access.visibility import CallVisibility
from calllogs.formatting import to_the_second
from calllogs.intake.labels import outcome_badge, remark_words
from calllogs.intake.push_fields import caller_of, fields_of
from calllogs.models import CallLog, Push
from ivrportal.common.phone import format_national
from settings_sync import setting_address
from settings_sync.models import Holiday, OfficeHours, OtherHours
from settings_sync.schedule import LAST_MINUTE

MOST_PUSHES = 20
Status = CallLog.Status


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of a call. `look` is start, menu, talk, missed or end."""

    look: str
    icon: str
    time: str
    words: str
    note: str = ""


def lasting(seconds: int) -> str:
    """`1 min 15 s`, as one says it."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, _("%(n)d h")), (minutes, _("%(n)d min")), (rest, _("%(n)d s"))]
    return " ".join(words % {"n": n} for n, words in parts if n) or _("0 s")


def person(name: str, number: str) -> str:
    """`Asha Nair (98001 00001)`, or the number alone where no agent of ours has it."""
    shown = format_national(number)
    return f"{name} ({shown})" if name else shown


# --- what happened -----------------------------------------------------------------------------------------


def steps(call: CallLog, sight: CallVisibility, *, agent: str, why: str) -> list[Step]:
    """In order. Moments after the first are worked out from the durations that the provider tells."""
    menu_ends = call.started_at + dt.timedelta(seconds=call.ivr_seconds or 0)
    ends = menu_ends + dt.timedelta(seconds=call.talk_seconds or 0)
    told = [Step("start", "phone_in_talk", _clock(call.started_at), _rang(call, sight))]
    if call.ivr_seconds:
        in_menu = _("In the menu for %(time)s") % {"time": lasting(call.ivr_seconds)}
        told.append(Step("menu", "dialpad", _clock(call.started_at), in_menu))
    told.append(_connected(call, agent=agent, why=why, at=_clock(menu_ends)))
    if call.talk_seconds:
        talked = _("They talked for %(time)s") % {"time": lasting(call.talk_seconds)}
        told.append(Step("talk", "forum", _clock(menu_ends), talked))
    if call.ivr_seconds is not None or call.talk_seconds is not None:
        told.append(Step("end", "call_end", _clock(ends), _("The call ended")))
    return told


def _clock(moment: dt.datetime) -> str:
    return time_format(timezone.localtime(moment), "H:i:s")


def _rang(call: CallLog, sight: CallVisibility) -> str:
    facts = {"caller": sight.number(call.caller), "number": format_national(call.virtual_number)}
    if not call.caller:
        return (
            _("Somebody without a number rang %(number)s") % facts
            if call.virtual_number
            else _("Somebody rang")
        )
    return _("%(caller)s rang %(number)s") % facts if call.virtual_number else _("%(caller)s rang") % facts


def _connected(call: CallLog, *, agent: str, why: str, at: str) -> Step:
    facts = {"agent": agent, "department": call.department, "status": call.raw_status}
    if call.status == Status.ANSWERED:
        if not agent:
            return Step(
                "talk", "support_agent", at, _("An agent answered; which one was not told"), call.department
            )
        return Step("talk", "support_agent", at, _("%(agent)s answered") % facts, call.department)
    if call.status == Status.MISSED:
        words = _("It rang at %(agent)s, and nobody answered") % facts if agent else _("Nobody answered")
        return Step("missed", "call_missed", at, words, why)
    if call.status == Status.DROPPED:
        return Step("missed", "phone_disabled", at, _("The caller hung up before anybody answered"), why)
    words = (
        _("The provider calls it “%(status)s”") % facts if call.raw_status else _("How it went was not told")
    )
    return Step("missed", "question_mark", at, words)


def why_missed(call: CallLog) -> str:
    """What the office's plan of that day says about the moment of a call, in one query."""
    local = timezone.localtime(call.started_at)
    empty = Value(None, output_field=TimeField())
    name = CharField()
    holidays = Holiday.objects.filter(date=local.date()).order_by()
    others = OtherHours.objects.filter(date=local.date()).order_by()
    usual = OfficeHours.objects.filter(day=setting_address.WEEKDAYS[local.weekday()]).order_by()
    rows = holidays.values_list(Value(0), F("name"), empty, empty).union(
        others.values_list(Value(1), Value("", output_field=name), "opens_at", "closes_at"),
        usual.values_list(Value(2), Value("", output_field=name), "opens_at", "closes_at"),
        all=True,
    )
    found: list[Any] = sorted(rows, key=lambda row: row[0])
    if not found:
        return ""
    kind, holiday, opens_at, closes_at = found[0]
    if kind == 0:
        return _("That day is a holiday here: %(name)s.") % {"name": holiday}
    hours = {"opens": time_format(opens_at, "H:i"), "closes": time_format(closes_at, "H:i")}
    if opens_at <= local.time() and (local.time() < closes_at or closes_at == LAST_MINUTE):
        return _("The office was open, by the hours as they are set now: %(opens)s to %(closes)s.") % hours
    return _("The office was closed, by the hours as they are set now: %(opens)s to %(closes)s.") % hours


# --- what the pushes said ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PushSummary:
    """One push. `raw` is as it came, but for the recording's address: that is played, not opened."""

    pk: int
    at: str
    badge: str
    remarks: list[str]
    raw: str


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field about which pushes disagree: what each said, in the order in which they came; the last one counts."""

    words: str
    said: list[tuple[str, str]]


def pushes_of(call: CallLog, sight: CallVisibility) -> tuple[list[PushSummary], list[FieldConflict]]:
    """Its pushes in the order in which they came, and what they disagree about, in one query."""
    pushes = list(Push.objects.filter(call=call).order_by("received_at", "id")[:MOST_PUSHES])
    office = (call.agent_number, call.virtual_number)
    # Pushes may disagree about the caller as well.
    callers = [] if sight.sees_numbers else [call.caller, *map(caller_of, pushes)]

    def raw(push: Push) -> str:
        shown = redaction.without_recording(push.raw_query)
        return shown if sight.sees_numbers else redaction.in_query(shown, callers=callers, known=office)

    told = [
        PushSummary(
            push.pk,
            to_the_second(push.received_at),
            outcome_badge(push),
            remark_words(push),
            raw(push),
        )
        for push in pushes
    ]
    return told, _quarrels(pushes, sight, callers) if call.has_conflict else []


def _quarrels(pushes: list[Push], sight: CallVisibility, callers: list[str]) -> list[FieldConflict]:
    said: dict[str, tuple[str, list[tuple[str, str, str]]]] = {}
    for push in pushes:
        for field in fields_of(push):
            if not field.value:
                continue
            if field.name == "recording_url":
                shown = _("a recording")
            elif field.name == "caller":
                shown = sight.number(caller_of(push)) or field.value
            elif field.name in {"agent_number", "virtual_number"}:
                shown = field.meaning or field.value
            else:
                shown = sight.text(field.meaning or field.value, *callers)
            said.setdefault(field.name, (field.words, []))[1].append(
                (to_the_second(push.received_at), shown, field.meaning or field.value)
            )
    return [
        FieldConflict(words, [(at, shown) for at, shown, _value in values])
        for words, values in said.values()
        if len({value for _at, _shown, value in values}) > 1
    ]


# --- for a support ticket ----------------------------------------------------------------------------------


def details(call: CallLog, sight: CallVisibility, *, agent: str) -> str:
    """Plain text for a mail to the provider's support. Without the recording's address, which may hold a token."""
    local = timezone.localtime(call.started_at)
    lines = [
        (_("Call id"), sight.call_id(call.call_id, call.caller)),
        (_("Started"), f"{date_format(local, 'j F Y, H:i:s')} ({local:%Z}, UTC{local:%z})"),
        (_("Caller"), (call.caller if sight.sees_numbers else sight.number(call.caller)) or "–"),
        (_("Circle"), call.circle or "–"),
        (_("Virtual number"), call.virtual_number or "–"),
        (_("Status"), f"{call.get_status_display()} ({_('as received')}: {call.raw_status or '–'})"),
        (_("Agent"), agent or "–"),
        (_("Department"), call.department or "–"),
        (_("Seconds in the IVR"), _seconds(call.ivr_seconds)),
        (_("Seconds of talk"), _seconds(call.talk_seconds)),
        (_("Recording"), _("yes") if call.recording_url else _("none came")),
        (_("First told"), to_the_second(call.received_at)),
        (_("Last told"), to_the_second(call.told_at)),
    ]
    return "\n".join(f"{words}: {value}" for words, value in lines)


def _seconds(count: int | None) -> str:
    return "–" if count is None else str(count)
