"""What an inspector asks to see of the vials, line by line, and what of it is not on file.

Pure. It invents nothing: what is missing is named, and what may not be shown to the one who exports is left out
with the reason in its place. It is no part of the chart.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Final

NOT_KEPT: Final = "not kept in Bothwell"
WITHHELD: Final = "not shown to whoever exported"

HEADINGS: Final = {
    "vial": "Vial", "substance": "Substance", "schedule": "Schedule", "form": "Finished form",
    "strength_mg_per_ml": "Strength mg/mL", "container_ml": "Container mL", "ndc": "Product code", "lot": "Lot", "expires": "Expires",
    "number": "Line", "at": "When", "entry": "Entry", "source": "From", "target": "To", "volume_ml": "Volume mL",
    "amount_mg": "Amount mg", "on_hand_ml": "In the vial after, mL", "patient": "Patient", "address": "Patient's address",
    "by": "By", "witness": "Witness", "second_witness": "Second witness", "reason": "Why, or manner",
    "counterparty": "To whom, or where", "supplier": "Supplier", "supplier_address": "Supplier's address",
    "registration": "Supplier's registration no.", "invoice": "Invoice", "received": "Received on",
    "takes_back": "Takes back line",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One line of one vial's ledger with everything the duty names; all as text, ready for paper."""

    vial: str
    substance: str
    schedule: str
    form: str
    strength_mg_per_ml: str
    container_ml: str
    ndc: str
    lot: str
    expires: str
    number: str
    at: str
    entry: str
    source: str
    target: str
    volume_ml: str
    amount_mg: str
    on_hand_ml: str
    by: str
    witness: str
    second_witness: str
    reason: str
    counterparty: str
    supplier: str
    supplier_address: str
    registration: str
    invoice: str
    received: str
    takes_back: str
    patient: str = ""
    address: str = ""


def missing(records: Iterable[Record], asked: Collection[str], product_code: str) -> list[str]:
    """What of `asked` (a law's `record` in vials.toml) these lines do not have, each thing once, with how often.

    `product_code`: what the country calls the code on the package.
    """
    rows = list(records)
    given = [row for row in rows if row.entry == "given"]
    found = (
        ("patient_address", "the patient's address", "line", sum(row.address in ("", NOT_KEPT) for row in given)),
        ("patient_name", "the patient's name", "line", sum(row.patient in ("", NOT_KEPT) for row in given)),
        ("patient_name", "the patient's name, not shown to whoever exported", "line",
         sum(row.patient == WITHHELD for row in given)),
        ("supplier_address", "the supplier's address", "vial", _vials(row for row in rows if not row.supplier_address)),
        ("supplier_registration", "the supplier's registration number", "vial",
         _vials(row for row in rows if not row.registration)),
        ("product_code", f"the {product_code}", "vial", _vials(row for row in rows if not row.ndc)),
    )  # fmt: skip
    return [
        f"{what}: {count} {unit}{'s' * (count > 1)}"
        for name, what, unit, count in found
        if count and name in asked
    ]


def _vials(rows: Iterable[Record]) -> int:
    return len({row.vial for row in rows})


def as_csv(records: Sequence[Record], product_code: str) -> str:
    """The lines as CSV (RFC 4180), headings first. No cell begins a formula in a spreadsheet."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*(HEADINGS | {"ndc": product_code}).values()])
    known = {column.name for column in fields(Record)}
    if known != set(HEADINGS):
        raise ValueError("every column has a heading")
    for record in records:
        writer.writerow([_safe(getattr(record, name)) for name in HEADINGS])
    return out.getvalue()


def _safe(text: str) -> str:
    """A cell that a spreadsheet takes for a formula is marked as text; plain negative numbers stay numbers."""
    starts = text[:1] in ("=", "+", "@", "\t", "\r")
    is_minus = text[:1] == "-" and not text[1:].replace(".", "", 1).isdigit()
    return f"'{text}" if starts or is_minus else text
