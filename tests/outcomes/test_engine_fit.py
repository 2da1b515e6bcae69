"""What a fit says: the maximum, its errors, and the truth about maxima on a boundary."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bothwell.outcomes.covariance import Covariances
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, Pattern
from bothwell.outcomes.objective import objective, profile
from bothwell.outcomes.robust import effects, scores
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import dense, frames

ML, REML = SimpleNamespace(method="ml"), SimpleNamespace(method="reml")

SHAPES = [
    frames.growth(40, 5, 0.2),
    frames.growth(40, 5, 0.2, exchangeable=True, covariate=True),
    frames.shared(40, 4, missing=0.2),
    frames.pairs(50, 0.2),
    frames.pairs(50, exchangeable=True),
    replace(frames.growth(30, 5, 0.1), is_autoregressive=True),
]


def likelihood(frame: Frame, found: Fit, at: Covariances) -> float:
    fading = at.autocorrelation or 0.0
    return dense.log_likelihood(frame, at.residual, at.spread, fading, restricted=found.spec.method == "reml")


def at_of(found: Fit) -> Covariances:
    return Covariances(found.spread, found.residual, found.autocorrelation)


def fitted(frame: Frame, spec: SimpleNamespace) -> Fit:
    return fit(spec, frame)  # type: ignore[arg-type]


@pytest.mark.parametrize("spec", [ML, REML])
@pytest.mark.parametrize("frame", SHAPES)
def test_the_maximum_is_one_written_out_and_higher_than_everything_near(
    frame: Frame, spec: SimpleNamespace
) -> None:
    found = fitted(frame, spec)
    assert found.converged and found.gradient_norm < 1e-6
    assert found.log_likelihood == pytest.approx(likelihood(frame, found, at_of(found)), rel=1e-11)
    ours = objective(spec, frame)  # type: ignore[arg-type]
    rng = np.random.default_rng(1)
    none = np.zeros((len(frame.fixed) + 1, 0))
    for _ in range(20):
        near = found.theta + rng.normal(scale=1e-3, size=len(found.theta))
        assert profile(ours, near, none).value < found.log_likelihood


def closed_growth(frame: Frame, restricted: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The solution of complete waves, by turning them into level, slope and what is left (effects, G, R)."""
    waves = int((frame.couple == 0).sum())
    n = frame.n_couples
    y = frame.y.reshape(n, waves, 2)
    q, r = np.linalg.qr(np.stack([np.ones(waves), frame.at[:waves]], axis=1), mode="complete")
    turned = np.einsum("tk,nts->nks", q, y)
    rest = turned[:, 2:].reshape(-1, 2)
    residual = rest.T @ rest / len(rest)
    level = turned[:, :2].swapaxes(1, 2).reshape(n, 4)  # side by side: level and slope of A, then of B
    spread = np.cov(level.T, ddof=1 if restricted else 0)
    back = np.kron(np.eye(2), np.linalg.inv(r[:2]))
    return back @ level.mean(axis=0), back @ (spread - np.kron(residual, np.eye(2))) @ back.T, residual


@pytest.mark.parametrize("spec", [ML, REML])
def test_complete_waves_have_the_closed_solution(spec: SimpleNamespace) -> None:
    frame = frames.growth(150, 5)
    found = fitted(frame, spec)
    beta, spread, residual = closed_growth(frame, spec.method == "reml")
    assert np.linalg.eigvalsh(spread).min() > 0
    assert np.allclose(found.estimates, beta, atol=1e-9)
    assert np.allclose(found.spread, spread, atol=1e-8) and np.allclose(found.residual, residual, atol=1e-9)
    assert found.iterations <= (0 if spec is ML else 5)


def test_complete_waves_whose_closed_solution_is_no_covariance_end_at_the_constrained_maximum() -> None:
    frame = frames.growth(40, 4, seed=3, spread=np.diag([0.3, 0.0, 0.3, 0.0]))
    _, spread, _ = closed_growth(frame, False)
    assert np.linalg.eigvalsh(spread).min() < 0
    found = fitted(frame, ML)
    assert found.converged and np.linalg.eigvalsh(found.spread).min() > -1e-12 and found.notes
    assert_constrained(frame, found)


