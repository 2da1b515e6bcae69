"""Licensed words: an empty form handed out, a filled one put in its place, everything else refused with its line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from bothwell.instruments import wording
from bothwell.instruments.catalogue import CATALOGUE, all_instruments, load
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.reading import read
from bothwell.instruments.scoring import score
from bothwell.instruments.wording import Words

SKELETONS = [each for each in all_instruments() if not each.can_be_asked]


def filled(item: dict[str, Any]) -> None:
    """Write something into every text, as a clinic would."""
    item["text"] = f"Text of {item['linkId']}"
    for each in item.get("item", []):
        filled(each)
    for option in item.get("answerOption", []):
        option["valueCoding"]["display"] = f"Answer {option['valueCoding']['code']}"


def form(instrument: Instrument, change: Callable[[dict[str, Any]], Any] = lambda form: None) -> bytes:
    whole = wording.blank(instrument)
    for each in whole["item"]:
        filled(each)
    change(whole)
    return json.dumps(whole, indent=1).encode()


def loaded(instrument: Instrument, words: Words) -> Instrument:
    file = next(CATALOGUE.glob(f"*/{instrument.id}.json")).read_bytes()
    content = wording.with_words(file, words, licence_holder="The owner", licence_terms="Agreement 7")
    return read(f"{instrument.id}.json", content)


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda each: each.id)
def test_a_filled_form_can_be_asked_and_is_scored_as_shipped(skeleton: Instrument) -> None:
    words = wording.read_words(skeleton, form(skeleton))
    assert isinstance(words, Words), words
    with_words = loaded(skeleton, words)
    assert with_words.can_be_asked
    assert all(item.text == f"Text of {item.link_id}" for item in with_words.items)
    assert all(option.text for item in with_words.items for option in item.options)
    assert [scale.items for scale in with_words.scales] == [scale.items for scale in skeleton.scales]
    first = {item.link_id: item.options[0].code for item in skeleton.items if item.options}
    assert score(with_words, first).totals() == score(skeleton, first).totals()


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda each: each.id)
def test_every_empty_text_of_the_form_as_handed_out_is_named(skeleton: Instrument) -> None:
    content = json.dumps(wording.blank(skeleton), indent=1).encode()
    found = wording.read_words(skeleton, content)
    assert isinstance(found, tuple)
    named = {problem.place for problem in found}
    assert len(found) > 100 or {f"item “{item.link_id}”" for item in skeleton.items} <= named
    lines = content.decode().split("\n")
    assert all('""' in lines[problem.line - 1] for problem in found[:100])


def test_the_licence_stands_with_the_words_and_nothing_claims_they_were_checked() -> None:
    words = wording.read_words(load("brs"), form(load("brs")))
    assert isinstance(words, Words)
    brs = loaded(load("brs"), words)
    assert "Agreement 7" in brs.licence
    assert "The owner" in brs.licence
    assert not brs.wording.verified
    assert brs.stem == "Text of brs-above"
    assert "No item text is included" not in brs.document
    assert brs.version != load("brs").version


def test_words_at_the_ends_of_a_line_are_read() -> None:
    ors = load("ors")
    words = wording.read_words(ors, form(ors))
    assert isinstance(words, Words)
    assert loaded(ors, words).items[0].poles == ("Text of ors-1-lower", "Text of ors-1-upper")


def first_item(change: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    return lambda whole: change(whole["item"][1])


WRONG: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "an item too many": (lambda w: w["item"].append({"linkId": "brs-7", "text": "x"}), "has no such item"),
    "an item missing": (lambda w: w["item"].pop(), "It is missing"),
    "an item twice": (lambda w: w["item"].append(w["item"][1]), "stands twice"),
    "no linkId": (first_item(lambda i: i.pop("linkId")), "It has no linkId"),
    "an empty text": (first_item(lambda i: i.update(text="  ")), "Its text is empty"),
    "too long a text": (first_item(lambda i: i.update(text="x" * 2001)), "longer than 2,000"),
    "an answer missing": (first_item(lambda i: i["answerOption"].pop()), "Missing: “brs-5”"),
    "an answer too many": (
        first_item(lambda i: i["answerOption"].append({"valueCoding": {"code": "brs-6", "display": "x"}})),
        "Not known: “brs-6”",
    ),
    "an answer without words": (
        first_item(lambda i: i["answerOption"][0]["valueCoding"].update(display="")),
        "has no words",
    ),
    "points changed": (
        first_item(lambda i: i["answerOption"][0]["valueCoding"]["extension"][0].update(valueDecimal=9)),
        "The points of the answer “brs-1” were changed",
    ),
    "two answers that read the same": (
        first_item(lambda i: i["answerOption"][1]["valueCoding"].update(display=" ANSWER  brs-1")),
        "“brs-1” and “brs-2” read the same",
    ),
    "two wordings": (
        first_item(lambda i: i["answerOption"][0]["valueCoding"].update(display="Other")),
        "worded otherwise",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_anything_else_that_was_changed_is_refused_with_its_line(name: str) -> None:
    change, words = WRONG[name]
    content = form(load("brs"), change)
    found = wording.read_words(load("brs"), content)
    assert isinstance(found, tuple)
    assert any(words in problem.what for problem in found), found
    assert all(1 <= problem.line <= content.count(b"\n") + 1 and problem.remedy for problem in found)


def test_only_the_item_whose_answers_read_the_same_is_named() -> None:
    def alike(whole: dict[str, Any]) -> None:
        whole["item"][3]["answerOption"][0]["valueCoding"]["display"] = "Answer brs-2"

    brs = load("brs")
    found = wording.read_words(brs, form(brs, alike))
    assert isinstance(found, tuple)
    same = [problem.place for problem in found if "read the same" in problem.what]
    assert same == [f"item “{brs.items[2].link_id}”"]
    answers = {code: f"Words {code}" for code in wording.answers_of(brs)}
    assert wording.read_alike(brs, answers) == {}
    assert wording.read_alike(brs, dict.fromkeys(answers, "")) == {}, "empty is another matter"


@pytest.mark.parametrize("content", [b"", b"<x/>", b"[]", b"{}", b'{"item": 7}', b'{"item": [7, null]}'])
def test_what_is_no_form_is_refused(content: bytes) -> None:
    assert isinstance(wording.read_words(load("brs"), content), tuple)
