"""An alarm is raised once for what it is about, by hand-made courses of readings a nurse would know."""

import tomllib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bothwell.monitoring.alarms import (
    AlarmEvent,
    AlarmReading,
    ChannelState,
    Limits,
    Priority,
    Tick,
    UnreadableLimits,
    acknowledge,
    default_limits,
    foremost,
    from_json,
    step,
    to_json,
    with_baseline,
)
from bothwell.pathway.protocol import load, shipped

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
PROTOCOL = {
    "systolic": {"warn_high": 160, "alarm_high": 180, "rise_warn": 30, "rise_alarm": 40},
    "diastolic": {"warn_high": 100, "alarm_high": 110, "rise_alarm": 25},
    "heart_rate": {"warn_low": 50, "warn_high": 110, "alarm_low": 40, "alarm_high": 130},
    "spo2": {"warn_low": 93, "alarm_low": 90, "alarm_low_sustained": {"value": 92, "seconds": 60}},
    "sedation": {"warn_low": 3, "alarm_low": 2},
}
LIMITS = default_limits(PROTOCOL)
PRESSURE = with_baseline(LIMITS["systolic"], Decimal(128))


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def reading(value: float, observed: float, received: float | None = None, source: str = "") -> AlarmReading:
    arrived = after(observed if received is None else received)
    return AlarmReading(Decimal(str(value)), after(observed), arrived, key=source, source=source)


