"""The same answers can be asked about a limited number of times; asking the same again costs nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bothwell.outcomes.asking import Question, Way
from bothwell.outcomes.choosing import split
from bothwell.outcomes.models import AnalysisRun
from bothwell.outcomes.often import STANDING, Row, bears, tellings, too_often
from bothwell.outcomes.putting import TOO_OFTEN
from bothwell.outcomes.run_actions import End
from tests.cast import client_for
from tests.outcomes.many_couples import CSI, FIRST, MOMENTS, PHQ, RELIABLE, add, again, asked, entered, many

PLACES = ("a@0", "a@4", "b@0", "b@4")


def uses(*places: str, couples: int = 10) -> dict[str, str]:
    return {str(n): " ".join(f"{place}:{n}{place}" for place in places) for n in range(couples)}


def counted(rows: list[Row]) -> dict[str, int]:
    return {place: sum(marks.values()) for place, marks in tellings(rows).items()}


def test_a_clinic_of_few_may_ask_each_of_the_page_s_own_questions_and_more_with_more_couples() -> None:
    assert [bears(n) for n in (5, 8, 12, 20, 41)] == [STANDING, STANDING, STANDING, 10, 20]


def test_the_same_told_again_of_the_same_answers_counts_once_whoever_asked() -> None:
    mean, model = uses("a@0"), uses("a@0", "b@0")
    rows = [(1, "a at 0", mean), (1, "a by b at 0", model), (2, "a at 0", mean), (3, "a by b at 0", model)]
    assert counted(rows) == {"a@0": 2, "b@0": 1}
    assert counted([*rows, (4, "a at 0", uses("a@0", couples=15))])["a@0"] == 3


def test_a_model_of_several_times_is_one_telling_of_each_and_both_directions_are_two() -> None:
    at = [(1, f"a by b at {week} since 0", uses(f"a@{week}", f"b@{week}")) for week in (0, 4)]
    assert counted(at) == dict.fromkeys(PLACES, 1)
    over = [
        (1, "a by b over 0, 4, 8 since 0", uses("a@0", "a@4")),
        (1, "a by b over 4, 8, 12 since 0", uses("a@4")),
    ]
    assert counted(over) == {"a@0": 2, "a@4": 2}


def test_of_a_model_that_is_one_too_many_nothing_is_told_and_of_the_rest_what_may_be() -> None:
    told = [(n, f"a by c{n} at 0", uses("a@0")) for n in range(STANDING)]
    now = [
        ("now", "a by b at 0", uses("a@0", "b@0")),
        ("now", "a at 0", uses("a@0")),
        ("now", "b at 0", uses("b@0")),
    ]
    assert too_often(now, tellings(told)) == {"a by b at 0", "a at 0"}
    assert too_often([("now", *told[2][1:])], tellings(told)) == set()
    assert too_often(now[:1], tellings(told[:-1])) == set()


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["by", "at", "over"]),
            st.sets(st.sampled_from(PLACES), min_size=1),
            st.integers(5, 24),
        ),
        max_size=40,
    )
)
def test_whatever_is_asked_no_score_at_no_time_is_told_of_more_often_than_its_couples_bear(
    questions: list[tuple[str, set[str], int]],
) -> None:
    told: list[Row] = []
    for number, (way, places, couples) in enumerate(questions):
        part = {"by": f"a by b {number}", "at": f"a at {sorted(places)}", "over": f"a by b over {number}"}[
            way
        ]
        rows: list[Row] = [(number, part, uses(*places, couples=couples))]
        if not too_often(rows, tellings(told)):
            told += rows
    most = max((len(split(used)[place]) for _, _, used in told for place in split(used)), default=0)
    assert all(count <= bears(most) for count in counted(told).values())


# ── in a clinic ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_after_so_many_results_of_the_same_answers_no_other_is_told_but_what_was_told_can_be_asked_again() -> (
    None
):
    made = many(8)
    told = [
        asked(made, Question(Way.CHANGE, *pair, 0, last))
        for last in (4, 8, 12)
        for pair in ((CSI, PHQ), (PHQ, CSI))
    ]
    assert [run.state for run in told] == ["done"] * STANDING
    refused = asked(made, Question(Way.CHANGE, CSI, PHQ, 0, 16))
    assert (refused.state, refused.ended, refused.reason) == ("unfit", End.FEW, TOO_OFTEN)
    assert len(TOO_OFTEN) <= AnalysisRun._meta.get_field("reason").max_length
    same = again(made, told[0])
    assert same.result == told[0].result and same.data_hash == told[0].data_hash
    assert asked(made, Question(Way.CHANGE, CSI, PHQ, 4, 16)).state == "done"  # other answers
    page = client_for(made.lead).get(f"/outcomes/{refused.analysis_id}").content.decode()
    assert "asked about as often as they can be" in page
    add(made, 6)
    assert entered(again(made, refused)) == 14


@pytest.mark.django_db
def test_what_the_page_offers_can_be_asked_by_the_smallest_clinic() -> None:
    made = many(10)
    for question in (FIRST, MOMENTS, Question(Way.CHANGE, CSI, PHQ, 0, 16), RELIABLE):
        run = asked(made, question)
        assert run.state == "done" and "often" not in run.result["left"], run.reason
    assert asked(made, Question(Way.CHANGE, PHQ, CSI, 0, 16)).reason == TOO_OFTEN
    part = asked(made, Question(Way.RELIABLE, first_week=0, last_week=12))
    assert part.result["left"] == ["few", "often"]  # few: nobody answered the other scores
    assert not part.result["counts"]
    assert [each["week"] for each in part.result["courses"][PHQ]] == [
        0,
        4,
        8,
        12,
    ]  # the means were told before
