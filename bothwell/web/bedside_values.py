"""The values of a session as they stand after corrections: the newest, the last forty minutes, or all that is drawn.

It only reads, and only rows the viewer may see. However many values a session holds, it asks equally often.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from bothwell.codes import BY_CODE
from bothwell.dosing import flowsheet
from bothwell.dosing.models import DosingSession
from bothwell.monitoring.months import Within
from bothwell.monitoring.vitals import format_number, pair_pressures
from bothwell.monitoring.watch import SHOWN
from bothwell.pathway.eligibility import Pressure

# For drawing only: a dot every fifteen seconds is finer than a pixel of two hours. However long a session, dots stand
# no further apart than half a minute: a line without a value for a minute and a half is drawn broken.
DOT_SECONDS = 15
DRAWN = timedelta(hours=2)
MOST_DOT_SECONDS = 30
TREND_STEP = timedelta(minutes=5)
TREND_STEPS = 8


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


def pressure_before(values: Iterable[Value], start: datetime | None) -> Pressure | None:
    """The last whole pressure before the dose (mmHg): the person's baseline. None before a dose began."""
    before = [one for one in pressures(values) if start is not None and one.observed_at <= start]
    return before[-1] if before else None
