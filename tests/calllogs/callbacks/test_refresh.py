"""Who waits for a call back: derived from calls and closings, whatever the order in which they come."""

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
    """A push of a call that began so many minutes after noon."""
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


def level():
    if refresh.pending() and refresh.pending().is_new:
        refresh.rebuild()
    while refresh.refresh():
        pass


def rows():
    level()
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


def derived():
    """The same from scratch, as slowly and plainly as can be."""
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


def test_an_answered_call_that_is_told_late_closes_only_what_was_before_it():
    store([call(ASHA, minute=1), call(ASHA, minute=7)])
    assert rows()[ASHA][0] == 2
    store([call(ASHA, "ANSWER", minute=3)])
    assert rows()[ASHA][:2] == (1, NOON + dt.timedelta(minutes=7))


def test_hidden_numbers_are_counted_and_not_listed(settings):
    now = (timezone.now() - NOON).total_seconds() // 60
    store([call("", minute=now - 5), call("anonymous", minute=now - 4), call("", "ANSWER", minute=now - 3)])
    assert rows() == {}
    assert queries.hidden() == 2


def test_a_call_that_turns_out_to_be_another_caller_s_leaves_the_first():
    store([call(ASHA, call_id="C1")])
    assert set(rows()) == {ASHA}
    store([call(RAVI, call_id="C1", after_s=5)])
    assert set(rows()) == {RAVI}


def test_a_push_that_was_mended_and_replayed_counts(settings):
    level()
    query = f"calllogid=C1&callnumber={ASHA[3:]}&date=2026-13-08&time=12:00:00&callstatus=MISSED"
    store([ParsedPush(uuid4().hex, NOON, "127.0.0.1", query, None, "not a date", "date")])
    assert rows() == {}
    Push.objects.update(mends={"date": "2026-11-08"})
    replay.replay()
    assert set(rows()) == {ASHA}


def test_a_transaction_that_commits_late_with_an_early_id_is_not_passed_over():
    store([call(ASHA)])
    level()
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


def test_a_closing_closes_what_was_seen_and_not_what_came_after(asha):
    store([call(ASHA)])
    level()
    row = MissedCaller.objects.get()
    seen = row.last_at
    store([call(ASHA, minute=2)])
    level()
    closed = actions.close(row.pk, how=CallbackEntry.Kind.CALLED_BACK, person=asha, seen=seen, note="Reached")
    assert closed.still is not None
    assert closed.still.misses == 1
    actions.close(
        row.pk, how=CallbackEntry.Kind.DISMISSED, person=asha, seen=dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    )
    assert rows() == {}
    store([call(ASHA, minute=4)])  # not closed by anybody's 2099
    assert rows()[ASHA][0] == 1


def test_a_closing_taken_back_is_as_if_it_never_was(asha):
    store([call(ASHA), call(ASHA, minute=2)])
    level()
    before = rows()
    row = MissedCaller.objects.get()
    closed = actions.close(row.pk, how=CallbackEntry.Kind.DISMISSED, person=asha, seen=row.last_at)
    assert rows() == {}
    assert actions.reopen(closed.entry.pk, person=asha) is not None
    assert rows() == before
    with pytest.raises(actions.Gone):
        actions.reopen(closed.entry.pk, person=asha)


def test_two_who_close_at_once_make_one_closing(asha, ravi):
    store([call(ASHA)])
    level()
    row = MissedCaller.objects.get()
    actions.close(row.pk, how=CallbackEntry.Kind.CALLED_BACK, person=asha, seen=row.last_at)
    with pytest.raises(actions.Gone):
        actions.close(row.pk, how=CallbackEntry.Kind.CALLED_BACK, person=ravi, seen=row.last_at)
    assert CallbackEntry.objects.count() == 1


def test_a_claim_is_one_person_s_until_it_ends_or_is_taken_over_knowingly(asha, ravi):
    store([call(ASHA)])
    level()
    pk = MissedCaller.objects.get().pk
    actions.claim(pk, person=asha)
    actions.claim(pk, person=asha)
    with pytest.raises(actions.Taken) as taken:
        actions.claim(pk, person=ravi)
    assert taken.value.claim.person == asha
    actions.claim(pk, person=ravi, over=asha.pk)
    with pytest.raises(actions.Taken):  # knew of asha, not of ravi
        actions.claim(pk, person=asha, over=asha.pk)
    CallbackClaim.objects.update(expires_at=NOON - dt.timedelta(days=365))
    actions.claim(pk, person=asha)
    assert [entry.kind for entry in CallbackEntry.objects.order_by("pk")] == [
        "CLAIMED",
        "TAKEN_OVER",
        "CLAIMED",
    ]


def test_what_is_forgotten_or_too_old_leaves_the_desk(asha, settings):
    store([call(ASHA), call(ASHA, minute=3), call(RAVI)])
    level()
    actions.claim(MissedCaller.objects.get(caller=RAVI).pk, person=asha)
    CallLog.objects.filter(caller=RAVI).delete()
    assert actions.forget(RAVI) == 3
    CallLog.objects.update(started_at=timezone.now())
    settings.CALL_RETENTION_DAYS = 1
    MissedCaller.objects.update(first_at=NOON - dt.timedelta(days=500))
    CallLog.objects.filter(pk=CallLog.objects.first().pk).update(started_at=NOON - dt.timedelta(days=500))
    retention.delete_old(budget_s=5)
    assert rows()[ASHA][0] == 1
    assert not CallbackEntry.objects.exists()


