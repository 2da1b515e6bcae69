"""How a questionnaire is laid out for one person: each question by its look, and what a script needs to go through it.

It words nothing anew and scores nothing; what a script works out here, the server works out again when it is sent.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.utils.crypto import salted_hmac

from bothwell.instruments.answering import Standing, latest
from bothwell.instruments.instrument import (
    Asked,
    Condition,
    Count,
    Every,
    Instrument,
    Item,
    ItemType,
    Operator,
    Reached,
    Some,
)
from bothwell.instruments.models import Kind
from bothwell.instruments.scoring import Answers, watched

MOST_KEYS: Final = 11
"""So many whole numbers are shown as keys to press; more are a line or a box."""
FINE_STEPS: Final = 100
WHY_WE_ASK: Final = (
    "We ask everyone this, because such thoughts are common when life is heavy, and lighter when somebody knows: the "
    "clinicians who treat you read what you answer, your partner does not, and if an answer worries them one of them "
    "speaks with you about what would help."
)
"""Before the first question about not living: why it is asked, who reads it, what follows."""
CHOOSE: Final = "Choose the answer that fits best, or say you would rather not."


@dataclass(frozen=True)
class Shown:
    """One question as it is put: `look` is options, keys, line, number, text or date."""

    item: Item
    number: int
    lead: str
    before: str = ""
    """What is said before the question, in our words and not the questionnaire's."""

    @property
    def look(self) -> str:
        match self.item.type:
            case ItemType.CHOICE | ItemType.BOOLEAN:
                return "keys" if self._is_numbered else "options"
            case ItemType.TEXT | ItemType.DATE:
                return self.item.type.value
        span = self._span
        if span is None:
            return "number"
        if self.item.type is ItemType.INTEGER and span < MOST_KEYS:
            return "keys"
        return "line" if self.item.poles else "number"

    @property
    def _span(self) -> Decimal | None:
        if self.item.lowest is None or self.item.highest is None:
            return None
        return self.item.highest - self.item.lowest

    @property
    def _is_numbered(self) -> bool:
        """Whether its answers are figures between two words, as in `bad 0 1 2 3 4 5 good`."""
        return self.item.poles is not None and all(len(option.text) <= 2 for option in self.item.options)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Code and figure of each answer: its options, or the whole numbers it takes."""
        if self.item.options:
            return [(option.code, option.text) for option in self.item.options]
        return [(str(at), str(at)) for at in range(int(self.item.least), int(self.item.most) + 1)]

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last of its figures."""
        figures = [figure for _, figure in self.keys]
        return figures[0], figures[-1]

    @property
    def wanted(self) -> str:
        """What to say when there is no answer."""
        box = self.look in ("line", "number")
        return f"{self.bounds}, please, or say you would rather not." if box else CHOOSE

    @property
    def step(self) -> str:
        """By how much a line moves: by one, or a hundredth of its length."""
        if self.item.type is ItemType.INTEGER or self._span is None:
            return "1"
        return f"{(self._span / FINE_STEPS).normalize():f}"

    @property
    def bounds(self) -> str:
        """`A whole number from 0 to 24`."""
        what = "A whole number" if self.item.type is ItemType.INTEGER else "A number"
        low, high = self.item.lowest, self.item.highest
        if low is not None and high is not None:
            return f"{what} from {low:f} to {high:f}"
        if low is not None:
            return f"{what}, {low:f} or more"
        return what if high is None else f"{what}, {high:f} or less"

    def said(self, answer: str | None) -> str:
        """An answer in words."""
        if answer is None:
            return "Rather not"
        option = self.item.option(answer)
        return option.text if option else answer


def shown(instrument: Instrument) -> list[Shown]:
    """Every question, in printed order."""
    before = WHY_WE_ASK if instrument.kind.value == Kind.SUICIDE else ""
    return [
        Shown(item, number, item.lead or instrument.stem or "", before if number == 1 else "")
        for number, item in enumerate(instrument.items, 1)
    ]


def queue_key(response_id: UUID) -> str:
    """The key under which a browser keeps answers the server does not have yet: it lives in the document alone."""
    digest = salted_hmac("bothwell.checkin.queue", str(response_id), algorithm="sha256").digest()
    return base64.b64encode(digest).decode()


# ── what a script needs ───────────────────────────────────────────────────────────────────────────────────


def rules(instrument: Instrument) -> dict[str, Any]:
    """When each question is asked, and which answers call for somebody to talk to."""
    weighed = {item for rule in instrument.flags for item in watched(rule.when)}
    weighed |= {test.item for item in instrument.items for test in item.asked_when}
    known = {item.link_id: item for item in instrument.items}
    return {
        "items": [_item(item, known, with_points=item.link_id in weighed) for item in instrument.items],
        "flags": [
            {"when": _condition(rule.when), "declined": rule.declined_counts} for rule in instrument.flags
        ],
    }


def _item(item: Item, known: Mapping[str, Item], *, with_points: bool) -> dict[str, Any]:
    laid: dict[str, Any] = {"id": item.link_id, "type": item.type.value}
    if with_points and item.options:
        laid["points"] = {option.code: float(option.points) for option in item.options}
    if item.asked_when:
        laid["when"] = [_test(test, known[test.item]) for test in item.asked_when]
        laid["all"] = item.asked_when_all
    for name, bound in (("lowest", item.lowest), ("highest", item.highest)):
        if bound is not None:
            laid[name] = float(bound)
    return laid


def _test(test: Asked, item: Item) -> dict[str, Any]:
    laid: dict[str, Any] = {"item": test.item, "is": test.operator.value, "answer": test.answer}
    by_code = test.operator in (Operator.EQUAL, Operator.NOT_EQUAL) and bool(item.options)
    if test.operator is not Operator.EXISTS and not by_code:
        option = item.option(test.answer)
        laid["points"] = float(option.points if option else Decimal(test.answer))
    return laid


def _condition(condition: Condition) -> dict[str, Any]:
    match condition:
        case Count(times=times, of=of):
            return {"times": times, "of": [[item, float(least)] for item, least in of]}
        case Every(of=each):
            return {"every": [_condition(part) for part in each]}
        case Some(of=each):
            return {"some": [_condition(part) for part in each]}
        case Reached():
            return {"some": []}  # a total is for the server to reckon, and its answer tells


def standing(answers: Answers, items: Mapping[str, Standing], revision: int) -> dict[str, Any]:
    """How a draft stands: its answers, the newest event of each item, and what was answered in two places."""
    return {
        "revision": revision,
        "answers": dict(answers),
        "seen": latest(items),
        "conflicts": {link_id: {"mine": each.rival.answer} for link_id, each in items.items() if each.rival},
    }


def said(instrument: Instrument, answers: Answers, items: Iterable[Item]) -> list[dict[str, Any]]:
    """The rows of the review."""
    wanted = {item.link_id for item in items}
    return [
        {
            "number": each.number,
            "item": each.item,
            "is_open": each.item.link_id not in answers and each.item.type is not ItemType.TEXT,
            "said": each.said(answers[each.item.link_id]) if each.item.link_id in answers else "Left empty",
        }
        for each in shown(instrument)
        if each.item.link_id in wanted
    ]
