"""Where the clinic lead loads a questionnaire: one of any author's, or the licensed words of one that has none.

Nothing is stored before "Load for this clinic"; the file travels along in the page until then.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms.boundfield import BoundField
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.text import Truncator
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Person, Role
from bothwell.instruments import handbook, importing, loading_actions, wording
from bothwell.instruments.catalogue import NoSuchInstrument, load
from bothwell.instruments.importing import Described, Imported
from bothwell.instruments.instrument import Better, Instrument, Kind
from bothwell.instruments.models import ClinicInstrument
from bothwell.instruments.problems import LARGEST_BYTES, Problem
from bothwell.instruments.wording import Words
from bothwell.refusal import Refused
from bothwell.web.asking import require
from bothwell.web.instruments import MOST_TRIED, answers_tried, questions, tried

LONGEST_PASTED = 400_000
LONGEST_KEPT = 900_000
SHORT, PLAIN = 20, 60


# ------------------------------------------------------------------------------------------- any author's: the file


class FileForm(forms.Form):
    """A FHIR Questionnaire, as a file or as text; `kept` is what was looked at before."""

    file = forms.FileField(
        label="File",
        required=False,
        help_text="FHIR R4 Questionnaire in JSON, up to 2 MB.",
        allow_empty_file=True,
    )
    pasted = forms.CharField(
        label="Or paste it here",
        required=False,
        strip=False,
        max_length=LONGEST_PASTED,
        widget=forms.Textarea(attrs={"rows": 6, "spellcheck": "false", "class": "code"}),
    )
    kept = forms.CharField(required=False, max_length=LONGEST_KEPT, widget=forms.HiddenInput)

    def content(self) -> bytes:
        """The file's bytes. Raises ValidationError with what to do."""
        file: UploadedFile[Any] | None = self.cleaned_data.get("file")
        if file is not None:
            # One byte more than allowed is enough to be told that it is too large.
            return bytes(file.read(LARGEST_BYTES + 1))
        if pasted := self.cleaned_data.get("pasted"):
            return str(pasted).encode()
        if kept := self.cleaned_data.get("kept"):
            return _unfolded(kept)
        raise ValidationError("Choose a file, or paste the questionnaire.")


def _folded(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content)).decode()


