"""Planning, holding and recording couples sessions, their notes and summaries, exercises given: the couples
therapist's writers.

Nothing here decides who may read; what was taken back cannot be taken up, and a parted couple's chart takes
nothing.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.utils import timezone

from bothwell.couples.models import Assignment, Couple, Person, Role, StaffRole, open_at
from bothwell.instruments.safety_actions import open_holds
from bothwell.integration import note_forms
from bothwell.integration.library import exercise
from bothwell.integration.models import (
    CoupleSession,
    ExerciseGiven,
    InsightDiscussed,
    InsightVersion,
    Modality,
    ProgressNote,
    SharedSummary,
)
from bothwell.integration.standing import mark
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import kept_first, sent_before
from bothwell.privacy.models import Receipt
from bothwell.privacy.sharing_actions import receive
from bothwell.privacy.together_actions import tell_couple
from bothwell.refusal import Refused, Stale

PARTED = "This couple has parted; its chart takes no new entries. What each has of their own goes on."
SHARED, PROGRESS = "couple.shared", "couple.progress"
LONGEST = 300
"""Minutes of a session."""
AHEAD = timedelta(days=730)
TOO_FAR = "This is more than two years ahead. Look at the year again."
PLANNED_BACK = timedelta(hours=12)
"""How far back a session may be planned: one held today can be written down. What was held earlier is moved there."""
IN_THE_PAST = (
    "This time lies in the past. Choose a later one. To write down a session that was held then, plan it for today and "
    "move it to the time it was held."
)
CHANGED = "Somebody changed its time or place since you looked. See how it stands now; then say once more what you want."


def is_therapist_of(by: Person, couple: Couple) -> bool:
    """Whether `by` is this couple's couples therapist now."""
    return Assignment.objects.filter(
        open_at(timezone.now()), staff=by, role=Role.COUPLES_THERAPIST, couple=couple
    ).exists()


def must_be_theirs(by: Person, couple: Couple | None) -> Couple:
    """This couple, which is together and in `by`'s care now. Raises Refused."""
    if couple is None:
        raise Refused("There is no such couple.")
    if not couple.is_together:
        raise Refused(PARTED)
    if not is_therapist_of(by, couple):
        raise Refused("Only the couple's own couples therapist can do this.")
    return couple


def hold_on(by: Person, couple: Couple) -> str:
    """What the couples therapist is told while couple work is on hold, never why; empty while it is not."""
    if not open_holds(couple.id):
        return ""
    leads = [lead for lead in _leads_for(couple) if lead != by.id]
    held = StaffRole.objects.filter(open_at(timezone.now()), role=Role.LEAD, person__in=leads)
    names = list(held.order_by("since", "id").values_list("person__name_used", flat=True))
    whom = " or ".join(names) if names else "whoever stands in for the clinic lead"
    return f"Couple work is on hold. Before the next session speak with {whom}."


def _leads_for(couple: Couple) -> list[UUID]:
    """The leads with whom one may speak of this couple: none who is, or is close to, one of the two."""
    with connection.cursor() as cursor:
        cursor.execute("select door.leads_for(%s)", [couple.id])
        return [key for (key,) in cursor.fetchall()]


def must_go_on(by: Person, couple: Couple, began: datetime | None = None) -> None:
    """Raises Refused while couple work is on hold. What `began` no later than on its day can still be written down:
    a hold rests what is to come, and takes nothing out of the record of what was.
    """
    if told := hold_on(by, couple):
        day = timezone.localtime(began).date() if began else None
        if day is None or any(day > hold.placed_on for hold in open_holds(couple.id)):
            raise Refused(told)


def check_length(*texts: str) -> None:
    """Raises Refused when one of these is longer than a text may be."""
    if any(len(text) > settings.LONGEST_TEXT for text in texts):
        raise Refused(
            f"This is longer than {settings.LONGEST_TEXT:,} characters. Shorten it; nothing was lost."
        )


# --------------------------------------------------------------------------------------------------- planning


