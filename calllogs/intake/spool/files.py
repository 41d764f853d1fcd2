"""Names, locks and syncs of the spool's files."""

import fcntl
import os
import secrets
import time
from pathlib import Path

OPEN, SEALED, BAD = ".open", ".sealed", ".bad"


def build_name() -> str:
    return f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}{OPEN}"


def created_at(stem: str) -> float:
    """The creation time in a file name, in seconds since 1970; now, for a file with any other name."""
    moment = stem.partition("-")[0]
    return int(moment) / 1e9 if moment.isdecimal() else time.time()


def list_files(directory: Path, *suffixes: str) -> list[Path]:
    """The files with these suffixes (all files if none is given), oldest first."""
    try:
        paths = sorted(directory.iterdir())
    except FileNotFoundError:
        return []
    return [path for path in paths if not suffixes or path.suffix in suffixes]


def lock(fd: int, *, wait_s: float = 0.0) -> bool:
    """Take the file's lock. False if it is not free within this time."""
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


def unlock_and_close(fd: int) -> None:
    # A forked child shares the lock and would keep it after a close. Unlocking releases it for both.
    try:
        fcntl.flock(fd, fcntl.LOCK_UN)
    finally:
        os.close(fd)


def is_still_named(path: Path, fd: int) -> bool:
    """True if the path still names this open file. Checked after locking."""
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
