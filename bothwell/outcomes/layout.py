"""Which products of two columns have to be summed for each couple, each only once. It holds no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.frame import Frame

BOTH_FIRST, BOTH_ACROSS, BOTH_SECOND, FIRST_ALONE, SECOND_ALONE = KINDS = range(5)
NOWHERE = -1  # a column that is zero for this side, or a product that is

# of each side: where its columns that differ come from, by their numbers; and the numbers of a design's columns
Source = tuple[str, int]  # x, z or y of a frame, and which of its columns
Sources = tuple[tuple[Source, ...], tuple[Source, ...]]
Places = tuple[tuple[int, ...], tuple[int, ...]]  # or NOWHERE
Product = tuple[int, int]  # two columns; across: one of the first side, one of the second


@dataclass(frozen=True)
class Term:
    """One number a couple: a sum over its occasions of one product, or across the partners of two."""

    kind: int
    products: tuple[Product, ...]


@dataclass(frozen=True, eq=False)
class Layout:
    """Where each product of a random effect's column with a column of [x, y] stands among a couple's numbers.

    Columns with the same values (growth: z is x) are one, so that growth's 4 + 4 + 1 columns need 28 numbers.
    """

    terms: tuple[Term, ...]
    zz: Indexes  # (5, q, q) number of the term, or NOWHERE
    zw: Indexes  # (5, q, p + 1)
    sources: Sources  # each side's columns, y last
    columns: Places  # of [x, y]

    @cached_property
    def active(self) -> Indexes:
        """(kind, random effect) of every A_k's row that is not zero."""
        return np.argwhere((self.zw >= 0).any(axis=2))

    @cached_property
    def uses(self) -> Indexes:
        """The terms in U_k's active rows."""
        return self.zw[self.active[:, 0], self.active[:, 1]]

    @cached_property
    def pairs(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """(term, column) of each entry in A_k's active rows."""
        return tuple(
            tuple((int(term), j) for j, term in enumerate(self.zz[k, i]) if term != NOWHERE)
            for k, i in self.active
        )

    @cached_property
    def designs(self) -> Indexes:
        """The terms of random effects alone, which the same design makes the same."""
        return _named(self.zz)

    @cached_property
    def moving(self) -> Indexes:
        """The terms with [x, y]."""
        return _named(self.zw)

    @cached_property
    def listed(self) -> tuple[Indexes, Indexes]:
        """Where each row's pairs begin and the last one's end, and all pairs one after another."""
        edges = np.cumsum([0, *(len(pairs) for pairs in self.pairs)])
        every = [pair for pairs in self.pairs for pair in pairs]
        return edges, np.array(every, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def into_a(self) -> Numbers:
        """For each kind what makes A_k of a couple's rows: (5, q², terms + 1)."""
        return _into(self.zz.reshape(5, -1), len(self.terms))

    @cached_property
    def into_u(self) -> Numbers:
        """The same for U_k: (5, q (p + 1), terms + 1)."""
        return _into(self.zw.reshape(5, -1), len(self.terms))

    @property
    def q(self) -> int:
        return int(self.zw.shape[1])

    @property
    def width(self) -> int:
        return int(self.zw.shape[2])


def _named(places: Indexes) -> Indexes:
    found = np.unique(places)
    return np.asarray(found[found != NOWHERE])


def _into(places: Indexes, terms: int) -> Numbers:
    out = np.zeros((*places.shape, terms + 1))
    k, entry = np.nonzero(places != NOWHERE)
    out[k, entry, places[k, entry]] = 1.0
    return out


def layout_of(frame: Frame) -> Layout:
    """The layout of these columns: those that are zero throughout are left out, those that are equal are one."""
    z, w, sources = zip(*(_columns(frame, side) for side in (0, 1)), strict=True)
    return _laid_out((z[0], z[1]), (w[0], w[1]), (sources[0], sources[1]))


@lru_cache(maxsize=64)
def _laid_out(z: Places, w: Places, sources: Sources) -> Layout:
    """The layout of columns with these numbers, kept for the next frame that has the same."""
    q, p = len(z[0]), len(w[0]) - 1
    terms: dict[Term, int] = {}
    zz = np.full((5, q, q), NOWHERE, dtype=np.int64)
    zw = np.full((5, q, p + 1), NOWHERE, dtype=np.int64)
    for kind in KINDS if q else ():
        for i in range(q):
            for j in range(i + 1):
                zz[kind, i, j] = zz[kind, j, i] = _place(terms, kind, z, z, i, j)
            for j in range(p + 1):
                zw[kind, i, j] = _place(terms, kind, z, w, i, j)
    return Layout(tuple(terms), zz, zw, sources, w)


def _columns(frame: Frame, side: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[Source, ...]]:
    """The number of each of z's and of [x, y]'s columns on one side, and where each number comes from."""
    values: list[Numbers] = []
    sources: list[Source] = []
    places: dict[str, list[int]] = {"z": [], "x": []}
    for name, array in (("z", frame.z), ("x", frame.x)):
        for j in range(array.shape[2]):
            if array is frame.z and name == "x":
                places["x"].append(places["z"][j])
                continue
            column = array[:, side, j]
            places[name].append(_known(values, column))
            if places[name][-1] == len(values):
                values.append(column)
                sources.append((name, j))
    return tuple(places["z"]), (*places["x"], len(values)), (*sources, ("y", 0))


def _known(values: Sequence[Numbers], column: Numbers) -> int:
    """The number of the first column with these values, the next free one, or NOWHERE when all are zero."""
    if not column.any():
        return NOWHERE
    for number, seen in enumerate(values):
        if np.array_equal(seen[:100], column[:100]) and np.array_equal(seen, column):
            return number
    return len(values)


def _place(terms: dict[Term, int], kind: int, z: Places, w: Places, i: int, j: int) -> int:
    match kind:
        case 0 | 3:
            pairs = [tuple(sorted((z[0][i], w[0][j])))]
        case 1:
            pairs = sorted([(z[0][i], w[1][j]), (w[0][j], z[1][i])])
        case _:
            pairs = [tuple(sorted((z[1][i], w[1][j])))]
    products = tuple((a, b) for a, b in pairs if NOWHERE not in (a, b))
    return terms.setdefault(Term(kind, products), len(terms)) if products else NOWHERE
