"""Database queries for probes and scrapers, which must not pile up behind a database that stalls."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, connection

TIMEOUT_S = 2.0
_one_at_a_time = threading.Lock()


def query_with_timeout(query: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], str]:
    """The query's result and `ok`; or `{}` and the name of its DatabaseError, or `{}` and `stalled` after TIMEOUT_S.

    It runs in a thread, because no client setting limits the wait for a stopped PostgreSQL. While one query waits,
    further calls return `stalled`.
    """
    if not _one_at_a_time.acquire(timeout=TIMEOUT_S):
        return {}, "stalled"
    results: list[tuple[dict[str, Any], str]] = []

    def run() -> None:
        try:
            results.append((query(), "ok"))
        except DatabaseError as error:
            results.append(({}, type(error).__name__))
        finally:
            connection.close()
            _one_at_a_time.release()

    thread = threading.Thread(target=run, name="database probe", daemon=True)
    thread.start()
    thread.join(TIMEOUT_S)
    return results[0] if results else ({}, "stalled")
