"""One's own line: how I am, from one's own answers, and the same beside what is ours.

Everything here is made from the reader's own rows and what was given to them, never from the other's line.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.instruments import shelf
from bothwell.instruments.catalogue import NoSuchInstrument
from bothwell.instruments.change import OBSERVATIONS_BEFORE_A_VERDICT, Verdict
from bothwell.instruments.models import Kind, Response
from bothwell.integration.models import CoupleSession
from bothwell.web.around import Nearby, local_now, zone_of
from bothwell.web.score import (
    CouplesSession,
    Dose,
    Line,
    SessionState,
    SharedInsight,
    Side,
    Story,
    Voice,
    stands,
)
from bothwell.web.spark import Trend, trend

LOOKS_BACK: Final = timedelta(days=120)
LOOKS_AHEAD: Final = timedelta(days=21)
LEAST_SHOWN: Final = timedelta(days=28)
MOST_ANSWERS: Final = 400


@dataclass(frozen=True)
class OwnTrend:
    """A drawn line, the sentence that says what it shows, and which kind of answers it is made of."""

    trend: Trend
    sentence: str
    kind: str


def own_line(who: Person) -> tuple[Line, str] | None:
    """Totals on the questionnaire about oneself answered most often, with its kind; None before the first."""
    sent = list(
        Response.objects.filter(
            subject=who,
            status=Response.Status.SENT,
            total__isnull=False,
            kind__in=[Kind.INDIVIDUAL, Kind.PREDOSE],
            sent_at__gte=local_now(who) - 3 * LOOKS_BACK,
        )
        .order_by("-sent_at")
        .values_list("instrument", "kind", "sent_at", "total", "instrument_version")[:MOST_ANSWERS]
    )
    if not sent:
        return None
    often = max(Counter((row[0], row[1]) for row in sent).items(), key=lambda found: (found[1], found[0]))[0]
    version = next(row[4] for row in sent if row[0] == often[0])
    try:
        instrument = shelf.find(who.clinic_id, often[0], version)
    except NoSuchInstrument:  # answered once, no longer in the catalogue
        return None
    if instrument.scale is None:
        return None
    zone = zone_of(who)
    totals = [
        (at.astimezone(zone).date(), total)
        for name, _, at, total, _ in reversed(sent)
        if name == often[0] and at is not None and total is not None
    ]
    return Line(instrument, tuple(totals)), often[1]


def own_trend(who: Person, side: str) -> OwnTrend | None:
    """One's own line for the home page, or None without a single total."""
    found = own_line(who)
    if found is None:
        return None
    line, kind = found
    first, last = line.totals[0][0], line.totals[-1][0]
    room = max(timedelta(days=2), (last - first) * 0.1)  # beside the last point, for its date
    drawn = trend(line, Side(side or "a"), first, last + room)
    return OwnTrend(drawn, in_words(line), kind)


def in_words(line: Line) -> str:
    """What one's own line says: nothing on fewer than three answers, and chance is called chance."""
    if len(line.totals) < OBSERVATIONS_BEFORE_A_VERDICT:
        return "Your first answers. A line says something from the third on."
    since = f"{line.totals[0][0]:%B}"
    match stands(line):
        case Verdict.IMPROVED:
            return f"Lighter than in {since}, and the change is more than chance would explain."
        case Verdict.WORSENED:
            return f"Heavier than in {since}, and the change is more than chance would explain."
        case _:
            return f"Much as in {since}: ups and downs as small as these come by chance."


def own_story(
    nearby: Nearby,
    sessions: Iterable[CoupleSession],
    given: Sequence[tuple[str, datetime]],
    *,
    is_hidden: bool = False,
) -> Story | None:
    """The story on a phone: own line and sessions, what both share, when words were given (side, when).

    With `is_hidden` nothing of one's own is in it, so that not even where the picture begins can tell of it.
    """
    if nearby.couple is None or nearby.partner is None:
        return None
    who, zone, today = nearby.person, zone_of(nearby.person), local_now(nearby.person).date()
    found = None if is_hidden else own_line(who)
    doses = () if is_hidden else tuple(_doses(who))
    ours = tuple(_session(row, zone, today) for row in sessions)
    insights = tuple(SharedInsight(Side(side), at.astimezone(zone).date()) for side, at in given)
    shown = [*(each.on for each in doses), *(each.on for each in ours), *(each.on for each in insights)]
    answered = [on for on, _ in found[0].totals] if found else []
    mine = Voice(Side(nearby.side), "You", found[0] if found else None, doses=doses)
    name = nearby.partner.name_used
    theirs = Voice(Side(nearby.other_side), name, absent=f"{name}’s line stays with {name}")
    return Story(
        a=mine if nearby.side == "a" else theirs,
        b=theirs if nearby.side == "a" else mine,
        begins=_begins(today, [*answered, *shown]),
        ends=today + LOOKS_AHEAD,
        today=today,
        sessions=ours,
        insights=insights,
    )


def _begins(today: date, days: Iterable[date]) -> date:
    """A little before the first thing there is to show, and never further back than the picture reaches."""
    return max(today - LOOKS_BACK, min([today - LEAST_SHOWN, *days]) - timedelta(days=5))


def _session(row: CoupleSession, zone: ZoneInfo, today: date) -> CouplesSession:
    on = row.at.astimezone(zone).date()
    if on == today:
        state = SessionState.TODAY
    else:
        state = SessionState.HELD if row.state == CoupleSession.State.HELD else SessionState.PLANNED
    return CouplesSession(on, row.number, state)


def _doses(who: Person) -> list[Dose]:
    rows = (
        DosingSession.objects.filter(subject=who, scheduled_at__gte=local_now(who) - LOOKS_BACK)
        .exclude(outcome__in=["cancelled", "turned_back"])
        .order_by("scheduled_at")
    )
    zone = zone_of(who)
    return [
        Dose(
            row.scheduled_at.astimezone(zone).date(),
            row.number,
            planned=row.started_at is None and row.ended_at is None,
        )
        for row in rows
    ]
