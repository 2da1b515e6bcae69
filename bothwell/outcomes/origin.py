"""From where numbers are counted while a likelihood is climbed: from their middle, and times in the study's own steps.

Years and scores far from zero ask for the same model with more digits than a computer has; counted from their middle
they do not, and what is found is told again as the table counts. It changes no estimate and keeps no single answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bothwell.outcomes.arrays import Flags, Numbers
from bothwell.outcomes.covariance import gaps_of, triangle
from bothwell.outcomes.frame import Frame, Pattern

FAR = 3.0  # standard deviations from zero: nearer columns stay as they are
SAME = 1e-12  # of a column's size: what varies less does not vary
WHOLE = 1e-6  # of a step: times that miss it by less meet it


@dataclass(frozen=True)
class Moments:
    """What places an origin, of some couples: sums alone. Columns are x's, then z's, then the answer."""

    count: tuple[float, float]  # answers of each side
    mean: tuple[tuple[float, ...], tuple[float, ...]]
    squares: tuple[tuple[float, ...], tuple[float, ...]]  # about the mean
    gaps: int = 0  # from one occasion of a couple to its next
    apart: float = 0.0  # the time of all gaps
    step: float = 0.0  # of which all gaps are whole multiples; 0 where there is none such


@dataclass(frozen=True, eq=False)
class Origin:
    """Columns are counted as X T, answers as y − X h, random effects' columns as Z S, times in steps."""

    effects: Numbers  # T (p, p)
    answer: Numbers  # h (p,)
    random: Numbers  # S (q, q)
    step: float = 1.0  # of time: the study's own, or where there is none the usual gap
    usual: float = 1.0  # the mean gap, in steps
    is_even: bool = True  # all gaps are whole steps

    def estimates(self, beta: Numbers) -> Numbers:
        """Effects as the table counts."""
        return np.asarray(self.answer + self.effects @ beta)

    def covariance(self, matrix: Numbers) -> Numbers:
        """A covariance of effects (…, p, p) as the table counts."""
        return np.asarray(self.effects @ matrix @ self.effects.T)

    def spread(self, matrix: Numbers) -> Numbers:
        """The covariance of the random effects as the table counts."""
        return np.asarray(self.random @ matrix @ self.random.T)

    def natural(self) -> Numbers:
        """How the lower triangle of the spread as the table counts moves with the one counted from here."""
        i, j = triangle(len(self.random))
        moved = self.random[i][:, i] * self.random[j][:, j]
        return np.asarray(moved + np.where(i == j, 0.0, self.random[i][:, j] * self.random[j][:, i]))


# ── what parts tell ───────────────────────────────────────────────────────────────────────────────────────


def moments(frame: Frame) -> Moments:
    """The moments of one part."""
    told = [_side(frame, side) for side in (0, 1)]
    gaps = gaps_of(frame) if frame.is_autoregressive else np.zeros(0)
    return Moments(
        (told[0][0], told[1][0]), (told[0][1], told[1][1]), (told[0][2], told[1][2]),
        len(gaps), float(gaps.sum()), _step(gaps),
    )  # fmt: skip


def together(parts: Sequence[Moments]) -> Moments:
    """The moments of all parts."""
    count, mean, squares = (np.array([getattr(part, name) for part in parts]) for name in _ARRAYS)
    n = count.sum(axis=0)
    shares = count / np.maximum(n, 1.0)
    middle = np.einsum("ks,ksc->sc", shares, mean)
    about = squares.sum(axis=0) + np.einsum("ks,ksc->sc", count, (mean - middle) ** 2)
    return Moments(
        (float(n[0]), float(n[1])), (_plain(middle[0]), _plain(middle[1])), (_plain(about[0]), _plain(about[1])),
        sum(part.gaps for part in parts), sum(part.apart for part in parts), _common(parts),
    )  # fmt: skip


_ARRAYS = ("count", "mean", "squares")


def _plain(values: Numbers) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _side(frame: Frame, side: int) -> tuple[float, tuple[float, ...], tuple[float, ...]]:
    there = ~np.isnan(frame.y[:, side])
    n = int(there.sum())
    x = _about_mean(frame.x[:, side], there, n)
    z = x if frame.z is frame.x else _about_mean(frame.z[:, side], there, n)
    y = _about_mean(frame.y[:, side, None], there, n)
    return float(n), x[0] + z[0] + y[0], x[1] + z[1] + y[1]