class Watch:
    """A channel with everything that happened on it; each state goes through JSON on the way."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.state = ChannelState()
        self.events: list[AlarmEvent] = []

    def _keep(self, outcome: tuple[ChannelState, tuple[AlarmEvent, ...]]) -> list[str]:
        self.state, events = from_json(to_json(outcome[0])), outcome[1]
        self.events += events
        return [f"{event.kind} {event.priority} {event.number}" for event in events]

    def see(
        self, value: float, observed: float, received: float | None = None, source: str = ""
    ) -> list[str]:
        return self._keep(step(self.limits, self.state, reading(value, observed, received, source)))

    def wait(self, at: float) -> list[str]:
        return self._keep(step(self.limits, self.state, Tick(after(at))))

    def acknowledge(self, number: int, at: float) -> list[str]:
        return self._keep(acknowledge(self.state, number=number, by="nurse-1", at=after(at)))


# ── limits ──


def test_the_words_name_the_limit_and_the_distance_from_baseline() -> None:
    watch = Watch(PRESSURE)
    watch.see(164, 0)
    assert watch.events[0].text == "Systolic 164 mmHg: over the limit of 160, and 36 over baseline"


@pytest.mark.parametrize(
    ("code", "baseline", "value", "said"),
    [
        ("systolic", None, 160, "medium Systolic 160 mmHg: at the limit of 160"),
        ("systolic", None, 159, None),
        ("systolic", None, 181, "high Systolic 181 mmHg: over the limit of 180"),
        ("systolic", 110, 140, "medium Systolic 140 mmHg: 30 over baseline"),
        ("systolic", 110, 139, None),
        ("systolic", 110, 150, "high Systolic 150 mmHg: 40 over baseline"),
        ("diastolic", 70, 95, "high Diastolic 95 mmHg: 25 over baseline"),
        ("heart_rate", None, 110, None),
        ("heart_rate", None, 111, "medium Heart rate 111 /min: over the limit of 110"),
        ("heart_rate", None, 50, None),
        ("heart_rate", None, 39, "high Heart rate 39 /min: under the limit of 40"),
        ("spo2", None, 94, None),
        ("spo2", None, 93, "medium SpO₂ 93 %: at the limit of 93"),
        ("spo2", None, 90, "high SpO₂ 90 %: at the limit of 90"),
        ("sedation", None, 3, "medium Sedation (MOAA/S) 3: at the limit of 3"),
        ("sedation", None, 1, "high Sedation (MOAA/S) 1: under the limit of 2"),
    ],
)
def test_each_limit_of_the_protocol(code: str, baseline: int | None, value: int, said: str | None) -> None:
    watch = Watch(with_baseline(LIMITS[code], None if baseline is None else Decimal(baseline)))
    watch.see(value, 0)
    assert [f"{event.priority} {event.text}" for event in watch.events] == ([said] if said else [])


@pytest.mark.parametrize(
    "table",
    [
        {"temperature": {"warn_high": 38}},
        {"systolic": {"warn_hihg": 160}},
        {"systolic": {"warn_high": "160"}},
        {"systolic": {"warn_high": True}},
        {"spo2": {"alarm_low_sustained": 92}},
        {"spo2": {"alarm_low_sustained": {"value": 92}}},
        {"systolic": {"rise": 30}},
        {"systolic": {"warn_high": float("nan")}},
        {"systolic": {"warn_high": {"source": "nowhere"}}},
    ],
)
def test_a_limit_that_is_not_understood_is_never_left_out(table) -> None:
    with pytest.raises(UnreadableLimits):
        default_limits(table)


def test_the_shipped_protocol_gives_the_same_limits_with_and_without_its_sources() -> None:
    (path,) = shipped()
    sourced = default_limits(tomllib.loads(path.read_text("utf-8"))["limits"])
    plain = default_limits(load(path).limits_values())
    for code, limits in sourced.items():
        assert set(limits.rules) == set(plain[code].rules)
    assert set(sourced) == set(plain) >= set(LIMITS)
    for code in ("systolic", "diastolic", "heart_rate", "spo2", "sedation"):
        assert set(sourced[code].rules) == set(LIMITS[code].rules)


def test_without_a_baseline_only_absolute_limits_hold() -> None:
    watch = Watch(LIMITS["systolic"])
    assert watch.see(159, 0) == []


# ── lasting, hysteresis ──


def test_a_low_saturation_must_last_a_minute_to_become_high() -> None:
    watch = Watch(LIMITS["spo2"])
    assert watch.see(92, 0) == ["raised medium 1"]
    assert [watch.see(92, at) for at in range(2, 60, 2)] == [[]] * 29
    assert watch.see(91, 60) == ["over medium 1", "raised high 2"]
    assert watch.events[-1].text == "SpO₂ 91 %: 92 or less for 60 seconds"


def test_a_breath_between_starts_the_minute_anew() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(92, 0)
    watch.see(93, 30)
    watch.see(92, 32)
    assert watch.see(92, 91) == []
    assert watch.see(92, 92) == ["over medium 1", "raised high 2"]


def test_a_value_hovering_at_the_limit_is_one_alarm() -> None:
    high, low = Watch(LIMITS["systolic"]), Watch(LIMITS["spo2"])
    assert high.see(160, 0) == low.see(93, 0) == ["raised medium 1"]
    assert [high.see(value, at) for at, value in enumerate((159, 160, 158, 161), 1)] == [[]] * 4
    assert [low.see(value, at) for at, value in enumerate((94, 93, 94), 1)] == [[]] * 3
    assert high.state.level == low.state.level == Priority.MEDIUM
    assert high.see(157, 60) == low.see(95, 60) == ["over medium 1"]


# ── acknowledging, latching, rising ──


def test_an_alarm_nobody_acknowledged_stays_to_be_seen_when_it_is_over() -> None:
    watch = Watch(PRESSURE)
    watch.see(164, 0)
    watch.see(120, 600)
    assert foremost(watch.state).is_over
    assert watch.acknowledge(1, 610) == ["acknowledged medium 1"]
    assert foremost(watch.state) is None


def test_an_acknowledged_alarm_goes_when_it_is_over_and_the_next_is_new() -> None:
    watch = Watch(PRESSURE)
    watch.see(164, 0)
    assert watch.acknowledge(1, 5) == ["acknowledged medium 1"]
    assert foremost(watch.state).acknowledged_by == "nurse-1"
    assert watch.see(166, 600) == []
    assert watch.see(130, 1200) == ["over medium 1"]
    assert foremost(watch.state) is None
    assert watch.see(165, 1800) == ["raised medium 2"]


def test_without_latching_an_alarm_goes_with_its_condition() -> None:
    watch = Watch(default_limits({"systolic": {"warn_high": 160, "latching": False}})["systolic"])
    watch.see(164, 0)
    assert watch.see(120, 600) == ["over medium 1"]
    assert foremost(watch.state) is None


def test_rising_further_raises_anew_though_acknowledged() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(93, 0)
    watch.acknowledge(1, 1)
    assert watch.see(89, 2) == ["over medium 1", "raised high 2"]
    watch.acknowledge(2, 3)
    assert watch.see(92, 4) == []
    assert watch.see(89, 6) == ["over high 2", "raised high 3"]


def test_a_lesser_alarm_does_not_hide_a_worse_one_nobody_saw() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(88, 0)
    watch.see(98, 2)
    assert watch.see(93, 4) == ["raised medium 2"]
    assert foremost(watch.state).priority == Priority.HIGH
    watch.acknowledge(1, 5)
    assert foremost(watch.state).number == 2


def test_an_acknowledgement_made_before_something_worse_came_silences_nothing() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(93, 0)
    watch.see(89, 2)
    assert watch.acknowledge(1, 3) == []
    assert foremost(watch.state).acknowledged_at is None
    assert watch.acknowledge(2, 4) == ["acknowledged high 2"]
    assert watch.acknowledge(2, 5) == []
    assert foremost(watch.state).acknowledged_at == after(4)


def test_an_alarm_nobody_answers_goes_further_level_by_level() -> None:
    watch = Watch(default_limits({"systolic": {"warn_high": 160, "escalate_after_seconds": 100}})["systolic"])
    watch.see(164, 0)
    assert watch.wait(99) == []
    assert watch.wait(100) == ["escalated medium 1"]
    assert watch.wait(199) == []
    assert watch.wait(200) == ["escalated medium 1"]
    assert watch.wait(300) == ["escalated medium 1"]
    assert watch.wait(9000) == []
    assert [event.level for event in watch.events] == [0, 1, 2, 3]


# ── order and repetition ──


def test_a_repeat_changes_nothing_at_all() -> None:
    watch = Watch(PRESSURE)
    watch.see(164, 0)
    before = watch.state
    assert watch.see(164, 0, received=30) == []
    assert watch.state == before


def test_a_late_normal_reading_ends_nothing() -> None:
    watch = Watch(PRESSURE)
    watch.see(164, 600)
    assert watch.see(120, 0, received=700) == []
    assert watch.state.level == Priority.MEDIUM


def test_a_late_reading_beyond_a_limit_is_raised_as_late_and_over() -> None:
    watch = Watch(PRESSURE)
    watch.see(120, 600)
    assert watch.see(185, 300, received=700) == ["raised high 1", "over high 1"]
    assert watch.events[0].is_late
    assert watch.events[0].observed_at == after(300)
    assert watch.state.level is None
    assert foremost(watch.state).number == 1


def test_a_late_reading_inside_an_announced_run_is_not_new() -> None:
    watch = Watch(PRESSURE)
    watch.see(164, 0)
    watch.see(165, 600)
    assert watch.see(166, 300, received=700) == []


def test_a_reading_older_than_the_window_is_judged_alone_and_only_once() -> None:
    watch = Watch(LIMITS["spo2"])
    for at in range(0, 400, 2):
        watch.see(98, at)
    assert watch.see(95, 11, received=401) == []
    assert watch.see(88, 11, received=402) == ["raised high 1", "over high 1"]
    assert watch.see(88, 11, received=403) == []


def test_an_old_reading_of_an_alarm_long_announced_is_not_new() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(88, 0)
    watch.see(88, 2)
    for at in range(4, 400, 2):
        watch.see(98, at)
    assert watch.see(88, 2, received=401) == []
    assert watch.see(89, 1, received=402) == []


def test_a_late_reading_that_continues_a_run_from_before_the_window_is_not_new() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(88, 0)
    for at in range(10, 126, 5):
        watch.see(98, at)
    assert watch.state.before.at == after(0)
    assert watch.see(88, 5, received=126) == []


def test_a_correction_can_end_an_alarm_and_bring_one_back() -> None:
    watch = Watch(PRESSURE)
    watch.see(164, 0)
    watch.acknowledge(1, 1)
    assert watch.see(134, 0, received=60) == ["over medium 1"]
    assert watch.see(165, 0, received=90) == ["raised medium 2"]


def test_a_fast_clock_cannot_hold_the_condition_still() -> None:
    watch = Watch(PRESSURE)
    watch.see(120, 5000, received=0)
    assert watch.see(185, 600, received=600) == ["raised high 1"]
    assert watch.state.level == Priority.HIGH


# ── the signal ──


def test_waiting_for_a_signal_begins_with_the_first_tick() -> None:
    watch = Watch(LIMITS["heart_rate"])
    assert watch.wait(3) == []
    assert watch.state.heard_at == after(3)
    assert watch.wait(20) == []
    assert watch.state.heard_at == after(3)


def test_only_a_newer_reading_is_a_sign_of_life() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(98, 10)
    watch.see(98, 4, received=15)
    watch.see(98, 10, received=16)
    watch.see(97, 10, received=17)
    assert watch.state.heard_at == after(10)
    watch.see(97, 18)
    assert watch.state.heard_at == after(18)


# ── two sources of one quantity ──

ECG, PLETH = "147842@1.1.1.1", "149530@1.2.1.1"


def test_a_normal_value_of_one_source_does_not_end_what_the_other_says() -> None:
    watch = Watch(LIMITS["heart_rate"])
    assert watch.see(38, 0, source=ECG) == ["raised high 1"]
    for second in range(1, 30):
        assert watch.see(75, second, source=PLETH) == []
        assert watch.see(38, second, source=ECG) == []
    assert watch.state.level == Priority.HIGH
    assert watch.see(75, 31, source=ECG) == ["over high 1"]


def test_the_condition_is_that_of_the_worse_source() -> None:
    watch = Watch(LIMITS["heart_rate"])
    assert watch.see(115, 0, source=PLETH) == ["raised medium 1"]
    assert watch.see(135, 0, source=ECG) == ["over medium 1", "raised high 2"]
    assert watch.see(80, 1, source=PLETH) == []
    assert watch.see(80, 2, source=ECG) == ["over high 2"]


def test_a_source_that_fell_silent_holds_nothing_any_longer() -> None:
    watch = Watch(LIMITS["heart_rate"])
    watch.see(38, 0, source=ECG)
    told = [watch.see(75, second, source=PLETH) for second in range(2, 12, 2)]
    assert told == [[], [], [], [], ["over high 1"]]


def test_what_must_last_lasts_in_one_source() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(92, 0, source="left")
    for second in range(2, 60, 2):
        assert watch.see(92, second, source="left") == []
        watch.see(98, second, source="right")
    assert watch.see(92, 60, source="left") == ["over medium 1", "raised high 2"]


# ── what was held back through a gap ──


def test_a_stretch_held_back_is_one_alarm_and_not_one_for_each_reading() -> None:
    watch = Watch(LIMITS["spo2"])
    for second in range(1000, 1400, 2):
        watch.see(98, second)
    for second in range(0, 600, 2):
        watch.see(86 if 200 <= second < 320 else 98, second, received=1400)
    assert [(event.kind, event.priority, event.is_late) for event in watch.events] == [
        ("raised", "high", True),
        ("over", "high", False),
    ]
    assert watch.events[0].observed_at == after(200)
    assert watch.state.level is None


def test_what_was_held_back_goes_on_from_before_the_gap() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(98, 0)
    assert watch.see(86, 2) == ["raised high 1"]
    for second in range(1000, 1400, 2):
        watch.see(98, second)
    told = [watch.see(86 if second < 60 else 98, second, received=1400) for second in range(4, 998, 2)]
    assert told == [[]] * len(told)


def test_a_second_gap_begins_anew_and_is_not_covered_by_the_first() -> None:
    watch = Watch(LIMITS["spo2"])
    for second in range(1000, 1400, 2):
        watch.see(98, second)
    held_back = [*range(0, 20, 2), *range(500, 520, 2)]
    told = [watch.see(86, second, received=1400) for second in held_back]
    assert [kinds for kinds in told if kinds] == [
        ["raised high 1", "over high 1"],
        ["raised high 2", "over high 2"],
    ]


def test_what_still_holds_after_two_minutes_of_silence_is_called_anew() -> None:
    watch = Watch(LIMITS["spo2"])
    watch.see(88, 0)
    watch.acknowledge(1, 5)
    assert watch.see(88, 120) == []
    assert watch.see(88, 241) == ["over high 1", "raised high 2"]


def test_what_is_past_does_not_end_what_is_now() -> None:
    watch = Watch(LIMITS["spo2"])
    for second in range(1000, 1400, 2):
        watch.see(92, second)
    assert watch.state.level == Priority.HIGH
    for second in range(0, 60, 2):
        assert watch.see(98, second, received=1400) == []
    assert watch.state.level == Priority.HIGH
