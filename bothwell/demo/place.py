"""One invented clinic: rooms, staff, protocol, texts, and the calendar in which visits find their place.

It puts nobody of one couple on the same day, and nobody into a room that is taken.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bothwell.demo import texts
from bothwell.demo.cast import CRISIS_LINES
from bothwell.demo.people import House, Staff
from bothwell.demo.sheaf import Sheaf
from bothwell.models import (
    Clinic,
    ConsentText,
    Credential,
    Device,
    Person,
    ProtocolVersion,
    Room,
    StaffRole,
)
from bothwell.pathway import protocol as protocols
from bothwell.pathway.protocol import Protocol

DAY = timedelta(days=1)
WEEK = timedelta(weeks=1)
OPENED = timedelta(days=400)
SLOTS = (time(9, 0), time(13, 30))
NEARBY = (0, -1, 1, -2, 2, -3, 3)
LEAST_BETWEEN = timedelta(days=2)
"""As the protocol has it (APA consensus: 2 to 3 times a week)."""
CREDENTIALS = {
    "prescriber": ("licence", "ketamine"),
    "nurse": ("licence", "ketamine"),
    "individual_therapist": ("licence", "ketamine"),
    "couples_therapist": ("licence", "ketamine", "couples"),
    "lead": ("licence",),
    "safety": ("licence",),
}
REFERENCES = {"licence": "License {}", "ketamine": "Certificate K-{}", "couples": "Certificate C-{}"}
EXPIRES_SOON = ("noor", "ketamine")


@dataclass
class Calendar:
    """Which room is taken when, and on which days somebody of a couple is here."""

    zone: ZoneInfo
    today: date
    taken: set[tuple[date, int, str]] = field(default_factory=set)
    couples: set[tuple[date, str]] = field(default_factory=set)
    last: dict[str, date] = field(default_factory=dict)

    def place(self, near: date, couple: str, person: str, rooms: tuple[str, ...]) -> tuple[datetime, str]:
        """A time on this past day or one close to it that suits the two, and a free room."""
        for day in (near + off * DAY for off in NEARBY):
            if not self._suits(day, couple, person):
                continue
            for number, at in enumerate(SLOTS):
                for room in rooms:
                    if (day, number, room) not in self.taken:
                        self.taken.add((day, number, room))
                        self.couples.add((day, couple))
                        self.last[person] = day
                        return datetime.combine(day, at, self.zone), room
        raise LookupError("the calendar is full")

    def _suits(self, day: date, couple: str, person: str) -> bool:
        """A weekday before today, without the other, and far enough from their own last visit."""
        last = self.last.get(person)
        is_rested = last is None or day - last >= LEAST_BETWEEN
        return day.weekday() < 5 and day < self.today and (day, couple) not in self.couples and is_rested


@dataclass
class Place:
    """What everybody in one clinic's story shares."""

    sheaf: Sheaf
    house: House
    now: datetime
    zone: ZoneInfo
    staff: dict[str, Person]
    rooms: dict[str, Room]
    devices: dict[str, Device]
    texts: dict[tuple[str, str], ConsentText]
    version: ProtocolVersion
    protocol: Protocol
    calendar: Calendar

    def ago(self, days: float) -> datetime:
        return self.now - timedelta(days=days)

    def day(self, days_ago: float) -> date:
        """The clinic's calendar day so many days ago."""
        return (self.now - timedelta(days=days_ago)).astimezone(self.zone).date()

    def at(self, days_ago: float, hour: int, minute: int = 0) -> datetime:
        """That hour on the clinic's clock, so many days ago."""
        return datetime.combine(self.day(days_ago), time(hour, minute), self.zone)

    def role(self, role: str) -> Person:
        return self.staff[self.house.with_role(role).key]


