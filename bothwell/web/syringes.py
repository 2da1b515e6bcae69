"""Drawing up in the room: which vial, how much by the order, and where every drop of it went.

It starts no dose and opens no gate: it keeps the ledger beside the chart. The bedside monitor stays the first to watch.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Person
from bothwell.dosing import giving_actions, late_draws, ledger, order_actions, syringe_actions
from bothwell.dosing.ledger import Kind
from bothwell.dosing.models import Administration, Order
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web import vial_forms, vials_shown
from bothwell.web.room_bed import Bed, bed_of
from bothwell.web.room_dose import plain_number
from bothwell.web.vials import owed_by, proofs


@dataclass(frozen=True)
class Choice:
    """One vial that can be drawn from, with the volume the order makes of it."""

    standing: vials_shown.Standing
    volume_ul: int
    working: str

    @property
    def words(self) -> str:
        """Everything a gloved hand needs beside the key."""
        vial, last = self.standing.vial, self.standing.last
        state = "open" if last.is_open else "sealed: drawing opens it"
        return (
            f"{vial.code}, {vial.product}, {state}. {ledger.ml(last.on_hand_ul)} mL in it. "
            f"Lot {vial.lot}, expires {vial.expires_on:%d %b %Y}. {self.working}"
        )


@dataclass(frozen=True)
class Open:
    """A syringe that is not accounted for yet, and the form that does it."""

    syringe: syringe_actions.Syringe
    form: vial_forms.Settling


@dataclass(frozen=True)
class Sums:
    """What the ledger says of this session beside what was ordered and charted, in µg."""

    drawn_ug: int
    given_ug: int
    wasted_ug: int
    dead_ug: int
    held_ug: int
    charted_ug: int
    step_ug: int
    """What the strongest vial used holds in 0.01 mL: finer than that no syringe is read."""
    reckoned_ug: int | None
    """What of the charted dose ran in, by the rates charted; none where that cannot be reckoned."""

    @property
    def is_settled(self) -> bool:
        """Whether a dose is charted and nothing of what was drawn is left in a syringe."""
        return self.drawn_ug > 0 and self.held_ug == 0 and self.charted_ug > 0

    @property
    def agrees(self) -> bool:
        """Whether the ledger's given amount is what ran in by the chart, as near as a syringe and a clock can tell."""
        return self.held_ug > 0 or late_draws.is_as_reckoned(
            self.charted_ug, self.reckoned_ug, self.given_ug, self.step_ug
        )


