"""What bedside monitors say, taken down: one message, one transaction, acknowledged only after it.

It never keeps what a monitor says while it is on nobody, and speaks for no person: its login is the feed's own.

Where a reading goes. A person confirmed which monitor is on whom, from when and until when. A reading belongs
to the session whose confirmation held when it was observed, so what a monitor held back for the last patient
never lands on the next. What was observed before a session ended and comes later is kept, without an alarm.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction

from bothwell.later import tell
from bothwell.monitoring import alarms, clocks, silence, vitals
from bothwell.monitoring.limits import CONTINUOUS
from bothwell.monitoring.silence import MONITOR
from bothwell.monitoring.watch import (
    ESCALATE_AFTER_SECONDS,
    SESSION,
    Channel,
    Entry,
    Watched,
    fold,
    insert,
    keep_events,
    limits_of,
    lock,
    printable,
    rows,
    rules_of,
    save,
)

# What a reading's column can hold; a monitor that says more has said nothing.
BEYOND_ALL = Decimal(1_000_000)


class Reported(Protocol):
    """One value as a monitor reported it, read and in our unit."""

    @property
    def code(self) -> str: ...
    @property
    def value(self) -> Decimal: ...
    @property
    def unit(self) -> str: ...
    @property
    def observed_at(self) -> datetime: ...
    @property
    def status(self) -> str: ...
    @property
    def device_id(self) -> str: ...
    @property
    def body_site(self) -> str: ...
    @property
    def is_questionable(self) -> bool: ...
    @property
    def source_ref(self) -> str: ...
    @property
    def source(self) -> str: ...


class Report(Protocol):
    """One message of a monitor, or of a gateway that speaks for several."""

    @property
    def readings(self) -> Sequence[Reported]: ...


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a message's readings: taken down, known already, or of a monitor that is on nobody.

    `is_known`: at least one of the devices that spoke is this database's.
    """

    is_known: bool
    kept: int = 0
    repeated: int = 0
    on_nobody: int = 0


# ── what monitors say ─────────────────────────────────────────────────────────────────────────────────────


def zones_of(identifiers: Collection[str]) -> dict[str, tzinfo]:
    """The time zone of the clinic each of these devices stands in; a device not known here is left out."""
    found = rows(
        "select d.identifier, c.timezone from bothwell_device d join bothwell_clinic c on c.id = d.clinic_id "
        "where d.identifier = any(%s) and not d.is_retired",
        [_speakable(identifiers)],
    )
    return {identifier: ZoneInfo(name) for identifier, name in found}


def known_among(providers: Collection[str]) -> set[str]:
    """Which of these devices are this database's, by themselves or by a part (`device#part`)."""
    found = rows(
        "select split_part(identifier, '#', 1) from bothwell_device "
        "where split_part(identifier, '#', 1) = any(%s) and not is_retired",
        [_speakable(providers)],
    )
    return {provider for (provider,) in found}


@transaction.atomic
def record(message: Report, *, received_at: datetime) -> Recorded:
    """Take one message down: readings, what they mean for the alarms, and a word to the open pages.

    Said twice, it changes nothing the second time. Runs as the feed's own login, for nobody.
    """
    bindings = _bindings(message.readings)
    if not bindings:
        return Recorded(is_known=False)
    placed: dict[UUID, list[tuple[Reported, UUID]]] = {}
    sessions: dict[UUID, Watched] = {}
    for reading in message.readings:
        for device_id, since, until, session in bindings.get(reading.device_id, ()):
            if session and since <= reading.observed_at and (until is None or reading.observed_at < until):
                sessions[session.id] = session
                placed.setdefault(session.id, []).append((reading, device_id))
                break
    heard = sum(map(len, placed.values()))
    # In one order everywhere, so that two messages never wait for each other.
    kept = sum(_hear(sessions[each], placed[each], received_at) for each in sorted(placed))
    return Recorded(True, kept, heard - kept, len(message.readings) - heard)


