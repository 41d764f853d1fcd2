"""Open missed callers are derived from calls and closings, whatever the order in which these arrive."""

import datetime as dt
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from calllogs import tasks
from calllogs.callbacks import actions, queries, refresh
from calllogs.intake import replay
from calllogs.intake.envelope import ParsedPush
from calllogs.intake.parser import parse
from calllogs.intake.storage import store
from calllogs.models import CallbackClaim, CallbackEntry, CallLog, MissedCaller, MissedProgress, Push
from calllogs.privacy import retention
from tests.calllogs.intake.test_storage import KOLKATA

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 8, 6, 30, tzinfo=dt.UTC)
ASHA, RAVI = "+919812345678", "+919812345679"


def call(caller, status="MISSED", *, minute=0, call_id="", after_s=0.0, **fields):
    """A push of a call that began `minute` minutes after NOON."""
    at = (NOON + dt.timedelta(minutes=minute)).astimezone(KOLKATA)
    values = {
        "calllogid": call_id or uuid4().hex,
        "callnumber": caller.removeprefix("+91"),
        "date": f"{at:%Y-%m-%d}",
        "time": f"{at:%H:%M:%S}",
        "callstatus": status,
    } | fields
    query = "&".join(f"{name}={value}" for name, value in values.items())
    received_at = NOON + dt.timedelta(minutes=minute, seconds=after_s)
    return ParsedPush(uuid4().hex, received_at, "127.0.0.1", query, parse(query.encode(), zone=KOLKATA))


def refresh_all():
    if refresh.load_pending() and refresh.load_pending().is_new:
        refresh.rebuild()
    while refresh.refresh():
        pass


def rows():
    refresh_all()
    names = (
        "caller",
        "misses",
        "first_at",
        "last_at",
        "last_call",
        "department",
        "virtual_number",
        "raw_status",
    )
    return {row[0]: row[1:] for row in MissedCaller.objects.values_list(*names)}


def expected_rows():
    """The expected rows, computed from the calls and closings in plain Python."""
    closings = CallbackEntry.objects.filter(until__isnull=False, undone_by=None)
    found = {}
    for caller in set(CallLog.objects.exclude(caller="").values_list("caller", flat=True)):
        calls = list(CallLog.objects.filter(caller=caller).order_by("started_at", "pk"))
        ends = [one.started_at for one in calls if one.status == "ANSWERED"]
        ends += [entry.until for entry in closings if entry.caller == caller]
        since = max(ends, default=dt.datetime.min.replace(tzinfo=dt.UTC))
        open_calls = [one for one in calls if one.status != "ANSWERED" and one.started_at > since]
        if open_calls:
            last = open_calls[-1]
            found[caller] = (
                len(open_calls), open_calls[0].started_at, last.started_at, last.pk, last.department,
                last.virtual_number, last.raw_status,
            )  # fmt: skip
    return found


@pytest.fixture
def asha():
    return User.objects.create_user("asha", is_staff=True)


@pytest.fixture
def ravi():
    return User.objects.create_user("ravi", is_staff=True)


def test_a_caller_is_one_row_until_a_later_call_is_answered():
    store(
        [call(ASHA), call(ASHA, "DROPPED", minute=5, department="Sales"), call(RAVI, "VOICEMAIL", minute=1)]
    )
    assert rows()[ASHA][:3] == (2, NOON, NOON + dt.timedelta(minutes=5))
    assert rows()[ASHA][4] == "Sales"
    assert rows()[RAVI][0] == 1
    store([call(ASHA, "ANSWER", minute=6)])
    assert set(rows()) == {RAVI}
    store([call(ASHA, minute=9)])
    assert rows()[ASHA][:2] == (1, NOON + dt.timedelta(minutes=9))


