"""Whose page may follow what, asked anew each time: never by a role alone, never for a login that has locked.

It sends nothing and remembers nothing.
"""

from collections.abc import Collection
from uuid import UUID

from django.contrib.auth import get_user
from django.db import connection
from django.http import HttpRequest

from bothwell.privacy.models import User
from bothwell.web.guard import HANDED, SecondFactor, is_idle, is_too_long, second_factor
from bothwell.web.sessions import SessionStore

# May the viewer, whose door is open, follow this? One row, one boolean.
MAY_FOLLOW = {
    "room": """select exists (
        select 1 from bothwell_dosingsession
        where id = %(id)s and subject_id = any(array(select door.subjects('dosing.flowsheet'))))""",
    "board": """select %(id)s = door.clinic() and exists (
        select 1 from bothwell_staffrole
        where person_id = door.me() and role in ('nurse', 'prescriber')
          and since <= now() and (until is null or until > now()))""",
    "couple": """select exists (
        select 1 from bothwell_membership m join bothwell_couple c on c.id = m.couple_id
        where c.id = %(id)s and c.parted_at is null and m.person_id = door.me())
      or exists (
        select 1 from door.held_couples() h
        where h.couple = %(id)s and h.role = 'couples_therapist')""",
    "person": "select %(id)s = door.me()",
}


# The sessions whose alarms a board stream may go on showing.
SEEN_ON_BOARD = """select id from bothwell_dosingsession
    where clinic_id = %(id)s and ended_at is null
      and subject_id = any(array(select door.subjects('dosing.flowsheet')))"""


def may_follow(topic: str, about: UUID, viewer: UUID | None = None) -> bool:
    """Whether whoever the door is open for may; of `viewer`, if named, also whether it is open for them."""
    if viewer is None:
        return asked(MAY_FOLLOW[topic], id=about)
    return asked(f"select door.me() = %(viewer)s and ({MAY_FOLLOW[topic]})", id=about, viewer=viewer)


def sees_one(changed: Collection[UUID | None]) -> bool:
    """Whether one of these sessions is the viewer's to see: of any other, even the moment would tell."""
    known = [each for each in changed if each]
    if len(known) < len(changed):
        return True
    return asked(
        "select exists (select 1 from bothwell_dosingsession where id = any(%(known)s))", known=known
    )


def may_be_told(topic: str, changed: Collection[UUID | None]) -> bool:
    """Whether the viewer may learn of this very moment: what changed, or who changed it, is not hidden from them."""
    match topic:
        case "board":
            return sees_one(changed)
        case "person":
            return _by_one_seen(changed)
        case _:
            return True


def _by_one_seen(changed: Collection[UUID | None]) -> bool:
    """Whether somebody did it who is not sheltered from the viewer."""
    known = [each for each in changed if each]
    if len(known) < len(changed):
        return True
    return asked("select not (%(known)s::uuid[] <@ array(select door.sheltered()))", known=known)


def seen_on_board(clinic: UUID) -> frozenset[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(SEEN_ON_BOARD, {"id": clinic})
        return frozenset(key for (key,) in cursor.fetchall())


def asked(question: str, **values: UUID | list[UUID]) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(question, values)
        (answer,) = cursor.fetchone()
    return bool(answer)


def viewer_of(session_key: str) -> UUID | None:
    """The person logged in with this session, if it is neither idle too long nor owes a second factor."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    request.user = user = get_user(request)
    if not isinstance(user, User) or is_idle(request.session) or is_too_long(request.session):
        return None
    if HANDED in request.session:
        return None
    return user.person_id if second_factor(request) is SecondFactor.SETTLED else None