@transaction.atomic
def plan_session(
    *, by: Person, couple: Couple, at: datetime, minutes: int, place: str, request_id: UUID
) -> CoupleSession:
    """Put a couples session on the calendar; posted twice with one `request_id`, it is planned once.

    Raises Refused for a time that lies further back than `PLANNED_BACK`, or further ahead than `AHEAD`.
    """
    said: dict[str, Any] = {"couple": couple, "at": at, "minutes": minutes, "place": place.strip()[:80]}
    if kept := sent_before(CoupleSession, request_id, by, **said):
        return kept
    must_be_theirs(by, couple)
    must_go_on(by, couple)
    _check_time(minutes)
    _check_day(at)
    if at < timezone.now() - PLANNED_BACK:
        raise Refused(IN_THE_PAST)
    last = CoupleSession.objects.filter(couple=couple).aggregate(last=Max("number"))["last"] or 0
    session = CoupleSession(
        id=request_id,
        clinic_id=by.clinic_id,
        author=by,
        number=last + 1,
        **said,
    )
    try:
        with transaction.atomic():
            session.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("Another session has just been planned. Look at it first.") from error
    audit.log("planned a couples session", by=by, couple=couple, item_kind=SHARED, item_id=session.id)
    tell_couple(couple)
    return session


def _check_time(minutes: int) -> None:
    if not 10 <= minutes <= LONGEST:
        raise Refused("A session lasts between 10 and 300 minutes.")


def _check_day(at: datetime) -> None:
    if at > timezone.now() + AHEAD:
        raise Refused(TOO_FAR)


def _session(session_id: UUID) -> CoupleSession:
    session = CoupleSession.objects.select_related("couple").filter(id=session_id).first()
    if session is None:
        raise Refused("There is no such session.")
    return session


def as_seen(session: CoupleSession) -> str:
    """How a session stands, in one word: another as soon as its time, length or place is another."""
    return mark(session.at, session.minutes, session.place)


def _must_be_as_seen(session: CoupleSession, was: str | None) -> None:
    """Raises Stale when it was changed since somebody looked at it, so that nothing newer is undone unseen."""
    if was is not None and was != as_seen(session):
        raise Stale(CHANGED)


@transaction.atomic
def move_session(
    *, by: Person, session_id: UUID, at: datetime, minutes: int, place: str, was: str | None = None
) -> CoupleSession:
    """Another time or place for a session that is still planned. The same again changes nothing.

    The time may lie in the past: so a session that was held earlier is written down.

    `was`: how it stood when it was looked at (`as_seen`). Raises Stale when it was moved since.
    """
    session = _session(session_id)
    couple = must_be_theirs(by, session.couple)
    must_go_on(by, couple)
    _check_time(minutes)
    if (session.at, session.minutes, session.place) == (at, minutes, place.strip()[:80]):
        return session
    _check_day(at)
    _must_be_as_seen(session, was)
    _set(session, at=at, minutes=minutes, place=place.strip()[:80])
    audit.log("moved a couples session", by=by, couple=couple, item_kind=SHARED, item_id=session.id)
    tell_couple(couple)
    return _session(session_id)


def met_then(by: Person, session: CoupleSession) -> list[CoupleSession]:
    """The sessions of other couples that `by` has planned in these very minutes."""
    mine = Assignment.objects.filter(
        open_at(timezone.now()), staff=by, role=Role.COUPLES_THERAPIST, couple__isnull=False
    )
    ends = session.at + timedelta(minutes=session.minutes)
    near = CoupleSession.objects.select_related("couple").filter(
        couple__in=mine.values("couple"),
        state=CoupleSession.State.PLANNED,
        at__lt=ends,
        at__gt=session.at - timedelta(minutes=LONGEST),
    )
    others = near.exclude(couple=session.couple).order_by("at")
    return [one for one in others if one.at + timedelta(minutes=one.minutes) > session.at]


@transaction.atomic
def cancel_session(*, by: Person, session_id: UUID, was: str | None = None) -> None:
    """Take a planned session off the calendar. Cancelling twice changes nothing. `was` as for moving it."""
    session = _session(session_id)
    couple = must_be_theirs(by, session.couple)
    if session.state == CoupleSession.State.CANCELLED:
        return
    _must_be_as_seen(session, was)
    _set(session, state=CoupleSession.State.CANCELLED)
    audit.log("cancelled a couples session", by=by, couple=couple, item_kind=SHARED, item_id=session.id)
    tell_couple(couple)


def _set(session: CoupleSession, **changes: Any) -> None:
    """Compare and set: only what is still planned, and as it was read, changes."""
    as_read = {"at": session.at, "minutes": session.minutes, "place": session.place}
    planned = CoupleSession.objects.filter(id=session.id, state=CoupleSession.State.PLANNED, **as_read)
    if not planned.update(**changes):
        raise Stale("This session is no longer planned: it was held or cancelled. Look at it again.")


# --------------------------------------------------------------------------------------------- holding, notes


