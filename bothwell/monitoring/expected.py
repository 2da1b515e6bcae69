"""What published populations would show after this dose: ketamine in blood, minute by minute, with a band.

It describes populations and never the person in the room; it advises no dose, and where nothing was published
it draws nothing and says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any

from bothwell.monitoring.expected_models import (
    DOMINO,
    KG,
    OTTO,
    PEREZ_RUIXO,
    SIMONS,
    Model,
    Ways,
    drawn,
    published,
)
from bothwell.monitoring.exponentials import quantile
from bothwell.pathway.schema import Route

UNIT = "ng/mL"


@dataclass(frozen=True, slots=True)
class Given:
    """Ketamine given evenly from one minute to another, at once if they are one. Minute 0 is the first dose."""

    dose_mg: float
    from_minute: float = 0.0
    to_minute: float = 0.0


@dataclass(frozen=True, slots=True)
class Regimen:
    """What was charted, and of the person what the models take. `ordered_minutes`: how long the infusion was to run."""

    route: Route
    product: str
    given: tuple[Given, ...]
    weight_kg: float | None = None
    age_years: float | None = None
    ordered_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class NoModel:
    """Nothing is drawn, and why, in a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Point:
    """What is expected at a minute after the first dose, ng/mL; no band where no differences were published."""

    minute: float
    typical: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """A published course for a regimen, with everything that must be said beside it. `label` comes first, always."""

    title: str
    of: str
    label: str
    inputs: str
    sentences: tuple[str, ...]
    points: tuple[Point, ...]
    unit: str = UNIT

    @property
    def peak(self) -> Point:
        return max(self.points, key=lambda point: point.typical)


# ── which model ───────────────────────────────────────────────────────────────────────────────────────────

S_KETAMINE = re.compile(
    r"esketamin|(?<![\w'’])\(?s\)?(\(\+\))?[- ]?ketamin|spravato|ketanest s", re.IGNORECASE
)
R_KETAMINE = re.compile(r"arketamin|(?<![\w'’])\(?r\)?(\(-\))?[- ]?ketamin", re.IGNORECASE)
KETAMINE = re.compile(r"ketamin|ketalar", re.IGNORECASE)


def is_ketamine(product: str) -> bool:
    """Whether a product's name says that it is ketamine of any form."""
    return bool(KETAMINE.search(product) or S_KETAMINE.search(product))


def model_for(route: Route, product: str) -> Model | NoModel:
    """The published model of this product by this route, or the reason why there is none."""
    none = published()["none"]
    is_s, is_r = bool(S_KETAMINE.search(product)), bool(R_KETAMINE.search(product))
    if is_r or not is_ketamine(product):
        return NoModel(none["product"])
    match route:
        case Route.IV:
            return OTTO if is_s else DOMINO
        case Route.IN if is_s:
            return PEREZ_RUIXO
        case Route.SL if is_s and "film" in product.lower():
            return SIMONS
        case _:
            return NoModel(none[route.value])


def _unfit(regimen: Regimen, model: Model) -> str:
    """Why this model cannot answer for this regimen; empty when it can."""
    none, age, told = published()["none"], regimen.age_years, model.told
    if age is not None and age < published()["population"]["youngest_years"]:
        return str(none["young"])
    if told["takes_weight"] and not (regimen.weight_kg and regimen.weight_kg > 0):
        return str(none["weight"])
    if not regimen.given or any(each.dose_mg <= 0 for each in regimen.given):
        return str(none["uncharted"])
    if model is PEREZ_RUIXO and any(each.dose_mg % _device_mg() for each in regimen.given):
        return str(none["devices"])
    if model in (PEREZ_RUIXO, SIMONS) and any(each.to_minute > each.from_minute for each in regimen.given):
        return str(none["mixed"])
    return ""


def _device_mg() -> float:
    return PEREZ_RUIXO.parameters["mg_per_device"]


# ── the course ────────────────────────────────────────────────────────────────────────────────────────────


def concentration(ways: Ways, given: Sequence[Given], minute: float) -> float:
    """What this body holds in blood at a minute, ng/mL: every dose by every way, added up."""
    found = 0.0
    for number, each in enumerate(given):
        for way in ways(number):
            until = each.from_minute + way.over_minutes if way.over_minutes else each.to_minute
            found += each.dose_mg * way.share * way.curve.over(each.from_minute, until, minute)
    return max(0.0, found)


def in_doses(model: Model, given: Sequence[Given]) -> tuple[Given, ...]:
    """The doses in order; of a nasal spray the first device apart, for all later ones are absorbed less."""
    ordered = sorted(given, key=lambda each: each.from_minute)
    if model is not PEREZ_RUIXO or not ordered:
        return tuple(ordered)
    first, device = ordered[0], _device_mg()
    apart = (replace(first, dose_mg=device), replace(first, dose_mg=first.dose_mg - device), *ordered[1:])
    return tuple(each for each in apart if each.dose_mg > 0)


