"""Open pages that look again by themselves: one stream of events a page, one ear at the database a process.

It never sends what a person may not see now: for every event the door is opened anew and the right asked
anew; a right that is lost ends the stream. It sends no row but a room's readings and alarms.

A stream is `/live/<topic>/<id>`: `room` (a dosing session), `board` (a clinic), `couple`, `person` (oneself).

    event: changed     look again; sent once at each (re)connect too, so that nothing is missed in between
    event: readings    room only: new readings and the alarms that stand, as JSON (`room_update`)
    event: gone        you may no longer follow this; the stream ends, ask no more
    event: here        room and board, every two seconds: the line lives; our time, and whether the database is away
    event: away        the database does not answer: nothing can be asked for until `changed` comes
    event: standby     meanwhile, room: the alarms that stand and the newest values, from the monitor's feed and not
                       yet in the record; board: the same for each session, without values

While the database is away no right can be asked. A stream goes on with what it was allowed at its last look, if
that was within a minute before; its login would lock by itself after a while, and so does what it is shown.

What waits for a slow reader is bounded: not events but kinds of event, each at most once, because every one
of them reads what is true when it is sent.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.contrib.auth import get_user
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpRequest, parse_cookie
from psycopg.conninfo import make_conninfo

from bothwell.monitoring.watch import SHOWN
from bothwell.privacy import door
from bothwell.privacy.models import User
from bothwell.web import heard
from bothwell.web.guard import HANDED, SecondFactor, is_idle, second_factor
from bothwell.web.sessions import SessionStore

log = logging.getLogger("bothwell.live")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CHANNEL = "bothwell"
GONE = (OperationalError, InterfaceError)
"""What a database that does not answer raises."""
PING_S = 15.0
HERE_S = 2.0
ALLOWED_WITHIN_S = 60.0
RETRY_MS = 2000
READERS = 8
MOST_STREAMS_A_PERSON = 24
EAR_PATIENCE_S = 5.0
# Rows are stamped before they are committed: a look goes back this far for those that came after their stamp.
OVERLAP_MS = 10_000
FIRST_LOOK_MS = 60_000
MOST_SAMPLES = 2000


class News(StrEnum):
    """What a stream is to do next."""

    CHANGED = "changed"
    READINGS = "readings"
    ACCESS = "access"


# May the viewer, whose door is open, follow this? One row, one boolean.
MAY_FOLLOW = {
    "room": """select exists (
        select 1 from bothwell_dosingsession
        where id = %(id)s and subject_id = any(array(select door.subjects('dosing.flowsheet'))))""",
    "board": """select %(id)s = door.clinic() and exists (
        select 1 from bothwell_staffrole
        where person_id = door.me() and role in ('nurse', 'prescriber')
          and since <= now() and (until is null or until > now()))""",
    "couple": """select exists (
        select 1 from bothwell_membership m join bothwell_couple c on c.id = m.couple_id
        where c.id = %(id)s and c.parted_at is null and m.person_id = door.me())
      or exists (
        select 1 from door.held_couples() h
        where h.couple = %(id)s and h.role = 'couples_therapist')""",
    "person": "select %(id)s = door.me()",
}


# The sessions whose alarms a board stream may go on showing.
SEEN_ON_BOARD = """select id from bothwell_dosingsession
    where clinic_id = %(id)s and ended_at is null
      and subject_id = any(array(select door.subjects('dosing.flowsheet')))"""


# ── what a room shows ─────────────────────────────────────────────────────────────────────────────────────


def room_update(viewer: UUID, session_id: UUID, since: UUID | None = None) -> dict[str, Any] | None:
    """New readings after `since` (the `next` of the update before) and every alarm that stands; none if the
    viewer may not follow this session.

    The door must be open for `viewer`. Readings may come twice around `since`: tell them apart by `id`.
    Without `since`, those of the last minute.
    """
    if not _asked("select door.me() = %(viewer)s", viewer=viewer) or not _may_follow("room", session_id):
        return None
    samples = _samples(session_id, since)
    newest = max([*(UUID(each["id"]) for each in samples), *([since] if since else [])], default=None)
    return {
        "samples": samples,
        "alarms": _alarms(session_id),
        "next": str(newest or _id_at(time.time() * 1000)),
        "more": len(samples) == MOST_SAMPLES,
    }


def _samples(session_id: UUID, since: UUID | None) -> list[dict[str, Any]]:
    floor_ms = (since.int >> 80) - OVERLAP_MS if since else time.time() * 1000 - FIRST_LOOK_MS
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, code, value, unit, observed_at, device_id is not null, is_artefact, corrects_id, "
            "detail->'wanted' from bothwell_sample s where session_id = %s and id >= %s "
            # Of two sources of one quantity at one instant, the one that is shown.
            "and not exists (select 1 from bothwell_sample o where o.session_id = s.session_id "
            "  and o.code = s.code and o.observed_at = s.observed_at and o.source <> s.source "
            f"  and {SHOWN.replace('s.', 'o.')} < coalesce({SHOWN}, 99)) order by id limit %s",
            [session_id, _id_at(floor_ms), MOST_SAMPLES],
        )
        found = cursor.fetchall()
    return [
        {
            "id": str(key),
            "code": code,
            "value": float(value),
            "unit": unit,
            "observed_at": observed_at.isoformat(),
            "source": "device" if is_device else "person",
            "is_artefact": is_artefact,
            "corrects": str(corrects) if corrects else None,
            "wanted": json.loads(wanted) if wanted else None,
        }
        for key, code, value, unit, observed_at, is_device, is_artefact, corrects, wanted in found
    ]


def _id_at(milliseconds: float) -> UUID:
    """The lowest version-7 identifier made at this time or later."""
    return UUID(int=max(0, int(milliseconds)) << 80)


def _alarms(session_id: UUID) -> list[dict[str, Any]]:
    """The alarms that stand, as they were raised: their condition goes on, or nobody has seen them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.id, c.code, s.alarm from bothwell_channel c cross join lateral jsonb_array_elements("
            "  coalesce(c.state->'standing', '[]') || case when c.state->'signal' = 'null' then '[]' "
            "  else coalesce(jsonb_build_array(c.state->'signal'), '[]') end) as s (alarm) "
            "join bothwell_alarm a on a.session_id = %(id)s and a.code = c.code "
            "  and a.number = (s.alarm->>'number')::int "
            "where c.session_id = %(id)s and c.state <> '{}' order by a.id",
            {"id": session_id},
        )
        found = [(key, code, json.loads(alarm)) for key, code, alarm in cursor.fetchall()]
    return [
        {
            "id": str(key),
            "code": code,
            "number": alarm["number"],
            "priority": alarm["priority"],
            "text": alarm["text"],
            "raised_at": alarm["raised_at"],
            "is_over": alarm["is_over"],
            "is_acknowledged": alarm["acknowledged_at"] is not None,
            "is_escalated": alarm["escalated_at"] is not None,
        }
        for key, code, alarm in found
    ]


