"""The dosing room: what is happening now and what is next, for the nurse and the prescriber beside one person.

It shows nothing of the partner but one sentence, replaces no bedside monitor, and gives nothing that a gate holds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person, Role
from bothwell.dosing import actions as dosing
from bothwell.dosing import discharge as discharging
from bothwell.dosing import flowsheet
from bothwell.dosing import order as ordering
from bothwell.dosing.gates import Gate, GateResult
from bothwell.dosing.models import Administration, Discharge, DosingSession, GateCheck, Order, SessionSummary
from bothwell.monitoring import actions as monitoring
from bothwell.monitoring.models import Binding, Device, Note, Sample
from bothwell.monitoring.vitals import format_number, format_value
from bothwell.pathway import actions as pathway
from bothwell.pathway.protocol import Limits, Quantity, Route
from bothwell.pathway.steps import Role as Towards
from bothwell.pathway.steps import words
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web import bedside, bedside_forms
from bothwell.web.asking import require
from bothwell.web.bedside import Bedside

OPENED = "beds_opened"
"""In the login's session: charts whose opening stands in the log, so that a page that refreshes itself adds nothing."""


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


def _bed(request: HttpRequest, session_id: UUID) -> Bed:
    """The bed, or 404: for the nurse and the prescriber of this very person, and for nobody else."""
    who = require(request, Role.NURSE, Role.PRESCRIBER)
    sessions = DosingSession.objects.select_related(
        "clinic", "subject", "room", "order__author", "course__protocol", "course__subject", "course__couple"
    )
    session = get_object_or_404(sessions.exclude(outcome="cancelled"), id=session_id)
    roles = pathway.roles_towards(who, session.subject_id, session.couple_id)
    if not roles & dosing.CHART:
        raise Http404
    return Bed(who, roles, bedside.gather([session], timezone.now())[session.id])


def _viewed(request: HttpRequest, bed: Bed) -> None:
    audit.viewed(bed.who, subject=bed.session.subject_id, what="dosing.flowsheet")
    opened = [*request.session.get(OPENED, ()), str(bed.session.id)]
    request.session[OPENED] = list(dict.fromkeys(opened))[-40:]


def _show(
    request: HttpRequest, bed: Bed, template: str, context: Mapping[str, Any], status: int = 200
) -> HttpResponse:
    """A page of this bed, its times by the clinic's clock."""
    with timezone.override(bed.zone):
        return render(request, template, {"bed": bed, "side": bed.side, **context}, status=status)


# ── the room ──────────────────────────────────────────────────────────────────────────────────────────────


