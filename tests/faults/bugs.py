"""Five deliberate bugs, and for each the test that must find it. Nothing of this is in the product.

As a plugin of pytest (`-p tests.faults.bugs`) it plants the bug that `FAULT_BUG` names before the tests run.
"""

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

PROMISES = "tests/faults/test_pushes_promises.py"


def answer_before_commit() -> None:
    """The batch is stored by a thread of its own, and those who wait are told at once that it is."""
    from calllogs.intake import group_commit

    store = group_commit.store
    group_commit.store = lambda batch: threading.Thread(target=store, args=(batch,)).start()


def no_fsync() -> None:
    """The spool writes its records, and leaves the rest to the kernel."""
    from calllogs.intake.spool import append

    class Careless:
        """`os`, but for its syncs."""

        def __getattr__(self, name: str) -> Any:
            return (lambda fd: None) if name in {"fsync", "fdatasync"} else getattr(os, name)

    append.os = Careless()


def blank_overwrites() -> None:
    """The newest push wins with all its fields, the empty ones too."""
    from calllogs.intake import batch_sql
    from calllogs.intake.merge import MERGE

    careless = ", ".join(f"{name} = excluded.{name}" for name in batch_sql._CALL if name != "call_id")
    postgresql, sqlite = batch_sql._OnPostgresql, batch_sql._OnSqlite
    postgresql.TEXT = postgresql.TEXT.replace(MERGE, careless)
    sqlite.TRIGGER = sqlite.TRIGGER.replace(MERGE, careless)


def no_per_row_fallback() -> None:
    """A batch is stored as a whole or not at all."""
    from calllogs.intake import group_commit as commit_module
    from calllogs.intake import replay
    from calllogs.intake.storage import store

    def together(arrivals: Any) -> set[str]:
        store(list(arrivals))
        return {arrival.uid for arrival in arrivals}

    commit_module.store_each = replay.store_each = together


def leftmost_forwarded_address() -> None:
    """What the sender itself wrote into `X-Forwarded-For` is believed."""
    from ivrportal.common import network

    def believed(meta: Mapping[str, str]) -> str:
        forwarded = meta.get("HTTP_X_FORWARDED_FOR", "")
        return forwarded.split(",")[0].strip() or meta.get("REMOTE_ADDR", "")

    network.client_address = believed


# The bug, and the test that finds it.
BUGS: dict[str, tuple[Callable[[], None], str]] = {
    "answer before commit": (
        answer_before_commit,
        f"{PROMISES}::test_a_push_is_successful_only_when_it_is_committed",
    ),
    "no fsync": (no_fsync, f"{PROMISES}::test_a_push_is_accepted_only_when_it_is_synced"),
    "blank overwrites": (blank_overwrites, f"{PROMISES}::test_a_later_push_never_blanks_a_field"),
    "no per-row fallback": (no_per_row_fallback, f"{PROMISES}::test_a_poisonous_push_hurts_only_itself"),
    "left-most forwarded address": (
        leftmost_forwarded_address,
        f"{PROMISES}::test_an_address_that_a_sender_made_up_is_not_believed",
    ),
}


def plant(name: str) -> None:
    BUGS[name][0]()


def pytest_configure(config: Any) -> None:
    # After pytest-django has set Django up, which it does before this.
    if name := os.environ.get("FAULT_BUG"):
        plant(name)
