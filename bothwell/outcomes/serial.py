"""Couples whose residuals fade over the waves: each couple's answers with their whole covariance. It keeps the answers.

V = Z G Z' + R_(s, s') ρ^|t − t'|: two answers of a couple s and s' at times t and t'. Such couples have no small sums,
so that time grows with the cube of a couple's number of answers; couples are computed many side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bothwell.outcomes.arrays import Flags, Numbers
from bothwell.outcomes.covariance import Covariances
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.value import Point, Value

COUPLES = 128


@dataclass(frozen=True, eq=False)
class Arranged:
    """Couples' answers, the longest couple's number wide, wave by wave, the first side first."""

    z: Numbers  # (n, t, q)
    w: Numbers  # (n, t, p + 1): [x, y]
    apart: Numbers  # (n, t, t) time between two answers
    side: Numbers  # (n, t) 0 or 1
    there: Flags  # (n, t) answered
    occasions: int


def arrange(frame: Frame) -> Arranged:
    """The frame with a row a couple."""
    n = frame.n_couples
    starts = np.flatnonzero(np.diff(frame.couple, prepend=-1))
    place = np.arange(len(frame.couple)) - starts[frame.couple]
    waves = int(place.max()) + 1
    there = np.zeros((n, waves, 2), dtype=bool)
    there[frame.couple, place] = ~np.isnan(frame.y)
    times = np.zeros((n, waves, 2))
    times[frame.couple, place] = frame.at[:, None]
    w = np.zeros((n, waves, 2, frame.x.shape[2] + 1))
    w[frame.couple, place] = np.concatenate([frame.x, frame.y[:, :, None]], axis=2)
    z = np.zeros((n, waves, 2, frame.z.shape[2]))
    z[frame.couple, place] = frame.z
    wide = 2 * waves
    flat = there.reshape(n, wide)
    at = times.reshape(n, wide)
    return Arranged(
        np.where(flat[:, :, None], z.reshape(n, wide, -1), 0.0),
        np.where(flat[:, :, None], w.reshape(n, wide, -1), 0.0),
        np.abs(at[:, :, None] - at[:, None, :]),
        np.broadcast_to(np.tile([0.0, 1.0], waves), (n, wide)),
        flat,
        len(frame.couple),
    )


def partial(arranged: Arranged, point: Point) -> Value:
    """What these couples add at this point: as `partial.partial`, for fading residuals."""
    n = len(arranged.there)
    parts = [_chunk(arranged, slice(begin, begin + COUPLES), point) for begin in range(0, n, COUPLES)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return replace(total, occasions=arranged.occasions)


def _chunk(arranged: Arranged, piece: slice, point: Point) -> Value:
    there, w = arranged.there[piece], arranged.w[piece]
    v, moves, bends = _covariance(arranged, piece, point.at)
    v = v + np.eye(there.shape[1]) * ~there[:, None, :]
    inverse = np.linalg.inv(v)
    log_determinant = np.linalg.slogdet(v)[1]
    solved = inverse @ w
    turned = [inverse @ move for move in moves]
    o = solved @ point.weights
    moved = [move @ o for move in moves]
    k = len(moves)
    second = np.zeros((k, k))
    for a in range(k):
        for b in range(a + 1):
            traced = -np.einsum("nij,nji->", turned[a], turned[b])
            second[a, b] = second[b, a] = traced + 2 * np.sum(moved[a] * (inverse @ moved[b]))
    for (a, b), bend in bends.items():
        more = np.sum(inverse * bend) - np.sum(o * (bend @ o))
        second[a, b] += more
        second[b, a] += more * (a != b)
    return Value(
        len(there),
        0,
        int(there.sum()),
        float(log_determinant.sum()),
        np.tensordot(w, solved, axes=([0, 1], [0, 1])),
        np.array([np.einsum("nii->", one) for one in turned]),
        np.array([-np.tensordot(solved, move @ solved, axes=([0, 1], [0, 1])) for move in moves]),
        second,
    )


def _covariance(
    arranged: Arranged, piece: slice, at: Covariances
) -> tuple[Numbers, Sequence[Numbers], dict[tuple[int, int], Numbers]]:
    """V of the answers, its derivatives by the natural vector, and the second ones that are not zero."""
    z, there = arranged.z[piece], arranged.there[piece]
    both = there[:, :, None] & there[:, None, :]
    rho = at.autocorrelation or 0.0
    fade, slope, bend = faded(arranged.apart[piece], rho, both)
    side = arranged.side[piece]
    first, second = side[:, :, None], side[:, None, :]
    masks = ((1 - first) * (1 - second), first + second - 2 * first * second, first * second)
    r = (at.residual[0, 0], at.residual[0, 1], at.residual[1, 1])
    moves = [_outer(z, i, j) for i in range(z.shape[2]) for j in range(i + 1)]
    size = len(moves)
    moves += [mask * fade for mask in masks]
    residual = sum(value * mask for value, mask in zip(r, masks, strict=True))
    moves.append(residual * slope)
    last = size + 3
    bends = {(last, size + place): mask * slope for place, mask in enumerate(masks)}
    bends[last, last] = residual * bend
    return z @ at.spread @ z.swapaxes(1, 2) + residual * fade, moves, bends


def _outer(z: Numbers, i: int, j: int) -> Numbers:
    one = z[:, :, i, None] * z[:, None, :, j]
    return one if i == j else one + one.swapaxes(1, 2)


def faded(apart: Numbers, rho: float, where: Flags) -> tuple[Numbers, Numbers, Numbers]:
    """ρ^lag and its first two derivatives by ρ; a negative ρ only has whole lags."""
    whole = np.round(apart)
    lag = np.where(np.abs(apart - whole) < 1e-9, whole, apart)

    def power(exponent: Numbers, times: Numbers) -> Numbers:
        raised = np.zeros_like(lag)
        np.power(rho, exponent, out=raised, where=where & (times != 0))
        return raised * times

    return power(lag, np.ones_like(lag)), power(lag - 1, lag), power(lag - 2, lag * (lag - 1))


def scores(arranged: Arranged, at: Covariances, beta: Numbers) -> Numbers:
    """X'V⁻¹(y − Xβ) of each couple: (n, p)."""
    found = []
    for begin in range(0, len(arranged.there), COUPLES):
        piece = slice(begin, begin + COUPLES)
        v, _, _ = _covariance(arranged, piece, at)
        v = v + np.eye(v.shape[1]) * ~arranged.there[piece][:, None, :]
        w = arranged.w[piece]
        e = w @ np.append(-beta, 1.0)
        found.append(np.einsum("ntp,nt->np", w[:, :, :-1], np.linalg.solve(v, e[:, :, None])[:, :, 0]))
    return np.concatenate(found)
