"""What the two agree on for themselves: it holds once both said yes, and either can end it.

Pure. It works from the answers its viewer can see and from nothing else; it never says who has not answered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

DEFAULT_DAYS: Final = 1
"""Default to confirm: no big decisions for 24 hours after a session (advice of one ketamine clinic, nervanamedical.com)."""

MOST_DAYS: Final = 14
"""A choice of ours, so that a slip of the finger does not put life off for a year."""

LONGEST_WORDS: Final = 500
"""Characters; the column that keeps the words holds no more."""


class Kind(StrEnum):
    """What an agreement is about."""

    NO_BIG_DECISIONS = "no_big_decisions"
    OTHER = "other"


class Answer(StrEnum):
    """What one partner said to it."""

    YES = "yes"
    END = "end"


class Standing(StrEnum):
    """Where an agreement stands, as far as its viewer can see."""

    PROPOSED = "proposed"
    HOLDS = "holds"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer of one partner."""

    by: UUID
    answer: Answer
    at: datetime


@dataclass(frozen=True, slots=True)
class Agreement:
    """One proposal with the answers to it."""

    id: UUID
    kind: Kind
    days: int | None = None
    words: str = ""
    said: tuple[Said, ...] = ()

    def yes_by(self, who: UUID) -> bool:
        """Whether this partner said yes."""
        return any(each.by == who and each.answer == Answer.YES for each in self.said)

    @property
    def ended_at(self) -> datetime | None:
        """When it was first ended, or None."""
        return min((each.at for each in self.said if each.answer == Answer.END), default=None)

    @property
    def since(self) -> datetime | None:
        """When the latest yes was said, or None."""
        return max((each.at for each in self.said if each.answer == Answer.YES), default=None)


def standing(agreement: Agreement, partners: Iterable[UUID]) -> Standing:
    """Ended by anyone's end; holds by the yes of every one of `partners`; proposed until then."""
    both = frozenset(partners)
    if agreement.ended_at is not None:
        return Standing.ENDED
    return Standing.HOLDS if both and all(agreement.yes_by(who) for who in both) else Standing.PROPOSED


def quiet_days(agreements: Iterable[Agreement], partners: Iterable[UUID]) -> int:
    """For how many days after a session no big decisions are made: the newest that holds, or 0."""
    both = frozenset(partners)
    holding = [
        each
        for each in agreements
        if each.kind == Kind.NO_BIG_DECISIONS and each.days and standing(each, both) == Standing.HOLDS
    ]
    newest = max(holding, key=lambda each: (each.since, each.id), default=None)
    return newest.days or 0 if newest else 0


def quiet_until(session_at: datetime, days: int, now: datetime) -> datetime | None:
    """When the quiet time after a session at `session_at` ends, while it lasts; otherwise None."""
    until = session_at + timedelta(days=days)
    return until if days and session_at <= now < until else None


def fault(kind: Kind, days: int | None, words: str) -> str:
    """Why this cannot be proposed, as a sentence; empty when it can."""
    if kind == Kind.NO_BIG_DECISIONS:
        is_good = days is not None and 1 <= days <= MOST_DAYS
        return "" if is_good else f"Choose how many days: from 1 to {MOST_DAYS}."
    if not words.strip():
        return "Write what you would like to agree on."
    if len(words.strip()) > LONGEST_WORDS:
        return f"An agreement has room for {LONGEST_WORDS} characters. Shorten it; nothing was lost."
    return ""
