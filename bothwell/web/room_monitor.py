"""Which monitor stands at this bed: bound by a person who looked, and taken off by one.

No reading is taken for somebody whom nobody named.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.monitoring import binding_actions
from bothwell.monitoring.models import Device
from bothwell.refusal import Refused
from bothwell.web import bedside_forms
from bothwell.web.asking import uuid_or_404
from bothwell.web.room import room_page
from bothwell.web.room_bed import ADDRESS, bed_of, show_or_keep


@require_http_methods(["GET", "POST"])
def device(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Which monitor stands at this bed? Chosen first, then confirmed by the person's name."""
    bed = bed_of(request, session_id)
    devices = Device.objects.select_related("room").filter(is_retired=False).order_by("name")
    chosen = (
        get_object_or_404(devices, id=uuid_or_404(asked))
        if (asked := request.GET.get("device") or request.POST.get("device"))
        else None
    )
    form = bedside_forms.Bedside(request.POST or None, zone=bed.zone)

    def keep() -> None:
        if chosen is None:
            raise Refused("Choose a monitor first.")
        binding_actions.bind_device(
            by=bed.who, session=bed.session, device=chosen, request_id=form.cleaned_data["request_id"]
        )

    return show_or_keep(
        request, bed, form, "Which monitor stands at this bed?", keep, template="room/device.html",
        context=lambda: {"devices": list(devices), "chosen": chosen, "in_use": binding_actions.in_use()},
    )  # fmt: skip


@require_POST
def take_off(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The monitor is off this person."""
    bed = bed_of(request, session_id)
    try:
        binding_actions.unbind(by=bed.who, session=bed.session)
    except Refused as refused:
        return room_page(request, bed, trouble=refused.reason, status=422)
    return redirect("room", session_id)


urlpatterns: list[URLPattern] = [
    path(f"{ADDRESS}/device", device, name="room-device"),
    path(f"{ADDRESS}/device/off", take_off, name="room-take-off"),
]
