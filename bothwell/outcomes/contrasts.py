"""Questions to effects already estimated: is this one zero, are these two the same? It never says why they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.degrees import Df, Errors, covariance, degrees, satterthwaite
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.significance import Test, chi_square, f_test, quantile, two_sided
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
    df: Df = Df.RESIDUAL, errors: Errors = Errors.EXPECTED, level: float = 0.95,
) -> Row:  # fmt: skip
    """A weighted sum of effects, tested against a number. Raises Unfit for an effect the model has not."""
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
    fit: Fit, together: Sequence[Weights], *, df: Df = Df.RESIDUAL, errors: Errors = Errors.EXPECTED
) -> Test:
    """Whether several weighted sums are all zero: F, or χ² with normal degrees of freedom.

    Raises Unfit where one of them follows from the others.
    """
    rows = np.array([_vector(fit, weights) for weights in together])
    matrix = rows @ covariance(fit, errors) @ rows.T
    if np.linalg.matrix_rank(rows) < len(rows):
        raise Unfit("one of these questions follows from the others; leave it out")
    values = rows @ fit.estimates
    statistic = float(values @ np.linalg.solve(matrix, values))
    null = "; ".join(f"{_said(weights)} = 0" for weights in together)
    if df is Df.NORMAL:
        return chi_square(null, statistic, len(rows))
    if df is Df.SATTERTHWAITE:
        degrees(fit, rows[0], df, errors)  # refuses errors it does not go with
        return f_test(null, statistic / len(rows), len(rows), _together(fit, rows, matrix))
    return f_test(null, statistic / len(rows), len(rows), degrees(fit, rows[0], df, errors))


def _together(fit: Fit, rows: Numbers, matrix: Numbers) -> float:
    """Satterthwaite's for several at once: from those of independent directions (Fai & Cornelius 1996)."""
    apart = np.linalg.eigh(matrix)[1].T @ rows
    each = np.array([satterthwaite(fit, direction) for direction in apart])
    if len(each) == 1:
        return float(each[0])
    known = each[each > 2]
    expected = float(np.sum(1 / (1 - 2 / known)))
    return 2 * expected / (expected - len(each)) if expected > len(each) else 2.0


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
