"""Marks derived data (callback queue, hourly counts) as stale.

Needed wherever calls are changed or deleted other than by a new push, in the same transaction if there is one.
"""

import datetime as dt
from collections.abc import Iterable

from calllogs.models import MissedRecheck, RollupRecheck


def mark_stale(*, callers: Iterable[str] = (), moments: Iterable[dt.datetime] = ()) -> None:
    """`callers` and `moments`: the callers and start times of the changed calls, before and after the change."""
    MissedRecheck.objects.bulk_create([MissedRecheck(caller=caller) for caller in set(callers) if caller])
    RollupRecheck.objects.bulk_create([RollupRecheck(at=at) for at in set(moments)])
