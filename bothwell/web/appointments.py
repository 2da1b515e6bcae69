"""Appointments: when am I where? A partner's own list and calendar; for staff their day, and making one for a person.

A partner finds their own meetings and the couple's, never the other's.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import OFFICE, Membership, Person, Role
from bothwell.messaging import appointment_actions as actions
from bothwell.messaging import booking, feed_actions
from bothwell.messaging import coming_actions as coming
from bothwell.messaging.booking import Span
from bothwell.messaging.coming_actions import Entry
from bothwell.messaging.models import Appointment
from bothwell.messaging.threads import CARE_ROLES
from bothwell.refusal import Refused, Stale
from bothwell.web.around import local_now, nearby, zone_of
from bothwell.web.asking import by_script, require, require_partner, told, viewer
from bothwell.web.calendar import has_proved_again
from bothwell.web.couple_asking import LOCAL, DayAndTime
from bothwell.web.drafts import carry
from bothwell.web.nav import roles_of
from bothwell.web.people import frame_of

AHEAD = timedelta(days=400)
LATELY = timedelta(days=2)
BOOKS = OFFICE | {Role.PRESCRIBER, Role.NURSE, Role.INDIVIDUAL_THERAPIST}
HAS_A_DAY = BOOKS | {Role.COUPLES_THERAPIST}
HERE = "appointments"


# --------------------------------------------------------------------------------------------- a partner


def ahead(who: Person) -> list[dict[str, Any]]:
    """A partner's own meetings from now on, each with the way into its video room while that is open."""
    now = timezone.now()
    entries = coming.own(who, Span(now - timedelta(minutes=1), now + AHEAD))
    return [_line(who, each, entries, now) for each in entries if not each.is_cancelled or each.at > now]


def _line(who: Person, entry: Entry, others: list[Entry], now: datetime) -> dict[str, Any]:
    stands = [each for each in others if not each.is_cancelled and each.id != entry.id]
    return {
        "entry": entry,
        "video": coming.video_address(entry, who.clinic.video_link, now),
        "clashes": not entry.is_cancelled and not booking.is_free(entry.span, (one.span for one in stands)),
    }


@require_http_methods(["GET"])
def appointments(request: HttpRequest) -> HttpResponse:
    """What lies ahead for a partner; for staff their day."""
    who = viewer(request)
    if who.is_staff_member:
        return _day(request, require(request, *HAS_A_DAY))
    return _own(request, who)


def _own(request: HttpRequest, who: Person, **more: Any) -> HttpResponse:
    around = nearby(who)
    context = {
        "lines": ahead(who),
        "nearby": around,
        "feed": feed_actions.feed_of(who),
        "request_id": uuid4(),
        **more,
    }
    if by_script(request):
        return render(request, "appointments/page.html#living", context)
    return render(request, "appointments/page.html", context)


@require_POST
def make_feed(request: HttpRequest) -> HttpResponse:
    """A new address for one's calendar, shown this once, and only to whoever has just shown that it is still them."""
    who = require_partner(request)
    form = RequestForm(request.POST)
    if not form.is_valid():
        return redirect("appointments")
    if not has_proved_again(request):
        messages.info(request, "After this, press once more: then the address is shown.")
        return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': reverse('appointments')})}")
    try:
        made = feed_actions.make(by=who, request_id=form.cleaned_data["request_id"])
    except Refused as refused:
        messages.warning(request, refused.reason)
        return redirect("appointments")
    if not made.secret:
        messages.info(request, "The address was shown once. Make a new one if you did not keep it.")
        return redirect("appointments")
    address = f"{settings.SITE_ADDRESS.rstrip('/')}/calendar/{made.secret}.ics"
    return _own(request, who, address=address)


@require_POST
def end_feed(request: HttpRequest) -> HttpResponse:
    """From now on nothing is found under the address."""
    who = require_partner(request)
    feed_actions.end(by=who)
    messages.success(request, "Ended. Nothing is found under that address any more.")
    return redirect("appointments")


