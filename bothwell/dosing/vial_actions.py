"""Everything written about the vials in the cupboard: deliveries, single lines, counts, inventories, discrepancies.

Nothing here decides: `ledger` does, and the database reckons every balance again and refuses what cannot be. A line
names no patient; drawing up for somebody is in `syringe_actions`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import Person, StaffRole, open_at
from bothwell.dosing import duties, ledger
from bothwell.dosing.ledger import Kind
from bothwell.dosing.models import (
    Discrepancy,
    DiscrepancyResolved,
    Inventory,
    Vial,
    VialEvent,
)
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale, constraint_of
from bothwell.turns import one_after_another

SENTENCES = {
    "never_less_than_nothing": "There is not that much in this vial by the ledger.",
    "never_more_than_was_drawn": "There is not that much in this syringe by the ledger.",
    "drawn_from_an_open_vial_in_date": "This vial is not open, set aside, or past its date.",
    "opened_once": "This vial is open already.",
    "set_aside_once": "This vial is marked as expired already.",
    "taken_back_once": "This entry was taken back already.",
    "one_vial_of_a_code": "There is a vial with this number already.",
    "signed_by_somebody_else_too": "Whoever signs with you must be somebody else.",
}
LARGEST_DELIVERY = 50


@dataclass(frozen=True)
class Label:
    """What stands on the vials of one delivery, and on its invoice."""

    substance: str
    product: str
    lot: str
    expires_on: date
    ug_per_ml: int
    nominal_ul: int
    supplier: str
    invoice: str
    received_on: date
    form: str = "solution for injection"
    schedule: str = ""
    ndc: str = ""
    supplier_address: str = ""
    supplier_registration: str = ""


# ── reading ────────────────────────────────────────────────────────────────────────────────────────────


def bottle_of(vial: Vial) -> ledger.Bottle:
    """The vial as the rules see it."""
    return ledger.Bottle(vial.ug_per_ml, vial.expires_on)


def entry_of(row: VialEvent, zone: ZoneInfo) -> ledger.Entry:
    """A line as the rules see it; its day is the clinic's."""
    return ledger.Entry(
        id=row.id, kind=Kind(row.kind), on=row.at.astimezone(zone).date(), by=row.author_id,
        volume_ul=row.volume_ul, syringe=row.syringe, witness=row.witness_id,
        second_witness=row.second_witness_id, reason=row.reason, counterparty=row.counterparty,
        observed_ul=row.observed_ul, corrects=row.corrects_id,
    )  # fmt: skip


def events_of(vial: Vial) -> list[VialEvent]:
    """Every line of a vial's ledger, oldest first."""
    return list(
        VialEvent.objects.filter(vial=vial)
        .select_related("author", "witness", "second_witness")
        .order_by("number")
    )


def balance_of(vial: Vial, zone: ZoneInfo) -> ledger.Balance:
    """How a vial stands now."""
    return ledger.fold(entry_of(row, zone) for row in VialEvent.objects.filter(vial=vial).order_by("number"))


def roles_in_clinic(person: Person) -> frozenset[str]:
    """What somebody is in the clinic now, whoever is in their care."""
    held = StaffRole.objects.filter(open_at(timezone.now()), person=person)
    return frozenset(held.values_list("role", flat=True))


# ── writing one line ───────────────────────────────────────────────────────────────────────────────────


def may_write(by: Person) -> frozenset[str]:
    """What the writer is in the clinic; Refused for whoever does not keep the ledger."""
    roles = roles_in_clinic(by)
    if not ledger.KEEPS & roles:
        raise Refused("The ledger is kept by prescribers, nurses and the clinic lead.")
    return roles


def wait_for(what: str, key: UUID) -> None:
    """Two who write in one ledger at once wait for each other; `door.tally` waits for the same."""
    one_after_another(f"{what} {key}")


def held_vial(vial_id: UUID) -> Vial:
    """The vial, its ledger held until the transaction ends."""
    vial = Vial.objects.select_related("clinic").filter(id=vial_id).first()
    if vial is None:
        raise Refused("There is no such vial.")
    wait_for("vial", vial.id)
    return vial


def _zone(vial: Vial) -> ZoneInfo:
    return ZoneInfo(vial.clinic.timezone)


