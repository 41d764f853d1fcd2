"""Measures the call list inside one process: `python -m tests.bench.calls_pages ROUNDS`; prints JSON for `calls`.

The environment names the database to measure.
"""

import datetime as dt
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

LIST = "/admin/calllogs/calllog/"


def build_filter_queries(sample: Any, agent: str) -> dict[str, str]:
    """`{name: query}`, from common filters to rare ones, which are the slowest."""
    return {
        "no filter": "",
        "today": "period=today",
        "yesterday": "period=yesterday",
        "7 days": "period=7d",
        "30 days": "period=30d",
        "this month": "period=month",
        "some days": f"from={sample.started_at - dt.timedelta(days=9):%Y-%m-%d}&to={sample.started_at:%Y-%m-%d}",
        "missed": "status=MISSED",
        "rare outcome": "status=OTHER",
        "agent": urlencode({"agent": agent}),
        "three agents": urlencode({"agent": [agent, "+919800100007", "+919800100020"]}, doseq=True),
        "department": "department=Billing",
        "virtual number": urlencode({"number": "+919800200003"}),
        "circle": "circle=Kerala",
        "rare circle": "circle=North+East",
        "in office hours": "office=in",
        "out of office hours": "office=out",
        "with recording": "recording=with",
        "without recording": "recording=without",
        "answered without recording": "status=ANSWERED&recording=without",
        "missed with recording: none": "status=MISSED&recording=with",
        "talk of 1 to 2 minutes": "talk_from=60&talk_to=120",
        "talk of 45 minutes and more": "talk_from=2700",
        "talk up to 3 seconds": "talk_to=3",
        "missed out of hours, 30 days": "status=MISSED&office=out&period=30d",
        "agent out of hours": urlencode({"agent": agent, "office": "out"}),
        "rare outcome, circle, department and number": (
            "status=OTHER&circle=Bihar&department=Sales&number=%2B919800200001"
        ),
        "rare circle, long talk, out of hours": "circle=Assam&talk_from=900&office=out",
        "rare circle, short talk, out of hours": "circle=Assam&talk_from=60&talk_to=62&office=out",
        "missed in a rare circle in hours": "status=MISSED&circle=Bihar&office=in",
        "a department without calls": "department=Marketing",
        "agent of another department": urlencode(
            {"agent": agent, "department": "Complaints", "office": "in"}
        ),
        "number": urlencode({"q": sample.caller}),
        "number as people write it": urlencode({"q": f"0{sample.caller[3:8]} {sample.caller[8:]}"}),
        "number that never called": "q=98765+43210",
        "beginning of most numbers": "q=98",
        "beginning of a number": urlencode({"q": sample.caller[3:11]}),
        "last two digits": "q=45",
        "last four digits": urlencode({"q": sample.caller[-4:]}),
        "last five digits": urlencode({"q": sample.caller[-5:]}),
        "digits without a match": "q=5550001",
        "call id": urlencode({"q": sample.call_id}),
        "text without a match": "q=nothing-has-this",
        "last digits, missed, 30 days": urlencode(
            {"q": sample.caller[-3:], "status": "MISSED", "period": "30d"}
        ),
    }


def build_page_queries(middle: dt.datetime) -> dict[str, str]:
    return {
        "newest": "",
        "in the middle": f"page=older.{int(middle.timestamp() * 1_000_000)}.1",
        "oldest": "page=oldest",
    }


def measure(rounds: int) -> Iterator[dict[str, Any]]:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    from calllogs.models import CallLog
    from settings_sync.models import Agent

    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(_create_supervisor())
    first, last = (CallLog.objects.order_by(order).first() for order in ("started_at", "-started_at"))
    assert first is not None
    assert last is not None
    middle = first.started_at + (last.started_at - first.started_at) / 2
    sample = CallLog.objects.filter(started_at__gte=middle).order_by("started_at", "id")[0]
    agent = Agent.objects.order_by("number")[0].number
    client.get(LIST)  # warm-up, as in a running web process
    for filter_name, filter_query in build_filter_queries(sample, agent).items():
        for page_name, page_query in build_page_queries(middle).items():
            address = f"{LIST}?{'&'.join(part for part in (filter_query, page_query) if part)}"
            times = []
            for _round in range(rounds):
                began = time.perf_counter()
                reply = client.get(address)
                times.append((time.perf_counter() - began) * 1000)
                assert reply.status_code == 200, address
            with CaptureQueriesContext(connection) as queries:
                reply = client.get(address)
            shown = re.search(r'class="calls-count">([^<]*)', reply.text)
            yield {
                "filter": filter_name,
                "page": page_name,
                "ms": times,
                "queries": len(queries),
                "count": shown[1].strip() if shown else "",
                "is_stopped": "data-calls-continue" in reply.text or "Look further" in reply.text,
            }


def _create_supervisor() -> Any:
    from django.contrib.auth.models import Group, User

    from ivrportal.accounts import roles

    roles.sync_groups()
    user, _is_new = User.objects.get_or_create(username="benchmark", defaults={"is_staff": True})
    user.groups.add(Group.objects.get(name=roles.SUPERVISORS))
    return user


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
    import django

    django.setup()
    print(json.dumps(list(measure(int(sys.argv[1])))))


if __name__ == "__main__":
    main()
