"""k: the partner's effect over the actor's, and which of the known patterns it is compatible with.

It compares two effects and never says what brought them about. Kenny & Ledermann 2010, J Fam Psychol 24:359.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bothwell.outcomes.degrees import Errors, covariance, settled
from bothwell.outcomes.design import actor, of, partner
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.significance import quantile
from bothwell.outcomes.unfit import Unfit

DRAWS = 20_000


class Kind(StrEnum):
    """What k would be exactly (ibid.)."""

    COUPLE = "couple"  # 1: both values count the same
    ACTOR_ONLY = "actor only"  # 0: one's own alone
    CONTRAST = "contrast"  # −1: the difference


VALUES = {Kind.COUPLE: 1.0, Kind.ACTOR_ONLY: 0.0, Kind.CONTRAST: -1.0}


@dataclass(frozen=True)
class Ratio:
    """k with two intervals: by the delta method, and drawn (Monte Carlo), which is skewed as a ratio is."""

    name: str
    k: float
    standard_error: float  # delta method
    delta: tuple[float, float]
    drawn: tuple[float, float]
    compatible: tuple[Kind, ...]  # patterns inside the drawn interval
    notes: tuple[str, ...]


def ratio(
    fit: Fit, column: str, chance: np.random.Generator, *, side: str = "",
    errors: Errors | str | None = None, level: float = 0.95, draws: int = DRAWS,
) -> Ratio:  # fmt: skip
    """k of one predictor, of one role where the model has each role's own effects. Raises Unfit where it has none."""
    _, errors = settled(fit, None, errors)
    names = [of(side, effect) if side else effect for effect in (actor(column), partner(column))]
    if not set(names) <= set(fit.names):
        raise Unfit(f"the model has no {names[0]} and {names[1]}", column=column)
    places = [fit.names.index(name) for name in names]
    own, others = (float(fit.estimates[place]) for place in places)
    spread = covariance(fit, errors)[np.ix_(places, places)]
    k = others / own
    slope = np.array([-k / own, 1 / own])
    error = float(np.sqrt(slope @ spread @ slope))
    reach = quantile(level, np.inf) * error
    sample = chance.multivariate_normal([own, others], spread, size=draws)
    low, high = np.quantile(sample[:, 1] / sample[:, 0], [(1 - level) / 2, (1 + level) / 2])
    return Ratio(
        name=" / ".join(reversed(names)),
        k=k,
        standard_error=error,
        delta=(k - reach, k + reach),
        drawn=(float(low), float(high)),
        compatible=tuple(kind for kind, value in VALUES.items() if low <= value <= high),
        notes=_notes(own, float(np.sqrt(spread[0, 0])), level),
    )


def _notes(own: float, error: float, level: float) -> tuple[str, ...]:
    if abs(own) > quantile(level, np.inf) * error:
        return ()
    return ("the actor's effect may be zero, so the ratio may be anything: do not read it",)
