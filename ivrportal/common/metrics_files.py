"""Files in which the processes of a machine share their counts, and which keep the counts of ended processes.

Plain Python. All files have mode 0600. `<id>` is random, because two containers may have the same process id:

    <id>.live      empty; its process holds `flock` on it as long as it runs
    <id>.json      the counts of that process, replaced atomically
    ended.json     the summed counts of ended processes, and the ids added last
    folding.lock   held while an id is taken or ended processes are added to `ended.json`

So a counter never decreases when a process ends; a scraper would take that for a reset.
"""

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# `{meter: {labels: numbers}}`
Counts = dict[str, dict[tuple[str, ...], list[float]]]

LIVE, COUNTS, ENDED = ".live", ".json", "ended.json"


def register_process(directory: Path) -> tuple[str, int]:
    """A new id, and the descriptor that holds its lock. Raises OSError."""
    name = secrets.token_hex(8)
    with _lock(directory):
        fd = os.open(directory / (name + LIVE), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _fold_ended(directory)
    return name, fd


def write_counts(directory: Path, name: str, counts: Counts) -> None:
    """Replace the counts of this id. Raises OSError; then the previous file stays."""
    _replace(directory / (name + COUNTS), {"counts": _to_json(counts)})


def counts_of_others(directory: Path, mine: str) -> Counts:
    """The summed counts of all other processes, ended ones included. Raises OSError."""
    with _lock(directory):
        _fold_ended(directory)
        total = _read_counts(directory / ENDED)[0]
        for path in directory.glob("*" + COUNTS):
            if path.name != ENDED and path.stem != mine:
                add_counts(total, _read_counts(path)[0])
    return total


def add_counts(total: Counts, more: Counts) -> None:
    for meter, series in more.items():
        into = total.setdefault(meter, {})
        for labels, numbers in series.items():
            before = into.get(labels, [])
            # Lengths differ after an upgrade that changed the buckets; then the newer numbers replace the sum.
            into[labels] = (
                [a + b for a, b in zip(before, numbers, strict=True)]
                if len(before) == len(numbers)
                else numbers
            )


def _fold_ended(directory: Path) -> None:
    """Add the counts of ended processes to `ended.json`, then delete their files."""
    gone = [path.stem for path in directory.glob("*" + LIVE) if _has_ended(path)]
    if not gone:
        return
    total, added = _read_counts(directory / ENDED)
    for name in gone:
        if name not in added:  # else an earlier run was killed between adding and deleting
            add_counts(total, _read_counts(directory / (name + COUNTS))[0])
    _replace(directory / ENDED, {"counts": _to_json(total), "who": gone})
    for name in gone:
        (directory / (name + COUNTS)).unlink(missing_ok=True)
        (directory / (name + LIVE)).unlink(missing_ok=True)


def _has_ended(path: Path) -> bool:
    fd = os.open(path, os.O_WRONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


@contextmanager
def _lock(directory: Path) -> Iterator[None]:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(directory / "folding.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _read_counts(path: Path) -> tuple[Counts, list[str]]:
    """Counts and process ids; both empty if the file is missing or invalid."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        counts = {
            meter: {tuple(labels): numbers for labels, numbers in series}
            for meter, series in found["counts"].items()
        }
        return counts, found.get("who", [])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}, []


def _to_json(counts: Counts) -> dict[str, list[list[object]]]:
    return {
        meter: [[labels, numbers] for labels, numbers in series.items()] for meter, series in counts.items()
    }


def _replace(path: Path, content: object) -> None:
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fd, "w", encoding="utf-8") as file:
            json.dump(content, file)
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
