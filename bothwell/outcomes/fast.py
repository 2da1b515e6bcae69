"""The sums of `kernel`, compiled: for many thousand couples. Needs the extra `fast` (numba).

The same steps in the same order, as loops over some hundred couples side by side; same digits as `kernel.gather` but for
the order of additions, on any number of processors: blocks of couples are added up in their order. The first call
compiles (some ten seconds, once for a machine). It keeps no couple's number.

Inner loops name numbers by their indexes: taking a row as an array of its own costs as much as going through it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from bothwell.outcomes.arrays import Indexes, Numbers
from bothwell.outcomes.covariance import triangle
from bothwell.outcomes.kernel import Gathered
from bothwell.outcomes.layout import Layout
from bothwell.outcomes.sums import Sums

COUPLES = 4096  # a block: one processor's share
LANES = 256  # couples side by side: what fits into a processor's nearest caches

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
    layout, n = sums.layout, sums.rows.shape[1]
    plain = (np.ascontiguousarray(array, dtype=np.float64) for array in (weights, left, o))
    still = (layout.active, *layout.listed, layout.uses, *plain)
    blocks = [(begin, min(begin + COUPLES, n)) for begin in range(0, n, COUPLES)]
    parts = zip(*_each(sums, still, blocks), strict=True)
    return _whole(layout, [sum(part[1:], start=part[0]) for part in parts])


def _each(sums: Sums, still: tuple[Any, ...], blocks: list[tuple[int, int]]) -> list[tuple[Numbers, ...]]:
    if len(blocks) == 1:
        return [_block(sums.rows, sums.repeats, *blocks[0], *still)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda block: _block(sums.rows, sums.repeats, *block, *still), blocks))


def _whole(layout: Layout, summed: Sequence[Numbers]) -> Gathered:
    """What `_block` summed, on both sides of the diagonals."""
    log_determinant, cross, k, ss, w_log, w_cross, gg, gw, ww = summed
    q, width, lower = layout.q, layout.width, _lower(layout.q)
    return Gathered(
        float(log_determinant[0]), cross, k[lower], _mirrored(ss).reshape(q, width, q, width), w_log,
        0.5 * (w_cross + w_cross.swapaxes(1, 2)), gg[lower[:, :, None, None], lower],
        0.5 * (gw + gw.swapaxes(1, 2)), _mirrored(ww),
    )  # fmt: skip


@cache
def _lower(size: int) -> Indexes:
    """Where each entry of a symmetric matrix stands in its lower triangle by rows."""
    out = np.zeros((size, size), dtype=np.int64)
    i, j = triangle(size)
    out[i, j] = out[j, i] = np.arange(len(i))
    return out


def _mirrored(lower: Numbers) -> Numbers:
    """A matrix whose part above the diagonal is that below it."""
    i, j = triangle(len(lower))
    lower[j, i] = lower[i, j]
    return lower


# mypy: disable-error-code="no-untyped-def,no-untyped-call"


@compiled
def _block(rows, repeats, begin, end, active, edges, pairs, uses, weights, left, o):  # pragma: no cover
    """One block's sums, in the order of `Gathered`'s fields. K, S ⊗ S and ww: the entries below the diagonal. w_cross and
    gw: what with its transpose makes twice as much."""
    q, width = len(left), uses.shape[1]
    size = q * (q + 1) // 2
    total = (
        np.zeros(1), np.zeros((width, width)), np.zeros(size), np.zeros((q * width, q * width)), np.zeros(5),
        np.zeros((5, width, width)), np.zeros((size, size)), np.zeros((5, q, q)), np.zeros((5, 5)),
    )  # fmt: skip
    for first in range(begin, end, LANES):
        last = min(first + LANES, end)
        here = np.ascontiguousarray(rows[:, first:last])
        _lanes(here, repeats[first:last], active, edges, pairs, uses, weights, left, o, total)
    return total


@inside
def _lanes(rows, repeats, active, edges, pairs, uses, weights, left, o, total):  # pragma: no cover
    log_determinant, cross, sum_k, ss, w_log, w_cross, gg, gw, ww = total
    places, r, (q, n) = len(active), o.shape[1], (len(left), rows.shape[1])
    a, u = _weighed(rows, active, edges, pairs, uses, weights, q)
    nt, logs = _factored(a, left)
    log_determinant[0] += _dot(logs, repeats)
    h = _squared(nt)
    m, s, bt, k = np.zeros(u.shape), u.copy(), _ones(a), np.zeros(a.shape)
    _add_times(1.0, h, u, m)
    _add_times(-1.0, a, m, s)
    _add_times(-1.0, h, a, bt)
    _add_times(1.0, a, bt, k)
    for i in range(q):
        _over(u[i], m[i], cross)
    _over_itself(s.reshape(-1, n), ss)
    so = np.zeros((q, r, n))
    for i in range(q):
        _turned(s[i], o, so[i])
    _bent(k, so, repeats, sum_k, gg)
    ah, vo = np.zeros((places, q, n)), np.zeros((places, r, n))
    for place in range(places):
        kind, i = active[place]
        here = pairs[edges[place] : edges[place + 1]]
        vu, vw, ab = _moved(rows, here, uses[place], m, bt, h, ah[place])
        _turned(vw, o, vo[place])
        vu += vw  # U_k + V_k: what stands in M with m, on either side
        _over(vu, m[i], w_cross[kind])
        ab *= repeats
        _over(bt[i], ab, gw[kind])
        w_log[kind] += _dot(ah[place, i], repeats)
    _mixed(active, bt, h, vo, so, gw, ww)
    _traces(active, ah, repeats, ww)


@inside
def _weighed(rows, active, edges, pairs, uses, weights, q):  # pragma: no cover
    """A and U."""
    n = rows.shape[1]
    a, u = np.zeros((q, q, n)), np.zeros((q, uses.shape[1], n))
    for place in range(len(active)):
        weight, i = weights[active[place, 0]], active[place, 1]
        for at in range(edges[place], edges[place + 1]):
            row, j = pairs[at]
            for c in range(n):
                a[i, j, c] += weight * rows[row, c]
        for b in range(uses.shape[1]):
            row = uses[place, b]
            if row >= 0:
                for c in range(n):
                    u[i, b, c] += weight * rows[row, c]
    return a, u


@inside
def _factored(a, left):  # pragma: no cover
    """N' = C⁻¹L' with C C' = I + L'AL, and log|C|² of each couple."""
    q, n = len(left), a.shape[2]
    al, root, nt, product = np.zeros(a.shape), _ones(a), np.zeros(a.shape), np.ones(n)
    for each in range(q):
        for j in range(q):
            if left[each, j] != 0.0:
                for i in range(q):
                    for c in range(n):
                        al[i, j, c] += left[each, j] * a[i, each, c]
    for j in range(q):
        for i in range(j, q):
            for each in range(q):
                if left[each, i] != 0.0:
                    for c in range(n):
                        root[i, j, c] += left[each, i] * al[each, j, c]
            for each in range(j):
                for c in range(n):
                    root[i, j, c] -= root[i, each, c] * root[j, each, c]
            for c in range(n):
                root[i, j, c] = np.sqrt(root[i, j, c]) if i == j else root[i, j, c] / root[j, j, c]
        for c in range(n):
            product[c] *= root[j, j, c]
        for i in range(q):
            nt[j, i] = left[i, j]
            for each in range(j):
                for c in range(n):
                    nt[j, i, c] -= root[j, each, c] * nt[each, i, c]
            for c in range(n):
                nt[j, i, c] /= root[j, j, c]
    return nt, 2.0 * np.log(product)


@inside
def _moved(rows, pairs, uses, m, bt, h, ah):  # pragma: no cover
    """U_k, V_k = U_k − A_k m, A_k B' and A_k H: of one row that is not zero; the last into `ah`."""
    q, width, n = m.shape
    vu, ab = np.zeros((width, n)), np.zeros((q, n))
    for b in range(width):
        if uses[b] >= 0:
            vu[b] = rows[uses[b]]
    vw = vu.copy()
    _add_row(-1.0, rows, pairs, m, vw)
    _add_row(1.0, rows, pairs, bt, ab)
    _add_row(1.0, rows, pairs, h, ah)
    return vu, vw, ab


