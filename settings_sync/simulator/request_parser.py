"""The provider's document, read strictly and on our own: a query string in, what it asks for out.

This is a second reading, made without the portal's code, so that the two can disagree.
"""

import datetime as dt
import hmac
import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

SUCCESS, INVALID_TIME, INVALID_DATA, FAILURE = "Success", "Invalid Time", "Invalid Data", "Failure"
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
DAILY = "Daily"
WEEK_LANE = "hours"
HOLIDAY_VALUE = "HOLIDAY"

_AGENT = re.compile(r"\+?[0-9]{6,15}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"(0[1-9]|1[0-2]):([0-5][0-9]) (AM|PM)")
_LONGEST_VALUE = 120


@dataclass(frozen=True)
class Request:
    """One request as the provider understands it. It changes something only if `reply` is Success.

    `address` is `agent:9812345678`, `holiday:2026-11-08`, `hours:Monday` or `hours:Daily`, and None if it
    cannot be told. `value` is `AVAIL`, `OFF`, `HOLIDAY` or `09:30 AM-06:30 PM`, or what came instead.
    """

    action: str
    address: str | None
    value: str
    reply: str

    @property
    def lane(self) -> str | None:
        """Requests of one lane must not overlap; the week is one lane, because Daily touches all of it."""
        if self.address is None:
            return None
        return WEEK_LANE if self.address.startswith("hours:") else self.address


def read_request(query: str, *, api_key: str | None, cust_id: str | None) -> Request:
    """Key and customer are compared only if given. Neither is ever part of what is returned."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    fields = dict(pairs)
    request = _by_action(fields)
    if len(fields) != len(pairs):
        request = replace(request, reply=INVALID_DATA)
    if not (_same(fields.get("apikey"), api_key) and _same(fields.get("custid"), cust_id)):
        request = replace(request, reply=FAILURE)
    if request.reply == SUCCESS:
        return request
    # What was not understood is free text, and somebody may have put the key in the wrong place.
    hidden = [secret for secret in (api_key, cust_id, fields.get("apikey"), fields.get("custid")) if secret]
    return replace(
        request, action=_without(request.action, hidden=hidden), value=_without(request.value, hidden=hidden)
    )


def _by_action(fields: dict[str, str]) -> Request:
    action = fields.get("action", "")
    match action:
        case "ManageAgent":
            return _manage_agent(fields.get("agentnum", ""), status=fields.get("status", ""))
        case "holiday":
            return _holiday(fields.get("hdate", ""))
        case "OfficeTime":
            return _office_time(
                fields.get("day", ""), opens=fields.get("st_time", ""), closes=fields.get("en_time", "")
            )
    return Request(action=action, address=None, value="", reply=INVALID_DATA)


def _manage_agent(number: str, *, status: str) -> Request:
    address = f"agent:{number}" if _AGENT.fullmatch(number) else None
    good = address is not None and status in ("AVAIL", "OFF")
    return Request(
        action="ManageAgent", address=address, value=status, reply=SUCCESS if good else INVALID_DATA
    )


def _holiday(date: str) -> Request:
    if not _is_date(date):
        return Request(action="holiday", address=None, value=date, reply=INVALID_DATA)
    return Request(action="holiday", address=f"holiday:{date}", value=HOLIDAY_VALUE, reply=SUCCESS)


def _office_time(day: str, *, opens: str, closes: str) -> Request:
    address = f"hours:{day}" if day in (*WEEK, DAILY) else None
    value = f"{opens}-{closes}"
    if address is None:
        return Request(action="OfficeTime", address=None, value=value, reply=INVALID_DATA)
    start, end = _minute_of_day(opens), _minute_of_day(closes)
    good = start is not None and end is not None and end > start
    return Request(action="OfficeTime", address=address, value=value, reply=SUCCESS if good else INVALID_TIME)


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _minute_of_day(text: str) -> int | None:
    """Only `HH:MI AM` and `HH:MI PM`, zero-padded and upper case: `12:00 AM` is 0, `12:00 PM` is 720."""
    match = _TIME.fullmatch(text)
    if not match:
        return None
    return int(match[1]) % 12 * 60 + int(match[2]) + (720 if match[3] == "PM" else 0)


def _same(given: str | None, wanted: str | None) -> bool:
    return wanted is None or hmac.compare_digest((given or "").encode(), wanted.encode())


def _without(text: str, *, hidden: list[str]) -> str:
    for secret in hidden:
        text = text.replace(secret, "[hidden]")
    return text[:_LONGEST_VALUE]
