"""Reliable change worked by hand, and what must hold for any course of totals."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.catalogue import load as load_instrument
from bothwell.instruments.change import (
    ClinicalVerdict,
    ResponseVerdict,
    Verdict,
    clinically_significant_change,
    first_reliable_change_that_held,
    percent_change,
    reliable_change,
    reliable_change_index,
    response,
    threshold,
)
from bothwell.instruments.instrument import Better, Scale

D = Decimal


def load(instrument_id: str) -> Scale:
    """The scale that stands for an instrument."""
    return load_instrument(instrument_id).measure


def _tells_change(scale: Scale) -> bool:
    try:
        threshold(scale)
    except ValueError:
        return False
    return True


MEASURES = [scale for each in all_instruments() for scale in each.scales if _tells_change(scale)]


def test_a_good_part_of_the_catalogue_can_tell_change_from_chance() -> None:
    assert len(MEASURES) >= 10


@st.composite
def two_totals(draw: st.DrawFn) -> tuple[Scale, Decimal, Decimal]:
    instrument = draw(st.sampled_from(MEASURES))
    total = st.integers(int(instrument.least), int(instrument.most)).map(Decimal)
    return instrument, draw(total), draw(total)


@st.composite
def course(draw: st.DrawFn) -> tuple[Scale, list[Decimal | None]]:
    instrument = draw(st.sampled_from(MEASURES))
    total = st.integers(int(instrument.least), int(instrument.most)).map(Decimal)
    return instrument, draw(st.lists(st.none() | total, max_size=8))


def test_the_index_of_the_csi_16_worked_by_hand() -> None:
    # 1.96 × 17 = 33.32; × √2 (1.41421) = 47.1216; × √(1 − 0.98) = √0.02 (0.141421) = 6.6640
    assert reliable_change_index(D(17), D("0.98")).quantize(D("0.0001")) == D("6.6640")


def test_the_index_of_other_published_pairs_worked_by_hand() -> None:
    # CSI-4: 1.96 × 4 × 1.41421 × √0.06 (0.244949) = 2.7159; CSI-32: 1.96 × 32 × 1.41421 × √0.02 = 12.5440
    assert reliable_change_index(D(4), D("0.94")).quantize(D("0.01")) == D("2.72")
    assert reliable_change_index(D(32), D("0.98")).quantize(D("0.01")) == D("12.54")


@pytest.mark.parametrize(("deviation", "r"), [(0, "0.9"), (-1, "0.9"), (4, "1"), (4, "0")])
def test_the_index_refuses_what_cannot_be(deviation: int, r: str) -> None:
    with pytest.raises(ValueError, match="reliability"):
        reliable_change_index(D(deviation), D(r))


def test_published_numbers_take_precedence_and_the_rest_is_computed() -> None:
    assert (threshold(load("phq-9")).points, threshold(load("phq-9")).published) == (D(6), True)
    assert (threshold(load("gad-7")).points, threshold(load("gad-7")).published) == (D(4), True)
    assert threshold(load("csi-16")).points.quantize(D("0.01")) == D("6.66")
    assert (threshold(load("csi-16")).published, threshold(load("csi-16")).confirm) == (False, True)


def test_without_any_number_there_is_no_threshold() -> None:
    bare = replace(load("phq-9"), published_change=None)
    with pytest.raises(ValueError, match="no published reliable change"):
        threshold(bare)
    with pytest.raises(ValueError, match="no published reliable change"):
        threshold(replace(bare, reliability=None))


def test_a_scale_without_a_better_end_has_no_improvement() -> None:
    with pytest.raises(ValueError, match="no better end"):
        threshold(replace(load("phq-9"), better=Better.NEITHER))


@pytest.mark.parametrize(
    ("name", "before", "after", "verdict"),
    [
        ("phq-9", 18, 12, Verdict.IMPROVED),  # 6 fewer: reached
        ("phq-9", 18, 13, Verdict.WITHIN_ERROR),  # 5 fewer
        ("phq-9", 12, 18, Verdict.WORSENED),
        ("gad-7", 15, 11, Verdict.IMPROVED),  # 4 fewer: reached
        ("gad-7", 15, 12, Verdict.WITHIN_ERROR),
        ("csi-16", 45, 52, Verdict.IMPROVED),  # 7 more, above 6.66
        ("csi-16", 45, 51, Verdict.WITHIN_ERROR),  # 6 more, below 6.66
        ("csi-16", 52, 45, Verdict.WORSENED),
        ("csi-16", 45, 45, Verdict.WITHIN_ERROR),
    ],
)
def test_reliable_change_worked_by_hand(name: str, before: int, after: int, verdict: Verdict) -> None:
    change = reliable_change(load(name), D(before), D(after))
    assert (change.verdict, change.points) == (verdict, D(after - before))
    assert change.reason.endswith(".")


def test_a_computed_threshold_must_be_passed_and_a_published_one_reached() -> None:
    published = threshold(load("phq-9"))
    assert published.met_by(D(-6))
    assert not replace(published, published=False).met_by(D(-6))


def test_the_reason_names_the_number() -> None:
    assert "6 points or more" in reliable_change(load("phq-9"), D(18), D(6)).reason
    assert "more than 6.66 points" in reliable_change(load("csi-16"), D(40), D(41)).reason


@pytest.mark.parametrize(
    ("name", "before", "after", "verdict"),
    [
        ("phq-9", 18, 9, ClinicalVerdict.RECOVERED),  # from a case (≥ 10) to none, 9 points
        ("phq-9", 18, 10, ClinicalVerdict.IMPROVED),  # 8 points, still a case
        ("phq-9", 9, 3, ClinicalVerdict.IMPROVED),  # never a case
        ("phq-9", 12, 9, ClinicalVerdict.UNCHANGED),  # crossed the line by 3 points only
        ("gad-7", 12, 7, ClinicalVerdict.RECOVERED),  # caseness is 8, not the screening line of 10
        ("gad-7", 13, 8, ClinicalVerdict.IMPROVED),
        ("csi-16", 44, 52, ClinicalVerdict.RECOVERED),  # across 51.5, 8 points
        ("csi-16", 40, 51, ClinicalVerdict.IMPROVED),  # 11 points, still below 51.5
        ("csi-16", 60, 50, ClinicalVerdict.WORSENED),
    ],
)
def test_clinically_significant_change_worked_by_hand(
    name: str, before: int, after: int, verdict: ClinicalVerdict
) -> None:
    assert clinically_significant_change(load(name), D(before), D(after)) is verdict


def test_percent_change_worked_by_hand() -> None:
    assert percent_change(D(20), D(12)) == -40  # −8 of 20
    assert percent_change(D(40), D(50)) == 25  # +10 of 40
    assert percent_change(D(0), D(5)) is None


@pytest.mark.parametrize("total", [D(-1), D(28)])
def test_a_total_the_instrument_cannot_give_is_refused(total: Decimal) -> None:
    with pytest.raises(ValueError, match="outside 0 to 27"):
        reliable_change(load("phq-9"), D(10), total)


@pytest.mark.parametrize(
    ("observations", "index"),
    [
        ([18, 14, 11, 9, 6], 2),  # 18 − 11 = 7 is the first of 6 or more, and all later keep it
        ([18, 11, 14, 9, 6], 3),  # 11 did not hold: 14 is only 4 fewer
        ([18, 17, 16, 15, 6], None),  # the last alone: nothing confirms it yet
        ([18, 6], None),  # two observations
        ([18, 6, 7], 1),
        ([18, 6, 14], None),
        ([None, 18, None, 11, 10], 3),  # without a total: passed over, but counted in the index
        ([18, 11, None], None),  # only two totals
        ([], None),
    ],
)
def test_the_first_reliable_change_that_held_worked_by_hand(
    observations: list[int | None], index: int | None
) -> None:
    totals = [None if total is None else D(total) for total in observations]
    assert first_reliable_change_that_held(totals, load("phq-9")) == index


def test_a_worsening_that_held_can_be_asked_for_too() -> None:
    totals = [D(5), D(12), D(13)]
    assert first_reliable_change_that_held(totals, load("phq-9")) is None
    assert first_reliable_change_that_held(totals, load("phq-9"), towards=Verdict.WORSENED) == 1


@pytest.mark.parametrize(
    ("observations", "verdict"),
    [
        ([20, 2], ResponseVerdict.TOO_FEW_OBSERVATIONS),
        ([20, None, 2], ResponseVerdict.TOO_FEW_OBSERVATIONS),
        ([20, 2, 3], ResponseVerdict.HELD),
        ([20, 19, 3], ResponseVerdict.NOT_HELD),
    ],
)
def test_nobody_is_called_a_responder_on_two_observations(
    observations: list[int | None], verdict: ResponseVerdict
) -> None:
    assert response([None if each is None else D(each) for each in observations], load("phq-9")) is verdict


@given(two_totals())
def test_going_back_is_the_opposite_of_going(case: tuple[Scale, Decimal, Decimal]) -> None:
    instrument, before, after = case
    there, back = reliable_change(instrument, before, after), reliable_change(instrument, after, before)
    opposite = {Verdict.IMPROVED: Verdict.WORSENED, Verdict.WORSENED: Verdict.IMPROVED}
    assert there.points == -back.points
    assert back.verdict is opposite.get(there.verdict, Verdict.WITHIN_ERROR)


@given(two_totals())
def test_improvement_is_always_towards_the_better_side(case: tuple[Scale, Decimal, Decimal]) -> None:
    instrument, before, after = case
    if reliable_change(instrument, before, after).verdict is Verdict.IMPROVED:
        assert (after < before) is (instrument.better is Better.LOWER)
    if before == after:
        assert reliable_change(instrument, before, after).verdict is Verdict.WITHIN_ERROR


@given(two_totals())
def test_recovery_is_always_also_reliable(case: tuple[Scale, Decimal, Decimal]) -> None:
    instrument, before, after = case
    if clinically_significant_change(instrument, before, after) is ClinicalVerdict.RECOVERED:
        assert reliable_change(instrument, before, after).verdict is Verdict.IMPROVED


@given(course())
def test_a_change_that_held_is_reliable_there_and_ever_after_and_not_just_before(
    case: tuple[Scale, list[Decimal | None]],
) -> None:
    instrument, totals = case
    index = first_reliable_change_that_held(totals, instrument)
    scored = [(place, total) for place, total in enumerate(totals) if total is not None]
    reliable = {
        place: reliable_change(instrument, scored[0][1], total).verdict is Verdict.IMPROVED
        for place, total in scored
    }
    holds = [
        place for place, _ in scored[:-1] if all(reliable[later] for later, _ in scored if later >= place)
    ]
    assert index == (holds[0] if len(scored) >= 3 and holds else None)


@given(st.integers(1, 40), st.integers(1, 98))
def test_the_better_the_measure_the_smaller_the_change_that_counts(deviation: int, hundredths: int) -> None:
    steps = [reliable_change_index(D(deviation), D(each) / 100) for each in (hundredths, hundredths + 1)]
    assert all(worse > better for worse, better in pairwise(steps))
