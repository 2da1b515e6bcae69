"""Only adults enter care here, by whole years on the clinic's own date."""

from datetime import date

import pytest

from bothwell.enrolment.age import age_on, may_enter_care

TODAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("born_on", "age"),
    [(date(2020, 1, 1), 6), (date(2008, 11, 23), 18), (date(2008, 11, 24), 17), (date(2008, 2, 29), 18)],
)
def test_a_year_is_full_on_the_birthday(born_on: date, age: int) -> None:
    assert age_on(born_on, TODAY) == age
    assert bool(may_enter_care(born_on, TODAY)) == (age >= 18)


def test_a_child_is_named_by_their_age_and_the_year_is_asked_about() -> None:
    assert may_enter_care(date(2020, 1, 1), TODAY).reason == (
        "This person would be 6. Is the year right? The protocols here are for adults."
    )


@pytest.mark.parametrize("born_on", [date(2026, 11, 24), date(1900, 1, 1)])
def test_nobody_is_born_tomorrow_or_that_long_ago(born_on: date) -> None:
    assert "Check the year" in may_enter_care(born_on, TODAY).reason


def test_where_no_date_is_given_nobody_is_kept_out() -> None:
    assert may_enter_care(None, TODAY)
