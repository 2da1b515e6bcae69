"""Writes a protocol's file anew after some of its numbers and sentences were changed.

It never decides whether the new file holds: `protocol.read` does, whatever wrote it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bothwell.pathway.protocol_fields import Field, Value
from bothwell.pathway.schema import Status

OURS = "Our clinic: "
"""What the source of a number begins with that the clinic chose itself."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field with its new value, and why."""

    field: Field
    value: Value
    reason: str


def rewritten(text: str, changes: list[Change], version: str) -> str:
    """The file with these changes, under another version. A changed number has the reason as its source, names
    what it was before, and is a default to confirm until somebody signs.

    Comments are kept above the first line that says something, and lost below.
    """
    raw = tomllib.loads(text, parse_float=Decimal)
    raw["version"] = version
    touched: set[int] = set()
    for change in changes:
        _put(raw, change, touched)
    return f"{_heading(text)}{written(raw)}"


def written(raw: Mapping[str, Any]) -> str:
    """These tables as TOML: what `tomllib` reads from it is what was given."""
    return "\n".join(_table(raw, "")).strip("\n") + "\n"


def _put(raw: dict[str, Any], change: Change, touched: set[int]) -> None:
    field, steps = change.field, _steps(change.field.at)
    if field.status is None:
        _at(raw, steps[:-1])[steps[-1]] = change.value
        return
    part = str(steps.pop()) if steps[-1] in ("value", "seconds") else "value"
    table = _at(raw, steps)
    table[part] = change.value
    if id(table) in touched:  # the other half of a limit that counts only after some time
        table["source"] += f"; {_sentence(change.reason)}"
    else:
        table["source"] = f"{OURS}{_sentence(change.reason)} ({_before(field)})"
    table["status"] = str(Status.DEFAULT)
    touched.add(id(table))


def _sentence(reason: str) -> str:
    return " ".join(reason.split()).rstrip(".")


def _before(field: Field) -> str:
    """What it was, and from where: but of our own earlier choices only what it was."""
    was = f"before: {field.shown}"
    return was if field.source.startswith(OURS) else f"{was}, {field.source}"


def _steps(at: str) -> list[str | int]:
    return [int(place) if place else name for name, place in re.findall(r"([^.\[\]]+)|\[(\d+)\]", at)]


def _at(raw: Any, steps: list[str | int]) -> Any:
    for step in steps:
        raw = raw[step]
    return raw


def _heading(text: str) -> str:
    kept = []
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            break
        kept.append(line)
    return "\n".join([*kept, ""]) if any(line.strip() for line in kept) else ""


def _table(table: Mapping[str, Any], name: str) -> Iterator[str]:
    """What stands on lines of its own first, then the tables within."""
    within = {key: value for key, value in table.items() if _is_table(value) or _is_tables(value)}
    yield from (f"{_key(key)} = {_value(value)}" for key, value in table.items() if key not in within)
    for key, value in within.items():
        path = f"{name}.{_key(key)}" if name else _key(key)
        if _is_table(value):
            if not value or any(not _is_table(one) and not _is_tables(one) for one in value.values()):
                yield f"\n[{path}]"
            yield from _table(value, path)
        else:
            for one in value:
                yield f"\n[[{path}]]"
                yield from _table(one, path)


def _is_table(value: Any) -> bool:
    """Whether it stands under a heading: a number with its source stands on one line."""
    return isinstance(value, dict) and "value" not in value


def _is_tables(value: Any) -> bool:
    """Whether it is a list of such as hold something within: other lists stand in place."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, dict) for one in value)
        and any(isinstance(inner, dict | list) for one in value for inner in one.values())
    )


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Decimal():
            return f"{value.normalize():f}"
        case str():
            return _quoted(value)
        case dict():
            return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
        case list() if any(isinstance(one, dict) for one in value):
            return "[\n" + "".join(f"  {_value(one)},\n" for one in value) + "]"
        case list():
            return "[" + ", ".join(map(_value, value)) + "]"
    raise TypeError(f"a protocol holds no {type(value).__name__}")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return '"' + re.sub(r"[\x00-\x1f\x7f]", lambda found: f"\\u{ord(found[0]):04x}", plain) + '"'
