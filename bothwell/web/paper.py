"""Answers given on paper or aloud, copied in by a clinician: the whole form on one page, digit by digit.

Who copies sees the score only where they may read it anyway. The screen about home has its own page elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Membership, Person, PersonKind
from bothwell.instruments import actions, safety_actions, shelf
from bothwell.instruments.answering import is_taken
from bothwell.instruments.catalogue import NoSuchInstrument
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Kind, Request, Response, SafetyFlag
from bothwell.integration.insights import listed
from bothwell.pathway.rights_actions import roles_towards
from bothwell.privacy.circles import WRITES
from bothwell.refusal import Refused
from bothwell.web.asking import not_ones_own, require
from bothwell.web.checkin_form import Shown, shown
from bothwell.web.people import Frame, frame_of

LOCAL: Final = "%Y-%m-%dT%H:%M"
HERE: Final = "answers on paper"
NOTHING: Final = "Nothing is filled in."
COPIED: Final = "copied"
COPIED_KEPT: Final = 20


class PaperForm(forms.Form):
    """When and how it was answered; the answers themselves are read by `_given`."""

    answered_at = forms.DateTimeField(
        label="Answered, day and time",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL),
        error_messages={"invalid": "A day and a time, please.", "required": "When was it answered?"},
    )
    entered_as = forms.ChoiceField(
        label="How it was answered",
        choices=[
            (Response.EnteredAs.PAPER, "on paper"),
            (Response.EnteredAs.SPOKEN, "aloud"),
            (Response.EnteredAs.HANDED_OVER, "on a device handed over"),
        ],
    )
    wave = forms.ChoiceField(label="Answers what was asked for", required=False)
    request_id = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *given: Any, waves: list[tuple[str, str]], **named: Any) -> None:
        super().__init__(*given, **named)
        self.fields["wave"].choices = [*waves, ("", "nothing in particular")]  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Line:
    """One question of the form with what was given, and what is wrong with it."""

    shown: Shown
    keys: list[tuple[str, str, str]]
    answer: str
    trouble: str


@dataclass(frozen=True)
class Copied:
    """What was copied: the row and its totals for who may read it, and whether it raised a task that is still open."""

    response: Response | None
    totals: list[tuple[str, str, str]]
    answered_at: datetime | None
    is_raised: bool
    may_see_task: bool


def _opened(request: HttpRequest, person_id: UUID) -> tuple[Person, Frame]:
    """The clinician and the frame of a person whose answers they may enter; 404 for anyone else, and no trace."""
    by = require(request)
    person = get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    not_ones_own(by, person=person.id)
    if not may_enter(by, person):
        raise Http404
    return frame_of(request, person_id, HERE)


def may_enter(by: Person, person: Person) -> bool:
    """Whether a clinician may enter answers for this person, by the table of who writes what."""
    member = Membership.objects.filter(person=person, until__isnull=True).first()
    roles = roles_towards(by, person.id, member.couple_id if member else None)
    return bool({str(role) for role in roles} & {str(who) for who in WRITES["measure.entered"]})


def _instrument(by: Person, instrument_id: str) -> Instrument:
    try:
        found = shelf.find(by.clinic_id, instrument_id)
    except NoSuchInstrument as none:
        raise Http404 from none
    if found.kind.value == Kind.VIOLENCE:
        raise Http404
    return found


@require_GET
def papers(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """Which form is it? Those that were asked for come first."""
    by, frame = _opened(request, person_id)
    usable = [each for each in shelf.usable(by.clinic_id) if each.kind.value != Kind.VIOLENCE]
    waiting = set(_unanswered(frame.person).values_list("instrument", flat=True))
    context = {
        "frame": frame,
        "asked": [each for each in usable if each.id in waiting],
        "others": [each for each in usable if each.id not in waiting],
    }
    return render(request, "paper/choose.html", context)


def _unanswered(person: Person, **more: Any) -> Any:
    """What was asked of this person and is not answered, as far as the viewer may see."""
    return (
        Request.objects.filter(subject=person, **more)
        .exclude(response__status=Response.Status.SENT)
        .exclude(kind=Kind.VIOLENCE)
        .order_by("-due_at")
    )


@require_http_methods(["GET", "POST"])
def paper(request: HttpRequest, person_id: UUID, instrument_id: str) -> HttpResponse:
    """The whole form; once kept, on to the page that says so."""
    by, frame = _opened(request, person_id)
    instrument = _instrument(by, instrument_id)
    waves = _waves(frame.person, instrument, answered_too=request.method == "POST")
    if request.method == "GET":
        at = timezone.localtime().strftime(LOCAL)
        first = {"answered_at": at, "request_id": uuid4(), "wave": waves[0][0] if waves else ""}
        form = PaperForm(initial=first, waves=waves)
        return _page(request, frame, instrument, form, {})
    form, given = PaperForm(request.POST, waves=waves), _given(request, instrument)
    if not form.is_valid() or _troubles(instrument, given):
        return _page(request, frame, instrument, form, given, status=422)
    if not any(given.values()):
        return _page(request, frame, instrument, form, given, trouble=NOTHING, status=422)
    try:
        entered = actions.enter_on_behalf(
            by=by,
            subject=frame.person,
            instrument_id=instrument.id,
            wave=form.cleaned_data["wave"] or f"{form.cleaned_data['answered_at']:%Y-%m-%d}",
            answers={link_id: answer or None for link_id, answer in given.items()},
            answered_at=form.cleaned_data["answered_at"],
            entered_as=form.cleaned_data["entered_as"],
            request_id=form.cleaned_data["request_id"],
        )
    except Refused as refused:
        return _page(request, frame, instrument, form, given, trouble=refused.reason, status=422)
    _note(request, entered)
    return redirect("person_paper_kept", frame.person.id, instrument.id, entered.id)


def _note(request: HttpRequest, entered: Response) -> None:
    """Remember in this login what its page may say to who cannot read the row: the time, and that a task was raised."""
    notes = dict(request.session.get(COPIED, {}))
    raised = bool(set(entered.flags) & {safety_actions.SUICIDE, safety_actions.ACUTE})
    at = entered.sent_at.isoformat() if entered.sent_at else ""
    note = {"of": _of(entered.subject_id, entered.instrument), "at": at, "raised": raised}
    notes.setdefault(str(entered.id), note)  # the same form sent again changes nothing, nor does its note
    request.session[COPIED] = dict(list(notes.items())[-COPIED_KEPT:])


def _of(person_id: UUID | None, instrument_id: str) -> str:
    return f"{person_id}/{instrument_id}"


@require_GET
def kept(request: HttpRequest, person_id: UUID, instrument_id: str, response_id: UUID) -> HttpResponse:
    """What was kept, for whom and when; the total for who may read it; first of all, a task that it raised."""
    by, frame = _opened(request, person_id)
    instrument = _instrument(by, instrument_id)
    copied = _copied(request, frame, instrument, response_id)
    return render(request, "paper/kept.html", {"frame": frame, "instrument": instrument, "copied": copied})


def _waves(person: Person, instrument: Instrument, *, answered_too: bool) -> list[tuple[str, str]]:
    """The occasions it was asked for; when a form comes back, those answered since as well: it may come twice."""
    asked = Request.objects.filter(subject=person, instrument=instrument.id).exclude(kind=Kind.VIOLENCE)
    done: set[str] = set()
    if not answered_too:
        sent = Response.objects.filter(subject=person, instrument=instrument.id, status=Response.Status.SENT)
        done = set(sent.values_list("wave", flat=True))
    return [
        (wave, f"{wave}, due {timezone.localtime(due):%-d %b %Y}")
        for wave, due in asked.order_by("-due_at").values_list("wave", "due_at")
        if wave not in done
    ]


def _given(request: HttpRequest, instrument: Instrument) -> dict[str, str]:
    """The answers by item, as they were typed; empty where the paper was."""
    return {
        item.link_id: request.POST.get(f"q{number}", "").strip()
        for number, item in enumerate(instrument.items, 1)
    }


def _troubles(instrument: Instrument, given: Mapping[str, str]) -> dict[str, str]:
    """What does not fit, by item, in words."""
    return {
        each.item.link_id: f"Not an answer to this question. {each.bounds}." if each.look in ("number", "line")
        else "Not an answer to this question."
        for each in shown(instrument)
        if (answer := given.get(each.item.link_id)) and not is_taken(each.item, answer, settings.LONGEST_TEXT)
    }  # fmt: skip


def _lines(instrument: Instrument, given: Mapping[str, str]) -> list[Line]:
    troubles = _troubles(instrument, given)
    return [
        Line(each, _keys(each), given.get(each.item.link_id, ""), troubles.get(each.item.link_id, ""))
        for each in shown(instrument)
    ]


def _keys(each: Shown) -> list[tuple[str, str, str]]:
    """Code, words and digit of each answer: the number printed beside it, or its place where there is none."""
    options = each.item.options
    points = [option.points for option in options]
    printed = len(set(points)) == len(points) and all(p == int(p) and 0 <= p <= 9 for p in points)
    is_scale = each.item.type == "choice"
    return [
        (option.code, option.text, str(int(option.points)) if printed and is_scale else str(place))
        for place, option in enumerate(options, 1)
    ]


def _copied(request: HttpRequest, frame: Frame, instrument: Instrument, key: UUID) -> Copied:
    """What the viewer may know of what was copied; 404 when they neither copied it lately nor may read it."""
    rows = Response.objects.select_related("author").filter(
        id=key, subject=frame.person, instrument=instrument.id
    )
    response = rows.exclude(entered_as=Response.EnteredAs.SELF).first()
    note = request.session.get(COPIED, {}).get(str(key), {})
    if note.get("of") != _of(frame.person.id, instrument.id):
        note = {}
    if response is None and not note:
        raise Http404
    flag = SafetyFlag.objects.select_related("closed").filter(response=key, subject=frame.person).first()
    is_open = not hasattr(flag, "closed") if flag else bool(note.get("raised"))
    at = response.sent_at if response else datetime.fromisoformat(note["at"])
    return Copied(response, _totals(instrument, response), at, is_open, flag is not None)


def _totals(instrument: Instrument, response: Response | None) -> list[tuple[str, str, str]]:
    return [
        (scale.title, str(total), f"{scale.least:f}–{scale.most:f}")
        for scale in instrument.scales
        if response and (total := response.scores.get(scale.id)) is not None
    ]


def _page(
    request: HttpRequest,
    frame: Frame,
    instrument: Instrument,
    form: PaperForm,
    given: Mapping[str, str],
    *,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    lines = _lines(instrument, given)
    wrong = [str(line.shown.number) for line in lines if line.trouble]
    context = {
        "frame": frame,
        "instrument": instrument,
        "form": form,
        "lines": lines,
        "trouble": trouble or (f"Look again at question {listed(wrong)}." if wrong else ""),
    }
    return render(request, "paper/page.html", context, status=status)


urlpatterns: list[URLPattern] = [
    path("people/<uuid:person_id>/paper", papers, name="person_papers"),
    path("people/<uuid:person_id>/paper/<slug:instrument_id>", paper, name="person_paper"),
    path(
        "people/<uuid:person_id>/paper/<slug:instrument_id>/<uuid:response_id>",
        kept,
        name="person_paper_kept",
    ),
]
