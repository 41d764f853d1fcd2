"""Pushes kept on disk while the database is silent: appended, synced, and drained later. Plain Python.

Files of the directory, all mode 0600; the first part of a name is the moment of making, in nanoseconds:

    <moment>-<pid>-<random>.open    one process appends to it, and only that process
    <the same>.sealed               a drainer has taken it; nobody appends to it again
    <the same>.bad                  set aside, kept for a person: one JSON line for each damaged stretch, with its
                                    offset, a note in plain words, and the bytes in base64

A file is records and nothing else. A record is a header of 16 bytes and the payload; numbers are big-endian:

    4  MAGIC; no text in UTF-8 holds it, so that a search for the next record does not stop inside a payload
    4  length of the payload in bytes, at most MAX_PAYLOAD
    4  CRC-32 of the payload
    4  CRC-32 of the 12 bytes before: a good header's length can be believed when its payload is damaged

Who may touch what: whoever appends to or drains a file holds `flock` on it, the appender for one write. A drainer
first renames `.open` to `.sealed`, then waits for the lock: an append that was under way is finished and will be
read; the next one finds its file gone and starts a new one. An appender never waits for a lock.

What survives: a record whose append returned is handled at least once, whatever is killed and when. An append cut
short costs only itself, a flipped bit only its record; both are set aside and counted. A file goes when all its
records were handled and its damage is set aside and synced.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from calllogs.intake.spool.append import Appender, SpoolFull
from calllogs.intake.spool.depth import Depth, Gauge
from calllogs.intake.spool.drain import Drained, drain

__all__ = ["Depth", "Drained", "Spool", "SpoolFull"]

LIMIT_BYTES = 256 * 1024 * 1024  # of all files of the directory together


class Spool:
    """One for each process and directory. Threads share it; a forked child appends to a file of its own."""

    def __init__(self, directory: Path | str, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.directory = Path(directory)
        self._appender = Appender(self.directory, limit_bytes=limit_bytes)
        self._gauge = Gauge(self.directory)

    def append(self, payload: bytes) -> None:
        """Keep one payload of at most 1 MiB (else ValueError): when this returns, it is on the disk.

        Raises SpoolFull if there is no room, another OSError if the disk fails; then it is not kept.
        """
        self._appender.append_many([payload])

    def append_many(self, payloads: Sequence[bytes]) -> None:
        """Keep several payloads with one write and one sync: all of them, or it raises as `append` does."""
        self._appender.append_many(payloads)

    def depth(self) -> Depth:
        """What waits, and what is set aside. Reads only what was written since this process last asked."""
        return self._gauge.depth()

    def drain(self, handle: Callable[[list[bytes]], None], *, batch: int = 200) -> Drained:
        """Hand over all that waits, oldest file first, and delete it; `handle` has committed when it returns.

        What `handle` raises ends the drain; the file at hand stays whole, so that some of it is handed over again
        next time. A file that cannot be read, or whose damage cannot be set aside, stays too, but does not hold up
        the others: its OSError is raised at the end. Files that another drainer holds are left to it.
        """
        return drain(self.directory, handle, batch=batch)
