"""A monitor that falls silent is one alarm that names what is missing, and it ends when all is back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bothwell.monitoring import silence
from bothwell.monitoring.alarms import AlarmEvent, ChannelState, Kind, acknowledge, default_limits
from bothwell.monitoring.channel import from_json, to_json

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
CODES = ("heart_rate", "spo2", "respiratory_rate")
LIMITS = default_limits({code: {} for code in (*CODES, "systolic")})


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


class Monitor:
    """When each quantity was heard last, and what the session's one channel for silence made of it."""

    def __init__(self) -> None:
        self.states: dict[str, ChannelState] = {}
        self.state = ChannelState()
        self.events: list[AlarmEvent] = []

    def speak(self, at: float, *codes: str) -> None:
        for code in codes:
            self.states[code] = ChannelState(heard_at=after(at))

    def wait(self, at: float) -> list[str]:
        gone = silence.missing(LIMITS, self.states, after(at))
        self.state, events = silence.step(from_json(to_json(self.state)), gone, after(at))
        self.events += events
        return [f"{event.kind} {event.number}" for event in events]


def test_a_lost_feed_is_one_alarm_that_names_every_channel() -> None:
    monitor = Monitor()
    monitor.speak(0, *CODES)
    assert [monitor.wait(at) for at in range(2, 10, 2)] == [[], [], [], ["raised 1"]]
    assert monitor.state.signal.text == (
        "SpO₂, Heart rate, Respiratory rate: no reading for 8 seconds. Watch the monitor itself"
    )
    assert [monitor.wait(at) for at in (10, 60, 600)] == [[], [], []]


def test_sensors_that_stop_within_a_beat_of_each_other_are_named_at_once() -> None:
    monitor = Monitor()
    monitor.speak(0, "spo2")
    monitor.speak(2, "heart_rate")
    assert monitor.wait(8) == ["raised 1"]
    assert monitor.state.missing == ("spo2", "heart_rate")
    assert monitor.wait(10) == []


def test_one_that_is_still_heard_is_not_named() -> None:
    monitor = Monitor()
    monitor.speak(0, "spo2")
    monitor.speak(7, "heart_rate")
    assert monitor.wait(8) == ["raised 1"]
    assert monitor.state.missing == ("spo2",)


def test_what_is_back_takes_its_name_off_and_the_last_ends_the_alarm() -> None:
    monitor = Monitor()
    monitor.speak(0, "spo2", "heart_rate")
    monitor.wait(8)
    monitor.speak(9, "heart_rate")
    assert monitor.wait(10) == []
    assert monitor.state.signal.text == "SpO₂: no reading for 8 seconds. Watch the monitor itself"
    monitor.speak(11, "spo2", "heart_rate")
    assert monitor.wait(12) == ["over 1"]
    assert monitor.state.signal is None


def test_one_more_that_goes_is_a_new_alarm_though_the_first_was_acknowledged() -> None:
    monitor = Monitor()
    monitor.speak(0, "spo2")
    monitor.speak(30, "heart_rate")
    assert monitor.wait(31) == ["raised 1"]
    monitor.state, _ = acknowledge(monitor.state, number=1, by="nurse", at=after(32))
    assert monitor.state.signal.acknowledged_by == "nurse"
    assert monitor.wait(36) == []
    assert monitor.wait(38) == ["over 1", "raised 2"]
    assert monitor.state.signal.acknowledged_at is None


def test_the_cuff_is_silent_between_its_measurements_unless_the_protocol_says_how_long() -> None:
    states = {"systolic": ChannelState(heard_at=NOON)}
    assert silence.missing(LIMITS, states, after(3600)).gone == {}
    patient = default_limits({"systolic": {"warn_high": 160, "lost_after_seconds": 900}})
    assert silence.missing(patient, states, after(899)).gone == {}
    assert silence.missing(patient, states, after(900)).gone == {"systolic": 900}


def test_what_nobody_has_begun_to_wait_for_is_not_missing() -> None:
    assert silence.missing(LIMITS, {"spo2": ChannelState()}, after(3600)).gone == {}


def test_a_sensor_that_speaks_seldom_does_not_call_anew_each_time() -> None:
    monitor = Monitor()
    monitor.speak(0, "spo2", "heart_rate")
    told = []
    for second in range(1, 120):
        if second % 7 == 0:
            monitor.speak(second, "heart_rate")
        told += monitor.wait(second)
    assert told == ["raised 1"]


steps = st.lists(st.tuples(st.integers(1, 12), st.sets(st.sampled_from(CODES))), max_size=30)


@given(steps)
def test_as_long_as_a_signal_is_gone_one_alarm_stands_that_names_it(course) -> None:
    monitor, now = Monitor(), 0
    monitor.speak(0, *CODES)
    for pause, heard in course:
        now += pause
        monitor.speak(now, *heard)
        monitor.wait(now)
        gone = {code for code in CODES if after(now) - monitor.states[code].heard_at >= timedelta(seconds=8)}
        assert gone <= set(monitor.state.missing)
        assert bool(gone) == (monitor.state.signal is not None)
    numbers = [event.number for event in monitor.events if event.kind is Kind.RAISED]
    assert numbers == list(range(1, len(numbers) + 1))
    ended = [event.number for event in monitor.events if event.kind is Kind.OVER]
    assert ended == numbers[: len(ended)] and len(numbers) - len(ended) == bool(monitor.state.signal)


def test_old_rows_without_the_names_are_read() -> None:
    written = to_json(replace(ChannelState(), heard_at=NOON))
    del written["missing"], written["late"]
    assert from_json(written) == ChannelState(heard_at=NOON)
