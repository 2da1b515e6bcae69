"""Draws the score for a phone: time upright, newest on top, one's own line beside what is shared.

Of the other partner it draws only what that partner gave: the other's line and doses are dropped before
anything is computed. With `hidden` one's own line leaves the picture and the table too, for looking together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from bothwell.web.score import (
    Exercise,
    Line,
    Moment,
    Row,
    SessionState,
    Side,
    Sort,
    Story,
    Voice,
    day,
    describe,
    dose_row,
    exercise_rows,
    insight_row,
    moment_row,
    plain,
    rows,
    session_row,
    total_rows,
)
from bothwell.web.score_shapes import (
    TO_TOUCH,
    Hit,
    Place,
    Text,
    apart,
    diamonds,
    dots,
    gathered,
    in_time,
    leaves,
)

WIDTH = 350
OWN_EDGE, STAVE, OTHER_EDGE = 118, 194, 270
LINE_OUTER, LINE_INNER = 16, 110  # where the worst and the best total stand
TOP, BOTTOM = 34, 18
UNITS_A_DAY, LOWEST, TALLEST = 6.9, 420, 1300
DOSE, SIGNED, OTHERS = 14, 36, 337  # one's own doses and what one signed; what the other gave, far from us
CHECK_INS, AGREED = 38, 22  # from the middle stave
BARS = (OWN_EDGE + 10, OTHER_EDGE - 18)  # lanes of the exercises


@dataclass(frozen=True, slots=True)
class Strip:
    """A severity band as a column of one's own lane."""

    x: float
    width: float
    tone: int


@dataclass(frozen=True, slots=True)
class Bead:
    """A mark on the upright: a dose, a session or an insight; `path` leads an insight to its session."""

    x: float
    y: float
    words: str = ""
    state: str = ""
    path: str = ""
    small: float = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """An exercise from its last day down to its first, a dot for each week."""

    x: float
    y: float
    height: float
    weeks: tuple[tuple[float, bool], ...]


@dataclass(frozen=True, slots=True)
class Upright:
    """The whole picture, ready for its template; `own` and `other` give colours and shapes."""

    title: str
    description: str
    own: Side
    other: Side
    other_name: str
    other_words: tuple[str, ...]
    other_words_y: float
    hidden: bool
    height: float
    strips: tuple[Strip, ...]
    points: tuple[Place, ...]
    polyline: str
    marks: str
    ring: Place | None
    given: str  # path of totals the other gave
    given_doses: str
    doses: tuple[Bead, ...]
    own_check_ins: str
    other_check_ins: str
    signed: str
    unsigned: str
    agreed: str
    unagreed: str
    bars: tuple[Bar, ...]
    own_insights: tuple[Bead, ...]
    other_insights: tuple[Bead, ...]
    sessions: tuple[Bead, ...]
    months: tuple[Text, ...]
    today: Bead | None
    rows: tuple[Row, ...]
    hits: tuple[Hit, ...]
    width: int = WIDTH


@dataclass(frozen=True, slots=True)
class Fall:
    """Days to y: the last day on top."""

    begins: date
    ends: date

    @property
    def length(self) -> float:
        """Height of the whole time, kept between what a thumb can scroll and what an eye can tell apart."""
        return min(max((self.ends - self.begins).days * UNITS_A_DAY, LOWEST), TALLEST)

    @property
    def is_long(self) -> bool:
        """More than a year: then each January is called by its year."""
        return (self.ends - self.begins).days > 370

    def y(self, on: date) -> float:
        """Where a day stands."""
        part = (self.ends - on).days / max((self.ends - self.begins).days, 1)
        return round(TOP + part * self.length, 1)

    def holds(self, on: date) -> bool:
        """Whether the day is in the picture."""
        return self.begins <= on <= self.ends


