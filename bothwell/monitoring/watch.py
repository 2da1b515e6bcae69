"""The watch over one session as it lies in the database, the same way for monitors and for people.

It never treats, never overwrites a reading, and decides nothing about limits: `alarms` does. Whoever calls
has opened the transaction.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from bothwell.codes import SHOWN_FIRST
from bothwell.couples.models import Person, new_id
from bothwell.later import tell
from bothwell.monitoring import alarms
from bothwell.monitoring.limits import CONTINUOUS
from bothwell.monitoring.models import Alarm, AlarmEvent
from bothwell.pathway import protocol as protocols

log = logging.getLogger("bothwell.monitoring")

# Ours, to be confirmed by the clinic: how long an alarm waits for somebody where the protocol says nothing.
ESCALATE_AFTER_SECONDS = 120
# A session's oximetry is missed even if it never spoke, where the protocol has it without a pause.
OXIMETRY = "spo2"


@dataclass(frozen=True, slots=True)
class Watched:
    """One session as the watch needs it."""

    id: UUID
    clinic_id: UUID
    subject_id: UUID
    couple_id: UUID | None
    started_at: datetime | None
    ended_at: datetime | None
    protocol_id: UUID
    sha256: str
    route: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One value about to be taken down. `root`: the first value of a line of corrections, itself if none."""

    code: str
    value: Decimal
    unit: str
    observed_at: datetime
    source: str = ""
    device_id: UUID | None = None
    author_id: UUID | None = None
    request_id: UUID | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    is_artefact: bool = False
    corrects_id: UUID | None = None
    root_id: UUID | None = None
    reason: str = ""
    id: UUID = field(default_factory=new_id)

    @property
    def key(self) -> str:
        return (self.root_id or self.id).hex[-12:]


@dataclass(slots=True)
class Channel:
    id: UUID
    code: str
    state: alarms.ChannelState


def rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()  # type: ignore[no-any-return]


SESSION = (
    "s.id, s.clinic_id, s.subject_id, s.couple_id, s.started_at, s.ended_at, p.id, p.sha256, k.route "
    "from bothwell_dosingsession s join bothwell_course k on k.id = s.course_id "
    "join bothwell_protocolversion p on p.id = k.protocol_id"
)


# Of two sources of one quantity at the same instant, the one that is shown comes first.
SHOWN = "array_position(array[{}], split_part(s.source, '@', 1))".format(
    ", ".join(f"'{code}'" for code in SHOWN_FIRST)
)


def printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())[:200]


# ── one way into the tables, for monitors and people ──────────────────────────────────────────────────────


def lock(session: Watched, codes: Collection[str]) -> dict[str, Channel]:
    """The channels of these quantities, made on demand, held until the transaction ends."""

    def locked() -> list[tuple[Any, ...]]:
        return rows(
            "select id, code, state::text from bothwell_channel where session_id = %s and code = any(%s) "
            "order by code for update",
            [session.id, sorted(codes)],
        )

    found = locked()
    missing = sorted(set(codes) - {code for _, code, _ in found})
    if missing:
        _make_channels(session, missing)
        found = locked()
    return {code: Channel(key, code, alarms.from_json(json.loads(state))) for key, code, state in found}


def _make_channels(session: Watched, codes: Sequence[str]) -> None:
    made = [
        (new_id(), session.clinic_id, session.subject_id, session.couple_id, session.id, code)
        for code in codes
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into bothwell_channel "
            "(id, clinic_id, subject_id, couple_id, session_id, code, state, recorded_at) "
            "values (%s, %s, %s, %s, %s, %s, '{}', clock_timestamp()) on conflict do nothing",
            made,
        )


def insert(session: Watched, entries: Sequence[Entry]) -> list[Entry]:
    """Insert samples; those that are in the database now and were not before."""
    if not entries:
        return []
    at = timezone.now()
    values = [
        (
            *(
                entry.id,
                session.clinic_id,
                session.subject_id,
                session.couple_id,
                entry.author_id,
                at,
                session.id,
            ),
            *(entry.request_id, entry.device_id, entry.code, entry.source, entry.value, entry.unit),
            entry.observed_at,
            *(json.dumps(dict(entry.detail)), entry.is_artefact, entry.corrects_id, entry.reason),
        )
        for entry in entries
    ]
    row = f"({', '.join(['%s'] * 14)}, %s::jsonb, %s, %s, %s)"
    new = rows(
        "insert into bothwell_sample "
        "(id, clinic_id, subject_id, couple_id, author_id, recorded_at, session_id, request_id, "
        "device_id, code, source, value, unit, observed_at, detail, is_artefact, corrects_id, reason) "
        f"values {', '.join([row] * len(values))} on conflict do nothing returning id",
        [value for each in values for value in each],
    )
    known = {key for (key,) in new}
    return [entry for entry in entries if entry.id in known]


def fold(
    session: Watched,
    channels: Mapping[str, Channel],
    entries: Sequence[Entry],
    received_at: datetime,
    *,
    by_hand: bool,
) -> list[Alarm]:
    """Carry new values through the watch; save where it stands and what happened. The alarms raised."""
    counted = sorted((entry for entry in entries if not entry.is_artefact), key=lambda entry: entry.code)
    if session.ended_at is not None or not counted:
        return []
    limits = limits_of(session, {entry.code for entry in counted})
    raised: list[Alarm] = []
    for code, group in groupby(counted, key=lambda entry: entry.code):
        channel = channels[code]
        for entry in sorted(group, key=lambda one: one.observed_at):
            source = entry.source if code in CONTINUOUS else ""
            reading = alarms.AlarmReading(entry.value, entry.observed_at, received_at, entry.key, source)
            step = _step_by_hand if by_hand else alarms.step
            channel.state, events = step(limits[code], channel.state, reading)
            raised += keep_events(session, code, events)
    save([channels[code] for code in {entry.code for entry in counted}])
    return raised