@transaction.atomic
def record_session(
    *,
    by: Person,
    session_id: UUID,
    modality: Modality,
    stage: str,
    focus: str,
    text: str,
    discussed: Collection[UUID] = (),
    summary: str = "",
    answers: Mapping[str, Any] | None = None,
    taken_up: Collection[str] = (),
) -> CoupleSession:
    """The session was held: its progress note, the insights taken up, and what both partners may read of it. Or it was
    not, and the note says so: then it is off the calendar.

    `answers`: what the note's form asks, by the keys of `note_forms`; `taken_up`: keys of the agenda's other items.

    Recorded once: the planned session is compared and set, and a second post of one's own gives back what the
    first
    kept. Raises Refused when an insight is no longer visible, Stale when somebody else was first.
    """
    session = _session(session_id)
    couple = must_be_theirs(by, session.couple)
    must_go_on(by, couple, session.at)
    _check_note(stage, focus, text, summary)
    kept = _form_of(modality, answers, taken_up)
    is_held = note_forms.was_held(kept)
    if not is_held and (summary.strip() or discussed or taken_up):
        raise Refused(
            "It was not held: then nothing was taken up, and there is nothing for both to read of it."
        )
    if session.at > timezone.now():
        raise Refused("This session has not begun yet. If it was held earlier, move it to that time first.")
    if session.state != CoupleSession.State.PLANNED and session.progress_notes.filter(author=by).exists():
        return session
    versions = _visible(couple, discussed)
    _set(session, state=CoupleSession.State.HELD if is_held else CoupleSession.State.CANCELLED)
    common = {"clinic_id": by.clinic_id, "couple": couple, "author": by, "session": session}
    ProgressNote(
        **common,
        modality=modality,
        stage=stage.strip() or note_forms.place(modality, note_forms.answers_of(kept))[:80],
        focus=focus.strip(),
        text=text.strip(),
        detail=kept,
    ).save(force_insert=True)
    for version in versions:
        InsightDiscussed(**common, version=version).save(force_insert=True)
    if summary.strip():
        SharedSummary(**common, text=summary.strip()).save(force_insert=True)
    audit.log("recorded a couples session", by=by, couple=couple, item_kind=PROGRESS, item_id=session.id)
    tell_couple(couple)
    return _session(session_id)


def _form_of(
    modality: Modality, answers: Mapping[str, Any] | None, taken_up: Collection[str]
) -> dict[str, Any]:
    """What the note keeps of its form; nothing where none was filled in. Raises Refused."""
    if answers is None and not taken_up:
        return {}
    read = note_forms.checked(modality, answers or {}, timezone.localdate())
    for key, fault in (read.faults or note_forms.at_odds(modality, read.kept)).items():
        question = note_forms.form(modality).question(key.partition(".")[0])
        raise Refused(f"{question.label if question else key}: {fault}")
    return note_forms.detail(modality, read.kept, [one[:120] for one in taken_up][:60])


def _check_note(stage: str, focus: str, *texts: str) -> None:
    if not focus.strip():
        raise Refused("Say in a few words what the session was about.")
    if len(stage.strip()) > 80 or len(focus.strip()) > 200:
        raise Refused(
            "The stage has room for 80 characters and the focus for 200; write the rest in the note."
        )
    check_length(*texts)


def _visible(couple: Couple, wanted: Collection[UUID]) -> list[InsightVersion]:
    """The versions asked for, every one still open to the viewer and written by one of these two."""
    found = list(
        InsightVersion.objects.filter(id__in=wanted, subject__memberships__couple=couple).order_by(
            "recorded_at"
        )
    )
    if len(found) != len(set(wanted)):
        raise Refused(
            "One of the insights you chose is no longer open to you. Choose again; your notes are still here."
        )
    return found


@transaction.atomic
def correct_note(
    *,
    by: Person,
    note_id: UUID,
    modality: Modality,
    stage: str,
    focus: str,
    text: str,
    reason: str,
    answers: Mapping[str, Any] | None = None,
) -> ProgressNote:
    """Put a new progress note in the place of one's own earlier one; both stay, with the reason.

    What was taken up in the session stays as it was said.
    """
    wrong = ProgressNote.objects.select_related("session", "couple").filter(id=note_id).first()
    if wrong is None:
        raise Refused("There is no such note.")
    couple = must_be_theirs(by, wrong.couple)
    if wrong.author_id != by.id:
        raise Refused("A note is corrected by who wrote it. Write an addition of your own instead.")
    _check_note(stage, focus, text)
    if not reason.strip() or len(reason.strip()) > 300:
        raise Refused("Say in a sentence why the earlier note was wrong: it stays beside this one.")
    kept = _form_of(modality, answers, note_forms.taken_up_in(wrong.detail))
    if note_forms.was_held(kept) != note_forms.was_held(wrong.detail):
        raise Refused(
            "Whether a session was held is not changed by a correction. Say it in the note, and plan the other one anew."
        )
    note = ProgressNote(
        clinic_id=by.clinic_id,
        couple=couple,
        author=by,
        session=wrong.session,
        modality=modality,
        stage=stage.strip() or note_forms.place(modality, note_forms.answers_of(kept))[:80],
        focus=focus.strip(),
        text=text.strip(),
        detail=kept,
        corrects=wrong,
        reason=reason.strip(),
    )
    try:
        with transaction.atomic():
            note.save(force_insert=True)
    except IntegrityError as error:
        raise Stale("This note was corrected already. Look at the newest one.") from error
    audit.log("corrected a note", by=by, couple=couple, item_kind=PROGRESS, item_id=wrong.id)
    return note


