"""Published analyses of Acitelli's 148 couples come out to every printed digit (R's nlme and SAS agree on them)."""

from typing import Any

import numpy as np
import pytest

from bothwell.outcomes.common_fate import common_fate
from bothwell.outcomes.compare import distinguishable, independent, likelihood_ratio
from bothwell.outcomes.contrasts import contrast, same, wald
from bothwell.outcomes.degrees import Df
from bothwell.outcomes.design import ROLE, actor, of, partner, times
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.nonindependence import interchangeable, nonindependence
from bothwell.outcomes.ratio import Kind, ratio
from bothwell.outcomes.sheet import read
from bothwell.outcomes.spec import Method, Model
from bothwell.outcomes.summary import summary
from bothwell.outcomes.unfit import Unfit
from tests.outcomes.acitelli import asked, table

X = "OtherPos_A"
ACTOR, PARTNER = actor(X), partner(X)
POOLED: dict[str, Any] = {"distinguished": False}
ML: dict[str, Any] = {"method": Method.ML}


@pytest.fixture(scope="module")
def couples() -> dict[str, Any]:
    return table()


def fitted(couples: dict[str, Any], model: Model, *predictors: str, **more: Any) -> Fit:
    spec = asked(model, *predictors, **more)
    return fit(spec, frame(spec, couples))


def printed(found: float, wanted: str) -> bool:
    """Whether a number, rounded to the digits that were printed, is what was printed."""
    digits = len(wanted.split(".")[1])
    return round(found, digits) == float(wanted)


def deviance(of_fit: Fit, wanted: str) -> bool:
    return printed(-2 * of_fit.log_likelihood, wanted)


def effect(of_fit: Fit, name: str, estimate: str, error: str = "") -> bool:
    row = summary(of_fit).effect(name)
    return printed(row.estimate, estimate) and (not error or printed(row.standard_error, error))


# ── T1: how alike partners are in satisfaction ────────────────────────────────────────────────────────────


def test_satisfaction_is_alike_in_partners(couples: dict[str, Any]) -> None:
    restricted = fitted(couples, Model.ICC, **POOLED)
    assert printed(summary(restricted).part("residual correlation of partners").estimate, ".61847")
    assert printed(float(np.sqrt(restricted.residual[0, 0])), ".49694")
    assert deviance(restricted, "358.4574")
    assert effect(restricted, "intercept", "3.60473", ".036746")
    likely = fitted(couples, Model.ICC, **POOLED, **ML)
    assert printed(summary(likely).part("residual correlation of partners").estimate, ".6163724")
    assert deviance(likely, "353.6844")


def test_likeness_by_analysis_of_variance_and_by_correlation(couples: dict[str, Any]) -> None:
    found = nonindependence(frame(asked(Model.ICC), couples))
    assert printed(found.between, ".3996828") and printed(found.within, ".0942192")
    assert found.test.name == "F" and printed(found.test.statistic, "4.24205")
    assert (found.test.df, found.test.df_denominator) == (147, 148) and found.test.p < 1e-15
    assert printed(found.intraclass, ".61847")
    assert printed(found.double_entry, ".6163724") and found.pearson and printed(found.pearson, ".6234498")
    # the published t is the wives' less the husbands'; ours the first side's (husbands) less the second's
    assert found.paired and printed(-found.paired.statistic, "-.75634")
    assert found.paired.df == 147 and printed(found.paired.p, ".4507")


def test_likeness_beside_gender_and_years(couples: dict[str, Any]) -> None:
    beside = fitted(couples, Model.ICC, **POOLED, covariates=("gender", "Yearsmar"))
    assert printed(beside.residual[0, 1], ".1540")
    assert printed(beside.residual[0, 0] - beside.residual[0, 1], ".09449")
    assert printed(summary(beside).part("residual correlation of partners").estimate, ".6197")
    assert deviance(beside, "372.9")


def test_the_likelihood_says_the_same_of_likeness(couples: dict[str, Any]) -> None:
    spec = asked(Model.ICC, **POOLED, **ML)
    found = independent(spec, frame(spec, couples))
    rho, n = 0.6163724, 148
    assert found.statistic == pytest.approx(-n * np.log(1 - rho**2), abs=1e-4)  # closed form
    assert found.df == 1


