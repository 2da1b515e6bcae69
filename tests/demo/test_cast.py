"""The cast hangs together: everybody named is there, and nobody's plan asks for what the clinic refuses."""

from itertools import combinations

import pytest

from bothwell.demo import cast
from bothwell.demo.people import LEAST_DAYS_BEFORE_A_DOSE, House, Pair, Partner, Plan
from bothwell.pathway.steps import Phase, State

PAIRS = [pytest.param(house, pair, id=pair.key) for house in cast.HOUSES for pair in house.pairs]
PLANS = [
    pytest.param(house, pair, plan, id=f"{pair.key}-{side}")
    for house in cast.HOUSES
    for pair in house.pairs
    for side, _, plan, _ in pair.sides
    if plan
]


def partners(house: House) -> list[Partner]:
    return [partner for pair in house.pairs for _, partner, _, _ in pair.sides if partner]


def test_the_first_clinic_has_24_couples_and_the_second_3() -> None:
    assert [len(house.pairs) for house in cast.HOUSES] == [24, 3]
    assert all("invented" in house.name for house in cast.HOUSES)


def test_no_login_stands_for_two_people() -> None:
    emails = [one.email for house in cast.HOUSES for one in (*house.staff, *partners(house))]
    assert len(emails) == len(set(emails))
    assert all(email.isascii() and email.endswith(".invalid") for email in emails)


def test_nobody_in_a_clinic_shares_a_name() -> None:
    for house in cast.HOUSES:
        names = [one.name_used for one in partners(house)] + [one.name for one in house.staff]
        assert len(names) == len(set(names))


@pytest.mark.parametrize(("house", "pair", "plan"), PLANS)
def test_a_plan_names_staff_of_its_own_clinic_in_their_roles(house: House, pair: Pair, plan: Plan) -> None:
    assert "prescriber" in house.member(plan.prescriber).roles
    assert "nurse" in house.member(plan.nurse).roles
    assert "individual_therapist" in house.member(plan.therapist).roles
    assert "couples_therapist" in house.member(pair.therapist).roles
    assert pair.staff_b not in (plan.nurse, plan.prescriber, plan.therapist)


@pytest.mark.parametrize(("house", "pair", "plan"), PLANS)
def test_sessions_are_in_order_and_not_before_care_allows(house: House, pair: Pair, plan: Plan) -> None:
    assert list(plan.doses) == sorted(plan.doses, reverse=True)
    assert all(one - other >= 3 for one, other in combinations(plan.doses, 2))
    assert all(day <= pair.weeks * 7 + 1 - LEAST_DAYS_BEFORE_A_DOSE for day in plan.doses)
    assert len(plan.doses) <= plan.planned


@pytest.mark.parametrize(("house", "pair"), PAIRS)
def test_a_couple_has_two_who_are_never_due_on_one_day(house: House, pair: Pair) -> None:
    assert (pair.b is None) == bool(pair.staff_b)
    days = [set(plan.doses) for plan in (pair.a_plan, pair.b_plan) if plan]
    assert len(days) < 2 or not days[0] & days[1]


def test_the_beds_are_of_people_who_may_be_here() -> None:
    for house in cast.HOUSES:
        pairs = {pair.key: pair for pair in house.pairs}
        assert len({bed.pair for bed in house.beds}) == len(house.beds)
        assert len({bed.room for bed in house.beds}) == len(house.beds)
        for bed in house.beds:
            plan = pairs[bed.pair].a_plan if bed.side == "a" else pairs[bed.pair].b_plan
            expected = Phase.PREPARATION if bed.minutes is None else Phase.DOSING_SERIES
            assert plan
            assert (plan.phase, plan.state) == (expected, State.ACTIVE)
            assert len(plan.doses) < plan.planned
            assert plan.nurse == "luis"


def test_every_kind_of_story_is_there() -> None:
    plans = [plan for pair in cast.ALDER.pairs for _, _, plan, _ in pair.sides if plan]
    assert {plan.phase for plan in plans} == set(Phase)
    assert {plan.state for plan in plans} == set(State)
    assert {pair.mode for pair in cast.ALDER.pairs} == {"no_secrets", "confidential"}
    assert {pair.modality for pair in cast.ALDER.pairs} == {"eft", "gottman", "other"}
    assert sum(pair.parted_weeks is not None for pair in cast.ALDER.pairs) == 1
    assert sum(bool(pair.staff_b) for pair in cast.ALDER.pairs) == 1
    assert sum(not (pair.a_plan and pair.b_plan) for pair in cast.ALDER.pairs) >= 10


def test_a_waiting_monitor_tells_of_no_dose() -> None:
    waiting = next(bed for bed in cast.ALDER.beds if bed.minutes is None)
    assert waiting.story_seconds + 12 * 3600 < 600
    running = next(bed for bed in cast.ALDER.beds if bed.minutes == 25)
    assert running.story_seconds == 600 + 25 * 60


def test_the_table_names_each_login_on_a_line() -> None:
    lines = cast.table("http://localhost:8000")
    for key in cast.SHOWN:
        assert sum(f"{key}@demo.invalid" in line for line in lines) == 1
    assert "http://localhost:8000" in lines[0]
