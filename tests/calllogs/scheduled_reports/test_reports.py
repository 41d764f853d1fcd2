"""Reports by mail: about the right days, once, by a real mail server that takes, refuses or keeps silent."""

import datetime as dt
import re
import threading
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.utils import timezone

from calllogs.alarms import service
from calllogs.models import (
    Alarm,
    CallLog,
    DepartmentLimit,
    MissedCaller,
    OutgoingMail,
    Report,
    ReportRun,
    SavedView,
)
from calllogs.notifications import outbox
from calllogs.scheduled_reports import compose, due_dates, generate
from calllogs.statistics import refresh
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync.models import Agent
from tests.calllogs.notifications.mail_server import mail_server
from tests.conftest import make_user

pytestmark = pytest.mark.django_db
INDIA = ZoneInfo("Asia/Kolkata")
MONDAY = dt.datetime(2026, 11, 23, 8, 0, tzinfo=INDIA)
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
PAGE = "/admin/calllogs/report/"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def server(settings):
    with mail_server() as running:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = SMTP, "127.0.0.1", running.port
        settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL, settings.EMAIL_TIMEOUT = False, False, 0.3
        settings.PORTAL_URL = "https://portal.example"
        yield running


def someone(name, **fields):
    values = {"email": f"{name}@office.example", "is_staff": True, "is_superuser": True}
    return User.objects.create(username=name, **values | fields)


def report(*people, **fields):
    values = {"name": "Morning figures", "at": dt.time(8), "on_since": MONDAY - 40 * DAY}
    people = people or (someone("asha"),)
    made = Report.objects.create(**{"maker": people[0]} | values | fields)
    made.people.set(people)
    return made


def call(at, status="ANSWERED", **fields):
    values = {
        "caller": "+919812345678",
        "department": "Sales",
        "agent_number": "+919800100001",
        "talk_seconds": 90,
    }
    moments = dict.fromkeys(("started_at", "received_at", "told_at", "updated_at"), at)
    row = {"call_id": f"{at.timestamp()}{status}{fields}"[:128], "status": status} | moments | values | fields
    return CallLog.objects.create(**row)


# --- which days, and when --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rhythm", "now", "due", "first", "last"),
    [
        ("DAILY", "2026-11-23 08:00", "2026-11-23 08:00", "2026-11-22", "2026-11-22"),
        ("DAILY", "2026-11-23 07:59", "2026-11-22 08:00", "2026-11-21", "2026-11-21"),
        ("DAILY", "2026-03-01 09:00", "2026-03-01 08:00", "2026-02-28", "2026-02-28"),
        ("WEEKLY", "2026-11-23 08:00", "2026-11-23 08:00", "2026-11-16", "2026-11-22"),
        ("WEEKLY", "2026-11-23 07:00", "2026-11-16 08:00", "2026-11-09", "2026-11-15"),
        ("WEEKLY", "2027-01-02 12:00", "2026-12-28 08:00", "2026-12-21", "2026-12-27"),
        ("MONTHLY", "2026-11-23 08:00", "2026-11-01 08:00", "2026-10-01", "2026-10-31"),
        ("MONTHLY", "2026-03-01 07:00", "2026-02-01 08:00", "2026-01-01", "2026-01-31"),
        ("MONTHLY", "2027-01-01 08:00", "2027-01-01 08:00", "2026-12-01", "2026-12-31"),
    ],
)
def test_the_days_that_a_report_is_about(rhythm, now, due, first, last):
    wanted = Report(rhythm=rhythm, weekday=0, at=dt.time(8))
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=INDIA)
    found = due_dates.latest(wanted, moment)
    assert (f"{found.at:%Y-%m-%d %H:%M}", f"{found.first}", f"{found.last}") == (due, first, last)
    following = due_dates.following(wanted, moment)
    assert following.first == found.last + DAY
    assert following.at > moment
    assert due_dates.latest(wanted, following.at) == following
    assert (
        due_dates.around(wanted, found.first)
        == due_dates.around(wanted, found.last)
        == (found.first, found.last)
    )


