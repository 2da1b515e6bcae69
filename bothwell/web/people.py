"""The people in care, for staff: whom may I see, who cares for them, how are they reached.

It shows only what the viewer may see anyway; what is missing and what is hidden look the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import (
    Assignment,
    Contact,
    Couple,
    Membership,
    Person,
    PersonKind,
    Role,
    StaffRole,
    open_at,
)
from bothwell.couples.pairing import CareRole
from bothwell.dosing.models import DosingSession
from bothwell.enrolment import couple_actions, invitation_actions, people_actions, team_actions
from bothwell.integration.session_actions import is_therapist_of
from bothwell.pathway.models import Course
from bothwell.pathway.office_actions import at_referral
from bothwell.pathway.rights_actions import roles_towards
from bothwell.pathway.steps import Phase, State
from bothwell.privacy import audit
from bothwell.privacy.circles import READS, WRITES
from bothwell.records import parting_actions
from bothwell.records.hold_actions import holds_on
from bothwell.refusal import Refused
from bothwell.web.asking import not_ones_own, require
from bothwell.web.caring import WORKUP_ROLES
from bothwell.web.enrol import ReachForm
from bothwell.web.nav import roles_of

ON_A_PAGE = 40
RUNS_THE_CLINIC = frozenset({Role.LEAD, Role.COORDINATOR})
SEES_PEOPLE = tuple(frozenset(Role) - {Role.RESEARCHER, Role.SAFETY})
FOR_A_PERSON = (CareRole.PRESCRIBER, CareRole.NURSE, CareRole.INDIVIDUAL_THERAPIST)


def phase_words(course: Course | None) -> str:
    """Where a course stands, for staff; empty when there is none to see."""
    if course is None:
        return ""
    words = Phase(course.phase).replace("_", " ").capitalize()
    return words if course.state == State.ACTIVE else f"{words}, {course.state.replace('_', ' ')}"


# --------------------------------------------------------------------------------------------------- the list


@dataclass
class Household:
    """A couple, or one person alone, as the list shows it."""

    couple: Couple | None
    members: list[tuple[str, Person, str]] = field(default_factory=list)


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    """Everyone in care whom the viewer may see, couple by couple; searched by name, paged by name."""
    by = require(request, *SEES_PEOPLE)
    asked, after = request.GET.get("q", "").strip()[:60], request.GET.get("after", "")[:200]
    # Staff who are a partner here themselves find no door to their own couple's charts (`not_ones_own`).
    own = Membership.objects.filter(person=by).values("couple_id")
    theirs = Membership.objects.filter(couple_id__in=own).values("person_id")
    found = Person.objects.filter(kind=PersonKind.PARTNER).exclude(id__in=theirs).order_by("name_used", "id")
    if asked:
        found = found.filter(name_used__icontains=asked)
    if after:
        name, _, key = after.rpartition("~")
        found = found.filter(Q(name_used__gt=name) | Q(name_used=name, id__gt=_uuid(key)))
    rows = list(found[: ON_A_PAGE + 1])
    shown = rows[:ON_A_PAGE]
    more = f"{shown[-1].name_used}~{shown[-1].id}" if len(rows) > ON_A_PAGE else ""
    context = {
        "households": _households(shown, roles_of(by)),
        "q": asked,
        "after": after,
        "more": more,
        "may_enrol": bool(roles_of(by) & RUNS_THE_CLINIC),
    }
    return render(request, "people/page.html", context)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _households(shown: Sequence[Person], office: frozenset[Role]) -> list[Household]:
    keys = [person.id for person in shown]
    couples = Membership.objects.filter(person_id__in=keys, until__isnull=True).values("couple_id")
    members = list(
        Membership.objects.filter(couple_id__in=couples).select_related("couple", "person").order_by("side")
    )
    everyone = {person.id: person for person in shown} | {m.person_id: m.person for m in members}
    phases = {
        course.subject_id: phase_words(course)
        for course in Course.objects.filter(subject_id__in=everyone).order_by("recorded_at")
    }
    if Role.COORDINATOR in office:
        phases |= dict.fromkeys(at_referral() & everyone.keys(), "Waits at the referral")
    couple_of = {member.person_id: member.couple_id for member in members}
    households: dict[UUID, Household] = {}
    for person in shown:
        key = couple_of.get(person.id, person.id)
        if key not in households:
            those = [m for m in members if m.couple_id == key]
            households[key] = Household(
                those[0].couple if those else None,
                [(m.side, m.person, phases.get(m.person_id, "")) for m in those]
                or [("", person, phases.get(person.id, ""))],
            )
    return list(households.values())


# --------------------------------------------------------------------------------------------------- a person


@dataclass(frozen=True)
class Frame:
    """What stands above every page of one person."""

    person: Person
    side: str
    couple: Couple | None
    partner: Person | None
    tabs: list[tuple[str, str, bool]]


def frame_of(request: HttpRequest, person_id: UUID, here: str) -> tuple[Person, Frame]:
    """The viewer and the frame of one partner's pages; logs that the page was looked at."""
    by = require(request, *SEES_PEOPLE)
    person = get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    not_ones_own(by, person=person.id)
    mine = Membership.objects.filter(person=person, until__isnull=True).values("couple_id")
    members = list(Membership.objects.filter(couple_id__in=mine).select_related("couple", "person"))
    own = next((m for m in members if m.person_id == person.id), None)
    other = next((m.person for m in members if m.person_id != person.id), None)
    couple = own.couple if own else None
    tabs = _tabs(by, person, couple, here)
    audit.viewed(by, subject=person, what=here)
    return by, Frame(person, own.side if own else "", couple, other, tabs)


