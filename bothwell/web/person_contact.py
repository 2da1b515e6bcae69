"""How a person in care may safely be reached: shown to their team, changed by the clinic's office and by themselves.

It shows only what the viewer may see anyway, and writes to nobody.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import OFFICE, Contact, Person
from bothwell.enrolment import invitation_actions, people_actions
from bothwell.refusal import Refused
from bothwell.web.around import local_now
from bothwell.web.enrol import ReachForm
from bothwell.web.nav import roles_of
from bothwell.web.people import frame_of


class ContactForm(ReachForm):
    """How a person is reached now. `seen_at`: when what the page showed was last changed."""

    seen_at = forms.CharField(required=False, widget=forms.HiddenInput)

    def when_seen(self) -> datetime | None:
        """The time the page showed, or None when there was no contact yet."""
        try:
            return datetime.fromisoformat(self.cleaned_data["seen_at"])
        except ValueError:
            return None


def contact_form(person: Person, contact: Contact | None, data: Any = None) -> ContactForm:
    """The form as it stands for this person, or with what was typed."""
    names = ("full_name", "born_on", "safe_email", "safe_phone", "may_leave_message", "call_me")
    initial: dict[str, Any] = {name: getattr(contact, name) for name in names} if contact else {}
    initial |= {"name_used": person.name_used, "pronouns": person.pronouns}
    initial["seen_at"] = contact.changed_at.isoformat() if contact else ""
    return ContactForm(data, initial=initial, today=local_now(person).date())


def save_contact(by: Person, person: Person, form: ContactForm) -> bool:
    """Whether the change was kept; if not, the form says why."""
    if not form.is_valid():
        return False
    given = form.cleaned_data
    try:
        people_actions.change_contact(
            by=by,
            subject=person,
            name_used=given["name_used"],
            pronouns=given["pronouns"],
            reach=form.reach(),
            seen_at=form.when_seen(),
        )
    except Refused as no:
        form.add_error(None, no.reason)
        return False
    return True


@require_http_methods(["GET", "POST"])
def contact(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """How this person may safely be reached; coordinators and leads may change it."""
    by, frame = frame_of(request, person_id, "contact")
    known = Contact.objects.filter(subject=frame.person).first()
    may_change = bool(roles_of(by) & OFFICE)
    form = contact_form(frame.person, known, request.POST if request.method == "POST" else None)
    if request.method == "POST" and may_change and save_contact(by, frame.person, form):
        reached_before = known.safe_email if known else ""
        is_elsewhere = reached_before and reached_before != form.cleaned_data["safe_email"]
        if is_elsewhere and not invitation_actions.has_login(frame.person):
            messages.success(request, "Saved. A link mailed before opens no longer: make a new one.")
        else:
            messages.success(request, "Saved.")
        return redirect("person_contact", person_id=person_id)
    context = {"frame": frame, "contact": known, "form": form, "may_change": may_change}
    return render(request, "people/contact.html", context, status=422 if request.method == "POST" else 200)


urlpatterns = [
    path("people/<uuid:person_id>/contact", contact, name="person_contact"),
]
