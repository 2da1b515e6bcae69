"""The score on a page of its own: how did we get here? For one of the two, and for their couples therapist.

Any part of the story, near or far, drawn, told as a table and on one sheet of paper. It writes nothing but who looked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import ModuleType
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET

from bothwell.couples.models import Couple, Person
from bothwell.integration.session_actions import receive_all
from bothwell.integration.story import ZOOMS, Window
from bothwell.privacy import audit
from bothwell.web import on_paper, score_told, score_upright, score_wide
from bothwell.web.around import Nearby, local_now, nearby, zone_of
from bothwell.web.asking import by_script, require_partner
from bothwell.web.couple_asking import therapist_and_couple
from bothwell.web.couple_chart import Chart, read
from bothwell.web.given import opened
from bothwell.web.score import Side, Story, day

TITLES: Final = {"all": "All of it", "year": "A year", "quarter": "A quarter", "month": "A month"}
SHARED: Final = "couple.shared"
OK: Final = 200
ON_PAPER: Final = ".s-val, .s-ringname, .s-csd, .s-bandname { stroke: none; }"
"""On paper words are not outlined: what makes it cannot draw an outline beneath its letters."""


@dataclass(frozen=True, slots=True)
class Link:
    """Another view of the same story; without an address, one that there is not."""

    key: str
    words: str
    href: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; anything it cannot mean is as if it had not been said."""

    given: Mapping[str, str]

    @property
    def wanted(self) -> dict[Side, str]:
        return {side: self.given.get(side.value, "") for side in Side}

    @property
    def zoom(self) -> str:
        return self.given.get("zoom", "")

    @property
    def until(self) -> date | None:
        try:
            return date.fromisoformat(self.given.get("until", ""))
        except ValueError:
            return None

    @property
    def is_hidden(self) -> bool:
        return self.given.get("hide") == "1"

    @property
    def mirrored(self) -> bool:
        return self.given.get("flat") != "1"

    def href(self, **changed: str) -> str:
        """This view but for what is changed; an empty value leaves it out."""
        kept = {
            name: self.given[name]
            for name in ("a", "b", "zoom", "until", "hide", "flat")
            if name in self.given
        }
        told = {name: value for name, value in (kept | changed).items() if value}
        return f"?{urlencode(told)}" if told else "?"


def _zooms(asked: Asked, part: Window) -> dict[str, Any]:
    """How much time to show, and what lies beside it."""
    return {
        "zooms": [
            Link(key, TITLES[key], asked.href(zoom=key), key == part.zoom) for key in ZOOMS
        ],
        "earlier": Link("earlier", "Earlier", _beside(asked, part, part.earlier)),
        "later": Link("later", "Later", _beside(asked, part, part.later)),
        "span": f"{day(part.begins)} {part.begins.year} to {day(part.ends)} {part.ends.year}",
    }  # fmt: skip


def _beside(asked: Asked, part: Window, until: date | None) -> str:
    return asked.href(zoom=part.zoom, until=until.isoformat()) if until else ""


def _asked(request: HttpRequest) -> Asked:
    return Asked({name: value for name, value in request.GET.items() if isinstance(value, str)})


# ── one of the two ───────────────────────────────────────────────────────────────────────────────


@require_GET
def ours(request: HttpRequest) -> HttpResponse:
    """One's own line beside what is ours; of the other only what was given."""
    who, asked = require_partner(request), _asked(request)
    around = nearby(who)
    context = _of_partner(request, who, around, asked)
    if by_script(request) and request.GET.get("living"):
        return render(request, "score/page.html#living", context)
    if around.couple:
        audit.viewed(who, couple=around.couple, what=SHARED)
    return render(request, "score/page.html", context)


def _of_partner(request: HttpRequest, who: Person, around: Nearby, asked: Asked) -> dict[str, Any]:
    told = score_told.of_partner(around, asked.wanted, is_hidden=asked.is_hidden)
    context: dict[str, Any] = {"nearby": around, "asked": asked, "living": f"/score{asked.href(living='1')}"}
    if told is None:
        return context
    opened(who, told.shared)
    shown, part = told.seen(asked.zoom, asked.until)
    own = Side(around.side)
    return context | _zooms(asked, part) | {
        "wide": score_wide.draw(_one_side(shown, own), mirrored=asked.mirrored, counts=False),
        "upright": score_upright.draw(shown, own, hidden=asked.is_hidden),
        "pickers": [
            (side, "My line" if side is own else f"What {around.partner.name_used} gave", told.choices.get(side, ()))
            for side in Side
            if len(told.choices.get(side, ())) > 1 and around.partner
        ],
        "hide": Link("hide", "Looking together? Hide my line", asked.href(hide="1")),
        "show": Link("show", "Show my line again", asked.href(hide="")),
        "pdf": reverse("score_pdf") + asked.href(),
    }  # fmt: skip


