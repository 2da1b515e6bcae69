"""Whether the couples' numbers can say what the model asks at all. It names columns, never a couple's answer."""

from __future__ import annotations

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import Covariances, Structure, directions
from bothwell.outcomes.spec import TIMES
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.value import Value

COMBINED = 1e-9  # of a column's square that the columns before it leave over: none
EXPLAINED = 1e-14  # of the answers' square that the effects leave over: none
TOGETHER = (
    1e-8  # of a variance's square that other variances leave over: none (.02 for growth with three waves)
)
FOLLOWS = 1e-13  # of the answers' square by which partners differ, or by which they are not mirrored: none
FLAT = 1e-9  # of the largest curvature: none
EXACT = 1e-10  # of the larger residual variance of sum and difference: none


def refuse_unidentified(
    structure: Structure, fixed: tuple[str, ...], random: tuple[str, ...], told: Value
) -> None:
    """Raises Unfit for what was told with V = I: too few couples, a column that says nothing new, no variation."""
    p = len(fixed)
    refuse_combined(fixed, told.cross[:p, :p])
    _refuse_empty(random, told.d_log_determinant[[i * (i + 3) // 2 for i in range(structure.q)]])
    parameters = p + structure.size
    units, unit = (told.couples, "couples") if structure.q else (told.occasions, "occasions")
    if units < parameters or told.answers <= parameters:
        raise Unfit(
            f"{units} {unit} with {told.answers} answers cannot tell {parameters} numbers of the model"
        )
    squares = told.cross[p, p]
    left = squares - told.cross[p, :p] @ np.linalg.solve(told.cross[:p, :p], told.cross[:p, p])
    if left <= EXPLAINED * squares:
        raise Unfit("no variation is left: the answers follow from the predictors exactly")
    _refuse_followers(structure, told, p)
    _refuse_together(structure, told)


def _refuse_followers(structure: Structure, told: Value, p: int) -> None:
    """One partner's answer tells the other's: their difference, or their sum, follows from the predictors."""
    size = structure.q * (structure.q + 1) // 2
    first, across, second = -told.d_cross[size : size + 3]
    for sign in (-1, 1):
        if _left(first + second + sign * across, first + second, p) <= FOLLOWS * np.trace(told.cross[p:, p:]):
            raise Unfit("one partner's answer tells the other's exactly: they are not two answers")


def _left(squares: Numbers, whole: Numbers, p: int) -> float:
    """What columns that may be combinations of each other, or but rounding of the whole, leave over of the last."""
    scale = np.sqrt(np.maximum(whole.diagonal()[:p], np.finfo(float).tiny))
    x, y = squares[:p, :p] / np.outer(scale, scale), squares[:p, p] / scale
    return float(squares[p, p] - y @ np.linalg.lstsq(x, y, rcond=1e-10)[0])


def _refuse_together(structure: Structure, told: Value) -> None:
    """Variances of which one can be larger and others smaller, and no answer is less likely."""
    n = len(told.d_cross) - int(structure.is_autoregressive)
    moves = directions(structure)[:n, : structure.size - int(structure.is_autoregressive)]
    expected = -moves.T @ told.second[:n, :n] @ moves
    scale = np.sqrt(np.maximum(expected.diagonal(), np.finfo(float).tiny))
    if np.linalg.eigvalsh(expected / np.outer(scale, scale))[0] > TOGETHER:
        return
    if structure.q:
        raise Unfit(
            "with so few waves the random effects cannot be told from what is left over at each wave: "
            "more waves of a couple are needed, or fewer random effects"
        )
    raise Unfit("both partners answered together on too few occasions to tell how their answers go together")


def refuse_exact(at: Covariances) -> None:
    """Raises Unfit where the likelihood has no top, because partners' residuals tell each other exactly."""
    size = np.sqrt(at.residual.diagonal())
    values = np.linalg.eigvalsh(at.residual / np.outer(size, size))
    if not values[0] > EXACT * values[1]:
        raise Unfit("one partner's answer tells the other's exactly: they are not two answers")


def refuse_flat(structure: Structure, curvature: Numbers) -> None:
    """Raises Unfit where spread, residual and autocorrelation may move together and the likelihood stays: `curvature`
    is by the natural vector. (By θ none of it is no sign: a deviation of zero may take either sign.) Without fading
    V is linear in them, so that what is told at one place, at the start, is told at all.
    """
    moves = directions(structure)
    bends = moves.T @ curvature @ moves
    scale = np.sqrt(np.maximum(np.abs(bends.diagonal()), np.finfo(float).tiny))
    values = np.abs(np.linalg.eigvalsh(bends / np.outer(scale, scale)))
    if values.min() <= FLAT * values.max():
        raise Unfit(
            "the likelihood is the same for other variances: these couples' answers cannot tell which are right"
        )


def refuse_combined(fixed: tuple[str, ...], squares: Numbers) -> None:
    """Raises Unfit with the first column that is empty, or a combination of the columns before it."""
    scale = np.sqrt(squares.diagonal())
    for place, name in enumerate(fixed):
        if not scale[place] > 0:
            raise Unfit("no variation: every value is zero", column=name)
        before = squares[:place, :place] / np.outer(scale[:place], scale[:place])
        across = squares[:place, place] / scale[:place] / scale[place]
        if 1 - across @ np.linalg.solve(before, across) < COMBINED:
            raise Unfit(
                "it can be told from the columns before it and has no effect of its own"
                + "; count times from the study's beginning" * (TIMES in name),
                column=name,
            )


def _refuse_empty(random: tuple[str, ...], squares: Numbers) -> None:
    for name, square in zip(random, squares, strict=True):
        if not square > 0:
            raise Unfit("no variation: every value is zero", column=name)
