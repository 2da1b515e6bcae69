"""A monitor's clock is told wrong only when it is, and never while it merely catches up."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.monitoring import clocks
from bothwell.monitoring.clocks import Clock

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def heard(clock: Clock, begin: int, count: int, behind: float, delay: float = 0.2) -> Clock:
    """The clock after a monitor spoke every two seconds, with this error."""
    for second in range(begin, begin + 2 * count, 2):
        clock = clocks.look(clock, after(second - behind), after(second + delay))
    return clocks.from_json(clocks.to_json(clock))


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        (0, ""),
        (-55, ""),
        (59, ""),
        (300, "Its clock is 5 minutes behind ours. Its readings keep its own times: set its clock."),
        (-420, "Its clock is 7 minutes ahead of ours. Its readings keep its own times: set its clock."),
        (3600 + 1800, "Its clock is 90 minutes behind ours. Its readings keep its own times: set its clock."),
        (
            7 * 3600,
            "Its clock is 7 hours 0 minutes behind ours. Its readings keep its own times: set its clock.",
        ),
        (86400 * 400, "Its clock is 400 days behind ours. Its readings keep its own times: set its clock."),
    ],
)
def test_an_error_of_more_than_a_minute_is_told_in_words(behind: float, said: str) -> None:
    assert clocks.trouble(heard(Clock(), 0, 60, behind)) == said


def test_nothing_is_said_before_three_looks() -> None:
    assert clocks.behind(heard(Clock(), 0, 10, 600)) is None
    assert clocks.behind(heard(Clock(), 0, 16, 600)) is not None


def test_what_was_held_back_through_a_gap_does_not_make_the_clock_wrong() -> None:
    clock = heard(Clock(), 0, 60, 0)
    # Twenty minutes come in three: each look finds the lateness shrunken.
    for second in range(0, 180):
        clock = clocks.look(clock, after(120 + second * 20 / 3), after(1320 + second))
        assert clocks.trouble(clock) == ""
    assert clocks.trouble(heard(clock, 1520, 100, 0)) == ""


def test_a_value_told_again_and_again_with_its_old_time_says_nothing_of_the_clock() -> None:
    clock = heard(Clock(), 0, 30, 0)
    for second in range(60, 900, 10):
        clock = clocks.look(clock, after(58), after(second))
    assert clocks.trouble(clock) == ""


def test_a_clock_that_is_set_right_is_right_again_within_two_minutes() -> None:
    for error in (300, -300):
        wrong = heard(Clock(), 0, 100, error)
        assert clocks.trouble(wrong) != ""
        assert clocks.trouble(heard(wrong, 200, 60, 0)) == ""


def test_long_ago_does_not_count() -> None:
    wrong = heard(Clock(), 0, 60, 300)
    assert clocks.behind(heard(wrong, 7200, 6, 0)) is None


@settings(deadline=None)
@given(
    st.floats(-100_000, 100_000),
    st.lists(st.floats(0, 1.5), min_size=40, max_size=60),
)
def test_the_median_is_the_error_of_the_clock_but_for_the_way(error: float, delays: list[float]) -> None:
    clock = Clock()
    for number, delay in enumerate(delays):
        clock = clocks.look(clock, after(4 * number - error), after(4 * number + delay))
    found = clocks.behind(clock)
    assert found is not None
    assert -0.01 <= found.total_seconds() - error <= 1.51
    assert len(clock.looks) <= clocks.LOOKS
    assert clocks.from_json(clocks.to_json(clock)) == clock
