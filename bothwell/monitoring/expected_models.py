"""The published models of ketamine in blood: from a dose to a concentration, for a typical adult or a drawn one.

It holds no number itself, those lie in `expected.toml` with their papers, and it knows no patient.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from math import exp, log, log1p, sqrt
from pathlib import Path
from random import Random
from typing import Any

from bothwell.monitoring.exponentials import Body, Curve, Side, depot

FILE = Path(__file__).with_name("expected.toml")

Parameters = Mapping[str, float]

KG = 70.0
"""The weight the papers scale to."""
NG_PER_ML = 1000.0
"""Milligrams in a litre, as nanograms in a millilitre."""
AN_HOUR = 60.0


@cache
def published() -> dict[str, Any]:
    """The whole of `expected.toml`."""
    return tomllib.loads(FILE.read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a dose to blood: the share of the dose that goes it, spread over some minutes, and its answer.

    `curve` is the concentration (ng/mL) after one mg at once; `over_minutes` nought means as it was given.
    """

    curve: Curve
    share: float = 1.0
    over_minutes: float = 0.0


Ways = Callable[[int], tuple[Way, ...]]
"""The ways of the first dose (0), the second (1) and so on."""


@dataclass(frozen=True, slots=True)
class Model:
    """One published model: what it is of, what it needs, and how it answers."""

    key: str
    ways: Callable[[Parameters, float, float], Ways]

    @property
    def told(self) -> Mapping[str, Any]:
        """What the file says of it."""
        table: Mapping[str, Any] = published()[self.key]
        return table

    @property
    def parameters(self) -> Parameters:
        """The typical adult's."""
        found: Parameters = self.told["parameters"]
        return found


# ── the bodies ────────────────────────────────────────────────────────────────────────────────────────────


def _domino(of: Parameters, weight_kg: float, age_years: float) -> Ways:
    sides = (
        Side(of["k12_per_min"], of["k21_per_min"]),
        Side(of["k13_per_min"], of["k31_per_min"]),
    )
    blood = Body(of["k10_per_min"], sides).in_blood()
    way = Way(blood.times(NG_PER_ML / (of["v1_l_per_kg"] * weight_kg)))
    return lambda number: (way,)


def otto_body(of: Parameters, weight_kg: float) -> tuple[Body, float]:
    """The body of Otto 2021 (per minute) and the volume of its blood (L). Weight counts for V1 and CL only."""
    volume = of["v1_l"] * weight_kg / KG
    clearance = of["cl_l_per_h"] * (weight_kg / KG) ** 0.75
    first, second = of["q1_l_per_h"], of["q2_l_per_h"]
    sides = (
        Side(first / volume / AN_HOUR, first / of["vp1_l"] / AN_HOUR),
        Side(second / volume / AN_HOUR, second / of["vp2_l"] / AN_HOUR),
    )
    return Body(clearance / volume / AN_HOUR, sides), volume


def _otto(of: Parameters, weight_kg: float, age_years: float) -> Ways:
    body, volume = otto_body(of, weight_kg)
    way = Way(body.in_blood().times(NG_PER_ML / volume))
    return lambda number: (way,)


def simons_body(of: Parameters, weight_kg: float) -> tuple[Body, float]:
    """The body of Simons 2022 (per minute) and the volume of its blood (L), all scaled by weight."""
    bigger, faster = weight_kg / KG, (weight_kg / KG) ** 0.75
    volume = of["vk1_l"] * bigger
    first, second = of["q_l_per_min"] * faster, of["q2_l_per_min"] * faster
    sides = (
        Side(first / volume, first / (of["vk2_l"] * bigger)),
        Side(second / volume, second / (of["vk3_l"] * bigger)),
    )
    return Body(of["cl_l_per_min"] * faster / volume, sides), volume


def _simons(of: Parameters, weight_kg: float, age_years: float) -> Ways:
    """What goes through the lining of the mouth; what is swallowed does not come back as S-ketamine."""
    body, volume = simons_body(of, weight_kg)
    blood = body.in_blood().times(NG_PER_ML / volume)
    way = Way(depot(of["ka1_per_min"]).through(blood), of["f1"], of["d1_min"])
    return lambda number: (way,)


LIVER = 2
"""The third side of the body of Perez-Ruixo 2021, where everything is broken down."""


def perez_ruixo_body(of: Parameters, age_years: float) -> Body:
    """The body of Perez-Ruixo 2021 (per minute): two tissues and a liver, with less flow through it above 60."""
    years_above = max(0.0, age_years - 60)
    liver_flow = of["qh_l_per_h"] * _less_flow(years_above)
    first, second, volume = of["q1_l_per_h"], of["q2_l_per_h"], of["vc_l"]
    broken_down = (of["kel_per_h"] + of["kmet_per_h"]) / AN_HOUR
    sides = (
        Side(first / volume / AN_HOUR, first / of["vp1_l"] / AN_HOUR),
        Side(second / volume / AN_HOUR, second / of["vp2_l"] / AN_HOUR),
        Side(liver_flow / volume / AN_HOUR, liver_flow / of["vh_l"] / AN_HOUR, broken_down),
    )
    return Body(0.0, sides)


def _less_flow(years_above_60: float) -> float:
    """The share of the typical flow that is left, by the paper's fall a year."""
    typical = PEREZ_RUIXO.parameters
    less = typical["qh_less_a_year_above_60_l_per_h"] * years_above_60
    return max(0.1, 1 - less / typical["qh_l_per_h"])


def _perez_ruixo(of: Parameters, weight_kg: float, age_years: float) -> Ways:
    """Through the nose, and swallowed by way of the liver. Of later devices less goes through the nose."""
    body, per_litre = perez_ruixo_body(of, age_years), NG_PER_ML / of["vc_l"]
    nose = depot(of["ka_n_per_h"] / AN_HOUR).through(body.in_blood()).times(per_litre)
    gut = depot(of["ka_sw_per_h"] / AN_HOUR).through(body.in_blood_from(LIVER)).times(per_litre)

    def ways(number: int) -> tuple[Way, ...]:
        share = of["frn"] * (of["frn_later_devices"] if number else 1.0)
        return Way(nose, share), Way(gut, (1 - share) * of["f_gut"], of["d_sw_h"] * AN_HOUR)

    return ways


DOMINO = Model("domino_1984", _domino)
OTTO = Model("otto_2021", _otto)
SIMONS = Model("simons_2022", _simons)
PEREZ_RUIXO = Model("perez_ruixo_2021", _perez_ruixo)


# ── other adults ──────────────────────────────────────────────────────────────────────────────────────────


def drawn(model: Model, by: Random) -> Parameters:
    """The parameters of one adult of the paper's population, drawn by the differences it reports."""
    told, found = model.told, dict(model.parameters)
    variances = dict(told.get("variance", {}))
    variances |= {name: log1p((cv / 100) ** 2) for name, cv in told.get("cv_percent", {}).items()}
    steps = {name: by.gauss() for name in variances}
    together = {tuple(pair.split()): shared for pair, shared in told.get("covariance", {}).items()}
    for (first, second), shared in together.items():
        tied = shared / sqrt(variances[first] * variances[second])
        steps[second] = tied * steps[first] + sqrt(1 - tied**2) * steps[second]
    for name, step in steps.items():
        found[name] *= exp(step * sqrt(variances[name]))
    for name, percent in told.get("logit_sd_percent", {}).items():
        odds = log(found[name] / (1 - found[name])) + by.gauss() * percent / 100
        found[name] = 1 / (1 + exp(-odds))
    return found
