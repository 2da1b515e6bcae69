"""The clinic's vials: what is there, what does not agree, and the ledger of each, for those who keep it.

It names no patient to anybody who does not care for them, and changes no line: a mistake is taken back by another.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Assignment, Person, Role, open_at
from bothwell.dosing import duties, ledger, vial_actions
from bothwell.dosing.ledger import Kind
from bothwell.dosing.models import Discrepancy, DiscrepancyResolved, Inventory, Vial, VialEvent
from bothwell.privacy import audit
from bothwell.refusal import Refused
from bothwell.web import vial_forms, vials_shown
from bothwell.web.asking import require
from bothwell.web.cosign import Proof

KEEP = (Role.PRESCRIBER, Role.NURSE, Role.LEAD)


def keeper(request: HttpRequest) -> Person:
    """Whoever keeps the ledger here, or 404."""
    return require(request, *KEEP)


def zone_of(by: Person) -> ZoneInfo:
    return ZoneInfo(by.clinic.timezone)


def owed_by(by: Person) -> duties.Duties:
    """What the law of the clinic's country asks, as far as it is on file."""
    return duties.load(by.clinic.country)


def proofs(request: HttpRequest) -> Mapping[str, Proof]:
    """Who signed on this screen beside the one who is logged in."""
    return request.cosigned  # type: ignore[attr-defined,no-any-return]


def _vial(vial_id: UUID) -> Vial:
    return get_object_or_404(Vial.objects.select_related("clinic", "author"), id=vial_id)


# ── the stock ─────────────────────────────────────────────────────────────────────────────────────────────


@require_GET
def stock(request: HttpRequest) -> HttpResponse:
    """What is in the cupboard; what does not agree comes first."""
    by = keeper(request)
    audit.viewed(by, what="vials")
    owed = owed_by(by)
    found = vials_shown.cupboard(by.clinic_id, zone_of(by), owed)
    named = {whose.subject.id for _, whose in found["unsettled"] if whose}
    named |= {one.dose.subject_id for one in [*found["undrawn"], *found["at_odds"]]}
    audit.viewed_several(by, named, "vials.use")
    roles = vial_actions.roles_in_clinic(by)
    return render(
        request,
        "vials/page.html",
        found | {"owed": owed, "may_export": Role.LEAD in roles, "treated": _treated(by)},
    )


def _treated(by: Person) -> frozenset[UUID]:
    """Whose dosing room opens to them: only those names lead there."""
    roles = (Role.NURSE, Role.PRESCRIBER)
    held = Assignment.objects.filter(open_at(timezone.now()), staff=by, role__in=roles)
    return frozenset(subject for subject in held.values_list("subject_id", flat=True) if subject)


@require_http_methods(["GET", "POST"])
def receive(request: HttpRequest) -> HttpResponse:
    """A delivery."""
    by = keeper(request)
    form = vial_forms.Delivery(request.POST or None, law=owed_by(by))
    trouble = ""
    if request.method == "POST" and form.is_valid():
        try:
            made = vial_actions.receive(
                by=by, label=form.label_read(), count=form.cleaned_data["count"],
                request_id=form.cleaned_data["request_id"],
            )  # fmt: skip
        except Refused as refused:
            trouble = refused.reason
        else:
            messages.success(request, f"Received. Write on them: {_codes(made)}.")
            return redirect("stock")
    return _asked(request, "vials/receive.html", {"form": form, "trouble": trouble})


def _codes(made: list[Vial]) -> str:
    return made[0].code if len(made) == 1 else f"{made[0].code} to {made[-1].code}"


def _asked(request: HttpRequest, template: str, context: Mapping[str, Any]) -> HttpResponse:
    return render(request, template, dict(context), status=422 if request.method == "POST" else 200)


# ── one vial ──────────────────────────────────────────────────────────────────────────────────────────────


