"""A diary of two: how a day goes with what is usual for a person, and with what is unlike them that day.

It tells within from between and never mistakes who people are for what changes in them.
Bolger & Laurenceau 2013, Intensive Longitudinal Methods, ch. 8 (dual intercepts, one for each partner).
"""

from __future__ import annotations

import numpy as np

from bothwell.outcomes.design import INTERCEPT, Design, Term, designed_with
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.waves import is_steady, own_and_partner, refuse_moderators, usual


def within(column: str) -> str:
    """What the day's deviation from the person's own mean is called."""
    return f"{column} within"


def between(column: str) -> str:
    """What the person's own mean is called."""
    return f"{column} between"


def design(spec: Spec, sheet: Sheet) -> Design:
    """Each predictor as the person's mean over the days they answered and the day's deviation from it, own and
    partner's; covariates as they are, own value. Random intercepts always; with `random_slopes` also each
    predictor's own deviation. Means are not centred: the intercept is that of a person whose means are 0.
    Raises Unfit for a predictor that never varies within a person.
    """
    refuse_moderators(spec)
    terms = [Term(INTERCEPT, np.ones((len(sheet.couple), 2)))]
    varying = list(terms)
    for column in spec.predictors:
        if is_steady(sheet.values[column], sheet.couple):
            raise Unfit("the same every day for each person: it has nothing within", column=column)
        mean = usual(sheet.values[column], sheet.couple)
        deviation = own_and_partner(within(column), sheet.values[column] - mean)
        terms += deviation + own_and_partner(between(column), mean)
        varying += deviation[:1] if spec.random_slopes else []
    terms += [Term(column, sheet.values[column]) for column in spec.covariates]
    return designed_with(spec, sheet, sheet.values[spec.outcome], terms, varying)
