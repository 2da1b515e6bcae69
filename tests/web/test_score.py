"""The score says what the totals say, stays inside its paper, and shows nobody what they may not see."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import pytest
from django.template.loader import render_to_string
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from bothwell.instruments import catalogue
from bothwell.instruments.instrument import Better, Instrument
from bothwell.web import score_page, score_shapes, score_upright, score_wide, spark
from bothwell.web.score import (
    CouplesSession,
    Dose,
    Exercise,
    Line,
    SessionState,
    SharedInsight,
    Side,
    Story,
    Voice,
    describe,
    describe_line,
    headline,
    held_change,
    rows,
    signed,
)
from bothwell.web.score_shapes import (
    A_EDGE,
    B_EDGE,
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Box,
    Days,
    Text,
    box_of,
    first_free,
    months,
)

BEGINS, TODAY, ENDS = date(2026, 9, 1), date(2026, 11, 19), date(2026, 12, 6)
AMARA = (18, 17, 18, 17, 16, 13, 11, 12, 9, 8, 8, 6)
BEN = (15, 15, 14, 15, 14, 13, 13, 14, 12, 9, 8, 7)


def weekly(code: str, totals: tuple[int, ...]) -> Line:
    return Line(
        catalogue.load(code),
        tuple((BEGINS + timedelta(weeks=week), Decimal(total)) for week, total in enumerate(totals)),
    )


def otherwise(code: str, **changed: Any) -> Instrument:
    """An instrument of the catalogue whose main scale is another in some way."""
    instrument = catalogue.load(code)
    return replace(instrument, scales=(replace(instrument.measure, **changed),))


def story() -> Story:
    """Amara and Ben, as in the demo clinic."""
    return Story(
        a=Voice(Side.A, "Amara", weekly("phq-9", AMARA), "", (Dose(date(2026, 10, 1), 1),)),
        b=Voice(
            Side.B, "Ben", weekly("gad-7", BEN), "Ben’s line is his own", (Dose(date(2026, 11, 24), 4, True),)
        ),
        begins=BEGINS,
        ends=ENDS,
        today=TODAY,
        sessions=(
            CouplesSession(date(2026, 11, 5), 5),
            CouplesSession(TODAY, 6, SessionState.TODAY),
            CouplesSession(date(2026, 12, 3), 7, SessionState.PLANNED),
        ),
        insights=(
            SharedInsight(Side.A, date(2026, 10, 2), date(2026, 11, 5), "I hide when I have failed you"),
            SharedInsight(Side.B, date(2026, 11, 11), None),
        ),
        exercises=(
            Exercise(
                "Ten minutes in the evening",
                date(2026, 10, 15),
                date(2026, 11, 26),
                ((date(2026, 10, 20), True), (date(2026, 10, 27), False)),
            ),
        ),
    )


# ── what it says ─────────────────────────────────────────────────────────────────────────────────


def test_the_first_reliable_change_that_held_carries_its_day_and_points() -> None:
    held = held_change(weekly("phq-9", AMARA))
    assert held is not None
    assert (held.on, held.points, held.better) == (date(2026, 10, 13), Decimal(-7), True)
    assert held.words == "reliable change, −7"


def test_a_reliable_worsening_is_said_as_plainly() -> None:
    held = held_change(weekly("gad-7", (4, 5, 9, 10, 11)))
    assert held is not None
    assert held.words == "reliably worse, +5"


def test_a_change_that_only_touched_is_not_called_held() -> None:
    assert held_change(weekly("phq-9", (18, 10, 17, 16, 11))) is None


def test_the_headline_names_both_and_since_when() -> None:
    assert headline(story()) == "Both reliably improved: Amara since 13 October, Ben since 3 November"


def test_the_headline_never_says_both_when_one_line_is_absent() -> None:
    alone = replace(story(), b=replace(story().b, line=None))
    assert headline(alone) == "Reliably improved: Amara since 13 October"
    nobody = replace(alone, a=replace(alone.a, line=None))
    assert headline(nobody) == ""


def test_the_table_holds_everything_the_picture_shows_oldest_first() -> None:
    told = rows(story())
    assert [row.on for row in told] == sorted(row.on for row in told)
    assert sum(row.what == "PHQ-9" for row in told) == len(AMARA)
    assert {row.value for row in told if row.what == "Ten minutes in the evening"} == {"done", "missed"}
    assert any(row.what == "Insight shared" and row.value.endswith("”, taken up on 5 Nov") for row in told)


@pytest.mark.parametrize(
    ("totals", "said"),
    [((11,), "11, answered once,"), ((11, 12, 11), "11, as at the first,"), ((11, 9), "from 11 to 9,")],
)
def test_a_line_that_ends_where_it_began_is_not_said_to_have_moved(
    totals: tuple[int, ...], said: str
) -> None:
    assert describe_line("Ben", weekly("phq-9", totals)) == f"Ben, PHQ-9: {said} lower is better."


@given(on=st.integers(-75, 120), long=st.booleans())
def test_the_words_of_today_never_lie_on_the_name_of_a_month(on: int, long: bool) -> None:
    today = TODAY + timedelta(days=on)
    told = replace(
        story(), today=today, begins=BEGINS - timedelta(days=200 * long), ends=ENDS + timedelta(days=120)
    )
    score = score_wide.draw(told)
    assert score.today_x is not None
    pill = Box(score.today_words_x - 48, 6, score.today_words_x + 48, 30)
    assert LEFT <= pill.left < pill.right <= WIDTH
    named = [box_of(Text(month.x + 8, 18, month.label), 13, 0.62) for month in score.months if month.label]
    assert named
    assert not [box for box in named if box.touches(pill)]


@pytest.mark.parametrize(("points", "said"), [(-7, "−7"), (4, "+4"), (Decimal("-10.00"), "−10")])
def test_a_change_is_written_with_a_true_minus_and_no_noughts(points: Decimal, said: str) -> None:
    assert signed(Decimal(points)) == said


# ── where it stands ──────────────────────────────────────────────────────────────────────────────


def test_mirrored_towards_us_is_better_for_both() -> None:
    score = score_wide.draw(story())
    assert score.a.points[-1].y > score.a.points[0].y
    assert score.b.points[-1].y < score.b.points[0].y


def test_unmirrored_numbers_rise_upwards_on_both_sides() -> None:
    score = score_wide.draw(story(), mirrored=False)
    assert score.a.points[-1].y > score.a.points[0].y
    assert score.b.points[-1].y > score.b.points[0].y


@given(
    better=st.sampled_from(Better),
    side=st.sampled_from(Side),
    totals=st.tuples(st.integers(0, 27), st.integers(0, 27)),
)
def test_mirrored_the_better_total_is_never_further_from_us(
    better: Better, side: Side, totals: tuple[int, int]
) -> None:
    line = Line(otherwise("phq-9", better=better), ())
    scale = score_shapes.scale(line, side, mirrored=True)
    edge = A_EDGE if side is Side.A else B_EDGE
    one, other = (abs(scale.y(Decimal(total)) - edge) for total in totals)
    one_is_better = (totals[0] < totals[1]) is (better is Better.LOWER)
    if totals[0] != totals[1]:
        assert (one < other) is one_is_better


@given(totals=st.lists(st.integers(0, 27), min_size=1, max_size=13), mirrored=st.booleans())
def test_whatever_the_totals_every_mark_and_word_stays_on_the_paper(
    totals: list[int], mirrored: bool
) -> None:
    told = replace(story(), a=replace(story().a, line=weekly("phq-9", tuple(totals))))
    score = score_wide.draw(told, mirrored=mirrored)
    for side in score.sides:
        words = [side.first, side.last, side.ring_label, *side.quotes]
        for place in [*side.points, *(text for text in words if text)]:
            assert LEFT <= place.x <= RIGHT
            assert 0 <= place.y <= HEIGHT
    assert all(score.a.points[i].y < A_EDGE for i in range(len(score.a.points)))


@pytest.mark.parametrize("weeks", range(8, 12))
def test_a_change_however_late_is_not_written_over_the_name_of_a_band(weeks: int) -> None:
    totals = (14,) * weeks + (9, 8, 7)
    told = replace(story(), b=replace(story().b, line=weekly("phq-9", totals)))
    side = score_wide.draw(told).b
    assert side.ring_label
    label = box_of(side.ring_label, 12.5)
    names = [box_of(Text(1000, band.name_y, band.name, "end"), 11.5) for band in side.bands if band.name]
    assert names and not any(label.touches(name) for name in names)


def test_bands_fill_a_side_from_edge_to_border_without_gap_or_overlap() -> None:
    for mirrored in (True, False):
        for side in score_wide.draw(story(), mirrored=mirrored).sides:
            strips = sorted(side.bands, key=lambda strip: strip.y)
            assert min(strips[0].y, side.edge_y) == min(side.edge_y, side.outer_y)
            for upper, lower in pairwise(strips):
                assert upper.y + upper.height == pytest.approx(lower.y)
            assert strips[-1].y + strips[-1].height == pytest.approx(max(side.edge_y, side.outer_y))


def test_an_instrument_without_bands_or_published_change_is_drawn_all_the_same() -> None:
    bare = otherwise("phq-9", bands=(), published_change=None, reliability=None)
    line = Line(bare, tuple((on, total) for on, total in weekly("phq-9", AMARA).totals))
    score = score_wide.draw(replace(story(), a=replace(story().a, line=line)))
    assert score.a.bands == ()
    assert score.a.ring is None
    assert score.a.polyline
    assert score.key == "GAD-7 ≥ 4 points"


def test_words_stand_above_the_lines_that_would_cross_them() -> None:
    page = render_to_string("parts/score.svg.html", {"score": score_wide.draw(story())})
    for words in ("s-bandname", "s-ringname"):
        assert page.index(f'class="{words}') > page.index('class="s-today"><path')
        assert page.index(f'class="{words}') > page.index('class="s-dose a"><path')


def test_a_story_of_which_nothing_has_happened_is_empty_and_any_mark_ends_that() -> None:
    none = replace(story().a, line=None, doses=()), replace(story().b, line=None, doses=())
    bare = Story(*none, begins=BEGINS, ends=ENDS, today=TODAY)
    assert score_wide.draw(bare).is_empty
    planned = CouplesSession(TODAY + timedelta(days=4), 1, SessionState.PLANNED)
    assert score_wide.draw(replace(bare, sessions=(planned,))).is_empty
    held = replace(planned, on=TODAY - timedelta(days=4), state=SessionState.HELD)
    assert not score_wide.draw(replace(bare, sessions=(held,))).is_empty
    assert not score_wide.draw(replace(bare, a=story().a)).is_empty
    assert not score_wide.draw(story()).is_empty


@pytest.mark.parametrize("own", Side)
def test_what_the_other_has_not_given_is_not_in_the_wide_picture_whatever_was_handed_in(own: Side) -> None:
    """A partner's wide picture keeps the rule of the upright one by itself."""
    shown = score_page._one_side(story(), own)
    mine, theirs = (shown.a, shown.b) if own is Side.A else (shown.b, shown.a)
    assert mine.line is not None and mine.doses
    assert (theirs.line, theirs.doses) == (None, ())


