"""The safety circle's own screen: who may be in danger at home, what was said alone, and whether couple work rests.

It is there only for those assigned to somebody's safety circle. No screen of a couple links to it, and
looking at it stands in no log that a couple can read.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Assignment, Contact, Person, Role, open_at
from bothwell.instruments import safety_actions, shelf
from bothwell.instruments.actions import enter_on_behalf
from bothwell.instruments.instrument import Instrument, Item
from bothwell.instruments.models import Kind, Response
from bothwell.instruments.waiting import ASK_AGAIN
from bothwell.privacy import audit
from bothwell.privacy.models import AuditEntry
from bothwell.privacy.shelter_actions import sheltered_since
from bothwell.refusal import Refused
from bothwell.web import handed
from bothwell.web.access import in_words, stretch
from bothwell.web.asking import not_ones_own, post_or_back, viewer
from bothwell.web.screen_form import ScreenForm

LOCAL = "%Y-%m-%dT%H:%M"


def _circle(request: HttpRequest) -> tuple[Person, dict[UUID, datetime]]:
    """The viewer, and the people in whose safety circle they are, with since when.

    404 when there are none.
    """
    who = viewer(request)
    held = dict(
        Assignment.objects.filter(open_at(timezone.now()), staff=who, role=Role.SAFETY).values_list(
            "subject_id", "since"
        )
    )
    if not who.is_staff_member or not held:
        raise Http404
    return who, held


def _one(request: HttpRequest, person_id: UUID) -> tuple[Person, Person]:
    """The viewer and the person, whose safety circle they are in; 404 for everybody else."""
    who, held = _circle(request)
    if person_id not in held:
        raise Http404
    person = get_object_or_404(Person, id=person_id)
    not_ones_own(who, person=person.id)
    return who, person


@require_GET
def safety(request: HttpRequest) -> HttpResponse:
    """The people in whose safety circle the viewer is, and when each was last asked."""
    who, held = _circle(request)
    people = Person.objects.filter(id__in=held).order_by("name_used", "id")
    answered = {row.subject_id: row for row in _answers(held).order_by("sent_at")}
    sheltered = sheltered_since(list(held))
    rows = [
        {
            "person": person,
            "since": held[person.id],
            "last": answered.get(person.id),
            "ask_again": _ask_again(answered.get(person.id)),
            "sheltered_since": sheltered.get(person.id),
        }
        for person in people
    ]
    audit.viewed(who, what="safety", sealed=True)
    return render(request, "safety/page.html", {"rows": rows, "now": timezone.now()})


def _answers(subjects: Any) -> Any:
    return Response.objects.filter(subject_id__in=subjects, kind=Kind.VIOLENCE, status=Response.Status.SENT)


def _ask_again(last: Response | None) -> datetime | None:
    """When to ask again, shown to the safety circle alone; None when nobody has asked yet."""
    return last.sent_at + ASK_AGAIN.within if last and last.sent_at else None


# ---------------------------------------------------------------------------------------------------- one person


class WhyForm(forms.Form):
    """A reason that only the safety circle reads."""

    why = forms.CharField(
        label="Why",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="In a sentence. Only the safety circle reads it.",
    )


@require_GET
def safety_person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """One person: safe contact, what they answered alone, the hold, and who of the circle has looked."""
    who, person = _one(request, person_id)
    return _page(request, who, person)


def _page(
    request: HttpRequest, who: Person, person: Person, form: forms.Form | None = None, part: str = ""
) -> HttpResponse:
    audit.viewed(who, subject=person, what="screen.violence", sealed=True)
    answers = list(_answers([person.id]).select_related("author").order_by("-sent_at"))
    asked = shelf.find_all(who.clinic_id, [(row.instrument, row.instrument_version) for row in answers])
    couple = safety_actions.couple_now(person.id)
    holds = safety_actions.standing_holds(person.id)
    page = stretch(
        AuditEntry.objects.filter(subject=person, sealed=True), request.GET.get("before", "")[:100]
    )
    context = {
        "person": person,
        "contact": Contact.objects.filter(subject=person).first(),
        "answers": [
            (row, _said(asked.get((row.instrument, row.instrument_version)), row)) for row in answers
        ],
        "ask_again": _ask_again(answers[0] if answers else None),
        "is_due": not answers or (_ask_again(answers[0]) or timezone.now()) <= timezone.now(),
        "couple": couple,
        "holds": [hold for hold in holds if couple and hold.couple_id == couple.id],
        "earlier": [hold for hold in holds if couple is None or hold.couple_id != couple.id],
        "form": form if form and part == "hold" else WhyForm(auto_id="hold_%s"),
        "lifting": form if form and part == "lift" else WhyForm(auto_id="lift_%s"),
        "sheltered_since": sheltered_since([person.id]).get(person.id),
        "sheltering": form if form and part == "shelter" else WhyForm(auto_id="shelter_%s"),
        "lines": in_words(page.entries, who),
        "older": page.older,
    }
    return render(request, "safety/person.html", context, status=422 if form else 200)


def _said(instrument: Instrument | None, row: Response) -> list[tuple[str, str]]:
    """Each question with what was answered, in words."""
    if instrument is None:
        return []
    return [
        (item.text, _in_words(item, row.answers[item.link_id]))
        for item in instrument.items
        if item.link_id in row.answers
    ]


def _in_words(item: Item, answer: str | None) -> str:
    if answer is None:
        return "did not answer"
    option = item.option(answer)
    return option.text if option else answer


@post_or_back("safety")
def safety_hold(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Let couple work rest, for what was heard."""
    return acted_on(request, person_id, safety_actions.place_hold, "Couple work is on hold.")


