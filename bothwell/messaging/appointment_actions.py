"""Making, moving and cancelling appointments: the only writers of these rows.

The office makes them with anybody on the person's care team; a clinician makes their own. Nothing is removed.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from bothwell.couples.models import OFFICE, Assignment, Membership, Person, StaffRole, open_at
from bothwell.integration.standing import mark
from bothwell.later import tell
from bothwell.messaging import booking
from bothwell.messaging.models import Appointment
from bothwell.messaging.threads import CARE_ROLES
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.refusal import Refused, Stale
from bothwell.turns import one_after_another

KIND = "appointment"
VISIT: Final = timedelta(minutes=booking.VISIT_MINUTES)
CHANGED = "Somebody changed it since you looked. See how it stands now; then say once more what you want."


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
    said: dict[str, Any] = {
        "subject": person, "staff_id": staff_id, "kind": kind,
        "at": at, "minutes": minutes, "place": place.strip()[:80], "is_video": is_video,
    }  # fmt: skip
    if kept := sent_before(Appointment, key, by, **said):
        return kept
    staff = _staff(by, person, staff_id)
    _must_fit(person, staff, at, minutes, key, "" if is_video else place.strip())
    row = Appointment(
        id=key,
        clinic_id=by.clinic_id,
        author=by,
        **said,
    )
    try:
        if not kept_first(row, **said):
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


def _must_fit(person: Person, staff: Person, at: datetime, minutes: int, but_not: UUID, room: str) -> None:
    """Raises Refused when the time will not do, or the room, where `room` names one. Two who book at once wait for each
    other.
    """
    Refused.unless(booking.check(at, minutes, timezone.now()))
    one_after_another(f"appointments of {person.id}", f"appointments of {staff.id}")
    if room:
        one_after_another(f"the room {room.lower()}")
    with connection.cursor() as cursor:
        when = (at, at + timedelta(minutes=minutes), VISIT, but_not)
        taken = [
            words
            for asked, what, words in (
                ("is_taken", person.id, "They have something else at that time. Choose another."),
                ("is_taken", staff.id, "The colleague has something else at that time. Choose another."),
                ("place_is_taken", room, "Somebody else has that room at that time. Choose another."),
            )
            if what and _asked(cursor, asked, what, *when)
        ]
    if taken:
        raise Refused(taken[0])


def _asked(cursor: Any, question: str, *about: object) -> bool:
    """Yes or no, from the whole calendar; of what is in the way, the database says nothing."""
    cursor.execute(f"select door.{question}(%s, %s, %s, %s, %s)", about)
    (is_so,) = cursor.fetchone()
    return bool(is_so)


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


def as_seen(row: Appointment) -> str:
    """How an appointment stands, in one word: another as soon as its time, length, place or way is another."""
    return mark(row.at, row.minutes, row.place, row.is_video)


def _must_be_as_seen(row: Appointment, was: str | None) -> None:
    """Raises Stale when it was changed since somebody looked at it, so that nothing newer is undone unseen."""
    if was is not None and was != as_seen(row):
        raise Stale(CHANGED)


@transaction.atomic
def move(
    *,
    by: Person,
    appointment_id: UUID,
    at: datetime,
    minutes: int,
    place: str,
    is_video: bool,
    was: str | None = None,
) -> Appointment:
    """Another time or place. The same again changes nothing.

    `was`: how it stood when it was looked at (`as_seen`). Raises Stale when it was changed since.
    """
    row = _theirs(by, appointment_id)
    new = {"at": at, "minutes": minutes, "place": place.strip()[:80], "is_video": is_video}
    if {name: getattr(row, name) for name in new} == new:
        return row
    _must_be_as_seen(row, was)
    assert row.subject is not None
    _must_fit(row.subject, row.staff, at, minutes, row.id, "" if is_video else place.strip())
    _set(row, **new)
    _say("moved an appointment", by, row)
    row.refresh_from_db()
    return row


@transaction.atomic
def cancel(*, by: Person, appointment_id: UUID, was: str | None = None) -> None:
    """Take it off the calendar; it stays on the list as cancelled. Cancelling twice changes nothing.

    `was` as for moving it.
    """
    row = _theirs(by, appointment_id)
    if row.state == Appointment.State.CANCELLED:
        return
    _must_be_as_seen(row, was)
    _set(row, state=Appointment.State.CANCELLED)
    _say("cancelled an appointment", by, row)


def _set(row: Appointment, **changes: Any) -> None:
    """Compare and set: only what is still planned, and as it was read, changes."""
    as_read = {name: getattr(row, name) for name in ("at", "minutes", "place", "is_video")}
    planned = Appointment.objects.filter(
        id=row.id, state=Appointment.State.PLANNED, at__gt=timezone.now(), **as_read
    )
    if not planned.update(**changes):
        raise Stale("This appointment was changed meanwhile, or its time has come. Look at it again.")


def _say(action: str, by: Person, row: Appointment) -> None:
    audit.log(action, by=by, subject=row.subject_id, item_kind=KIND, item_id=row.id)
    for who in {row.subject_id, row.staff_id}:
        if who is not None:
            tell("person", who, of=by.id)