def _bindings(readings: Iterable[Reported]) -> dict[str, list[Any]]:
    """By device identifier: (device, since, until, session) of every confirmation that may concern these."""
    times = [reading.observed_at for reading in readings]
    found: dict[str, list[Any]] = {}
    if not times:
        return found
    all_bindings = rows(
        "select d.identifier, d.id, b.recorded_at, least(b.until, s.ended_at), "
        "s.id, s.clinic_id, s.subject_id, s.couple_id, s.started_at, s.ended_at, p.id, p.sha256, k.route "
        "from bothwell_device d "
        "left join bothwell_binding b on b.device_id = d.id and (b.until is null or b.until > %s) "
        "left join bothwell_dosingsession s on s.id = b.session_id "
        "left join bothwell_course k on k.id = s.course_id "
        "left join bothwell_protocolversion p on p.id = k.protocol_id "
        "where d.identifier = any(%s) and not d.is_retired",
        [min(times), _speakable({reading.device_id for reading in readings})],
    )
    for identifier, device_id, since, until, *session in all_bindings:
        watched = Watched(*session) if session[0] else None
        found.setdefault(identifier, []).append((device_id, since, until, watched))
    return found


def _speakable(identifiers: Iterable[str]) -> list[str]:
    """Without those no database could hold."""
    return [identifier for identifier in identifiers if identifier.isprintable()]


def _hear(session: Watched, readings: list[tuple[Reported, UUID]], received_at: datetime) -> int:
    """Take one session's readings down; how many were new."""
    fitting = [(reading, device_id) for reading, device_id in readings if abs(reading.value) < BEYOND_ALL]
    channels = lock(session, {reading.code for reading, _ in fitting})
    entries = [entry for each in fitting if (entry := _entry_of(*each)) is not None]
    new = insert(session, entries)
    fold(session, channels, new, received_at, by_hand=False)
    if new:
        tell("readings", session.id)
    return len(new)


def _entry_of(reading: Reported, device_id: UUID) -> Entry | None:
    """What is to be inserted for a reading; none for a correction that is known already."""
    detail = {"ref": printable(reading.source_ref)}
    if reading.body_site:
        detail["body_site"] = printable(reading.body_site)
    if reading.is_questionable:
        detail["questionable"] = "yes"
    entry = Entry(
        code=reading.code,
        value=reading.value,
        unit=reading.unit,
        observed_at=reading.observed_at,
        source=printable(reading.source)[:100],
        device_id=device_id,
        detail=detail,
        # Outside what anything living shows: kept as it came, and never an alarm.
        is_artefact=not vitals.plausible(reading.code, reading.value),
    )
    return _as_correction(entry) if reading.status == "C" else entry


def _as_correction(entry: Entry) -> Entry | None:
    """The entry as a new row behind the last value of its line; itself if there is no first value yet."""
    line = rows(
        "with recursive line as ("
        " select id, value, detail, source, 0 as depth from ("
        # The value of this very source; of another place in the device only where there is but one to correct.
        "  select *, count(*) over () as several from bothwell_sample"
        "  where device_id = %s and code = %s and observed_at = %s and corrects_id is null"
        " ) s where s.source = %s or (s.several = 1 and split_part(s.source, '@', 1) = split_part(%s, '@', 1))"
        " union all"
        " select s.id, s.value, s.detail, s.source, line.depth + 1"
        "  from bothwell_sample s join line on s.corrects_id = line.id"
        ") select id, value, detail->>'ref', source from line order by depth",
        [entry.device_id, entry.code, entry.observed_at, entry.source, entry.source],
    )
    if not line:
        return entry
    last_id, last_value, _, source = line[-1]
    if last_value == entry.value or any(ref == entry.detail["ref"] for _, _, ref, _ in line):
        return None
    return replace(
        entry, corrects_id=last_id, root_id=line[0][0], source=source, reason="corrected by the device"
    )


@transaction.atomic
def look_at_clocks(shown: Mapping[str, datetime], *, received_at: datetime) -> None:
    """Remember how the clocks of these monitors stand to ours: by identifier, the newest time each spoke of.

    No reading is changed by it. When a clock begins or ceases to be wrong, the room it is in is told.
    """
    known = rows(
        "select d.id, d.identifier, d.clock::text, b.session_id from bothwell_device d "
        "left join bothwell_binding b on b.device_id = d.id and b.until is null "
        "where d.identifier = any(%s) and not d.is_retired order by d.id for no key update of d",
        [_speakable(shown)],
    )
    for device_id, identifier, written, session_id in known:
        before = clocks.from_json(json.loads(written))
        clock = clocks.look(before, shown[identifier], received_at)
        if clock == before:
            continue
        rows(
            "update bothwell_device set clock = %s::jsonb where id = %s returning id",
            [json.dumps(clocks.to_json(clock)), device_id],
        )
        if session_id and clocks.trouble(clock) != clocks.trouble(before):
            tell("room", session_id)


