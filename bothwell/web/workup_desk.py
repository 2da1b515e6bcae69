"""One person's work-up as one clinician sees it: findings, the steps open to them, the decision, the measures.

It only reads. It knows nothing of violence and coercion screening, and looks the same whatever that says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.decision import Decision
from bothwell.pathway import (
    course_actions,
    decision_actions,
    eligibility,
    protocol_actions,
    steps,
    workup_actions,
)
from bothwell.pathway.facts import Severity
from bothwell.pathway.models import Course, DecisionSignature, HoldReason, JointDecision, Step, Verdict
from bothwell.pathway.schema import Status
from bothwell.privacy.models import BreakGlass, Consent, ReleaseClass
from bothwell.web.around import zone_of
from bothwell.web.caring import cared_for
from bothwell.web.cosign import Proof
from bothwell.web.texts_lacking import routes_lacking
from bothwell.web.trajectory import Course as Trajectory
from bothwell.web.trajectory import change_words
from bothwell.web.trajectory_rows import measures_of
from bothwell.web.workup_forms import ResolveForm

HOW_WEIGHED = "What it changes here: the dose, what is watched, or nothing, and why. It stands in the record."
MEDICAL_ROLES = frozenset({steps.Role.PRESCRIBER, steps.Role.NURSE})
STEP_TITLES = {
    steps.Kind.HOLD: "Put on clinical hold",
    steps.Kind.RESUME: "End the hold",
    steps.Kind.STEP_BACK: "Back to preparation, without a dose",
    steps.Kind.STOP: "Stop the course early",
    steps.Kind.DEFER: "Not yet: let the decision wait",
    steps.Kind.DECLINE: "Not this way: end the course",
}


DONE = {
    "begin": "The course began",
    steps.ASSESSED: "The couple was assessed",
    steps.Kind.HOLD: "Put on clinical hold",
    steps.Kind.RESUME: "The hold ended",
    steps.Kind.STEP_BACK: "Back to preparation, without a dose",
    steps.Kind.STOP: "Stopped early",
    steps.Kind.DEFER: "Not yet",
    steps.Kind.DECLINE: "Not this way",
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
    def sessions_may_be_planned(self) -> Decision:
        """Whether this course takes a dosing session now, with the sentence that says why not."""
        if self.course is None:
            return Decision.no("No course is open.")
        return steps.takes_sessions(course_actions.state_of(self.course))

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
        is_caution = one.kind is Severity.CAUTION
        judged = eligibility.is_weighed if is_caution else eligibility.is_resolved
        decided = judged(one, self.resolutions)
        kept_under = eligibility.weighed(one.code) if is_caution else one.code
        by = [each for each in self.resolutions if each.code == kept_under]
        form = self.bound.get("resolve")
        if form is None or form.data.get("finding") != one.code:
            form = ResolveForm(initial={"finding": one.code}, auto_id=f"id_{one.code}_%s")
        form.fields["reason"].help_text = HOW_WEIGHED if is_caution else ""
        is_hold = one.kind in (Severity.ABSOLUTE, Severity.HOLD) and not decided
        return {
            "finding": one,
            "icon": "hold" if is_hold else "weigh",
            "is_hold": is_hold,
            "is_caution": is_caution,
            "is_absolute": one.kind is Severity.ABSOLUTE,
            "decided": max(by, key=lambda each: each.decided_at) if decided else None,
            "confirm": one.status is Status.DEFAULT,
            "evidence": evidence(one),
            "form": form
            if one.kind in (Severity.HOLD, Severity.CAUTION) and not decided and self.is_prescriber
            else None,
        }

    def tally(self) -> list[tuple[str, int, str, str]]:
        rows = self.shown()
        holds = sum(1 for row in rows if row["is_hold"])
        waiting = sum(1 for row in rows if row["is_caution"] and not row["decided"])
        given = sum(1 for row in rows if row["decided"])
        reasons = "with a reason" + (f"; {given} given" if given else "")
        return [
            ("hold", holds, "Hold" if holds == 1 else "Holds", "no dose until decided"),
            ("weigh", waiting, "To weigh", reasons),
            ("missing", len(self.of(Severity.MISSING)), "Missing", "not known, or too old"),
            ("clear", len(self.of(Severity.CLEAR)), "Clear", "checked, nothing found"),
        ]

    # --------------------------------------------------------------------------------------------- the course

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
        ways = course_actions.open_steps(self.course, self.viewer)
        met = course_actions.met_gates(self.course, {name for way in ways for name in (*way.gates, *own)})
        for way in sorted(ways, key=lambda way: way.event != steps.Kind.ADVANCE):
            names = dict.fromkeys((*way.gates, *(own if way.event is steps.Kind.ADVANCE else ())))
            is_asked = asked is not None and (asked.data.get("kind"), asked.data.get("to")) == (
                way.event,
                way.to,
            )
            ticked = attested_in(asked) if is_asked else []
            rows.append(
                {
                    "way": way,
                    "title": _title(way),
                    "gates": [
                        {
                            "name": name,
                            "words": course_actions.gate_words(self.course, name),
                            "met": name in met,
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
        return [{"step": one, "words": _done(one), "reason": reasons.get(one.id)} for one in taken]

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
    def _signs_as(self) -> str:
        """Which of the clinicians who sign this viewer is; empty for everyone else."""
        return next((role for role in decision_actions.CREDENTIALS_NEEDED if role in self.roles), "")

    @property
    def credentials_missing(self) -> list[str]:
        """What this viewer lacks on file, in words, to sign that it goes on."""
        missing = decision_actions.credentials_missing(self.viewer, self._signs_as) if self._signs_as else []
        return [str(kind.label) for kind in missing]

    @property
    def route_without_text(self) -> bool:
        """Whether the route that is asked about has no text to sign: nobody gets past consent by it."""
        return self.decision is not None and self.decision.route in routes_lacking([self.decision.route])

    @property
    def may_sign(self) -> bool:
        """Whether this viewer's own signature is wanting."""
        signing = self._signs_as
        signed = {one.signs_as for _, one in self.signatures if one}
        return bool(
            self.decision
            and self.course
            and self.course.state == steps.State.ACTIVE
            and signing
            and signing not in signed
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


def attested_in(form: Any) -> list[str]:
    """The gates vouched for in a posted step."""
    given: list[str] = form.data.getlist("attested")
    return given


def _title(way: steps.Transition) -> str:
    if way.event is steps.Kind.ADVANCE:
        return f"On to {steps.words(way.to)}"
    return STEP_TITLES[way.event]


def _done(step: Step) -> str:
    """A step of the history in words."""
    if step.event == steps.Kind.ADVANCE:
        return f"On to {steps.words(step.to_phase)}"
    return DONE.get(step.event, steps.words(step.event))


def evidence(one: eligibility.Finding) -> list[tuple[str, str, Any]]:
    """(who, from where or with what note, when) behind a finding, each moment once."""
    seen = dict.fromkeys((fact.recorded_by, fact.note, fact.observed_at) for fact in one.evidence)
    return sorted(seen, key=lambda row: row[2], reverse=True)


def desk_of(request: HttpRequest, person_id: UUID) -> Desk:
    """The desk of whoever asks, for this person; 404 for everyone who is nothing to them."""
    care = cared_for(request, person_id)
    who, person = care.viewer, care.person
    courses = Course.objects.select_related("protocol__signed_by", "couple", "subject").filter(subject=person)
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
