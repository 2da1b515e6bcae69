"""Where people are treated, and the monitors there.

It binds no monitor to a person, and removes none: one that leaves is retired.
"""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import OFFICE, Room
from bothwell.enrolment import clinic_actions
from bothwell.monitoring.models import Device
from bothwell.refusal import Refused
from bothwell.web.asking import require, uuid_or_404
from bothwell.web.clinic import clinic_page


class RoomForm(forms.Form):
    """A treatment room."""

    name = forms.CharField(label="Room", max_length=40)


class DeviceForm(forms.Form):
    """A bedside monitor."""

    identifier = forms.CharField(
        label="Identifier the monitor sends",
        max_length=80,
        help_text="In HL7 v2 the EUI-64 of OBX-18; in SDC urn:uuid:…, as bothwell listen-sdc --find names it.",
    )
    name = forms.CharField(label="What you call it", max_length=80, required=False)
    room = forms.ChoiceField(label="Room", required=False)

    def __init__(self, data: Any = None, *, rooms: list[Room]) -> None:
        super().__init__(data)
        self.rooms = {str(room.id): room for room in rooms}
        named = [(key, room.name) for key, room in self.rooms.items()]
        self.fields["room"].choices = [("", "No fixed room"), *named]  # type: ignore[attr-defined]

    def chosen(self) -> Room | None:
        """The room, if one was chosen."""
        return self.rooms.get(self.cleaned_data["room"])


@require_http_methods(["GET", "POST"])
def rooms(request: HttpRequest) -> HttpResponse:
    """Where people are treated, and the monitors there."""
    by = require(request, *OFFICE)
    known = list(Room.objects.order_by("name"))
    what = request.POST.get("do", "") if request.method == "POST" else ""
    room = RoomForm(request.POST if what == "room" else None, auto_id="id_room_%s")
    device = DeviceForm(request.POST if what == "device" else None, rooms=known)
    form = {"room": room, "device": device}.get(what)
    try:
        if what == "retire":
            clinic_actions.retire_device(by=by, device_id=uuid_or_404(request.POST.get("device", "")))
        elif what == "room" and room.is_valid():
            clinic_actions.add_room(by=by, name=room.cleaned_data["name"])
        elif what == "device" and device.is_valid():
            given = device.cleaned_data
            clinic_actions.add_device(
                by=by, identifier=given["identifier"], name=given["name"], room=device.chosen()
            )
        if what and (form is None or form.is_valid()):
            return redirect("clinic_rooms")
    except Refused as no:
        (form or room).add_error(None, no.reason)
    devices = Device.objects.select_related("room").order_by("is_retired", "name")
    return clinic_page(request, "rooms", {"rooms": known, "devices": devices, "room": room, "device": device})


urlpatterns: list[URLPattern] = [
    path("clinic/rooms", rooms, name="clinic_rooms"),
]
