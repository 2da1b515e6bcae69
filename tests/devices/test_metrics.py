"""What an SDC device says of a metric is read exactly or not at all."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.codes import QUANTITIES
from bothwell.devices.metrics import Coded, Metric, Said, is_ours, reading, report
from bothwell.devices.reading import Problem, ProblemKind, Reading, Status

NOW = datetime(2026, 3, 5, 14, 30, tzinfo=UTC)
DEVICE = "urn:uuid:6c1a6e7c-0000-4000-8000-000000000001"
MDC_OID = "urn:oid:1.2.840.10004.1.1.1.0.0.1"


def metric(code: str = "150456", unit: str = "262688", *, name: str = "", category: str = "Msrmt") -> Metric:
    return Metric("spo2.0", DEVICE, (Coded(code, "", name),), (Coded(unit),), category)


def said(value: object = 97, at: datetime | None = NOW, **more: object) -> Said:
    number = None if value is None else Decimal(str(value))
    return Said(number, at.timestamp() if at else None, ref="v7#spo2.0", **more)  # type: ignore[arg-type]


def test_a_reading_carries_its_value_unit_time_device_and_place() -> None:
    assert reading(metric(), said(body_site="Left index finger"), NOW) == Reading(
        code="spo2",
        value=Decimal("97.00"),
        unit="%",
        observed_at=NOW,
        status=Status.RAW,
        device_id=DEVICE,
        body_site="Left index finger",
        containment="",
        is_questionable=False,
        source_ref="v7#spo2.0",
        source="150456@spo2.0",
    )


EVERY_CODE = [
    (quantity.code, term, unit)
    for quantity in QUANTITIES
    for term in quantity.terms
    for unit in quantity.units
]


@pytest.mark.parametrize(("code", "term", "unit"), EVERY_CODE)
def test_every_code_we_speak_is_read_in_every_unit_we_accept(code, term, unit) -> None:
    found = reading(metric(str(term.code), str(unit.term.code)), said(10), NOW)
    assert isinstance(found, Reading)
    assert (found.code, found.value) == (code, (10 * unit.factor).quantize(Decimal("0.01")))


def test_one_code_in_three_units_is_converted_by_its_unit_and_refused_as_a_share() -> None:
    def co2(value: str, unit: str) -> Decimal | ProblemKind:
        found = reading(metric("151708", unit), said(value), NOW)
        return found.value if isinstance(found, Reading) else found.kind

    assert [co2("38", "266016"), co2("5.1", "265987"), co2("5.0", "262688")] == [
        38,
        Decimal("38.25"),
        ProblemKind.UNIT,
    ]


@pytest.mark.parametrize(
    ("what", "how", "kind"),
    [
        (metric("150344"), said(), ProblemKind.CODE_UNKNOWN),
        (metric("150020", "266016"), said(), ProblemKind.CODE_UNKNOWN),
        (metric("150021", "266016", name="MDC_PRESS_BLD_NONINV_DIA"), said(), ProblemKind.CODE_DISAGREES),
        (metric(unit="266016"), said(), ProblemKind.UNIT),
        (metric(category="Set"), said(), ProblemKind.TYPE),
        (metric(category="Rcmm"), said(), ProblemKind.TYPE),
        (metric(), said(None), ProblemKind.NOT_OBTAINED),
        (metric(), said(activation="Off"), ProblemKind.NOT_OBTAINED),
        (metric(), said(validity="Ong"), ProblemKind.STATUS),
        (metric(), said(validity="Inv"), ProblemKind.VALIDITY),
        (metric(), said(validity="Calib"), ProblemKind.VALIDITY),
        (metric(), said(mode="Demo"), ProblemKind.VALIDITY),
        (metric(), said(mode="Test"), ProblemKind.VALIDITY),
        (metric(), said("NaN"), ProblemKind.VALUE),
        (metric(), said("1E+30"), ProblemKind.VALUE),
        (metric(), said(at=None), ProblemKind.TIME),
        (metric(), said(at=NOW + timedelta(minutes=3)), ProblemKind.AHEAD),
    ],
)
def test_what_cannot_be_kept_is_named_by_its_reason(what: Metric, how: Said, kind: ProblemKind) -> None:
    assert reading(what, how, NOW, 3) == Problem(
        3, kind, "" if kind in (ProblemKind.CODE_UNKNOWN, ProblemKind.CODE_DISAGREES) else "spo2"
    )


def test_a_questionable_value_is_kept_and_marked_and_a_validated_one_is_final() -> None:
    questionable, validated = (
        reading(metric(), said(validity=validity), NOW) for validity in ("Qst", "Vldated")
    )
    assert isinstance(questionable, Reading)
    assert isinstance(validated, Reading)
    assert (questionable.is_questionable, validated.status) == (True, Status.FINAL)


@pytest.mark.parametrize("system", ["", MDC_OID, "urn:iso:std:iso:11073:10101"])
def test_a_code_is_of_the_devices_nomenclature_unless_it_says_otherwise(system: str) -> None:
    one = Metric("h", DEVICE, (Coded("150456", system),), (Coded("262688", system),))
    assert is_ours(one)
    assert isinstance(reading(one, said(), NOW), Reading)


def test_a_code_of_another_system_is_none_of_ours_unless_translated() -> None:
    private = Coded("150456", "urn:oid:1.3.6.1.4.1.99999")
    percent = (Coded("%", "http://unitsofmeasure.org"),)
    assert not is_ours(Metric("h", DEVICE, (private,), percent))
    translated = Metric("h", DEVICE, (private, Coded("59408-5", "http://loinc.org")), percent)
    found = reading(translated, said(), NOW)
    assert isinstance(found, Reading)
    assert (found.code, found.source) == ("spo2", "59408-5@h")
    assert reading(Metric("h", DEVICE, (Coded("150456"),), (private,)), said(), NOW) == Problem(
        1, ProblemKind.UNIT, "spo2"
    )


def test_a_report_says_what_the_clock_shows_also_when_it_is_refused_for_it() -> None:
    ahead = NOW + timedelta(minutes=9)
    one = report([(metric(), said()), (metric(), said(at=ahead)), (metric(), said(None))], NOW)
    assert (len(one.readings), len(one.problems)) == (1, 2)
    assert one.newest == {DEVICE: ahead}


@given(
    st.builds(
        Said,
        value=st.none() | st.decimals(),
        determined_at_s=st.none() | st.floats(),
        validity=st.text(max_size=5),
        mode=st.sampled_from(["Real", "Demo"]),
        activation=st.sampled_from(["On", "Off"]),
    )
)
def test_nothing_said_makes_it_raise(one: Said) -> None:
    assert isinstance(reading(metric(), one, NOW), Reading | Problem)
