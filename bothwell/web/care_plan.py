"""The care plan: what is in my care, and where does ketamine therapy sit among the rest?

It puts together what is on record as far as its viewer may see it, and what was written here; it decides nothing.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import Assignment, Couple, Membership, Person, Role, open_at
from bothwell.dosing.models import DosingSession
from bothwell.instruments.due import waiting
from bothwell.instruments.models import Request
from bothwell.integration import plan_actions as actions
from bothwell.integration.insights import listed
from bothwell.integration.models import CarePlanItem, CoupleSession
from bothwell.integration.pause_actions import pause_of
from bothwell.pathway.models import Course
from bothwell.pathway.rights_actions import roles_towards
from bothwell.pathway.steps import Phase, State
from bothwell.privacy.circles import READS, WRITES
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, nearby, zone_of
from bothwell.web.asking import not_ones_own, post_or_back, require, require_partner, told
from bothwell.web.people import SEES_PEOPLE, Frame, frame_of

FOLLOWED = ("individual", "relationship")
"""Kinds of questionnaires that follow a person over time; those that look for danger are named nowhere here."""

READERS = frozenset(str(one) for one, ways in READS["pathway"].items() if "Y" in ways)
"""Who reads where a person's care stands reads this page; of the parts written here, what they may see."""

WRITERS = frozenset(str(one) for one in WRITES["care_plan"])

WHERE: dict[Phase, str] = {
    Phase.REFERRAL: "The first questions: whether it could be right at all",
    Phase.EVALUATION: "Being looked into: health, history, the relationship",
    Phase.JOINT_DECISION: "Being decided together",
    Phase.CONSENT: "Decided; reading and signing comes next",
    Phase.PREPARATION: "Preparing",
    Phase.DOSING_SERIES: "In the series of sessions",
    Phase.INDIVIDUAL_INTEGRATION: "After a session: making sense of it",
    Phase.COUPLE_INTEGRATION: "Taking it into the couple's work",
    Phase.REVIEW: "Looking back at the series",
    Phase.MAINTENANCE: "The series is behind; what helps goes on",
    Phase.ENDED: "Ended",
}
NOT_MOVING = {
    State.ON_HOLD: "on hold for now",
    State.STOPPED: "stopped",
    State.ENDED: "ended",
}
PARTS: dict[str, tuple[str, str]] = {
    "ketamine": ("Ketamine-assisted therapy", "One part of the whole, for a time."),
    "couples": ("Couples therapy", "Where what came up is carried, as far as each chooses."),
    "individual": (
        "Individual therapy",
        "Preparing, making sense, and everything else that needs a room of one's own.",
    ),
    "medical": ("Medical care and medicines", "What goes on beside it, and who looks after it."),
    "daily": ("Sleep, movement, daily life", "What carries most of it, most days."),
    "people": ("People and places that help", "Friends, groups, a line to call, a bench by the water."),
}
"""In the order of the page; the last two are the person's own to fill."""


@dataclass
class Part:
    """One part of the plan: what is on record, and what was written here."""

    code: str
    title: str
    means: str
    facts: list[str] = field(default_factory=list)
    items: list[CarePlanItem] = field(default_factory=list)


def parts_of(person: Person, couple: Couple | None) -> list[Part]:
    """The parts of this person's care, from what the viewer may see. A fixed number of queries."""
    found = {code: Part(code, title, means) for code, (title, means) in PARTS.items()}
    team, zone = _team(person, couple), zone_of(person)
    found["ketamine"].facts = [*_course(person), *_sessions(person, zone)]
    found["couples"].facts = [*_with(team, Role.COUPLES_THERAPIST), *_couples_work(couple, zone)]
    found["individual"].facts = _with(team, Role.INDIVIDUAL_THERAPIST)
    found["medical"].facts = [
        *_with(team, Role.PRESCRIBER),
        *_with(team, Role.NURSE),
        *_measures(person, zone),
    ]
    for item in (
        CarePlanItem.objects.select_related("author")
        .filter(subject=person, until__isnull=True)
        .order_by("recorded_at", "id")
    ):
        found[item.part].items.append(item)
    return list(found.values())


