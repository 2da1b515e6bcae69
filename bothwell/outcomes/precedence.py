"""Does one partner's change come before the other's? Both directions side by side, so that a reader can compare.

Coming before is not bringing about, and it never says so: what moves both may move one of them sooner.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bothwell.outcomes.arrays import Flags, Indexes
from bothwell.outcomes.design import INTERCEPT, Design, Term, designed_with
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.waves import earlier, own_and_partner, part, refuse_moderators, uneven


def change(column: str) -> str:
    """What the change of a value over the step before the outcome's is called."""
    return f"change in {column}"


def level(column: str) -> str:
    """What the value at the beginning of its own step is called."""
    return f"earlier {column}"


def turned(spec: Spec) -> Spec:
    """The same question the other way round: does the outcome's change come before the mediator's?"""
    return replace(spec, outcome=spec.mediator, mediator=spec.outcome)


def design(spec: Spec, sheet: Sheet) -> Design:
    """The outcome's change from wave t to t+1 on the mediator's change from t−1 to t, own and partner's, with the
    level each began at (outcome at t, mediator at t−1, own and partner's) held; predictors as they were at t−1,
    covariates at t+1. Only couples with three waves of the study in a row enter, once for each.
    """
    refuse_moderators(spec)
    steps = [earlier(sheet, 1), earlier(sheet, 2)]
    kept = (steps[0] >= 0) & (steps[1] >= 0)
    if not kept.any():
        raise Unfit("no couple has three waves in a row", column=spec.wave or spec.time)
    note = (
        f"{int(kept.sum())} of {len(kept)} occasions have the two waves before them, which this model needs"
    )
    terms = _terms(spec, sheet, kept, steps[0][kept], steps[1][kept])
    outcome = sheet.values[spec.outcome]
    later = part(sheet, kept, note, uneven(sheet))
    return designed_with(spec, later, outcome[kept] - outcome[steps[0][kept]], terms)


def _terms(spec: Spec, sheet: Sheet, kept: Flags, last: Indexes, first: Indexes) -> list[Term]:
    """`last` and `first` are the rows of waves t and t−1."""
    outcome, mediator = sheet.values[spec.outcome], sheet.values[spec.mediator]
    terms = [Term(INTERCEPT, np.ones((len(last), 2)))]
    terms += own_and_partner(change(spec.mediator), mediator[last] - mediator[first])
    terms += own_and_partner(level(spec.mediator), mediator[first])
    terms += own_and_partner(level(spec.outcome), outcome[last])
    for column in spec.predictors:
        terms += own_and_partner(level(column), sheet.values[column][first])
    return terms + [Term(column, sheet.values[column][kept]) for column in spec.covariates]
