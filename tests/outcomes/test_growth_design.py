"""The design of growth: lines of two partners, what moves their start and change, and who may be missing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import Frame, Pattern, frame
from bothwell.outcomes.invented import Paths, growing, tidy
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit

WEEKS = np.array([0.0, 2.0, 4.0])


def table(couples: int = 5, **more: np.ndarray) -> dict[str, np.ndarray]:
    values = growing(
        couples, np.random.default_rng(1), times=WEEKS, start=Paths(), change=Paths(), spread=np.eye(4)
    )
    return tidy(values | more, WEEKS, sides=("Ada", "Ben"))


def asked(**more: object) -> Spec:
    return Spec(Model.GROWTH, "y", wave="wave", time="time", **more)  # type: ignore[arg-type]


def test_each_partner_has_a_line_of_their_own() -> None:
    made = frame(asked(), table())
    assert made.fixed == ("Ada: intercept", "Ada: time", "Ben: intercept", "Ben: time")
    assert made.random == made.fixed
    assert made.z is made.x
    np.testing.assert_array_equal(made.x[1], [[1, 2, 0, 0], [0, 0, 1, 2]])
    assert made.spread is Pattern.UNSTRUCTURED and made.residual is Pattern.UNSTRUCTURED


def test_where_nothing_tells_partners_apart_they_share_the_line_and_not_the_chance() -> None:
    made = frame(asked(distinguished=False), table())
    assert made.fixed == ("intercept", "time")
    np.testing.assert_array_equal(made.x[2], [[1, 4], [1, 4]])
    np.testing.assert_array_equal(made.z[2], [[1, 4, 0, 0], [0, 0, 1, 4]])
    assert made.spread is Pattern.EXCHANGEABLE and made.residual is Pattern.EXCHANGEABLE


def test_a_steady_predictor_moves_start_and_change_of_both() -> None:
    made = frame(asked(predictors=("x",), distinguished=False), table())
    assert made.fixed == (
        "intercept",
        "time",
        "actor x",
        "partner x",
        "actor x × time",
        "partner x × time",
    )
    own = made.x[:, :, 2]
    np.testing.assert_array_equal(made.x[:, :, 3], own[:, ::-1])
    np.testing.assert_allclose(made.x[:, :, 4], own * made.at[:, None])


def test_what_a_couple_shares_enters_once() -> None:
    dose = np.repeat(np.arange(5.0)[:, None, None], 3, axis=1).repeat(2, axis=2)
    made = frame(asked(predictors=("dose",), distinguished=False), table(dose=dose))
    assert made.fixed == ("intercept", "time", "dose", "dose × time")


def test_what_varies_over_the_waves_moves_the_level_only() -> None:
    sleep = np.random.default_rng(2).standard_normal((5, 3, 2))
    made = frame(asked(predictors=("sleep",), covariates=("x",), distinguished=False), table(sleep=sleep))
    assert made.fixed == ("intercept", "time", "actor sleep", "partner sleep", "x")


def test_a_partners_missing_wave_leaves_the_others_answer_in() -> None:
    """The partner who was not there has the same steady value as at the other waves."""
    full = table()
    gone = (full["couple"] == 2) & (full["wave"] == 1) & (full["partner"] == "Ada")
    made = frame(asked(predictors=("x",)), {name: column[~gone] for name, column in full.items()})
    whole = frame(asked(predictors=("x",)), full)
    row = np.flatnonzero((made.couple == 2) & (made.at == 2))[0]
    assert np.isnan(made.y[row, 0])
    np.testing.assert_allclose(made.x[row, 1], whole.x[row, 1])
    assert made.left_out == ()


@given(st.permutations(range(30)))
def test_the_order_of_rows_changes_nothing(order: list[int]) -> None:
    full = table()
    spec = asked(predictors=("x",))
    same(frame(spec, {name: column[order] for name, column in full.items()}), frame(spec, full))


def same(one: Frame, other: Frame) -> None:
    for name in ("couple", "at", "y", "x", "z"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.data_hash == other.data_hash


def test_moderators_are_refused() -> None:
    with pytest.raises(Unfit, match="no moderators"):
        frame(asked(predictors=("x",), moderators=("sleep",)), table(sleep=np.ones((5, 3, 2))))


@pytest.mark.parametrize("seed", [1, 7, 9, 39])
def test_alike_partners_with_next_to_no_spread_are_fitted_on_the_boundary(seed: int) -> None:
    """Seeds at which one way of differing has no variance; and it does not matter who is named first."""
    residual = np.array([[2.0, 0.6], [0.6, 2.0]])
    values = growing(
        30,
        np.random.default_rng(seed),
        times=np.array([0.0, 1.0, 2.0]),
        start=Paths(),
        change=Paths(intercept=(0.3, 0.3)),
        spread=0.02 * np.eye(4),
        residual=residual,
    )
    swap = np.arange(30)[:, None, None] % 2 == 0
    other = {name: np.where(swap, column[..., ::-1], column) for name, column in values.items()}
    spec = asked(distinguished=False, predictors=("x",))
    one, two = (fit(spec, frame(spec, tidy(each))) for each in (values, other))
    assert one.converged and two.converged
    assert "no variance" in one.notes[0] or "as zero" in one.notes[0]
    assert one.log_likelihood == pytest.approx(two.log_likelihood, abs=1e-7)
