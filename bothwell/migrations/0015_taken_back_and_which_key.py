"""A yes, and a wish to part, can be taken back; and the database knows with which key process notes are sealed."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0014_outcomes")]

    operations = [
        migrations.AddField("jointsignature", "withdrawn_at", models.DateTimeField(null=True)),
        migrations.AddField("partingrequest", "withdrawn_at", models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="NotesKey",
            fields=[
                ("number", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=16)),
                ("sealed", models.BinaryField()),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
