"""Every action by POST in the portal: one activity per URL name, with the action code of its audit entry.

An activity is `(action code, function)`. The function gets a `World` and returns the URL and the POST data.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict
from django.test import Client
from django.utils import timezone

from calllogs.callbacks import refresh
from calllogs.calls import filters
from calllogs.exports import requests
from calllogs.intake.storage import store
from calllogs.models import (
    Alarm,
    CallbackEntry,
    CallLog,
    CallNote,
    CallTag,
    Export,
    MissedCaller,
    Push,
    PushKey,
    Report,
)  # fmt: skip
from ivrportal.audit.audit_log import Action
from settings_sync.delivery import service
from settings_sync.models import Agent, CalendarFeed, Holiday, OfficeHours, OtherHours, ProviderSetting
from settings_sync.models.provider_setting import State
from tests.calllogs.callbacks.test_refresh import NOON, call
from tests.conftest import PASSWORD

CALLER = "+919812345678"
SOON = timezone.localdate() + dt.timedelta(days=40)
NEW_PASSWORD = "another correct horse"
SHIFTS = {"shifts-TOTAL_FORMS": 0, "shifts-INITIAL_FORMS": 0}
AGENT_FORM = {"name": "Asha", "number": "98001 00001", "department": "Sales", "availability": "AVAIL"}
REPORT_FORM = {"name": "Figures", "rhythm": "DAILY", "weekday": "0", "at": "08:00", "is_on": "on"}


@dataclass
class World:
    admin: Client
    user: User
    push: Callable[..., Any]

    # --- records to act on ---

    def agent(self, **facts: Any) -> Agent:
        values = {"name": "Asha", "number": "+919800100001", "department": "Sales"}
        agent = Agent.objects.create(**values | facts)
        service.reconcile_and_enqueue([f"agent:{agent.number[3:]}"])
        return agent

    def holiday(self, date: dt.date = SOON) -> Holiday:
        return Holiday.objects.create(date=date, name="Founder's day")

    def week(self) -> None:
        for day in OfficeHours.Day.values:
            OfficeHours.objects.create(day=day, opens_at=dt.time(9), closes_at=dt.time(18))

    def call(self) -> CallLog:
        minute = (timezone.now() - NOON).total_seconds() // 60 - 90
        store([call(CALLER, call_id="C1", department="Sales", minute=minute)])
        return CallLog.objects.get()

    def missed(self) -> MissedCaller:
        self.call()
        refresh.rebuild()
        return MissedCaller.objects.get()

    def closed(self) -> CallbackEntry:
        row = self.missed()
        self.admin.post(f"/admin/calllogs/missed/{row.pk}/called-back/", {"seen": row.last_at.isoformat()})
        return CallbackEntry.objects.get()

    def unusable(self) -> Push:
        self.push("calllogid=M-1&callnumber=9812345678&date=11/25/2026&time=10:15&callstatus=ANSWER")
        return Push.objects.get()

    def job(self, state: str = Export.State.WAITING) -> Export:
        asked = requests.ExportRequest(self.user, filters.from_query(QueryDict("")), "csv")
        export = requests.start_job(asked)[0]
        Export.objects.filter(pk=export.pk).update(state=state)
        return export

    def report(self) -> Report:
        return Report.objects.create(name="Morning", at=dt.time(8), on_since=timezone.now())

    def alarm(self) -> Alarm:
        now = timezone.now()
        return Alarm.objects.create(kind=Alarm.Kind.values[0], words="x", opened_at=now, last_seen_at=now)

    def setting(self) -> ProviderSetting:
        self.agent()
        return ProviderSetting.objects.get()

    def withdrawn(self) -> ProviderSetting:
        return ProviderSetting.objects.create(
            address=f"holiday:{SOON}",
            kind="holiday",
            lane=f"holiday:{SOON}",
            state=State.WITHDRAWN,
            confirmed="1",
            changed_at=timezone.now(),
        )

    def other(self) -> OtherHours:
        self.week()
        return OtherHours.objects.create(
            date=timezone.localdate(), opens_at=dt.time(10), closes_at=dt.time(16)
        )

    def colleague(self) -> User:
        joined = timezone.now().replace(microsecond=0)
        return User.objects.create_user("asha", password=PASSWORD, is_staff=True, date_joined=joined)

    def change(self) -> int:
        agent = self.agent()
        agent.availability = "OFF"
        agent.save()
        return agent.history.latest().history_id


Deed = tuple[str, Callable[[World], tuple[str, dict[str, Any]]]]


def _user_form(user: User, **changed: Any) -> dict[str, Any]:
    joined = timezone.localtime(user.date_joined)
    return {
        "username": user.username, "is_active": "on", "is_staff": "on",
        "date_joined_0": f"{joined:%Y-%m-%d}", "date_joined_1": f"{joined:%H:%M:%S}", **changed,
    }  # fmt: skip


def _selected(action: str, record: Any, **more: Any) -> dict[str, Any]:
    return {"action": action, "_selected_action": [record.pk], "post": "yes", **more}


def _week(**changed: str) -> dict[str, str]:
    form = {}
    for number, day in enumerate(OfficeHours.Day.values):
        form |= {
            f"form-{number}-opens_at": "09:00",
            f"form-{number}-closes_at": "18:00",
            f"form-{number}-was": "",
        }
        form[f"form-{number}-was"] = "09:00-18:00" if OfficeHours.objects.filter(day=day).exists() else ""
    return form | changed


# URL name: activity
ACTIVITIES: dict[str, Deed] = {
    # users
    "login": (Action.SIGNED_IN, lambda w: ("login/", {"username": "admin", "password": PASSWORD})),
    "logout": (Action.SIGNED_OUT, lambda w: ("logout/", {})),
    "password_change": (Action.PASSWORD, lambda w: (
        "password_change/",
        {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    )),
    "auth_user_password_change": (Action.PASSWORD, lambda w: (
        f"auth/user/{w.colleague().pk}/password/",
        {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"},
    )),
    "auth_user_add": (Action.ADDED, lambda w: (
        "auth/user/add/",
        {"username": "ravi", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD, "usable_password": "true"},
    )),
    "auth_user_change": (Action.ROLES, lambda w: (
        f"auth/user/{(user := w.colleague()).pk}/change/",
        _user_form(user, roles=["Supervisors"]),
    )),
    "auth_user_delete": (Action.DELETED, lambda w: (f"auth/user/{w.colleague().pk}/delete/", {"post": "yes"})),
    # agents
    "settings_sync_agent_add": (Action.ADDED, lambda w: ("settings_sync/agent/add/", AGENT_FORM | SHIFTS)),
    "settings_sync_agent_change": (Action.CHANGED, lambda w: (
        f"settings_sync/agent/{w.agent().pk}/change/",
        AGENT_FORM | {
            "department": "Service", "shifts-TOTAL_FORMS": 1, "shifts-INITIAL_FORMS": 0, "shifts-0-day": "0",
            "shifts-0-starts_at": "09:00", "shifts-0-ends_at": "17:00",
        },
    )),
    "settings_sync_agent_delete": (Action.DELETED, lambda w: (
        f"settings_sync/agent/{w.agent().pk}/delete/", {"post": "yes"},
    )),
    "settings_sync_agent_changelist": (Action.CHANGED, lambda w: (
        "settings_sync/agent/", _selected("switch_off", w.agent()),
    )),
    "settings_sync_agent_list": (Action.CHANGED, lambda w: (
        "settings_sync/agent/list/",
        {
            "form-TOTAL_FORMS": 1, "form-INITIAL_FORMS": 1, "form-0-id": w.agent().pk, "form-0-availability": "OFF",
            "_save": "Save",
        },
    )),
    "agent_switch": (Action.CHANGED, lambda w: (
        "settings_sync/agent/board/switch/", {"switch": f"{w.agent().pk}:OFF"},
    )),
    "agent_pause": (Action.CHANGED, lambda w: (
        "settings_sync/agent/board/pause/", {"agents": w.agent().pk, "until": "60"},
    )),
    # holidays
    "settings_sync_holiday_add": (Action.ADDED, lambda w: (
        "settings_sync/holiday/add/", {"date": SOON.isoformat(), "name": "Founder's day"},
    )),
    "settings_sync_holiday_change": (Action.CHANGED, lambda w: (
        f"settings_sync/holiday/{w.holiday().pk}/change/", {"date": SOON.isoformat(), "name": "Another day"},
    )),
    "settings_sync_holiday_delete": (Action.DELETED, lambda w: (
        f"settings_sync/holiday/{w.holiday().pk}/delete/", {"post": "yes"},
    )),
    "settings_sync_holiday_changelist": (Action.DELETED, lambda w: (
        "settings_sync/holiday/", _selected("delete_selected", w.holiday()),
    )),
    "holiday_confirm": (Action.ADDED, lambda w: (
        "settings_sync/holiday/import/confirm/", {"holiday": [f"{SOON} Founder's day"], "source": "from a file"},
    )),
    "holiday_feed_make": (Action.ADDED, lambda w: ("settings_sync/holiday/calendar/", {})),
    "holiday_feed_revoke": (Action.CHANGED, lambda w: (
        f"settings_sync/holiday/calendar/{CalendarFeed.create_for(w.user)[0].pk}/revoke/", {},
    )),
    # hours
    "settings_sync_officehours_add": (Action.ADDED, lambda w: (
        "settings_sync/officehours/add/", {"day": "Monday", "opens_at": "09:00", "closes_at": "17:00"},
    )),
    "settings_sync_officehours_change": (Action.CHANGED, lambda w: (
        f"settings_sync/officehours/{(w.week(), OfficeHours.objects.get(day='Monday'))[1].pk}/change/",
        {"opens_at": "08:00", "closes_at": "18:00"},
    )),
    "settings_sync_officehours_changelist": (Action.CHANGED, lambda w: (
        "settings_sync/officehours/", (w.week(), _week(**{"form-0-opens_at": "08:00"}))[1],
    )),
    "settings_sync_officehours_other": (Action.ADDED, lambda w: (
        "settings_sync/officehours/other/",
        (w.week(), {"date": timezone.localdate().isoformat(), "opens_at": "10:00", "closes_at": "16:00"})[1],
    )),
    "settings_sync_officehours_other_cancel": (Action.DELETED, lambda w: (
        f"settings_sync/officehours/other/{w.other().pk}/cancel/", {},
    )),
    "settings_sync_officehours_closed": (Action.ADDED, lambda w: (
        "settings_sync/officehours/closed/", {"day": "Sunday", "count": 3, "sure": "1"},
    )),
    "changes_put_back": (Action.CHANGED, lambda w: (f"changes/agent/{w.change()}/", {"sure": "1"})),
    # the provider
    "provider_stop": (Action.STOPPED, lambda w: ("settings_sync/providersetting/stop/", {})),
    "provider_start": (Action.STARTED, lambda w: ("settings_sync/providersetting/start/", {})),
    "provider_resend": (Action.SENT_AGAIN, lambda w: (
        "settings_sync/providersetting/send-everything-again/", {"sure": "1"},
    )),
    "provider_send_now": (Action.SENT_AGAIN, lambda w: (
        f"settings_sync/providersetting/{w.setting().pk}/send-now/", {},
    )),
    "provider_close": (Action.CHANGED, lambda w: (
        f"settings_sync/providersetting/{w.withdrawn().pk}/removed/", {},
    )),
    # pushes and keys
    "connect_test": (Action.ADDED, lambda w: ("connect/test/", {})),
    "calllogs_push_replay": (Action.REPLAYED, lambda w: ("calllogs/push/replay/", {"reason": w.unusable().reason})),
    "calllogs_push_mend": (Action.MENDED, lambda w: (
        f"calllogs/push/{w.unusable().pk}/mend/", {"date": "2026-11-25"},
    )),
    "calllogs_push_changelist": (Action.REPLAYED, lambda w: (
        "calllogs/push/", _selected("replay_chosen", w.unusable()),
    )),
    "calllogs_pushkey_add": (Action.KEY_MADE, lambda w: ("calllogs/pushkey/add/", {"name": "provider"})),
    "calllogs_pushkey_change": (Action.CHANGED, lambda w: (
        f"calllogs/pushkey/{PushKey.objects.get().pk}/change/", {"name": "another name"},
    )),
    "calllogs_pushkey_revoke": (Action.KEY_REVOKED, lambda w: (
        f"calllogs/pushkey/{PushKey.objects.get().pk}/revoke/", {},
    )),
    # calls
    "calllogs_export": (Action.EXPORTED, lambda w: ("calllogs/calllog/export/?status=MISSED", {"format": "csv"})),
    "calllogs_export_cancel": (Action.CHANGED, lambda w: (f"calllogs/export/{w.job().pk}/cancel/", {})),
    "calllogs_export_again": (Action.EXPORTED, lambda w: (
        f"calllogs/export/{w.job(Export.State.FAILED).pk}/again/", {},
    )),
    "calllogs_callnote_write": (Action.ADDED, lambda w: (
        f"calllogs/calllog/{w.call().pk}/notes/", {"text": "9812345678 wants a fax"},
    )),
    "calllogs_callnote_drop": (Action.DELETED, lambda w: (
        "calllogs/calllog/{0.call_id}/notes/{0.pk}/delete/".format(CallNote.objects.create(call=w.call(), text="x")),
        {},
    )),
    "calllogs_calltag_write": (Action.ADDED, lambda w: (
        f"calllogs/calllog/{w.call().pk}/tags/", {"word": "98123 45678"},
    )),
    "calllogs_calltag_drop": (Action.DELETED, lambda w: (
        "calllogs/calllog/{0.call_id}/tags/{0.pk}/delete/".format(CallTag.objects.create(call=w.call(), word="x")), {},
    )),
    "calllogs_views": (Action.ADDED, lambda w: (
        "calllogs/calllog/views/", {"do": "save", "name": "Mine", "query": f"q={CALLER}", "shared": "1"},
    )),
    # callback queue
    "calllogs_missed_take": (Action.DESK, lambda w: (f"calllogs/missed/{w.missed().pk}/take/", {})),
    "calllogs_missed_give_back": (Action.DESK, lambda w: (
        f"calllogs/missed/{taken(w).pk}/give-back/", {},
    )),
    "calllogs_missed_close": (Action.DESK, lambda w: (
        f"calllogs/missed/{w.missed().pk}/dismiss/", {"note": "9812345678 was a fax"},
    )),
    "calllogs_missed_open_again": (Action.DESK, lambda w: (
        f"calllogs/missed/done/{w.closed().pk}/open-again/", {},
    )),
    # alarms and reports
    "alarm": (Action.CHANGED, lambda w: (f"alarms/{w.alarm().pk}/", {"quiet": "1"})),
    "alarm_readers": (Action.CHANGED, lambda w: ("alarms/readers/", {})),
    "calllogs_report_add": (Action.ADDED, lambda w: ("calllogs/report/add/", REPORT_FORM | {"people": [w.user.pk]})),
    "calllogs_report_change": (Action.CHANGED, lambda w: (
        f"calllogs/report/{w.report().pk}/change/", REPORT_FORM | {"people": [w.user.pk]},
    )),
    "calllogs_report_delete": (Action.DELETED, lambda w: (
        f"calllogs/report/{w.report().pk}/delete/", {"post": "yes"},
    )),
    "calllogs_report_send": (Action.CHANGED, lambda w: (f"calllogs/report/{w.report().pk}/send/", {})),
    # audit log
    "audit_export": (Action.EXPORTED, lambda w: ("settings_sync/auditentry/export.csv", {})),
}  # fmt: skip


def taken(world: World) -> MissedCaller:
    row = world.missed()
    world.admin.post(f"/admin/calllogs/missed/{row.pk}/take/")
    return row