def test_an_answered_call_that_arrives_late_closes_only_earlier_calls():
    store([call(ASHA, minute=1), call(ASHA, minute=7)])
    assert rows()[ASHA][0] == 2
    store([call(ASHA, "ANSWER", minute=3)])
    assert rows()[ASHA][:2] == (1, NOON + dt.timedelta(minutes=7))


def test_hidden_numbers_are_counted_and_not_listed(settings):
    now = (timezone.now() - NOON).total_seconds() // 60
    store([call("", minute=now - 5), call("anonymous", minute=now - 4), call("", "ANSWER", minute=now - 3)])
    assert rows() == {}
    assert queries.count_hidden_calls() == 2


def test_a_call_reassigned_to_another_caller_leaves_the_first():
    store([call(ASHA, call_id="C1")])
    assert set(rows()) == {ASHA}
    store([call(RAVI, call_id="C1", after_s=5)])
    assert set(rows()) == {RAVI}


def test_a_push_that_was_corrected_and_replayed_counts(settings):
    refresh_all()
    query = f"calllogid=C1&callnumber={ASHA[3:]}&date=2026-13-08&time=12:00:00&callstatus=MISSED"
    store([ParsedPush(uuid4().hex, NOON, "127.0.0.1", query, None, "not a date", "date")])
    assert rows() == {}
    Push.objects.update(mends={"date": "2026-11-08"})
    replay.replay()
    assert set(rows()) == {ASHA}


def test_a_late_commit_with_an_earlier_id_is_not_skipped():
    store([call(ASHA)])
    refresh_all()
    store([call(ASHA, "ANSWER", minute=5, call_id="late")])
    push, late = Push.objects.latest("pk"), CallLog.objects.get(call_id="late")
    Push.objects.filter(pk=push.pk).delete()  # as if it were not committed yet
    CallLog.objects.filter(pk=late.pk).delete()
    store([call(RAVI)])
    assert set(rows()) == {ASHA, RAVI}
    assert MissedProgress.objects.get().push_id > push.pk
    late.save(force_insert=True)
    push.save(force_insert=True)
    assert set(rows()) == {RAVI}
    assert not any(first <= push.pk <= last for first, last, _ in MissedProgress.objects.get().gaps)


def test_a_closing_closes_the_calls_seen_and_no_later_ones(asha):
    store([call(ASHA)])
    refresh_all()
    row = MissedCaller.objects.get()
    seen = row.last_at
    store([call(ASHA, minute=2)])
    refresh_all()
    closed = actions.close_caller(
        row.pk, kind=CallbackEntry.Kind.CALLED_BACK, person=asha, seen=seen, note="Reached"
    )
    assert closed.still_open is not None
    assert closed.still_open.misses == 1
    actions.close_caller(
        row.pk, kind=CallbackEntry.Kind.DISMISSED, person=asha, seen=dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    )
    assert rows() == {}
    store([call(ASHA, minute=4)])  # the closing time is limited to the last call
    assert rows()[ASHA][0] == 1


def test_an_undone_closing_restores_the_row(asha):
    store([call(ASHA), call(ASHA, minute=2)])
    refresh_all()
    before = rows()
    row = MissedCaller.objects.get()
    closed = actions.close_caller(row.pk, kind=CallbackEntry.Kind.DISMISSED, person=asha, seen=row.last_at)
    assert rows() == {}
    assert actions.reopen_caller(closed.entry.pk, person=asha) is not None
    assert rows() == before
    with pytest.raises(actions.NotWaiting):
        actions.reopen_caller(closed.entry.pk, person=asha)


def test_two_users_who_close_the_same_caller_make_one_closing(asha, ravi):
    store([call(ASHA)])
    refresh_all()
    row = MissedCaller.objects.get()
    actions.close_caller(row.pk, kind=CallbackEntry.Kind.CALLED_BACK, person=asha, seen=row.last_at)
    with pytest.raises(actions.NotWaiting):
        actions.close_caller(row.pk, kind=CallbackEntry.Kind.CALLED_BACK, person=ravi, seen=row.last_at)
    assert CallbackEntry.objects.count() == 1


