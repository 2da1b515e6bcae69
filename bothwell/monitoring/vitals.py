"""Whether a measured or typed value can be true at all, how it is written, and which pressures belong
together.

It never says whether a value is good or bad for a person: limits and alarms do that. The ranges here are
technical bounds, wide enough for anything a living adult or a monitor can show, there to catch a slip of the
hand or a loose sensor; they are not clinical limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Protocol

from bothwell.codes import BY_CODE, Quantity
from bothwell.decision import Decision

# Technical bounds in our unit, inclusive; by-hand scores take theirs from their own scale.
TECHNICAL_BOUNDS: dict[str, tuple[int, int]] = {
    "systolic": (30, 300),
    "diastolic": (10, 220),
    "mean_pressure": (20, 250),
    "spo2": (20, 100),
    "heart_rate": (15, 300),
    "respiratory_rate": (0, 80),
    "etco2": (0, 150),
}

MAX_AHEAD = timedelta(minutes=2)


def bounds(code: str) -> tuple[int, int] | None:
    """The lowest and highest value that can be taken down for a quantity, in our unit; none if we do not
    speak it.
    """
    quantity = BY_CODE.get(code)
    return None if quantity is None else TECHNICAL_BOUNDS.get(code, quantity.by_hand_range)


def plausible(code: str, value: Decimal) -> Decision:
    """Whether a value can be taken down at all; a refusal says what would be taken."""
    span = bounds(code)
    if span is None:
        return Decision.no("This is not a quantity measured here.")
    quantity, (low, high) = BY_CODE[code], span
    if not value.is_finite():
        return Decision.no(f"{quantity.title} must be a number.")
    if quantity.is_by_hand and value != value.to_integral_value():
        return Decision.no(f"{quantity.title} is scored in whole numbers from {low} to {high}.")
    if low <= value <= high:
        return Decision.yes(f"{quantity.title} is within {_range(quantity, low, high)}.")
    return Decision.no(
        f"{quantity.title} can only be {_range(quantity, low, high)}. "
        "Check the number, or the sensor, and enter it again."
    )


def plausible_pressures(systolic: Decimal, diastolic: Decimal, mean: Decimal | None = None) -> Decision:
    """Whether pressures measured together can be one measurement, each already plausible by itself."""
    if diastolic >= systolic:
        return Decision.no(
            "The systolic pressure must be higher than the diastolic. They may have been swapped."
        )
    if mean is not None and not diastolic <= mean <= systolic:
        return Decision.no("The mean pressure must lie between the diastolic and the systolic.")
    return Decision.yes("The pressures fit together.")


def plausible_time(observed_at: datetime, now: datetime, arrived_at: datetime | None = None) -> Decision:
    """Whether a value can have been observed then: at most two minutes ahead, to allow for clocks, and not before the
    minute of the arrival.
    """
    if observed_at > now + MAX_AHEAD:
        return Decision.no("This time has not come yet. Check the date and the clock.")
    if arrived_at is not None and observed_at < arrived_at.replace(second=0, microsecond=0):
        return Decision.no("This time is before the arrival. Check the date and the clock.")
    return Decision.yes("The time lies between the arrival and now.")


def _range(quantity: Quantity, low: int, high: int) -> str:
    return f"{low} to {high} {quantity.unit}".strip()


def format_number(value: Decimal) -> str:
    """A value as a monitor shows it: whole, or with one decimal if it has one."""
    shown = value.quantize(Decimal("0.1"), ROUND_HALF_UP)
    whole = shown.to_integral_value()
    return f"{whole:f}" if shown == whole else f"{shown:f}"


def format_value(code: str, value: Decimal) -> str:
    """A value with its unit beside it: "164 mmHg", "97 %"; a score stands alone."""
    return f"{format_number(value)} {BY_CODE[code].unit}".rstrip()


def format_pressure(systolic: Decimal, diastolic: Decimal, mean: Decimal | None = None) -> str:
    """A pressure as it is said: "120/80 mmHg", with the mean in brackets if there is one."""
    spoken = f"{format_number(systolic)}/{format_number(diastolic)}"
    return f"{spoken} mmHg" if mean is None else f"{spoken} ({format_number(mean)}) mmHg"


class Measured(Protocol):
    """Anything with a quantity, a value and a source time."""

    @property
    def code(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def observed_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Pressure:
    """One blood pressure: what was measured at one time, in mmHg; a part that did not come is none."""

    observed_at: datetime
    systolic: Decimal | None = None
    diastolic: Decimal | None = None
    mean: Decimal | None = None

    def __str__(self) -> str:
        if self.systolic is None or self.diastolic is None:
            said = [
                f"{word} {format_number(part)}"
                for word, part in (
                    ("systolic", self.systolic),
                    ("diastolic", self.diastolic),
                    ("mean", self.mean),
                )
                if part is not None
            ]
            return f"{', '.join(said)} mmHg"
        return format_pressure(self.systolic, self.diastolic, self.mean)


def pair_pressures(samples: Iterable[Measured]) -> tuple[Pressure, ...]:
    """One pressure for each time at which any part was measured, oldest first.

    Parts belong together when their source time is the same to the instant: a cuff stamps its three numbers
    once, and a person enters them at once. Nearby times are not joined, since that could make a pressure
    nobody measured. If a part comes twice for one time, the later one in the order given stands (a correction
    follows what it corrects).
    """
    parts = {"systolic": "systolic", "diastolic": "diastolic", "mean_pressure": "mean"}
    found: dict[datetime, dict[str, Decimal]] = {}
    for sample in samples:
        if sample.code in parts:
            found.setdefault(sample.observed_at, {})[parts[sample.code]] = sample.value
    return tuple(Pressure(observed_at, **found[observed_at]) for observed_at in sorted(found))
