"""The pages about the questionnaires say what the files say, all of it, and mark what is to be confirmed."""

from __future__ import annotations

import pytest

from bothwell.instruments import handbook
from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.gains import GAINS
from bothwell.instruments.instrument import Instrument

AGAIN = "write them anew: python -m bothwell.instruments.handbook"


@pytest.mark.parametrize(
    ("name", "page"), [("instruments.md", handbook.instruments_page), ("gains.md", handbook.gains_page)]
)
def test_the_committed_pages_are_what_the_catalogue_says_now(name: str, page: object) -> None:
    assert (handbook.DOCS / name).read_text(encoding="utf-8") == page(), AGAIN  # type: ignore[operator]


def test_every_questionnaire_stands_in_the_page_with_licence_source_and_citation() -> None:
    page = handbook.instruments_page()
    for each in all_instruments():
        for words in (each.title, each.licence, each.citation, each.owner, each.source, each.wording.note):
            assert words in page, (each.id, words)


@pytest.mark.parametrize("each", all_instruments(), ids=lambda each: each.id)
def test_every_number_has_its_source_and_what_is_not_confirmed_says_so(each: Instrument) -> None:
    for scale in each.scales:
        lines = handbook.scale_lines(each, scale)
        values = " ".join(line.value for line in lines)
        assert all(band.name in values for band in scale.bands)
        for cutoff in scale.cutoffs:
            (line,) = [
                line
                for line in lines
                if cutoff.meaning in line.value
                and line.source == cutoff.source
                and handbook.number(cutoff.value) in line.value
                and (not cutoff.group or f"({cutoff.group})" in line.value)
            ]
            assert line.confirm is cutoff.confirm
        for known, what in ((scale.reliability, "Reliability"), (scale.published_change, "Reliable change")):
            if known is not None:
                (line,) = [line for line in lines if line.what == what]
                assert (line.source, line.confirm) == (known.source, known.confirm)
    for rule in each.rules:
        assert handbook.Line(rule.title, rule.meaning, rule.source, rule.confirm) in handbook.rule_lines(each)
    assert len(handbook.rule_lines(each)) == len(each.rules) + len(each.flags)


def test_what_is_to_be_confirmed_is_marked_in_the_page_as_often_as_in_the_files() -> None:
    lines = [
        line
        for each in all_instruments()
        for line in (
            *handbook.rule_lines(each),
            *(x for s in each.scales for x in handbook.scale_lines(each, s)),
        )
    ]
    # One more stands in the explanation.
    assert handbook.instruments_page().count(handbook.TO_CONFIRM) == sum(line.confirm for line in lines) + 1


def test_every_area_in_use_has_words() -> None:
    assert {area for each in all_instruments() for area in each.areas} <= set(handbook.AREAS)


def test_every_gain_has_its_row_and_its_weekly_question() -> None:
    rows = [line for line in handbook.gains_page().splitlines() if line.startswith("| **")]
    assert [row.split("**")[1] for row in rows] == [title for title, _ in GAINS.values()]
    assert all("week" in row for row in rows)


def test_a_computed_reliable_change_says_that_it_is_computed() -> None:
    computed = [
        line.value
        for each in all_instruments()
        for scale in each.scales
        for line in [handbook.reliable_change_line(scale)]
        if scale.published_change is None and scale.reliability and scale.reliability.standard_deviation
    ]
    assert all("computed" in value or "neither end" in value for value in computed)


def test_a_condition_is_told_in_words() -> None:
    page = {each.id: each for each in all_instruments()}
    for each in page.values():
        for item in each.items:
            told = handbook.asked_when(each, item)
            assert bool(told) is bool(item.asked_when)
            assert "urn:" not in told
