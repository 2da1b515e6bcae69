"""What a line of measures says: no more than the numbers, nothing on fewer than three, and to oneself no diagnosis."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments.catalogue import all_instruments, load
from bothwell.instruments.change import Verdict, reliable_change
from bothwell.instruments.instrument import Better, Instrument, Kind
from bothwell.web.trajectory import (
    AREAS,
    Course,
    Sent,
    change_words,
    describe,
    measures,
    own_description,
    own_meaning,
    own_words,
    stands_for,
    threshold_words,
)

TODAY, BEGAN = date(2026, 11, 22), date(2026, 6, 3)
FOLLOWED = [
    each for each in all_instruments() if each.kind in (Kind.INDIVIDUAL, Kind.PREDOSE, Kind.RELATIONSHIP)
]
CHANGES = [each for each in FOLLOWED if each.scale and each.scale.published_change]


def sent(instrument: Instrument, *totals: object, scale: str = "", version: str = "") -> list[Sent]:
    """Weekly totals of one score, oldest first."""
    return [
        Sent(
            uuid4(),
            instrument.id,
            version or instrument.version,
            instrument.kind.value,
            BEGAN + timedelta(weeks=week),
            None,
            {scale or str(instrument.main): None if total is None else str(total)},
        )
        for week, total in enumerate(totals)
    ]


def course(name: str, *totals: object) -> Course:
    instrument = load(name)
    found = measures(sent(instrument, *totals), {(instrument.id, instrument.version): instrument})
    return found[0].heads[0]


# ── to a clinician ───────────────────────────────────────────────────────────────────────────────


def test_points_percent_and_what_reliable_change_says_stand_together() -> None:
    words = change_words(course("phq-9", 18, 17, 11, 9, 6), TODAY)
    assert (
        words
        == "−12 points (−67 %) since 3 Jun. Reliably improved and held since 17 Jun, across the cut-off 10."
    )


def test_two_totals_are_never_said_to_hold() -> None:
    line = course("phq-9", 18, 6)
    assert line.held is None
    assert line.reliable == {1}
    assert "two totals are too few to say that it holds" in change_words(line, TODAY)


def test_a_change_no_later_total_confirmed_is_not_said_to_hold() -> None:
    line = course("phq-9", 18, 17, 6)
    assert line.held is None
    assert "no later total has confirmed it yet" in change_words(line, TODAY)


def test_worse_is_said_as_plainly_as_better() -> None:
    words = change_words(course("gad-7", 4, 9, 10, 11), TODAY)
    assert words == "+7 points (+175 %) since 3 Jun. Reliably worsened and held since 10 Jun."


def test_within_error_and_no_change_are_called_so() -> None:
    assert change_words(course("phq-9", 11, 12, 11), TODAY) == (
        "No change in points since 3 Jun. Within what measurement error alone can do."
    )


def test_from_nought_there_is_no_percent() -> None:
    assert change_words(course("phq-9", 0, 3, 7), TODAY).startswith("+7 points since 3 Jun.")


def test_a_score_without_a_known_reliable_change_says_so() -> None:
    line = course("ders-16", 60, 50, 30)
    assert (line.change, line.reliable, line.held) == (None, frozenset(), None)
    assert "No reliable change is known for this score." in change_words(line, TODAY)


def test_a_score_that_describes_is_neither_better_nor_worse() -> None:
    line = course("meq30", 20, 90, 120)
    assert line.scale.better is Better.NEITHER
    assert (line.change, line.reliable) == (None, frozenset())
    assert "neither end is better" in change_words(line, TODAY)
    assert "neither end is better" in own_words(line, TODAY)


def test_a_computed_threshold_comes_with_the_index_a_published_one_with_its_source() -> None:
    computed = threshold_words(course("csi-16", 34, 40, 57))
    assert "more than 6.7 points" in computed
    assert re.search(r"reliable change index \+6\.8, reliable beyond ±1\.96", computed)
    assert threshold_words(course("phq-9", 18, 6)).startswith("Reliable change: 6 points or more, published")


@given(st.sampled_from(CHANGES), st.data())
def test_what_is_marked_is_what_the_rule_calls_reliable(instrument: Instrument, data: st.DataObject) -> None:
    scale = instrument.measure
    totals = data.draw(
        st.lists(st.integers(int(scale.least), int(scale.most)), min_size=1, max_size=12), label="totals"
    )
    line = course(instrument.id, *totals)
    verdicts = [reliable_change(scale, Decimal(totals[0]), Decimal(total)).verdict for total in totals]
    marked = {index for index, verdict in enumerate(verdicts) if verdict is not Verdict.WITHIN_ERROR}
    assert line.reliable == marked
    if line.held is not None:
        assert len(totals) >= 3
        assert set(range(line.held, len(totals))) <= marked


def test_the_picture_in_words_has_both_ends_the_band_and_the_verdict() -> None:
    words = describe(course("phq-9", 18, 11, 6), "Amara", TODAY)
    assert words.startswith("Amara, PHQ-9: 18 on 3 Jun, 6, mild on 17 Jun. −12 points")
    assert describe(course("phq-9", 18), "Amara", TODAY) == "Amara, PHQ-9: 18, moderately severe on 3 Jun."


# ── to the person themselves ─────────────────────────────────────────────────────────────────────


def test_one_s_own_line_is_said_in_plain_words() -> None:
    assert (
        own_words(course("phq-9", 18, 11, 6), TODAY)
        == "Lighter than in June; more than chance would explain."
    )
    assert (
        own_words(course("phq-9", 6, 11, 18), TODAY)
        == "Heavier than in June; more than chance would explain."
    )
    assert (
        own_words(course("csi-16", 34, 50, 57), TODAY)
        == "Better than in June; more than chance would explain."
    )
    assert (
        own_words(course("csi-16", 57, 50, 34), TODAY)
        == "Harder than in June; more than chance would explain."
    )
    assert own_words(course("phq-9", 11, 12, 10), TODAY).startswith("Much as in June:")
    assert own_words(course("ders-16", 60, 50, 30), TODAY).startswith("30 now, 60 in June.")


def test_a_line_that_began_in_another_year_names_it() -> None:
    assert "than in June 2026" in own_words(course("phq-9", 18, 11, 6), date(2027, 2, 1))


@pytest.mark.parametrize("totals", [(18,), (18, 2), (None, 18, 2)])
def test_nothing_is_said_on_fewer_than_three_answers(totals: tuple[object, ...]) -> None:
    words = own_words(course("phq-9", *totals), TODAY)
    assert words == "Your first answers. A line says something from the third on."


DIAGNOSES = re.compile(
    r"\b(depress\w*|anxi\w*|ptsd|trauma\w*|disorder\w*|insomnia|dependence|harmful|hazardous|dissatisf\w*"
    r"|distress\w*|severe|moderate|mild|minimal|screen\w*|symptom\w*|cut-off)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("instrument", FOLLOWED, ids=lambda each: each.id)
def test_no_band_no_diagnosis_and_no_instrument_is_named_to_oneself(instrument: Instrument) -> None:
    for scale in stands_for(instrument):
        if scale.id != instrument.main and scale.gain is None:
            continue  # not shown to oneself
        for totals in ((scale.most,) * 3, (scale.least, scale.most, scale.most), (scale.most, scale.least)):
            found = measures(
                sent(instrument, *totals, scale=scale.id), {(instrument.id, instrument.version): instrument}
            )
            line = next(each for each in found[0].heads if each.scale.id == scale.id)
            said = [own_words(line, TODAY), own_description(line, TODAY), *own_meaning(line)]
            told = re.sub("It is not a diagnosis", "", " ".join(said))
            without_title = told.replace(line.plain_title, "")
            assert not DIAGNOSES.search(without_title), without_title
            assert instrument.short == instrument.plain_title or instrument.short not in told.split()
            for band in scale.bands:
                assert not re.search(rf"\b{re.escape(band.name)}\b", without_title)


# ── which totals belong together ─────────────────────────────────────────────────────────────────


def test_a_later_wording_with_the_same_range_goes_on_with_the_line() -> None:
    old = load("phq-9")
    new = replace(old, version="later", title="Another title")
    rows = sent(old, 18, 16) + sent(new, 11, version="later")
    (found,) = measures(rows, {(old.id, old.version): old, (old.id, "later"): new})
    assert [total for _, total in found.heads[0].observations] == [18, 16, 11]
    assert found.instrument.title == "Another title"


def test_totals_of_another_range_are_never_put_on_one_line() -> None:
    old = load("phq-9")
    wider = replace(
        old, version="later", scales=tuple(replace(each, most=Decimal(30)) for each in old.scales)
    )
    rows = sent(old, 18, 16) + sent(wider, 11, version="later")
    (found,) = measures(rows, {(old.id, old.version): old, (old.id, "later"): wider})
    assert [total for _, total in found.heads[0].observations] == [11]


def test_one_questionnaire_on_two_occasions_makes_two_lines() -> None:
    phq = load("phq-2")
    rows = sent(phq, 3, 2) + [replace(each, kind="measure.individual") for each in sent(phq, 5)]
    found = measures(rows, {(phq.id, phq.version): phq})
    assert sorted(len(each.heads[0].observations) for each in found) == [1, 2]


def test_what_nobody_knows_any_more_is_left_out() -> None:
    assert measures(sent(load("phq-9"), 3), {}) == []


def test_a_total_from_before_scores_had_names_counts_for_the_main_one_alone() -> None:
    pcl = load("pcl-5")
    (row,) = sent(pcl, 40)
    (found,) = measures([replace(row, total=Decimal(40), scores={})], {(pcl.id, pcl.version): pcl})
    assert [each.totals[0][1] for each in found.heads] == [40]
    assert found.rest == ()


def test_subscales_stand_beneath_and_gains_stand_for_themselves() -> None:
    us = load("pulse-us")
    scores = {scale.id: "5" for scale in us.scales}
    row = replace(sent(us, 5, scale="communication")[0], scores=scores)
    (found,) = measures([row], {(us.id, us.version): us})
    assert {each.area for each in found.heads} == {"communication", "empathy", "connection", "conflict"}
    assert {each.scale.id for each in found.rest} == {"closeness", "repair"}


@pytest.mark.parametrize("instrument", FOLLOWED, ids=lambda each: each.id)
def test_every_score_of_the_catalogue_has_a_heading(instrument: Instrument) -> None:
    for scale in instrument.scales:
        assert Course(instrument, scale, instrument.kind.value, (), ()).area in AREAS


@pytest.mark.parametrize(
    ("name", "heading"),
    [("phq-9", "Depression"), ("gad-7", "Anxiety"), ("pcl-5", "Trauma"), ("core-10", "Distress in general"),
     ("csi-16", "Satisfaction with the relationship"), ("ders-16", "Emotional regulation"), ("audit", "Alcohol and drugs")],
)  # fmt: skip
def test_headings_are_those_a_clinician_looks_for(name: str, heading: str) -> None:
    assert course(name, load(name).measure.least).heading == heading
