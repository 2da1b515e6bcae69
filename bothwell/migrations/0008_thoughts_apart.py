"""What is answered about thoughts of not living, in the call after a session, lies apart: fewer may read it."""

import bothwell.couples.models
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('bothwell', '0007_room_to_rewrite'),
    ]

    operations = [
        migrations.CreateModel(
            name='NextDayThoughts',
            fields=[
                ('id', models.UUIDField(default=bothwell.couples.models.new_id, editable=False, primary_key=True, serialize=False)),
                ('recorded_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('request_id', models.UUIDField(help_text='made by the browser: a retried post changes nothing', null=True)),
                ('answer', models.CharField(max_length=16)),
                ('author', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='bothwell.person')),
                ('call', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='thoughts', to='bothwell.nextdaycall')),
                ('clinic', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='bothwell.clinic')),
                ('couple', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='bothwell.couple')),
                ('session', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='bothwell.dosingsession')),
                ('subject', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='bothwell.person')),
            ],
            options={
                'abstract': False,
            },
        ),
    ]
