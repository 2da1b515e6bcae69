"""What a treatment protocol is made of: doses, limits, intervals and rules, each number with its source.

It holds no number itself and chooses none; the numbers live in files that a medical director signs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bothwell.pathway.steps import Phase


class Status(StrEnum):
    """Whether a value was read in a source, or is a default that the medical director must confirm."""

    PUBLISHED = "published"
    DEFAULT = "default-to-confirm"


class Route(StrEnum):
    """How ketamine is given."""

    IV = "iv"
    IM = "im"
    SL = "sl"
    IN = "in"


class Quantity(StrEnum):
    """What limits are kept for."""

    SYSTOLIC = "systolic"
    DIASTOLIC = "diastolic"
    HEART_RATE = "heart_rate"
    SPO2 = "spo2"
    RESPIRATORY_RATE = "respiratory_rate"
    ETCO2 = "etco2"
    SEDATION = "sedation"
    NAUSEA = "nausea"


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its source; the unit is in the name of the field that holds it."""

    value: Decimal
    source: str
    status: Status


@dataclass(frozen=True, slots=True)
class Flag:
    """A yes or no with its source."""

    value: bool
    source: str
    status: Status


@dataclass(frozen=True, slots=True)
class Sustained:
    """A limit that counts only when it has lasted this many seconds."""

    value: Decimal
    seconds: Decimal
    source: str
    status: Status


@dataclass(frozen=True, slots=True)
class Limits:
    """Vital limits of one quantity; `rise` and `fall` are distances from the person's own baseline."""

    warn_low: Number | None = None
    warn_high: Number | None = None
    alarm_low: Number | None = None
    alarm_high: Number | None = None
    rise_warn: Number | None = None
    rise_alarm: Number | None = None
    fall_warn: Number | None = None
    fall_alarm: Number | None = None
    alarm_low_sustained: Sustained | None = None


@dataclass(frozen=True, slots=True)
class HoldPressure:
    """Blood pressure before a dose: above either (mmHg), measured again after the wait, it holds the dose."""

    systolic_above_mmhg: Number
    diastolic_above_mmhg: Number
    second_reading_after_minutes: Number


