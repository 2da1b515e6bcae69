"""What is entered at the bed: what was measured or seen, what was given, what it did, and a right value for a wrong one.

Nothing is written over: what was wrong stays in the record beside what is right.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.codes import BY_CODE
from bothwell.dosing import giving_actions
from bothwell.dosing.models import Administration
from bothwell.monitoring import entry_actions
from bothwell.monitoring.artefact_actions import mark_artefact
from bothwell.monitoring.models import Sample
from bothwell.monitoring.vitals import format_value
from bothwell.refusal import Refused, Unsure
from bothwell.web import entry_forms, room_dose
from bothwell.web.asking import filled_in
from bothwell.web.room_bed import ADDRESS, bed_of, show_or_keep


@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest, session_id: UUID, what: str) -> HttpResponse:
    """What was measured or seen."""
    if what not in entry_forms.ENTRIES:
        raise Http404
    bed = bed_of(request, session_id)
    title, parts = entry_forms.ENTRIES[what]
    form = entry_forms.Readings(
        request.POST or None, zone=bed.zone, since=bed.session.arrived_at, parts=parts
    )

    def keep() -> None:
        entry_actions.enter(
            by=bed.who, session=bed.session, readings=form.readings,
            request_id=form.cleaned_data["request_id"], observed_at=form.when(),
            wanted=form.is_wanted, body_site=form.body_site, note=form.cleaned_data.get("note", ""), detail=form.made,
        )  # fmt: skip

    return show_or_keep(request, bed, form, title, keep)


@require_http_methods(["GET", "POST"])
def medicine(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Something given beside the dose."""
    bed = bed_of(request, session_id)
    form = entry_forms.Medicine(request.POST or None, zone=bed.zone, since=bed.session.arrived_at)

    def keep() -> None:
        said = form.cleaned_data
        giving_actions.administer(
            by=bed.who, session_id=session_id, event=Administration.Event.GIVEN, substance=said["substance"],
            dose_mg=said["dose_mg"], route=said["route"], at=form.when(), note=said["note"],
            request_id=said["request_id"], indication=said["indication"], ordered_how=said["ordered_how"],
            prescriber_told_at=form.when("told_at"),
        )  # fmt: skip

    return show_or_keep(request, bed, form, "A medicine", keep)


@require_http_methods(["GET", "POST"])
def effect(request: HttpRequest, session_id: UUID, given_id: UUID) -> HttpResponse:
    """What a medicine did, some minutes after it was given."""
    bed = bed_of(request, session_id)
    medicines = Administration.objects.filter(session_id=session_id, event=Administration.Event.GIVEN)
    given = get_object_or_404(medicines, id=given_id)
    form = entry_forms.Effect(request.POST or None, zone=bed.zone, since=bed.session.arrived_at)

    def keep() -> None:
        said = form.cleaned_data
        giving_actions.administer(
            by=bed.who, session_id=session_id, event=Administration.Event.EFFECT, substance=given.substance,
            at=form.when(), note=said["note"], request_id=said["request_id"], effect_of=given.id,
        )  # fmt: skip

    return show_or_keep(request, bed, form, f"What {given.substance} did", keep)


@require_http_methods(["GET", "POST"])
def infusion(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """What happens to the dose while it is given: its rate, a pause, its end, the next device."""
    bed = bed_of(request, session_id)
    form = entry_forms.Infused(request.POST or None, zone=bed.zone, since=bed.session.arrived_at)
    choices = room_dose.dose_keys(bed)

    def keep() -> None:
        event = request.POST.get("event", "")
        if event not in Administration.Event.values or event not in giving_actions.ALL_OF_A_DOSE:
            raise Refused("Choose what was done.")
        giving_actions.administer(
            by=bed.who, session_id=session_id, event=Administration.Event(event), substance="",
            request_id=form.cleaned_data["request_id"], at=form.when(),
            rate_ml_per_h=form.cleaned_data["rate_ml_per_h"], sure_of_ml_per_h=form.cleaned_data["sure_of"],
        )  # fmt: skip

    return show_or_keep(
        request,
        bed,
        form,
        "The dose",
        lambda: asked_about(form, keep),
        template="room/infusion.html",
        context=lambda: {"choices": choices, **room_dose.as_ordered(bed)},
    )


def asked_about(form: entry_forms.Infused | entry_forms.RightRate, keep: Callable[[], Any]) -> None:
    """Keep it; where the rate is asked about, the form comes back with it, so that pressed once more it is taken."""
    try:
        keep()
    except Unsure:
        filled_in(form, "sure_of", str(form.cleaned_data["rate_ml_per_h"]))
        raise


@require_http_methods(["GET", "POST"])
def right_rate(request: HttpRequest, session_id: UUID, given_id: UUID) -> HttpResponse:
    """The right rate in the place of one that was charted wrong."""
    bed = bed_of(request, session_id)
    wrong = next((row for row in giving_actions.given_in(bed.session) if row.id == given_id), None)
    if wrong is None or wrong.event not in (Administration.Event.START, Administration.Event.RATE):
        raise Http404
    form = entry_forms.RightRate(
        request.POST or None, zone=bed.zone, initial={"stood": wrong.rate_ml_per_h or ""}
    )

    def keep() -> None:
        said = form.cleaned_data
        giving_actions.correct_rate(
            by=bed.who, session_id=session_id, of=wrong.id, stood_ml_per_h=said["stood"],
            rate_ml_per_h=said["rate_ml_per_h"], reason=said["reason"], request_id=said["request_id"],
            sure_of_ml_per_h=said["sure_of"],
        )  # fmt: skip

    stood = f"{room_dose.plain_number(wrong.rate_ml_per_h)} mL/h" if wrong.rate_ml_per_h else "No rate"
    title = f"{stood}, charted at {wrong.at.astimezone(bed.zone):%H:%M}, was wrong"
    return show_or_keep(request, bed, form, title, lambda: asked_about(form, keep))


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, session_id: UUID, sample_id: UUID) -> HttpResponse:
    """A right value in the place of a wrong one."""
    bed = bed_of(request, session_id)
    wrong = get_object_or_404(Sample, id=sample_id, session_id=session_id)
    form = entry_forms.Correction(request.POST or None, zone=bed.zone)

    def keep() -> None:
        said = form.cleaned_data
        if said["is_artefact"]:
            mark_artefact(
                by=bed.who, sample_id=wrong.id, reason=said["reason"], request_id=said["request_id"]
            )
            return
        entry_actions.correct(
            by=bed.who,
            sample_id=wrong.id,
            value=said["value"],
            reason=said["reason"],
            request_id=said["request_id"],
        )

    title = f"{BY_CODE[wrong.code].title} {format_value(wrong.code, wrong.value)} was wrong"
    return show_or_keep(request, bed, form, title, keep)


urlpatterns: list[URLPattern] = [
    path(f"{ADDRESS}/enter/<str:what>", enter, name="room-enter"),
    path(f"{ADDRESS}/medicine", medicine, name="room-medicine"),
    path(f"{ADDRESS}/effect/<uuid:given_id>", effect, name="room-effect"),
    path(f"{ADDRESS}/infusion", infusion, name="room-infusion"),
    path(f"{ADDRESS}/correct/<uuid:sample_id>", correct, name="room-correct"),
    path(f"{ADDRESS}/correct/rate/<uuid:given_id>", right_rate, name="room-right-rate"),
]
