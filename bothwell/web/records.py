"""A copy of one's record: asked for by a partner, answered by the clinic, fetched by the one who asked, written down.

A copy is read with the eyes of whoever it is for. The whole record of a couple leaves only with two signatures.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Final
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Couple, Membership, Person, PersonKind, Role
from bothwell.privacy import audit
from bothwell.privacy.actions import couple_of
from bothwell.records import document, export_actions, hold_actions, parting_actions, request_actions, rights
from bothwell.records.contents import Scope
from bothwell.records.models import (
    Disclosure,
    JointRequest,
    LegalHold,
    PartingRequest,
    RecordAnswer,
    RecordRequest,
)
from bothwell.refusal import Refused, Stale
from bothwell.web import press, record_shown
from bothwell.web.asking import not_ones_own, require, require_partner, told, viewer
from bothwell.web.nav import roles_of
from bothwell.web.people import RUNS_THE_CLINIC, frame_of

FORMS: Final = {"pdf": ("notes.pdf", "application/pdf"), "json": ("notes.json", "application/json")}
"""Names that say nothing to whoever sees a list of downloads."""
NO_PDF: Final = "No PDF can be made here yet. The file for computers can be fetched."
MINE: Final = {"own": "My own record", "couple": "My own record, and my part of what is ours"}
THEIRS: Final = {
    "own": "Their own record",
    "couple": "Their own record, and their part of the couple’s chart",
}
HERE: Final = "what was given"


# ── a partner: one's own copy ─────────────────────────────────────────────────────────────────────────────


class AskForm(forms.Form):
    """What the copy should hold."""

    scope = forms.ChoiceField(
        label="What should it hold?",
        widget=forms.RadioSelect,
        choices=list(MINE.items()),
        error_messages={"required": "Choose one of the two."},
    )
    words = forms.CharField(
        label="Anything the clinic should know",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="The clinic lead and the coordinator read it.",
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


@require_http_methods(["GET", "POST"])
def my_copy(request: HttpRequest) -> HttpResponse:
    """What I asked for and how it stands; asking; what has been given of my record to whom."""
    who = require_partner(request)
    form = AskForm(request.POST if request.method == "POST" else None, initial={"request_id": uuid4()})
    if form.is_bound and form.is_valid():
        try:
            request_actions.ask_for_copy(by=who, **form.cleaned_data)
        except Refused as no:
            told(form, no)
        else:
            messages.success(request, "Asked. The clinic answers here.")
            return redirect("my_copy")
    asked = _mine(who)
    context = {
        "form": form,
        "asked": asked,
        "waits": any(one["standing"].is_open for one in asked),
        "answer_days": rights.rights().answer_within.days,
        "given": _given(who),
        "joint": [_joint_shown(who, one) for one in _joint_of(who)],
        "has_couple": Membership.objects.filter(person=who).exists(),
    }
    return render(request, "records/mine.html", context, status=422 if form.errors else 200)


def _mine(who: Person) -> list[dict[str, Any]]:
    today = request_actions.local_day(who)
    rows = RecordRequest.objects.filter(subject=who).select_related("clinic").order_by("-recorded_at")[:10]
    return [_stands(row, now, today) for row, now in request_actions.standings(rows)]


def _stands(row: RecordRequest, now: rights.Standing, today: date) -> dict[str, Any]:
    """A request as its page shows it."""
    last = RecordAnswer.objects.filter(request=row).select_related("author").order_by("-recorded_at").first()
    return {
        "row": row,
        "mine": MINE[row.scope],
        "theirs": THEIRS[row.scope],
        "standing": now,
        "last": last,
        "ground": _ground(last.ground) if last and last.ground else None,
        "is_late": now.is_late(today),
        "can_be_fetched": now.can_be_fetched(today),
    }


def _ground(code: str) -> rights.Ground | None:
    return next((one for one in rights.grounds() if one.code == code), None)


def _given(who: Person) -> list[dict[str, Any]]:
    rows = Disclosure.objects.filter(subject=who).select_related("author").order_by("-at", "-id")[:50]
    return [{"row": row, "ground": rights.ground_words(row.ground)} for row in rows]


@require_POST
def my_copy_file(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """The file, made now and as one sees the record now; that it was fetched is written down."""
    who = require_partner(request)
    form = request.POST.get("form", "pdf")
    if form not in FORMS:
        raise Http404
    try:
        asked = export_actions.fetchable(who, asked_id)
    except Refused as no:
        if not RecordRequest.objects.filter(id=asked_id, subject=who).exists():
            raise Http404 from no
        messages.error(request, no.reason)
        return redirect("my_copy")
    copy = export_actions.copy_for(who, Scope(asked.scope))

    def write_down(file: bytes) -> None:
        export_actions.give_own(
            by=who, asked_id=asked.id, file=file, form=form.upper(), left_out=copy.left_out
        )

    return _file(request, copy, form, write_down, "my_copy")


def _file(
    request: HttpRequest,
    copy: document.Record,
    form: str,
    write_down: Callable[[bytes], None],
    back: str,
    *on: UUID,
) -> HttpResponse:
    """The file, and the line that it was given; for long paper, first a page that asks for patience."""
    made: bytes | None
    try:
        made = _paper(request, copy) if form == "pdf" else document.to_json(copy)
    except OSError:  # a library of the system is missing: docs/running.md
        messages.error(request, NO_PDF)
        return redirect(back, *on)
    if made is None:
        return render(request, "records/printing.html", {"back": reverse(back, args=on)}, status=202)
    write_down(made)
    name, kind = FORMS[form]
    answer = HttpResponse(made, content_type=kind)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _paper(request: HttpRequest, copy: document.Record) -> bytes | None:
    who = viewer(request)
    return press.paper(who.id, record_shown.page(copy, who.clinic))


# ── the two: the couple's whole record ────────────────────────────────────────────────────────────────────


class BothForm(forms.Form):
    """To whom the couple's whole record should go, and the first signature."""

    recipient = forms.CharField(
        label="To whom should it go?",
        max_length=200,
        error_messages={"required": "Say to whom."},
        help_text="A person or an office by name. Your partner reads this before signing.",
    )
    purpose = forms.CharField(
        label="What for?",
        max_length=300,
        error_messages={"required": "Say what for."},
        help_text="In a sentence. Your partner reads this too.",
    )
    signed_name = forms.CharField(
        label="Your name, to sign", max_length=120, error_messages={"required": "Type your name to sign."}
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput)


