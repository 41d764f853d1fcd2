"""The intent to tell the provider: recorded in the transaction of the save, nudged after its commit."""

from collections.abc import Iterable

from django.db import transaction

from settings_sync import ledger, tasks


def record(addresses: Iterable[str], *, trigger: str = "save") -> list[int]:
    """Bring these addresses level with the records; the ids of the settings that will be sent.

    Call it in the transaction that changed the records: then a save and its intent are one commit.
    """
    with transaction.atomic():
        changed = ledger.level(list(addresses), trigger=trigger)
        if changed:
            transaction.on_commit(lambda: tasks.nudge(changed), robust=True)
    return changed


def resend_everything() -> int:
    """Assert every setting again; how many."""
    with transaction.atomic():
        count = ledger.assert_everything()
        transaction.on_commit(lambda: tasks.nudge([None]), robust=True)
    return count
