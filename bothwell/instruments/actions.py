"""Asking for answers, keeping a draft, and sending it once: the only writers of requests and responses.

Nothing here shows an answer to anyone, and a draft is never scored; what is sent is never changed.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, ProgrammingError, transaction
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.instruments import safety_actions
from bothwell.instruments.catalogue import NoSuchInstrument, load
from bothwell.instruments.models import Request, Response
from bothwell.instruments.scoring import AnswerError, score
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale


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
    try:
        instrument = load(instrument_id)
    except NoSuchInstrument as error:
        raise Refused("There is no such questionnaire here.") from error
    return Request(
        clinic_id=by.clinic_id,
        subject=subject,
        author=by,
        instrument=instrument.id,
        kind=instrument.kind.value,
        wave=wave,
        due_at=due_at,
    )


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
        instrument_version=load(request.instrument).version,
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


@transaction.atomic
def save_answer(*, by: Person, response_id: UUID, link_id: str, code: str | None, revision: int) -> Response:
    """Keep one answer (None: rather not answer) in a draft; gives back the draft as it now stands.

    The same answer twice changes nothing. Raises Stale when the draft moved on elsewhere, Refused when sent.
    """
    draft = _own(by, response_id)
    if draft.status != Response.Status.DRAFT:
        raise Refused("This was sent already, so it can no longer be changed.")
    _check(draft.instrument, link_id, code)
    if link_id in draft.answers and draft.answers[link_id] == code:
        return draft
    kept = Response.objects.filter(
        id=response_id, status=Response.Status.DRAFT, revision=revision, subject=by
    ).update(answers={**draft.answers, link_id: code}, revision=revision + 1)
    stands = _own(by, response_id)
    # Choosing and pressing Next at once sends the same answer twice, side by side: the second is no surprise.
    if not kept and (link_id not in stands.answers or stands.answers[link_id] != code):
        raise Stale("This was answered in another window. Here is how it stands there.")
    return stands


def _check(instrument_id: str, link_id: str, code: str | None) -> None:
    item = load(instrument_id).item(link_id)
    if item is None or (code is not None and item.option(code) is None):
        raise Refused("This is not one of the answers. Choose again.")


def _own(by: Person, response_id: UUID) -> Response:
    found = Response.objects.filter(id=response_id, subject=by).first()
    if found is None:
        raise Refused("There is no such check-in of yours.")
    return found


@transaction.atomic
def send(*, by: Person, response_id: UUID) -> Response:
    """Send a draft: scored, stored and closed for good. Sending twice changes nothing.

    A positive safety item opens a flag for the clinicians who may see it; the rest is the clinic's pathway.
    """
    draft = _own(by, response_id)
    if draft.status == Response.Status.SENT:
        return draft
    instrument = load(draft.instrument)
    try:
        result = score(instrument, draft.answers)
    except AnswerError as error:
        raise Refused("One answer no longer fits this questionnaire. Open it and choose again.") from error
    open_items = [item for item in instrument.items if item.link_id not in draft.answers]
    if open_items:
        raise Refused("Some questions are still open. Answer them, or say you would rather not.")
    sent = Response.objects.filter(
        id=response_id, status=Response.Status.DRAFT, revision=draft.revision, subject=by
    ).update(
        status=Response.Status.SENT,
        sent_at=timezone.now(),
        instrument_version=result.instrument_version,
        total=result.total,
        scores=result.totals(),
        rules=list(result.rules),
        band=result.band.name if result.band else "",
        flags=list(result.flags),
    )
    if not sent:
        return _sent_meanwhile(by, response_id)
    safety_actions.follow_up(by=by, response=draft, flags=result.flags)
    audit.log("sent answers", by=by, subject=by, item_kind=draft.kind, item_id=draft.id)
    return _own(by, response_id)


def _sent_meanwhile(by: Person, response_id: UUID) -> Response:
    now = _own(by, response_id)
    if now.status != Response.Status.SENT:
        raise Stale("An answer changed in another window. Look once more, then send.")
    return now
