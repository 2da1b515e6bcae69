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
   above, also when it arrives late and is over by then. Two minutes without a reading of a quantity measured
   continuously break a run: what still holds after them is called anew. What comes after it has left the
   window, as when a monitor sends what it held back through a gap, is followed in a window of its own, so that
   a stretch is one alarm and not one for each reading; a reading older than that too is judged alone.
3. *Nothing is invented.* A reading that arrives twice changes nothing while it is remembered (later the
   database turns it away), nor does a late one inside a run that was announced. An announced alarm is not
   taken back when a late reading shows the run was shorter: it stands until acknowledged, because somebody may
   have acted on it. Whatever the order, a condition that holds now has an alarm that stands for it.
4. *A time ahead of its arrival counts as its arrival,* so a monitor whose clock is fast cannot hold the
   condition still.
5. *Higher again is new.* A run at a higher priority raises a new alarm, acknowledged or not, that supersedes
   what stood.
6. *Only newer readings are a sign of life*, and only by arrival: `heard_at`. What a silence means is for
   `silence` to say, once for all quantities of a monitor.
7. *Quiet is for a while, and seen.* While alarms are paused or off nothing is called, the watch goes on, and what
   stands goes on to stand; with the pause's end what holds then is called at once, once. What came and went in
   between is in the chart and is not called; what came late meanwhile, of the time before, is.
8. *Nobody answers: the next is called*, level after level, once each. Our own clock set back makes nobody wait longer
   than twice: `our_clock`.
9. *Each source for itself.* Where two sensors speak of one quantity without a pause (the heart rate of the ECG
   and of the oximeter), a normal value of one does not end what holds for the other, unless that has fallen
   silent; the condition is that of the worse.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from bothwell.codes import BY_CODE
from bothwell.monitoring.channel import (
    AlarmEvent,
    AlarmReading,
    ChannelState,
    Condition,
    Kind,
    Late,
    Outcome,
    Span,
    Standing,
    Tick,
    from_json,
    rule_in,
    to_json,
)
from bothwell.monitoring.limits import (
    CLINICAL,
    RANK,
    Limits,
    Priority,
    Rule,
    UnreadableLimits,
    default_limits,
    with_baseline,
)
from bothwell.monitoring.our_clock import ASKEW, brought_back
from bothwell.monitoring.pausing import has_run_out
from bothwell.monitoring.runs import SAME_STRETCH, Run, advance, level_of, replay, runs_in
from bothwell.monitoring.vitals import format_number, format_value

__all__ = [
    "AlarmEvent",
    "AlarmReading",
    "ChannelState",
    "Kind",
    "Limits",
    "Outcome",
    "Priority",
    "Standing",
    "Tick",
    "UnreadableLimits",
    "acknowledge",
    "arm",
    "default_limits",
    "foremost",
    "from_json",
    "step",
    "to_json",
    "trimmed",
    "wake",
    "with_baseline",
]

MAX_WINDOW = 240
MAX_SPANS = 200
# The session's own nurses and prescriber, then everyone on staff, then the lead: `calling`.
LAST_LEVEL = 3


def step(limits: Limits, state: ChannelState, reading: AlarmReading | Tick) -> Outcome:
    """The channel after a reading or the passing of time, and what happened to its alarms."""
    at = reading.at if isinstance(reading, Tick) else reading.received_at
    # Only the passing of time tells that our clock was set back: a reading may come late from a journal.
    state = brought_back(state, at) if isinstance(reading, Tick) else state
    if not has_run_out(state, at):
        return _fold(limits, state, reading)
    state, said = _speak(limits, state, at)
    state, happened = _fold(limits, state, reading)
    state, called = _call_again(limits, state, at)
    return state, said + happened + called