# ── T2: nothing tells partners apart ──────────────────────────────────────────────────────────────────────


def test_actor_and_partner_of_partners_not_told_apart(couples: dict[str, Any]) -> None:
    restricted = fitted(couples, Model.APIM, X, **POOLED)
    assert effect(restricted, "intercept", ".66975", ".32244")
    assert effect(restricted, ACTOR, ".40042", ".04731")
    assert effect(restricted, PARTNER, ".28797", ".04731")
    assert printed(summary(restricted).part("residual correlation of partners").estimate, ".46934")
    assert printed(float(np.sqrt(restricted.residual[0, 0])), ".417366")
    assert deviance(restricted, "296.7183")
    likely = fitted(couples, Model.APIM, X, **POOLED, **ML)
    assert deviance(likely, "282.88409")
    assert printed(summary(likely).part("residual correlation of partners").estimate, ".4666759")


# ── T3: wives and husbands ────────────────────────────────────────────────────────────────────────────────


def test_each_roles_own_effects(couples: dict[str, Any]) -> None:
    restricted = fitted(couples, Model.TWO_INTERCEPT, X)
    assert effect(restricted, of("Husband", "intercept"), ".69046", ".34290")
    assert effect(restricted, of("Husband", ACTOR), ".42439", ".06772")
    assert effect(restricted, of("Husband", PARTNER), ".26165", ".06140")
    assert effect(restricted, of("Wife", "intercept"), ".61125", ".41282")
    assert effect(restricted, of("Wife", ACTOR), ".37770", ".07392")
    assert effect(restricted, of("Wife", PARTNER), ".32148", ".08152")
    told = summary(restricted)
    correlation = told.part("residual correlation of Husband with Wife").estimate
    # R's search stops 6e-7 before the top; the top itself is known exactly
    assert correlation == pytest.approx(0.4751092, abs=1e-6)
    assert correlation == pytest.approx(left_by_least_squares(couples), abs=1e-9)
    husband = told.part("residual variance of Husband").estimate
    wife = told.part("residual variance of Wife").estimate
    assert printed(husband, ".1431") and printed(wife, ".2075")
    assert float(np.sqrt(wife / husband)) == pytest.approx(1.203894, abs=1e-6)
    assert deviance(restricted, "300.2216")
    assert deviance(fitted(couples, Model.TWO_INTERCEPT, X, **ML), "275.60704")


def left_by_least_squares(couples: dict[str, Any]) -> float:
    """The correlation of what each role's own regression leaves: the same predictors, so the exact answer."""
    sheet = read(asked(Model.TWO_INTERCEPT, X), couples)
    x = np.column_stack([np.ones(148), sheet.values[X]])
    y = sheet.values["Satisfaction_A"]
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return float(left[:, 0] @ left[:, 1] / np.sqrt((left**2).sum(axis=0).prod()))


def test_wives_and_husbands_cannot_be_told_apart_by_this_model(couples: dict[str, Any]) -> None:
    found = distinguishable(asked(Model.TWO_INTERCEPT, X), couples)
    assert printed(found.test.statistic, "7.277") and found.test.df == 4 and printed(found.test.p, ".122")
    assert found.pooled.spec.method is Method.ML


# ── T4: other ways to write the same ──────────────────────────────────────────────────────────────────────


def test_roles_as_deviations_from_the_pool(couples: dict[str, Any]) -> None:
    restricted = fitted(couples, Model.APIM, X)
    assert deviance(restricted, "304.4")
    assert effect(restricted, ACTOR, ".4010") and effect(restricted, PARTNER, ".2916")
    assert effect(restricted, ROLE, ".0396")
    assert effect(restricted, times(ACTOR, ROLE), ".0233")
    assert effect(restricted, times(PARTNER, ROLE), "-.0299")


def test_sum_and_difference(couples: dict[str, Any]) -> None:
    turned = fitted(couples, Model.SUM_DIFFERENCE, X, **POOLED)
    assert effect(turned, f"sum of {X}", ".3442") and effect(turned, f"difference in {X}", ".05623")


