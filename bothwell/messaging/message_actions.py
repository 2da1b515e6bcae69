"""Sending a message, and noting what one has read: the only writers of messages and of their marks.

No word of a message goes into the log, a mail or the news to open pages. Nothing is changed or removed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from bothwell.couples.models import Assignment, Couple, Membership, Person, PersonKind, open_at
from bothwell.later import later_at, tell
from bothwell.messaging import threads as rules
from bothwell.messaging.models import Message
from bothwell.messaging.threads import Circle, Thread
from bothwell.privacy import audit
from bothwell.privacy.closeness_actions import intimates
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.privacy.models import DisclosureAgreement, Receipt
from bothwell.privacy.signing_actions import agreement_in_force
from bothwell.privacy.together_actions import couple_of, tell_couple
from bothwell.refusal import Refused, Stale

MAILED_AT = time(17)
"""The one time of day, on the clinic's clock, at which a mail may say that there is something new. Ours."""
CLOSED = "This thread takes no new messages: who would read it is no longer around you here."


@dataclass(frozen=True)
class State:
    """How a thread stands for who looks: the newest message they can see, and how many they have not opened."""

    thread: Thread
    last: Message | None
    new: int


# ------------------------------------------------------------------------------------------------- reading


def open_threads(viewer: Person) -> list[Thread]:
    """Where the viewer may write now."""
    return _of_staff(viewer) if viewer.is_staff_member else _of_partner(viewer)


def _of_partner(viewer: Person) -> list[Thread]:
    couple, now = couple_of(viewer), timezone.now()
    about = Q(subject=viewer) | Q(couple=couple) if couple else Q(subject=viewer)
    rows = list(Assignment.objects.filter(open_at(now), about).values_list("role", "couple_id"))
    return rules.threads_of_partner(
        viewer.id,
        couple.id if couple else None,
        [role for role, of_couple in rows if of_couple is None],
        [role for role, of_couple in rows if of_couple is not None],
    )


def _of_staff(viewer: Person) -> list[Thread]:
    held = list(
        Assignment.objects.filter(open_at(timezone.now()), staff=viewer)
        .filter(Q(couple__isnull=True) | Q(couple__parted_at__isnull=True))
        .order_by("since", "id")
    )
    couples, own = _members([row.couple_id for row in held if row.couple_id]), intimates()
    found: list[Thread] = []
    for row in held:
        members = couples.get(row.couple_id, []) if row.couple_id else []
        # A couple whose two are not shown to the viewer has one in it whom they are or were a couple with.
        if row.subject_id in own or own & set(members) or (row.couple_id and len(members) != 2):
            continue
        found += rules.threads_of_role(row.role, row.subject_id, row.couple_id, members)
    return list(dict.fromkeys(found))


