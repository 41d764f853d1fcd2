"""The wall board: figures of today with masked numbers, few queries, and a message after a sign-out."""

import datetime as dt

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from calllogs.models import Alarm, CallLog, DepartmentLimit, MissedCaller
from ivrportal.accounts.roles import SUPERVISORS
from settings_sync.models import Agent

pytestmark = pytest.mark.django_db
PAGE = "/admin/board/"
HTMX = {"HX-Request": "true"}


def calls(*statuses, caller="+919812345678", at=None):
    at = at or timezone.now()
    CallLog.objects.bulk_create(
        CallLog(call_id=f"w{at.timestamp()}{n}", caller=caller, started_at=at, status=status, talk_seconds=95,
                agent_number="+919800100001", received_at=at, told_at=at, updated_at=at)
        for n, status in enumerate(statuses)
    )  # fmt: skip


def test_the_board_shows_today_and_no_whole_number(client_for, django_assert_max_num_queries):
    now = timezone.now()
    calls("ANSWERED", "ANSWERED", "ANSWERED", "MISSED", "DROPPED")
    calls("ANSWERED", caller="anonymous")
    calls("ANSWERED", at=now - dt.timedelta(days=2))
    Agent.objects.create(name="Asha Nair", number="+919800100001", department="Sales")
    Agent.objects.create(name="Ravi", number="+919800100002", department="Support", availability="OFF")
    MissedCaller.objects.create(
        caller="+919812345678",
        misses=1,
        first_at=now - dt.timedelta(minutes=75),
        last_at=now,
        last_call=1,
        why="OTHER",
    )
    Alarm.objects.create(kind="INBOX", words="x", opened_at=now, last_seen_at=now)
    Alarm.objects.create(
        kind="SPOOL", words="x", opened_at=now, last_seen_at=now, quiet_until=now + dt.timedelta(hours=1)
    )
    client = client_for(SUPERVISORS)
    page = client.get(PAGE).text
    for text in ("Calls today</dt><dd>6<", "<dd>67<small>%", "the longest 1 h 15 min", "••••78", "number hidden",
                  "1 of 1", "0 of 1", "Nobody", "Asha Nair", "1:35", "Calls that cannot be used"):  # fmt: skip
        assert text in page, text
    assert "98123" not in page
    assert "Calls wait on the disk" not in page
    with django_assert_max_num_queries(14):
        part = client.get(PAGE, headers=HTMX)
    assert "<html" not in part.text
    assert 'id="wall"' in part.text
    assert part["Cache-Control"] == "no-store"


def test_the_board_of_a_department_limited_user_shows_only_these_departments(client_for):
    now = timezone.now()
    for department, number in (("Sales", "+919800100001"), ("Billing", "+919800100002")):
        Agent.objects.create(name=f"Agent of {department}", number=number, department=department)
    for index, department in enumerate(["Sales", "Billing", "Billing", "Billing", ""]):
        moments = dict.fromkeys(["started_at", "received_at", "told_at", "updated_at"], now)
        CallLog.objects.create(
            call_id=f"d{index}",
            department=department,
            status="ANSWERED",
            caller=f"+9198123456{index}0",
            agent_number="+919800100002",
            **moments,
        )
        MissedCaller.objects.create(
            caller=f"+9198123456{index}0",
            department=department,
            misses=1,
            first_at=now - dt.timedelta(hours=index + 1),
            last_at=now,
            last_call=1,
            why="OTHER",
        )
    client = client_for(SUPERVISORS)
    assert "Calls today</dt><dd>5<" in client.get(PAGE).text
    DepartmentLimit.objects.create(person=User.objects.get(), department="Sales")
    for headers in ({}, HTMX):
        page = client.get(PAGE, headers=headers).text
        for text in ("Calls today</dt><dd>1<", "call back</dt><dd>1<", "the longest 1 h", "Departments: Sales",
                      "Agent of Sales", "••••00"):  # fmt: skip
            assert text in page, text
        for text in ("Billing", "••••10", "of 2<"):
            assert text not in page, text


def test_the_board_works_without_calls_and_agents(client_for):
    page = client_for(SUPERVISORS).get(PAGE).text
    assert "No call yet" in page
    assert "No agents yet" in page


def test_a_signed_out_board_gets_a_message_and_stops_polling():
    stranger = Client(headers={"host": "127.0.0.1"})
    assert stranger.get(PAGE).url == "/admin/login/?next=/admin/board/"
    response = stranger.get(PAGE, headers=HTMX)
    assert response.status_code == 286
    assert "Signed out." in response.text
    assert "/admin/login/?next=%2Fadmin%2Fboard%2F" in response.text
    assert "<form" not in response.text


def test_a_user_without_the_call_permission_gets_no_board(client_for):
    client = client_for(SUPERVISORS)
    client.get(PAGE)
    User.objects.get().groups.clear()
    assert client.get(PAGE).status_code == 403
    response = client.get(PAGE, headers=HTMX)
    assert response.status_code == 286
    assert "You may not see calls any more." in response.text
    assert client.post(PAGE).status_code in (403, 405)
