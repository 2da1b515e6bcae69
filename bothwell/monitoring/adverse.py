"""What went wrong in or after a session, in terms and grades that others understand, and what is still to be done.

Pure. A person chooses the term and the grade; nothing here takes either from a reading, nor fills one in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

SHIPPED: Final = Path(__file__).parent / "ctcae.toml"
OTHER: Final = "other"
GRADES: Final = frozenset(range(1, 6))
PRESCRIBER_FROM: Final = 3
"""From this grade on it is asked whether the prescriber knows. Ours, to confirm."""
NEAR: Final = timedelta(minutes=15)
"""How far from the time of an event a reading may lie and still be shown beside it. Ours, for display only."""
LONGEST: Final = {"name": 80, "action_taken": 240, "follow_up": 300, "note": 600, "reason": 300}
"""Characters that fit; of what was done, the sentence about the prescriber takes the rest of its 300."""


class Status(StrEnum):
    """How sure the house is of a source."""

    PUBLISHED = "published"
    TO_CONFIRM = "default-to-confirm"


class Serious(StrEnum):
    """Why an event is serious (clinical paper 1.4, the criteria of a serious adverse event report)."""

    HOSPITAL = "hospitalisation"
    DISABILITY = "disability"
    LIFE = "life-threatening"
    DEATH = "death"
    OTHER = "other"


class Prescriber(StrEnum):
    """What the prescriber knows of it, as a sentence. Older events keep it in front of what was done."""

    TOLD = "Prescriber told."
    SAW = "Prescriber saw it."
    NOT_YET = "Prescriber not told yet."


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that can be named: its grades in short words, and what else is asked with it."""

    code: str
    title: str
    grading: str
    grades: Mapping[int, str]
    status: Status
    source: str
    asks_wanted: bool = False
    asks_name: bool = False
    asks_words: str = ""
    reported_as: str = ""

    @property
    def is_to_confirm(self) -> bool:
        return self.status is Status.TO_CONFIRM


@dataclass(frozen=True, slots=True)
class Terms:
    """The whole list, in its order."""

    version: str
    source: str
    all: tuple[Term, ...]

    def find(self, code: str) -> Term | None:
        """The term of this code; None when there is none."""
        return next((term for term in self.all if term.code == code), None)

    def of_row(self, code: str) -> Term | None:
        """The term of a kept event: without a code it was named in somebody's own words."""
        return self.find(code or OTHER)


def load(path: Path = SHIPPED) -> Terms:
    """The list as the file says it. Raises ValueError naming what is not whole."""
    return read(path.read_text("utf-8"))


@cache
def shipped() -> Terms:
    """The list that comes with this version, read once."""
    return load()


def read(text: str) -> Terms:
    """The list from its text. Raises ValueError naming what is not whole."""
    data = tomllib.loads(text)
    generic = _grades("generic", data.get("generic", {}))
    terms = tuple(_term(each, generic) for each in data.get("term", ()))
    codes = [term.code for term in terms]
    if len(set(codes)) != len(codes):
        raise ValueError("two terms have the same code")
    if OTHER not in codes:
        raise ValueError(f"there is no term {OTHER!r} for one's own words")
    return Terms(str(data["version"]), str(data["source"]), terms)


def _term(data: Mapping[str, Any], generic: Mapping[int, str]) -> Term:
    code = str(data.get("code", ""))
    is_generic = data.get("grading") == "generic"
    if not code or len(code) > 40 or data.get("grading") not in ("generic", "ctcae-5"):
        raise ValueError(f"{code or 'a term'}: needs a code of at most 40 letters, and a grading")
    if is_generic and "grades" in data:
        raise ValueError(f"{code}: generic grades stand once, at the top")
    title, source = str(data.get("title", "")), str(data.get("source", ""))
    if not title or len(title) > LONGEST["name"] or not source:
        raise ValueError(f"{code}: needs a title of at most {LONGEST['name']} letters, and a source")
    return Term(
        code=code,
        title=title,
        grading=str(data["grading"]),
        grades=generic if is_generic else _grades(code, data),
        status=Status(data.get("status", "")),
        source=source,
        asks_wanted=bool(data.get("asks_wanted")),
        asks_name=bool(data.get("asks_name")),
        asks_words=str(data.get("asks_words", "")),
        reported_as=str(data.get("reported_as", "")),
    )


