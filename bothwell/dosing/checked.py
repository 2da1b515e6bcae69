"""What every gate before a dose answers with, and the day it is asked on.

It decides nothing itself: `gates`, `rescreen` and `pregnancy` do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bothwell.decision import Decision

Checked = tuple[Decision, str]
"""Passed or not, with the reason; and on what evidence, empty where there is none."""


@dataclass(frozen=True, slots=True)
class Today:
    """The day of the dose: `began_at` is the clinic's local midnight; what must be of today lies between it and `now`."""

    began_at: datetime
    now: datetime

    def has(self, at: datetime | None) -> bool:
        """Whether this was today, and not after now."""
        return at is not None and self.began_at <= at <= self.now

    def is_past(self, at: datetime | None) -> bool:
        """Whether this was at some time up to now."""
        return at is not None and at <= self.now


def said(is_true: bool, yes: str, no: str, evidence: str = "") -> Checked:
    """One sentence where it is so, another where it is not; evidence stands only beside a yes."""
    return (Decision.yes(yes) if is_true else Decision.no(no)), evidence if is_true else ""


def in_words(at: datetime | None) -> str:
    """A time as ISO 8601 to the minute; the screen turns it into the clinic's clock."""
    return at.isoformat(timespec="minutes") if at else "not recorded"
