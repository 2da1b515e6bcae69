"""Where each person can go: a few places, by what they are here."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils import timezone

from bothwell.couples.models import Assignment, Person, Role, StaffRole, open_at


@dataclass(frozen=True)
class Place:
    label: str
    href: str
    active: bool


PARTNER = (("Today", "/today"), ("My insights", "/insights"), ("Us", "/us"), ("Access", "/access"))
CARES = frozenset({Role.PRESCRIBER, Role.NURSE, Role.INDIVIDUAL_THERAPIST, Role.COUPLES_THERAPIST})
STAFF: tuple[tuple[str, str, frozenset[Role]], ...] = (
    ("Today", "/today", frozenset(Role)),
    ("Board", "/board", frozenset({Role.NURSE, Role.PRESCRIBER})),
    ("After", "/after", frozenset({Role.NURSE, Role.PRESCRIBER})),
    ("People", "/people", frozenset(Role) - {Role.RESEARCHER, Role.SAFETY}),
    ("Couples", "/couples", frozenset({Role.COUPLES_THERAPIST})),
    ("Messages", "/messages", CARES),
    ("Vials", "/vials", frozenset({Role.NURSE, Role.PRESCRIBER, Role.LEAD})),
    ("Outcomes", "/outcomes", frozenset({Role.LEAD, Role.RESEARCHER})),
    ("Clinic", "/clinic", frozenset({Role.LEAD})),
    ("Access", "/access", frozenset(Role)),
)


KNOWN_ROLES = "_roles_when_first_asked"


def roles_of(person: Person) -> frozenset[Role]:
    """The roles a member of staff holds now; asked once of a person that was read, so once a request of its viewer."""
    if (known := person.__dict__.get(KNOWN_ROLES)) is not None:
        return frozenset(known)
    held = StaffRole.objects.filter(open_at(timezone.now()), person=person).values_list("role", flat=True)
    roles = frozenset(Role(role) for role in held)
    person.__dict__[KNOWN_ROLES] = roles
    return roles


def is_in_a_safety_circle(person: Person) -> bool:
    """Whether a member of staff is assigned to anybody's safety circle now.

    Nobody else is shown that there is one.
    """
    now = timezone.now()
    return Assignment.objects.filter(open_at(now), staff=person, role=Role.SAFETY).exists()


def places(request: HttpRequest, viewer: Person) -> list[Place]:
    """The entries of the navigation, the current one marked."""
    if viewer.is_staff_member:
        roles = roles_of(viewer)
        shown = [(label, href) for label, href, who in STAFF if who & roles]
        if is_in_a_safety_circle(viewer):
            shown.append(("Safety", "/safety"))
    else:
        shown = list(PARTNER)
    return [Place(label, href, request.path.startswith(href)) for label, href in shown]
