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
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import parse_cookie

from bothwell.privacy import door
from bothwell.web.ear import Ear
from bothwell.web.following import MAY_FOLLOW, may_follow, viewer_of
from bothwell.web.stream import PING_S, News, Stream, event, one_connection

log = logging.getLogger("bothwell.live")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

GONE = (OperationalError, InterfaceError)
"""What a database that does not answer raises."""
HERE_S = 2.0
RETRY_MS = 2000
READERS = 8
MOST_STREAMS_A_PERSON = 24


def _session_key(scope: Scope) -> str:
    given = b"; ".join(value for name, value in scope["headers"] if name == b"cookie")
    return parse_cookie(given.decode("latin-1")).get(settings.SESSION_COOKIE_NAME, "")


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
        with one_connection():
            key = _session_key(scope)
            viewer = viewer_of(key) if key else None
            if viewer is None:
                return 403
            _, _, topic, about = (*scope["path"].split("/", 3), "", "", "", "")[:4]
            if topic not in MAY_FOLLOW or (wanted := _uuid(about)) is None:
                return 404
            with door.opened(viewer):
                if not may_follow(topic, wanted):
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
        spoke_at_s = time.monotonic()
        while True:
            # A sign of life is due so long after the last word: were it so long after the last look, it would tell of
            # news that says nothing here.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stream.woken.wait(), max(0.0, spoke_at_s + PING_S - time.monotonic()))
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
            if said or time.monotonic() >= spoke_at_s + PING_S:
                spoke_at_s = time.monotonic()
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
