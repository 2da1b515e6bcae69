"""Where people are treated, and the monitors there.

It binds no monitor to a person, and removes none: one that leaves is retired, and can be used again.
"""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import OFFICE, Person, Room
from bothwell.enrolment import clinic_actions, monitor_names
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
        error_messages={"max_length": "An identifier has up to 80 characters. Copy it from the monitor."},
        help_text="In HL7 v2 the EUI-64 of OBX-18; in SDC urn:uuid:…, as bothwell listen-sdc --find names it.",
    )
    name = forms.CharField(label="What you call it", max_length=80, required=False)
    room = forms.ChoiceField(label="Room", required=False)

    def clean_identifier(self) -> str:
        identifier = monitor_names.as_sent(self.cleaned_data["identifier"])
        if not (answer := monitor_names.can_be_sent(identifier)):
            raise forms.ValidationError(answer.reason)
        return identifier

    def __init__(self, data: Any = None, *, rooms: list[Room]) -> None:
        super().__init__(data)
        self.rooms = {str(room.id): room for room in rooms}
        named = [(key, room.name) for key, room in self.rooms.items()]
        self.fields["room"].choices = [("", "No fixed room"), *named]  # type: ignore[attr-defined]

    def chosen(self) -> Room | None:
        """The room, if one was chosen."""
        return self.rooms.get(self.cleaned_data["room"])


class KnownDeviceForm(DeviceForm):
    """One that is here already: what it is called and where it stands. Its identifier stays."""

    def __init__(self, data: Any = None, *, known: Device, rooms: list[Room]) -> None:
        super().__init__(data, rooms=rooms)
        del self.fields["identifier"]
        self.auto_id = f"id_{known.id}_%s"
        self.initial = {"name": known.name, "room": str(known.room_id or "")}


@dataclass(frozen=True)
class Known:
    """A row that stands in a list, with the form that changes it; `is_open` where that was refused."""

    row: Any
    form: forms.Form
    is_open: bool


@require_http_methods(["GET", "POST"])
def rooms(request: HttpRequest) -> HttpResponse:
    """Where people are treated, and the monitors there."""
    by = require(request, *OFFICE)
    what, about = (request.POST.get(name, "") if request.method == "POST" else "" for name in ("do", "about"))
    known = list(Room.objects.order_by("name"))
    devices = list(Device.objects.select_related("room").order_by("is_retired", "name"))
    room = RoomForm(request.POST if what == "room" else None, auto_id="id_room_%s")
    device = DeviceForm(request.POST if what == "device" else None, rooms=known)
    known_rooms = [
        _known_room(each, request.POST if (what, about) == ("rename", str(each.id)) else None)
        for each in known
    ]
    known_devices = [
        _known_device(each, known, request.POST if (what, about) == ("change", str(each.id)) else None)
        for each in devices
    ]
    meant = next((each.form for each in (*known_rooms, *known_devices) if each.is_open), None)
    form = {"room": room, "device": device}.get(what, meant)
    if what in ("rename", "change") and meant is None:
        raise Http404
    try:
        if form is None or form.is_valid():
            _keep(by, what, about, form)
            if what:
                return redirect("clinic_rooms")
    except Refused as no:
        (form or room).add_error(None, no.reason)
    shown = {"rooms": known_rooms, "devices": known_devices, "room": room, "device": device}
    return clinic_page(request, "rooms", shown)


def _known_room(row: Room, data: Any) -> Known:
    form = RoomForm(data, auto_id=f"id_{row.id}_%s", initial={"name": row.name})
    return Known(row, form, data is not None)


def _known_device(row: Device, rooms: list[Room], data: Any) -> Known:
    return Known(row, KnownDeviceForm(data, known=row, rooms=rooms), data is not None)


def _keep(by: Person, what: str, about: str, form: forms.Form | None) -> None:
    given = form.cleaned_data if form else {}
    match what, form:
        case "room", _:
            clinic_actions.add_room(by=by, name=given["name"])
        case "rename", _:
            clinic_actions.rename_room(by=by, room_id=uuid_or_404(about), name=given["name"])
        case "device", DeviceForm():
            clinic_actions.add_device(
                by=by, identifier=given["identifier"], name=given["name"], room=form.chosen()
            )
        case "change", KnownDeviceForm():
            clinic_actions.change_device(
                by=by, device_id=uuid_or_404(about), name=given["name"], room=form.chosen()
            )
        case "retire", _:
            clinic_actions.retire_device(by=by, device_id=uuid_or_404(about))
        case "again", _:
            clinic_actions.take_up_device(by=by, device_id=uuid_or_404(about))


urlpatterns: list[URLPattern] = [
    path("clinic/rooms", rooms, name="clinic_rooms"),
]
