"""Names, locks and syncs of the spool's files."""

import fcntl
import os
import secrets
import time
from pathlib import Path

OPEN, SEALED, BAD = ".open", ".sealed", ".bad"


def new_name() -> str:
    return f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}{OPEN}"


def made_at(stem: str) -> float:
    """The moment in a name, in seconds since 1970; now, if a person has put a file here under another name."""
    moment = stem.partition("-")[0]
    return int(moment) / 1e9 if moment.isdecimal() else time.time()


def listed(directory: Path, *suffixes: str) -> list[Path]:
    """The directory's files with these endings (all of them without any), oldest first."""
    try:
        paths = sorted(directory.iterdir())
    except FileNotFoundError:
        return []
    return [path for path in paths if not suffixes or path.suffix in suffixes]


def lock(fd: int, *, wait_s: float = 0.0) -> bool:
    """Take the file's lock, if it is free within this time."""
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


def release(fd: int) -> None:
    # A child forked meanwhile shares the lock, and closing would leave it to the child: unlocking ends it for both.
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def still_named(path: Path, fd: int) -> bool:
    """Is this still the file of that name, now that it is locked?"""
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def sync_directory(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
