"""Where everything of the two pictures of an outcome stands: paths between partners, and courses with their bands.

Places only. The partners are not told apart, so nothing here has one partner's colour; every picture has its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bothwell.outcomes.asking import Question, Score, Way, scores, week_words
from bothwell.outcomes.sentences import interval, is_open, number

WIDTH, HEIGHT = 680, 300
BOX_W, BOX_H = 190, 64
LEFT_X, RIGHT_X = 8, WIDTH - BOX_W - 78
TOP_Y, LOW_Y = 34, HEIGHT - BOX_H - 34
GAP: Final = 9


@dataclass(frozen=True, slots=True)
class Box:
    x: int
    y: int
    lines: tuple[str, ...]
    width: int = BOX_W
    height: int = BOX_H

    @property
    def middle(self) -> int:
        return self.x + self.width // 2

    @property
    def texts(self) -> list[tuple[int, str]]:
        """Each line with the height it stands at."""
        first = self.y + self.height // 2 + 5 - 9 * (len(self.lines) - 1)
        return [(first + 18 * n, line) for n, line in enumerate(self.lines)]


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box to another. `who`: actor or partner; `is_open`: the interval includes no link."""

    path: str
    head: str
    who: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class Label:
    x: int
    y: int
    words: str
    below: str
    who: str


