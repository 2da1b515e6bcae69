"""One dosing session on one page: for the file, for another clinician, for whoever asks what happened.

It leaves nothing out silently: what one page cannot hold is counted and stands in the record.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET

from bothwell.couples.models import Person
from bothwell.dosing import flowsheet, giving_actions, order_actions
from bothwell.dosing.models import Administration, Discharge, DosingSession, GateCheck, SessionSummary
from bothwell.monitoring.models import AdverseEvent, Alarm, AlarmEvent, Note, Sample
from bothwell.monitoring.vitals import format_number
from bothwell.pathway.protocol import Limits, Protocol, Quantity
from bothwell.web import bedside_values, session_shapes
from bothwell.web.programme import paper
from bothwell.web.room_bed import Bed, bed_of
from bothwell.web.room_dose import ordered, plain_number

# What one page holds beside the chart, on the smaller of the two sheets (Letter); tests lay out the fullest page.
MOST_CHECKS: Final = 14
MOST_GIVEN: Final = 8
MOST_EVENTS: Final = 4
MOST_NOTES: Final = 5
LINE: Final = 58
NOTE: Final = 105
REASON: Final = 260
CRITERIA: Final = 1000
NAMES: Final = 150
ADVISORY: Final = "Bothwell’s alarms and courses are advisory. The bedside monitor is primary."
LETTER_SHEET: Final = frozenset({"US", "CA", "MX", "PH", "CL", "CO"})
"""Countries that print on Letter; all others on A4."""
GIVEN, ALARMS, EVENTS, NOTES = "Given", "Alarms", "Adverse events", "Notes"
WORDS_OF: Final = {
    "discharged": "Discharged, criteria met", "left_early": "Left early, against advice",
    "turned_back": "Turned back, no dose", "cancelled": "Cancelled",
}  # fmt: skip


@require_GET
def session_paper(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The page as a PDF."""
    bed = bed_of(request, session_id)
    if bed.session.arrived_at is None:
        raise Http404
    with timezone.override(bed.zone):
        page = render_to_string("papers/session.html", gathered(bed))
    return paper(request, bed, page, "session.pdf", "room")


def gathered(bed: Bed) -> dict[str, Any]:
    """Everything the page shows; the number of statements does not depend on how much was charted."""
    session = bed.session
    values, given = bedside_values.charted(session.id), giving_actions.given_in(session)
    notes = list(Note.objects.filter(session=session).order_by("at", "recorded_at"))
    standing = AdverseEvent.objects.select_related("prescriber_told").filter(revised_by__isnull=True)
    events = list(standing.filter(session=session).order_by("began_at"))
    alarms = _alarms(session)
    lines = _checks(values, session)
    return {
        "bed": bed,
        "session": session,
        "sheet": "letter" if session.clinic.country in LETTER_SHEET else "a4",
        "is_open": session.ended_at is None,
        "made_at": bed.side.now,
        "months_away": bedside_values.months_away(session),
        "advisory": ADVISORY,
        "order": _order(session, bed.side.protocol),
        "route": session.course.route.upper(),
        "outcome": WORDS_OF.get(session.outcome, ""),
        "chart": session_shapes.draw(_drawn(bed, values, given, notes, events, alarms), bed.zone),
        **_table(lines),
        "given": shortened([_given(row) for row in given], MOST_GIVEN),
        "ran_in": order_actions.ran_in(given, session.order),
        "alarms": summed(alarms, session.ended_at or bed.side.now),
        "events": gravest(events, MOST_EVENTS),
        "notes": shortened(_notes(session, notes), MOST_NOTES),
        "discharge": _discharge(session),
        "people": cut(", ".join(_people(session)), NAMES),
        "escort": _escort(session),
    }


# ── making it fit ─────────────────────────────────────────────────────────────────────────────────────────


def cut(text: str, most: int) -> str:
    """The text on one line, at most so many characters; what was cut off says so."""
    whole = " ".join(text.split())
    return whole if len(whole) <= most else f"{whole[: most - 1].rstrip()}…"


@dataclass(frozen=True)
class Shortened:
    """The first of many, and how many more there are."""

    kept: tuple[Any, ...]
    more: int


