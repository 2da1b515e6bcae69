"""What a nurse looks at during a session: what is due next, what was charted. How far the dose has come, `under_way` says.

It measures nothing, gives nothing and reminds by the signed protocol's own schedule, never by one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol as Shape

from bothwell.dosing import under_way
from bothwell.pathway.protocol import Check, Protocol, Route, due_minutes

PRESSURE = ("systolic", "diastolic")
BY_HAND = frozenset({"sedation", "dissociation", "nausea", "anxiety", "vomiting"})
CONTINUOUS = frozenset({"spo2", "heart_rate", "respiratory_rate", "etco2"})

# Ours, for reading only: how far apart the rows of the chart stand where only a monitor spoke.
ROW_MINUTES = 5

LEVELS = ("none", "mild", "moderate", "severe")
"""Dissociation as a person judges it, 0 to 3."""

MOAAS: tuple[tuple[int, str], ...] = (
    (5, "Responds readily to the name, in a normal tone"),
    (4, "Lethargic response to the name, in a normal tone"),
    (3, "Responds only after the name is called loudly or repeatedly"),
    (2, "Responds only after mild prodding or shaking"),
    (1, "Responds only to a painful trapezius squeeze"),
    (0, "No response to a painful trapezius squeeze"),
)
"""Modified Observer's Assessment of Alertness and Sedation (clinical reference 2.3)."""


