"""The inbox: every push as it came, mended and tried again; and what strangers leave at the door."""

import io
import re
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from calllogs.intake import group_commit, inbox_admin, parser, refused_pushes, replay
from calllogs.intake.envelope import receive, to_spool_record
from calllogs.intake.labels import REASON_WORDS, REMARK_WORDS
from calllogs.intake.push_fields import fields_of, unknown_parameters
from calllogs.models import CallLog, Push, RefusedPushCount
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from ivrportal.common import pagination

pytestmark = pytest.mark.django_db(transaction=True)
INBOX = "/admin/calllogs/push/"
NOT_A_DATE = "calllogid=M-1&callnumber=9812345678&date=11/25/2026&time=10:15&callstatus=ANSWER"
GOOD = "calllogid=G-{}&callnumber=9812345678&date=2026-11-08&time=10:15&callstatus=ANSWER"


@pytest.fixture
def supervisor(client_for):
    return client_for(SUPERVISORS)


def understood(raw):
    return {row.name: row for row in fields_of(Push(raw_query=raw))}


def mend(client, push, **values):
    return client.post(f"{INBOX}{push.pk}/mend/", values, follow=True).text


# --- the list ---


def test_every_push_is_listed_newest_first_with_its_outcome_in_words(supervisor, push):
    push(GOOD.format(1))
    push(NOT_A_DATE)
    push(GOOD.format(2), key="wrong")
    page = supervisor.get(INBOX).text
    table = page[page.index("result_list") :]
    assert table.index("From a stranger") < table.index("Not usable") < table.index("New call")
    assert "This is not a date" in table
    assert "G-1" in table


def test_pushes_are_filtered_by_outcome_and_by_reason(supervisor, push):
    push(GOOD.format(1))
    push(NOT_A_DATE)
    push("callnumber=9812345678&date=2026-11-08")
    refused = supervisor.get(INBOX, {"outcome__exact": "REJECTED"}).context["cl"]
    assert refused.result_count == 2
    no_time = supervisor.get(INBOX, {"reason": "no time"}).context["cl"]
    assert [found.reason for found in no_time.result_list] == ["no time"]


def test_the_list_asks_the_same_number_of_questions_for_any_number_of_pushes(
    supervisor, push, django_assert_max_num_queries
):
    for number in range(15):
        push(GOOD.format(number))
        push(NOT_A_DATE.replace("M-1", f"M-{number}"))
    supervisor.get(INBOX)
    with django_assert_max_num_queries(9):
        supervisor.get(INBOX)


def test_the_list_counts_no_further_than_it_shows(supervisor, push, monkeypatch):
    monkeypatch.setattr(pagination.CappedPaginator, "most", 3)
    for number in range(5):
        push(GOOD.format(number))
    page = supervisor.get(INBOX)
    assert page.context["cl"].result_count == 3
    assert "Only the newest 3 are listed." in page.text


# --- the words ---


def test_every_reason_of_the_parser_has_words():
    source = Path(parser.__file__).read_text(encoding="utf-8")
    reasons = set(re.findall(r'"((?:no|not a|the call|template)[^"]*)"', source)) & {
        found
        for quoted in re.findall(r"Rejected\(([^)]*)\)", source)
        for found in re.findall(r'"([^"]+)"', quoted)
    }
    assert len(reasons) >= 7
    assert reasons <= set(REASON_WORDS)


def test_every_remark_of_the_parser_has_words():
    remarks = {value for name, value in vars(parser).items() if name.isupper() and isinstance(value, str)}
    assert {parser.REPEATED_KEY, parser.MENDED} < remarks
    assert remarks - {parser.OTHER, parser.KEY_PARAMETER} <= set(REMARK_WORDS)


# --- field by field ---


def test_each_field_says_its_name_its_value_and_what_was_understood():
    rows = understood(
        "call_uuid=C9&CallerNumber=09812345678&date=08-11-2026&time=10:15&callduration=1:15&state="
    )
    assert (rows["call_id"].sent_as, rows["call_id"].meaning) == ("call_uuid", "C9")
    assert (rows["caller"].sent_as, rows["caller"].meaning) == ("CallerNumber", "98123 45678")
    assert rows["date"].meaning == "Sunday, 8 November 2026"
    assert rows["time"].meaning == "10:15:00"
    assert rows["talk_seconds"].meaning == "1:15"
    assert (rows["circle"].sent_as, rows["circle"].received) == ("state", "")
    assert (rows["department"].sent_as, rows["department"].problem) == ("", "")


