"""How long a safety task waits: never shorter for being less acute, and passed on again for as long as nobody acts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments.waiting import ACUTE, ASK_AGAIN, UNACKNOWLEDGED, level_due, patience

RAISED = datetime(2026, 3, 1, 14, 5, tzinfo=UTC)
MINUTES = st.integers(0, 60 * 24 * 14).map(lambda minutes: timedelta(minutes=minutes))


def test_the_times_are_the_clinics_to_confirm_and_say_so() -> None:
    assert (UNACKNOWLEDGED.within, ACUTE.within) == (timedelta(minutes=30), timedelta(minutes=10))
    assert all(one.must_be_confirmed and one.source for one in (UNACKNOWLEDGED, ACUTE, ASK_AGAIN))


def test_it_is_passed_on_at_the_minute_and_not_before() -> None:
    for is_acute in (True, False):
        within = patience(is_acute=is_acute)
        levels = [
            level_due(RAISED, RAISED + after, is_acute=is_acute, has_an_owner=True)
            for after in (timedelta(), within - timedelta(seconds=1), within, 2 * within, 5 * within)
        ]
        assert levels == [0, 0, 1, 2, 5]


def test_where_nobody_is_responsible_the_leads_are_told_at_once() -> None:
    assert level_due(RAISED, RAISED, is_acute=False, has_an_owner=False) == 1


@given(MINUTES, MINUTES, st.booleans())
def test_waiting_longer_never_lowers_the_level_and_acute_is_never_later(
    waited: timedelta, longer: timedelta, has_an_owner: bool
) -> None:
    def level(after: timedelta, is_acute: bool) -> int:
        return level_due(RAISED, RAISED + after, is_acute=is_acute, has_an_owner=has_an_owner)

    assert level(waited, True) >= level(waited, False)
    assert level(waited + longer, False) >= level(waited, False)
