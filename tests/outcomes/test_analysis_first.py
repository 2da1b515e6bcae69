"""Which comes first: the direction we chose is found, who is named first changes nothing, and no gap is read across."""

import random
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import combinations
from uuid import UUID

import numpy as np
import pytest

from bothwell.outcomes import ahead, analysing
from bothwell.outcomes.apart import LEAST
from bothwell.outcomes.arrays import Numbers
from bothwell.outcomes.asking import Question, Way
from bothwell.outcomes.choosing import split
from bothwell.outcomes.gathering import Answer, Gathered, Pair, Placed, gather, model, placed
from bothwell.outcomes.invented import Paths, following, tidy
from bothwell.outcomes.precedence import turned
from bothwell.outcomes.sentences import NOT_BECAUSE
from bothwell.outcomes.side_by_side import side_by_side
from bothwell.outcomes.spec import Method, Model, Spec
from bothwell.outcomes.unfit import Unfit

PHQ, CSI = "phq-9.total", "csi-16.total"
FIRST = Question(Way.FIRST, CSI, PHQ, 0, 20)
BEGAN = date(2026, 1, 1)
AHEAD = Paths(actor=(-0.4, -0.4), partner=(-0.3, -0.3))
STEPS = [model(FIRST, step) for step in FIRST.steps]


def invented(couples: int, seed: int = 3, weeks: int = 6, ahead: Paths = AHEAD) -> dict[str, Numbers]:
    """Depression is m, content is y: content changes a step after depression, own and the partner's."""
    found = following(couples, np.random.default_rng(seed), waves=weeks, ahead=ahead)
    return {PHQ: 12 + found["m"], CSI: 50 + found["y"]}


def laid(values: Mapping[str, Numbers], gone: frozenset[tuple[int, int]] = frozenset()) -> dict[UUID, Placed]:
    """The same as answers of the clinic's couples; `gone`: by couple and time, what the first partner left out."""
    couples = len(values[PHQ])
    pairs = [
        Pair(UUID(int=n), (UUID(int=1000 + 2 * n), UUID(int=1001 + 2 * n)), BEGAN) for n in range(couples)
    ]
    answers, number = [], 10_000
    for score, table in values.items():
        for (n, time, side), value in np.ndenumerate(table):
            number += 1
            on = BEGAN + timedelta(weeks=4 * time)
            wave, who = f"every 4 weeks {on}", pairs[n].people[side]
            if side or (n, time) not in gone:
                answers.append(
                    Answer(UUID(int=number), who, score, wave, on, Decimal(str(round(float(value), 6))))
                )
    return placed(pairs, answers, FIRST.weeks)


def asked(there: Mapping[UUID, Placed], seed: int = 1) -> analysing.Asked:
    return analysing.asked(FIRST, gather(FIRST, there, {}, {}, str), there, random.Random(seed))


def reckoned(there: Mapping[UUID, Placed], seed: int = 1) -> dict:
    return analysing.answer(asked(there, seed), lambda part: None)


def test_the_direction_we_chose_is_found_and_the_other_is_not() -> None:
    found = reckoned(laid(invented(150)))
    links = found["ahead"]
    assert found["n_couples"] == 150 and found["has_p"]
    for who, truth in (("actor", -0.4), ("partner", -0.3)):
        assert links["forward"][who]["low"] < truth < links["forward"][who]["high"] < 0
        assert links["forward"][who]["p"] < 0.001
        assert links["backward"][who]["low"] < 0 < links["backward"][who]["high"]


def test_without_gaps_it_is_the_library_s_own_fit_of_the_weeks_themselves() -> None:
    values = invented(40)
    found = reckoned(laid(values))
    plain = tidy({"m": values[PHQ].round(6), "y": values[CSI].round(6)})
    spec = Spec(
        Model.LAGGED_MEDIATION, "y", mediator="m", wave="wave", distinguished=False, method=Method.REML
    )
    both = side_by_side(spec, plain)
    for way, earlier in (("forward", "m"), ("backward", "y")):
        for who, whose in (("actor", "own"), ("partner", "partner's")):
            row, link = both.row(earlier, whose), found["ahead"][way][who]
            told = [link[name] for name in ("estimate", "low", "high")]
            # A tenth of its error by its own rounding, and what the interval's error and end are rounded by.
            np.testing.assert_allclose(told, [row.estimate, row.low, row.high], atol=0.3 * row.standard_error)
            assert abs(told[0] - row.estimate) <= 0.1001 * row.standard_error
            assert link["se"] == pytest.approx(row.standard_error, rel=0.05)
            assert link["standardised"] == pytest.approx(row.standardised, abs=0.05)


def test_who_of_the_two_is_named_first_and_which_number_a_couple_has_changes_nothing() -> None:
    there = laid(invented(24))
    one, other = reckoned(there, seed=1), reckoned(there, seed=2)
    assert asked(there, 1).turned != asked(there, 2).turned
    for way in ("forward", "backward"):
        for who in ("actor", "partner"):
            for name in ("estimate", "se", "low", "high", "standardised"):
                value = one["ahead"][way][who][name]
                assert other["ahead"][way][who][name] == pytest.approx(value, rel=1e-4, abs=1e-6)


