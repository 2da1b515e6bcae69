"""The questionnaires the clinic may use: what each asks, how it is scored, and where every number comes from.

It reads the files in `catalogue/` and nothing else; it never asks anyone, never scores, never writes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from bothwell.instruments.instrument import (
    Band,
    Better,
    Cutoff,
    CutoffUse,
    FlagRule,
    Gain,
    Instrument,
    Item,
    Kind,
    MissingRule,
    Option,
    PublishedChange,
    Reliability,
    Wording,
)

__all__ = [
    "Band",
    "Better",
    "CatalogueError",
    "Cutoff",
    "CutoffUse",
    "FlagRule",
    "Gain",
    "Instrument",
    "Item",
    "Kind",
    "MissingRule",
    "NoSuchInstrument",
    "Option",
    "PublishedChange",
    "Reliability",
    "Wording",
    "all_instruments",
    "load",
    "read",
]

CATALOGUE = Path(__file__).parent / "catalogue"
ORDINAL_VALUE = "http://hl7.org/fhir/StructureDefinition/ordinalValue"

Choice = TypeVar("Choice", bound=StrEnum)


class CatalogueError(ValueError):
    """A catalogue file is wrong; the text names the file and the place in it."""


class NoSuchInstrument(CatalogueError):
    """There is no file for the instrument asked for."""


@cache
def load(instrument_id: str) -> Instrument:
    """The instrument of that id. Raises NoSuchInstrument or CatalogueError."""
    path = next((path for path in _files() if path.stem == instrument_id), None)
    if path is None:
        raise NoSuchInstrument("no instrument of that id in the catalogue")
    return read(path.name, path.read_bytes())


def all_instruments() -> tuple[Instrument, ...]:
    """Every instrument in the catalogue, by id."""
    return tuple(load(path.stem) for path in _files())


def _files() -> list[Path]:
    return sorted(CATALOGUE.glob("*.json"))


def read(file: str, content: bytes) -> Instrument:
    """The instrument in the content of one file. Raises CatalogueError naming file and place."""
    try:
        document = json.loads(content, parse_float=Decimal)
    except ValueError as error:
        raise CatalogueError(f"{file}: not JSON") from error
    whole = _Place(file, "file", document)
    side, questionnaire = whole.place("side"), whole.place("questionnaire")
    instrument = _instrument(side, questionnaire, hashlib.sha256(content).hexdigest()[:12])
    _check(file, instrument, questionnaire)
    return instrument


class _Place:
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

    def place(self, key: str) -> _Place:
        return _Place(self.file, f"{self.where}.{key}", self._get(key, dict))

    def places(self, key: str) -> list[_Place]:
        entries = enumerate(self._get(key, list))
        return [_Place(self.file, f"{self.where}.{key}[{index}]", entry) for index, entry in entries]

    def texts(self, key: str) -> tuple[str, ...]:
        entries = self._get(key, list)
        if not all(isinstance(entry, str) and entry.strip() for entry in entries):
            raise self.error(f"{key} holds something that is not text")
        return tuple(entries)


def _instrument(side: _Place, questionnaire: _Place, version: str) -> Instrument:
    scoring, change = side.place("scoring"), side.value.get("published_change")
    return Instrument(
        id=side.text("id"),
        version=version,
        title=side.text("title"),
        plain_title=side.text("plain_title"),
        stem=side.text_or_none("stem"),
        recall=side.text("recall"),
        kind=side.one_of("kind", Kind),
        gain=None if side.value.get("gain") is None else side.one_of("gain", Gain),
        screen=side.text_or_none("screen"),
        minutes=int(side.number("minutes")),
        items=_items(side, questionnaire),
        least=scoring.number("least"),
        most=scoring.number("most"),
        missing=_missing(scoring.place("missing")),
        bands=tuple(_band(place) for place in side.places("bands")),
        cutoffs=tuple(_cutoff(place) for place in side.places("cutoffs")),
        better=side.one_of("direction", Better),
        reliability=_reliability(side.place("reliability")),
        published_change=None if change is None else _published_change(side.place("published_change")),
        flags=tuple(_flag(place) for place in side.places("flags")),
        licence=side.text("licence"),
        owner=side.text("owner"),
        citation=side.text("citation"),
        source=side.text("source"),
        wording=_wording(side),
        questionnaire_json=json.dumps(questionnaire.value, default=int),
    )


def _items(side: _Place, questionnaire: _Place) -> tuple[Item, ...]:
    beside = {place.text("link_id"): place for place in side.places("items")}
    asked = list(_choices(questionnaire, lead=None))
    link_ids = [place.text("linkId") for place, _ in asked]
    if list(beside) != link_ids:
        raise side.error("items are not the choice items of the questionnaire, in their order")
    return tuple(
        _item(place, lead, beside[link_id]) for link_id, (place, lead) in zip(link_ids, asked, strict=True)
    )


def _choices(parent: _Place, lead: str | None) -> Iterator[tuple[_Place, str | None]]:
    for place in parent.places("item"):
        match place.text("type"):
            case "choice":
                yield place, lead
            case "group":
                yield from _choices(place, place.text_or_none("text"))


def _item(place: _Place, lead: str | None, beside: _Place) -> Item:
    link_id = place.text("linkId")
    place.where = link_id
    codings = place.places("code")
    options = tuple(_option(link_id, option) for option in place.places("answerOption"))
    if len(codings) != 1 or len(options) < 2 or len({option.code for option in options}) != len(options):
        raise place.error("one code and at least two options, each with a code of its own, were expected")
    poles = beside.texts("poles") if beside.value.get("poles") is not None else None
    if poles is not None and len(poles) != 2:
        raise place.error("poles are two words")
    return Item(
        link_id=link_id,
        text=place.text("text"),
        lead=lead,
        code=codings[0].text("code"),
        system=codings[0].text("system"),
        options=options,
        scored=beside.truth("scored"),
        reverse=beside.truth("reverse"),
        poles=None if poles is None else (poles[0], poles[1]),
    )


def _option(link_id: str, place: _Place) -> Option:
    place.where = f"{link_id} {place.where}"
    coding = place.place("valueCoding")
    weights = [each for each in coding.places("extension") if each.value.get("url") == ORDINAL_VALUE]
    if len(weights) != 1:
        raise coding.error("one ordinalValue was expected")
    points = weights[0].number("valueDecimal")
    if points != points.to_integral_value():
        raise coding.error("ordinalValue is not a whole number")
    return Option(coding.text("code"), coding.text("system"), coding.text("display"), points)


def _missing(place: _Place) -> MissingRule:
    if place.text("rule") != "complete":
        raise place.error("the only rule known is 'complete'")
    return MissingRule("complete", place.text("source"), place.truth("confirm"))


def _band(place: _Place) -> Band:
    tone = int(place.number("tone"))
    if not 0 <= tone <= 4:
        raise place.error("tone is 0 to 4")
    return Band(place.text("name"), place.number("from"), place.number("to"), tone)


def _cutoff(place: _Place) -> Cutoff:
    case_when = place.text("case_when")
    if case_when not in {">=", "<"}:
        raise place.error("case_when is '>=' or '<'")
    return Cutoff(
        value=place.number("value"),
        case_when=case_when,
        meaning=place.text("meaning"),
        use=place.one_of("use", CutoffUse),
        source=place.text("source"),
        confirm=place.truth("confirm"),
    )


def _reliability(place: _Place) -> Reliability:
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


def _published_change(place: _Place) -> PublishedChange:
    return PublishedChange(place.number("points"), place.text("source"), place.truth("confirm"))


def _flag(place: _Place) -> FlagRule:
    return FlagRule(place.text("flag"), place.text("item"), place.number("at_least"), place.text("source"))


def _wording(side: _Place) -> Wording:
    checked = side.texts("wording_checked_against")
    verified = side.truth("wording_verified")
    if verified and len(checked) < 2:
        raise side.error("wording_verified needs two sources in wording_checked_against")
    return Wording(verified, checked, side.text("wording_note"))


def _check(file: str, instrument: Instrument, questionnaire: _Place) -> None:
    """What the parts must agree on. Raises CatalogueError."""
    problems = [
        *_identity_problems(file, instrument, questionnaire),
        *_range_problems(instrument),
        *(
            f"flag on {rule.item}: no such item"
            for rule in instrument.flags
            if instrument.item(rule.item) is None
        ),
    ]
    if instrument.published_change is None and instrument.reliability.standard_deviation is None:
        problems.append("neither a published reliable change nor a standard deviation to compute one")
    if problems:
        raise CatalogueError(f"{file}: " + "; ".join(problems))


def _identity_problems(file: str, instrument: Instrument, questionnaire: _Place) -> Iterator[str]:
    if questionnaire.value.get("resourceType") != "Questionnaire":
        yield "questionnaire: resourceType is not Questionnaire"
    if not questionnaire.text("url").endswith(f":{instrument.id}"):
        yield "questionnaire: url does not end in the id"
    if file != f"{instrument.id}.json":
        yield "side.id is not the name of the file"
    if len({item.link_id for item in instrument.items}) != len(instrument.items):
        yield "a linkId is used twice"


def _range_problems(instrument: Instrument) -> Iterator[str]:
    if sum(item.least for item in instrument.scored_items) != instrument.least:
        yield "scoring.least is not the sum of the items' fewest points"
    if sum(item.most for item in instrument.scored_items) != instrument.most:
        yield "scoring.most is not the sum of the items' most points"
    starts = [instrument.least, *(band.to_total + 1 for band in instrument.bands)]
    if starts != [*(band.from_total for band in instrument.bands), instrument.most + 1]:
        yield "bands do not cover every whole total from least to most exactly once"
