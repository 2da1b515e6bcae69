"""Readings, alarms and the devices they came from. A reading is never overwritten; the bedside monitor stays primary."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from bothwell.couples.models import Person, Room, Row
from bothwell.dosing.models import DosingSession, SessionRow
from bothwell.monitoring import clocks, next_day
from bothwell.privacy.models import Private


class Device(Row):
    """A monitor known to the clinic by the identifier it sends."""

    identifier = models.CharField(max_length=80)
    name = models.CharField(max_length=80)
    room = models.ForeignKey(Room, null=True, on_delete=models.PROTECT, related_name="devices")
    is_retired = models.BooleanField(default=False)
    clock = models.JSONField(default=dict, help_text="how its clock stands to ours, as the feed remembers it")

    @property
    def clock_trouble(self) -> str:
        """What is wrong with its clock, in words; empty if nothing is known to be."""
        return clocks.trouble(clocks.from_json(self.clock))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "identifier"], name="one_device_an_identifier"),
            models.UniqueConstraint(
                fields=["identifier"], condition=Q(is_retired=False), name="a_device_stands_in_one_clinic"
            ),
        ]


class Binding(SessionRow):
    """A person confirmed: this monitor is on this patient. It ends with the session or by hand."""

    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="bindings")
    until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "device"],
                condition=Q(until__isnull=True),
                name="a_device_is_on_one_patient",
                violation_error_message="This monitor is bound to another session. End that first.",
            ),
            models.UniqueConstraint(
                fields=["clinic", "session"],
                condition=Q(until__isnull=True),
                name="a_session_has_one_monitor",
            ),
        ]


class Sample(Private):
    """One value of one quantity: from a device, or entered by a person (`author`).

    In the database its rows lie in months, under keys and indexes of their own: docs/decisions/0008-readings-by-month.md.
    """

    session = models.ForeignKey(DosingSession, on_delete=models.PROTECT, related_name="+")
    request_id = models.UUIDField(null=True)
    device = models.ForeignKey(Device, null=True, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=24)
    source = models.CharField(
        max_length=100, blank=True, default="", db_default="", help_text="the monitor's own code and place"
    )
    value = models.DecimalField(max_digits=8, decimal_places=2)
    unit = models.CharField(max_length=16)
    observed_at = models.DateTimeField()
    detail = models.JSONField(default=dict, help_text="body site, wanted or unwanted, cuff")
    is_artefact = models.BooleanField(default=False)
    corrects = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="corrected_by")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "device", "code", "source", "observed_at"],
                condition=Q(device__isnull=False, corrects__isnull=True),
                name="a_device_says_a_thing_once",
            ),
            models.UniqueConstraint(
                fields=["clinic", "session", "request_id", "code"],
                condition=Q(request_id__isnull=False),
                name="one_sample_a_post",
            ),
            models.CheckConstraint(
                name="from_a_device_or_a_person",
                condition=Q(device__isnull=False, author__isnull=True)
                | Q(device__isnull=True, author__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["session", "code", "observed_at"])]


class Note(SessionRow):
    """A sentence on the flowsheet at a time."""

    at = models.DateTimeField(default=timezone.now)
    text = models.TextField()


class Channel(Private):
    """Where the alarm fold of one quantity in one session stands. Rewritten by the feed; alarms are the record."""

    session = models.ForeignKey(DosingSession, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=24)
    state = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "session", "code"], name="one_channel_a_quantity")
        ]


class Alarm(Private):
    """A limit crossed or a signal lost. What became of it follows as rows of `AlarmEvent`."""

    session = models.ForeignKey(DosingSession, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=24)
    number = models.PositiveIntegerField(help_text="counts up within the channel")
    priority = models.CharField(max_length=10)
    text = models.CharField(max_length=200)
    raised_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "session", "code", "number"], name="alarms_are_numbered"
            )
        ]


class AlarmEvent(Private):
    """What became of an alarm: acknowledged by somebody, over, escalated (once a level)."""

    class Kind(models.TextChoices):
        ACKNOWLEDGED = "acknowledged"
        OVER = "over"
        ESCALATED = "escalated"

    alarm = models.ForeignKey(Alarm, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind)
    level = models.PositiveSmallIntegerField(default=0, help_text="how far it was passed on; 0 for the rest")
    at = models.DateTimeField()
    to = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "alarm", "kind", "level"], name="each_event_once")
        ]


class AlarmSetting(SessionRow):
    """Somebody paused the alarms of one quantity for a moment, turned them off, or on again. It never changes."""

    class What(models.TextChoices):
        PAUSE = "pause", "paused"
        OFF = "off", "off"
        ON = "on", "on again"

    code = models.CharField(max_length=24)
    what = models.CharField(max_length=8, choices=What)
    at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "session", "request_id"], name="one_setting_a_post"),
            models.CheckConstraint(
                name="a_pause_ends_within_two_minutes",
                condition=(
                    Q(what="pause", until__gt=F("at"), until__lte=F("at") + timedelta(minutes=2))
                    | (~Q(what="pause") & Q(until__isnull=True))
                ),
            ),
            models.CheckConstraint(name="off_has_a_reason", condition=~Q(what="off") | ~Q(reason="")),
        ]


class PushAddress(Row):
    """A browser in which a member of staff asked to be called when an alarm waits. What is sent says nothing."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    endpoint = models.URLField(max_length=800)
    public_key = models.CharField(max_length=200)
    secret = models.CharField(max_length=80)
    created_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "endpoint"], condition=Q(ended_at__isnull=True), name="one_push_a_browser"
            )
        ]


