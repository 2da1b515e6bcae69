"""Readings, alarms and the devices they came from. A reading is never overwritten; the bedside monitor stays primary."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Person, Room, Row
from bothwell.dosing.models import DosingSession, SessionRow
from bothwell.monitoring import clocks
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
    """One value of one quantity: from a device, or entered by a person (`author`)."""

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
    """What became of an alarm: acknowledged by somebody, over, escalated."""

    class Kind(models.TextChoices):
        ACKNOWLEDGED = "acknowledged"
        OVER = "over"
        ESCALATED = "escalated"

    alarm = models.ForeignKey(Alarm, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind)
    at = models.DateTimeField()
    to = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "alarm", "kind"], name="each_event_once")]


class AdverseEvent(SessionRow):
    """A term and a grade chosen by a person, with action, outcome and follow-up."""

    term = models.CharField(max_length=80)
    grade = models.PositiveSmallIntegerField()
    wanted = models.BooleanField(null=True, help_text="for dissociation: wanted or unwanted")
    began_at = models.DateTimeField()
    action_taken = models.CharField(max_length=300, blank=True)
    outcome = models.CharField(max_length=120, blank=True)
    follow_up_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="grades_run_from_1_to_5", condition=Q(grade__gte=1, grade__lte=5))
        ]
