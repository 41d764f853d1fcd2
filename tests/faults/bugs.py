"""Five deliberate bugs in push intake, each with the test that must detect it. The product does not use this module.

Loaded as a pytest plugin (`-p tests.faults.bugs`), it plants the bug named in `FAULT_BUG` before the tests run.
"""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

PROMISES = "tests/faults/test_pushes_promises.py"


def answer_before_commit() -> None:
    """A separate thread stores the batch; the waiting requests are answered immediately."""
    from calllogs.intake import group_commit

    store = group_commit.store
    group_commit.store = lambda batch: threading.Thread(target=store, args=(batch,)).start()


def no_fsync() -> None:
    """The spool writes its records but does not sync them."""
    from calllogs.intake.spool import append

    class OsWithoutSync:
        """`os` with fsync and fdatasync replaced by no-ops."""

        def __getattr__(self, name: str) -> Any:
            return (lambda fd: None) if name in {"fsync", "fdatasync"} else getattr(os, name)

    append.os = OsWithoutSync()


def blank_overwrites() -> None:
    """The newest push overwrites every field, also with its blank values."""
    from calllogs.intake import batch_sql
    from calllogs.intake.merge import MERGE_SQL

    unconditional_sql = ", ".join(
        f"{name} = excluded.{name}" for name in batch_sql._CALL_COLUMNS if name != "call_id"
    )
    postgresql, sqlite = batch_sql._PostgresqlStatement, batch_sql._SqliteStatement
    postgresql.SQL = postgresql.SQL.replace(MERGE_SQL, unconditional_sql)
    sqlite.TRIGGER = sqlite.TRIGGER.replace(MERGE_SQL, unconditional_sql)


def no_per_row_fallback() -> None:
    """A batch is stored completely or not at all."""
    from calllogs.intake import group_commit, replay
    from calllogs.intake.storage import store

    def store_all(pushes: Any) -> set[str]:
        store(list(pushes))
        return {push.uid for push in pushes}

    group_commit.store_each = replay.store_each = store_all


def leftmost_forwarded_address() -> None:
    """The address that the sender wrote into `X-Forwarded-For` is trusted."""
    from ivrportal.common import network

    def leftmost_address(meta: Mapping[str, str]) -> str:
        forwarded = meta.get("HTTP_X_FORWARDED_FOR", "")
        return forwarded.split(",")[0].strip() or meta.get("REMOTE_ADDR", "")

    network.client_address = leftmost_address


# By name: the function that plants the bug, and the test that must detect it.
BUGS: dict[str, tuple[Callable[[], None], str]] = {
    "answer before commit": (
        answer_before_commit,
        f"{PROMISES}::test_a_push_is_successful_only_when_it_is_committed",
    ),
    "no fsync": (no_fsync, f"{PROMISES}::test_a_push_is_accepted_only_when_it_is_synced"),
    "blank overwrites": (blank_overwrites, f"{PROMISES}::test_a_later_push_never_blanks_a_field"),
    "no per-row fallback": (no_per_row_fallback, f"{PROMISES}::test_an_unstorable_push_affects_only_itself"),
    "left-most forwarded address": (
        leftmost_forwarded_address,
        f"{PROMISES}::test_a_forged_sender_address_is_not_trusted",
    ),
}


def plant(name: str) -> None:
    BUGS[name][0]()


def pytest_configure(config: Any) -> None:
    # pytest-django has already set up Django here.
    if name := os.environ.get("FAULT_BUG"):
        plant(name)
