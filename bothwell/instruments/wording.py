"""The words of a questionnaire that ships without them: an empty form to fill in, and a filled one put in its place.

The structure stays exactly as shipped: not one question, answer or point more or less. It stores nothing and never
judges whether a clinic may use the words; the clinic states that itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bothwell.instruments.instrument import Instrument, ItemType
from bothwell.instruments.json_lines import Node
from bothwell.instruments.problems import Problem, Sheet, opened
from bothwell.instruments.reading import ORDINAL_VALUE

LONGEST_WORDS: Final = 2000
ITEM_CONTROL: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-itemControl"
CONTROLS: Final = "http://hl7.org/fhir/questionnaire-item-control"
ENDS: Final = ("lower", "upper")
EXCHANGE: Final = "Download the empty form again and write only into its texts."


@dataclass(frozen=True, slots=True)
class Words:
    """What a person reads: the line above all items, each question, the lines between, each answer, each line's ends.

    `answers` go by answer code, because one code has one label; `ends` hold the words at the left and the right.
    """

    stem: str
    questions: Mapping[str, str]
    lines: Mapping[str, str]
    answers: Mapping[str, str]
    ends: Mapping[str, tuple[str, str]]


def stem_id(instrument: Instrument) -> str:
    """The linkId of the line above all items."""
    return f"{instrument.id.replace('-', '')}-above"


def lines_of(instrument: Instrument) -> tuple[str, ...]:
    """The linkIds of its groups and lines of text, which may stay empty."""
    return tuple(
        each["linkId"] for each in _walk(json.loads(instrument.document)["item"]) if each["type"] in _TITLES
    )


def answers_of(instrument: Instrument) -> dict[str, Decimal]:
    """The codes of its answers, each once, with the printed points of the first that bears it."""
    found: dict[str, Decimal] = {}
    for item in instrument.items:
        if item.type is ItemType.CHOICE:
            for option in item.options:
                found.setdefault(option.code, option.points)
    return found


def ends_of(instrument: Instrument) -> tuple[str, ...]:
    """The linkIds answered by a number, whose line may have words at its ends."""
    return tuple(
        item.link_id for item in instrument.items if item.type in (ItemType.INTEGER, ItemType.DECIMAL)
    )


_TITLES: Final = ("group", "display")


def _walk(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for each in items:
        yield each
        yield from _walk(each.get("item", []))


# ------------------------------------------------------------------------------------------------- the empty form


def blank(instrument: Instrument) -> dict[str, Any]:
    """The questionnaire in FHIR with every text empty, to be filled in and uploaded."""
    form: dict[str, Any] = json.loads(instrument.document)
    above = {"linkId": stem_id(instrument), "text": "", "type": "display"}
    return {**form, "item": [above, *(_emptied(each) for each in form["item"])]}


def _emptied(item: dict[str, Any]) -> dict[str, Any]:
    emptied = {**item, "text": ""}
    if "item" in item:
        emptied["item"] = [_emptied(each) for each in item["item"]]
    if item["type"] in ("integer", "decimal"):
        emptied["item"] = [_end(item["linkId"], end) for end in ENDS]
    if "answerOption" in item:
        emptied["answerOption"] = [
            {"valueCoding": {**each["valueCoding"], "display": ""}} for each in item["answerOption"]
        ]
    return emptied


def _end(link_id: str, end: str) -> dict[str, Any]:
    """The words at one end of a line, as FHIR marks them."""
    control = {"url": ITEM_CONTROL, "valueCodeableConcept": {"coding": [{"system": CONTROLS, "code": end}]}}
    return {"linkId": f"{link_id}-{end}", "extension": [control], "text": "", "type": "display"}


# ------------------------------------------------------------------------------------------------ the filled form


def read_words(instrument: Instrument, content: bytes) -> Words | tuple[Problem, ...]:
    """The words in a filled form, or every place where it is empty or not the form that was handed out."""
    node = opened(content)
    if isinstance(node, Problem):
        return (node,)
    sheet = Sheet()
    given: dict[str, Node] = {}
    _gather(node.get("item"), given, sheet)
    words = _words(instrument, node, given, sheet)
    problems = tuple(sorted(sheet.problems, key=lambda problem: problem.line))
    return problems or words


def _gather(items: Node | None, given: dict[str, Node], sheet: Sheet) -> None:
    for number, each in enumerate(items.entries() if items else [], 1):
        link_id = _text(each, "linkId")
        if not link_id or link_id in given:
            what = f"The linkId “{link_id[:60]}” stands twice." if link_id else "It has no linkId."
            sheet.problem(each, f"item {number}", what, EXCHANGE)
            continue
        given[link_id] = each
        _gather(each.get("item"), given, sheet)


def _words(instrument: Instrument, whole: Node, given: dict[str, Node], sheet: Sheet) -> Words:
    ends = {f"{link_id}-{end}" for link_id in ends_of(instrument) for end in ENDS}
    lines = lines_of(instrument)
    known = {item.link_id for item in instrument.items} | set(lines) | ends | {stem_id(instrument)}
    for link_id, node in given.items():
        if link_id not in known:
            what = "The shipped questionnaire has no such item."
            sheet.problem(node, f"item “{link_id[:60]}”", what, EXCHANGE)
    answers: dict[str, str] = {}
    questions = {}
    for item in instrument.items:
        place, found = f"item “{item.link_id}”", given.get(item.link_id)
        if found is None:
            sheet.problem(whole.get("item") or whole, place, "It is missing.", EXCHANGE)
            continue
        questions[item.link_id] = _filled(found, "text", place, "Its text is empty.", sheet)
        if item.type is ItemType.CHOICE:
            points = {option.code: option.points for option in item.options}
            _read_answers(found, points, place, answers, sheet)
    return Words(
        stem=_text(given.get(stem_id(instrument)), "text"),
        questions=questions,
        lines={link_id: _text(given.get(link_id), "text") for link_id in lines},
        answers=answers,
        ends={
            link_id: (left, right)
            for link_id in ends_of(instrument)
            if (left := _text(given.get(f"{link_id}-lower"), "text"))
            and (right := _text(given.get(f"{link_id}-upper"), "text"))
        },
    )


def _filled(node: Node, name: str, place: str, what: str, sheet: Sheet) -> str:
    text = _text(node, name)
    where = node.get(name) or node
    if not text:
        sheet.problem(where, place, what, "Write what your licensed form says.")
    elif len(text) > LONGEST_WORDS:
        sheet.problem(where, place, f"A text is longer than {LONGEST_WORDS:,} signs.", "Shorten it.")
    return text


def _read_answers(
    item: Node, points: Mapping[str, Decimal], place: str, answers: dict[str, str], sheet: Sheet
) -> None:
    options = item.get("answerOption")
    codings = [(each, each.get("valueCoding") or each) for each in (options.entries() if options else [])]
    codes = [_text(coding, "code") for _, coding in codings]
    if sorted(codes) != sorted(points):
        missing = ", ".join(f"“{code}”" for code in points if code not in codes)
        more = ", ".join(f"“{code[:60]}”" for code in codes if code not in points or codes.count(code) > 1)
        what = "Its answers are not those of the shipped questionnaire."
        what += (f" Missing: {missing}." if missing else "") + (f" Not known: {more}." if more else "")
        sheet.problem(options or item, place, what, EXCHANGE)
        return
    labels = {code: _text(coding, "display") for (_, coding), code in zip(codings, codes, strict=True)}
    if twins := _twins(labels):
        what = f"The answers {_quoted(twins)} read the same."
        sheet.problem(options or item, place, what, "Give each answer of one question words of its own.")
    for (option, coding), code in zip(codings, codes, strict=True):
        if not _same_points(coding, points[code]):
            sheet.problem(option, place, f"The points of the answer “{code}” were changed.", EXCHANGE)
        label = _filled(coding, "display", place, f"The answer “{code}” has no words.", sheet)
        if answers.setdefault(code, label) != label:
            what = f"The answer “{code}” is worded otherwise than before."
            sheet.problem(coding, place, what, "One answer code has one wording; write it alike everywhere.")


def read_alike(instrument: Instrument, answers: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Item linkId -> the codes of those of its answers that nobody could tell apart.

    Small and capital letters and spaces make no difference; empty words are somebody else's to refuse.
    """
    of_item = {
        item.link_id: {option.code: answers.get(option.code, "") for option in item.options}
        for item in instrument.items
        if item.type is ItemType.CHOICE
    }
    return {link_id: twins for link_id, labels in of_item.items() if (twins := _twins(labels))}


