"""What is due next, how far the dose has come, and the chart as a table: reckoned from times alone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.dosing import flowsheet, under_way
from bothwell.dosing.flowsheet import Mark, NextCheck
from bothwell.dosing.under_way import Infusion, Stage
from bothwell.pathway import protocol as protocols
from bothwell.pathway.protocol import Route

PROTOCOL = protocols.load(protocols.shipped()[0])
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    event: str
    at: datetime
    rate_ml_per_h: Decimal | None = None


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
        PROTOCOL, Route.IV, started_at=START, active_minutes=Decimal(40),
        last={code: minute(at) for code, at in last.items()}, now=minute(now),
    )  # fmt: skip


# ── the dose ──────────────────────────────────────────────────────────────────────────────────────────────


def test_an_infusion_is_over_when_its_stop_is_charted_and_not_when_its_minutes_have_run() -> None:
    begun = events(("start", 0))
    half = under_way.infusion(begun, 40, minute(20))
    assert half is not None
    assert (half.is_running, half.ran_minutes, half.ends_at) == (True, 20, minute(40))
    after = under_way.infusion(begun, 40, minute(55))
    assert after is not None
    assert (after.is_ending, after.is_over, after.ran_minutes, after.ends_at) == (True, False, 40, None)
    stopped = under_way.infusion([*begun, *events(("stop", 47))], 40, minute(55))
    assert stopped is not None
    assert (stopped.is_ending, stopped.is_over, stopped.ran_minutes) == (False, True, 40)


VOLUME = Decimal(20)  # mL: 20 mL over 40 min is 30 mL/h


def rated(*said: tuple[float, int]) -> list[Event]:
    return [Event("rate", minute(at), Decimal(ml_per_h)) for at, ml_per_h in said]


def test_with_another_rate_the_rest_is_reckoned_by_volume() -> None:
    slower = under_way.infusion([*events(("start", 0)), *rated((10, 15))], 40, minute(20), VOLUME)
    assert slower is not None
    assert (slower.is_running, slower.ends_at, slower.whole_minutes) == (True, minute(70), 70)
    assert slower.speeds == (1.0, 0.5)
    faster = under_way.infusion([*events(("start", 0)), *rated((10, 60))], 40, minute(26), VOLUME)
    assert faster is not None
    assert (faster.is_ending, faster.ran_minutes) == (True, 25)


def test_without_a_volume_a_changed_rate_leaves_the_time_unknown_and_says_so() -> None:
    found = under_way.infusion([*events(("start", 0)), *rated((10, 15))], 40, minute(90))
    assert found is not None
    assert (found.is_running, found.is_ending, found.ends_at, found.is_reckoned) == (True, False, None, False)
    shown = under_way.progress(
        arrived_at=minute(-20), started_at=START, ended_at=None, infused=found, now=minute(90)
    )
    assert (shown.stage, shown.words) == (
        Stage.RUNNING,
        "Infusion, min 90, at 15 mL/h; when it ends is not known",
    )


ORDERED = Decimal("35.00")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([("start", 0), ("stop", 16)], "About 14 mg of 35 mg given, by the rates charted."),
        ([("start", 0), ("pause", 10), ("resume", 30), ("stop", 36)], "About 14 mg of 35 mg given"),
        ([("start", 0), ("rate", 10, 60), ("stop", 13)], "About 14 mg of 35 mg given"),
        ([("start", 0), ("stop", 4.1)], "About 3.6 mg of 35 mg given"),
        ([("start", 0), ("stop", 40)], None),
        ([("start", 0), ("stop", 39.9)], None),
        ([("start", 0), ("rate", 10, 60), ("stop", 26)], None),
        ([("start", 0), ("pause", 16)], None),
        ([("start", 0)], None),
    ],
)
def test_what_ran_in_of_an_infusion_stopped_early_is_reckoned_by_its_rates(
    said: list[tuple[str, float]], words: str | None
) -> None:
    rows = [Event(one[0], minute(one[1]), Decimal(one[2]) if len(one) > 2 else None) for one in said]
    found = under_way.ran_in(under_way.infusion(rows, 40, minute(90), VOLUME), ORDERED)
    assert (found is None) is (words is None)
    assert found is None or words is None or found.words.startswith(words)


def test_what_ran_in_is_not_reckoned_where_a_rate_is_not_known() -> None:
    changed = [*events(("start", 0), ("stop", 20)), *rated((10, 15))]
    begun = events(("start", 0), ("stop", 20))
    for rows, is_as_ordered in ((changed, True), (begun, False)):
        found = under_way.ran_in(
            under_way.infusion(rows, 40, minute(90)), ORDERED, is_as_ordered=is_as_ordered
        )
        assert found is not None and found.about_mg is None
        assert "cannot be reckoned" in found.words and "note" in found.words
    assert under_way.ran_in(None, ORDERED) is None


def test_a_rate_set_during_a_pause_counts_from_the_resumption() -> None:
    said = [*events(("start", 0), ("pause", 10), ("resume", 20)), *rated((15, 60))]
    found = under_way.infusion(said, 40, minute(21), VOLUME)
    assert found is not None
    assert found.ends_at == minute(35)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["rate", "pause", "resume"]), st.floats(0.1, 100), st.integers(1, 300)),
        max_size=8,
    ),
    now=st.floats(0, 200),
)
def test_no_more_than_the_ordered_volume_ever_runs_in(
    steps: list[tuple[str, float, int]], now: float
) -> None:
    said = [Event(name, minute(at), Decimal(rate) if name == "rate" else None) for name, at, rate in steps]
    state = under_way.infusion([*events(("start", 0)), *said], 40, minute(now), VOLUME)
    assert state is not None
    ml = sum((b - a).total_seconds() / 3600 * 30 * (speed or 0)
             for (a, b), speed in zip(state.spans, state.speeds, strict=True))  # fmt: skip
    assert ml <= float(VOLUME) + 0.01
    assert state.is_ending is (ml >= float(VOLUME) - 0.0001) or abs(ml - float(VOLUME)) < 0.01
    assert all(a[1] <= b[0] for a, b in pairwise(state.spans))


def test_devices_are_counted_and_the_next_waits_its_minutes() -> None:
    first = under_way.devices_of(events(("dose", 0)), 2, Decimal(5))
    assert first is not None
    assert (first.words, first.is_over, first.next_at) == ("Device 1 of 2 given", False, minute(5))
    both = under_way.devices_of(events(("dose", 0), ("dose", 5)), 2, Decimal(5))
    assert both is not None and both.is_over
    ended = under_way.devices_of(events(("dose", 0), ("stop", 6)), 3, Decimal(5))
    assert ended is not None and ended.is_over and ended.next_at is None
    assert under_way.devices_of(events(("given", 0)), 2, Decimal(5)) is None


@pytest.mark.parametrize("end", ["spat", "swallow"])
def test_what_is_in_the_mouth_is_there_until_charted_otherwise(end: str) -> None:
    held = under_way.held_in_mouth(events(("given", 0)), START, minute(7))
    assert (held.words, held.is_over) == ("In the mouth, min 7", False)
    assert under_way.held_in_mouth(events(("given", 0), (end, 10)), START, minute(12)).is_over
    shown = under_way.progress(
        arrived_at=minute(-20), started_at=START, ended_at=None, infused=None, now=minute(7), parts=held
    )
    assert shown.stage is Stage.RUNNING


def test_a_pause_does_not_count() -> None:
    paused = events(("start", 0), ("pause", 10))
    during = under_way.infusion(paused, 40, minute(25))
    assert during is not None
    assert (during.is_paused, during.ran_minutes) == (True, 10)
    later = under_way.infusion([*paused, *events(("resume", 25))], 40, minute(30))
    assert later is not None
    assert (later.is_running, later.ran_minutes, later.ends_at) == (True, 15, minute(55))


def test_stopped_for_good_is_over_and_a_medicine_beside_it_is_no_infusion() -> None:
    stopped = under_way.infusion(
        events(("start", 0), ("given", 5), ("stop", 12), ("resume", 14)), 40, minute(20)
    )
    assert stopped is not None
    assert (stopped.is_over, stopped.ran_minutes) == (True, 12)
    assert under_way.infusion(events(("given", 0)), 40, minute(5)) is None
    assert under_way.infusion(events(("start", 0)), None, minute(5)) is None


@given(
    pauses=st.lists(st.floats(min_value=0.1, max_value=80), min_size=0, max_size=6),
    now=st.floats(min_value=0, max_value=120),
)
def test_it_never_runs_longer_than_ordered_nor_than_time_has_gone(pauses: list[float], now: float) -> None:
    said = [("start", 0.0)] + [(("pause", "resume")[n % 2], at) for n, at in enumerate(sorted(pauses))]
    state = under_way.infusion(events(*said), 40, minute(now))
    assert isinstance(state, Infusion)
    assert timedelta(0) <= state.ran <= timedelta(minutes=min(40, now) + 1e-6)
    assert [state.is_running, state.is_paused, state.is_ending, state.is_over].count(True) == 1
    assert sum((b - a for a, b in state.spans), timedelta(0)) == state.ran


@pytest.mark.parametrize(
    ("times", "stage", "words"),
    [
        ((None, None, None), Stage.EXPECTED, "Not here yet"),
        ((-20, None, None), Stage.BEFORE, "Before the dose, here 52 min"),
        ((-20, 0, None), Stage.RUNNING, "Infusion, min 32 of 40"),
        ((-20, 0, None), Stage.ENDING, "The ordered minutes have run: chart the stop"),
        ((-20, 0, 30), Stage.OVER, "Signed off"),
    ],
)
def test_a_session_says_where_it_stands(times: tuple[int | None, ...], stage: Stage, words: str) -> None:
    arrived, started, ended = (None if at is None else minute(at) for at in times)
    now = minute(41) if stage is Stage.ENDING else minute(32)
    infused = under_way.infusion(events(("start", 0)), 40, now) if started else None
    found = under_way.progress(
        arrived_at=arrived, started_at=started, ended_at=ended, infused=infused, now=now
    )
    assert (found.stage, found.words) == (stage, words)


@pytest.mark.parametrize(
    ("at", "stage", "words", "of"),
    [
        (0, Stage.ACTIVE, "Active phase, min 0 of 40", 40),
        (39, Stage.ACTIVE, "Active phase, min 39 of 40", 40),
        (40, Stage.RECOVERY, "Recovery, min 40", 120),
    ],
)
def test_a_single_dose_is_at_work_for_the_protocols_minutes(
    at: int, stage: Stage, words: str, of: int
) -> None:
    active = PROTOCOL.routes[Route.IM].active_minutes.value
    shown = under_way.progress(
        arrived_at=minute(-20), started_at=START, ended_at=None, infused=None, now=minute(at), until_minutes=120,
        active_minutes=active,
    )  # fmt: skip
    assert (shown.stage, shown.words, shown.minute, shown.of_minutes) == (stage, words, at, of)


def test_what_is_in_the_mouth_is_first_in_the_mouth_then_at_work_then_over() -> None:
    active = PROTOCOL.routes[Route.SL].active_minutes.value
    shown = []
    for at, rows in (
        (5, events(("given", 0))),
        (12, events(("given", 0), ("spat", 10))),
        (60, events(("spat", 10))),
    ):
        parts = under_way.held_in_mouth(rows, START, minute(at))
        found = under_way.progress(
            arrived_at=minute(-20), started_at=START, ended_at=None, infused=None, now=minute(at), parts=parts,
            active_minutes=active,
        )  # fmt: skip
        shown.append((found.stage, found.words))
    assert shown == [
        (Stage.RUNNING, "In the mouth, min 5"),
        (Stage.ACTIVE, "Active phase, min 12 of 60"),
        (Stage.RECOVERY, "Recovery, min 60"),
    ]


def test_a_stopped_infusion_is_in_recovery_whatever_its_minutes() -> None:
    stopped = under_way.infusion(events(("start", 0), ("stop", 12)), 40, minute(13))
    shown = under_way.progress(
        arrived_at=minute(-20), started_at=START, ended_at=None, infused=stopped, now=minute(13),
        active_minutes=Decimal(40),
    )  # fmt: skip
    assert shown.stage is Stage.RECOVERY


# ── what is due ───────────────────────────────────────────────────────────────────────────────────────────


def test_before_the_dose_nothing_is_due() -> None:
    assert (
        flowsheet.next_check(
            PROTOCOL, Route.IV, started_at=None, active_minutes=Decimal(40), last={}, now=START
        )
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
