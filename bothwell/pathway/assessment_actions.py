"""The couple's assessment: the couples therapist says, for one person's course, that it was made and what it says.

What the two told the therapist is not here: it stays in the couple's own chart. Nothing here weighs it.
"""

from uuid import UUID

from django.db import transaction

from bothwell.couples.models import Couple, Person
from bothwell.later import tell
from bothwell.pathway import steps
from bothwell.pathway.course_actions import keep_step
from bothwell.pathway.models import Course, Step
from bothwell.pathway.rights_actions import check_length, roles_towards, subject_of
from bothwell.privacy import audit
from bothwell.refusal import Refused, Stale

PHASES = (steps.Phase.REFERRAL, steps.Phase.EVALUATION, steps.Phase.JOINT_DECISION)
OPEN = (steps.State.ACTIVE, steps.State.ON_HOLD)
SHORTEST = 20
"""Characters: a sentence."""


def assessment_of(course: Course) -> Step | None:
    """The newest one on record, with its author; none where none was made, or the viewer does not see the course."""
    rows = course.steps.filter(event=steps.ASSESSED).select_related("author")
    return rows.order_by("-number").first()


def not_assessed(couple: Couple) -> list[Course]:
    """The open courses of this couple that still wait for its assessment, with their people; none once it has parted."""
    if couple.parted_at:
        return []
    waits = Course.objects.filter(couple=couple, phase__in=PHASES, state__in=OPEN)
    return list(
        waits.exclude(steps__event=steps.ASSESSED).select_related("subject").order_by("subject__name_used")
    )


@transaction.atomic
def record(*, by: Person, course_id: UUID, words: str, steps_seen: int) -> Step:
    """Keep that the couple was assessed, in words the person and the care team read. Written again, both stay.

    Raises Refused for anybody but the couple's therapist; Stale when the course has moved since the page was opened.
    """
    course = Course.objects.filter(id=course_id).first()
    if course is None:
        raise Refused("There is no such course.")
    if steps.Role.COUPLES_THERAPIST not in roles_towards(by, subject_of(course), course.couple_id):
        raise Refused("The couples therapist records the couple's assessment.")
    if course.phase not in PHASES or course.state not in OPEN:
        raise Refused("The assessment belongs to the evaluation; this course has gone on.")
    if len(words.strip()) < SHORTEST:
        raise Refused(
            f"Write what the assessment says about going on, in a sentence or two: at least {SHORTEST} characters."
        )
    check_length(words)
    number = course.steps_taken + 1
    moved = steps_seen == course.steps_taken and Course.objects.filter(
        id=course.id, steps_taken=steps_seen
    ).update(steps_taken=number)
    if not moved:
        raise Stale("This course has moved since the page was opened. Look at it again.")
    stands = steps.CourseState(steps.Phase(course.phase), steps.State(course.state))
    kept = keep_step(course, by, steps.ASSESSED, stands.phase, stands, number, words.strip())
    audit.log(
        "recorded the couple's assessment",
        by=by,
        subject=course.subject_id,
        item_kind="pathway",
        item_id=course.id,
    )
    tell("person", subject_of(course))
    return kept
