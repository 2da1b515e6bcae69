"""Watches one quantity of one person against limits, and says when to call, when it is over, and when the
signal is gone.

It never treats, never silences itself because time went by, and never replaces the bedside monitor's own
alarm. It is a fold, `(state, reading) -> (state, events)`: no clock, no database; equal inputs give equal
answers.

The rules, in the order they matter
1. *Source time governs.* The present condition follows the newest reading by the time it was observed. A late
   reading is put in its place and the remembered window is replayed; so, once the same readings have arrived
   in whatever order, the condition is the same.
2. *Nothing is lost.* Every unbroken run of readings at a priority is announced once at that priority or
   above, also when it arrives late and is over by then. A reading older than the window is judged alone.
3. *Nothing is invented.* A reading that arrives twice changes nothing, nor does a late one inside a run that
   was announced. An announced alarm is not taken back when a late reading shows the run was shorter: it
   stands until acknowledged, because somebody may have acted on it. Whatever the order, a condition that
   holds now has an alarm that stands for it.
4. *A time ahead of its arrival counts as its arrival,* so a monitor whose clock is fast cannot hold the
   condition still.
5. *Higher again is new.* A run at a higher priority raises a new alarm, acknowledged or not, that supersedes
   what stood.
6. *Silence is an alarm* on a quantity measured continuously: only newer readings count as a signal, and only
   by arrival.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from bothwell.codes import BY_CODE
from bothwell.monitoring.channel import (
    AlarmEvent,
    AlarmReading,
    ChannelState,
    Condition,
    Kind,
    Span,
    Standing,
    Tick,
    from_json,
    to_json,
)
from bothwell.monitoring.limits import (
    CLINICAL,
    RANK,
    Limits,
    Priority,
    Rule,
    UnreadableLimits,
    crossed,
    default_limits,
    held,
    with_baseline,
)
from bothwell.monitoring.vitals import format_number, format_value

__all__ = [
    "AlarmEvent",
    "AlarmReading",
    "ChannelState",
    "Kind",
    "Limits",
    "Priority",
    "Standing",
    "Tick",
    "UnreadableLimits",
    "acknowledge",
    "default_limits",
    "foremost",
    "from_json",
    "step",
    "to_json",
    "with_baseline",
]

Outcome = tuple[ChannelState, tuple[AlarmEvent, ...]]
MAX_WINDOW = 240
MAX_SPANS = 200


def step(limits: Limits, state: ChannelState, reading: AlarmReading | Tick) -> Outcome:
    """The channel after a reading or the passing of time, and what happened to its alarms."""
    if isinstance(reading, Tick):
        return _tick(limits, state, reading.at)
    same = [known for known in state.window if _identity(known) == _identity(reading)]
    if same and same[0].value == reading.value:
        return state, ()
    if not same and state.before.at is not None and reading.ordered_at <= state.before.at:
        return _judge_alone(limits, state, reading)
    # A correction keeps the place of what it corrects.
    placed = replace(reading, received_at=same[0].received_at) if same else reading
    newest = state.window[-1].ordered_at if state.window else state.before.at
    kept = [known for known in state.window if known not in same]
    state = replace(state, window=tuple(sorted([*kept, placed], key=_order)))
    state, events = _announce(limits, state, placed, reading.received_at, newest)
    state, restored = _hear(state, reading.received_at, placed, newest)
    return _trim(limits, state), events + restored


def acknowledge(state: ChannelState, *, number: int, by: str, at: datetime) -> Outcome:
    """The channel after somebody acknowledged the alarm they saw; nothing happens if it is gone, superseded
    or done.

    An acknowledgement names the number it was given for, so that one made offline, or a moment before a worse
    alarm, never silences what nobody has seen. `by` is an identifier, never a name.
    """
    events: list[AlarmEvent] = []

    def seen(alarm: Standing | None) -> Standing | None:
        if alarm is None or alarm.number != number or alarm.acknowledged_at is not None:
            return alarm
        events.append(_event(Kind.ACKNOWLEDGED, alarm, at, by=by))
        return None if alarm.is_over else replace(alarm, acknowledged_at=at, acknowledged_by=by)

    standing = tuple(kept for alarm in state.standing if (kept := seen(alarm)) is not None)
    return replace(state, standing=standing, signal=seen(state.signal)), tuple(events)


def foremost(state: ChannelState) -> Standing | None:
    """The alarm to show first: not yet acknowledged before acknowledged, then the higher priority."""
    alarms = [*state.standing, *([state.signal] if state.signal else [])]
    return max(alarms, key=lambda alarm: (alarm.acknowledged_at is None, RANK[alarm.priority]), default=None)


def _identity(reading: AlarmReading) -> tuple[datetime, str]:
    return reading.observed_at, reading.key


def _order(reading: AlarmReading) -> tuple[datetime, datetime, str]:
    return reading.ordered_at, reading.observed_at, reading.key


# ── levels: what one reading means after those before it ──


def _advance(limits: Limits, before: Condition, reading: AlarmReading) -> Condition:
    """The condition after one more reading in source order."""
    active: list[str] = []
    since: list[tuple[str, datetime]] = []
    crossed_since = dict(before.since)
    for rule in limits.rules:
        is_crossed = crossed(limits, rule, reading.value)
        began = crossed_since.get(rule.name, reading.ordered_at)
        if is_crossed and rule.seconds:
            since.append((rule.name, began))
        lasted = is_crossed and reading.ordered_at - began >= timedelta(seconds=rule.seconds)
        if lasted or (rule.name in before.active and held(limits, rule, reading.value)):
            active.append(rule.name)
    return Condition(reading.ordered_at, tuple(active), tuple(since))


def _level(limits: Limits, condition: Condition) -> Priority | None:
    held = [rule.priority for rule in limits.rules if rule.name in condition.active]
    return max(held, key=RANK.__getitem__, default=None)


@dataclass(frozen=True, slots=True)
class _Run:
    """Neighbouring readings at or above one priority."""

    start: datetime
    end: datetime
    priority: Priority
    reading: AlarmReading
    sounding: tuple[Rule, ...]


def _replay(limits: Limits, state: ChannelState) -> list[Condition]:
    conditions: list[Condition] = []
    condition = state.before
    for reading in state.window:
        condition = _advance(limits, condition, reading)
        conditions.append(condition)
    return conditions


def _runs(limits: Limits, state: ChannelState, conditions: list[Condition]) -> Iterable[_Run]:
    """Every run in the window at each priority, the highest priority first."""
    levels = [_rank(limits, condition) for condition in conditions]
    rank_before = _rank(limits, state.before)
    for priority in reversed(CLINICAL):
        for reached, members in groupby(
            range(len(levels)), key=lambda index: levels[index] >= RANK[priority]
        ):
            if not reached:
                continue
            indices = list(members)
            goes_on = indices[0] == 0 and rank_before >= RANK[priority] and state.before.at is not None
            start = state.before.at if goes_on and state.before.at else state.window[indices[0]].ordered_at
            first, sounding = _first_beyond(limits, state, conditions, indices, priority)
            yield _Run(start, state.window[indices[-1]].ordered_at, priority, state.window[first], sounding)


def _rank(limits: Limits, condition: Condition) -> int:
    level = _level(limits, condition)
    return 0 if level is None else RANK[level]


def _first_beyond(
    limits: Limits, state: ChannelState, conditions: list[Condition], indices: list[int], priority: Priority
) -> tuple[int, tuple[Rule, ...]]:
    """The first reading of a run truly beyond a limit of that priority, and the limits it is beyond."""
    for index in indices:
        value = state.window[index].value
        sounding = tuple(
            rule
            for rule in limits.rules
            if rule.name in conditions[index].active and crossed(limits, rule, value)
        )
        if any(RANK[rule.priority] >= RANK[priority] for rule in sounding):
            return index, sounding
    return indices[0], ()


# ── announcing ──


def _announce(
    limits: Limits, state: ChannelState, placed: AlarmReading, at: datetime, newest: datetime | None
) -> Outcome:
    """Raise what the placed reading brought to light, and end what is over."""
    conditions = _replay(limits, state)
    # Runs wholly before the reading were dealt with when they came; only it and what follows can be new.
    runs = [run for run in _runs(limits, state, conditions) if run.end >= placed.ordered_at]
    fresh = next((run for run in runs if not _covered(state.spans, run)), None)
    spans = state.spans
    for run in runs:
        spans = _cover(spans, Span(run.start, run.end, run.priority))
    state = replace(state, spans=spans, level=_level(limits, conditions[-1]))
    if fresh is None and not _is_sounding(state):
        # A correction, or a changed limit, made true again what had been called over.
        fresh = next((run for run in runs if run.priority == state.level), None)
    events: tuple[AlarmEvent, ...] = ()
    if fresh is not None:
        is_late = newest is not None and fresh.end < newest
        state, events = _raise(limits, state, fresh.reading, fresh.sounding, fresh.priority, at, is_late)
    state, ended = _end(limits, state, at)
    return state, events + ended


def _is_sounding(state: ChannelState) -> bool:
    """Whether the condition now, if any, has an alarm that stands for it."""
    level = state.level
    return level is None or any(
        not alarm.is_over and RANK[alarm.priority] >= RANK[level] for alarm in state.standing
    )


def _judge_alone(limits: Limits, state: ChannelState, reading: AlarmReading) -> Outcome:
    """A reading older than the window: beyond a limit by itself and never announced, it still raises its
    alarm.
    """
    condition = _advance(limits, Condition(), reading)
    level = _level(limits, condition)
    if level is None:
        return state, ()
    span = Span(reading.ordered_at, reading.ordered_at, level)
    if any(_overlaps(known, span) and RANK[known.priority] >= RANK[level] for known in state.spans):
        return state, ()
    sounding = tuple(rule for rule in limits.rules if rule.name in condition.active)
    state, raised = _raise(limits, state, reading, sounding, level, reading.received_at, True)
    for priority in CLINICAL[: CLINICAL.index(level) + 1]:
        state = replace(state, spans=_cover(state.spans, replace(span, priority=priority)))
    state, ended = _end(limits, state, reading.received_at)
    return state, raised + ended


def _overlaps(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


def _covered(spans: tuple[Span, ...], run: _Run) -> bool:
    span = Span(run.start, run.end, run.priority)
    return any(_overlaps(known, span) and RANK[known.priority] >= RANK[run.priority] for known in spans)


def _cover(spans: tuple[Span, ...], new: Span) -> tuple[Span, ...]:
    """The announced stretches with one more; those of its priority that touch it become one."""
    touching = [span for span in spans if span.priority == new.priority and _overlaps(span, new)]
    merged = Span(
        min([new.start, *(span.start for span in touching)]),
        max([new.end, *(span.end for span in touching)]),
        new.priority,
    )
    others = [span for span in spans if span not in touching]
    # Past the bound the oldest go: an old reading told again could then call twice, which is safer than
    # never.
    return tuple(sorted([*others, merged], key=lambda span: (span.end, span.priority)))[-MAX_SPANS:]


def _raise(
    limits: Limits,
    state: ChannelState,
    reading: AlarmReading,
    sounding: tuple[Rule, ...],
    priority: Priority,
    at: datetime,
    is_late: bool,
) -> Outcome:
    """A new alarm; those of its priority or below are superseded by it."""
    text = _text(limits, reading.value, sounding)
    new = Standing(state.last_number + 1, priority, text, at, reading.observed_at)
    superseded = [alarm for alarm in state.standing if RANK[alarm.priority] <= RANK[priority]]
    events = [_event(Kind.OVER, alarm, at) for alarm in superseded if not alarm.is_over]
    events.append(replace(_event(Kind.RAISED, new, at), is_late=is_late))
    kept = tuple(alarm for alarm in state.standing if alarm not in superseded)
    return replace(state, standing=(*kept, new), last_number=new.number), tuple(events)


def _end(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """Once the condition is over, every alarm is; one not acknowledged stays to be seen if alarms latch."""
    if state.level is not None:
        return state, ()
    events = tuple(_event(Kind.OVER, alarm, at) for alarm in state.standing if not alarm.is_over)
    standing = tuple(
        replace(alarm, is_over=True)
        for alarm in state.standing
        if limits.is_latching and alarm.acknowledged_at is None
    )
    return replace(state, standing=standing), events


def _event(kind: Kind, alarm: Standing, at: datetime, by: str = "") -> AlarmEvent:
    return AlarmEvent(kind, alarm.number, alarm.priority, at, alarm.text, alarm.observed_at, by=by)


def _text(limits: Limits, value: Decimal, sounding: tuple[Rule, ...]) -> str:
    """A limit crossed in plain words: "Systolic 164 mmHg: over the limit of 160, and 36 over baseline"."""
    absolute = [rule for rule in sounding if not rule.is_relative]
    reasons: list[str] = []
    if absolute:
        reasons.append(_beyond(value, max(absolute, key=lambda rule: RANK[rule.priority])))
    if limits.baseline is not None and any(rule.is_relative for rule in sounding):
        away = value - limits.baseline
        reasons.append(f"{format_number(abs(away))} {'over' if away > 0 else 'under'} baseline")
    what = f"{BY_CODE[limits.code].title} {format_value(limits.code, value)}"
    return f"{what}: {', and '.join(reasons) or 'outside its limits'}"


def _beyond(value: Decimal, rule: Rule) -> str:
    limit = format_number(rule.value)
    if rule.seconds:
        inclusive, exclusive = ("or more", "over") if rule.is_high else ("or less", "under")
        lasting = f"{limit} {inclusive}" if rule.is_inclusive else f"{exclusive} {limit}"
        return f"{lasting} for {rule.seconds} seconds"
    if value == rule.value:
        return f"at the limit of {limit}"
    return f"{'over' if rule.is_high else 'under'} the limit of {limit}"


# ── signal and time ──


def _hear(state: ChannelState, at: datetime, placed: AlarmReading, newest: datetime | None) -> Outcome:
    """A reading newer than all before it is the signal; a late or corrected one is not."""
    if newest is not None and placed.ordered_at <= newest:
        return state, ()
    heard_at = at if state.heard_at is None else max(at, state.heard_at)
    if state.signal is None:
        return replace(state, heard_at=heard_at), ()
    events = (_event(Kind.OVER, state.signal, at),)
    return replace(state, heard_at=heard_at, signal=None), events


def _tick(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """Time passed: has the signal gone, and has an alarm waited too long for somebody?"""
    if limits.lost_after_seconds is None:
        return _escalate(limits, state, at)
    if state.heard_at is None:
        # Watching begins with the first tick, so a channel that never speaks is missed too.
        return _escalate(limits, replace(state, heard_at=at), at)
    events: tuple[AlarmEvent, ...] = ()
    if state.signal is None and at - state.heard_at >= timedelta(seconds=limits.lost_after_seconds):
        seconds = limits.lost_after_seconds
        text = f"{BY_CODE[limits.code].title}: no reading for {seconds} seconds. Watch the monitor itself"
        lost = Standing(state.last_number + 1, Priority.TECHNICAL, text, at)
        state, events = replace(state, signal=lost, last_number=lost.number), (_event(Kind.RAISED, lost, at),)
    state, escalated = _escalate(limits, state, at)
    return state, events + escalated


def _escalate(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """Alarms nobody acknowledged in time go further, once each."""
    if limits.escalate_after_seconds is None:
        return state, ()
    patience = timedelta(seconds=limits.escalate_after_seconds)
    events: list[AlarmEvent] = []

    def waited(alarm: Standing) -> Standing:
        done = alarm.acknowledged_at is not None or alarm.escalated_at is not None
        if done or at - alarm.raised_at < patience:
            return alarm
        events.append(_event(Kind.ESCALATED, alarm, at))
        return replace(alarm, escalated_at=at)

    signal = None if state.signal is None else waited(state.signal)
    return replace(state, standing=tuple(waited(alarm) for alarm in state.standing), signal=signal), tuple(
        events
    )


def _trim(limits: Limits, state: ChannelState) -> ChannelState:
    """Fold readings that left the window into the condition before it."""
    oldest = state.window[-1].ordered_at - timedelta(seconds=limits.window_seconds)
    before, window = state.before, list(state.window)
    while len(window) > 1 and (window[0].ordered_at < oldest or len(window) > MAX_WINDOW):
        before = _advance(limits, before, window.pop(0))
    return replace(state, before=before, window=tuple(window))
