"""The score: a couple's story in two parts, each partner's line on an own side and what is shared between.

This module holds what the picture is made from and what can be said about it in words; `score_wide` and
`score_upright` draw it. It never fetches anything and never decides who may see a line: a line that may not
be seen is simply not given, and then nothing drawn here depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from bothwell.instruments.change import Verdict, first_reliable_change_that_held, reliable_change
from bothwell.instruments.instrument import Better, Instrument, Scale


class Side(StrEnum):
    """A place in the record, not a rank."""

    A = "a"
    B = "b"


class SessionState(StrEnum):
    """A couples session that was, that is today, or that is planned."""

    HELD = "held"
    TODAY = "today"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Line:
    """One person's totals on one instrument, oldest first."""

    instrument: Instrument
    totals: tuple[tuple[date, Decimal], ...]

    @property
    def scale(self) -> Scale:
        """What the totals are totals of."""
        return self.instrument.measure

    @property
    def label(self) -> str:
        """`PHQ-9`."""
        return self.instrument.short

    @property
    def best(self) -> Decimal:
        """The end of the scale that is better for the person."""
        return self.scale.least if self.scale.better is Better.LOWER else self.scale.most

    @property
    def worst(self) -> Decimal:
        """The other end."""
        return self.scale.most if self.scale.better is Better.LOWER else self.scale.least


@dataclass(frozen=True, slots=True)
class Dose:
    """A dosing session on its person's own side; `planned` ones are drawn dashed."""

    on: date
    number: int
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """One partner's side. `line` is None when the reader may not see it or there is none: see `absent`."""

    side: Side
    name: str
    line: Line | None = None
    absent: str = ""
    doses: tuple[Dose, ...] = ()


@dataclass(frozen=True, slots=True)
class CouplesSession:
    """A meeting of both with their couples therapist."""

    on: date
    number: int
    state: SessionState = SessionState.HELD


