"""What a nurse or prescriber writes about the time after a dose: adverse events, their follow-up, the next-day call.

A row is never changed: what is learnt later is a new row beside the old. Nothing here grades, and nothing rings.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from bothwell.couples.models import Clinic, Contact, Person, Role
from bothwell.dosing import checklist_actions, session_actions
from bothwell.dosing.models import DosingSession
from bothwell.instruments import safety_actions
from bothwell.later import tell
from bothwell.monitoring import adverse, next_day
from bothwell.monitoring.models import AdverseEvent, NextDayCall, NextDayThoughts
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore, Stale
from bothwell.turns import one_after_another

KIND = "dosing.flowsheet"
NOT_YOURS = "Only this person's prescriber or nurse can do this."
SOMEBODY_ELSE = "Somebody else has revised this already. Look at what they wrote; nothing of yours was kept."
CALL_IS_DONE = "Somebody else has finished this call already. Look at what they wrote."
DOSED = frozenset({"discharged", "left_early"})
"""How a session with a dose ends."""


# ── adverse events ────────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def note_event(*, by: Person, session_id: UUID, said: adverse.Said, request_id: UUID) -> AdverseEvent:
    """Keep an adverse event of a session, during it or after. The same `request_id` again changes nothing.

    Raises Refused with what is missing, SentBefore where the same form said something else before.
    """
    session = _session(by, session_id)
    if known := _event_sent_before(session, request_id, said):
        return known
    return _keep(by, session, said, request_id, "noted an adverse event")


@transaction.atomic
def revise_event(
    *, by: Person, event_id: UUID, said: adverse.Said, reason: str, request_id: UUID
) -> AdverseEvent:
    """A new version of an event, with the reason; the old one stays on record and no longer counts.

    Raises Refused with what is missing, Stale when a newer version stands there already, SentBefore as `note_event` does.
    """
    old = AdverseEvent.objects.filter(id=event_id).first()
    if old is None:
        raise Refused("There is no such event here.")
    session, why = _session(by, old.session_id), _fits(reason, adverse.LONGEST["reason"])
    if known := _event_sent_before(session, request_id, said, revises_id=old.id, reason=why):
        return known
    if AdverseEvent.objects.filter(revises=old).exists():
        raise Stale(SOMEBODY_ELSE)
    if not why:
        raise Refused("Say why it is revised.")
    return _keep(by, session, said, request_id, "revised an adverse event", revises=old, reason=why)


def _keep(
    by: Person,
    session: DosingSession,
    said: adverse.Said,
    request_id: UUID,
    did: str,
    *,
    revises: AdverseEvent | None = None,
    reason: str = "",
) -> AdverseEvent:
    if said.prescriber_told and said.prescriber_told not in prescribers():
        raise Refused("Choose a prescriber of this clinic.")
    faults = faults_of(session, said, revises)
    if faults:
        raise Refused(faults[0].sentence)
    row = AdverseEvent(
        **_about(by, session), request_id=request_id, revises=revises, reason=reason, **_columns(said)
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:  # somebody's revision, or this very form pressed twice at one moment
        if known := _event_sent_before(session, request_id, said, revises_id=row.revises_id, reason=reason):
            return known
        raise Stale(SOMEBODY_ELSE) from error
    audit.log(did, by=by, subject=session.subject_id, item_kind=KIND, item_id=row.id)
    tell("room", session.id)
    return row


def _event_sent_before(
    session: DosingSession,
    request_id: UUID,
    said: adverse.Said,
    *,
    revises_id: UUID | None = None,
    reason: str = "",
) -> AdverseEvent | None:
    """The event that the same form kept before. Raises SentBefore where it said something else."""
    kept = AdverseEvent.objects.filter(session=session, request_id=request_id).first()
    if kept is None:
        return None
    if adverse.shipped().find(said.code) is None:
        raise SentBefore
    columns = _columns(said) | {"revises_id": revises_id, "reason": reason}
    if any(getattr(kept, column) != value for column, value in columns.items()):
        raise SentBefore
    return kept


def prescribers() -> dict[str, Person]:
    """Who can have been told: the prescribers of the viewer's clinic now, by id as text."""
    return checklist_actions.staff_who_are(Role.PRESCRIBER)


def faults_of(
    session: DosingSession, said: adverse.Said, revises: AdverseEvent | None = None
) -> list[adverse.Fault]:
    """What keeps this event from being kept; for the page to show beside each answer."""
    if session.arrived_at is None:
        return [adverse.Fault("began_at", "The person has not arrived yet.")]
    return adverse.faults(
        said,
        adverse.shipped(),
        arrived_at=session.arrived_at,
        now=timezone.now(),
        today=timezone.now().astimezone(_zone(session)).date(),
        kept_on=revises.follow_up_on if revises else None,
    )


