"""The shapes a score is drawn from: marks, strips, scales, and the room that words take.

Places only: no database, no template, no colour. Lengths are in units of a picture 1012 wide and 650 high.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from bothwell.web.score import Line, Row, SessionState, Side

WIDTH, HEIGHT = 1012, 650
LEFT, RIGHT = 118, 1006
FIRST_DAY_X, LAST_DAY_X = 127, 990
A_TOP, A_EDGE, STAVE, B_EDGE, B_BOTTOM = 48, 232, 343, 454, 638
PANEL = 162  # height of a whole scale
INNER_GAP = 8  # between the better end of a scale and the edge towards us
STAVE_LINES = (-26, -13, 0, 13, 26)
SESSION_RADIUS = 16
TODAY_WIDTH = 104  # of the words that stand on today's line, with a little room
EXERCISE_LANES = (429, 247, 411, 265)
CHARACTER = 0.56  # mean width of a character as a part of its size, a little generous
CHARACTER_OF_QUOTE = 0.46  # the same in the italic serif


@dataclass(frozen=True, slots=True)
class Place:
    """A point of a line, with what stands there."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Text:
    """Words at a place; `anchor` as in SVG."""

    x: float
    y: float
    words: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class BandStrip:
    """A severity band: tone 0 (calm) to 3, and its name unless the strip is too low for it."""

    y: float
    height: float
    tone: int
    name: str
    name_y: float


@dataclass(frozen=True, slots=True)
class DoseMark:
    """A numbered dosing session on the outer edge, with a dashed line towards us."""

    x: float
    y: float
    y2: float
    number: int
    planned: bool


@dataclass(frozen=True, slots=True)
class LinkMark:
    """A shared insight on its author's edge; `path` leads to the session that took it up, or is empty."""

    side: Side
    x: float
    y: float
    path: str


@dataclass(frozen=True, slots=True)
class SessionMark:
    """A couples session on the middle stave; its day is left out where there is no room."""

    x: float
    state: SessionState
    words: str


@dataclass(frozen=True, slots=True)
class ExerciseMark:
    """A bar from first to last day, a dot for each week."""

    x: float
    y: float
    width: float
    weeks: tuple[tuple[float, bool], ...]
    label: Text | None


@dataclass(frozen=True, slots=True)
class Month:
    """The first of a month: its line, and its name where there is room."""

    x: float
    label: str
    rule: bool


@dataclass(frozen=True, slots=True)
class SideDrawing:
    """One partner's side. Without a line, only `absent` and the edge towards us are drawn."""

    side: Side
    name: str
    measure: str
    absent: str
    edge_y: float
    outer_y: float
    bands: tuple[BandStrip, ...]
    ticks: tuple[Text, ...]
    points: tuple[Place, ...]
    polyline: str
    first: Text | None
    last: Text | None
    ring: Place | None
    ring_label: Text | None
    better: str  # path of the arrow towards better, empty without a line
    better_y: float
    doses: tuple[DoseMark, ...]
    quotes: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """The whole picture, ready for its template."""

    title: str
    description: str
    headline: str
    mirrored: bool
    a: SideDrawing
    b: SideDrawing
    months: tuple[Month, ...]
    weeks: tuple[float, ...]
    sessions: tuple[SessionMark, ...]
    links: tuple[LinkMark, ...]
    exercises: tuple[ExerciseMark, ...]
    today_x: float | None
    today_words: str
    today_in_session: bool
    rows: tuple[Row, ...]
    key: str  # what counts as reliable, `PHQ-9 ≥ 6, GAD-7 ≥ 4 points`
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def sides(self) -> tuple[SideDrawing, SideDrawing]:
        """Both sides, A first."""
        return (self.a, self.b)


# ── room for words ───────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of the picture."""

    left: float
    top: float
    right: float
    bottom: float

    def touches(self, other: Box) -> bool:
        """Whether both share any room."""
        return (
            self.left < other.right
            and other.left < self.right
            and self.top < other.bottom
            and other.top < self.bottom
        )


