"""The large keys of the dosing room, each with the form beneath it.

None of them gives anything: a form keeps what was measured, seen or given.
"""

from dataclasses import dataclass

from bothwell.web import bedside_forms, entry_forms
from bothwell.web.room_bed import Bed
from bothwell.web.room_vitals import vitals_of


@dataclass(frozen=True)
class Sheet:
    """One form under one large key."""

    key: str
    short: str
    title: str
    address: str
    form: bedside_forms.Bedside
    small: str = ""


CHARTED = ("pressure", "sedation", "dissociation", "nausea", "anxiety")


def last_charted(bed: Bed) -> dict[str, str]:
    """What was charted last of each quantity whose key says it; a page that stands open asks for it again."""
    vitals = vitals_of(bed)
    return {key: vitals[key].shown for key in CHARTED}


def sheets(bed: Bed) -> list[Sheet]:
    """The large keys in their order; before a dose only what can be entered then."""
    small = last_charted(bed) | {
        "vitals": "by hand", "vomiting": "how often", "note": "on the chart",
        "check": "all of it" if bed.session.started_at else "before the dose",
    }  # fmt: skip
    sheets = [
        Sheet(
            key, SHORT[key], title, bed.address(f"enter/{key}"),
            entry_forms.Readings(zone=bed.zone, parts=parts, auto_id=f"{key}_%s"), small[key],
        )
        for key, (title, parts) in entry_forms.ENTRIES.items()
    ]  # fmt: skip
    medicine_form = entry_forms.Medicine(zone=bed.zone, auto_id="medicine_%s")
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
