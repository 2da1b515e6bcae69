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

from django.conf import settings
from django.utils import timezone

from bothwell.codes import SHOWN_FIRST
from bothwell.couples.models import Person, new_id
from bothwell.later import later, tell
from bothwell.monitoring import alarms, quick
from bothwell.monitoring.held import Channel, Measure, Watched, lock, rows, save
from bothwell.monitoring.limits import CONTINUOUS
from bothwell.monitoring.models import Alarm, AlarmEvent
from bothwell.pathway import protocol as protocols

__all__ = [
    "ESCALATE_AFTER_SECONDS",
    "SESSION",
    "SHOWN",
    "Channel",
    "Entry",
    "Watched",
    "fold",
    "insert",
    "insert_all",
    "judge",
    "keep_event",
    "keep_events",
    "limits_of",
    "lock",
    "printable",
    "rows",
    "rules_of",
    "save",
    "touched",
]

log = logging.getLogger("bothwell.monitoring")

# Ours, to be confirmed by the clinic: how long an alarm waits for somebody where the protocol says nothing.
ESCALATE_AFTER_SECONDS = 120
# A session's oximetry is missed even if it never spoke, where the protocol has it without a pause.
OXIMETRY = "spo2"


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
    # Told where it came before the time it names: its place is that of its arrival.
    received_at: datetime | None = None
    id: UUID = field(default_factory=new_id)

    @property
    def key(self) -> str:
        return (self.root_id or self.id).hex[-12:]


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
    if text.isprintable():
        return text[:200]
    return "".join(character for character in text if character.isprintable())[:200]


# ── one way into the tables, for monitors and people ──────────────────────────────────────────────────────


def insert(session: Watched, entries: Sequence[Entry]) -> list[Entry]:
    """Insert samples; those that are in the database now and were not before."""
    known = insert_all([(session, entry) for entry in entries])
    return [entry for entry in entries if entry.id in known]


def insert_all(entries: Sequence[tuple[Watched, Entry]]) -> set[UUID]:
    """Insert samples of several sessions at once; which of them are in the database now and were not before.

    Of two that are the same the first is kept.
    """
    if not entries:
        return set()
    at = timezone.now().isoformat()
    values = [_row(session, entry, at) for session, entry in entries]
    return {
        key
        # One text for all: quoting each value took longer than everything else.
        for (key,) in rows(INSERT, [json.dumps(values, separators=(",", ":"))])
    }


COLUMNS = {
    **dict.fromkeys(("id", "clinic_id", "subject_id", "couple_id", "author_id", "session_id"), "uuid"),
    **dict.fromkeys(("request_id", "device_id", "corrects_id"), "uuid"),
    **dict.fromkeys(("recorded_at", "observed_at"), "timestamptz"),
    **dict.fromkeys(("code", "source", "unit", "reason"), "text"),
    **{"value": "numeric", "detail": "jsonb", "is_artefact": "boolean"},
}
INSERT = (
    f"insert into bothwell_sample ({', '.join(COLUMNS)}) select {', '.join(COLUMNS)} "
    f"from jsonb_to_recordset(%s::jsonb) as v ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())}) "
    "on conflict do nothing returning id"
)


def _row(session: Watched, entry: Entry, at: str) -> dict[str, Any]:
    detail = dict(entry.detail)
    if entry.received_at is not None and entry.observed_at > entry.received_at:
        detail["received_at"] = entry.received_at.isoformat()
    return {
        "id": str(entry.id),
        "clinic_id": str(session.clinic_id),
        "subject_id": str(session.subject_id),
        "couple_id": _said(session.couple_id),
        "author_id": _said(entry.author_id),
        "recorded_at": at,
        "session_id": str(session.id),
        "request_id": _said(entry.request_id),
        "device_id": _said(entry.device_id),
        "code": entry.code,
        "source": entry.source,
        "value": str(entry.value),
        "unit": entry.unit,
        "observed_at": entry.observed_at.isoformat(),
        "detail": detail,
        "is_artefact": entry.is_artefact,
        "corrects_id": _said(entry.corrects_id),
        "reason": entry.reason,
    }


def _said(key: UUID | None) -> str | None:
    return None if key is None else str(key)


