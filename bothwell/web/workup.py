"""The prescriber's desk: is it safe and right, and if not, why not?

Everyone who cares for this person opens the same page and finds what row-level security shows them. It knows
nothing
of violence and coercion screening, and looks the same whatever that says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Membership, Person, PersonKind
from bothwell.dosing import order as ordering
from bothwell.dosing import order_actions, visit_actions
from bothwell.instruments.models import SafetyFlag
from bothwell.pathway import (
    course_actions,
    decision_actions,
    eligibility,
    preparation_actions,
    protocol_actions,
    rights_actions,
    steps,
    workup_actions,
)
from bothwell.pathway.facts import SPECS, Severity
from bothwell.pathway.models import Course, DecisionSignature, HoldReason, JointDecision, MedicalFact, Verdict
from bothwell.pathway.schema import Route, Status
from bothwell.privacy import audit
from bothwell.privacy.models import BreakGlass, Consent, ReleaseClass
from bothwell.refusal import Refused, Stale
from bothwell.web.around import zone_of
from bothwell.web.asking import not_ones_own, require
from bothwell.web.cosign import Proof
from bothwell.web.trajectory import Course as Trajectory
from bothwell.web.trajectory import change_words
from bothwell.web.trajectory_rows import measures_of
from bothwell.web.workup_forms import (
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
)

WORKUP_ROLES = frozenset(steps.Role) - {steps.Role.COORDINATOR, steps.Role.PARTNER}
MEDICAL_ROLES = frozenset({steps.Role.PRESCRIBER, steps.Role.NURSE})
STEP_TITLES = {
    steps.Kind.HOLD: "Put on clinical hold",
    steps.Kind.RESUME: "End the hold",
    steps.Kind.STEP_BACK: "Back to preparation, without a dose",
    steps.Kind.STOP: "Stop the course early",
    steps.Kind.DEFER: "Not yet: let the decision wait",
    steps.Kind.DECLINE: "Not this way: end the course",
}
RECORD_SHOWN = 100
PREPARE_ID = "id_prepare_%s"
VERDICT_WORDS = {
    Verdict.PROCEED: ("Go on together", "Everything is known, and nothing stands that holds"),
    Verdict.DEFER: ("Not yet", "Say what must change; the door stays open"),
    Verdict.DECLINE: ("Not this way", "Say why, kindly; other care goes on"),
}


@dataclass
class Desk:
    """One person's work-up as this viewer sees it."""

    viewer: Person
    person: Person
    side: str
    course: Course | None
    roles: frozenset[steps.Role]
    releases: list[Consent]
    consents: list[Consent]
    broke_glass: bool
    bound: dict[str, forms.Form] = field(default_factory=dict)
    cosigned: Mapping[str, Proof] = field(default_factory=dict)
    """Who proved to be there beside the viewer, by their own address and password."""

    @property
    def name(self) -> str:
        return self.person.name_used

    @cached_property
    def sees_medical(self) -> bool:
        """Whether findings are theirs to read: by role, by this person's release, or for an hour by
        break-glass.
        """
        return (
            bool(self.roles & MEDICAL_ROLES)
            or self.broke_glass
            or self._released(ReleaseClass.MEDICAL_SUMMARY)
        )

    def _released(self, data: ReleaseClass) -> bool:
        return any(one.release_class == data and one.release_to in self.roles for one in self.releases)

    @property
    def may_record(self) -> bool:
        return bool(self.roles & MEDICAL_ROLES)

    @property
    def is_prescriber(self) -> bool:
        return steps.Role.PRESCRIBER in self.roles

    # ----------------------------------------------------------------------------------------------- findings

    @cached_property
    def findings(self) -> list[eligibility.Finding]:
        return workup_actions.findings_of(self.course) if self.course and self.sees_medical else []

    @cached_property
    def resolutions(self) -> list[eligibility.Resolution]:
        return workup_actions.resolutions_of(self.person.id) if self.sees_medical else []

    @cached_property
    def clear(self) -> Any:
        return eligibility.may_clear(self.findings, self.resolutions)

    def of(self, *kinds: Severity) -> list[eligibility.Finding]:
        return [one for one in self.findings if one.kind in kinds]

    def shown(self) -> list[dict[str, Any]]:
        """What has to be looked at, the gravest first, with the decision on a hold where there is one."""
        grave = self.of(Severity.ABSOLUTE, Severity.HOLD, Severity.CAUTION)
        return [self._row(one) for one in grave]

    def _row(self, one: eligibility.Finding) -> dict[str, Any]:
        decided = eligibility.is_resolved(one, self.resolutions)
        by = [each for each in self.resolutions if each.code == one.code]
        form = self.bound.get("resolve")
        if form is None or form.data.get("finding") != one.code:
            form = ResolveForm(initial={"finding": one.code}, auto_id=f"id_{one.code}_%s")
        is_hold = one.kind in (Severity.ABSOLUTE, Severity.HOLD) and not decided
        return {
            "finding": one,
            "icon": "hold" if is_hold else "weigh",
            "is_hold": is_hold,
            "is_absolute": one.kind is Severity.ABSOLUTE,
            "decided": max(by, key=lambda each: each.decided_at) if decided else None,
            "confirm": one.status is Status.DEFAULT,
            "evidence": evidence(one),
            "form": form if one.kind is Severity.HOLD and not decided and self.is_prescriber else None,
        }

    def tally(self) -> list[tuple[str, int, str, str]]:
        rows = self.shown()
        holds = sum(1 for row in rows if row["is_hold"])
        return [
            ("hold", holds, "Hold" if holds == 1 else "Holds", "no dose until decided"),
            ("weigh", len(rows) - holds, "To weigh", "your reason is recorded"),
            ("missing", len(self.of(Severity.MISSING)), "Missing", "not known, or too old"),
            ("clear", len(self.of(Severity.CLEAR)), "Clear", "checked, nothing found"),
        ]

    # --------------------------------------------------------------------------------------------- the course

    @cached_property
    def met(self) -> frozenset[str]:
        return course_actions.met_gates(self.course) if self.course else frozenset()

    def open_steps(self) -> list[dict[str, Any]]:
        """The steps this viewer could ask for, each gate with whether a row proves it or somebody vouches for
        it.
        """
        if self.course is None:
            return []
        own = protocol_actions.protocol_of(self.course.protocol).also_needs(steps.Phase(self.course.phase))
        attestable = course_actions.attestable(self.course)
        asked = self.bound.get("step")
        rows = []
        for way in sorted(
            course_actions.open_steps(self.course, self.viewer),
            key=lambda way: way.event != steps.Kind.ADVANCE,
        ):
            names = dict.fromkeys((*way.gates, *(own if way.event is steps.Kind.ADVANCE else ())))
            is_asked = asked is not None and (asked.data.get("kind"), asked.data.get("to")) == (
                way.event,
                way.to,
            )
            ticked = _ticked(asked) if is_asked else []
            rows.append(
                {
                    "way": way,
                    "title": _title(way),
                    "gates": [
                        {
                            "name": name,
                            "words": course_actions.gate_words(self.course, name),
                            "met": name in self.met,
                            "attest": name in attestable,
                            "ticked": name in ticked,
                        }
                        for name in names
                    ],
                    "needs_reason": way.event in steps.NEEDS_REASON,
                    "is_hold": way.event is steps.Kind.HOLD,
                    "form": asked if is_asked else None,
                    "is_advance": way.event is steps.Kind.ADVANCE,
                }
            )
        return rows

    @cached_property
    def steps_so_far(self) -> list[dict[str, Any]]:
        if self.course is None:
            return []
        reasons = {one.step_id: one for one in HoldReason.objects.filter(step__course=self.course)}
        taken = self.course.steps.select_related("author").order_by("-number")
        return [
            {"step": one, "words": steps.words(one.event), "reason": reasons.get(one.id)} for one in taken
        ]

    # ------------------------------------------------------------------------------------------- the decision

    @cached_property
    def decision(self) -> JointDecision | None:
        return decision_actions.decision_of(self.course) if self.course else None

    @cached_property
    def signatures(self) -> list[tuple[str, DecisionSignature | None]]:
        by_role = {one.signs_as: one for one in self.decision.signatures.all()} if self.decision else {}
        return [
            (label, by_role.get(role))
            for role, label in (
                (DecisionSignature.As.PRESCRIBER, "Prescriber"),
                (DecisionSignature.As.COUPLES_THERAPIST, "Couples therapist"),
                (DecisionSignature.As.PARTNER, self.name),
            )
        ]

    @property
    def may_sign(self) -> bool:
        """Whether this viewer's own signature is wanting."""
        signing = [role for role in ("prescriber", "couples_therapist") if role in self.roles][:1]
        signed = {one.signs_as for _, one in self.signatures if one}
        return bool(
            self.decision
            and self.course
            and self.course.state == steps.State.ACTIVE
            and signing
            and signing[0] not in signed
            and not decision_actions.is_decided(self.decision)
        )

    @property
    def may_open_decision(self) -> bool:
        asks = self.roles & {steps.Role.PRESCRIBER, steps.Role.COUPLES_THERAPIST}
        here = (
            self.course and self.course.phase == steps.Phase.JOINT_DECISION and self.course.state == "active"
        )
        answered = self.decision is None or any(
            one and one.verdict != Verdict.PROCEED for _, one in self.signatures
        )
        return bool(asks and here and answered)

    # ----------------------------------------------------------------------------------------------- measures

    @cached_property
    def measures(self) -> list[Trajectory]:
        """The score that stands for each questionnaire this viewer sees, with its last total and its change."""
        found = measures_of([self.person.id], self.person.clinic_id, zone_of(self.person))[self.person.id]
        return [one.heads[0] for one in found if one.heads[0].is_main]

    @cached_property
    def measures_in_words(self) -> list[tuple[Trajectory, str]]:
        """Each with what its change since the first total says."""
        today = timezone.localdate()
        return [(one, change_words(one, today)) for one in self.measures]


