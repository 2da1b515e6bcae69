"""What was answered about thoughts of not living, in the call after a session, lies apart: fewer may read it.

What stood among the other answers is moved there. The owner of the tables sees no row of them while row-level security
is forced, so it is not while the rows move; `policies.sql`, applied after every migration, forces it again in any case.
"""

import bothwell.couples.models
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

MOVE = """
alter table bothwell_nextdaycall no force row level security;
insert into bothwell_nextdaythoughts (id, clinic_id, author_id, subject_id, couple_id, session_id, recorded_at, call_id, answer)
select gen_random_uuid(), clinic_id, author_id, subject_id, couple_id, session_id, recorded_at, id, answers ->> 'thoughts'
from bothwell_nextdaycall where jsonb_exists(answers, 'thoughts');
update bothwell_nextdaycall set answers = answers - 'thoughts' where jsonb_exists(answers, 'thoughts');
set constraints all immediate;
alter table bothwell_nextdaycall force row level security;
"""


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
        migrations.RunSQL(MOVE, migrations.RunSQL.noop),
    ]
