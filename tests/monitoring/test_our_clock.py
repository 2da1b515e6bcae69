"""Our own clock set back by seconds or hours: nobody waits longer than twice, and the watch goes on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bothwell.devices import hl7v2
from bothwell.models import Alarm
from bothwell.monitoring import alarms, feed, silence, ticking
from bothwell.monitoring.alarms import AlarmReading, ChannelState, Kind, Limits, Tick, default_limits
from bothwell.monitoring.channel import from_json, to_json
from bothwell.monitoring.our_clock import ASKEW, brought_back
from bothwell.monitoring.pausing import LONGEST_PAUSE, paused, turned_off
from tests.conftest import LOGINS, loading
from tests.room import Bedside, as_login, open_bedside, said

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
PATIENCE_S = 60
SPO2 = replace(
    default_limits({"spo2": {"warn_low": 93, "alarm_low": 90}})["spo2"], escalate_after_seconds=PATIENCE_S
)
LOST_S = SPO2.lost_after_seconds or 0
SLACK_S = ASKEW.total_seconds() + 1

steps_back = st.one_of(st.integers(0, 130), st.integers(131, 100_000))


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def clock_that_falls(at_s: int, by_s: int) -> Callable[[int], datetime]:
    """What our clock shows after so many true seconds."""
    return lambda true_s: after(true_s - (by_s if true_s >= at_s else 0))


def ticked(limits: Limits, state: ChannelState, at: datetime) -> alarms.Outcome:
    state, events = alarms.step(limits, from_json(to_json(state)), Tick(at))
    return state, events


@given(st.integers(1, PATIENCE_S), steps_back, st.integers(0, 2))
def test_an_alarm_nobody_answers_is_passed_on_within_twice_its_patience(at_s, by_s, level) -> None:
    state, _ = alarms.step(SPO2, ChannelState(), AlarmReading(Decimal(85), NOON, NOON))
    if level:
        (alarm,) = state.standing
        state = replace(state, standing=(replace(alarm, level=level, escalated_at=NOON),))
    clock, called = clock_that_falls(at_s, by_s), []
    for true_s in range(1, 2 * PATIENCE_S + 10):
        state, events = ticked(SPO2, state, clock(true_s))
        called += [true_s for event in events if event.kind is Kind.ESCALATED]
    assert called and PATIENCE_S <= called[0] <= 2 * PATIENCE_S + SLACK_S


@given(st.integers(1, LOST_S), steps_back)
def test_a_feed_that_falls_silent_is_called_within_twice_its_length(at_s, by_s) -> None:
    state, watch = ChannelState(heard_at=NOON), ChannelState()
    clock, called = clock_that_falls(at_s, by_s), []
    for true_s in range(1, 3 * LOST_S):
        now = clock(true_s)
        state, _ = ticked(SPO2, state, now)
        gone = silence.missing({"spo2": SPO2}, {"spo2": state}, now)
        watch, events = silence.step(watch, gone, now)
        called += [true_s for event in events if event.kind is Kind.RAISED]
    assert len(called) == 1 and LOST_S <= called[0] <= 2 * LOST_S + SLACK_S


@given(st.integers(1, 119), steps_back, st.integers(1, 120))
def test_a_pause_ends_within_twice_its_length_and_then_calls(at_s, by_s, length_s) -> None:
    state = paused(ChannelState(), at=NOON, until=after(length_s))
    clock, called = clock_that_falls(at_s, by_s), []
    for true_s in range(1, 260):
        state, events = alarms.step(SPO2, state, Tick(clock(true_s)))
        called += [event for event in events if event.kind is Kind.RAISED]
        if not state.is_quiet:
            break
        assert state.paused_until is not None
        assert state.paused_until - clock(true_s) <= LONGEST_PAUSE + ASKEW
        reading = AlarmReading(Decimal(85), clock(true_s), clock(true_s))
        state, events = alarms.step(SPO2, state, reading)
        called += [event for event in events if event.kind is Kind.RAISED]
    assert not state.is_quiet
    assert length_s <= true_s <= 2 * length_s + SLACK_S
    assert len(called) == (1 if true_s > 1 else 0)


def test_what_is_off_stays_off() -> None:
    off = turned_off(ChannelState(), at=NOON)
    back, events = ticked(SPO2, off, after(-3600))
    assert back.is_off and back.quiet_since == after(-3600) and events == ()


@pytest.mark.parametrize("by_s", [15, 3600])
def test_where_the_monitor_fell_back_as_well_what_it_says_now_is_what_holds(by_s: int) -> None:
    state = ChannelState()
    for second in range(300):
        state, _ = alarms.step(SPO2, state, AlarmReading(Decimal(97), after(second), after(second)))
        state, _ = ticked(SPO2, state, after(second))
    raised = []
    for second in range(300, 400):
        now = after(second - by_s)
        state, _ = ticked(SPO2, state, now)
        state, events = alarms.step(SPO2, state, AlarmReading(Decimal(85), now, now, "again"))
        raised += [event for event in events if event.kind is Kind.RAISED]
        assert state.heard_at is not None and abs(state.heard_at - now) <= ASKEW, "what speaks is not silent"
    assert len(raised) == 1
    assert state.level is not None and not state.standing[-1].is_over


@given(st.integers(-100_000, 2))
def test_a_clock_that_goes_on_changes_nothing(ahead_s: int) -> None:
    state, _ = alarms.step(SPO2, ChannelState(), AlarmReading(Decimal(85), NOON, NOON))
    state = paused(state, at=NOON, until=after(60))
    assert brought_back(state, after(-ahead_s)) is state


# ── in the database ──


@pytest.fixture
def bedside(django_db_setup: None, django_db_blocker: object) -> Iterator[Bedside]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield open_bedside()
        connection.close()


def happened(bedside: Bedside) -> list[tuple[str, list[str]]]:
    with loading():
        found = Alarm.objects.filter(session=bedside.session).order_by("raised_at", "code")
        return [(one.code, sorted(one.events.values_list("kind", flat=True))) for one in found]


def test_the_running_watch_waits_no_longer_because_the_server_was_an_hour_ahead(bedside: Bedside) -> None:
    now = timezone.now()
    ahead = now + timedelta(hours=1)
    read = hl7v2.read(said(bedside.device.identifier, ahead, spo2=80), ahead, UTC)
    assert isinstance(read, hl7v2.Message)
    with as_login(LOGINS.work):
        assert feed.record(read, received_at=ahead).kept == 1
        ticking.tick(ahead + timedelta(seconds=1))
        # The server is set right.
        ticking.tick(now)
        ticking.tick(now + timedelta(seconds=7))
    assert happened(bedside) == [("spo2", [])]
    with as_login(LOGINS.work):
        ticking.tick(now + timedelta(seconds=9))
    assert ("monitor", []) in happened(bedside)
    with as_login(LOGINS.work):
        ticking.tick(now + timedelta(seconds=121))
    assert ("spo2", ["escalated"]) in happened(bedside)


def test_a_channel_somebody_holds_does_not_hold_up_the_time_of_the_other_sessions(bedside: Bedside) -> None:
    held, other, now = bedside, open_bedside(), timezone.now()
    for one in (held, other):
        read = hl7v2.read(said(one.device.identifier, now, spo2=80), now, UTC)
        assert isinstance(read, hl7v2.Message)
        with as_login(LOGINS.work):
            feed.record(read, received_at=now)
    with psycopg.connect(LOGINS.admin) as holder:
        holder.execute("select 1 from bothwell_channel where session_id = %s for update", [held.session.id])
        with as_login(LOGINS.work), pytest.raises(OperationalError):
            ticking.tick(now + timedelta(seconds=121))
        assert ("spo2", ["escalated"]) in happened(other)
        assert happened(held) == [("spo2", [])]
    with as_login(LOGINS.work):
        ticking.tick(now + timedelta(seconds=123))
    assert ("spo2", ["escalated"]) in happened(held)
