"""What we export, judged by others: an independent FHIR validator and an independent FHIRPath engine.

And what each file says of itself: its LOINC codes, its licence, and the words it shares with its shorter forms.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from fhir.resources.R4B.questionnaire import Questionnaire
from fhir.resources.R4B.questionnaireresponse import QuestionnaireResponse
from fhirpathpy import compile as compile_fhirpath
from fhirpathpy.models import models
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.instruments.catalogue import CATALOGUE, all_instruments, load
from bothwell.instruments.fhir_forms import (
    CALCULATED,
    DATA_ABSENT_REASON,
    answers_to_fhir,
    calculated_expression,
    questionnaire,
    score_link_id,
)
from bothwell.instruments.instrument import Instrument, Item, ItemType, LicenceClass, Scale, Ships
from bothwell.instruments.scoring import HUNDREDTH, score

LOINC = "http://loinc.org"
Given = dict[str, str | None]

NAMES = [instrument.id for instrument in all_instruments()]
ASKED = [instrument.id for instrument in all_instruments() if instrument.can_be_asked]
OPEN = sorted(path.stem for path in (CATALOGUE / "open").glob("*.json"))
COMPUTED = [
    (name, scale.id)
    for name in ASKED
    for scale in load(name).scales
    if calculated_expression(load(name), scale) is not None
]


def each_item(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for item in items:
        yield item
        yield from each_item(item.get("item", []))


def some_answers(item: Item) -> list[str]:
    """Every answer an item takes, or the ends and a middle of a line; a word where it is free text."""
    match item.type:
        case ItemType.CHOICE | ItemType.BOOLEAN:
            return [option.code for option in item.options]
        case ItemType.INTEGER | ItemType.DECIMAL:
            low, high = int(item.lowest or 0), int(100 if item.highest is None else item.highest)
            return [str(low), str((low + high) // 2), str(high)]
        case ItemType.DATE:
            return ["2026-10-13"]
        case ItemType.TEXT:
            return ["a word"]


def exported_expression(instrument: Instrument, scale: Scale) -> str:
    """The expression as it stands in the exported questionnaire, on the scale's own computed item."""
    link_id = score_link_id(instrument, scale)
    (total,) = [item for item in questionnaire(instrument)["item"] if item["linkId"] == link_id]
    (extension,) = [each for each in total["extension"] if each["url"] == CALCULATED]
    assert extension["valueExpression"]["language"] == "text/fhirpath"
    return str(extension["valueExpression"]["expression"])


@cache
def engine(name: str, scale_id: str) -> Any:
    instrument = load(name)
    return compile_fhirpath(exported_expression(instrument, instrument.by_scale[scale_id]), models["r4"])


def computed(name: str, scale_id: str, answers: Given) -> list[Decimal]:
    """What the independent engine makes of the response without its own totals."""
    response = answers_to_fhir(load(name), answers)
    response["item"] = [item for item in response.get("item", []) if "-score-" not in item["linkId"]]
    found = engine(name, scale_id)(response, {"resource": response})
    return [Decimal(str(value)).quantize(HUNDREDTH) for value in found]


def ours(name: str, scale_id: str, answers: Given) -> list[Decimal]:
    (found,) = [each.total for each in score(load(name), answers).scales if each.scale.id == scale_id]
    return [] if found is None else [found.quantize(HUNDREDTH)]


@st.composite
def answers_to(draw: st.DrawFn, name: str) -> Given:
    answers: Given = {}
    mostly = draw(st.booleans())
    for item in load(name).items:
        answer = draw(st.sampled_from(some_answers(item)))
        fate = "answered" if mostly else draw(st.sampled_from(["answered", "answered", "declined", "left"]))
        if fate != "left":
            answers[item.link_id] = answer if fate == "answered" else None
    return answers


