"""The ledger of one vial: what came in, what was drawn, given, wasted or sent away, and what must still be there.

Pure. Every entry moves a volume from one account to another, so nothing can vanish between two lines. It never
changes an entry: a mistake is put right by another entry that names it. Volumes are whole microlitres (µL) and
amounts whole micrograms (µg); the database keeps the same balances by itself and refuses what this refuses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Final
from uuid import UUID

from bothwell.decision import Decision
from bothwell.dosing.order import volume
from bothwell.pathway.steps import Role

STEP_UL: Final = 10
"""Volumes are read to a hundredth of a millilitre."""
STEP_UG_PER_ML: Final = 100
"""Concentrations are written to a tenth of a milligram per millilitre: every amount is then a whole µg."""


class Kind(StrEnum):
    """What an entry says happened."""

    RECEIVE = "receive"
    OPEN = "open"
    DRAW = "draw"
    ADMINISTER = "administer"
    WASTE = "waste"
    DEAD_SPACE = "dead_space"
    RETURN = "return"
    TRANSFER = "transfer"
    EXPIRE = "expire"
    DESTROY = "destroy"
    COUNT = "count"
    ADJUST = "adjust"
    CORRECT = "correct"


class Account(StrEnum):
    """Where a volume can be. The sum over all accounts is nought at every moment."""

    SUPPLIER = "supplier"
    VIAL = "vial"
    SYRINGE = "syringe"
    GIVEN = "given"
    WASTED = "wasted"
    DEAD_SPACE = "dead space"
    RETURNED = "returned"
    TRANSFERRED = "transferred"
    DESTROYED = "destroyed"
    ADJUSTED = "adjusted"


WAYS: Final[Mapping[Kind, tuple[Account, Account]]] = MappingProxyType(
    {
        Kind.RECEIVE: (Account.SUPPLIER, Account.VIAL),
        Kind.DRAW: (Account.VIAL, Account.SYRINGE),
        Kind.ADMINISTER: (Account.SYRINGE, Account.GIVEN),
        Kind.WASTE: (Account.VIAL, Account.WASTED),
        Kind.DEAD_SPACE: (Account.SYRINGE, Account.DEAD_SPACE),
        Kind.RETURN: (Account.VIAL, Account.RETURNED),
        Kind.TRANSFER: (Account.VIAL, Account.TRANSFERRED),
        Kind.DESTROY: (Account.VIAL, Account.DESTROYED),
        Kind.ADJUST: (Account.ADJUSTED, Account.VIAL),
    }
)
"""From where to where each kind moves its volume. What was drawn up is wasted from the syringe."""

IN_A_SYRINGE: Final = frozenset({Kind.DRAW, Kind.ADMINISTER, Kind.DEAD_SPACE})
STILL: Final = frozenset({Kind.OPEN, Kind.EXPIRE, Kind.COUNT})
"""Entries that move nothing."""
CORRECTABLE: Final = frozenset(
    {Kind.DRAW, Kind.ADMINISTER, Kind.WASTE, Kind.DEAD_SPACE, Kind.RETURN, Kind.TRANSFER, Kind.DESTROY}
)
COSIGNED: Final = frozenset({Kind.WASTE, Kind.COUNT, Kind.ADJUST, Kind.CORRECT, Kind.DESTROY})
"""Entries that a second person signs with their own password."""
REASONED: Final = frozenset({Kind.WASTE, Kind.ADJUST, Kind.CORRECT, Kind.DESTROY})
TO_SOMEBODY: Final = frozenset({Kind.RETURN, Kind.TRANSFER})
KEEPS: Final = frozenset({Role.PRESCRIBER, Role.NURSE, Role.LEAD})
"""Who writes in the ledger."""
APPROVES: Final = frozenset({Role.PRESCRIBER, Role.LEAD})
"""Who approves what puts the ledger right, and ends a discrepancy."""
COSIGNERS: Final[Mapping[Kind, frozenset[Role]]] = MappingProxyType(
    {
        Kind.DRAW: frozenset({Role.PRESCRIBER, Role.NURSE}),
        Kind.WASTE: frozenset({Role.PRESCRIBER, Role.NURSE}),
        Kind.DESTROY: KEEPS,
        Kind.COUNT: KEEPS,
        Kind.ADJUST: APPROVES,
        Kind.CORRECT: APPROVES,
    }
)
"""Who may sign with somebody else, by kind: waste takes a second licensed person, and so does a draw written afterwards."""


@dataclass(frozen=True, slots=True)
class Bottle:
    """What stands on the label of one vial."""

    ug_per_ml: int
    expires_on: date

    def amount_ug(self, volume_ul: int) -> int:
        """The amount (µg) in this volume (µL)."""
        return volume_ul * self.ug_per_ml // 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One line as somebody writes it. `volume_ul` is signed for an adjustment, nought where nothing moves.

    `counterparty` is who takes what leaves, or where something is destroyed; `reason` then says by which method.
    """

    id: UUID
    kind: Kind
    on: date
    by: UUID
    volume_ul: int = 0
    syringe: UUID | None = None
    witness: UUID | None = None
    second_witness: UUID | None = None
    reason: str = ""
    counterparty: str = ""
    observed_ul: int | None = None
    corrects: UUID | None = None


