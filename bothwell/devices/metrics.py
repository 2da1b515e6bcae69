"""Turns what an SDC device (IEEE 11073) says of a metric into a reading with its time, unit and device.

It never reads who the patient is or where the device says it stands: which monitor is on which patient is
confirmed by a person. It guesses no time and no unit, and takes only what was measured on a patient: no
setting, no test, no demonstration.

Which device spoke: the endpoint the provider is known by, written `urn:uuid:...`; where one provider speaks for
several devices, each is `urn:uuid:...#handle`, so that whoever binds one can tell them apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from bothwell.codes import CodeTrouble, Converted, Quantity, System, converted, quantity_of
from bothwell.devices.reading import (
    HUNDREDTH,
    MAX_AHEAD,
    Problem,
    ProblemKind,
    Reading,
    Status,
    source_of,
)

# How BICEPS names code systems; a code without one is of ISO/IEEE 11073-10101.
SYSTEMS = {
    "": System.MDC,
    "urn:oid:1.2.840.10004.1.1.1.0.0.1": System.MDC,
    "urn:iso:std:iso:11073:10101": System.MDC,
    "http://loinc.org": System.LOINC,
    "urn:oid:2.16.840.1.113883.6.1": System.LOINC,
    "http://unitsofmeasure.org": System.UCUM,
    "urn:oid:2.16.840.1.113883.6.8": System.UCUM,
}
# What a metric is for: measured, or calculated from measurements. A setting has the same code as what it sets.
MEASURED = frozenset({"Msrmt", "Clc"})
TOO_LARGE = Decimal(10) ** 8


@dataclass(frozen=True, slots=True)
class Coded:
    """A code with its system and, where the device gives it, its reference name."""

    code: str
    system: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric as the device describes it: what it is, in which unit, for what, and of which device."""

    handle: str
    device_id: str
    types: Sequence[Coded]
    units: Sequence[Coded]
    category: str = "Msrmt"
    body_site: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One value as the device reported it; `validity`, `mode` and `activation` as BICEPS writes them."""

    value: Decimal | None
    determined_at_s: float | None
    validity: str = "Vld"
    mode: str = "Real"
    activation: str = "On"
    body_site: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one report of a device held, without anything about the patient."""

    readings: tuple[Reading, ...]
    problems: tuple[Problem, ...]
    newest: dict[str, datetime]


def is_ours(metric: Metric) -> bool:
    """Whether a metric is one of the quantities we speak, measured on the patient."""
    return metric.category in MEASURED and not isinstance(_quantity(metric), CodeTrouble)


def report(
    said: Sequence[tuple[Metric, Said]],
    received_at: datetime,
    ambient_mmhg: Mapping[str, int | None] = MappingProxyType({}),
) -> Report:
    """The readings of one report and why others were left out; times in UTC, values in our units.

    `ambient_mmhg`: by device the pressure of the air where it stands, as far as it is known.
    """
    outcomes = [
        reading(metric, one, received_at, number=number, ambient_mmhg=ambient_mmhg.get(metric.device_id))
        for number, (metric, one) in enumerate(said, 1)
    ]
    newest: dict[str, datetime] = {}
    for (metric, one), outcome in zip(said, outcomes, strict=True):
        at = outcome.observed_at if isinstance(outcome, Reading) else None
        if isinstance(outcome, Problem) and outcome.kind is ProblemKind.AHEAD:
            at = _time(one.determined_at_s)
        if at is not None:
            newest[metric.device_id] = max(at, newest.get(metric.device_id, at))
    return Report(
        tuple(outcome for outcome in outcomes if isinstance(outcome, Reading)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, Problem)),
        newest,
    )


def reading(
    metric: Metric, said: Said, received_at: datetime, number: int = 1, ambient_mmhg: int | None = None
) -> Reading | Problem:
    """What was said as a reading, or the first reason it is not one."""
    named = _quantity(metric)
    if isinstance(named, CodeTrouble):
        disagrees = named is CodeTrouble.NAME_DISAGREES
        return Problem(number, ProblemKind.CODE_DISAGREES if disagrees else ProblemKind.CODE_UNKNOWN)
    quantity, code = named
    told = _value(metric, said, quantity, ambient_mmhg)
    if isinstance(told, ProblemKind):
        return Problem(number, told, quantity.code)
    observed_at = _time(said.determined_at_s)
    if observed_at is None:
        return Problem(number, ProblemKind.TIME, quantity.code)
    if observed_at > received_at + MAX_AHEAD:
        return Problem(number, ProblemKind.AHEAD, quantity.code)
    return Reading(
        code=quantity.code,
        value=told.value.quantize(HUNDREDTH),
        unit=quantity.unit,
        observed_at=observed_at,
        status=Status.FINAL if said.validity == "Vldated" else Status.RAW,
        device_id=metric.device_id,
        body_site=(said.body_site or metric.body_site)[:40],
        containment="",
        is_questionable=said.validity == "Qst",
        source_ref=said.ref,
        source=source_of(code, metric.handle),
        told=told.told,
        ambient_mmhg=told.ambient_mmhg,
    )


def _quantity(metric: Metric) -> tuple[Quantity, str] | CodeTrouble:
    """What the metric's type names, by its first code, else by a translation; a first code that disagrees with
    its name is never overruled.
    """
    for coded in metric.types:
        found = quantity_of(coded.code, coded.name, SYSTEMS.get(coded.system, ""))
        if found is CodeTrouble.NAME_DISAGREES:
            return found
        if isinstance(found, Quantity):
            return found, coded.code
    return CodeTrouble.UNKNOWN


def _value(
    metric: Metric, said: Said, quantity: Quantity, ambient_mmhg: int | None
) -> Converted | ProblemKind:
    """The value in our unit, if the device stands by it."""
    if metric.category not in MEASURED:
        return ProblemKind.TYPE
    if said.mode != "Real" or said.validity in ("Calib", "Inv", "Oflw", "Uflw", "NA"):
        return ProblemKind.VALIDITY
    if said.activation != "On" or said.value is None:
        return ProblemKind.NOT_OBTAINED
    if said.validity not in ("Vld", "Vldated", "Qst"):
        return ProblemKind.STATUS
    if not said.value.is_finite() or abs(said.value) >= TOO_LARGE:
        return ProblemKind.VALUE
    for coded in metric.units:
        unit = (coded.code, coded.name, SYSTEMS.get(coded.system, "none of ours"))
        told = converted(quantity, said.value, unit, ambient_mmhg)
        if isinstance(told, Converted):
            return told
        if told is CodeTrouble.NAME_DISAGREES:
            break
    return ProblemKind.UNIT


def _time(seconds: float | None) -> datetime | None:
    """Seconds since 1970 as the device counts them; none if it says nothing, or nothing that is a time."""
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
