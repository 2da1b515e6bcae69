"""Who is called when nobody has acknowledged an alarm in time, level after level.

It calls no patient, and nobody who is that patient's partner; it says nothing about the alarm itself.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from uuid import UUID


class Level(IntEnum):
    """How far an alarm is passed on."""

    TEAM = 1
    ON_STAFF = 2
    LEAD = 3


WORDS = {
    Level.TEAM: "this person's nurses and prescriber",
    Level.ON_STAFF: "every nurse and prescriber on staff",
    Level.LEAD: "the clinic lead",
}


@dataclass(frozen=True, slots=True)
class Staff:
    """Who there is, most responsible first: prescribers before nurses."""

    team: Sequence[UUID]
    on_staff: Sequence[UUID]
    leads: Sequence[UUID]


def called(level: int, staff: Staff, intimates: Collection[UUID] = ()) -> tuple[UUID, ...]:
    """Who is called at this level, the first by name. Where a level has nobody, the next one's people.

    `intimates` are the patient, everyone they are or were a couple with, and who is close to any of these: an alarm about
    them is not theirs.
    """
    by_level = {Level.TEAM: staff.team, Level.ON_STAFF: staff.on_staff, Level.LEAD: staff.leads}
    for each in Level:
        people = tuple(dict.fromkeys(one for one in by_level[each] if one not in intimates))
        if each >= level and people:
            return people
    return ()


def words(level: int, name: str = "") -> str:
    """To whom an alarm was passed on, as the room and the board say it."""
    match level:
        case Level.ON_STAFF:
            return WORDS[Level.ON_STAFF]
        case Level.TEAM | Level.LEAD:
            return name or WORDS[Level(level)]
    return ""
