"""Degrees of freedom, contrasts, comparisons, ratios and predictions say what their textbooks say."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bothwell.outcomes.caution import FEW
from bothwell.outcomes.compare import distinguishable, independent, likelihood_ratio, ranking
from bothwell.outcomes.contrasts import contrast, same, wald
from bothwell.outcomes.degrees import BY_COUPLES, BY_SATTERTHWAITE, Df, Errors, satterthwaite
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.nonindependence import nonindependence
from bothwell.outcomes.predict import predict, predict_table
from bothwell.outcomes.ratio import ratio
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.summary import summary
from bothwell.outcomes.unfit import Unfit
from bothwell.outcomes.variances import sides, variances
from tests.outcomes import frames, tables

ICC = Spec(Model.ICC, "y")
POOLED = Spec(Model.APIM, "y", ("x",), distinguished=False)
TWO = Spec(Model.TWO_INTERCEPT, "y", ("x",))


def fitted(spec: Spec, table: Any) -> Fit:
    return fit(spec, frame(spec, table))


# ── degrees of freedom and errors ─────────────────────────────────────────────────────────────────────────


def test_satterthwaite_gives_the_textbooks_degrees_where_they_are_known() -> None:
    """Complete couples: each role's mean and their difference have n − 1, the paired t test to the digit."""
    table = tables.couples(23)
    found = fitted(ICC, table)
    for row in summary(found, "satterthwaite").effects:
        assert row.df == pytest.approx(22, rel=1e-6)
    difference = contrast(found, same("husband: intercept", "wife: intercept"), df=Df.SATTERTHWAITE)
    paired = nonindependence(frame(ICC, table)).paired
    assert paired and difference.df == pytest.approx(22, rel=1e-6)
    assert difference.statistic == pytest.approx(paired.statistic, rel=1e-6)
    assert difference.p == pytest.approx(paired.p, rel=1e-6)


def test_satterthwaite_of_the_pooled_mean_counts_couples_and_not_persons() -> None:
    found = fitted(replace(ICC, distinguished=False), tables.couples(23))
    row = summary(found, "satterthwaite").effect("intercept")
    assert row.df == pytest.approx(22, rel=1e-6)
    assert summary(found).effect("intercept").df == row.df
    assert summary(found, "residual").effect("intercept").df == 45


def test_few_couples_are_counted_as_couples_and_a_note_says_so() -> None:
    few, enough = (fitted(POOLED, tables.couples(n)) for n in (29, 30))
    assert summary(few).df is Df.SATTERTHWAITE and BY_SATTERTHWAITE in summary(few).notes
    assert summary(few, errors="robust").df is Df.COUPLES
    assert summary(enough).df is Df.RESIDUAL and BY_SATTERTHWAITE not in summary(enough).notes
    asked = summary(few, "residual")
    assert asked.effect("actor x").df == 58 - 3 and BY_SATTERTHWAITE not in asked.notes


def test_several_waves_of_a_couple_are_not_several_couples_unless_told_otherwise() -> None:
    table = tables.couples(40, waves=4)
    for spec in (
        POOLED,
        TWO,
        replace(POOLED, model=Model.SUM_DIFFERENCE),
        replace(POOLED, autoregressive=True),
    ):
        found = fitted(replace(spec, wave="wave"), table)
        told = summary(found)
        assert (told.errors, told.df) == (Errors.ROBUST, Df.COUPLES) and BY_COUPLES in told.notes
        assert told.effects == summary(found, "couples", errors="robust").effects
        assert all(row.df == 40 - len(found.names) for row in told.effects)
        assert contrast(found, {found.names[1]: 1.0}).standard_error == told.effects[1].standard_error
        asked = summary(found, errors="expected")
        assert asked.df is Df.RESIDUAL and BY_COUPLES not in asked.notes
        assert summary(found, "satterthwaite").errors is Errors.EXPECTED
    for model in (
        Model.GROWTH,
        Model.CROSS_LAG,
    ):  # these hold a couple's waves together, in one way or another
        held = fitted(Spec(model, "y", wave="wave", distinguished=False), table)
        assert summary(held).errors is Errors.EXPECTED
    one = fitted(replace(POOLED, wave="wave"), tables.couples(40))
    assert summary(one).errors is Errors.EXPECTED


