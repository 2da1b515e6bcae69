"""Making a copy of a record, and writing down that it was given: to whom, what, on what ground, and the file's hash.

A copy of one's own is read with one's own eyes, so that it can hold nothing a page would not show; the couple's whole
record is read by the lead through the broken glass, and only when both have signed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from django.apps import apps
from django.db import connection, models, transaction
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Contact, Couple, Membership, Person
from bothwell.instruments.models import Kind
from bothwell.privacy import audit
from bothwell.privacy.glass_actions import break_glass
from bothwell.privacy.keeping_actions import kept_first
from bothwell.privacy.models import BreakGlass
from bothwell.privacy.shelter_actions import withheld
from bothwell.records import document, rights
from bothwell.records.contents import Part, Scope, Whose, parts_of
from bothwell.records.hold_actions import must_be_lead
from bothwell.records.models import Disclosure, JointRequest, RecordRequest
from bothwell.records.request_actions import both_signed, local_day, standing_of
from bothwell.refusal import Refused

KIND = "disclosed"
WHY_GLASS = "Both have signed that the couple's whole record is given."
NOT_NOW = (
    "This cannot be given now. Nothing was made, and neither of the two is told. Speak with each of them alone; "
    "where both still want it, they ask anew."
)
WHAT = {"own": "own record", "couple": "own record, and own part of the couple's chart"}
AT_ONCE = 2000
STILL_OPEN = timedelta(minutes=1)


# ── reading ───────────────────────────────────────────────────────────────────────────────────────────────


def copy_for(by: Person, scope: Scope) -> document.Record:
    """A copy for the person who looks, of what is theirs; the door must be open for them."""
    reader = _reader(by)
    chapters = tuple(
        document.chapter(part, rows := list(_rows(part, by)), reader, _names(rows))
        for part in parts_of(scope)
    )
    return document.Record(
        scope, by.clinic.name, local_day(by), _about(by), document.hanging_together(chapters)
    )


def copy_of_both(by: Person, couple: Couple) -> document.Record:
    """The couple's whole record, as far as the looking lead's broken glass shows it, but for what one of the two gave or
    did under shelter: the other reads this too.
    """
    kept_back = withheld(couple.id)
    chapters = tuple(
        document.whole_chapter(
            part,
            rows := [one for one in _read(part, Q(couple=couple)) if one.id not in kept_back],
            _names(rows),
        )
        for part in parts_of(Scope.JOINT)
    )
    members = Membership.objects.filter(couple=couple).select_related("person").order_by("side")
    about = {
        "partners": [member.person.name_used for member in members],
        "formed_on": document.plain(local_day(by, couple.formed_at)),
        "parted_on": document.plain(local_day(by, couple.parted_at)) if couple.parted_at else "",
    }
    return document.Record(
        Scope.JOINT, by.clinic.name, local_day(by), about, document.hanging_together(chapters)
    )


def _reader(by: Person) -> document.Reader:
    others = (
        Membership.objects.filter(couple__memberships__person=by)
        .exclude(person=by)
        .values_list("person_id", "person__name_used")
    )
    found = dict(others)
    return document.Reader(by.id, frozenset(found), tuple(sorted(set(found.values()))))


def _about(by: Person) -> dict[str, Any]:
    contact = Contact.objects.filter(subject=by).first()
    said = {"name": by.name_used, "pronouns": by.pronouns}
    if contact:
        said |= {
            "full_name": contact.full_name,
            "born_on": document.plain(contact.born_on) if contact.born_on else "",
            "safe_email": contact.safe_email,
            "safe_phone": contact.safe_phone,
        }
    return {key: value for key, value in said.items() if value}


def _rows(part: Part, by: Person) -> Iterator[document.Row]:
    if part.whose is Whose.OWN:
        return _read(part, Q(subject=by))
    return _read(part, Q(couple__memberships__person=by))


MESSAGES_OF_BOTH = Q(kind="message.couple")
ONLY: dict[tuple[str, Whose], Q] = {
    ("Response", Whose.OWN): Q(status="sent") & ~Q(kind=Kind.VIOLENCE.value),
    ("Message", Whose.OWN): ~MESSAGES_OF_BOTH,
    ("Message", Whose.OURS): MESSAGES_OF_BOTH,
}
"""What of a table belongs into a part, where the part's own rule does not say it."""


def _read(part: Part, about: Q) -> Iterator[document.Row]:
    """The part's rows that row-level security shows now, the oldest first."""
    model: type[models.Model] = apps.get_model("bothwell", part.table)
    wanted = model._default_manager.filter(about & ONLY.get((part.table, part.whose), Q()))
    named = wanted.order_by(*_order(model)).values_list("id", "subject_id", "author_id", *part.columns)
    for key, subject, author, *values in named.iterator(AT_ONCE):
        yield document.Row(key, subject, author, tuple(values))


