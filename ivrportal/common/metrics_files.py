"""Where the processes of a machine leave what they have counted, and how it outlives them. Plain Python.

Files of the directory, mode 0600; `<id>` is a random word, because two containers may have the same process number:

    <id>.live      empty; its process holds `flock` on it for as long as it lives
    <id>.json      what that process has counted, replaced in one step
    ended.json     what the processes that are gone had counted, and which they were
    folding.lock   held by whoever takes a new id, or adds those that are gone to `ended.json`

So counts never go back when a process ends, which a scraper would take for a new beginning.
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

LIVE, KEPT, ENDED = ".live", ".json", "ended.json"


def enter(directory: Path) -> tuple[str, int]:
    """A new id, and the descriptor that says that its process lives. Raises OSError."""
    name = secrets.token_hex(8)
    with _folding(directory):
        fd = os.open(directory / (name + LIVE), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _fold(directory)
    return name, fd


def write(directory: Path, name: str, counts: Counts) -> None:
    """Leave what this id's process has counted so far. Raises OSError; then what was there before stays."""
    _replace(directory / (name + KEPT), {"counts": _packed(counts)})


def of_others(directory: Path, mine: str) -> Counts:
    """What all other processes have counted, those that are gone too. Raises OSError."""
    with _folding(directory):
        _fold(directory)
        total = _read(directory / ENDED)[0]
        for path in directory.glob("*" + KEPT):
            if path.name != ENDED and path.stem != mine:
                add(total, _read(path)[0])
    return total


def add(total: Counts, more: Counts) -> None:
    for meter, series in more.items():
        into = total.setdefault(meter, {})
        for labels, numbers in series.items():
            before = into.get(labels, [])
            # Of different lengths after an upgrade with other buckets: the new ones begin anew.
            into[labels] = (
                [a + b for a, b in zip(before, numbers, strict=True)]
                if len(before) == len(numbers)
                else numbers
            )


def _fold(directory: Path) -> None:
    """Add the counts of those that are gone to `ended.json`, then delete their files."""
    gone = [path.stem for path in directory.glob("*" + LIVE) if _is_gone(path)]
    if not gone:
        return
    total, added = _read(directory / ENDED)
    for name in gone:
        if name not in added:  # else we were killed between adding and deleting
            add(total, _read(directory / (name + KEPT))[0])
    _replace(directory / ENDED, {"counts": _packed(total), "who": gone})
    for name in gone:
        (directory / (name + KEPT)).unlink(missing_ok=True)
        (directory / (name + LIVE)).unlink(missing_ok=True)


def _is_gone(path: Path) -> bool:
    fd = os.open(path, os.O_WRONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True


@contextmanager
def _folding(directory: Path) -> Iterator[None]:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    fd = os.open(directory / "folding.lock", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _read(path: Path) -> tuple[Counts, list[str]]:
    """Counts, and whose they are; nothing of a file that is not there or makes no sense."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        counts = {
            meter: {tuple(labels): numbers for labels, numbers in series}
            for meter, series in found["counts"].items()
        }
        return counts, found.get("who", [])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return {}, []


def _packed(counts: Counts) -> dict[str, list[list[object]]]:
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
