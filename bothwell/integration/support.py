"""What goes on after the series: when the two look at their plan again, and what a look back must hold.

Pure. It never judges whether things go well; a person says so, and a slip always leads to a next step.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

LONGEST_SIGN: Final = 300
LONGEST_CADENCE: Final = 300
"""Characters; the columns hold no more."""

LOOK_AGAIN_WITHIN: Final = timedelta(days=28)
"""After a slip the two look again within four weeks: a choice of ours, to be confirmed by the clinic."""

LATEST_LOOK: Final = timedelta(days=366)
"""No look back is put off for more than a year: a choice of ours."""


class Kind(StrEnum):
    """How things go, in the words of whoever looks back."""

    MAINTENANCE = "maintenance"
    RELAPSE = "relapse"


@dataclass(frozen=True, slots=True)
class Looked:
    """One look back: when it was recorded, and when the next is due."""

    at: datetime
    next_on: date | None


def next_look(plan_at: datetime | None, review_on: date | None, looked: Iterable[Looked]) -> date | None:
    """The day of the next look back: what was said last, by the plan's newest version or by a look back."""
    newest = max(looked, key=lambda each: each.at, default=None)
    if newest and (plan_at is None or newest.at >= plan_at):
        return newest.next_on
    return review_on


def is_due(day: date | None, today: date) -> bool:
    """Whether the day of the look back has come."""
    return day is not None and day <= today


def review_fault(
    kind: Kind, words: str, next_step: str, next_on: date | None, today: date, longest: int
) -> str:
    """Why this look back is not complete, as a sentence; empty when it is.

    After a slip there must be a next step and a day to look again; going on needs neither.
    """
    if len(words.strip()) + len(next_step.strip()) > longest:
        return f"This is longer than {longest:,} characters. Shorten it; nothing was lost."
    if next_on is not None and not today < next_on <= today + LATEST_LOOK:
        return "Choose a day after today for the next look, within a year."
    if kind == Kind.MAINTENANCE:
        return ""
    if not next_step.strip():
        return "Say what happens next: who calls whom, or what you two do first."
    if next_on is None or next_on > today + LOOK_AGAIN_WITHIN:
        return "Choose a day within four weeks on which you look at it again."
    return ""


def review_words(words: str, next_step: str) -> str:
    """What is kept of a look back: what was seen, and below it what happens next."""
    said, step = words.strip(), next_step.strip()
    return "\n".join(part for part in (said, f"What happens next: {step}" if step else "") if part)