def _ticked(form: Any) -> list[str]:
    """The gates vouched for in a posted step."""
    given: list[str] = form.data.getlist("attested")
    return given


def _title(way: steps.Transition) -> str:
    if way.event is steps.Kind.ADVANCE:
        return f"On to {steps.words(way.to)}"
    return STEP_TITLES[way.event]


def evidence(one: eligibility.Finding) -> list[tuple[str, str, Any]]:
    """(who, from where or with what note, when) behind a finding, each moment once."""
    seen = dict.fromkeys((fact.recorded_by, fact.note, fact.observed_at) for fact in one.evidence)
    return sorted(seen, key=lambda row: row[2], reverse=True)


# ---------------------------------------------------------------------------------------------------- reading


@dataclass(frozen=True)
class Care:
    """A clinician, the person they care for, that person's side if they are in a couple, and as what they care."""

    viewer: Person
    person: Person
    side: str
    roles: frozenset[steps.Role]


def cared_for(request: HttpRequest, person_id: UUID) -> Care:
    """Who is looking at whom, or 404 for everyone who is nothing to this person."""
    who = require(request)
    person = get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    not_ones_own(who, person=person.id)
    member = Membership.objects.filter(person=person, couple__parted_at__isnull=True).first()
    roles = rights_actions.roles_towards(who, person.id, member.couple_id if member else None) & WORKUP_ROLES
    if not roles:
        raise Http404
    return Care(who, person, member.side if member else "", roles)