def test_what_is_due_is_written_once_and_nothing_from_before_it_was_switched_on(server):
    daily, weekly = report(), report(User.objects.get(), rhythm="WEEKLY", name="Week")
    report(User.objects.get(), name="Off", is_on=False)
    report(User.objects.get(), name="New", on_since=MONDAY + MINUTE)
    assert generate.due(MONDAY + 5 * MINUTE) == 2
    assert generate.due(MONDAY + 6 * MINUTE) == 0
    runs = {run.report: (run.first.isoformat(), run.last.isoformat()) for run in ReportRun.objects.all()}
    assert runs == {daily: ("2026-11-22", "2026-11-22"), weekly: ("2026-11-16", "2026-11-22")}
    # A night without beat: the newest is sent late, those in between are not.
    assert generate.due(MONDAY + 3 * DAY + 60 * MINUTE) == 2
    assert ReportRun.objects.get(report__name="New").first == dt.date(2026, 11, 25)
    assert ReportRun.objects.filter(report=daily).first().first == dt.date(2026, 11, 25)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_moment_write_and_send_it_once(server):
    report(someone("asha"), someone("ravi"))
    start = threading.Barrier(4)

    def work():
        start.wait()
        try:
            generate.due(MONDAY + MINUTE)
            outbox.send_due(budget_s=5)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ReportRun.objects.count() == 1
    assert sorted(str(one["To"]) for one in server.got) == ["asha@office.example", "ravi@office.example"]
    assert set(OutgoingMail.objects.values_list("state", "attempts")) == {("SENT", 1)}


# --- what it says ----------------------------------------------------------------------------------------


