"""The invented vital signs are the same for a seed, plausible, and follow the published course."""

from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.demo.signals import (
    BASELINE_SECONDS,
    CONTINUOUS,
    CUFF,
    PEAK_SECONDS,
    Scenario,
    course,
    session,
    subject,
    value,
)
from bothwell.monitoring import vitals

PEAK = BASELINE_SECONDS + PEAK_SECONDS


@given(st.integers(), st.sampled_from(CUFF + CONTINUOUS), st.floats(0, 4 * 3600), st.sampled_from(Scenario))
def test_every_value_is_plausible_and_told_the_same_again(seed, code, at_seconds, scenario) -> None:
    shown = value(seed, code, at_seconds, scenario)
    assert shown == value(seed, code, at_seconds, scenario)
    if shown is None:
        assert scenario is Scenario.PROBE_OFF
    else:
        assert vitals.plausible(code, shown).allowed


@given(st.integers(), st.floats(0, 4 * 3600), st.sampled_from(Scenario))
def test_the_pressures_of_one_cuff_reading_fit_together(seed, at_seconds, scenario) -> None:
    systolic, diastolic, middle = (value(seed, code, at_seconds, scenario) for code in CUFF)
    assert vitals.plausible_pressures(systolic, diastolic, middle).allowed


def test_the_course_peaks_at_forty_minutes_and_falls_back() -> None:
    assert course(-1) == course(0) == 0
    assert course(PEAK_SECONDS) == pytest.approx(1)
    minutes = [course(minute * 60) for minute in range(0, 181)]
    assert max(minutes) == minutes[40]
    assert minutes[:41] == sorted(minutes[:41])
    assert minutes[40:] == sorted(minutes[40:], reverse=True)
    assert 0.15 < minutes[150] < 0.25


def test_over_many_people_the_rise_is_the_published_mean() -> None:
    people = [subject(seed) for seed in range(2000)]
    assert mean(one.systolic_rise_mmhg for one in people) == pytest.approx(16.0, abs=0.7)
    assert mean(one.diastolic_rise_mmhg for one in people) == pytest.approx(11.0, abs=0.6)


def test_different_seeds_are_different_people() -> None:
    assert len({subject(seed) for seed in range(50)}) == 50


def test_the_pressure_story_passes_the_warning_limit_for_every_seed_where_the_quiet_one_does_not() -> None:
    for seed in range(40):
        start = value(seed, "systolic", 0, Scenario.PRESSURE)
        peak = value(seed, "systolic", PEAK, Scenario.PRESSURE)
        assert peak - start >= 30
        assert value(seed, "systolic", PEAK) < 165


def test_the_desaturation_story_falls_below_ninety_and_recovers() -> None:
    for seed in range(40):
        assert value(seed, "spo2", 25 * 60, Scenario.DESATURATION) <= 90
        assert value(seed, "spo2", 40 * 60, Scenario.DESATURATION) >= 95
        assert value(seed, "spo2", 25 * 60) >= 95


def test_a_loose_probe_silences_the_oximeter_for_forty_seconds_and_nothing_else() -> None:
    silent = [at for at in range(0, 3600) if value(3, "spo2", at, Scenario.PROBE_OFF) is None]
    assert silent == list(range(900, 940))
    assert value(3, "respiratory_rate", 910, Scenario.PROBE_OFF) is not None


def test_a_session_shows_the_cuff_at_its_interval_and_the_sensors_at_theirs() -> None:
    shown = list(session(5, until_seconds=1200, interval_seconds=2, cuff_interval_seconds=600))
    assert [one.at_seconds for one in shown if one.code == "systolic"] == [0, 600, 1200]
    assert [one.at_seconds for one in shown if one.code == "spo2"] == list(range(0, 1201, 2))
    assert [one.at_seconds for one in shown] == sorted(one.at_seconds for one in shown)