def _twins(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The codes of the first labels that read the same; none when all differ."""
    alike: dict[str, list[str]] = {}
    for code, label in labels.items():
        if label.strip():
            alike.setdefault(" ".join(label.casefold().split()), []).append(code)
    return next((tuple(codes) for codes in alike.values() if len(codes) > 1), ())


def _quoted(codes: Iterable[str]) -> str:
    return " and ".join(f"“{code}”" for code in codes)


def _same_points(coding: Node, points: Decimal) -> bool:
    extensions = coding.get("extension")
    weights = [
        each.get("valueDecimal")
        for each in (extensions.entries() if extensions else [])
        if _text(each, "url") == ORDINAL_VALUE
    ]
    return all(weight is not None and weight.plain() == points for weight in weights)


def _text(node: Node | None, name: str) -> str:
    found = node.get(name) if node else None
    return found.text() if found else ""


# -------------------------------------------------------------------------------------------------- put in place


def with_words(file: bytes, words: Words, *, licence_holder: str, licence_terms: str) -> bytes:
    """The catalogue file with the clinic's words in it, ready to be kept; its scoring is untouched."""
    whole: dict[str, Any] = json.loads(file, parse_float=Decimal)
    form, side = whole["questionnaire"], whole["side"]
    form["item"] = [_worded(each, words) for each in form["item"]]
    form["copyright"] = f"{licence_holder}: {licence_terms}"
    form.pop("description", None)  # it says that there are no words
    for beside in side["items"]:
        beside["poles"] = words.ends.get(beside["link_id"], beside.get("poles"))
    side |= {
        "ships": "text",
        "stem": words.stem or side["stem"],
        "conditions": None,
        "licence": f"{licence_terms} (stated by this clinic; licence holder: {licence_holder})",
        "wording_verified": False,
        "wording_checked_against": [],
        "wording_note": "The words are those this clinic loaded from the form it is licensed to use.",
    }
    return json.dumps(whole, ensure_ascii=False, indent=1, default=_plain).encode()


def _worded(item: dict[str, Any], words: Words) -> dict[str, Any]:
    worded = dict(item)
    if item["type"] in _TITLES:
        line = words.lines.get(item["linkId"], "")
        worded |= {"text": line} if line else {}
        if "item" in item:
            worded["item"] = [_worded(each, words) for each in item["item"]]
        return worded
    worded["text"] = words.questions[item["linkId"]]
    if "answerOption" in item:
        worded["answerOption"] = [
            {"valueCoding": {**coding, "display": words.answers[coding["code"]]}}
            for coding in (each["valueCoding"] for each in item["answerOption"])
        ]
    return worded


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
