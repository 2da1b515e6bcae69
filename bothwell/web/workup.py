"""The prescriber's desk: is it safe and right, and if not, why not?

Everyone who cares for this person opens the same page and finds what row-level security shows them; nothing is done from
it but by an action that asks again who may.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.dosing import order as ordering
from bothwell.dosing import order_actions, spacing_actions, visit_actions
from bothwell.pathway import (
    assessment_actions,
    course_actions,
    decision_actions,
    preparation_actions,
    protocol_actions,
    steps,
    workup_actions,
)
from bothwell.pathway.facts import SPECS
from bothwell.pathway.models import Course, HoldReason, MedicalFact, Verdict
from bothwell.pathway.schema import Route
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale
from bothwell.web.asking import told
from bothwell.web.workup_desk import Desk, attested_in, desk_of
from bothwell.web.workup_forms import (
    AssessForm,
    CorrectionForm,
    DecisionForm,
    FactsForm,
    OrderForm,
    PrepareForm,
    ResolveForm,
    ScheduleForm,
    SeriesForm,
    SignForm,
    StepForm,
    WithdrawForm,
)
from bothwell.web.workup_shown import (
    ASSESS_ID,
    PREPARE_ID,
    WITHDRAW_ID,
    order_form,
    routes_to_choose,
    workup_page,
)

Act = Callable[[Desk, Course, Any], str]


def _facts(desk: Desk, course: Course, form: FactsForm) -> str:
    cleaned = form.cleaned_data
    workup_actions.record_facts(
        by=desk.viewer,
        subject=desk.person,
        values=form.values(),
        second=form.second(),
        **{name: cleaned[name] for name in ("source", "observed_at", "note", "request_id")},
    )
    return "Recorded."


def _resolve(desk: Desk, course: Course, form: ResolveForm) -> str:
    workup_actions.resolve(by=desk.viewer, course=course, **form.cleaned_data)
    return "Kept, with your reason. Newer evidence will ask again."


def _step(desk: Desk, course: Course, form: StepForm) -> str:
    given = form.cleaned_data
    if given["kind"] not in list(steps.Kind) or (given["to"] and given["to"] not in list(steps.Phase)):
        raise Refused("There is no such step.")
    taken = course_actions.take_step(
        by=desk.viewer,
        course_id=course.id,
        kind=steps.Kind(given["kind"]),
        to=steps.Phase(given["to"]) if given["to"] else None,
        attested=attested_in(form),
        why=given["why"],
        hold_kind=HoldReason.Kind(given["hold_kind"] or HoldReason.Kind.MEDICAL),
        steps_seen=given["steps_seen"],
    )
    return taken.sentence


def _decision(desk: Desk, course: Course, form: DecisionForm) -> str:
    decision_actions.open_decision(by=desk.viewer, course=course, **form.cleaned_data)
    return "The question is before the three."


def _assess(desk: Desk, course: Course, form: AssessForm) -> str:
    assessment_actions.record(by=desk.viewer, course_id=course.id, **form.cleaned_data)
    return "Recorded. The prescriber sees that the couple was assessed, and what you wrote."


def _sign(desk: Desk, course: Course, form: SignForm) -> str:
    given = form.cleaned_data
    decision_actions.sign_decision(
        by=desk.viewer,
        decision_id=given["decision"],
        verdict=Verdict(given["verdict"]),
        words=given["words"],
        signed_name=given["signed_name"],
    )
    return "Signed."


def _order(desk: Desk, course: Course, form: OrderForm) -> str:
    order_actions.order(by=desk.viewer, course=course, **form.cleaned_data)
    return "The order is signed."


def _withdraw(desk: Desk, course: Course, form: WithdrawForm) -> str:
    order_actions.withdraw(by=desk.viewer, course=course, **form.cleaned_data)
    return "The order is withdrawn. No dose begins with it."


def _schedule(desk: Desk, course: Course, form: ScheduleForm) -> str:
    if form.cleaned_data["at"] < timezone.now() - timedelta(hours=12):
        raise Refused("This time lies in the past. Choose a later one.")
    if not desk.may_record:
        raise Refused("The prescriber, the nurse or the coordinator schedules a session.")
    made = visit_actions.schedule(by=desk.viewer, course=course, **form.cleaned_data)
    return f"Scheduled. {spacing_actions.too_close(course, made.scheduled_at, made)}".strip()


def _series(desk: Desk, course: Course, form: SeriesForm) -> str:
    course_actions.plan_series(by=desk.viewer, course=course, sessions=form.cleaned_data["sessions"])
    return "Planned."


def _prepare(desk: Desk, course: Course, form: PrepareForm) -> str:
    preparation_actions.prepare(by=desk.viewer, course=course, **form.cleaned_data)
    return "Kept."


ACTS: Mapping[str, tuple[Callable[[Desk, Course, Any], forms.Form], Act]] = {
    "facts": (lambda desk, course, data: FactsForm(data), _facts),
    "resolve": (lambda desk, course, data: ResolveForm(data), _resolve),
    "step": (lambda desk, course, data: StepForm(data), _step),
    "assess": (lambda desk, course, data: AssessForm(data, auto_id=ASSESS_ID), _assess),
    "decision": (lambda desk, course, data: DecisionForm(data, routes=routes_to_choose(course)), _decision),
    "sign": (lambda desk, course, data: SignForm(data), _sign),
    "order": (lambda desk, course, data: order_form(desk, data), _order),
    "withdraw": (lambda desk, course, data: WithdrawForm(data, auto_id=WITHDRAW_ID), _withdraw),
    "schedule": (lambda desk, course, data: ScheduleForm(data), _schedule),
    "series": (lambda desk, course, data: SeriesForm(data), _series),
    "prepare": (lambda desk, course, data: PrepareForm(data, auto_id=PREPARE_ID), _prepare),
}
"""What can be asked of this page: the form that reads it, and the action it leads to."""


@require_http_methods(["GET", "POST"])
def workup(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """The page; a post names one of `ACTS` as `do`. What was refused stands above its form, with all that was
    typed.
    """
    desk = desk_of(request, person_id)
    if request.method == "GET":
        return workup_page(request, desk)
    do = request.POST.get("do", "")
    if do not in ACTS or desk.course is None:
        raise Http404
    read, act = ACTS[do]
    form = read(desk, desk.course, request.POST)
    desk.bound[do] = form
    if not form.is_valid():
        return workup_page(request, desk, 422, trouble=do)
    if do == "order" and request.POST.get("act") == "check":
        return workup_page(request, desk, check=_check(desk.course, form), trouble="order")
    try:
        messages.success(request, act(desk, desk.course, form))
    except Refused as refused:
        told(form, refused)
        check = _check(desk.course, form) if do == "order" else None
        return workup_page(request, desk, 409 if isinstance(refused, Stale) else 422, trouble=do, check=check)
    return redirect("workup", person_id=person_id)


def _check(course: Course, form: forms.Form) -> dict[str, Any] | None:
    """Where the dose lies in the protocol's ranges, and how much to draw, with the working."""
    given = form.cleaned_data
    if not course.route or "dose_mg" not in given or "weight_kg" not in given:
        return None
    found = ordering.check_dose(
        protocol_actions.protocol_of(course.protocol),
        route=Route(course.route),
        dose_mg=given["dose_mg"],
        weight_kg=given["weight_kg"],
        infusion_minutes=Decimal(given["minutes"]) if given.get("minutes") else None,
    )
    strength = given.get("concentration_mg_per_ml")
    volume = ordering.volume(given["dose_mg"], strength) if strength and given["dose_mg"] else None
    minutes, bag_ml = given.get("minutes"), given.get("bag_ml")
    made_up = (
        ordering.bag(given["dose_mg"], bag_ml, minutes) if bag_ml and minutes and given["dose_mg"] else None
    )
    return {
        "found": found,
        "volume": volume,
        "bag": made_up,
        "outside": [one for one in found.bounds if not one.is_inside],
    }


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, person_id: UUID, fact_id: UUID) -> HttpResponse:
    """Another entry in the place of a wrong one; both stay, with the reason."""
    desk = desk_of(request, person_id)
    fact = get_object_or_404(MedicalFact.objects.select_related("author"), id=fact_id, subject=desk.person)
    if not desk.may_record or fact.code not in SPECS:
        raise Http404
    form = CorrectionForm(request.POST or None, spec=SPECS[fact.code])
    if request.method == "POST" and form.is_valid():
        try:
            workup_actions.correct_fact(
                by=desk.viewer, fact_id=fact.id, value=form.value(), reason=form.cleaned_data["reason"]
            )
            messages.success(request, "Corrected. The earlier entry stays in the record.")
            return redirect("workup", person_id=person_id)
        except Refused as refused:
            form.add_error(None, refused.reason)
    audit.viewed(desk.viewer, subject=desk.person, what="medical")
    context = {"desk": desk, "fact": fact, "spec": SPECS[fact.code], "form": form}
    return render(request, "workup/correct.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["POST"])
def cancel(request: HttpRequest, person_id: UUID, session_id: UUID) -> HttpResponse:
    """Take a dosing session that nobody arrived for off the calendar."""
    desk = desk_of(request, person_id)
    if not desk.may_record:
        raise Http404
    try:
        visit_actions.cancel(by=desk.viewer, session_id=session_id)
        messages.success(request, "Cancelled.")
    except Refused as refused:
        messages.error(request, refused.reason)
    return redirect("workup", person_id=person_id)


urlpatterns: list[URLPattern] = [
    path("people/<uuid:person_id>/workup", workup, name="workup"),
    path("people/<uuid:person_id>/workup/facts/<uuid:fact_id>", correct, name="workup_correct"),
    path("people/<uuid:person_id>/workup/sessions/<uuid:session_id>/cancel", cancel, name="workup_cancel"),
]
