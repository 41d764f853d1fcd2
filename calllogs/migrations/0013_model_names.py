"""Models get the names that their users use. Their tables keep their names: a running old release goes on working."""

import django.db.models.deletion
from django.db import migrations, models

NAMES = {
    "Letter": "OutgoingMail",
    "Walk": "ArchiveCursor",
    "Watch": "AlarmHeartbeat",
    "AlarmReader": "AlarmRecipient",
    "Refusals": "RefusedPushCount",
    "DeskEntry": "CallbackEntry",
    "DeskClaim": "CallbackClaim",
}
VERBS = ("add", "change", "delete", "view")


def rename_permissions(apps, names):
    """Django renames the content type; what was granted must stay granted."""
    permissions = apps.get_model("auth", "Permission").objects
    for old, new in names.items():
        for verb in VERBS:
            permissions.filter(
                content_type__app_label="calllogs", codename=f"{verb}_{old.lower()}"
            ).update(codename=f"{verb}_{new.lower()}")


def forwards(apps, schema_editor):
    rename_permissions(apps, NAMES)


def backwards(apps, schema_editor):
    rename_permissions(apps, {new: old for old, new in NAMES.items()})


class Migration(migrations.Migration):
    dependencies = [
        ("calllogs", "0012_sight_pages"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        *(migrations.AlterModelTable(old, f"calllogs_{old.lower()}") for old in NAMES),
        *(migrations.RenameModel(old, new) for old, new in NAMES.items()),
        migrations.RunPython(forwards, backwards),
        *(
            migrations.AlterField(
                "OutgoingMail",
                name,
                models.ForeignKey(
                    blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name="mails", to=to
                ),
            )
            for name, to in (("alarm", "calllogs.alarm"), ("run", "calllogs.reportrun"))
        ),
    ]