def test_below_thirty_couples_there_is_no_p_and_the_last_word_is_that_earlier_is_not_because() -> None:
    found = reckoned(laid(invented(20)))
    assert not found["has_p"] and all(line["p"] is None for line in found["table"])
    assert found["sentences"][-1] == NOT_BECAUSE
    assert "depression fell by one point more in one step, the other’s satisfaction" in found["sentences"][0]
    assert "satisfaction with the relationship rose by one point more" in found["sentences"][1]


def test_a_couple_counts_until_its_first_gap_and_no_longer() -> None:
    gone = frozenset((n, 4) for n in range(6))
    put = asked(laid(invented(20), gone))
    assert [len(put.gathered.parts[part].used) for part in STEPS] == [20, 20, 14, 14]
    # Steps are those of times 0–2, 1–3, 2–4, 3–5; what was left out is the fifth time.
    table = ahead.steps(put)
    assert sum(np.isnan(value) for value in table["csi16_total"]) == 2 * (20 + 20 + 14 + 14)


def test_who_left_out_an_early_time_does_not_come_back_later() -> None:
    gone = frozenset((n, 1) for n in range(6))
    gathered = gather(FIRST, laid(invented(20), gone), {}, {}, str)
    assert [len(gathered.parts[part].used) for part in STEPS] == [14] * 4


def test_a_step_that_was_not_chosen_is_never_read_out_of_its_neighbours() -> None:
    there = laid(invented(20))
    full = gather(FIRST, there, {}, {}, str)
    without = Gathered({part: chosen for part, chosen in full.parts.items() if part != STEPS[1]})
    whole = side_by_side(
        ahead.asked_of(FIRST), ahead.steps(analysing.asked(FIRST, full, there, random.Random(1)))
    )
    fewer = side_by_side(
        ahead.asked_of(FIRST), ahead.steps(analysing.asked(FIRST, without, there, random.Random(1)))
    )
    assert (whole.forward.n_occasions, fewer.forward.n_occasions) == (4 * 20, 3 * 20)
    assert fewer.backward.n_occasions == 3 * 20
    assert turned(turned(ahead.asked_of(FIRST))) == ahead.asked_of(FIRST)


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_missing_steps_hold_one_another_and_differ_by_nobody_or_by_five(seed: int) -> None:
    chance = random.Random(seed)
    gone = frozenset((n, time) for n in range(24) for time in range(6) if chance.random() < 0.06)
    there = laid(invented(24, seed), gone)
    gathered = gather(FIRST, there, {}, {}, str)
    chosen = [set(gathered.parts[part].used) for part in STEPS]
    for one, other in combinations([each for each in chosen if each], 2):
        assert one >= other
        assert not one - other or len(one - other) >= LEAST
    assert all(not each or len(each) >= LEAST for each in chosen)
    assert any(chosen)


def test_fewer_than_five_who_leave_cost_nobody_else_anything() -> None:
    there = laid(invented(20), frozenset({(3, 5), (7, 4), (8, 3)}))
    gathered = gather(FIRST, there, {}, {}, str)
    stayed = {str(UUID(int=n)) for n in range(20)} - {str(UUID(int=n)) for n in (3, 7, 8)}
    assert [set(gathered.parts[part].used) for part in STEPS] == [stayed] * 4


def test_an_earlier_step_that_cannot_hold_all_of_a_later_one_is_not_told_at_all() -> None:
    there = laid(invented(20))
    used = gather(FIRST, there, {}, {}, str).parts[STEPS[0]].used
    said = {f"{PHQ}@0": [split(dict(list(used.items())[2:]))[f"{PHQ}@0"]]}  # once, of all but two
    chosen = [len(gather(FIRST, there, {}, said, str).parts[part].used) for part in STEPS]
    assert chosen == [0, 20, 20, 20]


def test_the_courses_are_drawn_from_the_steps_own_couples() -> None:
    gone = frozenset((n, 5) for n in range(6))
    points = reckoned(laid(invented(20), gone))["courses"][CSI]
    assert [each["couples"] for each in points] == [20] * 5 + [10]


def test_no_more_couples_than_effects_or_four_of_them_are_told_in_a_sentence() -> None:
    with pytest.raises(Unfit, match="as many effects as couples"):
        reckoned(laid(invented(7)))
    with pytest.raises(Unfit, match="fewer than five"):
        reckoned(laid(invented(4)))


def test_the_call_in_r_asks_both_ways_and_says_what_differs() -> None:
    script = reckoned(laid(invented(12)))["r"]
    assert script.count("library(nlme)") == 2
    assert "# Depression first, then satisfaction with the relationship" in script
    assert "# Satisfaction with the relationship first, then depression" in script
    assert script.count("robust over couples") == 1
