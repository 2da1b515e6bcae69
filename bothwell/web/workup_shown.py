"""What stands on the page of the work-up, with every form it offers; a form that was refused keeps what was typed.

It changes nothing; that somebody looked stands in the log.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from bothwell.dosing import order_actions
from bothwell.dosing.gate_actions import suicide_decision
from bothwell.dosing.models import DosingSession
from bothwell.dosing.order import NO_SECOND
from bothwell.instruments.models import SafetyFlag
from bothwell.pathway import assessment_actions, preparation_actions, protocol_actions, steps
from bothwell.pathway.facts import SPECS
from bothwell.pathway.models import Course, MedicalFact, Verdict
from bothwell.pathway.schema import Route
from bothwell.privacy import audit
from bothwell.web.texts_lacking import routes_lacking
from bothwell.web.workup_desk import MEDICAL_ROLES, Desk
from bothwell.web.workup_forms import (
    AssessForm,
    DecisionForm,
    FactsForm,
    OrderForm,
    PrepareForm,
    ScheduleForm,
    SeriesForm,
    SignForm,
    WithdrawForm,
)

RECORD_SHOWN = 100
OUTCOMES = {
    "discharged": "signed off",
    "left_early": "left early, against advice",
    "turned_back": "turned back, no dose",
    "cancelled": "cancelled",
}
PREPARE_ID = "id_prepare_%s"
ASSESS_ID = "id_assess_%s"
WITHDRAW_ID = "id_withdraw_%s"
VERDICT_WORDS = {
    Verdict.PROCEED: ("Go on together", "Everything is known, and nothing stands that holds"),
    Verdict.DEFER: ("Not yet", "Say what must change; the door stays open"),
    Verdict.DECLINE: ("Not this way", "Say why, kindly; other care goes on"),
}


def workup_page(request: HttpRequest, desk: Desk, status: int = 200, **more: Any) -> HttpResponse:
    """The page, with a line in the log of what was looked at."""
    audit.viewed(desk.viewer, subject=desk.person, what="medical" if desk.sees_medical else "pathway")
    course = desk.course
    context: dict[str, Any] = {"desk": desk, "course": course, "bound": desk.bound, **more}
    if course:
        context |= _course_context(desk, course)
    context["tasks"] = _open_tasks(desk)
    return render(request, "workup/page.html", context, status=status)


def _open_tasks(desk: Desk) -> dict[str, Any] | None:
    """The safety tasks open for this person: whether all are acknowledged, the newest word on them, and who asked again."""
    flags = SafetyFlag.objects.filter(subject=desk.person, closed__isnull=True).order_by("recorded_at")
    found = list(flags.select_related("acknowledged__author"))
    if not found:
        return None
    seen = [flag.acknowledged for flag in found if hasattr(flag, "acknowledged")]
    return {
        "are_acknowledged": len(seen) == len(found),
        "last": max(seen, key=lambda one: one.recorded_at, default=None),
        "asked_again": suicide_decision(desk.person, found[-1].recorded_at) if desk.sees_medical else None,
    }


def _course_context(desk: Desk, course: Course) -> dict[str, Any]:
    bound = desk.bound
    return {
        "phase": steps.words(course.phase),
        "state": steps.words(course.state),
        "purpose": protocol_actions.protocol_of(course.protocol).phases[steps.Phase(course.phase)].purpose,
        "facts_form": bound.get("facts") or (FactsForm() if desk.may_record else None),
        "on_record": _on_record(desk) if desk.sees_medical else [],
        "decision_form": bound.get("decision") or DecisionForm(routes=routes_to_choose(course)),
        "sign_form": bound.get("sign")
        or SignForm(initial={"decision": desk.decision.id if desk.decision else None}),
        "verdicts": [(verdict, *words) for verdict, words in VERDICT_WORDS.items()],
        "order_form": bound.get("order") or order_form(desk),
        "no_second": NO_SECOND,
        "orders": _orders(desk, course) if desk.sees_medical else [],
        "schedule_form": bound.get("schedule") or ScheduleForm(),
        "sessions": [
            (one, _where_it_stands(one))
            for one in course.sessions.select_related("room").order_by("scheduled_at")
        ],
        "assessment": assessment_actions.assessment_of(course),
        "assess_form": bound.get("assess")
        or AssessForm(initial={"steps_seen": course.steps_taken}, auto_id=ASSESS_ID)
        if _may_assess(desk, course)
        else None,
        "route_title": dict(routes_of(course)).get(course.route, course.route.upper()),
        "asked_route": dict(routes_of(course)).get(desk.decision.route, "") if desk.decision else "",
        "series_form": bound.get("series") or SeriesForm(initial={"sessions": course.sessions_planned}),
        "preparation": (kept := preparation_actions.preparation_of(course)),
        "prepare_form": bound.get("prepare")
        or PrepareForm(initial=vars(kept) if kept else None, auto_id=PREPARE_ID),
        "may_prepare": bool(desk.roles & {*MEDICAL_ROLES, steps.Role.INDIVIDUAL_THERAPIST}),
        "is_open": course.state in (steps.State.ACTIVE, steps.State.ON_HOLD),
    }


def _orders(desk: Desk, course: Course) -> list[dict[str, Any]]:
    """The newest orders: what became of each, and the form that withdraws the one that waits."""
    rows = course.orders.select_related("author", "second_signature", "withdrawn__author")
    given_in = dict(course.sessions.filter(order__isnull=False).values_list("order_id", "number"))
    waiting = order_actions.waiting_order(course)
    form = desk.bound.get("withdraw")
    if form is None and waiting and desk.is_prescriber:
        form = WithdrawForm(initial={"order_id": waiting.id}, auto_id=WITHDRAW_ID)
    meant = str(form["order_id"].value()) if form else ""
    return [
        {
            "order": one,
            "given_in": given_in.get(one.id),
            "withdrawn": getattr(one, "withdrawn", None),
            "waits": one == waiting,
            "form": form if str(one.id) == meant else None,
        }
        for one in rows.order_by("-recorded_at")[:5]
    ]


def _may_assess(desk: Desk, course: Course) -> bool:
    is_open = course.state in (steps.State.ACTIVE, steps.State.ON_HOLD)
    here = course.couple_id is not None and course.phase in assessment_actions.PHASES
    return is_open and here and steps.Role.COUPLES_THERAPIST in desk.roles


def _where_it_stands(session: DosingSession) -> str:
    """What became of a session so far, in words."""
    if session.outcome:
        return OUTCOMES.get(session.outcome, steps.words(session.outcome))
    if session.ended_at:
        return "over"
    return "under way" if session.started_at else "arrived" if session.arrived_at else "planned"


def _on_record(desk: Desk) -> list[tuple[MedicalFact, str, str]]:
    """What stands on record, newest first, with the title of its question and its unit; what was corrected is left out."""
    standing = MedicalFact.objects.select_related("author").filter(
        subject=desk.person, corrected_by__isnull=True
    )
    newest = standing.order_by("-observed_at", "code")[:RECORD_SHOWN]
    return [
        (fact, _fact_title(fact.code), SPECS[fact.code].unit if fact.code in SPECS else "") for fact in newest
    ]


def _fact_title(code: str) -> str:
    """What was asked; where two questions share a title, with what tells them apart."""
    if code not in SPECS:
        return steps.words(code)
    title = SPECS[code].title
    is_shared = sum(spec.title == title for spec in SPECS.values()) > 1
    return f"{title}, {code.partition('_')[0]}" if is_shared else title


def routes_of(course: Course) -> list[tuple[str, str]]:
    """The routes of the course's own protocol, for a form to choose from."""
    return [
        (str(route), plan.title)
        for route, plan in protocol_actions.protocol_of(course.protocol).routes.items()
    ]


