"""The clinic's log: who saw or did what, to whom, when and why.

It never shows what was written in a record, nor the safety circle's own lines.
"""

from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from bothwell.couples.models import Person, PersonKind, Role
from bothwell.privacy.models import AuditEntry
from bothwell.web import log_words
from bothwell.web.access import in_words, stretch
from bothwell.web.asking import require

LINES_OF_THE_LOG = 50


class LogForm(forms.Form):
    """What to look for in the log."""

    name = forms.CharField(label="Whose record", max_length=60, required=False)
    staff = forms.ChoiceField(label="Who did it", required=False)
    action = forms.ChoiceField(label="What", required=False)
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, data: Any, *, staff: list[Person], named: list[str]) -> None:
        super().__init__(data)
        people = [(str(person.id), person.signs_as) for person in staff]
        self.fields["staff"].choices = [("", "Anybody"), *people]  # type: ignore[attr-defined]
        self.fields["action"].choices = [("", "Anything"), *((one, log_words.done(one)) for one in named)]  # type: ignore[attr-defined]

    def narrow(self, entries: QuerySet[AuditEntry], zone: ZoneInfo) -> QuerySet[AuditEntry]:
        """The entries that fit; days are those of the clinic's clock."""
        given = self.cleaned_data
        if given["name"]:
            entries = entries.filter(subject__name_used__icontains=given["name"])
        if given["staff"]:
            entries = entries.filter(actor_id=given["staff"])
        if given["action"]:
            entries = entries.filter(action=given["action"])
        if given["since"]:
            entries = entries.filter(at__gte=datetime.combine(given["since"], time.min, zone))
        if given["until"]:
            entries = entries.filter(at__lte=datetime.combine(given["until"], time.max, zone))
        return entries


@require_GET
def log(request: HttpRequest) -> HttpResponse:
    """Who saw or did what, to whom, when and why; the safety circle's own lines stay with it."""
    by = require(request, Role.LEAD)
    colleagues = list(Person.objects.filter(kind=PersonKind.STAFF).order_by("name_used"))
    named = list(AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct())
    form = LogForm(request.GET, staff=colleagues, named=named)
    entries = AuditEntry.objects.filter(sealed=False)
    entries = form.narrow(entries, ZoneInfo(by.clinic.timezone)) if form.is_valid() else entries.none()
    page = stretch(entries, request.GET.get("before", "")[:100], LINES_OF_THE_LOG)
    kept = {key: str(value) for key, value in request.GET.items() if key != "before" and value}
    context = {
        "form": form,
        "lines": in_words(page.entries, by),
        "older": urlencode({**kept, "before": page.older}) if page.older else "",
        "kept": urlencode(kept),
    }
    return render(request, "clinic/log.html", context, status=422 if form.errors else 200)


urlpatterns: list[URLPattern] = [
    path("clinic/log", log, name="clinic_log"),
]
