"""What is wrong with a file somebody uploaded: where it stands, what it is, and what to do about it.

It judges nothing itself; it is the sheet on which the readers of uploaded files write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from bothwell.instruments.json_lines import Node, NotJson, parse

LARGEST_BYTES: Final = 2_000_000
MOST_PROBLEMS: Final = 100


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that stands in the way: its line, the item it concerns, what is wrong, what to do."""

    line: int
    place: str
    what: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that is read otherwise than its author may expect, and does not stand in the way."""

    line: int
    place: str
    what: str


@dataclass(slots=True)
class Sheet:
    """The problems and notes of one reading, in the order they were found."""

    problems: list[Problem] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def problem(self, node: Node, place: str, what: str, remedy: str) -> None:
        """Write one down; after a hundred only that there are more."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(node.line, place, what, remedy))
        elif len(self.problems) == MOST_PROBLEMS:
            self.problems.append(
                Problem(node.line, place, "There are more problems than these.", "Mend these first.")
            )

    def note(self, node: Node, place: str, what: str) -> None:
        """Write down what is read otherwise; after a hundred no more."""
        if len(self.notes) < MOST_PROBLEMS:
            self.notes.append(Note(node.line, place, what))


def opened(content: bytes) -> Node | Problem:
    """The JSON object in an uploaded file, or why it cannot be opened."""
    whole = "the file"
    if len(content) > LARGEST_BYTES:
        return Problem(1, whole, "It is larger than 2 MB.", "Leave out pictures and embedded documents.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Problem(line, whole, "It is not written in UTF-8.", "Save it again as UTF-8 text.")
    if not text.strip():
        return Problem(1, whole, "It is empty.", "Choose the file of a FHIR Questionnaire, in JSON.")
    if text.lstrip().startswith("<"):
        return Problem(
            1, whole, "It is XML or HTML, not JSON.", "Export the questionnaire again and choose JSON."
        )
    try:
        node = parse(text)
    except NotJson as error:
        return Problem(error.line, whole, f"It is not JSON. {error.what}", "Mend this line, or export again.")
    if not isinstance(node.value, dict):
        return Problem(
            node.line, whole, "It is not a FHIR resource.", "A Questionnaire begins with a brace: {."
        )
    return node