@dataclass(frozen=True, slots=True)
class Paths:
    """The picture of actor's and partner's links."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    labels: tuple[Label, ...]
    curve: str
    alike: str
    description: str
    width: int = WIDTH
    height: int = HEIGHT
    beside: int = RIGHT_X + BOX_W + 34


def paths(question: Question, result: Mapping[str, Any]) -> Paths:
    """The two partners one above the other: what goes before on the left, what is asked about on the right."""
    one, other = scores()[question.predictor], scores()[question.outcome]
    what = "change in" if question.way is Way.CHANGE else ""
    beside = ", beside usual" if question.way is Way.MOMENTS else ""
    boxes = tuple(
        Box(x, y, (f"{whose}{how}", *in_lines(f"{what} {score.words}".strip())))
        for score, x, how in ((one, LEFT_X, beside), (other, RIGHT_X, ""))
        for whose, y in (("one partner’s", TOP_Y), ("the other’s", LOW_Y))
    )
    actor, partner = result["paths"]["actor"], result["paths"]["partner"]
    alike = next((each["value"] for each in result.get("spread", ()) if "alike" in each["words"]), None)
    middle = (LEFT_X + BOX_W + RIGHT_X) // 2
    return Paths(
        boxes=boxes,
        arrows=(
            _straight(TOP_Y, is_open(actor)), _straight(LOW_Y, is_open(actor)),
            _across(TOP_Y, LOW_Y, is_open(partner)), _across(LOW_Y, TOP_Y, is_open(partner)),
        ),
        labels=(
            Label(middle, TOP_Y - 8, f"own {number(actor['estimate'])}", within(actor), "actor"),
            Label(middle, HEIGHT // 2 - 3, f"partner’s {number(partner['estimate'])}", within(partner), "partner"),
        ),
        curve=_curve(),
        alike="" if alike is None else number(alike),
        description=_described(question, actor, partner),
    )  # fmt: skip


def in_lines(words: str) -> tuple[str, ...]:
    """At most two lines of some length."""
    if len(words) <= 24:
        return (words,)
    parts = words.split()
    first = ""
    while parts and len(first) + len(parts[0]) < 24:
        first = f"{first} {parts.pop(0)}".strip()
    return tuple(line for line in (first, " ".join(parts)) if line)


def within(path: Mapping[str, float]) -> str:
    """From where to where an interval goes."""
    return f"{number(path['low'])} to {number(path['high'])}"


def _straight(y: int, is_left_open: bool) -> Arrow:
    level, begins, ends = y + BOX_H // 2, LEFT_X + BOX_W + 4, RIGHT_X - 6
    return Arrow(f"M{begins},{level}H{ends - GAP}", f"M{ends},{level}l-12,-6v12z", "actor", is_left_open)


def _across(begins: int, ends: int, is_left_open: bool) -> Arrow:
    lift = 12 if begins < ends else -12
    x1, y1 = LEFT_X + BOX_W + 4, begins + BOX_H // 2 + lift
    x2, y2 = RIGHT_X - 6, ends + BOX_H // 2 - lift
    long = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    dx, dy = (x2 - x1) / long, (y2 - y1) / long
    back_x, back_y = x2 - 12 * dx, y2 - 12 * dy
    head = (
        f"M{x2},{y2}L{back_x - 6 * dy:.1f},{back_y + 6 * dx:.1f}L{back_x + 6 * dy:.1f},{back_y - 6 * dx:.1f}z"
    )
    return Arrow(f"M{x1},{y1}L{back_x:.1f},{back_y:.1f}", head, "partner", is_left_open)


def _curve() -> str:
    x, top, low = RIGHT_X + BOX_W + 3, TOP_Y + BOX_H // 2, LOW_Y + BOX_H // 2
    return f"M{x},{top}C{x + 30},{top + 40} {x + 30},{low - 40} {x},{low}"


def _described(question: Question, actor: Mapping[str, float], partner: Mapping[str, float]) -> str:
    one, other = scores()[question.predictor].words, scores()[question.outcome].words
    if question.way is Way.CHANGE:
        told, then = f"change in {one}", f"change in {other}"
    else:
        told, then = f"{one}, beside what is usual for them,", other
    return (
        f"Two partners who are not told apart. From one’s own {told} to one’s own {then}: "
        f"{number(actor['estimate'])} ({interval(actor['low'], actor['high'])}). From the partner’s {told} to one’s "
        f"own {then}: {number(partner['estimate'])} ({interval(partner['low'], partner['high'])})."
    )


# ── courses ──────────────────────────────────────────────────────────────────────────────────────

C_WIDTH, C_HEIGHT = 360, 210
C_LEFT, C_RIGHT, C_TOP, C_LOW = 40, 348, 16, 172


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    words: str


@dataclass(frozen=True, slots=True)
class Course:
    """One score over the weeks: the mean, its band, and the words of both."""

    key: str
    title: str
    line: str
    band: str
    dots: tuple[tuple[float, float], ...]
    weeks: tuple[Tick, ...]
    marks: tuple[Tick, ...]
    rows: tuple[Mapping[str, Any], ...]
    better: str
    points: str
    description: str
    width: int = C_WIDTH
    height: int = C_HEIGHT
    left: int = C_LEFT
    panel: int = C_RIGHT - C_LEFT
    top: int = C_TOP
    tall: int = C_LOW - C_TOP


def course(key: str, points: Sequence[Mapping[str, Any]]) -> Course:
    """The geometry of one course."""
    score = scores()[key]
    low, high = _range(score, points)
    first, last = points[0]["week"], points[-1]["week"]

    def x(week: int) -> float:
        part = (week - first) / (last - first) if last > first else 0.5
        return round(C_LEFT + 14 + part * (C_RIGHT - C_LEFT - 28), 1)

    def y(value: float) -> float:
        return round(C_LOW - (min(max(value, low), high) - low) / (high - low) * (C_LOW - C_TOP), 1)

    upper = [f"{x(each['week'])},{y(each['high'])}" for each in points]
    lower = [f"{x(each['week'])},{y(each['low'])}" for each in reversed(points)]
    dots = tuple((x(each["week"]), y(each["mean"])) for each in points)
    return Course(
        key=key,
        title=score.title,
        line=" ".join(f"{one},{other}" for one, other in dots),
        band=" ".join([*upper, *lower]),
        dots=dots,
        weeks=tuple(Tick(x(each["week"]), str(each["week"])) for each in points),
        marks=tuple(Tick(y(value), f"{value:g}") for value in _marks(low, high)),
        rows=tuple(points),
        better="lower is better" if score.hoped == "falling" else "higher is better",
        points=f"points, of {score.scale.least:g} to {score.scale.most:g}",
        description=_course_words(score, points),
    )


def _range(score: Score, points: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The part of the scale that the bands need, and some air."""
    least, most = float(score.scale.least), float(score.scale.most)
    low, high = min(each["low"] for each in points), max(each["high"] for each in points)
    air = max((high - low) * 0.15, (most - least) * 0.03)
    return max(least, low - air), min(most, high + air)


def _marks(low: float, high: float) -> list[float]:
    """A few round numbers within."""
    for step in (0.5, 1, 2, 5, 10, 20, 25, 50, 100):
        found = [n * step for n in range(int(low // step), int(high // step) + 1) if low <= n * step <= high]
        if len(found) <= 5:
            return found
    return []


def _course_words(score: Score, points: Sequence[Mapping[str, Any]]) -> str:
    told = ", ".join(
        f"{week_words(each['week'])} {number(each['mean'])} ({number(each['low'])} to {number(each['high'])})"
        for each in points
    )
    return f"{score.title}, mean over both partners of every couple and its 95 % interval: {told}."
