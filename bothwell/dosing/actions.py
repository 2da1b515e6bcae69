"""Everything written about a dosing session, from the order to the signed discharge.

Nothing here decides: `order`, `gates` and `discharge` do, and the database refuses two partners at once.
Blood pressures and oximetry come from the monitoring slice, which is built on this one, so they are handed in.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bothwell.couples.models import Assignment, Person, Role, Room, StaffRole, open_at
from bothwell.decision import Decision
from bothwell.dosing import discharge as discharging
from bothwell.dosing import flowsheet
from bothwell.dosing import gates as gating
from bothwell.dosing import order as ordering
from bothwell.dosing.models import (
    Administration,
    Discharge,
    DosingSession,
    GateCheck,
    Order,
    SessionSummary,
)
from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Response, SafetyFlag
from bothwell.instruments.safety_actions import SUICIDE
from bothwell.instruments.scoring import watched
from bothwell.later import later, tell
from bothwell.pathway import actions as pathway
from bothwell.pathway import steps
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.models import Course
from bothwell.pathway.schema import Route
from bothwell.privacy import audit
from bothwell.privacy.actions import reaffirm
from bothwell.privacy.models import Consent
from bothwell.refusal import Refused, Stale

SENTENCES = {
    "never_both_partners_at_once": (
        "Another session in this couple's care is open. It must be signed off before this one can begin."
    ),
    "one_session_a_person_at_a_time": "This person has another session open. Sign that one off first.",
    "one_session_a_room_at_a_time": "This room is taken. Choose another room.",
}


# ── orders ─────────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def order(
    *,
    by: Person,
    course: Course,
    dose_mg: Decimal,
    weight_kg: Decimal,
    minutes: int | None,
    product: str,
    concentration_mg_per_ml: Decimal | None,
    antiemetic: str = "",
    out_of_range_reason: str = "",
    second_signature: Person | None = None,
    request_id: UUID | None = None,
) -> Order:
    """A prescriber signs the order for the next session; out of range, with a reason and a second signature.

    `request_id` comes from the form and becomes the order's id: posted twice, it is signed once.
    """
    if request_id and (kept := Order.objects.filter(id=request_id, author=by).first()):
        return kept
    if steps.Role.PRESCRIBER not in pathway.roles_towards(by, pathway.subject_of(course), course.couple_id):
        raise Refused("Only the prescriber signs an order.")
    if not course.route:
        raise Refused("The joint decision names the route; there is none yet.")
    check = ordering.check_dose(
        pathway.protocol_of(course.protocol),
        route=Route(course.route),
        dose_mg=dose_mg,
        weight_kg=weight_kg,
        infusion_minutes=Decimal(minutes) if minutes else None,
        ordered_by=str(by.id),
        second_signature_by=str(second_signature.id) if second_signature else "",
        out_of_range_reason=out_of_range_reason,
    )
    Refused.unless(check.decision)
    if check.needs_second_signature:
        _second_prescriber(by, second_signature)
    row = Order(
        clinic_id=by.clinic_id, subject_id=course.subject_id, couple_id=course.couple_id, author=by,
        course=course,
        route=course.route, dose_mg=dose_mg, weight_kg=weight_kg, minutes=minutes,
        product=product.strip()[:120], concentration_mg_per_ml=concentration_mg_per_ml,
        antiemetic=antiemetic.strip()[:120], out_of_range_reason=out_of_range_reason.strip(),
        second_signature=second_signature, **({"id": request_id} if request_id else {}),
    )  # fmt: skip
    row.save(force_insert=True)
    audit.log("ordered", by=by, subject=course.subject_id, item_kind="medical", item_id=row.id)
    return row


def _second_prescriber(by: Person, second: Person | None) -> None:
    """Whoever signs beside the orderer prescribes in this clinic too, now."""
    held = StaffRole.objects.filter(
        open_at(timezone.now()), person=second, role=Role.PRESCRIBER, clinic_id=by.clinic_id
    )
    if second is None or second.id == by.id or not held.exists():
        raise Refused("The second signature must be another prescriber's of this clinic.")


def volume_ml(ordered: Order) -> Decimal | None:
    """The volume of the ordered dose (mL, not rounded); none where the order names no concentration."""
    if not ordered.concentration_mg_per_ml:
        return None
    return ordered.dose_mg / ordered.concentration_mg_per_ml


def volume_in_bag_ml(given: Iterable[Administration], minutes: int | None) -> Decimal | None:
    """What the ordered minutes run in (mL), diluted as it is, by the rate charted at the start; none without one.

    The order knows only the undiluted volume: a rate of the pump says nothing by that.
    """
    rate = next((row.rate_ml_per_h for row in given if row.event == Administration.Event.START), None)
    return rate * minutes / 60 if rate and minutes else None


def newest_order(course: Course) -> Order | None:
    """The order signed last, whether it was given or not."""
    return course.orders.order_by("-recorded_at").first()


def order_for(session: DosingSession) -> Order | None:
    """The order of this session: the one it was begun with, else the newest that no session has used yet."""
    if session.order is not None:
        return session.order
    used = DosingSession.objects.filter(course_id=session.course_id, order__isnull=False).values("order_id")
    return session.course.orders.exclude(id__in=used).order_by("-recorded_at").first()


# ── sessions ───────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def schedule(
    *, by: Person, course: Course, at: datetime, room: Room | None = None, request_id: UUID | None = None
) -> DosingSession:
    """Put one session of a course on the calendar; `request_id` becomes its id: one post, one session."""
    if request_id and (kept := DosingSession.objects.filter(id=request_id, course=course).first()):
        return kept
    if course.state != steps.State.ACTIVE:
        raise Refused(f"This course is {steps.words(course.state)}; nothing is scheduled in it.")
    session = DosingSession(
        clinic_id=by.clinic_id, subject_id=pathway.subject_of(course), couple_id=course.couple_id, author=by,
        course=course,
        number=course.sessions.exclude(outcome="cancelled").count() + 1, scheduled_at=at,
        room=room,
        **({"id": request_id} if request_id else {}),
    )  # fmt: skip
    session.save(force_insert=True)
    audit.log(
        "scheduled a session", by=by, subject=course.subject_id, item_kind="dosing.time", item_id=session.id
    )
    _tell(session)
    _plan_questions(session)
    return session


@transaction.atomic
def cancel(*, by: Person, session_id: UUID) -> None:
    """Take a session that nobody arrived for off the calendar."""
    session = _session(session_id)
    if not DosingSession.objects.filter(id=session_id, arrived_at__isnull=True, outcome="").update(
        outcome="cancelled"
    ):
        raise Stale("This session has begun, or was cancelled already.")
    audit.log(
        "cancelled a session", by=by, subject=session.subject_id, item_kind="dosing.time", item_id=session_id
    )
    _tell(session)
    _plan_questions(session)


@transaction.atomic
def arrive(*, by: Person, session_id: UUID, room: Room) -> DosingSession:
    """The person is here, in this room: until signed discharge no other session of the couple can open."""
    session = _session(session_id)
    _may_chart(by, session)
    if session.arrived_at is not None and session.ended_at is None and session.room_id == room.id:
        return session
    _one_after_another(f"couple {session.couple_id}", f"room {room.id}")
    _update(session, {"arrived_at": None, "outcome": ""}, arrived_at=timezone.now(), room=room)
    audit.log("arrived", by=by, subject=session.subject_id, item_kind="dosing.time", item_id=session.id)
    _tell(session)
    return _session(session_id)


def _one_after_another(*keys: str) -> None:
    """Two who arrive at once wait for each other, so that the second reads a sentence and not a deadlock."""
    with connection.cursor() as cursor:
        for key in sorted(keys):
            cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _update(session: DosingSession, still: Mapping[str, Any], **changes: Any) -> None:
    """Compare and set; the database's own refusals become sentences."""
    expected = {
        f"{name}__isnull" if value is None else name: value is None or value for name, value in still.items()
    }
    try:
        with transaction.atomic():
            changed = DosingSession.objects.filter(id=session.id, **expected).update(**changes)
    except IntegrityError as error:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "") or ""
        raise Refused(SENTENCES.get(name, "This session cannot be changed that way now.")) from error
    if not changed:
        raise Stale("Somebody else has just changed this session. Look at it again.")


