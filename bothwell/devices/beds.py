"""Who each bound monitor is on and where their alarms stand, in memory, for the minutes the database is away.

It judges by the same rules as ever (`alarms`, `silence`), keeps nothing on a disk, and takes the place of no
record: once the database is back, what was said is taken down anew, and only that counts.
"""

import json
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from bothwell.codes import BY_CODE
from bothwell.devices.reading import Reading
from bothwell.monitoring import alarms, clocks, silence, vitals
from bothwell.monitoring.feed import Reported, Site
from bothwell.monitoring.limits import CONTINUOUS
from bothwell.monitoring.silence import MONITOR
from bothwell.monitoring.watch import SESSION, Watched, limits_of, rows, rules_of

# A baseline is charted or corrected by hand: seldom, and never while the database is away.
LIMITS_LIVE_S = 10.0
# A message that came so long before the last look was on its way meanwhile; longer ago, our clock was set.
SURE_FOR = timedelta(seconds=10)
# As much as a channel remembers: two minutes of a quantity that is said every second.
MOST_REMEMBERED = 240

Memory = dict[tuple[str, str], deque[alarms.AlarmReading]]


@dataclass(slots=True)
class Bed:
    """One session a monitor is on: its limits, where its channels stood, and what was said since."""

    session: Watched
    devices: Mapping[str, datetime]
    site: Site
    limits: Mapping[str, alarms.Limits]
    written: Mapping[str, str]
    memory: Memory
    clocks: Mapping[str, str] = field(default_factory=dict)
    states: dict[str, alarms.ChannelState] = field(default_factory=dict)
    in_record: dict[str, int] = field(default_factory=dict)
    newest: dict[str, Reading] = field(default_factory=dict)

    def is_of(self, reading: Reading, received_at: datetime) -> bool:
        """Whether it was observed since this person's monitor was put on: as `feed` will decide."""
        clock = clocks.from_json(json.loads(self.clocks.get(reading.device_id, "{}")))
        since = self.devices.get(reading.device_id)
        return since is not None and since <= clocks.by_ours(clock, reading.observed_at, received_at)

    def hear(self, readings: Iterable[Reading], received_at: datetime) -> None:
        """Carry what was said through the watch."""
        self._wake()
        for reading in sorted(readings, key=lambda each: each.observed_at):
            if not vitals.plausible(reading.code, reading.value):
                continue
            said = _as_heard(reading, received_at)
            state = self.states.get(reading.code, alarms.ChannelState())
            self.states[reading.code] = alarms.step(self._limits(reading.code), state, said)[0]
            known = self.newest.get(reading.code)
            if known is None or reading.observed_at >= known.observed_at:
                self.newest[reading.code] = reading

    def pass_time(self, now: datetime) -> None:
        """Look whether a signal has gone, or a pause is over."""
        self._wake()
        codes = [code for code in self.states if code in BY_CODE]
        # Nobody waits for the signal of a quantity that a person measures.
        limits = {
            code: self._limits(code)
            if self.states[code].heard_at
            else replace(self._limits(code), lost_after_seconds=None)
            for code in codes
        }
        for code in codes:
            self.states[code] = alarms.step(limits[code], self.states[code], alarms.Tick(now))[0]
        missing = silence.missing(limits, {code: self.states[code] for code in codes}, now)
        watching = self.states.get(MONITOR, alarms.ChannelState())
        self.states[MONITOR] = silence.step(watching, missing, now)[0]

    def _wake(self) -> None:
        """The channels as they stood when the database was last seen; read only when it is away."""
        if self.states:
            return
        self.states = {code: self._stood(code, state) for code, state in self.written.items()}
        self.in_record = {code: state.last_number for code, state in self.states.items()}
        self.states.setdefault(MONITOR, alarms.ChannelState())

    def _stood(self, code: str, written: str) -> alarms.ChannelState:
        """A channel with its window, which the row does not hold: it is what was heard here last."""
        state = alarms.from_json(json.loads(written))
        if state.window:
            return state
        heard = sorted(
            (each for device in self.devices for each in self.memory.get((device, code), ())),
            key=lambda each: each.ordered_at,
        )
        if not heard:
            return state
        oldest = heard[-1].ordered_at - timedelta(seconds=self._limits(code).window_seconds)
        since = max(oldest, state.before.at) if state.before.at else oldest
        return replace(state, window=tuple(each for each in heard if each.ordered_at > since))

    def _limits(self, code: str) -> alarms.Limits:
        return self.limits.get(code) or alarms.default_limits({code: {}})[code]

    def told(self, at: datetime) -> dict[str, Any]:
        """What open pages of this session show meanwhile, as JSON."""
        self._wake()
        return {
            "session": str(self.session.id),
            "clinic": str(self.session.clinic_id),
            "at": at.isoformat(),
            "alarms": [
                _alarm(code, alarm) | {"is_in_record": alarm.number <= self.in_record.get(code, 0)}
                for code, state in sorted(self.states.items())
                for alarm in (*state.standing, *([state.signal] if state.signal else []))
            ],
            "readings": [_shown(reading) for _, reading in sorted(self.newest.items())],
        }


