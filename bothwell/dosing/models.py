"""Orders, dosing sessions, what was given and how a session ended. The database refuses two partners at once."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from bothwell.couples.models import Couple, Person, Room, Row
from bothwell.pathway.models import Course
from bothwell.privacy.models import Private


class Order(Private):
    """A prescriber's order for one session: route, dose, product, and the working."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="orders")
    route = models.CharField(max_length=8)
    dose_mg = models.DecimalField(max_digits=7, decimal_places=2)
    weight_kg = models.DecimalField(max_digits=5, decimal_places=1)
    minutes = models.PositiveSmallIntegerField(null=True, help_text="duration of an infusion")
    product = models.CharField(max_length=120)
    concentration_mg_per_ml = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    antiemetic = models.CharField(max_length=120, blank=True)
    out_of_range_reason = models.TextField(blank=True)
    second_signature = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")


class DosingSession(Row):
    """One visit of one person: from arrival to signed discharge. Only its times lie here."""

    subject = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    couple = models.ForeignKey(Couple, null=True, on_delete=models.PROTECT, related_name="+")
    author = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="sessions")
    order = models.ForeignKey(Order, null=True, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()
    room = models.ForeignKey(Room, null=True, on_delete=models.PROTECT, related_name="+")
    scheduled_at = models.DateTimeField()
    arrived_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True, help_text="the first administered dose")
    ended_at = models.DateTimeField(null=True, help_text="signed discharge, or turned back before a dose")
    outcome = models.CharField(
        max_length=16, blank=True, help_text="discharged, turned_back, left_early, cancelled"
    )
    presence = models.GeneratedField(
        expression=Func(F("arrived_at"), F("ended_at"), function="tstzrange"),
        output_field=DateTimeRangeField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="never_both_partners_at_once",
                expressions=[("couple", RangeOperators.EQUAL), ("presence", RangeOperators.OVERLAPS)],
                condition=Q(arrived_at__isnull=False, couple__isnull=False),
                violation_error_message="Another session in this couple's care is open. It must be signed off first.",
            ),
            ExclusionConstraint(
                name="one_session_a_person_at_a_time",
                expressions=[("subject", RangeOperators.EQUAL), ("presence", RangeOperators.OVERLAPS)],
                condition=Q(arrived_at__isnull=False),
            ),
            ExclusionConstraint(
                name="one_session_a_room_at_a_time",
                expressions=[("room", RangeOperators.EQUAL), ("presence", RangeOperators.OVERLAPS)],
                condition=Q(arrived_at__isnull=False, room__isnull=False),
                violation_error_message="This room is taken.",
            ),
            models.CheckConstraint(
                name="arrive_then_start_then_end",
                condition=(Q(started_at__isnull=True) | Q(started_at__gte=F("arrived_at")))
                & (Q(ended_at__isnull=True) | Q(arrived_at__isnull=True) | Q(ended_at__gt=F("arrived_at"))),
            ),
        ]
        indexes = [
            models.Index(fields=["subject", "scheduled_at"]),
            models.Index(fields=["couple", "scheduled_at"]),
        ]


class SessionRow(Private):
    """A row of one session's flowsheet."""

    session = models.ForeignKey(DosingSession, on_delete=models.PROTECT, related_name="+")
    request_id = models.UUIDField(null=True, help_text="made by the browser: a retried post changes nothing")

    class Meta:
        abstract = True


class GateCheck(SessionRow):
    """One item of the checklist before a dose, answered by a person: consent, escort, fasting, antiemetic."""

    name = models.CharField(max_length=40)
    value = models.JSONField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["session", "name", "-recorded_at"])]


class Administration(SessionRow):
    """Something given, begun, paused or stopped, at a time."""

    class Event(models.TextChoices):
        START = "start", "infusion started"
        PAUSE = "pause", "infusion paused"
        RESUME = "resume", "infusion resumed"
        STOP = "stop", "infusion stopped"
        GIVEN = "given", "given"

    event = models.CharField(max_length=8, choices=Event)
    substance = models.CharField(max_length=120)
    dose_mg = models.DecimalField(max_digits=7, decimal_places=2, null=True)
    route = models.CharField(max_length=8, blank=True)
    at = models.DateTimeField()
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "session", "request_id"], name="one_administration_a_post"
            )
        ]


class Discharge(SessionRow):
    """The signed end: every criterion as it stood, and who signed."""

    outcome = models.CharField(max_length=16)
    criteria = models.JSONField()
    reason = models.TextField(blank=True, help_text="for leaving early or turning back")
    signed_name = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "session"], name="one_discharge_a_session")]


class SessionSummary(SessionRow):
    """How it went, in a few sentences for the care team and the person."""

    text = models.TextField()
