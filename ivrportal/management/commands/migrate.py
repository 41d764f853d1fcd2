"""Django's `migrate` under a lock: if several machines start at once, one migrates and the others wait for it."""

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

LOCK = 0x1F2A3B  # key of PostgreSQL's advisory lock: any number not used otherwise in this database
POLL_S = 0.5


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        with _postgresql_lock(connection) if connection.vendor == "postgresql" else _file_lock():
            super().handle(*args, **options)


@contextmanager
def _postgresql_lock(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Polls for the lock, because a waiting query would block CREATE INDEX CONCURRENTLY."""
    while not _query_bool(connection, "SELECT pg_try_advisory_lock(%s)"):
        time.sleep(POLL_S)
    try:
        yield
    finally:
        _query_bool(connection, "SELECT pg_advisory_unlock(%s)")


@contextmanager
def _file_lock() -> Iterator[None]:
    directory = Path(settings.VAR_DIR)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "migrating.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _query_bool(connection: BaseDatabaseWrapper, statement: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, [LOCK])
        return bool(cursor.fetchone()[0])
