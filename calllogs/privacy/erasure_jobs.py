"""One erasure led through to its end: begun at once, gone on with in small pieces by whoever holds its lease.

Each piece, the count of what is gone and the place to go on from are one transaction; so a process that is killed costs
at most its last piece, which is then done again.
"""

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from calllogs import change_feed
from calllogs.models import Erasure, ErasureProgress, Push
from calllogs.privacy import anonymise, file_erasure, table_scan
from calllogs.privacy.number_patterns import pattern_of
from ivrportal.audit.audit_log import digest_of
from ivrportal.common.database_clock import database_now
from ivrportal.common.phone import mask

LEASE = dt.timedelta(seconds=60)
CALLS_AT_BEGIN = 5000  # hidden in the moment of asking; more than that take some seconds longer
LOG_TRIES = dt.timedelta(hours=1)
PATIENCE = dt.timedelta(seconds=3)  # one that is younger is left to whoever was nudged

# What a step makes of the key from which to go on: the next key, or None at its end; and what is gone.
Done = tuple[Any, Counter[str]]


class Step(NamedTuple):
    """A piece of work. What touches the disk stands outside the transaction, which could not take it back."""

    work: Callable[[Any], Done]
    is_on_disk: bool = False


class Lost(Exception):
    """Somebody else has taken the erasure over."""


def begin(number: str, *, user: Any, who: str) -> Erasure:
    """In the caller's transaction: from its commit on no page, file or search has this caller.

    Raises ValueError for what is too short to be searched for, IntegrityError if this number is under way.
    """
    pattern = pattern_of(number)
    erasure = Erasure.objects.create(
        person=user, who=who, number=number, digest=digest_of(number), shown=mask(number), asked_at=timezone.now()
    )  # fmt: skip
    _watch_from_here()
    gone = anonymise.forget_in_callback_queue(number)
    gone += _unusable_pushes(pattern)
    gone += anonymise.forget_calls(number, erasure.asked_at, most=CALLS_AT_BEGIN)
    erasure.counts = dict(gone)
    erasure.save(update_fields=["counts"])
    return erasure


def run(erasure_id: int, *, until: float | None = None) -> bool:
    """Go on with this erasure, if it is due; True if it is complete now. `until`: by the monotonic clock."""
    erasure = _claim(erasure_id)
    if erasure is None:
        return False
    try:
        while erasure.is_under_way and (until is None or time.monotonic() < until):
            _one_piece(erasure)
    except (Lost, file_erasure.NotYet):
        return False
    Erasure.objects.filter(pk=erasure.pk, lease_token=erasure.lease_token).update(lease_until=None)
    if not erasure.is_under_way:
        _empty_the_log()
    return not erasure.is_under_way


def run_due(*, budget_s: float) -> int:
    """Everything that waits or was abandoned, for at most that long; how many are complete now."""
    until = time.monotonic() + budget_s
    done = sum(run(pk, until=until) for pk in list(_due().order_by("id").values_list("pk", flat=True)))
    _empty_the_log()
    return done


def are_due() -> bool:
    return _due().exists()


def _due() -> QuerySet[Erasure]:
    return Erasure.objects.due(database_now()).filter(asked_at__lte=timezone.now() - PATIENCE)


def steps(erasure: Erasure) -> dict[str, Step]:
    """By name and in order. The calls come once more at the end: some may have been on their way in."""
    number, asked_at, pattern = erasure.number, erasure.asked_at, pattern_of(erasure.number)
    found = {
        "spool": _on_disk(file_erasure.bring_in_the_spool),
        "damaged": _on_disk(partial(file_erasure.forget_damaged, pattern)),
        "calls": Step(partial(_calls, number, asked_at)),
        "exports": _on_disk(partial(file_erasure.forget_exports, asked_at)),
        "recordings": _on_disk(file_erasure.forget_recordings),
    }
    for model in table_scan.all_tables():
        look = partial(table_scan.look_through, model, number=number, pattern=pattern, asked_at=asked_at)
        found[model._meta.label] = Step(look)
    return found | {
        "mails": _on_disk(partial(file_erasure.forget_mails, pattern)),
        "calls again": Step(partial(_calls, number, asked_at)),
        "recordings again": _on_disk(file_erasure.forget_recordings),
    }


def _empty_the_log() -> None:
    """SQLite's file and its log hold pages as they were until the log is brought in, which may be days later.

    Where a reader is in the way it is left as it is: the sweep comes again for an hour.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return
    if not Erasure.objects.filter(ended_at__gte=timezone.now() - LOG_TRIES).exists():
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (patience_ms,) = cursor.fetchone()
        cursor.execute("PRAGMA busy_timeout = 200")  # pushes wait meanwhile
        try:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience_ms}")


# --- pieces ------------------------------------------------------------------------------------------------


def _one_piece(erasure: Erasure) -> None:
    """Raises Lost, and NotYet where the disk or the storage does not do it now."""
    every = steps(erasure)
    names = list(every)
    if erasure.step not in every:  # the beginning; also after an upgrade that knows other steps
        erasure.step, erasure.after = names[0], None
    step, place = every[erasure.step], names.index(erasure.step)
    done = step.work(erasure.after) if step.is_on_disk else None
    with transaction.atomic():
        erasure.after, gone = done or step.work(erasure.after)
        erasure.counts = dict(Counter(erasure.counts) + gone)
        erasure.steps_done = place + (erasure.after is None)
        erasure.step = names[erasure.steps_done] if erasure.steps_done < len(names) else ""
        if not erasure.step:
            erasure.state, erasure.ended_at, erasure.number = Erasure.State.DONE, timezone.now(), ""
        _write(erasure)


def _write(erasure: Erasure) -> None:
    names = ("counts", "after", "steps_done", "step", "state", "ended_at", "number")
    mine = Erasure.objects.filter(pk=erasure.pk, lease_token=erasure.lease_token)
    values = {name: getattr(erasure, name) for name in names}
    if not mine.update(lease_until=database_now() + LEASE, **values):
        raise Lost


def _claim(erasure_id: int) -> Erasure | None:
    now, token = database_now(), uuid4().hex
    due = Erasure.objects.due(now).filter(pk=erasure_id)
    if not due.update(lease_token=token, lease_until=now + LEASE):
        return None
    return Erasure.objects.get(pk=erasure_id)


def _calls(number: str, asked_at: dt.datetime, _after: Any) -> Done:
    gone = anonymise.forget_calls(number, asked_at)
    return True if gone else None, gone


def _on_disk(work: Callable[[], Counter[str]]) -> Step:
    return Step(lambda _after: (None, work()), is_on_disk=True)


def _unusable_pushes(pattern: str) -> Counter[str]:
    """Those of the inbox, which are of no call: few, and found by their outcome."""
    unusable = Push.objects.filter(outcome__in=[Push.Outcome.REJECTED, Push.Outcome.REFUSED])
    return Counter(pushes=unusable.filter(raw_query__regex=pattern).delete()[0])


def _watch_from_here() -> None:
    """Whoever looks at what comes later (`watch`) begins a little before this."""
    progress, _ = ErasureProgress.objects.get_or_create(pk=ErasureProgress.ONLY)
    if progress.built_at is None:
        change_feed.set_cursor(progress, change_feed.newest())
        progress.built_at = timezone.now()
        progress.save(update_fields=["push_id", "call_id", "gaps", "built_at"])
