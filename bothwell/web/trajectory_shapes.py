"""Where everything of one small chart stands: a person's totals on one score, with its bands, cut-offs and days.

Places only, in units of a picture 350 wide: it reads nothing, knows no person, and draws nobody beside anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from bothwell.instruments.instrument import Cutoff, Scale
from bothwell.web.score import Dose, Side, day, plain
from bothwell.web.score_shapes import Box, Place, Text, box_of

WIDTH, HEIGHT = 350, 178
LEFT, RIGHT = 30, 346
TOP, BOTTOM = 24, 148
EDGE = 7  # between the ends of the scale and the ends of the panel
FIRST_X, LAST_X = LEFT + 11, RIGHT - 26  # beside the last day: room for the last total
LETTER, LABEL = 12, 13  # sizes of band names and axis, and of the months
LABEL_ROOM = 46  # from one month's name to the next
MONTHS_APART = (1, 2, 3, 6, 12, 24, 60)
POINTS_TO_TOUCH = 60  # beyond that marks lie too close for a pointer, and the table says it better
AXIS_ROOM = 12  # between two numbers of the axis

Observation = tuple[date, Decimal | None]
"""A day and its total; None where too much was left open for one."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The days of a picture, first to last; a single day stands at the left."""

    begins: date
    ends: date

    def x(self, on: date) -> float:
        """Where a day stands."""
        length = max((self.ends - self.begins).days, 1)
        return round(FIRST_X + (on - self.begins).days / length * (LAST_X - FIRST_X), 1)

    def holds(self, on: date) -> bool:
        """Whether the day is in the picture."""
        return self.begins <= on <= self.ends


@dataclass(frozen=True, slots=True)
class Rise:
    """Totals to y: the most stands on top, and a total outside its scale at the nearer end."""

    least: Decimal
    most: Decimal

    def y(self, total: Decimal) -> float:
        """Where a total stands."""
        part = float((min(max(total, self.least), self.most) - self.least) / (self.most - self.least))
        return round(BOTTOM - EDGE - part * (BOTTOM - TOP - 2 * EDGE), 1)


@dataclass(frozen=True, slots=True)
class Strip:
    """One severity band across the panel: tone 0 (calm) to 3; `name` is None where the line needs the room."""

    y: float
    height: float
    tone: int
    name: Text | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical mark: the first of a month with its name, or a dosing session with its day."""

    x: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One score of one person, ready for its template. `open` and `filled` are paths: filled is reliable."""

    side: Side
    strips: tuple[Strip, ...]
    cutoffs: tuple[float, ...]
    ticks: tuple[Text, ...]
    polylines: tuple[str, ...]
    open: str
    filled: str
    ring: Place | None
    first: Text | None
    last: Text | None
    points: tuple[Place, ...]
    months: tuple[Mark, ...]
    doses: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    panel: int = RIGHT - LEFT

    @property
    def touched(self) -> tuple[Place, ...]:
        """The points that answer to a pointer, where there is room for one."""
        return self.points if len(self.points) <= POINTS_TO_TOUCH else ()


def draw(
    observations: Sequence[Observation],
    scale: Scale,
    axis: Axis,
    side: Side,
    *,
    reliable: Iterable[int] = (),
    held: int | None = None,
    doses: Iterable[Dose] = (),
    is_plain: bool = False,
) -> Chart:
    """The geometry of one course. `reliable` and `held` are places in `observations`; what `axis` does not hold
    is left out. A plain one names no band and has no cut-off.
    """
    rise = Rise(scale.least, scale.most)
    marked = frozenset(reliable)
    shown = [(index, on, total) for index, (on, total) in enumerate(observations) if axis.holds(on)]
    at = {
        index: Place(axis.x(on), rise.y(total), f"{day(on)} {on.year}: {plain(total)}")
        for index, on, total in shown
        if total is not None
    }
    points = tuple(at.values())
    ends = _ends([(at[index], plain(total)) for index, _, total in shown if total is not None])
    size = mark_size(points)
    lines = () if is_plain else _cutoffs(scale)
    dosed = [dose for dose in doses if axis.holds(dose.on) and not dose.planned]
    taken = [*_line_boxes(points), *(box_of(text, LABEL) for text in ends if text)]
    taken += [Box(axis.x(dose.on) - 3, TOP, axis.x(dose.on) + 3, BOTTOM) for dose in dosed]
    taken += [Box(LEFT, rise.y(each.value) - 2, RIGHT, rise.y(each.value) + 2) for each in lines]
    return Chart(
        side=side,
        strips=strips(scale, rise, None if is_plain else taken),
        cutoffs=tuple(rise.y(each.value) for each in lines),
        ticks=_ticks(scale, rise, lines),
        polylines=tuple(_polylines([at.get(index) for index, _, _ in shown])),
        open=_path([place for index, place in at.items() if index not in marked], side, size),
        filled=_path([place for index, place in at.items() if index in marked], side, size + 0.6),
        ring=at.get(held) if held is not None else None,
        first=ends[0],
        last=ends[1],
        points=points,
        months=months(axis),
        doses=tuple(
            Mark(axis.x(dose.on), f"Dosing session {dose.number}, {day(dose.on)} {dose.on.year}")
            for dose in dosed
        ),
    )


# ── across ───────────────────────────────────────────────────────────────────────────────────────


