"""The road of one person's care, phase by phase: who may take which step, and what must be true first.

It never moves a course by itself: no step is taken by a clock, every step is a person's, a refusal says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from bothwell.decision import Decision


class Phase(StrEnum):
    """Where a course stands, in the order of care."""

    REFERRAL = "referral"
    EVALUATION = "evaluation"
    JOINT_DECISION = "joint_decision"
    CONSENT = "consent"
    PREPARATION = "preparation"
    DOSING_SERIES = "dosing_series"
    INDIVIDUAL_INTEGRATION = "individual_integration"
    COUPLE_INTEGRATION = "couple_integration"
    REVIEW = "review"
    MAINTENANCE = "maintenance"
    ENDED = "ended"


class State(StrEnum):
    """Whether a course may move."""

    ACTIVE = "active"
    ON_HOLD = "on_hold"
    STOPPED = "stopped"
    ENDED = "ended"


class Kind(StrEnum):
    """What somebody asks of a course."""

    ADVANCE = "advance"
    HOLD = "hold"
    RESUME = "resume"
    STEP_BACK = "step_back"
    STOP = "stop"
    DECLINE = "decline"
    DEFER = "defer"


class Role(StrEnum):
    """Who takes a step. There is no role for a timer or a job: a course moves only by a person."""

    PRESCRIBER = "prescriber"
    NURSE = "nurse"
    INDIVIDUAL_THERAPIST = "individual_therapist"
    COUPLES_THERAPIST = "couples_therapist"
    LEAD = "lead"
    COORDINATOR = "coordinator"
    PARTNER = "partner"


GATES: dict[str, str] = {
    "referral_recorded": "Who referred and why is recorded.",
    "contacted_separately": "Each partner was contacted alone, and safe ways to reach them are recorded.",
    "psychiatric_evaluation_recorded": "The psychiatric evaluation of this person is recorded.",
    "workup_clear": "The medical work-up has no open finding: nothing missing, nothing that holds undecided.",
    "couple_assessment_recorded": "The couples therapist has recorded the couple's assessment.",
    "joint_decision_signed": "Prescriber, couples therapist and the person concerned have signed to go on.",
    "consents_signed": "The consents in force for this route are signed.",
    "disclosure_agreement_signed": "Both partners have signed the couple's disclosure agreement. The couples "
    "therapist puts it before both first.",
    "preparation_recorded": "Preparation is recorded: escort named, fasting explained, plan for the day.",
    "first_dose_given": "The first dose was administered. Arrival alone does not begin dosing.",
    "no_dose_given": "No dose was administered in this visit.",
    "discharge_signed": "A clinician has signed the discharge.",
    "safety_checked": "The person was seen or called after the session, and risk was asked about again.",
    "sharing_asked": "The person was asked what may be shared. Sharing nothing is an answer.",
    "couples_session_held": "A couples session followed the dosing session.",
    "sessions_remain": "The planned series has a session left.",
    "response_reviewed": "Response was reviewed: measures against reliable change.",
    "harm_reviewed": "Harm was reviewed: adverse events, urinary, cognitive, liver, misuse.",
    "next_block_agreed": "The team and the person have agreed on another block.",
    "interval_justified": "The prescriber has written why this interval.",
    "misuse_and_urinary_screened": "Misuse and urinary symptoms were screened.",
}
"""Every gate the table names: what must be true, as the sentence a screen shows when it is not."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the table: from `phase`, on `event`, to `to`; who may; which gates; one plain sentence."""

    phase: Phase
    event: Kind
    to: Phase
    who: tuple[Role, ...]
    gates: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class CourseState:
    """Where a course stands and whether it may move."""

    phase: Phase = Phase.REFERRAL
    state: State = State.ACTIVE


