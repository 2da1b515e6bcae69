"""Sentences to be read aloud: what goes with what, how sure that is, and never what brings what about."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bothwell.outcomes.caution import NEVER_CAUSAL
from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.reading import OPEN, reading
from bothwell.outcomes.sheet import read
from bothwell.outcomes.spec import Model
from bothwell.outcomes.summary import summary
from tests.outcomes.golden.cases import CASES

CAUSAL = re.compile(
    r"\b(cause[sd]?|because|leads?|led|makes?|made|improves?|due|effect|thanks|results? in)\b"
)


def said(name: str, **other: object) -> tuple[str, ...]:
    spec = replace(CASES[name].spec, **other)
    found = fit(spec, frame(spec, CASES[name].table()))
    return reading(found, summary(found))


@pytest.mark.parametrize(
    "name",
    [name for name, case in CASES.items() if case.spec.model not in (Model.COMMON_FATE, Model.MEDIATION)],
)
def test_no_sentence_speaks_of_causes_and_the_last_one_says_so(name: str) -> None:
    *sentences, last = said(name)
    assert last == NEVER_CAUSAL
    assert not [sentence for sentence in sentences if CAUSAL.search(sentence)]


def test_likeness_of_partners_has_its_interval() -> None:
    assert re.match(
        r"In 60 couples, partners’ y correlates 0\.\d\d \(95 % interval 0\.\d\d to 0\.\d\d\)\.",
        said("icc_complete")[0],
    )


def test_each_role_has_its_own_and_the_partners_sentence() -> None:
    whose = [sentence.split(":")[0] for sentence in said("apim_roles")[:-1]]
    assert whose == ["other", "other", "treated", "treated"]


def test_where_roles_deviate_from_a_pool_each_role_is_told_as_where_it_has_its_own() -> None:
    """Opposite links would else be told as their average, which is nobody's."""
    pooled, apart = said("apim_roles", model=Model.APIM), said("apim_roles", model=Model.TWO_INTERCEPT)
    assert sorted(pooled) == sorted(apart) and len(pooled) == 5
    moved = said("apim_roles_moderated", model=Model.APIM)
    assert sorted(moved) == sorted(said("apim_roles_moderated", model=Model.TWO_INTERCEPT))


def test_the_sum_and_the_difference_are_told_with_the_slopes_of_means_and_of_differences() -> None:
    """The numbers are of one's own answer: half of what means on means and differences on differences have."""
    spec = replace(CASES["halves_alike"].spec, model=Model.SUM_DIFFERENCE)
    x, y = (read(spec, CASES["halves_alike"].table()).values[name] for name in ("x", "y"))
    found = fit(spec, frame(spec, CASES["halves_alike"].table()))
    told = reading(found, summary(found))
    means = np.polyfit(x.mean(axis=1), y.mean(axis=1), 1)[0]
    between = np.diff(x)[:, 0] @ np.diff(y)[:, 0] / (np.diff(x)[:, 0] @ np.diff(x)[:, 0])
    assert told[0].startswith(f"one more of both partners’ x together goes with {means / 2:.3g} more of y (")
    assert told[0].endswith(f"; so one more of a couple’s mean x goes with {means:.3g} more of their mean y.")
    assert told[1].startswith("one more of one’s own x over the partner’s, their sum the same, goes with ")
    assert told[1].endswith(
        f"; so one more between the partners’ x goes with {between:.3g} more between their y."
    )
    apart = said("halves_roles", model=Model.SUM_DIFFERENCE)
    assert len(apart) == 5 and not any("so one more" in sentence for sentence in apart)


def test_a_covariate_called_like_an_effect_is_not_told_as_one() -> None:
    spec = replace(CASES["halves_alike"].spec, covariates=("sum of z",))
    table = dict(CASES["halves_alike"].table())
    table["sum of z"] = np.random.default_rng(1).normal(size=len(table["y"]))
    found = fit(spec, frame(spec, table))
    assert "sum of z" in found.names
    assert not any("z" in sentence for sentence in reading(found, summary(found)))


def test_an_interval_with_zero_in_it_leaves_the_question_open() -> None:
    found = said("apim_roles")
    assert [OPEN in sentence for sentence in found[:-1]] == [False, False, False, True]


def test_what_falls_is_said_to_fall() -> None:
    rises_or_falls = said("growth_complete")[:-1]
    assert all(" falls by " in sentence for sentence in rises_or_falls) and len(rises_or_falls) == 2


def test_an_effect_that_something_moves_is_told_with_its_place() -> None:
    assert all(", where arm is 0 (" in sentence for sentence in said("growth_arm")[:-1])
    assert all(", where years is 0 (" in sentence for sentence in said("apim_alike_moderated")[:-1])
    assert not any("where" in sentence for sentence in said("apim_roles", model=Model.APIM))
