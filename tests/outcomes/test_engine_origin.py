"""Where times, predictors and answers are counted from, and in which unit a clock runs, changes no model."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, Pattern, frame
from bothwell.outcomes.head import head_of, origin_of
from bothwell.outcomes.invented import Paths, growing, lagging, tidy
from bothwell.outcomes.origin import moments, moved, together
from bothwell.outcomes.residuals import residuals
from bothwell.outcomes.robust import chunks
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.variances import variances
from tests.outcomes import dense, frames

SPREAD = np.array([[9, -0.6, 3, 0.3], [-0.6, 0.8, 0.3, 0.25], [3, 0.3, 7, -0.4], [0.3, 0.25, -0.4, 0.6]])
WAVES = np.arange(6.0)
GROWTH = Spec(Model.GROWTH, "y", time="time", method=Method.ML)
REML = SimpleNamespace(method="reml")


def grown(
    times: np.ndarray = WAVES, fading: float = 0.0, spread: np.ndarray = SPREAD, couples: int = 60
) -> dict:
    values = growing(
        couples, np.random.default_rng(1), times=WAVES, start=Paths(intercept=(18, 14)),
        change=Paths(intercept=(-1.2, -0.4)), spread=spread, residual=np.array([[4, 1.0], [1, 6]]),
        autocorrelation=fading,
    )  # fmt: skip
    return tidy(values, times)


def fitted(spec: Spec, table: dict) -> Fit:
    return fit(spec, frame(spec, table))


# ── far from zero ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("distinguished", [True, False])
@pytest.mark.parametrize("begins", [100.0, 2020.0, 1e6])
def test_growth_is_the_same_line_wherever_its_clock_begins(distinguished: bool, begins: float) -> None:
    spec = replace(GROWTH, distinguished=distinguished)
    near, far = fitted(spec, grown()), fitted(spec, grown(WAVES + begins))
    assert far.converged and far.notes == near.notes == ()
    assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-6)
    line = np.kron(np.eye(len(near.names) // 2), [[1.0, begins], [0.0, 1.0]])
    lines = np.kron(np.eye(2), [[1.0, begins], [0.0, 1.0]])
    assert line @ far.estimates == pytest.approx(near.estimates, abs=1e-7)
    for name in ("covariance", "covariance_observed", "covariance_robust"):
        assert line @ getattr(far, name) @ line.T == pytest.approx(getattr(near, name), rel=1e-4, abs=1e-5)
    assert lines @ far.spread @ lines.T == pytest.approx(near.spread, rel=1e-4, abs=1e-3)
    slopes = [(1, 1), (3, 3), (3, 1)]
    assert [far.spread_errors[at] for at in slopes] == pytest.approx(
        [near.spread_errors[at] for at in slopes], rel=1e-5
    )


def test_errors_of_variances_far_from_zero_are_those_of_the_whole_curvature() -> None:
    """Of the first intercept's variance at the clock's zero: G_11 − 2 t G_12 + t² G_22 of the near fit's spread."""
    near, far = fitted(GROWTH, grown()), fitted(GROWTH, grown(WAVES + 50))
    weights = np.zeros(len(near.natural_covariance))
    weights[[0, 1, 2]] = 1.0, -100.0, 2500.0
    assert far.spread[0, 0] == pytest.approx(weights[:3] @ near.spread[[0, 1, 1], [0, 0, 1]], rel=1e-7)
    wanted = np.sqrt(weights @ near.natural_covariance @ weights)
    assert far.spread_errors[0, 0] == pytest.approx(wanted, rel=1e-7)


@pytest.mark.parametrize("spread", [np.zeros((4, 4)), np.diag([1.0, 0, 1, 0]), 0.5 * np.ones((4, 4))])
@pytest.mark.parametrize("distinguished", [True, False])
def test_what_is_said_of_a_boundary_is_said_from_any_origin(spread: np.ndarray, distinguished: bool) -> None:
    spec = replace(GROWTH, distinguished=distinguished)
    near, far = (fitted(spec, grown(WAVES + begins, spread=spread)) for begins in (0.0, 2020.0))
    assert far.notes == near.notes and near.converged and far.converged
    assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-7)