@dataclass(frozen=True, slots=True)
class Event:
    """What one person asks: `to` picks among several ways on; `gates_met` are the gates found true."""

    kind: Kind
    by: Role
    to: Phase | None = None
    gates_met: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to an event: the decision, and the state that now holds (unchanged when refused)."""

    decision: Decision
    state: CourseState


CLINICIANS = (Role.PRESCRIBER, Role.NURSE, Role.INDIVIDUAL_THERAPIST, Role.COUPLES_THERAPIST)
_PRESCRIBER = (Role.PRESCRIBER,)
_THERAPIST = (Role.INDIVIDUAL_THERAPIST, Role.PRESCRIBER)
_COUPLE = (Role.COUPLES_THERAPIST, Role.PRESCRIBER)
_REVIEWED = ("response_reviewed", "harm_reviewed")
_P, _K = Phase, Kind

_WAYS: tuple[Transition, ...] = (
    Transition(_P.REFERRAL, _K.ADVANCE, _P.EVALUATION, (Role.COORDINATOR, Role.PRESCRIBER),
               ("referral_recorded", "contacted_separately"),
               "The referral is complete and the evaluation begins."),
    Transition(_P.EVALUATION, _K.ADVANCE, _P.JOINT_DECISION, _PRESCRIBER,
               ("psychiatric_evaluation_recorded", "workup_clear", "couple_assessment_recorded"),
               "The person and the relationship have been evaluated; the three who decide are asked."),
    Transition(_P.JOINT_DECISION, _K.ADVANCE, _P.CONSENT, _PRESCRIBER, ("joint_decision_signed",),
               "All three have signed to go on."),
    Transition(_P.JOINT_DECISION, _K.DEFER, _P.JOINT_DECISION, (*_COUPLE, Role.PARTNER), (),
               "Not yet: the decision waits, with what must change."),
    Transition(_P.JOINT_DECISION, _K.DECLINE, _P.ENDED, (*_COUPLE, Role.PARTNER), (),
               "Not this way: the course ends without a dose; other care goes on."),
    Transition(_P.CONSENT, _K.ADVANCE, _P.PREPARATION, _THERAPIST,
               ("consents_signed", "disclosure_agreement_signed"),
               "Consent is given and preparation begins."),
    Transition(_P.PREPARATION, _K.ADVANCE, _P.DOSING_SERIES, (Role.NURSE, Role.PRESCRIBER),
               ("preparation_recorded", "first_dose_given"),
               "The first dose of the visit ends preparation."),
    Transition(_P.PREPARATION, _K.STEP_BACK, _P.PREPARATION, (Role.NURSE, Role.PRESCRIBER),
               ("no_dose_given",),
               "Arrived and not fit today: no dose, everything recorded is kept, prepare again."),
    Transition(_P.DOSING_SERIES, _K.STEP_BACK, _P.PREPARATION, (Role.NURSE, Role.PRESCRIBER),
               ("no_dose_given",),
               "A visit of the series without a dose: everything recorded is kept, prepare again."),
    Transition(_P.DOSING_SERIES, _K.ADVANCE, _P.INDIVIDUAL_INTEGRATION, (Role.NURSE, Role.PRESCRIBER),
               ("discharge_signed",),
                "The signed discharge ends dosing; the person's own integration begins."),
    Transition(_P.INDIVIDUAL_INTEGRATION, _K.ADVANCE, _P.COUPLE_INTEGRATION, _THERAPIST,
               ("safety_checked", "sharing_asked"),
               "A clinician ends individual integration; the couple's work takes up what was shared."),
    Transition(_P.INDIVIDUAL_INTEGRATION, _K.ADVANCE, _P.PREPARATION, _THERAPIST,
               ("safety_checked", "sharing_asked", "sessions_remain"),
               "A clinician ends individual integration; the next session of the series is prepared."),
    Transition(_P.COUPLE_INTEGRATION, _K.ADVANCE, _P.PREPARATION, _COUPLE,
               ("couples_session_held", "sessions_remain"),
               "A clinician ends the couple's integration; the next session of the series is prepared."),
    Transition(_P.COUPLE_INTEGRATION, _K.ADVANCE, _P.REVIEW, _COUPLE, ("couples_session_held",),
               "A clinician ends the couple's integration; the series is reviewed."),
    Transition(_P.REVIEW, _K.ADVANCE, _P.PREPARATION, _PRESCRIBER, (*_REVIEWED, "next_block_agreed"),
               "Response and harm are reviewed; another block is prepared."),
    Transition(_P.REVIEW, _K.ADVANCE, _P.MAINTENANCE, _PRESCRIBER, (*_REVIEWED, "interval_justified"),
               "Response and harm are reviewed; single sessions follow at a justified interval."),
    Transition(_P.REVIEW, _K.ADVANCE, _P.ENDED, _PRESCRIBER, _REVIEWED,
               "Response and harm are reviewed; the course ends and couples therapy goes on."),
    Transition(_P.MAINTENANCE, _K.ADVANCE, _P.PREPARATION, _PRESCRIBER,
               ("interval_justified", "misuse_and_urinary_screened"),
               "A maintenance session is prepared; its interval is justified each time."),
    Transition(_P.MAINTENANCE, _K.ADVANCE, _P.ENDED, _PRESCRIBER, ("harm_reviewed",),
               "Maintenance ends."),
)  # fmt: skip

_OPEN = tuple(phase for phase in Phase if phase is not Phase.ENDED)
_ANYWHERE: tuple[tuple[Kind, tuple[Role, ...], str], ...] = (
    (Kind.HOLD, (*CLINICIANS, Role.LEAD),
     "A clinical hold keeps the phase; nothing moves until it is resumed."),
    (Kind.RESUME, _PRESCRIBER, "The prescriber ends the hold; the course goes on where it stood."),
    (Kind.STOP, (*CLINICIANS, Role.PARTNER),
     "The course stops early; all that was recorded is kept. An open session still needs its discharge."),
)  # fmt: skip

TABLE: tuple[Transition, ...] = _WAYS + tuple(
    Transition(phase, kind, phase, who, (), sentence) for kind, who, sentence in _ANYWHERE for phase in _OPEN
)
"""The whole pathway. Nothing outside this table moves a course."""

_FROM: dict[Kind, frozenset[State]] = {kind: frozenset({State.ACTIVE}) for kind in Kind} | {
    Kind.RESUME: frozenset({State.ON_HOLD}),
    Kind.STOP: frozenset({State.ACTIVE, State.ON_HOLD}),
}
_TO: dict[Kind, State] = dict.fromkeys(Kind, State.ACTIVE) | {
    Kind.HOLD: State.ON_HOLD,
    Kind.DEFER: State.ON_HOLD,
    Kind.STOP: State.STOPPED,
}
ASSESSED = "assessed"
"""In a course's history: the couple was assessed. No step of the table; it moves nothing."""
NEEDS_REASON = frozenset(Kind) - {Kind.ADVANCE}
"""Every step but an ordinary advance is refused without a written reason."""


