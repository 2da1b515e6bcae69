"""Finding words again, and the questions to begin with."""

import unicodedata
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.integration.finding import (
    LONGEST_TAG,
    MOST_TAGS,
    all_tags,
    folded,
    has_tag,
    is_found,
    tags_of,
    tags_refused,
)
from bothwell.integration.prompts import When, another, in_turn, is_day_after, occasion, prompts, shown

NOW = datetime(2026, 11, 19, 20, 0, tzinfo=UTC)
words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=30)


# ------------------------------------------------------------------------------------------------- tags


def test_tags_are_read_as_people_type_them() -> None:
    assert tags_of(" Mother,  #sleep ;mother, , my   knee\nSLEEP") == ("Mother", "sleep", "my knee")


@given(st.lists(words, max_size=8))
def test_tags_read_again_are_the_same(typed: list[str]) -> None:
    tags = tags_of(", ".join(typed))
    assert tags_of(", ".join(tags)) == tags
    assert len({folded(tag) for tag in tags}) == len(tags)


def test_too_many_or_too_long_tags_are_refused_in_a_sentence() -> None:
    assert tags_refused(["x"] * MOST_TAGS) == ""
    assert tags_refused(["x"] * (MOST_TAGS + 1)).endswith(".")
    assert tags_refused(["x" * (LONGEST_TAG + 1)]).endswith(".")


def test_every_tag_stands_once_in_the_order_of_the_alphabet() -> None:
    assert all_tags([("sleep", "Äpfel"), ("mother",), ("Sleep",), ()]) == ("Äpfel", "mother", "sleep")


@given(words, words)
def test_a_tag_is_found_by_its_own_hand_whatever_the_case(tag: str, other: str) -> None:
    assert has_tag(tag.upper().lower(), [other, tag]) or folded(tag.upper().lower()) != folded(tag)
    assert has_tag(tag, [other]) == (folded(tag) == folded(other))


# ----------------------------------------------------------------------------------------------- search


@given(words, words, words)
def test_every_part_of_a_text_is_found_in_it(before: str, part: str, after: str) -> None:
    assert is_found(part, [f"{before} {part} {after}"])


@given(words)
def test_accents_and_case_do_not_matter(text: str) -> None:
    bare = "".join(s for s in unicodedata.normalize("NFD", text) if not unicodedata.combining(s))
    assert is_found(bare, [text]) or folded(bare) != folded(text)
    assert is_found("  ", [text])


def test_all_words_asked_for_must_be_there_in_any_order() -> None:
    assert is_found("mère jardin", ["Le JARDIN de ma mere"])
    assert is_found("#garden gate", ["the gate", "garden"])
    assert not is_found("garden fence", ["the garden gate"])


# --------------------------------------------------------------------------------------------- questions


def test_there_are_enough_questions_for_every_occasion_and_each_is_gentle() -> None:
    assert len(prompts()) >= 20
    for when in When:
        assert len(in_turn(when, date(2026, 11, 19))) >= 6
    for each in prompts():
        assert each.words.endswith(("?", ".")), each.code
        assert len(each.words) <= 110, each.code
        assert not any(hard in each.words.lower() for hard in ("why", "must", "should", "partner")), each.code


def test_a_question_named_twice_or_without_words_is_refused(tmp_path: Path) -> None:
    row = '[[prompt]]\ncode = "a"\nwhen = "any"\nwords = "{}"\n'
    for name, text in (("twice", row.format("x") * 2), ("empty", row.format(" "))):
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="twice or has no words"):
            prompts(path)


@given(st.sampled_from(When), st.dates())
def test_asking_for_another_goes_through_all_of_them_and_back(when: When, today: date) -> None:
    turn = in_turn(when, today)
    first = shown(turn, "")
    seen, now = [], first
    for _ in turn:
        seen.append(now)
        now = another(turn, now)
    assert now == first
    assert set(seen) == {each for each in prompts() if each.when == when}


@given(st.sampled_from(When), st.dates(max_value=date(9999, 12, 30)))
def test_another_day_begins_with_another_question(when: When, today: date) -> None:
    assert in_turn(when, today)[0] != in_turn(when, today + timedelta(days=1))[0]


def test_none_is_none_and_a_code_nobody_knows_is_the_first() -> None:
    turn = in_turn(When.ANY, date(2026, 11, 19))
    assert shown(turn, "none") is None
    assert shown(turn, "before-carry") == turn[0]
    assert shown(turn, turn[2].code) == turn[2]
    assert another(turn, None) == turn[0]
    assert (shown((), ""), another((), None)) == (None, None)


@given(st.timedeltas(timedelta(days=-5), timedelta(days=5)))
def test_the_day_after_is_two_days_and_never_before(ago: timedelta) -> None:
    is_after = timedelta(0) <= ago < timedelta(hours=48)
    assert is_day_after(NOW - ago, NOW) == is_after
    assert occasion(False, NOW - ago, NOW) == (When.AFTER if is_after else When.ANY)
    assert occasion(True, NOW - ago, NOW) == When.BEFORE
    assert occasion(False, None, NOW) == When.ANY
