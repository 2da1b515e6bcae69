"""Sharing one item of one's own and taking it back; and that somebody opened what was shared with them.

Neither decides who may see: they record what a person chose, and the policies do the rest at the next request.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.privacy import audit
from bothwell.privacy.circles import READS, Relation
from bothwell.privacy.models import (
    Audience,
    Grant,
    Receipt,
)
from bothwell.privacy.together_actions import couple_of
from bothwell.refusal import Refused, Stale

GIVEN_MEANWHILE = "You gave or took back words in another window. Look once more, then choose."
IN_COMMON = "couple.shared"


class Item(Protocol):
    """Any private row."""

    id: UUID
    clinic_id: UUID
    subject_id: UUID | None
    couple_id: UUID | None
    author_id: UUID | None


@transaction.atomic
def share(
    *,
    by: Person,
    item_kind: str,
    item: Item,
    to: Audience,
    opens_at: datetime | None = None,
    instead_of: Grant | None = None,
) -> Grant:
    """Open one item of one's own to one further audience, now or from `opens_at` on. Sharing twice changes nothing.

    `instead_of`: a grant of theirs to the same audience that ends with this; whoever may not have the new one keeps
    the old, as if nothing had happened. Raises Refused when the item is not theirs, is not of a kind that can be shared
    this way, or there is nobody.
    """
    if item.subject_id != by.id:
        raise Refused("Only the person it belongs to can share this.")
    if "G" not in READS.get(item_kind, {}).get(Relation(to), ()):
        raise Refused("This cannot be shared this way.")
    if getattr(item, "status", "sent") == "draft":
        raise Refused("Send or save it first; a draft stays with you.")
    couple = couple_of(by)
    if couple is None and to != Audience.INDIVIDUAL_THERAPIST:
        raise Refused("You are not in a couple in care here, so there is nobody to share it with.")
    already = Grant.objects.filter(subject=by, item_id=item.id, audience=to, revoked_at__isnull=True).first()
    if already:
        if opens_at is None and already.opens_at > _database_now():
            Grant.objects.filter(id=already.id, revoked_at__isnull=True).update(opens_at=_database_now())
            already.refresh_from_db()
            _tell_audience(already)
        return already
    grant = Grant(
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        couple=couple,
        item_kind=item_kind,
        item_id=item.id,
        audience=to,
        opens_at=opens_at or _database_now(),
        replaces=instead_of,
    )
    try:
        with transaction.atomic():
            grant.save(force_insert=True)
    except (IntegrityError, ProgrammingError) as error:
        kept = Grant.objects.filter(subject=by, item_id=item.id, audience=to, revoked_at__isnull=True).first()
        if kept:
            return kept
        if instead_of:  # it ended meanwhile, or something else took its place
            raise Stale(GIVEN_MEANWHILE) from error
        raise
    if instead_of:
        # Nobody is told that it ended: this one tells whom it reaches, and to anybody else nothing has changed.
        _end(by, instead_of)
    audit.log(
        "shared", by=by, subject=by, item_kind=item_kind, item_id=item.id, why=f"with {Audience(to).label}"
    )
    _tell_audience(grant)
    return grant


@transaction.atomic
def revoke(*, by: Person, grant_id: UUID) -> None:
    """Take one grant back; its audience loses the item with the next request. Taking back twice changes nothing."""
    grant = Grant.objects.select_related("couple").filter(id=grant_id, subject=by).first()
    if grant is None:
        raise Refused("There is no such share of yours.")
    if _end(by, grant):
        _tell_audience(grant, only_who_opened=True)


def _end(by: Person, grant: Grant) -> bool:
    """Whether it stood until now."""
    if not Grant.objects.filter(id=grant.id, subject=by, revoked_at__isnull=True).update(
        revoked_at=timezone.now()
    ):
        return False
    audit.log(
        "took back",
        by=by,
        subject=by,
        item_kind=grant.item_kind,
        item_id=grant.item_id,
        why=f"from {Audience(grant.audience).label}",
    )
    return True


def _database_now() -> datetime:
    """When this transaction began, by the clock the policies read: what opens now is open, and told, in it already."""
    with connection.cursor() as cursor:
        cursor.execute("select now()")
        began_at: datetime = cursor.fetchone()[0]
        return began_at


def _tell_audience(grant: Grant, *, only_who_opened: bool = False) -> None:
    """Wake the open pages of the grant's receivers, and of nobody else: timing would tell."""
    with connection.cursor() as cursor:
        cursor.execute("select door.tell_audience(%s, %s)", [grant.id, only_who_opened])


def receive_common(*, by: Person, items: Iterable[Item]) -> None:
    """Note that one of the two has read these lines of what is theirs in common, so that they keep them at a parting.

    One's own need no note: they stay by whose they are. One query when all were read before; one line in the log.
    """
    others = {item.id: item for item in items if item.author_id != by.id}
    known = Receipt.objects.filter(author=by, item_id__in=list(others)).values_list("item_id", flat=True)
    for id in known:
        others.pop(id, None)
    if not others:
        return
    with transaction.atomic():
        Receipt.objects.bulk_create(
            [
                Receipt(
                    clinic_id=by.clinic_id,
                    subject_id=item.subject_id,
                    author=by,
                    item_kind=IN_COMMON,
                    item_id=item.id,
                )
                for item in others.values()
            ],
            ignore_conflicts=True,
        )
        couple = next(iter(others.values())).couple_id
        audit.log("opened", by=by, couple=couple, item_kind=IN_COMMON)


@transaction.atomic
def receive(*, by: Person, item_kind: str, item: Item) -> None:
    """Note that `by` has opened somebody else's item. The first time counts."""
    if item.subject_id == by.id or Receipt.objects.filter(author=by, item_id=item.id).exists():
        return
    try:
        with transaction.atomic():
            Receipt(
                clinic_id=by.clinic_id,
                subject_id=item.subject_id,
                author=by,
                item_kind=item_kind,
                item_id=item.id,
            ).save(force_insert=True)
    except IntegrityError:
        return
    # What one of the two opens of what is theirs in common is not the other's to know, whoever wrote it: a line that names
    # the couple alone is kept from the other.
    is_ours = item_kind == IN_COMMON and not by.is_staff_member
    audit.log(
        "opened",
        by=by,
        subject=None if is_ours else item.subject_id,
        couple=item.couple_id if is_ours else None,
        item_kind=item_kind,
        item_id=item.id,
    )
