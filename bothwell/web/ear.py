"""One ear a process: hears what the database notifies, and the listener while that is away; wakes whom it concerns.

It reads no row and shows nothing.
"""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection
from psycopg.conninfo import make_conninfo

from bothwell.web import heard
from bothwell.web.stream import PING_S, Away, News, Stream

log = logging.getLogger("bothwell.live")

CHANNEL = "bothwell"
EAR_PATIENCE_S = 5.0


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
        heard_at_s = time.monotonic()
        for stream in self._streams.get(key, ()):
            stream.tell(news, of, heard_at_s)

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
