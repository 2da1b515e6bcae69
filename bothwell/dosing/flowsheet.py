"""What a nurse looks at during a session: how far the dose has come, what is due next, what was charted.

It measures nothing, gives nothing and reminds by the signed protocol's own schedule, never by one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol as Shape

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


class Given(Shape):
    """One row of what was given: an event and its time."""

    @property
    def event(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def rate_ml_per_h(self) -> Decimal | None: ...


class Charted(Shape):
    """One value on the flowsheet: a quantity, a number, the time it was observed."""

    @property
    def code(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def observed_at(self) -> datetime: ...


# ── the dose ──────────────────────────────────────────────────────────────────────────────────────────────


class Stage(StrEnum):
    """Where a session stands, for the person beside it."""

    EXPECTED = "expected"
    BEFORE = "before"
    RUNNING = "running"
    PAUSED = "paused"
    ENDING = "ending"
    RECOVERY = "recovery"
    OVER = "over"


OF_AN_INFUSION = frozenset({"start", "rate", "pause", "resume", "stop"})
"""What happens to an infusion; a medicine beside it is none of its business."""
AS_ORDERED = 1.0


@dataclass(frozen=True, slots=True)
class Infusion:
    """How far an infusion has come, by what was charted. It is over when its stop is charted, and not before.

    `ends_at` is when the ordered volume will have run in; none where it is not running, or where that cannot be
    reckoned. `speeds` beside `spans`: how fast each ran, 1 as ordered, none where it is not known.
    """

    minutes: int
    ran: timedelta
    is_running: bool
    is_paused: bool
    ends_at: datetime | None
    spans: tuple[tuple[datetime, datetime], ...] = ()
    speeds: tuple[float | None, ...] = ()
    is_stopped: bool = False
    left: timedelta | None = None
    rate_ml_per_h: Decimal | None = None

    @property
    def is_over(self) -> bool:
        return self.is_stopped

    @property
    def is_ending(self) -> bool:
        """Everything ordered has run in, and nobody has charted the stop."""
        return not (self.is_running or self.is_paused or self.is_stopped)

    @property
    def is_reckoned(self) -> bool:
        """Whether the time left is known: a changed rate needs a volume to reckon with."""
        return None not in self.speeds and (self.left is not None or not self.is_running)

    @property
    def ran_minutes(self) -> int:
        return int(self.ran.total_seconds() // 60)

    @property
    def whole_minutes(self) -> int:
        """How long it will have run in all: as ordered, or by the rate it was changed to."""
        if self.left is None or self.rate_ml_per_h is None:
            return self.minutes
        return round((self.ran + self.left).total_seconds() / 60)


def infusion(
    given: Iterable[Given], minutes: int | None, now: datetime, volume_ml: Decimal | None = None
) -> Infusion | None:
    """How far the infusion of these `minutes` (min) has come; none if nothing was begun or it is no infusion.

    A pause does not count: an infusion paused for ten minutes ends ten minutes later. With a changed rate (mL/h)
    the rest is reckoned by `volume_ml`, the volume ordered; without it the time left is not known.
    """
    if not minutes:
        return None
    run = _Run(timedelta(minutes=minutes), _ml_per_h(volume_ml, minutes))
    for each in sorted(given, key=lambda one: one.at):
        if each.event in OF_AN_INFUSION and each.at <= now:
            run.take(each)
    return run.state(minutes, now) if run.has_begun else None


def _ml_per_h(volume_ml: Decimal | None, minutes: int) -> float | None:
    return float(volume_ml) * 60 / minutes if volume_ml else None


@dataclass(slots=True)
class _Run:
    """An infusion as its rows are read one after another. `done` counts in time at the ordered rate."""

    whole: timedelta
    ordered_ml_per_h: float | None
    since: datetime | None = None
    ran: timedelta = timedelta(0)
    done: timedelta = timedelta(0)
    speed: float | None = AS_ORDERED
    rate_ml_per_h: Decimal | None = None
    has_begun: bool = False
    is_paused: bool = False
    is_stopped: bool = False
    is_known: bool = True
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    speeds: list[float | None] = field(default_factory=list)

    def take(self, each: Given) -> None:
        if self.is_stopped:
            return
        self.flow(each.at)
        match each.event:
            case "start" | "resume":
                self.since, self.has_begun, self.is_paused = each.at, True, False
            case "pause":
                self.since, self.is_paused = None, self.has_begun
            case "stop":
                self.since, self.is_paused, self.is_stopped = None, False, self.has_begun
            case "rate":
                self.rate_ml_per_h = each.rate_ml_per_h
                self.speed = self._relative(each.rate_ml_per_h)

    def _relative(self, rate_ml_per_h: Decimal | None) -> float | None:
        """A rate as a multiple of the ordered one."""
        if rate_ml_per_h is None or not self.ordered_ml_per_h:
            return None
        return float(rate_ml_per_h) / self.ordered_ml_per_h

    def left(self) -> timedelta | None:
        """How long the rest takes at the rate it runs at; none where nobody can say."""
        return (self.whole - self.done) / self.speed if self.speed and self.is_known else None

    def flow(self, until: datetime) -> None:
        """Let it run up to a time, and no further than what was ordered."""
        if self.since is None:
            return
        left = self.left()
        ended = until if left is None else min(until, self.since + left)
        if ended > self.since:
            self.spans.append((self.since, ended))
            self.speeds.append(self.speed)
            self.ran += ended - self.since
            self._count(ended - self.since, is_all=left is not None and ended - self.since >= left)
        self.since = until

    def _count(self, span: timedelta, *, is_all: bool) -> None:
        if self.speed is None:
            self.is_known = False
        elif self.is_known:
            self.done = self.whole if is_all else min(self.whole, self.done + span * self.speed)

    def state(self, minutes: int, now: datetime) -> Infusion:
        self.flow(now)
        is_all_in = self.is_known and self.done >= self.whole
        left = self.left()
        running = self.since is not None and not is_all_in
        return Infusion(
            minutes=minutes,
            ran=self.ran,
            is_running=running,
            is_paused=self.is_paused and not is_all_in,
            ends_at=now + left if running and left is not None else None,
            spans=tuple(self.spans),
            speeds=tuple(self.speeds),
            is_stopped=self.is_stopped,
            left=left,
            rate_ml_per_h=self.rate_ml_per_h,
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """A dose that is not given in one moment: devices sprayed one after another, or a tablet held in the mouth.

    `next_at`: from when the next device may be given.
    """

    words: str
    is_over: bool
    given: int = 1
    of: int = 1
    next_at: datetime | None = None


def devices_of(given: Iterable[Given], of: int, minutes_between: Decimal) -> Parts | None:
    """How many of so many devices were charted, and from when (min between two) the next; none before the first."""
    rows = sorted((one for one in given if one.event in ("dose", "stop")), key=lambda one: one.at)
    sprayed = [one for one in rows if one.event == "dose"]
    if not sprayed:
        return None
    is_over = len(sprayed) >= of or rows[-1].event == "stop"
    words = f"Device {len(sprayed)} of {of} given"
    next_at = None if is_over else sprayed[-1].at + timedelta(minutes=float(minutes_between))
    return Parts(words, is_over, len(sprayed), of, next_at)


def held_in_mouth(given: Iterable[Given], started_at: datetime, now: datetime) -> Parts:
    """Whether what was put under the tongue is still there: until somebody charts it spat out or swallowed."""
    gone = any(one.event in ("spat", "swallow") for one in given)
    return Parts(f"In the mouth, min {_minutes(now - started_at)}", gone)


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a session stands, in one short line with its minutes."""

    stage: Stage
    words: str
    minute: int | None = None
    of_minutes: int | None = None


