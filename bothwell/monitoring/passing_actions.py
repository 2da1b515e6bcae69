"""Passes an alarm on that nobody has acknowledged, and writes down to whom.

It ends no alarm, names no patient to anybody, and calls nobody about their own partner: `calling` decides.
"""

from uuid import UUID

from django.conf import settings

from bothwell.later import later, tell
from bothwell.monitoring import alarms, calling
from bothwell.monitoring.calling import Level
from bothwell.monitoring.watch import Watched, keep_event, rows
from bothwell.privacy.closeness_actions import not_to_be_called

_NOW = "since <= clock_timestamp() and (until is null or until > clock_timestamp())"


def pass_on(session: Watched, code: str, event: alarms.AlarmEvent) -> tuple[UUID, ...]:
    """Keep that an alarm went to the next level, and wake the pages of those who are called; who they are."""
    people = called(event.level, session.subject_id, session.clinic_id)
    by_name = people[0] if people and event.level != Level.ON_STAFF else None
    kept = keep_event(session, code, event, to=by_name)
    if settings.PUSH:
        later("push.call", alarm=kept.alarm_id, level=event.level)
    for person in people:
        tell("person", person)
    tell("room", session.id)
    tell("board", session.clinic_id, of=session.id)
    return people


def called(level: int, subject_id: UUID, clinic_id: UUID) -> tuple[UUID, ...]:
    """Who is called about this person's alarm at this level, now."""
    return calling.called(level, staff_of(subject_id, clinic_id), not_to_be_called(subject_id))


def staff_of(subject_id: UUID, clinic_id: UUID) -> calling.Staff:
    """Who cares for this person and who is on staff in the clinic now, prescribers before nurses."""
    found = rows(
        "select 'team', role, staff_id, since from bothwell_assignment "
        f"where subject_id = %(subject)s and role in ('prescriber', 'nurse') and {_NOW} "
        "union all select 'staff', role, person_id, since from bothwell_staffrole "
        f"where clinic_id = %(clinic)s and role in ('prescriber', 'nurse', 'lead') and {_NOW} order by 2 desc, 4, 3",
        {"subject": subject_id, "clinic": clinic_id},
    )
    return calling.Staff(
        team=[who for where, _, who, _ in found if where == "team"],
        on_staff=[who for where, role, who, _ in found if where == "staff" and role != "lead"],
        leads=[who for where, role, who, _ in found if where == "staff" and role == "lead"],
    )
