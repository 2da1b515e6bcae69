"""Every text that Bothwell asks people to sign: what each opens, from when on it is asked for, an example to begin from.

Pure. It says which are lacking; it publishes none, and no example is ever put before somebody by itself.
"""

import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("to_sign.toml")
TREATMENT, DISCLOSURE = "treatment", "disclosure"

Key = tuple[str, str]
"""The kind of a text and its code."""


@dataclass(frozen=True, slots=True)
class ToSign:
    """One text the product asks for. `title` and `example` are where a clinic may begin."""

    kind: str
    code: str
    name: str
    opens: str
    asked: str
    title: str
    example: str

    @property
    def key(self) -> Key:
        return self.kind, self.code


@cache
def all_texts() -> tuple[ToSign, ...]:
    """All of them, in the order of the file."""
    given = tomllib.loads(FILE.read_text("utf-8"))["text"]
    return tuple(ToSign(**{**one, "example": one["example"].strip()}) for one in given)


def find(kind: str, code: str) -> ToSign | None:
    """The text of this kind and code; None where nothing asks for one."""
    return next((text for text in all_texts() if text.key == (kind, code)), None)


def routes_without(there: Collection[Key], routes: Iterable[str]) -> tuple[ToSign, ...]:
    """The texts of those of `routes` that have none among `there`: nobody gets to a dose by them.

    A route that no text is known for is left out.
    """
    wanted = (find(TREATMENT, route) for route in routes)
    return tuple(text for text in wanted if text and text.key not in there)


def is_agreement_there(there: Collection[Key]) -> bool:
    """Whether a couple can come to its agreement: in one way at least."""
    return any(kind == DISCLOSURE for kind, _ in there)