def _order(model: type[models.Model]) -> list[str]:
    columns = {field.name for field in model._meta.concrete_fields}
    return [next(one for one in ("recorded_at", "scheduled_at", "id") if one in columns), "id"]


def _names(rows: Sequence[document.Row]) -> dict[UUID, str]:
    """How those who wrote these rows sign, as far as the viewer may know them."""
    authors = {row.author for row in rows if row.author}
    return {one.id: one.signs_as for one in Person.objects.filter(id__in=authors)}


# ── giving ────────────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def give_own(*, by: Person, asked_id: UUID, file: bytes, form: str, left_out: dict[str, int]) -> Disclosure:
    """Write down that a person fetched their copy (`file`, a `form`: PDF or JSON). Refused when it is not theirs to
    fetch now.
    """
    asked = fetchable(by, asked_id)
    return _disclose(
        by,
        subject=by.id,
        recipient="the person themselves",
        what=f"{WHAT[asked.scope]} ({form})",
        ground="own_request",
        sha256=_sha256(file),
        left_out=left_out,
    )


def fetchable(by: Person, asked_id: UUID) -> RecordRequest:
    """A request of one's own whose copy was given and can still be fetched; else Refused."""
    asked = RecordRequest.objects.filter(id=asked_id, subject=by).first()
    if asked is None:
        raise Refused("There is no such request of yours.")
    if not standing_of(asked).can_be_fetched(local_day(by)):
        raise Refused("This copy cannot be fetched now. Ask for a new one.")
    return asked


def open_both(*, by: Person, joint_id: UUID) -> JointRequest:
    """Break the glass on a couple's chart to give the whole of it, once both have signed; both read that in their log."""
    must_be_lead(by)
    asked = JointRequest.objects.select_related("couple").filter(id=joint_id).first()
    if asked is None or asked.couple is None:
        raise Refused("There is no such request here.")
    if not both_signed(asked):
        raise Refused("Both must have signed first, and neither have taken it back.")
    if _not_now(asked):
        raise Refused(NOT_NOW)
    # Long paper is asked for more than once, and each broken glass is a line in both their logs.
    broken = BreakGlass.objects.filter(
        author=by, couple=asked.couple, reason=WHY_GLASS, expires_at__gt=timezone.now() + STILL_OPEN
    )
    if not broken.exists():
        break_glass(by=by, reason=WHY_GLASS, couple=asked.couple)
    return asked


def _not_now(asked: JointRequest) -> bool:
    """Whether somebody's safety stands against it. The answer holds no more than that, and here not even that."""
    with connection.cursor() as cursor:
        cursor.execute("select door.not_now(%s, %s)", [asked.couple_id, asked.recorded_at])
        (is_so,) = cursor.fetchone()
    return bool(is_so)


@transaction.atomic
def give_both(*, by: Person, asked: JointRequest, file: bytes, form: str) -> None:
    """Write down, for each of the two, that the couple's whole record was given."""
    for person in Membership.objects.filter(couple=asked.couple_id).values_list("person_id", flat=True):
        _disclose(
            by,
            subject=person,
            recipient=asked.recipient,
            what=f"the couple's whole record ({form})",
            ground="both_signed",
            sha256=_sha256(file),
        )


@transaction.atomic
def write_down(
    *, by: Person, subject: Person, recipient: str, what: str, ground: str, request_id: UUID
) -> Disclosure:
    """The lead writes down what left the record by another way: by letter, by telephone, to a court. Posted twice with
    one `request_id`, it is one line.
    """
    must_be_lead(by)
    if not recipient.strip() or not what.strip():
        raise Refused("Write to whom it went, and what it was.")
    if ground not in {one.code for one in rights.grounds_to(rights.Use.GIVE)}:
        raise Refused("Choose the ground on which it was given.")
    key = uuid5(by.id, str(request_id))
    return _disclose(by, key=key, subject=subject.id, recipient=recipient, what=what, ground=ground)


def _disclose(
    by: Person,
    *,
    subject: UUID,
    recipient: str,
    what: str,
    ground: str,
    sha256: str = "",
    left_out: dict[str, int] | None = None,
    key: UUID | None = None,
) -> Disclosure:
    said: dict[str, Any] = {
        "subject_id": subject, "recipient": recipient.strip()[:200], "what": what.strip()[:300], "ground": ground
    }  # fmt: skip
    row = Disclosure(clinic_id=by.clinic_id, author=by, sha256=sha256, left_out=left_out or {}, **said)
    row.id = key or row.id
    if not kept_first(row, **said):
        return Disclosure.objects.get(id=row.id)
    audit.log("gave out", by=by, subject=subject, item_kind=KIND, item_id=row.id, why=row.what)
    return row


def _sha256(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()