def _minutes(given: Sequence[Given]) -> list[float]:
    """The minutes of the grid: evenly, and close together where something begins or ends."""
    of = published()["population"]
    even = range(0, of["minutes_shown"] + 1, of["minutes_between"])
    edges = {edge for each in given for edge in (each.from_minute, each.to_minute)}
    close = {edge + step for edge in edges for step in (0, 1, 2, 3)}
    return sorted({float(minute) for minute in {*even, *close} if 0 <= minute <= of["minutes_shown"]})


def expect(regimen: Regimen) -> Expectation | NoModel:
    """The published course after this regimen, with its band and its sentences; or why there is none.

    The band is made of adults drawn with a fixed seed, so the same regimen always has the same band.
    """
    model = model_for(regimen.route, regimen.product)
    if isinstance(model, NoModel):
        return model
    if reason := _unfit(regimen, model):
        return NoModel(reason)
    weight, age = regimen.weight_kg or KG, regimen.age_years or 0.0
    points = _course(model, in_doses(model, regimen.given), weight, age)
    told = model.told
    return Expectation(
        title=told["title"],
        of=told["of"],
        label=published()["label"]["words"],
        inputs=_inputs(regimen, model),
        sentences=_sentences(regimen, model),
        points=points,
    )


@lru_cache(maxsize=128)
def _course(model: Model, given: tuple[Given, ...], weight_kg: float, age_years: float) -> tuple[Point, ...]:
    minutes = _minutes(given)
    typical = _along(model.ways(model.parameters, weight_kg, age_years), given, minutes)
    if not model.told["has_spread"]:
        return tuple(Point(at, value) for at, value in zip(minutes, typical, strict=True))
    lows, highs = _band(model, given, minutes, weight_kg, age_years)
    return tuple(Point(*each) for each in zip(minutes, typical, lows, highs, strict=True))


def _along(ways: Ways, given: Sequence[Given], minutes: Sequence[float]) -> list[float]:
    return [concentration(ways, given, minute) for minute in minutes]


def _band(
    model: Model, given: Sequence[Given], minutes: Sequence[float], weight_kg: float, age_years: float
) -> tuple[list[float], list[float]]:
    """Between which values the stated share of drawn adults lies, minute by minute."""
    of = published()["population"]
    by, beside = Random(of["seed"]), (1 - of["share_percent"] / 100) / 2
    people = [
        _along(model.ways(drawn(model, by), weight_kg, age_years), given, minutes)
        for _ in range(of["people"])
    ]
    across = [sorted(values) for values in zip(*people, strict=True)]
    return [quantile(each, beside) for each in across], [quantile(each, 1 - beside) for each in across]


# ── what is said beside it ────────────────────────────────────────────────────────────────────────────────


def _inputs(regimen: Regimen, model: Model) -> str:
    """What the course was reckoned from, so that a wrong weight is seen."""
    said = [", then ".join(map(_dose, sorted(regimen.given, key=lambda each: each.from_minute)))]
    if model.told["takes_weight"]:
        said.append(f"{regimen.weight_kg:.1f} kg")
    if model.told["takes_age"]:
        said.append(_age(regimen.age_years))
    return "; ".join(said)


def _age(years: float | None) -> str:
    return f"{years:.0f} years" if years is not None else "age not on file, taken as 60 or younger"


def _dose(given: Given) -> str:
    if given.to_minute > given.from_minute:
        return f"{given.dose_mg:.3g} mg from min {given.from_minute:.0f} to {given.to_minute:.0f}"
    return f"{given.dose_mg:.3g} mg at min {given.from_minute:.0f}"


def _sentences(regimen: Regimen, model: Model) -> tuple[str, ...]:
    told = model.told
    return (
        published()["label"]["words"],
        f"{told['of']}, {UNIT}: {told['title']} ({told['source']}).",
        f"Reckoned from what is charted: {_inputs(regimen, model)}.",
        _spread(told),
        told["blood"],
        told["check"],
        told["left_out"],
    )


def _spread(told: Mapping[str, Any]) -> str:
    of = published()["population"]
    if not told["has_spread"]:
        return (
            "How far people differ was not published with this model: the line stands alone, "
            "and people lie on both sides of it."
        )
    return (
        f"The band holds {of['share_percent']} % of {of['people']} adults drawn (seed {of['seed']}) by the "
        "differences between people the paper reports; errors of measurement are not in it."
    )
