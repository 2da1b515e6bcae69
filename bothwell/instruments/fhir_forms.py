"""An instrument and its answers as FHIR R4: the questionnaire with its calculated scores, and the response.

It speaks the standard and adds nothing to the words; it never decides what an answer means (`scoring` does).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from bothwell.instruments.instrument import How, Instrument, Item, ItemType, Scale
from bothwell.instruments.scoring import Answers, Score, items_asked, score

DATA_ABSENT_REASON: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
CALCULATED: Final = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression"
HIDDEN: Final = "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden"


def questionnaire(instrument: Instrument) -> dict[str, Any]:
    """A FHIR R4 Questionnaire, its version the hash of the file, with one hidden calculated item a scale."""
    form: dict[str, Any] = json.loads(instrument.document)
    return {
        **form,
        "version": instrument.version,
        "item": [*form["item"], *(_score_item(instrument, scale) for scale in instrument.scales)],
    }


def score_link_id(instrument: Instrument, scale: Scale) -> str:
    """The linkId of a scale's calculated item."""
    return f"{instrument.id.replace('-', '')}-score-{scale.id}"


def _score_item(instrument: Instrument, scale: Scale) -> dict[str, Any]:
    expression = calculated_expression(instrument, scale)
    extensions: list[dict[str, Any]] = [{"url": HIDDEN, "valueBoolean": True}]
    if expression is not None:
        extensions.append(
            {"url": CALCULATED, "valueExpression": {"language": "text/fhirpath", "expression": expression}}
        )
    code = {"code": [{"system": scale.code[0], "code": scale.code[1]}]} if scale.code else {}
    return {
        "linkId": score_link_id(instrument, scale),
        "extension": extensions,
        **code,
        "text": f"{instrument.short} {scale.title}",
        "type": "decimal",
        "required": False,
        "repeats": False,
        "readOnly": True,
    }


def calculated_expression(instrument: Instrument, scale: Scale) -> str | None:
    """A scale's total in FHIRPath, empty where the rule for missing items gives none; written for any engine.

    Weights stand in the expression itself, because form renderers drop the ordinalValue of an answer. None where
    items may be left unasked: then no short expression says the same.
    """
    items = [item for item in instrument.items if item.link_id in scale.items]
    if any(item.asked_when for item in items):
        return None
    needed, count = len(items) - scale.missing.at_most, f"{_given(items)}.count()"
    match scale.how:
        case How.SUM_OF_HIGHEST:
            by_id = {item.link_id: item for item in items}
            value = "+".join(_highest([by_id[link_id] for link_id in group]) for group in scale.groups)
        case How.MEAN:
            value = f"({_sum(items)})/{count}"
        case How.SUM if scale.missing.at_most:
            value = f"({_sum(items)})*{len(items)}/{count}"
        case How.SUM:
            value = _sum(items)
    times = "" if scale.times == 1 else f"*{scale.times:f}"
    return f"iif({count}>={needed},({value}){times},{{}})"


def _given(items: Iterable[Item]) -> str:
    where = " or ".join(f"linkId='{item.link_id}'" for item in items)
    return f"%resource.repeat(item).where({where}).answer.value"


def _sum(items: Iterable[Item]) -> str:
    alike: dict[str, list[Item]] = {}
    for item in items:
        alike.setdefault(_weight(item), []).append(item)
    return "+".join(f"{_given(group)}.aggregate($total+{weight},0)" for weight, group in alike.items())


def _highest(items: list[Item]) -> str:
    weights = {_weight(item) for item in items}
    if len(weights) > 1:  # answers that weigh differently: each looked up by itself
        alone = [f"{_given([item])}.aggregate($total+{_weight(item)},0)" for item in items]
        return f"({' | '.join(alone)}).aggregate(iif($this>$total,$this,$total),0)"
    (weight,) = weights
    return f"{_given(items)}.aggregate(iif({weight}>$total,{weight},$total),0)"