def found(sheaf: Sheaf, house: House, now: datetime, zone: ZoneInfo) -> Place:
    """The clinic before anybody is in its care."""
    opened = now - OPENED
    sheaf.keep(
        Clinic(
            id=sheaf.clinic_id,
            name=house.name,
            timezone=zone.key,
            country="US",
            is_demo=True,
            crisis_lines=[dict(line) for line in CRISIS_LINES],
            video_link="https://video.example.org/{room}",
            set_up_at=opened,
        )
    )
    staff = {one.key: _hire(sheaf, one, opened) for one in house.staff}
    lead = staff[house.with_role("lead").key]
    for one in house.staff:
        _file(sheaf, one, staff[one.key], lead, now)
    rooms = {name: sheaf.add(Room, name, name=name) for name in house.rooms}
    version, protocol = _protocol(sheaf, lead, opened)
    return Place(
        sheaf,
        house,
        now,
        zone,
        staff,
        rooms,
        _devices(sheaf, house, rooms),
        _texts(sheaf, opened),
        version,
        protocol,
        Calendar(zone, now.astimezone(zone).date()),
    )


def _hire(sheaf: Sheaf, one: Staff, at: datetime) -> Person:
    person = sheaf.add(
        Person,
        one.key,
        kind="staff",
        name_used=one.name,
        pronouns=one.pronouns,
        title=one.title,
        created_at=at,
    )
    for role in one.roles:
        sheaf.add(StaffRole, one.key, role, person=person, role=role, since=at)
    return person


def _file(sheaf: Sheaf, one: Staff, person: Person, lead: Person, now: datetime) -> None:
    draw = sheaf.draw("credentials", one.key)
    for kind in dict.fromkeys(kind for role in one.roles for kind in CREDENTIALS.get(role, ())):
        left = 20 if (one.key, kind) == EXPIRES_SOON else draw.randint(120, 900)
        sheaf.add(
            Credential,
            one.key,
            kind,
            person=person,
            kind=kind,
            filed_by=lead,
            filed_at=now - OPENED + DAY,
            reference=REFERENCES[kind].format(draw.randint(10_000, 99_999)),
            expires_on=(now + left * DAY).date(),
        )


def _protocol(sheaf: Sheaf, lead: Person, at: datetime) -> tuple[ProtocolVersion, Protocol]:
    path = protocols.shipped()[0]
    rules = protocols.load(path)
    version = sheaf.add(
        ProtocolVersion,
        rules.sha256,
        name=rules.name,
        version=rules.version,
        sha256=rules.sha256,
        source=path.read_text(encoding="utf-8"),
        loaded_at=at,
        signed_by=lead,
        signed_at=at + DAY,
        signed_name=lead.name_used,
    )
    sheaf.log(at + DAY, "signed a protocol", lead.id, item_kind="protocol", item_id=version.id)
    return version, rules


def _devices(sheaf: Sheaf, house: House, rooms: dict[str, Room]) -> dict[str, Device]:
    """A monitor for every room; where somebody is today, the one that is on them."""
    known = {bed.room: bed.device for bed in house.beds}
    found = {}
    for number, (name, room) in enumerate(rooms.items(), 1):
        # The second clinic's identifiers lie apart, as those of real monitors do.
        identifier = known.get(name) or f"00A0B0FFFE{sheaf.clinic_id.hex[:4].upper()}{number:02X}"
        found[name] = sheaf.add(
            Device, identifier, identifier=identifier, name=f"Monitor {number}", room=room
        )
    return found


def _texts(sheaf: Sheaf, at: datetime) -> dict[tuple[str, str], ConsentText]:
    known = [
        *(("treatment", code, *words) for code, words in texts.TREATMENT.items()),
        *(("release", code, *words) for code, words in texts.RELEASES.items()),
        *(("disclosure", code, *words) for code, words in texts.DISCLOSURE.items()),
        ("research", "deidentified", *texts.RESEARCH),
    ]
    found = {}
    for kind, code, title, said in known:
        body = texts.to_sign(said)
        found[(kind, code)] = sheaf.add(
            ConsentText,
            kind,
            code,
            kind=kind,
            code=code,
            version=1,
            title=title,
            body=body,
            sha256=hashlib.sha256(body.encode()).hexdigest(),
            published_at=at,
        )
    return found
