"""Measures over time: how I am, how somebody in my care is, and how each of two is.

A person sees their own; those who care for them what row-level security shows them; a couples therapist each
partner's as far as that partner released it. No page computes anything over two people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from types import ModuleType
from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET

from bothwell.couples.models import Couple, Person
from bothwell.instruments.change import OBSERVATIONS_BEFORE_A_VERDICT
from bothwell.instruments.instrument import Kind as Class
from bothwell.instruments.models import Kind
from bothwell.integration import session_actions
from bothwell.integration.insights import Seen, seen_by
from bothwell.integration.story import release_needed
from bothwell.privacy import audit
from bothwell.privacy.models import ReleaseClass
from bothwell.web import on_paper
from bothwell.web.around import local_now, nearby, zone_of
from bothwell.web.asking import not_ones_own, require, require_partner
from bothwell.web.caring import cared_for
from bothwell.web.checkin import released_by
from bothwell.web.couple_chart import members_of, releases_of
from bothwell.web.score import Dose, Side, day, plain
from bothwell.web.trajectory import (
    AREAS,
    Course,
    Measure,
    change_words,
    describe,
    ends,
    own_description,
    own_meaning,
    own_words,
    threshold_words,
    total_words,
)
from bothwell.web.trajectory_rows import MEASURES, axis_of, doses_of, measures_of
from bothwell.web.trajectory_shapes import Axis, Chart, draw

SPANS: Final = {
    "": ("Everything", None),
    "year": ("A year", timedelta(days=365)),
    "half": ("Half a year", timedelta(days=183)),
}
"""How far back a page looks, by what stands in its address."""

ABOUT_ME, ABOUT_US = "About me", "About us, from my side"
OK: Final = 200
KIND: Final = "measures"
"""What such a page is called in the log."""


# ── what a page shows ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Line:
    """One row of the table beside a picture."""

    on: str
    cells: tuple[str, ...]
    href: str = ""


@dataclass(frozen=True)
class Shown:
    """One score over time, ready for its template; `rest` are the scores that stand beneath it."""

    course: Course
    chart: Chart
    key: str
    title: str
    description: str
    words: str
    table: tuple[Line, ...]
    top: str = ""
    bottom: str = ""
    threshold: str = ""
    to_confirm: bool = False
    meaning: tuple[str, ...] = ()
    seen: Seen | None = None
    rest: tuple[Shown, ...] = ()

    @property
    def last(self) -> str:
        return plain(self.course.totals[-1][1])

    @property
    def last_on(self) -> date:
        return self.course.totals[-1][0]

    @property
    def columns(self) -> tuple[str, ...]:
        """What heads the columns of the table."""
        return (self.course.scale.title, *(one.course.scale.title for one in self.rest))

    @property
    def is_before_a_dose(self) -> bool:
        return self.course.kind == Kind.PREDOSE


@dataclass(frozen=True)
class Part:
    """What one person has under a heading; `absent` stands where there is nothing."""

    name: str
    side: str
    shown: tuple[Shown, ...]
    absent: str = ""


@dataclass(frozen=True)
class Group:
    """A heading with what stands under it."""

    heading: str
    parts: tuple[Part, ...]


# ── my own ───────────────────────────────────────────────────────────────────────────────────────


@require_GET
def how_i_am(request: HttpRequest) -> HttpResponse:
    """One's own lines in plain words; nobody else's."""
    who = require_partner(request)
    return render(request, "trajectories/own.html", _own(who) | {"viewer_side": nearby(who).side})


@require_GET
def how_i_am_pdf(request: HttpRequest) -> HttpResponse:
    """The same on paper."""
    who = require_partner(request)
    words = {
        "title": "How I am",
        "lead": "From my own answers, over time. It is no diagnosis.",
        "is_own": True,
    }
    made = _pdf(request, _own(who) | words, "how-i-am.pdf")
    if made.status_code == OK:
        audit.log("exported", by=who, subject=who, item_kind=KIND)
    return made


def _own(who: Person) -> dict[str, Any]:
    around, zone, today = nearby(who), zone_of(who), local_now(who).date()
    own = measures_of([who.id], who.clinic_id, zone)[who.id]
    axis, doses = axis_of(own, today, None), doses_of([who.id], zone)[who.id]
    released, side = released_by(who), Side(around.side or "a")
    seen = {kind: seen_by(kind, around.team, released) for kind in MEASURES}
    shown = [
        _own_shown(course, side, axis, doses, today, seen[measure.kind])
        for measure in own
        for course in measure.heads
        if measure.instrument.main or course.scale.gain
    ]
    groups = [
        Group(heading, (Part(who.name_used, side, part),))
        for heading, is_us in ((ABOUT_ME, False), (ABOUT_US, True))
        if (part := tuple(one for one in shown if (one.course.kind == Kind.RELATIONSHIP) is is_us))
    ]
    return {"groups": groups, "doses": any(one.chart.doses for one in shown), "today": today}


def _own_shown(
    course: Course, side: Side, axis: Axis, doses: Sequence[Dose], today: date, seen: Seen
) -> Shown:
    """No name of a band, no cut-off, and nothing marked on fewer than three answers."""
    says = len(course.totals) >= OBSERVATIONS_BEFORE_A_VERDICT
    top, bottom = ends(course.scale)
    reliable = course.reliable if says else ()
    return Shown(
        course=course,
        chart=draw(
            course.observations, course.scale, axis, side,
            reliable=reliable, held=None, doses=doses, is_plain=True,
        ),
        key=_key("own", course),
        title=course.plain_title,
        description=own_description(course, today),
        words=own_words(course, today),
        table=tuple(Line(_day(on), (total_words(total),)) for on, total in reversed(course.observations)),
        top=top,
        bottom=bottom,
        meaning=own_meaning(course),
        seen=seen,
    )  # fmt: skip


# ── somebody in my care ──────────────────────────────────────────────────────────────────────────


@require_GET
def measures(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """One person's measures for those who care for them, as far as they are theirs to see."""
    care = cared_for(request, person_id)
    span = _span(request)
    context = _of_person(care.person, care.side, span)
    audit.viewed(care.viewer, subject=care.person, what=KIND)
    context |= {"person": care.person, "side": care.side, "spans": _spans(span), "span": span}
    return render(request, "trajectories/person.html", context)