def shortened(rows: Sequence[Any], most: int) -> Shortened:
    """As many rows as there is room for."""
    return Shortened(tuple(rows[:most]), max(0, len(rows) - most))


def gravest(events: Sequence[AdverseEvent], most: int) -> Shortened:
    """As many events as there is room for: serious ones and high grades before others, then by their time."""
    kept = sorted(events, key=lambda row: (not row.is_serious, -row.grade, row.began_at))[:most]
    rows = [_event(row) for row in sorted(kept, key=lambda row: row.began_at)]
    return Shortened(tuple(rows), len(events) - len(rows))


def thinned(lines: Sequence[flowsheet.Line], most: int) -> list[flowsheet.Line]:
    """At most so many checks, in order: the first, the last, the highest pressure, and the rest evenly spread."""
    if len(lines) <= most:
        return list(lines)
    highest = max(range(len(lines)), key=lambda at: lines[at].values.get("systolic", 0))
    kept = {0, len(lines) - 1, highest}
    spread = [round(step * (len(lines) - 1) / (most - 1)) for step in range(most)]
    for at in sorted(spread, key=lambda each: min(abs(each - other) for other in (0, len(lines) - 1, highest)),
                     reverse=True):  # fmt: skip
        if len(kept) < most:
            kept.add(at)
    return [lines[at] for at in sorted(kept)]


# ── alarms ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Rung:
    """One alarm and what became of it."""

    priority: str
    text: str
    raised_at: datetime
    acknowledged_at: datetime | None = None
    over_at: datetime | None = None


@dataclass(frozen=True)
class Summed:
    """The alarms of a session: how many of each priority, how many nobody acknowledged, the longest wait."""

    counts: tuple[tuple[str, int], ...]
    unacknowledged: int
    longest: timedelta | None
    longest_text: str = ""

    @property
    def total(self) -> int:
        return sum(count for _, count in self.counts)

    @property
    def words(self) -> str:
        """How long the longest one waited."""
        seconds = int(self.longest.total_seconds()) if self.longest is not None else 0
        return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def summed(alarms: Sequence[Rung], until: datetime) -> Summed:
    """The sum of these alarms. One that nobody acknowledged waited until it was over, or until `until`."""
    order = ("high", "medium", "low", "technical")
    priorities = [one.priority for one in alarms]
    counts = tuple((each, priorities.count(each)) for each in order if each in priorities)
    rest = len(alarms) - sum(count for _, count in counts)
    waits = [((one.acknowledged_at or one.over_at or until) - one.raised_at, one) for one in alarms]
    longest = max(waits, key=lambda each: each[0], default=None)
    return Summed(
        counts=counts + ((("other", rest),) if rest else ()),
        unacknowledged=sum(one.acknowledged_at is None for one in alarms),
        longest=longest[0] if longest else None,
        longest_text=cut(longest[1].text, NOTE) if longest else "",
    )


def _alarms(session: DosingSession) -> list[Rung]:
    when: dict[tuple[UUID, str], datetime] = {}
    for alarm_id, kind, at in AlarmEvent.objects.filter(alarm__session=session).values_list(
        "alarm_id", "kind", "at"
    ):
        when[alarm_id, kind] = min(at, when.get((alarm_id, kind), at))
    return [
        Rung(row.priority, row.text, row.raised_at, when.get((row.id, AlarmEvent.Kind.ACKNOWLEDGED.value)),
             when.get((row.id, AlarmEvent.Kind.OVER.value)))
        for row in Alarm.objects.filter(session=session).order_by("raised_at", "code", "number")
    ]  # fmt: skip


# ── the chart and its checks ──────────────────────────────────────────────────────────────────────────────


def _checks(values: Sequence[bedside_values.Value], session: DosingSession) -> list[flowsheet.Line]:
    """The minutes at which somebody checked, or the cuff spoke, oldest first."""
    shown = [*flowsheet.PRESSURE, *flowsheet.BY_HAND]
    lines = flowsheet.lines(values, (), session.started_at)
    return [line for line in reversed(lines) if any(code in line.values for code in shown)]


@dataclass(frozen=True)
class Check:
    """One row of the table: when, and each value as it is written."""

    at: datetime
    minute: int | None
    cells: tuple[str, ...]


