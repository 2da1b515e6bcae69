"""How sure an effect is: its standard error, and how many degrees of freedom that error has. It judges no effect."""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.unfit import Unfit


class Df(StrEnum):
    """Whose convention the t values follow. For what partners share (a couple's value, a person's own line) take
    Satterthwaite's: it counts couples, where the residual convention counts answers. See `usual`."""

    RESIDUAL = "residual"  # answers less effects, as R's gls; couples less effects where errors are by couple
    COUPLES = "couples"  # couples less effects
    SATTERTHWAITE = "satterthwaite"  # from how sure the error itself is, as SAS MIXED
    NORMAL = "normal"  # as lavaan and glmmTMB: large samples


class Errors(StrEnum):
    """From what standard errors are taken."""

    EXPECTED = "expected"  # X'V⁻¹X, as R's gls and lme
    OBSERVED = "observed"  # the curvature of the likelihood as it is, covariances estimated too
    ROBUST = "robust"  # from couples' own scatter: right also where the model's covariances are not


def usual(fit: Fit, errors: Errors = Errors.EXPECTED) -> Df:
    """What is taken where nobody says: answers less effects; but where there are random effects, or a value that both
    partners share, nothing that counts answers as if each were a couple's."""
    if not len(fit.spread) and not fit.shared:
        return Df.RESIDUAL
    return Df.SATTERTHWAITE if errors is Errors.EXPECTED else Df.COUPLES


def settled(fit: Fit, df: Df | str | None, errors: Errors | str) -> tuple[Df, Errors]:
    """Both as they were asked for, in words or not at all. Raises Unfit for a word that is none."""
    try:
        errors = Errors(errors)
        return (usual(fit, errors) if df is None else Df(df)), errors
    except ValueError as word:
        raise Unfit(f"{word}: df is one of {', '.join(Df)}, errors one of {', '.join(Errors)}") from None


def covariance(fit: Fit, errors: Errors) -> Numbers:
    """The covariance (p, p) of the effects; the robust one times n/(n − p), for couples are few."""
    match errors:
        case Errors.EXPECTED:
            return fit.covariance
        case Errors.OBSERVED:
            return fit.covariance_observed
        case Errors.ROBUST:
            return fit.covariance_robust * fit.n_couples / _left(fit, fit.n_couples, "couples")


def degrees(fit: Fit, weights: Numbers, df: Df, errors: Errors = Errors.EXPECTED) -> float:
    """Degrees of freedom of the error of `weights · effects`; infinite for the normal distribution.

    Raises Unfit where nothing is left over, and for Satterthwaite's with any errors but the expected.
    """
    return float(each(fit, weights[None], df, errors)[0])


def each(fit: Fit, weights: Numbers, df: Df, errors: Errors = Errors.EXPECTED) -> Numbers:
    """The same for many weighted sums (…, p) at once."""
    match df:
        case Df.SATTERTHWAITE if errors is not Errors.EXPECTED:
            raise Unfit("Satterthwaite's degrees of freedom go with expected errors alone")
        case Df.SATTERTHWAITE:
            return satterthwaite(fit, weights)
    return np.full(weights.shape[:-1], _constant(fit, df, errors))


def _constant(fit: Fit, df: Df, errors: Errors) -> float:
    match df:
        case Df.NORMAL:
            return np.inf
        case Df.RESIDUAL if errors is not Errors.ROBUST:
            return _left(fit, fit.n_answers, "answers")
    return _left(fit, fit.n_couples, "couples")


def _left(fit: Fit, count: int, counted: str) -> float:
    if count <= len(fit.names):
        raise Unfit(f"no degrees of freedom are left: as many effects as {counted}")
    return float(count - len(fit.names))


def satterthwaite(fit: Fit, weights: Numbers) -> Numbers:
    """2·v²/var(v) for v the variance of `weights · effects` (Satterthwaite 1946; Giesbrecht & Burns 1985), never below 1.

    Weights (…, p), degrees (…); infinite where the variance is as good as known.
    """
    variance = np.einsum("...i,ij,...j->...", weights, fit.covariance, weights)
    slope = np.einsum("...i,kij,...j->...k", weights, fit.covariance_slopes, weights)
    doubt = np.einsum("...k,kl,...l->...", slope, fit.theta_covariance, slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(doubt > 0, np.maximum(2 * variance**2 / doubt, 1.0), np.inf))
