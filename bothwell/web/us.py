"""Us: what are we working on? What was given, what both agreed, and one's own line; nothing over both.

What one of the two has not given is not here in any form: no gap, no count, no mark that it exists.
"""

from dataclasses import dataclass
from datetime import datetime
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
from bothwell.integration.library import exercises
from bothwell.integration.models import (
    CoupleSession,
    ExerciseDone,
    ExerciseGiven,
    InsightVersion,
    SharedSummary,
)
from bothwell.integration.pause_actions import pause_of
from bothwell.privacy import audit
from bothwell.privacy.actions import receive
from bothwell.privacy.circles import Relation
from bothwell.privacy.models import Audience, DisclosureAgreement, Grant, Receipt
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, local_now, nearby
from bothwell.web.asking import require_partner
from bothwell.web.own_line import LOOKS_BACK, own_story
from bothwell.web.score import Side
from bothwell.web.score_upright import draw

SHARED_KIND = "couple.shared"


@dataclass(frozen=True)
class Shared:
    """Words one of the two gave to the other; `mine` for one's own."""

    version: InsightVersion
    name: str
    side: str
    mine: bool
    label: str
    given_at: datetime
    insight_id: UUID | None = None

    @property
    def given_words(self) -> str:
        """A receiver learns of no other audience, so the badge promises none."""
        return f"{self.name} gave you these words, perhaps others too, and can take them back at any time."


@require_GET
def us(request: HttpRequest) -> HttpResponse:
    """The whole page, or only its living part for a page that is open already."""
    who = require_partner(request)
    surroundings = nearby(who)
    context = _context(who, surroundings, hides_own_line=request.GET.get("hide") == "1")
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "us/page.html#living", context)
    if surroundings.couple:
        audit.viewed(who, couple=surroundings.couple, what="couple.shared")
    return render(request, "us/page.html", context)


def _context(
    who: Person, surroundings: Nearby, trouble: str = "", hides_own_line: bool = False
) -> dict[str, Any]:
    theirs, taken_back = _theirs(who, surroundings)
    shared = sorted([*theirs, *_mine(surroundings)], key=lambda each: each.given_at, reverse=True)
    sessions = _sessions(surroundings)
    planned = [row for row in sessions if row.state == CoupleSession.State.PLANNED][:5]
    summaries = _summaries(surroundings)
    given = _exercises(surroundings)
    _open(who, theirs, sessions, summaries, given)
    story = own_story(
        surroundings,
        sessions,
        [(each.side, each.given_at) for each in shared],
        is_hidden=hides_own_line,
    )
    return {
        "nearby": surroundings,
        "shared": shared,
        "taken_back": taken_back,
        "sessions": planned,
        "summaries": summaries,
        "exercises": given,
        "agreement": _agreement(who, surroundings),
        "pause": pause_of(surroundings.couple),
        "score": draw(story, Side(surroundings.side), hidden=hides_own_line) if story else None,
        "trouble": trouble,
    }


def _theirs(who: Person, surroundings: Nearby) -> tuple[list[Shared], bool]:
    """What the partner gave, as far as it is open; and whether something opened before was taken back."""
    partner = surroundings.partner
    if partner is None:
        return [], False
    versions = list(InsightVersion.objects.filter(subject=partner))
    given = _given([version.id for version in versions])
    read = set(
        Receipt.objects.filter(author=who, subject=partner, item_kind=actions.ITEM_KIND).values_list(
            "item_id", flat=True
        )
    )
    side = surroundings.other_side
    shared = [
        Shared(
            version,
            partner.name_used,
            side,
            False,
            _label(given[version.id], surroundings),
            _since(given[version.id]),
        )
        for version in versions
        if version.id in given
    ]
    return shared, bool(read - {version.id for version in versions})


def _given(ids: list[UUID]) -> dict[UUID, dict[Relation, datetime]]:
    """To whom of the couple's work each of these items is open, and since when."""
    found: dict[UUID, dict[Relation, datetime]] = {}
    grants = Grant.objects.filter(item_id__in=ids, revoked_at__isnull=True, opens_at__lte=timezone.now())
    for item, audience, since in grants.values_list("item_id", "audience", "opens_at"):
        if audience != Audience.INDIVIDUAL_THERAPIST:
            found.setdefault(item, {})[Relation(audience)] = since
    return {item: audiences for item, audiences in found.items() if Relation.PARTNER in audiences}