def test_the_mail_has_the_figures_and_no_telephone_number(server):
    sunday = MONDAY.replace(hour=10) - DAY
    for minute in range(6):
        call(sunday + minute * MINUTE)
    call(sunday + 61 * MINUTE, "MISSED", department="Support +91 98123-45678", agent_number="")
    call(sunday + 62 * MINUTE, "DROPPED", agent_number="", virtual_number="+919800200001")
    for minute in range(4):
        call(sunday - DAY + minute * MINUTE)
    call(sunday - 7 * DAY)
    refresh.rebuild()
    view = SavedView.objects.create(name="Of 9812345678", query="status=MISSED&q=9812345678")
    report(name="Calls of 98123 45678", view=view)
    generate.due(MONDAY + MINUTE)
    outbox.send_due(budget_s=5)
    (got,) = server.got
    assert got["Subject"] == "Calls of ••••78: 22 Nov 2026"
    text, html = (got.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for words in ("Calls: 8 (+100 %)", "Answered: 75.0 % (-25.0 points)", "Missed: 1", "Dropped: 1",
                  "Average talk: 1:30 min", "Changes are against 21 Nov 2026.", "10:00: 6 calls, 0 missed (1)",
                  "11:00: 2 calls, 1 missed (0)", "Sales: 7 calls", "“Of ••••78”: 1 calls of these days"):  # fmt: skip
        assert words in text, words
    for words in (
        "Green: calls. Red: missed.",
        'width="100%"><tr><td height="7"',
        "Usual on Sunday",
        ">75.0 %<",
    ):
        assert words in html, words
    whole = text + html + str(got["Subject"])
    assert not re.search(r"\d[\d\s-]{7,}\d", re.sub(r"<[^>]*>|https?://\S+", "|", whole)), whole
    assert "98123" not in whole
    assert "<img" not in html
    assert "src=" not in html


def test_a_week_has_days_and_a_table_of_hours_and_an_empty_one_says_so(server):
    for number in range(7):
        call(MONDAY.replace(hour=15) - (number + 1) * DAY)
    refresh.rebuild()
    report(rhythm="WEEKLY")
    report(User.objects.get(), rhythm="MONTHLY", on_since=MONDAY - 90 * DAY)
    generate.due(MONDAY + MINUTE)
    weekly, monthly = (
        OutgoingMail.objects.order_by("run__first")[1],
        OutgoingMail.objects.order_by("run__first")[0],
    )
    assert "Mon 16 Nov: 1 call, 0 missed" in weekly.text
    assert "Calls by weekday and hour" in weekly.html
    assert "16 to 22 Nov 2026" in weekly.subject
    assert "There were no calls." in monthly.text
    assert monthly.subject.endswith("1 to 31 Oct 2026")


def test_the_link_leads_to_the_calls_behind_sign_in(client_for, client):
    view = SavedView.objects.create(name="Missed", query="status=MISSED&q=9812345678&period=today")
    run = generate.asked(report(view=view), MONDAY.date() - DAY, MONDAY.date() - DAY, by="asha")
    (place,) = {
        f"/admin{part}" for part in re.findall(r"/admin(\S+/calls/)", OutgoingMail.objects.get().text)
    }
    assert place == f"{PAGE}runs/{run.pk}/calls/"
    assert client.get(place).url.startswith("/admin/login/")
    found = client_for(SUPERVISORS).get(place).url
    assert found == (
        "/admin/calllogs/calllog/?period=custom&from=2026-11-22&to=2026-11-22&status=MISSED&q=9812345678"
    )


# --- whose calls -----------------------------------------------------------------------------------------


def calls_of_departments():
    """On the Sunday that a report of MONDAY is about: of Sales 1, of Billing 4, of no department 2."""
    sunday = MONDAY - 20 * 60 * MINUTE
    for place, department in enumerate(["Sales", "Billing", "Billing", "Billing", "Billing", "", ""]):
        call(
            sunday + place * MINUTE,
            department=department,
            agent_number=f"+91980010000{place}",
            circle=department,
        )
    refresh.rebuild()


def limited(person, *departments):
    DepartmentLimit.objects.bulk_create(
        DepartmentLimit(person=person, department=name) for name in departments
    )
    return person


def supervisor(name, *departments):
    return limited(make_user(name, SUPERVISORS), *departments)


@pytest.mark.parametrize("rhythm", ["DAILY", "WEEKLY"])
def test_a_report_shows_what_its_maker_may_see_and_nobody_gets_more(server, rhythm):
    calls_of_departments()
    for name in ("Sales", "Billing"):
        MissedCaller.objects.create(
            caller=f"+9198123456{name}"[:40], department=name, misses=1, first_at=MONDAY, last_at=MONDAY,
            last_call=1, why="OTHER",
        )  # fmt: skip
    Agent.objects.create(name="Own", number="+919800100000", department="Sales")
    view = SavedView.objects.create(name="All", query="period=today")
    maker = supervisor("ravi", "Sales")
    report(someone("asha"), someone("boss"), maker=maker, view=view, rhythm=rhythm, name="Mine")
    report(
        User.objects.get(username="asha"), maker=User.objects.get(username="boss"), view=view, name="Whole"
    )
    generate.due(MONDAY + MINUTE)
    letters = OutgoingMail.objects.filter(run__report__name="Mine")
    assert letters.count() == 2
    for letter in letters:
        for text in (letter.text, letter.html):
            assert "Departments: Sales" in text
            assert "Billing" not in text
            assert "1 missed caller waits" in text
        assert "Calls: 1\n" in letter.text
        assert "“All”: 1 calls of these days" in letter.text
    whole = OutgoingMail.objects.get(run__report__name="Whole").text
    assert "Departments:" not in whole
    assert "Calls: 7\n" in whole
    assert "2 missed callers wait" in whole
    assert "Billing: 4 calls" in whole
    # Somebody who sees all and changes it leaves it as it is: the next one is of what its maker may see by then.
    limited(maker, "Billing")
    sent = generate.asked(
        Report.objects.get(name="Mine"), MONDAY.date() - DAY, MONDAY.date() - DAY, by="boss"
    )
    assert "Calls: 5\n" in sent.letters.first().text
    assert "Departments: Billing, Sales" in sent.letters.first().text


def test_by_agent_stand_only_those_of_the_maker_s_departments(server):
    sunday = MONDAY - 20 * 60 * MINUTE
    for place in range(3):
        number = f"+91980010000{place}"
        Agent.objects.create(
            name=f"Agent {place}", number=number, department="Billing" if place == 2 else "Sales"
        )
        call(sunday + place * MINUTE, agent_number=number)  # a Sales call that Billing's agent took
        call(sunday + (9 + place) * MINUTE, agent_number=number, department="Billing")
    refresh.rebuild()
    report(maker=supervisor("ravi", "Sales"))
    generate.due(MONDAY + MINUTE)
    text = OutgoingMail.objects.get().text
    assert "Agent 0: 1 call," in text
    assert "Agent 1: 1 call," in text
    assert "Agent 2" not in text


@pytest.mark.parametrize("why", ["gone", "switched off", "no role"])
def test_without_a_maker_it_is_not_sent_and_whoever_saves_it_takes_it_over(server, client_for, why):
    maker = supervisor("ravi", "Sales")
    made = report(someone("asha"), maker=maker)
    if why == "gone":
        maker.delete()
    elif why == "switched off":
        User.objects.filter(pk=maker.pk).update(is_active=False)
    else:
        maker.groups.clear()
    generate.due(MONDAY + MINUTE)
    assert not OutgoingMail.objects.exists()
    assert "may not see calls any more" in ReportRun.objects.get().problem
    service.evaluate_all()
    assert Alarm.objects.filter(kind="MAIL", closed_at=None).exists()
    client = client_for(SUPERVISORS)
    address = f"{PAGE}{made.pk}/change/"
    assert "Save it, and it is yours" in client.get(address).text
    form = {
        "name": "M",
        "rhythm": "DAILY",
        "weekday": "0",
        "at": "08:00",
        "people": [made.people.get().pk],
        "is_on": "on",
    }
    assert client.post(address, form).status_code == 302
    made.refresh_from_db()
    assert made.maker.username == "supervisors"
    assert "All departments" in client.get(address).text
    generate.asked(made, MONDAY.date() - DAY, MONDAY.date() - DAY, by="asha")
    assert OutgoingMail.objects.count() == 1


def test_who_is_limited_reaches_only_own_reports_and_cannot_add_himself_to_another_s(server, client_for):
    other = report(someone("boss"), name="Whole office")
    client = client_for(SUPERVISORS)
    person = limited(User.objects.get(username="supervisors"), "Sales")
    own = report(User.objects.get(username="boss"), name="Ours", maker=person)
    page = client.get(PAGE).text
    assert "Ours" in page
    assert "Whole office" not in page
    form = {
        "name": "Taken",
        "rhythm": "DAILY",
        "weekday": "0",
        "at": "08:00",
        "people": [person.pk],
        "is_on": "on",
    }
    before = OutgoingMail.objects.count()
    for answer in (
        client.post(f"{PAGE}{other.pk}/change/", form),
        client.post(f"{PAGE}{other.pk}/delete/", {"post": "yes"}),
        client.get(f"{PAGE}{other.pk}/history/"),
    ):
        assert answer.status_code == 302
        assert answer.url == "/admin/"
    for answer in (client.post(f"{PAGE}{other.pk}/send/"), client.get(f"{PAGE}{other.pk}/runs/")):
        assert answer.status_code == 404
    other.refresh_from_db()
    assert (other.name, OutgoingMail.objects.count()) == ("Whole office", before)
    assert "Departments: Sales" in client.get(f"{PAGE}{own.pk}/change/").text
    made = client.post(
        f"{PAGE}add/", form | {"name": "New", "people": [User.objects.get(username="boss").pk]}
    )
    assert made.status_code == 302
    assert Report.objects.get(name="New").maker == person
    # A colleague who sees all changes it, and it stays limited.
    colleague = client_for(None)
    form |= {"name": "Still ours", "people": [User.objects.get(username="boss").pk]}
    assert colleague.post(f"{PAGE}{own.pk}/change/", form).status_code == 302
    own.refresh_from_db()
    assert (own.name, own.maker) == ("Still ours", person)


def test_the_link_of_a_mail_says_the_departments_and_is_for_those_who_got_it(server, client_for):
    maker = supervisor("ravi", "Sales")
    view = SavedView.objects.create(name="Missed", query="status=MISSED&q=9812345678")
    day = MONDAY.date() - DAY
    theirs = generate.asked(report(maker=maker, name="T"), day, day, by="x")
    whole = generate.asked(report(User.objects.get(username="asha"), view=view, name="W"), day, day, by="x")
    assert "department=Sales" in client_for(None).get(f"{PAGE}runs/{theirs.pk}/calls/").url
    client = client_for(SUPERVISORS)
    person = limited(User.objects.get(username="supervisors"), "Billing")
    for run in (theirs, whole):
        assert client.get(f"{PAGE}runs/{run.pk}/calls/").status_code == 404
    OutgoingMail.objects.filter(run=whole).update(user=person)
    assert client.get(f"{PAGE}runs/{whole.pk}/calls/").status_code == 302


# --- the mail server ---------------------------------------------------------------------------------------


def later(minutes):
    """As if so much time had gone by for what waits."""
    moment = timezone.now() - MINUTE
    OutgoingMail.objects.filter(state="WAITING", next_at__lte=timezone.now() + minutes * MINUTE).update(
        next_at=moment
    )


@pytest.mark.parametrize(
    ("replies", "words"),
    [
        ({"DATA": "451 try later asha@office.example"}, "refused it with code 451"),
        ({"EHLO": None}, "did not answer in time"),
        ({".": None}, "did not answer in time"),
        (None, "cannot be reached"),
    ],
)
def test_a_failed_mail_is_tried_again_and_then_told(server, settings, caplog, replies, words):
    if replies is None:
        settings.EMAIL_PORT = 1
    server.replies = replies or {}
    report(someone("asha"), someone("ravi"))
    generate.due(MONDAY + MINUTE)
    assert outbox.send_due(budget_s=5) == 0
    first, second = OutgoingMail.objects.order_by("id")
    assert (first.state, first.attempts) == ("WAITING", 1)
    assert words in first.problem
    assert dt.timedelta(seconds=50) < first.next_at - timezone.now() < dt.timedelta(seconds=61)
    assert second.attempts == 0, "one server, one look"
    assert "office.example" not in first.problem + caplog.text
    # The last try of each of them fails too: a person is told.
    OutgoingMail.objects.update(attempts=outbox.MOST_TRIES - 1, next_at=timezone.now())
    outbox.send_due(budget_s=5)
    outbox.send_due(budget_s=5)
    service.evaluate_all()
    alarm = Alarm.objects.get(kind="MAIL")
    assert "Not everybody got the report: Morning figures" in alarm.words
    # Sent again once the server is well: the alarm is over.
    server.replies, settings.EMAIL_PORT = {}, server.port
    OutgoingMail.objects.update(state="FAILED", next_at=None)
    generate.asked(Report.objects.get(), MONDAY.date() - DAY, MONDAY.date() - DAY, by="asha")
    assert outbox.send_due(budget_s=5) == 2
    service.evaluate_all()
    assert not Alarm.objects.on().filter(kind="MAIL").exists()


def test_a_mail_that_was_refused_for_a_moment_comes_once_the_server_is_well(server):
    server.replies = {"RCPT": "450 busy"}
    report()
    generate.due(MONDAY + MINUTE)
    outbox.send_due(budget_s=5)
    assert outbox.send_due(budget_s=5) == 0
    assert server.tries == 1, "not before its time"
    server.replies = {}
    later(2)
    assert outbox.send_due(budget_s=5) == 1
    assert OutgoingMail.objects.get().state == "SENT"
    assert len(server.got) == 1


def test_an_address_that_is_refused_for_good_is_told_at_once_and_holds_up_nobody(server):
    server.replies = {"RCPT": "550 no such user"}
    report(someone("asha"), someone("ravi"))
    generate.due(MONDAY + MINUTE)
    outbox.send_due(budget_s=5)
    assert set(OutgoingMail.objects.values_list("state", "attempts")) == {("FAILED", 1)}
    assert "does not take mail for this address" in OutgoingMail.objects.first().problem


def test_a_worker_that_died_while_sending_is_followed_by_another_and_its_late_word_does_not_count(server):
    report()
    generate.due(MONDAY + MINUTE)
    letter = OutgoingMail.objects.select_related("user").get()
    assert outbox._claim(letter)
    assert outbox.send_due(budget_s=5) == 0, "somebody is at it"
    later(4)
    assert outbox.send_due(budget_s=5) == 1
    outbox._note(letter, "too late", is_final=True)
    again = OutgoingMail.objects.get()
    assert (again.state, again.attempts, again.problem) == ("SENT", 2, "")
    assert server.got[0]["Message-ID"] == f"<letter-{letter.pk}@portal.example>"


def test_who_may_not_see_calls_any_more_gets_no_mail(server):
    person = someone("asha")
    report(person, someone("ravi", email=""))
    generate.due(MONDAY + MINUTE)
    run = ReportRun.objects.get()
    assert "Not to ravi" in run.problem
    User.objects.filter(pk=person.pk).update(is_superuser=False)
    outbox.send_due(budget_s=5)
    assert OutgoingMail.objects.get().problem == "This person may not see calls any more."
    assert server.tries == 0


def test_without_mail_it_says_so(settings, client_for):
    settings.MAIL_IS_SET_UP = False
    from calllogs.checks import mail_is_set_up

    assert [found.id for found in mail_is_set_up()] == ["calllogs.I001"]
    made = report()
    client = client_for(SUPERVISORS)
    assert "E-mail is not set up" in client.get(PAGE).text
    assert "E-mail is not set up" in client.post(f"{PAGE}{made.pk}/send/", follow=True).text
    assert not OutgoingMail.objects.exists()


# --- the pages -------------------------------------------------------------------------------------------


def test_a_supervisor_makes_changes_and_sends_a_report(client_for, settings, django_assert_max_num_queries):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    person, stranger = someone("asha"), someone("stranger", is_superuser=False)
    client = client_for(SUPERVISORS)
    form = {
        "name": "Daily",
        "rhythm": "DAILY",
        "weekday": "0",
        "at": "07:30",
        "people": [person.pk],
        "is_on": "on",
    }
    refused = client.post(f"{PAGE}add/", form | {"people": [stranger.pk]})
    assert "is not one of the available choices" in refused.text
    assert client.post(f"{PAGE}add/", form).status_code == 302
    made = Report.objects.get()
    assert timezone.now() - made.on_since < MINUTE
    before = made.on_since
    assert client.post(f"{PAGE}{made.pk}/change/", form | {"name": "Figures"}).status_code == 302
    made.refresh_from_db()
    assert (made.name, made.on_since) == ("Figures", before)
    said = client.post(f"{PAGE}{made.pk}/send/", follow=True).text
    assert "is on its way" in said
    assert 'hx-trigger="load delay:2s"' in said
    assert "On its way" in client.get(f"{PAGE}{made.pk}/runs/").text
    outbox.send_due(budget_s=5)
    assert [one.to for one in mail.outbox] == [["asha@office.example"]]
    ended = client.get(f"{PAGE}{made.pk}/runs/").text
    assert "Sent to 1 person" in ended
    assert "hx-get" not in ended
    # The one that would be due for these days is sent by that.
    assert generate.due(timezone.now() + MINUTE) == 0
    again = {"day": (timezone.localdate() - 3 * DAY).isoformat()}
    client.post(f"{PAGE}{made.pk}/send/", again)
    client.post(f"{PAGE}{made.pk}/send/", again)
    assert sorted(made.runs.values_list("again", flat=True)) == [0, 0, 1]
    assert set(made.runs.values_list("asked_by", flat=True)) == {"supervisors"}
    for nonsense in ("", "x", "2026-02-31", "0001-01-01", "2999-01-01"):
        said = client.post(f"{PAGE}{made.pk}/send/", {"day": nonsense}, follow=True).text
        assert "Choose a day that is over" in said
    for number in range(8):
        report(person, name=f"R{number}")
    generate.due(MONDAY + MINUTE)
    client.get(PAGE)
    with django_assert_max_num_queries(12):
        assert "Every day at 07:30" in client.get(PAGE).text


def test_who_may_not_change_reports_sends_none(client_for):
    made = report()
    client = client_for(OFFICE_MANAGERS)
    User.objects.get(username="office-managers").groups.clear()
    for answer in (
        client.get(PAGE),
        client.post(f"{PAGE}{made.pk}/send/"),
        client.get(f"{PAGE}{made.pk}/runs/"),
    ):
        assert answer.status_code == 403
    run = generate.asked(made, MONDAY.date(), MONDAY.date(), by="x")
    assert client.get(f"{PAGE}runs/{run.pk}/calls/").status_code == 403


def test_numbers_in_names_are_masked():
    assert compose.without_numbers("Sales +91 98123-45678, team 12") == "Sales ••••78, team 12"
