"""The pure rule is the oracle of the SQL: in every drawn world both must agree, row by row, for every viewer."""

import os
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, models, transaction
from hypothesis import HealthCheck, Phase, example, given, settings

from bothwell import models as tables
from bothwell.privacy.circles import COUPLE_KINDS, READS, WITHIN_A_COUPLE, Relation
from bothwell.privacy.rule import (
    Item,
    given_to,
    may_see,
    may_share,
    may_write,
)
from tests.privacy.looking import accepts, changed, eyes_of, our_tables, visible
from tests.privacy.worlds import (
    BARE,
    COUPLE_ROWS,
    FULL,
    GIVEN,
    NEWER,
    OUTCOME_ROWS,
    PATIENTS,
    PLANS,
    STOCK_ROWS,
    Built,
    Plan,
    build,
    filled,
    item_given,
    stock_row,
)

pytestmark = pytest.mark.django_db

settings.register_profile(
    "walls",
    max_examples=int(os.environ.get("BOTHWELL_WORLDS", "25")),
    deadline=None,
    phases=[
        Phase.explicit,
        Phase.generate,
    ],  # a failing world is read as it was drawn: making it smaller takes minutes
    derandomize="BOTHWELL_WORLDS" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
WALLS = settings.get_profile("walls")

NOBODY_LOOKS = {"bothwell_doorkey", "bothwell_auditlink", "bothwell_analysisuse", "bothwell_noteskey"}
"""Tables no viewer has any right to."""

WRITTEN_AS = {
    "Contact": "person.contact",
    "ConsentReaffirmation": "consent.reaffirmed",
    "MedicalFact": "medical",
    "Resolution": "order",
    "Order": "order",
    "OrderWithdrawn": "order",
    "Preparation": "preparation",
    "Course": "pathway",
    "Step": "pathway",
    "JointDecision": "decision",
    "DecisionSignature": "decision.signature",
    "DosingSession": "dosing.time",
    "GateCheck": "dosing.flowsheet",
    "Administration": "dosing.flowsheet",
    "VialUse": "vials.use",
    "Discharge": "dosing.flowsheet",
    "SessionSummary": "dosing.summary",
    "Binding": "dosing.flowsheet",
    "Sample": "dosing.flowsheet",
    "Note": "dosing.flowsheet",
    "Channel": "dosing.flowsheet",
    "Alarm": "dosing.flowsheet",
    "AlarmEvent": "dosing.flowsheet",
    "AlarmSetting": "dosing.flowsheet",
    "AdverseEvent": "dosing.flowsheet",
    "NextDayCall": "dosing.flowsheet",
    "NextDayThoughts": "dosing.flowsheet",
    "ProgrammeForm": "dosing.flowsheet",
    "SafetyFlag": "suicide.flag",
    "SafetyFlagAcknowledged": "suicide.acknowledged",
    "SafetyFlagClosed": "suicide.closed",
    "Answered": "measure",
    "Insight": "insight",
    "InsightVersion": "insight",
    "Response": "measure",
    "Request": "request",
    "Consent": "consent",
    "HoldReason": "hold.reason",
    "ProcessNote": "process_note",
    "BreakGlass": "break_glass",
    "CoupleSession": "couple.shared",
    "CouplePause": "couple.shared",
    "CoupleHold": "couple.hold",
    "CoupleHoldLifted": "couple.hold.lifted",
    "SharedSummary": "couple.shared",
    "ExerciseGiven": "couple.doing",
    "ExerciseDone": "couple.doing",
    "ProgressNote": "couple.progress",
    "NoteDraft": "note.draft",
    "InsightDiscussed": "couple.progress",
    "DisclosureAgreement": "disclosure",
    "DisclosureSignature": "disclosure.signature",
    "InsightDraft": "insight",
    "CarePlanItem": "care_plan",
    "Appointment": "appointment",
    "PartingRequest": "parting.asked",
    "PartingAnswer": "parting.answered",
    "RecordRequest": "record.request",
    "RecordAnswer": "record.answered",
    "Disclosure": "disclosed",
    "LegalHold": "legal.hold",
    "Shelter": "shelter",
    "CycleMap": "couple.progress",
    "CycleShown": "couple.shared",
    "IndividualContact": "couple.alone",
    "CoupleCheckin": "couple.doing",
    "CoupleAgreement": "couple.doing",
    "AgreementAnswer": "couple.doing",
    "SupportPlan": "couple.shared",
    "WarningSign": "couple.doing",
    "LaidAside": "couple.aside",
    "PlanReview": "couple.doing",
    "JointRequest": "couple.request",
    "JointSignature": "couple.signed",
}
"""Which row of `circles.WRITES` a new row of each table falls under."""

CHANGED_IN = {
    "Contact": ("call_me", "text"),
    "Course": ("phase", "text"),
    "DosingSession": ("outcome", "text"),
    "Binding": ("until", "time"),
    "Channel": ("state", "json"),
    "Insight": ("set_aside_at", "time"),
    "CoupleSession": ("place", "text"),
    "ExerciseGiven": ("until", "time"),
    "CouplePause": ("until", "time"),
    "CarePlanItem": ("until", "time"),  # before assignments: a lead who prolongs one would then have it
    "ClinicInstrument": ("retired_at", "time"),
    "Response": ("band", "text"),
    "Consent": ("withdrawn_at", "time"),
    "Grant": ("opens_at", "time"),
    "Person": ("pronouns", "text"),
    "Couple": ("distinguished_by", "text"),
    "Membership": ("until", "time"),
    "Assignment": ("until", "time"),
    "StaffRole": ("until", "time"),
    "Clinic": ("country", "text"),
    "Device": ("name", "text"),
    "ProtocolVersion": ("signed_name", "text"),
    "ProtocolDraft": ("saved_at", "time"),
    "PushAddress": ("ended_at", "time"),
    "InsightDraft": ("closed_at", "time"),
    "NoteDraft": ("closed_at", "time"),
    "Appointment": ("place", "text"),
    "LegalHold": ("until", "time"),
    "PartingRequest": ("withdrawn_at", "time"),
    "JointSignature": ("withdrawn_at", "time"),
    "CloseTo": ("until", "time"),
    "Shelter": ("until", "time"),
    "CalendarFeed": ("ended_at", "time"),
}
"""A column of each table that may be changed at all; Room's only one (its name) is left to a test of its own."""


@given(PLANS)
@example(FULL)
@example(BARE)
@example(NEWER)
@WALLS
def test_whoever_looks_sees_what_the_rule_says_and_nothing_else(plan: Plan) -> None:
    with invented(plan) as world:
        for viewer in world.people:
            expected = world.visible_by_rule(viewer.id)
            with eyes_of(viewer.id) as cursor:
                found = visible(cursor, [table for table in our_tables() if table not in NOBODY_LOOKS])
            for table in our_tables():
                assert _named(world, found[table]) == _named(world, expected[table]), (
                    table,
                    name(world, viewer.id),
                )


@given(PLANS)
@example(FULL)
@example(BARE)
@WALLS
def test_whoever_writes_may_add_what_the_rule_says_and_nothing_else(plan: Plan) -> None:
    with invented(plan) as world:
        for place, viewer in enumerate(world.people):
            subject = world.people[PATIENTS[(place // 2 + plan.staff_author) % len(PATIENTS)]]
            couple = world.couples[place % len(world.couples)][0]
            about = viewer if ("Contact", viewer.id) in world.made and place % 2 else subject
            with eyes_of(viewer.id) as cursor:
                for thing, allowed in new_rows(world, viewer, about, couple):
                    assert accepts(cursor, thing) == allowed, (
                        type(thing).__name__,
                        name(world, viewer.id),
                        name(world, about.id),
                    )


@given(PLANS)
@example(FULL)
@example(BARE)
@WALLS
def test_whoever_changes_may_change_what_the_rule_says_and_nothing_else(plan: Plan) -> None:
    columns = [(getattr(tables, model)._meta.db_table, *column) for model, column in CHANGED_IN.items()]
    with invented(plan) as world:
        for viewer in world.people:
            with eyes_of(viewer.id) as cursor:
                found = changed(cursor, columns)
            for model in CHANGED_IN:
                table = getattr(tables, model)._meta.db_table
                expected = {
                    row.id
                    for row in world.rows
                    if row.model._meta.db_table == table and may_change(world, viewer.id, row)
                }
                assert _named(world, found[table]) == _named(world, expected), (table, name(world, viewer.id))


class invented:
    """A drawn world, laid out for as long as the block lasts."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def __enter__(self) -> Built:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        return build(self.plan)

    def __exit__(self, *raised: Any) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)


def name(world: Built, person: UUID) -> str:
    return next(p.name_used for p in world.people if p.id == person)


def _named(world: Built, keys: set[UUID]) -> set[str]:
    """Rows by what they are, so that a failing example can be read."""
    known = {
        row.id: f"{row.item.kind} of {_whose(world, row.item)} {str(row.id)[-6:]}"
        for row in world.rows
        if row.id in keys
    }
    return {known.get(key, f"unknown {key}") for key in keys}


def _whose(world: Built, item: Item) -> str:
    if item.subject:
        return name(world, item.subject)
    return next(
        (f"couple {pair}" for couple, pair in world.couples if couple.id == item.couple), "the clinic"
    )


# ------------------------------------------------------------------------------------------------------- new rows


def new_rows(world: Built, viewer: Any, subject: Any, couple: Any) -> list[tuple[Any, bool]]:
    """A new row for every table in the viewer's own name, and whether the rule lets them add it."""
    rules = world.world

    def may(kind: str, *, about: UUID | None = None, pair: UUID | None = None) -> bool:
        return may_write(rules, viewer.id, kind, clinic=viewer.clinic_id, subject=about, couple=pair).allowed

    rows = []
    for model in WRITTEN_AS:
        if model in dict(COUPLE_ROWS) and model != "ProcessNote":
            rows.append((_of_couple(world, model, viewer, couple), may(WRITTEN_AS[model], pair=couple.id)))
        else:
            rows.append((_of_person(world, model, viewer, subject), may(WRITTEN_AS[model], about=subject.id)))
    common = {"clinic": viewer.clinic, "author": viewer}
    for circle in ("message.care", "message.therapist"):
        message = _of_person(world, "Message", viewer, subject)
        message.kind = circle
        rows.append((message, may(circle, about=subject.id)))
    for member in (subject, *(p for p in world.people if p.id in _members(world, couple))):
        about = {**common, "subject": member, "couple": couple}
        parents = _parents(world, tables.CycleNode, couple.id, couple.clinic_id)
        for thing, kind in (
            (filled(tables.CycleNode, parents, **about), "cycle.node"),
            (filled(tables.Message, parents, **about, kind="message.alone"), "message.alone"),
            (filled(tables.PartingRequest, {}, **about), "parting.asked"),
            (_parting_answer(world, member, about), "parting.answered"),
        ):
            if thing is None:
                continue
            rows.append((thing, may(kind, about=member.id, pair=couple.id)))
    message = filled(tables.Message, {}, **common, couple=couple, kind="message.couple")
    rows.append((message, may("message.couple", pair=couple.id)))
    rows += [
        (filled(tables.CalendarFeed, {}, **common, subject=subject), viewer.id == subject.id),
        (tables.ProcessNote(**common, couple=couple, text="x"), may("process_note", pair=couple.id)),
        (_glass(world, viewer, couple=couple), may("break_glass", pair=couple.id)),
        (tables.AuditEntry(clinic=viewer.clinic, actor=viewer, action="viewed", subject=subject), True),
        (tables.AuditEntry(clinic=viewer.clinic, actor=subject, action="viewed"), viewer.id == subject.id),
        (
            _of(tables.Assignment, viewer, staff=world.people[7], role="nurse", subject=subject),
            may("care_team", about=subject.id),
        ),
        (
            _of(tables.Assignment, viewer, staff=world.people[7], role="safety", subject=subject),
            may("care_team.sealed", about=subject.id),
        ),
        (
            _of(tables.Assignment, viewer, staff=world.people[7], role="couples_therapist", couple=couple),
            may("care_team", pair=couple.id),
        ),
        *(
            (
                _of(tables.CloseTo, viewer, author=viewer, staff=world.people[place], subject=subject),
                may("close_to", about=subject.id) and place != PATIENTS[0],
            )
            for place in (6, PATIENTS[0])  # nobody in care is close to anybody in this sense
        ),
        (tables.Couple(clinic=viewer.clinic), may("couple.link")),
        (
            _of(tables.Membership, viewer, couple=couple, person=subject),
            may("couple.link", pair=couple.id) and _by_role(world, viewer, subject),
        ),
        (tables.Person(clinic=viewer.clinic, kind="partner", name_used="x"), may("person.name")),
        (_of(tables.Invitation, viewer, person=subject, made_by=viewer), may("invitation", about=subject.id)),
        (_of(tables.StaffRole, viewer, person=subject), _is_lead(world, viewer)),
        (_of(tables.Room, viewer), bool(_clinic_roles(world, viewer))),
        (_of(tables.ConsentText, viewer), _is_lead(world, viewer)),
        *((_of_stock(world, model, viewer), may("vials")) for model in STOCK_ROWS),
        *((_of_stock(world, model, viewer), may("outcomes")) for model in OUTCOME_ROWS),
    ]
    if (
        viewer.clinic_id != subject.clinic_id
    ):  # in their own clinic's name, about people of another: never, logs apart
        rows = [(thing, allowed and _names_nobody(thing)) for thing, allowed in rows]
    seen_or_not = [
        row
        for row in world.rows
        if row.id == row.item.id
        and row.item.kind in ("couple.shared", "message.couple", "insight")
        and row.model is not tables.CouplePause
    ]
    for row in seen_or_not[:: max(1, len(seen_or_not) // 6)]:
        rows.append(
            (
                _of(tables.Receipt, viewer, author=viewer, item_kind=row.item.kind, item_id=row.id),
                _sees(world, viewer, row),
            )
        )
    for kind in GIVEN:
        for audience in (Relation.PARTNER, Relation.INDIVIDUAL_THERAPIST, Relation.COUPLES_THERAPIST):
            rows.append(_grant(world, viewer, subject, kind, audience))
    return rows


def _parting_answer(world: Built, member: Any, about: dict[str, Any]) -> Any:
    """An answer to what this person asked, where they asked within this couple."""
    asked = world.made.get(("PartingRequest", member.id))
    if asked is None or asked.couple_id != about["couple"].id:
        return None
    return filled(tables.PartingAnswer, {"PartingRequest": asked}, **about)


def _members(world: Built, couple: Any) -> set[UUID]:
    return next({world.people[p].id for p in pair} for c, pair in world.couples if c.id == couple.id)


def _names_nobody(thing: Any) -> bool:
    of_the_clinic = (tables.AuditEntry, tables.Couple, tables.Person, tables.Room, tables.ConsentText)
    return type(thing) in of_the_clinic or type(thing).__name__ in (*STOCK_ROWS, *OUTCOME_ROWS)


def _of_stock(world: Built, model: str, viewer: Any) -> Any:
    table = getattr(tables, model)
    parents = _parents(world, table, viewer.clinic_id, viewer.clinic_id)
    colleague = next(p for p in world.people if p.clinic_id == viewer.clinic_id and p.id != viewer.id)
    return stock_row(table, parents | {"Person": colleague}, clinic=viewer.clinic, author=viewer)


def _of(model: type[models.Model], viewer: Any, **known: Any) -> Any:
    return filled(model, {}, clinic=viewer.clinic, **known)


def _parents(world: Built, model: type[models.Model], about: UUID, clinic: UUID) -> dict[str, Any]:
    found = {}
    for column in model._meta.concrete_fields:
        if isinstance(column, models.ForeignKey):
            parent = column.related_model.__name__
            found[parent] = world.made.get((parent, about)) or world.made.get((parent, clinic))
    return found


def _of_person(world: Built, model: str, viewer: Any, subject: Any) -> Any:
    if model == "BreakGlass":
        return _glass(world, viewer, subject=subject)
    table = getattr(tables, model)
    known: dict[str, Any] = {"author": viewer} if any(f.name == "author" for f in table._meta.fields) else {}
    if any(f.name == "device" and f.null for f in table._meta.fields):
        known["device"] = None
    parents = _parents(world, table, subject.id, subject.clinic_id)
    if model == "Binding":
        parents["Device"] = next(
            r.object
            for r in world.rows
            if r.model is tables.Device and r.object.clinic_id == viewer.clinic_id
        )
    return filled(table, parents, clinic=viewer.clinic, subject=subject, **known)


def _of_couple(world: Built, model: str, viewer: Any, couple: Any) -> Any:
    table = getattr(tables, model)
    parents = _parents(world, table, couple.id, couple.clinic_id)
    pair = next(pair for c, pair in world.couples if c.id == couple.id)
    if "InsightVersion" in parents:
        parents["InsightVersion"] = next(
            world.own("InsightVersion", world.people[p].id) for p in pair if p in PATIENTS
        )
    author = None if model == "CoupleHold" else viewer  # whose answer it was is told to nobody
    return filled(table, parents, clinic=viewer.clinic, couple=couple, author=author)


def _glass(world: Built, viewer: Any, **about: Any) -> Any:
    return tables.BreakGlass(clinic=viewer.clinic, author=viewer, reason="x", expires_at=world.now, **about)


def _grant(world: Built, viewer: Any, subject: Any, kind: str, audience: Relation) -> tuple[Any, bool]:
    thing = item_given(world, subject.id, kind)
    couple = next(
        (c for c, pair in world.couples if c.is_together and viewer in [world.people[p] for p in pair]), None
    )
    grant = _of(
        tables.Grant,
        viewer,
        subject=viewer,
        author=viewer,
        couple=couple,
        item_kind=kind,
        item_id=thing.id,
        audience=audience,
    )
    return grant, may_share(
        world.world, viewer.id, Item(thing.id, kind, subject.clinic_id, subject=subject.id), audience
    ).allowed


def _sees(world: Built, viewer: Any, row: Any) -> bool:
    return may_see(world.world, viewer.id, row.item).allowed


def _clinic_roles(world: Built, viewer: Any) -> frozenset[Relation]:
    return world.world.clinic_roles_of(viewer.id)


def _is_lead(world: Built, viewer: Any) -> bool:
    return Relation.LEAD in _clinic_roles(world, viewer)


def _by_role(world: Built, viewer: Any, subject: Any) -> bool:
    return subject.id not in world.world.intimates(viewer.id)


# --------------------------------------------------------------------------------------------------------- changes


def may_change(world: Built, viewer: UUID, row: Any) -> bool:
    """Whether the rule lets this viewer change this row in the column that may change."""
    thing, rules = row.object, world.world

    def may(kind: str, **about: UUID | None) -> bool:
        clinic = getattr(thing, "clinic_id", None) or thing.id
        return may_write(
            rules, viewer, kind, clinic=clinic, subject=about.get("subject"), couple=about.get("couple")
        ).allowed

    own = getattr(thing, "subject_id", None) == viewer
    match type(thing).__name__:
        case "Response":
            return own and thing.status == "draft"
        case "Consent":
            return own and thing.withdrawn_at is None
        case "Grant":
            return own and thing.revoked_at is None
        case "Person":
            return may("person.name", subject=thing.id)
        case "CalendarFeed":
            return own
        case "ExerciseGiven":
            return may("couple.shared", couple=thing.couple_id)
        case "CloseTo":
            return may("close_to", subject=thing.subject_id)
        case "JointSignature":
            here = rules.clinic_of[viewer] == thing.clinic_id
            return here and thing.author_id == viewer and thing.withdrawn_at is None
        case "NoteDraft":
            return thing.author_id == viewer and rules.clinic_of[viewer] == thing.clinic_id
        case "Shelter":
            return may("shelter.ended", subject=thing.subject_id)
        case "PushAddress":
            return thing.person_id == viewer
        case "Couple":
            return may("couple.parting", couple=thing.id)
        case "Membership":
            return thing.until is None and may("couple.parting", couple=thing.couple_id)
        case "Assignment":
            kind = "care_team.sealed" if thing.role == "safety" else "care_team"
            return may(kind, subject=thing.subject_id, couple=thing.couple_id)
        case "StaffRole" | "ProtocolVersion" | "ProtocolDraft" | "Clinic" | "Device" | "ClinicInstrument":
            allowed = (
                {Relation.LEAD, Relation.COORDINATOR} if type(thing) is tables.Device else {Relation.LEAD}
            )
            of_clinic = getattr(thing, "clinic_id", thing.id) == rules.clinic_of[viewer]
            return of_clinic and bool(allowed & rules.clinic_roles_of(viewer))
        case table if table in dict(COUPLE_ROWS):
            return may(WRITTEN_AS[table], couple=thing.couple_id)
        case table if WRITTEN_AS[table] in WITHIN_A_COUPLE:
            return may(WRITTEN_AS[table], subject=thing.subject_id, couple=thing.couple_id)
        case table:
            return may(WRITTEN_AS[table], subject=thing.subject_id)


def test_every_cell_of_the_table_opens_something_in_the_two_fixed_worlds() -> None:
    """Else a cell could be wrong in SQL and no drawn world would show it."""
    opened = set()
    for plan in (FULL, BARE):
        with invented(plan) as world:
            for row in (row for row in world.rows if row.item.kind in READS):
                for viewer in world.people:
                    decision = may_see(world.world, viewer.id, row.item)
                    opened |= {(row.item.kind, decision.reason)} if decision else set()
    cells = {
        (kind, f"{who}: {way}") for kind, row in READS.items() for who, cell in row.items() for way in cell
    }
    # A couple's two are "oneself" there; blocked time is no row but a question, asked in test_curious.
    no_rows = {
        cell
        for cell in cells
        if cell[0] == "dosing.busy" or (cell[0] in COUPLE_KINDS and cell[1] == "partner: Y")
    }
    assert cells - opened - no_rows == set()


def test_older_words_stand_for_newer_ones_in_a_fixed_world() -> None:
    with invented(NEWER) as world:
        stand_ins = {
            grant.id
            for person in world.people
            for grant in given_to(world.world, person.id)
            if grant.revoked_at is not None
        }
    assert stand_ins


def test_every_table_is_in_the_drawn_worlds() -> None:
    worlds = Plan(
        pairings=((0, 1),),
        assigned=((4, "nurse", 0, "always"),),
        grants=((0, "insight", Relation.PARTNER, "open"),),
        glass=((4, "person", 0, True),),
        receipts=frozenset({(0, 0)}),
        sheltered=((0, True),),
        close=((4, 0, True),),
    )
    with invented(worlds) as world:
        drawn = {row.model._meta.db_table for row in world.rows}
    assert set(our_tables()) - drawn == NOBODY_LOOKS


def test_every_column_that_may_change_is_in_a_table_of_the_change_test() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select relname from pg_class where relname like 'bothwell%%' and relkind = 'r'"
            " and has_any_column_privilege('bothwell_viewer', oid, 'UPDATE')"
        )
        found = {table for (table,) in cursor.fetchall()}
    assert found - {getattr(tables, model)._meta.db_table for model in CHANGED_IN} == {"bothwell_room"}
