"""What the flowsheet says was given, as the expected course needs it: milligrams from minute to minute.

It believes the flowsheet and nothing else; what was not charted, it does not guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from bothwell.dosing import under_way
from bothwell.monitoring.expected import Given, NoModel, is_ketamine, model_for
from bothwell.monitoring.expected_models import published
from bothwell.pathway.schema import Route

FAR = timedelta(days=2)
"""Later than any infusion ends: so one that still runs is counted to its ordered end."""
UNRECKONED = (
    "A rate is not charted, or is not the ordered bag’s: what ran in is not known, so no curve is drawn."
)


class Charted(Protocol):
    """One row of what was given, begun, paused or stopped."""

    @property
    def event(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def substance(self) -> str: ...
    @property
    def dose_mg(self) -> Decimal | None: ...
    @property
    def route(self) -> str: ...
    @property
    def rate_ml_per_h(self) -> Decimal | None: ...


def charted(
    rows: Sequence[Charted],
    *,
    route: Route,
    product: str,
    started_at: datetime,
    ordered_minutes: int | None,
    volume_ml: Decimal | None = None,
    is_as_ordered: bool = True,
) -> tuple[Given, ...] | NoModel:
    """Every ketamine dose of the session, an infusion as it ran and, if it runs, as it was ordered to go on.

    `volume_ml` and `is_as_ordered`: as `under_way.infusion` reckons its pace by them.
    """
    none = published()["none"]
    infused = [row for row in rows if row.event == "start"]
    beside = [row for row in rows if row.event in ("given", "dose") and is_ketamine(row.substance)]
    if any(row.dose_mg is None for row in (*infused, *beside)):
        return NoModel(none["uncharted"])
    model = model_for(route, product)
    if any(row.route != route or model_for(route, row.substance) != model for row in beside):
        return NoModel(none["mixed"])
    at_once = [
        Given(float(row.dose_mg or 0), _minute(row.at, started_at), _minute(row.at, started_at))
        for row in beside
    ]
    if not infused:
        return tuple(at_once)
    ran = under_way.infusion(rows, ordered_minutes, started_at + FAR, volume_ml, is_as_ordered=is_as_ordered)
    if ran is not None and not ran.is_reckoned:
        return NoModel(UNRECKONED)
    return (*(_stretches(ran, infused[0], started_at) if ran else ()), *at_once)


def _stretches(ran: under_way.Infusion, begun: Charted, started_at: datetime) -> list[Given]:
    """The stretches the infusion ran, each with its part of the dose by how fast it ran."""
    a_minute = float(begun.dose_mg or 0) / ran.minutes
    spans = [
        (_minute(begin, started_at), _minute(end, started_at), speed or 0)
        for (begin, end), speed in zip(ran.spans, ran.speeds, strict=True)
    ]
    return [Given(a_minute * speed * (end - begin), begin, end) for begin, end, speed in spans if end > begin]


def _minute(at: datetime, started_at: datetime) -> float:
    """Minutes after the first dose, to a tenth: a course is not redrawn for a second."""
    return round((at - started_at).total_seconds() / 60, 1)