def test_a_claim_belongs_to_one_user_until_it_expires_or_is_taken_over_by_name(asha, ravi):
    store([call(ASHA)])
    refresh_all()
    pk = MissedCaller.objects.get().pk
    actions.claim_caller(pk, person=asha)
    actions.claim_caller(pk, person=asha)
    with pytest.raises(actions.AlreadyClaimed) as taken:
        actions.claim_caller(pk, person=ravi)
    assert taken.value.claim.person == asha
    actions.claim_caller(pk, person=ravi, over=asha.pk)
    with pytest.raises(actions.AlreadyClaimed):  # names asha's claim, but ravi has it
        actions.claim_caller(pk, person=asha, over=asha.pk)
    CallbackClaim.objects.update(expires_at=NOON - dt.timedelta(days=365))
    actions.claim_caller(pk, person=asha)
    assert [entry.kind for entry in CallbackEntry.objects.order_by("pk")] == [
        "CLAIMED",
        "TAKEN_OVER",
        "CLAIMED",
    ]


def test_erased_callers_and_expired_calls_leave_the_queue(asha, settings):
    store([call(ASHA), call(ASHA, minute=3), call(RAVI)])
    refresh_all()
    actions.claim_caller(MissedCaller.objects.get(caller=RAVI).pk, person=asha)
    CallLog.objects.filter(caller=RAVI).delete()
    assert actions.erase_caller(RAVI) == 3
    CallLog.objects.update(started_at=timezone.now())
    settings.CALL_RETENTION_DAYS = 1
    MissedCaller.objects.update(first_at=NOON - dt.timedelta(days=500))
    CallLog.objects.filter(pk=CallLog.objects.first().pk).update(started_at=NOON - dt.timedelta(days=500))
    retention.delete_old(budget_s=5)
    assert rows()[ASHA][0] == 1
    assert not CallbackEntry.objects.exists()


def test_a_caller_without_recent_calls_is_old_until_a_new_call():
    store([call(ASHA)])
    tasks.refresh_missed()
    assert MissedCaller.objects.get().is_old == (refresh.waiting_cutoff() > NOON)
    MissedCaller.objects.update(is_old=True)
    now = (timezone.now() - NOON).total_seconds() // 60
    store([call(ASHA, minute=now)])
    tasks.refresh_missed()
    assert not MissedCaller.objects.get().is_old
    MissedCaller.objects.update(last_at=NOON - dt.timedelta(days=60))
    tasks.refresh_missed()
    assert MissedCaller.objects.get().is_old


def test_a_rebuild_repairs_and_counts_rows_of_calls_changed_without_a_push():
    store([call(ASHA), call(RAVI)])
    refresh_all()
    assert refresh.rebuild() == 0
    CallLog.objects.filter(caller=RAVI).update(status="ANSWERED")
    CallLog.objects.filter(caller=ASHA).update(department="Sales")
    assert refresh.rebuild() == 2
    assert MissedProgress.objects.get().repaired == 2
    assert rows() == expected_rows()


