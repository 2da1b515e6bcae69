"""Asking for answers, keeping a draft, and sending it once: the only writers of requests and responses.

Nothing here shows an answer to anyone, and a draft is never scored; what is sent is never changed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from django.conf import settings
from django.db import IntegrityError, ProgrammingError, transaction
from django.db.models import Q
from django.utils import timezone

from bothwell.couples.models import Person, new_id
from bothwell.instruments import safety_actions, shelf
from bothwell.instruments.answering import (
    Event,
    Given,
    Outcome,
    Standing,
    completed,
    follow,
    is_taken,
    outcome,
    stand,
    still_open,
)
from bothwell.instruments.catalogue import NoSuchInstrument
from bothwell.instruments.due import is_of_a_parted_couple
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Answered, Kind, Request, Response
from bothwell.instruments.scoring import AnswerError, Answers, Score, score
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

SENT_ALREADY: Final = "This was sent already, so it can no longer be changed."
NOT_AN_ANSWER: Final = "This is not one of the answers. Choose again."
PARTED_SINCE: Final = (
    "This was asked about a couple that has parted since. It is not asked any more, and nothing was sent."
)
NO_SUCH: Final = "There is no such questionnaire here."
TOO_LONG_AGO: Final = "That is more than a year ago. Check the year."
TICK: Final = timedelta(microseconds=1)
LONGEST_AGO: Final = timedelta(days=366)
"""How late answers may be copied in: a year, a leap year too. Beyond it, a slip in the year is likelier.

