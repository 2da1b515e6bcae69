"""Which questionnaires should wait for a person now: reckoned from the plan, the calendar and their own sessions.

It knows one person at a time, so nothing in one partner's own care can change what the other is asked. It asks
nobody, keeps nothing, and knows no answer: only that one was sent, and when.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from bothwell.instruments.instrument import Instrument, Kind
from bothwell.pathway import battery
from bothwell.pathway.schema import Anchor, Number, Reminding, Wave

MONDAY = 0
NEVER_WAITED_FOR = ("cancelled", "turned_back")
"""How a dosing session ends without a dose."""


@dataclass(frozen=True, slots=True)
class Session:
    """One's own dosing session, as far as questions go."""

    id: UUID
    scheduled_at: datetime
    started_at: datetime | None = None
    outcome: str = ""

    @property
    def is_ahead(self) -> bool:
        return self.started_at is None and not self.outcome

    @property
    def was_given(self) -> bool:
        return self.started_at is not None and self.outcome not in NEVER_WAITED_FOR


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of one's own series of sessions."""

    course: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """That something was answered, and when; never what."""

    instrument: str
    wave: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Anchors:
    """What one person's questions are counted from. `couple` and `began_at` are the same for both partners.

    `couple` is None for who is in no couple now: then `began_at` is the beginning of their own care.
    """

    person: UUID
    began_at: datetime
    couple: UUID | None = None
    is_paused: bool = False
    is_treated: bool = False
    sessions: tuple[Session, ...] = ()
    ended: tuple[Ended, ...] = ()
    sent: tuple[Sent, ...] = ()

    @property
    def is_asked_about_the_couple(self) -> bool:
        return self.couple is not None and not self.is_paused


@dataclass(frozen=True, slots=True)
class Occasion:
    """One wave at one time: its name, its day on the clinic's clock, and from when to when it may be answered."""

    wave: Wave
    name: str
    day: date
    opens_at: datetime
    due_at: datetime
    lapses_at: datetime

    def is_open(self, now: datetime) -> bool:
        return self.opens_at <= now < self.lapses_at


@dataclass(frozen=True, slots=True)
class Asking:
    """One request that should exist now."""

    person: UUID
    instrument: str
    version: str
    kind: Kind
    wave: str
    couple: UUID | None
    due_at: datetime
    lapses_at: datetime


@dataclass(frozen=True)
class Plan:
    """The clinic's waves, what it has the words for, and its clock."""

    waves: tuple[Wave, ...]
    covers: Mapping[str, tuple[str, ...]]
    instruments: Mapping[str, Instrument]
    zone: ZoneInfo

    @cached_property
    def by_id(self) -> Mapping[str, Wave]:
        return {wave.id: wave for wave in self.waves}

    @cached_property
    def usable(self) -> frozenset[str]:
        """What a plan may ask here: it has its words, and is no screen about violence."""
        return frozenset(
            id
            for id, instrument in self.instruments.items()
            if instrument.can_be_asked and instrument.kind is not Kind.VIOLENCE and id not in battery.SEALED
        )

    @cached_property
    def covering(self) -> Mapping[str, frozenset[str]]:
        """Of each usable instrument: itself, and whatever asks the same and more."""
        return {
            id: frozenset({id, *(long for long, short in self.covers.items() if id in short)})
            for id in self.usable
        }


def should_ask(plan: Plan, about: Anchors, now: datetime) -> tuple[Asking, ...]:
    """What should wait for this person now, or does already: the same every time it is asked about one moment."""
    return tuple(
        asking
        for wave in plan.waves
        for occasion in _near(plan, wave, about, _day(now, plan.zone), _reach(wave))
        if occasion.is_open(now)
        for asking in _asked(plan, about, occasion)
    )