def test_means_on_means_and_differences_on_differences(couples: dict[str, Any]) -> None:
    """Two ordinary regressions give the same slopes and, of couples, the same errors' degrees of freedom."""
    spec = asked(Model.SUM_DIFFERENCE, X, **POOLED)
    sheet = read(spec, couples)
    x, y = sheet.values[X], sheet.values["Satisfaction_A"]
    means = np.polyfit(x.mean(axis=1), y.mean(axis=1), 1)[0]
    dx, dy = np.diff(x)[:, 0], np.diff(y)[:, 0]
    turned = summary(fitted(couples, Model.SUM_DIFFERENCE, X, **POOLED))
    assert turned.effect(f"sum of {X}").estimate == pytest.approx(means / 2, rel=1e-6)
    assert turned.effect(f"difference in {X}").estimate == pytest.approx(dx @ dy / (dx @ dx) / 2, rel=1e-6)


def test_the_product_of_actor_and_partner(couples: dict[str, Any]) -> None:
    with_product = fitted(couples, Model.APIM, X, **POOLED, product=True)
    assert effect(with_product, times(ACTOR, PARTNER), "-.2953", ".1246")


def test_the_saturated_test_of_interchangeable_roles(couples: dict[str, Any]) -> None:
    spec = asked(Model.APIM, X)
    found = interchangeable(spec, read(spec, couples))
    assert printed(found.statistic, "9.255") and found.df == 6 and printed(found.p, ".160")


def test_the_ratio_of_partner_to_actor(couples: dict[str, Any]) -> None:
    likely = fitted(couples, Model.TWO_INTERCEPT, X, **ML)
    husband = ratio(likely, X, np.random.default_rng(7), side="Husband")
    wife = ratio(likely, X, np.random.default_rng(7), side="Wife")
    assert printed(husband.k, ".617") and printed(husband.standard_error, ".191")
    assert printed(wife.k, ".851") and printed(wife.standard_error, ".299")
    assert wife.compatible == (Kind.COUPLE,) and wife.notes == ()
    assert husband.drawn[0] < husband.k < husband.drawn[1] and husband.drawn[1] > husband.delta[1]
    pooled = ratio(fitted(couples, Model.APIM, X, **POOLED), X, np.random.default_rng(7))
    assert pooled.k == pytest.approx(0.28797 / 0.40042, abs=1e-4)


# ── T9: no hidden level of the couple in these answers ────────────────────────────────────────────────────


@pytest.mark.parametrize("distinguished", [True, False])
def test_common_fate_is_refused_where_it_is_improper(couples: dict[str, Any], distinguished: bool) -> None:
    with pytest.raises(Unfit, match=r"improper: the two levels would correlate by 1\.01"):
        common_fate(asked(Model.COMMON_FATE, X, distinguished=distinguished), couples)


# ── questions to the same fits ────────────────────────────────────────────────────────────────────────────


def test_actor_against_partner_and_wife_against_husband(couples: dict[str, Any]) -> None:
    restricted = fitted(couples, Model.TWO_INTERCEPT, X)
    row = contrast(restricted, same(of("Wife", ACTOR), of("Husband", ACTOR)), df=Df.NORMAL)
    assert row.name == f"Wife: {ACTOR} − Husband: {ACTOR}" and printed(row.estimate, "-.0467")
    both = wald(restricted, [same(of("Wife", e), of("Husband", e)) for e in (ACTOR, PARTNER)], df=Df.NORMAL)
    one = wald(restricted, [same(of("Wife", ACTOR), of("Husband", ACTOR))], df=Df.NORMAL)
    assert both.df == 2 and one.statistic == pytest.approx(row.statistic**2) and one.p == pytest.approx(row.p)


def test_a_smaller_model_is_tested_inside_a_larger_one(couples: dict[str, Any]) -> None:
    smaller = fitted(couples, Model.ICC, **POOLED, **ML)
    larger = fitted(couples, Model.APIM, X, **POOLED, **ML)
    found = likelihood_ratio(smaller, larger)
    assert found.df == 2 and printed(found.statistic, "70.80030")  # 353.68439 − 282.88409
