"""Paused and off: the watch goes on, nothing is called, and with the end of it what holds is called once."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bothwell.monitoring import alarms, calling, overdue, silence
from bothwell.monitoring.alarms import AlarmEvent, AlarmReading, ChannelState, Kind, Tick, default_limits
from bothwell.monitoring.channel import from_json, to_json
from bothwell.monitoring.limits import RANK, Priority, crossed
from bothwell.monitoring.overdue import Due
from bothwell.monitoring.pausing import LONGEST_PAUSE, paused, turned_off
from bothwell.monitoring.silence import Missing

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
PLAIN = default_limits({"spo2": {"warn_low": 93, "alarm_low": 90, "hysteresis": 0, "window_seconds": 10**6}})[
    "spo2"
]
LASTING = default_limits(
    {"spo2": {"warn_low": 93, "alarm_low": 90, "alarm_low_sustained": {"value": 92, "seconds": 20}}}
)["spo2"]


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Watch:
    """A channel; each state goes through JSON on the way."""

    def __init__(self) -> None:
        self.state = ChannelState()

    def _keep(self, outcome: alarms.Outcome) -> list[str]:
        self.state = from_json(to_json(outcome[0]))
        return [f"{event.kind} {event.priority} {event.number}" for event in outcome[1]]

    def see(self, value: int, observed: float, received: float | None = None) -> list[str]:
        arrived = after(observed if received is None else received)
        return self._keep(
            alarms.step(PLAIN, self.state, AlarmReading(Decimal(value), after(observed), arrived))
        )

    def wait(self, at: float) -> list[str]:
        return self._keep(alarms.step(PLAIN, self.state, Tick(after(at))))

    def pause(self, at: float, seconds: float = 120) -> None:
        self.state = from_json(to_json(paused(self.state, at=after(at), until=after(at + seconds))))

    def turn_off(self, at: float) -> None:
        self.state = from_json(to_json(turned_off(self.state, at=after(at))))

    def turn_on(self, at: float) -> list[str]:
        return self._keep(alarms.arm(PLAIN, self.state, after(at)))


def test_a_pause_calls_nobody_and_at_its_end_calls_once_what_holds() -> None:
    watch = Watch()
    watch.see(98, 0)
    watch.pause(1)
    assert [watch.see(88, at) for at in range(2, 120, 2)] == [[]] * 59
    assert watch.wait(120.9) == []
    assert watch.wait(121) == ["raised high 1"]
    assert watch.wait(122) == watch.see(88, 123) == []


def test_a_reading_ends_a_pause_that_is_over_as_well_as_the_clock_does() -> None:
    watch = Watch()
    watch.pause(0)
    watch.see(88, 1)
    assert watch.see(88, 121) == ["raised high 1"]
    calm = Watch()
    calm.pause(0)
    calm.see(88, 1)
    assert calm.see(98, 121) == []


def test_what_came_and_went_in_a_pause_is_not_called() -> None:
    watch = Watch()
    watch.pause(0)
    watch.see(85, 1)
    watch.see(98, 2)
    assert watch.wait(121) == []
    assert watch.see(98, 3.5, received=122) == []
    assert watch.see(98, 1.5, received=122) == []


def test_what_stands_goes_on_to_stand_and_ends_in_a_pause() -> None:
    watch = Watch()
    assert watch.see(92, 0) == ["raised medium 1"]
    watch.pause(1)
    assert watch.see(88, 2) == []
    assert watch.state.standing[0].priority == Priority.MEDIUM
    assert watch.see(98, 3) == ["over medium 1"]
    assert watch.state.standing[0].is_over


def test_worse_in_a_pause_is_a_new_alarm_at_its_end() -> None:
    watch = Watch()
    watch.see(92, 0)
    watch.pause(1)
    watch.see(88, 2)
    assert watch.wait(121) == ["over medium 1", "raised high 2"]


def test_what_came_late_in_a_pause_of_the_time_before_is_called_when_it_ends() -> None:
    watch = Watch()
    watch.see(98, 10)
    watch.pause(11)
    assert watch.see(85, 5, received=12) == []
    assert watch.wait(131) == ["raised high 1", "over high 1"]


def test_a_pause_is_never_longer_than_two_minutes_and_never_made_longer() -> None:
    watch = Watch()
    watch.pause(0, seconds=900)
    assert watch.state.paused_until == after(LONGEST_PAUSE.total_seconds())
    watch.pause(60)
    assert watch.state.paused_until == after(120)


def test_off_stays_off_until_it_is_turned_on_and_then_calls_what_holds() -> None:
    watch = Watch()
    watch.turn_off(0)
    watch.pause(1)
    assert watch.state.is_off
    assert watch.see(88, 5) == watch.wait(4000) == []
    assert watch.turn_on(4001) == ["raised high 1"]
    assert watch.turn_on(4002) == []
    assert not watch.state.is_quiet


def test_an_alarm_that_stands_is_passed_on_though_it_is_paused() -> None:
    limits = replace(PLAIN, escalate_after_seconds=60)
    state, _ = alarms.step(limits, ChannelState(), AlarmReading(Decimal(88), NOON, NOON))
    state = paused(state, at=after(10), until=after(130))
    _, events = alarms.step(limits, state, Tick(after(60)))
    assert [(event.kind, event.level) for event in events] == [(Kind.ESCALATED, 1)]


def test_a_state_written_before_there_were_pauses_is_read() -> None:
    state, _ = alarms.step(PLAIN, ChannelState(), AlarmReading(Decimal(88), NOON, NOON))
    written = to_json(state)
    for name in ("quiet_since", "paused_until", "held"):
        del written[name]
    for alarm in written["standing"]:
        del alarm["level"]
    assert from_json(written) == state
    written["standing"][0]["escalated_at"] = after(120).isoformat()
    assert from_json(written).standing[0].level == 1


# ── what has not come: a signal, a check ──


def test_a_lost_signal_is_called_when_the_pause_is_over_and_only_if_it_is_still_gone() -> None:
    gone, back = Missing({"spo2": 8}, {}), Missing({}, {})
    quiet = paused(ChannelState(), at=NOON, until=after(120))
    quiet, events = silence.step(quiet, gone, after(60))
    assert events == ()
    armed, _ = alarms.wake(alarms.Limits("monitor"), quiet, after(120))
    assert [event.kind for event in silence.step(armed, gone, after(120))[1]] == [Kind.RAISED]
    assert silence.step(armed, back, after(120))[1] == ()


def late(
    state: ChannelState, due_at: float | None, now: float, words: str = "blood pressure"
) -> alarms.Outcome:
    return overdue.step(state, None if due_at is None else Due(after(due_at), words), after(now))


def test_a_late_check_is_low_then_medium_and_over_when_it_is_charted() -> None:
    state, events = late(ChannelState(), 0, 300)
    assert events == ()
    state, events = late(state, 0, 301)
    assert [(e.kind, e.priority, e.text) for e in events] == [
        (Kind.RAISED, Priority.LOW, "Check late by more than 5 minutes: blood pressure")
    ]
    state, events = late(state, 0, 900)
    assert events == ()
    state, events = late(state, 0, 901)
    assert [(e.kind, e.priority) for e in events] == [
        (Kind.OVER, Priority.LOW),
        (Kind.RAISED, Priority.MEDIUM),
    ]
    assert events[1].text == "Check late by more than 15 minutes: blood pressure"
    state, events = late(state, 1200, 910)
    assert [(e.kind, e.number) for e in events] == [(Kind.OVER, 2)]
    assert state.signal is None


def test_a_check_half_charted_keeps_its_alarm_and_names_what_is_left() -> None:
    state, _ = late(ChannelState(), 0, 400, "blood pressure, sedation")
    state, events = late(state, 0, 410, "sedation")
    assert events == ()
    assert state.signal is not None
    assert state.signal.text.endswith(": sedation")


def test_the_next_late_check_is_another_alarm() -> None:
    state, _ = late(ChannelState(), 0, 1000)
    state, events = late(state, 600, 1001)
    assert [(e.kind, e.priority) for e in events] == [
        (Kind.OVER, Priority.MEDIUM),
        (Kind.RAISED, Priority.LOW),
    ]


def test_a_paused_check_calls_nobody_and_ends_when_it_is_charted() -> None:
    quiet = paused(ChannelState(), at=NOON, until=after(120))
    assert late(quiet, -3600, 10) == (quiet, ())
    state, _ = late(ChannelState(), -3600, 0)
    state = paused(state, at=after(1), until=after(100))
    assert [event.kind for event in late(state, 600, 2)[1]] == [Kind.OVER]


# ── who is called ──


def test_each_level_calls_its_own_and_never_a_partner() -> None:
    prescriber, nurse, other, lead, partner = (UUID(int=n) for n in range(1, 6))
    staff = calling.Staff([prescriber, nurse], [prescriber, nurse, other, partner], [lead])
    assert calling.called(1, staff) == (prescriber, nurse)
    assert calling.called(2, staff, {partner}) == (prescriber, nurse, other)
    assert calling.called(3, staff) == (lead,)
    assert calling.called(1, replace(staff, team=[partner]), {partner}) == (prescriber, nurse, other)
    assert calling.called(3, calling.Staff([], [], [])) == ()


@pytest.mark.parametrize(
    ("level", "said"), [(0, ""), (1, "Helen"), (2, "every nurse and prescriber on staff"), (3, "Helen")]
)
def test_the_words_name_who_was_called(level: int, said: str) -> None:
    assert calling.words(level, "Helen") == said
    assert calling.words(3) == "the clinic lead"


# ── against a plain model ──


@dataclass
class Model:
    """The rules read plainly: every reading kept for ever, every question answered from the beginning."""

    values: dict[datetime, Decimal] = field(default_factory=dict)
    told: list[tuple[datetime, datetime, int]] = field(default_factory=list)
    live: int = 0
    quiet_since: datetime | None = None
    paused_until: datetime | None = None
    held: int = 0

    def rank(self, value: Decimal) -> int:
        return max((RANK[one.priority] for one in PLAIN.rules if crossed(PLAIN, one, value)), default=0)

    @property
    def level(self) -> int:
        return self.rank(self.values[max(self.values)]) if self.values else 0

    def runs(self, rank: int) -> list[list[datetime]]:
        """Unbroken runs at a rank or above; two minutes without a reading break one."""
        found: list[list[datetime]] = []
        last: datetime | None = None
        is_open = False
        for at in sorted(self.values):
            is_reached = self.rank(self.values[at]) >= rank
            goes_on = is_open and last is not None and at - last <= timedelta(seconds=120)
            if is_reached and goes_on:
                found[-1].append(at)
            elif is_reached:
                found.append([at])
            is_open, last = is_reached, at
        return found

    def called(self, rank: int) -> list[int]:
        """An alarm is raised: what holds is stood for at this rank; over at once if nothing holds."""
        self.live = max(self.live, rank) if self.level else 0
        return [rank]

    def arrives(self, at: datetime, value: Decimal, now: datetime) -> list[int]:
        ran_out = self.paused_until is not None and now >= self.paused_until
        said = self.speaks() if ran_out else []
        if self.values.get(at) != value:
            said += self.judged(at, value)
        return said + (self.again() if ran_out else [])

    def judged(self, at: datetime, value: Decimal) -> list[int]:
        self.values[at] = value
        known, fresh = list(self.told), 0
        for rank in (3, 2, 1):
            for run in self.runs(rank):
                if run[-1] < at:
                    continue
                is_told = any(a <= run[-1] and run[0] <= b and r >= rank for a, b, r in known)
                first = next(one for one in run if self.rank(self.values[one]) >= rank)
                if not is_told and not fresh and (self.quiet_since is None or first < self.quiet_since):
                    fresh = rank
                self.told.append((run[0], run[-1], rank))
        said: list[int] = []
        if self.quiet_since is not None:
            self.held = max(self.held, fresh)
        elif fresh:
            said = self.called(fresh)
        elif self.level > self.live:
            said = self.called(self.level)
        if not self.level:
            self.live = 0
        return said

    def speaks(self) -> list[int]:
        held, self.held, self.quiet_since, self.paused_until = self.held, 0, None, None
        return self.called(held) if held else []

    def again(self) -> list[int]:
        return self.called(self.level) if self.level > self.live else []

    def time(self, now: datetime) -> list[int]:
        if self.paused_until is None or now < self.paused_until:
            return []
        return self.speaks() + self.again()


class QuietBedside(RuleBasedStateMachine):
    """Readings on time, late, again and corrected, time, acknowledging, pause, off and on: alarm for alarm as the
    model has it.
    """

    limits = PLAIN

    def __init__(self) -> None:
        super().__init__()
        self.state, self.model, self.now = ChannelState(), Model(), NOON
        self.told: dict[int, list[AlarmEvent]] = {}
        self.quiet_raised = 0

    def keep(self, outcome: alarms.Outcome, expected: list[int]) -> None:
        was_quiet = self.state.is_quiet
        self.state, events = from_json(to_json(outcome[0])), outcome[1]
        for event in events:
            self.told.setdefault(event.number, []).append(event)
        raised = [RANK[event.priority] for event in events if event.kind == Kind.RAISED]
        assert raised == expected
        assert not (raised and was_quiet and self.state.is_quiet)

    def arrive(self, value: int, at: datetime) -> None:
        reading = AlarmReading(Decimal(value), at, self.now)
        self.keep(
            alarms.step(self.limits, self.state, reading), self.model.arrives(at, Decimal(value), self.now)
        )

    @rule(value=st.sampled_from([98, 92, 88]), pause=st.sampled_from([1, 2, 5, 30, 119, 125]))
    def on_time(self, value: int, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        self.arrive(value, self.now)

    @rule(value=st.sampled_from([98, 92, 88]), lateness=st.integers(1, 200))
    def late(self, value: int, lateness: int) -> None:
        if self.model.values:
            at = self.now - timedelta(seconds=lateness, milliseconds=1 + len(self.model.values))
            self.arrive(value, at)

    @precondition(lambda self: self.model.values)
    @rule(data=st.data())
    def again(self, data: st.DataObject) -> None:
        at = data.draw(st.sampled_from(sorted(self.model.values)))
        self.arrive(int(self.model.values[at]), at)

    @precondition(lambda self: self.model.values)
    @rule(data=st.data(), value=st.sampled_from([98, 92, 88]))
    def corrected(self, data: st.DataObject, value: int) -> None:
        self.arrive(value, data.draw(st.sampled_from(sorted(self.model.values))))

    @rule(pause=st.sampled_from([0, 1, 20, 60, 130]))
    def time_passes(self, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        self.keep(alarms.step(self.limits, self.state, Tick(self.now)), self.model.time(self.now))

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def acknowledged(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.told)))
        self.keep(alarms.acknowledge(self.state, number=number, by="n", at=self.now), [])

    @rule(seconds=st.sampled_from([30, 120, 600]))
    def pause(self, seconds: int) -> None:
        self.time_passes(0)
        until = self.now + timedelta(seconds=seconds)
        self.state = paused(self.state, at=self.now, until=until)
        if self.model.quiet_since is None:
            self.model.quiet_since = self.now
            self.model.paused_until = min(until, self.now + timedelta(minutes=2))

    @rule()
    def off(self) -> None:
        self.time_passes(0)
        self.state = turned_off(self.state, at=self.now)
        self.model.quiet_since = self.model.quiet_since or self.now
        self.model.paused_until = None

    @rule()
    def on(self) -> None:
        was_quiet = self.model.quiet_since is not None
        self.keep(
            alarms.arm(self.limits, self.state, self.now),
            self.model.speaks() + self.model.again() if was_quiet else [],
        )

    @invariant()
    def the_condition_is_that_of_the_newest_reading(self) -> None:
        assert (RANK[self.state.level] if self.state.level else 0) == self.model.level

    @invariant()
    def unless_quiet_what_holds_has_an_alarm(self) -> None:
        live = [RANK[alarm.priority] for alarm in self.state.standing if not alarm.is_over]
        assert self.state.is_quiet or max(live, default=0) >= self.model.level
        assert self.model.level or not live

    @invariant()
    def what_nobody_acknowledged_is_still_seen_or_was_superseded(self) -> None:
        visible = {alarm.number for alarm in self.state.standing}
        for number, events in self.told.items():
            is_seen = Kind.ACKNOWLEDGED in {event.kind for event in events}
            worse = [
                other
                for other, (first, *_) in self.told.items()
                if other > number and RANK[first.priority] >= RANK[events[0].priority]
            ]
            assert is_seen or number in visible or worse


QuietBedside.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestQuietBedside = QuietBedside.TestCase


class QuietAndNarrow(QuietBedside):
    """With the window a monitor's reading has in a clinic, and what must last: nothing is called while quiet, and
    with its end whatever holds has an alarm.
    """

    limits = replace(LASTING, window_seconds=25)

    def keep(self, outcome: alarms.Outcome, expected: list[int]) -> None:
        was_quiet = self.state.is_quiet
        self.state, events = from_json(to_json(outcome[0])), outcome[1]
        for event in events:
            self.told.setdefault(event.number, []).append(event)
        raised = [event for event in events if event.kind == Kind.RAISED]
        assert not (raised and was_quiet and self.state.is_quiet)
        assert len(raised) <= 3

    def arrive(self, value: int, at: datetime) -> None:
        self.model.arrives(at, Decimal(value), self.now)
        reading = AlarmReading(Decimal(value), at, self.now)
        self.keep(alarms.step(self.limits, self.state, reading), [])

    @invariant()
    def the_condition_is_that_of_the_newest_reading(self) -> None:
        assert self.state.is_quiet == (self.model.quiet_since is not None)

    @invariant()
    def unless_quiet_what_holds_has_an_alarm(self) -> None:
        live = [RANK[alarm.priority] for alarm in self.state.standing if not alarm.is_over]
        holds = RANK[self.state.level] if self.state.level else 0
        assert self.state.is_quiet or max(live, default=0) >= holds


QuietAndNarrow.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestQuietAndNarrow = QuietAndNarrow.TestCase
