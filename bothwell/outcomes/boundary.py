"""Whether the best covariances lie where no smaller ones exist: a variance of zero, a correlation of 1 or −1.

There the maximum is the constrained one: the slope along the boundary is zero and across it points outwards.
It says so in a sentence and never hides it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import Block, Covariances, theta_of
from bothwell.outcomes.maximise import Top, maximise
from bothwell.outcomes.objective import Objective, Profile, profile
from bothwell.outcomes.start import Start

NOTHING = 1e-7  # a share of variance this small is none
UPWARDS = 1e-6  # log-likelihood gained by a variance of one unit: a slope this small is none
TRIES = 4


@dataclass(frozen=True, eq=False)
class Edge:
    """The directions of random effects without variance, in units of each, and the slope across the boundary."""

    directions: Numbers  # (q, k)
    slope: float  # the steepest: not above zero at a maximum


def edge(here: Profile, unit: Numbers, spread: Block) -> Edge:
    """Where the spread is singular, and whether leaving would raise the likelihood."""
    root = np.sqrt(unit)
    values, vectors = np.linalg.eigh(here.at.spread / np.outer(root, root))
    nothing = vectors[:, values < NOTHING * max(1.0, float(values.max(initial=0.0)))]
    q = len(unit)
    slope = np.zeros((q, q))
    i, j = np.tril_indices(q)
    size = len(i)
    slope[i, j] = slope[j, i] = here.natural_gradient[:size] * np.where(i == j, 1.0, 0.5)
    across = nothing.T @ (_allowed(slope, spread) * np.outer(root, root)) @ nothing
    return Edge(nothing, float(np.linalg.eigvalsh(across).max(initial=-np.inf)) if across.size else -np.inf)


def _allowed(slope: Numbers, spread: Block) -> Numbers:
    """The part of a slope along which the pattern lets the spread move: where partners are exchangeable, alike."""
    turned = spread.rotation.T @ slope @ spread.rotation
    kept = np.zeros(turned.shape)
    for group in spread.groups:
        here = np.ix_(group, group)
        kept[here] = turned[here]
    return np.asarray(spread.rotation @ kept @ spread.rotation.T)


def climb(objective: Objective, begun: Start) -> Top:
    """The constrained maximum: a search that ended on a boundary is pushed off it wherever that is upwards."""
    top = maximise(objective, begun)
    for _ in range(TRIES):
        here = top.profile
        found = edge(here, begun.unit, objective.structure.spread)
        if not found.directions.size:
            return top
        if found.slope <= UPWARDS * max(1.0, np.sqrt(here.told.couples)):
            return _settled(objective, top, begun)
        start = replace(begun, theta=_inwards(objective, here, begun, found), weights=here.weights)
        again = maximise(objective, start)
        top = again if again.profile.value >= here.value else top
    return replace(top, converged=False)


def _inwards(objective: Objective, here: Profile, begun: Start, found: Edge) -> Numbers:
    root = np.sqrt(begun.unit)
    pushed = found.directions * root[:, None]
    inside = Covariances(here.at.spread + 0.05 * pushed @ pushed.T, here.at.residual, here.at.autocorrelation)
    return theta_of(
        objective.structure, inside, np.zeros(len(root) + 2) + np.append(1e-3 * begun.unit, [0, 0])
    )


def _settled(objective: Objective, top: Top, begun: Start) -> Top:
    """What the search left over of a variance that is zero is set to zero, if the likelihood does not mind."""
    theta = top.profile.theta.copy()
    spread = objective.structure.spread
    entries = theta[: spread.size] / begun.scale[: spread.size]
    for column in range(spread.dimension):
        here = np.abs(spread.basis[:, :, column]).sum(axis=1) > 0
        if np.all(entries[here] ** 2 < NOTHING):
            theta[: spread.size][here] = 0.0
    settled = profile(objective, theta, top.profile.weights)
    return replace(top, profile=settled) if settled.value >= top.profile.value - 1e-8 else top


def sentences(here: Covariances, unit: Numbers, random: tuple[str, ...]) -> tuple[str, ...]:
    """What to say of a spread on its boundary; nothing where it is inside."""
    share = np.diag(here.spread) / unit
    gone = share < NOTHING * max(1.0, float(share.max(initial=0.0)))
    said = [
        f"The variance of {name} is estimated as zero."
        for name, none in zip(random, gone, strict=True)
        if none
    ]
    left = np.flatnonzero(~gone)
    size = np.sqrt(np.diag(here.spread)[left])
    correlation = here.spread[np.ix_(left, left)] / np.outer(size, size)
    pairs = [
        f"The correlation of {random[left[a]]} and {random[left[b]]} is estimated as {correlation[a, b]:+.0f}."
        for a in range(len(left))
        for b in range(a)
        if abs(correlation[a, b]) > 1 - 1e-5
    ]
    values = np.linalg.eigvalsh(correlation) if len(left) else np.ones(1)
    if values.min() < NOTHING and not pairs:
        pairs = ["One combination of the random effects is estimated to have no variance."]
    return (*said, *pairs)
