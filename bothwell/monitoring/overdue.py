"""A check that nobody made: one alarm for a session, low at first and medium when it goes on waiting.

It never says that a check was made: the chart does, and ends the alarm. Like `silence` it is a fold without
clock or database: `(state, what is due, time) -> (state, events)`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bothwell.monitoring.channel import AlarmEvent, ChannelState, Kind, Outcome, Standing
from bothwell.monitoring.limits import RANK, Priority

# The name under which a session's overdue checks are kept, beside the quantities.
CHECKS = "checks"
# Ours, to be confirmed by the clinic: how late a check of the protocol's schedule may be before it is called.
LOW_AFTER = timedelta(minutes=5)
MEDIUM_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Due:
    """The check that is due next: when, and what it is in words."""

    at: datetime
    words: str


def priority_of(due: Due | None, now: datetime) -> Priority | None:
    """How much a check that is late matters by now; none if it is not late, or none is due."""
    if due is None or now - due.at <= LOW_AFTER:
        return None
    return Priority.MEDIUM if now - due.at > MEDIUM_AFTER else Priority.LOW


def step(state: ChannelState, due: Due | None, now: datetime) -> Outcome:
    """The session's channel for checks after a look at what is due, and what became of its alarm.

    The alarm ends when the check is charted; a check later than fifteen minutes is a new alarm, acknowledged or
    not. While the alarms are paused none is raised, and one that stands still ends.
    """
    priority, standing = priority_of(due, now), state.signal
    if due is None or priority is None:
        return replace(state, signal=None), _over(standing, now)
    is_same = standing is not None and standing.observed_at == due.at
    if standing is not None and is_same and (RANK[standing.priority] >= RANK[priority] or state.is_quiet):
        # Of what was due together, some may be charted by now.
        return replace(state, signal=replace(standing, text=_text(due, standing.priority))), ()
    if state.is_quiet:
        return replace(state, signal=None), _over(standing, now)
    alarm = Standing(state.last_number + 1, priority, _text(due, priority), now, observed_at=due.at)
    raised = AlarmEvent(Kind.RAISED, alarm.number, priority, now, alarm.text)
    return replace(state, signal=alarm, last_number=alarm.number), (*_over(standing, now), raised)


def _over(alarm: Standing | None, at: datetime) -> tuple[AlarmEvent, ...]:
    if alarm is None:
        return ()
    return (AlarmEvent(Kind.OVER, alarm.number, alarm.priority, at, alarm.text),)


def _text(due: Due, priority: Priority) -> str:
    late = MEDIUM_AFTER if priority is Priority.MEDIUM else LOW_AFTER
    return f"Check late by more than {late // timedelta(minutes=1)} minutes: {due.words}"
