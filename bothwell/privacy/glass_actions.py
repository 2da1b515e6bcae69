"""Breaking the glass: an hour of access for a written reason, which the person reads in their own log."""

from datetime import timedelta

from django.db import ProgrammingError, transaction
from django.utils import timezone

from bothwell.couples.models import Couple, Membership, Person
from bothwell.privacy import audit
from bothwell.privacy.models import (
    BreakGlass,
)
from bothwell.refusal import Refused

GLASS_STAYS_BROKEN = timedelta(hours=1)


@transaction.atomic
def break_glass(
    *, by: Person, reason: str, subject: Person | None = None, couple: Couple | None = None
) -> BreakGlass:
    """One hour of access for a written reason. It never opens insights, safety or process notes.

    The subject's log shows it, and the lead's; nobody is asked first.
    """
    if len(reason.strip()) < 10:
        raise Refused("Write why, in a sentence: it will stand in the person's own log.")
    glass = BreakGlass(
        clinic_id=by.clinic_id,
        subject=subject,
        couple=couple,
        author=by,
        reason=reason.strip(),
        expires_at=timezone.now() + GLASS_STAYS_BROKEN - timedelta(seconds=5),
    )
    try:
        with transaction.atomic():
            glass.save(force_insert=True)
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("You may not open this record this way.") from error
    for who in [subject] if subject else _members(couple):
        audit.log("broke the glass", by=by, subject=who, couple=couple, why=reason.strip())
    return glass


def _members(couple: Couple | None) -> list[Person]:
    return (
        [m.person for m in Membership.objects.select_related("person").filter(couple=couple)]
        if couple
        else []
    )
