"""Scheduled reports: periods, contents and delivery by a real SMTP server that accepts, refuses or does not answer."""

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


def add_user(name, **fields):
    values = {"email": f"{name}@office.example", "is_staff": True, "is_superuser": True}
    return User.objects.create(username=name, **values | fields)


def add_report(*people, **fields):
    values = {"name": "Morning figures", "at": dt.time(8), "on_since": MONDAY - 40 * DAY}
    people = people or (add_user("asha"),)
    made = Report.objects.create(**{"maker": people[0]} | values | fields)
    made.people.set(people)
    return made


def add_call(at, status="ANSWERED", **fields):
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
def test_the_due_date_and_period_of_a_report(rhythm, now, due, first, last):
    report = Report(rhythm=rhythm, weekday=0, at=dt.time(8))
    moment = dt.datetime.fromisoformat(now).replace(tzinfo=INDIA)
    due_date = due_dates.latest_due(report, moment)
    assert (f"{due_date.at:%Y-%m-%d %H:%M}", f"{due_date.first}", f"{due_date.last}") == (due, first, last)
    following = due_dates.next_due(report, moment)
    assert following.first == due_date.last + DAY
    assert following.at > moment
    assert due_dates.latest_due(report, following.at) == following
    assert (
        due_dates.period_containing(report, due_date.first)
        == due_dates.period_containing(report, due_date.last)
        == (due_date.first, due_date.last)
    )


def test_due_reports_are_generated_once_and_not_for_times_before_they_were_switched_on(server):
    daily, weekly = add_report(), add_report(User.objects.get(), rhythm="WEEKLY", name="Week")
    add_report(User.objects.get(), name="Off", is_on=False)
    add_report(User.objects.get(), name="New", on_since=MONDAY + MINUTE)
    assert generate.generate_due(MONDAY + 5 * MINUTE) == 2
    assert generate.generate_due(MONDAY + 6 * MINUTE) == 0
    runs = {run.report: (run.first.isoformat(), run.last.isoformat()) for run in ReportRun.objects.all()}
    assert runs == {daily: ("2026-11-22", "2026-11-22"), weekly: ("2026-11-16", "2026-11-22")}
    # After days without Celery beat, only the latest report is sent.
    assert generate.generate_due(MONDAY + 3 * DAY + 60 * MINUTE) == 2
    assert ReportRun.objects.get(report__name="New").first == dt.date(2026, 11, 25)
    assert ReportRun.objects.filter(report=daily).first().first == dt.date(2026, 11, 25)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_the_same_moment_generate_and_send_a_report_once(server):
    add_report(add_user("asha"), add_user("ravi"))
    start = threading.Barrier(4)

    def work():
        start.wait()
        try:
            generate.generate_due(MONDAY + MINUTE)
            outbox.send_due(budget_s=5)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ReportRun.objects.count() == 1
    assert sorted(str(one["To"]) for one in server.received) == ["asha@office.example", "ravi@office.example"]
    assert set(OutgoingMail.objects.values_list("state", "attempts")) == {("SENT", 1)}


# --- what it says ----------------------------------------------------------------------------------------


