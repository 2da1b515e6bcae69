"""Keeping from a partner what somebody gives or does from now on, for as long as they may be in danger at home.

Nobody but the safety circle learns that it stands: not the partner, nor anyone who holds the person's own telephone. So
nothing that was read before is taken away, and nothing that was hidden comes to light when it ends.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from bothwell.couples.models import Assignment, Person, Role, open_at
from bothwell.privacy import audit
from bothwell.privacy.models import Shelter
from bothwell.refusal import Refused

KIND = "shelter"
SHORTEST_REASON = 3
"""Characters. Enough that a reason is words."""


@transaction.atomic
def keep_to_myself(*, by: Person) -> None:
    """From now on a partner finds nothing new of what `by` gives or does. Whether it stood already is not told.

    Nothing is woken and nobody is written to: the moment would tell as much as a word.
    """
    if by.is_staff_member:
        raise Refused("This is for people in care here.")
    if _begin(by, by):
        audit.log("asked for shelter", by=by, subject=by, item_kind=KIND, sealed=True)


@transaction.atomic
def shelter(*, by: Person, subject: Person, why: str) -> None:
    """The safety circle begins it, for a reason that only the circle reads. Beginning twice changes nothing."""
    _must_be_in_the_circle(by, subject)
    _must_say_why(why)
    if _begin(by, subject):
        audit.log("gave shelter", by=by, subject=subject, item_kind=KIND, why=why.strip(), sealed=True)


@transaction.atomic
def end_shelter(*, by: Person, subject: Person, why: str) -> None:
    """The safety circle alone ends it; what it hid stays hidden, until it is given again. Ending twice changes nothing."""
    _must_be_in_the_circle(by, subject)
    _must_say_why(why)
    if Shelter.objects.filter(subject=subject, until__isnull=True).update(until=timezone.now()):
        audit.log("ended shelter", by=by, subject=subject, item_kind=KIND, why=why.strip(), sealed=True)


def sheltered_since(people: Collection[UUID]) -> dict[UUID, datetime]:
    """Who of these has shelter now, and since when; empty for every viewer outside their safety circle."""
    rows = Shelter.objects.filter(subject_id__in=people, until__isnull=True)
    return {subject: at for subject, at in rows.values_list("subject_id", "recorded_at") if subject}


def _begin(by: Person, subject: Person) -> bool:
    row = Shelter(clinic_id=by.clinic_id, subject=subject, author=by)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def _must_be_in_the_circle(by: Person, subject: Person) -> None:
    held = Assignment.objects.filter(open_at(timezone.now()), staff=by, role=Role.SAFETY, subject=subject)
    if not held.exists():
        raise Refused("Only this person's safety circle can do this.")


def _must_say_why(why: str) -> None:
    if len(why.strip()) < SHORTEST_REASON:
        raise Refused("Write why in a few words. Only the safety circle reads it.")


def withheld(couple_id: UUID) -> frozenset[UUID]:
    """Of a couple in one's care: which rows stay off a sheet that both will read. For leaving out, never to be shown."""
    with connection.cursor() as cursor:
        cursor.execute("select door.withheld(%s)", [couple_id])
        return frozenset(key for (key,) in cursor.fetchall())
