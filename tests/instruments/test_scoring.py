"""Scores worked by hand, and what must hold for any answers at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments.catalogue import all_instruments, load
from bothwell.instruments.fhir_forms import DATA_ABSENT_REASON, answers_to_fhir, score_link_id
from bothwell.instruments.instrument import How, Instrument, Item, ItemType
from bothwell.instruments.scoring import (
    ProblemKind,
    UnknownAnswer,
    UnknownItem,
    items_asked,
    score,
)

INSTRUMENTS = st.sampled_from([each for each in all_instruments() if each.scales])


def by_points(instrument: Instrument, points: list[int]) -> dict[str, str | None]:
    """Answers to the scored items, chosen by the points printed beside them."""
    pairs = zip(instrument.scored_items, points, strict=True)
    return {
        item.link_id: next(each.code for each in item.options if each.points == wanted)
        for item, wanted in pairs
    }


def some_answers(item: Item) -> st.SearchStrategy[str]:
    """Any answer this item takes."""
    match item.type:
        case ItemType.CHOICE | ItemType.BOOLEAN:
            return st.sampled_from([option.code for option in item.options])
        case ItemType.INTEGER | ItemType.DECIMAL:
            return st.integers(int(item.lowest or 0), int(item.highest or 100)).map(str)
        case ItemType.DATE:
            return st.dates().map(str)
        case ItemType.TEXT:
            return st.text(min_size=1).filter(str.strip)


@st.composite
def answered(draw: st.DrawFn, *, whole: bool = False) -> tuple[Instrument, dict[str, str | None]]:
    """An instrument with any answers: each item answered, declined or left out (or all answered)."""
    instrument = draw(INSTRUMENTS)
    answers: dict[str, str | None] = {}
    for item in instrument.items:
        fate = (
            "answered" if whole else draw(st.sampled_from(["answered", "answered", "declined", "left out"]))
        )
        if fate != "left out":
            answers[item.link_id] = draw(some_answers(item)) if fate == "answered" else None
    return instrument, answers


def with_reversed(instrument: Instrument, link_id: str) -> Instrument:
    """The same instrument with one item turned round; under another version, for keys are kept by it."""
    turned = tuple(
        replace(item, reverse=not item.reverse) if item.link_id == link_id else item
        for item in instrument.items
    )
    return replace(instrument, items=turned, version=f"{instrument.version}, {link_id} turned")


# --- worked by hand ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "total", "band"),
    [
        ([1, 1, 1, 1, 1, 1, 1, 1, 1], 9, "mild"),  # 9 × 1 = 9; mild is 5 to 9
        ([2, 2, 2, 2, 2, 2, 2, 2, 0], 16, "moderately severe"),  # 8 × 2 + 0 = 16; 15 to 19
        ([0, 0, 0, 0, 0, 0, 0, 0, 0], 0, "minimal"),
        ([3, 3, 3, 3, 3, 3, 3, 3, 3], 27, "severe"),  # 9 × 3 = 27
        ([1, 1, 1, 1, 0, 0, 0, 0, 0], 4, "minimal"),
        ([1, 1, 1, 1, 1, 0, 0, 0, 0], 5, "mild"),
        ([2, 2, 2, 2, 2, 0, 0, 0, 0], 10, "moderate"),  # 5 × 2 = 10; 10 to 14
        ([3, 3, 3, 3, 2, 0, 0, 0, 0], 14, "moderate"),  # 4 × 3 + 2 = 14
        ([3, 3, 3, 3, 3, 0, 0, 0, 0], 15, "moderately severe"),
        ([3, 3, 3, 3, 3, 3, 1, 0, 0], 19, "moderately severe"),  # 6 × 3 + 1 = 19
        ([3, 3, 3, 3, 3, 3, 2, 0, 0], 20, "severe"),  # 6 × 3 + 2 = 20
    ],
)
def test_phq_9_totals_and_bands_worked_by_hand(points: list[int], total: int, band: str) -> None:
    phq9 = load("phq-9")
    result = score(phq9, by_points(phq9, points))
    assert result.band is not None
    assert (result.total, result.band.name) == (Decimal(total), band)


@pytest.mark.parametrize(
    ("points", "total", "band"),
    [
        ([0, 0, 0, 0, 0, 0, 0], 0, "minimal"),
        ([1, 1, 1, 1, 0, 0, 0], 4, "minimal"),
        ([1, 1, 1, 1, 1, 0, 0], 5, "mild"),
        ([3, 3, 3, 0, 0, 0, 0], 9, "mild"),  # 3 × 3 = 9
        ([3, 3, 3, 1, 0, 0, 0], 10, "moderate"),  # 3 × 3 + 1 = 10
        ([2, 2, 2, 2, 2, 2, 2], 14, "moderate"),  # 7 × 2 = 14
        ([3, 3, 3, 3, 3, 0, 0], 15, "severe"),  # 5 × 3 = 15
        ([3, 3, 3, 3, 3, 3, 3], 21, "severe"),  # 7 × 3 = 21
    ],
)
def test_gad_7_totals_and_bands_worked_by_hand(points: list[int], total: int, band: str) -> None:
    gad7 = load("gad-7")
    result = score(gad7, by_points(gad7, points))
    assert result.band is not None
    assert (result.total, result.band.name) == (Decimal(total), band)


@pytest.mark.parametrize(
    ("points", "total", "band", "distressed"),
    [
        ([6] + [5] * 15, 81, "no notable dissatisfaction", False),  # 6 + 15 × 5 = 81, the best
        ([0] * 16, 0, "notable dissatisfaction", True),  # the worst
        ([6] + [3] * 15, 51, "notable dissatisfaction", True),  # 6 + 15 × 3 = 51 < 51.5
        ([6] + [3] * 14 + [4], 52, "no notable dissatisfaction", False),  # 6 + 14 × 3 + 4 = 52 > 51.5
    ],
)
def test_csi_16_totals_worked_by_hand(points: list[int], total: int, band: str, distressed: bool) -> None:
    csi16 = load("csi-16")
    result = score(csi16, by_points(csi16, points))
    cutoff = csi16.measure.change_cutoff()
    assert result.band is not None
    assert result.total is not None
    assert cutoff is not None
    assert (result.total, result.band.name, cutoff.is_case(result.total)) == (
        Decimal(total),
        band,
        distressed,
    )


def test_csi_16_always_choosing_the_leftmost_word_or_box_adds_up_the_printed_scales() -> None:
    csi16 = load("csi-16")
    leftmost: dict[str, str | None] = {item.link_id: item.options[0].code for item in csi16.items}
    # item 2 starts at 5; word pairs 11, 13, 14, 16 start at 5, pairs 12 and 15 at 0; all others start at 0
    assert score(csi16, leftmost).total == 5 + 4 * 5 + 2 * 0 + 9 * 0


def test_the_difficulty_question_of_the_phq_9_adds_nothing() -> None:
    phq9 = load("phq-9")
    answers = by_points(phq9, [1] * 9)
    assert score(phq9, answers | {"phq9-difficulty": "LA6574-3"}) == score(phq9, answers)


# --- flags and missing answers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ninth", "flags"), [(0, ()), (1, ("suicide",)), (2, ("suicide",)), (3, ("suicide",))]
)
def test_the_ninth_item_of_the_phq_9_above_zero_raises_the_suicide_flag(
    ninth: int, flags: tuple[str, ...]
) -> None:
    phq9 = load("phq-9")
    assert score(phq9, by_points(phq9, [2] * 8 + [ninth])).flags == flags


def test_the_flag_is_raised_even_when_nothing_else_was_answered() -> None:
    result = score(load("phq-9"), {"phq9-9": "LA6569-3"})
    assert result.flags == ("suicide",)
    assert result.total is None


@pytest.mark.parametrize("rest", [{}, {"phq9-9": None}])
def test_a_ninth_item_left_open_is_itself_a_problem_to_look_at(rest: dict[str, str | None]) -> None:
    phq9 = load("phq-9")
    answers = {key: code for key, code in by_points(phq9, [0] * 9).items() if key != "phq9-9"} | rest
    kinds = {problem.kind for problem in score(phq9, answers).problems}
    assert ProblemKind.SAFETY_ITEM_OPEN in kinds
    assert (ProblemKind.DECLINED in kinds) is bool(rest)
    assert (ProblemKind.NOT_ANSWERED in kinds) is not bool(rest)


def test_a_missing_answer_leaves_no_total_but_the_bounds_it_could_have() -> None:
    gad7 = load("gad-7")
    answers = by_points(gad7, [3, 3, 3, 3, 3, 0, 0]) | {"gad7-7": None}
    del answers["gad7-6"]
    result = score(gad7, answers)
    # five threes are 15; two open items could add 0 to 6
    assert (result.total, result.band) == (None, None)
    assert (result.at_least, result.at_most) == (Decimal(15), Decimal(21))
    assert (result.scales[0].answered, result.missing) == (5, ("gad7-6", "gad7-7"))


def test_an_unknown_item_or_answer_is_refused_by_the_name_of_the_item_only() -> None:
    gad7 = load("gad-7")
    with pytest.raises(UnknownItem, match="phq9-9"):
        score(gad7, {"phq9-9": "LA6568-5"})
    with pytest.raises(UnknownAnswer, match="gad7-2") as refused:
        score(gad7, {"gad7-2": "something private"})
    assert "private" not in str(refused.value)
    assert refused.value.link_id == "gad7-2"


# --- what holds for any answers ---------------------------------------------------------------------------


@given(answered())
def test_totals_and_bounds_stay_within_every_scale(case: tuple[Instrument, dict[str, str | None]]) -> None:
    instrument, answers = case
    result = score(instrument, answers)
    for each in result.scales:
        assert each.total is None or each.scale.least <= each.total <= each.scale.most
        assert each.total is None or (each.band is not None) is bool(each.scale.bands)
        assert set(each.missing) <= set(each.scale.items)
        assert each.answered + len(each.missing) <= len(each.scale.items)
    if instrument.main is not None and result.missing:
        assert result.at_least is not None
        assert result.at_most is not None
        assert instrument.measure.least <= result.at_least <= result.at_most <= instrument.measure.most


@given(answered())
def test_there_is_a_total_exactly_when_no_more_is_missing_than_the_rule_allows(
    case: tuple[Instrument, dict[str, str | None]],
) -> None:
    instrument, answers = case
    asked = {item.link_id for item in items_asked(instrument, answers)}
    for each in score(instrument, answers).scales:
        due = [link_id for link_id in each.scale.items if link_id in asked]
        missing = [link_id for link_id in due if answers.get(link_id) is None]
        if due:
            allowed = len(missing) <= each.scale.missing.at_most and len(missing) < len(due)
            assert (each.total is not None) is allowed


@given(answered(whole=True), st.data())
def test_filling_in_open_answers_never_leaves_the_bounds(
    case: tuple[Instrument, dict[str, str | None]], data: st.DataObject
) -> None:
    instrument, answers = case
    if instrument.main is None or any(item.asked_when for item in instrument.items):
        return
    left_out = data.draw(st.sets(st.sampled_from(sorted(answers))))
    partial = score(instrument, {key: code for key, code in answers.items() if key not in left_out})
    whole = score(instrument, answers).total
    assert whole is not None
    assert partial.at_least is not None
    assert partial.at_most is not None
    assert partial.at_least <= whole <= partial.at_most


@given(answered(whole=True), st.data(), st.booleans())
def test_more_points_on_one_item_never_lower_a_total_and_never_raise_it_when_the_item_is_reversed(
    case: tuple[Instrument, dict[str, str | None]], data: st.DataObject, turned: bool
) -> None:
    instrument, answers = case
    item: Item = data.draw(st.sampled_from(instrument.scored_items))
    asked = {test.item for each in instrument.items for test in each.asked_when}
    if item.link_id in asked or item.asked_when:
        return
    instrument = with_reversed(instrument, item.link_id) if turned else instrument
    reverse = item.reverse is not turned
    other = data.draw(some_answers(item))
    moved = (item.points(other) or Decimal(0)) - (item.points(answers[item.link_id] or "") or Decimal(0))
    before, after = score(instrument, answers), score(instrument, answers | {item.link_id: other})
    for first, second in zip(before.scales, after.scales, strict=True):
        if item.link_id not in first.scale.items:
            assert first.total == second.total
            continue
        if first.total is None or second.total is None:
            continue
        change = (second.total - first.total) * (-1 if reverse else 1)
        assert change * moved >= 0
        if first.scale.how is How.SUM:
            assert change == moved * first.scale.times


@given(answered(whole=True))
def test_turning_every_item_and_every_answer_round_leaves_sums_as_they_were(
    case: tuple[Instrument, dict[str, str | None]],
) -> None:
    instrument, answers = case
    if any(item.asked_when or not item.options for item in instrument.items):
        return
    opposite: dict[str, str | None] = {}
    turned = instrument
    for item in instrument.scored_items:
        option = item.option(answers[item.link_id] or "")
        assert option is not None
        mirrored = next((o for o in item.options if o.points == item.least + item.most - option.points), None)
        if mirrored is None:  # steps of unlike size have no mirror image
            return
        opposite[item.link_id] = mirrored.code
        turned = with_reversed(turned, item.link_id)
    found = {each.scale.id: each.total for each in score(turned, answers | opposite).scales}
    assert found == {each.scale.id: each.total for each in score(instrument, answers).scales}


def test_a_mean_may_be_filled_in_and_a_reversed_item_counts_turned_round() -> None:
    core10 = load("core-10")
    calm = {
        item.link_id: next(o.code for o in item.options if o.points == (4 if item.reverse else 0))
        for item in core10.items
    }
    assert score(core10, calm).total == 0
    # nine items of 2 each, one left open: 18 · 10 / 9 = 20
    middle: dict[str, str | None] = {
        item.link_id: next(o.code for o in item.options if o.points == 2) for item in core10.items
    }
    filled = score(core10, middle | {core10.items[4].link_id: None})
    assert filled.total == 20
    assert ProblemKind.FILLED_IN in {problem.kind for problem in filled.problems}


def test_questions_that_the_answers_leave_unasked_are_neither_missing_nor_counted() -> None:
    screen = load("pc-ptsd-5")
    gate, *rest = screen.items
    asked = score(screen, {gate.link_id: "false"} | {item.link_id: "true" for item in rest})
    assert (asked.total, asked.missing) == (Decimal(0), ())
    assert items_asked(screen, {gate.link_id: "true"}) == screen.items
    assert score(screen, {gate.link_id: None}).total is None


@given(answered())
def test_the_order_of_the_answers_does_not_matter(case: tuple[Instrument, dict[str, str | None]]) -> None:
    instrument, answers = case
    turned = dict(reversed(answers.items()))
    assert score(instrument, turned) == score(instrument, answers)


# --- the response as FHIR ---------------------------------------------------------------------------------


def test_a_response_keeps_the_tree_marks_the_declined_and_leaves_out_the_unanswered() -> None:
    phq9 = load("phq-9")
    at = datetime(2026, 10, 13, 8, 30, tzinfo=UTC)
    response = answers_to_fhir(
        phq9,
        {"phq9-1": "LA6570-1", "phq9-9": None},
        subject="Patient/1",
        authored_at=at,
        status="in-progress",
    )
    assert response["questionnaire"] == f"urn:bothwell:questionnaire:phq-9|{phq9.version}"
    assert (response["status"], response["authored"]) == ("in-progress", "2026-10-13T08:30:00+00:00")
    (group,) = response["item"]
    first, ninth = group["item"]
    assert first["answer"] == [
        {
            "valueCoding": {
                "system": "http://loinc.org",
                "code": "LA6570-1",
                "display": "More than half the days",
            }
        }
    ]
    assert ninth["extension"] == [{"url": DATA_ABSENT_REASON, "valueCode": "asked-declined"}]
    assert "answer" not in ninth


def test_a_complete_response_carries_the_total_and_an_empty_one_has_no_items() -> None:
    gad7 = load("gad-7")
    items = answers_to_fhir(gad7, by_points(gad7, [2] * 7))["item"]
    assert items[-1]["linkId"] == score_link_id(gad7, gad7.measure)
    assert items[-1]["answer"] == [{"valueDecimal": 14}]
    assert "item" not in answers_to_fhir(gad7, {})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        answers_to_fhir(load("gad-7"), {}, authored_at=datetime(2026, 1, 1))


def test_totals_are_exact_decimals() -> None:
    gad7 = load("gad-7")
    assert isinstance(score(gad7, by_points(gad7, [1] * 7)).total, Decimal)
