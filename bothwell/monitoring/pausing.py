"""Alarms somebody asked to be quiet: paused for a moment, or turned off until turned on again.

Nothing here stops the watch: readings are followed, what stands goes on to stand, and only the calling waits.
A pause ends by itself, after two minutes at most; what is off stays off only where everybody can see it.

What never goes off is what tells that the watch itself has failed: a monitor that has gone silent, a check that
nobody made. These can be paused while a probe is put back; to end them for good, take the monitor off the
patient, or chart the check.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from bothwell.monitoring.channel import ChannelState
from bothwell.monitoring.overdue import CHECKS
from bothwell.monitoring.silence import MONITOR

# Ours, to be confirmed by the clinic: the longest an alarm is paused before it calls again by itself. Held by the
# database too.
LONGEST_PAUSE = timedelta(minutes=2)
NEVER_OFF = frozenset({MONITOR, CHECKS})


def paused(state: ChannelState, *, at: datetime, until: datetime) -> ChannelState:
    """The channel, calling nobody until then, two minutes from now at most. What is quiet already stays as it is:
    a pause is never made longer, and never ends an off.
    """
    if state.is_quiet or until <= at:
        return state
    return replace(state, quiet_since=at, paused_until=min(until, at + LONGEST_PAUSE))


def turned_off(state: ChannelState, *, at: datetime) -> ChannelState:
    """The channel, calling nobody until it is turned on; what was paused is off from here."""
    return replace(state, quiet_since=state.quiet_since or at, paused_until=None)


def has_run_out(state: ChannelState, at: datetime) -> bool:
    """Whether a pause is over by now."""
    return state.paused_until is not None and at >= state.paused_until
