"""Results that stand beside each other never tell of fewer than five couples, however they are added and subtracted."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import combinations, pairwise, product
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.outcomes.apart import LEAST, are_apart
from bothwell.outcomes.asking import WAYS, WEEKS, Question, Way, problems, scores, words
from bothwell.outcomes.choosing import Why, choose, may_be_said, split
from bothwell.outcomes.funnel import STAGES, cut, funnel
from bothwell.outcomes.gathering import Answer, Pair, cells, data_hash, gather, keyed, placed
from bothwell.outcomes.occasions import asked_on, week_of
from bothwell.outcomes.reliable import COUPLES, counted, hidden
from bothwell.outcomes.rerun import Kept, difference
from bothwell.outcomes.sentences import NEITHER_CAUSE_NOR_ORDER, told
from bothwell.pathway.steps import Phase

COUPLES_DRAWN = st.lists(
    st.dictionaries(st.integers(0, 11), st.sampled_from("xy"), min_size=0, max_size=12),
    min_size=1,
    max_size=4,
)


def smallest(results: list[Mapping[int, str]]) -> int:
    """By trying small whole factors: the fewest couples any sum of these results is about."""
    uses = sorted({use for result in results for use in result.items()})
    fewest = 99
    for factors in product(range(-2, 3), repeat=len(results)):
        left = {c for c, v in uses if sum(f for f, r in zip(factors, results, strict=True) if r.get(c) == v)}
        fewest = min(fewest, len(left) or 99)
    return fewest


@settings(deadline=None)
@given(COUPLES_DRAWN)
def test_what_is_called_apart_survives_every_small_sum(results: list[Mapping[int, str]]) -> None:
    if are_apart(results):
        assert smallest(results) >= LEAST


@settings(deadline=None)
@given(COUPLES_DRAWN)
def test_one_or_two_results_are_apart_exactly_when_no_sum_tells(results: list[Mapping[int, str]]) -> None:
    pair = results[:2]
    assert are_apart(pair) == (smallest(pair) >= LEAST)


def test_three_results_that_are_apart_two_by_two_can_still_tell_together() -> None:
    every = dict.fromkeys(range(20), "x")
    some = dict.fromkeys(range(10), "x")
    rest_and_one = dict.fromkeys(range(9, 20), "x")
    for pair in combinations((every, some, rest_and_one), 2):
        assert are_apart(pair)
    assert not are_apart([every, some, rest_and_one])  # some + rest − every is couple 9


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.sets(st.integers(0, 24), min_size=0, max_size=25), min_size=1, max_size=7),
    st.sets(st.integers(0, 24), max_size=4),
)
def test_however_couples_come_and_go_what_is_chosen_is_apart_and_holds_nobody_who_left(
    waves: list[set[int]], gone: set[int]
) -> None:
    said: list[Mapping[str, str]] = []
    last: Mapping[str, str] = {}
    for step, wave in enumerate(waves):
        leaving = gone if step else set()
        wanted = {str(n): f"s@0:{n}" for n in wave - leaving}
        chosen = choose(
            wanted, last, {"s@0": said}, lambda t, out=leaving: int(t.rpartition(":")[2]) not in out, str
        )
        assert not {int(couple) for couple in chosen.used} & leaving
        assert (chosen.why is Why.FEW) == (not chosen.used)
        if chosen.used:
            assert may_be_said(chosen.used, {"s@0": said})
            last = chosen.used
            said.append(split(chosen.used)["s@0"])
        assert are_apart(said) or not said


@given(st.lists(st.integers(0, 40), min_size=3, max_size=4))
def test_no_count_that_is_said_gives_another_away(counts: list[int]) -> None:
    shown = hidden(counts)
    missing = [count for count, told_ in zip(counts, shown, strict=True) if told_ is None]
    assert all(each is None or each >= LEAST for each in shown)
    assert len(missing) != 1
    assert not missing or sum(missing) >= LEAST or len(missing) == len(counts)


@given(st.lists(st.integers(0, 60), min_size=5, max_size=5).map(lambda found: sorted(found, reverse=True)))
def test_no_two_steps_that_are_said_are_fewer_than_five_apart(counts: list[int]) -> None:
    said = [each for each in cut(counts) if each is not None]
    assert all(each >= LEAST for each in said)
    assert all(one == other or one - other >= LEAST for one, other in pairwise(said))


def test_the_funnel_counts_whoever_came_so_far_and_how_long_it_took() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    ways = (
        [{Phase.REFERRAL: start}] * 6
        + [{Phase.REFERRAL: start, Phase.JOINT_DECISION: start + timedelta(days=10)}] * 5
        + [{Phase.REFERRAL: start, Phase.DOSING_SERIES: start + timedelta(days=30), Phase.ENDED: start + timedelta(days=90)}] * 7
    )  # fmt: skip
    found = funnel(dict(enumerate(ways)))
    assert [stage.name for stage in found] == [name for name, _ in STAGES]
    assert [stage.people for stage in found] == [18, 12, 7, None, None]
    assert [stage.median_days for stage in found] == [None, 30.0, 0.0, None, None]


COUPLE = UUID("00000000-0000-0000-0000-0000aaaa1234")


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("every 4 weeks 2026-03-02", date(2026, 3, 2)),
        ("weekly 2026-W10", date(2026, 3, 2)),
        ("intake 2026-03-02 aaaa1234", date(2026, 3, 2)),
        ("month 3 2026-08-01", date(2026, 8, 1)),
        ("before dose 2026-03-02 9f3a12bc", None),  # one's own
        ("end 9f3a12bc", None),
        ("weekly 2026-W60", None),
        ("2026-03-02", None),
    ],
)
def test_only_what_both_are_asked_together_has_a_day(name: str, day: date | None) -> None:
    assert asked_on(name, COUPLE) == day


def test_a_time_is_the_nearest_of_every_four_weeks() -> None:
    began = date(2026, 1, 1)
    for days, week in ((0, 0), (6, 0), (13, 0), (14, 4), (31, 4), (42, 8), (183, 28), (371, 52)):
        assert week_of(began + timedelta(days=days), began)[0] == week  # type: ignore[index]
    assert week_of(began + timedelta(days=380), began) is None
    assert week_of(began - timedelta(days=20), began) is None


def _pairs(count: int) -> list[Pair]:
    return [
        Pair(UUID(int=n), (UUID(int=1000 + 2 * n), UUID(int=1001 + 2 * n)), date(2026, 1, 1))
        for n in range(count)
    ]


def _answers(pairs: list[Pair]) -> list[Answer]:
    found, number = [], 5000
    for pair in pairs:
        for who in pair.people:
            for score in ("phq-9.total", "csi-16.total"):
                for on in (date(2026, 1, 2), date(2026, 4, 23)):
                    number += 1
                    wave = f"every 4 weeks {on}"
                    found.append(Answer(UUID(int=number), who, score, wave, on, Decimal(number % 20)))
    return found


def test_the_hash_of_the_data_is_the_same_in_any_order_and_other_for_any_other_answer() -> None:
    pairs = _pairs(6)
    answers = _answers(pairs)
    question = Question(Way.CHANGE, "csi-16.total", "phq-9.total", 0, 16)

    def hashed(of: list[Answer], secret: str = "s") -> str:
        there = placed(pairs, of, question.weeks)
        return data_hash(secret, gather(question, there, {}, {}, str), there)

    first = answers[0]
    other = Answer(first.id, first.person, first.score, first.wave, first.on, first.value + 1)
    assert hashed(answers) == hashed(answers[::-1])
    assert hashed(answers) != hashed([other, *answers[1:]])
    assert hashed(answers) != hashed(answers, "another secret")
    assert keyed("s", "a", "bc") != keyed("s", "ab", "c")


def test_of_two_answers_near_one_time_the_nearest_counts() -> None:
    (pair,) = _pairs(1)
    who = pair.people[0]
    near, far = (
        Answer(UUID(int=n), who, "phq-9.total", f"every 4 weeks {on}", on, Decimal(n))
        for n, on in ((1, date(2026, 1, 29)), (2, date(2026, 2, 5)))
    )
    laid = cells(placed([pair], [far, near], WEEKS).values())
    assert laid[pair.id, "phq-9.total", 4].one == near


def test_reliable_change_is_counted_couple_by_couple() -> None:
    score = scores()["phq-9.total"]
    better, same, worse = (Decimal(20), Decimal(5)), (Decimal(9), Decimal(9)), (Decimal(3), Decimal(18))
    pairs = dict(enumerate([(better, better)] * 6 + [(better, same)] * 5 + [(same, worse)] * 5))
    found = counted(score, pairs)
    assert found.couples == dict(zip(COUPLES, (6, None, None, 5), strict=True))


def _result(estimate: float, low: float, high: float) -> dict[str, object]:
    path = {"estimate": estimate, "low": low, "high": high}
    return {"n_couples": 12, "paths": {"actor": path, "partner": path}}


@given(
    st.sampled_from(list(WAYS)),
    st.sampled_from(sorted(scores())),
    st.sampled_from(sorted(scores())),
    st.floats(-5, 5),
    st.floats(0.1, 3),
)
def test_no_sentence_says_that_one_thing_makes_another_happen(
    way: Way, outcome: str, predictor: str, estimate: float, wide: float
) -> None:
    question = Question(way, outcome, predictor, 0, 16)
    if problems(question):
        return
    lines = [words(question), *told(question, _result(estimate, estimate - wide, estimate + wide))]
    text = " ".join(lines[:-1]).lower()
    for word in (
        "cause",
        "because",
        "lead",
        "effect",
        "improve",
        "thanks to",
        "due to",
        "result",
        "influence",
        "makes",
    ):
        assert word not in text, word
    assert lines[-1] == NEITHER_CAUSE_NOR_ORDER
    assert any("leave open" in line for line in lines) == (estimate - wide <= 0 <= estimate + wide)


def test_a_falling_depression_is_told_with_the_sign_turned() -> None:
    question = Question(Way.CHANGE, "csi-16.total", "phq-9.total", 0, 16)
    line = told(question, _result(-0.5, -0.9, -0.1))[0]
    assert (
        "depression fell by one point more, the other’s satisfaction with the relationship rose by 0.5 points"
        in line
    )
    assert "0.1 to 0.9" in line


def test_what_is_different_between_two_runs_is_said() -> None:
    one = Kept(1, {"n_couples": 12, "table": [{"words": "a", "estimate": 1.0}]}, "d", "c")
    other = Kept(2, {"n_couples": 17, "table": [{"words": "a", "estimate": 1.0}]}, "e", "c")
    found = difference(one, other)
    assert found.sentences == (
        "It rests on other answers than before.", "It was reckoned by the same code.", "One number is different.",
    )  # fmt: skip
    assert [(each.words, each.before, each.after) for each in found.moved] == [("couples, at least", 12, 17)]
    assert difference(one, one).moved == ()
