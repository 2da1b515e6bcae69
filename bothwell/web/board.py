"""The board: who is in which room, is anyone in trouble, and who is still expected today.

It shows only those the viewer cares for, and of a couple only the letter; a room that is taken says no more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from bothwell.couples.models import Person, Role, Room
from bothwell.dosing import flowsheet, session_actions, visit_actions
from bothwell.dosing.models import DosingSession
from bothwell.monitoring.limits import RANK
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web import bedside, bedside_values
from bothwell.web.asking import require
from bothwell.web.bedside import Bedside
from bothwell.web.spark import Spark, spark

OPENED = "board_opened"
# The ends of the small trends, for drawing only, so that tiles compare at a glance: in our units.
ENDS = {"systolic": (80, 200), "spo2": (85, 100), "heart_rate": (40, 140)}


@dataclass(frozen=True)
class Reading:
    """One line of a tile."""

    title: str
    shown: str
    unit: str
    spark: Spark | None = None
    look: str = ""
    is_stale: bool = False


@dataclass(frozen=True)
class Tile:
    """One room: who is in it and how they are, or who comes next."""

    room: Room | None
    bed: Bedside | None = None
    readings: tuple[Reading, ...] = ()
    next: DosingSession | None = None

    @property
    def look(self) -> str:
        return self.bed.look if self.bed else ""

    @property
    def short_words(self) -> str:
        """How far the session has come, where there is little room: the minutes, or the whole words."""
        return self.bed.progress.words.rpartition(", ")[2] if self.bed else ""

    @property
    def number(self) -> str:
        """The figure of a room's name, large; its name where it has none."""
        name = self.room.name if self.room else ""
        figures = "".join(letter for letter in name if letter.isdigit())
        return figures or name[:2]


