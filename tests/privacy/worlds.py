"""Invented worlds: who is with whom, who cares for whom, what was given, released and opened; and the rows of each.

`Plan` is what a test draws, in small numbers. `build` writes it into the database as the loader of invented clinics
and gives back the same world for the rules (`rule.World`), with every row as the rules see it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any
from uuid import UUID

from django.db import connection, models
from hypothesis import strategies as st

from bothwell import models as tables
from bothwell.couples.models import new_id
from bothwell.privacy.circles import READS, SHELTERED, Relation
from bothwell.privacy.rule import (
    Assigned,
    Glass,
    Granted,
    Item,
    Pair,
    Released,
    Sheltered,
    World,
    given_to,
    may_see,
    may_see_request,
    may_write,
)
from tests.conftest import loading

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

PARTNERS, STAFF = range(4), range(4, 8)
"""Places in the roster of the first clinic; 8 and 9 are a partner and the lead of another clinic."""
PATIENTS = (0, 1, 2, 4)
"""Those about whom rows are made. One of them is a member of staff."""
OUTSIDER, OTHER_LEAD = 8, 9

KINDS_OF_RESPONSE = (
    "measure.individual",
    "measure.predose",
    "measure.relationship",
    "screen.suicide",
    "screen.violence",
)
GIVEN = ("insight", "dosing.time", "dosing.summary", "decision.status", *KINDS_OF_RESPONSE[:3])
AUDIENCES = (Relation.PARTNER, Relation.COUPLES_THERAPIST, Relation.INDIVIDUAL_THERAPIST)
RELEASES = tuple(
    sorted(
        {
            (way[2:], relation)
            for ways in READS.values()
            for relation, cell in ways.items()
            for way in cell
            if way[1:2] == ":"
        }
    )
)
CARING = ("prescriber", "nurse", "individual_therapist", "safety", "couples_therapist")
WHEN = ("always", "past", "future", "until later")
REPLACED = {"replaced": 1, "replaced twice": 2, "replaced, later": 1, "replaced, revoked": 1}
"""Gifts of which newer words took the place of older ones, and how often."""


@dataclass(frozen=True)
class Plan:
    """One world in small numbers. People are places in the roster; couples are places in `pairings`."""

    pairings: tuple[tuple[int, int], ...] = ()
    parted: frozenset[int] = frozenset()
    assigned: tuple[tuple[int, str, int, str], ...] = ()
    roles: tuple[tuple[int, str, str], ...] = ()
    grants: tuple[tuple[int, str, Relation, str], ...] = ()
    releases: tuple[tuple[int, tuple[str, Relation], bool], ...] = ()
    glass: tuple[tuple[int, str, int, bool], ...] = ()
    receipts: frozenset[tuple[int, int]] = frozenset()
    dosing: tuple[str, ...] = ("none",) * len(PATIENTS)
    staff_author: int = 4
    sheltered: tuple[tuple[int, bool], ...] = ()
    """Who is sheltered, and whether that still stands."""
    close: tuple[tuple[int, int, bool], ...] = ()
    """Who of the staff is, or is close to, whom in care, and whether that still holds."""
    read_older: frozenset[int] = frozenset()
    """Who opened the words their partner gave first, before any shelter."""


FULL = Plan(
    pairings=((0, 1), (2, 3)),
    assigned=(
        *[(4, "prescriber", place, "always") for place in (0, 1, 2)],
        *[(5, "individual_therapist", place, "always") for place in (0, 1)],
        (5, "safety", 1, "always"),
        (6, "couples_therapist", 0, "always"),
    ),
    roles=((7, "lead", "always"), (4, "prescriber", "always"), (6, "researcher", "always")),
    grants=tuple(
        (place, kind, audience, "open") for place in (0, 1) for kind in GIVEN for audience in AUDIENCES
    ),
    releases=tuple((place, release, False) for place in (0, 1) for release in RELEASES),
    glass=((7, "person", 0, True), (7, "couple", 0, True), (6, "person", 1, True)),
    dosing=("today", "yesterday", "none", "cancelled"),
    sheltered=((2, True), (0, False)),
    close=((6, 2, True), (5, 0, False)),
)
"""A world in which everything that can be given is given, and every broken glass is open."""

BARE = Plan(
    pairings=((0, 2), (0, 1)),
    assigned=(
        *[(4, "nurse", place, "always") for place in (0, 1)],
        (5, "safety", 0, "until later"),
        (6, "couples_therapist", 1, "always"),
        (5, "individual_therapist", 0, "past"),
        (5, "prescriber", 0, "future"),
    ),
    roles=(
        (7, "coordinator", "always"),
        (7, "lead", "past"),
        (4, "nurse", "always"),
        (5, "prescriber", "past"),
    ),
    grants=tuple((0, kind, audience, "revoked") for kind in GIVEN for audience in AUDIENCES),
    releases=tuple((0, release, True) for release in RELEASES),
    glass=((6, "person", 0, True), (6, "person", 1, False)),
    receipts=frozenset((place, which) for place in (0, 1, 2) for which in range(4)),
    dosing=("today", "dosed", "none", "none"),
    sheltered=((1, True), (0, False)),
    close=((5, 4, True), (6, 3, True)),
)
"""A world in which everything given was taken back, and a couple has parted."""


NEWER = Plan(
    pairings=((0, 1), (2, 4)),
    assigned=((6, "couples_therapist", 0, "always"), (5, "individual_therapist", 0, "always")),
    grants=(
        (0, "insight", Relation.PARTNER, "replaced twice"),
        (0, "insight", Relation.COUPLES_THERAPIST, "replaced"),
        (1, "insight", Relation.PARTNER, "replaced, revoked"),
        (2, "insight", Relation.PARTNER, "replaced"),
    ),
    sheltered=((0, True), (1, True), (2, False), (2, True)),
    read_older=frozenset({0, 1, 4}),
)
"""A world in which newer words took the place of older ones that were read, before or under a shelter."""


def _listed(of: st.SearchStrategy[Any], most: int, least: int = 0) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(of, min_size=least, max_size=most, unique=True).map(tuple)


_TOUCHED = st.sampled_from((0, 0, 1, 1, 2, 4))
_ASSIGNED = st.tuples(
    st.sampled_from(STAFF), st.sampled_from(CARING), _TOUCHED, st.sampled_from(("always", *WHEN))
)
_GRANTS = st.tuples(
    _TOUCHED,
    st.sampled_from(GIVEN),
    st.sampled_from(AUDIENCES),
    st.sampled_from(["open"] * 3 + ["revoked", "later", *REPLACED, *REPLACED]),
)
_RELEASES = st.tuples(_TOUCHED, st.sampled_from(RELEASES), st.sampled_from([False, False, True]))
_GLASS = st.tuples(
    st.sampled_from(STAFF),
    st.sampled_from(["person", "couple"]),
    st.integers(0, 3),
    st.sampled_from([True, True, False]),
)
_PAIRINGS = [(0, 1), (0, 1), (0, 2), (1, 2), (0, 4), (1, 4), (2, 5), (2, 3)]
_DOSING = st.sampled_from(["none", "today", "today", "yesterday", "tomorrow", "cancelled", "dosed", "rung"])

PLANS = st.builds(
    Plan,
    pairings=st.lists(st.sampled_from(_PAIRINGS), min_size=1, max_size=4).map(tuple),
    parted=st.frozensets(st.integers(0, 3), max_size=1),
    assigned=_listed(_ASSIGNED, most=16, least=6),
    roles=_listed(
        st.tuples(
            st.sampled_from(STAFF),
            st.sampled_from(["lead", "coordinator", "nurse", "prescriber", "researcher"]),
            st.sampled_from(WHEN),
        ),
        most=6,
    ),
    grants=_listed(_GRANTS, most=20, least=6),
    releases=_listed(_RELEASES, most=30, least=8),
    glass=_listed(_GLASS, most=6, least=2),
    receipts=st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=24),
    dosing=st.tuples(*[_DOSING for _ in PATIENTS]),
    staff_author=st.sampled_from(STAFF),
    sheltered=_listed(st.tuples(_TOUCHED, st.booleans()), most=3),
    close=_listed(
        st.tuples(st.sampled_from(STAFF), _TOUCHED, st.booleans()).filter(lambda each: each[0] != each[1]),
        most=2,
    ),
    read_older=st.frozensets(st.sampled_from((0, 1, 2)), max_size=3),
)


@dataclass(frozen=True)
class Row:
    """One row: its table, and who may see it by the rules."""

    model: type[models.Model]
    id: UUID
    item: Item
    seen_by: Callable[["Built", UUID], bool]
    object: Any


@dataclass
class Built:
    """A world in the database and, equal to it, for the rules."""

    plan: Plan
    now: datetime
    clinics: tuple[Any, Any]
    people: list[Any]
    couples: list[tuple[Any, tuple[int, int]]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    made: dict[tuple[str, UUID | None], Any] = field(default_factory=dict)
    world: World = None  # type: ignore[assignment]

    def own(self, model: str, about: UUID) -> Any:
        """The row of this table that was made about this person or couple."""
        return self.made[model, about]

    def visible_by_rule(self, viewer: UUID) -> dict[str, set[UUID]]:
        seen: dict[str, set[UUID]] = defaultdict(set)
        for row in self.rows:
            if row.seen_by(self, viewer):
                seen[row.model._meta.db_table].add(row.id)
        return seen


SHELTERS = {True: (-2 * HOUR, None), False: (-5 * HOUR, -3 * HOUR)}
"""From when to when: one that stands, and one that has ended."""
BEFORE_AND_UNDER = (-6 * HOUR, -4 * HOUR, -5 * HOUR / 2, -HOUR)
"""When things were done: before any shelter, under the one that has ended, between the two, under the one that stands."""


def by_item(item: Item) -> Callable[[Built, UUID], bool]:
    return lambda built, viewer: may_see(built.world, viewer, item).allowed


# --------------------------------------------------------------------------------------------------- making one row


def filled(model: type[models.Model], parents: dict[str, Any], **known: Any) -> Any:
    """A row of any table with something in every column that must have something."""
    values = dict(known)
    for column in model._meta.concrete_fields:
        if column.name in values or column.attname in values or getattr(column, "generated", False):
            continue
        if isinstance(column, models.ForeignKey):
            if not column.null:
                values[column.name] = parents[column.related_model.__name__]
        elif not column.null and not column.has_default():
            values[column.name] = _something(column)
    return model(**values)


def _something(column: Any) -> Any:
    if column.choices:
        return "" if column.blank else column.choices[0][0]
    match column.get_internal_type():
        case "DateTimeField":
            return datetime.fromisoformat("2026-01-05T10:00:00+00:00")
        case "DateField":
            return datetime.fromisoformat("2026-01-05T10:00:00+00:00").date()
        case "JSONField":
            return {}
        case "BooleanField":
            return False
        case "UUIDField":
            return new_id()
        case "CharField" | "TextField" | "EmailField":
            return "" if column.blank else f"x{new_id().hex[-8:]}"[: column.max_length]
        case _:
            return 1


PERSON_ROWS: tuple[tuple[str, str], ...] = (
    ("Contact", "person.contact"),
    ("Course", "pathway"),
    ("Step", "pathway"),
    ("Consent", "consent"),
    ("ConsentReaffirmation", "consent"),
    ("MedicalFact", "medical"),
    ("Resolution", "medical"),
    ("Order", "medical"),
    ("OrderWithdrawn", "medical"),
    ("Preparation", "preparation"),
    ("JointDecision", "decision"),
    ("DecisionSignature", "decision"),
    ("DosingSession", "dosing.time"),
    ("GateCheck", "dosing.flowsheet"),
    ("Administration", "dosing.flowsheet"),
    ("VialUse", "vials.use"),
    ("Discharge", "dosing.flowsheet"),
    ("SessionSummary", "dosing.summary"),
    ("Binding", "dosing.flowsheet"),
    ("Sample", "dosing.flowsheet"),
    ("Note", "dosing.flowsheet"),
    ("Channel", "dosing.flowsheet"),
    ("Alarm", "dosing.flowsheet"),
    ("AlarmEvent", "dosing.flowsheet"),
    ("AlarmSetting", "dosing.flowsheet"),
    ("AdverseEvent", "dosing.flowsheet"),
    ("NextDayCall", "dosing.flowsheet"),
    ("NextDayThoughts", "call.thoughts"),
    ("ProgrammeForm", "dosing.flowsheet"),
    ("SafetyFlag", "suicide.flag"),
    ("SafetyFlagAcknowledged", "suicide.flag"),
    ("SafetyFlagClosed", "suicide.flag"),
    ("Escalation", "suicide.escalated"),
    ("Answered", "draft"),
    ("Reminder", "draft"),
    ("Insight", "insight.sheet"),
    ("InsightVersion", "insight"),
    ("ProcessNote", "process_note"),
    ("InsightDraft", "draft"),
    ("CarePlanItem", "care_plan"),
    ("Appointment", "appointment"),
    ("PartingRequest", "parting.asked"),
    ("PartingAnswer", "parting.asked"),
    ("RecordRequest", "record.request"),
    ("RecordAnswer", "record.request"),
    ("Disclosure", "disclosed"),
    ("LegalHold", "legal.hold"),
    ("CalendarFeed", "calendar"),
)
"""Tables about one person, parents first, with the kind of `circles.READS` their rows fall under."""

COUPLE_ROWS: tuple[tuple[str, str], ...] = (
    ("CoupleSession", "couple.shared"),
    ("CouplePause", "couple.shared"),
    ("CoupleHold", "couple.hold"),
    ("CoupleHoldLifted", "couple.hold"),
    ("SharedSummary", "couple.shared"),
    ("ExerciseGiven", "couple.shared"),
    ("ExerciseDone", "couple.shared"),
    ("ProgressNote", "couple.progress"),
    ("NoteDraft", "note.draft"),
    ("InsightDiscussed", "couple.progress"),
    ("DisclosureAgreement", "disclosure"),
    ("DisclosureSignature", "disclosure"),
    ("ProcessNote", "process_note"),
    ("CycleMap", "couple.progress"),
    ("CycleShown", "couple.shared"),
    ("IndividualContact", "couple.alone"),
    ("CoupleCheckin", "couple.shared"),
    ("CoupleAgreement", "couple.shared"),
    ("AgreementAnswer", "couple.shared"),
    ("SupportPlan", "couple.shared"),
    ("WarningSign", "couple.shared"),
    ("LaidAside", "couple.shared"),
    ("PlanReview", "couple.shared"),
    ("JointRequest", "couple.request"),
    ("JointSignature", "couple.request"),
)

BY_EITHER = frozenset(
    {
        "ExerciseDone",
        "DisclosureSignature",
        "CoupleCheckin",
        "CoupleAgreement",
        "AgreementAnswer",
        "WarningSign",
        "LaidAside",
        "PlanReview",
        "JointRequest",
        "JointSignature",
    }
)
"""Tables of a couple's in which each of the two writes."""