def test_all_that_is_wrong_is_seen_at_once():
    rows = understood(
        "callnumber={callnumber}&date=2026-02-31&time=24:00&callstatus=<status>&callduration=long"
    )
    problems = {name for name, row in rows.items() if row.problem}
    assert problems == {"caller", "date", "time", "status"}
    assert rows["talk_seconds"].meaning == "Not a duration: left empty"


@pytest.mark.parametrize(
    ("raw", "meaning", "has_problem"),
    [
        ("date=2026-11-08T10:15:00", "Came with the date", False),
        ("date=2026-11-08", "", True),
        ("date=never", "", True),
        ("date=2026-11-08T99:15:00", "", True),
    ],
)
def test_a_time_may_come_with_the_date(raw, meaning, has_problem):
    row = understood(raw)["time"]
    assert (row.meaning, bool(row.problem)) == (meaning, has_problem)


def test_what_came_under_unknown_names_is_shown():
    push = Push(raw_query="calldate=2026-11-08&date=&recordingurl=https://r.example/?a=1&b=2&time=10:15")
    assert unknown_parameters(push) == [("calldate", "2026-11-08")]


@pytest.mark.parametrize("path", sorted(Path("tests/pushes").glob("*.query")), ids=lambda path: path.stem)
def test_the_page_agrees_with_the_parser_about_every_kind_of_push(supervisor, push, path):
    reply = push(path.read_bytes())
    kept = Push.objects.get()
    rows = {row.name: row for row in fields_of(kept)}
    problems = [name for name, row in rows.items() if row.problem]
    assert bool(problems) == (reply.status_code == 400)
    if kept.field:
        assert kept.field in problems
    assert supervisor.get(f"{INBOX}{kept.pk}/change/").status_code == 200


# --- mending ---


def test_a_push_that_was_not_usable_is_mended_and_becomes_a_call(supervisor, push):
    push(NOT_A_DATE)
    kept = Push.objects.get()
    page = supervisor.get(f"{INBOX}{kept.pk}/change/").text
    assert 'name="date" value="11/25/2026"' in page
    page = mend(supervisor, kept, date="2026-11-25", time="10:15", call_id="M-1")
    call = CallLog.objects.get()
    kept.refresh_from_db()
    assert (kept.outcome, kept.call, kept.mends) == ("STORED", call, {"date": "2026-11-25"})
    assert (kept.mended_by, kept.raw_query) == ("supervisors", NOT_A_DATE)
    assert "It is a call now:" in page
    assert f"/admin/calllogs/calllog/{call.pk}/change/" in page
    assert "A person corrected it." in page
    assert "Correct and try again" not in page
    assert "Corrected: Date." in LogEntry.objects.values_list("change_message", flat=True)


def test_a_mend_that_is_no_better_shows_the_new_reason_at_its_field(supervisor, push):
    push(NOT_A_DATE)
    kept = Push.objects.get()
    page = mend(supervisor, kept, date="2026-11-25", time="25:00")
    kept.refresh_from_db()
    assert (kept.outcome, kept.reason, kept.field) == ("REJECTED", "not a time", "time")
    assert "Still not usable: This is not a time of day." in page
    assert 'name="time" value="25:00"' in page
    assert 'name="date" value="2026-11-25"' in page
    mend(supervisor, kept, time="17:00")
    assert CallLog.objects.get().call_id == "M-1"


def test_a_value_can_be_taken_out(supervisor, push):
    push("calllogid=M-2&date=2026-11-08&time=10:15&callnumber=9812345678&callstatus={callstatus}")
    mend(supervisor, Push.objects.get(), status="-")
    assert Push.objects.get().mends == {"status": ""}
    assert CallLog.objects.get().status == "OTHER"


def test_what_cannot_be_stored_is_refused_with_words(supervisor, push):
    push(NOT_A_DATE)
    kept = Push.objects.get()
    for bad in ("2026\x00", "2026\x07", "2" * 2001):
        mend(supervisor, kept, date=bad)
        kept.refresh_from_db()
        assert (kept.outcome, kept.mends) == ("REJECTED", None)


def test_a_push_that_is_a_call_already_is_not_mended(supervisor, push):
    push(GOOD.format(1))
    kept = Push.objects.get()
    assert "nothing was changed" in mend(supervisor, kept, date="2020-01-01")
    assert (Push.objects.get().mends, CallLog.objects.get().started_at.year) == (None, 2026)


