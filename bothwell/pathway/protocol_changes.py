"""A draft of a protocol's next version: what was changed, by whom, why, and what two people did to the same field.

It keeps every change in the order it was made and never drops one; it writes no file and signs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

from bothwell.pathway import protocol as protocols
from bothwell.pathway.protocol_fields import Field, Kind, Value, by_place, full_name, shown
from bothwell.pathway.protocol_text import Change, rewritten
from bothwell.pathway.schema import Protocol

LONGEST_NUMBER = 12
LONGEST_REASON = 300
LONGEST_TEXT = 500

NO_NUMBER = "Write a number in digits, with a point where it needs one: 0.5."
BELOW_NOUGHT = "Write a number of zero or more."
NO_REASON = "Say why you change it: one sentence. It stands beside the number from then on."
NO_WORDS = "Write a sentence here: it cannot be left empty."
NO_CHOICE = "Choose one of the answers offered."


@dataclass(frozen=True, slots=True)
class Edit:
    """One field as somebody left it. `revision`: the draft's when it was saved. An earlier one stays beside it."""

    revision: int
    at: str
    value: str
    reason: str
    by: str
    by_name: str
    edited_at: datetime

    def row(self) -> dict[str, str | int]:
        """As it is stored."""
        return {
            "revision": self.revision, "at": self.at, "value": self.value, "reason": self.reason,
            "by": self.by, "by_name": self.by_name, "edited_at": self.edited_at.isoformat(),
        }  # fmt: skip

    @classmethod
    def of(cls, row: Mapping[str, str | int]) -> Edit:
        kept = dict(row)
        moment = datetime.fromisoformat(str(kept.pop("edited_at")))
        revision = int(kept.pop("revision"))
        return cls(revision=revision, edited_at=moment, **{name: str(one) for name, one in kept.items()})


@dataclass(frozen=True, slots=True)
class Typed:
    """What stood in one field of a form when it was sent."""

    value: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a form that was sent comes to: what to keep, or at which fields what has to be done first.

    `overtaken`: the fields that somebody else changed meanwhile and this form would write over. `theirs`: those that
    somebody else changed and this form left alone, as they stand now: so the form shows them, if it is shown again.
    """

    edits: tuple[Edit, ...] = ()
    faults: Mapping[str, str] = field(default_factory=dict)
    overtaken: frozenset[str] = frozenset()
    theirs: Mapping[str, Typed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two versions say differently; `was` or `becomes` is empty where one does not have it."""

    at: str
    name: str
    was: str
    becomes: str
    edit: Edit | None = None


def standing(edits: Iterable[Edit], until: int | None = None) -> dict[str, Edit]:
    """The last change of each field, up to and with a revision of the draft."""
    return {edit.at: edit for edit in edits if until is None or edit.revision <= until}


def changes(base: Protocol, edits: Iterable[Edit]) -> list[Change]:
    """What these edits come to against the version they began from; what was set back to it is no change."""
    fields = by_place(base)
    found = []
    for at, edit in standing(edits).items():
        if at not in fields:
            continue
        one = fields[at][1]
        value, fault = parsed(one, edit.value)
        if not fault and value != one.value:
            found.append(Change(one, value, edit.reason))
    return found


def next_version(version: str, taken: Iterable[str]) -> str:
    """`1.1` after `1`, `1.2` after `1.1`: the clinic's own, so that it is never taken for the next one that ships."""
    stem, dot, last = version.rpartition(".")
    if not (dot and last.isdigit()):
        stem, last = version, "0"
    number, known = int(last) + 1, set(taken)
    while f"{stem}.{number}" in known:
        number += 1
    return f"{stem}.{number}"


def parsed(one: Field, text: str) -> tuple[Value, str]:
    """The value that was written in this field, or what to do to make it one."""
    plain = text.strip()
    match one.kind:
        case Kind.FLAG:
            return plain == "yes", "" if plain in ("yes", "no") else NO_CHOICE
        case Kind.CHOICE:
            return plain, "" if plain in one.choices else NO_CHOICE
        case Kind.TEXT:
            words = " ".join(plain.split())
            if len(words) > LONGEST_TEXT:
                return words, f"Write at most {LONGEST_TEXT} characters: these are {len(words)}."
            return words, "" if words else NO_WORDS
    return _number(plain)


def _number(plain: str) -> tuple[Value, str]:
    if not re.fullmatch(r"[-+]?\d*[.,]?\d*", plain) or len(plain) > LONGEST_NUMBER:
        return Decimal(0), NO_NUMBER
    try:
        number = Decimal(plain.replace(",", "."))
    except InvalidOperation:
        return Decimal(0), NO_NUMBER
    return number, BELOW_NOUGHT if number < 0 else ""


