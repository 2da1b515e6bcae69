"""Process notes written before they had a key of their own are sealed with it; `text` is empty from now on."""

from django.db import migrations, models

from bothwell.integration.process_note_actions import seal_earlier


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0010_bag_and_told")]

    operations = [
        migrations.RunPython(seal_earlier, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="progressnote",
            name="modality",
            field=models.CharField(
                choices=[
                    ("eft", "emotionally focused therapy"),
                    ("gottman", "relationship house terms"),
                    ("other", "another approach"),
                ],
                max_length=12,
            ),
        ),
    ]
