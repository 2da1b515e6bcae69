"""The ledger for an inspector, apart from the chart: a table for the screen, for paper, and as CSV.

Only the clinic lead makes it, every time leaves a line in the log of each person named, and it names nobody whose
record the lead may not see.
"""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET

from bothwell.couples.models import Contact, Person, Role
from bothwell.dosing import duties, inspection, ledger, vial_actions
from bothwell.dosing.inspection import Record
from bothwell.dosing.models import Discrepancy, Inventory, Vial, VialEvent, VialUse
from bothwell.privacy import audit
from bothwell.web import vial_forms, vials_shown
from bothwell.web.asking import require
from bothwell.web.vials import owed_by, zone_of

USUAL_DAYS = 730
"""Two years, where nobody chose other days: as long as the one law on file wants records kept."""


@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """Which days, and what will be missing."""
    by = require(request, Role.LEAD)
    form = _form(request)
    context = {"form": form, "query": request.GET.urlencode() or _usual(), "owed": owed_by(by)}
    return render(request, "vials/export.html", context, status=422 if form.errors else 200)


@require_GET
def as_csv(request: HttpRequest) -> HttpResponse:
    """The lines as a table for a spreadsheet."""
    by = require(request, Role.LEAD)
    form = _form(request)
    if not form.is_valid():
        return _again(request, by, form)
    said = form.cleaned_data
    records = _records(by, said["first"], said["last"])
    name = f"vials-{said['first']:%Y%m%d}-{said['last']:%Y%m%d}.csv"
    answer = HttpResponse(
        "\ufeff" + inspection.as_csv(records, owed_by(by).product_code),
        content_type="text/csv; charset=utf-8",
    )
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_GET
def on_paper(request: HttpRequest) -> HttpResponse:
    """The same lines to print or to keep as PDF, with inventories and discrepancies."""
    by = require(request, Role.LEAD)
    form = _form(request)
    if not form.is_valid():
        return _again(request, by, form)
    said, zone = form.cleaned_data, zone_of(by)
    records = _records(by, said["first"], said["last"])
    begin, end = _span(said["first"], said["last"], zone)
    found = Discrepancy.objects.filter(recorded_at__gte=begin, recorded_at__lt=end)
    context = {
        **said,
        "records": records,
        "owed": owed_by(by),
        "missing": inspection.missing(records, owed_by(by).record, owed_by(by).product_code),
        "inventories": Inventory.objects.filter(taken_at__gte=begin, taken_at__lt=end).select_related("author", "witness"),
        "discrepancies": found.select_related("vial", "author", "resolved__author").order_by("recorded_at"),
        "made_at": timezone.now(),
    }  # fmt: skip
    return render(request, "vials/paper.html", context)


def _form(request: HttpRequest) -> vial_forms.Between:
    today = timezone.localdate()
    usual = {"first": today - timedelta(days=USUAL_DAYS), "last": today}
    return vial_forms.Between(request.GET if request.GET else usual, initial=usual, label_suffix="")


def _usual() -> str:
    today = timezone.localdate()
    return f"first={today - timedelta(days=USUAL_DAYS)}&last={today}"


def _again(request: HttpRequest, by: Person, form: vial_forms.Between) -> HttpResponse:
    context = {"form": form, "query": _usual(), "owed": owed_by(by)}
    return render(request, "vials/export.html", context, status=422)


