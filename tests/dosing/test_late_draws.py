"""A draw written down afterwards: only where it can have been, with a reason and a second signature."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.dosing import late_draws
from bothwell.dosing.late_draws import LateDraw

CHARTED = datetime(2026, 3, 6, 14, 5, 20, tzinfo=UTC)


def late(**other: object) -> LateDraw:
    """Drawn a minute before the charted dose, out of a vial that came the day before; written two hours later."""
    said: dict[str, object] = {
        "at": CHARTED.replace(minute=4, second=0), "now": CHARTED + timedelta(hours=2),
        "arrived_at": CHARTED - timedelta(hours=1), "charted_at": CHARTED,
        "received_on": date(2026, 3, 5), "opened_at": None, "agreed_at": None, "is_signed": True, "reason": "Said aloud",
    }  # fmt: skip
    return LateDraw(**(said | other))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({}, ""),
        ({"at": CHARTED.replace(second=0)}, ""),
        ({"at": CHARTED.replace(minute=6, second=0)}, "charted at 14:05"),
        ({"at": CHARTED - timedelta(minutes=61)}, "The person came at 06 Mar 13:05"),
        ({"arrived_at": CHARTED.replace(minute=4, second=50)}, ""),
        ({"received_on": date(2026, 3, 7)}, "came only on 07 Mar 2026"),
        ({"opened_at": CHARTED.replace(minute=4, second=30)}, ""),
        ({"opened_at": CHARTED + timedelta(minutes=10)}, "opened only 06 Mar 14:15"),
        ({"agreed_at": CHARTED + timedelta(minutes=30)}, "it came from another"),
        ({"agreed_at": CHARTED - timedelta(days=1)}, ""),
        ({"reason": "  "}, "Write why"),
        ({"is_signed": False}, "A second person must sign"),
        ({"at": CHARTED + timedelta(hours=3)}, "has not come yet"),
    ],
)
def test_a_draw_is_written_afterwards_only_where_it_can_have_been(
    other: dict[str, object], words: str
) -> None:
    found = late_draws.may_be_written(late(**other))
    assert bool(found) is (words == ""), found.reason
    assert words in found.reason


@given(st.integers(0, 200_000), st.integers(0, 200_000), st.integers(1, 2_000))
def test_what_lacks_of_a_charted_dose_is_never_less_than_a_syringe_can_tell(
    charted_ug: int, drawn_ug: int, step_ug: int
) -> None:
    lacking = late_draws.undrawn_ug(charted_ug, drawn_ug, step_ug)
    assert lacking == 0 or lacking >= step_ug
    assert (lacking == 0) is (charted_ug - drawn_ug < step_ug)


@pytest.mark.parametrize(
    ("earlier_ug", "given_ug", "may"),
    [
        (0, 34_000, True),
        (0, 34_500, True),
        (0, 35_000, False),
        (15_000, 19_000, True),
        (15_000, 20_000, False),
    ],
)
def test_no_more_is_given_than_is_charted_and_one_step_of_a_syringe(
    earlier_ug: int, given_ug: int, may: bool
) -> None:
    found = late_draws.may_be_given(34_000, earlier_ug, given_ug, 500)
    assert bool(found) is may
    assert may or f"{(earlier_ug + given_ug) / 1000:.2f} mg would be given" in found.reason


@pytest.mark.parametrize(
    ("reckoned_ug", "given_ug", "agrees"),
    [
        (35_000, 35_400, True),
        (35_000, 34_000, False),
        (34_700, 34_000, False),
        (14_000, 14_000, True),
        (14_000, 16_250, True),
        (14_000, 11_750, True),
        (14_000, 16_251, False),
        (14_000, 35_000, False),
        (None, 14_000, True),
        (None, 35_000, True),
        (None, 35_500, False),
    ],
)
def test_what_ran_in_is_compared_to_a_step_and_a_twentieth_of_the_dose(
    reckoned_ug: int | None, given_ug: int, agrees: bool
) -> None:
    assert late_draws.is_as_reckoned(35_000, reckoned_ug, given_ug, 500) is agrees
