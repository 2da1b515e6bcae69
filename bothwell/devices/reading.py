"""One value as a monitor said it, whatever language the monitor speaks, and why a value is left out.

It holds values only: it reads no message, guesses nothing and knows no patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

# The alarms follow source time and must not be led ahead of ours.
MAX_AHEAD = timedelta(minutes=2)
HUNDREDTH = Decimal("0.01")


class Status(StrEnum):
    """How far the device stands by a value: final, not yet validated, a correction (as OBX-11 has it)."""

    FINAL = "F"
    RAW = "R"
    CORRECTED = "C"


class ProblemKind(StrEnum):
    """Why one observation of an otherwise good message was left out."""

    CODE_UNKNOWN = "code unknown"
    CODE_DISAGREES = "code and name disagree"
    UNIT = "unit not accepted"
    TYPE = "not a number type"
    VALUE = "not one number"
    STATUS = "status leaves no value"
    NOT_OBTAINED = "could not be obtained"
    VALIDITY = "marked invalid or as a test by the device"
    TIME = "no usable time"
    AHEAD = "time is ahead of arrival"


# Nothing was said about a value, or what was said is none of ours: no reason to call the message broken.
HARMLESS = frozenset(
    {ProblemKind.CODE_UNKNOWN, ProblemKind.STATUS, ProblemKind.NOT_OBTAINED, ProblemKind.VALIDITY}
)


@dataclass(frozen=True, slots=True)
class Problem:
    """One observation left out: which one of the message, why, and the quantity where it is known.

    `named`: where we read no such code, the code itself as the public nomenclature has it ("MDC 150344"), else empty.
    """

    observation: int
    kind: ProblemKind
    code: str = ""
    named: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one quantity in our unit (two decimals), with its source time in UTC and the device that
    spoke. `source` is the device's own code and place for it: two sources can share an instant.
    `told`: what the device itself said, where it took the pressure of the air (`ambient_mmhg`) to turn it into ours.
    """

    code: str
    value: Decimal
    unit: str
    observed_at: datetime
    status: Status
    device_id: str
    body_site: str
    containment: str
    is_questionable: bool
    source_ref: str
    source: str = ""
    told: str = ""
    ambient_mmhg: int | None = None


def source_of(code: str, place: str) -> str:
    """The device's code for a quantity and where in the device it stands: "149530@1.2.1.1"."""
    return f"{code}@{place}"[:100] if place else code
