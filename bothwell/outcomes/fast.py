"""The sums of `kernel`, compiled: for many thousand couples. Needs the extra `fast` (numba).

The same steps in the same order, as loops over a hundred couples side by side; same digits as `kernel.gather` but for
the order of additions, on any number of processors: blocks of couples are added up in their order. The first call
compiles (some twenty seconds, once for a machine). It keeps no couple's number.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numba import njit

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import triangle
from bothwell.outcomes.kernel import Gathered
from bothwell.outcomes.sums import Sums

COUPLES = 4096  # a block: one processor's share
LANES = 128  # couples side by side: what fits into a processor's nearest caches

HOW: dict[str, Any] = {
    "cache": True,
    "nogil": True,
    "error_model": "numpy",
    "fastmath": {"contract", "nsz", "reassoc"},
}
compiled: Any = njit(**HOW)
WITHIN: dict[str, Any] = HOW | {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
inside: Any = njit(**WITHIN)  # called by compiled code alone: compiles sooner


def gather(sums: Sums, weights: Numbers, left: Numbers, o: Numbers) -> Gathered:
    """As `kernel.gather`."""
    n = sums.rows.shape[1]
    still = _still(sums, weights, left, o)
    blocks = [(begin, min(begin + COUPLES, n)) for begin in range(0, n, COUPLES)]
    total: Gathered | None = None
    for found in _each(sums, still, blocks):
        part = _whole(*found)
        total = part if total is None else total + part
    assert total is not None
    return total


def _still(sums: Sums, weights: Numbers, left: Numbers, o: Numbers) -> tuple[Any, ...]:
    """What is the same for all couples, as arrays."""
    layout = sums.layout
    edges = np.cumsum([0, *(len(pairs) for pairs in layout.pairs)])
    pairs = np.array([pair for each in layout.pairs for pair in each], dtype=np.int64)
    plain = [np.ascontiguousarray(array, dtype=np.float64) for array in (weights, left, o)]
    return (layout.active, edges, pairs, layout.uses, *plain)


def _each(sums: Sums, still: tuple[Any, ...], blocks: list[tuple[int, int]]) -> list[tuple[Any, ...]]:
    if len(blocks) == 1:
        return [_block(sums.rows, sums.repeats, *blocks[0], *still)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda block: _block(sums.rows, sums.repeats, *block, *still), blocks))


def _whole(log_determinant: Numbers, cross: Numbers, k: Numbers, ss: Numbers, w_log: Numbers, w_cross: Numbers,
           gg: Numbers, gw: Numbers, ww: Numbers) -> Gathered:  # fmt: skip
    """What was summed below the diagonals alone, on both sides of them."""
    q, width = ss.shape[:2]
    square = ss.reshape(q * width, q * width)
    gg = _mirrored(_mirrored(gg).transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1)
    return Gathered(
        float(log_determinant[0]), _mirrored(cross), _mirrored(k), _mirrored(square).reshape(ss.shape),
        w_log, _mirrored(w_cross), gg, _mirrored(gw), _mirrored(ww),
    )  # fmt: skip


def _mirrored(lower: Numbers) -> Numbers:
    """Matrices (the last two axes) whose part above the diagonal is that below it."""
    i, j = triangle(lower.shape[-1])
    lower[..., j, i] = lower[..., i, j]
    return lower


# mypy: disable-error-code="no-untyped-def,no-untyped-call"


@compiled
def _block(rows, repeats, begin, end, active, edges, pairs, uses, weights, left, o):  # pragma: no cover
    """One block's sums, in the order of `Gathered`'s fields."""
    q, width = len(left), uses.shape[1]
    total = (
        np.zeros(1), np.zeros((width, width)), np.zeros((q, q)), np.zeros((q, width, q, width)), np.zeros(5),
        np.zeros((5, width, width)), np.zeros((q, q, q, q)), np.zeros((5, q, q)), np.zeros((5, 5)),
    )  # fmt: skip
    for first in range(begin, end, LANES):
        last = min(first + LANES, end)
        here = np.ascontiguousarray(rows[:, first:last])
        _lanes(here, repeats[first:last], active, edges, pairs, uses, weights, left, o, total)
    return total


@inside
def _lanes(rows, repeats, active, edges, pairs, uses, weights, left, o, total):  # pragma: no cover
    log_determinant, cross, sum_k, ss, w_log, w_cross, gg, gw, ww = total
    a, u = _weighed(rows, active, edges, pairs, uses, weights, len(left))
    nt, logs = _factored(a, left)
    log_determinant[0] += _product(logs, repeats)
    h = _squared(nt)
    m = _times(h, u)
    s = _less(u, _times(a, m))
    bt = _less(_ones(a), _times(h, a))
    k = _times(a, bt)
    vu, vw, ab, ah = _moved(rows, active, edges, pairs, uses, m, bt, h)
    so, vo = _turned(s, o), _turned(vw, o)
    vu += vw  # U_k + V_k: what stands in M with m, on either side
    for i in range(len(u)):
        _below(u[i], m[i], 1.0, cross)
        for j in range(i):
            _over(s[i], s[j], ss[i, :, j])
        _below(s[i], s[i], 1.0, ss[i, :, i])
    for place in range(len(active)):
        kind, i = active[place, 0], active[place, 1]
        for at in range(edges[place], edges[place + 1]):
            w_log[kind] += _traced(rows[pairs[at, 0]], h[i, pairs[at, 1]], repeats)
        _below(vu[place], m[i], 0.5, w_cross[kind])
        _below(m[i], vu[place], 0.5, w_cross[kind])
        _below(bt[i] * repeats, ab[place], 1.0, gw[kind])
    _bent(k, so, repeats, sum_k, gg)
    _mixed(active, bt, h, ah, vo, so, repeats, gw, ww)


@inside
def _weighed(rows, active, edges, pairs, uses, weights, q):  # pragma: no cover
    """A and U."""
    n = rows.shape[1]
    a, u = np.zeros((q, q, n)), np.zeros((q, uses.shape[1], n))
    for place in range(len(active)):
        weight, i = weights[active[place, 0]], active[place, 1]
        for at in range(edges[place], edges[place + 1]):
            _add(a[i, pairs[at, 1]], weight, rows[pairs[at, 0]])
        for b in range(uses.shape[1]):
            if uses[place, b] >= 0:
                _add(u[i, b], weight, rows[uses[place, b]])
    return a, u


@inside
def _factored(a, left):  # pragma: no cover
    """N' = C⁻¹L' with C C' = I + L'AL, and log|C|² of each couple."""
    q, n = len(left), a.shape[2]
    al, c, nt, product = np.zeros((q, q, n)), np.zeros((q, q, n)), np.zeros((q, q, n)), np.ones(n)
    for i in range(q):
        for j in range(q):
            for each in range(q):
                if left[each, j] != 0.0:
                    _add(al[i, j], left[each, j], a[i, each])
    for j in range(q):
        for i in range(j, q):
            here = c[i, j]
            here[:] = 1.0 if i == j else 0.0
            for each in range(q):
                if left[each, i] != 0.0:
                    _add(here, left[each, i], al[each, j])
            for each in range(j):
                _subtract_product(here, c[i, each], c[j, each])
            here[:] = np.sqrt(here) if i == j else here / c[j, j]
        product *= c[j, j]
        for i in range(q):
            here = nt[j, i]
            here[:] = left[i, j]
            for each in range(j):
                _subtract_product(here, c[j, each], nt[each, i])
            here[:] = here / c[j, j]
    return nt, 2.0 * np.log(product)


@inside
def _moved(rows, active, edges, pairs, uses, m, bt, h):  # pragma: no cover
    """U_k, V_k = U_k − A_k m, A_k B' and A_k H: the rows that are not zero."""
    q, width, n = m.shape
    places = len(active)
    vu, ab, ah = np.zeros((places, width, n)), np.zeros((places, q, n)), np.zeros((places, q, n))
    for place in range(places):
        for b in range(width):
            if uses[place, b] >= 0:
                vu[place, b] = rows[uses[place, b]]
    vw = vu.copy()
    for place in range(places):
        for at in range(edges[place], edges[place + 1]):
            row, j = rows[pairs[at, 0]], pairs[at, 1]
            for b in range(width):
                _subtract_product(vw[place, b], row, m[j, b])
            for b in range(q):
                _add_product(ab[place, b], row, bt[j, b])
                _add_product(ah[place, b], row, h[j, b])
    return vu, vw, ab, ah


