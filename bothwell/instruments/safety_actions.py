"""What follows from an answer that a clinician must look at: a task that somebody owns, and a couple's work at rest.

Nothing here scores, and nothing here ends a task or a hold by itself. A hold names nobody: not whose answer it was,
not who entered it, no hour.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, time
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.utils import timezone

from bothwell.couples.models import Assignment, Clinic, Couple, Membership, Person, Role, StaffRole, open_at
from bothwell.instruments import shelf
from bothwell.instruments.models import (
    CoupleHold,
    CoupleHoldLifted,
    Kind,
    Response,
    SafetyFlag,
    SafetyFlagAcknowledged,
    SafetyFlagClosed,
)
from bothwell.later import later, tell
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

SUICIDE, ACUTE, VIOLENCE = "suicide", "suicide.acute", "violence"
OWNERS = (Role.PRESCRIBER, Role.INDIVIDUAL_THERAPIST)
"""Whose task a flag is; they close it. A nurse on the day of a session may acknowledge it too."""

TASK = "task"
"""What the log calls it: who reads the log learns that a clinician had something to do, not why."""


def follow_up(*, by: Person, response: Response, flags: Iterable[str]) -> None:
    """What the flags of answers just sent ask for; to be called in the transaction that sends them.

    The task is about who answered (`response.subject`), whoever typed it in (`by`).
    """
    raised = frozenset(flags)
    if raised & {SUICIDE, ACUTE}:
        _raise_flag(by, response, is_acute=ACUTE in raised)
    if VIOLENCE in raised and response.subject_id:
        _rest(by, response.subject_id)


# --------------------------------------------------------------------------------------------- a task is raised


def _raise_flag(by: Person, response: Response, *, is_acute: bool) -> None:
    _add_flag(
        by,
        SafetyFlag(
            clinic_id=by.clinic_id,
            subject_id=response.subject_id,
            author=by,
            couple_id=response.couple_id,
            response=response,
            what=f"{_short(response)}: thoughts of not living{', right now' if is_acute else ''}"[:120],
            is_acute=is_acute,
        ),
    )


def _short(response: Response) -> str:
    """What clinicians call the questionnaire."""
    return shelf.find(response.clinic_id, response.instrument, response.instrument_version).short


def raise_told(*, by: Person, subject_id: UUID, couple_id: UUID | None, how: str, is_acute: bool) -> None:
    """The same task without a questionnaire: somebody said it to `by`, `how` ("on the telephone").

    To be called in the transaction that keeps what was said. Raises Refused for who may not raise it.
    """
    flag = SafetyFlag(
        clinic_id=by.clinic_id,
        subject_id=subject_id,
        author=by,
        couple_id=couple_id,
        what=f"Told {how}: thoughts of not living{', right now' if is_acute else ''}"[:120],
        is_acute=is_acute,
    )
    try:
        with transaction.atomic():
            _add_flag(by, flag)
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("Only this person's care team can raise this. Call the prescriber now.") from error


def _add_flag(by: Person, flag: SafetyFlag) -> None:
    # Who answered does not see the flag, so it is inserted and never read back here.
    flag.save(force_insert=True)
    owners = owners_of(flag.subject_id)
    for staff in owners:
        tell("person", staff)
        later("safety.mail", person=staff)
    if not owners:
        _tell_leads(flag.subject_id)
        later("safety.pass_on", flag=flag.id)


def owners_of(subject_id: UUID | None) -> frozenset[UUID]:
    """The clinicians whose task a flag of this person is, now."""
    team = Assignment.objects.filter(open_at(timezone.now()), subject=subject_id, role__in=OWNERS)
    return frozenset(team.values_list("staff_id", flat=True))


def leads_of(clinic_id: UUID) -> frozenset[UUID]:
    """The leads of a clinic, now; whom of them to keep from whose task, `not_to_be_called` says."""
    held = StaffRole.objects.filter(open_at(timezone.now()), clinic_id=clinic_id, role=Role.LEAD)
    return frozenset(held.values_list("person_id", flat=True))


# ---------------------------------------------------------------------------------------------- a task is seen to


@transaction.atomic
def acknowledge(*, by: Person, flag_id: UUID, plan: str) -> None:
    """`by` has seen the flag and says what happens next; it stays open. Said twice by one person, it is kept once.

    Raises Refused when it is not theirs to take, Stale when somebody else was first.
    """
    flag = _flag(flag_id)
    _must_be(by, flag, (*OWNERS, Role.NURSE), "Only this person's care team can take this task.")
    words = _words(plan, "Write what happens next, and who does it.")
    if (first := SafetyFlagAcknowledged.objects.filter(flag=flag).first()) is not None:
        if first.author_id == by.id:
            return
        raise Stale("Somebody else has acknowledged this already. Read what they plan.")
    _add(SafetyFlagAcknowledged(**_about(by, flag), plan=words))
    audit.log("acknowledged", by=by, subject=flag.subject_id, item_kind=TASK, item_id=flag.id)
    _tell_all(flag)


@transaction.atomic
def close(*, by: Person, flag_id: UUID, reason: str) -> None:
    """The prescriber's or individual therapist's reasoned end of a flag that was acknowledged before.

    A later positive answer is a new flag. Raises Refused, or Stale when somebody else has closed it.
    """
    flag = _flag(flag_id)
    _must_be(by, flag, OWNERS, "Only the prescriber or the individual therapist can close this.")
    words = _words(reason, "Write why this can be closed: what was found, and what was agreed.")
    if (first := SafetyFlagClosed.objects.filter(flag=flag).first()) is not None:
        if first.author_id == by.id:
            return
        raise Stale("Somebody else has closed this already. Read their reason.")
    if not SafetyFlagAcknowledged.objects.filter(flag=flag).exists():
        raise Refused("Acknowledge it first: say what happens next.")
    _add(SafetyFlagClosed(**_about(by, flag), reason=words))
    audit.log("closed", by=by, subject=flag.subject_id, item_kind=TASK, item_id=flag.id)
    _tell_all(flag)


def _flag(flag_id: UUID) -> SafetyFlag:
    flag = SafetyFlag.objects.filter(id=flag_id).first()
    if flag is None:
        raise Refused("There is no such task.")
    return flag


def _must_be(by: Person, flag: SafetyFlag, roles: Collection[Role], otherwise: str) -> None:
    held = Assignment.objects.filter(
        open_at(timezone.now()), staff=by, subject_id=flag.subject_id, role__in=roles
    )
    if not held.exists():
        raise Refused(otherwise)


def _words(text: str, otherwise: str) -> str:
    words = text.strip()
    if len(words) < 3:
        raise Refused(otherwise)
    if len(words) > settings.LONGEST_TEXT:
        raise Refused(
            f"This is longer than {settings.LONGEST_TEXT:,} characters. Shorten it; nothing was lost."
        )
    return words


def _about(by: Person, flag: SafetyFlag) -> dict[str, Any]:
    return {
        "clinic_id": by.clinic_id,
        "subject_id": flag.subject_id,
        "couple_id": flag.couple_id,
        "author": by,
        "flag": flag,
    }


def _add(row: SafetyFlagAcknowledged | SafetyFlagClosed) -> None:
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("Somebody else was first. Look at it again.") from error
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("This task is no longer yours.") from error


def _tell_all(flag: SafetyFlag) -> None:
    for staff in owners_of(flag.subject_id):
        tell("person", staff)
    _tell_leads(flag.subject_id)


def _tell_leads(subject_id: UUID | None) -> None:
    """The open pages of the leads, but of those who are close to this person: whoever calls cannot see who they are."""
    with connection.cursor() as cursor:
        cursor.execute("select door.tell_leads(%s)", [subject_id])


# --------------------------------------------------------------------------------------------------------- a hold


def couple_now(person_id: UUID) -> Couple | None:
    """The couple somebody is in now, as far as the viewer may know of it."""
    return Couple.objects.filter(memberships__person_id=person_id, parted_at__isnull=True).first()


def open_holds(couple_id: UUID) -> list[CoupleHold]:
    """The holds that stand on a couple's work: seen by the couples therapist and the safety circle alone."""
    return list(CoupleHold.objects.filter(couple_id=couple_id, lifted__isnull=True))