def test_only_who_may_mends_and_replays(client_for, push):
    push(NOT_A_DATE)
    kept = Push.objects.get()
    manager = client_for(OFFICE_MANAGERS)
    assert manager.get(INBOX).status_code == 403
    assert manager.post(f"{INBOX}{kept.pk}/mend/", {"date": "2026-11-25"}).status_code == 403
    assert manager.post(f"{INBOX}replay/").status_code == 403
    assert not CallLog.objects.exists()


def test_a_page_that_only_looks_changes_nothing(supervisor, push):
    push(NOT_A_DATE)
    kept = Push.objects.get()
    assert supervisor.get(f"{INBOX}{kept.pk}/mend/").status_code == 405
    assert supervisor.get(f"{INBOX}replay/").status_code == 405
    assert supervisor.post(f"{INBOX}{kept.pk}/change/", {"raw_query": "x"}).status_code == 403


# --- trying again ---


def with_better_parser(monkeypatch):
    """As after an upgrade that reads month first."""
    plain = parser._date

    def better(value):
        month, slash, rest = value.partition("/")
        day, _, year = rest.partition("/")
        return plain(f"{year}-{month}-{day}" if slash else value)

    monkeypatch.setattr(parser, "_date", better)


def test_chosen_ones_are_tried_again(supervisor, push, monkeypatch):
    for number in range(3):
        push(NOT_A_DATE.replace("M-1", f"M-{number}"))
    with_better_parser(monkeypatch)
    chosen = list(Push.objects.values_list("pk", flat=True)[:2])
    page = supervisor.post(INBOX, {"action": "replay_chosen", "_selected_action": chosen}, follow=True).text
    assert "2 pushes became calls." in page
    assert CallLog.objects.count() == 2
    assert LogEntry.objects.filter(user__username="supervisors").count() == 2


def test_all_that_are_not_usable_are_tried_again_or_those_of_one_reason(supervisor, push, monkeypatch):
    push(NOT_A_DATE)
    push("calllogid=N&callnumber=9812345678&date=11/25/2026")
    push("calllogid=O&callnumber=9812345678&date=2026-11-08")
    with_better_parser(monkeypatch)
    page = supervisor.post(f"{INBOX}replay/", {"reason": "no time"}, follow=True).text
    assert "1 is still not usable." in page
    page = supervisor.post(f"{INBOX}replay/", follow=True).text
    assert "1 push became a call." in page
    assert "2 are still not usable." in page
    assert set(Push.objects.filter(outcome="REJECTED").values_list("reason", flat=True)) == {"no time"}


def test_one_press_tries_no_more_than_a_person_can_wait_for(supervisor, push, monkeypatch):
    monkeypatch.setattr(inbox_admin, "MOST_REPLAYED", 2)
    for number in range(3):
        push(NOT_A_DATE.replace("M-1", f"M-{number}"))
    with_better_parser(monkeypatch)
    page = supervisor.post(f"{INBOX}replay/", follow=True).text
    assert "2 pushes became calls." in page
    assert "The newest 2 were tried." in page


def test_replay_pushes_counts_and_takes_a_reason(push, monkeypatch):
    push(NOT_A_DATE)
    push("calllogid=O&callnumber=9812345678&date=2026-11-08")
    with_better_parser(monkeypatch)
    assert said("replay_pushes", "--reason", "no time") == "0 became calls, 1 still not usable\n"
    assert said("replay_pushes") == "1 became calls, 1 still not usable\n"
    assert "Reasons of those that wait: no time" in said("replay_pushes", "--reason", "no such reason")


# --- the spool ---


def said(*command):
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def spool(settings, tmp_path, transactional_db):
    group_commit.stop()  # it drains too, and would be quicker
    settings.VAR_DIR = tmp_path
    return replay.spool()


def test_drain_spool_brings_in_what_waits_and_says_what_was_damaged(spool):
    for number in range(3):
        spool.append(to_spool_record(receive(GOOD.format(number).encode(), "127.0.0.1")))
    (file,) = spool.directory.glob("*.open")
    with file.open("ab") as end:
        end.write(b"torn")
    assert said("drain_spool") == "3 drained, 1 damaged and set aside\n"
    assert said("drain_spool") == "0 drained, 0 damaged and set aside\n"
    assert CallLog.objects.count() == 3


def test_drain_spool_fails_with_a_sentence_while_the_database_is_silent(spool):
    spool.append(to_spool_record(receive(GOOD.format(1).encode(), "127.0.0.1")))

    def silent(*_):
        raise OperationalError

    with (
        connection.execute_wrapper(silent),
        pytest.raises(CommandError, match=r"1 pushes wait on disk; nothing is lost") as raised,
    ):
        said("drain_spool")
    assert raised.value.returncode == 1
    assert spool.depth().records == 1


