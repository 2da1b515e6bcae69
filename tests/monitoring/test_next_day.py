"""The call of the next day: when it is due, in any time zone, what must be said, and when it is done."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.monitoring import next_day
from bothwell.monitoring.next_day import Said

ZONE = ZoneInfo("America/New_York")
ENDED = datetime(2026, 3, 5, 16, 40, tzinfo=ZONE)
NOW = datetime(2026, 3, 6, 10, 0, tzinfo=ZONE)
ANSWERS = {
    "sleep": "well", "mood": "same", "nausea": "no", "headache": "no", "dissociation_gone": "yes",
    "thoughts": "no", "drove": "no",
}  # fmt: skip
REACHED = Said(at=NOW, was_reached=True, answers=ANSWERS)
MISSED = Said(at=NOW, was_reached=False, answers={"tried": "no_answer"}, next_at=NOW + timedelta(hours=3))


@dataclass
class Call:
    at: datetime
    next_at: datetime | None = None
    is_closed: bool = False


def wrong(said: Said, may_leave_message: bool = False) -> set[str]:
    found = next_day.faults(said, ended_at=ENDED, now=NOW, may_leave_message=may_leave_message)
    return {fault.field for fault in found}


def test_calls_as_they_should_be_can_be_kept() -> None:
    assert wrong(REACHED) == set()
    assert wrong(MISSED) == set()
    assert wrong(replace(MISSED, next_at=None, is_given_up=True, note="Moved away")) == set()


@pytest.mark.parametrize(
    ("said", "field"),
    [
        (replace(REACHED, at=NOW + timedelta(minutes=1)), "at"),
        (replace(REACHED, at=ENDED - timedelta(minutes=1)), "at"),
        *((replace(REACHED, answers=ANSWERS | {key: ""}), key) for key in ANSWERS),
        *((replace(REACHED, answers=ANSWERS | {key: "perhaps"}), key) for key in ANSWERS),
        (replace(REACHED, answers=ANSWERS | {"thoughts": "not_asked"}), "note"),
        (replace(MISSED, answers={}), "tried"),
        (replace(MISSED, answers={"tried": "message"}), "tried"),
        (replace(MISSED, next_at=None), "next_at"),
        (replace(MISSED, next_at=NOW), "next_at"),
        (replace(MISSED, is_given_up=True, note="Moved away"), "next_at"),
        (replace(MISSED, next_at=None, is_given_up=True), "note"),
    ],
)
def test_what_is_missing_is_asked_for_beside_its_answer(said: Said, field: str) -> None:
    assert wrong(said) == {field}


def test_a_message_may_be_left_only_where_the_person_said_so() -> None:
    left = replace(MISSED, answers={"tried": "message"})
    assert wrong(left, may_leave_message=True) == set()
    assert wrong(left, may_leave_message=False) == {"tried"}


@given(
    ended=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Tokyo", "Pacific/Auckland", "UTC"]).map(
        ZoneInfo
    ),
)
def test_the_first_call_is_at_nine_on_the_next_day_there(ended: datetime, zone: ZoneInfo) -> None:
    due = next_day.first_call_at(ended, zone).astimezone(zone)
    assert (due.hour, due.minute) == (9, 0)
    assert due.date() - ended.astimezone(zone).date() == timedelta(days=1)


def test_a_call_is_due_in_the_morning_and_overdue_when_the_day_is_over() -> None:
    def state(hour: int, day: int = 6) -> tuple[bool, bool]:
        found = next_day.due(ENDED, [], zone=ZONE, now=datetime(2026, 3, day, hour, tzinfo=ZONE))
        assert found is not None
        return found.is_due, found.is_overdue

    assert [state(8), state(9), state(23), state(0, day=7)] == [
        (False, False), (True, False), (True, False), (True, True),
    ]  # fmt: skip


def test_the_newest_call_says_when_to_ring_again_and_a_closed_one_ends_it() -> None:
    first, second = (
        Call(NOW, NOW + timedelta(hours=1)),
        Call(NOW + timedelta(hours=2), NOW + timedelta(hours=5)),
    )
    found = next_day.due(ENDED, [second, first], zone=ZONE, now=NOW)
    assert found is not None
    assert found.at == second.next_at
    assert next_day.due(ENDED, [first, second, Call(NOW, is_closed=True)], zone=ZONE, now=NOW) is None


@given(days=st.integers(-3, 40), put_off=st.none() | st.integers(1, 30))
def test_a_call_is_missed_so_many_days_after_it_was_due_and_not_before(
    days: int, put_off: int | None
) -> None:
    first = next_day.first_call_at(ENDED, ZONE)
    calls = [Call(first, first + timedelta(days=put_off))] if put_off else []
    found = next_day.due(ENDED, calls, zone=ZONE, now=first + timedelta(days=days))
    late = days - (put_off or 0)
    assert next_day.is_missed(found, first + timedelta(days=days)) == (late >= next_day.MISSED_AFTER_DAYS)
    done = next_day.due(ENDED, [*calls, Call(NOW, is_closed=True)], zone=ZONE, now=NOW)
    assert not next_day.is_missed(done, first + timedelta(days=days))


def test_who_is_reached_on_the_same_evening_is_rung_again_on_the_next_day() -> None:
    evening = replace(REACHED, at=ENDED + timedelta(hours=3))
    assert not next_day.closes(evening, ended_at=ENDED, zone=ZONE)
    assert next_day.closes(REACHED, ended_at=ENDED, zone=ZONE)
    assert not next_day.closes(MISSED, ended_at=ENDED, zone=ZONE)
    assert next_day.closes(replace(MISSED, is_given_up=True), ended_at=ENDED, zone=ZONE)
    kept = Call(evening.at)
    assert next_day.due(ENDED, [kept], zone=ZONE, now=NOW) == next_day.due(ENDED, [], zone=ZONE, now=NOW)
