"""Stability and influence: how far a partner's answer goes with their own and with the other's one wave before.

Earlier is not because: it never says that one answer brought the other about. Kenny, Kashy & Cook 2006, ch. 13–14.
"""

from __future__ import annotations

import numpy as np

from bothwell.outcomes.design import INTERCEPT, Design, Term, designed_with
from bothwell.outcomes.sheet import Sheet
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.waves import earlier, own_and_partner, part, refuse_moderators, uneven

ONE_LEVEL = (
    "nothing holds apart what lasts in a person: where people differ for good, stability and influence take it up; "
    "compare with random_intercepts (Hamaker, Kuiper & Grasman 2015)"
)
CAVEAT = (
    "a random intercept beside the earlier answer: what lasts in a person and what carries over from the wave "
    "before are hard to tell apart with few waves, and stability may be off (Nickell 1981)"
)


def before(column: str) -> str:
    """What the value one wave earlier is called."""
    return f"{column} before"


def design(spec: Spec, sheet: Sheet) -> Design:
    """The outcome on its own and the partner's value, and on each predictor's, one wave of the study before.

    The first wave is no outcome, nor is a wave whose couple left out the one before. Covariates are the
    person's own value at the outcome's wave. Raises Unfit when there are fewer than two waves.
    """
    refuse_moderators(spec)
    rows = earlier(sheet)
    kept = rows >= 0
    if not kept.any():
        raise Unfit("no couple has two waves in a row", column=spec.wave or spec.time)
    caveat = CAVEAT if spec.random_intercepts else ONE_LEVEL
    later = part(sheet, kept, _said(sheet, int((~kept).sum())), uneven(sheet), caveat)
    terms = [Term(INTERCEPT, np.ones((len(later.couple), 2)))]
    for column in (spec.outcome, *spec.predictors):
        terms += own_and_partner(before(column), sheet.values[column][rows[kept]])
    terms += [Term(column, later.values[column]) for column in spec.covariates]
    varying = terms[:1] if spec.random_intercepts else []
    return designed_with(spec, later, later.values[spec.outcome], terms, varying)


def _said(sheet: Sheet, lost: int) -> str:
    beyond = lost - len(sheet.couples)
    gaps = f", nor are {beyond} waves whose couple left out the wave before" if beyond else ""
    return f"each couple's first wave is no outcome: nothing came before it{gaps}"
