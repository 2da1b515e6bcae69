"""The table becomes couples side by side, and what is wrong with it is said with the couple and the column."""

import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.outcomes.data_hash import added
from bothwell.outcomes.design import Pattern
from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import frame
from bothwell.outcomes.spec import Model, Spec
from bothwell.outcomes.unfit import Unfit

ICC = Spec(Model.ICC, "y")
WAVES = Spec(Model.ICC, "y", wave="wave")
APIM = Spec(Model.APIM, "y", ("x",), distinguished=False)
ROLES = replace(APIM, model=Model.TWO_INTERCEPT, distinguished=True)
NAN = math.nan


def pairs(n: int = 5, **columns: Any) -> dict[str, list[Any]]:
    """n couples c0, c1, … of a wife and a husband, with numbers that differ."""
    return {
        "couple": [f"c{i}" for i in range(n) for _ in "wh"],
        "partner": ["wife", "husband"] * n,
        "y": [float((i * 7) % 11) for i in range(2 * n)],
        "x": [float((i * 5) % 13) for i in range(2 * n)],
    } | columns


def changed(table: dict[str, list[Any]], column: str, row: int, value: Any) -> dict[str, list[Any]]:
    return {name: [*v[:row], value, *v[row + 1 :]] if name == column else v for name, v in table.items()}


def without(table: dict[str, list[Any]], row: int) -> dict[str, list[Any]]:
    return {name: v[:row] + v[row + 1 :] for name, v in table.items()}


def over_waves(n: int = 4, waves: int = 3) -> dict[str, list[Any]]:
    rows = [(f"c{i}", who, wave) for i in range(n) for wave in range(waves) for who in "ab"]
    return {
        "couple": [row[0] for row in rows],
        "partner": [row[1] for row in rows],
        "wave": [row[2] for row in rows],
        "y": [float((i * 7) % 11) for i in range(len(rows))],
    }


# ── what comes out ────────────────────────────────────────────────────────────────────────────────────────


def test_partners_stand_side_by_side_and_each_sees_the_others_predictor() -> None:
    f = frame(ROLES, pairs())
    assert f.sides == ("husband", "wife") and f.couples == ("c0", "c1", "c2", "c3", "c4")
    assert f.fixed == (
        "husband: intercept", "husband: actor x", "husband: partner x",
        "wife: intercept", "wife: actor x", "wife: partner x",
    )  # fmt: skip
    assert f.y[0].tolist() == [7.0, 0.0]
    assert f.x[0].tolist() == [[1, 5, 0, 0, 0, 0], [0, 0, 0, 1, 0, 5]]
    assert f.residual is Pattern.UNSTRUCTURED and f.spread is Pattern.NONE and f.z.shape == (5, 2, 0)


def test_where_nothing_tells_partners_apart_one_effect_serves_both() -> None:
    f = frame(APIM, pairs())
    assert f.fixed == ("intercept", "actor x", "partner x")
    assert f.residual is Pattern.EXCHANGEABLE
    assert f.x[0].tolist() == [[1, 5, 0], [1, 0, 5]]


def test_roles_enter_a_pooled_model_as_deviations_from_the_pool() -> None:
    f = frame(replace(ROLES, model=Model.APIM), pairs())
    assert f.fixed[3:] == ("role", "actor x × role", "partner x × role")
    assert f.x[0].tolist() == [[1, 5, 0, 1, 5, 0], [1, 0, 5, -1, 0, -5]]


def test_sum_and_difference_are_actor_and_partner_turned() -> None:
    f = frame(replace(APIM, model=Model.SUM_DIFFERENCE), pairs())
    assert f.fixed == ("intercept", "sum of x", "difference in x")
    assert f.x[0].tolist() == [[1, 5, 5], [1, 5, -5]]


def test_moderators_and_products_multiply_the_effects() -> None:
    f = frame(replace(APIM, moderators=("m",), product=True), pairs(m=[float(i % 3) for i in range(10)]))
    assert f.fixed[3:] == ("m", "actor x × m", "partner x × m", "actor x × partner x")
    assert f.x[1].tolist() == [[1, 2, 10, 0, 0, 0, 20], [1, 10, 2, 2, 20, 4, 20]]


def test_partners_may_be_called_anything_where_they_are_not_told_apart() -> None:
    names = frame(APIM, pairs(partner=[f"person {i}" for i in range(10)]))
    plain = frame(APIM, pairs(partner=["a", "b"] * 5))
    assert names.y.tolist() == plain.y.tolist() and names.sides == ("1", "2")