def _session(session_id: UUID) -> DosingSession:
    session = (
        DosingSession.objects.select_related(
            "clinic", "course", "course__protocol", "couple", "room", "order", "subject"
        )
        .filter(id=session_id)
        .first()
    )
    if session is None:
        raise Refused("There is no such session.")
    return session


def _held(session_id: UUID) -> DosingSession:
    """The session, its row held until the transaction ends: two of the same post wait for each other."""
    DosingSession.objects.select_for_update().filter(id=session_id).values_list("id").first()
    return _session(session_id)


def may_chart(by: Person, session: DosingSession) -> bool:
    """Whether `by` is this person's nurse or prescriber now."""
    return bool(pathway.roles_towards(by, session.subject_id, session.couple_id) & CHART)


def _may_chart(by: Person, session: DosingSession) -> None:
    if not may_chart(by, session):
        raise Refused("Only this person's nurse or prescriber can do this.")


def _plan_questions(session: DosingSession) -> None:
    """What is asked before a session follows it at once: begun when it is soon, ended when it will not be."""
    later("measures.plan", clinic=session.clinic_id, person=session.subject_id)


def _tell(session: DosingSession) -> None:
    tell("room", session.id)
    tell("board", session.clinic_id, of=session.id)


# ── before a dose ──────────────────────────────────────────────────────────────────────────────────────

CHART = frozenset({steps.Role.NURSE, steps.Role.PRESCRIBER})
"""Who writes on a flowsheet."""
SUMMARISE = CHART | {steps.Role.INDIVIDUAL_THERAPIST}

# A slip of the hand, not a clinical limit: what a scale for adults can show, in kg.
WEIGHT_KG = (Decimal(20), Decimal(400))


@transaction.atomic
def check(
    *, by: Person, session_id: UUID, name: str, value: Any, note: str = "", request_id: UUID | None = None
) -> GateCheck:
    """One item of the checklist, answered by a person. Answering again is a new row; the newest counts.

    `value` by `name`: consent_reaffirmed bool · suicide_rescreened {risk: bool} · medications {changed: bool,
    what} · medications_seen True, by a prescriber · pregnancy {result} · fasting {confirmed: bool, food_at,
    drink_at: ISO 8601} · weight kg · antiemetic offered, given, declined · escort {name, phone, is_here} ·
    equipment a list of codes · staffing {prescriber, nurse, second: ids} · pressure_override the prescriber's
    reason. Raises Refused with what would be taken.
    """
    session = _held(session_id)
    _must_be_open(session)
    if request_id and (earlier := GateCheck.objects.filter(session=session, request_id=request_id).first()):
        return earlier
    _may_chart(by, session)
    clean = _answer(by, session, name, value)
    row = GateCheck(
        **_row(by, session), request_id=request_id, name=name, value=clean, note=note.strip()[:300]
    )
    row.save(force_insert=True)
    if name == "consent_reaffirmed" and clean:
        _reaffirm(by, session)
    audit.log(
        f"checked {name}", by=by, subject=session.subject_id, item_kind="dosing.flowsheet", item_id=session.id
    )
    _tell(session)
    return row


