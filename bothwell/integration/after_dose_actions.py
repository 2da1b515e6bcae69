"""What a couples therapist is told of a couples session that follows a dose too soon, as far as it was released to them.

It only reads, and holds nothing up.
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from bothwell.couples.models import Couple, Role
from bothwell.dosing.models import DosingSession
from bothwell.integration.after_dose import Dose, too_soon
from bothwell.pathway.protocol_actions import protocol_of
from bothwell.privacy.models import Consent, ReleaseClass

RELEASE: Final = ReleaseClass.DOSING_SUMMARY
"""The release under which a couples therapist knows of a dosing session, its time included."""


def too_soon_after_a_dose(couple: Couple, at: datetime) -> str:
    """What the couples therapist is told of a session at this time that follows a dose too soon; empty where none.

    Only of the dosing sessions of who released them to the couples therapist: else nothing is said of any, not even
    to one who may know of them as something else.
    """
    released = Consent.objects.filter(
        release_to=Role.COUPLES_THERAPIST, release_class=RELEASE, withdrawn_at__isnull=True
    )
    rows = DosingSession.objects.select_related("subject", "course__protocol").filter(
        subject__in=released.values("subject"),
        subject__memberships__couple=couple,
        subject__memberships__until__isnull=True,
    )
    doses = tuple(
        Dose(
            row.subject.name_used,
            row.started_at or row.scheduled_at,
            row.started_at is not None,
            protocol_of(row.course.protocol).afterwards.integration_from_hours.value,
        )
        for row in rows.exclude(outcome__in=["cancelled", "turned_back"])
    )
    return too_soon(at, doses, ZoneInfo(couple.clinic.timezone))
