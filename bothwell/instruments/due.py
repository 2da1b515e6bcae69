"""What waits for a person's answers now: asked, open, and neither answered, asked again since, nor run out.

It asks nobody and changes nothing; of the other partner it knows only what both know: that they are together or not.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.apps import apps
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from bothwell.couples.models import Membership, Person
from bothwell.instruments.models import Kind, Request, Response

OPENS_AT_MOST: Final = timedelta(days=7)
"""Nothing is shown longer than this before its day, whoever asked for it."""
ANSWERED_BEFORE: Final = timedelta(days=30)
"""How long before it was asked here a sheet of paper for the same occasion may have been filled in."""


def due(who: Person, now: datetime | None = None) -> QuerySet[Request]:
    """What this person has not answered to the end, by the day it is due, with the draft begun.

    What was asked again since has lapsed: nobody is shown a pile of last month's questions.
    """
    return (
        waiting(now or timezone.now())
        .select_related("response")
        .filter(subject=who)
        .order_by("due_at", "instrument")
    )


def waiting(now: datetime) -> QuerySet[Request]:
    """The same of everybody the asking role may see; to be narrowed by subject, and without the drafts."""
    return (
        Request.objects.filter(
            Q(lapses_at__isnull=True) | Q(lapses_at__gt=now), due_at__lte=now + OPENS_AT_MOST
        )
        .exclude(kind=Kind.VIOLENCE)
        .exclude(response__status=Response.Status.SENT)
        .filter(~_entered_for_them(), ~_asked_again(now))
        .exclude(Q(kind=Kind.RELATIONSHIP) & _the_couple_rests())
    )


def _entered_for_them() -> Exists:
    """The same was copied from paper, or asked aloud, for this occasion."""
    return Exists(
        Response.objects.filter(
            subject=OuterRef("subject"),
            instrument=OuterRef("instrument"),
            wave=OuterRef("wave"),
            status=Response.Status.SENT,
            sent_at__gt=OuterRef("recorded_at") - ANSWERED_BEFORE,  # keeps the search short after years
        )
    )


def _asked_again(now: datetime) -> Exists:
    return Exists(
        Request.objects.filter(
            subject=OuterRef("subject"),
            instrument=OuterRef("instrument"),
            due_at__gt=OuterRef("due_at"),
            due_at__lte=now,
        )
    )


def is_of_a_parted_couple(request_id: UUID) -> bool:
    """Whether this was asked about a couple that has parted since: sent now, it would pass for answers about the next."""
    asked = Request.objects.filter(id=request_id, kind=Kind.RELATIONSHIP)
    return asked.filter(_of_its_couple(HAS_PARTED_SINCE)).exists()


def _the_couple_rests() -> Exists:
    """The couple that this was asked of has parted since, or its work is paused now."""
    pauses = apps.get_model("bothwell", "CouplePause").objects  # of a later slice, so by name
    paused = Exists(pauses.filter(couple=OuterRef("couple"), until__isnull=True))
    return _of_its_couple(HAS_PARTED_SINCE | Q(Q(couple__parted_at__isnull=True), paused))


HAS_PARTED_SINCE: Final = Q(couple__parted_at__gte=OuterRef("recorded_at"))


def _of_its_couple(holds: Q) -> Exists:
    """Whether this holds of the couple a request was made of. Whoever asked without naming one meant that of the day."""
    return Exists(
        Membership.objects.filter(
            holds, person=OuterRef("subject"), couple=Coalesce(OuterRef("couple"), F("couple"))
        )
    )