def test_who_has_not_tried_again_for_long_is_old_and_comes_back_with_a_new_call():
    store([call(ASHA)])
    tasks.refresh_missed()
    assert MissedCaller.objects.get().is_old == (refresh.oldest_waiting() > NOON)
    MissedCaller.objects.update(is_old=True)
    now = (timezone.now() - NOON).total_seconds() // 60
    store([call(ASHA, minute=now)])
    tasks.refresh_missed()
    assert not MissedCaller.objects.get().is_old
    MissedCaller.objects.update(last_at=NOON - dt.timedelta(days=60))
    tasks.refresh_missed()
    assert MissedCaller.objects.get().is_old


def test_a_rebuild_mends_what_was_changed_behind_our_back_and_counts_it():
    store([call(ASHA), call(RAVI)])
    level()
    assert refresh.rebuild() == 0
    CallLog.objects.filter(caller=RAVI).update(status="ANSWERED")
    CallLog.objects.filter(caller=ASHA).update(department="Sales")
    assert refresh.rebuild() == 2
    assert MissedProgress.objects.get().repaired == 2
    assert rows() == derived()


@pytest.mark.parametrize("seed", range(6))
def test_the_open_rows_are_what_calls_and_closings_say_whatever_happens(asha, seed):
    """Calls in any order, told again and otherwise, closed, opened, erased, spooled; refreshed now and then."""
    luck = random.Random(seed)
    callers = [f"+9198123456{index:02d}" for index in range(8)] + ["", "anonymous"]
    late = []
    for step in range(120):
        caller, deed = luck.choice(callers), luck.random()
        minute, call_id = luck.randrange(200), f"C{luck.randrange(60)}"
        status = luck.choice(["MISSED", "DROPPED", "ANSWER", "VOICEMAIL", ""])
        told = call(caller, status, minute=minute, call_id=call_id, after_s=step * 60,
                    department=luck.choice(["", "Sales", "Support"]))  # fmt: skip
        row = luck.choice(list(MissedCaller.objects.all()) or [None])
        if deed < 0.65:
            store([told, *luck.sample(late, min(len(late), 2))])
        elif deed < 0.75:
            late.append(told)  # in the spool for a while
        elif deed < 0.85 and row:
            how = luck.choice(list(actions.CLOSINGS))
            seen = luck.choice([row.first_at, row.last_at])
            actions.close(row.pk, how=how, person=asha, seen=seen)
        elif deed < 0.9 and CallbackEntry.objects.filter(until__isnull=False, undone_by=None).exists():
            closings = CallbackEntry.objects.filter(until__isnull=False, undone_by=None)
            actions.reopen(luck.choice(list(closings)).pk, person=asha)
        elif deed < 0.93 and caller:
            CallLog.objects.filter(caller=caller).delete()
            actions.forget(caller)
        elif step > 20:
            level()
    store(late)
    found = {caller: row for caller, row in derived().items() if caller != "anonymous"}
    assert rows() == found
    assert refresh.rebuild() == 0
    MissedCaller.objects.all().delete()
    refresh.rebuild()
    assert rows() == found


def test_pages_of_the_list_have_everybody_once_and_the_longest_waiting_first():
    pushes = [call(f"+9198123{index:05d}", minute=index // 3) for index in range(60)]
    random.Random(1).shuffle(pushes)
    store(pushes)
    level()
    MissedCaller.objects.update(is_old=False)
    seen, after = [], ""
    while True:
        page = queries.callers(queries.CallbackFilter(), after=after)
        seen += page.rows
        if not page.has_after:
            break
        after = queries.place(page.rows[-1])
    assert [row.pk for row in seen] == [row.pk for row in MissedCaller.objects.order_by("first_at", "pk")]
    back = queries.callers(queries.CallbackFilter(), before=queries.place(seen[50]))
    assert back.rows == seen[25:50]
    assert queries.callers(queries.CallbackFilter(q="98123 00007")).rows[0].caller == "+919812300007"
    assert len(queries.callers(queries.CallbackFilter(q="0001")).rows) == 11  # 00010 to 00019, and 00001
    assert queries.callers(queries.CallbackFilter(), after="nonsense~1").rows == seen[:25]


def at_once(*acts_of_people):
    """Run them in threads of their own, with connections of their own; what each returned or raised."""
    barrier = threading.Barrier(len(acts_of_people))

    def run(act):
        try:
            barrier.wait(10)
            return act()
        except (actions.Taken, actions.Gone) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts_of_people)) as pool:
        return list(pool.map(run, acts_of_people))


@pytest.mark.django_db(transaction=True)
def test_of_two_clicks_at_once_one_wins():
    asha, ravi = (User.objects.create_user(name) for name in ("asha", "ravi"))
    store([call(ASHA)])
    level()
    row = MissedCaller.objects.get()
    for _ in range(5):
        CallbackClaim.objects.all().delete()
        got = at_once(
            *(lambda person=person: actions.claim(row.pk, person=person) for person in (asha, ravi))
        )
        assert sorted(type(one).__name__ for one in got) == ["CallbackClaim", "Taken"]
    how = CallbackEntry.Kind.CALLED_BACK
    closing = [
        lambda person=person: actions.close(row.pk, how=how, person=person, seen=row.last_at)
        for person in (asha, ravi)
    ]
    got = at_once(*closing, refresh.refresh, refresh.rebuild)
    assert sorted(type(one).__name__ for one in got[:2]) == ["Closed", "Gone"]
    assert CallbackEntry.objects.filter(until__isnull=False).count() == 1
    assert rows() == {}
