"""What stands on the page of the dosing room, put together from the session as it is now.

It reads and reckons only: it decides nothing, writes nothing and says nothing of the partner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person, Role
from bothwell.dosing import checklist_actions, flowsheet, gate_actions, giving_actions, order_actions
from bothwell.dosing import order as ordering
from bothwell.dosing.gates import Gate, GateResult
from bothwell.dosing.models import Administration, DosingSession, GateCheck, Order
from bothwell.monitoring.models import Note, Sample
from bothwell.monitoring.months import Within
from bothwell.monitoring.vitals import format_number, format_value
from bothwell.pathway import preparation_actions
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.protocol import Limits, Quantity, Route
from bothwell.pathway.steps import Role as Towards
from bothwell.web import bedside, bedside_forms, room_expected
from bothwell.web.bedside import Bedside


@dataclass(frozen=True)
class Bed:
    """One request at one bed: who asks, as what, and the session as it stands."""

    who: Person
    roles: frozenset[Towards]
    side: Bedside

    @property
    def session(self) -> DosingSession:
        return self.side.session

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.session.clinic.timezone)

    @property
    def within(self) -> Within | None:
        """Where this session's readings lie."""
        return self.side.within

    def address(self, end: str = "") -> str:
        return f"/room/{self.session.id}" + (f"/{end}" if end else "")


def now(bed: Bed) -> dict[str, Any]:
    """What changes while the page stands open."""
    session, values = bed.session, bedside.charted(bed.session.id, bed.within)
    given = giving_actions.given_in(session)
    notes = list(Note.objects.select_related("author").filter(session=session))
    marks = _marks(given, notes) + bedside.alarm_marks(session.id)
    vitals, before = _vitals(bed), _before_dose(bed, values)
    course = room_expected.of(session, given, before)
    context: dict[str, Any] = {
        "alarms": bedside.named(bedside.in_place(bed.side.alarms), session.id),
        "order": _order(bed),
        "values": values,
        "chart": _chart(bed, values, marks) | {"expected": course.drawing() if course else {}},
        "expected": course,
        "lines": flowsheet.lines(values, marks, session.started_at),
        "entries": _entries(bed, given, notes),
        "vitals": vitals,
        "trio": [vitals[code] for code in TRIO if code in vitals],
        "listed": list(vitals.values()),
        "over": session.ended_at is not None,
        "months_away": bedside.months_away(session),
        "ring": _ring(bed.side),
        "baseline": f"{before.systolic_mmhg:.0f}/{before.diastolic_mmhg:.0f}" if before else "",
        "stage": bed.side.progress.stage,
    }
    if session.arrived_at is not None and session.started_at is None and session.ended_at is None:
        context |= _before(bed, values)
    return context


TRIO = ("heart_rate", "spo2", "respiratory_rate", "etco2")
"""The numbers beside the chart; the last only where somebody or something measured it."""


@dataclass(frozen=True)
class Vital:
    """One large number: its value, or that there is none, and what it is beside. `id`: which reading that is."""

    title: str
    code: str
    unit: str
    shown: str = "–"
    at: datetime | None = None
    look: str = ""
    is_stale: bool = False
    id: UUID | None = None


def _vitals(bed: Bed) -> dict[str, Vital]:
    side, pressure = bed.side, bed.side.pressure
    found = {"pressure": Vital("BP", "pressure", "mmHg", look=side.hot(*flowsheet.PRESSURE))}
    if pressure is not None:
        said = f"{pressure.systolic_mmhg:.0f}/{pressure.diastolic_mmhg:.0f}"
        found["pressure"] = Vital(
            "BP", "pressure", "mmHg", said, pressure.observed_at, found["pressure"].look,
            id=side.values["systolic"].id,
        )  # fmt: skip
    for code, title, unit in (
        ("heart_rate", "HR", "/min"),
        ("spo2", "SpO₂", "%"),
        ("respiratory_rate", "RR", "/min"),
        ("etco2", "EtCO₂", "mmHg"),
    ):
        value = side.values.get(code)
        if code == "etco2" and value is None:
            continue
        found[code] = Vital(
            title, code, unit, value.shown if value else "–", value.observed_at if value else None,
            side.hot(code),
            side.is_stale(code),
            id=value.id if value else None,
        )  # fmt: skip
    for code in ("sedation", "dissociation", "nausea", "anxiety", "vomiting"):
        value = side.values.get(code)
        found[code] = Vital(
            BY_CODE[code].title,
            code,
            "",
            _said(value) if value else "not charted",
            value.observed_at if value else None,
            id=value.id if value else None,
        )
    return found


