"""A copy of a record on paper: every entry in words, dates by the clinic's clock, nothing that the file does not hold.

It reads nothing of anybody's record; it only says in words what the copy holds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.apps import apps
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from bothwell.couples.models import Clinic
from bothwell.dosing.checklist_actions import CHECKED
from bothwell.instruments import shelf
from bothwell.instruments.instrument import Instrument
from bothwell.integration.library import title_of
from bothwell.pathway import steps
from bothwell.pathway.eligibility import finding_title
from bothwell.pathway.facts import SPECS
from bothwell.records.contents import Scope, words_of
from bothwell.records.document import Chapter, Entry, Record
from bothwell.web import log_words
from bothwell.web.session_paper import WORDS_OF

LISTED: Final = (
    "session_id",
    "insight_id",
    "agreement_id",
    "given_id",
    "sign_id",
    "alarm_id",
    "corrects_id",
    "revises_id",
)
"""Columns that name another entry: on paper by its first letters, as that entry is named."""
YES_NO: Final = {True: "yes", False: "no"}


@dataclass(frozen=True, slots=True)
class Said:
    """One entry on paper: its short name, who wrote it, and its lines."""

    key: str
    by: str
    lines: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Section:
    """One part on paper."""

    title: str
    entries: list[Said]
    placeholder: str
    only_in_the_file: int


def page(copy: Record, clinic: Clinic) -> str:
    """The page the PDF is printed from."""
    forms = _instruments(copy, clinic)
    with timezone.override(ZoneInfo(clinic.timezone)):
        context = {
            "copy": copy,
            "is_joint": copy.scope is Scope.JOINT,
            "is_own": copy.scope is Scope.OWN,
            "about": [(words_of(key), _words(value)) for key, value in copy.about.items() if value],
            "sections": [_section(one, forms) for one in copy.chapters],
        }
        return render_to_string("records/paper.html", context)


def _instruments(copy: Record, clinic: Clinic) -> Mapping[tuple[str, str], Instrument]:
    """The questionnaires that were answered, as they were when answered."""
    asked = [
        (entry.values["instrument"], entry.values.get("instrument_version", ""))
        for chapter in copy.chapters
        if chapter.part.code == "answers"
        for entry in chapter.entries
    ]
    return shelf.find_all(clinic.id, asked)


def _section(chapter: Chapter, forms: Mapping[tuple[str, str], Instrument]) -> Section:
    shown = chapter.entries if chapter.part.is_on_paper else ()
    return Section(
        chapter.part.title,
        [_said(chapter, entry, forms) for entry in shown],
        chapter.placeholder,
        0 if chapter.part.is_on_paper else len(chapter.entries),
    )


def _said(chapter: Chapter, entry: Entry, forms: Mapping[tuple[str, str], Instrument]) -> Said:
    lines = [
        line
        for column, value in entry.values.items()
        for line in _lines(chapter.part.table, column, value, entry, forms)
    ]
    return Said(_short(entry.id), entry.by, lines)


def _lines(
    table: str, column: str, value: Any, entry: Entry, forms: Mapping[tuple[str, str], Instrument]
) -> Iterator[tuple[str, str]]:
    if table == "Response":
        form = forms.get((entry.values["instrument"], entry.values.get("instrument_version", "")))
        if column == "answers" and form:
            yield from _answers(form, value)
            return
        if column == "instrument" and form:
            yield "questionnaire", form.title
            return
    if column in LISTED:
        yield words_of(column), _short(str(value))
    elif isinstance(value, dict):
        yield from ((f"{words_of(column)}: {words_of(key)}", _words(one)) for key, one in value.items())
    else:
        yield words_of(column), _in_words(table, column, value)


def _answers(form: Instrument, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each question with what was answered, in words."""
    for item in form.items:
        if item.link_id not in given:
            continue
        answer = given[item.link_id]
        option = item.option(answer) if answer is not None else None
        yield item.text, option.text if option else "not answered" if answer is None else _words(answer)


def _in_words(table: str, column: str, value: Any) -> str:
    match table, column:
        case "MedicalFact", "code":
            return SPECS[value].title if value in SPECS else _words(value)
        case "Resolution", "finding":
            return finding_title(value)
        case "ExerciseGiven", "exercise":
            return title_of(value)
        case "Step", "event":
            return log_words.STEPS.get(value, steps.words(value))
        case "Step" | "Course", "phase" | "from_phase" | "to_phase" | "state" | "to_state":
            return steps.words(value)
        case "DosingSession" | "Discharge", "outcome":
            return str(WORDS_OF.get(value, value))
        case "GateCheck", "name":
            return str(CHECKED.get(value, steps.words(value)))
        case _:
            return _choice(table, column, value) or _words(value)


def _choice(table: str, column: str, value: Any) -> str:
    """What a code is called, where the table says so."""
    model = apps.get_model("bothwell", table)
    if "__" in column or not isinstance(value, str):
        return ""
    choices = dict(getattr(model._meta.get_field(column), "flatchoices", ()))
    return str(choices.get(value, ""))


def _words(value: Any) -> str:
    match value:
        case bool():
            return YES_NO[value]
        case str():
            return _moment(value)
        case list():
            return ", ".join(_words(one) for one in value)
        case dict():
            return "; ".join(f"{words_of(str(key))}: {_words(one)}" for key, one in value.items())
        case _:
            return str(value)


def _moment(text: str) -> str:
    """A day or a time as people write it; anything else as it is."""
    try:
        at: datetime | None = parse_datetime(text) if text.endswith("Z") else None
        day = None if at else parse_date(text)
    except ValueError:
        return text
    if at:
        return f"{timezone.localtime(at):%-d %b %Y, %H:%M}"
    return f"{day:%-d %b %Y}" if day else text


def _short(key: str) -> str:
    """The last letters of an entry's key: enough to find it in this copy."""
    return key[-6:]
