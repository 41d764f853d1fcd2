"""Our own copies of recordings: made before the provider's URL expires, deleted after RECORDING_RETENTION_DAYS.

All state is in the rows of Recording; the task only starts the work. A scan over the calls creates a row for each new
recording. A worker claims a due row by a conditional update with a lease, and only the lease holder saves the result.
None of this runs while a push is handled.
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
from calllogs.recordings.cache import LocalRecording, hash_url
from calllogs.recordings.errors import Cause, NotAvailable
from calllogs.recordings.fetch import Limits, fetch

logger = logging.getLogger(__name__)

State = Recording.State
BATCH_SIZE = 2000  # calls in one batch of the scan
LATE_URL_PERIOD = dt.timedelta(days=2)  # a recording URL may arrive this long after its call
LEASE_S = 300
# Seconds until the next try, about two and a half days in total; after the last one the recording is given up.
RETRY_AFTER_S = (60, 300, 1800, 7200, 21600, 43200, 86400, 86400 // 2)
_SUFFIXES = {
    "audio/mpeg": "mp3", "audio/wav": "wav", "audio/ogg": "ogg", "audio/flac": "flac", "audio/aac": "aac",
    "audio/mp4": "m4a", "audio/amr": "amr", "audio/webm": "webm",
}  # fmt: skip


def is_enabled() -> bool:
    return bool(settings.RECORDING_STORAGE)


def storage() -> Storage:
    return storages["recordings"]


def is_current(recording: Recording, digest: str) -> bool:
    """Whether there is a copy, made from the URL that the call has now."""
    return recording.state == State.KEPT and recording.url_digest == digest


def kept_until(fetched_at: dt.datetime) -> dt.datetime:
    return fetched_at + dt.timedelta(days=settings.RECORDING_RETENTION_DAYS)


def load_copy(recording: Recording) -> LocalRecording | None:
    """The copy as a local file, downloaded to the cache if the storage is remote. None if it cannot be read."""
    backend = storage()
    if isinstance(backend, FileSystemStorage):
        with suppress(OSError, ValueError):
            path = Path(backend.path(recording.file))
            return LocalRecording(path, path.stat().st_size, recording.content_type)
        return None
    if known := cache.find(recording.url_digest):
        return known
    try:
        with backend.open(recording.file) as kept, cache.temporary_file() as file:
            for data in kept.chunks():
                file.write(data)
            return cache.store(file, recording.url_digest, recording.content_type)
    except Exception as error:  # storages raise anything; the provider may still have the recording
        logger.warning("a copy of a recording cannot be read (%s)", type(error).__name__)
        return None


# --- scanning ----------------------------------------------------------------------------------------------


def find_new(*, until: float) -> int:
    """Continues the scan over the calls, oldest first, up to the newest. Returns the number of new recordings.

    The next scan starts LATE_URL_PERIOD earlier, because recording URLs can arrive late. `until`: monotonic time.
    """
    count = 0
    while time.monotonic() < until:
        created, is_end = _scan_batch()
        count += created
        if is_end:
            break
    return count


def _scan_batch() -> tuple[int, bool]:
    oldest = timezone.now() - dt.timedelta(days=settings.RECORDING_RETENTION_DAYS)
    cursor, _ = ArchiveCursor.objects.get_or_create(pk=1, defaults={"started_at": oldest})
    start = max(cursor.started_at, oldest)
    calls = list(
        CallLog.objects.filter(started_at__gte=start)
        .exclude(started_at=cursor.started_at, pk__lte=cursor.call_pk)
        .order_by("started_at", "pk")
        .only("pk", "started_at", "recording_url")[:BATCH_SIZE]
    )
    wanted = {call.pk: hash_url(call.recording_url) for call in calls if call.recording_url}
    known = dict(Recording.objects.filter(call__in=wanted).values_list("call_id", "url_digest"))
    now = timezone.now()
    new = [
        Recording(call_id=pk, url_digest=digest, next_try_at=now)
        for pk, digest in wanted.items()
        if pk not in known
    ]
    Recording.objects.bulk_create(new, ignore_conflicts=True)
    # The URL has changed, so the copy or the failure belongs to the old one. Fetch again; the old copy is replaced.
    for pk, digest in known.items():
        if digest != wanted[pk]:
            Recording.objects.filter(call=pk, url_digest=digest).exclude(state=State.WAITING).update(
                state=State.WAITING, url_digest=wanted[pk], next_try_at=now, tries=0, error=""
            )
    is_end = len(calls) < BATCH_SIZE
    position: tuple[Any, int] = (now - LATE_URL_PERIOD, 0) if is_end else (calls[-1].started_at, calls[-1].pk)
    ArchiveCursor.objects.filter(pk=1, started_at=cursor.started_at, call_pk=cursor.call_pk).update(
        started_at=position[0], call_pk=position[1]
    )
    return len(new), is_end


# --- fetching ----------------------------------------------------------------------------------------------


def fetch_due(*, until: float, limits: Callable[[], Limits]) -> int:
    """Fetches due recordings one after the other. Returns how many were stored."""
    kept = 0
    while time.monotonic() < until:
        recording = _claim()
        if recording is None:
            break
        kept += _fetch(recording, limits())
    return kept


def _claim() -> Recording | None:
    """Claims one due row. Returns None if nothing is due or other workers claimed everything first."""
    now = timezone.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    due = Recording.objects.filter(free, state=State.WAITING, next_try_at__lte=now)
    for pk in due.order_by("next_try_at").values_list("pk", flat=True)[:10]:
        token = secrets.token_hex(16)
        lease = now + dt.timedelta(seconds=LEASE_S)
        if due.filter(pk=pk).update(lease_token=token, lease_until=lease, tries=F("tries") + 1):
            return Recording.objects.select_related("call").get(pk=pk)
    return None


def _fetch(recording: Recording, limits: Limits) -> bool:
    """Returns True if the copy was stored by this call."""
    held = Recording.objects.filter(pk=recording.pk, lease_token=recording.lease_token)
    call = recording.call
    if call is None or not call.recording_url:
        held.update(state=State.GIVEN_UP, lease_until=None, next_try_at=None)
        return False
    digest, old = hash_url(call.recording_url), recording.file
    try:
        with cache.temporary_file() as file:
            result = fetch(call.recording_url, file, limits=limits)
            file.seek(0)
            name = _save(_storage_name(recording, call, digest, result.content_type), file)
    except NotAvailable as error:
        held.update(error=error.cause.value, lease_until=None, lease_token="", **_after_failure(recording))
        return False
    is_mine = held.update(
        state=State.KEPT, url_digest=digest, file=name, size=result.total, content_type=result.content_type,
        fetched_at=timezone.now(), error="", next_try_at=None, lease_until=None, lease_token="",
    )  # fmt: skip
    if is_mine and old not in {"", name}:
        storage().delete(old)
    if not is_mine and not Recording.objects.filter(pk=recording.pk).exists():
        storage().delete(name)  # the caller was erased meanwhile, so no row refers to this file
    return bool(is_mine)


def _storage_name(recording: Recording, call: CallLog, digest: str, content_type: str) -> str:
    """A path by date, without a telephone number. It is stable, so that a retry overwrites a dead worker's file."""
    suffix = _SUFFIXES.get(content_type, "sound")
    return f"{timezone.localtime(call.started_at):%Y/%m/%d}/{recording.pk}-{digest[:16]}.{suffix}"


