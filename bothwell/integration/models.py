"""Insights, couples sessions, notes and exercises: what is carried from one person into the couple's work."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bothwell.privacy.models import Private


class Insight(Private):
    """Something one person (`subject` and `author`) wrote for themselves. Its words are versions."""

    class Kind(models.TextChoices):
        INSIGHT = "insight", "what came up"
        INTENTION = "intention", "what I hope for"

    kind = models.CharField(max_length=12, choices=Kind, default=Kind.INSIGHT)
    set_aside_at = models.DateTimeField(null=True, help_text="put out of sight by its author")

    class Meta:
        indexes = [models.Index(fields=["subject", "-recorded_at"])]


class InsightVersion(Private):
    """The words at one moment. A grant opens one version, so later changes stay with the author."""

    insight = models.ForeignKey(Insight, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    feeling = models.CharField(max_length=300, blank=True)
    to_say = models.TextField(blank=True)
    to_ask = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "insight", "number"], name="versions_are_numbered")
        ]


class Modality(models.TextChoices):
    EFT = "eft", "emotionally focused therapy"
    GOTTMAN = "gottman", "Gottman method"
    OTHER = "other", "another approach"


class CoupleSession(Private):
    """One couples session: when, who was there, and the summary both partners may read."""

    class State(models.TextChoices):
        PLANNED = "planned"
        HELD = "held"
        CANCELLED = "cancelled"

    at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(default=60)
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    place = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "couple", "number"], name="couple_sessions_are_numbered"
            ),
        ]
        indexes = [models.Index(fields=["couple", "at"])]


class SharedSummary(Private):
    """What was said to stay with both: the summary partners read."""

    session = models.ForeignKey(CoupleSession, on_delete=models.PROTECT, related_name="summaries")
    text = models.TextField()


class ProgressNote(Private):
    """The couples therapist's record of a session: modality, focus, interventions, plan."""

    session = models.ForeignKey(CoupleSession, on_delete=models.PROTECT, related_name="progress_notes")
    modality = models.CharField(max_length=12, choices=Modality)
    stage = models.CharField(max_length=80, blank=True)
    focus = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    corrects = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="corrected_by")
    reason = models.CharField(max_length=300, blank=True)


class InsightDiscussed(Private):
    """This shared insight was taken up in this session. Part of the therapist's record, not of the partners' page."""

    session = models.ForeignKey(CoupleSession, on_delete=models.PROTECT, related_name="discussed")
    version = models.ForeignKey(InsightVersion, on_delete=models.PROTECT, related_name="discussed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "session", "version"], name="taken_up_once")]


class ProcessNote(Private):
    """A psychotherapy note: its author's alone, kept apart from the record."""

    session = models.ForeignKey(CoupleSession, null=True, on_delete=models.PROTECT, related_name="+")
    text = models.TextField()


class ExerciseGiven(Private):
    """An exercise from our library, given to a couple."""

    session = models.ForeignKey(CoupleSession, null=True, on_delete=models.PROTECT, related_name="exercises")
    exercise = models.CharField(max_length=60, help_text="code in integration/exercises.toml")
    words = models.CharField(max_length=300, blank=True)
    until = models.DateTimeField(null=True)


class ExerciseDone(Private):
    """One partner (`author`) says it was done, and how it went, to both."""

    given = models.ForeignKey(ExerciseGiven, on_delete=models.PROTECT, related_name="done")
    on_day = models.DateField(default=timezone.localdate)
    words = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "given", "author", "on_day"], name="done_once_a_day")
        ]


class CouplePause(Private):
    """The couple's work rests by agreement: both partners know, and nothing of the couple's is asked meanwhile."""

    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "couple"],
                condition=Q(until__isnull=True),
                name="one_pause_at_a_time",
                violation_error_message="This couple's work is paused already.",
            )
        ]
