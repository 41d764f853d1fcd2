"""Pages of the callback queue: permissions, actions, number of queries, and invalid parameters."""

import datetime as dt
import re

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from calllogs.callbacks import presentation
from calllogs.intake.storage import store
from calllogs.models import CallbackClaim, CallbackEntry, CallLog, MissedCaller
from calllogs.models.missed_caller import MissReason
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync import setting_address
from settings_sync.models import Attempt, Holiday, OfficeHours
from tests.calllogs.callbacks.test_refresh import ASHA, NOON, RAVI, call

pytestmark = pytest.mark.django_db
PAGE = "/admin/calllogs/missed/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def supervisor(client_for):
    return client_for(SUPERVISORS)


def minutes_ago(minutes):
    """The time `minutes` minutes ago, expressed as minutes after NOON."""
    return (timezone.now() - NOON).total_seconds() // 60 - minutes


def get_row(caller=ASHA):
    return MissedCaller.objects.get(caller=caller)


def test_a_call_that_was_just_pushed_is_in_the_queue_and_in_the_navigation(push, client_for):
    supervisor = client_for(SUPERVISORS)
    assert "Nobody waits" in supervisor.get(PAGE).text
    now = timezone.localtime() - dt.timedelta(minutes=75)
    push(
        f"calllogid=C1&callnumber=9812345678&date={now:%Y-%m-%d}&time={now:%H:%M:%S}&callstatus=MISSED&department=Sales"
    )
    text = supervisor.get(PAGE).text
    assert "98123 45678" in text
    assert re.search(r"1 h 1[45] min", text)
    assert "tel:+919812345678" in text
    home = supervisor.get("/admin/").text
    assert re.search(r"Missed callers</span>\s*<span[^>]*>\s*1\s*</span>", home)


def test_the_page_takes_at_most_twelve_queries(supervisor, django_assert_max_num_queries):
    store(
        [call(f"+9198123{index:05d}", minute=minutes_ago(index), department="Sales") for index in range(60)]
    )
    supervisor.get(PAGE)
    CallbackClaim.objects.create(
        caller="+919812300059", person=User.objects.get(), claimed_at=timezone.now(),
        expires_at=timezone.now() + dt.timedelta(minutes=9),
    )  # fmt: skip
    for query in ("", "?department=Sales&why=NO_ANSWER&mine=1", "?q=9812300003", "?show=old", "?show=done"):
        with django_assert_max_num_queries(12):
            assert supervisor.get(PAGE + query).status_code == 200
    with django_assert_max_num_queries(8):
        supervisor.get(PAGE, headers=HTMX)


def test_polling_gets_the_queue_only_if_something_changed(supervisor):
    store([call(ASHA, minute=minutes_ago(1500))])
    first = supervisor.get(PAGE, headers=HTMX)
    assert b"<html" not in first.content
    version = re.search(r'"seen": "(\w+)"', first.text)[1]
    again = {"seen": version}
    assert supervisor.get(PAGE, again, headers=HTMX).status_code == 204
    store([call(RAVI, minute=minutes_ago(3))])
    assert supervisor.get(PAGE, again, headers=HTMX).status_code == 200


def test_a_supervisor_closes_a_caller_and_undoes_that(supervisor):
    store([call(ASHA, minute=minutes_ago(30))])
    supervisor.get(PAGE)
    row = get_row()
    response = supervisor.post(f"{PAGE}{row.pk}/take/", {"back": ""}, headers=HTMX)
    assert "You have 98123 45678 now" in response.text
    assert "You have it, until" in response.text
    dialog = supervisor.get(f"{PAGE}{row.pk}/called-back/", {"seen": row.last_at.isoformat()}, headers=HTMX)
    assert dialog["HX-Retarget"] == "#queue-dialog-body"
    closed = supervisor.post(
        f"{PAGE}{row.pk}/called-back/",
        {"seen": row.last_at.isoformat(), "note": "Wants the blue one", "back": "why=NO_ANSWER"},
        headers=HTMX,
    )
    assert "98123 45678 is called back." in closed.text
    entry = CallbackEntry.objects.get(kind="CALLED_BACK")
    assert (entry.person_name, entry.note, entry.misses) == ("supervisors", "Wants the blue one", 1)
    assert not CallbackClaim.objects.exists()
    assert "Wants the blue one" in supervisor.get(f"{PAGE}?show=done").text
    history = supervisor.get(f"{PAGE}call/{row.last_call}/").text
    for text in ("Took it", "Called back", "Wants the blue one", "Waits from here on.", "does not wait"):
        assert text in history
    opened = supervisor.post(f"{PAGE}done/{entry.pk}/open-again/", headers=HTMX)
    assert "98123 45678 is open again." in opened.text
    assert (
        "It is open again already."
        in supervisor.post(f"{PAGE}done/{entry.pk}/open-again/", headers=HTMX).text
    )