def label_of(version: InsightVersion, surroundings: Nearby) -> str:
    """The badge on words the partner gave; empty where they are not open to the viewer just now."""
    audiences = _given([version.id]).get(version.id)
    return _label(audiences, surroundings) if audiences else ""


def _since(audiences: dict[Relation, datetime]) -> datetime:
    return audiences[Relation.PARTNER]


def _label(audiences: dict[Relation, datetime], surroundings: Nearby) -> str:
    return badge(audiences, surroundings.around)


def _mine(surroundings: Nearby) -> list[Shared]:
    """One's own words that are open to the partner now."""
    if surroundings.partner is None:
        return []
    who, side = surroundings.person, surroundings.side
    open_now = Grant.objects.filter(
        subject=who,
        item_kind=actions.ITEM_KIND,
        couple=surroundings.couple,
        audience=Audience.PARTNER,
        revoked_at__isnull=True,
    ).values("item_id")
    versions = list(InsightVersion.objects.filter(subject=who, id__in=open_now))
    given = _given([version.id for version in versions])
    return [
        Shared(
            version,
            "You",
            side,
            True,
            _label(given[version.id], surroundings),
            _since(given[version.id]),
            version.insight_id,
        )
        for version in versions
        if version.id in given
    ]


def _sessions(surroundings: Nearby) -> list[CoupleSession]:
    """The couple's sessions as far as the picture reaches, oldest first."""
    if surroundings.couple is None:
        return []
    rows = CoupleSession.objects.filter(couple=surroundings.couple, at__gte=timezone.now() - LOOKS_BACK)
    return list(rows.exclude(state=CoupleSession.State.CANCELLED).order_by("at")[:80])


def _summaries(surroundings: Nearby) -> list[SharedSummary]:
    """The newest summaries both may read; for somebody in no couple now, those both had read at parting."""
    rows = SharedSummary.objects.select_related("author").order_by("-recorded_at", "-id")
    found = list((rows.filter(couple=surroundings.couple) if surroundings.couple else rows)[:10])
    # Not joined: after a parting the words both had read may outlive the sight of their session.
    sessions = CoupleSession.objects.in_bulk([row.session_id for row in found])
    for row in found:
        row.said_at = sessions[row.session_id].at if row.session_id in sessions else row.recorded_at  # type: ignore[attr-defined]
    return found


def _exercises(surroundings: Nearby) -> list[dict[str, Any]]:
    """Exercises in force, each with what either said about it, word by word: no counts."""
    if surroundings.couple is None:
        return []
    who, now, given = surroundings.person, timezone.now(), []
    rows = ExerciseGiven.objects.filter(couple=surroundings.couple).order_by("-recorded_at", "-id")[:20]
    by_exercise: dict[UUID, list[ExerciseDone]] = {}
    found = [row for row in rows if row.until is None or row.until >= now]
    for done in (
        ExerciseDone.objects.select_related("author")
        .filter(given__in=[row.id for row in found])
        .order_by("-on_day", "-id")
    ):
        by_exercise.setdefault(done.given_id, []).append(done)
    today, known = local_now(who).date(), {each.code: each for each in exercises()}
    for row in found:
        done_rows = by_exercise.get(row.id, [])
        given.append(
            {
                "row": row,
                "title": known[row.exercise].title if row.exercise in known else row.exercise,
                "known": known.get(row.exercise),
                "done": done_rows[:6],
                "done_today": any(each.author_id == who.id and each.on_day == today for each in done_rows),
            }
        )
    return given


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
    given: list[dict[str, Any]],
) -> None:
    """Note what was opened for the first time: seen is told from never seen, and kept by both at parting."""
    items: list[tuple[str, Any]] = [(actions.ITEM_KIND, each.version) for each in theirs]
    ours = [*sessions, *summaries, *(each["row"] for each in given)]
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
