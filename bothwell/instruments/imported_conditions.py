"""When a question of an uploaded questionnaire is asked: what its author wrote as enableWhen, checked word by word.

It never weakens a condition: one that cannot be kept exactly is a problem, not a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from bothwell.instruments.imported_answers import Answer
from bothwell.instruments.instrument import Operator
from bothwell.instruments.json_lines import Node
from bothwell.instruments.problems import Sheet

NUMBERS: Final = ("integer", "decimal")
ORDERED: Final = (Operator.MORE, Operator.LESS, Operator.AT_LEAST, Operator.AT_MOST)


@dataclass(frozen=True, slots=True)
class Earlier:
    """A question met before: its type, its answers, and whether they carry weights."""

    kind: str
    answers: tuple[Answer, ...]
    has_weights: bool


@dataclass(frozen=True, slots=True)
class Condition:
    """Tests in FHIR, and whether all must hold or one suffices."""

    tests: tuple[dict[str, Any], ...]
    all_must_hold: bool

    def fhir(self) -> dict[str, Any]:
        """As it stands in the item."""
        behaviour = "all" if self.all_must_hold else "any"
        more = {"enableBehavior": behaviour} if len(self.tests) > 1 else {}
        return {"enableWhen": list(self.tests), **more}


def conditions_of(
    node: Node, place: str, earlier: dict[str, Earlier], everywhere: frozenset[str], own: str, sheet: Sheet
) -> Condition | None:
    """The item's own condition, or None; each test names an earlier question and an answer it can have."""
    tests = node.get("enableWhen")
    if tests is None or not tests.entries():
        return None
    behaviour = found.text() if (found := node.get("enableBehavior")) else ""
    if behaviour not in ("all", "any") and (behaviour or len(tests.entries()) > 1):
        what = "It depends on several answers and does not say whether on all or on any."
        sheet.problem(tests, place, what, "Add enableBehavior: all or any.")
    kept = [_test(each, place, earlier, everywhere, own, sheet) for each in tests.entries()]
    return Condition(tuple(each for each in kept if each), behaviour != "any")


def joined(
    outer: Condition | None, own: Condition | None, node: Node, place: str, sheet: Sheet
) -> Condition | None:
    """What holds for a question inside a group: the group's condition and its own together."""
    if outer is None or own is None:
        return outer or own
    if all(each.all_must_hold or len(each.tests) == 1 for each in (outer, own)):
        return Condition((*outer.tests, *own.tests), True)
    what = "Its condition and that of what it stands in cannot be kept together: one of them says any."
    sheet.problem(node, place, what, "Take it out of the group, or divide the condition.")
    return None


def _test(
    node: Node, place: str, earlier: dict[str, Earlier], everywhere: frozenset[str], own: str, sheet: Sheet
) -> dict[str, Any] | None:
    question = found.text() if (found := node.get("question")) else ""
    if question not in earlier:
        sheet.problem(node, place, *_unknown(question, everywhere, own))
        return None
    try:
        operator = Operator(named.text() if (named := node.get("operator")) else "")
    except ValueError:
        what = "A condition of it has no operator Bothwell knows."
        sheet.problem(node, place, what, "Use exists, =, !=, >, <, >= or <=.")
        return None
    answer = _answer(node, operator, earlier[question])
    if answer is None:
        what = f"It is compared with something the question “{question[:60]}” is never answered with."
        sheet.problem(node, place, what, "Compare with one of its answers, by its code, or with a number.")
        return None
    return {"question": question, "operator": operator.value, **answer}


def _unknown(question: str, everywhere: frozenset[str], own: str) -> tuple[str, str]:
    if not question:
        return "A condition of it names no question.", "Name the linkId of an earlier question."
    shown = f"“{question[:60]}”"
    if question == own:
        return "It depends on its own answer.", "Name the linkId of an earlier question."
    if question in everywhere:
        what = f"It depends on {shown}, which is asked later or asks nothing."
        return what, "Depend on an earlier question, or move this one."
    return f"It depends on {shown}, and there is no such item.", "Name the linkId of an earlier question."


def _answer(node: Node, operator: Operator, asked: Earlier) -> dict[str, Any] | None:
    """The member that holds the answer, as Bothwell reads it; None for what can never be."""
    if operator is Operator.EXISTS:
        value = node.get("answerBoolean")
        return {"answerBoolean": value.value} if value is not None and isinstance(value.value, bool) else None
    match asked.kind:
        case "choice" if operator not in ORDERED or asked.has_weights:
            return _chosen(node, asked)
        case "boolean" if operator not in ORDERED:
            value = node.get("answerBoolean")
            return (
                {"answerBoolean": value.value}
                if value is not None and isinstance(value.value, bool)
                else None
            )
        case kind if kind in NUMBERS:
            for name in ("answerInteger", "answerDecimal"):
                value = node.get(name)
                if (
                    value is not None
                    and isinstance(value.value, int | Decimal)
                    and not isinstance(value.value, bool)
                ):
                    return {name: value.value}
    return None


def _chosen(node: Node, asked: Earlier) -> dict[str, Any] | None:
    coding = node.get("answerCoding")
    if coding is not None:
        given = found.text() if (found := coding.get("code")) else ""
    else:
        value = node.get("answerString") or node.get("answerInteger")
        given = "" if value is None else str(value.plain())
    answer = next((each for each in asked.answers if each.given == given), None)
    return None if answer is None else {"answerCoding": {"system": answer.system, "code": answer.code}}