def _desk(request: HttpRequest, person_id: UUID) -> Desk:
    care = cared_for(request, person_id)
    who, person = care.viewer, care.person
    courses = Course.objects.select_related("protocol", "couple", "subject").filter(subject=person)
    signed = list(
        Consent.objects.select_related("text")
        .filter(subject=person, withdrawn_at__isnull=True)
        .order_by("recorded_at")
    )
    return Desk(
        viewer=who,
        person=person,
        side=care.side,
        course=courses.order_by("-recorded_at").first(),
        roles=care.roles,
        releases=[one for one in signed if one.release_class],
        consents=[one for one in signed if not one.release_class],
        cosigned=request.cosigned,  # type: ignore[attr-defined]
        broke_glass=BreakGlass.objects.filter(
            author=who, subject=person, expires_at__gt=timezone.now()
        ).exists(),
    )


def _page(request: HttpRequest, desk: Desk, status: int = 200, **more: Any) -> HttpResponse:
    audit.viewed(desk.viewer, subject=desk.person, what="medical" if desk.sees_medical else "pathway")
    course = desk.course
    context: dict[str, Any] = {"desk": desk, "course": course, "bound": desk.bound, **more}
    if course:
        context |= _course_context(desk, course)
    context["flags"] = SafetyFlag.objects.filter(subject=desk.person, closed__isnull=True).count()
    return render(request, "workup/page.html", context, status=status)


def _course_context(desk: Desk, course: Course) -> dict[str, Any]:
    bound = desk.bound
    return {
        "phase": steps.words(course.phase),
        "state": steps.words(course.state),
        "purpose": protocol_actions.protocol_of(course.protocol).phases[steps.Phase(course.phase)].purpose,
        "facts_form": bound.get("facts") or (FactsForm() if desk.may_record else None),
        "on_record": _on_record(desk) if desk.sees_medical else [],
        "decision_form": bound.get("decision") or DecisionForm(routes=_routes(course)),
        "sign_form": bound.get("sign")
        or SignForm(initial={"decision": desk.decision.id if desk.decision else None}),
        "verdicts": [(verdict, *words) for verdict, words in VERDICT_WORDS.items()],
        "order_form": bound.get("order") or _order_form(desk),
        "orders": course.orders.select_related("author", "second_signature").order_by("-recorded_at")[:5]
        if desk.sees_medical
        else [],
        "schedule_form": bound.get("schedule") or ScheduleForm(),
        "sessions": course.sessions.select_related("room").order_by("scheduled_at"),
        "series_form": bound.get("series") or SeriesForm(initial={"sessions": course.sessions_planned}),
        "preparation": (kept := preparation_actions.preparation_of(course)),
        "prepare_form": bound.get("prepare")
        or PrepareForm(initial=vars(kept) if kept else None, auto_id=PREPARE_ID),
        "may_prepare": bool(desk.roles & {*MEDICAL_ROLES, steps.Role.INDIVIDUAL_THERAPIST}),
        "is_open": course.state in (steps.State.ACTIVE, steps.State.ON_HOLD),
    }


