"""Recently fetched recordings, on disk for an hour: a player requests the same recording many times."""

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
_ABANDONED_S = 600  # a partial file older than this was left by a killed process
_PARTIAL_SUFFIX = ".part"


@dataclass(frozen=True, slots=True)
class LocalRecording:
    """A complete recording on this disk. `total` is its size in bytes."""

    path: Path
    total: int
    content_type: str


def hash_url(url: str) -> str:
    """Identifies a URL where the URL itself must not be stored, because it may contain a token."""
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).hexdigest()


def find(digest: str) -> LocalRecording | None:
    for path in _directory().glob(f"{digest}-*"):
        with suppress(OSError):  # another process has pruned it
            os.utime(path)
            content_type = path.name.partition("-")[2].replace("_", "/", 1)
            return LocalRecording(path, path.stat().st_size, content_type)
    return None


@contextmanager
def temporary_file() -> Iterator[BinaryIO]:
    """A file to fetch into. It is deleted at the end unless `store` has moved it."""
    with tempfile.NamedTemporaryFile(dir=_directory(), suffix=_PARTIAL_SUFFIX, delete=False) as file:
        try:
            yield file  # type: ignore[misc]  # a BinaryIO in all but its declared type
        finally:
            with suppress(FileNotFoundError):
                os.unlink(file.name)


def store(file: BinaryIO, digest: str, content_type: str) -> LocalRecording:
    """Moves a complete file into the cache. Replaces an identical one that another process stored meanwhile."""
    file.flush()
    path = _directory() / f"{digest}-{re.sub(r'[^a-z0-9.+/-]', '', content_type).replace('/', '_', 1)}"
    total = os.fstat(file.fileno()).st_size
    os.replace(file.name, path)
    prune()
    return LocalRecording(path, total, content_type)


def prune() -> None:
    """Deletes files unused for KEPT_S and the oldest beyond RECORDING_CACHE_MB. The newest file always stays."""
    bytes_left = settings.RECORDING_CACHE_MB * 1024 * 1024
    now = time.time()
    found = []
    for path in _directory().iterdir():
        with suppress(OSError):
            found.append((path.stat().st_mtime, path.stat().st_size, path))
    newest = max((entry for entry in found if entry[2].suffix != _PARTIAL_SUFFIX), default=(0, 0, None))[2]
    for at, size, path in sorted(found, reverse=True):
        if path.suffix == _PARTIAL_SUFFIX:
            is_old = now - at > _ABANDONED_S
        else:
            is_old = now - at > KEPT_S or (bytes_left < size and path != newest)
            bytes_left -= size
        if is_old:
            path.unlink(missing_ok=True)


def clear() -> None:
    """Deletes every complete file: it is not known which callers they belong to."""
    for path in _directory().iterdir():
        if path.suffix != _PARTIAL_SUFFIX:
            path.unlink(missing_ok=True)


def _directory() -> Path:
    path = settings.VAR_DIR / "recordings-cache"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