def _name(row: Administration | Note) -> str:
    """Who entered it."""
    return str(row.author.name_used) if row.author else ""


def _charted(sample: Sample) -> str:
    """A value with what it is: "Systolic 164 mmHg", "Dissociation mild, wanted"."""
    if sample.code == "sedation":
        return f"MOAA/S {format_number(sample.value)}"
    site = sample.detail.get("body_site")
    return f"{BY_CODE[sample.code].title} {_said(sample)}" + (f" ({site})" if site else "")


def _said(value: bedside.Value | Sample) -> str:
    match value.code:
        case "sedation":
            return f"MOAA/S {format_number(value.value)}"
        case "dissociation":
            wanted = {True: ", wanted", False: ", unwanted"}.get(value.detail.get("wanted"), "")  # type: ignore[arg-type]
            return f"{flowsheet.LEVELS[int(value.value)]}{wanted}"
        case "nausea" | "anxiety":
            return f"{format_number(value.value)} of 10"
    return format_value(value.code, value.value)


def _before_dose(bed: Bed, values: Sequence[bedside.Value]) -> Pressure | None:
    """The last pressure before the dose: the person's baseline."""
    start = bed.session.started_at
    before = [one for one in bedside.pressures(values) if start is not None and one.observed_at <= start]
    return before[-1] if before else None


def _ring(side: Bedside) -> dict[str, Any] | None:
    """The next check as a ring: how much of the interval is left, in tenths of a percent."""
    if side.next is None:
        return None
    due, whole = side.next.due_at, max(60.0, (side.next.due_at - side.next.after).total_seconds())
    left = (due - side.now).total_seconds()
    shown = f"{int(left) // 60}:{int(left) % 60:02}" if left >= 0 else f"+{int(-left) // 60}"
    return {
        "due_at": due,
        "words": side.next.words,
        "is_late": side.next.is_late(side.now),
        "shown": shown,
        "whole": int(whole),
        "dash": round(308 * max(0.0, min(1.0, left / whole))),
    }


@dataclass(frozen=True)
class Ordered:
    """The order of this session, with what is drawn up and how that was reckoned."""

    order: Order
    summary: str
    working: str


def _order(bed: Bed) -> Ordered | None:
    order = order_actions.order_for(bed.session)
    if order is None:
        return None
    over = f" over {order.minutes} min" if order.minutes else ""
    summary = f"{order.product} {_plain(order.dose_mg)} mg{over}"
    return Ordered(order, summary, _working(bed, order))


def _working(bed: Bed, order: Order) -> str:
    if order.concentration_mg_per_ml:
        return ordering.volume(order.dose_mg, order.concentration_mg_per_ml).working
    plan = bed.side.protocol.routes.get(Route(order.route))
    count = ordering.devices(plan.dose, order.dose_mg) if plan else None
    if count and plan and plan.dose.mg_per_device:
        return f"{count} devices of {_plain(plan.dose.mg_per_device.value)} mg"
    return ""


def _plain(number: Any) -> str:
    return f"{number.normalize():f}"


# ── the chart, its table and the list of entries ──────────────────────────────────────────────────────────

EVENTS = {
    "start": "Infusion started",
    "pause": "Infusion paused",
    "resume": "Infusion resumed",
    "stop": "Infusion stopped",
    "spat": "Spat out",
    "swallow": "Swallowed",
}
ROUTES = {"iv": "into a vein", "im": "into a muscle", "sl": "under the tongue", "po": "by mouth",
          "in": "into the nose", "inh": "inhaled"}  # fmt: skip


def _given_words(row: Administration) -> str:
    dose = f" {_plain(row.dose_mg)} mg" if row.dose_mg else ""
    match row.event:
        case "start":
            rate = f" at {_plain(row.rate_ml_per_h)} mL/h" if row.rate_ml_per_h else ""
            return f"Infusion started: {row.substance}{dose}{rate}" + (f" ({row.note})" if row.note else "")
        case "rate":
            return f"Rate changed to {_plain(row.rate_ml_per_h)} mL/h"
        case "stop" if row.route == "in":
            return "No further device"
        case "dose":
            return f"Device given: {row.substance}{dose}"
        case "effect":
            return f"{row.substance} did: {row.note}"
        case "given":
            return ", ".join([f"{row.substance}{dose}", *_beside(row)])
    return EVENTS[row.event]


