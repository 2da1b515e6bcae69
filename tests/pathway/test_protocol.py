"""Protocol files: what is shipped reads without fault; what is broken is named by file, line and field."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.monitoring.limits import default_limits
from bothwell.pathway.facts import SPECS
from bothwell.pathway.protocol import (
    SHIPPED,
    Problem,
    ProtocolInvalid,
    Quantity,
    Route,
    Status,
    due_minutes,
    load,
    read,
    shipped,
)
from bothwell.pathway.steps import Phase

PATH = SHIPPED / "couples-kat-1.toml"
TEXT = PATH.read_text(encoding="utf-8")
LINES = TEXT.splitlines()
PROTOCOL = load(PATH)
VALUED = [index for index, line in enumerate(LINES) if re.match(r"^[a-z_0-9]+ = \{ value = [\d.]+,", line)]


def _problems(lines: list[str]) -> tuple[Problem, ...]:
    return read("\n".join(lines), "clinic.toml").problems


def _replaced(index: int, line: str) -> list[str]:
    return [*LINES[:index], line, *LINES[index + 1 :]]


def _line_of(text: str) -> int:
    return next(index for index, line in enumerate(LINES) if text in line)


def test_every_shipped_protocol_reads_without_fault_and_covers_everything() -> None:
    assert PATH in shipped()
    for path in shipped():
        protocol = load(path)
        assert set(protocol.routes) == set(Route)
        assert set(protocol.phases) == set(Phase)
        assert set(protocol.limits) == set(Quantity)


def test_every_number_in_the_file_carries_a_source_and_a_status() -> None:
    assert len(PROTOCOL.sourced()) >= len(re.findall(r"\bvalue = ", TEXT))
    bare = [
        line for line in LINES
        if re.search(r"=\s*[\d.]+\s*$", line) and not line.startswith(("value", "version"))
    ]  # fmt: skip
    assert bare == []
    assert all(source.strip() for _, _, source, _ in PROTOCOL.sourced())


def test_what_must_be_confirmed_is_listed_and_what_was_published_is_not() -> None:
    listed = {field: (value, source) for field, value, source in PROTOCOL.unconfirmed()}
    assert listed["limits.systolic.warn_high"][0] == Decimal(160)
    assert listed["limits.spo2.alarm_low_sustained.seconds"][0] == Decimal(60)
    assert "hold_bp.systolic_above_mmhg" not in listed
    assert "limits.systolic.rise_alarm" not in listed
    assert len(listed) == _defaults_in_the_text()


def _defaults_in_the_text() -> int:
    """The legend counts once too much, the one sustained limit (value and seconds) once too little."""
    legend, sustained = 1, TEXT.count(", seconds = ")
    return TEXT.count(f'status = "{Status.DEFAULT}"') - legend + sustained


def test_plain_limits_for_the_alarms() -> None:
    limits = PROTOCOL.limits_values()
    assert limits["systolic"] == {"warn_high": 160, "alarm_high": 180, "rise_warn": 30, "rise_alarm": 40}
    assert limits["diastolic"] == {"warn_high": 100, "alarm_high": 110, "rise_alarm": 25}
    assert limits["spo2"] == {
        "warn_low": 93, "alarm_low": 90, "alarm_low_sustained": {"value": 92, "seconds": 60}
    }  # fmt: skip
    assert limits["sedation"] == {"warn_low": 3, "alarm_low": 2}


def test_the_alarms_understand_every_limit_in_the_file() -> None:
    understood = default_limits(PROTOCOL.limits_values())
    for code, limits in PROTOCOL.limits_values().items():
        assert {rule.name for rule in understood[code].rules} == set(limits)


def test_the_published_doses_are_kept_exactly() -> None:
    dose = PROTOCOL.routes[Route.IV].dose
    assert dose.mg_per_kg_minimum and dose.mg_per_kg_minimum.value == Decimal("0.1")
    assert dose.mg_per_kg_maximum and dose.mg_per_kg_maximum.value == Decimal("0.75")
    assert [one.value for one in PROTOCOL.routes[Route.IN].dose.mg_allowed] == [56, 84]


def test_times_due() -> None:
    iv, nasal = PROTOCOL.routes[Route.IV], PROTOCOL.routes[Route.IN]
    assert due_minutes(iv.monitoring["blood_pressure"], iv.active_minutes.value, 90) == (
        10,
        20,
        30,
        40,
        55,
        70,
        85,
    )
    assert due_minutes(iv.monitoring["dissociation"], iv.active_minutes.value, 90) == (40,)
    assert due_minutes(nasal.monitoring["blood_pressure"], nasal.active_minutes.value, 90) == (0, 40, 60, 80)
    assert due_minutes(nasal.monitoring["blood_pressure"], nasal.active_minutes.value, 30) == (0,)


def test_evidence_ages_name_known_facts_only_and_fall_back_to_the_default() -> None:
    assert set(PROTOCOL.evidence_days) - {"default"} <= set(SPECS)
    assert PROTOCOL.evidence_max_days("pregnant").value == 7
    assert PROTOCOL.evidence_max_days("porphyria").value == PROTOCOL.evidence_days["default"].value


def test_the_fingerprint_changes_with_every_character() -> None:
    other = read(TEXT + "\n", "clinic.toml").protocol
    assert other is not None and other.sha256 != PROTOCOL.sha256


@given(
    st.sampled_from(VALUED),
    st.sampled_from([
        (r"value = [\d.]+", "value = -1", ".value"),
        (r"value = [\d.]+", "value = nan", ".value"),
        (r"value = [\d.]+", 'value = "many"', ".value"),
        (r"value = [\d.]+", "value = true", ".value"),
        (r"value = [\d.]+, ", "", ".value"),
        (r'source = "[^"]*"', 'source = " "', ".source"),
        (r', source = "[^"]*"', "", ".source"),
        (r'status = "[^"]*"', 'status = "surely"', ".status"),
        (r"\{ value", "{ guess = 1, value", ".guess"),
    ]),
)  # fmt: skip
def test_a_broken_value_is_named_by_its_own_line_and_field(index: int, fault: tuple[str, str, str]) -> None:
    pattern, replacement, ending = fault
    broken = re.sub(pattern, replacement, LINES[index], count=1)
    assert broken != LINES[index]
    problems = _problems(_replaced(index, broken))
    assert [(problem.file, problem.line) for problem in problems] == [("clinic.toml", index + 1)]
    name = LINES[index].split(" ")[0]
    assert problems[0].field.endswith(f"{name}{ending}")


@given(st.sets(st.sampled_from(VALUED), min_size=2, max_size=6))
def test_all_faults_are_told_at_once(indices: set[int]) -> None:
    lines = [
        line.replace("value = ", "value = -", 1) if index in indices and "value = 0," not in line else line
        for index, line in enumerate(LINES)
    ]
    wanted = sorted(index + 1 for index in indices if "value = 0," not in LINES[index])
    assert [problem.line for problem in _problems(lines)] == wanted


@pytest.mark.parametrize(
    ("was", "becomes", "field"),
    [
        ("[limits.systolic]", "[limits.systolik]", "limits.systolik"),
        ('score = "mpadss"', 'score = "guess"', "discharge.score"),
        (
            'also_needs = ["laboratory_reviewed"]',
            'also_needs = ["unheard_of"]',
            "phases.evaluation.also_needs",
        ),
        ('version = "1"', "version = 1", "version"),
        ("[phases.review]", "[phases.revue]", "phases.revue"),
        ("[routes.iv.monitoring.sedation]", "[routes.iv.monitoring.sedatio]", "routes.iv.monitoring"),
    ],
)
def test_a_wrong_name_is_told_where_it_stands(was: str, becomes: str, field: str) -> None:
    index = LINES.index(was)
    found = {problem.field: problem.line for problem in _problems(_replaced(index, becomes))}
    assert field in found
    if field != "routes.iv.monitoring":
        assert found[field] == index + 1


@pytest.mark.parametrize(
    ("field", "line", "value"),
    [
        ("limits.systolic.warn_high", "warn_high = { value = 160", "warn_high = { value = 190"),
        ("limits.spo2.alarm_low", "alarm_low = { value = 90", "alarm_low = { value = 95"),
        (
            "routes.iv.dose.mg_per_kg_minimum",
            "mg_per_kg_minimum = { value = 0.1",
            "mg_per_kg_minimum = { value = 0.6",
        ),
        ("discharge.score_at_least", "score_at_least = { value = 9", "score_at_least = { value = 11"),
        (
            "hold_bp.systolic_above_mmhg",
            "systolic_above_mmhg = { value = 140",
            "systolic_above_mmhg = { value = 80",
        ),
    ],
)
def test_a_contradiction_is_a_fault_on_the_line_it_stands(field: str, line: str, value: str) -> None:
    index = _line_of(line)
    problems = _problems(_replaced(index, LINES[index].replace(line, value)))
    assert (field, index + 1) in [(problem.field, problem.line) for problem in problems]


def test_an_interval_of_nought_is_a_fault() -> None:
    index = _line_of("active_every_minutes = { value = 10")
    problems = _problems(_replaced(index, LINES[index].replace("value = 10", "value = 0")))
    assert [problem.line for problem in problems] == [index + 1]


def test_a_missing_field_is_told_at_its_table() -> None:
    index = _line_of('minutes_before_discharge = { value = 120, source = "Clinic practice 60')
    problems = _problems([*LINES[:index], *LINES[index + 1 :]])
    assert [(one.field, one.line, one.reason) for one in problems] == [
        ("routes.iv.minutes_before_discharge", LINES.index("[routes.iv]") + 1, "this field is missing")
    ]


def test_a_file_that_is_not_toml_is_told_with_its_line() -> None:
    index = LINES.index("[hold_bp]")
    problems = _problems(_replaced(index, "[hold_bp"))
    assert [(one.line, one.field) for one in problems] == [(index + 1, "")]


def test_loading_a_faulty_file_raises_with_every_fault(tmp_path) -> None:
    path = tmp_path / "clinic.toml"
    path.write_text(TEXT.replace("value = 160", "value = -160").replace("value = 93", "value = -93"))
    with pytest.raises(ProtocolInvalid) as raised:
        load(path)
    assert len(raised.value.problems) == 2
    assert str(raised.value).startswith(
        f"clinic.toml:{_line_of('value = 160') + 1}: limits.systolic.warn_high.value:"
    )
