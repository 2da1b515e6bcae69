"""How much an answer weighs when its partner answered too, and when not. It knows no couple."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np

from bothwell.outcomes.arrays import Indexes, Numbers

MOVES = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])  # aa, ab, bb
LOWER = (np.array([0, 0, 1]), np.array([0, 1, 1]))  # where these three stand in R


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
    """The five weights; `counts`: occasions with both answers, the first side's alone, the second's alone.

    Raises LinAlgError for a residual that cannot be inverted.
    """
    a, b, c = float(residual[0, 0]), float(residual[0, 1]), float(residual[1, 1])
    if not (a > 0 and c > 0):
        raise np.linalg.LinAlgError
    ratio, left = b / a, c - b * b / a  # b of a; what a leaves over of c
    if not left:
        raise np.linalg.LinAlgError
    inverse = np.array([[1 / a + ratio * ratio / left, -ratio / left], [-ratio / left, 1 / left]])
    turned = inverse @ MOVES
    one = turned @ inverse  # −∂R⁻¹
    two = turned[:, None] @ one
    two = two + two.swapaxes(0, 1)
    first, second = np.zeros((5, 3)), np.zeros((5, 3, 3))
    first[:3], second[:3] = -one[:, *LOWER].T, two[:, :, *LOWER].transpose(2, 0, 1)
    both, alone, other = (int(count) for count in counts)
    slopes = both * np.array([inverse[0, 0], 2 * inverse[0, 1], inverse[1, 1]])
    bends = -both * (turned.reshape(3, 4) @ turned.swapaxes(1, 2).reshape(3, 4).T)
    for row, column, weight, count in ((3, 0, 1 / a, alone), (4, 2, 1 / c, other)):
        square = weight * weight  # not a power, which raises where a product is infinite
        first[row, column], second[row, column, column] = -square, 2 * square * weight
        slopes[column] += count * weight
        bends[column, column] -= count * square
    return Weights(
        np.array([inverse[0, 0], inverse[0, 1], inverse[1, 1], 1 / a, 1 / c]),
        first,
        second,
        both * (log(a) + log(abs(left))) + alone * log(a) + other * log(c),
        slopes,
        bends,
    )
