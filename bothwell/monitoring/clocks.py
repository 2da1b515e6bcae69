"""Whether a monitor's clock tells our time, from what it says about now.

It never corrects a time: a reading keeps the monitor's own time beside ours, and people are told when the two
differ. It sets no clock. Only on whom a monitor was when it observed something is asked by our clock (`by_ours`), for
the confirmations were made by ours.

The lateness of a reading is our time of arrival less the monitor's time of observation: the error of its clock
plus a short way. What a monitor held back through a gap comes late too, but quickly after each other: a look at
which the lateness has shrunk is catching up, and is not counted. Counted is the median of the last looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

# Ours, technical, to be confirmed by the clinic: from how much on a clock counts as wrong. The chart shows
# minutes; a time ahead by more than two minutes is refused.
OFF_AFTER = timedelta(minutes=1)
LOOK_EVERY = timedelta(seconds=10)
LOOKS = 12
FEWEST_LOOKS = 3
RECENT = timedelta(minutes=30)
# The way from the monitor to us is not always equally long.
JITTER = timedelta(seconds=2)
# An error is taken for this reading's too if it came at least so late, but for this; technical, ours.
MUCH_ALIKE = timedelta(seconds=30)
# A clock not looked at for longer may have been set meanwhile.
REMEMBERED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Look:
    """One comparison: our time, and by how much the monitor's was behind it (less than zero: ahead)."""

    at: datetime
    behind: timedelta

    @property
    def observed_at(self) -> datetime:
        """What the monitor's clock showed."""
        return self.at - self.behind


@dataclass(frozen=True, slots=True)
class Clock:
    """What is remembered of one monitor's clock: the last looks that count, and the very last one."""

    looks: tuple[Look, ...] = ()
    last: Look | None = None


def look(clock: Clock, observed_at: datetime, received_at: datetime) -> Clock:
    """The clock after the monitor spoke of `observed_at`; the same if it is too soon or said before."""
    new, last = Look(received_at, received_at - observed_at), clock.last
    if last is not None and (new.at - last.at < LOOK_EVERY or new.observed_at == last.observed_at):
        return clock
    if last is not None and new.behind < last.behind - JITTER:
        return replace(clock, last=new)
    recent = [each for each in (*clock.looks, new) if new.at - each.at <= RECENT]
    return Clock(tuple(recent[-LOOKS:]), new)


def behind(clock: Clock) -> timedelta | None:
    """By how much the monitor's clock is behind ours (less than zero: ahead); none before three looks."""
    if len(clock.looks) < FEWEST_LOOKS:
        return None
    return timedelta(seconds=median(each.behind.total_seconds() for each in clock.looks))


def may_be_off(observed_at: datetime, received_at: datetime) -> bool:
    """Whether it came so late, or so early, that the error of the clock is to be asked for at all."""
    return abs(received_at - observed_at) > MUCH_ALIKE


def by_ours(clock: Clock, observed_at: datetime, received_at: datetime) -> datetime:
    """When a reading was observed by our clock, as far as can be told; never later than it came.

    A clock known to be behind is allowed for only where the reading came as late as that and the last look said so
    too: once the clock was set right, what comes late was held back. One that is ahead is allowed for only in what
    was held back; what comes at once was observed now.
    """
    lateness, error = received_at - observed_at, _known_error(clock, received_at)
    if error > timedelta(0):
        is_so = clock.last is not None and min(lateness, clock.last.behind) >= error - MUCH_ALIKE
    else:
        is_so = lateness > MUCH_ALIKE
    return min(observed_at + error if is_so else observed_at, received_at)


def _known_error(clock: Clock, at: datetime) -> timedelta:
    """By how much the clock is behind ours, where that is known to be wrong; else nothing."""
    error = behind(clock)
    if error is None or clock.last is None or abs(error) <= OFF_AFTER:
        return timedelta(0)
    return error if abs(at - clock.last.at) <= REMEMBERED else timedelta(0)


def trouble(clock: Clock) -> str:
    """What is wrong with the clock, in words for the bedside; empty if it is right or not known yet."""
    error = behind(clock)
    if error is None or abs(error) <= OFF_AFTER:
        return ""
    away = "behind" if error > timedelta(0) else "ahead of"
    return f"Its clock is {_span(abs(error))} {away} ours. Its readings keep its own times: set its clock."


def _span(length: timedelta) -> str:
    minutes = round(length.total_seconds() / 60)
    if minutes < 120:
        return f"{minutes} minutes" if minutes != 1 else "1 minute"
    return f"{minutes // 60} hours {minutes % 60} minutes" if minutes < 2880 else f"{minutes // 1440} days"


# ── as JSON ──


def to_json(clock: Clock) -> dict[str, Any]:
    """The clock as plain JSON values; `from_json` gives the same clock back."""
    return {
        "looks": [_written(each) for each in clock.looks],
        "last": _written(clock.last) if clock.last else None,
    }


def from_json(data: Mapping[str, Any]) -> Clock:
    """The clock that `to_json` wrote; an empty mapping is a clock nobody has looked at."""
    if not data:
        return Clock()
    return Clock(tuple(map(_read, data["looks"])), _read(data["last"]) if data["last"] else None)


def _written(one: Look) -> list[Any]:
    return [one.at.isoformat(), one.observed_at.isoformat()]


def _read(written: list[Any]) -> Look:
    at, observed_at = map(datetime.fromisoformat, written)
    return Look(at, at - observed_at)
