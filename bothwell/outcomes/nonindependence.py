"""How alike the two partners of a couple are, compared with two people taken at random.

It measures likeness and says nothing of where it comes from. Kenny, Kashy & Cook 2006, ch. 2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.frame import Frame, Pattern
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.significance import Test, beside, chi_square, f_test, t_test
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit


@dataclass(frozen=True)
class Nonindependence:
    """Likeness of partners who both answered, by analysis of variance and by correlation."""

    n_couples: int
    between: float  # mean square between couples
    within: float  # mean square within couples
    intraclass: float  # by analysis of variance; equals REML's where nobody is missing
    double_entry: float  # Pearson's r with each couple entered both ways round; equals ML's
    pearson: float | None  # first side with the second; None where nothing tells them apart
    test: Test  # of the intraclass correlation being zero, two-sided
    paired: Test | None  # whether one role's mean is higher; None where nothing tells partners apart


def nonindependence(frame: Frame) -> Nonindependence:
    """From couples in which both answered; effects in the frame are not taken out. Raises Unfit with several waves."""
    y = complete(frame.y, frame.couple)
    n = len(y)
    is_distinguished = frame.residual is Pattern.UNSTRUCTURED
    between = 2 * float(np.var(y.mean(axis=1), ddof=1))
    within = float((np.diff(y, axis=1) ** 2).sum()) / (2 * n)
    return Nonindependence(
        n_couples=n,
        between=between,
        within=within,
        intraclass=(between - within) / (between + within),
        double_entry=_correlation(np.concatenate([y, y[:, ::-1]])),
        pearson=_correlation(y) if is_distinguished else None,
        test=_f_test(between, within, n),
        paired=_paired(y) if is_distinguished else None,
    )


def _correlation(y: Numbers) -> float:
    return float(np.asarray(np.corrcoef(y.T))[0, 1])


def complete(y: Numbers, couple: Indexes) -> Numbers:
    """The rows in which both answered. Raises Unfit with several waves, fewer than three couples or no variation."""
    if len(np.unique(couple)) < len(couple):
        raise Unfit("this is told from one wave; choose one")
    y = y[~np.isnan(y).any(axis=tuple(range(1, y.ndim)))]
    if len(y) < 3:
        raise Unfit(f"both partners answered in {len(y)} couples; at least 3 are needed")
    return y


def _f_test(between: float, within: float, n: int) -> Test:
    """The larger mean square over the smaller, two-sided: partners may be alike or opposite."""
    if within == 0 or between == 0:
        raise Unfit("no variation within couples, or none between them")
    alike = between >= within
    ratio = between / within if alike else within / between
    df = (n - 1, n) if alike else (n, n - 1)
    test = f_test("partners are no more alike than strangers", ratio, *df)
    return beside(replace(test, p=min(1.0, 2 * test.p)), n)


def _paired(y: Numbers) -> Test | None:
    difference = y[:, 0] - y[:, 1]
    if np.ptp(difference) == 0:
        return None
    n = len(y)
    t = float(difference.mean() / (difference.std(ddof=1) / np.sqrt(n)))
    return beside(t_test("both roles have the same mean", t, n - 1), n)


def interchangeable(spec: Spec, sheet: Sheet) -> Test:
    """Whether anything tells the roles apart in the means, variances and covariances of all the columns (I-SAT).

    The saturated test of Olsen & Kenny 2006 (Psychol Methods 11:127): χ² = n·log of the ratio of determinants, in
    complete couples. Raises Unfit as `complete` does, and where there are no more couples than numbers in each.
    """
    values = np.stack([sheet.values[name] for name in spec.columns], axis=2)  # couple, side, column
    values = complete(values, sheet.couple)
    n, _, k = values.shape
    if n <= 2 * k:
        raise Unfit(f"{n} complete couples are too few for {2 * k} numbers in each")
    together = (values[:, 0] + values[:, 1]) / np.sqrt(2)
    apart = (values[:, 0] - values[:, 1]) / np.sqrt(2)
    free = np.cov(values.reshape(n, -1).T, bias=True)
    alike = [np.atleast_2d(np.cov(together.T, bias=True)), apart.T @ apart / n]
    if (
        min(np.linalg.matrix_rank(matrix) for matrix in (free, *alike)) < k
        or np.linalg.matrix_rank(free) < 2 * k
    ):
        raise Unfit("a column does not vary, or is the same for both partners; leave it out of this test")
    statistic = n * (sum(float(np.linalg.slogdet(m)[1]) for m in alike) - float(np.linalg.slogdet(free)[1]))
    df = k + k * k  # k means; k variances, k(k-1)/2 covariances within a person and as many across
    return beside(chi_square("the roles are interchangeable", statistic, df), n)