@inside
def _bent(k, so, repeats, sum_k, gg):  # pragma: no cover
    """K, and K times 2Q − K, of the entries below the diagonals."""
    q, r, n = so.shape
    size = q * (q + 1) // 2
    ks, bends = np.empty((size, n)), np.zeros((size, n))
    place = 0
    for i in range(q):
        for j in range(i + 1):
            ks[place] = k[i, j]
            for t in range(r):
                _add_product(bends[place], so[i, t], so[j, t])
            bends[place] *= 2.0
            _subtract_product(bends[place], repeats, k[i, j])
            sum_k[i, j] += _product(k[i, j], repeats)
            place += 1
    found = np.zeros((size, size))
    _over(ks, bends, found)
    one = 0
    for i in range(q):
        for j in range(i + 1):
            other = 0
            for a in range(q):
                for b in range(a + 1):
                    gg[i, j, a, b] += found[one, other]
                    other += 1
            one += 1


@inside
def _mixed(active, bt, h, ah, vo, so, repeats, gw, ww):  # pragma: no cover
    q, r, n = so.shape
    sv, hv = np.zeros((q * r, n)), np.zeros((q, r, n))
    flat = so.reshape(q * r, n)
    places = len(active)
    for kind in range(5):
        sv[:], hv[:] = 0.0, 0.0
        for place in range(places):
            if active[place, 0] != kind:
                continue
            i = active[place, 1]
            for t in range(r):
                for j in range(q):
                    _add_product(sv[j * r + t], bt[i, j], vo[place, t])
                    _add_product(hv[j, t], h[i, j], vo[place, t])
        for i in range(q):
            for j in range(q):
                gw[kind, i, j] -= _dot(sv[i * r : (i + 1) * r], flat[j * r : (j + 1) * r])
                gw[kind, j, i] -= _dot(sv[i * r : (i + 1) * r], flat[j * r : (j + 1) * r])
        for place in range(places):
            other, j = active[place, 0], active[place, 1]
            if other > kind:
                continue
            ww[kind, other] -= 2.0 * _dot(hv[j], vo[place])
            for mine in range(places):
                if active[mine, 0] == kind:
                    ww[kind, other] -= _traced(ah[mine, j], ah[place, active[mine, 1]], repeats)


