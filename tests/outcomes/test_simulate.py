"""Invented answers have the truth they were drawn from; checked by moments, so that no fit is needed."""

from dataclasses import replace

import numpy as np
import pytest

from bothwell.outcomes.covariance import root
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.invented import (
    Paths,
    actor_partner,
    daily,
    following,
    growing,
    icc,
    lagging,
    mediated,
    shared_fate,
    tidy,
)
from bothwell.outcomes.simulate import Truth, answers, with_gaps
from bothwell.outcomes.spec import Model, Spec

MANY = 40_000
R = np.array([[1.0, 0.5], [0.5, 2.0]])
G = np.array([[2.0, 0.3, 0.5, 0.0], [0.3, 0.5, 0.0, 0.1], [0.5, 0.0, 1.0, 0.2], [0.0, 0.1, 0.2, 0.4]])
TIMES = np.array([0.0, 1.0, 3.0])


def random(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def growth_frame(couples: int) -> Frame:
    values = growing(couples, random(), times=TIMES, start=Paths(), change=Paths(), spread=np.eye(4))
    return frame(Spec(Model.GROWTH, "y", wave="wave", time="time"), tidy(values, TIMES))


def test_drawn_answers_have_the_models_own_covariance() -> None:
    """V = ZGZ′ + R on each occasion's diagonal block, worked out with every wave and partner in one matrix."""
    made = growth_frame(MANY)
    drawn = answers(made, Truth(np.array([1.0, 2.0, 3.0, 4.0]), R, G, autocorrelation=0.4), random(2))
    y = drawn.y.reshape(MANY, 6)
    line = made.z[:3].reshape(6, 4)
    fading = 0.4 ** np.abs(TIMES[:, None] - TIMES)
    np.testing.assert_allclose(np.cov(y.T), line @ G @ line.T + np.kron(fading, R), atol=0.2)
    np.testing.assert_allclose(y.mean(axis=0), [1, 3, 3, 7, 7, 15], atol=0.06)


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    made = growth_frame(5)
    truth = Truth(np.zeros(4), R, G)
    one, again, other = (answers(made, truth, random(seed)).y for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert (one != other).all()


def test_what_was_missing_stays_missing() -> None:
    made = growth_frame(5)
    made = replace(made, y=np.where(np.arange(30).reshape(15, 2) == 7, np.nan, made.y))
    drawn = answers(made, Truth(np.zeros(4), R, G), random())
    np.testing.assert_array_equal(np.isnan(drawn.y), np.isnan(made.y))


def test_a_singular_covariance_has_a_root_too() -> None:
    for covariance in (np.zeros((2, 2)), np.ones((2, 2)), R, G):
        half = root(covariance)
        np.testing.assert_allclose(half @ half.T, covariance, atol=1e-12)


def test_gaps_have_the_share_asked_for_and_lose_no_couple() -> None:
    made = growth_frame(4000)
    gaps = with_gaps(made, 0.2, random())
    later = np.diff(gaps.couple, prepend=-1) == 0
    n_later = 4000 * 2 * 2
    answered = int((~np.isnan(gaps.y[later])).sum())
    assert answered / n_later == pytest.approx(0.8, abs=0.012)  # 3.8 standard errors of 16,000 answers
    assert not np.isnan(gaps.y).all(axis=1).any()
    assert gaps.n_couples == made.n_couples and gaps.z is gaps.x


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = values.reshape(len(values), -1)
    return flat.mean(axis=0), np.cov(flat.T)


def test_alike_partners_are_as_alike_as_was_asked() -> None:
    mean, covariance = moments(icc(MANY, random(), residual=R, mean=3.0)["y"])
    np.testing.assert_allclose(mean, [3, 3], atol=0.04)
    np.testing.assert_allclose(covariance, R, atol=0.06)


def regressed(y: np.ndarray, *x: np.ndarray) -> np.ndarray:
    """Least squares of y on an intercept and each x."""
    columns = np.stack([np.ones(y.size), *(each.ravel() for each in x)], axis=1)
    return np.linalg.lstsq(columns, y.ravel(), rcond=None)[0]


def test_actor_and_partner_reach_the_side_they_belong_to() -> None:
    values = actor_partner(MANY, random(), paths=Paths((0.5, 0.1), (0.2, -0.3), (1.0, 2.0)))
    x, y = values["x"], values["y"]
    first = regressed(y[..., 0], x[..., 0], x[..., 1])
    second = regressed(y[..., 1], x[..., 1], x[..., 0])
    np.testing.assert_allclose(first, [1, 0.5, 0.2], atol=0.025)
    np.testing.assert_allclose(second, [2, 0.1, -0.3], atol=0.025)


def test_a_mediator_stands_between() -> None:
    values = mediated(
        MANY,
        random(),
        first=Paths((0.5, 0.5)),
        second=Paths((0.4, 0.4), (0.2, 0.2)),
        direct=Paths((0.1, 0.1)),
    )
    x, m, y = (values[name][:, 0, 0] for name in "xmy")
    np.testing.assert_allclose(regressed(m, x), [0, 0.5], atol=0.025)
    np.testing.assert_allclose(regressed(y, m, values["m"][:, 0, 1], x), [0, 0.4, 0.2, 0.1], atol=0.025)


def test_lines_grow_by_what_was_asked() -> None:
    made = growing(
        MANY,
        random(),
        times=TIMES,
        start=Paths(intercept=(1.0, 2.0)),
        change=Paths(actor=(0.3, 0.3), intercept=(0.5, -0.5)),
        spread=G,
        residual=R,
        autocorrelation=0.4,
    )
    mean, covariance = moments(made["y"] - 0.3 * made["x"] * TIMES[:, None])
    np.testing.assert_allclose(mean, [1, 2, 1.5, 1.5, 2.5, 0.5], atol=0.07)
    line = np.kron(np.eye(2), np.stack([np.ones(3), TIMES], axis=1))[[0, 3, 1, 4, 2, 5]]
    fading = 0.4 ** np.abs(TIMES[:, None] - TIMES)
    np.testing.assert_allclose(covariance, line @ G @ line.T + np.kron(fading, R), atol=0.2)


def test_a_diary_has_its_two_levels_apart() -> None:
    made = daily(
        8000, random(), days=5, within=Paths((0.5, 0.5)), between=Paths((-0.5, -0.5)), spread=0.1 * np.eye(2)
    )
    x, y = made["x"][..., 0], made["y"][..., 0]
    mean = x.mean(axis=1, keepdims=True)
    apart = regressed(y, x - mean, np.broadcast_to(mean, x.shape))
    np.testing.assert_allclose(apart, [0, 0.5, -0.5], atol=0.03)


def test_the_wave_before_reaches_on() -> None:
    made = lagging(
        8000, random(), waves=3, stability=Paths((0.5, 0.5), (0.2, 0.2)), influence=Paths((0, 0), (0.3, 0.3))
    )
    x, y = made["x"], made["y"]
    found = regressed(y[:, 2, 0], y[:, 1, 0], y[:, 1, 1], x[:, 1, 0], x[:, 1, 1])
    np.testing.assert_allclose(found, [0, 0.5, 0.2, 0, 0.3], atol=0.05)
    assert np.var(y[:, 0]) == pytest.approx(np.var(y[:, 2]), rel=0.06)  # already settled


def test_a_change_follows_and_none_goes_ahead() -> None:
    made = following(8000, random(), waves=4, ahead=Paths(partner=(0.4, 0.4)))
    m, y = made["m"], made["y"]
    moved = m[:, 2, 1] - m[:, 1, 1]
    found = regressed(y[:, 3, 0], y[:, 2, 0], moved)
    np.testing.assert_allclose(found, [0, 0.7, 0.4], atol=0.05)
    back = regressed(m[:, 3, 1], m[:, 2, 1], y[:, 2, 0] - y[:, 1, 0])
    assert abs(back[2]) < 0.05


def test_a_shared_fate_is_what_partners_have_in_common() -> None:
    made = shared_fate(MANY, random(), path=0.6)
    x, y = made["x"][:, 0], made["y"][:, 0]
    both = np.cov(np.concatenate([x, y], axis=1).T)
    np.testing.assert_allclose(both[:2, 2:], 0.6, atol=0.04)
    assert both[0, 1] == pytest.approx(1.0, abs=0.04) and both[2, 3] == pytest.approx(0.86, abs=0.04)


def test_the_long_table_has_two_rows_a_couple_and_wave() -> None:
    values = lagging(3, random(), waves=2, stability=Paths(), influence=Paths())
    table = tidy(values, np.array([0.0, 4.0]), ("Ada", "Ben"))
    assert list(table["couple"]) == [0] * 4 + [1] * 4 + [2] * 4
    assert list(table["partner"][:4]) == ["Ada", "Ben", "Ada", "Ben"]
    assert list(table["time"][:4]) == [0, 0, 4, 4]
    np.testing.assert_array_equal(table["y"], values["y"].ravel())