def _beside(row: Administration) -> list[str]:
    """What is told with a medicine: how it went in, what for, on whose order, and the note."""
    how = ROUTES.get(row.route, "") if row.indication or row.ordered_how else ""
    told = row.prescriber_told_at
    said = [
        how,
        f"for {row.indication}" if row.indication else "",
        str(row.get_ordered_how_display()) if row.ordered_how else "",  # type: ignore[attr-defined]
        f"prescriber told {timezone.localtime(told):%H:%M}" if told else "",
        row.note,
    ]
    return [one for one in said if one]


def _marks(given: Sequence[Administration], notes: Sequence[Note]) -> list[flowsheet.Mark]:
    return [
        *(
            flowsheet.Mark(row.at, _given_words(row), "given" if row.event in ("given", "effect") else "dose")
            for row in given
        ),
        *(flowsheet.Mark(note.at, note.text, "note") for note in notes),
    ]


def _chart(bed: Bed, values: Sequence[bedside.Value], marks: Sequence[flowsheet.Mark]) -> dict[str, Any]:
    """What the drawing needs, times as seconds since 1970."""
    session, infused = bed.session, bed.side.infused
    series: dict[str, list[list[float]]] = {}
    for one in values:
        series.setdefault(one.code, []).append([one.observed_at.timestamp(), float(one.value)])
    return {
        "arrived": _seconds(session.arrived_at),
        "started": _seconds(session.started_at),
        "ended": _seconds(session.ended_at),
        "infused": [[a.timestamp(), b.timestamp()] for a, b in infused.spans] if infused else [],
        "until": _seconds(infused.ends_at) if infused else None,
        "due": _seconds(bed.side.next.due_at) if bed.side.next else None,
        "series": series,
        "limits": {
            code: _lines_of(limits) for code in ("systolic", *TRIO)
            if (limits := bed.side.protocol.limits.get(Quantity(code)))
        },
        "marks": [[mark.at.timestamp(), mark.kind] for mark in marks if mark.kind != "alarm"],
    }  # fmt: skip


def _lines_of(limits: Limits) -> list[list[Any]]:
    """The absolute limits of one quantity, told apart as warning and alarm."""
    named = {"warn_low": "warn", "warn_high": "warn", "alarm_low": "alarm", "alarm_high": "alarm"}
    return [[float(one.value), kind] for name, kind in named.items() if (one := getattr(limits, name))]


