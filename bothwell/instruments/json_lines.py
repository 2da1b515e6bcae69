"""Reads JSON and remembers on which line each value stands, so that a complaint can name the line.

It knows nothing of questionnaires, never guesses what was meant, and refuses what is too deep or cannot be shown.

Written here because the standard library forgets positions, and the packages that keep them read once for the
values and once for the places, recurse without a limit, and take a name that stands twice without a word.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

DEEPEST: Final = 60
LONGEST_NUMBER: Final = 24
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_UNSHOWABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Node:
    """One JSON value (members and entries are nodes again) and the line it begins on, counted from 1."""

    value: dict[str, Node] | list[Node] | str | int | Decimal | bool | None
    line: int

    def get(self, name: str) -> Node | None:
        """The member of that name; None for anything that has none."""
        return self.value.get(name) if isinstance(self.value, dict) else None

    def entries(self) -> list[Node]:
        """The entries of a list; none for anything else."""
        return self.value if isinstance(self.value, list) else []

    def text(self) -> str:
        """The text itself, without white space around it; empty for anything but text."""
        return self.value.strip() if isinstance(self.value, str) else ""

    def plain(self) -> Any:
        """The value as `json.loads` would give it, numbers with a point as Decimal."""
        match self.value:
            case dict():
                return {name: each.plain() for name, each in self.value.items()}
            case list():
                return [each.plain() for each in self.value]
            case _:
                return self.value


class NotJson(ValueError):
    """The text is not JSON; `line` says where, `what` what was found there."""

    def __init__(self, line: int, what: str) -> None:
        self.line, self.what = line, what
        super().__init__(f"line {line}: {what}")


def parse(text: str) -> Node:
    """The one value in the text. Raises NotJson."""
    reader = _Reader(text)
    node = reader.value(0)
    if reader.peek():
        reader.stop("Something follows after the end.")
    return node


def _number(written: str) -> int | Decimal:
    value = Decimal(written) if len(written) <= LONGEST_NUMBER else Decimal("Infinity")
    if not value.is_finite() or abs(value.adjusted()) > LONGEST_NUMBER:
        raise ValueError("A number is longer than any questionnaire needs.")
    return value if any(sign in written for sign in ".eE") else int(written)


def _no_number(written: str) -> NoReturn:
    raise ValueError(f"{written} is not a number in JSON.")


class _Reader:
    """Goes through the text once; `at` is where it stands."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.line_ends = [match.end() for match in re.finditer("\n", text)]
        self.leaf = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_no_number)

    def line(self, at: int) -> int:
        return bisect_right(self.line_ends, at) + 1

    def stop(self, what: str) -> NoReturn:
        raise NotJson(self.line(min(self.at, len(self.text))), what)

    def peek(self) -> str:
        """The next sign that is not white space; empty at the end."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def take(self, sign: str, what: str) -> None:
        if self.peek() != sign:
            self.stop(what)
        self.at += 1

    def value(self, depth: int) -> Node:
        sign, line = self.peek(), self.line(self.at)
        if depth > DEEPEST:
            self.stop("The brackets are nested too deep.")
        if not sign:
            self.stop("The text ends before it is complete.")
        match sign:
            case "{":
                return Node(self.members(depth), line)
            case "[":
                return Node(self.list_entries(depth), line)
            case _:
                return Node(self.single(), line)

    def members(self, depth: int) -> dict[str, Node]:
        found: dict[str, Node] = {}
        self.at += 1
        while self.peek() != "}":
            if found:
                self.take(",", "A comma or a closing brace was expected.")
            if self.peek() != '"':
                self.stop("A name in double quotes was expected; there is none after the last comma.")
            name = self.single()
            if not isinstance(name, str) or name in found:
                self.stop("The same name stands twice in one object.")
            self.take(":", "A colon was expected after a name.")
            found[name] = self.value(depth + 1)
        self.at += 1
        return found

    def list_entries(self, depth: int) -> list[Node]:
        found: list[Node] = []
        self.at += 1
        while self.peek() != "]":
            if found:
                self.take(",", "A comma or a closing bracket was expected.")
            found.append(self.value(depth + 1))
        self.at += 1
        return found

    def single(self) -> str | int | Decimal | bool | None:
        try:
            value, self.at = self.leaf.raw_decode(self.text, self.at)
        except json.JSONDecodeError as error:
            self.at = error.pos
            self.stop(
                "This is not a value as JSON writes it (text in double quotes, a number, true, false, null)."
            )
        except ValueError as error:
            self.stop(str(error))
        if isinstance(value, str) and _UNSHOWABLE.search(value):
            self.stop("A text holds a sign that cannot be shown, such as a control character.")
        known: str | int | Decimal | bool | None = value
        return known
