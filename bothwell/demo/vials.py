"""The cupboard of one invented clinic: deliveries, a line for every dose that was given, a count that is a little off.

It keeps a ledger only for what is drawn from vials; a nasal device is no vial. Nothing in it was ever bought.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from bothwell.demo.place import Place
from bothwell.dosing import ledger
from bothwell.models import (
    Administration,
    Discrepancy,
    DosingSession,
    Inventory,
    Person,
    Vial,
    VialEvent,
    VialUse,
)

UG_PER_ML = 50_000
NOMINAL_UL = 10_000
SPARE = 4
OVERDRAWN_UL = 50
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DELIVERED_BEFORE, INVENTORY_BEFORE, COUNTED_BEFORE = 5 * DAY, 20 * DAY, timedelta(hours=14)
SHORT_UL = 50
SUPPLIER = {
    "supplier": "Lakeside Medical Supply (invented)",
    "supplier_address": "12 Dock Road, Exampleton",
    "supplier_registration": "RL0000000",
}


def keep(place: Place) -> None:
    """Everything about vials up to now; a clinic in which nothing was infused yet has none."""
    doses = [
        dose
        for dose in place.sheaf.of(Administration)
        if dose.event == "start" and dose.dose_mg and dose.route == "iv"
    ]
    if doses:
        _Cupboard(place).tell(sorted(doses, key=lambda dose: dose.at))


class _Cupboard:
    """The vials in the order in which they are used up, and what is left in the one that is open."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.nurse, self.prescriber = place.role("nurse"), place.role("prescriber")
        self.sessions = {one.id: one for one in place.sheaf.of(DosingSession)}
        self.left: dict[UUID, int] = {}
        self.sealed: list[Vial] = []
        self.open: Vial | None = None
        self.written = 0

    def tell(self, doses: list[Administration]) -> None:
        begin = doses[0].at - DELIVERED_BEFORE
        needed = sum(ledger.to_draw(dose.dose_mg or Decimal(1), UG_PER_ML).volume_ul for dose in doses)
        for number in range(needed // (NOMINAL_UL - 1_000) + 1 + SPARE):
            self._receive(number + 1, begin)
        now = self.place.now
        counts = [(now - INVENTORY_BEFORE, self._count_all), (now - COUNTED_BEFORE, self._count_one)]
        for dose in doses:
            while counts and counts[0][0] < dose.at:
                at, count = counts.pop(0)
                count(at)
            self._dose(dose)
        for at, count in counts:
            count(at)

    def _line(self, vial: Vial, kind: str, at: datetime, volume_ul: int = 0, **more: object) -> VialEvent:
        self.written += 1
        author = more.pop("author", self.nurse)
        return self.place.sheaf.add(
            VialEvent, vial.code, self.written, vial=vial, kind=kind, at=at, recorded_at=at, volume_ul=volume_ul,
            author=author, **more,
        )  # fmt: skip

    def _receive(self, number: int, at: datetime) -> None:
        vial = self.place.sheaf.add(
            Vial, number, code=f"V-{number:04}", author=self.nurse, recorded_at=at, substance="Ketamine hydrochloride",
            product="Ketamine injection", ndc="00000-0000-10", lot=f"K{at:%y%m}{number // 6 + 1}",
            expires_on=(self.place.now + (120 + 30 * number) * DAY).date(), ug_per_ml=UG_PER_ML,
            nominal_ul=NOMINAL_UL, invoice=f"INV-{at:%Y%m}-17", received_on=self.place.day((self.place.now - at).days),
            **SUPPLIER,
        )  # fmt: skip
        self._line(vial, "receive", at, NOMINAL_UL)
        self.left[vial.id] = NOMINAL_UL
        self.sealed.append(vial)

    def _vial_for(self, volume_ul: int, at: datetime) -> Vial:
        """The open vial, or the next one when too little is left: the remainder is wasted before a witness."""
        if self.open and self.left[self.open.id] >= volume_ul:
            return self.open
        if self.open and self.left[self.open.id]:
            self._line(
                self.open, "waste", at - MINUTE, self.left[self.open.id], witness=self.prescriber,
                reason="Too little for a dose; made non-retrievable",
            )  # fmt: skip
            self.left[self.open.id] = 0
        self.open = self.sealed.pop(0)
        self._line(self.open, "open", at)
        return self.open

    def _dose(self, dose: Administration) -> None:
        session = self.sessions[dose.session_id]
        draw = self.place.sheaf.draw("vial", dose.id)
        wanted = ledger.to_draw(dose.dose_mg or Decimal(1), UG_PER_ML).volume_ul
        spare = OVERDRAWN_UL if draw.random() < 0.25 else 0
        at = dose.at - 4 * MINUTE
        vial = self._vial_for(wanted + spare, at)
        syringe = self.place.sheaf.key("syringe", dose.id)
        nurse = dose.author or self.nurse
        drawn = self._line(vial, "draw", at + MINUTE, wanted + spare, syringe=syringe, author=nurse)
        self.left[vial.id] -= wanted + spare
        self._use(session, drawn, None)
        if session.ended_at is None:
            return  # the pump still runs: what is in it is accounted for at its end
        given = self._line(vial, "administer", dose.at, wanted, syringe=syringe, author=nurse)
        self._use(session, given, dose)
        if spare:
            self._line(
                vial, "waste", dose.at + MINUTE, spare, syringe=syringe, author=nurse, witness=self._other(nurse),
                reason="Drawn beyond the dose; made non-retrievable",
            )  # fmt: skip

    def _other(self, nurse: Person) -> Person:
        return self.prescriber if nurse.id != self.prescriber.id else self.nurse

    def _use(self, session: DosingSession, line: VialEvent, dose: Administration | None) -> None:
        self.place.sheaf.add(
            VialUse, line.id, subject_id=session.subject_id, couple_id=session.couple_id, author_id=line.author_id,
            recorded_at=line.recorded_at, session=session, event=line, syringe=line.syringe, administration=dose,
        )  # fmt: skip

    def _in_stock(self) -> Iterable[Vial]:
        return [*([self.open] if self.open else []), *self.sealed]

    def _count_all(self, at: datetime) -> None:
        taken = self.place.sheaf.add(
            Inventory, at.date(), author=self.nurse, witness=self.prescriber, recorded_at=at, taken_at=at,
            business="open",
        )  # fmt: skip
        for vial in self._in_stock():
            self._line(
                vial, "count", at, witness=self.prescriber, observed_ul=self.left[vial.id], inventory=taken,
                is_estimate=vial is self.open,
            )  # fmt: skip

    def _count_one(self, at: datetime) -> None:
        """The vial that was used last is a little short: somebody has to say why."""
        vial = self.open
        if vial is None or self.left[vial.id] < SHORT_UL:
            return
        seen = self.left[vial.id] - SHORT_UL
        line = self._line(vial, "count", at, witness=self.prescriber, observed_ul=seen, is_estimate=True)
        self.place.sheaf.add(
            Discrepancy, line.id, author=self.nurse, recorded_at=at, vial=vial, event=line,
            expected_ul=self.left[vial.id], observed_ul=seen,
        )  # fmt: skip