def wake(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """The channel at a time at which a pause may have run out: what holds then is called."""
    return arm(limits, state, at) if has_run_out(state, at) else (state, ())


def arm(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """The channel calling again, whether it was paused or off: what holds now is called at once, once."""
    if not state.is_quiet:
        return state, ()
    state, said = _speak(limits, state, at)
    state, called = _call_again(limits, state, at)
    return state, said + called


def _speak(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """The channel no longer quiet, with what was held back of the time before it was."""
    held = state.held
    state = replace(state, quiet_since=None, paused_until=None, held=None)
    if held is None:
        return state, ()
    state, raised = _stand(state, replace(held, raised_at=at), at, is_late=True)
    state, ended = _end(limits, state, at)
    return state, raised + ended


def _call_again(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """What holds now and has no alarm that stands for it is called."""
    if state.is_quiet or _is_sounding(state) or not state.window:
        return state, ()
    conditions = replay(limits, state)
    run = next(
        (run for run in reversed(list(runs_in(limits, state, conditions))) if run.priority == state.level),
        None,
    )
    if run is not None:
        return _raise(limits, state, run.reading, run.sounding, run.priority, at, False)
    # What holds and began before the window still reaches has no run in it: the newest reading speaks for it.
    names = set(map(rule_in, conditions[-1].active))
    sounding = tuple(rule for rule in limits.rules if rule.name in names)
    assert state.level is not None
    return _raise(limits, state, state.window[-1], sounding, state.level, at, False)


def _fold(limits: Limits, state: ChannelState, reading: AlarmReading | Tick) -> Outcome:
    if isinstance(reading, Tick):
        return _tick(limits, state, reading.at)
    is_known = any(_identity(known) == _identity(reading) for known in state.window)
    if not is_known and state.before.at is not None and reading.ordered_at <= state.before.at:
        return _judge_late(limits, state, reading)
    newest = state.window[-1].ordered_at if state.window else state.before.at
    window, placed = _place(state.window, reading)
    if placed is None:
        return state, ()
    state = replace(state, window=window)
    state, events = _announce(limits, state, placed, reading.received_at, newest)
    state = _hear(state, reading.received_at, placed, newest)
    window, before, left = trimmed(limits, state.window, state.before)
    return replace(state, window=window, before=before, late=left or state.late), events


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


def _place(
    window: tuple[AlarmReading, ...], reading: AlarmReading
) -> tuple[tuple[AlarmReading, ...], AlarmReading | None]:
    """The window with a reading in its place in source time, and that reading; none if it is known already."""
    same = [known for known in window if _identity(known) == _identity(reading)]
    if same and same[0].value == reading.value:
        return window, None
    # A correction keeps the place of what it corrects.
    placed = replace(reading, received_at=same[0].received_at) if same else reading
    kept = [known for known in window if known not in same]
    return tuple(sorted([*kept, placed], key=_order)), placed


def _identity(reading: AlarmReading) -> tuple[datetime, str]:
    return reading.observed_at, reading.key


def _order(reading: AlarmReading) -> tuple[datetime, datetime, str]:
    return reading.ordered_at, reading.observed_at, reading.key


# ── announcing ──


def _announce(
    limits: Limits, state: ChannelState, placed: AlarmReading, at: datetime, newest: datetime | None
) -> Outcome:
    """Raise what the placed reading brought to light, and end what is over."""
    conditions = replay(limits, state)
    fresh, runs, state = _brought_to_light(limits, state, conditions, placed)
    state = replace(state, level=level_of(limits, conditions[-1]))
    if fresh is None and not _is_sounding(state) and not state.is_quiet:
        # A correction, or a changed limit, made true again what had been called over.
        fresh = next((run for run in runs if run.priority == state.level), None)
    events: tuple[AlarmEvent, ...] = ()
    if fresh is not None:
        is_late = newest is not None and fresh.end < newest
        state, events = _raise(limits, state, fresh.reading, fresh.sounding, fresh.priority, at, is_late)
    state, ended = _end(limits, state, at)
    return state, events + ended


def _brought_to_light(
    limits: Limits, state: ChannelState, conditions: list[Condition], placed: AlarmReading
) -> tuple[Run | None, list[Run], ChannelState]:
    """The gravest run nobody was told of, every run that matters, and the state that remembers them as told."""
    # Runs wholly before the reading were dealt with when they came; only it and what follows can be new.
    runs = [run for run in runs_in(limits, state, conditions) if run.end >= placed.ordered_at]
    fresh = next((run for run in runs if not _covered(state.spans, run) and _is_to_call(state, run)), None)
    spans = state.spans
    for run in runs:
        spans = _cover(spans, Span(run.start, run.end, run.priority))
    return fresh, runs, replace(state, spans=spans)


def _is_to_call(state: ChannelState, run: Run) -> bool:
    """Whether a run is called at all: while the channel is quiet, only one that began before (and then later)."""
    return state.quiet_since is None or run.reading.ordered_at < state.quiet_since


def _is_sounding(state: ChannelState) -> bool:
    """Whether the condition now, if any, has an alarm that stands for it."""
    level = state.level
    return level is None or any(
        not alarm.is_over and RANK[alarm.priority] >= RANK[level] for alarm in state.standing
    )


def _judge_late(limits: Limits, state: ChannelState, reading: AlarmReading) -> Outcome:
    """A reading older than the window takes its place in the late stretch it belongs to, or begins one.

    It raises what nobody was told of. The present condition stays what it is.
    """
    late = _stretch_of(state.late, reading)
    if late is None:
        return _judge_alone(limits, state, reading)
    window, placed = _place(late.window, reading)
    if placed is None:
        return state, ()
    seen = replace(state, window=window, before=late.before)
    fresh, _, seen = _brought_to_light(limits, seen, replay(limits, seen), placed)
    state = replace(state, late=Late(*trimmed(limits, window, late.before)[:2]), spans=seen.spans)
    if fresh is None:
        return state, ()
    return _raise_late(limits, state, fresh.reading, fresh.sounding, fresh.priority, reading.received_at)


def _stretch_of(late: Late, reading: AlarmReading) -> Late | None:
    """The late stretch a reading belongs to, a new one if it lies behind it; none if it is older still."""
    at, folded_at = reading.ordered_at, late.before.at
    newest = late.window[-1].ordered_at if late.window else folded_at
    if newest is None or at - newest > SAME_STRETCH:
        return Late()
    if folded_at is not None:
        return late if at > folded_at else None
    return late if late.window[0].ordered_at - at <= SAME_STRETCH else None


def _judge_alone(limits: Limits, state: ChannelState, reading: AlarmReading) -> Outcome:
    """A reading by itself: beyond a limit and never announced, it still raises its alarm."""
    condition = advance(limits, Condition(), reading)
    level = level_of(limits, condition)
    if level is None:
        return state, ()
    span = Span(reading.ordered_at, reading.ordered_at, level)
    if any(_overlaps(known, span) and RANK[known.priority] >= RANK[level] for known in state.spans):
        return state, ()
    names = set(map(rule_in, condition.active))
    sounding = tuple(rule for rule in limits.rules if rule.name in names)
    for priority in CLINICAL[: CLINICAL.index(level) + 1]:
        state = replace(state, spans=_cover(state.spans, replace(span, priority=priority)))
    return _raise_late(limits, state, reading, sounding, level, reading.received_at)


def _raise_late(
    limits: Limits,
    state: ChannelState,
    reading: AlarmReading,
    sounding: tuple[Rule, ...],
    priority: Priority,
    at: datetime,
) -> Outcome:
    """An alarm for what is past; it is over at once unless something holds now."""
    state, raised = _raise(limits, state, reading, sounding, priority, at, True)
    state, ended = _end(limits, state, at)
    return state, raised + ended


def _overlaps(one: Span, other: Span) -> bool:
    return one.start <= other.end and other.start <= one.end


def _covered(spans: tuple[Span, ...], run: Run) -> bool:
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
    """A new alarm; while the channel is quiet none, but what is older than the quiet is held until it ends."""
    text = _text(limits, reading.value, sounding)
    new = Standing(0, priority, text, at, reading.observed_at)
    if state.quiet_since is None:
        return _stand(state, new, at, is_late=is_late)
    is_older = reading.ordered_at < state.quiet_since
    if is_older and (state.held is None or RANK[state.held.priority] < RANK[priority]):
        state = replace(state, held=new)
    return state, ()


def _stand(state: ChannelState, new: Standing, at: datetime, *, is_late: bool) -> Outcome:
    """An alarm under the next number; those of its priority or below are superseded by it."""
    new, priority = replace(new, number=state.last_number + 1), new.priority
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
    level = alarm.level if kind is Kind.ESCALATED else 0
    return AlarmEvent(
        kind, alarm.number, alarm.priority, at, alarm.text, alarm.observed_at, by=by, level=level
    )


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


def _hear(state: ChannelState, at: datetime, placed: AlarmReading, newest: datetime | None) -> ChannelState:
    """A reading newer than all before it is a sign of life; a late or corrected one is not.

    What lies ahead of its arrival came before our clock was set back: beside that nothing could be newer.
    """
    if newest is not None and placed.ordered_at <= newest and newest - at <= ASKEW:
        return state
    return replace(state, heard_at=at if state.heard_at is None else max(at, state.heard_at))


def _tick(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """Time passed: has an alarm waited too long? Waiting for a signal begins with the first tick, so that a
    quantity that never speaks is missed too.
    """
    if limits.lost_after_seconds is not None and state.heard_at is None:
        state = replace(state, heard_at=at)
    return _escalate(limits, state, at)


def _escalate(limits: Limits, state: ChannelState, at: datetime) -> Outcome:
    """Alarms nobody acknowledged in time go further, to the next level each time they waited so long again.

    A pause does not answer an alarm: one that stands is passed on all the same.
    """
    if limits.escalate_after_seconds is None:
        return state, ()
    patience = timedelta(seconds=limits.escalate_after_seconds)
    events: list[AlarmEvent] = []

    def waited(alarm: Standing) -> Standing:
        is_done = alarm.acknowledged_at is not None or alarm.level >= LAST_LEVEL
        if is_done or at - (alarm.escalated_at or alarm.raised_at) < patience:
            return alarm
        passed_on = replace(alarm, escalated_at=at, level=alarm.level + 1)
        events.append(_event(Kind.ESCALATED, passed_on, at))
        return passed_on

    signal = None if state.signal is None else waited(state.signal)
    return replace(state, standing=tuple(waited(alarm) for alarm in state.standing), signal=signal), tuple(
        events
    )


def trimmed(
    limits: Limits, window: tuple[AlarmReading, ...], before: Condition
) -> tuple[tuple[AlarmReading, ...], Condition, Late | None]:
    """The window without readings that left it, the condition they left behind, and, if a gap went with them,
    the end of the stretch before it: what was held back goes on from there.
    """
    oldest = window[-1].ordered_at - timedelta(seconds=limits.window_seconds)
    gone, left = 0, None
    while gone < len(window) - 1 and (window[gone].ordered_at < oldest or len(window) - gone > MAX_WINDOW):
        if before.at is not None and window[gone].ordered_at - before.at > SAME_STRETCH:
            left = Late((), before)
        before = advance(limits, before, window[gone])
        gone += 1
    return window[gone:], before, left
