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
    Moment,
    Side,
    Sort,
    Story,
    Voice,
    day,
    describe,
    dose_row,
    exercise_rows,
    headline,
    insight_row,
    moment_row,
    plain,
    rows,
    session_row,
    total_rows,
)
from bothwell.web.score_shapes import (
    A_EDGE,
    A_TOP,
    AGREED,
    B_BOTTOM,
    B_EDGE,
    CHARACTER_OF_MONTH,
    CHARACTER_OF_QUOTE,
    CHECK_INS,
    EXERCISE_LANES,
    LEFT,
    SESSION_RADIUS,
    SIGNED,
    STAVE,
    TO_TOUCH,
    TODAY_WIDTH,
    WIDTH,
    BandStrip,
    Box,
    Days,
    DoseMark,
    ExerciseMark,
    Hit,
    LinkMark,
    Month,
    Place,
    Score,
    SessionMark,
    SideDrawing,
    Text,
    Totals,
    apart,
    box_of,
    diamonds,
    dots,
    first_free,
    gathered,
    in_time,
    leaves,
    months,
    scale,
    weeks,
)


def draw(story: Story, *, mirrored: bool = True, counts: bool = True) -> Score:
    """The geometry of the whole story. A side without a line is drawn from nothing but its name.

    Without `counts` its words count nothing over both: for one of the two.
    """
    days = Days(story.begins, story.ends)
    taken: list[Box] = []
    sessions = _sessions(story, days, taken)
    reach = max((session.small for session in sessions), default=0) or SESSION_RADIUS
    links = _links(story, days, taken, reach)
    bars = _bars(story, days)
    exercises = _exercises(bars, days, taken)
    a, b = (_side(story, voice, days, mirrored, taken) for voice in story.voices)
    in_view = days.holds(story.today)
    today_x = days.x(story.today) if in_view else None
    words_x = _words_of_today_x(today_x) if today_x is not None else 0.0
    agreed = [(days.x(one.on), STAVE + AGREED, one) for one in _moments(story, days, Sort.AGREED)]
    span = f"{day(story.begins)} to {day(story.ends)} {story.ends.year}"
    return Score(
        title=f"{story.a.name} and {story.b.name}, {span}",
        description=describe(story, counts=counts),
        headline=headline(story),
        mirrored=mirrored,
        a=a,
        b=b,
        months=clear_of_today(months(days), words_x if in_view else None),
        weeks=weeks(days),
        sessions=sessions,
        links=links,
        exercises=exercises,
        agreed=diamonds((x, y) for x, y, one in agreed if not one.ended),
        unagreed=diamonds((x, y) for x, y, one in agreed if one.ended),
        hits=_hits(story, days, (a, b), bars),
        today_x=today_x,
        today_words_x=words_x,
        today_words=f"Today {day(story.today)}",
        today_in_session=any(session.on == story.today for session in story.sessions),
        rows=rows(story),
        key=reliable_key(story),
    )


def _words_of_today_x(today_x: float) -> float:
    """The middle of the words on today's line: near it, and whole on the paper."""
    return min(max(today_x, LEFT + TODAY_WIDTH / 2), WIDTH - TODAY_WIDTH / 2)


def _moments(story: Story, days: Days, sort: Sort, side: Side | None = None) -> list[Moment]:
    return [one for one in story.moments if one.sort is sort and one.side is side and days.holds(one.on)]


def _check_ins_y(side: Side) -> float:
    return STAVE - CHECK_INS if side is Side.A else STAVE + CHECK_INS


def _signed_y(side: Side) -> float:
    return A_TOP - SIGNED if side is Side.A else B_BOTTOM + SIGNED


