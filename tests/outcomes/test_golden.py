"""The same digits as R: every invented data set of `golden/`, by every engine that can fit it.

Against lavaan to 1e-5, against nlme and glmmTMB to 1e-3, and never a lower log-likelihood than theirs. An engine that
stopped before its maximum says so in its file (`short_by`): it is then held to the log-likelihood alone.
"""

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest

from bothwell.outcomes.common_fate import common_fate
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.indirect import Way
from bothwell.outcomes.mediation import Mediation, mediate
from bothwell.outcomes.spec import Method, Model
from tests.outcomes.golden.cases import CALLED, CASES, HERE, call

APART = (Model.SUM_DIFFERENCE, Model.MEDIATION, Model.COMMON_FATE)  # R asks these in another form
STOPPED_EARLY = 1e-6
# R's word for a column, and ours
WORDS = {
    "(Intercept)": "intercept",
    "x": "actor x",
    "x_partner": "partner x",
    "x_today": "actor x within",
    "x_today_partner": "partner x within",
    "x_usual": "actor x between",
    "x_usual_partner": "partner x between",
    "y_before": "actor y before",
    "y_before_partner": "partner y before",
    "turn_own": "actor change in m",
    "turn_partner": "partner change in m",
    "m_own": "actor earlier m",
    "m_partner": "partner earlier m",
    "y_own": "actor earlier y",
    "y_partner": "partner earlier y",
}


def asked(least: float = np.inf) -> list[Any]:
    """Every engine's answer to every case, of those that stopped at most so far below the maximum."""
    return [
        pytest.param(name, answer, id=f"{name}-{answer['engine']}-{answer['method']}")
        for name, case in CASES.items()
        if case.spec.model not in APART
        for answer in case.answers()
        if answer["short_by"] <= least
    ]


@lru_cache
def framed(name: str) -> Frame:
    return frame(CASES[name].spec, CASES[name].table())


@lru_cache
def fitted(name: str, method: str) -> Fit:
    return fit(replace(CASES[name].spec, method=Method(method.lower())), framed(name))


def reached(answer: dict[str, Any]) -> float:
    """The log-likelihood at the engine's own estimates, without the rounding of what it prints."""
    return answer.get("at_estimates", answer["log_likelihood"])


def tolerance(answer: dict[str, Any]) -> float:
    return 1e-5 if answer["engine"] == "lavaan" else 1e-3


def effect(name: str) -> tuple[str, frozenset[str]]:
    """Whose answer, and what is multiplied."""
    side, _, bare = name.rpartition(": ")
    return side, frozenset(bare.split(" × "))


def effect_in_r(name: str, sides: tuple[str, str]) -> tuple[str, frozenset[str]]:
    whose = {"one": sides[0], "two": sides[1], f"role{sides[0]}": sides[0], f"role{sides[1]}": sides[1]}
    parts = name.split(":")
    side = "".join(whose[part] for part in parts if part in whose)
    return side, frozenset([WORDS.get(part, part) for part in parts if part not in whose] or ["intercept"])


def ordered(answer: dict[str, Any], key: str, ours: Fit, sides: tuple[str, str]) -> np.ndarray:
    """R's numbers in the order of our names."""
    theirs = {effect_in_r(name, sides): value for name, value in answer[key].items()}
    assert len(theirs) == len(ours.names)
    return np.array([theirs[effect(name)] for name in ours.names])


def close(found: Any, expected: Any, within: float) -> None:
    np.testing.assert_allclose(found, expected, rtol=within, atol=within)


@pytest.mark.parametrize(("name", "answer"), asked())
def test_no_engine_of_r_finds_a_higher_likelihood(name: str, answer: dict[str, Any]) -> None:
    ours = fitted(name, answer["method"])
    assert ours.converged
    assert ours.log_likelihood >= reached(answer) - 1e-6
    assert ours.log_likelihood - reached(answer) < answer["short_by"] + 1e-3


@pytest.mark.parametrize(("name", "answer"), asked(STOPPED_EARLY))
def test_estimates_errors_and_covariances_are_those_of_r(name: str, answer: dict[str, Any]) -> None:
    ours, within, sides = fitted(name, answer["method"]), tolerance(answer), framed(name).sides
    close(ours.estimates, ordered(answer, "estimates", ours, sides), within)
    close(errors(ours, answer), ordered(answer, "standard_errors", ours, sides), within)
    close(ours.residual, answer["residual"], within)
    if "spread" in answer:
        close(ours.spread, answer["spread"], within)
    if "autocorrelation" in answer:
        close(ours.autocorrelation, answer["autocorrelation"], within)
    if answer.get("information") == "observed":
        close(ours.residual_errors, answer["residual_errors"], within)
        if "spread" in answer:
            close(ours.spread_errors, answer["spread_errors"], within)


def errors(ours: Fit, answer: dict[str, Any]) -> np.ndarray:
    """By the information the engine took: observed in lavaan's full-information fits and glmmTMB's ML."""
    is_observed = answer.get("information") == "observed" or (answer["engine"], answer["method"]) == (
        "glmmTMB",
        "ML",
    )
    return np.sqrt(np.diag(ours.covariance_observed if is_observed else ours.covariance))


# ── models that R asks in another form ────────────────────────────────────────────────────────────────────


