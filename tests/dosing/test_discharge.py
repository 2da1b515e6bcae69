"""Going home: every criterion counts, and what was not checked is not met."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.decision import Decision
from bothwell.dosing.discharge import (
    ALDRETE,
    MPADSS,
    OF_THE_CHART,
    REQUIRED,
    Condition,
    Scale,
    criteria,
    may_discharge,
    score,
)
from bothwell.pathway.eligibility import Pressure
from bothwell.pathway.protocol import SHIPPED, Route, load, read

PATH = SHIPPED / "couples-kat-1.toml"
PROTOCOL = load(PATH)
NOW = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)
START = NOW - timedelta(minutes=120)


def _bp(systolic: int, diastolic: int, at: datetime = NOW) -> Pressure:
    return Pressure(Decimal(systolic), Decimal(diastolic), at)


WELL = Condition(
    now=NOW,
    route=Route.IV,
    started_at=START,
    is_dose_running=False,
    answers={"vitals": 2, "gait": 2, "nausea": 1, "pain": 2, "bleeding": 2},
    sedation=5,
    dissociation=0,
    dissociation_at=NOW - timedelta(minutes=4),
    spo2_percent=Decimal(96),
    spo2_baseline_percent=Decimal(98),
    is_on_room_air=True,
    pressure=_bp(132, 82),
    pressure_baseline=_bp(120, 80, START - timedelta(minutes=20)),
    checked=dict.fromkeys(REQUIRED, True),
    suicide=Decision.yes("Asked again; nothing keeps the person here."),
)


def _unmet(**changed: Any) -> set[str]:
    return {one.name for one in criteria(replace(WELL, **changed), PROTOCOL) if not one.met}


def test_somebody_who_is_well_may_go_home() -> None:
    found = criteria(WELL, PROTOCOL)
    assert all(one.met and one.reason for one in found)
    assert may_discharge(found)
    assert next(one.reason for one in found if one.name == "mpadss").endswith("9 of 10, 9 needed.")


def test_with_nothing_checked_nothing_is_met() -> None:
    found = criteria(Condition(NOW, Route.IV, None), PROTOCOL)
    assert not any(one.met for one in found)
    assert not may_discharge(found)
    assert not may_discharge([])


BOTH = {"blood_pressure_near_baseline", "blood_pressure_below_hold"}


@pytest.mark.parametrize(
    ("unmet", "changed"),
    [
        ({"dose_over"}, {"is_dose_running": True}),
        ({"dose_over"}, {"is_dose_running": None}),
        ({"minutes_since_last_dose"}, {"started_at": START + timedelta(seconds=1)}),
        ({"minutes_since_last_dose"}, {"started_at": NOW - timedelta(minutes=119)}),
        ({"minutes_since_last_dose"}, {"last_dose_at": NOW - timedelta(minutes=119)}),
        ({"minutes_since_last_dose"}, {"last_dose_at": NOW + timedelta(minutes=1)}),
        ({"suicide_rescreen_done"}, {"suicide": None}),
        ({"suicide_rescreen_done"}, {"suicide": Decision.no("A Yes.")}),
        ({"mpadss"}, {"answers": {"vitals": 2, "gait": 1, "nausea": 1, "pain": 2, "bleeding": 2}}),
        ({"mpadss"}, {"answers": {"vitals": 2, "gait": 2, "nausea": 2, "bleeding": 2}}),
        ({"mpadss"}, {"answers": {"vitals": 2, "gait": 2, "nausea": 2, "pain": 7, "bleeding": 2}}),
        ({"sedation"}, {"sedation": 4}),
        ({"sedation"}, {"sedation": None}),
        ({"sedation"}, {"sedation": 6}),
        ({"dissociation_resolved"}, {"dissociation": 1}),
        ({"dissociation_resolved"}, {"dissociation": None}),
        ({"dissociation_resolved"}, {"dissociation_at": None}),
        ({"spo2"}, {"spo2_percent": Decimal(95)}),
        ({"spo2"}, {"is_on_room_air": False}),
        ({"spo2"}, {"is_on_room_air": None}),
        ({"spo2"}, {"spo2_baseline_percent": None}),
        ({"blood_pressure_near_baseline"}, {"pressure": _bp(95, 80)}),
        ({"blood_pressure_near_baseline"}, {"pressure": _bp(120, 63)}),
        ({"blood_pressure_near_baseline"}, {"pressure_baseline": None}),
        ({"blood_pressure_below_hold"}, {"pressure": _bp(120, 91)}),
        (BOTH, {"pressure": _bp(145, 80)}),
        (BOTH, {"pressure": None}),
        (BOTH, {"pressure": _bp(120, 80, START - timedelta(minutes=20))}),
    ],
)
def test_each_criterion_fails_by_itself(unmet: set[str], changed: dict[str, Any]) -> None:
    assert _unmet(**changed) == unmet
    assert not may_discharge(criteria(replace(WELL, **changed), PROTOCOL))


@given(st.integers(0, 3), st.booleans())
def test_dissociation_has_resolved_when_the_chart_says_none_whatever_is_ticked(
    level: int, ticked: bool
) -> None:
    checked = dict.fromkeys(REQUIRED, True) | {"dissociation_resolved": ticked}
    found = criteria(replace(WELL, dissociation=level, checked=checked), PROTOCOL)
    said = next(one for one in found if one.name == "dissociation_resolved")
    assert said.met is (level == 0)
    assert f"charted as {('none', 'mild', 'moderate', 'severe')[level]} at 16:56" in said.reason


def test_a_percentage_is_said_without_the_zeros_it_is_kept_with() -> None:
    well = replace(WELL, spo2_percent=Decimal("98.00"), spo2_baseline_percent=Decimal("100.00"))
    said = next(one.reason for one in criteria(well, PROTOCOL) if one.name == "spo2")
    assert "SpO2 98 % on room air, baseline 100 %" in said


@given(st.sampled_from(sorted(REQUIRED)), st.booleans())
def test_what_a_person_must_tick_counts_only_when_ticked(name: str, is_absent: bool) -> None:
    ticked = {key: key != name for key in REQUIRED if not (is_absent and key == name)}
    assert _unmet(checked=ticked) == {name}


def test_every_tick_the_shipped_protocol_asks_for_has_its_sentences() -> None:
    assert set(PROTOCOL.discharge.required) == {*REQUIRED, *OF_THE_CHART}


def test_twenty_percent_is_still_within() -> None:
    assert _unmet(pressure=_bp(96, 80)) == set()
    assert _unmet(pressure=_bp(95, 80)) == {"blood_pressure_near_baseline"}


def test_a_protocol_may_score_by_aldrete_and_leave_out_a_tick() -> None:
    text = PATH.read_text(encoding="utf-8").replace('score = "mpadss"', 'score = "aldrete"')
    text = text.replace("oriented = { value = true", "oriented = { value = false")
    protocol = read(text, "clinic.toml").protocol
    assert protocol is not None
    names = [one.name for one in criteria(replace(WELL, checked={}), protocol)]
    assert "aldrete" in names and "mpadss" not in names and "oriented" not in names


@pytest.mark.parametrize("scale", [MPADSS, ALDRETE], ids=lambda scale: scale.code)
def test_a_scale_has_five_items_and_runs_from_nought_to_ten(scale: Scale) -> None:
    assert len(scale.items) == 5
    assert score(scale, {item.code: 2 for item in scale.items}).points == 10
    assert score(scale, {item.code: 0 for item in scale.items}).points == 0
    assert scale.wording_verified is False


@given(st.dictionaries(st.sampled_from([item.code for item in ALDRETE.items]), st.integers(-1, 4)))
def test_a_score_is_given_only_when_every_item_is_answered(answers: dict[str, int]) -> None:
    result = score(ALDRETE, answers)
    whole = len(answers) == 5 and all(0 <= points <= 2 for points in answers.values())
    assert (result.points is not None) is whole
    assert result.points == (sum(answers.values()) if whole else None)
    assert bool(result.unanswered) is not whole


def test_no_item_of_a_score_answers_itself() -> None:
    answers = {"vitals": 2, "gait": 2, "nausea": 2, "pain": 2}
    assert score(MPADSS, answers).unanswered == ("Bleeding",)
    assert score(MPADSS, {**answers, "bleeding": 0}).points == 8


def test_the_least_time_begins_anew_with_a_further_dose() -> None:
    late = NOW - timedelta(minutes=30)
    said = next(one for one in criteria(replace(WELL, last_dose_at=late), PROTOCOL) if "minutes" in one.name)
    assert (said.met, said.reason) == (False, "30 of at least 120 min since the last dose.")
