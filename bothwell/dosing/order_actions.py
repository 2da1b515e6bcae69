"""The prescriber's order for one session: signed, and found again when the session comes.

Nothing here decides whether a dose is in range: `order` does. A signed order is never changed.
"""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bothwell.couples.models import Person, Role, StaffRole, open_at
from bothwell.dosing import order as ordering
from bothwell.dosing.models import Administration, DosingSession, Order
from bothwell.pathway import protocol_actions, rights_actions, steps
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
    `request_id` comes from the form and becomes the order's id: posted twice, it is signed once.
    """
    if request_id and (kept := Order.objects.filter(id=request_id, author=by).first()):
        return kept
    if steps.Role.PRESCRIBER not in rights_actions.roles_towards(
        by, rights_actions.subject_of(course), course.couple_id
    ):
        raise Refused("Only the prescriber signs an order.")
    if not course.route:
        raise Refused("The joint decision names the route; there is none yet.")
    if bag_ml is not None and not (minutes and bag_ml > 0):
        raise Refused("A bag has a volume above 0 mL, and belongs to an infusion of so many minutes.")
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
        course=course,
        route=course.route, dose_mg=dose_mg, weight_kg=weight_kg, minutes=minutes,
        product=product.strip()[:120], concentration_mg_per_ml=concentration_mg_per_ml,
        bag_ml=bag_ml, antiemetic=antiemetic.strip()[:120], out_of_range_reason=out_of_range_reason.strip(),
        second_signature=second_signature, **({"id": request_id} if request_id else {}),
    )  # fmt: skip
    row.save(force_insert=True)
    audit.log("ordered", by=by, subject=course.subject_id, item_kind="medical", item_id=row.id)
    return row


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


def volume_in_bag_ml(given: Iterable[Administration], ordered: Order) -> Decimal | None:
    """What the ordered minutes run in (mL), diluted as it is; none where nobody can say.

    The bag of the order, if the pump began at its rate; at another, the bag or the pace is another, and which the numbers
    do not tell. Where the order names no bag, the rate charted at the start stands for it.
    """
    rate = next((row.rate_ml_per_h for row in given if row.event == Administration.Event.START), None)
    if made_up := bag_of(ordered):
        return made_up.ml if rate and ordering.is_rate_of(made_up, rate) else None
    return rate * ordered.minutes / 60 if rate and ordered.minutes else None


def newest_order(course: Course) -> Order | None:
    """The order signed last, whether it was given or not."""
    return course.orders.order_by("-recorded_at").first()


def order_for(session: DosingSession) -> Order | None:
    """The order of this session: the one it was begun with, else the newest that no session has used yet."""
    if session.order is not None:
        return session.order
    used = DosingSession.objects.filter(course_id=session.course_id, order__isnull=False).values("order_id")
    return session.course.orders.exclude(id__in=used).order_by("-recorded_at").first()
