"""What we agreed: what holds between us, and what would one of us like to propose?

An agreement is shown as its viewer can see it; of the other's answer only that it was given.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import Couple, Person
from bothwell.dosing.models import DosingSession
from bothwell.integration import agreement_actions as actions
from bothwell.integration import agreements as rules
from bothwell.integration.models import CoupleAgreement
from bothwell.privacy.sharing_actions import receive_common
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, in_common, nearby
from bothwell.web.asking import by_script, require_partner, told


@dataclass(frozen=True)
class Shown:
    """One agreement as its viewer sees it."""

    agreement: rules.Agreement
    standing: rules.Standing
    is_mine: bool
    by: str

    @property
    def title(self) -> str:
        days = self.agreement.days
        if self.agreement.kind == rules.Kind.NO_BIG_DECISIONS and days:
            return f"No big decisions for {days} day{'' if days == 1 else 's'} after a session"
        return self.agreement.words


def shown(surroundings: Nearby) -> list[Shown]:
    """Every agreement the viewer can see, newest first."""
    couple, partner, who = surroundings.couple, surroundings.partner, surroundings.person
    if couple is None or partner is None:
        return []
    both = {who.id, partner.id}
    return [
        Shown(
            each,
            rules.standing(each, both),
            each.yes_by(who.id),
            "You" if each.said and each.said[0].by == who.id else partner.name_used,
        )
        for each in actions.agreements_of(couple)
    ]


@dataclass(frozen=True)
class Quiet:
    """The quiet time after somebody's session; `name` is empty for one's own."""

    name: str
    until: datetime


def quiet_times(surroundings: Nearby) -> list[Quiet]:
    """Quiet times that last now: one's own, and the other's where its session may be known."""
    couple, partner, who = surroundings.couple, surroundings.partner, surroundings.person
    if couple is None or partner is None:
        return []
    days = rules.quiet_days(actions.agreements_of(couple), {who.id, partner.id})
    if not days:
        return []
    now = timezone.now()
    # Not narrowed by any grant: row-level security shows of the other's sessions only those they opened.
    sessions = DosingSession.objects.filter(
        subject__in=[who, partner], started_at__range=(now - timedelta(days=days + 1), now)
    ).only("subject_id", "started_at", "ended_at")
    found: dict[UUID, datetime] = {}
    for one in sessions:
        until = rules.quiet_until(one.ended_at or one.started_at, days, now) if one.started_at else None
        if until:
            found[one.subject_id] = max(until, found.get(one.subject_id, until))
    names = {who.id: "", partner.id: partner.name_used}
    return [Quiet(names[one], found[one]) for one in (who.id, partner.id) if one in found]


class QuietForm(forms.Form):
    """How many days after a session nothing big is decided."""

    days = forms.TypedChoiceField(
        label="For how many days?",
        coerce=int,
        initial=rules.DEFAULT_DAYS,
        choices=[
            (days, f"{days} day{'' if days == 1 else 's'}") for days in (1, 2, 3, 5, 7, rules.MOST_DAYS)
        ],
        help_text="One day is what clinics usually ask of a person after a session. You two choose.",
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class OwnForm(forms.Form):
    """Something of their own."""

    words = forms.CharField(
        label="What would you like to agree on?",
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Write what you would like to agree on."},
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


@require_http_methods(["GET", "POST"])
def agreed(request: HttpRequest) -> HttpResponse:
    """What holds, what waits for a yes, and two ways to propose something."""
    who = require_partner(request)
    surroundings = nearby(who)
    quiet, own = QuietForm(auto_id="quiet_%s"), OwnForm(auto_id="own_%s")
    bound: forms.Form | None = None
    if request.method == "POST":
        if request.POST.get("kind") == rules.Kind.NO_BIG_DECISIONS:
            quiet = bound = QuietForm(request.POST, auto_id="quiet_%s")
        else:
            own = bound = OwnForm(request.POST, auto_id="own_%s")
        if _proposed(who, bound):
            messages.success(request, "Proposed, with your yes. It holds once both of you have said yes.")
            return redirect("us-agreed")
    if surroundings.couple:
        receive_common(by=who, items=actions.said_about(surroundings.couple))
    listed = _listed(in_common(surroundings))
    context = {"nearby": surroundings, "quiet_form": quiet, "own_form": own, **listed}
    if by_script(request):
        return render(request, "us/agreed.html#living", context)
    return render(request, "us/agreed.html", context, status=422 if bound else 200)


def _listed(surroundings: Nearby) -> dict[str, Any]:
    everything = shown(surroundings)
    return {
        "holds": [each for each in everything if each.standing == rules.Standing.HOLDS],
        "proposed": [each for each in everything if each.standing == rules.Standing.PROPOSED],
        "ended": [each for each in everything if each.standing == rules.Standing.ENDED][:10],
    }


def _proposed(who: Person, form: forms.Form) -> bool:
    if not form.is_valid():
        return False
    given = form.cleaned_data
    is_quiet = isinstance(form, QuietForm)
    try:
        actions.propose(
            by=who,
            kind=rules.Kind.NO_BIG_DECISIONS if is_quiet else rules.Kind.OTHER,
            days=given["days"] if is_quiet else None,
            words="" if is_quiet else given["words"].replace("\r\n", "\n"),
            request_id=given["request_id"],
        )
    except Refused as refused:
        told(form, refused)
        return False
    return True


@require_POST
def answer(request: HttpRequest, agreement_id: UUID) -> HttpResponse:
    """Yes, or no longer."""
    who = require_partner(request)
    get_object_or_404(CoupleAgreement, id=agreement_id, couple=_own(who))
    said = request.POST.get("answer", "")
    try:
        if said not in list(rules.Answer):
            raise Refused("Say yes to it, or that it no longer holds.")
        actions.answer(by=who, agreement_id=agreement_id, said=rules.Answer(said))
    except Refused as refused:
        messages.error(request, refused.reason)
    else:
        messages.success(
            request, "You said yes." if said == rules.Answer.YES else "Ended. It no longer holds."
        )
    return redirect("us-agreed")


def _own(who: Person) -> Couple:
    couple = nearby(who).couple
    if couple is None:
        raise Http404
    return couple


urlpatterns: list[URLPattern] = [
    path("us/agreed", agreed, name="us-agreed"),
    path("us/agreed/<uuid:agreement_id>", answer, name="us-agreed-answer"),
]
