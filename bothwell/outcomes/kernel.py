"""The sums over couples that random effects need, many couples side by side, a few arrays at a time.

Notation, of one couple: A = Z'R⁻¹Z = Σ w_k A_k, U = Z'R⁻¹[X y] = Σ w_k U_k, G = LL', H = (G⁻¹ + A)⁻¹ = N N' with
N = L C⁻ᵀ and C C' = I + L'AL (nothing is divided by G, which may be singular), m = HU, S = U − Am, K = A − AHA,
B = I − AH, V_k = U_k − A_k m. Small matrices stand first, couples last: arrays of (i, j, couple).
It never keeps a couple's number.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.layout import Layout
from bothwell.outcomes.sums import Sums

COUPLES = 512  # at a time: what fits into a processor's cache

# The C library gives back memory beyond twice the largest array ever freed, and every step then asks for it anew, which
# takes as long as half the sums. So one of more than a step's size is freed at once; it is never written to.
np.empty(1024 * COUPLES)


@dataclass(frozen=True, eq=False)
class Gathered:
    """Sums over couples, by the entries of G and by the five weights w, before they are told in the model's terms."""

    log_determinant: float  # Σ log|I + GA|
    cross: Numbers  # Σ U'HU (P, P)
    k: Numbers  # Σ K (q, q)
    ss: Numbers  # Σ S ⊗ S (q, P, q, P)
    w_log: Numbers  # Σ tr(H A_k) (5,)
    w_cross: Numbers  # Σ U_k'm + m'V_k (5, P, P)
    gg: Numbers  # Σ K_jk (2Q − K)_li, Q = S O O' S' (q, q, q, q)
    gw: Numbers  # Σ B A_k B' − (B V_k O)(S O)' − (S O)(B V_k O)' (5, q, q)
    ww: Numbers  # Σ −tr(H A_k H A_l) − 2 tr(O' V_k' H V_l O) (5, 5)

    def __add__(self, other: Gathered) -> Gathered:
        return Gathered(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


def gather(sums: Sums, weights: Numbers, left: Numbers, o: Numbers) -> Gathered:
    """All couples' sums at weights w (5,), G = left left' and O; there must be a random effect and a couple."""
    layout = sums.layout
    maps = maps_of(layout, weights, left)
    total: Gathered | None = None
    for begin in range(0, sums.rows.shape[1], COUPLES):
        piece = slice(begin, begin + COUPLES)
        part = _chunk(layout, maps, np.ascontiguousarray(sums.rows[:, piece]), sums.repeats[piece], left, o)
        total = part if total is None else total + part
    assert total is not None
    return total


@dataclass(frozen=True, eq=False)
class Maps:
    """What turns a couple's rows into A, U and L'AL: the same for all couples."""

    a: Numbers
    u: Numbers
    lal: Numbers


def maps_of(layout: Layout, weights: Numbers, left: Numbers) -> Maps:
    """The maps at weights w and G = left left'."""
    a = np.tensordot(weights, layout.into_a, axes=1)
    return Maps(a, np.tensordot(weights, layout.into_u, axes=1), np.kron(left.T, left.T) @ a)


def cholesky(matrix: Numbers) -> Numbers:
    """Lower factors of (q, q, couples)."""
    c = np.zeros_like(matrix)
    for j in range(len(matrix)):
        rest = matrix[j:, j] - (np.einsum("ikn,kn->in", c[j:, :j], c[j, :j]) if j else 0.0)
        c[j, j] = np.sqrt(rest[0])
        c[j + 1 :, j] = rest[1:] / c[j, j]
    return c


def solved(c: Numbers, right: Numbers) -> Numbers:
    """C⁻¹ right, of (q, q, couples) and (q, q): N' for right = L'."""
    out = np.empty_like(c)
    for i in range(len(c)):
        rest = right[i][:, None] - (np.einsum("kn,kjn->jn", c[i, :i], out[:i]) if i else 0.0)
        out[i] = rest / c[i, i]
    return out


def times(a: Numbers, b: Numbers) -> Numbers:
    """A product of small matrices for each couple: (i, j, n), (j, k, n) to (i, k, n)."""
    return np.asarray(np.einsum("ijn,jkn->ikn", a, b))


def over(a: Numbers, b: Numbers) -> Numbers:
    """Σ over the couples of each number of one with each of the other: (…, n), (…, n)."""
    n = a.shape[-1]
    return (a.reshape(-1, n) @ b.reshape(-1, n).T).reshape(a.shape[:-1] + b.shape[:-1])


def _chunk(
    layout: Layout, maps: Maps, rows: Numbers, repeats: Numbers, left: Numbers, o: Numbers
) -> Gathered:
    q, width, n = layout.q, layout.width, rows.shape[1]
    a = (maps.a @ rows).reshape(q, q, n)
    u = (maps.u @ rows).reshape(q, width, n)
    c = cholesky((maps.lal @ rows).reshape(q, q, n) + np.eye(q)[:, :, None])
    nt = solved(c, left.T)
    h = np.einsum("iaN,ibN->abN", nt, nt)
    m = times(h, u)
    s = u - times(a, m)
    bt = np.eye(q)[:, :, None] - times(h, a)
    k = times(a, bt)
    v = _moved(layout, rows, np.concatenate([m, bt, h], axis=1))
    vw = rows[layout.uses] - v[:, :width]
    so = np.einsum("ipn,pr->irn", s, o)
    vo = np.einsum("ipn,pr->irn", vw, o)
    quadratic = np.einsum("irn,jrn->ijn", so, so)
    return Gathered(
        float(2 * np.log(c[np.arange(q), np.arange(q)]).sum(axis=0) @ repeats),
        sum(u[i] @ m[i].T for i in range(q)),
        k @ repeats,
        over(s, s),
        _traced(layout, over(h * repeats, rows)),
        _weighed(layout, over(m, rows), m, vw),
        over(k, 2 * quadratic - k * repeats),
        _mixed(layout, bt, v[:, width : width + q] * repeats, vo, so),
        _curved(layout, h, v[:, width + q :], repeats, vo),
    )


def _moved(layout: Layout, rows: Numbers, right: Numbers) -> Numbers:
    """A_k times [m, B', H], only the rows that are not zero: (active, columns, couples)."""
    out = np.zeros((len(layout.active), *right.shape[1:]))
    for place, pairs in enumerate(layout.pairs):
        for row, j in pairs:
            out[place] += rows[row] * right[j]
    return out


def _traced(layout: Layout, hr: Numbers) -> Numbers:
    """Σ tr(H A_k), from Σ H ⊗ rows."""
    q = layout.q
    i, j = np.indices((q, q))
    return np.array([hr[i, j, layout.zz[k]].sum() for k in range(5)])


def _weighed(layout: Layout, mr: Numbers, m: Numbers, vw: Numbers) -> Numbers:
    """Σ U_k'm + m'V_k, from Σ m ⊗ rows."""
    out = np.zeros((5, layout.width, layout.width))
    for place, (k, i) in enumerate(layout.active):
        out[k] += mr[i][:, layout.zw[k, i]].T + m[i] @ vw[place].T
    return out


def _mixed(layout: Layout, bt: Numbers, ab: Numbers, vo: Numbers, so: Numbers) -> Numbers:
    q = len(bt)
    out = np.zeros((5, q, q))
    sv = np.zeros((5, *so.shape))
    for place, (k, i) in enumerate(layout.active):
        out[k] += bt[i] @ ab[place].T
        sv[k] += bt[i][:, None] * vo[place]
    moved = (sv.reshape(5 * q, -1) @ so.reshape(q, -1).T).reshape(5, q, q)
    return out - moved - moved.swapaxes(1, 2)


def _curved(layout: Layout, h: Numbers, ah: Numbers, repeats: Numbers, vo: Numbers) -> Numbers:
    q, n = len(h), h.shape[2]
    moved, turned = np.zeros((2, 5, q, q, n))
    right, left = np.zeros((2, 5, q, *vo.shape[1:]))
    for place, (k, i) in enumerate(layout.active):
        moved[k, i] = ah[place] * repeats
        turned[k, :, i] = ah[place]
        right[k, i] = vo[place]
        left[k] += h[i][:, None] * vo[place]
    bends = moved.reshape(5, -1) @ turned.reshape(5, -1).T
    return np.asarray(-bends - 2 * (left.reshape(5, -1) @ right.reshape(5, -1).T))
