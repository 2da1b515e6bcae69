"""One couples session at the therapist's desk: what is brought to it, its note, and what of it both may read.

The progress note is part of the record; the therapist's own notes have a page of their own and never stand here.
"""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import Couple, Person
from bothwell.integration import note_forms
from bothwell.integration import session_actions as actions
from bothwell.integration.after_dose_actions import too_soon_after_a_dose
from bothwell.integration.library import title_of
from bothwell.integration.models import (
    CoupleSession,
    InsightDiscussed,
    Modality,
    ProgressNote,
    SharedSummary,
)
from bothwell.integration.note_draft_actions import Sheet
from bothwell.integration.session_actions import as_seen
from bothwell.messaging import coming_actions as coming
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale
from bothwell.web.asking import by_script
from bothwell.web.couple_asking import (
    DayAndTime,
    attempt,
    names_of,
    session_of,
    status_of,
    therapist_and_couple,
)
from bothwell.web.couple_chart import Chart, read
from bothwell.web.couple_drafts import drafts_in, keep_by_hand, on_the_page, recorded
from bothwell.web.couple_note_form import CorrectionForm, RecordForm, as_it_stands, begun_from, from_draft
from bothwell.web.drafts import carry
from bothwell.web.given import renewed

RECORD = "couple.progress"
RECORDED = "Recorded. What you wrote for both is on their pages now."
NOT_HELD = "Recorded: it was not held, and is off the calendar of both."
MOVED = "Moved. Both see the new time."
MOVED_BACK = (
    "Moved to a time that lies in the past. It waits for its note; if this was a slip, move it again. Neither of the two "
    "finds it among the sessions ahead."
)


class PlanForm(forms.Form):
    """When and where the two and their therapist meet."""

    at = DayAndTime(label="Day and time", error_messages={"required": "Choose a day and a time."})
    minutes = forms.IntegerField(label="Minutes", initial=60, min_value=10, max_value=300)
    place = forms.CharField(
        label="Place",
        required=False,
        max_length=80,
        help_text="“Video” stands for the clinic’s video room: its door then opens for all three.",
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class MoveForm(PlanForm):
    """Another time for a session; `was`: how it stood when it was looked at."""

    was = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)


