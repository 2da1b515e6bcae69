"""A device handed over: a few questions on a bare screen, and nothing of the clinic or of anybody behind it.

From the moment it is handed over the session opens nothing but these questions (`guard`); when they are sent, or the
person leaves, it is closed, and who takes the device back signs in again. Half an answer is kept nowhere.
"""

from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Person
from bothwell.instruments import shelf
from bothwell.instruments.actions import enter_on_behalf
from bothwell.instruments.catalogue import NoSuchInstrument
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Response
from bothwell.later import tell
from bothwell.refusal import Refused
from bothwell.web.asking import viewer
from bothwell.web.guard import HANDED
from bothwell.web.screen_form import ScreenForm

DECLINED = "I would rather not answer"


def begin(request: HttpRequest, who: Person, person: Person, screen: Instrument) -> None:
    """From now on this session opens only the questions. Other pages open in it lose their stream at once."""
    request.session[HANDED] = {
        "person": str(person.id),
        "screen": screen.id,
        "version": screen.version,
        "request": str(uuid4()),
    }
    tell("access", who.id)


@require_http_methods(["GET", "POST"])
def handed(request: HttpRequest) -> HttpResponse:
    """The questions; sent, a word of thanks, and the session is closed. 404 where no device was handed over."""
    about = request.session.get(HANDED)
    if not isinstance(about, dict):
        raise Http404
    who, person, screen = _behind(request, about)
    data = request.POST if request.method == "POST" else None
    form = ScreenForm(data, instrument=screen, declined=DECLINED)
    if data is None or not form.is_valid():
        return _questions(request, form)
    try:
        enter_on_behalf(
            by=who,
            subject=person,
            instrument_id=screen.id,
            wave=f"alone {timezone.localdate():%Y-%m-%d}",
            answers=form.answers(),
            answered_at=timezone.now(),
            entered_as=Response.EnteredAs.HANDED_OVER,
            request_id=UUID(about["request"]),
        )
    except Refused as no:
        form.add_error(None, no.reason)
        return _questions(request, form)
    request.is_handed_back = True  # type: ignore[attr-defined]
    return _bare(request, "handed/thanks.html", {}, 200)


def _behind(request: HttpRequest, about: dict[str, str]) -> tuple[Person, Person, Instrument]:
    """Who handed it over, whose answers these are, and the questions; the database asks again who may keep them."""
    who = viewer(request)
    try:
        screen = shelf.find(who.clinic_id, about["screen"], about["version"])
    except NoSuchInstrument as error:
        raise Http404 from error
    return who, get_object_or_404(Person, id=about["person"]), screen


def _questions(request: HttpRequest, form: ScreenForm) -> HttpResponse:
    return _bare(request, "handed/page.html", {"form": form}, 422 if form.is_bound else 200)


def _bare(request: HttpRequest, template: str, context: dict[str, Any], status: int) -> HttpResponse:
    # No viewer, no clinic, no navigation: nothing on this page is anybody's.
    nobody: dict[str, Any] = {"viewer": None, "clinic": None, "nav": [], "demo": False}
    return render(request, template, {**context, **nobody}, status=status)