def _about_mean(columns: Numbers, there: Flags, n: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Means, and squares about them, of the `n` rows that are there."""
    if not n:
        return (0.0,) * columns.shape[1], (0.0,) * columns.shape[1]
    means, squares = [], []
    for column in columns.T:
        values = column if n == len(there) else column[there]
        means.append(float(values.mean()))
        about = values - means[-1]
        squares.append(float(about @ about))
    return tuple(means), tuple(squares)


def _step(gaps: Numbers) -> float:
    """The smallest gap, where all gaps are whole multiples of it."""
    if not len(gaps):
        return 0.0
    least = float(gaps.min())
    return least if _whole(gaps / least) else 0.0


def _whole(steps: Numbers) -> bool:
    return bool(np.all(np.abs(steps - np.round(steps)) <= WHOLE))


def _common(parts: Sequence[Moments]) -> float:
    steps = np.array([part.step for part in parts if part.gaps])
    if not len(steps) or steps.min() <= 0:
        return 0.0
    return float(steps.min()) if _whole(steps / steps.min()) else 0.0


# ── the origin ────────────────────────────────────────────────────────────────────────────────────────────


def origin(told: Moments, effects: int, spread: Pattern) -> Origin:
    """The origin for all couples of whom these are the moments; `effects`: how many columns are x's."""
    count, mean, squares = np.array(told.count), np.array(told.mean), np.array(told.squares)
    p, q = effects, mean.shape[1] - effects - 1
    line = [*range(p), p + q]
    fixed = _moves(count, mean[:, line], squares[:, line])
    of_random = count, mean[:, p : p + q], squares[:, p : p + q]
    random = _moves(*(_alike(*of_random) if spread is Pattern.EXCHANGEABLE else of_random))
    usual = told.apart / told.gaps if told.gaps else 1.0
    step = told.step or usual
    return Origin(
        np.eye(p) - fixed[:p, :p], fixed[:p, p], np.eye(q) - random, step, usual / step, bool(told.step)
    )


def _alike(count: Numbers, mean: Numbers, squares: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Both partners' columns as one, so that exchangeable partners are moved alike."""
    half = mean.shape[1] // 2
    share = (count / max(count.sum(), 1.0))[:, None]
    other_mean, other_squares = (np.roll(values, half, axis=1)[::-1] for values in (mean, squares))
    middle = share * mean + share[::-1] * other_mean
    about = squares + other_squares + count[:, None] * (mean - middle) ** 2
    return np.full(2, count.sum()), middle, about + count[::-1, None] * (other_mean - middle) ** 2


def _moves(count: Numbers, mean: Numbers, squares: Numbers) -> Numbers:
    """What of the columns that never vary is to be taken from each other column: (columns, columns)."""
    size = np.sqrt(squares.sum(axis=0))
    level = np.sqrt(count @ mean**2)
    varying = size > SAME * level
    out = np.zeros((mean.shape[1],) * 2)
    if not (level > FAR * size)[varying].any():  # what could be taken is never more than a column's level
        return out
    bases = _bases(count, mean, ~varying)
    if not bases:
        return out
    weights = np.sqrt(count)[:, None]
    taken = np.linalg.lstsq(weights * mean[:, bases], weights * mean, rcond=None)[0]
    for column in np.flatnonzero(varying):
        here = mean[:, bases] @ taken[:, column]
        varies = np.sqrt((squares[:, column] + count * (mean[:, column] - here) ** 2).sum())
        if np.sqrt(count @ here**2) > FAR * varies:
            unit = 2.0 ** np.floor(np.log2(varies / np.sqrt(count.sum())))
            out[bases, column] = np.round(taken[:, column] / unit) * unit
    return out


def _bases(count: Numbers, mean: Numbers, is_constant: Numbers) -> list[int]:
    """Columns that never vary on either side, no two saying the same: at most one a side."""
    found: list[int] = []
    for column in np.flatnonzero(is_constant):
        wanted = [*found, int(column)]
        told = mean[:, wanted] * (count > 0)[:, None]
        if np.linalg.matrix_rank(told) == len(wanted):
            found = wanted
    return found


# ── frames counted from it ────────────────────────────────────────────────────────────────────────────────


def moved(frame: Frame, about: Origin) -> Frame:
    """The same couples, counted from the origin. Arrays that stay as they are are shared."""
    z = _turned(frame.z, about.random)
    is_one = frame.z is frame.x and np.array_equal(about.random, about.effects)
    y = frame.y
    for column in np.flatnonzero(about.answer):
        y = y - about.answer[column] * frame.x[:, :, column]
    return replace(
        frame, x=z if is_one else _turned(frame.x, about.effects), z=z, y=y,
        at=_steps(frame, about) if frame.is_autoregressive else frame.at,
    )  # fmt: skip


def _turned(columns: Numbers, matrix: Numbers) -> Numbers:
    changed = matrix - np.eye(len(matrix))
    if not changed.any():
        return columns
    out = columns.copy()
    for base, column in np.argwhere(changed):
        out[:, :, column] += changed[base, column] * columns[:, :, base]
    return out


def _steps(frame: Frame, about: Origin) -> Numbers:
    """Time since each couple's first occasion, in steps."""
    first = np.flatnonzero(np.diff(frame.couple, prepend=-1))
    apart = (frame.at - frame.at[first][np.cumsum(np.diff(frame.couple, prepend=-1) > 0) - 1]) / about.step
    return np.asarray(np.round(apart) if about.is_even else apart)
