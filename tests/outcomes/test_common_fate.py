"""A hidden level of the couple is estimated where there is one, and refused where answers hold none."""

from typing import Any

import numpy as np
import pytest

from bothwell.outcomes.caution import FEW
from bothwell.outcomes.common_fate import common_fate
from bothwell.outcomes.linear_covariance import likeliest
from bothwell.outcomes.report import of_common_fate, text
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit

FATE = Spec(Model.COMMON_FATE, "y", ("x",))
POOLED = Spec(Model.COMMON_FATE, "y", ("x",), distinguished=False)


def hidden(n: int, seed: int, slope: float = 0.6) -> dict[str, Any]:
    """Couples with a level of x and one of y that goes with it; persons add of their own, alike over x and y."""
    chance = np.random.default_rng(seed)
    level = chance.normal(size=n)
    other = slope * level + chance.normal(0, 0.7, n)
    own = chance.multivariate_normal([0, 0], [[0.8, 0.3], [0.3, 0.6]], (n, 2))
    return table(np.stack([level[:, None] + own[..., 0], other[:, None] + own[..., 1]], axis=2))


def table(values: Any) -> dict[str, Any]:
    n = len(values)
    return {
        "couple": np.repeat(np.arange(n), 2),
        "partner": np.tile(["a", "b"], n),
        "x": values[..., 0].ravel(),
        "y": values[..., 1].ravel(),
    }


@pytest.mark.parametrize("spec", [FATE, POOLED])
def test_the_truth_is_recovered(spec: Spec) -> None:
    found = common_fate(spec, hidden(20_000, 3))
    assert abs(found.slope - 0.6) < 4 * found.standard_error < 0.06
    assert found.predictor_variance == pytest.approx(1, abs=0.05)
    assert found.unexplained == pytest.approx(0.49, abs=0.04)
    assert found.correlation == pytest.approx(0.6 / np.sqrt(0.36 + 0.49), abs=0.03)
    assert found.slope_test.p < 1e-10


@pytest.mark.parametrize("spec", [FATE, POOLED])
def test_errors_are_as_large_as_the_scatter_of_estimates(spec: Spec) -> None:
    found = [common_fate(spec, hidden(150, seed)) for seed in range(300)]
    scatter = np.std([one.slope for one in found])
    assert np.mean([one.standard_error for one in found]) == pytest.approx(scatter, rel=0.2)
    inside = np.mean([abs(one.slope - 0.6) < 1.96 * one.standard_error for one in found])
    assert 0.91 < inside < 0.985


def test_of_few_couples_the_tests_say_so() -> None:
    found = common_fate(FATE, hidden(28, 4))
    assert found.fit_test and found.slope_test.note == found.fit_test.note == FEW and FEW in found.notes
    printed = text(of_common_fate(FATE, found))
    assert "statistic" not in printed and "  p\n" not in printed
    assert "note" not in text(of_common_fate(FATE, common_fate(FATE, hidden(60, 4))))


def test_without_roles_the_numbers_are_those_of_the_pooled_covariances() -> None:
    values = hidden(80, 5)
    found = common_fate(POOLED, values)
    x, y = (values[name].reshape(-1, 2) - values[name].mean() for name in "xy")
    crossed = (x[:, 0] @ y[:, 1] + x[:, 1] @ y[:, 0]) / 2
    assert found.slope == pytest.approx(crossed / (x[:, 0] @ x[:, 1]), rel=1e-8)
    assert found.fit_test is None


def test_a_true_model_fits_and_one_that_crosses_unevenly_does_not() -> None:
    fits = common_fate(FATE, hidden(400, 9)).fit_test
    assert fits and fits.df == 1 and fits.p > 0.01
    uneven = hidden(400, 9)
    uneven["y"][1::2] += 0.3 * uneven["x"][0::2]
    lost = common_fate(FATE, uneven).fit_test
    assert lost and lost.p < 1e-3


