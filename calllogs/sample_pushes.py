"""Sample calls as pushes: query strings in the two notations of the provider's document. Plain Python."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from calllogs.sample_calls import SampleCall

INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30), "Asia/Kolkata")


@dataclass(frozen=True)
class Sender:
    """One way to write a push: the parameter names of the document's sample URL or of its table, and the encoding.

    `raw` inserts values unencoded, as template-based senders do; only spaces are encoded, because a request line
    cannot contain them. `clock` writes durations as `00:01:15`, otherwise as seconds.
    """

    names: Mapping[str, str]
    raw: bool
    clock: bool


# Copied from the document independently of `provider_fields`, so that tests find mistakes there.
SAMPLE_URL_NAMES = {
    "caller": "callnumber", "date": "date", "time": "time", "agent_number": "agentnumber",
    "ivr_seconds": "ivrduration", "talk_seconds": "callduration", "status": "callstatus", "circle": "state",
    "virtual_number": "ibizfonenumber", "recording_url": "recordingurl", "call_id": "calllogid",
    "department": "department",
}  # fmt: skip
TABLE_NAMES = {
    "call_id": "call_uuid", "caller": "caller_number", "date": "date", "time": "time",
    "agent_number": "agent_connected", "ivr_seconds": "total_call_duration",
    "talk_seconds": "conversation_duration", "status": "call_status", "circle": "caller_circle",
    "virtual_number": "knumber", "recording_url": "recording_url", "department": "department",
}  # fmt: skip
SENDERS = tuple(
    Sender(names=names, raw=raw, clock=names is TABLE_NAMES)
    for names in (SAMPLE_URL_NAMES, TABLE_NAMES)
    for raw in (False, True)
)


def build_push_query(
    call: SampleCall, *, sender: Sender, zone: dt.tzinfo = INDIA, with_recording: bool = True
) -> str:
    """Build the push of a call as a query string, with date and time in `zone`; missing values are empty."""
    local = call.started_at.astimezone(zone)
    values = {
        "call_id": call.call_id,
        "caller": call.caller,
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M:%S}",
        "agent_number": call.agent_number,
        "ivr_seconds": _duration(call.ivr_seconds, clock=sender.clock),
        "talk_seconds": _duration(call.talk_seconds, clock=sender.clock),
        "status": call.raw_status,
        "circle": call.circle,
        "virtual_number": call.virtual_number,
        "recording_url": call.recording_url if with_recording else "",
        "department": call.department,
    }
    fields = {name: values[field] for field, name in sender.names.items()}
    if sender.raw:
        return "&".join(f"{name}={value.replace(' ', '%20')}" for name, value in fields.items())
    return urlencode(fields, quote_via=quote)


def _duration(seconds: int | None, *, clock: bool) -> str:
    if seconds is None or not clock:
        return "" if seconds is None else str(seconds)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
