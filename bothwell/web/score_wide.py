"""Draws the score for a desk and for one sheet of paper: A above, B below, us between, time to the right.

It computes places from what it is given, and nothing else; a line that is not given leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

from bothwell.instruments.change import threshold
from bothwell.instruments.instrument import Band, Better
from bothwell.web.score import (
    Exercise,
    Held,
    Line,
    Side,
    Story,
    Voice,
    day,
    describe,
    headline,
    held_change,
    plain,
    rows,
)
from bothwell.web.score_shapes import (
    A_EDGE,
    A_TOP,
    B_BOTTOM,
    B_EDGE,
    CHARACTER_OF_QUOTE,
    EXERCISE_LANES,
    LEFT,
    SESSION_RADIUS,
    STAVE,
    TODAY_WIDTH,
    BandStrip,
    Box,
    Days,
    DoseMark,
    ExerciseMark,
    LinkMark,
    Month,
    Place,
    Score,
    SessionMark,
    SideDrawing,
    Text,
    Totals,
    box_of,
    first_free,
    months,
    scale,
    weeks,
)


def draw(story: Story, *, mirrored: bool = True) -> Score:
    """The geometry of the whole story. A side without a line is drawn from nothing but its name."""
    days = Days(story.begins, story.ends)
    taken: list[Box] = []
    sessions = _sessions(story, days, taken)
    links = _links(story, days, taken)
    exercises = _exercises(story, days, taken)
    a, b = (_side(story, voice, days, mirrored, taken) for voice in story.voices)
    in_view = days.holds(story.today)
    span = f"{day(story.begins)} to {day(story.ends)} {story.ends.year}"
    return Score(
        title=f"{story.a.name} and {story.b.name}, {span}",
        description=describe(story),
        headline=headline(story),
        mirrored=mirrored,
        a=a,
        b=b,
        months=clear_of_today(months(days), days.x(story.today) if in_view else None),
        weeks=weeks(days),
        sessions=sessions,
        links=links,
        exercises=exercises,
        today_x=days.x(story.today) if in_view else None,
        today_words=f"Today {day(story.today)}",
        today_in_session=any(session.on == story.today for session in story.sessions),
        rows=rows(story),
        key=reliable_key(story),
    )


def clear_of_today(marks: Sequence[Month], today_x: float | None) -> tuple[Month, ...]:
    """The months, each name short or left out where the words of today would lie on it."""
    if today_x is None:
        return tuple(marks)
    today = Box(today_x - TODAY_WIDTH / 2, 6, today_x + TODAY_WIDTH / 2, 30)
    return tuple(
        next(
            (
                replace(mark, label=label)
                for label in (mark.label, mark.label[:3])
                if not box_of(Text(mark.x + 8, 18, label), 13).touches(today)
            ),
            replace(mark, label=""),
        )
        for mark in marks
    )


def reliable_key(story: Story) -> str:
    """What counts as reliable for the instruments shown: published are reached, computed are passed."""
    from_lines = [voice.line.instrument for voice in story.voices if voice.line]
    parts = []
    for instrument in dict.fromkeys(from_lines):
        try:
            needed = threshold(instrument.measure)
        except ValueError:
            continue
        sign = "≥" if needed.published else ">"
        parts.append(f"{instrument.short} {sign} {plain(round(needed.points, 1))}")
    return f"{', '.join(parts)} points" if parts else ""


def _side(story: Story, voice: Voice, days: Days, mirrored: bool, taken: list[Box]) -> SideDrawing:
    above = voice.side is Side.A
    edge, outer = (A_EDGE, A_TOP) if above else (B_EDGE, B_BOTTOM)
    line = voice.line if voice.line and any(days.holds(on) for on, _ in voice.line.totals) else None
    totals = scale(line, voice.side, mirrored) if line else None
    points = _points(line, totals, days) if line and totals else ()
    ring = _ring(line, points) if line else None
    taken += _line_boxes(points)
    first, last = _end_labels(points, above, taken)
    return SideDrawing(
        side=voice.side,
        name=voice.name,
        measure=f"{line.label}, {plain(line.scale.least)}–{plain(line.scale.most)}" if line else "",
        absent="" if line else voice.absent,
        edge_y=edge,
        outer_y=outer,
        bands=_bands(line, totals, edge, outer) if line and totals else (),
        ticks=_ticks(line, totals) if line and totals else (),
        points=tuple(points),
        polyline=polyline(points),
        first=first,
        last=last,
        ring=ring[0] if ring else None,
        ring_label=_ring_label(*ring, above, taken) if ring else None,
        better=_arrow(line, voice.side, mirrored) if line else "",
        better_y=_arrow_middle(voice.side) + 4,
        doses=_doses(voice, days, edge, outer),
        quotes=_quotes(story, voice, days, taken),
    )


def _points(line: Line, totals: Totals, days: Days) -> tuple[Place, ...]:
    return tuple(
        Place(days.x(on), totals.y(total), plain(total)) for on, total in line.totals if days.holds(on)
    )


def polyline(points: Sequence[Place]) -> str:
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


def _ring(line: Line, points: Sequence[Place]) -> tuple[Place, Held] | None:
    held = held_change(line)
    shown = len(line.totals) - len(points)  # totals before the picture begins
    if held is None or held.index < shown or held.index - shown >= len(points):
        return None
    return points[held.index - shown], held


def _ring_label(place: Place, held: Held, above: bool, taken: list[Box]) -> Text | None:
    away, towards = (-16, 27) if above else (27, -16)
    further = 1.5
    candidates = [
        Text(place.x + 13, place.y + away, held.words),
        Text(place.x + 13, place.y + away * further, held.words),
        Text(place.x - 13, place.y + towards, held.words, "end"),
        Text(place.x - 13, place.y + towards * further, held.words, "end"),
        Text(place.x + 13, place.y + towards * further, held.words),
    ]
    return first_free(candidates, 12.5, taken)


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
    return 170 if side is Side.A else 510


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
        marks.append(DoseMark(x, base + inward if crowded else base, edge, dose.number, dose.planned))
    return tuple(marks)


def _quotes(story: Story, voice: Voice, days: Days, taken: list[Box]) -> tuple[Text, ...]:
    """The newest shared words with room beside their mark: one for each side, so that it stays calm."""
    lanes = (258, 278, 296) if voice.side is Side.A else (414, 394, 440)
    for insight in sorted(story.insights, key=lambda insight: insight.on, reverse=True):
        if insight.side is not voice.side or not insight.words or not days.holds(insight.on):
            continue
        words, x = f"“{insight.words}”", days.x(insight.on)
        places = [Text(x - 12, y, words, "end") for y in lanes] + [Text(x + 12, y, words) for y in lanes]
        if len(words) <= 60 and (found := first_free(places, 15, taken, CHARACTER_OF_QUOTE)):
            return (found,)
    return ()


def _sessions(story: Story, days: Days, taken: list[Box]) -> tuple[SessionMark, ...]:
    marks: list[SessionMark] = []
    labelled = -1000.0
    for session in sorted(story.sessions, key=lambda session: session.on):
        if not days.holds(session.on):
            continue
        x = days.x(session.on)
        room = x - labelled >= 48 and session.on != story.today
        labelled = x if room else labelled
        marks.append(SessionMark(x, session.state, day(session.on) if room else ""))
        taken.append(Box(x - 20, STAVE - 20, x + 20, STAVE + (42 if room else 20)))
    return tuple(marks)


def _links(story: Story, days: Days, taken: list[Box]) -> tuple[LinkMark, ...]:
    marks = []
    for insight in sorted(story.insights, key=lambda insight: insight.on):
        if not days.holds(insight.on):
            continue
        x, y = days.x(insight.on), A_EDGE if insight.side is Side.A else B_EDGE
        taken.append(Box(x - 8, y - 8, x + 8, y + 8))
        path = ""
        if insight.taken_up_on and days.holds(insight.taken_up_on):
            path = _curve(x, y, days.x(insight.taken_up_on), taken)
        marks.append(LinkMark(insight.side, x, y, path))
    return tuple(marks)


def _curve(x: float, y: float, to_x: float, taken: list[Box]) -> str:
    end = STAVE - SESSION_RADIUS + 1 if y < STAVE else STAVE + SESSION_RADIUS - 1
    one, two = round(y + 0.62 * (end - y), 1), round(y + 0.42 * (end - y), 1)
    for step in range(1, 10):
        t = step / 10
        at_x = x * ((1 - t) ** 3 + 3 * (1 - t) ** 2 * t) + to_x * (3 * (1 - t) * t**2 + t**3)
        at_y = y * (1 - t) ** 3 + 3 * one * (1 - t) ** 2 * t + 3 * two * (1 - t) * t**2 + end * t**3
        taken.append(Box(at_x - 5, at_y - 6, at_x + 5, at_y + 6))
    return f"M{x},{y} C{x},{one} {to_x},{two} {to_x},{end}"


def _exercises(story: Story, days: Days, taken: list[Box]) -> tuple[ExerciseMark, ...]:
    """The newest four in lanes of their own; older ones are in the table."""
    shown = [e for e in story.exercises if e.begins <= days.ends and e.ends >= days.begins]
    newest = sorted(shown, key=lambda e: e.begins)[-len(EXERCISE_LANES) :]
    bars = [
        (exercise, *_bar(exercise, days), lane)
        for exercise, lane in zip(newest, EXERCISE_LANES, strict=False)
    ]
    taken += [Box(x, y - 2, x + width, y + 12) for _, x, width, y in bars]
    return tuple(_exercise(*bar, days, taken) for bar in bars)


def _bar(exercise: Exercise, days: Days) -> tuple[float, float]:
    """Left end and width; a bar is never shorter than its round ends."""
    left = days.x(max(exercise.begins, days.begins))
    return left, round(max(days.x(min(exercise.ends, days.ends)) - left, 12.0), 1)


def _exercise(
    exercise: Exercise, x: float, width: float, y: float, days: Days, taken: list[Box]
) -> ExerciseMark:
    weeks = tuple((days.x(on), done) for on, done in exercise.weeks if days.holds(on))
    places = [
        Text(x - 8, y + 9.5, exercise.name, "end"),
        Text(x + width + 8, y + 9.5, exercise.name),
        Text(x + 2, y - 6, exercise.name),
        Text(x + 2, y + 25, exercise.name),
    ]
    return ExerciseMark(x, y, width, weeks, first_free(places, 12.5, taken))
