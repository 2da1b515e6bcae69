"""Us: what are we working on? What both were given, what both agreed, and one's own line; nothing computed over both.

What one of the two has not given is not here in any form: no gap, no count, no mark that it exists.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from bothwell.couples.models import Person
from bothwell.integration import actions
from bothwell.integration.insights import badge
from bothwell.integration.models import CoupleSession, ExerciseDone, ExerciseGiven, InsightVersion, SharedSummary
from bothwell.privacy import audit
from bothwell.privacy.actions import receive
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Audience, DisclosureAgreement, Grant, Receipt
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, local_now, nearby
from bothwell.web.asking import require_partner

SHARED_KIND = "couple.shared"


@dataclass(frozen=True)
class Shared:
    """Words one of the two gave to the other; `mine` for one's own."""

    version: InsightVersion
    name: str
    side: str
    mine: bool
    label: str
    insight_id: UUID | None = None


@require_GET
def us(request: HttpRequest) -> HttpResponse:
    """The whole page, or only its living part for a page that is open already."""
    who = require_partner(request)
    surroundings = nearby(who)
    context = _context(who, surroundings)
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "us/page.html#living", context)
    if surroundings.couple:
        audit.viewed(who, couple=surroundings.couple, what="couple.shared")
    return render(request, "us/page.html", context)


def _context(who: Person, surroundings: Nearby, trouble: str = "") -> dict[str, Any]:
    theirs, taken_back = _theirs(who, surroundings)
    sessions = _sessions(surroundings)
    summaries = _summaries()
    exercises = _exercises(who)
    _open(who, theirs, sessions, summaries, exercises)
    return {
        "nearby": surroundings,
        "shared": sorted([*theirs, *_mine(surroundings)], key=lambda each: each.version.recorded_at, reverse=True),
        "taken_back": taken_back,
        "sessions": [row for row in sessions if row.state == CoupleSession.State.PLANNED],
        "summaries": summaries,
        "exercises": exercises,
        "agreement": _agreement(who, surroundings),
        "today": local_now(who).date(),
        "trouble": trouble,
    }


def _theirs(who: Person, surroundings: Nearby) -> tuple[list[Shared], bool]:
    """What the partner gave, as far as it is open; and whether something opened before was taken back."""
    partner = surroundings.partner
    if partner is None:
        return [], False
    versions = list(InsightVersion.objects.filter(subject=partner))
    open_to = _audiences([version.id for version in versions])
    read = set(
        Receipt.objects.filter(author=who, subject=partner, item_kind=actions.ITEM_KIND).values_list("item_id", flat=True)
    )
    shared = [
        Shared(version, partner.name_used, surroundings.other_side, False, _label(open_to.get(version.id), surroundings))
        for version in versions
    ]
    return shared, bool(read - {version.id for version in versions})


def _audiences(ids: list[UUID]) -> dict[UUID, set[Relation]]:
    """To whom items the viewer sees are open, themselves among them."""
    found: dict[UUID, set[Relation]] = {}
    now = timezone.now()
    for item, audience in Grant.objects.filter(
        item_id__in=ids, revoked_at__isnull=True, opens_at__lte=now
    ).values_list("item_id", "audience"):
        if audience != Audience.INDIVIDUAL_THERAPIST:
            found.setdefault(item, set()).add(Relation(audience))
    return found


def _label(audiences: set[Relation] | None, surroundings: Nearby) -> str:
    return badge({Relation.PARTNER, *(audiences or ())}, surroundings.around)


def _mine(surroundings: Nearby) -> list[Shared]:
    """One's own words that are open to the partner now."""
    if surroundings.partner is None:
        return []
    who = surroundings.person
    given = Grant.objects.filter(
        subject=who,
        item_kind=actions.ITEM_KIND,
        couple=surroundings.couple,
        audience=Audience.PARTNER,
        revoked_at__isnull=True,
        opens_at__lte=timezone.now(),
    ).values("item_id")
    versions = list(InsightVersion.objects.filter(subject=who, id__in=given))
    open_to = _audiences([version.id for version in versions])
    return [
        Shared(version, "You", surroundings.side, True, _label(open_to.get(version.id), surroundings), version.insight_id)
        for version in versions
    ]


def _sessions(surroundings: Nearby) -> list[CoupleSession]:
    since = timezone.now() - timedelta(hours=2)
    ahead = CoupleSession.objects.filter(at__gte=since).exclude(state=CoupleSession.State.CANCELLED).order_by("at")
    return list(ahead[:5]) if surroundings.couple else []


def _summaries() -> list[SharedSummary]:
    """The newest summaries both may read; after parting, those both had read."""
    return list(SharedSummary.objects.select_related("session", "author").order_by("-recorded_at", "-id")[:10])


def _exercises(who: Person) -> list[dict[str, Any]]:
    """Exercises in force, each with what either said about it, word by word: no counts."""
    now, given = timezone.now(), []
    rows = ExerciseGiven.objects.select_related("couple").order_by("-recorded_at", "-id")[:20]
    by_exercise: dict[UUID, list[ExerciseDone]] = {}
    found = [row for row in rows if row.until is None or row.until >= now]
    for done in ExerciseDone.objects.select_related("author").filter(given__in=[row.id for row in found]).order_by("-on_day", "-id"):
        by_exercise.setdefault(done.given_id, []).append(done)
    today = local_now(who).date()
    for row in found:
        done_rows = by_exercise.get(row.id, [])
        given.append(
            {
                "row": row,
                "title": exercise_title(row),
                "done": done_rows[:6],
                "done_today": any(each.author_id == who.id and each.on_day == today for each in done_rows),
            }
        )
    return given


def exercise_title(given: ExerciseGiven) -> str:
    """The exercise by the name it is known by at home."""
    return given.exercise.replace("-", " ").replace("_", " ").capitalize()


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
    theirs: list[Shared],
    sessions: list[CoupleSession],
    summaries: list[SharedSummary],
    exercises: list[dict[str, Any]],
) -> None:
    """Note what was opened for the first time: it tells a share seen from one never seen, and what both had at parting."""
    items: list[tuple[str, Any]] = [(actions.ITEM_KIND, each.version) for each in theirs]
    ours = [*sessions, *summaries, *(each["row"] for each in exercises)]
    items += [(SHARED_KIND, each) for each in ours]
    ids = [item.id for _, item in items]
    known = set(Receipt.objects.filter(author=who, item_id__in=ids).values_list("item_id", flat=True))
    for kind, item in items:
        if item.id not in known:
            receive(by=who, item_kind=kind, item=item)


@require_POST
def done(request: HttpRequest, given_id: UUID) -> HttpResponse:
    """An exercise was done, with a word to both."""
    who = require_partner(request)
    words = request.POST.get("words", "").replace("\x00", "")
    try:
        actions.do_exercise(by=who, given_id=given_id, words=words, on_day=local_now(who).date())
    except Refused as refused:
        context = {**_context(who, nearby(who), refused.reason), "kept_words": words, "kept_for": given_id}
        return render(request, "us/page.html", context, status=422)
    messages.success(request, "Kept, for both of you.")
    return redirect("/us")


urlpatterns: list[URLPattern] = [
    path("us", us, name="us"),
    path("us/exercises/<uuid:given_id>/done", done, name="exercise-done"),
]
