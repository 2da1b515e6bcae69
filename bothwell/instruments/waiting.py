"""How long a safety task may wait before it is passed on to the clinic leads, and when to ask somebody again.

Pure. It never judges an answer. No published rule gives these times: each clinic must confirm them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final


@dataclass(frozen=True, slots=True)
class Patience:
    """A time, where it comes from, and whether the clinic still has to confirm it."""

    within: timedelta
    source: str
    must_be_confirmed: bool = True


UNACKNOWLEDGED: Final = Patience(
    timedelta(minutes=30), "no published time; set so that somebody is told within the hour of the answer"
)
ACUTE: Final = Patience(
    timedelta(minutes=10),
    "no published time; after an acute positive ASQ the person is not left alone (NIMH ASQ tool)",
)
ASK_AGAIN: Final = Patience(
    timedelta(days=91), "no published interval; about three months, sooner when anything changes"
)


MOST: Final = 30_000
"""Levels are counted no further: by then it is months, and the clinic has other troubles."""


def patience(*, is_acute: bool) -> timedelta:
    """How long a task may wait to be acknowledged before it is passed on, and again before it is once more."""
    return (ACUTE if is_acute else UNACKNOWLEDGED).within


def level_due(raised_at: datetime, now: datetime, *, is_acute: bool, has_an_owner: bool) -> int:
    """How often a task that nobody acknowledged should have been passed on by now; 0: not yet.

    A task of a person whom no prescriber and no individual therapist cares for is passed on at once.
    """
    waited = max(now - raised_at, timedelta())
    return min(MOST, waited // patience(is_acute=is_acute) + (0 if has_an_owner else 1))
