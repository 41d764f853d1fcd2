"""Django's `migrate`, never twice at once: on several machines that start together, the first migrates and the others
wait for it, and then find nothing to do."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK = 0x1F2A3B  # of PostgreSQL's advisory locks: any number that nobody else uses in this database
POLL_S = 0.5


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with _on_postgres(connection) if connection.vendor == "postgresql" else _on_this_machine():
            super().handle(*args, **options)


@contextmanager
def _on_postgres(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Asked for again and again: a query that waits would hold up an index that is made concurrently."""
    while not _asked(connection, "SELECT pg_try_advisory_lock(%s)"):
        time.sleep(POLL_S)
    try:
        yield
    finally:
        _asked(connection, "SELECT pg_advisory_unlock(%s)")


@contextmanager
def _on_this_machine() -> Iterator[None]:
    directory = Path(settings.VAR_DIR)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "migrating.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _asked(connection: BaseDatabaseWrapper, statement: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [LOCK])
        return bool(cursor.fetchone()[0])
