"""What came up and who may know it: the choices a person has, and plain sentences about who sees what.

Pure. It never decides who may see (`privacy/circles.py` does), and never ranks, counts or interprets words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final
from uuid import UUID

from bothwell.decision import Decision
from bothwell.privacy.circles import READS, Relation

SLEEP_AFTER_DOSE: Final = timedelta(hours=24)
"""Default to confirm: no big decisions for 24 h after a session (clinical.md, section 1.1, "After")."""

WAKES_AT: Final = time(9, 0)
"""A share slept on opens at nine in the morning, clinic time: a choice of ours, not a clinical number."""


class Part(StrEnum):
    """A note beside the words, given only when its author says so."""

    FEELING = "feeling"
    TO_SAY = "to_say"
    TO_ASK = "to_ask"


@dataclass(frozen=True)
class Words:
    """What one version holds."""

    text: str
    feeling: str = ""
    to_say: str = ""
    to_ask: str = ""

    def only(self, parts: Iterable[Part]) -> "Words":
        """The words with no notes around them but the chosen ones."""
        kept = set(parts)
        return replace(self, **{part.value: "" for part in Part if part not in kept})


@dataclass(frozen=True)
class Version:
    """One version as the rules see it."""

    id: UUID
    number: int


def latest_own(versions: Sequence[Version], ever_granted: Iterable[UUID]) -> Version | None:
    """The author's own newest words. Words made to be given count only when nothing else is there."""
    given = set(ever_granted)
    newest_first = sorted(versions, key=lambda version: -version.number)
    return next(
        (version for version in newest_first if version.id not in given), next(iter(newest_first), None)
    )


# ------------------------------------------------------------------------------------------------ sleep on it


def suggest_sleep(last_session_at: datetime | None, now: datetime) -> Decision:
    """Whether to suggest waiting until tomorrow before sharing, because a session day is not over."""
    if last_session_at is not None and timedelta(0) <= now - last_session_at < SLEEP_AFTER_DOSE:
        return Decision.yes("After a session day we suggest this.")
    return Decision.no("Things can look different in the morning.")


