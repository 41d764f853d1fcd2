"""The four roles and their permissions. `sync_groups` updates the groups after `migrate` and at each start of the demo.

A word with an underscore is a whole permission codename; other words are verbs, as in `view_agent`.
"""

from django.contrib.auth.models import Group, Permission, User
from django.utils.translation import gettext_lazy as _

OFFICE_MANAGERS, SUPERVISORS, AUDITORS, ADMINISTRATORS = (
    "Office managers",
    "Supervisors",
    "Auditors",
    "Administrators",
)

# alarm, change: acknowledge it; alarmrecipient, change: choose who gets alarms by mail
_WATCHING = {"alarm": "view change", "alarmrecipient": "view change", "report": "view add change delete"}
_OFFICE_READ = dict.fromkeys(
    ["agent", "shift", "holiday", "calendarfeed", "officehours", "otherhours", "providersetting"], "view"
)

# group: {app: {model: verbs}}; "*" means all permissions of the app
PERMISSIONS: dict[str, dict[str, dict[str, str]]] = {
    OFFICE_MANAGERS: {
        "settings_sync": {
            "agent": "view add change delete",
            "shift": "view add change delete",
            "holiday": "view add change delete",
            "calendarfeed": "view add change",
            "officehours": "view add change",
            "otherhours": "view add change delete",
            # change: send now, send all again, close
            "providersetting": "view change stop_sending",
            "attempt": "view",
        },
        "calllogs": {"calllog": "view", "callnote": "view", "calltag": "view", "missedcaller": "view"}
        | _WATCHING,
    },
    SUPERVISORS: {
        "calllogs": {
            "calllog": "view see_numbers",
            "push": "view change replay_push",  # change: correct it
            "export": "view export_calls",  # view: see all users' exports; export_calls: export
            "callnote": "view add",
            "calltag": "view add",
            "recording": "listen_recording download_recording",
            "listening": "view",
            "missedcaller": "view change",  # change: claim, close and reopen
        }
        | _WATCHING,
        "settings_sync": _OFFICE_READ,
    },
    # They see all activity, but no whole numbers and no recordings.
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


# Shown to administrators who assign the role.
DESCRIPTIONS = {
    OFFICE_MANAGERS: _(
        "Switches agents, holidays and office hours, sees that the provider has them; sees calls with hidden numbers."
    ),
    SUPERVISORS: _(
        "Works with calls: sees whole numbers, listens, exports, calls back missed callers, corrects pushes."
    ),
    AUDITORS: _("Sees what was done by whom, and changes nothing; sees calls with hidden numbers."),
    ADMINISTRATORS: _("May do everything, and says who else may do what."),
}


def roles_of(person: User) -> list[str]:
    """The names of the person's roles, in the order of PERMISSIONS."""
    names = {group.name for group in person.groups.all()}
    return [name for name in PERMISSIONS if name in names]


def sync_groups() -> None:
    """Create the groups and set their permissions to exactly those of PERMISSIONS."""
    known = list(Permission.objects.select_related("content_type"))
    for name, apps in PERMISSIONS.items():
        group = Group.objects.get_or_create(name=name)[0]
        group.permissions.set([permission for permission in known if _is_in(permission, apps)])


def _is_in(permission: Permission, apps: dict[str, dict[str, str]]) -> bool:
    models = apps.get(permission.content_type.app_label, {})
    model = permission.content_type.model
    wanted = [verb if "_" in verb else f"{verb}_{model}" for verb in models.get(model, "").split()]
    return "*" in models or permission.codename in wanted
