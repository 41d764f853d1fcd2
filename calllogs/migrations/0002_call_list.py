import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# What Django's models cannot say for PostgreSQL alone.
POSTGRESQL = [
    # read by the search for a number's last digits
    "CREATE INDEX call_last_digits ON calllogs_calllog (reverse(caller) text_pattern_ops)",
    # An agent belongs to a department and answers: without knowing that, the planner expects calls where none are.
    "CREATE STATISTICS call_facets_together (dependencies, mcv)"
    " ON status, agent_number, department FROM calllogs_calllog",
]
POSTGRESQL_BACK = [
    "DROP STATISTICS IF EXISTS call_facets_together",
    "DROP INDEX IF EXISTS call_last_digits",
]


def on_postgresql(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in POSTGRESQL:
            schema_editor.execute(statement)
        # Never of an empty table: then every connection plans for no rows, and reads the whole table for each push's
        # foreign key until somebody analyzes again.
        if apps.get_model("calllogs", "CallLog").objects.exists():
            schema_editor.execute("ANALYZE calllogs_calllog")


def back_on_postgresql(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for statement in POSTGRESQL_BACK:
            schema_editor.execute(statement)


class Migration(migrations.Migration):

    dependencies = [
        ("calllogs", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("shared", models.BooleanField(default=False, verbose_name="shared")),
                ("query", models.TextField(blank=True, verbose_name="filter and columns")),
                ("changed_at", models.DateTimeField(auto_now=True, verbose_name="changed at")),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="owner",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved view",
                "verbose_name_plural": "saved views",
                "ordering": ["name", "id"],
                "constraints": [
                    models.UniqueConstraint(fields=("owner", "name"), name="one_view_for_a_name_of_an_owner"),
                ],
            },
        ),
        migrations.RemoveIndex(
            model_name="calllog",
            name="call_caller",
        ),
        migrations.AddIndex(
            model_name="calllog",
            index=models.Index(
                fields=["caller", "-started_at"],
                opclasses=["varchar_pattern_ops", "timestamptz_ops"],
                name="call_caller",
            ),
        ),
        migrations.AddIndex(
            model_name="calllog",
            index=models.Index(
                models.F("status"),
                models.F("agent_number"),
                models.F("department"),
                models.F("virtual_number"),
                models.F("circle"),
                models.Case(
                    models.When(recording_url="", then=0),
                    default=1,
                    output_field=models.PositiveSmallIntegerField(),
                ),
                name="call_facets",
            ),
        ),
        migrations.AddIndex(
            model_name="calllog",
            index=models.Index(fields=["status", "talk_seconds"], name="call_talk"),
        ),
        migrations.RunPython(on_postgresql, back_on_postgresql, elidable=False),
    ]
