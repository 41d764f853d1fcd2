"""The detail page of a call: timeline, pushes, related calls, notes and tags."""

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calllogs.access import redaction
from calllogs.access.visibility import EVERYTHING
from calllogs.calls import related_calls, timeline
from calllogs.models import CallLog, CallNote, CallTag, Listening
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync.models import Agent, Holiday, OfficeHours

pytestmark = pytest.mark.django_db
AT = dt.datetime(2026, 11, 9, 4, 45, tzinfo=dt.UTC)  # a Monday, 10:15 in India
TOKEN = "https://recordings.example.com/play?id=1&token=canary"


def make_call(call_id="C1", *, at=AT, **values):
    values = {"caller": "+919812345678", "virtual_number": "+919800200001", "status": "MISSED", **values}
    return CallLog.objects.create(
        call_id=call_id, started_at=at, received_at=at, told_at=at, updated_at=at, **values
    )  # fmt: skip


def page(call, part="change/"):
    return f"/admin/calllogs/calllog/{call.pk}/{part}"


# --- timeline ----------------------------------------------------------------------------------------------


def step_texts(call, *, agent=""):
    steps = timeline.build_steps(call, EVERYTHING, agent=agent, miss_reason="")
    return [(step.time, step.text) for step in steps]


def test_an_answered_call_has_its_steps_in_order():
    call = make_call(status="ANSWERED", ivr_seconds=12, talk_seconds=75, agent_number="+919800100001")
    assert step_texts(call, agent="Asha Nair (98001 00001)") == [
        ("10:15:00", "98123 45678 rang 98002 00001"),
        ("10:15:00", "In the menu for 12 s"),
        ("10:15:12", "Asha Nair (98001 00001) answered"),
        ("10:15:12", "They talked for 1 min 15 s"),
        ("10:16:27", "The call ended"),
    ]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"status": "MISSED"}, "Nobody answered"),
        ({"status": "MISSED", "agent_number": "+919800100001"}, "It rang at Asha, and nobody answered"),
        ({"status": "DROPPED"}, "The caller hung up before anybody answered"),
        ({"status": "OTHER", "raw_status": "VOICEMAIL"}, "The provider calls it “VOICEMAIL”"),
        ({"status": "ANSWERED"}, "An agent answered; which one was not told"),
    ],
)
def test_every_status_has_an_outcome_step(values, text):
    call = make_call(**values)
    assert text in [step for _, step in step_texts(call, agent="Asha" if call.agent_number else "")]


def test_the_reason_of_a_missed_call_comes_from_the_office_hours_of_that_day():
    call = make_call()
    assert timeline.explain_missed(call) == ""
    hours = OfficeHours.objects.create(day="Monday", opens_at=dt.time(9, 30), closes_at=dt.time(18, 30))
    assert "was open" in timeline.explain_missed(call)
    OfficeHours.objects.filter(pk=hours.pk).update(opens_at=dt.time(10, 30))
    assert "was closed" in timeline.explain_missed(call)
    Holiday.objects.create(date=dt.date(2026, 11, 9), name="Founders' day")
    with CaptureQueriesContext(connection) as queries:
        assert timeline.explain_missed(call) == "That day is a holiday here: Founders' day."
    assert len(queries) == 1


# --- pushes ------------------------------------------------------------------------------------------------


def test_conflicting_pushes_are_shown_side_by_side_without_recording_urls(client_for, push):
    push("calllogid=C9&date=2026-11-08&time=10:00&callstatus=MISSED&ivrduration=5&recordingurl=" + TOKEN)
    push(
        "calllogid=C9&date=2026-11-08&time=10:00&callstatus=ANSWER&ivrduration=5&recordingurl=https%3A%2F%2Fx.test%2Fcanary&state=Delhi"
    )
    call = CallLog.objects.get()
    assert call.recording_url.endswith("canary")
    _summaries, conflicts = timeline.load_pushes(call, EVERYTHING)
    assert [(str(each.label), [value for _, value in each.values]) for each in conflicts] == [
        ("Status", ["Missed", "Answered"]),
        ("Recording", ["a recording", "a recording"]),
    ]
    for role in (SUPERVISORS, OFFICE_MANAGERS):
        shown = client_for(role).get(page(call)).text
        assert "canary" not in shown
        assert ("callstatus=MISSED" in shown and "state=Delhi" in shown) is (role == SUPERVISORS)
        assert "told two different things" in shown


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a=1&recordingurl=http://x/?t=1&u=2&state=Delhi", "a=1&recordingurl=…&state=Delhi"),
        ("recording_url=http%3A%2F%2Fx&x=y&date=1&z=2", "recording_url=…&date=1&z=2"),
        ("Recording+URL=http://x/&more&date=1", "Recording+URL=…&date=1"),
        ("state=Delhi", "state=Delhi"),
    ],
)
def test_a_recording_url_is_removed_from_a_push(raw, shown):
    assert redaction.hide_recording_url(raw) == shown