@transaction.atomic
def write_summary(*, by: Person, session_id: UUID, text: str, request_id: UUID) -> SharedSummary:
    """What stays with both: read by both partners. A later one stands beside the earlier. Posted twice, kept
    once.
    """
    session = _session(session_id)
    said = {"text": text.strip(), "session_id": session.id}
    if kept := sent_before(SharedSummary, request_id, by, **said):
        return kept
    couple = must_be_theirs(by, session.couple)
    if session.state != CoupleSession.State.HELD:
        raise Refused("A summary follows a session that was held.")
    if not text.strip():
        raise Refused("Write a few words first: both partners will read them.")
    check_length(text)
    summary = SharedSummary(
        id=request_id, clinic_id=by.clinic_id, couple=couple, author=by, session=session, text=text.strip()
    )
    if not kept_first(summary, **said):
        return SharedSummary.objects.get(id=request_id)
    audit.log("wrote a shared summary", by=by, couple=couple, item_kind=SHARED, item_id=summary.id)
    tell_couple(couple)
    return summary


# -------------------------------------------------------------------------------------------------- exercises


@transaction.atomic
def give_exercise(
    *,
    by: Person,
    couple: Couple,
    code: str,
    words: str,
    until: datetime | None,
    request_id: UUID,
    session_id: UUID | None = None,
    way: ExerciseGiven.Way = ExerciseGiven.Way.EITHER,
) -> ExerciseGiven:
    """Give both an exercise from the library, until a day or until it is ended; `way`: together, each alone, or
    as they like. Posted twice, it is given once.
    """
    said: dict[str, Any] = {"couple": couple, "exercise": code, "words": words.strip(), "way": way}
    if kept := sent_before(ExerciseGiven, request_id, by, **said):
        return kept
    must_be_theirs(by, couple)
    must_go_on(by, couple)
    if exercise(code) is None:
        raise Refused("There is no such exercise in the library.")
    if len(words.strip()) > 300:
        raise Refused("Your word with it has room for 300 characters.")
    if until and until <= timezone.now():
        raise Refused("The last day lies in the past. Choose a later one, or none.")
    session = _session(session_id) if session_id else None
    if session and session.couple_id != couple.id:
        raise Refused("There is no such session.")
    given = ExerciseGiven(
        id=request_id,
        clinic_id=by.clinic_id,
        couple=couple,
        author=by,
        session=session,
        exercise=code,
        words=words.strip(),
        until=until,
        way=way,
    )
    if not kept_first(given, **said):
        return ExerciseGiven.objects.get(id=request_id)
    audit.log("gave an exercise", by=by, couple=couple, item_kind=SHARED, item_id=given.id, why=code)
    tell_couple(couple)
    return given


@transaction.atomic
def end_exercise(*, by: Person, given_id: UUID) -> None:
    """From today on it is no longer asked of them. Ending twice changes nothing."""
    given = ExerciseGiven.objects.select_related("couple").filter(id=given_id).first()
    if given is None:
        raise Refused("There is no such exercise.")
    couple = must_be_theirs(by, given.couple)
    now = timezone.now()
    if given.until and given.until <= now:
        return
    if ExerciseGiven.objects.filter(id=given_id).update(until=now):
        audit.log("ended an exercise", by=by, couple=couple, item_kind=SHARED, item_id=given.id)
        tell_couple(couple)


def receive_all(*, by: Person, versions: Iterable[InsightVersion]) -> None:
    """Note that `by` has opened these words. One query when all were opened before."""
    shown = list(versions)
    opened = set(
        Receipt.objects.filter(author=by, item_id__in=[one.id for one in shown]).values_list(
            "item_id", flat=True
        )
    )
    for version in shown:
        if version.id not in opened:
            receive(by=by, item_kind="insight", item=version)