@dataclass(frozen=True, slots=True)
class DoseRange:
    """Published doses of one route: a reference to check against, never a recommendation."""

    mg_per_kg_minimum: Number | None = None
    mg_per_kg_usual: Number | None = None
    mg_per_kg_maximum: Number | None = None
    mg_minimum: Number | None = None
    mg_maximum: Number | None = None
    mg_allowed: tuple[Number, ...] = ()
    infusion_minutes_minimum: Number | None = None
    infusion_minutes_usual: Number | None = None
    infusion_minutes_maximum: Number | None = None
    hold_in_mouth_minutes_minimum: Number | None = None
    hold_in_mouth_minutes_maximum: Number | None = None
    mg_per_device: Number | None = None
    minutes_between_devices: Number | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of the treatment on one route: how many sessions, how far apart."""

    name: str
    minimum_days_between: Number
    sessions: Number | None = None
    weeks: Number | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """When one quantity is looked at. Minutes count from the first dose."""

    baseline: Flag | None = None
    continuous: Flag | None = None
    continuous_minutes: Number | None = None
    active_every_minutes: Number | None = None
    after_every_minutes: Number | None = None
    at_minutes: tuple[Number, ...] = ()
    then_every_minutes: Number | None = None
    before_discharge: Flag | None = None
    only_when: str = ""


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """Everything that differs by route."""

    title: str
    label: str
    fasting_food_minutes: Number
    fasting_clear_liquid_minutes: Number
    active_minutes: Number
    minutes_before_discharge: Number
    dose: DoseRange
    stages: tuple[Stage, ...]
    monitoring: Mapping[str, Check]


@dataclass(frozen=True, slots=True)
class PhasePlan:
    """What a phase is for, and which of the clinic's own gates must be met to leave it."""

    purpose: str
    also_needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DischargeRule:
    """What must hold before somebody may go home."""

    score: str
    score_at_least: Number
    sedation_at_least: Number
    spo2_within_points: Number
    pressure_within_percent: Number
    below_hold_pressure: Flag
    required: Mapping[str, Flag]


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What was agreed for the time after a session."""

    no_big_decisions_days: Number
    no_driving_until_next_day: Flag
    integration_from_hours: Number
    integration_within_hours: Number


@dataclass(frozen=True, slots=True)
class Maintenance:
    """When to think of stopping: sessions cannot be brought down to this many a week by this month."""

    at_most_per_week: Number
    by_month: Number


@dataclass(frozen=True, slots=True)
class EligibilityLimits:
    """Where a number of the work-up becomes a finding."""

    lorazepam_equivalent_mg_above: Number
    asa_class_from: Number
    bmi_ideal_weight_from: Number


class Anchor(StrEnum):
    """From when a wave of questions is counted."""

    BEGINNING = "beginning"
    DOSE = "dose"
    SERIES_END = "series_end"


class Whom(StrEnum):
    """Who is asked: each of the two alone, or only who is treated."""

    EACH = "each_partner"
    TREATED = "treated_partner"


@dataclass(frozen=True, slots=True)
class AskedOf:
    """One questionnaire of a wave, and who is asked it."""

    id: str
    of: Whom
    source: str = ""


@dataclass(frozen=True, slots=True)
class Wave:
    """Questionnaires that belong together, when they are due, and how long they may be answered.

    Counted from the beginning of the couple (of one's own care where there is no couple), a wave is common to both
    partners; counted from a dose or the end of a series it is one person's own. `due_before_hours` is for a dose
    only. A wave yields to a heavier one that asks the same, or what covers it, within so many days.
    """

    id: str
    title: str
    anchor: Anchor
    opens_before_hours: Number
    lapses_after_hours: Number
    instruments: tuple[AskedOf, ...]
    at_hour: Number | None = None
    due_before_hours: Number | None = None
    due_after_days: Number | None = None
    due_after_months: Number | None = None
    every_weeks: Number | None = None
    for_weeks: Number | None = None
    yields_to: tuple[str, ...] = ()
    yields_within_days: Number | None = None

    @property
    def stem(self) -> str:
        """What the name of each of its occasions begins with."""
        return self.id.replace("_", " ")

    @property
    def is_common(self) -> bool:
        """Whether both partners are asked on the same day, whatever either one's own care is."""
        return self.anchor is Anchor.BEGINNING


@dataclass(frozen=True, slots=True)
class Reminding:
    """When a neutral mail may say that something waits, and how often for one wave."""

    at_hour: Number
    at_most_a_wave: Number
    days_between: Number


@dataclass(frozen=True, slots=True)
class Content:
    """What the file says, section by section."""

    name: str
    version: str
    about: str
    hold_bp: HoldPressure
    limits: Mapping[Quantity, Limits]
    apnoea_alarm_seconds: Number
    routes: Mapping[Route, RoutePlan]
    gates: Mapping[str, str]
    phases: Mapping[Phase, PhasePlan]
    predose_checks: Mapping[str, str]
    discharge: DischargeRule
    afterwards: Afterwards
    maintenance: Maintenance
    eligibility: EligibilityLimits
    evidence_days: Mapping[str, Number]
    waves: tuple[Wave, ...] = ()
    covers: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    reminding: Reminding | None = None


@dataclass(frozen=True, slots=True)
class Protocol(Content):
    """A protocol read without fault, with the SHA-256 of its text (what a signature is given for)."""

    sha256: str = ""

    def limits_values(self) -> dict[str, dict[str, Any]]:
        """Plain limits by quantity for the alarms: whole numbers as int, others as Decimal, no sources."""
        return {str(quantity): _plain(limits) for quantity, limits in self.limits.items()}

    def unconfirmed(self) -> list[tuple[str, Decimal | bool, str]]:
        """(field, value, source) of everything that is a default the medical director must confirm."""
        return [row[:3] for row in self.sourced() if row[3] is Status.DEFAULT]

    def sourced(self) -> list[tuple[str, Decimal | bool, str, Status]]:
        """(field, value, source, status) of every number and flag in the file."""
        return list(_walk(self, ""))

    def also_needs(self, phase: Phase) -> tuple[str, ...]:
        """The clinic's own gates for leaving this phase."""
        return self.phases[phase].also_needs if phase in self.phases else ()

    def evidence_max_days(self, code: str) -> Number:
        """How old (days) the evidence for this fact may be; the `default` where nothing is said."""
        return self.evidence_days.get(code, self.evidence_days["default"])


def due_minutes(check: Check, active_minutes: Decimal, until_minutes: int) -> tuple[int, ...]:
    """The minutes after the first dose at which this quantity is due, up to and with `until_minutes`."""
    due = {int(at.value) for at in check.at_minutes}
    active = min(int(active_minutes), until_minutes)
    if check.active_every_minutes:
        due.update(_every(check.active_every_minutes, 0, active))
    if check.after_every_minutes:
        due.update(_every(check.after_every_minutes, active, until_minutes))
    if check.then_every_minutes:
        due.update(_every(check.then_every_minutes, max(due, default=0), until_minutes))
    return tuple(sorted(minute for minute in due if minute <= until_minutes))


def _every(interval: Number, start: int, end: int) -> range:
    pace = max(1, int(interval.value))
    return range(start + pace, end + 1, pace)


def _whole(value: Decimal) -> int | Decimal:
    return int(value) if value == value.to_integral_value() else value


def _plain(limits: Limits) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(limits):
        match getattr(limits, field.name):
            case Number(value=value):
                plain[field.name] = _whole(value)
            case Sustained(value=value, seconds=seconds):
                plain[field.name] = {"value": _whole(value), "seconds": _whole(seconds)}
    return plain


def _walk(node: Any, field: str) -> Iterator[tuple[str, Decimal | bool, str, Status]]:
    match node:
        case Number() | Flag():
            yield field, node.value, node.source, node.status
        case Sustained():
            yield f"{field}.value", node.value, node.source, node.status
            yield f"{field}.seconds", node.seconds, node.source, node.status
        case Mapping():
            for key, one in node.items():
                yield from _walk(one, f"{field}.{key}" if field else str(key))
        case tuple():
            for index, one in enumerate(node):
                yield from _walk(one, f"{field}[{index}]")
        case _ if dataclasses.is_dataclass(node):
            for one in dataclasses.fields(node):
                yield from _walk(getattr(node, one.name), f"{field}.{one.name}" if field else one.name)
