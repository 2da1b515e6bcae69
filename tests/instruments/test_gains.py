"""The table of the five gains says what the catalogue says, and keeps validated measures apart from our own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bothwell.instruments.catalogue import all_instruments, load
from bothwell.instruments.gains import GainRow, beside, five_gains
from bothwell.instruments.instrument import Gain, Kind, LicenceClass, Ships

# Gains that no validated measure with words follows yet, and the skeletons a clinic could load for each. Whoever
# adds such a measure takes its gain out here.
WITHOUT_VALIDATED_WORDS = {Gain.CONNECTION: ("ecr-s", "pair", "rdas")}

rows = pytest.mark.parametrize("row", five_gains(), ids=lambda row: row.gain.value)


def test_each_gain_has_one_row() -> None:
    assert sorted(row.gain for row in five_gains()) == sorted(Gain)


@rows
def test_a_gain_says_in_one_sentence_what_it_means(row: GainRow) -> None:
    assert row.title
    assert row.definition.endswith(".")
    assert row.definition.count(".") == 1


@rows
def test_a_gain_has_a_validated_measure_with_words_or_is_known_to_have_none(row: GainRow) -> None:
    if row.gain in WITHOUT_VALIDATED_WORDS:
        assert not row.has_validated_words
        assert row.skeletons == WITHOUT_VALIDATED_WORDS[row.gain]
    else:
        assert row.has_validated_words


@rows
def test_a_gain_has_exactly_one_weekly_question_of_ours(row: GainRow) -> None:
    ours = [
        (each.id, scale.id)
        for each in all_instruments()
        for scale in each.scales
        if each.licence_class is LicenceClass.OWN and scale.gain is row.gain
    ]
    assert ours == [(row.pulse.instrument, row.pulse.scale)]
    assert len(load(row.pulse.instrument).by_scale[row.pulse.scale].items) == 1
    assert row.pulse.has_words


@rows
def test_no_question_of_ours_is_called_validated(row: GainRow) -> None:
    named = (*row.measures, *row.nearest)
    assert all(load(each.instrument).licence_class is not LicenceClass.OWN for each in named)


@rows
def test_a_measure_of_something_else_is_only_the_nearest(row: GainRow) -> None:
    assert all(row.gain.value in load(each.instrument).areas for each in row.measures)
    assert not any(row.gain.value in load(each.instrument).areas for each in row.nearest)


def test_satisfaction_may_stand_for_connection_but_is_no_measure_of_it() -> None:
    csi = load("csi-16")
    tagged = replace(csi, scales=tuple(replace(each, gain=Gain.CONNECTION) for each in csi.scales))
    instruments = [tagged if each.id == csi.id else each for each in all_instruments()]
    connection = next(row for row in five_gains(instruments) if row.gain is Gain.CONNECTION)
    assert "csi-16" in [each.instrument for each in connection.nearest]
    assert not connection.has_validated_words


def test_every_score_that_stands_for_a_gain_is_in_the_table_once() -> None:
    in_table = [
        (row.gain, each.instrument, each.scale)
        for row in five_gains()
        for each in (*row.measures, *row.nearest, row.pulse)
    ]
    in_catalogue = [
        (scale.gain, each.id, scale.id) for each in all_instruments() for scale in each.scales if scale.gain
    ]
    assert sorted(in_table) == sorted(in_catalogue)


@pytest.mark.parametrize(
    "title", [each.title for each in all_instruments() if each.licence_class is LicenceClass.OWN]
)
def test_what_is_ours_says_that_it_is_not_validated(title: str) -> None:
    assert "not a validated scale" in title


def test_what_is_ours_claims_no_norms() -> None:
    scales = [
        scale for each in all_instruments() if each.licence_class is LicenceClass.OWN for scale in each.scales
    ]
    assert scales
    assert not any(
        scale.bands or scale.cutoffs or scale.reliability or scale.published_change for scale in scales
    )


def test_a_gain_without_its_weekly_question_is_refused() -> None:
    with pytest.raises(ValueError, match="regulation: one weekly question"):
        five_gains(each for each in all_instruments() if each.id != "pulse-me")


def test_a_second_weekly_question_for_one_gain_is_refused() -> None:
    with pytest.raises(ValueError, match="regulation: one weekly question"):
        five_gains((*all_instruments(), replace(load("pulse-me"), id="pulse-me-again")))


def test_words_loaded_by_a_clinic_take_an_instrument_out_of_the_skeletons() -> None:
    loaded = replace(load("pair"), ships=Ships.TEXT, licence_class=LicenceClass.CLINIC)
    instruments = [loaded if each.id == "pair" else each for each in all_instruments()]
    connection = next(row for row in five_gains(instruments) if row.gain is Gain.CONNECTION)
    assert "pair" not in connection.skeletons


def test_a_measure_whose_words_are_taken_away_no_longer_counts() -> None:
    bare = [
        each if each.licence_class is LicenceClass.OWN else replace(each, ships=Ships.SKELETON)
        for each in all_instruments()
    ]
    assert not any(row.has_validated_words for row in five_gains(bare))


def test_beside_the_gains_stand_mood_worry_trauma_and_satisfaction_each_with_a_measure_in_words() -> None:
    found = {row.area: row for row in beside()}
    assert list(found) == ["depression", "anxiety", "trauma", "relationship_satisfaction"]
    for row in found.values():
        assert any(each.has_words for each in row.measures), row.area


@pytest.mark.parametrize(
    ("area", "instrument"),
    [
        ("depression", "phq-9"),
        ("anxiety", "gad-7"),
        ("trauma", "pcl-5"),
        ("relationship_satisfaction", "csi-16"),
    ],
)
def test_the_measures_of_the_usual_battery_stand_beside_with_their_main_score(
    area: str, instrument: str
) -> None:
    row = next(row for row in beside() if row.area == area)
    assert (instrument, load(instrument).main) in [(each.instrument, each.scale) for each in row.measures]


def test_no_screen_for_danger_is_in_either_table() -> None:
    shown = {each.instrument for row in five_gains() for each in (*row.measures, *row.nearest, row.pulse)}
    shown |= {each.instrument for row in beside() for each in row.measures}
    assert not {load(each).kind for each in shown} & {Kind.SUICIDE, Kind.VIOLENCE}
