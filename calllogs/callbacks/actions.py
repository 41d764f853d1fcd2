"""What a person does at the desk. Each is one transaction; of two at once, one wins, and the other is told who.

Texts for people are made by the admin; here is who and when.
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

CLAIM = dt.timedelta(minutes=30)
CLOSINGS = (CallbackEntry.Kind.CALLED_BACK, CallbackEntry.Kind.DISMISSED)


class Gone(Exception):
    """Nobody waits there any more: answered, or closed by `entry`."""

    def __init__(self, entry: CallbackEntry | None = None) -> None:
        super().__init__("nobody waits there any more")
        self.entry = entry


class Taken(Exception):
    """Somebody else has this caller."""

    def __init__(self, claim: CallbackClaim | None) -> None:
        super().__init__("somebody else has this caller")
        self.claim = claim


@dataclass(frozen=True, slots=True)
class Closed:
    entry: CallbackEntry
    still: MissedCaller | None  # open still, or again: the caller rang after what the person saw


def claims(callers: list[str]) -> dict[str, CallbackClaim]:
    """Who has these callers at this moment."""
    rows = CallbackClaim.objects.filter(caller__in=callers, expires_at__gt=Now()).select_related("person")
    return {claim.caller: claim for claim in rows}


def claim(row_id: int, *, person: User, over: int | None = None) -> CallbackClaim:
    """Take a caller, so that nobody else calls; for CLAIM. `over`: the id of the person who is known to have it.

    Raises Taken if it is somebody else's (than `over`), Gone if nobody waits there.
    """
    with transaction.atomic():
        row = _open_row(row_id)
        now = database_now()
        before = CallbackClaim.objects.filter(caller=row.caller).select_related("person").first()
        may = Q(expires_at__lte=now) | Q(person=person) | Q(person_id=over)
        taken = CallbackClaim.objects.filter(may, caller=row.caller).update(
            person=person, claimed_at=now, expires_at=now + CLAIM
        )
        if not taken:
            _make_claim(row.caller, person=person, now=now)
        is_held = before is not None and before.expires_at > now
        if before is not None and is_held and before.person_id == person.pk:
            pass  # longer, not anew
        elif before is not None and is_held:
            _add(
                row,
                CallbackEntry.Kind.TAKEN_OVER,
                person=person,
                now=now,
                note=before.person.get_username(),
            )
        else:
            _add(row, CallbackEntry.Kind.CLAIMED, person=person, now=now)
        return CallbackClaim.objects.get(caller=row.caller)


def _make_claim(caller: str, *, person: User, now: dt.datetime) -> None:
    try:
        with transaction.atomic():
            CallbackClaim.objects.create(caller=caller, person=person, claimed_at=now, expires_at=now + CLAIM)
    except IntegrityError:
        raise Taken(CallbackClaim.objects.filter(caller=caller).select_related("person").first()) from None


def release(row_id: int, *, person: User) -> bool:
    """Give a caller back; False if it is not that person's. Raises Gone."""
    with transaction.atomic():
        row = _open_row(row_id)
        gone, _ = CallbackClaim.objects.filter(caller=row.caller, person=person).delete()
        if gone:
            _add(row, CallbackEntry.Kind.RELEASED, person=person, now=database_now())
        return gone > 0


def close(row_id: int, *, how: str, person: User, seen: dt.datetime, note: str = "") -> Closed:
    """Called back, or dismissed: closes the calls up to `seen`, the last one that the person was shown. Raises Gone."""
    with transaction.atomic():
        _turn()
        row = _open_row(row_id)
        if seen < row.first_at:
            raise Gone(_last_closing(row.caller))
        entry = _add(
            row, how, person=person, now=database_now(), note=note,
            until=min(seen, row.last_at), misses=row.misses, first_at=row.first_at,
        )  # fmt: skip
        CallbackClaim.objects.filter(caller=row.caller).delete()
        recompute([row.caller])
        return Closed(entry, MissedCaller.objects.filter(caller=row.caller).first())


def reopen(entry_id: int, *, person: User) -> MissedCaller | None:
    """Take a closing back, once; the open row that comes of it, or None if the caller was answered since."""
    with transaction.atomic():
        _turn()
        entry = CallbackEntry.objects.filter(pk=entry_id, until__isnull=False, undone_by=None).first()
        if entry is None:
            raise Gone
        _add(entry, CallbackEntry.Kind.REOPENED, person=person, now=database_now(), undoes=entry)
        recompute([entry.caller])
        return MissedCaller.objects.filter(caller=entry.caller).first()


def forget(caller: str) -> int:
    """Remove a number from everything that the desk keeps; how many rows. The calls are not touched."""
    with transaction.atomic():
        _turn()
        kept = (MissedCaller, CallbackClaim, CallbackEntry, MissedRecheck)
        return sum(model.objects.filter(caller=caller).delete()[0] for model in kept)


def _turn() -> None:
    """Who writes open rows holds the progress: so nobody writes what he read before another's closing."""
    if MissedProgress.objects.select_for_update().filter(pk=MissedProgress.ONLY).first() is None:
        MissedProgress.objects.get_or_create(pk=MissedProgress.ONLY)
        MissedProgress.objects.select_for_update().get(pk=MissedProgress.ONLY)


def _open_row(row_id: int) -> MissedCaller:
    row = MissedCaller.objects.filter(pk=row_id).first()
    if row is None:
        raise Gone
    return row


def _last_closing(caller: str) -> CallbackEntry | None:
    return CallbackEntry.objects.filter(caller=caller, until__isnull=False).first()


def _add(
    about: MissedCaller | CallbackEntry, kind: str, *, person: User, now: dt.datetime, **facts: object
) -> CallbackEntry:
    name = person.get_full_name() or person.get_username()
    whose = {"caller": about.caller, "department": about.department}
    return CallbackEntry.objects.create(
        **whose, kind=kind, person=person, person_name=name[:150], at=now, **facts
    )
