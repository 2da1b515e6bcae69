"""Open pages hear at once what they may see, and nothing once they may not."""

import asyncio
import http.client
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, transaction
from django.utils import timezone

from bothwell.devices import hl7v2
from bothwell.later import tell
from bothwell.models import Assignment, Person, Sample, StaffRole, User
from bothwell.monitoring import entry_actions, feed, quieting_actions
from bothwell.privacy import door
from bothwell.web import ear, room_news, stream
from tests.cast import client_for
from tests.conftest import LOGINS, loading
from tests.room import Bedside, as_login, open_bedside, said


@pytest.fixture(autouse=True)
def _database(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield
        connection.close()


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """The pages and streams as they are served, in a process of their own."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--interface", "asgi", "--no-ws", "--workers", "1"),
            *("--workers-kill-timeout", "1", "--log-level", "warning"),
            *("--host", "127.0.0.1", "--port", str(port), "bothwell.asgi:application"),
        ],
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "bothwell.settings",
            "BOTHWELL_AS": "web",
            "BOTHWELL_DSN": LOGINS.web,
        },
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield port
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def _once(django_db_setup: None, django_db_blocker: object) -> Bedside:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        made = open_bedside()
        connection.close()
        return made


@pytest.fixture
def bedside(_once: Bedside) -> Bedside:
    """One for all: tests here add to it or end what they made themselves."""
    return _once


def cookie_of(who: Person) -> str:
    return client_for(who).cookies[settings.SESSION_COOKIE_NAME].value


@dataclass
class Event:
    name: str
    data: Any
    id: str
    at: float


@dataclass
class Page:
    """An open page of somebody who follows a topic."""

    port: int
    cookie: str
    path: str
    last_id: str = ""
    events: "queue.Queue[Event | None]" = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        self.call = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Cookie": f"{settings.SESSION_COOKIE_NAME}={self.cookie}"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        self.call.request("GET", self.path, headers=headers)
        self.line = self.call.sock
        self.answer = self.call.getresponse()
        if self.answer.status == 200:
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        name, data, key = "", None, ""
        try:
            while line := self.answer.readline():
                word, _, rest = line.decode().rstrip("\n").partition(": ")
                match word:
                    case "event":
                        name = rest
                    case "data":
                        data = json.loads(rest)
                    case "id":
                        key = rest
                    case "" if not rest and name:
                        self.events.put(Event(name, data, key, time.monotonic()))
                        name, data, key = "", None, ""
        except (OSError, http.client.HTTPException, AttributeError, ValueError):
            pass
        self.events.put(None)

    def next(self, seconds: float = 5.0) -> Event | None:
        """The next event; none if the stream ended. Raises Empty if nothing comes."""
        return self.events.get(timeout=seconds)

    def is_silent(self, seconds: float = 0.5) -> bool:
        try:
            self.events.get(timeout=seconds)
        except queue.Empty:
            return True
        return False

    def opened(self, count: int = 1) -> "Page":
        """Read what every stream begins with."""
        for _ in range(count):
            assert self.next() is not None
        return self

    def close(self) -> None:
        # A close would wait for the thread that reads.
        self.line.shutdown(socket.SHUT_RDWR)


def follow(port: int, who: Person, topic: str, about: object) -> Page:
    return Page(port, cookie_of(who), f"/live/{topic}/{about}")


def notify(topic: str, about: UUID) -> None:
    with transaction.atomic():
        tell(topic, about)


def show(bedside: Bedside, **values: float) -> float:
    """The monitor shows these; when they were committed."""
    at = timezone.now()
    message = hl7v2.read(said(bedside.device.identifier, at, **values), at, timezone.get_default_timezone())
    assert isinstance(message, hl7v2.Message)
    with as_login(LOGINS.work):
        assert feed.record(message, received_at=at).kept == len(values)
        return time.monotonic()


# ── delivery ──


def test_a_reading_reaches_the_open_room_within_a_second_and_once(port: int, bedside: Bedside) -> None:
    page = follow(port, bedside.cast.nurse, "room", bedside.session.id).opened(2)
    committed = show(bedside, systolic=190, spo2=97)
    event = page.next()
    assert event is not None
    assert event.name == "readings"
    assert event.at - committed < 1
    assert {(one["code"], one["value"], one["source"]) for one in event.data["samples"]} == {
        ("systolic", 190.0, "device"),
        ("spo2", 97.0, "device"),
    }
    (alarm,) = [one for one in event.data["alarms"] if one["code"] == "systolic"]
    assert (alarm["priority"], alarm["is_acknowledged"]) == ("high", False)
    assert event.id == event.data["next"]
    with door.opened(bedside.cast.nurse.id):
        quieting_actions.acknowledge(by=bedside.cast.nurse, alarm_id=UUID(alarm["id"]))
    event = page.next()
    assert event is not None
    assert event.data["samples"] == []
    assert [one["is_acknowledged"] for one in event.data["alarms"] if one["id"] == alarm["id"]] == [True]
    assert page.is_silent()
    page.close()


def test_what_a_person_enters_is_told_as_well(port: int, bedside: Bedside) -> None:
    page = follow(port, bedside.cast.prescriber, "room", bedside.session.id).opened(2)
    nurse = bedside.cast.nurse
    with door.opened(nurse.id):
        entry_actions.enter(
            by=nurse, session=bedside.session, readings={"dissociation": Decimal(2)}, wanted=True,
            request_id=uuid4(),
        )  # fmt: skip
    names = [event.name for _ in range(2) if (event := page.next())]
    assert sorted(names) == ["changed", "readings"]
    page.close()


def test_a_page_that_comes_back_gets_what_it_missed(port: int, bedside: Bedside) -> None:
    page = follow(port, bedside.cast.nurse, "room", bedside.session.id)
    first = page.next()
    assert first is not None
    page.close()
    show(bedside, heart_rate=71)
    again = Page(port, cookie_of(bedside.cast.nurse), f"/live/room/{bedside.session.id}", last_id=first.id)
    event, changed = again.next(), again.next()
    assert event is not None
    assert changed is not None
    assert changed.name == "changed"
    assert 71.0 in [one["value"] for one in event.data["samples"] if one["code"] == "heart_rate"]
    again.close()


@pytest.mark.parametrize(
    ("who", "topic", "about"),
    [
        ("nurse", "board", "clinic"),
        ("a", "couple", "couple"),
        ("b", "couple", "couple"),
        ("couples_therapist", "couple", "couple"),
        ("a", "person", "a"),
    ],
)
def test_others_are_told_to_look_again(port: int, bedside: Bedside, who: str, topic: str, about: str) -> None:
    about_id = getattr(bedside.cast, about).id
    page = follow(port, getattr(bedside.cast, who), topic, about_id).opened()
    begun = time.monotonic()
    notify(topic, about_id)
    event = page.next()
    assert event is not None
    assert (event.name, event.data) == ("changed", None)
    assert event.at - begun < 1
    notify(topic, uuid4())
    assert page.is_silent()
    page.close()


def test_the_ear_is_opened_again_and_every_page_looks_again(port: int, bedside: Bedside) -> None:
    page = follow(port, bedside.cast.nurse, "board", bedside.clinic_id).opened()
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'bothwell live'"
        )
    event = page.next(10)
    assert event is not None
    assert event.name == "changed"
    notify("board", bedside.cast.clinic.id)
    assert page.next() is not None
    page.close()


# ── rights ──


def refused(page: Page) -> tuple[int, bytes, list[tuple[str, str]]]:
    headers = [(name, value) for name, value in page.answer.getheaders() if name.lower() != "date"]
    return page.answer.status, page.answer.read(), headers


def test_the_partners_room_looks_like_one_that_is_not(port: int, bedside: Bedside) -> None:
    partner, stranger = bedside.cast.b, bedside.cast.stranger_prescriber
    nothing = refused(follow(port, partner, "room", uuid4()))
    assert nothing[0] == 404
    assert refused(follow(port, partner, "room", bedside.session.id)) == nothing
    assert refused(follow(port, stranger, "room", bedside.session.id)) == nothing
    assert refused(follow(port, bedside.cast.couples_therapist, "room", bedside.session.id)) == nothing
    assert refused(follow(port, bedside.cast.coordinator, "room", bedside.session.id)) == nothing
    assert refused(follow(port, bedside.cast.other_lead, "room", bedside.session.id)) == nothing


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("b", "person/{a}"),
        ("nurse", "person/{a}"),
        ("nurse", "couple/{couple}"),
        ("stranger_a", "couple/{couple}"),
        ("a", "board/{clinic}"),
        ("couples_therapist", "board/{clinic}"),
        ("other_lead", "board/{clinic}"),
        ("nurse", "access/{nurse}"),
        ("nurse", "room/{clinic}/more"),
        ("nurse", "room/none"),
        ("nurse", "room/"),
        ("nurse", ""),
    ],
)
def test_what_one_may_not_follow_is_not_found(port: int, bedside: Bedside, who: str, path: str) -> None:
    named = {name: value.id for name, value in bedside.cast.everyone().items()}
    path = path.format(**named, couple=bedside.cast.couple.id, clinic=bedside.cast.clinic.id)
    page = Page(port, cookie_of(getattr(bedside.cast, who)), f"/live/{path}")
    assert refused(page)[:2] == (404, b"Not found.")


def test_without_a_login_there_is_nothing(port: int, bedside: Bedside) -> None:
    for cookie in ("", "nonsense", "x" * 32):
        assert Page(port, cookie, f"/live/person/{bedside.cast.a.id}").answer.status == 403


def changed_session(who: Person, **values: object) -> str:
    """The cookie of a login whose session was changed."""
    key = cookie_of(who)
    store = SessionStore(key)
    store.update(values)
    store.save()
    return key


def test_an_idle_session_follows_nothing(port: int, bedside: Bedside) -> None:
    path = f"/live/person/{bedside.cast.a.id}"
    idle = int(time.time()) - settings.IDLE_LOCK_SECONDS - 5
    assert Page(port, changed_session(bedside.cast.a, seen_at=idle), path).answer.status == 403
    awake = Page(port, changed_session(bedside.cast.a, seen_at=idle + 60), path)
    assert awake.answer.status == 200
    awake.close()


def test_who_owes_a_second_factor_or_was_switched_off_follows_nothing(port: int, bedside: Bedside) -> None:
    safety = bedside.cast.safety
    page = Page(port, cookie_of(safety), f"/live/person/{safety.id}")
    assert page.answer.status == 200
    page.close()
    User.objects.filter(person_id=safety.id).update(must_have_second_factor=True)
    assert Page(port, cookie_of(safety), f"/live/person/{safety.id}").answer.status == 403
    key = cookie_of(safety)
    User.objects.filter(person_id=safety.id).update(is_active=False, must_have_second_factor=False)
    assert Page(port, key, f"/live/person/{safety.id}").answer.status == 403


def test_when_an_assignment_ends_the_open_room_closes_within_a_second(port: int) -> None:
    bedside = open_bedside()
    nurse = bedside.cast.nurse
    page = follow(port, nurse, "room", bedside.session.id).opened(2)
    with transaction.atomic(), loading():
        Assignment.objects.filter(staff=nurse, subject=bedside.cast.a).update(until=timezone.now())
        tell("access", nurse.id)
    ended = time.monotonic()
    event = page.next()
    assert event is not None
    assert event.name == "gone"
    assert event.at - ended < 1
    assert page.next() is None
    assert follow(port, nurse, "room", bedside.session.id).answer.status == 404


def test_a_right_lost_without_a_word_shows_nothing_more(port: int) -> None:
    bedside = open_bedside()
    page = follow(port, bedside.cast.nurse, "room", bedside.session.id).opened(2)
    with loading():
        Assignment.objects.filter(staff=bedside.cast.nurse).update(
            until=timezone.now() - timedelta(seconds=1)
        )
    show(bedside, systolic=120)
    event = page.next()
    assert event is not None
    assert (event.name, event.data) == ("gone", None)


def test_a_couple_that_parts_follows_nothing_together(port: int) -> None:
    cast = open_bedside().cast
    page = follow(port, cast.b, "couple", cast.couple.id).opened()
    with transaction.atomic(), loading():
        type(cast.couple).objects.filter(id=cast.couple.id).update(parted_at=timezone.now())
        tell("couple", cast.couple.id)
    event = page.next()
    assert event is not None
    assert event.name == "gone"


def test_logging_out_ends_the_stream_when_next_asked(port: int, bedside: Bedside) -> None:
    client = client_for(bedside.cast.b)
    key = client.cookies[settings.SESSION_COOKIE_NAME].value
    page = Page(port, key, f"/live/person/{bedside.cast.b.id}").opened()
    client.logout()
    notify("access", bedside.cast.b.id)
    event = page.next()
    assert event is not None
    assert event.name == "gone"


def test_a_stream_is_kept_by_nobody_on_the_way(port: int, bedside: Bedside) -> None:
    page = follow(port, bedside.cast.a, "person", bedside.cast.a.id)
    headers = {name.lower(): value for name, value in page.answer.getheaders()}
    page.close()
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["cache-control"] == "no-store"
    assert headers["x-accel-buffering"] == "no"


# ── one look ──


def test_a_look_needs_the_door_open_for_the_one_who_looks(bedside: Bedside) -> None:
    with door.opened(bedside.cast.nurse.id):
        assert room_news.room_update(bedside.cast.nurse.id, bedside.session.id) is not None
        assert room_news.room_update(bedside.cast.prescriber.id, bedside.session.id) is None
    with door.opened(bedside.cast.b.id):
        assert room_news.room_update(bedside.cast.b.id, bedside.session.id) is None


def test_many_notices_to_a_slow_page_wait_as_one() -> None:
    async def scene() -> stream.Stream:
        hearing = ear.Ear()
        page = stream.Stream("room", uuid4(), uuid4(), "")
        hearing.add(page)
        for _ in range(10_000):
            hearing.hear(f"readings:{page.about}")
            hearing.hear(f"room:{page.about}")
            hearing.hear(f"access:{page.viewer}")
            hearing.hear("nonsense")
        hearing.remove(page)
        assert hearing.count_of(page.viewer) == 0
        return page

    assert asyncio.run(scene()).waiting == set(stream.News)


def test_a_reading_committed_late_is_not_missed(bedside: Bedside) -> None:
    """Stamped before one that was seen already, committed after it."""
    nurse = bedside.cast.nurse
    page = stream.Stream("room", bedside.session.id, nurse.id, "")
    early = room_news.id_at(time.time() * 1000 - 900)
    show(bedside, respiratory_rate=14)
    first = page.look({stream.News.READINGS})
    with loading():
        Sample.objects.create(
            id=early, clinic=bedside.cast.clinic, subject=bedside.cast.a, couple=bedside.session.couple,
            session=bedside.session,
            device=bedside.device, code="respiratory_rate", value=15, unit="/min",
            observed_at=timezone.now() - timedelta(seconds=3),
        )  # fmt: skip
    second, third = (page.look({stream.News.READINGS}) for _ in range(2))
    seen = [
        re.findall(rb'"respiratory_rate","value":([0-9.]+)', b"".join(each or []))
        for each in (first, second, third)
    ]
    assert seen[1:] == [[b"15.0"], []]
    assert b"14.0" in seen[0]


def test_staff_without_a_role_have_no_board(port: int) -> None:
    cast = open_bedside().cast
    with loading():
        StaffRole.objects.filter(person=cast.nurse).update(until=timezone.now())
    assert follow(port, cast.nurse, "board", cast.clinic.id).answer.status == 404
