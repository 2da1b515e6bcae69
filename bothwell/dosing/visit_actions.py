"""A session on the calendar: put there, taken off, and the person who arrives for it.

The database refuses two partners at once; nothing here works around it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils import timezone

from bothwell.couples.models import Person, Room
from bothwell.dosing.models import DosingSession
from bothwell.dosing.session_actions import change, must_chart, session_of, tell_all
from bothwell.later import later
from bothwell.pathway import course_actions, rights_actions, steps
from bothwell.pathway.models import Course
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore, Stale
from bothwell.turns import one_after_another


@transaction.atomic
def schedule(
    *, by: Person, course: Course, at: datetime, room: Room | None = None, request_id: UUID | None = None
) -> DosingSession:
    """Put one session of a course on the calendar; `request_id` becomes its id: one post, one session.

    Raises SentBefore where the same post said something else before.
    """
    said = {
        "author_id": by.id, "course_id": course.id, "scheduled_at": at, "room_id": room.id if room else None
    }  # fmt: skip
    if request_id and (kept := _sent_before(request_id, said)):
        return kept
    if not (planned := steps.takes_sessions(course_actions.state_of(course))):
        raise Refused(planned.reason)
    session = DosingSession(
        clinic_id=by.clinic_id, subject_id=rights_actions.subject_of(course), couple_id=course.couple_id, author=by,
        course=course,
        number=_next_number(course), scheduled_at=at,
        room=room,
        **({"id": request_id} if request_id else {}),
    )  # fmt: skip
    try:
        with transaction.atomic():
            session.save(force_insert=True)
    except IntegrityError as error:
        # A second press at the same moment; or the number is that of something else, perhaps not seen here.
        if kept := _sent_before(session.id, said):
            return kept
        raise SentBefore from error
    audit.log(
        "scheduled a session", by=by, subject=course.subject_id, item_kind="dosing.time", item_id=session.id
    )
    tell_all(session)
    _plan_questions(session)
    return session


def _next_number(course: Course) -> int:
    """One more than the highest that stands: what was cancelled in between leaves a gap, never two of one number."""
    standing = course.sessions.exclude(outcome="cancelled")
    return (standing.aggregate(last=Max("number"))["last"] or 0) + 1


def _sent_before(key: UUID, said: Mapping[str, Any]) -> DosingSession | None:
    """The session that the same form made before. `said`: what it says now, by column."""
    kept = DosingSession.objects.filter(id=key).first()
    if kept is not None and any(getattr(kept, column) != value for column, value in said.items()):
        raise SentBefore
    return kept


@transaction.atomic
def cancel(*, by: Person, session_id: UUID) -> None:
    """Take a session that nobody arrived for off the calendar."""
    # Without its course: the office, which plans sessions, does not see where a course stands.
    session = DosingSession.objects.filter(id=session_id).first()
    if session is None:
        raise Refused("There is no such session.")
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
    one_after_another(f"couple {session.couple_id}", f"room {room.id}")
    change(session, {"arrived_at": None, "outcome": ""}, arrived_at=timezone.now(), room=room)
    audit.log("arrived", by=by, subject=session.subject_id, item_kind="dosing.time", item_id=session.id)
    tell_all(session)
    return session_of(session_id)


def _plan_questions(session: DosingSession) -> None:
    """What is asked before a session follows it at once: begun when it is soon, ended when it will not be."""
    later("measures.plan", clinic=session.clinic_id, person=session.subject_id)
