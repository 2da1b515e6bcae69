"""What should wait for whom: the same each time, the same for both, once, and by the clinic's own clock."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.instruments.catalogue import NoSuchInstrument, load
from bothwell.instruments.instrument import Instrument, Kind
from bothwell.integration.waves import (
    Anchors,
    Asking,
    Ended,
    Plan,
    Sent,
    Session,
    may_remind,
    should_ask,
)
from bothwell.pathway import protocol as protocols
from bothwell.pathway.battery import LONGEST_NAME, wave_of

RULES = protocols.load(protocols.shipped()[0])
NEW_YORK, BERLIN = ZoneInfo("America/New_York"), ZoneInfo("Europe/Berlin")
DAY, WEEK = timedelta(days=1), timedelta(weeks=1)
BEGAN = datetime(2026, 5, 1, 15, tzinfo=UTC)
A, B, COUPLE, OTHER_COUPLE = (UUID(int=n) for n in (0xA1, 0xB2, 0xC3, 0xC4))


def instruments() -> dict[str, Instrument]:
    found = {}
    for id in {each.id for wave in RULES.waves for each in wave.instruments}:
        try:
            found[id] = load(id)
        except NoSuchInstrument:
            continue
    return found


def plan_in(zone: ZoneInfo) -> Plan:
    return Plan(RULES.waves, RULES.covers, instruments(), zone)


PLAN = plan_in(NEW_YORK)


def about(**more: object) -> Anchors:
    return replace(Anchors(person=A, began_at=BEGAN, couple=COUPLE), **more)  # type: ignore[arg-type]


def at(year: int, month: int, day: int, hour: int = 12, zone: ZoneInfo = NEW_YORK) -> datetime:
    return datetime(year, month, day, hour, tzinfo=zone).astimezone(UTC)


def asked(plan: Plan, who: Anchors, now: datetime) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for each in should_ask(plan, who, now):
        found.setdefault(each.wave, set()).add(each.instrument)
    return found


def keys(askings: tuple[Asking, ...]) -> set[tuple[UUID, str, str]]:
    return {(each.person, each.instrument, each.wave) for each in askings}


# ------------------------------------------------------------------------------------------- the shipped plan


def test_at_the_beginning_both_are_asked_the_intake_and_nobody_about_violence() -> None:
    (wave, ids), *rest = asked(PLAN, about(), BEGAN + timedelta(minutes=5)).items()
    assert not rest
    assert wave == "intake 2026-05-07 000000c3"
    assert {"phq-9", "gad-7", "pcl-5", "asq", "audit-c", "csi-16"} <= ids
    assert "hark" not in ids


def test_a_skeleton_without_its_words_is_left_out_and_asked_once_the_clinic_has_them() -> None:
    skeleton = load("ecr-s")
    assert not skeleton.can_be_asked
    with_words = replace(PLAN, instruments={**PLAN.instruments, "ecr-s": replace(load("csi-4"), id="ecr-s")})
    now = BEGAN + DAY
    assert "ecr-s" not in {each.instrument for each in should_ask(PLAN, about(), now)}
    assert "ecr-s" in {each.instrument for each in should_ask(with_words, about(), now)}


def test_a_screen_about_violence_is_never_asked_though_a_plan_and_a_clinic_had_it() -> None:
    weekly = PLAN.by_id["weekly"]
    hark = replace(weekly, instruments=(replace(weekly.instruments[0], id="hark"),))
    plan = replace(PLAN, waves=(hark,), instruments={"hark": load("hark")})
    assert plan.instruments["hark"].kind is Kind.VIOLENCE
    assert should_ask(plan, about(), at(2026, 6, 1, 9)) == ()


def test_weeks_are_named_by_their_iso_number_also_the_fifty_third() -> None:
    began = at(2020, 9, 1)
    names = {
        name
        for day in (28, 30)
        for name in asked(PLAN, about(began_at=began), at(2020, 12, day))
        if name.startswith("weekly")
    } | set(asked(PLAN, about(began_at=began), at(2021, 1, 3)))
    assert "weekly 2020-W53" in names
    assert "weekly 2021-W01" in asked(PLAN, about(began_at=began), at(2021, 1, 4))
    assert not any("2021-W53" in name or "2020-W01" in name for name in names)


def test_a_week_is_due_on_monday_at_eight_on_the_clinics_clock_before_and_after_it_changes() -> None:
    for plan, days in (
        (PLAN, [(2026, 10, 26), (2026, 11, 2), (2026, 11, 9)]),
        (plan_in(BERLIN), [(2026, 10, 19), (2026, 10, 26), (2027, 3, 22), (2027, 3, 29)]),
    ):
        who = about(began_at=at(2026, 8, 12))
        for day in days:
            noon = at(*day, zone=plan.zone)
            (due,) = {each.due_at for each in should_ask(plan, who, noon) if each.wave.startswith("weekly")}
            local = due.astimezone(plan.zone)
            assert (local.hour, local.weekday()) == (8, 0)
            before = due - timedelta(seconds=1)
            assert not any(each.due_at == due for each in should_ask(plan, who, before))


def test_months_are_counted_on_the_calendar_and_their_last_day_stands_for_one_they_lack() -> None:
    began = at(2025, 11, 30)
    now = at(2026, 2, 28, 9)
    assert "month 3 2026-02-28" in asked(PLAN, about(began_at=began), now)
    assert "month 3 2026-08-01" in asked(PLAN, about(), at(2026, 8, 1))


def test_the_weekly_questions_leave_out_what_a_heavier_wave_asks_that_day() -> None:
    fourth = next(
        day
        for day in (at(2026, 5, 4) + n * WEEK for n in range(30))
        if any(name.startswith("every 4 weeks") for name in asked(PLAN, about(), day))
    )
    waves = asked(PLAN, about(), fourth)
    weekly = next(ids for name, ids in waves.items() if name.startswith("weekly"))
    assert "csi-4" not in weekly
    assert "pulse-us" in weekly
    week_after = asked(PLAN, about(), fourth + WEEK)
    assert "csi-4" in next(ids for name, ids in week_after.items() if name.startswith("weekly"))


def test_what_was_answered_just_before_in_a_heavier_wave_is_not_asked_again() -> None:
    monday = at(2026, 5, 18, 9)
    sunday = monday - timedelta(hours=20)
    weekly = "weekly 2026-W21"
    assert "csi-4" in asked(PLAN, about(), monday)[weekly]
    late = about(sent=(Sent("csi-16", "intake 2026-05-07 000000c3", sunday),))
    assert "csi-4" not in asked(PLAN, late, monday)[weekly]
    for other in (
        Sent("csi-16", "intake 2026-05-07 000000c3", monday - 3 * DAY),
        Sent("csi-16", "asked by hand", sunday),
        Sent("phq-9", "intake 2026-05-07 000000c3", sunday),
    ):
        assert "csi-4" in asked(PLAN, about(sent=(other,)), monday)[weekly]


def test_around_a_month_the_four_weeks_wait_so_that_the_whole_set_comes_once() -> None:
    heavy = [
        name
        for day in range(0, 400)
        for name in asked(PLAN, about(), BEGAN + day * DAY)
        if name.startswith(("every 4 weeks", "month"))
    ]
    days = sorted({date.fromisoformat(name[-10:]) for name in heavy})
    assert len(days) >= 12
    assert all((later - earlier).days >= 14 for earlier, later in pairwise(days))


def test_before_a_dose_and_after_it_only_its_own_person_is_asked() -> None:
    session = Session(UUID(int=0x5E55), at(2026, 6, 10, 14))
    who = about(is_treated=True, sessions=(session,))
    name = "before dose 2026-06-10 00005e55"
    assert asked(PLAN, who, session.scheduled_at - 3 * DAY).get(name) is None
    assert asked(PLAN, who, session.scheduled_at - timedelta(hours=20))[name] == {
        "asq",
        "phq-2",
        "before-dose",
    }
    assert name not in asked(PLAN, about(person=B), session.scheduled_at - timedelta(hours=20))
    for changed in (
        replace(session, outcome="cancelled"),
        replace(session, started_at=session.scheduled_at),
    ):
        began = about(is_treated=True, sessions=(changed,))
        assert name not in asked(PLAN, began, session.scheduled_at - timedelta(hours=1))
    given = replace(session, started_at=session.scheduled_at, outcome="discharged")
    after = asked(PLAN, about(is_treated=True, sessions=(given,)), at(2026, 6, 11, 11))
    assert {"day-after", "ebi"} == after["day after 00005e55"]
    turned_back = replace(session, outcome="turned_back")
    nothing = asked(PLAN, about(is_treated=True, sessions=(turned_back,)), at(2026, 6, 11, 11))
    assert not any(name.startswith("day after") for name in nothing)


def test_the_end_of_a_series_is_asked_of_its_own_person_once_a_course() -> None:
    who = about(is_treated=True, ended=(Ended(UUID(int=0xE4D), at(2026, 7, 11)),))
    assert "csi-16" in asked(PLAN, who, at(2026, 7, 13, 11))["end 00000e4d"]
    assert not any(name.startswith("end") for name in asked(PLAN, about(person=B), at(2026, 7, 13, 11)))
    near_a_common_one = replace(who, ended=(Ended(UUID(int=0xE4D), at(2026, 7, 1)),))
    assert "end 00000e4d" not in asked(PLAN, near_a_common_one, at(2026, 7, 3, 11))


# ------------------------------------------------------------------------------------------- about the couple


def of_the_couple(askings: tuple[Asking, ...]) -> set[str]:
    return {each.instrument for each in askings if each.kind is Kind.RELATIONSHIP}


@pytest.mark.parametrize("rests", [{"is_paused": True}, {"couple": None}])
def test_nobody_is_asked_about_a_couple_that_rests_or_is_none(rests: dict[str, object]) -> None:
    monday = at(2026, 5, 18, 9)
    assert of_the_couple(should_ask(PLAN, about(), monday)) >= {"csi-4", "pulse-us"}
    resting = should_ask(PLAN, about(**rests), monday)
    assert of_the_couple(resting) == set()
    assert {"phq-9", "gad-7", "pulse-me"} <= {each.instrument for each in resting}


def test_only_what_is_about_the_couple_names_the_couple() -> None:
    for each in should_ask(PLAN, about(), at(2026, 5, 18, 9)):
        assert (each.couple == COUPLE) == (each.kind is Kind.RELATIONSHIP)


def test_two_who_begin_again_the_same_day_are_asked_anew() -> None:
    again = about(couple=OTHER_COUPLE)
    now = BEGAN + DAY
    assert not keys(should_ask(PLAN, about(), now)) & keys(should_ask(PLAN, again, now))


# ------------------------------------------------------------------------------------------------------ laws


def test_who_parts_is_not_asked_again_what_they_answered_at_the_beginning() -> None:
    now = BEGAN + timedelta(days=1)
    together = should_ask(PLAN, about(), now)
    answered = next(each for each in together if each.instrument == "phq-9")
    sent = (Sent("phq-9", answered.wave, BEGAN + timedelta(hours=2)),)
    alone = {each.instrument for each in should_ask(PLAN, about(couple=None, sent=sent), now)}
    assert "phq-9" not in alone
    assert "gad-7" in alone, "what was not answered yet still waits"


ZONES = st.sampled_from(
    [NEW_YORK, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia"), ZoneInfo("UTC")]
)
MOMENTS = st.datetimes(datetime(2019, 12, 1), datetime(2022, 2, 1), timezones=st.just(UTC))
"""Across a year with 53 weeks, and every change of the clock in it."""
SPANS = st.timedeltas(timedelta(), timedelta(days=420))
PLANS = {
    zone.key: plan_in(zone)
    for zone in (NEW_YORK, BERLIN, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia"), ZoneInfo("UTC"))
}


DIFFERENT_IDS = st.lists(
    st.integers(1, 2**64).map(lambda number: UUID(int=number)), max_size=3, unique_by=lambda id: id.hex[-8:]
)
"""No two of one person's sessions share what their occasions are called by."""


