"""Check-in: one question a view, kept as it is answered, sent once, and seen by those it says.

It shows nobody's answers but one's own, and no score: a number without a conversation helps nobody.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Person
from bothwell.instruments import actions, shelf
from bothwell.instruments.answering import still_open
from bothwell.instruments.catalogue import NoSuchInstrument
from bothwell.instruments.instrument import Instrument, Item
from bothwell.instruments.models import Kind, Request, Response
from bothwell.instruments.scoring import AnswerError, items_asked, score
from bothwell.integration.insights import Seen, seen_by
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Consent
from bothwell.refusal import Refused, Stale
from bothwell.web import checkin_form
from bothwell.web.around import Nearby, nearby
from bothwell.web.asking import require_partner
from bothwell.web.today_needs import waiting_in_turn

MOST_SEGMENTS = 24
KEEP_FOR = "X-Keep-Seconds"
COPY = "copy"
"""In the address: the document without anything of the person's, as a device may keep it."""
"""How long a page of this kind may be shown again without asking: the time after which a session locks."""


class AnswerForm(forms.Form):
    """One answer; `step` says which button was pressed."""

    answer = forms.CharField(required=False, max_length=settings.LONGEST_TEXT)
    revision = forms.IntegerField(min_value=0)
    step = forms.ChoiceField(choices=[(name, name) for name in ("next", "back", "skip")], required=False)


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

    @property
    def asked(self) -> tuple[Item, ...]:
        """The items the answers so far leave to be asked."""
        return items_asked(self.instrument, self.response.answers)

    def item(self, number: int) -> Item:
        if not 1 <= number <= len(self.instrument.items):
            raise Http404
        return self.instrument.items[number - 1]

    def number(self, item: Item) -> int:
        return self.instrument.items.index(item) + 1

    @property
    def first_open(self) -> int | None:
        """The number of the first question neither answered nor declined, or None."""
        return next((self.number(i) for i in self.asked if i.link_id not in self.response.answers), None)

    @property
    def must_answer(self) -> int | None:
        """The number of the first question without which it cannot be sent, or None."""
        return next((self.number(i) for i in still_open(self.instrument, self.response.answers)), None)

    @property
    def needs_someone(self) -> bool:
        """Whether an answer calls for somebody to talk to, now."""
        if self.is_sent:
            return bool(self.response.flags)
        try:
            return bool(score(self.instrument, self.response.answers).flags)
        except AnswerError:
            return False

    def address(self, end: int | str) -> str:
        return f"/checkin/{self.request.id}/{end}"


def check_in_of(request: HttpRequest, request_id: UUID) -> CheckIn:
    """The check-in of the partner looking, opened where it was left; 404 for anyone else's."""
    who = require_partner(request)
    asked = get_object_or_404(Request.objects.exclude(kind=Kind.VIOLENCE), id=request_id, subject=who)
    try:
        response = actions.open_response(by=who, request=asked)
        instrument = shelf.find(who.clinic_id, asked.instrument, response.instrument_version)
    except (NoSuchInstrument, Refused) as gone:  # the clinic took the questionnaire away
        raise Http404 from gone
    return CheckIn(who, asked, instrument, response)


def _seen(check_in: CheckIn, surroundings: Nearby) -> Seen:
    return seen_by(check_in.request.kind, surroundings.team, released_by(check_in.who))


def released_by(who: Person) -> list[tuple[str, Relation]]:
    """The releases in force that this person signed: which class, to which role."""
    signed = Consent.objects.filter(subject=who, withdrawn_at__isnull=True).exclude(release_class="")
    return [(data, Relation(to)) for data, to in signed.values_list("release_class", "release_to")]


# ── the whole questionnaire in one document, for browsers with scripts ────────────────────────────────────


