"""The schedule of Celery beat. Messages expire, so that a stalled worker finds no backlog of them."""

from datetime import timedelta
from typing import Any

from celery.schedules import crontab

from ivrportal.settings.calls import ALARM_LOOK_S
from ivrportal.settings.environment import VAR_DIR
from ivrportal.settings.provider import IVR_SWEEP_S

CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE: dict[str, Any] = {
    "deliver what is due": {
        "task": "settings_sync.tasks.sweep",
        "schedule": timedelta(seconds=IVR_SWEEP_S),
        "options": {"expires": IVR_SWEEP_S},
    },
    "compare records with settings": {
        "task": "settings_sync.tasks.reconcile",
        "schedule": timedelta(minutes=15),
        "options": {"expires": 900},
    },
    "drain the spool": {
        "task": "calllogs.tasks.drain_spool",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "write exports that wait": {
        "task": "calllogs.tasks.write_due_exports",
        "schedule": timedelta(seconds=IVR_SWEEP_S),
        "options": {"expires": IVR_SWEEP_S},
    },
    "continue erasures": {
        "task": "calllogs.tasks.go_on_erasing",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "refresh the callback queue": {
        "task": "calllogs.tasks.refresh_missed",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 5},  # pages read unprocessed calls themselves
    },
    # A check that normally finds no difference, at a quiet hour of the office.
    "compare the callback queue with all calls": {
        "task": "calllogs.tasks.rebuild_missed",
        "schedule": crontab(hour=21, minute=30),  # UTC: 03:00 in India
        "options": {"expires": 3600},
    },
    "count the hours of new calls": {
        "task": "calllogs.tasks.refresh_rollups",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 2},
    },
    "compare the counts with all calls": {
        "task": "calllogs.tasks.rebuild_rollups",
        "schedule": crontab(hour=21, minute=45),
        "options": {"expires": 3600},
    },
    "delete what is too old": {
        "task": "calllogs.tasks.delete_old",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "evaluate alarms, generate reports": {
        "task": "calllogs.tasks.watch",
        "schedule": timedelta(seconds=ALARM_LOOK_S),
        "options": {"expires": ALARM_LOOK_S},
    },
    "send mails": {
        "task": "calllogs.tasks.send_mails",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "copy recordings": {
        "task": "calllogs.tasks.keep_recordings",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 60},
    },
}
