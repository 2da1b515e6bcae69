"""The clinic lead's first page: where to go, and what a new clinic still has to do once.

It shows nobody's record.
"""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import Exists
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from bothwell.couples.models import Clinic, Couple, Person, PersonKind, Role, Room
from bothwell.dosing.models import DosingSession
from bothwell.enrolment import clinic_actions
from bothwell.enrolment.naming import FOUNDERS_NAME
from bothwell.pathway.models import ProtocolVersion
from bothwell.privacy.models import BreakGlass
from bothwell.refusal import Refused
from bothwell.web.asking import require
from bothwell.web.nav import roles_of
from bothwell.web.texts_lacking import is_enough, lacking

ENROL = "/enrol"
LED = "led_to_set_up"
"""In a session: its lead has been shown what the clinic still needs."""


@dataclass(frozen=True)
class SetUpStep:
    """One thing a new clinic does once."""

    words: str
    href: str
    is_done: bool
    is_here: bool
    not_yet: str = ""


def steps_of(who: Person, here: str) -> list[SetUpStep]:
    """What is done and what is left; empty once the clinic is set up."""
    return [] if who.clinic.set_up_at else _steps(who, here, _facts(who), is_enough())


def next_steps(who: Person) -> list[SetUpStep]:
    """What is left before anybody can be treated here, also where the set-up was said to be finished; and the first couple."""
    facts = _facts(who)
    # Where somebody was treated the texts were there: nobody gets to a dose without them.
    steps = _steps(who, "", facts, has_texts=facts["has_treated"] or is_enough())
    left = [step for step in steps if not step.is_done]
    if not facts["has_couple"]:
        left.append(SetUpStep("The first couple", ENROL, False, False))
    return left


def _facts(who: Person) -> dict[str, bool]:
    """What there is in this clinic, in one query."""
    found = Clinic.objects.filter(id=who.clinic_id).values(
        has_colleagues=Exists(Person.objects.filter(kind=PersonKind.STAFF).exclude(id=who.id)),
        has_room=Exists(Room.objects.all()),
        has_protocol=Exists(ProtocolVersion.objects.filter(signed_at__isnull=False)),
        has_couple=Exists(Couple.objects.all()),
        has_treated=Exists(DosingSession.objects.filter(started_at__isnull=False)),
    )
    return {name: bool(there) for name, there in found[0].items()}


def _steps(who: Person, here: str, facts: dict[str, bool], has_texts: bool) -> list[SetUpStep]:
    is_named, has_lines = who.name_used != FOUNDERS_NAME, bool(who.clinic.crisis_lines)
    # Done with one route and the agreement: which of the protocol's routes a clinic gives is its own matter, and named.
    not_yet = "" if who.clinic.set_up_at and has_texts else ", ".join(lacking())
    return [
        SetUpStep("Your own name and title", "/access/name", is_named, here == "name"),
        SetUpStep("The clinic and its crisis lines", "/clinic/details", has_lines, here == "details"),
        SetUpStep("The first colleagues", "/clinic/staff", facts["has_colleagues"], here == "staff"),
        SetUpStep("Rooms and monitors", "/clinic/rooms", facts["has_room"], here == "rooms"),
        SetUpStep("The treatment protocol", "/clinic/protocols", facts["has_protocol"], here == "protocols"),
        SetUpStep("The texts people sign", "/clinic/texts", has_texts, here in ("texts", "text"), not_yet),
    ]


def clinic_page(
    request: HttpRequest, here: str, context: dict[str, Any], status: int | None = None
) -> HttpResponse:
    """One page about the clinic, with the steps of setting up beside it while they last.

    Without a `status`, a form that is shown again was refused.
    """
    steps = steps_of(request.viewer, here)  # type: ignore[attr-defined]
    status = status or (422 if request.method == "POST" else 200)
    return render(request, f"clinic/{here}.html", {"steps": steps, **context}, status=status)


def send_to_set_up(request: HttpRequest, who: Person) -> bool:
    """Whether the lead of a clinic not set up yet goes there first. The session remembers it: once, for Today is theirs too."""
    if who.clinic.set_up_at or LED in request.session or Role.LEAD not in roles_of(who):
        return False
    request.session[LED] = True
    return True


@require_GET
def clinic(request: HttpRequest) -> HttpResponse:
    """Where to go; before the clinic is set up, what is left to do."""
    by = require(request, Role.LEAD)
    steps = steps_of(by, "")
    glasses = BreakGlass.objects.select_related("author", "subject").order_by("-recorded_at")[:5]
    context = {"steps": steps, "glasses": glasses, "now": timezone.now(), "clinic": by.clinic}
    context["lacking"] = lacking()
    return render(request, "clinic/page.html", context)


@require_POST
def finish(request: HttpRequest) -> HttpResponse:
    """The clinic is set up."""
    by = require(request, Role.LEAD)
    try:
        clinic_actions.finish_set_up(by=by)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, "The clinic is set up.")
    return redirect("clinic")


urlpatterns: list[URLPattern] = [
    path("clinic", clinic, name="clinic"),
    path("clinic/finish", finish, name="clinic_finish"),
]
