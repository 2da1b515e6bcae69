"""The dosing room: what is happening now and what is next, for the nurse and prescriber beside one person.

It shows nothing of the partner but one sentence, replaces no bedside monitor, gives nothing a gate holds.
"""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_POST

from bothwell.dosing.models import Discharge, SessionSummary
from bothwell.monitoring import quieting_actions
from bothwell.monitoring.models import Alarm
from bothwell.refusal import Refused
from bothwell.web import leaving_forms, room_keys, room_shown
from bothwell.web.room_bed import ADDRESS, Bed, bed_of, log_opened, show


@require_GET
def room(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Everything about this session on one page."""
    bed = bed_of(request, session_id)
    log_opened(request, bed)
    return room_page(request, bed)


@require_GET
def live(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The parts of the room that change, for a page that stands open."""
    bed = bed_of(request, session_id)
    context = room_shown.now(bed) | {"last_charted": room_keys.last_charted(bed)}
    return show(request, bed, "room/page.html#live", context)


def room_page(
    request: HttpRequest, bed: Bed, *, trouble: str = "", status: int = 200, began: Any = None
) -> HttpResponse:
    """The whole page; `trouble` stands above it, and `began` is the form of the first dose as it was typed."""
    context = room_shown.now(bed) | {"trouble": trouble}
    if began is not None and "start_form" in context:
        context["start_form"] = began
    if bed.session.ended_at is None:
        context |= {"sheets": room_keys.sheets(bed)}
    else:
        context |= {
            "discharge": Discharge.objects.select_related("author").filter(session=bed.session).first(),
            "summaries": SessionSummary.objects.select_related("author")
            .filter(session=bed.session)
            .order_by("recorded_at"),
            "summary_form": leaving_forms.Summary(zone=bed.zone),
        }
    return show(request, bed, "room/page.html", context, status)


@require_POST
def acknowledge(request: HttpRequest, session_id: UUID, alarm_id: UUID) -> HttpResponse:
    """This very alarm has been seen, by name."""
    bed = bed_of(request, session_id)
    try:
        if not Alarm.objects.filter(id=alarm_id, session_id=session_id).exists():
            raise Refused("There is no such alarm here.")
        quieting_actions.acknowledge(by=bed.who, alarm_id=alarm_id)
    except Refused as refused:
        return room_page(request, bed_of(request, session_id), trouble=refused.reason, status=422)
    return redirect("room", session_id)


urlpatterns: list[URLPattern] = [
    path(ADDRESS, room, name="room"),
    path(f"{ADDRESS}/live", live, name="room-live"),
    path(f"{ADDRESS}/acknowledge/<uuid:alarm_id>", acknowledge, name="room-acknowledge"),
]