def _as_heard(reading: Reported, received_at: datetime) -> alarms.AlarmReading:
    return alarms.AlarmReading(
        reading.value,
        reading.observed_at,
        received_at,
        # Two sources of one device may share an instant.
        key=f"{reading.device_id}/{reading.source}",
        source=reading.source if reading.code in CONTINUOUS else "",
    )


def _alarm(code: str, alarm: alarms.Standing) -> dict[str, Any]:
    return {
        "code": code,
        "number": alarm.number,
        "priority": alarm.priority.value,
        "text": alarm.text,
        "raised_at": alarm.raised_at.isoformat(),
        "is_over": alarm.is_over,
        "is_acknowledged": alarm.acknowledged_at is not None,
    }


def _shown(reading: Reading) -> dict[str, Any]:
    return {
        "code": reading.code,
        "value": float(reading.value),
        "unit": reading.unit,
        "observed_at": reading.observed_at.isoformat(),
    }


# ── what the database says while it is well ───────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Ward:
    """Every bed with a monitor on it, looked up anew each second; four statements, and a few more now and then.

    `known`: every monitor of a clinic here, on somebody or not; `looked_at`: our time before it was looked.
    """

    beds: dict[UUID, Bed] = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    looked_at: datetime | None = None
    memory: Memory = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=MOST_REMEMBERED)))
    _limits: dict[UUID, tuple[float, datetime | None, Mapping[str, alarms.Limits]]] = field(
        default_factory=dict
    )

    def remember(self, readings: Iterable[Reported], received_at: datetime) -> None:
        """Keep in mind what was taken down of monitors that are on somebody."""
        for reading in readings:
            if self.bed_of(reading.device_id) and vitals.plausible(reading.code, reading.value):
                self.memory[reading.device_id, reading.code].append(_as_heard(reading, received_at))

    def looked(self, now_s: float, now: datetime | None = None) -> "Ward":
        """The beds as they are now, `now_s` by a monotonic clock. Raises what a database that is away raises."""
        known = rows("select identifier from bothwell_device where not is_retired", [])
        found = rows(
            f"select d.identifier, z.timezone, z.ambient_pressure_mmhg, b.recorded_at, d.clock::text, {SESSION} "
            "join bothwell_binding b on b.session_id = s.id and b.until is null "
            "join bothwell_device d on d.id = b.device_id and not d.is_retired "
            "join bothwell_clinic z on z.id = s.clinic_id where s.ended_at is null",
            [],
        )
        written = self._written({each[5] for each in found})
        beds: dict[UUID, Bed] = {}
        for identifier, zone, ambient_mmhg, since, clock, *values in found:
            session = Watched(*values)
            channels = written.get(session.id, {})
            bed = beds.get(session.id) or Bed(
                session,
                {},
                Site(ZoneInfo(zone), ambient_mmhg),
                self._limits_of(session, channels, now_s),
                channels,
                self.memory,
            )
            beds[session.id] = replace(
                bed,
                devices={**bed.devices, identifier: since},
                clocks={**bed.clocks, identifier: clock},
            )
        limits = {key: value for key, value in self._limits.items() if key in beds}
        return Ward(beds, frozenset(each for (each,) in known), now, self.memory, limits)

    def _written(self, sessions: set[UUID]) -> dict[UUID, dict[str, str]]:
        """Where each channel stands, as it lies there: it is read only if it is needed."""
        found: dict[UUID, dict[str, str]] = {}
        for session, code, state in rows(
            "select session_id, code, state::text from bothwell_channel "
            "where session_id = any(%s) and state <> '{}'",
            [list(sessions)],
        ):
            found.setdefault(session, {})[code] = state
        return found

    def _limits_of(
        self, session: Watched, channels: Iterable[str], now_s: float
    ) -> Mapping[str, alarms.Limits]:
        until_s, started_at, known = self._limits.get(session.id, (0.0, None, {}))
        is_known = set(channels) & set(BY_CODE) <= set(known)
        if until_s > now_s and started_at == session.started_at and is_known:
            return known
        missed = rules_of(session).missed.get(session.route, frozenset())
        # What is no quantity (a check that is due, a lost signal) is watched from elsewhere.
        codes = {*rules_of(session).limits, *channels, *missed, *CONTINUOUS} & set(BY_CODE)
        limits = limits_of(session, codes)
        # A silence is missed where a monitor speaks without a pause, or is expected to.
        limits = {
            code: each if code in CONTINUOUS else replace(each, lost_after_seconds=None)
            for code, each in limits.items()
        }
        self._limits[session.id] = (now_s + LIMITS_LIVE_S, session.started_at, limits)
        return limits

    def may_be_on_somebody(self, device: str, received_at: datetime) -> bool:
        """Whether this monitor is on somebody, or could have been put on since it was last looked."""
        since = None if self.looked_at is None else self.looked_at - received_at
        is_sure = since is not None and timedelta(0) <= since <= SURE_FOR
        return self.bed_of(device) is not None or (not is_sure and device in self.known)

    def bed_of(self, device: str) -> Bed | None:
        """The bed this monitor is at."""
        return next((bed for bed in self.beds.values() if device in bed.devices), None)
