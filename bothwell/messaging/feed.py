"""A calendar a telephone may follow (RFC 5545): when there is an appointment, and nothing else.

Pure. No title, place or note of it tells the clinic, its kind, a partner or who is met; no name of a row leaves.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from icalendar import Calendar, Event

TITLE: Final = "Appointment"
CALENDAR: Final = "Appointments"
LOOK_AGAIN: Final = timedelta(hours=3)


@dataclass(frozen=True)
class Meeting:
    """One meeting as a calendar needs it. `changes` counts how often it was moved or cancelled."""

    id: UUID
    at: datetime
    minutes: int
    is_cancelled: bool
    changed_at: datetime
    changes: int


def uid(meeting: UUID, owner: UUID, secret: str) -> UUID:
    """The same name for a meeting in one person's calendars, and another in anybody else's."""
    key = hashlib.sha256(b"bothwell calendar " + secret.encode()).digest()
    digest = hmac.new(key, owner.bytes + meeting.bytes, hashlib.sha256).digest()
    return UUID(bytes=digest[:16], version=4)


def written(meetings: Iterable[Meeting], owner: UUID, secret: str) -> bytes:
    """The calendar, in UTC; the same meetings give the same bytes."""
    calendar = Calendar()
    calendar.add("prodid", "-//Appointments//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("name", CALENDAR)
    calendar.add("x-wr-calname", CALENDAR)
    calendar.add("refresh-interval", LOOK_AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT3H")
    for meeting in sorted(meetings, key=lambda each: (each.at, each.id)):
        calendar.add_component(_event(meeting, owner, secret))
    return bytes(calendar.to_ical())


def _event(meeting: Meeting, owner: UUID, secret: str) -> Event:
    at = meeting.at.astimezone(UTC).replace(microsecond=0)
    changed_at = meeting.changed_at.astimezone(UTC).replace(microsecond=0)
    event = Event()
    event.add("uid", str(uid(meeting.id, owner, secret)))
    event.add("dtstamp", changed_at)
    event.add("last-modified", changed_at)
    event.add("sequence", meeting.changes)
    event.add("dtstart", at)
    event.add("dtend", at + timedelta(minutes=meeting.minutes))
    event.add("summary", TITLE)
    event.add("status", "CANCELLED" if meeting.is_cancelled else "CONFIRMED")
    event.add("class", "PRIVATE")
    event.add("transp", "TRANSPARENT" if meeting.is_cancelled else "OPAQUE")
    return event


def etag(body: bytes) -> str:
    """A strong validator (RFC 9110, 8.8.3)."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
