"""What one person answered to one questionnaire, item by item, for those who care for them.

It shows what was sent, in the words of the instrument it was sent under where they are still here, and judges nothing.
"""

from dataclasses import dataclass
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.views.decorators.http import require_GET

from bothwell.couples.models import Person
from bothwell.instruments import shelf
from bothwell.instruments.catalogue import NoSuchInstrument
from bothwell.instruments.instrument import Instrument, Item
from bothwell.instruments.models import Response
from bothwell.instruments.scoring import items_asked
from bothwell.privacy import audit
from bothwell.web.caring import cared_for
from bothwell.web.score import plain
from bothwell.web.trajectory import stored_total, total_words
from bothwell.web.trajectory_rows import MEASURES


@dataclass(frozen=True)
class Answered:
    """One question with what was said to it; `is_open` where nothing was."""

    lead: str
    question: str
    said: str
    points: str
    is_open: bool


@require_GET
def answers(request: HttpRequest, person_id: UUID, response_id: UUID) -> HttpResponse:
    """What one person answered to one questionnaire, item by item."""
    care = cared_for(request, person_id)
    sent = get_object_or_404(
        Response.objects.select_related("author"),
        id=response_id,
        subject=care.person,
        status=Response.Status.SENT,
        kind__in=MEASURES,
    )
    try:
        instrument = shelf.find(care.person.clinic_id, sent.instrument, sent.instrument_version)
    except NoSuchInstrument as missing:
        raise Http404 from missing
    audit.viewed(care.viewer, subject=care.person, what=sent.kind)
    context = {
        "person": care.person,
        "side": care.side,
        "sent": sent,
        "instrument": instrument,
        "is_other_wording": instrument.version != sent.instrument_version,
        "answers": [_answered(item, sent, instrument) for item in instrument.items],
        "scores": _scores(sent, instrument),
        "rules": [rule for rule in instrument.rules if rule.id in sent.rules],
        "how": _how(sent, care.person),
    }
    return render(request, "trajectories/answers.html", context)


def _answered(item: Item, sent: Response, instrument: Instrument) -> Answered:
    given = sent.answers.get(item.link_id)
    if given is None:
        asked = {each.link_id for each in items_asked(instrument, sent.answers)}
        if item.link_id not in asked:
            said = "Not asked: it did not apply"
        else:
            said = "Would rather not answer" if item.link_id in sent.answers else "Not answered"
        return Answered(item.lead or "", item.text, said, "", True)
    option = item.option(given)
    points = item.points(given) if item.scored else None
    said = option.text if option else str(given)
    return Answered(item.lead or "", item.text, said, "" if points is None else plain(points), False)


def _scores(sent: Response, instrument: Instrument) -> list[tuple[str, str, str]]:
    """Each score's title, total and band."""
    found = []
    for scale in instrument.scales:
        total = stored_total(scale, scale.id == instrument.main, sent.total, sent.scores)
        band = scale.band(total) if total is not None else None
        found.append((scale.title, total_words(total), band.name if band else ""))
    return found


def _how(sent: Response, person: Person) -> str:
    by = sent.author.signs_as if sent.author else "somebody who was here"
    match sent.entered_as:
        case Response.EnteredAs.PAPER:
            return f"Copied from paper by {by}"
        case Response.EnteredAs.SPOKEN:
            return f"Asked and answered aloud; written down by {by}"
        case Response.EnteredAs.HANDED_OVER:
            return f"Answered by {person.name_used} on a device handed over by {by}"
        case _:
            return f"Answered by {person.name_used}"


urlpatterns = [
    path("people/<uuid:person_id>/measures/<uuid:response_id>", answers, name="measure_answers"),
]