# --- related calls -----------------------------------------------------------------------------------------


def test_related_calls_by_caller_agent_and_department(client_for, monkeypatch):
    monkeypatch.setattr(related_calls, "MOST_OF_CALLER", 8)
    Agent.objects.create(name="Asha Nair", number="9800100001", department="Sales")
    calls = [
        make_call(f"C{n}", at=AT + dt.timedelta(hours=n), status="ANSWERED", agent_number="+919800100001",
                  department="Sales", talk_seconds=60)
        for n in range(8)
    ]  # fmt: skip
    make_call(
        "other", at=AT + dt.timedelta(hours=1), caller="+919800000001", department="Sales", status="DROPPED"
    )
    call = CallLog.objects.get(call_id="C2")
    found = related_calls.load_caller_history(call, EVERYTHING)
    assert (found.older, found.newer, found.count, found.answered, found.has_more) == (
        calls[1].pk, calls[3].pk, 8, 8, False,
    )  # fmt: skip
    assert [row.pk for row in found.calls] == [calls[n].pk for n in (5, 4, 3, 2, 1, 0)]
    agent, department = related_calls.load_latest_of_agent_and_department(call, EVERYTHING)
    assert [row.pk for row in agent] == [calls[1].pk, calls[0].pk]
    assert len(department) == 3
    shown = client_for(SUPERVISORS).get(page(call)).text
    assert "Asha Nair: latest 5 before this call" in shown
    assert f'href="{page(calls[3])}"' in shown
    make_call("C9", at=AT + dt.timedelta(hours=9))
    far = related_calls.load_caller_history(calls[0], EVERYTHING)
    assert (far.is_beyond_counted, far.has_more, far.calls) == (True, True, [])
    assert related_calls.load_caller_history(make_call("hidden", caller=""), EVERYTHING).count == 0


def test_the_page_takes_at_most_twelve_queries(client_for, push):
    """Includes the navigation, which counts missed callers."""
    push("calllogid=C9&date=2026-11-08&time=10:00&callstatus=MISSED&callnumber=9812345678&department=Sales")
    push("calllogid=C9&date=2026-11-08&time=10:00&callstatus=CANCEL&callnumber=9812345678&department=Sales")
    call, supervisor = CallLog.objects.get(), client_for(SUPERVISORS)
    for n in range(12):
        make_call(f"C{n}x", at=call.started_at - dt.timedelta(hours=n), department="Sales")
        supervisor.post(page(call, "notes/"), {"text": f"note {n}"})
        supervisor.post(page(call, "tags/"), {"word": f"tag {n}"})
        Listening.objects.record_play(call, user=User.objects.get(), play=str(n))
    supervisor.get(page(call))
    with CaptureQueriesContext(connection) as queries:
        shown = supervisor.get(page(call)).text
    assert len(queries) <= 12
    assert all(text in shown for text in ("note 11", "tag 0", "Who listened", "told two different things"))


# --- notes and tags ----------------------------------------------------------------------------------------


def test_notes_have_an_author_a_time_and_a_history_entry(client_for):
    call, supervisor, manager = make_call(), client_for(SUPERVISORS), client_for(OFFICE_MANAGERS)
    reply = supervisor.post(
        page(call, "notes/"), {"text": " Rings <b>back</b>\r\ntomorrow\x00 "}, follow=True
    )
    note = CallNote.objects.get()
    assert (note.text, note.author_name) == ("Rings <b>back</b>\ntomorrow", "supervisors")
    assert "Rings &lt;b&gt;back&lt;/b&gt;" in reply.text
    assert manager.post(page(call, "notes/"), {"text": "x"}).status_code == 403
    seen = manager.get(page(call)).text
    assert "Rings &lt;b&gt;back" in seen
    assert "Write a note" not in seen
    assert manager.post(page(call, f"notes/{note.pk}/delete/")).status_code == 403
    supervisor.post(page(call, f"notes/{note.pk}/delete/"))
    again = supervisor.post(page(call, f"notes/{note.pk}/delete/"), follow=True)
    assert "The note was deleted already." in again.text
    entries = LogEntry.objects.filter(object_id=call.pk).order_by("id")
    assert [(entry.user.username, entry.change_message) for entry in entries] == [
        ("supervisors", "Note added."),
        ("supervisors", "Note of supervisors deleted."),
    ]


