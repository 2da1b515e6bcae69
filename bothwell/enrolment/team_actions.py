"""Who cares for a person or for a couple: places on a care team, given and ended, in the log of everyone concerned.

Nobody is placed without the role, or towards somebody they are close to. A place in the safety circle leaves no trace
outside it.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples import pairing
from bothwell.couples.models import OFFICE, Assignment, Couple, Membership, Person, Role
from bothwell.enrolment.roles_actions import need, roles_held
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.privacy.closeness_actions import kept_from, with_their_mates
from bothwell.refusal import Refused


@transaction.atomic
def assign(
    *, by: Person, staff: Person, role: Role, subject: Person | None = None, couple: Couple | None = None
) -> Assignment:
    """Put a colleague on the care team of one person or one couple, from now on.

    Assigning twice changes nothing.
    """
    partners = partners_of(couple.id) if couple else [subject.id] if subject else []
    post = pairing.Post(
        role=pairing.CareRole(role),
        is_for_couple=couple is not None,
        partners=frozenset(partners),
        is_parted=couple is not None and not couple.is_together,
    )
    who = pairing.Clinician(staff.id, roles_held(staff), _intimates_among(staff, partners))
    Refused.unless(pairing.may_assign(roles_held(by), who, post))
    place = {"staff": staff, "role": role, "subject": subject, "couple": couple}
    already = Assignment.objects.filter(until__isnull=True, **place).first()
    if already:
        return already
    assignment = Assignment(clinic_id=by.clinic_id, assigned_by=by, **place)
    try:
        with transaction.atomic():
            assignment.save(force_insert=True)
    except IntegrityError:
        return Assignment.objects.get(until__isnull=True, **place)
    log_assignment("assigned", by, assignment)
    tell("access", staff.id)
    return assignment


@transaction.atomic
def end_assignment(*, by: Person, assignment_id: UUID) -> None:
    """Take a colleague off a care team now; their open pages close. Ending twice changes nothing."""
    assignment = Assignment.objects.filter(id=assignment_id).first()
    if assignment is None:
        raise Refused("There is no such assignment here.")
    need(by, *((Role.LEAD,) if assignment.role == Role.SAFETY else OFFICE))
    if Assignment.objects.filter(id=assignment_id, until__isnull=True).update(until=timezone.now()):
        log_assignment("ended an assignment", by, assignment)
        tell("access", assignment.staff_id)


def log_assignment(action: str, by: Person, assignment: Assignment) -> None:
    """In the log of everyone it concerns; one to the safety circle is sealed: it leaves no trace outside."""
    couple, one = assignment.couple_id, assignment.subject_id
    for person in partners_of(couple) if couple else [one]:
        audit.log(
            action,
            by=by,
            subject=person,
            couple=couple,
            item_kind="care team",
            item_id=assignment.id,
            why=Role(assignment.role).label,
            sealed=assignment.role == Role.SAFETY,
        )


def partners_of(couple_id: UUID) -> list[UUID]:
    """The two who are or were this couple, as far as the viewer can see."""
    return list(Membership.objects.filter(couple=couple_id).values_list("person_id", flat=True))


def _intimates_among(staff: Person, partners: Collection[UUID]) -> frozenset[UUID]:
    """Those of `partners` whose chart no role opens to this colleague, as far as the viewer can see."""
    return (with_their_mates([staff.id]) - {staff.id} | kept_from(staff.id)) & frozenset(partners)