def _seconds(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


@dataclass(frozen=True)
class Entry:
    """One thing a person entered, for the list: when, what, who; and what of it may be corrected."""

    at: datetime
    words: str
    by: str = ""
    samples: tuple[tuple[Sample, str], ...] = ()
    wants_effect_of: UUID | None = None
    """The medicine of which nobody has said yet what it did."""


def _is_beside(row: Administration, bed: Bed) -> bool:
    """A medicine, and not the dose itself."""
    return row.event == "given" and row.at != bed.session.started_at


def _entries(bed: Bed, given: Sequence[Administration], notes: Sequence[Note]) -> list[Entry]:
    """What people entered, newest first. A corrected value stays in the list and says so."""
    samples = Sample.objects.select_related("corrected_by").filter(session=bed.session, author__isnull=False)
    if bed.within:
        samples = samples.filter(observed_at__range=(bed.within.first, bed.within.last))
    samples = samples.order_by("observed_at", "recorded_at", "id")
    # Authors by themselves: joined to, the readings would be looked through once for each of the clinic's people.
    authors = {bed.who.id, *(one.author_id for one in samples if one.author_id)}
    names = dict(Person.objects.filter(id__in=authors).values_list("id", "name_used"))
    together: dict[Any, list[Sample]] = {}
    for sample in samples:
        together.setdefault((sample.request_id, sample.observed_at), []).append(sample)
    found = [
        Entry(
            rows[0].observed_at,
            "",
            names.get(rows[0].author_id or bed.who.id, ""),
            tuple((row, _charted(row)) for row in rows),
        )
        for rows in together.values()
    ]
    told = {row.effect_of_id for row in given}
    found += [
        Entry(
            row.at, _given_words(row), _name(row),
            wants_effect_of=row.id if _is_beside(row, bed) and row.id not in told else None,
        )
        for row in given
    ]  # fmt: skip
    found += [Entry(note.at, note.text, _name(note)) for note in notes]
    return sorted(found, key=lambda entry: entry.at, reverse=True)


# ── before the dose ───────────────────────────────────────────────────────────────────────────────────────

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
    Gate.DECISION_SIGNED: "Joint decision",
    Gate.CONSENTS_IN_FORCE: "Consent",
    Gate.ORDER_SIGNED: "Order",
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
ELSEWHERE: dict[Gate, str] = {
    Gate.PROTOCOL_SIGNED: "The medical director signs it under Clinic.",
    Gate.COURSE_ACTIVE: "The prescriber moves the course from the work-up.",
    Gate.DECISION_SIGNED: "It is signed by the prescriber, the couples therapist and the person.",
    Gate.CONSENTS_IN_FORCE: "The person signs it under their own login.",
    Gate.ORDER_SIGNED: "The prescriber signs it from the work-up.",
    Gate.PARTNER_NOT_IN_SESSION: "It must be signed off first.",
}


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


def _before(bed: Bed, values: Sequence[bedside.Value]) -> dict[str, Any]:
    """The checklist: every gate, the form for what is missing, and what stands between now and the dose."""
    results = gate_actions.gates_of(bed.session, bedside.pressures(values), bedside.newest_at(values, "spo2"))
    answers = checklist_actions.checks_of(bed.session)
    rows = [_gate_row(bed, result, answers) for result in results]
    return {
        "gates": rows,
        "missing": [row.title.lower() for row in rows if not row.result.passed],
        "passed": sum(row.result.passed for row in rows),
        **as_ordered(bed),
        "start_form": _began(bed),
        "may_override": _may_override(bed, results),
        "may_see": _may_see(bed, results, answers),
    }


def check_form(bed: Bed, name: str, data: Any = None, auto_id: str = "id_%s") -> bedside_forms.Bedside:
    """The form of one item of the checklist, with what is known already filled in."""
    _, kind = bedside_forms.CHECKS[name]
    form = kind(data, zone=bed.zone, auto_id=auto_id)
    if isinstance(form, bedside_forms.Staffed):
        form.fill(
            checklist_actions.staff_who_are(Role.PRESCRIBER), checklist_actions.staff_who_are(Role.NURSE)
        )
        if Towards.NURSE in bed.roles:
            form.initial["nurse"] = str(bed.who.id)
    if isinstance(form, bedside_forms.Escorted) and (
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
        title, parts = bedside_forms.ENTRIES["pressure"]
        readings = bedside_forms.Readings(zone=bed.zone, parts=parts, auto_id="gate_pressure_%s")
        return GateRow(title, result, readings, "pressure", "", answers.get("pressure_override"))
    if result.name is Gate.OXYGEN_SATURATION:
        _, parts = bedside_forms.ENTRIES["vitals"]
        readings = bedside_forms.Readings(zone=bed.zone, parts=parts, auto_id="gate_vitals_%s")
        return GateRow(TITLES[result.name], result, readings, "vitals")
    return GateRow(TITLES[result.name], result, elsewhere=ELSEWHERE[result.name])


def _value_words(check: GateCheck | None, zone: ZoneInfo) -> str:
    """What was answered, where the reason beside it does not say so already."""
    if check is None:
        return ""
    match check.name, check.value:
        case "weight", value:
            return f"{value} kg."
        case "fasting", {"food_at": food, "drink_at": drink}:
            return f"Food {_clock(food, zone)}, drink {_clock(drink, zone)}."
        case "medications", {"changed": True, "what": what}:
            return f"{what}."
        case "pregnancy", {"result": result}:
            return f"{str(result).capitalize()}."
        case "escort", {"name": name, "phone": phone, "is_here": is_here}:
            return ", ".join(one for one in (name, phone, "is here" if is_here else "") if one) + "."
    return ""


def _clock(text: str, zone: ZoneInfo) -> str:
    return datetime.fromisoformat(text).astimezone(zone).strftime("%a %H:%M")


def _may_see(
    bed: Bed, results: Sequence[GateResult], answers: Mapping[str, GateCheck]
) -> bedside_forms.Bedside | None:
    """The prescriber's form for having seen what changed, where that is what holds."""
    asked = answers.get("medications")
    held = any(row.name is Gate.MEDICATIONS_CHANGED and not row.passed for row in results)
    if not held or asked is None or not asked.value["changed"] or Towards.PRESCRIBER not in bed.roles:
        return None
    return bedside_forms.Seen(zone=bed.zone, auto_id="seen_%s")


def _may_override(bed: Bed, results: Sequence[GateResult]) -> bedside_forms.Bedside | None:
    """The prescriber's form for going on above the hold limit, where that is what holds."""
    held = any(row.name is Gate.BLOOD_PRESSURE and not row.passed and row.evidence for row in results)
    if not held or Towards.PRESCRIBER not in bed.roles:
        return None
    return bedside_forms.Overridden(zone=bed.zone, auto_id="override_%s")


# ── the sheets of the large keys ──────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Sheet:
    """One form under one large key."""

    key: str
    short: str
    title: str
    address: str
    form: bedside_forms.Bedside
    small: str = ""


def sheets(bed: Bed) -> list[Sheet]:
    """The large keys in their order; before a dose only what can be entered then."""
    vitals = _vitals(bed)
    small = {
        "pressure": vitals["pressure"].shown, "sedation": vitals["sedation"].shown,
        "dissociation": vitals["dissociation"].shown, "nausea": vitals["nausea"].shown, "vitals": "by hand",
        "anxiety": vitals["anxiety"].shown, "vomiting": "how often",
        "note": "on the chart", "check": "all of it" if bed.session.started_at else "before the dose",
    }  # fmt: skip
    sheets = [
        Sheet(
            key, SHORT[key], title, bed.address(f"enter/{key}"),
            bedside_forms.Readings(zone=bed.zone, parts=parts, auto_id=f"{key}_%s"), small[key],
        )
        for key, (title, parts) in bedside_forms.ENTRIES.items()
    ]  # fmt: skip
    medicine_form = bedside_forms.Medicine(zone=bed.zone, auto_id="medicine_%s")
    sheets.append(
        Sheet(
            "medicine",
            SHORT["medicine"],
            "A medicine",
            bed.address("medicine"),
            medicine_form,
            "given, rescue",
        )
    )
    return sheets


SHORT = {
    "check": "Begin check", "pressure": "BP", "vitals": "SpO₂, HR, RR", "sedation": "Sedation",
    "dissociation": "Dissociation", "nausea": "Nausea", "anxiety": "Anxiety", "vomiting": "Vomited",
    "note": "Note", "medicine": "Medicine",
}  # fmt: skip


# ── the dose while it is given ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class DoseKey:
    """One thing that can happen to the dose now: the event, and what the button says."""

    event: str
    words: str
    is_first: bool = False


def dose_keys(bed: Bed) -> list[DoseKey]:
    """What can be charted of the dose as it stands; nothing where it is over."""
    side, stage = bed.side, bed.side.progress.stage
    if side.parts is not None:
        return [] if side.parts.is_over else _of_parts(bed, side.parts)
    stop = DoseKey("stop", "Infusion stopped for good", stage is flowsheet.Stage.ENDING)
    match stage:
        case flowsheet.Stage.RUNNING:
            return [DoseKey("pause", "Infusion paused", True), DoseKey("rate", "Rate changed"), stop]
        case flowsheet.Stage.PAUSED:
            return [DoseKey("resume", "Infusion resumed", True), DoseKey("rate", "Rate changed"), stop]
        case flowsheet.Stage.ENDING:
            return [stop]
    return []


def as_ordered(bed: Bed) -> dict[str, str]:
    """The rate the order comes to, in words: of its bag, or undiluted where it names a concentration and no bag."""
    order = order_actions.order_for(bed.session)
    if order is None or not order.minutes:
        return {}
    if made_up := order_actions.bag_of(order):
        return {"of_the_bag": made_up.working}
    volume = order_actions.volume_ml(order)
    return {"as_ordered": ordering.rate_words(volume, order.minutes)} if volume else {}


def _began(bed: Bed) -> bedside_forms.Began:
    """The form of the first dose, with the rate of the ordered bag."""
    order = order_actions.order_for(bed.session)
    made_up = order_actions.bag_of(order) if order else None
    known = {"rate_ml_per_h": _plain(made_up.rate_ml_per_h)} if made_up else {}
    return bedside_forms.Began(zone=bed.zone, auto_id="start_%s", initial=known)


def _of_parts(bed: Bed, parts: flowsheet.Parts) -> list[DoseKey]:
    if bed.session.course.route == Route.SL:
        return [DoseKey("spat", "Spat out", True), DoseKey("swallow", "Swallowed")]
    return [
        DoseKey("dose", f"Device {parts.given + 1} of {parts.of} given", True),
        DoseKey("stop", "No further device"),
    ]