def test_sum_and_difference_are_two_ordinary_regressions_where_nothing_tells_partners_apart() -> None:
    ours = fitted("halves_alike", "REML")
    parts = {answer["engine"]: answer for answer in CASES["halves_alike"].answers()}
    mean, difference = parts["lm, mean"], parts["lm, difference through zero"]
    expected = {
        "intercept": (mean["estimates"]["(Intercept)"], mean["standard_errors"]["(Intercept)"]),
        "sum of x": (mean["estimates"]["x"] / 2, mean["standard_errors"]["x"] / 2),
        "difference in x": (difference["estimates"]["x"] / 2, difference["standard_errors"]["x"] / 2),
    }
    for name, value, error in zip(ours.names, ours.estimates, np.sqrt(np.diag(ours.covariance)), strict=True):
        close((value, error), expected[name], 1e-8)


def test_with_roles_mean_and_difference_each_go_with_both() -> None:
    ours = fitted("halves_roles", "REML")
    parts = {answer["engine"]: answer for answer in CASES["halves_roles"].answers()}
    mean, difference = parts["lm, mean on both"], parts["lm, difference on both"]
    expected = {
        "intercept": (mean, "(Intercept)", 1),
        "sum of x": (mean, "x", 1 / 2),  # of the mean on the mean: twice the effect of the sum
        "difference in x × role": (mean, "gap", 1),
        "role": (difference, "(Intercept)", 1 / 2),
        "sum of x × role": (difference, "x", 1 / 4),
        "difference in x": (difference, "gap", 1 / 2),
    }
    for name, value, error in zip(ours.names, ours.estimates, np.sqrt(np.diag(ours.covariance)), strict=True):
        part, column, factor = expected[name]
        close(
            (value, error),
            (part["estimates"][column] * factor, part["standard_errors"][column] * factor),
            1e-8,
        )


@lru_cache
def mediated(name: str) -> Mediation:
    spec = replace(CASES[name].spec, method=Method.ML)
    return mediate(spec, CASES[name].table(), np.random.default_rng(1), draws=10)


PATHS = {"aa": (0, "actor x"), "ap": (0, "partner x"), "ml": (0, "intercept"), "ba": (1, "actor m"), "bp": (1, "partner m"),
         "ca": (1, "actor x"), "cp": (1, "partner x"), "yl": (1, "intercept")}  # fmt: skip


@pytest.mark.parametrize("name", ["mediation_roles", "mediation_alike"])
def test_paths_and_indirect_effects_are_those_of_lavaan(name: str) -> None:
    (answer,) = CASES[name].answers()
    ours, sides = mediated(name), framed(name).sides
    close(ours.first.log_likelihood + ours.second.log_likelihood, answer["log_likelihood"], 1e-9)
    for label, value in answer["estimates"].items():
        kind, side = label[:2], sides[int(label[2]) - 1] if label[2:] else ""
        error = answer["standard_errors"][label]
        if kind.isupper():
            found = ours.effect(Way(kind), side)
            close((found.estimate, found.standard_error), (value, error), 1e-5)
            continue
        step, effect_name = PATHS[kind]
        one = (ours.first, ours.second)[step]
        place = one.names.index(f"{side}: {effect_name}" if side else effect_name)
        close((one.estimates[place], one.covariance[place, place] ** 0.5), (value, error), 1e-5)


@pytest.mark.parametrize("name", ["common_roles", "common_alike"])
def test_common_levels_are_those_of_lavaan(name: str) -> None:
    (answer,) = CASES[name].answers()
    ours = common_fate(CASES[name].spec, CASES[name].table())
    theirs = answer["estimates"]
    close(ours.slope, theirs["slope"], 1e-5)
    close(ours.standard_error, answer["standard_errors"]["slope"], 1e-5)
    close((ours.predictor_variance, ours.unexplained), (theirs["levels"], theirs["unexplained"]), 1e-5)


# ── the R-equivalent call ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", CALLED)
def test_the_r_call_that_is_written_is_the_one_that_was_run(name: str) -> None:
    assert call(CASES[name]) == (HERE / "calls" / f"{name}.R").read_text()


@pytest.mark.parametrize("name", CALLED)
def test_the_r_call_asks_the_same_question(name: str) -> None:
    theirs = json.loads((HERE / "results" / "calls.json").read_text())[name]
    ours = fitted(name, CASES[name].spec.method)
    close(np.sort(ours.estimates), theirs["estimates"], 1e-3)
    assert -1e-6 <= ours.log_likelihood - theirs["log_likelihood"] < 1e-3


def test_there_are_twenty_data_sets_and_more() -> None:
    used = {case.data for case in CASES.values()}
    assert used == {path.stem for path in (HERE / "data").glob("*.csv")}
    assert len(used) >= 20
    assert json.loads((HERE / "results" / "sources.json").read_text()).keys() == {
        "R",
        "nlme",
        "lavaan",
        "glmmTMB",
    }


def test_no_engine_but_glmmtmb_stopped_early() -> None:
    assert {param.values[1]["engine"] for param in asked()} == {"nlme::gls", "nlme::lme", "lavaan", "glmmTMB"}
    early = [param.values[1] for param in asked() if param.values[1]["short_by"] > STOPPED_EARLY]
    assert {answer["engine"] for answer in early} == {"glmmTMB"}
    assert max(answer["short_by"] for answer in early) < 1e-3