def assert_constrained(frame: Frame, found: Fit) -> None:
    """No covariance near, inside the boundary, is likelier."""
    rng = np.random.default_rng(4)
    best = likelihood(frame, found, at_of(found))
    for size in (1e-2, 1e-3, 1e-4):
        for _ in range(15):
            push = rng.normal(size=(4, rng.integers(1, 5)))
            more = push @ push.T
            if frame.spread is Pattern.EXCHANGEABLE:
                more = more + np.roll(more, (2, 2), axis=(0, 1))
            near = found.spread + size * more
            assert likelihood(frame, found, replace(at_of(found), spread=near)) <= best + 1e-9


@pytest.mark.parametrize(
    "spread",
    [np.zeros((4, 4)), np.diag([1.0, 0.0, 1.0, 0.0]), 0.5 * np.ones((4, 4))],
    ids=["none", "no slopes", "one"],
)
@pytest.mark.parametrize("exchangeable", [False, True])
def test_a_maximum_on_the_boundary_says_so(spread: np.ndarray, exchangeable: bool) -> None:
    frame = frames.growth(40, 4, 0.1, seed=2, spread=spread, exchangeable=exchangeable)
    found = fitted(frame, ML)
    assert found.converged
    assert np.linalg.eigvalsh(found.spread).min() < 1e-6
    assert any("estimated" in note for note in found.notes)
    assert_constrained(frame, found)


def test_no_random_variance_at_all_is_named_by_column() -> None:
    frame = frames.shared(30, 4, seed=3)
    rng = np.random.default_rng(12)
    one = rng.normal(size=frame.y.shape)
    means = np.array([one[frame.couple == c].mean() for c in range(30)])[frame.couple]
    found = fitted(replace(frame, y=one - means[:, None]), ML)
    assert found.spread[0, 0] == 0.0
    assert "The variance of couple is estimated as zero." in found.notes
    assert np.isnan(found.spread_errors[0, 0])


def test_partners_who_move_together_entirely_are_said_to() -> None:
    rng = np.random.default_rng(3)
    base = frames.growth(60, 5)
    z = base.z[:, :, [0, 2]]
    u = rng.normal(size=60)[base.couple]
    y = u[:, None] + 0.8 * rng.multivariate_normal([0, 0], [[1, -0.6], [-0.6, 1]], len(base.couple))
    frame = replace(base, y=y, z=z, x=z, fixed=("A", "B"), random=("A", "B"))
    notes = [fitted(each, ML).notes for each in (frame, replace(frame, spread=Pattern.EXCHANGEABLE))]
    assert all("The correlation of B and A is estimated as +1." in said for said in notes)


@pytest.mark.parametrize("frame", SHAPES)
def test_robust_errors_are_the_sandwich_written_out(frame: Frame) -> None:
    found = fitted(frame, REML)
    meat = 0.0
    rows = []
    for block in dense.blocks(frame, found.residual, found.spread, found.autocorrelation or 0.0):
        rows.append(block.x.T @ np.linalg.solve(block.v, block.y - block.x @ found.estimates))
        meat = meat + np.outer(rows[-1], rows[-1])
    assert np.allclose(scores(frame, at_of(found), found.estimates), rows, atol=1e-9)
    assert np.allclose(
        found.covariance_robust, found.covariance @ meat @ found.covariance, rtol=1e-8, atol=1e-12
    )


@pytest.mark.parametrize("frame", SHAPES)
def test_expected_and_observed_errors_are_those_of_the_whole_curvature(frame: Frame) -> None:
    found = fitted(frame, ML)
    _, information = dense.estimate(
        dense.blocks(frame, found.residual, found.spread, found.autocorrelation or 0.0)
    )
    assert np.allclose(found.covariance, np.linalg.inv(information), rtol=1e-9)
    if Pattern.EXCHANGEABLE in (frame.residual, frame.spread):
        return  # the entries are not free to move one by one
    whole = np.linalg.inv(-curvature(frame, found))
    p = len(found.names)
    assert np.allclose(found.covariance_observed, whole[:p, :p], rtol=1e-4, atol=1e-7)
    assert np.allclose(found.natural_covariance, whole[p:, p:], rtol=1e-3, atol=1e-6)


