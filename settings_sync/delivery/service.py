"""The intent to tell the provider: recorded in the transaction of the save, nudged after its commit."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q

from ivrportal.common.database_clock import database_now
from settings_sync.delivery import circuit, reconcile, tasks, wire_format
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider_setting import State


def record(addresses: Iterable[str], *, trigger: str = "save") -> list[int]:
    """Bring these addresses level with the records; the ids of the settings that will be sent.

    Call it in the transaction that changed the records: then a save and its intent are one commit.
    """
    with transaction.atomic():
        changed = reconcile.reconcile(list(addresses), trigger=trigger)
        if changed:
            transaction.on_commit(lambda: tasks.enqueue(changed), robust=True)
    return changed


def preview(addresses: Iterable[str]) -> list[str]:
    """What saving would tell the provider, in words. Call it in a transaction that is rolled back afterwards."""
    told = reconcile.differences(addresses).told
    return [wire_format.describe(address, value) for address, value in told.items()]


def send_now(setting_id: int) -> None:
    """Send a setting again at once, whatever became of it before."""
    with transaction.atomic():
        Circuit.take_turn()
        ProviderSetting.objects.not_past().filter(pk=setting_id).exclude(state=State.WITHDRAWN).update(
            state=State.WAITING, next_attempt_at=database_now(), trigger="manual"
        )
        transaction.on_commit(lambda: tasks.enqueue([setting_id]), robust=True)


def close_withdrawn(setting_id: int) -> bool:
    """A person says that the provider has taken a withdrawn holiday back: then it is gone here too."""
    with transaction.atomic():
        Circuit.take_turn()
        idle = Q(lease_token=None) | Q(lease_until__lte=database_now())
        gone, _ = ProviderSetting.objects.filter(idle, pk=setting_id, state=State.WITHDRAWN).delete()
    return gone > 0


def stop_sending(who: str) -> None:
    with transaction.atomic():
        Circuit.take_turn()
        circuit.stop(who, database_now())


def start_sending() -> None:
    """Open the gate, whoever or whatever shut it, and deliver what has waited."""
    with transaction.atomic():
        Circuit.take_turn()
        circuit.start()
        transaction.on_commit(lambda: tasks.enqueue([None]), robust=True)


def resend_all() -> int:
    """Assert every setting again; how many."""
    with transaction.atomic():
        Circuit.take_turn()
        count = reconcile.resend_all()
        transaction.on_commit(lambda: tasks.enqueue([None]), robust=True)
    return count
