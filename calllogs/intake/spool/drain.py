"""Drains the spool: passes records to a handler and sets damage aside."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from calllogs.intake.spool import files
from calllogs.intake.spool.files import BAD, OPEN, SEALED
from calllogs.intake.spool.records import HEADER, RecordSpan, split_records

APPEND_WAIT_S = 2.0  # longest wait for an append in progress in a file just sealed


class Drained(NamedTuple):
    """Numbers of handled records and of damaged ranges that were set aside."""

    handled: int
    set_aside: int


def drain(directory: Path, handle: Callable[[list[bytes]], None], *, batch: int) -> Drained:
    """See `Spool.drain`."""
    handled = set_aside = 0
    errors: list[OSError] = []
    for path in files.list_files(directory, OPEN, SEALED):
        with _claim(path, errors) as claimed:
            if claimed is None:
                continue
            sealed, data = claimed
            all_spans = list(split_records(data))
            records = [span for span in all_spans if span.is_record]
            for first in range(0, len(records), batch):
                chunk = records[first : first + batch]
                handle([data[span.start + HEADER.size : span.end] for span in chunk])
                handled += len(chunk)
            damage = [span for span in all_spans if not span.is_record]
            try:
                _finish(sealed, data, damage)
            except OSError as error:
                errors.append(error)
            else:
                set_aside += len(damage)
    if errors:
        raise errors[0]
    return Drained(handled, set_aside)


@contextmanager
def _claim(path: Path, errors: list[OSError]) -> Iterator[tuple[Path, bytes] | None]:
    """Seal, lock and read a file. None if another drainer has it, or if it cannot be read."""
    sealed, fd, data = path.with_suffix(SEALED), -1, None
    try:
        with suppress(FileNotFoundError):  # another drainer was faster
            if path != sealed:
                path.rename(sealed)
            fd = os.open(sealed, os.O_RDONLY)
            wait_s = APPEND_WAIT_S if path != sealed else 0.0
            if files.lock(fd, wait_s=wait_s) and files.is_still_named(sealed, fd):
                with open(fd, "rb", closefd=False) as file:
                    data = file.read()
    except OSError as error:
        errors.append(error)
    try:
        yield None if data is None else (sealed, data)
    finally:
        if fd >= 0:
            files.unlock_and_close(fd)


def _finish(sealed: Path, data: bytes, damage: list[RecordSpan]) -> None:
    """Delete a file whose records were handled, after its damage was set aside."""
    if damage:
        _set_aside(sealed, data, damage)
    sealed.unlink()
    files.sync_directory(sealed.parent)


def _set_aside(sealed: Path, data: bytes, damage: list[RecordSpan]) -> None:
    """Write the damaged ranges to the `.bad` file. A repeated drain overwrites it, so nothing is counted twice."""
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
