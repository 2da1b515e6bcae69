"""What a set of couples says about a model at one set of covariances: sums that can be added to other couples' sums.

Sums of few couples, asked often enough, are these couples' answers: `shared_by` says what has to be shared by how many.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import Covariances


@dataclass(frozen=True, eq=False)
class Point:
    """Where the couples are asked: the covariances, and how M's second derivatives are to be weighed together.

    `weights` (p + 1, r), O: of second derivatives only Σ over the couples of d²D + tr(O' d²M O) is kept, which is
    what a likelihood needs: O = (−β, 1) for ML, with a square root of (X'V⁻¹X)⁻¹ beside it for REML. r may be 0.
    """

    at: Covariances
    weights: Numbers


@dataclass(frozen=True, eq=False)
class Value:
    """Sums over couples, additive with +; derivatives by the natural vector (`Covariances.natural`).

    D = Σ log|V|, M = Σ [X y]' V⁻¹ [X y]: everything ML and REML need (β = M_xx⁻¹ M_xy). Couples who
    weigh differently are told apart by a few points, so that it is safe only where enough weigh alike.
    """

    couples: int
    occasions: int
    answers: int
    log_determinant: float  # D
    cross: Numbers  # M (p + 1, p + 1)
    d_log_determinant: Numbers  # (natural,)
    d_cross: Numbers  # (natural, p + 1, p + 1)
    second: Numbers  # (natural, natural): see Point

    def __add__(self, other: Value) -> Value:
        return Value(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, eq=False)
class Joint:
    """The log-likelihood (ML) of effects and covariances together, with its derivatives: β first, then natural."""

    value: float
    gradient: Numbers
    hessian: Numbers


def joint(value: Value, beta: Numbers) -> Joint:
    """Log-likelihood at β, for a Value asked with weights (−β, 1) as one column."""
    signed = np.append(-beta, 1.0)
    p = len(beta)
    moved = value.d_cross @ signed
    first = np.concatenate([(value.cross @ signed)[:p], -0.5 * (value.d_log_determinant + moved @ signed)])
    hessian = np.block([[-value.cross[:p, :p], moved[:, :p].T], [moved[:, :p], -0.5 * value.second]])
    squares = signed @ value.cross @ signed
    return Joint(
        float(-0.5 * (value.answers * np.log(2 * np.pi) + value.log_determinant + squares)), first, hessian
    )
