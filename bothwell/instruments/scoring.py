"""From the answers one person gave to totals, bands and the flags a clinician must look at.

It never compares two people, fills in a missing answer only where the instrument's own rule says so, and never
puts an answer into an error text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from bothwell.instruments.instrument import (
    Asked,
    Band,
    Condition,
    Count,
    Every,
    How,
    Instrument,
    Item,
    Operator,
    Reached,
    Scale,
    Some,
)

Answers = Mapping[str, str | None]
"""linkId -> answer code, number or text as written; None for "rather not answer"."""

HUNDREDTH: Final = Decimal("0.01")


class AnswerError(ValueError):
    """An answer foreign to the instrument; `link_id` says which item, nothing says which answer."""

    def __init__(self, link_id: str, what: str) -> None:
        self.link_id = link_id
        super().__init__(f"{link_id}: {what}")


class UnknownItem(AnswerError):
    """The instrument has no such item."""


class UnknownAnswer(AnswerError):
    """The item has no such answer."""


class ProblemKind(StrEnum):
    """Why a score is less than it could be."""

    NOT_ANSWERED = "not_answered"
    DECLINED = "declined"
    FILLED_IN = "filled_in"
    SAFETY_ITEM_OPEN = "safety_item_open"


@dataclass(frozen=True, slots=True)
class Problem:
    """One item that needs a look, and why, in a sentence for clinicians."""

    kind: ProblemKind
    link_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ScaleScore:
    """What one scale comes to; `total` is None when its rule for missing items gives none."""

    scale: Scale
    total: Decimal | None
    answered: int
    missing: tuple[str, ...]

    @property
    def band(self) -> Band | None:
        """The band its total falls in."""
        return None if self.total is None else self.scale.band(self.total)


@dataclass(frozen=True, slots=True)
class Score:
    """What the answers come to.

    `total`, `band` and `missing` are the main scale's. `at_least` and `at_most` bound its total whatever the
    missing answers would have been (None without a main scale). `flags` are the safety words raised, `rules` the
    ids of the patterns met.
    """

    instrument_id: str
    instrument_version: str
    scales: tuple[ScaleScore, ...]
    total: Decimal | None
    band: Band | None
    at_least: Decimal | None
    at_most: Decimal | None
    missing: tuple[str, ...]
    flags: tuple[str, ...]
    rules: tuple[str, ...]
    problems: tuple[Problem, ...]

    def totals(self) -> dict[str, str | None]:
        """Every scale's total by its id, as text, as it is stored with the answers."""
        return {each.scale.id: None if each.total is None else f"{each.total:f}" for each in self.scales}


def score(instrument: Instrument, answers: Answers) -> Score:
    """The score of one person's answers, by the instrument's own table (source in its file).

    Answers to items that the others made unasked are left out. Raises UnknownItem or UnknownAnswer.
    """
    check(instrument, answers)
    asked = items_asked(instrument, answers)
    points = _points(asked, answers)
    weights = {link_id: _item(instrument, link_id).weight(value) for link_id, value in points.items()}
    open_items = frozenset(item.link_id for item in asked)
    scales = tuple(_scale_score(scale, weights, open_items) for scale in instrument.scales)
    main = next((each for each in scales if each.scale.id == instrument.main), None)
    declined = frozenset(link_id for link_id in open_items if link_id in answers and answers[link_id] is None)
    totals = {each.scale.id: each.total for each in scales}
    return Score(
        instrument_id=instrument.id,
        instrument_version=instrument.version,
        scales=scales,
        total=None if main is None else main.total,
        band=None if main is None else main.band,
        at_least=_bound(instrument, main, weights, open_items, _fewest),
        at_most=_bound(instrument, main, weights, open_items, _most),
        missing=() if main is None else main.missing,
        flags=tuple(
            dict.fromkeys(
                rule.flag
                for rule in instrument.flags
                if holds(rule.when, points, totals, declined if rule.declined_counts else frozenset())
            )
        ),
        rules=tuple(rule.id for rule in instrument.rules if holds(rule.when, points, totals, frozenset())),
        problems=_problems(instrument, answers, points, main, open_items),
    )


def check(instrument: Instrument, answers: Answers) -> None:
    """Whether every answer is one the instrument takes. Raises UnknownItem or UnknownAnswer."""
    by_id = {item.link_id: item for item in instrument.items}
    for link_id, answer in answers.items():
        item = by_id.get(link_id)
        if item is None:
            raise UnknownItem(link_id, f"not an item of {instrument.id}")
        if answer is not None and not item.takes(answer):
            raise UnknownAnswer(link_id, "not one of its answers")


def items_asked(instrument: Instrument, answers: Answers) -> tuple[Item, ...]:
    """The items these answers leave to be asked, in order: what an unasked item was once answered does not count."""
    known = {item.link_id: item for item in instrument.items}
    asked: dict[str, Item] = {}
    for item in instrument.items:
        tests = [
            _passes(each, known[each.item], answers if each.item in asked else {}) for each in item.asked_when
        ]
        if not tests or (all(tests) if item.asked_when_all else any(tests)):
            asked[item.link_id] = item
    return tuple(asked.values())