@pytest.mark.parametrize("begins", [0.0, 2020.0])
def test_a_slope_without_variance_is_named_alone_wherever_its_clock_begins(begins: float) -> None:
    made = frames.growth(40, 4, seed=3)
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(40, 4, 2))
    time = np.arange(4.0) - 1.5
    noise -= np.einsum("ntk,t->n", noise, time)[:, None, None] * time[:, None] / (2 * time @ time)
    flat = (rng.normal(size=(40, 1, 1)) + noise).reshape(-1, 2) + 0.5 * made.at[:, None]
    lines = np.stack([np.ones((160, 2)), np.repeat(made.at[:, None], 2, axis=1) + begins], axis=2)
    one = replace(
        made, y=flat, x=lines, z=lines, fixed=("start", "change"), random=("start", "change"),
        residual=Pattern.EXCHANGEABLE, spread=Pattern.UNSTRUCTURED,
    )  # fmt: skip
    found = fit(SimpleNamespace(method="ml"), one)  # type: ignore[arg-type]
    assert found.converged and found.notes == ("The variance of change is estimated as zero.",)
    assert found.spread[1, 1] < 1e-15 < found.spread[0, 0]


@pytest.mark.parametrize("exchangeable", [True, False])
@pytest.mark.parametrize("far", [1e3, 3e4, 1e6])
def test_a_predictor_far_from_zero_has_the_effect_it_has_near_zero(exchangeable: bool, far: float) -> None:
    made = frames.pairs(60, 0.1, exchangeable=exchangeable)
    is_own = np.array(["actor" in name for name in made.fixed])
    ones = made.x[:, :, ["intercept" in name for name in made.fixed]].sum(axis=2, keepdims=True)
    other = replace(made, x=made.x + far * is_own * (made.x != 0) * ones)
    one, two = fit(REML, made), fit(REML, other)  # type: ignore[arg-type]
    slopes = np.array(["intercept" not in name for name in made.fixed])
    assert two.converged and two.estimates[slopes] == pytest.approx(one.estimates[slopes], abs=1e-7)
    assert two.covariance[np.ix_(slopes, slopes)] == pytest.approx(
        one.covariance[np.ix_(slopes, slopes)], rel=1e-6
    )
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-7)


@pytest.mark.parametrize(
    "made", [frames.growth(40, 4, 0.2), frames.pairs(50, 0.2), frames.pairs(50, exchangeable=True)]
)
@pytest.mark.parametrize("far", [1e5, -1e8])
def test_answers_far_from_zero_move_the_intercepts_alone(made: Frame, far: float) -> None:
    one, two = fit(REML, made), fit(REML, replace(made, y=made.y + far))  # type: ignore[arg-type]
    starts = np.array(["intercept" in name for name in made.fixed])
    assert two.converged
    assert two.estimates - far * starts == pytest.approx(one.estimates, abs=1e-6)
    assert two.covariance == pytest.approx(one.covariance, rel=1e-5)
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-4)


def test_roles_as_deviations_are_moved_by_their_own_columns() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(80, 1, 2)) + np.array([1e4, 5e3])
    y = 0.5 * (x - np.array([1e4, 5e3])) + rng.normal(size=(80, 1, 2)) + np.array([3e3, 0.0])
    spec = Spec(Model.APIM, "y", ("x",), method=Method.ML)
    far = fitted(spec, tidy({"x": x, "y": y}))
    near = fitted(spec, tidy({"x": x - np.array([1e4, 5e3]), "y": y - np.array([3e3, 0.0])}))
    slopes = [far.names.index(name) for name in far.names if " x" in name]
    assert far.estimates[slopes] == pytest.approx(near.estimates[slopes], abs=1e-7)
    assert far.log_likelihood == pytest.approx(near.log_likelihood, abs=1e-7)


def test_columns_near_zero_are_not_even_copied() -> None:
    made = frames.growth(40, 4, 0.2)
    same = moved(made, origin_of(head_of(made)))
    assert same.x is made.x and same.z is made.x and same.y is made.y and same.at is made.at


def test_one_array_stays_one_where_it_is_moved() -> None:
    z = frames.growth(40, 4, 0.2).z + np.array([0, 2020.0, 0, 2020]) * (
        frames.growth(40, 4, 0.2).z[:, :, [0, 0, 2, 2]] != 0
    )
    made = replace(frames.growth(40, 4, 0.2), x=z, z=z)
    here = moved(made, origin_of(head_of(made)))
    assert here.x is here.z and np.abs(here.z).max() < 10


