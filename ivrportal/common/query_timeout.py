"""A limit on how long the database may work for a page."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import OperationalError, connection

_STEPS = 20_000  # of SQLite's machine, between two looks at the clock: about a millisecond
_CANCELED = "57014"


Result = TypeVar("Result")


class QueryTimeout(Exception):
    """The database was stopped; nothing is known of what it had found."""


@contextmanager
def query_timeout(milliseconds: int) -> Iterator[None]:
    """Stop each query inside after so long. Raises TookTooLong; any other failure passes through.

    Inside a transaction there is no limit on PostgreSQL: what is stopped would spoil it.
    """
    limited = _on_sqlite(milliseconds) if connection.vendor == "sqlite" else _on_postgresql(milliseconds)
    try:
        with limited:
            yield
    except OperationalError as error:
        if _is_stop(error):
            raise QueryTimeout from None
        raise


def retry_if_cancelled(read: Callable[[], Result]) -> Result:
    """What `read` gives, which only reads. A stop that PostgreSQL sends in the very moment in which a query ends by
    itself hits the next one; then everything is read once more."""
    try:
        return read()
    except OperationalError as error:
        if not _is_stop(error):
            raise
        return read()


def _is_stop(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", "") == _CANCELED or str(error) == "interrupted"


@contextmanager
def _on_postgresql(milliseconds: int) -> Iterator[None]:
    if connection.in_atomic_block:
        yield
        return
    # The settings travel in front of each query, as one message and so as one transaction: no way there and back, and
    # nothing to undo. Compiling a query would take longer than we let it run; sorting some calls needs room.
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
    raw.set_progress_handler(lambda: time.monotonic() > until, _STEPS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)
