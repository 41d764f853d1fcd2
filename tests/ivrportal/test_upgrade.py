"""Data of an installation of release 0.1 keeps working: sessions, queued tasks, granted permissions."""

import importlib

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.urls import reverse

from ivrportal.accounts.roles import OFFICE_MANAGERS
from ivrportal.celery import app
from tests.conftest import make_user

# Task names in queued messages and in beat's schedule.
TASKS = {
    "calllogs.tasks.delete_old",
    "calllogs.tasks.drain_spool",
    "calllogs.tasks.erase",
    "calllogs.tasks.go_on_erasing",
    "calllogs.tasks.keep_recordings",
    "calllogs.tasks.rebuild_missed",
    "calllogs.tasks.rebuild_rollups",
    "calllogs.tasks.refresh_missed",
    "calllogs.tasks.refresh_rollups",
    "calllogs.tasks.send_mails",
    "calllogs.tasks.watch",
    "calllogs.tasks.write_due_exports",
    "calllogs.tasks.write_export",
    "settings_sync.tasks.deliver",
    "settings_sync.tasks.reconcile",
    "settings_sync.tasks.sweep",
}


def test_queued_tasks_keep_their_names() -> None:
    app.loader.import_default_modules()
    ours = {name for name in app.tasks if name.split(".")[0] in {"calllogs", "settings_sync", "ivrportal"}}
    assert ours == TASKS
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= TASKS


def test_a_session_that_names_the_old_backend_stays_signed_in(client, db) -> None:
    user = make_user("manager", OFFICE_MANAGERS)
    client.force_login(user, backend="ivrportal.permissions.PermissionsAtOnce")
    page = client.get(reverse("admin:settings_sync_agent_changelist"), headers={"host": "127.0.0.1"})
    assert page.status_code == 200
    assert page.context["user"] == user


@pytest.mark.django_db(transaction=True)
def test_permissions_survive_the_renaming_of_their_models() -> None:
    call_command("migrate", "calllogs", "0012_sight_pages", verbosity=0)
    try:
        group = Group.objects.create(name="Own role")
        group.permissions.add(Permission.objects.get(codename="change_alarmreader"))
    finally:
        call_command("migrate", verbosity=0)
    assert list(group.permissions.values_list("codename", "content_type__model")) == [
        ("change_alarmrecipient", "alarmrecipient")
    ]


def test_tables_keep_their_names() -> None:
    models = importlib.import_module("calllogs.models")
    tables = {
        "OutgoingMail": "calllogs_letter",
        "ArchiveCursor": "calllogs_walk",
        "AlarmHeartbeat": "calllogs_watch",
        "AlarmRecipient": "calllogs_alarmreader",
        "RefusedPushCount": "calllogs_refusals",
        "CallbackEntry": "calllogs_deskentry",
        "CallbackClaim": "calllogs_deskclaim",
    }
    assert {name: getattr(models, name)._meta.db_table for name in tables} == tables
