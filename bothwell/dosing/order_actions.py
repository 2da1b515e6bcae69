"""The prescriber's order for one session: signed, and found again when the session comes.

Nothing here decides whether a dose is in range: `order` does. A signed order is never changed: another one takes its place, or
it is withdrawn.
"""

from collections.abc import Iterable, Sequence
from copy import copy
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bothwell.couples.models import Person, Role, StaffRole, open_at
from bothwell.dosing import order as ordering
from bothwell.dosing import under_way
from bothwell.dosing.models import Administration, DosingSession, Order, OrderWithdrawn
from bothwell.dosing.session_actions import tell_all
from bothwell.pathway import facts, protocol_actions, rights_actions, steps
from bothwell.pathway.models import Course
from bothwell.pathway.schema import Route
from bothwell.privacy import audit
from bothwell.refusal import Refused


@transaction.atomic
def order(
    *,
    by: Person,
    course: Course,
    dose_mg: Decimal,
    weight_kg: Decimal,
    minutes: int | None,
    product: str,
    concentration_mg_per_ml: Decimal | None,
    bag_ml: Decimal | None = None,
    antiemetic: str = "",
    out_of_range_reason: str = "",
    second_signature: Person | None = None,
    request_id: UUID | None = None,
) -> Order:
    """A prescriber signs the order for the next session; out of range, with a reason and a second signature.

    `bag_ml`: the volume an infusion is made up to, where the prescriber says so.
    `request_id` comes from the form and becomes the order's id: posted twice, it is signed once. Raises SentBefore where
    the same form said something else before.
    """
    said: dict[str, Any] = {
        "course_id": course.id, "dose_mg": dose_mg, "weight_kg": weight_kg, "minutes": minutes,
        "product": product.strip()[:120], "concentration_mg_per_ml": concentration_mg_per_ml, "bag_ml": bag_ml,
        "antiemetic": antiemetic.strip()[:120], "out_of_range_reason": out_of_range_reason.strip(),
    }  # fmt: skip
    if kept := rights_actions.kept_before(Order, by, request_id, **said):
        return kept  # type: ignore[no-any-return]
    if not _prescribes(by, course):
        raise Refused("Only the prescriber signs an order.")
    if not course.route:
        raise Refused("The joint decision names the route; there is none yet.")
    if bag_ml is not None and not (minutes and bag_ml > 0):
        raise Refused("A bag has a volume above 0 mL, and belongs to an infusion of so many minutes.")
    Refused.unless(facts.can_be("weight_kg", weight_kg))
    check = ordering.check_dose(
        protocol_actions.protocol_of(course.protocol),
        route=Route(course.route),
        dose_mg=dose_mg,
        weight_kg=weight_kg,
        infusion_minutes=Decimal(minutes) if minutes else None,
        ordered_by=str(by.id),
        second_signature_by=str(second_signature.id) if second_signature else "",
        out_of_range_reason=out_of_range_reason,
    )
    Refused.unless(check.decision)
    if check.needs_second_signature:
        _second_prescriber(by, second_signature)
    row = Order(
        clinic_id=by.clinic_id, subject_id=course.subject_id, couple_id=course.couple_id, author=by,
        route=course.route, second_signature=second_signature, **said, **({"id": request_id} if request_id else {}),
    )  # fmt: skip
    row.save(force_insert=True)
    audit.log("ordered", by=by, subject=course.subject_id, item_kind="medical", item_id=row.id)
    _tell_rooms(course)
    return row


@transaction.atomic
def withdraw(*, by: Person, course: Course, order_id: UUID, reason: str) -> OrderWithdrawn:
    """An order is not to be given after all: no session begins with it, nor with an older one. Asked twice, it is done once."""
    if not _prescribes(by, course):
        raise Refused("Only the prescriber withdraws an order.")
    found = course.orders.filter(id=order_id).first()
    if found is None:
        raise Refused("This order is not there. Open the page again.")
    # Whoever starts a session holds its row, as this does: one waits for the other.
    list(DosingSession.objects.select_for_update().filter(course=course).values_list("id"))
    if kept := OrderWithdrawn.objects.filter(order=found).first():
        return kept
    if DosingSession.objects.filter(order=found).exists():
        raise Refused(
            "A session began with this order. What was given stays on record; the room ends a dose."
        )
    if not reason.strip():
        raise Refused("Say why the order is withdrawn.")
    row = OrderWithdrawn(
        clinic_id=by.clinic_id, subject_id=course.subject_id, couple_id=course.couple_id, author=by,
        order=found, reason=reason.strip(),
    )  # fmt: skip
    row.save(force_insert=True)
    audit.log("withdrew an order", by=by, subject=course.subject_id, item_kind="medical", item_id=found.id)
    _tell_rooms(course)
    return row


def _prescribes(by: Person, course: Course) -> bool:
    subject_id = rights_actions.subject_of(course)
    return steps.Role.PRESCRIBER in rights_actions.roles_towards(by, subject_id, course.couple_id)


def _tell_rooms(course: Course) -> None:
    """Every room in which this person waits for a dose looks again."""
    waiting = DosingSession.objects.filter(course=course, arrived_at__isnull=False, started_at__isnull=True)
    for session in waiting:
        tell_all(session)