def box_of(text: Text, size: float, character: float = CHARACTER) -> Box:
    """The room a text takes, by a mean width of its characters."""
    width = len(text.words) * size * character
    start = {"start": text.x, "middle": text.x - width / 2, "end": text.x - width}[text.anchor]
    return Box(start, text.y - size, start + width, text.y + size * 0.3)


def first_free(
    candidates: Iterable[Text], size: float, taken: list[Box], character: float = CHARACTER
) -> Text | None:
    """The first text that lies inside the picture and touches nothing; its room is taken then."""
    for text in candidates:
        box = box_of(text, size, character)
        if box.left > LEFT and box.right < RIGHT and not any(box.touches(other) for other in taken):
            taken.append(box)
            return text
    return None


# ── scales ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Days:
    """Days to x. A story of a single day stands at the left."""

    begins: date
    ends: date

    def x(self, on: date) -> float:
        """Where a day stands."""
        length = max((self.ends - self.begins).days, 1)
        return round(FIRST_DAY_X + (on - self.begins).days / length * (LAST_DAY_X - FIRST_DAY_X), 1)

    def holds(self, on: date) -> bool:
        """Whether the day is in the picture."""
        return self.begins <= on <= self.ends

    @property
    def pixels_a_day(self) -> float:
        """How much room one day has."""
        return (LAST_DAY_X - FIRST_DAY_X) / max((self.ends - self.begins).days, 1)


@dataclass(frozen=True, slots=True)
class Totals:
    """Totals to y: `at_inner` stands at `inner`, by the edge towards us; the other end lies `outward`."""

    inner: float
    outward: int
    at_inner: Decimal
    at_outer: Decimal

    def y(self, total: Decimal) -> float:
        """Where a total stands."""
        part = float((total - self.at_inner) / (self.at_outer - self.at_inner))
        return round(self.inner + self.outward * PANEL * part, 1)


def scale(line: Line, side: Side, mirrored: bool) -> Totals:
    """Mirrored: for each, towards us is better. Otherwise numbers rise upwards on both sides."""
    outward = -1 if side is Side.A else 1
    inner = A_EDGE - INNER_GAP if side is Side.A else B_EDGE + INNER_GAP
    if mirrored:
        return Totals(inner, outward, line.best, line.worst)
    least, most = line.scale.least, line.scale.most
    return Totals(inner, outward, *((least, most) if side is Side.A else (most, least)))


def months(days: Days) -> tuple[Month, ...]:
    """The firsts of the months after the first day; names in full, short or left out, as there is room."""
    starts = [days.begins, *_firsts(days)]
    marks: list[Month] = []
    labelled = -1000.0
    ends = [days.x(start) for start in starts[1:]] + [RIGHT]
    for start, end in zip(starts, ends, strict=True):
        x = days.x(start)
        room = end - x if end - x >= 40 else max(0.0, end - x)
        label = f"{start:%B}" if room >= 92 else f"{start:%b}" if room >= 36 or x - labelled >= 60 else ""
        if x < labelled + 40 or x > RIGHT - 30:
            label = ""
        labelled = x if label else labelled
        marks.append(Month(x, label, start.day == 1 or start == days.begins))
    return tuple(marks)


def _firsts(days: Days) -> list[date]:
    found, on = [], days.begins.replace(day=1)
    while (on := (on + timedelta(days=32)).replace(day=1)) <= days.ends:
        found.append(on)
    return found


def weeks(days: Days) -> tuple[float, ...]:
    """A fine line a week from the first day, up to half a year; beyond that they would be a grey wall."""
    length = (days.ends - days.begins).days
    if length > 190:
        return ()
    return tuple(days.x(days.begins + timedelta(days=step)) for step in range(7, length + 1, 7))
