"""What people of the invented clinic wrote to each other, and when they are to meet: threads and appointments.

Every word is ours. Nothing in it asks for, or gives, advice about a treatment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bothwell.demo.people import Pair
from bothwell.demo.place import DAY, Place
from bothwell.messaging.models import Appointment, Message
from bothwell.models import Assignment, Couple, DisclosureAgreement, Person, Receipt

CARE, ALONE, OURS, OWN = "message.care", "message.alone", "message.couple", "message.therapist"

# kind, whose side it is about, who writes (a, b or a role), days ago, hour, words, and whether it was read
AMARA = (
    (CARE, "a", "a", 6, 8, "Is it right that I bring my own headphones next time? The room's hum stays with me.", True),
    (CARE, "a", "nurse", 6, 11, "Yes, please do. We have a splitter, so that I can hear when the music ends.", True),
    (OURS, "", "b", 4, 20, "We did the slow evening yesterday. Twenty minutes became an hour, and nobody looked at the clock.", True),
    (OURS, "", "couples_therapist", 3, 9, "That is good to read. Bring the moment when it turned from a task into an evening.", True),
    (OURS, "", "a", 3, 21, "It was when he laughed about the soup.", True),
    (ALONE, "a", "a", 2, 19, "I would like to speak about my mother on Friday, and I am not sure how to begin.", True),
    (ALONE, "a", "couples_therapist", 1, 10, "You can begin with just that sentence. I will help you both to stay with it.", False),
    (CARE, "a", "prescriber", 1, 16, "Your blood pressure diary reached me, thank you. We look at it on your next visit.", False),
)  # fmt: skip
BEN = (
    (OWN, "b", "b", 5, 7, "I slept badly after Tuesday. Not bad dreams, just awake. I wanted you to know.", True),
    (OWN, "b", "individual_therapist", 5, 9, "Thank you for telling me. Write down what you are awake with, if it wants words.", True),
)  # fmt: skip
SOME = (
    (CARE, "a", "a", 8, 9, "Can we move my next preparation by an hour? My train is late on Mondays.", True),
    (CARE, "a", "individual_therapist", 8, 12, "Of course. I have put it down for eleven.", True),
    (OURS, "", "couples_therapist", 5, 10, "A small reminder: one appreciation a day, out loud, however short.", True),
)  # fmt: skip
ASKS = (
    (CARE, "a", "a", 1, 18, "May I take my antihistamine the evening before? The pollen is bad this week.", False),
)  # fmt: skip
TOLD = {"amara": (*AMARA, *BEN)}


@dataclass
class Threads:
    """The threads and appointments of one couple."""

    place: Place
    pair: Pair
    couple: Couple
    people: dict[str, Person]

    def tell(self) -> None:
        """Everything they wrote, and what is planned with each."""
        if self.couple.parted_at or self.pair.b is None or self.pair.staff_b:
            return
        draw = self.place.sheaf.draw("messages", self.pair.key)
        lines = TOLD.get(self.pair.a.key) or (*SOME, *(ASKS if draw.random() < 0.25 else ()))
        for number, (kind, side, author, days, hour, words, is_read) in enumerate(lines):
            at = self.place.at(days, hour, draw.randint(0, 59))
            writer = self._writer(side, author)
            if self.pair.weeks * 7 > days + 10 and at < self.place.now and writer is not None:
                self._write(number, kind, side, writer, at, words, is_read)
        self._appointments()

    def _writer(self, side: str, author: str) -> Person | None:
        if author in ("a", "b"):
            partner = self.pair.a if author == "a" else self.pair.b
            return self.people[author] if partner and partner.has_login else None
        return self._staff(author, self.people[side] if side else None)

    def _staff(self, role: str, person: Person | None) -> Person | None:
        for row in self.place.sheaf.of(Assignment):
            about = row.subject_id == person.id if person else row.couple_id == self.couple.id
            if row.role == role and (
                about or (role == "couples_therapist" and row.couple_id == self.couple.id)
            ):
                return row.staff
        return None

    def _write(
        self, number: int, kind: str, side: str, writer: Person, at: datetime, words: str, is_read: bool
    ) -> None:
        sheaf, person = self.place.sheaf, self.people.get(side)
        couple = self.couple if kind in (OURS, ALONE) else None
        if kind == ALONE and not self._agreement():
            return
        row = sheaf.add(
            Message,
            self.pair.key,
            number,
            kind=kind,
            subject=person,
            couple=couple,
            author=writer,
            recorded_at=at,
            text=words,
            agreement=self._agreement() if kind == ALONE else None,
        )
        sheaf.log(
            at,
            "wrote a message",
            writer.id,
            subject_id=person.id if person else None,
            couple_id=self.couple.id if kind == OURS else None,
            item_kind=kind,
            item_id=row.id,
        )
        if is_read:
            for reader in self._readers(kind, person, writer):
                self._read(row, reader, at)

    def _read(self, row: Message, reader: Person, at: datetime) -> None:
        self.place.sheaf.add(
            Receipt,
            "message",
            row.id,
            reader.id,
            subject=row.subject,
            couple=row.couple,
            author=reader,
            item_kind=row.kind,
            item_id=row.id,
            recorded_at=min(at + timedelta(hours=1), self.place.now),
        )

    def _readers(self, kind: str, person: Person | None, writer: Person) -> list[Person]:
        roles = {CARE: ("prescriber", "nurse", "individual_therapist"), OWN: ("individual_therapist",)}
        staff = [self._staff(role, person) for role in roles.get(kind, ("couples_therapist",))]
        those = [person] if person else list(self.people.values())
        found = {one.id: one for one in (*those, *staff) if one is not None and one.id != writer.id}
        return list(found.values())

    def _agreement(self) -> DisclosureAgreement | None:
        if self.pair.unsigned:
            return None
        rows = self.place.sheaf.of(DisclosureAgreement)
        return next((row for row in rows if row.couple_id == self.couple.id), None)

    def _appointments(self) -> None:
        """One ahead with each one's own therapist; on a day of its own for everybody, so that nothing collides."""
        for number, (side, person) in enumerate(self.people.items()):
            staff = self._staff("individual_therapist", person)
            if staff is None:
                continue
            taken = sum(row.staff.id == staff.id for row in self.place.sheaf.of(Appointment))
            at = self._free_day(taken // 5).replace(hour=12 + taken % 5)
            is_video = self.pair.a.key == "amara" and number == 0
            row = self.place.sheaf.add(
                Appointment,
                self.pair.key,
                side,
                subject=person,
                author=self.place.role("coordinator"),
                recorded_at=self.place.at(3, 10),
                kind="integration",
                staff=staff,
                at=at,
                minutes=50,
                place="" if is_video else f"{staff.name_used.split()[0]}’s room",
                is_video=is_video,
            )
            self.place.sheaf.log(
                self.place.at(3, 10),
                "made an appointment",
                self.place.role("coordinator").id,
                subject_id=person.id,
                item_kind="appointment",
                item_id=row.id,
            )

    def _free_day(self, number: int) -> datetime:
        """The weekday at noon, so many after the day after tomorrow."""
        at = self.place.at(-2, 12)
        while at.weekday() > 4 or number > 0:
            number -= at.weekday() < 5
            at = (at.replace(tzinfo=None) + DAY).replace(tzinfo=self.place.zone)
        return at
