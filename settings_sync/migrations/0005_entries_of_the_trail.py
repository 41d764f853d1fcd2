from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("settings_sync", "0004_audit")]

    operations = [
        migrations.AlterModelOptions(
            name="auditentry",
            options={
                "default_permissions": ("view",),
                "ordering": ["-number"],
                "permissions": [("export_auditentry", "Can export the audit trail")],
                "verbose_name": "entry of the audit trail",
                "verbose_name_plural": "entries of the audit trail",
            },
        ),
    ]
