"""The script for R says the model that was fitted, whatever the columns are called. That it runs: `golden/`."""

import re
from dataclasses import replace

import numpy as np
import pytest

from bothwell.outcomes.equivalent import NO_FADING, equivalent
from bothwell.outcomes.frame import frame
from bothwell.outcomes.spec import Method, Model, Spec
from tests.outcomes.golden.cases import CASES

APIM = Spec(Model.APIM, "y", ("x",), distinguished=False)
NAMES = ("intercept", "actor x", "partner x")


def test_method_and_roles_are_said() -> None:
    assert 'method = "REML"' in equivalent(APIM, NAMES)
    assert 'method = "ML"' in equivalent(replace(APIM, method=Method.ML), NAMES)
    assert "varIdent" not in equivalent(APIM, NAMES)
    assert "weights = varIdent(form = ~ 1 | role)" in equivalent(replace(APIM, distinguished=True), NAMES)


def test_the_formula_is_of_the_fits_own_effects() -> None:
    moderated = replace(APIM, moderators=("age",))
    assert "answer ~ x + x.partner + age + x:age," in equivalent(moderated, (*NAMES, "age", "actor x × age"))
    with pytest.raises(KeyError):
        equivalent(APIM, ("intercept", "actor shoes"))


def test_columns_of_nearly_one_name_stay_apart() -> None:
    spec = Spec(Model.APIM, "a-b", ("a b", "a_b", "x", "x_partner"), distinguished=False)
    table = {"couple": np.repeat(np.arange(9), 2), "partner": np.tile([1, 2], 9)}
    table |= {name: np.random.default_rng(place).normal(size=18) for place, name in enumerate(spec.columns)}
    said = equivalent(spec, frame(spec, table).fixed)
    made = [line.split(" <- ")[0] for line in said.splitlines() if line.startswith("d$")]
    assert len(made) == len(set(made))
    assert 'd$a_b <- table[["a-b"]]' in said and 'd$a_b.2 <- table[["a b"]]' in said
    assert (
        "answer ~ a_b.2 + a_b.2.partner + a_b.3 + a_b.3.partner + x + x.partner + x_partner + x_partner.partner,"
        in said
    )


@pytest.mark.parametrize("name", ["d", "time", "if", "16", "Größe", 'a"b', "T"])
def test_any_name_is_one_that_r_can_read(name: str) -> None:
    said = equivalent(replace(APIM, outcome=name), NAMES)
    columns = [line for line in said.splitlines() if re.match(r"d\$\S+ <- table\[\[", line)]
    plain = columns[0].removeprefix("d$").split(" <- ")[0]
    assert len(columns) == 2 and columns[1].startswith("d$x <- ")
    assert plain.isidentifier() and plain.isascii()
    assert plain not in ("d", "time", "if", "T")


def test_a_script_says_what_r_leaves_out() -> None:
    case = CASES["growth_fading"]
    assert NO_FADING in equivalent(case.spec, ("intercept", "time"))
    assert NO_FADING not in equivalent(replace(case.spec, autoregressive=False), ("intercept", "time"))


def test_the_script_reads_the_table_as_we_do() -> None:
    said = equivalent(APIM, NAMES)
    assert 'na.strings = c("", "NA", ' in said and "strip.white = TRUE" in said
    assert 'levels = sort(unique(who), method = "radix")' in said  # a locale would put "a" before "B"
    both = equivalent(Spec(Model.CROSS_LAG, "y", wave="w", time="day"), ("intercept",))
    assert 'd$wave <- table[["w"]]' in both and 'd$time <- ave(table[["day"]], d$couple, d$wave)' in both
    assert "match(d$wave, sort(unique(d$wave)))" in both


def test_without_roles_sums_and_differences_vary_apart() -> None:
    said = equivalent(CASES["growth_alike"].spec, ("intercept", "time"))
    assert "pdBlocked(list(pdSymm(~ 0 + s + s:time), pdSymm(~ 0 + d + d:time)))" in said
