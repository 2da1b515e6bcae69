"""Check-in: one question a view, kept as it is answered, sent once, and seen by those it says.

It shows nobody's answers but one's own, and no score: a number without a conversation helps nobody.
"""

from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Person
from bothwell.instruments import actions
from bothwell.instruments.catalogue import load
from bothwell.instruments.instrument import Instrument, Item
from bothwell.instruments.models import Kind, Request, Response
from bothwell.integration.insights import Seen, seen_by
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Consent
from bothwell.refusal import Refused, Stale
from bothwell.web.around import Nearby, nearby
from bothwell.web.asking import require_partner

CHOOSE = "Choose the answer that fits best, or say you would rather not."


class AnswerForm(forms.Form):
    """One answer; `step` says which button was pressed."""

    answer = forms.CharField(required=False, max_length=60)
    revision = forms.IntegerField(min_value=0)
    step = forms.ChoiceField(
        choices=[(name, name) for name in ("save", "next", "back", "skip")], required=False
    )


@dataclass(frozen=True)
class CheckIn:
    """One request, its instrument and the response as it stands."""

    who: Person
    request: Request
    instrument: Instrument
    response: Response

    @property
    def is_sent(self) -> bool:
        return bool(self.response.status == Response.Status.SENT)

    def item(self, number: int) -> Item:
        if not 1 <= number <= len(self.instrument.items):
            raise Http404
        return self.instrument.items[number - 1]

    @property
    def first_open(self) -> int | None:
        """The number of the first question neither answered nor declined, or None."""
        for number, item in enumerate(self.instrument.items, 1):
            if item.link_id not in self.response.answers:
                return number
        return None

    def address(self, end: int | str) -> str:
        return f"/checkin/{self.request.id}/{end}"


def _check_in(request: HttpRequest, request_id: UUID) -> CheckIn:
    who = require_partner(request)
    asked = get_object_or_404(Request.objects.exclude(kind=Kind.VIOLENCE), id=request_id, subject=who)
    return CheckIn(who, asked, load(asked.instrument), actions.open_response(by=who, request=asked))


def _seen(check_in: CheckIn, surroundings: Nearby) -> Seen:
    return seen_by(check_in.request.kind, surroundings.team, released_by(check_in.who))


def released_by(who: Person) -> list[tuple[str, Relation]]:
    """The releases in force that this person signed: which class, to which role."""
    signed = Consent.objects.filter(subject=who, withdrawn_at__isnull=True).exclude(release_class="")
    return [(data, Relation(to)) for data, to in signed.values_list("release_class", "release_to")]


@require_GET
def start(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """On to where it was left: the first open question, the review, or what was sent."""
    check_in = _check_in(request, request_id)
    if check_in.is_sent:
        return redirect(check_in.address("sent"))
    return redirect(check_in.address(check_in.first_open or "review"))


@require_http_methods(["GET", "POST"])
def question(request: HttpRequest, request_id: UUID, number: int) -> HttpResponse:
    """One question. A post keeps the answer and goes on; from a script it keeps the answer and says so."""
    check_in = _check_in(request, request_id)
    item = check_in.item(number)
    if check_in.is_sent:
        return redirect(check_in.address("sent"))
    if request.method == "GET":
        return _question(request, check_in, number)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _question(request, check_in, number, trouble=CHOOSE, status=422)
    code = form.cleaned_data["answer"] or None
    step = form.cleaned_data["step"] or ("save" if request.htmx else "next")  # type: ignore[attr-defined]
    if step != "back" and step != "skip" and code is None and item.link_id not in check_in.response.answers:
        return _question(request, check_in, number, trouble=CHOOSE, status=422)
    try:
        if code is not None or step == "skip":
            check_in = CheckIn(
                check_in.who,
                check_in.request,
                check_in.instrument,
                actions.save_answer(
                    by=check_in.who,
                    response_id=check_in.response.id,
                    link_id=item.link_id,
                    code=None if step == "skip" else code,
                    revision=form.cleaned_data["revision"],
                ),
            )
    except Stale as stale:
        return _question(request, _check_in(request, request_id), number, trouble=stale.reason, status=409)
    except Refused as refused:
        return _question(request, check_in, number, trouble=refused.reason, chosen=code, status=422)
    if step == "save":
        return _question(request, check_in, number, saved=True)
    return redirect(_where_next(check_in, number, step))


def _where_next(check_in: CheckIn, number: int, step: str) -> str:
    if step == "back":
        return check_in.address(number - 1) if number > 1 else "/today"
    return check_in.address(number + 1 if number < len(check_in.instrument.items) else "review")


def _question(
    request: HttpRequest,
    check_in: CheckIn,
    number: int,
    *,
    trouble: str = "",
    chosen: str | None = None,
    saved: bool = False,
    status: int = 200,
) -> HttpResponse:
    item, answers = check_in.item(number), check_in.response.answers
    context = {
        "check_in": check_in,
        "item": item,
        "lead": item.lead or check_in.instrument.stem or "",
        "number": number,
        "of": len(check_in.instrument.items),
        "progress": _progress(check_in, number),
        "chosen": chosen if chosen is not None else answers.get(item.link_id),
        "declined": item.link_id in answers and answers[item.link_id] is None,
        "kept": item.link_id in answers,
        "saved": saved,
        "trouble": trouble,
    }
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "checkin/page.html#kept", context, status=status)
    surroundings = nearby(check_in.who)
    context |= {"seen": _seen(check_in, surroundings), "side": surroundings.side}
    return render(request, "checkin/page.html", context, status=status)


