"""Reads what people sent and when they were dosed, as far as the one looking may see it, ready to be drawn.

Row-level security decides what comes; nothing here asks whose eyes these are, and nothing is written. However
many people and rows, the number of statements stays the same. Screens about safety are not measures.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from bothwell.dosing.models import DosingSession
from bothwell.instruments import shelf
from bothwell.instruments.models import Kind, Response
from bothwell.web.score import Dose
from bothwell.web.trajectory import Measure, Sent, measures
from bothwell.web.trajectory_shapes import Axis

MEASURES: Final = (Kind.INDIVIDUAL.value, Kind.PREDOSE.value, Kind.RELATIONSHIP.value)
"""What is followed over time."""

LEAST_SHOWN: Final = timedelta(days=28)

READ: Final = (
    "subject_id", "id", "instrument", "instrument_version", "kind", "sent_at", "total", "scores", "entered_as",
)  # fmt: skip


def measures_of(
    people: Collection[UUID], clinic_id: UUID, zone: ZoneInfo, kinds: Collection[str] = MEASURES
) -> dict[UUID, list[Measure]]:
    """What each of them sent and the viewer sees, in two statements; nobody is missing from the answer."""
    found: dict[UUID, list[Sent]] = {person: [] for person in people}
    rows = Response.objects.filter(
        subject_id__in=people, status=Response.Status.SENT, kind__in=kinds, sent_at__isnull=False
    )
    for whose, key, instrument, version, kind, at, total, scores, how in rows.order_by(
        "sent_at", "id"
    ).values_list(*READ):
        on = at.astimezone(zone).date()
        found[whose].append(Sent(key, instrument, version, kind, on, total, scores or {}, how))
    wanted = {(each.instrument, each.version) for sent in found.values() for each in sent}
    known = shelf.find_all(clinic_id, sorted(wanted))
    return {person: measures(sent, known) for person, sent in found.items()}


def doses_of(people: Collection[UUID], zone: ZoneInfo) -> dict[UUID, list[Dose]]:
    """The dosing sessions that were, of each whose times the viewer may see; one statement."""
    found: dict[UUID, list[Dose]] = {person: [] for person in people}
    rows = DosingSession.objects.filter(subject_id__in=people, started_at__isnull=False).order_by(
        "started_at"
    )
    for whose, number, at in rows.values_list("subject_id", "number", "started_at"):
        if at is not None:
            found[whose].append(Dose(at.astimezone(zone).date(), number))
    return found


def axis_of(shown: Iterable[Measure], today: date, back: timedelta | None) -> Axis:
    """From the first day anything was sent until today, so that every picture of a page has the same days.

    With `back`, no further back than that.
    """
    first = min((each.sent[0].on for each in shown), default=today)
    begins = min(first, today - LEAST_SHOWN)
    return Axis(max(begins, today - back) if back else begins, today)
