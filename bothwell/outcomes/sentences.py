"""What came of a question, as a sentence that can be read aloud.

It says what went together, in how many couples and how sure that is; never that one thing made another happen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bothwell.instruments.instrument import Better
from bothwell.outcomes.asking import STEP, Question, Score, Way, scores, week_words
from bothwell.outcomes.caution import FEW_COUPLES, NEVER_CAUSAL
from bothwell.outcomes.choosing import Why

NEITHER_CAUSE_NOR_ORDER: Final = f"{NEVER_CAUSAL} Nor does it say which came first."
NOT_BECAUSE: Final = (
    f"{NEVER_CAUSAL} Earlier is not because: something else may move both, and one of them sooner. A step is {STEP} weeks; "
    "what follows faster is not seen."
)
EACH_BESIDE_THE_OTHER: Final = "Each of the two links is told with the other held even."
ALL_HELD_EVEN: Final = (
    "Each link is told with the other, and with the levels both scores began at, held even."
)
WEEKS_HELD_EVEN: Final = (
    f"{EACH_BESIDE_THE_OTHER} So is the course of the weeks: that the scores of all move alike in care is not counted as "
    "a link."
)
OTHER_DEGREES: Final = (
    "# Bothwell's own degrees of freedom here are couples less effects; nlme counts answers."
)
OPEN: Final = "The interval includes no link at all, so these answers leave open whether there is one, and in which direction."
CAUTION: Final = (
    f"Fewer than {FEW_COUPLES} couples: estimates and intervals are shown, and no p. A handful of couples can move such "
    "an estimate a long way."
)

WHY: Final = {
    Why.ASIDE: "Some couples were left aside, so that what stands here and in other results, taken together, tells of "
    "nobody alone.",
    Why.FEW: "Some times or scores are left out: too few couples, or too few more or less than in another result.",
    Why.OFTEN: "Some times or scores are left out: they have been asked about as often as they can be without telling of "
    "single couples.",
}


def number(value: float) -> str:
    """Every digit that is kept and no other, and a minus as it is printed."""
    return f"{value + 0.0:g}".replace("-", "−")


def interval(low: float, high: float) -> str:
    return f"95 % interval {number(low)} to {number(high)}"


def either_way(low: float, high: float, more: str, less: str) -> str:
    """An interval without a minus: `0.10 to 0.90 more`, `from 1.10 less to 0.26 more`, `0.10 to 0.90 less`."""
    if low < 0 < high:
        return f"95 % interval: from {number(-low)} {less} to {number(high)} {more}"
    if low >= 0:
        return f"95 % interval: {number(low)} to {number(high)} {more}"
    return f"95 % interval: {number(-high)} to {number(-low)} {less}"


def told(question: Question, result: Mapping[str, Any]) -> list[str]:
    """The sentences of a result: the partner's link first, then one's own, then what they do not say."""
    one, other = scores()[question.predictor], scores()[question.outcome]
    said = _change if question.way is Way.CHANGE else _moment
    paths = result["paths"]
    lines = [
        f"{_who(question, result)}: {said(one, other, paths['partner'], 'the other’s')}.",
        f"Within the same person: {said(one, other, paths['actor'], 'their own')}.",
    ]
    if is_open(paths["partner"]):
        lines.append(f"Between partners: {OPEN[:1].lower()}{OPEN[1:]}")
    lines.append(EACH_BESIDE_THE_OTHER if question.way is Way.CHANGE else WEEKS_HELD_EVEN)
    return [*lines, NEITHER_CAUSE_NOR_ORDER]


def told_ahead(question: Question, result: Mapping[str, Any]) -> list[str]:
    """The sentences of both directions: between partners, then one's own, then what they leave open and do not say."""
    one, other = scores()[question.predictor], scores()[question.outcome]
    ways = ((one, other, result["ahead"]["forward"]), (other, one, result["ahead"]["backward"]))
    between = [_after(first, then, links["partner"], "the other’s") for first, then, links in ways]
    within = [_after(first, then, links["actor"], "their own") for first, then, links in ways]
    return [
        f"{_who(question, result)}: {between[0]}.",
        f"The other way round: {between[1]}.",
        f"Within the same person: {within[0]}; and the other way round, {within[1]}.",
        *_left_open([is_open(links["partner"]) for _, _, links in ways], one, other),
        ALL_HELD_EVEN,
        NOT_BECAUSE,
    ]


def is_open(path: Mapping[str, float]) -> bool:
    """Whether the interval includes no link."""
    return path["low"] <= 0 <= path["high"]


def _who(question: Question, result: Mapping[str, Any]) -> str:
    span = f"from {week_words(question.first_week)} to {week_words(question.last_week)}"
    return f"In at least {result['n_couples']} couples, {span}"


def _left_open(are_open: Sequence[bool], one: Score, other: Score) -> list[str]:
    match are_open:
        case [True, True]:
            return [
                "Between partners, both intervals include no link at all: these answers leave open whether either comes "
                "before the other."
            ]
        case [False, False]:
            return []
    first = one if are_open[0] else other
    return [
        f"Between partners, with {first.words} first, the interval includes no link at all, so that is left open: these "
        "answers leave open, too, whether the two directions differ."
    ]