class AdverseEvent(SessionRow):
    """A term and a grade chosen by a person, with action, outcome and follow-up; what is learnt later is a new row."""

    class Outcome(models.TextChoices):
        RESOLVED = "resolved", "resolved"
        RESOLVING = "resolving", "getting better"
        ONGOING = "ongoing", "not resolved"
        SEQUELAE = "sequelae", "resolved, something remained"
        FATAL = "fatal", "death"
        UNKNOWN = "unknown", "not known"

    class Knows(models.TextChoices):
        TOLD = "told", "told"
        SAW = "saw", "saw it"
        NOT_YET = "not_yet", "not told yet"

    term = models.CharField(max_length=80)
    code = models.CharField(
        max_length=40, blank=True, help_text="of the list of terms; none for one's own words"
    )
    grading = models.CharField(max_length=16, default="ctcae-5", help_text="the list, or generic grades")
    grade = models.PositiveSmallIntegerField()
    wanted = models.BooleanField(null=True, help_text="for dissociation: wanted or unwanted")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    is_serious = models.BooleanField(default=False)
    serious_because = models.CharField(max_length=120, blank=True)
    prescriber_knows = models.CharField(max_length=8, blank=True, default="", choices=Knows)
    prescriber_told = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="+", help_text="which prescriber was told"
    )
    prescriber_told_at = models.DateTimeField(null=True)
    action_taken = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=120, blank=True, choices=Outcome)
    follow_up_on = models.DateField(null=True)
    follow_up = models.CharField(max_length=300, blank=True, help_text="what is to be done on that day")
    note = models.CharField(max_length=600, blank=True)
    revises = models.OneToOneField("self", null=True, on_delete=models.PROTECT, related_name="revised_by")
    reason = models.CharField(max_length=300, blank=True, help_text="why it was revised")

    class Meta:
        constraints = [
            models.CheckConstraint(name="grades_run_from_1_to_5", condition=Q(grade__gte=1, grade__lte=5)),
            models.CheckConstraint(
                name="a_revision_says_why", condition=Q(revises__isnull=True) | ~Q(reason="")
            ),
            models.CheckConstraint(
                name="serious_says_why", condition=Q(is_serious=False) | ~Q(serious_because="")
            ),
            models.CheckConstraint(
                name="ends_after_it_began",
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=F("began_at")),
            ),
            models.UniqueConstraint(fields=["clinic", "session", "request_id"], name="one_event_a_post"),
            models.CheckConstraint(
                name="told_is_whom_and_when",
                condition=Q(
                    prescriber_knows="told", prescriber_told__isnull=False, prescriber_told_at__isnull=False
                )
                | (
                    ~Q(prescriber_knows="told")
                    & Q(prescriber_told__isnull=True, prescriber_told_at__isnull=True)
                ),
            ),
        ]


class NextDayCall(SessionRow):
    """Somebody rang the day after a session: reached or not, what was asked and said, when to try again."""

    at = models.DateTimeField()
    was_reached = models.BooleanField()
    answers = models.JSONField(default=dict)
    note = models.TextField(blank=True)
    next_at = models.DateTimeField(null=True, help_text="when to ring again")
    is_closed = models.BooleanField(default=False, help_text="reached, or given up with a reason")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "session", "request_id"], name="one_call_a_post"),
            models.CheckConstraint(
                name="reached_or_given_up_with_a_reason",
                condition=Q(is_closed=False) | Q(was_reached=True) | ~Q(note=""),
            ),
        ]

    @property
    def told(self) -> dict[str, str]:
        """The answers, with that about thoughts of not living where whoever looks may read it.

        Fetch calls with `select_related("thoughts")`: else each asks for itself.
        """
        apart = getattr(self, "thoughts", None)
        kept: dict[str, str] = self.answers
        return {**kept, next_day.THOUGHTS: apart.answer} if apart else dict(kept)


class NextDayThoughts(SessionRow):
    """What was answered about thoughts of not living, apart from the call it was told in: fewer may read it."""

    call = models.OneToOneField(NextDayCall, on_delete=models.PROTECT, related_name="thoughts")
    answer = models.CharField(max_length=16)


class ProgrammeForm(SessionRow):
    """The form a drug's safety programme asks for after a session: each saving is a row, the newest counts."""

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        SIGNED = "signed", "signed"
        SENT = "sent", "sent by the clinic"

    form = models.CharField(max_length=40, help_text="which form, in which version")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State)
    answers = models.JSONField(default=dict)
    signed_name = models.CharField(max_length=120, blank=True)
    sent_at = models.DateTimeField(null=True)
    sent_how = models.CharField(max_length=300, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="why a signed form was opened again")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "session", "number"], name="one_state_a_number"),
            models.UniqueConstraint(fields=["clinic", "session", "request_id"], name="one_form_a_post"),
            models.CheckConstraint(name="signed_by_name", condition=Q(state="draft") | ~Q(signed_name="")),
            models.CheckConstraint(
                name="sent_at_a_time",
                condition=~Q(state="sent") | (Q(sent_at__isnull=False) & ~Q(sent_how="")),
            ),
        ]