def _passes(test: Asked, item: Item, answers: Answers) -> bool:
    answer = answers.get(test.item)
    if test.operator is Operator.EXISTS:
        return (answer is not None) is (test.answer == "true")
    if answer is None:
        return False
    if test.operator in (Operator.EQUAL, Operator.NOT_EQUAL) and item.options:
        return (answer == test.answer) is (test.operator is Operator.EQUAL)
    option = item.option(test.answer)
    left, right = item.points(answer), option.points if option else Decimal(test.answer)
    if left is None:
        return False
    match test.operator:
        case Operator.EQUAL:
            return left == right
        case Operator.NOT_EQUAL:
            return left != right
        case Operator.MORE:
            return left > right
        case Operator.LESS:
            return left < right
        case Operator.AT_LEAST:
            return left >= right
        case _:
            return left <= right


def _points(asked: tuple[Item, ...], answers: Answers) -> dict[str, Decimal]:
    found = {}
    for item in asked:
        answer = answers.get(item.link_id)
        value = None if answer is None else item.points(answer)
        if value is not None:
            found[item.link_id] = value
    return found


def _item(instrument: Instrument, link_id: str) -> Item:
    return next(item for item in instrument.items if item.link_id == link_id)


def _scale_score(scale: Scale, weights: Mapping[str, Decimal], open_items: frozenset[str]) -> ScaleScore:
    due = [link_id for link_id in scale.items if link_id in open_items]
    given = [weights[link_id] for link_id in due if link_id in weights]
    missing = tuple(link_id for link_id in due if link_id not in weights)
    if not due:
        return ScaleScore(scale, scale.when_not_asked, 0, ())
    total = None
    if given and len(missing) <= scale.missing.at_most:
        total = _combined(scale, due, weights, given)
    return ScaleScore(scale, total, len(given), missing)


def _combined(scale: Scale, due: list[str], weights: Mapping[str, Decimal], given: list[Decimal]) -> Decimal:
    match scale.how:
        case How.SUM_OF_HIGHEST:
            total = sum(
                (max(weights[i] for i in group if i in weights) for group in scale.groups), Decimal(0)
            )
        case How.MEAN:
            total = sum(given, Decimal(0)) / len(given)
        case How.SUM if len(given) == len(due):
            total = sum(given, Decimal(0))
        case How.SUM:
            total = sum(given, Decimal(0)) * len(due) / len(given)
    total *= scale.times
    return total if total == total.to_integral_value() else total.quantize(HUNDREDTH)


def _fewest(item: Item) -> Decimal:
    return item.least


def _most(item: Item) -> Decimal:
    return item.most


def _bound(
    instrument: Instrument,
    main: ScaleScore | None,
    weights: Mapping[str, Decimal],
    open_items: frozenset[str],
    extreme: Callable[[Item], Decimal],
) -> Decimal | None:
    if main is None or not main.missing:
        return None if main is None else main.total
    filled = {link_id: extreme(_item(instrument, link_id)) for link_id in main.missing}
    return _scale_score(main.scale, {**weights, **filled}, open_items).total


def holds(
    condition: Condition,
    points: Mapping[str, Decimal],
    totals: Mapping[str, Decimal | None],
    declined: frozenset[str],
) -> bool:
    """Whether a pattern is met by printed points and totals; an item in `declined` counts as reached."""
    match condition:
        case Count(times=times, of=of):
            reached = sum(
                item in declined or (item in points and points[item] >= least) for item, least in of
            )
            return reached >= times
        case Reached(scale=scale, at_least=at_least, below=below):
            total = totals[scale]
            return total is not None and (total >= at_least if at_least is not None else total < (below or 0))
        case Every(of=of):
            return all(holds(each, points, totals, declined) for each in of)
        case Some(of=of):
            return any(holds(each, points, totals, declined) for each in of)


def watched(condition: Condition) -> tuple[str, ...]:
    """The items a pattern looks at."""
    match condition:
        case Count(of=of):
            return tuple(item for item, _ in of)
        case Reached():
            return ()
        case Every(of=of) | Some(of=of):
            return tuple(item for each in of for item in watched(each))


def _problems(
    instrument: Instrument,
    answers: Answers,
    points: Mapping[str, Decimal],
    main: ScaleScore | None,
    open_items: frozenset[str],
) -> tuple[Problem, ...]:
    guarded = dict.fromkeys(
        item
        for rule in instrument.flags
        for item in watched(rule.when)
        if item in open_items and item not in points
    )
    missing = () if main is None else main.missing
    filled = main is not None and main.total is not None
    return (
        *(
            Problem(ProblemKind.SAFETY_ITEM_OPEN, each, "A safety item has no answer: ask in person.")
            for each in guarded
        ),
        *(
            Problem(ProblemKind.DECLINED, each, "The person would rather not answer this item.")
            for each in missing
            if each in answers
        ),
        *(
            Problem(ProblemKind.NOT_ANSWERED, each, "This item was not answered.")
            for each in missing
            if each not in answers
        ),
        *(
            Problem(
                ProblemKind.FILLED_IN,
                each,
                "Filled in with the mean of the others, as the instrument allows.",
            )
            for each in missing
            if filled
        ),
    )