def routes_to_choose(course: Course) -> list[tuple[str, str]]:
    """The same, each that has no text to sign yet saying so."""
    routes = routes_of(course)
    lacking = routes_lacking(code for code, _ in routes)
    return [
        (code, f"{title} (its text to sign is not published yet)" if code in lacking else title)
        for code, title in routes
    ]


def order_form(desk: Desk, data: Any = None) -> OrderForm:
    """The form of an order; shown anew it begins with the last weight on record."""
    newest = MedicalFact.objects.filter(subject=desk.person, code="weight_kg", corrected_by__isnull=True)
    weight = newest.order_by("-observed_at").values_list("value", flat=True).first() if data is None else None
    # Ids of its own: the questions of the work-up stand on the same page and ask for the weight too.
    return OrderForm(
        data,
        proof=desk.cosigned.get("second"),
        lacks=_lacks(desk.course),
        initial={"weight_kg": weight},
        auto_id="id_order_%s",
    )


def _lacks(course: Course | None) -> tuple[str, ...]:
    """What an order by this course's route does not name: nothing runs in but an infusion, nothing is drawn up but for a needle."""
    if course is None or not course.route:
        return ()
    plan = protocol_actions.protocol_of(course.protocol).routes.get(Route(course.route))
    if plan is None or plan.dose.infusion_minutes_maximum:
        return ()
    drawn = course.route in (Route.IV, Route.IM)
    return ("minutes", "bag_ml") if drawn else ("minutes", "bag_ml", "concentration_mg_per_ml")
