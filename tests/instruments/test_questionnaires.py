"""What we export, judged by others: an independent FHIR validator and an independent FHIRPath engine."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
from fhirpathpy import compile as compile_fhirpath
from fhirpathpy.models import models
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.instruments.catalogue import Instrument, all_instruments, load
from bothwell.instruments.scoring import answers_to_fhir, calculated_expression, score

CALCULATED = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression"
NAMES = [instrument.id for instrument in all_instruments()]


def exported_expression(instrument: Instrument) -> str:
    """The expression as it stands in the exported questionnaire, on its one item that is computed."""
    (total,) = [item for item in instrument.to_fhir()["item"] if item["type"] == "integer"]
    (extension,) = [each for each in total["extension"] if each["url"] == CALCULATED]
    assert extension["valueExpression"]["language"] == "text/fhirpath"
    return str(extension["valueExpression"]["expression"])


@cache
def engine(name: str) -> Any:
    return compile_fhirpath(exported_expression(load(name)), models["r4"])


def computed(name: str, answers: dict[str, str | None]) -> list[Any]:
    """What the independent engine makes of the response without its own total."""
    response = answers_to_fhir(load(name), answers)
    response["item"] = [item for item in response.get("item", []) if not item["linkId"].endswith("-total")]
    result: list[Any] = engine(name)(response, {"resource": response})
    return result


@st.composite
def answers_to(draw: st.DrawFn, name: str) -> dict[str, str | None]:
    answers: dict[str, str | None] = {}
    mostly = draw(st.booleans())
    for item in load(name).items:
        codes: list[str | None] = [option.code for option in item.options]
        fate = draw(st.sampled_from(codes if mostly else [*codes, None, "left out"]))
        if fate != "left out":
            answers[item.link_id] = fate
    return answers


@pytest.mark.parametrize("name", NAMES)
def test_the_questionnaire_is_valid_fhir(name: str) -> None:
    parsed = Questionnaire.model_validate(load(name).to_fhir())
    assert parsed.version == load(name).version


@pytest.mark.parametrize("name", NAMES)
def test_responses_are_valid_fhir_whole_or_in_part(name: str) -> None:
    instrument = load(name)
    at = datetime(2026, 10, 13, 8, 30, tzinfo=UTC)
    whole: dict[str, str | None] = {item.link_id: item.options[-1].code for item in instrument.items}
    declined: dict[str, str | None] = dict.fromkeys(whole)
    for answers in (whole, declined, {}):
        response = answers_to_fhir(instrument, answers, subject="Patient/1", authored_at=at)
        assert QuestionnaireResponse.model_validate(response).status == "completed"


@pytest.mark.parametrize("name", NAMES)
def test_the_expression_in_the_file_is_the_one_the_scoring_table_gives(name: str) -> None:
    assert exported_expression(load(name)) == calculated_expression(load(name))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_an_independent_engine_computes_our_total_or_nothing_when_we_have_none(
    name: str, data: st.DataObject
) -> None:
    answers = data.draw(answers_to(name))
    total = score(load(name), answers).total
    assert computed(name, answers) == ([] if total is None else [int(total)])


@pytest.mark.parametrize("name", NAMES)
def test_the_engine_agrees_on_every_single_answer_of_every_item(name: str) -> None:
    instrument = load(name)
    base: dict[str, str | None] = {item.link_id: item.options[0].code for item in instrument.items}
    for item in instrument.scored_items:
        for option in item.options:
            answers = base | {item.link_id: option.code}
            assert computed(name, answers) == [score(instrument, answers).total]


def test_an_instrument_whose_answers_weigh_differently_by_item_has_no_portable_expression() -> None:
    gad7 = load("gad-7")
    first, *others = gad7.items
    odd = replace(gad7, items=(replace(first, reverse=True), *others))
    with pytest.raises(ValueError, match="gad-7: gad7-2"):
        calculated_expression(odd)
