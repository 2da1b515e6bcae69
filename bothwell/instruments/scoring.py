"""From the answers one person gave to totals, bands and the flags a clinician must look at.

It never compares two people, fills in a missing answer only where the instrument's own rule says so, and never
puts an answer into an error text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
NOUGHT: Final = Decimal(0)
OPEN_SAFETY_ITEM: Final = "A safety item has no answer: ask in person."
DECLINED: Final = "The person would rather not answer this item."
NOT_ANSWERED: Final = "This item was not answered."
FILLED_IN: Final = "Filled in with the mean of the others, as the instrument allows."


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


@dataclass(frozen=True, slots=True)
class Key:
    """An instrument laid out for scoring: what each answer of a choice is worth, looked up once."""

    items: Mapping[str, Item]
    printed: Mapping[str, Mapping[str, Decimal]]
    guarded: tuple[str, ...]
    is_conditional: bool
    is_reversed: bool


_KEYS: Final[dict[tuple[str, str], Key]] = {}


def key_of(instrument: Instrument) -> Key:
    """The key of an instrument, kept by its id and version (the hash of its file)."""
    name = (instrument.id, instrument.version)
    if name not in _KEYS:
        _KEYS[name] = Key(
            items={item.link_id: item for item in instrument.items},
            printed={
                item.link_id: {option.code: option.points for option in item.options}
                for item in instrument.items
                if item.options
            },
            guarded=tuple(dict.fromkeys(i for rule in instrument.flags for i in watched(rule.when))),
            is_conditional=any(item.asked_when for item in instrument.items),
            is_reversed=any(item.reverse for item in instrument.items),
        )
    return _KEYS[name]


def score(instrument: Instrument, answers: Answers) -> Score:
    """The score of one person's answers, by the instrument's own table (source in its file).

    Answers to items that the others made unasked are left out. Raises UnknownItem or UnknownAnswer.
    """
    key = key_of(instrument)
    points = _points(instrument, key, answers)
    open_items = key.items
    if key.is_conditional:
        open_items = {item.link_id: item for item in items_asked(instrument, answers)}
        points = {link_id: value for link_id, value in points.items() if link_id in open_items}
    weights = points
    if key.is_reversed:
        weights = {link_id: key.items[link_id].weight(value) for link_id, value in points.items()}
    scales = tuple(_scale_score(key, scale, weights, open_items, answers) for scale in instrument.scales)
    main = next((each for each in scales if each.scale.id == instrument.main), None)
    totals = {each.scale.id: each.total for each in scales}
    return Score(
        instrument_id=instrument.id,
        instrument_version=instrument.version,
        scales=scales,
        total=None if main is None else main.total,
        band=None if main is None else main.band,
        at_least=_bound(key, main, weights, open_items, answers, _fewest),
        at_most=_bound(key, main, weights, open_items, answers, _most),
        missing=() if main is None else main.missing,
        flags=_flags(instrument, answers, points, totals, open_items),
        rules=tuple(rule.id for rule in instrument.rules if holds(rule.when, points, totals, NOBODY)),
        problems=_problems(key, answers, points, main, open_items),
    )


NOBODY: Final[frozenset[str]] = frozenset()


def _points(instrument: Instrument, key: Key, answers: Answers) -> dict[str, Decimal]:
    """The printed points of every answer that carries any. Raises UnknownItem or UnknownAnswer."""
    found = {}
    for link_id, answer in answers.items():
        options = key.printed.get(link_id)
        if answer is not None and options is not None and answer in options:
            found[link_id] = options[answer]
        elif (item := key.items.get(link_id)) is None:
            raise UnknownItem(link_id, f"not an item of {instrument.id}")
        elif answer is not None:
            if not item.takes(answer):
                raise UnknownAnswer(link_id, "not one of its answers")
            value = item.points(answer)
            if value is not None:
                found[link_id] = value
    return found


def _flags(
    instrument: Instrument,
    answers: Answers,
    points: Mapping[str, Decimal],
    totals: Mapping[str, Decimal | None],
    open_items: Mapping[str, Item],
) -> tuple[str, ...]:
    if not instrument.flags:
        return ()
    declined = frozenset(i for i, answer in answers.items() if answer is None and i in open_items)
    raised = (
        rule.flag
        for rule in instrument.flags
        if holds(rule.when, points, totals, declined if rule.declined_counts else NOBODY)
    )
    return tuple(dict.fromkeys(raised))


def check(instrument: Instrument, answers: Answers) -> None:
    """Nothing when every answer is one the instrument takes. Raises UnknownItem or UnknownAnswer."""
    _points(instrument, key_of(instrument), answers)


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


def _scale_score(
    key: Key,
    scale: Scale,
    weights: Mapping[str, Decimal],
    open_items: Mapping[str, Item],
    answers: Answers,
) -> ScaleScore:
    due = [link_id for link_id in scale.items if link_id in open_items] if key.is_conditional else scale.items
    given = [weights[link_id] for link_id in due if link_id in weights]
    if not due:
        return ScaleScore(scale, _when_not_asked(key, scale, answers), 0, ())
    if len(given) == len(due):
        return ScaleScore(scale, _combined(scale, due, weights, given), len(given), ())
    missing = tuple(link_id for link_id in due if link_id not in weights)
    may_fill_in = given and len(missing) <= scale.missing.at_most
    return ScaleScore(
        scale, _combined(scale, due, weights, given) if may_fill_in else None, len(given), missing
    )


def _when_not_asked(key: Key, scale: Scale, answers: Answers) -> Decimal | None:
    """What a scale is worth that nobody asked for: nothing, unless what led past it was really answered."""
    gates = {test.item for link_id in scale.items for test in key.items[link_id].asked_when}
    return scale.when_not_asked if all(answers.get(gate) is not None for gate in gates) else None


def _combined(
    scale: Scale, due: Sequence[str], weights: Mapping[str, Decimal], given: Sequence[Decimal]
) -> Decimal:
    if scale.how is How.SUM and scale.times == 1 and len(given) == len(due):
        return sum(given, NOUGHT)
    match scale.how:
        case How.SUM:
            total = sum(given, NOUGHT) * len(due) / len(given)
        case How.MEAN:
            total = sum(given, NOUGHT) / len(given)
        case How.SUM_OF_HIGHEST:
            total = sum((max(weights[i] for i in group if i in weights) for group in scale.groups), NOUGHT)
    total *= scale.times
    return total if total == total.to_integral_value() else total.quantize(HUNDREDTH)


def _fewest(item: Item) -> Decimal:
    return item.least


def _most(item: Item) -> Decimal:
    return item.most


def _bound(
    key: Key,
    main: ScaleScore | None,
    weights: Mapping[str, Decimal],
    open_items: Mapping[str, Item],
    answers: Answers,
    extreme: Callable[[Item], Decimal],
) -> Decimal | None:
    if main is None or not main.missing:
        return None if main is None else main.total
    filled = {link_id: extreme(key.items[link_id]) for link_id in main.missing}
    return _scale_score(key, main.scale, {**weights, **filled}, open_items, answers).total


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
    key: Key,
    answers: Answers,
    points: Mapping[str, Decimal],
    main: ScaleScore | None,
    open_items: Mapping[str, Item],
) -> tuple[Problem, ...]:
    problems = [
        Problem(ProblemKind.SAFETY_ITEM_OPEN, each, OPEN_SAFETY_ITEM)
        for each in key.guarded
        if each not in points and each in open_items
    ]
    if main is not None:
        for each in main.missing:
            kind = ProblemKind.DECLINED if each in answers else ProblemKind.NOT_ANSWERED
            problems.append(Problem(kind, each, DECLINED if each in answers else NOT_ANSWERED))
        if main.total is not None:
            problems += [Problem(ProblemKind.FILLED_IN, each, FILLED_IN) for each in main.missing]
    return tuple(problems)
