"""Drafts of a protocol's next version; who may see them stands in `policies.sql`, applied after every migration."""

import bothwell.couples.models
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0017_why_it_ended")]

    operations = [
        migrations.CreateModel(
            name="ProtocolDraft",
            fields=[
                ("id", models.UUIDField(default=bothwell.couples.models.new_id, editable=False, primary_key=True, serialize=False)),
                ("begun_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("revision", models.PositiveIntegerField(default=0, help_text="compare-and-set: two people cannot both save")),
                ("edits", models.JSONField(default=list, help_text="[{revision, at, value, reason, by, by_name, edited_at}]")),
                ("saved_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("closed_at", models.DateTimeField(help_text="signed, or laid aside", null=True)),
                ("base", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="drafts", to="bothwell.protocolversion")),
                ("became", models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="came_from", to="bothwell.protocolversion")),
                ("begun_by", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.person")),
                ("clinic", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.clinic")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("closed_at__isnull", True)),
                        fields=("clinic", "base"),
                        name="one_open_draft_a_protocol",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("became__isnull", True), ("closed_at__isnull", False), _connector="OR"),
                        name="what_became_a_protocol_is_closed",
                    ),
                ],
            },
        ),
    ]  # fmt: skip