def standing_holds(person_id: UUID) -> list[CoupleHold]:
    """The holds that stand on any couple somebody is or was in, the latest first: for their safety circle."""
    couples = Membership.objects.filter(person_id=person_id).values("couple_id")
    return list(
        CoupleHold.objects.filter(couple_id__in=couples, lifted__isnull=True).order_by("-placed_on", "id")
    )


def _rest(by: Person, subject_id: UUID) -> None:
    """Couple work rests from today, unless it does already; only the safety circle is told.

    Who answers for themselves sees no hold, and so may lay a second one beside the first: lifting ends all.
    """
    couple = couple_now(subject_id)
    if couple is not None and not open_holds(couple.id):
        zone = ZoneInfo(Clinic.objects.get(id=by.clinic_id).timezone)
        today = timezone.now().astimezone(zone).date()
        # Neither the row's key nor its time may tell the hour.
        CoupleHold(
            id=uuid4(),
            clinic_id=by.clinic_id,
            couple=couple,
            author=None,
            subject=None,
            placed_on=today,
            recorded_at=datetime.combine(today, time.min, zone),
        ).save(force_insert=True)
        audit.log("placed a hold", by=by, subject=subject_id, item_kind=Kind.VIOLENCE, sealed=True)
    _tell_circle(subject_id)


