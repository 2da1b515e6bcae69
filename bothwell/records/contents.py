"""What a copy of a record holds, part by part, and what it leaves out and why: `contents.toml`, read.

Pure. It reads no record.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

FILE: Final = Path(__file__).with_name("contents.toml")


class Whose(StrEnum):
    """Which rows of a table belong into a copy, and how."""

    OWN = "own"
    OURS = "ours"
    MINE = "mine"


class Scope(StrEnum):
    """What is copied: one's own record, that and the couple's chart, or the couple's whole record for both."""

    OWN = "own"
    COUPLE = "couple"
    JOINT = "joint"


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a copy: a table and its columns, under a heading."""

    code: str
    title: str
    table: str
    whose: Whose
    columns: tuple[str, ...]
    is_on_paper: bool
    joint: str

    def belongs_to(self, scope: Scope) -> bool:
        """Whether this part stands in a copy of this scope."""
        match scope:
            case Scope.OWN:
                return self.whose is Whose.OWN
            case Scope.COUPLE:
                return self.joint != "only"
            case Scope.JOINT:
                return self.joint in ("only", "also")


@cache
def _file() -> Mapping[str, Any]:
    return tomllib.loads(FILE.read_text("utf-8"))


@cache
def parts() -> tuple[Part, ...]:
    """Every part in the order of the copy."""
    return tuple(
        Part(
            code=one["code"],
            title=one["title"],
            table=one["table"],
            whose=Whose(one["whose"]),
            columns=tuple(one["columns"]),
            is_on_paper=one.get("paper", True),
            joint=one.get("joint", ""),
        )
        for one in _file()["part"]
    )


def parts_of(scope: Scope) -> tuple[Part, ...]:
    """The parts of a copy of this scope."""
    return tuple(one for one in parts() if one.belongs_to(scope))


def left_out() -> Mapping[str, str]:
    """Tables that no copy holds, each with the reason."""
    found: Mapping[str, str] = _file()["left_out"]
    return found


def words_of(column: str) -> str:
    """What a column is called on paper."""
    known: Mapping[str, str] = _file()["words"]
    return known.get(column, column.rpartition("__")[2].removesuffix("_id").replace("_", " "))
