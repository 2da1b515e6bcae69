"""Which monitor speaks for which session: bound by a person, ended by a person.

Nothing here keeps what a monitor says while it is bound to nobody.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.monitoring import alarms
from bothwell.monitoring.models import Binding, Device
from bothwell.monitoring.overdue import CHECKS
from bothwell.monitoring.quieting_actions import arm_all
from bothwell.monitoring.watch import Watched, keep_events, lock, rows, save
from bothwell.monitoring.writing_actions import KIND, NOT_OPEN, session_to_write, tell_room_and_board
from bothwell.privacy import audit
from bothwell.refusal import Refused


@transaction.atomic
def bind_device(
    *, by: Person, session: DosingSession, device: Device, request_id: UUID | None = None
) -> Binding:
    """A person confirms: this monitor is on this patient, from now on. Ends what was bound to the session.

    Raises Refused if the monitor is on somebody else.
    """
    watched = session_to_write(session.id)
    if watched.ended_at is not None:
        raise Refused(NOT_OPEN)
    if device.is_retired:
        raise Refused("This monitor is no longer in use.")
    known = Binding.objects.filter(session_id=watched.id, until__isnull=True).first()
    if known is not None and known.device_id == device.id:
        return known
    now = timezone.now()
    _end_bindings(watched, now)
    # One that was left on a session that is over; those the viewer cannot see stay, and refuse below.
    Binding.objects.filter(device=device, until__isnull=True, session__ended_at__isnull=False).update(
        until=now
    )
    bound = Binding(
        clinic_id=watched.clinic_id,
        subject_id=watched.subject_id,
        couple_id=watched.couple_id,
        author=by,
        session_id=watched.id,
        request_id=request_id,
        device=device,
        recorded_at=now,
    )
    try:
        with transaction.atomic():
            bound.save(force_insert=True)
    except IntegrityError as error:
        raise Refused(
            "This monitor is on somebody else. Take it off there first, then put it on here."
        ) from error
    arm_all(by, watched, now)
    audit.log("bound a monitor", by=by, subject=watched.subject_id, item_kind=KIND, item_id=bound.id)
    tell_room_and_board(watched)
    return bound


@transaction.atomic
def unbind(*, by: Person, session: DosingSession) -> bool:
    """The monitor is off this patient from now on; false if none was on. Ends the missing of its signal."""
    watched = session_to_write(session.id)
    if not _end_bindings(watched, timezone.now()):
        return False
    audit.log("took a monitor off", by=by, subject=watched.subject_id, item_kind=KIND, item_id=watched.id)
    tell_room_and_board(watched)
    return True


def in_use() -> frozenset[UUID]:
    """The clinic's monitors that are on somebody now, whoever that is; for who may put one on somebody."""
    return frozenset(device_id for (device_id,) in rows("select door.monitors_in_use()", []))


def _end_bindings(session: Watched, at: datetime) -> bool:
    """End what is bound to a session, and the alarms about its silence: nobody is waiting for it any more."""
    if not Binding.objects.filter(session_id=session.id, until__isnull=True).update(until=at):
        return False
    codes = [
        code for (code,) in rows("select code from bothwell_channel where session_id = %s", [session.id])
    ]
    channels = [each for each in lock(session, codes).values() if each.code != CHECKS]
    for channel in channels:
        signal = channel.state.signal
        if signal is not None:
            over = alarms.AlarmEvent(alarms.Kind.OVER, signal.number, signal.priority, at, signal.text)
            keep_events(session, channel.code, (over,))
        channel.state = replace(channel.state, signal=None, missing=(), heard_at=None)
    if channels:
        save(channels)
    return True
