"""What is new in a room: readings and the alarms that stand, read once for all pages that follow it.

It decides nobody's right: whoever asks has asked for that before, and is given only what they may follow.
"""

import json
import threading
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

from bothwell.monitoring.watch import SHOWN
from bothwell.web.following import may_follow

# Rows are stamped before they are committed: a look goes back this far for those that came after their stamp.
OVERLAP_MS = 10_000
FIRST_LOOK_MS = 60_000
# What is read for all goes back so far; a page that has missed more reads for itself.
SHARED_MS = 2 * OVERLAP_MS
MOST_SAMPLES = 2000
MOST_ROOMS = 200


def room_update(
    viewer: UUID, session_id: UUID, since: UUID | None = None, *, heard_at_s: float | None = None
) -> dict[str, Any] | None:
    """New readings after `since` (the `next` of the update before) and every alarm that stands; none if the
    viewer may not follow this session.

    The door must be open for `viewer`. Readings may come twice around `since`: tell them apart by `id`.
    Without `since`, those of the last minute. `heard_at_s`: when word of it came (monotonic); what was read for
    another page since then serves this one too.
    """
    if not may_follow("room", session_id, viewer):
        return None
    floor = id_at((since.int >> 80) - OVERLAP_MS if since else time.time() * 1000 - FIRST_LOOK_MS)
    read = (
        _read_for_all(session_id, floor, heard_at_s) if heard_at_s is not None else _read(session_id, floor)
    )
    samples = [each for each in read.samples if UUID(each["id"]) >= floor]
    newest = max([*(UUID(each["id"]) for each in samples), *([since] if since else [])], default=None)
    return {
        "samples": samples,
        "alarms": read.alarms,
        "next": str(newest or id_at(time.time() * 1000)),
        "more": len(read.samples) == MOST_SAMPLES,
    }


@dataclass(frozen=True, slots=True)
class _Read:
    """What a room showed, looked at from `begun_at_s` on (monotonic): readings from `floor` on."""

    begun_at_s: float
    floor: UUID
    samples: list[dict[str, Any]]
    alarms: list[dict[str, Any]]


_last: dict[UUID, _Read] = {}
_guards: dict[UUID, threading.Lock] = {}
_guard = threading.Lock()


def _read_for_all(session_id: UUID, floor: UUID, heard_at_s: float) -> _Read:
    """What was read since word of it came, for whichever page; read now, if nobody has yet."""
    shared_floor = id_at(time.time() * 1000 - SHARED_MS)
    if floor < shared_floor:
        return _read(session_id, floor)
    with _guard:
        if len(_guards) > MOST_ROOMS:
            _guards.clear()
            _last.clear()
        room = _guards.setdefault(session_id, threading.Lock())
    with room:
        last = _last.get(session_id)
        if last is None or last.begun_at_s < heard_at_s or last.floor > floor:
            last = _last[session_id] = _read(session_id, shared_floor)
        return last


def _read(session_id: UUID, floor: UUID) -> _Read:
    begun_at_s = time.monotonic()
    return _Read(begun_at_s, floor, _samples(session_id, floor), _alarms(session_id))


# Of all that came lately a room's are few; of all that came in a room, what came lately is little.
LATELY = "with lately as materialized (select * from bothwell_sample where id >= %(floor)s) select {} from lately s"
LONG_AGO = "select {} from bothwell_sample s"
COLUMNS = (
    "id, code, value, unit, observed_at, device_id is not null, is_artefact, corrects_id, detail->'wanted'"
)


def _samples(session_id: UUID, floor: UUID) -> list[dict[str, Any]]:
    is_lately = floor >= id_at(time.time() * 1000 - 2 * FIRST_LOOK_MS)
    with connection.cursor() as cursor:
        cursor.execute(
            (LATELY if is_lately else LONG_AGO).format(COLUMNS)
            + " where session_id = %(session)s and id >= %(floor)s "
            # Of two sources of one quantity at one instant, the one that is shown.
            "and not exists (select 1 from bothwell_sample o where o.session_id = s.session_id "
            "  and o.code = s.code and o.observed_at = s.observed_at and o.source <> s.source "
            f"  and {SHOWN.replace('s.', 'o.')} < coalesce({SHOWN}, 99)) order by id limit %(most)s",
            {"session": session_id, "floor": floor, "most": MOST_SAMPLES},
        )
        found = cursor.fetchall()
    return [
        {
            "id": str(key),
            "code": code,
            "value": float(value),
            "unit": unit,
            "observed_at": observed_at.isoformat(),
            "source": "device" if is_device else "person",
            "is_artefact": is_artefact,
            "corrects": str(corrects) if corrects else None,
            "wanted": json.loads(wanted) if wanted else None,
        }
        for key, code, value, unit, observed_at, is_device, is_artefact, corrects, wanted in found
    ]


def id_at(milliseconds: float) -> UUID:
    """The lowest version-7 identifier made at this time or later."""
    return UUID(int=max(0, int(milliseconds)) << 80)


def _alarms(session_id: UUID) -> list[dict[str, Any]]:
    """The alarms that stand, as they were raised: their condition goes on, or nobody has seen them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select a.id, c.code, s.alarm from bothwell_channel c cross join lateral jsonb_array_elements("
            "  coalesce(c.state->'standing', '[]') || case when c.state->'signal' = 'null' then '[]' "
            "  else coalesce(jsonb_build_array(c.state->'signal'), '[]') end) as s (alarm) "
            "join bothwell_alarm a on a.session_id = %(id)s and a.code = c.code "
            "  and a.number = (s.alarm->>'number')::int "
            "where c.session_id = %(id)s and c.state <> '{}' order by a.id",
            {"id": session_id},
        )
        found = [(key, code, json.loads(alarm)) for key, code, alarm in cursor.fetchall()]
    return [
        {
            "id": str(key),
            "code": code,
            "number": alarm["number"],
            "priority": alarm["priority"],
            "text": alarm["text"],
            "raised_at": alarm["raised_at"],
            "is_over": alarm["is_over"],
            "is_acknowledged": alarm["acknowledged_at"] is not None,
            "is_escalated": alarm["escalated_at"] is not None,
        }
        for key, code, alarm in found
    ]
