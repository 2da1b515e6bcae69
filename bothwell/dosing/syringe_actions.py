"""Drawing up for one session, and where every drop of a syringe went: given, wasted before a witness, dead space.

Nothing here decides, and no dose is started here: `ledger` decides, the dose is charted in the room. A line of the
ledger names no patient; for whom a syringe was drawn up stands in a row of its own.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time
from uuid import UUID, uuid4, uuid5
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing import late_draws, ledger, order_actions, session_actions, under_way
from bothwell.dosing.ledger import Kind
from bothwell.dosing.models import Administration, DosingSession, Vial, VialEvent, VialUse
from bothwell.dosing.vial_actions import append, bottle_of, held_vial, kept, may_write, wait_for
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

    @property
    def is_taken_back(self) -> bool:
        """Whether the draw itself was taken back: then nothing is in this syringe, and nothing ever was."""
        return self.moved_ul(Kind.DRAW) == 0

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
    """Drawn up for the person of an open session, by their nurse or prescriber; `opens_it` when it is still sealed.

    Refused while a dose is charted that was not drawn: that draw is written first, as late as it is.
    """
    session = _session(by, session_id)
    vial = held_vial(vial_id)
    if earlier := kept(by, request_id):
        return earlier
    if session.arrived_at is None or session.ended_at is not None:
        raise Refused("Nothing is drawn up for a session that is not open.")
    charted = charted_in(session.id)
    if charted and charted.undrawn_ug:
        raise Refused(
            "A dose is charted that is not drawn up by the ledger. Write that draw down first, with the time it really was "
            "and a second signature."
        )
    if opens_it and not VialEvent.objects.filter(vial=vial, kind=Kind.OPEN.value).exists():
        append(by, vial, Kind.OPEN, request_id=uuid5(request_id, "open"))
    syringe = uuid4()
    row = append(by, vial, Kind.DRAW, volume_ul=volume_ul, syringe=syringe, request_id=request_id)
    _use(by, session, row)
    _log_session(by, "drew up from a vial", session, vial)
    return row


@transaction.atomic
def draw_afterwards(
    *,
    by: Person,
    session_id: UUID,
    vial_id: UUID,
    volume_ul: int,
    at: datetime,
    reason: str,
    witness: Person | None,
    request_id: UUID,
) -> VialEvent:
    """A draw for a charted dose that nobody wrote down then: with its true time, why it is late, and a second signature.

    The line keeps both times: `at` when it was drawn, `recorded_at` when it was written. The rest is as in `draw`.
    """
    session = _session(by, session_id)
    vial = held_vial(vial_id)
    if earlier := kept(by, request_id):
        return earlier
    found = charted_in(session.id)
    if found is None or session.arrived_at is None:
        raise Refused("No dose is charted in this session that could have been drawn from a vial.")
    if found.undrawn_ug == 0:
        raise Stale("The charted dose is drawn up by the ledger. Look at the page again.")
    zone = ZoneInfo(session.clinic.timezone)
    opened = VialEvent.objects.filter(vial=vial, kind=Kind.OPEN.value).first()
    agreed = VialEvent.objects.filter(
        vial=vial, kind=Kind.COUNT.value, is_estimate=False, observed_ul=F("on_hand_ul")
    )
    counted = agreed.order_by("-number").first()
    Refused.unless(
        late_draws.may_be_written(
            late_draws.LateDraw(
                at=at.astimezone(zone), now=timezone.now(), arrived_at=session.arrived_at.astimezone(zone),
                charted_at=found.dose.at.astimezone(zone), received_on=vial.received_on,
                opened_at=opened.at.astimezone(zone) if opened else None,
                agreed_at=counted.at.astimezone(zone) if counted else None,
                is_signed=witness is not None, reason=reason,
            )
        )
    )  # fmt: skip
    if opened is None:
        append(by, vial, Kind.OPEN, at=at, request_id=uuid5(request_id, "open"))
    row = append(
        by, vial, Kind.DRAW, at=at, volume_ul=volume_ul, syringe=uuid4(), witness=witness,
        reason=reason.strip()[:300], request_id=request_id,
    )  # fmt: skip
    _use(by, session, row)
    _log_session(by, "wrote down afterwards what was drawn up", session, vial)
    return row


# ── doses that are charted, and what the ledger has of them ────────────────────────────────────────────


@dataclass(frozen=True)
class Moved:
    """What the ledger says of one session, in µg, lines taken back left out."""

    drawn_ug: int = 0
    given_ug: int = 0
    lost_ug: int = 0
    """Wasted, or left in dead space."""
    step_ug: int = 1
    """What the strongest vial drawn from holds in 0.01 mL: finer than that no syringe is read."""


@dataclass(frozen=True)
class Charted:
    """What is charted in a session of the substance its dose began with, beside what the ledger says of it."""

    doses: tuple[Administration, ...]
    moved: Moved
    ran_in: under_way.RanIn | None = None
    """What of an infusion ran in, by the rates charted; none where it was not stopped before its end."""

    @property
    def dose(self) -> Administration:
        """The dose with which the session's treatment began."""
        return self.doses[0]

    @property
    def charted_ug(self) -> int:
        """All that is charted of it."""
        return sum(_dose_ug(one) for one in self.doses)

    @property
    def drawn_ug(self) -> int:
        """What is drawn up for this session."""
        return self.moved.drawn_ug

    @property
    def given_ug(self) -> int:
        """What the ledger has as given."""
        return self.moved.given_ug

    @property
    def undrawn_ug(self) -> int:
        """What of the dose nobody drew by the ledger."""
        return late_draws.undrawn_ug(_dose_ug(self.dose), self.drawn_ug, self.moved.step_ug)

    @property
    def reckoned_ug(self) -> int | None:
        """All that is charted, of an infusion stopped early only what ran in; none where that cannot be reckoned."""
        if self.ran_in is None:
            return self.charted_ug
        if self.ran_in.about_mg is None:
            return None
        return self.charted_ug - int((self.ran_in.of_mg - self.ran_in.about_mg) * 1000)

    @property
    def is_settled(self) -> bool:
        """Whether something was drawn, and every syringe of it is accounted for."""
        return self.drawn_ug > 0 and self.drawn_ug == self.given_ug + self.moved.lost_ug

    @property
    def differs(self) -> bool:
        """Whether every syringe is accounted for, and the ledger gave something else than ran in by the chart.

        `door.at_odds` counts the same.
        """
        return self.is_settled and not late_draws.is_as_reckoned(
            self.charted_ug, self.reckoned_ug, self.given_ug, self.moved.step_ug
        )


