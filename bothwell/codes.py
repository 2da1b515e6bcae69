"""The quantities measured at the bedside, and what other systems call them: MDC, LOINC and UCUM.

It never measures, converts nothing by guess, and knows no patient. Device codes are those of clinical
reference table 2.7; rows whose source is field knowledge say so in `to_confirm`.

The off-by-one trap: 150020 is the blood pressure *set*, 150021 systolic, 150022 diastolic, 150023 mean.
Senders exist that count from 150020, so a code is believed only when the reference name beside it agrees, or
is absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class System(StrEnum):
    """Code systems as they are named inside an HL7 v2 coded field."""

    MDC = "MDC"
    LOINC = "LN"
    UCUM = "UCUM"


@dataclass(frozen=True, slots=True)
class Term:
    """One device code of ISO/IEEE 11073-10101 with its reference name."""

    code: int
    name: str


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit a device may send, and the factor that turns its values into the unit we keep."""

    term: Term
    ucum: tuple[str, ...]
    factor: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity we speak: our short code, its words, its unit, and its names elsewhere.

    `shares`: units that say how much of the air it is, a pressure only where the pressure of the air is known.
    """

    code: str
    title: str
    unit: str
    ucum: str
    terms: tuple[Term, ...] = ()
    loinc: tuple[str, ...] = ()
    units: tuple[Unit, ...] = ()
    shares: tuple[Unit, ...] = ()
    by_hand_range: tuple[int, int] | None = None
    to_confirm: str = ""

    @property
    def is_by_hand(self) -> bool:
        """Whether only a person can score it: no device sends it."""
        return not self.terms


PRESSURE_SET = Term(150020, "MDC_PRESS_BLD_NONINV")

# 1 kPa in mmHg, to the six digits a monitor could ever show.
MMHG_PER_KPA = Decimal("7.50062")

MMHG = Unit(Term(266016, "MDC_DIM_MMHG"), ("mm[Hg]",))
KPA = Unit(Term(265987, "MDC_DIM_KILO_PASCAL"), ("kPa",), MMHG_PER_KPA)
PERCENT = Unit(Term(262688, "MDC_DIM_PERCENT"), ("%",))
BEATS = Unit(Term(264864, "MDC_DIM_BEAT_PER_MIN"), ("/min", "{beats}/min", "{beat}/min"))
BREATHS = Unit(Term(264928, "MDC_DIM_RESP_PER_MIN"), ("/min", "{breaths}/min", "{breath}/min"))

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        "systolic", "Systolic", "mmHg", "mm[Hg]",
        terms=(Term(150021, "MDC_PRESS_BLD_NONINV_SYS"),), loinc=("8480-6",), units=(MMHG, KPA),
        to_confirm="LOINC",
    ),
    Quantity(
        "diastolic", "Diastolic", "mmHg", "mm[Hg]",
        terms=(Term(150022, "MDC_PRESS_BLD_NONINV_DIA"),), loinc=("8462-4",), units=(MMHG, KPA),
        to_confirm="LOINC",
    ),
    Quantity(
        "mean_pressure", "Mean pressure", "mmHg", "mm[Hg]",
        terms=(Term(150023, "MDC_PRESS_BLD_NONINV_MEAN"),), loinc=("8478-0",), units=(MMHG, KPA),
        to_confirm="LOINC",
    ),
    Quantity(
        "spo2", "SpO₂", "%", "%",
        terms=(Term(150456, "MDC_PULS_OXIM_SAT_O2"),), loinc=("59408-5", "2708-6"), units=(PERCENT,),
        to_confirm="LOINC",
    ),
    Quantity(
        "heart_rate", "Heart rate", "/min", "/min",
        terms=(
            Term(149530, "MDC_PULS_OXIM_PULS_RATE"),
            Term(149546, "MDC_PULS_RATE_NON_INV"),
            Term(147842, "MDC_ECG_HEART_RATE"),
        ),
        loinc=("8867-4", "8889-8"), units=(BEATS,),
        to_confirm="147842",
    ),
    Quantity(
        "respiratory_rate", "Respiratory rate", "/min", "/min",
        terms=(
            Term(151594, "MDC_CO2_RESP_RATE"),
            Term(151578, "MDC_TTHOR_RESP_RATE"),
            Term(151562, "MDC_RESP_RATE"),
        ),
        loinc=("9279-1",), units=(BREATHS,),
        to_confirm="151578, 151562",
    ),
    # Per cent is a third unit of the same code. It cannot become a pressure without the barometer: accepted only
    # where the clinic told the pressure of its air.
    Quantity(
        "etco2", "End-tidal CO₂", "mmHg", "mm[Hg]",
        terms=(Term(151708, "MDC_CONC_AWAY_CO2_ET"),), loinc=("19891-1",), units=(MMHG, KPA),
        shares=(PERCENT,),
        to_confirm="LOINC",
    ),
    # Scored by a person. Sedation is MOAA/S: 5 responds readily to the name, 0 does not respond to pain.
    Quantity("sedation", "Sedation (MOAA/S)", "", "{score}", by_hand_range=(0, 5)),
    Quantity("dissociation", "Dissociation", "", "{score}", by_hand_range=(0, 3)),
    Quantity("nausea", "Nausea", "", "{score}", by_hand_range=(0, 10)),
    Quantity("anxiety", "Anxiety", "", "{score}", by_hand_range=(0, 10)),
    # Counted, not scored; the upper bound only catches a slip of the hand.
    Quantity("vomiting", "Vomited", "times", "{count}", by_hand_range=(1, 20)),
)  # fmt: skip

BY_CODE: dict[str, Quantity] = {quantity.code: quantity for quantity in QUANTITIES}

# Where a monitor says one quantity twice at the same instant, both are kept and watched, and this is the order in
# which one is shown: the heart rate of the ECG before the pulse of the oximeter before the cuff's, breathing by
# CO2 before impedance. Ours, to be confirmed by the clinic.
SHOWN_FIRST = ("147842", "149530", "149546", "151594", "151578", "151562")
_BY_TERM: dict[int, tuple[Quantity, Term]] = {
    term.code: (quantity, term) for quantity in QUANTITIES for term in quantity.terms
}
_BY_LOINC: dict[str, Quantity] = {loinc: quantity for quantity in QUANTITIES for loinc in quantity.loinc}


class CodeTrouble(StrEnum):
    """Why a code or a unit was not believed."""

    UNKNOWN = "unknown"
    NAME_DISAGREES = "name disagrees"


def quantity_of(code: str, name: str, system: str) -> Quantity | CodeTrouble:
    """The quantity a coded field means, or why it is not one of ours; the name, if any, must be the code's
    own.
    """
    if system == System.LOINC:
        return _BY_LOINC.get(code, CodeTrouble.UNKNOWN)
    number = _number(code)
    if system != System.MDC or number is None:
        return CodeTrouble.UNKNOWN
    if number == PRESSURE_SET.code:
        return CodeTrouble.NAME_DISAGREES if name not in ("", PRESSURE_SET.name) else CodeTrouble.UNKNOWN
    if number not in _BY_TERM:
        return CodeTrouble.UNKNOWN
    quantity, term = _BY_TERM[number]
    return quantity if name in ("", term.name) else CodeTrouble.NAME_DISAGREES


def _unit_among(units: tuple[Unit, ...], code: str, name: str, system: str) -> Unit | CodeTrouble:
    if system == System.MDC:
        number = _number(code)
        for unit in units:
            if unit.term.code == number:
                return unit if name in ("", unit.term.name) else CodeTrouble.NAME_DISAGREES
    elif system in (System.UCUM, ""):
        for unit in units:
            if code in unit.ucum:
                return unit
    return CodeTrouble.UNKNOWN


@dataclass(frozen=True, slots=True)
class Converted:
    """A value in our unit; `told`: as the device said it, where the pressure of the air was needed for that."""

    value: Decimal
    told: str = ""
    ambient_mmhg: int | None = None


def converted(
    quantity: Quantity, value: Decimal, unit: tuple[str, str, str], ambient_mmhg: int | None
) -> Converted | CodeTrouble:
    """A value as a device told it, in our unit; `unit` is its code, name and system.

    A share of the air becomes mmHg by % / 100 x `ambient_mmhg` (partial pressure of a gas, Dalton), and is not
    believed where that is not known.
    """
    found = _unit_among(quantity.units, *unit)
    if isinstance(found, Unit):
        return Converted(value * found.factor)
    if found is CodeTrouble.NAME_DISAGREES or ambient_mmhg is None:
        return found
    share = _unit_among(quantity.shares, *unit)
    if isinstance(share, CodeTrouble):
        return share
    return Converted(value / 100 * ambient_mmhg, f"{value} %", ambient_mmhg)


def _number(code: str) -> int | None:
    """A device code as a number; anything but up to seven plain digits is none."""
    return int(code) if code.isascii() and code.isdigit() and len(code) <= 7 else None
