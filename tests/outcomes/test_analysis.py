"""What a clinic asks is answered of those alone who gave it to research, and no two answers give anybody away."""

import json
import os
import random
import subprocess
import sys
from itertools import combinations, pairwise
from types import SimpleNamespace

import pytest
from django.db import ProgrammingError, connection, transaction

from bothwell import models as tables
from bothwell.jobs import outcomes
from bothwell.outcomes import actions, run_actions
from bothwell.outcomes.asking import Question, Way
from bothwell.outcomes.choosing import split
from bothwell.outcomes.models import Analysis, AnalysisRun
from bothwell.outcomes.sentences import CAUTION
from bothwell.privacy import door
from bothwell.refusal import Refused
from tests.conftest import loading
from tests.outcomes.many_couples import (
    CHANGE,
    CSI,
    FIRST,
    MOMENTS,
    PHQ,
    RELIABLE,
    Many,
    add,
    again,
    answer,
    asked,
    entered,
    many,
    uses,
    withdraw,
)

pytestmark = pytest.mark.django_db


def apart(made: Many) -> bool:
    """Whether any two sets of answers that were ever used, of one score and week, differ by none or by five couples."""
    with loading():
        kept = list(tables.AnalysisUse.objects.filter(clinic=made.clinic).values_list("used", flat=True))
    by_place: dict[str, list[dict[str, str]]] = {}
    for used in kept:
        for place, of in split(used).items():
            by_place.setdefault(place, []).append(of)
    return all(
        len({couple for couple in {*one, *other} if one.get(couple) != other.get(couple)}) not in (1, 2, 3, 4)
        for sets in by_place.values()
        for one, other in combinations(sets, 2)
    )


def test_one_partners_fall_in_depression_goes_with_the_others_rise_in_content() -> None:
    made = many(34)
    run = asked(made, CHANGE)
    assert run.state == "done", run.reason
    result = run.result
    assert result["n_couples"] == 30 and entered(run) == 34 and result["has_p"]
    # Content rose by (partner’s fall + half one’s own) a week; depression fell by half of that fall.
    assert -2.6 < result["paths"]["partner"]["estimate"] < -1.2
    assert result["paths"]["partner"]["p"] < 0.001
    assert result["sentences"][0].startswith(
        "In at least 30 couples, from the beginning to week 16: where one partner’s depression fell"
    )
    assert {each["week"] for each in result["courses"][CSI]} == {0, 4, 8, 12, 16}
    assert run.data_hash and run.code_version


def test_below_thirty_couples_no_p_is_reckoned_at_all() -> None:
    run = asked(many(12), CHANGE)
    assert not run.result["has_p"]
    assert all(line["p"] is None for line in run.result["table"])


def test_beside_each_other_at_each_time() -> None:
    run = asked(many(14), MOMENTS)
    assert run.state == "done", run.reason
    assert run.result["paths"]["partner"]["estimate"] < 0
    assert "usual for them" in run.result["sentences"][0]


def test_two_scores_that_only_both_get_better_over_the_weeks_are_not_linked() -> None:
    made, chance = many(20), random.Random(7)
    with loading():
        for _, a, b in made.couples:
            for who in (a, b):
                for week in (0, 4, 8, 12, 16):
                    answer(made, who, "gad-7", week, max(0, round(18 - 0.7 * week + chance.gauss(0, 1.5))))
                    answer(made, who, "pcl-5", week, max(0, round(70 - 3 * week + chance.gauss(0, 4))))
    run = asked(made, Question(Way.MOMENTS, "pcl-5.total", "gad-7.total", 0, 16))
    assert run.state == "done", run.reason
    for link in run.result["paths"].values():
        assert link["low"] <= 0 <= link["high"], link
    assert any(line["words"].endswith("with each week that goes by") for line in run.result["table"])
    assert any("course of the weeks" in sentence for sentence in run.result["sentences"])


