"""The inbox: pushes as received, corrections, replay, the spool commands, and refused pushes."""

import io
import re
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from calllogs.intake import group_commit, inbox_admin, parser, query_fields, refused_pushes, replay
from calllogs.intake.envelope import receive, to_spool_record
from calllogs.intake.labels import REASON_LABELS, REMARK_LABELS
from calllogs.intake.push_fields import build_push_fields, find_unknown_parameters
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


def interpret(raw):
    return {row.name: row for row in build_push_fields(Push(raw_query=raw))}


def correct(client, push, **values):
    return client.post(f"{INBOX}{push.pk}/mend/", values, follow=True).text


# --- the list ---


def test_every_push_is_listed_newest_first_with_its_outcome(supervisor, push):
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


def test_the_number_of_queries_does_not_depend_on_the_number_of_pushes(
    supervisor, push, django_assert_max_num_queries
):
    for number in range(15):
        push(GOOD.format(number))
        push(NOT_A_DATE.replace("M-1", f"M-{number}"))
    supervisor.get(INBOX)
    with django_assert_max_num_queries(9):
        supervisor.get(INBOX)


def test_the_list_counts_no_more_pushes_than_it_shows(supervisor, push, monkeypatch):
    monkeypatch.setattr(pagination.CappedPaginator, "max_count", 3)
    for number in range(5):
        push(GOOD.format(number))
    page = supervisor.get(INBOX)
    assert page.context["cl"].result_count == 3
    assert "Only the newest 3 are listed." in page.text


# --- labels ---


def test_every_reason_of_the_parser_has_a_label():
    source = Path(parser.__file__).read_text(encoding="utf-8")
    reasons = set(re.findall(r'"((?:no|not a|the call|template)[^"]*)"', source)) & {
        found
        for quoted in re.findall(r"Rejected\(([^)]*)\)", source)
        for found in re.findall(r'"([^"]+)"', quoted)
    }
    assert len(reasons) >= 7
    assert reasons <= set(REASON_LABELS)


def test_every_flag_of_the_parser_has_a_label():
    flags = {
        value
        for name, value in (vars(parser) | vars(query_fields)).items()
        if name.isupper() and isinstance(value, str)
    }
    assert {query_fields.REPEATED_KEY, parser.CORRECTED} < flags
    assert flags - {parser.OTHER, query_fields.KEY_PARAMETER} <= set(REMARK_LABELS)


# --- field by field ---


def test_each_field_shows_its_name_value_and_meaning():
    rows = interpret(
        "call_uuid=C9&CallerNumber=09812345678&date=08-11-2026&time=10:15&callduration=1:15&state="
    )
    assert (rows["call_id"].sent_as, rows["call_id"].meaning) == ("call_uuid", "C9")
    assert (rows["caller"].sent_as, rows["caller"].meaning) == ("CallerNumber", "98123 45678")
    assert rows["date"].meaning == "Sunday, 8 November 2026"
    assert rows["time"].meaning == "10:15:00"
    assert rows["talk_seconds"].meaning == "1:15"
    assert (rows["circle"].sent_as, rows["circle"].received) == ("state", "")
    assert (rows["department"].sent_as, rows["department"].problem) == ("", "")


