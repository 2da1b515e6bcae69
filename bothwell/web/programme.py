"""The form a drug's safety programme asks for after a session: filled in, signed, and marked as sent by the clinic.

It sends nothing itself, and answers nothing that a person must judge.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.monitoring import programme, programme_actions
from bothwell.monitoring.models import ProgrammeForm
from bothwell.monitoring.programme import Field, Form, Type
from bothwell.monitoring.programme_prefill import Prefilled
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale
from bothwell.web import on_paper
from bothwell.web.room_bed import Bed, bed_of

KIND = "dosing.flowsheet"
OK, UNUSABLE = 200, 422
State = ProgrammeForm.State


# ── the forms ─────────────────────────────────────────────────────────────────────────────────────────────


class Posted(forms.Form):
    """What every form here carries: made once, and from which saving."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    after = forms.IntegerField(widget=forms.HiddenInput, min_value=0)

    def __init__(self, data: Any = None, *, after: int = 0, **more: Any) -> None:
        super().__init__(data, initial={"request_id": uuid.uuid4(), "after": after, **more})


class Answers(Posted):
    """Every question of one form; a draft may leave any open, a signed one only what is not required."""

    form = forms.CharField(widget=forms.HiddenInput, max_length=40)
    signed_name = forms.CharField(label="Your name, to sign", max_length=120, required=False)

    def __init__(self, data: Any = None, *, asked: Form, answers: Mapping[str, str], after: int) -> None:
        named = {_name(one): answers.get(one.key, "") for one in asked.fields}
        super().__init__(data, after=after, form=asked.id, **named)
        self.asked = asked
        self.fields |= {_name(one): _control(one) for one in asked.fields}
        self.answers: dict[str, str] = {}

    def clean(self) -> dict[str, Any]:
        """Reads each answer; what cannot be read says why beside its question."""
        cleaned = super().clean() or {}
        for one in self.asked.fields:
            said = programme.read(one, cleaned.get(_name(one)) or "")
            self.answers[one.key] = said.value
            if said.trouble:
                self.add_error(_name(one), said.trouble)
        return cleaned


class Sent(Posted):
    """That the clinic sent it."""

    how = forms.ChoiceField(
        label="How it was sent",
        choices=[(each, each) for each in ("On the programme's site", "By fax", "By another system")],
        widget=forms.RadioSelect,
    )
    reference = forms.CharField(label="Reference or confirmation number", max_length=120, required=False)
    sent_at = forms.DateTimeField(
        label="When",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"],
    )


class Again(Posted):
    """Why a signed form is opened again."""

    reason = forms.CharField(
        label="Why it is opened again", max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )


def _name(one: Field) -> str:
    return f"answer-{one.key}"


def _control(one: Field) -> forms.Field:
    """A field that takes whatever was typed: `programme.read` says what it means."""
    match one.type:
        case Type.BOOL:
            return _choice(one, (("yes", "Yes"), ("no", "No")))
        case Type.CHOICE:
            return _choice(one, tuple((each, each.capitalize()) for each in one.choices))
    kinds = {Type.DATE: {"type": "date"}, Type.INT: {"inputmode": "numeric"},
             Type.TIME: {"placeholder": "14:05", "inputmode": "numeric"},
             Type.BP: {"placeholder": "128/80"}}  # fmt: skip
    attributes = {"autocomplete": "off", **kinds.get(one.type, {})}
    return forms.CharField(
        label=one.label, required=False, max_length=2000, widget=forms.TextInput(attrs=attributes)
    )


def _choice(one: Field, choices: tuple[tuple[str, str], ...]) -> forms.Field:
    found = forms.ChoiceField(label=one.label, required=False, choices=choices, widget=forms.RadioSelect)
    found.error_messages["invalid_choice"] = "Choose one of these."
    return found


# ── what a page shows ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Row:
    """One question as the page shows it: its control, where its answer comes from, whether it is missing."""

    asked: Field
    bound: forms.BoundField | None = None
    said: str = ""
    where: str = ""
    is_missing: bool = False
    only_if: str = ""


@dataclass(frozen=True)
class Group:
    """One section with its rows."""

    title: str
    words: str
    rows: tuple[Row, ...]


def shown(said: str, one: Field) -> str:
    """An answer in words, with its unit."""
    if said and one.type is Type.DATE:
        on = date.fromisoformat(said)
        return f"{on.day} {on:%b %Y}"
    words = {"yes": "Yes", "no": "No"}.get(said, said.capitalize() if one.type is Type.CHOICE else said)
    return f"{words} {one.unit}" if words and one.unit else words


def where_from(one: Field, said: str, known: Prefilled | None) -> str:
    """Where an answer comes from, or what the record says where a person said something else."""
    if known is None:
        return ""
    words = shown(known.value, one)
    if one.is_suggested:
        return f"{known.where}: {words}. You decide."
    if not said:
        return f"{known.where}: {words}."
    return f"{known.where}." if said == known.value else f"Changed by a person. {known.where}: {words}."