def curvature(frame: Frame, found: Fit) -> np.ndarray:
    """Second differences of the dense likelihood by effects and entries of the covariances."""
    q, p = len(found.random), len(found.names)
    size = q * (q + 1) // 2
    i, j = np.tril_indices(q)

    def at(vector: np.ndarray) -> float:
        spread, residual = np.zeros((q, q)), np.zeros((2, 2))
        spread[i, j] = spread[j, i] = vector[p : p + size]
        residual[[0, 1, 1], [0, 0, 1]] = vector[p + size : p + size + 3]
        residual[0, 1] = residual[1, 0]
        fading = float(vector[-1]) if found.autocorrelation is not None else 0.0
        return dense.log_likelihood(frame, residual, spread, fading, beta=vector[:p])

    here = np.concatenate([found.estimates, at_of(found).natural()])
    step = 1e-3
    k = len(here)
    free = np.eye(k)
    values = np.zeros((k, k))
    for a in range(k):
        for b in range(a + 1):
            da, db = step * free[:, a], step * free[:, b]
            value = at(here + da + db) - at(here + da - db) - at(here - da + db) + at(here - da - db)
            values[a, b] = values[b, a] = value / 4 / step**2
    return values


def test_slopes_of_the_effects_covariance_are_those_of_small_steps() -> None:
    frame = SHAPES[0]
    found = fitted(frame, REML)
    ours = objective(REML, frame)  # type: ignore[arg-type]
    none = np.zeros((len(found.names) + 1, 0))
    for place, step in enumerate(1e-6 * np.eye(len(found.theta))):
        up, down = (profile(ours, found.theta + s, none).covariance for s in (step, -step))
        assert np.allclose(found.covariance_slopes[place], (up - down) / 2e-6, atol=1e-7)


def test_a_couples_own_effects_are_the_posterior_mean() -> None:
    frame = SHAPES[0]
    found = fitted(frame, ML)
    ours = effects(frame, at_of(found), found.estimates)
    for couple, block in enumerate(dense.blocks(frame, found.residual, found.spread)):
        rows = frame.couple == couple
        z = frame.z[rows].reshape(-1, 4)[~np.isnan(frame.y[rows].ravel())]
        plain = found.spread @ z.T @ np.linalg.solve(block.v, block.y - block.x @ found.estimates)
        assert np.allclose(ours[couple], plain, atol=1e-10)


def test_information_criteria_count_what_was_estimated() -> None:
    found = fitted(SHAPES[0], ML)
    assert found.n_parameters == 4 + 10 + 3
    assert found.aic == pytest.approx(2 * 17 - 2 * found.log_likelihood)
    assert found.bic == pytest.approx(17 * np.log(found.n_answers) - 2 * found.log_likelihood)
    assert found.n_answers == int((~np.isnan(SHAPES[0].y)).sum()) and found.n_couples == 40


def test_few_couples_are_said_to_be_few() -> None:
    assert any("Fewer than 30 couples" in note for note in fitted(frames.pairs(20), REML).notes)
    assert not any("Fewer than" in note for note in fitted(frames.pairs(30), REML).notes)


# ── what cannot be told ───────────────────────────────────────────────────────────────────────────────────


def test_a_column_that_follows_from_others_is_named() -> None:
    frame = frames.pairs(40, exchangeable=True)
    x = np.concatenate([frame.x, frame.x[:, :, 1:2] - 2 * frame.x[:, :, 2:3] + 1], axis=2)
    with pytest.raises(Unfit) as caught:
        fitted(replace(frame, x=x, fixed=(*frame.fixed, "sum")), ML)
    assert caught.value.column == "sum"


def test_an_empty_column_is_named() -> None:
    frame = frames.pairs(40, exchangeable=True)
    with pytest.raises(Unfit) as caught:
        fitted(replace(frame, x=frame.x * np.array([1.0, 0.0, 1.0])), ML)
    assert caught.value.column == "actor"
    grown = frames.growth(40, 4)
    with pytest.raises(Unfit) as caught:
        fitted(replace(grown, z=grown.z * np.array([1.0, 1.0, 1.0, 0.0])), ML)
    assert caught.value.column == "slope B"


def test_too_few_couples_are_refused() -> None:
    with pytest.raises(Unfit, match="cannot tell 17 numbers"):
        fitted(frames.growth(16, 5), ML)
    with pytest.raises(Unfit, match="8 occasions"):
        fitted(frames.pairs(8), ML)


def test_answers_that_follow_exactly_are_refused() -> None:
    frame = frames.pairs(40, exchangeable=True)
    with pytest.raises(Unfit, match="no variation is left"):
        fitted(replace(frame, y=frame.x @ np.array([1.0, 2.0, 3.0])), ML)


def test_a_column_far_from_zero_is_no_combination() -> None:
    frame = frames.pairs(60, exchangeable=True)
    found, moved = (fitted(replace(frame, x=frame.x + np.array([0, far, 0.0])), ML) for far in (0.0, 2020.0))
    assert np.allclose(found.estimates[1:], moved.estimates[1:], atol=1e-7)
