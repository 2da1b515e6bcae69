"""The library of exercises at the couples therapist's desk: one tap gives one to both, another ends it.

It shows what runs for this couple and nothing of how either did it.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import Couple, Person
from bothwell.integration import session_actions as actions
from bothwell.integration.library import Exercise, exercises, title_of
from bothwell.integration.models import ExerciseGiven
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web.couple_asking import attempt, status_of, therapist_and_couple
from bothwell.web.couple_chart import read

GAINS = {
    "communication": "Communication",
    "regulation": "Emotional regulation",
    "empathy": "Empathy and understanding",
    "connection": "Connection and intimacy",
    "conflict": "Less conflict",
}


class GiveForm(forms.Form):
    """One exercise of the library for both."""

    code = forms.CharField(widget=forms.HiddenInput)
    words = forms.CharField(
        label="A word with it", required=False, help_text="Both read it. Up to 300 characters."
    )
    way = forms.ChoiceField(
        label="How they do it",
        required=False,
        initial=ExerciseGiven.Way.EITHER,
        choices=[(one.value, one.label.capitalize()) for one in ExerciseGiven.Way],
    )
    weeks = forms.TypedChoiceField(
        label="For how long",
        coerce=int,
        initial=4,
        choices=[(1, "1 week"), (2, "2 weeks"), (4, "4 weeks"), (8, "8 weeks"), (0, "until we end it")],
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def until(self) -> datetime | None:
        weeks = self.cleaned_data["weeks"]
        return timezone.now() + timedelta(weeks=weeks) if weeks else None


@require_http_methods(["GET", "POST"])
def library(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The exercises, gain by gain; one tap gives one to both."""
    who, pair = therapist_and_couple(request, couple_id)
    form = GiveForm(request.POST) if request.method == "POST" else None
    if form and form.is_valid() and attempt(form, lambda: _give(who, pair, form)):
        messages.success(request, f"Given to both: {title_of(form.cleaned_data['code'])}.")
        return redirect("couple", couple_id=pair.id)
    audit.viewed(who, couple=pair, what="couple.shared")
    chart = read(pair)
    running = {given.exercise for given, _ in chart.open_promises}
    rows = [
        (one, form if form and form.data.get("code") == one.code else _fresh(one), one.code in running)
        for one in exercises()
    ]
    gains = {title: [row for row in rows if row[0].gain == gain] for gain, title in GAINS.items()}
    context = {"chart": chart, "gains": gains, "form": form, "hold": actions.hold_on(who, pair)}
    return render(request, "couple/library.html", context, status=status_of(form))


def _fresh(one: Exercise) -> GiveForm:
    way = ExerciseGiven.Way.TOGETHER if one.how == "together" else ExerciseGiven.Way.EACH
    return GiveForm(initial={"code": one.code, "way": way}, auto_id=f"id_{one.code}_%s")


def _give(who: Person, pair: Couple, form: GiveForm) -> Any:
    cleaned = form.cleaned_data
    return actions.give_exercise(
        by=who,
        couple=pair,
        code=cleaned["code"],
        words=cleaned["words"],
        until=form.until(),
        request_id=cleaned["request_id"],
        way=ExerciseGiven.Way(cleaned["way"] or ExerciseGiven.Way.EITHER),
    )


@require_POST
def end_exercise(request: HttpRequest, couple_id: UUID, given_id: UUID) -> HttpResponse:
    """From today it is no longer asked of them."""
    who, pair = therapist_and_couple(request, couple_id)
    try:
        actions.end_exercise(by=who, given_id=given_id)
        messages.success(request, "Ended. What they did stays in the story.")
    except Refused as refused:
        messages.error(request, refused.reason)
    return redirect("couple", couple_id=pair.id)


urlpatterns: list[URLPattern] = [
    path("couples/<uuid:couple_id>/exercises", library, name="couple_library"),
    path("couples/<uuid:couple_id>/exercises/<uuid:given_id>/end", end_exercise, name="couple_end_exercise"),
]
