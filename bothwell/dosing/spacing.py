"""How many days the signed protocol wants between two doses, and whether so many have passed.

Pure. It counts calendar days by the clinic's own clock, never hours, and knows of no dose but those it is told of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from bothwell.pathway.protocol import Number, RoutePlan, Stage


def days_between(earlier_at: datetime, later_at: datetime, zone: tzinfo) -> int:
    """Midnights of the clinic between two moments: 0 on one day, 1 from a late evening to the next morning."""
    return (later_at.astimezone(zone).date() - earlier_at.astimezone(zone).date()).days


def stage_of(plan: RoutePlan, given: int, *, is_maintained: bool = False) -> Stage | None:
    """The stage of the dose that follows `given` doses of one course; the last one where maintenance has begun.

    The protocol's stages follow each other, each with its number of sessions; the last goes on. None without any.
    """
    if not plan.stages or is_maintained:
        return plan.stages[-1] if plan.stages else None
    until = 0
    for stage in plan.stages:
        if stage.sessions is None:
            return stage
        until += int(stage.sessions.value)
        if given < until:
            return stage
    return plan.stages[-1]


@dataclass(frozen=True, slots=True)
class Apart:
    """How many days lie between a dose and the one before it, and how many the protocol asks for."""

    days: int
    needed: Number

    @property
    def is_enough(self) -> bool:
        return self.days >= self.needed.value

    def words(self, after: str) -> str:
        """As a sentence; `after` names what came before: "the last dose"."""
        passed = (
            f"On the same day as {after}"
            if self.days == 0
            else f"{self.days} day{'' if abs(self.days) == 1 else 's'} after {after}"
        )
        return f"{passed}; the protocol asks for {_days(self.needed)}."


def _days(number: Number) -> str:
    return f"{number.value.normalize():f} day{'' if number.value == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Visit:
    """One session of a person, given or planned: when, and whether it is one of the course that is looked at."""

    at: datetime
    is_of_course: bool


def beside(
    at: datetime, others: Iterable[Visit], plan: RoutePlan, zone: tzinfo, *, is_maintained: bool = False
) -> tuple[tuple[Visit, Apart] | None, tuple[Visit, Apart] | None]:
    """A session at this time beside the one before it and the one after it, each where there is one.

    A session needs as many days after the one before it as the stage asks that it belongs to itself.
    """
    rows = sorted(others, key=lambda one: one.at)
    before, after = [one for one in rows if one.at <= at], [one for one in rows if one.at > at]
    given = sum(one.is_of_course for one in before)
    own = stage_of(plan, given, is_maintained=is_maintained)
    next_one = stage_of(plan, given + 1, is_maintained=is_maintained)
    return (
        (before[-1], Apart(days_between(before[-1].at, at, zone), own.minimum_days_between))
        if before and own
        else None,
        (after[0], Apart(days_between(at, after[0].at, zone), next_one.minimum_days_between))
        if after and next_one
        else None,
    )
