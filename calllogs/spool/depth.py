"""How much waits in the spool, told cheaply enough for every page."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from calllogs.spool import files
from calllogs.spool.files import BAD, OPEN, SEALED
from calllogs.spool.records import spans


class Depth(NamedTuple):
    """What waits: whole records, bytes and files, age in seconds of the oldest; and stretches set aside."""

    records: int
    bytes: int
    files: int
    oldest_age_s: float
    damaged: int


class _Counted(NamedTuple):
    stamp: tuple[int, int, int]  # inode, size, time of the last write
    end: int
    count: int


def depth(self) -> Depth:
    """What waits and what is damaged. Reads only what was appended since it was last asked."""
    counts: dict[str, _Counted] = {}
    sizes: dict[str, int] = {}
    damaged = 0
    for path in self._files(OPEN, SEALED, BAD):
        counted = self._count(path)
        if counted is None:
            continue
        counts[path.stem + (BAD if path.suffix == BAD else "")] = counted
        if path.suffix == BAD:
            damaged += counted.count
        elif counted.stamp[1]:
            sizes[path.stem] = counted.stamp[1]
    self._counts = counts
    records = sum(counts[stem].count for stem in sizes)
    oldest = min((_made_at(stem) for stem in sizes), default=time.time())
    return Depth(records, sum(sizes.values()), len(sizes), max(0.0, time.time() - oldest), damaged)

def _count(self, path: Path) -> _Counted | None:
    """Records of a file, or lines if it was set aside; None if it went away meanwhile."""
    key = path.stem + (BAD if path.suffix == BAD else "")
    known = self._counts.get(key)
    # A drainer may have renamed the file since it was listed.
    for place in (path, path.with_suffix(SEALED)):
        with suppress(FileNotFoundError), place.open("rb") as file:
            status = os.fstat(file.fileno())
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if known and known.stamp == stamp:
                return known
            if path.suffix == BAD:
                return _Counted(stamp, 0, file.read().count(b"\n"))
            grown = known and known.stamp[0] == stamp[0] and known.end <= stamp[1]
            end, count = (known.end, known.count) if known and grown else (0, 0)
            file.seek(end)
            ends = [span.end for span in spans(file.read(stamp[1] - end)) if span.is_record]
            return _Counted(stamp, end + (ends[-1] if ends else 0), count + len(ends))
    return None

