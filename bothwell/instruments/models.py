"""What a person has been asked to answer, and what they answered.

Scores are computed by `scoring` and stored with the answers; nothing here computes or rewords anything.
"""

from django.db import models
from django.db.models import Q

from bothwell.privacy.models import Private


class Kind(models.TextChoices):
    """Which row of the table in `privacy/circles.py` a response falls under."""

    INDIVIDUAL = "measure.individual"
    PREDOSE = "measure.predose"
    RELATIONSHIP = "measure.relationship"
    SUICIDE = "screen.suicide"
    VIOLENCE = "screen.violence"


class Request(Private):
    """One instrument due from one person (`subject`) on one occasion; the wave is common to both partners."""

    instrument = models.CharField(max_length=40)
    kind = models.CharField(max_length=24, choices=Kind)
    wave = models.CharField(max_length=40)
    due_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "subject", "instrument", "wave"], name="nothing_is_due_twice"
            )
        ]


class Response(Private):
    """One person's answers to one instrument: a draft only they see, then sent and never changed."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        SENT = "sent"

    request = models.OneToOneField(Request, null=True, on_delete=models.PROTECT, related_name="response")
    instrument = models.CharField(max_length=40)
    instrument_version = models.CharField(max_length=64)
    kind = models.CharField(max_length=24, choices=Kind)
    wave = models.CharField(max_length=40)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    answers = models.JSONField(
        default=dict, help_text="linkId -> answer code, or null for 'rather not answer'"
    )
    revision = models.PositiveIntegerField(default=0, help_text="raised by each save: a stale one is refused")
    sent_at = models.DateTimeField(null=True)
    total = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    band = models.CharField(max_length=60, blank=True)
    flags = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sent_has_a_time",
                condition=Q(status="draft", sent_at__isnull=True) | Q(status="sent", sent_at__isnull=False),
            )
        ]
        indexes = [models.Index(fields=["subject", "instrument", "sent_at"])]


class SafetyFlag(Private):
    """A positive suicide item: a task that stays open until a clinician closes it with a reason."""

    response = models.OneToOneField(Response, null=True, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=120)


class SafetyFlagClosed(Private):
    """A clinician's reasoned end of a flag; the flag itself is never changed."""

    flag = models.OneToOneField(SafetyFlag, on_delete=models.PROTECT, related_name="closed")
    reason = models.TextField()
