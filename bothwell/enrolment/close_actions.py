"""Saying that a colleague is, or is close to, somebody in care here, so that no role shows them that record.

It is said by the lead or the coordinator and ended by them, never removed. The colleague it names is not shown it.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from bothwell.couples.models import OFFICE, Assignment, Membership, Person, Role, StaffRole, open_at
from bothwell.enrolment.roles_actions import need
from bothwell.enrolment.team_actions import log_assignment
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.privacy.closeness_actions import not_to_be_called, with_their_mates
from bothwell.privacy.models import CloseTo
from bothwell.refusal import Refused

KIND = "close_to"


@dataclass(frozen=True, slots=True)
class Said:
    """What followed from saying it: places on care teams that are free now, as far as one may know of them, and whether
    a lead is left to whom a task about this person can be passed on.
    """

    freed: tuple[Assignment, ...]
    has_a_lead: bool


@transaction.atomic
def say_close(*, by: Person, staff: Person, person: Person, how: CloseTo.How) -> Said:
    """From now on no role shows `staff` the record of `person`, or of whoever that is or was a couple with.

    Their places on those care teams end, and their open pages close. Saying it twice changes nothing.
    """
    need(by, *OFFICE)
    if not staff.is_staff_member or staff.clinic_id != by.clinic_id:
        raise Refused("Choose a colleague of this clinic.")
    if staff.id == person.id:
        raise Refused(
            "Nobody needs to be kept from their own record by this: their role opens none of it already."
        )
    freed = tuple(_places(staff, person))
    left = _leads() - {staff.id} - not_to_be_called(person.id)
    row = CloseTo(clinic_id=by.clinic_id, subject=person, author=by, staff=staff, how=how)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return Said((), bool(left))
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("You cannot say this of them. Ask the clinic lead, or the coordinator.") from error
    audit.log("said who is close", by=by, subject=person, item_kind=KIND, item_id=row.id)
    for place in freed:
        log_assignment("ended an assignment", by, place)
    tell("access", staff.id)
    return Said(freed, bool(left))


def _places(staff: Person, person: Person) -> QuerySet[Assignment]:
    """What this colleague holds towards them now; the database ends it with the insert, what one may not see as well."""
    theirs = with_their_mates([person.id])
    couples = Membership.objects.filter(person_id__in=theirs).values("couple_id")
    about = Q(subject_id__in=theirs) | Q(couple_id__in=couples)
    return Assignment.objects.filter(open_at(timezone.now()), about, staff=staff).select_related("subject")


def _leads() -> frozenset[UUID]:
    held = StaffRole.objects.filter(open_at(timezone.now()), role=Role.LEAD)
    return frozenset(held.values_list("person_id", flat=True))


@transaction.atomic
def end_close(*, by: Person, said_id: UUID) -> None:
    """It holds no more; whoever should care for the person again is assigned anew. Ending twice changes nothing."""
    need(by, *OFFICE)
    row = CloseTo.objects.filter(id=said_id).first()
    if row is None:
        raise Refused("There is no such entry here.")
    if CloseTo.objects.filter(id=said_id, until__isnull=True).update(until=timezone.now()):
        audit.log("ended who is close", by=by, subject=row.subject_id, item_kind=KIND, item_id=row.id)
        tell("access", row.staff_id)


def close_to(**about: Person) -> list[CloseTo]:
    """What holds now of one `staff`, or of one `subject`, as far as whoever looks may know."""
    rows = CloseTo.objects.filter(until__isnull=True, **about).select_related("staff", "subject", "author")
    return list(rows.order_by("recorded_at", "id"))
