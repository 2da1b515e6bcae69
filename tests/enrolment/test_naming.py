"""A name is what one sees: nothing in it hides, turns or breaks the line; every script is a name's script."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.enrolment.naming import UNSEEN, can_be_called, can_be_read

LETTERS = st.text(
    st.characters(categories=["L", "N"], exclude_characters="\u115f\u1160\u3164\uffa0"), min_size=1
)
HIDDEN = st.characters(
    categories=sorted(UNSEEN & {"Cc", "Cf", "Co", "Zl", "Zp"}), exclude_characters="\u200c\u200d"
)


@given(LETTERS)
def test_letters_and_digits_of_any_script_are_a_name(name: str) -> None:
    assert can_be_called(name)


@given(st.text(), HIDDEN, st.text())
def test_one_hidden_character_anywhere_is_too_much(before: str, hidden: str, after: str) -> None:
    assert not can_be_read(before + hidden + after)
    assert not can_be_called(before + hidden + after)


@given(st.text())
def test_whatever_is_taken_has_something_to_read_and_no_second_line(name: str) -> None:
    if can_be_called(name):
        assert any(unicodedata.category(sign)[0] in "LN" for sign in name)
        assert len(name.splitlines()) == 1


NOTHING_SHOWS = ["Ann\u034f", "Ann\ufe0f", "Ann\u17b4", "\u180bAnn", "Ann\u2800", "A\U000e0100nn"]


@pytest.mark.parametrize(
    "name", ["", "  ", "…", "—", "\u3164", "\u200d", "a\u200cb", "\u200dش", "ش\u200c", *NOTHING_SHOWS]
)
def test_what_is_no_name(name: str) -> None:
    assert not can_be_called(name)


@pytest.mark.parametrize("name", ["ශ්\u200dරී", "مهر\u200cداد", "7", "Zoë", "de la O", "葛\U000e0100城"])
def test_what_is_one(name: str) -> None:
    assert can_be_called(name)
