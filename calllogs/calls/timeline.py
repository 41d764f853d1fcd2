"""One call as text: its timeline, why it was missed, the contents of its pushes, and the details for a ticket."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, F, TimeField, Value
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from calllogs.access import redaction
from calllogs.access.visibility import CallVisibility
from calllogs.formatting import format_moment
from calllogs.intake.labels import remark_labels, render_outcome_badge
from calllogs.intake.push_fields import build_push_fields, find_caller
from calllogs.models import CallLog, Push
from ivrportal.common.phone import format_national
from settings_sync import setting_address
from settings_sync.models import Holiday, OfficeHours, OtherHours
from settings_sync.schedule import LAST_MINUTE

MOST_PUSHES = 20
Status = CallLog.Status


@dataclass(frozen=True, slots=True)
class TimelineStep:
    """One moment of a call. `style` is start, menu, talk, missed or end."""

    style: str
    icon: str
    time: str
    text: str
    note: str = ""


def describe_duration(seconds: int) -> str:
    """`1 min 15 s`, in words; unlike `formatting.format_duration`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, _("%(n)d h")), (minutes, _("%(n)d min")), (rest, _("%(n)d s"))]
    return " ".join(text % {"n": n} for n, text in parts if n) or _("0 s")


def format_agent(name: str, number: str) -> str:
    """`Asha Nair (98001 00001)`, or the number alone if no agent has it."""
    shown = format_national(number)
    return f"{name} ({shown})" if name else shown


# --- steps -------------------------------------------------------------------------------------------------


def build_steps(
    call: CallLog, visibility: CallVisibility, *, agent: str, miss_reason: str
) -> list[TimelineStep]:
    """Build the steps in order. Times after the first are computed from the durations that the provider sent."""
    menu_ends = call.started_at + dt.timedelta(seconds=call.ivr_seconds or 0)
    ends = menu_ends + dt.timedelta(seconds=call.talk_seconds or 0)
    steps = [
        TimelineStep(
            "start", "phone_in_talk", _format_time(call.started_at), _describe_start(call, visibility)
        )
    ]
    if call.ivr_seconds:
        in_menu = _("In the menu for %(time)s") % {"time": describe_duration(call.ivr_seconds)}
        steps.append(TimelineStep("menu", "dialpad", _format_time(call.started_at), in_menu))
    steps.append(_outcome_step(call, agent=agent, miss_reason=miss_reason, at=_format_time(menu_ends)))
    if call.talk_seconds:
        talked = _("They talked for %(time)s") % {"time": describe_duration(call.talk_seconds)}
        steps.append(TimelineStep("talk", "forum", _format_time(menu_ends), talked))
    if call.ivr_seconds is not None or call.talk_seconds is not None:
        steps.append(TimelineStep("end", "call_end", _format_time(ends), _("The call ended")))
    return steps


def _format_time(moment: dt.datetime) -> str:
    return time_format(timezone.localtime(moment), "H:i:s")


def _describe_start(call: CallLog, visibility: CallVisibility) -> str:
    values = {"caller": visibility.format_number(call.caller), "number": format_national(call.virtual_number)}
    if not call.caller:
        return (
            _("Somebody without a number rang %(number)s") % values
            if call.virtual_number
            else _("Somebody rang")
        )
    return _("%(caller)s rang %(number)s") % values if call.virtual_number else _("%(caller)s rang") % values


def _outcome_step(call: CallLog, *, agent: str, miss_reason: str, at: str) -> TimelineStep:
    values = {"agent": agent, "department": call.department, "status": call.raw_status}
    if call.status == Status.ANSWERED:
        if not agent:
            return TimelineStep(
                "talk", "support_agent", at, _("An agent answered; which one was not told"), call.department
            )
        return TimelineStep("talk", "support_agent", at, _("%(agent)s answered") % values, call.department)
    if call.status == Status.MISSED:
        text = _("It rang at %(agent)s, and nobody answered") % values if agent else _("Nobody answered")
        return TimelineStep("missed", "call_missed", at, text, miss_reason)
    if call.status == Status.DROPPED:
        return TimelineStep(
            "missed", "phone_disabled", at, _("The caller hung up before anybody answered"), miss_reason
        )
    text = (
        _("The provider calls it “%(status)s”") % values if call.raw_status else _("How it went was not told")
    )
    return TimelineStep("missed", "question_mark", at, text)