def _tabs(by: Person, person: Person, couple: Couple | None, here: str) -> list[tuple[str, str, bool]]:
    """Only the pages that open to this viewer."""
    root = f"/people/{person.id}"
    tabs = [("overview", root), ("care team", f"{root}/team"), ("contact", f"{root}/contact")]
    roles = roles_towards(by, person.id, couple.id if couple else None)
    if Role.COORDINATOR in roles_of(by):
        tabs.append(("course", f"{root}/course"))
    if roles & WORKUP_ROLES:
        tabs += [("work-up", f"{root}/workup"), ("measures", f"{root}/measures")]
    if {str(role) for role in roles} & {str(who) for who, ways in READS["pathway"].items() if "Y" in ways}:
        tabs.append(("care plan", f"{root}/care-plan"))
    if {str(role) for role in roles} & {str(who) for who in WRITES["measure.entered"]}:
        tabs.append(("answers on paper", f"{root}/paper"))
    if Role.INDIVIDUAL_THERAPIST in {str(role) for role in roles}:
        tabs.append(("words given", f"{root}/words"))
    if {str(role) for role in roles} & {str(who) for who in WRITES["appointment"]}:
        tabs.append(("appointments", f"{root}/appointments"))
    if couple and is_therapist_of(by, couple):
        tabs.append(("couple", f"/couples/{couple.id}"))
    if roles_of(by) & RUNS_THE_CLINIC:
        tabs.append(("what was given", f"{root}/given"))
    return [(words.capitalize(), href, words == here) for words, href in tabs]


@require_GET
def person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """What stands now: course, next visit, login, care team."""
    by, frame = frame_of(request, person_id, "overview")
    course = Course.objects.filter(subject=frame.person).order_by("-recorded_at").first()
    visits = DosingSession.objects.filter(
        subject=frame.person, scheduled_at__gte=timezone.now(), arrived_at__isnull=True
    ).exclude(outcome="cancelled")
    runs = bool(roles_of(by) & RUNS_THE_CLINIC)
    context = {
        "frame": frame,
        "phase": phase_words(course),
        "course": course,
        "visit": visits.only("id", "scheduled_at").order_by("scheduled_at").first(),
        "team": _team(frame.person, frame.couple).exclude(role=Role.SAFETY),
        "runs": runs,
        "hold": holds_on([frame.person.id]).get(frame.person.id),
        **(_login(frame.person) if runs else {}),
    }
    return render(request, "people/person.html", context)


def _login(person: Person) -> dict[str, Any]:
    if invitation_actions.has_login(person):
        return {"has_login": True}
    invitation = invitation_actions.newest_invitations([person.id]).get(person.id)
    works = invitation is not None and invitation.expires_at > timezone.now()
    return {
        "invitation": invitation,
        "address": invitation_actions.address_of(invitation) if invitation and works else "",
    }


def _team(person: Person, couple: Couple | None) -> QuerySet[Assignment]:
    about = Q(subject=person) | Q(couple=couple, couple__isnull=False)
    return (
        Assignment.objects.filter(open_at(timezone.now()), about)
        .select_related("staff")
        .order_by("role", "since")
    )


@require_POST
def invite(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """A new link for this person; the one before stops working."""
    by = require(request, *RUNS_THE_CLINIC)
    person = get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    not_ones_own(by, person=person.id)
    try:
        invitation_actions.invite(by=by, person=person)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, "A new link is ready. The one before no longer works.")
    return redirect("person", person_id=person_id)


# ---------------------------------------------------------------------------------------------------- contact


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
    return ContactForm(data, initial=initial)


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
    may_change = bool(roles_of(by) & RUNS_THE_CLINIC)
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


# ------------------------------------------------------------------------------------------------- care teams


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
        "may_change": bool(roles & RUNS_THE_CLINIC),
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
    by = require(request, *RUNS_THE_CLINIC)
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
    by = require(request, *RUNS_THE_CLINIC, Role.COUPLES_THERAPIST)
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
        audit.viewed(by, subject=member.person, couple=row, what="couple")
    context = {
        "couple": row,
        "members": members,
        "team": _team_ever(Q(couple=row)),
        "form": form,
        "parting": parting,
        "may_change": bool(roles & RUNS_THE_CLINIC),
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
    by = require(request, *RUNS_THE_CLINIC)
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
    path("people", people, name="people"),
    path("people/<uuid:person_id>", person, name="person"),
    path("people/<uuid:person_id>/invite", invite, name="person_invite"),
    path("people/<uuid:person_id>/contact", contact, name="person_contact"),
    path("people/<uuid:person_id>/team", team, name="person_team"),
    path("people/team/<uuid:assignment_id>/end", end_assignment, name="end_assignment"),
    path("people/couples/<uuid:couple_id>", couple, name="couple_admin"),
    path("people/couples/<uuid:couple_id>/again", again, name="couple_again"),
]