def test_a_table_of_ones_own_is_told_to_hold_changes_where_changes_were_asked_about() -> None:
    made = many(12)
    result = asked(made, CHANGE).result
    assert 'table[["csi16_total_change"]]' in result["r"] and 'table[["phq9_total_change"]]' in result["r"]
    assert "_change is the score at week 16 less the score at the beginning" in result["r"]
    assert "_change" not in asked(made, MOMENTS).result["r"]


@pytest.mark.parametrize("question", [CHANGE, MOMENTS, FIRST])
def test_a_notebook_keeps_every_word_of_caution(question: Question) -> None:
    result = asked(many(12), question).result
    first = json.loads(result["notebook"])["cells"][0]["source"]
    told = "".join(first)
    assert all(sentence in told for sentence in (*result["sentences"], CAUTION))
    assert "held even" in told and "data.csv" in told


@pytest.mark.parametrize("question", [CHANGE, MOMENTS])
def test_a_notebook_counts_couples_as_the_page_does(question: Question) -> None:
    result = asked(many(12), question).result
    cells = ["".join(cell["source"]) for cell in json.loads(result["notebook"])["cells"]]
    assert sum('summary(found, df="couples")' in cell for cell in cells) == 2  # the table, and the figure
    assert "couples less effects" in result["r"] and result["r"] in cells[-1]


def test_no_name_and_no_key_of_anybody_stands_in_a_result() -> None:
    made = many(12)
    text = str(asked(made, CHANGE).result)
    for couple, a, b in made.couples:
        assert not any(str(key) in text or key.hex in text for key in (couple.id, a.id, b.id))
        assert a.name_used not in text


def test_of_four_couples_nothing_is_told() -> None:
    run = asked(many(4), CHANGE)
    assert (run.state, run.result) == ("unfit", None)
    assert "fewer than five" in run.reason


def test_what_was_never_said_keeps_nobody_out_of_what_is_asked_next() -> None:
    made = many(12)
    with loading():
        for _, a, b in made.couples[:4]:
            for who in (a, b):
                for week in (0, 16):
                    answer(made, who, "gad-7", week, 9)
    assert asked(made, Question(Way.CHANGE, CSI, "gad-7.total", 0, 16)).state == "unfit"
    add(made, 1)
    run = asked(made, CHANGE)
    assert entered(run) == 13 and not run.result["left"]


def test_a_couple_enters_only_while_both_gave_it() -> None:
    made = many(12)
    withdraw(made, 3)
    run = asked(made, CHANGE)
    assert entered(run) == 11
    assert str(made.couples[3][0].id) not in {couple for used in uses(run).values() for couple in used}


def test_a_consent_to_one_kind_of_score_opens_that_kind_alone() -> None:
    made = many(12, code="individual_scores")
    assert asked(made, CHANGE).state == "unfit"  # content with the relationship was not given
    counts = asked(made, RELIABLE).result["counts"]
    assert [one["key"] for one in counts] == [PHQ]


def test_any_other_text_opens_nothing() -> None:
    assert asked(many(12, code="newsletter"), RELIABLE).result["counts"] == []


def test_a_couple_in_which_somebody_works_here_stays_out() -> None:
    made = many(12)
    with loading():
        tables.CloseTo.objects.create(
            clinic=made.clinic,
            subject=made.couples[0][1],
            author=made.lead,
            staff=made.researcher,
            how="friend",
        )
        tables.Person.objects.filter(id=made.couples[1][2].id).update(kind="staff")
    run = asked(made, CHANGE)
    assert entered(run) == 10


def test_who_takes_it_back_leaves_at_the_next_run_and_the_kept_one_says_so() -> None:
    made = many(24)
    first = asked(made, CHANGE)
    with door.opened(made.researcher.id):
        assert not actions.was_taken_back([first.id])
    withdraw(made, 7)
    with door.opened(made.researcher.id):
        assert actions.was_taken_back([first.id]) == {first.id}
    second = again(made, first)
    assert entered(second) == 19  # the one, and four left aside
    assert "aside" in second.result["left"]
    assert str(made.couples[7][0].id) not in {couple for used in uses(second).values() for couple in used}
    with door.opened(made.lead.id):
        assert not actions.was_taken_back([second.id])
        assert AnalysisRun.objects.get(id=first.id).result == first.result
    assert apart(made)


