"""What several waves of one person say together: the usual level, the earlier wave, the even step.

It never bridges a wave that a couple left out: a step of two waves is not a step of one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bothwell.outcomes.arrays import Flags, Indexes, Numbers
from bothwell.outcomes.design import Term, actor, partner, swapped
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit

FEW_STEPS = 4  # told each by itself


def usual(values: Numbers, couple: Indexes) -> Numbers:
    """Each person's mean over the waves they answered, at every wave (m, 2); nan for who never answered."""
    n = int(couple.max(initial=-1)) + 1
    there = ~np.isnan(values)
    sums = np.stack(
        [np.bincount(couple, np.where(there, values, 0.0)[:, side], n) for side in (0, 1)], axis=1
    )
    counts = np.stack([np.bincount(couple, there[:, side], n) for side in (0, 1)], axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((sums / counts)[couple])


def is_steady(values: Numbers, couple: Indexes) -> bool:
    """Whether each person has one value at all their waves (within a billionth of all values' range)."""
    n = int(couple.max(initial=-1)) + 1
    least, most = np.full((n, 2), np.inf), np.full((n, 2), -np.inf)
    np.fmin.at(least, couple, values)
    np.fmax.at(most, couple, values)
    answered = most >= least
    if not answered.any():
        return True
    own, all_of_them = most[answered] - least[answered], most[answered].max() - least[answered].min()
    return bool(own.max() <= 1e-9 * all_of_them)


def is_shared(values: Numbers) -> bool:
    """Whether both partners of every couple have the same value wherever both have one."""
    both = values[~np.isnan(values).any(axis=1)]
    return bool(len(both)) and bool((both[:, 0] == both[:, 1]).all())


def own_and_partner(column: str, values: Numbers) -> list[Term]:
    """Actor's and partner's effect; one effect, by the column's own name, where the couple shares the value."""
    if is_shared(values):
        return [Term(column, values)]
    return [Term(actor(column), values), Term(partner(column), swapped(values))]


def earlier(sheet: Sheet, steps: int = 1) -> Indexes:
    """For each occasion the row of the same couple `steps` waves of the study before; -1 where there is none.

    Raises Unfit where a couple's waves do not follow each other in time as they do by number.
    """
    turned = (np.diff(sheet.couple) == 0) & (np.diff(sheet.wave) <= 0)
    if turned.any():
        raise Unfit(
            "the waves are in another order than their times; number them",
            couple=sheet.couples[sheet.couple[np.argmax(turned)]],
        )
    place = np.full((len(sheet.couples), int(sheet.wave.max(initial=0)) + 1 + steps), -1, dtype=np.int64)
    place[sheet.couple, sheet.wave + steps] = np.arange(len(sheet.couple))
    return np.asarray(place[sheet.couple, sheet.wave])


def part(sheet: Sheet, kept: Flags, *notes: str) -> Sheet:
    """The sheet's occasions that are kept, and what must be said of it."""
    values = {name: column[kept] for name, column in sheet.values.items()}
    said = (*sheet.notes, *(note for note in notes if note))
    return replace(
        sheet, couple=sheet.couple[kept], at=sheet.at[kept], wave=sheet.wave[kept], values=values, notes=said
    )


def uneven(sheet: Sheet) -> str:
    """A sentence when the steps from wave to wave are not of one length, else nothing."""
    rows = earlier(sheet)
    gaps = np.unique((sheet.at - sheet.at[rows])[rows >= 0])
    if not len(gaps) or np.ptp(gaps) <= 1e-9 * gaps.max():
        return ""
    said = ", ".join(f"{gap:g}" for gap in gaps) if len(gaps) <= FEW_STEPS else f"{gaps[0]:g} to {gaps[-1]:g}"
    return (
        f"the waves are not evenly spaced (steps of {said}): one effect stands for steps of different length"
    )


def refuse_moderators(spec: Spec) -> None:
    """Raises Unfit: models over waves take no moderators and no product."""
    if spec.moderators or spec.product:
        raise Unfit(f"{spec.model} takes no moderators and no product")
