"""The diary's split: what is usual for a person and what is unlike them that day."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bothwell.outcomes.frame import Pattern, frame
from bothwell.outcomes.invented import Paths, daily, tidy
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.waves import is_shared, is_steady, usual

DAYS = 5


def table(couples: int = 6) -> dict[str, np.ndarray]:
    values = daily(
        couples, np.random.default_rng(4), days=DAYS, within=Paths(), between=Paths(), spread=np.eye(2)
    )
    return tidy(values, sides=("Ada", "Ben"))


def asked(*predictors: str, **more: object) -> Spec:
    return Spec(Model.DIARY, "y", predictors, wave="wave", **more)  # type: ignore[arg-type]


def test_each_predictor_is_split_for_oneself_and_the_partner() -> None:
    full = table()
    made = frame(asked("x", distinguished=False), full)
    assert made.fixed == (
        "intercept",
        "actor x within",
        "partner x within",
        "actor x between",
        "partner x between",
    )
    x = full["x"].reshape(6, DAYS, 2)
    mean = np.repeat(x.mean(axis=1, keepdims=True), DAYS, axis=1).reshape(-1, 2)
    np.testing.assert_allclose(made.x[:, :, 3], mean)
    np.testing.assert_allclose(made.x[:, :, 4], mean[:, ::-1])
    np.testing.assert_allclose(made.x[:, :, 1] + made.x[:, :, 3], x.reshape(-1, 2))


def test_each_partner_has_an_intercept_fixed_and_random() -> None:
    made = frame(asked("x"), table())
    assert made.random == ("Ada: intercept", "Ben: intercept")
    assert made.fixed[0] == "Ada: intercept" and made.fixed[5] == "Ben: intercept"
    np.testing.assert_array_equal(made.z[3], np.eye(2))
    assert made.spread is Pattern.UNSTRUCTURED


def test_slopes_of_ones_own_day_may_differ_between_people() -> None:
    made = frame(asked("x", random_slopes=True, distinguished=False), table())
    assert made.random == ("1: intercept", "1: actor x within", "2: intercept", "2: actor x within")
    np.testing.assert_array_equal(made.z[:, 0, 1], made.x[:, 0, 1])
    np.testing.assert_array_equal(made.z[:, 1, :2], np.zeros((6 * DAYS, 2)))
    assert made.spread is Pattern.EXCHANGEABLE


def test_a_split_made_before_enters_as_covariates() -> None:
    """Dual intercepts with one's own parts alone, as in the textbook's example."""
    full = table()
    made = frame(asked("x"), full)
    names = ("x within", "x between")
    split = {name: np.empty(len(full["x"])) for name in names}
    for name in names:
        place = made.fixed.index(f"Ada: actor {name}"), made.fixed.index(f"Ben: actor {name}")
        split[name] = np.stack([made.x[:, side, place[side]] for side in (0, 1)], axis=1).ravel()
    own = frame(asked(covariates=names), full | split)
    assert own.fixed[:3] == ("Ada: intercept", "Ada: x within", "Ada: x between")


def test_a_day_on_which_the_partner_was_silent_is_left_out_and_said() -> None:
    full = table()
    full["x"][0] = np.nan  # Ada, couple 0, day 0
    made = frame(asked("x"), full)
    assert made.left_out == ("2 of 60 answers of y are left out: a predictor is missing",)


def test_a_predictor_that_never_changes_has_nothing_within() -> None:
    full = table()
    full["x"] = np.repeat(np.random.default_rng(5).standard_normal((6, 1, 2)), DAYS, axis=1).ravel()
    with pytest.raises(Unfit, match="column x: the same every day"):
        frame(asked("x"), full)


@given(arrays(float, (12, 2), elements=st.floats(-9, 9) | st.just(float("nan"))))
def test_deviations_add_to_nought_and_means_are_steady(values: np.ndarray) -> None:
    couple = np.repeat([0, 1, 2], 4)
    mean = usual(values, couple)
    gone = np.isnan(values)
    away = np.where(gone, 0, values - mean)
    for one in range(3):
        np.testing.assert_allclose(away[couple == one].sum(axis=0), 0, atol=1e-12)
    assert is_steady(np.where(gone, np.nan, mean), couple)


def test_what_both_have_wherever_both_answered_is_shared() -> None:
    assert is_shared(np.array([[1.0, 1.0], [2.0, np.nan], [3.0, 3.0]]))
    assert not is_shared(np.array([[1.0, 1.0], [2.0, 2.5]]))
    assert not is_shared(np.array([[1.0, np.nan]]))


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("origin", [0.0, 1e6])
def test_what_is_steady_depends_neither_on_the_unit_nor_on_where_it_begins(
    unit: float, origin: float
) -> None:
    full = np.random.default_rng(6).standard_normal((6, 1, 2))
    couple = np.repeat(np.arange(6), DAYS)
    steady = np.repeat(full, DAYS, axis=1).reshape(-1, 2)
    moving = steady + 1e-3 * np.random.default_rng(7).standard_normal(steady.shape)
    assert is_steady((origin + steady) * unit, couple)
    assert not is_steady((origin + moving) * unit, couple)
    moving[3] = np.nan
    assert not is_steady((origin + moving) * unit, couple)
    assert is_steady(np.full((30, 2), np.nan), couple)