def test_fewer_than_five_new_couples_wait_and_five_come_together() -> None:
    made = many(12)
    first = asked(made, CHANGE)
    add(made, 2)
    second = again(made, first)
    assert entered(second) == 12 and not second.result["left"]  # that somebody answered is not told
    assert second.result == first.result
    assert second.data_hash == first.data_hash
    add(made, 3, seed=5)
    third = again(made, second)
    assert entered(third) == 17
    assert third.data_hash != first.data_hash
    assert apart(made)


def test_another_question_never_differs_by_a_few_couples_either() -> None:
    made = many(20)
    with loading():
        for _, a, b in made.couples[1:]:
            for who in (a, b):
                for week in (0, 16):
                    answer(made, who, "gad-7", week, 9 if week else 14 + who.id.int % 5)
    asked(made, CHANGE)
    asked(made, Question(Way.CHANGE, CSI, "gad-7.total", 0, 16))
    asked(made, FIRST)
    asked(made, MOMENTS)
    asked(made, RELIABLE)
    assert apart(made)


def test_who_leaves_leaves_every_step_and_the_steps_still_hold_one_another() -> None:
    made = many(24)
    add(made, 3, seed=4, weeks=(0, 4, 8))  # three who came no further
    first = asked(made, FIRST)
    assert [each["couples"] for each in first.result["steps"]] == [20, 20, 20] and entered(first) == 24
    withdraw(made, 7)
    second = again(made, first)
    left = {couple for used in uses(second).values() for couple in used}
    assert str(made.couples[7][0].id) not in left
    chosen = sorted((set(used) for used in uses(second).values()), key=len)
    assert all(len(each) >= 5 for each in chosen)
    assert all(one <= other for one, other in pairwise(chosen))
    assert apart(made)


def test_counts_of_reliable_change_hide_what_is_small() -> None:
    made = many(12)
    counts = {one["key"]: one for one in asked(made, RELIABLE).result["counts"]}
    assert set(counts) == {PHQ, CSI}
    for one in counts.values():
        assert set(one) == {"key", "n_couples", "couples"}  # five people can be three couples
        assert all(count is None or count >= 5 for count in one["couples"].values())
        assert list(one["couples"].values()).count(None) != 1


def test_a_job_that_comes_twice_changes_nothing() -> None:
    made = many(12)
    run = asked(made, CHANGE)
    before = uses(run)
    outcomes.reckon(SimpleNamespace(job=None), run=str(run.id))  # type: ignore[arg-type]
    assert uses(run) == before
    with door.opened(made.lead.id):
        assert AnalysisRun.objects.get(id=run.id).result == run.result


def test_a_job_cut_short_goes_on_with_what_it_had_chosen() -> None:
    made = many(12)
    with door.opened(made.lead.id):
        run = actions.ask(by=made.lead, question=CHANGE, request_id=tables.Couple().id).runs.get()
    first = run_actions.begin(run.id)
    add(made, 6)
    second = run_actions.begin(run.id)
    assert first and second
    assert first.gathered == second.gathered and first.data_hash == second.data_hash


def test_nothing_is_kept_where_somebody_took_it_back_while_it_was_reckoned() -> None:
    made = many(7)
    with door.opened(made.lead.id):
        run = actions.ask(by=made.lead, question=CHANGE, request_id=tables.Couple().id).runs.get()
    begun = run_actions.begin(run.id)
    assert begun and begun.gathered.parts
    withdraw(made, 2)
    run_actions.keep(begun, {"n_couples": 5}, "1")
    with door.opened(made.lead.id):
        kept = AnalysisRun.objects.get(id=run.id)
    assert (kept.state, kept.result, kept.reason) == ("unfit", None, run_actions.CHANGED)


