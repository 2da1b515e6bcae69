"""A rate that was charted wrong is put right by a row of its own, with the reason; the wrong one stays on record."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0022_newer_words")]

    operations = [
        migrations.AddField(
            model_name="administration",
            name="corrects",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="bothwell.administration",
                help_text="whose rate was charted wrong",
            ),
        ),
        migrations.AlterField(
            model_name="administration",
            name="event",
            field=models.CharField(
                max_length=8,
                choices=[
                    ("start", "infusion started"),
                    ("rate", "rate changed"),
                    ("pause", "infusion paused"),
                    ("resume", "infusion resumed"),
                    ("stop", "infusion stopped"),
                    ("dose", "a further part of the dose"),
                    ("spat", "spat out"),
                    ("swallow", "swallowed"),
                    ("given", "given"),
                    ("effect", "effect of what was given"),
                    ("correct", "rate corrected"),
                ],
            ),
        ),
        migrations.AlterField(
            model_name="administration",
            name="ordered_how",
            field=models.CharField(
                blank=True,
                max_length=8,
                choices=[
                    ("standing", "standing order"),
                    ("verbal", "by word of mouth"),
                    ("written", "written order"),
                    ("unknown", "on whose order is not known"),
                ],
            ),
        ),
        migrations.AddConstraint(
            model_name="administration",
            constraint=models.CheckConstraint(
                name="a_corrected_rate_says_of_what_and_why",
                condition=(Q(event="correct", corrects__isnull=False, rate_ml_per_h__gt=0) & ~Q(note=""))
                | (~Q(event="correct") & Q(corrects__isnull=True)),
            ),
        ),
    ]