def test_a_column_of_roles_may_stand_beside_a_column_of_persons() -> None:
    table = pairs(partner=[f"person {i}" for i in range(10)], gender=["w", "m", "m", "w"] * 2 + ["w", "m"])
    f = frame(replace(ROLES, role="gender"), table)
    assert f.sides == ("m", "w")
    assert f.y[:2].tolist() == [[7.0, 0.0], [3.0, 10.0]]


def test_a_missing_partner_is_kept_as_not_answered() -> None:
    f = frame(ICC, without(pairs(), 3))
    assert f.n_couples == 5
    assert np.isnan(f.y).tolist() == [[False, False], [True, False], *[[False, False]] * 3]
    assert not np.isnan(f.x).any()
    assert f.left_out == ("1 of 5 couples have only one partner in the table",)


def test_an_answer_without_its_predictors_is_left_out_and_said() -> None:
    f = frame(APIM, changed(pairs(), "x", 2, None))
    assert f.n_couples == 4 and f.couples == ("c0", "c2", "c3", "c4")
    assert f.left_out == (
        "2 of 10 answers of y are left out: a predictor is missing",
        "1 of 5 couples have no answer that can be used",
    )


def test_own_covariates_cost_only_ones_own_answer() -> None:
    f = frame(replace(ICC, covariates=("x",)), changed(pairs(), "x", 2, None))
    assert f.n_couples == 5 and np.isnan(f.y[1]).tolist() == [False, True]


def test_waves_are_ordered_by_time_and_may_be_named_by_words() -> None:
    table = over_waves()
    words = {0: "before", 1: "after", 2: "later"}
    named = table | {"wave": [words[w] for w in table["wave"]], "day": [w * 10.0 for w in table["wave"]]}
    f = frame(replace(WAVES, time="day"), named)
    assert f.at[:3].tolist() == [0, 10, 20] and f.couple[:4].tolist() == [0, 0, 0, 1]
    assert f.y.tolist() == frame(WAVES, table).y.tolist()


def test_different_times_of_one_wave_become_their_mean_and_it_is_said() -> None:
    table = over_waves()
    table["day"] = [w * 10.0 + (row == 0) for row, w in enumerate(table["wave"])]
    f = frame(replace(WAVES, time="day"), table)
    assert f.at[0] == 0.5
    assert (
        f.left_out[0] == "partners gave different times for one wave in 2 rows; the wave's time is their mean"
    )


def test_one_couple_is_one_couple_however_it_is_written() -> None:
    plain = frame(ICC, pairs())
    blank = frame(ICC, changed(pairs(), "couple", 3, "c1 "))
    assert (blank.couples, blank.left_out, blank.data_hash) == (plain.couples, (), plain.data_hash)
    numbers = [n for n in range(5) for _ in "wh"]
    mixed = [float(n) if row % 3 else str(n) if row % 2 else n for row, n in enumerate(numbers)]
    assert frame(ICC, pairs(couple=mixed)).couples == frame(ICC, pairs(couple=numbers)).couples


def test_times_that_differ_by_rounding_are_one_wave() -> None:
    table = over_waves()
    spec = Spec(Model.GROWTH, "y", time="wave")
    jitter = table | {"wave": [wave + 1e-9 * (row % 2) for row, wave in enumerate(table["wave"])]}
    assert np.isnan(frame(spec, jitter).y).sum() == 0
    assert frame(spec, jitter).y.tolist() == frame(spec, table).y.tolist()


def test_numbers_written_as_text_are_numbers_and_empty_cells_are_missing() -> None:
    table = pairs(3, y=["1", " 2.5", "3e0", "NA", "", "4"])
    f = frame(ICC, pairs(5) | {"y": table["y"] + ["1", "7", "2", "0"]})
    assert np.isnan(f.y[1]).tolist() == [True, False] and f.y[0].tolist() == [2.5, 1.0]


def test_codes_that_are_numbers_are_numbers_however_they_are_written() -> None:
    """From a file they come as texts, from pandas as numbers: who is +1 may not hang on that."""
    numbers = [9, 10] * 5
    spec = replace(ROLES, model=Model.APIM)
    plain = frame(spec, pairs(partner=numbers))
    assert plain.sides == ("9", "10")
    for written in (
        ["9", "10"] * 5,
        ["09", "10.0"] * 5,
        [9.0, 10.0] * 5,
        ["9", "10", " 9", "1e1"] * 2 + [9, "10"],
    ):
        other = frame(spec, pairs(partner=written))
        assert (other.sides, other.data_hash, other.x.tolist()) == (
            plain.sides,
            plain.data_hash,
            plain.x.tolist(),
        )
    couples = [f"{n}" if row % 2 else f"00{n}.0" for row, n in enumerate(n for n in range(5) for _ in "wh")]
    assert frame(ICC, pairs(couple=couples)).couples == ("0", "1", "2", "3", "4")


