"""The forms a couples therapist's progress note can take, read from a file: what each asks, and what an answer must be.

Pure. It holds nothing about safety at home, which has no place in a note; a form with one fault is no form at all.

    answers = checked("eft", {"step.a": "6", "step.b": "5", "minutes": "75"})
    answers.kept     {"step.a": "6", "step.b": "5", "minutes": 75}
    answers.faults   {} (or question -> sentence)
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

SHIPPED: Final = Path(__file__).parent / "note_forms.toml"
SIDES: Final = ("a", "b")
LONGEST_LINE: Final = 200
LONGEST_TEXT: Final = 20_000
"""Characters."""
MODE: Final = "mode"
PRESENCE: Final = "attendance"
LENGTH: Final = "minutes"
ALONE: Final = "one"
NOBODY: Final = "none"
AWAY: Final = "away"
"""Answers that say something about other answers: who met, who was there."""


class Ask(StrEnum):
    """How a question is answered."""

    LINE = "line"
    TEXT = "text"
    ONE = "one"
    SOME = "some"
    NUMBER = "number"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Option:
    """One possible answer: what is kept, and what people read."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a form. `each`: asked of both sides. `sides`: the answer is one of the two.
    `carry`: the last note's answer is offered again.
    """

    code: str
    label: str
    ask: Ask
    help: str = ""
    each: bool = False
    sides: bool = False
    carry: bool = False
    options: tuple[Option, ...] = ()
    most: int = 0
    unit: str = ""

    @property
    def keys(self) -> tuple[str, ...]:
        """The names its answers are kept under: one, or one a side."""
        return tuple(f"{self.code}.{side}" for side in SIDES) if self.each else (self.code,)

    @property
    def codes(self) -> tuple[str, ...]:
        return SIDES if self.sides else tuple(one.code for one in self.options)

    def label_of(self, code: str) -> str:
        """What people read for an answer; its own code where the form no longer knows it."""
        return next((one.label for one in self.options if one.code == code), code.replace("_", " "))


@dataclass(frozen=True, slots=True)
class NoteForm:
    """One form, its questions in order; `stage` and `step` name the questions that say where a therapy stands."""

    code: str
    title: str
    means: str
    questions: tuple[Question, ...]
    own: tuple[Question, ...]
    version: int
    stage: str = ""
    step: str = ""

    def question(self, code: str) -> Question | None:
        return next((one for one in self.questions if one.code == code), None)


class FormsInvalid(ValueError):
    """The file has faults; the text names each of them."""


# ── reading the file ──


@cache
def forms() -> tuple[NoteForm, ...]:
    """The forms that ship with Bothwell, in the order of the file."""
    return read(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)


def form(code: str) -> NoteForm:
    """The form of this code; the freest for one that is not known."""
    return next((one for one in forms() if one.code == code), forms()[-1])


def read(text: str, file: str) -> tuple[NoteForm, ...]:
    """The forms in this text. Raises FormsInvalid naming every fault."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise FormsInvalid(f"{file}: this is not TOML: {fault}") from fault
    faults: list[str] = []
    first = _questions(told.get("common", []), "common", faults)
    last = _questions(told.get("last", []), "last", faults)
    version = told.get("version")
    if not isinstance(version, int):
        faults.append("version: a whole number belongs here")
    found = [_form(row, first, last, version, faults) for row in told.get("form", [])]
    if not found:
        faults.append("at least one [[form]] belongs here")
    if faults:
        raise FormsInvalid("\n".join(f"{file}: {fault}" for fault in faults))
    return tuple(one for one in found if one)


def _form(
    row: Mapping[str, Any],
    first: tuple[Question, ...],
    last: tuple[Question, ...],
    version: Any,
    faults: list[str],
) -> NoteForm | None:
    name = str(row.get("code") or "a form")
    own = _questions(row.get("field", []), name, faults)
    asked = (*first, *own, *last)
    codes = [one.code for one in asked]
    faults += [f"{name}: {code} stands twice" for code in dict.fromkeys(codes) if codes.count(code) > 1]
    missing = [key for key in ("code", "title", "means") if not str(row.get(key, "")).strip()]
    faults += [f"{name}: {key} is missing" for key in missing]
    for key in ("stage", "step"):
        if row.get(key) and row[key] not in codes:
            faults.append(f"{name}: {key} names no question of this form")
    if missing:
        return None
    places = {key: row.get(key, "") for key in ("stage", "step")}
    return NoteForm(row["code"], row["title"], row["means"], asked, own, version, **places)


