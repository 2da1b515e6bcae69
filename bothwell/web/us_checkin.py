"""Our week: how was it for us? Three lines each, read by both once sent, and the weeks before.

It says of the other's lines only that they are there; of lines that are not there it says nothing at all.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.integration import checkins as rules
from bothwell.integration.doing_actions import lines_of, send_checkin
from bothwell.integration.models import CoupleCheckin
from bothwell.integration.warmth import WRITTEN, monday_of, warm_word
from bothwell.privacy.sharing_actions import receive_common
from bothwell.refusal import Refused
from bothwell.web.around import Nearby, in_common, local_now, nearby
from bothwell.web.asking import by_script, require_partner

ON_A_PAGE = 26
"""Check-ins, of both: a quarter of a year."""


@dataclass(frozen=True)
class Shown:
    """One partner's lines about a week."""

    name: str
    side: str
    mine: bool
    lines: rules.Lines


@dataclass(frozen=True)
class Week:
    """What there is of one week."""

    monday: date
    said: list[Shown]
    rows: list[CoupleCheckin]

    @property
    def sunday(self) -> date:
        return self.monday + timedelta(days=6)


def weeks_of(common: Nearby, before: date | None = None) -> list[Week]:
    """What both wrote to each other, newest week first, as far as the viewer can see it. One query."""
    couple, partner = common.couple, common.partner
    if couple is None or partner is None:
        return []
    found = CoupleCheckin.objects.filter(couple=couple).order_by("-week", "id")
    if before:
        found = found.filter(week__lt=before)
    rows = list(found[:ON_A_PAGE])
    people = {
        common.person.id: ("You", common.side, True),
        partner.id: (partner.name_used, common.other_side, False),
    }
    order = {who: number for number, who in enumerate(sorted(people, key=lambda who: people[who][1]))}
    said = [rules.Said(row.author_id, row.week, lines_of(row)) for row in rows if row.author_id in people]
    kept: dict[date, list[CoupleCheckin]] = {}
    for row in rows:
        kept.setdefault(row.week, []).append(row)
    return [
        Week(week, [Shown(*people[each.author], each.lines) for each in theirs], kept[week])
        for week, theirs in rules.by_week(said, order)
    ]


def warm_words(weeks: list[Week]) -> str:
    """A warm word about the weeks shown: what both see, and nothing else."""
    return warm_word([week.monday for week in weeks], WRITTEN)


class WeekForm(forms.Form):
    """Three lines; each may stay empty."""

    appreciated = forms.CharField(
        label="What I appreciated", required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    harder = forms.CharField(
        label="What was harder", required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    wish = forms.CharField(
        label="What I wish for next week", required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    week = forms.DateField(widget=forms.HiddenInput)

    def lines(self) -> rules.Lines:
        """The three lines as they were typed."""
        given = self.cleaned_data
        texts = (given[name].replace("\r\n", "\n") for name in ("appreciated", "harder", "wish"))
        return rules.Lines(*texts)


@require_http_methods(["GET", "POST"])
def week(request: HttpRequest) -> HttpResponse:
    """This week's lines, and the weeks before."""
    who = require_partner(request)
    today = local_now(who).date()
    form = (
        WeekForm(request.POST) if request.method == "POST" else WeekForm(initial={"week": monday_of(today)})
    )
    if request.method == "POST" and form.is_valid():
        try:
            send_checkin(by=who, week=form.cleaned_data["week"], today=today, lines=form.lines())
        except Refused as refused:
            form.add_error(None, refused.reason)
        else:
            messages.success(request, "Sent. Both of you can read it.")
            return redirect("us-week")
    surroundings = nearby(who)
    before = _day(request.GET.get("before", ""))
    weeks = weeks_of(in_common(surroundings), before)
    if surroundings.couple:
        receive_common(by=who, items=[row for each in weeks for row in each.rows])
    context = {
        "nearby": surroundings,
        "form": form,
        "monday": monday_of(today),
        "weeks": weeks,
        "is_written": _wrote(who.id, surroundings, monday_of(today)) and not form.is_bound,
        "older": weeks[-1].monday if weeks else None,
        "is_newest": before is None,
        "warm": warm_words(weeks) if before is None else "",
    }
    if by_script(request):
        return render(request, "us/week.html#living", context)
    return render(request, "us/week.html", context, status=422 if form.is_bound else 200)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _wrote(who: UUID, surroundings: Nearby, monday: date) -> bool:
    return CoupleCheckin.objects.filter(couple=surroundings.couple, author_id=who, week=monday).exists()


def week_card(common: Nearby) -> dict[str, Any]:
    """What the page of both shows: the newest lines, and whether one's own of this week are sent."""
    if common.couple is None:
        return {}
    weeks = weeks_of(common)
    this = monday_of(local_now(common.person).date())
    mine = any(each.mine for week in weeks if week.monday == this for each in week.said)
    return {
        "newest_week": weeks[0] if weeks else None,
        "week_is_written": mine,
        "warm_week": warm_words(weeks),
    }


urlpatterns: list[URLPattern] = [path("us/week", week, name="us-week")]
