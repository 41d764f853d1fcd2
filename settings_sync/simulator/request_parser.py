"""Strict parser of provider requests: a query string in, a `ParsedRequest` out.

It implements the provider's document independently of the portal's code, so that tests can find differences.
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
class ParsedRequest:
    """One request as the provider understands it. It makes a change only if `reply` is Success.

    `address` is `agent:9812345678`, `holiday:2026-11-08`, `hours:Monday`, `hours:Daily`, or None if unknown.
    `value` is `AVAIL`, `OFF`, `HOLIDAY` or `09:30 AM-06:30 PM`, or whatever was received instead.
    """

    action: str
    address: str | None
    value: str
    reply: str

    @property
    def lane(self) -> str | None:
        """Requests of one lane must not overlap. The week is one lane, because Daily sets all of its days."""
        if self.address is None:
            return None
        return WEEK_LANE if self.address.startswith("hours:") else self.address


def parse_request(query: str, *, api_key: str | None, cust_id: str | None) -> ParsedRequest:
    """Parse a query string. Key and customer id are compared if given, and never part of the result."""
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    fields = dict(pairs)
    request = _by_action(fields)
    if len(fields) != len(pairs):
        request = replace(request, reply=INVALID_DATA)
    if not (
        _matches_secret(fields.get("apikey"), api_key) and _matches_secret(fields.get("custid"), cust_id)
    ):
        request = replace(request, reply=FAILURE)
    if request.reply == SUCCESS:
        return request
    # An invalid request is free text and may contain the key in a wrong field.
    secrets = [secret for secret in (api_key, cust_id, fields.get("apikey"), fields.get("custid")) if secret]
    return replace(
        request,
        action=_hide_secrets(request.action, secrets=secrets),
        value=_hide_secrets(request.value, secrets=secrets),
    )


def _by_action(fields: dict[str, str]) -> ParsedRequest:
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
    return ParsedRequest(action=action, address=None, value="", reply=INVALID_DATA)


def _manage_agent(number: str, *, status: str) -> ParsedRequest:
    address = f"agent:{number}" if _AGENT.fullmatch(number) else None
    is_valid = address is not None and status in ("AVAIL", "OFF")
    return ParsedRequest(
        action="ManageAgent", address=address, value=status, reply=SUCCESS if is_valid else INVALID_DATA
    )


def _holiday(date: str) -> ParsedRequest:
    if not _is_date(date):
        return ParsedRequest(action="holiday", address=None, value=date, reply=INVALID_DATA)
    return ParsedRequest(action="holiday", address=f"holiday:{date}", value=HOLIDAY_VALUE, reply=SUCCESS)


def _office_time(day: str, *, opens: str, closes: str) -> ParsedRequest:
    address = f"hours:{day}" if day in (*WEEK, DAILY) else None
    value = f"{opens}-{closes}"
    if address is None:
        return ParsedRequest(action="OfficeTime", address=None, value=value, reply=INVALID_DATA)
    start, end = _minute_of_day(opens), _minute_of_day(closes)
    is_valid = start is not None and end is not None and end > start
    return ParsedRequest(
        action="OfficeTime", address=address, value=value, reply=SUCCESS if is_valid else INVALID_TIME
    )


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _minute_of_day(text: str) -> int | None:
    """Parse `HH:MI AM` or `HH:MI PM`, zero-padded and upper case; None otherwise. `12:00 AM` is 0, `12:00 PM` 720."""
    match = _TIME.fullmatch(text)
    if not match:
        return None
    return int(match[1]) % 12 * 60 + int(match[2]) + (720 if match[3] == "PM" else 0)


def _matches_secret(received: str | None, expected: str | None) -> bool:
    return expected is None or hmac.compare_digest((received or "").encode(), expected.encode())


def _hide_secrets(text: str, *, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, "[hidden]")
    return text[:_LONGEST_VALUE]
