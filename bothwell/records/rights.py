"""When a request for a copy must be answered, how it stands, and on what grounds it may be refused or something given.

Pure. It reads `rights.toml` and `grounds.toml`, which a lawyer can read too, and decides nothing by itself.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final

from bothwell.couples.pairing import SHORTEST_REASON
from bothwell.decision import Decision

HERE: Final = Path(__file__).parent


class Use(StrEnum):
    """What a ground is good for."""

    REFUSE = "refuse"
    GIVE = "give"


class Kind(StrEnum):
    """What the clinic answers to a request."""

    GIVEN = "given"
    PROLONGED = "prolonged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Ground:
    """Why a copy is refused, or why something left the record, with its source."""

    code: str
    use: Use
    title: str
    source: str
    can_be_reviewed: bool


@dataclass(frozen=True, slots=True)
class Rights:
    """Days and years, from `rights.toml`."""

    answer_within: timedelta
    prolonged_by: timedelta
    prolonged_times: int
    fetched_within: timedelta
    joint_stands_for: timedelta
    accounted_years: int


@cache
def rights() -> Rights:
    """The numbers this installation keeps to."""
    given = tomllib.loads((HERE / "rights.toml").read_text("utf-8"))
    return Rights(
        answer_within=timedelta(days=given["answer"]["days"]),
        prolonged_by=timedelta(days=given["prolong"]["days"]),
        prolonged_times=given["prolong"]["times"],
        fetched_within=timedelta(days=given["fetch"]["days"]),
        joint_stands_for=timedelta(days=given["joint"]["days"]),
        accounted_years=given["accounting"]["years"],
    )


@cache
def grounds() -> tuple[Ground, ...]:
    """All grounds in the order of the file."""
    return tuple(_ground(one) for one in tomllib.loads((HERE / "grounds.toml").read_text("utf-8"))["ground"])


def _ground(one: dict[str, Any]) -> Ground:
    return Ground(one["code"], Use(one["use"]), one["title"], one["source"], one.get("review", False))


def grounds_to(use: Use) -> tuple[Ground, ...]:
    """The grounds good for this."""
    return tuple(one for one in grounds() if one.use is use)


def ground_words(code: str) -> str:
    """A ground in words; a code no longer on file, by itself."""
    return next((one.title for one in grounds() if one.code == code), code)


# ── how a request stands ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the clinic: what, on which day, and the new day where it takes longer."""

    kind: Kind
    on: date
    due_on: date | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a request is: open (`kind` None) or how it was answered, and by when it is due or can be fetched."""

    kind: Kind | None
    due_on: date
    answered_on: date | None = None
    times_prolonged: int = 0

    @property
    def is_open(self) -> bool:
        return self.kind is None

    def is_late(self, today: date) -> bool:
        return self.is_open and today > self.due_on

    @property
    def fetch_until(self) -> date | None:
        """The last day on which a copy that was given can be fetched."""
        if self.kind is not Kind.GIVEN or self.answered_on is None:
            return None
        return self.answered_on + rights().fetched_within

    def can_be_fetched(self, today: date) -> bool:
        return self.fetch_until is not None and today <= self.fetch_until


def due_on(asked_on: date) -> date:
    """By when a request of this day is to be answered."""
    return asked_on + rights().answer_within


def standing(due: date, answers: Sequence[Answer]) -> Standing:
    """Fold the answers, the oldest first: the first that gives or refuses ends it."""
    now = Standing(None, due)
    for one in answers:
        if not now.is_open:
            break
        if one.kind is Kind.PROLONGED:
            now = Standing(None, one.due_on or now.due_on, None, now.times_prolonged + 1)
        else:
            now = Standing(one.kind, now.due_on, one.on, now.times_prolonged)
    return now


def may_answer(now: Standing, kind: Kind, ground: str, words: str) -> Decision:
    """Whether the clinic may answer so, with the reason in words."""
    if not now.is_open:
        return Decision.no("This has been answered already. They may ask again.")
    has_reason = len(words.strip()) >= SHORTEST_REASON
    match kind:
        case Kind.GIVEN:
            return Decision.yes("They can fetch their copy.")
        case Kind.PROLONGED if now.times_prolonged >= rights().prolonged_times:
            return Decision.no(
                "It was prolonged already; once is all the rule allows. Give it, or refuse it."
            )
        case Kind.PROLONGED if not has_reason:
            return Decision.no("Write why it takes longer. They read it.")
        case Kind.PROLONGED:
            return Decision.yes("They are told the reason and the new day.")
        case _ if ground not in {one.code for one in grounds_to(Use.REFUSE)}:
            return Decision.no("Choose the ground on which it is refused.")
        case _ if not has_reason:
            return Decision.no("Write what is refused and why. They read it.")
        case _:
            return Decision.yes("They are told the ground, and whom to ask to look again.")


def prolonged_to(now: Standing) -> date:
    """The new day where it takes longer."""
    return now.due_on + rights().prolonged_by


def stands_until(asked_on: date) -> date:
    """The last day of a request for the couple's whole record, and of every yes to it."""
    return asked_on + rights().joint_stands_for