@post_or_back("safety")
def safety_lift(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Let no hold stand on the work of any couple they are or were in."""
    return acted_on(
        request, person_id, safety_actions.lift_hold, "No hold stands on couple work now.", "lift"
    )


def acted_on(
    request: HttpRequest, person_id: UUID, act: Callable[..., None], done: str, part: str = "hold"
) -> HttpResponse:
    """One act of the circle on one person, for a reason; back to their page, or the page with what was refused."""
    who, person = _one(request, person_id)
    form = WhyForm(request.POST)
    if form.is_valid():
        try:
            act(by=who, subject=person, why=form.cleaned_data["why"])
        except Refused as no:
            form.add_error("why", no.reason)
        else:
            messages.success(request, done)
            return redirect("safety_person", person_id=person.id)
    return _page(request, who, person, form, part)


# --------------------------------------------------------------------------------------------------- asking alone


class WayForm(forms.Form):
    """Which screen, and how it is asked."""

    screen = forms.ChoiceField(label="Which questions", widget=forms.RadioSelect)
    way = forms.ChoiceField(
        label="How",
        widget=forms.RadioSelect,
        choices=[
            (Response.EnteredAs.SPOKEN.value, "I ask aloud"),
            (Response.EnteredAs.PAPER.value, "They answered on paper"),
            (Response.EnteredAs.HANDED_OVER.value, "I hand this device over"),
        ],
    )

    def __init__(self, data: Any = None, *, screens: list[Instrument], **kept: Any) -> None:
        super().__init__(data, **kept)
        self.fields["screen"].choices = [(one.id, one.title) for one in screens]  # type: ignore[attr-defined]


class WhenForm(forms.Form):
    """When it was answered, and the number of the form."""

    at = forms.DateTimeField(
        label="When they answered",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL),
        input_formats=[LOCAL, "%Y-%m-%dT%H:%M:%S"],
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


def screens_of(who: Person) -> list[Instrument]:
    """Every screen about violence that this clinic can ask now."""
    return [one for one in shelf.usable(who.clinic_id) if one.kind.value == Kind.VIOLENCE.value]


@require_http_methods(["GET", "POST"])
def safety_ask(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Choose how to ask; then enter what was said aloud or on paper, or hand the device over."""
    who, person = _one(request, person_id)
    screens = screens_of(who)
    chosen = WayForm(request.GET if "way" in request.GET else None, screens=screens, initial=_first(screens))
    if not chosen.is_valid():
        return _choose(request, who, person, chosen)
    screen = next(one for one in screens if one.id == chosen.cleaned_data["screen"])
    if chosen.cleaned_data["way"] != Response.EnteredAs.HANDED_OVER:
        return _enter(request, who, person, screen, chosen.cleaned_data["way"])
    if request.method != "POST":
        return _choose(request, who, person, chosen)
    handed.begin(request, who, person, screen)
    return redirect("handed")


def _first(screens: list[Instrument]) -> dict[str, str]:
    return {"screen": screens[0].id, "way": Response.EnteredAs.SPOKEN.value} if screens else {}


def _choose(request: HttpRequest, who: Person, person: Person, chosen: WayForm) -> HttpResponse:
    audit.viewed(who, subject=person, what="screen.violence", sealed=True)
    is_handing = chosen.is_bound and chosen.is_valid()
    context = {"person": person, "form": chosen, "is_handing": is_handing}
    refused = request.method == "POST" or bool(chosen.errors)
    return render(request, "safety/ask.html", context, status=422 if refused else 200)


def _enter(request: HttpRequest, who: Person, person: Person, screen: Instrument, way: str) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    now = timezone.localtime()
    when = WhenForm(data, initial={"at": now.strftime(LOCAL), "request_id": uuid4()})
    form = ScreenForm(data, instrument=screen)
    if data is not None and when.is_valid() and form.is_valid():
        try:
            enter_on_behalf(
                by=who,
                subject=person,
                instrument_id=screen.id,
                wave=f"alone {when.cleaned_data['at']:%Y-%m-%d}",
                answers=form.answers(),
                answered_at=when.cleaned_data["at"],
                entered_as=way,
                request_id=when.cleaned_data["request_id"],
            )
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, "Kept. Only the safety circle sees it.")
            return redirect("safety_person", person_id=person.id)
    audit.viewed(who, subject=person, what="screen.violence", sealed=True)
    context = {"person": person, "form": form, "when": when, "screen": screen, "way": way}
    return render(request, "safety/enter.html", context, status=422 if data is not None else 200)


urlpatterns = [
    path("safety", safety, name="safety"),
    path("safety/<uuid:person_id>", safety_person, name="safety_person"),
    path("safety/<uuid:person_id>/ask", safety_ask, name="safety_ask"),
    path("safety/<uuid:person_id>/hold", safety_hold, name="safety_hold"),
    path("safety/<uuid:person_id>/lift", safety_lift, name="safety_lift"),
    path("handed", handed.handed, name="handed"),
]
