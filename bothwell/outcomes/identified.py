"""Whether the couples' numbers can say what the model asks at all. It names columns, never a couple's answer."""

from __future__ import annotations

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.covariance import Structure
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.value import Value

COMBINED = 1e-9  # of a column's square that the columns before it leave over: none
EXPLAINED = 1e-14  # of the answers' square that the effects leave over: none


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


def refuse_combined(fixed: tuple[str, ...], squares: Numbers) -> None:
    """Raises Unfit with the first column that is empty, or a combination of the columns before it."""
    scale = np.sqrt(np.diag(squares))
    for place, name in enumerate(fixed):
        if not scale[place] > 0:
            raise Unfit("no variation: every value is zero", column=name)
        before = squares[:place, :place] / np.outer(scale[:place], scale[:place])
        across = squares[:place, place] / scale[:place] / scale[place]
        if 1 - across @ np.linalg.solve(before, across) < COMBINED:
            raise Unfit("it can be told from the columns before it and has no effect of its own", column=name)


def _refuse_empty(random: tuple[str, ...], squares: Numbers) -> None:
    for name, square in zip(random, squares, strict=True):
        if not square > 0:
            raise Unfit("no variation: every value is zero", column=name)
