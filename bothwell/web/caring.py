"""Which clinician looks at whose record, and as what they care for that person.

Running the clinic is not caring: the coordinator finds nobody here, and nobody finds whoever they are a couple with.
"""

from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404

from bothwell.couples.models import Membership, Person, PersonKind
from bothwell.pathway import rights_actions, steps
from bothwell.web.asking import not_ones_own, require

WORKUP_ROLES = frozenset(steps.Role) - {steps.Role.COORDINATOR, steps.Role.PARTNER}


@dataclass(frozen=True)
class Care:
    """A clinician, the person they care for, that person's side if they are in a couple, and as what they care."""

    viewer: Person
    person: Person
    side: str
    roles: frozenset[steps.Role]


def cared_for(request: HttpRequest, person_id: UUID) -> Care:
    """Who is looking at whom, or 404 for everyone who is nothing to this person."""
    who = require(request)
    person = get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    not_ones_own(who, person=person.id)
    member = Membership.objects.filter(person=person, couple__parted_at__isnull=True).first()
    roles = rights_actions.roles_towards(who, person.id, member.couple_id if member else None) & WORKUP_ROLES
    if not roles:
        raise Http404
    return Care(who, person, member.side if member else "", roles)
