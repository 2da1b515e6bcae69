"""Drawing the couple's cycle, and showing it: first to each their own side, then the whole to both.

Every drawing is a version of its own and every showing a row of its own: nothing shown is changed or unshown later.
"""

from uuid import UUID, uuid5

from django.db import IntegrityError, transaction

from bothwell.couples.models import Couple, Membership, Person
from bothwell.integration.cycle import Cycle, Node, faults, read, read_node, written
from bothwell.integration.models import CoupleSession, CycleMap, CycleNode, CycleShown
from bothwell.integration.session_actions import PROGRESS, SHARED, must_be_theirs, must_go_on
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.privacy.keeping_actions import sent_before
from bothwell.privacy.together_actions import tell_couple
from bothwell.refusal import Refused, SentBefore, Stale

NODE = "cycle.node"


@transaction.atomic
def draw_cycle(
    *, by: Person, couple: Couple, cycle: Cycle, after: int, request_id: UUID, session_id: UUID | None = None
) -> CycleMap:
    """A new version of the couple's cycle, seen by its therapists until it is shown. Posted twice, kept once.

    `after`: the version it was drawn from, 0 for the first. The same picture again makes no version. Raises Stale
    when somebody drew another meanwhile.
    """
    key = uuid5(by.id, str(request_id))
    if kept := sent_before(CycleMap, key, by, couple=couple):
        if read(kept.map) != cycle:
            raise SentBefore
        return kept
    must_be_theirs(by, couple)
    if cycle.is_empty:
        raise Refused("Write at least one word into the picture.")
    for fault in faults(cycle).values():
        raise Refused(fault)
    last = CycleMap.objects.filter(couple=couple).order_by("-number").first()
    number = last.number if last else 0
    if number != after:
        raise Stale("Somebody drew another version meanwhile. Look at it first; your words are still here.")
    if last and read(last.map) == cycle:
        return last
    if session_id and not CoupleSession.objects.filter(id=session_id, couple=couple).exists():
        raise Refused("There is no such session.")
    row = CycleMap(
        id=key,
        clinic_id=by.clinic_id,
        couple=couple,
        author=by,
        session_id=session_id,
        number=number + 1,
        map=written(cycle),
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise Stale(
            "Somebody drew another version meanwhile. Look at it first; your words are still here."
        ) from error
    audit.log("drew the cycle", by=by, couple=couple, item_kind=PROGRESS, item_id=row.id)
    return row


@transaction.atomic
def show_side(*, by: Person, couple: Couple, map_id: UUID, side: str) -> CycleNode:
    """Show one partner their own side of this version, and nothing of the other's. Showing twice changes nothing."""
    drawn = _map(by, couple, map_id)
    member = Membership.objects.filter(couple=couple, side=side).first()
    if member is None:
        raise Refused("There is no such side.")
    if kept := CycleNode.objects.filter(map=drawn, subject_id=member.person_id).first():
        return kept
    node = read(drawn.map).side(side)
    if node.is_empty:
        raise Refused("There is nothing on this side yet.")
    row = CycleNode(
        clinic_id=by.clinic_id,
        subject_id=member.person_id,
        couple=couple,
        author=by,
        map=drawn,
        node=written(Cycle(a=node))["a"],
    )
    row.save(force_insert=True)
    audit.log("showed a side of the cycle", by=by, subject=member.person_id, item_kind=NODE, item_id=row.id)
    tell("person", member.person_id)  # theirs alone: the other's pages are not woken
    return row


@transaction.atomic
def show_both(*, by: Person, couple: Couple, map_id: UUID) -> CycleShown:
    """Show both the whole of this version. Each must have seen their own side of it first, in these words.

    Showing twice changes nothing.
    """
    drawn = _map(by, couple, map_id)
    if kept := CycleShown.objects.filter(map=drawn).first():
        return kept
    cycle = read(drawn.map)
    if cycle.a.is_empty or cycle.b.is_empty:
        raise Refused("One side is still empty: the picture is shown when both stand in it.")
    if unseen_sides(couple, cycle):
        raise Refused("Show each of them their own side first, in these words. Then show it to both.")
    row = CycleShown(clinic_id=by.clinic_id, couple=couple, author=by, map=drawn, shown=written(cycle))
    row.save(force_insert=True)
    audit.log("showed the cycle to both", by=by, couple=couple, item_kind=SHARED, item_id=row.id)
    tell_couple(couple)
    return row


def sides_shown(couple: Couple) -> dict[str, tuple[CycleNode, Node]]:
    """The newest side shown to each of the two, by side."""
    by_person = dict(Membership.objects.filter(couple=couple).values_list("person_id", "side"))
    found: dict[str, tuple[CycleNode, Node]] = {}
    for row in CycleNode.objects.filter(map__couple=couple).order_by("recorded_at"):
        side = by_person.get(row.subject_id) if row.subject_id else None
        if side:
            found[side] = (row, read_node(row.node))
    return found


def unseen_sides(couple: Couple, cycle: Cycle) -> list[str]:
    """The sides whose words, as they stand in `cycle`, their own partner was not shown."""
    shown = sides_shown(couple)
    return [side for side in ("a", "b") if side not in shown or shown[side][1] != cycle.side(side)]


def _map(by: Person, couple: Couple, map_id: UUID) -> CycleMap:
    must_be_theirs(by, couple)
    must_go_on(by, couple)
    drawn = CycleMap.objects.filter(id=map_id, couple=couple).first()
    if drawn is None:
        raise Refused("There is no such version.")
    return drawn
