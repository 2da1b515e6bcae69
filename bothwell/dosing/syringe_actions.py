"""Drawing up for one session, and where every drop of a syringe went: given, wasted before a witness, dead space.

Nothing here decides, and no dose is started here: `ledger` decides, the dose is charted in the room. A line of the
ledger names no patient; for whom a syringe was drawn up stands in a row of its own.
"""

from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

from django.db import transaction

from bothwell.couples.models import Person
from bothwell.dosing import ledger, session_actions
from bothwell.dosing.ledger import Kind
from bothwell.dosing.models import Administration, DosingSession, Vial, VialEvent, VialUse
from bothwell.dosing.vial_actions import append, held_vial, kept, may_write
from bothwell.later import tell
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale


@dataclass(frozen=True)
class Syringe:
    """One drawing up for a session: what was drawn, and how much of it is neither given nor wasted."""

    id: UUID
    vial: Vial
    drawn: VialEvent
    held_ul: int
    lines: tuple[VialEvent, ...]

    def moved_ul(self, *kinds: Kind) -> int:
        """What lines of these kinds moved, those taken back left out."""
        back = {line.corrects_id for line in self.lines}
        return sum(x.volume_ul for x in self.lines if x.kind in kinds and x.id not in back)


def syringes_of(session: DosingSession) -> list[Syringe]:
    """Every syringe drawn up for a session, in the order they were drawn."""
    uses = VialUse.objects.filter(session=session, event__kind=Kind.DRAW.value)
    ids = list(uses.order_by("event__recorded_at").values_list("syringe", flat=True))
    lines: dict[UUID, list[VialEvent]] = {}
    rows = VialEvent.objects.filter(syringe__in=ids).select_related("vial", "author", "witness")
    for row in rows.order_by("number"):
        if row.syringe:
            lines.setdefault(row.syringe, []).append(row)
    return [
        Syringe(key, lines[key][0].vial, lines[key][0], lines[key][-1].held_ul or 0, tuple(lines[key]))
        for key in ids
    ]


def is_kept(by: Person, request_id: UUID) -> bool:
    """Whether this very post was written already, as one line or as a whole syringe."""
    ids = [request_id, *_parts_of(request_id).values()]
    return VialEvent.objects.filter(request_id__in=ids, author=by).exists()


def _parts_of(request_id: UUID) -> dict[Kind, UUID]:
    """The lines of a syringe accounted for have keys of their own, made from the post's."""
    return {kind: uuid5(request_id, kind.value) for kind in (Kind.ADMINISTER, Kind.WASTE, Kind.DEAD_SPACE)}


@transaction.atomic
def draw(
    *,
    by: Person,
    session_id: UUID,
    vial_id: UUID,
    volume_ul: int,
    request_id: UUID,
    opens_it: bool = False,
) -> VialEvent:
    """Drawn up for the person of an open session, by their nurse or prescriber; `opens_it` when it is still sealed."""
    session = _session(by, session_id)
    vial = held_vial(vial_id)
    if earlier := kept(by, request_id):
        return earlier
    if session.arrived_at is None or session.ended_at is not None:
        raise Refused("Nothing is drawn up for a session that is not open.")
    if opens_it and not VialEvent.objects.filter(vial=vial, kind=Kind.OPEN.value).exists():
        append(by, vial, Kind.OPEN, request_id=uuid5(request_id, "open"))
    syringe = uuid4()
    row = append(by, vial, Kind.DRAW, volume_ul=volume_ul, syringe=syringe, request_id=request_id)
    _use(by, session, row)
    _log_session(by, "drew up from a vial", session, vial)
    return row


@transaction.atomic
def settle(
    *,
    by: Person,
    session_id: UUID,
    syringe: UUID,
    request_id: UUID,
    given_ul: int,
    wasted_ul: int = 0,
    dead_space_ul: int = 0,
    administration: Administration | None = None,
    reason: str = "",
    witness: Person | None = None,
) -> list[VialEvent]:
    """All of a syringe accounted for: given (to the charted dose), wasted before a witness, dead space."""
    session = _session(by, session_id)
    drawn = VialUse.objects.filter(session=session, syringe=syringe, event__kind=Kind.DRAW.value).first()
    if drawn is None:
        raise Refused("There is no such syringe in this session.")
    vial = held_vial(VialEvent.objects.get(id=drawn.event_id).vial_id)
    ids = _parts_of(request_id)
    if earlier := list(VialEvent.objects.filter(request_id__in=ids.values(), author=by).order_by("number")):
        return earlier
    _adds_up(vial, syringe, given_ul, wasted_ul, dead_space_ul)
    rows = []
    if given_ul:
        rows.append(_give(by, session, vial, syringe, given_ul, administration, ids[Kind.ADMINISTER]))
    if wasted_ul:
        rows.append(
            append(
                by, vial, Kind.WASTE, volume_ul=wasted_ul, syringe=syringe, witness=witness,
                reason=reason.strip()[:300], request_id=ids[Kind.WASTE],
            )
        )  # fmt: skip
    if dead_space_ul:
        rows.append(
            append(
                by,
                vial,
                Kind.DEAD_SPACE,
                volume_ul=dead_space_ul,
                syringe=syringe,
                request_id=ids[Kind.DEAD_SPACE],
            )
        )
    _log_session(by, "accounted for a syringe", session, vial)
    return rows


def _adds_up(vial: Vial, syringe: UUID, given_ul: int, wasted_ul: int, dead_space_ul: int) -> None:
    """Drawn = given + wasted + dead space: a syringe is settled whole, or not at all."""
    last = VialEvent.objects.filter(vial=vial, syringe=syringe).order_by("-number").first()
    held = (last.held_ul or 0) if last else 0
    if held == 0:
        raise Stale("This syringe is accounted for already.")
    said = given_ul + wasted_ul + dead_space_ul
    if min(given_ul, wasted_ul, dead_space_ul) < 0 or said != held:
        raise Refused(
            f"{ledger.ml(held)} mL are in this syringe; what is written here makes {ledger.ml(said)} mL."
        )


def _give(
    by: Person,
    session: DosingSession,
    vial: Vial,
    syringe: UUID,
    given_ul: int,
    administration: Administration | None,
    request_id: UUID,
) -> VialEvent:
    if administration is None or administration.session_id != session.id:
        raise Refused("Chart the dose in the room first: the ledger names it.")
    row = append(by, vial, Kind.ADMINISTER, volume_ul=given_ul, syringe=syringe, request_id=request_id)
    _use(by, session, row, administration)
    return row


def _use(
    by: Person, session: DosingSession, row: VialEvent, administration: Administration | None = None
) -> None:
    if row.syringe is None:
        raise ValueError("only what is in a syringe is for somebody")
    VialUse(
        clinic_id=session.clinic_id, subject_id=session.subject_id, couple_id=session.couple_id, author=by,
        session=session, event=row, syringe=row.syringe, administration=administration,
    ).save(force_insert=True)  # fmt: skip


def _session(by: Person, session_id: UUID) -> DosingSession:
    may_write(by)
    session = DosingSession.objects.filter(id=session_id).first()
    if session is None or not session_actions.may_chart(by, session):
        raise Refused("Only this person's nurse or prescriber can do this.")
    return session


def _log_session(by: Person, action: str, session: DosingSession, vial: Vial) -> None:
    audit.log(action, by=by, subject=session.subject_id, item_kind="vials.use", item_id=vial.id)
    tell("room", session.id)
