"""From one catalogue file to an instrument: every part is checked, and every complaint says where it stands.

It reads what it is given and nothing else; it never looks for files, never scores, never writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from bothwell.instruments.contradictions import contradictions
from bothwell.instruments.instrument import (
    Asked,
    Band,
    Better,
    Condition,
    Count,
    Cutoff,
    CutoffUse,
    Every,
    FlagRule,
    Gain,
    How,
    Instrument,
    Item,
    ItemType,
    Kind,
    LicenceClass,
    MissingRule,
    Operator,
    Option,
    PublishedChange,
    Reached,
    Reliability,
    Rule,
    Scale,
    Ships,
    Some,
    Wording,
)

ORDINAL_VALUE: Final = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
LEAST_VALUE: Final = "http://hl7.org/fhir/StructureDefinition/minValue"
MOST_VALUE: Final = "http://hl7.org/fhir/StructureDefinition/maxValue"
YES_OR_NO: Final = (
    Option("true", "urn:bothwell:boolean", "Yes", Decimal(1)),
    Option("false", "urn:bothwell:boolean", "No", Decimal(0)),
)

Choice = TypeVar("Choice", bound=StrEnum)


class CatalogueError(ValueError):
    """A catalogue file is wrong; the text names the file and the place in it."""


def read(file: str, content: bytes) -> Instrument:
    """The instrument in the content of one file. Raises CatalogueError naming file and place."""
    try:
        document = json.loads(content, parse_float=Decimal)
    except ValueError as error:
        raise CatalogueError(f"{file}: not JSON") from error
    whole = Place(file, "file", document)
    side, questionnaire = whole.place("side"), whole.place("questionnaire")
    instrument = _instrument(side, questionnaire, hashlib.sha256(content).hexdigest()[:12])
    if found := [*_strangers(file, instrument, questionnaire), *contradictions(instrument)]:
        raise CatalogueError(f"{file}: " + "; ".join(found))
    return instrument


class Place:
    """A JSON object together with where it stands, so that every complaint can say so."""

    def __init__(self, file: str, where: str, value: object) -> None:
        self.file, self.where = file, where
        if not isinstance(value, dict):
            raise self.error("an object was expected")
        self.value: dict[str, Any] = value

    def error(self, what: str) -> CatalogueError:
        return CatalogueError(f"{self.file}: {self.where}: {what}")

    def _get(self, key: str, *kinds: type) -> Any:
        value = self.value.get(key)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.error(f"{key} is missing or of the wrong kind")
        return value

    def text(self, key: str) -> str:
        value: str = self._get(key, str)
        if not value.strip():
            raise self.error(f"{key} is empty")
        return value

    def text_or_none(self, key: str) -> str | None:
        return None if self.value.get(key) is None else self.text(key)

    def truth(self, key: str) -> bool:
        return bool(self._get(key, bool))

    def number(self, key: str) -> Decimal:
        return Decimal(self._get(key, int, Decimal))

    def number_or_none(self, key: str) -> Decimal | None:
        return None if self.value.get(key) is None else self.number(key)

    def one_of(self, key: str, choices: type[Choice]) -> Choice:
        try:
            return choices(self.text(key))
        except ValueError as error:
            raise self.error(f"{key} is none of the words allowed") from error

    def place(self, key: str) -> Place:
        return Place(self.file, f"{self.where}.{key}", self._get(key, dict))

    def places(self, key: str) -> list[Place]:
        entries = enumerate(self._get(key, list))
        return [Place(self.file, f"{self.where}.{key}[{index}]", entry) for index, entry in entries]

    def place_or_none(self, key: str) -> Place | None:
        return None if self.value.get(key) is None else self.place(key)

    def places_if_any(self, key: str) -> list[Place]:
        return self.places(key) if key in self.value else []

    def texts(self, key: str) -> tuple[str, ...]:
        entries = self._get(key, list)
        if not all(isinstance(entry, str) and entry.strip() for entry in entries):
            raise self.error(f"{key} holds something that is not text")
        return tuple(entries)

    def texts_or_none(self, key: str) -> tuple[str, ...] | None:
        return None if self.value.get(key) is None else self.texts(key)


def _instrument(side: Place, questionnaire: Place, version: str) -> Instrument:
    ships = side.one_of("ships", Ships)
    items = _items(side, questionnaire, has_words=ships is Ships.TEXT)
    return Instrument(
        id=side.text("id"),
        version=version,
        short=side.text("short"),
        title=side.text("title"),
        plain_title=side.text("plain_title"),
        stem=side.text_or_none("stem"),
        recall=side.text("recall"),
        kind=side.one_of("kind", Kind),
        areas=side.texts("areas"),
        screen=side.text_or_none("screen"),
        minutes=int(side.number("minutes")),
        ships=ships,
        licence_class=side.one_of("licence_class", LicenceClass),
        conditions=side.text_or_none("conditions"),
        items=items,
        scales=tuple(_scale(place, items) for place in side.places("scores")),
        main=side.text_or_none("main"),
        rules=tuple(_rule(place) for place in side.places("rules")),
        flags=tuple(_flag(place) for place in side.places("flags")),
        licence=side.text("licence"),
        owner=side.text("owner"),
        citation=side.text("citation"),
        source=side.text("source"),
        wording=_wording(side),
        closing=_closing(questionnaire),
        url=questionnaire.text("url"),
        document=json.dumps(questionnaire.value, default=_plain),
    )


def _strangers(file: str, instrument: Instrument, questionnaire: Place) -> Iterator[str]:
    """Where the file, its questionnaire and the instrument do not go by one name."""
    if questionnaire.value.get("resourceType") != "Questionnaire":
        yield "questionnaire: resourceType is not Questionnaire"
    if not instrument.url.endswith(f":{instrument.id}"):
        yield "questionnaire: url does not end in the id"
    if file != f"{instrument.id}.json":
        yield "side.id is not the name of the file"


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _items(side: Place, questionnaire: Place, *, has_words: bool) -> tuple[Item, ...]:
    beside = {place.text("link_id"): place for place in side.places("items")}
    asked = list(_questions(questionnaire, lead=None))
    link_ids = [place.text("linkId") for place, _ in asked]
    if list(beside) != link_ids:
        raise side.error("items are not the questions of the questionnaire, in their order")
    return tuple(
        _item(place, lead, beside[link_id], has_words)
        for link_id, (place, lead) in zip(link_ids, asked, strict=True)
    )


def _questions(parent: Place, lead: str | None) -> Iterator[tuple[Place, str | None]]:
    for place in parent.places("item"):
        match place.text("type"):
            case "group":
                yield from _questions(place, place.text_or_none("text"))
            case "display":
                lead = place.text_or_none("text") or lead
            case _ if place.value.get("readOnly") is True:
                pass  # an author's own score, in what a clinic loaded: kept in the form, asked of nobody
            case _:
                yield place, lead


def _closing(questionnaire: Place) -> str | None:
    last = questionnaire.places("item")[-1]
    return last.text_or_none("text") if last.text("type") == "display" else None


def _item(place: Place, lead: str | None, beside: Place, has_words: bool) -> Item:
    link_id, type_ = place.text("linkId"), _item_type(place)
    place.where = link_id
    codings = place.places("code")
    if len(codings) != 1:
        raise place.error("one code was expected")
    poles = beside.texts_or_none("poles")
    if poles is not None and len(poles) != 2:
        raise place.error("poles are two words")
    scored = beside.truth("scored")
    return Item(
        link_id=link_id,
        type=type_,
        text=place.text("text") if has_words else "",
        lead=lead,
        code=codings[0].text("code"),
        system=codings[0].text("system"),
        options=_options(place, type_, has_words, scored),
        lowest=_extension_number(place, LEAST_VALUE),
        highest=_extension_number(place, MOST_VALUE),
        scored=scored,
        reverse=beside.truth("reverse"),
        poles=None if poles is None else (poles[0], poles[1]),
        asked_when=tuple(_asked(each) for each in place.places_if_any("enableWhen")),
        asked_when_all=place.value.get("enableBehavior", "all") == "all",
    )


def _item_type(place: Place) -> ItemType:
    name = place.text("type")
    if name == "string":
        return ItemType.TEXT
    try:
        return ItemType(name)
    except ValueError as error:
        raise place.error("questions of this type cannot be asked here") from error


def _options(place: Place, type_: ItemType, has_words: bool, scored: bool) -> tuple[Option, ...]:
    if type_ is ItemType.BOOLEAN:
        return YES_OR_NO
    if type_ is not ItemType.CHOICE:
        return ()
    options = tuple(_option(place.where, each, has_words, scored) for each in place.places("answerOption"))
    if len(options) < 2 or len({option.code for option in options}) != len(options):
        raise place.error("at least two options, each with a code of its own, were expected")
    return options


def _option(link_id: str, place: Place, has_words: bool, scored: bool) -> Option:
    place.where = f"{link_id} {place.where}"
    coding = place.place("valueCoding")
    weights = _extensions(coding, ORDINAL_VALUE)
    if len(weights) != 1 and (scored or weights):
        raise coding.error("one ordinalValue was expected")
    # Only what a clinic loaded may leave weights out, and then it counts in no score.
    points = weights[0].number("valueDecimal") if weights else Decimal(0)
    return Option(
        coding.text("code"), coding.text("system"), coding.text("display") if has_words else "", points
    )


def _extensions(place: Place, url: str) -> list[Place]:
    return [each for each in place.places_if_any("extension") if each.value.get("url") == url]


def _extension_number(place: Place, url: str) -> Decimal | None:
    if not (found := _extensions(place, url)):
        return None
    return found[0].number("valueInteger" if "valueInteger" in found[0].value else "valueDecimal")


def _asked(place: Place) -> Asked:
    value = place.value
    if "answerCoding" in value:
        answer = place.place("answerCoding").text("code")
    elif "answerBoolean" in value:
        answer = "true" if place.truth("answerBoolean") else "false"
    else:
        answer = str(place.number("answerInteger" if "answerInteger" in value else "answerDecimal"))
    return Asked(place.text("question"), place.one_of("operator", Operator), answer)


def _scale(place: Place, items: tuple[Item, ...]) -> Scale:
    change, reliability = place.place_or_none("published_change"), place.place_or_none("reliability")
    groups, code = place.value.get("groups") or [], place.place_or_none("code")
    return Scale(
        id=place.text("id"),
        title=place.text("title"),
        items=place.texts_or_none("items") or tuple(item.link_id for item in items if item.scored),
        how=place.one_of("how", How),
        groups=tuple(tuple(str(link_id) for link_id in group) for group in groups),
        times=place.number_or_none("times") or Decimal(1),
        least=place.number("least"),
        most=place.number("most"),
        better=place.one_of("direction", Better),
        gain=None if place.value.get("gain") is None else place.one_of("gain", Gain),
        missing=_missing(place.place("missing")),
        when_not_asked=place.number_or_none("when_not_asked"),
        bands=tuple(_band(each) for each in place.places("bands")),
        cutoffs=tuple(_cutoff(each) for each in place.places("cutoffs")),
        reliability=None if reliability is None else _reliability(reliability),
        published_change=None if change is None else _published_change(change),
        note=place.text_or_none("note"),
        code=None if code is None else (code.text("system"), code.text("code")),
    )


def _missing(place: Place) -> MissingRule:
    match place.text("rule"):
        case "complete":
            at_most = 0
        case "prorate":
            at_most = int(place.number("at_most"))
        case _:
            raise place.error("the rules known are 'complete' and 'prorate'")
    return MissingRule(at_most, place.text("source"), place.truth("confirm"))


def _band(place: Place) -> Band:
    tone = int(place.number("tone"))
    if not 0 <= tone <= 4:
        raise place.error("tone is 0 to 4")
    return Band(place.text("name"), place.number("from"), place.number("to"), tone)


def _cutoff(place: Place) -> Cutoff:
    case_when = place.text("case_when")
    if case_when not in {">=", "<"}:
        raise place.error("case_when is '>=' or '<'")
    return Cutoff(
        value=place.number("value"),
        case_when=case_when,
        group=place.text_or_none("group"),
        meaning=place.text("meaning"),
        use=place.one_of("use", CutoffUse),
        source=place.text("source"),
        confirm=place.truth("confirm"),
    )


def _reliability(place: Place) -> Reliability:
    coefficient = place.number("coefficient")
    if not 0 < coefficient < 1:
        raise place.error("coefficient lies between 0 and 1")
    return Reliability(
        coefficient=coefficient,
        what=place.text("what"),
        standard_deviation=place.number_or_none("standard_deviation"),
        source=place.text("source"),
        confirm=place.truth("confirm"),
    )


def _published_change(place: Place) -> PublishedChange:
    return PublishedChange(place.number("points"), place.text("source"), place.truth("confirm"))


def _condition(place: Place) -> Condition:
    value = place.value
    if "count_at_least" in value:
        of = tuple((each.text("item"), each.number("at_least")) for each in place.places("of"))
        return Count(int(place.number("count_at_least")), of)
    if "all" in value:
        return Every(tuple(_condition(each) for each in place.places("all")))
    if "any" in value:
        return Some(tuple(_condition(each) for each in place.places("any")))
    reached = Reached(place.text("score"), place.number_or_none("at_least"), place.number_or_none("below"))
    if (reached.at_least is None) is (reached.below is None):
        raise place.error("a score is compared with at_least or with below")
    return reached


def _rule(place: Place) -> Rule:
    return Rule(
        id=place.text("id"),
        title=place.text("title"),
        meaning=place.text("meaning"),
        when=_condition(place.place("when")),
        source=place.text("source"),
        confirm=place.truth("confirm"),
    )


def _flag(place: Place) -> FlagRule:
    return FlagRule(
        flag=place.text("flag"),
        when=_condition(place.place("when")),
        declined_counts=place.truth("declined_counts"),
        source=place.text("source"),
    )


def _wording(side: Place) -> Wording:
    checked = side.texts("wording_checked_against")
    verified = side.truth("wording_verified")
    if verified and len(checked) < 2:
        raise side.error("wording_verified needs two sources in wording_checked_against")
    return Wording(verified, checked, side.text("wording_note"))