def _grades(of: str, data: Mapping[str, Any]) -> dict[int, str]:
    grades = {int(grade): str(words) for grade, words in data.get("grades", {}).items()}
    if not grades or not set(grades) <= GRADES or not all(grades.values()):
        raise ValueError(f"{of}: needs grades between 1 and 5, each in words")
    return dict(sorted(grades.items()))


# ── what somebody says ────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Said:
    """An event as a person describes it. `is_serious` None: not answered."""

    code: str
    grade: int | None
    began_at: datetime | None
    outcome: str
    is_serious: bool | None
    name: str = ""
    wanted: bool | None = None
    ended_at: datetime | None = None
    serious_because: tuple[str, ...] = ()
    prescriber: str = ""
    prescriber_told: str = ""
    prescriber_told_at: datetime | None = None
    action_taken: str = ""
    follow_up_on: date | None = None
    follow_up: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is not right about one answer, as a sentence that helps."""

    field: str
    sentence: str


ENDED_NOT = frozenset({"ongoing", "resolving"})
"""Outcomes of what still goes on."""


def faults(
    said: Said, terms: Terms, *, arrived_at: datetime, now: datetime, today: date, kept_on: date | None = None
) -> list[Fault]:
    """Everything that keeps this event from being kept; empty when it can be.

    `today` is the clinic's date; `kept_on` the follow-up day of the event that is revised, which may have passed.
    """
    term = terms.find(said.code)
    if term is None:
        return [Fault("code", "Choose what it was.")]
    return [
        *_of_term(said, term),
        *_of_times(said, arrived_at, now),
        *_of_seriousness(said),
        *_of_prescriber(said, now),
        *_of_follow_up(said, today, kept_on),
        *_of_lengths(said),
    ]


def _of_term(said: Said, term: Term) -> Iterable[Fault]:
    if term.asks_name and not said.name.strip():
        yield Fault("name", "Say in a few words what it was.")
    if said.grade is None:
        yield Fault("grade", "Choose a grade.")
    elif said.grade not in term.grades:
        there = ", ".join(map(str, term.grades))
        yield Fault("grade", f"{term.title} has no grade {said.grade}. It has {there}.")
    if term.asks_wanted and said.wanted is None:
        yield Fault("wanted", "Say whether it was wanted or unwanted.")
    if term.asks_words and not said.note.strip():
        yield Fault("note", "Describe it in words: the grade alone says too little.")


def _of_times(said: Said, arrived_at: datetime, now: datetime) -> Iterable[Fault]:
    if said.began_at is None:
        yield Fault("began_at", "Say when it began.")
    elif said.began_at > now:
        yield Fault("began_at", "This time is still to come.")
    elif said.began_at < arrived_at:
        yield Fault("began_at", "This is before the person arrived. Note it with the session it belongs to.")
    if said.ended_at is None:
        return
    if said.ended_at > now:
        yield Fault("ended_at", "This time is still to come.")
    elif said.began_at is not None and said.ended_at < said.began_at:
        yield Fault("ended_at", "It cannot end before it began.")
    elif said.outcome in ENDED_NOT:
        yield Fault("ended_at", "An event that goes on has no end yet.")


def _of_seriousness(said: Said) -> Iterable[Fault]:
    because = set(said.serious_because)
    if not said.outcome:
        yield Fault("outcome", "Say how it stands.")
    if said.is_serious is None:
        yield Fault("is_serious", "Say whether it is serious.")
    elif said.is_serious and not because:
        yield Fault("serious_because", "Say why it is serious.")
    elif because and not said.is_serious:
        yield Fault("is_serious", "A reason is ticked: then it is serious.")
    if not because <= set(Serious):
        yield Fault("serious_because", "Choose among the reasons given.")
    if Serious.OTHER in because and not said.note.strip():
        yield Fault("note", "Say in words why it is serious.")
    if said.grade == 5 and said.outcome != "fatal":
        yield Fault("outcome", "Grade 5 is death: the outcome must say so.")
    if said.outcome == "fatal" or Serious.DEATH in because or said.grade == 5:
        yield from _of_death(said, because)
    if (said.grade or 0) >= PRESCRIBER_FROM and not said.prescriber:
        yield Fault("prescriber", f"From grade {PRESCRIBER_FROM} on: does the prescriber know?")
    if said.prescriber and said.prescriber not in set(Prescriber):
        yield Fault("prescriber", "Choose among the answers given.")


def _of_prescriber(said: Said, now: datetime) -> Iterable[Fault]:
    """Told is somebody, at a time; what was not told is neither."""
    is_told = said.prescriber == Prescriber.TOLD
    if is_told and not said.prescriber_told:
        yield Fault("prescriber_told", "Say which prescriber was told.")
    if is_told and said.prescriber_told_at is None:
        yield Fault("prescriber_told_at", "Say when.")
    if said.prescriber_told_at is not None and said.prescriber_told_at > now:
        yield Fault("prescriber_told_at", "This time is still to come.")
    elif said.prescriber_told_at and said.began_at and said.prescriber_told_at < said.began_at:
        yield Fault("prescriber_told_at", "This is before it began.")
    if not is_told and (said.prescriber_told or said.prescriber_told_at):
        yield Fault("prescriber", "A prescriber or a time is given: then it was told.")


def _of_death(said: Said, because: set[str]) -> Iterable[Fault]:
    if Serious.DEATH not in because:
        yield Fault("serious_because", "Death is serious: tick it.")
    if said.outcome not in ("", "fatal") and said.grade != 5:
        yield Fault("outcome", "Death is ticked: the outcome must say so.")


def _of_follow_up(said: Said, today: date, kept_on: date | None) -> Iterable[Fault]:
    if said.follow_up.strip() and said.follow_up_on is None:
        yield Fault("follow_up_on", "Say on which day.")
    if said.follow_up_on is None:
        return
    if not said.follow_up.strip():
        yield Fault("follow_up", "Say what is to be done on that day.")
    if said.follow_up_on < today and said.follow_up_on != kept_on:
        yield Fault("follow_up_on", "This day is over.")


def _of_lengths(said: Said) -> Iterable[Fault]:
    for name in ("name", "action_taken", "follow_up", "note"):
        if len(getattr(said, name).strip()) > LONGEST[name]:
            yield Fault(name, f"This holds up to {LONGEST[name]} characters. Shorten it; nothing was lost.")


def done_apart(kept: str) -> tuple[str, str]:
    """What the prescriber knows, and what was done: older events keep both in one text, the first in front."""
    for known in Prescriber:
        if kept.startswith(known):
            return known.value, kept.removeprefix(known).strip()
    return "", kept


def knows(code: str, action_taken: str) -> Prescriber | None:
    """What the prescriber knows, by the code of the row, or for an older one by its text; none where nobody said."""
    if code:
        return Prescriber[code.upper()]
    said, _ = done_apart(action_taken)
    return Prescriber(said) if said else None


# ── what is still to be done ──────────────────────────────────────────────────────────────────────────────


class Noted(Protocol):
    """What is needed of a kept event; the newest of its versions."""

    follow_up_on: date | None
    follow_up: str
    prescriber_knows: str
    action_taken: str
    grade: int


Event = TypeVar("Event", bound=Noted)


@dataclass(frozen=True, slots=True)
class FollowUp:
    """One thing to be done about one event, on a day or since the event."""

    event: Any
    words: str
    on: date | None
    is_due: bool
    is_overdue: bool


def due(events: Sequence[Event], today: date) -> list[FollowUp]:
    """What is to be done about these events: the prescriber to be told first, then by day; later days included."""
    found = []
    for event in events:
        if knows(event.prescriber_knows, event.action_taken) is Prescriber.NOT_YET:
            found.append(FollowUp(event, "Tell the prescriber", None, True, False))
        if event.follow_up_on is not None:
            on = event.follow_up_on
            found.append(FollowUp(event, event.follow_up, on, on <= today, on < today))
    return sorted(found, key=lambda one: (one.on is not None, one.on or today))


class Charted(Protocol):
    """A reading as far as needed to show it beside an event."""

    @property
    def code(self) -> str: ...
    @property
    def observed_at(self) -> datetime: ...


Reading = TypeVar("Reading", bound=Charted)


def around(readings: Iterable[Reading], at: datetime, within: timedelta = NEAR) -> list[Reading]:
    """Of each quantity the reading nearest to `at`, none further than `within`: to look at, never to grade by."""
    nearest: dict[str, Reading] = {}
    for one in readings:
        gap = abs(one.observed_at - at)
        known = nearest.get(one.code)
        if gap <= within and (known is None or gap < abs(known.observed_at - at)):
            nearest[one.code] = one
    return [nearest[code] for code in sorted(nearest)]
