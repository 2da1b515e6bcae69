"""The questionnaires, for staff: what each asks, how it is scored, on what terms, and how a clinic loads its own.

Nobody's answers are shown here. What is tried out on these pages is scored for the eye and kept nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Person, Role
from bothwell.instruments import fhir_forms, handbook, loading_actions, shelf, wording
from bothwell.instruments.catalogue import NoSuchInstrument, all_instruments, load
from bothwell.instruments.gains import GAINS, beside, five_gains
from bothwell.instruments.instrument import Gain, Instrument, Item, ItemType, LicenceClass
from bothwell.instruments.models import ClinicInstrument
from bothwell.instruments.scoring import AnswerError, Answers, Score, items_asked, score
from bothwell.refusal import Refused
from bothwell.web.asking import require
from bothwell.web.nav import roles_of

MOST_TRIED = 250
"""Items that can be tried on one page: a form may not carry many more fields."""


# -------------------------------------------------------------------------------------------------------- the list


class Filter(forms.Form):
    """What to list."""

    area = forms.ChoiceField(label="Area", required=False)
    follows = forms.ChoiceField(
        label="Gain",
        required=False,
        choices=[("", "Any"), *((gain.value, title) for gain, (title, _) in GAINS.items())],
    )
    words = forms.ChoiceField(
        label="Words",
        required=False,
        choices=[
            ("", "Any"),
            ("ready", "Can be asked now"),
            ("needed", "Needs the clinic’s words"),
            ("loaded", "Loaded by this clinic"),
        ],
    )
    licence = forms.ChoiceField(
        label="Licence",
        required=False,
        choices=[
            ("", "Any"),
            *((each.value, words.capitalize()) for each, words in handbook.LICENCES.items()),
        ],
    )

    def __init__(self, data: Any, *, listed: Iterable[Instrument]) -> None:
        super().__init__(data)
        used = {handbook.main_area(each) for each in listed} | {
            area for each in listed for area in each.areas
        }
        areas = [(area, title) for area, title in handbook.AREAS.items() if area and area in used]
        self.fields["area"].choices = [("", "Any"), *areas]  # type: ignore[attr-defined]

    def lets(self, entry: Entry) -> bool:
        """Whether an entry is listed."""
        given, each = self.cleaned_data, entry.instrument
        return (
            given["area"] in ("", handbook.main_area(each), *each.areas)
            and given["licence"] in ("", each.licence_class.value)
            and (not given["follows"] or Gain(given["follows"]) in each.gains)
            and {
                "": True,
                "ready": each.can_be_asked,
                "needed": not each.can_be_asked,
                "loaded": entry.is_loaded,
            }[given["words"]]
        )


@dataclass(frozen=True)
class Entry:
    """One questionnaire as this clinic has it."""

    instrument: Instrument
    is_loaded: bool

    @property
    def words(self) -> str:
        """The state of its words."""
        if self.is_loaded:
            return "loaded by this clinic"
        return "no words yet" if not self.instrument.can_be_asked else handbook.words_state(self.instrument)

    @property
    def mark(self) -> str:
        """The shape beside the state of its words: whole, to be weighed, missing."""
        return _mark(self.instrument)

    @property
    def licence(self) -> str:
        """On what terms it may be used."""
        return handbook.LICENCES[self.instrument.licence_class]

    @property
    def follows(self) -> list[str]:
        """The gains it stands for, or what it screens for."""
        gains = [GAINS[gain][0] for gain in self.instrument.gains]
        screen = self.instrument.screen
        return gains + ([f"screen: {screen.replace('_', ' ')}"] if screen else [])


def _mark(instrument: Instrument) -> str:
    if not instrument.can_be_asked:
        return "missing"
    is_sure = instrument.wording.verified or instrument.licence_class is LicenceClass.OWN
    return "clear" if is_sure else "weigh"


def _entries(by: Person) -> list[Entry]:
    """The catalogue and what the clinic loaded, each once, as it would be asked."""
    usable = {each.id: each for each in shelf.usable(by.clinic_id)}
    loaded = set(
        ClinicInstrument.objects.filter(retired_at__isnull=True).values_list("instrument", flat=True)
    )
    shown = {each.id: each for each in all_instruments()} | usable
    return sorted(
        (Entry(each, each.id in loaded) for each in shown.values()),
        key=lambda entry: entry.instrument.short.lower(),
    )


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Every questionnaire, area by area."""
    by = require(request)
    entries = _entries(by)
    form = Filter(request.GET, listed=[entry.instrument for entry in entries])
    shown = [entry for entry in entries if form.lets(entry)] if form.is_valid() else entries
    wanted = form.cleaned_data.get("area") if form.is_valid() else ""
    by_area: dict[str, list[Entry]] = {}
    for entry in shown:
        by_area.setdefault(wanted or handbook.main_area(entry.instrument), []).append(entry)
    order = list(handbook.AREAS)
    context = {
        "areas": [
            (handbook.area_title(area), area or "none", by_area[area])
            for area in sorted(by_area, key=lambda area: order.index(area) if area in order else len(order))
        ],
        "form": form,
        "count": len(shown),
        "of": len(entries),
        "is_lead": Role.LEAD in roles_of(by),
    }
    return render(request, "instruments/page.html", context, status=422 if form.errors else 200)


