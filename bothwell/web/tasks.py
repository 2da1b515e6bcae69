"""What waits for me that cannot wait: answers about not wanting to live, each somebody's task until it is closed.

A task is shown to those who may read the flag, with the person's safe telephone number; clinic leads see only that one
waits too long, and whom to call.
Nothing here closes a task by itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import connection
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET

from bothwell.couples.models import Assignment, Contact, Person, Role, open_at
from bothwell.instruments import safety_actions as actions
from bothwell.instruments.models import Escalation, SafetyFlag
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale
from bothwell.web.asking import post_or_back, require, viewer
from bothwell.web.trajectory_rows import MEASURES

HISTORY_SHOWN = 20
ACKNOWLEDGED = "Acknowledged. Your plan is kept; the task stays open until it is closed with a reason."
CLOSED = "Closed. The reason is kept."
SEE_TASKS = frozenset({Role.PRESCRIBER, Role.NURSE, Role.INDIVIDUAL_THERAPIST, Role.LEAD})
"""Whose day begins with a count of what waits."""


class PlanForm(forms.Form):
    """What happens next."""

    plan = forms.CharField(
        label="What happens next, and who does it",
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write what happens next, and who does it."},
    )


class ReasonForm(forms.Form):
    """Why it can be closed."""

    reason = forms.CharField(
        label="Why this can be closed",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What was found when you spoke, and what was agreed.",
        error_messages={"required": "Write why this can be closed: what was found, and what was agreed."},
    )


@dataclass(frozen=True)
class Task:
    """One open flag as the viewer sees it, how its person is reached, and what the viewer may do about it."""

    flag: SafetyFlag
    contact: Contact | None
    may_acknowledge: bool
    may_close: bool
    may_read: bool
    form: forms.Form | None


@dataclass(frozen=True)
class Unkept:
    """Words that came too late: what was typed, and who saw to the task meanwhile, as far as the viewer reads it."""

    flag: SafetyFlag
    form: forms.Form


@dataclass(frozen=True)
class Owner:
    """A clinician whose task it is, and where to reach them if that is known."""

    person: Person
    role: str
    telephone: str


@dataclass(frozen=True)
class PassedOn:
    """A task that waited too long, as a clinic lead sees it: whose and since when, never why."""

    person: Person
    waits_since: datetime
    acknowledged_at: datetime | None
    owners: list[Owner] = field(default_factory=list)


# ------------------------------------------------------------------------------------------------- what waits


@dataclass(frozen=True)
class Waiting:
    """How many tasks wait for somebody, since when the oldest, and how many are acknowledged but open."""

    count: int
    since: datetime | None
    acknowledged: int


def waiting() -> Waiting | None:
    """The tasks open to the viewer, in two statements; None when there are none."""
    found = SafetyFlag.objects.filter(closed__isnull=True)
    # What somebody acknowledged who has left, and nobody followed them, waits again.
    rows = {flag: (raised, bool(seen) and has_owner) for flag, raised, seen, has_owner in _passed_on()}
    mine = found.values_list("id", "recorded_at", "acknowledged__recorded_at")
    rows |= {flag: (raised, seen is not None) for flag, raised, seen in mine}
    unseen = [raised for raised, is_seen in rows.values() if not is_seen]
    return Waiting(len(unseen), min(unseen, default=None), len(rows) - len(unseen)) if rows else None


def _passed_on() -> list[tuple[UUID, datetime, datetime | None, bool]]:
    """Flag, since when it waits, when it was acknowledged, whether it is anybody's: those passed on and not closed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select flag, waits_since, acknowledged_at, has_owner from door.passed_on() where not is_closed"
        )
        return list(cursor.fetchall())


# ---------------------------------------------------------------------------------------------------- the page


@require_GET
def tasks(request: HttpRequest) -> HttpResponse:
    """My tasks, those nobody has acknowledged first; what was passed on to me; and what was closed lately."""
    require(request)
    return _page(request)


def _page(
    request: HttpRequest, flag_id: UUID | None = None, form: forms.Form | None = None, status: int = 200
) -> HttpResponse:
    who = viewer(request)
    flags = sorted(_flags().filter(closed__isnull=True), key=_urgency)
    closed = list(_flags().filter(closed__isnull=False).order_by("-closed__recorded_at")[:HISTORY_SHOWN])
    passed_on = _as_told({flag.id for flag in flags})
    subjects = [flag.subject_id for flag in (*flags, *closed)] + [row.person.id for row in passed_on]
    audit.viewed_several(who, [each for each in subjects if each], actions.TASK)
    mine = _mine(who, flags, flag_id, form)
    # An individual therapist is shown it for as long as the task is open: that they looked stands in the person's log.
    audit.viewed_several(who, [task.contact.subject_id for task in mine if task.contact], "contact")
    context = {
        "tasks": mine,
        "unkept": _unkept(mine, flag_id, form),
        "passed_on": passed_on,
        "closed": closed,
        "now": timezone.now(),
    }
    return render(request, "tasks/page.html", context, status=status)