@require_http_methods(["GET", "POST"])
def syringes(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """What was drawn up for this session, and drawing up more."""
    bed = bed_of(request, session_id)
    audit.viewed(bed.who, subject=bed.session.subject_id, what="vials.use")
    trouble, context = "", _shown(request, bed)
    if request.method == "POST":
        try:
            if _kept(request, bed, context):
                return redirect("vial_session", session_id=session_id)
        except Refused as refused:
            trouble = refused.reason
    with timezone.override(bed.zone):
        return render(
            request, "vials/session.html", context | {"bed": bed, "side": bed.side, "trouble": trouble},
            status=422 if request.method == "POST" else 200,
        )  # fmt: skip


def _shown(request: HttpRequest, bed: Bed) -> dict[str, Any]:
    session = bed.session
    found = syringe_actions.syringes_of(session)
    given = [
        one for one in giving_actions.given_in(session) if one.event in ("start", "given") and one.dose_mg
    ]
    charted = syringe_actions.charted_in(session.id)
    if charted:
        given = list(charted.doses)
    lacks = charted is not None and charted.undrawn_ug > 0
    order = order_actions.order_for(session)
    choices = _choices(bed.who, order, _drawn_ug(found))
    is_drawing = request.POST.get("do") == "draw"
    drawing = vial_forms.Drawing(
        request.POST if is_drawing else None, vials=[(one.standing.vial.id, one.words) for one in choices]
    )
    doses = [
        (one.id, f"{plain_number(one.dose_mg)} mg, {_clock(bed, one)}, {one.substance}") for one in given
    ]
    sums = _sums(found, given if charted else given[:1], charted)
    return {
        "order": order,
        "choices": choices,
        "drawing": drawing,
        "may_draw": session.arrived_at is not None and session.ended_at is None and not lacks,
        "charted": charted,
        "ran_in": charted.ran_in if charted else None,
        "late": _late(request, bed, charted) if charted and lacks else None,
        "open": [_open(request, bed.who, one, doses, sums) for one in found if one.held_ul > 0],
        "settled": [one for one in found if one.held_ul == 0],
        "sums": sums,
        "is_drawn": order is not None and _drawn_ug(found) >= order.dose_mg * 1000,
        "any": bool(found),
    }


def _clock(bed: Bed, row: Administration) -> str:
    return f"{row.at.astimezone(bed.zone):%H:%M}"


def _drawn_ug(found: list[syringe_actions.Syringe]) -> int:
    """What is drawn up for this session and not wasted."""
    return sum(_ug(one, Kind.DRAW) - _ug(one, Kind.WASTE) for one in found)


def _ug(one: syringe_actions.Syringe, kind: Kind) -> int:
    return one.moved_ul(kind) * one.vial.ug_per_ml // 1000


def _choices(who: Person, order: Order | None, drawn_ug: int) -> list[Choice]:
    """Vials in date with something in them: open ones first, then the soonest to expire; the order's strength first."""
    usable = [one for one in vials_shown.standings(who.clinic_id) if one.state in ("open", "sealed")]
    strength = order.concentration_mg_per_ml * 1000 if order and order.concentration_mg_per_ml else None
    usable.sort(key=lambda one: one.vial.ug_per_ml != strength if strength else False)
    return [_choice(one, order, drawn_ug) for one in usable]


def _choice(one: vials_shown.Standing, order: Order | None, drawn_ug: int) -> Choice:
    if order is None:
        return Choice(one, 0, "No order: write the volume.")
    left_mg = order.dose_mg - Decimal(drawn_ug) / 1000
    if left_mg <= 0:
        return Choice(one, 0, "The ordered dose is drawn up.")
    wanted = ledger.to_draw(left_mg, one.vial.ug_per_ml)
    if wanted.volume_ul > one.last.on_hand_ul:
        working = f"{wanted.working}: take all {ledger.ml(one.last.on_hand_ul)} mL, the rest from another"
        return Choice(one, one.last.on_hand_ul, working)
    return Choice(one, wanted.volume_ul, wanted.working)


@dataclass(frozen=True)
class Late:
    """The form for a draw that nobody wrote down, and the vials it can have come from."""

    choices: list[Choice]
    form: vial_forms.LateDrawing


def _late(request: HttpRequest, bed: Bed, charted: syringe_actions.Charted) -> Late:
    """What is still lacking of the charted dose, from each vial that was in date on that day."""
    day = charted.dose.at.astimezone(bed.zone).date()
    found = [
        _lacking(one, charted.undrawn_ug)
        for one in vials_shown.standings(bed.who.clinic_id)
        if one.last.on_hand_ul > 0 and not one.last.is_expired and one.vial.expires_on >= day
    ]
    is_mine = request.POST.get("do") == "late"
    form = vial_forms.LateDrawing(
        request.POST if is_mine else None, vials=[(one.standing.vial.id, one.words) for one in found],
        proofs=proofs(request), auto_id="late_%s", initial={"at": charted.dose.at},
    )  # fmt: skip
    return Late(found, form)


def _lacking(one: vials_shown.Standing, lacking_ug: int) -> Choice:
    wanted = ledger.to_draw(Decimal(lacking_ug) / 1000, one.vial.ug_per_ml)
    return Choice(one, min(wanted.volume_ul, one.last.on_hand_ul), wanted.working)


def _open(
    request: HttpRequest, who: Person, one: syringe_actions.Syringe, doses: list[tuple[UUID, str]], sums: Sums
) -> Open:
    """The form as it will mostly be right: the charted dose given, what was drawn beyond it wasted.

    Of an infusion stopped early nobody charted what was given: the nurse writes it, the form does not.
    """
    left_ul = max(0, sums.charted_ug - sums.given_ug) * 1000 // one.vial.ug_per_ml
    given_ul = min(one.held_ul, round(left_ul / ledger.STEP_UL) * ledger.STEP_UL) if doses else one.held_ul
    wasted_ul = one.held_ul - given_ul
    is_whole = sums.reckoned_ug == sums.charted_ug
    mine = request.POST.get("do") == "settle" and request.POST.get("syringe") == str(one.id)
    form = vial_forms.Settling(
        request.POST if mine else None, doses=doses, proofs=proofs(request), auto_id=f"s{one.id.hex[-6:]}_%s",
        law=owed_by(who),
        initial={
            "syringe": one.id, "given_ml": ledger.ml(given_ul) if is_whole else "",
            "wasted_ml": ledger.ml(wasted_ul) if wasted_ul and is_whole else "",
        },
    )  # fmt: skip
    return Open(one, form)


def _sums(
    found: list[syringe_actions.Syringe],
    doses: list[Administration],
    in_room: syringe_actions.Charted | None,
) -> Sums:
    def total(kind: Kind) -> int:
        return sum(_ug(one, kind) for one in found)

    held = sum(one.held_ul * one.vial.ug_per_ml // 1000 for one in found)
    charted = sum(int((one.dose_mg or 0) * 1000) for one in doses)
    step = max((one.vial.ug_per_ml * ledger.STEP_UL // 1000 for one in found), default=1)
    return Sums(
        total(Kind.DRAW),
        total(Kind.ADMINISTER),
        total(Kind.WASTE),
        total(Kind.DEAD_SPACE),
        held,
        charted,
        step,
        in_room.reckoned_ug if in_room else charted,
    )


def _kept(request: HttpRequest, bed: Bed, context: Mapping[str, Any]) -> bool:
    """Whether what was posted is in the ledger now."""
    if syringe_actions.is_kept(bed.who, _request_id(request)):
        return True
    if request.POST.get("do") == "draw":
        return _draw(bed, context["drawing"], context["choices"])
    if request.POST.get("do") == "late":
        return _drawn_late(bed, context["late"])
    mine = (one for one in context["open"] if one.form.is_bound)
    found = next(mine, None)
    if found is None:
        raise Refused("This syringe is accounted for already, or was never drawn up here.")
    return _settle(bed, found)


def _request_id(request: HttpRequest) -> UUID:
    try:
        return UUID(request.POST.get("request_id", ""))
    except ValueError:
        raise Refused("Please press the key again.") from None


def _draw(bed: Bed, form: vial_forms.Drawing, choices: list[Choice]) -> bool:
    if not form.is_valid():
        return False
    said = form.cleaned_data
    chosen = next(one for one in choices if str(one.standing.vial.id) == said["vial"])
    typed = said["volume_ml"]
    volume_ul = ledger.ul(typed) if typed is not None else chosen.volume_ul
    syringe_actions.draw(
        by=bed.who, session_id=bed.session.id, vial_id=chosen.standing.vial.id, volume_ul=volume_ul,
        request_id=said["request_id"], opens_it=True,
    )  # fmt: skip
    return True


def _drawn_late(bed: Bed, late: Late | None) -> bool:
    if late is None:
        raise Refused("There is no charted dose here that is not drawn up by the ledger.")
    if not late.form.is_valid():
        return False
    said = late.form.cleaned_data
    chosen = next(one for one in late.choices if str(one.standing.vial.id) == said["vial"])
    typed = said["volume_ml"]
    syringe_actions.draw_afterwards(
        by=bed.who, session_id=bed.session.id, vial_id=chosen.standing.vial.id,
        volume_ul=chosen.volume_ul if typed is None else ledger.ul(typed), at=said["at"], reason=said["reason"],
        witness=late.form.signed.get("witness"), request_id=said["request_id"],
    )  # fmt: skip
    return True


def _settle(bed: Bed, found: Open) -> bool:
    form = found.form
    if not form.is_valid():
        return False
    said = form.cleaned_data
    chosen = said["administration"]
    dose = Administration.objects.filter(session=bed.session, id=chosen).first() if chosen else None
    syringe_actions.settle(
        by=bed.who, session_id=bed.session.id, syringe=found.syringe.id, request_id=said["request_id"],
        given_ul=form.ul("given_ml"), wasted_ul=form.ul("wasted_ml"), dead_space_ul=form.ul("dead_ml"),
        administration=dose, reason=said["reason"], witness=form.signed.get("witness"),
    )  # fmt: skip
    return True


urlpatterns: list[URLPattern] = [
    path("vials/session/<uuid:session_id>", syringes, name="vial_session"),
]
