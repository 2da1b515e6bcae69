"""The plan for after the series: what goes on, by which signs do we know, and what do we do then?

The two and their couples therapist read the same page of it; nothing on it is computed from answers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.couples.models import Couple, Membership, Person
from bothwell.integration import plan_actions as actions
from bothwell.integration import support as rules
from bothwell.integration.doing_actions import SHARED, own_couple
from bothwell.integration.models import CoupleSession, PlanReview, SupportPlan, WarningSign
from bothwell.integration.session_actions import hold_on, is_therapist_of
from bothwell.privacy import audit
from bothwell.privacy.sharing_actions import receive, receive_common
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, in_common, local_now, nearby
from bothwell.web.asking import by_script, not_ones_own, post_or_back, require, require_partner, told

MOST_SHOWN = 12


@dataclass(frozen=True)
class Sign:
    """A sign somebody named, with the name of who did."""

    row: WarningSign
    name: str
    side: str
    mine: bool


@dataclass(frozen=True)
class PlanCard:
    """What the page of both shows of the plan."""

    plan: SupportPlan | None
    next_on: date | None
    is_due: bool


def plan_card(surroundings: Nearby) -> PlanCard | None:
    """The plan that holds and the day of the next look back; None while there is neither."""
    couple = surroundings.couple
    if couple is None:
        return None
    plan = actions.plan_of(couple)
    next_on = actions.next_look(couple, plan)
    if plan is None and next_on is None:
        return None
    return PlanCard(plan, next_on, rules.is_due(next_on, local_now(surroundings.person).date()))


def read(couple: Couple, who: Person) -> dict[str, Any]:
    """The plan as this viewer can see it: versions, signs by side, looks back, and when the next one is."""
    members = list(Membership.objects.select_related("person").filter(couple=couple).order_by("side"))
    by_person = {each.person_id: each for each in members}
    versions = list(
        SupportPlan.objects.select_related("author").filter(couple=couple).order_by("-number")[:MOST_SHOWN]
    )
    signs = [
        Sign(
            row,
            "You" if row.author_id == who.id else by_person[row.author_id].person.name_used,
            by_person[row.author_id].side,
            row.author_id == who.id,
        )
        for row in actions.signs_of(couple)
        if row.author_id in by_person
    ]
    signs.sort(key=lambda each: each.side)
    plan = versions[0] if versions else None
    next_on = actions.next_look(couple, plan)
    return {
        "members": members,
        "plan": plan,
        "earlier": versions[1:],
        "signs": signs,
        "looks": list(
            PlanReview.objects.select_related("author")
            .filter(couple=couple)
            .order_by("-recorded_at", "-id")[:MOST_SHOWN]
        ),
        "next_on": next_on,
        "is_due": rules.is_due(next_on, local_now(who).date()),
    }


def _receive(who: Person, seen: dict[str, Any]) -> None:
    """Note that the versions and looks on the page were opened: what one had opened outlives a parting."""
    for row in ([seen["plan"]] if seen["plan"] else []) + seen["looks"]:
        receive(by=who, item_kind=SHARED, item=row)
    if not who.is_staff_member:
        receive_common(by=who, items=[each.row for each in seen["signs"]])


# -------------------------------------------------------------------------------------------------- the two


class SignForm(forms.Form):
    """One sign, in a few words."""

    words = forms.CharField(
        label="By what would you notice that things slip?",
        help_text="For example: “I stay at work longer than I need to.” Up to 300 characters.",
        error_messages={"required": "Write the sign in a few words."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


@require_http_methods(["GET", "POST"])
def ours(request: HttpRequest) -> HttpResponse:
    """The plan of the two; posting names a sign."""
    who = require_partner(request)
    surroundings = nearby(who)
    form = SignForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and _done(
        form,
        lambda given: actions.name_sign(by=who, words=given["words"], request_id=given["request_id"]),
    ):
        messages.success(request, "Named. Both of you see it.")
        return redirect("us-plan")
    common = in_common(surroundings)
    seen = read(common.couple, who) if common.couple else {}
    if surroundings.couple:
        _receive(who, seen)
    context = {"nearby": surroundings, "common": common, "form": form, **seen}
    if by_script(request):
        return render(request, "support/ours.html#living", context)
    return render(request, "support/ours.html", context, status=422 if form.is_bound else 200)


def _done(form: forms.Form, act: Callable[[dict[str, Any]], object]) -> bool:
    """Whether it was done; a refusal becomes the form's own sentence, and what was typed stays."""
    if not form.is_valid():
        return False
    try:
        act(form.cleaned_data)
    except Refused as refused:
        told(form, refused)
        return False
    return True


