"""One request at one bed: who asks, as what, and how a page of this bed is shown, or its form kept.

Nobody but the nurse and the prescriber of this very person is at a bed. No chart opens without a line in the log.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone

from bothwell.couples.models import Person, Role
from bothwell.dosing import session_actions
from bothwell.dosing.models import DosingSession
from bothwell.monitoring.months import Within
from bothwell.pathway import rights_actions
from bothwell.pathway.steps import Role as Towards
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web import bedside, bedside_forms, handed_in
from bothwell.web.asking import numbered_anew, refusal_status, require
from bothwell.web.bedside import Bedside

ADDRESS = "room/<uuid:session_id>"
OPENED = "beds_opened"
"""In the login's session: charts whose opening is logged; a page that refreshes itself adds nothing."""


@dataclass(frozen=True)
class Bed:
    """One request at one bed: who asks, as what, and the session as it stands."""

    who: Person
    roles: frozenset[Towards]
    side: Bedside

    @property
    def session(self) -> DosingSession:
        return self.side.session

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.session.clinic.timezone)

    @property
    def within(self) -> Within | None:
        """Where this session's readings lie."""
        return self.side.within

    def address(self, end: str = "") -> str:
        return f"/room/{self.session.id}" + (f"/{end}" if end else "")


def bed_of(request: HttpRequest, session_id: UUID) -> Bed:
    """The bed, or 404: for the nurse and the prescriber of this very person, and for nobody else."""
    who = require(request, Role.NURSE, Role.PRESCRIBER)
    sessions = DosingSession.objects.select_related(
        "clinic", "subject", "room", "order__author", "course__protocol", "course__subject", "course__couple"
    )
    session = get_object_or_404(sessions.exclude(outcome="cancelled"), id=session_id)
    roles = rights_actions.roles_towards(who, session.subject_id, session.couple_id)
    if not roles & session_actions.CHART:
        raise Http404
    return Bed(who, roles, bedside.gather([session], timezone.now())[session.id])


def log_opened(request: HttpRequest, bed: Bed) -> None:
    """That this chart was opened stands in the log now, and in the login's session that it does."""
    audit.viewed(bed.who, subject=bed.session.subject_id, what="dosing.flowsheet")
    opened = [*request.session.get(OPENED, ()), str(bed.session.id)]
    request.session[OPENED] = list(dict.fromkeys(opened))[-40:]


def show(
    request: HttpRequest, bed: Bed, template: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """A page of this bed, its times by the clinic's clock; whatever shows a chart first stands in the log."""
    if handed_in.is_one(request):
        return handed_in.answer(context, status)
    if str(bed.session.id) not in request.session.get(OPENED, ()):
        log_opened(request, bed)
    with timezone.override(bed.zone):
        return render(request, template, {"bed": bed, "side": bed.side, **context}, status=status)


def show_or_keep(
    request: HttpRequest,
    bed: Bed,
    form: bedside_forms.Bedside,
    title: str,
    keep: Callable[[], None],
    *,
    end: str = "",
    template: str = "room/form.html",
    context: Callable[[], Mapping[str, Any]] = dict,
    status: int = 200,
) -> HttpResponse:
    """Show a form, or keep what was posted and go back to the room; a refusal keeps what was typed."""
    trouble = ""
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                keep()
            except Refused as refused:
                trouble, status = refused.reason, refusal_status(refused)
                numbered_anew(form, refused)
            else:
                return HttpResponseRedirect(bed.address() + end)
    return show(
        request, bed, template, {"form": form, "title": title, "trouble": trouble, **context()}, status
    )