@dataclass(frozen=True, slots=True)
class SharedInsight:
    """What one partner shared, on which day, and the session that took it up, if one did."""

    side: Side
    on: date
    taken_up_on: date | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something both promised to do: from, until, and each week's answer."""

    name: str
    begins: date
    ends: date
    weeks: tuple[tuple[date, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """Everything in one picture, from `begins` to `ends`, seen `today`."""

    a: Voice
    b: Voice
    begins: date
    ends: date
    today: date
    sessions: tuple[CouplesSession, ...] = ()
    insights: tuple[SharedInsight, ...] = ()
    exercises: tuple[Exercise, ...] = ()

    @property
    def voices(self) -> tuple[Voice, Voice]:
        """Both sides, A first."""
        return (self.a, self.b)


@dataclass(frozen=True, slots=True)
class Held:
    """The first reliable change that held: which day, how many points from the first total, which way."""

    index: int
    on: date
    points: Decimal
    better: bool

    @property
    def words(self) -> str:
        """`reliable change, −7`, or `reliably worse, +7`."""
        return f"{'reliable change' if self.better else 'reliably worse'}, {signed(self.points)}"


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One line of the table beneath the picture."""

    on: date
    who: str
    what: str = field(compare=False)
    value: str = field(compare=False, default="")


def signed(points: Decimal) -> str:
    """A change with its sign, a true minus, and no trailing noughts."""
    return f"{'−' if points < 0 else '+'}{abs(points).normalize():f}"


def plain(total: Decimal) -> str:
    """A total as people write it."""
    return f"{total.normalize():f}"


def day(on: date) -> str:
    """`3 Nov`."""
    return f"{on.day} {on:%b}"


def held_change(line: Line) -> Held | None:
    """The first reliable change that every later total kept, for better or for worse; None without one."""
    totals = [total for _, total in line.totals]
    for towards in (Verdict.IMPROVED, Verdict.WORSENED):
        try:
            index = first_reliable_change_that_held(totals, line.scale, towards=towards)
        except ValueError:  # an instrument without a reliable change: nothing can be said
            return None
        if index is not None:
            on, total = line.totals[index]
            return Held(index, on, total - totals[0], towards is Verdict.IMPROVED)
    return None


def stands(line: Line) -> Verdict | None:
    """What the last total says against the first, None when it cannot be said."""
    if len(line.totals) < 2:
        return None
    try:
        return reliable_change(line.scale, line.totals[0][1], line.totals[-1][1]).verdict
    except ValueError:
        return None


def headline(story: Story) -> str:
    """The first answer in one sentence, for a couples therapist let in to the lines; empty without any."""
    lines = [(voice.name, held_change(voice.line)) for voice in story.voices if voice.line]
    improved = [f"{name} since {_long_day(held.on)}" for name, held in lines if held and held.better]
    worse = [f"{name} since {_long_day(held.on)}" for name, held in lines if held and not held.better]
    match len(improved), len(worse):
        case 2, 0:
            return f"Both reliably improved: {', '.join(improved)}"
        case 0, 0:
            return "No reliable change that held, yet" if lines else ""
        case _:
            parts = [f"Reliably improved: {', '.join(improved)}"] if improved else []
            parts += [f"Reliably worse: {', '.join(worse)}"] if worse else []
            return ". ".join(parts)


def _long_day(on: date) -> str:
    return f"{on.day} {on:%B}"


def describe(story: Story) -> str:
    """The picture in words, for those who hear it."""
    held = [session for session in story.sessions if session.state is not SessionState.PLANNED]
    parts = [f"From {_long_day(story.begins)} to {_long_day(story.ends)} {story.ends.year}."]
    parts += [_line_in_words(voice) for voice in story.voices]
    sessions = _count(len(held), "couples session")
    parts.append(f"Between them: {sessions}, {_count(len(story.insights), 'shared insight')}.")
    return " ".join(part for part in parts if part)


def _line_in_words(voice: Voice) -> str:
    if voice.line is None or not voice.line.totals:
        return voice.absent and f"{voice.absent}."
    return describe_line(voice.name, voice.line)


def describe_line(name: str, line: Line) -> str:
    """One line in one sentence; empty without a total."""
    if not line.totals:
        return ""
    held = held_change(line)
    way = "lower" if line.scale.better is Better.LOWER else "higher"
    words = f"{name}, {line.label}: {_course(line)}, {way} is better"
    return f"{words}; {held.words} since {_long_day(held.on)}." if held else f"{words}."


def _course(line: Line) -> str:
    first, last = plain(line.totals[0][1]), plain(line.totals[-1][1])
    if len(line.totals) == 1:
        return f"{last}, answered once"
    return f"{last}, as at the first" if first == last else f"from {first} to {last}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def rows(story: Story) -> tuple[Row, ...]:
    """Everything the picture shows, oldest first, for the table beneath it."""
    return tuple(sorted(row for row in _rows(story) if story.begins <= row.on <= story.ends))


def _rows(story: Story) -> Iterator[Row]:
    for voice in story.voices:
        yield from _own_rows(voice)
    for session in story.sessions:
        what = "Couples session planned" if session.state is SessionState.PLANNED else "Couples session"
        yield Row(session.on, "Us", what, str(session.number))
    names = {voice.side: voice.name for voice in story.voices}
    for insight in story.insights:
        taken = f"taken up on {day(insight.taken_up_on)}" if insight.taken_up_on else ""
        yield Row(insight.on, names[insight.side], "Insight shared", taken)
    for exercise in story.exercises:
        for on, done in exercise.weeks:
            yield Row(on, "Us", exercise.name, "done" if done else "missed")


def _own_rows(voice: Voice) -> Iterator[Row]:
    if voice.line:
        for on, total in voice.line.totals:
            band = voice.line.scale.band(total)
            yield Row(on, voice.name, voice.line.label, plain(total) + (f", {band.name}" if band else ""))
    for dose in voice.doses:
        what = "Dosing session planned" if dose.planned else "Dosing session"
        yield Row(dose.on, voice.name, what, str(dose.number))