def test_long_codes_and_words_stay_apart() -> None:
    long = [f"1234567890123456789{n}" for n in range(5) for _ in "wh"]
    assert frame(ICC, pairs(couple=long)).couples == tuple(long[::2])
    words = [f"{n}" if n else "zero" for n in range(5) for _ in "wh"]
    assert frame(ICC, pairs(couple=words)).couples == ("1", "2", "3", "4", "zero")
    with pytest.raises(Unfit, match=r"here are 3 \(1, 1\.0, woman\)"):
        frame(ICC, pairs(partner=["1", "woman", "1.0", "woman"] * 2 + ["1", "woman"]))


def test_answers_of_different_days_lose_their_partner_and_it_is_said() -> None:
    spec = Spec(Model.GROWTH, "y", time="wave")
    table = over_waves(6, 4)
    apart = [wave + 0.1 * (row % 2) if row % 8 > 3 else wave for row, wave in enumerate(table["wave"])]
    said = "24 of 36 occasions have only one partner's row; if their rows belong together, name a `wave`"
    assert said in " ".join(frame(spec, table | {"wave": apart}).left_out)
    assert frame(replace(spec, wave="w"), table | {"wave": apart, "w": table["wave"]}).n_couples == 6
    gone = without(without(table, 47), 7)  # a partner who left out a wave is no such thing
    assert "only one partner's row" not in " ".join(frame(spec, gone).left_out)


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        ("2024-05-31", "give the days since a start"),
        ("31.05.2024", "give the days since a start"),
        (np.datetime64("2024-05-31", "ns"), "give the days since a start"),
        (np.timedelta64(3, "D"), "columns of 0 and 1"),
        ("1,5", "a decimal point"),
        ("1_000", "columns of 0 and 1"),
        ("high", "columns of 0 and 1"),
    ],
)
def test_no_number_is_told_with_its_row_its_partner_and_the_cure(value: Any, cure: str) -> None:
    with pytest.raises(Unfit) as refusal:
        frame(ICC, changed(pairs(), "y", 3, value))
    assert "couple c1, column y: not a number (row 4 of the table, partner husband); " in str(refusal.value)
    assert cure in str(refusal.value) and str(value) not in str(refusal.value)


def test_words_for_waves_are_told_what_they_need() -> None:
    with pytest.raises(Unfit, match="as `wave`, and as `time` a column of numbers"):
        frame(WAVES, changed(over_waves(), "wave", 7, "before"))


def test_two_people_of_one_name_are_told_what_to_do() -> None:
    couple = changed(pairs(), "partner", 3, "wife")
    with pytest.raises(Unfit, match=r"two rows.*row 3 .*row 4 .*two people, call them by two names"):
        frame(APIM, couple)
    with pytest.raises(Unfit, match="without `distinguished`, with the role as a covariate of 0 and 1"):
        frame(ROLE, PERSONS | {"gender": ["m", "w"] * 3 + ["m", "m"] + ["m", "w"]})


# ── the same whatever holds it, and in whatever order ─────────────────────────────────────────────────────


@pytest.mark.parametrize("holder", [pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.table])
def test_every_kind_of_table_gives_the_same_frame(holder: Any) -> None:
    table = changed(pairs(), "y", 4, None)
    f, plain = frame(APIM, holder(table)), frame(APIM, table)
    assert np.array_equal(f.y, plain.y, equal_nan=True) and np.array_equal(f.x, plain.x)
    assert f.data_hash == plain.data_hash and f.couples == plain.couples


def test_nullable_columns_of_pandas_are_read() -> None:
    table = pd.DataFrame(pairs()).astype({"y": "Int64", "couple": "string"})
    table.loc[4, "y"] = pd.NA
    assert frame(APIM, table).data_hash == frame(APIM, changed(pairs(), "y", 4, None)).data_hash


