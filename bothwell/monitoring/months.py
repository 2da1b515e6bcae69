"""Which months readings lie in, which months are to be ready, and where a session's readings are looked for.

It never decides what a reading means, and loses none: what fits no month is kept beside the months.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

AHEAD = 3
"""So many months after this one are ready before they begin."""

# Ours, technical: a reading of an earlier year is of a clock that starts anew (many begin at 1970), not of a clinic.
EARLIEST_YEAR = 2000
# Ours, technical: a monitor's clock may be a day's zone away, and a person may take down what was seen on the way.
AROUND = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month in UTC, as `2025-06`."""

    year: int
    month: int

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"

    @property
    def starts_at(self) -> datetime:
        return datetime(self.year, self.month, 1, tzinfo=UTC)

    @property
    def ends_at(self) -> datetime:
        """The first moment that is no longer in it."""
        return self.plus(1).starts_at

    @property
    def table(self) -> str:
        """What its table is called, in whichever schema it lies."""
        return f"sample_{self.year:04d}_{self.month:02d}"

    def plus(self, months: int) -> Month:
        year, month = divmod(self.year * 12 + self.month - 1 + months, 12)
        return Month(year, month + 1)


def month_of(at: datetime) -> Month:
    """The month this moment lies in, by UTC."""
    at = at.astimezone(UTC)
    return Month(at.year, at.month)


def read_month(text: str) -> Month | None:
    """`2025-06` as a month; None for anything else."""
    found = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    return Month(int(found[1]), int(found[2])) if found and int(found[1]) >= EARLIEST_YEAR else None


def of_table(name: str) -> Month | None:
    """The month whose table is called so; None for the one beside the months."""
    found = re.fullmatch(r"sample_(\d{4})_(\d{2})", name)
    return Month(int(found[1]), int(found[2])) if found else None


def due(now: datetime, found_elsewhere: Iterable[Month], ahead: int = AHEAD) -> tuple[Month, ...]:
    """The months that are to have a table: this one, those ahead, and those that readings fell into without one.

    Of the latter none of a clock that starts anew, and none beyond those ahead.
    """
    here = month_of(now)
    last = here.plus(ahead)
    old = {month for month in found_elsewhere if month.year >= EARLIEST_YEAR and month <= last}
    return tuple(sorted(old | {here.plus(n) for n in range(ahead + 1)}))


@dataclass(frozen=True, slots=True)
class Within:
    """From when to when readings are looked for, so that only the months between are opened."""

    first: datetime
    last: datetime


def looked_for(
    *,
    arrived_at: datetime | None,
    ended_at: datetime | None,
    now: datetime,
    monitor_shows: datetime | None = None,
) -> Within:
    """Where a session's readings lie: a day before it began to a day after it ended.

    `monitor_shows` is what the clock of the monitor on this person showed last: where it is far behind, its readings
    lie there, and are looked for from there.
    """
    begun, over = arrived_at or now, ended_at or now
    return Within(min(begun, monitor_shows or begun) - AROUND, max(over, begun) + AROUND)


def around(several: Iterable[Within]) -> Within | None:
    """One span that covers all of these; None for none."""
    spans = list(several)
    if not spans:
        return None
    return Within(min(each.first for each in spans), max(each.last for each in spans))