def _one_side(story: Story, own: Side) -> Story:
    """What `own` may see of it, whatever was handed in: the same rule as on a phone."""
    return score_upright.as_seen_by(story, own, hidden=False)


@require_GET
def ours_pdf(request: HttpRequest) -> HttpResponse:
    """The same on one sheet."""
    who, asked = require_partner(request), _asked(request)
    around = nearby(who)
    context = _of_partner(request, who, around, asked)
    if "wide" not in context:
        return redirect("score")
    words = {
        "title": "How we got here",
        "lead": f"{context['span']}. My line, what is ours, and what was given to me. For me alone.",
        "score": context["wide"],
        "plain": True,
    }
    made = _pdf(request, words, reverse("score"), "notes.pdf")
    if made.status_code == OK:
        audit.log("exported", by=who, subject=who, couple=around.couple, item_kind=SHARED)
    return made


# ── their couples therapist ──────────────────────────────────────────────────────────────────────


@require_GET
def theirs(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The whole story of one couple for their therapist: each line and dosing session by its own release."""
    who, pair = therapist_and_couple(request, couple_id)
    chart, context = _of_couple(who, pair, _asked(request))
    receive_all(by=who, versions=[word.row for word in chart.words])
    if by_script(request) and request.GET.get("living"):
        return render(request, "score/theirs.html#living", context)
    _log(who, chart, "viewed")
    return render(request, "score/theirs.html", context)


def _of_couple(who: Person, pair: Couple, asked: Asked) -> tuple[Chart, dict[str, Any]]:
    chart = read(pair)
    told = score_told.of_couple(chart, asked.wanted, zone_of(who))
    shown, part = told.seen(asked.zoom, asked.until)
    context = _zooms(asked, part) | {
        "chart": chart,
        "asked": asked,
        "score": score_wide.draw(shown, mirrored=asked.mirrored),
        "pickers": [
            (Side(voice.side), f"{voice.name}’s line", told.choices[Side(voice.side)])
            for voice in chart.voices
            if told.choices[Side(voice.side)]
        ],
        "other_way": asked.href(flat="1" if asked.mirrored else ""),
        "pdf": reverse("couple_score_pdf", args=[pair.id]) + asked.href(),
        "living": reverse("couple_score", args=[pair.id]) + asked.href(living="1"),
    }
    return chart, context


def _log(who: Person, chart: Chart, action: str) -> None:
    """An entry for each of the two: each finds in their own log what was looked at of theirs."""
    for voice in chart.voices:
        audit.log(
            action, by=who, subject=voice.person.id, couple=chart.couple, item_kind=_looked_at(voice.released)
        )


def _looked_at(released: frozenset[str]) -> str:
    return "measures" if {"individual_scores", "relationship_scores"} & released else SHARED


@require_GET
def theirs_pdf(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The same on one sheet, for the therapist alone."""
    who, pair = therapist_and_couple(request, couple_id)
    chart, context = _of_couple(who, pair, _asked(request))
    now = local_now(who)
    words = {
        "title": f"{chart.a.name} and {chart.b.name}",
        "lead": f"{context['span']}. What each released to their couples therapist, not to the other. "
        f"Printed by {who.signs_as}, {day(now.date())} {now.year}, {now:%H:%M}.",
        "score": context["score"],
        "plain": False,
    }
    made = _pdf(request, words, reverse("couple_score", args=[pair.id]), "score.pdf")
    if made.status_code == OK:
        _log(who, chart, "exported")
    return made


def _pdf(request: HttpRequest, words: dict[str, Any], page: str, name: str) -> HttpResponse:
    def html(printed: ModuleType) -> str:
        style = printed.picture_style("bothwell/score.css", ON_PAPER)
        return render_to_string("score/paper.html", words | {"paper": style})

    return on_paper.hand_out(request, name, page, html)


urlpatterns: list[URLPattern] = [
    path("score", ours, name="score"),
    path("score.pdf", ours_pdf, name="score_pdf"),
    path("couples/<uuid:couple_id>/score", theirs, name="couple_score"),
    path("couples/<uuid:couple_id>/score.pdf", theirs_pdf, name="couple_score_pdf"),
]
