"""What people entered in this session, the newest first, and what of it may be corrected.

Nothing is taken from the list: what was corrected stays in it, and says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person
from bothwell.dosing import order_actions, under_way
from bothwell.dosing.models import Administration
from bothwell.monitoring.models import Note, Sample
from bothwell.monitoring.vitals import format_number
from bothwell.web.room_bed import Bed
from bothwell.web.room_chart import given_words
from bothwell.web.room_vitals import value_words


def _name(row: Administration | Note) -> str:
    """Who entered it."""
    return str(row.author.name_used) if row.author else ""


def _charted(sample: Sample) -> str:
    """A value with what it is: "Systolic 164 mmHg", "Dissociation mild, wanted"."""
    if sample.code == "sedation":
        return f"MOAA/S {format_number(sample.value)}"
    site = sample.detail.get("body_site")
    return f"{BY_CODE[sample.code].title} {value_words(sample)}" + (f" ({site})" if site else "")


@dataclass(frozen=True)
class Entry:
    """One thing a person entered, for the list: when, what, who; and what of it may be corrected."""

    at: datetime
    words: str
    by: str = ""
    samples: tuple[tuple[Sample, str], ...] = ()
    wants_effect_of: UUID | None = None
    """The medicine of which nobody has said yet what it did."""
    has_rate_of: UUID | None = None
    """The start or the change of rate whose rate can be corrected."""


def _is_beside(row: Administration, bed: Bed) -> bool:
    """A medicine, and not the dose itself."""
    is_the_dose = row.at == bed.session.started_at and order_actions.is_of_the_order(row, bed.session.order)
    return row.event == "given" and not is_the_dose


def entries_of(
    bed: Bed, given: Sequence[Administration], notes: Sequence[Note], ran_in: under_way.RanIn | None
) -> list[Entry]:
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
            row.at, given_words(row, ran_in), _name(row),
            wants_effect_of=row.id if _is_beside(row, bed) and row.id not in told else None,
            has_rate_of=row.id if row.event in ("start", "rate") else None,
        )
        for row in given
    ]  # fmt: skip
    found += [Entry(note.at, note.text, _name(note)) for note in notes]
    return sorted(found, key=lambda entry: entry.at, reverse=True)
