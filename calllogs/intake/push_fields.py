"""What was understood of a push, field by field: for the page on which a person mends it."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from calllogs.formatting import clock_text
from calllogs.intake import parser
from calllogs.intake.envelope import as_bytes
from calllogs.intake.labels import FIELD_WORDS, REASON_WORDS
from calllogs.models import CallLog, Push
from calllogs.provider_fields import BLANKS, FIELD_NAMES, FIELD_OF_KEY, OTHER, STATUSES, normal_key
from ivrportal.common.phone import format_national


@dataclass(frozen=True)
class Field:
    """One line of the page. `value` is what counts now: what came, or what a person put in its place."""

    name: str  # ours
    words: str
    sent_as: str  # the name it came under; empty if it did not come
    received: str
    value: str
    meaning: str
    problem: str

    @property
    def is_mended(self) -> bool:
        return self.value != self.received


def fields_of(push: Push) -> list[Field]:
    raw = as_bytes(push.raw_query)
    received, _flags = parser.fields(raw)
    values = received | (push.mends or {})
    names = _names(raw)
    found = []
    for name in FIELD_NAMES:
        meaning, problem = _understood(name, values)
        found.append(
            Field(
                name=name,
                words=str(FIELD_WORDS[name]),
                sent_as=names.get(name, ""),
                received=received.get(name, ""),
                value=values.get(name, ""),
                meaning=meaning,
                problem=problem,
            )
        )
    return found


def caller_of(push: Push) -> str:
    """The caller's number as the push tells it, spelled as that of a call; empty if it tells none."""
    values, flags = parser.fields(as_bytes(push.raw_query))
    caller = (values | (push.mends or {})).get("caller", "")
    return "" if parser.is_placeholder(caller) else parser.number(caller, flags)


def unknown_parameters(push: Push) -> list[tuple[str, str]]:
    """What was sent under names that we do not know: a value that is missing may be among them."""
    url = parser.fields(as_bytes(push.raw_query))[0].get("recording_url", "")
    found = []
    for piece in push.raw_query.split("&"):
        key, equals, value = piece.partition("=")
        if equals and _field(key) is None and piece not in url:
            found.append((unquote_plus(key), unquote_plus(value)))
    return found


def _names(raw: bytes) -> dict[str, str]:
    """`{our field: the name it came under}`; of several, the first that brought a value."""
    names: dict[str, str] = {}
    with_value: set[str] = set()
    for piece in raw.decode("ascii", "replace").split("&"):
        key, _equals, value = piece.partition("=")
        field = _field(key)
        if field is None or field in with_value:
            continue
        if unquote_plus(value).strip().casefold() not in BLANKS:
            with_value.add(field)
            names[field] = unquote_plus(key)
        names.setdefault(field, unquote_plus(key))
    return names


def _field(key: str) -> str | None:
    return FIELD_OF_KEY.get(normal_key(unquote_plus(key)))


# --- one value -------------------------------------------------------------------------------------------


def _understood(name: str, values: dict[str, str]) -> tuple[str, str]:
    """(meaning, problem) of one field by itself, so that all that is wrong is seen at once."""
    value = values.get(name, "")
    if parser.is_placeholder(value):
        return "", str(REASON_WORDS["template not filled in"])
    try:
        return _meaning(name, value, values), ""
    except parser.Rejected as error:
        return "", str(REASON_WORDS.get(error.reason, error.reason))


def _meaning(name: str, value: str, values: dict[str, str]) -> str:
    """Raises Rejected."""
    if name == "date":
        return _date(value)
    if name == "time":
        return _time(value, date=values.get("date", ""))
    if name == "call_id":
        return _call_id(value, caller=values.get("caller", ""))
    if not value:
        return ""
    if name in {"caller", "agent_number", "virtual_number"}:
        return format_national(parser.number(value, []))
    if name in {"ivr_seconds", "talk_seconds"}:
        seconds = parser.seconds(value, [])
        return _("Not a duration: left empty") if seconds is None else clock_text(seconds)
    if name == "status":
        status = STATUSES.get(normal_key(value).upper().replace("-", ""), OTHER)
        return str(CallLog.Status(status).label)
    return value


def _date(value: str) -> str:
    moment = parser.moment(value, "00:00", zone=_zone())
    return date_format(moment.astimezone(_zone()), "l, j F Y")


def _time(value: str, *, date: str) -> str:
    if not value:
        try:
            parser.moment(date, "", zone=_zone())
        except parser.Rejected as error:
            if error.field != "time":  # the date is wrong, and says so at its own line
                raise parser.Rejected("no time", "time") from error
            raise
        return _("Came with the date")
    return time_format(parser.moment("2000-01-01", value, zone=_zone()).astimezone(_zone()), "H:i:s")


def _call_id(value: str, *, caller: str) -> str:
    if len(value) > parser.MAX_ID:
        raise parser.Rejected("the call's id is too long", "call_id")
    if value:
        return value
    if not caller:
        raise parser.Rejected("no call id, and no caller to derive one from", "call_id")
    return _("Made from caller and time")


def _zone() -> Any:
    return ZoneInfo(settings.PORTAL_TIME_ZONE)
