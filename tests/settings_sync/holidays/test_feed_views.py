"""The CSV export of holidays, and the calendar feed under its secret URL."""

import datetime as dt
import logging

import icalendar
import pytest
from django.test import Client
from django.utils import timezone

from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from ivrportal.observability.logging import redact
from settings_sync.holidays import csv_files
from settings_sync.models import AuditEntry, CalendarFeed, Holiday

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]
PAGE = "/admin/settings_sync/holiday/"


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def anonymous():
    return Client(headers={"host": "127.0.0.1"})


def create_feed(client):
    """Create a feed; return the path from the page that shows it once."""
    response = client.post(PAGE + "calendar/")
    assert "no-store" in response.headers["Cache-Control"]
    return response.context["address"].removeprefix("http://127.0.0.1")


def test_the_feed_needs_no_login_and_has_every_future_holiday(manager, anonymous):
    today = timezone.localdate()
    for offset, name in ((-900, "Long ago"), (3, "Holi; the second, \n day"), (4, "")):
        Holiday.objects.create(date=today + dt.timedelta(days=offset), name=name)
    response = anonymous.get(create_feed(manager))
    assert response.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert "private" in response.headers["Cache-Control"]
    assert response.headers["X-Robots-Tag"] == "noindex"
    events = icalendar.Calendar.from_ical(response.content).walk("VEVENT")
    assert [(event["DTSTART"].dt, event["DTEND"].dt) for event in events] == [
        (today + dt.timedelta(days=days), today + dt.timedelta(days=days + 1)) for days in (3, 4)
    ]
    assert [str(event["SUMMARY"]) for event in events] == ["Holi; the second, \n day", "Holiday"]
    assert len({str(event["UID"]) for event in events}) == 2
    assert b"\r\nDTSTART;VALUE=DATE:" in response.content


def test_an_unknown_and_a_revoked_feed_are_not_found(manager, anonymous):
    path = create_feed(manager)
    assert anonymous.get(path).status_code == 200
    for wrong in (
        "/calendar/x.ics",
        "/calendar/.ics",
        path[:-5] + ".ics",
        path.replace(".ics", "%00.ics"),
        path + "/",
    ):
        response = anonymous.get(wrong)
        assert response.status_code == 404, wrong
    feed = CalendarFeed.objects.get()
    assert "Revoke this calendar address?" in manager.get(f"{PAGE}calendar/{feed.pk}/revoke/").text
    manager.post(f"{PAGE}calendar/{feed.pk}/revoke/")
    revoked = anonymous.get(path)
    assert (revoked.status_code, revoked.headers["Cache-Control"]) == (404, "private, no-store")
    assert anonymous.post(path).status_code == 405


def test_the_url_is_shown_once_and_only_its_digest_is_stored(manager):
    path = create_feed(manager)
    token = path.removeprefix("/calendar/").removesuffix(".ics")
    assert len(token) >= 43
    feed = CalendarFeed.objects.get()
    assert feed.made_by.username == "office-managers"
    assert token not in str(vars(feed))
    page = manager.get(PAGE).text
    assert token not in page
    assert f"{PAGE}calendar/{feed.pk}/revoke/" in page


def test_the_url_is_not_logged(manager, anonymous, caplog):
    path = create_feed(manager)
    with caplog.at_level(logging.DEBUG):
        anonymous.get(path)
        anonymous.get(path.replace("/calendar/", "/calendar/x"))
        anonymous.post(path)
    token = path.removeprefix("/calendar/").removesuffix(".ics")
    assert token not in " ".join(redact(record.getMessage()) for record in caplog.records)
    assert redact(f'GET "{path}" failed') == 'GET "/calendar/[secret]" failed'


def test_only_users_who_edit_holidays_create_and_revoke_feeds(client_for, manager):
    create_feed(manager)
    feed = CalendarFeed.objects.get()
    supervisor = client_for(SUPERVISORS)
    page = supervisor.get(PAGE).text
    assert "Made on" in page
    assert "/revoke/" not in page
    assert supervisor.post(f"{PAGE}calendar/{feed.pk}/revoke/").status_code == 403
    assert supervisor.get(PAGE + "export.csv").status_code == 200
    assert manager.get(PAGE + "calendar/").status_code == 405


def test_the_export_can_be_imported(manager, anonymous):
    Holiday.objects.create(date=dt.date(2027, 1, 26), name='Republic "Day", =1')
    Holiday.objects.create(date=dt.date(2020, 1, 26), name="=1+1")
    response = manager.get(PAGE + "export.csv")
    entry = AuditEntry.objects.get(action="EXPORTED")
    assert (entry.person, entry.what, entry.count) == ("office-managers", "all holidays, CSV", 2)
    assert response.content.startswith(b"\xef\xbb\xbfdate,name\r\n")
    assert "attachment" in response.headers["Content-Disposition"]
    rows = csv_files.read_csv(response.content).rows
    assert [(row.date.isoformat(), row.name) for row in rows] == [
        ("2020-01-26", "=1+1"), ("2027-01-26", 'Republic "Day", =1'),
    ]  # fmt: skip
    assert anonymous.get(PAGE + "export.csv").status_code == 302


def test_the_sample_file_has_no_errors(manager):
    parsed = csv_files.read_csv(manager.get(PAGE + "import/sample.csv").content)
    assert (len(parsed.rows), parsed.problems) == (3, [])
