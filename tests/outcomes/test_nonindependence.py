"""Likeness of partners by mean squares, by correlation and by the likelihood is one thing seen three ways."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.nonindependence import interchangeable, nonindependence
from bothwell.outcomes.sheet import read
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit
from tests.outcomes import tables

ICC = Spec(Model.ICC, "y")
POOLED = replace(ICC, distinguished=False)
APIM = Spec(Model.APIM, "y", ("x",))


def answers(y: Any, **more: Any) -> dict[str, Any]:
    n = len(y)
    return {"couple": np.repeat(np.arange(n), 2), "partner": np.tile(["a", "b"], n), "y": np.ravel(y)} | more


def p_of(drawn: Any) -> float:
    """p of the saturated test, for rows of x of a, x of b, y of a, y of b."""
    return interchangeable(APIM, read(APIM, answers(drawn[:, 2:], x=drawn[:, :2].ravel()))).p


def test_mean_squares_give_what_reml_gives_and_double_entry_what_ml_gives() -> None:
    table = tables.couples(30)
    found = nonindependence(frame(POOLED, table))
    for method, wanted in ((Method.REML, found.intraclass), (Method.ML, found.double_entry)):
        spec = replace(POOLED, method=method)
        residual = fit(spec, frame(spec, table)).residual
        assert residual[0, 1] / residual[0, 0] == pytest.approx(wanted, rel=1e-6)
    assert found.pearson is None and found.paired is None


def test_opposite_partners_are_found_as_well_as_alike_ones() -> None:
    chance = np.random.default_rng(4)
    level = chance.normal(size=40)
    opposite = nonindependence(
        frame(ICC, answers(np.stack([level, -level], axis=1) + chance.normal(0, 0.3, (40, 2))))
    )
    assert opposite.intraclass < -0.7 and opposite.test.p < 1e-6
    assert (opposite.test.df, opposite.test.df_denominator) == (40, 39)
    strangers = nonindependence(frame(ICC, answers(chance.normal(size=(40, 2)))))
    assert strangers.test.p > 0.01


def test_couples_of_whom_one_answered_say_nothing_of_likeness() -> None:
    table = tables.couples(40, missing=0.2)
    pairs = table["y"].reshape(-1, 2)
    complete = pairs[~np.isnan(pairs).any(axis=1)]
    found = nonindependence(frame(ICC, table))
    assert found.n_couples == len(complete) < 40
    assert found.pearson == pytest.approx(np.corrcoef(complete.T)[0, 1])


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(Unfit, match="one wave"):
        nonindependence(frame(replace(ICC, wave="wave"), tables.couples(10, waves=2)))
    with pytest.raises(Unfit, match="no variation within couples"):
        nonindependence(frame(ICC, answers(np.repeat(np.arange(5.0), 2).reshape(-1, 2))))
    same = answers(np.random.default_rng(1).normal(size=(30, 2)), x=np.repeat(np.arange(30.0), 2))
    with pytest.raises(Unfit, match="the same for both partners"):
        interchangeable(APIM, read(APIM, same))
    with pytest.raises(Unfit, match="too few for 4 numbers"):
        interchangeable(APIM, read(APIM, tables.couples(4)))


def test_the_same_difference_in_every_couple_has_no_t() -> None:
    y = np.arange(6.0)
    found = nonindependence(frame(ICC, answers(np.stack([y, y + 1], axis=1))))
    assert found.paired is None and found.pearson == pytest.approx(1)


def test_roles_are_interchangeable_as_often_as_the_test_says() -> None:
    """1,000 tables: p below .05 in 5 of 100 where nothing tells roles apart; nearly always where much does."""
    chance = np.random.default_rng(6)
    covariance = np.array([[1, 0.4, 0.3, 0.2], [0.4, 1, 0.2, 0.3], [0.3, 0.2, 1, 0.5], [0.2, 0.3, 0.5, 1]])
    small = apart = 0
    for _ in range(1000):
        drawn = chance.multivariate_normal(np.zeros(4), covariance, 150)
        small += p_of(drawn) < 0.05
        apart += p_of(drawn * [1, 1, 1, 1.5]) < 0.05
    assert 30 <= small <= 78 and apart > 950
