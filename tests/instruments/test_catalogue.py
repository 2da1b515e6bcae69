"""The catalogue as shipped, and what it refuses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from bothwell.instruments.catalogue import CATALOGUE, NoSuchInstrument, all_instruments, load
from bothwell.instruments.fhir_forms import questionnaire
from bothwell.instruments.instrument import Better, Instrument, Kind, LicenceClass, Ships
from bothwell.instruments.reading import CatalogueError, read

LOINC = "http://loinc.org"
FREQUENCY = {
    "LA6568-5": "Not at all",
    "LA6569-3": "Several days",
    "LA6570-1": "More than half the days",
    "LA6571-9": "Nearly every day",
}


def codes(instrument: Instrument) -> list[str]:
    return [item.code for item in instrument.items]


WITH_WORDS = {
    "phq-9", "phq-2", "gad-7", "pcl-5", "pc-ptsd-5", "asq", "audit-c", "core-10", "csi-4", "csi-16", "csi-32", "hark", "k6",
    "dast-10", "ders-16", "iri-c", "who-5", "swls", "ebi", "cpq-sf", "sbq-r", "audit", "meq30", "itq",
    "pulse-us", "pulse-me", "before-dose", "day-after",
}  # fmt: skip
WITHOUT_WORDS = {
    "c-ssrs-screener", "whodas-12", "isi", "hits", "e-hits", "ors", "srs", "das-7", "pair", "cadss", "cadss-6",
    "ctas-r-sf", "ecr-s", "qids-sr16", "brs", "rdas",
}  # fmt: skip
FOLDER = {
    LicenceClass.OPEN: "open",
    LicenceClass.CONDITIONS: "conditions",
    LicenceClass.OWN: "own",
    LicenceClass.LICENSED: "skeletons",
}


def test_what_is_shipped_with_words_and_what_only_as_a_skeleton() -> None:
    assert {each.id for each in all_instruments() if each.can_be_asked} == WITH_WORDS
    assert {each.id for each in all_instruments() if not each.can_be_asked} == WITHOUT_WORDS


def test_the_folder_says_the_licence() -> None:
    for each in all_instruments():
        folder = "skeletons" if each.ships is Ships.SKELETON else FOLDER[each.licence_class]
        assert (CATALOGUE / folder / f"{each.id}.json").exists(), each.id
        assert (each.conditions is not None) or each.licence_class is not LicenceClass.CONDITIONS


def test_a_skeleton_has_no_word_of_the_owners_form() -> None:
    for each in all_instruments():
        if each.ships is Ships.SKELETON:
            assert not any(item.text for item in each.items), each.id
            assert not any(
                option.text for item in each.items for option in item.options if item.type == "choice"
            )


def test_loading_twice_gives_the_same_object_and_the_version_is_the_hash_of_the_file() -> None:
    content = (CATALOGUE / "open/phq-9.json").read_bytes()
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
    expected = {
        "phq-9": (Kind.INDIVIDUAL, Better.LOWER),
        "gad-7": (Kind.INDIVIDUAL, Better.LOWER),
        "csi-16": (Kind.RELATIONSHIP, Better.HIGHER),
        "phq-2": (Kind.PREDOSE, Better.LOWER),
        "who-5": (Kind.INDIVIDUAL, Better.HIGHER),
    }
    assert {name: (load(name).kind, load(name).measure.better) for name in expected} == expected


def test_screens_of_danger_are_sealed_in_their_own_kinds() -> None:
    assert {each.id for each in all_instruments() if each.kind is Kind.VIOLENCE} == {"hark", "hits", "e-hits"}
    assert {each.id for each in all_instruments() if each.kind is Kind.SUICIDE} == {
        "asq",
        "sbq-r",
        "c-ssrs-screener",
    }
    for each in all_instruments():
        raised = {rule.flag.split(".")[0] for rule in each.flags}
        if each.kind is Kind.VIOLENCE:
            assert raised == {"violence"}
        else:
            assert raised <= {"suicide"}


def test_every_question_can_be_declined_and_says_what_it_is_about() -> None:
    for instrument in all_instruments():
        stack: list[dict[str, Any]] = [*questionnaire(instrument)["item"]]
        while stack:
            item = stack.pop()
            stack += item.get("item", [])
            assert not item.get("required", False)
        for each in instrument.items:
            assert each.text.strip() == each.text


def test_tones_grow_towards_the_worse_end() -> None:
    for scale in (scale for instrument in all_instruments() for scale in instrument.scales):
        tones = [band.tone for band in scale.bands]
        assert tones == sorted(tones, reverse=scale.better is Better.HIGHER)


def test_wording_called_verified_names_two_sources() -> None:
    for instrument in all_instruments():
        assert instrument.wording.note
        assert not instrument.wording.verified or len(instrument.wording.checked_against) >= 2


def test_a_questionnaire_handed_out_can_be_changed_without_harm() -> None:
    questionnaire(load("gad-7"))["item"].clear()
    assert questionnaire(load("gad-7"))["item"]


# --- what is refused, and how it says so ------------------------------------------------------------------


def spoilt(change: Callable[[dict[str, Any]], None]) -> bytes:
    document = json.loads((CATALOGUE / "open/gad-7.json").read_bytes())
    change(document)
    return json.dumps(document).encode()


def first_item(document: dict[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = document["questionnaire"]["item"][0]["item"][0]
    return item


def total(document: dict[str, Any]) -> dict[str, Any]:
    scale: dict[str, Any] = document["side"]["scores"][0]
    return scale


WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no licence": (lambda d: d["side"].pop("licence"), "side: licence"),
    "an empty citation": (lambda d: d["side"].update(citation=" "), "side: citation"),
    "a kind nobody knows": (lambda d: d["side"].update(kind="measure.pet"), "side: kind"),
    "a direction nobody knows": (lambda d: total(d).update(direction="up"), r"scores\[0\]: direction"),
    "a truth that is a word": (
        lambda d: d["side"]["items"][0].update(scored="yes"), r"side.items\[0\]: scored",
    ),
    "an item without an entry beside it": (lambda d: d["side"]["items"].pop(), "side: items"),
    "an item without text": (lambda d: first_item(d).pop("text"), "gad7-1: text"),
    "an answer without a weight": (
        lambda d: first_item(d)["answerOption"][1]["valueCoding"].update(extension=[]),
        "gad7-1 .*ordinalValue",
    ),
    "a weight that is no number": (
        lambda d: first_item(d)["answerOption"][1]["valueCoding"]["extension"][0].update(valueDecimal="1"),
        "gad7-1 .*valueDecimal",
    ),
    "the same answer twice": (
        lambda d: first_item(d)["answerOption"].append(first_item(d)["answerOption"][0]),
        "gad7-1: .*code of its own",
    ),
    "the same item twice": (
        lambda d: (first_item(d).update(linkId="gad7-2"), d["side"]["items"].pop(0)), "side: items",
    ),
    "bands with a gap": (lambda d: total(d)["bands"][1].update({"from": 6}), "gap or overlap"),
    "bands that overlap": (lambda d: total(d)["bands"][1].update({"from": 4}), "gap or overlap"),
    "a highest total out of reach": (lambda d: total(d).update(most=22), "most is not what the items give"),
    "a tone too dark": (lambda d: total(d)["bands"][1].update(tone=5), r"bands\[1\]: tone"),
    "a flag on no item": (
        lambda d: d["side"].update(flags=[{
            "flag": "x", "when": {"count_at_least": 1, "of": [{"item": "gad7-8", "at_least": 1}]},
            "declined_counts": False, "source": "s",
        }]),
        "gad7-8: no such item",
    ),
    "a main score that is none": (lambda d: d["side"].update(main="sum"), "main is none of the scores"),
    "a score of unscored items": (lambda d: total(d).update(items=["gad7-9"]), "gad7-9: no such scored item"),
    "certainty from one source": (
        lambda d: d["side"].update(wording_checked_against=["one"]), "wording_verified needs two",
    ),
    "perfect reliability": (
        lambda d: total(d)["reliability"].update(coefficient=1), "reliability: coefficient",
    ),
    "a rule for missing items nobody wrote": (
        lambda d: total(d)["missing"].update(rule="guess"), "missing: the rules known",
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
        read("gad-7.json", spoilt(change))


def test_an_untouched_file_is_accepted_by_the_same_reader() -> None:
    assert read("gad-7.json", spoilt(lambda _: None)).items == load("gad-7").items


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"side": 1, "questionnaire": {}}'])
def test_something_that_is_not_a_catalogue_file_is_refused(content: bytes) -> None:
    with pytest.raises(CatalogueError, match=r"^odd\.json"):
        read("odd.json", content)


def test_a_file_under_the_wrong_name_is_refused() -> None:
    with pytest.raises(CatalogueError, match="name of the file"):
        read("phq-9.json", (CATALOGUE / "open/gad-7.json").read_bytes())
