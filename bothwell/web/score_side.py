"""Draws one partner's side of the score for a desk and for paper: bands, line, doses, words, away from the middle.

It knows one side at a time and computes nothing over both; a line that is not given leaves no trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise

from bothwell.instruments.instrument import Band, Better
from bothwell.web.score import (
    Held,
    Line,
    Moment,
    Side,
    Sort,
    Story,
    Voice,
    plain,
)
from bothwell.web.score_shapes import (
    A_EDGE,
    A_TOP,
    B_BOTTOM,
    B_EDGE,
    BAND_NAMES,
    CHARACTER_OF_QUOTE,
    CHECK_INS,
    LEFT,
    SIGNED,
    STAVE,
    BandStrip,
    Box,
    Days,
    DoseMark,
    Place,
    SideDrawing,
    Text,
    Totals,
    apart,
    box_of,
    dots,
    first_free,
    leaves,
    scale,
)


def moments(story: Story, days: Days, sort: Sort, side: Side | None = None) -> list[Moment]:
    """What happened of one sort within these days: to one side, or to both (none)."""
    return [one for one in story.moments if one.sort is sort and one.side is side and days.holds(one.on)]


def check_ins_y(side: Side) -> float:
    """The height of a side's lane of check-ins."""
    return STAVE - CHECK_INS if side is Side.A else STAVE + CHECK_INS


def signed_y(side: Side) -> float:
    """The height of a side's lane of what was signed."""
    return A_TOP - SIGNED if side is Side.A else B_BOTTOM + SIGNED


def draw_side(story: Story, voice: Voice, days: Days, mirrored: bool, taken: list[Box]) -> SideDrawing:
    """One side's geometry; `taken` grows by the boxes on which no further words may lie."""
    above = voice.side is Side.A
    edge, outer = (A_EDGE, A_TOP) if above else (B_EDGE, B_BOTTOM)
    line = voice.line if voice.line and any(days.holds(on) for on, _ in voice.line.totals) else None
    totals = scale(line, voice.side, mirrored) if line else None
    points = _points(line, totals, days) if line and totals else ()
    ring = _ring(line, points, days) if line and not voice.is_given else None
    taken += _line_boxes(points)
    first, last = _end_labels(() if voice.is_given else points, above, taken)
    bands = _bands(line, totals, edge, outer) if line and totals else ()
    return SideDrawing(
        side=voice.side,
        name=voice.name,
        measure=_measure(line) if line else (),
        absent="" if line else voice.absent,
        edge_y=edge,
        outer_y=outer,
        bands=bands,
        ticks=_ticks(line, totals) if line and totals else (),
        points=tuple(points),
        polyline="" if voice.is_given or not line or not totals else _polyline(_through(line, totals, days)),
        marks=_marks(voice.side, points),
        first=first,
        last=last,
        ring=ring[0] if ring else None,
        ring_label=_ring_label(*ring, above, bands, taken) if ring else None,
        better=_arrow(line, voice.side, mirrored) if line else "",
        better_y=_arrow_middle(voice.side) + 4,
        doses=_doses(voice, days, edge, outer),
        quotes=_quotes(story, voice, days, taken),
        check_ins=_check_ins(story, voice.side, days),
        signed=leaves(_signed(story, voice.side, days, ended=False)),
        unsigned=leaves(_signed(story, voice.side, days, ended=True)),
    )


def _measure(line: Line) -> tuple[str, ...]:
    """The name of the score and its range, in lines of the margin."""
    lines: list[str] = []
    for word in f"{line.label}, {plain(line.scale.least)}–{plain(line.scale.most)}".split():
        if lines and len(lines[-1]) + 1 + len(word) <= 15:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return tuple(lines[:2]) if len(lines) <= 2 else (*lines[:1], f"{lines[1][:13]}…")