# --- the standard -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_questionnaire_is_valid_fhir(name: str) -> None:
    parsed = Questionnaire.model_validate(questionnaire(load(name)))
    assert parsed.version == load(name).version
    assert parsed.url == f"urn:bothwell:questionnaire:{name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_link_id_is_used_once_and_every_score_has_one_computed_item(name: str) -> None:
    link_ids = [item["linkId"] for item in each_item(questionnaire(load(name))["item"])]
    assert len(set(link_ids)) == len(link_ids)
    assert {score_link_id(load(name), scale) for scale in load(name).scales} <= set(link_ids)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_itself_holds_no_computed_item(name: str) -> None:
    for item in each_item(json.loads(load(name).document)["item"]):
        assert "readOnly" not in item
        assert CALCULATED not in json.dumps(item)


@pytest.mark.parametrize("name", ASKED)
def test_responses_are_valid_fhir_whole_or_in_part(name: str) -> None:
    instrument = load(name)
    at = datetime(2026, 10, 13, 8, 30, tzinfo=UTC)
    whole: Given = {item.link_id: some_answers(item)[-1] for item in instrument.items}
    first: Given = {item.link_id: some_answers(item)[0] for item in instrument.items}
    declined: Given = dict.fromkeys(whole)
    for answers in (whole, first, declined, {}):
        response = answers_to_fhir(instrument, answers, subject="Patient/1", authored_at=at)
        assert QuestionnaireResponse.model_validate(response).status == "completed"


def test_a_declined_answer_is_marked_as_asked_and_declined() -> None:
    response = answers_to_fhir(load("asq"), {"asq-1": None})
    assert response["item"] == [
        {
            "linkId": "asq-1",
            "text": "In the past few weeks, have you wished you were dead?",
            "extension": [{"url": DATA_ABSENT_REASON, "valueCode": "asked-declined"}],
        }
    ]


@pytest.mark.parametrize(("name", "scale_id"), COMPUTED)
@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_an_independent_engine_computes_our_total_or_nothing_when_we_have_none(
    name: str, scale_id: str, data: st.DataObject
) -> None:
    answers = data.draw(answers_to(name))
    assert computed(name, scale_id, answers) == ours(name, scale_id, answers)


@pytest.mark.parametrize(("name", "scale_id"), COMPUTED)
def test_the_engine_agrees_once_every_answer_of_every_item_has_been_given(name: str, scale_id: str) -> None:
    possible = {item.link_id: some_answers(item) for item in load(name).items}
    for turn in range(max(len(answers) for answers in possible.values())):
        answers: Given = {
            link_id: each[(turn + at) % len(each)] for at, (link_id, each) in enumerate(possible.items())
        }
        assert computed(name, scale_id, answers) == ours(name, scale_id, answers)


# --- LOINC ------------------------------------------------------------------------------------------------

