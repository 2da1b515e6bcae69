"""What the likelihood needs to know of each couple: a few sums of products. It no longer knows any single answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bothwell.outcomes.arrays import Flags, Indexes, Numbers
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.layout import Layout, Term, layout_of

OCCASIONS = 8192  # at a time: what fits into a processor's cache


@dataclass(frozen=True, eq=False)
class Sums:
    """The couples' sums: one column a couple, one row a term of the layout; and what needs no couple, added up."""

    layout: Layout
    rows: Numbers  # (terms + 1, columns); the last row is zero: NOWHERE points at it
    repeats: Numbers  # (columns,) how many couples a column's design stands for: 1, but see `alike`
    totals: (
        Numbers  # (5, p + 1, p + 1): products of [x, y] by who answered: AA, AB + BA, BB, A alone, B alone
    )
    counts: Indexes  # (3,) occasions with both answers, the first side's alone, the second's alone
    n_couples: int

    @property
    def n_answers(self) -> int:
        return int(2 * self.counts[0] + self.counts[1] + self.counts[2])

    @property
    def n_occasions(self) -> int:
        return int(self.counts.sum())


def compress(frame: Frame, layout: Layout | None = None) -> Sums:
    """Each couple's sums. With `layout` those of one chunk can be joined with another's (`concat`)."""
    layout = layout or layout_of(frame)
    starts = np.flatnonzero(np.diff(frame.couple, prepend=-1))
    rows = np.zeros((len(layout.terms) + 1, len(starts)))
    totals = np.zeros((5, layout.width, layout.width))
    counts = np.zeros(3, dtype=np.int64)
    for first, last in _pieces(starts, len(frame.couple)):
        begin = starts[first]
        piece = slice(begin, starts[last] if last < len(starts) else len(frame.couple))
        there = ~np.isnan(frame.y[piece])
        both, alone, other = there[:, 0] & there[:, 1], there[:, 0] & ~there[:, 1], there[:, 1] & ~there[:, 0]
        counts += np.array([both.sum(), alone.sum(), other.sum()])
        _add_totals(totals, frame, piece, (both, alone, other))
        if layout.terms:
            columns = [_columns(frame, layout, side, piece, there[:, side]) for side in (0, 1)]
            _add_rows(rows[:, first:last], layout, columns, (both, alone, other), starts[first:last] - begin)
    return Sums(layout, rows, np.ones(len(starts)), totals, counts, len(starts))


def concat(parts: Sequence[Sums]) -> Sums:
    """The sums of all couples of all parts, which must share one layout."""
    first = parts[0]
    if any(part.layout is not first.layout and part.layout.terms != first.layout.terms for part in parts):
        raise ValueError("the parts were compressed by different layouts")
    return Sums(
        first.layout,
        np.concatenate([part.rows for part in parts], axis=1),
        np.concatenate([part.repeats for part in parts]),
        np.sum([part.totals for part in parts], axis=0),
        np.sum([part.counts for part in parts], axis=0),
        sum(part.n_couples for part in parts),
    )


def thinned(frame: Frame, couples: int) -> Frame:
    """About so many couples, evenly from all: to look for a place to start from, never to report."""
    stride = max(1, frame.n_couples // couples)
    kept = frame.couple % stride == 0
    return frame.take(kept, frame.couple[kept] // stride)


def between(frame: Frame, first: int, last: int) -> Frame:
    """The occasions from one to before another, which must begin and end with whole couples; arrays are shared."""
    piece = slice(first, last)
    return frame.take(piece, frame.couple[piece] - frame.couple[first])


def _pieces(starts: Indexes, n_occasions: int) -> Iterator[tuple[int, int]]:
    """From which couple to before which other, so that a piece has about OCCASIONS rows."""
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(starts, starts[first] + OCCASIONS, side="left"))
        last = max(last, first + 1)
        yield first, last
        first = last


def _columns(frame: Frame, layout: Layout, side: int, piece: slice, there: Flags) -> Numbers:
    """One side's columns, zero where it did not answer: (columns, occasions)."""
    arrays = {"z": frame.z, "x": frame.x}
    found = [
        frame.y[piece, side] if name == "y" else arrays[name][piece, side, j]
        for name, j in layout.sources[side]
    ]
    return np.where(there, np.stack(found), 0.0)


def _add_rows(rows: Numbers, layout: Layout, columns: Sequence[Numbers],
              answered: tuple[Flags, Flags, Flags], starts: Indexes) -> None:  # fmt: skip
    first, second = columns
    both, alone, other = answered
    pairs = {
        0: (first * both, first), 1: (first, second), 2: (second * both, second),
        3: (first * alone, first), 4: (second * other, second),
    }  # fmt: skip
    for kind, (left, right) in pairs.items():
        places = [place for place, term in enumerate(layout.terms) if term.kind == kind]
        if places and not (kind == 3 and not alone.any()) and not (kind == 4 and not other.any()):
            summed = np.add.reduceat(
                _products(left, right, [layout.terms[i] for i in places]), starts, axis=1
            )
            rows[places] = summed


def _products(left: Numbers, right: Numbers, terms: Sequence[Term]) -> Numbers:
    ones = np.array([term.products[0] for term in terms])
    found = left[ones[:, 0]] * right[ones[:, 1]]
    for place, term in enumerate(terms):
        for a, b in term.products[1:]:
            found[place] += left[a] * right[b]
    return np.asarray(found)


def _add_totals(totals: Numbers, frame: Frame, piece: slice, answered: tuple[Flags, Flags, Flags]) -> None:
    both, alone, other = answered
    first, second = (_augmented(frame, piece, side) for side in (0, 1))
    a, b = first[both], second[both]
    across = a.T @ b
    totals[:3] += a.T @ a, across + across.T, b.T @ b
    if alone.any():
        totals[3] += first[alone].T @ first[alone]
    if other.any():
        totals[4] += second[other].T @ second[other]


def _augmented(frame: Frame, piece: slice, side: int) -> Numbers:
    """[x, y] of one side."""
    return np.concatenate([frame.x[piece, side], frame.y[piece, side, None]], axis=1)
