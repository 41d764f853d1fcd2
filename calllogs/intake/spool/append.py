"""Putting records into the spool: one file for each process, one sync for all threads that wait."""

import errno
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from calllogs.intake.spool import files
from calllogs.intake.spool.records import packed

FILE_BYTES = 4 * 1024 * 1024  # a file that has reached this gets no more: a drainer holds one in memory
LIMIT_CHECK_S = 1.0  # other processes fill and empty the directory too, so a measure of it is soon old
FULL = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


class SpoolFull(OSError):
    """There is no room: the limit of the spool, of the disk or of a file is reached. Nothing was kept."""


@dataclass(slots=True)
class _Ticket:
    """One caller that waits for a sync; several share one."""

    data: bytes
    is_done: bool = False
    # What it is told if the thread that writes for it is stopped by something that is no OSError.
    error: OSError | None = field(default_factory=lambda: OSError(errno.EINTR, "the append was cut short"))


@dataclass(slots=True)
class _Own:
    """What belongs to one process. A fork leaves it to the parent: its gate may be shut, its file is not ours."""

    pid: int = field(default_factory=os.getpid)
    gate: threading.Condition = field(default_factory=threading.Condition)
    is_writing: bool = False
    tickets: list[_Ticket] = field(default_factory=list)
    path: Path | None = None
    end: int = 0  # bytes of the file that are synced
    room: int = 0  # bytes below the limit when last measured, less what was written since
    measured_at: float = float("-inf")


class Appender:
    def __init__(self, directory: Path, *, limit_bytes: int) -> None:
        self.directory = directory
        self.limit_bytes = limit_bytes
        self._own = _Own()

    def append_many(self, payloads: Sequence[bytes]) -> None:
        """See `Spool.append_many`."""
        if not payloads:
            return
        ticket = _Ticket(b"".join(map(packed, payloads)))
        own = self._own
        if own.pid != os.getpid():
            own = self._own = _Own()
        # While one thread syncs, the others gather here; the first to see it done writes for all that gathered.
        with own.gate:
            own.tickets.append(ticket)
            while not ticket.is_done and own.is_writing:
                own.gate.wait()
            if not ticket.is_done:
                tickets, own.tickets, own.is_writing = own.tickets, [], True
        if not ticket.is_done:
            try:
                self._write_tickets(own, tickets)
            finally:
                with own.gate:
                    own.is_writing = False
                    for each in tickets:
                        each.is_done = True
                    own.gate.notify_all()
        if ticket.error:
            raise type(ticket.error)(*ticket.error.args) from ticket.error

    def _write_tickets(self, own: _Own, tickets: list[_Ticket]) -> None:
        """Write what fits for all that wait, and leave with each how it went. One thread at a time."""
        fitting: list[_Ticket] = []
        try:
            for ticket in tickets:
                if self._reserve(own, len(ticket.data)):
                    fitting.append(ticket)
                else:
                    ticket.error = SpoolFull(errno.ENOSPC, "the spool has reached its limit")
            if fitting:
                self._write(own, b"".join(ticket.data for ticket in fitting))
        except OSError as error:
            reason = SpoolFull(error.errno, error.strerror) if error.errno in FULL else error
            for ticket in tickets:
                ticket.error = ticket.error if isinstance(ticket.error, SpoolFull) else reason
        else:
            for ticket in fitting:
                ticket.error = None

    def _reserve(self, own: _Own, size: int) -> bool:
        """Take room below the limit, if there is. Several processes may overshoot it by a second of writing."""
        now = time.monotonic()
        if size > own.room or now - own.measured_at > LIMIT_CHECK_S:
            used = 0
            for path in files.listed(self.directory):
                with suppress(FileNotFoundError):
                    used += path.stat().st_size
            own.room, own.measured_at = self.limit_bytes - used, now
        if size > own.room:
            return False
        own.room -= size
        return True

    def _write(self, own: _Own, data: bytes) -> None:
        """Append to the own file and sync it; on any error the file ends where it ended before."""
        with self._locked_file(own) as (path, fd):
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]
                os.fdatasync(fd)
                if not own.end:
                    files.sync_directory(self.directory)
            except BaseException:
                # After a sync that failed nobody knows what is on the disk: this file gets no more.
                own.path = None
                with suppress(OSError):
                    os.ftruncate(fd, own.end)
                    if not own.end:
                        path.unlink()
                raise
            own.end += len(data)

    @contextmanager
    def _locked_file(self, own: _Own) -> Iterator[tuple[Path, int]]:
        """The own file, locked and as it was left; a new one if a drainer has it or it is full."""
        while True:
            path, fd = self._open_file(own)
            try:
                if files.lock(fd) and files.still_named(path, fd) and os.fstat(fd).st_size == own.end:
                    yield path, fd
                    return
                own.path = None
            finally:
                files.release(fd)

    def _open_file(self, own: _Own) -> tuple[Path, int]:
        if own.path and own.end < FILE_BYTES:
            with suppress(FileNotFoundError):
                return own.path, os.open(own.path, os.O_WRONLY | os.O_APPEND)
        if not self.directory.is_dir():
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.sync_directory(self.directory.parent)
        own.path, own.end = self.directory / files.new_name(), 0
        return own.path, os.open(own.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
