"""One person's course through care: the protocol it keeps, every step, the facts of the work-up, the joint decision."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Person, Row
from bothwell.privacy.models import Private


class ProtocolVersion(Row):
    """A protocol as it stood when the medical director signed it; a running course keeps its own."""

    name = models.CharField(max_length=80)
    version = models.CharField(max_length=20)
    sha256 = models.CharField(max_length=64)
    source = models.TextField(help_text="the whole TOML file")
    loaded_at = models.DateTimeField(default=timezone.now)
    signed_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True)
    signed_name = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "sha256"], name="one_protocol_a_text"),
            models.CheckConstraint(
                name="a_signature_has_a_time",
                condition=Q(signed_by__isnull=True, signed_at__isnull=True)
                | Q(signed_by__isnull=False, signed_at__isnull=False),
            ),
        ]


class ProtocolDraft(Row):
    """Changes on their way to a protocol's next version. None is dropped: a later one of the same field stands
    beside it.
    """

    base = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="drafts")
    begun_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField(default=timezone.now)
    revision = models.PositiveIntegerField(
        default=0, help_text="compare-and-set: two people cannot both save"
    )
    edits = models.JSONField(
        default=list, help_text="[{revision, at, value, reason, by, by_name, edited_at}]"
    )
    saved_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, help_text="signed, or laid aside")
    became = models.OneToOneField(
        ProtocolVersion, null=True, on_delete=models.PROTECT, related_name="came_from"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "base"],
                condition=Q(closed_at__isnull=True),
                name="one_open_draft_a_protocol",
            ),
            models.CheckConstraint(
                name="what_became_a_protocol_is_closed",
                condition=Q(became__isnull=True) | Q(closed_at__isnull=False),
            ),
        ]


class Course(Private):
    """One person's (`subject`) care as it stands now; `Step` rows are how it came there."""

    protocol = models.ForeignKey(ProtocolVersion, on_delete=models.PROTECT, related_name="+")
    route = models.CharField(max_length=8, blank=True)
    phase = models.CharField(max_length=32)
    state = models.CharField(max_length=12)
    sessions_planned = models.PositiveSmallIntegerField(null=True)
    steps_taken = models.PositiveIntegerField(
        default=0, help_text="compare-and-set: two people cannot both step"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "subject"],
                condition=Q(state__in=["active", "on_hold"]),
                name="one_open_course_a_person",
            )
        ]


class Step(Private):
    """One transition: who, when, why."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveIntegerField()
    event = models.CharField(max_length=24)
    from_phase = models.CharField(max_length=32)
    to_phase = models.CharField(max_length=32)
    to_state = models.CharField(max_length=12)
    why = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "course", "number"], name="steps_are_numbered")
        ]


class HoldReason(Private):
    """Why a course is on hold, where the reason is medical or about safety: seen by fewer than the hold itself."""

    class Kind(models.TextChoices):
        MEDICAL = "medical"
        SUICIDE = "screen.suicide"

    step = models.OneToOneField(Step, on_delete=models.PROTECT, related_name="reason")
    kind = models.CharField(max_length=24, choices=Kind)
    text = models.TextField()


class MedicalFact(Private):
    """One coded fact of the work-up with its evidence. A correction is a new row that names the old one."""

    code = models.CharField(max_length=60)
    value = models.JSONField(null=True)
    note = models.TextField(blank=True)
    source = models.CharField(max_length=120, help_text="history, visit, laboratory, interview")
    observed_at = models.DateTimeField()
    corrects = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="corrected_by")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["subject", "code", "-observed_at"])]


class Resolution(Private):
    """A prescriber's reasoned decision about one finding that holds."""

    finding = models.CharField(max_length=60)
    reason = models.TextField()


class JointDecision(Private):
    """One question put to three: shall this person (`subject`) begin? Signatures follow as rows of their own."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="decisions")
    route = models.CharField(max_length=8)
    summary = models.TextField(help_text="in words the partner will read")

    class Meta:
        indexes = [models.Index(fields=["subject"])]


class Verdict(models.TextChoices):
    PROCEED = "proceed", "go on together"
    DEFER = "defer", "not yet"
    DECLINE = "decline", "not this way"


class DecisionSignature(Private):
    """One of the three signs; `subject` is the person decided about, `author` who signs."""

    class As(models.TextChoices):
        PRESCRIBER = "prescriber"
        COUPLES_THERAPIST = "couples_therapist"
        PARTNER = "partner"

    decision = models.ForeignKey(JointDecision, on_delete=models.PROTECT, related_name="signatures")
    signs_as = models.CharField(max_length=20, choices=As)
    verdict = models.CharField(max_length=8, choices=Verdict)
    words = models.TextField(blank=True)
    signed_name = models.CharField(max_length=120)
    credentials = models.JSONField(default=list, help_text="those on file when signing")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "decision", "signs_as"], name="one_signature_a_role")
        ]


class Preparation(Private):
    """What is arranged before a dosing session: escort, fasting, antiemetic. The intention itself is an insight."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="preparations")
    escort_name = models.CharField(max_length=120, blank=True)
    escort_phone = models.CharField(max_length=40, blank=True)
    fasting_explained = models.BooleanField(default=False)
    antiemetic_plan = models.CharField(max_length=200, blank=True)
    note = models.TextField(blank=True)