def _columns(said: adverse.Said) -> dict[str, Any]:
    term = adverse.shipped().find(said.code)
    assert term is not None  # the rule has asked for it
    return {
        "term": said.name.strip() if term.asks_name else term.title,
        "code": "" if term.asks_name else term.code,
        "grading": term.grading,
        "grade": said.grade,
        "wanted": said.wanted if term.asks_wanted else None,
        "began_at": said.began_at,
        "ended_at": said.ended_at,
        "is_serious": bool(said.is_serious),
        "serious_because": ", ".join(said.serious_because) if said.is_serious else "",
        "prescriber_knows": adverse.Prescriber(said.prescriber).name.lower() if said.prescriber else "",
        "prescriber_told_id": UUID(said.prescriber_told) if said.prescriber_told else None,
        "prescriber_told_at": said.prescriber_told_at,
        "action_taken": said.action_taken.strip(),
        "outcome": said.outcome,
        "follow_up_on": said.follow_up_on,
        "follow_up": said.follow_up.strip(),
        "note": said.note.strip(),
    }


def as_said(event: AdverseEvent) -> adverse.Said:
    """A kept event as it was described, to begin a revision with."""
    known = adverse.knows(event.prescriber_knows, event.action_taken)
    action_taken = event.action_taken if event.prescriber_knows else adverse.done_apart(event.action_taken)[1]
    return adverse.Said(
        code=event.code or adverse.OTHER,
        grade=event.grade,
        began_at=event.began_at,
        outcome=event.outcome,
        is_serious=event.is_serious,
        name="" if event.code else event.term,
        wanted=event.wanted,
        ended_at=event.ended_at,
        serious_because=tuple(each for each in event.serious_because.split(", ") if each),
        prescriber=known.value if known else "",
        prescriber_told=str(event.prescriber_told_id or ""),
        prescriber_told_at=event.prescriber_told_at,
        action_taken=action_taken,
        follow_up_on=event.follow_up_on,
        follow_up=event.follow_up,
        note=event.note,
    )


# ── the next-day call ─────────────────────────────────────────────────────────────────────────────────────


@transaction.atomic
def call(*, by: Person, session_id: UUID, said: next_day.Said, request_id: UUID) -> NextDayCall:
    """Keep one call after a session: reached or not, what was said, when to ring again, or given up with a reason.

    Thoughts of not living raise the safety task of the person's prescriber and individual therapist, in the same
    transaction; what was answered lies apart, for fewer eyes (docs/privacy.md). The same `request_id` again changes
    nothing. Raises Refused, Stale when the call is done, or SentBefore where the same form said something else before.
    """
    session = _session(by, session_id)
    if session.ended_at is None or session.started_at is None or session.outcome not in DOSED:
        raise Refused("No call is due: no dose was given, or the session is not signed off.")
    one_after_another(f"calls after {session.id}")
    calls = NextDayCall.objects.filter(session=session)
    said = replace(said, answers=_asked(said.answers, said.was_reached), note=_fits(said.note))
    if known := calls.select_related("thoughts").filter(request_id=request_id).first():
        _must_be_as_rung(by, known, said)
        return known
    # One that was missed may be made late; and thoughts of not living are kept and raised however often somebody rang.
    is_done = calls.filter(is_closed=True, author__isnull=False).exists()
    if is_done and not _has_thoughts(said):
        raise Stale(CALL_IS_DONE)
    faults = faults_of_call(session, said)
    if faults:
        raise Refused(faults[0].sentence)
    row = NextDayCall(
        **_about(by, session),
        request_id=request_id,
        at=said.at,
        was_reached=said.was_reached,
        answers={name: answer for name, answer in said.answers.items() if name != next_day.THOUGHTS},
        note=said.note,
        next_at=None if said.was_reached else said.next_at,
        is_closed=next_day.closes(said, ended_at=session.ended_at, zone=_zone(session)),
    )
    row.save(force_insert=True)
    if next_day.THOUGHTS in said.answers:
        NextDayThoughts(**_about(by, session), call=row, answer=said.answers[next_day.THOUGHTS]).save(
            force_insert=True
        )
    audit.log(
        "rang after a session" if said.was_reached else "tried to ring after a session",
        by=by,
        subject=session.subject_id,
        item_kind=KIND,
        item_id=row.id,
    )
    _raise_thoughts(by, session, said)
    return row


