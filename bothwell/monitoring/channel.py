"""What goes into the watch over one quantity, what comes out of it, and what it remembers in between.

Values only: nothing here decides anything. The memory is plain JSON, so that it can lie in a database row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bothwell.monitoring.limits import Priority


class Kind(StrEnum):
    """What becomes of an alarm; each at most once to one alarm number, passing on at most once a level."""

    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    ESCALATED = "escalated"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class AlarmReading:
    """A plausible value in our unit: when observed, when it came, and a key if two can share a time.

    `source` tells two sensors of one quantity apart, where both speak without a pause: neither may end what the
    other began.
    """

    value: Decimal
    observed_at: datetime
    received_at: datetime
    key: str = ""
    source: str = ""

    @property
    def ordered_at(self) -> datetime:
        """Its place in source time; never later than its arrival."""
        return min(self.observed_at, self.received_at)


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but the time: at least every two seconds for a continuous channel."""

    at: datetime


@dataclass(frozen=True, slots=True)
class AlarmEvent:
    """Something that happened to the alarm with this number; text in clinical words, without names."""

    kind: Kind
    number: int
    priority: Priority
    at: datetime
    text: str
    observed_at: datetime | None = None
    is_late: bool = False
    by: str = ""
    level: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that is to be seen: its condition goes on, or nobody has acknowledged it yet."""

    number: int
    priority: Priority
    text: str
    raised_at: datetime
    observed_at: datetime | None = None
    is_over: bool = False
    escalated_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    level: int = 0
    """How far it was passed on; `escalated_at`: when it was, last."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Which rules hold after a reading, and since when those that must last have been crossed.

    A rule is named with the source it holds for (`mark`); `heard`: when each source spoke last.
    """

    at: datetime | None = None
    active: tuple[str, ...] = ()
    since: tuple[tuple[str, datetime], ...] = ()
    heard: tuple[tuple[str, datetime], ...] = ()


def mark(rule: str, source: str) -> str:
    """The name of a rule as it holds for one source."""
    return f"{rule}@{source}" if source else rule


def source_in(marked: str) -> str:
    """The source a rule was marked with."""
    return marked.partition("@")[2]


def rule_in(marked: str) -> str:
    """The rule without its source."""
    return marked.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of source time already announced at a priority."""

    start: datetime
    end: datetime
    priority: Priority


@dataclass(frozen=True, slots=True)
class Late:
    """What came after it had left the window: the last stretch of it, and the condition before that."""

    window: tuple[AlarmReading, ...] = ()
    before: Condition = field(default_factory=Condition)


@dataclass(frozen=True, slots=True)
class ChannelState:
    """What is remembered of a channel. `level` is the condition now, whatever was acknowledged.

    `signal` and `missing` are used by a session's channels for what has not come, a reading or a check: the
    alarm, and what it names. While `quiet_since` is set nothing is called: until `paused_until`, or, without
    one, until somebody turns the alarms on again; `held`: what came to light meanwhile of the time before.
    """

    window: tuple[AlarmReading, ...] = ()
    before: Condition = field(default_factory=Condition)
    late: Late = field(default_factory=Late)
    spans: tuple[Span, ...] = ()
    level: Priority | None = None
    standing: tuple[Standing, ...] = ()
    signal: Standing | None = None
    missing: tuple[str, ...] = ()
    heard_at: datetime | None = None
    last_number: int = 0
    quiet_since: datetime | None = None
    paused_until: datetime | None = None
    held: Standing | None = None

    @property
    def is_quiet(self) -> bool:
        """Paused, or turned off."""
        return self.quiet_since is not None

    @property
    def is_off(self) -> bool:
        """Turned off: no time ends it."""
        return self.quiet_since is not None and self.paused_until is None


Outcome = tuple[ChannelState, tuple[AlarmEvent, ...]]


# ── as JSON ──


