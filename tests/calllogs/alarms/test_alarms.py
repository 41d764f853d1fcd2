"""Alarms: each opens once with several workers, holds no telephone number, and closes automatically."""

import datetime as dt
import threading

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.utils import timezone

from calllogs.alarms import rules, service, silence
from calllogs.intake import replay
from calllogs.models import (
    Alarm,
    AlarmHeartbeat,
    AlarmRecipient,
    CallLog,
    DepartmentLimit,
    OutgoingMail,
    Push,
    Report,
    ReportRun,
)
from calllogs.notifications import outbox
from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync import setting_address
from settings_sync.models import Agent, Circuit, Holiday, OfficeHours, ProviderSetting
from settings_sync.models.provider_setting import State

pytestmark = pytest.mark.django_db
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))
MONDAY = dt.datetime(2026, 11, 23, 11, 30, tzinfo=INDIA)
MINUTE, DAY = dt.timedelta(minutes=1), dt.timedelta(days=1)
PAGE = "/admin/alarms/"


@pytest.fixture(autouse=True)
def _mail_in_memory(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def recipient(db):
    person = User.objects.create(
        username="asha", email="asha@office.example", is_staff=True, is_superuser=True
    )
    AlarmRecipient.objects.create(user=person)
    return person


def add_setting(number="9812345678", **fields):
    now = timezone.now()
    values = {"kind": "agent", "lane": number, "desired": "OFF", "changed_at": now, "next_attempt_at": now}
    return ProviderSetting.objects.create(address=f"agent:{number}", **values | fields)


def open_week():
    OfficeHours.objects.bulk_create(
        OfficeHours(day=day, opens_at=dt.time(0), closes_at=dt.time(23, 59))
        for day in setting_address.WEEKDAYS
    )


def add_rejected_pushes(count):
    now = timezone.now()
    Push.objects.bulk_create(
        Push(uid=f"u{i}", received_at=now, raw_query="callnumber=9812345678", outcome="REJECTED")
        for i in range(count)
    )


def cause_refused():
    add_setting(state=State.REFUSED, next_attempt_at=None, last_reply="Invalid Time 9812345678")


def cause_unsent():
    add_setting(changed_at=timezone.now() - dt.timedelta(minutes=61))


def cause_breaker():
    add_setting()
    Circuit.objects.create(pk=1, opened_until=timezone.now() + MINUTE, failures=5)


def cause_account():
    Circuit.objects.create(pk=1, paused_reason="wrong key of 9812345678", paused_at=timezone.now())


def cause_nobody():
    open_week()
    Agent.objects.create(name="Asha", number="+919812345678", availability="OFF")


def cause_spool():
    replay.get_spool().append(b"{}")
    for path in replay.get_spool().directory.glob("*.open"):
        made, rest = path.name.split("-", 1)
        path.rename(path.with_name(f"{int(made) - 60 * 10**9}-{rest}"))


def cause_unmailed():
    report = Report.objects.create(name="Morning", on_since=timezone.now())
    run = ReportRun.objects.create(report=report, first=MONDAY, last=MONDAY, made_at=timezone.now())
    OutgoingMail.objects.create(
        user=User.objects.create(username="ravi"),
        run=run,
        subject="x",
        state="FAILED",
        made_at=timezone.now(),
    )


@pytest.mark.parametrize("kind", sorted(rules.RULES))
def test_limited_users_get_texts_without_figures_of_other_departments(kind, client_for, recipient):
    """In mails and on the screens. Counts of settings are shown, because every user may know settings."""
    client = client_for(SUPERVISORS)
    person = User.objects.get(username="supervisors")
    User.objects.filter(pk=person.pk).update(email="limited@office.example")
    DepartmentLimit.objects.create(person=person, department="Sales")
    AlarmRecipient.objects.create(user=person)
    is_about_settings = kind in ("BREAKER", "ACCOUNT", "REFUSED", "UNSENT", "NOBODY")
    now = timezone.now()
    service.update_alarm(kind, "4711 of Billing", now)
    service.queue_notifications(now)
    mails = {mail.user.username: f"{mail.text} {mail.html}" for mail in OutgoingMail.objects.all()}
    assert "4711 of Billing" in mails["asha"]
    screens = [mails["supervisors"], client.get("/admin/alarms/").text]
    if kind != "NOBODY":  # the home screen has a banner of its own for it
        screens.append(client.get("/admin/").text)
    service.update_alarm(kind, "", now)
    screens.append(client.get("/admin/alarms/").text)
    for text in screens:
        assert ("4711" in text) == is_about_settings
        assert str(Alarm.Kind(kind).label) in text


def test_an_alarm_links_only_to_pages_that_the_user_may_open(client_for):
    service.update_alarm("SILENCE", "No call.", timezone.now())
    service.update_alarm("INBOX", "One push.", timezone.now())
    page = client_for(OFFICE_MANAGERS).get("/admin/alarms/").text
    assert "No call." in page
    assert 'href="/admin/connect/"' not in page
    assert "/admin/calllogs/push/" not in page
    assert "/admin/calllogs/push/?outcome" in client_for(SUPERVISORS).get("/admin/alarms/").text


def resolve_causes():
    ProviderSetting.objects.update(state=State.IN_FORCE, confirmed="OFF", next_attempt_at=None)
    Circuit.objects.update(opened_until=None, paused_reason="")
    Agent.objects.update(availability="AVAIL")
    Push.objects.all().delete()
    Report.objects.all().delete()
    for path in replay.get_spool().directory.glob("*"):
        path.unlink()


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("REFUSED", cause_refused), ("UNSENT", cause_unsent), ("BREAKER", cause_breaker), ("ACCOUNT", cause_account),
        ("NOBODY", cause_nobody),
        ("SPOOL", cause_spool), ("INBOX", lambda: add_rejected_pushes(3)), ("MAIL", cause_unmailed),
    ],
)  # fmt: skip
def test_each_alarm_opens_once_is_mailed_once_and_closes_automatically(kind, cause, recipient, monkeypatch):
    service.evaluate_all()
    assert not Alarm.objects.exists()
    cause()
    now = timezone.now()
    for minute in range(3):
        service.evaluate_all(now + minute * MINUTE)
    alarm = Alarm.objects.get()
    assert (alarm.kind, alarm.closed_at) == (kind, None)
    assert alarm.last_seen_at == now + 2 * MINUTE
    outbox.send_due(budget_s=5)
    outbox.send_due(budget_s=5)
    (sent,) = mail.outbox
    assert sent.to == ["asha@office.example"]
    assert alarm.words in sent.body
    assert "98123" not in f"{sent.body} {sent.alternatives} {sent.subject}"
    resolve_causes()
    service.evaluate_all(now + 3 * MINUTE)
    assert Alarm.objects.get().closed_at == now + 3 * MINUTE
    # Recurring within a quarter of an hour, it is the same alarm, without a second mail.
    monkeypatch.setitem(rules.RULES, kind, lambda _now: "Again.")
    service.evaluate_all(now + 10 * MINUTE)
    assert Alarm.objects.get().closed_at is None
    outbox.send_due(budget_s=5)
    assert len(mail.outbox) == 1
    monkeypatch.setitem(rules.RULES, kind, lambda _now: "")
    service.evaluate_all(now + 11 * MINUTE)
    monkeypatch.setitem(rules.RULES, kind, lambda _now: "Another time.")
    service.evaluate_all(now + 40 * MINUTE)
    assert Alarm.objects.count() == 2
    outbox.send_due(budget_s=5)
    assert len(mail.outbox) == 2