class SignForm(forms.Form):
    """Yes or no, in one's own name."""

    answer = forms.ChoiceField(
        label="May it be given?",
        widget=forms.RadioSelect,
        choices=[("yes", "Yes, it may be given"), ("no", "No")],
        error_messages={"required": "Choose yes or no."},
    )
    signed_name = forms.CharField(
        label="Your name, to sign", max_length=120, error_messages={"required": "Type your name to sign."}
    )


def _joint_of(who: Person) -> list[JointRequest]:
    """Joint requests of one's couples."""
    mine = Membership.objects.filter(person=who).values("couple")
    rows = JointRequest.objects.filter(couple__in=mine)
    return list(
        rows.select_related("author", "couple", "clinic")
        .prefetch_related("signatures")
        .order_by("-recorded_at")
    )


def _joint_shown(who: Person, row: JointRequest) -> dict[str, Any]:
    """How it stands for whoever looks. What the other answered, or took back, is theirs to tell: nothing here hangs on it."""
    mine = next((one for one in row.signatures.all() if one.author_id == who.id), None)
    return {
        "row": row,
        "mine": mine,
        "by_me": row.author_id == who.id,
        "until": request_actions.stands_until(row),
        "has_lapsed": request_actions.has_lapsed(row),
    }


@require_http_methods(["GET", "POST"])
def copy_for_both(request: HttpRequest) -> HttpResponse:
    """Ask that the couple's whole record go to somebody, and sign first."""
    who = require_partner(request)
    couple = couple_of(who) or _last_couple(who)
    if couple is None:
        raise Http404
    form = BothForm(request.POST if request.method == "POST" else None, initial={"request_id": uuid4()})
    if form.is_bound and form.is_valid():
        try:
            request_actions.ask_for_both(by=who, couple=couple, **form.cleaned_data)
        except Refused as no:
            told(form, no)
        else:
            messages.success(request, "Signed. The other of you can read it and answer.")
            return redirect("my_copy")
    return render(request, "records/both.html", {"form": form}, status=422 if form.errors else 200)


