"""The clinic lead's pages: setting up, staff, rooms, protocols, who saw what, and breaking the glass.

It shows nobody's record; where the lead must see one, it takes a written reason, an hour, and a line in the
log.
"""

from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib import messages
from django.core.validators import RegexValidator
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.crisis import lines_by_country, lines_for
from bothwell.couples.models import (
    Clinic,
    Couple,
    Credential,
    Membership,
    Person,
    PersonKind,
    Role,
    Room,
    StaffRole,
    open_at,
)
from bothwell.couples.pairing import OnFile
from bothwell.enrolment import actions
from bothwell.messaging import video
from bothwell.monitoring.models import Device
from bothwell.pathway.models import ProtocolVersion
from bothwell.pathway.protocol_actions import load_protocols, protocol_of, sign_protocol
from bothwell.privacy.actions import break_glass
from bothwell.privacy.models import AuditEntry, BreakGlass, User
from bothwell.refusal import Refused
from bothwell.web.access import in_words, stretch
from bothwell.web.asking import require
from bothwell.web.protocol_waves import named_wave, waves_in_words

LINES_OF_THE_LOG = 50


# ------------------------------------------------------------------------------------------------- setting up


@dataclass(frozen=True)
class SetUpStep:
    """One thing a new clinic does once."""

    words: str
    href: str
    is_done: bool
    is_here: bool


def _steps(clinic: Clinic, here: str) -> list[SetUpStep]:
    """What is done and what is left; empty once the clinic is set up."""
    if clinic.set_up_at:
        return []
    staff = Person.objects.filter(kind=PersonKind.STAFF).count() > 1
    signed = ProtocolVersion.objects.filter(signed_at__isnull=False).exists()
    return [
        SetUpStep(
            "The clinic and its crisis lines", "/clinic/details", bool(clinic.crisis_lines), here == "details"
        ),
        SetUpStep("The first colleagues", "/clinic/staff", staff, here == "staff"),
        SetUpStep("Rooms and monitors", "/clinic/rooms", Room.objects.exists(), here == "rooms"),
        SetUpStep("The treatment protocol", "/clinic/protocols", signed, here == "protocols"),
    ]


def _page(request: HttpRequest, here: str, context: dict[str, Any]) -> HttpResponse:
    """One page of the lead's, with the steps of setting up beside it while they last."""
    steps = _steps(request.viewer.clinic, here)  # type: ignore[attr-defined]
    refused = request.method == "POST"
    return render(request, f"clinic/{here}.html", {"steps": steps, **context}, status=422 if refused else 200)


@require_GET
def clinic(request: HttpRequest) -> HttpResponse:
    """Where to go; before the clinic is set up, what is left to do."""
    by = require(request, Role.LEAD)
    steps = _steps(by.clinic, "")
    glasses = BreakGlass.objects.select_related("author", "subject").order_by("-recorded_at")[:5]
    context = {"steps": steps, "glasses": glasses, "now": timezone.now(), "clinic": by.clinic}
    return render(request, "clinic/page.html", context)


@require_POST
def finish(request: HttpRequest) -> HttpResponse:
    """The clinic is set up."""
    by = require(request, Role.LEAD)
    try:
        actions.finish_set_up(by=by)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, "The clinic is set up.")
    return redirect("clinic")


# Slips of the hand, not weather: from above the highest town to below the sea.
AIR_MMHG = (400, 820)


class ClinicForm(forms.Form):
    """The clinic itself."""

    name = forms.CharField(label="Name of the clinic", max_length=200)
    timezone_name = forms.ChoiceField(
        label="Time zone", choices=[(z, z) for z in sorted(available_timezones())]
    )
    country = forms.CharField(
        label="Country, two letters",
        max_length=2,
        validators=[RegexValidator(r"^[A-Za-z]{2}$", "Two letters, for instance US.")],
    )
    ambient_pressure_mmhg = forms.IntegerField(
        label="Air pressure here, in mmHg",
        min_value=AIR_MMHG[0],
        max_value=AIR_MMHG[1],
        required=False,
        help_text="Only if a monitor tells carbon dioxide in per cent: those values become mmHg by it. About 760 at the "
        "sea, 630 at 1,600 m. Empty: such values are refused.",
    )
    video_link = forms.CharField(
        label="Address of your video provider",
        max_length=300,
        required=False,
        help_text="For meetings by video, at your own provider: https://video.example.org/{room}. Each meeting puts a "
        "name nobody can guess in the place of {room}. Empty: no video.",
    )

    def clean_video_link(self) -> str:
        link = str(self.cleaned_data["video_link"]).strip()
        if not (answer := video.check(link)):
            raise forms.ValidationError(answer.reason)
        return link