@require_GET
def start(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Where it was left, the whole questionnaire in one document; or what was sent.

    Without scripts the document leads on to the first open question's own page.
    """
    check_in = check_in_of(request, request_id)
    if check_in.is_sent:
        return redirect(check_in.address("sent"))
    surroundings = nearby(check_in.who)
    questions = checkin_form.shown(check_in.instrument)
    is_copy = COPY in request.GET
    first = 1 if is_copy else check_in.first_open
    context = {
        "check_in": check_in,
        "questions": questions,
        "first": questions[first - 1] if first else None,
        "by_hand": check_in.address(first or "review"),
        "state": _rules(check_in) | ({} if is_copy else _state(request, check_in)),
        "side": surroundings.side,
        "seen": _seen(check_in, surroundings),
        "crisis_lines": check_in.who.clinic.crisis_lines,
    }
    if not is_copy:
        return render(request, "checkin/document.html", context)
    response = render(request, "checkin/document.html", context | {"viewer": None})
    response[KEEP_FOR] = str(settings.IDLE_LOCK_SECONDS)
    return response


def _rules(check_in: CheckIn) -> dict[str, Any]:
    """What the script of the document goes by, and a copy on the device may hold: nothing of the person's."""
    root = reverse("checkin", args=[check_in.request.id])
    return {
        "request": str(check_in.request.id),
        "root": root,
        "login": f"{settings.LOGIN_URL}?next={root}",
        "longest": settings.LONGEST_TEXT,
        **checkin_form.rules(check_in.instrument),
    }


def _state(request: HttpRequest, check_in: CheckIn) -> dict[str, Any]:
    """How the draft stands, and what opens the answers that wait on the device: for the open page alone."""
    response = check_in.response
    standing = checkin_form.standing(response.answers, actions.standing_of(response), response.revision)
    return {
        "response": str(response.id),
        "key": checkin_form.queue_key(response.id),
        "token": get_token(request),
        "needsSomeone": check_in.needs_someone,
        **standing,
    }


# ── one page a question, for browsers without ─────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def question(request: HttpRequest, request_id: UUID, number: int) -> HttpResponse:
    """One question. A post keeps the answer and goes on."""
    check_in = check_in_of(request, request_id)
    item = check_in.item(number)
    if check_in.is_sent:
        return redirect(check_in.address("sent"))
    if request.method == "GET":
        return _question(request, check_in, number)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _question(request, check_in, number, trouble=checkin_form.CHOOSE, status=422)
    code, step = form.cleaned_data["answer"] or None, form.cleaned_data["step"] or "next"
    is_kept = item.link_id in check_in.response.answers
    try:
        match step:
            case "skip":
                check_in = _save(check_in, item, None, form)
            case _ if code is not None:
                check_in = _save(check_in, item, code, form)
            case "next" if item.type == "text":
                check_in = _save(check_in, item, None, form)
            case "next" if not is_kept:
                return _question(request, check_in, number, trouble=checkin_form.CHOOSE, status=422)
    except Stale as stale:
        return _question(request, check_in_of(request, request_id), number, trouble=stale.reason, status=409)
    except Refused as refused:
        return _question(request, check_in, number, trouble=refused.reason, chosen=code, status=422)
    return redirect(_where_next(check_in, number, step))


def _save(check_in: CheckIn, item: Item, code: str | None, form: AnswerForm) -> CheckIn:
    response = actions.save_answer(
        by=check_in.who,
        response_id=check_in.response.id,
        link_id=item.link_id,
        code=code,
        revision=form.cleaned_data["revision"],
    )
    return CheckIn(check_in.who, check_in.request, check_in.instrument, response)


def _where_next(check_in: CheckIn, number: int, step: str) -> str:
    """The next question that is asked, the one before, or the review."""
    numbers = [check_in.number(item) for item in check_in.asked]
    if step == "back":
        before = [each for each in numbers if each < number]
        return check_in.address(before[-1]) if before else "/today"
    return check_in.address(next((each for each in numbers if each > number), "review"))


def _question(
    request: HttpRequest,
    check_in: CheckIn,
    number: int,
    *,
    trouble: str = "",
    chosen: str | None = None,
    status: int = 200,
) -> HttpResponse:
    item, answers, surroundings = check_in.item(number), check_in.response.answers, nearby(check_in.who)
    asked = check_in.asked
    if item not in asked:
        return redirect(_where_next(check_in, number, "next"))
    context = {
        "check_in": check_in,
        "question": checkin_form.shown(check_in.instrument)[number - 1],
        "number": asked.index(item) + 1,
        "of": len(asked),
        "progress": _progress(check_in, number) if len(asked) <= MOST_SEGMENTS else [],
        "chosen": chosen if chosen is not None else answers.get(item.link_id),
        "declined": item.link_id in answers and answers[item.link_id] is None,
        "kept": item.link_id in answers,
        "trouble": trouble,
        "seen": _seen(check_in, surroundings),
        "side": surroundings.side,
        "crisis_lines": check_in.who.clinic.crisis_lines,
    }
    return render(request, "checkin/page.html", context, status=status)


def _progress(check_in: CheckIn, number: int) -> list[str]:
    """One mark a question: now, done or open. Only one's own."""
    now = check_in.item(number)
    return [
        "now" if item == now else "done" if item.link_id in check_in.response.answers else "open"
        for item in check_in.asked
    ]


# ── once more, and off ────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def review(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Every answer once more; then send."""
    check_in = check_in_of(request, request_id)
    if check_in.is_sent:
        return redirect(check_in.address("sent"))
    if request.method == "POST":
        try:
            actions.send(by=check_in.who, response_id=check_in.response.id)
        except Refused as refused:
            return _review(request, check_in_of(request, request_id), trouble=refused.reason, status=422)
        return redirect(after_sending(check_in_of(request, request_id)))
    return _review(request, check_in)


def _review(request: HttpRequest, check_in: CheckIn, *, trouble: str = "", status: int = 200) -> HttpResponse:
    context = {
        "check_in": check_in,
        "rows": checkin_form.said(check_in.instrument, check_in.response.answers, check_in.asked),
        "to_answer": check_in.must_answer,
        "seen": _seen(check_in, nearby(check_in.who)),
        "trouble": trouble,
        "crisis_lines": check_in.who.clinic.crisis_lines,
    }
    return render(request, "checkin/review.html", context, status=status)


def after_sending(check_in: CheckIn) -> str:
    """Straight on to what is due next; to the thanks when nothing is, or somebody to talk to comes first."""
    following = [] if check_in.needs_someone else waiting_in_turn(check_in.who)
    return reverse("checkin", args=[following[0].id]) if following else check_in.address("sent")


@require_GET
def sent(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """Thank you, and who sees it. Where an answer asks for it, first of all someone to talk to now."""
    check_in = check_in_of(request, request_id)
    if not check_in.is_sent:
        return redirect(check_in.address(check_in.first_open or "review"))
    context = {
        "check_in": check_in,
        "seen": _seen(check_in, nearby(check_in.who)),
        "reach_out": check_in.needs_someone,
        "crisis_lines": check_in.who.clinic.crisis_lines,
        "next": next(iter(waiting_in_turn(check_in.who)), None),
    }
    return render(request, "checkin/sent.html", context)


urlpatterns: list[URLPattern] = [
    path("checkin/<uuid:request_id>", start, name="checkin"),
    path("checkin/<uuid:request_id>/<int:number>", question, name="checkin-question"),
    path("checkin/<uuid:request_id>/review", review, name="checkin-review"),
    path("checkin/<uuid:request_id>/sent", sent, name="checkin-sent"),
]