def test_the_same_form_sent_twice_is_one_question() -> None:
    made, key = many(1), tables.Couple().id
    with door.opened(made.lead.id):
        one = actions.ask(by=made.lead, question=CHANGE, request_id=key)
        other = actions.ask(by=made.lead, question=CHANGE, request_id=key)
        assert one == other and AnalysisRun.objects.filter(analysis=one).count() == 1
        assert actions.ask_again(by=made.lead, analysis=one).number == 1


@pytest.mark.parametrize("question", [Question(Way.CHANGE, CSI, CSI, 0, 16), Question(Way.CHANGE, CSI, PHQ, 16, 4),
                                      Question(Way.MOMENTS, CSI, PHQ, 0, 4), Question(Way.CHANGE, "asq.total", PHQ, 0, 4)])  # fmt: skip
def test_what_is_no_question_is_refused_in_words(question: Question) -> None:
    made = many(0)
    with door.opened(made.lead.id), pytest.raises(Refused, match=r"\.$"):
        actions.ask(by=made.lead, question=question, request_id=tables.Couple().id)


def test_whose_role_ended_gets_no_answer_any_more() -> None:
    made = many(12)
    with door.opened(made.researcher.id):
        run = actions.ask(by=made.researcher, question=CHANGE, request_id=tables.Couple().id).runs.get()
    with loading():
        tables.StaffRole.objects.filter(person=made.researcher).update(until=made.began)
    assert run_actions.begin(run.id) is None


def test_the_role_of_research_sees_scores_and_nothing_else() -> None:
    made = many(6)
    with loading():
        answer(made, made.couples[0][1], "asq", 4, 1)
    with door.opened(made.lead.id):
        run = actions.ask(by=made.lead, question=CHANGE, request_id=tables.Couple().id).runs.get()
    with run_actions.for_research(run.id):
        assert set(tables.Response.objects.values_list("instrument", flat=True)) == {"phq-9", "csi-16"}
        for query in (
            "select answers from bothwell_response",
            "select flags from bothwell_response",
            "select name_used from bothwell_person",
            "select full_name from bothwell_contact",
            "select signed_name from bothwell_consent",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                connection.cursor().execute(query)
    with run_actions.for_research(tables.Couple().id):  # a run that never was
        assert not tables.Response.objects.values_list("id").exists()


def test_a_run_that_is_over_opens_nothing() -> None:
    made = many(6)
    run = asked(made, CHANGE)
    with run_actions.for_research(run.id):
        assert not tables.Response.objects.values_list("id").exists()


def test_nobody_writes_a_result_by_hand() -> None:
    made = many(6)
    with door.opened(made.lead.id):
        row = actions.ask(by=made.lead, question=CHANGE, request_id=tables.Couple().id)
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            AnalysisRun.objects.create(
                clinic=made.clinic,
                analysis=row,
                number=2,
                author=made.lead,
                state="done",
                result={},
                done_at=made.began,
            )
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            AnalysisRun.objects.filter(analysis=row).update(state="done")
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            list(tables.AnalysisUse.objects.all())


def test_another_clinic_finds_nothing() -> None:
    made, other = many(6), many(6, seed=9)
    run = asked(made, CHANGE)
    assert run.state in ("done", "unfit")
    with door.opened(other.lead.id):
        assert not Analysis.objects.exists()
        assert not actions.was_taken_back([run.id])


def test_a_page_never_loads_the_numerical_libraries() -> None:
    words = "import django; django.setup(); import bothwell.urls, sys; print({'numpy', 'scipy', 'narwhals'} & set(sys.modules))"
    told = {**os.environ, "DJANGO_SETTINGS_MODULE": "bothwell.settings"}
    code = "import bothwell.settings; " + words
    found = subprocess.run(
        [sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True, timeout=120
    )
    assert found.stdout.strip() == "set()"
