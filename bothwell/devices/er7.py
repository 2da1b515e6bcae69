"""The text form of an HL7 v2 message: its segments, fields and components, and its special characters.

It never knows what a field means and never raises: bytes that cannot be read are refused, without content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from bothwell.devices.reading import Problem

MAX_CONTROL_ID = 199

CHARSETS = {"": "utf-8", "ASCII": "ascii", "UNICODE UTF-8": "utf-8", "UTF-8": "utf-8"} | {
    f"8859/{part}": f"iso8859-{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)
}


class AckCode(StrEnum):
    """HL7 table 0008: accepted, an error in this message, refused as such."""

    ACCEPTED = "AA"
    ERROR = "AE"
    REFUSED = "AR"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a whole message was not taken, as the acknowledgement says it (HL7 tables 0008 and 0357).

    `problems`: what was wrong with its observations, where it was that.
    """

    ack_code: AckCode
    error_code: str
    reason: str
    control_id: str = ""
    sending_application: str = ""
    sending_facility: str = ""
    problems: tuple[Problem, ...] = ()


def refusal(head: Segment, ack_code: AckCode, error_code: str, reason: str) -> Refusal:
    """A refusal of the message with this header, naming its control id if that is usable."""
    control_id = head.part(10)
    known = control_id if len(control_id) <= MAX_CONTROL_ID else ""
    return Refusal(ack_code, error_code, reason, known, head.part(3), head.part(4))


@dataclass(frozen=True, slots=True)
class Delimiters:
    """The five characters a message declares in its header."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"


STANDARD = Delimiters()


@dataclass(frozen=True, slots=True)
class Segment:
    """One line of a message; fields are numbered as the standard numbers them."""

    name: str
    fields: tuple[str, ...]
    marks: Delimiters
    charset: str

    def raw(self, number: int) -> str:
        """A field as it was sent, still escaped; empty if absent."""
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> list[str]:
        """The repetitions of a field, still escaped."""
        return self.raw(number).split(self.marks.repetition)

    def parts(self, number: int) -> list[str]:
        """The components of a field's first repetition, unescaped and trimmed."""
        marks = self.marks
        first = self.raw(number).split(marks.repetition, 1)[0]
        if marks.subcomponent not in first and (not marks.escape or marks.escape not in first):
            # Nearly every field: nothing in it stands for anything else.
            return [part.strip() for part in first.split(marks.component)]
        return [self._plain(part) for part in first.split(marks.component)]

    def part(self, number: int, component: int = 1) -> str:
        """One component (counted from 1) of a field's first repetition; empty if absent."""
        parts = self.parts(number)
        return parts[component - 1] if component <= len(parts) else ""

    def _plain(self, text: str) -> str:
        return unescape(text.split(self.marks.subcomponent)[0], self.marks, self.charset).strip()


def unescape(text: str, marks: Delimiters, charset: str = "utf-8") -> str:
    """The text with its escapes resolved; formatting ones vanish, malformed ones stay as they are."""
    if not marks.escape or marks.escape not in text:
        return text
    pieces = text.split(marks.escape)
    plain = [pieces[0]]
    at = 1
    while at < len(pieces):
        if at == len(pieces) - 1:
            plain += [marks.escape, pieces[at]]
            break
        plain += [_escaped(pieces[at], marks, charset), pieces[at + 1]]
        at += 2
    return "".join(plain)


def _escaped(inner: str, marks: Delimiters, charset: str) -> str:
    match inner:
        case "F":
            return marks.field
        case "S":
            return marks.component
        case "T":
            return marks.subcomponent
        case "R":
            return marks.repetition
        case "E":
            return marks.escape
        case "H" | "N":
            return ""
        case ".br":
            return "\n"
        case _ if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", inner):
            return bytes.fromhex(inner[1:]).decode(charset, "replace")
        case _:
            return f"{marks.escape}{inner}{marks.escape}"


def escape(text: str, marks: Delimiters = STANDARD) -> str:
    """Text made safe for a component: delimiters escaped, control characters as hexadecimal."""
    letters = {
        marks.escape: "E", marks.field: "F", marks.component: "S",
        marks.repetition: "R", marks.subcomponent: "T",
    }  # fmt: skip

    def one(character: str) -> str:
        if character in letters:
            return f"{marks.escape}{letters[character]}{marks.escape}"
        return f"{marks.escape}X{ord(character):02X}{marks.escape}" if ord(character) < 32 else character

    return "".join(one(character) for character in text)


def tokenize(message: bytes) -> list[Segment] | Refusal:
    """The segments of a message, header first, or why its text form cannot be read."""
    header = re.split(rb"[\r\n]", message.strip(b"\r\n"), maxsplit=1)[0].decode("latin-1")
    marks = _delimiters(header)
    if marks is None:
        return Refusal(AckCode.REFUSED, "100", "The message does not begin with a readable header")
    head = _segment(header, marks, "latin-1")
    charset = CHARSETS.get(head.repetitions(18)[0].strip().upper())
    if charset is None:
        return refusal(head, AckCode.REFUSED, "103", "The character set is not supported")
    try:
        text = message.decode(charset)
    except UnicodeDecodeError:
        return refusal(
            head, AckCode.REFUSED, "102", "The bytes are not in the character set the header declares"
        )
    return [_segment(line, marks, charset) for line in re.split(r"[\r\n]+", text) if line.strip()]


def _delimiters(header: str) -> Delimiters | None:
    """The delimiters a header declares; none without a header, or if two could be confused."""
    if not header.startswith("MSH") or len(header) < 8:
        return None
    field = header[3]
    declared = header[4:].split(field, 1)[0]
    marks = field + declared[:4]
    strange = any(mark.isalnum() or mark.isspace() or ord(mark) < 33 for mark in marks)
    if len(declared) not in (4, 5) or len(set(marks)) != 5 or strange:
        return None
    return Delimiters(marks[0], *marks[1:])


def _segment(line: str, marks: Delimiters, charset: str) -> Segment:
    fields = line.split(marks.field)
    # The header's first field is the delimiter itself, so its numbers are one ahead of the split.
    numbered = [fields[0], marks.field, *fields[1:]] if fields[0] == "MSH" else fields
    return Segment(fields[0], tuple(numbered), marks, charset)
