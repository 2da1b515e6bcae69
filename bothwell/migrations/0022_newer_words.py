"""A gift knows which earlier one it took the place of: so nobody loses the older words to newer ones they may not have."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0021_given_to_a_former_partner")]

    operations = [
        migrations.AddField(
            model_name="grant",
            name="replaces",
            field=models.OneToOneField(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.grant"
            ),
        ),
    ]