@inside
def _add_row(sign, rows, pairs, right, out):  # pragma: no cover
    """A row of A_k times small matrices, added to out; two by two, so that out is read and written half as often."""
    even = len(pairs) - len(pairs) % 2
    for b in range(len(out)):
        for at in range(0, even, 2):
            row, j, other, k = pairs[at, 0], pairs[at, 1], pairs[at + 1, 0], pairs[at + 1, 1]
            for c in range(out.shape[1]):
                out[b, c] += sign * (rows[row, c] * right[j, b, c] + rows[other, c] * right[k, b, c])
        for at in range(even, len(pairs)):
            row, j = pairs[at, 0], pairs[at, 1]
            for c in range(out.shape[1]):
                out[b, c] += sign * rows[row, c] * right[j, b, c]


@inside
def _bent(k, so, repeats, sum_k, gg):  # pragma: no cover
    """K, and K times 2Q − K, of the entries below the diagonals."""
    q, r, n = so.shape
    ks, bends = np.zeros((len(sum_k), n)), np.zeros((len(sum_k), n))
    place = 0
    for i in range(q):
        for j in range(i + 1):
            ks[place] = k[i, j]
            for each in range(r):
                for c in range(n):
                    bends[place, c] += 2.0 * so[i, each, c] * so[j, each, c]
            for c in range(n):
                bends[place, c] -= repeats[c] * k[i, j, c]
            sum_k[place] += _dot(k[i, j], repeats)
            place += 1
    _over(ks, bends, gg)