def _on_record(desk: Desk) -> list[tuple[MedicalFact, str]]:
    """What stands on record, newest first, with the title of its question; what was corrected is left out."""
    standing = MedicalFact.objects.select_related("author").filter(
        subject=desk.person, corrected_by__isnull=True
    )
    newest = standing.order_by("-observed_at", "code")[:RECORD_SHOWN]
    return [
        (fact, SPECS[fact.code].title if fact.code in SPECS else steps.words(fact.code)) for fact in newest
    ]


def _routes(course: Course) -> list[tuple[str, str]]:
    return [
        (str(route), plan.title)
        for route, plan in protocol_actions.protocol_of(course.protocol).routes.items()
    ]


def _order_form(desk: Desk, data: Any = None) -> OrderForm:
    newest = MedicalFact.objects.filter(subject=desk.person, code="weight_kg", corrected_by__isnull=True)
    weight = newest.order_by("-observed_at").values_list("value", flat=True).first() if data is None else None
    # Ids of its own: the questions of the work-up stand on the same page and ask for the weight too.
    return OrderForm(
        data, proof=desk.cosigned.get("second"), initial={"weight_kg": weight}, auto_id="id_order_%s"
    )


# ----------------------------------------------------------------------------------------------------- acting

Act = Callable[[Desk, Course, Any], str]


def _facts(desk: Desk, course: Course, form: FactsForm) -> str:
    cleaned = form.cleaned_data
    common = {"by": desk.viewer, "subject": desk.person, "source": cleaned["source"], "note": cleaned["note"]}
    post = cleaned["request_id"]
    values, second = form.values(), form.second()
    if values:
        workup_actions.record_facts(
            **common, values=values, observed_at=cleaned["observed_at"], request_id=post
        )
    if second:
        workup_actions.record_facts(**common, values=second[0], observed_at=second[1], request_id=post)
    return "Recorded."


def _resolve(desk: Desk, course: Course, form: ResolveForm) -> str:
    workup_actions.resolve(by=desk.viewer, course=course, **form.cleaned_data)
    return "Decided, with your reason. Newer evidence will ask again."


def _step(desk: Desk, course: Course, form: StepForm) -> str:
    given = form.cleaned_data
    if given["kind"] not in list(steps.Kind) or (given["to"] and given["to"] not in list(steps.Phase)):
        raise Refused("There is no such step.")
    taken = course_actions.take_step(
        by=desk.viewer,
        course_id=course.id,
        kind=steps.Kind(given["kind"]),
        to=steps.Phase(given["to"]) if given["to"] else None,
        attested=_ticked(form),
        why=given["why"],
        hold_kind=HoldReason.Kind(given["hold_kind"] or HoldReason.Kind.MEDICAL),
        steps_seen=given["steps_seen"],
    )
    return taken.sentence


def _decision(desk: Desk, course: Course, form: DecisionForm) -> str:
    decision_actions.open_decision(by=desk.viewer, course=course, **form.cleaned_data)
    return "The question is before the three."


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


def _schedule(desk: Desk, course: Course, form: ScheduleForm) -> str:
    if form.cleaned_data["at"] < timezone.now() - timedelta(hours=12):
        raise Refused("This time lies in the past. Choose a later one.")
    if not desk.may_record:
        raise Refused("The prescriber, the nurse or the coordinator schedules a session.")
    visit_actions.schedule(by=desk.viewer, course=course, **form.cleaned_data)
    return "Scheduled."


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
    "decision": (lambda desk, course, data: DecisionForm(data, routes=_routes(course)), _decision),
    "sign": (lambda desk, course, data: SignForm(data), _sign),
    "order": (lambda desk, course, data: _order_form(desk, data), _order),
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
    desk = _desk(request, person_id)
    if request.method == "GET":
        return _page(request, desk)
    do = request.POST.get("do", "")
    if do not in ACTS or desk.course is None:
        raise Http404
    read, act = ACTS[do]
    form = read(desk, desk.course, request.POST)
    desk.bound[do] = form
    if not form.is_valid():
        return _page(request, desk, 422, trouble=do)
    if do == "order" and request.POST.get("act") == "check":
        return _page(request, desk, check=_check(desk.course, form), trouble="order")
    try:
        messages.success(request, act(desk, desk.course, form))
    except Refused as refused:
        form.add_error(None, refused.reason)
        check = _check(desk.course, form) if do == "order" else None
        return _page(request, desk, 409 if isinstance(refused, Stale) else 422, trouble=do, check=check)
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
    desk = _desk(request, person_id)
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
    desk = _desk(request, person_id)
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
