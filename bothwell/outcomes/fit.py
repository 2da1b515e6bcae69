"""A model fitted to couples: what was estimated, how surely, and what must be said beside it. It judges no effect."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bothwell.outcomes import boundary
from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.caution import FEW, FEW_COUPLES
from bothwell.outcomes.code_version import code_version
from bothwell.outcomes.covariance import chain, lower, triangle
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.head import Head, head_of, origin_of
from bothwell.outcomes.identified import refuse_exact, refuse_flat
from bothwell.outcomes.kernel import gather
from bothwell.outcomes.maximise import Top
from bothwell.outcomes.objective import Objective, Profile, natural_hessian, objective, squared_scores
from bothwell.outcomes.origin import Origin, moved
from bothwell.outcomes.partial import Gather
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.start import Start, start
from bothwell.outcomes.sums import thinned
from bothwell.outcomes.unfit import Unfit

SAMPLE = 1500  # couples enough to look for a place to start from
MANY = 4 * SAMPLE


@dataclass(frozen=True, eq=False)
class Fit:
    """All that is known of a fitted model. p effects, q random effects, k parameters of covariance (θ)."""

    spec: Spec
    names: tuple[str, ...]  # p
    estimates: Numbers  # (p,)
    covariance: Numbers  # (p, p) by expected information: (X'V⁻¹X)⁻¹
    covariance_observed: Numbers  # (p, p) by the curvature of the likelihood, θ estimated too
    covariance_robust: Numbers  # (p, p) by couples as clusters, CR0: no small-sample correction
    covariance_slopes: Numbers  # (k, p, p): how `covariance` moves with θ; for Satterthwaite
    random: tuple[str, ...]  # q
    residual: Numbers  # (2, 2) of one occasion
    spread: Numbers  # (q, q) of the random effects
    autocorrelation: float | None  # of residuals one `step` apart
    residual_errors: Numbers  # standard errors of the entries (delta method)
    spread_errors: Numbers  # nan for a variance estimated as zero
    autocorrelation_error: float | None
    theta: Numbers  # (k,) see `covariance`; of columns counted from their `origin`
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
    sides: tuple[str, str] = ("1", "2")  # what the table calls the two roles; role is +1 for the first
    shared: tuple[str, ...] = ()  # columns of which both partners of every couple have the same value
    answers_hash: str = ""  # two fits that have it in common were made to the same answers
    step: float = 1.0  # of time, between residuals that go together by `autocorrelation`


def fit(spec: Spec, frame: Frame, gathering: Gather = gather) -> Fit:
    """The model with the highest likelihood. `gathering`: `fast.gather` for the compiled sums, same digits.

    Raises Unfit for a model that these couples cannot tell, and for the frame of another question. A fit that did not
    converge says so in its notes.
    """
    if frame.spec and replace(frame.spec, method=spec.method) != spec:
        raise Unfit("this frame was made for another question")
    head = head_of(frame)
    here = moved(frame, origin_of(head))
    wanted = objective(spec, here, gathering)
    begun = _sampled(spec, here, gathering) if wanted.size >= MANY else None
    return fitted(spec, wanted, head, begun)


def _sampled(spec: Spec, frame: Frame, gathering: Gather) -> Start | None:
    """A start from the maximum of some of very many couples; none where so few do not tell what all of them do."""
    sample = objective(spec, thinned(frame, SAMPLE), gathering)
    try:
        begun = start(sample)
        top = boundary.climb(sample, begun)
    except (Unfit, np.linalg.LinAlgError):
        return None
    return replace(begun, theta=top.profile.theta, weights=top.profile.weights)


def fitted(spec: Spec, wanted: Objective, head: Head, begun: Start | None = None) -> Fit:
    """The same from an objective whose couples may be elsewhere, counted from the head's origin."""
    try:
        begun = begun or start(wanted)
        top = boundary.climb(wanted, begun)
    except np.linalg.LinAlgError:
        raise Unfit("the answers and columns are of sizes that cannot be computed with together") from None
    refuse_exact(top.profile.at)
    return reported(spec, wanted, head, begun, top)


def reported(spec: Spec, wanted: Objective, head: Head, begun: Start, top: Top) -> Fit:
    """The Fit of a search that ended."""
    here, about = top.profile, origin_of(head)
    p, q = len(wanted.fixed), wanted.structure.q
    if top.converged and wanted.structure.is_autoregressive:
        refuse_flat(wanted.structure, natural_hessian(wanted, here))
    of_theta = _inverse(-here.hessian, begun.scale)
    links = _turned(chain(wanted.structure, here.theta).first, about)
    spread = about.spread(here.at.spread)
    slopes = -here.covariance @ here.d_cross[:, :p, :p] @ here.covariance
    robust = here.covariance @ squared_scores(wanted, here) @ here.covariance
    of_natural = links @ of_theta @ links.T
    errors = np.sqrt(np.maximum(np.diag(of_natural), 0.0))
    size = q * (q + 1) // 2
    parameters, told = p + len(here.theta), here.told
    penalised = told.answers - p * wanted.is_restricted
    return Fit(
        spec=spec,
        names=wanted.fixed,
        estimates=about.estimates(here.beta),
        covariance=about.covariance(here.covariance),
        covariance_observed=about.covariance(_observed(here, of_theta)),
        covariance_robust=about.covariance(robust),
        covariance_slopes=about.covariance(slopes),
        random=wanted.random,
        residual=here.at.residual,
        spread=spread,
        autocorrelation=here.at.autocorrelation,
        residual_errors=_square(errors[size : size + 3], 2),
        spread_errors=_square(np.where(lower(spread) == 0, np.nan, errors[:size]), q),
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
        notes=(*_notes(wanted, begun, top, about), *head.left_out),
        data_hash=head.data_hash,
        code_version=code_version(),
        sides=head.sides,
        shared=head.shared,
        answers_hash=head.answers_hash,
        step=about.step,
    )


def _turned(links: Numbers, about: Origin) -> Numbers:
    """How the natural vector as the table counts moves with θ."""
    turned = about.natural()
    size = len(turned)
    return np.concatenate([turned @ links[:size], links[size:]])


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
    i, j = triangle(size)
    matrix[i, j] = matrix[j, i] = entries
    return matrix


def _notes(wanted: Objective, begun: Start, top: Top, about: Origin) -> tuple[str, ...]:
    here = top.profile.at
    notes = list(boundary.sentences(here.spread, begun.unit, wanted.random, about.random))
    notes += boundary.residual_sentences(here.residual)
    if not top.converged:
        notes.append("The search did not come to an end: these numbers are not the best ones.")
    if top.profile.told.couples < FEW_COUPLES:
        notes.append(FEW)
    return tuple(notes)
