"""Who may know this? A switch for each person there is, the exact words, sleep on it; and taking back.

Nothing opens by itself: not newer words, not to somebody new, not after the night has passed and a mind was changed.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from bothwell.integration import actions
from bothwell.integration.insights import (
    SESSION_IS_NEAR,
    Offer,
    Part,
    Words,
    audiences_of,
    called,
    offers,
    suggest_sleep,
    wakes_at,
)
from bothwell.integration.models import CoupleSession
from bothwell.privacy.circles import Relation
from bothwell.privacy.signing_actions import agreement_in_force
from bothwell.refusal import Refused, Stale
from bothwell.web.around import Nearby
from bothwell.web.given import preview
from bothwell.web.insights_sheet import PART_LABELS, Sheet, Standing, last_session_at, own_sheet, parts_of

AUDIENCES = (Relation.PARTNER, Relation.COUPLES_THERAPIST, Relation.INDIVIDUAL_THERAPIST)
STILL_TODAY = timedelta(hours=2)
"""A session that began this long ago may still be meant by "our session"."""


class ShareForm(forms.Form):
    """The share sheet: who may know it, which notes go with it, and whether to sleep on it."""

    to = forms.MultipleChoiceField(required=False, choices=[(each.value, each.value) for each in AUDIENCES])
    parts = forms.MultipleChoiceField(
        required=False, choices=[(part.value, label) for part, label in PART_LABELS.items()]
    )
    sleep = forms.BooleanField(required=False)
    for_session = forms.UUIDField(required=False)
    version = forms.UUIDField()


def session_ahead(surroundings: Nearby) -> CoupleSession | None:
    """The couples session that is planned next, within two weeks."""
    if surroundings.couple is None:
        return None
    now = timezone.now()
    planned = CoupleSession.objects.filter(
        couple=surroundings.couple,
        state=CoupleSession.State.PLANNED,
        at__range=(now - STILL_TODAY, now + SESSION_IS_NEAR),
    )
    return planned.order_by("at").first()


def _agreed(surroundings: Nearby) -> str:
    agreement = agreement_in_force(surroundings.couple) if surroundings.couple else None
    return agreement.mode if agreement else ""


@require_http_methods(["GET", "POST"])
def share(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """A switch for each audience, the words as they will be seen, sleep on it."""
    who, surroundings, sheet = own_sheet(request, insight_id)
    if request.method == "GET":
        return _share(request, surroundings, sheet)
    form = ShareForm(request.POST)
    if not form.is_valid():
        return _share(request, surroundings, sheet, form, "Choose who may know this.", 422)
    audiences = audiences_of(form.cleaned_data["to"], surroundings.around)
    if audiences is None:
        return _share(
            request, surroundings, sheet, form, "That choice is no longer there. Choose again.", 422
        )
    if "look" in request.POST:
        return _share(request, surroundings, sheet, form)
    try:
        actions.choose_audience(
            by=who,
            insight_id=insight_id,
            version_id=form.cleaned_data["version"],
            audiences=audiences,
            parts=[Part(name) for name in form.cleaned_data["parts"]],
            opens_at=wakes_at(timezone.now()) if form.cleaned_data["sleep"] else None,
            session_id=form.cleaned_data["for_session"],
        )
    except Refused as refused:
        return _share(
            request, surroundings, sheet, form, refused.reason, 409 if isinstance(refused, Stale) else 422
        )
    return redirect(f"/insights/{insight_id}")


def _share(
    request: HttpRequest,
    surroundings: Nearby,
    sheet: Sheet,
    form: ShareForm | None = None,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    around, now, session = surroundings.around, timezone.now(), session_ahead(surroundings)
    suggested = suggest_sleep(last_session_at(surroundings.person), now)
    offered = offers(around, _agreed(surroundings))
    on = _switched_on(request, sheet, form, session)
    ticked = _ticked(request, sheet, form)
    fresh = [each for each in _known(on) if (one := sheet.standing_of(each)) is None or one.is_asleep]
    reads = sheet.standing_of(Relation.PARTNER) if not fresh else None
    by_partner = bool(around.partner) and (not fresh or Relation.PARTNER in fresh)
    words = actions.words_of(reads.given) if reads else _words(sheet, ticked)
    context: dict[str, Any] = {
        "sheet": sheet,
        "around": around,
        "switches": [_switch(each, sheet, on) for each in offered],
        "session": session,
        "for_session": _is_for_session(request, sheet, form, session),
        "parts": [{**part, "on": part["name"] in ticked} for part in parts_of(sheet.current)],
        "each": preview(surroundings, words),
        "by_partner": by_partner,
        "reader": around.partner if by_partner else called(fresh or _known(on), around),
        "reads_now": reads is not None,
        "can_sleep": _may_sleep(sheet, around.partner),
        "sleep": bool(form.data.get("sleep")) if form else _sleeps(sheet, suggested.allowed),
        "sleep_reason": suggested.reason,
        "wakes_at": sheet.asleep_until or wakes_at(now),
        "trouble": trouble,
    }
    return render(request, "insights/share.html", context, status=status)


def _switch(offer: Offer, sheet: Sheet, on: Iterable[str]) -> dict[str, Any]:
    return {
        "offer": offer,
        "on": offer.audience.value in on,
        "standing": sheet.standing_of(offer.audience),
        "icon": "ours" if offer.audience == Relation.PARTNER else "therapist",
    }


def _switched_on(
    request: HttpRequest, sheet: Sheet, form: ShareForm | None, session: CoupleSession | None
) -> frozenset[str]:
    """The switches as they stand: as sent, or as chosen before; who comes from a session's card finds its therapist on."""
    if form is not None:
        return frozenset(request.POST.getlist("to"))
    chosen = {audience.value for audience in sheet.chosen}
    if session and request.GET.get("session") == str(session.id):
        chosen.add(Relation.COUPLES_THERAPIST.value)
    return frozenset(chosen)


