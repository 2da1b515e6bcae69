"""The score: a couple's story in two parts, each partner's line on an own side and what is shared between.

This module holds what the picture is made from and what can be said about it in words; `score_wide` and
`score_upright` draw it. It never fetches anything and never decides who may see a line: a line that may not
be seen is simply not given, and then nothing drawn here depends on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import cached_property

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


class Sort(StrEnum):
    """What a moment is: something of one side, or of both."""

    CHECK_IN = "checkin"
    AGREED = "agreed"
    SIGNED = "signed"


@dataclass(frozen=True)
class Line:
    """One person's totals on one score of an instrument, oldest first.

    `of` is the score (the main one without), `called` its name, and a plain one speaks to the person themselves:
    it names no band and no verdict.
    """

    instrument: Instrument
    totals: tuple[tuple[date, Decimal], ...]
    of: Scale | None = None
    called: str = ""
    is_plain: bool = False

    @property
    def scale(self) -> Scale:
        """What the totals are totals of."""
        return self.of or self.instrument.measure

    @property
    def label(self) -> str:
        """`PHQ-9`."""
        return self.called or self.instrument.short

    @cached_property
    def held(self) -> Held | None:
        """The first reliable change that every later total kept, for better or for worse; None without one."""
        totals = [total for _, total in self.totals]
        for towards in (Verdict.IMPROVED, Verdict.WORSENED):
            try:
                index = first_reliable_change_that_held(totals, self.scale, towards=towards)
            except ValueError:  # an instrument without a reliable change: nothing can be said
                return None
            if index is not None:
                on, total = self.totals[index]
                return Held(index, on, total - totals[0], towards is Verdict.IMPROVED, self.is_plain)
        return None

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
    """A dosing session on its person's own side; `planned` ones are drawn dashed.

    Its number is 0 where numbers are not the reader's to know: a gap would tell of sessions that are not there.
    """

    on: date
    number: int
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Voice:
    """One partner's side. `line` is None when the reader may not see it or there is none: see `absent`.

    Beside a partner's own, the other's is dropped unless `is_given`: totals and days the other gave, and no more.
    """

    side: Side
    name: str
    line: Line | None = None
    absent: str = ""
    doses: tuple[Dose, ...] = ()
    is_given: bool = False


@dataclass(frozen=True, slots=True)
class CouplesSession:
    """A meeting of both with their couples therapist."""

    on: date
    number: int
    state: SessionState = SessionState.HELD
    href: str = ""


@dataclass(frozen=True, slots=True)
class SharedInsight:
    """What one partner shared, on which day, and the session that took it up, if one did."""

    side: Side
    on: date
    taken_up_on: date | None = None
    words: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Exercise:
    """Something both promised to do: from, until, and each week's answer."""

    name: str
    begins: date
    ends: date
    weeks: tuple[tuple[date, bool], ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened on one day: a check-in, a consent or release given or ended, an agreement.

    `side` is None for what is both partners'; `ended` for what ended on that day.
    """

    sort: Sort
    on: date
    what: str
    side: Side | None = None
    ended: bool = False
    value: str = ""
    href: str = ""


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
    moments: tuple[Moment, ...] = ()

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
    is_plain: bool = False

    @property
    def words(self) -> str:
        """`reliable change, −7`, or `reliably worse, +7`; to the person themselves `more than chance, −7`."""
        if self.is_plain:
            return f"more than chance, {signed(self.points)}"
        return f"{'reliable change' if self.better else 'reliably worse'}, {signed(self.points)}"


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One line of the table beneath the picture."""

    on: date
    who: str
    what: str = field(compare=False)
    value: str = field(compare=False, default="")
    side: str = field(compare=False, default="us")
    href: str = field(compare=False, default="")

    @property
    def day(self) -> str:
        """`13 Oct 2026`."""
        return f"{day(self.on)} {self.on.year}"

    @property
    def words(self) -> str:
        """`13 Oct 2026, Amara: PHQ-9, 11, moderate`."""
        value = f", {self.value}" if self.value else ""
        return f"{self.day}, {self.who}: {self.what}{value}"


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
    return line.held


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


def describe(story: Story, *, counts: bool = True) -> str:
    """The picture in words, for those who hear it; without `counts` for one of the two, who counts nothing of both."""
    held = [session for session in story.sessions if session.state is not SessionState.PLANNED]
    parts = [f"From {_long_day(story.begins)} to {_long_day(story.ends)} {story.ends.year}."]
    parts += [_line_in_words(voice) for voice in story.voices]
    if counts:
        sessions = _count(len(held), "couples session")
        parts.append(f"Between them: {sessions}, {_count(len(story.insights), 'shared insight')}.")
    return " ".join(part for part in parts if part)


def _line_in_words(voice: Voice) -> str:
    if voice.line is None or not voice.line.totals or voice.is_given:
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
        yield from total_rows(voice)
        for dose in voice.doses:
            yield dose_row(voice, dose)
    for session in story.sessions:
        yield session_row(session)
    names = {voice.side: voice.name for voice in story.voices}
    for insight in story.insights:
        yield insight_row(insight, names)
    for exercise in story.exercises:
        yield from exercise_rows(exercise)
    for moment in story.moments:
        yield moment_row(moment, names)


def total_rows(voice: Voice) -> Iterator[Row]:
    """Each total with its band, and where the first reliable change that held began; plainly, no band."""
    line = voice.line
    if line is None:
        return
    held = None if voice.is_given else line.held
    for index, (on, total) in enumerate(line.totals):
        band = None if line.is_plain else line.scale.band(total)
        said = [plain(total), band.name if band else "", held.words if held and held.index == index else ""]
        yield Row(on, voice.name, line.label, ", ".join(part for part in said if part), voice.side.value)


def dose_row(voice: Voice, dose: Dose) -> Row:
    """A dosing session, by its number where the reader may know it."""
    what = "Dosing session planned" if dose.planned else "Dosing session"
    return Row(dose.on, voice.name, what, str(dose.number) if dose.number else "", voice.side.value)


def session_row(session: CouplesSession) -> Row:
    """A couples session."""
    what = "Couples session planned" if session.state is SessionState.PLANNED else "Couples session"
    return Row(session.on, "Us", what, str(session.number), href=session.href)


def insight_row(insight: SharedInsight, names: Mapping[Side, str]) -> Row:
    """A shared insight: its words as far as they came along, and the day it was taken up."""
    taken = f"taken up on {day(insight.taken_up_on)}" if insight.taken_up_on else ""
    words = f"“{_short(insight.words)}”" if insight.words else ""
    value = ", ".join(part for part in (words, taken) if part)
    return Row(insight.on, names[insight.side], "Insight shared", value, insight.side.value, insight.href)


def exercise_rows(exercise: Exercise) -> Iterator[Row]:
    """Each week of an exercise, done or missed."""
    for on, done in exercise.weeks:
        yield Row(on, "Us", exercise.name, "done" if done else "missed")


def moment_row(moment: Moment, names: Mapping[Side, str]) -> Row:
    """Whatever else happened on a day."""
    who, side = (names[moment.side], moment.side.value) if moment.side else ("Us", "us")
    return Row(moment.on, who, moment.what, moment.value, side, moment.href)


LONGEST_QUOTE = 120  # characters of somebody's words beside a mark; all of them stand on their own page


def _short(words: str) -> str:
    one_line = " ".join(words.split())
    return one_line if len(one_line) <= LONGEST_QUOTE else f"{one_line[:LONGEST_QUOTE].rstrip()}…"
