"""A reading that was none: a loose sensor, a cuff on a moving arm. It is marked, with a reason, and stays on record.

It deletes nothing, changes no value, and silences no alarm that was raised.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from django.db import transaction

from bothwell.couples.models import Person
from bothwell.later import tell
from bothwell.monitoring.entry_actions import in_place_of
from bothwell.monitoring.models import Sample
from bothwell.monitoring.watch import insert, lock, save
from bothwell.monitoring.writing_actions import KIND, once, session_to_write
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore, Stale

OF_ONE_CUFF = ("systolic", "diastolic", "mean_pressure")


@transaction.atomic
def mark_artefact(*, by: Person, sample_id: UUID, reason: str, request_id: UUID) -> tuple[Sample, ...]:
    """The rows that take a reading out of the chart; of a blood pressure, all that one measurement said.

    Sent again with the same `request_id`, it changes nothing. Raises Refused, Stale if it was corrected already, or
    SentBefore where the same form said something else before.
    """
    wrong = Sample.objects.filter(id=sample_id).first()
    if wrong is None:
        raise Refused("There is no such reading here.")
    session = session_to_write(wrong.session_id)
    if not reason.strip():
        raise Refused("Say why the reading was none.")
    once(request_id)
    known = Sample.objects.filter(session_id=session.id, request_id=request_id)
    if kept := tuple(known):
        is_of_it = any(one.corrects_id == wrong.id for one in kept)
        if not is_of_it or any((one.is_artefact, one.reason) != (True, reason.strip()[:300]) for one in kept):
            raise SentBefore
        return kept
    # Locked first: a correction the monitor sends meanwhile waits, and is not taken for a repeat.
    channels = lock(session, OF_ONE_CUFF if wrong.code in OF_ONE_CUFF else [wrong.code])
    if Sample.objects.filter(corrects=wrong).exists():
        raise Stale("This reading was corrected already. Look at it again.")
    entries = [
        replace(in_place_of(one, by, reason, request_id), is_artefact=True)
        for one in _measured_together(wrong)
    ]
    if len(insert(session, entries)) != len(entries):
        raise Stale("Somebody else was first. Look again; nothing was written.")
    # It leaves the watch too, and may have been the baseline: whoever remembers a channel reads it anew once it was
    # written again. What holds now is judged with the next reading.
    gone = {entry.key for entry in entries}
    for channel in channels.values():
        left = tuple(one for one in channel.state.window if one.key not in gone)
        channel.state, channel.tail, channel.measure = replace(channel.state, window=left), None, None
    save(list(channels.values()))
    tell("room", session.id)
    audit.log("marked an artefact", by=by, subject=session.subject_id, item_kind=KIND, item_id=wrong.id)
    return tuple(known.all())


def _measured_together(wrong: Sample) -> Sequence[Sample]:
    """A cuff's numbers stand and fall together; any other reading stands alone."""
    if wrong.code not in OF_ONE_CUFF:
        return [wrong]
    same = Sample.objects.filter(
        session_id=wrong.session_id, code__in=OF_ONE_CUFF, observed_at=wrong.observed_at, device=wrong.device,
        is_artefact=False, corrected_by__isnull=True,
    )  # fmt: skip
    return list(same)
