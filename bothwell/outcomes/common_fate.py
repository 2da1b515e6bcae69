"""One hidden level of the couple behind both partners' answers, and how two such levels go together.

It returns no number where the couples' answers do not hold such a level, and it never says which level moves which.
Model: Ledermann & Kenny 2012, J Fam Psychol 26:140. Each partner's answer measures the couple's level equally
(loadings 1); what a person adds of their own may go together over the two questions within that person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.caution import FEW, FEW_COUPLES
from bothwell.outcomes.linear_covariance import LinearCovariance, likeliest
from bothwell.outcomes.nonindependence import complete
from bothwell.outcomes.sheet import Sheet, read
from bothwell.outcomes.significance import Test, beside, chi_square, quantile, t_test
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit


@dataclass(frozen=True)
class CommonFate:
    """The couple's levels of predictor and outcome; variances in the columns' squared units."""

    slope: float  # of the outcome's level on the predictor's
    standard_error: float  # expected information, delta method
    correlation: float  # of the two levels
    predictor_variance: float
    outcome_variance: float
    unexplained: float  # of the outcome's level
    slope_test: Test  # of a slope of zero
    fit_test: Test | None  # of the restrictions; None where the answers leave none to test
    n_couples: int
    notes: tuple[str, ...] = ()


def common_fate(spec: Spec, table: Any) -> CommonFate:
    """From complete couples at one wave, by maximum likelihood.

    Raises Unfit where partners' answers hold no common level, where its variances or correlation would be
    impossible (improper), and with any number of predictors but one.
    """
    if len(spec.predictors) != 1 or spec.covariates or spec.moderators or spec.product or spec.autoregressive:
        raise Unfit("common fate here has one predictor and nothing else; without a second there is no path")
    sheet = read(spec, table)
    values = _values(spec, sheet)
    n = len(values)
    sample = _sample(values, spec.distinguished)
    found = likeliest(sample, n, _patterns(spec.distinguished), _start(sample, spec.distinguished))
    _refuse_improper(spec, found)
    lost = len(sheet.couples) - n
    notes = (f"{lost} of {len(sheet.couples)} couples are not complete and left out",) if lost else ()
    few = (FEW,) if n < FEW_COUPLES else ()
    return _result(found, n, spec.distinguished, few + sheet.notes + notes + _faint(spec, found))


def _faint(spec: Spec, found: LinearCovariance) -> tuple[str, ...]:
    """The slope divides by the predictor's common variance: near zero it means little, whatever its error says."""
    if found.theta[0] > quantile(0.95, np.inf) * np.sqrt(found.covariance[0, 0]):
        return ()
    return (
        f"partners hardly agree on {spec.predictors[0]}: its common level is faint and the slope unreliable",
    )


# ── what is observed: predictor of the first, of the second, outcome of the first, of the second ──────────


def _values(spec: Spec, sheet: Sheet) -> Numbers:
    pair = np.stack([sheet.values[spec.predictors[0]], sheet.values[spec.outcome]], axis=1)
    values = complete(pair, sheet.couple).reshape(-1, 4)
    if len(values) <= 10:
        raise Unfit(
            f"{len(values)} complete couples are fewer than the model's ten numbers; it is not identified"
        )
    for place, column in ((0, spec.predictors[0]), (2, spec.outcome)):
        if (np.ptp(values[:, place : place + 2], axis=0) == 0).any():
            raise Unfit("no variation: every value is the same", column=column)
    return values


def _sample(values: Numbers, is_distinguished: bool) -> Numbers:
    """The covariance matrix (divisor n); where nothing tells partners apart, the mean over both ways round."""
    if is_distinguished:
        return np.cov(values.T, bias=True)
    return np.cov(np.concatenate([values, values[:, [1, 0, 3, 2]]]).T, bias=True)


def _patterns(is_distinguished: bool) -> Numbers:
    """(k, 4, 4). First the levels' variance of x, variance of y, covariance; then what persons add."""
    x, y = np.array([1.0, 1, 0, 0]), np.array([0.0, 0, 1, 1])
    levels = [np.outer(x, x), np.outer(y, y), np.outer(x, y) + np.outer(y, x)]
    own = [[_pair(side, side), _pair(side + 2, side + 2), _pair(side, side + 2)] for side in (0, 1)]
    if is_distinguished:
        return np.array(levels + own[0] + own[1])
    return np.array(levels + [first + second for first, second in zip(*own, strict=True)])


def _pair(row: int, column: int) -> Numbers:
    pattern = np.zeros((4, 4))
    pattern[row, column] = pattern[column, row] = 1.0
    return pattern


def _start(sample: Numbers, is_distinguished: bool) -> Numbers:
    levels = [sample[0, 1], sample[2, 3], (sample[0, 3] + sample[1, 2]) / 2]
    own = [
        sample[row + side, column + side] - level
        for side in ((0, 1) if is_distinguished else (0,))
        for (row, column), level in zip(((0, 0), (2, 2), (0, 2)), levels, strict=True)
    ]
    return np.array(levels + own)


# ── what is possible ──────────────────────────────────────────────────────────────────────────────────────


def _refuse_improper(spec: Spec, found: LinearCovariance) -> None:
    x, y, both = found.theta[:3]
    for variance, column in ((x, spec.predictors[0]), (y, spec.outcome)):
        if variance <= 0:
            raise Unfit(
                "partners' answers do not rise and fall together, so they hold no common level; "
                "the model is not identified",
                column=column,
            )
    if abs(both) >= np.sqrt(x * y):
        raise Unfit(
            f"improper: the two levels would correlate by {both / np.sqrt(x * y):.3f}, and none can beyond ±1; "
            "an actor–partner model asks less of these answers"
        )
    for own in found.theta[3:].reshape(-1, 3):
        if own[0] <= 0 or own[1] <= 0 or abs(own[2]) >= np.sqrt(own[0] * own[1]):
            raise Unfit("improper: what a person adds of their own would have a variance below zero")


def _result(found: LinearCovariance, n: int, is_distinguished: bool, notes: tuple[str, ...]) -> CommonFate:
    x, y, both = (float(value) for value in found.theta[:3])
    slope = both / x
    steps = np.array([-both / x**2, 0.0, 1 / x])
    error = float(np.sqrt(steps @ found.covariance[:3, :3] @ steps))
    return CommonFate(
        slope=slope,
        standard_error=error,
        correlation=both / float(np.sqrt(x * y)),
        predictor_variance=x,
        outcome_variance=y,
        unexplained=y - both * slope,
        slope_test=beside(t_test("the couple's two levels do not go together", slope / error, np.inf), n),
        fit_test=beside(_fit_test(found), n) if is_distinguished else None,
        n_couples=n,
        notes=notes,
    )


def _fit_test(found: LinearCovariance) -> Test:
    """One restriction: the first's predictor goes with the second's outcome as the second's with the first's."""
    return chi_square(
        "the couple's levels explain all that crosses between partners", found.log_likelihood_ratio, 1
    )
