"""Who in one's own care is being evaluated, and what of the evaluation waits for oneself.

It names no finding and no answer: how many things, and where they are. What a role may not see it does not count.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from bothwell.couples.models import Assignment, Membership, Person, Role, open_at
from bothwell.instruments.due import waiting
from bothwell.instruments.models import Kind
from bothwell.pathway import eligibility, steps
from bothwell.pathway.facts import Fact, Severity
from bothwell.pathway.models import Course, MedicalFact, Resolution, Step
from bothwell.pathway.protocol_actions import protocol_of
from bothwell.pathway.workup_actions import as_resolution, in_rules

MEDICAL: Final = frozenset({Role.PRESCRIBER, Role.NURSE})
READS_ANSWERS: Final = frozenset({Role.PRESCRIBER, Role.INDIVIDUAL_THERAPIST})
"""Who sees what a person answers about themselves by their role alone; the rest need a release, and count nothing."""
NOTHING_WAITS: Final = "In evaluation. Nothing waits for you."


@dataclass(frozen=True)
class Evaluated:
    """One person in evaluation: what waits for the viewer, a sentence each, and where it is done."""

    name: str
    href: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Workup:
    """How far one person's work-up is: counts of findings."""

    missing: int
    to_decide: int
    is_clear: bool


def evaluating(who: Person) -> list[Evaluated]:
    """Everybody in this clinician's own care whose course is in evaluation, by name. Five statements at most."""
    mine = _mine(who)
    if not mine:
        return []
    workups = _workups([course for course, roles in mine if roles & MEDICAL])
    unanswered = _unanswered({course.subject_id for course, roles in mine if roles & READS_ANSWERS})
    return [
        _evaluated(course, roles, workups.get(course.id), unanswered[course.subject_id])
        for course, roles in mine
    ]


def _mine(who: Person) -> list[tuple[Course, frozenset[Role]]]:
    """The courses in evaluation of those in the viewer's care, with what they are to each; never of their own couple."""
    held: defaultdict[UUID | None, set[Role]] = defaultdict(set)
    in_care = [*MEDICAL, *READS_ANSWERS, Role.COUPLES_THERAPIST]
    for row in Assignment.objects.filter(
        open_at(timezone.now()), Q(couple=None) | Q(couple__parted_at=None), staff=who, role__in=in_care
    ):
        held[row.subject_id or row.couple_id].add(Role(row.role))
    if not held:
        return []
    own = Membership.objects.filter(person=who, couple__memberships__person=OuterRef("subject"))
    courses = (
        Course.objects.select_related("subject", "couple", "protocol")
        .filter(
            Q(subject__in=list(held)) | Q(couple__in=list(held)),
            ~Exists(own),
            phase=steps.Phase.EVALUATION,
            state__in=[steps.State.ACTIVE, steps.State.ON_HOLD],
        )
        .annotate(is_assessed=Exists(Step.objects.filter(course=OuterRef("pk"), event=steps.ASSESSED)))
        .order_by("subject__name_used", "id")
    )
    return [
        (course, frozenset({*held.get(course.subject_id, ()), *held.get(course.couple_id, ())}))
        for course in courses
    ]


def _workups(courses: Collection[Course]) -> Mapping[UUID, Workup]:
    """Each work-up by its course, in two statements."""
    if not courses:
        return {}
    people = [course.subject_id for course in courses]
    known: defaultdict[UUID | None, list[Fact]] = defaultdict(list)
    stands = MedicalFact.objects.filter(subject__in=people, corrected_by__isnull=True)
    for fact in stands.select_related("author").order_by("observed_at"):
        known[fact.subject_id].append(in_rules(fact))
    decided: defaultdict[UUID | None, list[eligibility.Resolution]] = defaultdict(list)
    for row in Resolution.objects.filter(subject__in=people).select_related("author"):
        decided[row.subject_id].append(as_resolution(row))
    now = timezone.now()
    return {
        course.id: _workup(
            eligibility.assess(known[course.subject_id], protocol_of(course.protocol), now),
            decided[course.subject_id],
        )
        for course in courses
    }


def _workup(findings: list[eligibility.Finding], resolutions: Iterable[eligibility.Resolution]) -> Workup:
    decided = list(resolutions)
    holding = [
        one
        for one in findings
        if one.kind in (Severity.ABSOLUTE, Severity.HOLD) and not eligibility.is_resolved(one, decided)
    ]
    missing = sum(one.kind is Severity.MISSING for one in findings)
    return Workup(missing, len(holding), bool(eligibility.may_clear(findings, decided)))


def _unanswered(people: Collection[UUID | None]) -> Counter[UUID | None]:
    """How many questionnaires about themselves wait for each person, as far as the viewer may read them."""
    if not people:
        return Counter()
    rows = waiting(timezone.now()).filter(subject__in=people, kind=Kind.INDIVIDUAL)
    return Counter(rows.values_list("subject_id", flat=True))


def _evaluated(course: Course, roles: frozenset[Role], workup: Workup | None, unanswered: int) -> Evaluated:
    is_assessed = bool(course.is_assessed)  # type: ignore[attr-defined]
    must_assess = Role.COUPLES_THERAPIST in roles and not is_assessed
    waits = [*_of_the_workup(course, roles, workup, is_assessed)]
    if must_assess:
        waits.append("The couple’s assessment is not written yet.")
    lines = waits or [NOTHING_WAITS]
    if unanswered:
        lines.append(
            f"{unanswered} questionnaire{'' if unanswered == 1 else 's'} not answered yet by "
            f"{course.subject.name_used if course.subject else 'them'}."
        )
    place = "#assessment" if must_assess and len(waits) == 1 else ""
    name = course.subject.name_used if course.subject else ""
    return Evaluated(name, f"{reverse('workup', args=[course.subject_id])}{place}", tuple(lines))


def _of_the_workup(
    course: Course, roles: frozenset[Role], workup: Workup | None, is_assessed: bool
) -> Iterable[str]:
    """What of the work-up waits for a nurse or a prescriber."""
    if workup is None:
        return
    if workup.missing:
        yield f"The work-up: {workup.missing} thing{'' if workup.missing == 1 else 's'} not known yet."
    if Role.PRESCRIBER not in roles:
        return
    if course.state == steps.State.ON_HOLD:
        yield "On hold: nothing moves until you end the hold."
    if workup.to_decide:
        yield f"The work-up: {workup.to_decide} finding{'' if workup.to_decide == 1 else 's'} to decide."
    is_alone = course.couple is None or course.couple.parted_at is not None
    if workup.is_clear and (is_assessed or is_alone):
        yield "The work-up is clear. You take the step to the joint decision."
    elif workup.is_clear:
        yield "The work-up is clear. The couple’s assessment is still to come from the couples therapist."
