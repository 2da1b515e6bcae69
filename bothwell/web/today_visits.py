"""A partner's next appointments: sessions of their own, sessions of the two, and meetings with the team.

None of the other one's own sessions stands among them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.integration.models import CoupleSession
from bothwell.messaging.coming_actions import What
from bothwell.web.appointments import ahead
from bothwell.web.around import Nearby

COMING_AHEAD = timedelta(days=60)


@dataclass(frozen=True)
class Visit:
    """One appointment of one's own, or of the two."""

    at: datetime
    title: str
    note: str
    session_id: UUID | None = None
    video: str = ""


def sessions_ahead(who: Person) -> list[DosingSession]:
    """Own sessions ahead, soonest first."""
    now = timezone.now()
    return list(
        DosingSession.objects.select_related("room", "course__protocol")
        .filter(
            subject=who,
            ended_at__isnull=True,
            scheduled_at__range=(now - timedelta(hours=12), now + COMING_AHEAD),
        )
        .exclude(outcome="cancelled")
        .order_by("scheduled_at")
    )


def visits_of(sessions: Sequence[DosingSession], surroundings: Nearby) -> list[Visit]:
    """The next six, soonest first: `sessions` of their own, those of the two, and meetings with the team."""
    visits = [Visit(row.scheduled_at, "Your session", row.room.name if row.room else "") for row in sessions]
    if surroundings.couple:
        around, now = surroundings.around, timezone.now()
        together = f"{around.partner} and you"
        if around.couples_therapists:
            together += f", with {' and '.join(around.couples_therapists)}"
        planned = CoupleSession.objects.filter(
            couple=surroundings.couple,
            state=CoupleSession.State.PLANNED,
            at__range=(now - timedelta(hours=2), now + COMING_AHEAD),
        )
        visits += [Visit(row.at, together, row.place, row.id) for row in planned]
    visits += _appointments(surroundings.person)
    return sorted(visits, key=lambda visit: visit.at)[:6]


def _appointments(who: Person) -> list[Visit]:
    """One's own appointments, with the way into the video room while it is open."""
    return [
        Visit(
            line["entry"].at,
            line["entry"].title,
            ", ".join(filter(None, (line["entry"].place, f"with {line['entry'].staff.signs_as}"))),
            video=line["video"],
        )
        for line in ahead(who)
        if line["entry"].what == What.APPOINTMENT and not line["entry"].is_cancelled
    ][:6]
