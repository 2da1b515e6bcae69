"""What stood about thoughts of not living among a call's other answers is moved to where fewer may read it.

A migration of its own: the keys of the new table must stand before rows come, for they are then asked of each row, and
not of the whole table by an owner who sees no row while row-level security is forced. It is not forced while rows move;
`policies.sql`, applied after every migration, forces it again in any case.
"""

from django.db import migrations

MOVE = """
alter table bothwell_nextdaycall no force row level security;
alter table bothwell_nextdaythoughts no force row level security;
insert into bothwell_nextdaythoughts (id, clinic_id, author_id, subject_id, couple_id, session_id, recorded_at, call_id, answer)
select gen_random_uuid(), clinic_id, author_id, subject_id, couple_id, session_id, recorded_at, id, answers ->> 'thoughts'
from bothwell_nextdaycall where jsonb_exists(answers, 'thoughts');
update bothwell_nextdaycall set answers = answers - 'thoughts' where jsonb_exists(answers, 'thoughts');
set constraints all immediate;
alter table bothwell_nextdaycall force row level security;
alter table bothwell_nextdaythoughts force row level security;
"""


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0011_seal_process_notes")]

    operations = [migrations.RunSQL(MOVE, migrations.RunSQL.noop)]
