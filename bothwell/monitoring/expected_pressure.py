"""How far blood pressure rose, on the average, in published infusions: a simple course beside the person's own.

It is straight lines between the few points that were published. It is no limit, no alarm and no promise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from bothwell.monitoring.expected import NoModel, Regimen, model_for
from bothwell.monitoring.expected_models import DOMINO, published
from bothwell.pathway.schema import Route


@dataclass(frozen=True, slots=True)
class PressurePoint:
    """At a minute: the average expected (mmHg), and between what values most people lay, where that is known."""

    minute: float
    typical_mmhg: float
    low_mmhg: float | None = None
    high_mmhg: float | None = None


@dataclass(frozen=True, slots=True)
class PressureCourse:
    """The published course laid upon a person's own baseline, with everything that must be said beside it."""

    systolic: tuple[PressurePoint, ...]
    diastolic: tuple[PressurePoint, ...]
    sentences: tuple[str, ...]


def expect_pressure(
    regimen: Regimen, systolic_mmhg: float | None, diastolic_mmhg: float | None
) -> PressureCourse | NoModel:
    """The published rise added to the pressure before the dose (mmHg), as far as the infusion ran as studied."""
    told, none = published()["pressure"], published()["pressure_none"]
    if regimen.route is not Route.IV or model_for(regimen.route, regimen.product) is not DOMINO:
        return NoModel(none["route"])
    if regimen.ordered_minutes != told["infusion_minutes"]:
        return NoModel(none["minutes"])
    if not _is_as_studied(regimen, told):
        return NoModel(none["dose"])
    if systolic_mmhg is None or diastolic_mmhg is None:
        return NoModel(none["baseline"])
    until = _as_studied_until(regimen, told)
    return PressureCourse(
        _course(systolic_mmhg, told["systolic_rise_mmhg"], told["systolic_sd_mmhg"], until, told),
        _course(diastolic_mmhg, told["diastolic_rise_mmhg"], told["diastolic_sd_mmhg"], until, told),
        _sentences(systolic_mmhg, diastolic_mmhg, until, told),
    )


def _is_as_studied(regimen: Regimen, told: Mapping[str, Any]) -> bool:
    """Whether the infusion began at the studied pace, in mg/kg over its ordered minutes."""
    first = min(regimen.given, key=lambda each: each.from_minute, default=None)
    if first is None or first.to_minute <= first.from_minute or not regimen.weight_kg:
        return False
    ordered_mg = first.dose_mg / (first.to_minute - first.from_minute) * told["infusion_minutes"]
    return bool(told["mg_per_kg_from"] <= ordered_mg / regimen.weight_kg <= told["mg_per_kg_to"])


def _as_studied_until(regimen: Regimen, told: Mapping[str, Any]) -> float:
    """The minute up to which the infusion ran as in the studies: a pause, a stop, more drug end it."""
    ordered = sorted(regimen.given, key=lambda each: each.from_minute)
    ends = [each.from_minute for each in ordered[1:]]
    if ordered[0].to_minute < told["infusion_minutes"] - 0.5:
        ends.append(ordered[0].to_minute)
    return float(min([told["back_minute"], *ends]))


def _course(
    before: float, rise: float, spread: float, until: float, told: Mapping[str, Any]
) -> tuple[PressurePoint, ...]:
    """Up to the peak with a band, then down without one: how far people differ was published for the peak."""
    peak, back = told["peak_minute"], told["back_minute"]
    beside = NormalDist().inv_cdf(0.5 + published()["population"]["share_percent"] / 200) * spread
    top = min(peak, until) / peak
    points = [
        PressurePoint(0.0, before, before, before),
        PressurePoint(
            float(min(peak, until)),
            before + top * rise,
            before + top * (rise - beside),
            before + top * (rise + beside),
        ),
    ]
    if until > peak:
        left = (back - until) / (back - peak)
        points.append(PressurePoint(until, before + left * rise))
    return tuple(points)


def _sentences(systolic: float, diastolic: float, until: float, told: Mapping[str, Any]) -> tuple[str, ...]:
    said = (
        published()["label"]["words"],
        f"Blood pressure, mmHg, from this person's {systolic:.0f}/{diastolic:.0f} before the dose: on the average "
        f"{told['systolic_rise_mmhg']:.0f}/{told['diastolic_rise_mmhg']:.0f} higher at {told['peak_minute']} min "
        f"({told['title']}, {told['source']}); {told['back_source']}.",
        f"Straight lines between these points. The band holds {published()['population']['share_percent']} % of "
        f"people at the peak, if their rises are normally distributed (SD {told['systolic_sd_mmhg']}/"
        f"{told['diastolic_sd_mmhg']}); afterwards no spread was published.",
        told["others"],
    )
    if until < told["back_minute"]:
        return (
            *said,
            f"It ends at min {until:.0f}: from then on the infusion did not run as in the studies.",
        )
    return said