@dataclass(frozen=True, slots=True)
class Posting:
    """One movement: out of one account, into another, in µL and µg."""

    source: Account
    target: Account
    volume_ul: int
    amount_ug: int


@dataclass(frozen=True)
class Balance:
    """How a vial stands after an entry."""

    number: int = 0
    accounts: Mapping[Account, int] = field(default_factory=lambda: MappingProxyType({}))
    syringes: Mapping[UUID, int] = field(default_factory=lambda: MappingProxyType({}))
    dead_space: Mapping[UUID, int] = field(default_factory=lambda: MappingProxyType({}))
    is_open: bool = False
    is_expired: bool = False
    entries: Mapping[UUID, Entry] = field(default_factory=lambda: MappingProxyType({}))
    corrected: frozenset[UUID] = frozenset()

    def of(self, account: Account) -> int:
        """What is in an account, in µL; the supplier's is negative."""
        return self.accounts.get(account, 0)

    @property
    def on_hand_ul(self) -> int:
        """What must be in the vial."""
        return self.of(Account.VIAL)

    @property
    def held_ul(self) -> int:
        """Drawn up, and neither given nor wasted yet."""
        return self.of(Account.SYRINGE)

    @property
    def is_whole(self) -> bool:
        """Received = given + wasted + dead space + sent away + destroyed + still there ± adjusted."""
        return sum(self.accounts.values()) == 0


# ── may this be written? ───────────────────────────────────────────────────────────────────────────────


def judge(bottle: Bottle, balance: Balance, entry: Entry, *, dead_space_ul: int = 0) -> Decision:
    """Whether the entry may follow this balance, with a sentence for whoever writes it.

    `dead_space_ul` is how much of one syringe may be written off as dead space (µL; the clinic's own rule).
    """
    for found in (
        _begins(balance, entry),
        _shape(entry),
        _signed(entry),
        _state(bottle, balance, entry),
        _correction(balance, entry),
        _enough(balance, entry, dead_space_ul),
    ):
        if found:
            return Decision.no(found)
    return Decision.yes("The entry fits the ledger.")


def _begins(balance: Balance, entry: Entry) -> str:
    if (balance.number == 0) == (entry.kind is Kind.RECEIVE):
        return ""
    return "This vial was received already." if balance.number else "A vial's ledger begins with its receipt."


def _shape(entry: Entry) -> str:
    if entry.kind is Kind.CORRECT:
        return "" if entry.corrects else "Name the entry that was wrong."
    if entry.kind is Kind.COUNT:
        seen = entry.observed_ul
        return "" if seen is not None and seen >= 0 and seen % STEP_UL == 0 else "Write what was seen, in mL."
    if entry.kind in STILL:
        return "" if entry.volume_ul == 0 else "This entry moves nothing."
    if entry.volume_ul % STEP_UL:
        return "Volumes are written to 0.01 mL."
    if entry.kind is Kind.ADJUST:
        return "" if entry.volume_ul else "An adjustment of nothing is none."
    if entry.volume_ul <= 0:
        return "A volume above nought is needed."
    if entry.kind in IN_A_SYRINGE and entry.syringe is None:
        return "It is not said which syringe this is."
    if entry.kind in TO_SOMEBODY and not entry.counterparty.strip():
        return "Write who takes it: name, address and registration number."
    if entry.kind is Kind.DESTROY and not entry.counterparty.strip():
        return "Write where it is destroyed."
    return ""


