"""Whatever the order, the repeats and the acknowledgements: no alarm is lost and none is made up."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bothwell.monitoring.alarms import (
    AlarmEvent,
    AlarmReading,
    ChannelState,
    Kind,
    Limits,
    Priority,
    Tick,
    acknowledge,
    default_limits,
    from_json,
    step,
    to_json,
)
from bothwell.monitoring.channel import Late
from bothwell.monitoring.limits import RANK, crossed

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
WIDE = {"window_seconds": 10_000}
LIMITS = default_limits({"spo2": {"warn_low": 93, "alarm_low": 90, **WIDE}})["spo2"]
LASTING = default_limits(
    {"spo2": {"warn_low": 93, "alarm_low": 90, "alarm_low_sustained": {"value": 92, "seconds": 20}, **WIDE}}
)["spo2"]
NARROW = replace(LIMITS, window_seconds=15)
ARRIVAL = NOON + timedelta(hours=1)

courses = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from([98, 95, 94, 93, 92, 91, 90, 88])),
    min_size=1,
    max_size=14,
    unique_by=lambda pair: pair[0],
)


def readings(course: list[tuple[int, int]]) -> list[AlarmReading]:
    return [AlarmReading(Decimal(value), NOON + timedelta(seconds=at), ARRIVAL) for at, value in course]


def watch(limits: Limits, arriving: list[AlarmReading]) -> tuple[ChannelState, list[AlarmEvent]]:
    state, events = ChannelState(), []
    for one in arriving:
        state, new = step(limits, state, one)
        events += new
    return state, events


def source_time(one: AlarmReading) -> datetime:
    return one.observed_at


def felt(state: ChannelState) -> ChannelState:
    """The state without what only remembers which old readings were told already."""
    return replace(state, spans=(), late=Late())


def raised(events: list[AlarmEvent]) -> list[AlarmEvent]:
    return [event for event in events if event.kind == Kind.RAISED]


def worst_crossed(limits: Limits, value: Decimal) -> int:
    """The rank of what one value is beyond at once, by a plain reading of the limits."""
    at_once = [rule for rule in limits.rules if not rule.seconds]
    return max((RANK[one.priority] for one in at_once if crossed(limits, one, value)), default=0)


@given(courses, st.randoms(use_true_random=False))
def test_the_condition_does_not_depend_on_the_order_of_arrival(course, random) -> None:
    in_order = readings(sorted(course))
    shuffled = random.sample(in_order, len(in_order))
    for limits in (LIMITS, LASTING):
        assert watch(limits, shuffled)[0].level == watch(limits, in_order)[0].level


@given(courses, st.randoms(use_true_random=False))
def test_the_worst_that_was_announced_does_not_depend_on_the_order(course, random) -> None:
    in_order = readings(sorted(course))
    announced = [
        max((RANK[event.priority] for event in raised(watch(LIMITS, order)[1])), default=0)
        for order in (in_order, random.sample(in_order, len(in_order)))
    ]
    assert announced[0] == announced[1] == max(worst_crossed(LIMITS, one.value) for one in in_order)


@given(courses, st.randoms(use_true_random=False))
def test_with_limits_that_must_last_late_readings_can_only_add_alarms_never_take_one(course, random) -> None:
    in_order = readings(sorted(course))
    ordered = max((RANK[event.priority] for event in raised(watch(LASTING, in_order)[1])), default=0)
    shuffled = watch(LASTING, random.sample(in_order, len(in_order)))[1]
    assert max((RANK[event.priority] for event in raised(shuffled)), default=0) >= ordered


@given(courses, st.randoms(use_true_random=False))
def test_each_raised_alarm_names_a_reading_truly_beyond_a_limit_of_its_priority(course, random) -> None:
    arriving = readings(course)
    random.shuffle(arriving)
    values = {one.observed_at: one.value for one in arriving}
    for event in raised(watch(LIMITS, arriving)[1]):
        assert worst_crossed(LIMITS, values[event.observed_at]) >= RANK[event.priority]


@given(courses, st.data())
def test_repeats_at_any_time_add_nothing(course, data) -> None:
    given = readings(course)
    # With a narrow window too, as long as both come in order; older repeats the database turns away.
    for limits, arriving in ((LIMITS, given), (LASTING, given), (NARROW, sorted(given, key=source_time))):
        once = watch(limits, arriving)
        repeated: list[AlarmReading] = []
        for at, one in enumerate(arriving):
            again = data.draw(st.lists(st.sampled_from(arriving[: at + 1]), max_size=2))
            repeated += [one, *(replace(old, received_at=ARRIVAL + timedelta(minutes=5)) for old in again)]
        again_state, again_events = watch(limits, repeated)
        assert (felt(again_state), again_events) == (felt(once[0]), once[1])


@given(courses, st.randoms(use_true_random=False))
def test_with_a_narrow_window_no_reading_beyond_a_limit_goes_unannounced(course, random) -> None:
    arriving = readings(course)
    random.shuffle(arriving)
    state, events = watch(NARROW, arriving)
    for one in arriving:
        rank = worst_crossed(NARROW, one.value)
        covering = [
            span
            for span in state.spans
            if span.start <= one.ordered_at <= span.end and RANK[span.priority] >= rank
        ]
        assert rank == 0 or covering
    worst = max(worst_crossed(NARROW, one.value) for one in arriving)
    assert max((RANK[event.priority] for event in raised(events)), default=0) == worst


@given(courses, courses, st.randoms(use_true_random=False))
def test_what_was_held_back_through_a_gap_loses_no_alarm_and_makes_none_up(held_back, live, random) -> None:
    """A gap, then the newest again at once, and beside it what was held back, in its own order."""
    limits = replace(NARROW, hysteresis=Decimal(0))
    before = readings(sorted(held_back))
    after_gap = [
        replace(one, observed_at=one.observed_at + timedelta(seconds=200)) for one in readings(sorted(live))
    ]
    arriving = interleaved(before, after_gap, random)
    state, events = watch(limits, arriving)
    for one in arriving:
        rank = worst_crossed(limits, one.value)
        assert rank == 0 or any(
            span.start <= one.ordered_at <= span.end and RANK[span.priority] >= rank for span in state.spans
        )
    in_time_state, in_time_events = watch(limits, [*before, *after_gap])
    assert state.level == in_time_state.level
    assert len(raised(events)) == len(raised(in_time_events))
    worst = [
        max((RANK[one.priority] for one in raised(each)), default=0) for each in (events, in_time_events)
    ]
    assert worst[0] == worst[1]


@settings(deadline=None, max_examples=30)
@given(st.integers(20, 200), st.integers(1, 60), st.integers(0, 150))
def test_a_stretch_held_back_in_order_calls_as_often_as_it_would_have_in_time(length, run, start) -> None:
    limits = replace(LIMITS, window_seconds=60)
    values = [88 if start <= second < start + run else 98 for second in range(length)]
    stretch = [AlarmReading(Decimal(v), NOON + timedelta(seconds=s), ARRIVAL) for s, v in enumerate(values)]
    live = [
        AlarmReading(
            Decimal(98), NOON + timedelta(seconds=1000 + second), NOON + timedelta(seconds=1000 + second)
        )
        for second in range(100)
    ]
    state, _ = watch(limits, live)
    late: list[AlarmEvent] = []
    for one in stretch:
        state, new = step(limits, state, one)
        late += new
    in_time = raised(watch(limits, stretch)[1])
    assert [(e.priority, e.observed_at) for e in raised(late)] == [
        (e.priority, e.observed_at) for e in in_time
    ]
    assert all(event.is_late for event in raised(late))


def interleaved(one: list[AlarmReading], other: list[AlarmReading], random: Random) -> list[AlarmReading]:
    """Two courses side by side, each in its own order, the newer first."""
    merged, queues = [], [list(other), list(one)]
    while any(queues):
        merged.append(random.choice([queue for queue in queues if queue]).pop(0))
    return merged


@given(courses)
def test_in_order_each_run_is_raised_once_as_a_plain_count_says(course) -> None:
    """An independent, slower reading of the rule: count the runs at each priority without hysteresis."""
    limits = replace(LIMITS, hysteresis=Decimal(0))
    in_order = readings(sorted(course))
    expected, before = 0, 0
    for one in in_order:
        rank = worst_crossed(limits, one.value)
        expected += rank > before
        before = rank
    assert len(raised(watch(limits, in_order)[1])) == expected


@given(courses, st.lists(st.integers(0, 60), max_size=5))
def test_the_state_survives_its_json_at_every_step(course, ticks) -> None:
    state = ChannelState()
    for one in [*readings(course), *(Tick(ARRIVAL + timedelta(seconds=at)) for at in sorted(ticks))]:
        state, _ = step(LASTING, state, one)
        assert from_json(to_json(state)) == state


class Bedside(RuleBasedStateMachine):
    """Readings on time, late and again, time passing, and a nurse: against a plain model of duty.

    The model keeps, from the events alone, what each alarm became, and demands what a nurse may rely on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.limits = replace(LASTING, window_seconds=25, escalate_after_seconds=20)
        self.state = ChannelState()
        self.now = NOON
        self.told: dict[int, list[AlarmEvent]] = {}
        self.seen: list[AlarmReading] = []
        self.newest: datetime | None = None

    def keep(self, outcome: tuple[ChannelState, tuple[AlarmEvent, ...]]) -> tuple[AlarmEvent, ...]:
        self.state, events = outcome
        for event in events:
            self.told.setdefault(event.number, []).append(event)
        return events

    def arrive(self, one: AlarmReading) -> tuple[AlarmEvent, ...]:
        self.seen.append(one)
        return self.keep(step(self.limits, self.state, one))

    @rule(value=st.sampled_from([98, 95, 93, 92, 91, 90, 88]), pause=st.integers(1, 12))
    def reading_on_time(self, value: int, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        self.newest = self.now
        self.arrive(AlarmReading(Decimal(value), self.now, self.now))
        assert worst_crossed(self.limits, Decimal(value)) <= RANK.get(self.state.level, 0)
        assert self.state.heard_at == self.now

    @rule(value=st.sampled_from([98, 92, 88]), lateness=st.integers(1, 60))
    def reading_late(self, value: int, lateness: int) -> None:
        at = self.now - timedelta(seconds=lateness, milliseconds=1 + len(self.seen))
        if self.newest is None:
            return
        worst_told = max((RANK[events[0].priority] for events in self.told.values()), default=0)
        before = self.state.heard_at
        self.arrive(AlarmReading(Decimal(value), at, self.now))
        now_told = max((RANK[events[0].priority] for events in self.told.values()), default=0)
        assert now_told >= max(worst_told, worst_crossed(self.limits, Decimal(value)))
        if at < self.newest:
            assert self.state.heard_at == before

    @precondition(lambda self: self.state.window)
    @rule(data=st.data())
    def reading_again(self, data: st.DataObject) -> None:
        again = data.draw(st.sampled_from([*self.state.window, *self.state.late.window]))
        before = self.state
        events = self.keep(step(self.limits, self.state, replace(again, received_at=self.now)))
        assert (self.state, events) == (before, ())

    @rule(pause=st.integers(0, 15))
    def time_passes(self, pause: int) -> None:
        self.now += timedelta(seconds=pause)
        events = self.keep(step(self.limits, self.state, Tick(self.now)))
        assert {event.kind for event in events} <= {Kind.ESCALATED}

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def nurse_acknowledges(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.told)))
        events = self.keep(acknowledge(self.state, number=number, by="n", at=self.now))
        assert all(event.number == number for event in events)

    @invariant()
    def a_condition_that_holds_has_an_alarm_that_stands_for_it(self) -> None:
        level = self.state.level
        live = [alarm for alarm in self.state.standing if not alarm.is_over]
        assert level is None or any(RANK[alarm.priority] >= RANK[level] for alarm in live)
        assert level is not None or not live

    @invariant()
    def each_thing_happens_once_to_each_alarm_and_first_it_is_raised(self) -> None:
        assert list(self.told) == list(range(1, len(self.told) + 1))
        for events in self.told.values():
            kinds = [(event.kind, event.level) for event in events]
            assert kinds[0] == (Kind.RAISED, 0)
            assert len(set(kinds)) == len(kinds)

    @invariant()
    def what_nobody_acknowledged_is_still_seen_or_was_superseded(self) -> None:
        visible = {alarm.number for alarm in self.state.standing}
        for number, events in self.told.items():
            first = events[0]
            if first.priority == Priority.TECHNICAL or Kind.ACKNOWLEDGED in {event.kind for event in events}:
                continue
            later = [
                other
                for other_number, (other, *_) in self.told.items()
                if other_number > number and RANK[other.priority] >= RANK[first.priority]
            ]
            assert number in visible or later

    @invariant()
    def memory_is_bounded_and_plain(self) -> None:
        assert len(self.state.standing) <= 3
        assert from_json(to_json(self.state)) == self.state


Bedside.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestBedside = Bedside.TestCase