@require_GET
def measures_pdf(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """The same on paper."""
    care = cared_for(request, person_id)
    words = {"title": "Measures", "lead": f"{care.person.name_used}. {_printed(care.viewer)}"}
    made = _pdf(request, _of_person(care.person, care.side, _span(request)) | words, "measures.pdf")
    if made.status_code == OK:
        audit.log("exported", by=care.viewer, subject=care.person, item_kind=KIND)
    return made


def _of_person(person: Person, side: str, span: str) -> dict[str, Any]:
    zone, today = zone_of(person), local_now(person).date()
    seen = measures_of([person.id], person.clinic_id, zone)[person.id]
    axis = axis_of(seen, today, SPANS[span][1])
    doses = doses_of([person.id], zone)[person.id]
    shown = _cards(person, side, seen, axis, doses, today)
    groups = [
        Group(heading, (Part(person.name_used, side, tuple(one for one in shown if one.course.heading == heading)),))
        for heading in dict.fromkeys(one.course.heading for one in shown)
    ]  # fmt: skip
    return {
        "groups": groups,
        "doses": any(one.chart.doses for one in shown),
        "today": today,
    }


def _cards(
    person: Person, side: str, seen: Iterable[Measure], axis: Axis, doses: Sequence[Dose], today: date
) -> list[Shown]:
    found = []
    for measure in seen:
        for number, course in enumerate(measure.heads):
            rest = measure.rest if number == 0 else ()
            found.append(_card(person, side, measure, course, rest, axis, doses, today))
    order = {area: place for place, area in enumerate(AREAS)}
    return sorted(found, key=lambda one: order.get(one.course.area, len(order)))


def _card(
    person: Person, side: str, measure: Measure, course: Course, rest: Sequence[Course],
    axis: Axis, doses: Sequence[Dose], today: date,
) -> Shown:  # fmt: skip
    change = course.change
    return Shown(
        course=course,
        chart=draw(
            course.observations,
            course.scale,
            axis,
            Side(side or "a"),
            reliable=course.reliable,
            held=course.held,
            doses=doses,
        ),
        key=_key(side or "a", course),
        title=f"{person.name_used}, {course.title}",
        description=describe(course, person.name_used, today),
        words=change_words(course, today),
        table=_table(person, measure, course, rest),
        threshold=threshold_words(course),
        to_confirm=change is not None and change.threshold.confirm,
        rest=tuple(_card(person, side, measure, each, (), axis, doses, today) for each in rest),
    )


def _table(person: Person, measure: Measure, course: Course, rest: Sequence[Course]) -> tuple[Line, ...]:
    """Newest first: the day, each total with its band, and where the answers stand."""
    base = reverse("measures", args=[person.id])
    cells = [
        {sent.id: _with_band(each, total) for sent, (_, total) in zip(each.sent, each.observations, strict=True)}
        for each in (course, *rest)
    ]  # fmt: skip
    return tuple(
        Line(_day(sent.on), tuple(column.get(sent.id, "") for column in cells), f"{base}/{sent.id}")
        for sent in reversed(measure.sent)
    )


def _with_band(course: Course, total: Any) -> str:
    band = course.scale.band(total) if total is not None else None
    return f"{total_words(total)}, {band.name}" if band else total_words(total)


# ── two, each on their own side ──────────────────────────────────────────────────────────────────


@require_GET
def couple_measures(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """Both partners' measures for their couples therapist, each as far as that partner released it."""
    who, pair = _couple(request, couple_id)
    span = _span(request)
    context, members = _of_couple(pair, who, span)
    for side, member in members.items():
        has_any = any(part.shown for group in context["groups"] for part in group.parts if part.side == side)
        audit.viewed(who, subject=member, couple=pair, what=KIND if has_any else "couple.shared")
    context |= {"couple": pair, "members": members, "spans": _spans(span), "span": span}
    return render(request, "trajectories/couple.html", context)


@require_GET
def couple_measures_pdf(request: HttpRequest, couple_id: UUID) -> HttpResponse:
    """The same on paper, for the therapist alone."""
    who, pair = _couple(request, couple_id)
    context, members = _of_couple(pair, who, _span(request))
    names = " and ".join(member.name_used for member in members.values())
    lead = f"{names}. What each released to their couples therapist, not to the other. {_printed(who)}"
    made = _pdf(request, context | {"title": "Measures", "lead": lead, "is_couple": True}, "measures.pdf")
    for member in members.values() if made.status_code == OK else ():
        audit.log("exported", by=who, subject=member, couple=pair, item_kind=KIND)
    return made


def _couple(request: HttpRequest, couple_id: UUID) -> tuple[Person, Couple]:
    who = require(request)
    pair = get_object_or_404(Couple, id=couple_id)
    not_ones_own(who, couple=pair.id)
    if not session_actions.is_therapist_of(who, pair):
        raise Http404
    return who, pair


def _of_couple(pair: Couple, who: Person, span: str) -> tuple[dict[str, Any], dict[str, Person]]:
    members = members_of([pair]).get(pair.id, {})
    ids, zone, today = [member.id for member in members.values()], zone_of(who), local_now(who).date()
    released = releases_of(ids)
    every, doses = measures_of(ids, who.clinic_id, zone), doses_of(ids, zone)
    seen = {
        side: [one for one in every[member.id] if release_needed(Class(one.kind)) in released[member.id]]
        for side, member in members.items()
    }
    axis = axis_of([one for mine in seen.values() for one in mine], today, SPANS[span][1])
    shown = {
        side: _cards(member, side, seen[side], axis, _released_doses(member, doses, released), today)
        for side, member in members.items()
    }
    return {"groups": _areas(members, shown), "today": today}, members


def _released_doses(
    member: Person, doses: Mapping[UUID, list[Dose]], released: Mapping[UUID, frozenset[str]]
) -> list[Dose]:
    return doses[member.id] if ReleaseClass.DOSING_SUMMARY.value in released[member.id] else []


def _areas(members: dict[str, Person], shown: dict[str, list[Shown]]) -> list[Group]:
    """Each heading either has something under, with both sides: A's, then B's."""
    order = {title: place for place, title in enumerate(AREAS.values())}
    headings = {one.course.heading for mine in shown.values() for one in mine}
    return [
        Group(
            heading,
            tuple(
                Part(
                    member.name_used,
                    side,
                    tuple(one for one in shown[side] if one.course.heading == heading),
                    f"Nothing released here by {member.name_used}.",
                )
                for side, member in members.items()
            ),
        )
        for heading in sorted(headings, key=lambda heading: (order.get(heading, len(order)), heading))
    ]


# ── small things ─────────────────────────────────────────────────────────────────────────────────


def _span(request: HttpRequest) -> str:
    asked = request.GET.get("since", "")
    return asked if asked in SPANS else ""


def _spans(chosen: str) -> list[tuple[str, str, bool]]:
    return [(f"?since={key}" if key else "?", title, key == chosen) for key, (title, _) in SPANS.items()]


def _key(prefix: str, course: Course) -> str:
    return f"{prefix}-{course.kind.rpartition('.')[2]}-{course.key}"


def _day(on: date) -> str:
    return f"{day(on)} {on.year}"


def _printed(who: Person) -> str:
    now = local_now(who)
    return f"Printed by {who.signs_as}, {_day(now.date())}, {now:%H:%M}."


def _pdf(request: HttpRequest, context: dict[str, Any], name: str) -> HttpResponse:
    def html(printed: ModuleType) -> str:
        return render_to_string("trajectories/paper.html", context | {"paper": printed.chart_style()})

    return on_paper.hand_out(request, name, request.path.removesuffix(".pdf"), html)


urlpatterns: list[URLPattern] = [
    path("how-i-am", how_i_am, name="how_i_am"),
    path("how-i-am.pdf", how_i_am_pdf, name="how_i_am_pdf"),
    path("people/<uuid:person_id>/measures", measures, name="measures"),
    path("people/<uuid:person_id>/measures.pdf", measures_pdf, name="measures_pdf"),
    path("couples/<uuid:couple_id>/measures", couple_measures, name="couple_measures"),
    path("couples/<uuid:couple_id>/measures.pdf", couple_measures_pdf, name="couple_measures_pdf"),
]
