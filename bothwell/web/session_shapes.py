"""One dosing session as a drawing for paper: pressures as bars, the rest as lines, what happened as marks.

Pure geometry. It smooths nothing and hides no extreme: where many values fall on one dot, the lowest and highest stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from bothwell.monitoring.vitals import pair_pressures

WIDTH = 1000
LEFT, RIGHT = 74, 988
BINS = 300
"""Values of one line that fall into one of so many parts of the width are drawn as their range."""
GAP = timedelta(minutes=3)
"""A pause longer than this is not bridged, where a monitor spoke."""
GAP_BY_HAND = timedelta(minutes=35)
GRID_MINUTES = (5, 10, 15, 30, 60, 120, 240)
MOST_LABELS = 14
LANE = 15


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one quantity at a time."""

    code: str
    value: Decimal
    observed_at: datetime
    is_from_device: bool = True


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the protocol: a warning, or an alarm."""

    value: float
    is_alarm: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a time, in one of the lanes."""

    at: datetime
    lane: str


@dataclass(frozen=True, slots=True)
class Place:
    """A word or a mark in the drawing."""

    x: float
    y: float
    words: str = ""


@dataclass(frozen=True, slots=True)
class Dash:
    """A limit as a line across; or a time as a line down."""

    at: float
    is_alarm: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One quantity with its own axis: bars for pressures, else lines; `alone` are values with no neighbour."""

    title: str
    unit: str
    top: float
    height: float
    ticks: tuple[Place, ...]
    limits: tuple[Dash, ...]
    bars: str = ""
    lines: tuple[str, ...] = ()
    alone: tuple[Place, ...] = ()

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def middle(self) -> float:
        return round(self.top + self.height / 2, 1)


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of marks under the panels."""

    title: str
    y: float
    marks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """The whole drawing, ready for its template."""

    panels: tuple[Panel, ...]
    lanes: tuple[Lane, ...]
    times: tuple[Dash, ...]
    doses: tuple[tuple[float, float], ...]
    start: float | None
    end: float | None
    height: float
    description: str
    width: int = WIDTH
    left: int = LEFT
    right: int = RIGHT

    @property
    def panel(self) -> int:
        return RIGHT - LEFT

    @property
    def floor(self) -> float:
        """Where the last panel ends."""
        return self.panels[-1].bottom if self.panels else 0.0


@dataclass(frozen=True, slots=True)
class Kind:
    """How one quantity is drawn: the span its axis always shows, and how tall it is."""

    code: str
    title: str
    unit: str
    low: float
    high: float
    height: float


# For drawing only: what an axis shows at least; a value beyond widens it.
PRESSURE = Kind("pressure", "BP", "mmHg", 60, 180, 96)
KINDS = (
    Kind("heart_rate", "HR", "/min", 50, 120, 44),
    Kind("spo2", "SpO₂", "%", 88, 100, 40),
    Kind("respiratory_rate", "RR", "/min", 8, 24, 34),
    Kind("etco2", "EtCO₂", "mmHg", 25, 50, 34),
)
BETWEEN = 7


@dataclass(frozen=True, slots=True)
class Span:
    """The time a drawing covers."""

    begins: datetime
    ends: datetime

    def x(self, at: datetime) -> float:
        """Where a time stands; what lies outside stands at the nearer end."""
        whole = max((self.ends - self.begins).total_seconds(), 60.0)
        part = min(max((at - self.begins).total_seconds() / whole, 0.0), 1.0)
        return round(LEFT + part * (RIGHT - LEFT), 1)


@dataclass(frozen=True, slots=True)
class Rise:
    """Values to y."""

    low: float
    high: float
    top: float
    height: float

    def y(self, value: float) -> float:
        part = (value - self.low) / (self.high - self.low)
        return round(self.top + self.height - part * self.height, 1)


@dataclass(frozen=True, slots=True)
class Session:
    """What is drawn: values as they stand after corrections, limits by quantity, doses as spans, marks."""

    values: Sequence[Value]
    begins: datetime
    ends: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    limits: Mapping[str, Sequence[Limit]] = field(default_factory=dict)
    doses: Sequence[tuple[datetime, datetime]] = ()
    marks: Sequence[Mark] = ()
    lanes: Sequence[str] = ()


def draw(session: Session, zone: tzinfo) -> Chart:
    """The geometry of one session, its clock that of `zone`; a quantity nobody measured has no panel."""
    span = _span(session)
    panels: list[Panel] = []
    top = 6.0
    for kind in (PRESSURE, *KINDS):
        panel = _panel(kind, session, span, top)
        if panel is not None:
            panels.append(panel)
            top = panel.bottom + BETWEEN
    lanes = tuple(_lanes(session, span, top + 16))
    height = (lanes[-1].y if lanes else top + 8) + 8
    return Chart(
        panels=tuple(panels),
        lanes=lanes,
        times=_times(span, zone),
        doses=tuple((span.x(a), round(max(span.x(b) - span.x(a), 1.5), 1)) for a, b in session.doses),
        start=span.x(session.started_at) if session.started_at else None,
        end=span.x(session.ended_at) if session.ended_at else None,
        height=height,
        description=describe(session, zone),
    )


def _span(session: Session) -> Span:
    """From the arrival to the end, and whatever was charted beside."""
    times = [one.observed_at for one in session.values]
    return Span(min([session.begins, *times]), max([session.ends, *times]))


