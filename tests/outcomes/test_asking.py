"""What may be asked, how it is put in words, and where each score of a clinic stands among the gains."""

from dataclasses import replace

import pytest

from bothwell.instruments.gains import five_gains
from bothwell.outcomes.asking import WAYS, Question, Way, countable, problems, scores, words
from bothwell.web.outcomes_gains import BESIDE, NOT_FOLLOWED, groups

PHQ, CSI = "phq-9.total", "csi-16.total"


@pytest.mark.parametrize(
    ("way", "last", "refused"),
    [
        (Way.CHANGE, 4, ""),
        (Way.MOMENTS, 4, "three times"),
        (Way.MOMENTS, 8, ""),
        (Way.FIRST, 8, "four times"),
        (Way.FIRST, 12, ""),
    ],
)
def test_as_many_times_as_the_question_needs(way: Way, last: int, refused: str) -> None:
    found = problems(Question(way, CSI, PHQ, 0, last))
    assert [refused in sentence for sentence in found] == ([True] if refused else [])


def test_every_step_is_three_times_in_a_row() -> None:
    assert Question(Way.FIRST, CSI, PHQ, 4, 16).steps == ((4, 8, 12), (8, 12, 16))


def test_each_way_has_words_of_its_own_and_is_kept_as_it_was() -> None:
    asked = [Question(way, CSI, PHQ, 0, 16) for way in WAYS]
    assert len({words(each) for each in asked}) == len(WAYS) == 3
    assert [Question.of(each.as_plain()) for each in asked] == asked
    assert "or the other way round" in words(asked[-1])


def test_a_question_of_an_earlier_form_is_still_read() -> None:
    kept = {"way": "reliable", "outcome": "", "predictor": "", "first_week": 0, "last_week": 8}
    assert (
        words(Question.of(kept)) == "How do the five gains and the symptoms go, from the beginning to week 8?"
    )


def point(week: int) -> dict[str, float]:
    return {"week": week, "couples": 9, "mean": 4.0, "low": 3.0, "high": 5.0}


def counted(key: str) -> dict[str, object]:
    couples = dict.fromkeys(
        ("both improved", "one improved, nobody worse", "nobody changed reliably", "at least one worse")
    )
    return {"key": key, "n_couples": 5, "couples": couples | {"both improved": 9}}


def test_every_score_stands_in_one_place_and_the_gains_in_their_order() -> None:
    found = groups({"counts": [], "courses": {key: [point(0)] for key in scores()}})
    assert [group.title for group in found] == [*(gain.title for gain in five_gains()), BESIDE]
    placed = [row.key for group in found for row in group.rows]
    assert sorted(placed) == sorted(scores())


def test_a_gain_that_no_questionnaire_here_follows_says_so() -> None:
    found = {group.title: group for group in groups({"counts": [], "courses": {key: [] for key in scores()}})}
    connection = found["Connection and intimacy"]
    assert not connection.rows
    assert connection.told_by.startswith(NOT_FOLLOWED) and "CSI-16" in connection.told_by
    assert found["Communication"].told_by == "Told by constructive communication (CPQ-SF)."
    assert " and " in found["Empathy and understanding"].told_by


def test_a_row_has_its_counts_where_a_reliable_change_is_known_and_else_says_that_none_is() -> None:
    result = {"counts": [counted(PHQ)], "courses": {key: [point(0), point(8)] for key in scores()}}
    rows = {row.key: row for group in groups(result) for row in group.rows}
    told = rows[PHQ].counts
    assert told and told.counts[0] == ("both improved", 9) and told.is_said
    assert not replace(told, counts=told.counts[1:]).is_said
    assert {key for key, row in rows.items() if row.reliable} == set(countable()) < set(rows)
    assert rows[CSI].counts is None and rows[CSI].course is not None


def test_what_an_earlier_form_kept_still_shows_and_no_more() -> None:
    rows = [row for group in groups({"counts": [counted(PHQ)], "left": []}) for row in group.rows]
    assert [row.key for row in rows] == [PHQ]
    assert rows[0].counts and rows[0].course is None
