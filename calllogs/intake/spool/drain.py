"""Taking records out of the spool, and setting damage aside."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from calllogs.intake.spool import files
from calllogs.intake.spool.files import BAD, OPEN, SEALED
from calllogs.intake.spool.records import HEADER, Span, spans

APPEND_WAIT_S = 2.0  # longest wait for the append that is under way in a file just sealed


class Drained(NamedTuple):
    """Records that the handler took, and damaged stretches set aside."""

    handled: int
    set_aside: int


def drain(directory: Path, handle: Callable[[list[bytes]], None], *, batch: int) -> Drained:
    """See `Spool.drain`."""
    handled = set_aside = 0
    troubles: list[OSError] = []
    for path in files.listed(directory, OPEN, SEALED):
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
                _finish(sealed, data, damage)
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
            if files.lock(fd, wait_s=wait_s) and files.still_named(sealed, fd):
                with open(fd, "rb", closefd=False) as file:
                    data = file.read()
    except OSError as error:
        troubles.append(error)
    try:
        yield None if data is None else (sealed, data)
    finally:
        if fd >= 0:
            files.release(fd)


def _finish(sealed: Path, data: bytes, damage: list[Span]) -> None:
    """Delete a file whose records were handled, once its damage is safe elsewhere."""
    if damage:
        _set_aside(sealed, data, damage)
    sealed.unlink()
    files.sync_directory(sealed.parent)


def _set_aside(sealed: Path, data: bytes, damage: list[Span]) -> None:
    """Keep damaged stretches beside the file. The same name every time, so that a repeated drain adds none."""
    unfinished = sealed.with_suffix(".unfinished")
    fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(fd, "w", encoding="utf-8") as file:
        for span in damage:
            is_tail = span.end == len(data)
            line = {
                "offset": span.start,
                "note": "damaged, or cut short by a crash: the file ends here" if is_tail else "damaged",
                "base64": base64.b64encode(data[span.start : span.end]).decode(),
            }
            file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(fd)
    unfinished.rename(sealed.with_suffix(BAD))
    files.sync_directory(sealed.parent)
