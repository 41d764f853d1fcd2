"""The provider's names for a call's fields, as its sample URL has them, and what both baselines make of the rest."""

import datetime as dt
import hmac
from typing import Any

from django.conf import settings
from django.http import QueryDict
from django.utils import timezone

FIELD_OF = {
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


def key_is_right(query: QueryDict) -> bool:
    return hmac.compare_digest(query.get("key", ""), settings.BENCH_KEY)


def data_of(query: QueryDict) -> dict[str, Any]:
    """The push by our names, values as text; date and time still to be validated."""
    data: dict[str, Any] = {ours: query.get(theirs, "") for theirs, ours in FIELD_OF.items()}
    data["started_at"] = f"{query.get('date', '')} {query.get('time', '')}"
    data["status"] = STATUSES.get(data["raw_status"], "OTHER")
    return data


def moments() -> dict[str, dt.datetime]:
    now = timezone.now()
    return {"received_at": now, "told_at": now, "updated_at": now}