@inside
def _mixed(active, bt, h, vo, so, gw, ww):  # pragma: no cover
    """−2 B V_k O (S O)', and of second derivatives by weights what needs V_k."""
    q, r, n = so.shape
    for kind in range(5):
        for t in range(r):
            sv, hv = np.zeros((q, n)), np.zeros((q, n))
            for place in range(len(active)):
                if active[place, 0] == kind:
                    i = active[place, 1]
                    for j in range(q):
                        for c in range(n):
                            sv[j, c] -= 2.0 * bt[i, j, c] * vo[place, t, c]
                        for c in range(n):
                            hv[j, c] += h[i, j, c] * vo[place, t, c]
            _over(sv, so[:, t], gw[kind])
            for place in range(len(active)):
                if active[place, 0] <= kind:
                    ww[kind, active[place, 0]] -= 2.0 * _dot(hv[active[place, 1]], vo[place, t])


@inside
def _traces(active, ah, repeats, ww):  # pragma: no cover
    """tr(H A_k H A_l)"""
    for one in range(len(active)):
        kind, i = active[one]
        for other in range(len(active)):
            lower, j = active[other]
            if lower <= kind:
                value = 0.0
                for c in range(len(repeats)):
                    value += ah[one, j, c] * ah[other, i, c] * repeats[c]
                ww[kind, lower] -= value


@inside
def _add_times(sign, a, b, out):  # pragma: no cover
    """A product of small matrices for each couple, added to out; two by two."""
    even = len(b) - len(b) % 2
    for i in range(a.shape[0]):
        for k in range(b.shape[1]):
            for j in range(0, even, 2):
                for c in range(a.shape[2]):
                    out[i, k, c] += sign * (a[i, j, c] * b[j, k, c] + a[i, j + 1, c] * b[j + 1, k, c])
            for j in range(even, len(b)):
                for c in range(a.shape[2]):
                    out[i, k, c] += sign * a[i, j, c] * b[j, k, c]


@inside
def _squared(nt):  # pragma: no cover
    """N N'."""
    out = np.zeros(nt.shape)
    for i in range(len(nt)):
        for j in range(i + 1):
            for each in range(len(nt)):
                for c in range(nt.shape[2]):
                    out[i, j, c] += nt[each, i, c] * nt[each, j, c]
            out[j, i] = out[i, j]
    return out


@inside
def _turned(s, o, out):  # pragma: no cover
    """Columns weighed together by O, added to out."""
    for t in range(o.shape[1]):
        for b in range(o.shape[0]):
            for c in range(s.shape[1]):
                out[t, c] += o[b, t] * s[b, c]


@inside
def _ones(a):  # pragma: no cover
    out = np.zeros(a.shape)
    for i in range(len(a)):
        out[i, i] = 1.0
    return out


@inside
def _over(one, other, out):  # pragma: no cover
    """Σ over couples of each row of one with each of the other, added to out: two by two, so that each is read less."""
    rows, columns = len(one) - len(one) % 2, len(other) - len(other) % 2
    for i in range(0, rows, 2):
        for j in range(0, columns, 2):
            _four(one, i, other, j, out)
    for i in range(rows, len(one)):
        for j in range(len(other)):
            out[i, j] += _dot(one[i], other[j])
    for i in range(rows):
        for j in range(columns, len(other)):
            out[i, j] += _dot(one[i], other[j])


@inside
def _over_itself(one, out):  # pragma: no cover
    """The same of one with itself, on and below the diagonal."""
    rows = len(one) - len(one) % 2
    for i in range(0, rows, 2):
        for j in range(0, i + 1, 2):
            _four(one, i, one, j, out)
    for i in range(rows, len(one)):
        for j in range(i + 1):
            out[i, j] += _dot(one[i], one[j])


@inside
def _four(one, i, other, j, out):  # pragma: no cover
    first, across, back, second = 0.0, 0.0, 0.0, 0.0
    for c in range(one.shape[1]):
        first += one[i, c] * other[j, c]
        across += one[i, c] * other[j + 1, c]
        back += one[i + 1, c] * other[j, c]
        second += one[i + 1, c] * other[j + 1, c]
    out[i, j] += first
    out[i, j + 1] += across
    out[i + 1, j] += back
    out[i + 1, j + 1] += second


@inside
def _dot(one, other):  # pragma: no cover
    value = 0.0
    for c in range(len(one)):
        value += one[c] * other[c]
    return value
