"""What is charted at the bedside, gathered for the two screens that show it: the room and the board.

It only reads, and only rows the viewer may see. However many values a session holds, it asks equally often.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from bothwell.codes import BY_CODE
from bothwell.couples.models import Membership, Person
from bothwell.dosing import flowsheet, giving_actions
from bothwell.dosing.models import Administration, DosingSession
from bothwell.monitoring import calling, clocks
from bothwell.monitoring.limits import RANK, Priority
from bothwell.monitoring.models import Alarm, AlarmEvent, Binding, Channel
from bothwell.monitoring.months import Within, around, looked_for
from bothwell.monitoring.vitals import format_number, pair_pressures
from bothwell.monitoring.watch import SHOWN
from bothwell.pathway import protocol_actions
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.protocol import Protocol, Route
from bothwell.web.quieted import Quiet, off_or_paused

# For drawing only: a dot every fifteen seconds is finer than a pixel of two hours. However long a session, dots stand
# no further apart than half a minute: a line without a value for a minute and a half is drawn broken.
DOT_SECONDS = 15
DRAWN = timedelta(hours=2)
MOST_DOT_SECONDS = 30
TREND_STEP = timedelta(minutes=5)
TREND_STEPS = 8
# Ours, technical, as in `monitoring.limits`: a monitor that has not spoken for so long is not heard now.
FEED_SECONDS = 12


@dataclass(frozen=True, slots=True)
class Value:
    """One value of one quantity, as it stands after corrections."""

    session_id: UUID
    id: UUID
    code: str
    value: Decimal
    observed_at: datetime
    recorded_at: datetime
    is_from_device: bool
    detail: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        return format_number(self.value)


_COLUMNS = (
    "s.session_id, s.id, s.code, s.value, s.observed_at, s.recorded_at, s.device_id is not null, s.detail"
)


def _stands(within: Within | None) -> str:
    """What holds of a value that stands: no artefact, corrected by no other, and observed in this span.

    Named as constants, so that only the tables of those months are opened at all.
    """
    return (
        f"not s.is_artefact and {_bounds(within)} and not exists (select 1 from bothwell_sample c "
        f"where c.corrects_id = s.id and c.observed_at = s.observed_at and {_bounds(within, 'c')})"
    )


def _bounds(within: Within | None, of: str = "s") -> str:
    first, last = (within.first.isoformat(), within.last.isoformat()) if within else ("-infinity", "infinity")
    return f"{of}.observed_at >= '{first}' and {of}.observed_at <= '{last}'"


def _values(sql: str, parameters: Sequence[Any]) -> list[Value]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        # JSON comes as text from this cursor.
        return [Value(*(*row[:7], _detail(row[7]))) for row in cursor.fetchall()]


def _detail(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(text) if text != "{}" else {}
    return found


def newest(
    sessions: Collection[UUID], until: datetime | None = None, within: Within | None = None
) -> dict[UUID, dict[str, Value]]:
    """The newest value of each quantity in each session (up to `until`): one statement, one look-up each.

    `within`: where these sessions' readings lie; without it every month is looked through.
    """
    found: dict[UUID, dict[str, Value]] = {}
    rows = _values(
        f"select {_COLUMNS.replace('s.', 'x.').replace('x.device_id is not null', 'x.is_from_device')} "
        "from unnest(%s::uuid[]) as of_session cross join unnest(%s::text[]) as of_code cross join lateral ("
        "  select s.*, s.device_id is not null as is_from_device from bothwell_sample s"
        "  where s.session_id = of_session and s.code = of_code"
        f"   and s.observed_at <= coalesce(%s::timestamptz, 'infinity') and {_stands(within)}"
        f"  order by s.observed_at desc, {SHOWN}, s.id desc limit 1) x",
        [list(sessions), list(BY_CODE), until],
    )
    for row in rows:
        found.setdefault(row.session_id, {})[row.code] = row
    return found


def trends(
    sessions: Collection[UUID], codes: Collection[str], now: datetime
) -> dict[tuple[UUID, str], list[Value]]:
    """By session and quantity the last value of every five minutes, oldest first, forty minutes back."""
    found: dict[tuple[UUID, str], list[Value]] = {}
    within = Within(now - TREND_STEPS * TREND_STEP, now)
    rows = _values(
        f"select {_COLUMNS.replace('s.', 'x.').replace('x.device_id is not null', 'x.is_from_device')} "
        "from unnest(%s::uuid[]) as of_session cross join unnest(%s::text[]) as of_code "
        "cross join generate_series(1, %s) as back cross join lateral ("
        "  select s.*, s.device_id is not null as is_from_device from bothwell_sample s"
        "  where s.session_id = of_session and s.code = of_code"
        "   and s.observed_at > %s::timestamptz - back * %s::interval"
        f"  and s.observed_at <= %s::timestamptz - (back - 1) * %s::interval and {_stands(within)}"
        f"  order by s.observed_at desc, {SHOWN} limit 1) x order by x.observed_at",
        [list(sessions), list(codes), TREND_STEPS, now, TREND_STEP, now, TREND_STEP],
    )
    for row in rows:
        found.setdefault((row.session_id, row.code), []).append(row)
    return found


def charted(session_id: UUID, within: Within | None = None) -> list[Value]:
    """A session's values in order; of those a monitor says without a pause, the last of every dot's seconds.

    `within`: where its readings lie (`Bedside.within`); without it every month is looked through.
    """
    ends = _ends(session_id, within)
    stands, dot = _stands(within or ends), timedelta(seconds=dot_seconds(ends.last - ends.first))
    # From one dot to the newest value before it, by the index: what lies between two dots is never read.
    value = f"select {_COLUMNS} from bothwell_sample s where s.session_id = %s and {stands} and s.code ="
    newest_first = f"order by s.observed_at desc, {SHOWN}, s.id desc limit 1"
    columns = "session_id, id, code, value, observed_at, recorded_at, is_from_device, detail"
    return _values(
        f"with recursive dots ({columns}) as ("
        f"select x.* from unnest(%s::text[]) as of_code cross join lateral ({value} of_code {newest_first}) x "
        f"union all select x.* from dots d cross join lateral ({value} d.code "
        f" and s.observed_at < date_bin(%s::interval, d.observed_at, 'epoch') {newest_first}) x"
        f") select * from (select * from dots union all select x.* from unnest(%s::text[]) as of_code "
        f"cross join lateral ({value} of_code) x) as kept ({columns}) order by observed_at, id",
        [list(flowsheet.CONTINUOUS), session_id, session_id, dot, list(SEEN_NOW_AND_THEN), session_id],
    )


SEEN_NOW_AND_THEN = tuple(code for code in BY_CODE if code not in flowsheet.CONTINUOUS)


def dot_seconds(span: timedelta) -> int:
    """How far apart (s) the dots of a drawing of this span stand."""
    return DOT_SECONDS if span <= DRAWN else MOST_DOT_SECONDS


def _ends(session_id: UUID, within: Within | None) -> Within:
    """From the first to the last of its readings; this moment where there is none."""
    one = (
        "(select s.observed_at as at from bothwell_sample s where s.session_id = %s and s.code = of_code"
        f" and {_bounds(within)} order by s.observed_at"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(min(x.at), now()), coalesce(max(x.at), now()) from unnest(%s::text[]) as of_code "
            f"cross join lateral ({one} limit 1) union all {one} desc limit 1)) x",
            [list(BY_CODE), session_id, session_id],
        )
        return Within(*cursor.fetchone())


def months_away(session: DosingSession) -> list[str]:
    """The months of a session that is over, as 2025-06, whose readings were put away: no page shows those."""
    if session.ended_at is None or session.arrived_at is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute("select door.months_away(%s, %s)", [session.arrived_at, session.ended_at])
        return [row[0] for row in cursor.fetchall()]


def newest_at(values: Iterable[Value], code: str) -> datetime | None:
    """When this quantity was last measured."""
    return max((value.observed_at for value in values if value.code == code), default=None)


def pressures(values: Iterable[Value]) -> tuple[Pressure, ...]:
    """The blood pressures among these values, whole ones only, oldest first (mmHg)."""
    return tuple(
        Pressure(one.systolic, one.diastolic, one.observed_at)
        for one in pair_pressures(values)
        if one.systolic is not None and one.diastolic is not None
    )


# ── alarms ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that is to be seen: its condition goes on, or nobody has acknowledged it yet."""

    session_id: UUID
    code: str
    number: int
    priority: Priority
    text: str
    raised_at: datetime
    is_over: bool
    escalated_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    is_signal: bool
    level: int = 0
    passed_to: str = ""
    is_quiet: bool = False
    alarm_id: UUID | None = None
    acknowledged_name: str = ""

    @property
    def look(self) -> str:
        """The colour it owns: high red, medium yellow, low and technical cyan."""
        return {"high": "high", "medium": "medium"}.get(self.priority, "low")

    @property
    def icon(self) -> str:
        return "info" if self.look == "low" else "warn"

    @property
    def rank(self) -> tuple[bool, int]:
        return self.acknowledged_at is None, RANK[self.priority]


