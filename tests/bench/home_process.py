"""`python -m tests.bench.home_process REPEATS`: measures the home screen; prints JSON.

The environment names the database.
"""

import datetime as dt
import json
import os
import statistics
import sys
import time
from uuid import uuid4

import django
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# Imported after django.setup(), which loads the apps.
from django.contrib.auth.models import Group, User  # noqa: E402

from calllogs.models import CallLog, Push, Rollup, RollupProgress  # noqa: E402
from calllogs.statistics import refresh  # noqa: E402
from calllogs.statistics.periods import Period  # noqa: E402
from ivrportal.accounts import roles  # noqa: E402
from tests.bench.page_timing import measure_page, measure_seconds  # noqa: E402

_COUNT_FROM_CALLS = """SELECT grouping(agent_number, department, virtual_number, circle),
    agent_number, department, virtual_number, circle, count(*),
    count(*) FILTER (WHERE status = 'ANSWERED'), count(*) FILTER (WHERE status = 'MISSED')
    FROM calllogs_calllog WHERE started_at >= %s AND started_at < %s
    GROUP BY GROUPING SETS ((), (agent_number), (department), (virtual_number), (circle))"""


def main() -> None:
    repeats = int(sys.argv[1])
    settings.ALLOWED_HOSTS = ["testserver"]
    with transaction.atomic():
        Rollup.objects.all().delete()
        RollupProgress.objects.all().delete()
    rebuild_s = measure_seconds(refresh.rebuild)
    while refresh.refresh():
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) calllogs_rollup")
    period = Period.last(90)
    live_s = min(measure_seconds(lambda: count_from_calls(period)) for _ in range(2))
    refresh_ms = statistics.median(measure_refresh_ms() for _ in range(5))
    roles.sync_groups()
    user, _ = User.objects.get_or_create(username="bench-of-the-home-screen", is_staff=True)
    user.groups.set([Group.objects.get(name=roles.OFFICE_MANAGERS)])
    try:
        client = Client()
        client.force_login(user)
        pages = {
            name: measure_page(client, f"/admin/{query}", repeats)
            for name, query in build_queries(period).items()
        }
    finally:
        user.delete()
    started = time.perf_counter()
    differences = refresh.rebuild()
    print(
        json.dumps(
            {
                "calls": CallLog.objects.count(),
                "rows": Rollup.objects.count(),
                "pages": pages,
                "refresh_ms": refresh_ms,
                "rebuild_s": rebuild_s,
                "compare_s": time.perf_counter() - started,
                "live_s": live_s,
                "differences": differences,
            }
        )
    )


def build_queries(period: Period) -> dict[str, str]:
    first, last = period.first_day, period.last_day - dt.timedelta(days=20)
    return {
        "today": "",
        "7 days": "?period=7d",
        "30 days": "?period=30d",
        "90 days": "?period=90d",
        "70 past days": f"?period=custom&from={first}&to={last}",
        "90 days, figures only": "home/figures/?period=90d",
    }


def count_from_calls(period: Period) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_FROM_CALLS, [period.start, period.end])
        cursor.fetchall()


def measure_refresh_ms() -> float:
    """Milliseconds to process a thousand new pushes of the newest hours; rolled back."""
    with transaction.atomic():
        calls = list(CallLog.objects.order_by("-started_at", "-id")[:1000])
        for call in calls:
            call.pk, call.call_id = None, uuid4().hex
        now = calls[0].received_at
        made = CallLog.objects.bulk_create(calls)
        Push.objects.bulk_create(
            Push(uid=uuid4().hex, received_at=now, remote_addr="", raw_query="", outcome="STORED", call=call)
            for call in made
        )
        took = measure_seconds(refresh.refresh)
        transaction.set_rollback(True)
    return took * 1000


if __name__ == "__main__":
    main()
