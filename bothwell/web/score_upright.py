"""Draws the score for a phone: time upright, newest on top, one's own line beside what is shared.

Of the other partner it draws only what that partner gave: the other's line and doses are dropped before
anything is computed. With `hidden` one's own line leaves the picture and the table too, for looking together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from bothwell.web.score import Line, Row, SessionState, Side, Story, Voice, day, describe, plain, rows
from bothwell.web.score_shapes import Place, Text

WIDTH = 350
OWN_EDGE, STAVE, OTHER_EDGE = 118, 194, 270
LINE_OUTER, LINE_INNER = 16, 110  # where the worst and the best total stand
TOP, BOTTOM = 34, 18
UNITS_A_DAY, LOWEST, TALLEST = 6.9, 420, 1300


@dataclass(frozen=True, slots=True)
class Strip:
    """A severity band as a column of one's own lane."""

    x: float
    width: float
    tone: int


@dataclass(frozen=True, slots=True)
class Bead:
    """A mark on the upright: a dose, a session or an insight; `path` leads an insight to its session."""

    x: float
    y: float
    words: str = ""
    state: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Upright:
    """The whole picture, ready for its template; `own` and `other` give colours and shapes."""

    title: str
    description: str
    own: Side
    other: Side
    other_name: str
    other_words: tuple[str, ...]
    other_words_y: float
    hidden: bool
    height: float
    strips: tuple[Strip, ...]
    points: tuple[Place, ...]
    polyline: str
    doses: tuple[Bead, ...]
    own_insights: tuple[Bead, ...]
    other_insights: tuple[Bead, ...]
    sessions: tuple[Bead, ...]
    months: tuple[Text, ...]
    today: Bead | None
    rows: tuple[Row, ...]
    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class Fall:
    """Days to y: the last day on top."""

    begins: date
    ends: date

    @property
    def length(self) -> float:
        """Height of the whole time, kept between what a thumb can scroll and what an eye can tell apart."""
        return min(max((self.ends - self.begins).days * UNITS_A_DAY, LOWEST), TALLEST)

    def y(self, on: date) -> float:
        """Where a day stands."""
        part = (self.ends - on).days / max((self.ends - self.begins).days, 1)
        return round(TOP + part * self.length, 1)

    def holds(self, on: date) -> bool:
        """Whether the day is in the picture."""
        return self.begins <= on <= self.ends


def draw(story: Story, own: Side, *, hidden: bool = False) -> Upright:
    """The geometry as `own` sees it, with nothing of the other's line or doses, even if handed in."""
    story = _as_seen_by(story, own, hidden)
    mine, theirs = story.voices if own is Side.A else story.voices[::-1]
    fall = Fall(story.begins, story.ends)
    points = _points(mine.line, fall) if mine.line else ()
    return Upright(
        title=f"From {day(story.begins)} to {day(story.ends)} {story.ends.year}, newest on top",
        description=describe(story),
        own=own,
        other=theirs.side,
        other_name=theirs.name,
        other_words=_narrow(theirs.absent),
        other_words_y=_between_months(fall),
        hidden=hidden,
        height=round(TOP + fall.length + BOTTOM, 1),
        strips=_strips(mine.line) if mine.line else (),
        points=points,
        polyline=" ".join(f"{point.x},{point.y}" for point in points),
        doses=tuple(
            Bead(14, fall.y(dose.on), str(dose.number)) for dose in mine.doses if fall.holds(dose.on)
        ),
        own_insights=_insights(story, own, fall, OWN_EDGE),
        other_insights=_insights(story, theirs.side, fall, OTHER_EDGE),
        sessions=_sessions(story, fall),
        months=_months(fall),
        today=_today(story, fall),
        rows=rows(story),
    )


def _as_seen_by(story: Story, own: Side, hidden: bool) -> Story:
    """The story without the other's line and doses, and without one's own when hidden."""

    def seen(voice: Voice) -> Voice:
        if voice.side is own and not hidden:
            return voice
        return replace(voice, line=None, doses=(), absent=voice.absent if voice.side is not own else "")

    return replace(story, a=seen(story.a), b=seen(story.b))


def _narrow(words: str, width: int = 10) -> tuple[str, ...]:
    """A short sentence in lines of a narrow lane: `Ben’s line`, `is his own`."""
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return tuple(lines)


def _between_months(fall: Fall) -> float:
    """A height for words in the other's lane: the middle of the month that lies two thirds down."""
    borders = sorted({TOP, *(month.y for month in _months(fall)), TOP + fall.length})
    aim = TOP + fall.length * 0.62
    above = max(y for y in borders if y <= aim)
    below = min((y for y in borders if y > aim), default=aim)
    return round((above + below) / 2, 1)


def _x(line: Line, total: Decimal) -> float:
    part = float((total - line.worst) / (line.best - line.worst))
    return round(LINE_OUTER + part * (LINE_INNER - LINE_OUTER), 1)


def _points(line: Line, fall: Fall) -> tuple[Place, ...]:
    return tuple(
        Place(_x(line, total), fall.y(on), plain(total)) for on, total in line.totals if fall.holds(on)
    )


def _strips(line: Line) -> tuple[Strip, ...]:
    """From the outer edge inwards, as dark as the band is grave; the calmest is paper."""
    ordered = sorted(line.scale.bands, key=lambda band: _x(line, band.from_total))
    strips, start = [], 0.0
    for number, band in enumerate(ordered, 1):
        following = ordered[number] if number < len(ordered) else None
        end = _x(line, max(band.from_total, following.from_total)) if following else OWN_EDGE
        strips.append(Strip(start, round(end - start, 1), min(band.tone, 3)))
        start = end
    return tuple(strips)


def _insights(story: Story, side: Side, fall: Fall, edge: float) -> tuple[Bead, ...]:
    return tuple(
        _insight(insight.on, insight.taken_up_on, fall, edge)
        for insight in story.insights
        if insight.side is side and fall.holds(insight.on)
    )


def _insight(on: date, taken_up_on: date | None, fall: Fall, edge: float) -> Bead:
    end = STAVE - 16 if edge < STAVE else STAVE + 16
    y, path = fall.y(on), ""
    if taken_up_on and fall.holds(taken_up_on):
        to_y = fall.y(taken_up_on)
        one, two = round(edge + 0.62 * (end - edge), 1), round(edge + 0.42 * (end - edge), 1)
        path = f"M{edge},{y} C{one},{y} {two},{to_y} {end},{to_y}"
    return Bead(edge, y, path=path)


def _sessions(story: Story, fall: Fall) -> tuple[Bead, ...]:
    beads: list[Bead] = []
    above = -1000.0  # y of the label before, going down
    for session in sorted(story.sessions, key=lambda session: session.on, reverse=True):
        if not fall.holds(session.on):
            continue
        y = fall.y(session.on)
        words = "" if session.state is SessionState.TODAY or y - above < 46 else day(session.on)
        above = y if words else above
        beads.append(Bead(STAVE, y, words, session.state.value))
    return tuple(beads)


def _months(fall: Fall) -> tuple[Text, ...]:
    """A line at each first of a month, its name above the line at the right."""
    found, on = [], fall.ends.replace(day=1)
    while on >= fall.begins:
        found.append(Text(342, fall.y(on), f"{on:%b}", "end"))
        on = (on - timedelta(days=1)).replace(day=1)
    return tuple(found)


def _today(story: Story, fall: Fall) -> Bead | None:
    if not fall.holds(story.today):
        return None
    in_session = any(session.on == story.today for session in story.sessions)
    return Bead(STAVE, fall.y(story.today), f"Today {day(story.today)}", "session" if in_session else "")
