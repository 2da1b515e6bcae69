"""The secret address of a person's calendar: made, replaced and ended; and what is found under it.

Only the hash of the secret is kept. Whoever has the address sees times, and not whose they are.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Membership, Person
from bothwell.integration.models import CoupleSession
from bothwell.messaging import feed
from bothwell.messaging.booking import Span
from bothwell.messaging.coming_actions import Entry, What, own
from bothwell.messaging.models import Appointment, CalendarFeed
from bothwell.privacy import audit
from bothwell.privacy.models import AuditEntry, User
from bothwell.refusal import Refused, Stale

BACK, AHEAD = timedelta(days=31), timedelta(days=400)
MADE = "scheduled a session"
CHANGES = (
    "moved an appointment",
    "cancelled an appointment",
    "moved a couples session",
    "cancelled a couples session",
    "cancelled a session",
)
"""What the log says of a change of time, or an end. The log is added to, never changed, so their number only grows; after
a backup is put back it counts on from there.
"""


@dataclass(frozen=True)
class Made:
    """A feed, and its secret where it was made just now; nobody can ask for it again."""

    row: CalendarFeed
    secret: str


def hash_of(secret: str) -> str:
    """What the database keeps: SHA-256, 64 hexadecimal digits. The secret is 256 random bits, so it needs no salt."""
    return hashlib.sha256(secret.encode()).hexdigest()


def feed_of(person: Person) -> CalendarFeed | None:
    """The address that works now."""
    return CalendarFeed.objects.filter(subject=person, ended_at__isnull=True).first()


@transaction.atomic
def make(*, by: Person, request_id: UUID) -> Made:
    """A new address; the one before ends. Posted twice it is made once, and its secret is not shown again."""
    if by.is_staff_member:
        raise Refused("A calendar's address is made by the person it belongs to.")
    key = uuid5(by.id, str(request_id))
    if kept := CalendarFeed.objects.filter(id=key, subject=by).first():
        return Made(kept, "")
    _end(by)
    secret = secrets.token_urlsafe(32)
    row = CalendarFeed(id=key, clinic_id=by.clinic_id, subject=by, author=by, token_hash=hash_of(secret))
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("An address has just been made in another window. Look at it first.") from error
    audit.log("made a calendar address", by=by, subject=by, item_kind="calendar", item_id=row.id)
    return Made(row, secret)


@transaction.atomic
def end(*, by: Person) -> None:
    """From now on nothing is found under the address. Ending twice changes nothing."""
    if _end(by):
        audit.log("ended a calendar address", by=by, subject=by, item_kind="calendar")


def _end(by: Person) -> int:
    return CalendarFeed.objects.filter(subject=by, ended_at__isnull=True).update(ended_at=timezone.now())


def owner_of(secret: str) -> UUID | None:
    """Before the door: whose calendar this is, if the address works and its owner may still sign in."""
    found = CalendarFeed.objects.filter(token_hash=hash_of(secret), ended_at__isnull=True)
    # Not `first()`: it would order by a column that is not told before the door.
    owner = next(iter(found.values_list("subject_id", flat=True)[:1]), None)
    if owner is None or not User.objects.filter(person_id=owner, is_active=True).exists():
        return None
    return owner


def calendar_of(person: Person, now: datetime) -> bytes:
    """Behind the door: the person's own meetings, as a calendar."""
    entries = own(person, Span(now - BACK, now + AHEAD))
    made, changed = _made_at(entries), _changes(person, entries)
    meetings = []
    for entry in entries:
        steps = changed.get(entry.id, [])
        meetings.append(
            feed.Meeting(
                entry.id,
                entry.at,
                int((entry.span.ends_at - entry.span.starts_at).total_seconds()) // 60,
                entry.is_cancelled,
                max([made.get(entry.id, person.created_at), *(at for _, at in steps)]),
                sum(action != MADE for action, _ in steps),
            )
        )
    return feed.written(meetings, person.id, settings.SECRET_KEY)


def _made_at(entries: Sequence[Entry]) -> dict[UUID, datetime]:
    """When each was put on the list, where its row says so."""
    found: dict[UUID, datetime] = {}
    for what, model in ((What.TOGETHER, CoupleSession), (What.APPOINTMENT, Appointment)):
        ids = [one.id for one in entries if one.what == what]
        found |= dict(model.objects.filter(id__in=ids).values_list("id", "recorded_at"))
    return found


def _changes(person: Person, entries: Sequence[Entry]) -> dict[UUID, list[tuple[str, datetime]]]:
    """What was done with each, and when, from the person's own log."""
    if not entries:
        return {}
    couples = Membership.objects.filter(person=person).values("couple_id")
    rows = AuditEntry.objects.filter(
        Q(subject=person) | Q(subject__isnull=True, couple_id__in=couples),
        item_id__in=[one.id for one in entries],
        action__in=(MADE, *CHANGES),
    )
    found: dict[UUID, list[tuple[str, datetime]]] = {}
    for item_id, action, at in rows.values_list("item_id", "action", "at"):
        if item_id is not None:
            found.setdefault(item_id, []).append((action, at))
    return found
