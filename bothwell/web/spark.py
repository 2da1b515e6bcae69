"""Small lines: one's own course on a home page, and the last readings on a tile of the board.

Places only. It never compares two people and never says why a line moved.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from bothwell.instruments.instrument import Better
from bothwell.web.score import Line, Row, Side, day, describe_line, plain
from bothwell.web.score_shapes import Place, Text

WIDTH, HEIGHT = 350, 122
TOP, BOTTOM = 12, 100
FIRST_X, LAST_X = 10, 336


@dataclass(frozen=True, slots=True)
class Strip:
    """A severity band across the picture."""

    y: float
    height: float
    tone: int


@dataclass(frozen=True, slots=True)
class Trend:
    """One person's own line; numbers rise upwards and the two ends are named in plain words."""

    side: Side
    description: str
    strips: tuple[Strip, ...]
    points: tuple[Place, ...]
    polyline: str
    last: Place | None
    high: Text
    low: Text
    first_day: Text | None
    last_day: Text | None
    rows: tuple[Row, ...]
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class Spark:
    """The last readings in 56 by 34 units, for a tile."""

    polyline: str
    x: float
    y: float


def trend(
    line: Line, side: Side, begins: date, ends: date, *, heavier: str = "heavier", lighter: str = "lighter"
) -> Trend:
    """The geometry of one line from `begins` to `ends`; totals outside are left out."""
    shown = [(on, total) for on, total in line.totals if begins <= on <= ends]
    days = max((ends - begins).days, 1)
    least, most = line.scale.least, line.scale.most

    def y(total: Decimal) -> float:
        return round(BOTTOM - float((total - least) / (most - least)) * (BOTTOM - TOP), 1)

    points = tuple(
        Place(round(FIRST_X + (on - begins).days / days * (LAST_X - FIRST_X), 1), y(total), plain(total))
        for on, total in shown
    )
    grave_high = line.scale.better is Better.LOWER
    bands = sorted(line.scale.bands, key=lambda band: band.from_total)
    tops = [y(band.from_total) for band in bands[1:]] + [y(most)]
    strips = tuple(
        Strip(top, round(y(band.from_total) - top, 1), min(band.tone, 3))
        for band, top in zip(bands, tops, strict=False)
    )
    return Trend(
        side=side,
        description=describe_line("You", line),
        strips=strips,
        points=points,
        polyline=" ".join(f"{point.x},{point.y}" for point in points),
        last=points[-1] if points else None,
        high=Text(344, TOP + 14, heavier if grave_high else lighter, "end"),
        low=Text(344, BOTTOM - 4, lighter if grave_high else heavier, "end"),
        first_day=Text(points[0].x, 118, day(shown[0][0])) if points else None,
        last_day=Text(points[-1].x, 118, day(shown[-1][0]), "middle") if len(points) > 1 else None,
        rows=tuple(Row(on, "You", line.label, plain(total)) for on, total in reversed(shown)),
    )


def spark(values: Sequence[float], low: float, high: float) -> Spark | None:
    """The values, oldest first, between two fixed ends so that tiles compare; None without any."""
    if not values:
        return None
    step = 50 / max(len(values) - 1, 1)
    span = (high - low) or 1

    def y(value: float) -> float:
        return round(30 - (min(max(value, low), high) - low) / span * 26, 1)

    points = [(round(2 + number * step, 1), y(value)) for number, value in enumerate(values)]
    if len(points) == 1:
        points = [(2.0, points[0][1]), (52.0, points[0][1])]
    return Spark(" ".join(f"{px},{py}" for px, py in points), *points[-1])
