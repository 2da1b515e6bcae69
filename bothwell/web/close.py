"""Who on staff is, or is close to, whom in care: from whose records is a colleague kept, whatever their role?

The colleague it names finds nothing of it; neither does the person whose record is kept from them.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import OFFICE, Person, PersonKind, Role
from bothwell.enrolment import close_actions as actions
from bothwell.privacy import audit
from bothwell.privacy.models import CloseTo
from bothwell.refusal import Refused
from bothwell.web.asking import require
from bothwell.web.people import frame_of

NO_LEAD = (
    "No other clinic lead is left for them: a task about them that is passed on would reach nobody. "
    "Name a second lead."
)


class CloseForm(forms.Form):
    """Who, and how close."""

    who = forms.ChoiceField(label="Who?", error_messages={"required": "Choose who."})
    how = forms.ChoiceField(
        label="How close are they?",
        choices=[(one.value, one.label[:1].upper() + one.label[1:]) for one in CloseTo.How],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the four."},
    )

    def __init__(self, data: Any = None, *, among: list[Person]) -> None:
        super().__init__(data)
        self.people = {str(person.id): person for person in among}
        choice: Any = self.fields["who"]
        choice.choices = [("", "Choose"), *((key, one.signs_as) for key, one in self.people.items())]

    def chosen(self) -> Person:
        """The one who was chosen."""
        return self.people[self.cleaned_data["who"]]


def _people(kind: PersonKind, but_not: Person) -> list[Person]:
    return list(Person.objects.filter(kind=kind).exclude(id=but_not.id).order_by("name_used", "id"))


def _said(request: HttpRequest, by: Person, form: CloseForm, *, staff: Person, person: Person) -> bool:
    try:
        done = actions.say_close(by=by, staff=staff, person=person, how=CloseTo.How(form.cleaned_data["how"]))
    except Refused as refused:
        form.add_error(None, refused.reason)
        return False
    messages.success(
        request, f"Kept. From now on no role shows {staff.name_used} anything of {person.name_used}."
    )
    if done.freed:
        messages.warning(request, f"{staff.name_used} has left their care team. Name somebody else there.")
    if not done.has_a_lead:
        messages.warning(request, NO_LEAD)
    return True


@require_http_methods(["GET", "POST"])
def of_colleague(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """From whose records one colleague is kept; and one more."""
    by = require(request, Role.LEAD)
    staff = get_object_or_404(Person, id=person_id, kind=PersonKind.STAFF)
    form = CloseForm(
        request.POST if request.method == "POST" else None, among=_people(PersonKind.PARTNER, staff)
    )
    if form.is_bound and form.is_valid() and _said(request, by, form, staff=staff, person=form.chosen()):
        return redirect("clinic_close", person_id=staff.id)
    rows = actions.close_to(staff=staff)
    audit.viewed_several(by, [row.subject_id for row in rows if row.subject_id], actions.KIND)
    context = {"staff": staff, "rows": rows, "form": form, "is_own": staff.id == by.id}
    return render(request, "close/colleague.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "POST"])
def of_person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """From which colleagues one person's record is kept; and one more."""
    require(request, *OFFICE)
    by, frame = frame_of(request, person_id, "care team")
    form = CloseForm(
        request.POST if request.method == "POST" else None, among=_people(PersonKind.STAFF, frame.person)
    )
    if (
        form.is_bound
        and form.is_valid()
        and _said(request, by, form, staff=form.chosen(), person=frame.person)
    ):
        is_own = form.chosen().id == by.id  # from now on nothing of this person opens to them
        return redirect("people") if is_own else redirect("person_close", person_id=frame.person.id)
    context = {"frame": frame, "rows": actions.close_to(subject=frame.person), "form": form}
    return render(request, "close/person.html", context, status=422 if form.is_bound else 200)


@require_POST
def end(request: HttpRequest, said_id: UUID) -> HttpResponse:
    """It holds no more."""
    by = require(request, *OFFICE)
    row = CloseTo.objects.filter(id=said_id).first()
    if row is None:
        raise Http404
    try:
        actions.end_close(by=by, said_id=said_id)
    except Refused as refused:
        messages.error(request, refused.reason)
    else:
        messages.success(request, "Ended. It stays on record that it was so.")
    return redirect("person_close", person_id=row.subject_id)


urlpatterns: list[URLPattern] = [
    path("clinic/staff/<uuid:person_id>/close", of_colleague, name="clinic_close"),
    path("people/<uuid:person_id>/close", of_person, name="person_close"),
    path("people/close/<uuid:said_id>/end", end, name="close_end"),
]