@require_GET
def gains(request: HttpRequest) -> HttpResponse:
    """The five gains and what follows each here."""
    by = require(request)
    shipped = {each.id for each in all_instruments()}
    here = [entry.instrument for entry in _entries(by) if entry.instrument.id in shipped]
    rows = [
        {
            "row": row,
            "measures": [_measured(each) for each in row.measures],
            "nearest": [_measured(each) for each in row.nearest],
            "skeletons": [each for each in here if each.id in row.skeletons],
            "pulse": _measured(row.pulse),
        }
        for row in five_gains(here)
    ]
    others = [(row.title, [_measured(each) for each in row.measures]) for row in beside(here)]
    return render(request, "instruments/gains.html", {"rows": rows, "others": others})


def _measured(each: Any) -> dict[str, Any]:
    return {
        "id": each.instrument,
        "title": each.title,
        "better": handbook.BETTER[each.better],
        "has_words": each.has_words,
    }


# ----------------------------------------------------------------------------------------------------- one of them


@dataclass(frozen=True)
class Question:
    """One item as a person sees it, and the name its answer is tried under."""

    item: Item
    number: int
    lead: str | None
    control: str
    asked_when: str
    in_numbers: str
    answer: str = ""

    @property
    def name(self) -> str:
        return f"try-{self.item.link_id}"


CONTROLS = {
    ItemType.CHOICE: "choice",
    ItemType.BOOLEAN: "choice",
    ItemType.INTEGER: "number",
    ItemType.DECIMAL: "number",
    ItemType.DATE: "date",
    ItemType.TEXT: "text",
}


def questions(instrument: Instrument, answers: Answers | None = None) -> list[Question]:
    """Its items in order; the line above stands with the first item it is printed over."""
    shown, lead = [], None
    for number, item in enumerate(instrument.items, 1):
        shown.append(
            Question(
                item,
                number,
                item.lead if item.lead != lead else None,
                CONTROLS[item.type],
                handbook.asked_when(instrument, item),
                handbook.answers_in_numbers(item),
                (answers or {}).get(item.link_id) or "",
            )
        )
        lead = item.lead
    return shown


@dataclass(frozen=True)
class Tried:
    """What the answers tried come to, in words for the page; `trouble` when one of them cannot be."""

    scores: list[dict[str, Any]]
    rules: list[str]
    flags: list[str]
    unasked: int
    trouble: str = ""


def answers_tried(instrument: Instrument, posted: Mapping[str, Any]) -> dict[str, str]:
    """The answers in a form, those left empty left out."""
    given = {item.link_id: str(posted.get(f"try-{item.link_id}", "")).strip() for item in instrument.items}
    return {link_id: answer[:2000] for link_id, answer in given.items() if answer}


def tried(instrument: Instrument, answers: Answers) -> Tried:
    """The score of answers that are nobody's."""
    try:
        result = score(instrument, answers)
    except AnswerError as error:
        place = next((n for n, item in enumerate(instrument.items, 1) if item.link_id == error.link_id), 0)
        return Tried([], [], [], 0, f"Item {place} cannot be answered like that.")
    titles = {rule.id: rule.title for rule in instrument.rules}
    return Tried(
        scores=_scores(result),
        rules=[titles[rule] for rule in result.rules],
        flags=[handbook.SAFETY.get(flag, flag) for flag in result.flags],
        unasked=len(instrument.items) - len(items_asked(instrument, answers)),
    )


def _scores(result: Score) -> list[dict[str, Any]]:
    return [
        {
            "title": each.scale.title,
            "total": None if each.total is None else handbook.number(each.total),
            "range": f"{handbook.number(each.scale.least)} to {handbook.number(each.scale.most)}",
            "band": each.band.name if each.band else "",
            "missing": len(each.missing),
        }
        for each in result.scales
    ]


def _find(by: Person, instrument_id: str) -> tuple[Instrument, ClinicInstrument | None]:
    """A questionnaire as this clinic has it, and what it loaded for it; 404 when there is none."""
    loaded = (
        ClinicInstrument.objects.filter(instrument=instrument_id, retired_at__isnull=True)
        .select_related("author")
        .defer("document")
        .first()
    )
    try:
        if loaded is not None:
            return shelf.find(by.clinic_id, instrument_id, loaded.version), loaded
        return load(instrument_id), None
    except NoSuchInstrument as error:
        raise Http404 from error


