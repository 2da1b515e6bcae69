"""What a model leaves is uncorrelated when it should be, and a couple that does not fit is found by its place."""

from dataclasses import replace

import numpy as np
import pytest

from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.residuals import residuals
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import dense, frames, tables

POOLED = Spec(Model.APIM, "y", ("x",), distinguished=False)
GROWTH = Spec(Model.GROWTH, "y", wave="w")


def grown(missing: float = 0.2) -> tuple[Fit, Frame]:
    couples = frames.growth(30, 5, missing)
    return fit(GROWTH, couples), couples


def test_whitened_residuals_are_those_of_the_written_out_model() -> None:
    for found, couples in (grown(), pooled()):
        told = residuals(found, couples)
        blocks = dense.blocks(couples, found.residual, found.spread)
        for couple, block in enumerate(blocks):
            left = block.y - block.x @ found.estimates
            mine = told.whitened[couples.couple == couple].ravel()
            mine = mine[~np.isnan(mine)]
            values, vectors = np.linalg.eigh(block.v)
            assert mine == pytest.approx(vectors @ ((vectors.T @ left) / np.sqrt(values)), rel=1e-6, abs=1e-9)
            assert told.distance[couple] == pytest.approx(left @ np.linalg.solve(block.v, left), rel=1e-8)
            assert told.answers[couple] == len(block.y)


def pooled() -> tuple[Fit, Frame]:
    couples = frame(POOLED, tables.couples(40, missing=0.1))
    return fit(POOLED, couples), couples


def test_conditional_residuals_take_each_couples_own_line_out() -> None:
    found, couples = grown()
    told = residuals(found, couples)
    for couple, block in enumerate(dense.blocks(couples, found.residual, found.spread)):
        rows = couples.couple == couple
        there = ~np.isnan(couples.y[rows]).ravel()
        z = couples.z[rows].reshape(len(there), -1)[there]
        best = found.spread @ z.T @ np.linalg.solve(block.v, block.y - block.x @ found.estimates)
        assert told.random[couple] == pytest.approx(best, rel=1e-7, abs=1e-10)
    assert np.nanstd(told.conditional) < np.nanstd(told.marginal)
    assert np.nanstd(told.standardised) == pytest.approx(1, abs=0.25)


def test_without_random_effects_both_are_the_same() -> None:
    found, couples = pooled()
    told = residuals(found, couples)
    assert np.array_equal(told.marginal, told.conditional, equal_nan=True)
    assert told.random.shape == (couples.n_couples, 0)


def test_leverage_is_shared_among_the_couples() -> None:
    for found, couples in (grown(), pooled()):
        assert residuals(found, couples).leverage.sum() == pytest.approx(len(found.names))


def test_distances_of_the_likeliest_model_sum_to_the_answers() -> None:
    spec = replace(POOLED, method=Method.ML)
    couples = frame(spec, tables.couples(40, missing=0.1))
    told = residuals(fit(spec, couples), couples)
    assert told.distance.sum() == pytest.approx(told.answers.sum(), rel=1e-6)


def test_a_couple_that_does_not_fit_and_one_that_weighs_much_are_found_by_place() -> None:
    table = tables.couples(60)
    table["y"][2 * 17] += 9
    table["x"][2 * 41] = 30.0
    table["y"][2 * 41 : 2 * 41 + 2] = [1 + 0.5 * 30, 1 + 0.2 * 30]
    couples = frame(POOLED, table)
    told = residuals(fit(POOLED, couples), couples)
    assert 17 in told.far and len(told.far) <= 2
    assert 41 in told.heavy and 17 not in told.heavy


def test_normal_answers_pass_and_skewed_ones_do_not() -> None:
    found, couples = pooled()
    told = residuals(found, couples)
    assert told.normality and told.normality.p > 0.01 and told.far == ()
    skewed = replace(couples, y=np.exp(1.5 * couples.y))
    told = residuals(fit(POOLED, skewed), skewed)
    assert told.normality and told.normality.p < 1e-4


def test_too_few_answers_are_not_called_normal_or_not() -> None:
    couples = frame(POOLED, tables.couples(8))
    assert residuals(fit(POOLED, couples), couples).normality is None


def test_a_frame_of_another_model_is_refused() -> None:
    found, _ = pooled()
    with pytest.raises(Unfit, match="not made from this frame"):
        residuals(found, grown()[1])


def test_fading_residuals_are_whitened_by_what_they_fade_with() -> None:
    couples = replace(frames.growth(30, 5, 0.2), is_autoregressive=True)
    found = fit(replace(GROWTH, autoregressive=True), couples)
    assert found.autocorrelation is not None
    told = residuals(found, couples)
    blocks = dense.blocks(couples, found.residual, found.spread, found.autocorrelation)
    for couple, block in enumerate(blocks):
        left = block.y - block.x @ found.estimates
        assert told.distance[couple] == pytest.approx(left @ np.linalg.solve(block.v, left), rel=1e-6)