class RequestForm(forms.Form):
    """The number of a post, so that it is done once."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)


# ------------------------------------------------------------------------------------------------ staff


def _day(request: HttpRequest, who: Person) -> HttpResponse:
    today = local_now(who).date()
    day = _date(request.GET.get("day", "")) or today
    span, now = booking.day_of(day, zone_of(who)), timezone.now()
    is_office = bool(roles_of(who) & OFFICE)
    entries = {each.id: each for each in coming.of_staff(who, span)}
    if is_office:
        entries |= {each.id: each for each in coming.in_the_clinic(span)}
    couples = _couples([each.couple for each in entries.values() if each.couple])
    lines = [
        {
            "entry": each,
            "names": couples.get(each.couple, []) if each.couple else [],
            "video": coming.video_address(each, who.clinic.video_link, now) if _is_of(who, each) else "",
            "is_mine": _is_of(who, each),
        }
        for each in sorted(entries.values(), key=lambda one: (one.at, one.id))
    ]
    context = {
        "day": day,
        "today": today,
        "before": day - timedelta(days=1) if day > date.min else None,
        "after": day + timedelta(days=1) if day < date.max else None,
        "lines": lines,
        "is_office": is_office,
    }
    if by_script(request):
        return render(request, "appointments/day.html#living", context)
    return render(request, "appointments/day.html", context)


def _is_of(who: Person, entry: Entry) -> bool:
    """Whether staff are one of those who meet. A couples session is only on the list of its own therapist."""
    return entry.staff is None or entry.staff.id == who.id


def _couples(ids: list[UUID]) -> dict[UUID, list[tuple[str, str]]]:
    found: dict[UUID, list[tuple[str, str]]] = {}
    for row in Membership.objects.select_related("person").filter(couple_id__in=ids).order_by("side"):
        found.setdefault(row.couple_id, []).append((row.side, row.person.name_used))
    return found


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 2000 <= found.year < 2200 else None


class Start(DayAndTime):
    """A day and a time that is there on the clinic's clock, and only once."""

    def to_python(self, value: Any) -> datetime | None:
        """The moment; raises ValidationError in words somebody can act on."""
        try:
            return super().to_python(value)
        except forms.ValidationError as error:
            if error.code != "ambiguous_timezone":
                raise
            raise forms.ValidationError(
                "The clocks change at that hour: this time is not there, or there twice. Choose another."
            ) from error


class AppointmentForm(forms.Form):
    """When, with whom, what for, and where."""

    staff = forms.ChoiceField(label="With", error_messages={"required": "Choose with whom."})
    kind = forms.ChoiceField(label="What for", choices=Appointment.Kind.choices)
    at = Start(label="When", error_messages={"required": "Choose a day and a time."})
    minutes = forms.IntegerField(
        label="How long", min_value=booking.SHORTEST, max_value=booking.LONGEST, initial=50
    )
    place = forms.CharField(label="Where", max_length=80, required=False)
    is_video = forms.BooleanField(label="By video", required=False)
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    was = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(self, *given: Any, staff: list[Person], has_video: bool, **kept: Any) -> None:
        super().__init__(*given, **kept)
        choice: Any = self.fields["staff"]
        choice.choices = [(str(one.id), one.signs_as) for one in staff]
        if not has_video:
            del self.fields["is_video"]


def _values(form: AppointmentForm) -> dict[str, Any]:
    given = form.cleaned_data
    return {
        "at": given["at"],
        "minutes": given["minutes"],
        "place": given["place"],
        "is_video": given.get("is_video", False),
    }


