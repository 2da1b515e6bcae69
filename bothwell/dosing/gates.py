"""Everything that must be true before a dose, checked one by one, each answer with its reason and evidence.

It never opens a gate itself and never says why another session is open: no gate tells one partner's care
about the other's beyond that single sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bothwell.decision import Decision
from bothwell.dosing import pregnancy as pregnancies
from bothwell.dosing import rescreen
from bothwell.dosing.checked import Checked, Today, in_words, said
from bothwell.dosing.spacing import Apart, stage_of
from bothwell.pathway.eligibility import (
    Finding,
    Pressure,
    Resolution,
    Severity,
    is_resolved,
    pressure_below_hold,
)
from bothwell.pathway.protocol import Number, Protocol, Route
from bothwell.pathway.steps import CourseState, Phase, Role, State, words


class Gate(StrEnum):
    """The gates, in the order in which a nurse walks through them."""

    PROTOCOL_SIGNED = "protocol_signed"
    COURSE_ACTIVE = "course_active"
    FINDINGS = "findings"
    DECISION_SIGNED = "decision_signed"
    CONSENTS_IN_FORCE = "consents_in_force"
    ORDER_SIGNED = "order_signed"
    DAYS_BETWEEN = "days_between"
    PARTNER_NOT_IN_SESSION = "partner_not_in_session"
    CONSENT_REAFFIRMED = "consent_reaffirmed"
    SUICIDE_RESCREENED = "suicide_rescreened"
    MEDICATIONS_CHANGED = "medications_changed"
    PREGNANCY = "pregnancy"
    FASTING = "fasting"
    WEIGHT_RECORDED = "weight_recorded"
    BLOOD_PRESSURE = "blood_pressure"
    OXYGEN_SATURATION = "oxygen_saturation"
    ANTIEMETIC = "antiemetic"
    ESCORT = "escort"
    EQUIPMENT = "equipment"
    STAFFING = "staffing"


class Antiemetic(StrEnum):
    """What became of the antiemetic; unasked is None."""

    OFFERED = "offered"
    GIVEN = "given"
    DECLINED = "declined"


EQUIPMENT: tuple[tuple[str, str], ...] = (
    ("oximeter", "Pulse oximeter, on and reading"),
    ("oxygen", "Oxygen, with a mask"),
    ("suction", "Suction"),
    ("airway", "Airway and bag-valve-mask"),
    ("emergency_drugs", "Emergency drugs, in date"),
)
"""What must stand ready at the bed: code and words."""
# No published list was found: whoever signs the protocol confirms it, and its page shows it.
EQUIPMENT_SOURCE = "Clinic practice, confirmed with the protocol’s signature"


@dataclass(frozen=True, slots=True)
class Staffing:
    """Who is in the building for this dose, by their names; `second` checks the dose with the nurse."""

    prescriber: str
    nurse: str
    second: str
    is_second_the_nurse: bool = False


DECIDERS = (Role.PRESCRIBER, Role.COUPLES_THERAPIST, Role.PARTNER)
"""Who must have signed the joint decision to go on."""


@dataclass(frozen=True, slots=True)
class Override:
    """A prescriber's written reason to go on although pressure, for readings up to `decided_at`, or the days since
    the last dose hold.
    """

    role: Role
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Earlier:
    """The doses before this one: how many in this course, and how many days (of the clinic) ago the last one was,
    in any course; `days_since` is None where none was ever given.
    """

    in_course: int
    days_since: int | None
    is_maintained: bool = False


@dataclass(frozen=True, slots=True)
class Before:
    """What is known just before a dose. Whatever is None or empty was not recorded, and its gate stays shut.

    `day_began_at` is the clinic's local midnight: what must be of today lies between it and `now`.
    """

    now: datetime
    day_began_at: datetime
    route: Route
    course: CourseState
    protocol_signed_at: datetime | None = None
    findings: tuple[Finding, ...] = ()
    """What the rules say of the work-up as it stood at `now`; empty where there is none to read."""
    resolutions: tuple[Resolution, ...] = ()
    decision_signed_by: frozenset[Role] = frozenset()
    consents_needed: frozenset[str] = frozenset()
    consents_in_force: frozenset[str] = frozenset()
    order_signed_at: datetime | None = None
    order_in_range: Decision | None = None
    earlier: Earlier | None = None
    interval_override: Override | None = None
    is_other_session_open: bool | None = None
    consent_reaffirmed_at: datetime | None = None
    suicide: rescreen.Asked = rescreen.NOT_ASKED
    weight_kg: Decimal | None = None
    pressures: tuple[Pressure, ...] = ()
    saturation_at: datetime | None = None
    pressure_override: Override | None = None
    fasting_confirmed: bool = False
    last_food_at: datetime | None = None
    last_drink_at: datetime | None = None
    antiemetic: Antiemetic | None = None
    is_escort_named: bool = False
    is_escort_reachable: bool = False
    pregnancy: pregnancies.Pregnancy = pregnancies.NOTHING_KNOWN
    medications_asked_at: datetime | None = None
    medications_changed: str = ""
    """What changed since the last time, all that was told today; empty for nothing."""
    medications_changed_at: datetime | None = None
    """When the last of it was told that waits for a prescriber; None for when it was asked."""
    medications_seen_at: datetime | None = None
    """When a prescriber last said they know of it."""
    equipment: frozenset[str] = frozenset()
    equipment_at: datetime | None = None
    staffing: Staffing | None = None
    staffing_at: datetime | None = None

    @property
    def today(self) -> Today:
        """The day of this dose, up to now."""
        return Today(self.day_began_at, self.now)


@dataclass(frozen=True, slots=True)
class GateResult:
    """One gate: passed or not, why in one sentence, and on what evidence."""

    name: Gate
    passed: bool
    reason: str
    evidence: str = ""


def gates(before: Before, protocol: Protocol) -> list[GateResult]:
    """Every gate in order, passed or not; none is left out, so a missing answer cannot look like a pass."""
    return [_result(gate, *check(before, protocol)) for gate, check in _CHECKS.items()]


def may_start(results: Iterable[GateResult]) -> Decision:
    """Whether the first dose may be given: every gate must be there, and every one passed."""
    found = list(results)
    shut = [one.reason for one in found if not one.passed]
    absent = [words(gate) for gate in Gate if gate not in {one.name for one in found}]
    if absent:
        return Decision.no(f"Not checked: {', '.join(absent)}.")
    if shut:
        return Decision.no(" ".join(shut))
    return Decision.yes("Every gate is passed.")


def _result(gate: Gate, decision: Decision, evidence: str) -> GateResult:
    return GateResult(gate, decision.allowed, decision.reason, evidence)


def _protocol_signed(before: Before, protocol: Protocol) -> Checked:
    return said(
        before.today.is_past(before.protocol_signed_at) and before.route in protocol.routes,
        "The protocol is signed and covers this route.",
        "The medical director has not signed a protocol that covers this route.",
        f"{protocol.name} {protocol.version}, signed {in_words(before.protocol_signed_at)}",
    )


def _course_active(before: Before, _: Protocol) -> Checked:
    course = before.course
    if course.state is not State.ACTIVE:
        return Decision.no(f"The course is {words(course.state)}."), ""
    return said(
        course.phase in (Phase.PREPARATION, Phase.DOSING_SERIES),
        f"The course is active, in {words(course.phase)}.",
        f"The course is in {words(course.phase)}, not in preparation or the dosing series.",
    )


def _findings(before: Before, _: Protocol) -> Checked:
    """What was found after the clearance too. Missing and old answers are the work-up's own; a caution holds nothing."""
    if not before.findings:
        return Decision.no("There is no work-up to read."), ""
    decided = [one for one in before.resolutions if before.today.is_past(one.decided_at)]
    absolute = [one.title for one in before.findings if one.kind is Severity.ABSOLUTE]
    holding = [
        one.title for one in before.findings if one.kind is Severity.HOLD and not is_resolved(one, decided)
    ]
    shut = []
    if absolute:
        shut.append(
            f"No reason clears this: {'; '.join(absolute)}. "
            "Where the entry is wrong, it is corrected in the work-up."
        )
    if holding:
        shut.append(
            f"The work-up holds the dose: {'; '.join(holding)}. The prescriber decides it in the work-up."
        )
    return said(not shut, "No finding of the work-up holds the dose.", " ".join(shut))


