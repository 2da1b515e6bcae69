"""The couples' answers laid out by time, and which of them each part of a result may use.

Keys are the database's own here, and end here: what goes on to a model carries numbers drawn anew for each run.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final
from uuid import UUID

from bothwell.outcomes.asking import Question, Way, countable
from bothwell.outcomes.choosing import Chosen, Sums, Uses, Why, choose, split
from bothwell.outcomes.occasions import asked_on, week_of
from bothwell.outcomes.often import Tellings, too_often

BOTH: Final = 2
NESTED: Final = frozenset({Way.MOMENTS, Way.FIRST})
"""What is told of several times of one couple together."""
NOT_AGAIN: Final = Chosen({}, Why.OFTEN)


@dataclass(frozen=True, slots=True)
class Pair:
    """A couple of which both give something to research: from when, until when they were one."""

    id: UUID
    people: tuple[UUID, UUID]
    began: date
    parted: date | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One score of one person at one wave."""

    id: UUID
    person: UUID
    score: str
    wave: str
    on: date
    value: Decimal


@dataclass(frozen=True, slots=True)
class Placed:
    """An answer where it belongs: whose couple, which of the two, which time, and how many days beside it."""

    answer: Answer
    couple: UUID
    side: int
    week: int
    away: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One couple's answers to one score at one time: of each of the two, the answer or None."""

    one: Answer | None = None
    other: Answer | None = None

    def of(self, side: int) -> Answer | None:
        return self.other if side else self.one

    @property
    def answers(self) -> tuple[Answer, ...]:
        return tuple(answer for answer in (self.one, self.other) if answer is not None)

    @property
    def is_whole(self) -> bool:
        return len(self.answers) == BOTH


Cells = Mapping[tuple[UUID, str, int], Cell]
"""By couple, score and week."""


def placed(pairs: Iterable[Pair], answers: Iterable[Answer], weeks: Sequence[int]) -> dict[UUID, Placed]:
    """Every answer that belongs to one of these times of its couple, by its key."""
    homes: dict[UUID, list[tuple[Pair, int]]] = {}
    for pair in once(pairs):
        for side, person in enumerate(pair.people):
            homes.setdefault(person, []).append((pair, side))
    found = {}
    for answer in answers:
        for pair, side in homes.get(answer.person, ()):
            place = _place(pair, answer)
            if place and place[0] in weeks:
                found[answer.id] = Placed(answer, pair.id, side, *place)
    return found


def once(pairs: Iterable[Pair]) -> list[Pair]:
    """Of couples that share somebody, the earliest alone: four couples of whom one parted and came together again are
    not five. The earliest, for then nobody leaves a result because a couple comes together.
    """
    seen: set[UUID] = set()
    found = []
    for pair in sorted(pairs, key=lambda each: (each.began, str(each.id))):
        if seen.isdisjoint(pair.people):
            found.append(pair)
            seen |= {*pair.people}
    return found


def cells(answers: Iterable[Placed]) -> dict[tuple[UUID, str, int], Cell]:
    """One answer a place; of several near one time, the nearest, and of two as near the earlier."""
    nearest: dict[tuple[UUID, str, int], dict[int, Placed]] = {}
    for each in answers:
        sides = nearest.setdefault((each.couple, each.answer.score, each.week), {})
        if each.side not in sides or _rank(each) < _rank(sides[each.side]):
            sides[each.side] = each
    return {
        key: Cell(*(sides[side].answer if side in sides else None for side in (0, 1)))
        for key, sides in nearest.items()
    }


def _rank(each: Placed) -> tuple[int, date, str]:
    return each.away, each.answer.on, str(each.answer.id)


def _place(pair: Pair, answer: Answer) -> tuple[int, int] | None:
    if answer.on < pair.began or (pair.parted is not None and answer.on > pair.parted):
        return None
    asked = asked_on(answer.wave, pair.id)
    return week_of(asked, pair.began) if asked else None


# ── what may be used ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Gathered:
    """Of each part of a result, what it uses and why."""

    parts: dict[str, Chosen] = field(default_factory=dict)

    def of(self, part: str) -> list[UUID]:
        """The keys of the answers one part uses."""
        chosen = self.parts.get(part)
        return [key_of(token) for use in (chosen.used if chosen else {}).values() for token in use.split()]


def token_of(answer: Answer, week: int) -> str:
    return f"{answer.score}@{week}:{answer.id}"


def key_of(token: str) -> UUID:
    return UUID(token.rpartition(":")[2])


def gather(
    question: Question,
    there: Mapping[UUID, Placed],
    last: Mapping[str, Uses],
    before: Sums,
    order: Callable[[str], str],
    told: Tellings = MappingProxyType({}),
) -> Gathered:
    """For each part of the answer, who enters, of the answers that are `there`.

    `last`: what each part used the last time. `before`: what stood in all earlier results of the clinic. Each part is
    held against the parts chosen ahead of it as well. `told`: how often each score and week was told of.

    Of steps that follow one another, and of times of one model, each holds all couples of the one chosen ahead of it,
    which is the later one. For what is said of several times of one couple together (how far they scatter as one) is a
    sum over the couples that two have in common, and over those that only one of them has. So the first is the later
    one's couples, and the other what the two differ by: both were held against everything else.
    """
    said = {place: list(uses) for place, uses in before.items()}
    found: dict[str, Chosen] = {}
    core: frozenset[str] = frozenset()
    for part, wanted in parts(question, cells(there.values())).items():
        chosen = choose(wanted, last.get(part, {}), said, lambda token: key_of(token) in there, order, core)
        found[part] = chosen
        if question.way in NESTED and chosen.used:
            core = frozenset(chosen.used)
        for place, uses in split(chosen.used).items():
            if uses not in said.setdefault(place, []):
                said[place].append(uses)
    over = too_often((("now", part, chosen.used) for part, chosen in found.items()), told)
    return Gathered({part: NOT_AGAIN if part in over else chosen for part, chosen in found.items()})