def standing(sessions: Collection[UUID]) -> dict[UUID, list[Standing]]:
    """The alarms to be seen in each session, the gravest first; who acknowledged is named in `named`."""
    found: dict[UUID, list[Standing]] = {}
    channels = Channel.objects.filter(session_id__in=sessions).values_list(
        "session_id", "code", "state__standing", "state__signal"
    )
    for session_id, code, alarms, signal in channels:
        both = [(each, False) for each in alarms or ()] + ([(signal, True)] if signal else [])
        for each, is_signal in both:
            found.setdefault(session_id, []).append(_standing(session_id, code, each, is_signal))
    for listed in found.values():
        listed.sort(key=lambda alarm: (*alarm.rank, alarm.raised_at), reverse=True)
    return found


def told(
    alarms: Mapping[UUID, list[Standing]], quiet: Mapping[UUID, Sequence[Quiet]]
) -> dict[UUID, list[Standing]]:
    """The same alarms, each with whom it was passed on to by name, and whether it is paused or off."""
    passed = {
        (session, code, number, level): name
        for session, code, number, level, name in AlarmEvent.objects.filter(
            alarm__session_id__in=[key for key, listed in alarms.items() if any(one.level for one in listed)],
            kind=AlarmEvent.Kind.ESCALATED,
        ).values_list("alarm__session_id", "alarm__code", "alarm__number", "level", "to__name_used")
    }
    return {
        session: [
            replace(
                one,
                passed_to=calling.words(
                    one.level, passed.get((session, one.code, one.number, one.level)) or ""
                ),
                is_quiet=any(one.code in each.codes for each in quiet.get(session, ())),
            )
            for one in listed
        ]
        for session, listed in alarms.items()
    }