@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, instrument_id: str) -> HttpResponse:
    """One questionnaire whole; its items can be tried out, and nothing of that is kept."""
    by = require(request)
    instrument, loaded = _find(by, instrument_id)
    can_be_tried = instrument.can_be_asked and len(instrument.items) <= MOST_TRIED
    answers = answers_tried(instrument, request.POST) if request.method == "POST" else {}
    result = tried(instrument, answers) if request.method == "POST" and can_be_tried else None
    context = {
        "instrument": instrument,
        "loaded": loaded,
        "title": handbook.full_title(instrument),
        "area": handbook.area_title(handbook.main_area(instrument)),
        "kind": handbook.KINDS[instrument.kind],
        "licence": handbook.LICENCES[instrument.licence_class],
        "words": "loaded by this clinic" if loaded else handbook.words_state(instrument),
        "mark": _mark(instrument),
        "count": handbook.items_in_words(instrument),
        "warns": _mark(instrument) == "weigh",
        # Where the line above all items is printed over the first one too, it is shown once.
        "stem": instrument.stem
        if not instrument.items or instrument.items[0].lead != instrument.stem
        else "",
        "facts": handbook.licence_lines(instrument),
        "scales": [_scale(instrument, each) for each in instrument.scales],
        "rules": handbook.rule_lines(instrument),
        "questions": questions(instrument, answers),
        "can_be_tried": can_be_tried,
        "tried": result,
        "is_lead": Role.LEAD in roles_of(by),
        "ships_without_words": _ships_without_words(instrument.id),
    }
    refused = result is not None and bool(result.trouble)
    return render(request, "instruments/one.html", context, status=422 if refused else 200)


def _scale(instrument: Instrument, scale: Any) -> dict[str, Any]:
    span = scale.most - scale.least
    step = Decimal(1) if all(band.to_total == int(band.to_total) for band in scale.bands) else Decimal("0.01")
    bands = [
        {
            "name": band.name,
            "tone": band.tone,
            "range": f"{handbook.number(band.from_total)}–{handbook.number(band.to_total)}"
            if band.from_total != band.to_total
            else handbook.number(band.from_total),
            "x": round(float((band.from_total - scale.least) / (span + step) * 600), 1),
            "width": round(float((band.to_total - band.from_total + step) / (span + step) * 600), 1),
        }
        for band in scale.bands
    ]
    lines = [line for line in handbook.scale_lines(instrument, scale) if line.what != "Bands"]
    return {"scale": scale, "lines": lines, "bands": bands}


def _ships_without_words(instrument_id: str) -> bool:
    try:
        return not load(instrument_id).can_be_asked
    except NoSuchInstrument:
        return False


@require_GET
def fhir(request: HttpRequest, instrument_id: str) -> HttpResponse:
    """The FHIR Questionnaire with its calculated scores."""
    instrument, _ = _find(require(request), instrument_id)
    return _file(fhir_forms.questionnaire(instrument), f"{instrument.id}.json")


@require_GET
def blank(request: HttpRequest, instrument_id: str) -> HttpResponse:
    """The empty form of a questionnaire that ships without words."""
    require(request)
    if not _ships_without_words(instrument_id):
        raise Http404
    return _file(wording.blank(load(instrument_id)), f"{instrument_id}-to-fill-in.json")


def _file(form: dict[str, Any], name: str) -> HttpResponse:
    # Laid out with a value a line, so that a complaint about line 120 can be followed.
    response = JsonResponse(
        form, json_dumps_params={"indent": 1, "ensure_ascii": False}, content_type="application/fhir+json"
    )
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_POST
def retire(request: HttpRequest, instrument_id: str) -> HttpResponse:
    """What the clinic loaded is asked no more."""
    by = require(request, Role.LEAD)
    instrument, loaded = _find(by, instrument_id)
    if loaded is None:
        raise Http404
    try:
        loading_actions.retire(by=by, loaded_id=loaded.id)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, f"{instrument.short} is asked no more. What was answered stays readable.")
    return redirect(
        "instrument" if _ships_without_words(instrument.id) else "instruments",
        *([instrument.id] if _ships_without_words(instrument.id) else []),
    )


urlpatterns = [
    path("instruments", page, name="instruments"),
    path("instruments/gains", gains, name="instruments_gains"),
    path("instruments/<slug:instrument_id>", one, name="instrument"),
    path("instruments/<slug:instrument_id>/fhir", fhir, name="instrument_fhir"),
    path("instruments/<slug:instrument_id>/blank", blank, name="instrument_blank"),
    path("instruments/<slug:instrument_id>/retire", retire, name="instrument_retire"),
]