def _weight(item: Item) -> str:
    """What one answer, `$this`, adds."""
    match item.type:
        case ItemType.INTEGER | ItemType.DECIMAL:
            return f"({item.least + item.most:f}-$this)" if item.reverse else "$this"
        case ItemType.BOOLEAN:
            yes, no = (f"{item.weight(Decimal(points)):f}" for points in (1, 0))
            return f"iif($this=true,{yes},{no})"
        case _:
            return _choice_weight(item)


def _choice_weight(item: Item) -> str:
    codes: dict[Decimal, list[str]] = {}
    for option in item.options:
        codes.setdefault(item.weight(option.points), []).append(option.code)
    weight = "0"
    for points, named in sorted(codes.items()):
        if points:
            test = " or ".join(f"$this.code='{code}'" for code in named)
            weight = f"iif({test},{points:f},{weight})"
    return weight


def answers_to_fhir(
    instrument: Instrument,
    answers: Answers,
    *,
    subject: str | None = None,
    author: str | None = None,
    authored_at: datetime | None = None,
    status: str = "completed",
) -> dict[str, Any]:
    """A FHIR R4 QuestionnaireResponse: the questionnaire's tree with the answers, declined ones marked.

    `subject` and `author` are references such as "Patient/…"; without `author` the subject answered.
    `authored_at` must carry a time zone. Totals are included where there are any. Raises UnknownItem,
    UnknownAnswer or ValueError.
    """
    if authored_at is not None and authored_at.utcoffset() is None:
        raise ValueError("authored_at has no time zone")
    result = score(instrument, answers)
    asked = {item.link_id: item for item in items_asked(instrument, answers) if item.link_id in answers}
    response: dict[str, Any] = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{instrument.url}|{instrument.version}",
        "status": status,
    }
    if subject is not None:
        response |= {"subject": {"reference": subject}, "author": {"reference": author or subject}}
    if authored_at is not None:
        response["authored"] = authored_at.isoformat(timespec="seconds")
    items = [
        *_response_items(json.loads(instrument.document)["item"], asked, answers),
        *_totals(instrument, result),
    ]
    return response | ({"item": items} if items else {})


def _response_items(
    form: list[dict[str, Any]], asked: dict[str, Item], answers: Answers
) -> list[dict[str, Any]]:
    items = []
    for each in form:
        start = {key: each[key] for key in ("linkId", "text") if key in each}
        if each["type"] == "group":
            inner = _response_items(each["item"], asked, answers)
            items += [start | {"item": inner}] if inner else []
        elif each["linkId"] in asked:
            items.append(start | _response_answer(asked[each["linkId"]], answers[each["linkId"]]))
    return items


def _response_answer(item: Item, answer: str | None) -> dict[str, Any]:
    if answer is None:
        return {"extension": [{"url": DATA_ABSENT_REASON, "valueCode": "asked-declined"}]}
    return {"answer": [_value(item, answer)]}


def _value(item: Item, answer: str) -> dict[str, Any]:
    match item.type:
        case ItemType.CHOICE:
            option = next(option for option in item.options if option.code == answer)
            words = {"display": option.text} if option.text else {}
            return {"valueCoding": {"system": option.system, "code": option.code, **words}}
        case ItemType.BOOLEAN:
            return {"valueBoolean": answer == "true"}
        case ItemType.INTEGER:
            return {"valueInteger": int(Decimal(answer))}
        case ItemType.DECIMAL:
            return {"valueDecimal": Decimal(answer)}
        case ItemType.DATE:
            return {"valueDate": answer}
        case ItemType.TEXT:
            return {"valueString": answer}


def _totals(instrument: Instrument, result: Score) -> list[dict[str, Any]]:
    return [
        {
            "linkId": score_link_id(instrument, each.scale),
            "text": f"{instrument.short} {each.scale.title}",
            "answer": [{"valueDecimal": each.total}],
        }
        for each in result.scales
        if each.total is not None
    ]
