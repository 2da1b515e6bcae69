"""What is asked of the clinic and waits for an answer: copies, the record of a couple, partings.

Nothing is answered by time alone; and nobody answers, as staff, a request out of their own life.
"""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import OFFICE, Membership, Person, Role
from bothwell.privacy import audit
from bothwell.records import export_actions, hold_actions, parting_actions, request_actions, rights
from bothwell.records.models import JointRequest, PartingRequest, RecordRequest
from bothwell.refusal import Refused
from bothwell.web.asking import not_ones_own, require, told
from bothwell.web.nav import roles_of
from bothwell.web.records_file import FORMS, hand_out
from bothwell.web.records_standing import THEIRS, as_it_stands


@require_GET
def requests(request: HttpRequest) -> HttpResponse:
    """Everything asked of the clinic that waits for an answer, the most urgent first."""
    who = require(request, *OFFICE, Role.COUPLES_THERAPIST)
    runs = bool(roles_of(who) & OFFICE)
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
    if not roles & {*OFFICE, Role.COUPLES_THERAPIST}:
        return 0
    return _open_partings(who).count() + (len(_open_copies(who)) if roles & OFFICE else 0)


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
    who = require(request, *OFFICE)
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
        **as_it_stands(asked, now, request_actions.local_day(who)),
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

        return hand_out(request, copy, form, write_down, "joint_give", joint_id)
    context = {
        "row": row,
        "signatures": list(row.signatures.all()),
        "both": request_actions.both_signed(row),
        "until": request_actions.stands_until(row),
        "has_lapsed": request_actions.has_lapsed(row),
    }
    return render(request, "records/joint.html", context)


urlpatterns: list[URLPattern] = [
    path("requests", requests, name="requests"),
    path("requests/copy/<uuid:asked_id>", copy_answer, name="copy_answer"),
    path("requests/both/<uuid:joint_id>", joint_give, name="joint_give"),
]