def _span(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return datetime.combine(first, time.min, zone), datetime.combine(last + timedelta(days=1), time.min, zone)


# ── the lines ─────────────────────────────────────────────────────────────────────────────────────────────


def _records(by: Person, first: date, last: date) -> list[Record]:
    """Every line between two days, vial by vial; making it leaves its lines in the log."""
    zone = zone_of(by)
    vials = {vial.id: vial for vial in Vial.objects.filter(clinic_id=by.clinic_id).select_related("clinic")}
    rows: dict[UUID, list[VialEvent]] = {}
    for row in _all_lines(by):
        rows.setdefault(row.vial_id, []).append(row)
    names = _names(by)
    found = [
        record
        for vial in sorted(vials.values(), key=lambda one: one.code)
        for record in _of_vial(vial, rows.get(vial.id, []), zone, names, (first, last))
    ]
    audit.log("exported the vials’ ledger", by=by, item_kind="vials", why=f"{first} to {last}")
    return found


def _all_lines(by: Person) -> QuerySet[VialEvent]:
    lines = VialEvent.objects.filter(clinic_id=by.clinic_id)
    return lines.select_related("author", "witness", "second_witness").order_by("vial_id", "number")


def _names(by: Person) -> dict[UUID, tuple[str, str]]:
    """Syringe -> the name on file and the address, of everybody the lead may see; each of them reads so in their log."""
    uses = list(VialUse.objects.select_related("subject"))
    people = [use.subject_id for use in uses if use.subject_id]
    full = dict(Contact.objects.filter(subject_id__in=people).values_list("subject_id", "full_name"))
    audit.viewed_several(by, people, "vials.use")
    return {
        use.syringe: (full.get(use.subject_id) or use.subject.name_used, inspection.NOT_KEPT)
        for use in uses
        if use.subject and use.subject_id
    }


def _of_vial(
    vial: Vial,
    rows: Sequence[VialEvent],
    zone: ZoneInfo,
    names: dict[UUID, tuple[str, str]],
    days: tuple[date, date],
) -> list[Record]:
    """The whole ledger is folded, then the lines of these days are taken from it."""
    entries = [vial_actions.entry_of(row, zone) for row in rows]
    numbers = {row.id: row.number for row in rows}
    lines = ledger.lines(vial_actions.bottle_of(vial), entries)
    pairs = [
        (row, line) for row, line in zip(rows, lines, strict=True) if days[0] <= line.entry.on <= days[1]
    ]
    return [_record(vial, row, line, zone, names, numbers) for row, line in pairs]


def _record(
    vial: Vial,
    row: VialEvent,
    line: ledger.Line,
    zone: ZoneInfo,
    names: dict[UUID, tuple[str, str]],
    numbers: dict[UUID, int],
) -> Record:
    posting = line.postings[0] if line.postings else None
    patient, address = names.get(row.syringe, (inspection.WITHHELD, "")) if row.syringe else ("", "")
    moved: dict[str, Any] = {
        "source": posting.source.value if posting else "",
        "target": posting.target.value if posting else "",
        "volume_ml": ledger.ml(posting.volume_ul) if posting else "",
        "amount_mg": ledger.mg(posting.amount_ug) if posting else "",
    }
    return Record(
        vial=vial.code, substance=vial.substance, schedule=vial.schedule if has_schedules(vial) else "", form=vial.form,
        strength_mg_per_ml=_strength(vial), container_ml=ledger.ml(vial.nominal_ul), ndc=vial.ndc, lot=vial.lot,
        expires=vial.expires_on.isoformat(), number=str(row.number),
        at=f"{row.at.astimezone(zone):%Y-%m-%d %H:%M}", entry=vials_shown.WORDS[row.kind], **moved,
        on_hand_ml=ledger.ml(row.on_hand_ul), by=row.signed_by, witness=row.witnessed_by,
        second_witness=row.second_witnessed_by,
        reason=_why(row, zone), counterparty=row.counterparty, supplier=vial.supplier,
        supplier_address=vial.supplier_address, registration=vial.supplier_registration, invoice=vial.invoice,
        received=vial.received_on.isoformat(),
        takes_back=str(numbers[row.corrects_id]) if row.corrects_id else "", patient=patient, address=address,
    )  # fmt: skip


def has_schedules(vial: Vial) -> bool:
    """Whether the law of the clinic's country speaks of schedules: elsewhere none is named."""
    return bool(duties.load(vial.clinic.country).schedule)


def _why(row: VialEvent, zone: ZoneInfo) -> str:
    """The reason or the manner; of a count what was seen, of a draw written afterwards when that was."""
    if row.kind == ledger.Kind.DRAW and row.reason:
        return f"written {row.recorded_at.astimezone(zone):%Y-%m-%d %H:%M}: {row.reason}"
    if row.observed_ul is None:
        return row.reason
    estimated = ", estimated" if row.is_estimate else ""
    agrees = "agrees" if row.observed_ul == row.on_hand_ul else "does not agree"
    return f"seen {ledger.ml(row.observed_ul)} mL{estimated}: {agrees}"


def _strength(vial: Vial) -> str:
    return ledger.mg(vial.ug_per_ml).rstrip("0").rstrip(".")


urlpatterns: list[URLPattern] = [
    path("vials/export", export, name="stock_export"),
    path("vials/export.csv", as_csv, name="stock_export_csv"),
    path("vials/export/print", on_paper, name="stock_export_print"),
]
