"""The story is the same on every machine, and every part of it is something the clinic's own rules allow."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import combinations, groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bothwell.demo import cast
from bothwell.demo.answers import answers_like, answers_to, lives, total_between
from bothwell.demo.sheaf import Sheaf
from bothwell.demo.story import later_today, tell
from bothwell.demo.weeks import ITEMS_OF_LIFE
from bothwell.dosing.order import check_dose
from bothwell.instruments.catalogue import all_instruments, load
from bothwell.instruments.instrument import Better
from bothwell.instruments.scoring import score
from bothwell.models import (
    Administration,
    AuditEntry,
    Binding,
    Couple,
    Course,
    Discharge,
    DosingSession,
    Grant,
    InsightVersion,
    Membership,
    Order,
    Person,
    Request,
    Response,
    SafetyFlag,
    Sample,
    Step,
)
from bothwell.monitoring.vitals import plausible
from bothwell.pathway import battery, steps
from bothwell.pathway import protocol as protocols
from bothwell.pathway.schema import Route
from bothwell.web import log_words

NOW = datetime(2026, 5, 14, 15, 20, tzinfo=UTC)
FAR = datetime.max.replace(tzinfo=UTC)
ZONE = ZoneInfo("America/New_York")
MOMENTS = [
    NOW,
    datetime(2026, 3, 9, 4, 1, tzinfo=UTC),  # just after midnight, the day after the clocks changed
    datetime(2026, 11, 22, 17, 0, tzinfo=UTC),  # a Sunday
    datetime(2027, 1, 1, 4, 58, tzinfo=UTC),  # just before midnight
]


def test_no_line_of_its_log_is_read_as_a_code() -> None:
    lines = told().of(AuditEntry)
    assert {"step: advance"} <= {line.action for line in lines}
    for line in lines:
        for words in (log_words.done(line.action), log_words.why(line.item_kind, line.why)):
            assert not re.search(r"_|^(step|dose): |^proceed$", words), words


@cache
def told(now: datetime = NOW, seed: int = 7) -> Sheaf:
    return tell(cast.ALDER, now, ZONE, seed=seed)


def rows(sheaf: Sheaf) -> list[tuple[Any, ...]]:
    return [
        (
            type(row).__name__,
            *(getattr(row, column.attname) for column in row._meta.concrete_fields if not column.generated),
        )
        for row in sheaf
    ]


def test_the_same_seed_and_moment_tell_the_same_story() -> None:
    assert rows(tell(cast.ALDER, NOW, ZONE)) == rows(told())


def test_another_seed_tells_another_story_of_the_same_people() -> None:
    other = told(seed=8)
    assert rows(other) != rows(told())
    names = [sorted(one.name_used for one in sheaf.of(Person)) for sheaf in (told(), other)]
    assert names[0] == names[1]


def test_no_key_stands_for_two_rows() -> None:
    keys = [row.pk for row in told()]
    assert len(keys) == len(set(keys))


def test_readings_are_keyed_by_their_time_as_real_ones_are() -> None:
    for sample in told().of(Sample):
        assert sample.id.version == 7
        assert sample.id.int >> 80 == int(sample.recorded_at.timestamp() * 1000)


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_two_partners_are_never_here_at_once(now: datetime) -> None:
    _never_overlap(told(now).of(DosingSession), "couple_id")


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_nobody_is_in_a_room_that_is_taken(now: datetime) -> None:
    _never_overlap(told(now).of(DosingSession), "room_id")


def _never_overlap(sessions: Iterable[DosingSession], by: str) -> None:
    def of(session: DosingSession) -> str:
        return str(getattr(session, by))

    here = sorted((one for one in sessions if one.arrived_at), key=of)
    for _, listed in groupby(here, key=of):
        for one, other in combinations(sorted(listed, key=lambda session: session.arrived_at or NOW), 2):
            assert (one.ended_at or FAR) <= (other.arrived_at or NOW)


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_nobody_has_two_sessions_within_two_days(now: datetime) -> None:
    given = sorted(
        (str(one.subject_id), one.started_at) for one in told(now).of(DosingSession) if one.started_at
    )
    for (who, before), (other, after) in pairwise(given):
        assert who != other or after - before >= timedelta(hours=47)


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_nothing_recorded_lies_ahead_of_now(now: datetime) -> None:
    for row in told(now):
        for name in (
            "recorded_at",
            "observed_at",
            "sent_at",
            "started_at",
            "arrived_at",
            "revoked_at",
            "made_at",
        ):
            at = getattr(row, name, None)
            assert at is None or at <= now, (type(row).__name__, name)
    assert [entry.action for entry in told(now).of(AuditEntry) if entry.at > now + timedelta(seconds=1)] == []


def test_every_couple_has_two_members() -> None:
    members = [str(one.couple_id) for one in told().of(Membership)]
    assert sorted(members) == sorted([str(couple.id) for couple in told().of(Couple)] * 2)


def test_scores_are_what_the_real_scoring_says() -> None:
    sent = [one for one in told().of(Response) if one.status == "sent"]
    assert len(sent) > 500
    for one in sent:
        found = score(load(one.instrument), one.answers)
        assert (one.total, one.band, one.flags) == (
            found.total,
            found.band.name if found.band else "",
            list(found.flags),
        )
        assert one.instrument_version == load(one.instrument).version
        assert one.kind == load(one.instrument).kind.value


def test_a_flag_is_raised_exactly_where_the_answers_raise_one() -> None:
    flagged = {one.response_id for one in told().of(SafetyFlag)}
    assert flagged == {one.id for one in told().of(Response) if one.flags}
    assert len(flagged) == 2


def test_amara_and_ben_are_told_as_they_were_meant() -> None:
    people = {one.id: one.name_used for one in told().of(Person)}
    first_and_last = {}
    for name, instrument in (("Amara", "phq-9"), ("Ben", "gad-7")):
        listed = [
            one.total
            for one in sorted(told().of(Response), key=lambda one: one.sent_at or NOW)
            if people[one.subject_id] == name and one.instrument == instrument and one.total is not None
        ]
        first_and_last[name] = (listed[0], listed[-1])
    assert first_and_last["Amara"][0] - first_and_last["Amara"][1] >= 6
    assert first_and_last["Ben"][0] - first_and_last["Ben"][1] >= 4


def test_every_course_stands_where_the_table_of_steps_leads() -> None:
    by_course = {course.id: course for course in told().of(Course)}
    for course_id, listed in groupby(told().of(Step), key=lambda step: step.course_id):
        taken = list(listed)
        assert [step.number for step in taken] == list(range(1, len(taken) + 1))
        assert all(one.recorded_at <= other.recorded_at for one, other in pairwise(taken))
        for one, other in pairwise(taken):
            assert one.to_phase == other.from_phase
            assert any(
                row.phase == other.from_phase and row.event == other.event and row.to == other.to_phase
                for row in steps.TABLE
            )
        course = by_course[course_id]
        assert (course.phase, course.state, course.steps_taken) == (
            taken[-1].to_phase, taken[-1].to_state, len(taken),
        )  # fmt: skip


@pytest.mark.parametrize("house", cast.HOUSES, ids=lambda house: house.key)
def test_every_plan_ends_where_it_says(house: Any) -> None:
    sheaf = tell(house, NOW, ZONE)
    courses = {course.subject_id: course for course in sheaf.of(Course)}
    for pair in house.pairs:
        for _, partner, plan, _ in pair.sides:
            if partner and plan:
                course = courses[sheaf.key("Person", partner.key)]
                assert (course.phase, course.state) == (plan.phase, plan.state), partner.key


def test_every_order_lies_in_the_protocols_range() -> None:
    rules = protocols.load(protocols.shipped()[0])
    for order in told().of(Order):
        found = check_dose(
            rules, route=Route(order.route), dose_mg=order.dose_mg, weight_kg=order.weight_kg,
            infusion_minutes=Decimal(order.minutes) if order.minutes else None,
        )  # fmt: skip
        assert found.decision, found.decision.reason


def test_everybody_who_went_home_met_every_criterion() -> None:
    gone = [one for one in told().of(Discharge) if one.outcome == "discharged"]
    assert len(gone) > 50
    for one in gone:
        unmet = [criterion["reason"] for criterion in one.criteria if not criterion["met"]]
        assert unmet == []


def test_readings_are_such_as_could_be_taken_down() -> None:
    for sample in told().of(Sample):
        assert plausible(sample.code, sample.value)
        assert (sample.device_id is None) != (sample.author_id is None)


def test_one_monitor_is_on_one_patient_now() -> None:
    bound = [one.device_id for one in told().of(Binding) if one.until is None]
    assert len(bound) == len(set(bound)) == len(cast.ALDER.beds)


def test_a_dose_is_given_in_every_session_that_began_and_in_no_other() -> None:
    began = {one.id for one in told().of(DosingSession) if one.started_at}
    dosed = {one.session_id for one in told().of(Administration) if one.dose_mg}
    assert began == dosed


def test_what_is_given_is_a_version_of_its_own_without_the_notes_beside_it() -> None:
    versions = {one.id: one for one in told().of(InsightVersion)}
    given = [versions[one.item_id] for one in told().of(Grant) if one.item_kind == "insight"]
    assert given
    for one in given:
        assert (one.number, one.feeling, one.to_say, one.to_ask) == (2, "", "", "")


def test_some_of_it_was_taken_back_and_grants_of_the_parted_have_ended() -> None:
    parted = {one.id for one in told().of(Couple) if one.parted_at}
    grants = told().of(Grant)
    assert any(one.revoked_at and one.couple_id not in parted for one in grants)
    assert all(one.revoked_at for one in grants if one.couple_id in parted)


def test_bens_newest_words_are_his_alone() -> None:
    ben = next(one for one in told().of(Person) if one.name_used == "Ben")
    own = [one for one in told().of(InsightVersion) if one.subject_id == ben.id]
    newest = max(own, key=lambda one: one.recorded_at)
    assert newest.id not in {one.item_id for one in told().of(Grant)}


@pytest.mark.parametrize("instrument_id", ITEMS_OF_LIFE)
def test_answers_come_to_the_total_wanted(instrument_id: str) -> None:
    draw, instrument = Sheaf(1, "x").draw("any"), load(instrument_id)
    for total in range(int(instrument.measure.least), int(instrument.measure.most) + 1):
        assert score(instrument, answers_to(instrument, total, draw)).total == total


@pytest.mark.parametrize(
    "instrument", [each for each in all_instruments() if each.can_be_asked], ids=lambda each: each.id
)
def test_somebody_who_is_well_answers_on_the_better_side_of_the_middle(instrument: Any) -> None:
    for well in (0.0, 0.9):
        answers = answers_like(instrument, well, Sheaf(1, "x").draw("any"), {}, {})
        for each in score(instrument, answers).scales:
            if each.total is None or each.scale.better is Better.NEITHER:
                continue
            share = (each.total - each.scale.least) / (each.scale.most - each.scale.least)
            assert (share > Decimal("0.5")) is ((well > 0.5) is (each.scale.better is Better.HIGHER)), (
                each.scale.id
            )


def test_lives_keep_within_bounds_and_a_dose_lightens() -> None:
    with_doses, _ = lives(Sheaf(1, "x").draw("a"), 26, (True, True), ({5: 2, 6: 2, 7: 2}, {}), {})
    without, _ = lives(Sheaf(1, "x").draw("a"), 26, (True, True), ({}, {}), {})
    assert all(
        0 < value < 1 for life in (with_doses, without) for value in life.mood + life.worry + life.content
    )
    assert with_doses.mood[-1] < without.mood[-1]


def test_a_line_is_followed_between_its_points() -> None:
    line = ((20, 18), (10, 18), (0, 8))
    assert [total_between(line, ago) for ago in (30, 20, 15, 5, 0)] == [18, 18, 18, 13, 8]


@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_later_today_is_ahead_and_where_it_can_be_today(now: datetime) -> None:
    at = later_today(now, ZONE)
    assert timedelta(minutes=15) <= at - now <= timedelta(hours=2)
    local = now.astimezone(ZONE)
    if local.hour < 23:
        assert at.astimezone(ZONE).date() == local.date()


def test_nobody_is_asked_the_same_twice_for_one_week_and_each_wave_asks_what_the_protocol_has() -> None:
    waves = protocols.load(protocols.shipped()[0]).waves
    asked = [(row.subject_id, row.instrument, row.recorded_at) for row in told().of(Request)]
    assert len(asked) == len(set(asked))
    for row in told().of(Request):
        wave = battery.wave_of(waves, row.wave)
        assert wave and row.instrument in battery.asked(wave, is_treated=True), (row.wave, row.instrument)