@st.composite
def sessions(draw: st.DrawFn, near: datetime) -> tuple[Session, ...]:
    found = []
    for id in draw(DIFFERENT_IDS):
        scheduled = near + draw(st.timedeltas(timedelta(days=-5), timedelta(days=5)))
        outcome = draw(st.sampled_from(["", "cancelled", "discharged", "turned_back"]))
        started = scheduled if outcome == "discharged" else None
        found.append(Session(id, scheduled, started, outcome))
    return tuple(found)


@st.composite
def ones_own(draw: st.DrawFn, near: datetime) -> dict[str, object]:
    """One partner's own care: what must not show in what the other is asked."""
    return {
        "is_treated": draw(st.booleans()),
        "sessions": draw(sessions(near)),
        "ended": tuple(
            Ended(UUID(int=draw(st.integers(1, 2**64))), near - draw(st.timedeltas(timedelta(), 10 * DAY)))
            for _ in range(draw(st.integers(0, 1)))
        ),
    }


@given(st.data(), ZONES, MOMENTS, SPANS)
@settings(max_examples=60, deadline=None)
def test_both_partners_are_asked_the_same_common_waves_whatever_their_own_care_is(
    data: st.DataObject, zone: ZoneInfo, began: datetime, span: timedelta
) -> None:
    plan, now = PLANS[zone.key], began + span
    couple = Anchors(person=A, began_at=began, couple=COUPLE, is_paused=data.draw(st.booleans()))
    common = {wave.stem for wave in plan.waves if wave.is_common}

    def waves_of(who: Anchors) -> set[tuple[object, ...]]:
        return {
            (each.instrument, each.wave, each.due_at, each.lapses_at, each.couple)
            for each in should_ask(plan, who, now)
            if (wave := wave_of(plan.waves, each.wave)) and wave.stem in common
        }

    a = replace(couple, **data.draw(ones_own(now)))  # type: ignore[arg-type]
    b = replace(couple, person=B, **data.draw(ones_own(now)))  # type: ignore[arg-type]
    treated_alike = replace(b, is_treated=a.is_treated)
    assert waves_of(a) == waves_of(b) == waves_of(treated_alike) == waves_of(couple)


