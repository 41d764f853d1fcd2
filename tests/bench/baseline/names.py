"""The provider's field names as in its sample URL, and the field mapping of both baselines."""

import datetime as dt
import hmac
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.utils import timezone

FIELD_NAMES = {
    "calllogid": "call_id",
    "callnumber": "caller",
    "agentnum": "agent_number",
    "ivrduration": "ivr_seconds",
    "callduration": "talk_seconds",
    "callstatus": "raw_status",
    "state": "circle",
    "ibizfonenumber": "virtual_number",
    "recordingurl": "recording_url",
    "department": "department",
}
STATUSES = {"ANSWER": "ANSWERED", "MISSED": "MISSED", "NOANSWER": "MISSED", "DROPPED": "DROPPED"}


def is_valid_key(query: QueryDict) -> bool:
    return hmac.compare_digest(query.get("key", ""), settings.BENCH_KEY)


def map_fields(query: QueryDict) -> dict[str, Any]:
    """The push with the model's field names and values as text; date and time are not validated yet."""
    data: dict[str, Any] = {
        field: query.get(provider_name, "") for provider_name, field in FIELD_NAMES.items()
    }
    data["started_at"] = f"{query.get('date', '')} {query.get('time', '')}"
    data["status"] = STATUSES.get(data["raw_status"], "OTHER")
    return data


def build_timestamps() -> dict[str, dt.datetime]:
    now = timezone.now()
    return {"received_at": now, "told_at": now, "updated_at": now}