class Arrived(forms.Form):
    """Which room somebody is shown to."""

    room = forms.ModelChoiceField(queryset=Room.objects.none(), label="Room", empty_label=None)

    def __init__(self, *args: object, rooms: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["room"].queryset = rooms  # type: ignore[attr-defined]


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """The whole board."""
    return _board(request)


@require_GET
def tiles(request: HttpRequest) -> HttpResponse:
    """The parts that change, for a board that stands open."""
    return _board(request, "board/page.html#live", is_opening=OPENED not in request.session)


def _board(
    request: HttpRequest,
    template: str = "board/page.html",
    *,
    is_opening: bool = True,
    trouble: str = "",
    is_without_room: bool = False,
    status: int = 200,
) -> HttpResponse:
    who = require(request, Role.NURSE, Role.PRESCRIBER)
    zone, now = ZoneInfo(who.clinic.timezone), timezone.now()
    sessions = list(_sessions(zone, now))
    here = [each for each in sessions if each.arrived_at and not each.ended_at]
    beds = bedside.gather(here, now)
    if is_opening:
        audit.viewed_several(who, [each.subject_id for each in sessions], what="dosing.flowsheet")
        request.session[OPENED] = True
    context = _context(who, sessions, beds, now) | {"now": now}
    context["trouble"] = (context["none_free"] or "Choose a room.") if is_without_room else trouble
    with timezone.override(zone):
        return render(request, template, context, status=status)


def _sessions(zone: ZoneInfo, now: datetime) -> Any:
    """Those who are here, and those of today."""
    begins = datetime.combine(now.astimezone(zone).date(), time.min, zone)
    today = Q(scheduled_at__gte=begins, scheduled_at__lt=begins + timedelta(days=1))
    here = Q(arrived_at__isnull=False, ended_at__isnull=True)
    return (
        DosingSession.objects.select_related(
            "clinic", "subject", "room", "order", "course__protocol", "course__couple"
        )
        .filter(today | here)
        .exclude(outcome="cancelled")
        .order_by("scheduled_at", "id")
    )


def _context(
    who: Person, sessions: Sequence[DosingSession], beds: Mapping[UUID, Bedside], now: datetime
) -> dict[str, Any]:
    rooms = sorted(Room.objects.all(), key=lambda room: _natural(room.name))
    trends = bedside_values.trends(list(beds), list(ENDS), now)
    in_room = {bed.session.room_id: bed for bed in beds.values() if bed.session.room_id}
    expected = [each for each in sessions if each.arrived_at is None and not each.outcome]
    shown = [_tile(room, in_room.get(room.id), expected, trends) for room in rooms]
    shown += [_tile(None, bed, (), trends) for bed in beds.values() if bed.session.room_id is None]
    sides = bedside.sides_of([each.subject_id for each in sessions])
    free = [tile.room for tile in shown if tile.bed is None]
    troubled = [tile for tile in shown if tile.look]
    return {
        "tiles": shown,
        "expected": [(each, sides.get(each.subject_id, "")) for each in expected],
        "over": [(each, sides.get(each.subject_id, "")) for each in sessions if each.ended_at],
        "free": free,
        "none_free": "" if free else _none_free(shown),
        "troubled": troubled,
        "worst": max(troubled, key=_gravity, default=None),
        "calm": sum(1 for tile in shown if tile.bed and not tile.bed.alarms),
        "acknowledged": sum(1 for tile in shown if tile.bed and tile.bed.alarms and not tile.look),
        "clinic_id": who.clinic_id,
        "may_be_called": settings.PUSH,
    }


def _none_free(tiles: Sequence[Tile]) -> str:
    """Why nobody can be shown to a room, and what helps."""
    taken = [f"{tile.bed.name} is in {tile.room.name}" for tile in tiles if tile.room and tile.bed]
    if not taken:
        return "There is no room yet. The clinic lead adds one under Clinic."
    who = ", ".join(taken)
    return f"No room is free: {who}. Sign off a session first, or the clinic lead adds a room under Clinic."


def _gravity(tile: Tile) -> tuple[int, float]:
    """The higher priority first, then the alarm that has waited longest."""
    alarm = tile.bed.foremost if tile.bed else None
    return (RANK[alarm.priority], -alarm.raised_at.timestamp()) if alarm else (0, 0.0)


def _natural(name: str) -> tuple[int, str]:
    """Room 2 before room 10."""
    figures = "".join(letter for letter in name if letter.isdigit())
    return (int(figures) if figures else 10**6, name)


def _tile(
    room: Room | None,
    bed: Bedside | None,
    expected: Sequence[DosingSession],
    trends: Mapping[tuple[UUID, str], Sequence[bedside_values.Value]],
) -> Tile:
    if bed is None:
        return Tile(room, next=next((each for each in expected if room and each.room_id == room.id), None))
    return Tile(room, bed, tuple(_readings(bed, trends)))


def _readings(
    bed: Bedside, trends: Mapping[tuple[UUID, str], Sequence[bedside_values.Value]]
) -> list[Reading]:
    def line(code: str) -> Spark | None:
        values = trends.get((bed.session.id, code), ())
        return spark([float(one.value) for one in values], *ENDS[code])

    pressure = bed.pressure
    said = f"{pressure.systolic_mmhg:.0f}/{pressure.diastolic_mmhg:.0f}" if pressure else "–"
    found = [Reading("BP", said, "mmHg", line("systolic"), bed.hot(*flowsheet.PRESSURE))]
    for code, title, unit in (("spo2", "SpO₂", "%"), ("heart_rate", "HR", "/min")):
        value = bed.values.get(code)
        found.append(
            Reading(title, value.shown if value else "–", unit, line(code), bed.hot(code), bed.is_stale(code))
        )
    return found


@require_POST
def arrive(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Somebody is here and shown to a room."""
    who = require(request, Role.NURSE, Role.PRESCRIBER)
    session = get_object_or_404(DosingSession.objects.exclude(outcome="cancelled"), id=session_id)
    if not session_actions.may_chart(who, session):
        raise Http404
    form = Arrived(request.POST, rooms=Room.objects.all())
    if not form.is_valid():
        return _board(request, is_without_room=True, status=422)
    try:
        visit_actions.arrive(by=who, session_id=session_id, room=form.cleaned_data["room"])
    except Refused as refused:
        return _board(request, trouble=refused.reason, status=422)
    return redirect("room", session_id)


urlpatterns: list[URLPattern] = [
    path("board", board, name="board"),
    path("board/tiles", tiles, name="board-tiles"),
    path("board/<uuid:session_id>/arrive", arrive, name="board-arrive"),
]