def _groups(asked: Form, answers: Mapping[str, str], known: Mapping[str, Prefilled],
            form: Answers | None = None, theirs: Mapping[str, str] | None = None) -> list[Group]:  # fmt: skip
    open_ = {one.key for one in programme.missing(asked, answers)}
    labels = {one.key: one for one in asked.fields}

    def row(one: Field) -> Row:
        said = answers.get(one.key, "")
        where = where_from(one, said, known.get(one.key))
        if theirs is not None and theirs.get(one.key, "") != said:
            where = f"Saved meanwhile by somebody else: {shown(theirs.get(one.key, ''), one) or 'nothing'}. {where}"
        only_if = f"Only if “{labels[one.when[0]].label}” is {one.when[1]}." if one.when else ""
        return Row(
            one, form[_name(one)] if form else None, shown(said, one), where, one.key in open_, only_if
        )

    return [
        Group(each.title, each.words, tuple(
            row(one) for one in each.fields if form is not None or programme.is_asked(one, answers)
        ))
        for each in asked.sections
    ]  # fmt: skip


def _clock(bed: Bed, asked: Form, last: ProgrammeForm | None) -> dict[str, Any]:
    """How long there is, in words."""
    if bed.session.ended_at is None:
        return {"left": "", "is_late": False, "due_at": None}
    due_at = asked.due_at(bed.session.ended_at)
    is_sent = last is not None and last.state == State.SENT
    return {
        "due_at": due_at,
        "left": "" if is_sent else programme.left(due_at, bed.side.now),
        "is_late": not is_sent and bed.side.now > due_at,
    }


def _of(request: HttpRequest, session_id: UUID) -> tuple[Bed, list[Form]]:
    """The bed and its forms, the newest first; 404 where no programme asks for one."""
    bed = bed_of(request, session_id)
    asked = programme_actions.forms_for(bed.session)
    if not asked:
        raise Http404
    return bed, asked


def _chosen(request: HttpRequest, asked: list[Form], last: ProgrammeForm | None) -> Form:
    """The version asked for, else the one in use, else the newest; a signed form keeps its own."""
    by_id = {form.id: form for form in asked}
    if last is not None and last.state != State.DRAFT:
        return programme.shipped()[last.form]
    wanted = request.POST.get("form") or request.GET.get("form") or (last.form if last else "")
    return by_id.get(wanted, asked[0])


# ── the pages ─────────────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def form(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The form of one session, as it stands."""
    bed, asked = _of(request, session_id)
    last = programme_actions.newest(bed.session)
    chosen = _chosen(request, asked, last)
    with timezone.override(bed.zone):
        if request.method == "POST":
            return _post(request, bed, asked, chosen, last)
        return _page(request, bed, asked, chosen, last)


def _post(
    request: HttpRequest, bed: Bed, asked: list[Form], chosen: Form, last: ProgrammeForm | None
) -> HttpResponse:
    match request.POST.get("do"):
        case "sent":
            return _small(request, bed, asked, chosen, last, "sent_form", Sent(request.POST))
        case "again":
            return _small(request, bed, asked, chosen, last, "again_form", Again(request.POST))
    return _answer(request, bed, asked, chosen, last)


def _answer(
    request: HttpRequest, bed: Bed, asked: list[Form], chosen: Form, last: ProgrammeForm | None
) -> HttpResponse:
    """Keep a draft, or sign; whatever is refused comes back with all that was typed."""
    typed = Answers(request.POST, asked=chosen, answers={}, after=0)
    if not typed.is_valid():
        trouble = "Some answers cannot be read. Nothing was lost; correct them and save again."
        return _page(request, bed, asked, chosen, last, typed=typed, trouble=trouble)
    said = typed.cleaned_data
    kept = {"by": bed.who, "session_id": bed.session.id, "form": chosen.id, "answers": typed.answers,
            "after": said["after"], "request_id": said["request_id"]}  # fmt: skip
    is_signing = request.POST.get("do") == "sign"
    try:
        if is_signing:
            programme_actions.sign(**kept, signed_name=said["signed_name"])
        else:
            programme_actions.save_draft(**kept)
    except Stale as stale:
        last = programme_actions.newest(bed.session)
        return _page(request, bed, asked, chosen, last, typed=typed, trouble=stale.reason, is_stale=True)
    except Refused as refused:
        return _page(request, bed, asked, chosen, last, typed=typed, trouble=refused.reason)
    messages.success(request, "Signed." if is_signing else "Saved as a draft.")
    return redirect("room-programme", bed.session.id)


