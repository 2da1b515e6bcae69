"""Whether somebody may see, write or share one thing: the questions asked of the table in `circles.py`.

Pure. It never reads a database: it is asked in a `World`, which holds all that the table needs to know. The pages do
not ask it, for `policies.sql` answers them; tests do, of every drawn world, and demand that the two agree.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from bothwell.decision import Decision
from bothwell.privacy.circles import (
    AUTHORS_OWN,
    CLINIC_WIDE,
    COUPLE_KINDS,
    FROZEN_BY_PARTING,
    GOES_ON_CHANGING,
    NEEDS_BOTH_RELEASES,
    READS,
    SHELTERED,
    SINCE_THE_TWO_BEGAN,
    STOCK,
    WITHIN_A_COUPLE,
    WRITES,
    Relation,
)


@dataclass(frozen=True)
class Assigned:
    staff: UUID
    role: Relation
    subject: UUID | None
    couple: UUID | None
    since: datetime
    until: datetime | None = None

    def holds_at(self, now: datetime) -> bool:
        return self.since <= now and (self.until is None or now < self.until)


@dataclass(frozen=True)
class Pair:
    id: UUID
    partners: tuple[UUID, UUID]
    parted_at: datetime | None = None
    formed_at: datetime | None = None


@dataclass(frozen=True)
class Sheltered:
    """From when to when a partner finds nothing new of what somebody gives or does."""

    subject: UUID
    since: datetime
    until: datetime | None = None

    def covers(self, at: datetime | None) -> bool:
        return at is not None and self.since <= at and self.until_after(at)

    def until_after(self, at: datetime) -> bool:
        """Whether it ended, or will, after this moment."""
        return self.until is None or at < self.until


@dataclass(frozen=True)
class Granted:
    item: UUID
    kind: str
    giver: UUID
    audience: Relation
    couple: UUID | None
    opens_at: datetime
    revoked_at: datetime | None = None
    given_at: datetime | None = None
    id: UUID | None = None
    replaces: UUID | None = None
    """The gift that ended when these newer words took its place."""


@dataclass(frozen=True)
class Released:
    giver: UUID
    data_class: str
    to: Relation
    withdrawn_at: datetime | None = None


@dataclass(frozen=True)
class Glass:
    viewer: UUID
    subject: UUID | None
    couple: UUID | None
    expires_at: datetime


@dataclass(frozen=True)
class World:
    """Everything the table needs to know, as it stands at `now`."""

    now: datetime
    clinic_of: Mapping[UUID, UUID]
    pairs: tuple[Pair, ...] = ()
    assigned: tuple[Assigned, ...] = ()
    staff_roles: frozenset[tuple[UUID, Relation]] = frozenset()
    granted: tuple[Granted, ...] = ()
    released: tuple[Released, ...] = ()
    broken_glass: tuple[Glass, ...] = ()
    opened: Mapping[tuple[UUID, UUID], datetime] = field(default_factory=dict)
    """When somebody first opened an item."""
    dosing_days: frozenset[tuple[UUID, date]] = frozenset()
    today: date = field(default=date.min)
    to_be_rung: frozenset[UUID] = frozenset()
    """People whose call after a session with a dose is not done yet."""
    shelters: tuple[Sheltered, ...] = ()
    """Those that stand, and those that have ended."""
    close: frozenset[tuple[UUID, UUID]] = frozenset()
    """Staff, and a person in care whom they are or are close to."""

    def staff_roles_of(self, viewer: UUID) -> frozenset[Relation]:
        """What somebody is in the clinic."""
        return frozenset(role for who, role in self.staff_roles if who == viewer)

    def clinic_roles_of(self, viewer: UUID) -> frozenset[Relation]:
        """Of these, what they are towards everyone in care there."""
        return self.staff_roles_of(viewer) & CLINIC_WIDE

    def pair(self, couple: UUID | None) -> Pair | None:
        return next((pair for pair in self.pairs if pair.id == couple), None)

    def mates(self, person: UUID) -> frozenset[UUID]:
        """Everyone this person is or was a couple with."""
        return frozenset(
            p for pair in self.pairs if person in pair.partners for p in pair.partners if p != person
        )

    def intimates(self, person: UUID) -> frozenset[UUID]:
        """The person, whoever they are besides or are close to, and everyone any of these is or was a couple with.

        No role opens these charts to them.
        """
        known = {person, *(about for staff, about in self.close if staff == person)}
        return frozenset(known.union(*(self.mates(one) for one in known)))


@dataclass(frozen=True)
class Item:
    """One row as the rules see it."""

    id: UUID
    kind: str
    clinic: UUID
    subject: UUID | None = None
    couple: UUID | None = None
    author: UUID | None = None
    is_draft: bool = False
    at: datetime | None = None
    """When it was added, sent or fell due; of a release, when it ended."""


def relations_to_person(world: World, viewer: UUID, subject: UUID) -> frozenset[Relation]:
    """What `viewer` is to `subject` now. Partners, present and past, hold no role for each other."""
    if world.clinic_of[viewer] != world.clinic_of[subject]:
        return frozenset()
    if viewer == subject:
        return frozenset({Relation.SELF})
    intimate = {
        Relation.PARTNER if pair.parted_at is None else Relation.EX_PARTNER
        for pair in world.pairs
        if viewer in pair.partners and subject in pair.partners
    }
    if intimate:
        return frozenset({Relation.PARTNER} if Relation.PARTNER in intimate else intimate)
    if subject in world.intimates(viewer):
        return frozenset()
    return frozenset(_roles(world, viewer, subject))


def _roles(world: World, viewer: UUID, subject: UUID) -> Iterator[Relation]:
    yield from world.clinic_roles_of(viewer)
    for assigned in world.assigned:
        if assigned.staff != viewer or not assigned.holds_at(world.now):
            continue
        pair = world.pair(assigned.couple)
        if assigned.subject == subject or (pair and pair.parted_at is None and subject in pair.partners):
            yield assigned.role


def relations_to_couple(world: World, viewer: UUID, pair: Pair | None) -> frozenset[Relation]:
    """What `viewer` is to a couple now: a member, or whoever cares for one of the two or for both; to none, nothing."""
    if pair is None or world.clinic_of[viewer] != world.clinic_of[pair.partners[0]]:
        return frozenset()
    if viewer in pair.partners:
        return frozenset({Relation.SELF if pair.parted_at is None else Relation.EX_PARTNER})
    if world.intimates(viewer) & frozenset(pair.partners):
        return frozenset()
    held = [a for a in world.assigned if a.staff == viewer and a.holds_at(world.now)]
    return world.clinic_roles_of(viewer) | {
        a.role for a in held if a.couple == pair.id or a.subject in pair.partners
    }


def may_see(world: World, viewer: UUID, item: Item) -> Decision:
    """Whether `viewer` may see `item` at `world.now`, with the reason in words."""
    if world.clinic_of[viewer] != item.clinic:
        return Decision.no("another clinic")
    if item.is_draft:
        return Decision.yes("own draft") if viewer == item.subject else Decision.no("a draft is its author's")
    if item.kind in AUTHORS_OWN and viewer == item.author:
        return Decision.yes("its author")
    if item.kind == "access.couple" and item.author in world.mates(viewer):
        return Decision.no("what a partner did is theirs to tell")
    if _is_kept_back(world, viewer, item):
        return Decision.no("as if nothing were shared")
    for relation in sorted(_relations(world, viewer, item)):
        for way in READS[item.kind][relation]:
            if _open(world, viewer, relation, way, item):
                return Decision.yes(f"{relation}: {way}")
    return Decision.no("nothing opens it")


def _is_kept_back(world: World, viewer: UUID, item: Item) -> bool:
    """Whether somebody with whom the viewer is or was a couple added this under shelter, to what the two have in common."""
    if item.kind not in SHELTERED or item.author not in world.mates(viewer):
        return False
    pair = world.pair(item.couple)
    is_common = item.subject == viewer if item.kind == "access" else pair and viewer in pair.partners
    return bool(is_common) and any(
        each.covers(item.at) for each in world.shelters if each.subject == item.author
    )


def _relations(world: World, viewer: UUID, item: Item) -> frozenset[Relation]:
    pair = world.pair(item.couple)
    if item.kind in WITHIN_A_COUPLE and viewer != item.subject:
        return relations_to_couple(world, viewer, pair) - {Relation.SELF, Relation.EX_PARTNER}
    if item.kind in COUPLE_KINDS or (item.couple and not item.subject):
        return relations_to_couple(world, viewer, pair)
    if item.subject:
        found = relations_to_person(world, viewer, item.subject)
        if item.kind == "person.name":
            found |= _still_in_care(world, viewer, item.subject)
        return found - {Relation.COUPLES_THERAPIST} if _is_of_before(world, item) else found
    return _roles_about_nobody(world, viewer, item.kind)


def _still_in_care(world: World, viewer: UUID, subject: UUID) -> frozenset[Relation]:
    """The couples therapist of a couple that has parted still reads what the two did together, and reads it by name."""
    parted = (pair for pair in world.pairs if pair.parted_at and subject in pair.partners)
    found = frozenset().union(*(relations_to_couple(world, viewer, pair) for pair in parted))
    return found & {Relation.COUPLES_THERAPIST}


def _roles_about_nobody(world: World, viewer: UUID, kind: str) -> frozenset[Relation]:
    return world.staff_roles_of(viewer) if kind in STOCK else world.clinic_roles_of(viewer)


def _is_of_before(world: World, item: Item) -> bool:
    """Whether this is older than the couple its subject is in now: no business of that couple's therapist."""
    if item.kind not in SINCE_THE_TWO_BEGAN | {"consent.couples"}:
        return False
    now = next((p for p in world.pairs if item.subject in p.partners and p.parted_at is None), None)
    if now is None or now.formed_at is None:
        return False
    if item.kind == "consent.couples":  # what still holds is of now, whenever it was signed
        return item.at is not None and item.at < now.formed_at
    return item.at is None or item.at < now.formed_at