class CrisisLineForm(forms.Form):
    """Somebody to call. The link is made from the number alone, and every line shown is one the clinic confirmed."""

    label = forms.CharField(label="Who answers", max_length=80, required=False)
    number = forms.CharField(
        label="Number",
        max_length=40,
        required=False,
        validators=[RegexValidator(r"^[0-9+*#][0-9 ()+*#./-]*$", "A telephone number, for instance 988.")],
    )

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        for empty, other in (("label", "number"), ("number", "label")):
            if empty in given and not given[empty] and (given.get(other) or other in self.errors):
                self.add_error(empty, "Say who answers and under which number, or leave both empty.")
        return given

    def line(self) -> dict[str, str] | None:
        """`{label, number, href}`, or None when left empty."""
        given = self.cleaned_data
        if not given.get("number"):
            return None
        dialled = "".join(sign for sign in given["number"] if sign in "0123456789+*#")
        return {"label": given["label"], "number": given["number"], "href": f"tel:{dialled}"}


CrisisLines = forms.formset_factory(CrisisLineForm, extra=0, max_num=8, validate_max=True)


@require_http_methods(["GET", "POST"])
def details(request: HttpRequest) -> HttpResponse:
    """Name, time zone, and whom a partner can call in a crisis."""
    by = require(request, Role.LEAD)
    known = by.clinic
    data = request.POST if request.method == "POST" else None
    asked = request.GET.get("lines", "")[:2].upper()
    initial = {
        "name": known.name,
        "timezone_name": known.timezone,
        "country": asked or known.country,
        "ambient_pressure_mmhg": known.ambient_pressure_mmhg,
        "video_link": known.video_link,
    }
    form = ClinicForm(data, initial=initial)
    is_asked = bool(asked) or not known.crisis_lines
    offered = [line.shown() for line in lines_for(asked or known.country)] if is_asked else []
    # What is sent stands by itself: held against what stood there, an unchanged line would count as left empty.
    shown = None if data is not None else [*(offered or known.crisis_lines)[:6], {}, {}]
    lines = CrisisLines(data, initial=shown, prefix="line")
    if data is not None and form.is_valid() and lines.is_valid():
        given = {**form.cleaned_data, "country": form.cleaned_data["country"].upper()}
        kept = [line for f in lines if (line := f.line())]
        try:
            _must_be_confirmed(kept, known, data)
            actions.set_up_clinic(by=by, crisis_lines=kept, **given)
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, "Saved.")
            return redirect("clinic" if known.set_up_at else "clinic_staff")
    context = {
        "form": form,
        "lines": lines,
        "are_offered": bool(offered),
        "on_file": lines_for(asked or known.country),
        "countries": sorted(lines_by_country()),
        "country": asked or known.country,
    }
    return _page(request, "details", context)


def _must_be_confirmed(lines: list[dict[str, str]], known: Clinic, data: QueryDict) -> None:
    """Raises Refused for a line that is new here and that nobody says they have confirmed."""
    kept = {(line["label"], line["number"]) for line in known.crisis_lines}
    if {(line["label"], line["number"]) for line in lines} - kept and data.get("confirmed") != "on":
        raise Refused("Call or look up each new line first, then say so below: numbers and hours change.")


# ------------------------------------------------------------------------------------------------------ staff


