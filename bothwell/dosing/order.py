"""An order checked against the signed protocol: is the dose inside the published range, what volume is it?

It never suggests a dose: it says where an ordered one lies and shows its working; outside the range it asks
for a second signature.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from bothwell.decision import Decision
from bothwell.pathway.protocol import DoseRange, Number, Protocol, Route, Status

ML = Decimal("0.01")
"""Volumes are drawn to a hundredth of a millilitre."""


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison with the protocol: the value, the range it was held against, and its source."""

    what: str
    value: Decimal
    unit: str
    low: Decimal
    high: Decimal
    is_inside: bool
    source: str
    status: Status
    allowed: tuple[Decimal, ...] = ()
    is_held_by_the_other: bool = False
    """Below this range, and inside another published one for the same route."""

    @property
    def words(self) -> str:
        """The comparison as one sentence, with units."""
        if self.allowed:
            place = "one of" if self.is_inside else "not one of"
            listed = ", ".join(_shown(one) for one in self.allowed)
            value = f"{_shown(self.value)} {self.unit}"
            return f"{self.what} {value} is {place} {listed} {self.unit} ({self.source})."
        if self.is_held_by_the_other:
            return (
                f"{self.what} {_shown(self.value)} {self.unit} is below {_shown(self.low)} to {_shown(self.high)} "
                f"{self.unit} ({self.source}), and not below the other range given for this route."
            )
        place = "inside" if self.is_inside else "outside"
        return (
            f"{self.what} {_shown(self.value)} {self.unit} is {place} "
            f"{_shown(self.low)} to {_shown(self.high)} {self.unit} ({self.source})."
        )