@pytest.mark.parametrize("couples", [7, 40])
def test_moments_of_parts_are_those_of_all(couples: int) -> None:
    made = replace(frames.growth(60, 4, 0.3, covariate=True), is_autoregressive=True)
    whole, parts = moments(made), together([moments(part) for part in chunks(made, couples)])
    for name in ("count", "mean", "squares"):
        assert np.array(getattr(parts, name)) == pytest.approx(
            np.array(getattr(whole, name)), rel=1e-12, abs=1e-9
        )
    assert (parts.gaps, parts.apart, parts.step) == (whole.gaps, whole.apart, whole.step)


# ── the clock's unit ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("unit", [7.0, 30.0, 1 / 52, 604800.0])
@pytest.mark.parametrize("distinguished", [True, False])
def test_residuals_fade_by_the_step_whatever_its_unit(unit: float, distinguished: bool) -> None:
    spec = replace(GROWTH, autoregressive=True, distinguished=distinguished)
    one, two = fitted(spec, grown(fading=0.4)), fitted(spec, grown(WAVES * unit, fading=0.4))
    assert two.converged and two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-6)
    assert two.autocorrelation == pytest.approx(one.autocorrelation, abs=1e-6)
    assert two.autocorrelation_error == pytest.approx(one.autocorrelation_error, abs=1e-6)
    assert (one.step, two.step) == (1.0, pytest.approx(unit))


@pytest.mark.parametrize("unit", [30.0, 1 / 52])
def test_a_cross_lag_with_fading_residuals_is_fitted_in_any_unit(unit: float) -> None:
    spec = Spec(Model.CROSS_LAG, "y", time="time", autoregressive=True)
    one, two = fitted(spec, grown(fading=0.4)), fitted(spec, grown(WAVES * unit, fading=0.4))
    assert two.converged and two.autocorrelation == pytest.approx(one.autocorrelation, abs=1e-8)


def test_one_short_gap_among_long_ones_does_not_hold_the_search_at_its_start() -> None:
    times = np.array([0.0, 1, 31, 61, 91, 121])
    found = fitted(replace(GROWTH, autoregressive=True), grown(times, fading=0.4))
    assert found.converged and found.step == 1.0 and found.autocorrelation_error > 1e-4


@pytest.mark.parametrize("unit", [1.0, 30.0, 1 / 365])
def test_waves_that_come_unevenly_fade_by_their_usual_gap(unit: float) -> None:
    table = grown(WAVES * 7, fading=0.4)
    late = np.random.default_rng(2).integers(-2, 3, size=(60, 6))
    table["wave"] = table["time"] / 7
    table["time"] = (table["time"] + late[table["couple"], table["wave"].astype(int)]) * unit
    spec = replace(GROWTH, wave="wave", autoregressive=True)
    found = fitted(spec, table)
    assert found.converged and 0 < found.autocorrelation < 1
    assert found.step == pytest.approx(7 * unit, rel=0.05)
    made = frame(spec, table)
    plain = dense.log_likelihood(
        replace(made, at=made.at / found.step), found.residual, found.spread, found.autocorrelation
    )
    assert found.log_likelihood == pytest.approx(plain, rel=1e-9)


def test_the_step_is_named_where_it_is_not_one() -> None:
    spec = replace(GROWTH, autoregressive=True)
    assert variances(fitted(spec, grown(fading=0.4)))[-1].name == "autocorrelation"
    found = fitted(spec, grown(WAVES * 7, fading=0.4))
    assert variances(found)[-1].name == "autocorrelation over 7 of time"


def test_residuals_of_waves_in_days_are_those_of_waves_in_weeks() -> None:
    spec = replace(GROWTH, autoregressive=True)
    weeks, days = (frame(spec, grown(WAVES * unit, fading=0.4)) for unit in (1.0, 7.0))
    one, two = residuals(fit(spec, weeks), weeks), residuals(fit(spec, days), days)
    assert two.whitened == pytest.approx(one.whitened, abs=1e-6)


def test_fading_needs_two_occasions_of_a_couple() -> None:
    once = tidy(lagging(40, np.random.default_rng(1), waves=1, stability=Paths(), influence=Paths()))
    with pytest.raises(Unfit, match="no couple has answers at two"):
        fitted(Spec(Model.APIM, "y", ("x",), autoregressive=True), once)
    with pytest.raises(Unfit, match="no couple has answers at two"):
        fitted(Spec(Model.CROSS_LAG, "y", time="time", autoregressive=True), two_waves())


def two_waves() -> dict:
    table = grown()
    return {name: column[table["time"] < 2] for name, column in table.items()}