def _decision_signed(before: Before, _: Protocol) -> Checked:
    unsigned = [words(role) for role in DECIDERS if role not in before.decision_signed_by]
    return said(
        not unsigned,
        "Prescriber, couples therapist and the person have signed to go on.",
        f"The joint decision still waits for: {', '.join(unsigned)}.",
    )


def _consents(before: Before, _: Protocol) -> Checked:
    if not before.consents_needed:
        return Decision.no("Which consents are needed has not been said."), ""
    lacking = sorted(before.consents_needed - before.consents_in_force)
    return said(
        not lacking,
        "Every consent needed is in force.",
        f"Not in force: {', '.join(words(name) for name in lacking)}.",
        ", ".join(words(name) for name in sorted(before.consents_needed)),
    )


def _order_signed(before: Before, _: Protocol) -> Checked:
    if not before.today.is_past(before.order_signed_at):
        return Decision.no("The prescriber has not signed an order for this session."), ""
    checked = before.order_in_range
    if checked is None:  # a check that says no is falsy too, and has its own words
        checked = Decision.no("The order has not been checked against the protocol.")
    return checked, f"Signed {in_words(before.order_signed_at)}" if checked else ""


def _days_between(before: Before, protocol: Protocol) -> Checked:
    """The protocol's least days since the last session in which a dose was begun, by the stage of this one."""
    earlier, plan = before.earlier, protocol.routes.get(before.route)
    if earlier is None:
        return Decision.no("When the last dose was given has not been looked up."), ""
    if earlier.days_since is None:
        return Decision.yes("No dose was given before this one."), ""
    stage = stage_of(plan, earlier.in_course, is_maintained=earlier.is_maintained) if plan else None
    if stage is None:
        return Decision.no("The protocol does not say how many days must lie between two doses."), ""
    apart = Apart(earlier.days_since, stage.minimum_days_between)
    sentence, evidence = apart.words("the last dose"), f"{stage.name}: {stage.minimum_days_between.source}"
    if apart.is_enough:
        return Decision.yes(sentence), evidence
    override = before.interval_override
    if override and _is_reasoned(override) and before.today.has(override.decided_at):
        return Decision.yes(f"{sentence} The prescriber decided to go on, with a reason."), evidence
    return Decision.no(
        f"{sentence} Choose a later day; going on today is the prescriber's to decide."
    ), evidence


