"""The safety circle's own screen: who may be in danger at home?

It is there only for those assigned to somebody's safety circle. No screen of a couple links to it, and
looking at it stands in no log that a couple can read.
"""

from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

from bothwell.couples.models import Assignment, Contact, Person, Role, open_at
from bothwell.instruments.models import Kind, Response
from bothwell.privacy import audit
from bothwell.privacy.models import AuditEntry
from bothwell.web.access import in_words, stretch
from bothwell.web.asking import not_ones_own, viewer


def _circle(request: HttpRequest) -> tuple[Person, dict[UUID, datetime]]:
    """The viewer, and the people in whose safety circle they are, with since when.

    404 when there are none.
    """
    who = viewer(request)
    held = dict(
        Assignment.objects.filter(open_at(timezone.now()), staff=who, role=Role.SAFETY).values_list(
            "subject_id", "since"
        )
    )
    if not who.is_staff_member or not held:
        raise Http404
    return who, held


@require_GET
def safety(request: HttpRequest) -> HttpResponse:
    """The people in whose safety circle the viewer is, the latest screen first."""
    who, held = _circle(request)
    people = Person.objects.filter(id__in=held).order_by("name_used", "id")
    answered = {
        row.subject_id: row
        for row in Response.objects.filter(
            subject_id__in=held, kind=Kind.VIOLENCE, status=Response.Status.SENT
        ).order_by("sent_at")
    }
    rows = [
        {"person": person, "since": held[person.id], "last": answered.get(person.id)} for person in people
    ]
    audit.viewed(who, what="safety", sealed=True)
    return render(request, "safety/page.html", {"rows": rows})


@require_GET
def safety_person(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """One person: safe contact, what they answered alone, and who of the circle has looked."""
    who, held = _circle(request)
    if person_id not in held:
        raise Http404
    person = get_object_or_404(Person, id=person_id)
    not_ones_own(who, person=person.id)
    audit.viewed(who, subject=person, what="screen.violence", sealed=True)
    answers = Response.objects.filter(subject=person, kind=Kind.VIOLENCE, status=Response.Status.SENT)
    page = stretch(
        AuditEntry.objects.filter(subject=person, sealed=True), request.GET.get("before", "")[:100]
    )
    context = {
        "person": person,
        "contact": Contact.objects.filter(subject=person).first(),
        "answers": answers.order_by("-sent_at"),
        "lines": in_words(page.entries, who),
        "older": page.older,
    }
    return render(request, "safety/person.html", context)


urlpatterns = [
    path("safety", safety, name="safety"),
    path("safety/<uuid:person_id>", safety_person, name="safety_person"),
]
