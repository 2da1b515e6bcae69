"""Whole tables of invented couples, one maker a model, each from paths we chose: to learn with, to test with.

Nothing in them is about a real person. Values are arrays (couples, waves, 2 partners); `tidy` makes the long table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import root
from bothwell.outcomes.unfit import Unfit

Pair = tuple[float, float]
Values = dict[str, Numbers]  # each (couples, waves, 2)
EQUAL = np.array([[1.0, 0.3], [0.3, 1.0]])  # partners resemble each other: what is left over correlates .3


@dataclass(frozen=True)
class Paths:
    """How far one thing reaches another, by whose outcome it is: own and partner's, for side 0 and side 1."""

    actor: Pair = (0.0, 0.0)
    partner: Pair = (0.0, 0.0)
    intercept: Pair = (0.0, 0.0)

    def __post_init__(self) -> None:
        for name, pair in vars(self).items():
            if np.shape(pair) != (2,):
                raise Unfit(
                    f"{name} is two numbers, of the first partner and of the second: {name}=(0.3, 0.3)"
                )

    def reach(self, x: Numbers) -> Numbers:
        """What `x` (…, 2) adds to each partner's outcome."""
        return np.array(self.intercept) + np.array(self.actor) * x + np.array(self.partner) * x[..., ::-1]


def noise(shape: tuple[int, ...], covariance: Numbers, random: np.random.Generator) -> Numbers:
    """Normal pairs (*shape, 2) of that covariance."""
    return random.standard_normal((*shape, len(covariance))) @ root(covariance).T


def icc(couples: int, random: np.random.Generator, *, residual: Numbers = EQUAL, mean: float = 0.0) -> Values:
    """y: two numbers a couple that resemble each other."""
    return {"y": mean + noise((couples, 1), residual, random)}


def actor_partner(
    couples: int, random: np.random.Generator, *, paths: Paths, residual: Numbers = EQUAL
) -> Values:
    """x, and y of which own and partner's x are a part."""
    x = noise((couples, 1), EQUAL, random)
    return {"x": x, "y": paths.reach(x) + noise((couples, 1), residual, random)}


def mediated(
    couples: int,
    random: np.random.Generator,
    *,
    first: Paths,
    second: Paths,
    direct: Paths,
    residual: tuple[Numbers, Numbers] = (EQUAL, EQUAL),
) -> Values:
    """x, m of x (`first`), y of m (`second`) and x (`direct`)."""
    x = noise((couples, 1), EQUAL, random)
    m = first.reach(x) + noise((couples, 1), residual[0], random)
    y = second.reach(m) + direct.reach(x) + noise((couples, 1), residual[1], random)
    return {"x": x, "m": m, "y": y}


def growing(
    couples: int,
    random: np.random.Generator,
    *,
    times: Numbers,
    start: Paths,
    change: Paths,
    spread: Numbers,
    residual: Numbers = EQUAL,
    autocorrelation: float = 0.0,
) -> Values:
    """x (the same at every wave) and y: each partner's line over the waves, of which x moves start and change.

    `spread` (4, 4): start and change of side 0, then of side 1.
    """
    x = noise((couples, 1), EQUAL, random)
    own = noise((couples, 1), spread, random)
    line = start.reach(x) + own[..., ::2] + times[:, None] * (change.reach(x) + own[..., 1::2])
    e = _fading(couples, times, residual, autocorrelation, random)
    return {"x": np.repeat(x, len(times), axis=1), "y": line + e}


def _fading(
    couples: int, times: Numbers, residual: Numbers, autocorrelation: float, random: np.random.Generator
) -> Numbers:
    """Residuals of which a part, less with every unit of time, is left at the next wave."""
    e = noise((couples, len(times)), residual, random)
    for wave, gap in enumerate(np.diff(times), start=1):
        keep = autocorrelation**gap
        e[:, wave] = keep * e[:, wave - 1] + np.sqrt(1 - keep**2) * e[:, wave]
    return e


def daily(
    couples: int,
    random: np.random.Generator,
    *,
    days: int,
    within: Paths,
    between: Paths,
    spread: Numbers,
    residual: Numbers = EQUAL,
) -> Values:
    """x and y by the day. x = the person's usual level + the day's; each part reaches y on its own paths.

    The usual level that counts is the mean of the days there are. `spread` (2, 2): both partners' intercepts.
    """
    x = noise((couples, 1), EQUAL, random) + noise((couples, days), EQUAL, random)
    usual = x.mean(axis=1, keepdims=True)
    level = between.reach(usual) + noise((couples, 1), spread, random)
    return {"x": x, "y": level + within.reach(x - usual) + noise((couples, days), residual, random)}


def lagging(
    couples: int,
    random: np.random.Generator,
    *,
    waves: int,
    stability: Paths,
    influence: Paths,
    residual: Numbers = EQUAL,
    burn_in: int = 50,
) -> Values:
    """x, and y of which the wave before is a part: y's own (`stability`) and x's (`influence`), either partner's."""
    x = noise((couples, waves + burn_in), EQUAL, random)
    y = noise((couples, waves + burn_in), residual, random)
    for wave in range(1, waves + burn_in):
        y[:, wave] += stability.reach(y[:, wave - 1]) + influence.reach(x[:, wave - 1])
    return {"x": x[:, burn_in:], "y": y[:, burn_in:]}


def following(
    couples: int,
    random: np.random.Generator,
    *,
    waves: int,
    ahead: Paths,
    moving: Paths = Paths(),
    keep: float = 0.7,
    residual: Numbers = EQUAL,
    burn_in: int = 20,
) -> Values:
    """x, m that x of the wave before moves (`moving`), and y that changes after m has changed:
    y_{t+1} = keep·y_t + `ahead`(m_t − m_{t−1}) + what is new.
    """
    x, m, y = (noise((couples, waves + burn_in), each, random) for each in (EQUAL, EQUAL, residual))
    for wave in range(1, waves + burn_in):
        m[:, wave] += keep * m[:, wave - 1] + moving.reach(x[:, wave - 1])
        y[:, wave] += keep * y[:, wave - 1]
        if wave > 1:
            y[:, wave] += ahead.reach(m[:, wave - 1] - m[:, wave - 2])
    return {name: values[:, burn_in:] for name, values in (("x", x), ("m", m), ("y", y))}


def shared_fate(
    couples: int, random: np.random.Generator, *, path: float, unique: float = 0.5, left_over: float = 0.5
) -> Values:
    """x and y of which each partner tells a couple's common part: common y = path · common x + what is left over.

    `unique` and `left_over` are variances; common x has variance 1.
    """
    common_x = random.standard_normal((couples, 1, 1))
    common_y = path * common_x + np.sqrt(left_over) * random.standard_normal((couples, 1, 1))
    own = np.sqrt(unique) * random.standard_normal((2, couples, 1, 2))
    return {"x": common_x + own[0], "y": common_y + own[1]}


def tidy(
    values: Mapping[str, Numbers], times: Numbers | None = None, sides: tuple[str, str] = ("1", "2")
) -> dict[str, NDArray[Any]]:
    """The long table, two rows a couple-wave: couple, partner, wave (0, 1, …), time (its `times`) and each variable."""
    couples, waves, _ = next(iter(values.values())).shape
    shape = (couples, waves, 2)
    numbered = {
        "couple": np.arange(couples)[:, None, None],
        "partner": np.array(sides)[None, None, :],
        "wave": np.arange(waves)[None, :, None],
        "time": (np.arange(waves, dtype=float) if times is None else times)[None, :, None],
    }
    return {k: np.broadcast_to(v, shape).flatten() for k, v in {**numbered, **values}.items()}
