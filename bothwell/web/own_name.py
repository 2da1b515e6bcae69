"""How I am called here: a person corrects their own name, and their title where they sign with one.

It changes nobody else's, and nothing that was signed: a signature keeps the name it was signed with.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Person, Role
from bothwell.enrolment.naming import FOUNDERS_NAME
from bothwell.enrolment.people_actions import Called, correct_name
from bothwell.refusal import Refused
from bothwell.web.asking import viewer
from bothwell.web.clinic import steps_of
from bothwell.web.nav import roles_of

PARTS = ("name_used", "pronouns", "title")


class NameForm(forms.Form):
    """A name as it shows on every page; beside each part, hidden, what the page showed."""

    name_used = forms.CharField(
        label="Name",
        max_length=120,
        error_messages={"required": "Every person needs a name to be called by."},
    )
    pronouns = forms.CharField(label="Pronouns", max_length=40, required=False)
    title = forms.CharField(
        label="Title, as you sign", max_length=80, required=False, help_text="MD, RN, LMFT"
    )
    seen_name_used = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    seen_pronouns = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)
    seen_title = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    def called(self) -> Called:
        """What was typed."""
        return Called(**{part: self.cleaned_data.get(part, "") for part in PARTS})

    def seen(self) -> Called:
        """What the page had shown."""
        return Called(**{part: self.cleaned_data[f"seen_{part}"] for part in PARTS})


def name_form(person: Person, data: Any = None, *, is_own: bool = True) -> NameForm:
    """The form as the name stands, or with what was typed. A title is asked of staff alone."""
    known = vars(Called.now(person))
    form = NameForm(data, initial=known | {f"seen_{part}": text for part, text in known.items()})
    if not person.is_staff_member:
        del form.fields["title"]
    if not is_own:
        form.fields["title"].label = "Title, as they sign"
    return form


def save_name(by: Person, person: Person, form: NameForm) -> bool:
    """Whether the name is corrected; if not, the form says why."""
    if not form.is_valid():
        return False
    try:
        correct_name(by=by, subject=person, called=form.called(), seen=form.seen())
    except Refused as no:
        form.add_error(None, no.reason)
        return False
    return True


@require_http_methods(["GET", "POST"])
def own_name(request: HttpRequest) -> HttpResponse:
    """My own name."""
    who = viewer(request)
    steps = steps_of(who, "name") if who.is_staff_member and Role.LEAD in roles_of(who) else []
    form = name_form(who, request.POST if request.method == "POST" else None)
    if request.method == "POST" and save_name(who, who, form):
        messages.success(request, "Saved.")
        return redirect("clinic_details" if steps else "own_name")
    context = {"form": form, "steps": steps, "is_founder": who.name_used == FOUNDERS_NAME}
    return render(request, "account/own_name.html", context, status=422 if form.errors else 200)


urlpatterns = [path("access/name", own_name, name="own_name")]