def _asked(plan: Plan, about: Anchors, occasion: Occasion) -> Iterator[Asking]:
    for id in _ids(plan, about, occasion):
        instrument = plan.instruments[id]
        is_of_the_couple = instrument.kind is Kind.RELATIONSHIP
        if is_of_the_couple and not about.is_asked_about_the_couple:
            continue
        yield Asking(
            person=about.person,
            instrument=id,
            version=instrument.version,
            kind=instrument.kind,
            wave=occasion.name,
            couple=about.couple if is_of_the_couple else None,
            due_at=occasion.due_at,
            lapses_at=occasion.lapses_at,
        )


# ------------------------------------------------------------------------------------------------- nothing twice


def _ids(plan: Plan, about: Anchors, occasion: Occasion) -> tuple[str, ...]:
    """What this occasion asks, once what a heavier one asks near it is taken away."""
    ids = battery.asked(occasion.wave, is_treated=about.is_treated)
    left_out = _asked_near(plan, about, occasion) | _answered_as_a_couple(about, occasion)
    return tuple(id for id in ids if id in plan.usable and not plan.covering[id] & left_out)


def _answered_as_a_couple(about: Anchors, occasion: Occasion) -> frozenset[str]:
    """What who is in no couple answered of this wave while they were in one: a parting begins nothing anew."""
    if about.couple or occasion.wave.anchor is not Anchor.BEGINNING or occasion.wave.every_weeks:
        return frozenset()
    stem = f"{occasion.wave.stem} "
    return frozenset(
        sent.instrument
        for sent in about.sent
        if sent.wave.startswith(stem) and sent.wave != occasion.name and sent.sent_at >= about.began_at
    )


def asked_as_a_couple(
    plan: Plan, about: Anchors, asking: Asking, standing: Collection[tuple[str, str]]
) -> bool:
    """Whether the same still waits, under another name, since they were in a couple: (instrument, wave) of what is open.

    It stays the one that waits: what is asked at a beginning is asked of nobody twice because they parted.
    """
    wave = battery.wave_of(plan.waves, asking.wave)
    if about.couple or wave is None or wave.anchor is not Anchor.BEGINNING or wave.every_weeks:
        return False
    return any(
        instrument == asking.instrument and name != asking.wave and battery.wave_of(plan.waves, name) is wave
        for instrument, name in standing
    )


def _asked_near(plan: Plan, about: Anchors, occasion: Occasion) -> frozenset[str]:
    """What the waves it yields to ask near its day, and what was answered in one of them just before it opens."""
    within = occasion.wave.yields_within_days
    if within is None:
        return frozenset()
    days = int(within.value)
    heavier = tuple(plan.by_id[id] for id in occasion.wave.yields_to if id in plan.by_id)
    asked = {
        id
        for wave in heavier
        for other in _near(plan, wave, about, occasion.day, days)
        for id in _ids(plan, about, other)
    }
    since = occasion.opens_at - timedelta(days=days)
    answered = {
        sent.instrument
        for sent in about.sent
        if since < sent.sent_at <= occasion.opens_at and battery.wave_of(heavier, sent.wave)
    }
    return frozenset(asked | answered)


def may_remind(due_on: Collection[date], reminded_on: Collection[date], today: date, rule: Reminding) -> bool:
    """Whether a person may be reminded today of what was due on these days, given when they were reminded.

    A mail names nothing, so it counts for everything that was due by its day.
    """
    apart, most = timedelta(days=int(rule.days_between.value)), int(rule.at_most_a_wave.value)

    def is_open(day: date) -> bool:
        since = [on for on in reminded_on if on >= day]
        return len(since) < most and all(on + apart <= today for on in since)

    return today not in reminded_on and any(is_open(day) for day in due_on if day <= today)


# ---------------------------------------------------------------------------------------------------- occasions


def _near(plan: Plan, wave: Wave, about: Anchors, day: date, days: int) -> Iterator[Occasion]:
    """The occasions of a wave whose day lies at most so many days from this one, soonest first."""
    for occasion in _occasions(
        plan.zone, wave, about, day - timedelta(days=days), day + timedelta(days=days)
    ):
        if abs((occasion.day - day).days) <= days:
            yield occasion


def _reach(wave: Wave) -> int:
    """How far from today an occasion that is open today can lie, in days."""
    return int(max(wave.opens_before_hours.value, wave.lapses_after_hours.value)) // 24 + 2


