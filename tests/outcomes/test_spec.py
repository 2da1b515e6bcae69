"""A question that makes no sense is refused before any number is read."""

from dataclasses import fields
from typing import Any

import pytest

from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit

WRITTEN = """
model = "apim"
outcome = "satisfaction"
predictors = ["tension", "positive"]
covariates = ["years"]
method = "ml"
distinguished = false

[columns]
couple = "id"
partner = "person"
"""


def test_a_file_says_the_same_as_the_code() -> None:
    assert Spec.from_toml(WRITTEN) == Spec(
        Model.APIM,
        "satisfaction",
        ("tension", "positive"),
        covariates=("years",),
        couple="id",
        partner="person",
        distinguished=False,
        method=Method.ML,
    )


def test_every_field_can_be_written_in_a_file() -> None:
    """No model takes both a mediator and random slopes: the one is written in one file, the other in another."""
    said = {"Method": '"ml"', "bool": "true", "str": '"{name}"', "tuple[str, ...]": '["{name}"]'}
    seen = set()
    for model, without in (
        (Model.DIARY, {"mediator"}),
        (Model.LAGGED_MEDIATION, {"random_intercepts", "random_slopes"}),
    ):
        kinds = {f.name: str(f.type) for f in fields(Spec) if f.name not in without | {"model"}}
        written = [f"{name} = {said[kind].format(name=name)}" for name, kind in kinds.items()]
        spec = Spec.from_toml("\n".join([f'model = "{model}"', *written]))
        assert all(getattr(spec, name) in (Method.ML, True, name, (name,)) for name in kinds)
        seen |= {"model", *kinds}
    assert seen == {field.name for field in fields(Spec)}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("model = ", "not TOML"),
        ('model = "icc"', "does not say its outcome"),
        ('outcome = "y"', "does not say its model"),
        ('model = "anova"\noutcome = "y"', "model must be one of icc, apim"),
        ('model = "icc"\noutcome = "y"\nmethod = "bayes"', "method must be one of ml, reml"),
        ('model = "icc"\noutcome = "y"\npredictor = "x"', "knows no 'predictor'; it knows model, outcome"),
        ('model = "icc"\noutcome = 3', "outcome must be a text"),
        ('model = "apim"\noutcome = "y"\npredictors = "x"', "predictors must be a list of texts"),
        ('model = "icc"\noutcome = "y"\ndistinguished = 1', "distinguished must be true or false"),
        ('model = "icc"\noutcome = "y"\ncolumns = 1', "[columns] must be a table"),
        ('model = "icc"\noutcome = ""', "no outcome"),
        ('model = "apim"\noutcome = "y"', "apim needs at least one predictor"),
        ('model = "mediation"\noutcome = "y"\npredictors = ["x"]', "mediation needs a mediator"),
        ('model = "growth"\noutcome = "y"', "growth needs the column of the wave or of the time"),
        ('model = "icc"\noutcome = "y"\nmoderators = ["m"]', "a moderator or a product needs a predictor"),
        ('model = "apim"\noutcome = "y"\npredictors = ["y"]', "column y: named twice"),
        ('model = "icc"\noutcome = "couple"', "column couple: tells who answered"),
        ('model = "icc"\noutcome = "y"\nrole = "partner"', "column partner: tells who answered"),
    ],
)
def test_what_is_no_question_is_refused_in_one_sentence(written: str, said: str) -> None:
    with pytest.raises(Unfit) as refusal:
        Spec.from_toml(written)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_words_and_lists_say_the_same_as_the_kinds_they_stand_for() -> None:
    said = Spec("apim", "y", ["x"], covariates=["age"], method="ml")  # type: ignore[arg-type]
    assert said == Spec(Model.APIM, "y", ("x",), covariates=("age",), method=Method.ML)
    assert said.model is Model.APIM and said.method is Method.ML and said.predictors == ("x",)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"predictors": "xa"}, "predictors must be a list of texts"),
        ({"method": "bayes"}, "method must be one of ml, reml"),
        ({"distinguished": "no"}, "distinguished must be true or false"),
    ],
)
def test_another_kind_is_refused_in_code_as_in_a_file(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(Unfit, match=said):
        Spec(**({"model": Model.APIM, "outcome": "y", "predictors": ("x",)} | wrong))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"random_intercepts": True}, "random_intercepts may be asked of cross_lag and diary, not of apim"),
        ({"random_slopes": True}, "random_slopes may be asked of diary"),
        ({"mediator": "m"}, "apim takes no mediator"),
        ({"model": Model.GROWTH, "wave": "w", "mediator": "m"}, "growth takes no mediator"),
        (
            {"model": Model.LAGGED_MEDIATION, "wave": "w", "mediator": "m", "random_intercepts": True},
            "not of lagged_mediation",
        ),
    ],
)
def test_a_setting_that_the_model_would_not_heed_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(Unfit, match=said):
        Spec(**({"model": Model.APIM, "outcome": "y", "predictors": ("x",)} | more))


@pytest.mark.parametrize("name", ["Wife: x", "x × age"])
def test_a_column_that_reads_like_an_effect_is_refused(name: str) -> None:
    for more in ({"outcome": name}, {"predictors": (name,)}, {"time": name}):
        with pytest.raises(Unfit, match="would be read as an effect"):
            Spec(**({"model": Model.APIM, "outcome": "y", "predictors": ("x",)} | more))
