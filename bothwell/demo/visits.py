"""One visit as it stands in the record: checklist, readings, what was given, going home. All of it invented.

The criteria for going home and the alarms are what the real rules say about these readings. It treats nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from bothwell.codes import BY_CODE
from bothwell.demo import signals, texts
from bothwell.demo.sheaf import Sheaf
from bothwell.demo.watched import watch
from bothwell.dosing import discharge, gates, rescreen
from bothwell.dosing.checked import Today
from bothwell.models import (
    Administration,
    AdverseEvent,
    Binding,
    Consent,
    ConsentReaffirmation,
    Course,
    Device,
    Discharge,
    DosingSession,
    GateCheck,
    Note,
    Order,
    Person,
    Room,
    Sample,
    SessionSummary,
)
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.protocol import Protocol, Route

MINUTE = timedelta(minutes=1)
USUAL_MG_PER_KG = Decimal("0.5")  # Andrade 2017: 0.5 mg/kg over 40 min most common
INFUSION_MINUTES = 40
NASAL_MG = Decimal(56)  # esketamine label: day 1, 56 mg
MG_PER_ML = Decimal(50)  # a form it is sold in
PRODUCTS = {"iv": "Ketamine hydrochloride", "in": "Esketamine nasal spray"}
DEVICE_MG = Decimal(28)  # esketamine label: 28 mg a device, 5 min apart
DEVICES_APART = 5 * MINUTE
ESCORTS_TELEPHONE = "555-0100"
TOOK_OFF_BEFORE = timedelta(minutes=4)


@dataclass(frozen=True, slots=True)
class Visit:
    """When and where one person was, or is, here. `until`: how far readings go; `dense`: one a minute."""

    number: int
    scheduled_at: datetime
    arrived_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    until: datetime
    anchor_at: datetime
    anchor_seconds: int
    signal: int
    scenario: signals.Scenario = signals.Scenario.QUIET
    outcome: str = ""
    dense: bool = False

    def seconds(self, at: datetime) -> float:
        """Where a time lies in the monitor's story."""
        return self.anchor_seconds + (at - self.anchor_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Around:
    """Who and what a visit needs."""

    subject: Person
    couple_id: UUID | None
    course: Course
    consent: Consent | None
    nurse: Person
    prescriber: Person
    coordinator: Person
    protocol: Protocol
    weight_kg: Decimal
    may_be_pregnant: bool
    escort: str
    room: Room | None
    device: Device | None
    zone: ZoneInfo


def lay_out(sheaf: Sheaf, visit: Visit, around: Around) -> DosingSession:
    """The rows of one visit, as far as it has come."""
    about = {"subject_id": around.subject.id, "couple_id": around.couple_id}
    name = f"{around.subject.id} {visit.number}"
    order = _order(sheaf, visit, around, name)
    session = sheaf.add(
        DosingSession,
        name,
        **about,
        author=around.coordinator,
        course=around.course,
        number=visit.number,
        order=order if visit.started_at else None,
        room=around.room,
        scheduled_at=visit.scheduled_at,
        arrived_at=visit.arrived_at,
        started_at=visit.started_at,
        ended_at=visit.ended_at,
        outcome=visit.outcome,
    )
    sheaf.log(
        visit.scheduled_at - timedelta(days=6),
        "scheduled a session",
        around.coordinator.id,
        subject_id=around.subject.id,
        item_kind="dosing.time",
        item_id=session.id,
    )
    if visit.arrived_at is None:
        return session
    desk = _Desk(sheaf, visit, around, session, name)
    desk.check_in()
    samples = [*desk.from_monitor(), *desk.by_hand()]
    if visit.started_at and order:
        desk.give(order)
    if visit.ended_at is None:
        watch(sheaf, session, samples, around.nurse, around.protocol)
    elif visit.started_at:
        desk.send_home(samples)
    else:
        desk.turn_back()
    return session


def _order(sheaf: Sheaf, visit: Visit, around: Around, name: str) -> Order | None:
    """The order, signed the day before; none yet for a visit that lies further ahead."""
    signed_at = visit.scheduled_at - timedelta(hours=20)
    if signed_at > visit.until:
        return None
    is_infusion = around.course.route == "iv"
    dose = (around.weight_kg * USUAL_MG_PER_KG).quantize(Decimal("0.5")) if is_infusion else NASAL_MG
    order = sheaf.add(
        Order,
        name,
        subject_id=around.subject.id,
        couple_id=around.couple_id,
        author=around.prescriber,
        recorded_at=signed_at,
        course=around.course,
        route=around.course.route,
        dose_mg=dose,
        weight_kg=around.weight_kg,
        minutes=INFUSION_MINUTES if is_infusion else None,
        product=PRODUCTS[around.course.route],
        concentration_mg_per_ml=MG_PER_ML if is_infusion else None,
        antiemetic="Ondansetron by mouth, offered before",
    )
    sheaf.log(
        order.recorded_at,
        "ordered",
        around.prescriber.id,
        subject_id=around.subject.id,
        item_kind="medical",
        item_id=order.id,
    )
    return order


@dataclass(frozen=True, slots=True)
class _Desk:
    """The nurse's part of one visit."""

    sheaf: Sheaf
    visit: Visit
    around: Around
    session: DosingSession
    name: str

    @property
    def _arrived_at(self) -> datetime:
        assert self.visit.arrived_at is not None
        return self.visit.arrived_at

    def _row(self, at: datetime) -> dict[str, object]:
        return {
            "subject_id": self.around.subject.id,
            "couple_id": self.around.couple_id,
            "author": self.around.nurse,
            "session": self.session,
            "recorded_at": at,
        }

    def _say(self, at: datetime, action: str, kind: str = "dosing.flowsheet") -> None:
        self.sheaf.log(
            at,
            action,
            self.around.nurse.id,
            subject_id=self.around.subject.id,
            item_kind=kind,
            item_id=self.session.id,
        )

    def check_in(self) -> None:
        """Arrival, the monitor, and the checklist; of somebody who still waits only its first items."""
        at = self._arrived_at
        self._say(at, "arrived", "dosing.time")
        if self.around.device:
            # A monitor comes off before the person goes: the next may need it.
            until = self.visit.ended_at - TOOK_OFF_BEFORE if self.visit.ended_at else None
            self.sheaf.add(
                Binding, self.name, **self._row(at + 2 * MINUTE), device=self.around.device, until=until
            )
        for number, (name, value) in enumerate(self._checks()):
            self.sheaf.add(
                GateCheck, self.name, name, **self._row(at + (3 + number) * MINUTE), name=name, value=value
            )
        if self.around.consent and self._has_begun:
            self.sheaf.add(
                ConsentReaffirmation,
                self.name,
                subject_id=self.around.subject.id,
                author=self.around.nurse,
                recorded_at=at + 3 * MINUTE,
                consent=self.around.consent,
                on_day=at.date(),
            )

    @property
    def _has_begun(self) -> bool:
        return self.visit.started_at is not None

    def _checks(self) -> list[tuple[str, object]]:
        food, drink = self._arrived_at - timedelta(hours=10), self._arrived_at - timedelta(hours=3)
        fasting = {"confirmed": True, "food_at": food.isoformat(), "drink_at": drink.isoformat()}
        asked: list[tuple[str, object]] = [("weight", str(self.around.weight_kg)), ("fasting", fasting)]
        if not self._has_begun:
            return asked
        return [
            ("consent_reaffirmed", True),
            ("suicide_rescreened", {"risk": False}),
            *asked,
            ("medications", {"changed": False, "what": ""}),
            *([("pregnancy", {"result": "negative"})] if self.around.may_be_pregnant else []),
            ("antiemetic", "given"),
            ("escort", {"name": self.around.escort, "phone": ESCORTS_TELEPHONE, "is_here": False}),
            ("equipment", [code for code, _ in gates.EQUIPMENT]),
            ("staffing", self._staff()),
        ]

    def _staff(self) -> dict[str, object]:
        nurse, prescriber = self.around.nurse, self.around.prescriber
        who = {"prescriber": prescriber, "nurse": nurse, "second": prescriber}
        return {part: {"id": str(one.id), "name": one.signs_as} for part, one in who.items()}

    def from_monitor(self) -> Iterator[Sample]:
        """What the monitor said until it was taken off, or until now."""
        first = self._arrived_at + 3 * MINUTE
        last = self.visit.ended_at - TOOK_OFF_BEFORE - MINUTE if self.visit.ended_at else self.visit.until
        for code, at in [*self._beats(first, last), *self._cuffs(first, last)]:
            shown = signals.value(self.visit.signal, code, self.visit.seconds(at), self.visit.scenario)
            if shown is not None and self.around.device:
                yield self._sample(code, shown, at)

    def _sample(self, code: str, shown: Decimal, at: datetime) -> Sample:
        return self.sheaf.add(
            Sample,
            self.name,
            code,
            at.isoformat(),
            subject_id=self.around.subject.id,
            couple_id=self.around.couple_id,
            session=self.session,
            device=self.around.device,
            recorded_at=at,
            code=code,
            value=shown,
            unit=BY_CODE[code].unit,
            observed_at=at,
        )

    def _beats(self, first: datetime, last: datetime) -> Iterator[tuple[str, datetime]]:
        step = MINUTE if self.visit.dense else 5 * MINUTE
        for at in _every(first, last, step):
            yield from ((code, at) for code in signals.CONTINUOUS)

    def _cuffs(self, first: datetime, last: datetime) -> Iterator[tuple[str, datetime]]:
        """Every ten minutes up to the end of the infusion, then every fifteen."""
        turn = (self.visit.started_at or last) + INFUSION_MINUTES * MINUTE
        for at in [
            *_every(first, min(turn, last), 10 * MINUTE),
            *_every(turn + 5 * MINUTE, last, 15 * MINUTE),
        ]:
            yield from ((code, at) for code in signals.CUFF)

    def by_hand(self) -> list[Sample]:
        """What the nurse scored: sedation, dissociation and nausea, with each check."""
        if self.visit.started_at is None:
            return []
        draw = self.sheaf.draw("by hand", self.name)
        kept: list[Sample] = []
        for minute in (-5, 10, 20, 30, 40, 55, 70, 85, 100, 115, 125):
            at = self.visit.started_at + minute * MINUTE
            if at >= (self.visit.ended_at or self.visit.until):
                break
            kept += self._scored(at, minute, draw.random())
        return kept

    def _scored(self, at: datetime, minute: int, luck: float) -> list[Sample]:
        far = 2 if 15 <= minute <= 45 else 1 if 5 <= minute <= 70 else 0
        scores = {
            "sedation": 4 if 15 <= minute <= 45 and luck > 0.4 else 5,
            "dissociation": far,
            "nausea": 2 if 45 <= minute <= 85 and luck > 0.7 else 0,
        }
        request = self.sheaf.key("request", self.name, minute)
        return [
            self.sheaf.add(
                Sample,
                self.name,
                code,
                at.isoformat(),
                subject_id=self.around.subject.id,
                couple_id=self.around.couple_id,
                author=self.around.nurse,
                session=self.session,
                request_id=request,
                recorded_at=at,
                code=code,
                value=Decimal(score),
                unit=BY_CODE[code].unit,
                observed_at=at,
                detail={"wanted": True} if code == "dissociation" and score else {},
            )
            for code, score in scores.items()
        ]

    def give(self, order: Order) -> None:
        """The antiemetic, the dose, the end of the infusion, and now and then a word on the flowsheet."""
        start = self.visit.started_at
        assert start is not None
        before = self._arrived_at + 12 * MINUTE
        self.sheaf.add(
            Administration,
            self.name,
            "antiemetic",
            **self._row(before),
            event="given",
            substance="Ondansetron",
            route="po",
            at=before,
        )
        for number, (event, dose_mg, at) in enumerate(_given(order, start)):
            if at > self.visit.until:
                break
            self.sheaf.add(
                Administration,
                self.name,
                f"dose {number}" if number else "dose",
                **self._row(at),
                event=event,
                substance=order.product,
                dose_mg=dose_mg,
                route=order.route,
                at=at,
            )
        self._say(start, "gave the first dose")
        over = start + (order.minutes or 0) * MINUTE
        if order.minutes and over <= self.visit.until:
            self.sheaf.add(
                Administration,
                self.name,
                "stop",
                **self._row(over),
                event="stop",
                substance=order.product,
                at=over,
            )
        draw = self.sheaf.draw("note", self.name)
        at = start + draw.randint(8, 20) * MINUTE
        if draw.random() < 0.6:
            self.sheaf.add(Note, self.name, **self._row(at), at=at, text=draw.choice(texts.NURSE_NOTES))

    def send_home(self, samples: Sequence[Sample]) -> None:
        """The discharge as the real rule finds it, the summary, and now and then something unwanted."""
        end = self.visit.ended_at
        assert end is not None
        asked_at = end - 6 * MINUTE
        self.sheaf.add(
            GateCheck,
            self.name,
            "asked again",
            **self._row(asked_at),
            name="suicide_rescreened",
            value={"risk": False},
        )
        asked = rescreen.Asked(asked_at, risk_found=False, asked_by_clinician=True)
        found = discharge.criteria(
            replace(
                _condition(self.visit, self.around, samples, end),
                suicide=rescreen.before_going_home(asked, Today(self._arrived_at, end)),
            ),
            self.around.protocol,
        )
        self.sheaf.add(
            Discharge,
            self.name,
            **self._row(end),
            outcome=self.visit.outcome,
            signed_name=self.around.nurse.signs_as,
            criteria=[asdict(one) for one in found],
        )
        self._say(end, self.visit.outcome)
        draw = self.sheaf.draw("summary", self.name)
        later = end + 12 * MINUTE
        self.sheaf.add(
            SessionSummary, self.name, **self._row(later), text=draw.choice(texts.SESSION_SUMMARIES)
        )
        self._say(later, "summarised a session", "dosing.summary")
        if draw.random() < 0.2:
            began = end - 70 * MINUTE
            self.sheaf.add(
                AdverseEvent,
                self.name,
                **self._row(began + 10 * MINUTE),
                term="Nausea",
                code="nausea",
                grade=1,
                began_at=began,
                action_taken="Rest and a cool cloth",
                outcome="resolved",
            )

    def turn_back(self) -> None:
        """Not today: everything recorded stays."""
        end = self.visit.ended_at
        assert end is not None
        self.sheaf.add(
            Discharge,
            self.name,
            **self._row(end),
            outcome="turned_back",
            criteria=[],
            reason=texts.TURNED_BACK,
            signed_name=self.around.nurse.signs_as,
        )
        self._say(end, "turned_back")


def _given(order: Order, start: datetime) -> list[tuple[str, Decimal, datetime]]:
    """(event, mg, when) of the dose itself: an infusion begun, or one device after another."""
    if order.minutes:
        return [("start", order.dose_mg, start)]
    devices = int(order.dose_mg / DEVICE_MG)
    return [("dose", DEVICE_MG, start + number * DEVICES_APART) for number in range(devices)]


def _every(first: datetime, last: datetime, step: timedelta) -> Iterator[datetime]:
    at = first
    while at <= last:
        yield at
        at += step


def _condition(visit: Visit, around: Around, samples: Iterable[Sample], end: datetime) -> discharge.Condition:
    """How the person was at the end, from the readings."""
    assert visit.started_at is not None
    before: dict[str, Sample] = {}
    newest: dict[str, Sample] = {}
    for sample in sorted(samples, key=lambda one: one.observed_at):
        newest[sample.code] = sample
        if sample.observed_at <= visit.started_at:
            before[sample.code] = sample

    def pressure(of: dict[str, Sample]) -> Pressure:
        return Pressure(of["systolic"].value, of["diastolic"].value, of["systolic"].observed_at)

    return discharge.Condition(
        now=end,
        route=Route(around.course.route),
        started_at=visit.started_at,
        is_dose_running=False,
        answers={"vitals": 2, "gait": 2, "nausea": 2, "pain": 2, "bleeding": 2},
        sedation=int(newest["sedation"].value),
        dissociation=int(newest["dissociation"].value),
        dissociation_at=newest["dissociation"].observed_at.astimezone(around.zone),
        spo2_percent=newest["spo2"].value,
        spo2_baseline_percent=before["spo2"].value,
        is_on_room_air=True,
        pressure=pressure(newest),
        pressure_baseline=pressure(before),
        checked=dict.fromkeys(discharge.REQUIRED, True),
    )
