"""The story of one invented clinic up to this moment, told the same way for the same seed on every machine.

It writes nothing: it gives back the records, and `load` puts them into a database. Nobody in it was ever
a patient.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from bothwell.demo import cycles, own_words, rights, texts, vials
from bothwell.demo.answers import lives
from bothwell.demo.courses import Way
from bothwell.demo.doing import Doing
from bothwell.demo.meetings import Meetings
from bothwell.demo.messages import Threads
from bothwell.demo.people import SEED, House, Pair, Partner
from bothwell.demo.place import WEEK, Place, found
from bothwell.demo.sheaf import Sheaf
from bothwell.demo.together import Both
from bothwell.demo.weeks import Weeks
from bothwell.models import (
    Assignment,
    BreakGlass,
    Contact,
    Couple,
    CoupleSession,
    DosingSession,
    Grant,
    Invitation,
    Membership,
    Person,
)

INVITED = timedelta(days=1)
INVITATION_LIVES = timedelta(days=7)
LEAST_AHEAD, USUAL_AHEAD = timedelta(minutes=20), timedelta(hours=2)


def tell(
    house: House,
    now: datetime,
    zone: ZoneInfo,
    *,
    seed: int = SEED,
    token_hash: Callable[[UUID], str] = lambda key: key.hex,
) -> Sheaf:
    """Every record of one clinic; `token_hash` gives what an open invitation keeps of its link."""
    now = now.replace(microsecond=0)
    place = found(Sheaf(seed, house.key), house, now, zone)
    for pair in house.pairs:
        _Couple(place, pair, token_hash).tell()
    vials.keep(place)
    _look_around(place)
    return place.sheaf


def later_today(now: datetime, zone: ZoneInfo) -> datetime:
    """A time ahead that is still today on the clinic's clock, if the day is long enough."""
    local = now.astimezone(zone)
    end = datetime.combine(local.date(), time(23, 45), zone)
    at = max(min(local + USUAL_AHEAD, end), local + LEAST_AHEAD)
    return at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0)


