"""Public API of delivery. Changes are stored in the caller's transaction and enqueued after its commit."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Q

from ivrportal.common.database_clock import database_now
from settings_sync.delivery import circuit, reconcile, tasks
from settings_sync.models import Circuit, ProviderSetting
from settings_sync.models.provider_setting import State


def reconcile_and_enqueue(addresses: Iterable[str], *, trigger: str = "save") -> list[int]:
    """Reconcile these addresses with the records and enqueue what changed; return the ids of those settings.

    Call it in the transaction that changed the records, so that both are committed together.
    """
    with transaction.atomic():
        changed = reconcile.reconcile(list(addresses), trigger=trigger)
        if changed:
            transaction.on_commit(lambda: tasks.enqueue(changed), robust=True)
    return changed


def send_now(setting_id: int) -> None:
    """Send a setting again at once, whatever its last outcome."""
    with transaction.atomic():
        Circuit.lock()
        ProviderSetting.objects.not_past().filter(pk=setting_id).exclude(state=State.WITHDRAWN).update(
            state=State.WAITING, next_attempt_at=database_now(), trigger="manual"
        )
        transaction.on_commit(lambda: tasks.enqueue([setting_id]), robust=True)


def close_withdrawn(setting_id: int) -> bool:
    """Delete a withdrawn setting that the provider has removed; return False if it changed or is in flight."""
    with transaction.atomic():
        Circuit.lock()
        idle = Q(lease_token=None) | Q(lease_until__lte=database_now())
        deleted, _ = ProviderSetting.objects.filter(idle, pk=setting_id, state=State.WITHDRAWN).delete()
    return deleted > 0


def stop_sending(username: str) -> None:
    with transaction.atomic():
        Circuit.lock()
        circuit.stop(username, database_now())


def start_sending() -> None:
    """Open the gate, whatever closed it, and deliver what is waiting."""
    with transaction.atomic():
        Circuit.lock()
        circuit.start()
        transaction.on_commit(lambda: tasks.enqueue([None]), robust=True)


def resend_all() -> int:
    """Send every setting again; return how many."""
    with transaction.atomic():
        Circuit.lock()
        count = reconcile.resend_all()
        transaction.on_commit(lambda: tasks.enqueue([None]), robust=True)
    return count
