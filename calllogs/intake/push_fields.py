"""The parsed fields of a push one by one, for the page on which a user corrects it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from calllogs.formatting import format_duration
from calllogs.intake import parser, query_fields
from calllogs.intake.envelope import to_bytes
from calllogs.intake.labels import FIELD_LABELS, REASON_LABELS
from calllogs.models import CallLog, Push
from calllogs.provider_fields import BLANKS, FIELD_BY_NAME, FIELD_NAMES, OTHER, STATUSES, normalise_name
from ivrportal.common.phone import format_national


@dataclass(frozen=True)
class PushField:
    """One row of the page. `value` is the current value: as received, or as corrected by a user."""

    name: str  # our field name
    label: str
    sent_as: str  # the parameter name in the push; empty if it was not sent
    received: str
    value: str
    meaning: str
    problem: str

    @property
    def is_corrected(self) -> bool:
        return self.value != self.received


def build_push_fields(push: Push) -> list[PushField]:
    raw = to_bytes(push.raw_query)
    received, _flags = query_fields.parse_fields(raw)
    values = received | (push.mends or {})
    names = _find_sent_names(raw)
    found = []
    for name in FIELD_NAMES:
        meaning, problem = _interpret(name, values)
        found.append(
            PushField(
                name=name,
                label=str(FIELD_LABELS[name]),
                sent_as=names.get(name, ""),
                received=received.get(name, ""),
                value=values.get(name, ""),
                meaning=meaning,
                problem=problem,
            )
        )
    return found


def find_caller(push: Push) -> str:
    """The caller's number in the push, normalised as in `CallLog.caller`; empty if there is none."""
    values, flags = query_fields.parse_fields(to_bytes(push.raw_query))
    caller = (values | (push.mends or {})).get("caller", "")
    return "" if parser.is_placeholder(caller) else parser.normalise_number(caller, flags)


def find_unknown_parameters(push: Push) -> list[tuple[str, str]]:
    """`(name, value)` of the parameters with unknown names. A missing value may be among them."""
    url = query_fields.parse_fields(to_bytes(push.raw_query))[0].get("recording_url", "")
    found = []
    for piece in push.raw_query.split("&"):
        key, equals, value = piece.partition("=")
        if equals and _field_for_name(key) is None and piece not in url:
            found.append((unquote_plus(key), unquote_plus(value)))
    return found


def _find_sent_names(raw: bytes) -> dict[str, str]:
    """`{our field: parameter name}`; if several were sent, the first with a value."""
    names: dict[str, str] = {}
    with_value: set[str] = set()
    for piece in raw.decode("ascii", "replace").split("&"):
        key, _equals, value = piece.partition("=")
        field = _field_for_name(key)
        if field is None or field in with_value:
            continue
        if unquote_plus(value).strip().casefold() not in BLANKS:
            with_value.add(field)
            names[field] = unquote_plus(key)
        names.setdefault(field, unquote_plus(key))
    return names


def _field_for_name(key: str) -> str | None:
    return FIELD_BY_NAME.get(normalise_name(unquote_plus(key)))


# --- one value -------------------------------------------------------------------------------------------


def _interpret(name: str, values: dict[str, str]) -> tuple[str, str]:
    """(meaning, problem) of one field. Each field is checked alone, so that all problems are shown at once."""
    value = values.get(name, "")
    if parser.is_placeholder(value):
        return "", str(REASON_LABELS["template not filled in"])
    try:
        return _describe_value(name, value, values), ""
    except parser.Rejected as error:
        return "", str(REASON_LABELS.get(error.reason, error.reason))


def _describe_value(name: str, value: str, values: dict[str, str]) -> str:
    """What the parser makes of a value, as display text. Raises Rejected."""
    if name == "date":
        return _describe_date(value)
    if name == "time":
        return _describe_time(value, date=values.get("date", ""))
    if name == "call_id":
        return _describe_call_id(value, caller=values.get("caller", ""))
    if not value:
        return ""
    if name in {"caller", "agent_number", "virtual_number"}:
        return format_national(parser.normalise_number(value, []))
    if name in {"ivr_seconds", "talk_seconds"}:
        seconds = parser.parse_seconds(value, [])
        return _("Not a duration: left empty") if seconds is None else format_duration(seconds)
    if name == "status":
        status = STATUSES.get(normalise_name(value).upper().replace("-", ""), OTHER)
        return str(CallLog.Status(status).label)
    return value


def _describe_date(value: str) -> str:
    moment = parser.parse_moment(value, "00:00", zone=_portal_zone())
    return date_format(moment.astimezone(_portal_zone()), "l, j F Y")


def _describe_time(value: str, *, date: str) -> str:
    if not value:
        try:
            parser.parse_moment(date, "", zone=_portal_zone())
        except parser.Rejected as error:
            if error.field != "time":  # the date is invalid, which its own row shows
                raise parser.Rejected("no time", "time") from error
            raise
        return _("Came with the date")
    return time_format(
        parser.parse_moment("2000-01-01", value, zone=_portal_zone()).astimezone(_portal_zone()), "H:i:s"
    )


def _describe_call_id(value: str, *, caller: str) -> str:
    if len(value) > parser.MAX_ID:
        raise parser.Rejected("the call's id is too long", "call_id")
    if value:
        return value
    if not caller:
        raise parser.Rejected("no call id, and no caller to derive one from", "call_id")
    return _("Made from caller and time")


def _portal_zone() -> Any:
    return ZoneInfo(settings.PORTAL_TIME_ZONE)