def in_place(alarms: Iterable[Standing]) -> list[Standing]:
    """The same alarms in places that keep: the gravest first, then the oldest.

    Acknowledging moves none, so a second touch at the same place cannot answer an alarm nobody has read.
    """
    return sorted(alarms, key=lambda each: (-RANK[each.priority], each.raised_at, each.code, each.number))


def _standing(session_id: UUID, code: str, data: Mapping[str, Any], is_signal: bool) -> Standing:
    return Standing(
        session_id=session_id,
        code=code,
        number=data["number"],
        priority=Priority(data["priority"]),
        text=data["text"],
        raised_at=datetime.fromisoformat(data["raised_at"]),
        is_over=data["is_over"],
        escalated_at=_time(data["escalated_at"]),
        acknowledged_at=_time(data["acknowledged_at"]),
        acknowledged_by=data["acknowledged_by"],
        is_signal=is_signal,
        level=data.get("level", 0),
        passed_to=calling.words(data.get("level", 0)),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# ── one session, or many ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Bedside:
    """One session as a clinician beside it needs it now."""

    session: DosingSession
    side: str
    now: datetime
    protocol: Protocol
    values: Mapping[str, Value]
    alarms: Sequence[Standing]
    quiet: Sequence[Quiet]
    binding: Binding | None
    infused: flowsheet.Infusion | None
    parts: flowsheet.Parts | None
    progress: flowsheet.Progress
    next: flowsheet.NextCheck | None

    @property
    def name(self) -> str:
        return str(self.session.subject.name_used)

    @property
    def pressure(self) -> Pressure | None:
        """The newest whole pressure: parts of different times are not put together."""
        found = pressures(value for code, value in self.values.items() if code in flowsheet.PRESSURE)
        return found[-1] if found else None

    @property
    def foremost(self) -> Standing | None:
        return self.alarms[0] if self.alarms else None

    @property
    def look(self) -> str:
        """The gravest alarm nobody has acknowledged, as a colour; empty when calm."""
        return self.alarms[0].look if self.alarms and self.alarms[0].acknowledged_at is None else ""

    @property
    def heard_at(self) -> datetime | None:
        """When the monitor was heard last."""
        return max((one.recorded_at for one in self.values.values() if one.is_from_device), default=None)

    @property
    def is_feed_lost(self) -> bool:
        """A monitor is bound and says nothing now."""
        if self.binding is None:
            return False
        heard = self.heard_at
        return heard is None or (self.now - heard).total_seconds() > FEED_SECONDS

    @property
    def within(self) -> Within | None:
        """Where its readings lie; everywhere once it is over, so that the record is whole."""
        if self.session.ended_at is not None:
            return None
        return _looked_for(self.session, self.binding, self.now)

    @property
    def clock_trouble(self) -> str:
        """What is wrong with the clock of the monitor on this person; empty if nothing is known to be."""
        return self.binding.device.clock_trouble if self.binding else ""

    @property
    def feed_words(self) -> str:
        heard = self.heard_at
        if self.binding is None:
            return "No monitor"
        if heard is None:
            return "Nothing heard yet"
        seconds = max(0, int((self.now - heard).total_seconds()))
        if seconds <= FEED_SECONDS:
            return f"Monitor {seconds} s ago"
        return f"No feed for {_span(seconds)}"

    def is_stale(self, code: str) -> bool:
        """A value a monitor should be saying all the time, and is not."""
        value = self.values.get(code)
        return (
            value is not None
            and code in flowsheet.CONTINUOUS
            and value.is_from_device
            and (self.now - value.recorded_at).total_seconds() > FEED_SECONDS
        )

    def hot(self, *codes: str) -> str:
        """The look of the gravest alarm on these quantities, seen or not; empty where there is none."""
        for alarm in self.alarms:
            if (
                alarm.code in codes
                and not alarm.is_over
                and not alarm.is_signal
                and alarm.acknowledged_at is None
            ):
                return alarm.look
        return ""


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 90 else f"{seconds // 60} min"


def gather(sessions: Sequence[DosingSession], now: datetime) -> dict[UUID, Bedside]:
    """The sessions as they stand now, by id; the number of statements does not depend on how many."""
    ids = [session.id for session in sessions]
    quiet = off_or_paused(ids, now)
    alarms = told(standing(ids), quiet)
    sides = sides_of([session.subject_id for session in sessions])
    bindings = {
        bound.session_id: bound
        for bound in Binding.objects.select_related("device").filter(session_id__in=ids, until__isnull=True)
    }
    are_open = all(each.ended_at is None for each in sessions)
    spans = [_looked_for(each, bindings.get(each.id), now) for each in sessions] if are_open else []
    values = newest(ids, within=around(spans))
    given: dict[UUID, list[Administration]] = {}
    for each in Administration.objects.filter(session_id__in=ids).order_by("at", "recorded_at"):
        given.setdefault(each.session_id, []).append(each)
    return {
        session.id: _bedside(
            session,
            sides.get(session.subject_id, ""),
            now,
            values.get(session.id, {}),
            alarms.get(session.id, []),
            quiet.get(session.id, []),
            bindings.get(session.id),
            given.get(session.id, []),
        )
        for session in sessions
    }


def _looked_for(session: DosingSession, binding: Binding | None, now: datetime) -> Within:
    clock = clocks.from_json(binding.device.clock) if binding and binding.device.clock_trouble else None
    return looked_for(
        arrived_at=session.arrived_at,
        ended_at=session.ended_at,
        now=now,
        monitor_shows=clock.last.observed_at if clock and clock.last else None,
    )


def _bedside(
    session: DosingSession,
    side: str,
    now: datetime,
    values: Mapping[str, Value],
    alarms: Sequence[Standing],
    quiet: Sequence[Quiet],
    binding: Binding | None,
    given: Sequence[Administration],
) -> Bedside:
    protocol = protocol_actions.protocol_of(session.course.protocol)
    infused = giving_actions.infusion_of(session, now, given)
    parts = giving_actions.parts_of(session, now, given)
    plan = protocol.routes.get(Route(session.course.route)) if session.course.route else None
    is_open = session.started_at is not None and session.ended_at is None
    return Bedside(
        session=session,
        side=side,
        now=now,
        protocol=protocol,
        values=values,
        alarms=alarms if session.ended_at is None else (),
        quiet=quiet if session.ended_at is None else (),
        binding=binding,
        infused=infused,
        parts=parts,
        progress=flowsheet.progress(
            arrived_at=session.arrived_at,
            started_at=session.started_at,
            ended_at=session.ended_at,
            infused=infused,
            parts=parts,
            now=now,
            until_minutes=int(plan.minutes_before_discharge.value) if plan else None,
        ),
        next=flowsheet.next_check(
            protocol,
            Route(session.course.route),
            started_at=session.started_at,
            infusion_minutes=session.order.minutes if session.order else None,
            last={code: value.observed_at for code, value in values.items()},
            now=now,
        )
        if is_open and plan
        else None,
    )


def sides_of(people: Collection[UUID]) -> dict[UUID, str]:
    """The letter of each person in their couple, for the chip: nothing of the other one."""
    members = Membership.objects.filter(person_id__in=people, until__isnull=True)
    return dict(members.values_list("person_id", "side"))


def named(alarms: Sequence[Standing], session_id: UUID) -> list[Standing]:
    """The same alarms with their row's id and the name of who acknowledged: for the room itself."""
    rows = {
        (row.code, row.number): row.id
        for row in Alarm.objects.filter(session_id=session_id).only("id", "code", "number")
    }
    people = names_of({alarm.acknowledged_by for alarm in alarms if alarm.acknowledged_by})
    return [
        Standing(
            **{
                name: getattr(alarm, name)
                for name in Standing.__slots__
                if name not in ("alarm_id", "acknowledged_name")
            },
            alarm_id=rows.get((alarm.code, alarm.number)),
            acknowledged_name=people.get(alarm.acknowledged_by, ""),
        )
        for alarm in alarms
    ]


def names_of(people: Collection[str]) -> dict[str, str]:
    """Names of staff by identifier."""
    found = Person.objects.filter(id__in=[UUID(each) for each in people]).values_list("id", "name_used")
    return {str(key): name for key, name in found}


def alarm_marks(session_id: UUID) -> list[flowsheet.Mark]:
    """What became of every alarm of a session, for the chart."""
    rows = Alarm.objects.filter(session_id=session_id).order_by("raised_at")
    events = AlarmEvent.objects.select_related("author", "alarm").filter(alarm__session_id=session_id)
    marks = [flowsheet.Mark(row.raised_at, f"Alarm, {row.priority}: {row.text}", "alarm") for row in rows]
    for event in events.filter(kind=AlarmEvent.Kind.ACKNOWLEDGED):
        name = f" by {event.author.name_used}" if event.author else ""
        marks.append(flowsheet.Mark(event.at, f"Alarm acknowledged{name}: {event.alarm.text}", "alarm"))
    return marks
