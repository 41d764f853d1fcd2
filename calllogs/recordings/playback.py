"""The bytes that a player requests: from our own copy, from the cache, or from the provider.

No request holds a thread for longer than one fetch: a range is read completely before its first byte is sent, and it
is small enough that a slow client does not matter.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_network
from typing import BinaryIO

from django.conf import settings

from calllogs.models import CallLog, Recording
from calllogs.recordings import archive, cache
from calllogs.recordings.cache import LocalRecording, hash_url
from calllogs.recordings.errors import Cause, NotAvailable, OutOfRange
from calllogs.recordings.fetch import FetchResult, Limits, fetch
from calllogs.recordings.http_ranges import ByteRange

MAX_RANGE_BYTES = 2 * 1024 * 1024  # of one response; players request the next range automatically
MAX_PARALLEL_FETCHES = 3  # per process, so that unresponsive hosts leave threads for others
_fetch_slots = threading.BoundedSemaphore(MAX_PARALLEL_FETCHES)
_SLOT_WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class RecordingRange:
    """Bytes `first` to `last`, both inclusive, of `total`. `etag` identifies the whole recording."""

    data: bytes
    first: int
    total: int
    content_type: str
    etag: str

    @property
    def last(self) -> int:
        return self.first + len(self.data) - 1


@dataclass(frozen=True, slots=True)
class OpenRecording:
    """An open file; the caller closes it."""

    file: BinaryIO
    total: int
    content_type: str
    etag: str


def read_range(call: CallLog, byte_range: ByteRange) -> RecordingRange:
    """The requested range, at most MAX_RANGE_BYTES of it. Raises NotAvailable or OutOfRange."""
    local = _find_local(call)
    if local is None:
        if byte_range.first is None:
            return _read_local(_fetch_whole(call), byte_range, call)
        last = (
            byte_range.first + MAX_RANGE_BYTES - 1
            if byte_range.last is None
            else min(byte_range.last, byte_range.first + MAX_RANGE_BYTES - 1)
        )
        with _fetch_slot(), cache.temporary_file() as file:
            result = fetch(call.recording_url, file, limits=fetch_limits(), span=(byte_range.first, last))
            if not result.is_whole:
                file.seek(0)
                return RecordingRange(
                    file.read(), result.start, result.total, result.content_type, _etag(call, result.total)
                )
            local = _store_in_cache(file, call, result)
    return _read_local(local, byte_range, call)


def open_recording(call: CallLog) -> OpenRecording:
    """The whole recording. Raises NotAvailable."""
    local = _find_local(call) or _fetch_whole(call)
    return OpenRecording(_open(local), local.total, local.content_type, _etag(call, local.total))


def fetch_limits(*, deadline_s: float | None = None) -> Limits:
    return Limits(
        deadline_s=deadline_s or settings.RECORDING_DEADLINE_S,
        max_bytes=settings.RECORDING_MAX_MB * 1024 * 1024,
        allowed=[ip_network(cidr.strip(), strict=False) for cidr in settings.RECORDING_ALLOWED_NETWORKS],
    )


def _read_local(local: LocalRecording, byte_range: ByteRange, call: CallLog) -> RecordingRange:
    span = byte_range.resolve(local.total)
    if span is None:
        raise OutOfRange(local.total)
    with _open(local) as file:
        file.seek(span[0])
        data = file.read(min(span[1] - span[0] + 1, MAX_RANGE_BYTES))
    return RecordingRange(data, span[0], local.total, local.content_type, _etag(call, local.total))


def _open(local: LocalRecording) -> BinaryIO:
    with suppress(FileNotFoundError):
        return local.path.open("rb")
    raise NotAvailable(Cause.BUSY)  # pruned a moment ago; the next try fetches it again


def _find_local(call: CallLog) -> LocalRecording | None:
    digest = hash_url(call.recording_url)
    recording: Recording | None = getattr(call, "recording", None)  # None if the scan has not reached it
    if recording is not None and archive.is_current(recording, digest):
        return archive.load_copy(recording) or cache.find(digest)
    return cache.find(digest)


def _fetch_whole(call: CallLog) -> LocalRecording:
    with _fetch_slot(), cache.temporary_file() as file:
        return _store_in_cache(file, call, fetch(call.recording_url, file, limits=fetch_limits()))


def _store_in_cache(file: BinaryIO, call: CallLog, result: FetchResult) -> LocalRecording:
    return cache.store(file, hash_url(call.recording_url), result.content_type)


def _etag(call: CallLog, total: int) -> str:
    """The same for our copy, the cache and the provider, so that a player can continue when the source changes."""
    return f'"{hash_url(call.recording_url)[:24]}-{total:x}"'


@contextmanager
def _fetch_slot() -> Iterator[None]:
    if not _fetch_slots.acquire(timeout=_SLOT_WAIT_S):
        raise NotAvailable(Cause.BUSY)
    try:
        yield
    finally:
        _fetch_slots.release()
