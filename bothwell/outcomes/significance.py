"""What a statistical test found. It says how surprising numbers would be, never what made them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from scipy import special

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.caution import FEW, FEW_COUPLES


@dataclass(frozen=True)
class Test:
    """A null hypothesis in words, the statistic, its degrees of freedom and how surprising it would be."""

    null: str
    name: str  # F, t, z or χ²
    statistic: float
    p: float
    df: float
    df_denominator: float | None = None
    note: str = ""  # what must be said beside it
    __test__ = False  # pytest: this is no test of ours


def beside(test: Test, n_couples: int) -> Test:
    """The test with the caution that so few couples need; nothing where they are enough."""
    return replace(test, note=FEW) if n_couples < FEW_COUPLES else test


@overload
def two_sided(t: float, df: float) -> float: ...
@overload
def two_sided(t: Numbers, df: Numbers) -> Numbers: ...
def two_sided(t: float | Numbers, df: float | Numbers) -> float | Numbers:
    """How often |Student's t| is at least that large; infinite df: the normal distribution."""
    p = 2 * special.stdtr(df, -np.abs(t))
    return float(p) if np.ndim(p) == 0 else np.asarray(p)


@overload
def quantile(level: float, df: float) -> float: ...
@overload
def quantile(level: float, df: Numbers) -> Numbers: ...
def quantile(level: float, df: float | Numbers) -> float | Numbers:
    """How many standard errors a two-sided interval of that level reaches to each side."""
    reach = special.stdtrit(df, (1 + level) / 2)
    return float(reach) if np.ndim(reach) == 0 else np.asarray(reach)


def t_test(null: str, statistic: float, df: float) -> Test:
    """A two-sided t test; z where df is infinite."""
    return Test(null, "z" if np.isinf(df) else "t", statistic, two_sided(statistic, df), df)


def chi_square(null: str, statistic: float, df: int) -> Test:
    """A χ² test; what rounding pushed below zero is zero."""
    statistic = max(statistic, 0.0)
    return Test(null, "χ²", statistic, float(special.chdtrc(df, statistic)), df)


def f_test(null: str, statistic: float, df: float, df_denominator: float) -> Test:
    """An F test of large values; with infinite degrees of freedom below, that of χ² over its own."""
    if np.isinf(df_denominator):
        p = special.chdtrc(df, df * statistic)
    else:
        p = special.fdtrc(df, df_denominator, statistic)
    return Test(null, "F", statistic, float(p), df, df_denominator)
