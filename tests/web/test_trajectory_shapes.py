"""A small chart keeps inside its frame, puts more above less, tiles its bands, and marks what it is told to mark."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.instrument import Scale
from bothwell.web.score import Dose, Side
from bothwell.web.score_shapes import Box, Place, box_of
from bothwell.web.trajectory_shapes import (
    BOTTOM,
    FIRST_X,
    LABEL_ROOM,
    LAST_X,
    LEFT,
    LETTER,
    POINTS_TO_TOUCH,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Chart,
    Observation,
    Rise,
    draw,
    mark_size,
    months,
    strips,
)

SCALES = [scale for each in all_instruments() for scale in each.scales]
DAYS = st.dates(date(2023, 1, 1), date(2027, 12, 31))
scales = st.sampled_from(SCALES)
sides = st.sampled_from(Side)


@st.composite
def courses(draws: st.DrawFn) -> tuple[Scale, list[Observation]]:
    """A score with totals anywhere on it, oldest first, some of them missing."""
    scale = draws(scales)
    total = st.none() | st.decimals(scale.least, scale.most, places=2)
    found = draws(st.lists(st.tuples(DAYS, total), min_size=1, max_size=40))
    return scale, sorted(found, key=lambda each: each[0])


def drawn(course: tuple[Scale, list[Observation]], side: Side = Side.A, **more: object) -> Chart:
    scale, observations = course
    axis = Axis(observations[0][0], observations[-1][0])
    return draw(observations, scale, axis, side, **more)  # type: ignore[arg-type]


# ── inside, above, beside ────────────────────────────────────────────────────────────────────────


@given(courses(), sides)
def test_every_point_stands_inside_the_panel(course: tuple[Scale, list[Observation]], side: Side) -> None:
    chart = drawn(course, side)
    assert len(chart.points) == sum(total is not None for _, total in course[1])
    for point in chart.points:
        assert FIRST_X <= point.x <= LAST_X
        assert TOP < point.y < BOTTOM


@given(scales, st.data())
def test_more_stands_above_less_and_never_outside_whatever_was_stored(
    scale: Scale, data: st.DataObject
) -> None:
    rise = Rise(scale.least, scale.most)
    some = st.decimals(scale.least - 10, scale.most + 10, places=2)
    one, two = sorted((data.draw(some), data.draw(some)))
    assert BOTTOM > rise.y(one) >= rise.y(two) > TOP
    if scale.least <= one and two <= scale.most and (two - one) * 100 >= scale.most - scale.least:
        assert rise.y(one) > rise.y(two)


@given(DAYS, st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000))
def test_later_stands_further_right(begins: date, length: int, one: int, two: int) -> None:
    axis = Axis(begins, begins + timedelta(days=length))
    first, second = (begins + timedelta(days=min(each, length)) for each in sorted((one, two)))
    assert FIRST_X <= axis.x(first) <= axis.x(second) <= LAST_X


@given(courses())
def test_what_the_axis_does_not_hold_leaves_no_mark(course: tuple[Scale, list[Observation]]) -> None:
    scale, observations = course
    day_before = observations[0][0] - timedelta(days=1)
    chart = draw(
        observations, scale, Axis(day_before, day_before), Side.A, doses=[Dose(observations[0][0], 1)]
    )
    assert (chart.points, chart.polylines, chart.open, chart.filled) == ((), (), "", "")
    assert (chart.first, chart.last, chart.doses) == (None, None, ())


# ── bands and cut-offs ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("scale", [each for each in SCALES if each.bands], ids=lambda scale: scale.id)
def test_bands_tile_the_panel_without_gap_or_overlap(scale: Scale) -> None:
    tiles = strips(scale, Rise(scale.least, scale.most))
    assert len(tiles) == len(scale.bands)
    assert tiles[0].y + tiles[0].height == pytest.approx(BOTTOM, abs=0.1)
    assert tiles[-1].y == TOP
    for lower, upper in pairwise(tiles):
        assert upper.y + upper.height == pytest.approx(lower.y, abs=0.11)
        assert upper.height > 0


@given(courses())
def test_a_total_stands_in_the_strip_of_its_band(course: tuple[Scale, list[Observation]]) -> None:
    scale, observations = course
    rise = Rise(scale.least, scale.most)
    ordered = sorted(scale.bands, key=lambda band: band.from_total)
    tiles = strips(scale, rise)
    for total in (each for _, each in observations if each is not None):
        band = scale.band(total)
        if band is not None:
            tile = tiles[ordered.index(band)]
            assert tile.y - 0.2 <= rise.y(total) <= tile.y + tile.height + 0.2


@given(courses(), sides)
def test_no_name_of_a_band_lies_on_the_line_or_outside(
    course: tuple[Scale, list[Observation]], side: Side
) -> None:
    chart = drawn(course, side)
    marks = [Box(each.x - 4, each.y - 4, each.x + 4, each.y + 4) for each in chart.points]
    for strip in chart.strips:
        if strip.name:
            box = box_of(strip.name, LETTER - 2)
            assert not any(box.touches(mark) for mark in marks)
            assert box.left > LEFT
            assert box.right < RIGHT
            assert strip.y < box.top
            assert box.bottom < strip.y + strip.height + 1


@given(courses())
def test_a_plain_chart_names_no_band_and_draws_no_cutoff(course: tuple[Scale, list[Observation]]) -> None:
    chart = drawn(course, is_plain=True)
    assert [strip.name for strip in chart.strips] == [None] * len(chart.strips)
    assert chart.cutoffs == ()
    assert {tick.words for tick in chart.ticks} == {
        f"{end.normalize():f}" for end in (course[0].least, course[0].most)
    }


@given(courses())
def test_the_numbers_of_the_axis_do_not_touch(course: tuple[Scale, list[Observation]]) -> None:
    ys = sorted(tick.y for tick in drawn(course).ticks)
    assert all(two - one >= 12 for one, two in pairwise(ys))


# ── marks ────────────────────────────────────────────────────────────────────────────────────────


@given(courses(), sides, st.sets(st.integers(0, 39)))
def test_each_total_has_one_mark_filled_where_it_is_reliable(
    course: tuple[Scale, list[Observation]], side: Side, reliable: set[int]
) -> None:
    chart = drawn(course, side, reliable=reliable)
    with_total = [index for index, (_, total) in enumerate(course[1]) if total is not None]
    assert chart.filled.count("M") == sum(index in reliable for index in with_total)
    assert chart.open.count("M") == sum(index not in reliable for index in with_total)


@given(courses())
def test_a_day_without_a_total_breaks_the_line(course: tuple[Scale, list[Observation]]) -> None:
    runs = "".join("." if total is None else "x" for _, total in course[1]).split(".")
    lengths = [len(run) for run in runs if run]
    assert [len(line.split()) for line in drawn(course).polylines] == lengths


def test_the_ring_stands_where_the_change_that_held_began() -> None:
    phq = next(each for each in all_instruments() if each.id == "phq-9").measure
    days: list[Observation] = [
        (date(2026, 9, 1) + timedelta(weeks=week), Decimal(total)) for week, total in enumerate((18, 11, 8))
    ]
    chart = draw(days, phq, Axis(days[0][0], days[-1][0]), Side.A, held=1)
    assert chart.ring == chart.points[1]
    assert draw(days, phq, Axis(days[0][0], days[-1][0]), Side.A).ring is None


@given(st.integers(2, 400))
def test_marks_shrink_before_they_hide_each_other(number: int) -> None:
    places = [Place(FIRST_X + (LAST_X - FIRST_X) * each / (number - 1), 80, "") for each in range(number)]
    assert 1.7 <= mark_size(places) <= 4.2
    if number <= 60:
        assert 2 * mark_size(places) <= places[1].x - places[0].x


@given(courses())
def test_points_answer_to_a_pointer_only_where_there_is_room(course: tuple[Scale, list[Observation]]) -> None:
    assert drawn(course).touched == drawn(course).points
    scale, _ = course
    weekly: list[Observation] = [
        (date(2023, 1, 1) + timedelta(weeks=week), scale.least) for week in range(POINTS_TO_TOUCH + 1)
    ]
    assert drawn((scale, weekly)).touched == ()


def test_a_planned_session_is_no_session_that_was() -> None:
    phq = next(each for each in all_instruments() if each.id == "phq-9").measure
    axis = Axis(date(2026, 9, 1), date(2026, 11, 1))
    doses = [Dose(date(2026, 9, 20), 1), Dose(date(2026, 10, 20), 2, planned=True)]
    assert [mark.words for mark in draw([], phq, axis, Side.B, doses=doses).doses] == [
        "Dosing session 1, 20 Sep 2026"
    ]


# ── months ───────────────────────────────────────────────────────────────────────────────────────


@given(DAYS, st.integers(0, 8000))
def test_names_of_months_never_touch_and_there_is_always_a_day(begins: date, length: int) -> None:
    named = months(Axis(begins, begins + timedelta(days=length)))
    assert named
    assert all(two.x - one.x >= LABEL_ROOM for one, two in pairwise(named))
    assert all(FIRST_X <= each.x <= WIDTH - 30 for each in named)


def test_three_years_are_told_apart_by_their_januaries() -> None:
    named = [each.words for each in months(Axis(date(2023, 11, 6), date(2026, 11, 2)))]
    assert [words for words in named if words.isdigit()] == ["2024", "2025", "2026"]
