"""Alarms acknowledged, paused and turned off by name, and armed again.

Nothing here silences for ever: a pause ends by itself, and what is off is shown.
"""

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.later import tell
from bothwell.monitoring import alarms, pausing
from bothwell.monitoring.models import Alarm, AlarmEvent, AlarmSetting
from bothwell.monitoring.watch import Channel, Watched, keep_event, keep_events, limits_of, lock, rows, save
from bothwell.monitoring.writing_actions import KIND, NOT_OPEN, once, session_to_write, tell_room_and_board
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale


@transaction.atomic
def acknowledge(*, by: Person, alarm_id: UUID) -> AlarmEvent:
    """Somebody has seen this very alarm and is looking after it. Said twice, the first stands.

    Raises Stale if a newer alarm stands in its place: nobody has seen that one yet.
    """
    alarm = Alarm.objects.filter(id=alarm_id).first()
    if alarm is None:
        raise Refused("There is no such alarm here.")
    session = session_to_write(alarm.session_id)
    channel = lock(session, {alarm.code})[alarm.code]
    known = AlarmEvent.objects.filter(alarm=alarm, kind=AlarmEvent.Kind.ACKNOWLEDGED).first()
    if known is not None:
        return known
    at = timezone.now()
    channel.state, events = alarms.acknowledge(channel.state, number=alarm.number, by=str(by.id), at=at)
    if not events:
        raise Stale("This alarm is over, or a newer one stands in its place. Look again.")
    save([channel])
    kept = keep_event(session, alarm.code, events[0], by)
    audit.log("acknowledged an alarm", by=by, subject=session.subject_id, item_kind=KIND, item_id=alarm.id)
    tell("readings", session.id)
    tell("board", session.clinic_id, of=session.id)
    return kept


MOST_REASON = 300


@transaction.atomic
def pause(*, by: Person, session: DosingSession, code: str, request_id: UUID) -> AlarmSetting:
    """The alarms of one quantity call nobody for two minutes, then what holds is called again. Sent twice with
    one `request_id`, it is done once. Raises Refused if they are quiet already.
    """
    watched, channel, known = _to_quieten(session.id, code, AlarmSetting.What.PAUSE, request_id)
    if known is not None:
        return known
    now = timezone.now()
    _wake(watched, channel, now)
    if channel.state.is_quiet:
        raise Refused(
            "These alarms are off already." if channel.state.is_off else "These alarms are paused already."
        )
    channel.state = pausing.paused(channel.state, at=now, until=now + pausing.LONGEST_PAUSE)
    return _set(
        by, watched, channel, AlarmSetting.What.PAUSE, now, request_id, until=channel.state.paused_until
    )


@transaction.atomic
def turn_off(*, by: Person, session: DosingSession, code: str, reason: str, request_id: UUID) -> AlarmSetting:
    """The alarms of one quantity call nobody until somebody turns them on. Needs a reason; raises Refused, also
    for what tells that the watch itself has failed (`pausing.NEVER_OFF`).
    """
    watched, channel, known = _to_quieten(session.id, code, AlarmSetting.What.OFF, request_id)
    if known is not None:
        return known
    if code in pausing.NEVER_OFF:
        raise Refused(
            "This alarm can be paused, not turned off. Chart the check; or take the monitor off, if it is not used."
        )
    why = " ".join(reason.split())
    if not why:
        raise Refused("Say why these alarms are to be off: it stands beside them for as long as they are.")
    if len(why) > MOST_REASON:
        raise Refused(f"A reason holds up to {MOST_REASON} characters. Shorten it.")
    now = timezone.now()
    _wake(watched, channel, now)
    if channel.state.is_off:
        raise Refused("These alarms are off already.")
    channel.state = pausing.turned_off(channel.state, at=now)
    return _set(by, watched, channel, AlarmSetting.What.OFF, now, request_id, reason=why)


@transaction.atomic
def turn_on(*, by: Person, session: DosingSession, code: str, request_id: UUID) -> AlarmSetting:
    """The alarms of one quantity call again; what holds now is called at once. Raises Refused if they do."""
    watched, channel, known = _to_quieten(session.id, code, AlarmSetting.What.ON, request_id)
    if known is not None:
        return known
    if not channel.state.is_quiet:
        raise Refused("These alarms are on already.")
    now = timezone.now()
    _arm(watched, channel, now)
    return _set(by, watched, channel, AlarmSetting.What.ON, now, request_id)


def _to_quieten(
    session_id: UUID, code: str, what: AlarmSetting.What, request_id: UUID
) -> tuple[Watched, Channel, AlarmSetting | None]:
    """The session, the channel behind its lock, and what this very post did before. Raises Refused."""
    watched = session_to_write(session_id)
    if watched.ended_at is not None:
        raise Refused(NOT_OPEN)
    if code not in BY_CODE and code not in pausing.NEVER_OFF:
        raise Refused("There are no such alarms here.")
    once(request_id)
    channel = lock(watched, {code})[code]
    known = AlarmSetting.objects.filter(session_id=watched.id, request_id=request_id).first()
    if known is not None and (known.code, known.what) != (code, what):
        raise Refused("This page was used before. Look again, and press once more.")
    return watched, channel, known


def _limits_now(session: Watched, code: str) -> alarms.Limits:
    return limits_of(session, {code})[code] if code in BY_CODE else alarms.Limits(code)


def _wake(session: Watched, channel: Channel, at: datetime) -> None:
    """A pause that ran out a moment ago is over, whether or not anything has looked since."""
    channel.state, events = alarms.wake(_limits_now(session, channel.code), channel.state, at)
    keep_events(session, channel.code, events)


def _arm(session: Watched, channel: Channel, at: datetime) -> None:
    channel.state, events = alarms.arm(_limits_now(session, channel.code), channel.state, at)
    keep_events(session, channel.code, events)


def _set(
    by: Person,
    session: Watched,
    channel: Channel,
    what: AlarmSetting.What,
    at: datetime,
    request_id: UUID | None,
    *,
    until: datetime | None = None,
    reason: str = "",
) -> AlarmSetting:
    save([channel])
    setting = AlarmSetting(
        clinic_id=session.clinic_id,
        subject_id=session.subject_id,
        couple_id=session.couple_id,
        author=by,
        session_id=session.id,
        request_id=request_id,
        code=channel.code,
        what=what,
        at=at,
        until=until,
        reason=reason,
    )
    setting.save(force_insert=True)
    said = {"pause": "paused alarms", "off": "turned alarms off", "on": "turned alarms on"}[what.value]
    audit.log(said, by=by, subject=session.subject_id, item_kind=KIND, item_id=setting.id)
    tell_room_and_board(session)
    return setting


def arm_all(by: Person, session: Watched, at: datetime) -> None:
    """Another monitor is another beginning: nothing of what was quiet stays so unseen."""
    codes = [
        code
        for (code,) in rows(
            "select code from bothwell_channel where session_id = %s and state->>'quiet_since' is not null",
            [session.id],
        )
    ]
    for channel in lock(session, codes).values() if codes else ():
        _arm(session, channel, at)
        _set(by, session, channel, AlarmSetting.What.ON, at, None, reason="A monitor was put on.")