def _unfolded(kept: str) -> bytes:
    again = ValidationError("Choose the file once more.")
    try:
        unfolding = zlib.decompressobj()
        content = unfolding.decompress(base64.b64decode(kept, validate=True), LARGEST_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise again from error
    if not content:
        raise again
    return content


class DescribeForm(forms.Form):
    """What the file does not say."""

    slug = forms.CharField(
        label="Short name in addresses",
        max_length=importing.LONGEST_SLUG,
        help_text="Small letters, digits and hyphens; <b>own-</b> is put before it. The same name again replaces it.",
    )
    short = forms.CharField(label="Short name for clinicians", max_length=SHORT)
    plain_title = forms.CharField(
        label="What a patient sees",
        max_length=PLAIN,
        help_text="Plain and neutral: never a diagnosis or the questionnaire’s name.",
    )
    recall = forms.CharField(
        label="The time it asks about", max_length=PLAIN, help_text="For instance: the last 2 weeks."
    )
    kind = forms.ChoiceField(
        label="Who sees the answers",
        choices=[
            (Kind.INDIVIDUAL.value, "As of measures about oneself: prescriber and own therapist"),
            (Kind.PREDOSE.value, "As of questions before a dose: the nurse as well"),
            (Kind.RELATIONSHIP.value, "As of measures of the relationship: nobody without a release"),
        ],
        help_text="A screen for suicide or violence cannot be loaded here: what must follow from its answers belongs "
        "to the catalogue’s own screens.",
    )
    better = forms.ChoiceField(
        label="Which way is better",
        choices=[(each.value, words.capitalize()) for each, words in handbook.BETTER.items()],
    )
    area = forms.ChoiceField(
        label="Area",
        required=False,
        choices=[
            ("", "None of these"),
            *((a, t) for a, t in handbook.AREAS.items() if a not in ("", "own", "suicide", "violence")),
        ],
    )
    reverse = forms.MultipleChoiceField(
        label="Items to be turned round",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Only where the file’s weights are as printed and a high answer means the opposite. Most files have "
        "turned them round already.",
    )
    left_out = forms.MultipleChoiceField(
        label="Items that do not count",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Items whose answers carry weights, but which are not part of the total.",
    )
    licence_holder = forms.CharField(
        label="Who holds the rights in the words", max_length=loading_actions.LONGEST_HOLDER
    )
    licence_terms = forms.CharField(
        label="On what terms may the clinic use them",
        max_length=loading_actions.LONGEST_TERMS,
        error_messages={"max_length": loading_actions.TOO_LONG_TERMS},
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Licence, permission or reference, with its date. It is kept with the questionnaire.",
    )

    def __init__(self, data: Any, *, imported: Imported, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.imported = imported
        texts = dict(_texts(imported.form["item"]))
        weighted = [
            (link_id, f"{place}. {Truncator(texts[link_id]).chars(70)}")
            for place, link_id in enumerate(imported.items, 1)
            if link_id in imported.weights
        ]
        for name in ("reverse", "left_out"):
            self.fields[name].choices = weighted  # type: ignore[attr-defined]
            if not weighted:
                del self.fields[name]
        if not weighted:
            del self.fields["better"]

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"])
        if not importing.is_slug(slug):
            raise ValidationError("Small letters, digits and single hyphens, for instance sleep-diary.")
        return slug

    def described(self) -> Described:
        """What was said, what is wrong or missing replaced by what would be proposed."""
        given = {**_proposed(self.imported), **getattr(self, "cleaned_data", {})}
        return Described(
            slug=given["slug"],
            short=given["short"],
            plain_title=given["plain_title"],
            recall=given["recall"],
            kind=Kind(given["kind"]),
            better=Better(given["better"]),
            reverse=frozenset(given["reverse"]),
            left_out=frozenset(given["left_out"]),
            areas=(given["area"],) if given["area"] else (),
            licence_holder=given["licence_holder"],
            licence_terms=given["licence_terms"],
        )


def _texts(items: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in items:
        yield each["linkId"], each.get("text", "")
        yield from _texts(each.get("item", []))


def _proposed(imported: Imported) -> dict[str, Any]:
    """What the form holds before anybody wrote in it; the last four only so that it can be looked at."""
    return {
        "slug": imported.slug,
        "short": imported.title[:SHORT].strip(),
        "plain_title": "Some questions",
        "recall": "not stated",
        "kind": Kind.INDIVIDUAL.value,
        "better": Better.NEITHER.value,
        "area": "",
        "reverse": [],
        "left_out": [],
        "licence_holder": "not stated",
        "licence_terms": "not stated",
    }


OFFERED = ("slug", "short", "kind")


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Look at any author's questionnaire, try it, and load it for this clinic."""
    by = require(request, Role.LEAD)
    if request.method == "GET":
        return render(request, "instruments/new.html", {"form": FileForm()})
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "instruments/new.html", {"form": form}, status=422)
    try:
        content = form.content()
    except ValidationError as error:
        form.add_error(None, error)
        return render(request, "instruments/new.html", {"form": form}, status=422)
    imported = importing.read_questionnaire(content)
    if isinstance(imported, tuple):
        return render(request, "instruments/new.html", {"form": form, "problems": imported}, status=422)
    return _looked_at(request, by, content, imported)


def _looked_at(request: HttpRequest, by: Person, content: bytes, imported: Imported) -> HttpResponse:
    do = request.POST.get("do", "")
    was_described = "licence_terms" in request.POST
    proposed = {name: value for name, value in _proposed(imported).items() if name in OFFERED}
    describe = DescribeForm(request.POST if was_described else None, imported=imported, initial=proposed)
    is_whole = was_described and describe.is_valid()
    if do == "load" and is_whole:
        try:
            loaded = loading_actions.load_questionnaire(
                by=by, imported=imported, described=describe.described()
            )
        except Refused as no:
            describe.add_error(None, no.reason)
        else:
            messages.success(request, "Loaded. It can be asked from now on.")
            return redirect("instrument", loaded.instrument)
    described = describe.described()
    instrument = importing.instrument(imported, described)
    kept = _folded(content)
    can_be_tried = len(instrument.items) <= MOST_TRIED
    answers = answers_tried(instrument, request.POST)
    in_use = (
        ClinicInstrument.objects.filter(instrument=described.id, retired_at__isnull=True)
        .defer("document")
        .first()
    )
    context = {
        "form": FileForm(initial={"kept": kept}),
        "is_too_long_to_keep": len(kept) > LONGEST_KEPT,
        "imported": imported,
        "instrument": instrument,
        "describe": describe,
        "questions": questions(instrument, answers),
        "can_be_tried": can_be_tried,
        "tried": tried(instrument, answers) if do == "try" and can_be_tried else None,
        "scale": handbook.scale_lines(instrument, instrument.measure) if instrument.main else (),
        "in_use": in_use,
    }
    # A form half filled in is only wrong when it was to be loaded.
    if do != "load":
        describe.errors.clear()
    return render(request, "instruments/new.html", context, status=422 if describe.errors else 200)


# ----------------------------------------------------------------------------------- the words of one without words


class WordsForm(forms.Form):
    """A field for everything a person reads, and what the clinic states about its licence."""

    stem = forms.CharField(
        label="The line above all items",
        required=False,
        max_length=wording.LONGEST_WORDS,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    licence_holder = forms.CharField(label="Who holds the licence", max_length=loading_actions.LONGEST_HOLDER)
    licence_terms = forms.CharField(
        label="On what terms, with a reference",
        max_length=loading_actions.LONGEST_TERMS,
        error_messages={"max_length": loading_actions.TOO_LONG_TERMS},
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For instance the number and date of the agreement. It is kept with the words.",
    )

    def __init__(self, data: Any, *, shipped: Instrument, initial: Any = None) -> None:
        super().__init__(data, initial=initial)
        self.shipped = shipped
        for link_id in wording.lines_of(shipped):
            self.fields[f"line-{link_id}"] = _text_field(f"Line of text “{link_id}”", required=False)
        for number, item in enumerate(shipped.items, 1):
            self.fields[f"item-{item.link_id}"] = _text_field(f"Item {number}")
        for code, points in wording.answers_of(shipped).items():
            label = f"{code} ({handbook.number(points)})"
            self.fields[f"answer-{code}"] = forms.CharField(label=label, max_length=300)
        for link_id in wording.ends_of(shipped):
            for end, words in (("left", "Words at the low end"), ("right", "Words at the high end")):
                self.fields[f"{end}-{link_id}"] = forms.CharField(label=words, max_length=200, required=False)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        answers = {code: given.get(f"answer-{code}", "") for code in wording.answers_of(self.shipped)}
        places = {item.link_id: number for number, item in enumerate(self.shipped.items, 1)}
        named: set[str] = set()
        for link_id, codes in wording.read_alike(self.shipped, answers).items():
            what = f"Item {places[link_id]} (“{link_id}”) has two answers that read the same. Give each its own words."
            for code in set(codes) - named:
                self.add_error(f"answer-{code}", what)
            named |= set(codes)
        return given

    def groups(self) -> Iterator[tuple[str, list[BoundField]]]:
        """The fields of the words, in the parts of the page."""
        yield (
            "Above the items",
            [self[name] for name in self.fields if name == "stem" or name.startswith("line-")],
        )
        starts = ("item-", "left-", "right-")
        by_item = [
            self[f"{start}{item.link_id}"]
            for item in self.shipped.items
            for start in starts
            if f"{start}{item.link_id}" in self.fields
        ]
        yield "The items", by_item
        answers = [self[name] for name in self.fields if name.startswith("answer-")]
        if answers:
            yield "The answers", answers

    def words(self) -> Words:
        """What was written, once the form is valid."""
        given = self.cleaned_data
        return Words(
            stem=given["stem"],
            questions={item.link_id: given[f"item-{item.link_id}"] for item in self.shipped.items},
            lines={link_id: given[f"line-{link_id}"] for link_id in wording.lines_of(self.shipped)},
            answers={code: given[f"answer-{code}"] for code in wording.answers_of(self.shipped)},
            ends={
                link_id: (given[f"left-{link_id}"], given[f"right-{link_id}"])
                for link_id in wording.ends_of(self.shipped)
                if given[f"left-{link_id}"] and given[f"right-{link_id}"]
            },
        )


def _text_field(label: str, *, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        max_length=wording.LONGEST_WORDS,
        widget=forms.Textarea(attrs={"rows": 2}),
    )


def _initial(words: Words) -> dict[str, str]:
    return {
        "stem": words.stem,
        **{f"item-{link_id}": text for link_id, text in words.questions.items()},
        **{f"line-{link_id}": text for link_id, text in words.lines.items()},
        **{f"answer-{code}": text for code, text in words.answers.items()},
        **{f"left-{link_id}": left for link_id, (left, _) in words.ends.items()},
        **{f"right-{link_id}": right for link_id, (_, right) in words.ends.items()},
    }


def _shipped_without_words(instrument_id: str) -> Instrument:
    try:
        shipped = load(instrument_id)
    except NoSuchInstrument as error:
        raise Http404 from error
    if shipped.can_be_asked:
        raise Http404
    return shipped


@require_http_methods(["GET", "POST"])
def words(request: HttpRequest, instrument_id: str) -> HttpResponse:
    """The licensed words of one questionnaire: typed in, or read from a filled form and looked over."""
    by = require(request, Role.LEAD)
    shipped = _shipped_without_words(instrument_id)
    if request.method == "GET":
        return _words_page(request, shipped, WordsForm(None, shipped=shipped))
    if request.POST.get("do") == "read":
        return _read(request, shipped)
    form = WordsForm(request.POST, shipped=shipped)
    if form.is_valid():
        try:
            loading_actions.load_text(
                by=by,
                instrument_id=shipped.id,
                words=form.words(),
                licence_holder=form.cleaned_data["licence_holder"],
                licence_terms=form.cleaned_data["licence_terms"],
            )
        except Refused as no:
            form.add_error(None, no.reason)
        else:
            messages.success(request, f"{shipped.short} has its words and can be asked from now on.")
            return redirect("instrument", shipped.id)
    return _words_page(request, shipped, form, status=422)


def _read(request: HttpRequest, shipped: Instrument) -> HttpResponse:
    """A filled form fills the page; nothing is stored by it."""
    file = request.FILES.get("file")
    if not isinstance(file, UploadedFile):
        problems: tuple[Problem, ...] = (Problem(1, "the file", "There is none.", "Choose the filled form."),)
    else:
        found = wording.read_words(shipped, bytes(file.read(LARGEST_BYTES + 1)))
        if isinstance(found, Words):
            form = WordsForm(None, shipped=shipped, initial=_initial(found))
            return _words_page(request, shipped, form, was_read=True)
        problems = found
    return _words_page(request, shipped, WordsForm(None, shipped=shipped), problems=problems, status=422)


def _words_page(
    request: HttpRequest,
    shipped: Instrument,
    form: WordsForm,
    *,
    problems: tuple[Problem, ...] = (),
    was_read: bool = False,
    status: int = 200,
) -> HttpResponse:
    context = {
        "instrument": shipped,
        "title": handbook.full_title(shipped),
        "form": form,
        "groups": list(form.groups()),
        "licence": [form["licence_holder"], form["licence_terms"]],
        "problems": problems,
        "was_read": was_read,
    }
    return render(request, "instruments/words.html", context, status=status)


urlpatterns = [
    path("instruments/new", new, name="instrument_new"),
    path("instruments/<slug:instrument_id>/words", words, name="instrument_words"),
]
