"""On whom a reading lands: on whom the monitor was when it was observed, though its clock be wrong."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from bothwell.devices import hl7v2
from bothwell.models import Sample
from bothwell.monitoring import clocks, feed
from bothwell.monitoring.clocks import Clock
from tests.conftest import LOGINS, loading
from tests.room import Bedside, as_login, bind, open_bedside, open_session, said

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
FIRST, SECOND = "the first patient", "the second patient"


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@dataclass(frozen=True)
class Said:
    observed_at: datetime
    device_id: str = "monitor"


def known(behind_s: float, until_s: float = 0, looks: int = 12) -> Clock:
    """What is remembered of a clock that is behind by so much, looked at every ten seconds up to then."""
    clock = Clock()
    for number in range(looks):
        at = after(until_s - 10 * (looks - 1 - number))
        clock = clocks.look(clock, at - timedelta(seconds=behind_s), at + timedelta(seconds=0.2))
    return clock


def landed(clock: Clock, observed_at: datetime, received_at: datetime, change_s: float) -> str:
    """Where it lands: the first patient was on the monitor from an hour before noon, the second from `change_s` on."""
    bindings: dict[str, list[Any]] = {
        "monitor": [
            (1, clock, after(-3600), after(change_s - 60), FIRST),
            (1, clock, after(change_s), None, SECOND),
        ]
    }
    placed = feed._placed([Said(observed_at)], bindings, received_at).placed  # type: ignore[list-item]
    return str(placed[0][0]) if placed else "nobody"


@given(
    st.floats(-120, 100_000).filter(lambda error: abs(error) > 65),
    st.floats(0, 3600),
    st.floats(0, 5),
)
def test_what_a_wrong_clock_says_now_is_of_who_is_on_the_monitor_now(error_s, now_s, way_s) -> None:
    clock = known(error_s, now_s)
    shown = after(now_s - error_s)
    assert landed(clock, shown, after(now_s + way_s), change_s=now_s) == SECOND


@given(st.floats(60, 3000), st.floats(0, 3600), st.floats(0.3, 3600), st.sampled_from([0, 3, 12]))
def test_what_a_right_clock_held_back_of_the_first_patient_never_lands_on_the_second(
    ago_s, change_s, later_s, looks
) -> None:
    """Also right after the clock was looked at many times, and while it catches up."""
    observed_at, received_at = after(change_s - 60 - ago_s), after(change_s + later_s)
    clock = known(0, change_s, looks)
    assert landed(clock, observed_at, received_at, change_s) != SECOND
    caught = clocks.look(clock, observed_at, received_at)
    assert landed(caught, observed_at, received_at, change_s) != SECOND


@given(st.floats(120, 7200), st.floats(120, 3000), st.floats(60, 3000))
def test_what_a_slow_clock_held_back_of_the_first_patient_lands_on_the_first(
    behind_s, change_s, ago_s
) -> None:
    observed_at = after(change_s - 61 - ago_s)
    clock = known(behind_s, change_s + 10)
    shown = observed_at - timedelta(seconds=behind_s)
    assert landed(clock, shown, after(change_s + 10), change_s) == FIRST


@given(st.floats(120, 7200), st.floats(100, 3000), st.floats(0, 100))
def test_once_a_slow_clock_is_set_right_what_was_held_back_is_not_taken_for_now(
    behind_s, change_s, early_s
) -> None:
    """One look at the right clock is enough, though the memory still calls it slow."""
    clock = known(behind_s, change_s + 100)
    clock = clocks.look(clock, after(change_s + 110), after(change_s + 110.2))
    assert clocks.behind(clock) is not None and clocks.trouble(clock)
    observed_at = after(change_s - 61 - early_s)
    assert landed(clock, observed_at, after(change_s + 120), change_s) == FIRST
    assert landed(clock, after(change_s + 119), after(change_s + 120), change_s) == SECOND


@given(st.floats(0, 120), st.floats(0, 60))
def test_what_a_fast_clock_said_of_the_first_patient_never_lands_on_the_second(ahead_s, before_s) -> None:
    """As when a journal is taken down: the monitor was moved since."""
    received_at = after(-61 - before_s)
    for clock in (Clock(), known(-ahead_s, -61)):
        assert landed(clock, received_at + timedelta(seconds=ahead_s), received_at, change_s=0) == FIRST


# ── in the database ──


@pytest.fixture
def bedside(django_db_setup: None, django_db_blocker: object) -> Iterator[Bedside]:
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        yield open_bedside(is_bound=False)
        connection.close()


def record(device: str, observed_at: datetime, received_at: datetime, **values: float) -> feed.Recorded:
    read = hl7v2.read(said(device, observed_at, **values), received_at, UTC)
    assert isinstance(read, hl7v2.Message)
    with as_login(LOGINS.work):
        return feed.record(read, received_at=received_at)


def test_a_monitor_an_hour_slow_is_charted_on_whom_it_is_with_its_own_time(bedside: Bedside) -> None:
    now, hour = timezone.now().replace(microsecond=0), timedelta(hours=1)
    device = bedside.device.identifier
    for second in range(-60, 0, 10):
        at = now + timedelta(seconds=second)
        with as_login(LOGINS.work):
            feed.look_at_clocks({device: at - hour}, received_at=at)
    with loading():
        earlier = open_session(bedside.cast, bedside.cast.stranger_a)
        binding = bind(bedside.cast, earlier, bedside.device, now - 2 * hour)
        type(binding).objects.filter(id=binding.id).update(until=now - timedelta(minutes=10))
        bind(bedside.cast, bedside.session, bedside.device, now)
    at = now + timedelta(seconds=5)
    assert record(device, at - hour, at, spo2=80).kept == 1
    held_back = now - timedelta(minutes=20)
    assert record(device, held_back - hour, at, spo2=97).kept == 1
    with loading():
        found = list(Sample.objects.filter(session=bedside.session).values_list("value", "observed_at"))
        of_earlier = list(Sample.objects.filter(session=earlier).values_list("value", "observed_at"))
    assert [(int(value), when) for value, when in found] == [(80, at - hour)]
    assert [(int(value), when) for value, when in of_earlier] == [(97, held_back - hour)]


def test_a_fast_monitor_that_was_moved_keeps_its_readings_on_the_first(bedside: Bedside) -> None:
    now = timezone.now().replace(microsecond=0)
    moved_at = now - timedelta(seconds=90)
    with loading():
        later = open_session(bedside.cast, bedside.cast.stranger_a)
        binding = bind(bedside.cast, bedside.session, bedside.device)
        type(binding).objects.filter(id=binding.id).update(until=moved_at)
        bind(bedside.cast, later, bedside.device, moved_at + timedelta(seconds=30))
    received_at = moved_at - timedelta(seconds=5)
    ahead = received_at + timedelta(seconds=100)
    assert record(bedside.device.identifier, ahead, received_at, spo2=96).kept == 1
    with loading():
        assert Sample.objects.filter(session=bedside.session).count() == 1