def _table(lines: Sequence[flowsheet.Line]) -> dict[str, Any]:
    """The checks there is room for, with a column for each quantity that was charted in any."""
    columns = [(code, title) for code, title in COLUMNS if any(code in line.values for line in lines)]
    kept = thinned(lines, MOST_CHECKS)
    return {
        "columns": ["BP", *(title for _, title in columns)],
        "checks": [
            Check(line.at, line.minute, (line.pressure, *(_shown(line, code) for code, _ in columns)))
            for line in kept
        ],
        "all_checks": len(lines),
    }


COLUMNS: Final = (
    ("heart_rate", "HR"), ("spo2", "SpO₂"), ("respiratory_rate", "RR"), ("etco2", "EtCO₂"),
    ("sedation", "MOAA/S"), ("dissociation", "Dissoc."), ("nausea", "Nausea"),
)  # fmt: skip


def _shown(line: flowsheet.Line, code: str) -> str:
    value = line.values.get(code)
    if value is None:
        return ""
    return flowsheet.LEVELS[int(value)] if code == "dissociation" else format_number(value)


def _drawn(
    bed: Bed, values: Sequence[bedside_values.Value], given: Sequence[Administration], notes: Sequence[Note],
    events: Sequence[AdverseEvent], alarms: Sequence[Rung],
) -> session_shapes.Session:  # fmt: skip
    session = bed.session
    marks = [session_shapes.Mark(row.at, GIVEN) for row in given]
    marks += [session_shapes.Mark(row.raised_at, ALARMS) for row in alarms]
    marks += [session_shapes.Mark(row.began_at, EVENTS) for row in events]
    marks += [session_shapes.Mark(row.at, NOTES) for row in notes]
    begins = session.arrived_at or session.scheduled_at
    ends = session.ended_at or bed.side.now
    return session_shapes.Session(
        values=[session_shapes.Value(v.code, v.value, v.observed_at, v.is_from_device) for v in values],
        begins=begins,
        ends=max(ends, begins),
        started_at=session.started_at,
        ended_at=session.ended_at,
        limits={code.value: _limits(one) for code, one in bed.side.protocol.limits.items() if code in DRAWN},
        doses=bed.side.infused.spans if bed.side.infused else _doses(session, given),
        marks=[mark for mark in marks if begins <= mark.at <= max(ends, begins)],
        lanes=(GIVEN, ALARMS, EVENTS, NOTES),
    )


DRAWN: Final = frozenset(
    {Quantity.SYSTOLIC, Quantity.HEART_RATE, Quantity.SPO2, Quantity.RESPIRATORY_RATE, Quantity.ETCO2}
)


def _limits(limits: Limits) -> list[session_shapes.Limit]:
    named = {"warn_low": False, "warn_high": False, "alarm_low": True, "alarm_high": True}
    found = ((getattr(limits, name), is_alarm) for name, is_alarm in named.items())
    return [session_shapes.Limit(float(one.value), is_alarm) for one, is_alarm in found if one]


def _doses(session: DosingSession, given: Iterable[Administration]) -> list[tuple[datetime, datetime]]:
    """The moments at which the ordered dose, or a part of it, was given, where it is no infusion."""
    times = {row.at for row in given if row.event == Administration.Event.DOSE}
    times |= {session.started_at} if session.started_at else set()
    return [(at, at) for at in sorted(times)]


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────


def _order(session: DosingSession, protocol: Protocol) -> str:
    found = ordered(session, protocol)
    if found is None:
        return "No order signed"
    by = f", ordered by {found.order.author.signs_as}" if found.order.author else ""
    working = f" ({found.working})" if found.working else ""
    return cut(f"{found.summary}{working}{by}", 2 * NOTE)


@dataclass(frozen=True)
class Said:
    """A time and what happened then."""

    at: datetime
    words: str


