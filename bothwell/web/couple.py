"""The couples therapist's desk: what is the story, and what shall we do today?

It shows one couple's chart to that couple's own therapists and to nobody else; a line stands only with its
release.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Assignment, Couple, Person, Role, open_at
from bothwell.integration import pause_actions
from bothwell.integration import session_actions as actions
from bothwell.integration.library import STAGES, Exercise, exercise, exercises, title_of
from bothwell.integration.models import (
    CoupleSession,
    ExerciseDone,
    InsightDiscussed,
    Modality,
    ProcessNote,
    ProgressNote,
    SharedSummary,
)
from bothwell.integration.story import MEANS
from bothwell.privacy import audit
from bothwell.privacy.actions import propose_agreement
from bothwell.privacy.models import Audience, ConsentText, DisclosureAgreement, Grant
from bothwell.refusal import Refused
from bothwell.web.asking import not_ones_own, post_or_back, require
from bothwell.web.couple_chart import Chart, local, members_of, read
from bothwell.web.score import Story
from bothwell.web.score_wide import draw

LOCAL = "%Y-%m-%dT%H:%M"


class DayAndTime(forms.DateTimeField):
    """A day and a time on the clinic's clock, in the browser's own picker."""

    def __init__(self, **kept: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL)
        super().__init__(widget=widget, input_formats=[LOCAL, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], **kept)


class PlanForm(forms.Form):
    """When and where the two and their therapist meet."""

    at = DayAndTime(label="Day and time", error_messages={"required": "Choose a day and a time."})
    minutes = forms.IntegerField(label="Minutes", initial=60, min_value=10, max_value=300)
    place = forms.CharField(label="Place", required=False, max_length=80)
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class NoteForm(forms.Form):
    """The progress note: what stands in the record. No `maxlength`: a browser would cut a pasted text in
    silence.
    """

    modality = forms.ChoiceField(
        label="How you worked",
        choices=[(mode.value, f"{mode.label[:1].upper()}{mode.label[1:]}") for mode in Modality],
        widget=forms.RadioSelect,
    )
    stage = forms.CharField(
        label="Stage or step",
        required=False,
        widget=forms.TextInput(attrs={"list": "stages", "autocomplete": "off"}),
    )
    focus = forms.CharField(
        label="Focus", error_messages={"required": "Say in a few words what the session was about."}
    )
    text = forms.CharField(
        label="Progress note",
        required=False,
        widget=forms.Textarea,
        help_text="Interventions, progress, plan. The couple's therapists read it; a partner can ask for it.",
    )


class RecordForm(NoteForm):
    """The note, with what was taken up and what both may read."""

    discussed = forms.MultipleChoiceField(label="Taken up in this session", required=False)
    summary = forms.CharField(
        label="For both of them",
        required=False,
        widget=forms.Textarea,
        help_text="A few sentences that stay with both. Both partners read them.",
    )

    def __init__(self, *given: Any, chart: Chart, **kept: Any) -> None:
        super().__init__(*given, **kept)
        taken: Any = self.fields["discussed"]
        taken.choices = [(str(word.brought.id), word.brought.text) for word in chart.waiting]


class CorrectionForm(NoteForm):
    """A new note in the place of an earlier one."""

    reason = forms.CharField(
        label="What was wrong", max_length=300, help_text="It stays beside the corrected note."
    )


class TextForm(forms.Form):
    """One text and the number of its form."""

    text = forms.CharField(
        label="Your words", widget=forms.Textarea, error_messages={"required": "Write a few words first."}
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class GiveForm(forms.Form):
    """One exercise of the library for both."""

    code = forms.CharField(widget=forms.HiddenInput)
    words = forms.CharField(
        label="A word with it", required=False, help_text="Both read it. Up to 300 characters."
    )
    weeks = forms.TypedChoiceField(
        label="For how long",
        coerce=int,
        initial=4,
        choices=[(1, "1 week"), (2, "2 weeks"), (4, "4 weeks"), (8, "8 weeks"), (0, "until we end it")],
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def until(self) -> datetime | None:
        weeks = self.cleaned_data["weeks"]
        return timezone.now() + timedelta(weeks=weeks) if weeks else None


class AgreementForm(forms.Form):
    """Which agreement is put before the two."""

    mode = forms.ChoiceField(
        label="The agreement to put before both",
        choices=DisclosureAgreement.Mode.choices,
        widget=forms.RadioSelect,
    )
    after = forms.IntegerField(widget=forms.HiddenInput, required=False)


# --------------------------------------------------------------------------------------------- who, and whose


def _couple(request: HttpRequest, couple_id: UUID) -> tuple[Person, Couple]:
    """The therapist looking and their couple, or 404: for other colleagues this desk does not exist."""
    who = require(request)
    couple = get_object_or_404(Couple, id=couple_id)
    not_ones_own(who, couple=couple.id)
    if not actions.is_therapist_of(who, couple):
        raise Http404
    return who, couple


def _session(couple: Couple, session_id: UUID) -> CoupleSession:
    return get_object_or_404(CoupleSession, id=session_id, couple=couple)


def _try(form: forms.Form, act: Callable[[], object]) -> bool:
    """Whether it was done; a refusal becomes the form's own sentence, and what was typed stays."""
    try:
        act()
    except Refused as refused:
        form.add_error(None, refused.reason)
        return False
    return True