def words(name: str) -> str:
    """A coded name as words: `dosing_series` becomes `dosing series`."""
    return name.replace("_", " ")


_UNDECIDED = frozenset({Phase.REFERRAL, Phase.EVALUATION, Phase.JOINT_DECISION})


def takes_sessions(state: CourseState) -> Decision:
    """Whether a dosing session may be put on the calendar; the same rule stands in `door.office_courses()`."""
    if state.state is not State.ACTIVE or state.phase is Phase.ENDED:
        standing = words(state.state if state.state is not State.ACTIVE else state.phase)
        return Decision.no(f"This course is {standing}; nothing is scheduled in it.")
    if state.phase in _UNDECIDED:
        return Decision.no(
            "The joint decision comes first: a session is planned when all three have signed to go on and the"
            " course has come to consent."
        )
    return Decision.yes("A session may be planned.")


def open_steps(state: CourseState, by: Role) -> tuple[Transition, ...]:
    """The rows this role could ask for from here, gates not yet considered."""
    return tuple(
        row for row in TABLE if row.phase is state.phase and by in row.who and state.state in _FROM[row.event]
    )


def step(
    state: CourseState,
    event: Event,
    also_needs: Iterable[str] = (),
    own_words: Mapping[str, str] | None = None,
) -> Outcome:
    """The answer to one event. `also_needs` are the clinic's own gates for leaving this phase (from the
    protocol), `own_words` their sentences.
    """
    rows = [row for row in TABLE if row.phase is state.phase and row.event is event.kind]
    if refusal := _not_now(state, event, rows):
        return Outcome(Decision.no(refusal), state)
    row = _pick(rows, event.to)
    if row is None:
        return Outcome(Decision.no(_which_way(state, event, rows)), state)
    if refusal := _not_you(row, event) or _not_yet(row, event, also_needs, own_words or {}):
        return Outcome(Decision.no(refusal), state)
    ended = State.ENDED if row.to is Phase.ENDED else _TO[event.kind]
    return Outcome(Decision.yes(row.sentence), replace(state, phase=row.to, state=ended))


