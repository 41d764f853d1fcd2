"""Who may do what: two groups, kept equal to this table at each start of the demo and by `manage.py migrate`."""

from django.contrib.auth.models import Group, Permission

OFFICE_MANAGERS, SUPERVISORS = "Office managers", "Supervisors"

# alarm, change: to acknowledge it; alarmreader, change: to choose to whom alarms are mailed
_WATCHING = {"alarm": "view change", "alarmreader": "view change", "report": "view add change delete"}

# group: {app: {model: verbs}}; what has an underscore is a permission's whole name
PERMISSIONS: dict[str, dict[str, dict[str, str]]] = {
    OFFICE_MANAGERS: {
        "settings_sync": {
            "agent": "view add change delete",
            "shift": "view add change delete",
            "holiday": "view add change delete",
            "calendarfeed": "view add change",
            "officehours": "view add change",
            "otherhours": "view add change delete",
            "providersetting": "view change",  # change: send now, send everything again, stop, start, close
            "attempt": "view",
        },
        "calllogs": {"calllog": "view", "callnote": "view", "calltag": "view", "missedcaller": "view"}
        | _WATCHING,
    },
    SUPERVISORS: {
        "calllogs": {
            "calllog": "view",
            "push": "view change",  # change: to mend and replay
            "export": "view export_calls",  # who exported what; and to export
            "callnote": "view add",
            "calltag": "view add",
            "recording": "listen",
            "listening": "view",
            "missedcaller": "view change",  # change: to take, close and open again
        }
        | _WATCHING,
        "settings_sync": {
            "agent": "view",
            "shift": "view",
            "holiday": "view",
            "calendarfeed": "view",
            "officehours": "view",
            "otherhours": "view",
            "providersetting": "view",
        },
    },
}


def ensure() -> None:
    """Make the groups, and give each exactly the permissions of the table."""
    for name, apps in PERMISSIONS.items():
        wanted = [
            permission
            for app, models in apps.items()
            for model, verbs in models.items()
            for permission in Permission.objects.filter(
                content_type__app_label=app,
                content_type__model=model,
                codename__in=[verb if "_" in verb else f"{verb}_{model}" for verb in verbs.split()],
            )
        ]
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set(wanted)
