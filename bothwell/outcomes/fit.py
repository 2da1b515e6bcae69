"""A model fitted to couples: what was estimated, how surely, and what must be said beside it. It judges no effect."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bothwell.outcomes import boundary
from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.code_version import code_version
from bothwell.outcomes.covariance import chain, lower
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.kernel import gather
from bothwell.outcomes.maximise import Top
from bothwell.outcomes.objective import Objective, Profile, objective
from bothwell.outcomes.partial import Gather
from bothwell.outcomes.spec import Method, Spec
from bothwell.outcomes.start import Start, start
from bothwell.outcomes.sums import thinned

FEW_COUPLES = (
    30  # below: estimates and intervals only (statistics of dyads: 30 to 40 couples before p values)
)
SAMPLE = 1500  # couples enough to look for a place to start from
MANY = 4 * SAMPLE


@dataclass(frozen=True, eq=False)
class Fit:
    """All that is known of a fitted model. p effects, q random effects, k parameters of covariance (θ)."""

    spec: Spec
    method: Method
    names: tuple[str, ...]  # p
    estimates: Numbers  # (p,)
    covariance: Numbers  # (p, p) by expected information: (X'V⁻¹X)⁻¹
    covariance_observed: Numbers  # (p, p) by the curvature of the likelihood, θ estimated too
    covariance_robust: Numbers  # (p, p) by couples as clusters, CR0: no small-sample correction
    covariance_slopes: Numbers  # (k, p, p): how `covariance` moves with θ; for Satterthwaite
    random: tuple[str, ...]  # q
    residual: Numbers  # (2, 2) of one occasion
    spread: Numbers  # (q, q) of the random effects
    autocorrelation: float | None  # of residuals one unit of time apart
    residual_errors: Numbers  # standard errors of the entries (delta method)
    spread_errors: Numbers  # nan for a variance estimated as zero
    autocorrelation_error: float | None
    theta: Numbers  # (k,) see `covariance`
    theta_covariance: Numbers  # (k, k) by the curvature of the profiled likelihood
    natural_covariance: (
        Numbers  # of the lower triangles of spread and residual by rows, and the autocorrelation
    )
    log_likelihood: float  # ML, or restricted
    n_parameters: int  # p + k
    aic: float
    bic: float  # by answers; less effects for REML, as R's nlme
    n_couples: int
    n_occasions: int
    n_answers: int
    converged: bool
    iterations: int
    gradient_norm: float  # in standard errors: how far the best θ may still be
    notes: tuple[str, ...]  # what must be said beside the numbers
    data_hash: str
    code_version: str


def fit(spec: Spec, frame: Frame, gathering: Gather = gather) -> Fit:
    """The model with the highest likelihood. `gathering`: `fast.gather` for the compiled sums, same digits.

    Raises Unfit for a model that these couples cannot tell. A fit that did not converge says so in its notes.
    """
    wanted = objective(spec, frame, gathering)
    begun = _sampled(spec, frame, gathering) if wanted.size >= MANY else None
    return fitted(spec, wanted, begun, frame.left_out, frame.data_hash)


def _sampled(spec: Spec, frame: Frame, gathering: Gather) -> Start:
    """A start from the maximum of some of very many couples."""
    sample = objective(spec, thinned(frame, SAMPLE), gathering)
    begun = start(sample)
    top = boundary.climb(sample, begun)
    return replace(begun, theta=top.profile.theta, weights=top.profile.weights)


def fitted(spec: Spec, wanted: Objective, begun: Start | None = None, left_out: tuple[str, ...] = (),
           data_hash: str = "") -> Fit:  # fmt: skip
    """The same from an objective whose couples may be elsewhere."""
    begun = begun or start(wanted)
    top = boundary.climb(wanted, begun)
    return reported(spec, wanted, begun, top, left_out, data_hash)


def reported(spec: Spec, wanted: Objective, begun: Start, top: Top, left_out: tuple[str, ...],
             data_hash: str) -> Fit:  # fmt: skip
    """The Fit of a search that ended."""
    here = top.profile
    p, q = len(wanted.fixed), wanted.structure.q
    of_theta = _inverse(-here.hessian, begun.scale)
    links = chain(wanted.structure, here.theta).first
    of_natural = links @ of_theta @ links.T
    errors = np.sqrt(np.maximum(np.diag(of_natural), 0.0))
    size = q * (q + 1) // 2
    parameters, told = p + len(here.theta), here.told
    penalised = told.answers - p * wanted.is_restricted
    return Fit(
        spec=spec,
        method=spec.method,
        names=wanted.fixed,
        estimates=here.beta,
        covariance=here.covariance,
        covariance_observed=_observed(here, of_theta),
        covariance_robust=here.covariance @ wanted.meat(here.at, here.beta) @ here.covariance,
        covariance_slopes=-here.covariance @ here.d_cross[:, :p, :p] @ here.covariance,
        random=wanted.random,
        residual=here.at.residual,
        spread=here.at.spread,
        autocorrelation=here.at.autocorrelation,
        residual_errors=_square(errors[size : size + 3], 2),
        spread_errors=_square(np.where(lower(here.at.spread) == 0, np.nan, errors[:size]), q),
        autocorrelation_error=float(errors[-1]) if wanted.structure.is_autoregressive else None,
        theta=here.theta,
        theta_covariance=of_theta,
        natural_covariance=of_natural,
        log_likelihood=here.value,
        n_parameters=parameters,
        aic=2 * parameters - 2 * here.value,
        bic=float(np.log(penalised)) * parameters - 2 * here.value,
        n_couples=told.couples,
        n_occasions=told.occasions,
        n_answers=told.answers,
        converged=top.converged,
        iterations=top.iterations,
        gradient_norm=float(np.sqrt(2 * max(top.distance, 0.0))),
        notes=(*_notes(wanted, begun, top), *left_out),
        data_hash=data_hash,
        code_version=code_version(),
    )


def _inverse(information: Numbers, scale: Numbers) -> Numbers:
    """The inverse; directions without curvature (a variance of zero's) count as known."""
    values, vectors = np.linalg.eigh(information * np.outer(scale, scale))
    known = values > 1e-9 * max(float(values.max(initial=0.0)), 1.0)
    turned = vectors[:, known] * scale[:, None]
    return np.asarray((turned / values[known]) @ turned.T)


def _observed(here: Profile, of_theta: Numbers) -> Numbers:
    """The effects' block of the inverse of the whole curvature."""
    p = len(here.beta)
    moved = here.covariance @ (here.d_cross @ here.weights[:, 0])[:, :p].T
    return here.covariance + moved @ of_theta @ moved.T


def _square(entries: Numbers, size: int) -> Numbers:
    matrix = np.zeros((size, size))
    i, j = np.tril_indices(size)
    matrix[i, j] = matrix[j, i] = entries
    return matrix


def _notes(wanted: Objective, begun: Start, top: Top) -> tuple[str, ...]:
    notes = list(boundary.sentences(top.profile.at, begun.unit, wanted.random))
    if not top.converged:
        notes.append("The search did not come to an end: these numbers are not the best ones.")
    if top.profile.told.couples < FEW_COUPLES:
        notes.append(f"Fewer than {FEW_COUPLES} couples: estimates and intervals only, no test.")
    return tuple(notes)