def _answer(by: Person, session: DosingSession, name: str, value: Any) -> Any:
    """The answer as it is kept, or Refused with what would be taken."""
    match name, value:
        case "consent_reaffirmed", bool():
            return value
        case "suicide_rescreened", {"risk": bool() as risk}:
            return {"risk": risk}
        case "weight", _:
            return _weighed(value)
        case "fasting", {"confirmed": bool() as confirmed}:
            return {"confirmed": confirmed, **_fasted(value)}
        case "antiemetic", str() if value in list(gating.Antiemetic):
            return value
        case "escort", {"name": str() as who, "phone": str() as phone, "is_here": bool() as is_here}:
            return _escorted(who.strip(), phone.strip(), is_here)
        case "pressure_override", str():
            return _override(by, session, value)
        case "medications", {"changed": bool() as changed, "what": str() as what}:
            return _changed(changed, what.strip())
        case "medications_seen", True:
            return _seen(by, session)
        case "pregnancy", {"result": str() as result} if result in list(gating.PregnancyTest):
            return {"result": result}
        case "equipment", list():
            return [code for code, _ in gating.EQUIPMENT if code in value]
        case "staffing", {"prescriber": prescriber, "nurse": nurse, "second": second}:
            return _team(by, str(prescriber), str(nurse), str(second))
    raise Refused("This is not an answer to an item of the checklist.")


def _escorted(name: str, phone: str, is_here: bool) -> dict[str, Any]:
    if not name:
        raise Refused("Name who will take the person home.")
    if not is_here and sum(each.isdigit() for each in phone) < 3:
        raise Refused("How is the escort reached? Give a telephone number, or say that they are here.")
    return {"name": name[:120], "phone": phone[:40], "is_here": is_here}


def _changed(is_changed: bool, what: str) -> dict[str, Any]:
    if is_changed and not what:
        raise Refused("Say which medicine changed, and how.")
    return {"changed": is_changed, "what": what[:600] if is_changed else ""}


def _seen(by: Person, session: DosingSession) -> bool:
    if steps.Role.PRESCRIBER not in pathway.roles_towards(by, session.subject_id, session.couple_id):
        raise Refused("Only the prescriber can say that they have seen it.")
    return True


def _team(by: Person, prescriber: str, nurse: str, second: str) -> dict[str, Any]:
    """Who is here, each with the role in this clinic; their names are kept as they were on that day."""
    if second == nurse:
        raise Refused("The second checker must be somebody else than the nurse.")
    known = {Role.PRESCRIBER: staff_who_are(Role.PRESCRIBER), Role.NURSE: staff_who_are(Role.NURSE)}
    checkers = {**known[Role.PRESCRIBER], **known[Role.NURSE]}
    asked = (
        (
            "prescriber",
            prescriber,
            known[Role.PRESCRIBER],
            "The prescriber on site must be one of this clinic's.",
        ),
        ("nurse", nurse, known[Role.NURSE], "The nurse must be one of this clinic's."),
        ("second", second, checkers, "The second checker must be a nurse or prescriber of this clinic."),
    )
    for _, who, among, words in asked:
        if who not in among:
            raise Refused(words)
    return {part: {"id": who, "name": among[who].signs_as} for part, who, among, _ in asked}


def staff_who_are(role: Role) -> dict[str, Person]:
    """Everyone in the viewer's clinic who is qualified as this now, by id as text, in the order of their names."""
    held = StaffRole.objects.filter(open_at(timezone.now()), role=role).select_related("person")
    return {str(one.person_id): one.person for one in held.order_by("person__name_used", "person_id")}


def _weighed(value: Any) -> str:
    try:
        kg = Decimal(str(value))
    except InvalidOperation:
        raise Refused("The weight is a number of kilograms.") from None
    low, high = WEIGHT_KG
    if not kg.is_finite() or not low <= kg <= high:
        raise Refused(f"The weight can only be {low} to {high} kg. Check the number and the unit.")
    return str(kg.quantize(Decimal("0.1")))


def _fasted(value: Mapping[str, Any]) -> dict[str, str]:
    """When food and drink were last taken. Fasting cannot be judged without both, nor by a time to come."""
    times = {}
    for name, words in (("food_at", "food"), ("drink_at", "drink")):
        if not value.get(name):
            raise Refused(f"When was the last {words}?")
        at = datetime.fromisoformat(value[name])
        if at > timezone.now():
            raise Refused(f"The time of the last {words} has not come yet.")
        times[name] = at.isoformat()
    return times


def _override(by: Person, session: DosingSession, value: str) -> str:
    if steps.Role.PRESCRIBER not in pathway.roles_towards(by, session.subject_id, session.couple_id):
        raise Refused("Only the prescriber may decide to go on above the hold limit.")
    if len(value.strip()) < 10:
        raise Refused("Write the reason in a sentence; it stands in the record.")
    return value.strip()


