"""A limit on how long the database may work for a page."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, connection, transaction

_STEPS = 20_000  # of SQLite's machine, between two looks at the clock: about a millisecond


class TookTooLong(Exception):
    """The database was stopped; nothing is known of what it had found."""


@contextmanager
def within(milliseconds: int) -> Iterator[None]:
    """Stop each query inside after so long. Raises TookTooLong; any other failure passes through."""
    limited = _on_sqlite(milliseconds) if connection.vendor == "sqlite" else _on_postgresql(milliseconds)
    try:
        with limited:
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") == "57014" or str(error) == "interrupted":
            raise TookTooLong from None
        raise


@contextmanager
def _on_postgresql(milliseconds: int) -> Iterator[None]:
    # Compiling a query takes longer than we would let it run; sorting a few thousand calls needs some room.
    settings = {"statement_timeout": str(milliseconds), "jit": "off", "work_mem": "32MB"}
    places = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {places}", [word for pair in settings.items() for word in pair])
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