Nobody came here in the future, so this also refuses whatever lies more than a year before they came.
"""


@transaction.atomic
def ask(
    *, by: Person, subject: Person, instrument_ids: Iterable[str], wave: str, due_at: datetime
) -> list[Request]:
    """Ask one person to answer these instruments on one occasion; gives back the requests that are new.

    What was already asked for in this wave is left as it is. Raises Refused when it is not `by`'s to ask.
    """
    rows = [_request(by, subject, instrument_id, wave, due_at) for instrument_id in instrument_ids]
    try:
        with transaction.atomic():
            Request.objects.bulk_create(rows, ignore_conflicts=True)
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("Only those who care for this person can ask for answers.") from error
    new = list(Request.objects.filter(id__in=[row.id for row in rows]).order_by("instrument"))
    for row in new:
        audit.log("asked", by=by, subject=subject, item_kind=row.kind, item_id=row.id)
    if new:
        tell("person", subject.id)
    return new


def _request(by: Person, subject: Person, instrument_id: str, wave: str, due_at: datetime) -> Request:
    instrument = _find(by, instrument_id)
    return Request(
        clinic_id=by.clinic_id,
        subject=subject,
        author=by,
        instrument=instrument.id,
        instrument_version=instrument.version,
        kind=instrument.kind.value,
        wave=wave,
        due_at=due_at,
    )


def _find(by: Person, instrument_id: str, version: str = "") -> Instrument:
    try:
        return shelf.find(by.clinic_id, instrument_id, version)
    except NoSuchInstrument as error:
        raise Refused(NO_SUCH) from error


@transaction.atomic
def open_response(*, by: Person, request: Request) -> Response:
    """The one response to a request: the draft begun before, the sent one, or a new empty draft."""
    if request.subject_id != by.id:
        raise Refused("Only the person asked can answer.")
    found = Response.objects.filter(request=request).first()
    if found:
        return found
    draft = Response(
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        request=request,
        instrument=request.instrument,
        instrument_version=_find(by, request.instrument, request.instrument_version).version,
        kind=request.kind,
        wave=request.wave,
    )
    try:
        with transaction.atomic():
            draft.save(force_insert=True)
    except IntegrityError:  # a second tab was first
        return Response.objects.get(request=request)
    audit.log("began answering", by=by, subject=by, item_kind=draft.kind, item_id=draft.id)
    return draft


@dataclass(frozen=True)
class Recorded:
    """A draft after a batch of answers, and what came of each event; `reasons` says why one was refused.

    `was_at` is the draft's revision before: another one than the caller knew means that somebody else wrote.
    """

    response: Response
    outcomes: Mapping[UUID, Outcome]
    reasons: Mapping[UUID, str]
    was_at: int


@transaction.atomic
def record(*, by: Person, response_id: UUID, events: Sequence[Event]) -> Recorded:
    """Keep a batch of answers in order, each once: a repeat changes nothing and answers as the first time did.

    An answer given unseen of another device's is stored and put before the person; the draft keeps the earlier
    one. What the questionnaire does not take, or comes after sending, is refused and kept nowhere. Raises Refused
    when the response is not `by`'s.
    """
    draft = _locked(by, response_id)
    instrument = _find(by, draft.instrument, draft.instrument_version)
    stored = _stored(draft, events)
    before = {row.event: Outcome(row.outcome) for row in stored}
    items = stand(_given(row) for row in stored)
    at = max([timezone.now(), *(row.recorded_at + TICK for row in stored)])
    new: list[Answered] = []
    reasons: dict[UUID, str] = {}
    for event in events:
        if event.event in before:
            continue
        if reason := _refusal(draft, instrument, event):
            before[event.event], reasons[event.event] = Outcome.REFUSED, reason
            continue
        standing = items.get(event.link_id, Standing())
        before[event.event] = outcome(standing, event)
        # Their order is told by this time: later ones are later, whatever the clock does.
        new.append(_answered(by, draft, event, before[event.event], at + len(new) * TICK))
        items[event.link_id] = follow(standing, _given(new[-1]))
    if new:
        _keep(draft, new, items)
    outcomes = {event.event: before[event.event] for event in events}
    return Recorded(_own(by, response_id), outcomes, reasons, draft.revision)


def _locked(by: Person, response_id: UUID) -> Response:
    """The draft, held until the transaction ends; or what was sent, which nobody changes."""
    draft = (
        Response.objects.select_for_update()
        .filter(id=response_id, subject=by, status=Response.Status.DRAFT)
        .first()
    )
    return draft or _own(by, response_id)


def _stored(draft: Response, events: Sequence[Event]) -> list[Answered]:
    """What is stored already of these events and of their items, in the order it came."""
    known = Q(event__in=[each.event for each in events]) | Q(link_id__in={each.link_id for each in events})
    return list(Answered.objects.filter(known, response=draft).order_by("recorded_at", "id"))


def _given(row: Answered) -> Given:
    return Given(row.event, row.link_id, row.answer, Outcome(row.outcome))


def _refusal(draft: Response, instrument: Instrument, event: Event) -> str:
    if draft.status != Response.Status.DRAFT:
        return SENT_ALREADY
    if event.answer is not None and len(event.answer) > settings.LONGEST_TEXT:
        return f"This is longer than {settings.LONGEST_TEXT} characters. Please shorten it."
    if not is_taken(instrument.item(event.link_id), event.answer, settings.LONGEST_TEXT):
        return NOT_AN_ANSWER
    return ""


def _answered(by: Person, draft: Response, event: Event, result: Outcome, at: datetime) -> Answered:
    return Answered(
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        couple_id=draft.couple_id,
        response=draft,
        event=event.event,
        link_id=event.link_id,
        answer=event.answer,
        device=event.device,
        after=event.after,
        made_at=event.made_at,
        outcome=result.value,
        recorded_at=at,
    )


def _keep(draft: Response, new: Sequence[Answered], items: Mapping[str, Standing]) -> None:
    Answered.objects.bulk_create(new)
    changed = {row.link_id: items[row.link_id].kept for row in new}
    answers = draft.answers | {link_id: kept.answer for link_id, kept in changed.items() if kept}
    Response.objects.filter(id=draft.id, status=Response.Status.DRAFT, revision=draft.revision).update(
        answers=answers, revision=draft.revision + 1
    )


def standing_of(response: Response) -> dict[str, Standing]:
    """How every item of a response stands by all that was stored for it: the kept answer, and an open conflict."""
    rows = Answered.objects.filter(response=response).order_by("recorded_at", "id")
    return stand(_given(row) for row in rows)


@transaction.atomic
def save_answer(*, by: Person, response_id: UUID, link_id: str, code: str | None, revision: int) -> Response:
    """Keep one answer (None: rather not answer) from a page without scripts; gives back the draft as it now stands.

    The same answer twice changes nothing. Raises Stale when another window answered this item meanwhile, Refused
    when it is not an answer or the response was sent.
    """
    draft = _locked(by, response_id)
    if link_id in draft.answers and draft.answers[link_id] == code and draft.status == Response.Status.DRAFT:
        return draft
    kept = (
        stand(
            _given(row)
            for row in Answered.objects.filter(response=draft, link_id=link_id).order_by("recorded_at", "id")
        )
        .get(link_id, Standing())
        .kept
    )
    # A page of this very revision has seen whatever is kept.
    after = kept.event if kept and draft.revision == revision else None
    event = Event(new_id(), link_id, code, uuid5(response_id, "page"), after, timezone.now())
    recorded = record(by=by, response_id=response_id, events=[event])
    match recorded.outcomes[event.event]:
        case Outcome.REFUSED:
            raise Refused(recorded.reasons[event.event])
        case Outcome.IN_CONFLICT:
            raise Stale("This was answered in another window. Here is how it stands there.")
    return recorded.response


def _own(by: Person, response_id: UUID) -> Response:
    found = Response.objects.filter(id=response_id, subject=by).first()
    if found is None:
        raise Refused("There is no such check-in of yours.")
    return found


@transaction.atomic
def send(*, by: Person, response_id: UUID, revision: int | None = None) -> Response:
    """Send a draft: scored, stored and closed for good. Sending twice changes nothing.

    A positive safety item opens a flag for the clinicians who may see it; the rest is the clinic's pathway.
    `revision` is the draft as the person last saw it: raises Stale when it has changed since. Raises Refused
    while something is open.
    """
    draft = _locked(by, response_id)
    if draft.status == Response.Status.SENT:
        return draft
    if revision is not None and draft.revision != revision:
        raise Stale("An answer changed in another window. Look once more, then send.")
    if draft.request_id and is_of_a_parted_couple(draft.request_id):
        raise Refused(PARTED_SINCE)
    instrument = _find(by, draft.instrument, draft.instrument_version)
    result = _scored(instrument, draft.answers)
    if still_open(instrument, draft.answers):
        raise Refused("Some questions are still open. Answer them, or say you would rather not.")
    Response.objects.filter(id=response_id, status=Response.Status.DRAFT, subject=by).update(
        status=Response.Status.SENT, sent_at=timezone.now(), **_result(result)
    )
    safety_actions.follow_up(by=by, response=draft, flags=result.flags)
    audit.log("sent answers", by=by, subject=by, item_kind=draft.kind, item_id=draft.id)
    return _own(by, response_id)


def _scored(instrument: Instrument, answers: Answers) -> Score:
    try:
        return score(instrument, answers)
    except AnswerError as error:
        raise Refused("One answer no longer fits this questionnaire. Open it and choose again.") from error


def _result(result: Score) -> dict[str, Any]:
    """What a score leaves in the columns of a response."""
    return {
        "instrument_version": result.instrument_version,
        "total": result.total,
        "scores": result.totals(),
        "rules": list(result.rules),
        "band": result.band.name if result.band else "",
        "flags": list(result.flags),
    }


@transaction.atomic
def enter_on_behalf(
    *,
    by: Person,
    subject: Person,
    instrument_id: str,
    wave: str,
    answers: Answers,
    answered_at: datetime,
    entered_as: str,
    request_id: UUID,
) -> Response:
    """Keep what somebody answered on paper, aloud or on a device handed over: sent at once, scored, followed up.

    What was asked and left blank counts as declined. `request_id` becomes the row's key: entering it twice changes
    nothing. Raises Refused when an answer does not fit, the time is to come or more than a year ago, or it is not
    `by`'s to enter. The row given back is the one in memory: whoever entered it may not be among those who read it.
    """
    if entered_as not in set(Response.EnteredAs.values) - {Response.EnteredAs.SELF}:
        raise Refused("Say how the answers were given.")
    if answered_at > timezone.now():
        raise Refused("The time of answering lies in the future. Check the day and the hour.")
    if answered_at < timezone.now() - LONGEST_AGO:
        raise Refused(TOO_LONG_AGO)
    instrument = _find(by, instrument_id)
    if any(
        not is_taken(instrument.item(item), answer, settings.LONGEST_TEXT) for item, answer in answers.items()
    ):
        raise Refused("One answer does not fit this questionnaire. Check it and choose again.")
    complete = completed(instrument, answers)
    result = _scored(instrument, complete)
    entered = Response(
        id=request_id,
        clinic_id=by.clinic_id,
        subject=subject,
        author=by,
        instrument=instrument.id,
        kind=instrument.kind.value,
        wave=wave,
        entered_as=entered_as,
        status=Response.Status.SENT,
        sent_at=answered_at,
        answers=complete,
        **_result(result),
    )
    try:
        with transaction.atomic():
            entered.save(force_insert=True)
    except IntegrityError as error:  # the same form, sent twice
        found = Response.objects.filter(id=request_id).first()
        if found and (found.author_id, found.subject_id) != (by.id, subject.id):
            raise Refused("Open the form anew, then enter the answers.") from error
        return found or entered
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("Only those who care for this person can enter their answers.") from error
    safety_actions.follow_up(by=by, response=entered, flags=result.flags)
    audit.log("entered answers", by=by, subject=subject, item_kind=entered.kind, item_id=entered.id)
    if entered.kind != Kind.VIOLENCE:  # of that one no page of theirs may as much as stir
        tell("person", subject.id)
    return entered