def test_only_the_author_deletes_a_note(client_for):
    call = make_call()
    client_for(None).post(page(call, "notes/"), {"text": "by the admin"})
    supervisor = client_for(SUPERVISORS)
    note = CallNote.objects.get()
    assert supervisor.post(page(call, f"notes/{note.pk}/delete/")).status_code == 403
    assert f"notes/{note.pk}/delete/" not in supervisor.get(page(call)).text
    assert CallNote.objects.count() == 1


@pytest.mark.parametrize(
    ("text", "message"), [("  ", "The note is empty"), ("x" * 2001, "The note is too long")]
)
def test_a_rejected_note_is_shown_again(client_for, text, message):
    reply = client_for(SUPERVISORS).post(page(make_call(), "notes/"), {"text": text})
    assert message in reply.text
    assert f">{text.strip()}</textarea>" in reply.text
    assert CallNote.objects.count() == 0


def test_tags_are_unique_per_call_and_suggested_for_other_calls(client_for):
    call, other, supervisor = make_call(), make_call("C2"), client_for(SUPERVISORS)
    for word in ("Refund", "refund ", "VIP", "", "x" * 41):
        supervisor.post(page(call, "tags/"), {"word": word})
    supervisor.post(page(other, "tags/"), {"word": "  wrong   number "})
    assert list(CallTag.objects.values_list("word", flat=True)) == ["Refund", "VIP", "wrong number"]

    def suggested(beginning):
        return supervisor.get("/admin/calllogs/calllog/tags/", {"q": beginning}).json()["words"]

    assert suggested("") == ["wrong number", "VIP", "Refund"]
    assert suggested("REF") == ["Refund"]
    tag = CallTag.objects.get(word="VIP")
    supervisor.post(page(call, f"tags/{tag.pk}/delete/"))
    assert (
        "The tag was taken off already."
        in supervisor.post(page(call, f"tags/{tag.pk}/delete/"), follow=True).text
    )
    assert suggested("v") == []


# --- the page ----------------------------------------------------------------------------------------------


def test_the_details_for_a_ticket_contain_no_recording_url(client_for):
    call = make_call(
        status="ANSWERED", raw_status="ANSWER", ivr_seconds=0, recording_url=TOKEN, circle="Delhi"
    )
    text = timeline.format_details(call, EVERYTHING, agent="Asha Nair (98001 00001)")
    for line in (
        "Call id: C1", "Started: 9 November 2026, 10:15:00 (IST, UTC+0530)", "Caller: +919812345678",
        "Status: Answered (as received: ANSWER)", "Seconds in the IVR: 0", "Seconds of talk: –", "Recording: yes",
    ):  # fmt: skip
        assert line in text
    assert "canary" not in text
    shown = client_for(SUPERVISORS).get(page(call)).text
    assert "canary" not in shown
    assert "recordings.example.com" not in shown


@pytest.mark.parametrize("pk", ["999999999", "0", "x", "9" * 30, "1_0", "٣"])
def test_an_unknown_call_redirects_with_a_message(client_for, pk):
    reply = client_for(SUPERVISORS).get(f"/admin/calllogs/calllog/{pk}/change/", follow=True)
    assert "This call is not here" in reply.text


def test_the_link_back_keeps_the_filter_of_the_list(client_for):
    shown = (
        client_for(SUPERVISORS)
        .get(page(make_call()), {"_changelist_filters": "status__exact=MISSED&p=2"})
        .text
    )
    assert 'href="/admin/calllogs/calllog/?status__exact=MISSED&amp;p=2"' in shown


def test_without_permission_every_part_of_the_page_is_forbidden(client_for):
    client = client_for(OFFICE_MANAGERS)
    User.objects.get().groups.clear()
    call = make_call(recording_url=TOKEN)
    assert client.get(page(call)).status_code == 403
    for part in ("recording/", "recording/look/"):
        assert client.get(page(call, part)).status_code == 403
    for part in ("notes/", "tags/", "notes/1/delete/", "tags/1/delete/"):
        assert client.post(page(call, part)).status_code == 403
    assert client.get("/admin/calllogs/calllog/tags/").status_code == 403


def test_a_call_with_only_an_id_and_without_pushes_has_a_page(client_for):
    bare = make_call("bare", caller="", virtual_number="", status="OTHER")
    shown = client_for(SUPERVISORS).get(page(bare)).text
    assert "Number withheld" in shown
    assert "Somebody rang" in shown
    assert "loaded as sample data" in shown
