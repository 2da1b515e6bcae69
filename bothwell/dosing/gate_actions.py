"""What is known just before a dose, gathered for the gates that decide whether it may begin.

It only reads. Blood pressures and oximetry come from the monitoring slice, which is built on this one, so they are
handed in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from bothwell.couples.models import Assignment, Person, Role, open_at
from bothwell.decision import Decision
from bothwell.dosing import gates as gating
from bothwell.dosing import order as ordering
from bothwell.dosing import pregnancy, rescreen
from bothwell.dosing.checked import Today
from bothwell.dosing.checklist_actions import checks_of
from bothwell.dosing.models import DosingSession, GateCheck, Order
from bothwell.dosing.order_actions import order_for
from bothwell.dosing.session_actions import day_began_at
from bothwell.dosing.spacing_actions import earlier
from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Response, SafetyFlag
from bothwell.instruments.safety_actions import SUICIDE
from bothwell.instruments.scoring import watched
from bothwell.pathway import (
    course_actions,
    decision_actions,
    eligibility,
    protocol_actions,
    steps,
    workup_actions,
)
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.facts import Fact
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
    facts, said = workup_actions.facts_of(session.subject_id, at=now), _said_today(session, today, now)
    checks = {name: row for name, row in checks_of(session).items() if today <= row.recorded_at <= now}
    decision = decision_actions.decision_of(course)
    signed = {s.signs_as for s in decision.signatures.all() if s.verdict == "proceed"} if decision else set()
    consents = Consent.objects.filter(
        subject_id=session.subject_id, withdrawn_at__isnull=True, text__kind="treatment"
    )
    ordered = order_for(session)
    consented, weight = checks.get("consent_reaffirmed"), _weight(checks.get("weight"))
    suicide = checks.get("suicide_rescreened")
    fasting, antiemetic = checks.get("fasting"), checks.get("antiemetic")
    return gating.Before(
        now=now,
        day_began_at=today,
        route=Route(course.route) if course.route else Route.IV,
        course=course_actions.state_of(course),
        protocol_signed_at=course.protocol.signed_at,
        **_findings(session, facts, now),
        decision_signed_by=frozenset(steps.Role(role) for role in signed),
        consents_needed=frozenset({f"treatment:{course.route}"}),
        consents_in_force=frozenset(
            f"treatment:{code}" for code in consents.values_list("text__code", flat=True)
        ),
        order_signed_at=ordered.recorded_at if ordered else None,
        order_in_range=_order_check(course, ordered, weight),
        earlier=earlier(session, now),
        interval_override=_override(checks.get("interval_override")),
        is_other_session_open=_other_session_open(session),
        # A no is an answer too, and it opens nothing.
        consent_reaffirmed_at=consented.recorded_at if consented and consented.value is True else None,
        suicide=_asked_about_suicide(session, suicide, said, now),
        weight_kg=weight,
        pressures=tuple(pressures),
        saturation_at=saturation_at,
        pressure_override=_override(checks.get("pressure_override")),
        fasting_confirmed=bool(fasting and fasting.value.get("confirmed")),
        last_food_at=_instant(fasting, "food_at"),
        last_drink_at=_instant(fasting, "drink_at"),
        antiemetic=gating.Antiemetic(antiemetic.value) if antiemetic else None,
        **_escort_of(checks.get("escort")),
        **_medicines(session, checks.get("medications"), said),
        pregnancy=_pregnancy(session, facts, now),
        **_room(checks),
    )


def _override(check: GateCheck | None) -> gating.Override | None:
    """The prescriber's decision: nobody else's is ever kept under these names."""
    if check is None:
        return None
    return gating.Override(steps.Role.PRESCRIBER, str(check.value), check.recorded_at)


def _escort_of(check: GateCheck | None) -> dict[str, Any]:
    value = check.value if check else {}
    if not isinstance(value, dict):  # a name alone, as it was asked before
        return {"is_escort_named": bool(str(value).strip())}
    is_reachable = bool(value.get("is_here") or value.get("phone"))
    return {"is_escort_named": bool(value.get("name")), "is_escort_reachable": is_reachable}


def _findings(session: DosingSession, facts: Sequence[Fact], now: datetime) -> dict[str, Any]:
    """What the rules say of these facts, and what prescribers decided; nothing where no fact can be read."""
    if not facts:
        return {}
    rules = protocol_actions.protocol_of(session.course.protocol)
    return {
        "findings": tuple(eligibility.assess(facts, rules, now)),
        "resolutions": tuple(workup_actions.resolutions_of(session.subject_id)),
    }


def _said_today(session: DosingSession, today: datetime, now: datetime) -> list[GateCheck]:
    """What was said at any bed of this person today of which a second answer takes nothing back, oldest first."""
    rows = GateCheck.objects.filter(
        subject_id=session.subject_id,
        name__in=("suicide_rescreened", "medications", "medications_seen"),
        recorded_at__gte=today,
        recorded_at__lte=now,
    )
    return list(rows.order_by("recorded_at"))


def _medicines(session: DosingSession, asked: GateCheck | None, said: Sequence[GateCheck]) -> dict[str, Any]:
    """All that changed; a prescriber who was told has seen it, what others were told waits for one."""
    if asked is None:
        return {}
    known: dict[str, Any] = {"medications_asked_at": asked.recorded_at}
    changed = [row for row in said if row.name == "medications" and row.value["changed"]]
    if changed:
        prescribers = set(_prescribers(session.subject_id).values_list("staff_id", flat=True))
        waiting = [row for row in changed if row.author_id not in prescribers]
        seen = [row.recorded_at for row in said if row.name == "medications_seen"]
        told_at = (waiting or changed)[-1].recorded_at
        known |= {
            "medications_changed": "; ".join(dict.fromkeys(row.value["what"] for row in changed)),
            "medications_changed_at": told_at,
            "medications_seen_at": max(seen, default=None) if waiting else told_at,
        }
    return known


def _pregnancy(session: DosingSession, known: Sequence[Fact], now: datetime) -> pregnancy.Pregnancy:
    """What the work-up says, and every test, whether it stands there or was made at a session."""
    said = {one.code: one.value for one in known if one.code == "pregnancy_possible"}  # oldest first
    possible = said.get("pregnancy_possible")
    prescribers = {str(who) for who in _prescribers(session.subject_id).values_list("staff_id", flat=True)}
    tests = [
        (pregnancy.PregnancyTest.POSITIVE if one.value else pregnancy.PregnancyTest.NEGATIVE,
         one.observed_at, one.known_at, one.recorder)
        for one in known
        if one.code == "pregnant" and isinstance(one.value, bool)
    ]  # fmt: skip
    made = GateCheck.objects.filter(subject_id=session.subject_id, name="pregnancy", recorded_at__lte=now)
    tests += [
        (pregnancy.PregnancyTest(one.value["result"]), one.recorded_at, one.recorded_at, str(one.author_id))
        for one in made
    ]
    return pregnancy.Pregnancy(
        possible if isinstance(possible, bool) else None,
        tuple(pregnancy.Result(*one, is_prescribers=one[-1] in prescribers) for one in tests),
    )


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


def _asked_about_suicide(
    session: DosingSession, check: GateCheck | None, said: Sequence[GateCheck], now: datetime
) -> rescreen.Asked:
    """When it was asked about and what was found: by a clinician's word today, or else by answers sent today.

    A positive answer that is not closed stands beside it, and so does a Yes said at the bed today: only a prescriber
    who asked after it can go on.
    """
    if check is not None:
        known = rescreen.Asked(check.recorded_at, bool(check.value.get("risk")), asked_by_clinician=True)
    else:
        sent_at = _screened_at(session, day_began_at(session, now))
        known = rescreen.Asked(sent_at, None if sent_at is None else False)
    open_flags = _open_flags(session)
    yes_at = _last_yes(said)
    return replace(
        known,
        flag_at=open_flags[-1][0] if open_flags else None,
        flag_is_acknowledged=bool(open_flags) and all(seen for _, seen in open_flags),
        decided_at=_decided_at(session, now) if yes_at or open_flags else None,
        yes_at=yes_at,
    )


def _open_flags(session: DosingSession) -> list[tuple[datetime, UUID | None]]:
    """The positive answers that nobody has closed, oldest first: when each came, and by what it was acknowledged."""
    flags = SafetyFlag.objects.filter(subject_id=session.subject_id, closed__isnull=True)
    return list(flags.order_by("recorded_at").values_list("recorded_at", "acknowledged__id"))


def _last_yes(said: Sequence[GateCheck]) -> datetime | None:
    """When it was last said, among these, that something holds."""
    yes = [row.recorded_at for row in said if row.name == "suicide_rescreened" and row.value.get("risk")]
    return yes[-1] if yes else None


def may_go_home(session: DosingSession, since: datetime | None) -> Decision:
    """Whether suicide was asked about again after `since`, the last of the dose, and nothing that was said keeps them here."""
    if since is None:
        return Decision.no("No dose was given.")
    now = timezone.now()
    today = day_began_at(session, min(since, now))  # of the dose: a session may last past midnight
    rows = _said_today(session, today, now)
    again = [row for row in rows if row.session_id == session.id and row.recorded_at > since]
    again = [row for row in again if row.name == "suicide_rescreened"]
    open_flags = _open_flags(session)
    asked = rescreen.Asked(
        asked_at=again[-1].recorded_at if again else None,
        risk_found=bool(again[-1].value.get("risk")) if again else None,
        asked_by_clinician=bool(again),
        flag_at=open_flags[-1][0] if open_flags else None,
        decided_at=_decided_at(session, now),
        yes_at=_last_yes(rows),
    )
    return rescreen.before_going_home(asked, Today(today, now))


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


def _decided_at(session: DosingSession, now: datetime) -> datetime | None:
    """When a prescriber of this person last said, in this session, that nothing holds the dose."""
    last = _prescribers_word(session.subject_id).filter(session=session, recorded_at__lte=now).last()
    return last.recorded_at if last and last.value.get("risk") is False else None


def suicide_decision(person: Person, since: datetime) -> GateCheck | None:
    """What a prescriber of this person said last, after `since`, when asking again about suicide before a dose."""
    return _prescribers_word(person.id).select_related("author").filter(recorded_at__gt=since).last()


def _prescribers_word(subject_id: UUID | None) -> QuerySet[GateCheck]:
    """What this person's prescribers said on having asked about suicide before a dose, oldest first."""
    said = GateCheck.objects.filter(
        subject_id=subject_id,
        name="suicide_rescreened",
        author__in=_prescribers(subject_id).values("staff"),
    )
    return said.order_by("recorded_at")


def _prescribers(subject_id: UUID | None) -> QuerySet[Assignment]:
    return Assignment.objects.filter(open_at(timezone.now()), subject_id=subject_id, role=Role.PRESCRIBER)


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
