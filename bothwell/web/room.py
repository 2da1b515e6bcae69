"""The dosing room: what is happening now and what is next, for the nurse and prescriber beside one person.

It shows nothing of the partner but one sentence, replaces no bedside monitor, gives nothing a gate holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.codes import BY_CODE
from bothwell.couples.models import Role
from bothwell.dosing import checklist_actions, flowsheet, giving_actions, leaving_actions, session_actions
from bothwell.dosing import discharge as discharging
from bothwell.dosing.models import Administration, Discharge, DosingSession, SessionSummary
from bothwell.monitoring import binding_actions, entry_actions, quieting_actions
from bothwell.monitoring.artefact_actions import mark_artefact
from bothwell.monitoring.models import Alarm, Device, Sample
from bothwell.monitoring.vitals import format_value
from bothwell.pathway import rights_actions
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.protocol import Route
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web import bedside, bedside_forms, handed_in, room_shown
from bothwell.web.asking import require
from bothwell.web.room_shown import Bed

OPENED = "beds_opened"
"""In the login's session: charts whose opening is logged; a page that refreshes itself adds nothing."""


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


def _viewed(request: HttpRequest, bed: Bed) -> None:
    audit.viewed(bed.who, subject=bed.session.subject_id, what="dosing.flowsheet")
    opened = [*request.session.get(OPENED, ()), str(bed.session.id)]
    request.session[OPENED] = list(dict.fromkeys(opened))[-40:]


def _show(
    request: HttpRequest, bed: Bed, template: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """A page of this bed, its times by the clinic's clock; whatever shows a chart first stands in the log."""
    if handed_in.is_one(request):
        return handed_in.answer(context, status)
    if str(bed.session.id) not in request.session.get(OPENED, ()):
        _viewed(request, bed)
    with timezone.override(bed.zone):
        return render(request, template, {"bed": bed, "side": bed.side, **context}, status=status)


# ── the room ──────────────────────────────────────────────────────────────────────────────────────────────


@require_GET
def room(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Everything about this session on one page."""
    bed = bed_of(request, session_id)
    _viewed(request, bed)
    return _room(request, bed)


@require_GET
def live(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The parts of the room that change, for a page that stands open."""
    bed = bed_of(request, session_id)
    return _show(request, bed, "room/page.html#live", room_shown.now(bed))


def _room(
    request: HttpRequest, bed: Bed, *, trouble: str = "", status: int = 200, began: Any = None
) -> HttpResponse:
    context = room_shown.now(bed) | {"trouble": trouble}
    if began is not None and "start_form" in context:
        context["start_form"] = began
    if bed.session.ended_at is None:
        context |= {"sheets": room_shown.sheets(bed)}
    else:
        context |= {
            "discharge": Discharge.objects.select_related("author").filter(session=bed.session).first(),
            "summaries": SessionSummary.objects.select_related("author")
            .filter(session=bed.session)
            .order_by("recorded_at"),
            "summary_form": bedside_forms.Summary(zone=bed.zone),
        }
    return _show(request, bed, "room/page.html", context, status)


# ── before the dose ───────────────────────────────────────────────────────────────────────────────────────

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
}  # fmt: skip


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, session_id: UUID, name: str) -> HttpResponse:
    """One item of the checklist."""
    if name not in bedside_forms.CHECKS:
        raise Http404
    bed = bed_of(request, session_id)
    title, _ = bedside_forms.CHECKS[name]
    form = room_shown.check_form(bed, name, request.POST or None)

    def keep() -> None:
        checklist_actions.check(
            by=bed.who, session_id=session_id, name=name, value=VALUE_OF[name](form),
            request_id=form.cleaned_data["request_id"],
        )  # fmt: skip

    return _once(request, bed, form, title, keep, end="#checklist")


