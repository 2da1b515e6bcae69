"""Orders that are not to be given after all; who may see and write it stands in `policies.sql`."""

import bothwell.couples.models
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0019_names_as_signed")]

    operations = [
        migrations.CreateModel(
            name="OrderWithdrawn",
            fields=[
                ("id", models.UUIDField(default=bothwell.couples.models.new_id, editable=False, primary_key=True, serialize=False)),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("reason", models.TextField()),
                ("author", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.person")),
                ("clinic", models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.clinic")),
                ("couple", models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.couple")),
                ("order", models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name="withdrawn", to="bothwell.order")),
                ("subject", models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.person")),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="withdrawn_for_a_reason")],
            },
        ),
    ]  # fmt: skip
