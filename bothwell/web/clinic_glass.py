"""Breaking the glass: the lead, or a couples therapist, opens one record for an hour, with a written reason.

It never opens without a reason, and never in silence: it stands in the log of everyone it concerns.
"""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from bothwell.couples.models import Couple, Membership, Person, PersonKind, Role
from bothwell.privacy.glass_actions import break_glass
from bothwell.privacy.models import BreakGlass
from bothwell.refusal import Refused
from bothwell.web.asking import require


class GlassForm(forms.Form):
    """Whose record, and why."""

    whose = forms.ChoiceField(label="Whose record")
    reason = forms.CharField(
        label="Why",
        max_length=300,
        help_text="In a sentence. It stands in the person's own log, and in the clinic's.",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(
        self, data: Any = None, *, people: list[Person], couples: dict[UUID, str], initial: Any = None
    ) -> None:
        super().__init__(data, initial=initial)
        self.people = {f"person:{person.id}": person for person in people}
        self.couples = {f"couple:{key}": key for key in couples}
        each = [(key, person.name_used) for key, person in self.people.items()]
        both = [(key, couples[couple]) for key, couple in self.couples.items()]
        choices = [("", "Choose"), ("One person", each), ("A couple", both)]
        self.fields["whose"].choices = choices  # type: ignore[attr-defined]


@require_http_methods(["GET", "POST"])
def glass(request: HttpRequest) -> HttpResponse:
    """One hour of access to one record, for a written reason, in sight of everyone it concerns."""
    by = require(request, Role.LEAD, Role.COUPLES_THERAPIST)
    people = list(Person.objects.filter(kind=PersonKind.PARTNER).order_by("name_used"))
    form = GlassForm(
        request.POST if request.method == "POST" else None,
        people=people,
        couples=_couples(),
        initial={"whose": request.GET.get("whose", "")[:50]},
    )
    if request.method == "POST" and form.is_valid():
        whose = form.cleaned_data["whose"]
        couple = Couple.objects.filter(id=form.couples[whose]).first() if whose in form.couples else None
        try:
            opened = break_glass(
                by=by, reason=form.cleaned_data["reason"], subject=form.people.get(whose), couple=couple
            )
        except Refused as no:
            form.add_error("reason", no.reason)
        else:
            until = timezone.localtime(opened.expires_at, ZoneInfo(by.clinic.timezone))
            messages.success(request, f"Open to you until {until:%H:%M}. It stands in their own log.")
            return (
                redirect("couple_admin", couple.id) if couple else redirect("person", form.people[whose].id)
            )
    mine = BreakGlass.objects.filter(author=by, expires_at__gt=timezone.now()).select_related("subject")
    return render(
        request, "clinic/glass.html", {"form": form, "open": mine}, status=422 if form.errors else 200
    )


def _couples() -> dict[UUID, str]:
    """Couples the viewer may know of, by the names of the two."""
    members = (
        Membership.objects.filter(Q(couple__parted_at__isnull=True)).select_related("person").order_by("side")
    )
    named: dict[UUID, list[str]] = {}
    for member in members:
        named.setdefault(member.couple_id, []).append(member.person.name_used)
    return {key: " and ".join(names) for key, names in sorted(named.items(), key=lambda item: item[1])}


urlpatterns: list[URLPattern] = [
    path("clinic/break-glass", glass, name="clinic_glass"),
]
