"""Who may see what: the table, and the two questions asked of it, `may_see` and `may_share`.

Pure. It never reads a database: the SQL in `policies.sql` says the same in its own words, and a test that draws
worlds demands that the two agree. `docs/privacy.md` is the same table for people, asserted equal as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from bothwell.decision import Decision


class Relation(StrEnum):
    """What a viewer is to the subject of an item, at this moment."""

    SELF = "self"
    PARTNER = "partner"
    EX_PARTNER = "ex_partner"
    PRESCRIBER = "prescriber"
    NURSE = "nurse"
    INDIVIDUAL_THERAPIST = "individual_therapist"
    COUPLES_THERAPIST = "couples_therapist"
    LEAD = "lead"
    SAFETY = "safety"
    COORDINATOR = "coordinator"
    RESEARCHER = "researcher"


COLUMNS: Final = tuple(Relation)

# Cells.  Y sees · G only by the subject's grant · R:class only under that signed, current release
# B by break-glass · D on a day with a dosing session · L while a call after a session is still to be made
# T while a safety task about them is open · A what they wrote themselves
# C what they had opened before they parted, and their own · - never
_READS: Final = """
kind                 self partner ex prescriber            nurse individual              couples                 lead safety coord study
person.name          Y    Y       Y  Y                     Y     Y                       Y                       Y    Y      Y     -
person.contact       Y    -       -  Y                     Y     T                       Y                       Y    Y      Y     -
care_team            Y    -       -  Y                     Y     Y                       Y                       Y    Y      Y     -
care_team.sealed     -    -       -  -                     -     -                       -                       Y    Y      -     -
medical              Y    -       -  Y                     Y     R:medical_summary       R:medical_summary       B    -      -     -
preparation          Y    -       -  Y                     Y     Y                       R:medical_summary       B    -      -     -
dosing.time          Y    G       -  Y                     Y     Y                       R:dosing_summary        Y    -      Y     -
dosing.busy          Y    Y       -  Y                     Y     Y                       Y                       Y    -      Y     -
dosing.flowsheet     Y    -       -  Y                     Y     R:dosing_summary        -                       B    -      -     -
dosing.summary       Y    G       -  Y                     Y     Y                       R:dosing_summary        B    -      -     -
measure.individual   Y    G       -  Y                     -     Y                       R:individual_scores     B    -      -     -
measure.predose      Y    G       -  Y                     Y     Y                       R:individual_scores     B    -      -     -
measure.relationship Y    G       -  R:relationship_scores -     R:relationship_scores   R:relationship_scores   B    -      -     -
screen.suicide       Y    -       -  Y                     D     Y                       R:suicide_reason,B      B    -      -     -
call.thoughts        Y    -       -  Y                     L,A   Y                       -                       B    -      -     -
suicide.flag         -    -       -  Y                     D     Y                       R:suicide_reason,B      B    -      -     -
screen.violence      -    -       -  -                     -     -                       -                       -    Y      -     -
draft                Y    -       -  -                     -     -                       -                       -    -      -     -
suicide.escalated    -    -       -  Y                     D     Y                       -                       Y    -      -     -
insight              Y    G       -  -                     -     G                       G                       -    -      -     -
decision             Y    -       -  Y                     Y     Y                       Y                       Y    -      -     -
decision.status      Y    G       -  Y                     Y     Y                       Y                       Y    -      -     -
pathway              Y    -       -  Y                     Y     Y                       Y                       Y    -      -     -
care_plan            Y    -       -  Y                     Y     Y                       R:medical_summary       B    -      -     -
consent              Y    -       -  Y                     Y     Y                       -                       Y    -      -     -
consent.couples      Y    -       -  Y                     Y     Y                       Y                       Y    -      -     -
shelter              -    -       -  -                     -     -                       -                       -    Y      -     -
close_to             -    -       -  -                     -     -                       -                       Y    -      Y     -
appointment          Y    -       -  Y                     Y     Y                       -                       Y    -      Y     -
message.care         Y    -       -  Y                     Y     Y                       -                       -    -      -     -
message.therapist    Y    -       -  -                     -     Y                       -                       -    -      -     -
message.alone        Y    -       -  -                     -     -                       Y                       -    -      -     -
record.request       Y    -       -  -                     -     -                       -                       Y    -      Y     -
disclosed            Y    -       -  Y                     -     -                       -                       Y    -      -     -
legal.hold           -    -       -  -                     -     -                       -                       Y    -      Y     -
parting.asked        Y    -       -  -                     -     -                       Y                       Y    -      Y     -
cycle.node           Y    -       -  -                     -     -                       Y                       -    -      -     -
access               Y    -       -  -                     -     -                       -                       Y    -      -     -
access.couple        Y    -       -  -                     -     -                       -                       Y    -      -     -
access.sealed        -    -       -  -                     -     -                       -                       -    Y      -     -
break_glass          -    -       -  -                     -     -                       -                       Y    -      -     -
couple.link          Y    Y       Y  Y                     Y     Y                       Y                       Y    Y      Y     -
couple.shared        Y    Y       C  -                     -     R:couple_work           Y                       B    -      -     -
couple.progress      -    -       -  -                     -     -                       Y                       B    -      -     -
couple.alone         -    -       -  -                     -     -                       Y                       B    -      -     -
couple.request       Y    Y       Y  -                     -     -                       -                       Y    -      Y     -
message.couple       Y    Y       C  -                     -     -                       Y                       -    -      -     -
couple.hold          -    -       -  -                     -     -                       Y                       -    Y      -     -
disclosure           Y    Y       Y  Y                     -     Y                       Y                       Y    -      -     -
note.draft           -    -       -  -                     -     -                       -                       -    -      -     -
process_note         -    -       -  -                     -     -                       -                       -    -      -     -
vials                -    -       -  Y                     Y     -                       -                       Y    -      -     -
vials.use            -    -       -  Y                     Y     -                       -                       Y    -      -     -
outcomes             -    -       -  -                     -     -                       -                       Y    -      -     Y
"""

# Who may add a row of a kind. Everyone writes in their own name; the database checks that too.
_WRITES: Final = """
kind                 who
person.name          self lead coordinator
person.contact       self lead coordinator
invitation           lead coordinator
care_team            lead coordinator
care_team.sealed     lead
medical              prescriber nurse
preparation          self prescriber nurse individual_therapist
order                prescriber
dosing.time          prescriber nurse coordinator
dosing.flowsheet     prescriber nurse
dosing.summary       prescriber nurse individual_therapist
measure              self
measure.entered      prescriber nurse individual_therapist couples_therapist
violence.entered     safety
request              prescriber individual_therapist couples_therapist coordinator
suicide.flag         self prescriber nurse individual_therapist couples_therapist
suicide.acknowledged prescriber nurse individual_therapist
suicide.closed       prescriber individual_therapist
insight              self
decision             prescriber couples_therapist
decision.signature   self prescriber couples_therapist
pathway              self prescriber nurse individual_therapist couples_therapist lead coordinator
care_plan            self prescriber nurse individual_therapist
hold.reason          prescriber nurse individual_therapist couples_therapist lead
consent              self
consent.reaffirmed   self prescriber nurse
grant                self
shelter              self safety
shelter.ended        safety
close_to             lead coordinator
appointment          prescriber nurse individual_therapist lead coordinator
message.care         self prescriber nurse individual_therapist
message.therapist    self individual_therapist
message.alone        self couples_therapist
record.request       self lead coordinator
record.answered      lead coordinator
disclosed            self lead
legal.hold           lead
parting.asked        self
parting.answered     couples_therapist lead coordinator
cycle.node           couples_therapist
couple.link          lead coordinator
couple.parting       couples_therapist lead coordinator
couple.shared        couples_therapist
couple.doing         self partner couples_therapist
couple.aside         self partner
couple.progress      couples_therapist
couple.alone         couples_therapist
couple.request       self partner ex_partner lead coordinator
couple.signed        self partner ex_partner
message.couple       self partner couples_therapist
couple.hold          self safety
couple.hold.lifted   safety
disclosure           couples_therapist
disclosure.signature self partner
note.draft           couples_therapist
process_note         couples_therapist individual_therapist
break_glass          lead couples_therapist
vials                prescriber nurse lead
vials.use            prescriber nurse
outcomes             lead researcher
"""


def _parse_reads() -> Mapping[str, Mapping[Relation, tuple[str, ...]]]:
    lines = [line.split() for line in _READS.strip().splitlines()[1:]]
    return {
        kind: {
            relation: () if cell == "-" else tuple(cell.split(","))
            for relation, cell in zip(COLUMNS, cells, strict=True)
        }
        for kind, *cells in lines
    }


READS: Final = _parse_reads()
"""kind -> relation -> the ways that relation may see items of that kind."""

WRITES: Final[Mapping[str, frozenset[Relation]]] = {
    kind: frozenset(Relation(who) for who in rest)
    for kind, *rest in (line.split() for line in _WRITES.strip().splitlines()[1:])
}

COUPLE_KINDS: Final = frozenset(
    {
        "access.couple",
        "couple.alone",
        "couple.hold",
        "couple.link",
        "couple.progress",
        "couple.request",
        "couple.shared",
        "disclosure",
        "message.couple",
    }
)
"""Kinds that are about a couple; all others are about one person."""

FROZEN_BY_PARTING: Final = frozenset(
    {
        "couple.alone",
        "message.couple",
        "couple.parting",
        "couple.shared",
        "couple.doing",
        "couple.aside",
        "couple.progress",
        "couple.hold",
        "disclosure",
        "disclosure.signature",
    }
)
"""Kinds that take no new row, and no change, once a couple has parted."""

AUTHORS_OWN: Final = frozenset({"process_note", "note.draft", "break_glass"})
"""Kinds that stay visible to whoever wrote them."""

CLINIC_WIDE: Final = frozenset({Relation.LEAD, Relation.COORDINATOR})
STOCK: Final = frozenset({"vials", "outcomes"})
"""Kinds about nobody, opened by what a member of staff is in the clinic, whoever is in their care."""
NEEDS_BOTH_RELEASES: Final = frozenset({"couple.shared"})
"""What two people made together is released only by both (AAMFT code of ethics, 2.2)."""


SHELTERED: Final = frozenset({"access", "couple.request", "couple.shared", "message.couple"})
"""Kinds of which a partner, present or past, never finds what was added under shelter; of a log, their own."""

GOES_ON_CHANGING: Final = frozenset({"decision.status", "dosing.time"})
"""Kinds of gifts that tell more tomorrow than they told when they were opened: a shelter ends them."""

WITHIN_A_COUPLE: Final = frozenset({"cycle.node", "message.alone", "parting.answered", "parting.asked"})
"""Kinds about one person, said or shown within one couple's work: of the staff only that couple's see them."""

SINCE_THE_TWO_BEGAN: Final = frozenset({"measure.relationship"})
"""Kinds about one person of which a couples therapist sees nothing older than the couple: it would be about others."""


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
    clinic_roles: frozenset[tuple[UUID, Relation]] = frozenset()
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
    with_task: frozenset[UUID] = frozenset()
    """People about whom a safety task is open."""
    shelters: tuple[Sheltered, ...] = ()
    """Those that stand, and those that have ended."""
    close: frozenset[tuple[UUID, UUID]] = frozenset()
    """Staff, and a person in care whom they are or are close to."""

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
    yield from (role for who, role in world.clinic_roles if who == viewer)
    for assigned in world.assigned:
        if assigned.staff != viewer or not assigned.holds_at(world.now):
            continue
        pair = world.pair(assigned.couple)
        if assigned.subject == subject or (pair and pair.parted_at is None and subject in pair.partners):
            yield assigned.role


def relations_to_couple(world: World, viewer: UUID, pair: Pair) -> frozenset[Relation]:
    """What `viewer` is to a couple now: a member, or whoever cares for one of the two or for both."""
    if world.clinic_of[viewer] != world.clinic_of[pair.partners[0]]:
        return frozenset()
    if viewer in pair.partners:
        return frozenset({Relation.SELF if pair.parted_at is None else Relation.EX_PARTNER})
    if world.intimates(viewer) & frozenset(pair.partners):
        return frozenset()
    held = [a for a in world.assigned if a.staff == viewer and a.holds_at(world.now)]
    return frozenset(
        {role for who, role in world.clinic_roles if who == viewer}
        | {a.role for a in held if a.couple == pair.id or a.subject in pair.partners}
    )


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
        of_the_two = {Relation.SELF, Relation.EX_PARTNER}
        return relations_to_couple(world, viewer, pair) - of_the_two if pair else frozenset()
    if item.kind in COUPLE_KINDS or (item.couple and not item.subject):
        return relations_to_couple(world, viewer, pair) if pair else frozenset()
    if item.subject:
        found = relations_to_person(world, viewer, item.subject)
        return found - {Relation.COUPLES_THERAPIST} if _is_of_before(world, item) else found
    return _staff_roles(world, viewer) if item.kind in STOCK else _clinic_roles(world, viewer)


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


def _staff_roles(world: World, viewer: UUID) -> frozenset[Relation]:
    return frozenset(role for who, role in world.staff_roles if who == viewer)


def _clinic_roles(world: World, viewer: UUID) -> frozenset[Relation]:
    return frozenset(role for who, role in world.clinic_roles if who == viewer)


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
            return any(
                _grant_holds(world, grant, relation, item)
                and not (relation == Relation.PARTNER and _gift_is_kept_back(world, viewer, grant))
                for grant in world.granted
            )
        case ["R", data_class]:
            return _released(world, relation, data_class, item)
        case ["B"]:
            return any(_glass_opens(world, glass, viewer, item) for glass in world.broken_glass)
        case ["D"]:
            return item.subject is not None and (item.subject, world.today) in world.dosing_days
        case ["L"]:
            return item.subject in world.to_be_rung
        case ["T"]:
            return item.subject in world.with_task
        case ["A"]:
            return item.author == viewer
        case ["C"]:
            return item.author == viewer or (viewer, item.id) in world.opened
        case _:
            raise ValueError(f"no such way: {way}")


def _grant_holds(world: World, grant: Granted, relation: Relation, item: Item) -> bool:
    if (grant.item, grant.kind, grant.giver, grant.audience) != (item.id, item.kind, item.subject, relation):
        return False
    if grant.opens_at > world.now or grant.revoked_at is not None:
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
        relations = relations_to_couple(world, viewer, pair) if pair else frozenset()
    elif subject:
        relations = relations_to_person(world, viewer, subject)
        if kind in WITHIN_A_COUPLE and pair:
            relations &= relations_to_couple(world, viewer, pair)
    else:
        relations = _staff_roles(world, viewer) if kind in STOCK else _clinic_roles(world, viewer)
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