@given(st.data(), ZONES, MOMENTS, SPANS, st.timedeltas(timedelta(), timedelta(days=40)))
@settings(max_examples=60, deadline=None)
def test_what_is_asked_stays_until_it_lapses_and_is_asked_once(
    data: st.DataObject, zone: ZoneInfo, began: datetime, span: timedelta, later: timedelta
) -> None:
    plan, now = PLANS[zone.key], began + span
    who = Anchors(A, began, COUPLE, **data.draw(ones_own(now)))  # type: ignore[arg-type]
    first, second = should_ask(plan, who, now), should_ask(plan, who, now + later)
    assert should_ask(plan, who, now) == first
    assert {each for each in first if each.lapses_at > now + later} <= set(second)
    for found in (first, second):
        assert max(Counter((each.instrument, each.wave) for each in found).values(), default=1) == 1
        assert all(len(each.wave) <= LONGEST_NAME for each in found)
    merged: dict[tuple[str, str], datetime] = {}
    for each in (*first, *second):  # a name never stands for two days
        assert merged.setdefault((each.instrument, each.wave), each.due_at) == each.due_at


@given(ZONES, MOMENTS, SPANS, st.timedeltas(timedelta(), timedelta(days=60)))
@settings(max_examples=60, deadline=None)
def test_a_new_couple_is_never_asked_under_the_old_ones_names(
    zone: ZoneInfo, began: datetime, together: timedelta, apart: timedelta
) -> None:
    """What was open until they parted, and what is open from when they begin again, have no name in common."""
    plan, parted = PLANS[zone.key], began + together
    old, new = Anchors(A, began, COUPLE), Anchors(A, parted + apart, OTHER_COUPLE)
    before = {
        each.wave
        for n in range(8)
        for each in should_ask(plan, old, parted - n * DAY)
        if parted - n * DAY >= began
    }
    after = {each.wave for n in range(0, 120, 2) for each in should_ask(plan, new, new.began_at + n * DAY)}
    assert not before & after


# -------------------------------------------------------------------------------------------------- reminding


def test_at_most_two_reminders_for_what_was_due_on_a_day_and_days_between_them() -> None:
    rule = RULES.reminding
    assert rule is not None
    monday = date(2026, 11, 16)
    sent: list[date] = []
    for n in range(7):
        if may_remind([monday], sent, monday + n * DAY, rule):
            sent.append(monday + n * DAY)
    assert sent == [monday, monday + 2 * DAY]
    assert may_remind([monday, monday + 3 * DAY], sent, monday + 3 * DAY, rule)
    assert not may_remind([monday + 3 * DAY], sent, monday + 2 * DAY, rule)


@given(st.sets(st.integers(0, 20), max_size=6), st.integers(0, 20), st.sets(st.integers(0, 30), max_size=3))
def test_never_twice_a_day_and_never_for_nothing(due: set[int], today: int, sent: set[int]) -> None:
    rule = RULES.reminding
    assert rule is not None
    start = date(2026, 1, 1)
    days = [start + n * DAY for n in due]
    told = [start + n * DAY for n in sent if n <= today]
    allowed = may_remind(days, told, start + today * DAY, rule)
    assert not (allowed and (today in sent or all(n > today for n in due)))
