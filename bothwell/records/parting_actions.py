"""Asking the clinic to record a parting, its answer, and what a parting does to what the two have together.

Until the clinic confirms, nothing changes and the other learns nothing. What the asking one writes is the clinic's alone.
"""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from bothwell.couples.models import OFFICE, Assignment, Couple, Membership, Person, Role, open_at
from bothwell.couples.pairing import SHORTEST_REASON
from bothwell.enrolment import couple_actions
from bothwell.enrolment.roles_actions import roles_held
from bothwell.integration.models import CoupleSession
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.privacy.together_actions import couple_of
from bothwell.records import hold_actions
from bothwell.records.models import PartingAnswer, PartingRequest
from bothwell.refusal import Refused, Stale
from bothwell.turns import one_after_another

KIND = "parting.asked"


@dataclass(frozen=True)
class Done:
    """What recording a parting did: sessions cancelled, requests answered with it, legal holds laid."""

    cancelled: int
    answered: int
    held: int


@transaction.atomic
def ask_to_part(*, by: Person, words: str, request_id: UUID) -> PartingRequest:
    """One of the two says to the clinic that they are parting. Asked again while it waits, other words stand beside the
    first ones; the same, or none, change nothing.
    """
    couple, key, said = couple_of(by), uuid5(by.id, str(request_id)), words.strip()[:500]
    if couple is None:
        raise Refused("You are not in a couple in care here.")
    if kept := sent_before(PartingRequest, key, by, words=said):
        return kept
    waits = list(waiting(by))
    if waits and said in ("", *(one.words for one in waits)):
        return waits[0]
    row = PartingRequest(
        id=key,
        clinic_id=by.clinic_id,
        subject=by,
        couple=couple,
        author=by,
        words=said,
    )
    if not kept_first(row, words=said):
        return PartingRequest.objects.get(id=key)
    audit.log("asked about parting", by=by, subject=by, item_kind=KIND, item_id=row.id)
    return row


@transaction.atomic
def take_back(*, by: Person) -> None:
    """Whatever of this the person has asked and nobody has answered yet waits no more. Where nothing waits, nothing
    changes; whether something did is not told, for somebody else may hold their telephone.
    """
    couple = couple_of(by)
    if couple is None:
        return
    one_after_another(f"parting {couple.id}")
    waits = list(waiting(by))
    for row in waits:
        PartingRequest.objects.filter(id=row.id, withdrawn_at__isnull=True).update(
            withdrawn_at=timezone.now()
        )
        audit.log("took back what was asked about parting", by=by, subject=by, item_kind=KIND, item_id=row.id)


def waiting(person: Person | None = None) -> QuerySet[PartingRequest]:
    """Requests of this person, or all the viewer may see, that wait for an answer; the oldest first."""
    rows = PartingRequest.objects.filter(
        answer__isnull=True, withdrawn_at__isnull=True, couple__parted_at__isnull=True
    )
    return (rows.filter(subject=person) if person else rows).order_by("recorded_at")


@transaction.atomic
def leave_it(*, by: Person, asked_id: UUID, words: str) -> PartingAnswer:
    """The clinic answers that no parting is recorded, and why. The one who asked is told by word of mouth: no page of
    theirs says that they asked.
    """
    asked = _asked(asked_id)
    _must_care(by, asked.couple_id)  # type: ignore[arg-type]
    if len(words.strip()) < SHORTEST_REASON:
        raise Refused("Write what was said.")
    answer = _answer(by, asked, is_confirmed=False, words=words)
    audit.log("left the couple as it is", by=by, subject=asked.subject_id, item_kind=KIND, item_id=asked.id)
    if asked.subject_id:
        tell("person", asked.subject_id)
    return answer


@transaction.atomic
def part(
    *,
    by: Person,
    couple_id: UUID,
    reason: str,
    hold: Collection[UUID] = (),
    why_hold: str = "",
    asked_id: UUID | None = None,
) -> Done:
    """The clinic records that the two have parted; from now on each has a record of their own.

    Open requests of either are answered by it, sessions that were planned are cancelled, and where the lead says
    so the records of one or both are kept as they are for a court. Everything between the two closes in the
    same moment: grants and releases by row-level security, the common chart to every new entry. `asked_id`: the
    request this answers; raises Stale if somebody has answered it otherwise.
    """
    couple = Couple.objects.filter(id=couple_id).first()
    if couple is None:
        raise Refused("There is no such couple here.")
    _must_care(by, couple_id)
    one_after_another(f"parting {couple_id}")
    if asked_id is not None:
        _asked(asked_id)  # one that was answered meanwhile parts nobody
    # Before the parting: afterwards the couples therapist writes nothing of the two any more.
    answered = [_answer(by, one, is_confirmed=True, words="") for one in waiting().filter(couple=couple)]
    cancelled = _cancel_planned(by, couple)
    held = _hold(by, couple, hold, why_hold)
    couple_actions.part(by=by, couple_id=couple_id, reason=reason)
    return Done(cancelled, len(answered), held)


def _asked(asked_id: UUID) -> PartingRequest:
    row = PartingRequest.objects.filter(id=asked_id).first()
    if row is not None and row.couple_id is not None:
        one_after_another(f"parting {row.couple_id}")
    found = waiting().filter(id=asked_id).first()
    if found is None:
        raise Stale("This has been answered already, or taken back. Open the list again.")
    return found


def _must_care(by: Person, couple_id: UUID) -> None:
    treats = Assignment.objects.filter(
        open_at(timezone.now()), staff=by, couple_id=couple_id, role=Role.COUPLES_THERAPIST
    )
    if not treats.exists() and roles_held(by).isdisjoint(OFFICE):
        raise Refused("The couple's own therapist, the clinic lead or the coordinator does this.")


def _answer(by: Person, asked: PartingRequest, *, is_confirmed: bool, words: str) -> PartingAnswer:
    row = PartingAnswer(
        clinic_id=by.clinic_id,
        subject_id=asked.subject_id,
        couple_id=asked.couple_id,
        author=by,
        request=asked,
        is_confirmed=is_confirmed,
        words=words.strip()[:500],
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("Somebody else has just answered this. Open the list again.") from error
    return row


def _cancel_planned(by: Person, couple: Couple) -> int:
    """Sessions still to come; the rows stay, their state says what became of them."""
    planned = CoupleSession.objects.filter(
        couple=couple, state=CoupleSession.State.PLANNED, at__gt=timezone.now()
    )
    cancelled = planned.update(state=CoupleSession.State.CANCELLED)
    if cancelled:
        audit.log("cancelled what was planned", by=by, couple=couple, item_kind="couple.shared")
    return cancelled


def _hold(by: Person, couple: Couple, people: Collection[UUID], why: str) -> int:
    members = Membership.objects.filter(couple=couple, person_id__in=list(people)).select_related("person")
    stand = hold_actions.holds_on([member.person_id for member in members])
    for member in members:
        if known := stand.get(member.person_id):
            hold_actions.note_reason(by=by, hold_id=known.id, reason=why)
        else:
            hold_actions.lay_hold(by=by, subject=member.person, reason=why)
    return len(members)
