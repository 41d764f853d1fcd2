"""Read and write holidays as iCalendar (RFC 5545). Plain Python, no Django."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator

from icalendar import Calendar, Component, Event

from settings_sync.holidays.csv_files import (
    MAX_ROWS,
    FileRejected,
    HolidayRow,
    ParsedFile,
    RowProblem,
    clean_name,
    decode_text,
)

MAX_EVENT_DAYS = 31  # of one event
MAX_DAYS_AHEAD = 400  # how far ahead a yearly event is expanded
PRODUCT_ID = "-//IVR Portal//Holidays//EN"
_BEGIN = re.compile(r"BEGIN:VEVENT\s*", re.IGNORECASE)
_END = re.compile(r"END:VEVENT\s*", re.IGNORECASE)


def read_ical(content: bytes, today: dt.date) -> ParsedFile:
    """The days of all-day events; of yearly events for MAX_DAYS_AHEAD from `today`. Raises FileRejected."""
    text, is_guessed = decode_text(content)
    if not text.lstrip().upper().startswith("BEGIN:VCALENDAR"):
        raise FileRejected(FileRejected.NO_CALENDAR)
    parsed = ParsedFile(is_guessed=is_guessed)
    for count, (line, block) in enumerate(_split_events(text)):
        if count == MAX_ROWS:
            parsed.add_problem(line, RowProblem.TOO_MANY_ROWS, MAX_ROWS)
            break
        try:
            _read_event(parsed, line, Event.from_ical(block), today)
        except (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError):
            # Each event is parsed on its own, so that a broken one does not affect others.
            parsed.add_problem(line, RowProblem.NOT_READABLE)
    parsed.rows.sort(key=lambda row: row.date)
    return parsed


def _split_events(text: str) -> Iterator[tuple[int, str]]:
    """The number of each event's first line, from 1, and its text."""
    block: list[str] = []
    first_line = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if _BEGIN.fullmatch(line):
            first_line, block = number, []
        if first_line:
            block.append(line)
            if _END.fullmatch(line):
                yield first_line, "\r\n".join(block) + "\r\n"
                first_line = 0
    if first_line:
        yield first_line, "\r\n".join(block)  # cut off: it fails to parse and is reported


def _read_event(parsed: ParsedFile, line: int, event: Component, today: dt.date) -> None:
    name = clean_name(str(event.get("SUMMARY", "")))
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        parsed.add_problem(line, RowProblem.CANCELLED, name)
        return
    start = event.get("DTSTART")
    if start is None:
        parsed.add_problem(line, RowProblem.NO_DATE, name)
        return
    first = start.dt
    if isinstance(first, dt.datetime):
        parsed.add_problem(line, RowProblem.NOT_ALL_DAY, name)
        return
    last = _last_day(event, first)
    days = (last - first).days + 1
    if days < 1:
        parsed.add_problem(line, RowProblem.ENDS_BEFORE_IT_STARTS, name)
    elif days > MAX_EVENT_DAYS:
        parsed.add_problem(line, RowProblem.TOO_LONG, days)
    elif event.get("RDATE") is not None:
        parsed.add_problem(line, RowProblem.REPEATS, "RDATE")
    elif (rule := event.get("RRULE")) is not None and not _is_plain_yearly(rule, first):
        parsed.add_problem(
            line, RowProblem.REPEATS, rule.to_ical().decode() if hasattr(rule, "to_ical") else "RRULE"
        )
    else:
        excluded = _excluded_dates(event)
        starts = [
            day
            for day in ([first] if rule is None else _yearly_dates(rule, first, today))
            if day not in excluded
        ]
        if not starts:
            parsed.add_problem(line, RowProblem.NO_DAY_AHEAD, name)
        for begin in starts:
            parsed.rows += [
                HolidayRow(line, begin + dt.timedelta(days=offset), name) for offset in range(days)
            ]


def _last_day(event: Component, first: dt.date) -> dt.date:
    """DTEND is the day after the last one; without it and without DURATION an event has one day."""
    if (end := event.get("DTEND")) is not None:
        day = end.dt.date() if isinstance(end.dt, dt.datetime) else end.dt
        # Some programs set DTEND to DTSTART for one day.
        return first if day == first else day - dt.timedelta(days=1)
    if (duration := event.get("DURATION")) is not None:
        return first + max(duration.dt, dt.timedelta(days=1)) - dt.timedelta(days=1)
    return first


def _is_plain_yearly(rule: object, first: dt.date) -> bool:
    """Whether the event repeats yearly on the same date. Any other rule is reported instead of expanded."""
    if not isinstance(rule, dict):
        return False  # several rules
    parts = {name.upper(): list(values) for name, values in rule.items()}
    same_day = {"FREQ": ["YEARLY"], "INTERVAL": [1], "BYMONTH": [first.month], "BYMONTHDAY": [first.day]}
    return parts.get("FREQ") == ["YEARLY"] and all(
        name in {"UNTIL", "COUNT", "WKST"} or values == same_day.get(name) for name, values in parts.items()
    )


def _yearly_dates(rule: dict, first: dt.date, today: dt.date) -> list[dt.date]:
    """The dates of a yearly rule for MAX_DAYS_AHEAD from `today`; 29 February only in leap years."""
    until = [value.date() if isinstance(value, dt.datetime) else value for value in rule.get("UNTIL", [])]
    end = min([today + dt.timedelta(days=MAX_DAYS_AHEAD), *until])
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


def _excluded_dates(event: Component) -> set[dt.date]:
    found = event.get("EXDATE", [])
    lists = found if isinstance(found, list) else [found]
    return {
        value.dt.date() if isinstance(value.dt, dt.datetime) else value.dt
        for dates in lists
        for value in dates.dts
    }


def write_ical(holidays: Iterable[tuple[dt.date, str]], *, title: str, unnamed: str, today: dt.date) -> bytes:
    """A calendar of all-day events, shown as free time. UIDs depend on the date only, so apps show no duplicates."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT_ID)
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