def _second_prescriber(by: Person, second: Person | None) -> None:
    """Whoever signs beside the orderer prescribes in this clinic too, now."""
    held = StaffRole.objects.filter(
        open_at(timezone.now()), person=second, role=Role.PRESCRIBER, clinic_id=by.clinic_id
    )
    if second is None or second.id == by.id or not held.exists():
        raise Refused("The second signature must be another prescriber's of this clinic.")


def volume_ml(ordered: Order) -> Decimal | None:
    """The volume of the ordered dose (mL, not rounded); none where the order names no concentration."""
    if not ordered.concentration_mg_per_ml:
        return None
    return ordered.dose_mg / ordered.concentration_mg_per_ml


def bag_of(ordered: Order) -> ordering.Bag | None:
    """The bag of the order with its concentration and rate; none where it names no volume."""
    if ordered.bag_ml is None or not ordered.minutes:
        return None
    return ordering.bag(ordered.dose_mg, ordered.bag_ml, ordered.minutes)


def as_corrected(rows: Iterable[Administration]) -> list[Administration]:
    """The rows with each rate as it was corrected last; the corrections themselves are in what they correct."""
    listed = list(rows)
    newest = {
        row.corrects_id: row
        for row in sorted(listed, key=lambda one: one.recorded_at)
        if row.event == Administration.Event.CORRECT
    }
    return [
        _in_place(row, newest[row.id]) if row.id in newest else row
        for row in listed
        if row.event != Administration.Event.CORRECT
    ]


def _in_place(row: Administration, correction: Administration) -> Administration:
    """A row as it reads with its rate put right; a copy, so that nothing is written over."""
    right = copy(row)
    right.charted_ml_per_h, right.rate_ml_per_h = row.rate_ml_per_h, correction.rate_ml_per_h
    right.correction = correction
    return right


def rate_to_expect(given: Sequence[Administration], ordered: Order) -> ordering.Expected | None:
    """The rate the pump is expected near: of the ordered bag, where it runs that one; else as it was begun, or charted last.

    None where the order names no bag and no rate was charted yet. `given`: as corrected.
    """
    begun = next((row.rate_ml_per_h for row in given if row.event == Administration.Event.START), None)
    made_up = bag_of(ordered)
    if made_up and (begun is None or ordering.is_rate_of(made_up, begun)):
        return ordering.Expected(made_up.rate_ml_per_h)
    if begun:
        return ordering.Expected(begun, "the rate at the start")
    rates = [row.rate_ml_per_h for row in given if row.event == Administration.Event.RATE]
    return ordering.Expected(rates[-1], "the rate charted before") if rates and rates[-1] else None


def volume_in_bag_ml(given: Iterable[Administration], ordered: Order) -> Decimal | None:
    """What the ordered minutes run in (mL), diluted as it is; none where nobody can say.

    The bag of the order, if the pump began at its rate; at another, the bag or the pace is another, and which the numbers
    do not tell. Where the order names no bag, the rate charted at the start stands for it.
    """
    rate = next((row.rate_ml_per_h for row in given if row.event == Administration.Event.START), None)
    if made_up := bag_of(ordered):
        return made_up.ml if rate and ordering.is_rate_of(made_up, rate) else None
    return rate * ordered.minutes / 60 if rate and ordered.minutes else None


def ran_in(given: Sequence[Administration], ordered: Order | None) -> under_way.RanIn | None:
    """What ran in of an infusion stopped before its end, by these rows; none where all did, or where it is no infusion."""
    begun = next((row for row in given if row.event == Administration.Event.START), None)
    if ordered is None or begun is None:
        return None
    volume_ml = volume_in_bag_ml(given, ordered)
    last_at = max(row.at for row in given)
    infused = under_way.infusion(given, ordered.minutes, last_at, volume_ml)
    # A bag was ordered and the pump began at no rate of it: how fast the dose ran in, the numbers do not tell.
    is_as_ordered = volume_ml is not None or bag_of(ordered) is None
    return under_way.ran_in(infused, begun.dose_mg, is_as_ordered=is_as_ordered)


def order_for(session: DosingSession) -> Order | None:
    """The order of this session: the one it was begun with, else the one that waits to be given; of one that is over
    without a dose, none."""
    if session.order is not None or session.ended_at is not None:
        return session.order
    return waiting_order(session.course)


def is_of_the_order(row: Administration, ordered: Order | None) -> bool:
    """Whether what was given is what was ordered, and no other medicine; where no order is on record, it may be."""
    return ordered is None or row.substance.lower() == ordered.product.lower()


def waiting_order(course: Course) -> Order | None:
    """The order signed last, of the route decided on, unless it was withdrawn or a session began with it.

    Those before it, it has replaced: they do not come back when it goes.
    """
    newest = course.orders.select_related("withdrawn").order_by("-recorded_at").first()
    if newest is None or newest.route != course.route or hasattr(newest, "withdrawn"):
        return None
    return None if DosingSession.objects.filter(order=newest).exists() else newest