def _reaffirm(by: Person, session: DosingSession) -> None:
    consent = pathway.consent_in_force(session.course)
    if consent is None:
        raise Refused("There is no signed treatment consent for this route to reaffirm.")
    zone = ZoneInfo(session.clinic.timezone)
    reaffirm(by=by, consent=consent, on_day=timezone.now().astimezone(zone))


def _row(by: Person, session: DosingSession) -> dict[str, Any]:
    return {
        "clinic_id": session.clinic_id,
        "subject_id": session.subject_id,
        "couple_id": session.couple_id,
        "author": by,
        "session": session,
    }


def _must_be_open(session: DosingSession) -> None:
    if session.arrived_at is None:
        raise Refused("The person has not arrived yet.")
    if session.ended_at is not None:
        raise Refused("This session is signed off; nothing more is added to it.")


def _arrived_at(session: DosingSession) -> datetime:
    if session.arrived_at is None:
        raise Refused("The person has not arrived yet.")
    arrived: datetime = session.arrived_at
    return arrived


def day_began_at(session: DosingSession, now: datetime) -> datetime:
    """The clinic's local midnight before `now`."""
    zone = ZoneInfo(session.clinic.timezone)
    return datetime.combine(now.astimezone(zone).date(), time.min, zone)


def checks_of(session: DosingSession) -> dict[str, GateCheck]:
    """The newest answer to each item of the checklist."""
    rows = GateCheck.objects.filter(session=session).select_related("author").order_by("recorded_at")
    return {row.name: row for row in rows}


def before(
    session: DosingSession,
    pressures: Sequence[Pressure],
    saturation_at: datetime | None,
    now: datetime | None = None,
) -> gating.Before:
    """What is known just before a dose, from the rows the viewer may see."""
    now = now or timezone.now()
    course = session.course
    # What was answered on another day, or after the time of the dose, was not answered before it.
    today = day_began_at(session, now)
    checks = {name: row for name, row in checks_of(session).items() if today <= row.recorded_at <= now}
    decision = pathway.decision_of(course)
    signed = {s.signs_as for s in decision.signatures.all() if s.verdict == "proceed"} if decision else set()
    consents = Consent.objects.filter(
        subject_id=session.subject_id, withdrawn_at__isnull=True, text__kind="treatment"
    )
    ordered = order_for(session)
    consented, weight = checks.get("consent_reaffirmed"), _weight(checks.get("weight"))
    suicide, override = checks.get("suicide_rescreened"), checks.get("pressure_override")
    fasting, antiemetic = checks.get("fasting"), checks.get("antiemetic")
    return gating.Before(
        now=now,
        day_began_at=day_began_at(session, now),
        route=Route(course.route) if course.route else Route.IV,
        course=pathway.state_of(course),
        protocol_signed_at=course.protocol.signed_at,
        decision_signed_by=frozenset(steps.Role(role) for role in signed),
        consents_needed=frozenset({f"treatment:{course.route}"}),
        consents_in_force=frozenset(
            f"treatment:{code}" for code in consents.values_list("text__code", flat=True)
        ),
        order_signed_at=ordered.recorded_at if ordered else None,
        order_in_range=_order_check(course, ordered, weight),
        is_other_session_open=_other_session_open(session),
        # A no is an answer too, and it opens nothing.
        consent_reaffirmed_at=consented.recorded_at if consented and consented.value is True else None,
        **_asked_about_suicide(session, suicide, day_began_at(session, now)),
        weight_kg=weight,
        pressures=tuple(pressures),
        saturation_at=saturation_at,
        pressure_override=gating.Override(steps.Role.PRESCRIBER, str(override.value), override.recorded_at)
        if override
        else None,
        fasting_confirmed=bool(fasting and fasting.value.get("confirmed")),
        last_food_at=_instant(fasting, "food_at"),
        last_drink_at=_instant(fasting, "drink_at"),
        antiemetic=gating.Antiemetic(antiemetic.value) if antiemetic else None,
        **_escort_of(checks.get("escort")),
        **_medicines(session, checks),
        **_pregnancy(session),
        **_room(checks),
    )


def _escort_of(check: GateCheck | None) -> dict[str, Any]:
    value = check.value if check else {}
    if not isinstance(value, dict):  # a name alone, as it was asked before
        return {"is_escort_named": bool(str(value).strip())}
    is_reachable = bool(value.get("is_here") or value.get("phone"))
    return {"is_escort_named": bool(value.get("name")), "is_escort_reachable": is_reachable}


def _medicines(session: DosingSession, checks: Mapping[str, GateCheck]) -> dict[str, Any]:
    """What changed; a prescriber who asked has seen it, others wait for one."""
    asked, seen = checks.get("medications"), checks.get("medications_seen")
    if asked is None:
        return {}
    has_asked = seen is None and asked.value["changed"] and _is_prescriber_of(session, asked.author_id)
    return {
        "medications_asked_at": asked.recorded_at,
        "medications_changed": asked.value["what"],
        "medications_seen_at": asked.recorded_at if has_asked else seen.recorded_at if seen else None,
    }


def _is_prescriber_of(session: DosingSession, person_id: UUID | None) -> bool:
    held = Assignment.objects.filter(
        open_at(timezone.now()), subject_id=session.subject_id, staff_id=person_id, role=Role.PRESCRIBER
    )
    return held.exists()


