"""What is kept has few digits: an estimate stays what it is, and sums can no longer be solved for couples' answers."""

import math
from collections.abc import Iterator
from itertools import combinations_with_replacement
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.outcomes.coarse import alike, at_least, chance, effect, mean, scatter, step_of
from bothwell.outcomes.courses import band
from bothwell.outcomes.sentences import number
from bothwell.web.outcomes import _p
from bothwell.web.outcomes_files import _p as in_file
from tests.outcomes.many_couples import CHANGE, CSI, MOMENTS, PHQ, RELIABLE, asked, many

ESTIMATES = st.floats(-90, 90)
ERRORS = st.floats(0.001, 40)


def is_multiple(value: float, step: float) -> bool:
    return math.isclose(value / step, round(value / step), abs_tol=1e-6)


@given(ESTIMATES, ERRORS, st.integers(5, 60))
def test_rounding_moves_an_estimate_by_a_small_part_of_its_own_error(
    estimate: float, error: float, couples: int
) -> None:
    told = effect(estimate, error, df=couples, wide=2.0, couples=couples)
    share, step = (0.5, 0.2)[couples >= 30], step_of(error, couples)
    assert share * error / 2.6 < step <= share * error
    assert abs(told["estimate"] - estimate) <= step / 2 + 1e-9
    assert all(is_multiple(told[end], step) for end in ("estimate", "low", "high"))
    assert abs(told["se"] - error) <= 0.1 * error
    assert len(f"{told['se']:g}".replace(".", "").strip("0")) <= 2
    assert told["low"] <= told["estimate"] <= told["high"]


@given(ESTIMATES, ERRORS, st.integers(5, 60))
def test_an_interval_tells_nothing_that_its_estimate_and_error_do_not(
    estimate: float, error: float, couples: int
) -> None:
    told = effect(estimate, error, df=couples, wide=2.0, couples=couples)
    step = step_of(error, couples)
    for end, sign in (("low", -1), ("high", 1)):
        assert abs(told[end] - (told["estimate"] + sign * 2 * told["se"])) <= step / 2 + 1e-9


@given(ESTIMATES, ERRORS, st.integers(5, 60))
def test_a_mean_has_one_decimal_at_most(value: float, error: float, couples: int) -> None:
    told = mean(value, error, wide=2.0, couples=couples)
    assert all(is_multiple(each, 0.1) for each in told.values())
    assert abs(told["mean"] - value) <= max(0.05, error / 4) + 1e-9


def test_other_numbers_have_two_digits() -> None:
    assert [chance(p) for p in (0.04512, 0.2149, 0.00449, 0.00049)] == [0.045, 0.21, 0.004, 0.0]
    assert [_p(chance(p)) for p in (0.04512, 0.2149, 0.00049, 0.9999)] == [".045", ".21", "< .001", "1"]
    assert [in_file(p) for p in (None, 0.0, 0.045)] == ["", "< 0.001", 0.045]
    assert (scatter(3.2217, 12), alike(0.4321, 12)) == (3.2, 0.4)
    assert [at_least(n) for n in (5, 9, 10, 34)] == [5, 5, 10, 30]


@given(ESTIMATES, ERRORS, st.integers(5, 60))
def test_the_page_shows_every_kept_digit_and_no_other(estimate: float, error: float, couples: int) -> None:
    for kept in effect(estimate, error, df=couples, wide=2.0, couples=couples).values():
        assert float(number(kept).replace("−", "-")) == pytest.approx(kept, rel=1e-5)
        assert "e" not in number(kept) and len(number(kept).partition(".")[2]) <= 5


def fitting(told: dict[str, float], most: int, couples: int) -> int:
    """In how many ways couples' sums of two whole scores give this mean and this band."""
    return sum(
        band([(total, 0) for total in way]) == told
        for way in combinations_with_replacement(range(0, most + 1, 2), couples)
    )


@pytest.mark.parametrize("sums", [(4, 10, 18, 24, 30), (12, 14, 16, 22, 26), (0, 2, 2, 4, 30)])
def test_a_mean_and_its_band_fit_very_many_couples(sums: tuple[int, ...]) -> None:
    # Of even sums alone, which are a thirty-second of all. Six digits of both would leave a handful.
    assert fitting(band([(total, 0) for total in sums]), 40, 5) > 40


def test_a_mean_of_five_couples_is_no_exact_sum() -> None:
    assert band([(10, 11), (20, 3), (5, 9), (14, 14), (8, 2)]) == {
        "mean": 9.5,
        "low": 5.0,
        "high": 14.0,
    }  # of 96


# ── in what is kept ──────────────────────────────────────────────────────────────────────────────


def floats(result: Any) -> Iterator[float]:
    match result:
        case float():
            yield result
        case dict():
            for each in result.values():
                yield from floats(each)
        case list():
            for each in result:
                yield from floats(each)


@pytest.mark.django_db
@pytest.mark.parametrize("couples", [12, 34])
def test_no_number_that_is_kept_has_more_digits_than_it_is_sure_of(couples: int) -> None:
    made = many(couples)
    for question in (CHANGE, MOMENTS, RELIABLE):
        run = asked(made, question)
        assert run.state == "done", run.reason
        lines = run.result.get("table", [])
        for line in lines:
            # The error itself is rounded, by a tenth at most: the step is that of what it can have been.
            steps = {step_of(line["se"] / by, couples) for by in (1.1, 0.9)}
            assert any(is_multiple(line["estimate"], step) for step in steps), (line, steps)
        points = [each for key in (PHQ, CSI) for each in run.result["courses"][key]]
        assert points and all(
            is_multiple(each[name], 0.1) for each in points for name in ("mean", "low", "high")
        )
        assert all(each["couples"] % 5 == 0 for each in points)
        assert "df" not in str(sorted({key for line in lines for key in line}))
        assert all(
            len(f"{each:g}".strip("-").replace(".", "").strip("0")) <= 4 for each in floats(run.result)
        )
