"""Whose change comes first, read off two fits beside each other. It never calls the earlier one the cause.

Errors are robust over couples, for several steps of one couple are not several couples; t and its interval count
couples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bothwell.outcomes.contrasts import contrast
from bothwell.outcomes.degrees import Errors
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
    df: float  # couples less effects
    statistic: float  # t
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
    """Both directions of a lagged mediation with Wald intervals. Raises Unfit as `frame` and `fit` do, and where
    there are no more couples than effects."""
    if spec.model is not Model.LAGGED_MEDIATION:
        raise Unfit(f"{spec.model} has no two directions")
    asked = spec, turned(spec)
    frames = [frame(each, table) for each in asked]
    fits = [fit(each, one) for each, one in zip(asked, frames, strict=True)]
    rows = [row for one, found in zip(frames, fits, strict=True) for row in _rows(one, found, level)]
    notes = tuple(dict.fromkeys(note for found in fits for note in found.notes))
    return SideBySide(fits[0], fits[1], tuple(rows), level, notes)


def _rows(one: Frame, found: Fit, level: float) -> Iterator[Ahead]:
    spec = found.spec
    for side in found.sides if spec.distinguished else ("",):
        for whose, name in ("own", actor), ("partner's", partner):
            effect = name(change(spec.mediator))
            named = of(side, effect) if side else effect
            row = contrast(found, {named: 1.0}, errors=Errors.ROBUST, level=level)
            standardised = row.estimate * _spread_ratio(one, one.fixed.index(named))
            numbers = row.estimate, row.standard_error, row.df, row.statistic, row.p, row.low, row.high
            yield Ahead(spec.mediator, spec.outcome, whose, side, *numbers, standardised)


def _spread_ratio(one: Frame, place: int) -> float:
    """Standard deviation of a predictor over that of the outcome, among the answers it stands beside."""
    there = ~np.isnan(one.y)
    if (one.x[:, 0, place] == 0).all() or (one.x[:, 1, place] == 0).all():
        there &= (one.x[..., place] != 0).any(axis=0)
    return float(np.std(one.x[..., place][there]) / np.std(one.y[there]))