def _pregnancy(session: DosingSession) -> dict[str, Any]:
    """What the work-up says, and the newest test, whether it stands there or was made at a session."""
    facts = [
        one for one in pathway.facts_of(session.subject_id) if one.code in ("pregnancy_possible", "pregnant")
    ]
    newest = {one.code: one for one in facts}  # oldest first
    possible = newest.get("pregnancy_possible")
    tests = [
        (one.observed_at, gating.PregnancyTest.POSITIVE if one.value else gating.PregnancyTest.NEGATIVE)
        for one in facts
        if one.code == "pregnant" and isinstance(one.value, bool)
    ]
    made = GateCheck.objects.filter(subject_id=session.subject_id, name="pregnancy")
    tests += [(one.recorded_at, gating.PregnancyTest(one.value["result"])) for one in made]
    at, result = max(tests, default=(None, None))
    return {
        "is_pregnancy_possible": possible.value if possible and isinstance(possible.value, bool) else None,
        "pregnancy_test": result,
        "pregnancy_tested_at": at,
    }


def _room(checks: Mapping[str, GateCheck]) -> dict[str, Any]:
    """The equipment and the people at the bed."""
    equipment, team = checks.get("equipment"), checks.get("staffing")
    return {
        "equipment": frozenset(equipment.value) if equipment else frozenset(),
        "equipment_at": equipment.recorded_at if equipment else None,
        "staffing": gating.Staffing(
            **{part: str(who["name"]) for part, who in team.value.items()},
            is_second_the_nurse=team.value["second"]["id"] == team.value["nurse"]["id"],
        )
        if team
        else None,
        "staffing_at": team.recorded_at if team else None,
    }


def _asked_about_suicide(session: DosingSession, check: GateCheck | None, today: datetime) -> dict[str, Any]:
    """When it was asked about and what was found: by a clinician's word today, or else by answers sent today.

    A positive answer that is not closed stands beside it: only a prescriber who asked after it can go on.
    """
    if check is not None and check.recorded_at >= today:
        known: dict[str, Any] = {
            "suicide_rescreened_at": check.recorded_at,
            "suicide_risk_found": bool(check.value.get("risk")),
        }
    else:
        sent_at = _screened_at(session, today)
        known = {"suicide_rescreened_at": sent_at, "suicide_risk_found": None if sent_at is None else False}
    flags = SafetyFlag.objects.filter(subject_id=session.subject_id, closed__isnull=True)
    open_flags = list(flags.order_by("recorded_at").values_list("recorded_at", "acknowledged__id"))
    if open_flags:
        known |= {
            "suicide_flag_at": open_flags[-1][0],
            "suicide_flag_is_acknowledged": all(seen for _, seen in open_flags),
            "suicide_decided_at": _decided_at(session),
        }
    return known


def _screened_at(session: DosingSession, today: datetime) -> datetime | None:
    """When the newest answers of today came that say whether there are thoughts of not living."""
    asking = {one.id: one for one in all_instruments() if one.flags}
    sent = Response.objects.filter(
        subject_id=session.subject_id,
        status=Response.Status.SENT,
        sent_at__gte=today,
        sent_at__lte=timezone.now(),
        instrument__in=asking,
    )
    for row in sent.order_by("-sent_at"):
        if _says(asking[row.instrument], row):
            return row.sent_at
    return None


def _says(instrument: Instrument, row: Response) -> bool:
    """Whether the question was answered: a refusal is an answer only where the instrument counts it as a yes."""
    rules = [rule for rule in instrument.flags if rule.flag == SUICIDE]
    asked = {link_id for rule in rules if not rule.declined_counts for link_id in watched(rule.when)}
    return bool(rules) and all(row.answers.get(link_id) is not None for link_id in asked)


def _decided_at(session: DosingSession) -> datetime | None:
    """When a prescriber of this person last said, in this session, that nothing holds the dose."""
    prescribers = Assignment.objects.filter(
        open_at(timezone.now()), subject_id=session.subject_id, role=Role.PRESCRIBER
    )
    said = GateCheck.objects.filter(
        session=session, name="suicide_rescreened", author__in=prescribers.values("staff")
    )
    last = said.order_by("recorded_at").last()
    return last.recorded_at if last and last.value.get("risk") is False else None


def _order_check(course: Course, row: Order | None, weight_kg: Decimal | None) -> Decision | None:
    """The order against the protocol, by today's weight (kg) where it is known."""
    if row is None:
        return None
    return ordering.check_dose(
        pathway.protocol_of(course.protocol),
        route=Route(row.route),
        dose_mg=row.dose_mg,
        weight_kg=weight_kg or row.weight_kg,
        infusion_minutes=Decimal(row.minutes) if row.minutes else None,
        ordered_by=str(row.author_id),
        second_signature_by=str(row.second_signature_id or ""),
        out_of_range_reason=row.out_of_range_reason,
    ).decision


def _other_session_open(session: DosingSession) -> bool:
    if session.couple_id is None:
        return False
    with connection.cursor() as cursor:
        cursor.execute("select door.couple_has_open_session(%s, %s)", [session.couple_id, session.subject_id])
        return bool(cursor.fetchone()[0])


def _weight(row: GateCheck | None) -> Decimal | None:
    return Decimal(str(row.value)) if row else None


def _instant(row: GateCheck | None, name: str) -> datetime | None:
    value = row.value.get(name) if row else None
    return datetime.fromisoformat(value) if value else None


def gates_of(
    session: DosingSession,
    pressures: Sequence[Pressure],
    saturation_at: datetime | None,
    now: datetime | None = None,
) -> list[gating.GateResult]:
    """Every gate before a dose, passed or not, with its reason."""
    return gating.gates(
        before(session, pressures, saturation_at, now), pathway.protocol_of(session.course.protocol)
    )


