"""The likeliest covariance matrix among those that are sums of given patterns. It knows nothing of couples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.unfit import Unfit

STEPS = 200
CLOSE = 1e-10  # of the score test of the last step, against the information


@dataclass(frozen=True, eq=False)
class LinearCovariance:
    """Σ = Σ θ_k B_k at its most likely θ."""

    theta: Numbers
    covariance: Numbers  # of θ, by expected information
    log_likelihood_ratio: float  # −2 log of this Σ's likelihood against the sample's own matrix


def likeliest(sample: Numbers, n: int, patterns: Numbers, start: Numbers) -> LinearCovariance:
    """Fisher scoring (Anderson 1973) for Gaussian rows with the sample matrix (divisor n); patterns (k, d, d).

    Raises Unfit where the patterns cannot be told apart or where no step raises the likelihood any more.
    """
    theta, value = start, _value(sample, n, patterns, start)
    for _ in range(STEPS):
        score, information = _slopes(sample, n, patterns, theta)
        if np.linalg.cond(information / _scales(information)) > 1e12:
            raise Unfit("the model is not identified: its parts cannot be told apart")
        step = np.asarray(np.linalg.solve(information, score), np.float64)
        if score @ step < CLOSE:
            return LinearCovariance(
                theta,
                np.asarray(np.linalg.inv(information), np.float64),
                value - _value_of(sample, n, sample),
            )
        theta, value = _shorter(sample, n, patterns, theta, value, step)
    raise Unfit("the likelihood has no summit that could be found")


def _scales(information: Numbers) -> Numbers:
    size = np.sqrt(np.abs(np.diag(information)))
    return np.outer(size, size)


def _shorter(
    sample: Numbers, n: int, patterns: Numbers, theta: Numbers, value: float, step: Numbers
) -> tuple[Numbers, float]:
    """Half the step as often as it takes for −2 log L to fall."""
    for halving in range(40):
        there = theta + step / 2**halving
        lower = _value(sample, n, patterns, there)
        if lower < value:
            return there, lower
    raise Unfit("the likelihood has no summit that could be found")


def _value(sample: Numbers, n: int, patterns: Numbers, theta: Numbers) -> float:
    return _value_of(sample, n, np.tensordot(theta, patterns, axes=1))


def _value_of(sample: Numbers, n: int, sigma: Numbers) -> float:
    """−2 log L up to a constant; infinite where Σ is no covariance matrix."""
    if np.linalg.eigvalsh(sigma)[0] <= 0:
        return np.inf
    return n * float(np.linalg.slogdet(sigma)[1] + np.trace(np.linalg.solve(sigma, sample)))


def _slopes(sample: Numbers, n: int, patterns: Numbers, theta: Numbers) -> tuple[Numbers, Numbers]:
    sigma = np.tensordot(theta, patterns, axes=1)
    weighted = np.linalg.solve(sigma, patterns)  # (k, d, d): Σ⁻¹B
    off = np.linalg.solve(sigma, sample - sigma)
    score = n / 2 * np.einsum("kij,ji->k", weighted, off)
    return score, n / 2 * np.einsum("kij,lji->kl", weighted, weighted)
