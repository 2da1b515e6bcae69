"""Draws the score for a desk and for one sheet of paper: A above, B below, us between, time to the right.

It computes places from what it is given, and nothing else; a line that is not given leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bothwell.instruments.change import threshold
from bothwell.web.score import (
    Exercise,
    Side,
    Sort,
    Story,
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
    AGREED,
    B_EDGE,
    CHARACTER_OF_MONTH,
    EXERCISE_LANES,
    LEFT,
    SESSION_RADIUS,
    STAVE,
    TO_TOUCH,
    TODAY_WIDTH,
    WIDTH,
    Box,
    Days,
    ExerciseMark,
    Hit,
    LinkMark,
    Month,
    Score,
    SessionMark,
    SideDrawing,
    Text,
    apart,
    box_of,
    diamonds,
    first_free,
    gathered,
    in_time,
    months,
    weeks,
)
from bothwell.web.score_side import check_ins_y, draw_side, moments, signed_y


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
    a, b = (draw_side(story, voice, days, mirrored, taken) for voice in story.voices)
    in_view = days.holds(story.today)
    today_x = days.x(story.today) if in_view else None
    words_x = _words_of_today_x(today_x) if today_x is not None else 0.0
    agreed = [(days.x(one.on), STAVE + AGREED, one) for one in moments(story, days, Sort.AGREED)]
    span = f"{day(story.begins)} to {day(story.ends)} {story.ends.year}"
    return Score(
        title=f"{story.a.name} and {story.b.name}, {span}",
        description=describe(story, counts=counts),
        headline=headline(story),
        mirrored=mirrored,
        a=a,
        b=b,
        months=_clear_of_today(months(days), words_x if in_view else None),
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
        key=_reliable_key(story),
    )


def _words_of_today_x(today_x: float) -> float:
    """The middle of the words on today's line: near it, and whole on the paper."""
    return min(max(today_x, LEFT + TODAY_WIDTH / 2), WIDTH - TODAY_WIDTH / 2)


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
        for sort, y in ((Sort.CHECK_IN, check_ins_y(voice.side)), (Sort.SIGNED, signed_y(voice.side))):
            told = moments(story, days, sort, voice.side)
            hits += gathered(((days.x(one.on), y, moment_row(one, names)) for one in told), 8)
    agreed = moments(story, days, Sort.AGREED)
    hits += gathered(((days.x(one.on), STAVE + AGREED, moment_row(one, names)) for one in agreed), 10)
    met = [one for one in story.sessions if days.holds(one.on)]
    hits += gathered(((days.x(one.on), STAVE, session_row(one)) for one in met), SESSION_RADIUS + 3)
    for exercise, _, _, y in bars:
        weeks_of = [row for row in exercise_rows(exercise) if days.holds(row.on)]
        hits += gathered(((days.x(row.on), y + 5, row) for row in weeks_of), 8)
    return in_time(hits)


def _clear_of_today(marks: Sequence[Month], today_x: float | None) -> tuple[Month, ...]:
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


def _reliable_key(story: Story) -> str:
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