def test_a_dismissal_needs_a_reason_and_a_new_call_opens_it_again(supervisor):
    store([call(ASHA, minute=minutes_ago(30))])
    supervisor.get(PAGE)
    row = get_row()
    url = f"{PAGE}{row.pk}/dismiss/"
    refused = supervisor.post(url, {"note": " ", "seen": row.last_at.isoformat()}, headers=HTMX)
    assert "Write in a few words why" in refused.text
    assert "too long" in supervisor.post(url, {"note": "x" * 501}, headers=HTMX).text
    done = supervisor.post(url, {"note": "A fax", "seen": row.last_at.isoformat(), "back": "q=x&show=old"})
    assert (done.status_code, done.url) == (302, f"{PAGE}?q=x&show=old")
    assert "Nobody waits" in supervisor.get(PAGE).text
    store([call(ASHA, minute=minutes_ago(2))])
    assert "98123 45678" in supervisor.get(PAGE).text
    assert "Waits from here on." in supervisor.get(f"{PAGE}call/{get_row().last_call}/").text


def test_a_taken_caller_is_taken_over_only_knowingly(supervisor):
    store([call(ASHA, minute=minutes_ago(30))])
    supervisor.get(PAGE)
    row, ravi = get_row(), User.objects.create_user("ravi", first_name="Ravi", last_name="Singh")
    now = timezone.now()
    CallbackClaim.objects.create(
        caller=ASHA, person=ravi, claimed_at=now, expires_at=now + dt.timedelta(minutes=9)
    )
    assert "Ravi Singh has it, for" in supervisor.get(PAGE).text
    late = supervisor.post(f"{PAGE}{row.pk}/take/", headers=HTMX)
    assert "Ravi Singh was a moment quicker" in late.text
    dialog = supervisor.get(f"{PAGE}{row.pk}/take/").text
    assert "Ravi Singh has this caller" in dialog
    over = re.search(r'name="over" value="(\d+)"', dialog)[1]
    assert "You have" in supervisor.post(f"{PAGE}{row.pk}/take/", {"over": over}, headers=HTMX).text
    supervisor.post(f"{PAGE}{row.pk}/give-back/")
    assert [entry.kind for entry in CallbackEntry.objects.order_by("pk")] == ["TAKEN_OVER", "RELEASED"]


def test_an_action_on_a_caller_answered_meanwhile_reports_that(supervisor):
    store([call(ASHA, minute=minutes_ago(30))])
    supervisor.get(PAGE)
    row = get_row()
    store([call(ASHA, "ANSWER", minute=minutes_ago(1))])
    supervisor.get(PAGE)
    for action in ("take", "give-back", "called-back", "dismiss"):
        response = supervisor.post(f"{PAGE}{row.pk}/{action}/", {"note": "x"}, headers=HTMX)
        assert "This caller waits no more" in response.text


def test_an_office_manager_can_view_but_not_act_and_others_see_nothing(client_for):
    store([call(ASHA, minute=minutes_ago(30))])
    manager = client_for(OFFICE_MANAGERS)
    text = manager.get(PAGE).text
    assert "98••• ••678" in text
    assert "tel:" not in text
    assert "I call back" not in text
    for action in ("take", "give-back", "called-back", "dismiss"):
        assert manager.post(f"{PAGE}{get_row().pk}/{action}/").status_code == 403
    nobody = User.objects.get()
    nobody.groups.clear()
    assert manager.get(PAGE).status_code == 403
    assert "Missed callers" not in manager.get("/admin/").text


