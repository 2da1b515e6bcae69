"""The questions of an uploaded questionnaire, one by one: taken over, turned into what can be asked, or named.

It knows FHIR R4 (and what of R5 does no harm); it never drops a question without saying so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from bothwell.instruments.imported_answers import ANSWER_CONSTRAINT, Answer, answers_of
from bothwell.instruments.imported_conditions import Condition, Earlier, conditions_of, joined
from bothwell.instruments.json_lines import Node
from bothwell.instruments.problems import Sheet
from bothwell.instruments.reading import LEAST_VALUE, MOST_VALUE, ORDINAL_VALUE

MOST_ITEMS: Final = 1000
LONGEST_TEXT: Final = 2000
LONGEST_LINK_ID: Final = 120
HIDDEN: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden"
CALCULATED: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression"
SDC: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
DYNAMIC: Final = tuple(
    f"{SDC}{name}"
    for name in (
        "enableWhenExpression",
        "answerExpression",
        "candidateExpression",
        "answerOptionsToggleExpression",
    )
)
QUESTIONS: Final = {
    "choice": "choice",
    "coding": "choice",  # R5's name
    "open-choice": "choice",
    "boolean": "boolean",
    "integer": "integer",
    "decimal": "decimal",
    "string": "string",
    "text": "text",
    "date": "date",
}
LEFT_OUT: Final = {
    "initial": "no answer is filled in beforehand",
    "maxLength": "the length of an answer is not limited to maxLength",
    "disabledDisplay": "disabledDisplay belongs to FHIR R5 and is left out",
}


@dataclass(slots=True)
class Gathered:
    """What the walk through the items found: the items as they will be kept, and what is asked and scored.

    `weights`: linkId -> the fewest and most points of an item whose answers carry weights. `value_sets`: the
    contained lists now written out.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    earlier: dict[str, Earlier] = field(default_factory=dict)
    weights: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    value_sets: set[str] = field(default_factory=set)
    has_own_score: bool = False

    @property
    def asked(self) -> tuple[str, ...]:
        """The linkIds of the questions, in order."""
        return tuple(self.earlier)


def plain_number(value: Decimal) -> int | float:
    """A decimal as JSON writes it."""
    return int(value) if value == value.to_integral_value() else float(value)


def gather(questionnaire: Node, sheet: Sheet) -> Gathered:
    """The items of a questionnaire; problems and notes go on the sheet."""
    items = questionnaire.get("item")
    count = 0 if items is None else _count(items)
    found = Gathered()
    if items is None or not items.entries():
        sheet.problem(items or questionnaire, "the questionnaire", "It has no items.", "Add its questions.")
        return found
    if count > MOST_ITEMS:
        what = f"It has {count:,} items; more than 1,000 cannot be asked."
        sheet.problem(items, "the questionnaire", what, "Divide it into several questionnaires.")
        return found
    walk = _Walk(questionnaire, sheet, found, _all_link_ids(items))
    found.items = walk.items(items, None, "")
    if not found.earlier and not sheet.problems:
        sheet.problem(items, "the questionnaire", "It asks nothing.", "Add at least one question.")
    if walk.required is not None:
        sheet.note(
            walk.required,
            "the questionnaire",
            "Some questions are marked as required. Here a person may always rather not answer.",
        )
    return found


def _count(items: Node) -> int:
    return sum(1 + (_count(inner) if (inner := each.get("item")) else 0) for each in items.entries())


def _all_link_ids(items: Node) -> frozenset[str]:
    found: set[str] = set()
    for each in items.entries():
        link_id, inner = each.get("linkId"), each.get("item")
        found |= {link_id.text()} if link_id else set()
        found |= _all_link_ids(inner) if inner else set()
    return frozenset(found)