def _occasions(zone: ZoneInfo, wave: Wave, about: Anchors, first: date, last: date) -> Iterator[Occasion]:
    match wave.anchor:
        case Anchor.BEGINNING if wave.every_weeks:
            for day in _mondays(wave, _day(about.began_at, zone), first, last):
                occasion = _on(wave, battery.of_week(wave, day), day, zone)
                if occasion.opens_at >= about.began_at:
                    yield occasion
        case Anchor.BEGINNING:
            yield _once(zone, wave, about)
        case Anchor.DOSE if wave.due_before_hours:
            for session in about.sessions:
                if session.is_ahead:
                    yield _before(zone, wave, session)
        case Anchor.DOSE:
            for session in about.sessions:
                if session.was_given and session.started_at:
                    day = _after(wave, _day(session.started_at, zone))
                    yield _on(wave, battery.of_thing(wave, session.id), day, zone, session.started_at)
        case Anchor.SERIES_END:
            for end in about.ended:
                day = _after(wave, _day(end.at, zone))
                yield _on(wave, battery.of_thing(wave, end.course), day, zone, end.at)


def _mondays(wave: Wave, began: date, first: date, last: date) -> Iterator[date]:
    """The Mondays, as many weeks apart, from the first that is as many weeks after the beginning; so long."""
    every = timedelta(weeks=_whole(wave.every_weeks))
    start = began + every
    start += timedelta(days=(MONDAY - start.weekday()) % 7)
    end = min(last, began + timedelta(weeks=_whole(wave.for_weeks)))
    day = start + max(0, -(-(first - start) // every)) * every
    while day <= end:
        yield day
        day += every


def _once(zone: ZoneInfo, wave: Wave, about: Anchors) -> Occasion:
    """So many days or months after the beginning. Counted in days it may open at the beginning itself, so its
    name carries the couple: who begins again on the same day begins anew.
    """
    day = _after(wave, _day(about.began_at, zone))
    if wave.due_after_months:
        return _on(wave, battery.of_day(wave, day), day, zone, about.began_at)
    name = battery.of_thing(wave, about.couple or about.person, day)
    return _on(wave, name, day, zone, about.began_at)


def _before(zone: ZoneInfo, wave: Wave, session: Session) -> Occasion:
    due_at = session.scheduled_at - _hours(wave.due_before_hours)
    day = _day(due_at, zone)
    return _open(wave, battery.of_thing(wave, session.id, day), day, due_at)


def _on(wave: Wave, name: str, day: date, zone: ZoneInfo, not_before: datetime | None = None) -> Occasion:
    """Due on this day at the wave's hour on the clinic's clock, whatever that clock does that night."""
    hour = timedelta(hours=_whole(wave.at_hour))
    due_at = (datetime(day.year, day.month, day.day, tzinfo=zone) + hour).astimezone(UTC)
    return _open(wave, name, day, due_at, not_before)


def _open(wave: Wave, name: str, day: date, due_at: datetime, not_before: datetime | None = None) -> Occasion:
    opens_at = due_at - _hours(wave.opens_before_hours)
    if not_before:
        opens_at = max(opens_at, not_before)
    return Occasion(wave, name, day, opens_at, due_at, due_at + _hours(wave.lapses_after_hours))


def _after(wave: Wave, began: date) -> date:
    """So many days, or calendar months, later; a day the month does not have becomes its last."""
    if wave.due_after_days:
        return began + timedelta(days=_whole(wave.due_after_days))
    years, month = divmod(began.month - 1 + _whole(wave.due_after_months), 12)
    next_month = date(began.year + years + (month + 1) // 12, (month + 1) % 12 + 1, 1)
    return min(
        date(began.year + years, month + 1, 1) + timedelta(days=began.day - 1), next_month - timedelta(days=1)
    )


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def _hours(number: Number | None) -> timedelta:
    return timedelta(hours=float(number.value)) if number else timedelta()


def _whole(number: Number | None) -> int:
    return int(number.value) if number else 0
