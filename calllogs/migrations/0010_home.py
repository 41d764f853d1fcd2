import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def find_makers(apps, schema_editor):
    """Who added a report stands in the admin's log. What nobody is known to have made is not sent until it is saved."""
    reports = apps.get_model('calllogs', 'Report')
    kind = apps.get_model('contenttypes', 'ContentType').objects.filter(app_label='calllogs', model='report').first()
    added = apps.get_model('admin', 'LogEntry').objects.filter(content_type=kind, action_flag=1)
    for object_id, user_id in added.order_by('action_time').values_list('object_id', 'user_id'):
        reports.objects.filter(pk=object_id).update(maker_id=user_id)


class Migration(migrations.Migration):

    dependencies = [
        ('calllogs', '0009_push_without_constraint'),
        ('admin', '0003_logentry_add_action_flag_choices'),
        ('contenttypes', '0002_remove_content_type_name'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='MissedHistory',
            fields=[
                ('pk', models.CompositePrimaryKey('hour', 'department', blank=True, editable=False, primary_key=True, serialize=False)),
                ('hour', models.DateTimeField()),
                ('department', models.CharField(blank=True, max_length=100)),
                ('waiting', models.PositiveIntegerField()),
            ],
            options={
                'verbose_name': 'callers who waited',
                'verbose_name_plural': 'callers who waited',
            },
        ),
        migrations.AddField(
            model_name='report',
            name='maker',
            field=models.ForeignKey(editable=False, help_text='The report shows what this person may see when it is sent. Without one it is not sent.', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='made by'),
        ),
        migrations.RunPython(find_makers, migrations.RunPython.noop),
    ]
