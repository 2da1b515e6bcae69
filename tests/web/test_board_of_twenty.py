"""Twenty rooms on one board: every room keeps its place, the gravest alarm is said first, and it costs no more to ask."""

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bothwell.models import Course, DosingSession, Room
from bothwell.monitoring import entry_actions
from bothwell.privacy import door
from tests.cast import assign, client_for, make_cast, pair, person
from tests.conftest import loading
from tests.dosing.ready import Ready, chart, make_ready, started_ago

pytestmark = pytest.mark.django_db


@pytest.fixture
def ready(db: None) -> Ready:
    return make_ready(make_cast())


@pytest.fixture
def nurse(ready: Ready) -> Client:
    return client_for(ready.cast.nurse)


def fill(ready: Ready, rooms: range) -> list[DosingSession]:
    """A person of another couple in each of these rooms, in the middle of an infusion."""
    cast, found = ready.cast, []
    for number in rooms:
        with loading():
            who = person(cast.clinic, f"Person {number}")
            couple = pair(cast.clinic, who, person(cast.clinic, f"Partner {number}"))
            assign(cast.nurse, "nurse", subject=who)
            room = Room.objects.create(clinic=cast.clinic, name=f"Room {number}")
            of = {"clinic": cast.clinic, "subject": who, "couple": couple}
            course = Course.objects.create(
                **of, author=cast.prescriber, protocol=ready.course.protocol, route="iv",
                phase="dosing_series", state="active", sessions_planned=6,
            )  # fmt: skip
            session = DosingSession.objects.create(
                **of, author=cast.nurse, course=course, number=1, scheduled_at=timezone.now()
            )
        found.append(started_ago(ready, 10 + number, session, room))
        for minute in range(-2, 10, 2):
            chart(
                ready, minute, session, systolic=118 + number, diastolic=74, heart_rate=66 + number, spo2=97
            )
    return found


def statements(nurse: Client) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert nurse.get("/board/tiles").status_code == 200
    return len(seen)


def test_twenty_rooms_are_asked_for_with_as_many_statements_as_two(ready: Ready, nurse: Client) -> None:
    fill(ready, range(4, 6))
    nurse.get("/board")
    few = statements(nurse)
    fill(ready, range(6, 22))
    assert statements(nurse) == few


def test_rooms_keep_their_place_whatever_rings_and_the_gravest_is_said_first(
    ready: Ready, nurse: Client
) -> None:
    sessions = fill(ready, range(4, 22))
    places = [tile.room.name for tile in nurse.get("/board").context["tiles"]]
    assert len(places) == 20
    for session, code, value in ((sessions[11], "heart_rate", 115), (sessions[4], "spo2", 86)):
        with door.opened(ready.cast.nurse.id):
            entry_actions.enter(
                by=ready.cast.nurse,
                session=session,
                readings={code: Decimal(value)},
                request_id=uuid4(),
                observed_at=timezone.now() - timedelta(seconds=5),
            )
    answer = nurse.get("/board")
    page = answer.content.decode()
    assert [tile.room.name for tile in answer.context["tiles"]] == places
    assert answer.context["worst"].room.name == "Room 8"
    assert [tile.room.name for tile in answer.context["troubled"]] == ["Room 8", "Room 15"]
    assert page.count('class="cell ') == 20
    assert "<b>Room 8</b> <span>SpO₂ 86 %" in page
    assert 'class="board many"' in page
    if where := os.environ.get("BOTHWELL_KEEP_PAGES"):
        Path(where, "board.html").write_text(page)
