"""Whom a chart is kept from though a role would open it: colleagues who are, or are close to, the person it is about.

It names them to jobs that call or write to staff, and to nobody who looks; the database keeps the chart shut by itself.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import connection

from bothwell.couples.models import Membership
from bothwell.privacy.models import CloseTo


def with_their_mates(people: Collection[UUID]) -> frozenset[UUID]:
    """These people, and everyone they are or were a couple with, as far as whoever asks may know."""
    shared = Membership.objects.filter(person_id__in=people).values("couple_id")
    mates = Membership.objects.filter(couple_id__in=shared).values_list("person_id", flat=True)
    return frozenset({*people, *mates})


def kept_from(staff: UUID) -> frozenset[UUID]:
    """Everybody whose chart is kept from this colleague for somebody's sake they are close to, as far as one may know."""
    close = CloseTo.objects.filter(staff_id=staff, until__isnull=True).values_list("subject_id", flat=True)
    found = [person for person in close if person]
    return with_their_mates(found) if found else frozenset()


def not_to_be_called(about: UUID | None) -> frozenset[UUID]:
    """Whom a job calls or writes to about this person never: themselves, their couple's other, and who is close to either."""
    if about is None:
        return frozenset()
    theirs = with_their_mates([about])
    close = CloseTo.objects.filter(subject_id__in=theirs, until__isnull=True).values_list(
        "staff_id", flat=True
    )
    return frozenset({*theirs, *close})


def intimates() -> frozenset[UUID]:
    """Whose charts no role opens to whoever the door is open for: themselves, and those they are or were close to."""
    with connection.cursor() as cursor:
        cursor.execute("select door.intimates()")
        return frozenset(key for (key,) in cursor.fetchall())
