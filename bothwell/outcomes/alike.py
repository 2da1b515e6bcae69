"""Couples who were asked at the same times and left the same gaps weigh the same, and are told together.

Of such couples the likelihood knows only one design, and the squares and products of their sums: as many columns as
there are sums have the same squares and products as all of them. So complete waves cost the same for a hundred couples
and for a million, and the first step from any start is the closed solution. Nothing is approximated.
"""

from __future__ import annotations

import numpy as np

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.layout import NOWHERE, Layout
from bothwell.outcomes.sums import Sums


def alike(sums: Sums) -> Sums:
    """The same sums in fewer columns, where that at least halves them; else as they are."""
    layout = sums.layout
    designs, moving = layout.designs, layout.moving
    few = sums.rows.shape[1] // (2 * max(1, len(moving)))
    if not few or not layout.q:
        return sums
    patterns = _patterns(sums.rows[designs], few)
    if patterns is None:
        return sums
    parts = [_together(sums.rows, patterns == which, designs, moving) for which in range(patterns.max() + 1)]
    rows = np.concatenate([part for part, _ in parts], axis=1)
    repeats = np.concatenate([repeated for _, repeated in parts])
    return Sums(_apart(layout), rows, repeats, sums.totals, sums.counts, sums.n_couples)


def _patterns(designs: Numbers, few: int) -> Indexes | None:
    """Which couples have the same design, if there are only a few."""
    sample = designs[:, : 4 * few + 64]
    for values in (sample, designs):
        mixed = np.random.default_rng(7).normal(size=len(values)) @ values
        _, found = np.unique(mixed, return_inverse=True)
        if found.max() >= few:
            return None
    first = np.zeros(found.max() + 1, dtype=np.int64)
    first[found[::-1]] = np.arange(len(found))[::-1]
    return found if np.array_equal(designs, designs[:, first[found]]) else None


def _together(rows: Numbers, here: Numbers, designs: Indexes, moving: Indexes) -> tuple[Numbers, Numbers]:
    """Columns with the same squares and products as these couples', and how many couples each stands for."""
    values = rows[np.ix_(moving, np.flatnonzero(here))]
    square = values @ values.T
    scale = np.sqrt(np.maximum(np.diag(square), np.finfo(float).tiny))
    size, vectors = np.linalg.eigh(square / np.outer(scale, scale))
    some = size > 1e-30
    columns = scale[:, None] * vectors[:, some] * np.sqrt(size[some])
    width, n = len(rows) - 1, columns.shape[1]
    out = np.zeros((2 * width + 1, n))
    out[moving] = columns
    out[width + designs] = rows[designs, np.flatnonzero(here)[0]][:, None]
    return out, np.full(n, values.shape[1] / n)


def _apart(layout: Layout) -> Layout:
    """A layout whose designs stand in rows of their own."""
    zz = np.where(layout.zz == NOWHERE, NOWHERE, layout.zz + len(layout.terms))
    return Layout((*layout.terms, *layout.terms), zz, layout.zw, layout.sources, layout.columns)
