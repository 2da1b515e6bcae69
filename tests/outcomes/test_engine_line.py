"""What is told of a line without asking again is what its couples would say."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bothwell.outcomes.frame import Frame
from bothwell.outcomes.objective import objective, profile, squared_scores
from bothwell.outcomes.origin import moments
from bothwell.outcomes.precision import weights_of
from bothwell.outcomes.start import start
from bothwell.outcomes.sums import compress
from tests.outcomes import frames

LINES = [
    frames.growth(70, 4, 0.2),
    frames.growth(300, 3),
    replace(frames.growth(40, 4, 0.1), is_autoregressive=True),
]


@pytest.mark.parametrize("frame", LINES)
@pytest.mark.parametrize("method", ["ml", "reml"])
def test_squared_scores_of_a_line_are_those_of_its_couples(frame: Frame, method: str) -> None:
    wanted = objective(SimpleNamespace(method=method), frame)  # type: ignore[arg-type]
    begun = start(wanted)
    here = profile(wanted, begun.theta, begun.weights)
    told = wanted.meat(here.at, here.beta)
    assert wanted.is_line and np.abs(squared_scores(wanted, here) - told).max() <= 1e-10 * np.abs(told).max()


def test_columns_that_are_the_same_array_are_the_same_as_equal_ones() -> None:
    frame = LINES[0]
    apart = replace(frame, z=frame.x.copy())
    wanted = objective(SimpleNamespace(method="ml"), apart)  # type: ignore[arg-type]
    assert not wanted.is_line and moments(apart) == moments(frame)
    for name in ("rows", "totals", "counts"):
        assert np.array_equal(getattr(compress(apart), name), getattr(compress(frame), name))


def test_totals_are_the_products_of_effects_columns_and_answers() -> None:
    frame = frames.growth(50, 4, 0.2, exchangeable=True, covariate=True)
    there = ~np.isnan(frame.y)
    w = np.where(there[:, :, None], np.concatenate([frame.x, frame.y[:, :, None]], axis=2), 0.0)
    both, across = there.all(axis=1), np.einsum("mi,mj->ij", w[:, 0], w[:, 1])
    wanted = [
        np.einsum("m,mi,mj->ij", both, w[:, 0], w[:, 0]), across + across.T,
        np.einsum("m,mi,mj->ij", both, w[:, 1], w[:, 1]),
        np.einsum("m,mi,mj->ij", ~both, w[:, 0], w[:, 0]), np.einsum("m,mi,mj->ij", ~both, w[:, 1], w[:, 1]),
    ]  # fmt: skip
    assert np.allclose(compress(frame).totals, wanted, rtol=1e-12, atol=1e-12)


def test_weights_move_as_the_inverse_does() -> None:
    residual, counts, h = np.array([[2.0, 0.7], [0.7, 1.5]]), np.array([40, 7, 5]), 1e-6
    here = weights_of(residual, counts)
    alone = counts[1] * np.log(residual[0, 0]) + counts[2] * np.log(residual[1, 1])
    assert np.isclose(here.log_determinant, counts[0] * np.linalg.slogdet(residual)[1] + alone, rtol=1e-14)
    for place, (i, j) in enumerate(((0, 0), (0, 1), (1, 1))):
        move = np.zeros((2, 2))
        move[i, j] = move[j, i] = h
        up, down = weights_of(residual + move, counts), weights_of(residual - move, counts)
        assert np.allclose((up.value - down.value) / (2 * h), here.first[:, place], atol=1e-8)
        assert np.allclose((up.first - down.first) / (2 * h), here.second[:, :, place], atol=1e-8)
        risen = (up.log_determinant - down.log_determinant) / (2 * h)
        assert np.isclose(risen, here.d_log_determinant[place], atol=1e-6)
        bent = (up.d_log_determinant - down.d_log_determinant) / (2 * h)
        assert np.allclose(bent, here.dd_log_determinant[:, place], atol=1e-6)


@pytest.mark.parametrize(
    "residual", [np.ones((2, 2)), np.zeros((2, 2)), np.array([[1.0, 0.0], [0.0, np.nan]])]
)
def test_a_residual_that_cannot_be_inverted_has_no_weights(residual: np.ndarray) -> None:
    with pytest.raises(np.linalg.LinAlgError):
        weights_of(residual, np.array([4, 0, 0]))
