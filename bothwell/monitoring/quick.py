"""The usual reading, judged quickly: newer than all before it, within its limits, with nothing going on.

It decides nothing of its own: whatever is not usual goes to `alarms.step`, and what it answers is what that would
have answered. What it saves is working through the whole window again for each reading.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bothwell.monitoring import alarms
from bothwell.monitoring.channel import AlarmReading, ChannelState, Condition
from bothwell.monitoring.limits import Limits
from bothwell.monitoring.runs import advance, level_of, replay


@dataclass(frozen=True, slots=True)
class Tail:
    """The condition after the newest reading of a window, and what it was reckoned from."""

    limits: Limits
    before: Condition
    window: tuple[AlarmReading, ...]
    condition: Condition

    def fits(self, limits: Limits, state: ChannelState) -> bool:
        """Whether it still speaks of this very window under these very limits."""
        return (
            self.window is state.window
            and self.before is state.before
            and (self.limits is limits or self.limits == limits)
        )


def step(
    limits: Limits, state: ChannelState, reading: AlarmReading, tail: Tail | None
) -> tuple[alarms.Outcome, Tail | None]:
    """As `alarms.step`, for a reading whose key is new to the channel; with it what makes the next one quick."""
    if not _is_calm(limits, state) or reading.ordered_at <= state.window[-1].ordered_at:
        return alarms.step(limits, state, reading), None
    known = tail if tail is not None and tail.fits(limits, state) else None
    last = known.condition if known else replay(limits, state)[-1]
    condition = advance(limits, last, reading)
    if level_of(limits, condition) is not None:
        return alarms.step(limits, state, reading), None
    heard_at = reading.received_at if state.heard_at is None else max(reading.received_at, state.heard_at)
    window, before, left = alarms.trimmed(limits, (*state.window, reading), state.before)
    after = replace(state, window=window, before=before, late=left or state.late, heard_at=heard_at)
    return (after, ()), Tail(limits, before, window, condition)


def _is_calm(limits: Limits, state: ChannelState) -> bool:
    """Nothing holds, nobody asked for quiet, and what is still to be seen is over and waits only for somebody to see it."""
    return (
        bool(state.window)
        and state.level is None
        and not state.is_quiet
        and all(
            alarm.is_over and limits.is_latching and alarm.acknowledged_at is None for alarm in state.standing
        )
    )
