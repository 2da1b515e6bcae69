"""If we part: a partner asks the clinic quietly, or takes it back, and the clinic answers.

What one asks here stands on no page of the other, wakes none of theirs, and is not written to anybody. Nor does one's own
page say that something was asked: somebody else may hold the telephone.
"""

from typing import Any, Final
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import OFFICE, Membership, Person, Role
from bothwell.privacy import audit
from bothwell.records import parting_actions
from bothwell.records.hold_actions import holds_on
from bothwell.records.models import PartingAnswer, PartingRequest
from bothwell.refusal import Refused
from bothwell.web.around import nearby
from bothwell.web.asking import not_ones_own, require, require_partner, told
from bothwell.web.nav import roles_of

ANSWERS: Final = (*OFFICE, Role.COUPLES_THERAPIST)
PARTED: Final = "part"


class AskForm(forms.Form):
    """What the clinic should know. No `maxlength`: a browser would cut a pasted text in silence."""

    words = forms.CharField(
        label="Anything the clinic should know",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Only the clinic reads it: your couples therapist, the clinic lead and the coordinator.",
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def my_parting(request: HttpRequest) -> HttpResponse:
    """What would happen, asking for it, and taking it back; the same page whether or not something waits."""
    who = require_partner(request)
    if request.method == "POST" and request.POST.get("do") == "take_back":
        parting_actions.take_back(by=who)
        messages.success(request, "If something of yours waited here, it is taken back.")
        return redirect("my_parting")
    form = AskForm(request.POST if request.method == "POST" else None, initial={"request_id": uuid4()})
    if form.is_bound and form.is_valid():
        try:
            parting_actions.ask_to_part(by=who, **form.cleaned_data)
        except Refused as no:
            told(form, no)
        else:
            messages.success(request, "The clinic has it, and speaks with you alone.")
            return redirect("my_parting")
    context = {"form": form, "nearby": nearby(who)}
    return render(request, "parting/mine.html", context, status=422 if form.errors else 200)


class AnswerForm(forms.Form):
    """Confirm or leave it; for a parting, whose record must be kept as it is."""

    do = forms.ChoiceField(
        label="What do you record?",
        widget=forms.RadioSelect,
        choices=[(PARTED, "They have parted"), ("leave", "They go on as a couple here")],
        error_messages={"required": "Choose one of the two."},
    )
    words = forms.CharField(
        label="In a few words",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Where they parted: for the clinic’s own log, neither partner sees it. "
        "Where they go on: for the clinic too. Tell the one who asked yourself, alone; no page of theirs says that they asked.",
        error_messages={"required": "Write in a few words why, or what was said."},
    )
    hold = forms.MultipleChoiceField(
        label="A court or counsel is involved: keep the record as it is",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    why_hold = forms.CharField(
        label="Which court or counsel, and the reference", required=False, max_length=300
    )

    def __init__(self, data: Any = None, *, people: list[Person], may_hold: bool, **kept: Any) -> None:
        super().__init__(data, **kept)
        if not may_hold:
            del self.fields["hold"], self.fields["why_hold"]
            return
        self.fields["hold"].choices = [(str(one.id), one.name_used) for one in people]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("hold") and not given.get("why_hold", "").strip():
            self.add_error("why_hold", "Write which court or counsel, and the reference.")
        return given


@require_http_methods(["GET", "POST"])
def parting(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """One request: who asked, and the clinic's answer."""
    who = require(request, *ANSWERS)
    asked = (
        PartingRequest.objects.filter(id=asked_id)
        .select_related("subject", "couple", "answer__author")
        .first()
    )
    if asked is None or asked.subject is None or asked.couple is None:
        raise Http404
    not_ones_own(who, couple=asked.couple.id)
    answered = PartingAnswer.objects.filter(request=asked).select_related("author").first()
    people = [
        row.person
        for row in Membership.objects.filter(couple=asked.couple).select_related("person").order_by("side")
    ]
    form = AnswerForm(
        request.POST if request.method == "POST" else None,
        people=people,
        may_hold=Role.LEAD in roles_of(who),
    )
    if form.is_bound and form.is_valid() and _answered(request, who, asked, form):
        return redirect("requests")
    audit.viewed(who, subject=asked.subject, what=parting_actions.KIND)
    context = {
        "asked": asked,
        "answered": answered,
        "people": people,
        "form": form,
        "holds": holds_on([one.id for one in people]),
    }
    return render(request, "parting/answer.html", context, status=422 if form.errors else 200)


def _answered(request: HttpRequest, who: Person, asked: PartingRequest, form: AnswerForm) -> bool:
    given = form.cleaned_data
    try:
        if given["do"] == PARTED:
            parting_actions.part(
                by=who,
                couple_id=asked.couple_id,  # type: ignore[arg-type]
                reason=given["words"],
                hold=[UUID(key) for key in given.get("hold", [])],
                why_hold=given.get("why_hold", ""),
                asked_id=asked.id,
            )
        else:
            parting_actions.leave_it(by=who, asked_id=asked.id, words=given["words"])
    except Refused as no:
        told(form, no)
        return False
    messages.success(request, "Recorded.")
    return True


urlpatterns: list[URLPattern] = [
    path("access/parting", my_parting, name="my_parting"),
    path("requests/parting/<uuid:asked_id>", parting, name="parting"),
]