# --- strangers ---


def test_what_a_stranger_sent_is_kept_short_and_cannot_be_mended(supervisor, push, monkeypatch):
    monkeypatch.setattr(refused_pushes, "LONGEST", 20)
    push("calllogid=1&callnumber=9812345678&date=2026-11-08&time=10:15", key="wrong")
    kept = Push.objects.get()
    assert kept.raw_query == "calllogid=1&callnumb"
    page = supervisor.get(f"{INBOX}{kept.pk}/change/").text
    assert "It carried no live push key" in page
    assert "Correct and try again" not in page
    assert "nothing was changed" in mend(supervisor, kept, date="2026-11-08")
    listed = supervisor.get(INBOX, {"outcome__exact": "REFUSED"}).context["cl"].result_list
    assert list(listed) == [kept]


def test_of_one_address_no_more_than_so_many_are_kept_in_a_day(push, monkeypatch):
    monkeypatch.setattr(refused_pushes, "A_DAY_AND_ADDRESS", 2)
    for _ in range(4):
        push(GOOD.format(1), key="wrong")
    push(GOOD.format(1), key="wrong", REMOTE_ADDR="203.0.113.9")
    assert Push.objects.filter(remote_addr="127.0.0.1").count() == 2
    assert Push.objects.filter(remote_addr="203.0.113.9").count() == 1
    assert RefusedPushCount.objects.get(remote_addr="127.0.0.1").count == 4


def test_of_all_strangers_together_no_more_than_so_many_are_kept(push, monkeypatch):
    monkeypatch.setattr(refused_pushes, "IN_ALL", 3)
    push(GOOD.format(1))
    for number in range(5):
        push(GOOD.format(1), key="wrong", REMOTE_ADDR=f"203.0.113.{number}")
    assert Push.objects.filter(outcome="REFUSED").count() == 3
    assert Push.objects.filter(outcome="STORED").count() == 1


def test_who_changes_addresses_is_counted_under_none_beyond_the_cap(push, monkeypatch):
    monkeypatch.setattr(refused_pushes, "ADDRESSES_A_DAY", 2)
    for number in range(5):
        push(GOOD.format(1), key="wrong", REMOTE_ADDR=f"203.0.113.{number}")
    counts = dict(RefusedPushCount.objects.values_list("remote_addr", "count"))
    assert counts == {"203.0.113.0": 1, "203.0.113.1": 1, "": 3}


# --- rights ------------------------------------------------------------------------------------------------


def test_replaying_and_mending_are_two_rights(supervisor, push):
    push(NOT_A_DATE)
    waiting = Push.objects.get()
    group = Group.objects.get(name=SUPERVISORS)
    group.permissions.remove(Permission.objects.get(codename="replay_push"))
    assert "Try again" not in supervisor.get(INBOX).text
    assert supervisor.post(f"{INBOX}replay/").status_code == 403
    assert "It is a call now" in mend(supervisor, waiting, date="2026-11-08")
    push(NOT_A_DATE.replace("M-1", "M-2"))
    group.permissions.add(Permission.objects.get(codename="replay_push"))
    group.permissions.remove(Permission.objects.get(codename="change_push"))
    assert supervisor.post(f"{INBOX}replay/").status_code == 302
    waiting = Push.objects.get(outcome="REJECTED")
    assert supervisor.post(f"{INBOX}{waiting.pk}/mend/", {"date": "2026-11-08"}).status_code == 403


def test_a_recording_is_played_and_its_address_is_not_told(supervisor, push):
    url = "recordingurl=https%3A%2F%2Fr.test%2Fcanary%3Ftoken%3D1"
    push(f"{GOOD.format(1)}&{url}")
    push(f"{NOT_A_DATE}&{url}")
    heard, waiting = Push.objects.order_by("pk")
    page = supervisor.get(f"{INBOX}{heard.pk}/change/").text
    assert f'href="/admin/calllogs/calllog/{heard.call_id}/change/">Play it' in page
    assert "canary" not in page
    assert "canary" not in supervisor.get(f"{INBOX}{waiting.pk}/change/").text
    assert "It is a call now" in mend(supervisor, waiting, date="2026-11-08")
    assert CallLog.objects.get(call_id="M-1").recording_url == "https://r.test/canary?token=1"