def _step_by_hand(
    limits: alarms.Limits, state: alarms.ChannelState, reading: alarms.AlarmReading
) -> tuple[alarms.ChannelState, tuple[alarms.AlarmEvent, ...]]:
    """A value a person entered is judged like any other, but it is no sign of life from the monitor."""
    after, events = alarms.step(limits, state, reading)
    return replace(after, heard_at=state.heard_at), events


def keep_events(session: Watched, code: str, events: Sequence[alarms.AlarmEvent]) -> list[Alarm]:
    """Rows for what happened; the board hears of it. The alarms raised."""
    raised = []
    for event in events:
        if event.kind is alarms.Kind.RAISED:
            alarm = Alarm(
                clinic_id=session.clinic_id,
                subject_id=session.subject_id,
                couple_id=session.couple_id,
                session_id=session.id,
                code=code,
                number=event.number,
                priority=event.priority.value,
                text=event.text[:200],
                raised_at=event.at,
            )
            alarm.save(force_insert=True)
            raised.append(alarm)
        else:
            keep_event(session, code, event)
    if events:
        tell("board", session.clinic_id, of=session.id)
    return raised


def keep_event(session: Watched, code: str, event: alarms.AlarmEvent, by: Person | None = None) -> AlarmEvent:
    ((alarm_id,),) = rows(
        "select id from bothwell_alarm where session_id = %s and code = %s and number = %s",
        [session.id, code, event.number],
    )
    kept = AlarmEvent(
        clinic_id=session.clinic_id,
        subject_id=session.subject_id,
        couple_id=session.couple_id,
        author=by,
        alarm_id=alarm_id,
        kind=event.kind.value,
        at=event.at,
    )
    kept.save(force_insert=True)
    return kept


def save(channels: Sequence[Channel]) -> None:
    """Write where these channels stand; they are locked by this transaction."""
    if not channels:
        return
    values = [(channel.id, json.dumps(alarms.to_json(channel.state))) for channel in channels]
    with connection.cursor() as cursor:
        # A list of values, not arrays: quoting text inside an array cost a fifth of a whole message.
        cursor.execute(
            "update bothwell_channel c set state = v.state::jsonb "
            f"from (values {', '.join(['(%s::uuid, %s)'] * len(values))}) as v (id, state) where c.id = v.id",
            [value for each in values for value in each],
        )


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Rules:
    limits: Mapping[str, alarms.Limits]
    missed: Mapping[str, frozenset[str]]


_known_rules: dict[str, Rules] = {}


def rules_of(session: Watched) -> Rules:
    """The protocol this session's course keeps, as the watch reads it; read once a text."""
    if session.sha256 not in _known_rules:
        ((source,),) = rows(
            "select source from bothwell_protocolversion where id = %s", [session.protocol_id]
        )
        try:
            _known_rules[session.sha256] = _read(source)
        except (protocols.ProtocolInvalid, alarms.UnreadableLimits):
            # Readings are kept whatever happens; a protocol is proved readable before anybody signs it.
            log.error("a protocol's limits cannot be read: its sessions are watched for silence only")
            _known_rules[session.sha256] = Rules({}, {})
    return _known_rules[session.sha256]


def _read(source: str) -> Rules:
    reading = protocols.read(source, "protocol")
    if reading.protocol is None:
        raise protocols.ProtocolInvalid(reading.problems)
    missed = {
        str(route): frozenset({OXIMETRY})
        for route, plan in reading.protocol.routes.items()
        if (check := plan.monitoring.get(OXIMETRY)) and check.continuous and check.continuous.value
    }
    return Rules(alarms.default_limits(reading.protocol.limits_values()), missed)


def limits_of(
    session: Watched, codes: Collection[str], *, for_readings: bool = True
) -> dict[str, alarms.Limits]:
    """The limits of these quantities in this session, with the person's own values before the dose."""
    known = rules_of(session).limits
    found = {code: known.get(code) or alarms.default_limits({code: {}})[code] for code in codes}
    relative = [code for code, limits in found.items() if any(rule.is_relative for rule in limits.rules)]
    baselines = _baselines(session, relative) if for_readings and relative else {}
    return {
        code: replace(
            limits,
            baseline=baselines.get(code),
            escalate_after_seconds=limits.escalate_after_seconds or ESCALATE_AFTER_SECONDS,
        )
        for code, limits in found.items()
    }


def _baselines(session: Watched, codes: Sequence[str]) -> dict[str, Decimal]:
    """The last value of each quantity up to the first dose, as corrected; none before a dose."""
    if session.started_at is None:
        return {}
    return dict(
        rows(
            "select distinct on (s.code) s.code, s.value from bothwell_sample s "
            "where s.session_id = %s and s.code = any(%s) and s.observed_at <= %s and not s.is_artefact "
            "and not exists (select 1 from bothwell_sample c where c.corrects_id = s.id) "
            f"order by s.code, s.observed_at desc, {SHOWN}, s.id desc",
            [session.id, list(codes), session.started_at],
        )
    )
