"""The database, asked for machines: probes come every few seconds, and must not pile up behind one that stalls."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connection

ANSWER_S = 2.0
_one_at_a_time = threading.Lock()


def query_with_timeout(question: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """What it answers, and `ok`; or nothing, and the kind of its error, or `stalled` after ANSWER_S.

    Asked in a thread, because no setting of a client bounds a PostgreSQL that is stopped; while one waits there, the
    others are told that it stalls.
    """
    if not _one_at_a_time.acquire(timeout=ANSWER_S):
        return {}, "stalled"
    told: list[tuple[dict[str, Any], str]] = []

    def asked() -> None:
        try:
            told.append((question(), "ok"))
        except DatabaseError as error:
            told.append(({}, type(error).__name__))
        finally:
            connection.close()
            _one_at_a_time.release()

    thread = threading.Thread(target=asked, name="asking the database", daemon=True)
    thread.start()
    thread.join(ANSWER_S)
    return told[0] if told else ({}, "stalled")