@require_GET
def room(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Everything about this session on one page."""
    bed = _bed(request, session_id)
    _viewed(request, bed)
    return _room(request, bed)


@require_GET
def live(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The parts of the room that change, for a page that stands open."""
    bed = _bed(request, session_id)
    if str(session_id) not in request.session.get(OPENED, ()):
        _viewed(request, bed)
    return _show(request, bed, "room/page.html#live", _now(bed))


def _room(request: HttpRequest, bed: Bed, *, trouble: str = "", status: int = 200) -> HttpResponse:
    context = _now(bed) | {"trouble": trouble}
    if bed.session.ended_at is None:
        context |= {"sheets": _sheets(bed)}
    else:
        context |= {
            "discharge": Discharge.objects.select_related("author").filter(session=bed.session).first(),
            "summaries": SessionSummary.objects.select_related("author")
            .filter(session=bed.session)
            .order_by("recorded_at"),
            "summary_form": bedside_forms.Summary(zone=bed.zone),
        }
    return _show(request, bed, "room/page.html", context, status)


def _now(bed: Bed) -> dict[str, Any]:
    """What changes while the page stands open."""
    session, values = bed.session, bedside.charted(bed.session.id)
    given = dosing.given_in(session)
    notes = list(Note.objects.select_related("author").filter(session=session))
    marks = _marks(given, notes) + bedside.alarm_marks(session.id)
    vitals = _vitals(bed)
    context: dict[str, Any] = {
        "alarms": bedside.named(bed.side.alarms, session.id),
        "order": _order(bed),
        "values": values,
        "chart": _chart(bed, values, marks),
        "lines": flowsheet.lines(values, marks, session.started_at),
        "entries": _entries(bed, given, notes),
        "vitals": vitals,
        "trio": [vitals[code] for code in ("heart_rate", "spo2", "respiratory_rate")],
        "listed": list(vitals.values()),
        "over": session.ended_at is not None,
        "ring": _ring(bed.side),
        "baseline": _baseline(bed, values),
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
            title, code, unit, value.shown if value else "–", value.observed_at if value else None, side.hot(code),
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


def _baseline(bed: Bed, values: Sequence[bedside.Value]) -> str:
    """The last pressure before the dose."""
    start = bed.session.started_at
    before = [one for one in bedside.pressures(values) if start is not None and one.observed_at <= start]
    return f"{before[-1].systolic_mmhg:.0f}/{before[-1].diastolic_mmhg:.0f}" if before else ""


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
        Entry(rows[0].observed_at, "", rows[0].author.name_used, tuple((row, _charted(row)) for row in rows))
        for rows in together.values()
    ]
    found += [Entry(row.at, _given_words(row), row.author.name_used if row.author else "") for row in given]
    found += [Entry(note.at, note.text, note.author.name_used if note.author else "") for note in notes]
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
    """One gate as the checklist shows it: whether it is passed, why, who answered, and the form that answers it."""

    title: str
    result: GateResult
    form: bedside_forms.Bedside | None = None
    check: str = ""
    elsewhere: str = ""
    answered: GateCheck | None = None


def _before(bed: Bed, values: Sequence[bedside.Value]) -> dict[str, Any]:
    """The checklist: every gate, the form for what is missing, and what stands between now and the dose."""
    results = dosing.gates_of(bed.session, bedside.pressures(values))
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
    return GateRow(TITLES[result.name], result, elsewhere=ELSEWHERE[result.name])


def _may_override(bed: Bed, results: Sequence[GateResult]) -> bedside_forms.Bedside | None:
    """The prescriber's form for going on above the hold limit, where that is what holds."""
    held = any(row.name is Gate.BLOOD_PRESSURE and not row.passed and row.evidence for row in results)
    if not held or Towards.PRESCRIBER not in bed.roles:
        return None
    return bedside_forms.Overridden(zone=bed.zone, auto_id="override_%s")


VALUE_OF: dict[str, Callable[[Any], Any]] = {
    "consent_reaffirmed": lambda form: form.cleaned_data["answer"] == "yes",
    "suicide_rescreened": lambda form: {"risk": form.cleaned_data["answer"] == "yes"},
    "weight": lambda form: form.cleaned_data["weight_kg"],
    "fasting": lambda form: {
        "confirmed": form.cleaned_data["confirmed"], "food_at": form.instant("food"), "drink_at": form.instant("drink"),
    },
    "antiemetic": lambda form: form.cleaned_data["antiemetic"],
    "escort": lambda form: form.cleaned_data["escort"],
    "pressure_override": lambda form: form.cleaned_data["reason"],
}  # fmt: skip


@require_http_methods(["GET", "POST"])
def check(request: HttpRequest, session_id: UUID, name: str) -> HttpResponse:
    """One item of the checklist."""
    if name not in bedside_forms.CHECKS:
        raise Http404
    bed = _bed(request, session_id)
    title, kind = bedside_forms.CHECKS[name]
    form = kind(request.POST or None, zone=bed.zone)

    def keep() -> None:
        dosing.check(
            by=bed.who, session_id=session_id, name=name, value=VALUE_OF[name](form),
            request_id=form.cleaned_data["request_id"],
        )  # fmt: skip

    return _once(request, bed, form, title, keep, end="#checklist")


@require_POST
def start(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The first dose, when every gate is passed."""
    bed = _bed(request, session_id)
    form = bedside_forms.Bedside(request.POST, zone=bed.zone)
    if not form.is_valid():
        return _room(request, bed, trouble="Please press Start again.", status=422)
    try:
        dosing.start(
            by=bed.who, session_id=session_id, request_id=form.cleaned_data["request_id"],
            pressures=bedside.pressures(bedside.charted(session_id)),
        )  # fmt: skip
    except Refused as refused:
        return _room(request, _bed(request, session_id), trouble=refused.reason, status=422)
    return redirect("room", session_id)


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
    bed = _bed(request, session_id)
    title, parts = bedside_forms.ENTRIES[what]
    form = bedside_forms.Readings(request.POST or None, zone=bed.zone, parts=parts)

    def keep() -> None:
        monitoring.enter(
            by=bed.who, session=bed.session, readings=form.readings, request_id=form.cleaned_data["request_id"],
            observed_at=form.when(), wanted=form.is_wanted, note=form.cleaned_data.get("note", ""),
        )  # fmt: skip

    return _once(request, bed, form, title, keep)


@require_http_methods(["GET", "POST"])
def medicine(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Something given beside the dose."""
    bed = _bed(request, session_id)
    form = bedside_forms.Medicine(request.POST or None, zone=bed.zone)

    def keep() -> None:
        said = form.cleaned_data
        dosing.administer(
            by=bed.who, session_id=session_id, event=Administration.Event.GIVEN, substance=said["substance"],
            dose_mg=said["dose_mg"], route=said["route"], at=form.when(), note=said["note"], request_id=said["request_id"],
        )  # fmt: skip

    return _once(request, bed, form, "A medicine", keep)


@require_http_methods(["GET", "POST"])
def infusion(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Pause, resume or stop what is running."""
    bed = _bed(request, session_id)
    form = bedside_forms.Bedside(request.POST or None, zone=bed.zone)

    def keep() -> None:
        event = request.POST.get("event", "")
        if event not in ("pause", "resume", "stop"):
            raise Refused("Choose pause, resume or stop.")
        dosing.administer(
            by=bed.who, session_id=session_id, event=Administration.Event(event), request_id=form.cleaned_data["request_id"],
            substance=bed.session.order.product if bed.session.order else "",
        )  # fmt: skip

    return _once(request, bed, form, "The infusion", keep)


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, session_id: UUID, sample_id: UUID) -> HttpResponse:
    """A right value in the place of a wrong one."""
    bed = _bed(request, session_id)
    wrong = get_object_or_404(Sample, id=sample_id, session_id=session_id)
    form = bedside_forms.Correction(request.POST or None, zone=bed.zone)

    def keep() -> None:
        said = form.cleaned_data
        monitoring.correct(
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
    bed = _bed(request, session_id)
    try:
        monitoring.acknowledge(by=bed.who, alarm_id=alarm_id)
    except Refused as refused:
        return _room(request, _bed(request, session_id), trouble=refused.reason, status=422)
    return redirect("room", session_id)


# ── the monitor at the bed ────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def device(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Which monitor stands at this bed? Chosen first, then confirmed by the person's name."""
    bed = _bed(request, session_id)
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
        monitoring.bind_device(
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
    bed = _bed(request, session_id)
    try:
        monitoring.unbind(by=bed.who, session=bed.session)
    except Refused as refused:
        return _room(request, bed, trouble=refused.reason, status=422)
    return redirect("room", session_id)


# ── the end ───────────────────────────────────────────────────────────────────────────────────────────────


def _condition(bed: Bed, form: bedside_forms.Going | None = None) -> discharging.Condition:
    """How the person is: pressures, SpO2 and sedation from the chart, the rest as somebody ticked it."""
    session, values = bed.session, bedside.charted(bed.session.id)
    start = session.started_at
    before = flowsheet.latest(values, start) if start else {}
    after = flowsheet.latest(one for one in values if start and one.observed_at > start)
    measured = bedside.pressures(values)
    said = form.cleaned_data if form is not None else {}
    return discharging.Condition(
        now=timezone.now(),
        route=Route(session.course.route),
        started_at=start,
        is_dose_running=dosing.is_running(session),
        answers=form.answers if form is not None else {},
        sedation=int(after["sedation"].value) if "sedation" in after else None,
        spo2_percent=after["spo2"].value if "spo2" in after else None,
        spo2_baseline_percent=before["spo2"].value if "spo2" in before else None,
        is_on_room_air={"air": True, "oxygen": False}.get(said.get("is_on_room_air", "")),
        pressure=next((one for one in reversed(measured) if start and one.observed_at > start), None),
        pressure_baseline=next(
            (one for one in reversed(measured) if start and one.observed_at <= start), None
        ),
        checked=form.checked if form is not None else {},
    )


FROM_THE_CHART = (
    "dose_over",
    "minutes_since_first_dose",
    "sedation",
    "blood_pressure_near_baseline",
    "blood_pressure_below_hold",
)


def _prefilled(bed: Bed, condition: discharging.Condition) -> dict[str, int]:
    """What the chart answers of the score; whoever signs may change it."""
    values, start = bedside.charted(bed.session.id), bed.session.started_at
    after = flowsheet.latest(one for one in values if start and one.observed_at > start)
    before = flowsheet.latest(values, start) if start else {}
    within = bed.side.protocol.discharge.pressure_within_percent.value
    found = dict(discharging.SCALES[bed.side.protocol.discharge.score].preset)
    found |= flowsheet.prefilled(after, before, within)
    if "nausea" in after and after["nausea"].value == 0:
        found["nausea"] = 2
    return found


@require_http_methods(["GET", "POST"])
def discharge(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Going home: what the chart says, what a person must see, and a signature."""
    bed = _bed(request, session_id)
    if bed.session.started_at is None:
        raise Http404
    rule = bed.side.protocol.discharge
    scale = discharging.SCALES[rule.score]
    required = tuple(name for name, flag in rule.required.items() if flag.value)
    charted = _condition(bed)
    form = bedside_forms.Going(
        request.POST or None, zone=bed.zone, scale=scale, required=required, initial=_prefilled(bed, charted)
    )

    def keep() -> None:
        dosing.sign_discharge(
            by=bed.who,
            session_id=session_id,
            condition=_condition(bed, form),
            signed_name=form.cleaned_data["signed_name"],
        )
        monitoring.unbind(by=bed.who, session=bed.session)

    def context() -> dict[str, Any]:
        found = dosing.discharge_criteria(bed.session, charted)
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
    bed = _bed(request, session_id)
    form = bedside_forms.Signed(request.POST or None, zone=bed.zone)

    def keep() -> None:
        said = form.cleaned_data
        end(by=bed.who, session_id=session_id, reason=said["reason"], signed_name=said["signed_name"])
        monitoring.unbind(by=bed.who, session=bed.session)

    return _once(request, bed, form, title, keep)


@require_http_methods(["GET", "POST"])
def leave_early(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The person leaves before the criteria are met."""
    return _signed(request, session_id, "Leaving early, against advice", dosing.leave_early)


@require_http_methods(["GET", "POST"])
def turn_back(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """No dose today; everything recorded is kept."""
    return _signed(request, session_id, "No dose today", dosing.turn_back)


@require_http_methods(["GET", "POST"])
def summary(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """How it went, in a few sentences."""
    bed = _bed(request, session_id)
    form = bedside_forms.Summary(request.POST or None, zone=bed.zone)

    def keep() -> None:
        dosing.summarise(
            by=bed.who,
            session_id=session_id,
            text=form.cleaned_data["text"],
            request_id=form.cleaned_data["request_id"],
        )

    return _once(request, bed, form, "How it went", keep)


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


def _sheets(bed: Bed) -> list[Sheet]:
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

_ROOM = "room/<uuid:session_id>"
urlpatterns: list[URLPattern] = [
    path(_ROOM, room, name="room"),
    path(f"{_ROOM}/live", live, name="room-live"),
    path(f"{_ROOM}/check/<str:name>", check, name="room-check"),
    path(f"{_ROOM}/start", start, name="room-start"),
    path(f"{_ROOM}/enter/<str:what>", enter, name="room-enter"),
    path(f"{_ROOM}/medicine", medicine, name="room-medicine"),
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