SPEAK_LOINC = {
    "phq-9": ("44249-1", "44261-6", [
        "44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8",
        "69722-7",
    ]),
    "gad-7": ("69737-5", "70274-6", [
        "69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", SPEAK_LOINC)
def test_panel_items_and_total_carry_their_loinc_codes(name: str) -> None:
    panel, total, items = SPEAK_LOINC[name]
    form, instrument = questionnaire(load(name)), load(name)
    assert form["code"] == [{"system": LOINC, "code": panel}]
    assert [(item.system, item.code) for item in instrument.items] == [(LOINC, code) for code in items]
    assert form["item"][-1]["code"] == [{"system": LOINC, "code": total}]


def test_the_sixth_item_of_the_gad_7_is_irritable_and_the_seventh_afraid() -> None:
    by_code = {item.code: item.text for item in load("gad-7").items}
    assert by_code["69689-8"] == "Becoming easily annoyed or irritable"
    assert by_code["69736-7"] == "Feeling afraid as if something awful might happen"


def test_the_two_items_of_the_phq_2_are_the_first_two_of_the_phq_9() -> None:
    short, long = load("phq-2").items, load("phq-9").items[:2]
    assert [(i.text, i.lead, i.code, i.options) for i in short] == [
        (i.text, i.lead, i.code, i.options) for i in long
    ]


@pytest.mark.parametrize("name", ["phq-9", "gad-7", "phq-2"])
def test_the_lowest_answer_is_not_at_all_and_the_loinc_notice_stands(name: str) -> None:
    for item in load(name).scored_items:
        assert (item.options[0].code, item.options[0].text) == ("LA6568-5", "Not at all")
    assert "LOINC is copyright © Regenstrief Institute" in questionnaire(load(name))["copyright"]


@pytest.mark.parametrize("name", sorted({*OPEN} - {"phq-9", "gad-7", "phq-2"}))
def test_nothing_else_that_is_open_claims_a_loinc_code(name: str) -> None:
    assert LOINC not in load(name).document


# --- licences ---------------------------------------------------------------------------------------------

FOLDERS = {
    "open": (LicenceClass.OPEN, Ships.TEXT),
    "conditions": (LicenceClass.CONDITIONS, Ships.TEXT),
    "own": (LicenceClass.OWN, Ships.TEXT),
    "skeletons": (LicenceClass.LICENSED, Ships.SKELETON),
}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_folder_says_the_licence(folder: str) -> None:
    found = [load(path.stem) for path in (CATALOGUE / folder).glob("*.json")]
    assert found
    assert {(each.licence_class, each.ships) for each in found} == {FOLDERS[folder]}
    assert all((each.conditions is not None) for each in found if folder == "conditions")
    assert all((each.conditions is None) for each in found if folder == "open")


def test_every_file_lies_in_one_of_the_four_folders() -> None:
    assert {path.parent.name for path in CATALOGUE.rglob("*.json")} == set(FOLDERS)


@pytest.mark.parametrize("name", sorted({*NAMES} - {*ASKED}))
def test_a_skeleton_ships_no_words(name: str) -> None:
    for item in each_item(json.loads(load(name).document)["item"]):
        assert not item.get("text")
        assert all(not option["valueCoding"].get("display") for option in item.get("answerOption", []))


@pytest.mark.parametrize("name", NAMES)
def test_wording_called_verified_names_two_sources(name: str) -> None:
    wording = load(name).wording
    assert wording.note
    assert not wording.verified or len(wording.checked_against) >= 2


def test_the_core_10_keeps_its_copyright_line_on_the_form() -> None:
    line = "© CORE System Trust: https://www.coresystemtrust.org.uk/copyright.pdf"
    form = json.loads(load("core-10").document)
    assert form["copyright"] == line
    assert form["item"][-1]["text"] == line
    assert line in (load("core-10").conditions or "")


def test_the_hark_says_who_it_was_validated_in() -> None:
    assert "women only" in (load("hark").measure.note or "")


@pytest.mark.parametrize("name", ASKED)
def test_a_patient_reads_no_instrument_name_and_no_diagnosis(name: str) -> None:
    instrument = load(name)
    shown = instrument.plain_title.lower()
    assert instrument.licence_class is LicenceClass.OWN or instrument.short.lower() not in shown
    assert not any(word in shown for word in ("depress", "anxi", "ptsd", "suicid", "violen", "disorder"))


# --- one wording across long and short forms ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("short", "numbers"),
    [("csi-4", [1, 12, 19, 22]), ("csi-16", [1, 5, 9, 11, 12, 17, 19, 20, 21, 22, 26, 27, 28, 30, 31, 32])],
)
def test_the_short_csi_forms_are_items_of_the_long_one_word_for_word(short: str, numbers: list[int]) -> None:
    long = {item.link_id: item for item in load("csi-32").items}
    chosen = [long[f"csi32-{number}"] for number in numbers]

    def words(items: list[Item]) -> list[Any]:
        return [(i.text, i.poles, [(o.text, o.points) for o in i.options]) for i in items]

    assert words(chosen) == words(list(load(short).items))