_KNOWN: Final = frozenset(
    ("code", "label", "ask", "help", "each", "sides", "carry", "options", "most", "unit")
)


def _questions(rows: Any, name: str, faults: list[str]) -> tuple[Question, ...]:
    found = [
        _question(row, f"{name}: {row.get('code') or number}", faults) for number, row in enumerate(rows, 1)
    ]
    return tuple(one for one in found if one)


def _question(row: Mapping[str, Any], name: str, faults: list[str]) -> Question | None:
    wrong = [f"{key} is not known" for key in sorted(row.keys() - _KNOWN)]
    code = str(row.get("code", ""))
    if not code.isidentifier() or code != code.lower():
        wrong.append("code: lower-case letters, digits and underscores belong here")
    if not str(row.get("label", "")).strip():
        wrong.append("label is missing")
    if row.get("ask") not in list(Ask):
        wrong.append(f"ask: this must be one of {', '.join(Ask)}")
    elif row["ask"] in (Ask.ONE, Ask.SOME) and not (row.get("options") or row.get("sides")):
        wrong.append("options: at least one belongs here")
    elif row["ask"] == Ask.NUMBER and not isinstance(row.get("most"), int):
        wrong.append("most: a whole number belongs here")
    faults += [f"{name}: {one}" for one in wrong]
    if wrong:
        return None
    options = tuple(Option(str(one["code"]), str(one["label"])) for one in row.get("options", ()))
    plain = {key: row[key] for key in _KNOWN & row.keys() - {"options", "ask"}}
    return Question(ask=Ask(row["ask"]), options=options, **plain)


# ── answers ──


@dataclass(frozen=True, slots=True)
class Answers:
    """What is kept of a form, by key, and what is wrong with it, by key."""

    kept: dict[str, Any]
    faults: dict[str, str]


def checked(code: str, given: Mapping[str, Any], today: date | None = None) -> Answers:
    """The answers as they are kept: empty ones and unknown ones left out, the others of their kind."""
    kept: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for question in form(code).questions:
        for key in question.keys:
            value = given.get(key)
            if _is_empty(value):
                continue
            read_as, wrong = _answer(question, value, today)
            if wrong:
                faults[key] = wrong
            else:
                kept[key] = read_as
    return Answers(kept, faults)


def was_held(kept: Mapping[str, Any]) -> bool:
    """Whether the session that this note is of took place."""
    return answers_of(kept).get(MODE) != NOBODY


def at_odds(code: str, kept: Mapping[str, Any]) -> dict[str, str]:
    """What cannot be true beside another answer: of who was not there nothing was seen that day."""
    away = [side for side in SIDES if kept.get(f"{PRESENCE}.{side}") == AWAY]
    mode, faults = kept.get(MODE), dict[str, str]()
    if mode == NOBODY:
        there = [side for side in SIDES if kept.get(f"{PRESENCE}.{side}", AWAY) != AWAY]
        faults = {f"{PRESENCE}.{side}": "It was not held: this cannot be so." for side in there}
        if LENGTH in kept:
            faults[LENGTH] = "It was not held: leave this open."
        away = list(SIDES)
    elif mode == ALONE and len(away) != 1:
        faults[MODE] = "One alone: say below which of the two was not there."
    elif mode and mode != ALONE and len(away) == 1:
        faults[MODE] = "One of the two was not there: then one met alone."
    elif len(away) == len(SIDES):
        faults[MODE] = "Neither was there: then it was not held."
    seen = [each for each in form(code).questions if each.each and not each.carry and each.code != PRESENCE]
    why = "It was not held" if mode == NOBODY else "Not there"
    for question in seen:
        faults |= {
            f"{question.code}.{side}": f"{why}: leave this open."
            for side in away
            if f"{question.code}.{side}" in kept
        }
    return faults


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _answer(question: Question, value: Any, today: date | None) -> tuple[Any, str]:
    """The answer as it is kept, or what is wrong with it."""
    match question.ask:
        case Ask.ONE:
            chosen = str(value)
            return (chosen, "") if chosen in question.codes else (None, "Choose one of the list.")
        case Ask.SOME:
            some = [str(one) for one in value] if isinstance(value, (list, tuple)) else [str(value)]
            known = [one for one in question.codes if one in some]
            return (known, "") if len(known) == len(set(some)) else (None, "Choose from the list.")
        case Ask.NUMBER:
            return _number(value, question.most)
        case Ask.DAY:
            return _day(value, today)
        case Ask.LINE | Ask.TEXT:
            longest = LONGEST_LINE if question.ask is Ask.LINE else LONGEST_TEXT
            text = str(value).strip()
            return (
                (text, "") if len(text) <= longest else (None, f"There is room for {longest:,} characters.")
            )