def _change(one: Score, other: Score, path: Mapping[str, float], whose: str) -> str:
    return (
        f"where one partner’s {one.words} {one.went_well} by one point more, {whose} "
        f"{_moved(other, _hoped(path, one, other), 'on average')}"
    )


def _after(one: Score, other: Score, path: Mapping[str, float], whose: str) -> str:
    return (
        f"where one partner’s {one.words} {one.went_well} by one point more in one step, {whose} "
        f"{_moved(other, _hoped(path, one, other), 'in the next, on average')}"
    )


def _moved(other: Score, path: tuple[float, float, float], when: str) -> str:
    """How much more, or less, it moved the way one hopes for."""
    by, low, high = path
    far = f"by {_points(by)} {'more' if by > 0 else 'less'}" if by else "neither more nor less"
    return f"{other.words} {other.went_well} {far} {when} ({either_way(low, high, 'more', 'less')})"


def _moment(one: Score, other: Score, path: Mapping[str, float], whose: str) -> str:
    by, low, high = _hoped(path, one)
    far = f"{_points(by)} {'higher' if by > 0 else 'lower'}" if by else "neither higher nor lower"
    return (
        f"at times when one partner’s {one.words} was one point {one.well} than usual for them, {whose} {other.words} was "
        f"{far} on average ({either_way(low, high, 'higher', 'lower')})"
    )


def _points(by: float) -> str:
    return "1 point" if abs(by) == 1 else f"{number(abs(by))} points"


def _hoped(path: Mapping[str, float], *scores: Score) -> tuple[float, float, float]:
    """The estimate and its interval, turned for each score of which less is better: then more is as one hopes."""
    if sum(score.better is Better.LOWER for score in scores) % 2:
        return -path["estimate"], -path["high"], -path["low"]
    return path["estimate"], path["low"], path["high"]


# ── the lines of the table ───────────────────────────────────────────────────────────────────────


def label(question: Question, name: str) -> str:
    """What one line of the table is, in words; `name` is the model's own."""
    one, other = scores()[question.predictor], scores()[question.outcome]
    x = named(question, question.predictor)
    known = {
        "week": f"{other.words}, with each week that goes by",
        "intercept": f"mean {'change in' if question.way is Way.CHANGE else 'level of'} {other.words}, the rest at 0",
        f"actor {x}": f"own change in {one.words}",
        f"partner {x}": f"the partner’s change in {one.words}",
        f"actor {x} within": f"own {one.words}, beside what is usual for that person",
        f"partner {x} within": f"the partner’s {one.words}, beside what is usual for them",
        f"actor {x} between": f"own usual {one.words}",
        f"partner {x} between": f"the partner’s usual {one.words}",
    }
    return known.get(name, name)


def direction(question: Question, way: str) -> str:
    """Which of the two comes first: `forward`, what goes before the question; `backward`, the other way round."""
    first, then = _of_way(question, way)
    return f"{first.words[:1].upper()}{first.words[1:]} first, then {then.words}"


def label_ahead(question: Question, way: str, name: str) -> str:
    """What one line of the table of one direction is, in words; `name` is the model's own."""
    first, then = _of_way(question, way)
    x, y = column(first.key), column(then.key)
    known = {
        "intercept": f"mean change in {then.words} in a step, the rest at 0",
        f"actor change in {x}": f"own change in {first.words} in the step before",
        f"partner change in {x}": f"the partner’s change in {first.words} in the step before",
        f"actor earlier {x}": f"own {first.words} where that step began",
        f"partner earlier {x}": f"the partner’s {first.words} where that step began",
        f"actor earlier {y}": f"own {then.words} where its own step began",
        f"partner earlier {y}": f"the partner’s {then.words} where its own step began",
    }
    return known.get(name, name)


def _of_way(question: Question, way: str) -> tuple[Score, Score]:
    one, other = scores()[question.predictor], scores()[question.outcome]
    return (one, other) if way == "forward" else (other, one)


def named(question: Question, score: str) -> str:
    """The name of a score's column in the table of this question: of a change, that it is one."""
    return f"{column(score)}_change" if question.way is Way.CHANGE else column(score)


def rows_are(question: Question) -> str:
    """What a table of one's own must hold, so that it is asked the same."""
    if question.way is Way.CHANGE:
        first, last = week_words(question.first_week), week_words(question.last_week)
        return f"a row a person; each column that ends in _change is the score at {last} less the score at {first}"
    return (
        f"a row a person and time, from {week_words(question.first_week)} to {week_words(question.last_week)}"
    )


def in_r(question: Question, script: str) -> str:
    """The script with what its data file holds, ahead of it."""
    return f"# data.csv: {rows_are(question)}.\n{OTHER_DEGREES}\n{script}"


def beside_a_notebook(question: Question, result: Mapping[str, Any], sentences: Sequence[str]) -> str:
    """All that a notebook says ahead of its cells: a result taken away keeps every word of caution."""
    few = [CAUTION] if result["n_couples"] < FEW_COUPLES else []
    data = f"The data: data.csv, {rows_are(question)}. It is not part of this notebook."
    return "\n\n".join([*sentences, *few, data])


def column(score: str) -> str:
    """The name of a score's column in the tables that are made of it."""
    return score.partition(".")[0].replace("-", "") + "_" + score.partition(".")[2].replace("-", "_")