def parts(question: Question, laid: Cells) -> dict[str, dict[str, str]]:
    """What the answer to this question is made of: each part with who could enter it, the estimates ahead of all else."""
    couples = sorted({couple for couple, _, _ in laid}, key=str)
    found: dict[str, dict[str, str]] = {}

    def add(part: str, uses: Iterable[tuple[UUID, Sequence[str]]]) -> None:
        found[part] = {str(couple): " ".join(sorted(tokens)) for couple, tokens in uses if tokens}

    match question.way:
        case Way.RELIABLE:
            for score in countable():
                uses = ((each, _both_times(laid, each, score, question)) for each in couples)
                add(changed(score, question), uses)
        case Way.CHANGE:
            add(model(question), ((each, _change(laid, each, question)) for each in couples))
        case Way.MOMENTS:
            for week in reversed(question.weeks):
                add(model(question, week), ((each, _moment(laid, each, question, week)) for each in couples))
        case Way.FIRST:
            for step in reversed(question.steps):
                add(model(question, step), ((each, _step(laid, each, question, step)) for each in couples))
    for score, week in courses(question):
        add(at(score, week), ((each, _tokens(laid, each, score, week)) for each in couples))
    return found


def courses(question: Question) -> list[tuple[str, int]]:
    """The points of a course that are drawn by themselves; the others are drawn from what the estimates use."""
    match question.way:
        case Way.RELIABLE:
            weeks = question.weeks
        case Way.CHANGE:
            weeks = question.weeks[1:-1]
        case Way.MOMENTS | Way.FIRST:
            weeks = ()
    return [(score, week) for score in question.keys for week in weeks]


def resting(question: Question, week: int) -> list[str]:
    """The parts of the estimates that rest on this week, the one with most couples first."""
    match question.way:
        case Way.CHANGE:
            return [model(question)]
        case Way.MOMENTS:
            return [model(question, week)]
        case Way.FIRST:
            return [model(question, step) for step in question.steps if week in step]
    return []


def at(score: str, week: int) -> str:
    return f"{score} at {week}"


def changed(score: str, question: Question) -> str:
    return f"{score} from {question.first_week} to {question.last_week}"


def model(question: Question, when: int | tuple[int, ...] | None = None) -> str:
    """The part that the estimates are made of: of one week, of the weeks of one step, or of the whole span."""
    match when:
        case None:
            span = f"from {question.first_week} to {question.last_week}"
        case int():
            # What is whole until then depends on where the question begins.
            span = f"at {when} since {question.first_week}"
        case _:
            span = f"over {', '.join(map(str, when))} since {question.first_week}"
    return f"{question.outcome} by {question.predictor} {span}"


def _tokens(laid: Cells, couple: UUID, score: str, week: int) -> list[str]:
    return [token_of(answer, week) for answer in laid.get((couple, score, week), Cell()).answers]


def _both_times(laid: Cells, couple: UUID, score: str, question: Question) -> list[str]:
    """All four totals, or nothing."""
    weeks = (question.first_week, question.last_week)
    if not all(laid.get((couple, score, week), Cell()).is_whole for week in weeks):
        return []
    return [token for week in weeks for token in _tokens(laid, couple, score, week)]


def _change(laid: Cells, couple: UUID, question: Question) -> list[str]:
    """Both partners' change in what goes before the question, and of at least one the change in the other."""
    before = _both_times(laid, couple, question.predictor, question)
    weeks = (question.first_week, question.last_week)
    one, other = (laid.get((couple, question.outcome, week), Cell()) for week in weeks)
    after: list[str] = []
    for side in (0, 1):
        first, last = one.of(side), other.of(side)
        if first and last:
            after += [token_of(first, weeks[0]), token_of(last, weeks[1])]
    return [*before, *after] if before and after else []


def _step(laid: Cells, couple: UUID, question: Question, step: tuple[int, ...]) -> list[str]:
    """Both scores of both at the three times of the step, if there is no gap from the first time to its last."""
    until = [week for week in question.weeks if week <= step[-1]]
    if not all(laid.get((couple, score, week), Cell()).is_whole for score in question.keys for week in until):
        return []
    return [token for score in question.keys for week in step for token in _tokens(laid, couple, score, week)]


def _moment(laid: Cells, couple: UUID, question: Question, week: int) -> list[str]:
    """Both scores of both at this time, if there is no gap from the first time to it; and at the first, for what is
    usual for a person rests on both: so all times stand beside each other there, and differ by nobody or by five.
    """
    return _step(laid, couple, question, tuple(sorted({question.first_week, week})))


# ── keyed, so that nothing of it can be guessed ──────────────────────────────────────────────────


def keyed(secret: str, *words: str) -> str:
    """A word that only whoever has the secret could have made."""
    return hmac.new(secret.encode(), "\x1f".join(words).encode(), hashlib.sha256).hexdigest()


def data_hash(secret: str, gathered: Gathered, there: Mapping[UUID, Placed]) -> str:
    """The same for the same answers of the same couples, and for no others; of the answers themselves it tells nothing."""
    lines = [
        f"{part} {couple} {token} {there[key_of(token)].answer.value.normalize():f}"
        for part, chosen in sorted(gathered.parts.items())
        for couple, use in sorted(chosen.used.items())
        for token in use.split()
    ]
    return keyed(secret, "outcomes data", *lines)
