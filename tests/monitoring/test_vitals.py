"""Values that cannot be true are refused with a reason; pressures are joined only if measured together."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.codes import QUANTITIES
from bothwell.monitoring import vitals
from bothwell.monitoring.vitals import Pressure

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Sample:
    code: str
    value: Decimal
    observed_at: datetime = NOON


@pytest.mark.parametrize("quantity", QUANTITIES, ids=lambda quantity: quantity.code)
def test_the_bounds_of_every_quantity_are_inclusive_and_the_refusal_says_them(quantity) -> None:
    low, high = vitals.bounds(quantity.code)
    assert vitals.plausible(quantity.code, Decimal(low)).allowed
    assert vitals.plausible(quantity.code, Decimal(high)).allowed
    for outside in (low - 1, high + 1):
        refusal = vitals.plausible(quantity.code, Decimal(outside))
        assert not refusal.allowed
        assert f"{low} to {high}" in refusal.reason


@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("systolic", "1200"),
        ("spo2", "101"),
        ("sedation", "6"),
        ("nausea", "3.5"),
        ("spo2", "NaN"),
        ("height", "170"),
    ],
)
def test_slips_are_refused(code: str, value: str) -> None:
    assert not vitals.plausible(code, Decimal(value)).allowed


def test_pressures_must_fit_together() -> None:
    assert vitals.plausible_pressures(Decimal(120), Decimal(80), Decimal(93)).allowed
    assert "swapped" in vitals.plausible_pressures(Decimal(80), Decimal(120)).reason
    assert not vitals.plausible_pressures(Decimal(120), Decimal(120)).allowed
    assert not vitals.plausible_pressures(Decimal(120), Decimal(80), Decimal(79)).allowed


def test_a_time_may_be_ahead_by_a_clock_but_not_by_more() -> None:
    assert vitals.plausible_time(NOON + timedelta(minutes=2), NOON).allowed
    assert not vitals.plausible_time(NOON + timedelta(minutes=2, seconds=1), NOON).allowed


def test_nothing_was_observed_before_the_arrival() -> None:
    arrived = NOON - timedelta(minutes=50, seconds=-40)  # 11:10:40; what is typed as 11:10 may be that
    assert vitals.plausible_time(arrived.replace(second=0), NOON, arrived).allowed
    assert not vitals.plausible_time(arrived.replace(second=0) - timedelta(seconds=1), NOON, arrived).allowed


@pytest.mark.parametrize(
    ("code", "value", "shown"),
    [("systolic", "164.00", "164 mmHg"), ("spo2", "97", "97 %"), ("etco2", "38.25", "38.3 mmHg"),
     ("sedation", "5", "5"), ("heart_rate", "100", "100 /min")],
)  # fmt: skip
def test_values_are_shown_with_their_unit(code: str, value: str, shown: str) -> None:
    assert vitals.format_value(code, Decimal(value)) == shown


def test_a_pressure_is_written_as_it_is_said() -> None:
    assert vitals.format_pressure(Decimal("120.00"), Decimal(80)) == "120/80 mmHg"
    assert str(Pressure(NOON, Decimal(120), Decimal(80), Decimal(93))) == "120/80 (93) mmHg"
    assert str(Pressure(NOON, systolic=Decimal(120))) == "systolic 120 mmHg"


def test_only_parts_of_the_same_instant_are_joined() -> None:
    later = NOON + timedelta(seconds=1)
    samples = [
        Sample("diastolic", Decimal(80)),
        Sample("systolic", Decimal(125), later),
        Sample("spo2", Decimal(98)),
        Sample("systolic", Decimal(120)),
    ]
    assert vitals.pair_pressures(samples) == (
        Pressure(NOON, Decimal(120), Decimal(80)),
        Pressure(later, Decimal(125)),
    )


@given(
    st.lists(
        st.builds(
            Sample,
            st.sampled_from(["systolic", "diastolic", "mean_pressure"]),
            st.integers(30, 200).map(Decimal),
            st.integers(0, 5).map(lambda minute: NOON + timedelta(minutes=minute)),
        ),
        unique_by=lambda sample: (sample.code, sample.observed_at),
    )
)
def test_pairing_loses_no_part_makes_none_up_and_keeps_time_order(samples: list[Sample]) -> None:
    pressures = vitals.pair_pressures(samples)
    parts = {
        (code, value, pressure.observed_at)
        for pressure in pressures
        for code, value in (
            ("systolic", pressure.systolic),
            ("diastolic", pressure.diastolic),
            ("mean_pressure", pressure.mean),
        )
        if value is not None
    }
    assert parts == {(sample.code, sample.value, sample.observed_at) for sample in samples}
    assert [pressure.observed_at for pressure in pressures] == sorted(
        {sample.observed_at for sample in samples}
    )