def _small(
    request: HttpRequest, bed: Bed, asked: list[Form], chosen: Form, last: ProgrammeForm | None,
    name: str, typed: Posted,
) -> HttpResponse:  # fmt: skip
    """Mark as sent, or open again."""
    trouble = "Please look at what is marked."
    if typed.is_valid():
        said = typed.cleaned_data
        about: dict[str, Any] = {"by": bed.who, "session_id": bed.session.id} | said
        try:
            if name == "sent_form":
                programme_actions.mark_sent(**about)
            else:
                programme_actions.reopen(**about)
        except Refused as refused:
            trouble = refused.reason
        else:
            return redirect("room-programme", bed.session.id)
    return _page(request, bed, asked, chosen, last, trouble=trouble, small={name: typed})


def _page(
    request: HttpRequest, bed: Bed, asked: list[Form], chosen: Form, last: ProgrammeForm | None, *,
    typed: Answers | None = None, trouble: str = "", is_stale: bool = False,
    small: Mapping[str, Posted] | None = None,
) -> HttpResponse:  # fmt: skip
    facts = programme_actions.facts_of(bed.session, chosen)
    known = programme.answered(chosen, facts)
    number = last.number if last else 0
    answers = dict(last.answers) if last else {}
    # A version asks some things the one before did not: what the record answers of those stands there too.
    for key, value in programme.begin(chosen, facts).items():
        answers.setdefault(key, value)
    context: dict[str, Any] = {
        "bed": bed, "side": bed.side, "asked": chosen, "versions": asked, "last": last, "trouble": trouble,
        "states": programme_actions.states_of(bed.session), **_clock(bed, chosen, last),
    }  # fmt: skip
    if last is None or last.state == State.DRAFT:
        if typed is not None:
            answers = {**typed.answers}
        theirs = last.answers if is_stale and last else None
        written = _rebound(typed, chosen, number) if is_stale and typed is not None else typed
        form = written or Answers(asked=chosen, answers=answers, after=number)
        context |= {"form": form, "groups": _groups(chosen, answers, known, form, theirs),
                    "missing": programme.missing(chosen, answers)}  # fmt: skip
    else:
        context |= {"groups": _groups(chosen, last.answers, known),
                    "sent_form": Sent(after=number, sent_at=timezone.localtime()),
                    "again_form": Again(after=number), **(small or {})}  # fmt: skip
    audit.viewed(bed.who, subject=bed.session.subject_id, what=KIND)
    return render(request, "programme/page.html", context, status=UNUSABLE if trouble else OK)


def _rebound(typed: Answers, chosen: Form, number: int) -> Answers:
    """What was typed, now after the saving somebody else made in between."""
    data: Any = {**typed.data.dict(), "after": str(number), "request_id": str(uuid.uuid4())}  # type: ignore[attr-defined]
    found = Answers(data, asked=chosen, answers={}, after=number)
    found.is_valid()
    return found


@require_GET
def form_pdf(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The form as it was saved last, on paper."""
    bed, asked = _of(request, session_id)
    last = programme_actions.newest(bed.session)
    if last is None:
        messages.error(request, "Save the form first; then it can be printed.")
        return redirect("room-programme", session_id)
    chosen = programme.shipped().get(last.form, asked[0])
    with timezone.override(bed.zone):
        page = render_to_string(
            "programme/paper.html",
            {"bed": bed, "asked": chosen, "last": last, "groups": _groups(chosen, last.answers, {}),
             "missing": [] if last.state != State.DRAFT else programme.missing(chosen, last.answers),
             "lines": list(_history(bed)), **_clock(bed, chosen, last), "made_at": bed.side.now},
        )  # fmt: skip
    return paper(request, bed, page, "form.pdf", "room-programme")


def _history(bed: Bed) -> Iterator[str]:
    for row in programme_actions.states_of(bed.session):
        at = timezone.localtime(row.recorded_at)
        name = row.author.signs_as if row.author else ""
        yield f"{at.day} {at:%b %Y, %H:%M}: {row.get_state_display()}, {name}{f' ({row.reason})' if row.reason else ''}"


def paper(request: HttpRequest, bed: Bed, page: str, name: str, back: str) -> HttpResponse:
    """The page as a file, logged as printed; or back with a word where this machine cannot make one."""
    answer = on_paper.hand_out(request, name, reverse(back, args=[bed.session.id]), lambda _: page)
    if answer.status_code == OK:
        audit.viewed(bed.who, subject=bed.session.subject_id, what=KIND)
        audit.log(
            "printed", by=bed.who, subject=bed.session.subject_id, item_kind=KIND, item_id=bed.session.id
        )
    return answer


_ROOM = "room/<uuid:session_id>/programme"
urlpatterns: list[URLPattern] = [
    path(_ROOM, form, name="room-programme"),
    path(f"{_ROOM}/pdf", form_pdf, name="room-programme-pdf"),
]
