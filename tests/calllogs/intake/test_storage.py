"""Storing pushes: idempotent, fills blank values and never blanks any, in any order."""

import contextlib
import datetime as dt
import gc
import itertools
import threading
import weakref
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from calllogs.intake.envelope import ParsedPush
from calllogs.intake.parser import parse
from calllogs.intake.storage import store
from calllogs.models import CallLog, Push

pytestmark = pytest.mark.django_db
KOLKATA = ZoneInfo("Asia/Kolkata")
NOON = dt.datetime(2026, 11, 8, 6, 30, tzinfo=dt.UTC)


def parsed_push(query: str, *, after_s: float = 0, uid: str = "") -> ParsedPush:
    call = parse(query.encode(), zone=KOLKATA)
    return ParsedPush(uid or uuid4().hex, NOON + dt.timedelta(seconds=after_s), "127.0.0.1", query, call)


BASE = "calllogid=C1&date=2026-11-08&time=12:00:00"


def test_a_repeat_adds_nothing():
    store([parsed_push(f"{BASE}&callnumber=9812345678")])
    store([parsed_push(f"{BASE}&callnumber=9812345678", after_s=5)])
    assert CallLog.objects.count() == 1
    assert sorted(Push.objects.values_list("outcome", flat=True)) == ["REPEAT", "STORED"]
    assert not CallLog.objects.get().has_conflict


def test_a_later_push_fills_blanks_and_never_blanks():
    store([parsed_push(f"{BASE}&callnumber=9812345678&callduration=75")])
    store(
        [
            parsed_push(
                f"{BASE}&callnumber=&callduration=-&recordingurl=https://r.example/1&department=Sales",
                after_s=5,
            )
        ]
    )
    call = CallLog.objects.get()
    assert (call.caller, call.talk_seconds) == ("+919812345678", 75)
    assert (call.recording_url, call.department) == ("https://r.example/1", "Sales")
    assert sorted(Push.objects.values_list("outcome", flat=True)) == ["MERGED", "STORED"]
    assert not call.has_conflict


def test_where_pushes_disagree_the_newest_wins_and_the_call_is_marked():
    store([parsed_push(f"{BASE}&callstatus=MISSED")])
    store([parsed_push(f"{BASE}&callstatus=ANSWER", after_s=5)])
    call = CallLog.objects.get()
    assert (call.status, call.raw_status, call.has_conflict) == ("ANSWERED", "ANSWER", True)


def test_two_spellings_of_one_status_do_not_disagree():
    store([parsed_push(f"{BASE}&callstatus=ANSWER")])
    store([parsed_push(f"{BASE}&callstatus=Answered", after_s=5)])
    assert not CallLog.objects.get().has_conflict


def test_a_push_that_was_spooled_and_comes_late_does_not_win_over_a_newer_one():
    store([parsed_push(f"{BASE}&department=Sales", after_s=60)])
    store([parsed_push(f"{BASE}&department=Support&state=Delhi", after_s=0)])
    call = CallLog.objects.get()
    assert (call.department, call.circle, call.has_conflict) == ("Sales", "Delhi", True)


def test_a_late_push_wins_over_an_older_one_if_newer_ones_lack_the_field():
    store([parsed_push(f"{BASE}&department=Sales", after_s=0)])
    store([parsed_push(f"{BASE}&state=Delhi", after_s=60)])
    store([parsed_push(f"{BASE}&department=Support", after_s=30)])
    call = CallLog.objects.get()
    assert (call.department, call.circle, call.has_conflict) == ("Support", "Delhi", True)


def test_one_push_stored_twice_is_one_row():
    twice = parsed_push(BASE, uid="same")
    store([twice])
    store([twice])
    assert Push.objects.count() == CallLog.objects.count() == 1
    assert Push.objects.get().outcome == "STORED"


def test_a_corrected_push_becomes_a_call_and_keeps_its_uid():
    bad = ParsedPush("u1", NOON, "", "date=x", None, "not a date", "date")
    store([bad])
    store([parsed_push(BASE, uid="u1")])
    push = Push.objects.get()
    assert (push.outcome, push.reason, push.call.call_id) == ("STORED", "", "C1")


