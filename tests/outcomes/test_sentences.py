"""Every sentence can be read aloud, whichever way it turned out, and says what the numbers say."""

from typing import Any

import pytest

from bothwell.outcomes.asking import Question, Way
from bothwell.outcomes.sentences import NOT_BECAUSE, either_way, told, told_ahead

PHQ, CSI, GAD = "phq-9.total", "csi-16.total", "gad-7.total"
CHANGE = Question(Way.CHANGE, CSI, PHQ, 0, 16)
MOMENTS = Question(Way.MOMENTS, CSI, PHQ, 0, 16)
FIRST = Question(Way.FIRST, CSI, PHQ, 0, 16)


def path(estimate: float, low: float, high: float) -> dict[str, float]:
    return {"estimate": estimate, "low": low, "high": high}


def said(question: Question, *numbers: float) -> str:
    """The partner's sentence after its colon."""
    found = path(*numbers)
    result = {"n_couples": 34, "paths": {"actor": found, "partner": found}}
    return told(question, result)[0].partition("16: ")[2]


# Numbers are points of content for each point more of depression: falling depression turns the sign.
@pytest.mark.parametrize(
    ("numbers", "end"),
    [
        ((-0.42, -0.9, -0.1), "rose by 0.42 points more on average (95 % interval: 0.1 to 0.9 more)."),
        ((0.42, 0.1, 0.9), "rose by 0.42 points less on average (95 % interval: 0.1 to 0.9 less)."),
        ((0.42, -0.26, 1.1), "rose by 0.42 points less on average (95 % interval: from 1.1 less to 0.26 more)."),
        ((-0.42, -1.1, 0.26), "rose by 0.42 points more on average (95 % interval: from 0.26 less to 1.1 more)."),
        ((0.0, -0.3, 0.3), "rose neither more nor less on average (95 % interval: from 0.3 less to 0.3 more)."),
        ((-0.0, -0.3, 0.3), "rose neither more nor less on average (95 % interval: from 0.3 less to 0.3 more)."),
    ],
)  # fmt: skip
def test_a_change_is_told_with_more_or_less_and_never_with_a_minus(
    numbers: tuple[float, ...], end: str
) -> None:
    assert said(CHANGE, *numbers) == (
        "where one partner’s depression fell by one point more, the other’s satisfaction with the relationship "
        + end
    )


def test_of_two_scores_that_fall_when_it_goes_well_more_of_one_goes_with_more_of_the_other() -> None:
    both_fall = Question(Way.CHANGE, GAD, PHQ, 0, 16)
    assert said(both_fall, 0.42, 0.1, 0.9) == (
        "where one partner’s depression fell by one point more, the other’s anxiety fell by 0.42 points more on average "
        "(95 % interval: 0.1 to 0.9 more)."
    )


@pytest.mark.parametrize(
    ("numbers", "end"),
    [
        ((-0.65, -1.07, -0.23), "was 0.65 points higher on average (95 % interval: 0.23 to 1.07 higher)."),
        ((-1.0, -1.6, -0.4), "was 1 point higher on average (95 % interval: 0.4 to 1.6 higher)."),
        ((0.65, 0.23, 1.07), "was 0.65 points lower on average (95 % interval: 0.23 to 1.07 lower)."),
        ((0.1, -0.2, 0.4), "was 0.1 points lower on average (95 % interval: from 0.4 lower to 0.2 higher)."),
        ((0.0, -0.2, 0.2), "was neither higher nor lower on average (95 % interval: from 0.2 lower to 0.2 higher)."),
    ],
)  # fmt: skip
def test_a_moment_is_told_with_higher_or_lower(numbers: tuple[float, ...], end: str) -> None:
    assert said(MOMENTS, *numbers) == (
        "at times when one partner’s depression was one point lower than usual for them, the other’s satisfaction with the "
        "relationship " + end
    )


@pytest.mark.parametrize(("question", "weeks"), [(CHANGE, False), (MOMENTS, True)])
def test_what_is_held_even_is_told(question: Question, weeks: bool) -> None:
    found = path(-0.4, -0.6, -0.2)
    line = told(question, {"n_couples": 34, "paths": {"actor": found, "partner": found}})[-2]
    assert line.startswith("Each of the two links is told with the other held even.")
    assert ("course of the weeks" in line) is weeks


def test_an_interval_that_ends_at_zero_has_one_side() -> None:
    assert either_way(0.0, 0.5, "more", "less") == "95 % interval: 0 to 0.5 more"
    assert either_way(-0.5, 0.0, "more", "less") == "95 % interval: 0 to 0.5 less"
    assert either_way(-0.0, 0.5, "more", "less") == "95 % interval: 0 to 0.5 more"


def both(forward: dict[str, float], backward: dict[str, float]) -> list[str]:
    ways: dict[str, Any] = {
        "forward": {"actor": forward, "partner": forward},
        "backward": {"actor": backward, "partner": backward},
    }
    return told_ahead(FIRST, {"n_couples": 20, "ahead": ways})


SURE, OPEN = path(-0.4, -0.6, -0.2), path(-0.1, -0.3, 0.1)


def test_what_comes_first_is_told_both_ways_round_between_partners_and_within_one() -> None:
    lines = both(SURE, OPEN)
    assert lines[0] == (
        "In at least 20 couples, from the beginning to week 16: where one partner’s depression fell by one point more in one step, "
        "the other’s satisfaction with the relationship rose by 0.4 points more in the next, on average "
        "(95 % interval: 0.2 to 0.6 more)."
    )
    assert lines[1].startswith(
        "The other way round: where one partner’s satisfaction with the relationship rose by one point more in one step, "
        "the other’s depression fell by 0.1 points more in the next"
    )
    assert "their own satisfaction with the relationship" in lines[2] and "their own depression" in lines[2]
    assert "the levels both scores began at, held even" in lines[-2]
    assert lines[-1] == NOT_BECAUSE and "Earlier is not because" in lines[-1]


def test_what_is_left_open_is_said_of_the_direction_that_is_open() -> None:
    assert not any("leave open" in line for line in both(SURE, SURE))
    assert any(
        "with satisfaction with the relationship first" in line
        and "whether the two directions differ" in line
        for line in both(SURE, OPEN)
    )
    assert any("with depression first" in line for line in both(OPEN, SURE))
    assert any("both intervals include no link" in line for line in both(OPEN, OPEN))
