"""The five gains and what is followed beside them, each with the scores it is told by, their courses and their counts.

A gain that no questionnaire here follows says so. It shows what a job kept, and reckons nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bothwell.instruments.change import threshold
from bothwell.instruments.gains import GainRow, Measured, beside, five_gains
from bothwell.outcomes.asking import Score, countable, scores
from bothwell.outcomes.reliable import COUPLES
from bothwell.web.outcomes_shapes import Course, course

BESIDE: Final = "Beside the gains"
NOT_FOLLOWED: Final = "No questionnaire that enters here follows it."
WEEKLY: Final = (
    "Bothwell’s own weekly questions about the gains are one answer each. They are no scale, and single answers do not "
    "enter here."
)


@dataclass(frozen=True, slots=True)
class Counts:
    """Couple by couple, of so many couples at least: each count with its name; None is not said."""

    n_couples: int
    counts: tuple[tuple[str, int | None], ...]

    @property
    def is_said(self) -> bool:
        """Whether any of it may be said."""
        return any(count is not None for _, count in self.counts)


@dataclass(frozen=True, slots=True)
class Row:
    """One score: its course if one may be drawn, its counts if they may be said, and what a reliable change is."""

    key: str
    title: str
    course: Course | None
    counts: Counts | None
    reliable: str  # empty where none is known


@dataclass(frozen=True, slots=True)
class Group:
    """A gain, or what is beside the gains, and by what it is told here."""

    title: str
    definition: str
    told_by: str
    rows: tuple[Row, ...]


def groups(result: Mapping[str, Any]) -> tuple[Group, ...]:
    """All five gains in the clinic’s order, then the rest; scores of which an earlier form kept nothing stay out."""
    counts = {one["key"]: _counts(one) for one in result["counts"]}
    drawn: Mapping[str, Sequence[Any]] = result.get("courses", dict.fromkeys(counts, ()))

    def rows(measures: Sequence[Measured]) -> tuple[Row, ...]:
        known = (scores().get(f"{each.instrument}.{each.scale}") for each in measures)
        return tuple(_row(score, drawn[score.key], counts) for score in known if score and score.key in drawn)

    areas = [measured for area in beside() for measured in area.measures]
    return (
        *(Group(gain.title, gain.definition, told_by(gain), rows(gain.measures)) for gain in five_gains()),
        Group(BESIDE, "Symptoms, and satisfaction with the relationship.", "", rows(areas)),
    )


def told_by(gain: GainRow) -> str:
    """By which questionnaires a gain is told here, or that it is not, and what is nearest."""
    by = _named(gain.measures)
    if by:
        return f"Told by {by}."
    near = _named(gain.nearest)
    return f"{NOT_FOLLOWED} Nearest is {near}, which stands below." if near else NOT_FOLLOWED


def _named(measures: Sequence[Measured]) -> str:
    known = [scores().get(f"{each.instrument}.{each.scale}") for each in measures]
    return " and ".join(f"{score.words} ({score.short})" for score in known if score)


def _row(score: Score, points: Sequence[Mapping[str, Any]], counts: Mapping[str, Counts]) -> Row:
    return Row(
        score.key,
        score.title,
        course(score.key, points) if points else None,
        counts.get(score.key),
        _reliable(score),
    )


def _reliable(score: Score) -> str:
    if score.key not in countable():
        return ""
    needed = threshold(score.scale)
    return (
        f"{needed.points.normalize():f} points or more"
        if needed.published
        else f"more than {needed.points:.1f} points"
    )


def _counts(one: Mapping[str, Any]) -> Counts:
    return Counts(one["n_couples"], tuple((name, one["couples"][name]) for name in COUPLES))
