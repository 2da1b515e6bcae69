"""Who cares for a person, and for a couple, as the clinic's office sees it: placed, ended; the two part, or begin again.

It shows only what the viewer may see anyway; the safety circle stands there for the lead alone.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import OFFICE, Assignment, Couple, Membership, Person, Role, StaffRole, open_at
from bothwell.couples.pairing import CareRole
from bothwell.enrolment import couple_actions, team_actions
from bothwell.records import parting_actions
from bothwell.records.hold_actions import holds_on
from bothwell.refusal import Refused
from bothwell.web.asking import not_ones_own, require
from bothwell.web.nav import roles_of
from bothwell.web.people import frame_of, looked

FOR_A_PERSON = (CareRole.PRESCRIBER, CareRole.NURSE, CareRole.INDIVIDUAL_THERAPIST)


class AssignForm(forms.Form):
    """One colleague in one role they are on file for."""

    who = forms.ChoiceField(label="Colleague and role")

    def __init__(self, data: Any = None, *, roles: Sequence[str]) -> None:
        super().__init__(data)
        rows = StaffRole.objects.filter(open_at(timezone.now()), role__in=roles).select_related("person")
        self.staff = {
            f"{row.person_id}:{row.role}": row for row in rows.order_by("role", "person__name_used")
        }
        named = [(key, f"{row.person.signs_as}: {row.get_role_display()}") for key, row in self.staff.items()]
        self.fields["who"].choices = [("", "Choose"), *named]  # type: ignore[attr-defined]

    def chosen(self) -> tuple[Person, Role]:
        """The colleague and the role."""
        row = self.staff[self.cleaned_data["who"]]
        return row.person, Role(row.role)


def _assignable(roles: frozenset[Role]) -> list[str]:
    return [*FOR_A_PERSON, CareRole.SAFETY] if Role.LEAD in roles else list(FOR_A_PERSON)


@require_http_methods(["GET", "POST"])
def team(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Who cares for this person, since when; coordinators and leads add and end."""
    by, frame = frame_of(request, person_id, "care team")
    roles = roles_of(by)
    form = AssignForm(request.POST if request.method == "POST" else None, roles=_assignable(roles))
    if request.method == "POST" and _assigned(by, form, subject=frame.person):
        return redirect("person_team", person_id=person_id)
    rows = list(_team_ever(Q(subject=frame.person) | Q(couple=frame.couple, couple__isnull=False)))
    context = {
        "frame": frame,
        "team": [row for row in rows if row.role != Role.SAFETY],
        "sealed": [row for row in rows if row.role == Role.SAFETY] if Role.LEAD in roles else [],
        "names_circle": Role.LEAD in roles,
        "form": form,
        "may_change": bool(roles & OFFICE),
    }
    return render(request, "people/team.html", context, status=422 if request.method == "POST" else 200)


def _team_ever(about: Q) -> QuerySet[Assignment]:
    return Assignment.objects.filter(about).select_related("staff").order_by("until", "role", "since")


def _assigned(
    by: Person, form: AssignForm, *, subject: Person | None = None, couple: Couple | None = None
) -> bool:
    if not form.is_valid():
        return False
    staff, role = form.chosen()
    try:
        team_actions.assign(by=by, staff=staff, role=role, subject=subject, couple=couple)
    except Refused as no:
        form.add_error("who", no.reason)
        return False
    return True


@require_POST
def end_assignment(request: HttpRequest, assignment_id: UUID) -> HttpResponse:
    """A colleague leaves a care team now."""
    by = require(request, *OFFICE)
    row = get_object_or_404(Assignment, id=assignment_id)
    not_ones_own(by, person=row.subject_id, couple=row.couple_id)
    try:
        team_actions.end_assignment(by=by, assignment_id=assignment_id)
    except Refused as no:
        messages.error(request, no.reason)
    if row.couple_id:
        return redirect("couple_admin", couple_id=row.couple_id)
    return redirect("person_team", person_id=row.subject_id)


# --------------------------------------------------------------------------------------------------- a couple


class PartForm(forms.Form):
    """Why a couple is recorded as parted."""

    reason = forms.CharField(
        label="Why, in a few words",
        max_length=300,
        help_text="For the clinic's own log. Neither partner sees it.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )


@require_http_methods(["GET", "POST"])
def couple(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The couple as the clinic's office sees it: the two, who cares for both, parting."""
    by = require(request, *OFFICE, Role.COUPLES_THERAPIST)
    row = get_object_or_404(Couple, id=couple_id)
    not_ones_own(by, couple=row.id)
    members = list(Membership.objects.filter(couple=row).select_related("person").order_by("side"))
    roles = roles_of(by)
    form = AssignForm(request.POST if _is(request, "assign") else None, roles=[CareRole.COUPLES_THERAPIST])
    parting = PartForm(request.POST if _is(request, "part") else None)
    if _is(request, "assign") and _assigned(by, form, couple=row):
        return redirect("couple_admin", couple_id=couple_id)
    if _is(request, "part") and _parted(by, row, parting):
        messages.success(request, "Recorded. Their common chart takes no new entries.")
        return redirect("couple_admin", couple_id=couple_id)
    for member in members:
        looked(by, member.person, row, "couple", at_both=True)
    context = {
        "couple": row,
        "members": members,
        "team": _team_ever(Q(couple=row)),
        "form": form,
        "parting": parting,
        "may_change": bool(roles & OFFICE),
        "asked": parting_actions.waiting().filter(couple=row).first(),
        "holds": list(holds_on([member.person_id for member in members]).values()),
        "again_id": uuid4(),
    }
    return render(request, "people/couple.html", context, status=422 if request.method == "POST" else 200)


def _is(request: HttpRequest, what: str) -> bool:
    return request.method == "POST" and request.POST.get("do") == what


def _parted(by: Person, row: Couple, form: PartForm) -> bool:
    if not form.is_valid():
        return False
    try:
        parting_actions.part(by=by, couple_id=row.id, reason=form.cleaned_data["reason"])
    except Refused as no:
        form.add_error("reason", no.reason)
        return False
    return True


class AgainForm(forms.Form):
    """The hidden number that makes a form sent twice count once."""

    request_id = forms.UUIDField()


@require_POST
def again(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """Two who parted are a couple again: a new chart begins; the old one stays as it was."""
    by = require(request, *OFFICE)
    get_object_or_404(Couple, id=couple_id)
    not_ones_own(by, couple=couple_id)
    members = Membership.objects.filter(couple_id=couple_id, couple__parted_at__isnull=False).select_related(
        "person"
    )
    pair = [member.person for member in members.order_by("side")]
    form = AgainForm(request.POST)
    if len(pair) != 2 or not form.is_valid():
        messages.error(request, "This could not be done. Open the couple's page again.")
        return redirect("people")
    try:
        new = couple_actions.pair(
            by=by, one=pair[0], other=pair[1], request_id=form.cleaned_data["request_id"]
        )
    except Refused as no:
        messages.error(request, no.reason)
        return redirect("couple_admin", couple_id=couple_id)
    messages.success(request, "A new common chart has begun.")
    return redirect("couple_admin", couple_id=new.id)


urlpatterns = [
    path("people/<uuid:person_id>/team", team, name="person_team"),
    path("people/team/<uuid:assignment_id>/end", end_assignment, name="end_assignment"),
    path("people/couples/<uuid:couple_id>", couple, name="couple_admin"),
    path("people/couples/<uuid:couple_id>/again", again, name="couple_again"),
]
