"""Us: what are we working on? What was given, what both agreed, and one's own line; nothing over both.

After a parting: what was common until then, as far as it stays with the reader.

What one of the two has not given is not here in any form: no gap, no count, no mark that it exists.
"""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET

from bothwell.couples.models import Person
from bothwell.integration import actions
from bothwell.integration.models import CoupleSession, ExerciseDone, SharedSummary
from bothwell.integration.pause_actions import pause_of
from bothwell.integration.warmth import DONE, warm_word
from bothwell.messaging.message_actions import has_new
from bothwell.privacy import audit
from bothwell.privacy.models import DisclosureAgreement, Receipt
from bothwell.privacy.sharing_actions import receive, receive_common
from bothwell.web.around import Nearby, in_common, nearby
from bothwell.web.asking import by_script, require_partner
from bothwell.web.couple_cycle import CycleSeen, cycle_for
from bothwell.web.exercises import Running, running
from bothwell.web.given import Shared, mine, theirs
from bothwell.web.own_line import LOOKS_BACK, own_story
from bothwell.web.score import Side
from bothwell.web.score_upright import draw
from bothwell.web.support_plan import plan_card
from bothwell.web.us_agreed import quiet_times
from bothwell.web.us_checkin import Week, week_card

SHARED_KIND = "couple.shared"
HELD = CoupleSession.State.HELD
MOST_SESSIONS = 80
MOST_SAID = 6
"""What was said lately about one exercise, as `us/_at_home.html` cuts it."""

STILL_AHEAD = timedelta(hours=2)
"""A couples session counts as one to come until so long after it began."""


@require_GET
def us(request: HttpRequest) -> HttpResponse:
    """The whole page, or only its living part for a page that is open already."""
    who = require_partner(request)
    surroundings = nearby(who)
    context = _context(who, surroundings, hides_own_line=request.GET.get("hide") == "1")
    if by_script(request):
        return render(request, "us/page.html#living", context)
    if surroundings.couple:
        audit.viewed(who, couple=surroundings.couple, what="couple.shared")
    return render(request, "us/page.html", context)


def _context(who: Person, surroundings: Nearby, hides_own_line: bool = False) -> dict[str, Any]:
    common = in_common(surroundings)
    given_to_me, taken_back = theirs(who, surroundings)
    shared = sorted([*given_to_me, *mine(surroundings)], key=lambda each: each.given_at, reverse=True)
    sessions = _sessions(common)
    over = timezone.now() - STILL_AHEAD
    planned = [row for row in sessions if row.state == CoupleSession.State.PLANNED and row.at > over][:5]
    summaries = _summaries(surroundings)
    given, weeks = running(common), week_card(common)
    if surroundings.couple:
        _open(who, given_to_me, sessions, summaries, given, weeks["newest_week"])
    story = own_story(
        surroundings,
        sessions,
        [(each.side, each.given_at) for each in shared],
        is_hidden=hides_own_line,
    )
    return {
        "nearby": surroundings,
        "common": common,
        "shared": shared,
        "taken_back": taken_back,
        "sessions": planned,
        "met": [] if surroundings.couple else [row for row in reversed(sessions) if row.state == HELD],
        "summaries": summaries,
        "exercises": given,
        "agreement": _agreement(who, common),
        "pause": pause_of(surroundings.couple),
        "score": draw(story, Side(surroundings.side), hidden=hides_own_line) if story else None,
        "quiet": quiet_times(surroundings),
        "cycle": _cycle(who, common),
        "support": plan_card(common),
        "warm_done": _warm(surroundings),
        **weeks,
        "has_new_messages": has_new(who),
    }


def _cycle(who: Person, surroundings: Nearby) -> CycleSeen | None:
    """The negative cycle as far as it was shown to this partner."""
    couple, partner = surroundings.couple, surroundings.partner
    if couple is None or partner is None:
        return None
    names = {surroundings.side: who.name_used, surroundings.other_side: partner.name_used}
    return cycle_for(who, couple, surroundings.side, names)


def _warm(surroundings: Nearby) -> str:
    """A warm word about all the two ever said they did: what both can read, and nothing else."""
    if surroundings.couple is None:
        return ""
    days = ExerciseDone.objects.filter(couple=surroundings.couple).values_list("on_day", flat=True)
    return warm_word(days.distinct(), DONE)


def _sessions(surroundings: Nearby) -> list[CoupleSession]:
    """The couple's sessions as far as the picture reaches, oldest first; of a couple that parted, its last ones."""
    couple = surroundings.couple
    if couple is None:
        return []
    rows = CoupleSession.objects.filter(couple=couple).exclude(state=CoupleSession.State.CANCELLED)
    if couple.is_together:
        return list(rows.filter(at__gte=timezone.now() - LOOKS_BACK).order_by("at")[:MOST_SESSIONS])
    return list(rows.order_by("-at")[:MOST_SESSIONS])[::-1]


def _summaries(surroundings: Nearby) -> list[SharedSummary]:
    """The newest summaries both may read; for somebody in no couple now, those they had read at parting."""
    rows = SharedSummary.objects.select_related("author").order_by("-recorded_at", "-id")
    found = list((rows.filter(couple=surroundings.couple) if surroundings.couple else rows)[:10])
    # Not joined: after a parting the words that were read may outlive the sight of their session.
    sessions = CoupleSession.objects.in_bulk([row.session_id for row in found])
    for row in found:
        row.said_at = sessions[row.session_id].at if row.session_id in sessions else row.recorded_at  # type: ignore[attr-defined]
    return found


def _agreement(who: Person, surroundings: Nearby) -> dict[str, Any] | None:
    if surroundings.couple is None:
        return None
    row = (
        DisclosureAgreement.objects.select_related("text")
        .prefetch_related("signatures")
        .filter(couple=surroundings.couple)
        .order_by("-version")
        .first()
    )
    if row is None:
        return None
    signed = {signature.author_id for signature in row.signatures.all()}
    return {"row": row, "signed_by_me": who.id in signed, "in_force": len(signed) == 2}


def _open(
    who: Person,
    given_to_me: list[Shared],
    sessions: list[CoupleSession],
    summaries: list[SharedSummary],
    given: list[Running],
    week: Week | None,
) -> None:
    """Note what was opened for the first time: seen is told from never seen, and kept by both at parting."""
    items: list[tuple[str, Any]] = [(actions.ITEM_KIND, each.version) for each in given_to_me]
    ours = [*sessions, *summaries, *(each.row for each in given)]
    items += [(SHARED_KIND, each) for each in ours]
    ids = [item.id for _, item in items]
    known = set(Receipt.objects.filter(author=who, item_id__in=ids).values_list("item_id", flat=True))
    for kind, item in items:
        if item.id not in known:
            receive(by=who, item_kind=kind, item=item)
    said = [done for each in given for done in each.done[:MOST_SAID]]
    receive_common(by=who, items=[*said, *(week.rows if week else [])])


urlpatterns: list[URLPattern] = [
    path("us", us, name="us"),
]
