"""What one reading means after those before it, and which unbroken runs of readings lie beyond a limit.

It calls nobody: `alarms` decides what is told. No clock, no database; equal inputs give equal answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from bothwell.monitoring.channel import (
    AlarmReading,
    ChannelState,
    Condition,
    mark,
    rule_in,
    source_in,
)
from bothwell.monitoring.limits import (
    CLINICAL,
    CONTINUOUS,
    LOST_AFTER_SECONDS,
    RANK,
    Limits,
    Priority,
    Rule,
    crossed,
    held,
)

Since = tuple[str, datetime]
# Readings of a quantity measured without a pause that are further apart than this are different stretches: what
# lies between may be on its way, or was never measured. Technical, ours.
SAME_STRETCH = timedelta(seconds=120)
# A source that was silent for so long no longer counts beside another. Technical, ours.
SOURCE_QUIET = timedelta(seconds=LOST_AFTER_SECONDS)


def advance(limits: Limits, before: Condition, reading: AlarmReading) -> Condition:
    """The condition after one more reading in source order."""
    at, source = reading.ordered_at, reading.source
    active, since, heard = _beside(before, source, at)
    crossed_since = dict(before.since)
    for rule in limits.rules:
        name = mark(rule.name, source) if source else rule.name
        is_crossed = crossed(limits, rule, reading.value)
        began = crossed_since.get(name, at)
        if is_crossed and rule.seconds:
            since.append((name, began))
        lasted = is_crossed and at - began >= timedelta(seconds=rule.seconds)
        if lasted or (name in before.active and held(limits, rule, reading.value)):
            active.append(name)
    return Condition(at, tuple(active), tuple(since), (*heard, (source, at)))


def _beside(before: Condition, source: str, at: datetime) -> tuple[list[str], list[Since], list[Since]]:
    """What goes on to hold for other sources than this one, as long as they are heard."""
    heard = [(other, last) for other, last in before.heard if other != source and at - last <= SOURCE_QUIET]
    if not heard:
        return [], [], []
    others = {other for other, _ in heard}
    active = [name for name in before.active if source_in(name) in others]
    return active, [each for each in before.since if source_in(each[0]) in others], sorted(heard)


def level_of(limits: Limits, condition: Condition) -> Priority | None:
    """The gravest priority that holds, whichever source it holds for; none if all is within limits."""
    if not condition.active:
        return None
    names = set(map(rule_in, condition.active))
    held = [rule.priority for rule in limits.rules if rule.name in names]
    return max(held, key=RANK.__getitem__, default=None)


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring readings at or above one priority."""

    start: datetime
    end: datetime
    priority: Priority
    reading: AlarmReading
    sounding: tuple[Rule, ...]


def replay(limits: Limits, state: ChannelState) -> list[Condition]:
    """The condition after each reading of the window."""
    conditions: list[Condition] = []
    condition = state.before
    for reading in state.window:
        condition = advance(limits, condition, reading)
        conditions.append(condition)
    return conditions


def runs_in(limits: Limits, state: ChannelState, conditions: list[Condition]) -> Iterable[Run]:
    """Every run in the window at each priority, the highest priority first."""
    levels = [rank_of(limits, condition) for condition in conditions]
    stretches = _stretches(limits, state)
    rank_before = 0 if stretches and stretches[0] else rank_of(limits, state.before)
    for priority in reversed(CLINICAL):
        for (reached, _), members in groupby(
            range(len(levels)), key=lambda index: (levels[index] >= RANK[priority], stretches[index])
        ):
            if not reached:
                continue
            indices = list(members)
            goes_on = indices[0] == 0 and rank_before >= RANK[priority] and state.before.at is not None
            start = state.before.at if goes_on and state.before.at else state.window[indices[0]].ordered_at
            first, sounding = _first_beyond(limits, state, conditions, indices, priority)
            yield Run(start, state.window[indices[-1]].ordered_at, priority, state.window[first], sounding)


def _stretches(limits: Limits, state: ChannelState) -> list[int]:
    """The number of the stretch each reading of the window lies in; 0 goes on from before the window."""
    numbers: list[int] = []
    number, last = 0, state.before.at
    for one in state.window:
        if limits.code in CONTINUOUS and last is not None and one.ordered_at - last > SAME_STRETCH:
            number += 1
        numbers.append(number)
        last = one.ordered_at
    return numbers


def rank_of(limits: Limits, condition: Condition) -> int:
    """The priority that holds as a number; 0 for none."""
    level = level_of(limits, condition)
    return 0 if level is None else RANK[level]


def _first_beyond(
    limits: Limits, state: ChannelState, conditions: list[Condition], indices: list[int], priority: Priority
) -> tuple[int, tuple[Rule, ...]]:
    """The first reading of a run truly beyond a limit of that priority, and the limits it is beyond."""
    for index in indices:
        one = state.window[index]
        sounding = tuple(
            rule
            for rule in limits.rules
            if mark(rule.name, one.source) in conditions[index].active and crossed(limits, rule, one.value)
        )
        if any(RANK[rule.priority] >= RANK[priority] for rule in sounding):
            return index, sounding
    return indices[0], ()
