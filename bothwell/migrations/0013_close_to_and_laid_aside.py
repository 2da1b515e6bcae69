import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

import bothwell.couples.models


class Migration(migrations.Migration):
    dependencies = [("bothwell", "0012_move_thoughts")]

    operations = [
        migrations.CreateModel(
            name="CloseTo",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=bothwell.couples.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("self", "they are this person"),
                            ("partner", "they are their partner, or were"),
                            ("family", "they are family"),
                            ("friend", "they are close friends"),
                        ],
                        max_length=8,
                    ),
                ),
                ("until", models.DateTimeField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bothwell.person",
                    ),
                ),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.clinic"
                    ),
                ),
                (
                    "couple",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bothwell.couple",
                    ),
                ),
                (
                    "staff",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="close_to",
                        to="bothwell.person",
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bothwell.person",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("until__isnull", True)),
                        fields=("clinic", "staff", "subject"),
                        name="said_once_who_is_close",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("staff", models.F("subject")), _negated=True),
                        name="nobody_is_close_to_themselves",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LaidAside",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=bothwell.couples.models.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bothwell.person",
                    ),
                ),
                (
                    "clinic",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="bothwell.clinic"
                    ),
                ),
                (
                    "couple",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bothwell.couple",
                    ),
                ),
                (
                    "given",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="laid_aside",
                        to="bothwell.exercisegiven",
                    ),
                ),
                (
                    "sign",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="laid_aside",
                        to="bothwell.warningsign",
                    ),
                ),
                (
                    "subject",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="bothwell.person",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("given__isnull", True), ("sign__isnull", False)),
                            models.Q(("given__isnull", False), ("sign__isnull", True)),
                            _connector="OR",
                        ),
                        name="one_thing_is_laid_aside",
                    ),
                    models.UniqueConstraint(fields=("clinic", "author", "given"), name="laid_aside_once"),
                    models.UniqueConstraint(fields=("clinic", "author", "sign"), name="sign_laid_aside_once"),
                ],
            },
        ),
    ]
