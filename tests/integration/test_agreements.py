"""Agreements: they hold by the yes of both, end by the word of either, and go by what their viewer can see."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration import agreements as rules
from bothwell.integration import models
from bothwell.integration.agreements import Agreement, Answer, Kind, Said, Standing

A, B, NOBODY = uuid4(), uuid4(), uuid4()
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
SAID = st.lists(
    st.builds(
        Said,
        st.sampled_from([A, B, NOBODY]),
        st.sampled_from(list(Answer)),
        st.integers(0, 1000).map(lambda hours: NOW + timedelta(hours=hours)),
    ),
    max_size=5,
)
AGREEMENTS = st.lists(
    st.builds(
        lambda kind, days, said: Agreement(uuid4(), kind, days, "x", tuple(said)),
        st.sampled_from(list(Kind)),
        st.integers(1, rules.MOST_DAYS),
        SAID,
    ),
    max_size=6,
)


def test_the_words_of_rule_and_table_are_the_same() -> None:
    assert {kind.value for kind in Kind} == set(models.CoupleAgreement.Kind.values)
    assert {answer.value for answer in Answer} == set(models.AgreementAnswer.Answer.values)


@given(SAID)
def test_it_holds_only_by_both_and_no_longer_once_ended(said: list[Said]) -> None:
    found = rules.standing(Agreement(uuid4(), Kind.OTHER, said=tuple(said)), {A, B})
    yes = {each.by for each in said if each.answer == Answer.YES}
    ended = any(each.answer == Answer.END for each in said)
    assert (found == Standing.ENDED) == ended
    assert (found == Standing.HOLDS) == (not ended and {A, B} <= yes)


@given(AGREEMENTS)
def test_the_quiet_days_are_those_of_the_newest_that_holds(many: list[Agreement]) -> None:
    days = rules.quiet_days(many, {A, B})
    holding = [
        one
        for one in many
        if one.kind == Kind.NO_BIG_DECISIONS and rules.standing(one, {A, B}) == Standing.HOLDS
    ]
    assert (days == 0) == (not holding)
    assert not holding or days in {
        one.days for one in holding if one.since == max(h.since for h in holding if h.since)
    }
    assert rules.quiet_days(reversed(many), {A, B}) == days


@given(AGREEMENTS)
def test_without_the_others_answers_nothing_holds(many: list[Agreement]) -> None:
    alone = [
        Agreement(one.id, one.kind, one.days, one.words, tuple(s for s in one.said if s.by == A))
        for one in many
    ]
    assert rules.quiet_days(alone, {A, B}) == 0
    assert rules.quiet_days(many, frozenset()) == 0


@given(st.integers(1, rules.MOST_DAYS), st.integers(-48, 24 * 20))
def test_quiet_lasts_from_the_session_for_so_many_days_and_not_longer(days: int, hours: int) -> None:
    until = rules.quiet_until(NOW, days, NOW + timedelta(hours=hours))
    assert (until is not None) == (0 <= hours < 24 * days)
    assert until is None or until == NOW + timedelta(days=days)


def test_no_days_are_no_quiet() -> None:
    assert rules.quiet_until(NOW, 0, NOW) is None


def test_what_is_proposed_says_something() -> None:
    assert rules.fault(Kind.NO_BIG_DECISIONS, rules.DEFAULT_DAYS, "") == ""
    assert rules.fault(Kind.OTHER, None, "No telephones at table.") == ""
    assert str(rules.MOST_DAYS) in rules.fault(Kind.NO_BIG_DECISIONS, None, "")
    assert rules.fault(Kind.NO_BIG_DECISIONS, rules.MOST_DAYS + 1, "")
    assert rules.fault(Kind.NO_BIG_DECISIONS, 0, "")
    assert rules.fault(Kind.OTHER, None, "  ")
    assert "500" in rules.fault(Kind.OTHER, None, "x" * 501)