def _hits(
    story: Story, days: Days, sides: tuple[SideDrawing, SideDrawing], bars: Sequence[Bar]
) -> tuple[Hit, ...]:
    """Everything that can be pointed at, lane by lane, in the order of time."""
    names = {voice.side: voice.name for voice in story.voices}
    hits: list[Hit] = []
    for voice, drawn in zip(story.voices, sides, strict=True):
        edge = A_EDGE if voice.side is Side.A else B_EDGE
        totals = [row for row in total_rows(voice) if days.holds(row.on)]
        hits += gathered(((at.x, at.y, row) for at, row in zip(drawn.points, totals, strict=True)), 10)
        doses = [dose for dose in sorted(voice.doses, key=lambda dose: dose.on) if days.holds(dose.on)]
        hits += [
            Hit(mark.x, mark.y, 12, (dose_row(voice, dose),))
            for mark, dose in zip(drawn.doses, doses, strict=True)
        ]
        given = [one for one in story.insights if one.side is voice.side and days.holds(one.on)]
        hits += gathered(((days.x(one.on), edge, insight_row(one, names)) for one in given), 10)
        for sort, y in ((Sort.CHECK_IN, _check_ins_y(voice.side)), (Sort.SIGNED, _signed_y(voice.side))):
            told = _moments(story, days, sort, voice.side)
            hits += gathered(((days.x(one.on), y, moment_row(one, names)) for one in told), 8)
    agreed = _moments(story, days, Sort.AGREED)
    hits += gathered(((days.x(one.on), STAVE + AGREED, moment_row(one, names)) for one in agreed), 10)
    met = [one for one in story.sessions if days.holds(one.on)]
    hits += gathered(((days.x(one.on), STAVE, session_row(one)) for one in met), SESSION_RADIUS + 3)
    for exercise, _, _, y in bars:
        weeks_of = [row for row in exercise_rows(exercise) if days.holds(row.on)]
        hits += gathered(((days.x(row.on), y + 5, row) for row in weeks_of), 8)
    return in_time(hits)


def clear_of_today(marks: Sequence[Month], today_x: float | None) -> tuple[Month, ...]:
    """The months, each name short or left out where the words of today would lie on it."""
    if today_x is None:
        return tuple(marks)
    today = Box(today_x - TODAY_WIDTH / 2, 6, today_x + TODAY_WIDTH / 2, 30)
    return tuple(
        next(
            (
                replace(mark, label=label)
                for label in (mark.label, "" if mark.label.isdigit() else mark.label[:3])
                if not box_of(Text(mark.x + 8, 18, label), 13, CHARACTER_OF_MONTH).touches(today)
            ),
            replace(mark, label=""),
        )
        for mark in marks
    )


def reliable_key(story: Story) -> str:
    """What counts as reliable for the instruments shown: published are reached, computed are passed."""
    days = Days(story.begins, story.ends)
    from_lines = [
        (voice.line.label, voice.line.scale)
        for voice in story.voices
        if voice.line and not voice.line.is_plain and any(days.holds(on) for on, _ in voice.line.totals)
    ]
    parts = []
    for label, of in dict.fromkeys(from_lines):
        try:
            needed = threshold(of)
        except ValueError:
            continue
        sign = "≥" if needed.published else ">"
        parts.append(f"{label} {sign} {plain(round(needed.points, 1))}")
    return f"{', '.join(parts)} points" if parts else ""


