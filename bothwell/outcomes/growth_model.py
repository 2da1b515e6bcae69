"""Each partner's line over the programme: where they start, how they change, and how the two lines go together.

It draws straight lines and never says what bent them. Kenny, Kashy & Cook 2006, Dyadic Data Analysis, ch. 13.
"""

from __future__ import annotations

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.design import INTERCEPT, Design, Term, designed_with, times
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.waves import is_steady, own_and_partner, refuse_moderators, usual


def design(spec: Spec, sheet: Sheet) -> Design:
    """Start and change of each partner as fixed and random effects, with predictors of both.

    A predictor that stays the same for each person moves start and change (own and partner's value; one value
    where the couple shares it); one that varies moves the level at its wave, as do the covariates (own value).
    """
    refuse_moderators(spec)
    clock = spec.time or spec.wave
    line = [
        Term(INTERCEPT, np.ones((len(sheet.couple), 2))),
        Term(clock, np.repeat(sheet.at[:, None], 2, axis=1)),
    ]
    terms = line + _predictors(spec, sheet, line[1])
    varying = terms if terms == line else line
    return designed_with(spec, sheet, sheet.values[spec.outcome], terms, varying)


def _predictors(spec: Spec, sheet: Sheet, clock: Term) -> list[Term]:
    terms = []
    for column in spec.predictors:
        values, steady = _of_person(sheet, column)
        effects = own_and_partner(column, values)
        terms += effects
        if steady:
            terms += [
                Term(times(effect.name, clock.name), effect.values * clock.values) for effect in effects
            ]
    return terms + [Term(column, sheet.values[column]) for column in spec.covariates]


def _of_person(sheet: Sheet, column: str) -> tuple[Numbers, bool]:
    """A steady value fills the waves at which the person was not there, so that the partner's answers stay in."""
    values = sheet.values[column]
    steady = is_steady(values, sheet.couple)
    return (usual(values, sheet.couple) if steady else values), steady
