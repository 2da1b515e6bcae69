"""The form a drug's safety programme asks for after a session: its questions, what the record answers, what is missing.

Pure. It sends nothing, judges nothing and signs nothing; what is asked, and by which source, lies in `programmes/`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from bothwell.monitoring.programme_prefill import ANSWERED, NO, YES, Facts, Prefilled, prefill
from bothwell.monitoring.vitals import bounds

SHIPPED: Final = Path(__file__).parent / "programmes"
PUBLISHED: Final = "published"
LONGEST: Final = 200


class Type(StrEnum):
    """How a field is answered. All answers are kept as text; `read` says which text."""

    BOOL = "bool"
    CHOICE = "choice"
    INT = "int"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    BP = "bp"


class Fault(ValueError):
    """A file that is no form: one sentence that says where."""


@dataclass(frozen=True, slots=True)
class Field:
    """One question of a form, with its source. `when`: (another field, the answer that makes this one asked)."""

    key: str
    label: str
    type: Type
    source: str
    is_sourced: bool
    is_required: bool = True
    prefill: str = ""
    is_suggested: bool = False
    is_carried: bool = False
    choices: tuple[str, ...] = ()
    unit: str = ""
    help: str = ""
    when: tuple[str, str] | None = None
    least: int = 0
    most: int = 100_000
    longest: int = LONGEST


@dataclass(frozen=True, slots=True)
class Section:
    """Fields under one heading."""

    key: str
    title: str
    words: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Form:
    """One version of one programme's form."""

    id: str
    title: str
    version: str
    newest_from: date
    route: str
    source: str
    to_confirm: str
    send: str
    send_source: str
    due_days: int
    due_source: str
    sections: tuple[Section, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(one for section in self.sections for one in section.fields)

    def due_at(self, ended_at: datetime) -> datetime:
        """When the form must have been sent, reckoned from the end of the session."""
        return ended_at + timedelta(days=self.due_days)


# ── reading the files ─────────────────────────────────────────────────────────────────────────────────────


def parse(text: str) -> Form:
    """A form from its TOML. Raises Fault with a sentence when something is missing or unknown."""
    try:
        raw = tomllib.loads(text)
        form = Form(
            **{name: raw[name] for name in ("id", "title", "version", "newest_from", "route", "source")},
            **{name: raw[name] for name in ("to_confirm", "send", "send_source")},
            due_days=int(raw["due_days"]["value"]),
            due_source=raw["due_days"]["source"],
            sections=tuple(_section(each) for each in raw["sections"]),
        )
    except tomllib.TOMLDecodeError as fault:
        raise Fault(f"This is not TOML: {fault}.") from fault
    except KeyError as missing:
        raise Fault(f"A form needs {missing.args[0]!r}.") from missing
    _agree(form)
    return form


def _section(raw: Mapping[str, Any]) -> Section:
    return Section(
        raw["key"], raw["title"], raw.get("words", ""), tuple(_field(each, raw) for each in raw["fields"])
    )


def _field(raw: Mapping[str, Any], section: Mapping[str, Any]) -> Field:
    if raw["type"] not in set(Type):
        raise Fault(f"{raw['key']}: there is no type {raw['type']!r}.")
    other, is_at, answer = raw.get("when", "").partition("=")
    return Field(
        key=raw["key"],
        label=raw["label"],
        type=Type(raw["type"]),
        source=raw.get("source", section["source"]),
        is_sourced=raw.get("status", section["status"]) == PUBLISHED,
        is_required=raw.get("required", True),
        prefill=raw.get("from", ""),
        is_suggested=raw.get("confirm", False),
        is_carried=raw.get("carried", False),
        choices=tuple(raw.get("choices", ())),
        unit=raw.get("unit", ""),
        help=raw.get("help", ""),
        when=(other, answer) if is_at else None,
        **{name: raw[name] for name in ("least", "most", "longest") if name in raw},
    )


def _agree(form: Form) -> None:
    known: set[str] = set()
    for one in form.fields:
        if one.key in known:
            raise Fault(f"{one.key} is asked twice.")
        if one.when and one.when[0] not in known:
            raise Fault(f"{one.key} depends on {one.when[0]}, which is not asked before it.")
        if one.prefill and one.prefill not in ANSWERED:
            raise Fault(f"{one.key}: the record has no {one.prefill!r}.")
        if (one.type is Type.CHOICE) != bool(one.choices):
            raise Fault(f"{one.key}: a choice, and only a choice, has choices.")
        known.add(one.key)


@cache
def shipped() -> Mapping[str, Form]:
    """Every form by its id, the newest first."""
    forms = [parse(path.read_text("utf-8")) for path in sorted(SHIPPED.glob("*.toml"))]
    forms.sort(key=lambda form: (form.newest_from, form.id), reverse=True)
    return MappingProxyType({form.id: form for form in forms})


def for_route(route: str) -> list[Form]:
    """The forms asked for after a dose by this route, the newest first; none for most routes."""
    return [form for form in shipped().values() if form.route == route]


# ── what the record answers of it ─────────────────────────────────────────────────────────────────────────


def answered(form: Form, facts: Facts) -> dict[str, Prefilled]:
    """What the record answers of this form, by field; suggestions too."""
    known = prefill(facts)
    found = {one.key: known[one.prefill] for one in form.fields if one.prefill in known}
    for one in form.fields:
        if one.is_carried and one.key not in found and (kept := facts.carried.get(one.key)):
            found[one.key] = Prefilled(kept, "From the newest signed form")
    return found


def begin(form: Form, facts: Facts) -> dict[str, str]:
    """The answers a new draft begins with: nothing that a person must judge."""
    known = answered(form, facts)
    return {one.key: known[one.key].value for one in form.fields if one.key in known and not one.is_suggested}


# ── what somebody typed ───────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Read:
    """One typed answer as it is kept; or, with a `trouble`, why it cannot be."""

    value: str
    trouble: str = ""


def read(one: Field, typed: str) -> Read:
    """One answer as it is kept: yes, no, 128/80, 14:05, 2026-11-22; empty stays empty."""
    said = " ".join(typed.split())
    if not said:
        return Read("")
    match one.type:
        case Type.BOOL:
            return Read(said) if said in (YES, NO) else Read("", "Answer yes or no.")
        case Type.CHOICE:
            return Read(said) if said in one.choices else Read("", "Choose one of these.")
        case Type.INT:
            return _whole(one, said)
        case Type.DATE:
            return _date(said)
        case Type.TIME:
            return _time(said)
        case Type.BP:
            return _pressure(said)
    if len(said) > one.longest:
        return Read("", f"This holds up to {one.longest} characters.")
    return Read(said)


def _whole(one: Field, said: str) -> Read:
    if re.fullmatch(r"[0-9]{1,6}", said) and one.least <= int(said) <= one.most:
        return Read(str(int(said)))
    return Read("", f"Write a whole number from {one.least} to {one.most}.")


def _date(said: str) -> Read:
    try:
        return Read(date.fromisoformat(said).isoformat())
    except ValueError:
        return Read("", "Write the day as year, month, day, for example 1984-05-31.")


def _time(said: str) -> Read:
    if found := re.fullmatch(r"([0-9]{1,2})[:.]?([0-9]{2})(?::[0-9]{2})?", said):
        hour, minute = int(found[1]), int(found[2])
        if hour < 24 and minute < 60:
            return Read(f"{time(hour, minute):%H:%M}")
    return Read("", "Write the time as hours and minutes, for example 14:05.")


def _pressure(said: str) -> Read:
    found = re.fullmatch(r"([0-9]{1,3}) ?/ ?([0-9]{1,3})", said)
    if not found:
        return Read("", "Write both numbers, for example 128/80.")
    systolic, diastolic = int(found[1]), int(found[2])
    for code, value in (("systolic", systolic), ("diastolic", diastolic)):
        span = bounds(code)
        if span is None or not span[0] <= value <= span[1]:
            return Read("", "Such a pressure cannot be. Check both numbers.")
    if diastolic >= systolic:
        return Read("", "The first number must be the higher one.")
    return Read(f"{systolic}/{diastolic}")


# ── what is missing, and how long there is ────────────────────────────────────────────────────────────────


def is_asked(one: Field, answers: Mapping[str, str]) -> bool:
    """Whether this field is asked, by what was answered so far."""
    return one.when is None or answers.get(one.when[0]) == one.when[1]


def missing(form: Form, answers: Mapping[str, str]) -> list[Field]:
    """The fields that are asked, must be answered and are not, in their order."""
    return [
        one for one in form.fields if one.is_required and is_asked(one, answers) and not answers.get(one.key)
    ]


def settled(form: Form, answers: Mapping[str, str]) -> dict[str, str]:
    """The answers of this form that count: those to a question that is not asked are left out."""
    return {one.key: answers[one.key] for one in form.fields if one.key in answers and is_asked(one, answers)}


def left(due_at: datetime, now: datetime) -> str:
    """How long there is until a form is due, in words."""
    seconds = (due_at - now).total_seconds()
    days, hours = int(abs(seconds) // 86_400), int(abs(seconds) // 3_600)
    if days >= 1:
        span = "1 day" if days == 1 else f"{days} days"
    else:
        span = "less than an hour" if hours < 1 else "1 hour" if hours == 1 else f"{hours} hours"
    return f"{span} left" if seconds >= 0 else f"{span} late"
