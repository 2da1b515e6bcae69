"""What follows from an answer that a clinician must look at: a task that somebody owns, and nothing that tells others.

Nothing here scores and nothing here closes a task by itself.
"""

from collections.abc import Iterable

from django.utils import timezone

from bothwell.couples.models import Assignment, Person, Role, open_at
from bothwell.instruments.models import Response, SafetyFlag
from bothwell.later import tell

SUICIDE = "suicide"


def follow_up(*, by: Person, response: Response, flags: Iterable[str]) -> None:
    """What the flags of answers just sent ask for; to be called in the transaction that sends them."""
    if SUICIDE in flags:
        _raise_flag(by, response)


def _raise_flag(by: Person, response: Response) -> None:
    # The person who answered does not see the flag, so it is inserted and never read back here.
    SafetyFlag(
        clinic_id=by.clinic_id,
        subject=by,
        author=by,
        couple_id=response.couple_id,
        response=response,
        what=f"{response.instrument}: an answer about thoughts of not living",
    ).save(force_insert=True)
    team = Assignment.objects.filter(
        open_at(timezone.now()), subject=by, role__in=[Role.PRESCRIBER, Role.INDIVIDUAL_THERAPIST]
    )
    for staff in set(team.values_list("staff", flat=True)):
        tell("person", staff)