def test_several_at_once_are_the_multivariate_test_of_complete_couples() -> None:
    """Two directions of 22 degrees each: E = 2·22/20, df = 2E/(E − 2) = 22."""
    found = fitted(ICC, tables.couples(23))
    joint = wald(found, [{"husband: intercept": 1.0}, {"wife: intercept": 1.0}], df=Df.SATTERTHWAITE)
    assert joint.name == "F" and joint.df == 2 and joint.df_denominator == pytest.approx(22, rel=1e-5)
    alone = wald(found, [{"wife: intercept": 1.0}], df=Df.SATTERTHWAITE)
    row = contrast(found, {"wife: intercept": 1.0}, df=Df.SATTERTHWAITE)
    assert alone.statistic == pytest.approx(row.statistic**2) and alone.p == pytest.approx(row.p, rel=1e-6)


def test_residual_degrees_count_answers_and_with_robust_errors_couples() -> None:
    found = fitted(POOLED, tables.couples(40))
    assert summary(found).effect("actor x").df == 80 - 3
    assert summary(found, errors="robust").effect("actor x").df == 40 - 3
    assert summary(found, "normal").effect("actor x").df == np.inf


def test_an_interval_holds_the_estimate_and_leaves_zero_out_just_when_p_is_small() -> None:
    found = fitted(TWO, tables.couples(40, missing=0.1))
    for df in Df:
        for row in summary(found, df).effects:
            assert row.low < row.estimate < row.high
            assert (row.p < 0.05) == (row.low > 0 or row.high < 0)


def test_other_errors_give_other_intervals_around_the_same_estimate() -> None:
    found = fitted(TWO, tables.couples(40, missing=0.1))
    rows = [summary(found, errors=errors).effect("wife: actor x") for errors in Errors]
    assert len({row.estimate for row in rows}) == 1 and len({row.standard_error for row in rows}) == 3
    with pytest.raises(Unfit, match="expected errors alone"):
        summary(found, "satterthwaite", errors="robust")


def test_no_degrees_of_freedom_left_is_said() -> None:
    found = replace(fitted(TWO, tables.couples(40)), n_couples=6)
    with pytest.raises(Unfit, match="no degrees of freedom are left"):
        summary(found, errors="robust")


def test_a_certain_error_has_endless_degrees_of_freedom() -> None:
    found = fitted(ICC, tables.couples(23))
    certain = replace(found, theta_covariance=np.zeros_like(found.theta_covariance))
    assert satterthwaite(certain, np.array([1.0, 0.0])) == np.inf


def test_where_partners_share_a_value_or_random_effects_couples_are_counted_unless_told_otherwise() -> None:
    table = tables.couples(33) | {"years": np.repeat(np.random.default_rng(1).normal(size=33), 2)}
    shared = fitted(replace(POOLED, covariates=("years",)), table)
    assert shared.shared == ("years",)
    assert summary(shared).df is Df.SATTERTHWAITE and summary(shared).effect("years").df < 33
    assert summary(shared, errors="observed").effect("years").df == 33 - 4
    assert summary(shared, "residual").effect("years").df == 66 - 4
    assert summary(fitted(POOLED, table)).df is Df.RESIDUAL
    lines = fit(Spec(Model.GROWTH, "y", wave="w"), frames.growth(20, 8))
    assert all(12 < row.df < 21 for row in summary(lines).effects)
    assert contrast(lines, {"slope A": 1.0}) == summary(lines).effect("slope A")


def test_words_say_the_same_as_kinds() -> None:
    found, chance = fitted(TWO, tables.couples(40, missing=0.1)), np.random.default_rng
    weights = {"wife: actor x": 1.0}
    assert contrast(found, weights, errors="robust") == contrast(found, weights, errors=Errors.ROBUST)
    assert contrast(found, weights, errors="robust").df == found.n_couples - 6
    assert wald(found, [weights], df="normal") == wald(found, [weights], df=Df.NORMAL)
    one, two = (ratio(found, "x", chance(1), side="wife", errors=e) for e in ("robust", Errors.ROBUST))
    assert one == two and one != ratio(found, "x", chance(1), side="wife")
    for asked in (lambda: summary(found, "anova"), lambda: wald(found, [weights], errors="bayes")):
        with pytest.raises(Unfit, match="df is one of residual, couples"):
            asked()


def test_robust_errors_are_wider_the_fewer_couples_there_are_to_an_effect() -> None:
    found = fitted(POOLED, tables.couples(12))
    raw = np.sqrt(found.covariance_robust[1, 1])
    assert summary(found, errors="robust").effect("actor x").standard_error == pytest.approx(
        raw * np.sqrt(12 / 9)
    )