@require_GET
def vial(request: HttpRequest, vial_id: UUID) -> HttpResponse:
    """The ledger of one vial, in double entry."""
    by = keeper(request)
    one = _vial(vial_id)
    rows = vial_actions.events_of(one)
    zone = zone_of(by)
    lines = vials_shown.ledger_of(one, rows, zone)
    audit.log("viewed", by=by, item_kind="vials", item_id=one.id)
    audit.viewed_several(by, (line.for_whom.subject.id for line in lines if line.for_whom), "vials.use")
    found = Discrepancy.objects.filter(vial=one).select_related("resolved", "vial").order_by("recorded_at")
    context = {
        "vial": one,
        "lines": lines,
        "accounts": vials_shown.accounts(one, rows, zone),
        "last": rows[-1] if rows else None,
        "discrepancies": [vials_shown.waiting(row, zone, owed_by(by)) for row in found],
        "owed": owed_by(by),
        "is_past": one.expires_on < timezone.localdate(),
        "acts": _acts(rows, owed_by(by)),
        "treated": _treated(by),
    }
    return render(request, "vials/vial.html", context)


def _acts(rows: list[VialEvent], owed: duties.Duties) -> list[tuple[str, str]]:
    """What may be written next, most likely first."""
    last = rows[-1] if rows else None
    if last is None:
        return []
    empty = last.on_hand_ul == 0
    offered = {
        Kind.COUNT: True,
        Kind.OPEN: not last.is_open and not last.is_expired and not empty,
        Kind.WASTE: last.is_open and not empty,
        Kind.EXPIRE: not last.is_expired and not empty,
        Kind.RETURN: not empty,
        Kind.TRANSFER: not empty,
        Kind.DESTROY: not empty,
        Kind.ADJUST: True,
    }
    return [(kind.value, vial_forms.title_of(kind, owed)) for kind, may in offered.items() if may]


@require_http_methods(["GET", "POST"])
def line(request: HttpRequest, vial_id: UUID, what: str) -> HttpResponse:
    """One line about a vial in the cupboard."""
    by = keeper(request)
    one = _vial(vial_id)
    if what not in vial_forms.PARTS or what == Kind.CORRECT:
        raise Http404
    return _line(request, by, one, Kind(what))


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, vial_id: UUID, event_id: UUID) -> HttpResponse:
    """A line taken back by another that names it."""
    by = keeper(request)
    one = _vial(vial_id)
    wrong = get_object_or_404(VialEvent.objects.select_related("author"), id=event_id, vial=one)
    return _line(request, by, one, Kind.CORRECT, wrong)


def _line(
    request: HttpRequest, by: Person, one: Vial, kind: Kind, wrong: VialEvent | None = None
) -> HttpResponse:
    form = vial_forms.Line(
        request.POST if request.method == "POST" else None, kind=kind, proofs=proofs(request), law=owed_by(by)
    )
    trouble = ""
    if request.method == "POST" and form.is_valid():
        try:
            row = vial_actions.write(
                by=by, vial_id=one.id, kind=kind, corrects=wrong.id if wrong else None, **form.columns()  # type: ignore[arg-type]
            )  # fmt: skip
        except Refused as refused:
            trouble = refused.reason
        else:
            return _written(request, row)
    last = VialEvent.objects.filter(vial=one).order_by("-number").first()
    duty = vial_forms.DUTY.get(kind)
    context = {
        "vial": one,
        "last": last,
        "kind": kind,
        "form": form,
        "title": vial_forms.title_of(kind, owed_by(by)),
        "trouble": trouble,
        "wrong": wrong,
        "wrong_words": vials_shown.WORDS[wrong.kind] if wrong else "",
        "duty": owed_by(by).duty(duty) if duty else None,
    }
    return _asked(request, "vials/line.html", context)


def _written(request: HttpRequest, row: VialEvent) -> HttpResponse:
    found = Discrepancy.objects.filter(event_id=row.id).first()
    if found:
        messages.warning(request, "The count does not agree with the ledger: a discrepancy is open.")
        return redirect("stock_discrepancy", discrepancy_id=found.id)
    messages.success(request, "Written in the ledger.")
    return redirect("stock_vial", vial_id=row.vial_id)