@given(st.randoms(use_true_random=False), st.booleans())
def test_no_order_of_rows_columns_couples_or_partners_changes_the_hash(
    chance: random.Random, distinguished: bool
) -> None:
    spec = replace(WAVES, distinguished=distinguished)
    table = without(over_waves(), 5)
    order = list(range(len(table["y"])))
    chance.shuffle(order)
    calls = [f"k{i}" for i in range(4)]
    chance.shuffle(calls)
    swap = {f"c{i}": chance.random() < 0.5 and not distinguished for i in range(4)}
    other = {
        "wave": [table["wave"][i] for i in order],
        "y": [table["y"][i] for i in order],
        "partner": [
            {"a": "b", "b": "a"}[table["partner"][i]] if swap[table["couple"][i]] else table["partner"][i]
            for i in order
        ],
        "couple": [calls[int(table["couple"][i][1])] for i in order],
        "unused": ["?"] * len(order),
    }
    assert frame(spec, other).data_hash == frame(spec, table).data_hash


@given(st.integers(0, 22), st.floats(-1e3, 1e3))
def test_any_other_number_changes_the_hash(row: int, value: float) -> None:
    table = over_waves()
    other = changed(table, "y", row, value)
    same = table["y"][row] == value
    assert (frame(WAVES, other).data_hash == frame(WAVES, table).data_hash) is same


def test_the_hash_of_the_answers_knows_whose_they_are_and_nothing_of_what_explains_them() -> None:
    plain, table = frame(APIM, pairs()), pairs()
    for spec in (ROLES, replace(ICC, distinguished=False), ICC, replace(APIM, covariates=("age",))):
        other = table | {"age": [float(i) for i in range(10)], "partner": ["husband", "wife"] * 5}
        assert frame(spec, other).answers_hash == plain.answers_hash
    for other in (
        changed(table, "y", 3, 99.0),
        changed(table, "y", 3, None),
        changed(table, "x", 3, None),
        table | {"couple": [f"d{i}" for i in range(5) for _ in "wh"]},
    ):
        assert frame(APIM, other).answers_hash != plain.answers_hash
    parts = [
        frame(APIM, {name: values[rows] for name, values in table.items()}, is_part=True)
        for rows in (slice(0, 4), slice(4, 10))
    ]
    assert added(part.answers_hash for part in parts) == plain.answers_hash