def written(value: Value) -> str:
    """A value as it stands in a form."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value.normalize():f}"
    return value


def weigh(
    base: Protocol,
    edits: Sequence[Edit],
    typed: Mapping[str, Typed],
    *,
    seen: int,
    text: str,
    by: Edit,
) -> Weighed:
    """What the fields of one form come to. `seen`: the revision of the draft it was made from; `text`: the file the
    draft began from; `by`: who sends it and when, as an edit with no field.

    A field the form left as it was made keeps what somebody else wrote there since.
    """
    fields = {at: one for at, (_, one) in by_place(base).items()}
    now, then = standing(edits), standing(edits, seen)
    mine: list[Edit] = []
    faults: dict[str, str] = {}
    overtaken: set[str] = set()
    theirs: dict[str, Typed] = {}
    for at, one in fields.items():
        if at not in typed:
            continue
        sent = typed[at]
        reason = " ".join(sent.reason.split())
        value, fault = parsed(one, sent.value)
        made_from, stands = _left(one, then.get(at)), _left(one, now.get(at))
        if not fault and (value, reason) in (made_from, stands):
            if stands != made_from:
                theirs[at] = Typed(written(stands[0]), stands[1])
            continue
        if stands != made_from:
            overtaken.add(at)
            faults[at] = _overtaken(one, now[at])
        elif fault:
            faults[at] = fault
        elif len(reason) > LONGEST_REASON:
            faults[at] = f"Give the reason in at most {LONGEST_REASON} characters: these are {len(reason)}."
        elif one.kind is not Kind.TEXT and value != one.value and not reason:
            faults[at] = NO_REASON
        else:
            mine.append(replace(by, at=at, value=written(value), reason=reason))
    if not faults:
        faults |= _faults_of_all(base, [*edits, *mine], text, {edit.at for edit in mine})
    if faults:
        return Weighed((), faults, frozenset(overtaken), theirs)
    return Weighed(tuple(mine), theirs=theirs)


def _left(one: Field, edit: Edit | None) -> tuple[Value, str]:
    return (parsed(one, edit.value)[0], edit.reason) if edit else (one.value, "")


def _overtaken(one: Field, theirs: Edit) -> str:
    value = shown(one, parsed(one, theirs.value)[0])
    because = f", because: {theirs.reason.rstrip('.')}" if theirs.reason else ""
    return (
        f"While you wrote, {theirs.by_name} changed this to {value}{because}. What you wrote still stands here. "
        "To put yours in its place, save again; to keep theirs, write it here. Both stay in the draft’s history."
    )


def faults_of(base: Protocol, edits: Sequence[Edit], text: str) -> list[str]:
    """What keeps these edits from being a version, in plain words with the field's name; empty where nothing does."""
    names = {at: full_name(group, one) for at, (group, one) in by_place(base).items()}
    found = _faults_of_all(base, edits, text, {edit.at for edit in edits})
    return [f"{names.get(at, at)}: {words}" for at, words in found.items()]


def _faults_of_all(base: Protocol, edits: Iterable[Edit], text: str, mine: set[str]) -> dict[str, str]:
    """What the rules that every protocol file must keep say against all the changes together, by field."""
    reading = protocols.read(rewritten(text, changes(base, edits), base.version), "draft")
    names = {at: full_name(group, one) for at, (group, one) in by_place(base).items()}
    found: dict[str, str] = {}
    for problem in reading.problems:
        about, words = _in_plain_words(problem, names)
        for at in [at for at in names if at in about & mine] or [problem.field]:
            found.setdefault(at, words)
    return found


def _in_plain_words(problem: protocols.Problem, names: Mapping[str, str]) -> tuple[set[str], str]:
    """The fields a fault speaks of, and the fault with their plain names in place of those in the file."""
    place = problem.field if problem.field in names else re.sub(r"\.(value|seconds)$", "", problem.field)
    beside = place.rpartition(".")[0]
    about = {place}

    def named(found: re.Match[str]) -> str:
        at = f"{beside}.{found[0]}" if beside else found[0]
        if at not in names:
            return found[0].replace("_", " ")
        about.add(at)
        return f"“{names[at].rpartition(' › ')[2]}”"

    words = re.sub(r"\b[a-z]+(?:_[a-z0-9]+)+\b", named, problem.reason)
    words = words if words.startswith("“") else words[:1].upper() + words[1:]
    advice = " Change one of the two." if len(about) > 1 or "must lie" in words else ""
    return about, f"{words}.{advice}"


def differences(old: Protocol, new: Protocol, edits: Iterable[Edit] = ()) -> list[Difference]:
    """Every field that the two versions say differently, in the order of the forms, with who changed it and why."""
    before, after, last = by_place(old), by_place(new), standing(edits)
    found = []
    for at in dict.fromkeys([*after, *before]):
        (group, one), was, becomes = after.get(at) or before[at], before.get(at), after.get(at)
        if was and becomes and was[1].value == becomes[1].value:
            continue
        found.append(
            Difference(
                at,
                full_name(group, one),
                was[1].shown if was else "",
                becomes[1].shown if becomes else "",
                last.get(at),
            )
        )
    return found
