"""Whoever signs in the books of the vials stands there by the name they had then; who writes it stands in `policies.sql`."""

from django.db import migrations, models

SIGNED = [
    ("discrepancy", "author"),
    ("discrepancyresolved", "author"),
    ("inventory", "author"),
    ("inventory", "witness"),
    ("vial", "author"),
    ("vialevent", "author"),
    ("vialevent", "witness"),
    ("vialevent", "second_witness"),
]


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0018_drafts_of_protocols")]

    operations = [
        migrations.AddField(
            book,
            f"{who}_signed",
            models.CharField(
                blank=True, help_text="as they were called then; empty: as they are called now", max_length=210
            ),
        )
        for book, who in SIGNED
    ]