def test_a_batch_with_many_pushes_of_one_call_merges_them():
    store(
        [
            parsed_push(f"{BASE}&callnumber=9812345678"),
            parsed_push(f"{BASE}&callnumber=9812345678", after_s=1),
            parsed_push(f"{BASE}&department=Sales", after_s=2),
        ]
    )
    call = CallLog.objects.get()
    assert (call.caller, call.department) == ("+919812345678", "Sales")
    outcomes = list(Push.objects.order_by("received_at").values_list("outcome", flat=True))
    assert outcomes == ["STORED", "REPEAT", "MERGED"]


@pytest.mark.django_db(transaction=True)
def test_a_batch_stored_within_a_transaction_is_rolled_back_with_it():
    with contextlib.suppress(KeyError), transaction.atomic():
        store([parsed_push(BASE)])
        raise KeyError
    assert not CallLog.objects.exists()
    assert not Push.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_batch_is_stored_as_a_whole_or_not_at_all():
    batch = [
        parsed_push(f"{BASE.replace('C1', f'C{number}')}&ivrduration=5", after_s=number)
        for number in range(100)
    ]
    invalid = batch[-1]._replace(call=batch[-1].call._replace(ivr_seconds=-1))  # violates a check constraint
    with pytest.raises(IntegrityError):
        store([*batch[:-1], invalid])
    assert not CallLog.objects.exists()
    assert not Push.objects.exists()
    store(batch)
    assert CallLog.objects.count() == Push.objects.filter(outcome="STORED").count() == 100
    assert list(Push.objects.order_by("id")) == list(Push.objects.order_by("received_at"))


@pytest.mark.django_db(transaction=True)
def test_a_thread_that_has_stored_and_ended_leaves_no_connection_behind():
    connection_references = []

    def store_in_thread():
        store([parsed_push(BASE)])
        connection_references.append(weakref.ref(connections[DEFAULT_DB_ALIAS]))
        connections.close_all()

    thread = threading.Thread(target=store_in_thread)
    thread.start()
    thread.join()
    gc.collect()
    assert CallLog.objects.count() == 1
    assert [reference() for reference in connection_references] == [None]


def test_a_batch_in_which_pushes_disagree_stores_the_later_values():
    """The later push of the same batch wins."""
    store([parsed_push(f"{BASE}&department=Sales"), parsed_push(f"{BASE}&department=Support", after_s=1)])
    call = CallLog.objects.get()
    assert (call.department, call.has_conflict) == ("Support", True)
    assert call.received_at == NOON
    assert call.told_at == NOON + dt.timedelta(seconds=1)
    assert list(Push.objects.order_by("id").values_list("outcome", "call")) == [
        ("STORED", call.pk),
        ("MERGED", call.pk),
    ]


_FIELD_VALUES = {
    "callnumber": st.sampled_from(["", "9812345678", "9812345679"]),
    "callstatus": st.sampled_from(["", "ANSWER", "MISSED"]),
    "callduration": st.sampled_from(["", "75", "80"]),
    "department": st.sampled_from(["", "Sales", "Support"]),
    "recordingurl": st.sampled_from(["", "https://r.example/1"]),
}


@hypothesis_settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(st.lists(st.fixed_dictionaries(_FIELD_VALUES), min_size=1, max_size=3), st.booleans())
def test_the_order_of_arrival_never_changes_what_is_filled(pushes, together):
    filled = set()
    for number, order in enumerate(itertools.permutations(range(len(pushes)))):
        base = f"calllogid=order-{uuid4().hex}&date=2026-11-08&time=12:00:00&x={number}"
        batch = [
            parsed_push(
                base + "".join(f"&{key}={value}" for key, value in pushes[index].items()), after_s=position
            )
            for position, index in enumerate(order)
        ]
        for chunk in [batch] if together else [[single_push] for single_push in batch]:
            store(chunk)
        call = CallLog.objects.latest("id")
        newest = {
            key: next((pushes[index][key] for index in reversed(order) if pushes[index][key]), "")
            for key in _FIELD_VALUES
        }
        assert call.raw_status == newest["callstatus"]
        assert call.department == newest["department"]
        assert (call.talk_seconds or "") == (int(newest["callduration"]) if newest["callduration"] else "")
        disagrees = any(len({push[key] for push in pushes} - {""}) > 1 for key in _FIELD_VALUES)
        assert call.has_conflict == disagrees
        filled.add(
            (bool(call.caller), bool(call.raw_status), call.talk_seconds is not None, bool(call.department))
        )
    assert len(filled) == 1
