"""The exercises: every one complete, ours, and named by nobody's trade mark; a faulty file gives none."""

import re

import pytest

from bothwell.instruments.instrument import Gain
from bothwell.integration.library import (
    SHIPPED,
    STAGES,
    LibraryInvalid,
    With,
    exercise,
    exercises,
    read,
    title_of,
)
from bothwell.integration.models import Modality

ONE = """
[[exercise]]
code = "wave"
title = "Wave"
gain = "connection"
minutes = 2
with = "together"
purpose = "To see each other."
steps = ["Wave."]
"""


def test_every_gain_has_exercises_and_both_ways_of_doing_them() -> None:
    shipped = exercises()
    assert len(shipped) >= 30
    assert all(len([one for one in shipped if one.gain == gain]) >= 6 for gain in Gain)
    assert {one.how for one in shipped} == set(With)
    assert len({one.code for one in shipped}) == len(shipped)


def test_they_are_short_enough_for_a_tired_evening() -> None:
    for one in exercises():
        assert 2 <= len(one.steps) <= 4, one.code
        assert all(len(step) <= 140 for step in one.steps), one.code
        assert len(one.purpose) <= 110, one.code


def test_no_school_and_no_trade_mark_is_named() -> None:
    named = re.compile(
        r"gottman|emotionally focused|imago|love map|four horsemen|rapoport|ketamine", re.IGNORECASE
    )
    assert not named.search(SHIPPED.read_text(encoding="utf-8"))


def test_an_exercise_is_found_by_its_code_and_an_unknown_one_keeps_a_name() -> None:
    found = exercise("one_thank_you_a_day")
    assert found is not None
    assert title_of(found.code) == found.title == "One thank-you a day"
    assert exercise("gone_by_now") is None
    assert title_of("gone_by_now") == "Gone by now"


def test_stages_are_offered_for_every_modality() -> None:
    assert set(STAGES) == {mode.value for mode in Modality}
    assert all(len(stage) <= 80 for stages in STAGES.values() for stage in stages)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('code = "wave"', 'code = "Wave it"', "wave.toml: exercise Wave it: code: lower-case"),
        ('code = "wave"\n', "", "exercise 1: code is missing"),
        ('gain = "connection"', 'gain = "riches"', "gain: this must be one of"),
        ("minutes = 2", "minutes = 0", "minutes: a whole number"),
        ("minutes = 2", "minutes = true", "minutes: a whole number"),
        ('with = "together"', 'with = "friends"', "with: this must be one of"),
        ('steps = ["Wave."]', "steps = []", "steps: a list"),
        ('steps = ["Wave."]', 'steps = ["  "]', "steps: a list"),
        ('title = "Wave"', 'title = " "', "title: words"),
        ("minutes = 2", "minutes = 2\nprice = 3", "price is not known"),
    ],
)
def test_each_fault_is_named(before: str, after: str, told: str) -> None:
    with pytest.raises(LibraryInvalid) as fault:
        read(ONE.replace(before, after), "wave.toml")
    assert told in str(fault.value)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(LibraryInvalid) as fault:
        read(ONE.replace("minutes = 2", "minutes = 0").replace("connection", "riches"), "wave.toml")
    assert len(str(fault.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[exercise", "not TOML"),
        ("", "at least one"),
        ("exercise = 3", "at least one"),
        (ONE + ONE, "stands twice"),
    ],
)
def test_a_file_that_holds_no_library_says_so(text: str, told: str) -> None:
    with pytest.raises(LibraryInvalid, match=told):
        read(text, "wave.toml")