def _signed(entry: Entry) -> str:
    if entry.kind in REASONED and not entry.reason.strip():
        return "Write why, in a few words."
    if entry.kind in COSIGNED and entry.witness is None:
        return "A second person must sign this with their own password."
    if entry.kind is Kind.DESTROY and entry.second_witness is None:
        return "Destruction is signed by two witnesses."
    signers = [one for one in (entry.by, entry.witness, entry.second_witness) if one]
    if len(set(signers)) != len(signers):
        return "Whoever signs with you must be somebody else."
    return ""


def _state(bottle: Bottle, balance: Balance, entry: Entry) -> str:
    if entry.kind is Kind.OPEN and balance.is_open:
        return "This vial is open already."
    if entry.kind is Kind.EXPIRE and balance.is_expired:
        return "This vial is marked as expired already."
    if entry.kind is Kind.DRAW and not balance.is_open:
        return "This vial is not open yet. Open it first."
    if entry.kind in (Kind.OPEN, Kind.DRAW) and (balance.is_expired or entry.on > bottle.expires_on):
        return "This vial is past its date: it is set aside, not used."
    return ""


def _correction(balance: Balance, entry: Entry) -> str:
    if entry.kind is not Kind.CORRECT or entry.corrects is None:
        return ""
    wrong = balance.entries.get(entry.corrects)
    if wrong is None or wrong.kind not in CORRECTABLE:
        return "This entry cannot be taken back; write an adjustment."
    return "This entry was taken back already." if wrong.id in balance.corrected else ""


def _enough(balance: Balance, entry: Entry, dead_space_ul: int) -> str:
    after = post(balance, entry)
    if after.on_hand_ul < 0:
        return f"Only {ml(balance.on_hand_ul)} mL are in this vial by the ledger."
    syringe = _syringe_of(balance, entry)
    if syringe and after.syringes.get(syringe, 0) < 0:
        return f"Only {ml(balance.syringes.get(syringe, 0))} mL are left in this syringe by the ledger."
    if entry.kind is Kind.DEAD_SPACE and syringe and after.dead_space.get(syringe, 0) > dead_space_ul:
        return f"No more than {ml(dead_space_ul)} mL a syringe are written off as dead space here: waste it."
    return ""


# ── the fold ───────────────────────────────────────────────────────────────────────────────────────────


def post(balance: Balance, entry: Entry) -> Balance:
    """The balance after an entry. It posts whatever it is given: ask `judge` first."""
    wrong = balance.entries.get(entry.corrects) if entry.corrects else None
    moved = wrong if entry.kind is Kind.CORRECT and wrong else entry
    volume_ul = -moved.volume_ul if moved is wrong else moved.volume_ul
    accounts, syringes, dead = dict(balance.accounts), dict(balance.syringes), dict(balance.dead_space)
    if way := _way(moved):
        for account, change in zip(way, (-volume_ul, volume_ul), strict=True):
            accounts[account] = accounts.get(account, 0) + change
            if account is Account.SYRINGE and moved.syringe:
                syringes[moved.syringe] = syringes.get(moved.syringe, 0) + change
            if account is Account.DEAD_SPACE and moved.syringe:
                dead[moved.syringe] = dead.get(moved.syringe, 0) + change
    return replace(
        balance,
        number=balance.number + 1,
        accounts=MappingProxyType(accounts),
        syringes=MappingProxyType(syringes),
        dead_space=MappingProxyType(dead),
        is_open=balance.is_open or entry.kind is Kind.OPEN,
        is_expired=balance.is_expired or entry.kind is Kind.EXPIRE,
        entries=MappingProxyType({**balance.entries, entry.id: entry}),
        corrected=balance.corrected | ({wrong.id} if entry.kind is Kind.CORRECT and wrong else frozenset()),
    )


def fold(entries: Iterable[Entry]) -> Balance:
    """How a vial stands after all its entries, in their order."""
    balance = Balance()
    for entry in entries:
        balance = post(balance, entry)
    return balance


@dataclass(frozen=True)
class Line:
    """One entry with what it moved and the balance after it."""

    entry: Entry
    postings: tuple[Posting, ...]
    after: Balance


def lines(bottle: Bottle, entries: Iterable[Entry]) -> Iterator[Line]:
    """The ledger in double entry, oldest first."""
    balance = Balance()
    for entry in entries:
        found = postings(bottle, balance, entry)
        balance = post(balance, entry)
        yield Line(entry, found, balance)


