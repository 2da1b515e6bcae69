"""What must not matter: who is named first, the order of couples and waves, the units of answers and predictors."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame
from tests.outcomes import frames

methods = st.sampled_from(["ml", "reml"])


def fitted(frame: Frame, method: str) -> Fit:
    return fit(SimpleNamespace(method=method), frame)  # type: ignore[arg-type]


def close(one: np.ndarray, other: np.ndarray, share: float = 1e-7) -> bool:
    return bool(np.abs(one - other).max(initial=0.0) <= share * max(1.0, np.abs(one).max(initial=0.0)))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 999), methods, st.lists(st.booleans(), min_size=30, max_size=30))
def test_exchangeable_partners_may_be_named_either_way_round(
    seed: int, method: str, turned: list[bool]
) -> None:
    for frame in (
        frames.growth(30, 4, 0.2, seed, exchangeable=True),
        frames.pairs(30, 0.1, seed, exchangeable=True),
    ):
        other = frames.swapped(frame)
        mixed = np.array(turned)[frame.couple % 30]
        some = replace(
            frame,
            y=np.where(mixed[:, None], other.y, frame.y),
            x=np.where(mixed[:, None, None], other.x, frame.x),
            z=np.where(mixed[:, None, None], other.z, frame.z),
        )
        one, two = fitted(frame, method), fitted(some, method)
        assert two.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-11)
        assert close(one.estimates, two.estimates) and close(one.covariance, two.covariance)
        assert close(one.covariance_robust, two.covariance_robust)
        assert close(one.spread, two.spread, 1e-5) and close(one.residual, two.residual, 1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), methods, st.booleans())
def test_the_order_of_couples_and_waves_does_not_matter(seed: int, method: str, fading: bool) -> None:
    frame = replace(frames.growth(30, 4, 0.2, seed), is_autoregressive=fading)
    rng = np.random.default_rng(seed)
    number = rng.permutation(frame.n_couples)[frame.couple]
    order = np.lexsort((rng.random(len(number)), number))
    x = frame.x[order]
    other = replace(frame, couple=number[order], at=frame.at[order], y=frame.y[order], x=x, z=x)
    one, two = fitted(frame, method), fitted(other, method)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, rel=1e-11)
    assert close(one.estimates, two.estimates) and close(one.covariance, two.covariance)
    assert close(one.spread, two.spread, 1e-5)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), methods, st.floats(1e-4, 1e4), st.floats(1e-4, 1e4))
def test_units_of_answers_and_of_time_only_change_units(
    seed: int, method: str, answer: float, time: float
) -> None:
    frame = frames.growth(30, 4, 0.2, seed)
    units = np.array([1.0, time, 1.0, time])
    x = frame.x * units
    one, two = fitted(frame, method), fitted(replace(frame, y=frame.y * answer, x=x, z=x), method)
    back = units / answer
    assert one.iterations == two.iterations or abs(one.iterations - two.iterations) <= 2
    assert close(one.estimates, two.estimates * back)
    assert close(one.covariance, two.covariance * np.outer(back, back))
    assert close(one.spread, two.spread * np.outer(back, back), 1e-5)
    assert close(one.residual, two.residual / answer**2, 1e-6)
    lost = two.n_answers - (4 if method == "reml" else 0)
    moved = two.log_likelihood + lost * np.log(answer) + (np.log(units).sum() if method == "reml" else 0.0)
    assert moved == pytest.approx(one.log_likelihood, abs=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 999), methods, st.floats(1e-5, 1e5))
def test_units_of_pairs_only_change_units(seed: int, method: str, unit: float) -> None:
    frame = frames.pairs(30, 0.1, seed)
    one, two = fitted(frame, method), fitted(replace(frame, y=frame.y * unit), method)
    assert close(one.estimates, two.estimates / unit) and close(one.residual, two.residual / unit**2)


@pytest.mark.parametrize("method", ["ml", "reml"])
def test_roles_may_be_named_either_way_round_too(method: str) -> None:
    frame = frames.growth(40, 4, 0.2)
    other = frames.swapped(frame)
    order = [2, 3, 0, 1]
    one, two = fitted(frame, method), fitted(replace(other, x=other.z), method)
    assert close(one.estimates, two.estimates[order]) and close(
        one.spread, two.spread[np.ix_(order, order)], 1e-6
    )