def _last_couple(who: Person) -> Couple | None:
    last = (
        Membership.objects.filter(person=who).select_related("couple").order_by("-couple__formed_at").first()
    )
    return last.couple if last else None


@require_http_methods(["GET", "POST"])
def copy_for_both_sign(request: HttpRequest, joint_id: UUID) -> HttpResponse:
    """Read what is asked, and say yes or no."""
    who = require_partner(request)
    row = next((one for one in _joint_of(who) if one.id == joint_id), None)
    if row is None:
        raise Http404
    if request.method == "POST" and request.POST.get("do") == "take_back":
        return _taken_back(request, who, row)
    form = SignForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        is_yes = form.cleaned_data["answer"] == "yes"
        try:
            request_actions.sign_for_both(
                by=who, joint_id=row.id, is_yes=is_yes, signed_name=form.cleaned_data["signed_name"]
            )
        except Refused as no:
            told(form, no)
        else:
            messages.success(request, "Signed." if is_yes else "Kept: it is not given.")
            return redirect("my_copy")
    context = {"form": form, **_joint_shown(who, row)}
    return render(request, "records/sign.html", context, status=422 if form.errors else 200)


def _taken_back(request: HttpRequest, who: Person, row: JointRequest) -> HttpResponse:
    try:
        request_actions.take_back_yes(by=who, joint_id=row.id)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, "Taken back. It is not given on this request any more.")
    return redirect("copy_for_both_sign", row.id)


# ── the clinic ────────────────────────────────────────────────────────────────────────────────────────────


@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    """Everything asked of the clinic that waits for an answer, the most urgent first."""
    who = require(request, *RUNS_THE_CLINIC, Role.COUPLES_THERAPIST)
    runs = bool(roles_of(who) & RUNS_THE_CLINIC)
    partings = _open_partings(who).select_related("subject", "couple")
    context = {
        "runs": runs,
        "is_lead": Role.LEAD in roles_of(who),
        "partings": list(partings),
        "copies": _open_copies(who) if runs else [],
        "joint": _open_joint(who) if runs else [],
    }
    audit.viewed(who, what="requests")
    return render(request, "records/requests.html", context)


def _open_partings(who: Person) -> QuerySet[PartingRequest]:
    """Those that staff see as staff: nothing of a life of their own."""
    own = Membership.objects.filter(person=who).values("couple")
    return parting_actions.waiting().exclude(couple__in=own)


def _open_copies(who: Person) -> list[dict[str, Any]]:
    today = request_actions.local_day(who)
    rows = (
        RecordRequest.objects.exclude(subject=who)
        .select_related("subject", "clinic")
        .order_by("due_on", "recorded_at")
    )
    found = [
        {"row": row, "theirs": THEIRS[row.scope], "standing": now, "is_late": now.is_late(today)}
        for row, now in request_actions.standings(rows)
        if now.is_open
    ]
    return sorted(found, key=lambda one: one["standing"].due_on)


def _open_joint(who: Person) -> list[dict[str, Any]]:
    own = Membership.objects.filter(person=who).values("couple")
    rows = (
        JointRequest.objects.exclude(couple__in=own)
        .select_related("author", "couple", "clinic")
        .prefetch_related("signatures")
    )
    found = []
    for row in rows.order_by("-recorded_at")[:50]:
        no = any(not one.is_yes or one.withdrawn_at for one in row.signatures.all())
        found.append(
            {"row": row, "both": request_actions.both_signed(row), "no": no}
            | {"has_lapsed": request_actions.has_lapsed(row)}
        )
    return found


