"""The progress note's form on the page: the three forms of `note_forms`, each question a field with its help.

All three stand on the page at once and a style sheet shows the one chosen, so that changing the form loses no word and
needs no script. Only the chosen one's answers are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django import forms
from django.forms import BoundField
from django.utils import timezone

from bothwell.integration import note_forms
from bothwell.integration.agenda import Point
from bothwell.integration.models import ProgressNote
from bothwell.integration.note_forms import Ask, NoteForm, Question
from bothwell.web.couple_chart import Chart, Words

COMMON = "common"


@dataclass(frozen=True)
class Asked:
    """One question as it stands on the page: a field, or one for each side."""

    question: Question
    fields: list[tuple[str, BoundField]]


def name_of(form: NoteForm, question: Question, key: str) -> str:
    """What a field is called; questions of every form are asked once."""
    place = form.code if question in form.own else COMMON
    return f"{place}-{key.replace('.', '-')}"


class ProgressNoteForm(forms.Form):
    """The progress note: what stands in the record. No `maxlength`: a browser would cut a pasted text in silence."""

    modality = forms.ChoiceField(label="Form of the note", widget=forms.RadioSelect)
    stage = forms.CharField(
        label="Where the therapy stands",
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="In a few words. Left empty, it is written from the stage and the steps.",
    )
    focus = forms.CharField(
        label="Focus", error_messages={"required": "Say in a few words what the session was about."}
    )
    text = forms.CharField(
        label="Note",
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Progress and plan. What concerns one partner’s safety has its own place and never stands here.",
    )

    def __init__(
        self, *given: Any, chart: Chart, answers: Mapping[str, Any] | None = None, **kept: Any
    ) -> None:
        super().__init__(*given, **kept)
        self.names = {voice.side: voice.name for voice in chart.voices}
        choice: Any = self.fields["modality"]
        choice.choices = [(one.code, one.title) for one in note_forms.forms()]
        for form, question, key in self._asked():
            name = name_of(form, question, key)
            self.fields[name] = _field(question, self._label(question, key), self.names)
            self.initial.setdefault(name, (answers or {}).get(key))

    def _asked(self) -> Iterator[tuple[NoteForm, Question, str]]:
        for form in note_forms.forms():
            for question in form.questions:
                for key in question.keys:
                    yield form, question, key

    def _label(self, question: Question, key: str) -> str:
        side = key.partition(".")[2]
        return f"{question.label}, {self.names[side]}" if side else question.label

    def clean(self) -> dict[str, Any]:
        """Every answer of the chosen form, judged by the form's own rules."""
        cleaned = super().clean() or {}
        chosen = note_forms.form(str(cleaned.get("modality", "")))
        names = {
            key: name_of(chosen, question, key) for question in chosen.questions for key in question.keys
        }
        given = {key: cleaned.get(name) for key, name in names.items()}
        read = note_forms.checked(chosen.code, given, timezone.localdate())
        for key, fault in (note_forms.at_odds(chosen.code, read.kept) | read.faults).items():
            self.add_error(names[key], fault)
        cleaned["answers"] = read.kept
        return cleaned

    # ── for the template ──

    @property
    def opening(self) -> list[Asked]:
        """What every form asks first."""
        form = note_forms.forms()[0]
        return self._rows(form, form.questions[: form.questions.index(form.own[0])])

    @property
    def closing(self) -> list[Asked]:
        """What every form asks last."""
        form = note_forms.forms()[0]
        return self._rows(form, form.questions[form.questions.index(form.own[-1]) + 1 :])

    @property
    def structures(self) -> list[tuple[NoteForm, list[Asked]]]:
        """Each form with what it alone asks."""
        return [(form, self._rows(form, form.own)) for form in note_forms.forms()]

    @property
    def marked(self) -> list[BoundField]:
        """The fields with something wrong, in the order of the page."""
        return [field for field in self if field.errors]

    def _rows(self, form: NoteForm, questions: Sequence[Question]) -> list[Asked]:
        return [
            Asked(
                question,
                [(key.partition(".")[2], self[name_of(form, question, key)]) for key in question.keys],
            )
            for question in questions
        ]


