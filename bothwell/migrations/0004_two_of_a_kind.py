"""Two sources of one quantity at the same instant are both kept; a monitor's clock is compared with ours."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bothwell', '0003_vials'),
    ]

    operations = [
        migrations.AddField(
            model_name='device',
            name='clock',
            field=models.JSONField(default=dict, help_text='how its clock stands to ours, as the feed remembers it'),
        ),
        migrations.AddField(
            model_name='sample',
            name='source',
            field=models.CharField(blank=True, db_default='', default='', help_text="the monitor's own code and place", max_length=100),
        ),
        migrations.RemoveConstraint(
            model_name='sample',
            name='a_device_says_a_thing_once',
        ),
        migrations.AddConstraint(
            model_name='sample',
            constraint=models.UniqueConstraint(condition=models.Q(('corrects__isnull', True), ('device__isnull', False)), fields=('clinic', 'device', 'code', 'source', 'observed_at'), name='a_device_says_a_thing_once'),
        ),
    ]