def may_see_request(world: World, viewer: UUID, item: Item) -> Decision:
    """Whether `viewer` may see that answers were asked for: like the answers, and who asked while it is theirs to ask."""
    if seen := may_see(world, viewer, item):
        return seen
    if item.author != viewer:
        return seen
    return may_write(world, viewer, "request", clinic=item.clinic, subject=item.subject, couple=None)


def _open(world: World, viewer: UUID, relation: Relation, way: str, item: Item) -> bool:
    match way.split(":"):
        case ["Y"]:
            return True
        case ["G"]:
            return any(_grant_holds(world, grant, relation, item) for grant in given_to(world, viewer))
        case ["R", data_class]:
            return _released(world, relation, data_class, item)
        case ["B"]:
            return any(_glass_opens(world, glass, viewer, item) for glass in world.broken_glass)
        case ["D"]:
            return item.subject is not None and (item.subject, world.today) in world.dosing_days
        case ["L"]:
            return item.subject in world.to_be_rung
        case ["A"]:
            return item.author == viewer
        case ["C"]:
            return item.author == viewer or (viewer, item.id) in world.opened
        case _:
            raise ValueError(f"no such way: {way}")


def given_to(world: World, viewer: UUID) -> Iterator[Granted]:
    """The gifts that stand, as this viewer has them, whoever they are to the giver.

    A gift to a partner that a shelter keeps back is as if never given: where it took the place of an earlier one, that
    one stands for it, unless it is kept back as well.
    """
    for newest in world.granted:
        grant: Granted | None = newest if newest.revoked_at is None else None
        while grant and grant.audience == Relation.PARTNER and _gift_is_kept_back(world, viewer, grant):
            replaced = grant.replaces
            grant = next((each for each in world.granted if replaced and each.id == replaced), None)
        if grant:
            yield grant


