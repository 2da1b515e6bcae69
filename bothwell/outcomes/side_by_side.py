"""Whose change comes first, read off two fits beside each other. It never calls the earlier one the cause.

Errors are robust over couples (several steps of one couple are not several couples).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import erfc, nan, sqrt
from statistics import NormalDist
from typing import Any

import numpy as np

from bothwell.outcomes.design import actor, of, partner
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.precedence import change, turned
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit


@dataclass(frozen=True)
class Ahead:
    """How far a change of one step goes with somebody's change of another thing in the next step."""

    earlier: str  # the column that changed first
    later: str
    whose: str  # "own" or "partner's" earlier change
    side: str  # whose later change; empty where nothing tells partners apart
    estimate: float  # of the later column's unit per unit of the earlier's
    standard_error: float
    z: float
    p: float
    low: float
    high: float
    standardised: float  # in standard deviations of both changes, so that directions can be compared


@dataclass(frozen=True, eq=False)
class SideBySide:
    """Both directions: the mediator's change before the outcome's, and the outcome's before the mediator's."""

    forward: Fit
    backward: Fit
    rows: tuple[Ahead, ...]
    level: float
    notes: tuple[str, ...]

    def row(self, earlier: str, whose: str, side: str = "") -> Ahead:
        """The row of that earlier column, "own" or "partner's", and side. LookupError where there is none."""
        for each in self.rows:
            if (each.earlier, each.whose, each.side) == (earlier, whose, side):
                return each
        raise LookupError(f"no {whose} {earlier} of {side or 'both'}")


def side_by_side(spec: Spec, table: Any, *, level: float = 0.95) -> SideBySide:
    """Both directions of a lagged mediation with Wald intervals. Raises Unfit as `frame` and `fit` do."""
    if spec.model is not Model.LAGGED_MEDIATION:
        raise Unfit(f"{spec.model} has no two directions")
    asked = spec, turned(spec)
    frames = [frame(each, table) for each in asked]
    fits = [fit(each, one) for each, one in zip(asked, frames, strict=True)]
    rows = [
        row
        for each, one, found in zip(asked, frames, fits, strict=True)
        for row in _rows(each, one, found, NormalDist().inv_cdf((1 + level) / 2))
    ]
    notes = tuple(dict.fromkeys(note for one in frames for note in one.left_out))
    return SideBySide(fits[0], fits[1], tuple(rows), level, notes)


def _rows(spec: Spec, one: Frame, found: Fit, times: float) -> Iterator[Ahead]:
    for side in one.sides if spec.distinguished else ("",):
        for whose, name in ("own", actor), ("partner's", partner):
            effect = name(change(spec.mediator))
            place = one.fixed.index(of(side, effect) if side else effect)
            estimate = float(found.estimates[place])
            error = float(np.sqrt(found.covariance_robust[place, place]))
            z = estimate / error if error else nan
            yield Ahead(
                spec.mediator,
                spec.outcome,
                whose,
                side,
                estimate,
                error,
                z,
                erfc(abs(z) / sqrt(2)),
                estimate - times * error,
                estimate + times * error,
                estimate * _spread_ratio(one, place),
            )


def _spread_ratio(one: Frame, place: int) -> float:
    """Standard deviation of a predictor over that of the outcome, among the answers it stands beside."""
    there = ~np.isnan(one.y)
    if (one.x[:, 0, place] == 0).all() or (one.x[:, 1, place] == 0).all():
        there &= (one.x[..., place] != 0).any(axis=0)
    return float(np.std(one.x[..., place][there]) / np.std(one.y[there]))
