"""Words given to me: what a partner opened to their individual therapist, and nobody else's.

What was not given is not here in any form; taken back, it leaves this page at once.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET

from bothwell.couples.models import Person, PersonKind, Role
from bothwell.integration.actions import ITEM_KIND
from bothwell.integration.models import InsightVersion
from bothwell.integration.session_actions import receive_all
from bothwell.pathway.rights_actions import roles_towards
from bothwell.privacy.models import Audience, Grant, Receipt
from bothwell.web.asking import by_script, not_ones_own, require
from bothwell.web.given import renewed
from bothwell.web.people import frame_of


@dataclass(frozen=True)
class Given:
    """Words of one person, and since when they are open."""

    version: InsightVersion
    since: datetime


@require_GET
def words_given(request: HttpRequest, person_id: UUID) -> HttpResponse:
    """For the individual therapist of this person, newest first."""
    by = require(request, Role.INDIVIDUAL_THERAPIST)
    person = get_object_or_404(Person, id=person_id, kind=PersonKind.PARTNER)
    not_ones_own(by, person=person.id)
    if Role.INDIVIDUAL_THERAPIST not in {str(role) for role in roles_towards(by, person.id, None)}:
        raise Http404
    shown, taken_back = _given(by, person)
    receive_all(by=by, versions=[each.version for each in shown])
    context: dict[str, Any] = {"person": person, "shown": shown, "taken_back": taken_back}
    if by_script(request):
        return render(request, "people/words.html#living", context)
    _, frame = frame_of(request, person_id, "words given")
    return render(request, "people/words.html", context | {"frame": frame})


def _given(by: Person, person: Person) -> tuple[list[Given], bool]:
    """What is open to an individual therapist now; and whether something they had read was taken back."""
    versions = {row.id: row for row in InsightVersion.objects.filter(subject=person)}
    grants = Grant.objects.filter(
        item_id__in=versions,
        audience=Audience.INDIVIDUAL_THERAPIST,
        revoked_at__isnull=True,
        opens_at__lte=timezone.now(),
    )
    shown = [Given(versions[grant.item_id], grant.opens_at) for grant in grants.order_by("-opens_at", "-id")]
    read = Receipt.objects.filter(author=by, subject=person, item_kind=ITEM_KIND)
    return shown, bool(set(read.values_list("item_id", flat=True)) - set(versions) - renewed())


urlpatterns: list[URLPattern] = [
    path("people/<uuid:person_id>/words", words_given, name="words-given"),
]
