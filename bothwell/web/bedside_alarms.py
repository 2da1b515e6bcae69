"""The alarms to be seen at a bed: which stand, in which place, who was called and who acknowledged.

It raises none, quiets none, and acknowledges none.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing import flowsheet
from bothwell.monitoring import calling
from bothwell.monitoring.limits import RANK, Priority
from bothwell.monitoring.models import Alarm, AlarmEvent, Channel
from bothwell.web.quieted import Quiet

SILENT = re.compile(r"(.*: no reading for )(\d+) seconds(.*)", re.DOTALL)
"""What `monitoring.silence` says when a signal is lost: after so many seconds, which is when it was raised."""


@dataclass(frozen=True, slots=True)
class Silence:
    """What is said of a lost signal around how long it lasts, and since when it does."""

    before: str
    after: str
    since: datetime

    @property
    def lasted(self) -> str:
        """By now, as the page counts on (room.js)."""
        seconds = max(0, int((timezone.now() - self.since).total_seconds()))
        return f"{seconds} seconds" if seconds < 90 else f"{seconds // 60} minutes"


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that is to be seen: its condition goes on, or nobody has acknowledged it yet."""

    session_id: UUID
    code: str
    number: int
    priority: Priority
    text: str
    raised_at: datetime
    is_over: bool
    escalated_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    is_signal: bool
    level: int = 0
    passed_to: str = ""
    is_quiet: bool = False
    alarm_id: UUID | None = None
    acknowledged_name: str = ""

    @property
    def look(self) -> str:
        """The colour it owns: high red, medium yellow, low and technical cyan."""
        return {"high": "high", "medium": "medium"}.get(self.priority, "low")

    @property
    def icon(self) -> str:
        return "info" if self.look == "low" else "warn"

    @property
    def silence(self) -> "Silence | None":
        """Of a signal that is gone, and is still: how long it has been so, for a page that counts on."""
        found = SILENT.fullmatch(self.text) if self.is_signal and not self.is_over else None
        if found is None:
            return None
        before, seconds, after = found.groups()
        return Silence(before, after, self.raised_at - timedelta(seconds=int(seconds)))

    @property
    def rank(self) -> tuple[bool, int]:
        return self.acknowledged_at is None, RANK[self.priority]


def standing(sessions: Collection[UUID]) -> dict[UUID, list[Standing]]:
    """The alarms to be seen in each session, the gravest first; who acknowledged is named in `named`."""
    found: dict[UUID, list[Standing]] = {}
    channels = Channel.objects.filter(session_id__in=sessions).values_list(
        "session_id", "code", "state__standing", "state__signal"
    )
    for session_id, code, alarms, signal in channels:
        both = [(each, False) for each in alarms or ()] + ([(signal, True)] if signal else [])
        for each, is_signal in both:
            found.setdefault(session_id, []).append(_standing(session_id, code, each, is_signal))
    for listed in found.values():
        listed.sort(key=lambda alarm: (*alarm.rank, alarm.raised_at), reverse=True)
    return found


def told(
    alarms: Mapping[UUID, list[Standing]], quiet: Mapping[UUID, Sequence[Quiet]]
) -> dict[UUID, list[Standing]]:
    """The same alarms, each with whom it was passed on to by name, and whether it is paused or off."""
    passed = {
        (session, code, number, level): name
        for session, code, number, level, name in AlarmEvent.objects.filter(
            alarm__session_id__in=[key for key, listed in alarms.items() if any(one.level for one in listed)],
            kind=AlarmEvent.Kind.ESCALATED,
        ).values_list("alarm__session_id", "alarm__code", "alarm__number", "level", "to__name_used")
    }
    return {
        session: [
            replace(
                one,
                passed_to=calling.words(
                    one.level, passed.get((session, one.code, one.number, one.level)) or ""
                ),
                is_quiet=any(one.code in each.codes for each in quiet.get(session, ())),
            )
            for one in listed
        ]
        for session, listed in alarms.items()
    }


def in_place(alarms: Iterable[Standing]) -> list[Standing]:
    """The same alarms in places that keep: the gravest first, then the oldest.

    Acknowledging moves none, so a second touch at the same place cannot answer an alarm nobody has read.
    """
    return sorted(alarms, key=lambda each: (-RANK[each.priority], each.raised_at, each.code, each.number))


def _standing(session_id: UUID, code: str, data: Mapping[str, Any], is_signal: bool) -> Standing:
    return Standing(
        session_id=session_id,
        code=code,
        number=data["number"],
        priority=Priority(data["priority"]),
        text=data["text"],
        raised_at=datetime.fromisoformat(data["raised_at"]),
        is_over=data["is_over"],
        escalated_at=_time(data["escalated_at"]),
        acknowledged_at=_time(data["acknowledged_at"]),
        acknowledged_by=data["acknowledged_by"],
        is_signal=is_signal,
        level=data.get("level", 0),
        passed_to=calling.words(data.get("level", 0)),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def named(alarms: Sequence[Standing], session_id: UUID) -> list[Standing]:
    """The same alarms with their row's id and the name of who acknowledged: for the room itself."""
    rows = {
        (row.code, row.number): row.id
        for row in Alarm.objects.filter(session_id=session_id).only("id", "code", "number")
    }
    people = _names_of({alarm.acknowledged_by for alarm in alarms if alarm.acknowledged_by})
    return [
        replace(
            alarm,
            alarm_id=rows.get((alarm.code, alarm.number)),
            acknowledged_name=people.get(alarm.acknowledged_by, ""),
        )
        for alarm in alarms
    ]


def _names_of(people: Collection[str]) -> dict[str, str]:
    """Names of staff by identifier."""
    found = Person.objects.filter(id__in=[UUID(each) for each in people]).values_list("id", "name_used")
    return {str(key): name for key, name in found}


def alarm_marks(session_id: UUID) -> list[flowsheet.Mark]:
    """What became of every alarm of a session, for the chart."""
    rows = Alarm.objects.filter(session_id=session_id).order_by("raised_at")
    events = AlarmEvent.objects.select_related("author", "alarm").filter(alarm__session_id=session_id)
    marks = [flowsheet.Mark(row.raised_at, f"Alarm, {row.priority}: {row.text}", "alarm") for row in rows]
    for event in events.filter(kind=AlarmEvent.Kind.ACKNOWLEDGED):
        name = f" by {event.author.name_used}" if event.author else ""
        marks.append(flowsheet.Mark(event.at, f"Alarm acknowledged{name}: {event.alarm.text}", "alarm"))
    return marks