STOCK_ROWS: tuple[str, ...] = ("Vial", "VialEvent", "Discrepancy", "DiscrepancyResolved", "Inventory")
"""Tables about nobody: the clinic's stock, parents first."""


OUTCOME_ROWS: tuple[str, ...] = ("Analysis", "AnalysisRun")
"""Tables of questions about all couples at once, parents first; they name nobody."""


class Builder:
    """Lays one plan out, in the order of care."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        with connection.cursor() as cursor:
            cursor.execute("select now()")
            (now,) = cursor.fetchone()
        clinics = tuple(tables.Clinic.objects.create(name=name, is_demo=True) for name in ("One", "Two"))
        people = [
            tables.Person(
                clinic=clinics[place >= 8],
                kind="partner" if place in (*PARTNERS, 8) else "staff",
                name_used=f"P{place}",
            )
            for place in range(10)
        ]
        tables.Person.objects.bulk_create(people)
        self.built = Built(plan, now, clinics, people)  # type: ignore[arg-type]
        self.waiting: dict[type[models.Model], list[Any]] = {}
        self.times = cycle(self.built.now + ago for ago in BEFORE_AND_UNDER)

    def add(
        self, thing: Any, seen_by: Callable[[Built, UUID], bool], item: Item, about: UUID | None = None
    ) -> Any:
        self.waiting.setdefault(type(thing), []).append(thing)
        self.built.rows.append(Row(type(thing), thing.id, item, seen_by, thing))
        self.built.made.setdefault((type(thing).__name__, about), thing)
        return thing

    def add_item(self, thing: Any, kind: str, **about: Any) -> Any:
        if kind in SHELTERED:
            name = "at" if isinstance(thing, tables.AuditEntry) else "recorded_at"
            setattr(thing, name, about.setdefault("at", next(self.times)))
        item = Item(thing.id, kind, thing.clinic_id, **about)
        return self.add(thing, by_item(item), item, about.get("subject") or about.get("couple"))

    def write(self) -> None:
        for model, things in self.waiting.items():
            model._default_manager.bulk_create(things)
        self.waiting.clear()


def span(now: datetime, when: str) -> tuple[datetime, datetime | None]:
    """`since` and `until` of something that holds always, held in the past, will hold, or holds until later."""
    match when:
        case "always":
            return now - 30 * DAY, None
        case "past":
            return now - 30 * DAY, now - HOUR
        case "future":
            return now + HOUR, None
        case _:
            return now - HOUR, now + HOUR


def build(plan: Plan) -> Built:
    """Write the plan down; the connection is the bare web login again afterwards."""
    with loading():
        b = Builder(plan)
        _people(b)
        _couples(b)
        _assignments(b)
        b.write()
        for place in (*PATIENTS, OUTSIDER):
            _about_person(b, b.built.people[place])
        for couple, places in b.built.couples:
            _about_couple(b, couple, places)
        b.write()
        _given(b)
        b.write()
    return b.built


def _people(b: Builder) -> None:
    built = b.built
    for place, person in enumerate(built.people):
        kind, clinic = person.kind, person.clinic_id
        b.built.rows.append(
            Row(
                tables.Person,
                person.id,
                item := Item(person.id, "person.name", clinic, subject=person.id),
                lambda w, viewer, kind=kind, clinic=clinic, item=item: (
                    w.world.clinic_of[viewer] == clinic
                    and (kind == "staff" or may_see(w.world, viewer, item).allowed)
                ),
                person,
            )
        )
        b.add(
            tables.User(email=f"{person.id}@example.org", person=person, password="!"),
            lambda w, viewer, person=person: (
                viewer == person.id
                or may_write(
                    w.world, viewer, "invitation", clinic=person.clinic_id, subject=person.id, couple=None
                ).allowed
            ),
            Item(person.id, "login", clinic, subject=person.id),
        )
        if place in STAFF or place == OTHER_LEAD:
            b.add(
                tables.Credential(
                    clinic_id=clinic, person=person, kind="licence", reference="x", filed_by=person
                ),
                lambda w, viewer, clinic=clinic: w.world.clinic_of[viewer] == clinic,
                Item(person.id, "clinic", clinic),
            )
            b.add(
                tables.PushAddress(
                    clinic_id=clinic,
                    person=person,
                    endpoint=f"https://push.example.org/{person.id}",
                    public_key="x",
                    secret="x",
                ),
                lambda w, viewer, person=person: viewer == person.id,
                Item(person.id, "clinic", clinic),
            )
    roles = set()
    for place, role, when in (*b.plan.roles, (OTHER_LEAD, "lead", "always")):
        since, until = span(built.now, when)
        person = built.people[place]
        if until is None and (place, role) in roles:
            continue
        roles.add((place, role))
        b.add(
            tables.StaffRole(clinic_id=person.clinic_id, person=person, role=role, since=since, until=until),
            lambda w, viewer, clinic=person.clinic_id: w.world.clinic_of[viewer] == clinic,
            Item(person.id, "clinic", person.clinic_id),
        )
    for clinic in built.clinics:
        of_clinic = lambda w, viewer, clinic=clinic: w.world.clinic_of[viewer] == clinic.id  # noqa: E731
        built.rows.append(
            Row(tables.Clinic, clinic.id, Item(clinic.id, "clinic", clinic.id), of_clinic, clinic)
        )
        for model in (
            tables.Room,
            tables.Device,
            tables.ProtocolVersion,
            tables.ConsentText,
            tables.ClinicInstrument,
        ):
            thing = filled(model, {"Person": _of_clinic(built, clinic)}, clinic=clinic)
            b.add(thing, of_clinic, Item(thing.id, "clinic", clinic.id), clinic.id)
        b.write()
        _draft(b, clinic)
        _stock(b, clinic)


def _draft(b: Builder, clinic: Any) -> None:
    """A draft of the protocol's next version: its leads' alone."""
    protocol = b.built.own("ProtocolVersion", clinic.id)
    parents = {"Person": _of_clinic(b.built, clinic), "ProtocolVersion": protocol}
    thing = filled(tables.ProtocolDraft, parents, clinic=clinic)

    def is_lead(built: Built, viewer: UUID) -> bool:
        here = built.world.clinic_of[viewer] == clinic.id
        return here and (viewer, Relation.LEAD) in built.world.staff_roles

    b.add(thing, is_lead, Item(thing.id, "clinic", clinic.id), clinic.id)


def stock_row(model: type[models.Model], parents: dict[str, Any], **known: Any) -> Any:
    """A row about vials with whole numbers in it: a ledger takes no others."""
    whole = {
        "Vial": {"ug_per_ml": 50_000, "nominal_ul": 10_000},
        "VialEvent": {"kind": "receive", "volume_ul": 10_000},
    }
    return filled(model, parents, **(whole.get(model.__name__, {}) | known))


def _stock(b: Builder, clinic: Any) -> None:
    """One vial, its receipt, a discrepancy and its end, an inventory; a question about outcomes, and its run."""
    people = [person for person in b.built.people if person.clinic_id == clinic.id]
    parents: dict[str, Any] = {"Person": people[-1]}
    for name in STOCK_ROWS:
        thing = stock_row(getattr(tables, name), parents, clinic=clinic, author=people[0])
        parents[name] = thing
        item = Item(thing.id, "vials", clinic.id, author=people[0].id)
        b.add(thing, by_item(item), item, clinic.id)
        b.write()
    for name in OUTCOME_ROWS:
        thing = filled(getattr(tables, name), parents, clinic=clinic, author=people[0])
        parents[name] = thing
        item = Item(thing.id, "outcomes", clinic.id, author=people[0].id)
        b.add(thing, by_item(item), item, clinic.id)
        b.write()


def _of_clinic(built: Built, clinic: Any) -> Any:
    return next(person for person in built.people if person.clinic_id == clinic.id)


def _couples(b: Builder) -> None:
    """Each pairing parts whoever of the two was still in a couple."""
    built, plan = b.built, b.plan
    ended: dict[int, datetime] = {}
    together: dict[int, int] = {}
    for index, pair in enumerate(plan.pairings):
        for place in pair:
            if place in together:
                ended[together[place]] = built.now - 10 * DAY + index * HOUR
        together = {p: i for p, i in together.items() if i not in ended} | dict.fromkeys(pair, index)
    for index in plan.parted:
        ended.setdefault(index, built.now - DAY)
    for index, pair in enumerate(plan.pairings):
        parted_at = ended.get(index)
        couple = tables.Couple(clinic=built.clinics[0], formed_at=built.now - 20 * DAY, parted_at=parted_at)
        b.add_item(couple, "couple.link", couple=couple.id)
        for side, place in zip("ab", pair, strict=True):
            member = tables.Membership(
                clinic=built.clinics[0], couple=couple, person=built.people[place], side=side, until=parted_at
            )
            b.add_item(member, "couple.link", couple=couple.id)
        built.couples.append((couple, pair))


def _assignments(b: Builder) -> None:
    built, taken = b.built, set()
    for place, role, target, when in b.plan.assigned:
        since, until = span(built.now, when)
        if place == target:
            continue
        about: dict[str, Any] = {"subject": built.people[target]}
        if role == "couples_therapist":
            couple, pair = built.couples[target % len(built.couples)]
            if place in pair:
                continue
            about = {"couple": couple}
        key = (place, role, *(thing.id for thing in about.values()))
        if until is None and key in taken:
            continue
        taken |= {key} if until is None else set()
        staff = built.people[place]
        thing = tables.Assignment(
            clinic=built.clinics[0], staff=staff, role=role, since=since, until=until, **about
        )
        kind = (
            "care_team.sealed" if role == "safety" else "care_team" if "subject" in about else "couple.link"
        )
        item = Item(thing.id, kind, thing.clinic_id, subject=thing.subject_id, couple=thing.couple_id)
        b.add(
            thing,
            lambda w, viewer, item=item, staff=staff: (
                viewer == staff.id or may_see(w.world, viewer, item).allowed
            ),
            item,
        )


def _about_person(b: Builder, person: Any) -> None:
    built, place = b.built, b.built.people.index(person)
    clinic = person.clinic
    couple = next((c for c, pair in reversed(built.couples) if place in pair), None)
    author = built.people[b.plan.staff_author] if place < 8 else built.people[OTHER_LEAD]
    parents: dict[str, Any] = {
        "Device": tables.Device(clinic=clinic, identifier=str(new_id()), name="m"),
        "ConsentText": built.own("ConsentText", clinic.id),
        "ProtocolVersion": built.own("ProtocolVersion", clinic.id),
        "VialEvent": _drawn(b, clinic),
        "Person": author,
    }
    b.add(
        parents["Device"],
        lambda w, viewer: w.world.clinic_of[viewer] == clinic.id,
        Item(parents["Device"].id, "clinic", clinic.id),
    )
    b.write()
    common = {"clinic": clinic, "subject": person, "couple": couple, "author": author}
    for name, kind in PERSON_ROWS:
        model = getattr(tables, name)
        known: dict[str, Any] = {
            k: v for k, v in common.items() if any(f.name == k for f in model._meta.fields)
        }
        if name == "DosingSession":
            known |= _when_dosed(built, place)
        if name == "NextDayCall":
            known |= _when_rung(built, place)
        if name == "Sample":
            known["device"] = None
        if name == "ProcessNote":
            known["couple"] = None
        thing = filled(model, parents, **known)
        parents[name] = thing
        if name == "SafetyFlag":
            thing.response = parents["Response"] = _responses(b, person, common)
            b.write()
        if name in ("PartingRequest", "PartingAnswer"):
            about = {"couple": couple.id} if couple else {}
            b.add_item(thing, kind, subject=person.id, author=author.id, **about)
        elif name in ("Insight", "CalendarFeed"):
            item = Item(thing.id, kind, clinic.id, subject=person.id)
            b.add(thing, lambda w, viewer: viewer == person.id, item, person.id)
        else:
            b.add_item(thing, kind, subject=person.id, author=author.id)
        if name in (
            "Course",
            "Step",
            "Consent",
            "Order",
            "JointDecision",
            "DosingSession",
            "Alarm",
            "SafetyFlag",
            "Insight",
            "PartingRequest",
            "RecordRequest",
        ):
            b.write()
    older = filled(tables.InsightVersion, parents, **common, number=2)
    b.add_item(older, "insight", subject=person.id, author=author.id)
    built.made["older insight", person.id] = older
    for circle in ("message.care", "message.therapist"):
        for writer in (person, author):
            message = filled(tables.Message, parents, **(common | {"author": writer}), kind=circle)
            b.add_item(message, circle, subject=person.id, author=writer.id)
    _holds(b, common, parents)
    for place_of_author in {b.plan.staff_author, 4, 5}:
        for sealed in (False, True):
            entry = tables.AuditEntry(
                clinic=clinic,
                actor=built.people[place_of_author],
                action="viewed",
                subject=person,
                sealed=sealed,
            )
            kind = "access.sealed" if sealed else "access"
            b.add_item(entry, kind, subject=person.id, author=entry.actor_id)
    for other in {p for c, pair in built.couples for p in pair if place in pair and p != place}:
        entry = tables.AuditEntry(
            clinic=clinic, actor=built.people[other], action="opened", subject=person, item_kind="x"
        )
        b.add_item(entry, "access", subject=person.id, author=entry.actor_id)
    invitation = tables.Invitation(
        clinic=clinic, person=person, token_hash=str(new_id()), expires_at=built.now + DAY
    )
    b.add(
        invitation,
        lambda w, viewer: (
            may_write(w.world, viewer, "invitation", clinic=clinic.id, subject=person.id, couple=None).allowed
        ),
        Item(invitation.id, "invitation", clinic.id, subject=person.id),
    )


def _drawn(b: Builder, clinic: Any) -> Any:
    """A line that names no syringe, so that the use of one can name it: one for each person."""
    parents = {"Vial": b.built.own("Vial", clinic.id)}
    people = [person for person in b.built.people if person.clinic_id == clinic.id]
    counted = {"kind": "count", "volume_ul": 0, "observed_ul": 10_000, "witness": people[1]}
    line = stock_row(tables.VialEvent, parents, clinic=clinic, author=people[0], **counted)
    item = Item(line.id, "vials", clinic.id, author=people[0].id)
    return b.add(line, by_item(item), item)


def _when_dosed(built: Built, place: int) -> dict[str, Any]:
    day = built.plan.dosing[PATIENTS.index(place)] if place in PATIENTS else "today"
    away = {"today": 0, "cancelled": 0, "yesterday": -1, "tomorrow": 1, "none": 7}.get(day, -1)
    at = built.now + away * DAY
    if day in ("dosed", "rung"):
        at -= place * DAY  # two partners are never in a session at once
        times = {"scheduled_at": at, "arrived_at": at, "started_at": at + HOUR, "ended_at": at + 3 * HOUR}
        return times | {"outcome": "discharged"}
    return {"scheduled_at": at, "outcome": "cancelled" if day == "cancelled" else ""}


def _when_rung(built: Built, place: int) -> dict[str, Any]:
    is_closed = place in PATIENTS and built.plan.dosing[PATIENTS.index(place)] == "rung"
    return {"was_reached": True, "is_closed": is_closed}


def _responses(b: Builder, person: Any, common: dict[str, Any]) -> Any:
    """Drafts and sent answers of each kind, and the requests for them; gives back the sent suicide screen."""
    found = None
    for kind in KINDS_OF_RESPONSE:
        due_at = (
            b.built.now - (b.built.people.index(person) % 2) * 25 * DAY
        )  # now, or before the couple began
        request = filled(tables.Request, {}, **common, kind=kind, due_at=due_at)
        item = Item(
            request.id, kind, request.clinic_id, subject=person.id, author=request.author_id, at=due_at
        )
        b.add(
            request,
            lambda w, viewer, item=item: may_see_request(w.world, viewer, item).allowed,
            item,
            person.id,
        )
        for status in ("draft", "sent"):
            earlier = 25 * DAY if status == "sent" and b.built.people.index(person) == 2 else HOUR
            sent_at = b.built.now - earlier if status == "sent" else None
            answers = filled(
                tables.Response,
                {},
                **(common | {"author": person}),
                kind=kind,
                status=status,
                sent_at=sent_at,
            )
            b.add_item(
                answers, kind, subject=person.id, author=person.id, is_draft=status == "draft", at=sent_at
            )
            b.built.made[f"{kind} {status}", person.id] = answers
            found = answers if (kind, status) == ("screen.suicide", "sent") else found
    return found


def _holds(b: Builder, common: dict[str, Any], parents: dict[str, Any]) -> None:
    person = common["subject"]
    for number, (kind, read_as) in enumerate((("medical", "medical"), ("screen.suicide", "suicide.flag")), 2):
        step = b.add_item(filled(tables.Step, parents, **common, number=number), "pathway", subject=person.id)
        b.write()
        b.add_item(
            filled(tables.HoldReason, parents, **common, step=step, kind=kind), read_as, subject=person.id
        )


def _about_couple(b: Builder, couple: Any, places: tuple[int, int]) -> None:
    built = b.built
    author = built.people[b.plan.staff_author]
    common = {"clinic": couple.clinic, "couple": couple, "author": author}
    patient = next((p for p in places if p in PATIENTS), None)
    parents: dict[str, Any] = {"ConsentText": built.own("ConsentText", couple.clinic_id)}
    for name, kind in COUPLE_ROWS:
        if name == "InsightDiscussed" and patient is None:
            continue
        if patient is not None:
            parents["InsightVersion"] = built.own("InsightVersion", built.people[patient].id)
        for writer in (built.people[p] for p in places) if name in BY_EITHER else (author,):
            named = {"author": None} if name == "CoupleHold" else {"author": writer}
            named |= {"sign": parents["WarningSign"]} if name == "LaidAside" else {}
            thing = filled(getattr(tables, name), parents, **(common | named))
            parents[name] = thing
            b.add_item(thing, kind, couple=couple.id, author=writer.id)
        b.write()
    for writer in (author, *(built.people[p] for p in places)):
        message = filled(tables.Message, parents, **(common | {"author": writer}), kind="message.couple")
        b.add_item(message, "message.couple", couple=couple.id, author=writer.id)
    for member in (built.people[p] for p in places):
        about = {**common, "subject": member}
        for thing, kind in (
            (filled(tables.CycleNode, parents, **about), "cycle.node"),
            (filled(tables.Message, parents, **about, kind="message.alone"), "message.alone"),
        ):
            b.add_item(thing, kind, subject=member.id, couple=couple.id, author=author.id)
            built.made[f"{kind} {couple.id}", member.id] = thing
    entry = tables.AuditEntry(clinic=couple.clinic, actor=author, action="viewed", couple=couple)
    b.add_item(entry, "access.couple", couple=couple.id, author=author.id)
    for place in places:
        looked = tables.AuditEntry(
            clinic=couple.clinic, actor=built.people[place], action="viewed", couple=couple
        )
        b.add_item(looked, "access.couple", couple=couple.id, author=looked.actor_id)
    clinic_entry = tables.AuditEntry(clinic=couple.clinic, actor=author, action="published a text")
    b.add_item(clinic_entry, "access")


# ------------------------------------------------------------------------- grants, releases, glass, receipts; the world


def _given(b: Builder) -> None:
    built, plan = b.built, b.plan
    built.world = World(
        now=built.now,
        clinic_of={person.id: person.clinic_id for person in built.people},
        pairs=tuple(
            Pair(c.id, (built.people[i].id, built.people[j].id), c.parted_at, c.formed_at)
            for c, (i, j) in built.couples
        ),
        assigned=tuple(
            Assigned(a.staff_id, Relation(a.role), a.subject_id, a.couple_id, a.since, a.until)
            for a in _objects(built, tables.Assignment)
        ),
        staff_roles=_staff_roles(built),
        granted=tuple(_grants(b)),
        released=tuple(_releases(b)),
        broken_glass=tuple(_glass(b)),
        shelters=tuple(_shelters(b)),
        close=frozenset(_close(b)),
        opened=dict(_receipts(b)),
        dosing_days=frozenset(
            (built.people[place].id, built.now.date())
            for place, day in zip(PATIENTS, plan.dosing, strict=True)
            if day == "today"
        )
        | {(built.people[OUTSIDER].id, built.now.date())},
        today=built.now.date(),
        to_be_rung=frozenset(
            built.people[place].id for place, day in zip(PATIENTS, plan.dosing, strict=True) if day == "dosed"
        ),
    )


def _staff_roles(built: Built) -> frozenset[tuple[UUID, Relation]]:
    return frozenset(
        (r.person_id, Relation(r.role))
        for r in _objects(built, tables.StaffRole)
        if r.since <= built.now and (r.until is None or r.until > built.now) and r.role in list(Relation)
    )


def _objects(built: Built, model: type[models.Model]) -> Iterator[Any]:
    return (row.object for row in built.rows if row.model is model)


def item_given(built: Built, person: UUID, kind: str) -> Any:
    """The row of this person that a grant of this kind names."""
    where = {
        "insight": "InsightVersion",
        "dosing.time": "DosingSession",
        "dosing.summary": "SessionSummary",
        "decision.status": "JointDecision",
    }
    return built.own(where.get(kind, f"{kind} sent"), person)


def _grants(b: Builder) -> Iterator[Granted]:
    built, taken = b.built, set()
    for place, kind, audience, state in b.plan.grants:
        giver = built.people[place]
        couple = next((c for c, pair in reversed(built.couples) if place in pair), None)
        if (place, kind, audience) in taken or (couple is None and audience != Relation.INDIVIDUAL_THERAPIST):
            continue
        taken.add((place, kind, audience))
        later, thing = state.endswith("later"), item_given(built, giver.id, kind)
        things = [thing] * (1 + REPLACED.get(state, 0))
        if kind == "insight":  # the words given first are others
            things = [built.own("older insight", giver.id), *things[1:]] if len(things) > 1 else things
        before: Any = None
        for number, (at, given) in enumerate(
            zip(sorted(next(b.times) for _ in things), things, strict=True), 1
        ):
            is_over = number < len(things) or state.endswith("revoked")
            grant = tables.Grant(
                clinic=giver.clinic,
                subject=giver,
                author=giver,
                couple=couple,
                item_kind=kind,
                item_id=given.id,
                audience=audience,
                opens_at=built.now + DAY if later and number == len(things) else built.now - HOUR,
                revoked_at=built.now - HOUR / 2 if is_over else None,
                recorded_at=at,
                replaces=before,
            )
            item = Item(given.id, kind, giver.clinic_id, subject=giver.id)
            b.add(grant, lambda w, viewer, grant=grant, item=item: _sees_grant(w, viewer, grant, item), item)
            yield _as_the_rules_see_it(grant)
            before = grant


def _as_the_rules_see_it(grant: Any) -> Granted:
    return Granted(
        grant.item_id,
        grant.item_kind,
        grant.subject_id,
        grant.audience,
        grant.couple_id,
        grant.opens_at,
        grant.revoked_at,
        grant.recorded_at,
        grant.id,
        grant.replaces_id,
    )


def _sees_grant(built: Built, viewer: UUID, grant: Any, item: Item) -> bool:
    """The giver; of an insight opened to them a partner the gift they have; its other readers that it stands."""
    if viewer == grant.subject_id:
        return True
    if item.kind != "insight" or grant.opens_at > built.now or not may_see(built.world, viewer, item):
        return False
    if grant.subject_id not in built.world.intimates(viewer):
        return grant.revoked_at is None
    has = {each.id for each in given_to(built.world, viewer) if each.audience == Relation.PARTNER}
    return grant.id in has


def _releases(b: Builder) -> Iterator[Released]:
    built, taken = b.built, set()
    for place, (data_class, to), withdrawn in b.plan.releases:
        person = built.people[place]
        text = tables.ConsentText(
            clinic=person.clinic,
            kind="release",
            code=data_class,
            version=1 + place,
            title="x",
            body="x",
            sha256="x",
        )
        if (place, data_class, to) in taken:
            continue
        if (place, data_class) not in {key[:2] for key in taken}:
            b.add(
                text,
                lambda w, viewer, c=person.clinic_id: w.world.clinic_of[viewer] == c,
                Item(text.id, "clinic", text.clinic_id),
            )
            built.made[f"text {data_class}", person.id] = text
        taken.add((place, data_class, to))
        # As it ends, so it is seen: before the couple began, or since.
        at = built.now - (25 * DAY if place % 2 else HOUR) if withdrawn else None
        signed = filled(
            tables.Consent,
            {},
            clinic=person.clinic,
            subject=person,
            author=person,
            couple=None,
            text=built.made[f"text {data_class}", person.id],
            release_class=data_class,
            release_to=to,
            withdrawn_at=at,
        )
        b.add_item(
            signed,
            "consent.couples" if to == Relation.COUPLES_THERAPIST else "consent",
            subject=person.id,
            author=person.id,
            at=at,
        )
        yield Released(person.id, data_class, to, at)


def _glass(b: Builder) -> Iterator[Glass]:
    built = b.built
    for place, about, index, is_open in b.plan.glass:
        author = built.people[place]
        expires_at = built.now + (HOUR if is_open else -HOUR)
        target = (
            {"subject": built.people[PATIENTS[index]]}
            if about == "person"
            else {"couple": built.couples[index % len(built.couples)][0]}
        )
        row = tables.BreakGlass(
            clinic=author.clinic, author=author, reason="x", expires_at=expires_at, **target
        )
        b.add_item(row, "break_glass", author=author.id, **{key: value.id for key, value in target.items()})
        yield Glass(author.id, row.subject_id, row.couple_id, expires_at)


def _shelters(b: Builder) -> Iterator[Sheltered]:
    """Who is sheltered now, and who was."""
    built, stands = b.built, set()
    for place, does_stand in b.plan.sheltered:
        person = built.people[place]
        if does_stand and place in stands:
            continue
        stands |= {place} if does_stand else set()
        begins, ends = SHELTERS[does_stand]
        since, until = built.now + begins, built.now + ends if ends else None
        row = tables.Shelter(
            clinic=person.clinic, subject=person, author=person, recorded_at=since, until=until
        )
        b.add_item(row, "shelter", subject=person.id, author=person.id)
        yield Sheltered(person.id, since, until)


def _close(b: Builder) -> Iterator[tuple[UUID, UUID]]:
    """Who is kept from whose chart now; and what was said of it and holds no more."""
    built, said = b.built, set()
    for place, about, holds in b.plan.close:
        staff, person = built.people[place], built.people[about]
        if (place, about) in said:
            continue
        said.add((place, about))
        row = tables.CloseTo(
            clinic=person.clinic,
            subject=person,
            author=built.people[7],
            staff=staff,
            how="friend",
            until=None if holds else built.now - HOUR,
        )
        b.add_item(row, "close_to", subject=person.id, author=row.author_id)
        if holds:
            yield staff.id, person.id


def _receipts(b: Builder) -> Iterator[tuple[tuple[UUID, UUID], datetime]]:
    """Members of a couple who have opened what is theirs in common, and what the other gave."""
    built = b.built
    for place, (_, pair) in (
        (p, each) for p in sorted(b.plan.read_older) for each in built.couples if p in each[1]
    ):
        (other,) = {*pair} - {place}
        read = built.made.get(("older insight", built.people[other].id))
        if read is not None and (built.people[place].id, read.id) not in built.made:
            yield _receipt(
                b, built.people[place], "insight", read.id, built.people[other].id, built.now - 11 * HOUR / 2
            )
    shared = ("couple.shared", "message.couple", "insight")
    for place, which in b.plan.receipts:
        person = built.people[place]
        for couple, pair in built.couples:
            if place not in pair:
                continue
            (other,) = {*pair} - {place}
            common = [
                row
                for row in built.rows
                if row.item.kind in shared
                and (row.item.couple == couple.id or row.item.subject == built.people[other].id)
            ]
            row = common[which % len(common)]
            if (person.id, row.id) not in built.made:
                yield _receipt(b, person, row.item.kind, row.id, row.item.subject, next(b.times))


def _receipt(
    b: Builder, by: Any, kind: str, item: UUID, subject: UUID | None, at: datetime
) -> tuple[tuple[UUID, UUID], datetime]:
    receipt = tables.Receipt(
        clinic=by.clinic, author=by, item_kind=kind, item_id=item, subject_id=subject, recorded_at=at
    )
    b.built.made[by.id, item] = receipt  # type: ignore[index]
    b.add(receipt, lambda w, viewer: viewer == by.id, Item(receipt.id, "receipt", receipt.clinic_id))
    return (by.id, item), at
