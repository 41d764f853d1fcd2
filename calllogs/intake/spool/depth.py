"""How much waits in the spool, told cheaply enough for every page."""

import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from calllogs.intake.spool import files
from calllogs.intake.spool.files import BAD, OPEN, SEALED
from calllogs.intake.spool.records import spans


class Depth(NamedTuple):
    """What waits: whole records, bytes and files, age in seconds of the oldest; and stretches set aside."""

    records: int
    bytes: int
    files: int
    oldest_age_s: float
    damaged: int


class _Counted(NamedTuple):
    inode: int
    size: int
    written_ns: int
    items: int
    end: int  # of the last whole record: counting goes on from here when the file has grown


class Gauge:
    """Remembers what it counted in each file of a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._known: dict[str, _Counted] = {}

    def depth(self) -> Depth:
        """See `Spool.depth`."""
        counted: dict[str, _Counted] = {}
        for path in files.listed(self.directory, OPEN, SEALED, BAD):
            # A file keeps its place under both of its names; what was set aside from it has one beside.
            key = path.stem + BAD if path.suffix == BAD else path.stem
            if found := _count(path, self._known.get(key)):
                counted[key] = found
        self._known = counted
        damaged = sum(found.items for key, found in counted.items() if key.endswith(BAD))
        waiting = {key: found for key, found in counted.items() if not key.endswith(BAD) and found.size}
        now = time.time()
        return Depth(
            records=sum(found.items for found in waiting.values()),
            bytes=sum(found.size for found in waiting.values()),
            files=len(waiting),
            oldest_age_s=max(0.0, now - min(map(files.made_at, waiting), default=now)),
            damaged=damaged,
        )


def _count(path: Path, known: _Counted | None) -> _Counted | None:
    """Records of a file, or lines of one that was set aside; None if it went away meanwhile."""
    for place in (path, path.with_suffix(SEALED)):  # a drainer may have renamed it since it was listed
        with suppress(FileNotFoundError):
            status = place.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if known and known[:3] == stamp:
                return known
            has_grown = known and known.inode == status.st_ino and known.size <= status.st_size
            items, end = (known.items, known.end) if known and has_grown else (0, 0)
            more, end = _items_after(place, items=items, end=end)
            return _Counted(*stamp, items=more, end=end)
    return None


def _items_after(place: Path, *, items: int, end: int) -> tuple[int, int]:
    try:
        with place.open("rb") as file:
            if place.suffix == BAD:
                return file.read().count(b"\n"), 0
            file.seek(end)
            ends = [span.end for span in spans(file.read()) if span.is_record]
    except FileNotFoundError:
        raise
    except OSError:
        # The drain is what complains of a file that cannot be read; a page that tells the depth must not fail.
        return items, end
    return items + len(ends), end + (ends[-1] if ends else 0)
