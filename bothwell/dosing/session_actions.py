"""What everything written about a dosing session shares: whose it is, who may write, and who is told of it.

It decides nothing of the treatment, and changes nothing but the columns it is told to.
"""

from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction

from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.later import tell
from bothwell.pathway import rights_actions, steps
from bothwell.refusal import Refused, Stale, constraint_of

SENTENCES = {
    "never_both_partners_at_once": (
        "Another session in this couple's care is open. It must be signed off before this one can begin."
    ),
    "one_session_a_person_at_a_time": "This person has another session open. Sign that one off first.",
    "one_session_a_room_at_a_time": (
        "This room is taken. Choose another room; where there is none, sign off the session in it first, or the clinic lead adds "
        "a room under Clinic."
    ),
}

CHART = frozenset({steps.Role.NURSE, steps.Role.PRESCRIBER})
"""Who writes on a flowsheet."""

SUMMARISE = CHART | {steps.Role.INDIVIDUAL_THERAPIST}
"""Who writes how it went."""


def change(session: DosingSession, still: Mapping[str, Any], **changes: Any) -> None:
    """Compare and set; the database's own refusals become sentences."""
    expected = {
        f"{name}__isnull" if value is None else name: value is None or value for name, value in still.items()
    }
    try:
        with transaction.atomic():
            changed = DosingSession.objects.filter(id=session.id, **expected).update(**changes)
    except IntegrityError as error:
        raise Refused(
            SENTENCES.get(constraint_of(error), "This session cannot be changed that way now.")
        ) from error
    if not changed:
        raise Stale("Somebody else has just changed this session. Look at it again.")


def session_of(session_id: UUID) -> DosingSession:
    """The session with what hangs on it, as far as the viewer may see it. Raises Refused where there is none."""
    session = (
        DosingSession.objects.select_related(
            "clinic", "course", "course__protocol", "couple", "room", "order", "subject"
        )
        .filter(id=session_id)
        .first()
    )
    if session is None:
        raise Refused("There is no such session.")
    return session


def held(session_id: UUID) -> DosingSession:
    """The session, its row held until the transaction ends: two of the same post wait for each other."""
    DosingSession.objects.select_for_update().filter(id=session_id).values_list("id").first()
    return session_of(session_id)


def may_chart(by: Person, session: DosingSession) -> bool:
    """Whether `by` is this person's nurse or prescriber now."""
    return bool(rights_actions.roles_towards(by, session.subject_id, session.couple_id) & CHART)


def must_chart(by: Person, session: DosingSession) -> None:
    """Raise Refused unless `by` is this person's nurse or prescriber now."""
    if not may_chart(by, session):
        raise Refused("Only this person's nurse or prescriber can do this.")


def tell_all(session: DosingSession) -> None:
    """Pages of this room, and of the clinic's board, that stand open are told that something changed."""
    tell("room", session.id)
    tell("board", session.clinic_id, of=session.id)


def about(by: Person, session: DosingSession) -> dict[str, Any]:
    """The columns every row of a session's flowsheet begins with."""
    return {
        "clinic_id": session.clinic_id,
        "subject_id": session.subject_id,
        "couple_id": session.couple_id,
        "author": by,
        "session": session,
    }


def must_be_open(session: DosingSession) -> None:
    """Raise Refused before the arrival, and once the session is signed off."""
    if session.arrived_at is None:
        raise Refused("The person has not arrived yet.")
    if session.ended_at is not None:
        raise Refused("This session is signed off; nothing more is added to it.")


def arrival_of(session: DosingSession) -> datetime:
    """When the person arrived. Raises Refused where they have not."""
    if session.arrived_at is None:
        raise Refused("The person has not arrived yet.")
    arrived: datetime = session.arrived_at
    return arrived


def day_began_at(session: DosingSession, now: datetime) -> datetime:
    """The clinic's local midnight before `now`."""
    zone = ZoneInfo(session.clinic.timezone)
    return datetime.combine(now.astimezone(zone).date(), time.min, zone)