def _progress(check_in: CheckIn, number: int) -> list[str]:
    """One mark a question: now, done or open. Only one's own."""
    return [
        "now" if at == number else "done" if item.link_id in check_in.response.answers else "open"
        for at, item in enumerate(check_in.instrument.items, 1)
    ]


@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Every answer once more; then send."""
    check_in = _check_in(request, request_id)
    if check_in.is_sent:
        return redirect(check_in.address("sent"))
    if request.method == "POST":
        try:
            actions.send(by=check_in.who, response_id=check_in.response.id)
        except Refused as refused:
            return _review(request, _check_in(request, request_id), trouble=refused.reason, status=422)
        return redirect(check_in.address("sent"))
    return _review(request, check_in)


def _review(request: HttpRequest, check_in: CheckIn, *, trouble: str = "", status: int = 200) -> HttpResponse:
    answers = check_in.response.answers
    rows = []
    for number, item in enumerate(check_in.instrument.items, 1):
        code = answers.get(item.link_id)
        option = item.option(code) if code else None
        said = option.text if option else "Rather not" if item.link_id in answers else ""
        rows.append({"number": number, "item": item, "said": said})
    context = {
        "check_in": check_in,
        "rows": rows,
        "ready": check_in.first_open is None,
        "seen": _seen(check_in, nearby(check_in.who)),
        "trouble": trouble,
    }
    return render(request, "checkin/review.html", context, status=status)


@require_GET
def sent(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Thank you, and who sees it. Where an answer asks for it, first of all someone to talk to now."""
    check_in = _check_in(request, request_id)
    if not check_in.is_sent:
        return redirect(check_in.address(check_in.first_open or "review"))
    context = {
        "check_in": check_in,
        "seen": _seen(check_in, nearby(check_in.who)),
        "reach_out": bool(check_in.response.flags),
        "crisis_lines": check_in.who.clinic.crisis_lines,
        "next": due(check_in.who).first(),
    }
    return render(request, "checkin/sent.html", context)


def due(who: Person) -> QuerySet[Request]:
    """The requests this person has not answered to the end, by the day they are due.

    What was asked again since has lapsed: nobody is shown a pile of last month's questions.
    """
    asked_again = Request.objects.filter(
        subject=who,
        instrument=OuterRef("instrument"),
        due_at__gt=OuterRef("due_at"),
        due_at__lte=timezone.now(),
    )
    return (
        Request.objects.select_related("response")
        .filter(~Exists(asked_again), subject=who)
        .exclude(kind=Kind.VIOLENCE)
        .exclude(response__status=Response.Status.SENT)
        .order_by("due_at", "instrument")
    )


urlpatterns: list[URLPattern] = [
    path("checkin/<uuid:request_id>", start, name="checkin"),
    path("checkin/<uuid:request_id>/<int:number>", question, name="checkin-question"),
    path("checkin/<uuid:request_id>/review", review, name="checkin-review"),
    path("checkin/<uuid:request_id>/sent", sent, name="checkin-sent"),
]