# ── time goes by ──────────────────────────────────────────────────────────────────────────────────────────


def tick(now: datetime) -> int:
    """Look at every open session: has a signal gone, has an alarm waited too long? How many channels changed.

    Called every second or two by the listener. Each session is a transaction of its own.
    """
    changed = 0
    for is_bound, *session in rows(
        "select exists (select 1 from bothwell_binding b where b.session_id = s.id and b.until is null), "
        f"{SESSION} where s.arrived_at is not null and s.ended_at is null",
        [],
    ):
        changed += _tick(Watched(*session), is_bound, now)
    return changed


@transaction.atomic
def _tick(session: Watched, is_bound: bool, now: datetime) -> int:
    states = _peeked(session, is_bound)
    limits = _limits_for_time(session, states, is_bound)
    due = _due(limits, states, now)
    if not due:
        return 0
    channels = lock(session, due)
    watching = channels.pop(MONITOR, None)
    for channel in channels.values():
        channel.state, events = alarms.step(limits[channel.code], channel.state, alarms.Tick(now))
        _tell_of(session, channel.code, events)
    if watching is not None:
        # Looked at anew behind the lock: what was missing may have spoken meanwhile.
        _watch_for_silence(session, watching, limits, _peeked(session, is_bound), now)
    save([*channels.values(), *([watching] if watching else [])])
    return len(due)


def _peeked(session: Watched, is_bound: bool) -> dict[str, alarms.ChannelState]:
    """Where every channel stands. Windows are not needed to tell the time, and are nearly all there is to read."""
    peeked = rows(
        'select code, (state || \'{"window": [], "spans": [], "late": null}\')::text from bothwell_channel '
        "where session_id = %s and state <> '{}'",
        [session.id],
    )
    states = {code: alarms.from_json(json.loads(state)) for code, state in peeked}
    states.setdefault(MONITOR, alarms.ChannelState())
    if is_bound:
        for code in rules_of(session).missed.get(session.route, ()):
            states.setdefault(code, alarms.ChannelState())
    return states


def _due(
    limits: Mapping[str, alarms.Limits], states: Mapping[str, alarms.ChannelState], now: datetime
) -> list[str]:
    """The channels to which the time of day means something."""
    after_silence = silence.step(states[MONITOR], silence.missing(limits, states, now), now)[0]
    return [
        code
        for code, state in {**states, MONITOR: after_silence}.items()
        if alarms.step(limits[code], state, alarms.Tick(now))[0] != states[code]
    ]


def _watch_for_silence(
    session: Watched,
    watching: Channel,
    limits: Mapping[str, alarms.Limits],
    states: Mapping[str, alarms.ChannelState],
    now: datetime,
) -> None:
    known = {code: states[code] for code in limits if code in states}
    watching.state, events = silence.step(watching.state, silence.missing(limits, known, now), now)
    watching.state, escalated = alarms.step(limits[MONITOR], watching.state, alarms.Tick(now))
    _tell_of(session, MONITOR, events + escalated)


def _tell_of(session: Watched, code: str, events: Sequence[alarms.AlarmEvent]) -> None:
    if events:
        keep_events(session, code, events)
        tell("readings", session.id)


def _limits_for_time(
    session: Watched, states: Mapping[str, alarms.ChannelState], is_bound: bool
) -> dict[str, alarms.Limits]:
    """Limits that miss a signal only where a monitor is bound and has spoken, or is expected to."""
    missed = rules_of(session).missed.get(session.route, frozenset())
    quantities = [code for code in states if code != MONITOR]
    watched = limits_of(session, quantities, for_readings=False)
    return {MONITOR: alarms.Limits(MONITOR, escalate_after_seconds=ESCALATE_AFTER_SECONDS)} | {
        code: limits
        if is_bound and code in CONTINUOUS and (states[code].heard_at is not None or code in missed)
        else replace(limits, lost_after_seconds=None)
        for code, limits in watched.items()
    }
