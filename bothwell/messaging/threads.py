"""Which threads there are, who reads each, and what a message must be; and what is said before one writes alone.

Pure. It sends nothing, and no sentence of it names a person.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from bothwell.decision import Decision

LONGEST: Final = 4_000
"""Characters of one message; ours: about a page and a half, which somebody can answer."""


class Circle(StrEnum):
    """Who reads a thread."""

    CARE = "message.care"
    THERAPIST = "message.therapist"
    ALONE = "message.alone"
    COUPLE = "message.couple"


CARE_ROLES: Final = frozenset({"prescriber", "nurse", "individual_therapist"})
READ_BY: Final = {
    Circle.CARE: CARE_ROLES,
    Circle.THERAPIST: frozenset({"individual_therapist"}),
    Circle.ALONE: frozenset({"couples_therapist"}),
    Circle.COUPLE: frozenset({"couples_therapist"}),
}
"""The roles towards the person, or the couple, that read and write in each; `circles.py` has the same."""


@dataclass(frozen=True)
class Thread:
    """One thread: a person's, or a couple's; what is said alone is a person's within one couple."""

    circle: Circle
    person: UUID | None = None
    couple: UUID | None = None

    @property
    def is_possible(self) -> bool:
        """Whether it names what its circle needs, and nothing else."""
        needs = {
            Circle.CARE: (True, False),
            Circle.THERAPIST: (True, False),
            Circle.ALONE: (True, True),
            Circle.COUPLE: (False, True),
        }
        return needs[self.circle] == (self.person is not None, self.couple is not None)


def threads_of_partner(
    person: UUID, couple: UUID | None, roles: Collection[str], couple_roles: Collection[str]
) -> list[Thread]:
    """The threads a partner can write in. `roles` of those who care for them, `couple_roles` for the two now."""
    found = []
    if couple and READ_BY[Circle.COUPLE] & set(couple_roles):
        found += [Thread(Circle.COUPLE, None, couple), Thread(Circle.ALONE, person, couple)]
    for circle in (Circle.CARE, Circle.THERAPIST):
        if READ_BY[circle] & set(roles):
            found.append(Thread(circle, person))
    return found


def threads_of_role(
    role: str, person: UUID | None, couple: UUID | None, members: Collection[UUID]
) -> list[Thread]:
    """The threads one assignment opens to staff. `members` are the two of the couple."""
    if person is not None:
        circles = (Circle.CARE, Circle.THERAPIST)
        return [Thread(circle, person) for circle in circles if role in READ_BY[circle]]
    if couple is not None and role in READ_BY[Circle.COUPLE]:
        return [Thread(Circle.COUPLE, None, couple), *(Thread(Circle.ALONE, one, couple) for one in members)]
    return []


def check(text: str) -> Decision:
    """Whether these words can be sent."""
    if not text.strip():
        return Decision.no("Write a few words first.")
    if len(text) > LONGEST:
        return Decision.no(f"A message has room for {LONGEST:,} characters. Shorten it; nothing was lost.")
    return Decision.yes("It can.")


BEFORE_ALONE: Final = {
    "no_secrets": (
        "No secrets",
        "What you write here may be brought into the room with both of you.",
        "What is written here may be brought into the room with both. Say so before you ask for more.",
    ),
    "confidential": (
        "Confidential",
        "What you write here may not be brought into the room, nor told to the other, unless you say so.",
        "What is written here may not be brought into the room, nor told to the other, unless its teller says so.",
    ),
    "": (
        "No agreement signed",
        "No agreement is in force yet. Write as if it may be brought into the room with both of you.",
        "Both have not signed an agreement. Ask before you use any of this in the room.",
    ),
}
"""By the mode of the disclosure agreement in force: its name, what it means for a partner, what for the therapist."""


def meaning(mode: str, *, for_staff: bool) -> tuple[str, str]:
    """The agreement's name and what it means to who is about to write."""
    name, to_partner, to_staff = BEFORE_ALONE[mode]
    return name, to_staff if for_staff else to_partner
