"""Why a question to the couples' answers was not answered, and of which kinds the scores are that entered a result."""

from django.db import migrations, models

ENDS = [
    ("few", "fewer than five could have entered: no answer was read"),
    ("changed", "what may be used changed meanwhile"),
    ("unfit", "what was asked does not fit what was answered"),
    ("lost", "it broke"),
]


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0016_drafts_of_notes")]

    operations = [
        migrations.AddField(
            "analysisrun",
            "ended",
            models.CharField(blank=True, choices=ENDS, help_text="why it was not answered", max_length=8),
        ),
        migrations.AddField(
            "analysisuse",
            "kinds",
            models.CharField(
                blank=True, help_text="of which kinds they are, spaces between; empty: of any", max_length=60
            ),
        ),
        migrations.AddConstraint(
            "analysisrun",
            models.CheckConstraint(
                condition=models.Q(("ended", ""), ("state", "unfit"), _connector="OR"),
                name="only_what_is_unanswered_ended_for_a_reason",
            ),
        ),
    ]
