"""What is due next, how far the dose has come, and the chart as a table: reckoned from times alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.dosing import flowsheet
from bothwell.dosing.flowsheet import Infusion, Mark, NextCheck, Stage
from bothwell.pathway import protocol as protocols
from bothwell.pathway.protocol import Route

PROTOCOL = protocols.load(protocols.shipped()[0])
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    event: str
    at: datetime


@dataclass(frozen=True)
class Value:
    code: str
    value: Decimal
    observed_at: datetime


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def events(*said: tuple[str, float]) -> list[Event]:
    return [Event(name, minute(at)) for name, at in said]


def due(now: float, **last: float) -> NextCheck | None:
    return flowsheet.next_check(
        PROTOCOL, Route.IV, started_at=START, infusion_minutes=40,
        last={code: minute(at) for code, at in last.items()}, now=minute(now),
    )  # fmt: skip


# ── the dose ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_infusion_runs_its_minutes_and_is_over_then() -> None:
    begun = events(("start", 0))
    half = flowsheet.infusion(begun, 40, minute(20))
    assert half is not None
    assert (half.is_running, half.ran_minutes, half.ends_at) == (True, 20, minute(40))
    after = flowsheet.infusion(begun, 40, minute(41))
    assert after is not None
    assert (after.is_over, after.ran_minutes, after.ends_at) == (True, 40, None)


def test_a_pause_does_not_count() -> None:
    paused = events(("start", 0), ("pause", 10))
    during = flowsheet.infusion(paused, 40, minute(25))
    assert during is not None
    assert (during.is_paused, during.ran_minutes) == (True, 10)
    later = flowsheet.infusion([*paused, *events(("resume", 25))], 40, minute(30))
    assert later is not None
    assert (later.is_running, later.ran_minutes, later.ends_at) == (True, 15, minute(55))


def test_stopped_for_good_is_over_and_a_medicine_beside_it_is_no_infusion() -> None:
    stopped = flowsheet.infusion(
        events(("start", 0), ("given", 5), ("stop", 12), ("resume", 14)), 40, minute(20)
    )
    assert stopped is not None
    assert (stopped.is_over, stopped.ran_minutes) == (True, 12)
    assert flowsheet.infusion(events(("given", 0)), 40, minute(5)) is None
    assert flowsheet.infusion(events(("start", 0)), None, minute(5)) is None


@given(
    pauses=st.lists(st.floats(min_value=0.1, max_value=80), min_size=0, max_size=6),
    now=st.floats(min_value=0, max_value=120),
)
def test_it_never_runs_longer_than_ordered_nor_than_time_has_gone(pauses: list[float], now: float) -> None:
    said = [("start", 0.0)] + [(("pause", "resume")[n % 2], at) for n, at in enumerate(sorted(pauses))]
    state = flowsheet.infusion(events(*said), 40, minute(now))
    assert isinstance(state, Infusion)
    assert timedelta(0) <= state.ran <= timedelta(minutes=min(40, now) + 1e-6)
    assert [state.is_running, state.is_paused, state.is_over].count(True) == 1
    assert sum((b - a for a, b in state.spans), timedelta(0)) == state.ran


@pytest.mark.parametrize(
    ("times", "stage", "words"),
    [
        ((None, None, None), Stage.EXPECTED, "Not here yet"),
        ((-20, None, None), Stage.BEFORE, "Before the dose, here 52 min"),
        ((-20, 0, None), Stage.RUNNING, "Infusion, min 32 of 40"),
        ((-20, 0, 30), Stage.OVER, "Signed off"),
    ],
)
def test_a_session_says_where_it_stands(times: tuple[int | None, ...], stage: Stage, words: str) -> None:
    arrived, started, ended = (None if at is None else minute(at) for at in times)
    infused = flowsheet.infusion(events(("start", 0)), 40, minute(32)) if started else None
    found = flowsheet.progress(
        arrived_at=arrived, started_at=started, ended_at=ended, infused=infused, now=minute(32)
    )
    assert (found.stage, found.words) == (stage, words)


# ── what is due ───────────────────────────────────────────────────────────────────────────────────────────


def test_before_the_dose_nothing_is_due() -> None:
    assert (
        flowsheet.next_check(PROTOCOL, Route.IV, started_at=None, infusion_minutes=40, last={}, now=START)
        is None
    )


def test_everything_due_at_the_same_minute_comes_together() -> None:
    first = due(4)
    assert first is not None
    assert (first.due_at, first.after) == (minute(10), START)
    assert first.codes == ("blood_pressure", "heart_rate", "respiratory_rate", "sedation")


def test_during_the_infusion_every_ten_minutes_after_it_every_fifteen() -> None:
    often = dict.fromkeys(("heart_rate", "respiratory_rate", "sedation", "nausea", "dissociation"), 300.0)
    assert (found := due(31, systolic=30, **often)) is not None
    assert found.due_at == minute(40)
    assert (found := due(41, systolic=40, **often)) is not None
    assert found.due_at == minute(55)


def test_a_value_answers_the_time_it_lies_nearest_to() -> None:
    others = dict.fromkeys(("heart_rate", "respiratory_rate", "sedation", "nausea", "dissociation"), 300.0)
    for taken, expected in ((4, 10), (5, 10), (6, 20), (12, 20), (17, 30)):
        found = due(18, systolic=taken, **others)
        assert found is not None
        assert found.due_at == minute(expected), taken


def test_what_was_missed_stays_due_and_is_late() -> None:
    found = due(34, systolic=10, heart_rate=30, respiratory_rate=30, sedation=10, nausea=15, dissociation=0)
    assert found is not None
    assert found.due_at == minute(20)
    assert found.is_late(minute(34))
    assert found.codes == ("blood_pressure", "sedation", "nausea"), (
        "and everything else that is overdue by now"
    )


def test_what_a_monitor_says_all_the_time_is_never_asked_for() -> None:
    found = due(
        61, systolic=60, heart_rate=61, respiratory_rate=61, spo2=61, sedation=60, nausea=60, dissociation=40
    )
    assert found is not None
    assert not set(found.codes) & {"spo2", "etco2"}


@given(now=st.integers(min_value=0, max_value=300), taken=st.integers(min_value=0, max_value=300))
def test_a_check_made_now_is_not_due_again_at_once(now: int, taken: int) -> None:
    last = min(now, taken)
    at_once = dict.fromkeys(
        ("systolic", "heart_rate", "respiratory_rate", "sedation", "nausea", "dissociation"), float(last)
    )
    found = due(last, **at_once)
    assert found is None or found.due_at > minute(last)


# ── the chart as a table, and what it answers at the end ──────────────────────────────────────────────────


def test_the_table_has_a_row_for_what_people_and_the_cuff_said_and_one_every_five_minutes() -> None:
    spoken = [
        Value("heart_rate", Decimal(70 + second % 3), minute(second / 60)) for second in range(0, 720, 2)
    ]
    spoken += [Value("systolic", Decimal(130), minute(7)), Value("diastolic", Decimal(80), minute(7))]
    rows = flowsheet.lines(spoken, [Mark(minute(3.5), "Ondansetron 4 mg")], START)
    assert [row.minute for row in rows] == [10, 7, 5, 3, 0]
    assert rows[1].pressure == "130/80"
    assert rows[3].words == ("Ondansetron 4 mg",)
    assert rows[3].values["heart_rate"] >= 70, "what the monitor said stands beside it"


def test_vital_signs_are_scored_against_the_persons_own_baseline() -> None:
    before = {
        "systolic": Value("systolic", Decimal(120), START),
        "diastolic": Value("diastolic", Decimal(80), START),
    }
    for systolic, points in ((120, 2), (144, 2), (145, 1), (168, 1), (169, 0), (70, 0)):
        now = before | {"systolic": Value("systolic", Decimal(systolic), minute(90))}
        assert flowsheet.prefilled(now, before, Decimal(20)) == {"vitals": points}, systolic
    assert flowsheet.prefilled({}, before, Decimal(20)) == {}
    assert flowsheet.prefilled(before, {}, Decimal(20)) == {}