# ── counting everything ───────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def inventory(request: HttpRequest) -> HttpResponse:
    """Everything counted by two on one date; the earlier inventories below."""
    by = keeper(request)
    on_hand = [one.last for one in vials_shown.standings(by.clinic_id) if one.last.on_hand_ul > 0]
    form = vial_forms.Counting(
        request.POST if request.method == "POST" else None, vials=on_hand, proofs=proofs(request)
    )
    trouble = ""
    if request.method == "POST" and form.is_valid():
        try:
            taken = vial_actions.take_inventory(
                by=by, witness=form.signed["witness"], counts=form.counts(),
                business=Inventory.Business(form.cleaned_data["business"]),
                request_id=form.cleaned_data["request_id"],
            )  # fmt: skip
        except Refused as refused:
            trouble = refused.reason
        else:
            return redirect("stock_inventory_taken", inventory_id=taken.id)
    owed = owed_by(by)
    context = {
        "form": form,
        "trouble": trouble,
        "due": vials_shown.inventory_due(by.clinic_id, zone_of(by), owed),
        "duty": owed.duty("inventory"),
        "every": owed.inventory_every_months,
        "taken": Inventory.objects.filter(clinic_id=by.clinic_id).select_related("author", "witness").order_by("-taken_at"),
    }  # fmt: skip
    return _asked(request, "vials/inventory.html", context)


@require_GET
def inventory_taken(request: HttpRequest, inventory_id: UUID) -> HttpResponse:
    """One inventory, to print and sign."""
    by = keeper(request)
    found = Inventory.objects.select_related("author", "witness", "clinic")
    one = get_object_or_404(found, id=inventory_id)
    audit.log("viewed", by=by, item_kind="vials", item_id=one.id)
    rows = (
        VialEvent.objects.filter(inventory=one).select_related("vial").order_by("vial__product", "vial__code")
    )
    return render(
        request, "vials/inventory_taken.html", {"taken": one, "rows": list(rows), "owed": owed_by(by)}
    )


# ── what does not agree ───────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def discrepancy(request: HttpRequest, discrepancy_id: UUID) -> HttpResponse:
    """A count that differed: its clock, and how it ends."""
    by = keeper(request)
    found = Discrepancy.objects.select_related("vial", "author", "event__witness", "resolved__author")
    row = get_object_or_404(found, id=discrepancy_id)
    form = vial_forms.Ending(request.POST if request.method == "POST" else None)
    trouble = ""
    if request.method == "POST" and form.is_valid():
        try:
            vial_actions.resolve(
                by=by, discrepancy_id=row.id, how=DiscrepancyResolved.How(form.cleaned_data["how"]),
                words=form.cleaned_data["words"],
            )  # fmt: skip
        except Refused as refused:
            trouble = refused.reason
        else:
            messages.success(request, "Ended. It stays on record.")
            return redirect("stock_vial", vial_id=row.vial_id)
    audit.log("viewed", by=by, item_kind="vials", item_id=row.vial_id)
    context = {
        "one": vials_shown.waiting(row, zone_of(by), owed_by(by)),
        "resolved": getattr(row, "resolved", None),
        "form": form,
        "trouble": trouble,
        "owed": owed_by(by),
        "loss": owed_by(by).duty("loss"),
        "may_end": bool(ledger.APPROVES & vial_actions.roles_in_clinic(by)) and row.author_id != by.id,
    }
    return _asked(request, "vials/discrepancy.html", context)


urlpatterns: list[URLPattern] = [
    path("vials", stock, name="stock"),
    path("vials/receive", receive, name="stock_receive"),
    path("vials/inventory", inventory, name="stock_inventory"),
    path("vials/inventory/<uuid:inventory_id>", inventory_taken, name="stock_inventory_taken"),
    path("vials/discrepancies/<uuid:discrepancy_id>", discrepancy, name="stock_discrepancy"),
    path("vials/<uuid:vial_id>", vial, name="stock_vial"),
    path("vials/<uuid:vial_id>/lines/<uuid:event_id>", correct, name="stock_correct"),
    path("vials/<uuid:vial_id>/<str:what>", line, name="stock_line"),
]
