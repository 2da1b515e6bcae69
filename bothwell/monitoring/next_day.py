"""The call on the day after a session: when it is due, what is asked, and when it is done.

Pure. The questions are the clinic's own and no validated scale; nothing here rings anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from typing import Final, Protocol

from bothwell.monitoring.adverse import Fault

CALL_FROM: Final = time(9)
"""On the day after, by the clinic's clock. Ours, to confirm."""
MISSED_AFTER_DAYS: Final = 14
"""So many days after it was due, a call that nobody made is listed as missed and closed. Ours, default-to-confirm."""
FORM_WITHIN: Final = timedelta(days=7)
"""A safety programme's form is due within 7 days of the session (esketamine programme, clinical paper 1.4)."""
THOUGHTS: Final = "thoughts"
NOT_ASKED: Final = "not_asked"
HAS_THOUGHTS: Final = frozenset({"yes", "now"})
SKIPPED: Final = (NOT_ASKED, "not asked")
YES_NO: Final = (("no", "no"), ("yes", "yes"), SKIPPED)


@dataclass(frozen=True, slots=True)
class Question:
    """One thing asked on the telephone."""

    key: str
    text: str
    short: str
    options: tuple[tuple[str, str], ...]

    def in_words(self, answer: str) -> str:
        """The answer as it reads; the answer itself where the question has changed since."""
        return dict(self.options).get(answer, answer)


QUESTIONS: Final = (
    Question(
        "sleep",
        "How did they sleep?",
        "Sleep",
        (("well", "well"), ("badly", "badly"), ("none", "not at all"), SKIPPED),
    ),
    Question(
        "mood",
        "How is their mood, against before the session?",
        "Mood",
        (("better", "better"), ("same", "the same"), ("worse", "worse"), SKIPPED),
    ),
    Question("nausea", "Do they feel sick?", "Nausea", YES_NO),
    Question("headache", "Do they have a headache?", "Headache", YES_NO),
    Question(
        "dissociation_gone",
        "Is the dissociation gone?",
        "Dissociation gone",
        (("yes", "yes"), ("no", "no"), SKIPPED),
    ),
    Question(
        THOUGHTS,
        "Thoughts of not living, since the session?",
        "Thoughts of not living",
        (("no", "no"), ("yes", "yes"), ("now", "yes, right now"), SKIPPED),
    ),
    Question("drove", "Did they drive, or use a machine, before a night’s sleep?", "Drove", YES_NO),
)
"""Ours, to confirm; in the order they are asked."""

ANSWER_IT: Final = "Choose an answer, or that it was not asked."

NO_ANSWER, SOMEBODY_ELSE, MESSAGE = "no_answer", "somebody_else", "message"
TRIED: Final = (
    (NO_ANSWER, "nobody answered"),
    (SOMEBODY_ELSE, "somebody else answered; nothing was said"),
    (MESSAGE, "a message was left"),
)


@dataclass(frozen=True, slots=True)
class Said:
    """One call as whoever rang describes it."""

    at: datetime
    was_reached: bool
    answers: Mapping[str, str]
    note: str = ""
    next_at: datetime | None = None
    is_given_up: bool = False


def faults(said: Said, *, ended_at: datetime, now: datetime, may_leave_message: bool) -> list[Fault]:
    """Everything that keeps this call from being kept; empty when it can be."""
    found = []
    if said.at > now:
        found.append(Fault("at", "This time is still to come."))
    elif said.at < ended_at:
        found.append(Fault("at", "This is before the session was signed off."))
    return [*found, *(_reached(said) if said.was_reached else _missed(said, now, may_leave_message))]


def _reached(said: Said) -> Iterable[Fault]:
    for question in QUESTIONS:
        answer = said.answers.get(question.key, "")
        if answer not in dict(question.options):
            yield Fault(question.key, ANSWER_IT)
    if said.answers.get(THOUGHTS) == NOT_ASKED and not said.note.strip():
        yield Fault("note", "Say why it was not asked whether they think of not living.")


def _missed(said: Said, now: datetime, may_leave_message: bool) -> Iterable[Fault]:
    tried = said.answers.get("tried", "")
    if tried not in dict(TRIED):
        yield Fault("tried", "Say what happened.")
    if tried == MESSAGE and not may_leave_message:
        yield Fault(
            "tried",
            "This person asked that no message be left. If one was, write it in the note and tell the lead.",
        )
    if said.is_given_up and not said.note.strip():
        yield Fault("note", "Say why nobody will ring again.")
    if not said.is_given_up and said.next_at is None:
        yield Fault("next_at", "Say when to ring again, or why nobody will.")
    if said.next_at is not None and said.is_given_up:
        yield Fault("next_at", "Either ring again, or give it up.")
    if said.next_at is not None and said.next_at <= now:
        yield Fault("next_at", "This time has passed.")


def closes(said: Said, *, ended_at: datetime, zone: tzinfo) -> bool:
    """Whether no further call is due: reached on a later day than the session, or given up.

    A call on the same evening is kept, and the one of the next day is still due.
    """
    if not said.was_reached:
        return said.is_given_up
    return said.at.astimezone(zone).date() > ended_at.astimezone(zone).date()


class Rung(Protocol):
    """What is needed of a kept call."""

    at: datetime
    next_at: datetime | None
    is_closed: bool


@dataclass(frozen=True, slots=True)
class Due:
    """When the next call of one session is due, how that stands now, and when it counts as missed."""

    at: datetime
    is_due: bool
    is_overdue: bool
    missed_at: datetime


def due(ended_at: datetime, calls: Sequence[Rung], *, zone: tzinfo, now: datetime) -> Due | None:
    """When to ring after a session that ended then; None when it is done. Overdue once that day is over."""
    if any(call.is_closed for call in calls):
        return None
    newest = max(calls, key=lambda call: call.at, default=None)
    at = newest.next_at if newest and newest.next_at else first_call_at(ended_at, zone)
    is_overdue = at.astimezone(zone).date() < now.astimezone(zone).date()
    return Due(at, at <= now, is_overdue, at + timedelta(days=MISSED_AFTER_DAYS))


def is_missed(due: Due | None, now: datetime) -> bool:
    """Whether this call is no longer waited for: it was due, and nobody made it in all that time."""
    return due is not None and due.missed_at <= now


MISSED_NOTE: Final = f"Closed by Bothwell: nobody was reached within {MISSED_AFTER_DAYS} days (default, to confirm by this clinic)."
"""Stands as the reason on a call that was missed."""


def first_call_at(ended_at: datetime, zone: tzinfo) -> datetime:
    """Nine o'clock on the day after, by the clinic's clock."""
    return datetime.combine(ended_at.astimezone(zone).date() + timedelta(days=1), CALL_FROM, zone)