def explain_missed(call: CallLog) -> str:
    """Say whether the office was open at the start of the call, by today's settings, in one query."""
    local = timezone.localtime(call.started_at)
    empty = Value(None, output_field=TimeField())
    name = CharField()
    holidays = Holiday.objects.filter(date=local.date()).order_by()
    other_hours = OtherHours.objects.filter(date=local.date()).order_by()
    weekly_hours = OfficeHours.objects.filter(day=setting_address.WEEKDAYS[local.weekday()]).order_by()
    rows = holidays.values_list(Value(0), F("name"), empty, empty).union(
        other_hours.values_list(Value(1), Value("", output_field=name), "opens_at", "closes_at"),
        weekly_hours.values_list(Value(2), Value("", output_field=name), "opens_at", "closes_at"),
        all=True,
    )
    found: list[Any] = sorted(rows, key=lambda row: row[0])
    if not found:
        return ""
    precedence, holiday, opens_at, closes_at = found[0]
    if precedence == 0:
        return _("That day is a holiday here: %(name)s.") % {"name": holiday}
    hours = {"opens": time_format(opens_at, "H:i"), "closes": time_format(closes_at, "H:i")}
    if opens_at <= local.time() and (local.time() < closes_at or closes_at == LAST_MINUTE):
        return _("The office was open, by the hours as they are set now: %(opens)s to %(closes)s.") % hours
    return _("The office was closed, by the hours as they are set now: %(opens)s to %(closes)s.") % hours


# --- pushes ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PushSummary:
    """One push. `raw` is the query string as received, without the recording's URL."""

    pk: int
    at: str
    badge: str
    remarks: list[str]
    raw: str


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field for which pushes have different values: (time, value) pairs in order of arrival; the last one counts."""

    label: str
    values: list[tuple[str, str]]


def load_pushes(call: CallLog, visibility: CallVisibility) -> tuple[list[PushSummary], list[FieldConflict]]:
    """Load the pushes in order of arrival, and the fields in which they differ, in one query."""
    pushes = list(Push.objects.filter(call=call).order_by("received_at", "id")[:MOST_PUSHES])
    office = (call.agent_number, call.virtual_number)
    # The pushes may name different callers; all of them are masked.
    callers = [] if visibility.sees_numbers else [call.caller, *map(find_caller, pushes)]

    def raw(push: Push) -> str:
        shown = redaction.hide_recording_url(push.raw_query)
        return (
            shown if visibility.sees_numbers else redaction.redact_query(shown, callers=callers, known=office)
        )

    summaries = [
        PushSummary(
            push.pk,
            format_moment(push.received_at),
            render_outcome_badge(push),
            remark_labels(push),
            raw(push),
        )
        for push in pushes
    ]
    return summaries, _find_conflicts(pushes, visibility, callers) if call.has_conflict else []


def _find_conflicts(
    pushes: list[Push], visibility: CallVisibility, callers: list[str]
) -> list[FieldConflict]:
    by_field: dict[str, tuple[str, list[tuple[str, str, str]]]] = {}
    for push in pushes:
        for field in build_push_fields(push):
            if not field.value:
                continue
            if field.name == "recording_url":
                shown = _("a recording")
            elif field.name == "caller":
                shown = visibility.format_number(find_caller(push)) or field.value
            elif field.name in {"agent_number", "virtual_number"}:
                shown = field.meaning or field.value
            else:
                shown = visibility.mask_text(field.meaning or field.value, *callers)
            by_field.setdefault(field.name, (field.label, []))[1].append(
                (format_moment(push.received_at), shown, field.meaning or field.value)
            )
    return [
        FieldConflict(label, [(at, shown) for at, shown, _value in values])
        for label, values in by_field.values()
        if len({value for _at, _shown, value in values}) > 1
    ]


# --- for a support ticket ----------------------------------------------------------------------------------


def format_details(call: CallLog, visibility: CallVisibility, *, agent: str) -> str:
    """Plain text for a support ticket. It omits the recording's URL, which may hold a token."""
    local = timezone.localtime(call.started_at)
    lines = [
        (_("Call id"), visibility.mask_call_id(call.call_id, call.caller)),
        (_("Started"), f"{date_format(local, 'j F Y, H:i:s')} ({local:%Z}, UTC{local:%z})"),
        (
            _("Caller"),
            (call.caller if visibility.sees_numbers else visibility.format_number(call.caller)) or "–",
        ),
        (_("Circle"), call.circle or "–"),
        (_("Virtual number"), call.virtual_number or "–"),
        (_("Status"), f"{call.get_status_display()} ({_('as received')}: {call.raw_status or '–'})"),
        (_("Agent"), agent or "–"),
        (_("Department"), call.department or "–"),
        (_("Seconds in the IVR"), _format_seconds(call.ivr_seconds)),
        (_("Seconds of talk"), _format_seconds(call.talk_seconds)),
        (_("Recording"), _("yes") if call.recording_url else _("none came")),
        (_("First told"), format_moment(call.received_at)),
        (_("Last told"), format_moment(call.told_at)),
    ]
    return "\n".join(f"{label}: {value}" for label, value in lines)


def _format_seconds(count: int | None) -> str:
    return "–" if count is None else str(count)