@pytest.mark.django_db(transaction=True)
def test_workers_at_the_same_moment_open_one_alarm_and_queue_one_mail(recipient):
    add_rejected_pushes(1)
    start, now = threading.Barrier(4), timezone.now()

    def evaluate():
        start.wait()
        try:
            for _ in range(5):
                service.update_alarm("INBOX", "1 push could not be used.", now)
                service.queue_notifications(now)
        finally:
            connection.close()

    threads = [threading.Thread(target=evaluate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Alarm.objects.count() == OutgoingMail.objects.count() == 1


def test_an_error_in_a_rule_does_not_stop_the_others(monkeypatch):
    monkeypatch.setitem(rules.RULES, "SILENCE", lambda _now: 1 / 0)
    add_rejected_pushes(1)
    service.evaluate_all()
    assert Alarm.objects.get().kind == "INBOX"


def test_a_snoozed_alarm_is_shown_and_mailed_again_after_the_snooze(recipient, client_for):
    supervisor = client_for(SUPERVISORS)
    now = timezone.now()
    service.update_alarm("INBOX", "2 pushes could not be used.", now)
    service.queue_notifications(now)
    outbox.send_due(budget_s=5)
    home = supervisor.get("/admin/").text
    assert "2 pushes could not be used." in home
    assert "I have seen it" in home
    alarm = Alarm.objects.get()
    page = supervisor.post(f"{PAGE}{alarm.pk}/", {"quiet": "4", "back": "/admin/"}, follow=True).text
    assert "Quiet until" in page
    assert "supervisors has seen it" in page
    assert "2 pushes could not be used." not in page
    alarm.refresh_from_db()
    assert alarm.acknowledged_by.username == "supervisors"
    hours = dt.timedelta(hours=1)
    # It closes and recurs during the snooze: the new alarm is snoozed too.
    service.update_alarm("INBOX", "", now + hours)
    service.update_alarm("INBOX", "New ones.", now + 2 * hours)
    service.queue_notifications(now + 2 * hours)
    assert OutgoingMail.objects.count() == 1
    assert Alarm.objects.open().get().is_quiet(now + 2 * hours)
    service.queue_notifications(now + 5 * hours)
    service.queue_notifications(now + 5 * hours + MINUTE)
    assert OutgoingMail.objects.count() == 2
    assert supervisor.post(f"{PAGE}{Alarm.objects.open().get().pk}/", {"wake": "1"}).status_code == 302
    assert "New ones." in supervisor.get(PAGE).text
    service.update_alarm("INBOX", "", now + 6 * hours)
    over = supervisor.post(
        f"{PAGE}{alarm.pk}/", {"quiet": "tomorrow", "back": "//evil.example/"}, follow=True
    )
    assert "It is over already" in over.text
    assert over.redirect_chain == [(PAGE, 302)]
    assert supervisor.post(f"{PAGE}{alarm.pk}/", {"quiet": "x"}, follow=True).status_code == 200


def test_an_alarm_snoozed_before_its_mail_was_sent_is_mailed_after_the_snooze(recipient):
    now = timezone.now()
    service.update_alarm("INBOX", "2 pushes could not be used.", now)
    service.queue_notifications(now)
    alarm = Alarm.objects.get()
    assert service.acknowledge(alarm.pk, user=recipient, until=now + dt.timedelta(hours=1), now=now)
    assert outbox.send_due(budget_s=5) == 0
    assert service.end_snooze(alarm.pk, now)
    service.queue_notifications(now)
    assert outbox.send_due(budget_s=5) == 1


def test_users_without_permission_see_no_alarms_and_change_nothing(client_for, recipient):
    nobody = client_for(OFFICE_MANAGERS)
    User.objects.get(username="office-managers").groups.clear()
    service.update_alarm("INBOX", "2 pushes could not be used.", timezone.now())
    assert "could not be used." not in nobody.get("/admin/").text
    assert nobody.get(PAGE).status_code == 403
    assert nobody.post(f"{PAGE}{Alarm.objects.get().pk}/", {"quiet": "1"}).status_code == 403
    assert nobody.post(f"{PAGE}readers/", {"people": []}).status_code == 403
    assert AlarmRecipient.objects.count() == 1


def test_recipients_must_be_allowed_to_see_calls_and_have_an_address(client_for, recipient):
    User.objects.create(username="no-mail", is_staff=True, is_superuser=True)
    stranger = User.objects.create(username="stranger", is_staff=True, email="s@x.example")
    supervisor = client_for(SUPERVISORS)
    assert "asha@office.example" in supervisor.get(PAGE).text
    people = [recipient.pk, stranger.pk, "9" * 30, "x"]
    assert "mailed to 1 person" in supervisor.post(f"{PAGE}readers/", {"people": people}, follow=True).text
    assert AlarmRecipient.objects.get().user == recipient
    assert "mailed to nobody" in supervisor.post(f"{PAGE}readers/", {}, follow=True).text


def test_the_home_screen_warns_when_the_rules_are_not_evaluated(client_for, settings):
    client = client_for(SUPERVISORS)
    assert "Nobody has looked" not in client.get("/admin/").text
    service.evaluate_all(timezone.now() - 6 * MINUTE)
    assert "Nobody has looked" in client.get("/admin/").text
    AlarmHeartbeat.objects.update(looked_at=timezone.now())
    assert "Nobody has looked" not in client.get("/admin/").text
    settings.MAIL_IS_SET_UP = False
    assert "E-mail is not set up" in client.get(PAGE).text


# --- silence -----------------------------------------------------------------------------------------------


def add_calls_at(*moments):
    CallLog.objects.bulk_create(
        CallLog(call_id=f"s{moment.timestamp()}", caller="+919812345678", started_at=moment, status="ANSWERED",
                received_at=moment, told_at=moment, updated_at=moment)
        for moment in moments
    )  # fmt: skip


def add_usual_calls(*, weeks=8, every=4, until=MONDAY):
    """Add a call every few minutes from 9:30 to 14:00 on the Mondays and Tuesdays of `weeks`, up to `until`."""
    moments = []
    day = until.replace(hour=9, minute=30) - weeks * 7 * DAY
    while day <= until:
        last = min(day.replace(hour=14), until)
        count = int((last - day) / (every * MINUTE)) + 1 if day.weekday() < 2 else 0
        moments += [day + n * every * MINUTE for n in range(count)]
        day += DAY
    add_calls_at(*moments)


def add_office_hours(opens=9, closes=18):
    OfficeHours.objects.bulk_create(
        OfficeHours(day=day, opens_at=dt.time(opens, 30), closes_at=dt.time(closes, 30))
        for day in setting_address.WEEKDAYS
    )


def test_an_improbable_silence_opens_one_alarm(recipient):
    add_office_hours()
    add_usual_calls(
        every=4
    )  # 15 per hour: an empty stretch has a probability of 1 in 10,000 after about 37 minutes
    for minutes in (14, 25, 33):
        assert silence.detect_silence(MONDAY + minutes * MINUTE) is None
    late = MONDAY + 44 * MINUTE
    detected = silence.detect_silence(late)
    assert detected.last_activity_at == MONDAY - 0 * MINUTE
    assert detected.probability < 1e-4
    assert (
        silence.describe_silence(detected, late)
        == "No call since 11:30; at this hour on Mondays about 15 an hour come."
    )
    for minute in range(3):
        service.evaluate_all(late + minute * MINUTE)
    assert Alarm.objects.get(kind="SILENCE").closed_at is None
    assert OutgoingMail.objects.count() == 1
    Push.objects.create(uid="p", received_at=late + 2 * MINUTE, raw_query="", outcome="STORED")
    service.evaluate_all(late + 3 * MINUTE)
    assert Alarm.objects.get(kind="SILENCE").closed_at == late + 3 * MINUTE


def test_a_busy_office_gets_no_alarm_before_a_quarter_of_an_hour(settings):
    add_office_hours()
    add_usual_calls(weeks=5, every=1)
    assert silence.detect_silence(MONDAY + 14 * MINUTE) is None
    assert silence.detect_silence(MONDAY + 15 * MINUTE)


@pytest.mark.parametrize("why", ["closed", "holiday", "little history", "no traffic then", "a bad day"])
def test_a_usual_or_unknown_silence_is_no_alarm(why):
    """No alarm if such a silence is usual or the history is too short."""
    add_office_hours(closes=12 if why == "closed" else 18)
    add_usual_calls(weeks=3 if why == "little history" else 8)
    late = MONDAY + 70 * MINUTE
    if why == "holiday":
        Holiday.objects.create(date=MONDAY.date())
    if why == "no traffic then":
        CallLog.objects.filter(started_at__lt=MONDAY - DAY, started_at__hour__gte=11).delete()
    if why == "a bad day":  # the same Mondays were as quiet before
        for week in (1, 2):
            day = MONDAY - week * 7 * DAY
            CallLog.objects.filter(started_at__range=(day + MINUTE, day + 300 * MINUTE)).delete()
    assert silence.detect_silence(late) is None


def test_holidays_do_not_count_and_silence_starts_with_the_opening():
    add_office_hours()
    add_usual_calls(every=4)
    for week in (1, 2, 3):
        day = MONDAY - week * 7 * DAY
        Holiday.objects.create(date=day.date())
        CallLog.objects.filter(started_at__range=(day - 300 * MINUTE, day + 600 * MINUTE)).delete()
    assert silence.detect_silence(MONDAY + 50 * MINUTE)
    tuesday = (MONDAY + DAY).replace(hour=9, minute=50)
    assert silence.detect_silence(tuesday) is None, "only twenty minutes of it are office hours"
    detected = silence.detect_silence(tuesday + 40 * MINUTE)
    assert "since 23 Nov, 11:30" in silence.describe_silence(detected, tuesday)