# ── during and after ───────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def start(
    *,
    by: Person,
    session_id: UUID,
    pressures: Sequence[Pressure],
    saturation_at: datetime | None,
    request_id: UUID,
    at: datetime | None = None,
    rate_ml_per_h: Decimal | None = None,
) -> DosingSession:
    """The first dose of the order is given, every gate passed. A repeated post changes nothing.

    `at`: when, if not now; every gate must have been passed by then. `rate_ml_per_h`: what the pump shows, at
    which the ordered minutes give the whole dose.
    """
    session = _held(session_id)
    if Administration.objects.filter(session=session, request_id=request_id).exists():
        return session
    _must_be_open(session)
    _may_chart(by, session)
    if session.started_at is not None:
        raise Refused("The dose has been started already.")
    if rate_ml_per_h is not None and rate_ml_per_h <= 0:
        raise Refused("The rate is a number of mL/h above 0.")
    at = _when(session, at, timezone.now())
    Refused.unless(gating.may_start(gates_of(session, pressures, saturation_at, at)))
    ordered = order_for(session)
    if ordered is None:
        raise Refused("The prescriber has not signed an order for this session.")
    _update(session, {"started_at": None, "ended_at": None}, started_at=at, order=ordered)
    event, dose_mg = _first(session, ordered)
    Administration(
        **_row(by, session), request_id=request_id, event=event, substance=ordered.product,
        dose_mg=dose_mg, route=ordered.route, at=at,
        rate_ml_per_h=rate_ml_per_h if event == Administration.Event.START else None,
    ).save(force_insert=True)  # fmt: skip
    audit.log(
        "gave the first dose",
        by=by,
        subject=session.subject_id,
        item_kind="dosing.flowsheet",
        item_id=session.id,
    )
    if session.course.phase == steps.Phase.PREPARATION:
        # The gates just passed say more than the preparation did: escort, fasting, antiemetic as they are
        # today. That this dose was given is known here; other sessions may stand later in the calendar.
        pathway.take_step(
            by=by,
            course_id=session.course_id,
            kind=steps.Kind.ADVANCE,
            to=steps.Phase.DOSING_SERIES,
            also_met=("preparation_recorded", "first_dose_given"),
        )
    _tell(session)
    return _session(session_id)


def _first(session: DosingSession, ordered: Order) -> tuple[Administration.Event, Decimal]:
    """What is charted with the start: an infusion begun, one device of several, or the whole dose (mg)."""
    if ordered.minutes:
        return Administration.Event.START, ordered.dose_mg
    plan = pathway.protocol_of(session.course.protocol).routes.get(Route(ordered.route))
    if plan and plan.dose.mg_per_device:
        return Administration.Event.DOSE, plan.dose.mg_per_device.value
    return Administration.Event.GIVEN, ordered.dose_mg


def _when(session: DosingSession, at: datetime | None, now: datetime) -> datetime:
    """A time typed by hand, or now. It lies between the arrival and now; a clock's minute reaches to its end."""
    if at is None:
        return now
    arrived = _arrived_at(session)
    at = _no_earlier(at, arrived)
    if not arrived <= at <= now:
        raise Refused("The time must lie between the arrival and now.")
    return at


def _no_earlier(at: datetime, than: datetime) -> datetime:
    """What is typed as 14:05 may have been at 14:05:40, after something charted at 14:05:20."""
    return than if than.replace(second=0, microsecond=0) <= at < than else at


@transaction.atomic
def administer(
    *,
    by: Person,
    session_id: UUID,
    event: Administration.Event,
    substance: str,
    request_id: UUID,
    dose_mg: Decimal | None = None,
    route: str = "",
    at: datetime | None = None,
    note: str = "",
    rate_ml_per_h: Decimal | None = None,
    indication: str = "",
    ordered_how: str = "",
    prescriber_told_at: datetime | None = None,
    effect_of: UUID | None = None,
) -> Administration:
    """Something given, paused, resumed, stopped or run at another rate (mL/h); a further part of the dose; what a
    medicine did. A repeated post changes nothing. Raises Refused with what is wrong.
    """
    session = _held(session_id)
    if earlier := Administration.objects.filter(session=session, request_id=request_id).first():
        return earlier
    _must_be_open(session)
    _may_chart(by, session)
    now = timezone.now()
    at = _when(session, at, now)
    if prescriber_told_at:
        prescriber_told_at = _when(session, prescriber_told_at, now)
    cause = None
    match event:
        case Administration.Event.GIVEN:
            _must_be_named(substance)
        case Administration.Event.EFFECT:
            cause, at = _cause(session, effect_of, at, note)
            substance = cause.substance
        case _:
            at = _must_fit(session, event, at, rate_ml_per_h)
            substance, route, dose_mg = _of_the_dose(session, event)
    row = Administration(
        **_row(by, session), request_id=request_id, event=event, substance=substance.strip()[:120],
        dose_mg=dose_mg, route=route, at=at, note=note.strip()[:300], indication=indication.strip()[:120],
        ordered_how=ordered_how, prescriber_told_at=prescriber_told_at, effect_of=cause,
        rate_ml_per_h=rate_ml_per_h if event == Administration.Event.RATE else None,
    )  # fmt: skip
    row.save(force_insert=True)
    audit.log(
        _log_words(event), by=by, subject=session.subject_id, item_kind="dosing.flowsheet", item_id=row.id
    )
    _tell(session)
    return row


