"""From the answers one person gave to a total, a band and the flags a clinician must look at.

It never guesses a missing answer, never compares two people, and never puts an answer into an error text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bothwell.instruments.instrument import Band, FlagRule, Instrument, Item, Option

DATA_ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"


class AnswerError(ValueError):
    """An answer foreign to the instrument; `link_id` says which item, nothing says which answer."""

    def __init__(self, link_id: str, what: str) -> None:
        self.link_id = link_id
        super().__init__(f"{link_id}: {what}")


class UnknownItem(AnswerError):
    """The instrument has no such item."""


class UnknownAnswer(AnswerError):
    """The item has no such answer."""


class ProblemKind(StrEnum):
    """Why a score is less than it could be."""

    NOT_ANSWERED = "not_answered"
    DECLINED = "declined"
    SAFETY_ITEM_OPEN = "safety_item_open"


@dataclass(frozen=True, slots=True)
class Problem:
    """One item that needs a look, and why, in a sentence for clinicians."""

    kind: ProblemKind
    link_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Score:
    """What the answers come to.

    `total` and `band` are None when the instrument's rule for missing items gives no total. `at_least` and
    `at_most` bound the total whatever the missing answers would have been. `flags` are the safety words
    raised.
    """

    instrument_id: str
    instrument_version: str
    total: Decimal | None
    band: Band | None
    at_least: Decimal
    at_most: Decimal
    answered: int
    missing: tuple[str, ...]
    flags: tuple[str, ...]
    problems: tuple[Problem, ...]


def score(instrument: Instrument, answers: Mapping[str, str | None]) -> Score:
    """The score of answers given as linkId -> answer code, None for "rather not answer".

    Points are added by the instrument's own table (source in its file). Raises UnknownItem or UnknownAnswer.
    """
    chosen = choices(instrument, answers)
    weights = {
        item.link_id: item.weight(chosen[item.link_id])
        for item in instrument.scored_items
        if item.link_id in chosen
    }
    missing = tuple(item.link_id for item in instrument.scored_items if item.link_id not in weights)
    at_least = sum((weights.get(item.link_id, item.least) for item in instrument.scored_items), Decimal(0))
    at_most = sum((weights.get(item.link_id, item.most) for item in instrument.scored_items), Decimal(0))
    total = None if missing else at_least
    return Score(
        instrument_id=instrument.id,
        instrument_version=instrument.version,
        total=total,
        band=None if total is None else instrument.band(total),
        at_least=at_least,
        at_most=at_most,
        answered=len(weights),
        missing=missing,
        flags=tuple(rule.flag for rule in instrument.flags if _raised(rule, chosen)),
        problems=_problems(instrument, answers, chosen, missing),
    )


def choices(instrument: Instrument, answers: Mapping[str, str | None]) -> dict[str, Option]:
    """The option behind each answer given, by linkId. Raises UnknownItem or UnknownAnswer."""
    chosen = {}
    for link_id, code in answers.items():
        item = instrument.item(link_id)
        if item is None:
            raise UnknownItem(link_id, f"not an item of {instrument.id}")
        if code is None:
            continue
        option = item.option(code)
        if option is None:
            raise UnknownAnswer(link_id, "not one of its answers")
        chosen[link_id] = option
    return chosen


def _raised(rule: FlagRule, chosen: Mapping[str, Option]) -> bool:
    return rule.item in chosen and chosen[rule.item].points >= rule.at_least


def _problems(
    instrument: Instrument,
    answers: Mapping[str, str | None],
    chosen: Mapping[str, Option],
    missing: tuple[str, ...],
) -> tuple[Problem, ...]:
    declined = [link_id for link_id in missing if link_id in answers]
    unanswered = [link_id for link_id in missing if link_id not in answers]
    watched = [rule.item for rule in instrument.flags if rule.item not in chosen]
    return (
        *(
            Problem(ProblemKind.SAFETY_ITEM_OPEN, each, "A safety item has no answer: ask in person.")
            for each in watched
        ),
        *(
            Problem(ProblemKind.DECLINED, each, "The person would rather not answer this item.")
            for each in declined
        ),
        *(Problem(ProblemKind.NOT_ANSWERED, each, "This item was not answered.") for each in unanswered),
    )


def calculated_expression(instrument: Instrument) -> str:
    """The total in FHIRPath, empty unless every scored item is answered; written for any engine.

    Weights stand in the expression itself, because form renderers drop the ordinalValue of an answer. Raises
    ValueError when one answer code would weigh differently in two items.
    """
    where = " or ".join(f"linkId='{item.link_id}'" for item in instrument.scored_items)
    given = f"%resource.repeat(item).where({where}).answer.value"
    weight = "0"
    for points, codes in sorted(_codes_by_weight(instrument).items()):
        if points:
            test = " or ".join(f"$this.code='{code}'" for code in codes)
            weight = f"iif({test},{points},{weight})"
    return f"iif({given}.count()={len(instrument.scored_items)},{given}.aggregate($total+{weight},0))"


def _codes_by_weight(instrument: Instrument) -> dict[int, list[str]]:
    weights: dict[str, Decimal] = {}
    for item in instrument.scored_items:
        for option in item.options:
            if weights.setdefault(option.code, item.weight(option)) != item.weight(option):
                raise ValueError(
                    f"{instrument.id}: {item.link_id}: an answer code weighs differently elsewhere"
                )
    by_weight: dict[int, list[str]] = {}
    for code, weight in weights.items():
        by_weight.setdefault(int(weight), []).append(code)
    return by_weight


def answers_to_fhir(
    instrument: Instrument,
    answers: Mapping[str, str | None],
    *,
    subject: str | None = None,
    authored_at: datetime | None = None,
    status: str = "completed",
) -> dict[str, Any]:
    """A FHIR R4 QuestionnaireResponse: the questionnaire's tree with the answers, declined ones marked.

    `subject` is a reference such as "Patient/…" (the author is the same person); `authored_at` must carry
    a time zone. The total is included when there is one. Raises UnknownItem, UnknownAnswer or ValueError.
    """
    if authored_at is not None and authored_at.utcoffset() is None:
        raise ValueError("authored_at has no time zone")
    result = score(instrument, answers)
    response: dict[str, Any] = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{instrument.url}|{instrument.version}",
        "status": status,
    }
    if subject is not None:
        response |= {"subject": {"reference": subject}, "author": {"reference": subject}}
    if authored_at is not None:
        response["authored"] = authored_at.isoformat(timespec="seconds")
    items = _response_items(instrument, instrument.to_fhir()["item"], answers, result.total)
    return response | ({"item": items} if items else {})


def _response_items(
    instrument: Instrument,
    asked: list[dict[str, Any]],
    answers: Mapping[str, str | None],
    total: Decimal | None,
) -> list[dict[str, Any]]:
    items = []
    for each in asked:
        start = {key: each[key] for key in ("linkId", "text") if key in each}
        match each["type"]:
            case "group":
                inner = _response_items(instrument, each["item"], answers, total)
                items += [start | {"item": inner}] if inner else []
            case "choice" if each["linkId"] in answers:
                item = instrument.item(each["linkId"])
                assert item is not None
                items.append(start | _response_answer(item, answers[item.link_id]))
            case "integer" if total is not None:
                items.append(start | {"answer": [{"valueInteger": int(total)}]})
    return items


def _response_answer(item: Item, code: str | None) -> dict[str, Any]:
    option = None if code is None else item.option(code)
    if option is None:
        return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": "asked-declined"}]}
    coding = {"system": option.system, "code": option.code, "display": option.text}
    return {"answer": [{"valueCoding": coding}]}
