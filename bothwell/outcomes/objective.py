"""The log-likelihood of a model as a function of its covariances alone: effects are solved for, not searched.

It asks the couples (or whoever has them) for their sums and knows nothing else of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial as bound

import numpy as np

from bothwell.outcomes import robust, serial
from bothwell.outcomes.alike import alike
from bothwell.outcomes.arrays import Numbers, combined, squared
from bothwell.outcomes.covariance import (
    Covariances,
    Structure,
    chain,
    covariances,
    root,
    structure_of,
    triangle,
)
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.kernel import gather
from bothwell.outcomes.partial import Gather, partial
from bothwell.outcomes.spec import Method, Spec
from bothwell.outcomes.sums import compress
from bothwell.outcomes.value import Point, Value

Ask = Callable[[Point], Value]
Meat = Callable[[Covariances, Numbers], Numbers]


@dataclass(frozen=True, eq=False)
class Objective:
    """What is to be maximised: whom to ask, how the covariances are written, ML or REML."""

    ask: Ask
    meat: Meat  # Σ over couples of the squares of their scores: for cluster-robust errors alone
    structure: Structure
    is_restricted: bool
    fixed: tuple[str, ...]
    random: tuple[str, ...]
    size: int = 0  # of `Holder`
    is_line: bool = False  # the fixed effects' columns are the random effects', as in plain growth


@dataclass(frozen=True, eq=False)
class Profile:
    """The log-likelihood at θ with the best effects for it; derivatives by θ.

    `hessian` weighs second derivatives as the asker's weights said: exact where those were this profile's own.
    """

    theta: Numbers
    at: Covariances
    value: float
    gradient: Numbers
    hessian: Numbers
    beta: Numbers
    covariance: Numbers  # of β: (X'V⁻¹X)⁻¹
    d_cross: Numbers  # ∂M/∂θ (θ, p + 1, p + 1)
    natural_gradient: Numbers  # of the log-likelihood, by the natural vector
    told: Value
    asked: Numbers  # the weights it was asked with
    weights: Numbers  # its own: what to ask with next


def objective(spec: Spec, frame: Frame, gathering: Gather = gather) -> Objective:
    """The objective of these couples; `gathering` is `kernel.gather` or the compiled `fast.gather`."""
    told = holder(frame, gathering)
    return Objective(
        told.ask,
        told.meat,
        structure_of(frame),
        spec.method == Method.REML,
        frame.fixed,
        frame.random,
        told.size,
        bool(frame.z.shape[2]) and frame.z is frame.x,
    )


@dataclass(frozen=True, eq=False)
class Holder:
    """Whoever has the couples' answers, and tells sums over them."""

    ask: Ask
    meat: Meat
    size: int = 0  # columns to be gone through at each question


def holder(frame: Frame, gathering: Gather = gather) -> Holder:
    """These couples: from their sums, or couple by couple where residuals fade."""
    if frame.is_autoregressive:
        arranged = serial.arrange(frame)
        return Holder(bound(serial.partial, arranged), bound(robust.meat, frame), frame.n_couples)
    sums = compress(frame)
    few = alike(sums)
    meat = bound(robust.meat, frame, sums=sums)
    return Holder(bound(partial, few, gathering=gathering), meat, few.rows.shape[1] if few.layout.q else 0)


def profile(objective: Objective, theta: Numbers, weights: Numbers) -> Profile:
    """The log-likelihood at θ. Raises LinAlgError where the effects cannot be solved for."""
    at = covariances(objective.structure, theta)
    told = objective.ask(Point(at, weights))
    return profiled(objective, theta, at, told, weights)


def profiled(objective: Objective, theta: Numbers, at: Covariances, told: Value, weights: Numbers) -> Profile:
    """The profile of what was told."""
    p = len(objective.fixed)
    inverse, log_determinant = inverted(told.cross[:p, :p])
    beta = inverse @ told.cross[:p, p]
    own = weights_of(beta, inverse, objective.is_restricted)
    squares = own[:, 0] @ told.cross @ own[:, 0]
    answers = told.answers - p * objective.is_restricted
    value = answers * np.log(2 * np.pi) + told.log_determinant + squares
    value += log_determinant * objective.is_restricted
    natural = -0.5 * (told.d_log_determinant + squared(own, told.d_cross))
    links = chain(objective.structure, theta)
    d_cross = combined(links.first.T, told.d_cross)
    return Profile(
        theta, at, float(-0.5 * value), links.first.T @ natural,
        _hessian(told, links.first, links.second, d_cross, own, weights, inverse, objective.is_restricted),
        beta, inverse, d_cross, natural, told, weights, own,
    )  # fmt: skip


def _hessian(told: Value, first: Numbers, second: Numbers, d_cross: Numbers, own: Numbers, weights: Numbers,
             inverse: Numbers, is_restricted: bool) -> Numbers:  # fmt: skip
    p = len(inverse)
    slopes = told.d_log_determinant + squared(weights, told.d_cross)
    hessian = first.T @ told.second @ first + combined(slopes, second)
    moved = (d_cross @ own[:, 0])[:, :p]
    hessian = hessian - 2 * moved @ inverse @ moved.T
    if is_restricted:
        turned = inverse @ d_cross[:, :p, :p]
        hessian = hessian - np.einsum("aij,bji->ab", turned, turned)
    return np.asarray(-0.25 * (hessian + hessian.T))


def squared_scores(objective: Objective, here: Profile) -> Numbers:
    """Σ over couples of the squares of their scores s = X'V⁻¹(y − Xβ), at a profile: (p, p). See `robust.meat`.

    Of a line nobody is asked: X is Z, so that s is what the couple's own effects would be moved by, and Σ s s' is how
    (−β, 1)' M (−β, 1) falls with the spread.
    """
    if not objective.is_line:
        return objective.meat(here.at, here.beta)
    i, j = triangle(objective.structure.q)
    moved = -squared(here.weights[:, :1], here.told.d_cross[: len(i)])
    found = np.zeros((objective.structure.q,) * 2)
    found[i, j] = found[j, i] = np.where(i == j, moved, moved / 2)
    return found


def natural_hessian(objective: Objective, here: Profile) -> Numbers:
    """The curvature by the natural vector, for a profile that was asked with its own weights."""
    told, k = here.told, len(here.told.d_cross)
    return _hessian(
        told, np.eye(k), np.zeros((k, k, k)), told.d_cross, here.weights, here.asked, here.covariance,
        objective.is_restricted,
    )  # fmt: skip


def weights_of(beta: Numbers, inverse: Numbers, is_restricted: bool) -> Numbers:
    """The weights of ML, (−β, 1); of REML, with a square root of (X'V⁻¹X)⁻¹ beside."""
    signed = np.append(-beta, 1.0)[:, None]
    if not is_restricted:
        return signed
    return np.concatenate([signed, np.append(root(inverse), np.zeros((1, len(beta))), axis=0)], axis=1)


def inverted(matrix: Numbers) -> tuple[Numbers, float]:
    """Inverse and log-determinant of a positive matrix whose columns may have very different units."""
    scale = np.sqrt(matrix.diagonal())
    if not (scale > 0).all() or not np.isfinite(matrix).all():
        raise np.linalg.LinAlgError
    units = scale[:, None] * scale
    c = np.linalg.inv(np.linalg.cholesky(matrix / units))
    return c.T @ c / units, float(2 * np.log(scale / c.diagonal()).sum())