def _must_be_as_rung(by: Person, kept: NextDayCall, said: next_day.Said) -> None:
    """Raise SentBefore unless the form that kept a call says the same again, by whoever rang: what they were told about
    thoughts of not living they may read, others perhaps not.
    """
    is_given_up = not kept.was_reached and kept.is_closed
    as_kept = (kept.author_id, kept.at, kept.was_reached, kept.told, kept.note, kept.next_at, is_given_up)
    next_at = None if said.was_reached else said.next_at
    is_given_up_now = not said.was_reached and said.is_given_up
    if as_kept != (by.id, said.at, said.was_reached, said.answers, said.note, next_at, is_given_up_now):
        raise SentBefore


def close_missed(*, now: datetime) -> int:
    """Close the calls that nobody made in time, each with a row that says so and a line in the log; how many.

    For the worker, who reads of a call only when it was made and whether it is done.
    """
    calls = NextDayCall.objects.filter(session_id=OuterRef("id"), is_closed=True)
    old = DosingSession.objects.select_related("clinic").only(
        "clinic_id", "subject_id", "couple_id", "ended_at", "clinic__timezone"
    )
    waiting = old.filter(
        ~Exists(calls),
        started_at__isnull=False,
        ended_at__lte=now - timedelta(days=next_day.MISSED_AFTER_DAYS),
        outcome__in=DOSED,
    )
    return sum(_closed(session, now) for session in waiting.order_by("ended_at", "id"))


@transaction.atomic
def _closed(session: DosingSession, now: datetime) -> bool:
    """Whether this call was closed as missed now."""
    assert session.ended_at is not None
    one_after_another(f"calls after {session.id}")
    calls = NextDayCall.objects.filter(session_id=session.id).only("at", "next_at", "is_closed")
    due = next_day.due(session.ended_at, list(calls), zone=_zone(session), now=now)
    if not next_day.is_missed(due, now):
        return False
    row = NextDayCall(
        clinic_id=session.clinic_id,
        subject_id=session.subject_id,
        couple_id=session.couple_id,
        session_id=session.id,
        at=now,
        was_reached=False,
        note=next_day.MISSED_NOTE,
        is_closed=True,
    )
    row.save(force_insert=True)
    audit.log_service(
        "calls", "closed a missed call", clinic=session.clinic_id, subject=session.subject_id, item_id=row.id
    )
    return True


def faults_of_call(session: DosingSession, said: next_day.Said) -> list[adverse.Fault]:
    """What keeps this call from being kept; for the page to show beside each answer."""
    assert session.ended_at is not None
    contact = Contact.objects.filter(subject_id=session.subject_id).first()
    return next_day.faults(
        said,
        ended_at=session.ended_at,
        now=timezone.now(),
        may_leave_message=bool(contact and contact.may_leave_message),
    )


def _raise_thoughts(by: Person, session: DosingSession, said: next_day.Said) -> None:
    if _has_thoughts(said):
        safety_actions.raise_told(
            by=by,
            subject_id=session.subject_id,
            couple_id=session.couple_id,
            how="on the telephone after a session",
            is_acute=said.answers[next_day.THOUGHTS] == "now",
        )


def _has_thoughts(said: next_day.Said) -> bool:
    return said.was_reached and said.answers.get(next_day.THOUGHTS) in next_day.HAS_THOUGHTS


def _asked(answers: Mapping[str, str], was_reached: bool) -> dict[str, str]:
    """Only what belongs to a call that reached somebody, or to one that did not."""
    names = [question.key for question in next_day.QUESTIONS] + ["questions"] if was_reached else ["tried"]
    return {name: _fits(str(answers[name])) for name in names if answers.get(name)}


# ── whose ─────────────────────────────────────────────────────────────────────────────────────────────────


def _session(by: Person, session_id: UUID) -> DosingSession:
    session = DosingSession.objects.select_related("clinic").filter(id=session_id).first()
    if session is None:
        raise Refused("There is no such session here.")
    if not session_actions.may_chart(by, session):
        raise Refused(NOT_YOURS)
    return session


def _about(by: Person, session: DosingSession) -> dict[str, Any]:
    return {
        "clinic_id": session.clinic_id,
        "subject_id": session.subject_id,
        "couple_id": session.couple_id,
        "author": by,
        "session": session,
    }


def _zone(session: DosingSession) -> ZoneInfo:
    clinic: Clinic = session.clinic
    return ZoneInfo(clinic.timezone)


def _fits(text: str, longest: int | None = None) -> str:
    most = longest or settings.LONGEST_TEXT
    words = text.strip()
    if len(words) > most:
        raise Refused(f"This holds up to {most:,} characters. Shorten it; nothing was lost.")
    return words