def _number(value: Any, most: int) -> tuple[Any, str]:
    text = str(value).strip()
    if text.isascii() and text.isdigit() and len(text) < 6 and int(text) <= most:
        return int(text), ""
    return None, f"A whole number from 0 to {most} belongs here."


def _day(value: Any, today: date | None) -> tuple[Any, str]:
    try:
        day = date.fromisoformat(str(value).strip())
    except ValueError:
        return None, "Give a day, as 2026-11-23."
    if today and day > today:
        return None, "This day has not come yet."
    return day.isoformat(), ""


# ── keeping, and reading what was kept ──


def detail(code: str, answers: Mapping[str, Any], taken_up: Sequence[str] = ()) -> dict[str, Any]:
    """What a note keeps beside its columns. `taken_up`: keys of the agenda's items that were spoken of."""
    one = form(code)
    return {"form": one.code, "version": one.version, "answers": dict(answers), "taken_up": list(taken_up)}


def answers_of(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The answers in what a note kept; none in a note written before there were forms."""
    found = kept.get("answers")
    return dict(found) if isinstance(found, dict) else {}


def taken_up_in(kept: Mapping[str, Any]) -> list[str]:
    """The keys of the agenda's items that this note says were spoken of."""
    found = kept.get("taken_up")
    return [str(one) for one in found] if isinstance(found, list) else []


def carried(kept: Mapping[str, Any]) -> dict[str, Any]:
    """Of the last note's answers those that are likely to hold again, to begin the next from."""
    answers = answers_of(kept)
    asked = [one for one in form(str(kept.get("form", ""))).questions if one.carry] if answers else []
    found = {key: answers[key] for one in asked for key in one.keys if key in answers}
    if found.get(MODE) in (ALONE, NOBODY):  # the next is planned for both again
        del found[MODE]
    return found


def place(code: str, answers: Mapping[str, Any]) -> str:
    """Where the therapy stands, by letters and without names: `Stage 2. A step 6, B step 5`; empty if not said."""
    one = form(code)
    if not one.stage and not one.step:
        return str(answers.get("approach", ""))[:80]
    stage = one.question(one.stage)
    steps = [
        f"{side.upper()} step {answers[key]}" for side in SIDES if (key := f"{one.step}.{side}") in answers
    ]
    told = stage.label_of(str(answers[one.stage])).split(",")[0] if stage and one.stage in answers else ""
    return ". ".join(part for part in (told, ", ".join(steps)) if part)


@dataclass(frozen=True, slots=True)
class Line:
    """One answer in words: what was asked, and the answer, or each side's."""

    label: str
    words: str
    side: str = ""


def lines(kept: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Line]:
    """What a note's form holds, in the order of the form. `names`: side -> name, for answers that are a side."""
    answers = answers_of(kept)
    for question in form(str(kept.get("form", ""))).questions if answers else ():
        for key in question.keys:
            if key in answers:
                side = key.partition(".")[2]
                yield Line(question.label, _words(question, answers[key], names), side)


def _words(question: Question, value: Any, names: Mapping[str, str]) -> str:
    if question.sides:
        return names.get(str(value), str(value).upper())
    match value:
        case list():
            return "; ".join(question.label_of(str(one)) for one in value)
        case int():
            return f"{value} {question.unit}".strip()
        case _:
            return question.label_of(str(value)) if question.options else str(value)