def _marks(side: Side, points: Sequence[Place]) -> str:
    room = apart([point.x for point in points])
    size = 4.2 if room >= 11 else 2.8 if room >= 7 else 0
    shown = points if size else [points[0], points[-1]] if points else []
    return dots(side, ((point.x, point.y) for point in shown), size or 4.2)


def _check_ins(story: Story, side: Side, days: Days) -> str:
    places = [(days.x(one.on), check_ins_y(side)) for one in moments(story, days, Sort.CHECK_IN, side)]
    return dots(side, places, 3.2 if apart(sorted(x for x, _ in places)) >= 8 else 2)


def _signed(story: Story, side: Side, days: Days, *, ended: bool) -> list[tuple[float, float]]:
    told = moments(story, days, Sort.SIGNED, side)
    return [(days.x(one.on), signed_y(side)) for one in told if one.ended is ended]


def _points(line: Line, totals: Totals, days: Days) -> tuple[Place, ...]:
    return tuple(
        Place(days.x(on), totals.y(total), plain(total)) for on, total in line.totals if days.holds(on)
    )


def _through(line: Line, totals: Totals, days: Days) -> tuple[Place, ...]:
    """The points in the picture, and one on either side of it where the line comes from and goes to."""
    shown = [at for at, (on, _) in enumerate(line.totals) if days.holds(on)]
    kept = line.totals[max(shown[0] - 1, 0) : shown[-1] + 2]
    return tuple(Place(days.x(on), totals.y(total), "") for on, total in kept)


def _polyline(points: Sequence[Place]) -> str:
    """The `points` attribute of a polyline."""
    return " ".join(f"{point.x},{point.y}" for point in points)


def _line_boxes(points: Sequence[Place]) -> list[Box]:
    """Small boxes along the line, so that no words lie on it."""
    boxes = [Box(p.x - 6, p.y - 6, p.x + 6, p.y + 6) for p in points]
    for one, two in pairwise(points):
        for part in (0.25, 0.5, 0.75):
            x, y = one.x + (two.x - one.x) * part, one.y + (two.y - one.y) * part
            boxes.append(Box(x - 4, y - 4, x + 4, y + 4))
    return boxes


def _end_labels(points: Sequence[Place], above: bool, taken: list[Box]) -> tuple[Text | None, Text | None]:
    """The first and the last total in large figures, beside the line and away from us."""
    if not points:
        return None, None
    outer, inner = (-11, 24) if above else (24, -11)
    one, end = points[0], points[-1]
    first = first_free([Text(one.x + 8, one.y + dy, one.words) for dy in (outer, inner)], 16, taken)
    if len(points) == 1:
        return first, None
    places = [Text(end.x, end.y + dy, end.words, "middle") for dy in (outer, inner)]
    last = first_free([*places, Text(end.x + 12, end.y + 6, end.words)], 16, taken)
    return first, last


def _ring(line: Line, points: Sequence[Place], days: Days) -> tuple[Place, Held] | None:
    held = line.held
    if held is None:
        return None
    before = sum(1 for on, _ in line.totals if on < days.begins)
    place = held.index - before
    return (points[place], held) if 0 <= place < len(points) else None


def _ring_label(
    place: Place, held: Held, above: bool, bands: Iterable[BandStrip], taken: list[Box]
) -> Text | None:
    """The words beside the ring; on the name of a band only where there is no other room."""
    away, towards = (-16, 27) if above else (27, -16)
    further = 1.5
    candidates = [
        Text(place.x + 13, place.y + away, held.words),
        Text(place.x + 13, place.y + away * further, held.words),
        Text(place.x - 13, place.y + towards, held.words, "end"),
        Text(place.x - 13, place.y + towards * further, held.words, "end"),
        Text(place.x + 13, place.y + towards * further, held.words),
        Text(place.x - 13, place.y + away, held.words, "end"),
        Text(place.x - 13, place.y + away * further, held.words, "end"),
    ]
    names = [box_of(Text(BAND_NAMES, band.name_y, band.name, "end"), 11.5) for band in bands if band.name]
    clear = [one for one in candidates if not any(box_of(one, 12.5).touches(name) for name in names)]
    return first_free([*clear, *candidates], 12.5, taken)