def _grant_holds(world: World, grant: Granted, relation: Relation, item: Item) -> bool:
    if (grant.item, grant.kind, grant.giver, grant.audience) != (item.id, item.kind, item.subject, relation):
        return False
    if grant.opens_at > world.now:
        return False
    if relation == Relation.INDIVIDUAL_THERAPIST:
        return True
    pair = world.pair(grant.couple)
    return pair is not None and pair.parted_at is None and grant.giver in pair.partners


def _gift_is_kept_back(world: World, viewer: UUID, grant: Granted) -> bool:
    """Whether a shelter keeps a gift from the partner: given under it, or given before and not opened when it began.

    What goes on changing is kept back though it was opened. It stays so when the shelter ends, until it is given again.
    """
    at = grant.given_at
    opened_at = None if grant.kind in GOES_ON_CHANGING else world.opened.get((viewer, grant.item))
    return any(
        at is not None
        and each.until_after(at)
        and not (at < each.since and opened_at is not None and opened_at < each.since)
        for each in world.shelters
        if each.subject == grant.giver
    )


def _released(world: World, relation: Relation, data_class: str, item: Item) -> bool:
    givers = {
        r.giver
        for r in world.released
        if r.data_class == data_class and r.to == relation and r.withdrawn_at is None
    }
    if item.kind in NEEDS_BOTH_RELEASES:
        pair = world.pair(item.couple)
        return pair is not None and set(pair.partners) <= givers
    return item.subject in givers


