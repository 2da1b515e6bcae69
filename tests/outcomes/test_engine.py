"""The likelihood and its derivatives, against whole matrices written out and against small steps."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.outcomes import kernel
from bothwell.outcomes.alike import alike
from bothwell.outcomes.covariance import Covariances, block, chain, covariances, structure_of, theta_of
from bothwell.outcomes.frame import Frame, Pattern
from bothwell.outcomes.objective import Objective, Profile, holder, objective, profile
from bothwell.outcomes.partial import partial
from bothwell.outcomes.robust import chunks
from bothwell.outcomes.start import start
from bothwell.outcomes.sums import compress, concat
from bothwell.outcomes.value import Point, Value, joint
from tests.outcomes import dense, frames

STEP = 1e-5

SHAPES = {
    "growth": lambda seed: frames.growth(12, 4, 0.2, seed),
    "growth, complete": lambda seed: frames.growth(60, 3, 0.0, seed),
    "growth, exchangeable, a covariate": lambda seed: frames.growth(
        12, 4, 0.2, seed, exchangeable=True, covariate=True
    ),
    "one intercept for both": lambda seed: frames.shared(12, 4, seed, 0.2),
    "pairs": lambda seed: frames.pairs(20, 0.2, seed),
    "pairs, exchangeable": lambda seed: frames.pairs(20, 0.2, seed, exchangeable=True),
    "pairs, one variance": lambda seed: frames.pairs(20, 0.2, seed, pattern=Pattern.NONE),
    "fading": lambda seed: replace(frames.growth(8, 4, 0.2, seed), is_autoregressive=True),
}
shapes = st.builds(lambda name, seed: SHAPES[name](seed), st.sampled_from(sorted(SHAPES)), st.integers(0, 99))


def wanted(frame: Frame, method: str) -> Objective:
    return objective(SimpleNamespace(method=method), frame)  # type: ignore[arg-type]


def drawn(frame: Frame, seed: int) -> tuple[np.ndarray, Covariances]:
    """Some effects and covariances, not near any maximum."""
    rng = np.random.default_rng(seed)
    q, p = frame.z.shape[2], frame.x.shape[2]
    g, r = rng.normal(size=(q, q)), rng.normal(size=(2, 2))
    fading = float(rng.uniform(-0.8, 0.8)) if frame.is_autoregressive else None
    return rng.normal(size=p), Covariances(g @ g.T, r @ r.T + 0.3 * np.eye(2), fading)


def asked(frame: Frame, beta: np.ndarray, at: Covariances) -> Value:
    return holder(frame).ask(Point(at, np.append(-beta, 1.0)[:, None]))


def rebuilt(frame: Frame, natural: np.ndarray) -> Covariances:
    q = frame.z.shape[2]
    size = q * (q + 1) // 2
    spread, residual = np.zeros((q, q)), np.zeros((2, 2))
    for matrix, entries in ((spread, natural[:size]), (residual, natural[size : size + 3])):
        i, j = np.tril_indices(len(matrix))
        matrix[i, j] = matrix[j, i] = entries
    return Covariances(spread, residual, float(natural[-1]) if frame.is_autoregressive else None)


def nearly(ours: np.ndarray, numeric: list[np.ndarray] | list[float], share: float = 2e-6) -> bool:
    scale = max(1.0, float(np.abs(ours).max()))
    return bool(np.abs(ours - np.array(numeric)).max() <= share * scale)


@settings(max_examples=30, deadline=None)
@given(shapes, st.integers(0, 99))
def test_the_likelihood_is_that_of_the_whole_matrices(frame: Frame, seed: int) -> None:
    beta, at = drawn(frame, seed)
    ours = joint(asked(frame, beta, at), beta).value
    plain = dense.log_likelihood(frame, at.residual, at.spread, at.autocorrelation or 0.0, beta=beta)
    assert ours == pytest.approx(plain, rel=1e-11)


@settings(max_examples=25, deadline=None)
@given(shapes, st.integers(0, 99))
def test_slope_and_curvature_of_effects_and_covariances_are_those_of_small_steps(
    frame: Frame, seed: int
) -> None:
    beta, at = drawn(frame, seed)
    p = len(beta)
    vector = np.concatenate([beta, at.natural()])

    def here(moved: np.ndarray):
        return joint(asked(frame, moved[:p], rebuilt(frame, moved[p:])), moved[:p])

    ours = here(vector)
    steps = STEP * np.eye(len(vector))
    both = [(here(vector + step), here(vector - step)) for step in steps]
    assert nearly(ours.gradient, [(up.value - down.value) / 2 / STEP for up, down in both])
    assert nearly(ours.hessian, [(up.gradient - down.gradient) / 2 / STEP for up, down in both])
    assert np.allclose(ours.hessian, ours.hessian.T, rtol=1e-10, atol=1e-10 * np.abs(ours.hessian).max())


def exact(wanted: Objective, theta: np.ndarray, weights: np.ndarray) -> Profile:
    return profile(wanted, theta, profile(wanted, theta, weights).weights)


@settings(max_examples=25, deadline=None)
@given(shapes, st.sampled_from(["ml", "reml"]), st.integers(0, 99))
def test_slope_and_curvature_of_the_profile_are_those_of_small_steps(
    frame: Frame, method: str, seed: int
) -> None:
    ours = wanted(frame, method)
    theta = np.random.default_rng(seed).normal(scale=0.5, size=ours.structure.size)
    none = np.zeros((len(frame.fixed) + 1, 0))
    here = exact(ours, theta, none)
    assert here.value == pytest.approx(
        dense.log_likelihood(
            frame,
            here.at.residual,
            here.at.spread,
            here.at.autocorrelation or 0.0,
            restricted=method == "reml",
        ),
        rel=1e-10,
    )
    both = [(exact(ours, theta + s, none), exact(ours, theta - s, none)) for s in STEP * np.eye(len(theta))]
    assert nearly(here.gradient, [(up.value - down.value) / 2 / STEP for up, down in both])
    assert nearly(here.hessian, [(up.gradient - down.gradient) / 2 / STEP for up, down in both])


@pytest.mark.parametrize("pattern", [Pattern.UNSTRUCTURED, Pattern.EXCHANGEABLE, Pattern.NONE])
def test_covariances_move_with_their_parameters_as_said(pattern: Pattern) -> None:
    frame = replace(frames.growth(3, 3), residual=pattern, is_autoregressive=True)
    structure = structure_of(frame)
    theta = np.random.default_rng(3).normal(size=structure.size)
    ours = chain(structure, theta)
    steps = STEP * np.eye(len(theta))
    first = [
        (covariances(structure, theta + s).natural() - covariances(structure, theta - s).natural()) / 2 / STEP
        for s in steps
    ]
    second = [
        (chain(structure, theta + s).first - chain(structure, theta - s).first) / 2 / STEP for s in steps
    ]
    assert nearly(ours.first.T, first)
    assert nearly(np.moveaxis(ours.second, 2, 0), second)


def test_parameters_and_matrices_say_the_same() -> None:
    frame = frames.growth(3, 3)
    structure = structure_of(frame)
    at = Covariances(frames.SPREAD, frames.RESIDUAL)
    back = covariances(structure, theta_of(structure, at, np.zeros(6)))
    assert np.allclose(back.spread, at.spread, atol=1e-14) and np.allclose(
        back.residual, at.residual, atol=1e-14
    )


def test_exchangeable_covariances_are_the_same_for_either_partner_whatever_the_parameters() -> None:
    of = block(Pattern.EXCHANGEABLE, 4, is_log=False)
    f = np.tensordot(np.random.default_rng(1).normal(size=of.size), of.basis, axes=1)
    g = f @ f.T
    turned = np.roll(np.roll(g, 2, axis=0), 2, axis=1)
    assert np.allclose(g, turned, atol=1e-14) and of.size == 6


@settings(max_examples=20, deadline=None)
@given(shapes, st.integers(1, 11), st.integers(0, 99))
def test_any_split_of_the_couples_adds_up_to_the_same(frame: Frame, each: int, seed: int) -> None:
    beta, at = drawn(frame, seed)
    whole = asked(frame, beta, at)
    parts = [asked(part, beta, at) for part in chunks(frame, each)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    for name in ("log_determinant", "cross", "d_log_determinant", "d_cross", "second"):
        ours, theirs = np.asarray(getattr(whole, name)), np.asarray(getattr(total, name))
        assert np.abs(ours - theirs).max(initial=0.0) <= 1e-12 * max(1.0, np.abs(ours).max(initial=0.0))
    assert (whole.couples, whole.occasions, whole.answers) == (total.couples, total.occasions, total.answers)


def test_sums_of_parts_can_be_put_together() -> None:
    frame = frames.growth(20, 4, 0.2)
    whole = compress(frame)
    parts = [compress(part, whole.layout) for part in chunks(frame, 7)]
    again = concat(parts)
    assert np.allclose(again.rows, whole.rows, rtol=1e-13) and again.n_answers == whole.n_answers
    other = compress(frames.growth(5, 3, exchangeable=True, covariate=True))
    with pytest.raises(ValueError, match="different layouts"):
        concat([whole, other])


def test_equal_columns_are_summed_once() -> None:
    assert len(compress(frames.growth(5, 4, 0.2)).layout.terms) == 28


def test_chunks_of_any_size_give_the_same_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frames.growth(30, 4, 0.2)
    beta, at = drawn(frame, 5)
    whole = asked(frame, beta, at)
    monkeypatch.setattr(kernel, "COUPLES", 7)
    again = asked(frame, beta, at)
    assert np.allclose(whole.second, again.second, rtol=1e-12)


def test_couples_with_the_same_gaps_told_together_say_the_same_as_one_by_one() -> None:
    frame = frames.growth(600, 3)
    late = frame.y.copy()
    late[(frame.couple % 5 == 0) & (frame.at == 2), 1] = np.nan
    frame = replace(frame, y=late)
    sums = compress(frame)
    few = alike(sums)
    assert few.rows.shape[1] < 60 < sums.rows.shape[1]
    beta, at = drawn(frame, 2)
    point = Point(at, np.append(-beta, 1.0)[:, None])
    one, other = partial(sums, point), partial(few, point)
    for name in ("log_determinant", "cross", "d_log_determinant", "d_cross", "second"):
        ours, theirs = np.asarray(getattr(one, name)), np.asarray(getattr(other, name))
        assert np.abs(ours - theirs).max() <= 1e-11 * np.abs(ours).max()
    assert other.couples == 600


def test_couples_with_gaps_of_their_own_are_left_one_by_one() -> None:
    sums = compress(frames.growth(200, 6, 0.3))
    assert alike(sums) is sums


def test_a_start_is_inside_every_boundary() -> None:
    frame = frames.growth(30, 4, 0.1, spread=np.zeros((4, 4)))
    begun = start(wanted(frame, "ml"))
    at = covariances(structure_of(frame), begun.theta)
    assert np.linalg.eigvalsh(at.spread).min() > 0 and np.linalg.eigvalsh(at.residual).min() > 0


def test_singular_spreads_are_no_trouble() -> None:
    frame = frames.growth(10, 4, 0.2)
    beta, _ = drawn(frame, 1)
    for spread in (np.zeros((4, 4)), np.ones((4, 4)), np.diag([1.0, 0.0, 2.0, 0.0])):
        ours = joint(asked(frame, beta, Covariances(spread, frames.RESIDUAL)), beta).value
        assert ours == pytest.approx(
            dense.log_likelihood(frame, frames.RESIDUAL, spread, beta=beta), rel=1e-11
        )
