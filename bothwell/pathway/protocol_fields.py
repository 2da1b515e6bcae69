"""Every number, yes or no and sentence of a protocol under a plain name, with its unit, in the groups of a form.

The names stand in `field_names.toml`. It changes nothing, and knows no number.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from bothwell.pathway.facts import SPECS
from bothwell.pathway.schema import Content, Flag, Number, Protocol, Status, Sustained

NAMES = Path(__file__).with_name("field_names.toml")

Value = Decimal | bool | str


class Kind(StrEnum):
    """What may be written in a field."""

    NUMBER = "number"
    FLAG = "flag"
    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True, slots=True)
class Named:
    """One line of the table of names."""

    pattern: re.Pattern[str]
    name: str
    unit: str
    kind: Kind
    is_whole: bool
    most: int | str | None
    choices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """One group of the table: its title, what there is one of for each, and its lines."""

    id: str
    title: str
    each: str
    lines: tuple[Named, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one protocol: where it stands in the file, its plain name and unit, its value and source."""

    at: str
    name: str
    unit: str
    kind: Kind
    value: Value
    source: str = ""
    status: Status | None = None
    is_whole: bool = False
    most: Decimal | None = None
    choices: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The value with its unit, as a person writes it."""
        return shown(self, self.value)

    @property
    def is_default(self) -> bool:
        """Whether it was read in no published source, so that a signature must confirm it."""
        return self.status is Status.DEFAULT


@dataclass(frozen=True, slots=True)
class Group:
    """The fields of one form."""

    id: str
    title: str
    fields: tuple[Field, ...]


def shown(field: Field, value: Value) -> str:
    """This value in this field as words: `160 mmHg`, `yes`."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            unit = field.unit
            if value == 1:
                first, _, rest = unit.partition(" ")
                unit = f"{_table()['singular'].get(first, first)} {rest}"
            return f"{value.normalize():f} {unit}".strip()
    return field.choices.get(value, value)


def groups(protocol: Content) -> tuple[Group, ...]:
    """Everything that can be changed in this protocol, form by form, in the order of the table of names."""
    found: dict[str, tuple[str, list[Field]]] = {}
    leaves = [(at, node, *_named(at)) for at, node in _leaves(protocol, "")]
    for form in _forms():
        for at, node, owner, line in leaves:
            if owner is not form or line is None:
                continue
            stars = _stars(line, at)
            id = f"{form.id}-{stars[0]}" if form.each else form.id
            if id not in found:
                found[id] = (_fill(form.title, _words(protocol, at, stars)), [])
            found[id][1].append(_field(protocol, at, node, line))
    return tuple(Group(id, title, tuple(fields)) for id, (title, fields) in found.items())


def by_place(protocol: Content) -> dict[str, tuple[Group, Field]]:
    """Each field by where it stands in the file, with its group."""
    return {field.at: (group, field) for group in groups(protocol) for field in group.fields}


def full_name(group: Group, field: Field) -> str:
    """The name of a field where its group is not shown beside it."""
    return f"{group.title} › {field.name}"


def nameless(protocol: Protocol) -> list[str]:
    """Where numbers stand that the table of names does not know, or for which it knows no word or no unit."""
    known = by_place(protocol)
    missing = [at for at, _, _, _ in protocol.sourced() if at not in known]
    for at, (_, field) in known.items():
        line = _named(at)[1]
        is_wordless = line and any(_word(protocol, at, star) is None for star in _starred(at, line))
        if is_wordless or (field.kind is Kind.NUMBER and not field.unit):
            missing.append(at)
    return sorted(missing)


@cache
def _forms() -> tuple[Form, ...]:
    return tuple(
        Form(
            raw["id"],
            raw["title"],
            raw.get("each", ""),
            tuple(_line(pattern, line) for pattern, line in raw["fields"].items()),
        )
        for raw in _table()["group"]
    )


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(NAMES.read_text(encoding="utf-8"))


