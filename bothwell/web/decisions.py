"""The joint decision as the person it concerns reads it: what is proposed, who agrees, and their word, last.

It decides nothing: three people sign, and `pathway` says what follows.
"""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.pathway.decision_actions import sign_decision
from bothwell.pathway.models import DecisionSignature, JointDecision, Verdict
from bothwell.refusal import Refused
from bothwell.web.around import nearby
from bothwell.web.asking import require_partner

SIGNERS = (
    (DecisionSignature.As.PRESCRIBER, "Your prescriber"),
    (DecisionSignature.As.COUPLES_THERAPIST, "Your couples therapist"),
    (DecisionSignature.As.PARTNER, "You"),
)
OWN_WORDS = {
    Verdict.PROCEED: ("Yes, I want to begin", "You can change your mind at any time, on the day as well"),
    Verdict.DEFER: ("Not yet", "Say what you need first"),
    Verdict.DECLINE: ("No, not this way", "Your care goes on; other ways stay open"),
}
WHAT_NEXT = {
    Verdict.PROCEED: "When all three have said yes, your prescriber goes on to consent. The text about the sessions then waits "
    "for you under Today, to read and sign. Nothing begins before that.",
    Verdict.DEFER: "Your team reads what you need and speaks with you. When the question is asked again, it waits for you "
    "under Today.",
    Verdict.DECLINE: "Your team reads your words and speaks with you about other ways. Your care goes on.",
}
"""What follows the person's own word, by what they said."""


class SignForm(forms.Form):
    """The person's own word, with the name typed by themselves."""

    verdict = forms.ChoiceField(
        choices=Verdict.choices, error_messages={"required": "Choose one of the three."}
    )
    words = forms.CharField(required=False, widget=forms.Textarea)
    signed_name = forms.CharField(max_length=120, error_messages={"required": "Type your name to sign."})
    understood = forms.BooleanField(error_messages={"required": "Tick this when you have read it."})


@require_http_methods(["GET", "POST"])
def decision(request: HttpRequest, decision_id: UUID) -> HttpResponse:
    """Read it, then sign last. Signed, it stays as it is."""
    who = require_partner(request)
    row = get_object_or_404(JointDecision.objects.select_related("author"), id=decision_id, subject=who)
    if request.method == "GET":
        return _page(request, row, SignForm())
    form = SignForm(request.POST)
    if not form.is_valid():
        return _page(request, row, form, status=422)
    given = form.cleaned_data
    try:
        sign_decision(
            by=who,
            decision_id=decision_id,
            verdict=Verdict(given["verdict"]),
            words=given["words"],
            signed_name=given["signed_name"],
        )
    except Refused as refused:
        return _page(request, row, form, refused.reason, 422)
    messages.success(request, "Signed. Your care team can see it.")
    return redirect(f"/decisions/{decision_id}")


def _page(
    request: HttpRequest, row: JointDecision, form: SignForm, trouble: str = "", status: int = 200
) -> HttpResponse:
    signed = {each.signs_as: each for each in row.signatures.select_related("author")}
    clinicians = [each for each in signed if each != DecisionSignature.As.PARTNER]
    mine = signed.get(DecisionSignature.As.PARTNER)
    context = {
        "decision": row,
        "signers": [{"label": label, "signature": signed.get(as_)} for as_, label in SIGNERS],
        "mine": mine,
        "next": WHAT_NEXT[Verdict(mine.verdict)] if mine else "",
        "both_signed": len(clinicians) == 2,
        "verdicts": [
            {"value": value.value, "title": words[0], "note": words[1]} for value, words in OWN_WORDS.items()
        ],
        "side": nearby(row.subject).side if row.subject else "",
        "form": form,
        "trouble": trouble,
    }
    return render(request, "decisions/page.html", context, status=status)


urlpatterns: list[URLPattern] = [path("decisions/<uuid:decision_id>", decision, name="decision")]
