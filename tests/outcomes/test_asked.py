"""What is remembered of every question asked, who is remembered to have given what, and how long a question stands open."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bothwell import models as tables
from bothwell.jobs import outcomes
from bothwell.outcomes import actions, analysing, run_actions
from bothwell.outcomes.asking import Question, Way
from bothwell.outcomes.models import AnalysisRun
from bothwell.outcomes.putting import NO_ANSWER
from bothwell.privacy import door
from tests.cast import person
from tests.conftest import loading
from tests.outcomes.many_couples import (
    CHANGE,
    PHQ,
    RELIABLE,
    Many,
    add,
    again,
    answer,
    asked,
    entered,
    many,
    reckoned,
    uses,
    withdraw,
)

pytestmark = pytest.mark.django_db
End = AnalysisRun.End
GAD_BY_PHQ = Question(Way.CHANGE, "gad-7.total", PHQ, 0, 16)


def put(made: Many, question: Question = CHANGE) -> AnalysisRun:
    """Asked by the lead, and not yet reckoned."""
    with door.opened(made.lead.id):
        return actions.ask(by=made.lead, question=question, request_id=tables.Couple().id).runs.get()


def ended(run: AnalysisRun) -> tuple[str, str]:
    """How the run stands now, and why it ended."""
    with loading():
        row = AnalysisRun.objects.get(id=run.id)
    return row.state, row.ended


def set_apart(made: Many, who: Any, staff: Any) -> None:
    """The coordinator notes that a colleague is close to this person."""
    with loading():
        coordinator = person(made.clinic, "Cora", "staff", "coordinator")
    with door.opened(coordinator.id):
        tables.CloseTo.objects.create(
            clinic=made.clinic, subject=who, author=coordinator, staff=staff, how="friend"
        )


def was_taken_back(made: Many, run: AnalysisRun) -> bool:
    with door.opened(made.lead.id):
        return bool(actions.was_taken_back([run.id]))


# ── results stay apart ───────────────────────────────────────────────────────────────────────────


def test_a_new_secret_key_tells_no_single_couple(settings: Any) -> None:
    made = many(12)
    first = asked(made, CHANGE)
    add(made, 1)
    settings.SECRET_KEY = "another key of the same clinic"
    second = again(made, first)
    assert entered(second) == 12
    assert uses(second) == uses(first)
    assert second.data_hash != first.data_hash  # what is kept of them stays keyed


def filled(made: Many, couples: slice, changes: tuple[int, int]) -> None:
    """Scores at the beginning and at week 16; depression changes by what is said, of the first and the second."""
    with loading():
        for n, (couple, *pair) in list(enumerate(made.couples))[couples]:
            for side, who in enumerate(pair):
                start = 9 + n % 3 + side
                answer(made, who, "phq-9", 0, start)
                answer(made, who, "phq-9", 16, start + changes[side])
                for week in (0, 16):
                    answer(made, who, "csi-16", week, 40 + (7 * n + 3 * side + week) % 11, couple)


def test_that_it_cannot_be_answered_tells_something_and_is_held_against_what_is_asked_next() -> None:
    made = many(0)
    add(made, 6, weeks=())
    filled(made, slice(0, 5), (-4, -4))  # five couples, all of whom changed by the same
    first = asked(made, CHANGE)
    assert ended(first) == ("unfit", End.UNFIT)
    with loading():  # why not is told of nobody: neither which column, nor of how many answers
        assert AnalysisRun.objects.get(id=first.id).reason == NO_ANSWER
    filled(made, slice(5, 6), (3, -9))
    second = again(made, first)
    assert second.state == "unfit"
    assert uses(second) == uses(first)
    assert str(made.couples[5][0].id) not in {couple for used in uses(second).values() for couple in used}


def test_too_few_is_known_before_anything_is_read_and_keeps_nobody_out() -> None:
    made = many(12)
    with loading():
        for _, a, b in made.couples[:4]:
            for who in (a, b):
                for week in (0, 16):
                    answer(made, who, "gad-7", week, 9)
    few = asked(made, GAD_BY_PHQ)
    assert ended(few) == ("unfit", End.FEW) and few.reason == NO_ANSWER
    add(made, 1)
    assert entered(asked(made, CHANGE)) == 13


def test_a_run_that_broke_is_held_against_what_is_asked_next(monkeypatch: pytest.MonkeyPatch) -> None:
    made = many(12)
    run = put(made)
    with monkeypatch.context() as broken:
        broken.setattr(analysing, "answer", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            reckoned(run.id, made.lead)
    assert ended(run) == ("unfit", End.LOST)
    add(made, 1)
    assert entered(again(made, run)) == 12


def test_what_is_done_has_no_reason_to_have_ended() -> None:
    run = asked(many(6), RELIABLE)
    assert ended(run) == ("done", "")


# ── taking it back ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("closes", ["consent", "closeness"])
def test_what_may_no_longer_be_used_when_it_is_kept_is_not_kept(closes: str) -> None:
    made = many(12)
    run = put(made)
    begun = run_actions.begin(run.id)
    assert begun
    if closes == "consent":
        withdraw(made, 3)
    else:
        set_apart(made, made.couples[3][1], made.researcher)
    run_actions.keep(begun, {"n_couples": 12}, "v")
    assert ended(run) == ("unfit", End.CHANGED)
    with door.opened(made.lead.id):
        row = AnalysisRun.objects.get(id=run.id)
    # That somebody close is in care here is not for the lead to learn: both ways read alike.
    assert row.result is None and row.reason == run_actions.CHANGED and "consent" not in row.reason
    assert entered(again(made, run)) == 11


def with_both_texts(made: Many) -> Any:
    """Everybody gives scores about the relationship in a text of their own as well; the text."""
    with loading():
        text = tables.ConsentText.objects.create(
            clinic=made.clinic, kind="research", code="relationship_scores", title="R", body="x", sha256="y"
        )
        for _, a, b in made.couples:
            for who in (a, b):
                tables.Consent.objects.create(
                    clinic=made.clinic, subject=who, author=who, text=text, sha256="y", signed_name="x"
                )
    return text


def take_back(who: Any, text: Any) -> None:
    with door.opened(who.id):
        open_one = tables.Consent.objects.filter(subject=who, text=text, withdrawn_at__isnull=True)
        assert open_one.update(withdrawn_at=timezone.now()) == 1


def test_a_kind_of_score_taken_back_is_said_of_what_rests_on_it_and_of_nothing_else() -> None:
    made = many(12, code="individual_scores")
    relationship = with_both_texts(made)
    with loading():
        for n, (_, *pair) in enumerate(made.couples):
            for side, who in enumerate(pair):
                for week in (0, 16):
                    answer(made, who, "gad-7", week, 5 + (3 * n + 2 * side + week * (n + side)) % 13)
    both, alone = asked(made, CHANGE), asked(made, GAD_BY_PHQ)
    assert both.state == alone.state == "done"
    take_back(made.couples[2][1], relationship)
    assert was_taken_back(made, both) and not was_taken_back(made, alone)
    take_back(made.couples[4][2], made.text)
    assert was_taken_back(made, both) and was_taken_back(made, alone)


def test_that_a_colleague_is_close_to_somebody_is_not_said_to_be_a_consent_taken_back() -> None:
    made = many(12)
    run = asked(made, CHANGE)
    set_apart(made, made.couples[0][1], made.lead)
    assert not was_taken_back(made, run)
    withdraw(made, 1)
    assert was_taken_back(made, run)


# ── how long it stands open ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("minutes", "is_open"), [(50, True), (70, False)])
def test_a_run_that_never_ended_opens_nothing_after_an_hour(minutes: int, is_open: bool) -> None:
    made = many(6)
    run = put(made)
    assert run_actions.begin(run.id)
    with loading():
        AnalysisRun.objects.filter(id=run.id).update(recorded_at=timezone.now() - timedelta(minutes=minutes))
    with run_actions.for_research(run.id):
        assert tables.Response.objects.values_list("id").exists() is is_open
        assert tables.AnalysisUse.objects.values_list("id").exists() is is_open
    assert (run_actions.begin(run.id) is not None) is is_open
    outcomes.run_actions.give_up(run.id, "too late")
    assert ended(run)[0] == ("unfit" if is_open else "running")
