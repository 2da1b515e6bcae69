"""The couples therapist's desk: what is the story, and what shall we do today?

It shows one couple's chart to that couple's own therapists and to nobody else; a line stands only with its
release.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Assignment, Couple, Person, Role, open_at
from bothwell.integration import note_forms, pause_actions
from bothwell.integration import session_actions as actions
from bothwell.integration.library import exercise
from bothwell.integration.models import CoupleSession, ExerciseDone, SharedSummary
from bothwell.integration.story import MEANS
from bothwell.pathway.assessment_actions import not_assessed
from bothwell.privacy import audit
from bothwell.privacy.models import Audience, ConsentText, DisclosureAgreement, Grant
from bothwell.privacy.shelter_actions import withheld
from bothwell.privacy.signing_actions import propose_agreement
from bothwell.refusal import Refused
from bothwell.web.asking import by_script, post_or_back, require
from bothwell.web.couple_asking import attempt, session_of, status_of, therapist_and_couple
from bothwell.web.couple_chart import Chart, local, members_of, read
from bothwell.web.couple_session import PlanForm, say_if_at_odds
from bothwell.web.score import Story
from bothwell.web.score_wide import draw


class AgreementForm(forms.Form):
    """Which agreement is put before the two."""

    mode = forms.ChoiceField(
        label="The agreement to put before both",
        choices=DisclosureAgreement.Mode.choices,
        widget=forms.RadioSelect,
    )
    after = forms.IntegerField(widget=forms.HiddenInput, required=False)


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
    who, pair = therapist_and_couple(request, couple_id)
    return _desk(request, who, pair)


def _desk(request: HttpRequest, who: Person, pair: Couple, plan: PlanForm | None = None) -> HttpResponse:
    chart = read(pair, request.GET.get("a", ""), request.GET.get("b", ""))
    mirrored = request.GET.get("flat") != "1"
    is_living = by_script(request)
    if not is_living:  # a look that goes on is one look
        _log_view(who, chart)
    actions.receive_all(by=who, versions=[word.row for word in chart.words])
    shown: Story = chart.picture()
    context = {
        "chart": chart,
        "score": draw(shown, mirrored=mirrored),
        "mirrored": mirrored,
        "last_note": chart.last_note,
        "last_form": note_forms.form(chart.last_note.modality) if chart.last_note else None,
        "plan": plan or PlanForm(),
        "other_way": _other_way(request, mirrored),
        "hold": actions.hold_on(who, pair),
        "pause": pause_actions.pause_of(pair),
        "not_assessed": not_assessed(pair),
    }
    page = "couple/page.html#living" if is_living else "couple/page.html"
    return render(request, page, context, status=status_of(plan))


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
    who, pair = therapist_and_couple(request, couple_id)
    chart = read(pair).without(withheld(pair.id))
    is_living = by_script(request)
    if not is_living:  # a look that goes on is one look
        for voice in chart.voices:
            audit.viewed(who, subject=voice.person, couple=pair, what="couple.shared")
    words = [word for word in chart.words if word.brought.with_partner][-4:]
    actions.receive_all(by=who, versions=[word.row for word in words])
    summaries = (
        SharedSummary.objects.select_related("session").filter(couple=pair).order_by("-session__at")[:1]
    )
    context = {
        "chart": chart,
        "score": draw(chart.picture_for_both()),
        "words": words,
        "summary": next(iter(summaries), None),
        "steps": [(given, promise, exercise(given.exercise)) for given, promise in chart.open_promises],
    }
    return render(request, "couple/both.html#living" if is_living else "couple/both.html", context)


@require_POST
def plan(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """Put a session on the calendar; both partners see it."""
    who, pair = therapist_and_couple(request, couple_id)
    form = PlanForm(request.POST)
    if form.is_valid() and attempt(
        form, lambda: actions.plan_session(by=who, couple=pair, **form.cleaned_data)
    ):
        messages.success(request, "Planned. Both see it on their pages.")
        say_if_at_odds(request, who, pair, session_of(pair, form.cleaned_data["request_id"]))
        return redirect("couple", couple_id=pair.id)
    return _desk(request, who, pair, form)


@post_or_back("couples")
def pause(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """Let the couple's work rest, or take it up again; both partners read it on their page."""
    who, pair = therapist_and_couple(request, couple_id)
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


# ---------------------------------------------------------------------------------------------- the agreement


@require_http_methods(["GET", "POST"])
def agreement(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """What happens with what one says alone: which agreement holds, what each would mean, a new one to
    propose.
    """
    who, pair = therapist_and_couple(request, couple_id)
    chart = read(pair)
    newest = chart.agreements[0].version if chart.agreements else 0
    form = AgreementForm(request.POST or None, initial={"after": newest})
    if request.method == "POST" and form.is_valid():
        if (form.cleaned_data["after"] or 0) != newest:  # posted twice, or somebody else was first
            messages.success(request, "There is a newer version already. Here is how it stands.")
            return redirect("couple_agreement", couple_id=pair.id)
        if attempt(
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
    return render(request, "couple/agreement.html", context, status=status_of(form))


urlpatterns: list[URLPattern] = [
    path("couples", couples, name="couples"),
    path("couples/<uuid:couple_id>", couple, name="couple"),
    path("couples/<uuid:couple_id>/for-both", for_both, name="couple_for_both"),
    path("couples/<uuid:couple_id>/plan", plan, name="couple_plan"),
    path("couples/<uuid:couple_id>/pause", pause, name="couple_pause"),
    path("couples/<uuid:couple_id>/agreement", agreement, name="couple_agreement"),
]
