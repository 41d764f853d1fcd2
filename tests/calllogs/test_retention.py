"""What is too old goes, and leaves nothing that points at it."""

import threading
from uuid import uuid4

from django.db import connection, transaction

from calllogs import retention
from calllogs.arrival import receive, understood
from calllogs.models import CallLog, Push
from calllogs.store import store

OLD = "calllogid=old&callnumber=9812345678&date=2020-01-01&time=10:00:00"


def push(query: str = OLD) -> None:
    store([understood(receive(query.encode(), "127.0.0.1"))])


def test_an_old_call_goes_and_its_young_push_stays(db, settings):
    push()
    retention.delete_old(budget_s=5)
    assert not CallLog.objects.exists()
    assert Push.objects.get().call_id is None


def test_a_push_that_comes_while_its_call_is_deleted_points_at_no_call_that_is_gone(transactional_db):
    push()
    done = threading.Thread(target=_delete_old)
    with transaction.atomic():  # holds the call's row, with a push that nobody else sees yet
        push(OLD + f"&department={uuid4().hex[:8]}")
        done.start()
        done.join(timeout=1.0)  # it has taken the call off the pushes that it sees, and waits for the row
        assert done.is_alive()
    done.join(timeout=10)
    kept = set(CallLog.objects.values_list("pk", flat=True))
    assert Push.objects.count() == 2
    assert set(Push.objects.exclude(call=None).values_list("call_id", flat=True)) <= kept


def _delete_old() -> None:
    retention.delete_old(budget_s=8)
    connection.close()
