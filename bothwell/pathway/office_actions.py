"""What the office does for a course: the referral completed, the evaluation begun, sessions planned.

It never learns where a course stands otherwise, why, or by which route: the database tells the office whether a course
waits at the referral, and whether sessions may be planned in it now.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from bothwell.couples.models import Couple, Person
from bothwell.later import tell
from bothwell.pathway import steps
from bothwell.pathway.course_actions import begin, gate_words, keep_step, step_id
from bothwell.pathway.models import Course, ProtocolVersion
from bothwell.pathway.protocol_actions import protocol_of
from bothwell.pathway.rights_actions import check_length
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

SHORTEST_REASON = 5
"""Characters. A referral without a word about whence and why is none."""
MOVED = "This course has moved since the page was opened. Look at it again."
NOT_NOW = "No evaluation can be begun in this course now. Look at it again."


@dataclass(frozen=True)
class Standing:
    """An open course as the office sees it. `course` carries who it is about and its protocol, not where it stands."""

    course: Course
    is_referral: bool
    takes_sessions: bool
    steps_seen: int | None


def standing_of(by: Person, subject_id: UUID) -> Standing | None:
    """The open course of this person, or None: there is none, or the viewer is not the office."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select course, couple, protocol, is_referral, takes_sessions, steps_seen from door.office_courses()"
            " where subject = %s",
            [subject_id],
        )
        found = cursor.fetchone()
    if found is None:
        return None
    course, couple, protocol, is_referral, takes_sessions, seen = found
    # Not read from its table, which the office does not see; it is never saved.
    stands_for = Course(
        id=course,
        clinic_id=by.clinic_id,
        subject_id=subject_id,
        couple_id=couple,
        protocol=ProtocolVersion.objects.get(id=protocol),
        phase=steps.Phase.REFERRAL if is_referral else steps.Phase.CONSENT,
        state=steps.State.ACTIVE if takes_sessions else steps.State.ON_HOLD,
    )
    return Standing(stands_for, is_referral, takes_sessions, seen)


def at_referral() -> frozenset[UUID]:
    """Everybody whose course waits at the referral; nobody where the viewer is not the office."""
    with connection.cursor() as cursor:
        cursor.execute("select subject from door.office_courses() where is_referral")
        return frozenset(row[0] for row in cursor.fetchall())


def referral_gates(course: Course) -> dict[str, str]:
    """What must be true before an evaluation begins: gate -> sentence, the clinic's own included."""
    ways = steps.open_steps(steps.CourseState(), steps.Role.COORDINATOR)
    named = [gate for way in ways for gate in way.gates]
    own = protocol_of(course.protocol).also_needs(steps.Phase.REFERRAL)
    return {name: gate_words(course, name) for name in dict.fromkeys((*named, *own))}


@transaction.atomic
def begin_course(*, by: Person, subject: Person, couple: Couple | None, why: str) -> None:
    """A course for somebody who has none. Sent twice, it is begun once; Stale where somebody else began one meanwhile."""
    try:
        begin(by=by, subject=subject, couple=couple, why=why)
    except Refused as no:
        standing = standing_of(by, subject.id)
        if standing is None:
            raise
        if not _has_taken(standing.course, by, 1, why):
            raise Stale(no.reason) from no


@transaction.atomic
def begin_evaluation(
    *, by: Person, subject_id: UUID, attested: Iterable[str], why: str, steps_seen: int
) -> str:
    """From the referral to the evaluation: who referred and why, and that each was contacted alone. The sentence for it.

    Raises Refused in words for what is missing, Stale when the course has moved since the page was opened. Sent twice, it
    is begun once.
    """
    standing = standing_of(by, subject_id)
    if standing is None:
        raise Refused("There is no open course for this person.")
    if len(why.strip()) < SHORTEST_REASON:
        raise Refused("Write who referred them, and why, in a sentence.")
    check_length(why)
    course = standing.course
    vouched = frozenset(attested) & frozenset(referral_gates(course))
    asked = steps.Event(
        steps.Kind.ADVANCE, steps.Role.COORDINATOR, steps.Phase.EVALUATION, vouched, why.strip()
    )
    own = protocol_of(course.protocol).also_needs(steps.Phase.REFERRAL)
    outcome = steps.step(steps.CourseState(), asked, own)
    if not outcome.decision:
        raise Refused(outcome.decision.reason)
    said = "; ".join([*sorted(steps.words(name) for name in vouched), why.strip()])
    if not _move(standing, steps_seen):
        if _has_taken(course, by, steps_seen + 1, said):
            return outcome.decision.reason
        raise Stale(MOVED if standing.is_referral else NOT_NOW)
    keep_step(course, by, steps.Kind.ADVANCE, steps.Phase.REFERRAL, outcome.state, steps_seen + 1, said)
    audit.log("step: advance", by=by, subject=subject_id, item_kind="pathway", item_id=course.id)
    tell("person", subject_id)
    return outcome.decision.reason


def _move(standing: Standing, steps_seen: int) -> bool:
    if not standing.is_referral or standing.steps_seen != steps_seen:
        return False
    with connection.cursor() as cursor:
        cursor.execute("select door.begin_evaluation(%s, %s)", [standing.course.id, steps_seen])
        return bool(cursor.fetchone()[0])


def _has_taken(course: Course, by: Person, number: int, words: str) -> bool:
    """Whether this very step is the viewer's own, with these words: the form came a second time."""
    with connection.cursor() as cursor:
        cursor.execute("select door.office_took_step(%s)", [step_id(course, by, number, words)])
        return bool(cursor.fetchone()[0])
