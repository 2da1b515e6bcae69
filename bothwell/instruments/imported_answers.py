"""The answers a choice of an uploaded questionnaire offers, with their weights where the author gave any.

It writes out a list the questionnaire carries with it; it never fetches one from elsewhere, and never gives a
weight that was not given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bothwell.instruments.json_lines import Node
from bothwell.instruments.problems import Sheet
from bothwell.instruments.reading import ORDINAL_VALUE

ITEM_WEIGHT: Final = "http://hl7.org/fhir/StructureDefinition/itemWeight"
ANSWER_CONSTRAINT: Final = "answerConstraint"
WEIGHTS: Final = (ORDINAL_VALUE, ITEM_WEIGHT)
OWN_ANSWERS: Final = "urn:bothwell:answer"
MOST_ANSWERS: Final = 100
LONGEST_ANSWER: Final = 500
LARGEST_WEIGHT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its code, its words, its weight if it has one; `given` is what the author's file calls it by."""

    code: str
    system: str
    text: str
    points: Decimal | None
    given: str


@dataclass(frozen=True, slots=True)
class _Offered:
    """One answer as it stands in the file, before it is looked at."""

    node: Node
    coding: Node | None
    words: str
    extended: tuple[Node | None, ...]


def answers_of(
    node: Node, link_id: str, place: str, questionnaire: Node, value_sets: set[str], sheet: Sheet
) -> list[Answer]:
    """What may be chosen, in order; the problems go on the sheet, the contained list used into `value_sets`."""
    offered = list(_offered(node, place, questionnaire, value_sets, sheet))
    if len(offered) < 2:
        if not sheet.problems or sheet.problems[-1].place != place:
            sheet.problem(
                node, place, "It offers fewer than two answers.", "List its answers in answerOption."
            )
        return []
    if len(offered) > MOST_ANSWERS:
        sheet.problem(node, place, "It offers more than 100 answers.", "Offer fewer, or ask for text.")
        return []
    found = [(each, _answer(each, f"{link_id}-{n}", place, sheet)) for n, each in enumerate(offered, 1)]
    taken = [(each, answer) for each, answer in found if answer is not None]
    _look_for_twins(taken, place, sheet)
    answers = [answer for _, answer in taken]
    weighted = sum(answer.points is not None for answer in answers)
    if weighted and weighted != len(answers):
        what = f"{weighted} of its {len(answers)} answers carry a weight."
        sheet.problem(node, place, what, "Give a weight to every answer of it, or to none.")
    return answers


def _look_for_twins(taken: list[tuple[_Offered, Answer]], place: str, sheet: Sheet) -> None:
    seen: set[str] = set()
    for offered, answer in taken:
        if answer.code in seen:
            what = f"The answer code “{answer.code[:60]}” stands twice."
            sheet.problem(offered.node, place, what, "Give every answer a code of its own.")
        seen.add(answer.code)


def _offered(
    node: Node, place: str, questionnaire: Node, value_sets: set[str], sheet: Sheet
) -> Iterator[_Offered]:
    options, value_set = node.get("answerOption"), node.get("answerValueSet")
    if options is not None and options.entries():
        yield from (each for option in options.entries() if (each := _from_option(option, place, sheet)))
    elif value_set is not None:
        name = value_set.text()
        listed = _contained(questionnaire, name.removeprefix("#")) if name.startswith("#") else None
        if listed is None:
            what = "Its answers are in a list that the file does not carry with it."
            sheet.problem(value_set, place, what, "Write the answers into answerOption.")
            return
        value_sets.add(name)
        yield from _from_value_set(listed, place, sheet)


def _from_option(option: Node, place: str, sheet: Sheet) -> _Offered | None:
    own = option.get("extension")
    coding, words, whole = (option.get(name) for name in ("valueCoding", "valueString", "valueInteger"))
    if coding is not None:
        return _Offered(option, coding, _text(coding, "display"), (own, coding.get("extension")))
    if words is not None and words.text():
        return _Offered(option, None, words.text(), (own, _beside(option, "_valueString")))
    if whole is not None and isinstance(whole.value, int) and not isinstance(whole.value, bool):
        return _Offered(option, None, str(whole.value), (own, _beside(option, "_valueInteger")))
    what = "One of its answers is neither a code, a text nor a whole number."
    sheet.problem(option, place, what, "Use valueCoding, valueString or valueInteger.")
    return None


