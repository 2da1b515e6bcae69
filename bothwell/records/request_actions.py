"""Asking for a copy of a record, the clinic's answer, and the two signatures a couple's whole record needs.

Nothing here gives anything out; `export_actions` does, and writes down that it did.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import OFFICE, Clinic, Couple, Membership, Person
from bothwell.couples.pairing import PARTNERS_IN_A_COUPLE
from bothwell.enrolment.roles_actions import roles_held
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.records import rights
from bothwell.records.models import JointRequest, JointSignature, RecordAnswer, RecordRequest
from bothwell.refusal import Refused, Stale
from bothwell.turns import one_after_another

KIND = "record.request"
JOINT_KIND = "couple.request"
WAITS = "You asked for a copy already, and it waits for an answer. Tell the clinic in a message what should be different."
MOST_OPEN = 3
"""How many requests for the couple's record one of the two may have open: a choice of ours. Each is put before the other."""
MANY_OPEN = (
    "You have asked for this three times, and no request of yours has run out yet. Ask again once one has."
)
LAPSED = "This request has run out. Ask for the record anew if it is still wanted."


def local_day(person: Person, at: datetime | None = None) -> date:
    """The day on the calendar of their clinic: now, or at this moment."""
    return _day(person.clinic, at or timezone.now())


def _day(clinic: Clinic, at: datetime) -> date:
    return at.astimezone(ZoneInfo(clinic.timezone)).date()


# ── one's own ─────────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def ask_for_copy(*, by: Person, scope: RecordRequest.Scope, words: str, request_id: UUID) -> RecordRequest:
    """A person asks for a copy; the clinic answers in time. Asking the same again while it waits changes nothing; raises
    Stale when something else is asked meanwhile.
    """
    if by.is_staff_member:
        raise Refused("A copy of their own record is asked for by the person it concerns.")
    if scope not in RecordRequest.Scope.values:
        raise Refused("Say what the copy should hold.")
    key, said = uuid5(by.id, str(request_id)), {"scope": scope, "words": words.strip()[:500]}
    for row, now in standings(RecordRequest.objects.filter(subject=by)):
        if now.is_open:
            if (row.scope, row.words) != (said["scope"], said["words"]):
                raise Stale(WAITS)
            return row
    if kept := sent_before(RecordRequest, key, by, **said):
        return kept
    row = RecordRequest(
        id=key,
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        due_on=rights.due_on(local_day(by)),
        **said,
    )
    if not kept_first(row, **said):
        return RecordRequest.objects.get(id=key)
    audit.log("asked for a copy", by=by, subject=by, item_kind=KIND, item_id=row.id)
    return row


@transaction.atomic
def answer(
    *, by: Person, asked_id: UUID, kind: rights.Kind, ground: str = "", words: str = ""
) -> RecordAnswer:
    """The clinic gives, prolongs or refuses, with its ground and reason; the person reads all of it."""
    _must_be_office(by)
    one_after_another(f"copy {asked_id}")
    asked = RecordRequest.objects.filter(id=asked_id).first()
    if asked is None:
        raise Refused("There is no such request here.")
    now = standing_of(asked)
    Refused.unless(rights.may_answer(now, kind, ground, words))
    row = RecordAnswer(
        clinic_id=by.clinic_id,
        subject_id=asked.subject_id,
        author=by,
        request=asked,
        kind=kind.value,
        ground=ground if kind is rights.Kind.REFUSED else "",
        words=words.strip()[:500],
        due_on=rights.prolonged_to(now) if kind is rights.Kind.PROLONGED else None,
    )
    row.save(force_insert=True)
    did = {"given": "gave a copy free", "prolonged": "prolonged a request", "refused": "refused a copy"}
    audit.log(did[kind.value], by=by, subject=asked.subject_id, item_kind=KIND, item_id=asked.id)
    if asked.subject_id:
        tell("person", asked.subject_id)
    return row


def standings(rows: Iterable[RecordRequest]) -> list[tuple[RecordRequest, rights.Standing]]:
    """Each request with how it stands."""
    found = list(rows)
    by_request: dict[UUID, list[RecordAnswer]] = {}
    for one in RecordAnswer.objects.filter(request__in=found).order_by("recorded_at", "id"):
        by_request.setdefault(one.request_id, []).append(one)
    return [(row, _folded(row, by_request.get(row.id, []))) for row in found]


def standing_of(row: RecordRequest) -> rights.Standing:
    """How one request stands."""
    return _folded(row, list(row.answers.order_by("recorded_at", "id")))