def test_words_never_lie_on_one_another() -> None:
    taken = [Box(200, 90, 300, 110)]
    assert first_free([Text(210, 105, "here")], 12, taken) is None
    assert first_free([Text(210, 105, "here"), Text(210, 140, "here")], 12, taken) == Text(210, 140, "here")
    assert first_free([Text(215, 140, "on top")], 12, taken) is None


def test_a_story_of_one_day_and_one_of_three_years_can_both_be_drawn() -> None:
    for ends in (BEGINS, date(2029, 9, 1)):
        score = score_wide.draw(replace(story(), ends=ends))
        labelled = [month.x for month in score.months if month.label]
        assert all(later - earlier >= 36 for earlier, later in pairwise(labelled))
        assert score_upright.draw(replace(story(), ends=ends), Side.A).height > 0


def test_three_years_are_thin_and_every_january_is_called_by_its_year() -> None:
    begins, ends = date(2026, 9, 1), date(2029, 9, 1)
    weeks = range((ends - begins).days // 7)
    line = Line(
        catalogue.load("phq-9"), tuple((begins + timedelta(weeks=w), Decimal(20 - w // 12)) for w in weeks)
    )
    told = replace(
        story(),
        a=replace(story().a, line=line),
        begins=begins,
        ends=ends,
        today=date(2029, 8, 20),
        sessions=tuple(CouplesSession(begins + timedelta(weeks=w), w + 1) for w in weeks),
    )
    score = score_wide.draw(told)
    assert [month.label for month in score.months if month.label.isdigit()] == ["2027", "2028", "2029"]
    assert all(session.small for session in score.sessions)
    assert sum(len(hit.rows) for hit in score.hits) == len(score.rows)
    assert len(score.hits) < len(score.rows) / 2
    upright = score_upright.draw(told, Side.A)
    assert len(upright.hits) < len(upright.rows)


def test_a_line_comes_from_and_goes_to_what_lies_beside_the_picture() -> None:
    near = replace(story(), begins=date(2026, 9, 20), ends=date(2026, 10, 20))
    drawn = score_wide.draw(near).a
    assert len(drawn.polyline.split()) == len(drawn.points) + 2
    assert float(drawn.polyline.split(",")[0]) < LEFT


def test_crowded_doses_step_aside() -> None:
    doses = tuple(Dose(BEGINS + timedelta(days=20 + day), day + 1) for day in range(2))
    first, second = score_wide.draw(replace(story(), a=replace(story().a, doses=doses))).a.doses
    assert abs(first.y - second.y) >= 20


def test_months_are_named_from_the_first_day_on() -> None:
    assert [month.label for month in months(Days(BEGINS, ENDS))] == [
        "September",
        "October",
        "November",
        "Dec",
    ]


# ── what it must not show ────────────────────────────────────────────────────────────────────────


def test_an_absent_line_leaves_its_sentence_and_nothing_else() -> None:
    score = score_wide.draw(replace(story(), b=replace(story().b, line=None, doses=())))
    assert score.b.absent == "Ben’s line is his own"
    assert (score.b.points, score.b.polyline, score.b.bands, score.b.doses, score.b.measure) == (
        (),
        "",
        (),
        (),
        (),
    )
    assert "GAD" not in score.description
    assert "GAD" not in score.key


@given(
    totals=st.lists(st.integers(0, 21), max_size=13),
    doses=st.lists(st.integers(0, 80), max_size=5),
    hidden=st.booleans(),
)
def test_on_a_phone_nothing_depends_on_the_others_line_or_doses(
    totals: list[int], doses: list[int], hidden: bool
) -> None:
    given_b = Voice(
        Side.B,
        "Ben",
        weekly("gad-7", tuple(totals)),
        "Ben’s line is his own",
        tuple(Dose(BEGINS + timedelta(days=day), number) for number, day in enumerate(doses, 1)),
    )
    without = replace(given_b, line=None, doses=())
    seen = score_upright.draw(replace(story(), b=given_b), Side.A, hidden=hidden)
    assert seen == score_upright.draw(replace(story(), b=without), Side.A, hidden=hidden)


def test_hidden_takes_ones_own_line_out_of_picture_table_and_description() -> None:
    seen = score_upright.draw(story(), Side.A, hidden=True)
    assert (seen.points, seen.strips, seen.doses) == ((), (), ())
    assert "PHQ" not in seen.description
    assert not any(row.what == "PHQ-9" or "Dosing" in row.what for row in seen.rows)


def test_each_partner_stands_on_the_left_of_their_own_phone() -> None:
    for own, other in ((Side.A, Side.B), (Side.B, Side.A)):
        seen = score_upright.draw(story(), own)
        assert (seen.own, seen.other) == (own, other)
        assert all(bead.x == score_upright.OWN_EDGE for bead in seen.own_insights)
        assert all(bead.x == score_upright.OTHER_EDGE for bead in seen.other_insights)
        assert seen.points[-1].x > seen.points[0].x  # better is towards the middle
        assert seen.points[-1].y < seen.points[0].y  # newest on top


def test_words_are_quoted_only_from_what_was_shared_with_words() -> None:
    score = score_wide.draw(story())
    assert [quote.words for quote in score.a.quotes] == ["“I hide when I have failed you”"]
    assert score.b.quotes == ()


# ── small lines ──────────────────────────────────────────────────────────────────────────────────


def test_a_trend_names_its_ends_by_which_way_is_better() -> None:
    depression = spark.trend(weekly("phq-9", AMARA), Side.A, BEGINS, TODAY)
    assert (depression.high.words, depression.low.words) == ("heavier", "lighter")
    satisfaction = Line(otherwise("phq-9", better=Better.HIGHER), depression_totals())
    assert spark.trend(satisfaction, Side.B, BEGINS, TODAY).high.words == "lighter"


def depression_totals() -> tuple[tuple[date, Decimal], ...]:
    return weekly("phq-9", AMARA).totals


def test_a_trend_without_totals_is_empty_and_still_drawn() -> None:
    empty = spark.trend(weekly("phq-9", ()), Side.A, BEGINS, TODAY)
    assert (empty.points, empty.last, empty.description) == ((), None, "")


@given(values=st.lists(st.floats(0, 300), max_size=8))
def test_a_spark_stays_on_its_tile(values: list[float]) -> None:
    drawn = spark.spark(values, 60, 200)
    assert (drawn is None) is (not values)
    if drawn:
        for pair in drawn.polyline.split():
            x, y = map(float, pair.split(","))
            assert 0 <= x <= 56
            assert 0 <= y <= 34


def test_the_description_is_whole_sentences() -> None:
    said = describe(story())
    assert said.startswith("From 1 September to 6 December 2026.")
    assert "Amara, PHQ-9: from 18 to 6, lower is better; reliable change, −7 since 13 October." in said
    assert said.endswith("Between them: 2 couples sessions, 2 shared insights.")


# ── as markup ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("template", "drawing"),
    [
        ("parts/score.svg.html", score_wide.draw(story())),
        ("parts/score.svg.html", score_wide.draw(story(), mirrored=False)),
        ("parts/score-upright.svg.html", score_upright.draw(story(), Side.B)),
    ],
)
def test_the_picture_has_a_name_a_description_and_no_style_or_script(template: str, drawing: object) -> None:
    markup = render_to_string(template, {"score": drawing})
    ElementTree.fromstring(f"<div>{markup}</div>")
    assert 'aria-labelledby="score-title score-desc"' in markup
    assert '<title id="score-title">' in markup
    assert '<desc id="score-desc">' in markup
    assert "style=" not in markup
    assert "<script" not in markup


def test_figures_in_markup_use_a_point_whatever_the_language() -> None:
    with translation.override("de"):
        markup = render_to_string("parts/score.svg.html", {"score": score_wide.draw(story())})
    assert re.search(r'\b(?:cx|cy|x|y)="\d+,\d', markup) is None
