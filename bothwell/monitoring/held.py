"""Where the watch over each quantity stands: locked, remembered between two readings, and written down.

It judges nothing. What is written leaves out the window of recent readings, which lie in the database already, each
in the same transaction as what it meant; after a crash, or when somebody else wrote meanwhile, the window is read
back from them. So nothing that was acknowledged is ever remembered in this process only.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from bothwell.couples.models import new_id
from bothwell.monitoring import alarms
from bothwell.monitoring.channel import AlarmReading
from bothwell.monitoring.limits import CONTINUOUS, Limits
from bothwell.monitoring.quick import Tail

# Channels remembered at once: those of some three hundred monitors. Past it the one not used longest goes.
MOST_HELD = 2000


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
class Measure:
    """The limits of one channel as last read: of which protocol, from which start, with the baseline in them."""

    sha256: str
    started_at: datetime | None
    limits: Limits


@dataclass(slots=True)
class Channel:
    """One quantity of one session. `tail` and `measure` only save work: without them it is done again."""

    id: UUID
    code: str
    state: alarms.ChannelState
    tail: Tail | None = None
    measure: Measure | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """A channel as it was committed, and the transaction that wrote it (`xmin`)."""

    written_by: str
    state: alarms.ChannelState
    tail: Tail | None
    measure: Measure | None


_held: OrderedDict[UUID, _Held] = OrderedDict()
_guard = threading.Lock()


def rows(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()  # type: ignore[no-any-return]


# ── locked ────────────────────────────────────────────────────────────────────────────────────────────────


def lock(session: Watched, codes: Collection[str]) -> dict[str, Channel]:
    """The channels of these quantities, made on demand, held until the transaction ends."""
    return lock_all([(session, code) for code in codes]).get(session.id, {})


def lock_all(wanted: Collection[tuple[Watched, str]]) -> dict[UUID, dict[str, Channel]]:
    """The channels of these sessions and quantities, by both, in one order everywhere: nobody waits in a ring."""
    if not wanted:
        return {}
    found = _locked(wanted)
    known = {(session_id, code) for _, session_id, code, _ in found}
    missing = [(session, code) for session, code in wanted if (session.id, code) not in known]
    if missing:
        _make(sorted(missing, key=lambda each: (each[0].id, each[1])))
        found = _locked(wanted)
    return _with_states(found)


def _locked(wanted: Collection[tuple[Watched, str]]) -> list[tuple[Any, ...]]:
    return rows(
        "select c.id, c.session_id, c.code, c.xmin::text from bothwell_channel c "
        "join unnest(%s::uuid[], %s::text[]) as w (session_id, code) using (session_id, code) "
        "order by c.session_id, c.code for update of c",
        [[session.id for session, _ in wanted], [code for _, code in wanted]],
    )


def _make(missing: Sequence[tuple[Watched, str]]) -> None:
    made = [
        (new_id(), session.clinic_id, session.subject_id, session.couple_id, session.id, code)
        for session, code in missing
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into bothwell_channel "
            "(id, clinic_id, subject_id, couple_id, session_id, code, state, recorded_at) "
            "values (%s, %s, %s, %s, %s, %s, '{}', clock_timestamp()) on conflict do nothing",
            made,
        )


def _with_states(found: Iterable[tuple[Any, ...]]) -> dict[UUID, dict[str, Channel]]:
    channels: dict[UUID, dict[str, Channel]] = {}
    unknown: dict[UUID, Channel] = {}
    sessions: dict[UUID, UUID] = {}
    for key, session_id, code, written_by in found:
        with _guard:
            held = _held.get(key)
        if held is not None and held.written_by == written_by:
            channel = Channel(key, code, held.state, held.tail, held.measure)
        else:
            unknown[key] = channel = Channel(key, code, alarms.ChannelState())
            sessions[key] = session_id
        channels.setdefault(session_id, {})[code] = channel
    if unknown:
        _read_back(unknown, sessions)
    return channels


# ── read back ─────────────────────────────────────────────────────────────────────────────────────────────

Order = tuple[datetime, datetime, str]


def _read_back(channels: Mapping[UUID, Channel], sessions: Mapping[UUID, UUID]) -> None:
    """Fill in the state of channels that are locked: what is written, and the window from the readings."""
    since: dict[UUID, Order] = {}
    for key, written in rows(
        "select id, state::text from bothwell_channel where id = any(%s) and state <> '{}'", [list(channels)]
    ):
        told = json.loads(written)
        channels[key].state = alarms.from_json(told)
        if told.get("since"):
            ordered_at, observed_at, name = told["since"]
            since[key] = (datetime.fromisoformat(ordered_at), datetime.fromisoformat(observed_at), name)
    if not since:
        return
    by_place = {(sessions[key], channels[key].code): key for key in since}
    read: dict[UUID, list[tuple[Any, ...]]] = {}
    for session_id, code, *sample in rows(
        "select s.session_id, s.code, s.id, s.corrects_id, s.value, s.observed_at, "
        "coalesce((s.detail->>'received_at')::timestamptz, s.recorded_at), s.source, s.is_artefact "
        "from unnest(%s::uuid[], %s::text[], %s::timestamptz[]) as w (session_id, code, since) "
        "join bothwell_sample s on s.session_id = w.session_id and s.code = w.code and s.observed_at >= w.since",
        [*map(list, zip(*by_place, strict=True)), [since[key][0] for key in by_place.values()]],
    ):
        read.setdefault(by_place[session_id, code], []).append(tuple(sample))
    for key, samples in read.items():
        channel = channels[key]
        channel.state = replace(channel.state, window=_window(channel.code, samples, since[key]))


def _window(code: str, samples: Sequence[tuple[Any, ...]], since: Order) -> tuple[AlarmReading, ...]:
    """The readings from `since` on, in order, each with the last value of its line of corrections."""
    corrected_by = {sample[1]: sample for sample in samples if sample[1] is not None}
    found = []
    for root in samples:
        if root[1] is not None:
            continue
        line = [root]
        while line[-1][0] in corrected_by:
            line.append(corrected_by[line[-1][0]])
        counted = [sample for sample in line if not sample[6]]
        if counted:
            # A correction keeps the place of the first value that counted.
            _, _, _, observed_at, received_at, _, _ = counted[0]
            source = root[5] if code in CONTINUOUS else ""
            value: Decimal = counted[-1][2]
            found.append(AlarmReading(value, observed_at, received_at, root[0].hex[-12:], source))
    return tuple(sorted((one for one in found if order_of(one) >= since), key=order_of))


def order_of(reading: AlarmReading) -> Order:
    """Where a reading stands among those of its window."""
    return reading.ordered_at, reading.observed_at, reading.key


# ── written ───────────────────────────────────────────────────────────────────────────────────────────────


def save(channels: Sequence[Channel]) -> None:
    """Write where these channels stand; they are locked by this transaction."""
    if not channels:
        return
    values = [{"id": str(channel.id), "state": _written(channel.state)} for channel in channels]
    written = dict(
        rows(
            "update bothwell_channel c set state = v.state "
            "from jsonb_to_recordset(%s::jsonb) as v (id uuid, state jsonb) where c.id = v.id "
            "returning c.id, c.xmin::text",
            [json.dumps(values, separators=(",", ":"))],
        )
    )
    held = {
        channel.id: _Held(written[channel.id], channel.state, channel.tail, channel.measure)
        for channel in channels
    }
    transaction.on_commit(lambda: _remember(held))


def _written(state: alarms.ChannelState) -> dict[str, Any]:
    """The state without its window: where that begins is enough."""
    since = order_of(state.window[0]) if state.window else None
    return alarms.to_json(replace(state, window=())) | {
        "since": [since[0].isoformat(), since[1].isoformat(), since[2]] if since else None
    }


def _remember(held: Mapping[UUID, _Held]) -> None:
    with _guard:
        for key, one in held.items():
            _held[key] = one
            _held.move_to_end(key)
        while len(_held) > MOST_HELD:
            _held.popitem(last=False)


def forget() -> None:
    """Remember nothing, as after a start."""
    with _guard:
        _held.clear()
