"""Before the dose: an item of the checklist is answered, and the dose begins when every gate is passed.

No gate is passed from here by itself: the rule is asked again in the same transaction.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.dosing import checklist_actions, giving_actions
from bothwell.refusal import Refused, Unsure
from bothwell.web import bedside_values, checklist_forms, entry_forms, room_checklist
from bothwell.web.asking import filled_in, numbered_anew, refusal_status
from bothwell.web.room import room_page
from bothwell.web.room_bed import ADDRESS, bed_of, show_or_keep

VALUE_OF: dict[str, Callable[[Any], Any]] = {
    "consent_reaffirmed": lambda form: form.cleaned_data["answer"] == "yes",
    "suicide_rescreened": lambda form: {"risk": form.cleaned_data["answer"] == "yes"},
    "weight": lambda form: form.cleaned_data["weight_kg"],
    "fasting": lambda form: {
        "confirmed": form.cleaned_data["confirmed"],
        "food_at": form.instant("food"),
        "drink_at": form.instant("drink"),
    },
    "antiemetic": lambda form: form.cleaned_data["antiemetic"],
    "escort": lambda form: {
        "name": form.cleaned_data["escort"],
        "phone": form.cleaned_data["phone"],
        "is_here": form.cleaned_data["is_here"],
    },
    "medications": lambda form: {
        "changed": form.cleaned_data["answer"] == "yes",
        "what": form.cleaned_data["what"],
    },
    "medications_seen": lambda form: form.cleaned_data["answer"],
    "pregnancy": lambda form: {"result": form.cleaned_data["result"]},
    "equipment": lambda form: form.cleaned_data["ready"],
    "staffing": lambda form: {
        name: form.cleaned_data[name] for name in ("prescriber", "nurse", "second")
    },
    "pressure_override": lambda form: form.cleaned_data["reason"],
    "interval_override": lambda form: form.cleaned_data["reason"],
}  # fmt: skip


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, session_id: UUID, name: str) -> HttpResponse:
    """One item of the checklist."""
    if name not in checklist_forms.CHECKS:
        raise Http404
    bed = bed_of(request, session_id)
    title, _ = checklist_forms.CHECKS[name]
    form = room_checklist.check_form(bed, name, request.POST or None)

    def keep() -> None:
        checklist_actions.check(
            by=bed.who, session_id=session_id, name=name, value=VALUE_OF[name](form),
            request_id=form.cleaned_data["request_id"],
        )  # fmt: skip

    is_for_going_home = name == "suicide_rescreened" and bed.session.started_at is not None
    return show_or_keep(
        request, bed, form, title, keep, end="/discharge" if is_for_going_home else "#checklist"
    )


@require_POST
def start(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The first dose, when every gate is passed."""
    bed = bed_of(request, session_id)
    form = entry_forms.Began(request.POST, zone=bed.zone, since=bed.session.arrived_at)
    if not form.is_valid():
        trouble = " ".join(str(one) for one in form.errors.get("at", ["Please press Start again."]))
        return room_page(request, bed, trouble=trouble, status=422, began=form)
    charted = bedside_values.charted(session_id, bed.within)
    try:
        giving_actions.start(
            by=bed.who, session_id=session_id, request_id=form.cleaned_data["request_id"],
            order_id=form.cleaned_data["order"],
            pressures=bedside_values.pressures(charted), saturation_at=_newest_by(charted, "spo2", form.when()),
            at=form.when(), rate_ml_per_h=form.cleaned_data["rate_ml_per_h"],
            rate_reason=form.cleaned_data["rate_reason"], sure_of_ml_per_h=form.cleaned_data["sure_of"],
        )  # fmt: skip
    except Refused as refused:
        numbered_anew(form, refused)
        if isinstance(refused, Unsure):
            filled_in(form, "sure_of", str(form.cleaned_data["rate_ml_per_h"]))
        again, status = bed_of(request, session_id), refusal_status(refused)
        return room_page(request, again, trouble=refused.reason, status=status, began=form)
    return redirect("room", session_id)


def _newest_by(charted: Sequence[bedside_values.Value], code: str, at: datetime | None) -> datetime | None:
    """When a quantity was measured last, by a time: a monitor goes on measuring after a dose begun some minutes ago."""
    by = at or timezone.now()
    return bedside_values.newest_at((one for one in charted if one.observed_at <= by), code)


urlpatterns: list[URLPattern] = [
    path(f"{ADDRESS}/check/<str:name>", check, name="room-check"),
    path(f"{ADDRESS}/start", start, name="room-start"),
]
