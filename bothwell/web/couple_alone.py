"""What one partner said alone to the couples therapist: what the agreement means first, then a place to write.

Neither partner finds anything of it, not even that there was a call.
"""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Couple, Person
from bothwell.integration import contact_actions as actions
from bothwell.integration.models import IndividualContact
from bothwell.privacy.models import DisclosureAgreement
from bothwell.web.couple_asking import (
    DayAndTime,
    attempt,
    frame,
    names_of,
    status_of,
    therapist_and_couple,
)
from bothwell.web.couple_chart import members_of

SAYS = {
    "no_secrets": (
        "No secrets",
        "What you write here may be brought into the room with both. Say so to whoever tells you, before they do.",
    ),
    "confidential": (
        "Confidential",
        "What you write here may not be brought into the room, nor told to the other, unless its teller says so.",
    ),
    "": (
        "No agreement signed",
        "Both have not signed an agreement. You can keep what was said, marked so; ask before you use any of it.",
    ),
}


class ContactForm(forms.Form):
    """What was said, by whom, when, and under which agreement the writer read."""

    side = forms.ChoiceField(
        label="Who spoke with you alone",
        widget=forms.RadioSelect,
        error_messages={"required": "Choose which of the two it was."},
    )
    at = DayAndTime(label="When", error_messages={"required": "Choose a day and a time."})
    minutes = forms.IntegerField(label="Minutes", required=False, min_value=0, max_value=300)
    by_telephone = forms.BooleanField(label="By telephone", required=False)
    text = forms.CharField(
        label="What was said",
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"required": "Write a few words first."},
        help_text="What concerns safety at home does not belong here: it is asked alone and has its own place.",
    )
    read_under = forms.UUIDField(widget=forms.HiddenInput, required=False)
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, *given: Any, names: dict[str, str], **kept: Any) -> None:
        super().__init__(*given, **kept)
        choice: Any = self.fields["side"]
        choice.choices = list(names.items())


class ContactCorrectionForm(forms.Form):
    """The words again, and what was wrong with the earlier ones."""

    minutes = forms.IntegerField(label="Minutes", required=False, min_value=0, max_value=300)
    text = forms.CharField(
        label="What was said",
        widget=forms.Textarea(attrs={"rows": 6}),
        error_messages={"required": "Write a few words first."},
    )
    reason = forms.CharField(
        label="What was wrong",
        max_length=300,
        help_text="It stays beside the corrected entry.",
        error_messages={"required": "Say in a sentence what was wrong."},
    )


@require_http_methods(["GET", "POST"])
def alone(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """What holds, the form, and what was kept, newest first."""
    who, pair = therapist_and_couple(request, couple_id)
    names, agreements = names_of(pair), actions.agreements_of(pair)
    form = ContactForm(request.POST or None, names=names, initial={"at": timezone.now()})
    at = timezone.now()
    if request.method == "POST" and form.is_valid():
        at = form.cleaned_data["at"]
        if attempt(form, lambda: _keep(who, pair, form.cleaned_data)):
            messages.success(request, "Kept, with the agreement under which it was said.")
            return redirect("couple_alone", couple_id=pair.id)
    holds = actions.agreement_at(agreements, at)
    actions.log_look(who, pair)
    context = {
        **frame(pair, who),
        "form": _reading(form, holds),
        "holds": holds,
        "says": SAYS[holds.mode if holds else ""],
        "entries": _entries(pair, names),
    }
    return render(request, "couple/alone.html", context, status=status_of(form))


def _reading(form: ContactForm, holds: DisclosureAgreement | None) -> ContactForm:
    """The form as it is shown again: it carries the agreement whose meaning now stands above it."""
    shown = str(holds.id) if holds else ""
    if isinstance(form.data, QueryDict) and form.is_bound:
        form.data = form.data.copy()
        form.data["read_under"] = shown
    else:
        form.initial["read_under"] = shown
    return form


def _keep(who: Person, pair: Couple, cleaned: dict[str, Any]) -> IndividualContact:
    return actions.record_contact(
        by=who,
        couple=pair,
        side=cleaned["side"],
        at=cleaned["at"],
        minutes=cleaned["minutes"] or 0,
        by_telephone=cleaned["by_telephone"],
        text=cleaned["text"],
        read_under=cleaned["read_under"],
        request_id=cleaned["request_id"],
    )


def _entries(pair: Couple, names: dict[str, str]) -> list[dict[str, Any]]:
    """What stands, newest first, each with what it was corrected from and what its agreement says."""
    sides = {person.id: side for side, person in members_of([pair]).get(pair.id, {}).items()}
    rows = list(
        IndividualContact.objects.select_related("author", "agreement")
        .filter(couple=pair)
        .order_by("-at", "-recorded_at")
    )
    by_id = {row.id: row for row in rows}
    corrected = {row.corrects_id for row in rows}
    found = []
    for row in rows:
        if row.id in corrected:
            continue
        side = sides.get(row.subject_id, "") if row.subject_id else ""
        found.append(
            {
                "row": row,
                "side": side,
                "name": names.get(side, ""),
                "says": SAYS[row.agreement.mode if row.agreement else ""],
                "was": by_id.get(row.corrects_id) if row.corrects_id else None,
            }
        )
    return found


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, couple_id: UUID, contact_id: UUID) -> HttpResponse:
    """A new entry in the place of an earlier one; both stay, under the agreement of the first."""
    who, pair = therapist_and_couple(request, couple_id)
    row = get_object_or_404(IndividualContact.objects.select_related("agreement"), id=contact_id, couple=pair)
    form = ContactCorrectionForm(request.POST or None, initial={"minutes": row.minutes, "text": row.text})
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: _correct(who, row, form.cleaned_data))
    ):
        messages.success(request, "Corrected. The earlier entry stays beside it.")
        return redirect("couple_alone", couple_id=pair.id)
    actions.log_look(who, pair)
    says = SAYS[row.agreement.mode if row.agreement else ""]
    context = {**frame(pair, who), "form": form, "row": row, "says": says}
    return render(request, "couple/alone_correct.html", context, status=status_of(form))


def _correct(who: Person, row: IndividualContact, cleaned: dict[str, Any]) -> IndividualContact:
    return actions.correct_contact(
        by=who,
        contact_id=row.id,
        text=cleaned["text"],
        minutes=cleaned["minutes"] or 0,
        reason=cleaned["reason"],
    )


urlpatterns: list[URLPattern] = [
    path("couples/<uuid:couple_id>/alone", alone, name="couple_alone"),
    path("couples/<uuid:couple_id>/alone/<uuid:contact_id>", correct, name="couple_alone_correct"),
]