def waiting_for(who: Person) -> int:
    """How many requests wait for whoever runs the clinic or treats the couple."""
    roles = roles_of(who)
    if not roles & {*RUNS_THE_CLINIC, Role.COUPLES_THERAPIST}:
        return 0
    return _open_partings(who).count() + (len(_open_copies(who)) if roles & RUNS_THE_CLINIC else 0)


class AnswerForm(forms.Form):
    """Give, prolong or refuse."""

    kind = forms.ChoiceField(
        label="What do you answer?",
        widget=forms.RadioSelect,
        choices=[
            (rights.Kind.GIVEN.value, "They can fetch their copy"),
            (rights.Kind.PROLONGED.value, "It takes longer"),
            (rights.Kind.REFUSED.value, "It is refused"),
        ],
        error_messages={"required": "Choose an answer."},
    )
    ground = forms.ChoiceField(label="On which ground it is refused", required=False)
    words = forms.CharField(
        label="The reason, for them to read",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Needed where it takes longer or is refused: what, why, and whom to ask to look again.",
    )

    def __init__(self, data: Any = None, **kept: Any) -> None:
        super().__init__(data, **kept)
        self.fields["ground"].choices = [("", "not refused")] + [  # type: ignore[attr-defined]
            (one.code, f"{one.title} ({one.source})") for one in rights.grounds_to(rights.Use.REFUSE)
        ]


