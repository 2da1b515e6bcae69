"""While the database is away an open page is shown what it was allowed at its last look, and nothing else."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from bothwell.models import Assignment
from bothwell.web import heard
from bothwell.web.ear import Ear
from bothwell.web.stream import ALLOWED_WITHIN_S, Away, News, Stream
from tests.conftest import loading
from tests.room import open_bedside, open_session

NOW_S = 10_000.0


def words(said: list[bytes]) -> list[tuple[str, Any]]:
    found = []
    for each in said:
        lines = dict(line.split(": ", 1) for line in each.decode().strip().splitlines())
        found.append((lines["event"], json.loads(lines["data"])))
    return found


def away(since_s: float = NOW_S) -> Away:
    return Away(datetime.now(UTC), since_s)


def allowed(topic: str, about: UUID, *sees: UUID, at_s: float = NOW_S - 5) -> Stream:
    stream = Stream(topic, about, uuid4(), "")
    stream.allowed_at_s, stream.sees = at_s, frozenset(sees)
    return stream


def told(session: UUID) -> dict[str, Any]:
    return {
        "session": str(session),
        "clinic": str(uuid4()),
        "at": "2026-01-01T00:00:00+00:00",
        "alarms": [{"code": "spo2"}],
        "readings": [{"code": "spo2", "value": 79}],
    }


def test_it_is_told_at_once_and_once_that_the_database_is_away() -> None:
    room = uuid4()
    stream = allowed("room", room, room)
    assert [name for name, _ in words(stream.aside_events(away(), NOW_S))] == ["away"]
    assert words(stream.aside_events(away(), NOW_S + 2))[0][1]["away"] is True
    assert words(stream.aside_events(None, NOW_S + 4))[0][1]["away"] is False


def test_a_room_has_its_alarms_and_values_a_board_only_alarms() -> None:
    session, clinic = uuid4(), uuid4()
    for topic, about in (("room", session), ("board", clinic)):
        stream = allowed(topic, about, session)
        stream.was_told_away = True
        stream.stand_by(session, told(session))
        ((name, data),) = words(stream.aside_events(away(), NOW_S))
        assert name == "standby" and data["alarms"] and ("readings" in data) is (topic == "room")
        assert "clinic" not in data


@pytest.mark.parametrize(
    ("allowed_at_s", "now_s"),
    [
        (None, NOW_S),
        (NOW_S - ALLOWED_WITHIN_S - 1, NOW_S),
        (NOW_S - 5, NOW_S + settings.IDLE_LOCK_SECONDS),
    ],
)
def test_a_right_that_was_not_asked_lately_shows_nothing(allowed_at_s: float | None, now_s: float) -> None:
    session = uuid4()
    stream = allowed("room", session, session)
    stream.allowed_at_s = allowed_at_s
    stream.stand_by(session, told(session))
    assert "standby" not in [name for name, _ in words(stream.aside_events(away(), now_s))]


def test_a_session_the_board_did_not_see_is_not_shown() -> None:
    seen, other = uuid4(), uuid4()
    stream = allowed("board", uuid4(), seen)
    stream.stand_by(other, told(other))
    assert not stream.standby and not stream.aside.is_set()


def test_a_slow_page_holds_the_newest_of_each_session_only() -> None:
    session = uuid4()
    stream = allowed("room", session, session)
    for _ in range(1000):
        stream.stand_by(session, told(session))
    assert len(stream.standby) == 1


def test_people_who_only_follow_themselves_hear_of_no_bed() -> None:
    person = uuid4()
    stream = allowed("person", person, person)
    assert stream.aside_events(None, NOW_S) == []


def test_the_ear_hands_a_session_to_its_room_and_its_board_alone() -> None:
    session, clinic = uuid4(), uuid4()

    async def scene() -> list[int]:
        ear = Ear()
        streams = [
            allowed("room", session, session),
            allowed("room", uuid4(), session),
            allowed("board", clinic, session),
            allowed("board", uuid4(), session),
        ]
        for each in streams:
            ear.add(each)
        ear.stand_by(told(session) | {"clinic": str(clinic)})
        for nonsense in ({}, {"session": 4}, {"session": "x", "clinic": None}, {"session": str(session)}):
            ear.stand_by(nonsense)
        return [len(each.standby) for each in streams]

    assert asyncio.run(scene()) == [1, 0, 1, 0]


def test_what_is_not_understood_is_dropped(tmp_path: Path) -> None:
    async def scene() -> list[Any]:
        found: list[Any] = []
        end = heard.listen(tmp_path / "heard", found.append)
        (place,) = (tmp_path / "heard").iterdir()
        assert place.stat().st_mode & 0o777 == 0o600
        assert place.parent.stat().st_mode & 0o777 == 0o700
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            for each in (
                b"\xff\xfe",
                b"[1]",
                b"{",
                b'{"is_back":true}',
                b'[{"is_back":true},{"is_back":false}]',
            ):
                line.sendto(each, str(place))
        for _ in range(50):
            await asyncio.sleep(0.02)
            if found:
                break
        end()
        assert not list((tmp_path / "heard").iterdir())
        return found

    assert asyncio.run(scene()) == [{"is_back": True}, {"is_back": False}]


# ── what a look leaves behind ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.mark.usefixtures("_database")
def test_a_look_remembers_what_was_seen_and_a_lost_right_forgets_it() -> None:
    bedside = open_bedside()
    nurse = bedside.cast.nurse
    with transaction.atomic(), loading():
        elsewhere = open_session(bedside.cast, bedside.cast.stranger_a)
    connection.close()
    board = Stream("board", bedside.cast.clinic.id, nurse.id, "")
    room = Stream("room", bedside.session.id, nurse.id, "")
    before_s = time.monotonic()
    for stream in (board, room):
        assert stream.look({News.CHANGED}) is not None
        assert stream.allowed_at_s is not None and stream.allowed_at_s >= before_s
    assert room.sees == {bedside.session.id}
    assert bedside.session.id in board.sees and elsewhere.id not in board.sees
    with transaction.atomic(), loading():
        Assignment.objects.filter(staff=nurse).update(until=timezone.now() - timedelta(seconds=1))
    connection.close()
    assert room.look({News.CHANGED}) is None and room.allowed_at_s is None
    assert board.look({News.CHANGED}) is not None and not board.sees
