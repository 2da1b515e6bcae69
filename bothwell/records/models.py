"""Rights over a record: asking for it, what was given out of it, parting, and what must be kept for a court.

Nothing here decides; `rights` and `contents` of this slice do, and row-level security shows each row to whom it concerns.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bothwell.privacy.models import Private


class PartingRequest(Private):
    """One partner (`subject`) says that the two are parting. Nothing changes before the clinic confirms it."""

    words = models.CharField(max_length=500, blank=True, help_text="for the clinic, never for the other")
    withdrawn_at = models.DateTimeField(null=True)


class PartingAnswer(Private):
    """The clinic's answer to such a request: confirmed, or not, with what was said."""

    request = models.OneToOneField(PartingRequest, on_delete=models.PROTECT, related_name="answer")
    is_confirmed = models.BooleanField()
    words = models.CharField(max_length=500, blank=True)


class RecordRequest(Private):
    """A partner (`subject`) asks for a copy of what is on record: their own, or the couple's chart as well."""

    class Scope(models.TextChoices):
        OWN = "own", "my own record"
        COUPLE = "couple", "my own record and the couple's chart"

    scope = models.CharField(max_length=8, choices=Scope)
    due_on = models.DateField(help_text="by when it is to be answered")
    words = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [models.Index(fields=["subject", "-recorded_at"])]


class RecordAnswer(Private):
    """What became of a request: given, prolonged, or refused in whole or part, on a named ground."""

    class Kind(models.TextChoices):
        GIVEN = "given", "given"
        PROLONGED = "prolonged", "needs longer"
        REFUSED = "refused", "refused"

    request = models.ForeignKey(RecordRequest, on_delete=models.PROTECT, related_name="answers")
    kind = models.CharField(max_length=10, choices=Kind)
    ground = models.CharField(max_length=60, blank=True, help_text="code in records/grounds.toml")
    words = models.CharField(max_length=500, blank=True)
    due_on = models.DateField(null=True)


class JointRequest(Private):
    """The couple's whole record is asked for: given only when both have signed."""

    recipient = models.CharField(max_length=200, help_text="to whom it is to go")
    purpose = models.CharField(max_length=300)


class JointSignature(Private):
    """One of the two (`author`) signs that the couple's record may be given, or says no."""

    request = models.ForeignKey(JointRequest, on_delete=models.PROTECT, related_name="signatures")
    is_yes = models.BooleanField()
    signed_name = models.CharField(max_length=120)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "request", "author"], name="one_joint_signature_each")
        ]


class Disclosure(Private):
    """A line in the accounting of disclosures: what left the record of a person (`subject`), to whom, on what ground."""

    at = models.DateTimeField(default=timezone.now)
    recipient = models.CharField(max_length=200)
    what = models.CharField(max_length=300)
    ground = models.CharField(max_length=60, help_text="code in records/grounds.toml")
    sha256 = models.CharField(max_length=64, blank=True, help_text="of the file that was given")
    left_out = models.JSONField(default=dict, help_text="how many words of others were left out, by kind")

    class Meta:
        indexes = [models.Index(fields=["subject", "-at"])]


class LegalHold(Private):
    """A person's record (`subject`) must be kept as it is, whatever retention says, until a court or counsel ends it."""

    reason = models.CharField(max_length=300)
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "subject"], condition=Q(until__isnull=True), name="one_legal_hold_at_a_time"
            )
        ]
