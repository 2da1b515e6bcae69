"""What a model leaves unexplained, and in which couples it leaves most. It names no couple: it gives their places.

Marginal: what the effects leave. Conditional: what is left when each couple's own random effects are taken out too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from bothwell.outcomes.arrays import Flags, Indexes, Numbers
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.significance import Test, chi_square
from bothwell.outcomes.unfit import Unfit

FEWEST_FOR_NORMALITY = 20  # D'Agostino & Pearson's approximation
FAR = 0.05  # over all couples together (Bonferroni)
HEAVY = 3.0  # times the usual leverage


@dataclass(frozen=True, eq=False)
class Residuals:
    """In the frame's own rows; nan where not answered."""

    marginal: Numbers  # (m, 2) in the outcome's units
    whitened: Numbers  # (m, 2) V^(−½) of the couple's: uncorrelated with variance 1 under the model
    conditional: Numbers  # (m, 2) in the outcome's units
    standardised: Numbers  # (m, 2) conditional, over the residuals' standard deviation
    random: Numbers  # (n, q) best predictions of each couple's random effects
    distance: Numbers  # (n,) sum of squared whitened residuals: χ² with `answers` degrees of freedom
    answers: Indexes  # (n,)
    leverage: Numbers  # (n,) sums to the number of effects
    normality: Test | None  # of the whitened (D'Agostino & Pearson 1973); None with fewer than 20 answers
    far: tuple[int, ...]  # couples the model hardly explains: farther than chance puts one of all in 5 of 100
    heavy: tuple[int, ...]  # couples that weigh more than three times what is usual


@dataclass(frozen=True, eq=False)
class _Couple:
    whitened: Numbers
    conditional: Numbers
    random: Numbers
    leverage: float


def residuals(fit: Fit, frame: Frame) -> Residuals:
    """Of the frame the fit was made from. Raises Unfit for a frame of another model."""
    if fit.names != frame.fixed or fit.spread.shape[0] != frame.z.shape[2]:
        raise Unfit("this fit was not made from this frame")
    marginal = frame.y - frame.x @ fit.estimates
    whitened, conditional = np.full_like(marginal, np.nan), np.full_like(marginal, np.nan)
    n = frame.n_couples
    random, leverage = np.zeros((n, frame.z.shape[2])), np.zeros(n)
    starts = np.searchsorted(frame.couple, np.arange(n + 1))
    for couple in range(n):
        rows = slice(starts[couple], starts[couple + 1])
        there = ~np.isnan(frame.y[rows])
        found = _couple(fit, frame, rows, there, marginal[rows][there])
        whitened[rows][there], conditional[rows][there] = found.whitened, found.conditional
        random[couple], leverage[couple] = found.random, found.leverage
    return _looked_at(fit, frame, marginal, whitened, conditional, random, leverage)


def _looked_at(
    fit: Fit, frame: Frame, marginal: Numbers, whitened: Numbers, conditional: Numbers,
    random: Numbers, leverage: Numbers,
) -> Residuals:  # fmt: skip
    there = ~np.isnan(frame.y)
    answers = np.bincount(frame.couple, there.sum(axis=1)).astype(np.int64)
    distance = np.asarray(np.bincount(frame.couple, np.nansum(whitened**2, axis=1)), np.float64)
    surprise = [chi_square("", d, k).p for d, k in zip(distance, answers.tolist(), strict=True)]
    return Residuals(
        marginal=marginal,
        whitened=whitened,
        conditional=conditional,
        standardised=conditional / np.sqrt(np.diag(fit.residual)),
        random=random,
        distance=distance,
        answers=answers,
        leverage=leverage,
        normality=_normality(whitened[there]),
        far=tuple(np.flatnonzero(np.array(surprise) < FAR / len(answers)).tolist()),
        heavy=tuple(np.flatnonzero(leverage > HEAVY * leverage.mean()).tolist()),
    )


def _couple(fit: Fit, frame: Frame, rows: slice, there: Flags, marginal: Numbers) -> _Couple:
    x, z = frame.x[rows][there], frame.z[rows][there]
    v = variance(fit, frame.at[rows], frame.z[rows])[np.ix_(there.ravel(), there.ravel())]
    values, vectors = np.linalg.eigh(v)
    root = (vectors / np.sqrt(values)) @ vectors.T  # symmetric, so that no order of answers matters
    whitened = root @ marginal
    random = fit.spread @ z.T @ root @ whitened
    white = root @ x
    return _Couple(
        whitened, marginal - z @ random, random, float(np.einsum("ij,jk,ik->", white, fit.covariance, white))
    )


def variance(fit: Fit, at: Numbers, z: Numbers) -> Numbers:
    """A couple's V (2m, 2m), wave by wave: Z G Z' + R, fading over the time between waves where that was asked."""
    m, at = len(at), at / fit.step
    fading = fit.autocorrelation
    together = np.eye(m) if fading is None else np.sign(fading) ** _whole(at) * np.abs(fading) ** _apart(at)
    flat = z.reshape(2 * m, -1)
    return np.asarray(flat @ fit.spread @ flat.T + np.kron(together, fit.residual), np.float64)


def _apart(at: Numbers) -> Numbers:
    return np.abs(at[:, None] - at[None, :])


def _whole(at: Numbers) -> Numbers:
    """Waves between, for the sign of a negative autocorrelation: it occurs with whole numbers alone."""
    return np.round(_apart(at))


def _normality(whitened: Numbers) -> Test | None:
    if len(whitened) < FEWEST_FOR_NORMALITY:
        return None
    found = stats.normaltest(whitened)
    return Test("what the model leaves is normal", "χ²", float(found.statistic), float(found.pvalue), 2)