def _bands(line: Line, totals: Totals, edge: float, outer: float) -> tuple[BandStrip, ...]:
    """Strips that fill the panel from the edge to its outer border, each as dark as its band is grave."""
    ordered = sorted(line.scale.bands, key=lambda band: abs(totals.y(band.from_total) - edge))
    strips, start = [], edge
    for number, band in enumerate(ordered, 1):
        end = _border(band, ordered[number], totals) if number < len(ordered) else outer
        top, height = min(start, end), round(abs(end - start), 1)
        name = band.name if height >= 15 else ""
        strips.append(BandStrip(top, height, min(band.tone, 3), name, round(top + height / 2 + 4, 1)))
        start = end
    return tuple(strips)


def _border(band: Band, following: Band, totals: Totals) -> float:
    """A band begins at its lowest total, so the border stands at the lower end of the higher band."""
    return totals.y(max(band.from_total, following.from_total))


def _ticks(line: Line, totals: Totals) -> tuple[Text, ...]:
    span = line.scale.most - line.scale.least
    step = next(step for step in (1, 2, 5, 10, 20, 25, 50, 100, 200, 500) if span / step <= 6)
    first = -(-line.scale.least // step) * step
    values = [Decimal(v) for v in range(int(first), int(line.scale.most) + 1, step)]
    return tuple(Text(LEFT - 10, totals.y(value) + 4, plain(value), "end") for value in values)


def _arrow_middle(side: Side) -> float:
    return A_EDGE - 62 if side is Side.A else B_EDGE + 62


def _arrow(line: Line, side: Side, mirrored: bool) -> str:
    """An arrow in the margin that points to better."""
    if mirrored:
        down = side is Side.A
    else:
        down = line.scale.better is Better.LOWER
    middle = _arrow_middle(side)
    start, end = (middle - 27, middle + 27) if down else (middle + 27, middle - 27)
    back = end - 7 if down else end + 7
    return f"M72,{start} V{end} M67.5,{back} L72,{end} L76.5,{back}"


def _doses(voice: Voice, days: Days, edge: float, outer: float) -> tuple[DoseMark, ...]:
    """Where two would touch, the second steps inward."""
    marks: list[DoseMark] = []
    inward = 22 if voice.side is Side.A else -22
    base = outer + 4 if voice.side is Side.A else outer - 4
    for dose in sorted(voice.doses, key=lambda dose: dose.on):
        if not days.holds(dose.on):
            continue
        x = days.x(dose.on)
        crowded = bool(marks) and x - marks[-1].x < 22 and marks[-1].y == base
        number = str(dose.number) if dose.number else ""
        marks.append(DoseMark(x, base + inward if crowded else base, edge, number, dose.planned))
    return tuple(marks)


def _quotes(story: Story, voice: Voice, days: Days, taken: list[Box]) -> tuple[Text, ...]:
    """The newest shared words with room beside their mark: one for each side, so that it stays calm."""
    lanes = (
        (A_EDGE + 26, A_EDGE + 46, A_EDGE + 64)
        if voice.side is Side.A
        else (B_EDGE - 40, B_EDGE - 60, B_EDGE - 14)
    )
    for insight in sorted(story.insights, key=lambda insight: insight.on, reverse=True):
        if insight.side is not voice.side or not insight.words or not days.holds(insight.on):
            continue
        words, x = f"“{' '.join(insight.words.split())}”", days.x(insight.on)
        places = [Text(x - 12, y, words, "end") for y in lanes] + [Text(x + 12, y, words) for y in lanes]
        if len(words) <= 60 and (found := first_free(places, 15, taken, CHARACTER_OF_QUOTE)):
            return (found,)
    return ()
