"""How sure an effect is: its standard error, and how many degrees of freedom that error has. It judges no effect."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.caution import FEW_COUPLES
from bothwell.outcomes.fit import Fit
from bothwell.outcomes.spec import Model
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


BY_COUPLES: Final = (
    "standard errors are robust and degrees of freedom count couples, as several waves of a couple are not several "
    "couples; others may be asked for"
)
BY_SATTERTHWAITE: Final = (
    f"with fewer than {FEW_COUPLES} couples degrees of freedom are Satterthwaite's, which count couples and not answers; "
    "others may be asked for"
)


def usual_errors(fit: Fit) -> Errors:
    """What is taken where nobody says: by the model; but where it has nothing that holds a couple's waves together (no
    random effects, no wave before), by the couples' own scatter."""
    is_loose = not len(fit.spread) and fit.spec.model is not Model.CROSS_LAG
    return Errors.ROBUST if is_loose and fit.n_occasions > fit.n_couples else Errors.EXPECTED


def usual(fit: Fit, errors: Errors = Errors.EXPECTED) -> Df:
    """What is taken where nobody says: answers less effects; but where there are random effects, a value that both
    partners share, or few couples, nothing that counts answers as if each were a couple's."""
    is_plain = not len(fit.spread) and not fit.shared and fit.n_couples >= FEW_COUPLES
    if is_plain and errors is not Errors.ROBUST:
        return Df.RESIDUAL
    return Df.SATTERTHWAITE if errors is Errors.EXPECTED else Df.COUPLES


def settled(fit: Fit, df: Df | str | None, errors: Errors | str | None) -> tuple[Df, Errors]:
    """Both as they were asked for, in words or not at all. Raises Unfit for a word that is none."""
    try:
        if errors is None:  # Satterthwaite's degrees go with the model's errors alone
            errors = Errors.EXPECTED if df == Df.SATTERTHWAITE else usual_errors(fit)
        errors = Errors(errors)
        return (usual(fit, errors) if df is None else Df(df)), errors
    except ValueError as word:
        raise Unfit(f"{word}: df is one of {', '.join(Df)}, errors one of {', '.join(Errors)}") from None


def unasked(fit: Fit, df: Df | str | None, errors: Errors | str | None) -> tuple[str, ...]:
    """What must be said of errors and degrees of freedom that nobody asked for."""
    taken, chosen = settled(fit, df, errors)
    if errors is None and chosen is Errors.ROBUST:
        return (BY_COUPLES,)
    is_plain = not len(fit.spread) and not fit.shared
    return (BY_SATTERTHWAITE,) if df is None and is_plain and taken is Df.SATTERTHWAITE else ()


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