class _Couple:
    """Two people, their ways through care, and what they share."""

    def __init__(self, place: Place, pair: Pair, token_hash: Callable[[UUID], str]) -> None:
        self.place, self.pair, self.token_hash = place, pair, token_hash
        self.since = place.at(pair.weeks * 7 + 1, 8)
        parted = pair.parted_weeks
        self.couple = place.sheaf.add(
            Couple, pair.key, formed_at=self.since, parted_at=place.at(parted * 7, 12) if parted else None
        )
        self.people = {side: self._person(side, partner) for side, partner, _, _ in pair.sides}

    def tell(self) -> None:
        """Their common story, and each one's own."""
        self._team()
        both = Both(self.place, self.pair, self.couple, self.people, self.since)
        both.agree()
        ways = dict(self._ways())
        held = Meetings(self.place, self.pair, self.couple, self.people, self.since).meet()
        cycles.work(self.place, self.pair, self.couple, self.people, held)
        for side in self.people:
            both.reflect(side, ways[side].visits if side in ways else [], held)
        own_words.write(self.place, self.pair, self.couple, self.people)
        Doing(self.place, self.pair, self.couple, self.people, held).tell()
        rights.ask(self.place, self.pair, self.couple, self.people)
        self._weeks(ways, held)
        self._open_a_time(ways)
        Threads(self.place, self.pair, self.couple, self.people).tell()

    # ── who ──

    def _person(self, side: str, partner: Partner | None) -> Person:
        place, key = self.place, self.pair.key
        if partner is None:
            person = place.staff[self.pair.staff_b]
        else:
            person = place.sheaf.add(
                Person,
                partner.key,
                kind="partner",
                name_used=partner.name_used,
                pronouns=partner.pronouns,
                created_at=self.since,
            )
            self._contact(partner, person)
            if not partner.has_login:
                self._invite(partner, person)
        place.sheaf.add(
            Membership, key, side, couple=self.couple, person=person, side=side, until=self.couple.parted_at
        )
        place.sheaf.log(
            self.since,
            "enrolled in a couple",
            place.role("coordinator").id,
            subject_id=person.id,
            couple_id=self.couple.id,
            item_kind="couple",
        )
        return person

    def _contact(self, partner: Partner, person: Person) -> None:
        draw = self.place.sheaf.draw("contact", partner.key)
        self.place.sheaf.add(
            Contact,
            partner.key,
            subject=person,
            full_name=partner.full_name,
            born_on=datetime(partner.born, draw.randint(1, 12), draw.randint(1, 28)).date(),
            safe_email=partner.email,
            safe_phone=f"555-01{draw.randint(10, 99)}",
            may_leave_message=draw.random() < 0.5,
            call_me=partner.name_used,
            changed_at=self.since,
        )

    def _invite(self, partner: Partner, person: Person) -> None:
        key = self.place.sheaf.key("Invitation", partner.key)
        made_at = self.place.now - INVITED
        self.place.sheaf.add(
            Invitation,
            partner.key,
            person=person,
            token_hash=self.token_hash(key),
            made_at=made_at,
            made_by=self.place.role("coordinator"),
            expires_at=made_at + INVITATION_LIVES,
        )
        self.place.sheaf.log(
            made_at,
            "invited",
            self.place.role("coordinator").id,
            subject_id=person.id,
            item_kind="invitation",
            item_id=key,
        )

    def _team(self) -> None:
        """Who cares for whom: a plan names three; all have a therapist of their own, both one together."""
        if self.couple.parted_at is None or self.pair.held:
            self._assign("couples_therapist", self.pair.therapist, couple=self.couple)
        for side, _, plan, _ in self.pair.sides:
            person = self.people[side]
            if plan:
                self._assign("prescriber", plan.prescriber, subject=person)
                self._assign("nurse", plan.nurse, subject=person)
                self._assign("individual_therapist", plan.therapist, subject=person)
            elif person.kind == "partner":
                self._assign("individual_therapist", self._own_therapist(), subject=person)
            if side in self.pair.safety or (self.pair.parted_weeks and side == "b"):
                self._assign("safety", self.place.house.with_role("safety").key, subject=person)

    def _own_therapist(self) -> str:
        taken = {plan.therapist for _, _, plan, _ in self.pair.sides if plan}
        known = [one.key for one in self.place.house.staff if one.roles == ("individual_therapist",)]
        return next((key for key in reversed(known) if key not in taken), known[0])

    def _assign(self, role: str, staff: str, **about: object) -> None:
        until = self.couple.parted_at if "couple" in about else None
        name = self.couple.id if "couple" in about else about["subject"].id  # type: ignore[attr-defined]
        self.place.sheaf.add(
            Assignment,
            role,
            staff,
            name,
            staff=self.place.staff[staff],
            role=role,
            since=self.since + timedelta(hours=2),
            until=until,
            assigned_by=self.place.role("coordinator"),
            **about,
        )

    # ── what happened ──

    def _ways(self) -> list[tuple[str, Way]]:
        """The courses of those who are treated."""
        told = []
        for side, partner, plan, _ in self.pair.sides:
            if partner is None or plan is None:
                continue
            way = Way(
                self.place, self.pair, side, partner, self.people[side], plan, self.couple.id, self.since
            )
            house = self.place.house
            bed = next((one for one in house.beds if (one.pair, one.side) == (self.pair.key, side)), None)
            expected = house.later_today
            is_expected = expected is not None and expected[:2] == (self.pair.key, side)
            ahead = (
                (later_today(self.place.now, self.place.zone), expected[2])
                if expected and is_expected
                else None
            )
            way.tell(bed, ahead)
            told.append((side, way))
        return told

    def _weeks(self, ways: dict[str, Way], held: list[CoupleSession]) -> None:
        def week_of(at: datetime) -> int:
            return max(0, int((at - self.since) / WEEK))

        def counted(times: list[datetime]) -> dict[int, int]:
            found: dict[int, int] = {}
            for at in times:
                found[week_of(at)] = found.get(week_of(at), 0) + 1
            return found

        doses = [
            counted([one.started_at for one in ways[side].visits if one.started_at]) if side in ways else {}
            for side in ("a", "b")
        ]
        draw = self.place.sheaf.draw("lives", self.pair.key)
        is_treated = [side in ways for side in ("a", "b")]
        told = lives(draw, self.pair.weeks, is_treated, doses, counted([one.at for one in held]))
        for (side, partner, _, _), life in zip(self.pair.sides, told, strict=True):
            if partner is not None:
                visits = ways[side].visits if side in ways else []
                couple = self.couple.id if self.pair.b else None
                weeks = Weeks(self.place, self.pair, partner, self.people[side], life, self.since, couple)
                weeks.tell([one.started_at for one in visits if one.started_at])

    def _open_a_time(self, ways: dict[str, Way]) -> None:
        """Amara told Ben when she is here: the one thing about a session that she opened."""
        if self.pair.key != "nwosu-halloran":
            return
        session: DosingSession = ways["a"].visits[-1]
        at = self.place.ago(3)
        self.place.sheaf.add(
            Grant,
            "time",
            session.id,
            subject=self.people["a"],
            author=self.people["a"],
            couple=self.couple,
            recorded_at=at,
            item_kind="dosing.time",
            item_id=session.id,
            audience="partner",
            opens_at=at,
        )


def _look_around(place: Place) -> None:
    """What else stands in the log: who looked at charts, and one who broke the glass and said why."""
    prescribers = {
        one.subject_id: one.staff for one in place.sheaf.of(Assignment) if one.role == "prescriber"
    }
    for session in place.sheaf.of(DosingSession):
        if session.arrived_at and session.subject_id in prescribers:
            place.sheaf.log(
                session.arrived_at - timedelta(minutes=30),
                "viewed",
                prescribers[session.subject_id].id,
                subject_id=session.subject_id,
                item_kind="medical",
            )
    ewa = next((one for one in place.sheaf.of(Person) if one.name_used == "Ewa"), None)
    if ewa:
        lead, at = place.role("lead"), place.at(4, 15)
        reason = texts.GLASS
        place.sheaf.add(
            BreakGlass,
            ewa.id,
            subject=ewa,
            author=lead,
            recorded_at=at,
            reason=reason,
            expires_at=at + timedelta(hours=1),
        )
        place.sheaf.log(at, "broke the glass", lead.id, subject_id=ewa.id, why=reason)
