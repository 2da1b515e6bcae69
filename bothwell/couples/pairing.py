"""Who may become a couple, part, or care for whom: the rules behind every couple and every care team.

It never reads or writes anything: whoever asks brings the facts, and gets yes or no with the reason in words.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from bothwell.decision import Decision

PARTNERS_IN_A_COUPLE: Final = 2

SHORTEST_REASON: Final = 3
"""Characters. Enough that a reason is words; what they say is for people to judge."""


class CareRole(StrEnum):
    """A role held towards one person, or (the couples therapist) towards one couple."""

    PRESCRIBER = "prescriber"
    NURSE = "nurse"
    INDIVIDUAL_THERAPIST = "individual_therapist"
    COUPLES_THERAPIST = "couples_therapist"
    SAFETY = "safety"


class ClinicRole(StrEnum):
    """A role held in the clinic as a whole, towards nobody in particular."""

    LEAD = "lead"
    COORDINATOR = "coordinator"
    RESEARCHER = "researcher"


WORDS: Final = {
    CareRole.PRESCRIBER: "prescriber",
    CareRole.NURSE: "nurse",
    CareRole.INDIVIDUAL_THERAPIST: "individual therapist",
    CareRole.COUPLES_THERAPIST: "couples therapist",
    CareRole.SAFETY: "safety circle",
    ClinicRole.LEAD: "clinic lead",
    ClinicRole.COORDINATOR: "coordinator",
    ClinicRole.RESEARCHER: "researcher",
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """What pairing needs to know about one person."""

    id: UUID
    clinic: UUID
    is_in_a_couple: bool = False


def may_pair(one: Candidate, other: Candidate) -> Decision:
    """Whether these two may become a couple in care here."""
    if one.id == other.id:
        return Decision.no("A couple is two people; nobody is their own partner.")
    if one.clinic != other.clinic:
        return Decision.no("Both partners must be in the care of the same clinic.")
    if one.is_in_a_couple or other.is_in_a_couple:
        return Decision.no(
            "One of the two already belongs to a couple in care here. That couple must part first."
        )
    return Decision.yes("Two people, neither in another couple.")


def exactly_two(partners: Collection[UUID]) -> Decision:
    """Whether these are two different people."""
    if len(partners) == len(set(partners)) == PARTNERS_IN_A_COUPLE:
        return Decision.yes("Two partners.")
    return Decision.no("A couple has exactly two partners.")


def may_part(parted_at: datetime | None, reason: str) -> Decision:
    """Whether a couple may be recorded as parted, with this reason for the clinic's log."""
    if parted_at is not None:
        return Decision.no("This couple has parted already.")
    if len(reason.strip()) < SHORTEST_REASON:
        return Decision.no("Write why in a few words. The clinic's log keeps it; the partners do not see it.")
    return Decision.yes("The couple's chart closes; each keeps what was theirs.")


@dataclass(frozen=True, slots=True)
class Post:
    """A place on a care team that somebody is to take: which role, towards a person or a couple."""

    role: CareRole
    is_for_couple: bool
    partners: frozenset[UUID]
    is_parted: bool = False


@dataclass(frozen=True, slots=True)
class Clinician:
    """What assigning needs to know about a member of staff.

    `intimates`: those of the people concerned with whom they are or were a couple, or to whom they are close.
    """

    id: UUID
    qualified_as: frozenset[str]
    intimates: frozenset[UUID] = frozenset()


class StartedBy(StrEnum):
    """Who asked for care first; never shown to the partners."""

    A = "a"
    B = "b"
    BOTH = "both"
    REFERRER = "referrer"


def how_it_began(started_by: StartedBy, side: str) -> str:
    """Why a person's course was opened, in words that do not speak of the other's wishes."""
    match started_by:
        case StartedBy.BOTH:
            return "Enrolled; both asked for it."
        case StartedBy.REFERRER:
            return "Enrolled on a referral."
        case _ if started_by == side:
            return "Enrolled; asked for it."
        case _:
            return "Enrolled with the partner."


def may_assign(by_roles: Collection[str], who: Clinician, to: Post) -> Decision:
    """Whether somebody with `by_roles` may put `who` on the care team at `to`."""
    needed = {ClinicRole.LEAD} if to.role is CareRole.SAFETY else {ClinicRole.LEAD, ClinicRole.COORDINATOR}
    if not needed & set(by_roles):
        return Decision.no(f"Only {_or(needed)} can do this.")
    if to.is_for_couple != (to.role is CareRole.COUPLES_THERAPIST):
        return Decision.no("A couples therapist cares for a couple; every other role for one person.")
    if to.is_parted:
        return Decision.no("This couple has parted; nobody new can be assigned to it.")
    if who.id in to.partners:
        return Decision.no("Nobody cares for themselves.")
    if who.intimates & to.partners:
        return Decision.no(
            "Nobody cares for their own partner, present or past, or for whom they are close to."
        )
    if to.role not in who.qualified_as:
        return Decision.no(
            f"This colleague is not on file as {WORDS[to.role]}. The clinic lead can add the role."
        )
    return Decision.yes(f"On file as {WORDS[to.role]}.")


def may_add_role(role: str, held: Collection[str], *, is_staff: bool) -> Decision:
    """Whether a person may be given this role in the clinic."""
    if not is_staff:
        return Decision.no("Only staff hold roles.")
    if role in held:
        return Decision.no("This person has this role already.")
    return Decision.yes("A new role.")


def may_end_role(role: str, open_leads: int, open_assignments: int) -> Decision:
    """Whether a role may end now: never the last lead's, and not while patients are assigned in it."""
    if role == ClinicRole.LEAD and open_leads <= 1:
        return Decision.no("This is the last clinic lead. Name another first.")
    if open_assignments:
        return Decision.no("They still care for somebody in this role. End those assignments first.")
    return Decision.yes("The role ends now.")


@dataclass(frozen=True, slots=True)
class OnFile:
    """One credential: its kind and the last day it is valid, or None when it does not run out."""

    kind: str
    expires_on: date | None = None

    def is_valid(self, on: date) -> bool:
        return self.expires_on is None or on <= self.expires_on


def valid_kinds(credentials: Iterable[OnFile], on: date) -> frozenset[str]:
    """The kinds of credential that hold on this day."""
    return frozenset(credential.kind for credential in credentials if credential.is_valid(on))


class Link(StrEnum):
    """What became of an invitation."""

    OPEN = "open"
    DEAD = "dead"


def link_state(
    *, now: datetime, expires_at: datetime, used_at: datetime | None, is_newest: bool, has_login: bool
) -> Link:
    """An invitation opens a login once, in time, and only the newest one.

    Why it is dead is nobody's business.
    """
    is_open = used_at is None and now < expires_at and is_newest and not has_login
    return Link.OPEN if is_open else Link.DEAD


def _or(roles: Iterable[ClinicRole]) -> str:
    return " or ".join(f"the {WORDS[role]}" for role in sorted(roles))
