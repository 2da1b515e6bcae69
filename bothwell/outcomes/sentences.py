"""What came of a question, as a sentence that can be read aloud.

It says what went together, in how many couples and how sure that is; never that one thing made another happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bothwell.instruments.instrument import Better
from bothwell.outcomes.asking import Question, Score, Way, scores, week_words
from bothwell.outcomes.caution import FEW_COUPLES, NEVER_CAUSAL
from bothwell.outcomes.choosing import Why

NEITHER_CAUSE_NOR_ORDER: Final = f"{NEVER_CAUSAL} Nor does it say which came first."
OPEN: Final = "The interval includes no link at all, so these answers leave open whether there is one, and in which direction."
CAUTION: Final = (
    f"Fewer than {FEW_COUPLES} couples: estimates and intervals are shown, and no p. A handful of couples can move such "
    "an estimate a long way."
)

WHY: Final = {
    Why.WAITS: "Fewer than five couples have something new at some of these times. It waits until there are five, "
    "so that nobody’s answers can be worked out from two results.",
    Why.ASIDE: "Some couples were left aside, so that what stands here and in other results, taken together, tells of "
    "nobody alone.",
    Why.FEW: "Some times or scores are left out: too few couples, or too few more or less than in another result.",
}


def number(value: float) -> str:
    """Two decimals, and a minus as it is printed."""
    rounded = round(value, 2) + 0.0
    return f"{rounded:.2f}".replace("-", "−")


def interval(low: float, high: float) -> str:
    return f"95 % interval {number(low)} to {number(high)}"


def told(question: Question, result: Mapping[str, Any]) -> list[str]:
    """The sentences of a result: the partner's link first, then one's own, then what they do not say."""
    one, other = scores()[question.predictor], scores()[question.outcome]
    said = _change if question.way is Way.CHANGE else _moment
    n = result["n_couples"]
    span = f"from {week_words(question.first_week)} to {week_words(question.last_week)}"
    paths = result["paths"]
    lines = [
        f"In {n} couples, {span}: {said(one, other, paths['partner'], 'the other’s')}.",
        f"Within the same person: {said(one, other, paths['actor'], 'their own')}.",
    ]
    if paths["partner"]["low"] <= 0 <= paths["partner"]["high"]:
        lines.append(f"Between partners: {OPEN[:1].lower()}{OPEN[1:]}")
    return [*lines, NEITHER_CAUSE_NOR_ORDER]


def _change(one: Score, other: Score, path: Mapping[str, float], whose: str) -> str:
    by, low, high = _hoped(one, path)
    verb = "rose" if by >= 0 else "fell"
    fell = "fell" if one.better is Better.LOWER else "rose"
    return (
        f"where one partner’s {one.words} {fell} by one point more, {whose} {other.words} {verb} by "
        f"{number(abs(by))} points more on average ({interval(low, high)}{_turned(by)})"
    )


def _moment(one: Score, other: Score, path: Mapping[str, float], whose: str) -> str:
    by, low, high = _hoped(one, path)
    where = "lower" if one.better is Better.LOWER else "higher"
    than = "higher" if by >= 0 else "lower"
    return (
        f"at times when one partner’s {one.words} was one point {where} than usual for them, {whose} {other.words} was "
        f"{number(abs(by))} points {than} on average ({interval(low, high)}{_turned(by)})"
    )


def _turned(by: float) -> str:
    return "" if by >= 0 else ", counted as a rise"


def _hoped(one: Score, path: Mapping[str, float]) -> tuple[float, float, float]:
    """The estimate and its interval for one point in the hoped direction of what goes before."""
    if one.better is Better.LOWER:
        return -path["estimate"], -path["high"], -path["low"]
    return path["estimate"], path["low"], path["high"]


def label(question: Question, name: str) -> str:
    """What one line of the table is, in words; `name` is the model's own."""
    one, other = scores()[question.predictor], scores()[question.outcome]
    x = column(question.predictor)
    known = {
        "intercept": f"mean {'change in' if question.way is Way.CHANGE else 'level of'} {other.words}, the rest at 0",
        f"actor {x}": f"own change in {one.words}",
        f"partner {x}": f"the partner’s change in {one.words}",
        f"actor {x} within": f"own {one.words}, beside what is usual for that person",
        f"partner {x} within": f"the partner’s {one.words}, beside what is usual for them",
        f"actor {x} between": f"own usual {one.words}",
        f"partner {x} between": f"the partner’s usual {one.words}",
    }
    return known.get(name, name)


def column(score: str) -> str:
    """The name of a score's column in the tables that are made of it."""
    return score.partition(".")[0].replace("-", "") + "_" + score.partition(".")[2].replace("-", "_")
