"""A course of care: begun, its steps taken, its series planned.

Nothing here decides: `steps` says which step may be taken and by whom.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import IntegrityError, ProgrammingError, connection, transaction

from bothwell.couples.models import Couple, Person
from bothwell.later import tell
from bothwell.pathway import steps
from bothwell.pathway.decision_actions import consent_in_force, decision_of, is_decided
from bothwell.pathway.models import Course, HoldReason, Step
from bothwell.pathway.preparation_actions import is_prepared, preparation_of
from bothwell.pathway.protocol_actions import protocol_in_use, protocol_of
from bothwell.pathway.rights_actions import check_length, need_to_write, roles_towards, subject_of
from bothwell.pathway.workup_actions import may_clear
from bothwell.privacy import audit
from bothwell.privacy.signing_actions import agreement_in_force
from bothwell.privacy.together_actions import couple_of
from bothwell.refusal import Refused, Stale

ATTESTED = frozenset(steps.GATES) - {
    "workup_clear",
    "joint_decision_signed",
    "consents_signed",
    "disclosure_agreement_signed",
    "preparation_recorded",
    "first_dose_given",
    "no_dose_given",
    "discharge_signed",
    "couples_session_held",
    "sessions_remain",
}
"""Gates that no row can prove: whoever takes the step says so, and their saying so is kept with the step."""


def attestable(course: Course) -> frozenset[str]:
    """The gates somebody may vouch for here: those no row can prove, and the clinic's own for leaving this
    phase.
    """
    own = frozenset(protocol_of(course.protocol).also_needs(steps.Phase(course.phase)))
    # A couple's assessment is its therapist's to record; where the course began alone or its couple parted, somebody vouches.
    couple = _couple_now(course)
    assessed = {"couple_assessment_recorded"} if couple and couple.id == course.couple_id else set()
    alone = {"couples_session_held"} if couple is None else set()
    return (ATTESTED | own | alone) - assessed


def gate_words(course: Course, name: str) -> str:
    """What must be true, as a sentence: from the table, or the clinic's own from its protocol."""
    return steps.gate_words(name, protocol_of(course.protocol).gates)


@transaction.atomic
def begin(*, by: Person, subject: Person, couple: Couple | None, why: str = "Enrolled.") -> Course:
    """Open one person's course at its first phase, under the protocol signed last."""
    version = protocol_in_use()
    if version is None:
        raise Refused("No protocol is signed yet. The clinic's medical director signs one first.")
    course = Course(
        clinic_id=by.clinic_id,
        subject=subject,
        couple=couple,
        author=by,
        protocol=version,
        phase=steps.Phase.REFERRAL,
        state=steps.State.ACTIVE,
        steps_taken=1,
    )
    try:
        with transaction.atomic():
            course.save(force_insert=True)
    except IntegrityError as error:
        raise Refused("This person has an open course already.") from error
    except ProgrammingError as error:  # row-level security refused the insert
        raise Refused("You are not on this person's care team.") from error
    keep_step(course, by, "begin", steps.Phase.REFERRAL, steps.CourseState(), 1, why)
    audit.log("began a course", by=by, subject=subject, couple=couple, item_kind="pathway", item_id=course.id)
    return course


def open_steps(course: Course, by: Person) -> list[steps.Transition]:
    """The steps `by` could ask for now, gates not yet considered; each once."""
    state = state_of(course)
    found = {
        (row.event, row.to): row
        for role in sorted(roles_towards(by, subject_of(course), course.couple_id))
        for row in steps.open_steps(state, role)
    }
    return list(found.values())


def state_of(course: Course) -> steps.CourseState:
    return steps.CourseState(steps.Phase(course.phase), steps.State(course.state))


VISIT_GATES: Final = frozenset({"first_dose_given", "no_dose_given", "discharge_signed"})
"""What the newest visit decides."""


def met_gates(course: Course, among: Collection[str] | None = None) -> frozenset[str]:
    """The gates that rows prove true now: those the viewer sees, and for a couples session those there are.

    Of the others, what the viewer may not see counts as not met. Only those `among` are looked at, where that is given.
    """
    visit = latest_visit(course) if among is None or not VISIT_GATES.isdisjoint(among) else None
    found: dict[str, Callable[[], bool]] = {
        "workup_clear": lambda: bool(may_clear(course)),
        "couple_assessment_recorded": lambda: course.steps.filter(event=steps.ASSESSED).exists(),
        "joint_decision_signed": lambda: bool((d := decision_of(course)) and is_decided(d)),
        "consents_signed": lambda: course.route != "" and consent_in_force(course) is not None,
        "disclosure_agreement_signed": lambda: (
            (couple := _couple_now(course)) is None or agreement_in_force(couple) is not None
        ),
        "preparation_recorded": lambda: is_prepared(preparation_of(course)),
        "first_dose_given": lambda: bool(visit and visit.started_at and visit.ended_at is None),
        "no_dose_given": lambda: visit is None or visit.started_at is None,
        "discharge_signed": lambda: bool(visit and visit.started_at and visit.ended_at),
        "couples_session_held": lambda: _couples_session_held(course),
        "sessions_remain": lambda: 0 < given_in_block(course) < (course.sessions_planned or 0),
    }
    return frozenset(name for name, is_met in found.items() if (among is None or name in among) and is_met())


def latest_visit(course: Course) -> Any:
    """The dosing session this person came to last, as far as the viewer sees it. Those only scheduled are no
    visit.
    """
    return course.sessions.filter(arrived_at__isnull=False).order_by("-arrived_at").first()


