"""Exercises at home: what could we try, and how does it go? The library, one exercise step by step, and having done it.

Nobody is told here that something was not done; looking at an exercise leaves no trace with the other.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from bothwell.couples.models import Person
from bothwell.instruments.gains import GAINS
from bothwell.instruments.instrument import Gain
from bothwell.integration import doing_actions as actions
from bothwell.integration.library import Exercise, With, exercise, exercises, title_of
from bothwell.integration.models import ExerciseDone, ExerciseGiven
from bothwell.privacy.sharing_actions import receive, receive_common
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, local_now, nearby
from bothwell.web.asking import require_partner, told

MOST_RUNNING = 20
WAYS = {"together": "together", "each": "each of you alone", "either": "together or alone"}
ALONE_OR_NOT = {With.TOGETHER: "together", With.ALONE: "each alone"}


@dataclass(frozen=True)
class Running:
    """An exercise that is among theirs now, with what either said about it."""

    row: ExerciseGiven
    known: Exercise | None
    done: list[ExerciseDone]
    done_today: bool
    is_chosen: bool
    """One of the two chose it; otherwise their couples therapist gave it."""

    @property
    def title(self) -> str:
        return self.known.title if self.known else title_of(self.row.exercise)

    @property
    def way(self) -> str:
        return WAYS[self.row.way]


def running(surroundings: Nearby) -> list[Running]:
    """Exercises in force, each with what either said about it, word by word: no counts. Two queries."""
    if surroundings.couple is None:
        return []
    who, now = surroundings.person, timezone.now()
    known = actions.given_to(surroundings.couple)
    is_over = not surroundings.couple.is_together  # then all there was is shown
    found = [row for row in reversed(known) if is_over or row.until is None or row.until >= now][
        :MOST_RUNNING
    ]
    said: dict[UUID, list[ExerciseDone]] = {}
    for done in (
        ExerciseDone.objects.select_related("author")
        .filter(given__in=[row.id for row in found])
        .order_by("-on_day", "-id")
    ):
        said.setdefault(done.given_id, []).append(done)
    today = local_now(who).date()
    both = {who.id, surroundings.partner.id if surroundings.partner else None}
    return [
        Running(
            row,
            exercise(row.exercise),
            said.get(row.id, []),
            any(each.author_id == who.id and each.on_day == today for each in said.get(row.id, [])),
            row.author_id in both,
        )
        for row in found
    ]


# ---------------------------------------------------------------------------------------------------- library


@require_GET
def library(request: HttpRequest) -> HttpResponse:
    """Every exercise, gain by gain, or those of one gain."""
    who = require_partner(request)
    surroundings = nearby(who)
    chosen = next((gain for gain in Gain if gain == request.GET.get("gain")), None)
    among = {each.row.exercise for each in running(surroundings)}
    shelves = [
        {
            "gain": gain.value,
            "title": title,
            "means": means,
            "rows": [
                (one, ALONE_OR_NOT[one.how], one.code in among) for one in exercises() if one.gain == gain
            ],
        }
        for gain, (title, means) in GAINS.items()
        if chosen in (None, gain)
    ]
    context = {
        "nearby": surroundings,
        "shelves": shelves,
        "gains": [(gain.value, title, gain == chosen) for gain, (title, _) in GAINS.items()],
        "chosen": chosen,
    }
    return render(request, "exercises/page.html", context)


class ChooseForm(forms.Form):
    """How the two want to do an exercise they choose for themselves."""

    way = forms.ChoiceField(
        label="How will you do it?",
        choices=[(way, f"{words[:1].upper()}{words[1:]}") for way, words in WAYS.items()],
        widget=forms.RadioSelect,
        initial="either",
        error_messages={"required": "Choose one of the three."},
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


@require_GET
def one(request: HttpRequest, code: str) -> HttpResponse:
    """One exercise of the library, as a whole or step by step."""
    return _library_page(request, require_partner(request), _known(code))


def _known(code: str) -> Exercise:
    found = exercise(code)
    if found is None:
        raise Http404
    return found


def _library_page(
    request: HttpRequest, who: Person, known: Exercise, form: ChooseForm | None = None
) -> HttpResponse:
    surroundings = nearby(who)
    mine = next((each for each in running(surroundings) if each.row.exercise == known.code), None)
    first = {With.TOGETHER: "together", With.ALONE: "each"}[known.how]
    context = {
        "nearby": surroundings,
        "known": known,
        "title": known.title,
        "way": ALONE_OR_NOT[known.how],
        "address": request.path.removesuffix("/choose"),
        "mine": mine,
        "choose": form or ChooseForm(initial={"way": first}),
        **_at_step(request, known),
    }
    return render(request, "exercises/one.html", context, status=422 if form else 200)


def _at_step(request: HttpRequest, known: Exercise | None) -> dict[str, Any]:
    """Where on the way: 0 for the whole of it, then one step a view, then having done it."""
    steps = known.steps if known else ()
    asked = request.GET.get("step", "")
    step = min(int(asked), len(steps) + 1) if asked.isascii() and asked.isdigit() and len(asked) < 4 else 0
    return {
        "step": step,
        "of": len(steps),
        "numbers": range(1, len(steps) + 1),
        "words": steps[step - 1] if 1 <= step <= len(steps) else "",
        "is_over": step > len(steps),
        "before": step - 1,
        "after": step + 1,
    }


@require_POST
def choose(request: HttpRequest, code: str) -> HttpResponse:
    """Put an exercise of the library among theirs, for both."""
    who, known = require_partner(request), _known(code)
    form = ChooseForm(request.POST)
    if form.is_valid():
        try:
            given = actions.choose_exercise(
                by=who, code=code, way=form.cleaned_data["way"], request_id=form.cleaned_data["request_id"]
            )
        except Refused as refused:
            told(form, refused)
        else:
            messages.success(request, "It is among your exercises now. Both of you see it.")
            return redirect("exercise-given", given_id=given.id)
    return _library_page(request, who, known, form)


# ----------------------------------------------------------------------------------------- one that is theirs


class DoneForm(forms.Form):
    """That it was done, and how it went, in four plain words and a line."""

    together = forms.ChoiceField(
        label="Did you do it together?",
        required=False,
        choices=[("together", "Together"), ("alone", "On my own")],
        widget=forms.RadioSelect,
    )
    how = forms.ChoiceField(
        label="How was it?",
        required=False,
        choices=[(how.value, f"{how.label[:1].upper()}{how.label[1:]}") for how in ExerciseDone.How],
        widget=forms.RadioSelect,
    )
    words = forms.CharField(
        label="A word about it",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "autocomplete": "off"}),
        help_text="Up to 300 characters.",
    )


@require_GET
def given(request: HttpRequest, given_id: UUID) -> HttpResponse:
    """An exercise that is among theirs: the whole of it, step by step, and at the end how it went."""
    who = require_partner(request)
    return _given_page(request, who, given_id)


def _given_page(
    request: HttpRequest, who: Person, given_id: UUID, form: DoneForm | None = None
) -> HttpResponse:
    surroundings = nearby(who)
    if surroundings.couple is None:
        raise Http404
    row = get_object_or_404(ExerciseGiven, id=given_id, couple=surroundings.couple)
    receive(by=who, item_kind=actions.SHARED, item=row)
    mine = next((each for each in running(surroundings) if each.row.id == row.id), None)
    if mine is None:
        raise Http404
    receive_common(by=who, items=mine.done)
    at = _at_step(request, mine.known)
    if form is not None:
        at |= {"step": at["of"] + 1, "is_over": True, "words": ""}
    context = {
        "nearby": surroundings,
        "known": mine.known,
        "title": mine.title,
        "way": mine.way,
        "mine": mine,
        "address": f"/us/exercises/{row.id}",
        "done": form or DoneForm(initial={"together": "alone" if row.way == "each" else "together"}),
        **at,
    }
    return render(request, "exercises/one.html", context, status=422 if form else 200)


@require_POST
def done(request: HttpRequest, given_id: UUID) -> HttpResponse:
    """An exercise was done, with a word to both."""
    who = require_partner(request)
    form = DoneForm(request.POST)
    if form.is_valid():
        try:
            actions.do_exercise(
                by=who,
                given_id=given_id,
                words=form.cleaned_data["words"].replace("\r\n", "\n"),
                on_day=local_now(who).date(),
                together=form.cleaned_data["together"] == "together",
                how=form.cleaned_data["how"],
            )
        except Refused as refused:
            told(form, refused)
        else:
            messages.success(request, "Kept, for both of you.")
            return redirect("/us")
    return _given_page(request, who, given_id, form)


@require_POST
def aside(request: HttpRequest, given_id: UUID) -> HttpResponse:
    """An exercise one of the two chose is no longer among theirs."""
    who = require_partner(request)
    try:
        actions.lay_aside(by=who, given_id=given_id)
    except Refused as refused:
        if not ExerciseGiven.objects.filter(id=given_id).exists():
            raise Http404 from refused
        messages.error(request, refused.reason)
        return redirect("exercise-given", given_id=given_id)
    messages.success(request, "Laid aside. It stays in the library.")
    return redirect("/us")


urlpatterns: list[URLPattern] = [
    path("us/exercises", library, name="exercise-library"),
    path("us/exercises/library/<slug:code>", one, name="exercise"),
    path("us/exercises/library/<slug:code>/choose", choose, name="exercise-choose"),
    path("us/exercises/<uuid:given_id>", given, name="exercise-given"),
    path("us/exercises/<uuid:given_id>/done", done, name="exercise-done"),
    path("us/exercises/<uuid:given_id>/aside", aside, name="exercise-aside"),
]