def test_several_certain_directions_have_endless_degrees_of_freedom() -> None:
    found = fitted(ICC, tables.couples(40))
    certain = replace(found, theta_covariance=np.zeros_like(found.theta_covariance))
    asked = [{"husband: intercept": 1.0}, {"wife: intercept": 1.0}]
    test = wald(certain, asked, df=Df.SATTERTHWAITE)
    assert test.df_denominator == np.inf
    assert test.p == pytest.approx(wald(found, asked, df=Df.NORMAL).p)


# ── contrasts ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_contrast_is_named_by_what_it_asks() -> None:
    found = fitted(POOLED, tables.couples(40))
    assert contrast(found, {"actor x": 2.0, "partner x": -1.0}).name == "2·actor x − partner x"
    assert contrast(found, {"actor x": 1.0}, name="own").name == "own"
    against = contrast(found, {"actor x": 1.0}, against=0.5)
    assert against.statistic == pytest.approx((against.estimate - 0.5) / against.standard_error)


def test_what_the_model_has_not_is_refused() -> None:
    found = fitted(POOLED, tables.couples(40))
    with pytest.raises(
        Unfit, match="column actor z: the model has no such effect; it has intercept, actor x"
    ):
        contrast(found, {"actor z": 1.0})
    with pytest.raises(Unfit, match="no effect in it"):
        contrast(found, {})
    with pytest.raises(Unfit, match="follows from the others"):
        wald(found, [{"actor x": 1.0}, {"actor x": 2.0}])


# ── variances ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_correlations_interval_is_fishers() -> None:
    """Complete couples of two roles: the error of Fisher's z is 1/√n by the curvature of the likelihood."""
    found = fitted(replace(ICC, method=Method.ML), tables.couples(50))
    part = summary(found).part("residual correlation of husband with wife")
    assert part.standard_error == pytest.approx((1 - part.estimate**2) / np.sqrt(50), rel=1e-5)
    assert part.low is not None and part.high is not None
    assert np.arctanh(part.high) - np.arctanh(part.low) == pytest.approx(2 * 1.959964 / np.sqrt(50), rel=1e-5)


def test_a_variances_error_is_the_textbooks() -> None:
    found = fitted(replace(ICC, method=Method.ML), tables.couples(50))
    part = summary(found).part("residual variance of wife")
    assert part.standard_error == pytest.approx(part.estimate * np.sqrt(2 / 50), rel=1e-5)
    assert part.low is not None and part.high is not None
    assert part.low * part.high == pytest.approx(part.estimate**2)


def test_each_number_of_exchangeable_partners_is_told_once() -> None:
    couples = frames.growth(60, 5, exchangeable=True)
    spec = Spec(Model.GROWTH, "y", wave="w", distinguished=False)
    found = fit(spec, replace(couples, random=("1: intercept", "1: w", "2: intercept", "2: w")))
    names = [part.name for part in variances(found)]
    assert names == [
        "random variance of intercept",
        "random variance of w",
        "random correlation of intercept with w",
        "random correlation of intercept with the partner's intercept",
        "random correlation of intercept with the partner's w",
        "random correlation of w with the partner's w",
        "residual variance",
        "residual correlation of partners",
    ]
    assert [part.estimate for part in variances(found)][:2] == pytest.approx(np.diag(found.spread)[:2])


def test_a_boundary_has_no_interval() -> None:
    found = fitted(ICC, tables.couples(50))
    flat = replace(found, residual=np.ones((2, 2)))
    part = summary(flat).part("residual correlation of husband with wife")
    assert (part.estimate, part.standard_error, part.low, part.high) == (1.0, None, None, None)
    none = replace(found, residual=np.diag([0.0, 1.0]))
    assert np.isnan(summary(none).part("residual correlation of husband with wife").estimate)
    assert summary(none).part("residual variance of husband").low is None


def test_roles_are_told_by_their_names_also_where_they_enter_as_deviations() -> None:
    found = fitted(replace(TWO, model=Model.APIM), tables.couples(30))
    assert found.sides == sides(found) == ("husband", "wife")
    assert summary(found).part("residual variance of wife").estimate == pytest.approx(found.residual[1, 1])
    assert sides(fitted(POOLED, tables.couples(30))) == ("", "")


# ── the whole of it ───────────────────────────────────────────────────────────────────────────────────────