class StaffForm(forms.Form):
    """A colleague who joins."""

    name_used = forms.CharField(label="Name they use", max_length=120)
    title = forms.CharField(
        label="Title, as they sign", max_length=80, required=False, help_text="MD, RN, LMFT"
    )
    email = forms.EmailField(
        label="E-mail address", required=False, help_text="Empty: hand the link over yourself."
    )
    roles = forms.MultipleChoiceField(
        label="Roles", choices=Role.choices, widget=forms.CheckboxSelectMultiple
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def staff(request: HttpRequest) -> HttpResponse:
    """Everyone who works here, with roles, credentials and login; and a form for the next."""
    by = require(request, Role.LEAD)
    form = StaffForm(request.POST if request.method == "POST" else None, initial={"request_id": uuid4()})
    if request.method == "POST" and form.is_valid():
        given = {**form.cleaned_data, "roles": [Role(role) for role in form.cleaned_data["roles"]]}
        try:
            joined = actions.add_staff(by=by, **given)
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, "Added. Hand over the link below.")
            return redirect("clinic_colleague", person_id=joined.id)
    logins = set(User.objects.values_list("person_id", flat=True))
    people = [
        {
            "person": person,
            "roles": [row.get_role_display() for row in person.staff_roles.all()],
            "credentials": [_on_file(row) for row in person.credentials.all()],
            "has_login": person.id in logins,
        }
        for person in _colleagues()
    ]
    return _page(request, "staff", {"people": people, "form": form})


def _colleagues() -> QuerySet[Person]:
    held = StaffRole.objects.filter(open_at(timezone.now())).order_by("role")
    filed = Credential.objects.order_by("kind", "-filed_at")
    return (
        Person.objects.filter(kind=PersonKind.STAFF)
        .order_by("name_used", "id")
        .prefetch_related(Prefetch("staff_roles", held), Prefetch("credentials", filed))
    )


def _on_file(row: Credential) -> dict[str, Any]:
    is_valid = OnFile(row.kind, row.expires_on).is_valid(timezone.localdate())
    return {
        "kind": row.get_kind_display(),
        "reference": row.reference,
        "until": row.expires_on,
        "is_valid": is_valid,
    }


class RoleForm(forms.Form):
    """One more role."""

    role = forms.ChoiceField(label="Role", choices=Role.choices)