def _status(form: forms.Form | None) -> int:
    return 422 if form is not None and form.is_bound and not form.is_valid() else 200


# --------------------------------------------------------------------------------------------------- the list


@require_GET
def couples(request: HttpRequest) -> HttpResponse:
    """My couples: who, when next, and what is new since the last session. A fixed number of queries."""
    who = require(request, Role.COUPLES_THERAPIST)
    mine = [
        one.couple
        for one in Assignment.objects.select_related("couple")
        .filter(open_at(timezone.now()), staff=who, role=Role.COUPLES_THERAPIST)
        .order_by("couple__formed_at")
        if one.couple
    ]
    return render(request, "couple/list.html", {"rows": _overview(mine)})


def _overview(mine: list[Couple]) -> list[dict[str, Any]]:
    now, keys = timezone.now(), [couple.id for couple in mine]
    members = members_of(mine)
    sessions: dict[UUID | None, list[CoupleSession]] = {}
    for session in CoupleSession.objects.filter(couple__in=keys).order_by("at"):
        sessions.setdefault(session.couple_id, []).append(session)
    grants = list(
        Grant.objects.filter(
            item_kind="insight", audience=Audience.COUPLES_THERAPIST, couple__in=keys, opens_at__lte=now
        )
    )
    done = list(ExerciseDone.objects.filter(couple__in=keys))
    rows = []
    for couple in mine:
        theirs = sessions.get(couple.id, [])
        held = [one for one in theirs if one.state == CoupleSession.State.HELD]
        since = held[-1].at if held else couple.formed_at
        row = {
            "couple": couple,
            "members": members.get(couple.id, {}),
            "last": held[-1] if held else None,
            "next": next(
                (
                    one
                    for one in theirs
                    if one.state == CoupleSession.State.PLANNED and one.at > now - timedelta(hours=3)
                ),
                None,
            ),
            "shared": sum(1 for one in grants if one.couple_id == couple.id and one.opens_at >= since),
            "done": sum(1 for one in done if one.couple_id == couple.id and one.on_day >= local(since)),
        }
        rows.append(row)
    far = timezone.now() + timedelta(days=36500)
    return sorted(
        rows, key=lambda row: (not row["couple"].is_together, row["next"].at if row["next"] else far)
    )


# --------------------------------------------------------------------------------------------------- the desk


