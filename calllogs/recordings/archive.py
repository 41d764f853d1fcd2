"""Our own copies: made before the provider's link dies, and deleted after their days.

Rows decide, the task is only a nudge. A walk over the calls makes a row for each recording that nobody looked at;
rows that are due are claimed by a conditional update with a lease, and only who still holds the lease says how it
went. Nothing of this is on the way of a push.
"""

import datetime as dt
import logging
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.models import F, Q
from django.utils import timezone

from calllogs.models import ArchiveCursor, CallLog, Recording
from calllogs.recordings import cache
from calllogs.recordings.cache import Local, digest_of
from calllogs.recordings.errors import Cause, NotAvailable
from calllogs.recordings.fetch import Limits, fetch

logger = logging.getLogger(__name__)

STATE = Recording.State
AT_ONCE = 2000  # calls that one step of the walk looks at
LATE = dt.timedelta(days=2)  # a recording may be told so long after its call
LEASE_S = 300
# Seconds until the next try; after the last one it is given up. Together two and a half days.
RETRY_AFTER_S = (60, 300, 1800, 7200, 21600, 43200, 86400, 86400 // 2)
_SUFFIXES = {
    "audio/mpeg": "mp3", "audio/wav": "wav", "audio/ogg": "ogg", "audio/flac": "flac", "audio/aac": "aac",
    "audio/mp4": "m4a", "audio/amr": "amr", "audio/webm": "webm",
}  # fmt: skip


def is_on() -> bool:
    return bool(settings.RECORDING_STORAGE)


def storage() -> Storage:
    return storages["recordings"]


def is_current(recording: Recording, digest: str) -> bool:
    """Is there a copy, and of the address that the call names now?"""
    return recording.state == STATE.KEPT and recording.url_digest == digest


def kept_until(fetched_at: dt.datetime) -> dt.datetime:
    return fetched_at + dt.timedelta(days=settings.RECORDING_RETENTION_DAYS)


def local(recording: Recording) -> Local | None:
    """The copy as a file on this disk; one that lies elsewhere is brought here. None if it cannot be had."""
    place = storage()
    if isinstance(place, FileSystemStorage):
        with suppress(OSError, ValueError):
            path = Path(place.path(recording.file))
            return Local(path, path.stat().st_size, recording.content_type)
        return None
    if known := cache.find(recording.url_digest):
        return known
    try:
        with place.open(recording.file) as kept, cache.writing() as file:
            for data in kept.chunks():
                file.write(data)
            return cache.keep(file, recording.url_digest, recording.content_type)
    except Exception as error:  # whatever a storage raises: the provider may still have it
        logger.warning("a copy of a recording cannot be read (%s)", type(error).__name__)
        return None


# --- finding -----------------------------------------------------------------------------------------------


def find_new(*, until: float) -> int:
    """Walk on over the calls, oldest first, and note recordings to be fetched; how many. Stops at the newest call.

    The next walk begins two days before that: recordings are told late.
    """
    count = 0
    while time.monotonic() < until:
        noted, is_end = _step()
        count += noted
        if is_end:
            break
    return count


def _step() -> tuple[int, bool]:
    oldest = timezone.now() - dt.timedelta(days=settings.RECORDING_RETENTION_DAYS)
    walk, _ = ArchiveCursor.objects.get_or_create(pk=1, defaults={"started_at": oldest})
    start = max(walk.started_at, oldest)
    calls = list(
        CallLog.objects.filter(started_at__gte=start)
        .exclude(started_at=walk.started_at, pk__lte=walk.call_pk)
        .order_by("started_at", "pk")
        .only("pk", "started_at", "recording_url")[:AT_ONCE]
    )
    wanted = {call.pk: digest_of(call.recording_url) for call in calls if call.recording_url}
    known = dict(Recording.objects.filter(call__in=wanted).values_list("call_id", "url_digest"))
    now = timezone.now()
    new = [
        Recording(call_id=pk, url_digest=digest, next_try_at=now)
        for pk, digest in wanted.items()
        if pk not in known
    ]
    Recording.objects.bulk_create(new, ignore_conflicts=True)
    # Another address was told since: what we have, or gave up, is not this one. An old copy is overwritten.
    for pk, digest in known.items():
        if digest != wanted[pk]:
            Recording.objects.filter(call=pk, url_digest=digest).exclude(state=STATE.WAITING).update(
                state=STATE.WAITING, url_digest=wanted[pk], next_try_at=now, tries=0, error=""
            )
    is_end = len(calls) < AT_ONCE
    position: tuple[Any, int] = (now - LATE, 0) if is_end else (calls[-1].started_at, calls[-1].pk)
    ArchiveCursor.objects.filter(pk=1, started_at=walk.started_at, call_pk=walk.call_pk).update(
        started_at=position[0], call_pk=position[1]
    )
    return len(new), is_end


# --- fetching ----------------------------------------------------------------------------------------------


def fetch_due(*, until: float, limits: Callable[[], Limits]) -> int:
    """Fetch what is due, one after the other; how many are kept now."""
    kept = 0
    while time.monotonic() < until:
        recording = _claim()
        if recording is None:
            break
        kept += _fetch(recording, limits())
    return kept


def _claim() -> Recording | None:
    """Take one row that is due; another worker that reached for the same goes away empty-handed."""
    now = timezone.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    due = Recording.objects.filter(free, state=STATE.WAITING, next_try_at__lte=now)
    for pk in due.order_by("next_try_at").values_list("pk", flat=True)[:10]:
        token = secrets.token_hex(16)
        lease = now + dt.timedelta(seconds=LEASE_S)
        if due.filter(pk=pk).update(lease_token=token, lease_until=lease, tries=F("tries") + 1):
            return Recording.objects.select_related("call").get(pk=pk)
    return None


def _fetch(recording: Recording, limits: Limits) -> bool:
    """True if it is kept now."""
    mine = Recording.objects.filter(pk=recording.pk, lease_token=recording.lease_token)
    call = recording.call
    if call is None or not call.recording_url:
        mine.update(state=STATE.GIVEN_UP, lease_until=None, next_try_at=None)
        return False
    digest, old = digest_of(call.recording_url), recording.file
    try:
        with cache.writing() as file:
            got = fetch(call.recording_url, file, limits=limits)
            file.seek(0)
            name = _save(_name(recording, call, digest, got.kind), file)
    except NotAvailable as error:
        mine.update(error=error.cause.value, lease_until=None, lease_token="", **_after_failure(recording))
        return False
    is_mine = mine.update(
        state=STATE.KEPT, url_digest=digest, file=name, size=got.total, content_type=got.kind,
        fetched_at=timezone.now(), error="", next_try_at=None, lease_until=None, lease_token="",
    )  # fmt: skip
    if is_mine and old not in {"", name}:
        storage().delete(old)
    if not is_mine and not Recording.objects.filter(pk=recording.pk).exists():
        storage().delete(name)  # its caller was erased meanwhile: no row would ever name this file
    return bool(is_mine)


def _name(recording: Recording, call: CallLog, digest: str, kind: str) -> str:
    """By day, and without anybody's number. Always the same, so that what a dead worker left is overwritten."""
    suffix = _SUFFIXES.get(kind, "sound")
    return f"{timezone.localtime(call.started_at):%Y/%m/%d}/{recording.pk}-{digest[:16]}.{suffix}"


def _save(name: str, file: BinaryIO) -> str:
    """Whatever a storage raises, a full disk or a cloud's refusal: it is tried again later."""
    try:
        storage().delete(name)
        return storage().save(name, File(file))
    except Exception as error:
        logger.warning("the storage of recordings takes nothing (%s)", type(error).__name__)
    raise NotAvailable(Cause.NOT_KEPT)


def _after_failure(recording: Recording) -> dict[str, Any]:
    if recording.tries > len(RETRY_AFTER_S):
        return {"state": STATE.GIVEN_UP, "next_try_at": None}
    seconds = RETRY_AFTER_S[recording.tries - 1]
    return {"next_try_at": timezone.now() + dt.timedelta(seconds=seconds * (0.8 + 0.4 * _luck()))}


def _luck() -> float:
    return secrets.randbelow(1000) / 1000


# --- deleting ----------------------------------------------------------------------------------------------


def delete_old(*, until: float) -> int:
    """Delete copies beyond their days, and those whose call is gone; how many files."""
    oldest = timezone.now() - dt.timedelta(days=settings.RECORDING_RETENTION_DAYS)
    count = 0
    for rows in (
        Recording.objects.filter(state=STATE.KEPT, fetched_at__lt=oldest).order_by("fetched_at"),
        Recording.objects.filter(call__isnull=True).order_by("id"),
    ):
        while time.monotonic() < until and (batch := list(rows[:100])):
            for recording in batch:
                try:
                    count += _delete(recording)
                except Exception as error:  # whatever a storage raises: the next sweep tries again
                    logger.warning("a copy of a recording is not deleted (%s)", type(error).__name__)
                    return count
    return count


def _delete(recording: Recording) -> int:
    """The file first: if we die in between, the row still says that there is something to delete."""
    if recording.file:
        with suppress(FileNotFoundError):
            storage().delete(recording.file)
    if recording.call_id is None:
        recording.delete()
    else:
        Recording.objects.filter(pk=recording.pk, state=STATE.KEPT).update(state=STATE.EXPIRED, file="")
    return 1 if recording.file else 0
