"""Time goes by over the open sessions: has a signal gone, is a check late, has an alarm waited too long, is a
pause over?

It hears no monitor and judges no value: `feed` takes readings down; `alarms`, `silence` and `overdue` decide.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from bothwell.codes import BY_CODE
from bothwell.dosing.flowsheet import next_check
from bothwell.later import tell
from bothwell.monitoring import alarms, overdue, passing_actions, silence
from bothwell.monitoring.limits import CONTINUOUS, Priority
from bothwell.monitoring.overdue import CHECKS
from bothwell.monitoring.pausing import has_run_out
from bothwell.monitoring.silence import MONITOR
from bothwell.monitoring.watch import (
    ESCALATE_AFTER_SECONDS,
    SESSION,
    Channel,
    Watched,
    keep_events,
    limits_of,
    lock,
    rows,
    rules_of,
    save,
)
from bothwell.pathway.protocol import Route

# How long one session's tick waits for a channel that somebody else is writing; technical, ours.
BRIEFLY = "500ms"


@dataclass(frozen=True, slots=True)
class Open:
    """One open session as time sees it. `last`: when each quantity was observed last.

    `active_minutes`: how long (min) an infusion was at work, `UNTIL_STOPPED` where its stop is not charted; none of
    another dose. Of what is given the feed reads the stops alone: no pause and no other rate hides a check from it.
    """

    session: Watched
    is_bound: bool
    active_minutes: Decimal | None
    last: Mapping[str, datetime] = field(default_factory=dict)


def tick(now: datetime) -> int:
    """Look at every open session: what has gone, is late or has waited too long? How many channels changed.

    Called every second or two by the listener. Each session is a transaction of its own.
    """
    clock = _clock_from(now)
    found = [
        Open(Watched(*session), is_bound, active_minutes)
        for is_bound, active_minutes, *session in rows(
            "select exists (select 1 from bothwell_binding b where b.session_id = s.id and b.until is null), "
            "case when o.minutes > 0 then coalesce((select round(extract(epoch from min(a.at) - s.started_at) / 60) "
            "  from bothwell_administration a where a.session_id = s.id and a.event = 'stop'), 'infinity') end, "
            f"{SESSION} left join bothwell_order o on o.id = s.order_id "
            "where s.arrived_at is not null and s.ended_at is null",
            [],
        )
    ]
    last = _last_observed([each.session.id for each in found if each.session.started_at is not None])
    changed, trouble = 0, None
    for each in found:
        try:
            changed += _tick(replace(each, last=last.get(each.session.id, {})), clock)
        except Exception as error:
            # One session's fault must not stop the time of the others.
            trouble = trouble or error
    if trouble is not None:
        raise trouble
    return changed


def _last_observed(sessions: Sequence[UUID]) -> dict[UUID, dict[str, datetime]]:
    """By session and quantity, when the newest value that stands was observed: one look-up each."""
    found: dict[UUID, dict[str, datetime]] = {}
    if not sessions:
        return found
    for session, code, at in rows(
        "select of_session, of_code, x.observed_at from unnest(%s::uuid[]) as of_session "
        "cross join unnest(%s::text[]) as of_code cross join lateral ("
        "  select s.observed_at from bothwell_sample s"
        "  where s.session_id = of_session and s.code = of_code and not s.is_artefact"
        "   and not exists (select 1 from bothwell_sample c"
        "     where c.corrects_id = s.id and c.observed_at = s.observed_at)"
        "  order by s.observed_at desc limit 1) x",
        [list(sessions), list(BY_CODE)],
    ):
        found.setdefault(session, {})[code] = at
    return found


def _clock_from(now: datetime) -> Callable[[], datetime]:
    """Our time as it goes on from `now`, in whole seconds: a tick may wait for a lock, and what was heard meanwhile
    must not seem to lie ahead of us.
    """
    begun_s = time.monotonic()
    return lambda: now + timedelta(seconds=int(time.monotonic() - begun_s))


@transaction.atomic
def _tick(open_: Open, clock: Callable[[], datetime]) -> int:
    session, now = open_.session, clock()
    states = _peeked(open_)
    limits = _limits_for_time(open_, states)
    due = [
        code for code in states if _after(code, states[code], open_, limits, states, now)[0] != states[code]
    ]
    if not due:
        return 0
    # Whoever holds a channel for long must not hold up the time of all the other sessions: it is looked at again.
    rows("select set_config('lock_timeout', %s, true)", [BRIEFLY])
    channels, now = lock(session, due), clock()
    if MONITOR in channels:
        # Looked at anew behind the lock: what was missing may have spoken meanwhile.
        states = _peeked(open_)
    for code, channel in channels.items():
        channel.state, woken = _awake(session, channel, now)
        channel.state, events = _after(code, channel.state, open_, limits, states, now)
        _keep(session, code, woken + events)
        if states[code].is_quiet and not channel.state.is_quiet:
            tell("room", session.id)
            tell("board", session.clinic_id, of=session.id)
    save(list(channels.values()))
    return len(due)


def _awake(session: Watched, channel: Channel, now: datetime) -> alarms.Outcome:
    """The channel after a pause that is over; what holds then is judged by the limits of this very person."""
    if not has_run_out(channel.state, now):
        return channel.state, ()
    if channel.code not in BY_CODE:
        return alarms.wake(alarms.Limits(channel.code), channel.state, now)
    return alarms.wake(limits_of(session, {channel.code})[channel.code], channel.state, now)


def _after(
    code: str,
    state: alarms.ChannelState,
    open_: Open,
    limits: Mapping[str, alarms.Limits],
    states: Mapping[str, alarms.ChannelState],
    now: datetime,
) -> alarms.Outcome:
    """One channel after a look at the clock. Of a state without its window, only that it changes is right."""
    events: tuple[alarms.AlarmEvent, ...] = ()
    if code in (MONITOR, CHECKS):
        state, _ = alarms.wake(limits[code], state, now)
    if code == MONITOR:
        known = {each: states[each] for each in limits if each in states}
        state, events = silence.step(state, silence.missing(limits, known, now), now)
    elif code == CHECKS:
        state, events = overdue.step(state, _check_due(open_, now), now)
    state, passed_on = alarms.step(limits[code], state, alarms.Tick(now))
    return state, events + passed_on


def _check_due(open_: Open, now: datetime) -> overdue.Due | None:
    """The protocol's next check, as the room shows it; none before the first dose."""
    session, protocol = open_.session, rules_of(open_.session).protocol
    if protocol is None or session.started_at is None or session.route not in list(Route):
        return None
    check = next_check(
        protocol,
        Route(session.route),
        started_at=session.started_at,
        active_minutes=open_.active_minutes,
        last=open_.last,
        now=now,
    )
    return overdue.Due(check.due_at, check.words) if check else None


