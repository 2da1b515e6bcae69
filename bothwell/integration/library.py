"""The exercises a couples therapist can give, and the plain words for where a therapy stands; read from a
file.

Pure. It gives nothing to anybody and keeps no record; a file with one fault gives no exercise at all.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from bothwell.instruments.instrument import Gain

SHIPPED: Final = Path(__file__).parent / "exercises.toml"
LONGEST_CODE: Final = 60
"""Characters; the column that keeps a code holds no more."""

STAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "eft": (
        "Stage 1, de-escalation: alliance and issues",
        "Stage 1, de-escalation: naming the cycle",
        "Stage 1, de-escalation: feelings underneath",
        "Stage 1, de-escalation: the cycle as the shared problem",
        "Stage 2, restructuring: owning needs",
        "Stage 2, restructuring: accepting the other's needs",
        "Stage 2, restructuring: asking and answering",
        "Stage 3, consolidation: new solutions",
        "Stage 3, consolidation: new positions",
    ),
    "gottman": (
        "Knowing each other's world",
        "Fondness and admiration",
        "Turning towards each other",
        "The positive perspective",
        "Managing conflict",
        "Making life dreams come true",
        "Shared meaning",
    ),
    "other": (),
}
"""Suggestions for the record, by modality: the stages and levels as clinicians name them. Any other words do
as well.
"""


class With(StrEnum):
    """Whether an exercise is done by both at once, or by each alone."""

    TOGETHER = "together"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise: what it is for, how long it takes (minutes), and its steps in order."""

    code: str
    title: str
    gain: Gain
    minutes: int
    how: With
    purpose: str
    steps: tuple[str, ...]


class LibraryInvalid(ValueError):
    """The file has faults; the text names each of them."""


def read(text: str, file: str) -> tuple[Exercise, ...]:
    """The exercises in this text. Raises LibraryInvalid naming every fault with the file and the exercise."""
    try:
        rows = tomllib.loads(text).get("exercise")
    except tomllib.TOMLDecodeError as fault:
        raise LibraryInvalid(f"{file}: this is not TOML: {fault}") from fault
    if not isinstance(rows, list) or not rows:
        raise LibraryInvalid(f"{file}: at least one [[exercise]] belongs here")
    problems = [f"{file}: {fault}" for number, row in enumerate(rows, 1) for fault in _faults(row, number)]
    codes = [row.get("code") for row in rows if isinstance(row, dict)]
    problems += [
        f"{file}: the code {code} stands twice" for code in dict.fromkeys(codes) if codes.count(code) > 1
    ]
    if problems:
        raise LibraryInvalid("\n".join(problems))
    return tuple(_exercise(row) for row in rows)


def _exercise(row: Mapping[str, Any]) -> Exercise:
    return Exercise(
        code=row["code"],
        title=row["title"],
        gain=Gain(row["gain"]),
        minutes=row["minutes"],
        how=With(row["with"]),
        purpose=row["purpose"],
        steps=tuple(row["steps"]),
    )


_FIELDS: Final = frozenset(field.name for field in fields(Exercise)) - {"how"} | {"with"}


def _faults(row: Any, number: int) -> list[str]:
    if not isinstance(row, dict):
        return [f"exercise {number}: a table belongs here"]
    name = f"exercise {row.get('code') or number}"
    faults = [f"{name}: {field} is missing" for field in sorted(_FIELDS - row.keys())]
    faults += [f"{name}: {field} is not known" for field in sorted(row.keys() - _FIELDS)]
    faults += [
        f"{name}: {field}: {wrong}"
        for field in sorted(_FIELDS & row.keys())
        if (wrong := _wrong(field, row[field]))
    ]
    return faults


def _wrong(field: str, value: Any) -> str:
    match field:
        case "gain":
            return "" if value in list(Gain) else f"this must be one of {', '.join(Gain)}"
        case "with":
            return "" if value in list(With) else f"this must be one of {', '.join(With)}"
        case "minutes":
            good = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 120
            return "" if good else "a whole number from 1 to 120 belongs here"
        case "steps":
            good = isinstance(value, list) and bool(value) and all(_is_words(step) for step in value)
            return "" if good else "a list of at least one sentence belongs here"
        case "code":
            good = (
                isinstance(value, str)
                and value.isidentifier()
                and value == value.lower()
                and len(value) <= LONGEST_CODE
            )
            return (
                ""
                if good
                else f"lower-case letters, digits and underscores belong here, at most {LONGEST_CODE}"
            )
        case _:
            return "" if _is_words(value) else "words belong here"


def _is_words(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


@cache
def exercises() -> tuple[Exercise, ...]:
    """The exercises that ship with Bothwell, in the order of the file."""
    return read(SHIPPED.read_text(encoding="utf-8"), SHIPPED.name)


def exercise(code: str) -> Exercise | None:
    """The exercise of this code, or None: a record may name one that the library no longer holds."""
    return next((one for one in exercises() if one.code == code), None)


def title_of(code: str) -> str:
    """What people call it; for a code that is no longer in the library, its words."""
    found = exercise(code)
    return found.title if found else code.replace("_", " ").capitalize()
