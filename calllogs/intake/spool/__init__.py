"""A spool of pushes on disk, used while the database does not answer: append, sync, drain later. Plain Python.

Files in the directory, all with mode 0600. A name begins with the time of creation in nanoseconds:

    <time>-<pid>-<random>.open      one process appends to it
    <the same>.sealed               a drainer has taken it; no process appends to it again
    <the same>.bad                  damage, kept for manual inspection: one JSON line for each damaged range, with its
                                    offset, a note in English, and the bytes in base64

A file is a sequence of records. A record is a 16-byte header and the payload; numbers are big-endian:

    4  MAGIC; it never occurs in UTF-8 text, so a search for the next record does not stop inside a payload
    4  length of the payload in bytes, at most MAX_PAYLOAD
    4  CRC-32 of the payload
    4  CRC-32 of the 12 bytes before: the length in an intact header is valid even if the payload is damaged

Locking: appenders and drainers hold `flock` on the file, an appender for one write. A drainer first renames `.open` to
`.sealed` and then waits for the lock. So an append in progress is completed and read, and the next append finds its
file renamed and starts a new one. An appender never waits for a lock.

Durability: a record whose append returned is handled at least once, whichever process is killed at any time. An
interrupted append loses only itself, a flipped bit only its record; both are set aside and counted. A file is deleted
when all its records were handled and its damage was set aside and synced.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from calllogs.intake.spool.append import Appender, SpoolFull
from calllogs.intake.spool.depth import Depth, DepthGauge
from calllogs.intake.spool.drain import Drained, drain

__all__ = ["Depth", "Drained", "Spool", "SpoolFull"]

LIMIT_BYTES = 256 * 1024 * 1024  # all files in the directory together


class Spool:
    """One per process and directory. Thread-safe; a forked child appends to its own file."""

    def __init__(self, directory: Path | str, *, limit_bytes: int = LIMIT_BYTES) -> None:
        self.directory = Path(directory)
        self._appender = Appender(self.directory, limit_bytes=limit_bytes)
        self._depth_gauge = DepthGauge(self.directory)

    def append(self, payload: bytes) -> None:
        """Append and sync one payload of at most 1 MiB.

        Raises ValueError if it is longer, SpoolFull at a size limit, another OSError if the disk fails; then it is not
        stored.
        """
        self._appender.append_many([payload])

    def append_many(self, payloads: Sequence[bytes]) -> None:
        """Append several payloads with one write and one sync. Stores all of them, or raises as `append` does."""
        self._appender.append_many(payloads)

    def depth(self) -> Depth:
        """The records waiting and the damage set aside. Reads only what was written since this process's last call."""
        return self._depth_gauge.depth()

    def drain(self, handle: Callable[[list[bytes]], None], *, batch: int = 200) -> Drained:
        """Pass all waiting payloads to `handle`, oldest file first. A file is deleted when its payloads were handled.

        `handle` must have committed when it returns. An exception of `handle` ends the drain and keeps the current
        file, so some of its payloads are passed again next time. A file that cannot be read, or whose damage cannot be
        set aside, is kept too; the others are drained and its OSError is raised at the end. Files that another drainer
        has locked are skipped.
        """
        return drain(self.directory, handle, batch=batch)