@dataclass(frozen=True, slots=True)
class RangeCheck:
    """What the check of an order found: `decision` is no while a signature or a correction is wanting."""

    decision: Decision
    needs_second_signature: bool
    bounds: tuple[Bound, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Volume:
    """How much to draw, in mL, with its working in words."""

    ml: Decimal
    working: str


def check_dose(
    protocol: Protocol,
    *,
    route: Route,
    dose_mg: Decimal,
    weight_kg: Decimal | None,
    infusion_minutes: Decimal | None = None,
    bmi: Decimal | None = None,
    ordered_by: str = "",
    second_signature_by: str = "",
    out_of_range_reason: str = "",
) -> RangeCheck:
    """Where a dose (mg) and an infusion time (min) lie in the protocol's ranges for this weight (kg).

    Inside: yes. Outside: no, until a reason is written and somebody other than the prescriber has signed too.
    An order that makes no sense (no weight, no dose, a route not in the protocol) no signature can carry.
    """
    if refusal := _senseless(protocol, route, dose_mg, weight_kg, infusion_minutes):
        return RangeCheck(Decision.no(refusal), False, ())
    dose = protocol.routes[route].dose
    bounds = _bounds(dose, dose_mg, weight_kg or Decimal(1), infusion_minutes)
    notes = _notes(protocol, bmi)
    outside = [bound.words for bound in bounds if not bound.is_inside]
    if not outside:
        return RangeCheck(Decision.yes(" ".join(bound.words for bound in bounds)), False, bounds, notes)
    decision = _outside(" ".join(outside), ordered_by, second_signature_by, out_of_range_reason)
    return RangeCheck(decision, True, bounds, notes)


def volume(dose_mg: Decimal, mg_per_ml: Decimal) -> Volume:
    """The volume (mL, to 0.01) of this dose at this concentration; ValueError unless both exceed nought."""
    if not _is_positive(dose_mg) or not _is_positive(mg_per_ml):
        raise ValueError("A volume needs a dose and a concentration above nought.")
    exact = dose_mg / mg_per_ml
    ml = exact.quantize(ML, ROUND_HALF_UP)
    sign = "=" if exact == ml else "≈"
    return Volume(ml, f"{_shown(dose_mg)} mg ÷ {_shown(mg_per_ml)} mg/mL {sign} {ml} mL")


@dataclass(frozen=True, slots=True)
class Bag:
    """An infusion made up to a volume: what a millilitre of it holds, how fast the pump runs, and the working."""

    ml: Decimal
    mg_per_ml: Decimal
    rate_ml_per_h: Decimal
    working: str


def bag(dose_mg: Decimal, bag_ml: Decimal, minutes: int) -> Bag:
    """The whole dose in a bag of this volume, run in over so many minutes: mg/mL and mL/h, each to 0.01.

    ValueError unless all three exceed nought.
    """
    if not _is_positive(dose_mg) or not _is_positive(bag_ml) or minutes <= 0:
        raise ValueError("A bag needs a dose, a volume and minutes above nought.")
    strength, rate = dose_mg / bag_ml, bag_ml * 60 / minutes
    mg_per_ml, ml_per_h = strength.quantize(ML, ROUND_HALF_UP), rate.quantize(ML, ROUND_HALF_UP)
    first, second = (
        "=" if exact == shown else "≈" for exact, shown in ((strength, mg_per_ml), (rate, ml_per_h))
    )
    return Bag(
        bag_ml,
        mg_per_ml,
        ml_per_h,
        f"{_shown(dose_mg)} mg ÷ {_shown(bag_ml)} mL {first} {_shown(mg_per_ml)} mg/mL; "
        f"{_shown(bag_ml)} mL × 60 ÷ {minutes} min {second} {_shown(ml_per_h)} mL/h",
    )


# Ours, technical: a pump may show whole mL/h.
SAME_RATE_WITHIN_ML_PER_H = Decimal(1)
SAME_RATE_WITHIN = Decimal("0.05")


def is_rate_of(made_up: Bag, rate_ml_per_h: Decimal) -> bool:
    """Whether a pump that shows this rate (mL/h) runs the bag as it was ordered; of a slow one, to a twentieth."""
    within = min(SAME_RATE_WITHIN_ML_PER_H, made_up.rate_ml_per_h * SAME_RATE_WITHIN)
    return abs(rate_ml_per_h - made_up.rate_ml_per_h) < within


# Field knowledge, to confirm: bedside infusion pumps end at 999 or 1,200 mL/h. What is above is a slip of the keys.
MOST_ML_PER_H = Decimal(1200)
# Ours, technical: a slip of a digit or a point changes a rate more than this, a change of pace seldom does.
FAR_TIMES = Decimal(2)
TENTH = Decimal("0.1")
# Field knowledge, to confirm: an infusion of ketamine is made up to no more than this.
MOST_BAG_ML = Decimal(500)
PRESS_ONCE_MORE = "If the pump shows it, press once more; else write what it shows."


def possible_rate(rate_ml_per_h: Decimal) -> Decision:
    """Whether a pump can show this rate (mL/h); no, with what would be taken."""
    if not _is_positive(rate_ml_per_h):
        return Decision.no("The rate is a number of mL/h above 0.")
    if rate_ml_per_h > MOST_ML_PER_H:
        return Decision.no(
            f"No pump at a bed runs at {_shown(rate_ml_per_h)} mL/h; up to {_shown(MOST_ML_PER_H)} mL/h is taken. "
            "Read the rate from the pump again."
        )
    return Decision.yes("A pump can show this rate.")


@dataclass(frozen=True, slots=True)
class Expected:
    """The rate a pump is expected near (mL/h), and what it is called."""

    ml_per_h: Decimal
    words: str = "the ordered rate"


def ask_about_rate(expected: Expected | None, rate_ml_per_h: Decimal, minutes: int | None = None) -> str:
    """The question to whoever charts a rate far from the expected one; empty where it is near.

    Where none is expected, a rate at which the ordered `minutes` run in more than a bag holds is asked about.
    """
    if expected is None:
        return _ask_about_bag(rate_ml_per_h, minutes)
    times = rate_ml_per_h / expected.ml_per_h
    if 1 / FAR_TIMES <= times <= FAR_TIMES:
        return ""
    if times > 1:
        shown = f"{_shown(times.quantize(TENTH, ROUND_HALF_UP))} times"
    else:
        shown = f"1/{_shown((1 / times).quantize(TENTH, ROUND_HALF_UP))} of"
    return f"{_shown(rate_ml_per_h)} mL/h is {shown} {expected.words} of {_shown(expected.ml_per_h)} mL/h. {PRESS_ONCE_MORE}"


def _ask_about_bag(rate_ml_per_h: Decimal, minutes: int | None) -> str:
    ml = rate_ml_per_h * minutes / 60 if minutes else Decimal(0)
    if ml <= MOST_BAG_ML:
        return ""
    return (
        f"At {_shown(rate_ml_per_h)} mL/h the ordered {minutes} min run in {_shown(ml.quantize(TENTH))} mL, more than a bag "
        f"of {_shown(MOST_BAG_ML)} mL. {PRESS_ONCE_MORE}"
    )


def names_the_same(substance: str, product: str) -> bool:
    """Whether two names are of one drug, however much stands beside it: by the word that ends in ketamine, else by the first.

    For erring on the safe side: what may be more of a dose is taken for it.
    """
    return _drug(substance) == _drug(product) != ""


def names_ketamine(substance: str) -> bool:
    """Whether this names a ketamine, whatever was ordered."""
    return _drug(substance).endswith("ketamine")


def _drug(name: str) -> str:
    words = re.findall(r"[^\W\d_]+", name.casefold())
    return next((word for word in words if word.endswith("ketamine")), words[0] if words else "")


def rate_words(volume_ml: Decimal, minutes: int) -> str:
    """The rate (mL/h, to 0.01) at which this volume (mL) runs in so many minutes, with its working."""
    rate = (volume_ml * 60 / minutes).quantize(ML, ROUND_HALF_UP)
    return f"{_shown(volume_ml)} mL over {minutes} min are {rate} mL/h"


def devices(dose: DoseRange, dose_mg: Decimal) -> int | None:
    """How many nasal devices make up this dose; None where none are used, or where they do not add up."""
    if dose.mg_per_device is None or dose_mg % dose.mg_per_device.value:
        return None
    return int(dose_mg / dose.mg_per_device.value)


def _senseless(
    protocol: Protocol, route: Route, dose_mg: Decimal, weight_kg: Decimal | None, minutes: Decimal | None
) -> str:
    if route not in protocol.routes:
        return "This route is not in the signed protocol."
    if not _is_positive(dose_mg):
        return "A dose above nought is needed."
    dose = protocol.routes[route].dose
    if not _is_positive(weight_kg) and dose.mg_per_kg_maximum:
        return "The weight is not recorded, and the range for this route is by weight."
    if dose.infusion_minutes_maximum and not _is_positive(minutes):
        return "The duration of the infusion is not given."
    if minutes is not None and not dose.infusion_minutes_maximum:
        return "By this route nothing is infused: leave the minutes empty."
    if dose.mg_per_device and devices(dose, dose_mg) is None:
        return f"{_shown(dose_mg)} mg is not a whole number of {_shown(dose.mg_per_device.value)} mg devices."
    return ""


def _bounds(
    dose: DoseRange, dose_mg: Decimal, weight_kg: Decimal, minutes: Decimal | None
) -> tuple[Bound, ...]:
    per_kg = dose_mg / weight_kg
    ranges = (
        ("Dose by weight", per_kg, "mg/kg", dose.mg_per_kg_minimum, dose.mg_per_kg_maximum),
        ("Dose", dose_mg, "mg", dose.mg_minimum, dose.mg_maximum),
        ("Infusion", minutes, "min", dose.infusion_minutes_minimum, dose.infusion_minutes_maximum),
    )
    found = [
        _bound(what, value, unit, low, high)
        for what, value, unit, low, high in ranges
        if value is not None and high is not None
    ]
    return (*_either_low_end(found), *_allowed(dose, dose_mg))


DOSE_UNITS = ("mg/kg", "mg")


def _either_low_end(found: Sequence[Bound]) -> list[Bound]:
    """A dose given by weight and in milligrams is low only where it is below both: each is a published range by itself.

    Above, the lower of the two holds.
    """
    doses = [one for one in found if one.unit in DOSE_UNITS]
    is_low = len(doses) > 1 and all(one.value < one.low for one in doses)
    return [
        replace(one, is_inside=True, is_held_by_the_other=True)
        if one in doses and one.value < one.low and len(doses) > 1 and not is_low
        else one
        for one in found
    ]


def _bound(what: str, value: Decimal, unit: str, low: Number | None, high: Number) -> Bound:
    least = low.value if low else Decimal(0)
    return Bound(what, value, unit, least, high.value, least <= value <= high.value, high.source, high.status)


def _allowed(dose: DoseRange, dose_mg: Decimal) -> list[Bound]:
    if not dose.mg_allowed:
        return []
    values = tuple(one.value for one in dose.mg_allowed)
    rule, inside = dose.mg_allowed[0], dose_mg in values
    low, high = min(values), max(values)
    return [Bound("Dose", dose_mg, "mg", low, high, inside, rule.source, rule.status, values)]


NO_SECOND = (
    "If nobody else prescribes here: order a dose inside the range, or ask the lead, who takes in a second prescriber under "
    "Clinic, Staff, or begins a next version of the protocol under Clinic, Protocols, for the medical director to sign."
)


def _outside(words: str, ordered_by: str, second_by: str, reason: str) -> Decision:
    if not reason.strip():
        return Decision.no(
            f"{words} A written reason and a second prescriber's signature are needed. {NO_SECOND}"
        )
    if not second_by or not ordered_by:
        return Decision.no(f"{words} A second prescriber's signature is needed. {NO_SECOND}")
    if second_by == ordered_by:
        return Decision.no(f"{words} The second signature must be another person's.")
    return Decision.yes(f"{words} Ordered with a reason and a second signature.")


def _notes(protocol: Protocol, bmi: Decimal | None) -> tuple[str, ...]:
    limit = protocol.eligibility.bmi_ideal_weight_from
    if bmi is None or bmi < limit.value:
        return ()
    return (f"BMI {_shown(bmi)}: consider ideal body weight ({limit.source}).",)


def _is_positive(value: Decimal | None) -> bool:
    return value is not None and value.is_finite() and value > 0


def _shown(value: Decimal) -> str:
    """To three decimals at most, without trailing zeros: a person reads 0.5, not 0.5000."""
    return f"{round(value, 3).normalize():f}"