def _glass_opens(world: World, glass: Glass, viewer: UUID, item: Item) -> bool:
    about = glass.couple == item.couple if item.kind in COUPLE_KINDS else glass.subject == item.subject
    return glass.viewer == viewer and about and world.now < glass.expires_at


def may_write(
    world: World, viewer: UUID, kind: str, *, clinic: UUID, subject: UUID | None, couple: UUID | None
) -> Decision:
    """Whether `viewer` may add a row of `kind` in their own name: about this person, this couple, or (neither) the clinic."""
    if world.clinic_of[viewer] != clinic:
        return Decision.no("another clinic")
    pair = world.pair(couple)
    if kind in WITHIN_A_COUPLE and not (pair and pair.parted_at is None and subject in pair.partners):
        return Decision.no("not within a couple's work")
    if kind in FROZEN_BY_PARTING and (pair is None or pair.parted_at is not None):
        return Decision.no("the couple's chart is closed to new entries")
    if kind in FROZEN_BY_PARTING or (pair and subject is None):
        relations = relations_to_couple(world, viewer, pair)
    elif subject:
        relations = relations_to_person(world, viewer, subject)
        if kind in WITHIN_A_COUPLE:
            relations &= relations_to_couple(world, viewer, pair)
    else:
        relations = _roles_about_nobody(world, viewer, kind)
    allowed = relations & WRITES[kind]
    return Decision.yes(", ".join(sorted(allowed))) if allowed else Decision.no("not theirs to write")


def may_share(world: World, by: UUID, item: Item, to: Relation) -> Decision:
    """Whether `by` may open `item` to the audience `to`, with the reason in words a person can read."""
    if item.subject != by:
        return Decision.no("Only the person it belongs to can share this.")
    if item.is_draft:
        return Decision.no("Send or save it first; a draft stays with you.")
    if "G" not in READS.get(item.kind, {}).get(to, ()):
        return Decision.no("This is not something that can be shared this way.")
    if to == Relation.INDIVIDUAL_THERAPIST:
        return Decision.yes("Your individual therapist will see it.")
    if not any(by in pair.partners and pair.parted_at is None for pair in world.pairs):
        return Decision.no("You are not in a couple in care here, so there is nobody to share it with.")
    return Decision.yes("They will see it from the next page they open.")
