"""Couples drawn anew from those there are, whole couples at a time. It never parts a couple or its waves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bothwell.outcomes.arrays import Indexes
from bothwell.outcomes.frame import Frame


def resampled(frame: Frame, chosen: Indexes) -> Frame:
    """The frame of the couples whose numbers are chosen, as often as they are; -1 stands for none of this frame."""
    chosen = chosen[chosen >= 0]
    starts = np.searchsorted(frame.couple, np.arange(frame.n_couples + 1))
    lengths = np.diff(starts)[chosen]
    couple = np.repeat(np.arange(len(chosen)), lengths)
    within = np.arange(len(couple)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    rows = np.repeat(starts[chosen], lengths) + within
    return frame.take(rows, couple)


def together(frames: Sequence[Frame]) -> list[Indexes]:
    """Of every couple that is in any of the frames its number in each; -1 where it is not in it."""
    names = list(dict.fromkeys(name for frame in frames for name in frame.couples))
    places = [{name: place for place, name in enumerate(frame.couples)} for frame in frames]
    return [np.array([place.get(name, -1) for name in names]) for place in places]