@transaction.atomic
def place_hold(*, by: Person, subject: Person, why: str) -> None:
    """The safety circle lets couple work rest for what it heard, without a questionnaire. `why` stays with it."""
    _must_be_in_circle(by, subject)
    couple = couple_now(subject.id)
    if couple is None:
        raise Refused("They are in no couple in care now.")
    if open_holds(couple.id):
        return
    reason = _circle_reason(why)
    _rest(by, subject.id)
    audit.log("gave a reason", by=by, subject=subject, item_kind=Kind.VIOLENCE, why=reason, sealed=True)


@transaction.atomic
def lift_hold(*, by: Person, subject: Person, why: str) -> None:
    """The safety circle ends every hold that stands on a couple this person is or was in; afterwards none stands.

    The reason stands in its sealed log. Lifting twice changes nothing.
    """
    _must_be_in_circle(by, subject)
    reason = _circle_reason(why)
    standing = standing_holds(subject.id)
    for hold in standing:
        row = CoupleHoldLifted(clinic_id=by.clinic_id, couple_id=hold.couple_id, author=by, hold=hold)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:  # a colleague was a moment earlier
            continue
    if standing:
        audit.log("lifted a hold", by=by, subject=subject, item_kind=Kind.VIOLENCE, why=reason, sealed=True)
        _tell_circle(subject.id)


def _must_be_in_circle(by: Person, subject: Person) -> None:
    held = Assignment.objects.filter(open_at(timezone.now()), staff=by, subject=subject, role=Role.SAFETY)
    if not held.exists():
        raise Refused("There is no such page.")


def _circle_reason(why: str) -> str:
    reason = why.strip()
    if len(reason) < 3:
        raise Refused("Write the reason in a sentence. Only the safety circle reads it.")
    if len(reason) > 300:
        raise Refused("The reason has room for 300 characters. Shorten it.")
    return reason


def _tell_circle(subject_id: UUID | None) -> None:
    circle = Assignment.objects.filter(open_at(timezone.now()), subject_id=subject_id, role=Role.SAFETY)
    for staff in set(circle.values_list("staff_id", flat=True)):
        tell("person", staff)
