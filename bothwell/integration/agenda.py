"""What the next couples session may begin with: what was brought, what moved reliably, what was promised.

Pure. It knows only rows its reader sees, never puts the two partners' numbers together, and calls nothing a change that
measurement error could explain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from bothwell.instruments.change import Verdict, reliable_change
from bothwell.instruments.instrument import Instrument
from bothwell.integration.note_forms import answers_of, taken_up_in

# ── what moved ──


class Since(StrEnum):
    """Against what a change is measured."""

    LAST = "last"
    BEGINNING = "beginning"


@dataclass(frozen=True, slots=True)
class Move:
    """One person's reliable change on one measure, new since the last session."""

    before: Decimal
    after: Decimal
    better: bool
    since: Since
    band: str

    @property
    def words(self) -> str:
        """`reliably better`, or for one that only now reaches so far: `reliably better than at the beginning`."""
        told = "reliably better" if self.better else "reliably worse"
        return told if self.since is Since.LAST else f"{told} than at the beginning"


def move(instrument: Instrument, totals: Sequence[tuple[date, Decimal]], last_session: date) -> Move | None:
    """The reliable change since the last session; else the one since the beginning, if it is new since then.

    None when nothing was answered since or before, or when the difference may be measurement error
    (Jacobson and Truax 1991).
    """
    before = [total for on, total in totals if on <= last_session]
    after = [total for on, total in totals if on > last_session]
    if not before or not after:
        return None
    now = after[-1]
    since_last = _verdict(instrument, before[-1], now)
    if since_last in _MOVES:
        return _move(instrument, before[-1], now, since_last, Since.LAST)
    from_first = _verdict(instrument, before[0], now)
    if from_first in _MOVES and from_first != _verdict(instrument, before[0], before[-1]):
        return _move(instrument, before[0], now, from_first, Since.BEGINNING)
    return None


_MOVES = (Verdict.IMPROVED, Verdict.WORSENED)


def _move(
    instrument: Instrument, before: Decimal, after: Decimal, verdict: Verdict | None, since: Since
) -> Move:
    band = instrument.measure.band(after)
    return Move(before, after, verdict is Verdict.IMPROVED, since, band.name if band else "")


def _verdict(instrument: Instrument, before: Decimal, after: Decimal) -> Verdict | None:
    try:
        return reliable_change(instrument.measure, before, after).verdict
    except ValueError:  # an instrument without a reliable change: nothing can be said
        return None


# ── what was promised ──


class Kind(StrEnum):
    """What a promise is: an exercise, an agreement of the two, or what the last note took home or put off."""

    EXERCISE = "exercise"
    AGREEMENT = "agreement"
    HOME = "home"
    NEXT = "next"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the agenda that is not somebody's own words; `key` names it in the note that took it up."""

    key: str
    kind: Kind
    title: str
    words: str = ""
    side: str = ""
    begun: bool = False
    taken_up_on: date | None = None


def key(kind: Kind, of: object) -> str:
    """The name of a point in a note's record."""
    return f"{kind}:{of}"


def from_note(note: object, kept: Mapping[str, Any]) -> list[Point]:
    """What the last note said they take home, and what was to come next."""
    answers = answers_of(kept)
    asked = ((Kind.HOME, "homework", "To do at home"), (Kind.NEXT, "next_focus", "Meant for next time"))
    return [
        Point(key(kind, note), kind, title, str(answers[code]))
        for kind, code, title in asked
        if answers.get(code)
    ]


def agreement_words(no_big_decisions: bool, days: int | None, words: str) -> str:
    """What the two agreed, in one line."""
    if not no_big_decisions:
        return words
    span = f"{days} days" if days and days > 1 else "a day"
    return f"No big decisions for {span} after a session" + (f": {words}" if words else "")


def taken_up(notes: Iterable[tuple[date, Mapping[str, Any]]]) -> dict[str, date]:
    """When each point was last spoken of, from what the notes kept, oldest first."""
    found: dict[str, date] = {}
    for on, kept in notes:
        for point in taken_up_in(kept):
            found[point] = max(on, found.get(point, on))
    return found
