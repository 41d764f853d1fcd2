"""Where the files of exports lie: whole ones under a name that nobody guesses, half ones beside, never handed out."""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings

ORPHAN_S = 24 * 3600  # so long is a file left alone that no record names: its export may still be under way
_UNFINISHED = ".part"


def directory() -> Path:
    path = settings.VAR_DIR / "exports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def new_name(file_format: str) -> str:
    return f"{secrets.token_urlsafe(24)}.{file_format}"


def path_of(name: str) -> Path:
    return directory() / name


@contextmanager
def unfinished(name: str) -> Iterator[IO[bytes]]:
    """A file to write, readable by us alone. It takes its name when all is on the disk; on an error it is gone."""
    half = directory() / (name + _UNFINISHED)
    try:
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        half.rename(path_of(name))
    finally:
        half.unlink(missing_ok=True)


def delete(name: str) -> None:
    with suppress(OSError):
        path_of(name).unlink(missing_ok=True)


def delete_orphans(known: Iterable[str]) -> None:
    """What a killed worker left behind: files that no record names, once they are a day old."""
    kept = set(known)
    for path in directory().iterdir():
        if path.name not in kept and path.stat().st_mtime < time.time() - ORPHAN_S:
            delete(path.name)
