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
    tags = models.JSONField(
        default=list, help_text="the author's own words to find it by; never in a version given"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "insight", "number"], name="versions_are_numbered")
        ]


class Modality(models.TextChoices):
    EFT = "eft", "emotionally focused therapy"
    HOUSE = "gottman", "relationship house terms"
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
    detail = models.JSONField(
        default=dict, help_text="what its form asks: integration/note_forms.py reads it"
    )
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
    text = models.TextField(blank=True, help_text="empty: its words are sealed")
    sealed = models.BinaryField(default=b"", help_text="the words under their author's own key")


class NotesKey(models.Model):
    """With which key process notes are sealed: its name, and a word sealed with it. Of the installation; the last counts."""

    number = models.PositiveSmallIntegerField(primary_key=True)
    name = models.CharField(max_length=16)
    sealed = models.BinaryField()
    since = models.DateTimeField(default=timezone.now)


class ExerciseGiven(Private):
    """An exercise from our library, given to a couple."""

    class Way(models.TextChoices):
        TOGETHER = "together", "together"
        EACH = "each", "each alone"
        EITHER = "either", "together or alone"

    session = models.ForeignKey(CoupleSession, null=True, on_delete=models.PROTECT, related_name="exercises")
    exercise = models.CharField(max_length=60, help_text="code in integration/exercises.toml")
    words = models.CharField(max_length=300, blank=True)
    until = models.DateTimeField(null=True)
    way = models.CharField(max_length=8, choices=Way, default=Way.EITHER)


class ExerciseDone(Private):
    """One partner (`author`) says it was done, and how it went, to both."""

    class How(models.TextChoices):
        EASY = "easy", "it came easily"
        GOOD = "good", "it did us good"
        HARD = "hard", "it was hard"
        NOT_FOR_US = "not_us", "it was not for us"

    given = models.ForeignKey(ExerciseGiven, on_delete=models.PROTECT, related_name="done")
    on_day = models.DateField(default=timezone.localdate)
    together = models.BooleanField(default=False)
    how = models.CharField(max_length=8, choices=How, blank=True)
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


# ── the couple's work, in full ──


class Draft(Private):
    """Words being written, kept as they are typed: their author's alone, until they are saved for good.

    `revision` counts each keeping, so that two windows never write over each other. Once saved or put away it is emptied.
    """

    revision = models.PositiveIntegerField(default=1)
    saved_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True)
    is_beside = models.BooleanField(
        default=False, help_text="begun while another window wrote other words for the same"
    )

    class Meta:
        abstract = True


class InsightDraft(Draft):
    """An insight being written, or newer words for one. `after`: the version these began from."""

    insight = models.ForeignKey(Insight, null=True, on_delete=models.PROTECT, related_name="drafts")
    after = models.PositiveIntegerField(null=True)
    kind = models.CharField(max_length=12, choices=Insight.Kind, default=Insight.Kind.INSIGHT)
    text = models.TextField(blank=True)
    feeling = models.TextField(blank=True)
    to_say = models.TextField(blank=True)
    to_ask = models.TextField(blank=True)
    tags = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "insight"],
                condition=Q(closed_at__isnull=True, insight__isnull=False, is_beside=False),
                name="one_open_draft_an_insight",
            )
        ]


class NoteDraft(Draft):
    """A progress note being written, or the correction of one (`corrects`): no part of the record yet."""

    session = models.ForeignKey(CoupleSession, on_delete=models.PROTECT, related_name="note_drafts")
    corrects = models.ForeignKey(ProgressNote, null=True, on_delete=models.PROTECT, related_name="+")
    fields = models.JSONField(default=dict, help_text="what stands in each field of the form")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "author", "session", "corrects"],
                condition=Q(closed_at__isnull=True, is_beside=False),
                nulls_distinct=False,
                name="one_open_draft_a_note",
            )
        ]


class CycleMap(Private):
    """The couple's negative cycle as the therapist draws it with them: one version of the whole picture.

    `map`: what `integration/cycle.py` reads. Part of the therapist's record until it is shown.
    """

    session = models.ForeignKey(CoupleSession, null=True, on_delete=models.PROTECT, related_name="cycle_maps")
    number = models.PositiveIntegerField()
    map = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "couple", "number"], name="maps_are_numbered")
        ]


class CycleNode(Private):
    """One partner's side of the cycle, shown to that partner (`subject`) alone, before it is shown to both."""

    map = models.ForeignKey(CycleMap, on_delete=models.PROTECT, related_name="nodes_shown")
    node = models.JSONField()


