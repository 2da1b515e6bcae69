"""One person's record at the clinic: what was given of it to whom, and whether it must be kept for a court.

Nothing is removed here. A hold ends with a reason, and only the one that stood on the page.
"""

from typing import Any, Final
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import OFFICE, Person, PersonKind, Role
from bothwell.records import export_actions, hold_actions, rights
from bothwell.records.models import LegalHold
from bothwell.refusal import Refused, Stale
from bothwell.web.asking import require, told
from bothwell.web.nav import roles_of
from bothwell.web.people import frame_of
from bothwell.web.records_standing import given_of

HERE: Final = "what was given"


class HoldForm(forms.Form):
    """Why a record must be kept as it is, or need not any more."""

    reason = forms.CharField(
        label="Which court or counsel, and the reference",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Write which court or counsel, and the reference."},
    )
    hold_id = forms.UUIDField(widget=forms.HiddenInput, required=False)


class GivenForm(forms.Form):
    """What left the record by another way."""

    recipient = forms.CharField(
        label="To whom", max_length=200, error_messages={"required": "Write to whom it went."}
    )
    what = forms.CharField(label="What", max_length=300, error_messages={"required": "Write what it was."})
    ground = forms.ChoiceField(label="On what ground")
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, data: Any = None, **kept: Any) -> None:
        super().__init__(data, **kept)
        self.fields["ground"].choices = [  # type: ignore[attr-defined]
            (one.code, f"{one.title} ({one.source})")
            for one in rights.grounds_to(rights.Use.GIVE)
            if one.code not in ("own_request", "both_signed")
        ]


@require_http_methods(["GET", "POST"])
def person_given(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """What was given out of one person's record to whom, and whether it must be kept for a court."""
    by = require(request, *OFFICE)
    get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    by, frame = frame_of(request, person_id, HERE)
    is_lead = Role.LEAD in roles_of(by)
    do = request.POST.get("do", "") if request.method == "POST" else ""
    hold = LegalHold.objects.filter(subject=frame.person, until__isnull=True).select_related("author").first()
    holding = HoldForm(
        request.POST if do in ("hold", "end") else None, initial={"hold_id": hold.id if hold else None}
    )
    giving = GivenForm(request.POST if do == "given" else None)
    if is_lead and _done(by, frame.person, do, giving if do == "given" else holding):
        messages.success(request, "Kept.")
        return redirect("person_given", person_id)
    context = {
        "frame": frame,
        "is_lead": is_lead,
        "given": given_of(frame.person) if is_lead else [],
        "hold": hold,
        "past": LegalHold.objects.filter(subject=frame.person, until__isnull=False).order_by("-until")[:5],
        "holding": holding,
        "giving": giving,
        "years": rights.rights().accounted_years,
    }
    refused = bool(holding.errors or giving.errors) or request.method == "POST"
    return render(request, "records/person.html", context, status=422 if refused else 200)


def _done(by: Person, person: Person, do: str, form: forms.Form) -> bool:
    """Whether the form that was sent was valid and done; what was refused stands on the form."""
    if not form.is_bound or not form.is_valid():
        return False
    given = form.cleaned_data
    try:
        match do:
            case "hold":
                hold_actions.lay_hold(by=by, subject=person, reason=given["reason"])
            case "end":
                _end(by, person, given["hold_id"], given["reason"])
            case _:
                export_actions.write_down(by=by, subject=person, **given)
    except Refused as no:
        told(form, no)
        return False
    return True


def _end(by: Person, person: Person, hold_id: UUID | None, reason: str) -> None:
    """End the hold that stood on the page, and no other that was laid since."""
    if hold_id is None or not LegalHold.objects.filter(id=hold_id, subject=person).exists():
        raise Refused("Open this page again, and end the hold that stands there.")
    if LegalHold.objects.filter(subject=person, until__isnull=True).exclude(id=hold_id).exists():
        raise Stale(
            "The hold you looked at was ended, and another laid since: it stands above. Look at it first."
        )
    hold_actions.end_hold(by=by, hold_id=hold_id, reason=reason)


urlpatterns: list[URLPattern] = [
    path("people/<uuid:person_id>/given", person_given, name="person_given"),
]
