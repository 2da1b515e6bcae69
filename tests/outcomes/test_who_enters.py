"""Five couples are ten people, and what is told of several times of one couple holds all couples of the later times."""

import random
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from uuid import UUID

import pytest

from bothwell.outcomes.apart import LEAST
from bothwell.outcomes.asking import Question, Way
from bothwell.outcomes.choosing import Why
from bothwell.outcomes.gathering import Answer, Pair, gather, model, once, placed

PHQ, CSI = "phq-9.total", "csi-16.total"
BEGAN = date(2026, 1, 1)
MOMENTS = Question(Way.MOMENTS, CSI, PHQ, 0, 16)


def pair(number: int, one: int, other: int, began: date = BEGAN, parted: date | None = None) -> Pair:
    return Pair(UUID(int=number), (UUID(int=one), UUID(int=other)), began, parted)


def answers(pairs: list[Pair], gone: frozenset[tuple[int, int]] = frozenset()) -> list[Answer]:
    """Of every couple both scores at every time; `gone`: by couple and time, what the first partner left out."""
    found, number = [], 10_000
    for n, each in enumerate(pairs):
        for time, week in enumerate(MOMENTS.weeks):
            on = each.began + timedelta(weeks=week)
            for side, who in enumerate(each.people):
                for score in (PHQ, CSI):
                    number += 1
                    if side or (n, time) not in gone:
                        value = Decimal(number % 19)
                        found.append(Answer(UUID(int=number), who, score, f"every 4 weeks {on}", on, value))
    return found


def test_eight_people_in_five_couples_are_too_few() -> None:
    later = BEGAN + timedelta(weeks=30)
    pairs = [pair(n, 100 + 2 * n, 101 + 2 * n) for n in range(4)]
    again = [*pairs[1:], pair(0, 100, 101, parted=later - timedelta(days=1)), pair(9, 100, 101, later)]
    assert {each.id for each in once(again)} == {each.id for each in pairs}
    there = placed(again, answers(again), MOMENTS.weeks)
    assert len({place.couple for place in there.values()}) == 4
    gathered = gather(MOMENTS, there, {}, {}, str)
    assert {chosen.why for chosen in gathered.parts.values()} == {Why.FEW}


def test_who_is_in_a_second_couple_counts_in_the_first_and_their_new_partner_waits() -> None:
    later = BEGAN + timedelta(weeks=30)
    found = once([pair(2, 20, 11, later), pair(1, 10, 11), pair(3, 30, 31)])
    assert [each.id.int for each in found] == [1, 3]


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_missing_times_hold_one_another_and_differ_by_nobody_or_by_five(seed: int) -> None:
    chance = random.Random(seed)
    pairs = [pair(n, 1000 + 2 * n, 1001 + 2 * n) for n in range(24)]
    gone = frozenset((n, time) for n in range(24) for time in range(5) if chance.random() < 0.08)
    gathered = gather(MOMENTS, placed(pairs, answers(pairs, gone), MOMENTS.weeks), {}, {}, str)
    chosen = [set(gathered.parts[model(MOMENTS, week)].used) for week in MOMENTS.weeks]
    for one, other in combinations([each for each in chosen if each], 2):
        assert one >= other
        assert not one - other or len(one - other) >= LEAST
    assert any(chosen)


def test_a_time_that_cannot_hold_the_couples_of_a_later_one_is_not_told() -> None:
    """Ten couples without gaps in the middle, five more at one time alone: their sums would stand beside the ten's."""
    pairs = [pair(n, 1000 + 2 * n, 1001 + 2 * n) for n in range(15)]
    gone = frozenset((n, 1) for n in range(9, 10)) | {
        (n, time) for n in range(10, 15) for time in (0, 2, 3, 4)
    }
    gathered = gather(MOMENTS, placed(pairs, answers(pairs, gone), MOMENTS.weeks), {}, {}, str)
    chosen = [
        {UUID(couple).int for couple in gathered.parts[model(MOMENTS, week)].used} for week in MOMENTS.weeks
    ]
    assert chosen == [set(range(9))] * 5
