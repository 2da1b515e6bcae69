"""The pathway's table: total, reachable, drawn as it stands, moved only by people."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from bothwell.pathway.steps import (
    GATES,
    NEEDS_REASON,
    TABLE,
    CourseState,
    Event,
    Kind,
    Phase,
    Role,
    State,
    drawn,
    fold,
    open_steps,
    step,
)

ALL_GATES = frozenset(GATES)
states = st.builds(CourseState, st.sampled_from(Phase), st.sampled_from(State))
events = st.builds(
    Event,
    st.sampled_from(Kind),
    st.sampled_from(Role),
    st.none() | st.sampled_from(Phase),
    st.sets(st.sampled_from(sorted(GATES))).map(frozenset),
    st.sampled_from(["", "  ", "because"]),
)


@given(states, events)
def test_every_event_in_every_state_has_an_answer_with_a_reason(state: CourseState, event: Event) -> None:
    outcome = step(state, event)
    assert outcome.decision.reason.strip()
    if not outcome.decision:
        assert outcome.state == state


@given(states, events)
def test_a_step_taken_is_a_row_of_the_table_by_somebody_it_names(state: CourseState, event: Event) -> None:
    outcome = step(state, event)
    if outcome.decision:
        rows = [
            row
            for row in TABLE
            if (row.phase, row.event, row.to) == (state.phase, event.kind, outcome.state.phase)
        ]
        assert len(rows) == 1
        assert event.by in rows[0].who
        assert set(rows[0].gates) <= event.gates_met
        assert event.kind not in NEEDS_REASON or event.reason.strip()


@given(states, events)
def test_a_course_that_has_ended_or_stopped_never_moves_again(state: CourseState, event: Event) -> None:
    if state.state in (State.ENDED, State.STOPPED):
        assert not step(state, event).decision


@given(states, events)
def test_more_gates_met_never_turn_a_yes_into_a_no(state: CourseState, event: Event) -> None:
    if step(state, event).decision:
        more = Event(event.kind, event.by, event.to, ALL_GATES, event.reason)
        assert step(state, more).decision


def test_every_phase_can_be_reached_and_the_end_from_every_phase() -> None:
    def reach(start: Phase) -> set[Phase]:
        found = {start}
        while new := {row.to for row in TABLE if row.phase in found} - found:
            found |= new
        return found

    assert reach(Phase.REFERRAL) == set(Phase)
    assert all(Phase.ENDED in reach(phase) for phase in Phase)


def test_no_row_stands_twice_and_every_gate_is_described_and_used() -> None:
    keys = [(row.phase, row.event, row.to) for row in TABLE]
    assert len(keys) == len(set(keys))
    assert {gate for row in TABLE for gate in row.gates} == ALL_GATES


def test_hold_resume_and_stop_are_open_in_every_phase_but_the_last() -> None:
    for phase in set(Phase) - {Phase.ENDED}:
        for kind, before, after in (
            (Kind.HOLD, State.ACTIVE, State.ON_HOLD),
            (Kind.RESUME, State.ON_HOLD, State.ACTIVE),
            (Kind.STOP, State.ACTIVE, State.STOPPED),
            (Kind.STOP, State.ON_HOLD, State.STOPPED),
        ):
            outcome = step(CourseState(phase, before), Event(kind, Role.PRESCRIBER, reason="a reason"))
            assert outcome.state == CourseState(phase, after)


def test_on_hold_nothing_advances_even_with_every_gate_met() -> None:
    for row in TABLE:
        if row.event is Kind.ADVANCE:
            held = CourseState(row.phase, State.ON_HOLD)
            outcome = step(held, Event(row.event, row.who[0], row.to, ALL_GATES, "a reason"))
            assert (outcome.decision.allowed, outcome.decision.reason) == (False, "This course is on hold.")


def _on(by: Role, to: Phase) -> Event:
    return Event(Kind.ADVANCE, by, to, ALL_GATES)


def test_one_session_walks_from_referral_to_the_end() -> None:
    outcome = fold(
        [
            _on(Role.COORDINATOR, Phase.EVALUATION),
            _on(Role.PRESCRIBER, Phase.JOINT_DECISION),
            _on(Role.PRESCRIBER, Phase.CONSENT),
            _on(Role.INDIVIDUAL_THERAPIST, Phase.PREPARATION),
            Event(Kind.STEP_BACK, Role.NURSE, None, ALL_GATES, "blood pressure"),
            _on(Role.NURSE, Phase.DOSING_SERIES),
            _on(Role.NURSE, Phase.INDIVIDUAL_INTEGRATION),
            _on(Role.INDIVIDUAL_THERAPIST, Phase.COUPLE_INTEGRATION),
            _on(Role.COUPLES_THERAPIST, Phase.PREPARATION),
            _on(Role.NURSE, Phase.DOSING_SERIES),
            _on(Role.NURSE, Phase.INDIVIDUAL_INTEGRATION),
            _on(Role.INDIVIDUAL_THERAPIST, Phase.COUPLE_INTEGRATION),
            _on(Role.COUPLES_THERAPIST, Phase.REVIEW),
            _on(Role.PRESCRIBER, Phase.MAINTENANCE),
            _on(Role.PRESCRIBER, Phase.ENDED),
        ]
    )
    assert outcome.decision
    assert outcome.state == CourseState(Phase.ENDED, State.ENDED)


def test_a_fold_stops_at_the_first_refusal_and_keeps_the_state_before_it() -> None:
    outcome = fold([_on(Role.COORDINATOR, Phase.EVALUATION), _on(Role.NURSE, Phase.JOINT_DECISION)])
    assert outcome.decision.reason == "This step is taken by: prescriber."
    assert outcome.state == CourseState(Phase.EVALUATION)


def test_arrival_does_not_begin_dosing_but_the_first_dose_does() -> None:
    ready = ALL_GATES - {"first_dose_given"}
    arrived = Event(Kind.ADVANCE, Role.NURSE, None, ready)
    outcome = step(CourseState(Phase.PREPARATION), arrived)
    assert not outcome.decision
    assert "Arrival alone does not begin dosing." in outcome.decision.reason


def test_a_dose_given_cannot_be_stepped_back_from() -> None:
    event = Event(Kind.STEP_BACK, Role.NURSE, None, ALL_GATES - {"no_dose_given"}, "unwell")
    assert not step(CourseState(Phase.DOSING_SERIES), event).decision


def test_deferring_waits_and_declining_ends() -> None:
    at = CourseState(Phase.JOINT_DECISION)
    later = step(at, Event(Kind.DEFER, Role.PARTNER, reason="not yet"))
    never = step(at, Event(Kind.DECLINE, Role.COUPLES_THERAPIST, reason="not this way"))
    assert later.state == CourseState(Phase.JOINT_DECISION, State.ON_HOLD)
    assert never.state == CourseState(Phase.ENDED, State.ENDED)


def test_several_ways_on_must_be_told_apart() -> None:
    outcome = step(CourseState(Phase.REVIEW), Event(Kind.ADVANCE, Role.PRESCRIBER, None, ALL_GATES))
    assert outcome.decision.reason == (
        "From review there are several ways; say which: preparation, maintenance, ended."
    )


def test_a_clinics_own_gate_must_be_met_too_but_never_hinders_a_hold() -> None:
    advance = _on(Role.COORDINATOR, Phase.EVALUATION)
    assert step(CourseState(), advance).decision
    assert not step(CourseState(), advance, also_needs=["own_gate"]).decision
    hold = Event(Kind.HOLD, Role.NURSE, reason="unwell")
    assert step(CourseState(), hold, also_needs=["own_gate"]).decision


def test_a_partner_may_stop_but_not_hold_or_resume() -> None:
    active, held = CourseState(Phase.CONSENT), CourseState(Phase.CONSENT, State.ON_HOLD)
    assert {row.event for row in open_steps(active, Role.PARTNER)} == {Kind.STOP}
    assert {row.event for row in open_steps(held, Role.PARTNER)} == {Kind.STOP}
    assert {row.event for row in open_steps(held, Role.PRESCRIBER)} == {Kind.STOP, Kind.RESUME}


def test_the_drawn_page_is_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "pathway.md"
    assert page.read_text(encoding="utf-8") == drawn()
