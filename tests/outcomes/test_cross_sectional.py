"""What is fitted is what the written-out likelihood has at its top, and every error is what its definition says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.outcomes.design import Pattern
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.spec import Method, Model, Spec
from tests.outcomes import dense, tables

APIM = Spec(Model.APIM, "y", ("x",))


def asked(model: Model, told: bool, method: Method, **more: Any) -> Spec:
    predictors = () if model is Model.ICC else ("x",)
    return Spec(model, "y", predictors, distinguished=told, method=method, **more)


CASES = [
    (model, told, method)
    for model in (Model.ICC, Model.APIM, Model.TWO_INTERCEPT, Model.SUM_DIFFERENCE)
    for told in (True, False)
    for method in Method
]


def matrix(numbers: Any, pattern: Pattern) -> Any:
    """A 2 × 2 covariance from its free numbers."""
    a, c, b = numbers if pattern is Pattern.UNSTRUCTURED else (numbers[0], numbers[1], numbers[0])
    return np.array([[a, c], [c, b]])


def free(found: Fit, pattern: Pattern) -> Any:
    told = [found.residual[0, 0], found.residual[0, 1], found.residual[1, 1]]
    return np.array(told if pattern is Pattern.UNSTRUCTURED else told[:2])


def gradient(function: Any, at: Any, step: float = 1e-4) -> Any:
    moves = np.eye(len(at)) * step
    return np.array([(function(at + move) - function(at - move)) / (2 * step) for move in moves])


def hessian(function: Any, at: Any, step: float = 1e-3) -> Any:
    return np.array(
        [gradient(lambda here, k=k: gradient(function, here, step)[k], at, step) for k in range(len(at))]
    )


@pytest.mark.parametrize(("model", "told", "method"), CASES)
def test_the_fit_is_the_top_of_the_written_out_likelihood(model: Model, told: bool, method: Method) -> None:
    spec = asked(model, told, method, covariates=("age",))
    couples = frame(spec, tables.couples(50, missing=0.15))
    found = fit(spec, couples)
    restricted = method is Method.REML
    assert found.converged

    def likelihood(numbers: Any) -> float:
        return dense.log_likelihood(couples, matrix(numbers, couples.residual), restricted=restricted)

    top = free(found, couples.residual)
    assert found.log_likelihood == pytest.approx(likelihood(top), abs=1e-9)
    assert gradient(likelihood, top) == pytest.approx(0, abs=1e-4)
    beta, information = dense.estimate(dense.blocks(couples, found.residual))
    assert found.estimates == pytest.approx(beta, rel=1e-8)
    assert found.covariance == pytest.approx(np.linalg.inv(information), rel=1e-7, abs=1e-12)


def test_observed_errors_are_the_curvature_of_the_whole_likelihood() -> None:
    spec = replace(APIM, method=Method.ML, distinguished=False)
    couples = frame(spec, tables.couples(40, missing=0.2))
    found = fit(spec, couples)

    def likelihood(numbers: Any) -> float:
        return dense.log_likelihood(couples, matrix(numbers[3:], couples.residual), beta=numbers[:3])

    top = np.concatenate([found.estimates, free(found, couples.residual)])
    whole = np.linalg.inv(-hessian(likelihood, top))
    assert found.covariance_observed == pytest.approx(whole[:3, :3], rel=1e-4)
    errors = np.sqrt(np.diag(whole))[3:]
    assert found.residual_errors[0] == pytest.approx(errors, rel=1e-4)


def test_robust_errors_are_the_couples_own_scatter() -> None:
    couples = frame(APIM, tables.couples(40, missing=0.2))
    found = fit(APIM, couples)
    middle = np.zeros((6, 6))
    for block in dense.blocks(couples, found.residual):
        score = block.x.T @ np.linalg.solve(block.v, block.y - block.x @ found.estimates)
        middle += np.outer(score, score)
    assert found.covariance_robust == pytest.approx(found.covariance @ middle @ found.covariance, rel=1e-8)


def effects(spec: Spec, table: Any) -> tuple[Fit, Frame]:
    couples = frame(spec, table)
    return fit(spec, couples), couples


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_who_is_called_first_changes_nothing(seed: int, swap_all: bool) -> None:
    spec = replace(APIM, distinguished=False)
    table = tables.couples(25, seed, missing=0.1)
    chance = np.random.default_rng(seed)
    swapped = chance.random(25) < 0.5 if not swap_all else np.ones(25, dtype=bool)
    other = {"wife": "husband", "husband": "wife"}
    names = [
        other[str(p)] if swapped[c] else p for c, p in zip(table["couple"], table["partner"], strict=True)
    ]
    one, _ = effects(spec, table)
    two, _ = effects(spec, table | {"partner": names})
    assert two.log_likelihood == pytest.approx(one.log_likelihood, abs=1e-9)
    assert two.estimates == pytest.approx(one.estimates, rel=1e-7)
    assert two.data_hash == one.data_hash


def test_naming_roles_the_other_way_round_turns_the_signs_of_their_deviations() -> None:
    table = tables.couples(40, missing=0.1)
    other = {"wife": "a", "husband": "b"}
    one, _ = effects(APIM, table)
    two, _ = effects(APIM, table | {"partner": [other[str(p)] for p in table["partner"]]})
    assert two.estimates == pytest.approx(one.estimates * [1, 1, 1, -1, -1, -1], rel=1e-7)
    assert two.residual == pytest.approx(one.residual[::-1, ::-1], rel=1e-7)


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_other_units_change_only_the_units(of_y: float, of_x: float) -> None:
    spec = Spec(Model.TWO_INTERCEPT, "y", ("x",))
    table = tables.couples(30, missing=0.1)
    one, _ = effects(spec, table)
    two, _ = effects(spec, table | {"y": table["y"] * of_y, "x": table["x"] * of_x})
    scale = of_y / np.array([1, of_x, of_x] * 2)
    assert two.estimates == pytest.approx(one.estimates * scale, rel=1e-6)
    assert np.sqrt(np.diag(two.covariance)) == pytest.approx(
        np.sqrt(np.diag(one.covariance)) * scale, rel=1e-6
    )
    assert two.residual == pytest.approx(one.residual * of_y**2, rel=1e-6)


def test_two_intercepts_and_deviations_are_one_model() -> None:
    table = tables.couples(40, missing=0.1)
    pooled, _ = effects(replace(APIM, method=Method.ML), table)
    apart, _ = effects(replace(APIM, model=Model.TWO_INTERCEPT, method=Method.ML), table)
    first, second = apart.estimates[:3], apart.estimates[3:]
    assert pooled.log_likelihood == pytest.approx(apart.log_likelihood, abs=1e-9)
    assert pooled.estimates == pytest.approx(np.concatenate([first + second, first - second]) / 2, rel=1e-6)


def test_sums_and_differences_are_actor_and_partner_turned() -> None:
    table = tables.couples(40, missing=0.1)
    actor, _ = effects(replace(APIM, method=Method.ML), table)
    turned, _ = effects(replace(APIM, model=Model.SUM_DIFFERENCE, method=Method.ML), table)
    own, others = actor.estimates[[1, 4]], actor.estimates[[2, 5]]
    assert turned.estimates[[1, 4]] == pytest.approx((own + others) / 2, rel=1e-6)
    assert turned.estimates[[2, 5]] == pytest.approx((own - others) / 2, rel=1e-6)
    assert turned.log_likelihood == pytest.approx(actor.log_likelihood, abs=1e-9)


def test_answers_of_several_waves_without_random_effects_are_occasions_of_their_own() -> None:
    spec = replace(APIM, wave="wave", distinguished=False)
    found, couples = effects(spec, tables.couples(15, waves=4, missing=0.1))
    assert couples.n_couples == 15 and len(couples.y) > 50
    expected = dense.log_likelihood(couples, found.residual, restricted=True)
    assert found.log_likelihood == pytest.approx(expected, abs=1e-9)
    assert any("nothing in this model holds a couple's waves together" in note for note in found.notes)
    fading = effects(replace(spec, autoregressive=True), tables.couples(15, waves=4, missing=0.1))[0]
    assert any("residuals fade from wave to wave" in note for note in fading.notes)
    assert not any("nothing in this model holds" in note for note in fading.notes)