def draw(story: Story, own: Side, *, hidden: bool = False) -> Upright:
    """The geometry as `own` sees it, with nothing of the other's line or doses, even if handed in.

    Of the other only what `given` marks as given is drawn: single totals and days, never a line through them.
    """
    story = as_seen_by(story, own, hidden)
    mine, theirs = story.voices if own is Side.A else story.voices[::-1]
    fall = Fall(story.begins, story.ends)
    points = _points(mine.line, fall) if mine.line else ()
    bars = _bars(story, fall)
    agreed = [(STAVE + AGREED, fall.y(one.on), one) for one in _moments(story, fall, Sort.AGREED)]
    return Upright(
        title=f"From {day(story.begins)} to {day(story.ends)} {story.ends.year}, newest on top",
        description=describe(story, counts=False),
        own=own,
        other=theirs.side,
        other_name=theirs.name,
        other_words=_narrow(theirs.absent),
        other_words_y=_between_months(fall),
        hidden=hidden,
        height=round(TOP + fall.length + BOTTOM, 1),
        strips=_strips(mine.line) if mine.line else (),
        points=points,
        polyline=" ".join(f"{x},{y}" for x, y in _through(mine.line, fall)) if mine.line and points else "",
        marks=_marks(own, points),
        ring=_ring(mine.line, fall) if mine.line else None,
        given=dots(theirs.side, [(at.x, at.y) for at in _given(theirs, fall)], 4.2),
        given_doses=dots(
            theirs.side, [(OTHERS, fall.y(one.on)) for one in theirs.doses if fall.holds(one.on)], 7
        ),
        doses=tuple(
            Bead(
                DOSE, fall.y(dose.on), str(dose.number) if dose.number else "", "plan" if dose.planned else ""
            )
            for dose in mine.doses
            if fall.holds(dose.on)
        ),
        own_check_ins=_check_ins(story, fall, own, own),
        other_check_ins=_check_ins(story, fall, theirs.side, own),
        signed=leaves(_signed(story, fall, own, ended=False)),
        unsigned=leaves(_signed(story, fall, own, ended=True)),
        agreed=diamonds(((x, y) for x, y, one in agreed if not one.ended), 6),
        unagreed=diamonds(((x, y) for x, y, one in agreed if one.ended), 6),
        bars=tuple(bar for _, bar in bars),
        own_insights=_insights(story, own, fall, OWN_EDGE),
        other_insights=_insights(story, theirs.side, fall, OTHER_EDGE),
        sessions=_sessions(story, fall),
        months=_months(fall),
        today=_today(story, fall, own),
        rows=rows(story),
        hits=_hits(story, fall, own, points, bars),
    )


def as_seen_by(story: Story, own: Side, hidden: bool) -> Story:
    """The story without what the other has not given, and without one's own when hidden."""

    def seen(voice: Voice) -> Voice:
        if voice.side is own and not hidden:
            return voice
        if voice.side is not own and voice.is_given:
            return voice
        return replace(voice, line=None, doses=(), absent=voice.absent if voice.side is not own else "")

    def told(moment: Moment) -> bool:
        return moment.sort is not Sort.SIGNED or (moment.side is own and not hidden)

    moments = tuple(moment for moment in story.moments if told(moment))
    return replace(story, a=seen(story.a), b=seen(story.b), moments=moments)


def _moments(story: Story, fall: Fall, sort: Sort, side: Side | None = None) -> list[Moment]:
    return [one for one in story.moments if one.sort is sort and one.side is side and fall.holds(one.on)]


def _check_ins(story: Story, fall: Fall, side: Side, own: Side) -> str:
    x = STAVE - CHECK_INS if side is own else STAVE + CHECK_INS
    return dots(side, [(x, fall.y(one.on)) for one in _moments(story, fall, Sort.CHECK_IN, side)], 3)


def _signed_places(story: Story, fall: Fall, own: Side) -> list[tuple[float, float, Moment]]:
    return [(SIGNED, fall.y(one.on), one) for one in _moments(story, fall, Sort.SIGNED, own)]


def _signed(story: Story, fall: Fall, own: Side, *, ended: bool) -> list[tuple[float, float]]:
    return [(x, y) for x, y, one in _signed_places(story, fall, own) if one.ended is ended]


def _given(voice: Voice, fall: Fall) -> tuple[Place, ...]:
    """Totals the other gave, on the days they are of: places on their own lane, whatever the total."""
    return tuple(
        Place(OTHERS, fall.y(on), plain(total))
        for on, total in (voice.line.totals if voice.line else ())
        if fall.holds(on)
    )


def _marks(own: Side, points: tuple[Place, ...]) -> str:
    room = apart(sorted(point.y for point in points))
    shown = points if room >= 7 else points[:1]
    newest = [(points[-1].x, points[-1].y)] if points else []
    return dots(own, [(at.x, at.y) for at in shown], 4) + dots(own, newest, 7)


