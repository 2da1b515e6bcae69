"""How far the dose has come: what of an infusion has run, which devices are given, what is still in the mouth.

It measures nothing and gives nothing: minutes and volumes are reckoned from what people charted, and no stop is assumed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol as Shape


class Given(Shape):
    """One row of what was given: an event and its time."""

    @property
    def event(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def rate_ml_per_h(self) -> Decimal | None: ...


class Stage(StrEnum):
    """Where a session stands, for the person beside it."""

    EXPECTED = "expected"
    BEFORE = "before"
    RUNNING = "running"
    PAUSED = "paused"
    ENDING = "ending"
    ACTIVE = "active"
    RECOVERY = "recovery"
    OVER = "over"


OF_AN_INFUSION = frozenset({"start", "rate", "pause", "resume", "stop"})
"""What happens to an infusion; a medicine beside it is none of its business."""
AS_ORDERED = 1.0
UNTIL_STOPPED = Decimal("Infinity")
"""So many minutes a dose is at work of which nobody can say yet when it ends."""


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
    left: timedelta | None = None
    rate_ml_per_h: Decimal | None = None
    stopped_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        return self.stopped_at is not None

    @property
    def is_ending(self) -> bool:
        """Everything ordered has run in, and nobody has charted the stop."""
        return not (self.is_running or self.is_paused or self.is_over)

    @property
    def is_reckoned(self) -> bool:
        """Whether the time left is known: another rate needs a volume to reckon with."""
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

    def active_minutes(self, started_at: datetime) -> Decimal:
        """How long (min from its start) it is at work: to the charted stop, else to its expected end.

        While it is paused, its pace is not known, or all has run in and no stop is charted: until it is stopped.
        """
        end = self.stopped_at or self.ends_at
        if end is None:
            return UNTIL_STOPPED
        return Decimal(round((end - started_at).total_seconds() / 60))


def infusion(
    given: Iterable[Given],
    minutes: int | None,
    now: datetime,
    volume_ml: Decimal | None = None,
    *,
    is_as_ordered: bool = True,
) -> Infusion | None:
    """How far the infusion of these `minutes` (min) has come; none if nothing was begun or it is no infusion.

    A pause does not count: an infusion paused for ten minutes ends ten minutes later. With a changed rate (mL/h)
    the rest is reckoned by `volume_ml`, the volume ordered; without it the time left is not known. Nor is it where the
    pump did not begin at the rate of the ordered bag, not `is_as_ordered`: that bag may be another.
    """
    if not minutes:
        return None
    speed = AS_ORDERED if is_as_ordered else None
    run = _Run(timedelta(minutes=minutes), _ml_per_h(volume_ml, minutes), speed)
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
    speed: float | None
    since: datetime | None = None
    ran: timedelta = timedelta(0)
    done: timedelta = timedelta(0)
    rate_ml_per_h: Decimal | None = None
    has_begun: bool = False
    is_paused: bool = False
    stopped_at: datetime | None = None
    is_known: bool = True
    spans: list[tuple[datetime, datetime]] = field(default_factory=list)
    speeds: list[float | None] = field(default_factory=list)

    def take(self, each: Given) -> None:
        if self.stopped_at is not None:
            return
        self.flow(each.at)
        match each.event:
            case "start" | "resume":
                self.since, self.has_begun, self.is_paused = each.at, True, False
                if self.speed is None and each.rate_ml_per_h is not None:
                    self.rate_ml_per_h = each.rate_ml_per_h
            case "pause":
                self.since, self.is_paused = None, self.has_begun
            case "stop":
                self.since, self.is_paused = None, False
                self.stopped_at = each.at if self.has_begun else None
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
            left=left,
            rate_ml_per_h=self.rate_ml_per_h,
            stopped_at=self.stopped_at,
        )


@dataclass(frozen=True, slots=True)
class RanIn:
    """What of an infusion ran in that was stopped before its end: reckoned by what was charted, never measured.

    `about_mg` is none where nobody can reckon it, because a rate is not charted or is not the bag's.
    """

    of_mg: Decimal
    about_mg: Decimal | None

    @property
    def words(self) -> str:
        """What stands in the room, on the paper and in the ledger."""
        if self.about_mg is None:
            return "What ran in cannot be reckoned: a rate is not charted, or is not the bag’s. Write in a note what was given."
        return f"About {_readable(self.about_mg):f} mg of {_mg(self.of_mg)} mg given, by the rates charted."


def ran_in(infused: Infusion | None, of_mg: Decimal | None, *, is_as_ordered: bool = True) -> RanIn | None:
    """What ran in of `of_mg` where the stop came before the end; none for any other infusion.

    `is_as_ordered`: whether the pump began at the rate of the order, as far as is charted.
    """
    if infused is None or of_mg is None or not infused.is_over:
        return None
    if not is_as_ordered:
        return RanIn(of_mg, None)
    speeds = [speed for speed in infused.speeds if speed is not None]
    if len(speeds) < len(infused.speeds):
        return RanIn(of_mg, None)
    pairs = zip(infused.spans, speeds, strict=True)
    done = sum((span[1] - span[0]).total_seconds() * speed for span, speed in pairs)
    about_mg = of_mg * Decimal(done) / Decimal(60 * infused.minutes)
    # What charted minutes cannot tell apart is all of it.
    if of_mg - about_mg <= Decimal(1).scaleb(-_places(of_mg)) / 2:
        return None
    return RanIn(of_mg, about_mg)


def _readable(number: Decimal) -> Decimal:
    return round(number, _places(number))


def _places(number: Decimal) -> int:
    """As exact as charted minutes allow: whole from 10 on, below that to a tenth."""
    return 0 if number >= 10 else 1


def _mg(number: Decimal) -> str:
    return f"{number.normalize():f}"


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
    return Parts(f"In the mouth, min {minutes_in(now - started_at)}", gone)


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
    active_minutes: Decimal | None = None,
) -> Progress:
    """The stage of a session and its words. `until_minutes`: the least time (min) before going home.

    `active_minutes`: how long (min, from the first dose) a dose that is no infusion is at work by the protocol;
    recovery begins after them. That of an infusion begins when its stop is charted.
    """
    if ended_at is not None:
        return Progress(Stage.OVER, "Signed off")
    if arrived_at is None:
        return Progress(Stage.EXPECTED, "Not here yet")
    if started_at is None:
        return Progress(Stage.BEFORE, f"Before the dose, here {minutes_in(now - arrived_at)} min")
    minute = minutes_in(now - started_at)
    if infused and not infused.is_over:
        return _infusing(infused)
    if parts and not parts.is_over:
        return Progress(Stage.RUNNING, parts.words, minute, until_minutes)
    if infused is None and active_minutes is not None and minute < active_minutes:
        whole = int(active_minutes)
        return Progress(Stage.ACTIVE, f"Active phase, min {minute} of {whole}", minute, whole)
    return Progress(Stage.RECOVERY, f"Recovery, min {minute}", minute, until_minutes)


def _infusing(infused: Infusion) -> Progress:
    ran, whole = infused.ran_minutes, infused.whole_minutes
    if infused.is_ending:
        return Progress(Stage.ENDING, "The ordered minutes have run: chart the stop", ran, whole)
    if infused.is_paused and not infused.is_reckoned:
        return Progress(Stage.PAUSED, f"Infusion paused at min {ran}; when it ends is not known", ran)
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


def minutes_in(span: timedelta) -> int:
    """Whole minutes that have passed; none of a time still ahead."""
    return max(0, int(span.total_seconds() // 60))