def test_a_summary_is_tidy_and_keeps_what_must_be_said() -> None:
    found = fitted(POOLED, tables.couples(12))
    told = summary(found)
    table = told.to_pandas()
    assert isinstance(table, pd.DataFrame) and list(table["name"]) == ["intercept", "actor x", "partner x"]
    assert told.n_couples == 12 and told.n_answers == 24 and told.data_hash == found.data_hash
    assert any("Fewer than 30 couples" in note for note in told.notes)
    with pytest.raises(KeyError):
        told.effect("actor z")


# ── several models ────────────────────────────────────────────────────────────────────────────────────────


def test_restricted_likelihoods_of_different_effects_are_not_compared() -> None:
    table = tables.couples(40)
    one, two = fitted(POOLED, table), fitted(replace(POOLED, covariates=("age",)), table)
    with pytest.raises(Unfit, match="use ML"):
        likelihood_ratio(one, two)
    with pytest.raises(Unfit, match="one model is restricted"):
        likelihood_ratio(one, fitted(replace(POOLED, method=Method.ML), table))
    with pytest.raises(Unfit, match="not fitted to the same answers"):
        likelihood_ratio(one, fitted(POOLED, tables.couples(39)))
    with pytest.raises(Unfit, match="not a special case"):
        likelihood_ratio(one, one)


def test_a_model_is_not_compared_with_one_that_it_is_no_case_of() -> None:
    table = tables.couples(60)
    chance = np.random.default_rng(5)
    table |= {name: chance.normal(size=120) for name in "ab"}
    ml = replace(POOLED, method=Method.ML)
    one, two = (
        fitted(replace(ml, predictors=("a",)), table),
        fitted(replace(ml, predictors=("x", "b")), table),
    )
    assert one.n_parameters < two.n_parameters and one.log_likelihood < two.log_likelihood
    with pytest.raises(Unfit, match="not a special case"):
        likelihood_ratio(one, two)
    apart = replace(ml, distinguished=True, covariates=("a",))
    for model in (Model.APIM, Model.TWO_INTERCEPT):
        assert likelihood_ratio(fitted(ml, table), fitted(replace(apart, model=model), table)).df == 6


def test_models_of_other_answers_are_not_compared_though_there_are_as_many() -> None:
    table, other = tables.couples(60), tables.couples(60, seed=2)
    ml = replace(POOLED, method=Method.ML)
    alone = replace(ml, model=Model.ICC, predictors=())
    with pytest.raises(Unfit, match="not fitted to the same answers"):
        likelihood_ratio(fitted(alone, table), fitted(ml, other))
    gap, later = (table | {"z": np.where(np.arange(120) == row, np.nan, table["age"])} for row in (0, 50))
    fits = [fitted(replace(ml, covariates=("z",)), gaps) for gaps in (gap, later)]
    assert fits[0].n_answers == fits[1].n_answers
    with pytest.raises(Unfit, match="not fitted to the same answers"):
        ranking({"one": fits[0], "two": fits[1]})


def test_restricted_likelihoods_of_the_same_column_in_another_unit_are_not_compared() -> None:
    """They differ by the logarithm of the unit, and so would the ranking."""
    table, ml = tables.couples(40), replace(POOLED, method=Method.ML)
    thousandths = table | {"x": 1000 * table["x"]}
    one, two = fitted(POOLED, table), fitted(POOLED, thousandths)
    assert one.names == two.names and abs(one.log_likelihood - two.log_likelihood) > 5
    with pytest.raises(Unfit, match="another unit"):
        ranking({"x": one, "x in thousandths": two})
    plain, fading = (
        fitted(replace(POOLED, wave="wave", autoregressive=ar), tables.couples(40, waves=3))
        for ar in (False, True)
    )
    assert len(ranking({"plain": plain, "fading": fading})) == 2
    assert [
        rank.weight for rank in ranking({"one": fitted(ml, table), "two": fitted(ml, thousandths)})
    ] == pytest.approx([0.5] * 2)


def test_a_search_that_did_not_end_is_not_compared() -> None:
    table = tables.couples(60)
    ml = replace(POOLED, method=Method.ML)
    stopped = replace(fitted(ml, table), converged=False)
    with pytest.raises(Unfit, match="did not come to an end"):
        likelihood_ratio(fitted(replace(ml, model=Model.ICC, predictors=()), table), stopped)


def test_a_frame_answers_the_question_it_was_made_for() -> None:
    table = tables.couples(30)
    framed = frame(TWO, table)
    assert fit(replace(TWO, method=Method.ML), framed).spec.method is Method.ML
    for other in (ICC, replace(TWO, outcome="age"), replace(TWO, autoregressive=True)):
        with pytest.raises(Unfit, match="made for another question"):
            fit(other, framed)