def months(axis: Axis) -> tuple[Mark, ...]:
    """The firsts of months as far apart as their names need; a January carries its year.

    An axis too short for a first of a month names its first day.
    """
    firsts = list(_firsts(axis))
    for apart in MONTHS_APART:
        chosen = [on for on in firsts if (on.year * 12 + on.month - 1) % apart == 0]
        if all(axis.x(two) - axis.x(one) >= LABEL_ROOM for one, two in pairwise(chosen)):
            break
    named = [Mark(axis.x(on), f"{on:%b}" if on.month > 1 else str(on.year)) for on in chosen]
    inside = tuple(mark for mark in named if mark.x <= RIGHT - 30)
    return inside or (Mark(axis.x(axis.begins), day(axis.begins)),)


def _firsts(axis: Axis) -> Iterator[date]:
    year, month = axis.begins.year, axis.begins.month
    while True:
        on = date(year, month, 1)
        if on > axis.ends:
            return
        if on >= axis.begins:
            yield on
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


# ── upwards ──────────────────────────────────────────────────────────────────────────────────────


def strips(scale: Scale, rise: Rise, taken: Sequence[Box] | None = ()) -> tuple[Strip, ...]:
    """The bands, lowest first, tiling the panel without a gap; `taken` None: without their names."""
    ordered = sorted(scale.bands, key=lambda band: band.from_total)
    borders = [float(BOTTOM), *(rise.y(band.from_total) for band in ordered[1:]), float(TOP)]
    found = []
    for band, (low, high) in zip(ordered, pairwise(borders), strict=False):
        name = None if taken is None else _name(band.name, high, low, taken)
        found.append(Strip(high, round(low - high, 1), min(band.tone, 3), name))
    return tuple(found)


def _name(words: str, top: float, bottom: float, taken: Sequence[Box]) -> Text | None:
    """The name at the right or at the left of its strip, wherever the line leaves room; else nowhere."""
    if bottom - top < LETTER + 2:
        return None
    y = round((top + bottom) / 2 + 4, 1)
    for text in (Text(RIGHT - 5, y, words, "end"), Text(LEFT + 5, y, words)):
        box = box_of(text, LETTER - 2)
        if not any(box.touches(other) for other in taken):
            return text
    return None


def _cutoffs(scale: Scale) -> tuple[Cutoff, ...]:
    """The cut-off for change; else the one for everybody; else those of the groups."""
    change = scale.change_cutoff()
    if change is not None:
        return (change,)
    for_all = [each for each in scale.cutoffs if each.group is None]
    return tuple(for_all[:1] or scale.cutoffs[:2])


def _ticks(scale: Scale, rise: Rise, lines: Sequence[Cutoff]) -> tuple[Text, ...]:
    """The cut-offs, and the ends of the scale where they do not crowd them."""
    values = [*(each.value for each in lines), scale.least, scale.most]
    found: list[Text] = []
    for value in values:
        y = round(rise.y(value) + 4, 1)
        if all(abs(y - other.y) >= AXIS_ROOM for other in found):
            found.append(Text(LEFT - 5, y, plain(value), "end"))
    return tuple(found)


# ── the line ─────────────────────────────────────────────────────────────────────────────────────


def mark_size(points: Sequence[Place]) -> float:
    """Half a mark's width: smaller where marks would hide each other."""
    if len(points) < 2:
        return 4.2
    apart = (points[-1].x - points[0].x) / (len(points) - 1)
    return min(max(round(apart / 2.4, 1), 1.7), 4.2)


def _polylines(places: Sequence[Place | None]) -> Iterator[str]:
    """One line for each run of totals; a day without a total breaks it."""
    run: list[Place] = []
    for place in (*places, None):
        if place is not None:
            run.append(place)
        elif run:
            yield " ".join(f"{each.x},{each.y}" for each in run)
            run = []


def _path(places: Sequence[Place], side: Side, half: float) -> str:
    """All marks as one path: a circle for A, a square for B."""
    half, whole = round(half, 1), round(half * 2, 1)
    if side is Side.A:
        arc = f"a{half},{half} 0 1 0 {whole},0a{half},{half} 0 1 0 -{whole},0z"
        return "".join(f"M{round(each.x - half, 1)},{each.y}{arc}" for each in places)
    square = f"h{whole}v{whole}h-{whole}z"
    return "".join(f"M{round(each.x - half, 1)},{round(each.y - half, 1)}{square}" for each in places)


def _ends(shown: Sequence[tuple[Place, str]]) -> tuple[Text | None, Text | None]:
    """The first total above or below its mark, the last one beside it."""
    if not shown:
        return None, None
    place, words = shown[-1]
    last = Text(round(place.x + 9, 1), round(place.y + 5, 1), words)
    if len(shown) == 1:
        return None, last
    one, words = shown[0]
    after = shown[1][0]
    is_above = after.y >= one.y if one.y - 20 > TOP else False
    first = Text(one.x, round(one.y - 9 if is_above else one.y + 19, 1), words, "middle")
    return first, last


def _line_boxes(points: Sequence[Place]) -> list[Box]:
    """Small boxes along the line, so that no name lies on it."""
    boxes = [Box(p.x - 5, p.y - 5, p.x + 5, p.y + 5) for p in points]
    for one, two in pairwise(points):
        steps = int((two.x - one.x) // 10)
        for step in range(1, steps + 1):
            part = step / (steps + 1)
            x, y = one.x + (two.x - one.x) * part, one.y + (two.y - one.y) * part
            boxes.append(Box(x - 4, y - 4, x + 4, y + 4))
    return boxes
