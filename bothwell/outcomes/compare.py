"""Which of several models the couples' answers are likelier under. It compares fits and makes none the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bothwell.outcomes.design import INTERCEPT, ROLE, Pattern, bare, times
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.significance import Test, beside, chi_square
from bothwell.outcomes.spec import Method, Spec
from bothwell.outcomes.unfit import Unfit

ROUNDING = 1e-6  # by which a larger model may look less likely


@dataclass(frozen=True)
class Rank:
    """A model beside others of the same answers; `weight`: Akaike's, how the evidence is shared among them."""

    name: str
    n_parameters: int
    log_likelihood: float
    aic: float
    bic: float
    weight: float


def likelihood_ratio(smaller: Fit, larger: Fit, null: str = "the smaller model holds") -> Test:
    """Twice the difference of log-likelihoods, χ². Where the null sets a variance to zero, p is too large (cautious).

    Raises Unfit where the two are not of the same answers, not nested, restricted with different effects or columns,
    or not at the end of their search.
    """
    _refuse_others(smaller, larger)
    df = larger.n_parameters - smaller.n_parameters
    gain = larger.log_likelihood - smaller.log_likelihood
    if df <= 0 or gain < -ROUNDING or not _is_special_case(smaller, larger):
        raise Unfit("the first model is not a special case of the second")
    return beside(chi_square(null, 2 * gain, df), smaller.n_couples)


def _is_special_case(smaller: Fit, larger: Fit) -> bool:
    """Every effect of the one is in the other, for all or for each role; so is what is random."""
    return (
        _apart_from_roles(smaller.names) <= _apart_from_roles(larger.names)
        and _apart_from_roles(smaller.random) <= _apart_from_roles(larger.random)
        and smaller.spec.distinguished <= larger.spec.distinguished
        and (smaller.autocorrelation is None or larger.autocorrelation is not None)
    )


def _apart_from_roles(names: Sequence[str]) -> set[str]:
    """The effects without whose they are, and a role's deviation as what it deviates from."""
    plain = {bare(name).removesuffix(times("", ROLE)) for name in names}
    return {INTERCEPT if name == ROLE else name for name in plain}


def ranking(fits: Mapping[str, Fit]) -> tuple[Rank, ...]:
    """Models by Akaike's criterion, the best first. Raises Unfit as `likelihood_ratio` does, but need not be nested."""
    if not fits:
        raise Unfit("there are no models to rank")
    first, *others = fits.values()
    for other in others:
        _refuse_others(first, other)
    best = min(one.aic for one in fits.values())
    share = {name: float(np.exp((best - one.aic) / 2)) for name, one in fits.items()}
    ranks = [
        Rank(name, one.n_parameters, one.log_likelihood, one.aic, one.bic, share[name] / sum(share.values()))
        for name, one in fits.items()
    ]
    return tuple(sorted(ranks, key=lambda rank: rank.aic))


def _refuse_others(first: Fit, second: Fit) -> None:
    if _answers(first) != _answers(second):
        raise Unfit("the two models were not fitted to the same answers of the same couples")
    if not (first.converged and second.converged):
        raise Unfit(
            "the search for one of the models did not come to an end, so its likelihood is not the highest"
        )
    if first.spec.method != second.spec.method:
        raise Unfit("one model is restricted (REML) and the other is not")
    if first.spec.method is Method.REML and first.names != second.names:
        raise Unfit(
            "restricted likelihoods (REML) of models with different effects cannot be compared; use ML"
        )
    if first.spec.method is Method.REML and first.data_hash != second.data_hash:
        raise Unfit(
            "the two models' columns are of the same names and hold other numbers (another unit, say): restricted "
            "likelihoods (REML) cannot be compared; use ML, or the same columns"
        )


def _answers(fit: Fit) -> tuple[object, ...]:
    return fit.spec.outcome, fit.answers_hash, fit.n_couples, fit.n_answers


@dataclass(frozen=True)
class Distinguishable:
    """The omnibus test, and both fits by maximum likelihood."""

    test: Test
    pooled: Fit
    apart: Fit


def distinguishable(spec: Spec, table: Any) -> Distinguishable:
    """Whether roles differ in anything the model has: means, effects, variances (Kenny, Kashy & Cook 2006, p. 129).

    Raises Unfit as frames and fits do; `spec.partner` or `spec.role` must tell partners apart.
    """
    pooled, apart = (
        _fitted(replace(spec, distinguished=told, method=Method.ML), table) for told in (False, True)
    )
    return Distinguishable(
        likelihood_ratio(pooled, apart, "the roles are the same in all of the model"), pooled, apart
    )


def _fitted(spec: Spec, table: Any) -> Fit:
    return fit(spec, frame(spec, table))


def independent(spec: Spec, couples: Frame) -> Test:
    """Whether, beside the effects, partners are no more alike than strangers: by the likelihood, one variance for all.

    Raises Unfit where roles have variances of their own (there the correlation's interval says it), and with random
    effects, which make partners alike beside the residual.
    """
    if len(couples.random):
        raise Unfit(
            "with random effects partners may be alike in several ways; see the correlations' intervals"
        )
    if couples.residual is not Pattern.EXCHANGEABLE:
        raise Unfit("with roles told apart, see the interval of the residuals' correlation")
    alone = fit(spec, replace(couples, residual=Pattern.NONE))
    return likelihood_ratio(alone, fit(spec, couples), "partners are no more alike than strangers")
