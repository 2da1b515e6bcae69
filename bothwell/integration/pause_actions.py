"""Letting a couple's work rest, and taking it up again: agreed in the room, so both partners are told.

It is never a way to hold anything back from one of them, and it says nothing of why.
"""

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import Couple, Person
from bothwell.integration.models import CouplePause
from bothwell.integration.session_actions import SHARED, is_therapist_of
from bothwell.later import later, tell
from bothwell.privacy import audit
from bothwell.privacy.together_actions import tell_couple
from bothwell.refusal import Refused


def pause_of(couple: Couple | None) -> CouplePause | None:
    """The pause that holds now, or None."""
    return CouplePause.objects.filter(couple=couple, until__isnull=True).first() if couple else None


@transaction.atomic
def pause_couple(*, by: Person, couple: Couple) -> CouplePause:
    """From now nothing of the couple's is asked of either. Pausing twice changes nothing."""
    _must_be_theirs(by, couple)
    if kept := pause_of(couple):
        return kept
    pause = CouplePause(clinic_id=by.clinic_id, couple=couple, author=by)
    try:
        with transaction.atomic():
            pause.save(force_insert=True)
    except IntegrityError:  # a second window was first
        return CouplePause.objects.get(couple=couple, until__isnull=True)
    audit.log("paused the couple's work", by=by, couple=couple, item_kind=SHARED, item_id=pause.id)
    _tell(couple)
    return pause


@transaction.atomic
def resume_couple(*, by: Person, couple: Couple) -> None:
    """The work goes on, and with it the questions about the relationship. Resuming twice changes nothing."""
    _must_be_theirs(by, couple)
    pause = pause_of(couple)
    if pause is None:
        return
    if CouplePause.objects.filter(id=pause.id, until__isnull=True).update(until=timezone.now()):
        audit.log("took up the couple's work", by=by, couple=couple, item_kind=SHARED, item_id=pause.id)
        later("measures.plan", clinic=couple.clinic_id, couple=couple.id)
        _tell(couple)


def _must_be_theirs(by: Person, couple: Couple) -> None:
    if not couple.is_together:
        raise Refused("This couple has parted; there is nothing to pause.")
    if not is_therapist_of(by, couple):
        raise Refused("Only the couple's own couples therapist can do this.")


def _tell(couple: Couple) -> None:
    tell_couple(couple)
    tell("couple", couple.id)
