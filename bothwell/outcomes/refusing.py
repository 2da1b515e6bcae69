"""What couples' answers cannot tell, whatever is fitted to them, and what to ask instead. It repeats no answer."""

from __future__ import annotations

import numpy as np

from bothwell.outcomes.arrays import Flags, Numbers
from bothwell.outcomes.design import (
    INTERCEPT,
    Design,
    actor,
    bare,
    difference_in,
    of,
    partner,
    sum_of,
)
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.spec import NEEDS_WAVES, TIMES, Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.waves import is_shared

FEWEST_COUPLES = 3  # with fewer, two variances and a covariance cannot be told from the numbers
FOLLOWS = 1e-10  # of a column's length that the columns before it leave over: none


def refuse_few(spec: Spec, sheet: Sheet, answered: Flags, n_couples: int) -> None:
    """Raises Unfit for too few couples, naming the column that costs most of them."""
    column, missing = _costliest(spec, sheet)
    because = f"; the column is empty for {missing}" if missing else ""
    if n_couples < FEWEST_COUPLES:
        raise Unfit(
            f"{n_couples} couples have usable answers; at least {FEWEST_COUPLES} are needed{because}",
            column=column,
        )
    if int(answered.all(axis=1).sum()) < FEWEST_COUPLES:
        together = "; their rows belong together where they have the same value here" * spec.has_waves
        raise Unfit(
            f"both partners answered together on fewer than {FEWEST_COUPLES} occasions{because or together}",
            column=column or spec.wave or spec.time,
        )


def _costliest(spec: Spec, sheet: Sheet) -> tuple[str, str]:
    """The column that is empty for one role, or else most often empty in a row that is there; and for whom."""
    empty = {name: np.isnan(sheet.values[name]) for name in spec.columns}
    for name, missing in empty.items():
        for place, side in enumerate(sheet.sides):
            if spec.distinguished and missing[:, place].all():
                return (
                    name,
                    f"every {side}{_twice(spec) if name in spec.predictors + spec.covariates else ''}",
                )
    there = ~np.logical_and.reduce(list(empty.values()))
    costs = {name: int((missing & there).sum()) for name, missing in empty.items()}
    name = max(costs, key=lambda name: costs[name])
    if not costs[name]:
        return "", ""
    both = there.all(axis=1)
    if both.any() and empty[name][both].any(axis=1).all():
        return name, "one partner of every couple, at least"
    return name, f"{costs[name]} of {int(there.sum())} rows"


def refuse_constant_answers(spec: Spec, sides: tuple[str, str], y: Numbers) -> None:
    """Raises Unfit where all answers, or one role's, are the same."""
    for side in (0, 1) if spec.distinguished else ():
        if np.ptp(y[~np.isnan(y[:, side]), side]) == 0:
            raise Unfit(f"no variation: every answer of {sides[side]} is the same", column=spec.outcome)
    if np.nanmax(y) == np.nanmin(y):
        raise Unfit("no variation: every answer is the same", column=spec.outcome)


def refuse_copies(spec: Spec, design: Design, kept: Flags, x: Numbers, answered: Flags) -> None:
    """Raises Unfit for an effect of what never varies, or follows from the effects before it, and says what to do."""
    found = _constant(design, x, answered) or _follows(design.fixed, x[answered])
    if not found:
        return
    name, reason = found
    for column in spec.explaining:
        if bare(name).split(TIMES)[0] in (column, *_paired(column)):
            values = design.sheet.values[column][kept]
            if instead := _instead(spec, design.sheet.sides, values, bare(name) in _paired(column)):
                raise Unfit(instead, column=column)
    raise Unfit(reason, column=name)


def _paired(column: str) -> tuple[str, ...]:
    return actor(column), partner(column), sum_of(column), difference_in(column)


def _constant(design: Design, x: Numbers, answered: Flags) -> tuple[str, str] | None:
    """A column that never varies cannot be told from the intercept; a role's own is looked at in that role."""
    for place, name in enumerate(design.fixed):
        mine = np.array([name.startswith(of(side, "")) for side in design.sheet.sides])
        mine = mine if mine.any() else ~mine
        if bare(name) != INTERCEPT and np.ptp(x[:, mine, place][answered[:, mine]]) == 0:
            return name, "no variation: every value is the same"
    return None


def _follows(fixed: tuple[str, ...], x: Numbers) -> tuple[str, str] | None:
    """The first that is a combination of the columns before it."""
    if len(x) < len(fixed):
        return None
    left = np.abs(np.diag(np.linalg.qr(x / np.linalg.norm(x, axis=0), mode="r")))
    for name, over in zip(fixed, left, strict=True):
        if over < FOLLOWS:
            return (
                name,
                "it can be told from the columns before it and has no effect of its own: leave one out",
            )
    return None


def _instead(spec: Spec, sides: tuple[str, str], values: Numbers, is_paired: bool) -> str:
    """What to ask instead, where the column's values show it."""
    told = [each[~np.isnan(each)] for each in values.T]
    if np.ptp(np.concatenate(told)) == 0:
        return ""
    if is_paired and is_shared(values):
        return "both partners of every couple have the same value: name it among the covariates"
    if not spec.distinguished:
        both = values[~np.isnan(values).any(axis=1)].sum(axis=1)
        is_mirrored = is_paired and np.ptp(both) <= 1e-9 * np.ptp(values[~np.isnan(values)])
        return "one partner's value tells the other's: name it among the covariates" if is_mirrored else ""
    same = [side for side, each in zip(sides, told, strict=True) if np.ptp(each) == 0]
    if len(same) == 2:
        return (
            "it is the same for every " + ", and for every ".join(same) + ": the role tells it; leave it out"
        )
    if same:
        return f"it is the same for every {same[0]}{_twice(spec)}"
    return ""


def _twice(spec: Spec) -> str:
    """What to do with a value that only one of the two roles has."""
    covariates = "" if spec.model in NEEDS_WAVES else ", and name it among the covariates"
    return f": write the partner's value in both partners' rows{covariates}"
