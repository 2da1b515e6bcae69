"""Who asks, what they are to the person asked about, and whether they may write.

Nothing here changes a row.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Assignment, Membership, Person, StaffRole, open_at
from bothwell.couples.models import Role as StaffIs
from bothwell.pathway import steps
from bothwell.privacy.circles import WRITES
from bothwell.refusal import Refused, SentBefore


def roles_towards(by: Person, subject_id: UUID, couple_id: UUID | None) -> frozenset[steps.Role]:
    """What `by` is to this person now, in the words of the pathway's table."""
    if by.id == subject_id:
        return frozenset({steps.Role.PARTNER})
    now = timezone.now()
    about = Q(subject_id=subject_id)
    if couple_id:
        about |= Q(couple_id=couple_id, couple__parted_at__isnull=True)
    held = set(Assignment.objects.filter(open_at(now), about, staff=by).values_list("role", flat=True))
    held |= set(
        StaffRole.objects.filter(
            open_at(now), person=by, role__in=[StaffIs.LEAD, StaffIs.COORDINATOR]
        ).values_list("role", flat=True)
    )
    return frozenset(steps.Role(role) for role in held if role in set(steps.Role))


def check_length(*texts: str) -> None:
    if any(len(text) > settings.LONGEST_TEXT for text in texts):
        most = f"{settings.LONGEST_TEXT:,}"
        raise Refused(f"This is longer than {most} characters. Shorten it; nothing was lost.")


def kept_before(model: Any, by: Person, request_id: UUID | None, **said: Any) -> Any:
    """The row that an earlier post of the same form made, if it did. `said`: what the form says now, by column.

    Raises SentBefore where it said something else then: that stands, and this is not kept.
    """
    kept = model.objects.filter(id=request_id, author=by).first() if request_id else None
    if kept is not None and any(getattr(kept, column) != value for column, value in said.items()):
        raise SentBefore
    return kept


def need_to_write(by: Person, subject_id: UUID, kind: str, sentence: str) -> None:
    """Ask the table of `circles` who may add a row of this kind; refuse with a sentence that helps."""
    couple_id = (
        Membership.objects.filter(person_id=subject_id, couple__parted_at__isnull=True)
        .values_list("couple_id", flat=True)
        .first()
    )
    roles = roles_towards(by, subject_id, couple_id)
    held = {"self" if role is steps.Role.PARTNER else role for role in roles}
    if not held & WRITES[kind]:
        raise Refused(sentence)


def subject_of(row: Any) -> UUID:
    """The person a row is about; rows of a course always have one."""
    subject: UUID = row.subject_id
    return subject


def partner_of(subject_id: UUID, couple_id: UUID | None) -> UUID | None:
    """The other member of this couple."""
    if couple_id is None:
        return None
    return (
        Membership.objects.filter(couple_id=couple_id)
        .exclude(person_id=subject_id)
        .values_list("person_id", flat=True)
        .first()
    )
