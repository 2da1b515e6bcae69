"""Newton's way to the top of a likelihood: each step as far as the curvature says, never downhill. It knows no model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.objective import Objective, Profile, profile
from bothwell.outcomes.start import Start

STEPS = 100
ENOUGH = 1e-16  # half the squared distance to the top in standard errors
NEARLY = 1e-9  # below this, a distance that no longer shrinks is rounding
SAME = 1e-7  # standard errors: effects that differ less are the same
FLAT = 1e-10  # a curvature this much smaller than the largest is none


@dataclass(frozen=True, eq=False)
class Top:
    """Where the search ended."""

    profile: Profile
    converged: bool
    iterations: int
    distance: float  # expected gain of one more step, in log-likelihood


def maximise(objective: Objective, begun: Start) -> Top:
    """The top reached from a start. Not `converged` when it took too many steps or could not rise."""
    here = profile(objective, begun.theta, begun.weights)
    radius, before = 1.0, np.inf
    for iteration in range(STEPS):
        step, distance = newton(here, begun.scale, radius)
        if distance < ENOUGH or (distance < NEARLY and distance > before / 4):
            return Top(_exact(objective, here), True, iteration, distance)
        there, radius = _rise(objective, here, step, distance, radius, begun.scale)
        if there is None:
            return Top(_exact(objective, here), distance < NEARLY, iteration, distance)
        before = distance
        here = there
    return Top(here, False, STEPS, distance)


def newton(here: Profile, scale: Numbers, radius: float) -> tuple[Numbers, float]:
    """The step, no longer than the radius in units of `scale`, and what the full one would gain.

    Where the surface bends upwards the step follows the slope with that curvature's size (a saddle is left).
    """
    values, vectors = np.linalg.eigh(-here.hessian * np.outer(scale, scale))
    slope = vectors.T @ (here.gradient * scale)
    size = np.maximum(np.abs(values), FLAT * np.abs(values).max(initial=1.0))
    moved = slope / size
    gain = 0.5 * float(slope @ moved)
    length = float(np.linalg.norm(moved))
    moved = moved * min(1.0, radius / length) if length else moved
    return scale * (vectors @ moved), gain


def _rise(objective: Objective, here: Profile, step: Numbers, distance: float, radius: float,
          scale: Numbers) -> tuple[Profile | None, float]:  # fmt: skip
    slack = 1e-11 * (1 + abs(here.value)) if distance < 1e-4 else 0.0
    for _ in range(30):
        try:
            there = profile(objective, here.theta + step, here.weights)
            if there.value >= here.value - slack:
                return there, max(radius, 2 * float(np.linalg.norm(step / scale)))
        except np.linalg.LinAlgError:
            pass
        step = step / 4
        radius = float(np.linalg.norm(step / scale))
    return None, radius


def _exact(objective: Objective, here: Profile) -> Profile:
    """The same place, asked with its own weights, if those it was asked with were not yet its own."""
    moved = np.abs(here.weights - here.asked)[:-1, 0]
    if here.weights.shape == here.asked.shape and np.all(moved <= SAME * np.sqrt(np.diag(here.covariance))):
        return here
    return profile(objective, here.theta, here.weights)