def _given(row: Administration) -> Said:
    dose = f" {plain_number(row.dose_mg)} mg" if row.dose_mg else ""
    rate = f" at {plain_number(row.rate_ml_per_h)} mL/h" if row.rate_ml_per_h else ""
    if row.correction is not None:
        rate += (
            f" (first {plain_number(row.charted_ml_per_h)})" if row.charted_ml_per_h else " (first no rate)"
        )
    name = "" if row.event in ("pause", "resume", "stop") else f" {row.substance}"
    event = "" if row.event == "given" else str(row.get_event_display()).capitalize() + (":" if name else "")
    why = f", {row.indication or row.note}" if row.indication or row.note else ""
    by = f", {row.author.name_used}" if row.author else ""
    what = cut(f"{event}{name}{dose}{rate}{why}".strip(), LINE - min(len(by), 22))
    return Said(row.at, f"{what}{cut(by, 22)}")


def _event(row: AdverseEvent) -> Said:
    wanted = {True: ", wanted", False: ", unwanted"}.get(row.wanted, "") if row.wanted is not None else ""
    serious = f", serious ({row.serious_because})" if row.is_serious else ""
    end = f", over {timezone.localtime(row.ended_at):%H:%M}" if row.ended_at else ""
    done = "".join(f"; {one}" for one in (_told(row), row.action_taken) if one)
    outcome = f"; {row.get_outcome_display()}" if row.outcome else ""
    return Said(
        row.began_at, cut(f"{row.term}, grade {row.grade}{wanted}{serious}{end}{outcome}{done}", 2 * LINE - 8)
    )


def _told(row: AdverseEvent) -> str:
    """Which prescriber was told, and when; or what else is known of it."""
    if row.prescriber_told is None or row.prescriber_told_at is None:
        return f"prescriber {row.get_prescriber_knows_display()}" if row.prescriber_knows else ""
    at = timezone.localtime(row.prescriber_told_at)
    return f"prescriber told: {row.prescriber_told.name_used}, {at:%H:%M}"


def _notes(session: DosingSession, notes: Iterable[Note]) -> list[Said]:
    summaries = SessionSummary.objects.filter(session=session).order_by("-recorded_at")
    said = [Said(row.recorded_at, cut(f"How it went: {row.text}", NOTE)) for row in summaries]
    return [*said[:1], *(Said(note.at, cut(note.text, NOTE)) for note in notes)]


@dataclass(frozen=True)
class Ended:
    """How it ended, as it was signed."""

    signed: str
    at: datetime
    reason: str
    criteria: str
    met: int
    of: int


def _discharge(session: DosingSession) -> Ended | None:
    row = Discharge.objects.select_related("author").filter(session=session).first()
    if row is None:
        return None
    criteria: Sequence[Mapping[str, Any]] = row.criteria
    # What was not met comes first: it is never cut off.
    ordered = sorted(criteria, key=lambda one: bool(one["met"]))
    words = " ".join(f"{'✓' if one['met'] else '✗ NOT MET:'} {one['reason']}" for one in ordered)
    author = f" ({row.author.signs_as})" if row.author else ""
    return Ended(
        signed=cut(f"{row.signed_name}{author}", NOTE),
        at=row.recorded_at,
        reason=cut(row.reason, REASON),
        criteria=cut(words, CRITERIA),
        met=sum(bool(one["met"]) for one in criteria),
        of=len(criteria),
    )


def _people(session: DosingSession) -> list[str]:
    """Who charted, gave, acknowledged or signed in this session, by name: on record as having been there."""
    written: set[UUID] = set()
    for table in (Sample, Administration, Note, GateCheck, AdverseEvent, Discharge):
        rows = table._default_manager.filter(session=session, author__isnull=False)
        written |= set(rows.values_list("author_id", flat=True).distinct())
    acknowledged = AlarmEvent.objects.filter(Q(alarm__session=session), author__isnull=False)
    written |= set(acknowledged.values_list("author_id", flat=True).distinct())
    return [person.signs_as for person in Person.objects.filter(id__in=written).order_by("name_used")]


def _escort(session: DosingSession) -> str:
    row = GateCheck.objects.filter(session=session, name="escort").order_by("-recorded_at").first()
    value = row.value if row else ""
    # Their name only: how to reach them is the clinic's business, and the paper goes from hand to hand.
    return cut(str(value.get("name", "") if isinstance(value, dict) else value), 60)


urlpatterns: list[URLPattern] = [path("room/<uuid:session_id>/paper", session_paper, name="room-paper")]
