"""Taking records out of the spool, and setting damage aside."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from calllogs.spool import files
from calllogs.spool.files import BAD, OPEN, SEALED
from calllogs.spool.records import HEADER, Span, spans

APPEND_WAIT_S = 2.0  # longest wait for the append that is under way in a file just sealed


class Drained(NamedTuple):
    """Records that the handler took, and damaged stretches set aside."""

    handled: int
    set_aside: int


def drain(self, handle: Callable[[list[bytes]], None], *, batch: int = 200) -> Drained:
    """Hand over all that waits, oldest file first, and delete it; `handle` has committed when it returns.

    What `handle` raises ends the drain; the file at hand stays whole, so some of it is handed over again next
    time. A file that cannot be read, or whose damage cannot be set aside, stays too, but does not hold up the
    others: its OSError is raised at the end. Files that another drainer holds are left to it.
    """
    handled = set_aside = 0
    troubles: list[OSError] = []
    for path in self._files(OPEN, SEALED):
        with _claimed(path, troubles) as claimed:
            if claimed is None:
                continue
            sealed, data = claimed
            found = list(spans(data))
            records = [span for span in found if span.is_record]
            for first in range(0, len(records), batch):
                some = records[first : first + batch]
                handle([data[span.start + HEADER.size : span.end] for span in some])
                handled += len(some)
            damage = [span for span in found if not span.is_record]
            try:
                if damage:
                    self._set_aside(sealed, data, damage)
                sealed.unlink()
                _sync_directory(self.directory)
            except OSError as error:
                troubles.append(error)
            else:
                set_aside += len(damage)
    if troubles:
        raise troubles[0]
    return Drained(handled, set_aside)

@contextmanager
def _claimed(path: Path, troubles: list[OSError]) -> Iterator[tuple[Path, bytes] | None]:
    """A file to drain, sealed, locked and read; None if it is another drainer's, or in trouble."""
    sealed, fd, data = path.with_suffix(SEALED), -1, None
    try:
        with suppress(FileNotFoundError):  # another drainer was quicker
            if path != sealed:
                path.rename(sealed)
            fd = os.open(sealed, os.O_RDONLY)
            wait_s = APPEND_WAIT_S if path != sealed else 0.0
            if _locked(fd, wait_s=wait_s) and _is_named(sealed, fd):
                with open(fd, "rb", closefd=False) as file:
                    data = file.read()
    except OSError as error:
        troubles.append(error)
    try:
        yield None if data is None else (sealed, data)
    finally:
        if fd >= 0:
            _release(fd)


def _set_aside(self, sealed: Path, data: bytes, damage: list[Span]) -> None:
    """Keep damaged stretches beside the file. The same name every time, so that a repeated drain adds none."""
    lines = "".join(
        json.dumps({
            "offset": span.start,
            "note": "the file ends inside a record" if span.end == len(data) else "a checksum does not fit",
            "base64": base64.b64encode(data[span.start : span.end]).decode(),
        }) + "\n"
        for span in damage
    )  # fmt: skip
    unfinished = sealed.with_suffix(".unfinished")
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "w") as file:
        file.write(lines)
        file.flush()
        os.fsync(fd)
    unfinished.rename(sealed.with_suffix(BAD))
    _sync_directory(self.directory)