def _partner(before: Before, _: Protocol) -> Checked:
    if before.is_other_session_open is None:
        return Decision.no("Whether another session is open has not been checked."), ""
    return said(
        not before.is_other_session_open,
        "No other session in this couple's care is open.",
        "Another session in this couple's care is open.",
    )


def _consent_today(before: Before, _: Protocol) -> Checked:
    return said(
        before.today.has(before.consent_reaffirmed_at),
        "The person said today that they want this session.",
        "The person has not been asked today whether they want this session.",
        in_words(before.consent_reaffirmed_at),
    )


def _suicide(before: Before, _: Protocol) -> Checked:
    return rescreen.before_a_dose(before.suicide, before.today)


def _weight(before: Before, _: Protocol) -> Checked:
    weight = before.weight_kg
    is_known = weight is not None and weight.is_finite() and weight > 0
    return said(is_known, "Weight is recorded.", "Weight is not recorded.", f"{weight} kg")


def _blood_pressure(before: Before, protocol: Protocol) -> Checked:
    today = tuple(one for one in before.pressures if before.today.has(one.observed_at))
    below = pressure_below_hold(today, protocol.hold_bp)
    evidence = "; ".join(f"{one} {in_words(one.observed_at)}" for one in today)
    if below or not today:
        return below, evidence
    override = before.pressure_override
    if override and _overrides(override, today, before):
        return Decision.yes(f"{below.reason} The prescriber decided to go on, with a reason."), evidence
    return below, evidence


def _saturation(before: Before, _: Protocol) -> Checked:
    """Oximetry at each session (esketamine label); going home is judged against this baseline."""
    return said(
        before.today.has(before.saturation_at),
        "Oxygen saturation was measured before the dose.",
        "Oxygen saturation has not been measured today: put the monitor on, or enter it by hand.",
        in_words(before.saturation_at),
    )


def _overrides(override: Override, readings: tuple[Pressure, ...], before: Before) -> bool:
    newest = max(one.observed_at for one in readings)
    return _is_reasoned(override) and newest <= override.decided_at <= before.now


def _is_reasoned(override: Override) -> bool:
    return override.role is Role.PRESCRIBER and bool(override.reason.strip())


