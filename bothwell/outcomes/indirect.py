"""Through whom something reaches a partner's outcome: the eight indirect paths of a couple, and their sums.

Pure arithmetic on path coefficients. It never says that one thing causes another.

Two actor–partner models in a row: a carries the predictor X to the mediator M, b carries M to the outcome Y,
and c is what of X reaches Y beside M. Each has an actor path (from oneself) and a partner path (from the other).
"""

from collections.abc import Callable
from enum import StrEnum

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import root

PATHS = ("a actor", "a partner", "b actor", "b partner", "c actor", "c partner")


class Way(StrEnum):
    """What is derived of the six paths, of one partner's outcome. First letter X→M, second M→Y."""

    AA = "AA"  # own X → own M → own Y
    PP = "PP"  # own X → partner's M → own Y
    AP = "AP"  # partner's X → partner's M → own Y
    PA = "PA"  # partner's X → own M → own Y
    OWN_INDIRECT = "own X, indirect"  # AA + PP
    PARTNER_INDIRECT = "partner's X, indirect"  # AP + PA
    OWN_DIRECT = "own X, direct"
    PARTNER_DIRECT = "partner's X, direct"
    OWN_TOTAL = "own X, total"
    PARTNER_TOTAL = "partner's X, total"
    OWN_SHARE = "own X, share that is indirect"  # 0…1 when direct and indirect point the same way
    PARTNER_SHARE = "partner's X, share that is indirect"


SIMPLE = (Way.AA, Way.PP, Way.AP, Way.PA)


def derived(paths: Numbers) -> Numbers:
    """Every `Way` of each side: (…, 6, sides) in the order of `PATHS` → (…, 12, sides) in the order of `Way`.

    `sides` is 2 where roles tell partners apart (by whose outcome or mediator the path ends at), else 1.
    A share is nan where the total is nought.
    """
    a_own, a_other, b_own, b_other, c_own, c_other = np.moveaxis(paths, -2, 0)
    own = [a_own * b_own, a_other[..., ::-1] * b_other]
    partner = [a_own[..., ::-1] * b_other, a_other * b_own]
    indirect = [sum(own), sum(partner)]
    total = [c_own + indirect[0], c_other + indirect[1]]
    shares = [_share(i, t) for i, t in zip(indirect, total, strict=True)]
    return np.stack([*own, *partner, *indirect, c_own, c_other, *total, *shares], axis=-2)


def _share(part: Numbers, whole: Numbers) -> Numbers:
    return np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole))


def jacobian(function: Callable[[Numbers], Numbers], at: Numbers) -> Numbers:
    """First derivatives (k, p) of an analytic function R^p → R^k, by the complex step: no rounding is lost."""
    steps = at + 1e-30j * np.eye(len(at))
    return np.asarray(np.stack([np.imag(function(step)) for step in steps], axis=-1) / 1e-30)


def delta_errors(function: Callable[[Numbers], Numbers], at: Numbers, covariance: Numbers) -> Numbers:
    """Standard errors (k,) by the delta method; of a product of two paths this is Sobel's."""
    slopes = jacobian(function, at)
    return np.asarray(np.sqrt(np.maximum(np.einsum("kp,pq,kq->k", slopes, covariance, slopes), 0.0)))


def drawn(
    function: Callable[[Numbers], Numbers],
    at: Numbers,
    covariance: Numbers,
    random: np.random.Generator,
    draws: int,
) -> Numbers:
    """`function` of `draws` normal coefficient vectors: (draws, k). Products are not normal, so that their interval
    leans (MacKinnon, Lockwood & Williams 2004, Multivariate Behavioral Research 39:99–128).
    """
    return function(at + random.standard_normal((draws, len(at))) @ root(covariance).T)


def limits(sample: Numbers, level: float = 0.95) -> Numbers:
    """Lower and upper percentile (2, k) of a sample (draws, k)."""
    tail = (1 - level) / 2
    return np.asarray(np.nanquantile(sample, [tail, 1 - tail], axis=0))
