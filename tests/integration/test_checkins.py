"""The weekly check-in's rules: one line is enough, this week or the last, and nobody stands first for being faster."""

from datetime import date, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration.checkins import LONGEST_LINE, Lines, Said, by_week, fault, may_be_about
from bothwell.integration.warmth import monday_of

A, B = uuid4(), uuid4()
LINE = st.text(max_size=40)


@given(LINE, LINE, LINE)
def test_one_line_is_enough_and_none_is_not(one: str, two: str, three: str) -> None:
    has_words = any(text.strip() for text in (one, two, three))
    assert (fault(Lines(one, two, three)) == "") == has_words


def test_a_line_too_long_is_told_and_not_cut() -> None:
    assert str(LONGEST_LINE) in fault(Lines("x" * (LONGEST_LINE + 1)))
    assert fault(Lines(f"  {'x' * LONGEST_LINE}  ")) == ""
    assert Lines(" a ", "\n", "b").tidy() == Lines("a", "", "b")


@given(st.dates(date(2024, 1, 1), date(2030, 1, 1)), st.integers(-30, 30))
def test_only_this_week_and_the_last_can_be_written_about(today: date, days: int) -> None:
    week = monday_of(today + timedelta(days=days))
    assert week.weekday() == 0
    assert may_be_about(week, today) == (0 <= (monday_of(today) - week).days <= 7)
    assert not may_be_about(monday_of(today) + timedelta(days=1), today)


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 5)), unique=True).flatmap(
    lambda rows: st.tuples(st.just(rows), st.permutations(rows))))  # fmt: skip
def test_the_order_on_the_page_tells_nothing_about_who_wrote_first(
    drawn: tuple[list[tuple[UUID, int]], list[tuple[UUID, int]]],
) -> None:
    def said(rows: list[tuple[UUID, int]]) -> list[Said]:
        return [Said(who, date(2026, 3, 2) + timedelta(weeks=week), Lines("x")) for who, week in rows]

    rows, shuffled = drawn
    shown = by_week(said(rows), {A: 0, B: 1})
    assert shown == by_week(said(shuffled), {A: 0, B: 1})
    assert [week for week, _ in shown] == sorted({week for week, _ in shown}, reverse=True)
    assert all([one.author for one in theirs] in ([A], [B], [A, B]) for _, theirs in shown)