def _fasting(before: Before, protocol: Protocol) -> Checked:
    plan = protocol.routes.get(before.route)
    if plan is None or not before.fasting_confirmed:
        return Decision.no("Fasting has not been confirmed."), ""
    for what, at, needed in (
        ("food", before.last_food_at, plan.fasting_food_minutes),
        ("drink", before.last_drink_at, plan.fasting_clear_liquid_minutes),
    ):
        if at is not None and before.now - at < _minutes(needed):
            return Decision.no(f"The last {what} was less than {needed.value} min ago."), ""
    return Decision.yes(
        "Fasting is confirmed."
    ), f"food {in_words(before.last_food_at)}, drink {in_words(before.last_drink_at)}"


def _antiemetic(before: Before, _: Protocol) -> Checked:
    return said(
        before.antiemetic is not None,
        f"Antiemetic {before.antiemetic}.",
        "An antiemetic was neither offered, given nor declined.",
    )


def _escort(before: Before, _: Protocol) -> Checked:
    if not before.is_escort_named:
        return Decision.no("No escort is named."), ""
    return said(
        before.is_escort_reachable,
        "An escort is named and can be reached.",
        "The escort is named, but not here, and without a telephone number.",
    )


def _medications(before: Before, _: Protocol) -> Checked:
    asked_at, seen_at = before.medications_asked_at, before.medications_seen_at
    if asked_at is None or not before.today.has(asked_at):
        return Decision.no("Whether medicines changed has not been asked today."), ""
    if not before.medications_changed:
        return Decision.yes("No change of medicines, asked today."), in_words(asked_at)
    told_at = before.medications_changed_at or asked_at
    is_seen = seen_at is not None and told_at <= seen_at <= before.now
    later = (
        " The “no change” said after it is kept; it does not open this gate." if asked_at > told_at else ""
    )
    return said(
        is_seen,
        "Medicines changed; the prescriber has seen what.",
        f"Medicines changed, and the prescriber has not seen it yet.{later} The prescriber answers now.",
        in_words(seen_at),
    )


def _pregnancy(before: Before, protocol: Protocol) -> Checked:
    days = protocol.evidence_max_days("pregnant").value
    return pregnancies.before_a_dose(before.pregnancy, before.today, days)


def _equipment(before: Before, _: Protocol) -> Checked:
    if not before.today.has(before.equipment_at):
        return Decision.no("The equipment at the bed has not been checked today."), ""
    lacking = [title for code, title in EQUIPMENT if code not in before.equipment]
    return said(
        not lacking,
        "The equipment stands ready.",
        f"Not ready: {'; '.join(lacking)}.",
        ", ".join(title for _, title in EQUIPMENT),
    )


def _staffing(before: Before, _: Protocol) -> Checked:
    team = before.staffing
    if team is None or not before.today.has(before.staffing_at):
        return Decision.no("Who is here has not been said today: prescriber, nurse, second checker."), ""
    if not (team.prescriber.strip() and team.nurse.strip() and team.second.strip()):
        return Decision.no("A prescriber on site, a nurse and a second checker are needed."), ""
    return said(
        not team.is_second_the_nurse,
        f"Prescriber on site {team.prescriber}; nurse {team.nurse}; second checker {team.second}.",
        "The second checker must be somebody else than the nurse.",
        in_words(before.staffing_at),
    )


_CHECKS: dict[Gate, Callable[[Before, Protocol], Checked]] = {
    Gate.PROTOCOL_SIGNED: _protocol_signed,
    Gate.COURSE_ACTIVE: _course_active,
    Gate.FINDINGS: _findings,
    Gate.DECISION_SIGNED: _decision_signed,
    Gate.CONSENTS_IN_FORCE: _consents,
    Gate.ORDER_SIGNED: _order_signed,
    Gate.DAYS_BETWEEN: _days_between,
    Gate.PARTNER_NOT_IN_SESSION: _partner,
    Gate.CONSENT_REAFFIRMED: _consent_today,
    Gate.SUICIDE_RESCREENED: _suicide,
    Gate.MEDICATIONS_CHANGED: _medications,
    Gate.PREGNANCY: _pregnancy,
    Gate.FASTING: _fasting,
    Gate.WEIGHT_RECORDED: _weight,
    Gate.BLOOD_PRESSURE: _blood_pressure,
    Gate.OXYGEN_SATURATION: _saturation,
    Gate.ANTIEMETIC: _antiemetic,
    Gate.ESCORT: _escort,
    Gate.EQUIPMENT: _equipment,
    Gate.STAFFING: _staffing,
}


def _minutes(number: Number) -> timedelta:
    return timedelta(minutes=float(number.value))
