"""Retention: rows beyond their limit are deleted in batches; the last state before the limit stays."""

import datetime as dt
import os
import subprocess
import sys
import threading
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core import checks
from django.db import connection, transaction
from django.utils import timezone

from calllogs.intake.envelope import parse_push, receive
from calllogs.intake.storage import store
from calllogs.models import CallLog, Export, Push, SavedView
from calllogs.privacy import retention
from settings_sync.models import Agent, Attempt
from tests.rows import make

pytestmark = pytest.mark.django_db
LONG_AGO, NOT_LONG = dt.timedelta(days=2000), dt.timedelta(days=30)


def ago(span):
    return timezone.now() - span


def make_at(model, field, moment, **more):
    row = make(model, **{field: moment}, **more)
    model._base_manager.filter(pk=row.pk).update(
        **{field: moment}
    )  # auto_now fields overwrite the value on creation
    return row


@pytest.mark.parametrize(
    ("label", "moment", "more"),
    [
        ("calllogs.CallLog", "started_at", {}),
        ("calllogs.Push", "received_at", {}),
        ("calllogs.CallbackEntry", "at", {}),
        ("calllogs.OutgoingMail", "made_at", {"state": "SENT"}),
        ("calllogs.Alarm", "opened_at", {"closed_at": timezone.now()}),
        ("calllogs.ReportRun", "made_at", {}),
        ("calllogs.Listening", "last_at", {}),
        ("calllogs.Export", "asked_at", {"state": "DONE"}),
        ("calllogs.Erasure", "ended_at", {"state": "DONE"}),
        ("admin.LogEntry", "action_time", {}),
        ("axes.AccessLog", "attempt_time", {}),
    ],
)
def test_old_rows_are_deleted_and_recent_ones_stay(label, moment, more):
    model = apps.get_model(label)
    make_at(model, moment, ago(LONG_AGO), **more)
    kept = make_at(model, moment, ago(NOT_LONG), **more)
    retention.delete_old(budget_s=5)
    assert list(model.objects.all()) == [kept]


@pytest.mark.parametrize(
    ("label", "moment", "more"),
    [
        ("sessions.Session", "expire_date", {"session_key": "k"}),
        ("axes.AccessAttempt", "attempt_time", {}),
    ],
)
def test_expired_sessions_and_lockouts_are_deleted_at_once(label, moment, more):
    model = apps.get_model(label)
    make_at(model, moment, ago(NOT_LONG), **more)
    retention.delete_old(budget_s=5)
    assert not model.objects.exists()


def test_the_last_history_row_before_the_limit_stays():
    agent = Agent.objects.create(name="Asha", number="+919812377889")
    for name in ("Asha N", "Asha Nair"):
        agent.name = name
        agent.save()
    rows = list(Agent.history.order_by("history_date"))
    for days, row in zip((1500, 1400, 10), rows, strict=True):
        Agent.history.filter(pk=row.pk).update(history_date=ago(dt.timedelta(days=days)))
    retention.delete_old(budget_s=5)
    assert list(Agent.history.order_by("history_date").values_list("name", flat=True)) == [
        "Asha N",
        "Asha Nair",
    ]


def test_the_last_attempt_of_each_outcome_before_the_limit_stays():
    for days, value in ((1500, "old"), (1400, "last"), (10, "new")):
        make(
            Attempt,
            address="hours:Monday",
            value=value,
            outcome="confirmed",
            started_at=ago(dt.timedelta(days=days)),
        )
    make(
        Attempt,
        address="hours:Monday",
        value="other",
        outcome="refused",
        started_at=ago(dt.timedelta(days=1450)),
    )
    retention.delete_old(budget_s=5)
    assert set(Attempt.objects.values_list("value", flat=True)) == {"last", "new", "other"}


def test_a_view_that_nobody_can_open_is_deleted():
    owner = User.objects.create_user("asha")
    for name, shared in (("mine", False), ("ours", True)):
        SavedView.objects.create(name=name, owner=owner, shared=shared)
    owner.delete()
    retention.delete_old(budget_s=5)
    assert list(SavedView.objects.values_list("name", flat=True)) == ["ours"]


def test_an_export_whose_file_is_kept_or_that_is_under_way_stays():
    make(Export, asked_at=ago(LONG_AGO), file="a.csv", state="DONE")
    make(Export, asked_at=ago(LONG_AGO), state="RUNNING")
    retention.delete_old(budget_s=5)
    assert Export.objects.count() == 2


def test_nothing_is_deleted_without_budget():
    make(Push, received_at=ago(LONG_AGO))
    assert retention.delete_old(budget_s=0) == 0
    assert Push.objects.exists()


@pytest.mark.parametrize(
    ("environment", "days"),
    [
        ({}, 1100),
        ({"ACTIVITY_RETENTION_DAYS": "500"}, 500),
        ({"DEED_RETENTION_DAYS": "600"}, 600),
        ({"ACTIVITY_RETENTION_DAYS": "500", "DEED_RETENTION_DAYS": "600"}, 500),
    ],
)
def test_the_old_name_of_the_activity_setting_is_read_when_the_new_one_is_unset(environment, days):
    script = "from ivrportal.settings.calls import ACTIVITY_RETENTION_DAYS; print(ACTIVITY_RETENTION_DAYS)"
    output = subprocess.check_output([sys.executable, "-c", script], env={**os.environ, **environment})
    assert int(output) == days


def test_a_warning_is_given_if_activity_is_kept_for_less_than_a_year(settings):
    settings.ACTIVITY_RETENTION_DAYS = 100
    assert "calllogs.W003" in [message.id for message in checks.run_checks()]


OLD = "calllogid=old&callnumber=9812345678&date=2020-01-01&time=10:00:00"


def push(query: str = OLD) -> None:
    store([parse_push(receive(query.encode(), "127.0.0.1"))])


def test_an_old_call_is_deleted_and_its_recent_push_stays():
    push()
    retention.delete_old(budget_s=5)
    assert not CallLog.objects.exists()
    assert Push.objects.get().call_id is None


@pytest.mark.django_db(transaction=True)
def test_a_push_that_arrives_while_its_call_is_deleted_refers_to_no_deleted_call():
    push()
    worker = threading.Thread(target=_delete_old)
    with transaction.atomic():  # locks the call's row, with an uncommitted push
        push(OLD + f"&department={uuid4().hex[:8]}")
        worker.start()
        worker.join(timeout=1.0)  # it has cleared the visible pushes and waits for the row
        assert worker.is_alive()
    worker.join(timeout=10)
    kept = set(CallLog.objects.values_list("pk", flat=True))
    assert Push.objects.count() == 2
    assert set(Push.objects.exclude(call=None).values_list("call_id", flat=True)) <= kept


def _delete_old() -> None:
    retention.delete_old(budget_s=8)
    connection.close()
