"""Cross-lag: who stands beside the wave before, who cannot, and what is said about it."""

import numpy as np
import pytest

from bothwell.outcomes.frame import Pattern, frame
from bothwell.outcomes.invented import Paths, lagging, tidy
from bothwell.outcomes.lagged import CAVEAT, ONE_LEVEL
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit

WAVES = 4


def table(couples: int = 6, times: np.ndarray | None = None) -> dict[str, np.ndarray]:
    values = lagging(
        couples, np.random.default_rng(3), waves=WAVES, stability=Paths((0.5, 0.4)), influence=Paths()
    )
    return tidy(values, times, sides=("Ada", "Ben"))


def asked(**more: object) -> Spec:
    return Spec(Model.CROSS_LAG, "y", wave="wave", time="time", **more)  # type: ignore[arg-type]


def without(full: dict[str, np.ndarray], gone: np.ndarray) -> dict[str, np.ndarray]:
    return {name: column[~gone] for name, column in full.items()}


def test_each_answer_stands_beside_both_partners_answers_of_the_wave_before() -> None:
    full = table()
    made = frame(asked(predictors=("x",), distinguished=False), full)
    assert made.fixed == (
        "intercept",
        "actor y before",
        "partner y before",
        "actor x before",
        "partner x before",
    )
    y = full["y"].reshape(6, WAVES, 2)
    x = full["x"].reshape(6, WAVES, 2)
    np.testing.assert_array_equal(made.y.reshape(6, WAVES - 1, 2), y[:, 1:])
    np.testing.assert_array_equal(made.x[:, :, 1].reshape(6, WAVES - 1, 2), y[:, :-1])
    np.testing.assert_array_equal(made.x[:, :, 2].reshape(6, WAVES - 1, 2), y[:, :-1, ::-1])
    np.testing.assert_array_equal(made.x[:, :, 4].reshape(6, WAVES - 1, 2), x[:, :-1, ::-1])


def test_roles_have_their_own_stability_and_influence() -> None:
    made = frame(asked(), table())
    assert made.fixed[:3] == ("Ada: intercept", "Ada: actor y before", "Ada: partner y before")
    assert (made.residual, made.spread, made.z.shape[2]) == (Pattern.UNSTRUCTURED, Pattern.NONE, 0)


def test_the_first_wave_is_no_outcome_and_that_is_said() -> None:
    made = frame(asked(), table())
    assert set(made.at) == {1, 2, 3}
    assert made.left_out == ("each couple's first wave is no outcome: nothing came before it", ONE_LEVEL)


def test_a_wave_left_out_is_never_bridged() -> None:
    full = table()
    made = frame(asked(), without(full, (full["couple"] == 1) & (full["wave"] == 1)))
    assert list(made.at[made.couple == 1]) == [3]
    assert "nor are 1 waves whose couple left out the wave before" in made.left_out[0]


def test_an_answer_whose_partner_was_away_the_wave_before_is_left_out_and_said() -> None:
    full = table()
    gone = (full["couple"] == 1) & (full["wave"] == 1) & (full["partner"] == "Ben")
    made = frame(asked(), without(full, gone))
    of_couple = made.y[made.couple == 1]
    assert np.isnan(of_couple).sum() == 1  # Ben's own at wave 1; wave 2 is gone for both
    assert list(made.at[made.couple == 1]) == [1, 3]
    assert made.left_out[-1] == "2 of 35 answers of y are left out: a predictor is missing"


def test_uneven_steps_are_said() -> None:
    made = frame(asked(), table(times=np.array([0.0, 1.0, 3.0, 4.0])))
    assert "not evenly spaced (steps of 1, 2)" in made.left_out[1]
    assert len(frame(asked(), table(times=np.array([0.0, 2.0, 4.0, 6.0]))).left_out) == 2


def test_a_wave_is_a_wave_whatever_day_it_was_for_whom() -> None:
    full = table()
    day = full | {"time": 30.0 * full["wave"] + full["couple"] % 7 + 0.5 * (full["wave"] == 1)}
    one, other = frame(asked(), full), frame(asked(), day)
    assert one.y.tolist() == other.y.tolist() and one.x.tolist() == other.x.tolist()
    assert "steps of 29.5, 30, 30.5" in other.left_out[1]


def test_waves_named_by_words_follow_each_other_in_time() -> None:
    full = table()
    words = np.array(["start", "month", "half", "end"])[full["wave"]]
    assert frame(asked(), full | {"wave": words}).y.tolist() == frame(asked(), full).y.tolist()
    back = np.where(full["couple"] == 2, -full["time"], full["time"])
    with pytest.raises(Unfit, match="couple 2: the waves are in another order than their times"):
        frame(asked(), full | {"wave": words, "time": back})


def test_random_intercepts_come_with_their_caveat() -> None:
    made = frame(asked(random_intercepts=True), table())
    assert made.random == ("Ada: intercept", "Ben: intercept")
    np.testing.assert_array_equal(made.z[0], np.eye(2))
    assert CAVEAT in made.left_out
    assert ONE_LEVEL not in made.left_out and CAVEAT not in frame(asked(), table()).left_out


def test_one_wave_is_refused() -> None:
    full = table()
    with pytest.raises(Unfit, match="no couple has two waves in a row"):
        frame(asked(), without(full, full["wave"] > 0))
