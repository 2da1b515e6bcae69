"""Today: what needs me, and how am I? For a partner their own page; for staff their day and what waits.

A partner's page is made from their own rows and what was given to them; nothing on it is computed over both.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET

from bothwell.couples.models import Person
from bothwell.dosing.models import SessionSummary
from bothwell.integration.actions import ITEM_KIND
from bothwell.integration.insights import seen_by
from bothwell.integration.models import Insight, InsightVersion
from bothwell.integration.prompts import Prompt, When, in_turn, is_day_after, shown
from bothwell.messaging.message_actions import has_new
from bothwell.privacy.sharing_actions import receive
from bothwell.web.around import Nearby, greeting, local_now, nearby
from bothwell.web.asking import by_script, viewer
from bothwell.web.checkin import released_by
from bothwell.web.clinic import send_to_set_up
from bothwell.web.given import label_of
from bothwell.web.insights import drafts_shown
from bothwell.web.insights_share import session_ahead
from bothwell.web.insights_sheet import last_session_at, sheets
from bothwell.web.own_line import own_trend
from bothwell.web.today_needs import needs_of, sittings_of
from bothwell.web.today_staff import staff_day
from bothwell.web.today_visits import sessions_ahead, visits_of
from bothwell.web.us_agreed import quiet_times


@require_GET
def today(request: HttpRequest) -> HttpResponse:
    """The first page after the login."""
    who = viewer(request)
    if not who.is_staff_member:
        return _partner(request, who)
    is_living = by_script(request)
    if not is_living and send_to_set_up(request, who):
        return redirect("clinic")
    return staff_day(request, who)


def _partner(request: HttpRequest, who: Person) -> HttpResponse:
    surroundings = nearby(who)
    sessions = sessions_ahead(who)
    given = _given(surroundings)
    is_living = by_script(request)
    # Read here or on the page of both: it was opened, and stands in the giver's log. So it is where an open page renewed
    # itself: what stands on a screen must leave it when it is taken back.
    if given:
        receive(by=who, item_kind=ITEM_KIND, item=given)
    sittings = sittings_of(who)
    needs = needs_of(who, surroundings, sessions)
    last = Insight.objects.filter(subject=who, set_aside_at__isnull=True, kind=Insight.Kind.INSIGHT).order_by(
        "-recorded_at", "-id"
    )[:1]
    context = {
        "greeting": greeting(local_now(who)),
        "now": local_now(who),
        "sittings": sittings,
        "needs": needs,
        "things": len(needs) + sum(len(sitting.needs) for sitting in sittings),
        "minutes": sum(need.minutes for need in needs) + sum(sitting.minutes for sitting in sittings),
        "sheet": next(iter(sheets(who, last, surroundings.around)), None),
        "invitation": _invitation(who),
        "drafts": drafts_shown(who)[:2],
        "session": session_ahead(surroundings),
        "quiet": quiet_times(surroundings),
        "visits": visits_of(sessions, surroundings),
        "went": _went(who),
        "nearby": surroundings,
        "given": given,
        "given_seen": label_of(given, surroundings) if given else "",
        "has_new_messages": has_new(who),
        **_trend(who, surroundings),
    }
    return render(request, "today/page.html#living" if is_living else "today/page.html", context)


def _invitation(who: Person) -> Prompt | None:
    """A question to begin with on the day after a session, as long as nothing was written since; never a duty."""
    last = last_session_at(who)
    if last is None or not is_day_after(last, timezone.now()):
        return None
    if Insight.objects.filter(subject=who, kind=Insight.Kind.INSIGHT, recorded_at__gte=last).exists():
        return None
    return shown(in_turn(When.AFTER, local_now(who).date()), "")


def _trend(who: Person, surroundings: Nearby) -> dict[str, Any]:
    own = own_trend(who, surroundings.side)
    if own is None:
        return {}
    return {
        "trend": own.trend,
        "trend_words": own.sentence,
        "trend_seen": seen_by(own.kind, surroundings.team, released_by(who)),
    }


def _went(who: Person) -> SessionSummary | None:
    """How one's own last session went, in the care team's words."""
    return (
        SessionSummary.objects.select_related("session", "author")
        .filter(subject=who)
        .order_by("recorded_at")
        .last()
    )


def _given(surroundings: Nearby) -> InsightVersion | None:
    """The newest words the partner gave, as far as the viewer may see them."""
    if surroundings.partner is None:
        return None
    return InsightVersion.objects.filter(subject=surroundings.partner).order_by("-recorded_at", "-id").first()


urlpatterns: list[URLPattern] = [
    path("today", today, name="today"),
]
