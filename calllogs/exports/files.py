"""The directory of export files. Complete files have unguessable names; partial ones are never served."""

import os
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings

ORPHAN_S = 24 * 3600  # age at which an unreferenced file is deleted: its export may still be under way before
_PARTIAL_SUFFIX = ".part"


def directory() -> Path:
    path = settings.VAR_DIR / "exports"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def generate_name(file_format: str) -> str:
    return f"{secrets.token_urlsafe(24)}.{file_format}"


def path_for(name: str) -> Path:
    return directory() / name


@contextmanager
def write_atomically(name: str) -> Iterator[IO[bytes]]:
    """Opens a new file with mode 0600. It gets its name once it is synced to disk; on an error it is deleted."""
    partial = directory() / (name + _PARTIAL_SUFFIX)
    try:
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path_for(name))
    finally:
        partial.unlink(missing_ok=True)


def delete(name: str) -> None:
    with suppress(OSError):
        path_for(name).unlink(missing_ok=True)


def delete_orphans(known: Iterable[str]) -> None:
    """Deletes files older than ORPHAN_S that are not in `known`, such as those of a killed worker."""
    kept = set(known)
    for path in directory().iterdir():
        if path.name not in kept and path.stat().st_mtime < time.time() - ORPHAN_S:
            delete(path.name)