@pytest.mark.parametrize(
    "query",
    [
        "department=Gone&number=1&why=NONSENSE&mine=x&show=nowhere", "after=2026-13-45~1", "after=x~y", "before=~",
        "show=done&after=99999999999999999999", "after=0001-01-01T00:00:00%2B00:00~9", "q=%00", "before=" + "9" * 5000,
        "after=9999-12-31T23:59:59-14:00~1",
    ],
)  # fmt: skip
def test_invalid_query_parameters_are_no_error(supervisor, query):
    store([call(ASHA, minute=minutes_ago(30))])
    assert supervisor.get(f"{PAGE}?{query}").status_code == 200


def test_an_invalid_search_gets_a_message_and_a_number_is_found_in_any_spelling(supervisor):
    store([call(ASHA, minute=minutes_ago(30))])
    for text in ("+91 98123-45678", "098123 45678", "45678"):
        assert "1 call" in supervisor.get(PAGE, {"q": text}).text
    assert "at least three digits" in supervisor.get(PAGE, {"q": "9" * 10_000}).text
    assert "at least three digits" in supervisor.get(PAGE, {"q": "Asha"}).text
    assert "Nobody fits" in supervisor.get(PAGE, {"q": "55555"}).text
    assert "not kept any more" in supervisor.get(f"{PAGE}call/999999/", follow=True).text


SUNDAY_NOON = NOON  # 8 November 2026, 12:00 in Kolkata
LONG_AGO = NOON - dt.timedelta(days=30)


@pytest.mark.parametrize(
    ("wanted", "had", "status", "why", "text"),
    [
        ("", "", "MISSED", MissReason.NO_ANSWER, ""),
        ("", "", "CANCEL", MissReason.DROPPED, "hung up"),
        ("", "", "VOICEMAIL", MissReason.OTHER, "The provider said: VOICEMAIL."),
        ("09:30-18:30", "", "MISSED", MissReason.NO_ANSWER, "We were open"),
        ("13:00-18:30", "", "MISSED", MissReason.CLOSED, "Our hours that day: 13:00–18:30."),
        ("HOLIDAY", "", "DROPPED", MissReason.HOLIDAY, "holiday message"),
        ("09:30-18:30", "13:00-18:30", "MISSED", MissReason.OLD_HOURS,
         "We were open (09:30–18:30), but the provider still had 13:00–18:30."),
        ("09:30-18:30", "HOLIDAY", "DROPPED", MissReason.OLD_HOURS,
         "We were open (09:30–18:30), but the provider still had a holiday."),
        ("09:30-18:30", "09:30-18:30", "DROPPED", MissReason.DROPPED, "hung up"),
        ("13:00-18:30", "09:30-18:30", "MISSED", MissReason.CLOSED, "13:00–18:30"),
        ("", "13:00-18:30", "MISSED", MissReason.CLOSED, "13:00–18:30"),
    ],
)  # fmt: skip
def test_the_reason_depends_on_desired_and_confirmed_hours(supervisor, wanted, had, status, why, text):
    if wanted == "HOLIDAY":
        Holiday.objects.create(date=SUNDAY_NOON.date())
        Holiday.history.update(history_date=LONG_AGO)
    elif wanted:
        opens, _, closes = wanted.partition("-")
        OfficeHours.objects.create(day="Sunday", opens_at=opens + ":00", closes_at=closes + ":00")
        OfficeHours.history.update(history_date=LONG_AGO)
    if had:
        from settings_sync.models import ProviderSetting

        address = "holiday:2026-11-08" if had == "HOLIDAY" else "hours:Sunday"
        setting = ProviderSetting.objects.create(
            address=address, kind=setting_address.kind_of(address), lane=address, desired="", changed_at=LONG_AGO,
            first_sent_at=LONG_AGO,
        )  # fmt: skip
        for value, at in ((had, LONG_AGO), ("00:00-23:59", NOON + dt.timedelta(minutes=1))):
            Attempt.objects.create(
                setting=setting, address=address, value=value, generation=1, trigger="save", token="x",
                started_at=at, duration_ms=20, outcome="confirmed",
            )  # fmt: skip
    store([call(ASHA, status)])
    supervisor.get(PAGE)
    row = get_row()
    assert row.why == why
    assert text in presentation.explain_reason(row)
    assert CallLog.objects.count() == 1