@require_POST
def drop_sign(request: HttpRequest, sign_id: UUID) -> HttpResponse:
    """Take a sign of one's own off the list."""
    who = require_partner(request)
    get_object_or_404(WarningSign, id=sign_id, author=who, couple=nearby(who).couple, couple__isnull=False)
    try:
        actions.drop_sign(by=who, sign_id=sign_id)
    except Refused as refused:
        messages.error(request, refused.reason)
    else:
        messages.success(request, "Taken off the list.")
    return redirect("us-plan")


class Day(forms.DateField):
    """A day in the browser's own picker."""

    def __init__(self, **kept: Any) -> None:
        super().__init__(
            widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            input_formats=["%Y-%m-%d"],
            **kept,
        )


class LookForm(forms.Form):
    """A look back: how it goes, what comes next, and when to look again."""

    kind = forms.ChoiceField(
        label="How is it going?",
        choices=[("maintenance", "It is going on well enough"), ("relapse", "Something slipped")],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the two."},
    )
    words = forms.CharField(
        label="What do you see?", required=False, widget=forms.Textarea(attrs={"rows": 3})
    )
    next_step = forms.CharField(
        label="What happens next?",
        required=False,
        help_text="Who calls whom, and when; or what you two do first. After a slip this cannot stay empty.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    next_on = Day(label="Look at it again on", required=False)
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)
    session_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def look(self) -> actions.LookBack:
        """What was typed, as the action takes it."""
        given = self.cleaned_data
        return actions.LookBack(
            rules.Kind(given["kind"]),
            given["words"].replace("\r\n", "\n"),
            given["next_step"].replace("\r\n", "\n"),
            given["next_on"],
            given.get("session_at"),
        )


class TherapistLookForm(LookForm):
    """The same at the therapist's desk, where the next session can be planned with it."""

    session_at = forms.DateTimeField(
        label="Plan a couples session",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        help_text="60 minutes; move it later if you need to.",
    )
    field_order = ("kind", "words", "next_step", "session_at", "next_on")


def _look(by: Person, couple: Couple, form: LookForm) -> bool:
    return _done(
        form,
        lambda given: actions.look_back(
            by=by,
            couple=couple,
            look=form.look(),
            today=local_now(by).date(),
            request_id=given["request_id"],
            session_id=given["session_id"],
        ),
    )


@require_http_methods(["GET", "POST"])
def our_look(request: HttpRequest) -> HttpResponse:
    """One of the two says how it goes; after a slip they leave with a next step."""
    who = require_partner(request)
    surroundings = nearby(who)
    if surroundings.couple is None:
        raise Http404
    slipped = request.GET.get("how") == "slipped"
    form = LookForm(
        request.POST if request.method == "POST" else None,
        initial={"kind": "relapse" if slipped else "maintenance"},
    )
    if request.method == "POST" and _look(who, own_couple(who), form):
        messages.success(request, "Kept, for both of you and your couples therapist.")
        return redirect("us-plan")
    context = {
        "nearby": surroundings,
        "form": form,
        "plan": actions.plan_of(surroundings.couple),
        "slipped": slipped or form["kind"].value() == "relapse",
        "meeting": _next_session(surroundings.couple),
    }
    return render(request, "support/look.html", context, status=422 if form.is_bound else 200)


def _next_session(couple: Couple) -> CoupleSession | None:
    planned = CoupleSession.objects.filter(couple=couple, state=CoupleSession.State.PLANNED)
    return planned.filter(at__gte=timezone.now()).order_by("at").first()