@pytest.mark.parametrize("seed", range(6))
def test_the_open_rows_match_calls_and_closings_after_random_events(asha, seed):
    """Calls in any order, repeated, contradicted, closed, reopened, erased and spooled; refreshed now and then."""
    luck = random.Random(seed)
    callers = [f"+9198123456{index:02d}" for index in range(8)] + ["", "anonymous"]
    late = []
    for step in range(120):
        caller, action = luck.choice(callers), luck.random()
        minute, call_id = luck.randrange(200), f"C{luck.randrange(60)}"
        status = luck.choice(["MISSED", "DROPPED", "ANSWER", "VOICEMAIL", ""])
        push = call(caller, status, minute=minute, call_id=call_id, after_s=step * 60,
                    department=luck.choice(["", "Sales", "Support"]))  # fmt: skip
        row = luck.choice(list(MissedCaller.objects.all()) or [None])
        if action < 0.65:
            store([push, *luck.sample(late, min(len(late), 2))])
        elif action < 0.75:
            late.append(push)  # in the spool for a while
        elif action < 0.85 and row:
            kind = luck.choice([CallbackEntry.Kind.CALLED_BACK, CallbackEntry.Kind.DISMISSED])
            seen = luck.choice([row.first_at, row.last_at])
            actions.close_caller(row.pk, kind=kind, person=asha, seen=seen)
        elif action < 0.9 and CallbackEntry.objects.filter(until__isnull=False, undone_by=None).exists():
            closings = CallbackEntry.objects.filter(until__isnull=False, undone_by=None)
            actions.reopen_caller(luck.choice(list(closings)).pk, person=asha)
        elif action < 0.93 and caller:
            CallLog.objects.filter(caller=caller).delete()
            actions.erase_caller(caller)
        elif step > 20:
            refresh_all()
    store(late)
    found = {caller: row for caller, row in expected_rows().items() if caller != "anonymous"}
    assert rows() == found
    assert refresh.rebuild() == 0
    MissedCaller.objects.all().delete()
    refresh.rebuild()
    assert rows() == found


def test_pages_contain_every_caller_once_longest_waiting_first():
    pushes = [call(f"+9198123{index:05d}", minute=index // 3) for index in range(60)]
    random.Random(1).shuffle(pushes)
    store(pushes)
    refresh_all()
    MissedCaller.objects.update(is_old=False)
    seen, after = [], ""
    while True:
        page = queries.load_callers(queries.CallbackFilter(), after=after)
        seen += page.rows
        if not page.has_after:
            break
        after = queries.build_cursor(page.rows[-1])
    assert [row.pk for row in seen] == [row.pk for row in MissedCaller.objects.order_by("first_at", "pk")]
    back = queries.load_callers(queries.CallbackFilter(), before=queries.build_cursor(seen[50]))
    assert back.rows == seen[25:50]
    assert queries.load_callers(queries.CallbackFilter(q="98123 00007")).rows[0].caller == "+919812300007"
    assert len(queries.load_callers(queries.CallbackFilter(q="0001")).rows) == 11  # 00010 to 00019, and 00001
    assert queries.load_callers(queries.CallbackFilter(), after="nonsense~1").rows == seen[:25]


def run_at_once(*actions_of_users):
    """Run each in its own thread with its own connection; returns what each returned or raised."""
    barrier = threading.Barrier(len(actions_of_users))

    def run(action):
        try:
            barrier.wait(10)
            return action()
        except (actions.AlreadyClaimed, actions.NotWaiting) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions_of_users)) as pool:
        return list(pool.map(run, actions_of_users))


@pytest.mark.django_db(transaction=True)
def test_of_two_simultaneous_clicks_one_succeeds():
    asha, ravi = (User.objects.create_user(name) for name in ("asha", "ravi"))
    store([call(ASHA)])
    refresh_all()
    row = MissedCaller.objects.get()
    for _ in range(5):
        CallbackClaim.objects.all().delete()
        results = run_at_once(
            *(lambda person=person: actions.claim_caller(row.pk, person=person) for person in (asha, ravi))
        )
        assert sorted(type(one).__name__ for one in results) == ["AlreadyClaimed", "CallbackClaim"]
    kind = CallbackEntry.Kind.CALLED_BACK
    closing = [
        lambda person=person: actions.close_caller(row.pk, kind=kind, person=person, seen=row.last_at)
        for person in (asha, ravi)
    ]
    results = run_at_once(*closing, refresh.refresh, refresh.rebuild)
    assert sorted(type(one).__name__ for one in results[:2]) == ["CloseResult", "NotWaiting"]
    assert CallbackEntry.objects.filter(until__isnull=False).count() == 1
    assert rows() == {}
