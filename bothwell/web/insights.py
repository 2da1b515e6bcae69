"""My insights: what came up, and who may know? The list, one of them, and finding words again.

Only their author ever opens these pages. What others see is on their own pages, word for word as previewed.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Person
from bothwell.integration import actions, draft_actions
from bothwell.integration.finding import all_tags, has_tag, is_found
from bothwell.integration.insights import listed
from bothwell.integration.models import CoupleSession, Insight, InsightDraft, InsightVersion
from bothwell.privacy.models import Grant
from bothwell.web.around import Nearby, nearby
from bothwell.web.asking import require_partner
from bothwell.web.given import Shared, opened, theirs
from bothwell.web.insights_share import session_ahead
from bothwell.web.insights_sheet import Sheet, own_sheet, parts_of, sheets

ON_A_PAGE = 40
LONGEST_ASKED = 200


class FindForm(forms.Form):
    """What to look for: words, or one tag. Posted, so that it stands in no address, history or log."""

    asked = forms.CharField(required=False, max_length=LONGEST_ASKED)
    tag = forms.CharField(required=False, max_length=LONGEST_ASKED)


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """Everything one wrote, newest first; what was set aside on a page of its own."""
    who = require_partner(request)
    aside = request.GET.get("aside") == "1"
    page = _page_number(request)
    rows = list(_own(who, aside)[(page - 1) * ON_A_PAGE : page * ON_A_PAGE + 1])
    surroundings = nearby(who)
    found = sheets(who, rows[:ON_A_PAGE], surroundings.around)
    context = {
        "sheets": found,
        "aside": aside,
        "page": page,
        "older": page + 1 if len(rows) > ON_A_PAGE else None,
        "tags": _tags(who),
        "drafts": [] if aside or page > 1 else drafts_shown(who),
        "session": _session_asked(request, surroundings),
        "session_with": listed(surroundings.around.couples_therapists),
    }
    return render(request, "insights/page.html", context)


def _page_number(request: HttpRequest) -> int:
    asked = request.GET.get("page", "1")
    return min(max(int(asked), 1), 10_000) if asked.isascii() and asked.isdigit() and len(asked) < 6 else 1


def _own(who: Person, aside: bool) -> QuerySet[Insight]:
    rows = Insight.objects.filter(subject=who, set_aside_at__isnull=not aside)
    return rows.order_by("-recorded_at", "-id")


def _tags(who: Person) -> tuple[str, ...]:
    """Every tag that stands on a sheet now. Words made to be given have none."""
    given = Grant.objects.filter(subject=who).values("item_id")
    own = InsightVersion.objects.filter(subject=who).exclude(id__in=given).order_by("number")
    return all_tags(dict(own.values_list("insight_id", "tags")).values())


def drafts_shown(who: Person) -> list[InsightDraft]:
    """What was begun and not finished, as far as there are words in it."""
    return [draft for draft in draft_actions.open_drafts(who) if _has_words(draft)]


def _has_words(draft: InsightDraft) -> bool:
    return any((draft.text, draft.feeling, draft.to_say, draft.to_ask, draft.tags))


def _session_asked(request: HttpRequest, surroundings: Nearby) -> CoupleSession | None:
    """The couples session one came from, to give something for it."""
    session = session_ahead(surroundings)
    return session if session and str(session.id) == request.GET.get("session") else None


@require_http_methods(["GET", "POST"])
def find(request: HttpRequest) -> HttpResponse:
    """Words again: one's own, current ones, and those the partner has given and not taken back."""
    who = require_partner(request)
    if request.method == "GET":
        return redirect("/insights")
    form = FindForm(request.POST)
    surroundings = nearby(who)
    context: dict[str, Any] = {"tags": _tags(who), "is_search": True}
    if not form.is_valid():
        words = f"Look for something shorter: there is room for {LONGEST_ASKED} characters."
        context |= {"trouble": words, "asked": request.POST.get("asked", "").replace("\0", "")}
        return render(request, "insights/page.html", context, status=422)
    asked, tag = form.cleaned_data["asked"], form.cleaned_data["tag"]
    if not asked and not tag:
        return redirect("/insights")
    received = [] if tag else _received(who, surroundings, asked)
    opened(who, received)
    context |= {
        "asked": asked,
        "tag": tag,
        "sheets": _matching(_everything(who, surroundings), asked, tag),
        "received": received,
        "nearby": surroundings,
    }
    return render(request, "insights/page.html", context)


def _everything(who: Person, surroundings: Nearby) -> list[Sheet]:
    """All of one's own, those set aside too: whoever looks for words wants to find them."""
    rows = Insight.objects.filter(subject=who).order_by("-recorded_at", "-id")
    return sheets(who, rows, surroundings.around)


def _matching(found: Sequence[Sheet], asked: str, tag: str) -> list[Sheet]:
    return [
        sheet
        for sheet in found
        if is_found(asked, [*_texts(sheet.current), *sheet.current.tags])
        and (not tag or has_tag(tag, sheet.current.tags))
    ]


def _received(who: Person, surroundings: Nearby, asked: str) -> list[Shared]:
    given, _ = theirs(who, surroundings)
    found = [each for each in given if is_found(asked, _texts(each.version))]
    return sorted(found, key=lambda each: each.given_at, reverse=True)


def _texts(version: InsightVersion) -> list[str]:
    return [version.text, version.feeling, version.to_say, version.to_ask]


@require_GET
def one(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """One insight: its words, who can see it, what happened to it."""
    who, surroundings, sheet = own_sheet(request, insight_id)
    context = {
        "sheet": sheet,
        "parts": parts_of(sheet.current),
        "draft": draft_actions.draft_of(who, sheet.insight),
        "session": session_ahead(surroundings),
    }
    return render(request, "insights/one.html", context)


@require_POST
def aside(request: HttpRequest, insight_id: UUID) -> HttpResponse:
    """Out of sight, or back."""
    who, _, _ = own_sheet(request, insight_id)
    actions.set_aside(by=who, insight_id=insight_id, aside=request.POST.get("aside") == "1")
    return redirect("/insights")


urlpatterns: list[URLPattern] = [
    path("insights", listing, name="insights"),
    path("insights/find", find, name="insights-find"),
    path("insights/<uuid:insight_id>", one, name="insight"),
    path("insights/<uuid:insight_id>/aside", aside, name="insight-aside"),
]
