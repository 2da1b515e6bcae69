"""The people in care, for staff: whom may I see, and what stands now with one of them.

It shows only what the viewer may see anyway; what is missing and what is hidden look the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from bothwell.couples.models import OFFICE, Assignment, Couple, Membership, Person, PersonKind, Role, open_at
from bothwell.dosing.models import DosingSession
from bothwell.enrolment import invitation_actions
from bothwell.integration.session_actions import is_therapist_of
from bothwell.pathway.models import Course
from bothwell.pathway.office_actions import at_referral
from bothwell.pathway.rights_actions import roles_towards
from bothwell.pathway.steps import Phase, State
from bothwell.privacy import audit
from bothwell.privacy.circles import READS, WRITES
from bothwell.records.hold_actions import holds_on
from bothwell.refusal import Refused
from bothwell.web.asking import not_ones_own, require
from bothwell.web.caring import WORKUP_ROLES
from bothwell.web.nav import roles_of

ON_A_PAGE = 40
SEES_PEOPLE = tuple(frozenset(Role) - {Role.RESEARCHER, Role.SAFETY})


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
        "may_enrol": bool(roles_of(by) & OFFICE),
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
    looked(by, person, couple, here)
    return by, Frame(person, own.side if own else "", couple, other, tabs)


def looked(by: Person, person: Person, couple: Couple | None, what: str, *, at_both: bool = False) -> None:
    """An entry for who looked. Who is nothing to this person but their safety circle leaves none that the person, or whoever
    holds their telephone, can read.
    """
    about = Q(subject=person) | Q(couple=couple) if couple else Q(subject=person)
    held = Assignment.objects.filter(open_at(timezone.now()), about, staff=by).values_list("role", flat=True)
    is_circle_alone = {*held, *(roles_of(by) & OFFICE)} <= {Role.SAFETY}
    audit.viewed(by, subject=person, couple=couple if at_both else None, what=what, sealed=is_circle_alone)


def _tabs(by: Person, person: Person, couple: Couple | None, here: str) -> list[tuple[str, str, bool]]:
    """Only the pages that open to this viewer."""
    root = f"/people/{person.id}"
    tabs = [("overview", root), ("care team", f"{root}/team"), ("contact", f"{root}/contact")]
    roles = roles_towards(by, person.id, couple.id if couple else None)
    held = {str(role) for role in roles}
    if Role.COORDINATOR in roles_of(by):
        tabs.append(("course", f"{root}/course"))
    if roles & WORKUP_ROLES:
        tabs += [("work-up", f"{root}/workup"), ("measures", f"{root}/measures")]
    if held & {who for who, ways in READS["pathway"].items() if "Y" in ways}:
        tabs.append(("care plan", f"{root}/care-plan"))
    if held & WRITES["measure.entered"]:
        tabs.append(("answers on paper", f"{root}/paper"))
    if Role.INDIVIDUAL_THERAPIST in held:
        tabs.append(("words given", f"{root}/words"))
    if held & WRITES["appointment"]:
        tabs.append(("appointments", f"{root}/appointments"))
    if couple and is_therapist_of(by, couple):
        tabs.append(("couple", f"/couples/{couple.id}"))
    if roles_of(by) & OFFICE:
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
    runs = bool(roles_of(by) & OFFICE)
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
    by = require(request, *OFFICE)
    person = get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    not_ones_own(by, person=person.id)
    try:
        invitation_actions.invite(by=by, person=person)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, "A new link is ready. The one before no longer works.")
    return redirect("person", person_id=person_id)


urlpatterns = [
    path("people", people, name="people"),
    path("people/<uuid:person_id>", person, name="person"),
    path("people/<uuid:person_id>/invite", invite, name="person_invite"),
]
