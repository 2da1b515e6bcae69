"""Whether somebody may go home after a session: every criterion of the protocol, met or not, with its reason.

It never discharges anybody: a clinician signs. A criterion that was not checked counts as not met.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from bothwell.decision import Decision
from bothwell.dosing import flowsheet
from bothwell.pathway.eligibility import Pressure, above
from bothwell.pathway.protocol import Protocol, Route
from bothwell.pathway.steps import words


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a scale: what 2, 1 and 0 points mean."""

    code: str
    title: str
    two: str
    one: str
    nought: str


@dataclass(frozen=True, slots=True)
class Scale:
    """A discharge scale of five items, 0 to 2 points."""

    code: str
    title: str
    source: str
    items: tuple[Item, ...]
    wording_verified: bool = False


MPADSS = Scale(
    "mpadss",
    "Modified post-anaesthetic discharge scoring system",
    "Marshall and Chung 1999; 9 or more of 10",
    (
        Item(
            "vitals",
            "Vital signs",
            "within 20 % of baseline",
            "20 to 40 % of baseline",
            "more than 40 % of baseline",
        ),
        Item("gait", "Walking", "steady, as before", "with help", "not able, or dizzy"),
        Item("nausea", "Nausea and vomiting", "minimal", "moderate, treated", "severe"),
        Item("pain", "Pain", "minimal", "moderate, treated", "severe"),
        Item("bleeding", "Bleeding", "minimal", "moderate", "severe"),
    ),
)

ALDRETE = Scale(
    "aldrete",
    "Modified Aldrete score",
    "Aldrete, modified; 9 or more of 10 to leave the first phase",
    (
        Item("activity", "Activity", "moves 4 limbs", "moves 2 limbs", "moves none"),
        Item("respiration", "Respiration", "deep breath and cough", "dyspnoea or limited", "apnoea"),
        Item(
            "circulation", "Blood pressure", "within 20 % of baseline", "20 to 49 % off", "50 % or more off"
        ),
        Item("consciousness", "Consciousness", "fully awake", "wakes when called", "no response"),
        Item(
            "saturation",
            "SpO2",
            "above 92 % on room air",
            "needs oxygen for above 90 %",
            "below 90 % on oxygen",
        ),
    ),
)

SCALES: dict[str, Scale] = {scale.code: scale for scale in (MPADSS, ALDRETE)}


@dataclass(frozen=True, slots=True)
class Score:
    """The points of one scale (0 to 10), or None with the items that are not answered with 0, 1 or 2."""

    points: int | None
    unanswered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """How the person is now. Whatever is None was not checked.

    `started_at` is the first dose, `last_dose_at` the last one; none where there was no further one. SpO2 in percent, sedation
    as MOAA/S 0 to 5, blood pressure in mmHg. `dissociation`: the level (0 none to 3 severe) charted last since the dose,
    `dissociation_at` when, in the clinic's own zone. `suicide`: whether it was asked again since, and what was answered.
    `alarms`: those of high and medium priority that nobody has acknowledged, in words.
    """

    now: datetime
    route: Route
    started_at: datetime | None
    is_dose_running: bool | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    sedation: int | None = None
    dissociation: int | None = None
    dissociation_at: datetime | None = None
    spo2_percent: Decimal | None = None
    spo2_baseline_percent: Decimal | None = None
    is_on_room_air: bool | None = None
    pressure: Pressure | None = None
    pressure_baseline: Pressure | None = None
    checked: Mapping[str, bool] = field(default_factory=dict)
    last_dose_at: datetime | None = None
    suicide: Decision | None = None
    alarms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion: met or not, and why."""

    name: str
    met: bool
    reason: str


def score(scale: Scale, answers: Mapping[str, int]) -> Score:
    """The total of a scale, only when every item is answered with 0, 1 or 2."""
    unanswered = tuple(item.title for item in scale.items if not _is_points(answers.get(item.code)))
    if unanswered:
        return Score(None, unanswered)
    return Score(sum(answers[item.code] for item in scale.items))


def criteria(condition: Condition, protocol: Protocol) -> list[Criterion]:
    """Every criterion of the protocol's discharge rule, in order, for this route."""
    rule = protocol.discharge
    return [
        _dose_over(condition),
        _time(condition, protocol),
        _scored(condition, protocol),
        _sedation(condition, protocol),
        _oximetry(condition, protocol),
        _pressure_near_baseline(condition, protocol),
        *([_pressure_below_hold(condition, protocol)] if rule.below_hold_pressure.value else []),
        *(_required(name, condition) for name, flag in rule.required.items() if flag.value),
        *([_unseen(condition)] if condition.alarms else []),
    ]


