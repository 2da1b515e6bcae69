"""The office's side of a course: has the referral come in, may the evaluation begin, and when are the sessions?

It shows times and rooms, and nothing of a chart: not where the course stands, not by which route, no answer and no order.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Role
from bothwell.dosing import spacing_actions, visit_actions
from bothwell.dosing.models import DosingSession
from bothwell.pathway import office_actions
from bothwell.pathway.office_actions import Standing
from bothwell.refusal import Refused, Stale
from bothwell.web.asking import require, told
from bothwell.web.people import Frame, frame_of
from bothwell.web.workup_forms import ScheduleForm

HERE = "course"


class BeginForm(forms.Form):
    """A course for somebody who has none."""

    why = forms.CharField(
        label="Who asked for it, and why",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="In a sentence. The person and their care team can read it.",
        error_messages={"required": "Write who asked for it, and why, in a sentence."},
    )


class EvaluationForm(forms.Form):
    """The referral, and what is true before an evaluation begins."""

    why = forms.CharField(
        label="Who referred them, and why",
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Also when nobody did: “Asked for it themselves, because …”. The person and their care team can read "
        "it; write nothing that one of the two told you about the other.",
        error_messages={"required": "Write who referred them, and why, in a sentence."},
    )
    attested = forms.MultipleChoiceField(
        label="Tick what is done: the evaluation begins when each is",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Tick each of these once it is done."},
    )
    steps_seen = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=100_000)

    def __init__(self, data: Any = None, *, standing: Standing | None) -> None:
        super().__init__(data, initial={"steps_seen": standing and standing.steps_seen})
        if standing is None:
            del self.fields["attested"]
        else:
            gates = office_actions.referral_gates(standing.course)
            self.fields["attested"].choices = list(gates.items())  # type: ignore[attr-defined]

    def clean_attested(self) -> list[str]:
        """All of them: none can be left open, so what is open is not listed a second time."""
        ticked: list[str] = self.cleaned_data["attested"]
        if len(ticked) < len(self.fields["attested"].choices):  # type: ignore[attr-defined]
            raise forms.ValidationError("Tick what is left once it is done: the evaluation waits for it.")
        return ticked

    def look_again(self, standing: Standing) -> None:
        """Shown again beside where the course stands now: sent once more, it speaks of that."""
        typed: Any = self.data
        self.data = typed.copy()
        self.data["steps_seen"] = standing.steps_seen  # type: ignore[index]


class CancelForm(forms.Form):
    """Which session."""

    session = forms.UUIDField()


def _begin(by: Any, frame: Frame, form: forms.Form) -> str:
    why = form.cleaned_data["why"].strip()
    office_actions.begin_course(by=by, subject=frame.person, couple=frame.couple, why=why)
    return "Their course has begun; it waits at the referral."


def _evaluation(by: Any, frame: Frame, form: forms.Form) -> str:
    given = {"attested": (), **form.cleaned_data}
    return office_actions.begin_evaluation(by=by, subject_id=frame.person.id, **given)


def _schedule(by: Any, frame: Frame, form: forms.Form) -> str:
    if form.cleaned_data["at"] < timezone.now():
        raise Refused("This time lies in the past. Choose a later one.")
    standing = office_actions.standing_of(by, frame.person.id)
    if standing is None or not standing.takes_sessions:
        raise Refused("No session can be planned in this course now. Ask the prescriber.")
    planned = visit_actions.schedule(by=by, course=standing.course, **form.cleaned_data)
    near = spacing_actions.near(standing.course, planned)
    return f"Scheduled. The person and their care team see the time. {near}".strip()


def _cancel(by: Any, frame: Frame, form: forms.Form) -> str:
    session = DosingSession.objects.filter(id=form.cleaned_data["session"], subject=frame.person).first()
    if session is None:
        raise Refused("There is no such session.")
    visit_actions.cancel(by=by, session_id=session.id)
    return "Cancelled."


ACTS: dict[str, Callable[[Any, Frame, Any], str]] = {
    "begin": _begin,
    "evaluation": _evaluation,
    "schedule": _schedule,
    "cancel": _cancel,
}


@require_http_methods(["GET", "POST"])
def course(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """The page; a post names one of `ACTS` as `do`. What was refused stands above its form, with what was typed."""
    require(request, Role.COORDINATOR)
    by, frame = frame_of(request, person_id, HERE)
    standing = office_actions.standing_of(by, frame.person.id)
    if request.method == "GET":
        return _page(request, frame, standing, {})
    do = request.POST.get("do", "")
    if do not in ACTS:
        raise Http404
    form = _form(do, standing, request.POST)
    assert form is not None, "what was sent has its form, whether it has its place or not"
    if not form.is_valid():
        return _page(request, frame, standing, {do: form}, 422)
    try:
        messages.success(request, ACTS[do](by, frame, form))
    except Refused as refused:
        if do == "cancel":
            messages.error(request, refused.reason)
            return redirect("person_course", person_id=person_id)
        told(form, refused)
        standing = office_actions.standing_of(by, frame.person.id)
        if isinstance(form, EvaluationForm) and standing and standing.is_referral:
            form.look_again(standing)
        return _page(request, frame, standing, {do: form}, 409 if isinstance(refused, Stale) else 422)
    return redirect("person_course", person_id=person_id)


def _form(do: str, standing: Standing | None, data: Any = None) -> forms.Form | None:
    """The form of this name: with what was sent, or else as far as the page has a place for it."""
    if data is None and not _has_place(do, standing):
        return None
    match do:
        case "begin":
            return BeginForm(data, auto_id="begin_%s")
        case "evaluation":
            return EvaluationForm(data, standing=standing)
        case "schedule":
            return ScheduleForm(data, auto_id="schedule_%s")
        case "cancel":
            return CancelForm(data)
        case _:
            return None


def _has_place(do: str, standing: Standing | None) -> bool:
    """Whether the page as it stands now has this form."""
    match do:
        case "begin":
            return standing is None
        case "evaluation":
            return standing is not None and standing.is_referral
        case "schedule":
            return standing is not None and standing.takes_sessions
        case _:
            return True


def _page(
    request: HttpRequest,
    frame: Frame,
    standing: Standing | None,
    bound: dict[str, forms.Form],
    status: int = 200,
) -> HttpResponse:
    sessions = DosingSession.objects.filter(subject=frame.person).select_related("room")
    context = {
        "frame": frame,
        "standing": standing,
        "sessions": [(row, _where_it_stands(row)) for row in sessions.order_by("-scheduled_at")],
        "forms": {
            name: bound.get(name) or _form(name, standing) for name in ("begin", "evaluation", "schedule")
        },
        "unkept": {do: form for do, form in bound.items() if not _has_place(do, standing)},
    }
    return render(request, "people/course.html", context, status=status)


def _where_it_stands(session: DosingSession) -> str:
    """In the office's words; how a session went is not the office's."""
    if session.outcome == "cancelled":
        return "cancelled"
    if session.ended_at or session.outcome:
        return "over"
    return "here now" if session.arrived_at else "planned"


urlpatterns: list[URLPattern] = [path("people/<uuid:person_id>/course", course, name="person_course")]