def postings(bottle: Bottle, balance: Balance, entry: Entry) -> tuple[Posting, ...]:
    """What an entry moves: one movement, or none. A volume is never negative here; its direction turns instead."""
    wrong = balance.entries.get(entry.corrects) if entry.corrects else None
    moved = wrong if entry.kind is Kind.CORRECT and wrong else entry
    way = _way(moved)
    if way is None or moved.volume_ul == 0:
        return ()
    source, target = way if (moved.volume_ul > 0) == (moved is entry) else way[::-1]
    size = abs(moved.volume_ul)
    return (Posting(source, target, size, bottle.amount_ug(size)),)


def _way(entry: Entry) -> tuple[Account, Account] | None:
    if entry.kind is Kind.WASTE and entry.syringe:
        return Account.SYRINGE, Account.WASTED
    return WAYS.get(entry.kind)


def _syringe_of(balance: Balance, entry: Entry) -> UUID | None:
    if entry.kind is not Kind.CORRECT:
        return entry.syringe
    wrong = balance.entries.get(entry.corrects) if entry.corrects else None
    return wrong.syringe if wrong else None


# ── who signs, and how a discrepancy ends ──────────────────────────────────────────────────────────────


def may_cosign(kind: Kind, roles: Iterable[str]) -> Decision:
    """Whether somebody with these roles in the clinic may sign an entry of this kind beside its writer."""
    needed = COSIGNERS.get(kind, KEEPS)
    if needed & set(roles):
        return Decision.yes("They may sign this.")
    names = ", a ".join(sorted(needed))
    return Decision.no(f"This is signed by a {names}: the colleague who signed here is none of these.")


def may_resolve(
    roles: Iterable[str], *, how: str, counted_it: bool, agrees_since: bool, adjusted_since: bool
) -> Decision:
    """Whether a discrepancy may be ended this way: counted again, adjusted, or reported as a loss."""
    if not APPROVES & set(roles):
        return Decision.no("A discrepancy is ended by a prescriber or the clinic lead.")
    if counted_it:
        return Decision.no("Whoever counted does not end the discrepancy as well.")
    if how == "recounted" and not agrees_since:
        return Decision.no("There is no later count of this vial that agrees with the ledger.")
    if how == "adjusted" and not adjusted_since:
        return Decision.no("The ledger of this vial was not adjusted or corrected since the count.")
    return Decision.yes("It may be ended.")


# ── counting, drawing, and how numbers are written ─────────────────────────────────────────────────────


def difference_ul(entry: Entry, expected_ul: int) -> int:
    """What a count found beyond (+) or short of (-) the ledger, in µL; nought when they agree."""
    return (entry.observed_ul or 0) - expected_ul


@dataclass(frozen=True, slots=True)
class Draw:
    """What to draw for an ordered dose: the volume, the amount it really is, and the working in words."""

    volume_ul: int
    amount_ug: int
    working: str


def to_draw(dose_mg: Decimal, ug_per_ml: int) -> Draw:
    """The volume (to 0.01 mL) of a dose at the concentration on the label; ValueError unless both exceed nought."""
    strength = Decimal(ug_per_ml) / 1000
    found = volume(dose_mg, strength)
    volume_ul = int(found.ml * 1000)
    amount_ug = volume_ul * ug_per_ml // 1000
    exact = "" if amount_ug == dose_mg * 1000 else f"; {found.ml} mL hold {mg(amount_ug)} mg"
    return Draw(volume_ul, amount_ug, found.working + exact)


def ul(millilitres: Decimal) -> int:
    """Millilitres as whole µL; ValueError for what is finer than 0.01 mL."""
    exact = millilitres * 1000
    if exact != exact.to_integral_value() or int(exact) % STEP_UL:
        raise ValueError("Volumes are written to 0.01 mL.")
    return int(exact)


def ml(volume_ul: int) -> str:
    """µL as millilitres, two decimals: 680 is "0.68"."""
    return f"{Decimal(volume_ul) / 1000:.2f}"


def mg(amount_ug: int) -> str:
    """µg as milligrams, at least two decimals: 34000 is "34.00", 34125 is "34.125"."""
    value = Decimal(amount_ug) / 1000
    return f"{value:.2f}" if amount_ug % 10 == 0 else f"{value:.3f}"
