"""Ids for log lines. They are letters only, because the log masks runs of digits as telephone numbers."""

import os
import time
import uuid

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")  # keeps the order


def new_id() -> str:
    """32 random letters."""
    return to_letters(uuid.uuid4().hex)


def to_letters(given: str) -> str:
    """A hexadecimal id from elsewhere, such as Celery's task id, in letters."""
    return given.translate(_LETTERS)


def new_sortable_id() -> str:
    """32 letters that begin with the time, so that ids made at about the same time are close in an index."""
    return to_letters(f"{time.time_ns() // 1000:016x}{os.urandom(8).hex()}")
