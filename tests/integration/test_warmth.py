"""A warm word never counts against anybody: more done never says less, and nothing is said of what is not there."""

import re
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration.warmth import DONE, ORDINALS, WRITTEN, monday_of, warm_word

DAYS = st.lists(st.dates(date(2024, 1, 1), date(2028, 1, 1)), max_size=60)
HURTFUL = re.compile(
    r"\b(no|not|never|without|miss\w*|break|broken|lost|lose|only|but|should|again|behind|more than|less|since|last)\b",
    re.IGNORECASE,
)


def rank(words: str) -> int:
    """Where a word stands: nothing, the first week, … , many weeks."""
    if not words:
        return 0
    return next((n for n, said in enumerate(ORDINALS, 1) if words.startswith(said)), len(ORDINALS) + 1)


@given(DAYS, st.sampled_from([DONE, WRITTEN]))
def test_nothing_hurtful_is_ever_said(days: list[date], what: str) -> None:
    assert not HURTFUL.search(warm_word(days, what))


@given(DAYS, DAYS)
def test_more_done_never_says_less(days: list[date], more: list[date]) -> None:
    assert rank(warm_word(days + more, DONE)) >= rank(warm_word(days, DONE))


@given(DAYS, st.integers(-200, 200))
def test_it_knows_no_today_and_no_gaps(days: list[date], weeks: int) -> None:
    spread = [day + timedelta(weeks=weeks) for day in days]
    assert warm_word(spread, DONE) == warm_word(reversed(days), DONE)


@given(DAYS)
def test_who_did_it_how_often_in_a_week_makes_no_difference(days: list[date]) -> None:
    assert warm_word(days * 3, DONE) == warm_word({monday_of(day) for day in days}, DONE)


def test_it_begins_with_the_first_and_stops_counting_when_it_is_a_habit() -> None:
    first = date(2026, 3, 2)
    assert warm_word([], DONE) == ""
    assert warm_word([first], WRITTEN) == "First week with words for each other. There is room for the next."
    third = [first + timedelta(weeks=4 * number) for number in range(3)]
    assert warm_word(third, DONE).startswith("Third week with something the two of you did.")
    assert warm_word([first + timedelta(weeks=n) for n in range(30)], DONE).startswith("Many weeks")