def _team(person: Person, couple: Couple | None) -> dict[str, list[str]]:
    about = Q(subject=person) | Q(couple=couple) if couple else Q(subject=person)
    rows = (
        Assignment.objects.select_related("staff")
        .filter(open_at(timezone.now()), about)
        .exclude(role=Role.SAFETY)
        .order_by("staff__name_used", "id")
    )
    team: dict[str, list[str]] = {}
    for row in rows:
        if row.staff.name_used not in team.setdefault(row.role, []):
            team[row.role].append(row.staff.name_used)
    return team


def _with(team: dict[str, list[str]], role: Role) -> list[str]:
    names = team.get(role, [])
    return [f"With {listed(names)}, {role.label}."] if names else []


def _course(person: Person) -> list[str]:
    course = Course.objects.filter(subject=person).order_by("-recorded_at").first()
    if course is None:
        return []
    words = WHERE[Phase(course.phase)]
    beside = NOT_MOVING.get(State(course.state), "")
    return [f"{words}{f'; {beside}' if beside and course.phase != Phase.ENDED else ''}."]


def _sessions(person: Person, zone: ZoneInfo) -> list[str]:
    rows = DosingSession.objects.filter(subject=person).exclude(outcome="cancelled")
    held = rows.filter(started_at__isnull=False).order_by("started_at")
    times = list(held.values_list("started_at", flat=True))
    ahead = (
        rows.filter(arrived_at__isnull=True, scheduled_at__gte=timezone.now())
        .order_by("scheduled_at")
        .first()
    )
    said = []
    if times and times[-1]:
        number = "One session" if len(times) == 1 else f"{len(times)} sessions"
        said.append(f"{number} so far, the last on {_day(times[-1], zone)}.")
    if ahead:
        said.append(f"The next is planned for {_day(ahead.scheduled_at, zone)}.")
    return said


def _day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%B %Y}"


def _couples_work(couple: Couple | None, zone: ZoneInfo) -> list[str]:
    if couple is None:
        return []
    rows = CoupleSession.objects.filter(couple=couple)
    ahead = rows.filter(state=CoupleSession.State.PLANNED, at__gte=timezone.now()).order_by("at").first()
    said = [f"The next session is on {_day(ahead.at, zone)}."] if ahead else []
    if pause := pause_of(couple):
        said.append(f"Paused since {_day(pause.since, zone)}, by agreement.")
    if plan := actions.plan_of(couple):
        said.append(f"From now on: {plan.cadence.rstrip('.')}.")
    return said


def _measures(person: Person, zone: ZoneInfo) -> list[str]:
    now = timezone.now()
    waits = waiting(now).filter(subject=person, kind__in=FOLLOWED).order_by("due_at").first()
    ahead = (
        Request.objects.filter(subject=person, kind__in=FOLLOWED, due_at__gt=now).order_by("due_at").first()
    )
    if waits:
        return ["Questions about how things are wait to be answered."]
    return [f"The next questions about how things are come on {_day(ahead.due_at, zone)}."] if ahead else []


