"""The large numbers of the dosing room: what was measured or seen last, in words, and how it looks beside its limits.

It reckons no value from others, and shows none that was not charted as one.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from bothwell.codes import BY_CODE
from bothwell.dosing import flowsheet
from bothwell.monitoring.models import Sample
from bothwell.monitoring.vitals import format_number, format_value
from bothwell.web import bedside_values
from bothwell.web.room_bed import Bed

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


def vitals_of(bed: Bed) -> dict[str, Vital]:
    """By code, in the order they are shown; carbon dioxide only where it was measured."""
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
            value_words(value) if value else "not charted",
            value.observed_at if value else None,
            id=value.id if value else None,
        )
    return found


def value_words(value: bedside_values.Value | Sample) -> str:
    """The value as it is said: "MOAA/S 5", "mild, wanted", "3 of 10"; else the figure."""
    match value.code:
        case "sedation":
            return f"MOAA/S {format_number(value.value)}"
        case "dissociation":
            wanted = {True: ", wanted", False: ", unwanted"}.get(value.detail.get("wanted"), "")  # type: ignore[arg-type]
            return f"{flowsheet.LEVELS[int(value.value)]}{wanted}"
        case "nausea" | "anxiety":
            return f"{format_number(value.value)} of 10"
    return format_value(value.code, value.value)
