"""Gates before a dose: each one shuts by itself, a missing answer never opens one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.decision import Decision
from bothwell.dosing.gates import (
    DECIDERS,
    EQUIPMENT,
    Antiemetic,
    Before,
    Earlier,
    Gate,
    GateResult,
    Override,
    Staffing,
    gates,
    may_start,
)
from bothwell.dosing.pregnancy import Pregnancy, PregnancyTest, Result
from bothwell.dosing.rescreen import Asked
from bothwell.pathway.eligibility import Fact, Finding, Pressure, Resolution, Severity
from bothwell.pathway.protocol import SHIPPED, Route, Status, load
from bothwell.pathway.steps import CourseState, Phase, Role, State

PROTOCOL = load(SHIPPED / "couples-kat-1.toml")
NOW = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)
MORNING = datetime(2026, 11, 24, 5, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=9)


def _bp(systolic: int, diastolic: int, minutes_ago: int) -> Pressure:
    return Pressure(Decimal(systolic), Decimal(diastolic), NOW - timedelta(minutes=minutes_ago))


CLEAR = Finding(
    "arrhythmia", Severity.CLEAR, "Arrhythmia", "No", "Asked.", "Trial", "PMC", Status.PUBLISHED,
    (Fact("arrhythmia", False, "Helen", LONG_AGO),),
)  # fmt: skip
ABSOLUTE = replace(CLEAR, kind=Severity.ABSOLUTE, title="Aneurysm, AV malformation")
HOLDS = replace(CLEAR, kind=Severity.HOLD)
GO_ON = Resolution("arrhythmia", "Helen", Role.PRESCRIBER, "Benign, says cardiology.", LONG_AGO)


def _tested(result: str, minutes_ago: float, by: str = "luis", **more: Any) -> Result:
    at = NOW - timedelta(minutes=minutes_ago)
    return Result(PregnancyTest(result), at, more.pop("recorded_at", at), by, **more)


READY = Before(
    now=NOW,
    day_began_at=MORNING,
    route=Route.IV,
    course=CourseState(Phase.PREPARATION),
    protocol_signed_at=LONG_AGO,
    findings=(CLEAR,),
    decision_signed_by=frozenset(DECIDERS),
    consents_needed=frozenset({"treatment_iv", "touch"}),
    consents_in_force=frozenset({"treatment_iv", "touch", "recording"}),
    order_signed_at=LONG_AGO,
    order_in_range=Decision.yes("Inside the range."),
    earlier=Earlier(in_course=1, days_since=2),
    is_other_session_open=False,
    consent_reaffirmed_at=NOW,
    suicide=Asked(NOW, risk_found=False),
    weight_kg=Decimal(68),
    pressures=(_bp(128, 78, 20),),
    saturation_at=NOW,
    fasting_confirmed=True,
    last_food_at=NOW - timedelta(hours=9),
    last_drink_at=NOW - timedelta(hours=3),
    antiemetic=Antiemetic.GIVEN,
    is_escort_named=True,
    is_escort_reachable=True,
    pregnancy=Pregnancy(True, (_tested("negative", 6 * 24 * 60),)),
    medications_asked_at=NOW - timedelta(minutes=30),
    equipment=frozenset(code for code, _ in EQUIPMENT),
    equipment_at=NOW,
    staffing=Staffing("Helen, MD", "Luis, RN", "Tessa, RN"),
    staffing_at=NOW,
)
ASKED = NOW - timedelta(minutes=30)


def _with(changed: dict[str, Any]) -> Before:
    """Ready but for this; `suicide` by the names of its own parts."""
    if isinstance(parts := changed.get("suicide"), dict):
        changed = {**changed, "suicide": replace(READY.suicide, **parts)}
    return replace(READY, **changed)


def _shut(**changed: Any) -> dict[Gate, str]:
    return {one.name: one.reason for one in gates(_with(changed), PROTOCOL) if not one.passed}


def test_when_all_is_ready_the_dose_may_start() -> None:
    results = gates(READY, PROTOCOL)
    assert [one.name for one in results] == list(Gate)
    assert all(one.passed and one.reason for one in results)
    assert may_start(results)


def test_when_nothing_is_recorded_every_gate_but_the_courses_own_is_shut() -> None:
    bare = Before(NOW, MORNING, Route.IV, CourseState(Phase.PREPARATION))
    shut = {one.name for one in gates(bare, PROTOCOL) if not one.passed}
    assert shut == set(Gate) - {Gate.COURSE_ACTIVE}


@pytest.mark.parametrize(
    ("gate", "changed"),
    [
        (Gate.PROTOCOL_SIGNED, {"protocol_signed_at": None}),
        (Gate.PROTOCOL_SIGNED, {"protocol_signed_at": NOW + timedelta(minutes=1)}),
        (Gate.COURSE_ACTIVE, {"course": CourseState(Phase.PREPARATION, State.ON_HOLD)}),
        (Gate.COURSE_ACTIVE, {"course": CourseState(Phase.DOSING_SERIES, State.STOPPED)}),
        (Gate.COURSE_ACTIVE, {"course": CourseState(Phase.CONSENT)}),
        (Gate.FINDINGS, {"findings": ()}),
        (Gate.FINDINGS, {"findings": (CLEAR, ABSOLUTE), "resolutions": (GO_ON,)}),
        (Gate.FINDINGS, {"findings": (HOLDS,)}),
        (Gate.FINDINGS, {"findings": (HOLDS,), "resolutions": (replace(GO_ON, code="caution:arrhythmia"),)}),
        (Gate.FINDINGS, {"findings": (HOLDS,), "resolutions": (replace(GO_ON, role=Role.NURSE),)}),
        (
            Gate.FINDINGS,
            {
                "findings": (HOLDS,),
                "resolutions": (replace(GO_ON, decided_at=LONG_AGO - timedelta(seconds=1)),),
            },
        ),
        (
            Gate.FINDINGS,
            {"findings": (HOLDS,), "resolutions": (replace(GO_ON, decided_at=NOW + timedelta(seconds=1)),)},
        ),
        (Gate.DECISION_SIGNED, {"decision_signed_by": frozenset({Role.PRESCRIBER, Role.COUPLES_THERAPIST})}),
        (Gate.CONSENTS_IN_FORCE, {"consents_in_force": frozenset({"touch"})}),
        (Gate.CONSENTS_IN_FORCE, {"consents_needed": frozenset()}),
        (Gate.ORDER_SIGNED, {"order_signed_at": None}),
        (Gate.ORDER_SIGNED, {"order_in_range": None}),
        (Gate.ORDER_SIGNED, {"order_in_range": Decision.no("Outside.")}),
        (Gate.DAYS_BETWEEN, {"earlier": None}),
        (Gate.DAYS_BETWEEN, {"earlier": Earlier(1, 1)}),
        (Gate.DAYS_BETWEEN, {"earlier": Earlier(1, 0)}),
        (Gate.DAYS_BETWEEN, {"earlier": Earlier(6, 6)}),
        (Gate.DAYS_BETWEEN, {"earlier": Earlier(2, 6, is_maintained=True)}),
        (Gate.PARTNER_NOT_IN_SESSION, {"is_other_session_open": True}),
        (Gate.PARTNER_NOT_IN_SESSION, {"is_other_session_open": None}),
        (Gate.CONSENT_REAFFIRMED, {"consent_reaffirmed_at": MORNING - timedelta(seconds=1)}),
        (Gate.CONSENT_REAFFIRMED, {"consent_reaffirmed_at": NOW + timedelta(seconds=1)}),
        (Gate.SUICIDE_RESCREENED, {"suicide": {"asked_at": MORNING - timedelta(seconds=1)}}),
        (Gate.SUICIDE_RESCREENED, {"suicide": {"risk_found": None}}),
        (Gate.SUICIDE_RESCREENED, {"suicide": {"risk_found": True}}),
        (Gate.SUICIDE_RESCREENED, {"suicide": {"yes_at": ASKED}}),
        (Gate.SUICIDE_RESCREENED, {"suicide": {"yes_at": ASKED, "decided_at": ASKED}}),
        (Gate.SUICIDE_RESCREENED, {"suicide": {"yes_at": ASKED, "decided_at": NOW + timedelta(seconds=1)}}),
        (Gate.OXYGEN_SATURATION, {"saturation_at": None}),
        (Gate.OXYGEN_SATURATION, {"saturation_at": MORNING - timedelta(seconds=1)}),
        (Gate.WEIGHT_RECORDED, {"weight_kg": None}),
        (Gate.WEIGHT_RECORDED, {"weight_kg": Decimal(0)}),
        (Gate.WEIGHT_RECORDED, {"weight_kg": Decimal("NaN")}),
        (Gate.BLOOD_PRESSURE, {"pressures": ()}),
        (Gate.BLOOD_PRESSURE, {"pressures": (_bp(128, 78, 60 * 24),)}),
        (Gate.BLOOD_PRESSURE, {"pressures": (_bp(152, 94, 20),)}),
        (Gate.BLOOD_PRESSURE, {"pressures": (_bp(152, 94, 20), _bp(150, 92, 10))}),
        (Gate.FASTING, {"fasting_confirmed": False}),
        (Gate.FASTING, {"last_food_at": NOW - timedelta(minutes=479)}),
        (Gate.FASTING, {"last_drink_at": NOW - timedelta(minutes=119)}),
        (Gate.ANTIEMETIC, {"antiemetic": None}),
        (Gate.ESCORT, {"is_escort_named": False}),
        (Gate.ESCORT, {"is_escort_reachable": False}),
        *(
            (Gate.PREGNANCY, {"pregnancy": known})
            for known in (
                replace(READY.pregnancy, is_possible=None),
                Pregnancy(is_possible=True),
                Pregnancy(True, (_tested("positive", 60),)),
                Pregnancy(True, (_tested("refused", 2 * 24 * 60),)),
                Pregnancy(False, (_tested("positive", 60),)),
                Pregnancy(False, (_tested("refused", 0),)),
                Pregnancy(True, (_tested("negative", 7 * 24 * 60 + 1),)),
                Pregnancy(True, (_tested("negative", -1),)),
                Pregnancy(True, (_tested("positive", 60), _tested("negative", 30))),
                Pregnancy(False, (_tested("positive", 60), _tested("negative", 30))),
                Pregnancy(True, (_tested("positive", 60), _tested("negative", 30, "tessa"))),
                Pregnancy(True, (_tested("positive", 60), _tested("negative", 30), _tested("negative", 20))),
            )
        ),
        (Gate.MEDICATIONS_CHANGED, {"medications_asked_at": None}),
        (Gate.MEDICATIONS_CHANGED, {"medications_asked_at": MORNING - timedelta(seconds=1)}),
        (Gate.MEDICATIONS_CHANGED, {"medications_changed": "Sertraline stopped."}),
        (
            Gate.MEDICATIONS_CHANGED,
            {
                "medications_changed": "Sertraline stopped.",
                "medications_seen_at": ASKED - timedelta(seconds=1),
            },
        ),
        (
            Gate.MEDICATIONS_CHANGED,
            {
                "medications_changed": "Sertraline stopped.",
                "medications_changed_at": ASKED - timedelta(minutes=9),
                "medications_seen_at": ASKED - timedelta(minutes=10),
            },
        ),
        (Gate.EQUIPMENT, {"equipment_at": None}),
        (Gate.EQUIPMENT, {"equipment_at": MORNING - timedelta(seconds=1)}),
        (Gate.EQUIPMENT, {"equipment": frozenset()}),
        (Gate.STAFFING, {"staffing": None}),
        (Gate.STAFFING, {"staffing_at": MORNING - timedelta(seconds=1)}),
        (Gate.STAFFING, {"staffing": Staffing("Helen, MD", "Luis, RN", " ")}),
        (
            Gate.STAFFING,
            {"staffing": Staffing("Helen, MD", "Luis, RN", "Luis, RN", is_second_the_nurse=True)},
        ),
    ],
)
def test_each_gate_shuts_by_itself_and_no_other(gate: Gate, changed: dict[str, Any]) -> None:
    assert set(_shut(**changed)) == {gate}
    assert not may_start(gates(_with(changed), PROTOCOL))


@given(st.sets(st.sampled_from(list(Gate)), min_size=1))
def test_a_gate_that_was_not_checked_is_not_passed(left_out: set[Gate]) -> None:
    assert not may_start([one for one in gates(READY, PROTOCOL) if one.name not in left_out])


@given(st.sets(st.sampled_from(list(Gate))))
def test_the_dose_may_start_exactly_when_every_gate_is_passed(shut: set[Gate]) -> None:
    results = [GateResult(gate, gate not in shut, f"{gate}.") for gate in Gate]
    decision = may_start(results)
    assert bool(decision) is (not shut)
    assert all(f"{gate}." in decision.reason for gate in shut)


@pytest.mark.parametrize(
    "earlier",
    [Earlier(0, None), Earlier(0, 2), Earlier(5, 2), Earlier(6, 7), Earlier(2, 7, is_maintained=True)],
)
def test_when_the_days_of_the_stage_have_passed_the_next_dose_may_come(earlier: Earlier) -> None:
    assert not _shut(earlier=earlier)


def test_a_dose_too_soon_says_how_many_days_have_passed_and_how_many_are_asked_for() -> None:
    assert _shut(earlier=Earlier(6, 2))[Gate.DAYS_BETWEEN] == (
        "2 days after the last dose; the protocol asks for 7 days. Choose a later day; "
        "going on today is the prescriber's to decide."
    )
    assert _shut(earlier=Earlier(1, 0))[Gate.DAYS_BETWEEN].startswith("On the same day as the last dose; ")


def test_the_prescriber_may_go_on_too_soon_with_a_reason_of_today() -> None:
    good = Override(Role.PRESCRIBER, "Travels tomorrow; agreed with the team.", NOW - timedelta(minutes=5))
    assert not _shut(earlier=Earlier(6, 2), interval_override=good)
    for changed in (
        {"role": Role.NURSE},
        {"reason": " "},
        {"decided_at": MORNING - timedelta(seconds=1)},
        {"decided_at": NOW + timedelta(minutes=1)},
    ):
        assert _shut(earlier=Earlier(6, 2), interval_override=replace(good, **changed))  # type: ignore[arg-type]
    assert _shut(earlier=None, interval_override=good), "what was not looked up cannot be decided about"


def test_every_finding_that_holds_is_named_with_where_it_is_decided() -> None:
    shut = _shut(findings=(ABSOLUTE, HOLDS, replace(HOLDS, code="maoi", title="MAO inhibitor")))
    assert shut[Gate.FINDINGS] == (
        "No reason clears this: Aneurysm, AV malformation. Where the entry is wrong, it is corrected in the "
        "work-up. The work-up holds the dose: Arrhythmia; MAO inhibitor. The prescriber decides it in the work-up."
    )


@pytest.mark.parametrize("kind", [Severity.CAUTION, Severity.MISSING, Severity.CLEAR])
def test_a_caution_or_a_missing_answer_of_the_work_up_holds_no_dose(kind: Severity) -> None:
    assert not _shut(findings=(replace(CLEAR, kind=kind),))


def test_a_hold_that_the_prescriber_decided_holds_no_dose() -> None:
    assert not _shut(findings=(HOLDS,), resolutions=(GO_ON,))


RAISED = NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("changed", "waits_for"),
    [
        ({}, "open. Acknowledge it; then the prescriber asks again and decides."),
        ({"asked_by_clinician": True}, "The No said at the bed today is kept; it does not open this gate. Acknowledge"),
        ({"flag_is_acknowledged": True}, "open and acknowledged. Now the prescriber asks again and decides."),
        ({"flag_is_acknowledged": True, "asked_by_clinician": True}, "it does not open this gate. Now the"),
        ({"decided_at": NOW}, "still waits to be acknowledged"),
        ({"decided_at": RAISED - timedelta(minutes=1)}, "It came after what the prescriber said. Acknowledge it"),
        (
            {"risk_found": True, "asked_by_clinician": True, "flag_is_acknowledged": True},
            "What was said at the bed today holds the dose too. Now the prescriber",
        ),
    ],
)  # fmt: skip
def test_an_open_positive_answer_says_what_it_waits_for_now(changed: dict[str, Any], waits_for: str) -> None:
    shut = _shut(suicide={"flag_at": RAISED, **changed})
    assert set(shut) == {Gate.SUICIDE_RESCREENED}
    assert waits_for in shut[Gate.SUICIDE_RESCREENED]
    if changed.get("flag_is_acknowledged"):
        assert "cknowledge it" not in shut[Gate.SUICIDE_RESCREENED]


def test_acknowledged_and_decided_by_the_prescriber_it_holds_no_more() -> None:
    assert not _shut(suicide={"flag_at": RAISED, "flag_is_acknowledged": True, "decided_at": NOW})


def test_a_yes_at_the_bed_holds_until_the_prescriber_said_no_after_it() -> None:
    assert "call the prescriber, who answers now" in _shut(suicide={"yes_at": ASKED})[Gate.SUICIDE_RESCREENED]
    assert not _shut(suicide={"yes_at": ASKED, "decided_at": ASKED + timedelta(seconds=1)})


def test_another_open_session_is_said_in_one_sentence_and_nothing_more() -> None:
    result = next(one for one in gates(replace(READY, is_other_session_open=True), PROTOCOL)
                  if one.name is Gate.PARTNER_NOT_IN_SESSION)  # fmt: skip
    assert (result.reason, result.evidence) == ("Another session in this couple's care is open.", "")


def test_a_second_lower_reading_after_five_minutes_opens_the_gate() -> None:
    assert not _shut(pressures=(_bp(152, 94, 20), _bp(138, 88, 15)))
    assert _shut(pressures=(_bp(152, 94, 20), _bp(138, 88, 16)))


def test_the_prescriber_may_go_on_with_a_reason_given_after_the_last_reading() -> None:
    high = (_bp(152, 94, 20), _bp(150, 92, 10))
    good = Override(Role.PRESCRIBER, "Known white-coat pressure.", NOW - timedelta(minutes=5))
    assert not _shut(pressures=high, pressure_override=good)
    for changed in (
        {"role": Role.NURSE},
        {"reason": " "},
        {"decided_at": NOW - timedelta(minutes=11)},
        {"decided_at": NOW + timedelta(minutes=1)},
    ):
        assert _shut(pressures=high, pressure_override=replace(good, **changed))  # type: ignore[arg-type]


@given(st.sets(st.sampled_from([code for code, _ in EQUIPMENT])))
def test_whatever_does_not_stand_ready_is_named_and_holds_the_dose(ready: set[str]) -> None:
    shut = _shut(equipment=frozenset(ready))
    lacking = {said for code, said in EQUIPMENT if code not in ready}
    assert (Gate.EQUIPMENT in shut) is bool(lacking)
    assert all(said in shut[Gate.EQUIPMENT] for said in lacking)


def test_where_pregnancy_is_not_possible_no_test_is_asked_for() -> None:
    results = gates(replace(READY, pregnancy=Pregnancy(is_possible=False)), PROTOCOL)
    (found,) = [one for one in results if one.name is Gate.PREGNANCY]
    assert found.passed and found.reason.startswith("Not applicable")


def test_a_change_of_medicines_passes_once_a_prescriber_has_seen_it() -> None:
    assert not _shut(medications_changed="Sertraline stopped.", medications_seen_at=ASKED)


def test_a_change_seen_is_not_asked_about_anew_by_a_later_no_change() -> None:
    earlier = {
        "medications_changed": "Sertraline stopped.",
        "medications_changed_at": ASKED - timedelta(minutes=9),
    }
    assert not _shut(**earlier, medications_seen_at=ASKED - timedelta(minutes=5))
    assert "“no change” said after it is kept" in _shut(**earlier)[Gate.MEDICATIONS_CHANGED]


def test_a_test_refused_on_another_day_holds_nothing_where_pregnancy_is_not_possible() -> None:
    assert not _shut(pregnancy=Pregnancy(False, (_tested("refused", 6 * 24 * 60),)))


@pytest.mark.parametrize(
    "after",
    [
        (_tested("negative", 30, "helen", is_prescribers=True),),
        (_tested("negative", 30), _tested("negative", 20, "tessa")),
    ],
)
def test_after_a_positive_test_a_prescribers_negative_opens_or_two_that_two_people_saw(
    after: tuple[Result, ...],
) -> None:
    positive = _tested("positive", 60)
    assert not _shut(pregnancy=Pregnancy(True, (positive, *after)))
    late = replace(positive, recorded_at=NOW - timedelta(minutes=10))
    assert _shut(pregnancy=Pregnancy(True, (late, *after))), "recorded only after them"
    assert _shut(pregnancy=Pregnancy(True, (replace(positive, at=NOW - timedelta(minutes=25)), *after[:1])))


@given(st.lists(st.tuples(st.sampled_from(["negative", "positive", "refused"]), st.integers(0, 600))))
def test_after_a_positive_test_one_nurse_alone_never_opens_the_gate(made: list[tuple[str, int]]) -> None:
    tests = tuple(_tested(result, minutes) for result, minutes in made)
    shut = _shut(pregnancy=Pregnancy(True, tests))
    if any(one.result is PregnancyTest.POSITIVE for one in tests):
        assert Gate.PREGNANCY in shut


def test_an_override_cannot_stand_in_for_a_reading() -> None:
    good = Override(Role.PRESCRIBER, "a reason", NOW)
    assert set(_shut(pressures=(), pressure_override=good)) == {Gate.BLOOD_PRESSURE}


def test_the_nasal_route_has_its_own_fasting_times() -> None:
    eaten = {"last_food_at": NOW - timedelta(hours=2), "last_drink_at": NOW - timedelta(minutes=30)}
    assert not _shut(route=Route.IN, **eaten)
    assert Gate.FASTING in _shut(route=Route.IV, **eaten)
    assert Gate.FASTING in _shut(route=Route.IN, **{**eaten, "last_food_at": NOW - timedelta(minutes=119)})
