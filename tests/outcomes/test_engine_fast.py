"""The compiled sums say what the plain ones say."""

from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest

from bothwell.outcomes import kernel
from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.kernel import Gathered
from bothwell.outcomes.sums import compress
from tests.outcomes import frames

fast = pytest.importorskip("bothwell.outcomes.fast", exc_type=ImportError)

SHAPES = [
    frames.growth(300, 4, 0.2),
    frames.growth(40, 4, 0.2, exchangeable=True, covariate=True),
    frames.growth(400, 3),
    frames.shared(140, 4, missing=0.2),
]


def assert_same(one: Gathered, other: Gathered) -> None:
    for each in fields(Gathered):
        a, b = np.asarray(getattr(one, each.name)), np.asarray(getattr(other, each.name))
        assert a.shape == b.shape and np.abs(a - b).max() <= 1e-12 * np.abs(a).max(), each.name


@pytest.mark.parametrize("frame", SHAPES)
@pytest.mark.parametrize("columns", [0, 1, 3])
def test_compiled_sums_are_the_plain_ones(frame: Frame, columns: int) -> None:
    sums = compress(frame)
    sums = replace(sums, repeats=np.random.default_rng(2).uniform(1, 3, sums.rows.shape[1]))
    q = sums.layout.q
    left, o = (
        np.linalg.cholesky(frames.SPREAD[:q, :q]),
        np.random.default_rng(1).normal(size=(sums.layout.width, columns)),
    )
    weights = np.array([1.0, -0.3, 0.8, 0.5, 0.6])
    assert_same(kernel.gather(sums, weights, left, o), fast.gather(sums, weights, left, o))
    singular = np.zeros((q, q))
    singular[0, 0] = 1.0
    assert_same(kernel.gather(sums, weights, singular, o), fast.gather(sums, weights, singular, o))


def test_blocks_on_several_processors_add_up_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    sums = compress(SHAPES[0])
    said = (sums, np.array([1.0, -0.3, 0.8, 0.5, 0.6]), np.linalg.cholesky(frames.SPREAD), np.ones((5, 1)))
    whole = fast.gather(*said)
    monkeypatch.setattr(fast, "COUPLES", 70)
    once, again = fast.gather(*said), fast.gather(*said)
    assert_same(whole, once)
    assert all(
        np.array_equal(getattr(once, each.name), getattr(again, each.name)) for each in fields(Gathered)
    )


@pytest.mark.parametrize("frame", SHAPES)
@pytest.mark.parametrize("method", ["ml", "reml"])
def test_a_compiled_fit_has_the_same_digits(frame: Frame, method: str) -> None:
    spec = SimpleNamespace(method=method)
    one, other = (fit(spec, frame, gathering) for gathering in (kernel.gather, fast.gather))  # type: ignore[arg-type]
    for name in (
        "estimates",
        "covariance",
        "covariance_observed",
        "covariance_robust",
        "residual",
        "log_likelihood",
    ):
        a, b = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert np.abs(a - b).max() <= 1e-9 * np.abs(a).max(), name


def test_very_many_couples_begin_at_some_of_them() -> None:
    frame = frames.growth(6500, 3, 0.2)
    found = fit(SimpleNamespace(method="ml"), frame, fast.gather)  # type: ignore[arg-type]
    assert found.converged and found.n_couples == frame.n_couples > 6000 and found.iterations <= 4
    assert np.allclose(found.spread, frames.SPREAD, atol=0.1) and np.allclose(
        found.residual, frames.RESIDUAL, atol=0.05
    )
