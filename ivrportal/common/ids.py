"""Ids that may stand in log lines: letters only, because ten digits in a row are masked there as somebody's number."""

import os
import time
import uuid

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")  # keeps the order


def new_id() -> str:
    """Thirty-two letters, by chance."""
    return in_letters(uuid.uuid4().hex)


def in_letters(given: str) -> str:
    """An id of somebody else's, such as Celery's of a task, in letters."""
    return given.translate(_LETTERS)


def new_id_in_time() -> str:
    """Thirty-two letters, the moment first: neighbours in time are neighbours in an index."""
    return in_letters(f"{time.time_ns() // 1000:016x}{os.urandom(8).hex()}")
