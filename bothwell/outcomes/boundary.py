"""Whether the best covariances lie where no smaller ones exist: a variance of zero, a correlation of 1 or −1.

There the maximum is the constrained one: the slope along the boundary is zero and across it points outwards.
It says so in a sentence and never hides it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import Block, Covariances, theta_of, triangle
from bothwell.outcomes.maximise import Top, maximise
from bothwell.outcomes.objective import Objective, Profile, profile
from bothwell.outcomes.start import Start

NOTHING = 1e-7  # a share of variance this small is none
UPWARDS = 1e-6  # log-likelihood gained by a variance of one unit: a slope this small is none
TRIES = 4
ONE = 1 - 1e-5  # a correlation as near to 1 is 1


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
    i, j = triangle(q)
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


def sentences(spread: Numbers, unit: Numbers, random: tuple[str, ...], turned: Numbers) -> tuple[str, ...]:
    """What to say of a spread on its boundary; nothing where it is inside.

    `turned` (q, q) makes the named effects of those counted from the origin, whose `spread` and `unit` these are. Only
    there is a correlation near 1 a sign: far from zero, starts and slopes go together as much as one likes.
    """
    root = np.sqrt(unit)
    free, links = spread / np.outer(root, root), turned * root
    none = np.diag(free) < NOTHING * max(1.0, float(np.diag(free).max(initial=0.0)))
    gone = np.array([none[row != 0].all() for row in turned], dtype=bool)
    said = [f"The variance of {random[a]} is estimated as zero." for a in np.flatnonzero(gone)]
    left = np.flatnonzero(~gone)
    told = turned @ spread @ turned.T
    both = [(a, b) for place, a in enumerate(left) for b in left[:place]]
    alike = _correlations(free, links[np.array(both)])[:, 1, 0] if both else ()
    pairs = [
        f"The correlation of {random[a]} and {random[b]} is estimated as {np.sign(told[a, b]):+.0f}."
        for (a, b), r in zip(both, alike, strict=True)
        if abs(r) > ONE
    ]
    if len(left) and np.linalg.eigvalsh(_correlations(free, links[left])).min() < NOTHING and not pairs:
        pairs = ["One combination of the random effects is estimated to have no variance."]
    return (*said, *pairs)


def _correlations(spread: Numbers, links: Numbers) -> Numbers:
    """Correlations of as many combinations of these effects (…, effects, q) as are at right angles."""
    across = np.linalg.qr(links.swapaxes(-1, -2))[0]
    free = across.swapaxes(-1, -2) @ spread @ across
    size = np.sqrt(np.maximum(np.diagonal(free, axis1=-2, axis2=-1), np.finfo(float).tiny))
    return np.asarray(free / size[..., :, None] / size[..., None, :])


def residual_sentences(residual: Numbers) -> tuple[str, ...]:
    """What to say where the partners' residuals of one occasion go together entirely."""
    r = residual[0, 1] / np.sqrt(residual[0, 0] * residual[1, 1])
    return (f"The correlation of the partners' residuals is estimated as {r:+.0f}.",) if abs(r) > ONE else ()
