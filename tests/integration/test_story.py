"""The story: a side only with its own release, one person's change at a time, weeks counted fairly."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments.catalogue import load
from bothwell.instruments.change import Verdict
from bothwell.instruments.instrument import Kind
from bothwell.integration import story
from bothwell.integration.story import Brought, Promise

TODAY = date(2026, 11, 19)
ALL = tuple(load(name) for name in story.INSTRUMENTS)
days = st.dates(TODAY - timedelta(days=400), TODAY + timedelta(days=60))


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


# ------------------------------------------------------------------------------------------------------ lines


def test_each_kind_of_answers_needs_its_own_release() -> None:
    assert story.release_needed(Kind.INDIVIDUAL) == "individual_scores"
    assert story.release_needed(Kind.RELATIONSHIP) == "relationship_scores"


@given(
    st.sets(
        st.sampled_from(["individual_scores", "relationship_scores", "dosing_summary", "medical_summary"])
    )
)
def test_a_side_is_offered_nothing_without_that_partners_release(released: set[str]) -> None:
    shown = {one.id for one in story.offered(ALL, released)}
    assert ("phq-9" in shown) is ("individual_scores" in released)
    assert ("gad-7" in shown) is ("individual_scores" in released)
    assert ("csi-16" in shown) is ("relationship_scores" in released)


def test_the_line_asked_for_is_shown_only_if_offered() -> None:
    individual = story.offered(ALL, {"individual_scores"})
    wanted = story.chosen("gad-7", individual, {"phq-9"})
    assert wanted is not None
    assert wanted.id == "gad-7"
    for asked in ("csi-16", "made-up", ""):
        fallback = story.chosen(asked, individual, {"gad-7"})
        assert fallback is not None
        assert fallback.id == "gad-7"
    assert story.chosen("phq-9", (), {"phq-9"}) is None


@pytest.mark.parametrize(
    ("pronouns", "words"),
    [("he/him", "his"), ("She / her", "her"), ("they/them", "their"), ("", "their"), ("xe/xem", "their")],
)
def test_a_line_not_released_is_its_persons_own(pronouns: str, words: str) -> None:
    assert story.own("Ben", pronouns) == f"Ben’s line is {words} own"


# ------------------------------------------------------------------------------------------------------- span


@given(st.lists(days, max_size=12))
def test_the_span_holds_today_and_all_that_is_near(known: list[date]) -> None:
    shown = story.span(known, TODAY)
    assert shown.begins <= TODAY - story.NARROWEST < TODAY < shown.ends
    assert shown.ends - shown.begins <= story.LOOKS_BACK + story.LOOKS_AHEAD + timedelta(days=2)
    for day in known:
        if TODAY - story.LOOKS_BACK <= day <= TODAY + story.LOOKS_AHEAD:
            assert shown.begins <= day <= shown.ends


# -------------------------------------------------------------------------------------------------- exercises


def test_weeks_are_done_or_missed_and_the_running_one_is_neither_until_done() -> None:
    begins = ago(17)  # two whole weeks and three days of the third
    assert story.weeks_of(begins, None, [], TODAY) == ((ago(11), False), (ago(4), False))
    done = story.weeks_of(begins, None, [ago(16), ago(15), ago(1)], TODAY)
    assert done == ((ago(15), True), (ago(4), False), (ago(1), True))


def test_after_its_last_day_an_exercise_is_asked_of_nobody() -> None:
    assert story.weeks_of(ago(30), ago(20), [ago(29)], TODAY) == ((ago(29), True), (ago(20), False))
    assert story.weeks_of(TODAY + timedelta(days=1), None, [], TODAY) == ()


@given(st.integers(0, 200), st.lists(st.integers(0, 200).map(ago), max_size=30))
def test_no_more_weeks_than_were_asked_for_and_only_days_within(begun: int, done: list[date]) -> None:
    weeks = story.weeks_of(ago(begun), None, done, TODAY)
    assert len(weeks) <= begun // 7 + 1
    assert all(ago(begun) <= on <= TODAY for on, _ in weeks)
    assert sum(is_done for _, is_done in weeks) <= len({day for day in done if day >= ago(begun)})


@pytest.mark.parametrize(
    ("weeks", "words"),
    [((), "not yet"), ((False, False), "not yet"), ((True,), "begun"), ((True, False, True), "2 of 3 weeks")],
)
def test_a_promise_is_told_kindly(weeks: tuple[bool, ...], words: str) -> None:
    promise = Promise("x", TODAY, tuple((TODAY, done) for done in weeks))
    assert promise.words == words
    assert promise.is_begun is any(weeks)


# ----------------------------------------------------------------------------------------------------- change


def test_one_persons_change_is_told_with_its_verdict() -> None:
    totals = [(ago(30), Decimal(18)), (ago(15), Decimal(14)), (ago(2), Decimal(6))]
    found = story.moved(load("phq-9"), totals, ago(14))
    assert found is not None
    assert (found.before, found.after, found.verdict) == (Decimal(14), Decimal(6), Verdict.IMPROVED)
    assert found.band == "mild"


def test_nothing_moved_when_nothing_was_answered_before_or_after() -> None:
    totals = [(ago(30), Decimal(18))]
    assert story.moved(load("phq-9"), totals, ago(14)) is None
    assert story.moved(load("phq-9"), totals, ago(40)) is None
    assert story.moved(load("phq-9"), [], ago(14)) is None


# ---------------------------------------------------------------------------------------------------- brought

A, B = uuid4(), uuid4()


def words(on: int, *, author: object = A, both: bool = True, taken_up_on: date | None = None) -> Brought:
    return Brought(uuid4(), author, "…", ago(on), both, taken_up_on)  # type: ignore[arg-type]


def test_what_waits_is_what_no_session_took_up_newest_first() -> None:
    old, new, taken = words(9), words(1), words(5, taken_up_on=ago(3))
    assert story.waiting([old, taken, new]) == [new, old]


def test_what_is_new_was_opened_since_the_last_session() -> None:
    old, new = words(9), words(1)
    assert story.since_last([old, new], ago(7)) == [new]
    assert story.since_last([old, new], None) == [old, new]


def test_who_sees_it_names_the_author_first_and_the_other_only_if_given() -> None:
    names = {A: "Amara", B: "Ben"}
    assert story.seen_by(words(1, author=B), names, ["Dana"]) == "Ben, Amara, Dana"
    assert story.seen_by(words(1, both=False), names, ["Dana"]) == "Amara, Dana"


def test_a_page_for_the_couple_holds_only_what_both_may_read() -> None:
    both, therapist_only = words(1), words(2, both=False)
    assert story.for_both([both, therapist_only]) == [both]


# -------------------------------------------------------------------------------------------------- agreement


@pytest.mark.parametrize(
    ("in_force", "proposed", "signed", "told"),
    [
        ("", "", (), "No agreement yet."),
        ("no secrets", "", (), "In force: no secrets."),
        ("", "no secrets", (), "Before them: no secrets; nobody has signed yet."),
        (
            "no secrets",
            "confidential",
            ("Ben",),
            "Before them: confidential; Ben signed. In force until then: no secrets.",
        ),
    ],
)
def test_where_the_agreement_stands(in_force: str, proposed: str, signed: tuple[str, ...], told: str) -> None:
    assert story.agreement_words(in_force, proposed, signed) == told


def test_every_mode_says_what_it_means_before_anything_is_written() -> None:
    from bothwell.privacy.models import DisclosureAgreement

    assert {mode.value for mode in DisclosureAgreement.Mode} <= set(story.MEANS)


# ------------------------------------------------------------------------------------------------ near and far


@given(
    st.lists(st.dates(TODAY - timedelta(days=1500), TODAY + timedelta(days=40)), max_size=12),
    st.sampled_from([*story.ZOOMS, "", "decade"]),
    st.one_of(st.none(), st.dates(TODAY - timedelta(days=4000), TODAY + timedelta(days=4000))),
)
def test_a_part_lies_within_the_story_and_leads_to_what_lies_beside_it(
    known: list[date], zoom: str, until: date | None
) -> None:
    whole = story.whole(known, TODAY)
    part = story.window(whole, zoom, until, TODAY)
    assert whole.begins <= part.begins < part.ends <= whole.ends
    assert part.zoom in story.ZOOMS
    assert (part.earlier is None) is (part.begins == whole.begins)
    assert (part.later is None) is (part.ends == whole.ends)
    width = story.ZOOMS[part.zoom]
    assert part.ends - part.begins == (
        whole.ends - whole.begins if width is None else min(width, whole.ends - whole.begins)
    )


@given(
    st.lists(st.dates(TODAY - timedelta(days=1500), TODAY), min_size=1, max_size=12),
    st.sampled_from(["year", "quarter", "month"]),
)
def test_going_earlier_one_comes_to_the_beginning(known: list[date], zoom: str) -> None:
    whole = story.whole(known, TODAY)
    part, steps = story.window(whole, zoom, None, TODAY), 0
    assert part.begins <= TODAY <= part.ends
    while part.earlier:
        before = story.window(whole, zoom, part.earlier, TODAY)
        assert before.ends < part.ends
        assert before.ends >= part.begins
        part, steps = before, steps + 1
        assert steps < 100
    assert part.begins == whole.begins
