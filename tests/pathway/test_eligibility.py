"""The work-up: missing is never a pass, an absolute never clears, a hold needs a fresh reasoned decision."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.pathway.eligibility import (
    FACTS,
    RULES,
    Answer,
    Fact,
    Finding,
    Pressure,
    Resolution,
    Severity,
    assess,
    finding_title,
    is_resolved,
    is_weighed,
    may_clear,
    pressure_below_hold,
    weighed,
)
from bothwell.pathway.facts import can_be
from bothwell.pathway.protocol import SHIPPED, load
from bothwell.pathway.steps import Role

PROTOCOL = load(SHIPPED / "couples-kat-1.toml")
HOLD = PROTOCOL.hold_bp
NOW = datetime(2026, 11, 17, 10, 0, tzinfo=UTC)
GOOD = {"systolic_mmhg": 128, "diastolic_mmhg": 78, "weight_kg": 70, "bmi": 24, "asa_class": 2,
        "lorazepam_equivalent_mg_per_day": 0}  # fmt: skip
ABSOLUTES = [rule.code for rule in RULES if rule.kind is Severity.ABSOLUTE]
YES_NO = [spec.code for spec in FACTS if spec.answer is Answer.YES_NO]
values = st.none() | st.booleans() | st.decimals(allow_nan=True, allow_infinity=True) | st.text(max_size=5)
facts = st.builds(
    Fact,
    st.sampled_from([spec.code for spec in FACTS]),
    values,
    st.just("H. Sato"),
    st.integers(-400, 3).map(lambda days: NOW + timedelta(days=days)),
)


def _fact(code: str, value: object, days_ago: float = 1, by: str = "H. Sato") -> Fact:
    kept = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return Fact(code, kept, by, NOW - timedelta(days=days_ago))  # type: ignore[arg-type]


def _healthy(**changed: object) -> list[Fact]:
    known = {**dict.fromkeys(YES_NO, False), **GOOD, **changed}
    return [_fact(code, value) for code, value in known.items()]


def _found(facts: list[Fact], code: str) -> Finding:
    return next(finding for finding in assess(facts, PROTOCOL, NOW) if finding.code == code)


def test_with_everything_known_and_nothing_found_the_person_may_be_cleared() -> None:
    findings = assess(_healthy(), PROTOCOL, NOW)
    assert {finding.kind for finding in findings} == {Severity.CLEAR}
    assert may_clear(findings)


def test_with_nothing_recorded_everything_that_applies_is_missing() -> None:
    findings = assess([], PROTOCOL, NOW)
    assert {finding.kind for finding in findings} == {Severity.MISSING}
    assert len(findings) == len(FACTS) - 1  # systolic and diastolic are one finding
    assert not may_clear(findings)
    assert not may_clear([])


@given(st.sampled_from([fact.code for fact in _healthy()]))
def test_leaving_out_any_one_answer_is_never_a_pass(code: str) -> None:
    findings = assess([fact for fact in _healthy() if fact.code != code], PROTOCOL, NOW)
    dependent = {"pregnant", "breastfeeding"}
    assert bool(may_clear(findings)) is (code in dependent)


@given(
    st.sampled_from([fact.code for fact in _healthy()]),
    st.sampled_from([None, "", "perhaps", Decimal("NaN")]),
)
def test_an_answer_that_is_not_one_is_never_a_pass(code: str, value: object) -> None:
    assert not may_clear(assess(_healthy(**{code: value}), PROTOCOL, NOW))


@given(st.lists(facts, max_size=12), st.sampled_from(ABSOLUTES), st.integers(-4000, 2))
def test_adding_an_absolute_never_makes_clear(known: list[Fact], code: str, days: int) -> None:
    absolute = Fact(code, True, "H. Sato", NOW + timedelta(days=days))
    for start in (known, _healthy() + known):
        findings = assess([*start, absolute], PROTOCOL, NOW)
        decided = [
            Resolution(one.code, "H. Sato", Role.PRESCRIBER, "weighed", NOW + timedelta(9))
            for one in findings
        ]
        assert not may_clear(findings, decided)


@given(st.lists(facts, max_size=20))
def test_every_finding_has_a_reason_a_source_and_a_citation(known: list[Fact]) -> None:
    for finding in assess(known, PROTOCOL, NOW):
        assert all((finding.title, finding.value, finding.reason, finding.source, finding.citation))
        assert all(any(fact is one for one in known) for fact in finding.evidence)


@given(st.lists(facts, max_size=20))
def test_clear_is_only_said_on_fresh_evidence_that_answers(known: list[Fact]) -> None:
    for finding in assess(known, PROTOCOL, NOW):
        if finding.kind is Severity.CLEAR:
            newest = max(fact.observed_at for fact in finding.evidence)
            oldest = max(PROTOCOL.evidence_days.values(), key=lambda one: one.value).value
            assert newest <= NOW and NOW - newest <= timedelta(days=int(oldest))
            assert all(fact.value is not None and fact.value is not True for fact in finding.evidence) or (
                finding.code == "pregnancy_possible"
            )


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_each_rule_speaks_with_its_own_kind_and_source(rule) -> None:
    finding = _found(_healthy(**{rule.code: True}), rule.code)
    assert (finding.kind, finding.source, finding.status) == (rule.kind, rule.source, rule.status)
    assert finding.value == "Yes"
    assert finding.evidence[0].recorded_by == "H. Sato"


@pytest.mark.parametrize("code", ABSOLUTES)
def test_an_old_yes_is_not_outvoted_by_a_newer_no(code: str) -> None:
    finding = _found([*_healthy(), _fact(code, True, days_ago=900)], code)
    assert finding.kind is Severity.ABSOLUTE
    assert "Another record says no" in finding.reason
    assert len(finding.evidence) == 2


def test_stale_evidence_is_missing_and_says_how_old_it_may_be() -> None:
    old = [fact for fact in _healthy(pregnancy_possible=True) if fact.code != "pregnant"]
    finding = _found([*old, _fact("pregnant", False, days_ago=8)], "pregnant")
    assert finding.kind is Severity.MISSING
    assert finding.reason == "The evidence is older than 7 days."
    assert _found([*old, _fact("pregnant", False, days_ago=7)], "pregnant").kind is Severity.CLEAR


def test_evidence_from_the_future_is_missing() -> None:
    finding = _found([_fact("arrhythmia", False, days_ago=-1)], "arrhythmia")
    assert finding.kind is Severity.MISSING


def test_when_two_people_record_at_once_the_worse_answer_counts() -> None:
    both = [_fact("arrhythmia", False), _fact("arrhythmia", True, by="L. Ferrer")]
    assert _found(both, "arrhythmia").kind is Severity.HOLD
    doses = [_fact("lorazepam_equivalent_mg_per_day", 0), _fact("lorazepam_equivalent_mg_per_day", 4)]
    assert _found(doses, "lorazepam_equivalent_mg_per_day").kind is Severity.HOLD


def test_pregnancy_is_asked_about_unless_it_is_known_not_to_apply() -> None:
    def codes(*known: Fact) -> set[str]:
        return {finding.code for finding in assess(known, PROTOCOL, NOW)}

    assert "pregnant" not in codes(_fact("pregnancy_possible", False))
    assert "pregnant" in codes(_fact("pregnancy_possible", True))
    assert "pregnant" in codes()
    assert "pregnant" in codes(_fact("pregnancy_possible", False, days_ago=400))
    assert "pregnant" in codes(_fact("pregnancy_possible", False), _fact("pregnant", True))


@pytest.mark.parametrize(
    ("dose", "kind"),
    [("0", Severity.CLEAR), ("1", Severity.CAUTION), ("3", Severity.CAUTION), ("3.1", Severity.HOLD)],
)
def test_benzodiazepines_by_dose(dose: str, kind: Severity) -> None:
    assert _found(_healthy(lorazepam_equivalent_mg_per_day=Decimal(dose)),
                  "lorazepam_equivalent_mg_per_day").kind is kind  # fmt: skip


@pytest.mark.parametrize(("code", "below", "at"), [("asa_class", 2, 3), ("bmi", 29, 30)])
def test_numbers_that_call_for_thought_begin_at_the_protocols_number(code: str, below: int, at: int) -> None:
    assert _found(_healthy(**{code: below}), code).kind is Severity.CLEAR
    assert _found(_healthy(**{code: at}), code).kind is Severity.CAUTION


def test_cautions_do_not_hinder_but_holds_need_a_prescribers_reason_after_the_evidence() -> None:
    assert may_clear(assess(_healthy(cystitis=True), PROTOCOL, NOW))
    findings = assess(_healthy(arrhythmia=True), PROTOCOL, NOW)
    good = Resolution("arrhythmia", "H. Sato", Role.PRESCRIBER, "Cardiology agrees.", NOW)
    assert may_clear(findings).reason == "Holds until the prescriber decides, with a reason: Arrhythmia."
    assert may_clear(findings, [good])
    assert not may_clear(findings, [replace(good, role=Role.NURSE)])
    assert not may_clear(findings, [replace(good, reason="  ")])
    assert not may_clear(findings, [replace(good, code="pregnant")])
    assert not may_clear(findings, [replace(good, decided_at=NOW - timedelta(days=2))])


def test_a_reason_that_weighs_a_caution_decides_no_hold_and_none_that_decides_a_hold_weighs_a_caution() -> (
    None
):
    caution = _found(_healthy(cystitis=True), "cystitis")
    hold = _found(_healthy(arrhythmia=True), "arrhythmia")
    for one, is_it, is_not in ((caution, is_weighed, is_resolved), (hold, is_resolved, is_weighed)):
        plain = Resolution(one.code, "H. Sato", Role.PRESCRIBER, "Urology agrees.", NOW)
        apart = replace(plain, code=weighed(one.code))
        right, wrong = (apart, plain) if one is caution else (plain, apart)
        assert is_it(one, [right])
        assert not is_it(one, [wrong])
        assert not is_not(one, [right, wrong])
        assert not is_it(one, [replace(right, reason=" ")])
        assert not is_it(one, [replace(right, role=Role.NURSE)])
        assert not is_it(one, [replace(right, decided_at=NOW - timedelta(days=2))])
    assert finding_title(weighed("cystitis")) == finding_title("cystitis") == "Bladder"
    assert finding_title("blood_pressure") == "Blood pressure at rest"


def test_neither_missing_nor_absolute_can_be_decided_away() -> None:
    for changed in ({"arrhythmia": None}, {"aneurysm_or_avm": True}):
        findings = assess(_healthy(**changed), PROTOCOL, NOW)
        code = next(iter(changed))
        assert not may_clear(findings, [Resolution(code, "H. Sato", Role.PRESCRIBER, "a reason", NOW)])


def test_the_gravest_finding_comes_first() -> None:
    known = _healthy(cystitis=True, arrhythmia=True, hypersensitivity=True, bmi=None)
    kinds = [one.kind for one in assess(known, PROTOCOL, NOW)]
    assert kinds[:4] == [Severity.ABSOLUTE, Severity.HOLD, Severity.MISSING, Severity.CAUTION]


def test_violence_and_coercion_have_no_place_in_the_workup() -> None:
    said = " ".join(
        [spec.code + spec.question + spec.title for spec in FACTS] + [rule.reason for rule in RULES]
    )
    for word in ("violen", "coerc", "abuse", "hark", "partner", "afraid", "pressuring"):
        assert word not in said.lower()


def _bp(systolic: int, diastolic: int, minute: float) -> Pressure:
    return Pressure(Decimal(systolic), Decimal(diastolic), NOW + timedelta(minutes=minute))


@pytest.mark.parametrize(
    ("readings", "allowed"),
    [
        ([], False),
        ([(140, 90, 0)], True),  # at the limit is not above it
        ([(141, 80, 0)], False),
        ([(120, 91, 0)], False),
        ([(152, 94, 0), (150, 92, 5)], False),
        ([(152, 94, 0), (138, 88, 5)], True),
        ([(152, 94, 0), (138, 88, 4)], False),  # too soon after the one above
        ([(138, 88, 0), (152, 94, 5)], False),  # the newest counts
        ([(138, 88, 0), (152, 94, 0)], False),  # at the same moment the higher counts
        ([(152, 94, 0), (138, 88, 0)], False),
        ([(152, 94, 5), (138, 88, 0)], False),  # whatever the order they come in
    ],
)
def test_blood_pressure_before_a_dose(readings: list[tuple[int, int, int]], allowed: bool) -> None:
    assert bool(pressure_below_hold([_bp(*one) for one in readings], HOLD)) is allowed


def test_two_high_readings_say_so_and_one_asks_for_a_second() -> None:
    assert pressure_below_hold([_bp(152, 94, 0)], HOLD).reason == (
        "152/94 mmHg is above 140/90. Measure again after 5 min."
    )
    assert pressure_below_hold([_bp(154, 96, 0), _bp(152, 94, 5)], HOLD).reason == (
        "152/94 mmHg is above 140/90 on readings 5 min or more apart."
    )


@given(
    st.lists(
        st.tuples(st.integers(80, 220), st.integers(40, 130), st.integers(0, 30)), min_size=1, max_size=6
    )
)
def test_the_newest_reading_above_the_limit_always_holds(readings: list[tuple[int, int, int]]) -> None:
    pressures = [_bp(*one) for one in readings]
    newest = max(one.observed_at for one in pressures)
    high = any(
        one.systolic_mmhg > 140 or one.diastolic_mmhg > 90 for one in pressures if one.observed_at == newest
    )
    if high:
        assert not pressure_below_hold(pressures, HOLD)


def test_a_systolic_without_its_diastolic_is_no_reading() -> None:
    known = [fact for fact in _healthy() if fact.code != "diastolic_mmhg"]
    assert _found(known, "blood_pressure").kind is Severity.MISSING


def test_halves_of_two_readings_do_not_make_one() -> None:
    halves = [_fact("systolic_mmhg", 128, days_ago=1), _fact("diastolic_mmhg", 78, days_ago=2)]
    assert _found(halves, "blood_pressure").kind is Severity.MISSING


def test_a_reading_from_the_future_is_missing_and_one_too_old_is_too() -> None:
    for days_ago in (-1, 31):
        known = [_fact("systolic_mmhg", 128, days_ago), _fact("diastolic_mmhg", 78, days_ago)]
        assert _found(known, "blood_pressure").kind is Severity.MISSING


def test_high_pressure_is_a_hold_that_the_prescriber_may_decide() -> None:
    findings = assess(_healthy(systolic_mmhg=152, diastolic_mmhg=94), PROTOCOL, NOW)
    held = next(one for one in findings if one.code == "blood_pressure")
    assert (held.kind, held.value) == (Severity.HOLD, "152/94 mmHg")
    assert may_clear(findings, [Resolution("blood_pressure", "H. Sato", Role.PRESCRIBER, "White coat.", NOW)])


@pytest.mark.parametrize(
    ("code", "number", "fits"),
    [
        ("weight_kg", "70", True),
        ("weight_kg", "700", False),
        ("weight_kg", "7", False),
        ("systolic_mmhg", "118", True),
        ("systolic_mmhg", "1180", False),
        ("asa_class", "0", False),
        ("bmi", "NaN", False),
    ],
)
def test_a_number_that_cannot_be_is_no_answer(code: str, number: str, fits: bool) -> None:
    found = can_be(code, Decimal(number))
    assert bool(found) is fits
    assert fits or "can only be" in str(found.reason)


def test_every_number_of_the_work_up_has_its_ends() -> None:
    assert not [one.code for one in FACTS if one.answer is Answer.NUMBER and one.most is None]
