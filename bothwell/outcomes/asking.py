"""What a clinic may ask of its couples' answers, in plain words: which score, whose, over which weeks.

It holds no answer and fits nothing; a question never says that one thing makes another happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from bothwell.instruments.catalogue import load
from bothwell.instruments.change import threshold
from bothwell.instruments.instrument import Better, Kind
from bothwell.instruments.instrument import Scale as Measured

STEP: Final = 4
LAST: Final = 52
WEEKS: Final = tuple(range(0, LAST + 1, STEP))
"""What is asked of both partners at once comes every four weeks (the protocol's waves)."""

NAMED: Final = (
    ("phq-9", "total", "depression"),
    ("gad-7", "total", "anxiety"),
    ("pcl-5", "total", "strain from trauma"),
    ("ders-16", "total", "difficulty with strong feelings"),
    ("csi-16", "total", "satisfaction with the relationship"),
    ("cpq-sf", "constructive", "constructive communication"),
    ("cpq-sf", "demand-withdraw", "demanding and withdrawing"),
    ("iri-c", "empathic-concern", "empathic concern"),
    ("iri-c", "perspective-taking", "taking the other’s perspective"),
)
"""Instrument, scale, and what it measures in words that fit into a sentence."""

KINDS: Final = frozenset({Kind.INDIVIDUAL, Kind.RELATIONSHIP})
"""Screens about safety and questions before a dose are no outcomes: they never enter."""


class Way(StrEnum):
    """How two scores are set beside each other."""

    CHANGE = "change"  # from one time to another: who changed more, and whose partner did
    MOMENTS = "moments"  # at each time: above or below what is usual for that person
    FIRST = "first"  # from time to time: does a change in the one come a step before a change in the other
    RELIABLE = (
        "reliable"  # every score by itself: how it goes, and how many changed by more than measurement error
    )


WAYS: Final = {
    Way.CHANGE: "from the first of these times to the last: whoever changed more, did their partner?",
    Way.MOMENTS: "at each of these times: above or below what is usual for that person",
    Way.FIRST: "one after the other: does a change in the one come a step before a change in the other?",
}
"""The ways to set two scores beside each other, as the form offers them."""

FEWEST_TIMES: Final = {Way.MOMENTS: 3, Way.FIRST: 4}
"""Of two times nobody can say what is usual; and a change needs another after it, more than once."""
NUMBERS: Final = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True, slots=True)
class Score:
    """One score of one questionnaire, as a question names it."""

    key: str
    instrument: str
    short: str
    scale: Measured
    words: str
    kind: Kind

    @property
    def better(self) -> Better:
        return self.scale.better

    @property
    def hoped(self) -> str:
        """Which way it moves when things go well."""
        return "falling" if self.better is Better.LOWER else "rising"

    @property
    def went_well(self) -> str:
        """What it did when things went well."""
        return "fell" if self.better is Better.LOWER else "rose"

    @property
    def well(self) -> str:
        """Where it stands when things go well."""
        return "lower" if self.better is Better.LOWER else "higher"

    @property
    def title(self) -> str:
        return f"{self.words[:1].upper()}{self.words[1:]} ({self.short})"


@cache
def scores() -> Mapping[str, Score]:
    """Every score that may be asked about, by its key."""
    return {score.key: score for score in _scores()}


def _scores() -> Iterator[Score]:
    for instrument_id, scale_id, words in NAMED:
        instrument = load(instrument_id)
        if instrument.kind in KINDS:
            key = f"{instrument_id}.{scale_id}"
            yield Score(
                key, instrument_id, instrument.short, instrument.by_scale[scale_id], words, instrument.kind
            )


@cache
def countable() -> Mapping[str, Score]:
    """Those scores of which it is known, published or computed, how much of a change is reliable."""
    return {key: score for key, score in scores().items() if _has_threshold(score)}


def _has_threshold(score: Score) -> bool:
    try:
        threshold(score.scale)
    except ValueError:
        return False
    return True


def is_main(score: Score) -> bool:
    """Whether this score stands for its questionnaire: then it is stored as its total."""
    return load(score.instrument).main == score.scale.id


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. Of `reliable` the scores are left empty: it is asked of all of them."""

    way: Way
    outcome: str = ""
    predictor: str = ""
    first_week: int = 0
    last_week: int = 16

    @property
    def keys(self) -> tuple[str, ...]:
        """The scores it reads."""
        return tuple(scores()) if self.way is Way.RELIABLE else (self.outcome, self.predictor)

    @property
    def weeks(self) -> tuple[int, ...]:
        return tuple(week for week in WEEKS if self.first_week <= week <= self.last_week)

    @property
    def steps(self) -> tuple[tuple[int, int, int], ...]:
        """Every three times in a row: one change, and the change after it."""
        weeks = self.weeks
        return tuple(zip(weeks, weeks[1:], weeks[2:], strict=False))

    def as_plain(self) -> dict[str, Any]:
        """As it is kept."""
        return {
            "way": self.way.value, "outcome": self.outcome, "predictor": self.predictor,
            "first_week": self.first_week, "last_week": self.last_week,
        }  # fmt: skip

    @staticmethod
    def of(kept: Mapping[str, Any]) -> Question:
        """From what `as_plain` kept."""
        return Question(**{**kept, "way": Way(kept["way"])})


def problems(question: Question) -> list[str]:
    """What keeps this question from being asked, a sentence each."""
    found = []
    known = scores()
    if question.way is not Way.RELIABLE:
        if question.outcome not in known or question.predictor not in known:
            found.append("Choose both scores from the list.")
        elif question.outcome == question.predictor:
            found.append("Choose two different scores.")
    if not {question.first_week, question.last_week} <= set(WEEKS):
        found.append("Choose both times from the list.")
    elif question.first_week >= question.last_week:
        found.append("The last time must lie after the first.")
    elif len(question.weeks) < (fewest := FEWEST_TIMES.get(question.way, 2)):
        found.append(f"Set beside each other like that, there must be {NUMBERS[fewest]} times at least.")
    return found


def week_words(week: int) -> str:
    """When, in words: counted from the day the couple began here."""
    return "the beginning" if week == 0 else f"week {week}"


def words(question: Question) -> str:
    """The question as one asks it."""
    span = f"from {week_words(question.first_week)} to {week_words(question.last_week)}"
    if question.way is Way.RELIABLE:
        return f"How do the five gains and the symptoms go, {span}?"
    one, other = scores()[question.predictor], scores()[question.outcome]
    match question.way:
        case Way.CHANGE:
            return f"Does one partner’s {one.words} {one.hoped} go with the other’s {other.words} {other.hoped}, {span}?"
        case Way.FIRST:
            return (
                f"Does one partner’s {one.words} {one.hoped} come a step before the other’s {other.words} "
                f"{other.hoped}, or the other way round, {span}?"
            )
    return (
        f"When one partner’s {one.words} is {one.well} than usual for them, is the other’s {other.words} "
        f"{other.well}, {span}?"
    )