def _folded(row: RecordRequest, answers: Sequence[RecordAnswer]) -> rights.Standing:
    said = [
        rights.Answer(rights.Kind(one.kind), _day(row.clinic, one.recorded_at), one.due_on) for one in answers
    ]
    return rights.standing(row.due_on, said)


def _must_be_office(by: Person) -> None:
    if roles_held(by).isdisjoint(OFFICE):
        raise Refused("The clinic lead or the coordinator does this.")


# ── the couple's, for both ────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def ask_for_both(
    *, by: Person, couple: Couple, recipient: str, purpose: str, signed_name: str, request_id: UUID
) -> JointRequest:
    """One of the two asks that the couple's whole record go to somebody, and signs. The other sees it and decides."""
    _must_be_member(by, couple)
    if not recipient.strip() or not purpose.strip():
        raise Refused("Say to whom it is to go, and what for: nobody can answer it otherwise.")
    key = uuid5(by.id, str(request_id))
    said = {"couple": couple, "recipient": recipient.strip()[:200], "purpose": purpose.strip()[:300]}
    if kept := sent_before(JointRequest, key, by, **said):
        return kept
    one_after_another(f"copy {by.id}")
    # One's own alone, whatever became of them but for the days: the other's answer changes nothing here.
    if sum(not has_lapsed(one) for one in JointRequest.objects.filter(author=by, couple=couple)) >= MOST_OPEN:
        raise Refused(MANY_OPEN)
    row = JointRequest(id=key, clinic_id=by.clinic_id, author=by, **said)
    if not kept_first(row, **said):
        return JointRequest.objects.get(id=key)
    audit.log("asked for the couple's record", by=by, subject=by, item_kind=JOINT_KIND, item_id=row.id)
    sign_for_both(by=by, joint_id=row.id, is_yes=True, signed_name=signed_name)
    return row


@transaction.atomic
def sign_for_both(*, by: Person, joint_id: UUID, is_yes: bool, signed_name: str) -> JointSignature:
    """One of the two signs that it may be given, or says no. Each answers once."""
    asked = JointRequest.objects.select_related("couple").filter(id=joint_id).first()
    if asked is None or asked.couple is None:
        raise Refused("There is no such request here.")
    _must_be_member(by, asked.couple)
    if not signed_name.strip():
        raise Refused("Type your name to sign.")
    if has_lapsed(asked):
        raise Refused(LAPSED)
    row = JointSignature(
        clinic_id=by.clinic_id,
        couple=asked.couple,
        subject=by,
        author=by,
        request=asked,
        is_yes=is_yes,
        signed_name=signed_name.strip()[:120],
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        kept = JointSignature.objects.get(request=asked, author=by)
        if kept.is_yes != is_yes or kept.withdrawn_at:
            raise Stale("You have answered this already. A yes can be taken back on its page.") from error
        return kept
    audit.log("signed" if is_yes else "said no", by=by, subject=by, item_kind=JOINT_KIND, item_id=asked.id)
    return row


@transaction.atomic
def take_back_yes(*, by: Person, joint_id: UUID) -> None:
    """From now on it is not given on this request; what was given before stays given. Twice changes nothing.

    The other learns nothing of it: their page never said what was answered here.
    """
    yes = JointSignature.objects.filter(request_id=joint_id, author=by, is_yes=True)
    if not yes.exists():
        raise Refused("There is no yes of yours here.")
    if yes.filter(withdrawn_at__isnull=True).update(withdrawn_at=timezone.now()):
        audit.log("took back", by=by, subject=by, item_kind=JOINT_KIND, item_id=joint_id)


def stands_until(asked: JointRequest) -> date:
    """The last day on which the couple's record can be given on this request, by the clinic's calendar."""
    return rights.stands_until(_day(asked.clinic, asked.recorded_at))


def has_lapsed(asked: JointRequest) -> bool:
    """Whether the request, and with it every yes, has run out."""
    return _day(asked.clinic, timezone.now()) > stands_until(asked)


def both_signed(asked: JointRequest) -> bool:
    """Whether both of the couple signed a yes that stands: not taken back, and not run out."""
    if has_lapsed(asked):
        return False
    yes = {one.author_id for one in asked.signatures.all() if one.is_yes and not one.withdrawn_at}
    return len(yes) == PARTNERS_IN_A_COUPLE and yes == set(
        Membership.objects.filter(couple=asked.couple_id).values_list("person_id", flat=True)
    )


def _must_be_member(by: Person, couple: Couple) -> None:
    if not Membership.objects.filter(couple=couple, person=by).exists():
        raise Refused("Only the two it is about can ask for this.")