@inside
def _add(out, factor, row):  # pragma: no cover
    for n in range(len(out)):
        out[n] += factor * row[n]


@inside
def _add_product(out, one, other):  # pragma: no cover
    for n in range(len(out)):
        out[n] += one[n] * other[n]


@inside
def _subtract_product(out, one, other):  # pragma: no cover
    for n in range(len(out)):
        out[n] -= one[n] * other[n]


@inside
def _times(a, b):  # pragma: no cover
    out = np.zeros((a.shape[0], b.shape[1], a.shape[2]))
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(b.shape[1]):
                _add_product(out[i, k], a[i, j], b[j, k])
    return out


@inside
def _squared(nt):  # pragma: no cover
    """N N'."""
    out = np.zeros(nt.shape)
    for i in range(len(nt)):
        for j in range(len(nt)):
            for each in range(len(nt)):
                _add_product(out[i, j], nt[each, i], nt[each, j])
    return out


@inside
def _turned(s, o):  # pragma: no cover
    """Columns weighed together by O."""
    out = np.zeros((s.shape[0], o.shape[1], s.shape[2]))
    for i in range(s.shape[0]):
        for t in range(o.shape[1]):
            for b in range(o.shape[0]):
                _add(out[i, t], o[b, t], s[i, b])
    return out


@inside
def _less(one, other):  # pragma: no cover
    return one - other


@inside
def _ones(a):  # pragma: no cover
    out = np.zeros(a.shape)
    for i in range(len(a)):
        out[i, i] = 1.0
    return out


@inside
def _over(one, other, out):  # pragma: no cover
    """Σ over couples of each row of one with each of the other, added to out."""
    for i in range(len(one)):
        for j in range(len(other)):
            value = 0.0
            for n in range(one.shape[1]):
                value += one[i, n] * other[j, n]
            out[i, j] += value


@inside
def _below(one, other, factor, out):  # pragma: no cover
    """The same on and below the diagonal, times a factor."""
    for i in range(len(one)):
        for j in range(i + 1):
            value = 0.0
            for n in range(one.shape[1]):
                value += one[i, n] * other[j, n]
            out[i, j] += factor * value


@inside
def _dot(one, other):  # pragma: no cover
    value = 0.0
    for i in range(len(one)):
        for n in range(one.shape[1]):
            value += one[i, n] * other[i, n]
    return value


@inside
def _traced(one, other, repeats):  # pragma: no cover
    value = 0.0
    for n in range(len(one)):
        value += one[n] * other[n] * repeats[n]
    return value


@inside
def _product(one, other):  # pragma: no cover
    value = 0.0
    for n in range(len(one)):
        value += one[n] * other[n]
    return value