def _known(on: Iterable[str]) -> list[Relation]:
    return [relation for relation in AUDIENCES if relation.value in on]


def _ticked(request: HttpRequest, sheet: Sheet, form: ShareForm | None) -> frozenset[str]:
    if form is not None:
        return frozenset(request.POST.getlist("parts"))
    return frozenset(part["name"] for one in sheet.standings for part in one.parts)


def _words(sheet: Sheet, ticked: Iterable[str]) -> Words:
    return actions.words_of(sheet.current).only(part for part in Part if part.value in ticked)


def _is_for_session(
    request: HttpRequest, sheet: Sheet, form: ShareForm | None, session: CoupleSession | None
) -> bool:
    if session is None:
        return False
    if form is not None:
        return request.POST.get("for_session") == str(session.id)
    standing = sheet.standing_of(Relation.COUPLES_THERAPIST)
    return standing is None or standing.grant.for_session_id == session.id


def _may_sleep(sheet: Sheet, partner: str) -> bool:
    """Whether there is anything to sleep on: a partner who does not read it yet."""
    standing = sheet.standing_of(Relation.PARTNER)
    return bool(partner) and (standing is None or standing.is_asleep)


def _sleeps(sheet: Sheet, suggested: bool) -> bool:
    """Whether the switch `Sleep on it` begins on: while it sleeps already, or by default after a session."""
    standing = sheet.standing_of(Relation.PARTNER)
    return standing.is_asleep if standing else suggested


# ---------------------------------------------------------------------------------- newer words, taking back


@require_http_methods(["GET", "POST"])
def newer(request: HttpRequest, insight_id: UUID, audience: str) -> HttpResponse:
    """Update what one audience reads: both texts beside each other, then one key."""
    who, surroundings, sheet = own_sheet(request, insight_id)
    standing = _standing(sheet, audience)
    if request.method == "GET":
        return _newer(request, surroundings, sheet, standing)
    form = ShareForm(request.POST)
    if not form.is_valid():
        return _newer(request, surroundings, sheet, standing, "Open this page again, then choose.", 422)
    if "look" in request.POST:
        return _newer(request, surroundings, sheet, standing)
    try:
        actions.give_newer(
            by=who,
            insight_id=insight_id,
            version_id=form.cleaned_data["version"],
            audience=standing.audience,
            parts=[Part(name) for name in form.cleaned_data["parts"]],
        )
    except Refused as refused:
        status = 409 if isinstance(refused, Stale) else 422
        return _newer(request, surroundings, sheet, standing, refused.reason, status)
    return redirect(f"/insights/{insight_id}")


def _standing(sheet: Sheet, audience: str) -> Standing:
    """How the named audience stands to it, or 404 when they read nothing of it."""
    found = next((one for one in sheet.standings if one.audience.value == audience), None)
    if found is None:
        raise Http404
    return found


def _newer(
    request: HttpRequest,
    surroundings: Nearby,
    sheet: Sheet,
    standing: Standing,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    given = [part["name"] for part in standing.parts]
    ticked = frozenset(request.POST.getlist("parts") if request.method == "POST" else given)
    suggested = suggest_sleep(last_session_at(surroundings.person), timezone.now())
    context = {
        "sheet": sheet,
        "standing": standing,
        "by_partner": standing.audience == Relation.PARTNER,
        "now_read": preview(surroundings, actions.words_of(standing.given)),
        "each": preview(surroundings, _words(sheet, ticked)),
        "parts": [{**part, "on": part["name"] in ticked} for part in parts_of(sheet.current)],
        "wait": suggested.allowed and standing.audience == Relation.PARTNER,
        "trouble": trouble,
    }
    return render(request, "insights/newer.html", context, status=status)


@require_POST
def take_back(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """Take it back at once: from one audience, when one is named, or from everyone."""
    who, _, sheet = own_sheet(request, insight_id)
    audience = request.POST.get("from", "")
    named = next((relation for relation in AUDIENCES if relation.value == audience), None)
    if audience and named is None:
        raise Http404
    actions.take_back(by=who, insight_id=sheet.insight.id, audience=named)
    return redirect(f"/insights/{insight_id}")


urlpatterns: list[URLPattern] = [
    path("insights/<uuid:insight_id>/share", share, name="insight-share"),
    path("insights/<uuid:insight_id>/newer/<str:audience>", newer, name="insight-newer"),
    path("insights/<uuid:insight_id>/take-back", take_back, name="insight-take-back"),
]