class Charted(Shape):
    """One value on the flowsheet: a quantity, a number, the time it was observed."""

    @property
    def code(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def observed_at(self) -> datetime: ...


# ── what is due ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class NextCheck:
    """What is to be looked at next, and when; `after` is the scheduled time before, where the ring begins."""

    due_at: datetime
    codes: tuple[str, ...]
    after: datetime

    def is_late(self, now: datetime) -> bool:
        return now > self.due_at

    @property
    def words(self) -> str:
        return ", ".join(TITLES.get(code, code.replace("_", " ")) for code in self.codes)


TITLES = {
    "blood_pressure": "blood pressure",
    "heart_rate": "heart rate",
    "spo2": "SpO₂",
    "respiratory_rate": "breathing",
    "etco2": "end-tidal CO₂",
}
ORDER = (
    "blood_pressure",
    "spo2",
    "heart_rate",
    "respiratory_rate",
    "etco2",
    "sedation",
    "dissociation",
    "nausea",
    "anxiety",
)


def next_check(
    protocol: Protocol,
    route: Route,
    *,
    started_at: datetime | None,
    active_minutes: Decimal | None,
    last: Mapping[str, datetime],
    now: datetime,
) -> NextCheck | None:
    """What the protocol wants looked at next; none before the first dose, or where it wants nothing more.

    `active_minutes`: how long (min) an infusion is at work, `under_way.UNTIL_STOPPED` where nobody can say yet; none where
    the protocol says it. `last` says when each quantity was observed last. A value answers the scheduled time it lies
    nearest to, and all before; half-way between two it answers the earlier, so that nothing due is taken for done.
    """
    plan = protocol.routes.get(route)
    if plan is None or started_at is None:
        return None
    horizon = max(under_way.minutes_in(now - started_at), int(plan.minutes_before_discharge.value)) + 60
    active = plan.active_minutes.value if active_minutes is None else min(active_minutes, Decimal(horizon))
    due: dict[str, tuple[int, int]] = {}
    for code, check in plan.monitoring.items():
        found = _due(check, active, horizon, _minute_of(last.get(_measured(code)), started_at))
        if found is not None:
            due[code] = found
    if not due:
        return None
    first = min(at for at, _ in due.values())
    elapsed = (now - started_at).total_seconds() / 60
    together = [code for code, (at, _) in due.items() if at == first or at <= elapsed]
    after = max(before for at, before in due.values() if at == first)
    return NextCheck(
        due_at=started_at + timedelta(minutes=first),
        codes=tuple(sorted(together, key=lambda code: ORDER.index(code) if code in ORDER else len(ORDER))),
        after=started_at + timedelta(minutes=after),
    )


def _measured(code: str) -> str:
    """A pressure is charted by its parts."""
    return "systolic" if code == "blood_pressure" else code


def _minute_of(at: datetime | None, started_at: datetime) -> float | None:
    return None if at is None else (at - started_at).total_seconds() / 60


def _due(check: Check, active: Decimal, horizon: int, seen: float | None) -> tuple[int, int] | None:
    """(the minute due next, the scheduled minute before it)."""
    if check.only_when:
        return None  # whether it applies is for the clinic to say, not for a clock
    scheduled = [0, *(minute for minute in due_minutes(check, active, horizon) if minute > 0)]
    if seen is None:
        answered = 0  # the time of the dose itself: the gates have seen to what comes before
    else:
        answered = min(scheduled, key=lambda minute: (abs(minute - seen), minute))
    after = [minute for minute in scheduled if minute > answered]
    return (after[0], answered) if after else None


# ── what was charted ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at a time: a medicine, a pause, a sentence, an alarm."""

    at: datetime
    words: str
    kind: str = "note"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the chart as a table: a time, the values of that time, what happened then."""

    at: datetime
    minute: int | None
    values: Mapping[str, Decimal] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def pressure(self) -> str:
        parts = [self.values.get(code) for code in PRESSURE]
        return "/".join(f"{part:.0f}" for part in parts if part is not None)


def lines(
    charted: Sequence[Charted], marks: Sequence[Mark], started_at: datetime | None = None
) -> list[Line]:
    """The chart as rows, newest first: one for every minute at which somebody, or the cuff, said something.

    What a monitor says without a pause is shown in those rows and every five minutes: its value last heard.
    """
    by_hand = {_minute(one.observed_at) for one in charted if one.code not in CONTINUOUS}
    by_hand |= {_minute(mark.at) for mark in marks}
    paced = {
        at
        for one in charted
        if one.code in CONTINUOUS and (at := _minute(one.observed_at)).minute % ROW_MINUTES == 0
    }
    values: dict[datetime, dict[str, Decimal]] = {at: {} for at in by_hand | paced}
    for one in sorted(charted, key=lambda each: each.observed_at):
        at = _minute(one.observed_at)
        if at in values:
            values[at][one.code] = one.value
    words: dict[datetime, list[str]] = {}
    for mark in sorted(marks, key=lambda each: each.at):
        words.setdefault(_minute(mark.at), []).append(mark.words)
    return [
        Line(at, _since(at, started_at), found, tuple(words.get(at, ())))
        for at, found in sorted(values.items(), reverse=True)
    ]


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)


def _since(at: datetime, started_at: datetime | None) -> int | None:
    if started_at is None:
        return None
    return int((at - _minute(started_at)).total_seconds() // 60)


def latest(charted: Iterable[Charted], until: datetime | None = None) -> dict[str, Charted]:
    """The newest value of each quantity, up to and with `until`."""
    found: dict[str, Charted] = {}
    for one in sorted(charted, key=lambda each: each.observed_at):
        if until is None or one.observed_at <= until:
            found[one.code] = one
    return found


# ── going home: what the chart already answers ────────────────────────────────────────────────────────────


def prefilled(
    now: Mapping[str, Charted],
    before: Mapping[str, Charted],
    within_percent: Decimal,
) -> dict[str, int]:
    """The items of the discharge score that the chart answers: vital signs against the person's baseline.

    A clinician may change each; what the chart does not say stays unanswered. Bands: within `within_percent`
    of the baseline 2 points, up to twice that 1, beyond 0 (Marshall and Chung 1999: 20 and 40 percent).
    """
    off = [
        abs(now[code].value - before[code].value) * 100 / before[code].value
        for code in PRESSURE
        if code in now and code in before and before[code].value > 0
    ]
    if len(off) < len(PRESSURE):
        return {}
    worst = max(off)
    return {"vitals": 2 if worst <= within_percent else 1 if worst <= 2 * within_percent else 0}
