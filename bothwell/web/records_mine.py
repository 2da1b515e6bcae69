"""A partner asks for a copy of their own record, sees how it stands, and fetches it.

A copy is made with the eyes of whoever it is for, at the moment it is fetched, and never of more than those eyes see.
"""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import Membership, Person
from bothwell.records import export_actions, request_actions, rights
from bothwell.records.contents import Scope
from bothwell.records.models import RecordRequest
from bothwell.refusal import Refused
from bothwell.web.asking import require_partner, told
from bothwell.web.records_both import joint_of, joint_shown
from bothwell.web.records_file import FORMS, hand_out
from bothwell.web.records_standing import MINE, as_it_stands, given_of


class AskForm(forms.Form):
    """What the copy should hold."""

    scope = forms.ChoiceField(
        label="What should it hold?",
        widget=forms.RadioSelect,
        choices=list(MINE.items()),
        error_messages={"required": "Choose one of the two."},
    )
    words = forms.CharField(
        label="Anything the clinic should know",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The clinic lead and the coordinator read it.",
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def my_copy(request: HttpRequest) -> HttpResponse:
    """What I asked for and how it stands; asking; what has been given of my record to whom."""
    who = require_partner(request)
    form = AskForm(request.POST if request.method == "POST" else None, initial={"request_id": uuid4()})
    if form.is_bound and form.is_valid():
        try:
            request_actions.ask_for_copy(by=who, **form.cleaned_data)
        except Refused as no:
            told(form, no)
        else:
            messages.success(request, "Asked. The clinic answers here.")
            return redirect("my_copy")
    asked = _mine(who)
    context = {
        "form": form,
        "asked": asked,
        "waits": any(one["standing"].is_open for one in asked),
        "answer_days": rights.rights().answer_within.days,
        "given": given_of(who),
        "joint": [joint_shown(who, one) for one in joint_of(who)],
        "has_couple": Membership.objects.filter(person=who).exists(),
    }
    return render(request, "records/mine.html", context, status=422 if form.errors else 200)


def _mine(who: Person) -> list[dict[str, Any]]:
    today = request_actions.local_day(who)
    rows = RecordRequest.objects.filter(subject=who).select_related("clinic").order_by("-recorded_at")[:10]
    return [as_it_stands(row, now, today) for row, now in request_actions.standings(rows)]


@require_POST
def my_copy_file(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """The file, made now and as one sees the record now; that it was fetched is written down."""
    who = require_partner(request)
    form = request.POST.get("form", "pdf")
    if form not in FORMS:
        raise Http404
    try:
        asked = export_actions.fetchable(who, asked_id)
    except Refused as no:
        if not RecordRequest.objects.filter(id=asked_id, subject=who).exists():
            raise Http404 from no
        messages.error(request, no.reason)
        return redirect("my_copy")
    copy = export_actions.copy_for(who, Scope(asked.scope))

    def write_down(file: bytes) -> None:
        export_actions.give_own(
            by=who, asked_id=asked.id, file=file, form=form.upper(), left_out=copy.left_out
        )

    return hand_out(request, copy, form, write_down, "my_copy")


urlpatterns: list[URLPattern] = [
    path("access/copy", my_copy, name="my_copy"),
    path("access/copy/<uuid:asked_id>/file", my_copy_file, name="my_copy_file"),
]
