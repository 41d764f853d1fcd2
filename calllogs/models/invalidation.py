"""What must be looked at again by whoever keeps copies of what calls say: the desk, and the counts of the hours.

For whatever changes or deletes calls in another way than by a new push; in the same transaction, if it has one.
"""

import datetime as dt
from collections.abc import Iterable

from calllogs.models import MissedRecheck, RollupRecheck


def mark_stale(*, callers: Iterable[str] = (), moments: Iterable[dt.datetime] = ()) -> None:
    """Callers whose calls changed, and when calls began that changed: as they were before, and as they are."""
    MissedRecheck.objects.bulk_create([MissedRecheck(caller=caller) for caller in set(callers) if caller])
    RollupRecheck.objects.bulk_create([RollupRecheck(at=at) for at in set(moments)])
