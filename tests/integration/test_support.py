"""The plan for afterwards: the day of the next look, and that a slip always ends in a next step."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration import models, support
from bothwell.integration.support import Kind, Looked

TODAY = date(2026, 3, 4)
AT = st.datetimes(datetime(2025, 1, 1), datetime(2026, 3, 4), timezones=st.just(UTC))
DAY = st.none() | st.integers(-500, 500).map(lambda days: TODAY + timedelta(days=days))
WORDS = st.sampled_from(["", "  ", "We call Dana on Monday."])


def test_the_words_of_rule_and_table_are_the_same() -> None:
    assert {kind.value for kind in Kind} == set(models.PlanReview.Kind.values)


@given(st.none() | AT, DAY, st.lists(st.builds(Looked, AT, DAY), max_size=4))
def test_what_was_said_last_decides(
    plan_at: datetime | None, review_on: date | None, looked: list[Looked]
) -> None:
    found = support.next_look(plan_at, review_on, looked)
    newest = max((each.at for each in looked), default=None)
    if newest is None or (plan_at and plan_at > newest):
        assert found == review_on
    else:
        assert found in {each.next_on for each in looked if each.at == newest}


def test_the_day_has_come_on_the_day_itself() -> None:
    assert support.is_due(TODAY, TODAY)
    assert not support.is_due(TODAY + timedelta(days=1), TODAY)
    assert not support.is_due(None, TODAY)


@given(st.sampled_from(list(Kind)), WORDS, WORDS, DAY)
def test_a_slip_leads_to_a_next_step_and_a_day_soon(
    kind: Kind, words: str, step: str, next_on: date | None
) -> None:
    if support.review_fault(kind, words, step, next_on, TODAY, 10_000):
        return
    assert next_on is None or TODAY < next_on <= TODAY + support.LATEST_LOOK
    if kind == Kind.RELAPSE:
        assert step.strip()
        assert next_on is not None
        assert next_on <= TODAY + support.LOOK_AGAIN_WITHIN


def test_each_fault_says_what_to_do() -> None:
    soon = TODAY + timedelta(days=10)
    good = (Kind.RELAPSE, "We shouted.", "Ben calls Dana today.", soon)
    assert support.review_fault(*good, TODAY, 10_000) == ""
    assert support.review_fault(Kind.MAINTENANCE, "", "", None, TODAY, 10_000) == ""
    assert "who calls whom" in support.review_fault(Kind.RELAPSE, "x", " ", soon, TODAY, 10_000)
    assert "four weeks" in support.review_fault(Kind.RELAPSE, "x", "y", None, TODAY, 10_000)
    assert "four weeks" in support.review_fault(
        Kind.RELAPSE, "x", "y", TODAY + timedelta(days=40), TODAY, 10_000
    )
    assert "after today" in support.review_fault(Kind.MAINTENANCE, "x", "", TODAY, TODAY, 10_000)
    assert "longer" in support.review_fault(Kind.MAINTENANCE, "x" * 11, "", None, TODAY, 10)


def test_what_is_kept_names_the_next_step() -> None:
    assert (
        support.review_words(" We shouted. ", " Ben calls. ") == "We shouted.\nWhat happens next: Ben calls."
    )
    assert support.review_words("Fine.", "") == "Fine."
    assert support.review_words("", "Ben calls.") == "What happens next: Ben calls."
