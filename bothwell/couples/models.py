"""Who they are to each other, and who cares for them: clinic, people, couples, assignments.

Nothing here says who may see a row; that stands in `privacy/circles.py` and `privacy/policies.sql`.
"""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from uuid_utils.compat import uuid7


def new_id() -> uuid.UUID:
    """A version-7 UUID: ordered by time, unguessable, made here so that INSERT needs no RETURNING."""
    return uuid7()


class Row(models.Model):
    """What every table has: a random key made by us and the clinic it belongs to."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    clinic = models.ForeignKey("bothwell.Clinic", on_delete=models.PROTECT, related_name="+")

    class Meta:
        abstract = True


class Clinic(models.Model):
    """One practice: the wall between it and every other clinic in the same database."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC")
    country = models.CharField(max_length=2, default="US")
    is_demo = models.BooleanField(default=False)
    crisis_lines = models.JSONField(default=list, help_text="[{label, number, href}], shown to every partner")
    ambient_pressure_mmhg = models.PositiveSmallIntegerField(
        null=True, help_text="of the air here: turns carbon dioxide told in per cent into a pressure"
    )
    video_link = models.CharField(
        max_length=300,
        blank=True,
        help_text="the clinic's own video provider; {room} stands for a name nobody can guess",
    )
    set_up_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class PersonKind(models.TextChoices):
    PARTNER = "partner", "partner"
    STAFF = "staff", "staff"


class Person(Row):
    """A partner or a member of staff, by the name they use; everything else about them lies elsewhere."""

    kind = models.CharField(max_length=8, choices=PersonKind)
    name_used = models.CharField(max_length=120)
    pronouns = models.CharField(max_length=40, blank=True)
    title = models.CharField(max_length=80, blank=True, help_text="for staff: MD, RN, LMFT")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return self.name_used

    @property
    def signs_as(self) -> str:
        return f"{self.name_used}, {self.title}" if self.title else self.name_used

    @property
    def is_staff_member(self) -> bool:
        return self.kind == PersonKind.STAFF


class Contact(Row):
    """How a partner may safely be reached, their full name and date of birth."""

    subject = models.OneToOneField(Person, on_delete=models.PROTECT, related_name="contact")
    full_name = models.CharField(max_length=200, blank=True)
    born_on = models.DateField(null=True, blank=True)
    safe_email = models.EmailField(blank=True)
    safe_phone = models.CharField(max_length=40, blank=True)
    may_leave_message = models.BooleanField(default=False)
    call_me = models.CharField(max_length=120, blank=True, help_text="the name to use on the telephone")
    wants_reminders = models.BooleanField(default=True, help_text="neutral mails to the safe address")
    changed_at = models.DateTimeField(default=timezone.now)


class Role(models.TextChoices):
    """What a member of staff may be, to a patient, to a couple, or in the clinic."""

    PRESCRIBER = "prescriber", "prescriber"
    NURSE = "nurse", "nurse"
    INDIVIDUAL_THERAPIST = "individual_therapist", "individual therapist"
    COUPLES_THERAPIST = "couples_therapist", "couples therapist"
    SAFETY = "safety", "safety circle"
    LEAD = "lead", "clinic lead"
    COORDINATOR = "coordinator", "coordinator"
    RESEARCHER = "researcher", "researcher"


OFFICE = frozenset({Role.LEAD, Role.COORDINATOR})
"""Who runs the clinic: enrols people, keeps its contacts, appointments and rooms."""


class StaffRole(Row):
    """What a member of staff is qualified to be here, over time."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="staff_roles")
    role = models.CharField(max_length=24, choices=Role)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "person", "role"],
                condition=Q(until__isnull=True),
                name="one_open_staff_role",
                violation_error_message="This person has this role already.",
            )
        ]


class Credential(Row):
    """A qualification on file: licence, ketamine-assisted therapy, couples therapy."""

    class Kind(models.TextChoices):
        LICENCE = "licence", "licence to practise"
        KETAMINE = "ketamine", "ketamine-assisted therapy"
        COUPLES = "couples", "couples therapy"

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="credentials")
    kind = models.CharField(max_length=12, choices=Kind)
    reference = models.CharField(max_length=120, help_text="number, course or certificate")
    expires_on = models.DateField(null=True, blank=True)
    filed_by = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    filed_at = models.DateTimeField(default=timezone.now)


class Couple(Row):
    """Two partners in care together, until they part. Exactly two: the database counts at commit."""

    formed_at = models.DateTimeField(default=timezone.now)
    parted_at = models.DateTimeField(null=True, blank=True)
    distinguished_by = models.CharField(
        max_length=80,
        blank=True,
        help_text="only if the couple says so; empty means the two are interchangeable",
    )

    @property
    def is_together(self) -> bool:
        return self.parted_at is None


class Side(models.TextChoices):
    """A place in the record, not a rank."""

    A = "a", "A"
    B = "b", "B"


class Membership(Row):
    """One partner in one couple."""

    couple = models.ForeignKey(Couple, on_delete=models.PROTECT, related_name="memberships")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="memberships")
    side = models.CharField(max_length=1, choices=Side)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic", "couple", "side"], name="one_partner_a_side"),
            models.UniqueConstraint(
                fields=["clinic", "couple", "person"], name="nobody_is_their_own_partner"
            ),
            models.UniqueConstraint(
                fields=["clinic", "person"],
                condition=Q(until__isnull=True),
                name="one_couple_at_a_time",
                violation_error_message="This person already belongs to a couple in care here.",
            ),
        ]


class Assignment(Row):
    """A clinician on the care team of one person, or of one couple, for a time."""

    staff = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="assignments")
    role = models.CharField(max_length=24, choices=Role)
    subject = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="care_team")
    couple = models.ForeignKey(Couple, null=True, on_delete=models.PROTECT, related_name="care_team")
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)
    assigned_by = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="couples_therapist_for_couples_the_rest_for_people",
                condition=Q(role=Role.COUPLES_THERAPIST, couple__isnull=False, subject__isnull=True)
                | (
                    Q(role__in=[Role.PRESCRIBER, Role.NURSE, Role.INDIVIDUAL_THERAPIST, Role.SAFETY])
                    & Q(couple__isnull=True, subject__isnull=False)
                ),
            ),
            models.CheckConstraint(name="nobody_cares_for_themselves", condition=~Q(staff=F("subject"))),
            models.CheckConstraint(
                name="assignment_ends_after_it_began",
                condition=Q(until__isnull=True) | Q(until__gte=F("since")),
            ),
            models.UniqueConstraint(
                fields=["clinic", "staff", "role", "subject"],
                condition=Q(until__isnull=True, subject__isnull=False),
                name="one_open_assignment_to_a_person",
            ),
            models.UniqueConstraint(
                fields=["clinic", "staff", "role", "couple"],
                condition=Q(until__isnull=True, couple__isnull=False),
                name="one_open_assignment_to_a_couple",
            ),
        ]


class Room(Row):
    """A treatment room; one dosing session at a time is in it."""

    name = models.CharField(max_length=40)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "name"], name="one_room_of_a_name")]

    def __str__(self) -> str:
        return self.name


def open_at(now: datetime) -> Q:
    """Rows with `since` and `until` that hold at this moment."""
    return Q(since__lte=now) & (Q(until__isnull=True) | Q(until__gt=now))