def _beside(option: Node, name: str) -> Node | None:
    """Extensions of a plain value stand beside it, under its name with an underscore."""
    found = option.get(name)
    return found.get("extension") if found else None


def _contained(questionnaire: Node, name: str) -> Node | None:
    contained = questionnaire.get("contained")
    return next(
        (
            each
            for each in (contained.entries() if contained else [])
            if _text(each, "id") == name and _text(each, "resourceType") == "ValueSet"
        ),
        None,
    )


def _from_value_set(value_set: Node, place: str, sheet: Sheet) -> Iterator[_Offered]:
    expansion, compose = value_set.get("expansion"), value_set.get("compose")
    contains = expansion.get("contains") if expansion else None
    if contains is not None and contains.entries():
        yield from (
            _Offered(each, each, _text(each, "display"), (each.get("extension"),))
            for each in contains.entries()
        )
        return
    includes = compose.get("include") if compose else None
    for include in includes.entries() if includes else []:
        concepts, system = include.get("concept"), include.get("system")
        if concepts is None or include.get("filter") or include.get("valueSet"):
            what = "Its list of answers names a whole code system, a filter or another list."
            sheet.problem(include, place, what, "Write the answers into answerOption.")
            return
        for each in concepts.entries():
            coding = (
                Node({**each.value, **({"system": system} if system else {})}, each.line)
                if isinstance(each.value, dict)
                else each
            )
            yield _Offered(each, coding, _text(each, "display"), (each.get("extension"),))


def _answer(offered: _Offered, own_code: str, place: str, sheet: Sheet) -> Answer | None:
    coding, words = offered.coding, offered.words
    given = _text(coding, "code") if coding else ""
    if not words:
        what = "One of its answers has no words."
        sheet.problem(offered.node, place, what, "Give it a display, as a person shall read it.")
        return None
    if len(words) > LONGEST_ANSWER:
        sheet.problem(offered.node, place, "One of its answers is longer than 500 signs.", "Shorten it.")
        return None
    if len(given) > 100 or re.search(r"['\"\\]", given):
        what = (
            "The code of one of its answers is longer than 100 signs, or holds a quotation mark or backslash."
        )
        sheet.problem(offered.node, place, what, "Use a short code of letters, digits and hyphens.")
        return None
    points = _points(offered, place, sheet)
    system = _text(coding, "system") if coding else ""
    if given:
        return Answer(given, system or OWN_ANSWERS, words, points, given)
    return Answer(own_code, OWN_ANSWERS, words, points, words)


def _points(offered: _Offered, place: str, sheet: Sheet) -> Decimal | None:
    found: set[Decimal] = set()
    for extensions in offered.extended:
        for each in extensions.entries() if extensions else []:
            if _text(each, "url") in WEIGHTS:
                value = _weight(each)
                if value is None:
                    what = "A weight of its answers is not a number of up to two decimals between −10,000 and 10,000."
                    sheet.problem(each, place, what, "Write it as valueDecimal.")
                    return None
                found.add(value)
    if len(found) > 1:
        sheet.problem(offered.node, place, "One of its answers carries two weights.", "Keep one of them.")
    return min(found, default=None)


def _weight(extension: Node) -> Decimal | None:
    value = extension.get("valueDecimal") or extension.get("valueInteger")
    if value is None or isinstance(value.value, bool) or not isinstance(value.value, int | Decimal):
        return None
    points = Decimal(value.value)
    fits = abs(points) <= LARGEST_WEIGHT and points * 100 == (points * 100).to_integral_value()
    return points if fits else None


def _text(node: Node | None, name: str) -> str:
    found = node.get(name) if node else None
    return found.text() if found else ""