def _may_follow(topic: str, about: UUID) -> bool:
    return _asked(MAY_FOLLOW[topic], id=about)


def _sees_one(changed: Collection[UUID | None]) -> bool:
    """Whether one of these sessions is the viewer's to see: of any other, even the moment would tell."""
    known = [each for each in changed if each]
    if len(known) < len(changed):
        return True
    return _asked(
        "select exists (select 1 from bothwell_dosingsession where id = any(%(known)s))", known=known
    )


def _seen_on_board(clinic: UUID) -> frozenset[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(SEEN_ON_BOARD, {"id": clinic})
        return frozenset(key for (key,) in cursor.fetchall())


def _asked(question: str, **values: UUID | list[UUID]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        (answer,) = cursor.fetchone()
    return bool(answer)


# ── who asks ──────────────────────────────────────────────────────────────────────────────────────────────


def viewer_of(session_key: str) -> UUID | None:
    """The person logged in with this session, if it is neither idle too long nor owes a second factor."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    request.user = user = get_user(request)
    if not isinstance(user, User) or is_idle(request.session) or HANDED in request.session:
        return None
    return user.person_id if second_factor(request) is SecondFactor.SETTLED else None


def _session_key(scope: Scope) -> str:
    given = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return parse_cookie(given.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")


@dataclass(eq=False)
class Stream:
    """One open page."""

    topic: str
    about: UUID
    viewer: UUID
    session_key: str
    since: UUID | None = None
    sent: dict[UUID, None] = field(default_factory=dict)
    has_more: bool = False
    waiting: set[News] = field(default_factory=set)
    changed: set[UUID | None] = field(default_factory=set)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    # For the time the database is away: when its right was asked last (monotonic), and which sessions it saw then.
    allowed_at_s: float | None = None
    sees: frozenset[UUID] = frozenset()
    login_asked_at_s: float = field(default_factory=time.monotonic)
    standby: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)
    was_told_away: bool = False
    aside: asyncio.Event = field(default_factory=asyncio.Event)

    def stand_by(self, session: UUID, told: Mapping[str, Any]) -> None:
        """Lay ready what the listener says of a session; only the newest of each waits."""
        if session in self.sees:
            self.standby[session] = told
            self.aside.set()

    def aside_events(self, away: "Away | None", now_s: float) -> list[bytes]:
        """What is said without asking the database: that it is away, what stands meanwhile, or that the line lives."""
        told, self.standby = self.standby, {}
        said = []
        if away and not self.was_told_away:
            said.append(event("away", {"since": away.since.isoformat()}))
        self.was_told_away = away is not None
        if self._is_still_allowed(away.at_s if away else now_s, now_s):
            keys = ("session", "at", "alarms", *(("readings",) if self.topic == "room" else ()))
            said += [event("standby", {key: each.get(key) for key in keys}) for each in told.values()]
        if not said and self.topic in ("room", "board"):
            said.append(event("here", {"at": datetime.now(UTC).isoformat(), "away": away is not None}))
        return said

    def _is_still_allowed(self, away_from_s: float, now_s: float) -> bool:
        allowed_at_s = self.allowed_at_s
        return (
            allowed_at_s is not None
            and away_from_s - allowed_at_s <= ALLOWED_WITHIN_S
            and now_s - allowed_at_s <= settings.IDLE_LOCK_SECONDS
        )

    def tell(self, news: News, of: UUID | None = None) -> None:
        """Wake it; the same news twice is one. `of`: the session that changed; none, if it may be anything."""
        self.waiting.add(news)
        self.changed.add(of)
        self.woken.set()

    def look(
        self, news: set[News], changed: Collection[UUID | None] = frozenset({None})
    ) -> list[bytes] | None:
        """The events to send, as the viewer sees the world now; none if they may not follow this any more.

        Runs in a thread, with a door of its own.
        """
        asked_at_s = time.monotonic()
        with _one_connection():
            said = self._looked(news, changed, asked_at_s)
        # What was allowed is forgotten as soon as a look says so; a look that failed says nothing.
        self.allowed_at_s = None if said is None else asked_at_s
        return said

    def _looked(self, news: set[News], changed: Collection[UUID | None], now_s: float) -> list[bytes] | None:
        if not news or News.ACCESS in news or now_s - self.login_asked_at_s > PING_S:
            if viewer_of(self.session_key) != self.viewer:
                return None
            self.login_asked_at_s = now_s
        with door.opened(self.viewer):
            if self.topic == "room" and news & {News.READINGS, News.CHANGED}:
                said = self._room(news)
                self.sees = frozenset({self.about})
                return said
            if not _may_follow(self.topic, self.about):
                return None
            is_theirs = self.topic != "board" or _sees_one(changed)
            self.sees = _seen_on_board(self.about) if self.topic == "board" else frozenset({self.about})
        return [event("changed")] if News.CHANGED in news and is_theirs else []

    def _room(self, news: set[News]) -> list[bytes] | None:
        update = room_update(self.viewer, self.about, self.since)
        if update is None:
            return None
        update["samples"] = [each for each in update["samples"] if UUID(each["id"]) not in self.sent]
        self.since, self.has_more = UUID(update["next"]), update["more"]
        oldest = _id_at((self.since.int >> 80) - OVERLAP_MS)
        self.sent = {key: None for key in self.sent if key >= oldest}
        self.sent |= {UUID(each["id"]): None for each in update["samples"]}
        said = [event("readings", update, update["next"])]
        return [*said, event("changed", about=update["next"])] if News.CHANGED in news else said


@contextlib.contextmanager
def _one_connection() -> Iterator[None]:
    """A connection for this look, given back after it."""
    try:
        yield
    finally:
        connection.close()


def event(name: str, data: Any = None, about: str = "") -> bytes:
    """One event as it goes over the line."""
    identified = f"id: {about}\n" if about else ""
    return f"{identified}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


# ── one ear a process ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Away:
    """The database does not answer: since when, by our clock and by a monotonic one."""

    since: datetime
    at_s: float


class Ear:
    """Hears what the database notifies, and the listener while that is away, and wakes the streams it concerns."""

    def __init__(self) -> None:
        self.away: Away | None = None
        self.is_well = asyncio.Event()
        self.is_well.set()
        self._end_hearing: Callable[[], None] | None = None
        self._streams: dict[tuple[str, UUID], set[Stream]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    def add(self, stream: Stream) -> None:
        self._streams[stream.topic, stream.about].add(stream)
        self._streams["access", stream.viewer].add(stream)

    def remove(self, stream: Stream) -> None:
        for key in ((stream.topic, stream.about), ("access", stream.viewer)):
            self._streams[key].discard(stream)
            if not self._streams[key]:
                del self._streams[key]

    def count_of(self, person: UUID) -> int:
        return len(self._streams.get(("access", person), ()))

    def hear(self, payload: str) -> None:
        """Wake whom `topic:id` or `topic:id:session` concerns; anything else is nobody's."""
        topic, _, named = payload.partition(":")
        about, _, session = named.partition(":")
        try:
            key = (topic if topic != "readings" else "room", UUID(about))
            of = UUID(session) if session else None
        except ValueError:
            return
        news = {"readings": News.READINGS, "access": News.ACCESS}.get(topic, News.CHANGED)
        for stream in self._streams.get(key, ()):
            stream.tell(news, of)

    async def ready(self) -> None:
        """Listen if nobody does; wait a moment for it. If it takes longer, all streams look again then."""
        if self._end_hearing is None:
            self._end_hearing = heard.listen(settings.HEARD, self.stand_by)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._listen())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._listening.wait(), EAR_PATIENCE_S)

    async def close(self) -> None:
        if self._end_hearing is not None:
            self._end_hearing()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def stand_by(self, told: Mapping[str, Any]) -> None:
        """What the listener says of a session while the database is away, or that it is back."""
        if told.get("is_back"):
            self._all_again()
            return
        try:
            session, clinic = UUID(told["session"]), UUID(told["clinic"])
        except (KeyError, TypeError, ValueError, AttributeError):
            return
        for key in (("room", session), ("board", clinic)):
            for stream in self._streams.get(key, ()):
                stream.stand_by(session, told)

    def _set_away(self, is_away: bool) -> None:
        if is_away == (self.away is not None):
            return
        self.away = Away(datetime.now(UTC), time.monotonic()) if is_away else None
        self.is_well.clear() if is_away else self.is_well.set()
        for streams in list(self._streams.values()):
            for stream in streams:
                stream.aside.set()

    async def _listen(self) -> None:
        """Listen for ever; after every gap all streams look again."""
        wait_s = 0.0
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(_conninfo(), autocommit=True) as ear:
                    await ear.execute(f"listen {CHANNEL}")
                    self._listening.set()
                    self._set_away(False)
                    wait_s = 0.0
                    self._all_again()
                    await self._hear_all(ear)
            except (psycopg.Error, OSError) as error:
                self._listening.clear()
                log.warning("live pages do not hear the database: %s", type(error).__name__)
                # A line that broke is taken up again at once; when that fails too, the database is away.
                self._set_away(wait_s > 0)
                await asyncio.sleep(wait_s)
                wait_s = min(max(wait_s * 2, 0.2), 2.0)

    async def _hear_all(self, ear: psycopg.AsyncConnection[Any]) -> None:
        while True:
            async for notice in ear.notifies(timeout=PING_S):
                self.hear(notice.payload)
            # Silence, or a line that is cut? Ask.
            await ear.execute("select 1")

    def _all_again(self) -> None:
        for streams in list(self._streams.values()):
            for stream in streams:
                stream.tell(News.CHANGED)
                stream.tell(News.ACCESS)