class PartForm(forms.Form):
    """One more part of a person's care."""

    part = forms.ChoiceField(
        label="Where does it belong?", choices=[(code, title) for code, (title, _) in PARTS.items()]
    )
    words = forms.CharField(
        label="What is it?",
        help_text="In a line or two, up to 500 characters.",
        error_messages={"required": "Write it in a few words."},
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


def _added(by: Person, subject: Person, form: PartForm) -> bool:
    if not form.is_valid():
        return False
    given = form.cleaned_data
    try:
        actions.add_part(
            by=by,
            subject=subject,
            part=given["part"],
            words=given["words"].replace("\r\n", "\n"),
            request_id=given["request_id"],
        )
    except Refused as refused:
        told(form, refused)
        return False
    return True


def _ended(request: HttpRequest, by: Person, subject: Person, item_id: UUID) -> None:
    get_object_or_404(CarePlanItem, id=item_id, subject=subject)
    try:
        actions.end_part(by=by, subject=subject, item_id=item_id)
    except Refused as refused:
        messages.error(request, refused.reason)
    else:
        messages.success(request, "No part of the plan any more. It stays on record.")


# ------------------------------------------------------------------------------------------------------- one's own


@require_http_methods(["GET", "POST"])
def own(request: HttpRequest) -> HttpResponse:
    """One's own plan; posting adds a part."""
    who = require_partner(request)
    form = PartForm(request.POST if request.method == "POST" else None, initial={"part": "daily"})
    if request.method == "POST" and _added(who, who, form):
        messages.success(request, "Added. Your care team can see it.")
        return redirect("care_plan")
    surroundings: Nearby = nearby(who)
    context = {
        "nearby": surroundings,
        "person": who,
        "parts": parts_of(who, surroundings.couple),
        "form": form,
        "may_write": True,
        "now": timezone.now(),
    }
    return render(request, "care_plan/own.html", context, status=422 if form.is_bound else 200)


@require_POST
def own_end(request: HttpRequest, item_id: UUID) -> HttpResponse:
    """A part of one's own plan ends."""
    who = require_partner(request)
    _ended(request, who, who, item_id)
    return redirect("care_plan")


# --------------------------------------------------------------------------------------------------- clinicians


def _theirs(request: HttpRequest, person_id: UUID, item_id: UUID | None = None) -> tuple[Person, Frame, bool]:
    """The clinician looking, the person's frame, and whether it is theirs to write; 404 for who has no part in the care."""
    who = require(request, *SEES_PEOPLE)
    not_ones_own(who, person=person_id)
    couple = Membership.objects.filter(person=person_id, until__isnull=True).values_list(
        "couple_id", flat=True
    )
    roles = {str(role) for role in roles_towards(who, person_id, couple.first())}
    # Asked before the page is: who is turned away leaves no line in anybody's log.
    if not roles & READERS:
        raise Http404
    if item_id is not None:
        get_object_or_404(CarePlanItem, id=item_id, subject=person_id)
    return *frame_of(request, person_id, "care plan"), bool(roles & WRITERS)


@require_http_methods(["GET", "POST"])
def theirs(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """The plan of somebody in one's care; posting adds a part."""
    by, frame, may_write = _theirs(request, person_id)
    form = PartForm(request.POST if request.method == "POST" else None, initial={"part": "medical"})
    if request.method == "POST" and _added(by, frame.person, form):
        messages.success(request, "Added. They and their care team can see it.")
        return redirect("person_care_plan", person_id=person_id)
    context: dict[str, Any] = {
        "frame": frame,
        "person": frame.person,
        "parts": parts_of(frame.person, frame.couple),
        "form": form,
        "may_write": may_write,
        "now": timezone.now(),
    }
    return render(request, "care_plan/theirs.html", context, status=422 if form.is_bound else 200)


@post_or_back("/people")
def theirs_end(request: HttpRequest, person_id: UUID, item_id: UUID) -> HttpResponse:
    """A part of somebody's plan ends."""
    by, frame, _ = _theirs(request, person_id, item_id)
    _ended(request, by, frame.person, item_id)
    return redirect("person_care_plan", person_id=person_id)


urlpatterns: list[URLPattern] = [
    path("care-plan", own, name="care_plan"),
    path("care-plan/<uuid:item_id>/end", own_end, name="care_plan_end"),
    path("people/<uuid:person_id>/care-plan", theirs, name="person_care_plan"),
    path("people/<uuid:person_id>/care-plan/<uuid:item_id>/end", theirs_end, name="person_care_plan_end"),
]