@require_POST
def start(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The first dose, when every gate is passed."""
    bed = bed_of(request, session_id)
    form = bedside_forms.Began(request.POST, zone=bed.zone)
    if not form.is_valid():
        return _room(request, bed, trouble="Please press Start again.", status=422, began=form)
    charted = bedside.charted(session_id, bed.within)
    try:
        giving_actions.start(
            by=bed.who, session_id=session_id, request_id=form.cleaned_data["request_id"],
            pressures=bedside.pressures(charted), saturation_at=_newest_by(charted, "spo2", form.when()),
            at=form.when(), rate_ml_per_h=form.cleaned_data["rate_ml_per_h"],
            rate_reason=form.cleaned_data["rate_reason"],
        )  # fmt: skip
    except Refused as refused:
        again = bed_of(request, session_id)
        return _room(request, again, trouble=refused.reason, status=422, began=form)
    return redirect("room", session_id)


def _newest_by(charted: Sequence[bedside.Value], code: str, at: datetime | None) -> datetime | None:
    """When a quantity was measured last, by a time: a monitor goes on measuring after a dose begun some minutes ago."""
    by = at or timezone.now()
    return bedside.newest_at((one for one in charted if one.observed_at <= by), code)


# ── entering ──────────────────────────────────────────────────────────────────────────────────────────────


def _once(
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
                trouble = refused.reason
            else:
                return HttpResponseRedirect(bed.address() + end)
    return _show(
        request, bed, template, {"form": form, "title": title, "trouble": trouble, **context()}, status
    )


@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest, session_id: UUID, what: str) -> HttpResponse:
    """What was measured or seen."""
    if what not in bedside_forms.ENTRIES:
        raise Http404
    bed = bed_of(request, session_id)
    title, parts = bedside_forms.ENTRIES[what]
    form = bedside_forms.Readings(request.POST or None, zone=bed.zone, parts=parts)

    def keep() -> None:
        entry_actions.enter(
            by=bed.who, session=bed.session, readings=form.readings,
            request_id=form.cleaned_data["request_id"], observed_at=form.when(),
            wanted=form.is_wanted, body_site=form.body_site, note=form.cleaned_data.get("note", ""), detail=form.made,
        )  # fmt: skip

    return _once(request, bed, form, title, keep)


@require_http_methods(["GET", "POST"])
def medicine(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Something given beside the dose."""
    bed = bed_of(request, session_id)
    form = bedside_forms.Medicine(request.POST or None, zone=bed.zone)

    def keep() -> None:
        said = form.cleaned_data
        giving_actions.administer(
            by=bed.who, session_id=session_id, event=Administration.Event.GIVEN, substance=said["substance"],
            dose_mg=said["dose_mg"], route=said["route"], at=form.when(), note=said["note"],
            request_id=said["request_id"], indication=said["indication"], ordered_how=said["ordered_how"],
            prescriber_told_at=form.when("told_at"),
        )  # fmt: skip

    return _once(request, bed, form, "A medicine", keep)


@require_http_methods(["GET", "POST"])
def effect(request: HttpRequest, session_id: UUID, given_id: UUID) -> HttpResponse:
    """What a medicine did, some minutes after it was given."""
    bed = bed_of(request, session_id)
    medicines = Administration.objects.filter(session_id=session_id, event=Administration.Event.GIVEN)
    given = get_object_or_404(medicines, id=given_id)
    form = bedside_forms.Effect(request.POST or None, zone=bed.zone)

    def keep() -> None:
        said = form.cleaned_data
        giving_actions.administer(
            by=bed.who, session_id=session_id, event=Administration.Event.EFFECT, substance=given.substance,
            at=form.when(), note=said["note"], request_id=said["request_id"], effect_of=given.id,
        )  # fmt: skip

    return _once(request, bed, form, f"What {given.substance} did", keep)


@require_http_methods(["GET", "POST"])
def infusion(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """What happens to the dose while it is given: its rate, a pause, its end, the next device."""
    bed = bed_of(request, session_id)
    form = bedside_forms.Infused(request.POST or None, zone=bed.zone)
    choices = room_shown.dose_keys(bed)

    def keep() -> None:
        event = request.POST.get("event", "")
        if event not in Administration.Event.values or event not in giving_actions.ALL_OF_A_DOSE:
            raise Refused("Choose what was done.")
        giving_actions.administer(
            by=bed.who, session_id=session_id, event=Administration.Event(event), substance="",
            request_id=form.cleaned_data["request_id"], at=form.when(),
            rate_ml_per_h=form.cleaned_data["rate_ml_per_h"],
        )  # fmt: skip

    return _once(
        request,
        bed,
        form,
        "The dose",
        keep,
        template="room/infusion.html",
        context=lambda: {"choices": choices, **room_shown.as_ordered(bed)},
    )


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, session_id: UUID, sample_id: UUID) -> HttpResponse:
    """A right value in the place of a wrong one."""
    bed = bed_of(request, session_id)
    wrong = get_object_or_404(Sample, id=sample_id, session_id=session_id)
    form = bedside_forms.Correction(request.POST or None, zone=bed.zone)

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
    return _once(request, bed, form, title, keep)


@require_POST
def acknowledge(request: HttpRequest, session_id: UUID, alarm_id: UUID) -> HttpResponse:
    """This very alarm has been seen, by name."""
    bed = bed_of(request, session_id)
    try:
        if not Alarm.objects.filter(id=alarm_id, session_id=session_id).exists():
            raise Refused("There is no such alarm here.")
        quieting_actions.acknowledge(by=bed.who, alarm_id=alarm_id)
    except Refused as refused:
        return _room(request, bed_of(request, session_id), trouble=refused.reason, status=422)
    return redirect("room", session_id)


# ── the monitor at the bed ────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def device(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Which monitor stands at this bed? Chosen first, then confirmed by the person's name."""
    bed = bed_of(request, session_id)
    devices = Device.objects.select_related("room").filter(is_retired=False).order_by("name")
    chosen = (
        get_object_or_404(devices, id=_uuid(asked))
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

    return _once(
        request, bed, form, "Which monitor stands at this bed?", keep, template="room/device.html",
        context=lambda: {"devices": list(devices), "chosen": chosen},
    )  # fmt: skip


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


@require_POST
def take_off(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The monitor is off this person."""
    bed = bed_of(request, session_id)
    try:
        binding_actions.unbind(by=bed.who, session=bed.session)
    except Refused as refused:
        return _room(request, bed, trouble=refused.reason, status=422)
    return redirect("room", session_id)


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Seen:
    """What the chart says for going home, looked up once: of the time before the dose, and of that since the last of it."""

    before: Mapping[str, flowsheet.Charted]
    after: Mapping[str, flowsheet.Charted]
    pressure: Pressure | None
    pressure_baseline: Pressure | None
    is_dose_running: bool


def _seen(bed: Bed) -> Seen:
    session, values = bed.session, bedside.charted(bed.session.id, bed.within)
    given = giving_actions.given_in(session)
    start, last = session.started_at, giving_actions.last_of_the_dose_at(session, given)
    measured = bedside.pressures(values)
    since = [one for one in measured if last and one.observed_at > last]
    until = [one for one in measured if start and one.observed_at <= start]
    return Seen(
        before=flowsheet.latest(values, start) if start else {},
        after=flowsheet.latest(one for one in values if last and one.observed_at > last),
        pressure=since[-1] if since else None,
        pressure_baseline=until[-1] if until else None,
        is_dose_running=giving_actions.is_running(session, given),
    )


def _condition(bed: Bed, seen: Seen, form: bedside_forms.Going | None = None) -> discharging.Condition:
    """How the person is since the last of the dose: pressures, SpO2 and sedation from the chart, the rest as ticked."""
    before, after = seen.before, seen.after
    said = form.cleaned_data if form is not None else {}
    return discharging.Condition(
        now=timezone.now(),
        route=Route(bed.session.course.route),
        started_at=bed.session.started_at,
        is_dose_running=seen.is_dose_running,
        answers=form.answers if form is not None else {},
        sedation=int(after["sedation"].value) if "sedation" in after else None,
        spo2_percent=after["spo2"].value if "spo2" in after else None,
        spo2_baseline_percent=before["spo2"].value if "spo2" in before else None,
        is_on_room_air={"air": True, "oxygen": False}.get(said.get("is_on_room_air", "")),
        pressure=seen.pressure,
        pressure_baseline=seen.pressure_baseline,
        checked=form.checked if form is not None else {},
    )


FROM_THE_CHART = (
    "dose_over",
    "minutes_since_first_dose",
    "sedation",
    "blood_pressure_near_baseline",
    "blood_pressure_below_hold",
)


def _prefilled(bed: Bed, seen: Seen) -> dict[str, int]:
    """What the chart answers of the score; whoever signs may change it."""
    rule = bed.side.protocol.discharge
    found = dict(discharging.SCALES[rule.score].preset)
    found |= flowsheet.prefilled(seen.after, seen.before, rule.pressure_within_percent.value)
    if "nausea" in seen.after and seen.after["nausea"].value == 0:
        found["nausea"] = 2
    return found


@require_http_methods(["GET", "POST"])
def discharge(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Going home: what the chart says, what a person must see, and a signature."""
    bed = bed_of(request, session_id)
    if bed.session.started_at is None:
        raise Http404
    rule = bed.side.protocol.discharge
    scale = discharging.SCALES[rule.score]
    required = tuple(name for name, flag in rule.required.items() if flag.value)
    seen = _seen(bed)
    charted = _condition(bed, seen)
    form = bedside_forms.Going(
        request.POST or None, zone=bed.zone, scale=scale, required=required, initial=_prefilled(bed, seen)
    )

    def keep() -> None:
        leaving_actions.sign_discharge(
            by=bed.who,
            session_id=session_id,
            condition=_condition(bed, seen, form),
            signed_name=form.cleaned_data["signed_name"],
        )
        binding_actions.unbind(by=bed.who, session=bed.session)

    def context() -> dict[str, Any]:
        found = leaving_actions.discharge_criteria(bed.session, charted)
        return {
            "scale": scale,
            "needed": rule.score_at_least.value,
            "spo2": charted.spo2_percent,
            "spo2_baseline": charted.spo2_baseline_percent,
            "spo2_within": rule.spo2_within_points.value,
            "charted": [one for one in found if one.name in FROM_THE_CHART],
        }

    return _once(
        request, bed, form, "Ready to go home?", keep, template="room/discharge.html", context=context
    )


def _signed(request: HttpRequest, session_id: UUID, title: str, end: Callable[..., Any]) -> HttpResponse:
    bed = bed_of(request, session_id)
    form = bedside_forms.Signed(request.POST or None, zone=bed.zone)

    def keep() -> None:
        said = form.cleaned_data
        end(by=bed.who, session_id=session_id, reason=said["reason"], signed_name=said["signed_name"])
        binding_actions.unbind(by=bed.who, session=bed.session)

    return _once(request, bed, form, title, keep)


@require_http_methods(["GET", "POST"])
def leave_early(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The person leaves before the criteria are met."""
    return _signed(request, session_id, "Leaving early, against advice", leaving_actions.leave_early)


@require_http_methods(["GET", "POST"])
def turn_back(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """No dose today; everything recorded is kept."""
    return _signed(request, session_id, "No dose today", leaving_actions.turn_back)


@require_http_methods(["GET", "POST"])
def summary(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """How it went, in a few sentences."""
    bed = bed_of(request, session_id)
    form = bedside_forms.Summary(request.POST or None, zone=bed.zone)

    def keep() -> None:
        leaving_actions.summarise(
            by=bed.who,
            session_id=session_id,
            text=form.cleaned_data["text"],
            request_id=form.cleaned_data["request_id"],
        )

    return _once(request, bed, form, "How it went", keep)


_ROOM = "room/<uuid:session_id>"
urlpatterns: list[URLPattern] = [
    path(_ROOM, room, name="room"),
    path(f"{_ROOM}/live", live, name="room-live"),
    path(f"{_ROOM}/check/<str:name>", check, name="room-check"),
    path(f"{_ROOM}/start", start, name="room-start"),
    path(f"{_ROOM}/enter/<str:what>", enter, name="room-enter"),
    path(f"{_ROOM}/medicine", medicine, name="room-medicine"),
    path(f"{_ROOM}/effect/<uuid:given_id>", effect, name="room-effect"),
    path(f"{_ROOM}/infusion", infusion, name="room-infusion"),
    path(f"{_ROOM}/correct/<uuid:sample_id>", correct, name="room-correct"),
    path(f"{_ROOM}/acknowledge/<uuid:alarm_id>", acknowledge, name="room-acknowledge"),
    path(f"{_ROOM}/device", device, name="room-device"),
    path(f"{_ROOM}/device/off", take_off, name="room-take-off"),
    path(f"{_ROOM}/discharge", discharge, name="room-discharge"),
    path(f"{_ROOM}/leave-early", leave_early, name="room-leave-early"),
    path(f"{_ROOM}/turn-back", turn_back, name="room-turn-back"),
    path(f"{_ROOM}/summary", summary, name="room-summary"),
]