def _field(question: Question, label: str, names: Mapping[str, str]) -> forms.Field:
    shared: dict[str, Any] = {"label": label, "required": False}
    choices = list(names.items()) if question.sides else [(one.code, one.label) for one in question.options]
    match question.ask:
        case Ask.SOME:
            return forms.MultipleChoiceField(**shared, choices=choices, widget=forms.CheckboxSelectMultiple)
        case Ask.ONE:
            widget: forms.Widget = forms.Select(choices=[("", "–"), *choices])
        case Ask.NUMBER:
            widget = forms.NumberInput(attrs={"min": 0, "max": question.most, "inputmode": "numeric"})
        case Ask.DAY:
            widget = forms.DateInput(attrs={"type": "date"})
        case Ask.TEXT:
            widget = forms.Textarea(attrs={"rows": 3})
        case Ask.LINE:
            widget = forms.TextInput(attrs={"autocomplete": "off"})
    return forms.CharField(**shared, widget=widget)


F = TypeVar("F", bound=ProgressNoteForm)


class RecordForm(ProgressNoteForm):
    """The note, with what was taken up and what both may read."""

    discussed = forms.MultipleChoiceField(label="Brought", required=False)
    spoken_of = forms.MultipleChoiceField(label="Promised and moved", required=False)
    summary = forms.CharField(
        label="For both of them",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="A few sentences that stay with both. Both partners read them.",
    )

    def __init__(self, *given: Any, chart: Chart, **kept: Any) -> None:
        super().__init__(*given, chart=chart, **kept)
        self.brought, self.points = chart.waiting, chart.points
        taken: Any = self.fields["discussed"]
        spoken: Any = self.fields["spoken_of"]
        taken.choices = [(str(word.brought.id), word.brought.text) for word in self.brought]
        spoken.choices = [(point.key, point.title) for point in self.points]

    def _chosen(self, name: str) -> list[str]:
        return self.data.getlist(name) if self.is_bound else self.initial.get(name) or []  # type: ignore[attr-defined]

    @property
    def words_to_tick(self) -> list[tuple[Words, bool]]:
        """The words brought, each with whether it was ticked."""
        chosen = self._chosen("discussed")
        return [(word, str(word.brought.id) in chosen) for word in self.brought]

    @property
    def points_to_tick(self) -> list[tuple[Point, bool]]:
        """The other points of the agenda, each with whether it was ticked."""
        chosen = self._chosen("spoken_of")
        return [(point, point.key in chosen) for point in self.points]


class CorrectionForm(ProgressNoteForm):
    """A new note in the place of an earlier one."""

    reason = forms.CharField(
        label="What was wrong",
        max_length=300,
        help_text="It stays beside the corrected note.",
        error_messages={"required": "Say in a sentence what was wrong with the earlier note."},
    )


def begun_from(chart: Chart) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a new note begins with: the last one's form, and what is likely to hold again. Never how long it lasted:
    that nobody knows before it is over.
    """
    last = chart.last_note
    if last is None:
        return {"modality": note_forms.forms()[0].code}, {"mode": "room"}
    carried = note_forms.carried(last.detail)
    return {"modality": last.modality}, {"mode": "room", **carried}


def from_draft(form: type[F], chart: Chart, fields: Mapping[str, Sequence[str]]) -> F:
    """The form with what a draft holds, field by field; what was emptied there stays empty."""
    blank = form(chart=chart)
    some = {name for name, field in blank.fields.items() if isinstance(field, forms.MultipleChoiceField)}
    kept = {name: (list(texts) if name in some else texts[0]) for name, texts in fields.items() if texts}
    return form(chart=chart, initial=dict.fromkeys(blank.fields) | kept)


def as_it_stands(note: ProgressNote) -> tuple[dict[str, Any], dict[str, Any]]:
    """A note's own words, to be corrected."""
    kept = {"modality": note.modality, "stage": note.stage, "focus": note.focus, "text": note.text}
    return kept, note_forms.answers_of(note.detail)
