"""Where the watch over a quantity stands is rewritten with each reading: leave room beside it on its page.

A row rewritten on its own page needs no new entry in any of the table's indexes.
"""

from django.db import migrations

ROOM = """alter table bothwell_channel set (
    fillfactor = 30, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)"""


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0006_readings_by_month")]

    operations = [
        migrations.RunSQL(
            ROOM,
            "alter table bothwell_channel reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold)",
        )
    ]