def _members(couples: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    found: dict[UUID, list[UUID]] = {}
    for row in Membership.objects.filter(couple_id__in=couples).order_by("side"):
        found.setdefault(row.couple_id, []).append(row.person_id)
    return found


def messages_in(thread: Thread) -> QuerySet[Message]:
    """What the viewer can see of a thread."""
    named: dict[str, Any] = {"subject_id": thread.person, "couple_id": thread.couple}
    return Message.objects.filter(kind=str(thread.circle), **named)


def unread(viewer: Person) -> QuerySet[Message]:
    """Messages of others that the viewer can see and has not opened."""
    opened = Receipt.objects.filter(author=viewer, item_kind__startswith="message.").values("item_id")
    return _theirs(viewer).exclude(author=viewer).exclude(id__in=opened)


def _theirs(viewer: Person) -> QuerySet[Message]:
    """What the viewer reads as what they are here: staff nothing of a life of their own."""
    if not viewer.is_staff_member:
        return Message.objects.all()
    own = intimates()
    couples = Membership.objects.filter(person=viewer).values("couple_id")
    return Message.objects.exclude(Q(subject_id__in=own)).exclude(
        Q(couple_id__isnull=False) & Q(couple_id__in=couples)
    )


def has_new(viewer: Person) -> bool:
    """Whether something waits to be read: for the mark beside the way to the messages."""
    return unread(viewer).exists()


def states(viewer: Person) -> list[State]:
    """Every thread with a message in it or where one may be written; what is new first, then the latest."""
    keys = ("kind", "subject_id", "couple_id")
    newest = _theirs(viewer).select_related("author").order_by(*keys, "-recorded_at", "-id").distinct(*keys)
    last = {_thread(row): row for row in newest.defer("text")}
    new = {
        Thread(Circle(kind), subject, couple): count
        for kind, subject, couple, count in unread(viewer)
        .values_list("kind", "subject_id", "couple_id")
        .annotate(count=Count("id"))
        .order_by()
    }
    found = [
        State(thread, last.get(thread), new.get(thread, 0))
        for thread in dict.fromkeys([*last, *open_threads(viewer)])
    ]
    return sorted(found, key=lambda one: (one.new == 0, one.last is None, -_seconds(one.last)))


def _seconds(message: Message | None) -> float:
    return message.recorded_at.timestamp() if message else 0


def _thread(row: Message) -> Thread:
    return Thread(Circle(row.kind), row.subject_id, row.couple_id)


def agreement_for(thread: Thread) -> DisclosureAgreement | None:
    """What both signed about what one says alone, if it is in force."""
    if thread.circle != Circle.ALONE:
        return None
    couple = _couple(thread)
    return agreement_in_force(couple) if couple else None


def _couple(thread: Thread) -> Couple | None:
    return Couple.objects.filter(id=thread.couple).first() if thread.couple else None


# ------------------------------------------------------------------------------------------------- writing


@transaction.atomic
def send(
    *, by: Person, thread: Thread, text: str, request_id: UUID, read_under: UUID | None = None
) -> Message:
    """One message. Posted twice with one `request_id` it is sent once; with other words, SentBefore is raised.

    `read_under`: alone, the agreement whose meaning stood above the form. Raises Refused, Stale.
    """
    said: dict[str, Any] = {
        "text": text.strip(), "kind": str(thread.circle), "subject_id": thread.person, "couple_id": thread.couple
    }  # fmt: skip
    if kept := sent_before(Message, request_id, by, **said):
        return kept
    if thread not in open_threads(by):
        raise Refused(CLOSED)
    Refused.unless(rules.check(text))
    agreement = agreement_for(thread)
    if (agreement.id if agreement else None) != read_under:
        raise Stale("What both agreed has changed meanwhile. Read above what it means now, then send it.")
    row = Message(
        id=request_id,
        clinic_id=by.clinic_id,
        author=by,
        agreement=agreement,
        **said,
    )
    try:
        if not kept_first(row, **said):
            return messages_in(thread).get(id=request_id)
    except (IntegrityError, ProgrammingError) as error:
        raise Refused("This was not sent. Open the page again, and send it from there.") from error
    _log("wrote a message", by, thread, row.id)
    _tell(by, thread)
    return row


def _log(action: str, by: Person, thread: Thread, item_id: UUID | None = None) -> None:
    """In the person's own log; in the couple's only what is the couple's."""
    couple = thread.couple if thread.circle == Circle.COUPLE else None
    audit.log(
        action, by=by, subject=thread.person, couple=couple, item_kind=str(thread.circle), item_id=item_id
    )


def _tell(by: Person, thread: Thread) -> None:
    """Wake the pages of those who read it, and of nobody else; partners get a mail for what staff write."""
    partners = _partners(thread)
    if couple := _couple(thread) if thread.circle == Circle.COUPLE else None:
        tell_couple(couple)
    else:
        for person in {*partners, *_staff(thread)}:
            tell("person", person, of=by.id)
    # What the other partner writes calls no mail: only they two would know when it was written.
    if by.is_staff_member:
        at = next_mail(timezone.now(), ZoneInfo(by.clinic.timezone))
        for person in partners:
            later_at("mail.news", at, person=person, on=at.date().isoformat())


def _partners(thread: Thread) -> list[UUID]:
    if thread.person is not None:
        return [thread.person]
    members = Membership.objects.filter(couple=_couple(thread), person__kind=PersonKind.PARTNER)
    return list(members.values_list("person_id", flat=True))


def _staff(thread: Thread) -> list[UUID]:
    about = Q(couple_id=thread.couple) if thread.couple else Q(subject_id=thread.person)
    rows = Assignment.objects.filter(open_at(timezone.now()), about, role__in=rules.READ_BY[thread.circle])
    return list(rows.values_list("staff_id", flat=True).distinct())


def next_mail(now: datetime, zone: ZoneInfo) -> datetime:
    """The next time of day at which mails go. Always the same one, so that no mail tells when something was written."""
    local = now.astimezone(zone)
    day = local.date() + timedelta(days=local.time() >= MAILED_AT)
    return datetime.combine(day, MAILED_AT, zone)


@transaction.atomic
def mark_read(*, by: Person, thread: Thread, shown: Iterable[Message]) -> None:
    """Note that `by` has opened these. The first time counts; nobody else is shown it."""
    others = [row for row in shown if row.author_id != by.id]
    known = set(
        Receipt.objects.filter(author=by, item_id__in=[row.id for row in others]).values_list(
            "item_id", flat=True
        )
    )
    new = [row for row in others if row.id not in known]
    if not new:
        return
    Receipt.objects.bulk_create(
        [
            Receipt(
                clinic_id=by.clinic_id,
                subject_id=row.subject_id,
                couple_id=row.couple_id,
                author=by,
                item_kind=row.kind,
                item_id=row.id,
            )
            for row in new
        ],
        ignore_conflicts=True,
    )
    if by.is_staff_member:
        _log("read messages", by, thread)