def _side(story: Story, voice: Voice, days: Days, mirrored: bool, taken: list[Box]) -> SideDrawing:
    above = voice.side is Side.A
    edge, outer = (A_EDGE, A_TOP) if above else (B_EDGE, B_BOTTOM)
    line = voice.line if voice.line and any(days.holds(on) for on, _ in voice.line.totals) else None
    totals = scale(line, voice.side, mirrored) if line else None
    points = _points(line, totals, days) if line and totals else ()
    ring = _ring(line, points, days) if line and not voice.is_given else None
    taken += _line_boxes(points)
    first, last = _end_labels(() if voice.is_given else points, above, taken)
    return SideDrawing(
        side=voice.side,
        name=voice.name,
        measure=_measure(line) if line else (),
        absent="" if line else voice.absent,
        edge_y=edge,
        outer_y=outer,
        bands=_bands(line, totals, edge, outer) if line and totals else (),
        ticks=_ticks(line, totals) if line and totals else (),
        points=tuple(points),
        polyline="" if voice.is_given or not line or not totals else polyline(_through(line, totals, days)),
        marks=_marks(voice.side, points),
        first=first,
        last=last,
        ring=ring[0] if ring else None,
        ring_label=_ring_label(*ring, above, taken) if ring else None,
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
    places = [(days.x(one.on), _check_ins_y(side)) for one in _moments(story, days, Sort.CHECK_IN, side)]
    return dots(side, places, 3.2 if apart(sorted(x for x, _ in places)) >= 8 else 2)


def _signed(story: Story, side: Side, days: Days, *, ended: bool) -> list[tuple[float, float]]:
    told = _moments(story, days, Sort.SIGNED, side)
    return [(days.x(one.on), _signed_y(side)) for one in told if one.ended is ended]


def _points(line: Line, totals: Totals, days: Days) -> tuple[Place, ...]:
    return tuple(
        Place(days.x(on), totals.y(total), plain(total)) for on, total in line.totals if days.holds(on)
    )


def _through(line: Line, totals: Totals, days: Days) -> tuple[Place, ...]:
    """The points in the picture, and one on either side of it where the line comes from and goes to."""
    shown = [at for at, (on, _) in enumerate(line.totals) if days.holds(on)]
    kept = line.totals[max(shown[0] - 1, 0) : shown[-1] + 2]
    return tuple(Place(days.x(on), totals.y(total), "") for on, total in kept)


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


def _ring(line: Line, points: Sequence[Place], days: Days) -> tuple[Place, Held] | None:
    held = line.held
    if held is None:
        return None
    before = sum(1 for on, _ in line.totals if on < days.begins)
    place = held.index - before
    return (points[place], held) if 0 <= place < len(points) else None


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


def _sessions(story: Story, days: Days, taken: list[Box]) -> tuple[SessionMark, ...]:
    """Whole marks with their day as long as there is room; plain beads where sessions stand close."""
    held = sorted((one for one in story.sessions if days.holds(one.on)), key=lambda session: session.on)
    room = apart([days.x(session.on) for session in held])
    small = 0 if room >= 2 * SESSION_RADIUS + 2 else 6.5 if room >= TO_TOUCH else 3.4
    marks: list[SessionMark] = []
    labelled = -1000.0
    for session in held:
        x = days.x(session.on)
        fits = not small and x - labelled >= 48 and session.on != story.today
        labelled = x if fits else labelled
        radius = 0 if session.on == story.today else small
        marks.append(SessionMark(x, session.state, day(session.on) if fits else "", radius))
        half = small + 4 if small else 20
        taken.append(Box(x - half, STAVE - half, x + half, STAVE + (42 if fits else half)))
    return tuple(marks)


def _links(story: Story, days: Days, taken: list[Box], reach: float) -> tuple[LinkMark, ...]:
    marks = []
    for insight in sorted(story.insights, key=lambda insight: insight.on):
        if not days.holds(insight.on):
            continue
        x, y = days.x(insight.on), A_EDGE if insight.side is Side.A else B_EDGE
        taken.append(Box(x - 8, y - 8, x + 8, y + 8))
        path = ""
        if insight.taken_up_on and days.holds(insight.taken_up_on):
            path = _curve(x, y, days.x(insight.taken_up_on), reach, taken)
        marks.append(LinkMark(insight.side, x, y, path))
    return tuple(marks)


def _curve(x: float, y: float, to_x: float, reach: float, taken: list[Box]) -> str:
    end = STAVE - reach + 1 if y < STAVE else STAVE + reach - 1
    one, two = round(y + 0.62 * (end - y), 1), round(y + 0.42 * (end - y), 1)
    for step in range(1, 10):
        t = step / 10
        at_x = x * ((1 - t) ** 3 + 3 * (1 - t) ** 2 * t) + to_x * (3 * (1 - t) * t**2 + t**3)
        at_y = y * (1 - t) ** 3 + 3 * one * (1 - t) ** 2 * t + 3 * two * (1 - t) * t**2 + end * t**3
        taken.append(Box(at_x - 5, at_y - 6, at_x + 5, at_y + 6))
    return f"M{x},{y} C{x},{one} {to_x},{two} {to_x},{end}"


Bar = tuple[Exercise, float, float, float]
"""An exercise with its left end, its width and its height in the picture."""


def _bars(story: Story, days: Days) -> list[Bar]:
    """Newest first, each in the first lane that is free; those without a free lane stand in the table."""
    shown = [one for one in story.exercises if one.begins <= days.ends and one.ends >= days.begins]
    lanes: dict[float, list[tuple[float, float]]] = {lane: [] for lane in EXERCISE_LANES}
    bars: list[Bar] = []
    for exercise in sorted(shown, key=lambda one: one.begins, reverse=True):
        x, width = _extent(exercise, days)
        for lane, held in lanes.items():
            if all(x > right + 10 or x + width < left - 10 for left, right in held):
                held.append((x, x + width))
                bars.append((exercise, x, width, lane))
                break
    return bars


def _extent(exercise: Exercise, days: Days) -> tuple[float, float]:
    """Left end and width; a bar is never shorter than its round ends."""
    left = days.x(max(exercise.begins, days.begins))
    return left, round(max(days.x(min(exercise.ends, days.ends)) - left, 12.0), 1)


def _exercises(bars: Sequence[Bar], days: Days, taken: list[Box]) -> tuple[ExerciseMark, ...]:
    taken += [Box(x, y - 2, x + width, y + 12) for _, x, width, y in bars]
    return tuple(_exercise(*bar, days, taken) for bar in bars)


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
    if width > 300:  # within a long bar, where nothing else has room
        places.append(Text(x + 10, y - 4, exercise.name))
    return ExerciseMark(x, y, width, weeks, first_free(places, 12.5, taken))
