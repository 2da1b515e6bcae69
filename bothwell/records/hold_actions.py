"""Keeping a person's record as it is for a court or counsel, whatever else would close or move it.

Only the clinic lead lays and ends a hold, each with a reason; the person it concerns does not see it.
"""

from collections.abc import Collection
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import Person, Role
from bothwell.couples.pairing import SHORTEST_REASON
from bothwell.enrolment.roles_actions import roles_held
from bothwell.privacy import audit
from bothwell.records.models import LegalHold
from bothwell.refusal import Refused, Stale

KIND = "legal.hold"


@transaction.atomic
def lay_hold(*, by: Person, subject: Person, reason: str) -> LegalHold:
    """From now this person's record is kept as it is. The same again changes nothing; raises Stale where one stands for
    another reason.
    """
    must_be_lead(by)
    _must_say_why(reason)
    row = LegalHold(clinic_id=by.clinic_id, subject=subject, author=by, reason=reason.strip()[:300])
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        stands = LegalHold.objects.get(subject=subject, until__isnull=True)
        if stands.reason != row.reason:
            raise Stale("A hold stands here already, for another reason. Look at it first.") from error
        return stands
    audit.log("laid a legal hold", by=by, item_kind=KIND, item_id=row.id, why=reason.strip())
    return row


@transaction.atomic
def end_hold(*, by: Person, hold_id: UUID, reason: str) -> None:
    """A court or counsel ended this one hold; the reason stands in the clinic's log. Ending it twice changes nothing."""
    must_be_lead(by)
    _must_say_why(reason)
    if not LegalHold.objects.filter(id=hold_id).exists():
        raise Refused("There is no such hold here.")
    if LegalHold.objects.filter(id=hold_id, until__isnull=True).update(until=timezone.now()):
        audit.log("ended a legal hold", by=by, item_kind=KIND, item_id=hold_id, why=reason.strip())


@transaction.atomic
def note_reason(*, by: Person, hold_id: UUID, reason: str) -> None:
    """A further court or counsel asks for what is held already: it stands in the clinic's log beside the first reason."""
    must_be_lead(by)
    _must_say_why(reason)
    audit.log("noted a further reason", by=by, item_kind=KIND, item_id=hold_id, why=reason.strip())


def holds_on(people: Collection[UUID]) -> dict[UUID, LegalHold]:
    """The hold that stands on each of these people, as far as the viewer may know of it."""
    rows = LegalHold.objects.filter(subject_id__in=people, until__isnull=True).select_related("author")
    return {row.subject_id: row for row in rows if row.subject_id}


def must_be_lead(by: Person) -> None:
    """Raise Refused for everybody but the clinic lead."""
    if Role.LEAD not in roles_held(by):
        raise Refused("Only the clinic lead does this.")


def _must_say_why(reason: str) -> None:
    if len(reason.strip()) < SHORTEST_REASON:
        raise Refused("Write why in a few words: which court or counsel, and the reference.")