def given_in_block(course: Course) -> int:
    """How many sessions with a dose the viewer sees since this block began; who may see none counts none."""
    anew = (
        course.steps.filter(
            event=steps.Kind.ADVANCE,
            from_phase__in=[steps.Phase.REVIEW, steps.Phase.MAINTENANCE],
            to_phase=steps.Phase.PREPARATION,
        )
        .order_by("-number")
        .first()
    )
    given = course.sessions.filter(started_at__isnull=False)
    return (given.filter(started_at__gte=anew.recorded_at) if anew else given).count()


def _couple_now(course: Course) -> Couple | None:
    """The couple this person is in now, whatever couple their course began in."""
    return couple_of(course.subject) if course.subject else None


def _couples_session_held(course: Course) -> bool:
    """A couples session since integration began, of the couple they are in now. Most who see this gate see no
    couples session, so the database answers for them, with yes or no.
    """
    with connection.cursor() as cursor:
        cursor.execute("select door.couples_session_held(%s)", [course.id])
        return bool(cursor.fetchone()[0])


@dataclass(frozen=True)
class Taken:
    """What came of asking for a step."""

    course: Course
    sentence: str


@transaction.atomic
def take_step(
    *,
    by: Person,
    course_id: UUID,
    kind: steps.Kind,
    to: steps.Phase | None = None,
    attested: Iterable[str] = (),
    why: str = "",
    hold_kind: HoldReason.Kind = HoldReason.Kind.MEDICAL,
    steps_seen: int | None = None,
    also_met: Iterable[str] = (),
) -> Taken:
    """Ask the table for one step; keep it when it is allowed. `steps_seen` guards against acting on an old
    page.

    A hold's own reason is kept apart (`HoldReason`), because fewer may read it than may know of the hold.
    """
    course = Course.objects.select_related("protocol", "couple", "subject").filter(id=course_id).first()
    if course is None:
        raise Refused("There is no such course.")
    if steps_seen is not None and steps_seen != course.steps_taken:
        raise Stale("This course has moved since the page was opened. Look at it again.")
    vouched = frozenset(attested) & attestable(course)
    gates = met_gates(course) | vouched | frozenset(also_met)
    outcome = _ask(course, by, kind, to, gates, why)
    if not outcome.decision:
        raise Refused(outcome.decision.reason)
    number = course.steps_taken + 1
    check_length(why)
    moved = Course.objects.filter(id=course.id, steps_taken=course.steps_taken).update(
        phase=outcome.state.phase, state=outcome.state.state, steps_taken=number
    )
    if not moved:
        raise Stale("Somebody else has just moved this course. Look at it again.")
    is_hold = kind == steps.Kind.HOLD
    said = "; ".join(
        [
            *sorted(steps.words(name) for name in vouched),
            *([why.strip()] if why.strip() and not is_hold else []),
        ]
    )
    kept = keep_step(
        course,
        by,
        kind,
        steps.Phase(course.phase),
        outcome.state,
        number,
        "Clinical hold." if is_hold else said or outcome.decision.reason,
    )
    if is_hold:
        HoldReason(
            clinic_id=course.clinic_id,
            subject_id=course.subject_id,
            couple_id=course.couple_id,
            author=by,
            step=kept,
            kind=hold_kind,
            text=why.strip(),
        ).save(force_insert=True)
    audit.log(f"step: {kind}", by=by, subject=course.subject_id, item_kind="pathway", item_id=course.id)
    tell("person", subject_of(course))
    course.refresh_from_db()
    return Taken(course, outcome.decision.reason)


def _ask(
    course: Course, by: Person, kind: steps.Kind, to: steps.Phase | None, gates: frozenset[str], why: str
) -> steps.Outcome:
    """The table's answer in the role that gets furthest; nobody's roles are added up within one step."""
    rules = protocol_of(course.protocol)
    own = rules.also_needs(steps.Phase(course.phase))
    answers = [
        steps.step(state_of(course), steps.Event(kind, role, to, gates, why), own, rules.gates)
        for role in sorted(roles_towards(by, subject_of(course), course.couple_id))
    ]
    if not answers:
        raise Refused("You are not on this person's care team.")
    return next((answer for answer in answers if answer.decision), answers[0])


def step_id(course: Course, by: Person, number: int, why: str) -> UUID:
    """The id of a step: that of the same step with the same words by the same person, and of no other."""
    return uuid5(course.id, f"{number} {by.id} {why}")


def keep_step(
    course: Course,
    by: Person,
    event: str,
    origin: steps.Phase,
    after: steps.CourseState,
    number: int,
    why: str,
) -> Step:
    """Add one step to the course's history; the course itself is moved by whoever calls."""
    kept = Step(
        id=step_id(course, by, number, why),
        clinic_id=course.clinic_id,
        subject_id=course.subject_id,
        couple_id=course.couple_id,
        author=by,
        course=course,
        number=number,
        event=event,
        from_phase=origin,
        to_phase=after.phase,
        to_state=after.state,
        why=why,
    )
    kept.save(force_insert=True)
    return kept


@transaction.atomic
def plan_series(*, by: Person, course: Course, sessions: int) -> None:
    """How many sessions are planned in this block; the prescriber says so."""
    need_to_write(by, subject_of(course), "order", "Only the prescriber plans a series.")
    if course.state in (steps.State.STOPPED, steps.State.ENDED):
        raise Refused(f"This course is {steps.words(course.state)}; nothing is planned in it any more.")
    if not 1 <= sessions <= 12:
        raise Refused(
            "A block has between 1 and 12 sessions; a longer course is several blocks with a review between."
        )
    if (
        not Course.objects.filter(id=course.id)
        .exclude(sessions_planned=sessions)
        .update(sessions_planned=sessions)
    ):
        return
    audit.log(
        "planned a series",
        by=by,
        subject=course.subject_id,
        item_kind="pathway",
        item_id=course.id,
        why=str(sessions),
    )
