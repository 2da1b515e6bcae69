"""What is different between two runs of one question: the data, the code, the numbers. It compares; it explains nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kept:
    """One run as it was kept."""

    number: int
    result: Mapping[str, Any]
    data_hash: str
    code_version: str


@dataclass(frozen=True, slots=True)
class Moved:
    """One number before and after."""

    words: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Sentences, and the numbers that moved."""

    sentences: tuple[str, ...]
    moved: tuple[Moved, ...]


def difference(before: Kept, after: Kept) -> Difference:
    """From an earlier run to a later one."""
    is_same_data, is_same_code = (
        before.data_hash == after.data_hash,
        before.code_version == after.code_version,
    )
    moved = tuple(each for each in _moved(before.result, after.result) if each.before != each.after)
    return Difference(
        (
            "The answers it rests on are the same."
            if is_same_data
            else "It rests on other answers than before.",
            "It was reckoned by the same code."
            if is_same_code
            else "It was reckoned by another version of the code.",
            "No number is different." if not moved else _how_many(len(moved)),
        ),
        moved,
    )


def _how_many(count: int) -> str:
    return "One number is different." if count == 1 else f"{count} numbers are different."


def _moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Moved]:
    one, other = _numbers(before), _numbers(after)
    return [Moved(words, one.get(words), other.get(words)) for words in dict.fromkeys([*one, *other])]


def _numbers(result: Mapping[str, Any]) -> dict[str, float | None]:
    """Every number that a reader compares, by its words; a count that is not said is None."""
    found: dict[str, float | None] = {}
    if "n_couples" in result:
        found["couples, at least"] = result["n_couples"]
    found |= {_line(line): line["estimate"] for line in result.get("table", ())}
    if "counts" in result:
        found |= {
            f"{key}, mean, week {each['week']}": each["mean"]
            for key, points in result.get("courses", {}).items()
            for each in points
        }
    for one in result.get("counts", ()):
        found |= {f"{one['key']}, couples: {name}": count for name, count in one["couples"].items()}
    return found


def _line(line: Mapping[str, Any]) -> str:
    return f"{line['part']}: {line['words']}" if "part" in line else str(line["words"])
