"""One occasion a couple: how alike partners are, and what one's own and the partner's value go with.

It speaks of what goes together and never of causes. Kenny, Kashy & Cook 2006, Dyadic Data Analysis, ch. 2–7.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.design import (
    INTERCEPT,
    Design,
    Term,
    actor,
    by_role,
    difference_in,
    no_random,
    partner,
    pattern,
    pooled,
    sum_of,
    swapped,
    times,
    with_role,
)
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.spec import Model, Spec

LASTS = (
    "nothing in this model holds a couple's waves together: where people or couples differ for good, errors by the model "
    "are too small; growth and diary hold them together"
)
FADES = (
    "residuals fade from wave to wave, and nothing in this model is for what does not fade: where people or couples differ "
    "for good, errors by the model are too small; growth and diary hold their waves together"
)


def design(spec: Spec, sheet: Sheet) -> Design:
    """The design of ICC, APIM, two-intercept and sum–difference; of mediation, the outcome's on all it depends on.

    Waves, where there are any, are taken as occasions of their own with no random effects between them.
    """
    terms = _terms(spec, sheet)
    if not spec.distinguished:
        x, fixed = pooled(terms)
    elif spec.model in (Model.APIM, Model.SUM_DIFFERENCE):
        x, fixed = with_role(terms)
    else:
        x, fixed = by_role(terms, sheet.sides)
    return Design(
        replace(sheet, notes=(*sheet.notes, *_several(spec, sheet))),
        sheet.values[spec.outcome],
        x,
        fixed,
        no_random(sheet),
        residual=pattern(spec.distinguished),
        is_autoregressive=spec.autoregressive,
    )


def _several(spec: Spec, sheet: Sheet) -> tuple[str, ...]:
    if not (np.diff(sheet.couple) == 0).any():
        return ()
    return (FADES if spec.autoregressive else LASTS,)


def _terms(spec: Spec, sheet: Sheet) -> list[Term]:
    pair = sum_and_difference if spec.model is Model.SUM_DIFFERENCE else actor_and_partner
    terms = [Term(INTERCEPT, np.ones((len(sheet.couple), 2)))]
    for column in spec.predictors:
        terms += pair(column, sheet.values[column])
    if spec.mediator:
        terms += pair(spec.mediator, sheet.values[spec.mediator])
    terms += [Term(column, sheet.values[column]) for column in spec.covariates + spec.moderators]
    for column in spec.predictors:
        terms += _moderated(spec, sheet, pair(column, sheet.values[column]))
        if spec.product:
            values = sheet.values[column]
            terms.append(Term(times(actor(column), partner(column)), values * swapped(values)))
    return terms


def _moderated(spec: Spec, sheet: Sheet, effects: list[Term]) -> list[Term]:
    return [
        Term(times(effect.name, column), effect.values * sheet.values[column])
        for column in spec.moderators
        for effect in effects
    ]


def actor_and_partner(column: str, values: Numbers) -> list[Term]:
    """One's own value, and the partner's."""
    return [Term(actor(column), values), Term(partner(column), swapped(values))]


def sum_and_difference(column: str, values: Numbers) -> list[Term]:
    """Both partners' values together, and one's own less the partner's. In one's own answer that is half the sum and half
    the difference of the actor's and the partner's effect; so twice it is the slope of couples' means on couples' means,
    and of partners' differences on their differences."""
    return [
        Term(sum_of(column), values + swapped(values)),
        Term(difference_in(column), values - swapped(values)),
    ]