def wakes_at(now: datetime, zone: tzinfo) -> datetime:
    """Tomorrow at nine on the clinic's clock, in UTC terms of the same instant."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, WAKES_AT, zone)


# ----------------------------------------------------------------------------- who is around, and who sees


@dataclass(frozen=True)
class Around:
    """Who is there to share with, by the name they use; empty where nobody is."""

    partner: str = ""
    couples_therapists: tuple[str, ...] = ()
    individual_therapists: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """One plain choice on the share sheet: its code, whom it opens to, and what it says."""

    code: str
    audiences: frozenset[Relation]
    title: str
    note: str


def choices(around: Around) -> tuple[Choice, ...]:
    """Only me; the couples therapist alone; the partner too. Only those that exist."""
    offered = [Choice("me", frozenset(), "Only me", "Nobody else, not even your care team")]
    therapist = listed(around.couples_therapists)
    if therapist:
        but = f". Not {around.partner}" if around.partner else ""
        offered.append(
            Choice(
                "therapist",
                frozenset({Relation.COUPLES_THERAPIST}),
                f"{therapist}, for our sessions",
                f"Your couples therapist{but}",
            )
        )
    if around.partner and therapist:
        offered.append(
            Choice(
                "both",
                frozenset({Relation.PARTNER, Relation.COUPLES_THERAPIST}),
                f"{around.partner} and {therapist}",
                "Both of you, and your couples therapist",
            )
        )
    elif around.partner:
        offered.append(Choice("both", frozenset({Relation.PARTNER}), around.partner, "The two of you"))
    return tuple(offered)


def audiences_of(choice: str, also_individual: bool, around: Around) -> frozenset[Relation] | None:
    """The audiences behind a choice of the sheet, or None when there is no such choice for this person."""
    found = next((each.audiences for each in choices(around) if each.code == choice), None)
    if found is None or (also_individual and not around.individual_therapists):
        return None
    return found | {Relation.INDIVIDUAL_THERAPIST} if also_individual else found


def circle_of(audiences: Iterable[Relation]) -> str:
    """The shape of the badge: mine, care (a clinician of one's own) or ours (the partner as well)."""
    opened = set(audiences)
    if Relation.PARTNER in opened:
        return "ours"
    return "care" if opened else "mine"


def badge(audiences: Iterable[Relation], around: Around) -> str:
    """The words on the badge, for the author: `Both of you + Dana (couples therapist)`."""
    opened = set(audiences)
    therapists = [f"{name} (couples therapist)" for name in around.couples_therapists]
    own = [f"{name} (your therapist)" for name in around.individual_therapists]
    people = [
        *(["Both of you"] if Relation.PARTNER in opened else []),
        *(therapists or ["your couples therapist"] if Relation.COUPLES_THERAPIST in opened else []),
        *(own or ["your individual therapist"] if Relation.INDIVIDUAL_THERAPIST in opened else []),
    ]
    if not people:
        return "Only you"
    label = " + ".join(people)
    return label if Relation.PARTNER in opened else f"You + {label}"


def listed(names: Sequence[str]) -> str:
    """`Ben`, `Ben and Dana`, `Ben, Dana and Priya`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def called(audiences: Iterable[Relation], around: Around) -> str:
    """The names behind audiences, for a sentence: `Ben and Dana`."""
    opened = set(audiences)
    names = {
        Relation.PARTNER: (around.partner,) if around.partner else ("your partner",),
        Relation.COUPLES_THERAPIST: around.couples_therapists or ("your couples therapist",),
        Relation.INDIVIDUAL_THERAPIST: around.individual_therapists or ("your individual therapist",),
    }
    return listed([name for audience, who in names.items() if audience in opened for name in who])


# --------------------------------------------------------------------------------------- sharing in words


@dataclass(frozen=True)
class Opened:
    """One grant as the history tells it."""

    audience: Relation
    decided_at: datetime
    opens_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class Event:
    """One line of the history: when, and what in words."""

    at: datetime
    words: str


def history(opened: Iterable[Opened], around: Around, now: datetime) -> list[Event]:
    """What happened to the sharing of one insight, newest first."""
    moments: dict[tuple[datetime, str], set[Relation]] = {}
    for each in opened:
        for at, what in _moments(each, now):
            moments.setdefault((at.replace(microsecond=0), what), set()).add(each.audience)
    events = [Event(at, what.format(who=called(who, around))) for (at, what), who in moments.items()]
    return sorted(events, key=lambda event: event.at, reverse=True)


def _moments(each: Opened, now: datetime) -> list[tuple[datetime, str]]:
    if each.revoked_at is not None and each.revoked_at < each.opens_at:
        return [(each.revoked_at, "Kept back from {who} before it opened")]
    if each.opens_at > now:
        return [(each.opens_at, "Will open to {who}, unless you change your mind")]
    ended = [] if each.revoked_at is None else [(each.revoked_at, "Taken back from {who}")]
    return [(each.opens_at, "Shared with {who}"), *ended]


# ---------------------------------------------------------------------------- who sees answers, in words

WHO: Final[Mapping[Relation, str]] = {
    Relation.PRESCRIBER: "prescriber",
    Relation.INDIVIDUAL_THERAPIST: "individual therapist",
    Relation.NURSE: "nurse",
    Relation.COUPLES_THERAPIST: "couples therapist",
}
"""Clinicians who may see answers, in the order they are named. A break-glass look stands in the log."""


@dataclass(frozen=True)
class Seen:
    """Who sees answers of one kind: the badge's shape and words, and a full sentence."""

    circle: str
    label: str
    sentence: str


def seen_by(
    kind: str, team: Mapping[Relation, Sequence[str]], released: Iterable[tuple[str, Relation]]
) -> Seen:
    """Who may see answers of `kind` once sent, by the names of the care team and the releases (class, role).

    Read from the table itself, so the sentence cannot promise more than the rule keeps.
    """
    given = set(released)
    people = [
        f"{name} ({called_so})"
        for relation, called_so in WHO.items()
        if _sees(kind, relation, given)
        for name in team.get(relation, ())
    ]
    released_only = not any("Y" in READS[kind][relation] for relation in WHO)
    if not people:
        until = "you release them to somebody" if released_only else "your care team is named"
        return Seen(
            "mine", "Only you", f"Only you can see these answers, until {until}. Sent, they stay as they are."
        )
    label = "You + those you released it to" if released_only else "Your care team"
    return Seen("care", label, f"You and {listed(people)} can see these answers. Nobody else.")


def _sees(kind: str, relation: Relation, released: set[tuple[str, Relation]]) -> bool:
    for way in READS[kind][relation]:
        if way == "Y" or way == "D":
            return True
        if way.startswith("R:") and (way.removeprefix("R:"), relation) in released:
            return True
    return False
