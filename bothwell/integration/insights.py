"""What came up and who may know it: the choices a person has, and plain sentences about who sees what.

Pure. It never decides who may see (`privacy/circles.py` does), and never ranks, counts or interprets words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from bothwell.decision import Decision
from bothwell.privacy.circles import READS, Relation

SLEEP_AFTER_DOSE: Final = timedelta(hours=24)
"""Default to confirm: no big decisions for 24 h after a session (advice of one ketamine clinic, nervanamedical.com)."""

OPENS_ON: Final = timedelta(minutes=15)
"""A share slept on opens on a quarter of an hour, so that its time can be said in a sentence."""

SESSION_IS_NEAR: Final = timedelta(days=14)
"""How far ahead a couples session is offered as the reason for giving something: a choice of ours."""

REPLACED_WITHIN: Final = timedelta(seconds=2)
"""One grant ended and another made by the same act: both are written within moments of each other."""


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

    def trimmed(self) -> "Words":
        """The same words without blanks around them, as they are kept."""
        return Words(self.text.strip(), self.feeling.strip(), self.to_say.strip(), self.to_ask.strip())


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


def wakes_at(now: datetime) -> datetime:
    """When a share slept on opens: 24 h from `now`, at the next quarter of an hour."""
    past = timedelta(minutes=now.minute % 15, seconds=now.second, microseconds=now.microsecond)
    return now + SLEEP_AFTER_DOSE + (OPENS_ON - past if past else timedelta(0))


# ----------------------------------------------------------------------------- who is around, and who sees


@dataclass(frozen=True)
class Around:
    """Who is there to share with, by the name they use; empty where nobody is."""

    partner: str = ""
    couples_therapists: tuple[str, ...] = ()
    individual_therapists: tuple[str, ...] = ()


REVOCABLE: Final = "You can take it back at any time."


@dataclass(frozen=True)
class Offer:
    """One switch of the share sheet: whom it opens to, by name, and what that means."""

    audience: Relation
    name: str
    title: str
    note: str


def offers(around: Around, agreement: str = "") -> tuple[Offer, ...]:
    """A switch for everybody there is to share with, and for nobody else.

    `agreement` is the mode of the disclosure agreement in force (`no_secrets`, `confidential`), or empty.
    """
    partner, therapists = around.partner, listed(around.couples_therapists)
    own = listed(around.individual_therapists)
    found = []
    if partner:
        note = f"Your partner reads exactly the words below, on the page of the two of you. {REVOCABLE}"
        found.append(Offer(Relation.PARTNER, partner, partner, note))
    if therapists:
        note = (
            f"Your couples therapist reads them to prepare. {alone_means(agreement, therapists)} {REVOCABLE}"
        )
        found.append(Offer(Relation.COUPLES_THERAPIST, therapists, f"{therapists}, for our sessions", note))
    if own:
        others = listed([name for name in (partner, therapists) if name])
        but = f" {others} will not know of it from us." if others else ""
        note = f"Your individual therapist reads them, for your own sessions.{but} {REVOCABLE}"
        found.append(Offer(Relation.INDIVIDUAL_THERAPIST, own, f"{own}, for my own sessions", note))
    return tuple(found)


def alone_means(agreement: str, therapists: str) -> str:
    """What the disclosure agreement in force makes of words given to the couples therapist alone."""
    match agreement:
        case "no_secrets":
            return "You agreed on no secrets: what you give there alone may come up with both of you."
        case "confidential":
            return "You agreed that what one of you says alone stays so, unless you bring it up yourself."
        case _:
            return f"You have not both signed yet how this is handled: ask {therapists} before giving it there alone."


def audiences_of(asked: Iterable[str], around: Around) -> frozenset[Relation] | None:
    """The audiences behind the switches that are on, or None when one of them is not there for this person."""
    offered = {each.audience.value: each.audience for each in offers(around)}
    wanted = set(asked)
    return frozenset(offered[each] for each in wanted) if wanted <= set(offered) else None


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
    """One grant as the history tells it. `item` is the version given; `session_on` the day it was given for;
    `parted_at`: when the couple it was given in parted, where it closed with that.
    """

    audience: Relation
    decided_at: datetime
    opens_at: datetime
    revoked_at: datetime | None = None
    item: UUID | None = None
    session_on: date | None = None
    parted_at: datetime | None = None


@dataclass(frozen=True)
class Event:
    """One line of the history: when, and what in words."""

    at: datetime
    words: str


def history(opened: Iterable[Opened], around: Around, now: datetime) -> list[Event]:
    """What happened to the sharing of one insight, newest first."""
    grants = list(opened)
    moments: dict[tuple[datetime, str, bool], set[Relation]] = {}
    for each in grants:
        for at, what in _moments(each, grants, now):
            key = at.replace(microsecond=0), what, each.parted_at is not None
            moments.setdefault(key, set()).add(each.audience)
    events = [
        Event(at, what.format(who=_called_then(who) if is_past else called(who, around)))
        for (at, what, is_past), who in moments.items()
    ]
    return sorted(events, key=lambda event: event.at, reverse=True)


def _called_then(audiences: Iterable[Relation]) -> str:
    """Those of a couple that has parted; who is around now is somebody else."""
    opened = set(audiences)
    names = {
        Relation.PARTNER: "your former partner",
        Relation.COUPLES_THERAPIST: "your couples therapist of then",
    }
    return listed([name for audience, name in names.items() if audience in opened])


def _moments(each: Opened, grants: Sequence[Opened], now: datetime) -> list[tuple[datetime, str]]:
    is_replaced = any(_replaces(other, each) for other in grants)
    if each.revoked_at is not None and each.revoked_at < each.opens_at:
        return [] if is_replaced else [(each.revoked_at, "Kept back from {who} before it opened")]
    if each.opens_at > now:
        return [(each.opens_at, "Will open to {who}, unless you change your mind")]
    is_update = any(_replaces(each, other) and _was_open(other) for other in grants)
    begun = "Gave {who} your newer words" if is_update else f"Shared with {{who}}{_occasion(each)}"
    if each.revoked_at is None or is_replaced:
        return [(each.opens_at, begun)]
    if each.parted_at is not None and each.revoked_at >= each.parted_at:
        return [(each.opens_at, begun), (each.revoked_at, "Closed to {who} when you parted")]
    return [(each.opens_at, begun), (each.revoked_at, "Taken back from {who}")]


def _replaces(newer: Opened, older: Opened) -> bool:
    """Whether `newer` was made by the act that ended `older`: other words for the same audience."""
    return (
        newer.audience == older.audience
        and newer.item != older.item
        and older.revoked_at is not None
        and abs(newer.decided_at - older.revoked_at) < REPLACED_WITHIN
    )


def _was_open(each: Opened) -> bool:
    return each.revoked_at is None or each.opens_at <= each.revoked_at


def _occasion(each: Opened) -> str:
    """` for your session on Friday 20 November`, or nothing."""
    return f" for your session on {day_words(each.session_on)}" if each.session_on else ""


def day_words(day: date) -> str:
    """`Friday 20 November`."""
    return f"{day:%A} {day.day} {day:%B}"


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
        # A release is one's own to sign; that a care team is named happens without one, so the label says it too.
        label = "Only you" if released_only else f"Only you, until {until}"
        return Seen(
            "mine", label, f"Only you can see these answers, until {until}. Sent, they stay as they are."
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
