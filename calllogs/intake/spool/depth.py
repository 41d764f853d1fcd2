"""How much waits in the spool. Counting is incremental and so cheap enough for every page."""

import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from calllogs.intake.spool import files
from calllogs.intake.spool.files import BAD, OPEN, SEALED
from calllogs.intake.spool.records import split_records


class Depth(NamedTuple):
    """What waits: whole records, bytes, files, age of the oldest in seconds. `damaged`: ranges that were set aside."""

    records: int
    bytes: int
    files: int
    oldest_age_s: float
    damaged: int


class _FileCount(NamedTuple):
    inode: int
    size: int
    written_ns: int
    items: int
    end: int  # of the last whole record; counting resumes here when the file has grown


class DepthGauge:
    """Remembers the count of each file in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._known: dict[str, _FileCount] = {}

    def depth(self) -> Depth:
        """See `Spool.depth`."""
        counts: dict[str, _FileCount] = {}
        for path in files.list_files(self.directory, OPEN, SEALED, BAD):
            # `.open` and `.sealed` share a key, because the file is renamed; `.bad` has its own.
            key = path.stem + BAD if path.suffix == BAD else path.stem
            if count := _count_file(path, self._known.get(key)):
                counts[key] = count
        self._known = counts
        damaged = sum(count.items for key, count in counts.items() if key.endswith(BAD))
        waiting = {key: count for key, count in counts.items() if not key.endswith(BAD) and count.size}
        now = time.time()
        return Depth(
            records=sum(count.items for count in waiting.values()),
            bytes=sum(count.size for count in waiting.values()),
            files=len(waiting),
            oldest_age_s=max(0.0, now - min(map(files.created_at, waiting), default=now)),
            damaged=damaged,
        )


def _count_file(path: Path, known: _FileCount | None) -> _FileCount | None:
    """Counts the records of a file, or the lines of a `.bad` file. None if it was deleted meanwhile."""
    for path_now in (path, path.with_suffix(SEALED)):  # a drainer may have renamed it since it was listed
        with suppress(FileNotFoundError):
            status = path_now.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if known and known[:3] == stamp:
                return known
            has_grown = known and known.inode == status.st_ino and known.size <= status.st_size
            items, end = (known.items, known.end) if known and has_grown else (0, 0)
            more, end = _count_items_after(path_now, items=items, end=end)
            return _FileCount(*stamp, items=more, end=end)
    return None


def _count_items_after(path: Path, *, items: int, end: int) -> tuple[int, int]:
    try:
        with path.open("rb") as file:
            if path.suffix == BAD:
                return file.read().count(b"\n"), 0
            file.seek(end)
            ends = [span.end for span in split_records(file.read()) if span.is_record]
    except FileNotFoundError:
        raise
    except OSError:
        # The drain reports unreadable files. A page that shows the depth must not fail.
        return items, end
    return items + len(ends), end + (ends[-1] if ends else 0)
