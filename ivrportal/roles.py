"""Who may do what: four groups, kept equal to this table at each start of the demo and by `manage.py migrate`.

What has an underscore is a permission's whole name; the others are verbs, for `view_agent` and its like.
"""

from django.contrib.auth.models import Group, Permission

OFFICE_MANAGERS, SUPERVISORS, AUDITORS, ADMINISTRATORS = (
    "Office managers",
    "Supervisors",
    "Auditors",
    "Administrators",
)
# Roles that see personal data of callers: a second factor can be required of them.
SEE_PERSONAL_DATA = (SUPERVISORS, AUDITORS, ADMINISTRATORS)

# alarm, change: to acknowledge it; alarmreader, change: to choose to whom alarms are mailed
_WATCHING = {"alarm": "view change", "alarmreader": "view change", "report": "view add change delete"}
_OFFICE_READ = dict.fromkeys(
    ["agent", "shift", "holiday", "calendarfeed", "officehours", "otherhours", "providersetting"], "view"
)

# group: {app: {model: verbs}}; "*" are all permissions of the app
PERMISSIONS: dict[str, dict[str, dict[str, str]]] = {
    OFFICE_MANAGERS: {
        "settings_sync": {
            "agent": "view add change delete",
            "shift": "view add change delete",
            "holiday": "view add change delete",
            "calendarfeed": "view add change",
            "officehours": "view add change",
            "otherhours": "view add change delete",
            # change: send now, send everything again, close
            "providersetting": "view change stop_sending",
            "attempt": "view",
        },
        "calllogs": {"calllog": "view", "callnote": "view", "calltag": "view", "missedcaller": "view"}
        | _WATCHING,
    },
    SUPERVISORS: {
        "calllogs": {
            "calllog": "view see_numbers",
            "push": "view change replay_push",  # change: to mend
            "export": "view export_calls",  # who exported what; and to export
            "callnote": "view add",
            "calltag": "view add",
            "recording": "listen_recording download_recording",
            "listening": "view",
            "missedcaller": "view change",  # change: to take, close and open again
        }
        | _WATCHING,
        "settings_sync": _OFFICE_READ,
    },
    # They see what was done by whom, and of callers no more than they need: no whole numbers, no recordings.
    AUDITORS: {
        "calllogs": {
            "calllog": "view see_who_saw",
            "callnote": "view",
            "calltag": "view",
            "missedcaller": "view",
            "export": "view",
            "listening": "view",
            "pushkey": "view",
            "alarm": "view",
            "report": "view",
        },
        "settings_sync": _OFFICE_READ | {"attempt": "view", "auditentry": "view export_auditentry"},
        "auth": {"user": "view", "group": "view"},
    },
    ADMINISTRATORS: {"calllogs": {"*": ""}, "settings_sync": {"*": ""}, "auth": {"*": ""}},
}


def ensure() -> None:
    """Make the groups, and give each exactly the permissions of the table."""
    known = list(Permission.objects.select_related("content_type"))
    for name, apps in PERMISSIONS.items():
        group, _ = Group.objects.get_or_create(name=name)
        group.permissions.set([permission for permission in known if _is_in(permission, apps)])


def _is_in(permission: Permission, apps: dict[str, dict[str, str]]) -> bool:
    models = apps.get(permission.content_type.app_label, {})
    model = permission.content_type.model
    wanted = [verb if "_" in verb else f"{verb}_{model}" for verb in models.get(model, "").split()]
    return "*" in models or permission.codename in wanted
