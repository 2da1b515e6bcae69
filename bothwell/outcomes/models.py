"""What was asked of the couples' answers and what came of it: counts and estimates, never anybody's answer.

Who entered a result is kept apart (`AnalysisUse`), for the next one to be held against it; nobody looks at that.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Person, Row


class Analysis(Row):
    """One question, in the words and by the hand of whoever asked it. Its key is that of the form that asked it."""

    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=timezone.now)
    question = models.JSONField(help_text="asking.Question")

    class Meta:
        indexes = [models.Index(fields=["clinic", "-recorded_at"])]


class AnalysisRun(Row):
    """One time the question was put to the answers there were; what came of it is never changed."""

    class State(models.TextChoices):
        WAITING = "waiting", "waits for its turn"
        RUNNING = "running", "is being reckoned"
        DONE = "done", "done"
        UNFIT = "unfit", "cannot be answered"

    class End(models.TextChoices):
        """Why there is no answer. What was known before anything was read told nothing; the others may have."""

        FEW = "few", "fewer than five could have entered: no answer was read"
        CHANGED = "changed", "what may be used changed meanwhile"
        UNFIT = "unfit", "what was asked does not fit what was answered"
        LOST = "lost", "it broke"

    analysis = models.ForeignKey(Analysis, on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField()
    author = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    progress = models.PositiveSmallIntegerField(default=0, help_text="of a hundred")
    done_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True, help_text="what may be shown, and nothing else")
    reason = models.CharField(max_length=300, blank=True, help_text="why it cannot be answered")
    ended = models.CharField(max_length=8, choices=End, blank=True, help_text="why it was not answered")
    data_hash = models.CharField(
        max_length=64, blank=True, help_text="keyed: it tells only whether data are the same"
    )
    code_version = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "analysis", "number"], name="runs_are_numbered"),
            models.CheckConstraint(
                name="a_result_when_done",
                condition=Q(state="done", result__isnull=False, done_at__isnull=False)
                | (~Q(state="done") & Q(result__isnull=True)),
            ),
            models.CheckConstraint(
                name="only_what_is_unanswered_ended_for_a_reason", condition=Q(ended="") | Q(state="unfit")
            ),
        ]


class AnalysisUse(Row):
    """Whose answers one part of a result used. Written and read by the job alone, to keep results apart."""

    run = models.ForeignKey(AnalysisRun, on_delete=models.PROTECT, related_name="uses")
    part = models.CharField(max_length=120, help_text="what the sums are of")
    used = models.JSONField(help_text="couple -> the answers that entered")
    kinds = models.CharField(
        max_length=60, blank=True, help_text="of which kinds they are, spaces between; empty: of any"
    )
    why = models.CharField(max_length=8)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "run", "part"], name="one_use_a_part")]
        indexes = [models.Index(fields=["clinic", "part"])]
