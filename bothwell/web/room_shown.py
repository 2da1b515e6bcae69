"""What stands on the page of the dosing room, put together from the session as it is now.

It reads and reckons only: it decides nothing, writes nothing and says nothing of the partner.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person
from bothwell.dosing import actions as dosing
from bothwell.dosing import flowsheet
from bothwell.dosing import order as ordering
from bothwell.dosing.gates import Gate, GateResult
from bothwell.dosing.models import Administration, DosingSession, GateCheck, Order
from bothwell.monitoring.models import Note, Sample
from bothwell.monitoring.vitals import format_number, format_value
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

    def address(self, end: str = "") -> str:
        return f"/room/{self.session.id}" + (f"/{end}" if end else "")


def now(bed: Bed) -> dict[str, Any]:
    """What changes while the page stands open."""
    session, values = bed.session, bedside.charted(bed.session.id)
    given = dosing.given_in(session)
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
        "trio": [vitals[code] for code in ("heart_rate", "spo2", "respiratory_rate")],
        "listed": list(vitals.values()),
        "over": session.ended_at is not None,
        "ring": _ring(bed.side),
        "baseline": f"{before.systolic_mmhg:.0f}/{before.diastolic_mmhg:.0f}" if before else "",
        "stage": bed.side.progress.stage,
    }
    if session.arrived_at is not None and session.started_at is None and session.ended_at is None:
        context |= _before(bed, values)
    return context


@dataclass(frozen=True)
class Vital:
    """One large number: its value, or that there is none, and what it is beside."""

    title: str
    code: str
    unit: str
    shown: str = "–"
    at: datetime | None = None
    look: str = ""
    is_stale: bool = False


def _vitals(bed: Bed) -> dict[str, Vital]:
    side, pressure = bed.side, bed.side.pressure
    found = {"pressure": Vital("BP", "pressure", "mmHg", look=side.hot(*flowsheet.PRESSURE))}
    if pressure is not None:
        said = f"{pressure.systolic_mmhg:.0f}/{pressure.diastolic_mmhg:.0f}"
        found["pressure"] = Vital(
            "BP", "pressure", "mmHg", said, pressure.observed_at, found["pressure"].look
        )
    for code, title, unit in (
        ("heart_rate", "HR", "/min"),
        ("spo2", "SpO₂", "%"),
        ("respiratory_rate", "RR", "/min"),
    ):
        value = side.values.get(code)
        found[code] = Vital(
            title, code, unit, value.shown if value else "–", value.observed_at if value else None,
            side.hot(code),
            side.is_stale(code),
        )  # fmt: skip
    for code in ("sedation", "dissociation", "nausea"):
        value = side.values.get(code)
        found[code] = Vital(
            BY_CODE[code].title,
            code,
            "",
            _said(value) if value else "not charted",
            value.observed_at if value else None,
        )
    return found


def _name(row: Sample | Administration | Note) -> str:
    """Who entered it."""
    return str(row.author.name_used) if row.author else ""


def _charted(sample: Sample) -> str:
    """A value with what it is: "Systolic 164 mmHg", "Dissociation mild, wanted"."""
    if sample.code == "sedation":
        return f"MOAA/S {format_number(sample.value)}"
    return f"{BY_CODE[sample.code].title} {_said(sample)}"


def _said(value: bedside.Value | Sample) -> str:
    match value.code:
        case "sedation":
            return f"MOAA/S {format_number(value.value)}"
        case "dissociation":
            wanted = {True: ", wanted", False: ", unwanted"}.get(value.detail.get("wanted"), "")  # type: ignore[arg-type]
            return f"{flowsheet.LEVELS[int(value.value)]}{wanted}"
        case "nausea":
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
    order = dosing.order_for(bed.session)
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
}


def _given_words(row: Administration) -> str:
    dose = f" {_plain(row.dose_mg)} mg" if row.dose_mg else ""
    what = EVENTS.get(row.event)
    if row.event in ("pause", "resume", "stop"):
        return what or ""
    return f"{what}: {row.substance}{dose}" if what else f"{row.substance}{dose}"


def _marks(given: Sequence[Administration], notes: Sequence[Note]) -> list[flowsheet.Mark]:
    return [
        *(
            flowsheet.Mark(row.at, _given_words(row), "dose" if row.event != "given" else "given")
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
            code: _lines_of(limits) for code in ("systolic", "heart_rate", "spo2", "respiratory_rate")
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


def _entries(bed: Bed, given: Sequence[Administration], notes: Sequence[Note]) -> list[Entry]:
    """What people entered, newest first. A corrected value stays in the list and says so."""
    samples = Sample.objects.select_related("author", "corrected_by").filter(
        session=bed.session, author__isnull=False
    )
    together: dict[Any, list[Sample]] = {}
    for sample in samples.order_by("observed_at", "recorded_at", "id"):
        together.setdefault((sample.request_id, sample.observed_at), []).append(sample)
    found = [
        Entry(rows[0].observed_at, "", _name(rows[0]), tuple((row, _charted(row)) for row in rows))
        for rows in together.values()
    ]
    found += [Entry(row.at, _given_words(row), _name(row)) for row in given]
    found += [Entry(note.at, note.text, _name(note)) for note in notes]
    return sorted(found, key=lambda entry: entry.at, reverse=True)


# ── before the dose ───────────────────────────────────────────────────────────────────────────────────────

ANSWERED_BY: dict[Gate, str] = {
    Gate.CONSENT_REAFFIRMED: "consent_reaffirmed",
    Gate.SUICIDE_RESCREENED: "suicide_rescreened",
    Gate.WEIGHT_RECORDED: "weight",
    Gate.FASTING: "fasting",
    Gate.ANTIEMETIC: "antiemetic",
    Gate.ESCORT: "escort",
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
    Gate.WEIGHT_RECORDED: "Weight",
    Gate.BLOOD_PRESSURE: "Blood pressure",
    Gate.OXYGEN_SATURATION: "Oxygen saturation",
    Gate.FASTING: "Fasting",
    Gate.ANTIEMETIC: "Antiemetic",
    Gate.ESCORT: "Going home",
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


def _before(bed: Bed, values: Sequence[bedside.Value]) -> dict[str, Any]:
    """The checklist: every gate, the form for what is missing, and what stands between now and the dose."""
    results = dosing.gates_of(bed.session, bedside.pressures(values), bedside.newest_at(values, "spo2"))
    answers = dosing.checks_of(bed.session)
    rows = [_gate_row(bed, result, answers) for result in results]
    return {
        "gates": rows,
        "missing": [row.title.lower() for row in rows if not row.result.passed],
        "passed": sum(row.result.passed for row in rows),
        "start_form": bedside_forms.Bedside(zone=bed.zone),
        "may_override": _may_override(bed, results),
    }


def _gate_row(bed: Bed, result: GateResult, answers: Mapping[str, GateCheck]) -> GateRow:
    check = ANSWERED_BY.get(result.name, "")
    if check:
        _, form = bedside_forms.CHECKS[check]
        return GateRow(
            TITLES[result.name],
            result,
            form(zone=bed.zone, auto_id=f"{check}_%s"),
            check,
            "",
            answers.get(check),
        )
    if result.name is Gate.BLOOD_PRESSURE:
        title, parts = bedside_forms.ENTRIES["pressure"]
        readings = bedside_forms.Readings(zone=bed.zone, parts=parts, auto_id="gate_pressure_%s")
        return GateRow(title, result, readings, "pressure", "", answers.get("pressure_override"))
    if result.name is Gate.OXYGEN_SATURATION:
        _, parts = bedside_forms.ENTRIES["vitals"]
        readings = bedside_forms.Readings(zone=bed.zone, parts=parts, auto_id="gate_vitals_%s")
        return GateRow(TITLES[result.name], result, readings, "vitals")
    return GateRow(TITLES[result.name], result, elsewhere=ELSEWHERE[result.name])


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
        "note": "on the chart", "check": "all four" if bed.session.started_at else "before the dose",
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
    "dissociation": "Dissociation", "nausea": "Nausea", "note": "Note", "medicine": "Medicine",
}  # fmt: skip