def fold(events: Iterable[Event], start: CourseState | None = None) -> Outcome:
    """Where these events lead, up to the first that is refused; the outcome carries that refusal."""
    outcome = Outcome(Decision.yes("Nothing was asked."), start or CourseState())
    for event in events:
        outcome = step(outcome.state, event)
        if not outcome.decision:
            break
    return outcome


def _not_now(state: CourseState, event: Event, rows: list[Transition]) -> str:
    if state.state in (State.STOPPED, State.ENDED):
        return f"This course is {words(state.state)}; nothing more can be done in it."
    if not rows:
        return f"“{words(event.kind)}” is not a step from {words(state.phase)}."
    if state.state not in _FROM[event.kind]:
        return "This course is on hold." if state.state is State.ON_HOLD else "This course is not on hold."
    return ""


def _pick(rows: list[Transition], to: Phase | None) -> Transition | None:
    fitting = [row for row in rows if to is None or row.to is to]
    return fitting[0] if len(fitting) == 1 else None


def _which_way(state: CourseState, event: Event, rows: list[Transition]) -> str:
    ways = ", ".join(words(row.to) for row in rows)
    if event.to is None:
        return f"From {words(state.phase)} there are several ways; say which: {ways}."
    return f"From {words(state.phase)} the way leads to {ways}, not to {words(event.to)}."


def _not_you(row: Transition, event: Event) -> str:
    if event.by in row.who:
        return ""
    return f"This step is taken by: {', '.join(words(role) for role in row.who)}."


def gate_words(name: str, own: Mapping[str, str]) -> str:
    """What must be true, as a sentence: from the table, or the clinic's own from its protocol."""
    return GATES.get(name) or own.get(name) or f"{words(name).capitalize()}."


def _not_yet(row: Transition, event: Event, also_needs: Iterable[str], own_words: Mapping[str, str]) -> str:
    own = tuple(also_needs) if row.event is Kind.ADVANCE else ()
    missing = [gate for gate in dict.fromkeys(row.gates + own) if gate not in event.gates_met]
    if missing:
        return "Not yet: " + " ".join(gate_words(gate, own_words) for gate in missing)
    if event.kind in NEEDS_REASON and not event.reason.strip():
        return "This step needs a written reason."
    return ""


def drawn() -> str:
    """The pathway as a Markdown page with a Mermaid picture, made from the table and from nothing else."""
    return "\n".join([*_HEAD, *_picture(), *_rows(), *_gates(), ""])


_HEAD = (
    "# The pathway",
    "",
    "Drawn from the table in `bothwell/pathway/steps.py`:",
    "`python -m bothwell.pathway.steps > docs/pathway.md`.",
    "Every step is taken by a person; none by a clock. A step that is refused changes nothing and says why.",
    "Preparation ends at the first administered dose, dosing at the signed discharge,",
    "integration when a clinician says so.",
    "",
)


def _picture() -> list[str]:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {Phase.REFERRAL}"]
    lines += [
        f"    {row.phase} --> {row.to}" + ("" if row.event is Kind.ADVANCE else f": {words(row.event)}")
        for row in _WAYS
    ]
    return [*lines, f"    {Phase.ENDED} --> [*]", "```", ""]


def _rows() -> list[str]:
    head = [
        "## Steps",
        "",
        "| from | step | to | who may | what must be true | in words |",
        "|---|---|---|---|---|---|",
    ]
    ways = [_line(words(row.phase), row, words(row.to)) for row in _WAYS]
    first = {row.event: row for row in reversed(TABLE) if row.phase is row.to and row.event in _EVERYWHERE}
    return [*head, *ways, *(_line("any phase", first[kind], "the same phase") for kind in _EVERYWHERE), ""]


_EVERYWHERE = tuple(kind for kind, _, _ in _ANYWHERE)


def _line(origin: str, row: Transition, to: str) -> str:
    who = ", ".join(words(role) for role in row.who)
    needs = ", ".join(f"`{gate}`" for gate in row.gates) or "–"
    if row.event in NEEDS_REASON:
        needs = "a written reason" if not row.gates else f"{needs}, a written reason"
    return f"| {origin} | {words(row.event)} | {to} | {who} | {needs} | {row.sentence} |"


def _gates() -> list[str]:
    lines = ["## What must be true", "", "| gate | in words |", "|---|---|"]
    return [*lines, *(f"| `{name}` | {sentence} |" for name, sentence in GATES.items())]


if __name__ == "__main__":
    print(drawn(), end="")