def to_json(state: ChannelState) -> dict[str, Any]:
    """The state as plain JSON values; `from_json` gives the same state back."""
    return {
        "window": _readings_to_json(state.window),
        "before": _condition_to_json(state.before),
        "late": {
            "window": _readings_to_json(state.late.window),
            "before": _condition_to_json(state.late.before),
        },
        "spans": [
            [span.start.isoformat(), span.end.isoformat(), span.priority.value] for span in state.spans
        ],
        "level": state.level.value if state.level else None,
        "standing": [_standing_to_json(alarm) for alarm in state.standing],
        "signal": _standing_to_json(state.signal) if state.signal else None,
        "missing": list(state.missing),
        "heard_at": _when(state.heard_at),
        "last_number": state.last_number,
        "quiet_since": _when(state.quiet_since),
        "paused_until": _when(state.paused_until),
        "held": _standing_to_json(state.held) if state.held else None,
    }


def from_json(data: Mapping[str, Any]) -> ChannelState:
    """The state that `to_json` wrote; an empty mapping is a channel that has heard nothing."""
    if not data:
        return ChannelState()
    late = data.get("late") or {"window": [], "before": {}}
    return ChannelState(
        window=_readings(data["window"]),
        before=_condition(data["before"]),
        late=Late(_readings(late["window"]), _condition(late["before"])),
        spans=tuple(
            Span(datetime.fromisoformat(start), datetime.fromisoformat(end), Priority(priority))
            for start, end, priority in data["spans"]
        ),
        level=Priority(data["level"]) if data["level"] else None,
        standing=tuple(_standing_from_json(alarm) for alarm in data["standing"]),
        signal=_standing_from_json(data["signal"]) if data["signal"] else None,
        missing=tuple(data.get("missing", ())),
        heard_at=_time(data["heard_at"]),
        last_number=data["last_number"],
        quiet_since=_time(data.get("quiet_since")),
        paused_until=_time(data.get("paused_until")),
        held=_standing_from_json(held) if (held := data.get("held")) else None,
    )


def _readings_to_json(readings: tuple[AlarmReading, ...]) -> list[list[str]]:
    return [
        [str(one.value), one.observed_at.isoformat(), one.received_at.isoformat(), one.key, one.source]
        for one in readings
    ]


def _readings(written: list[list[str]]) -> tuple[AlarmReading, ...]:
    return tuple(
        AlarmReading(
            Decimal(value), datetime.fromisoformat(observed), datetime.fromisoformat(received), *rest
        )
        for value, observed, received, *rest in written
    )


def _condition_to_json(condition: Condition) -> dict[str, Any]:
    return {
        "at": _when(condition.at),
        "active": list(condition.active),
        "since": [[name, at.isoformat()] for name, at in condition.since],
        "heard": [[source, at.isoformat()] for source, at in condition.heard],
    }


def _condition(data: Mapping[str, Any]) -> Condition:
    return Condition(
        _time(data.get("at")),
        tuple(data.get("active", ())),
        tuple((name, datetime.fromisoformat(at)) for name, at in data.get("since", ())),
        tuple((source, datetime.fromisoformat(at)) for source, at in data.get("heard", ())),
    )


def _standing_to_json(alarm: Standing) -> dict[str, Any]:
    return {
        "number": alarm.number,
        "priority": alarm.priority.value,
        "text": alarm.text,
        "raised_at": alarm.raised_at.isoformat(),
        "observed_at": _when(alarm.observed_at),
        "is_over": alarm.is_over,
        "escalated_at": _when(alarm.escalated_at),
        "acknowledged_at": _when(alarm.acknowledged_at),
        "acknowledged_by": alarm.acknowledged_by,
        "level": alarm.level,
    }


def _standing_from_json(data: Mapping[str, Any]) -> Standing:
    return Standing(
        number=data["number"],
        priority=Priority(data["priority"]),
        text=data["text"],
        raised_at=datetime.fromisoformat(data["raised_at"]),
        observed_at=_time(data["observed_at"]),
        is_over=data["is_over"],
        escalated_at=_time(data["escalated_at"]),
        acknowledged_at=_time(data["acknowledged_at"]),
        acknowledged_by=data["acknowledged_by"],
        level=data.get("level", 1 if data["escalated_at"] else 0),
    )


def _when(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