def _conninfo() -> str:
    given = connection.settings_dict
    options = {
        key: value
        for key, value in given["OPTIONS"].items()
        if isinstance(value, str | int) and key != "pool"
    }
    known = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    named = {ours: given[theirs] for ours, theirs in known.items() if given[theirs]}
    return make_conninfo(
        "",
        **{
            "application_name": "bothwell live",
            "keepalives_idle": 15,
            "connect_timeout": 5,
            **options,
            **named,
        },
    )


# ── the application ───────────────────────────────────────────────────────────────────────────────────────


class Application:
    """The streams of one process."""

    def __init__(self) -> None:
        self._readers = ThreadPoolExecutor(READERS, "live")
        self._ears: dict[asyncio.AbstractEventLoop, Ear] = {}

    @property
    def ear(self) -> Ear:
        return self._ears.setdefault(asyncio.get_running_loop(), Ear())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live_and_die(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live_and_die(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self.ear.close()
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "lifespan.startup.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "GET":
            return await _refuse(send, 405)
        try:
            if self.ear.away is not None:
                raise OperationalError
            found = await self._in_thread(self._opened, scope)
            if isinstance(found, int):
                return await _refuse(send, found)
            ear = self.ear
            if ear.count_of(found.viewer) >= MOST_STREAMS_A_PERSON:
                return await _refuse(send, 429)
            ear.add(found)
            try:
                await ear.ready()
                await _begin(send)
                await self._follow(found, receive, send)
            finally:
                ear.remove(found)
        except GONE:
            # Not a refusal: a browser that is refused never asks again.
            await _begin(send)
            await _say(send, b"", more=False)

    def _opened(self, scope: Scope) -> Stream | int:
        """The stream asked for, or the status that refuses it: 403 without a login, else always 404."""
        with _one_connection():
            key = _session_key(scope)
            viewer = viewer_of(key) if key else None
            if viewer is None:
                return 403
            _, _, topic, about = (*scope["path"].split("/", 3), "", "", "", "")[:4]
            if topic not in MAY_FOLLOW or (wanted := _uuid(about)) is None:
                return 404
            with door.opened(viewer):
                if not _may_follow(topic, wanted):
                    return 404
        last = next((value for name, value in scope["headers"] if name == b"last-event-id"), b"")
        return Stream(topic, wanted, viewer, key, since=_uuid(last.decode("latin-1")))

    async def _follow(self, stream: Stream, receive: Receive, send: Send) -> None:
        """Send until the viewer leaves or may no longer follow."""
        left = asyncio.ensure_future(_left(receive))
        talking = asyncio.ensure_future(self._talk(stream, send))
        beside = asyncio.ensure_future(self._talk_beside(stream, send))
        try:
            await asyncio.wait({left, talking, beside}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (left, talking, beside):
                task.cancel()
            _, *troubles = await asyncio.gather(left, talking, beside, return_exceptions=True)
            for trouble in troubles:
                if isinstance(trouble, Exception) and not isinstance(trouble, OSError):
                    log.error("a live page broke off: %s", type(trouble).__name__)

    async def _talk_beside(self, stream: Stream, send: Send) -> None:
        """What needs no look: a look may wait long for a database that is away."""
        ear = self.ear
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.aside.wait(), HERE_S)
            stream.aside.clear()
            if said := stream.aside_events(ear.away, time.monotonic()):
                await _say(send, b"".join(said))

    async def _talk(self, stream: Stream, send: Send) -> None:
        stream.tell(News.CHANGED)
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.woken.wait(), PING_S)
            news, stream.waiting = stream.waiting, set()
            changed, stream.changed = stream.changed, set()
            stream.woken.clear()
            await self.ear.is_well.wait()
            try:
                said = await self._in_thread(stream.look, news, changed)
            except GONE as error:
                # Nothing is shown that cannot be asked for: wait, and look again.
                log.warning("a live page could not look: %s", type(error).__name__)
                await asyncio.sleep(1)
                stream.tell(News.CHANGED)
                continue
            if said is None:
                await _say(send, event("gone"), more=False)
                return
            # A sign of life comes with silence only: after news that says nothing here it would be news itself.
            if said or not news:
                await _say(send, b"".join(said) or b": ping\n\n")
            if stream.has_more:
                stream.tell(News.READINGS)

    async def _in_thread(self, call: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._readers, call, *given)


def _uuid(text: str) -> UUID | None:
    """The identifier, in the one way it is written."""
    try:
        found = UUID(text)
    except ValueError:
        return None
    return found if str(found) == text.lower() else None


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
WORDS = {403: b"Log in first.", 404: b"Not found.", 405: b"Only GET.", 429: b"Too many pages."}


async def _begin(send: Send) -> None:
    kind = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *kind]})
    await _say(send, f"retry: {RETRY_MS}\n\n".encode())


async def _say(send: Send, words: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": words, "more_body": more})


async def _refuse(send: Send, status: int) -> None:
    headers = [*HEADERS, (b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await _say(send, WORDS[status], more=False)


application = Application()
