"""Readings lie in months: one table a month below `bothwell_sample`, and one for times no month was made for.

Django goes on knowing one table with the key `id`; here the key is (id, observed_at), and what was unique across all
readings is kept so by docs/decisions/0008-readings-by-month.md. It does not go back.
"""

from pathlib import Path

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('bothwell', '0005_the_room_in_full'),
    ]

    operations = [
        migrations.RunSQL(Path(__file__).with_suffix('.sql').read_text()),
    ]
