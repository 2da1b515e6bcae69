"""When two meetings touch, and what an appointment must be: pure arithmetic of times.

It knows no person, and no clock but the times it is given; days are those of the clinic's own clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from bothwell.decision import Decision

SHORTEST, LONGEST = 10, 240
"""Minutes of an appointment; ours."""
VISIT_MINUTES: Final = 180
"""How long a dosing visit is taken to last where nobody wrote it down; an estimate of ours, for the calendar alone."""
AHEAD: Final = timedelta(days=730)


@dataclass(frozen=True)
class Span:
    """A time that is taken: its start and its end, which is free again."""

    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, at: datetime, minutes: int) -> "Span":
        """From `at` for so many minutes of the world's clock, whatever the clinic's does meanwhile."""
        return cls(at, at + timedelta(minutes=minutes))

    def touches(self, other: "Span") -> bool:
        """Whether both want the same moment; one that ends as the other begins does not."""
        return self.starts_at < other.ends_at and other.starts_at < self.ends_at


def is_free(wanted: Span, taken: Iterable[Span]) -> bool:
    """Whether nothing that is taken touches the wanted time."""
    return not any(wanted.touches(each) for each in taken)


def check(at: datetime, minutes: int, now: datetime) -> Decision:
    """Whether an appointment may stand at this time."""
    if not SHORTEST <= minutes <= LONGEST:
        return Decision.no(f"An appointment lasts between {SHORTEST} and {LONGEST} minutes.")
    if at <= now:
        return Decision.no("This time has passed. Choose one that lies ahead.")
    if at > now + AHEAD:
        return Decision.no("This is more than two years ahead. Look at the year again.")
    return Decision.yes("It can.")


def day_of(day: date, zone: ZoneInfo) -> Span:
    """A day on the clinic's clock, from midnight to midnight: 23 or 25 hours when the clocks change."""
    first, last = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    utc = ZoneInfo("UTC")
    return Span(first.astimezone(utc), last.astimezone(utc))
