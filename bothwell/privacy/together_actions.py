"""The couple somebody is in, and waking the pages of those for whom what is theirs in common is."""

from uuid import UUID

from django.db import connection
from django.utils import timezone

from bothwell.couples.models import Assignment, Couple, Membership, Person, open_at
from bothwell.later import tell


def couple_of(person: Person) -> Couple | None:
    """The couple this person is in now, as the viewer may see it."""
    membership = (
        Membership.objects.select_related("couple")
        .filter(person=person, until__isnull=True, couple__parted_at__isnull=True)
        .first()
    )
    return membership.couple if membership else None


def tell_couple(couple: Couple) -> None:
    """Wake the pages of both partners and of their couples therapists, for what is theirs in common.

    Each page is told who did it, and keeps still where that person is sheltered from whoever looks.
    """
    by = _who_acts()
    for person in Membership.objects.filter(couple=couple).values_list("person", flat=True):
        tell("person", person, of=by)
    now = timezone.now()
    for staff in Assignment.objects.filter(open_at(now), couple=couple).values_list("staff", flat=True):
        tell("person", staff, of=by)


def _who_acts() -> UUID | None:
    """Whom the open door names; None where nobody acts. It decides nothing but who is woken."""
    with connection.cursor() as cursor:
        cursor.execute("select split_part(current_setting('bothwell.viewer', true), '.', 1)")
        (named,) = cursor.fetchone()
    return UUID(named) if named else None
