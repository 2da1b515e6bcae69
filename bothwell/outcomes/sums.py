"""What the likelihood needs to know of each couple: a few sums of products. It no longer knows any single answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.layout import (
    BOTH_ACROSS,
    BOTH_FIRST,
    BOTH_SECOND,
    FIRST_ALONE,
    SECOND_ALONE,
    Layout,
    Term,
    layout_of,
)

OCCASIONS = 8192  # at a time: what fits into a processor's cache
ANSWERED = (  # who did, and the kinds of products there are of them
    ((BOTH_FIRST, BOTH_ACROSS, BOTH_SECOND), (0, 1)),
    ((FIRST_ALONE,), (0,)),
    ((SECOND_ALONE,), (1,)),
)
SIDES = ((0, 0), (0, 1), (1, 1), (0, 0), (1, 1))  # each kind's


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
    begins = np.diff(frame.couple, prepend=-1) != 0
    starts, column = np.flatnonzero(begins), np.cumsum(begins) - 1
    rows = np.zeros((len(layout.terms) + 1, len(starts)))
    products = [np.zeros((len(layout.sources[a]), len(layout.sources[b]))) for a, b in SIDES]
    counts = np.zeros(3, dtype=np.int64)
    for piece in _pieces(starts, len(frame.couple)):
        there = ~np.isnan(frame.y[piece])
        both = there[:, 0] & there[:, 1]
        for number, (kinds, who) in enumerate(ANSWERED):
            here = np.flatnonzero(both if len(who) == 2 else there[:, who[0]] & ~both)
            counts[number] += len(here)
            if len(here):
                columns = {side: _columns(frame, layout, side, piece, here) for side in who}
                for kind in kinds:
                    products[kind] += columns[SIDES[kind][0]] @ columns[SIDES[kind][1]].T
                _add_rows(rows, layout, kinds, columns, column[piece][here])
    totals = np.stack([_total(layout, kind, found) for kind, found in enumerate(products)])
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


def part(sums: Sums, first: int, last: int) -> Sums:
    """The columns of the couples from one to before another; totals and counts stay those of all."""
    return replace(sums, rows=sums.rows[:, first:last], repeats=sums.repeats[first:last])


def thinned(frame: Frame, couples: int) -> Frame:
    """About so many couples, evenly from all: to look for a place to start from, never to report."""
    stride = max(1, frame.n_couples // couples)
    kept = frame.couple % stride == 0
    return frame.take(kept, frame.couple[kept] // stride)


def between(frame: Frame, first: int, last: int) -> Frame:
    """The occasions from one to before another, which must begin and end with whole couples; arrays are shared."""
    piece = slice(first, last)
    return frame.take(piece, frame.couple[piece] - frame.couple[first])


def _pieces(starts: Indexes, n_occasions: int) -> Iterator[slice]:
    """The rows of about OCCASIONS occasions at a time, of whole couples."""
    first = 0
    while first < len(starts):
        last = max(int(np.searchsorted(starts, starts[first] + OCCASIONS, side="left")), first + 1)
        yield slice(int(starts[first]), int(starts[last]) if last < len(starts) else n_occasions)
        first = last


def _columns(frame: Frame, layout: Layout, side: int, piece: slice, here: Indexes) -> Numbers:
    """One side's columns at these occasions of a piece: (columns, occasions)."""
    arrays = {"z": frame.z, "x": frame.x, "y": frame.y[:, :, None]}
    kept = slice(None) if len(here) == piece.stop - piece.start else here
    return np.stack([arrays[name][piece, side, j][kept] for name, j in layout.sources[side]])


def _add_rows(rows: Numbers, layout: Layout, kinds: Sequence[int], columns: dict[int, Numbers],
              couple: Indexes) -> None:  # fmt: skip
    """Puts down each couple's products: no couple is in two pieces."""
    places = np.flatnonzero([term.kind in kinds for term in layout.terms])
    if len(places):
        starts = np.flatnonzero(np.diff(couple, prepend=-1))
        products = _products(columns, [layout.terms[place] for place in places], len(couple))
        rows[places[:, None], couple[starts]] = np.add.reduceat(products, starts, axis=1)


def _products(columns: dict[int, Numbers], terms: Sequence[Term], occasions: int) -> Numbers:
    found = np.empty((len(terms), occasions))
    for product, term in zip(found, terms, strict=True):
        left, right = (columns[side] for side in SIDES[term.kind])
        (a, b), *more = term.products
        np.multiply(left[a], right[b], out=product)
        for a, b in more:
            product += left[a] * right[b]
    return found


def _total(layout: Layout, kind: int, products: Numbers) -> Numbers:
    """A kind's total, from the products of the columns: these are summed once, however often they stand in [x, y]."""
    first, second = SIDES[kind]
    known = np.zeros((len(products) + 1, products.shape[1] + 1))  # the last of each: NOWHERE
    known[:-1, :-1] = products
    found = known[np.array(layout.columns[first])[:, None], layout.columns[second]]
    return np.asarray(found + found.T if first != second else found)
