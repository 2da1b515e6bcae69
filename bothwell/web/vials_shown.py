"""What the pages about vials show, gathered from the ledger in a fixed number of questions to the database.

It writes nothing. For whom a syringe was, it shows as far as the one who looks may see it, and says so otherwise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing import duties, ledger, syringe_actions, vial_actions
from bothwell.dosing.ledger import Account, Kind, Posting
from bothwell.dosing.models import Discrepancy, Inventory, Vial, VialEvent, VialUse

WORDS: dict[str, str] = {
    "receive": "received",
    "open": "opened",
    "draw": "drawn up",
    "administer": "given",
    "waste": "wasted",
    "dead_space": "dead space",
    "return": "returned",
    "transfer": "transferred",
    "expire": "set aside, expired",
    "destroy": "destroyed",
    "count": "counted",
    "adjust": "adjusted",
    "correct": "line taken back",
}
USED_UP_SHOWN = 40


# ── the cupboard ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Standing:
    """One vial as it stands."""

    vial: Vial
    last: VialEvent
    opened_at: datetime | None
    today: date

    @property
    def is_past(self) -> bool:
        return self.last.is_expired or self.vial.expires_on < self.today

    @property
    def state(self) -> str:
        """In words: what can be done with it."""
        if self.last.on_hand_ul == 0:
            return "used up"
        if self.is_past:
            return "set aside, expired" if self.last.is_expired else "past its date: set it aside"
        return "open" if self.last.is_open else "sealed"


@dataclass
class Shelf:
    """Every vial of one product in one strength."""

    product: str
    ug_per_ml: int
    vials: list[Standing] = field(default_factory=list)

    @property
    def on_hand_ul(self) -> int:
        return sum(one.last.on_hand_ul for one in self.vials)

    @property
    def on_hand_ug(self) -> int:
        return sum(one.last.on_hand_ul * one.vial.ug_per_ml // 1000 for one in self.vials)

    @property
    def sealed(self) -> int:
        return sum(one.state == "sealed" for one in self.vials)

    @property
    def opened(self) -> int:
        return sum(one.state == "open" for one in self.vials)


def standings(clinic_id: UUID) -> list[Standing]:
    """Every vial, those that expire first before the others, open ones before sealed."""
    opened = dict(
        VialEvent.objects.filter(clinic_id=clinic_id, kind=Kind.OPEN.value).values_list("vial_id", "at")
    )
    found = [
        Standing(line.vial, line, opened.get(line.vial_id), timezone.localdate())
        for line in vial_actions.newest_lines(clinic_id)
    ]
    return sorted(found, key=lambda one: (not one.last.is_open, one.vial.expires_on, one.vial.code))


def shelves(found: Iterable[Standing]) -> list[Shelf]:
    """What is on hand, by product and strength."""
    made: dict[tuple[str, int], Shelf] = {}
    for one in found:
        if one.last.on_hand_ul > 0:
            key = (one.vial.product, one.vial.ug_per_ml)
            made.setdefault(key, Shelf(*key)).vials.append(one)
    return [made[key] for key in sorted(made)]


@dataclass(frozen=True)
class Waiting:
    """A discrepancy with its clock."""

    row: Discrepancy
    resolve_by: datetime
    notices: tuple[tuple[duties.Deadline, date], ...]
    """What the law on file wants sent if it is theft or loss, each with its last day."""
    is_late: bool

    @property
    def difference_ul(self) -> int:
        return self.row.observed_ul - self.row.expected_ul

    @property
    def size_ul(self) -> int:
        return abs(self.difference_ul)

    @property
    def difference_ug(self) -> int:
        return abs(self.difference_ul) * self.row.vial.ug_per_ml // 1000


def waiting(row: Discrepancy, zone: ZoneInfo, owed: duties.Duties) -> Waiting:
    """A discrepancy, by when it is to be explained, and by when a theft or loss is to be notified."""
    by = owed.resolve_by(row.recorded_at)
    day = row.recorded_at.astimezone(zone).date()
    notices = tuple((each, each.by(day)) for each in owed.deadlines)
    return Waiting(row, by, notices, timezone.now() > by)


@dataclass(frozen=True)
class InventoryDue:
    """When everything was last counted, and when it must be again; no day where no law on file says how often."""

    last: Inventory | None
    due_on: date | None
    is_due: bool


def inventory_due(clinic_id: UUID, zone: ZoneInfo, owed: duties.Duties) -> InventoryDue:
    last = Inventory.objects.filter(clinic_id=clinic_id).order_by("-taken_at").first()
    due_on = owed.inventory_due_on(last.taken_at.astimezone(zone).date() if last else None)
    return InventoryDue(last, due_on, last is None or (due_on is not None and due_on <= timezone.localdate()))


def cupboard(clinic_id: UUID, zone: ZoneInfo, owed: duties.Duties) -> dict[str, Any]:
    """Everything on the page of the stock; what is wrong comes first."""
    found = standings(clinic_id)
    pending = vial_actions.unsettled(clinic_id)
    whose = patients([line.syringe for line in pending])
    charted = syringe_actions.charted_since_the_first_vial()
    undrawn = sum(one.drawn_ug == 0 for one in charted)
    at_odds = sum(one.differs for one in charted)
    return {
        "undrawn": [one for one in charted if one.undrawn_ug],
        "undrawn_of_others": max(0, syringe_actions.undrawn_in_clinic() - undrawn),
        "at_odds": [one for one in charted if one.differs and not one.undrawn_ug],
        "at_odds_of_others": max(0, syringe_actions.at_odds_in_clinic() - at_odds),
        "waiting": [waiting(row, zone, owed) for row in vial_actions.open_discrepancies(clinic_id)],
        "unsettled": [(line, whose.get(line.syringe)) for line in pending],
        "shelves": shelves(found),
        "past": [one for one in found if one.is_past and one.last.on_hand_ul > 0],
        "used_up": [one for one in reversed(found) if one.last.on_hand_ul == 0][:USED_UP_SHOWN],
        "inventory": inventory_due(clinic_id, zone, owed),
    }


# ── for whom ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class ForWhom:
    """Whose syringe it was, as far as the one who looks may know."""

    subject: Person
    session_id: UUID


def patients(syringes: Iterable[UUID | None]) -> dict[UUID | None, ForWhom]:
    """Syringe -> person, of those this viewer may see."""
    uses = VialUse.objects.filter(syringe__in=[key for key in syringes if key]).select_related("subject")
    return {use.syringe: ForWhom(use.subject, use.session_id) for use in uses if use.subject}


# ── one ledger ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Shown:
    """One line of a ledger, in double entry."""

    row: VialEvent
    words: str
    posting: Posting | None
    is_back: bool
    for_whom: ForWhom | None
    corrects_number: int | None

    @property
    def is_count_off(self) -> bool:
        return self.row.kind == Kind.COUNT and self.row.observed_ul != self.row.on_hand_ul

    @property
    def is_late(self) -> bool:
        """Whether this draw was written down afterwards, with its reason."""
        return self.row.kind == Kind.DRAW and bool(self.row.reason)

    @property
    def may_go_back(self) -> bool:
        return Kind(self.row.kind) in ledger.CORRECTABLE and not self.is_back


def ledger_of(vial: Vial, rows: Sequence[VialEvent], zone: ZoneInfo) -> list[Shown]:
    """Every line of one vial's ledger, oldest first, with what it moved and for whom."""
    whose = patients(row.syringe for row in rows)
    by_id = {row.id: row for row in rows}
    back = {row.corrects_id for row in rows}
    entries = [vial_actions.entry_of(row, zone) for row in rows]
    return [
        Shown(
            row, WORDS[row.kind], line.postings[0] if line.postings else None, row.id in back,
            whose.get(row.syringe), by_id[row.corrects_id].number if row.corrects_id else None,
        )
        for row, line in zip(rows, ledger.lines(vial_actions.bottle_of(vial), entries), strict=True)
    ]  # fmt: skip


def accounts(vial: Vial, rows: Sequence[VialEvent], zone: ZoneInfo) -> list[tuple[str, int, int]]:
    """The sums: where everything that came in is now, in µL and µg. They add up to nought."""
    balance = ledger.fold(vial_actions.entry_of(row, zone) for row in rows)
    bottle = vial_actions.bottle_of(vial)
    names = {Account.SUPPLIER: "received", Account.VIAL: "in the vial", Account.SYRINGE: "in a syringe"}
    return [
        (names.get(account, account.value), abs(volume) if account is Account.SUPPLIER else volume,
         bottle.amount_ug(abs(volume)) * (-1 if volume < 0 and account is not Account.SUPPLIER else 1))
        for account in Account
        if (volume := balance.of(account)) or account in names
    ]  # fmt: skip
