"""How many digits of a number are kept: as many as it is sure of, and too few to solve for anybody's answers.

What is not kept can be read nowhere: not on the page, not in a file, not in the database. It rounds; it decides nothing.

Exact sums of whole numbers can be solved for the numbers. Six digits of a mean are such a sum; so are six digits of a
standard error, of squares. So every number is rounded to a step that its own uncertainty allows, and an interval is
reckoned from what is kept, so that it tells nothing further.
"""

from __future__ import annotations

import math
from typing import Final

from bothwell.outcomes.apart import LEAST
from bothwell.outcomes.caution import FEW_COUPLES

SHARES: Final = (0.5, 0.2)
"""Of a standard error, the most that a step may be: below thirty couples, and from thirty on. By rounding, an estimate
moves by a quarter, or a tenth, of its standard error at most."""
SCALE: Final = 0.1
"""The finest step of a mean on an instrument's own scale."""
ALIKE: Final = 0.05
"""The finest step of a correlation."""
NO_P: Final = 0.001
"""Below, a p says no more than that it is."""


def at_least(couples: int) -> int:
    """How many couples are told of so many: the multiple of five that is not above it.

    Exact numbers, time by time, tell that one couple came or left something out. `5` stands for five to nine.
    """
    return couples // LEAST * LEAST


def step_of(error: float, couples: int, least: float = 0.0) -> float:
    """The largest of 1, 2 and 5 (times a power of ten) that is not above its share of the error; `least` at least."""
    most = error * SHARES[couples >= FEW_COUPLES]
    if not (math.isfinite(most) and most > 0):
        return max(least, SCALE)
    power = 10.0 ** math.floor(math.log10(most))
    return max(least, next(float(f"{n * power:.6g}") for n in (5, 2, 1) if n * power <= most or n == 1))


def to_step(value: float, step: float) -> float:
    """The multiple of the step that is nearest; what lies between two by no more than a computer's own error goes one way."""
    if not math.isfinite(value):
        return float(value)
    return float(f"{round(round(float(value) / step, 6)) * step:.10g}") + 0.0


def effect(estimate: float, error: float, *, df: float, wide: float, couples: int) -> dict[str, float]:
    """An estimate, its standard error and its interval as they are kept; `wide`: how many errors the interval has a side."""
    step = step_of(error, couples)
    told, se = to_step(estimate, step), _error(error, df, couples)
    return {
        "estimate": told,
        "se": se,
        "low": to_step(told - wide * se, step),
        "high": to_step(told + wide * se, step),
    }


def _error(error: float, df: float, couples: int) -> float:
    """A standard error to what it is itself sure of (about σ / √(2 df)), two digits at most."""
    if not (math.isfinite(error) and error > 0):
        return to_step(error, SCALE)
    second_digit = 10.0 ** (math.floor(math.log10(error)) - 1)
    return to_step(error, step_of(error / math.sqrt(2 * max(df, 1)), couples, second_digit))


def mean(value: float, error: float, *, wide: float, couples: int) -> dict[str, float]:
    """A mean on an instrument's scale and its interval as they are kept: one decimal at most."""
    step = step_of(error, couples, SCALE)
    told, around = to_step(value, step), to_step(wide * error, step)
    return {"mean": told, "low": to_step(told - around, step), "high": to_step(told + around, step)}


def scatter(value: float, couples: int) -> float:
    """A standard deviation of two answers a couple, as it is kept: two digits at most."""
    return _error(value, 2 * couples, couples)


def alike(value: float, couples: int) -> float:
    """A correlation of so many couples' partners, as it is kept."""
    return to_step(value, step_of((1 - value**2) / math.sqrt(couples), couples, ALIKE))


def chance(p: float) -> float:
    """A p as it is kept, two digits at most; 0 below one in a thousand."""
    if p < NO_P:
        return 0.0
    return round(p, 3) if p < 0.1 else round(p, 2)
