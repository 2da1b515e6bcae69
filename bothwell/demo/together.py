"""What stands between the two: the agreement, what each released, and insights, given or kept.

What is given is a version of its own, as in the portal. Nobody gives here what is another's to give.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bothwell.demo import texts
from bothwell.demo.people import Pair, Partner
from bothwell.demo.place import DAY, Place
from bothwell.demo.texts import Kept, Written
from bothwell.models import (
    Consent,
    Couple,
    CoupleSession,
    DisclosureAgreement,
    DisclosureSignature,
    DosingSession,
    Grant,
    Insight,
    InsightDiscussed,
    InsightVersion,
    Person,
    Receipt,
)
from bothwell.privacy.models import Audience

GIVES_TO_RESEARCH = 0.9
"""High, so that the outcomes' pages have enough couples for a count."""
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
        if draw.random() < GIVES_TO_RESEARCH:
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
        written_at = self._evening(one.days)
        insight = self._sheet(partner, person, number, written_at, one.words)
        if not one.audiences or one.opened_days is None:
            return
        at = max(self._given_at(one.opened_days), written_at + timedelta(minutes=25))
        if self.parted_at and at > self.parted_at:
            return
        # Given without the notes beside it: those stay on the sheet, with the author.
        given = self._version(partner, person, insight, 2, at, Written(one.words.text))
        back = self.place.at(one.taken_back_days, 8) if one.taken_back_days is not None else self.parted_at
        for audience in one.audiences:
            self._grant(person, given, audience, at, back)
        if one.discussed and "couples_therapist" in one.audiences and back is None:
            self._discuss(given, at, held)

    def _evening(self, days: float) -> datetime:
        """Most of it comes up after supper."""
        at = self.place.at(days, 21, 10)
        return at if at < self.place.now - timedelta(hours=1) else at - DAY

    def _given_at(self, days: float) -> datetime:
        at = self.place.at(days, 19, 30)
        return at if at < self.place.now - timedelta(hours=1) else at - DAY

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
            why=f"with {Audience(audience).label}",
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
