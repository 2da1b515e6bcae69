"""What a person has been asked to answer, and what they answered.

Scores are computed by `scoring` and stored with the answers; nothing here computes or rewords anything.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Person, Row
from bothwell.privacy.models import Private


class Kind(models.TextChoices):
    """Which row of the table in `privacy/circles.py` a response falls under."""

    INDIVIDUAL = "measure.individual"
    PREDOSE = "measure.predose"
    RELATIONSHIP = "measure.relationship"
    SUICIDE = "screen.suicide"
    VIOLENCE = "screen.violence"


class ClinicInstrument(Row):
    """A questionnaire this clinic loaded: its licensed words for a skeleton, or any FHIR Questionnaire.

    A changed text is a new row; rows are retired, never changed, so what was answered can always be read.
    """

    class Origin(models.TextChoices):
        LICENSED = "licensed", "licensed text of an instrument in the catalogue"
        IMPORTED = "imported", "imported questionnaire"

    instrument = models.CharField(max_length=40)
    version = models.CharField(max_length=64)
    document = models.TextField(help_text="a catalogue file: questionnaire and side table, as JSON")
    origin = models.CharField(max_length=8, choices=Origin)
    licence_holder = models.CharField(max_length=200)
    licence_terms = models.TextField(help_text="what the clinic states about its right to use the words")
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=timezone.now)
    retired_at = models.DateTimeField(null=True)
    retired_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "instrument"],
                condition=Q(retired_at__isnull=True),
                name="one_text_in_use_of_an_instrument",
            )
        ]


class Request(Private):
    """One instrument due from one person (`subject`) on one occasion; the wave is common to both partners.

    Unanswered it lapses at `lapses_at`; what was asked again since has lapsed as well.
    """

    instrument = models.CharField(max_length=40)
    instrument_version = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=24, choices=Kind)
    wave = models.CharField(max_length=60)
    due_at = models.DateTimeField()
    lapses_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "subject", "instrument", "wave"], name="nothing_is_due_twice"
            )
        ]
        indexes = [models.Index(fields=["subject", "due_at"])]


class Response(Private):
    """One person's answers to one instrument: a draft only they see, then sent and never changed."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        SENT = "sent"

    class EnteredAs(models.TextChoices):
        SELF = "self", "answered by themselves"
        PAPER = "paper", "copied from paper"
        SPOKEN = "spoken", "asked and answered aloud"
        HANDED_OVER = "handed", "answered on a device handed over"

    request = models.OneToOneField(Request, null=True, on_delete=models.PROTECT, related_name="response")
    instrument = models.CharField(max_length=40)
    instrument_version = models.CharField(max_length=64)
    kind = models.CharField(max_length=24, choices=Kind)
    wave = models.CharField(max_length=60)
    entered_as = models.CharField(max_length=8, choices=EnteredAs, default=EnteredAs.SELF)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    answers = models.JSONField(
        default=dict, help_text="linkId -> answer code, or null for 'rather not answer'"
    )
    revision = models.PositiveIntegerField(default=0, help_text="raised by each save: a stale one is refused")
    sent_at = models.DateTimeField(null=True)
    total = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    band = models.CharField(max_length=60, blank=True)
    scores = models.JSONField(default=dict, help_text="scale id -> total as text, or null")
    rules = models.JSONField(default=list, help_text="ids of the published patterns met")
    flags = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="sent_has_a_time",
                condition=Q(status="draft", sent_at__isnull=True) | Q(status="sent", sent_at__isnull=False),
            )
        ]
        indexes = [models.Index(fields=["subject", "instrument", "sent_at"])]


class Answered(Private):
    """One answer as it was given on one device: kept once, however often it is sent.

    `after` is the event this device had last seen for the item. When another device answered in between, both
    stand here and the person chooses; nothing is overwritten unseen.
    """

    class Outcome(models.TextChoices):
        KEPT = "kept"
        IN_CONFLICT = "conflict"

    response = models.ForeignKey(Response, on_delete=models.PROTECT, related_name="answered")
    event = models.UUIDField(help_text="made by the device; a repeat changes nothing")
    link_id = models.CharField(max_length=120)
    answer = models.TextField(null=True, help_text="null: would rather not answer")
    device = models.UUIDField(help_text="random, one a browser and check-in")
    after = models.UUIDField(null=True)
    made_at = models.DateTimeField(help_text="by the device's clock")
    outcome = models.CharField(max_length=8, choices=Outcome)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "response", "event"], name="an_answer_is_kept_once")
        ]


class Reminder(Private):
    """One neutral mail to a person's safe address on one day, whatever is due; never two."""

    on = models.DateField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "subject", "on"], name="one_reminder_a_day")]


class SafetyFlag(Private):
    """A positive suicide item: a task that stays open until a clinician closes it with a reason."""

    response = models.OneToOneField(Response, null=True, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=120)
    is_acute = models.BooleanField(default=False, help_text="thoughts of it right now: less patience")


class SafetyFlagAcknowledged(Private):
    """A clinician's word that they have seen a flag and are acting on it; the flag stays open."""

    flag = models.OneToOneField(SafetyFlag, on_delete=models.PROTECT, related_name="acknowledged")
    plan = models.TextField(help_text="what happens next")


class Escalation(Private):
    """A flag that waited too long was passed on. It tells that somebody must act, never why."""

    flag = models.ForeignKey(SafetyFlag, on_delete=models.PROTECT, related_name="escalations")
    level = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "flag", "level"], name="one_escalation_a_level")
        ]


class SafetyFlagClosed(Private):
    """A clinician's reasoned end of a flag; the flag itself is never changed."""

    flag = models.OneToOneField(SafetyFlag, on_delete=models.PROTECT, related_name="closed")
    reason = models.TextField()


class CoupleHold(Private):
    """Couple work rests for safety's sake. It names neither partner, no reason, no author and no hour.

    The couples therapist and the safety circle see that it is there; the partners and everyone else do not.
    """

    placed_on = models.DateField()


class CoupleHoldLifted(Private):
    """The safety circle's end of a hold; the reason stands in their own sealed log."""

    hold = models.OneToOneField(CoupleHold, on_delete=models.PROTECT, related_name="lifted")