def _save(name: str, file: BinaryIO) -> str:
    """Stores the file. Turns any storage error into NotAvailable, so that it is retried later."""
    try:
        storage().delete(name)
        return storage().save(name, File(file))
    except Exception as error:
        logger.warning("a copy of a recording cannot be saved (%s)", type(error).__name__)
    raise NotAvailable(Cause.NOT_STORED)


def _after_failure(recording: Recording) -> dict[str, Any]:
    if recording.tries > len(RETRY_AFTER_S):
        return {"state": State.GIVEN_UP, "next_try_at": None}
    seconds = RETRY_AFTER_S[recording.tries - 1]
    return {"next_try_at": timezone.now() + dt.timedelta(seconds=seconds * (0.8 + 0.4 * _random_fraction()))}


def _random_fraction() -> float:
    return secrets.randbelow(1000) / 1000


# --- deleting ----------------------------------------------------------------------------------------------


def delete_old(*, until: float) -> int:
    """Deletes expired copies and those whose call was deleted. Returns the number of files."""
    oldest = timezone.now() - dt.timedelta(days=settings.RECORDING_RETENTION_DAYS)
    count = 0
    for rows in (
        Recording.objects.filter(state=State.KEPT, fetched_at__lt=oldest).order_by("fetched_at"),
        Recording.objects.filter(call__isnull=True).order_by("id"),
    ):
        while time.monotonic() < until and (batch := list(rows[:100])):
            for recording in batch:
                try:
                    count += _delete(recording)
                except Exception as error:  # storages raise anything; the next sweep tries again
                    logger.warning("a copy of a recording is not deleted (%s)", type(error).__name__)
                    return count
    return count


def _delete(recording: Recording) -> int:
    """Deletes the file before the row, so that after a crash the row still refers to it."""
    if recording.file:
        with suppress(FileNotFoundError):
            storage().delete(recording.file)
    if recording.call_id is None:
        recording.delete()
    else:
        Recording.objects.filter(pk=recording.pk, state=State.KEPT).update(state=State.EXPIRED, file="")
    return 1 if recording.file else 0