def test_a_test_on_few_couples_says_so() -> None:
    few, many = tables.couples(20), tables.couples(30)
    assert "Fewer than 30 couples" in distinguishable(TWO, few).test.note
    assert distinguishable(TWO, many).test.note == ""
    told = nonindependence(frame(ICC, few))
    assert told.paired and told.test.note == told.paired.note == FEW
    assert wald(fitted(TWO, few), [{"wife: actor x": 1.0}]).note == FEW


def test_models_are_ranked_and_share_the_evidence() -> None:
    table = tables.couples(60)
    ml = replace(POOLED, method=Method.ML)
    fits = {
        "alone": fitted(replace(ml, model=Model.ICC, predictors=()), table),
        "actor and partner": fitted(ml, table),
        "and age": fitted(replace(ml, covariates=("age",)), table),
    }
    ranks = ranking(fits)
    assert [rank.aic for rank in ranks] == sorted(one.aic for one in fits.values())
    assert ranks[-1].name == "alone" and sum(rank.weight for rank in ranks) == pytest.approx(1)


def test_the_omnibus_test_counts_one_for_each_number_of_the_roles_own() -> None:
    found = distinguishable(replace(TWO, covariates=("age",)), tables.couples(60, missing=0.1))
    assert found.test.df == 5
    assert found.test.statistic == pytest.approx(
        2 * (found.apart.log_likelihood - found.pooled.log_likelihood)
    )


def test_the_omnibus_test_errs_as_often_as_it_says() -> None:
    """300 tables of partners whom nothing tells apart: p below .05 in 5 of 100, within Monte-Carlo error."""
    chance = np.random.default_rng(11)
    small = 0
    for _ in range(300):
        x = chance.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], 60)
        y = 0.4 * x + 0.2 * x[:, ::-1] + chance.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], 60)
        table = {
            "couple": np.repeat(np.arange(60), 2),
            "partner": np.tile(["a", "b"], 60),
            "x": x.ravel(),
            "y": y.ravel(),
        }
        small += distinguishable(TWO, table).test.p < 0.05
    assert 4 <= small <= 28  # 15 expected; ± 3 standard errors, and a little for 60 couples


def test_independence_is_asked_of_partners_not_told_apart() -> None:
    spec = replace(POOLED, method=Method.ML)
    assert independent(spec, frame(spec, tables.couples(200))).p < 0.001
    with pytest.raises(Unfit, match="interval of the residuals' correlation"):
        independent(TWO, frame(TWO, tables.couples(60)))
    with pytest.raises(Unfit, match="may be alike in several ways"):
        independent(Spec(Model.GROWTH, "y", wave="w"), frames.growth(exchangeable=True))


# ── the ratio ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_drawn_interval_is_the_same_for_the_same_generator() -> None:
    found = fitted(TWO, tables.couples(60))
    one, two = (ratio(found, "x", np.random.default_rng(3), side="wife") for _ in "12")
    assert one == two
    with pytest.raises(Unfit, match="column z"):
        ratio(found, "z", np.random.default_rng(3), side="wife")
    with pytest.raises(Unfit, match="column x"):
        ratio(found, "x", np.random.default_rng(3))


def test_a_ratio_to_nearly_nothing_is_not_to_be_read() -> None:
    found = fitted(POOLED, tables.couples(60))
    faint = replace(found, estimates=np.array([1.0, 0.001, 0.2]))
    assert "do not read it" in ratio(faint, "x", np.random.default_rng(3)).notes[0]
    assert ratio(found, "x", np.random.default_rng(3)).notes == ()


def test_nothing_to_rank_is_said() -> None:
    with pytest.raises(Unfit, match="no models to rank"):
        ranking({})


def test_variances_are_a_table_as_effects_are() -> None:
    told = summary(fitted(TWO, tables.couples(60)))
    assert told.to_pandas()["name"].tolist() == [row.name for row in told.effects]
    assert told.to_pandas("parts")["estimate"].tolist() == [part.estimate for part in told.parts]


# ── predictions ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_prediction_is_a_contrast_and_a_new_person_varies_more() -> None:
    table = tables.couples(60)
    found = fitted(TWO, table)
    told = predict_table(
        found, {"couple": [1, 1], "partner": ["husband", "wife"], "x": [3.0, 2.0], "y": [None, None]}
    )
    row = contrast(found, {"wife: intercept": 1.0, "wife: actor x": 2.0, "wife: partner x": 3.0})
    assert (told.mean[0, 1], told.low[0, 1], told.high[0, 1]) == pytest.approx(
        (row.estimate, row.low, row.high)
    )
    half = told.new_high[0, 1] - told.mean[0, 1]
    reach = (row.high - row.estimate) / row.standard_error
    assert half == pytest.approx(reach * np.sqrt(row.standard_error**2 + found.residual[1, 1]))