@require_http_methods(["GET", "POST"])
def copy_answer(request: HttpRequest, asked_id: UUID) -> HttpResponse:
    """One request for a copy, and the clinic's answer."""
    who = require(request, *RUNS_THE_CLINIC)
    asked = get_object_or_404(RecordRequest.objects.select_related("subject", "clinic"), id=asked_id)
    not_ones_own(who, person=asked.subject_id)
    form = AnswerForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        given = form.cleaned_data
        try:
            request_actions.answer(by=who, asked_id=asked.id, **{**given, "kind": rights.Kind(given["kind"])})
        except Refused as no:
            told(form, no)
        else:
            messages.success(request, "Answered. They read it on their own page.")
            return redirect("requests")
    audit.viewed(who, subject=asked.subject, what=request_actions.KIND)
    now = request_actions.standing_of(asked)
    context = {
        "form": form,
        **_stands(asked, now, request_actions.local_day(who)),
        "may_prolong": now.times_prolonged < rights.rights().prolonged_times,
        "prolonged_to": rights.prolonged_to(now),
        "hold": hold_actions.holds_on([asked.subject_id]).get(asked.subject_id) if asked.subject_id else None,
    }
    return render(request, "records/answer.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def joint_give(request: HttpRequest, joint_id: UUID) -> HttpResponse:
    """The couple's whole record, once both have signed: made through the broken glass, and written down."""
    who = require(request, Role.LEAD)
    row = get_object_or_404(
        JointRequest.objects.select_related("couple", "author", "clinic").prefetch_related(
            "signatures__author"
        ),
        id=joint_id,
    )
    if row.couple is None:
        raise Http404
    not_ones_own(who, couple=row.couple.id)
    form = request.POST.get("form", "pdf")
    if request.method == "POST" and form in FORMS:
        try:
            asked = export_actions.open_both(by=who, joint_id=row.id)
        except Refused as no:
            messages.error(request, no.reason)
            return redirect("joint_give", joint_id)
        copy = export_actions.copy_of_both(who, row.couple)

        def write_down(file: bytes) -> None:
            export_actions.give_both(by=who, asked=asked, file=file, form=form.upper())

        return _file(request, copy, form, write_down, "joint_give", joint_id)
    context = {
        "row": row,
        "signatures": list(row.signatures.all()),
        "both": request_actions.both_signed(row),
        "until": request_actions.stands_until(row),
        "has_lapsed": request_actions.has_lapsed(row),
    }
    return render(request, "records/joint.html", context)


# ── one person: what was given, and what must be kept ─────────────────────────────────────────────────────


class HoldForm(forms.Form):
    """Why a record must be kept as it is, or need not any more."""

    reason = forms.CharField(
        label="Which court or counsel, and the reference",
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Write which court or counsel, and the reference."},
    )
    hold_id = forms.UUIDField(widget=forms.HiddenInput, required=False)


class GivenForm(forms.Form):
    """What left the record by another way."""

    recipient = forms.CharField(
        label="To whom", max_length=200, error_messages={"required": "Write to whom it went."}
    )
    what = forms.CharField(label="What", max_length=300, error_messages={"required": "Write what it was."})
    ground = forms.ChoiceField(label="On what ground")
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def __init__(self, data: Any = None, **kept: Any) -> None:
        super().__init__(data, **kept)
        self.fields["ground"].choices = [  # type: ignore[attr-defined]
            (one.code, f"{one.title} ({one.source})")
            for one in rights.grounds_to(rights.Use.GIVE)
            if one.code not in ("own_request", "both_signed")
        ]


@require_http_methods(["GET", "POST"])
def person_given(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """What was given out of one person's record to whom, and whether it must be kept for a court."""
    by = require(request, *RUNS_THE_CLINIC)
    get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    by, frame = frame_of(request, person_id, HERE)
    is_lead = Role.LEAD in roles_of(by)
    do = request.POST.get("do", "") if request.method == "POST" else ""
    hold = LegalHold.objects.filter(subject=frame.person, until__isnull=True).select_related("author").first()
    holding = HoldForm(
        request.POST if do in ("hold", "end") else None, initial={"hold_id": hold.id if hold else None}
    )
    giving = GivenForm(request.POST if do == "given" else None)
    if is_lead and _done(by, frame.person, do, giving if do == "given" else holding):
        messages.success(request, "Kept.")
        return redirect("person_given", person_id)
    context = {
        "frame": frame,
        "is_lead": is_lead,
        "given": _given(frame.person) if is_lead else [],
        "hold": hold,
        "past": LegalHold.objects.filter(subject=frame.person, until__isnull=False).order_by("-until")[:5],
        "holding": holding,
        "giving": giving,
        "years": rights.rights().accounted_years,
    }
    refused = bool(holding.errors or giving.errors) or request.method == "POST"
    return render(request, "records/person.html", context, status=422 if refused else 200)


def _done(by: Person, person: Person, do: str, form: forms.Form) -> bool:
    """Whether the form that was sent was valid and done; what was refused stands on the form."""
    if not form.is_bound or not form.is_valid():
        return False
    given = form.cleaned_data
    try:
        match do:
            case "hold":
                hold_actions.lay_hold(by=by, subject=person, reason=given["reason"])
            case "end":
                _end(by, person, given["hold_id"], given["reason"])
            case _:
                export_actions.write_down(by=by, subject=person, **given)
    except Refused as no:
        told(form, no)
        return False
    return True


def _end(by: Person, person: Person, hold_id: UUID | None, reason: str) -> None:
    """End the hold that stood on the page, and no other that was laid since."""
    if hold_id is None or not LegalHold.objects.filter(id=hold_id, subject=person).exists():
        raise Refused("Open this page again, and end the hold that stands there.")
    if LegalHold.objects.filter(subject=person, until__isnull=True).exclude(id=hold_id).exists():
        raise Stale(
            "The hold you looked at was ended, and another laid since: it stands above. Look at it first."
        )
    hold_actions.end_hold(by=by, hold_id=hold_id, reason=reason)


urlpatterns: list[URLPattern] = [
    path("access/copy", my_copy, name="my_copy"),
    path("access/copy/<uuid:asked_id>/file", my_copy_file, name="my_copy_file"),
    path("access/copy/both", copy_for_both, name="copy_for_both"),
    path("access/copy/both/<uuid:joint_id>", copy_for_both_sign, name="copy_for_both_sign"),
    path("requests", requests, name="requests"),
    path("requests/copy/<uuid:asked_id>", copy_answer, name="copy_answer"),
    path("requests/both/<uuid:joint_id>", joint_give, name="joint_give"),
    path("people/<uuid:person_id>/given", person_given, name="person_given"),
]
