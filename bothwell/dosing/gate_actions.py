"""What is known just before a dose, gathered for the gates that decide whether it may begin.

It only reads. Blood pressures and oximetry come from the monitoring slice, which is built on this one, so they are
handed in.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bothwell.couples.models import Assignment, Role, open_at
from bothwell.decision import Decision
from bothwell.dosing import gates as gating
from bothwell.dosing import order as ordering
from bothwell.dosing.checklist_actions import checks_of
from bothwell.dosing.models import DosingSession, GateCheck, Order
from bothwell.dosing.order_actions import order_for
from bothwell.dosing.session_actions import day_began_at
from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Response, SafetyFlag
from bothwell.instruments.safety_actions import SUICIDE
from bothwell.instruments.scoring import watched
from bothwell.pathway import course_actions, decision_actions, protocol_actions, steps, workup_actions
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.models import Course
from bothwell.pathway.schema import Route
from bothwell.privacy.models import Consent


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
    decision = decision_actions.decision_of(course)
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
        course=course_actions.state_of(course),
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
        one
        for one in workup_actions.facts_of(session.subject_id)
        if one.code in ("pregnancy_possible", "pregnant")
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
        protocol_actions.protocol_of(course.protocol),
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
        before(session, pressures, saturation_at, now), protocol_actions.protocol_of(session.course.protocol)
    )