def _dose_ug(one: Administration) -> int:
    return int((one.dose_mg or 0) * 1000)


def charted_in(session_id: UUID) -> Charted | None:
    """The charted dose of this session if it is of a kind that is drawn from vials, as far as the viewer may see it."""
    return next(iter(_charted(session_id=session_id)), None)


def charted_since_the_first_vial() -> list[Charted]:
    """Every charted dose the viewer may see, since the day the clinic's first vial came."""
    first = Vial.objects.select_related("clinic").order_by("received_on").first()
    if first is None:
        return []
    return _charted(at__gte=datetime.combine(first.received_on, time.min, ZoneInfo(first.clinic.timezone)))


def _charted(**which: object) -> list[Charted]:
    given = Q(event__in=["start", "given"], dose_mg__gt=0)
    flowed = Q(event__in=["rate", "pause", "resume", "stop", "correct"])
    found = Administration.objects.filter(
        given | flowed, session__started_at__isnull=False, route__in=late_draws.DRAWN_ROUTES, **which
    ).select_related("author", "subject", "session", "session__order")
    rows: dict[UUID, list[Administration]] = {}
    for row in found.order_by("at", "recorded_at"):
        rows.setdefault(row.session_id, []).append(row)
    rows = {key: order_actions.as_corrected(of) for key, of in rows.items()}
    moved = _moved_in(rows)
    return [
        Charted(
            doses,
            moved.get(key, Moved()),
            order_actions.ran_in(of, of[0].session.order),
        )
        for key, of in rows.items()
        if (doses := _doses_among(of))
    ]


def _doses_among(rows: list[Administration]) -> tuple[Administration, ...]:
    """The dose with which it began, then whatever else of the same substance was given; other medicines left out."""
    given = [one for one in rows if one.event in ("start", "given")]
    ordered = [one for one in given if order_actions.is_of_the_order(one, one.session.order)]
    first = next((one for one in ordered if one.at == one.session.started_at), None)
    if first is None:
        return ()
    alike = (one for one in given if one is not first and one.substance.lower() == first.substance.lower())
    return (first, *alike)


