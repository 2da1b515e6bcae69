"""What a statistical test found. It says how surprising numbers would be, never what made them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Test:
    """A null hypothesis in words, the statistic, its degrees of freedom and how surprising it would be."""

    null: str
    name: str  # F, t, z or χ²
    statistic: float
    p: float
    df: float
    df_denominator: float | None = None
    __test__ = False  # pytest: this is no test of ours


def two_sided(t: float, df: float) -> float:
    """How often |Student's t| is at least that large; infinite df: the normal distribution."""
    return float(2 * special.ndtr(-abs(t)) if np.isinf(df) else 2 * special.stdtr(df, -abs(t)))


def quantile(level: float, df: float) -> float:
    """How many standard errors a two-sided interval of that level reaches to each side."""
    tail = (1 + level) / 2
    return float(special.ndtri(tail) if np.isinf(df) else special.stdtrit(df, tail))


def t_test(null: str, statistic: float, df: float) -> Test:
    """A two-sided t test; z where df is infinite."""
    return Test(null, "z" if np.isinf(df) else "t", statistic, two_sided(statistic, df), df)


def chi_square(null: str, statistic: float, df: int) -> Test:
    """A χ² test; what rounding pushed below zero is zero."""
    statistic = max(statistic, 0.0)
    return Test(null, "χ²", statistic, float(special.chdtrc(df, statistic)), df)


def f_test(null: str, statistic: float, df: float, df_denominator: float) -> Test:
    """An F test of large values."""
    p = float(special.fdtrc(df, df_denominator, statistic))
    return Test(null, "F", statistic, p, df, df_denominator)
