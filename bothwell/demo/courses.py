"""One treated person's way from referral to where they stand now: steps, work-up, decision, consent, visits.

Every step is asked of the real table of steps; one that it refuses would stop the loading.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from bothwell.demo import afterwards, texts
from bothwell.demo.people import LEAST_DAYS_BEFORE_A_DOSE, Bed, Pair, Partner, Plan
from bothwell.demo.place import DAY, Place
from bothwell.demo.signals import Scenario
from bothwell.demo.visits import Around, Visit, lay_out
from bothwell.demo.workup import work_up
from bothwell.models import (
    Consent,
    Course,
    DecisionSignature,
    DosingSession,
    HoldReason,
    JointDecision,
    Person,
    Preparation,
    Step,
)
from bothwell.pathway import steps
from bothwell.pathway.steps import Kind, Phase, Role, State

ALL_GATES = frozenset(steps.GATES) | {
    "laboratory_reviewed",
    "alternatives_discussed",
    "agreement_on_big_decisions",
}
ORDER = list(Phase)
MINUTES_BEFORE_DOSE = 38
ESCORTS = ("a neighbour", "a sister", "a friend from work", "a cousin", "an old friend")


class StoryInvalid(Exception):
    """The plan asks for a step that the pathway's table refuses."""


@dataclass
class Way:
    """One person's course as it is told. `since`: when they were referred."""

    place: Place
    pair: Pair
    side: str
    partner: Partner
    person: Person
    plan: Plan
    couple_id: UUID
    since: datetime
    state: steps.CourseState = field(default_factory=steps.CourseState)
    taken: int = 1
    course: Course = field(init=False)
    consent: Consent | None = None
    visits: list[DosingSession] = field(default_factory=list)
    weight_kg: Decimal = Decimal(70)

    def __post_init__(self) -> None:
        draw = self.place.sheaf.draw("body", self.partner.key)
        self.weight_kg = Decimal(draw.randint(108, 186)) / 2
        self.course = self.place.sheaf.add(
            Course,
            self.partner.key,
            subject=self.person,
            couple_id=self.couple_id,
            recorded_at=self.since,
            author=self.place.role("coordinator"),
            protocol=self.place.version,
            phase=Phase.REFERRAL,
            state=State.ACTIVE,
        )

    # ── who ──

    @property
    def prescriber(self) -> Person:
        return self.place.staff[self.plan.prescriber]

    @property
    def nurse(self) -> Person:
        return self.place.staff[self.plan.nurse]

    def by(self, role: Role) -> Person:
        match role:
            case Role.PRESCRIBER:
                return self.prescriber
            case Role.NURSE:
                return self.nurse
            case Role.INDIVIDUAL_THERAPIST:
                return self.place.staff[self.plan.therapist]
            case Role.COUPLES_THERAPIST:
                return self.place.staff[self.pair.therapist]
            case Role.PARTNER:
                return self.person
            case _:
                return self.place.role(role)

    # ── steps ──

    def step(self, at: datetime, kind: Kind, role: Role, to: Phase | None = None, why: str = "") -> Step:
        """Ask the table; keep the step. Raises StoryInvalid."""
        outcome = steps.step(self.state, steps.Event(kind, role, to, ALL_GATES, why))
        if not outcome.decision:
            raise StoryInvalid(f"{self.partner.key}: {outcome.decision.reason}")
        before, self.state = self.state, outcome.state
        self.taken += 1
        is_hold = kind is Kind.HOLD
        return self._keep(
            at, kind, before.phase, role, "Clinical hold." if is_hold else why or outcome.decision.reason
        )

    def _keep(self, at: datetime, event: str, origin: Phase, role: Role, why: str) -> Step:
        self.place.sheaf.log(
            at,
            f"step: {event}",
            self.by(role).id,
            subject_id=self.person.id,
            item_kind="pathway",
            item_id=self.course.id,
        )
        return self.place.sheaf.add(
            Step,
            self.partner.key,
            self.taken,
            subject=self.person,
            couple_id=self.couple_id,
            author=self.by(role),
            recorded_at=at,
            course=self.course,
            number=self.taken,
            event=event,
            from_phase=origin,
            to_phase=self.state.phase,
            to_state=self.state.state,
            why=why,
        )

    def forward(self, at: datetime, role: Role, to: Phase) -> None:
        self.step(at, Kind.ADVANCE, role, to)

    def reaches(self, phase: Phase) -> bool:
        return ORDER.index(self.plan.phase) >= ORDER.index(phase)

    def hold(self, at: datetime, role: Role, kind: HoldReason.Kind, text: str) -> None:
        kept = self.step(at, Kind.HOLD, role, why=text)
        self.place.sheaf.add(
            HoldReason,
            self.partner.key,
            subject=self.person,
            couple_id=self.couple_id,
            author=self.by(role),
            recorded_at=at,
            step=kept,
            kind=kind,
            text=text,
        )

    # ── the way ──

    def tell(self, bed: Bed | None, later_today: tuple[datetime, str] | None) -> None:
        """From the referral to now."""
        since = self.since
        self._keep(since, "begin", Phase.REFERRAL, Role.COORDINATOR, "Enrolled; both asked for it.")
        if self.plan.phase is not Phase.REFERRAL:
            self.forward(since + 3 * DAY, Role.COORDINATOR, Phase.EVALUATION)
            work_up(
                self.place,
                self.partner,
                self.person,
                self.prescriber,
                self.nurse,
                self.weight_kg,
                since,
                is_half_done=self.plan.phase is Phase.EVALUATION,
                is_renewed=self.plan.phase not in (Phase.ENDED, Phase.EVALUATION),
            )
        if self.reaches(Phase.JOINT_DECISION):
            self._decide()
        if self.reaches(Phase.CONSENT) and self.state.state is State.ACTIVE:
            self.forward(since + 16 * DAY, Role.PRESCRIBER, Phase.CONSENT)
        if self.reaches(Phase.PREPARATION) and self.state.state is State.ACTIVE:
            self._consent()
            self._series(bed, later_today)
            self._afterwards()
        self.course.phase, self.course.state = self.state.phase, self.state.state
        self.course.steps_taken = self.taken

    # ── the decision ──

    def _decide(self) -> None:
        at = self.since + 12 * DAY
        self.forward(at, Role.PRESCRIBER, Phase.JOINT_DECISION)
        draw = self.place.sheaf.draw("decision", self.partner.key)
        decision = self.place.sheaf.add(
            JointDecision,
            self.partner.key,
            subject=self.person,
            couple_id=self.couple_id,
            author=self.prescriber,
            recorded_at=at,
            course=self.course,
            route=self.plan.route,
            summary=draw.choice(texts.DECISION_SUMMARIES),
        )
        never = not self.plan.doses and self.plan.phase is Phase.ENDED
        verdict, words = (
            ("decline", texts.DECLINED)
            if never
            else ("defer", texts.DEFERRED)
            if self.plan.state is State.ON_HOLD and not self.plan.doses
            else ("proceed", "")
        )
        for number, signs_as in enumerate(self.plan.signed_by):
            if verdict != "proceed" and signs_as == "partner":
                continue
            self._sign(at + (number + 1) * DAY, decision, signs_as, verdict, words)
        if verdict == "decline":
            self.step(at + 3 * DAY, Kind.DECLINE, Role.PRESCRIBER, why=words)
        elif verdict == "defer":
            self.step(at + 3 * DAY, Kind.DEFER, Role.PRESCRIBER, why=words)
        elif len(self.plan.signed_by) == 3:
            self.course.route = self.plan.route
            self.course.sessions_planned = self.plan.planned

    def _sign(self, at: datetime, decision: JointDecision, signs_as: str, verdict: str, words: str) -> None:
        by = self.by(Role(signs_as))
        held = {
            "prescriber": ["ketamine", "licence"],
            "couples_therapist": ["couples", "ketamine", "licence"],
        }
        self.place.sheaf.add(
            DecisionSignature,
            self.partner.key,
            signs_as,
            subject=self.person,
            couple_id=self.couple_id,
            author=by,
            recorded_at=at,
            decision=decision,
            signs_as=signs_as,
            verdict=verdict,
            words=words or texts.WORDS_OF[signs_as],
            signed_name=self._name(by),
            credentials=held.get(signs_as, []),
        )
        self.place.sheaf.log(
            at,
            "signed",
            by.id,
            subject_id=self.person.id,
            couple_id=self.couple_id,
            item_kind="decision",
            item_id=decision.id,
            why=verdict,
        )

    def _name(self, by: Person) -> str:
        return self.partner.full_name if by is self.person else by.name_used

    def _consent(self) -> None:
        at = self.since + 17 * DAY
        text = self.place.texts[("treatment", self.plan.route)]
        self.consent = self.place.sheaf.add(
            Consent,
            self.partner.key,
            "treatment",
            subject=self.person,
            author=self.person,
            couple_id=self.couple_id,
            recorded_at=at,
            text=text,
            sha256=text.sha256,
            signed_name=self.partner.full_name,
        )
        self.place.sheaf.log(
            at,
            "signed",
            self.person.id,
            subject_id=self.person.id,
            item_kind=f"treatment:{self.plan.route}",
            item_id=self.consent.id,
        )
        self.forward(self.since + 19 * DAY, Role.INDIVIDUAL_THERAPIST, Phase.PREPARATION)

    # ── the series ──

    def _series(self, bed: Bed | None, later_today: tuple[datetime, str] | None) -> None:
        self._prepare(self.since + 20 * DAY)
        past = sorted(
            [*((days, True) for days in self.plan.doses), *((days, False) for days in self.plan.turned_back)],
            reverse=True,
        )
        for number, (days, is_given) in enumerate(past, 1):
            visit, room = self._past(number, days, is_given)
            session = lay_out(self.place.sheaf, visit, self._around(room))
            self.visits.append(session)
            afterwards.follow(self.place.sheaf, session, self.nurse, self.place.now, self.place.zone)
            self._steps_of(session, is_last=number == len(past) and bed is None)
        if bed:
            self._today(bed, len(past) + 1)
        elif later_today or self.plan.next_in_days:
            self._ahead(len(past) + 1, later_today)

    def _past(self, number: int, days: int, is_given: bool) -> tuple[Visit, str]:
        at, room = self.place.calendar.place(
            self.place.day(days), self.pair.key, self.partner.key, self.place.house.rooms
        )
        if at < self.since + LEAST_DAYS_BEFORE_A_DOSE * DAY:
            raise StoryInvalid(f"{self.partner.key}: a visit before there can be one")
        draw = self.place.sheaf.draw("visit", self.partner.key, number)
        arrived_at = at + timedelta(minutes=draw.randint(-4, 5))
        started_at = arrived_at + timedelta(minutes=MINUTES_BEFORE_DOSE) if is_given else None
        ended_at = (started_at or arrived_at) + timedelta(minutes=draw.randint(126, 150) if is_given else 44)
        return Visit(
            number=number,
            scheduled_at=at,
            arrived_at=arrived_at,
            started_at=started_at,
            ended_at=ended_at,
            until=ended_at,
            anchor_at=started_at or ended_at,
            anchor_seconds=600 if is_given else 0,
            signal=draw.randint(1000, 999_999),
            outcome="discharged" if is_given else "turned_back",
            dense=self.place.now - at < 14 * DAY,
        ), room

    def _steps_of(self, session: DosingSession, *, is_last: bool) -> None:
        """What a visit moved, and the preparation of the next."""
        assert session.ended_at is not None
        if session.started_at is None:
            self.step(session.ended_at, Kind.STEP_BACK, Role.NURSE, why=texts.TURNED_BACK)
            return
        self.forward(session.started_at, Role.NURSE, Phase.DOSING_SERIES)
        self.forward(session.ended_at, Role.NURSE, Phase.INDIVIDUAL_INTEGRATION)
        if not is_last or self.plan.phase is Phase.PREPARATION:
            at = min(session.ended_at + timedelta(hours=30), self.place.now - timedelta(hours=1))
            self.forward(at, Role.INDIVIDUAL_THERAPIST, Phase.PREPARATION)
            self._prepare(at + timedelta(minutes=40))

    def _today(self, bed: Bed, number: int) -> None:
        """Here now: a dose running, a recovery, or somebody who waits for the checklist."""
        now = self.place.now
        started_at = now - timedelta(minutes=bed.minutes) if bed.minutes is not None else None
        arrived_at = (
            started_at - timedelta(minutes=MINUTES_BEFORE_DOSE) if started_at else now - timedelta(minutes=14)
        )
        visit = Visit(
            number=number,
            scheduled_at=_on_the_five(arrived_at),
            arrived_at=arrived_at,
            started_at=started_at,
            ended_at=None,
            until=now - timedelta(minutes=bed.silent_minutes),
            anchor_at=now,
            anchor_seconds=bed.story_seconds,
            signal=bed.signal,
            scenario=Scenario(bed.scenario),
            dense=True,
        )
        session = lay_out(self.place.sheaf, visit, self._around(bed.room))
        self.visits.append(session)
        if started_at:
            self.forward(started_at, Role.NURSE, Phase.DOSING_SERIES)

    def _ahead(self, number: int, later_today: tuple[datetime, str] | None) -> None:
        if later_today:
            at, room = later_today
        else:
            at = self.place.at(-(self.plan.next_in_days or 1), 10)
            room = self.place.house.rooms[0]
        visit = Visit(
            number=number,
            scheduled_at=at,
            arrived_at=None,
            started_at=None,
            ended_at=None,
            until=self.place.now,
            anchor_at=self.place.now,
            anchor_seconds=0,
            signal=1,
        )
        self.visits.append(lay_out(self.place.sheaf, visit, self._around(room)))

    def _around(self, room: str) -> Around:
        return Around(
            subject=self.person,
            couple_id=self.couple_id,
            course=self.course,
            consent=self.consent,
            nurse=self.nurse,
            prescriber=self.prescriber,
            coordinator=self.place.role("coordinator"),
            protocol=self.place.protocol,
            weight_kg=self.weight_kg,
            may_be_pregnant=self.partner.may_be_pregnant,
            escort=self._escort,
            room=self.place.rooms[room],
            device=self.place.devices[room],
            zone=self.place.zone,
        )

    @property
    def _escort(self) -> str:
        other = self.pair.b if self.side == "a" else self.pair.a
        draw = self.place.sheaf.draw("escort", self.partner.key)
        return other.full_name if other and draw.random() < 0.6 else draw.choice(ESCORTS)

    def _prepare(self, at: datetime) -> None:
        if self.partner.key == "thabo":
            return  # his page still asks him who comes along
        self.place.sheaf.add(
            Preparation,
            self.partner.key,
            at.isoformat(),
            subject=self.person,
            couple_id=self.couple_id,
            author=self.by(Role.INDIVIDUAL_THERAPIST),
            recorded_at=at,
            course=self.course,
            escort_name=self._escort,
            escort_phone="555-0100",
            fasting_explained=True,
            antiemetic_plan="Ondansetron by mouth, before",
        )

    # ── after the series ──

    def _afterwards(self) -> None:
        """From the last visit to where the plan says they stand."""
        if self.plan.state is State.ON_HOLD:
            self._pause()
            return
        if self.state.phase is not Phase.INDIVIDUAL_INTEGRATION:
            return
        last = max(one.ended_at for one in self.visits if one.ended_at)
        if self.plan.state is State.STOPPED:
            parted = self.pair.parted_weeks is not None
            at = self.place.ago(self.pair.parted_weeks * 7 + 1) if self.pair.parted_weeks else last + 4 * DAY
            why = texts.STOPPED_PARTED if parted else texts.STOPPED_EARLY
            self.step(at, Kind.STOP, Role.PARTNER, why=why)
            return
        way = (
            (3, Role.INDIVIDUAL_THERAPIST, Phase.COUPLE_INTEGRATION),
            (16, Role.COUPLES_THERAPIST, Phase.REVIEW),
            (23, Role.PRESCRIBER, Phase.MAINTENANCE if self.plan.phase is Phase.MAINTENANCE else Phase.ENDED),
        )
        for days, role, phase in way:
            if self.reaches(phase):
                self.forward(last + days * DAY, role, phase)

    def _pause(self) -> None:
        if self.partner.key == "ewa":
            self.hold(self.place.at(4, 12), Role.PRESCRIBER, HoldReason.Kind.MEDICAL, texts.MEDICAL_HOLD)
        else:
            self.hold(
                self.place.ago(0.02), Role.INDIVIDUAL_THERAPIST, HoldReason.Kind.SUICIDE, texts.SUICIDE_HOLD
            )


def _on_the_five(at: datetime) -> datetime:
    """The time as a calendar has it: to the five minutes."""
    return at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0)
