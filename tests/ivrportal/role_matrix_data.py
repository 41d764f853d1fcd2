"""The records of the role matrix: one of each model, or one of Sales and one of Billing if it has departments."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from calllogs.callbacks import refresh
from calllogs.models import (
    Alarm,
    CallbackEntry,
    CallLog,
    CallNote,
    CallTag,
    DepartmentLimit,
    Export,
    Listening,
    MissedCaller,
    Push,
    PushKey,
    Recording,
    Report,
    ReportRun,
)
from calllogs.models.export import scope_digest
from ivrportal.accounts import roles
from ivrportal.audit import audit_log
from settings_sync.models import (
    Agent,
    Attempt,
    CalendarFeed,
    Holiday,
    OfficeHours,
    OtherHours,
    ProviderSetting,
)
from tests.conftest import make_user

LIMITED = "Supervisor of Sales"
# The columns of the matrix: the user of each request. None is a superuser, "" an anonymous user.
WHO: dict[str, str | None] = {
    "nobody": "",
    "Office manager": roles.OFFICE_MANAGERS,
    "Supervisor": roles.SUPERVISORS,
    LIMITED: roles.SUPERVISORS,
    "Auditor": roles.AUDITORS,
    "Administrator": roles.ADMINISTRATORS,
    "superuser": None,
}


@dataclass(slots=True)
class World:
    """Primary keys by model, as named in URLs; `billing` has only those that differ from Sales."""

    users: dict[str, User]
    sales: dict[str, Any] = field(default_factory=dict)
    billing: dict[str, Any] = field(default_factory=dict)


def make() -> World:
    users = {name: make_user(name, role) for name, role in WHO.items() if role != ""}
    DepartmentLimit.objects.create(person=users[LIMITED], department="Sales")
    User.objects.update(email="somebody@office.example")
    world = World(users)
    world.sales = _of_department("Sales", users, maker=users[LIMITED])
    world.billing = _of_department("Billing", users, maker=users["superuser"])
    refresh.rebuild()
    for kept, department in ((world.sales, "Sales"), (world.billing, "Billing")):
        kept["calllogs.missedcaller"] = MissedCaller.objects.get(department=department).pk
    world.sales |= _of_the_office(users)
    return world


def _of_department(department: str, users: dict[str, User], *, maker: User) -> dict[str, Any]:
    now = timezone.now()
    boss = users["superuser"]
    moments = dict.fromkeys(["started_at", "received_at", "told_at", "updated_at"], now)
    call = CallLog.objects.create(
        call_id=f"call of {department}",
        department=department,
        caller="+919812345678",
        status="ANSWERED",
        recording_url="https://recordings.example/1.mp3",
        **moments,
    )
    CallLog.objects.create(
        call_id=f"missed of {department}",
        department=department,
        caller=f"+91981234567{len(department)}",
        status="MISSED",
        **moments,
    )
    push = Push.objects.create(
        uid=f"push of {department}",
        received_at=now,
        raw_query="callnumber=9812345678",
        outcome="STORED",
        call=call,
    )
    author = {"author": boss, "author_name": boss.username}
    report = Report.objects.create(name=f"Report of {department}", maker=maker, on_since=now)
    run = ReportRun.objects.create(report=report, first=now.date(), last=now.date(), made_at=now)
    entry = CallbackEntry.objects.create(
        caller="+919812345600", kind="CALLED_BACK", person=boss, person_name="x", at=now, until=now
    )
    played = {"user": boss, "user_name": boss.username, "call_uid": call.call_id, "at": now, "last_at": now}
    return {
        "calllogs.calllog": call.pk,
        "calllogs.push": push.pk,
        "calllogs.callnote": CallNote.objects.create(call=call, text="A note", **author).pk,
        "calllogs.calltag": CallTag.objects.create(call=call, word="tag", **author).pk,
        "calllogs.listening": Listening.objects.create(call=call, **played).pk,
        "calllogs.recording": Recording.objects.create(call=call, url_digest="x").pk,
        "calllogs.report": report.pk,
        "calllogs.reportrun": run.pk,
        "calllogs.callbackentry": entry.pk,
    }


def _of_the_office(users: dict[str, User]) -> dict[str, Any]:
    now, boss = timezone.now(), users["superuser"]
    PushKey.make("key")
    feed, token = CalendarFeed.create_for(boss)
    agent = Agent.objects.create(name="Asha Nair", number="+919800100001", department="Sales")
    setting = ProviderSetting.objects.create(
        address="agent:9800100001", kind="agent", lane="9800100001", desired="AVAIL", changed_at=now
    )
    attempt = Attempt.objects.create(
        setting=setting, address=setting.address, value="AVAIL", generation=1, trigger="save", token="x",
        started_at=now, outcome="confirmed",
    )  # fmt: skip
    export = Export.objects.create(
        person=boss, who=boss.username, file_format="csv", way="JOB", zone="Asia/Kolkata", words="all calls",
        scope=scope_digest("csv", ""), state="DONE",
    )  # fmt: skip
    tomorrow = timezone.localdate() + dt.timedelta(days=1)
    somebody = User.objects.create_user("somebody", is_staff=True)
    return {
        "auth.user": somebody.pk,
        "auth.group": Group.objects.get(name=roles.AUDITORS).pk,
        "calllogs.alarm": Alarm.objects.create(kind="SPOOL", words="x", opened_at=now, last_seen_at=now).pk,
        "calllogs.export": export.pk,
        "calllogs.pushkey": PushKey.objects.get().pk,
        "settings_sync.agent": agent.pk,
        "settings_sync.attempt": attempt.pk,
        "settings_sync.auditentry": audit_log.record(audit_log.Action.SIGNED_IN, person=boss),
        "settings_sync.calendarfeed": feed.pk,
        "settings_sync.holiday": Holiday.objects.create(date=tomorrow, name="Puja").pk,
        "settings_sync.officehours": OfficeHours.objects.create(
            day="Monday", opens_at=dt.time(9), closes_at=dt.time(18)
        ).pk,
        "settings_sync.otherhours": OtherHours.objects.create(
            date=tomorrow, opens_at=dt.time(9), closes_at=dt.time(10)
        ).pk,
        "settings_sync.providersetting": setting.pk,
        "history of an agent": Agent.history.first().history_id,
        "token": token,
        "content type": ContentType.objects.get_for_model(Agent).pk,
    }
