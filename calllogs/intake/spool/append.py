"""Appends records to the spool: one file per process, one sync for all waiting threads."""

import errno
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from calllogs.intake.spool import files
from calllogs.intake.spool.records import pack_record

MAX_FILE_BYTES = 4 * 1024 * 1024  # then a new file is started: a drainer reads whole files into memory
LIMIT_CHECK_S = 1.0  # other processes change the directory too, so it is measured again after this time
FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EFBIG, errno.EDQUOT})


class SpoolFull(OSError):
    """A size limit of the spool, the disk or a file is reached. Nothing was stored."""


@dataclass(slots=True)
class _WaitingAppend:
    """One call of `append_many` that waits for a sync. Several calls share one sync."""

    data: bytes
    is_done: bool = False
    # The error if the writing thread is stopped by something other than an OSError.
    error: OSError | None = field(default_factory=lambda: OSError(errno.EINTR, "the append was cut short"))


@dataclass(slots=True)
class _ProcessState:
    """State of one process. A forked child makes its own: the inherited lock may be held, the file is the parent's."""

    pid: int = field(default_factory=os.getpid)
    condition: threading.Condition = field(default_factory=threading.Condition)
    is_writing: bool = False
    appends: list[_WaitingAppend] = field(default_factory=list)
    path: Path | None = None
    synced_bytes: int = 0  # size of the file after the last sync
    free_bytes: int = 0  # below the limit when last measured, minus what was written since
    measured_at: float = float("-inf")


class Appender:
    def __init__(self, directory: Path, *, limit_bytes: int) -> None:
        self.directory = directory
        self.limit_bytes = limit_bytes
        self._state = _ProcessState()

    def append_many(self, payloads: Sequence[bytes]) -> None:
        """See `Spool.append_many`."""
        if not payloads:
            return
        append = _WaitingAppend(b"".join(map(pack_record, payloads)))
        state = self._state
        if state.pid != os.getpid():
            state = self._state = _ProcessState()
        # While one thread syncs, the others wait here. The first to wake up writes for all that are waiting.
        with state.condition:
            state.appends.append(append)
            while not append.is_done and state.is_writing:
                state.condition.wait()
            if not append.is_done:
                appends, state.appends, state.is_writing = state.appends, [], True
        if not append.is_done:
            try:
                self._write_appends(state, appends)
            finally:
                with state.condition:
                    state.is_writing = False
                    for written in appends:
                        written.is_done = True
                    state.condition.notify_all()
        if append.error:
            raise type(append.error)(*append.error.args) from append.error

    def _write_appends(self, state: _ProcessState, appends: list[_WaitingAppend]) -> None:
        """Write the appends that fit below the limit, and set the error of each. One thread at a time."""
        fitting: list[_WaitingAppend] = []
        try:
            for append in appends:
                if self._reserve(state, len(append.data)):
                    fitting.append(append)
                else:
                    append.error = SpoolFull(errno.ENOSPC, "the spool has reached its limit")
            if fitting:
                self._write(state, b"".join(append.data for append in fitting))
        except OSError as error:
            reason = SpoolFull(error.errno, error.strerror) if error.errno in FULL_ERRNOS else error
            for append in appends:
                append.error = append.error if isinstance(append.error, SpoolFull) else reason
        else:
            for append in fitting:
                append.error = None

    def _reserve(self, state: _ProcessState, size: int) -> bool:
        """Reserve space if the limit allows. Several processes together may exceed it by LIMIT_CHECK_S of writing."""
        now = time.monotonic()
        if size > state.free_bytes or now - state.measured_at > LIMIT_CHECK_S:
            used = 0
            for path in files.list_files(self.directory):
                with suppress(FileNotFoundError):
                    used += path.stat().st_size
            state.free_bytes, state.measured_at = self.limit_bytes - used, now
        if size > state.free_bytes:
            return False
        state.free_bytes -= size
        return True

    def _write(self, state: _ProcessState, data: bytes) -> None:
        """Append to this process's file and sync it. After any error the file is truncated to its previous size."""
        with self._locked_file(state) as (path, fd):
            try:
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]
                os.fdatasync(fd)
                if not state.synced_bytes:
                    files.sync_directory(self.directory)
            except BaseException:
                # After a failed sync the content on disk is unknown, so this file is not used again.
                state.path = None
                with suppress(OSError):
                    os.ftruncate(fd, state.synced_bytes)
                    if not state.synced_bytes:
                        path.unlink()
                raise
            state.synced_bytes += len(data)

    @contextmanager
    def _locked_file(self, state: _ProcessState) -> Iterator[tuple[Path, int]]:
        """This process's file, locked and as it left it; a new one if a drainer has taken it or it is full."""
        while True:
            path, fd = self._open_file(state)
            try:
                if (
                    files.lock(fd)
                    and files.is_still_named(path, fd)
                    and os.fstat(fd).st_size == state.synced_bytes
                ):
                    yield path, fd
                    return
                state.path = None
            finally:
                files.unlock_and_close(fd)

    def _open_file(self, state: _ProcessState) -> tuple[Path, int]:
        if state.path and state.synced_bytes < MAX_FILE_BYTES:
            with suppress(FileNotFoundError):
                return state.path, os.open(state.path, os.O_WRONLY | os.O_APPEND)
        if not self.directory.is_dir():
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            files.sync_directory(self.directory.parent)
        state.path, state.synced_bytes = self.directory / files.build_name(), 0
        return state.path, os.open(state.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