def _moved_in(sessions: Iterable[UUID]) -> dict[UUID, Moved]:
    """Session -> what the lines of its syringes moved."""
    uses = VialUse.objects.filter(session_id__in=list(sessions), event__kind=Kind.DRAW.value)
    whose = dict(uses.values_list("syringe", "session_id"))
    back = VialEvent.objects.filter(corrects__isnull=False).values("corrects_id")
    lines: dict[UUID, list[VialEvent]] = {}
    rows = VialEvent.objects.filter(syringe__in=list(whose)).exclude(id__in=back).select_related("vial")
    for row in rows:
        if row.syringe:
            lines.setdefault(whose[row.syringe], []).append(row)
    return {key: _sum_of(found) for key, found in lines.items()}


def _sum_of(lines: list[VialEvent]) -> Moved:
    def total(*kinds: Kind) -> int:
        return sum(one.amount_ug for one in lines if one.kind in kinds)

    steps = (one.vial.ug_per_ml * ledger.STEP_UL // 1000 for one in lines if one.kind == Kind.DRAW)
    return Moved(
        total(Kind.DRAW),
        total(Kind.ADMINISTER),
        total(Kind.WASTE, Kind.DEAD_SPACE),
        max(steps, default=1),
    )


def undrawn_in_clinic() -> int:
    """How many charted doses of the clinic have no draw at all, whoever's they are: a number, for those who keep the ledger."""
    return _number("door.undrawn()")


def at_odds_in_clinic() -> int:
    """In how many sessions of the clinic ledger and chart differ, whoever's they are: a number, likewise."""
    return _number("door.at_odds()")


def _number(function: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"select {function}")
        return int(cursor.fetchone()[0])


# ── where it went ──────────────────────────────────────────────────────────────────────────────────────


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
    """All of a syringe accounted for: given (to the charted dose, never more than it), wasted before a witness, dead space."""
    session = _session(by, session_id)
    drawn = VialUse.objects.filter(session=session, syringe=syringe, event__kind=Kind.DRAW.value).first()
    if drawn is None:
        raise Refused("There is no such syringe in this session.")
    was_drawn = VialEvent.objects.get(id=drawn.event_id)
    vial = held_vial(was_drawn.vial_id)
    ids = _parts_of(request_id)
    if earlier := list(VialEvent.objects.filter(request_id__in=ids.values(), author=by).order_by("number")):
        return earlier
    _adds_up(vial, syringe, given_ul, wasted_ul, dead_space_ul)
    if given_ul and administration:
        _is_charted(session, administration, bottle_of(vial).amount_ug(given_ul))
    rows = []
    if given_ul:
        # Of a draw written afterwards, what was given was given when the dose is charted.
        at = administration.at if administration and was_drawn.reason else None
        rows.append(_give(by, session, vial, syringe, given_ul, administration, ids[Kind.ADMINISTER], at))
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


def _is_charted(session: DosingSession, administration: Administration, given_ug: int) -> None:
    """Given in the session, all syringes together, is no more than is charted."""
    found = charted_in(session.id)
    doses = found.doses if found else (administration,)
    if administration.id not in {one.id for one in doses}:
        raise Refused("That medicine is not what was drawn up. Choose the dose that is charted.")
    moved = _moved_in([session.id]).get(session.id, Moved())
    charted_ug = sum(_dose_ug(one) for one in doses)
    Refused.unless(late_draws.may_be_given(charted_ug, moved.given_ug, given_ug, moved.step_ug))


def _give(
    by: Person,
    session: DosingSession,
    vial: Vial,
    syringe: UUID,
    given_ul: int,
    administration: Administration | None,
    request_id: UUID,
    at: datetime | None,
) -> VialEvent:
    if administration is None or administration.session_id != session.id:
        raise Refused("Chart the dose in the room first: the ledger names it.")
    row = append(by, vial, Kind.ADMINISTER, at=at, volume_ul=given_ul, syringe=syringe, request_id=request_id)
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
    """The session, its books held until the transaction ends; a vial's ledger is only ever waited for after it."""
    may_write(by)
    session = DosingSession.objects.filter(id=session_id).first()
    if session is None or not session_actions.may_chart(by, session):
        raise Refused("Only this person's nurse or prescriber can do this.")
    wait_for("session", session.id)
    return session


def _log_session(by: Person, action: str, session: DosingSession, vial: Vial) -> None:
    audit.log(action, by=by, subject=session.subject_id, item_kind="vials.use", item_id=vial.id)
    tell("room", session.id)
