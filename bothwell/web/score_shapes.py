"""The shapes a score is drawn from: marks, strips, scales, and the room that words take.

Places only: no database, no template, no colour. Lengths are in units of a picture 1012 wide and 696 high.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from bothwell.web.score import Line, Row, SessionState, Side

WIDTH, HEIGHT = 1012, 696
LEFT, RIGHT = 118, 1006
BAND_NAMES = 1000  # where the names of bands end
FIRST_DAY_X, LAST_DAY_X = 127, 990
A_TOP, A_EDGE, STAVE, B_EDGE, B_BOTTOM = 62, 246, 365, 484, 668
PANEL = 162  # height of a whole scale
INNER_GAP = 8  # between the better end of a scale and the edge towards us
SIGNED = 15  # of what was signed, outside a side's outer border
CHECK_INS, AGREED = 52, -34  # from the middle stave: each side's check-ins, and what both agreed
SESSION_RADIUS = 16
TODAY_WIDTH = 104  # of the words that stand on today's line, with a little room
EXERCISE_LANES = (B_EDGE - 25, A_EDGE + 15, B_EDGE - 43, A_EDGE + 33)
TO_TOUCH = 15  # between two marks of a lane that can be told apart under a finger; nearer ones share one
CHARACTER = 0.56  # mean width of a character as a part of its size, a little generous
CHARACTER_OF_MONTH = 0.66  # the same of the half bold names of months
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
class Hit:
    """Where a mark can be pointed at, with everything that stands there; near ones share a place."""

    x: float
    y: float
    radius: float
    rows: tuple[Row, ...]

    @property
    def words(self) -> str:
        """A line for each thing."""
        return "\n".join(row.words for row in self.rows)

    @property
    def side(self) -> str:
        """Whose it is."""
        return self.rows[0].side

    @property
    def href(self) -> str:
        """Where to read on, if anywhere."""
        return next((row.href for row in self.rows if row.href), "")


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
    """A dosing session on the outer edge, numbered where that may be known, with a dashed line towards us."""

    x: float
    y: float
    y2: float
    number: str
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
    small: float = 0  # the radius of a plain bead, where there is no room for a whole mark


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
    measure: tuple[str, ...]
    absent: str
    edge_y: float
    outer_y: float
    bands: tuple[BandStrip, ...]
    ticks: tuple[Text, ...]
    points: tuple[Place, ...]
    polyline: str
    marks: str  # path of the points, in the shape of this side
    first: Text | None
    last: Text | None
    ring: Place | None
    ring_label: Text | None
    better: str  # path of the arrow towards better, empty without a line
    better_y: float
    doses: tuple[DoseMark, ...]
    quotes: tuple[Text, ...]
    check_ins: str  # path
    signed: str  # path of what was signed
    unsigned: str  # path of what was ended

    @property
    def is_empty(self) -> bool:
        """Whether no mark stands on this side."""
        return not (
            self.points or self.doses or self.quotes or self.check_ins or self.signed or self.unsigned
        )


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
    agreed: str  # path of what both agreed
    unagreed: str  # path of what was ended
    hits: tuple[Hit, ...]
    today_x: float | None
    today_words_x: float
    today_words: str
    today_in_session: bool
    rows: tuple[Row, ...]
    key: str  # what counts as reliable, `PHQ-9 ≥ 6, GAD-7 ≥ 4 points`
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def close(self) -> bool:
        """Whether sessions stand so close that the ways to them are drawn thin."""
        return any(session.small for session in self.sessions)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has happened yet that could be drawn: what is only planned is no story."""
        drawn = (self.links, self.exercises, self.agreed, self.unagreed)
        happened = any(session.state is not SessionState.PLANNED for session in self.sessions)
        return not happened and not any(drawn) and all(side.is_empty for side in self.sides)

    @property
    def sides(self) -> tuple[SideDrawing, SideDrawing]:
        """Both sides, A first."""
        return (self.a, self.b)


# ── marks ────────────────────────────────────────────────────────────────────


def gathered(places: Iterable[tuple[float, float, Row]], radius: float, upright: bool = False) -> list[Hit]:
    """The places of one lane in the order of time, those too near each other as one."""
    hits: list[Hit] = []
    began = -1000.0
    for x, y, row in sorted(places, key=lambda place: place[1 if upright else 0]):
        along = y if upright else x
        if hits and along - began < TO_TOUCH:
            last = hits[-1]
            hits[-1] = Hit(last.x, last.y, last.radius, (*last.rows, row))
        else:
            began = along
            hits.append(Hit(x, y, radius, (row,)))
    return hits


def in_time(hits: Iterable[Hit]) -> tuple[Hit, ...]:
    """The order in which keys walk over them."""
    return tuple(sorted(hits, key=lambda hit: (hit.rows[0].on, hit.y)))


def dots(side: Side, places: Iterable[tuple[float, float]], size: float) -> str:
    """One path for many marks: circles for A, squares for B."""
    if side is Side.A:
        arc = f"a{size},{size} 0 1 0 {2 * size:g},0a{size},{size} 0 1 0 {-2 * size:g},0z"
        return "".join(f"M{x - size:.1f},{y:.1f}{arc}" for x, y in places)
    width = f"{2 * size:g}"
    return "".join(f"M{x - size:.1f},{y - size:.1f}h{width}v{width}h-{width}z" for x, y in places)


def diamonds(places: Iterable[tuple[float, float]], size: float = 7) -> str:
    """One path for what both agreed."""
    return "".join(
        f"M{x:.1f},{y - size:.1f}l{size},{size}l-{size},{size}l-{size},-{size}z" for x, y in places
    )


def leaves(places: Iterable[tuple[float, float]]) -> str:
    """One path for what was signed: small sheets with a folded corner."""
    return "".join(f"M{x - 4.5:.1f},{y - 6:.1f}h5.5l3.5,3.5v8.5h-9z" for x, y in places)


def apart(places: Sequence[float]) -> float:
    """How far neighbours stand from each other where they stand close; 1000 for a single one."""
    gaps = sorted(two - one for one, two in pairwise(places))
    return gaps[len(gaps) // 4] if gaps else 1000.0


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
    """The firsts of the months after the first day; names in full, short or left out, as there is room.

    In a picture of more than a year each January is called by its year.
    """
    starts = [days.begins, *_firsts(days)]
    years = (days.ends - days.begins).days > 370
    marks: list[Month] = []
    labelled, previous = -1000.0, 0.0
    ends = [days.x(start) for start in starts[1:]] + [RIGHT]
    for start, end in zip(starts, ends, strict=True):
        x = days.x(start)
        room = end - x if end - x >= 40 else max(0.0, end - x)
        label = f"{start:%B}" if room >= 92 else f"{start:%b}" if room >= 36 or x - labelled >= 60 else ""
        if years and start.month == 1 and start.day == 1:
            label = f"{start:%Y}"
        if x > RIGHT - 30 or (x < labelled + 40 and not label.isdigit()):
            label = ""
        if label.isdigit() and x < labelled + 40:  # the year goes before the month beside it
            marks[-1 - _since(marks)] = Month(previous, "", marks[-1 - _since(marks)].rule)
        labelled, previous = (x, x) if label else (labelled, previous)
        marks.append(Month(x, label, start.day == 1 or start == days.begins))
    return tuple(marks)


def _since(marks: Sequence[Month]) -> int:
    """How many marks without a name stand after the last one with a name."""
    return next((number for number, mark in enumerate(reversed(marks)) if mark.label), 0)


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