def _unkept(mine: list[Task], flag_id: UUID | None, form: forms.Form | None) -> Unkept | None:
    """What was sent and has no place on the page any more: somebody else saw to it, or it is no longer the viewer's."""
    if (
        form is None
        or flag_id is None
        or any(task.form is form and (task.may_acknowledge or task.may_close) for task in mine)
    ):
        return None
    flag = _flags().filter(id=flag_id).first()
    return Unkept(flag, form) if flag else None


def _flags() -> QuerySet[SafetyFlag]:
    return SafetyFlag.objects.select_related(
        "subject", "response", "acknowledged__author", "closed__author"
    ).prefetch_related(Prefetch("escalations", Escalation.objects.order_by("level")))


def _urgency(flag: SafetyFlag) -> tuple[bool, bool, datetime, UUID]:
    """Those nobody has acknowledged come first, the acute of them before the others; then the older first."""
    is_seen = hasattr(flag, "acknowledged")
    return is_seen, is_seen or not flag.is_acute, flag.recorded_at, flag.id


def _mine(who: Person, flags: list[SafetyFlag], flag_id: UUID | None, form: forms.Form | None) -> list[Task]:
    subjects = [flag.subject_id for flag in flags]
    held: dict[UUID | None, set[str]] = {}
    team = Assignment.objects.filter(open_at(timezone.now()), staff=who, subject__in=subjects)
    for subject, role in team.values_list("subject_id", "role"):
        held.setdefault(subject, set()).add(role)
    contacts: dict[UUID | None, Contact] = {
        row.subject_id: row for row in Contact.objects.filter(subject__in=subjects)
    }
    rows = []
    for flag in flags:
        roles, is_seen = held.get(flag.subject_id, set()), hasattr(flag, "acknowledged")
        may_acknowledge = not is_seen and bool(roles & {*actions.OWNERS, Role.NURSE})
        may_close = is_seen and bool(roles & {*actions.OWNERS})
        kind = PlanForm if may_acknowledge else ReasonForm
        is_sent = flag.id == flag_id and isinstance(form, kind)
        shown = form if is_sent else kind(auto_id=_names(flag))
        # The row is there only for who may read it; of screens there is no such page.
        is_shown = flag.response is not None and flag.response.kind in MEASURES
        may_read = is_shown and bool(roles & {*actions.OWNERS, Role.NURSE})
        rows.append(Task(flag, contacts.get(flag.subject_id), may_acknowledge, may_close, may_read, shown))
    return rows


def _names(flag: SafetyFlag) -> str:
    """Several tasks stand on one page: each has field names of its own."""
    return f"id_{flag.id.hex}_%s"


def _as_told(shown: set[UUID]) -> list[PassedOn]:
    """What was passed on and is not already on the page, with those whose task it is, in a fixed number of queries."""
    rows = [row for row in _passed_on() if row[0] not in shown]
    keys = [row[0] for row in rows]
    people = {
        row.flag_id: row.subject
        for row in Escalation.objects.select_related("subject").filter(flag_id__in=keys)
        if row.subject
    }
    team = list(
        Assignment.objects.select_related("staff").filter(
            open_at(timezone.now()), subject__in=people.values(), role__in=actions.OWNERS
        )
    )
    telephones = dict(
        Contact.objects.filter(subject__in=[one.staff_id for one in team]).values_list(
            "subject_id", "safe_phone"
        )
    )
    return [
        PassedOn(
            people[flag],
            since,
            acknowledged_at,
            [
                Owner(one.staff, one.get_role_display(), telephones.get(one.staff_id, ""))
                for one in team
                if one.subject_id == people[flag].id
            ],
        )
        for flag, since, acknowledged_at, _ in sorted(rows, key=lambda row: row[1])
        if flag in people
    ]


# -------------------------------------------------------------------------------------------------------- doing


@post_or_back("tasks")
def acknowledge(request: HttpRequest, flag_id: UUID) -> HttpResponse:
    """I have seen it, and this happens next."""
    return _do(request, flag_id, PlanForm, actions.acknowledge, ACKNOWLEDGED)


@post_or_back("tasks")
def close(request: HttpRequest, flag_id: UUID) -> HttpResponse:
    """It can be closed, for this reason."""
    return _do(request, flag_id, ReasonForm, actions.close, CLOSED)


def _do(
    request: HttpRequest, flag_id: UUID, kind: type[forms.Form], act: Callable[..., None], done: str
) -> HttpResponse:
    who = require(request)
    flag = get_object_or_404(SafetyFlag, id=flag_id)
    form, status = kind(request.POST, auto_id=_names(flag)), 422
    if form.is_valid():
        try:
            act(by=who, flag_id=flag.id, **form.cleaned_data)
        except Refused as no:
            form.add_error(None, no.reason)
            status = 409 if isinstance(no, Stale) else 422
        else:
            messages.success(request, done)
            return redirect("tasks")
    return _page(request, flag.id, form, status)


urlpatterns: list[URLPattern] = [
    path("tasks", tasks, name="tasks"),
    path("tasks/<uuid:flag_id>/acknowledge", acknowledge, name="task_acknowledge"),
    path("tasks/<uuid:flag_id>/close", close, name="task_close"),
]
