"""The weekly check-in of a couple: three lines each about a week, for both to read once sent.

Pure. It never says who has not written, and compares nobody's words with the other's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from bothwell.integration.warmth import monday_of

LONGEST_LINE: Final = 500
"""Characters; the columns that keep a line hold no more."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What one partner says about a week; any of the three may stay empty."""

    appreciated: str = ""
    harder: str = ""
    wish: str = ""

    def tidy(self) -> "Lines":
        """The same without the blanks around it."""
        return Lines(self.appreciated.strip(), self.harder.strip(), self.wish.strip())


def fault(lines: Lines) -> str:
    """Why these lines cannot be sent, as a sentence; empty when they can."""
    said = (lines.appreciated, lines.harder, lines.wish)
    if not any(line.strip() for line in said):
        return "Write one line, whichever you like. The others may stay empty."
    if any(len(line.strip()) > LONGEST_LINE for line in said):
        return f"Each line has room for {LONGEST_LINE} characters. Shorten it; nothing was lost."
    return ""


def may_be_about(week: date, today: date) -> bool:
    """This week, or the one before for who writes a little late. `week` is a Monday."""
    this = monday_of(today)
    return week in (this, this - timedelta(weeks=1))


@dataclass(frozen=True, slots=True)
class Said:
    """One partner's lines about one week."""

    author: UUID
    week: date
    lines: Lines


def by_week(said: Iterable[Said], order: Mapping[UUID, int]) -> list[tuple[date, list[Said]]]:
    """Newest week first; within a week always in the same `order` of people, whoever wrote first."""
    weeks: dict[date, list[Said]] = {}
    for each in said:
        weeks.setdefault(each.week, []).append(each)
    return [
        (week, sorted(weeks[week], key=lambda each: order.get(each.author, len(order))))
        for week in sorted(weeks, reverse=True)
    ]