def test_all_problems_are_shown_at_once():
    rows = interpret(
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
    row = interpret(raw)["time"]
    assert (row.meaning, bool(row.problem)) == (meaning, has_problem)


def test_parameters_with_unknown_names_are_shown():
    push = Push(raw_query="calldate=2026-11-08&date=&recordingurl=https://r.example/?a=1&b=2&time=10:15")
    assert find_unknown_parameters(push) == [("calldate", "2026-11-08")]


@pytest.mark.parametrize("path", sorted(Path("tests/pushes").glob("*.query")), ids=lambda path: path.stem)
def test_the_page_agrees_with_the_parser_about_every_kind_of_push(supervisor, push, path):
    reply = push(path.read_bytes())
    stored_push = Push.objects.get()
    rows = {row.name: row for row in build_push_fields(stored_push)}
    problems = [name for name, row in rows.items() if row.problem]
    assert bool(problems) == (reply.status_code == 400)
    if stored_push.field:
        assert stored_push.field in problems
    assert supervisor.get(f"{INBOX}{stored_push.pk}/change/").status_code == 200


# --- corrections ---


def test_an_unusable_push_is_corrected_and_becomes_a_call(supervisor, push):
    push(NOT_A_DATE)
    stored_push = Push.objects.get()
    page = supervisor.get(f"{INBOX}{stored_push.pk}/change/").text
    assert 'name="date" value="11/25/2026"' in page
    page = correct(supervisor, stored_push, date="2026-11-25", time="10:15", call_id="M-1")
    call = CallLog.objects.get()
    stored_push.refresh_from_db()
    assert (stored_push.outcome, stored_push.call, stored_push.mends) == (
        "STORED",
        call,
        {"date": "2026-11-25"},
    )
    assert (stored_push.mended_by, stored_push.raw_query) == ("supervisors", NOT_A_DATE)
    assert "It is a call now:" in page
    assert f"/admin/calllogs/calllog/{call.pk}/change/" in page
    assert "A person corrected it." in page
    assert "Correct and try again" not in page
    assert "Corrected: Date." in LogEntry.objects.values_list("change_message", flat=True)


def test_a_wrong_correction_shows_the_new_reason_at_its_field(supervisor, push):
    push(NOT_A_DATE)
    stored_push = Push.objects.get()
    page = correct(supervisor, stored_push, date="2026-11-25", time="25:00")
    stored_push.refresh_from_db()
    assert (stored_push.outcome, stored_push.reason, stored_push.field) == ("REJECTED", "not a time", "time")
    assert "Still not usable: This is not a time of day." in page
    assert 'name="time" value="25:00"' in page
    assert 'name="date" value="2026-11-25"' in page
    correct(supervisor, stored_push, time="17:00")
    assert CallLog.objects.get().call_id == "M-1"


def test_a_value_can_be_removed(supervisor, push):
    push("calllogid=M-2&date=2026-11-08&time=10:15&callnumber=9812345678&callstatus={callstatus}")
    correct(supervisor, Push.objects.get(), status="-")
    assert Push.objects.get().mends == {"status": ""}
    assert CallLog.objects.get().status == "OTHER"


def test_a_correction_that_cannot_be_stored_is_refused(supervisor, push):
    push(NOT_A_DATE)
    stored_push = Push.objects.get()
    for bad in ("2026\x00", "2026\x07", "2" * 2001):
        correct(supervisor, stored_push, date=bad)
        stored_push.refresh_from_db()
        assert (stored_push.outcome, stored_push.mends) == ("REJECTED", None)


def test_a_push_that_is_already_a_call_is_not_corrected(supervisor, push):
    push(GOOD.format(1))
    stored_push = Push.objects.get()
    assert "nothing was changed" in correct(supervisor, stored_push, date="2020-01-01")
    assert (Push.objects.get().mends, CallLog.objects.get().started_at.year) == (None, 2026)


def test_correcting_and_replaying_need_permission(client_for, push):
    push(NOT_A_DATE)
    stored_push = Push.objects.get()
    manager = client_for(OFFICE_MANAGERS)
    assert manager.get(INBOX).status_code == 403
    assert manager.post(f"{INBOX}{stored_push.pk}/mend/", {"date": "2026-11-25"}).status_code == 403
    assert manager.post(f"{INBOX}replay/").status_code == 403
    assert not CallLog.objects.exists()


def test_only_posts_to_the_action_urls_change_anything(supervisor, push):
    push(NOT_A_DATE)
    stored_push = Push.objects.get()
    assert supervisor.get(f"{INBOX}{stored_push.pk}/mend/").status_code == 405
    assert supervisor.get(f"{INBOX}replay/").status_code == 405
    assert supervisor.post(f"{INBOX}{stored_push.pk}/change/", {"raw_query": "x"}).status_code == 403


# --- replay ---


def accept_month_first(monkeypatch):
    """As after an upgrade to a parser that accepts month-first dates."""
    parse_date = parser._parse_date

    def parse_month_first(value):
        month, slash, rest = value.partition("/")
        day, _, year = rest.partition("/")
        return parse_date(f"{year}-{month}-{day}" if slash else value)

    monkeypatch.setattr(parser, "_parse_date", parse_month_first)


def test_selected_pushes_are_replayed(supervisor, push, monkeypatch):
    for number in range(3):
        push(NOT_A_DATE.replace("M-1", f"M-{number}"))
    accept_month_first(monkeypatch)
    chosen = list(Push.objects.values_list("pk", flat=True)[:2])
    page = supervisor.post(INBOX, {"action": "replay_chosen", "_selected_action": chosen}, follow=True).text
    assert "2 pushes became calls." in page
    assert CallLog.objects.count() == 2
    assert LogEntry.objects.filter(user__username="supervisors").count() == 2


def test_all_unusable_pushes_or_those_of_one_reason_are_replayed(supervisor, push, monkeypatch):
    push(NOT_A_DATE)
    push("calllogid=N&callnumber=9812345678&date=11/25/2026")
    push("calllogid=O&callnumber=9812345678&date=2026-11-08")
    accept_month_first(monkeypatch)
    page = supervisor.post(f"{INBOX}replay/", {"reason": "no time"}, follow=True).text
    assert "1 is still not usable." in page
    page = supervisor.post(f"{INBOX}replay/", follow=True).text
    assert "1 push became a call." in page
    assert "2 are still not usable." in page
    assert set(Push.objects.filter(outcome="REJECTED").values_list("reason", flat=True)) == {"no time"}


def test_one_click_replays_at_most_max_replayed_pushes(supervisor, push, monkeypatch):
    monkeypatch.setattr(inbox_admin, "MAX_REPLAYED", 2)
    for number in range(3):
        push(NOT_A_DATE.replace("M-1", f"M-{number}"))
    accept_month_first(monkeypatch)
    page = supervisor.post(f"{INBOX}replay/", follow=True).text
    assert "2 pushes became calls." in page
    assert "The newest 2 were tried." in page


def test_replay_pushes_counts_and_takes_a_reason(push, monkeypatch):
    push(NOT_A_DATE)
    push("calllogid=O&callnumber=9812345678&date=2026-11-08")
    accept_month_first(monkeypatch)
    assert command_output("replay_pushes", "--reason", "no time") == "0 became calls, 1 still not usable\n"
    assert command_output("replay_pushes") == "1 became calls, 1 still not usable\n"
    assert "Reasons of those that wait: no time" in command_output(
        "replay_pushes", "--reason", "no such reason"
    )


# --- the spool ---


def command_output(*command):
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.fixture
def spool(settings, tmp_path, transactional_db):
    group_commit.stop()  # the writer would drain the spool too
    settings.VAR_DIR = tmp_path
    return replay.get_spool()


def test_drain_spool_stores_what_waits_and_reports_damage(spool):
    for number in range(3):
        spool.append(to_spool_record(receive(GOOD.format(number).encode(), "127.0.0.1")))
    (file,) = spool.directory.glob("*.open")
    with file.open("ab") as end:
        end.write(b"torn")
    assert command_output("drain_spool") == "3 drained, 1 damaged and set aside\n"
    assert command_output("drain_spool") == "0 drained, 0 damaged and set aside\n"
    assert CallLog.objects.count() == 3


def test_drain_spool_fails_with_a_message_while_the_database_is_silent(spool):
    spool.append(to_spool_record(receive(GOOD.format(1).encode(), "127.0.0.1")))

    def silent(*_):
        raise OperationalError

    with (
        connection.execute_wrapper(silent),
        pytest.raises(CommandError, match=r"1 pushes wait on disk; nothing is lost") as raised,
    ):
        command_output("drain_spool")
    assert raised.value.returncode == 1
    assert spool.depth().records == 1


# --- refused pushes ---


def test_a_refused_push_is_shortened_and_cannot_be_corrected(supervisor, push, monkeypatch):
    monkeypatch.setattr(refused_pushes, "MAX_QUERY_LENGTH", 20)
    push("calllogid=1&callnumber=9812345678&date=2026-11-08&time=10:15", key="wrong")
    stored_push = Push.objects.get()
    assert stored_push.raw_query == "calllogid=1&callnumb"
    page = supervisor.get(f"{INBOX}{stored_push.pk}/change/").text
    assert "It carried no live push key" in page
    assert "Correct and try again" not in page
    assert "nothing was changed" in correct(supervisor, stored_push, date="2026-11-08")
    listed = supervisor.get(INBOX, {"outcome__exact": "REFUSED"}).context["cl"].result_list
    assert list(listed) == [stored_push]


def test_refused_pushes_are_capped_per_day_and_address(push, monkeypatch):
    monkeypatch.setattr(refused_pushes, "MAX_PER_DAY_AND_ADDRESS", 2)
    for _ in range(4):
        push(GOOD.format(1), key="wrong")
    push(GOOD.format(1), key="wrong", REMOTE_ADDR="203.0.113.9")
    assert Push.objects.filter(remote_addr="127.0.0.1").count() == 2
    assert Push.objects.filter(remote_addr="203.0.113.9").count() == 1
    assert RefusedPushCount.objects.get(remote_addr="127.0.0.1").count == 4


def test_refused_pushes_are_capped_in_total(push, monkeypatch):
    monkeypatch.setattr(refused_pushes, "MAX_RECORDS", 3)
    push(GOOD.format(1))
    for number in range(5):
        push(GOOD.format(1), key="wrong", REMOTE_ADDR=f"203.0.113.{number}")
    assert Push.objects.filter(outcome="REFUSED").count() == 3
    assert Push.objects.filter(outcome="STORED").count() == 1


def test_addresses_beyond_the_cap_are_counted_together(push, monkeypatch):
    monkeypatch.setattr(refused_pushes, "MAX_ADDRESSES_PER_DAY", 2)
    for number in range(5):
        push(GOOD.format(1), key="wrong", REMOTE_ADDR=f"203.0.113.{number}")
    counts = dict(RefusedPushCount.objects.values_list("remote_addr", "count"))
    assert counts == {"203.0.113.0": 1, "203.0.113.1": 1, "": 3}


# --- permissions ------------------------------------------------------------------------------------------------


def test_replaying_and_correcting_are_two_permissions(supervisor, push):
    push(NOT_A_DATE)
    rejected_push = Push.objects.get()
    group = Group.objects.get(name=SUPERVISORS)
    group.permissions.remove(Permission.objects.get(codename="replay_push"))
    assert "Try again" not in supervisor.get(INBOX).text
    assert supervisor.post(f"{INBOX}replay/").status_code == 403
    assert "It is a call now" in correct(supervisor, rejected_push, date="2026-11-08")
    push(NOT_A_DATE.replace("M-1", "M-2"))
    group.permissions.add(Permission.objects.get(codename="replay_push"))
    group.permissions.remove(Permission.objects.get(codename="change_push"))
    assert supervisor.post(f"{INBOX}replay/").status_code == 302
    rejected_push = Push.objects.get(outcome="REJECTED")
    assert supervisor.post(f"{INBOX}{rejected_push.pk}/mend/", {"date": "2026-11-08"}).status_code == 403


def test_a_recording_can_be_played_and_its_url_is_hidden(supervisor, push):
    url = "recordingurl=https%3A%2F%2Fr.test%2Fcanary%3Ftoken%3D1"
    push(f"{GOOD.format(1)}&{url}")
    push(f"{NOT_A_DATE}&{url}")
    call_push, rejected_push = Push.objects.order_by("pk")
    page = supervisor.get(f"{INBOX}{call_push.pk}/change/").text
    assert f'href="/admin/calllogs/calllog/{call_push.call_id}/change/">Play it' in page
    assert "canary" not in page
    assert "canary" not in supervisor.get(f"{INBOX}{rejected_push.pk}/change/").text
    assert "It is a call now" in correct(supervisor, rejected_push, date="2026-11-08")
    assert CallLog.objects.get(call_id="M-1").recording_url == "https://r.test/canary?token=1"
