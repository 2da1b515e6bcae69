"""Questions to effects already estimated: is this one zero, are these two the same? It never says why they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.degrees import Df, Errors, covariance, degrees, each, settled
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.significance import Test, beside, chi_square, f_test, quantile, two_sided
from bothwell.outcomes.unfit import Unfit

Weights = Mapping[str, float]  # effect → what it is multiplied with


@dataclass(frozen=True)
class Row:
    """One effect in the outcome's units per predictor's unit, with the interval of the asked level."""

    name: str
    estimate: float
    standard_error: float
    df: float
    statistic: float  # t; z where df is infinite
    p: float
    low: float
    high: float


def contrast(
    fit: Fit, weights: Weights, *, name: str = "", against: float = 0.0,
    df: Df | str | None = None, errors: Errors | str | None = None, level: float = 0.95,
) -> Row:  # fmt: skip
    """A weighted sum of effects, tested against a number. Without `df` and `errors` the `usual` ones of such a fit.

    Raises Unfit for an effect the model has not.
    """
    df, errors = settled(fit, df, errors)
    vector = _vector(fit, weights)
    estimate = float(vector @ fit.estimates)
    error = float(np.sqrt(vector @ covariance(fit, errors) @ vector))
    freedom = degrees(fit, vector, df, errors)
    t = (estimate - against) / error
    reach = quantile(level, freedom) * error
    return Row(
        name or _said(weights), estimate, error, freedom, t, two_sided(t, freedom),
        estimate - reach, estimate + reach,
    )  # fmt: skip


def same(first: str, second: str) -> Weights:
    """The difference of two effects: zero when they are the same."""
    return {first: 1.0, second: -1.0}


def wald(
    fit: Fit,
    together: Sequence[Weights],
    *,
    df: Df | str | None = None,
    errors: Errors | str | None = None,
) -> Test:
    """Whether several weighted sums are all zero: F, or χ² with normal degrees of freedom.

    Raises Unfit where one of them follows from the others.
    """
    df, errors = settled(fit, df, errors)
    rows = np.array([_vector(fit, weights) for weights in together])
    matrix = rows @ covariance(fit, errors) @ rows.T
    if np.linalg.matrix_rank(rows) < len(rows):
        raise Unfit("one of these questions follows from the others; leave it out")
    values = rows @ fit.estimates
    statistic = float(values @ np.linalg.solve(matrix, values))
    null = "; ".join(f"{_said(weights)} = 0" for weights in together)
    if df is Df.NORMAL:
        return beside(chi_square(null, statistic, len(rows)), fit.n_couples)
    apart = np.linalg.eigh(matrix)[1].T @ rows
    freedom = (
        _together(each(fit, apart, df, errors))
        if df is Df.SATTERTHWAITE
        else degrees(fit, rows[0], df, errors)
    )
    return beside(f_test(null, statistic / len(rows), len(rows), freedom), fit.n_couples)


def _together(found: Numbers) -> float:
    """Satterthwaite's for several at once: from those of independent directions (Fai & Cornelius 1996)."""
    if len(found) == 1 or np.isinf(found).all():
        return float(found[0])
    known = found[found > 2]
    expected = float(np.sum(1 / (1 - 2 / known)))
    return 2 * expected / (expected - len(found)) if expected > len(found) else 2.0


def _vector(fit: Fit, weights: Weights) -> Numbers:
    vector = np.zeros(len(fit.names))
    for name, weight in weights.items():
        if name not in fit.names:
            raise Unfit(f"the model has no such effect; it has {', '.join(fit.names)}", column=name)
        vector[fit.names.index(name)] = weight
    if not vector.any():
        raise Unfit("a question with no effect in it")
    return vector


def _said(weights: Weights) -> str:
    """`a − b`, `2·a + b`."""
    parts = []
    for name, weight in weights.items():
        sign = "− " if weight < 0 else "+ "
        parts.append(sign + (f"{abs(weight):g}·" if abs(weight) != 1 else "") + name)
    return " ".join(parts).removeprefix("+ ")