class CredentialForm(forms.Form):
    """A licence or certificate."""

    kind = forms.ChoiceField(label="What", choices=Credential.Kind.choices)
    reference = forms.CharField(label="Number, course or certificate", max_length=120)
    expires_on = forms.DateField(
        label="Valid until", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def colleague(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """One colleague: link, roles, credentials."""
    by = require(request, Role.LEAD)
    person = get_object_or_404(_colleagues(), id=person_id)
    what = request.POST.get("do", "") if request.method == "POST" else ""
    role = RoleForm(request.POST if what == "role" else None)
    credential = CredentialForm(
        request.POST if what == "credential" else None, initial={"request_id": uuid4()}
    )
    refused = ""
    if what:
        try:
            if _changed(by, person, what, request, role, credential):
                return redirect("clinic_colleague", person_id=person_id)
        except Refused as no:
            refused = no.reason
    invitation = None if (has_login := actions.has_login(person)) else _newest(person)
    context = {
        "person": person,
        "roles": person.staff_roles.all(),
        "credentials": [_on_file(row) for row in person.credentials.all()],
        "role": role,
        "credential": credential,
        "has_login": has_login,
        "invitation": invitation,
        "address": actions.address_of(invitation) if invitation else "",
        "refused": refused,
    }
    return _page(request, "colleague", context)


def _newest(person: Person) -> Any:
    invitation = actions.newest_invitations([person.id]).get(person.id)
    return invitation if invitation and invitation.expires_at > timezone.now() else None


def _changed(
    by: Person, person: Person, what: str, request: HttpRequest, role: RoleForm, credential: CredentialForm
) -> bool:
    """Whether what was asked for was done; if not, a form says why.

    Raises Refused, Http404 for anything unknown.
    """
    match what:
        case "invite":
            actions.invite(by=by, person=person)
        case "role" if role.is_valid():
            actions.add_staff_role(by=by, person=person, role=Role(role.cleaned_data["role"]))
        case "end":
            actions.end_staff_role(by=by, role_id=_uuid(request.POST.get("role", "")))
        case "credential" if credential.is_valid():
            given = {**credential.cleaned_data, "kind": Credential.Kind(credential.cleaned_data["kind"])}
            actions.file_credential(by=by, person=person, **given)
        case "role" | "credential":
            return False
        case _:
            raise Http404
    return True


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404 from error


# ----------------------------------------------------------------------------------------- rooms and monitors


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
    by = require(request, Role.LEAD, Role.COORDINATOR)
    known = list(Room.objects.order_by("name"))
    what = request.POST.get("do", "") if request.method == "POST" else ""
    room = RoomForm(request.POST if what == "room" else None, auto_id="id_room_%s")
    device = DeviceForm(request.POST if what == "device" else None, rooms=known)
    form = {"room": room, "device": device}.get(what)
    try:
        if what == "retire":
            actions.retire_device(by=by, device_id=_uuid(request.POST.get("device", "")))
        elif what == "room" and room.is_valid():
            actions.add_room(by=by, name=room.cleaned_data["name"])
        elif what == "device" and device.is_valid():
            given = device.cleaned_data
            actions.add_device(
                by=by, identifier=given["identifier"], name=given["name"], room=device.chosen()
            )
        if what and (form is None or form.is_valid()):
            return redirect("clinic_rooms")
    except Refused as no:
        (form or room).add_error(None, no.reason)
    devices = Device.objects.select_related("room").order_by("is_retired", "name")
    return _page(request, "rooms", {"rooms": known, "devices": devices, "room": room, "device": device})


# -------------------------------------------------------------------------------------------------- protocols


@require_http_methods(["GET", "POST"])
def protocols(request: HttpRequest) -> HttpResponse:
    """Every protocol version of the clinic; those that ship with Bothwell are loaded here."""
    by = require(request, Role.LEAD)
    if request.method == "POST":
        load_protocols(by=by)
        return redirect("clinic_protocols")
    versions = ProtocolVersion.objects.select_related("signed_by").order_by("-loaded_at", "name")
    return _page(request, "protocols", {"versions": versions})


class SignForm(forms.Form):
    """The signature under one version."""

    has_read = forms.BooleanField(
        label="I have read every number that is to be confirmed, and confirm them for our clinic"
    )
    signed_name = forms.CharField(label="Your name, as a signature", max_length=120)


@require_http_methods(["GET", "POST"])
def protocol(request: HttpRequest, protocol_id: UUID) -> HttpResponse:
    """One version: every number a medical director must confirm, with its source; and the signature."""
    by = require(request, Role.LEAD)
    version = get_object_or_404(ProtocolVersion.objects.select_related("signed_by"), id=protocol_id)
    form = SignForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            sign_protocol(by=by, protocol_id=version.id, signed_name=form.cleaned_data["signed_name"])
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, "Signed. New courses begin under this version.")
            return redirect("clinic_protocol", protocol_id=version.id)
    rules = protocol_of(version)
    unconfirmed = [
        (_field_words(named_wave(rules, name)), value, source) for name, value, source in rules.unconfirmed()
    ]
    context = {"version": version, "rules": rules, "unconfirmed": unconfirmed, "form": form}
    context["waves"] = waves_in_words(rules, by.clinic_id)
    context["published"] = len(rules.sourced()) - len(unconfirmed)
    return _page(request, "protocol", context)


def _field_words(name: str) -> str:
    return name.replace(".", " › ").replace("_", " ")


# ---------------------------------------------------------------------------------------------------- the log


class LogForm(forms.Form):
    """What to look for in the log."""

    name = forms.CharField(label="Whose record", max_length=60, required=False)
    staff = forms.ChoiceField(label="Who did it", required=False)
    action = forms.ChoiceField(label="What", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any, *, staff: list[Person], named: list[str]) -> None:
        super().__init__(data)
        people = [(str(person.id), person.signs_as) for person in staff]
        self.fields["staff"].choices = [("", "Anybody"), *people]  # type: ignore[attr-defined]
        self.fields["action"].choices = [("", "Anything"), *((one, one) for one in named)]  # type: ignore[attr-defined]

    def narrow(self, entries: QuerySet[AuditEntry], zone: ZoneInfo) -> QuerySet[AuditEntry]:
        """The entries that fit; days are those of the clinic's clock."""
        given = self.cleaned_data
        if given["name"]:
            entries = entries.filter(subject__name_used__icontains=given["name"])
        if given["staff"]:
            entries = entries.filter(actor_id=given["staff"])
        if given["action"]:
            entries = entries.filter(action=given["action"])
        if given["since"]:
            entries = entries.filter(at__gte=datetime.combine(given["since"], time.min, zone))
        if given["until"]:
            entries = entries.filter(at__lte=datetime.combine(given["until"], time.max, zone))
        return entries


@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """Who saw or did what, to whom, when and why; the safety circle's own lines stay with it."""
    by = require(request, Role.LEAD)
    colleagues = list(Person.objects.filter(kind=PersonKind.STAFF).order_by("name_used"))
    named = list(AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()[:100])
    form = LogForm(request.GET, staff=colleagues, named=named)
    entries = AuditEntry.objects.filter(sealed=False)
    entries = form.narrow(entries, ZoneInfo(by.clinic.timezone)) if form.is_valid() else entries.none()
    page = stretch(entries, request.GET.get("before", "")[:100], LINES_OF_THE_LOG)
    kept = {key: str(value) for key, value in request.GET.items() if key != "before" and value}
    context = {
        "form": form,
        "lines": in_words(page.entries, by),
        "older": urlencode({**kept, "before": page.older}) if page.older else "",
        "kept": urlencode(kept),
    }
    return render(request, "clinic/log.html", context, status=422 if form.errors else 200)


# ----------------------------------------------------------------------------------------- breaking the glass


class GlassForm(forms.Form):
    """Whose record, and why."""

    whose = forms.ChoiceField(label="Whose record")
    reason = forms.CharField(
        label="Why",
        max_length=300,
        help_text="In a sentence. It stands in the person's own log, and in the clinic's.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(
        self, data: Any = None, *, people: list[Person], couples: dict[UUID, str], initial: Any = None
    ) -> None:
        super().__init__(data, initial=initial)
        self.people = {f"person:{person.id}": person for person in people}
        self.couples = {f"couple:{key}": key for key in couples}
        each = [(key, person.name_used) for key, person in self.people.items()]
        both = [(key, couples[couple]) for key, couple in self.couples.items()]
        choices = [("", "Choose"), ("One person", each), ("A couple", both)]
        self.fields["whose"].choices = choices  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def glass(request: HttpRequest) -> HttpResponse:
    """One hour of access to one record, for a written reason, in sight of everyone it concerns."""
    by = require(request, Role.LEAD, Role.COUPLES_THERAPIST)
    people = list(Person.objects.filter(kind=PersonKind.PARTNER).order_by("name_used"))
    form = GlassForm(
        request.POST if request.method == "POST" else None,
        people=people,
        couples=_couples(),
        initial={"whose": request.GET.get("whose", "")[:50]},
    )
    if request.method == "POST" and form.is_valid():
        whose = form.cleaned_data["whose"]
        couple = Couple.objects.filter(id=form.couples[whose]).first() if whose in form.couples else None
        try:
            opened = break_glass(
                by=by, reason=form.cleaned_data["reason"], subject=form.people.get(whose), couple=couple
            )
        except Refused as no:
            form.add_error("reason", no.reason)
        else:
            until = timezone.localtime(opened.expires_at, ZoneInfo(by.clinic.timezone))
            messages.success(request, f"Open to you until {until:%H:%M}. It stands in their own log.")
            return (
                redirect("couple_admin", couple.id) if couple else redirect("person", form.people[whose].id)
            )
    mine = BreakGlass.objects.filter(author=by, expires_at__gt=timezone.now()).select_related("subject")
    return render(
        request, "clinic/glass.html", {"form": form, "open": mine}, status=422 if form.errors else 200
    )


def _couples() -> dict[UUID, str]:
    """Couples the viewer may know of, by the names of the two."""
    members = (
        Membership.objects.filter(Q(couple__parted_at__isnull=True)).select_related("person").order_by("side")
    )
    named: dict[UUID, list[str]] = {}
    for member in members:
        named.setdefault(member.couple_id, []).append(member.person.name_used)
    return {key: " and ".join(names) for key, names in sorted(named.items(), key=lambda item: item[1])}


urlpatterns = [
    path("clinic", clinic, name="clinic"),
    path("clinic/finish", finish, name="clinic_finish"),
    path("clinic/details", details, name="clinic_details"),
    path("clinic/staff", staff, name="clinic_staff"),
    path("clinic/staff/<uuid:person_id>", colleague, name="clinic_colleague"),
    path("clinic/rooms", rooms, name="clinic_rooms"),
    path("clinic/protocols", protocols, name="clinic_protocols"),
    path("clinic/protocols/<uuid:protocol_id>", protocol, name="clinic_protocol"),
    path("clinic/log", log, name="clinic_log"),
    path("clinic/break-glass", glass, name="clinic_glass"),
]
