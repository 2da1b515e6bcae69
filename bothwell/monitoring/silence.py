"""What a monitor no longer says: one alarm for a session, naming every quantity whose signal has gone.

It never ends an alarm about a value, and takes no silence for a good value. Like `alarms` it is a fold without
clock or database: `(state, what is missing, time) -> (state, events)`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bothwell.codes import BY_CODE
from bothwell.monitoring.channel import AlarmEvent, ChannelState, Kind, Outcome, Standing
from bothwell.monitoring.limits import Limits, Priority

# The name under which a session's lost signals are kept, beside the quantities.
MONITOR = "monitor"
# Sensors of one monitor that fall silent together were rarely heard at the same instant: those that will be
# missed within these seconds are named at once. Technical, ours.
TOGETHER = timedelta(seconds=3)


@dataclass(frozen=True, slots=True)
class Missing:
    """By quantity, after how many seconds of silence it is missed: those that are, and those about to be."""

    gone: Mapping[str, int]
    going: Mapping[str, int]


def missing(limits: Mapping[str, Limits], states: Mapping[str, ChannelState], at: datetime) -> Missing:
    """What has fallen silent by now."""
    silent = {
        code: (at - state.heard_at, seconds)
        for code, state in states.items()
        if state.heard_at is not None and (seconds := limits[code].lost_after_seconds) is not None
    }

    def longer(than: timedelta) -> dict[str, int]:
        return {
            code: seconds
            for code, (silence, seconds) in silent.items()
            if silence >= timedelta(seconds=seconds) - than
        }

    gone, going = longer(timedelta(0)), longer(TOGETHER)
    return Missing(gone, {code: seconds for code, seconds in going.items() if code not in gone})


def step(state: ChannelState, missing: Missing, at: datetime) -> Outcome:
    """The session's channel for lost signals after a look at what is missing, and what became of its alarm.

    A quantity that is gone and was not named makes it a new alarm; one that is back takes its name off; when
    none is gone any more, it is over. While it is paused, no new alarm is made of it.
    """
    if not missing.gone:
        return replace(state, signal=None, missing=()), _over(state, at)
    silent = {**missing.gone, **missing.going}
    if state.signal is not None and set(missing.gone) <= set(state.missing):
        still = tuple(code for code in state.missing if code in silent)
        if still == state.missing:
            return state, ()
        return replace(state, signal=replace(state.signal, text=_text(still, silent)), missing=still), ()
    if state.is_quiet:
        return state, ()
    named = tuple(code for code in BY_CODE if code in silent)
    alarm = Standing(state.last_number + 1, Priority.TECHNICAL, _text(named, silent), at)
    raised = AlarmEvent(Kind.RAISED, alarm.number, alarm.priority, at, alarm.text)
    new = replace(state, signal=alarm, missing=named, last_number=alarm.number)
    return new, (*_over(state, at), raised)


def _over(state: ChannelState, at: datetime) -> tuple[AlarmEvent, ...]:
    alarm = state.signal
    if alarm is None:
        return ()
    return (AlarmEvent(Kind.OVER, alarm.number, alarm.priority, at, alarm.text),)


def _text(codes: tuple[str, ...], after_seconds: Mapping[str, int]) -> str:
    named = ", ".join(BY_CODE[code].title for code in codes)
    seconds = min(after_seconds[code] for code in codes)
    return f"{named}: no reading for {seconds} seconds. Watch the monitor itself"
