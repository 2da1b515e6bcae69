"""What was open to a partner or couples therapist when a couple parted is ended, as a parting ends it from now on.

Nobody could read it any more; but as long as it counted as given, it could not be given to whoever came later.
"""

from django.db import migrations

END = """
alter table bothwell_grant no force row level security;
alter table bothwell_couple no force row level security;
update bothwell_grant g set revoked_at = c.parted_at
from bothwell_couple c
where c.id = g.couple_id and c.parted_at is not null and g.revoked_at is null and g.audience <> 'individual_therapist';
set constraints all immediate;
alter table bothwell_grant force row level security;
alter table bothwell_couple force row level security;
"""


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0020_orders_withdrawn")]

    operations = [migrations.RunSQL(END, migrations.RunSQL.noop)]
