"""The couple's whole record goes to somebody only with the signatures of both: asking, signing, taking a yes back.

What one answered, or took back, stands on no page of the other.
"""

from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Couple, Membership, Person
from bothwell.privacy.together_actions import couple_of
from bothwell.records import request_actions
from bothwell.records.models import JointRequest
from bothwell.refusal import Refused
from bothwell.web.asking import require_partner, told


class BothForm(forms.Form):
    """To whom the couple's whole record should go, and the first signature."""

    recipient = forms.CharField(
        label="To whom should it go?",
        max_length=200,
        error_messages={"required": "Say to whom."},
        help_text="A person or an office by name. Your partner reads this before signing; if you have parted, the clinic alone does.",
    )
    purpose = forms.CharField(
        label="What for?",
        max_length=300,
        error_messages={"required": "Say what for."},
        help_text="In a sentence. It is read by the same.",
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


def joint_of(who: Person) -> list[JointRequest]:
    """Joint requests of one's couples."""
    mine = Membership.objects.filter(person=who).values("couple")
    rows = JointRequest.objects.filter(couple__in=mine)
    return list(
        rows.select_related("author", "couple", "clinic")
        .prefetch_related("signatures")
        .order_by("-recorded_at")
    )


def joint_shown(who: Person, row: JointRequest) -> dict[str, Any]:
    """How it stands for whoever looks. What the other answered, or took back, is theirs to tell: nothing here hangs on it."""
    mine = next((one for one in row.signatures.all() if one.author_id == who.id), None)
    return {
        "row": row,
        "mine": mine,
        "by_me": row.author_id == who.id,
        # Somebody who left is not written to this way: the words are for the clinic, which tells them what they ask.
        "words_shown": row.author_id == who.id or (row.couple is not None and row.couple.parted_at is None),
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
            messages.success(request, "Signed. The other of you can answer it.")
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
    row = next((one for one in joint_of(who) if one.id == joint_id), None)
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
    context = {"form": form, **joint_shown(who, row)}
    return render(request, "records/sign.html", context, status=422 if form.errors else 200)


def _taken_back(request: HttpRequest, who: Person, row: JointRequest) -> HttpResponse:
    try:
        request_actions.take_back_yes(by=who, joint_id=row.id)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, "Taken back. It is not given on this request any more.")
    return redirect("copy_for_both_sign", row.id)


urlpatterns: list[URLPattern] = [
    path("access/copy/both", copy_for_both, name="copy_for_both"),
    path("access/copy/both/<uuid:joint_id>", copy_for_both_sign, name="copy_for_both_sign"),
]
