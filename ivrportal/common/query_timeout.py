"""A limit on the time that the database spends on a query."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import OperationalError, connection

_PROGRESS_STEPS = 20_000  # SQLite instructions between two checks of the clock: about a millisecond
_CANCELED = "57014"


Result = TypeVar("Result")


class QueryTimeout(Exception):
    """The query was cancelled because it took too long."""


@contextmanager
def query_timeout(milliseconds: int) -> Iterator[None]:
    """Cancel each query inside that takes longer. Raises QueryTimeout; other errors pass through.

    Inside a transaction there is no limit on PostgreSQL, because a cancelled query would abort the transaction.
    """
    limited = _on_sqlite(milliseconds) if connection.vendor == "sqlite" else _on_postgresql(milliseconds)
    try:
        with limited:
            yield
    except OperationalError as error:
        if _is_cancellation(error):
            raise QueryTimeout from None
        raise


def retry_if_cancelled(read: Callable[[], Result]) -> Result:
    """Call `read`, which only reads, and call it again if its query was cancelled.

    If a query ends just when PostgreSQL's timeout fires, the cancellation hits the next query.
    """
    try:
        return read()
    except OperationalError as error:
        if not _is_cancellation(error):
            raise
        return read()


def _is_cancellation(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") == _CANCELED or str(error) == "interrupted"


@contextmanager
def _on_postgresql(milliseconds: int) -> Iterator[None]:
    if connection.in_atomic_block:
        yield
        return
    # The settings are sent with each query, as one message and so as one transaction: this needs no extra round trip
    # and nothing to undo. jit is off because compiling would take longer than the limit; sorting calls needs work_mem.
    settings = {"statement_timeout": milliseconds, "jit": "off", "work_mem": "'64MB'"}
    prefix = "".join(f"SET LOCAL {name} = {value}; " for name, value in settings.items())

    def limited(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        result = execute(prefix + sql, params, many, context)
        for _setting in settings:
            context["cursor"].nextset()
        return result

    with connection.execute_wrapper(limited):
        yield


@contextmanager
def _on_sqlite(milliseconds: int) -> Iterator[None]:
    connection.ensure_connection()
    raw, until = connection.connection, time.monotonic() + milliseconds / 1000
    raw.set_progress_handler(lambda: time.monotonic() > until, _PROGRESS_STEPS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)