def _ring(line: Line, fall: Fall) -> Place | None:
    held = line.held
    if held is None or not fall.holds(held.on):
        return None
    return Place(_x(line, line.totals[held.index][1]), fall.y(held.on), held.words)


def _bars(story: Story, fall: Fall) -> list[tuple[Exercise, Bar]]:
    """Newest first, each in the first lane that is free."""
    held: dict[float, list[tuple[float, float]]] = {lane: [] for lane in BARS}
    bars: list[tuple[Exercise, Bar]] = []
    for one in sorted(story.exercises, key=lambda one: one.begins, reverse=True):
        if one.begins > fall.ends or one.ends < fall.begins:
            continue
        top, low = fall.y(min(one.ends, fall.ends)), fall.y(max(one.begins, fall.begins))
        low = max(low, top + 8)
        for lane, rest in held.items():
            if all(top > end + 8 or low < start - 8 for start, end in rest):
                rest.append((top, low))
                weeks = tuple((fall.y(on), done) for on, done in one.weeks if fall.holds(on))
                bars.append((one, Bar(lane, top, round(low - top, 1), weeks)))
                break
    return bars


def _hits(
    story: Story, fall: Fall, own: Side, points: tuple[Place, ...], bars: list[tuple[Exercise, Bar]]
) -> tuple[Hit, ...]:
    """Everything that can be pointed at, lane by lane, in the order of time."""
    names = {voice.side: voice.name for voice in story.voices}
    mine, theirs = story.voices if own is Side.A else story.voices[::-1]
    totals = [row for row in total_rows(mine) if fall.holds(row.on)]
    lanes: list[list[tuple[float, float, Row]]] = [
        [(at.x, at.y, row) for at, row in zip(points, totals, strict=True)],
        [
            (at.x, at.y, row)
            for at, row in zip(
                _given(theirs, fall), [r for r in total_rows(theirs) if fall.holds(r.on)], strict=True
            )
        ],
        [(x, fall.y(row.on), row) for x, row in _dose_rows(mine, theirs) if fall.holds(row.on)],
        [(x, y, moment_row(one, names)) for x, y, one in _signed_places(story, fall, own)],
        [
            (STAVE + AGREED, fall.y(one.on), moment_row(one, names))
            for one in _moments(story, fall, Sort.AGREED)
        ],
        [(STAVE, fall.y(one.on), session_row(one)) for one in story.sessions if fall.holds(one.on)],
    ]
    for voice, edge, at in ((mine, OWN_EDGE, -CHECK_INS), (theirs, OTHER_EDGE, CHECK_INS)):
        given = [one for one in story.insights if one.side is voice.side and fall.holds(one.on)]
        lanes.append([(edge, fall.y(one.on), insight_row(one, names)) for one in given])
        told = _moments(story, fall, Sort.CHECK_IN, voice.side)
        lanes.append([(STAVE + at, fall.y(one.on), moment_row(one, names)) for one in told])
    for exercise, bar in bars:
        weeks = [row for row in exercise_rows(exercise) if fall.holds(row.on)]
        lanes.append([(bar.x + 4, fall.y(row.on), row) for row in weeks])
    return in_time(hit for lane in lanes for hit in gathered(lane, 11, upright=True))


def _dose_rows(mine: Voice, theirs: Voice) -> list[tuple[float, Row]]:
    return [
        *((DOSE, dose_row(mine, dose)) for dose in mine.doses),
        *((OTHERS, dose_row(theirs, dose)) for dose in theirs.doses),
    ]


def _narrow(words: str, width: int = 10) -> tuple[str, ...]:
    """A short sentence in lines of a narrow lane: `Ben’s line`, `is his own`."""
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return tuple(lines)


def _between_months(fall: Fall) -> float:
    """A height for words in the other's lane: the middle of the month that lies two thirds down."""
    borders = sorted({TOP, *(month.y for month in _months(fall)), TOP + fall.length})
    aim = TOP + fall.length * 0.62
    above = max(y for y in borders if y <= aim)
    below = min((y for y in borders if y > aim), default=aim)
    return round((above + below) / 2, 1)


def _x(line: Line, total: Decimal) -> float:
    part = float((total - line.worst) / (line.best - line.worst))
    return round(LINE_OUTER + part * (LINE_INNER - LINE_OUTER), 1)


