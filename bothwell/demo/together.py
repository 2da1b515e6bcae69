"""What happened between the two: agreement, releases, couples sessions, exercises, insights given and kept.

What is given is a version of its own, as in the portal. Nobody gives here what is another's to give.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from bothwell.demo import texts
from bothwell.demo.cast import Pair, Partner
from bothwell.demo.place import DAY, WEEK, Place
from bothwell.demo.texts import Kept, Written
from bothwell.integration.library import STAGES, exercises
from bothwell.models import (
    Consent,
    Couple,
    CoupleSession,
    DisclosureAgreement,
    DisclosureSignature,
    DosingSession,
    ExerciseDone,
    ExerciseGiven,
    Grant,
    Insight,
    InsightDiscussed,
    InsightVersion,
    Person,
    ProcessNote,
    ProgressNote,
    Receipt,
    SharedSummary,
)

BETWEEN_SESSIONS_DAYS = 14
HOURS = (16, 11, 14, 17, 10)
PLACES = ("Garden room", "Corner room", "Video", "Garden room")
TOLD = {"amara": texts.AMARA, "ben": texts.BEN}


@dataclass
class Both:
    """One couple as it is told: `people` by side."""

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

    def partner(self, side: str) -> Partner | None:
        return self.pair.a if side == "a" else self.pair.b

    # ── agreement and releases ──

    def agree(self) -> None:
        """The disclosure agreement with the signatures there are, and what each released."""
        if not self.pair.held:
            return
        at, text = self.since + 5 * DAY, self.place.texts[("disclosure", self.pair.mode)]
        agreement = self.place.sheaf.add(
            DisclosureAgreement,
            self.pair.key,
            couple=self.couple,
            author=self.therapist,
            recorded_at=at,
            mode=self.pair.mode,
            version=1,
            text=text,
            sha256=text.sha256,
        )
        for side, person in self.people.items():
            partner = self.partner(side)
            if side in self.pair.unsigned:
                continue
            self.place.sheaf.add(
                DisclosureSignature,
                self.pair.key,
                side,
                couple=self.couple,
                subject=person,
                author=person,
                recorded_at=at + 2 * DAY,
                agreement=agreement,
                signed_name=partner.full_name if partner else person.name_used,
            )
            self.place.sheaf.log(
                at + 2 * DAY,
                "signed",
                person.id,
                subject_id=person.id,
                couple_id=self.couple.id,
                item_kind="disclosure",
                item_id=agreement.id,
            )
        for side, partner, _, released in self.pair.sides:
            if partner:
                self._release(self.people[side], partner, released)

    def _release(self, person: Person, partner: Partner, released: tuple[str, ...]) -> None:
        for code in released:
            self._consent(person, partner, "release", code, "couples_therapist", 8)
        draw = self.place.sheaf.draw("research", partner.key)
        if draw.random() < 0.5:
            self._consent(person, partner, "research", "deidentified", "", 9)
        if partner.key == "marguerite":
            taken = self._consent(person, partner, "release", "medical_summary", "couples_therapist", 8)
            taken.withdrawn_at = self.place.at(30, 19)
            self.place.sheaf.log(
                taken.withdrawn_at,
                "withdrew",
                person.id,
                subject_id=person.id,
                item_kind="release:medical_summary",
                item_id=taken.id,
            )

    def _consent(self, person: Person, partner: Partner, kind: str, code: str, to: str, day: int) -> Consent:
        text, at = self.place.texts[(kind, code)], self.since + day * DAY
        consent = self.place.sheaf.add(
            Consent,
            partner.key,
            kind,
            code,
            to,
            subject=person,
            author=person,
            couple=self.couple,
            recorded_at=at,
            text=text,
            sha256=text.sha256,
            release_class=code if kind == "release" else "",
            release_to=to,
            signed_name=partner.full_name,
        )
        self.place.sheaf.log(
            at, "signed", person.id, subject_id=person.id, item_kind=f"{kind}:{code}", item_id=consent.id
        )
        return consent

    # ── couples sessions ──

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
            shared = texts.SHARED_SUMMARIES[
                (session.number + draw.randrange(3)) % len(texts.SHARED_SUMMARIES)
            ]
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
            until = self.parted_at or (at + 5 * WEEK if draw.random() < 0.3 else None)
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
                words=draw.choice(texts.DONE_WORDS),
            )

    # ── insights ──

    def reflect(self, side: str, visits: list[DosingSession], held: list[CoupleSession]) -> None:
        """What came up for one partner, and whom they gave it to."""
        partner, person = self.partner(side), self.people[side]
        if partner is None or not partner.has_login:
            return
        kept = TOLD.get(partner.key) or self._drawn(partner, visits)
        for number, one in enumerate(kept):
            self._insight(partner, person, number, one, held)
        draw = self.place.sheaf.draw("intention", partner.key)
        for visit in visits[-1:]:
            at = visit.scheduled_at - 2 * DAY
            if at < self.place.now:
                self._sheet(partner, person, "intention", at, draw.choice(texts.INTENTIONS), kind="intention")

    def _drawn(self, partner: Partner, visits: list[DosingSession]) -> tuple[Kept, ...]:
        draw = self.place.sheaf.draw("insights", partner.key)
        after = [visit.ended_at for visit in visits if visit.started_at and visit.ended_at]
        times = [at + timedelta(hours=draw.uniform(5, 40)) for at in after[-4:]] or [
            self.since + timedelta(days=draw.uniform(10, self.pair.weeks * 7))
            for _ in range(self.pair.weeks > 3)
        ]
        words = draw.sample(texts.INSIGHTS, len(times))
        ways = ((), (), ("couples_therapist",), ("partner", "couples_therapist"), ("individual_therapist",))
        found = []
        for at, one in zip(times, words, strict=True):
            days = (self.place.now - at).total_seconds() / 86400
            if days < 0.2:
                continue
            audiences = draw.choice(ways)
            opened = days * draw.uniform(0.4, 0.95) if audiences else None
            back = opened * draw.uniform(0.2, 0.8) if opened and draw.random() < 0.15 else None
            found.append(Kept(days, one, audiences, opened, back, discussed=draw.random() < 0.6))
        return tuple(found)

    def _sheet(
        self,
        partner: Partner,
        person: Person,
        name: object,
        at: datetime,
        words: Written,
        kind: str = "insight",
    ) -> Insight:
        insight = self.place.sheaf.add(
            Insight, partner.key, name, subject=person, author=person, recorded_at=at, kind=kind
        )
        self._version(partner, person, insight, 1, at, words)
        self.place.sheaf.log(at, "wrote", person.id, subject_id=person.id, item_kind=kind, item_id=insight.id)
        return insight

    def _version(
        self, partner: Partner, person: Person, insight: Insight, number: int, at: datetime, words: Written
    ) -> InsightVersion:
        return self.place.sheaf.add(
            InsightVersion,
            insight.id,
            number,
            subject=person,
            author=person,
            recorded_at=at,
            insight=insight,
            number=number,
            text=words.text,
            feeling=words.feeling,
            to_say=words.to_say,
            to_ask=words.to_ask,
        )

    def _insight(
        self, partner: Partner, person: Person, number: int, one: Kept, held: list[CoupleSession]
    ) -> None:
        insight = self._sheet(partner, person, number, self.place.ago(one.days), one.words)
        if not one.audiences or one.opened_days is None:
            return
        at = self.place.ago(one.opened_days)
        if self.parted_at and at > self.parted_at:
            return
        # Given without the notes beside it: those stay on the sheet, with the author.
        given = self._version(partner, person, insight, 2, at, Written(one.words.text))
        back = self.place.ago(one.taken_back_days) if one.taken_back_days is not None else self.parted_at
        for audience in one.audiences:
            self._grant(person, given, audience, at, back)
        if one.discussed and "couples_therapist" in one.audiences and back is None:
            self._discuss(given, at, held)

    def _grant(
        self, person: Person, given: InsightVersion, audience: str, at: datetime, back: datetime | None
    ) -> None:
        self.place.sheaf.add(
            Grant,
            given.id,
            audience,
            subject=person,
            author=person,
            couple=self.couple,
            recorded_at=at,
            item_kind="insight",
            item_id=given.id,
            audience=audience,
            opens_at=at,
            revoked_at=back,
        )
        log = self.place.sheaf.log
        log(
            at,
            "shared",
            person.id,
            subject_id=person.id,
            item_kind="insight",
            item_id=given.id,
            why=f"with {audience}",
        )
        if back:
            log(back, "took back", person.id, subject_id=person.id, item_kind="insight", item_id=given.id)
        reader = self._reader(person, audience)
        if reader and at + timedelta(hours=9) < self.place.now:
            self.place.sheaf.add(
                Receipt,
                given.id,
                audience,
                subject=person,
                author=reader,
                item_kind="insight",
                item_id=given.id,
                recorded_at=at + timedelta(hours=9),
            )
            log(
                at + timedelta(hours=9),
                "opened",
                reader.id,
                subject_id=person.id,
                item_kind="insight",
                item_id=given.id,
            )

    def _reader(self, person: Person, audience: str) -> Person | None:
        if audience == "couples_therapist":
            return self.therapist
        if audience == "partner":
            return next(one for one in self.people.values() if one is not person)
        return None

    def _discuss(self, given: InsightVersion, at: datetime, held: list[CoupleSession]) -> None:
        session = next((one for one in held if one.at > at), None)
        if session:
            self.place.sheaf.add(
                InsightDiscussed,
                given.id,
                couple=self.couple,
                author=self.therapist,
                session=session,
                version=given,
                recorded_at=session.at + timedelta(minutes=80),
            )
