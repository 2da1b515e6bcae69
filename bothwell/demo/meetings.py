"""The couples sessions of one couple, what was written about them, and what the two did at home in between.

No note here is about anybody; the couples therapist's process notes are as private as real ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from bothwell.demo import texts
from bothwell.demo.people import Pair
from bothwell.demo.place import DAY, WEEK, Place
from bothwell.integration.library import STAGES, exercises
from bothwell.models import (
    Couple,
    CoupleSession,
    ExerciseDone,
    ExerciseGiven,
    Person,
    ProcessNote,
    ProgressNote,
    Receipt,
    SharedSummary,
)

BETWEEN_SESSIONS_DAYS = 14
HOURS = (16, 11, 14, 17, 10)
PLACES = ("Garden room", "Corner room", "Video", "Garden room")


@dataclass
class Meetings:
    """The couples sessions of one couple: `people` by side."""

    place: Place
    pair: Pair
    couple: Couple
    people: dict[str, Person]
    since: datetime

    @property
    def therapist(self) -> Person:
        return self.place.staff[self.pair.therapist]

    @property
    def parted_at(self) -> datetime | None:
        return self.couple.parted_at

    def meet(self) -> list[CoupleSession]:
        """The sessions held, with their notes, and the next one."""
        held = [self._session(number, at) for number, at in enumerate(self.times(), 1)]
        for session in held:
            self._write_up(session)
        self._exercises(held)
        if self.pair.next_session_hours is not None and self.parted_at is None:
            self._plan(len(held) + 1)
        return held

    def times(self) -> list[datetime]:
        """When the two and their couples therapist met, the first time first; on weekdays."""
        hours = self.pair.next_session_hours
        newest = (
            (self.pair.parted_weeks or 0) * 7 + 6
            if hours is None
            else max(2, BETWEEN_SESSIONS_DAYS - hours // 24)
        )
        found = []
        for number in range(self.pair.held):
            days = newest + number * BETWEEN_SESSIONS_DAYS
            days += max(0, self.place.day(days).weekday() - 4)
            at = self.place.at(days, self._hour)
            if at > self.since + 7 * DAY:
                found.append(at)
        return sorted(found)

    def _session(self, number: int, at: datetime) -> CoupleSession:
        return self.place.sheaf.add(
            CoupleSession,
            self.pair.key,
            number,
            couple=self.couple,
            author=self.therapist,
            recorded_at=at - BETWEEN_SESSIONS_DAYS * DAY,
            at=at,
            number=number,
            state="held",
            place=self._where,
        )

    def _plan(self, number: int) -> None:
        self.place.sheaf.add(
            CoupleSession,
            self.pair.key,
            number,
            couple=self.couple,
            author=self.therapist,
            recorded_at=self.place.ago(2),
            at=self._next_at(),
            number=number,
            state="planned",
            place=self._where,
        )

    def _next_at(self) -> datetime:
        """Later today, or on a weekday at the hour they always meet."""
        hours = self.pair.next_session_hours or 0
        if hours < 12:
            at = self.place.now + timedelta(hours=hours)
            return at.replace(minute=0, second=0, microsecond=0)
        days = hours / 24
        days += {5: 2, 6: 1}.get(self.place.day(-days).weekday(), 0)
        return self.place.at(-days, self._hour)

    @property
    def _turn(self) -> int:
        """Where this couple begins in the lists of words, so that no two read alike and nothing comes twice."""
        return self.place.sheaf.draw("turn", self.pair.key).randrange(20)

    @property
    def _hour(self) -> int:
        return HOURS[self.place.sheaf.draw("hour", self.pair.key).randrange(len(HOURS))]

    @property
    def _where(self) -> str:
        return PLACES[self.place.sheaf.draw("place", self.pair.key).randrange(len(PLACES))]

    def _write_up(self, session: CoupleSession) -> None:
        draw = self.place.sheaf.draw("notes", self.pair.key, session.number)
        about = {"couple": self.couple, "author": self.therapist, "session": session}
        over = session.at + timedelta(minutes=75)
        name = (self.pair.key, session.number)
        focus, text = texts.PROGRESS[self.pair.modality][
            (session.number - 1) % len(texts.PROGRESS[self.pair.modality])
        ]
        stages = STAGES[self.pair.modality]
        stage = stages[min(session.number - 1, len(stages) - 1)] if stages else ""
        self.place.sheaf.add(
            ProgressNote,
            *name,
            **about,
            recorded_at=over,
            modality=self.pair.modality,
            stage=stage,
            focus=focus,
            text=text,
        )
        log = self.place.sheaf.log
        log(
            session.at - timedelta(minutes=20),
            "viewed",
            self.therapist.id,
            couple_id=self.couple.id,
            item_kind="couple.shared",
        )
        log(
            over,
            "recorded a session",
            self.therapist.id,
            couple_id=self.couple.id,
            item_kind="couple.progress",
            item_id=session.id,
        )
        if draw.random() < 0.85:
            shared = texts.SHARED_SUMMARIES[(session.number + self._turn) % len(texts.SHARED_SUMMARIES)]
            summary = self.place.sheaf.add(
                SharedSummary, *name, **about, recorded_at=over + timedelta(minutes=20), text=shared
            )
            self._read_by_both(summary.id, over)
        if draw.random() < 0.3:
            self.place.sheaf.add(
                ProcessNote, *name, **about, recorded_at=over, text=draw.choice(texts.PROCESS_NOTES)
            )

    def _read_by_both(self, summary: UUID, over: datetime) -> None:
        for side, person in self.people.items():
            self.place.sheaf.add(
                Receipt,
                summary,
                side,
                couple=self.couple,
                author=person,
                item_kind="couple.shared",
                item_id=summary,
                recorded_at=over + timedelta(hours=5),
            )

    def _exercises(self, held: list[CoupleSession]) -> None:
        library = exercises()
        draw = self.place.sheaf.draw("exercises", self.pair.key)
        told = ("ten_minutes_in_the_evening", "one_thank_you_a_day")
        codes = (
            [*told] if self.pair.key == "nwosu-halloran" else [one.code for one in draw.sample(library, 2)]
        )
        for session, code in zip(held[1:4:2] if len(held) > 2 else held[1:], codes, strict=False):
            at = session.at + timedelta(minutes=50)
            is_over = draw.random() < 0.3 and self.pair.key != "nwosu-halloran"
            until = self.parted_at or (at + 5 * WEEK if is_over else None)
            given = self.place.sheaf.add(
                ExerciseGiven,
                self.pair.key,
                code,
                couple=self.couple,
                author=self.therapist,
                recorded_at=at,
                session=session,
                exercise=code,
                words=draw.choice(texts.GIVEN_WORDS),
                until=until,
            )
            last = min(until or self.place.now, self.place.now)
            self._do(given, at, last)

    def _do(self, given: ExerciseGiven, since: datetime, last: datetime) -> None:
        draw = self.place.sheaf.draw("done", given.id)
        week = 0
        while (at := since + week * WEEK + timedelta(days=draw.uniform(1, 5))) < last:
            week += 1
            if draw.random() < 0.25:
                continue
            side = draw.choice(list(self.people))
            on_day = at.astimezone(self.place.zone).date()
            self.place.sheaf.add(
                ExerciseDone,
                given.id,
                week,
                couple=self.couple,
                subject=self.people[side],
                author=self.people[side],
                recorded_at=at,
                given=given,
                on_day=on_day,
                words=texts.DONE_WORDS[(week + self._turn) % len(texts.DONE_WORDS)],
            )