def _points(line: Line, fall: Fall) -> tuple[Place, ...]:
    return tuple(
        Place(_x(line, total), fall.y(on), plain(total)) for on, total in line.totals if fall.holds(on)
    )


def _through(line: Line, fall: Fall) -> list[tuple[float, float]]:
    """The points in the picture, and one on either side of it where the line comes from and goes to."""
    shown = [at for at, (on, _) in enumerate(line.totals) if fall.holds(on)]
    kept = line.totals[max(shown[0] - 1, 0) : shown[-1] + 2]
    return [(_x(line, total), fall.y(on)) for on, total in kept]


def _strips(line: Line) -> tuple[Strip, ...]:
    """From the outer edge inwards, as dark as the band is grave; the calmest is paper."""
    ordered = sorted(line.scale.bands, key=lambda band: _x(line, band.from_total))
    strips, start = [], 0.0
    for number, band in enumerate(ordered, 1):
        following = ordered[number] if number < len(ordered) else None
        end = _x(line, max(band.from_total, following.from_total)) if following else OWN_EDGE
        strips.append(Strip(start, round(end - start, 1), min(band.tone, 3)))
        start = end
    return tuple(strips)


def _insights(story: Story, side: Side, fall: Fall, edge: float) -> tuple[Bead, ...]:
    reach = max((bead.small for bead in _sessions(story, fall)), default=0) or 16
    return tuple(
        _insight(insight.on, insight.taken_up_on, fall, edge, reach)
        for insight in story.insights
        if insight.side is side and fall.holds(insight.on)
    )


def _insight(on: date, taken_up_on: date | None, fall: Fall, edge: float, reach: float) -> Bead:
    end = STAVE - reach if edge < STAVE else STAVE + reach
    y, path = fall.y(on), ""
    if taken_up_on and fall.holds(taken_up_on):
        to_y = fall.y(taken_up_on)
        one, two = round(edge + 0.62 * (end - edge), 1), round(edge + 0.42 * (end - edge), 1)
        path = f"M{edge},{y} C{one},{y} {two},{to_y} {end},{to_y}"
    return Bead(edge, y, path=path)


def _sessions(story: Story, fall: Fall) -> tuple[Bead, ...]:
    held = sorted((one for one in story.sessions if fall.holds(one.on)), key=lambda one: one.on, reverse=True)
    room = apart([fall.y(session.on) for session in held])
    small = 0 if room >= 34 else 6.5 if room >= TO_TOUCH else 3.4
    beads: list[Bead] = []
    above = -1000.0  # y of the label before, going down
    for session in held:
        y = fall.y(session.on)
        is_today = session.state is SessionState.TODAY
        words = "" if is_today or small or y - above < 46 else day(session.on)
        above = y if words else above
        beads.append(Bead(STAVE, y, words, session.state.value, small=0 if is_today else small))
    return tuple(beads)


def _months(fall: Fall) -> tuple[Text, ...]:
    """A line at each first of a month, its name above the line at the right."""
    found, on = [], fall.ends.replace(day=1)
    while on >= fall.begins:
        named = f"{on:%Y}" if on.month == 1 and fall.is_long else f"{on:%b}"
        found.append(Text(342, fall.y(on), named, "end"))
        on = (on - timedelta(days=1)).replace(day=1)
    return tuple(found)


def _today(story: Story, fall: Fall, own: Side) -> Bead | None:
    """Today on the stave; beside it where a session of another day stands there."""
    if not fall.holds(story.today):
        return None
    y, words = fall.y(story.today), f"Today {day(story.today)}"
    if any(session.on == story.today for session in story.sessions):
        return Bead(STAVE, y, words, "session")
    if all(abs(fall.y(session.on) - y) > 32 for session in story.sessions if fall.holds(session.on)):
        return Bead(STAVE, y, words)
    given = [at for voice in story.voices if voice.side is not own for at in _given_y(voice, fall)]
    is_taken = any(-8 < month.y - y < 34 for month in _months(fall)) or any(abs(at - y) < 24 for at in given)
    return Bead(OWN_EDGE / 2 if is_taken else 312, y, "Today", "aside")


def _given_y(voice: Voice, fall: Fall) -> list[float]:
    days = [*(on for on, _ in (voice.line.totals if voice.line else ())), *(one.on for one in voice.doses)]
    return [fall.y(on) for on in days if fall.holds(on)]