class CycleShown(Private):
    """The cycle as both may see it, from now on."""

    map = models.ForeignKey(CycleMap, on_delete=models.PROTECT, related_name="shown")
    shown = models.JSONField()


class IndividualContact(Private):
    """What one partner (`subject`) said alone to the couples therapist, and the agreement in force when it was said."""

    agreement = models.ForeignKey(
        "bothwell.DisclosureAgreement", null=True, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField()
    minutes = models.PositiveSmallIntegerField(default=0)
    by_telephone = models.BooleanField(default=False)
    text = models.TextField()
    corrects = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="corrected_by")
    reason = models.CharField(max_length=300, blank=True)


class CoupleCheckin(Private):
    """One partner's (`author`) three lines about a week, for both to read."""

    week = models.DateField(help_text="its Monday")
    appreciated = models.CharField(max_length=500, blank=True)
    harder = models.CharField(max_length=500, blank=True)
    wish = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "couple", "author", "week"], name="one_checkin_a_week")
        ]


class CoupleAgreement(Private):
    """Something the two agree on, such as no big decisions for some days after a session; it holds once both said yes."""

    class Kind(models.TextChoices):
        NO_BIG_DECISIONS = "no_big_decisions", "no big decisions after a session"
        OTHER = "other", "something of our own"

    kind = models.CharField(max_length=20, choices=Kind)
    days = models.PositiveSmallIntegerField(null=True)
    words = models.CharField(max_length=500, blank=True)


class AgreementAnswer(Private):
    """One partner (`author`) says yes to an agreement, or ends it."""

    class Answer(models.TextChoices):
        YES = "yes", "agreed"
        END = "end", "ended"

    agreement = models.ForeignKey(CoupleAgreement, on_delete=models.PROTECT, related_name="answers")
    answer = models.CharField(max_length=4, choices=Answer)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "agreement", "author", "answer"], name="answered_once")
        ]


class SupportPlan(Private):
    """What goes on after the series: how often, until when, what was agreed. The newest version holds."""

    number = models.PositiveIntegerField()
    cadence = models.CharField(max_length=300)
    agreed = models.TextField(blank=True)
    if_it_returns = models.TextField(blank=True, help_text="what we do when a warning sign is there")
    review_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "couple", "number"], name="plans_are_numbered")
        ]


class WarningSign(Private):
    """A sign one partner (`author`) named, by which both will know that things slip."""

    words = models.CharField(max_length=300)
    until = models.DateTimeField(null=True)


class LaidAside(Private):
    """One of the two (`author`) lays something aside: an exercise that either chose, or a sign of their own.

    An act of its own, and no change of what is laid aside: so it can be unseen where its author is sheltered.
    """

    given = models.ForeignKey(ExerciseGiven, null=True, on_delete=models.PROTECT, related_name="laid_aside")
    sign = models.ForeignKey(WarningSign, null=True, on_delete=models.PROTECT, related_name="laid_aside")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="one_thing_is_laid_aside",
                condition=Q(given__isnull=True, sign__isnull=False)
                | Q(given__isnull=False, sign__isnull=True),
            ),
            models.UniqueConstraint(fields=["clinic", "author", "given"], name="laid_aside_once"),
            models.UniqueConstraint(fields=["clinic", "author", "sign"], name="sign_laid_aside_once"),
        ]


class PlanReview(Private):
    """A look back at the plan: going well, or slipping; what was decided."""

    class Kind(models.TextChoices):
        MAINTENANCE = "maintenance", "going on"
        RELAPSE = "relapse", "something slipped"

    kind = models.CharField(max_length=12, choices=Kind)
    on_day = models.DateField(default=timezone.localdate)
    words = models.TextField(blank=True)
    next_on = models.DateField(null=True)


class CarePlanItem(Private):
    """One part of a person's care among others: ketamine therapy is never the whole plan."""

    class Part(models.TextChoices):
        KETAMINE = "ketamine", "ketamine-assisted therapy"
        INDIVIDUAL = "individual", "individual therapy"
        COUPLES = "couples", "couples therapy"
        MEDICAL = "medical", "medical care and medicines"
        DAILY = "daily", "sleep, movement, daily life"
        PEOPLE = "people", "people and places that help"

    part = models.CharField(max_length=12, choices=Part)
    words = models.CharField(max_length=500)
    until = models.DateTimeField(null=True)
