"""How much partners differ from what is expected of them, and how alike they are in it, with intervals.

It tests no variance against zero: that is a question to two models (`compare`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.design import bare
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.significance import quantile


@dataclass(frozen=True)
class Part:
    """A variance (in the outcome's units squared, per the effect's) or a correlation, or the autocorrelation.

    Errors by the delta method; intervals on the scale of the logarithm (variances) and of Fisher's z (correlations),
    None at a boundary, where neither means anything.
    """

    name: str
    estimate: float
    standard_error: float | None
    low: float | None
    high: float | None


def variances(fit: Fit, level: float = 0.95) -> tuple[Part, ...]:
    """All of a fit: the random effects' by name, one occasion's residuals' by role, the autocorrelation."""
    size = len(fit.random) * (len(fit.random) + 1) // 2
    told, is_exchangeable = fit.natural_covariance, not fit.spec.distinguished
    found = [
        *parts_of(fit.spread, told[:size, :size], _random(fit), "random", level, is_exchangeable),
        *parts_of(
            fit.residual,
            told[size : size + 3, size : size + 3],
            sides(fit),
            "residual",
            level,
            is_exchangeable,
        ),
    ]
    if fit.autocorrelation is not None:
        found.append(fading(fit.autocorrelation, float(told[-1, -1]), level, fit.step))
    return tuple(found)


def sides(fit: Fit) -> tuple[str, str]:
    """What the table calls the two roles; nothing where none tell partners apart."""
    return fit.sides if fit.spec.distinguished else ("", "")


def _random(fit: Fit) -> tuple[str, ...]:
    """Where partners are exchangeable: one's own, then the partner's."""
    if fit.spec.distinguished:
        return fit.random
    names = [bare(name) for name in fit.random]
    half = len(names) // 2
    return (*names[:half], *(f"the partner's {name}" for name in names[half:]))


def parts_of(
    matrix: Numbers, covariance: Numbers, names: Sequence[str], kind: str, level: float, is_exchangeable: bool
) -> tuple[Part, ...]:
    """Variances and correlations of a matrix whose lower triangle (by rows) has that covariance.

    Where partners are exchangeable each number is told once: the first half's, and what crosses to the second.
    """
    d = len(matrix)
    half = d // 2 if is_exchangeable else d
    variances = [
        _variance(f"{kind} variance{_of(names[i])}", matrix[i, i], covariance[_at(i, i), _at(i, i)], level)
        for i in range(half)
    ]
    pairs = [pair for pair in combinations(range(d), 2) if not is_exchangeable or _is_first(pair, half)]
    return (
        *variances,
        *(
            _correlation(
                f"{kind} correlation{_between(names[i], names[j])}", matrix, covariance, (i, j), level
            )
            for i, j in pairs
        ),
    )


def fading(estimate: float, variance: float, level: float, step: float = 1.0) -> Part:
    """The autocorrelation of residuals one step of time apart; named by the step where that is not one unit."""
    name = "autocorrelation" if step == 1 else f"autocorrelation over {step:.4g} of time"
    return _by_fisher(name, estimate, variance, level)


def _is_first(pair: tuple[int, int], half: int) -> bool:
    """Of each number that stands twice or four times in an exchangeable matrix, the first place."""
    i, j = pair
    return i < half and (j < half or j - half >= i)


def _at(i: int, j: int) -> int:
    """Where the entry (i, j) stands in the lower triangle by rows."""
    i, j = max(i, j), min(i, j)
    return i * (i + 1) // 2 + j


def _of(name: str) -> str:
    return f" of {name}" if name else ""


def _between(first: str, second: str) -> str:
    return f" of {first} with {second}" if first or second else " of partners"


def _variance(name: str, estimate: float, variance: float, level: float) -> Part:
    estimate, error = float(estimate), float(np.sqrt(max(variance, 0.0)))
    if estimate <= 0 or error <= 0 or not np.isfinite(error):
        return Part(name, estimate, None, None, None)
    factor = float(np.exp(quantile(level, np.inf) * error / estimate))
    return Part(name, estimate, error, estimate / factor, estimate * factor)


def _correlation(
    name: str, matrix: Numbers, covariance: Numbers, pair: tuple[int, int], level: float
) -> Part:
    i, j = pair
    a, c, b = float(matrix[i, i]), float(matrix[i, j]), float(matrix[j, j])
    if min(a, b) <= 0:
        return Part(name, float("nan"), None, None, None)
    r = c / float(np.sqrt(a * b))
    slope = np.array([-r / (2 * a), 1 / np.sqrt(a * b), -r / (2 * b)])
    places = [_at(i, i), _at(i, j), _at(j, j)]
    return _by_fisher(name, r, float(slope @ covariance[np.ix_(places, places)] @ slope), level)


def _by_fisher(name: str, r: float, variance: float, level: float) -> Part:
    room = 1 - r**2
    if variance <= 0 or not np.isfinite(variance) or room < 1e-9:
        return Part(name, r, None, None, None)
    error = float(np.sqrt(variance))
    z, reach = float(np.arctanh(r)), quantile(level, np.inf) * error / room
    return Part(name, r, error, float(np.tanh(z - reach)), float(np.tanh(z + reach)))