@require_GET
def couple(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The story on one time axis, and the agenda beside it."""
    who, pair = _couple(request, couple_id)
    return _desk(request, who, pair)


def _desk(request: HttpRequest, who: Person, pair: Couple, plan: PlanForm | None = None) -> HttpResponse:
    chart = read(pair, request.GET.get("a", ""), request.GET.get("b", ""))
    mirrored = request.GET.get("flat") != "1"
    _log_view(who, chart)
    actions.receive_all(by=who, versions=[word.row for word in chart.words])
    newest = (
        ProgressNote.objects.filter(couple=pair, corrected_by__isnull=True).order_by("-recorded_at").first()
    )
    shown: Story = chart.picture()
    context = {
        "chart": chart,
        "score": draw(shown, mirrored=mirrored),
        "mirrored": mirrored,
        "last_note": newest,
        "plan": plan or PlanForm(),
        "other_way": _other_way(request, mirrored),
        "hold": actions.hold_on(who, pair),
        "pause": pause_actions.pause_of(pair),
    }
    return render(request, "couple/page.html", context, status=_status(plan))


def _other_way(request: HttpRequest, mirrored: bool) -> str:
    query = request.GET.copy()
    query.pop("flat", None)
    if mirrored:
        query["flat"] = "1"
    return f"?{query.urlencode()}"


def _log_view(who: Person, chart: Chart) -> None:
    """One entry for each of the two, so that each finds in their own log what was looked at of theirs."""
    for voice in chart.voices:
        what = voice.instrument.kind.value if voice.instrument and voice.line else "couple.shared"
        audit.viewed(who, subject=voice.person, couple=chart.couple, what=what)


@require_GET
def for_both(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """One sheet for the couple: what is shared, and nothing that only one of them may see."""
    who, pair = _couple(request, couple_id)
    chart = read(pair)
    for voice in chart.voices:
        audit.viewed(who, subject=voice.person, couple=pair, what="couple.shared")
    words = [word for word in chart.words if word.brought.with_partner]
    summaries = (
        SharedSummary.objects.select_related("session").filter(couple=pair).order_by("-session__at")[:1]
    )
    context = {
        "chart": chart,
        "score": draw(chart.picture_for_both()),
        "words": words[-4:],
        "summary": next(iter(summaries), None),
        "steps": [(given, promise, exercise(given.exercise)) for given, promise in chart.open_promises],
    }
    return render(request, "couple/both.html", context)


@require_POST
def plan(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """Put a session on the calendar; both partners see it."""
    who, pair = _couple(request, couple_id)
    form = PlanForm(request.POST)
    if form.is_valid() and _try(form, lambda: actions.plan_session(by=who, couple=pair, **form.cleaned_data)):
        messages.success(request, "Planned. Both see it on their pages.")
        return redirect("couple", couple_id=pair.id)
    return _desk(request, who, pair, form)


@post_or_back("couples")
def pause(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """Let the couple's work rest, or take it up again; both partners read it on their page."""
    who, pair = _couple(request, couple_id)
    goes_on = request.POST.get("do") == "resume"
    try:
        if goes_on:
            pause_actions.resume_couple(by=who, couple=pair)
        else:
            pause_actions.pause_couple(by=who, couple=pair)
    except Refused as refused:
        messages.error(request, refused.reason)
    else:
        messages.success(
            request,
            "The work goes on. Both see it."
            if goes_on
            else "Paused. Both see it, and are not asked about the two.",
        )
    return redirect("couple", couple_id=pair.id)


# -------------------------------------------------------------------------------------------------- a session


@require_http_methods(["GET", "POST"])
def session(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """Before: move it. When held: record it. After: what was recorded, and what of it is whose."""
    who, pair = _couple(request, couple_id)
    one, chart = _session(pair, session_id), read(pair)
    if request.method == "GET":
        return _session_page(request, who, chart, one)
    form = RecordForm(request.POST, chart=chart)
    if one.state == CoupleSession.State.HELD:  # a second press of the button: the first one counted
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    if form.is_valid() and _try(form, lambda: _record(who, one, form)):
        messages.success(request, "Recorded. What you wrote for both is on their pages now.")
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    return _session_page(request, who, chart, one, record=form)


def _record(who: Person, one: CoupleSession, form: RecordForm) -> CoupleSession:
    cleaned = form.cleaned_data
    return actions.record_session(
        by=who,
        session_id=one.id,
        modality=Modality(cleaned["modality"]),
        stage=cleaned["stage"],
        focus=cleaned["focus"],
        text=cleaned["text"],
        discussed=[UUID(key) for key in cleaned["discussed"]],
        summary=cleaned["summary"],
    )


def _session_page(
    request: HttpRequest, who: Person, chart: Chart, one: CoupleSession, **bound: Any
) -> HttpResponse:
    for voice in chart.voices:
        audit.viewed(who, subject=voice.person, couple=chart.couple, what="couple.progress")
    notes = list(
        ProgressNote.objects.select_related("author", "corrects").filter(session=one).order_by("recorded_at")
    )
    standing = {note.corrects_id for note in notes}
    taken = set(InsightDiscussed.objects.filter(session=one).values_list("version_id", flat=True))
    visible = [word for word in chart.words if word.brought.id in taken]
    newest = ProgressNote.objects.filter(couple=chart.couple).order_by("-recorded_at").first()
    like_last = {"modality": newest.modality, "stage": newest.stage} if newest else {"modality": Modality.EFT}
    context = {
        "chart": chart,
        "session": one,
        "notes": [note for note in notes if note.id not in standing],
        "earlier": [note for note in notes if note.id in standing],
        "taken": visible,
        "taken_back": len(taken) - len(visible),
        "summaries": SharedSummary.objects.filter(session=one).order_by("recorded_at"),
        "process": ProcessNote.objects.filter(session=one, author=who).order_by("recorded_at"),
        "exercises": [
            (given, title_of(given.exercise)) for given in chart.given if given.session_id == one.id
        ],
        "record": bound.get("record") or RecordForm(chart=chart, initial=like_last),
        "chosen": bound["record"].data.getlist("discussed") if "record" in bound else [],
        "move": bound.get("move")
        or PlanForm(initial={"at": one.at, "minutes": one.minutes, "place": one.place}),
        "process_form": bound.get("process_form") or TextForm(prefix="process"),
        "summary_form": bound.get("summary_form") or TextForm(prefix="summary"),
        "stages": [stage for stages in STAGES.values() for stage in stages],
        "has_begun": one.at <= timezone.now() + actions.EARLY,
        "is_held": one.state == CoupleSession.State.HELD,
        "is_planned": one.state == CoupleSession.State.PLANNED,
        "hold": actions.hold_on(who, chart.couple),
    }
    return render(request, "couple/session.html", context, status=_status(next(iter(bound.values()), None)))


@require_POST
def move(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """Another time or place."""
    who, pair = _couple(request, couple_id)
    one, form = _session(pair, session_id), PlanForm(request.POST)

    def act() -> CoupleSession:
        cleaned = {name: form.cleaned_data[name] for name in ("at", "minutes", "place")}
        return actions.move_session(by=who, session_id=one.id, **cleaned)

    if form.is_valid() and _try(form, act):
        messages.success(request, "Moved. Both see the new time.")
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    return _session_page(request, who, read(pair), one, move=form)


@require_POST
def cancel(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """Off the calendar."""
    who, pair = _couple(request, couple_id)
    one = _session(pair, session_id)
    try:
        actions.cancel_session(by=who, session_id=one.id)
        messages.success(request, "Cancelled.")
    except Refused as refused:
        messages.error(request, refused.reason)
    return redirect("couple", couple_id=pair.id)


@require_POST
def process(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """A process note: its author's alone."""
    who, pair = _couple(request, couple_id)
    one, form = _session(pair, session_id), TextForm(request.POST, prefix="process")
    if form.is_valid() and _try(
        form, lambda: actions.write_process_note(by=who, couple=pair, session_id=one.id, **form.cleaned_data)
    ):
        messages.success(request, "Kept, for you alone.")
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    return _session_page(request, who, read(pair), one, process_form=form)


@require_POST
def summary(request: HttpRequest, couple_id: UUID, session_id: UUID) -> HttpResponse:
    """A few sentences that stay with both."""
    who, pair = _couple(request, couple_id)
    one, form = _session(pair, session_id), TextForm(request.POST, prefix="summary")
    if form.is_valid() and _try(
        form, lambda: actions.write_summary(by=who, session_id=one.id, **form.cleaned_data)
    ):
        messages.success(request, "Both can read it now.")
        return redirect("couple_session", couple_id=pair.id, session_id=one.id)
    return _session_page(request, who, read(pair), one, summary_form=form)


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, couple_id: UUID, note_id: UUID) -> HttpResponse:
    """A new note in the place of an earlier one; both stay."""
    who, pair = _couple(request, couple_id)
    note = get_object_or_404(ProgressNote.objects.select_related("session"), id=note_id, couple=pair)
    kept = {"modality": note.modality, "stage": note.stage, "focus": note.focus, "text": note.text}
    form = CorrectionForm(request.POST or None, initial=kept)
    if (
        request.method == "POST"
        and form.is_valid()
        and _try(form, lambda: _correct(who, note, form.cleaned_data))
    ):
        messages.success(request, "Corrected. The earlier note stays beside it.")
        return redirect("couple_session", couple_id=pair.id, session_id=note.session_id)
    audit.viewed(who, couple=pair, what="couple.progress")
    stages = [stage for stages in STAGES.values() for stage in stages]
    context = {"chart": read(pair), "note": note, "form": form, "stages": stages}
    return render(request, "couple/correct.html", context, status=_status(form))


def _correct(who: Person, note: ProgressNote, cleaned: Mapping[str, Any]) -> ProgressNote:
    return actions.correct_note(
        by=who,
        note_id=note.id,
        modality=Modality(cleaned["modality"]),
        stage=cleaned["stage"],
        focus=cleaned["focus"],
        text=cleaned["text"],
        reason=cleaned["reason"],
    )


# ------------------------------------------------------------------------------------ exercises and agreement


@require_http_methods(["GET", "POST"])
def library(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The exercises, gain by gain; one tap gives one to both."""
    who, pair = _couple(request, couple_id)
    form = GiveForm(request.POST) if request.method == "POST" else None
    if form and form.is_valid() and _try(form, lambda: _give(who, pair, form)):
        messages.success(request, f"Given to both: {title_of(form.cleaned_data['code'])}.")
        return redirect("couple", couple_id=pair.id)
    audit.viewed(who, couple=pair, what="couple.shared")
    chart = read(pair)
    running = {given.exercise for given, _ in chart.open_promises}
    rows = [
        (one, form if form and form.data.get("code") == one.code else _fresh(one), one.code in running)
        for one in exercises()
    ]
    gains = {
        gain: [row for row in rows if row[0].gain == gain]
        for gain in dict.fromkeys(one.gain for one in exercises())
    }
    context = {"chart": chart, "gains": gains, "form": form, "hold": actions.hold_on(who, pair)}
    return render(request, "couple/library.html", context, status=_status(form))


def _fresh(one: Exercise) -> GiveForm:
    return GiveForm(initial={"code": one.code}, auto_id=f"id_{one.code}_%s")


def _give(who: Person, pair: Couple, form: GiveForm) -> Any:
    cleaned = form.cleaned_data
    return actions.give_exercise(
        by=who,
        couple=pair,
        code=cleaned["code"],
        words=cleaned["words"],
        until=form.until(),
        request_id=cleaned["request_id"],
    )


@require_POST
def end_exercise(request: HttpRequest, couple_id: UUID, given_id: UUID) -> HttpResponse:
    """From today it is no longer asked of them."""
    who, pair = _couple(request, couple_id)
    try:
        actions.end_exercise(by=who, given_id=given_id)
        messages.success(request, "Ended. What they did stays in the story.")
    except Refused as refused:
        messages.error(request, refused.reason)
    return redirect("couple", couple_id=pair.id)


@require_http_methods(["GET", "POST"])
def agreement(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """What happens with what one says alone: which agreement holds, what each would mean, a new one to
    propose.
    """
    who, pair = _couple(request, couple_id)
    chart = read(pair)
    newest = chart.agreements[0].version if chart.agreements else 0
    form = AgreementForm(request.POST or None, initial={"after": newest})
    if request.method == "POST" and form.is_valid():
        if (form.cleaned_data["after"] or 0) != newest:  # posted twice, or somebody else was first
            messages.success(request, "There is a newer version already. Here is how it stands.")
            return redirect("couple_agreement", couple_id=pair.id)
        if _try(
            form,
            lambda: propose_agreement(
                by=who, couple=pair, mode=DisclosureAgreement.Mode(form.cleaned_data["mode"])
            ),
        ):
            messages.success(request, "Put before both. It holds once both have signed.")
            return redirect("couple_agreement", couple_id=pair.id)
    audit.viewed(who, couple=pair, what="disclosure")
    texts = ConsentText.objects.filter(kind=ConsentText.Kind.DISCLOSURE).order_by("code", "-version")
    context = {
        "chart": chart,
        "form": form,
        "modes": [
            (mode, MEANS[mode.value], next((t for t in texts if t.code == mode.value), None))
            for mode in DisclosureAgreement.Mode
        ],
    }
    return render(request, "couple/agreement.html", context, status=_status(form))


urlpatterns: list[URLPattern] = [
    path("couples", couples, name="couples"),
    path("couples/<uuid:couple_id>", couple, name="couple"),
    path("couples/<uuid:couple_id>/for-both", for_both, name="couple_for_both"),
    path("couples/<uuid:couple_id>/plan", plan, name="couple_plan"),
    path("couples/<uuid:couple_id>/pause", pause, name="couple_pause"),
    path("couples/<uuid:couple_id>/exercises", library, name="couple_library"),
    path("couples/<uuid:couple_id>/exercises/<uuid:given_id>/end", end_exercise, name="couple_end_exercise"),
    path("couples/<uuid:couple_id>/agreement", agreement, name="couple_agreement"),
    path("couples/<uuid:couple_id>/sessions/<uuid:session_id>", session, name="couple_session"),
    path("couples/<uuid:couple_id>/sessions/<uuid:session_id>/move", move, name="couple_move"),
    path("couples/<uuid:couple_id>/sessions/<uuid:session_id>/cancel", cancel, name="couple_cancel"),
    path("couples/<uuid:couple_id>/sessions/<uuid:session_id>/process", process, name="couple_process"),
    path("couples/<uuid:couple_id>/sessions/<uuid:session_id>/summary", summary, name="couple_summary"),
    path("couples/<uuid:couple_id>/notes/<uuid:note_id>/correct", correct, name="couple_correct"),
]
