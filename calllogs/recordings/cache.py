"""What was fetched lately, on disk for an hour: a player asks for one sound many times."""

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

KEPT_S = 3600
_LOST_S = 600  # a file that is still being written after so long was left by a process that died
_WRITING = ".part"


@dataclass(frozen=True, slots=True)
class Local:
    """A whole sound on this disk."""

    path: Path
    total: int
    kind: str


def digest_of(url: str) -> str:
    """By this an address is known where the address itself must not stand."""
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()


def find(digest: str) -> Local | None:
    for path in _directory().glob(f"{digest}-*"):
        with suppress(OSError):  # pruned meanwhile
            os.utime(path)
            kind = path.name.partition("-")[2].replace("_", "/", 1)
            return Local(path, path.stat().st_size, kind)
    return None


@contextmanager
def writing() -> Iterator[BinaryIO]:
    """A file to fetch into; gone at the end unless it was kept."""
    with tempfile.NamedTemporaryFile(dir=_directory(), suffix=_WRITING, delete=False) as file:
        try:
            yield file  # type: ignore[misc]  # it is a binary file in all but its declared type
        finally:
            with suppress(FileNotFoundError):
                os.unlink(file.name)


def keep(file: BinaryIO, digest: str, kind: str) -> Local:
    """Give a whole file its place; whoever kept the same a moment ago is overwritten by the same."""
    file.flush()
    path = _directory() / f"{digest}-{re.sub(r'[^a-z0-9.+/-]', '', kind).replace('/', '_', 1)}"
    total = os.fstat(file.fileno()).st_size
    os.replace(file.name, path)
    prune()
    return Local(path, total, kind)


def prune() -> None:
    """Delete what was not asked for in an hour, and the oldest of what is too much; the newest stays."""
    room = settings.RECORDING_CACHE_MB * 1024 * 1024
    now = time.time()
    found = []
    for path in _directory().iterdir():
        with suppress(OSError):
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    newest = max((each for each in found if each[2].suffix != _WRITING), default=(0, 0, None))[2]
    for at, size, path in sorted(found, reverse=True):
        if path.suffix == _WRITING:
            is_old = now - at > _LOST_S
        else:
            is_old = now - at > KEPT_S or (room < size and path != newest)
            room -= size
        if is_old:
            path.unlink(missing_ok=True)


def forget() -> None:
    """Delete all that is whole: whose voice it is, only the address told."""
    for path in _directory().iterdir():
        if path.suffix != _WRITING:
            path.unlink(missing_ok=True)


def _directory() -> Path:
    path = settings.VAR_DIR / "recordings-cache"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