def test_a_frame_says_which_columns_partners_share() -> None:
    spec = replace(APIM, covariates=("years", "age"))
    table = pairs(years=[float(i // 2) for i in range(10)], age=[float(i % 4) for i in range(10)])
    assert frame(spec, table).shared == ("years",)


def test_some_occasions_of_a_frame_are_no_longer_the_whole_data() -> None:
    whole = frame(Spec(Model.GROWTH, "y", wave="wave"), over_waves())
    part = whole.take(slice(3, 6), whole.couple[3:6] - 1)
    assert part.y.tolist() == whole.y[3:6].tolist() and part.at.tolist() == [0, 1, 2]
    assert part.z is part.x and part.couple.tolist() == [0, 0, 0]
    assert (part.couples, part.data_hash, part.answers_hash) == ((), "", "")


def test_an_earlier_wave_that_is_no_outcome_counts_in_the_hash() -> None:
    spec = Spec(Model.CROSS_LAG, "y", wave="wave")
    table = over_waves()
    assert frame(spec, changed(table, "y", 0, 99.0)).data_hash != frame(spec, table).data_hash


# ── what is wrong with it ─────────────────────────────────────────────────────────────────────────────────

THIRD = {
    name: [*v, extra] for (name, v), extra in zip(pairs().items(), ["c2", "lover", 1.0, 1.0], strict=True)
}
TWICE = {
    name: [*v, extra] for (name, v), extra in zip(pairs().items(), ["c2", "wife", 1.0, 1.0], strict=True)
}
WAVE_TWICE = {
    name: [*v, extra] for (name, v), extra in zip(over_waves().items(), ["c2", "b", 1, 1.0], strict=True)
}
SAME_TIME = over_waves() | {"day": [5.0 if w else 0.0 for w in over_waves()["wave"]]}
PERSONS = pairs(partner=[f"person {i}" for i in range(10)])
ROLE = replace(ROLES, role="gender")


@pytest.mark.parametrize(
    ("spec", "table", "couple", "column", "said"),
    [
        (APIM, THIRD, "c2", "partner", "a third partner"),
        (ICC, THIRD, "c2", "partner", "a third partner"),
        (APIM, TWICE, "c2", "partner", "one partner has two rows, and no wave tells them apart"),
        (ICC, TWICE, "c2", "partner", "one partner has two rows"),
        (WAVES, WAVE_TWICE, "c2", "wave", "a duplicated wave"),
        (replace(WAVES, time="day"), SAME_TIME, "c0", "day", "two waves at the same time"),
        (ICC, PERSONS, "", "partner", "two roles tell partners apart, and here are 10"),
        (ICC, pairs(partner=["wife", "wife"] * 5), "", "partner", "two roles tell partners apart, and here are 1"),
        (ROLE, PERSONS | {"gender": ["m", "w"] * 3 + ["m", "m"] + ["m", "w"]}, "c3", "gender", "same role"),
        (
            replace(WAVES, role="gender"),
            over_waves() | {"gender": changed(over_waves(), "partner", 8, "b")["partner"]},
            "c1",
            "gender",
            "a partner's role is not the same over the waves",
        ),
        (ICC, changed(pairs(), "y", 3, "much"), "c1", "y", "not a number"),
        (ICC, changed(pairs(), "y", 3, math.inf), "c1", "y", "an infinite number"),
        (ICC, changed(pairs(), "y", 3, "-inf"), "c1", "y", "an infinite number"),
        (ICC, changed(pairs(), "couple", 3, None), "", "couple", "row 4 of the table has no value here"),
        (ICC, changed(pairs(), "partner", 3, NAN), "", "partner", "row 4 of the table has no value here"),
        (replace(WAVES, time="day"), over_waves() | {"day": [None] + [0.0, 1.0, 1.0, 2.0, 2.0] + [0.0, 0.0, 1.0, 1.0, 2.0, 2.0] * 3}, "c0", "day", "no time"),
        (WAVES, changed(over_waves(), "wave", 7, "before"), "c1", "wave", "not a number"),
        (ICC, {"couple": ["a"], "partner": ["b"]}, "", "y", "no such column; it has couple, partner"),
        (ICC, pairs(y=[3.0] * 10), "", "y", "no variation"),
        (ICC, pairs(y=[3.0 if i % 2 else float(i) for i in range(10)]), "", "y", "every answer of husband is the same"),
        (APIM, pairs(x=[3.0] * 10), "", "actor x", "no variation"),
        (ROLES, pairs(x=[3.0 if i % 2 else float(i) for i in range(10)]), "", "x", "it is the same for every husband: write the partner's value in both partners' rows, and name it"),
        (ICC, pairs(2), "", "", "2 couples have usable answers; at least 3 are needed"),
        (ICC, pairs(y=[float(i) if i % 2 or i < 4 else None for i in range(10)]), "", "", "both partners answered together on fewer than 3"),
        (ICC, pairs(0), "", "", "the table has no rows"),
        (ICC, pairs(5, y=[1.0]), "", "", "different lengths"),
        (ICC, [1, 2, 3], "", "", "a table of pandas, Polars or Arrow"),
        (Spec(Model.COMMON_FATE, "y", ("x",)), pairs(), "", "", "common fate is not a regression"),
        (ICC, changed(pairs(), "couple", 3, "NA"), "", "couple", "row 4 of the table has no value here"),
        (ICC, pairs(partner=["a: wife", "b"] * 5), "", "partner", "a role with “: ”"),
        (ICC, pairs() | {"y": np.ones((10, 1))}, "", "y", "not a column: a row has one value"),
        (ICC, pairs() | {"y": 3.0}, "", "y", "not a column: a row has one value"),
        (ICC, pairs() | {"y": [[1.0], *[[1.0, 2.0]] * 9]}, "", "y", "not a column: a row has one value"),
        (ICC, pd.concat([pd.DataFrame(pairs()), pd.DataFrame(pairs())["y"]], axis=1), "", "", "two columns of one name"),
        (replace(ROLES, model=Model.APIM, covariates=("role",)), pairs(role=[float(i % 3) for i in range(10)]), "", "role", "two effects would have this name"),
        (replace(APIM, covariates=("intercept",)), pairs(intercept=[float(i % 3) for i in range(10)]), "", "intercept", "two effects would have this name"),
        (Spec(Model.GROWTH, "y", time="wave"), over_waves() | {"wave": [w + 0.1 * (i % 2) for i, w in enumerate(over_waves()["wave"])]}, "", "wave", "their rows belong together where they have the same value here"),
    ],
)  # fmt: skip
def test_the_couple_and_the_column_are_named(
    spec: Spec, table: Any, couple: str, column: str, said: str
) -> None:
    with pytest.raises(Unfit) as refusal:
        frame(spec, table)
    assert (refusal.value.couple, refusal.value.column) == (couple, column)
    assert said in str(refusal.value)
    assert couple in str(refusal.value) and column in str(refusal.value)
    assert "much" not in str(refusal.value)


SHARED = pairs(years=[float(i // 2 % 4) for i in range(10)])
COPY = pairs(sex=[1.0, -1.0] * 5)
TREATED = pairs(dose=[0.0 if i % 2 else float(i % 7) for i in range(10)])
EMPTY = pairs(dose=[None if i % 2 else float(i % 7) for i in range(10)])
BOTH_SAME = "both partners of every couple have the same value: name it among the covariates"
ROLES_COPY = "it is the same for every husband, and for every wife: the role tells it; leave it out"
WRITTEN_TWICE = (
    "it is the same for every husband: write the partner's value in both partners' rows, and name it among"
)


@pytest.mark.parametrize(
    ("spec", "table", "column", "said"),
    [
        *((replace(spec, predictors=("years",)), SHARED, "years", BOTH_SAME) for spec in (
            APIM, ROLES, replace(ROLES, model=Model.APIM), replace(APIM, model=Model.SUM_DIFFERENCE))),
        (replace(APIM, predictors=("x", "years")), SHARED, "years", BOTH_SAME),
        *((replace(ROLES, model=model, covariates=("sex",)), COPY, "sex", ROLES_COPY) for model in (Model.APIM, Model.TWO_INTERCEPT)),
        (replace(ROLES, predictors=("sex",)), COPY, "sex", ROLES_COPY),
        (replace(APIM, predictors=("sex",)), COPY, "sex", "one partner's value tells the other's: name it among the covariates"),
        *((replace(ROLES, model=model, predictors=("dose",)), TREATED, "dose", WRITTEN_TWICE) for model in (Model.APIM, Model.TWO_INTERCEPT)),
        (replace(APIM, covariates=("twice",)), pairs(twice=[2.0 * x for x in pairs()["x"]]), "twice", "leave one out"),
        (replace(ROLES, predictors=("dose",)), EMPTY, "dose", "0 couples have usable answers; at least 3 are needed; the column is empty for every husband: write the partner's value in both partners' rows"),
        (replace(ROLES, covariates=("dose",)), EMPTY, "dose", "fewer than 3 occasions; the column is empty for every husband: write the partner's value in both partners' rows"),
        (replace(APIM, predictors=("dose",)), EMPTY, "dose", "the column is empty for one partner of every couple, at least"),
        (replace(APIM, predictors=("z",)), pairs(z=[1.0, 2.0] * 2 + [None] * 6), "z", "2 couples have usable answers; at least 3 are needed; the column is empty for 6 of 10 rows"),
    ],
)  # fmt: skip
def test_what_a_column_cannot_tell_is_said_with_what_to_do(
    spec: Spec, table: Any, column: str, said: str
) -> None:
    with pytest.raises(Unfit) as refusal:
        frame(spec, table)
    assert refusal.value.column == column and said in str(refusal.value)


def test_what_is_said_to_do_does_it() -> None:
    both = [max(TREATED["dose"][i - i % 2 : i - i % 2 + 2]) for i in range(10)]
    ways = [
        (replace(APIM, covariates=("years",)), SHARED),
        (replace(ROLES, covariates=("dose",)), TREATED | {"dose": both}),
        (replace(APIM, predictors=("x",), covariates=("sex",)), COPY),
        (replace(APIM, predictors=("dose",)), TREATED),
    ]
    for spec, table in ways:
        many = {name: values * 4 for name, values in table.items()}
        many["couple"] = [f"c{i // 2}" for i in range(40)]
        many["y"] = [float((i * i * 7) % 31) for i in range(40)]
        assert fit(spec, frame(spec, many)).converged


def test_a_yes_or_no_outcome_is_taken_as_continuous_and_a_note_says_so() -> None:
    said = "answers of y are one of two values: the model takes them as continuous"
    assert any(note.startswith(said) for note in frame(APIM, pairs(y=[1.0, 0.0, 0.0, 0.0, 1.0] * 2)).left_out)
    assert not any("one of two" in note for note in frame(APIM, pairs()).left_out)


def test_a_zero_and_one_predictor_varies_in_each_role() -> None:
    assert frame(ROLES, pairs(x=[0, 1, 1, 0, 0, 0, 1, 1, 0, 1])).n_couples == 5
    assert frame(replace(APIM, covariates=("g",)), pairs(g=[1, 0] * 5)).fixed[-1] == "g"
