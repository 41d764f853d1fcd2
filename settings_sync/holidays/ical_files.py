"""Holidays out of an iCalendar file (RFC 5545) and into one. Plain Python."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator

from icalendar import Calendar, Component, Event

from settings_sync.holidays.csv_files import (
    MAX_ROWS,
    ParsedFile,
    Refused,
    Row,
    RowProblem,
    clean_name,
    text_of,
)

LONGEST_DAYS = 31  # of one event
AHEAD_DAYS = 400  # how far ahead a yearly event is followed
PRODUCT = "-//IVR Portal//Holidays//EN"
_BEGIN = re.compile(r"BEGIN:VEVENT\s*", re.IGNORECASE)
_END = re.compile(r"END:VEVENT\s*", re.IGNORECASE)


def read(content: bytes, today: dt.date) -> ParsedFile:
    """The days of all-day events; a yearly event's days from `today` on for AHEAD_DAYS. Raises Refused."""
    text, is_guessed = text_of(content)
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise Refused(Refused.NO_CALENDAR)
    reading = ParsedFile(is_guessed=is_guessed)
    for count, (line, block) in enumerate(_events(text)):
        if count == MAX_ROWS:
            reading.problem(line, RowProblem.TOO_MANY_ROWS, MAX_ROWS)
            break
        try:
            _read_event(reading, line, Event.from_ical(block), today)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError):
            # Each event is parsed on its own, so that one that is broken takes no other with it.
            reading.problem(line, RowProblem.NOT_READABLE)
    reading.rows.sort(key=lambda row: row.date)
    return reading


def _events(text: str) -> Iterator[tuple[int, str]]:
    """Each event's first line, counted from 1, and its text."""
    block: list[str] = []
    begins = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if _BEGIN.fullmatch(line):
            begins, block = number, []
        if begins:
            block.append(line)
            if _END.fullmatch(line):
                yield begins, "\r\n".join(block) + "\r\n"
                begins = 0
    if begins:
        yield begins, "\r\n".join(block)  # cut off: it will not parse, and be told


def _read_event(reading: ParsedFile, line: int, event: Component, today: dt.date) -> None:
    name = clean_name(str(event.get("SUMMARY", "")))
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        reading.problem(line, RowProblem.CANCELLED, name)
        return
    start = event.get("DTSTART")
    if start is None:
        reading.problem(line, RowProblem.NO_DATE, name)
        return
    first = start.dt
    if isinstance(first, dt.datetime):
        reading.problem(line, RowProblem.NOT_ALL_DAY, name)
        return
    last = _last_day(event, first)
    days = (last - first).days + 1
    if days < 1:
        reading.problem(line, RowProblem.ENDS_BEFORE_IT_STARTS, name)
    elif days > LONGEST_DAYS:
        reading.problem(line, RowProblem.TOO_LONG, days)
    elif event.get("RDATE") is not None:
        reading.problem(line, RowProblem.REPEATS, "RDATE")
    elif (rule := event.get("RRULE")) is not None and not _is_plain_yearly(rule, first):
        reading.problem(
            line, RowProblem.REPEATS, rule.to_ical().decode() if hasattr(rule, "to_ical") else "RRULE"
        )
    else:
        left_out = _left_out(event)
        starts = [
            day for day in ([first] if rule is None else _yearly(rule, first, today)) if day not in left_out
        ]
        if not starts:
            reading.problem(line, RowProblem.NO_DAY_AHEAD, name)
        for begin in starts:
            reading.rows += [Row(line, begin + dt.timedelta(days=offset), name) for offset in range(days)]


def _last_day(event: Component, first: dt.date) -> dt.date:
    """DTEND is the day after the last one; without it and without DURATION an event has one day."""
    if (end := event.get("DTEND")) is not None:
        day = end.dt.date() if isinstance(end.dt, dt.datetime) else end.dt
        # Some programs write the same day twice for one day.
        return first if day == first else day - dt.timedelta(days=1)
    if (duration := event.get("DURATION")) is not None:
        return first + max(duration.dt, dt.timedelta(days=1)) - dt.timedelta(days=1)
    return first


def _is_plain_yearly(rule: object, first: dt.date) -> bool:
    """Every year on the same day: the one repetition that a holiday has. Any other is told, not half followed."""
    if not isinstance(rule, dict):
        return False  # several rules
    parts = {name.upper(): list(values) for name, values in rule.items()}
    same_day = {"FREQ": ["YEARLY"], "INTERVAL": [1], "BYMONTH": [first.month], "BYMONTHDAY": [first.day]}
    return parts.get("FREQ") == ["YEARLY"] and all(
        name in {"UNTIL", "COUNT", "WKST"} or values == same_day.get(name) for name, values in parts.items()
    )


def _yearly(rule: dict, first: dt.date, today: dt.date) -> list[dt.date]:
    """The days of a yearly rule, from `today` on for AHEAD_DAYS; 29 February only in the years that have one."""
    until = [value.date() if isinstance(value, dt.datetime) else value for value in rule.get("UNTIL", [])]
    end = min([today + dt.timedelta(days=AHEAD_DAYS), *until])
    count = int(rule["COUNT"][0]) if rule.get("COUNT") else None
    found = []
    for year in range(first.year, end.year + 1):
        try:
            day = first.replace(year=year)
        except ValueError:
            continue
        if count is not None:
            count -= 1
            if count < 0:
                break
        if today <= day <= end:
            found.append(day)
    return found


def _left_out(event: Component) -> set[dt.date]:
    found = event.get("EXDATE", [])
    lists = found if isinstance(found, list) else [found]
    return {
        each.dt.date() if isinstance(each.dt, dt.datetime) else each.dt
        for dates in lists
        for each in dates.dts
    }


def write(holidays: Iterable[tuple[dt.date, str]], *, title: str, unnamed: str, today: dt.date) -> bytes:
    """A calendar of all-day events, which take no one's time. A date keeps its UID, so that apps do not double it."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", title)
    calendar.add("x-published-ttl", "PT6H")
    stamp = dt.datetime.combine(today, dt.time(), dt.UTC)
    for date, name in holidays:
        event = Event()
        event.add("uid", f"holiday-{date.isoformat()}@ivr-portal")
        event.add("dtstamp", stamp)
        event.add("dtstart", date)
        event.add("dtend", date + dt.timedelta(days=1))
        event.add("summary", name or unnamed)
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return calendar.to_ical()
