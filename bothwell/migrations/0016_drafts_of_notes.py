import bothwell.couples.models
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0015_taken_back_and_which_key")]

    operations = [
        migrations.AddField("insightdraft", "after", models.PositiveIntegerField(null=True)),
        migrations.AddField(
            "insightdraft",
            "is_beside",
            models.BooleanField(
                default=False, help_text="begun while another window wrote other words for the same"
            ),
        ),
        migrations.RemoveConstraint("insightdraft", "one_open_draft_an_insight"),
        migrations.AddConstraint(
            "insightdraft",
            models.UniqueConstraint(
                condition=models.Q(
                    ("closed_at__isnull", True), ("insight__isnull", False), ("is_beside", False)
                ),
                fields=("clinic", "insight"),
                name="one_open_draft_an_insight",
            ),
        ),
        migrations.CreateModel(
            name="NoteDraft",
            fields=[
                ("id", models.UUIDField(default=bothwell.couples.models.new_id, editable=False, primary_key=True, serialize=False)),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("closed_at", models.DateTimeField(null=True)),
                ("is_beside", models.BooleanField(default=False, help_text="begun while another window wrote other words for the same")),
                ("fields", models.JSONField(default=dict, help_text="what stands in each field of the form")),
                ("author", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.person")),
                ("clinic", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.clinic")),
                ("corrects", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.progressnote")),
                ("couple", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.couple")),
                ("session", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="note_drafts", to="bothwell.couplesession")),
                ("subject", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.person")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True), ("is_beside", False)),
                        fields=("clinic", "author", "session", "corrects"),
                        name="one_open_draft_a_note",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
    ]  # fmt: skip
