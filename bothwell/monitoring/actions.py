"""What people do at the bedside: enter, correct, acknowledge, put a monitor on a patient and take it off.

It never overwrites a reading, nor silences an alarm nobody has seen. What monitors say comes in by `feed`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person
from bothwell.dosing.models import DosingSession
from bothwell.later import tell
from bothwell.monitoring import alarms, pausing, vitals
from bothwell.monitoring.feed import Recorded, known_among, look_at_clocks, record, zones_of
from bothwell.monitoring.models import Alarm, AlarmEvent, AlarmSetting, Binding, Device, Note, Sample
from bothwell.monitoring.overdue import CHECKS
from bothwell.monitoring.ticking import tick
from bothwell.monitoring.watch import (
    SESSION,
    Channel,
    Entry,
    Watched,
    fold,
    insert,
    keep_event,
    keep_events,
    limits_of,
    lock,
    printable,
    rows,
    save,
)
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

__all__ = [
    "Entered",
    "Recorded",
    "acknowledge",
    "bind_device",
    "correct",
    "enter",
    "known_among",
    "look_at_clocks",
    "pause",
    "record",
    "tick",
    "turn_off",
    "turn_on",
    "unbind",
    "zones_of",
]

KIND = "dosing.flowsheet"
NOT_OPEN = "This session is not open. Nothing was written."
NOT_YOURS = "Only this person's prescriber or nurse can do this."


# ── what people do ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Entered:
    """What an entry left behind; `is_repeat` if it was there already."""

    samples: tuple[Sample, ...]
    raised: tuple[Alarm, ...] = ()
    is_repeat: bool = False


def _session_to_write(session_id: UUID) -> Watched:
    """The session, if the viewer may write its flowsheet. Raises Refused."""
    found = rows(
        "select s.subject_id = any(array(select door.writes('dosing.flowsheet'))), s.arrived_at is not null, "
        f"{SESSION} where s.id = %s",
        [session_id],
    )
    if not found:
        raise Refused("There is no such session here.")
    may_write, has_arrived, *session = found[0]
    if not may_write:
        raise Refused(NOT_YOURS)
    if not has_arrived:
        raise Refused(NOT_OPEN)
    return Watched(*session)


def _once(request_id: UUID) -> None:
    """Two of the same post wait for each other."""
    rows("select pg_advisory_xact_lock(hashtextextended(%s, 0)) is null", [str(request_id)])


@transaction.atomic
def enter(
    *,
    by: Person,
    session: DosingSession,
    readings: Mapping[str, Decimal],
    request_id: UUID,
    observed_at: datetime | None = None,
    wanted: bool | None = None,
    body_site: str = "",
    note: str = "",
    detail: Mapping[str, str] | None = None,
) -> Entered:
    """Take down what a person measured or saw, by quantity in our unit, and a sentence if they wrote one.

    `wanted` says of a dissociation whether it was wanted; `detail` stays beside each value, as by which clock
    it was timed. Sent again with the same `request_id`, it changes
    nothing. Raises Refused with what would be taken.
    """
    watched = _session_to_write(session.id)
    at, now = observed_at or timezone.now(), timezone.now()
    _check(watched, readings, at, now, note)
    _once(request_id)
    known = Sample.objects.filter(session_id=watched.id, request_id=request_id)
    if known.exists() or Note.objects.filter(session_id=watched.id, request_id=request_id).exists():
        return Entered(tuple(known), is_repeat=True)
    entries = [
        Entry(
            code=code,
            value=value.quantize(Decimal("0.01")),
            unit=BY_CODE[code].unit,
            observed_at=at,
            author_id=by.id,
            request_id=request_id,
            detail=_detail(code, wanted, body_site) | dict(detail or {}),
        )
        for code, value in readings.items()
    ]
    raised = _take_down(watched, entries, now)
    if note.strip():
        _note(watched, by, request_id, at, note.strip())
    audit.log("entered readings", by=by, subject=watched.subject_id, item_kind=KIND, item_id=watched.id)
    return Entered(tuple(known.all()), tuple(raised))


def _check(session: Watched, readings: Mapping[str, Decimal], at: datetime, now: datetime, note: str) -> None:
    if not readings and not note.strip():
        raise Refused("There is nothing to enter yet.")
    if len(note) > settings.LONGEST_TEXT:
        raise Refused(f"A note holds up to {settings.LONGEST_TEXT} characters. Shorten it, or write two.")
    Refused.unless(vitals.plausible_time(at, now))
    if session.ended_at is not None and at > session.ended_at:
        raise Refused("This session was signed off before that time.")
    for code, value in readings.items():
        Refused.unless(vitals.plausible(code, value))
    if "systolic" in readings and "diastolic" in readings:
        pressures = (readings["systolic"], readings["diastolic"], readings.get("mean_pressure"))
        Refused.unless(vitals.plausible_pressures(*pressures))


def _detail(code: str, wanted: bool | None, body_site: str) -> dict[str, Any]:
    detail: dict[str, Any] = {}
    if code == "dissociation" and wanted is not None:
        detail["wanted"] = wanted
    if body_site and not BY_CODE[code].is_by_hand:
        detail["body_site"] = printable(body_site)
    return detail


def _take_down(session: Watched, entries: Sequence[Entry], now: datetime) -> list[Alarm]:
    channels = lock(session, {entry.code for entry in entries}) if entries else {}
    new = insert(session, entries)
    if len(new) != len(entries):
        raise Stale("Somebody else was first. Look again; nothing was written.")
    raised = fold(session, channels, new, now, by_hand=True)
    tell("room", session.id)
    return raised


def _note(session: Watched, by: Person, request_id: UUID, at: datetime, text: str) -> None:
    Note(
        clinic_id=session.clinic_id,
        subject_id=session.subject_id,
        couple_id=session.couple_id,
        author=by,
        session_id=session.id,
        request_id=request_id,
        at=at,
        text=text,
    ).save(force_insert=True)


@transaction.atomic
def correct(*, by: Person, sample_id: UUID, value: Decimal, reason: str, request_id: UUID) -> Sample:
    """Put a right value in the place of a wrong one; both stay on record. Raises Refused, or Stale if it has
    been corrected already.
    """
    wrong = Sample.objects.filter(id=sample_id).first()
    if wrong is None:
        raise Refused("There is no such reading here.")
    session = _session_to_write(wrong.session_id)
    if not reason.strip():
        raise Refused("Say why the value was wrong.")
    Refused.unless(vitals.plausible(wrong.code, value))
    _once(request_id)
    known = Sample.objects.filter(session_id=session.id, request_id=request_id, code=wrong.code).first()
    if known is not None:
        return known
    root = wrong
    while root.corrects is not None:
        root = root.corrects
    entry = Entry(
        code=wrong.code,
        value=value.quantize(Decimal("0.01")),
        unit=wrong.unit,
        observed_at=wrong.observed_at,
        source=wrong.source,
        author_id=by.id,
        request_id=request_id,
        detail=wrong.detail,
        corrects_id=wrong.id,
        root_id=root.id,
        reason=reason.strip()[:300],
    )
    _take_down(session, [entry], timezone.now())
    audit.log("corrected a reading", by=by, subject=session.subject_id, item_kind=KIND, item_id=entry.id)
    return Sample.objects.get(id=entry.id)


@transaction.atomic
def acknowledge(*, by: Person, alarm_id: UUID) -> AlarmEvent:
    """Somebody has seen this very alarm and is looking after it. Said twice, the first stands.

    Raises Stale if a newer alarm stands in its place: nobody has seen that one yet.
    """
    alarm = Alarm.objects.filter(id=alarm_id).first()
    if alarm is None:
        raise Refused("There is no such alarm here.")
    session = _session_to_write(alarm.session_id)
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


# ── quiet for a while ─────────────────────────────────────────────────────────────────────────────────────

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
    watched = _session_to_write(session_id)
    if watched.ended_at is not None:
        raise Refused(NOT_OPEN)
    if code not in BY_CODE and code not in pausing.NEVER_OFF:
        raise Refused("There are no such alarms here.")
    _once(request_id)
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
    _tell_of_monitor(session)
    return setting


def _arm_all(by: Person, session: Watched, at: datetime) -> None:
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


@transaction.atomic
def bind_device(
    *, by: Person, session: DosingSession, device: Device, request_id: UUID | None = None
) -> Binding:
    """A person confirms: this monitor is on this patient, from now on. Ends what was bound to the session.

    Raises Refused if the monitor is on somebody else.
    """
    watched = _session_to_write(session.id)
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
        raise Refused("This monitor is bound to another session. End that first.") from error
    _arm_all(by, watched, now)
    audit.log("bound a monitor", by=by, subject=watched.subject_id, item_kind=KIND, item_id=bound.id)
    _tell_of_monitor(watched)
    return bound


@transaction.atomic
def unbind(*, by: Person, session: DosingSession) -> bool:
    """The monitor is off this patient from now on; false if none was on. Ends the missing of its signal."""
    watched = _session_to_write(session.id)
    if not _end_bindings(watched, timezone.now()):
        return False
    audit.log("took a monitor off", by=by, subject=watched.subject_id, item_kind=KIND, item_id=watched.id)
    _tell_of_monitor(watched)
    return True


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


def _tell_of_monitor(session: Watched) -> None:
    tell("room", session.id)
    tell("board", session.clinic_id, of=session.id)