@dataclass(slots=True)
class _Walk:
    """One pass through the items, in printed order."""

    questionnaire: Node
    sheet: Sheet
    found: Gathered
    all_link_ids: frozenset[str]
    taken: set[str] = field(default_factory=set)
    required: Node | None = None

    def items(self, items: Node, outer: Condition | None, number: str) -> list[dict[str, Any]]:
        kept: list[dict[str, Any]] = []
        if not isinstance(items.value, list):
            self.sheet.problem(
                items, "the questionnaire", "item is not a list.", "Put its items in brackets."
            )
        for position, node in enumerate(items.entries(), 1):
            kept += self.item(node, outer, f"{number}{position}")
        return kept

    def item(self, node: Node, outer: Condition | None, number: str) -> list[dict[str, Any]]:
        """An item with what stands in it; a question's own questions follow after it."""
        place = f"item {number}"
        link_id = self.link_id(node, place)
        if link_id is None:
            return []
        place = f"item “{link_id[:60]}”"
        self.look_for_the_unknown(node, place)
        kind = named.text() if (named := node.get("type")) else ""
        own = conditions_of(node, place, self.found.earlier, self.all_link_ids, link_id, self.sheet)
        condition = joined(outer, own, node, place, self.sheet)
        match kind:
            case "display":
                return self.display(node, link_id, place, own)
            case "group":
                return self.group(node, link_id, place, condition, number)
            case _ if _has(node, CALCULATED) or _is_read_only(node):
                return [self.filled_in_elsewhere(node, link_id, place, kind)]
            case _ if kind in QUESTIONS:
                question = self.question(node, link_id, place, QUESTIONS[kind], condition)
                inner = node.get("item")
                if inner is not None and inner.entries():
                    self.sheet.note(inner, place, "The questions inside this question are asked after it.")
                return question + (self.items(inner, condition, f"{number}.") if inner else [])
            case "":
                self.sheet.problem(
                    node, place, "It has no type.", "Say what it is: choice, boolean, integer, …"
                )
            case _:
                self.sheet.problem(
                    named or node,
                    place,
                    f"Questions of the type “{kind[:40]}” cannot be asked here.",
                    "Use choice, boolean, integer, decimal, string, text or date.",
                )
        return []

    # ------------------------------------------------------------------------------------------ what an item is

    def link_id(self, node: Node, place: str) -> str | None:
        if not isinstance(node.value, dict):
            self.sheet.problem(node, place, "It is not an item.", "An item stands in braces: {…}.")
            return None
        named = node.get("linkId")
        link_id = named.text() if named else ""
        if named is None or not link_id:
            self.sheet.problem(named or node, place, "It has no linkId.", "Give it a linkId of its own.")
        elif link_id in self.taken:
            what = f"The linkId “{link_id[:60]}” stands twice."
            self.sheet.problem(named, place, what, "Give every item a linkId of its own.")
        elif len(link_id) > LONGEST_LINK_ID or re.search(r"['\"\\\s]", link_id):
            what = (
                "Its linkId is longer than 120 signs, or holds white space, a quotation mark or a backslash."
            )
            self.sheet.problem(named, place, what, "Use a short linkId of letters, digits, hyphens and dots.")
        else:
            self.taken.add(link_id)
            return link_id
        return None

    def look_for_the_unknown(self, node: Node, place: str) -> None:
        modifier = node.get("modifierExtension")
        if modifier is not None:
            what = "A modifierExtension changes its meaning in a way Bothwell does not know."
            self.sheet.problem(modifier, place, what, "Take it out, if the item means the same without it.")
        for each in _extensions(node):
            url = named.text() if (named := each.get("url")) else ""
            if url in DYNAMIC:
                what = f"“{url.removeprefix(SDC)}” cannot be followed here."
                self.sheet.problem(each, place, what, "Use enableWhen and a fixed list of answers.")
        repeats = node.get("repeats")
        if repeats is not None and repeats.value is not False:
            self.sheet.problem(
                repeats,
                place,
                "It may be answered several times.",
                "Set repeats to false, or ask it in parts.",
            )
        required = node.get("required")
        if required is not None and required.value is True and self.required is None:
            self.required = required

    def words(self, node: Node, place: str, *, needed: bool) -> str:
        named = node.get("text")
        text = named.text() if named else ""
        if needed and not text:
            self.sheet.problem(named or node, place, "It has no text.", "Write what a person shall read.")
        if len(text) > LONGEST_TEXT:
            what = f"Its text is longer than {LONGEST_TEXT:,} signs."
            self.sheet.problem(named or node, place, what, "Shorten it, or divide it.")
        return text

    # --------------------------------------------------------------------------------------- the kinds of items

    def display(self, node: Node, link_id: str, place: str, own: Condition | None) -> list[dict[str, Any]]:
        text = self.words(node, place, needed=False)
        inner = node.get("item")
        if inner is not None and inner.entries():
            self.sheet.problem(inner, place, "A line of text holds items.", "Make it a group.")
        if not text:
            self.sheet.note(node, place, "A line without text is left out.")
            return []
        if own is not None:
            self.sheet.note(node, place, "This line is shown whatever was answered before.")
        return [{"linkId": link_id, "text": text, "type": "display"}]

    def group(
        self, node: Node, link_id: str, place: str, condition: Condition | None, number: str
    ) -> list[dict[str, Any]]:
        text, inner = self.words(node, place, needed=False), node.get("item")
        if _is_hidden(node):
            self.sheet.problem(node, place, "The group is hidden.", "Take it out, or show it.")
        kept = self.items(inner, condition, f"{number}.") if inner else []
        if not kept:
            self.sheet.note(node, place, "A group without items is left out.")
            return [{"linkId": link_id, "text": text, "type": "display"}] if text else []
        heading = {"text": text} if text else {}
        return [{"linkId": link_id, **heading, "type": "group", "item": kept}]

    def filled_in_elsewhere(self, node: Node, link_id: str, place: str, kind: str) -> dict[str, Any]:
        """An author's own score, or what another system fills in: kept whole, asked of nobody."""
        if _has(node, CALCULATED):
            self.found.has_own_score = True
        else:
            self.sheet.note(node, place, "It is read-only: it stays in the file and is asked of nobody.")
        kept: dict[str, Any] = node.plain()
        for name in ("item", "enableWhen", "enableBehavior", "required"):
            kept.pop(name, None)
        return kept | {"linkId": link_id, "type": kind or "decimal", "readOnly": True}

    def question(
        self, node: Node, link_id: str, place: str, kind: str, condition: Condition | None
    ) -> list[dict[str, Any]]:
        text = self.words(node, place, needed=True)
        if re.search(r"^own\w*-score-", link_id):
            what = "Its linkId looks like that of a score Bothwell itself adds."
            self.sheet.problem(node, place, what, "Give it another linkId.")
        if _is_hidden(node):
            self.sheet.problem(
                node, place, "It is hidden: nobody could answer it.", "Take it out, or show it."
            )
        for name, words in LEFT_OUT.items():
            if (left := node.get(name)) is not None:
                self.sheet.note(left, place, f"{words[0].upper()}{words[1:]}.")
        answers = self.answers(node, link_id, place, kind)
        points = [answer.points for answer in answers]
        weighted = [each for each in points if each is not None]
        if weighted and len(weighted) == len(points):
            self.found.weights[link_id] = (min(weighted), max(weighted))
        self.found.earlier[link_id] = Earlier(kind, tuple(answers), bool(weighted))
        return [
            {
                "linkId": link_id,
                "code": [self.code(node, link_id, place)],
                **({"prefix": prefix} if (prefix := _text(node, "prefix")[:40]) else {}),
                "text": text,
                "type": kind,
                "required": False,
                "repeats": False,
                **({"extension": kept} if (kept := self.extensions(node, place, kind)) else {}),
                **({"answerOption": [_option(each) for each in answers]} if answers else {}),
                **(condition.fhir() if condition else {}),
            }
        ]

    def answers(self, node: Node, link_id: str, place: str, kind: str) -> list[Answer]:
        if kind != "choice":
            return []
        constraint = _text(node, ANSWER_CONSTRAINT)
        if _text(node, "type") == "open-choice" or constraint in ("optionsOrString", "optionsOrType"):
            self.sheet.note(node, place, "An answer in one's own words cannot be given: only those listed.")
        return answers_of(node, link_id, place, self.questionnaire, self.found.value_sets, self.sheet)

    def code(self, node: Node, link_id: str, place: str) -> dict[str, str]:
        codings = node.get("code")
        named = [
            {"system": system, "code": code}
            for each in (codings.entries() if codings else [])
            if (system := _text(each, "system")) and (code := _text(each, "code"))
        ]
        if codings is not None and len(named) > 1:
            self.sheet.note(codings, place, "Of its codes the first is kept.")
        return named[0] if named else {"system": "urn:bothwell:item", "code": link_id}

    def extensions(self, node: Node, place: str, kind: str) -> list[Any]:
        """What an author added, kept as it is; bounds of a number must be numbers."""
        bounds: dict[str, Decimal] = {}
        kept: list[Any] = []
        for each in _extensions(node):
            url, value = _text(each, "url"), each.get("valueInteger") or each.get("valueDecimal")
            if url in (LEAST_VALUE, MOST_VALUE) and kind in ("integer", "decimal"):
                if (
                    value is None
                    or isinstance(value.value, bool)
                    or not isinstance(value.value, int | Decimal)
                ):
                    self.sheet.problem(each, place, "A bound of it is not a number.", "Use valueInteger.")
                    continue
                bounds[url] = Decimal(value.value)
            if url:
                kept.append(each.plain())
        if bounds.get(LEAST_VALUE, Decimal(0)) > bounds.get(MOST_VALUE, Decimal("Infinity")):
            self.sheet.problem(node, place, "Its least value is above its most.", "Exchange the two.")
        return kept


def _option(answer: Answer) -> dict[str, Any]:
    weight = [{"url": ORDINAL_VALUE, "valueDecimal": answer.points}] if answer.points is not None else []
    coding = {"system": answer.system, "code": answer.code, "display": answer.text}
    return {"valueCoding": {**({"extension": weight} if weight else {}), **coding}}


def _text(node: Node, name: str) -> str:
    found = node.get(name)
    return found.text() if found else ""


def _extensions(node: Node) -> list[Node]:
    found = node.get("extension")
    return [each for each in found.entries() if isinstance(each.value, dict)] if found else []


def _has(node: Node, url: str) -> bool:
    return any(_text(each, "url") == url for each in _extensions(node))


def _is_read_only(node: Node) -> bool:
    found = node.get("readOnly")
    return found is not None and found.value is True


def _is_hidden(node: Node) -> bool:
    hidden = [each.get("valueBoolean") for each in _extensions(node) if _text(each, "url") == HIDDEN]
    return any(each is not None and each.value is True for each in hidden)
