"""The bytes that a player asks for: from our own copy, from the cache, or from the provider, piece by piece.

No request holds a thread for longer than one fetch: a piece is read whole before the first byte of it goes out, and
is small enough that a slow listener does not matter.
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
from calllogs.recordings.cache import Local, digest_of
from calllogs.recordings.errors import Cause, NotAvailable, OutOfRange
from calllogs.recordings.fetch import FetchResult, Limits, fetch
from calllogs.recordings.http_ranges import ByteRange

PIECE = 2 * 1024 * 1024  # the most that goes out at once; players ask for the next by themselves
AT_ONCE = 3  # fetches in one process: hosts that hang must leave threads for everybody else
_fetching = threading.BoundedSemaphore(AT_ONCE)
_WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes `first` to `last`, both included, of `total`; `tag` stands for the whole's content."""

    data: bytes
    first: int
    total: int
    kind: str
    tag: str

    @property
    def last(self) -> int:
        return self.first + len(self.data) - 1


@dataclass(frozen=True, slots=True)
class Whole:
    """An open file, which whoever got it closes."""

    file: BinaryIO
    total: int
    kind: str
    tag: str


def piece(call: CallLog, wish: ByteRange) -> Piece:
    """What a player wished for, or the beginning of it. Raises NotAvailable, or OutOfRange."""
    local = _local(call)
    if local is None:
        if wish.first is None:
            return _of_local(_fetch_whole(call), wish, call)
        last = wish.first + PIECE - 1 if wish.last is None else min(wish.last, wish.first + PIECE - 1)
        with _turn(), cache.writing() as file:
            got = fetch(call.recording_url, file, limits=limits(), span=(wish.first, last))
            if not got.is_whole:
                file.seek(0)
                return Piece(file.read(), got.start, got.total, got.kind, _tag(call, got.total))
            local = _keep(file, call, got)
    return _of_local(local, wish, call)


def whole(call: CallLog) -> Whole:
    """Everything, for whoever asks for no range. Raises NotAvailable."""
    local = _local(call) or _fetch_whole(call)
    return Whole(_opened(local), local.total, local.kind, _tag(call, local.total))


def limits(*, deadline_s: float | None = None) -> Limits:
    return Limits(
        deadline_s=deadline_s or settings.RECORDING_DEADLINE_S,
        max_bytes=settings.RECORDING_MAX_MB * 1024 * 1024,
        allowed=[ip_network(cidr.strip(), strict=False) for cidr in settings.RECORDING_ALLOWED_NETWORKS],
    )


def _of_local(local: Local, wish: ByteRange, call: CallLog) -> Piece:
    span = wish.within(local.total)
    if span is None:
        raise OutOfRange(local.total)
    with _opened(local) as file:
        file.seek(span[0])
        data = file.read(min(span[1] - span[0] + 1, PIECE))
    return Piece(data, span[0], local.total, local.kind, _tag(call, local.total))


def _opened(local: Local) -> BinaryIO:
    with suppress(FileNotFoundError):
        return local.path.open("rb")
    raise NotAvailable(Cause.BUSY)  # it went to make room a moment ago; the next try fetches it


def _local(call: CallLog) -> Local | None:
    digest = digest_of(call.recording_url)
    recording: Recording | None = getattr(call, "recording", None)  # none, if nobody looked yet
    if recording is not None and archive.is_current(recording, digest):
        return archive.local(recording) or cache.find(digest)
    return cache.find(digest)


def _fetch_whole(call: CallLog) -> Local:
    with _turn(), cache.writing() as file:
        return _keep(file, call, fetch(call.recording_url, file, limits=limits()))


def _keep(file: BinaryIO, call: CallLog, got: FetchResult) -> Local:
    return cache.keep(file, digest_of(call.recording_url), got.kind)


def _tag(call: CallLog, total: int) -> str:
    """The same for a sound wherever it comes from, so that a player may go on when the copy is moved."""
    return f'"{digest_of(call.recording_url)[:24]}-{total:x}"'


@contextmanager
def _turn() -> Iterator[None]:
    if not _fetching.acquire(timeout=_WAIT_S):
        raise NotAvailable(Cause.BUSY)
    try:
        yield
    finally:
        _fetching.release()