def _panel(kind: Kind, session: Session, span: Span, top: float) -> Panel | None:
    codes = ("systolic", "diastolic") if kind is PRESSURE else (kind.code,)
    values = [one for one in session.values if one.code in codes]
    if not values:
        return None
    numbers = [float(one.value) for one in values]
    rise = Rise(min(kind.low, *numbers) - 2, max(kind.high, *numbers) + 2, top, kind.height)
    limits = [one for code in codes for one in session.limits.get(code, ())]
    lines, alone = ((), ()) if kind is PRESSURE else _line(values, span, rise)
    return Panel(
        title=kind.title,
        unit=kind.unit,
        top=top,
        height=kind.height,
        ticks=_ticks(rise, kind.height),
        limits=tuple(
            Dash(rise.y(one.value), one.is_alarm)
            for one in sorted(limits, key=lambda each: each.value)
            if rise.low <= one.value <= rise.high
        ),
        bars=_bars(values, span, rise) if kind is PRESSURE else "",
        lines=lines,
        alone=alone,
    )


def _ticks(rise: Rise, height: float) -> tuple[Place, ...]:
    """Round numbers, as many as the height holds."""
    room = max(2, int(height // 16))
    whole = rise.high - rise.low
    step = next(size for size in (2, 5, 10, 20, 40, 50, 100, 1000) if whole / size <= room)
    first = int(-(-rise.low // step)) * step
    return tuple(
        Place(LEFT - 6, round(rise.y(value) + 3, 1), str(value))
        for value in range(first, int(rise.high) + 1, step)
    )


def _bars(values: Sequence[Value], span: Span, rise: Rise) -> str:
    """Each pressure as an upright bar with a foot at both ends; one number alone is a foot alone."""
    path = []
    for one in pair_pressures(values):
        x = span.x(one.observed_at)
        ends = [rise.y(float(part)) for part in (one.systolic, one.diastolic) if part is not None]
        path += [f"M{round(x - 3.5, 1)},{y}h7" for y in ends]
        if len(ends) == 2:
            path.append(f"M{x},{ends[0]}V{ends[1]}")
    return "".join(path)


def _line(values: Sequence[Value], span: Span, rise: Rise) -> tuple[tuple[str, ...], tuple[Place, ...]]:
    """The values as lines, broken at pauses; those with nobody beside them as dots."""
    runs: list[list[Value]] = []
    for one in sorted(values, key=lambda each: each.observed_at):
        if runs and one.observed_at - runs[-1][-1].observed_at <= _gap(runs[-1][-1], one):
            runs[-1].append(one)
        else:
            runs.append([one])
    lines = [_thinned(run, span, rise) for run in runs if len(run) > 1]
    alone = [Place(span.x(run[0].observed_at), rise.y(float(run[0].value))) for run in runs if len(run) == 1]
    return tuple(lines), tuple(alone)


def _gap(one: Value, two: Value) -> timedelta:
    return GAP if one.is_from_device and two.is_from_device else GAP_BY_HAND


def _thinned(run: Sequence[Value], span: Span, rise: Rise) -> str:
    """A line of which each part of the width keeps its first, lowest, highest and last value, in order."""
    bins: dict[int, list[Value]] = {}
    for one in run:
        part = int((span.x(one.observed_at) - LEFT) / (RIGHT - LEFT) * BINS)
        bins.setdefault(part, []).append(one)
    points: list[str] = []
    for held in bins.values():
        low, high = (pick(range(len(held)), key=lambda at: held[at].value) for pick in (min, max))
        for at in sorted({0, low, high, len(held) - 1}):
            point = f"{span.x(held[at].observed_at)},{rise.y(float(held[at].value))}"
            if not points or points[-1] != point:
                points.append(point)
    return " ".join(points)


def _times(span: Span, zone: tzinfo) -> tuple[Dash, ...]:
    """Whole hours and parts of them by the clock, as close as their words allow."""
    minutes = (span.ends - span.begins).total_seconds() / 60
    step = next((each for each in GRID_MINUTES if minutes / each <= MOST_LABELS), GRID_MINUTES[-1])
    local = span.begins.astimezone(zone)
    at = local.replace(minute=0, second=0, microsecond=0) - timedelta(hours=local.hour % max(1, step // 60))
    found: list[Dash] = []
    while at <= span.ends and len(found) <= 2 * MOST_LABELS:
        if at >= span.begins:
            found.append(Dash(span.x(at), words=f"{at.astimezone(zone):%H:%M}"))
        at += timedelta(minutes=step)
    return tuple(found)


def _lanes(session: Session, span: Span, top: float) -> Iterable[Lane]:
    for number, title in enumerate(session.lanes):
        marks = sorted({span.x(one.at) for one in session.marks if one.lane == title})
        yield Lane(title, round(top + number * LANE, 1), tuple(marks))


def describe(session: Session, zone: tzinfo) -> str:
    """The drawing in a sentence, for those who hear it."""
    words = []
    pressures = [one for one in pair_pressures(session.values) if one.systolic and one.diastolic]
    if pressures:
        top = max(pressures, key=lambda one: one.systolic or Decimal(0))
        words.append(
            f"{len(pressures)} blood pressures, the highest {top.systolic:.0f}/{top.diastolic:.0f} mmHg "
            f"at {top.observed_at.astimezone(zone):%H:%M}"
        )
    for kind in KINDS:
        numbers = [one.value for one in session.values if one.code == kind.code]
        if numbers:
            words.append(f"{kind.title} {min(numbers):.0f} to {max(numbers):.0f} {kind.unit}")
    words += [
        f"{sum(one.lane == lane for one in session.marks)} marks: {lane.lower()}" for lane in session.lanes
    ]
    return (
        f"Chart of the session. {'; '.join(words)}."
        if words
        else "Chart of the session. Nothing was charted."
    )
