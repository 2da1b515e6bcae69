"""A couples session soon after one partner's dose: what its therapist should know before it stays planned.

Pure. It holds nothing up, and speaks only of doses it is told of: whoever may not know of one is told of none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Dose:
    """A dosing session of one of the two: whose, when, whether a dose was given, and from how many hours after a
    dose their protocol wants integration to begin.
    """

    name: str
    at: datetime
    is_given: bool
    integration_from_hours: Decimal


def too_soon(at: datetime, doses: tuple[Dose, ...], zone: tzinfo) -> str:
    """What is to be said of a couples session at this time, a sentence for each dose it follows too soon; or empty."""
    close = [
        dose
        for dose in sorted(doses, key=lambda one: one.at)
        if timedelta(0) <= at - dose.at < timedelta(hours=float(dose.integration_from_hours))
    ]
    return " ".join(_sentence(at, dose, zone) for dose in close)


def _sentence(at: datetime, dose: Dose, zone: tzinfo) -> str:
    local = dose.at.astimezone(zone)
    stands = "began" if dose.is_given else "is planned for"
    return (
        f"{dose.name}'s dosing session {stands} {local.day} {local:%B}, {local:%H:%M}, {_span(at - dose.at)} before "
        f"this one; the protocol asks for {_hours(dose.integration_from_hours)} between a dose and integration."
    )


def _span(span: timedelta) -> str:
    whole = int(span.total_seconds() // 3600)
    return _hours(Decimal(whole)) if whole else "less than an hour"


def _hours(hours: Decimal) -> str:
    return f"{hours.normalize():f} hour{'' if hours == 1 else 's'}"
