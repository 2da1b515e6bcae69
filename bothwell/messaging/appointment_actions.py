"""Making, moving and cancelling appointments: the only writers of these rows.

The office makes them with anybody on the person's care team; a clinician makes their own. Nothing is removed.
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from bothwell.couples.models import Assignment, Membership, Person, Role, StaffRole, open_at
from bothwell.later import tell
from bothwell.messaging import booking
from bothwell.messaging.booking import Span
from bothwell.messaging.coming_actions import is_free_for
from bothwell.messaging.models import Appointment
from bothwell.messaging.threads import CARE_ROLES
from bothwell.privacy import audit
from bothwell.privacy.actions import kept_first
from bothwell.refusal import Refused, Stale

OFFICE = (Role.LEAD, Role.COORDINATOR)
KIND = "appointment"


def with_whom(by: Person, person: Person) -> list[Person]:
    """The staff `by` may make an appointment with for this person; nobody when it is not theirs to make."""
    if Membership.objects.filter(couple__memberships__person=person, person=by).exists():
        return []
    now = timezone.now()
    team = Assignment.objects.filter(open_at(now), subject=person, role__in=CARE_ROLES)
    staff = list(
        Person.objects.filter(id__in=team.values("staff_id"), clinic_id=by.clinic_id).order_by(
            "name_used", "id"
        )
    )
    if StaffRole.objects.filter(open_at(now), person=by, role__in=OFFICE).exists():
        return staff
    return [one for one in staff if one.id == by.id]


@transaction.atomic
def make(
    *,
    by: Person,
    person: Person,
    staff_id: UUID,
    kind: Appointment.Kind,
    at: datetime,
    minutes: int,
    place: str = "",
    is_video: bool = False,
    request_id: UUID,
) -> Appointment:
    """An appointment of one person with one member of staff. Posted twice with one `request_id`, it is made once."""
    key = uuid5(by.id, str(request_id))
    if kept := Appointment.objects.filter(id=key, subject=person).first():
        return kept
    staff = _staff(by, person, staff_id)
    _must_fit(person, staff, at, minutes, key)
    row = Appointment(
        id=key,
        clinic_id=by.clinic_id,
        subject=person,
        author=by,
        kind=kind,
        staff=staff,
        at=at,
        minutes=minutes,
        place=place.strip()[:80],
        is_video=is_video,
    )
    try:
        if not kept_first(row):
            return Appointment.objects.get(id=key)
    except (IntegrityError, ProgrammingError) as error:
        raise Refused("This was not kept. Open the page again, and make it from there.") from error
    _say("made an appointment", by, row)
    return row


def _staff(by: Person, person: Person, staff_id: UUID) -> Person:
    staff = next((one for one in with_whom(by, person) if one.id == staff_id), None)
    if staff is None:
        raise Refused("Choose somebody of their care team. A clinician makes appointments of their own.")
    return staff


def _must_fit(person: Person, staff: Person, at: datetime, minutes: int, but_not: UUID | None = None) -> None:
    """Raises Refused when the time will not do. Two who book at once wait for each other."""
    Refused.unless(booking.check(at, minutes, timezone.now()))
    with connection.cursor() as cursor:
        for who in sorted({str(person.id), str(staff.id)}):
            cursor.execute(
                "select pg_advisory_xact_lock(hashtextextended('appointments of ' || %s, 0))", [who]
            )
    person_is_free, staff_is_free = is_free_for(Span.of(at, minutes), person, staff, but_not)
    if not person_is_free:
        raise Refused("They have something else at that time. Choose another.")
    if not staff_is_free:
        raise Refused("The colleague has something else at that time. Choose another.")


def _theirs(by: Person, appointment_id: UUID) -> Appointment:
    row = Appointment.objects.select_related("subject", "staff").filter(id=appointment_id).first()
    if row is None or row.subject is None:
        raise Refused("There is no such appointment.")
    if (
        by.id != row.staff_id
        and not StaffRole.objects.filter(open_at(timezone.now()), person=by, role__in=OFFICE).exists()
    ):
        raise Refused("Only the office, or who it is with, can change this appointment.")
    return row


def may_change(by: Person, row: Appointment) -> bool:
    """Whether `by` may move or cancel it: it is theirs, or they are the office."""
    try:
        _theirs(by, row.id)
    except Refused:
        return False
    return row.state == Appointment.State.PLANNED and row.at > timezone.now()


@transaction.atomic
def move(
    *, by: Person, appointment_id: UUID, at: datetime, minutes: int, place: str, is_video: bool
) -> Appointment:
    """Another time or place. The same again changes nothing."""
    row = _theirs(by, appointment_id)
    new = {"at": at, "minutes": minutes, "place": place.strip()[:80], "is_video": is_video}
    if {name: getattr(row, name) for name in new} == new:
        return row
    assert row.subject is not None
    _must_fit(row.subject, row.staff, at, minutes, row.id)
    _set(row, **new)
    _say("moved an appointment", by, row)
    row.refresh_from_db()
    return row


@transaction.atomic
def cancel(*, by: Person, appointment_id: UUID) -> None:
    """Take it off the calendar; it stays on the list as cancelled. Cancelling twice changes nothing."""
    row = _theirs(by, appointment_id)
    if row.state == Appointment.State.CANCELLED:
        return
    _set(row, state=Appointment.State.CANCELLED)
    _say("cancelled an appointment", by, row)


def _set(row: Appointment, **changes: Any) -> None:
    """Compare and set: only what is still planned, and as it was read, changes."""
    planned = Appointment.objects.filter(
        id=row.id, state=Appointment.State.PLANNED, at=row.at, at__gt=timezone.now()
    )
    if not planned.update(**changes):
        raise Stale("This appointment was changed meanwhile, or its time has come. Look at it again.")


def _say(action: str, by: Person, row: Appointment) -> None:
    audit.log(action, by=by, subject=row.subject_id, item_kind=KIND, item_id=row.id)
    for who in {row.subject_id, row.staff_id}:
        if who is not None:
            tell("person", who, of=by.id)