# ------------------------------------------------------------------------------------- the couples therapist


class PlanForm(forms.Form):
    """A version of the plan."""

    cadence = forms.CharField(
        label="How often you meet from now on",
        help_text="For example: every three weeks until March, then when they ask.",
        error_messages={"required": "Say how often you meet from now on, even if it is: when they ask."},
    )
    agreed = forms.CharField(
        label="What the two go on doing", required=False, widget=forms.Textarea(attrs={"rows": 4})
    )
    if_it_returns = forms.CharField(
        label="What happens when a sign is there",
        required=False,
        help_text="Who speaks first, who is called, how soon you meet. Both partners read it.",
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    review_on = Day(label="Look at it again on", required=False)
    after = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=10_000)
    request_id = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)

    def plan(self) -> actions.Plan:
        """What was typed, as the action takes it."""
        given = self.cleaned_data
        return actions.Plan(
            given["cadence"],
            given["agreed"].replace("\r\n", "\n"),
            given["if_it_returns"].replace("\r\n", "\n"),
            given["review_on"],
        )


def _as_kept(plan: SupportPlan | None) -> dict[str, Any]:
    if plan is None:
        return {"after": 0}
    names = ("cadence", "agreed", "if_it_returns", "review_on")
    return {name: getattr(plan, name) for name in names} | {"after": plan.number}


def _theirs(request: HttpRequest, couple_id: UUID) -> tuple[Person, Couple]:
    """The therapist looking and their couple, or 404: for other colleagues this page does not exist."""
    who = require(request)
    couple = get_object_or_404(Couple, id=couple_id)
    not_ones_own(who, couple=couple.id)
    if not is_therapist_of(who, couple):
        raise Http404
    return who, couple


@require_http_methods(["GET", "POST"])
def desk(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The plan at the therapist's desk; posting writes the next version."""
    who, couple = _theirs(request, couple_id)
    seen = read(couple, who)
    form = PlanForm(request.POST if request.method == "POST" else None, initial=_as_kept(seen["plan"]))
    if request.method == "POST" and _done(
        form,
        lambda given: actions.write_plan(
            by=who,
            couple=couple,
            plan=form.plan(),
            after=given["after"],
            today=local_now(who).date(),
            request_id=given["request_id"],
        ),
    ):
        messages.success(request, "Kept. Both partners can read it now.")
        return redirect("couple_support", couple_id=couple.id)
    return _desk(request, who, couple, plan_form=form)


@post_or_back("/couples")
def desk_look(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """A look back taken in the room or on the telephone."""
    who, couple = _theirs(request, couple_id)
    form = TherapistLookForm(request.POST, auto_id="look_%s")
    if _look(who, couple, form):
        messages.success(request, "Kept, for you and both partners.")
        return redirect("couple_support", couple_id=couple.id)
    return _desk(request, who, couple, look_form=form)


def _desk(
    request: HttpRequest,
    who: Person,
    couple: Couple,
    plan_form: PlanForm | None = None,
    look_form: TherapistLookForm | None = None,
) -> HttpResponse:
    seen = read(couple, who)
    if request.method == "GET":
        _receive(who, seen)
        audit.viewed(who, couple=couple, what=SHARED)
    context = {
        "couple": couple,
        "hold": hold_on(who, couple),
        "meeting": _next_session(couple),
        "plan_form": plan_form or PlanForm(initial=_as_kept(seen["plan"])),
        "look_form": look_form or TherapistLookForm(auto_id="look_%s", initial={"kind": "maintenance"}),
        **seen,
    }
    bound = (plan_form and plan_form.is_bound) or look_form
    return render(request, "support/desk.html", context, status=422 if bound else 200)


urlpatterns: list[URLPattern] = [
    path("us/plan", ours, name="us-plan"),
    path("us/plan/signs/<uuid:sign_id>/drop", drop_sign, name="us-plan-sign-drop"),
    path("us/plan/look", our_look, name="us-plan-look"),
    path("couples/<uuid:couple_id>/support", desk, name="couple_support"),
    path("couples/<uuid:couple_id>/support/look", desk_look, name="couple_support_look"),
]