def _line(pattern: str, raw: Mapping[str, Any]) -> Named:
    matching = re.escape(pattern).replace(r"\[\*\]", r"\[(\d+)\]").replace(r"\*", r"([^.\[\]]+)")
    return Named(
        re.compile(matching),
        raw["name"],
        raw.get("unit", ""),
        Kind(raw.get("kind", Kind.NUMBER)),
        raw.get("whole", False),
        raw.get("most"),
        raw.get("choices", {}),
    )


@cache
def _named(at: str) -> tuple[Form | None, Named | None]:
    for form in _forms():
        for line in form.lines:
            if line.pattern.fullmatch(at):
                return form, line
    return None, None


def _stars(line: Named, at: str) -> tuple[str, ...]:
    found = line.pattern.fullmatch(at)
    return found.groups() if found else ()


def _starred(at: str, line: Named) -> list[int]:
    """The stars that the name of this field speaks of."""
    return [int(number) for number in re.findall(r"\{(\d)\}", line.name)]


def _field(protocol: Content, at: str, node: Any, line: Named) -> Field:
    unit, most, star = line.unit, line.most, next(iter(_stars(line, at)), "")
    if unit == "{1}":
        unit = _table()["units"].get(star, "")
    if most == "{1}":
        most = _table()["scales"].get(star)
    value = node if isinstance(node, str) else _value(node, at)
    return Field(
        at,
        _fill(line.name, _words(protocol, at, _stars(line, at))),
        unit,
        line.kind,
        value,
        "" if isinstance(node, str) else node.source,
        None if isinstance(node, str) else node.status,
        line.is_whole,
        None if most is None else Decimal(most),
        line.choices,
    )


def _value(node: Number | Flag | Sustained, at: str) -> Value:
    return node.seconds if isinstance(node, Sustained) and at.endswith(".seconds") else node.value


def _words(protocol: Content, at: str, stars: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        _word(protocol, at, number) or star.replace("_", " ").capitalize()
        for number, star in enumerate(stars, start=1)
    )


def _word(protocol: Content, at: str, number: int) -> str | None:
    """The word for the star of this number in this place; None where nobody wrote one."""
    line = _named(at)[1]
    star = _stars(line, at)[number - 1] if line else ""
    first = re.split(r"[.\[]", at)[0]
    match first, number:
        case "routes", 1:
            return next((plan.title for route, plan in protocol.routes.items() if route == star), None)
        case "waves", 1:
            return protocol.waves[int(star)].title
        case "routes", 2 if ".stages[" in at and not at.endswith(".name"):
            plan = next(plan for route, plan in protocol.routes.items() if f"routes.{route}." in at)
            return plan.stages[int(star)].name
        case "phases", 1:
            return star.replace("_", " ").capitalize()
    if star.isdigit():
        return str(int(star) + 1)
    return _table()["words"].get(star) or (SPECS[star].title if star in SPECS else None)


def _fill(name: str, words: tuple[str, ...]) -> str:
    return re.sub(r"\{(\d)\}", lambda found: words[int(found[1]) - 1], name)


def _leaves(node: Any, at: str) -> Iterator[tuple[str, Any]]:
    """Where each number, yes or no and text stands. A name that no plain path can hold is left out."""
    match node:
        case Number() | Flag():
            yield at, node
        case Sustained():
            yield f"{at}.value", node
            yield f"{at}.seconds", node
        case str() if not isinstance(node, StrEnum) and node:
            yield at, node
        case Mapping():
            for key, one in node.items():
                if not re.search(r"[.\[\]]", str(key)):
                    yield from _leaves(one, f"{at}.{key}")
        case tuple():
            for index, one in enumerate(node):
                yield from _leaves(one, f"{at}[{index}]")
        case _ if dataclasses.is_dataclass(node):
            kind = Content if isinstance(node, Protocol) else node
            for each in dataclasses.fields(kind):
                yield from _leaves(getattr(node, each.name), f"{at}.{each.name}" if at else each.name)