def test_prediction_intervals_hold_new_answers_as_often_as_they_say() -> None:
    found = fitted(TWO, tables.couples(200, seed=1))
    new = frame(TWO, tables.couples(2000, seed=2))
    told = predict(found, new.x, new.z)
    inside = ((told.new_low < new.y) & (new.y < told.new_high)).mean()
    assert 0.93 < inside < 0.97


def test_a_table_of_other_roles_or_without_a_predictor_is_refused_or_left_empty() -> None:
    found = fitted(TWO, tables.couples(60))
    with pytest.raises(Unfit, match="roles are husband and wife, this table’s a and b"):
        predict_table(found, {"couple": [1, 1], "partner": ["a", "b"], "x": [3.0, 2.0], "y": [None, None]})
    gap = predict_table(
        found, {"couple": [1, 1], "partner": ["husband", "wife"], "x": [3.0, None], "y": [None, None]}
    )
    assert np.isnan(gap.mean).all()


def test_no_role_gets_the_coefficients_of_another() -> None:
    found = fitted(
        replace(TWO, model=Model.APIM), tables.couples(60)
    )  # names of effects alone would not tell
    with pytest.raises(Unfit, match="roles are husband and wife, this table’s wife and woman"):
        predict_table(found, {"couple": [1, 1], "partner": ["wife", "woman"], "x": [3.0, 2.0]})


def test_a_table_to_predict_needs_no_outcome_and_one_partner_where_the_other_does_not_matter() -> None:
    found = fitted(TWO, tables.couples(60))
    pair = {"couple": [1, 1], "partner": ["wife", "husband"], "x": [3.0, 2.0]}
    told = predict_table(found, pair)
    assert told.mean.tolist() == predict_table(found, pair | {"y": [None, None]}).mean.tolist()
    alone = {name: column[:1] for name, column in pair.items()}
    with pytest.raises(Unfit, match="rests on the other's x, too: give a row for each"):
        predict_table(found, alone)
    (row,) = predict_table(fitted(ICC, tables.couples(60)), alone).rows()
    assert (row.couple, row.partner) == ("1", "wife")
    before = Spec(Model.CROSS_LAG, "y", wave="wave")
    earlier = fitted(before, tables.couples(60, waves=3))
    with pytest.raises(Unfit, match="column y: the table has no such column"):
        predict_table(earlier, pair | {"wave": [0, 0]})


@pytest.mark.parametrize("distinguished", [True, False])
def test_predictions_are_a_table_with_a_row_for_each_partner(distinguished: bool) -> None:
    found = fitted(replace(TWO, distinguished=distinguished), tables.couples(60))
    asked = {"couple": [2, 2, 1, 1], "partner": ["wife", "husband"] * 2, "x": [3.0, 2.0, 1.0, 0.0]}
    told = predict_table(found, asked)
    table = told.to_pandas()
    assert table[["couple", "partner"]].values.tolist() == [
        ["1", "husband"], ["1", "wife"], ["2", "husband"], ["2", "wife"],
    ]  # fmt: skip
    assert table["new_high"].tolist() == told.new_high.ravel().tolist()


def test_predictions_say_whose_they_are_and_take_the_same_degrees_as_a_contrast() -> None:
    found = fitted(TWO, tables.couples(25, missing=0.1))
    asked = {
        "couple": [7, 7, 3, 3],
        "partner": ["wife", "husband"] * 2,
        "x": [2.0, 3.0, 1.0, 0.0],
        "y": [None] * 4,
    }
    told = predict_table(found, asked, df="satterthwaite")
    assert (told.couples, told.at.tolist(), told.sides) == (("3", "7"), [0, 0], ("husband", "wife"))
    weights = {"wife: intercept": 1.0, "wife: actor x": 1.0, "wife: partner x": 0.0}
    row = contrast(found, weights, df="satterthwaite")
    assert (told.low[0, 1], told.high[0, 1]) == pytest.approx((row.low, row.high))
    raw = predict(found, np.zeros((1, 2, 6)), np.zeros((1, 2, 0)))
    assert raw.couples == () and raw.sides == ("husband", "wife")
