"""Where to begin: variances that would explain the squares of the residuals, from one or two questions to the couples.

At any covariances V₀ the expected squares are linear in the true ones (MINQUE; asked again at its own answer it is
Fisher scoring). Where every couple has the same design and every answer it is the solution. It reports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bothwell.outcomes.arrays import Numbers, squared
from bothwell.outcomes.covariance import Covariances, Structure, covariances, theta_of, triangle
from bothwell.outcomes.identified import refuse_unidentified
from bothwell.outcomes.objective import Objective, inverted, weights_of
from bothwell.outcomes.value import Point, Value

FLOOR = 0.02  # of what there is to explain: no variance starts smaller
ROUNDS = 2


@dataclass(frozen=True, eq=False)
class Start:
    """A θ, the weights to ask with there, and what one unit of each θ is (so that no result depends on units)."""

    theta: Numbers
    weights: Numbers
    scale: Numbers
    unit: Numbers  # (q,) a variance of each random effect that alone would make the residual variance


def start(objective: Objective) -> Start:
    """Some θ inside the boundary."""
    structure, p = objective.structure, len(objective.fixed)
    fading = structure.fading if structure.is_autoregressive else None
    nothing = Covariances(np.zeros((structure.q,) * 2), np.eye(2), fading)
    told = objective.ask(Point(nothing, np.zeros((p + 1, 0))))
    refuse_unidentified(structure, objective.fixed, objective.random, told)
    signed, inverse = _signed(told, p)
    variance = float(signed @ told.cross @ signed) / told.answers
    unit = _units(structure, told, variance)
    floor = FLOOR * np.append(unit, [variance, variance])
    theta = theta_of(structure, _explained(structure, told, signed), floor)
    for _ in range(ROUNDS - 1):
        told = objective.ask(Point(covariances(structure, theta), np.zeros((p + 1, 0))))
        signed, inverse = _signed(told, p)
        theta = theta_of(structure, _explained(structure, told, signed), floor)
    weights = weights_of(-signed[:p], inverse, objective.is_restricted)
    return Start(theta, weights, scale_of(structure, unit, variance), unit)


def _signed(told: Value, p: int) -> tuple[Numbers, Numbers]:
    """(−β, 1), and β's covariance."""
    inverse, _ = inverted(told.cross[:p, :p])
    return np.append(-inverse @ told.cross[:p, p], 1.0), inverse


def _units(structure: Structure, told: Value, variance: float) -> Numbers:
    """The residual variance over each random column's mean square, both partners' as one."""
    q = structure.q
    diagonal = [i * (i + 3) // 2 for i in range(q)]
    squares = told.d_log_determinant[diagonal] / told.answers
    if structure.spread.groups and len(structure.spread.groups) == 2:
        squares = np.tile(squares.reshape(2, -1).mean(axis=0), 2)
    return np.asarray(variance / np.where(squares > 0, squares, 1.0))


def _explained(structure: Structure, told: Value, signed: Numbers) -> Covariances:
    size = structure.q * (structure.q + 1) // 2
    n = size + 3
    squares = -squared(signed[:, None], told.d_cross[:n])
    expected = -told.second[:n, :n]
    scale = np.sqrt(np.maximum(expected.diagonal(), np.finfo(float).tiny))
    solution = np.linalg.lstsq(expected / np.outer(scale, scale), squares / scale, rcond=1e-10)[0] / scale
    spread = np.zeros((structure.q,) * 2)
    i, j = triangle(structure.q)
    spread[i, j] = spread[j, i] = solution[:size]
    aa, ab, bb = solution[size:]
    rho = structure.fading if structure.is_autoregressive else None
    return Covariances(spread, np.array([[aa, ab], [ab, bb]]), rho)


def scale_of(structure: Structure, unit: Numbers, variance: float) -> Numbers:
    """One unit of each θ: a root of variance, or 1 for a logarithm and for the autocorrelation."""
    parts = []
    for block, units in ((structure.spread, unit), (structure.residual, np.full(2, variance))):
        size = np.sqrt(np.einsum("eij,i->e", block.basis**2, units)) if block.size else np.zeros(0)
        parts.append(np.where(block.is_log, 1.0, size))
    return np.concatenate([*parts, np.ones(int(structure.is_autoregressive))])