def fold(
    session: Watched,
    channels: Mapping[str, Channel],
    entries: Sequence[Entry],
    received_at: datetime,
    *,
    by_hand: bool,
) -> list[Alarm]:
    """Carry new values through the watch; save where it stands and what happened. The alarms raised."""
    raised = judge(session, channels, entries, received_at, by_hand=by_hand)
    save([channels[code] for code in sorted(touched(session, entries))])
    return raised


def touched(session: Watched, entries: Sequence[Entry]) -> set[str]:
    """The quantities whose channel is to be written after these, also where only what counts as baseline changed."""
    if session.ended_at is not None:
        return set()
    return {entry.code for entry in entries if not entry.is_artefact or entry.corrects_id is not None}


def judge(
    session: Watched,
    channels: Mapping[str, Channel],
    entries: Sequence[Entry],
    received_at: datetime,
    *,
    by_hand: bool,
) -> list[Alarm]:
    """Carry new values through the watch and keep what happened; the channels are yet to be saved."""
    if session.ended_at is not None or not entries:
        return []
    limits = _limits_now(session, channels, entries)
    counted = sorted((entry for entry in entries if not entry.is_artefact), key=lambda entry: entry.code)
    raised: list[Alarm] = []
    for code, group in groupby(counted, key=lambda entry: entry.code):
        for entry in sorted(group, key=lambda one: one.observed_at):
            events = _step(limits[code], channels[code], entry, received_at, by_hand)
            if events:
                raised += keep_events(session, code, events)
    return raised


def _step(
    limits: alarms.Limits, channel: Channel, entry: Entry, received_at: datetime, by_hand: bool
) -> tuple[alarms.AlarmEvent, ...]:
    source = entry.source if channel.code in CONTINUOUS else ""
    reading = alarms.AlarmReading(entry.value, entry.observed_at, received_at, entry.key, source)
    heard_at = channel.state.heard_at
    if entry.root_id is None:
        (channel.state, events), channel.tail = quick.step(limits, channel.state, reading, channel.tail)
    else:
        channel.state, events = alarms.step(limits, channel.state, reading)
    if by_hand:
        # Judged like any other, but no sign of life from the monitor.
        channel.state = replace(channel.state, heard_at=heard_at)
    return events


def _limits_now(
    session: Watched, channels: Mapping[str, Channel], entries: Sequence[Entry]
) -> dict[str, alarms.Limits]:
    """The limits of the quantities of these new values; read again only where something may have changed them."""
    codes = {entry.code for entry in entries}
    # What was measured before the dose, or corrects what was, may be the baseline itself.
    older = {
        entry.code for entry in entries if session.started_at and entry.observed_at <= session.started_at
    }
    known = {
        code: measure.limits
        for code in codes - older
        if (measure := channels[code].measure)
        and measure.sha256 == session.sha256
        and measure.started_at == session.started_at
    }
    fresh = limits_of(session, codes - known.keys()) if codes - known.keys() else {}
    for code, limits in fresh.items():
        channels[code].measure = Measure(session.sha256, session.started_at, limits)
    return known | fresh


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
            if settings.PUSH and event.priority is alarms.Priority.HIGH:
                later("push.call", alarm=alarm.id, level=0)
        else:
            keep_event(session, code, event)
    if events:
        tell("board", session.clinic_id, of=session.id)
    return raised


def keep_event(
    session: Watched, code: str, event: alarms.AlarmEvent, by: Person | None = None, to: UUID | None = None
) -> AlarmEvent:
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
        level=event.level,
        at=event.at,
        to_id=to,
    )
    kept.save(force_insert=True)
    return kept


# ── limits ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Rules:
    limits: Mapping[str, alarms.Limits]
    missed: Mapping[str, frozenset[str]]
    protocol: protocols.Protocol | None = None


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
    return Rules(alarms.default_limits(reading.protocol.limits_values()), missed, reading.protocol)


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
            "and not exists (select 1 from bothwell_sample c "
            "  where c.corrects_id = s.id and c.observed_at = s.observed_at) "
            f"order by s.code, s.observed_at desc, {SHOWN}, s.id desc",
            [session.id, list(codes), session.started_at],
        )
    )
