"""Names, locks and syncs of the spool's files."""

import fcntl
import os
import time
from pathlib import Path

OPEN, SEALED, BAD = ".open", ".sealed", ".bad"


def _files(self, *suffixes: str) -> list[Path]:
    """The directory's files with these endings (all without any), oldest first."""
    try:
        paths = sorted(self.directory.iterdir())
    except FileNotFoundError:
        return []
    return [path for path in paths if not suffixes or path.suffix in suffixes]

def _locked(fd: int, *, wait_s: float = 0.0) -> bool:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.005)
        else:
            return True


def _release(fd: int) -> None:
    # A child forked meanwhile has the lock too, and closing is not enough: unlocking ends it for both.
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def _is_named(path: Path, fd: int) -> bool:
    """Is this still the file of that name, now that it is locked?"""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _made_at(stem: str) -> float:
    moment = stem.partition("-")[0]
    return int(moment) / 1e9 if moment.isdecimal() else time.time()


def _sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
