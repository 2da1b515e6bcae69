"""Who is around a partner: the other one, their couple and the clinicians who care for them, by name; and the clinic’s clock.

It reads only what the partner may see; the safety circle is never among them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Assignment, Couple, Membership, Person, Role, open_at
from bothwell.integration.insights import Around
from bothwell.privacy.circles import Relation


@dataclass(frozen=True)
class Nearby:
    """A partner's surroundings now. `couple` and `partner` are None for who is in no couple in care."""

    person: Person
    couple: Couple | None
    partner: Person | None
    side: str
    team: Mapping[Relation, tuple[str, ...]]

    @property
    def around(self) -> Around:
        return Around(
            partner=self.partner.name_used if self.partner else "",
            couples_therapists=self.team.get(Relation.COUPLES_THERAPIST, ()) if self.couple else (),
            individual_therapists=self.team.get(Relation.INDIVIDUAL_THERAPIST, ()),
        )

    @property
    def other_side(self) -> str:
        return {"a": "b", "b": "a"}.get(self.side, "")

    @property
    def ours_label(self) -> str:
        """The badge on what belongs to both; after a parting, on what one had read by then."""
        if self.couple is None:
            return "Both of you, until you parted, and your couples therapist"
        therapists = " + ".join(f"{name} (couples therapist)" for name in self.around.couples_therapists)
        return f"Both of you + {therapists}" if therapists else "Both of you"


def nearby(person: Person) -> Nearby:
    """Two queries, whatever the size of the team."""
    members = list(
        Membership.objects.select_related("couple", "person")
        .filter(couple__memberships__person=person, couple__memberships__until__isnull=True)
        .filter(couple__parted_at__isnull=True)
    )
    mine = next((member for member in members if member.person_id == person.id), None)
    theirs = next((member for member in members if member.person_id != person.id), None)
    couple = mine.couple if mine else None
    return Nearby(
        person=person,
        couple=couple,
        partner=theirs.person if theirs else None,
        side=mine.side if mine else "",
        team=_team(person, couple),
    )


def in_common(surroundings: Nearby) -> Nearby:
    """Whose common record somebody reads: of the couple they are in; after a parting, of the one they were in last.

    What it is made into only ever reads: a couple that has parted takes no new entry. Two queries more, after a parting.
    """
    if surroundings.couple is not None:
        return surroundings
    who = surroundings.person
    last = (
        Membership.objects.select_related("couple")
        .filter(person=who, couple__parted_at__isnull=False)
        .order_by("-couple__parted_at")
        .first()
    )
    if last is None:
        return surroundings
    other = (
        Membership.objects.select_related("person").filter(couple=last.couple_id).exclude(person=who).first()
    )
    return replace(
        surroundings, couple=last.couple, partner=other.person if other else None, side=last.side, team={}
    )


def _team(person: Person, couple: Couple | None) -> dict[Relation, tuple[str, ...]]:
    about = Q(subject=person) | Q(couple=couple) if couple else Q(subject=person)
    assigned = (
        Assignment.objects.select_related("staff")
        .filter(open_at(timezone.now()), about)
        .exclude(role=Role.SAFETY)
        .order_by("staff__name_used", "id")
    )
    team: dict[Relation, tuple[str, ...]] = {}
    for each in assigned:
        relation = Relation(each.role)
        if each.staff.name_used not in team.get(relation, ()):
            team[relation] = (*team.get(relation, ()), each.staff.name_used)
    return team


def zone_of(person: Person) -> ZoneInfo:
    """The clinic's clock, by which all its people read times."""
    return ZoneInfo(person.clinic.timezone)


def local_now(person: Person) -> datetime:
    """Now, on the clinic's clock."""
    return datetime.now(UTC).astimezone(zone_of(person))


def greeting(now: datetime) -> str:
    """`Good morning`, by the clock on the wall."""
    return (
        "Good morning" if 4 <= now.hour < 12 else "Good afternoon" if 12 <= now.hour < 18 else "Good evening"
    )
