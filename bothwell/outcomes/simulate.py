"""Answers of couples that never were, drawn from a truth we chose: how a model shows that it finds what is there.

It never touches a real answer: what was answered in the frame is replaced, only who answered when is kept.
"""

from dataclasses import dataclass, field, replace

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import root
from bothwell.outcomes.frame import Frame


def _nothing() -> Numbers:
    return np.zeros((0, 0))


@dataclass(frozen=True, eq=False)
class Truth:
    """What answers are drawn from: y = Xβ + Zu + e, in the outcome's own unit."""

    fixed: Numbers  # (p,) β
    residual: Numbers  # (2, 2) covariance of e at one occasion
    spread: Numbers = field(default_factory=_nothing)  # (q, q) covariance of u
    autocorrelation: float = 0.0  # of e from one unit of time to the next


def answers(frame: Frame, truth: Truth, random: np.random.Generator) -> Frame:
    """The same frame with every answer drawn anew; what was missing stays missing."""
    y = frame.x @ truth.fixed + _fading(frame, truth, random)
    if len(truth.spread):
        effects = random.standard_normal((frame.n_couples, len(truth.spread))) @ root(truth.spread).T
        y += np.einsum("msq,mq->ms", frame.z, effects[frame.couple])
    return replace(frame, y=np.where(np.isnan(frame.y), np.nan, y), data_hash="", answers_hash="")


def _fading(frame: Frame, truth: Truth, random: np.random.Generator) -> Numbers:
    """Residuals (m, 2): each occasion's keeps φ to the power of the time since the couple's last, the rest is new."""
    noise = random.standard_normal(frame.y.shape) @ root(truth.residual).T
    if not truth.autocorrelation:
        return noise
    follows = np.flatnonzero(np.diff(frame.couple) == 0) + 1
    kept = truth.autocorrelation ** (frame.at[follows] - frame.at[follows - 1])
    for row, keep in zip(follows, kept, strict=True):
        noise[row] = keep * noise[row - 1] + np.sqrt(1 - keep**2) * noise[row]
    return noise


def with_gaps(frame: Frame, share: float, random: np.random.Generator) -> Frame:
    """The frame with that share of single answers missing by chance; occasions that nobody answered are gone.

    Every couple keeps its first occasion, so that none is lost.
    """
    gone = random.random(frame.y.shape) < share
    first = np.r_[True, np.diff(frame.couple) > 0]
    gone[first] = False
    kept = ~np.all(gone | np.isnan(frame.y), axis=1) | first
    y = np.where(gone, np.nan, frame.y)
    return replace(frame, y=y).take(kept, frame.couple[kept])
