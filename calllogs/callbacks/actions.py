"""What a user can do in the callback queue. Each action is one transaction.

If two users act at the same time, one succeeds and the other gets an exception that names the first. The views build
the texts for users.
"""

import datetime as dt
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from calllogs.callbacks.refresh import recompute
from calllogs.models import CallbackClaim, CallbackEntry, MissedCaller, MissedProgress, MissedRecheck
from ivrportal.common.database_clock import database_now

CLAIM_DURATION = dt.timedelta(minutes=30)


class NotWaiting(Exception):
    """The caller no longer waits: answered, or closed by `entry`."""

    def __init__(self, entry: CallbackEntry | None = None) -> None:
        super().__init__("the caller no longer waits")
        self.entry = entry


class AlreadyClaimed(Exception):
    """Another user has claimed this caller."""

    def __init__(self, claim: CallbackClaim | None) -> None:
        super().__init__("another user has claimed this caller")
        self.claim = claim


@dataclass(frozen=True, slots=True)
class CloseResult:
    entry: CallbackEntry
    still_open: MissedCaller | None  # set if the caller called after the last call that the user saw


def load_active_claims(callers: list[str]) -> dict[str, CallbackClaim]:
    """The claims on these callers that have not expired, by caller."""
    rows = CallbackClaim.objects.filter(caller__in=callers, expires_at__gt=Now()).select_related("person")
    return {claim.caller: claim for claim in rows}


def claim_caller(row_id: int, *, person: User, over: int | None = None) -> CallbackClaim:
    """Claim a caller for CLAIM_DURATION, so that nobody else calls back meanwhile.

    `over`: id of the user whose claim may be taken over. Raises AlreadyClaimed if another user has a claim, and
    NotWaiting if the row is not open.
    """
    with transaction.atomic():
        row = _get_open_row(row_id)
        now = database_now()
        before = CallbackClaim.objects.filter(caller=row.caller).select_related("person").first()
        claimable = Q(expires_at__lte=now) | Q(person=person) | Q(person_id=over)
        is_updated = CallbackClaim.objects.filter(claimable, caller=row.caller).update(
            person=person, claimed_at=now, expires_at=now + CLAIM_DURATION
        )
        if not is_updated:
            _create_claim(row.caller, person=person, now=now)
        is_held = before is not None and before.expires_at > now
        if before is not None and is_held and before.person_id == person.pk:
            pass  # extends the user's own claim, which needs no entry
        elif before is not None and is_held:
            _add_entry(
                row,
                CallbackEntry.Kind.TAKEN_OVER,
                person=person,
                now=now,
                note=before.person.get_username(),
            )
        else:
            _add_entry(row, CallbackEntry.Kind.CLAIMED, person=person, now=now)
        return CallbackClaim.objects.get(caller=row.caller)


def _create_claim(caller: str, *, person: User, now: dt.datetime) -> None:
    try:
        with transaction.atomic():
            CallbackClaim.objects.create(
                caller=caller, person=person, claimed_at=now, expires_at=now + CLAIM_DURATION
            )
    except IntegrityError:
        raise AlreadyClaimed(
            CallbackClaim.objects.filter(caller=caller).select_related("person").first()
        ) from None


def release_caller(row_id: int, *, person: User) -> bool:
    """Delete this user's claim; False if the user has none. Raises NotWaiting."""
    with transaction.atomic():
        row = _get_open_row(row_id)
        released, _ = CallbackClaim.objects.filter(caller=row.caller, person=person).delete()
        if released:
            _add_entry(row, CallbackEntry.Kind.RELEASED, person=person, now=database_now())
        return released > 0


def close_caller(row_id: int, *, kind: str, person: User, seen: dt.datetime, note: str = "") -> CloseResult:
    """Close the caller's calls up to `seen`, the time of the last call that the user was shown. Raises NotWaiting.

    `kind` is CALLED_BACK or DISMISSED.
    """
    with transaction.atomic():
        _lock_progress()
        row = _get_open_row(row_id)
        if seen < row.first_at:
            raise NotWaiting(_last_closing(row.caller))
        entry = _add_entry(
            row, kind, person=person, now=database_now(), note=note,
            until=min(seen, row.last_at), misses=row.misses, first_at=row.first_at,
        )  # fmt: skip
        CallbackClaim.objects.filter(caller=row.caller).delete()
        recompute([row.caller])
        return CloseResult(entry, MissedCaller.objects.filter(caller=row.caller).first())


def reopen_caller(entry_id: int, *, person: User) -> MissedCaller | None:
    """Undo a closing, at most once; returns the open row, or None if the caller was answered since.

    Raises NotWaiting if the entry is no closing or is undone already.
    """
    with transaction.atomic():
        _lock_progress()
        entry = CallbackEntry.objects.filter(pk=entry_id, until__isnull=False, undone_by=None).first()
        if entry is None:
            raise NotWaiting
        _add_entry(entry, CallbackEntry.Kind.REOPENED, person=person, now=database_now(), undoes=entry)
        recompute([entry.caller])
        return MissedCaller.objects.filter(caller=entry.caller).first()


def erase_caller(caller: str) -> int:
    """Delete a number from all callback tables; returns how many rows. The calls are not touched."""
    with transaction.atomic():
        _lock_progress()
        models = (MissedCaller, CallbackClaim, CallbackEntry, MissedRecheck)
        return sum(model.objects.filter(caller=caller).delete()[0] for model in models)


def _lock_progress() -> None:
    """Lock the progress row, which every writer of open rows holds.

    Otherwise a refresh could write rows that it derived before another user's closing.
    """
    if MissedProgress.objects.select_for_update().filter(pk=MissedProgress.ONLY).first() is None:
        MissedProgress.objects.get_or_create(pk=MissedProgress.ONLY)
        MissedProgress.objects.select_for_update().get(pk=MissedProgress.ONLY)


def _get_open_row(row_id: int) -> MissedCaller:
    row = MissedCaller.objects.filter(pk=row_id).first()
    if row is None:
        raise NotWaiting
    return row


def _last_closing(caller: str) -> CallbackEntry | None:
    return CallbackEntry.objects.filter(caller=caller, until__isnull=False).first()


def _add_entry(
    source: MissedCaller | CallbackEntry, kind: str, *, person: User, now: dt.datetime, **values: object
) -> CallbackEntry:
    name = person.get_full_name() or person.get_username()
    target = {"caller": source.caller, "department": source.department}
    return CallbackEntry.objects.create(
        **target, kind=kind, person=person, person_name=name[:150], at=now, **values
    )
