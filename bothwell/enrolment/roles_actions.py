"""What a colleague may be in this clinic: the roles held now, asked for before an act, given and ended by the lead.

A role opens nobody's chart by itself: that takes a place on a care team.
"""

from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples import pairing
from bothwell.couples.models import Assignment, Clinic, Person, Role, StaffRole, open_at
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

"""Who runs the clinic: its people and their teams, its rooms, what is asked of it."""


def roles_held(person: Person) -> frozenset[str]:
    """The roles a member of staff holds in the clinic now."""
    now = timezone.now()
    return frozenset(StaffRole.objects.filter(open_at(now), person=person).values_list("role", flat=True))


def need(by: Person, *roles: Role) -> None:
    """Raises Refused, with the roles by name, where `by` holds none of them."""
    if not roles_held(by) & {str(role) for role in roles}:
        names = " or ".join(f"the {Role(role).label}" for role in roles)
        raise Refused(f"Only {names} can do this.")


@transaction.atomic
def add_staff_role(*, by: Person, person: Person, role: Role) -> StaffRole:
    """A colleague is qualified for one more role, from now on."""
    need(by, Role.LEAD)
    Refused.unless(pairing.may_add_role(role, roles_held(person), is_staff=person.is_staff_member))
    row = StaffRole(clinic_id=by.clinic_id, person=person, role=role)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("This person has this role already.") from error
    audit.log("gave a role", by=by, subject=person, item_kind="role", item_id=row.id, why=Role(role).label)
    tell("access", person.id)
    return row


@transaction.atomic
def end_staff_role(*, by: Person, role_id: UUID) -> None:
    """A role ends now. Refused for the last lead, and while somebody is still cared for in it."""
    need(by, Role.LEAD)
    row = StaffRole.objects.select_related("person").filter(id=role_id).first()
    if row is None:
        raise Refused("There is no such role here.")
    now = timezone.now()
    # Two leads who end each other's role at the same moment must not leave the clinic without one.
    list(Clinic.objects.select_for_update(of=("self",)).filter(id=by.clinic_id).values_list("id"))
    leads = StaffRole.objects.filter(open_at(now), role=Role.LEAD).count()
    caring = Assignment.objects.filter(open_at(now), staff=row.person, role=row.role).count()
    Refused.unless(pairing.may_end_role(row.role, leads, caring))
    if StaffRole.objects.filter(id=role_id, until__isnull=True).update(until=now):
        audit.log(
            "ended a role",
            by=by,
            subject=row.person,
            item_kind="role",
            item_id=row.id,
            why=row.get_role_display(),
        )
        tell("access", row.person_id)
