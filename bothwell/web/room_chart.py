"""The chart of the dosing room: values, limits and marks, as the drawing needs them and as its table says them.

It draws nothing and judges nothing; what a monitor says is drawn where it was said.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils import timezone

from bothwell.dosing import flowsheet, under_way
from bothwell.dosing.models import Administration
from bothwell.monitoring.models import Note
from bothwell.pathway.protocol import Limits, Quantity
from bothwell.web import bedside_values
from bothwell.web.room_bed import Bed
from bothwell.web.room_dose import plain_number
from bothwell.web.room_vitals import TRIO

EVENTS = {
    "start": "Infusion started",
    "pause": "Infusion paused",
    "resume": "Infusion resumed",
    "stop": "Infusion stopped",
    "spat": "Spat out",
    "swallow": "Swallowed",
}
ROUTES = {"iv": "into a vein", "im": "into a muscle", "sl": "under the tongue", "po": "by mouth",
          "in": "into the nose", "inh": "inhaled", "unknown": "how is not known"}  # fmt: skip


def given_words(row: Administration, ran_in: under_way.RanIn | None = None) -> str:
    """What was done to the dose, or given beside it, in a line; with a stop before the end, what of it `ran_in`."""
    dose = f" {plain_number(row.dose_mg)} mg" if row.dose_mg else ""
    match row.event:
        case "start":
            rate = f" at {plain_number(row.rate_ml_per_h)} mL/h" if row.rate_ml_per_h else ""
            why = f" ({row.note})" if row.note else ""
            return f"Infusion started: {row.substance}{dose}{rate}{why}{_corrected(row)}"
        case "rate":
            return f"Rate changed to {plain_number(row.rate_ml_per_h)} mL/h{_corrected(row)}"
        case "stop" if row.route == "in":
            return "No further device"
        case "stop" if ran_in:
            return f"{EVENTS[row.event]}. {ran_in.words}"
        case "dose":
            return f"Device given: {row.substance}{dose}"
        case "effect":
            return f"{row.substance} did: {row.note}"
        case "given":
            # Told of a medicine alone: the dose itself says what it is by its order.
            unknown = ", dose not in mg or not known" if row.ordered_how and not row.dose_mg else ""
            return ", ".join([f"{row.substance}{dose}{unknown}", *_beside(row)])
    return EVENTS[row.event]


def _corrected(row: Administration) -> str:
    """What was charted before the rate was put right, and why; empty where it was not."""
    if row.correction is None:
        return ""
    first = f"{plain_number(row.charted_ml_per_h)} mL/h" if row.charted_ml_per_h else "no rate"
    return f" (charted first: {first}; corrected: {row.correction.note})"


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


def marks_of(
    given: Sequence[Administration], notes: Sequence[Note], ran_in: under_way.RanIn | None
) -> list[flowsheet.Mark]:
    """What was given and noted, as marks on the chart."""
    return [
        *(
            flowsheet.Mark(
                row.at, given_words(row, ran_in), "given" if row.event in ("given", "effect") else "dose"
            )
            for row in given
        ),
        *(flowsheet.Mark(note.at, note.text, "note") for note in notes),
    ]


def chart_of(
    bed: Bed, values: Sequence[bedside_values.Value], marks: Sequence[flowsheet.Mark]
) -> dict[str, Any]:
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
