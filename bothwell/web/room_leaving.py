"""How a session ends: going home by what the chart and a person say, leaving early, turning back, and how it went.

Nobody goes home by it without a signature, and no criterion that is not met is signed over: leaving early is written as that.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.dosing import checklist_actions, flowsheet, giving_actions, leaving_actions
from bothwell.dosing import discharge as discharging
from bothwell.monitoring import binding_actions
from bothwell.monitoring.limits import Priority
from bothwell.monitoring.vitals import format_number
from bothwell.pathway import preparation_actions
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.protocol import Route
from bothwell.web import bedside_values, leaving_forms
from bothwell.web.room_bed import ADDRESS, Bed, bed_of, show_or_keep


@dataclass(frozen=True)
class Seen:
    """What the chart says for going home, looked up once: of the time before the dose, and of that since the last of it."""

    before: Mapping[str, flowsheet.Charted]
    after: Mapping[str, flowsheet.Charted]
    pressure: Pressure | None
    pressure_baseline: Pressure | None
    is_dose_running: bool


def _seen(bed: Bed) -> Seen:
    session, values = bed.session, bedside_values.charted(bed.session.id, bed.within)
    given = giving_actions.given_in(session)
    start, last = session.started_at, giving_actions.last_of_the_dose_at(session, given)
    since = [one for one in bedside_values.pressures(values) if last and one.observed_at > last]
    return Seen(
        before=flowsheet.latest(values, start) if start else {},
        after=flowsheet.latest(one for one in values if last and one.observed_at > last),
        pressure=since[-1] if since else None,
        pressure_baseline=bedside_values.pressure_before(values, start),
        is_dose_running=giving_actions.is_running(session, given),
    )


def _condition(bed: Bed, seen: Seen, form: leaving_forms.Going | None = None) -> discharging.Condition:
    """How the person is since the last of the dose: pressures, SpO2, sedation and dissociation from the chart, the rest as ticked."""
    before, after = seen.before, seen.after
    apart = after.get("dissociation")
    said = form.cleaned_data if form is not None else {}
    return discharging.Condition(
        now=timezone.now(),
        route=Route(bed.session.course.route),
        started_at=bed.session.started_at,
        is_dose_running=seen.is_dose_running,
        answers=form.answers if form is not None else {},
        sedation=int(after["sedation"].value) if "sedation" in after else None,
        dissociation=int(apart.value) if apart else None,
        dissociation_at=apart.observed_at.astimezone(bed.zone) if apart else None,
        spo2_percent=after["spo2"].value if "spo2" in after else None,
        spo2_baseline_percent=before["spo2"].value if "spo2" in before else None,
        is_on_room_air={"air": True, "oxygen": False}.get(said.get("is_on_room_air", "")),
        pressure=seen.pressure,
        pressure_baseline=seen.pressure_baseline,
        checked=form.checked if form is not None else {},
        alarms=tuple(
            one.text for one in bed.side.alarms if one.acknowledged_at is None and one.priority in GRAVE
        ),
    )


GRAVE = (Priority.HIGH, Priority.MEDIUM)
FROM_THE_CHART = (
    "alarms",
    "dose_over",
    "minutes_since_last_dose",
    "sedation",
    "blood_pressure_near_baseline",
    "blood_pressure_below_hold",
    *discharging.OF_THE_CHART,
)


def _prefilled(bed: Bed, seen: Seen) -> dict[str, int]:
    """What the chart answers of the score, and nothing else; whoever signs may change it."""
    rule = bed.side.protocol.discharge
    items = {item.code for item in discharging.SCALES[rule.score].items}
    found = flowsheet.prefilled(seen.after, seen.before, rule.pressure_within_percent.value)
    if "nausea" in seen.after and seen.after["nausea"].value == 0:
        found["nausea"] = 2
    return {code: points for code, points in found.items() if code in items}


def _from_the_chart(bed: Bed, seen: Seen, prefilled: Mapping[str, int]) -> dict[str, str]:
    """Of each item that is filled in: from which value of the chart, and when that was measured."""
    said: dict[str, str] = {}
    if "vitals" in prefilled:
        newest = [seen.after[code] for code in flowsheet.PRESSURE]
        shown = "/".join(format_number(one.value) for one in newest)
        said["vitals"] = f"blood pressure {shown} mmHg at {_clock(bed, newest[0])}"
    if "nausea" in prefilled:
        said["nausea"] = f"nausea 0 of 10 at {_clock(bed, seen.after['nausea'])}"
    return {
        code: f"Filled in from the chart: {words}. Change it if you see otherwise."
        for code, words in said.items()
    }


def _clock(bed: Bed, one: flowsheet.Charted) -> str:
    return f"{one.observed_at.astimezone(bed.zone):%H:%M}"


def _escort_of(bed: Bed) -> str:
    """Who takes the person home: as answered before the dose, else as named in the preparation."""
    answer = checklist_actions.checks_of(bed.session).get("escort")
    if answer is not None and isinstance(answer.value, dict):
        return str(answer.value.get("name", ""))
    kept = preparation_actions.preparation_of(bed.session.course)
    return kept.escort_name if kept else ""


@require_http_methods(["GET", "POST"])
def discharge(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Going home: what the chart says, what a person must see, and a signature."""
    bed = bed_of(request, session_id)
    if bed.session.started_at is None:
        raise Http404
    rule = bed.side.protocol.discharge
    scale = discharging.SCALES[rule.score]
    required = tuple(
        name for name, flag in rule.required.items() if flag.value and name not in discharging.OF_THE_CHART
    )
    seen = _seen(bed)
    charted = _condition(bed, seen)
    prefilled = _prefilled(bed, seen)
    form = leaving_forms.Going(
        request.POST or None, zone=bed.zone, scale=scale, required=required, initial=prefilled
    )
    for code, words in _from_the_chart(bed, seen, prefilled).items():
        form.fields[code].help_text = words
    if "is_escort_present" in form.fields and (escort := _escort_of(bed)):
        form.fields["is_escort_present"].label = f"{escort}, the named escort, is here."

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

    return show_or_keep(
        request, bed, form, "Ready to go home?", keep, template="room/discharge.html", context=context
    )


def _signed(request: HttpRequest, session_id: UUID, title: str, end: Callable[..., Any]) -> HttpResponse:
    bed = bed_of(request, session_id)
    form = leaving_forms.Signed(request.POST or None, zone=bed.zone)

    def keep() -> None:
        said = form.cleaned_data
        end(by=bed.who, session_id=session_id, reason=said["reason"], signed_name=said["signed_name"])
        binding_actions.unbind(by=bed.who, session=bed.session)

    return show_or_keep(request, bed, form, title, keep)


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
    form = leaving_forms.Summary(request.POST or None, zone=bed.zone)

    def keep() -> None:
        leaving_actions.summarise(
            by=bed.who,
            session_id=session_id,
            text=form.cleaned_data["text"],
            request_id=form.cleaned_data["request_id"],
        )

    return show_or_keep(request, bed, form, "How it went", keep)


urlpatterns: list[URLPattern] = [
    path(f"{ADDRESS}/discharge", discharge, name="room-discharge"),
    path(f"{ADDRESS}/leave-early", leave_early, name="room-leave-early"),
    path(f"{ADDRESS}/turn-back", turn_back, name="room-turn-back"),
    path(f"{ADDRESS}/summary", summary, name="room-summary"),
]
