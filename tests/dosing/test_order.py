"""Orders: inside the range, outside it, without sense; and the volume with its working."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.dosing.order import (
    Expected,
    RangeCheck,
    ask_about_rate,
    bag,
    check_dose,
    devices,
    is_rate_of,
    possible_rate,
    rate_words,
    volume,
)
from bothwell.pathway.protocol import SHIPPED, Route, load

PROTOCOL = load(SHIPPED / "couples-kat-1.toml")
weights = st.decimals(35, 200, places=1)
doses = st.decimals("0.1", 500, places=2)


def _check(
    route: Route, dose: str, weight: str | None = "68", minutes: str | None = None, **more: Any
) -> RangeCheck:
    return check_dose(
        PROTOCOL,
        route=route,
        dose_mg=Decimal(dose),
        weight_kg=Decimal(weight) if weight else None,
        infusion_minutes=Decimal(minutes) if minutes else None,
        **more,
    )


def test_the_rate_of_an_order_shows_its_working() -> None:
    assert rate_words(Decimal("0.68"), 40) == "0.68 mL over 40 min are 1.02 mL/h"


def test_a_bag_shows_its_concentration_and_its_rate_with_the_working() -> None:
    made_up = bag(Decimal(34), Decimal(100), 40)
    assert (made_up.mg_per_ml, made_up.rate_ml_per_h) == (Decimal("0.34"), Decimal("150.00"))
    assert made_up.working == "34 mg ÷ 100 mL = 0.34 mg/mL; 100 mL × 60 ÷ 40 min = 150 mL/h"
    assert (
        bag(Decimal(35), Decimal(50), 45).working
        == "35 mg ÷ 50 mL = 0.7 mg/mL; 50 mL × 60 ÷ 45 min ≈ 66.67 mL/h"
    )


@given(doses, st.decimals("1", 1000, places=1), st.integers(1, 600))
def test_a_bag_run_for_its_minutes_gives_the_whole_dose(dose: Decimal, ml: Decimal, minutes: int) -> None:
    made_up = bag(dose, ml, minutes)
    ran_ml = made_up.rate_ml_per_h * minutes / 60
    assert abs(ran_ml - ml) <= Decimal("0.005") * minutes / 60 + Decimal("1e-9")
    assert abs(made_up.mg_per_ml * ml - dose) <= Decimal("0.005") * ml + Decimal("1e-9")
    assert is_rate_of(made_up, made_up.rate_ml_per_h)
    assert made_up.rate_ml_per_h < 20 or is_rate_of(made_up, round(made_up.rate_ml_per_h)), (
        "a pump shows whole mL/h"
    )
    assert not is_rate_of(made_up, made_up.rate_ml_per_h + 1)
    assert not is_rate_of(made_up, made_up.rate_ml_per_h * Decimal("1.06")), "of a slow one, tenths"


@pytest.mark.parametrize(("dose", "ml", "minutes"), [("0", "100", 40), ("34", "0", 40), ("34", "100", 0)])
def test_a_bag_without_sense_is_none(dose: str, ml: str, minutes: int) -> None:
    with pytest.raises(ValueError, match="above nought"):
        bag(Decimal(dose), Decimal(ml), minutes)


def test_half_a_milligram_a_kilogram_over_forty_minutes_is_inside() -> None:
    check = _check(Route.IV, "34", "68", "40")
    assert check.decision and not check.needs_second_signature
    assert check.decision.reason.startswith(
        "Dose by weight 0.5 mg/kg is inside 0.1 to 0.75 mg/kg (Andrade 2017: trials 0.1 to 0.75 mg/kg)."
    )


@given(doses, weights)
def test_an_infusion_is_inside_exactly_when_its_dose_by_weight_is(dose: Decimal, weight: Decimal) -> None:
    check = check_dose(PROTOCOL, route=Route.IV, dose_mg=dose, weight_kg=weight, infusion_minutes=Decimal(40))
    inside = Decimal("0.1") * weight <= dose <= Decimal("0.75") * weight
    assert bool(check.decision) is inside
    assert check.needs_second_signature is not inside


@pytest.mark.parametrize(
    ("route", "dose", "weight", "minutes", "inside"),
    [
        (Route.IV, "51", "68", "40", True),
        (Route.IV, "51.01", "68", "40", False),
        (Route.IV, "6.8", "68", "2", True),
        (Route.IV, "34", "68", "101", False),
        (Route.IV, "34", "68", "1", False),
        (Route.IM, "80", "68", None, True),
        (Route.IM, "49", "68", None, True),  # under 50 mg, but 0.72 mg/kg
        (Route.IM, "34", "68", None, True),  # the least by weight
        (Route.IM, "33.9", "68", None, False),  # below both
        (Route.IM, "60", "130", None, True),  # 0.46 mg/kg, but above 50 mg
        (Route.IM, "131", "100", None, False),  # 1.31 mg/kg, but above 130 mg
        (Route.IM, "100", "50", None, False),  # under 130 mg, but 2 mg/kg
        (Route.SL, "400", None, None, True),
        (Route.SL, "401", None, None, False),
        (Route.IN, "56", None, None, True),
        (Route.IN, "84", None, None, True),
        (Route.IN, "28", None, None, False),
    ],
)
def test_published_ranges(
    route: Route, dose: str, weight: str | None, minutes: str | None, inside: bool
) -> None:
    check = _check(route, dose, weight, minutes)
    assert (bool(check.decision), check.needs_second_signature) == (inside, not inside)


def test_below_one_published_range_and_inside_the_other_is_said_in_words() -> None:
    check = _check(Route.IM, "34", "68")
    assert check.decision and not check.needs_second_signature
    assert "Dose 34 mg is below 50 to 130 mg" in check.decision.reason
    assert "not below the other range given for this route" in check.decision.reason


def test_who_prescribes_alone_reads_what_can_be_done_and_by_whom() -> None:
    refused = _check(Route.IM, "30", "68").decision
    assert not refused
    for words in ("a dose inside the range", "second prescriber under Clinic, Staff", "Clinic, Protocols"):
        assert words in refused.reason


@pytest.mark.parametrize(
    ("ordered", "rate", "asked"),
    [
        ("75", "150", ""),
        ("75", "37.5", ""),
        ("75", "151", "2 times"),
        ("75", "750", "10 times"),
        ("75", "7.5", "1/10 of"),
        (None, "750", ""),
        (None, "900", "the ordered 40 min run in 600 mL, more than a bag of 500 mL"),
    ],
)
def test_a_rate_far_from_the_ordered_one_is_a_question(ordered: str | None, rate: str, asked: str) -> None:
    said = ask_about_rate(Expected(Decimal(ordered)) if ordered else None, Decimal(rate), 40)
    assert asked in said if asked else said == ""


@pytest.mark.parametrize(
    ("rate", "can_be"), [("1200", True), ("1200.01", False), ("0", False), ("0.01", True)]
)
def test_a_pump_shows_what_a_pump_can(rate: str, can_be: bool) -> None:
    assert bool(possible_rate(Decimal(rate))) is can_be


def test_outside_needs_a_reason_and_another_persons_signature() -> None:
    def allowed(**more: str) -> bool:
        return bool(_check(Route.IV, "68", "68", "40", **more).decision)

    whole = {"ordered_by": "1", "second_signature_by": "2", "out_of_range_reason": "Past response at 0.5."}
    assert allowed(**whole)
    for lacking in whole:
        assert not allowed(**{**whole, lacking: ""})
    assert not allowed(**{**whole, "second_signature_by": "1"})


@pytest.mark.parametrize(
    ("route", "dose", "weight", "minutes"),
    [
        (Route.IV, "34", None, "40"),
        (Route.IV, "34", "0", "40"),
        (Route.IV, "0", "68", "40"),
        (Route.IV, "-34", "68", "40"),
        (Route.IV, "NaN", "68", "40"),
        (Route.IV, "34", "68", None),
        (Route.IN, "60", "68", None),
        (Route.IN, "56", "68", "40"),
    ],
)
def test_an_order_without_sense_is_refused_whoever_signs(
    route: Route, dose: str, weight: str | None, minutes: str | None
) -> None:
    check = _check(
        route, dose, weight, minutes, ordered_by="1", second_signature_by="2", out_of_range_reason="yes"
    )
    assert not check.decision
    assert not check.needs_second_signature


def test_from_bmi_30_ideal_body_weight_is_brought_to_mind() -> None:
    assert _check(Route.IV, "34", "68", "40", bmi=Decimal("29.9")).notes == ()
    assert "ideal body weight" in _check(Route.IV, "34", "68", "40", bmi=Decimal(30)).notes[0]


def test_volumes_show_their_working() -> None:
    assert volume(Decimal(34), Decimal(50)).working == "34 mg ÷ 50 mg/mL = 0.68 mL"
    assert volume(Decimal(50), Decimal(30)).working == "50 mg ÷ 30 mg/mL ≈ 1.67 mL"
    assert volume(Decimal("1.25"), Decimal(50)).ml == Decimal("0.03")  # 0.025 rounds half up


@given(doses, st.sampled_from([Decimal(10), Decimal(50), Decimal(100)]))
def test_a_volume_holds_the_dose_to_half_a_hundredth(dose: Decimal, mg_per_ml: Decimal) -> None:
    assert abs(volume(dose, mg_per_ml).ml * mg_per_ml - dose) <= Decimal("0.005") * mg_per_ml


@pytest.mark.parametrize(("dose", "strength"), [("0", "50"), ("34", "0"), ("-1", "50"), ("NaN", "50")])
def test_a_volume_of_nothing_is_an_error(dose: str, strength: str) -> None:
    with pytest.raises(ValueError, match="above nought"):
        volume(Decimal(dose), Decimal(strength))


def test_devices_must_add_up() -> None:
    dose = PROTOCOL.routes[Route.IN].dose
    assert [devices(dose, Decimal(mg)) for mg in (28, 56, 84, 60)] == [1, 2, 3, None]
    assert devices(PROTOCOL.routes[Route.IV].dose, Decimal(56)) is None
