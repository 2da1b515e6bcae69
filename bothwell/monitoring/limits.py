"""The limits one quantity is watched by: where they come from, and when a value is beyond one.

It never decides what is done about it, and invents no clinical number: those come from the clinic's protocol
file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bothwell.codes import BY_CODE


class Priority(StrEnum):
    """How soon somebody must look. Technical: the measurement itself has failed."""

    TECHNICAL = "technical"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


RANK = {Priority.TECHNICAL: 0, Priority.LOW: 1, Priority.MEDIUM: 2, Priority.HIGH: 3}
CLINICAL = (Priority.LOW, Priority.MEDIUM, Priority.HIGH)


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit: above or below a value, absolute or relative to baseline, at once or once it has lasted
    `seconds`.
    """

    name: str
    priority: Priority
    is_high: bool
    value: Decimal
    is_relative: bool = False
    is_inclusive: bool = True
    seconds: int = 0

    def bound(self, baseline: Decimal | None) -> Decimal | None:
        """The value that counts as the limit, in our unit; none if it needs a baseline and there is none."""
        if not self.is_relative:
            return self.value
        if baseline is None:
            return None
        return baseline + self.value if self.is_high else baseline - self.value


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything one channel is watched by. `baseline` is the person's own value before the dose."""

    code: str
    rules: tuple[Rule, ...] = ()
    baseline: Decimal | None = None
    hysteresis: Decimal = Decimal(0)
    lost_after_seconds: int | None = None
    escalate_after_seconds: int | None = None
    window_seconds: int = 120
    is_latching: bool = True


# Ours, technical, to be confirmed by the clinic: how far back inside a limit a value must come before its
# alarm is over.
HYSTERESIS = {
    "systolic": 2, "diastolic": 2, "mean_pressure": 2,
    "spo2": 1, "heart_rate": 2, "respiratory_rate": 1, "etco2": 1,
}  # fmt: skip

# Measured without a pause wherever a sensor is on. Eight seconds, so that a tick every two raises it within
# ten.
CONTINUOUS = frozenset({"spo2", "heart_rate", "respiratory_rate", "etco2"})
LOST_AFTER_SECONDS = 8

# The reference table says "below 50 or above 110" for these, and "160 or more", "93 or less" for the others.
EXCLUSIVE = frozenset({"heart_rate", "respiratory_rate", "etco2"})

CONTINUOUS_WINDOW_SECONDS = 120
INTERMITTENT_WINDOW_SECONDS = 3600

_PRIORITIES = {"note": Priority.LOW, "warn": Priority.MEDIUM, "alarm": Priority.HIGH}
_SETTINGS = {
    "hysteresis",
    "lost_after_seconds",
    "escalate_after_seconds",
    "window_seconds",
    "latching",
    "inclusive",
}


class UnreadableLimits(ValueError):
    """A protocol names a limit nobody here understands. A limit is never silently left out."""


def default_limits(protocol_limits: Mapping[str, Mapping[str, Any]]) -> dict[str, Limits]:
    """The limits of each quantity as the protocol file gives them.

    Per quantity: `{note,warn,alarm}_{high,low}` in our unit, `{rise,fall}_{note,warn,alarm}` as a distance
    from baseline, any absolute one with `_sustained` as `{value, seconds}`; and the settings `hysteresis`,
    `lost_after_seconds` (0: not watched), `escalate_after_seconds`, `window_seconds`, `latching`,
    `inclusive`. A number may come with its source, as `{value, source, status}`. Raises UnreadableLimits for
    an unknown quantity or key, or a value that is not a number.
    """
    return {code: _limits(code, table) for code, table in protocol_limits.items()}


def _limits(code: str, table: Mapping[str, Any]) -> Limits:
    if code not in BY_CODE:
        raise UnreadableLimits(f"Limits are given for {code!r}, which is not measured here")
    inclusive = bool(table.get("inclusive", code not in EXCLUSIVE))
    rules = tuple(
        _rule(code, name, value, inclusive) for name, value in table.items() if name not in _SETTINGS
    )
    lost = table.get("lost_after_seconds", LOST_AFTER_SECONDS if code in CONTINUOUS else None)
    window = CONTINUOUS_WINDOW_SECONDS if code in CONTINUOUS else INTERMITTENT_WINDOW_SECONDS
    return Limits(
        code=code,
        rules=rules,
        hysteresis=_number(code, "hysteresis", table.get("hysteresis", HYSTERESIS.get(code, 0))),
        lost_after_seconds=lost or None,
        escalate_after_seconds=table.get("escalate_after_seconds") or None,
        window_seconds=table.get("window_seconds", window),
        is_latching=table.get("latching", True),
    )


def _rule(code: str, name: str, given: Any, inclusive: bool) -> Rule:
    match name.split("_"):
        case [priority, "high" | "low" as side] if priority in _PRIORITIES:
            value = _number(code, name, given)
            return Rule(name, _PRIORITIES[priority], side == "high", value, False, inclusive)
        case [priority, "high" | "low" as side, "sustained"] if priority in _PRIORITIES:
            lasting = given.get("seconds") if isinstance(given, Mapping) else None
            seconds = int(_number(code, name, lasting))
            value = _number(code, name, given)
            return Rule(name, _PRIORITIES[priority], side == "high", value, False, inclusive, seconds)
        case ["rise" | "fall" as side, priority] if priority in _PRIORITIES:
            value = _number(code, name, given)
            return Rule(name, _PRIORITIES[priority], side == "rise", value, is_relative=True)
    raise UnreadableLimits(f"The limit {name!r} of {code} is not understood")


def _number(code: str, name: str, given: Any) -> Decimal:
    # A protocol gives each number with its source and how far it may be trusted: {value, source, status}.
    if isinstance(given, Mapping):
        given = given.get("value")
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal):
        raise UnreadableLimits(f"The limit {name!r} of {code} is not a number")
    number = Decimal(str(given))
    if not number.is_finite():
        raise UnreadableLimits(f"The limit {name!r} of {code} is not a number")
    return number


def with_baseline(limits: Limits, baseline: Decimal | None) -> Limits:
    """The same limits for a person whose own value before the dose is known."""
    return replace(limits, baseline=baseline)


def crossed(limits: Limits, rule: Rule, value: Decimal) -> bool:
    """Whether a value is beyond a limit of this person; never, if it is relative and there is no baseline."""
    bound = rule.bound(limits.baseline)
    if bound is None:
        return False
    beyond = value - bound if rule.is_high else bound - value
    return beyond > 0 or (rule.is_inclusive and beyond == 0)


def held(limits: Limits, rule: Rule, value: Decimal) -> bool:
    """Whether a rule that held still does: the value has not come back by more than the hysteresis."""
    inward = limits.hysteresis if rule.is_high else -limits.hysteresis
    return crossed(limits, rule, value + inward)
