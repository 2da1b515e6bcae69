"""Who may write in a session's chart, and once for each press.

Nothing here writes.
"""

from uuid import UUID

from bothwell.later import tell
from bothwell.monitoring.watch import SESSION, Watched, rows
from bothwell.refusal import Refused
from bothwell.turns import one_after_another

KIND = "dosing.flowsheet"

NOT_OPEN = "This session is not open. Nothing was written."

NOT_YOURS = "Only this person's prescriber or nurse can do this."


def session_to_write(session_id: UUID) -> Watched:
    """The session, if the viewer may write its flowsheet. Raises Refused."""
    found = rows(
        "select s.subject_id = any(array(select door.writes('dosing.flowsheet'))), s.arrived_at is not null, "
        f"{SESSION} where s.id = %s",
        [session_id],
    )
    if not found:
        raise Refused("There is no such session here.")
    may_write, has_arrived, *session = found[0]
    if not may_write:
        raise Refused(NOT_YOURS)
    if not has_arrived:
        raise Refused(NOT_OPEN)
    return Watched(*session)


def once(request_id: UUID) -> None:
    """Two of the same post wait for each other."""
    one_after_another(str(request_id))


def tell_room_and_board(session: Watched) -> None:
    tell("room", session.id)
    tell("board", session.clinic_id, of=session.id)
