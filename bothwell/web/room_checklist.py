"""Before the dose: every gate with its reason, who answered, and the form for what is missing.

It passes no gate: that is the rule's, which is asked again when the dose is begun.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from bothwell.couples.models import Assignment, Role, open_at
from bothwell.dosing import checklist_actions, gate_actions
from bothwell.dosing import gates as gating
from bothwell.dosing.gates import Gate, GateResult
from bothwell.dosing.models import GateCheck
from bothwell.pathway import preparation_actions, protocol_actions
from bothwell.pathway.steps import Role as Towards
from bothwell.web import bedside_forms, bedside_values, checklist_forms, entry_forms
from bothwell.web.room_bed import Bed
from bothwell.web.room_dose import as_ordered, began_form

ANSWERED_BY: dict[Gate, str] = {
    Gate.CONSENT_REAFFIRMED: "consent_reaffirmed",
    Gate.SUICIDE_RESCREENED: "suicide_rescreened",
    Gate.MEDICATIONS_CHANGED: "medications",
    Gate.PREGNANCY: "pregnancy",
    Gate.FASTING: "fasting",
    Gate.WEIGHT_RECORDED: "weight",
    Gate.ANTIEMETIC: "antiemetic",
    Gate.ESCORT: "escort",
    Gate.EQUIPMENT: "equipment",
    Gate.STAFFING: "staffing",
}
TITLES: dict[Gate, str] = {
    Gate.PROTOCOL_SIGNED: "Protocol",
    Gate.COURSE_ACTIVE: "Course",
    Gate.FINDINGS: "Findings",
    Gate.DECISION_SIGNED: "Joint decision",
    Gate.CONSENTS_IN_FORCE: "Consent",
    Gate.ORDER_SIGNED: "Order",
    Gate.DAYS_BETWEEN: "Days since the last dose",
    Gate.PARTNER_NOT_IN_SESSION: "One at a time",
    Gate.CONSENT_REAFFIRMED: "Wanted today",
    Gate.SUICIDE_RESCREENED: "Suicide risk",
    Gate.MEDICATIONS_CHANGED: "Medicines",
    Gate.PREGNANCY: "Pregnancy",
    Gate.FASTING: "Fasting",
    Gate.WEIGHT_RECORDED: "Weight",
    Gate.BLOOD_PRESSURE: "Blood pressure",
    Gate.OXYGEN_SATURATION: "Oxygen saturation",
    Gate.ANTIEMETIC: "Antiemetic",
    Gate.ESCORT: "Going home",
    Gate.EQUIPMENT: "Equipment",
    Gate.STAFFING: "Who is here",
}
DECIDES: dict[str, tuple[str, str]] = {
    "pressure_override": ("Going on above the hold limit is yours to decide, with a reason.", "Decide"),
    "interval_override": (
        "Going on so soon after the last dose is yours to decide, with a reason.",
        "Decide",
    ),
    "medications_seen": ("You say that you know what changed.", "Answer"),
    "suicide_rescreened": (
        "You ask the person again, and say whether it holds the dose.",
        "Ask again and decide",
    ),
}
"""What only the prescriber answers: why, and what the button says."""
DECIDED_BY: dict[Gate, str] = {
    Gate.BLOOD_PRESSURE: "pressure_override",
    Gate.DAYS_BETWEEN: "interval_override",
    Gate.MEDICATIONS_CHANGED: "medications_seen",
    Gate.SUICIDE_RESCREENED: "suicide_rescreened",
}
"""The gates about which a prescriber decides, and the item of the checklist that keeps it."""
ELSEWHERE: dict[Gate, str] = {
    Gate.PROTOCOL_SIGNED: "The medical director signs it under Clinic.",
    Gate.COURSE_ACTIVE: "The prescriber moves the course from the work-up.",
    Gate.DECISION_SIGNED: "It is signed by the prescriber, the couples therapist and the person.",
    Gate.CONSENTS_IN_FORCE: "The person signs it under their own login.",
    Gate.ORDER_SIGNED: "The prescriber signs it from the work-up.",
    Gate.PARTNER_NOT_IN_SESSION: "It must be signed off first.",
}


@dataclass(frozen=True)
class ToDecide:
    """What the prescriber can decide about a gate that holds: why it is theirs, the button, the form."""

    check: str
    words: str
    act: str
    form: bedside_forms.Bedside


@dataclass(frozen=True)
class GateRow:
    """One gate of the checklist: whether it is passed, why, who answered, and the form that answers it."""

    title: str
    result: GateResult
    form: bedside_forms.Bedside | None = None
    check: str = ""
    elsewhere: str = ""
    answered: GateCheck | None = None
    value: str = ""
    """What was answered, in words."""
    decision: ToDecide | None = None
    is_task: bool = False
    """Whether an open safety task holds it, which the viewer may acknowledge among the tasks."""

    @property
    def may_be_decided(self) -> bool:
        """Whether a prescriber may come to decide about this gate: their row has its place on the page."""
        return self.result.name in DECIDED_BY


def before_the_dose(bed: Bed, values: Sequence[bedside_values.Value]) -> dict[str, Any]:
    """The checklist: every gate, the form for what is missing, and what stands between now and the dose."""
    known = gate_actions.before(
        bed.session, bedside_values.pressures(values), bedside_values.newest_at(values, "spo2")
    )
    results = gating.gates(known, protocol_actions.protocol_of(bed.session.course.protocol))
    answers = checklist_actions.checks_of(bed.session)
    decisions = _decisions(bed, known, results)
    rows = [_gate_row(bed, result, answers) for result in results]
    rows = [replace(row, decision=decisions.get(row.result.name)) for row in rows]
    told = {Gate.MEDICATIONS_CHANGED: known.medications_changed}
    rows = [replace(row, value=f"{what}.") if (what := told.get(row.result.name)) else row for row in rows]
    rows = [_asking_of_the_named(bed, row) if row.result.name is Gate.ESCORT else row for row in rows]
    if _is_asked_again(known):
        rows = [
            _seen_to(bed, row, known) if row.result.name is Gate.SUICIDE_RESCREENED else row for row in rows
        ]
    return {
        "gates": rows,
        "missing": [row.title.lower() for row in rows if not row.result.passed],
        "passed": sum(row.result.passed for row in rows),
        **as_ordered(bed),
        "start_form": began_form(bed),
    }


def _is_asked_again(known: gating.Before) -> bool:
    """Whether it is the prescriber who asks about suicide: after an open answer, or a Yes said at the bed today."""
    return known.suicide.flag_at is not None or known.suicide.yes_at is not None


def _seen_to(bed: Bed, row: GateRow, known: gating.Before) -> GateRow:
    """The row of a positive answer that is open: who asks again, and the way to acknowledge it."""
    if row.result.passed:
        return row
    return replace(
        row,
        elsewhere="" if row.decision else _who_decides(bed),
        form=None if row.decision else row.form,
        is_task=known.suicide.flag_at is not None and not known.suicide.flag_is_acknowledged,
    )


def _asking_of_the_named(bed: Bed, row: GateRow) -> GateRow:
    """The row of going home before it is answered: whom the preparation names, and that somebody must look."""
    kept = preparation_actions.preparation_of(bed.session.course)
    if row.result.passed or row.answered or kept is None or not kept.escort_name:
        return row
    name = kept.escort_name[:1].upper() + kept.escort_name[1:]
    asked = f"{name} is named in the preparation: are they here, or reached by telephone?"
    return replace(row, result=replace(row.result, reason=asked))


def _who_decides(bed: Bed) -> str:
    """The prescribers of this person by name: those who ask again."""
    held = Assignment.objects.filter(
        open_at(timezone.now()), subject_id=bed.session.subject_id, role=Role.PRESCRIBER
    )
    names = [one.staff.signs_as for one in held.select_related("staff").order_by("since", "id")]
    return f"To call: {' or '.join(names)}." if names else "No prescriber is assigned to this person."


def check_form(bed: Bed, name: str, data: Any = None, auto_id: str = "id_%s") -> bedside_forms.Bedside:
    """The form of one item of the checklist, with what is known already filled in."""
    _, kind = checklist_forms.CHECKS[name]
    if name == "suicide_rescreened" and bed.session.started_at is not None:
        kind = checklist_forms.RescreenedAfter
    form = kind(data, zone=bed.zone, auto_id=auto_id)
    if isinstance(form, checklist_forms.Staffed):
        form.fill(
            checklist_actions.staff_who_are(Role.PRESCRIBER), checklist_actions.staff_who_are(Role.NURSE)
        )
        if Towards.NURSE in bed.roles:
            form.initial["nurse"] = str(bed.who.id)
    if isinstance(form, checklist_forms.Escorted) and (
        kept := preparation_actions.preparation_of(bed.session.course)
    ):
        form.initial.update(escort=kept.escort_name, phone=kept.escort_phone)
    return form


def _gate_row(bed: Bed, result: GateResult, answers: Mapping[str, GateCheck]) -> GateRow:
    check = ANSWERED_BY.get(result.name, "")
    if check:
        is_asked = result.name is not Gate.PREGNANCY or "Not applicable" not in result.reason
        form = check_form(bed, check, auto_id=f"{check}_%s") if is_asked else None
        answer = answers.get(check) if is_asked else None
        return GateRow(TITLES[result.name], result, form, check, "", answer, _value_words(answer, bed.zone))
    if result.name is Gate.BLOOD_PRESSURE:
        title, parts = entry_forms.ENTRIES["pressure"]
        readings = entry_forms.Readings(zone=bed.zone, parts=parts, auto_id="gate_pressure_%s")
        return GateRow(title, result, readings, "pressure", "", answers.get("pressure_override"))
    if result.name is Gate.OXYGEN_SATURATION:
        _, parts = entry_forms.ENTRIES["vitals"]
        readings = entry_forms.Readings(zone=bed.zone, parts=parts, auto_id="gate_vitals_%s")
        return GateRow(TITLES[result.name], result, readings, "vitals")
    if result.name is Gate.DAYS_BETWEEN:
        return GateRow(TITLES[result.name], result, answered=answers.get("interval_override"))
    return GateRow(TITLES[result.name], result, elsewhere=ELSEWHERE.get(result.name, ""))


def _value_words(check: GateCheck | None, zone: ZoneInfo) -> str:
    """What was answered, where the reason beside it does not say so already."""
    if check is None:
        return ""
    match check.name, check.value:
        case "weight", value:
            return f"{value} kg."
        case "fasting", {"food_at": food, "drink_at": drink}:
            return f"Food {_clock(food, zone)}, drink {_clock(drink, zone)}."
        case "pregnancy", {"result": result}:
            return f"{str(result).capitalize()}."
        case "escort", {"name": name, "phone": phone, "is_here": is_here}:
            return ", ".join(one for one in (name, phone, "is here" if is_here else "") if one) + "."
    return ""


def _clock(text: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).strftime("%a %H:%M")


def _decisions(bed: Bed, known: gating.Before, results: Sequence[GateResult]) -> dict[Gate, ToDecide]:
    """What holds and is the viewer's to decide; nothing for anybody but the prescriber."""
    if Towards.PRESCRIBER not in bed.roles:
        return {}
    earlier = known.earlier
    is_theirs = {
        Gate.BLOOD_PRESSURE: any(row.name is Gate.BLOOD_PRESSURE and row.evidence for row in results),
        Gate.DAYS_BETWEEN: earlier is not None and earlier.days_since is not None,
        Gate.MEDICATIONS_CHANGED: bool(known.medications_changed),
        Gate.SUICIDE_RESCREENED: _is_asked_again(known),
    }
    shut = [row.name for row in results if not row.passed]
    return {
        gate: _decision(bed, check) for gate, check in DECIDED_BY.items() if gate in shut and is_theirs[gate]
    }


def _decision(bed: Bed, check: str) -> ToDecide:
    kind = checklist_forms.CHECKS[check][1]
    if check == "suicide_rescreened":
        kind = checklist_forms.Decided
    return ToDecide(check, *DECIDES[check], kind(zone=bed.zone, auto_id=f"decide_{check}_%s"))
