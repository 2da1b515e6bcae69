"""Our own clock set back: what was remembered of a later time counts as now, so that no wait becomes longer than its rule.

It never makes a wait shorter than it was, ends no alarm, and believes no monitor's clock.

A server's clock is set back by seconds or hours (by its time server, or by hand). Whatever then lies ahead of us was
written before that. How long it has truly waited nobody knows; it waits anew, once, and so at most twice as long.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bothwell.monitoring.channel import ChannelState, Condition, Late, Standing

# Two threads of one machine read the clock in another order than they speak; further ahead than this is a step back.
# Technical, ours: well below the eight seconds after which a signal is missed.
ASKEW = timedelta(seconds=2)
# Readings further ahead than this came by another clock; following them would judge what comes now as what is past.
ANOTHER_TIME = timedelta(seconds=10)


def brought_back(state: ChannelState, at: datetime) -> ChannelState:
    """The channel with no time of our own clock ahead of `at`, our time now; itself if none is."""
    if not _is_ahead(state, at):
        return state
    pause = _pause_left(state, at)
    return replace(
        _without_what_is_to_come(state, at),
        heard_at=_back(state.heard_at, at),
        standing=tuple(_waiting_from(alarm, at) for alarm in state.standing),
        signal=_waiting_from(state.signal, at) if state.signal else None,
        quiet_since=_back(state.quiet_since, at),
        paused_until=pause,
    )


def _is_ahead(state: ChannelState, at: datetime) -> bool:
    alarms = (*state.standing, *((state.signal,) if state.signal else ()))
    times = [state.heard_at, state.quiet_since, state.before.at]
    times += [time for alarm in alarms for time in (alarm.raised_at, alarm.escalated_at)]
    times += [reading.ordered_at for reading in state.window[-1:]]
    return any(time is not None and time - at > ASKEW for time in times)


def _back(time: datetime | None, at: datetime) -> datetime | None:
    return at if time is not None and time - at > ASKEW else time


def _waiting_from(alarm: Standing, at: datetime) -> Standing:
    raised_at = _back(alarm.raised_at, at) or at
    return replace(alarm, raised_at=raised_at, escalated_at=_back(alarm.escalated_at, at))


def _pause_left(state: ChannelState, at: datetime) -> datetime | None:
    """The end of a pause; of one that begins ahead of us, its whole length from now."""
    since, until = state.quiet_since, state.paused_until
    if since is None or until is None or since - at <= ASKEW:
        return until
    return at + (until - since)


def _without_what_is_to_come(state: ChannelState, at: datetime) -> ChannelState:
    """The watch begun anew where its readings lie ahead of us: the next reading says what holds, and is called."""
    newest = state.window[-1].ordered_at if state.window else state.before.at
    if newest is None or newest - at <= ANOTHER_TIME:
        return state
    spans = tuple(span for span in state.spans if span.end <= at)
    return replace(state, window=(), before=Condition(), late=Late(), spans=spans)