def _log_words(event: Administration.Event) -> str:
    match event:
        case Administration.Event.GIVEN:
            return "gave a medicine"
        case Administration.Event.EFFECT:
            return "charted what a medicine did"
    return f"dose: {event}"


def _must_be_named(substance: str) -> None:
    if not substance.strip():
        raise Refused("Say what was given.")


def _cause(
    session: DosingSession, given_id: UUID | None, at: datetime, note: str
) -> tuple[Administration, datetime]:
    """The medicine an effect is charted of, and when, never before it was given."""
    medicines = Administration.objects.filter(session=session, event=Administration.Event.GIVEN)
    cause = medicines.filter(id=given_id).first() if given_id else None
    if cause is None:
        raise Refused("There is no such medicine in this session.")
    if not note.strip():
        raise Refused("Say what it did, or that it did nothing.")
    at = _no_earlier(at, cause.at)
    if at < cause.at:
        raise Refused("An effect cannot come before the medicine.")
    return cause, at


def _of_the_dose(session: DosingSession, event: Administration.Event) -> tuple[str, str, Decimal | None]:
    """(product, route, dose in mg) of what happens to the dose itself: as ordered, never as typed."""
    ordered = session.order
    if ordered is None:
        raise Refused("There is no order in this session.")
    mg = _first(session, ordered)[1] if event == Administration.Event.DOSE else None
    return ordered.product, ordered.route, mg


ALL_OF_A_DOSE = frozenset({"start", "rate", "pause", "resume", "stop", "dose", "spat", "swallow"})


def _must_fit(
    session: DosingSession, event: Administration.Event, at: datetime, rate_ml_per_h: Decimal | None
) -> datetime:
    """The time at which this can have happened to the dose, after all that was charted; Refused if it cannot."""
    if session.started_at is None:
        raise Refused("Nothing is running: the dose has not been started.")
    rows = given_in(session)
    last = max((one.at for one in rows if one.event in ALL_OF_A_DOSE), default=session.started_at)
    at = _no_earlier(at, last)
    if at < last:
        clock = last.astimezone(ZoneInfo(session.clinic.timezone)).strftime("%H:%M")
        raise Refused(f"Something later was charted already, at {clock}. Give a time after that.")
    if event == Administration.Event.RATE and not (rate_ml_per_h and rate_ml_per_h > 0):
        raise Refused("Give the rate as the pump shows it, in mL/h, above 0.")
    if session.order is not None and session.order.minutes:
        _must_fit_infusion(infusion_of(session, at, rows), event)
    else:
        _must_fit_parts(session, parts_of(session, at, rows), event, at)
    return at


def _must_fit_infusion(state: flowsheet.Infusion | None, event: Administration.Event) -> None:
    """Paused or run at another rate while it runs, resumed after a pause, stopped once."""
    events = Administration.Event
    if state is None or event not in (events.RATE, events.PAUSE, events.RESUME, events.STOP):
        raise Refused("There is no infusion to change.")
    if state.is_over:
        raise Refused("The infusion is over: its stop is charted.")
    if event == events.RESUME and not state.is_paused:
        raise Refused("The infusion is not paused.")
    if event == events.PAUSE and not state.is_running:
        raise Refused("The infusion is not running.")
    if event == events.RATE and state.is_ending:
        raise Refused("All that was ordered has run in: chart the stop.")


def _must_fit_parts(
    session: DosingSession, parts: flowsheet.Parts | None, event: Administration.Event, at: datetime
) -> None:
    """Devices one after another, so many minutes apart; what is in the mouth goes once."""
    events = Administration.Event
    mouth = (events.SPAT, events.SWALLOWED)
    takes = mouth if session.course.route == Route.SL else (events.DOSE, events.STOP)
    if parts is None or event not in takes:
        raise Refused("There is no infusion to change.")
    if parts.is_over:
        raise Refused("The dose is over: nothing more of it is charted.")
    if event == events.DOSE and parts.next_at and at < parts.next_at:
        clock = parts.next_at.astimezone(ZoneInfo(session.clinic.timezone)).strftime("%H:%M:%S")
        raise Refused(f"Too early: the next device is given from {clock}.")


def given_in(session: DosingSession) -> list[Administration]:
    """Everything given in a session, in order."""
    return list(
        Administration.objects.select_related("author").filter(session=session).order_by("at", "recorded_at")
    )


def last_of_the_dose_at(
    session: DosingSession, given: Sequence[Administration] | None = None
) -> datetime | None:
    """When something of the dose was charted last: how the person is is judged by what was seen after it."""
    rows = given_in(session) if given is None else given
    last: datetime | None = max(
        (one.at for one in rows if one.event in ALL_OF_A_DOSE), default=session.started_at
    )
    return last


def infusion_of(
    session: DosingSession, now: datetime, given: Sequence[Administration] | None = None
) -> flowsheet.Infusion | None:
    """How far this session's infusion has come; none where there is none."""
    if session.started_at is None or session.order is None:
        return None
    rows = given_in(session) if given is None else given
    return flowsheet.infusion(rows, session.order.minutes, now, volume_in_bag_ml(rows, session.order.minutes))