def _unseen(condition: Condition) -> Criterion:
    """With the signature the room is over and its alarms are shown no more: each is seen by somebody first (ours)."""
    return Criterion(
        "alarms",
        False,
        f"Not acknowledged: {'; '.join(condition.alarms)}. Look, and acknowledge in the room.",
    )


def may_discharge(found: Iterable[Criterion]) -> Decision:
    """Whether a clinician may sign the discharge: every criterion is met. No criteria at all is a no."""
    listed = list(found)
    if not listed:
        return Decision.no("Nothing has been checked.")
    if unmet := [one.reason for one in listed if not one.met]:
        return Decision.no(" ".join(unmet))
    return Decision.yes("Every criterion for going home is met.")


def _is_points(points: object) -> bool:
    return isinstance(points, int) and not isinstance(points, bool) and 0 <= points <= 2


STILL_GIVEN = "A dose is still being given, or its end is not charted."


def _dose_over(condition: Condition) -> Criterion:
    reasons = {None: "Whether a dose is still running was not checked.", True: STILL_GIVEN}
    return Criterion(
        "dose_over",
        condition.is_dose_running is False,
        reasons.get(condition.is_dose_running, "No dose is being given."),
    )


def _time(condition: Condition, protocol: Protocol) -> Criterion:
    """The protocol's minutes since the dose. Each further dose counts anew, for its effect does: nobody goes home sooner after
    the dose, the protocol says, and names no first one.
    """
    name, plan = "minutes_since_last_dose", protocol.routes.get(condition.route)
    if plan is None or condition.started_at is None:
        return Criterion(name, False, "The time of the dose is not known.")
    last = max(condition.started_at, condition.last_dose_at or condition.started_at)
    if last > condition.now:
        return Criterion(name, False, "The time of the dose is not known.")
    passed = int((condition.now - last).total_seconds() // 60)
    needed = plan.minutes_before_discharge.value
    return Criterion(name, passed >= needed, f"{passed} of at least {needed} min since the last dose.")


def _scored(condition: Condition, protocol: Protocol) -> Criterion:
    scale, needed = SCALES[protocol.discharge.score], protocol.discharge.score_at_least.value
    total = score(scale, condition.answers)
    if total.points is None:
        return Criterion(scale.code, False, f"{scale.title}: not answered: {', '.join(total.unanswered)}.")
    return Criterion(
        scale.code, total.points >= needed, f"{scale.title}: {total.points} of 10, {needed} needed."
    )


def _sedation(condition: Condition, protocol: Protocol) -> Criterion:
    needed = protocol.discharge.sedation_at_least.value
    if condition.sedation is None:
        return Criterion("sedation", False, "Sedation was not checked.")
    met = needed <= condition.sedation <= 5
    return Criterion("sedation", met, f"Sedation MOAA/S {condition.sedation}, {needed} needed.")


def _oximetry(condition: Condition, protocol: Protocol) -> Criterion:
    now, baseline = condition.spo2_percent, condition.spo2_baseline_percent
    if now is None or baseline is None or condition.is_on_room_air is None:
        return Criterion("spo2", False, "SpO2 on room air, or its baseline, was not recorded.")
    if not condition.is_on_room_air:
        return Criterion("spo2", False, "The person is on oxygen, not on room air.")
    within = protocol.discharge.spo2_within_points.value
    met = baseline - now <= within
    return Criterion(
        "spo2",
        met,
        f"SpO2 {_plain(now)} % on room air, baseline {_plain(baseline)} %, at most {_plain(within)} below.",
    )


def _plain(number: Decimal) -> str:
    """Without the zeros behind it: 98.00 becomes 98."""
    return f"{number.normalize():f}"


def _current(condition: Condition) -> Pressure | None:
    """The reading now, if it was taken after the first dose: a baseline cannot stand in for it."""
    now, start = condition.pressure, condition.started_at
    if now is None or start is None or not start < now.observed_at <= condition.now:
        return None
    return now


def _pressure_near_baseline(condition: Condition, protocol: Protocol) -> Criterion:
    name, now, baseline = "blood_pressure_near_baseline", _current(condition), condition.pressure_baseline
    if now is None or baseline is None:
        return Criterion(name, False, "Blood pressure after the dose, or its baseline, was not recorded.")
    percent = protocol.discharge.pressure_within_percent.value
    met = _is_within(now.systolic_mmhg, baseline.systolic_mmhg, percent) and _is_within(
        now.diastolic_mmhg, baseline.diastolic_mmhg, percent
    )
    return Criterion(name, met, f"Blood pressure {now}, baseline {baseline}, within {percent} % needed.")


def _is_within(now: Decimal, baseline: Decimal, percent: Decimal) -> bool:
    return abs(now - baseline) * 100 <= percent * baseline


def _pressure_below_hold(condition: Condition, protocol: Protocol) -> Criterion:
    now = _current(condition)
    if now is None:
        return Criterion(
            "blood_pressure_below_hold", False, "Blood pressure after the dose was not recorded."
        )
    place = "above" if above(now, protocol.hold_bp) else "not above"
    return Criterion("blood_pressure_below_hold", place == "not above", f"{now} is {place} the hold limit.")


REQUIRED: dict[str, tuple[str, str]] = {
    "oriented": ("Oriented to person, place and time.", "Orientation is not confirmed."),
    "steady_gait": ("Walks steadily.", "Steady walking is not confirmed."),
    "respiratory_depression_resolved": (
        "Breathing is as before.",
        "Breathing is not confirmed as it was before.",
    ),
    "escort_present": ("The named escort is here.", "The named escort is not here."),
    "instructions_given": ("Instructions were given.", "Instructions for going home were not given."),
}
"""What is ticked by a person: (the sentence when met, the sentence when not)."""


DISSOCIATION, SUICIDE = "dissociation_resolved", "suicide_rescreen_done"
OF_THE_CHART = (DISSOCIATION, SUICIDE)
"""Of what the protocol requires, what the chart answers and nobody ticks."""


def _required(name: str, condition: Condition) -> Criterion:
    match name:
        case "dissociation_resolved":
            return _dissociation(condition)
        case "suicide_rescreen_done":
            return _asked_again(condition)
    return _checked(name, condition)


def _dissociation(condition: Condition) -> Criterion:
    """Resolved is what was charted as none since the last of the dose: a tick cannot stand in for it."""
    level, at = condition.dissociation, condition.dissociation_at
    if level is None or at is None:
        return Criterion(DISSOCIATION, False, "Dissociation was not charted since the dose.")
    said = f"Dissociation was charted as {flowsheet.LEVELS[level]} at {at:%H:%M}"
    if level == 0:
        return Criterion(DISSOCIATION, True, f"{said}: it has resolved.")
    return Criterion(DISSOCIATION, False, f"{said}, none is needed: once it has resolved, chart it again.")


def _asked_again(condition: Condition) -> Criterion:
    """What was answered, not only that it was asked: a Yes keeps the person here until the prescriber asked again."""
    said = condition.suicide
    if said is None:
        return Criterion(SUICIDE, False, "Suicide risk was not asked about again since the dose.")
    return Criterion(SUICIDE, said.allowed, said.reason)


def _checked(name: str, condition: Condition) -> Criterion:
    met = condition.checked.get(name) is True
    yes, no = REQUIRED.get(name, (f"{words(name).capitalize()}.", f"Not confirmed: {words(name)}."))
    return Criterion(name, met, yes if met else no)
