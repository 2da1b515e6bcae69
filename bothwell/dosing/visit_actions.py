"""A session on the calendar: put there, taken off, and the person who arrives for it.

The database refuses two partners at once; nothing here works around it.
"""

from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from bothwell.couples.models import Person, Room
from bothwell.dosing.models import DosingSession
from bothwell.dosing.session_actions import change, must_chart, session_of, tell_all
from bothwell.later import later
from bothwell.pathway import rights_actions, steps
from bothwell.pathway.models import Course
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale


@transaction.atomic
def schedule(
    *, by: Person, course: Course, at: datetime, room: Room | None = None, request_id: UUID | None = None
) -> DosingSession:
    """Put one session of a course on the calendar; `request_id` becomes its id: one post, one session."""
    if request_id and (kept := DosingSession.objects.filter(id=request_id, course=course).first()):
        return kept
    if course.state != steps.State.ACTIVE:
        raise Refused(f"This course is {steps.words(course.state)}; nothing is scheduled in it.")
    session = DosingSession(
        clinic_id=by.clinic_id, subject_id=rights_actions.subject_of(course), couple_id=course.couple_id, author=by,
        course=course,
        number=course.sessions.exclude(outcome="cancelled").count() + 1, scheduled_at=at,
        room=room,
        **({"id": request_id} if request_id else {}),
    )  # fmt: skip
    session.save(force_insert=True)
    audit.log(
        "scheduled a session", by=by, subject=course.subject_id, item_kind="dosing.time", item_id=session.id
    )
    tell_all(session)
    _plan_questions(session)
    return session


@transaction.atomic
def cancel(*, by: Person, session_id: UUID) -> None:
    """Take a session that nobody arrived for off the calendar."""
    session = session_of(session_id)
    if not DosingSession.objects.filter(id=session_id, arrived_at__isnull=True, outcome="").update(
        outcome="cancelled"
    ):
        raise Stale("This session has begun, or was cancelled already.")
    audit.log(
        "cancelled a session", by=by, subject=session.subject_id, item_kind="dosing.time", item_id=session_id
    )
    tell_all(session)
    _plan_questions(session)


@transaction.atomic
def arrive(*, by: Person, session_id: UUID, room: Room) -> DosingSession:
    """The person is here, in this room: until signed discharge no other session of the couple can open."""
    session = session_of(session_id)
    must_chart(by, session)
    if session.arrived_at is not None and session.ended_at is None and session.room_id == room.id:
        return session
    _one_after_another(f"couple {session.couple_id}", f"room {room.id}")
    change(session, {"arrived_at": None, "outcome": ""}, arrived_at=timezone.now(), room=room)
    audit.log("arrived", by=by, subject=session.subject_id, item_kind="dosing.time", item_id=session.id)
    tell_all(session)
    return session_of(session_id)


def _one_after_another(*keys: str) -> None:
    """Two who arrive at once wait for each other, so that the second reads a sentence and not a deadlock."""
    with connection.cursor() as cursor:
        for key in sorted(keys):
            cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [key])


def _plan_questions(session: DosingSession) -> None:
    """What is asked before a session follows it at once: begun when it is soon, ended when it will not be."""
    later("measures.plan", clinic=session.clinic_id, person=session.subject_id)
