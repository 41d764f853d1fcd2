"""`python -m tests.bench.missed_inside REPEATS`: measures the desk on the database of the environment; JSON."""

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

# After set-up, because these need the applications.
from django.contrib.auth.models import User  # noqa: E402

from calllogs.callbacks import derive, queries, refresh  # noqa: E402
from calllogs.models import CallLog, MissedCaller, MissedProgress  # noqa: E402
from tests.bench.inside import measured, seconds, times  # noqa: E402

PAGE = "/admin/calllogs/missed/"


def main() -> None:
    repeats = int(sys.argv[1])
    settings.ALLOWED_HOSTS = ["testserver"]
    with transaction.atomic():
        MissedCaller.objects.all().delete()
        MissedProgress.objects.all().delete()
    rebuild_s = seconds(refresh.rebuild)
    while refresh.refresh():
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) calllogs_missedcaller")
    live_s = min(seconds(derive.differences) for _ in range(2))
    user, _ = User.objects.get_or_create(username="bench-of-the-desk", is_staff=True, is_superuser=True)
    try:
        client = Client()
        client.force_login(user)
        pages = {name: measured(client, PAGE + query, repeats) for name, query in kinds().items()}
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
                "badge": times(queries.waiting, repeats * 5),
                "refresh_ms": statistics.median(refreshing(number) for number in range(5)),
                "rebuild_s": rebuild_s,
                "live_s": live_s,
                "differences": len(derive.differences()),
            }
        )
    )


def kinds() -> dict[str, str]:
    rows = MissedCaller.objects.filter(is_old=False).order_by("first_at", "pk")
    middle = rows[rows.count() // 2]
    return {
        "the longest waiting": "",
        "a page in the middle": f"?after={queries.place(middle).replace('+', '%2B')}",
        "one department": f"?department={middle.department}",
        "one department, number and reason": (
            f"?department={middle.department}&number=%2B{middle.virtual_number[1:]}&why={middle.why}"
        ),
        "a reason that nobody has": "?why=OLD_HOURS",
        "only mine": "?mine=1",
        "a whole number": f"?q={middle.caller[1:]}",
        "a part of a number": "?q=0761",
        "a part that nobody has": "?q=7777777777777",
        "older": "?show=old",
        "done": "?show=done",
        "a caller's history": f"call/{middle.last_call}/",
    }


def refreshing(number: int) -> float:
    """Milliseconds for a thousand callers, half of whom have to be written; rolled back."""
    newest = list(
        CallLog.objects.order_by("-pk").values_list("caller", flat=True)[number * 3000 : number * 3000 + 3000]
    )
    callers = list(dict.fromkeys(newest))[:1000]
    with transaction.atomic():
        MissedCaller.objects.filter(caller__in=callers[::2]).delete()
        took = seconds(lambda: refresh.recompute(callers))
        transaction.set_rollback(True)
    return took * 1000 * 1000 / max(1, len(callers))


if __name__ == "__main__":
    main()
