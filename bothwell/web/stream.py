"""One open page that follows something, and what it is told when it is woken.

For every event the door is opened anew and the right asked anew; a right that is lost ends the stream.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from bothwell.privacy import door
from bothwell.web.following import may_be_told, may_follow, seen_on_board, viewer_of
from bothwell.web.room_news import OVERLAP_MS, id_at, room_update

PING_S = 15.0
ALLOWED_WITHIN_S = 60.0


class News(StrEnum):
    """What a stream is to do next."""

    CHANGED = "changed"
    READINGS = "readings"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Away:
    """The database does not answer: since when, by our clock and by a monotonic one."""

    since: datetime
    at_s: float


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
    heard_at_s: float | None = None
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

    def aside_events(self, away: Away | None, now_s: float) -> list[bytes]:
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

    def tell(self, news: News, of: UUID | None = None, heard_at_s: float | None = None) -> None:
        """Wake it; the same news twice is one. `of`: the session that changed; none, if it may be anything.
        `heard_at_s`: when (monotonic); none, if what is true now is to be read for this page alone.
        """
        self.heard_at_s = heard_at_s
        self.waiting.add(news)
        if news is not News.ACCESS:
            self.changed.add(of)
        self.woken.set()

    def look(
        self, news: set[News], changed: Collection[UUID | None] = frozenset({None})
    ) -> list[bytes] | None:
        """The events to send, as the viewer sees the world now; none if they may not follow this any more.

        Runs in a thread, with a door of its own.
        """
        asked_at_s = time.monotonic()
        with one_connection():
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
            if not may_follow(self.topic, self.about):
                return None
            is_theirs = News.CHANGED in news and may_be_told(self.topic, changed)
            self.sees = seen_on_board(self.about) if self.topic == "board" else frozenset({self.about})
        # What one may see has changed: only the page's own address can tell what of it is still theirs.
        is_affected = News.ACCESS in news and self.topic in ("person", "couple")
        return [event("changed")] if is_theirs or is_affected else []

    def _room(self, news: set[News]) -> list[bytes] | None:
        update = room_update(self.viewer, self.about, self.since, heard_at_s=self.heard_at_s)
        if update is None:
            return None
        update["samples"] = [each for each in update["samples"] if UUID(each["id"]) not in self.sent]
        self.since, self.has_more = UUID(update["next"]), update["more"]
        oldest = id_at((self.since.int >> 80) - OVERLAP_MS)
        self.sent = {key: None for key in self.sent if key >= oldest}
        self.sent |= {UUID(each["id"]): None for each in update["samples"]}
        said = [event("readings", update, update["next"])]
        return [*said, event("changed", about=update["next"])] if News.CHANGED in news else said


@contextlib.contextmanager
def one_connection() -> Iterator[None]:
    """A connection for this look, given back after it."""
    try:
        yield
    finally:
        connection.close()


def event(name: str, data: Any = None, about: str = "") -> bytes:
    """One event as it goes over the line."""
    identified = f"id: {about}\n" if about else ""
    return f"{identified}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()