@contextmanager
def _in_words() -> Iterator[None]:
    """The database's own refusals become sentences."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Refused(
            SENTENCES.get(constraint_of(error), "The ledger does not allow this. Look at the vial again.")
        ) from error


def append(by: Person, vial: Vial, kind: Kind, *, at: datetime | None = None, **columns: Any) -> VialEvent:
    """One line: the rule is asked, then the row inserted, then read back as the database reckoned it."""
    row = VialEvent(
        clinic_id=vial.clinic_id, vial=vial, author=by, kind=kind, at=at or timezone.now(), **columns
    )
    for witness in (row.witness, row.second_witness):
        if witness is not None:
            Refused.unless(ledger.may_cosign(kind, roles_in_clinic(witness)))
    zone = _zone(vial)
    Refused.unless(
        ledger.judge(
            bottle_of(vial),
            balance_of(vial, zone),
            entry_of(row, zone),
            dead_space_ul=duties.load(vial.clinic.country).dead_space_ul.value,
        )
    )
    with _in_words():
        row.save(force_insert=True)
    row.refresh_from_db()
    return row


def kept(by: Person, request_id: UUID) -> VialEvent | None:
    """What the same post wrote already."""
    return VialEvent.objects.filter(request_id=request_id, author=by).first()


@transaction.atomic
def write(
    *,
    by: Person,
    vial_id: UUID,
    kind: Kind,
    request_id: UUID,
    volume_ul: int = 0,
    witness: Person | None = None,
    second_witness: Person | None = None,
    reason: str = "",
    counterparty: str = "",
    observed_ul: int | None = None,
    is_estimate: bool = False,
    corrects: UUID | None = None,
) -> VialEvent:
    """One line about a vial in the cupboard: open, waste, return, transfer, expire, destroy, count, adjust, correct.

    A count that differs from the ledger opens a discrepancy. A repeated post changes nothing.
    """
    if kind in ledger.IN_A_SYRINGE or kind is Kind.RECEIVE:
        raise Refused("This is written from the delivery, or from the session.")
    may_write(by)
    vial = held_vial(vial_id)
    if earlier := kept(by, request_id):
        return earlier
    row = append(
        by, vial, kind, volume_ul=volume_ul, witness=witness, second_witness=second_witness,
        reason=reason.strip()[:300], counterparty=counterparty.strip()[:300], observed_ul=observed_ul,
        is_estimate=is_estimate, corrects_id=corrects, request_id=request_id,
    )  # fmt: skip
    _open_discrepancy(by, row)
    _log(by, f"wrote in the ledger: {kind.replace('_', ' ')}", vial)
    return row


def _open_discrepancy(by: Person, row: VialEvent) -> None:
    if row.kind != Kind.COUNT or row.observed_ul is None or row.observed_ul == row.on_hand_ul:
        return
    Discrepancy(
        clinic_id=row.clinic_id, author=by, vial_id=row.vial_id, event=row,
        expected_ul=row.on_hand_ul, observed_ul=row.observed_ul,
    ).save(force_insert=True)  # fmt: skip
    audit.log("found a discrepancy", by=by, item_kind="vials", item_id=row.vial_id)


def _log(by: Person, action: str, vial: Vial) -> None:
    audit.log(action, by=by, item_kind="vials", item_id=vial.id)


# ── a delivery ─────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def receive(
    *, by: Person, label: Label, count: int, request_id: UUID, received_at: datetime | None = None
) -> list[Vial]:
    """A delivery: so many vials of one lot, each with a number of its own and its receipt."""
    may_write(by)
    wait_for("vials of", by.clinic_id)
    if earlier := kept(by, request_id):
        return _same_delivery(earlier)
    if not 1 <= count <= LARGEST_DELIVERY:
        raise Refused(f"A delivery is entered up to {LARGEST_DELIVERY} vials at a time.")
    today = timezone.now().astimezone(ZoneInfo(by.clinic.timezone)).date()
    if label.received_on > today:
        raise Refused("The day of receipt has not come yet.")
    if label.expires_on < label.received_on:
        raise Refused("These vials were past their date when they came: do not take them into stock.")
    if label.nominal_ul % ledger.STEP_UL or label.ug_per_ml % ledger.STEP_UG_PER_ML:
        raise Refused("Volumes are written to 0.01 mL, concentrations to 0.1 mg/mL.")
    first = Vial.objects.filter(clinic_id=by.clinic_id).count() + 1
    return [
        _receive_one(by, label, f"V-{first + n:04}", request_id if n == 0 else uuid5(request_id, str(n)))
        for n in range(count)
    ]


def _receive_one(by: Person, label: Label, code: str, request_id: UUID) -> Vial:
    values = {column.name: getattr(label, column.name) for column in fields(label)}
    vial = Vial(clinic_id=by.clinic_id, author=by, code=code, **values)
    with _in_words():
        vial.save(force_insert=True)
    append(by, vial, Kind.RECEIVE, volume_ul=label.nominal_ul, request_id=request_id)
    _log(by, "received a vial", vial)
    return vial


def _same_delivery(first: VialEvent) -> list[Vial]:
    ids = [first.request_id, *(uuid5(first.request_id, str(n)) for n in range(1, LARGEST_DELIVERY))]  # type: ignore[arg-type]
    return list(Vial.objects.filter(events__request_id__in=ids).order_by("code"))


# ── counting ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Seen:
    """What was seen of one vial at an inventory."""

    observed_ul: int
    is_estimate: bool = False


@transaction.atomic
def take_inventory(
    *,
    by: Person,
    witness: Person,
    business: Inventory.Business,
    counts: Mapping[UUID, Seen],
    request_id: UUID,
) -> Inventory:
    """Everything on hand counted by two people on one date; each difference opens a discrepancy."""
    may_write(by)
    wait_for("vials of", by.clinic_id)
    if earlier := Inventory.objects.filter(request_id=request_id, author=by).first():
        return earlier
    Refused.unless(ledger.may_cosign(Kind.COUNT, roles_in_clinic(witness)))
    if witness.id == by.id:
        raise Refused("Whoever signs with you must be somebody else.")
    vials = [held_vial(vial_id) for vial_id in sorted(counts)]
    if missing := set(on_hand_ids(by.clinic_id)) - set(counts):
        raise Refused(f"{len(missing)} vials on hand are not counted yet: an inventory counts every one.")
    now = timezone.now()
    taken = Inventory(
        clinic_id=by.clinic_id,
        author=by,
        witness=witness,
        taken_at=now,
        business=business,
        request_id=request_id,
    )
    taken.save(force_insert=True)
    for vial in vials:
        seen = counts[vial.id]
        row = append(
            by, vial, Kind.COUNT, at=now, witness=witness, observed_ul=seen.observed_ul,
            is_estimate=seen.is_estimate, inventory=taken, request_id=uuid5(request_id, str(vial.id)),
        )  # fmt: skip
        _open_discrepancy(by, row)
    audit.log("took an inventory", by=by, item_kind="vials", item_id=taken.id)
    return taken


def newest_lines(clinic_id: UUID) -> list[VialEvent]:
    """The last line of every vial: it carries the balance."""
    return list(
        VialEvent.objects.filter(clinic_id=clinic_id)
        .select_related("vial")
        .order_by("vial_id", "-number")
        .distinct("vial_id")
    )


def on_hand_ids(clinic_id: UUID) -> list[UUID]:
    """Vials in which something must be by the ledger."""
    return [line.vial_id for line in newest_lines(clinic_id) if line.on_hand_ul > 0]


@transaction.atomic
def resolve(
    *, by: Person, discrepancy_id: UUID, how: DiscrepancyResolved.How, words: str
) -> DiscrepancyResolved:
    """A prescriber or the lead says how a discrepancy ended. It stays on record."""
    found = Discrepancy.objects.select_related("event").filter(id=discrepancy_id).first()
    if found is None:
        raise Refused("There is no such discrepancy.")
    wait_for("vial", found.vial_id)
    if earlier := DiscrepancyResolved.objects.filter(discrepancy=found).first():
        if (earlier.author_id, earlier.how, earlier.words) == (by.id, how, words.strip()):
            return earlier
        raise Stale("This discrepancy was ended already.")
    if not words.strip():
        raise Refused("Write what was found, in a sentence or two.")
    later = VialEvent.objects.filter(vial_id=found.vial_id, number__gt=found.event.number)
    Refused.unless(
        ledger.may_resolve(
            roles_in_clinic(by),
            how=how,
            counted_it=found.event.author_id == by.id,
            agrees_since=_agrees(later),
            adjusted_since=later.filter(kind__in=[Kind.ADJUST.value, Kind.CORRECT.value]).exists(),
        )
    )
    row = DiscrepancyResolved(
        clinic_id=found.clinic_id, author=by, discrepancy=found, how=how, words=words.strip()
    )
    row.save(force_insert=True)
    audit.log("ended a discrepancy", by=by, item_kind="vials", item_id=found.vial_id, why=how.label)
    return row


def _agrees(later: Iterable[VialEvent]) -> bool:
    return any(row.kind == Kind.COUNT and row.observed_ul == row.on_hand_ul for row in later)


def open_discrepancies(clinic_id: UUID) -> Sequence[Discrepancy]:
    """Counts that differ and are not explained yet, the oldest first."""
    return list(
        Discrepancy.objects.filter(clinic_id=clinic_id, resolved__isnull=True)
        .select_related("vial", "event", "event__witness", "author")
        .order_by("recorded_at")
    )


def unsettled(clinic_id: UUID) -> list[VialEvent]:
    """Syringes of which something is neither given nor wasted: their last lines, the oldest first."""
    last = (
        VialEvent.objects.filter(clinic_id=clinic_id, syringe__isnull=False)
        .order_by("vial_id", "syringe", "-number")
        .distinct("vial_id", "syringe")
    )
    rows = VialEvent.objects.filter(id__in=last.values("id"), held_ul__gt=0).select_related("vial", "author")
    return list(rows.order_by("recorded_at"))
