"""Adverse events of one session: what was noted, a form for a new one, and a form to revise one.

For the person's nurse and prescriber alone. Readings stand beside an event to look at; no grade comes from them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person, Role
from bothwell.dosing import flowsheet, session_actions
from bothwell.dosing.models import DosingSession
from bothwell.monitoring import adverse
from bothwell.monitoring import after_actions as actions
from bothwell.monitoring.models import AdverseEvent
from bothwell.monitoring.vitals import format_number, format_value
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore
from bothwell.web import bedside_values, handed_in
from bothwell.web.asking import refusal_status, require, told

LOCAL = "%Y-%m-%dT%H:%M"
ROOM = "room/<uuid:session_id>"
SHEET = "sheet"
"""Asks for the form that a tablet keeps at hand: of any term, on no page of its own."""


def session_of(request: HttpRequest, session_id: UUID) -> tuple[Person, DosingSession]:
    """The viewer and the session, or 404: for the nurse and the prescriber of this very person alone."""
    who = require(request, Role.NURSE, Role.PRESCRIBER)
    sessions = DosingSession.objects.select_related("clinic", "subject", "room", "course", "order")
    session = get_object_or_404(sessions.exclude(outcome="cancelled"), id=session_id)
    if not session_actions.may_chart(who, session):
        raise Http404
    return who, session


# ── the form ──────────────────────────────────────────────────────────────────────────────────────────────


def moment(label: str, *, required: bool = True, help_text: str = "") -> forms.DateTimeField:
    """A day and a time, by the clinic's clock."""
    return forms.DateTimeField(
        label=label,
        required=required,
        help_text=help_text,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL),
        input_formats=[LOCAL, "%Y-%m-%dT%H:%M:%S"],
        error_messages={"invalid": "Write the day and the time."},
    )


def _text(label: str, name: str, *, rows: int = 2, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=adverse.LONGEST[name],
        widget=forms.Textarea(attrs={"rows": rows}),
        help_text=help_text,
    )