@require_http_methods(["GET", "POST"])
def of_person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """One person's appointments, and a form for the next."""
    by = require(request, *BOOKS)
    _must_see(by, person_id)
    by, frame = frame_of(request, person_id, HERE)
    staff = actions.with_whom(by, frame.person)
    form = AppointmentForm(
        request.POST if request.method == "POST" else None,
        staff=staff,
        has_video=bool(by.clinic.video_link),
    )
    if request.method == "POST" and form.is_valid() and _made(by, frame.person, form):
        messages.success(request, "Made. It stands on their list.")
        return redirect("person-appointments", person_id=person_id)
    now = timezone.now()
    rows = list(
        Appointment.objects.select_related("staff")
        .filter(subject=frame.person, at__gte=now - LATELY)
        .order_by("at", "id")
    )
    lines = [
        {
            "row": row,
            "may_change": actions.may_change(by, row),
            "video": coming.video_address(coming.entry_of(row), by.clinic.video_link, now)
            if row.staff_id == by.id
            else "",
        }
        for row in rows
    ]
    context = {"frame": frame, "form": form, "staff": staff, "lines": lines}
    return render(request, "appointments/person.html", context, status=422 if form.is_bound else 200)


def _must_see(by: Person, person_id: UUID) -> None:
    """404 for staff who see no appointment of this person: the roles are those of `circles.py`."""
    if roles_of(by) & OFFICE:
        return
    held = coming.assigned(by).filter(subject_id=person_id, role__in=CARE_ROLES)
    if not held.exists():
        raise Http404


def _made(by: Person, person: Person, form: AppointmentForm) -> bool:
    given = form.cleaned_data
    try:
        actions.make(
            by=by,
            person=person,
            staff_id=UUID(given["staff"]),
            kind=Appointment.Kind(given["kind"]),
            request_id=given["request_id"],
            **_values(form),
        )
    except Refused as refused:
        told(form, refused)
        return False
    return True


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, person_id: UUID, appointment_id: UUID) -> HttpResponse:
    """Another time or place for one appointment, or its end."""
    by = require(request, *BOOKS)
    _must_see(by, person_id)
    row = get_object_or_404(
        Appointment.objects.select_related("staff"), id=appointment_id, subject_id=person_id
    )
    by, frame = frame_of(request, person_id, HERE)
    if not actions.may_change(by, row):
        return redirect("person-appointments", person_id=person_id)
    if request.POST.get("do") == "cancel":
        return _cancelled(request, by, row)
    initial = {
        "was": actions.as_seen(row),
        "at": timezone.localtime(row.at).strftime(LOCAL),
        "minutes": row.minutes,
        "place": row.place,
        "is_video": row.is_video,
        "kind": row.kind,
        "staff": str(row.staff_id),
    }
    form = AppointmentForm(
        request.POST if request.method == "POST" else None,
        staff=[row.staff],
        has_video=bool(by.clinic.video_link),
        initial=initial,
    )
    for name in ("staff", "kind"):
        form.fields[name].disabled = True
    if request.method == "POST" and form.is_valid() and _moved(by, row, form):
        messages.success(request, "Moved.")
        return redirect("person-appointments", person_id=person_id)
    row.refresh_from_db()
    if form.is_bound:
        carry(form, was=actions.as_seen(row))
    context = {"frame": frame, "form": form, "row": row, "was": actions.as_seen(row)}
    return render(request, "appointments/change.html", context, status=422 if form.is_bound else 200)


def _cancelled(request: HttpRequest, by: Person, row: Appointment) -> HttpResponse:
    try:
        actions.cancel(by=by, appointment_id=row.id, was=request.POST.get("was", ""))
    except Stale as stale:
        messages.warning(request, stale.reason)
        return redirect(request.path)
    except Refused as refused:
        messages.warning(request, refused.reason)
    else:
        messages.success(request, "Cancelled. It stays on their list as cancelled.")
    return redirect("person-appointments", person_id=row.subject_id)


def _moved(by: Person, row: Appointment, form: AppointmentForm) -> bool:
    try:
        actions.move(by=by, appointment_id=row.id, was=form.cleaned_data["was"], **_values(form))
    except Refused as refused:
        told(form, refused)
        return False
    return True


urlpatterns: list[URLPattern] = [
    path("appointments", appointments, name="appointments"),
    path("appointments/calendar", make_feed, name="calendar-make"),
    path("appointments/calendar/end", end_feed, name="calendar-end"),
    path("people/<uuid:person_id>/appointments", of_person, name="person-appointments"),
    path(
        "people/<uuid:person_id>/appointments/<uuid:appointment_id>", change, name="person-appointment-change"
    ),
]