def progress(
    *,
    arrived_at: datetime | None,
    started_at: datetime | None,
    ended_at: datetime | None,
    infused: Infusion | None,
    now: datetime,
    until_minutes: int | None = None,
    parts: Parts | None = None,
) -> Progress:
    """The stage of a session and its words. `until_minutes`: the least time (min) before going home."""
    if ended_at is not None:
        return Progress(Stage.OVER, "Signed off")
    if arrived_at is None:
        return Progress(Stage.EXPECTED, "Not here yet")
    if started_at is None:
        return Progress(Stage.BEFORE, f"Before the dose, here {_minutes(now - arrived_at)} min")
    minute = _minutes(now - started_at)
    if infused and not infused.is_over:
        return _infusing(infused)
    if parts and not parts.is_over:
        return Progress(Stage.RUNNING, parts.words, minute, until_minutes)
    return Progress(Stage.RECOVERY, f"Recovery, min {minute}", minute, until_minutes)


def _infusing(infused: Infusion) -> Progress:
    ran, whole = infused.ran_minutes, infused.whole_minutes
    if infused.is_ending:
        return Progress(Stage.ENDING, "The ordered minutes have run: chart the stop", ran, whole)
    if infused.is_paused:
        return Progress(Stage.PAUSED, f"Infusion paused at min {ran} of {whole}", ran, whole)
    if not infused.is_reckoned:
        words = f"Infusion, min {ran}, at {_plain(infused.rate_ml_per_h)} mL/h; when it ends is not known"
        return Progress(Stage.RUNNING, words, ran)
    at = f", at {_plain(infused.rate_ml_per_h)} mL/h" if infused.rate_ml_per_h else ""
    return Progress(Stage.RUNNING, f"Infusion, min {ran} of {whole}{at}", ran, whole)


def _plain(number: Decimal | None) -> str:
    """Without trailing zeros: 0.5, not 0.50."""
    return f"{number.normalize():f}" if number is not None else "an unknown number of"


def _minutes(span: timedelta) -> int:
    return max(0, int(span.total_seconds() // 60))


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
    infusion_minutes: int | None,
    last: Mapping[str, datetime],
    now: datetime,
) -> NextCheck | None:
    """What the protocol wants looked at next; none before the first dose, or where it wants nothing more.

    `last` says when each quantity was observed last. A value answers the scheduled time it lies nearest to,
    and all before; half-way between two it answers the earlier, so that nothing due is taken for done.
    """
    plan = protocol.routes.get(route)
    if plan is None or started_at is None:
        return None
    active = Decimal(infusion_minutes) if infusion_minutes else plan.active_minutes.value
    horizon = max(_minutes(now - started_at), int(plan.minutes_before_discharge.value)) + 60
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
