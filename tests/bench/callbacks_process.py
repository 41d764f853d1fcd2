"""`python -m tests.bench.callbacks_process REPEATS`: measures the callback queue; prints JSON.

The environment names the database.
"""

import json
import os
import statistics
import sys

import django
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# Imported after django.setup(), which loads the apps.
from django.contrib.auth.models import User  # noqa: E402

from calllogs.callbacks import derive, queries, refresh  # noqa: E402
from calllogs.models import CallLog, MissedCaller, MissedProgress  # noqa: E402
from tests.bench.page_timing import measure_page, measure_seconds, measure_times  # noqa: E402

PAGE = "/admin/calllogs/missed/"


def main() -> None:
    repeats = int(sys.argv[1])
    settings.ALLOWED_HOSTS = ["testserver"]
    with transaction.atomic():
        MissedCaller.objects.all().delete()
        MissedProgress.objects.all().delete()
    rebuild_s = measure_seconds(refresh.rebuild)
    while refresh.refresh():
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) calllogs_missedcaller")
    live_s = min(measure_seconds(derive.find_differing_callers) for _ in range(2))
    user, _ = User.objects.get_or_create(
        username="bench-of-the-callback-queue", is_staff=True, is_superuser=True
    )
    try:
        client = Client()
        client.force_login(user)
        pages = {name: measure_page(client, PAGE + query, repeats) for name, query in build_queries().items()}
    finally:
        user.delete()
    waiting = MissedCaller.objects.filter(is_old=False).count()
    print(
        json.dumps(
            {
                "calls": CallLog.objects.count(),
                "waiting": waiting,
                "old": MissedCaller.objects.count() - waiting,
                "pages": pages,
                "queries": max(page["queries"] for page in pages.values()),
                "badge": measure_times(queries.count_waiting, repeats * 5),
                "refresh_ms": statistics.median(measure_refresh_ms(number) for number in range(5)),
                "rebuild_s": rebuild_s,
                "live_s": live_s,
                "differences": len(derive.find_differing_callers()),
            }
        )
    )


def build_queries() -> dict[str, str]:
    rows = MissedCaller.objects.filter(is_old=False).order_by("first_at", "pk")
    middle = rows[rows.count() // 2]
    return {
        "the longest waiting": "",
        "a page in the middle": f"?after={queries.build_cursor(middle).replace('+', '%2B')}",
        "one department": f"?department={middle.department}",
        "one department, number and reason": (
            f"?department={middle.department}&number=%2B{middle.virtual_number[1:]}&why={middle.why}"
        ),
        "a reason without a match": "?why=OLD_HOURS",
        "only mine": "?mine=1",
        "a full number": f"?q={middle.caller[1:]}",
        "part of a number": "?q=0761",
        "part of a number, without a match": "?q=7777777777777",
        "older": "?show=old",
        "done": "?show=done",
        "a caller's history": f"call/{middle.last_call}/",
    }


def measure_refresh_ms(number: int) -> float:
    """Milliseconds to refresh a thousand callers, half of whom need a new row; rolled back."""
    newest = list(
        CallLog.objects.order_by("-pk").values_list("caller", flat=True)[number * 3000 : number * 3000 + 3000]
    )
    callers = list(dict.fromkeys(newest))[:1000]
    with transaction.atomic():
        MissedCaller.objects.filter(caller__in=callers[::2]).delete()
        took = measure_seconds(lambda: refresh.recompute(callers))
        transaction.set_rollback(True)
    return took * 1000 * 1000 / max(1, len(callers))


if __name__ == "__main__":
    main()
