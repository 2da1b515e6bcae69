"""How sure an effect is: its standard error, and how many degrees of freedom that error has. It judges no effect."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.unfit import Unfit


class Df(StrEnum):
    """Whose convention the t values follow. For what partners share (a couple's value) take Satterthwaite's: it
    counts couples, where the residual convention counts persons."""

    RESIDUAL = "residual"  # answers less effects, as R's gls; couples less effects where errors are by couple
    SATTERTHWAITE = "satterthwaite"  # from how sure the error itself is, as SAS MIXED
    NORMAL = "normal"  # as lavaan and glmmTMB: large samples


class Errors(StrEnum):
    """From what standard errors are taken."""

    EXPECTED = "expected"  # X'V⁻¹X, as R's gls and lme
    OBSERVED = "observed"  # the curvature of the likelihood as it is, covariances estimated too
    ROBUST = "robust"  # from couples' own scatter: right also where the model's covariances are not


def covariance(fit: Fit, errors: Errors) -> Numbers:
    """The covariance (p, p) of the effects."""
    match errors:
        case Errors.EXPECTED:
            return fit.covariance
        case Errors.OBSERVED:
            return fit.covariance_observed
        case Errors.ROBUST:
            return fit.covariance_robust


def degrees(fit: Fit, weights: Numbers, df: Df, errors: Errors = Errors.EXPECTED) -> float:
    """Degrees of freedom of the error of `weights · effects`; infinite for the normal distribution.

    Raises Unfit where nothing is left over, and for Satterthwaite's with any errors but the expected.
    """
    match df:
        case Df.NORMAL:
            return np.inf
        case Df.RESIDUAL:
            left = (fit.n_couples if errors is Errors.ROBUST else fit.n_answers) - len(fit.names)
            if left < 1:
                raise Unfit("no degrees of freedom are left: as many effects as answers")
            return float(left)
        case Df.SATTERTHWAITE if errors is Errors.EXPECTED:
            return satterthwaite(fit, weights)
        case Df.SATTERTHWAITE:
            raise Unfit("Satterthwaite's degrees of freedom go with expected errors alone")


def satterthwaite(fit: Fit, weights: Numbers) -> float:
    """2·v²/var(v) for v the variance of `weights · effects` (Satterthwaite 1946; Giesbrecht & Burns 1985)."""
    variance = float(weights @ fit.covariance @ weights)
    slope = np.einsum("i,kij,j->k", weights, fit.covariance_slopes, weights)
    doubt = float(slope @ fit.theta_covariance @ slope)
    return 2 * variance**2 / doubt if doubt > 0 else np.inf
