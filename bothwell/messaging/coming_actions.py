"""What lies ahead for one person: their own visits, the couple's sessions and their appointments, in one list.

It reads only what the viewer may see, and never the other partner's visits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from bothwell.couples.models import Assignment, Membership, Person, Role, open_at
from bothwell.dosing.models import DosingSession
from bothwell.integration.models import CoupleSession
from bothwell.messaging import booking, video
from bothwell.messaging.booking import Span
from bothwell.messaging.models import Appointment


class What(StrEnum):
    """Which kind of meeting it is."""

    VISIT = "visit"
    TOGETHER = "together"
    APPOINTMENT = "appointment"


@dataclass(frozen=True)
class Entry:
    """One meeting on a list. `minutes` is 0 where nobody said how long."""

    what: What
    id: UUID
    at: datetime
    minutes: int
    title: str
    place: str
    is_cancelled: bool
    is_video: bool
    person: Person | None = None
    staff: Person | None = None
    couple: UUID | None = None

    @property
    def span(self) -> Span:
        return Span.of(self.at, self.minutes or booking.VISIT_MINUTES)


def own(person: Person, span: Span) -> list[Entry]:
    """A partner's own meetings that touch this time, soonest first; also those that were cancelled."""
    visits = DosingSession.objects.select_related("room").filter(subject=person)
    couples = Membership.objects.filter(person=person, couple__parted_at__isnull=True).values("couple_id")
    together = CoupleSession.objects.filter(couple_id__in=couples)
    appointments = Appointment.objects.select_related("staff").filter(subject=person)
    return _sorted(
        [
            *map(_visit, _near(visits, "scheduled_at", span)),
            *map(entry_of_session, _near(together, "at", span)),
            *map(entry_of, _near(appointments, "at", span)),
        ],
        span,
    )


def of_staff(staff: Person, span: Span) -> list[Entry]:
    """What one member of staff has to be at: appointments, and the sessions of the couples in their care."""
    couples = assigned(staff).filter(role=Role.COUPLES_THERAPIST)
    together = CoupleSession.objects.filter(couple_id__in=couples.values("couple_id"))
    appointments = Appointment.objects.select_related("staff", "subject").filter(staff=staff)
    return _sorted(
        [
            *map(entry_of_session, _near(together, "at", span)),
            *map(entry_of, _near(appointments, "at", span)),
        ],
        span,
    )


def assigned(staff: Person) -> QuerySet[Assignment]:
    """The places on care teams this member of staff holds now."""
    return Assignment.objects.filter(open_at(timezone.now()), staff=staff)


def in_the_clinic(span: Span) -> list[Entry]:
    """Every appointment of a time that the viewer may see: the office's day."""
    appointments = Appointment.objects.select_related("staff", "subject").all()
    return _sorted(list(map(entry_of, _near(appointments, "at", span))), span)


def video_address(entry: Entry, link: str, now: datetime) -> str:
    """The way into the video room, while it is open; empty otherwise."""
    if not entry.is_video or entry.is_cancelled or not video.is_open(entry.at, entry.minutes, now):
        return ""
    return video.address(link, entry.id, settings.SECRET_KEY)


def _near(rows: QuerySet[Any], at: str, span: Span) -> QuerySet[Any]:
    longest = timedelta(minutes=max(300, booking.VISIT_MINUTES, booking.LONGEST))
    return rows.filter(**{f"{at}__gt": span.starts_at - longest, f"{at}__lt": span.ends_at})


def _sorted(entries: list[Entry], span: Span) -> list[Entry]:
    return sorted((one for one in entries if one.span.touches(span)), key=lambda one: (one.at, one.id))


def _visit(row: DosingSession) -> Entry:
    return Entry(
        What.VISIT,
        row.id,
        row.scheduled_at,
        0,
        "Your session",
        row.room.name if row.room else "",
        row.outcome == "cancelled",
        False,
    )


def entry_of_session(row: CoupleSession) -> Entry:
    """A couples session as a line of a list."""
    return Entry(
        What.TOGETHER,
        row.id,
        row.at,
        row.minutes,
        "Couples session",
        row.place,
        row.state == CoupleSession.State.CANCELLED,
        video.says_video(row.place),
        couple=row.couple_id,
    )


def entry_of(row: Appointment) -> Entry:
    """An appointment as a line of a list."""
    return Entry(
        What.APPOINTMENT,
        row.id,
        row.at,
        row.minutes,
        row.get_kind_display().capitalize(),
        "Video" if row.is_video else row.place,
        row.state == Appointment.State.CANCELLED,
        row.is_video,
        person=row.subject,
        staff=row.staff,
    )