class EventForm(forms.Form):
    """One adverse event of a term already chosen. The rule in `adverse` says what is missing."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    code = forms.CharField(widget=forms.HiddenInput)
    name = forms.CharField(
        label="What it was, in a few words", required=False, max_length=adverse.LONGEST["name"]
    )
    grade = forms.TypedChoiceField(
        label="Grade, as you judge it",
        required=False,
        coerce=int,
        empty_value=None,
        widget=forms.RadioSelect,
        error_messages={"invalid_choice": "This has no such grade. Choose one of those that stand here."},
    )
    wanted = forms.TypedChoiceField(
        label="Was it wanted?",
        required=False,
        coerce=lambda said: said == "yes",
        empty_value=None,
        choices=[("yes", "Wanted: the person was at ease with it"), ("no", "Unwanted: it distressed them")],
        widget=forms.RadioSelect,
    )
    began_at = moment("When it began", required=False)
    ended_at = moment("When it was over", required=False, help_text="Leave empty while it goes on.")
    outcome = forms.ChoiceField(
        label="How it stands",
        required=False,
        choices=AdverseEvent.Outcome.choices,
        widget=forms.RadioSelect,
    )
    is_serious = forms.TypedChoiceField(
        label="Is it serious?",
        required=False,
        coerce=lambda said: said == "yes",
        empty_value=None,
        choices=[("no", "No"), ("yes", "Yes")],
        widget=forms.RadioSelect,
    )
    serious_because = forms.MultipleChoiceField(
        label="Serious, because of",
        required=False,
        choices=[(one.value, one.value) for one in adverse.Serious],
        widget=forms.CheckboxSelectMultiple,
        help_text="With “other”, say why in the note.",
    )
    prescriber = forms.ChoiceField(
        label="Does the prescriber know?",
        required=False,
        choices=[
            (adverse.Prescriber.TOLD.value, "Told"),
            (adverse.Prescriber.SAW.value, "Saw it"),
            (adverse.Prescriber.NOT_YET.value, "Not yet"),
        ],
        widget=forms.RadioSelect,
        help_text=f"Asked from grade {adverse.PRESCRIBER_FROM} on.",
    )
    prescriber_told = forms.ChoiceField(
        label="Which prescriber was told",
        required=False,
        choices=lambda: [
            ("", "nobody yet"),
            *((key, who.signs_as) for key, who in actions.prescribers().items()),
        ],
    )
    prescriber_told_at = moment("When they were told", required=False)
    action_taken = _text("What was done", "action_taken")
    follow_up_on = forms.DateField(
        label="To be followed up on",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        error_messages={"invalid": "Write the day."},
    )
    follow_up = _text("What is to be done on that day", "follow_up")
    note = _text("Note", "note")
    reason = _text(
        "Why it is revised", "reason", help_text="Both versions stay on record; the newest counts."
    )

    def __init__(
        self, data: Any = None, *, term: adverse.Term, is_revision: bool = False, **kept: Any
    ) -> None:
        super().__init__(data, **kept)
        self.label_suffix = ""
        self.term = term
        self.fields["grade"].choices = [  # type: ignore[attr-defined]
            (grade, f"{grade}: {words}") for grade, words in term.grades.items()
        ]
        asked = {"name": term.asks_name, "wanted": term.asks_wanted, "reason": is_revision}
        for name in (name for name, is_asked in asked.items() if not is_asked):
            del self.fields[name]
        if is_revision:
            self.fields["reason"].required = True
        if term.asks_words:
            self.fields["note"].label = term.asks_words

    def said(self) -> adverse.Said:
        """What was typed, as the rule takes it."""
        given = self.cleaned_data
        return adverse.Said(
            code=self.term.code,
            grade=given.get("grade"),
            began_at=given.get("began_at"),
            outcome=given.get("outcome", ""),
            is_serious=given.get("is_serious"),
            name=given.get("name", ""),
            wanted=given.get("wanted"),
            ended_at=given.get("ended_at"),
            serious_because=tuple(given.get("serious_because", ())),
            prescriber=given.get("prescriber", ""),
            prescriber_told=given.get("prescriber_told", ""),
            prescriber_told_at=given.get("prescriber_told_at"),
            action_taken=given.get("action_taken", ""),
            follow_up_on=given.get("follow_up_on"),
            follow_up=given.get("follow_up", ""),
            note=given.get("note", ""),
        )

    def say(self, faults: Iterable[adverse.Fault]) -> None:
        """Each fault beside its answer."""
        for fault in faults:
            if fault.field not in self.errors:
                self.add_error(fault.field if fault.field in self.fields else None, fault.sentence)


OF_A_TERM = ("name", "grade", "wanted")
ALWAYS_ASKED = (*OF_A_TERM, "began_at", "outcome", "is_serious")


class AtHand(EventForm):
    """An empty form of one term, for a sheet that asks for any of them: a browser alone must say what is missing."""

    def __init__(self, *, term: adverse.Term) -> None:
        super().__init__(term=term, auto_id=f"event-{term.code}-%s")
        for name in ALWAYS_ASKED:
            if name in self.fields:
                self.fields[name].required = True

    @property
    def of_its_own(self) -> Iterator[forms.BoundField]:
        """What depends on the term."""
        return (field for field in self.visible_fields() if field.name in OF_A_TERM)

    @property
    def of_every_term(self) -> Iterator[forms.BoundField]:
        """What is asked whatever it was."""
        return (field for field in self.visible_fields() if field.name not in OF_A_TERM)


def _begun(said: adverse.Said) -> dict[str, Any]:
    """The answers of a kept event, to begin a revision with."""
    yes_no = {True: "yes", False: "no", None: ""}
    return {
        "name": said.name,
        "grade": said.grade,
        "wanted": yes_no[said.wanted],
        "began_at": said.began_at and timezone.localtime(said.began_at),
        "ended_at": said.ended_at and timezone.localtime(said.ended_at),
        "outcome": said.outcome,
        "is_serious": yes_no[said.is_serious],
        "serious_because": list(said.serious_because),
        "prescriber": said.prescriber,
        "prescriber_told": said.prescriber_told,
        "prescriber_told_at": said.prescriber_told_at and timezone.localtime(said.prescriber_told_at),
        "action_taken": said.action_taken,
        "follow_up_on": said.follow_up_on,
        "follow_up": said.follow_up,
        "note": said.note,
    }


# ── readings beside an event ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Beside:
    """One reading near the time of an event, in words."""

    words: str
    at: datetime


def _beside(values: Sequence[bedside_values.Value], at: datetime | None) -> list[Beside]:
    if at is None:
        return []
    order = {code: place for place, code in enumerate(BY_CODE)}
    near = sorted(adverse.around(values, at), key=lambda one: order.get(one.code, len(order)))
    return [Beside(_in_words(one), one.observed_at) for one in near]


def _in_words(one: bedside_values.Value) -> str:
    match one.code:
        case "sedation":
            return f"MOAA/S {format_number(one.value)}"
        case "dissociation":
            return f"Dissociation {flowsheet.LEVELS[int(one.value)]}"
        case "nausea":
            return f"Nausea {format_number(one.value)} of 10"
    return f"{BY_CODE[one.code].title} {format_value(one.code, one.value)}"


# ── the pages ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Told:
    """One event as it stands now, its earlier versions, and the readings near it."""

    event: AdverseEvent
    before: list[AdverseEvent]
    beside: list[Beside]


def versions(events: Sequence[AdverseEvent]) -> list[tuple[AdverseEvent, list[AdverseEvent]]]:
    """Each event in its newest version, with those before it, newest first."""
    rows: dict[UUID | None, AdverseEvent] = {event.id: event for event in events}
    revised = {event.revises_id for event in events if event.revises_id}
    found = []
    for newest in (event for event in events if event.id not in revised):
        before, older = [], rows.get(newest.revises_id)
        while older is not None:
            before.append(older)
            older = rows.get(older.revises_id)
        found.append((newest, before))
    return found


@require_http_methods(["GET", "POST"])
def events(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """What was noted in this session and after it; a term chosen opens the form."""
    who, session = session_of(request, session_id)
    asked = request.POST if request.method == "POST" else request.GET
    term = adverse.shipped().find(asked.get("code", "")[:40])
    if request.method != "POST" and SHEET in asked:
        return _sheet(request, session)
    if request.method != "POST":
        return _page(request, who, session, _new_form(session, term) if term else None)
    if term is None:
        return _page(request, who, session, trouble="Choose what it was.", status=422)
    form, status = EventForm(request.POST, term=term), 422
    if form.is_valid() and not _looks(request):
        try:
            actions.note_event(
                by=who, session_id=session.id, said=form.said(), request_id=form.cleaned_data["request_id"]
            )
        except Refused as refused:
            _explain(form, session, refused)
            status = refusal_status(refused)
        else:
            messages.success(request, "Kept.")
            return redirect("room-events", session.id)
    return _page(request, who, session, form, status=200 if _looks(request) else status)


def _looks(request: HttpRequest) -> bool:
    """Whether somebody only looks at the readings first; what is handed in later is meant to be kept."""
    return "look" in request.POST and not handed_in.is_one(request)


def _sheet(request: HttpRequest, session: DosingSession) -> HttpResponse:
    of_terms = [AtHand(term=term) for term in adverse.shipped().all]
    context = {"session": session, "terms": adverse.shipped(), "of_terms": of_terms, "form": of_terms[0]}
    return render(request, "room/event_sheet.html", context)


def _new_form(session: DosingSession, term: adverse.Term) -> EventForm:
    """An empty form: no grade and no answer is filled in; the time is now while the session is open."""
    now = timezone.localtime()
    begun = {"began_at": now} if session.ended_at is None else {}
    return EventForm(term=term, initial={"request_id": uuid4(), "code": term.code, **begun})


def _explain(
    form: EventForm, session: DosingSession, refused: Refused, old: AdverseEvent | None = None
) -> None:
    faults = actions.faults_of(session, form.said(), old)
    if faults and not isinstance(refused, SentBefore):
        form.say(faults)
    else:
        told(form, refused)


@require_http_methods(["GET", "POST"])
def revise(request: HttpRequest, session_id: UUID, event_id: UUID) -> HttpResponse:
    """What is known better now about one event."""
    who, session = session_of(request, session_id)
    old = get_object_or_404(AdverseEvent, id=event_id, session_id=session.id)
    said = actions.as_said(old)
    asked = request.POST if request.method == "POST" else request.GET
    terms = adverse.shipped()
    term = terms.find(asked.get("code", "")[:40]) or terms.of_row(said.code) or terms.find(adverse.OTHER)
    assert term is not None
    if request.method != "POST":
        begun = {"request_id": uuid4(), **_begun(said), "code": term.code}
        form = EventForm(term=term, is_revision=True, initial=begun)
        return _page(request, who, session, form, old)
    form, status = EventForm(request.POST, term=term, is_revision=True), 422
    if form.is_valid() and "look" not in request.POST:
        try:
            actions.revise_event(
                by=who,
                event_id=old.id,
                said=form.said(),
                reason=form.cleaned_data["reason"],
                request_id=form.cleaned_data["request_id"],
            )
        except Refused as refused:
            _explain(form, session, refused, old)
            status = refusal_status(refused)
        else:
            messages.success(request, "Kept. The version before stays on record.")
            return redirect("room-events", session.id)
    return _page(request, who, session, form, old, status=200 if "look" in request.POST else status)


def _page(
    request: HttpRequest,
    who: Person,
    session: DosingSession,
    form: EventForm | None = None,
    old: AdverseEvent | None = None,
    *,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    if handed_in.is_one(request):
        return handed_in.answer({"form": form, "trouble": trouble}, status)
    values = bedside_values.charted(session.id)
    kept = list(
        AdverseEvent.objects.select_related("author", "prescriber_told")
        .filter(session=session)
        .order_by("-began_at", "-recorded_at", "-id")
    )
    audit.viewed(who, subject=session.subject_id, what=actions.KIND)
    at = _time_of(form)
    context = {
        "session": session,
        "events": [Told(event, before, _beside(values, event.began_at)) for event, before in versions(kept)],
        "terms": adverse.shipped(),
        "form": form,
        "old": old,
        "at": at,
        "beside": _beside(values, at),
        "trouble": trouble,
    }
    return render(request, "after/events.html", context, status=status)


def _time_of(form: EventForm | None) -> datetime | None:
    """The time the form speaks of: as typed, or as it was filled in."""
    if form is None:
        return None
    if form.is_bound:
        return form.cleaned_data.get("began_at") if hasattr(form, "cleaned_data") else None
    return form.initial.get("began_at")


urlpatterns: list[URLPattern] = [
    path(f"{ROOM}/events", events, name="room-events"),
    path(f"{ROOM}/events/<uuid:event_id>/revise", revise, name="room-event-revise"),
]
