"""The catalogue as shipped, and what it refuses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from bothwell.instruments import catalogue
from bothwell.instruments.catalogue import (
    CATALOGUE,
    Better,
    CatalogueError,
    Instrument,
    Kind,
    NoSuchInstrument,
    all_instruments,
    load,
)

LOINC = "http://loinc.org"
FREQUENCY = {
    "LA6568-5": "Not at all",
    "LA6569-3": "Several days",
    "LA6570-1": "More than half the days",
    "LA6571-9": "Nearly every day",
}


def codes(instrument: Instrument) -> list[str]:
    return [item.code for item in instrument.items]


def test_three_instruments_are_shipped() -> None:
    assert [each.id for each in all_instruments()] == ["csi-16", "gad-7", "phq-9"]


def test_loading_twice_gives_the_same_object_and_the_version_is_the_hash_of_the_file() -> None:
    content = (CATALOGUE / "phq-9.json").read_bytes()
    assert load("phq-9") is load("phq-9")
    assert load("phq-9").version == hashlib.sha256(content).hexdigest()[:12]


@pytest.mark.parametrize("name", ["", "phq-10", "../catalogue/phq-9", "phq-9.json"])
def test_an_id_that_is_not_in_the_catalogue_is_refused(name: str) -> None:
    with pytest.raises(NoSuchInstrument):
        load(name)


def test_phq_9_items_carry_the_loinc_codes_in_the_order_of_the_form() -> None:
    assert codes(load("phq-9")) == [
        "44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3",
        "44260-8", "69722-7",
    ]  # fmt: skip


def test_gad_7_items_six_and_seven_are_not_swapped() -> None:
    gad7 = load("gad-7")
    assert codes(gad7) == ["69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7"]
    assert "irritable" in gad7.items[5].text
    assert "afraid" in gad7.items[6].text


@pytest.mark.parametrize("name", ["phq-9", "gad-7"])
def test_frequency_answers_are_the_loinc_ones_and_the_lowest_is_not_at_all(name: str) -> None:
    for item in load(name).scored_items:
        assert {option.code: option.text for option in item.options} == FREQUENCY
        assert [int(option.points) for option in item.options] == [0, 1, 2, 3]
        assert {option.system for option in item.options} == {LOINC}


def test_csi_16_scales_run_as_printed() -> None:
    printed = [[int(option.points) for option in item.options] for item in load("csi-16").items]
    up, down = [0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]
    assert printed == [[0, 1, 2, 3, 4, 5, 6], down, *[up] * 8, down, up, down, down, up, down]


def test_the_better_word_of_each_csi_16_pair_stands_where_the_points_are() -> None:
    better = {"INTERESTING", "GOOD", "FULL", "STURDY", "HOPEFUL", "ENJOYABLE"}
    for item in load("csi-16").items[10:]:
        assert item.poles is not None
        left, right = item.poles
        assert item.text == f"{left} — {right}"
        assert (left if item.options[0].points == 5 else right) in better


def test_kinds_and_directions() -> None:
    assert {each.id: (each.kind, each.better) for each in all_instruments()} == {
        "phq-9": (Kind.INDIVIDUAL, Better.LOWER),
        "gad-7": (Kind.INDIVIDUAL, Better.LOWER),
        "csi-16": (Kind.RELATIONSHIP, Better.HIGHER),
    }


def test_every_question_can_be_declined_and_says_what_it_is_about() -> None:
    for instrument in all_instruments():
        stack: list[dict[str, Any]] = [*instrument.to_fhir()["item"]]
        while stack:
            item = stack.pop()
            stack += item.get("item", [])
            assert not item.get("required", False)
        for each in instrument.items:
            assert each.text.strip() == each.text


def test_tones_grow_towards_the_worse_end() -> None:
    for instrument in all_instruments():
        tones = [band.tone for band in instrument.bands]
        assert tones == sorted(tones, reverse=instrument.better is Better.HIGHER)


def test_wording_called_verified_names_two_sources() -> None:
    for instrument in all_instruments():
        assert instrument.wording.note
        assert not instrument.wording.verified or len(instrument.wording.checked_against) >= 2


def test_a_questionnaire_handed_out_can_be_changed_without_harm() -> None:
    load("gad-7").to_fhir()["item"].clear()
    assert load("gad-7").to_fhir()["item"]


# --- what is refused, and how it says so ------------------------------------------------------------------


def spoilt(change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads((CATALOGUE / "gad-7.json").read_bytes())
    change(document)
    return json.dumps(document).encode()


def first_item(document: dict[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = document["questionnaire"]["item"][0]["item"][0]
    return item


WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no licence": (lambda d: d["side"].pop("licence"), "side: licence"),
    "an empty citation": (lambda d: d["side"].update(citation=" "), "side: citation"),
    "a kind nobody knows": (lambda d: d["side"].update(kind="measure.pet"), "side: kind"),
    "a direction nobody knows": (lambda d: d["side"].update(direction="up"), "side: direction"),
    "a truth that is a word": (
        lambda d: d["side"]["items"][0].update(scored="yes"), r"side.items\[0\]: scored",
    ),
    "an item without an entry beside it": (lambda d: d["side"]["items"].pop(), "side: items"),
    "an item without text": (lambda d: first_item(d).pop("text"), "gad7-1: text"),
    "an answer without a weight": (
        lambda d: first_item(d)["answerOption"][1]["valueCoding"].update(extension=[]),
        "gad7-1 .*ordinalValue",
    ),
    "half a point": (
        lambda d: first_item(d)["answerOption"][1]["valueCoding"]["extension"][0].update(valueDecimal=0.5),
        "gad7-1 .*whole number",
    ),
    "the same answer twice": (
        lambda d: first_item(d)["answerOption"].append(first_item(d)["answerOption"][0]),
        "gad7-1: .*code of its own",
    ),
    "the same item twice": (
        lambda d: (first_item(d).update(linkId="gad7-2"), d["side"]["items"].pop(0)), "side: items",
    ),
    "bands with a gap": (lambda d: d["side"]["bands"][1].update({"from": 6}), "bands do not cover"),
    "bands that overlap": (lambda d: d["side"]["bands"][1].update({"from": 4}), "bands do not cover"),
    "a highest total out of reach": (lambda d: d["side"]["scoring"].update(most=22), "scoring.most"),
    "a tone too dark": (lambda d: d["side"]["bands"][1].update(tone=5), r"bands\[1\]: tone"),
    "a flag on no item": (
        lambda d: d["side"].update(flags=[{"flag": "x", "item": "gad7-8", "at_least": 1, "source": "s"}]),
        "flag on gad7-8",
    ),
    "nothing to tell change by": (lambda d: d["side"].update(published_change=None), "reliable change"),
    "certainty from one source": (
        lambda d: d["side"].update(wording_checked_against=["one"]), "wording_verified needs two",
    ),
    "perfect reliability": (
        lambda d: d["side"]["reliability"].update(coefficient=1), "reliability: coefficient",
    ),
    "a rule for missing items nobody wrote": (
        lambda d: d["side"]["scoring"]["missing"].update(rule="guess"), "missing: the only rule",
    ),
    "another instrument's address": (
        lambda d: d["questionnaire"].update(url="urn:bothwell:questionnaire:phq-9"), "url does not end",
    ),
    "something that is no questionnaire": (
        lambda d: d["questionnaire"].update(resourceType="Patient"), "resourceType",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_with_its_name_and_the_place(name: str) -> None:
    change, complaint = WRONG[name]
    with pytest.raises(CatalogueError, match=rf"^gad-7\.json: .*{complaint}"):
        catalogue.read("gad-7.json", spoilt(change))


def test_an_untouched_file_is_accepted_by_the_same_reader() -> None:
    assert catalogue.read("gad-7.json", spoilt(lambda _: None)).items == load("gad-7").items


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"side": 1, "questionnaire": {}}'])
def test_something_that_is_not_a_catalogue_file_is_refused(content: bytes) -> None:
    with pytest.raises(CatalogueError, match=r"^odd\.json"):
        catalogue.read("odd.json", content)


def test_a_file_under_the_wrong_name_is_refused() -> None:
    with pytest.raises(CatalogueError, match="name of the file"):
        catalogue.read("phq-9.json", (CATALOGUE / "gad-7.json").read_bytes())
