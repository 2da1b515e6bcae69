"""What each couple adds to the slope of the likelihood, and the errors that follow when the model of variances is wrong.

The couple is the cluster. CR0: no small-sample correction. It gives out only sums over couples, but for `effects`,
which are one couple's estimated deviations and stay with whoever holds the couple's answers.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from bothwell.outcomes import serial
from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import Covariances, triangular_root
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.kernel import cholesky, maps_of, solved
from bothwell.outcomes.precision import weights_of
from bothwell.outcomes.sums import Sums, between, compress, part

COUPLES = 4096  # at a time


def meat(frame: Frame, at: Covariances, beta: Numbers, sums: Sums | None = None) -> Numbers:
    """Σ s s' over the couples, s = X'V⁻¹(y − Xβ) of one couple: (p, p). Additive over any split of the couples.

    `sums`: the frame's own, if they are at hand.
    """
    total = np.zeros((len(beta),) * 2)
    for number, piece in enumerate(chunks(frame, COUPLES)):
        first = number * COUPLES
        s = scores(piece, at, beta, sums and part(sums, first, first + COUPLES))
        total += s.T @ s
    return total


def scores(frame: Frame, at: Covariances, beta: Numbers, sums: Sums | None = None) -> Numbers:
    """X'V⁻¹(y − Xβ) of each couple: (n, p)."""
    if frame.is_autoregressive:
        return serial.scores(serial.arrange(frame), at, beta)
    starts = np.flatnonzero(np.diff(frame.couple, prepend=-1))
    e = np.where(np.isnan(frame.y), 0.0, frame.y - frame.x @ beta)
    if frame.z.shape[2]:
        u = predicted(sums or compress(frame), at, beta)[
            np.cumsum(np.diff(frame.couple, prepend=frame.couple[0]) > 0)
        ]
        e = e - np.einsum("msq,mq->ms", frame.z, u)
    return np.add.reduceat(np.einsum("msp,ms->mp", frame.x, weighed(frame, at, e)), starts, axis=0)


def weighed(frame: Frame, at: Covariances, e: Numbers) -> Numbers:
    """R⁻¹ e of each occasion, of what was answered: (m, 2)."""
    there = ~np.isnan(frame.y)
    both = there[:, :1] & there[:, 1:]
    alone = np.where(there, e, 0.0) / np.diag(at.residual)
    return np.where(both, np.where(there, e, 0.0) @ np.linalg.inv(at.residual), alone)


def effects(frame: Frame, at: Covariances, beta: Numbers) -> Numbers:
    """Each couple's random effects as best predicted (BLUP, posterior mean): (n, q)."""
    return predicted(compress(frame), at, beta)


def predicted(sums: Sums, at: Covariances, beta: Numbers) -> Numbers:
    """The same from the couples' sums."""
    layout = sums.layout
    left = triangular_root(at.spread)
    maps = maps_of(layout, weights_of(at.residual, sums.counts).value, left)
    q = layout.q
    c = cholesky((maps.lal @ sums.rows).reshape(q, q, -1) + np.eye(q)[:, :, None])
    nt = solved(c, left.T)
    signed = np.append(-beta, 1.0)
    u = np.einsum("ipn,p->in", (maps.u @ sums.rows).reshape(q, layout.width, -1), signed)
    return np.asarray(np.einsum("ian,in->na", nt, np.einsum("ian,an->in", nt, u)))


def chunks(frame: Frame, couples: int) -> list[Frame]:
    """The frame in pieces of so many couples each, in order; arrays are shared, not copied."""
    n = frame.n_couples
    if n <= couples:
        return [frame]
    edges = np.searchsorted(frame.couple, np.append(np.arange(0, n, couples), n))
    return [between(frame, int(a), int(b)) for a, b in pairwise(edges)]
