"""How much an answer weighs when its partner answered too, and when not. It knows no couple."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bothwell.outcomes.arrays import Indexes, Numbers

MOVES = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])  # aa, ab, bb


@dataclass(frozen=True, eq=False)
class Weights:
    """R⁻¹ of two answers (aa, ab, bb) and 1/R of one alone, with derivatives by R's aa, ab, bb; and log|R| summed."""

    value: Numbers  # (5,)
    first: Numbers  # (5, 3)
    second: Numbers  # (5, 3, 3)
    log_determinant: float
    d_log_determinant: Numbers  # (3,)
    dd_log_determinant: Numbers  # (3, 3)


def weights_of(residual: Numbers, counts: Indexes) -> Weights:
    """The five weights; `counts`: occasions with both answers, the first side's alone, the second's alone."""
    inverse = np.linalg.inv(residual)
    one = inverse @ MOVES @ inverse  # −∂R⁻¹
    two = np.einsum("ij,ajk,bkl->abil", inverse, MOVES, one)
    two = two + two.swapaxes(0, 1)
    alone = 1.0 / np.diag(residual)
    first, second = np.zeros((5, 3)), np.zeros((5, 3, 3))
    for row, (i, j) in enumerate(((0, 0), (0, 1), (1, 1))):
        first[row], second[row] = -one[:, i, j], two[:, :, i, j]
    for row, column, weight in ((3, 0, alone[0]), (4, 2, alone[1])):
        first[row, column], second[row, column, column] = -(weight**2), 2 * weight**3
    both, singles = counts[0], np.array([counts[1], 0.0, counts[2]]) * [alone[0], 0.0, alone[1]]
    traces = np.einsum("ij,aji->a", inverse, MOVES)
    bends = -both * np.einsum("aij,bji->ab", inverse @ MOVES, inverse @ MOVES)
    return Weights(
        np.array([inverse[0, 0], inverse[0, 1], inverse[1, 1], *alone]),
        first,
        second,
        float(both * np.linalg.slogdet(residual)[1] + counts[1:] @ np.log(np.diag(residual))),
        both * traces + singles,
        bends - np.diag(singles * [alone[0], 0.0, alone[1]]),
    )