def parts_of(
    session: DosingSession, now: datetime, given: Sequence[Administration] | None = None
) -> flowsheet.Parts | None:
    """How far a nasal or sublingual dose has come; none on another route, or where nothing of it was charted."""
    ordered = session.order
    if session.started_at is None or ordered is None or ordered.minutes:
        return None
    rows = given_in(session) if given is None else given
    if ordered.route == Route.SL:
        began = [one for one in rows if one.event == "given" and one.at == session.started_at]
        return flowsheet.held_in_mouth(rows, session.started_at, now) if began else None
    plan = pathway.protocol_of(session.course.protocol).routes.get(Route(ordered.route))
    of = ordering.devices(plan.dose, ordered.dose_mg) if plan else None
    if not plan or not of:
        return None
    between = plan.dose.minutes_between_devices
    return flowsheet.devices_of(rows, of, between.value if between else Decimal(0))


def is_running(session: DosingSession) -> bool:
    """Whether a dose is being given: begun, and its end not charted. Minutes that have run are no end."""
    if session.started_at is None or session.ended_at is not None:
        return False
    now = timezone.now()
    rows = given_in(session)
    infused, parts = infusion_of(session, now, rows), parts_of(session, now, rows)
    return bool((infused and not infused.is_over) or (parts and not parts.is_over))


def discharge_criteria(
    session: DosingSession, condition: discharging.Condition
) -> list[discharging.Criterion]:
    """Every criterion of the signed protocol for going home, met or not."""
    return discharging.criteria(condition, pathway.protocol_of(session.course.protocol))


@transaction.atomic
def sign_discharge(
    *, by: Person, session_id: UUID, condition: discharging.Condition, signed_name: str
) -> Discharge:
    """A clinician signs that every criterion is met: the person may go home with their escort."""
    session = _held(session_id)
    if earlier := Discharge.objects.filter(session=session).first():
        return earlier
    _must_be_open(session)
    _may_chart(by, session)
    found = discharge_criteria(session, condition)
    Refused.unless(discharging.may_discharge(found))
    return _end(by, session, "discharged", found, "", signed_name)


@transaction.atomic
def leave_early(*, by: Person, session_id: UUID, reason: str, signed_name: str) -> Discharge:
    """The person leaves before the criteria are met, against advice: documented, never silent."""
    session = _held(session_id)
    if earlier := Discharge.objects.filter(session=session).first():
        return earlier
    _must_be_open(session)
    _may_chart(by, session)
    if session.started_at is None:
        raise Refused("No dose was given. Turn back instead.")
    if len(reason.strip()) < 10:
        raise Refused("Write what happened and what was advised, in a sentence.")
    return _end(by, session, "left_early", [], reason, signed_name)


@transaction.atomic
def turn_back(*, by: Person, session_id: UUID, reason: str, signed_name: str) -> Discharge:
    """Arrived, but no dose today: everything recorded is kept, and the course steps back to preparation."""
    session = _held(session_id)
    if earlier := Discharge.objects.filter(session=session).first():
        return earlier
    _must_be_open(session)
    _may_chart(by, session)
    if session.started_at is not None:
        raise Refused("A dose was given; this session ends with a discharge.")
    if len(reason.strip()) < 10:
        raise Refused("Write why, in a sentence: the next person who prepares reads it.")
    return _end(by, session, "turned_back", [], reason, signed_name)


def _end(
    by: Person,
    session: DosingSession,
    outcome: str,
    found: Sequence[discharging.Criterion],
    reason: str,
    signed_name: str,
) -> Discharge:
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    row = Discharge(
        **_row(by, session), outcome=outcome, criteria=[asdict(criterion) for criterion in found],
        reason=reason.strip(), signed_name=signed_name.strip()[:120],
    )  # fmt: skip
    row.save(force_insert=True)
    _update(session, {"ended_at": None}, ended_at=timezone.now(), outcome=outcome)
    audit.log(outcome, by=by, subject=session.subject_id, item_kind="dosing.flowsheet", item_id=session.id)
    course = Course.objects.get(id=session.course_id)
    if course.state == steps.State.ACTIVE and outcome == "turned_back":
        pathway.take_step(
            by=by, course_id=course.id, kind=steps.Kind.STEP_BACK, why=reason, also_met=("no_dose_given",)
        )
    elif course.state == steps.State.ACTIVE and course.phase == steps.Phase.DOSING_SERIES:
        pathway.take_step(
            by=by,
            course_id=course.id,
            kind=steps.Kind.ADVANCE,
            to=steps.Phase.INDIVIDUAL_INTEGRATION,
            also_met=("discharge_signed",),
        )
    _tell(session)
    return row


@transaction.atomic
def summarise(*, by: Person, session_id: UUID, text: str, request_id: UUID | None = None) -> SessionSummary:
    """How it went, in a few sentences for the care team and the person; a later one stands beside it."""
    session = _session(session_id)
    if not pathway.roles_towards(by, session.subject_id, session.couple_id) & SUMMARISE:
        raise Refused("This is written by the person's nurse, prescriber or individual therapist.")
    earlier = SessionSummary.objects.filter(session=session, request_id=request_id).first()
    if request_id and earlier:
        return earlier
    if not text.strip():
        raise Refused("Write a sentence or two.")
    if len(text) > settings.LONGEST_TEXT:
        raise Refused(f"A summary holds up to {settings.LONGEST_TEXT} characters. Shorten it.")
    row = SessionSummary(**_row(by, session), request_id=request_id, text=text.strip())
    row.save(force_insert=True)
    audit.log(
        "summarised a session", by=by, subject=session.subject_id, item_kind="dosing.summary", item_id=row.id
    )
    _tell(session)
    return row
