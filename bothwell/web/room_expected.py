"""The expected course in the dosing room: drawn pale behind what is measured, and said to be no more than that.

Only this room shows it, to the nurse and the prescriber. No page of a partner knows it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from bothwell.couples.models import Contact
from bothwell.dosing.giving_actions import began_as_ordered
from bothwell.dosing.models import Administration, DosingSession, GateCheck
from bothwell.dosing.order_actions import volume_in_bag_ml
from bothwell.monitoring.expected import Expectation, NoModel, Regimen, expect
from bothwell.monitoring.expected_charted import charted
from bothwell.monitoring.expected_pressure import PressureCourse, PressurePoint, expect_pressure
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.schema import Route

LISTED_MINUTES = range(0, 121, 20)
"""Which minutes stand in the table beside the drawing."""


@dataclass(frozen=True)
class Row:
    """One minute of the course as figures."""

    minute: int
    concentration: str
    pressure: str


@dataclass(frozen=True)
class Course:
    """What is expected in this session: a concentration, a pressure, or the reason why one is not drawn."""

    started_at: datetime
    concentration: Expectation | NoModel
    pressure: PressureCourse | NoModel

    @property
    def level(self) -> Expectation | None:
        return self.concentration if isinstance(self.concentration, Expectation) else None

    @property
    def rise(self) -> PressureCourse | None:
        return self.pressure if isinstance(self.pressure, PressureCourse) else None

    @property
    def is_drawn(self) -> bool:
        return self.level is not None or self.rise is not None

    @property
    def reasons(self) -> list[str]:
        """Why something is not drawn."""
        return [each.reason for each in (self.concentration, self.pressure) if isinstance(each, NoModel)]

    @property
    def rows(self) -> list[Row]:
        """The drawing as a table, for whoever does not see it."""
        return [
            Row(minute, _level_at(self.level, minute), _pressure_at(self.rise, minute))
            for minute in LISTED_MINUTES
        ]

    def drawing(self) -> dict[str, Any]:
        """What the drawing needs, times as seconds since 1970: [time, typical, low, high] each."""
        start = self.started_at.timestamp()
        found: dict[str, Any] = {}
        if level := self.level:
            found["level"] = {
                "unit": level.unit,
                "points": [
                    [start + 60 * point.minute, *_rounded(point.typical, point.low, point.high)]
                    for point in level.points
                ],
            }
        if rise := self.rise:
            found["pressure"] = [_line(rise.systolic, start), _line(rise.diastolic, start)]
        return found


def of(session: DosingSession, given: Sequence[Administration], before: Pressure | None) -> Course | None:
    """The expected course of this session as charted up to now; none before the dose. `before`: the baseline."""
    order, start = session.order, session.started_at
    if start is None or order is None:
        return None
    route = Route(order.route)
    doses = charted(
        given, route=route, product=order.product, started_at=start, ordered_minutes=order.minutes,
        volume_ml=volume_in_bag_ml(given, order), is_as_ordered=began_as_ordered(given, order),
    )  # fmt: skip
    if isinstance(doses, NoModel):
        return Course(start, doses, doses)
    regimen = Regimen(
        route=route,
        product=order.product,
        given=doses,
        weight_kg=_weight_kg(session),
        age_years=_age_years(session, start),
        ordered_minutes=order.minutes,
    )
    systolic = float(before.systolic_mmhg) if before else None
    diastolic = float(before.diastolic_mmhg) if before else None
    return Course(start, expect(regimen), expect_pressure(regimen, systolic, diastolic))


def _weight_kg(session: DosingSession) -> float | None:
    """Today's weight, or the order's."""
    weighed = GateCheck.objects.filter(session=session, name="weight").order_by("-recorded_at").first()
    if weighed is not None:
        return float(weighed.value)
    return float(session.order.weight_kg) if session.order else None


def _age_years(session: DosingSession, at: datetime) -> float | None:
    """Whole years on the day of the session; none where no date of birth is on file."""
    born = Contact.objects.filter(subject_id=session.subject_id).values_list("born_on", flat=True).first()
    return float(_years(born, at.date())) if born else None


def _years(born: date, on: date) -> int:
    return on.year - born.year - ((on.month, on.day) < (born.month, born.day))


def _rounded(*values: float | None) -> list[float | None]:
    return [None if value is None else round(value, 1) for value in values]


def _line(points: Sequence[PressurePoint], start: float) -> list[list[float | None]]:
    return [
        [start + 60 * each.minute, *_rounded(each.typical_mmhg, each.low_mmhg, each.high_mmhg)]
        for each in points
    ]


def _level_at(level: Expectation | None, minute: int) -> str:
    if level is None:
        return "–"
    point = min(level.points, key=lambda each: abs(each.minute - minute))
    if point.low is None or point.high is None:
        return f"{point.typical:.0f}"
    return f"{point.typical:.0f} ({point.low:.0f} to {point.high:.0f})"


def _pressure_at(rise: PressureCourse | None, minute: int) -> str:
    """The average course at a minute, between the two points it lies between."""
    if rise is None or minute > rise.systolic[-1].minute:
        return "–"
    return "/".join(f"{_between(points, minute):.0f}" for points in (rise.systolic, rise.diastolic))


def _between(points: Sequence[PressurePoint], minute: int) -> float:
    after = next(each for each in points if each.minute >= minute)
    before = [each for each in points if each.minute <= minute][-1]
    if after.minute == before.minute:
        return after.typical_mmhg
    share = (minute - before.minute) / (after.minute - before.minute)
    return before.typical_mmhg + share * (after.typical_mmhg - before.typical_mmhg)