def _peeked(open_: Open) -> dict[str, alarms.ChannelState]:
    """Where every channel stands. Windows are not needed to tell the time, and are nearly all there is to read."""
    session = open_.session
    peeked = rows(
        'select code, (state || \'{"window": [], "spans": [], "late": null}\')::text from bothwell_channel '
        "where session_id = %s and state <> '{}'",
        [session.id],
    )
    states = {code: alarms.from_json(json.loads(state)) for code, state in peeked}
    states.setdefault(MONITOR, alarms.ChannelState())
    if session.started_at is not None:
        states.setdefault(CHECKS, alarms.ChannelState())
    if open_.is_bound:
        for code in rules_of(session).missed.get(session.route, ()):
            states.setdefault(code, alarms.ChannelState())
    return states


def _keep(session: Watched, code: str, events: Sequence[alarms.AlarmEvent]) -> None:
    if not events:
        return
    keep_events(session, code, [event for event in events if event.kind is not alarms.Kind.ESCALATED])
    for event in events:
        if event.kind is alarms.Kind.ESCALATED:
            passing_actions.pass_on(session, code, event)
    tell("readings", session.id)


def _limits_for_time(open_: Open, states: Mapping[str, alarms.ChannelState]) -> dict[str, alarms.Limits]:
    """Limits that miss a signal only where a monitor is bound and has spoken, or is expected to."""
    session = open_.session
    missed = rules_of(session).missed.get(session.route, frozenset())
    quantities = [code for code in states if code in BY_CODE]
    watched = limits_of(session, quantities, for_readings=False)
    late = states[CHECKS].signal if CHECKS in states else None
    # A check a few minutes late is shown; only one that is very late is passed on to others.
    is_very_late = late is not None and late.priority is not Priority.LOW
    return {
        MONITOR: alarms.Limits(MONITOR, escalate_after_seconds=ESCALATE_AFTER_SECONDS),
        CHECKS: alarms.Limits(
            CHECKS, escalate_after_seconds=ESCALATE_AFTER_SECONDS if is_very_late else None
        ),
    } | {
        code: limits
        if open_.is_bound and code in CONTINUOUS and (states[code].heard_at is not None or code in missed)
        else replace(limits, lost_after_seconds=None)
        for code, limits in watched.items()
    }
