"""A copy of a record as one value, and as the bytes of a file: format `bothwell-record`, version 1.

Pure. The same rows give the same bytes. What somebody else said is never in it, only how many passages were left out
of what the reader could read anyway. docs/record-file.md describes the file.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from bothwell.records.contents import Part, Scope, Whose

FORMAT: Final = "bothwell-record"
VERSION: Final = 1
THE_OTHER: Final = "[the other]"
"""Stands where a clinician wrote the other's name."""

AN_ENTRY: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMES_NO_ENTRY: Final = frozenset({"insight_id"})
"""Keys that tell which entries belong together, and name none: they stand as they are."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was read: whose it is and who wrote it, before anything is left out."""

    id: UUID
    subject: UUID | None
    author: UUID | None
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the copy: who wrote it, and its values by column."""

    id: str
    by: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chapter:
    """One part of the copy with its entries, and how many passages of somebody else were left out of it."""

    part: Part
    entries: tuple[Entry, ...]
    left_out: int = 0

    @property
    def placeholder(self) -> str:
        """What stands where the other's passages would; empty where there were none."""
        if not self.left_out:
            return ""
        return f"[{self.left_out} passage{'' if self.left_out == 1 else 's'} by somebody else left out]"


@dataclass(frozen=True, slots=True)
class Record:
    """A copy: of whom, for whom, made on which day, and its chapters."""

    scope: Scope
    clinic: str
    made_on: date
    about: dict[str, Any]
    chapters: tuple[Chapter, ...]

    @property
    def left_out(self) -> dict[str, int]:
        """How many passages of somebody else were left out, by part; parts without any are not named."""
        return {one.part.code: one.left_out for one in self.chapters if one.left_out}


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a copy is made: who they are, those they are or were a couple with, and the names these go by."""

    id: UUID
    others: frozenset[UUID]
    others_names: tuple[str, ...]


def is_theirs(row: Row, reader: Reader) -> bool:
    """Whether a row is by or about the other of a couple, whose words are theirs to give."""
    return row.author in reader.others or row.subject in reader.others


def chapter(part: Part, rows: Iterable[Row], reader: Reader, names: dict[UUID, str]) -> Chapter:
    """What of these rows belongs into the reader's copy. `names`: how clinicians sign."""
    kept: list[Entry] = []
    left_out = 0
    for row in rows:
        if is_theirs(row, reader):
            left_out += part.whose is Whose.OURS
        elif part.whose is not Whose.MINE or row.author == reader.id:
            kept.append(_entry(part, row, reader, names))
    return Chapter(part, tuple(kept), left_out)


def hanging_together(chapters: Sequence[Chapter]) -> tuple[Chapter, ...]:
    """The chapters without a key that names an entry which is not in them: it would tell that there is one."""
    held = {entry.id for one in chapters for entry in one.entries}
    return tuple(
        replace(
            one, entries=tuple(replace(entry, values=_named(entry.values, held)) for entry in one.entries)
        )
        for one in chapters
    )


def _named(values: dict[str, Any], held: set[str]) -> dict[str, Any]:
    return {
        column: _taken_up(value, held)
        for column, value in values.items()
        if not column.endswith("_id") or column in NAMES_NO_ENTRY or value in held
    }


def _taken_up(value: Any, held: set[str]) -> Any:
    """Of a note's form: what was taken up, without what is not in the copy. Its keys are `kind:id`, or name no entry."""
    if not isinstance(value, dict) or "taken_up" not in value:
        return value
    return value | {"taken_up": [key for key in value["taken_up"] if set(AN_ENTRY.findall(key)) <= held]}


def whole_chapter(part: Part, rows: Iterable[Row], names: dict[UUID, str]) -> Chapter:
    """All of these rows, each under the name of who wrote it: for a copy that both signed for."""
    return Chapter(
        part,
        tuple(
            Entry(str(row.id), _signed(row, names), _values(part, [plain(one) for one in row.values]))
            for row in rows
        ),
    )


def _entry(part: Part, row: Row, reader: Reader, names: dict[UUID, str]) -> Entry:
    if row.author == reader.id:
        by, values = "you", [plain(one) for one in row.values]
    else:
        by, values = _signed(row, names), [plain(one) for one in row.values]
        if part.whose is not Whose.OWN:
            values = [without_names(one, reader.others_names) for one in values]
    return Entry(str(row.id), by, _values(part, values))


def _signed(row: Row, names: dict[UUID, str]) -> str:
    return names.get(row.author, "the clinic") if row.author else "the clinic"


def _values(part: Part, values: Sequence[Any]) -> dict[str, Any]:
    return {
        column: value
        for column, value in zip(part.columns, values, strict=True)
        if value not in (None, "", [], {})
    }


def plain(value: Any) -> Any:
    """A value as JSON has it: times in UTC, decimal numbers as written."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value.normalize():f}"
        case UUID():
            return str(value)
        case dict():
            return {str(key): plain(one) for key, one in value.items()}
        case list() | tuple():
            return [plain(one) for one in value]
        case _:
            return value


def without_names(value: Any, names: Sequence[str]) -> Any:
    """The value with each of these names replaced, wherever it stands as a word of its own."""
    match value:
        case str():
            for name in sorted((one for one in names if one.strip()), key=len, reverse=True):
                value = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", THE_OTHER, value)
            return value
        case dict():
            return {without_names(key, names): without_names(one, names) for key, one in value.items()}
        case list():
            return [without_names(one, names) for one in value]
        case _:
            return value


def to_json(record: Record) -> bytes:
    """The copy as a file; the same copy gives the same bytes."""
    whole = {
        "format": FORMAT,
        "version": VERSION,
        "scope": record.scope.value,
        "clinic": record.clinic,
        "made_on": record.made_on.isoformat(),
        "about": record.about,
        "parts": [
            {
                "code": one.part.code,
                "title": one.part.title,
                "entries": [{"id": entry.id, "by": entry.by, **entry.values} for entry in one.entries],
                "left_out": one.left_out,
            }
            for one in record.chapters
        ],
    }
    return (json.dumps(whole, ensure_ascii=False, indent=1) + "\n").encode()