class TextForm(forms.Form):
    """One text and the number of its form."""

    text = forms.CharField(
        label="Your words",
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": "Write a few words first."},
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


@require_http_methods(["GET", "POST"])
def session(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """Before: move it. When held: record it. After: what was recorded, and what of it is whose."""
    who, pair = therapist_and_couple(request, couple_id)
    one, chart = session_of(pair, session_id), read(pair)
    if request.method == "GET":
        if by_script(request) and (part := request.GET.get("words", "")):
            return _words_now(request, who, chart, one, part)
        return _page(request, who, chart, one)
    form = RecordForm(request.POST, chart=chart)
    if "as_draft" in request.POST:
        if attempt(form, lambda: keep_by_hand(request, who, Sheet(one))):
            return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    elif one.state != CoupleSession.State.PLANNED and _is_kept(who, one, form):
        # A second press of the button: the first one counted.
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    elif one.state == CoupleSession.State.HELD:
        form.add_error(None, "This session is recorded already. What you wrote now was not kept.")
    elif form.is_valid() and attempt(form, lambda: _record(who, one, form.cleaned_data)):
        recorded(who, request.POST)
        is_held = session_of(pair, one.id).state == CoupleSession.State.HELD
        messages.success(request, RECORDED if is_held else NOT_HELD)
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    return _page(request, who, chart, one, record=form)


def _words_now(
    request: HttpRequest, who: Person, chart: Chart, one: CoupleSession, part: str
) -> HttpResponse:
    """What was brought to it, as an open page shows it (`part`): what is not open any more leaves that page at once."""
    written = _opened(who, chart, one)
    begun = on_the_page(who, Sheet(one), "", None).draft
    context = {
        "part": part,
        "chart": chart,
        "session": one,
        "record": from_draft(RecordForm, chart, begun.fields) if begun else _new_note(chart, one),
        **written,
    }
    return render(request, "couple/_session_words.html", context)


def _is_kept(who: Person, one: CoupleSession, form: RecordForm) -> bool:
    """Whether these very words are on record as one's own note."""
    said = (form["text"].value() or "").replace("\r\n", "\n").strip()
    notes = ProgressNote.objects.filter(session=one, author=who).values_list("text", flat=True)
    return said in {text.replace("\r\n", "\n") for text in notes}


def _left(form: RecordForm | None, is_drawn: bool) -> list[str]:
    """What was typed into a note that cannot be kept here any more: shown, so that it can be copied."""
    if form is None or is_drawn:
        return []
    return [words for name in ("focus", "text", "summary") if (words := (form[name].value() or "").strip())]


def _record(who: Person, one: CoupleSession, cleaned: dict[str, Any]) -> CoupleSession:
    return actions.record_session(
        by=who,
        session_id=one.id,
        modality=Modality(cleaned["modality"]),
        stage=cleaned["stage"],
        focus=cleaned["focus"],
        text=cleaned["text"],
        discussed=[UUID(key) for key in cleaned["discussed"]],
        summary=cleaned["summary"],
        answers=cleaned["answers"],
        taken_up=cleaned["spoken_of"],
    )


def _page(request: HttpRequest, who: Person, chart: Chart, one: CoupleSession, **bound: Any) -> HttpResponse:
    for voice in chart.voices:
        audit.viewed(who, subject=voice.person, couple=chart.couple, what=RECORD)
    written = _opened(who, chart, one)
    record, is_open = (
        bound.get("record"),
        one.state == CoupleSession.State.PLANNED and chart.couple.is_together,
    )
    has_begun = one.at <= timezone.now()
    begun = on_the_page(who, Sheet(one), request.GET.get("draft", ""), request.POST if record else None)
    if record is None and begun.draft:
        record = from_draft(RecordForm, chart, begun.draft.fields)
    is_drawn = is_open and (has_begun or bound.get("record") is not None)
    context = {
        "chart": chart,
        "session": one,
        **written,
        **drafts_in(begun, is_drawn),
        "record": record or _new_note(chart, one),
        "left": _left(bound.get("record"), is_open),
        "move": bound.get("move") or MoveForm(initial=_standing(one)),
        "was": as_seen(one),
        "session_path": reverse("couple_session", args=[chart.couple.id, one.id]),
        "summary_form": bound.get("summary_form") or TextForm(prefix="summary"),
        "has_begun": has_begun,
        "video": coming.video_address(coming.entry_of_session(one), who.clinic.video_link, timezone.now()),
        "is_held": one.state == CoupleSession.State.HELD,
        "is_recorded": one.state == CoupleSession.State.HELD or bool(written["notes"]),
        "is_planned": one.state == CoupleSession.State.PLANNED,
        "hold": actions.hold_on(who, chart.couple),
        "too_soon": too_soon_after_a_dose(chart.couple, one.at)
        if one.state == CoupleSession.State.PLANNED
        else "",
    }
    return render(request, "couple/session.html", context, status=status_of(next(iter(bound.values()), None)))


def _new_note(chart: Chart, one: CoupleSession) -> RecordForm:
    initial, answers = begun_from(chart)
    return RecordForm(chart=chart, initial=initial, answers=answers)


def _opened(who: Person, chart: Chart, one: CoupleSession) -> dict[str, Any]:
    """What is written of this session. The words brought to it, or taken up in it, stand on the page: they were opened."""
    written = _written(chart, one)
    shown = written["taken"] if one.state == CoupleSession.State.HELD else chart.waiting
    actions.receive_all(by=who, versions=[word.row for word in shown])
    return written


def _written(chart: Chart, one: CoupleSession) -> dict[str, Any]:
    """What was recorded of this session, and what of the words taken up is still open."""
    names = {voice.side: voice.name for voice in chart.voices}
    notes = list(ProgressNote.objects.select_related("author").filter(session=one).order_by("recorded_at"))
    corrected = {note.corrects_id for note in notes}
    taken = set(InsightDiscussed.objects.filter(session=one).values_list("version_id", flat=True))
    visible = [word for word in chart.words if word.brought.id in taken]
    spoken_of = {key for note in notes for key in note_forms.taken_up_in(note.detail)}
    told = [
        (note, note_forms.form(note.modality), list(note_forms.lines(note.detail, names))) for note in notes
    ]
    return {
        "notes": [row for row in told if row[0].id not in corrected],
        "earlier": [row for row in told if row[0].id in corrected],
        "taken": visible,
        "taken_back": len(taken - {word.brought.id for word in visible} - renewed()),
        "spoken_of": [point for point in chart.points if point.key in spoken_of],
        "summaries": SharedSummary.objects.filter(session=one).order_by("recorded_at"),
        "exercises": [
            (given, title_of(given.exercise)) for given in chart.given if given.session_id == one.id
        ],
    }


def _standing(one: CoupleSession) -> dict[str, Any]:
    return {"at": one.at, "minutes": one.minutes, "place": one.place, "was": as_seen(one)}


def say_if_at_odds(request: HttpRequest, who: Person, pair: Couple, one: CoupleSession) -> None:
    """A word to the therapist when a session follows a dose sooner than the protocol wants, or meets another couple's."""
    if told := too_soon_after_a_dose(pair, one.at):
        messages.warning(request, told)
    for other in actions.met_then(who, one) if one.at > timezone.now() else ():
        names = " and ".join(names_of(other.couple).values()) if other.couple else "another couple"
        at = timezone.localtime(other.at).strftime("%H:%M")
        messages.warning(request, f"You meet {names} then as well: from {at}, {other.minutes} minutes.")


@require_POST
def move(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """Another time or place, for the session as it was looked at."""
    who, pair = therapist_and_couple(request, couple_id)
    one, form = session_of(pair, session_id), MoveForm(request.POST)

    def act() -> CoupleSession:
        cleaned = {name: form.cleaned_data[name] for name in ("at", "minutes", "place", "was")}
        return actions.move_session(by=who, session_id=one.id, **cleaned)

    if form.is_valid() and attempt(form, act):
        messages.success(request, MOVED_BACK if form.cleaned_data["at"] <= timezone.now() else MOVED)
        say_if_at_odds(request, who, pair, session_of(pair, one.id))
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    one = session_of(pair, session_id)
    carry(form, was=as_seen(one))
    return _page(request, who, read(pair), one, move=form)


@require_POST
def cancel(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """Off the calendar."""
    who, pair = therapist_and_couple(request, couple_id)
    one = session_of(pair, session_id)
    try:
        actions.cancel_session(by=who, session_id=one.id, was=request.POST.get("was", ""))
        messages.success(request, "Cancelled.")
    except Stale as stale:
        messages.error(request, stale.reason)
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    except Refused as refused:
        messages.error(request, refused.reason)
    return redirect("couple", couple_id=pair.id)


@require_POST
def summary(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """A few sentences that stay with both."""
    who, pair = therapist_and_couple(request, couple_id)
    one, form = session_of(pair, session_id), TextForm(request.POST, prefix="summary")
    if form.is_valid() and attempt(
        form, lambda: actions.write_summary(by=who, session_id=one.id, **form.cleaned_data)
    ):
        messages.success(request, "Both can read it now.")
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    return _page(request, who, read(pair), one, summary_form=form)


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, couple_id: UUID, note_id: UUID) -> HttpResponse:
    """A new note in the place of an earlier one; both stay."""
    who, pair = therapist_and_couple(request, couple_id)
    note = get_object_or_404(ProgressNote.objects.select_related("session"), id=note_id, couple=pair)
    chart, sheet = read(pair), Sheet(note.session, note)
    initial, answers = as_it_stands(note)
    form = CorrectionForm(request.POST or None, chart=chart, initial=initial, answers=answers)
    begun = on_the_page(who, sheet, request.GET.get("draft", ""), request.POST if form.is_bound else None)
    if begun.draft:
        form = from_draft(CorrectionForm, chart, begun.draft.fields)
    if "as_draft" in request.POST:
        if attempt(form, lambda: keep_by_hand(request, who, sheet)):
            return redirect("couple_correct", couple_id=pair.id, note_id=note.id)
    elif form.is_bound and form.is_valid() and attempt(form, lambda: _correct(who, note, form.cleaned_data)):
        recorded(who, request.POST)
        messages.success(request, "Corrected. The earlier note stays beside it.")
        return redirect("couple_session", couple_id=pair.id, session_id=note.session_id)
    audit.viewed(who, couple=pair, what=RECORD)
    context = {
        "chart": chart,
        "note": note,
        "session": note.session,
        "record": form,
        **drafts_in(begun, is_drawn=True),
    }
    return render(request, "couple/correct.html", context, status=status_of(form))


def _correct(who: Person, note: ProgressNote, cleaned: dict[str, Any]) -> ProgressNote:
    return actions.correct_note(
        by=who,
        note_id=note.id,
        modality=Modality(cleaned["modality"]),
        stage=cleaned["stage"],
        focus=cleaned["focus"],
        text=cleaned["text"],
        reason=cleaned["reason"],
        answers=cleaned["answers"],
    )


_ONE = "couples/<uuid:couple_id>/sessions/<uuid:session_id>"
urlpatterns: list[URLPattern] = [
    path(_ONE, session, name="couple_session"),
    path(f"{_ONE}/move", move, name="couple_move"),
    path(f"{_ONE}/cancel", cancel, name="couple_cancel"),
    path(f"{_ONE}/summary", summary, name="couple_summary"),
    path("couples/<uuid:couple_id>/notes/<uuid:note_id>/correct", correct, name="couple_correct"),
]
