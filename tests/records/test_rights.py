"""By when a request is answered, and what may be answered."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bothwell.records import rights
from bothwell.records.rights import Answer, Kind, Standing, Use

DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))
ANSWERS = st.lists(st.builds(Answer, st.sampled_from(Kind), DAYS, st.none() | DAYS), max_size=5)
REFUSE = rights.grounds_to(Use.REFUSE)


def test_the_numbers_are_those_of_the_rule_and_each_ground_names_its_source() -> None:
    found = rights.rights()
    assert (found.answer_within.days, found.prolonged_by.days, found.prolonged_times) == (30, 30, 1)
    assert found.accounted_years == 6
    assert all(one.source and one.title for one in rights.grounds())
    assert {one.code for one in rights.grounds()} >= {"own_request", "both_signed"}


@given(DAYS, ANSWERS)
def test_the_first_that_gives_or_refuses_ends_it(due: date, answers: list[Answer]) -> None:
    now = rights.standing(due, answers)
    ends = [one for one in answers if one.kind is not Kind.PROLONGED]
    assert now.is_open == (not ends)
    if ends:
        assert (now.kind, now.answered_on) == (ends[0].kind, ends[0].on)
        assert rights.standing(due, answers[: answers.index(ends[0]) + 1]) == now


@given(
    DAYS,
    ANSWERS,
    st.sampled_from(Kind),
    st.sampled_from(["", *(one.code for one in rights.grounds())]),
    st.text(),
)
def test_once_answered_nothing_more_is(
    due: date, answers: list[Answer], kind: Kind, ground: str, words: str
) -> None:
    now = rights.standing(due, answers)
    if not now.is_open:
        assert not rights.may_answer(now, kind, ground, words)


@given(DAYS)
def test_prolonging_needs_a_reason_and_happens_once(due: date) -> None:
    now = Standing(None, due)
    assert not rights.may_answer(now, Kind.PROLONGED, "", " ")
    assert rights.may_answer(now, Kind.PROLONGED, "", "The archive is at another place.")
    later = rights.standing(due, [Answer(Kind.PROLONGED, due, rights.prolonged_to(now))])
    assert later.due_on == due + timedelta(days=30)
    assert not rights.may_answer(later, Kind.PROLONGED, "", "Once more.")
    assert rights.may_answer(later, Kind.GIVEN, "", "")


@given(DAYS, st.sampled_from([one.code for one in rights.grounds_to(Use.GIVE)]))
def test_refusing_needs_a_ground_to_refuse_on_and_words(due: date, wrong: str) -> None:
    now = Standing(None, due)
    assert not rights.may_answer(now, Kind.REFUSED, wrong, "Because.")
    assert not rights.may_answer(now, Kind.REFUSED, REFUSE[0].code, "")
    assert rights.may_answer(now, Kind.REFUSED, REFUSE[0].code, "Because.")


@given(DAYS, DAYS)
def test_a_copy_is_fetched_within_its_days_and_only_when_given(answered: date, today: date) -> None:
    given_ = Standing(Kind.GIVEN, answered, answered)
    assert given_.can_be_fetched(today) == (today <= answered + timedelta(days=14))
    assert not Standing(Kind.REFUSED, answered, answered).can_be_fetched(today)
    assert not Standing(None, answered).can_be_fetched(today)
