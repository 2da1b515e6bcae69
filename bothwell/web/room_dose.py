"""The dose in the dosing room: what was ordered, how much is drawn up, and what can be charted of it while it is given.

It chooses no dose and changes no order: every number is the order's, or follows from it with the working shown.
"""

from dataclasses import dataclass
from typing import Any

from bothwell.dosing import order as ordering
from bothwell.dosing import order_actions, under_way
from bothwell.dosing.models import DosingSession, Order
from bothwell.pathway.protocol import Protocol, Route
from bothwell.web import entry_forms
from bothwell.web.room_bed import Bed


@dataclass(frozen=True)
class Ordered:
    """The order of this session, with what is drawn up and how that was reckoned."""

    order: Order
    summary: str
    working: str


def ordered(session: DosingSession, protocol: Protocol) -> Ordered | None:
    """The order of a session, or None where there is none."""
    order = order_actions.order_for(session)
    if order is None:
        return None
    over = f" over {order.minutes} min" if order.minutes else ""
    summary = f"{order.product} {plain_number(order.dose_mg)} mg{over}"
    return Ordered(order, summary, _working(order, protocol))


def _working(order: Order, protocol: Protocol) -> str:
    if order.concentration_mg_per_ml:
        return ordering.volume(order.dose_mg, order.concentration_mg_per_ml).working
    plan = protocol.routes.get(Route(order.route))
    count = ordering.devices(plan.dose, order.dose_mg) if plan else None
    if count and plan and plan.dose.mg_per_device:
        return f"{count} devices of {plain_number(plan.dose.mg_per_device.value)} mg"
    return ""


def plain_number(number: Any) -> str:
    """A decimal without the zeros behind it: 35.50 becomes 35.5."""
    return f"{number.normalize():f}"


@dataclass(frozen=True)
class DoseKey:
    """One thing that can happen to the dose now: the event, and what the button says."""

    event: str
    words: str
    is_first: bool = False


def dose_keys(bed: Bed) -> list[DoseKey]:
    """What can be charted of the dose as it stands; nothing where it is over."""
    side, stage = bed.side, bed.side.progress.stage
    if side.parts is not None:
        return [] if side.parts.is_over else _of_parts(bed, side.parts)
    stop = DoseKey("stop", "Infusion stopped for good", stage is under_way.Stage.ENDING)
    match stage:
        case under_way.Stage.RUNNING:
            return [DoseKey("pause", "Infusion paused", True), DoseKey("rate", "Rate changed"), stop]
        case under_way.Stage.PAUSED:
            return [DoseKey("resume", "Infusion resumed", True), DoseKey("rate", "Rate changed"), stop]
        case under_way.Stage.ENDING:
            return [stop]
    return []


def as_ordered(bed: Bed) -> dict[str, str]:
    """The rate the order comes to, in words: of its bag, or undiluted where it names a concentration and no bag."""
    order = order_actions.order_for(bed.session)
    if order is None or not order.minutes:
        return {}
    if made_up := order_actions.bag_of(order):
        return {"of_the_bag": made_up.working}
    volume = order_actions.volume_ml(order)
    return {"as_ordered": ordering.rate_words(volume, order.minutes)} if volume else {}


def began_form(bed: Bed) -> entry_forms.Began:
    """The form of the first dose, with the rate of the ordered bag."""
    order = order_actions.order_for(bed.session)
    made_up = order_actions.bag_of(order) if order else None
    known = {"rate_ml_per_h": plain_number(made_up.rate_ml_per_h)} if made_up else {}
    return entry_forms.Began(zone=bed.zone, auto_id="start_%s", initial=known)


def _of_parts(bed: Bed, parts: under_way.Parts) -> list[DoseKey]:
    if bed.session.course.route == Route.SL:
        return [DoseKey("spat", "Spat out", True), DoseKey("swallow", "Swallowed")]
    return [
        DoseKey("dose", f"Device {parts.given + 1} of {parts.of} given", True),
        DoseKey("stop", "No further device"),
    ]
