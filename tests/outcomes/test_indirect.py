"""Through whom it goes: products and sums of paths, checked against published digits and against their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bothwell.outcomes.indirect import PATHS, SIMPLE, Way, delta_errors, derived, drawn, jacobian, limits

# Acitelli's couples, view of the other → tension → satisfaction: each path of husband and wife.
PUBLISHED = np.array(
    [
        [-0.39740, -0.46941],
        [-0.28956, -0.26765],
        [-0.25024, -0.35124],
        [-0.12854, -0.09442],
        [0.29054, 0.18548],
        [0.12885, 0.18994],
    ]
)
WAYS = list(Way)
small = st.floats(-2, 2, allow_subnormal=False)


def of(values: np.ndarray, way: Way) -> np.ndarray:
    return values[..., WAYS.index(way), :]


@pytest.mark.parametrize(
    ("way", "husband", "wife"),
    [
        (Way.AA, 0.099, 0.165),
        (Way.PP, 0.034, 0.027),
        (Way.AP, 0.060, 0.038),
        (Way.PA, 0.072, 0.094),
        (Way.OWN_SHARE, 0.315, 0.509),
        (Way.PARTNER_SHARE, 0.508, 0.409),
    ],
)
def test_the_published_paths_give_the_published_indirect_effects(
    way: Way, husband: float, wife: float
) -> None:
    assert of(derived(PUBLISHED), way) == pytest.approx([husband, wife], abs=5.1e-4)


def test_a_path_through_the_partner_uses_the_partners_own_mediator() -> None:
    """Side 0's X reaches side 1's M (a partner of side 1), and that reaches side 0's Y (b partner of side 0)."""
    paths = np.zeros((6, 2))
    paths[PATHS.index("a partner"), 1] = 2
    paths[PATHS.index("b partner"), 0] = 3
    expected = np.zeros((12, 2))
    for way in (Way.PP, Way.OWN_INDIRECT, Way.OWN_TOTAL):
        expected[WAYS.index(way), 0] = 6
    found = derived(paths)
    expected[WAYS.index(Way.OWN_SHARE) :] = [[1, np.nan], [np.nan, np.nan]]
    np.testing.assert_array_equal(found, expected)


@given(arrays(float, (6, 2), elements=small))
def test_swapping_the_sides_of_the_paths_swaps_the_sides_of_the_effects(paths: np.ndarray) -> None:
    np.testing.assert_array_equal(derived(paths[:, ::-1]), derived(paths)[:, ::-1])


@given(arrays(float, (6, 1), elements=small))
def test_partners_that_nothing_tells_apart_have_one_set_of_effects(paths: np.ndarray) -> None:
    both = derived(np.repeat(paths, 2, axis=1))
    np.testing.assert_array_equal(both, np.repeat(derived(paths), 2, axis=1))


@given(arrays(float, (6, 2), elements=st.floats(0.1, 2)))
def test_the_totals_are_what_solving_the_two_equations_gives(paths: np.ndarray) -> None:
    """y = B(Ax) + Cx with 2 × 2 matrices: own paths on the diagonal, partner paths beside it."""
    a, b, c = (
        np.array([[actor[0], partner[0]], [partner[1], actor[1]]])
        for actor, partner in zip(paths[::2], paths[1::2], strict=True)
    )
    total = b @ a + c
    found = derived(paths)
    np.testing.assert_allclose(of(found, Way.OWN_TOTAL), np.diag(total), rtol=1e-12)
    np.testing.assert_allclose(of(found, Way.PARTNER_TOTAL), [total[0, 1], total[1, 0]], rtol=1e-12)


@given(arrays(float, 12, elements=st.floats(0.1, 2)))
def test_the_complex_step_agrees_with_a_difference_quotient(at: np.ndarray) -> None:
    def flat(theta: np.ndarray) -> np.ndarray:
        return derived(theta.reshape(*theta.shape[:-1], 6, 2)).reshape(*theta.shape[:-1], -1)

    steps = 1e-6 * np.eye(12)
    numeric = np.stack([(flat(at + s) - flat(at - s)) / 2e-6 for s in steps], axis=-1)
    np.testing.assert_allclose(jacobian(flat, at), numeric, rtol=1e-6, atol=1e-7)


def test_sobels_error_of_the_husbands_own_path_is_the_published_one() -> None:
    covariance = np.diag([0.10767**2, 0.04681**2])
    error = delta_errors(lambda t: t[..., :1] * t[..., 1:], np.array([-0.39740, -0.25024]), covariance)
    assert 0.39740 * 0.25024 / error[0] == pytest.approx(3.037, abs=5e-4)


def test_drawn_coefficients_have_the_mean_and_covariance_asked_for() -> None:
    covariance = np.array([[1.0, 0.5, 0.0], [0.5, 2.0, 0.0], [0.0, 0.0, 0.0]])
    sample = drawn(lambda t: t, np.array([1.0, 2.0, 3.0]), covariance, np.random.default_rng(1), 40_000)
    np.testing.assert_allclose(sample.mean(axis=0), [1, 2, 3], atol=0.03)
    np.testing.assert_allclose(np.cov(sample.T), covariance, atol=0.05)
    assert np.ptp(sample[:, 2]) < 1e-6


def test_limits_of_a_normal_sample_are_where_the_normal_table_says() -> None:
    sample = np.random.default_rng(2).standard_normal((200_000, 1))
    np.testing.assert_allclose(limits(sample)[:, 0], [-1.96, 1.96], atol=0.02)
    np.testing.assert_allclose(limits(sample, 0.5)[:, 0], [-0.6745, 0.6745], atol=0.01)


def test_there_are_four_simple_ways() -> None:
    assert [way.value for way in SIMPLE] == ["AA", "PP", "AP", "PA"]