def test_couples_that_are_not_complete_are_left_out_and_it_is_said() -> None:
    values = {name: list(column) for name, column in hidden(60, 1).items()}
    values["y"][3] = None
    found = common_fate(FATE, values)
    assert found.n_couples == 59 and found.notes == ("1 of 60 couples are not complete and left out",)


def test_a_faint_level_is_said() -> None:
    chance = np.random.default_rng(8)
    for seed in range(40):
        level = np.random.default_rng(seed).normal(0, 0.3, 40)
        values = table(np.stack([level[:, None] + chance.normal(size=(40, 2)), 2 * level[:, None] + chance.normal(0, 0.4, (40, 2))], axis=2))  # fmt: skip
        try:
            found = common_fate(POOLED, values)
        except Unfit:
            continue
        if found.notes:
            assert "partners hardly agree on x" in found.notes[0]
            return
    pytest.fail("no table had a faint level")


def crossed(x: float, y: float, both: float) -> dict[str, Any]:
    """100 couples whose covariances across partners are exactly these."""
    sigma = np.array([[1, x, 0.1, both], [x, 1, both, 0.1], [0.1, both, 1, y], [both, 0.1, y, 1]])
    drawn = np.random.default_rng(2).normal(size=(100, 4))
    drawn -= drawn.mean(axis=0)
    drawn = drawn @ np.linalg.inv(np.linalg.cholesky(drawn.T @ drawn / 100)).T @ np.linalg.cholesky(sigma).T
    return table(drawn.reshape(100, 2, 2).swapaxes(1, 2))


@pytest.mark.parametrize("distinguished", [True, False])
@pytest.mark.parametrize(
    ("numbers", "said"),
    [
        ((-0.1, 0.4, 0.1), "column x: partners' answers do not rise and fall together"),
        ((0.4, -0.1, 0.1), "column y: partners' answers do not rise and fall together"),
        ((0.2, 0.2, 0.3), "improper: the two levels would correlate by 1.500"),
    ],
)
def test_what_holds_no_level_is_refused(
    numbers: tuple[float, float, float], said: str, distinguished: bool
) -> None:
    spec = FATE if distinguished else POOLED
    with pytest.raises(Unfit) as refusal:
        common_fate(spec, crossed(*numbers))
    assert said in str(refusal.value)


def test_a_model_without_enough_in_it_is_refused() -> None:
    two = Spec(Model.COMMON_FATE, "y", ("x", "z"))
    with pytest.raises(Unfit, match="one predictor"):
        common_fate(two, hidden(50, 1))
    with pytest.raises(Unfit, match="not identified"):
        common_fate(FATE, hidden(9, 1))
    with pytest.raises(Unfit, match="column x: no variation"):
        common_fate(FATE, hidden(50, 1) | {"x": np.ones(100)})
    with pytest.raises(Unfit, match="one wave"):
        common_fate(Spec(Model.COMMON_FATE, "y", ("x",), wave="w"), hidden(50, 1) | {"w": np.tile([1, 2], 50), "couple": np.repeat(np.arange(50), 2)})  # fmt: skip


def test_patterns_that_cannot_be_told_apart_are_not_identified() -> None:
    one = np.eye(2)
    with pytest.raises(Unfit, match="not identified"):
        likeliest(np.eye(2) * 2, 50, np.array([one, 2 * one]), np.array([0.5, 0.5]))


def test_a_start_far_away_reaches_the_same_top() -> None:
    sample = np.array([[2.0, 0.5], [0.5, 1.0]])
    patterns = np.array([np.diag([1.0, 0.0]), np.diag([0.0, 1.0]), np.array([[0.0, 1.0], [1.0, 0.0]])])
    found = likeliest(sample, 50, patterns, np.array([30.0, 0.05, 0.0]))
    assert found.theta == pytest.approx([2.0, 1.0, 0.5], rel=1e-6)
    assert found.log_likelihood_ratio == pytest.approx(0, abs=1e-8)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(2.0 * np.sqrt(2 / 50))
