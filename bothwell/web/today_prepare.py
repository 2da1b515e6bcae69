"""Before a session: an intention, who comes along, food and drink, and the plan against sickness.

It gives no advice of its own: the hours without food and drink are the protocol's of this very course.
"""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.integration.models import Insight
from bothwell.pathway import preparation_actions, protocol_actions
from bothwell.pathway.models import Course, Preparation
from bothwell.refusal import Refused
from bothwell.web.around import nearby
from bothwell.web.asking import require_partner
from bothwell.web.insights_sheet import sheets
from bothwell.web.telephone import TelephoneField
from bothwell.web.today_visits import sessions_ahead


class PrepareForm(forms.Form):
    """Who comes along, and that the instructions were read."""

    escort_name = forms.CharField(
        max_length=120,
        label="Who takes you home?",
        help_text="An adult who stays with you. You may not drive that day.",
    )
    escort_phone = TelephoneField(label="Their telephone number")
    fasting_read = forms.BooleanField(label="I have read what to eat and drink before")
    note = forms.CharField(
        required=False,
        label="Anything your team should know?",
        widget=forms.Textarea,
        help_text="Your care team reads this.",
    )


@require_http_methods(["GET", "POST"])
def prepare(request: HttpRequest) -> HttpResponse:
    """Before a session: an intention, who comes along, food and drink, and the plan against sickness."""
    who = require_partner(request)
    sessions = sessions_ahead(who)
    if not sessions:
        raise Http404
    last = preparation_actions.preparation_of(sessions[0].course)
    if request.method == "GET":
        return _prepare(request, who, sessions[0], last, PrepareForm(initial=_as_kept(last)))
    form = PrepareForm(request.POST)
    if not form.is_valid():
        return _prepare(request, who, sessions[0], last, form, status=422)
    try:
        preparation_actions.prepare(
            by=who,
            course=sessions[0].course,
            escort_name=form.cleaned_data["escort_name"],
            escort_phone=form.cleaned_data["escort_phone"],
            fasting_explained=form.cleaned_data["fasting_read"],
            antiemetic_plan=last.antiemetic_plan if last else "",  # the care team's to write
            note=form.cleaned_data["note"].replace("\r\n", "\n"),
        )
    except Refused as refused:
        return _prepare(request, who, sessions[0], last, form, refused.reason, 422)
    messages.success(request, "Kept. Your care team can see it.")
    return redirect("/today")


def _as_kept(last: Preparation | None) -> dict[str, Any]:
    if last is None:
        return {}
    return {
        "escort_name": last.escort_name,
        "escort_phone": last.escort_phone,
        "fasting_read": last.fasting_explained,
        "note": last.note,
    }


def _prepare(
    request: HttpRequest,
    who: Person,
    session: DosingSession,
    last: Preparation | None,
    form: PrepareForm,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    around = nearby(who).around
    intention = Insight.objects.filter(
        subject=who, kind=Insight.Kind.INTENTION, set_aside_at__isnull=True
    ).order_by("-recorded_at", "-id")[:1]
    context = {
        "session": session,
        "form": form,
        "last": last,
        "fasting": _fasting(session.course),
        "intention": next(iter(sheets(who, intention, around)), None),
        "trouble": trouble,
    }
    return render(request, "today/prepare.html", context, status=status)


def _fasting(course: Course) -> dict[str, str] | None:
    """How long nothing to eat and to drink, in words, from the protocol of this very course."""
    plan = next(
        (
            p
            for route, p in protocol_actions.protocol_of(course.protocol).routes.items()
            if route == course.route
        ),
        None,
    )
    if plan is None:
        return None
    return {
        "food": _span(float(plan.fasting_food_minutes.value)),
        "clear_liquid": _span(float(plan.fasting_clear_liquid_minutes.value)),
    }


def _span(minutes: float) -> str:
    """`8 hours`, `30 minutes`."""
    hours = minutes / 60
    return f"{hours:g} hour{'' if hours == 1 else 's'}" if hours >= 1 else f"{minutes:g} minutes"


urlpatterns: list[URLPattern] = [
    path("today/prepare", prepare, name="prepare"),
]