def test_the_mail_has_the_figures_and_no_telephone_number(server):
    sunday = MONDAY.replace(hour=10) - DAY
    for minute in range(6):
        add_call(sunday + minute * MINUTE)
    add_call(sunday + 61 * MINUTE, "MISSED", department="Support +91 98123-45678", agent_number="")
    add_call(sunday + 62 * MINUTE, "DROPPED", agent_number="", virtual_number="+919800200001")
    for minute in range(4):
        add_call(sunday - DAY + minute * MINUTE)
    add_call(sunday - 7 * DAY)
    refresh.rebuild()
    view = SavedView.objects.create(name="Of 9812345678", query="status=MISSED&q=9812345678")
    add_report(name="Calls of 98123 45678", view=view)
    generate.generate_due(MONDAY + MINUTE)
    outbox.send_due(budget_s=5)
    (got,) = server.received
    assert got["Subject"] == "Calls of ••••78: 22 Nov 2026"
    text, html = (got.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for expected in ("Calls: 8 (+100 %)", "Answered: 75.0 % (-25.0 points)", "Missed: 1", "Dropped: 1",
                  "Average talk: 1:30 min", "Changes are against 21 Nov 2026.", "10:00: 6 calls, 0 missed (1)",
                  "11:00: 2 calls, 1 missed (0)", "Sales: 7 calls", "“Of ••••78”: 1 calls of these days"):  # fmt: skip
        assert expected in text, expected
    for expected in (
        "Green: calls. Red: missed.",
        'width="100%"><tr><td height="7"',
        "Usual on Sunday",
        ">75.0 %<",
    ):
        assert expected in html, expected
    whole = text + html + str(got["Subject"])
    assert not re.search(r"\d[\d\s-]{7,}\d", re.sub(r"<[^>]*>|https?://\S+", "|", whole)), whole
    assert "98123" not in whole
    assert "<img" not in html
    assert "src=" not in html


def test_a_weekly_report_has_days_and_a_heatmap_and_an_empty_one_says_so(server):
    for number in range(7):
        add_call(MONDAY.replace(hour=15) - (number + 1) * DAY)
    refresh.rebuild()
    add_report(rhythm="WEEKLY")
    add_report(User.objects.get(), rhythm="MONTHLY", on_since=MONDAY - 90 * DAY)
    generate.generate_due(MONDAY + MINUTE)
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
    run = generate.generate_requested(
        add_report(view=view), MONDAY.date() - DAY, MONDAY.date() - DAY, by="asha"
    )
    (link,) = {f"/admin{part}" for part in re.findall(r"/admin(\S+/calls/)", OutgoingMail.objects.get().text)}
    assert link == f"{PAGE}runs/{run.pk}/calls/"
    assert client.get(link).url.startswith("/admin/login/")
    found = client_for(SUPERVISORS).get(link).url
    assert found == (
        "/admin/calllogs/calllog/?period=custom&from=2026-11-22&to=2026-11-22&status=MISSED&q=9812345678"
    )


# --- whose calls -----------------------------------------------------------------------------------------


def add_calls_of_departments():
    """Add calls on the Sunday before MONDAY: 1 of Sales, 4 of Billing, 2 without a department."""
    sunday = MONDAY - 20 * 60 * MINUTE
    for index, department in enumerate(["Sales", "Billing", "Billing", "Billing", "Billing", "", ""]):
        add_call(
            sunday + index * MINUTE,
            department=department,
            agent_number=f"+91980010000{index}",
            circle=department,
        )
    refresh.rebuild()


def limit_to(person, *departments):
    DepartmentLimit.objects.bulk_create(
        DepartmentLimit(person=person, department=name) for name in departments
    )
    return person


def add_limited_supervisor(name, *departments):
    return limit_to(make_user(name, SUPERVISORS), *departments)


@pytest.mark.parametrize("rhythm", ["DAILY", "WEEKLY"])
def test_a_report_shows_only_what_its_maker_may_see(server, rhythm):
    add_calls_of_departments()
    for name in ("Sales", "Billing"):
        MissedCaller.objects.create(
            caller=f"+9198123456{name}"[:40], department=name, misses=1, first_at=MONDAY, last_at=MONDAY,
            last_call=1, why="OTHER",
        )  # fmt: skip
    Agent.objects.create(name="Own", number="+919800100000", department="Sales")
    view = SavedView.objects.create(name="All", query="period=today")
    maker = add_limited_supervisor("ravi", "Sales")
    add_report(add_user("asha"), add_user("boss"), maker=maker, view=view, rhythm=rhythm, name="Mine")
    add_report(
        User.objects.get(username="asha"), maker=User.objects.get(username="boss"), view=view, name="Whole"
    )
    generate.generate_due(MONDAY + MINUTE)
    mails = OutgoingMail.objects.filter(run__report__name="Mine")
    assert mails.count() == 2
    for outgoing in mails:
        for text in (outgoing.text, outgoing.html):
            assert "Departments: Sales" in text
            assert "Billing" not in text
            assert "1 missed caller waits" in text
        assert "Calls: 1\n" in outgoing.text
        assert "“All”: 1 calls of these days" in outgoing.text
    whole = OutgoingMail.objects.get(run__report__name="Whole").text
    assert "Departments:" not in whole
    assert "Calls: 7\n" in whole
    assert "2 missed callers wait" in whole
    assert "Billing: 4 calls" in whole
    # A request by another user still generates it with the maker's current visibility.
    limit_to(maker, "Billing")
    sent = generate.generate_requested(
        Report.objects.get(name="Mine"), MONDAY.date() - DAY, MONDAY.date() - DAY, by="boss"
    )
    assert "Calls: 5\n" in sent.mails.first().text
    assert "Departments: Billing, Sales" in sent.mails.first().text


def test_the_table_of_agents_has_only_agents_of_the_maker_s_departments(server):
    sunday = MONDAY - 20 * 60 * MINUTE
    for index in range(3):
        number = f"+91980010000{index}"
        Agent.objects.create(
            name=f"Agent {index}", number=number, department="Billing" if index == 2 else "Sales"
        )
        add_call(sunday + index * MINUTE, agent_number=number)  # a Sales call that Billing's agent took
        add_call(sunday + (9 + index) * MINUTE, agent_number=number, department="Billing")
    refresh.rebuild()
    add_report(maker=add_limited_supervisor("ravi", "Sales"))
    generate.generate_due(MONDAY + MINUTE)
    text = OutgoingMail.objects.get().text
    assert "Agent 0: 1 call," in text
    assert "Agent 1: 1 call," in text
    assert "Agent 2" not in text


@pytest.mark.parametrize("why", ["gone", "switched off", "no role"])
def test_without_an_active_maker_it_is_not_sent_until_another_user_saves_it(server, client_for, why):
    maker = add_limited_supervisor("ravi", "Sales")
    made = add_report(add_user("asha"), maker=maker)
    if why == "gone":
        maker.delete()
    elif why == "switched off":
        User.objects.filter(pk=maker.pk).update(is_active=False)
    else:
        maker.groups.clear()
    generate.generate_due(MONDAY + MINUTE)
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
    generate.generate_requested(made, MONDAY.date() - DAY, MONDAY.date() - DAY, by="asha")
    assert OutgoingMail.objects.count() == 1


def test_limited_users_reach_only_their_own_reports(server, client_for):
    other = add_report(add_user("boss"), name="Whole office")
    client = client_for(SUPERVISORS)
    person = limit_to(User.objects.get(username="supervisors"), "Sales")
    own = add_report(User.objects.get(username="boss"), name="Ours", maker=person)
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
    # After a change by an unlimited user, the report stays limited to its maker's visibility.
    colleague = client_for(None)
    form |= {"name": "Still ours", "people": [User.objects.get(username="boss").pk]}
    assert colleague.post(f"{PAGE}{own.pk}/change/", form).status_code == 302
    own.refresh_from_db()
    assert (own.name, own.maker) == ("Still ours", person)


def test_the_link_of_a_mail_names_the_departments_and_works_for_its_recipients(server, client_for):
    maker = add_limited_supervisor("ravi", "Sales")
    view = SavedView.objects.create(name="Missed", query="status=MISSED&q=9812345678")
    day = MONDAY.date() - DAY
    theirs = generate.generate_requested(add_report(maker=maker, name="T"), day, day, by="x")
    whole = generate.generate_requested(
        add_report(User.objects.get(username="asha"), view=view, name="W"), day, day, by="x"
    )
    assert "department=Sales" in client_for(None).get(f"{PAGE}runs/{theirs.pk}/calls/").url
    client = client_for(SUPERVISORS)
    person = limit_to(User.objects.get(username="supervisors"), "Billing")
    for run in (theirs, whole):
        assert client.get(f"{PAGE}runs/{run.pk}/calls/").status_code == 404
    OutgoingMail.objects.filter(run=whole).update(user=person)
    assert client.get(f"{PAGE}runs/{whole.pk}/calls/").status_code == 302


# --- the mail server ---------------------------------------------------------------------------------------


def let_time_pass(minutes):
    """Make mails due that would be due in so many minutes."""
    moment = timezone.now() - MINUTE
    OutgoingMail.objects.filter(state="WAITING", next_at__lte=timezone.now() + minutes * MINUTE).update(
        next_at=moment
    )


@pytest.mark.parametrize(
    ("replies", "problem"),
    [
        ({"DATA": "451 try later asha@office.example"}, "refused it with code 451"),
        ({"EHLO": None}, "did not answer in time"),
        ({".": None}, "did not answer in time"),
        (None, "cannot be reached"),
    ],
)
def test_a_failed_mail_is_retried_and_then_opens_an_alarm(server, settings, caplog, replies, problem):
    if replies is None:
        settings.EMAIL_PORT = 1
    server.replies = replies or {}
    add_report(add_user("asha"), add_user("ravi"))
    generate.generate_due(MONDAY + MINUTE)
    assert outbox.send_due(budget_s=5) == 0
    first, second = OutgoingMail.objects.order_by("id")
    assert (first.state, first.attempts) == ("WAITING", 1)
    assert problem in first.problem
    assert dt.timedelta(seconds=50) < first.next_at - timezone.now() < dt.timedelta(seconds=61)
    assert second.attempts == 0, "one server, one attempt"
    assert "office.example" not in first.problem + caplog.text
    # The last attempts fail too, which opens an alarm.
    OutgoingMail.objects.update(attempts=outbox.MAX_ATTEMPTS - 1, next_at=timezone.now())
    outbox.send_due(budget_s=5)
    outbox.send_due(budget_s=5)
    service.evaluate_all()
    alarm = Alarm.objects.get(kind="MAIL")
    assert "Not everybody got the report: Morning figures" in alarm.words
    # After a successful repetition, the alarm closes.
    server.replies, settings.EMAIL_PORT = {}, server.port
    OutgoingMail.objects.update(state="FAILED", next_at=None)
    generate.generate_requested(Report.objects.get(), MONDAY.date() - DAY, MONDAY.date() - DAY, by="asha")
    assert outbox.send_due(budget_s=5) == 2
    service.evaluate_all()
    assert not Alarm.objects.open().filter(kind="MAIL").exists()


def test_a_temporarily_refused_mail_is_sent_once_the_server_works_again(server):
    server.replies = {"RCPT": "450 busy"}
    add_report()
    generate.generate_due(MONDAY + MINUTE)
    outbox.send_due(budget_s=5)
    assert outbox.send_due(budget_s=5) == 0
    assert server.connections == 1, "not before its time"
    server.replies = {}
    let_time_pass(2)
    assert outbox.send_due(budget_s=5) == 1
    assert OutgoingMail.objects.get().state == "SENT"
    assert len(server.received) == 1


def test_a_permanently_refused_address_fails_at_once_and_delays_no_other_mail(server):
    server.replies = {"RCPT": "550 no such user"}
    add_report(add_user("asha"), add_user("ravi"))
    generate.generate_due(MONDAY + MINUTE)
    outbox.send_due(budget_s=5)
    assert set(OutgoingMail.objects.values_list("state", "attempts")) == {("FAILED", 1)}
    assert "does not take mail for this address" in OutgoingMail.objects.first().problem


def test_a_mail_of_a_killed_worker_is_sent_by_another_and_a_late_result_is_ignored(server):
    add_report()
    generate.generate_due(MONDAY + MINUTE)
    outgoing = OutgoingMail.objects.select_related("user").get()
    assert outbox._claim(outgoing)
    assert outbox.send_due(budget_s=5) == 0, "somebody is at it"
    let_time_pass(4)
    assert outbox.send_due(budget_s=5) == 1
    outbox._record_result(outgoing, "too late", is_permanent=True)
    again = OutgoingMail.objects.get()
    assert (again.state, again.attempts, again.problem) == ("SENT", 2, "")
    assert server.received[0]["Message-ID"] == f"<letter-{outgoing.pk}@portal.example>"


def test_users_who_may_not_see_calls_any_more_get_no_mail(server):
    person = add_user("asha")
    add_report(person, add_user("ravi", email=""))
    generate.generate_due(MONDAY + MINUTE)
    run = ReportRun.objects.get()
    assert "Not to ravi" in run.problem
    User.objects.filter(pk=person.pk).update(is_superuser=False)
    outbox.send_due(budget_s=5)
    assert OutgoingMail.objects.get().problem == "This person may not see calls any more."
    assert server.connections == 0


def test_the_pages_say_that_mail_is_not_set_up(settings, client_for):
    settings.MAIL_IS_SET_UP = False
    from calllogs.checks import check_mail

    assert [found.id for found in check_mail()] == ["calllogs.I001"]
    made = add_report()
    client = client_for(SUPERVISORS)
    assert "E-mail is not set up" in client.get(PAGE).text
    assert "E-mail is not set up" in client.post(f"{PAGE}{made.pk}/send/", follow=True).text
    assert not OutgoingMail.objects.exists()


# --- the pages -------------------------------------------------------------------------------------------


def test_a_supervisor_creates_changes_and_sends_a_report(client_for, settings, django_assert_max_num_queries):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    person, stranger = add_user("asha"), add_user("stranger", is_superuser=False)
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
    page = client.post(f"{PAGE}{made.pk}/send/", follow=True).text
    assert "is on its way" in page
    assert 'hx-trigger="load delay:2s"' in page
    assert "On its way" in client.get(f"{PAGE}{made.pk}/runs/").text
    outbox.send_due(budget_s=5)
    assert [one.to for one in mail.outbox] == [["asha@office.example"]]
    ended = client.get(f"{PAGE}{made.pk}/runs/").text
    assert "Sent to 1 person" in ended
    assert "hx-get" not in ended
    # The requested run replaces the scheduled one of the same days.
    assert generate.generate_due(timezone.now() + MINUTE) == 0
    again = {"day": (timezone.localdate() - 3 * DAY).isoformat()}
    client.post(f"{PAGE}{made.pk}/send/", again)
    client.post(f"{PAGE}{made.pk}/send/", again)
    assert sorted(made.runs.values_list("again", flat=True)) == [0, 0, 1]
    assert set(made.runs.values_list("asked_by", flat=True)) == {"supervisors"}
    for nonsense in ("", "x", "2026-02-31", "0001-01-01", "2999-01-01"):
        page = client.post(f"{PAGE}{made.pk}/send/", {"day": nonsense}, follow=True).text
        assert "Choose a day that is over" in page
    for number in range(8):
        add_report(person, name=f"R{number}")
    generate.generate_due(MONDAY + MINUTE)
    client.get(PAGE)
    with django_assert_max_num_queries(12):
        assert "Every day at 07:30" in client.get(PAGE).text


def test_users_without_permission_cannot_send_reports(client_for):
    made = add_report()
    client = client_for(OFFICE_MANAGERS)
    User.objects.get(username="office-managers").groups.clear()
    for answer in (
        client.get(PAGE),
        client.post(f"{PAGE}{made.pk}/send/"),
        client.get(f"{PAGE}{made.pk}/runs/"),
    ):
        assert answer.status_code == 403
    run = generate.generate_requested(made, MONDAY.date(), MONDAY.date(), by="x")
    assert client.get(f"{PAGE}runs/{run.pk}/calls/").status_code == 403


def test_numbers_in_names_are_masked():
    assert compose.mask_numbers("Sales +91 98123-45678, team 12") == "Sales ••••78, team 12"
