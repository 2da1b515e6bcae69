"""The couples' contribution to the likelihood at one point, from their sums. It adds up over any split of the couples.

With K, S, B as in `kernel`: ∂D/∂G = K, ∂M/∂G = −SS', and the second derivatives follow from dK = −K dG K,
dS = −K dG S, and for a weight dK = B A_k B', dS = B V_k. It never sees a row of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from bothwell.outcomes.arrays import Numbers, combined, squared
from bothwell.outcomes.covariance import triangular_root
from bothwell.outcomes.kernel import Gathered, gather
from bothwell.outcomes.precision import weights_of
from bothwell.outcomes.sums import Sums
from bothwell.outcomes.value import Point, Value

Gather = Callable[[Sums, Numbers, Numbers, Numbers], Gathered]


def partial(sums: Sums, point: Point, gathering: Gather = gather) -> Value:
    """What these couples add at this point; D, M and their derivatives by the natural vector, exactly."""
    weights = weights_of(point.at.residual, sums.counts)
    q, o = sums.layout.q, point.weights
    cross = combined(weights.value, sums.totals)
    if q:
        found = gathering(sums, weights.value, triangular_root(point.at.spread), o)
        spread, by_weight = _spread(found, q), sums.totals - found.w_cross
        log_determinant, cross = found.log_determinant, cross - found.cross
        w_log, gw, ww = found.w_log, found.gw, found.ww
    else:
        spread, by_weight = _nothing(sums.layout.width), sums.totals
        log_determinant, w_log, gw, ww = 0.0, np.zeros(5), np.zeros((5, 0, 0)), np.zeros((5, 5))
    d_log, d_cross, gg = spread
    first = weights.first.T @ w_log + weights.d_log_determinant
    mixed = _entries(gw, q) @ weights.first
    weighed = w_log + squared(o, by_weight)
    second = weights.first.T @ ww @ weights.first + weights.dd_log_determinant
    second = second + combined(weighed, weights.second)
    return Value(
        sums.n_couples,
        sums.n_occasions,
        sums.n_answers,
        log_determinant + weights.log_determinant,
        cross,
        np.concatenate([d_log, first]),
        np.concatenate([d_cross, combined(weights.first.T, by_weight)]),
        np.concatenate([np.concatenate([gg, mixed], axis=1), np.concatenate([mixed.T, second], axis=1)]),
    )


@cache
def moves(q: int) -> Numbers:
    """∂G by each entry of its lower triangle: (q (q + 1) / 2, q, q)."""
    i, j = np.tril_indices(q)
    out = np.zeros((len(i), q, q))
    out[np.arange(len(i)), i, j] = out[np.arange(len(i)), j, i] = 1.0
    return out


def _entries(matrices: Numbers, q: int) -> Numbers:
    """tr(dG M) for each entry and each of several M (k, q, q): (entries, k)."""
    by = moves(q)
    return np.asarray(by.reshape(len(by), q * q) @ matrices.reshape(len(matrices), q * q).T)


def _spread(found: Gathered, q: int) -> tuple[Numbers, Numbers, Numbers]:
    by = moves(q)
    width = found.ss.shape[1]
    squares = found.ss.transpose(0, 2, 1, 3).reshape(q * q, width * width)
    d_cross = -(by.reshape(len(by), q * q) @ squares).reshape(len(by), width, width)
    flat = by.reshape(len(by), q * q)
    turned = found.gg.transpose(3, 0, 1, 2).reshape(q * q, q * q)  # gg_jkli by (i, j) and (k, l)
    return flat @ found.k.ravel(), d_cross, flat @ turned @ flat.T


def _nothing(width: int) -> tuple[Numbers, Numbers, Numbers]:
    return np.zeros(0), np.zeros((0, width, width)), np.zeros((0, 0))
