"""A person's doses as far as the viewer may see them: how long ago the last one was, what was planned too close.

It only reads. Whoever may not see a session learns nothing of it here; nothing says what was given.
"""

from datetime import datetime, time
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone

from bothwell.dosing import gates as gating
from bothwell.dosing import spacing
from bothwell.dosing.models import DosingSession
from bothwell.pathway import protocol_actions, rights_actions, steps
from bothwell.pathway.models import Course
from bothwell.pathway.schema import Route


def earlier(session: DosingSession, now: datetime) -> gating.Earlier:
    """The doses before this session's: how many in its course, and how many days ago the last one, in any course.

    Every session in which a dose was begun counts, whatever became of it: stopped, spat out, left early.
    """
    given = DosingSession.objects.filter(subject_id=session.subject_id, started_at__isnull=False)
    given = given.exclude(id=session.id)
    last_at = given.order_by("-started_at").values_list("started_at", flat=True).first()
    zone = ZoneInfo(session.clinic.timezone)
    return gating.Earlier(
        in_course=given.filter(course_id=session.course_id).count(),
        is_maintained=_is_maintained(session.course),
        days_since=None if last_at is None else spacing.days_between(last_at, now, zone),
    )


def _is_maintained(course: Course) -> bool:
    """Whether the course came as far as maintenance: its single sessions stand further apart."""
    return course.steps.filter(to_phase=steps.Phase.MAINTENANCE).exists()


def too_close(course: Course, at: datetime, but_not: DosingSession | None = None) -> str:
    """What whoever schedules a session at this time should know, in sentences; empty where nothing is too close.

    It holds nothing up: the gate before the dose does. Sessions the viewer may not see are not spoken of.
    """
    if not course.route:
        return ""
    plan = protocol_actions.protocol_of(course.protocol).routes.get(Route(course.route))
    if plan is None:
        return ""
    zone = ZoneInfo(course.clinic.timezone)
    before, after = spacing.beside(
        at, _others(course, but_not), plan, zone, is_maintained=_is_maintained(course)
    )
    said = []
    if before and not before[1].is_enough:
        said.append(before[1].words(f"the session of {_day(before[0].at, zone)}"))
    if after and not after[1].is_enough:
        said.append(
            f"The session of {_day(after[0].at, zone)} would be {_lowered(after[1].words('this one'))}"
        )
    if not said:
        return ""
    return " ".join([*said, "Sooner, the dose waits for the prescriber's decision."])


def near(course: Course, planned: DosingSession) -> str:
    """What the office should know of a session it has planned: it sees sessions' times, and neither route nor stage.

    Empty where the protocol lets sessions stand so close by any route, at any stage.
    """
    asked = [
        stage.minimum_days_between.value
        for plan in protocol_actions.protocol_of(course.protocol).routes.values()
        for stage in plan.stages
    ]
    zone = ZoneInfo(course.clinic.timezone)
    others = DosingSession.objects.filter(subject_id=rights_actions.subject_of(course)).exclude(id=planned.id)
    apart = [
        (abs(spacing.days_between(other, planned.scheduled_at, zone)), other)
        for other in _not_missed(others, zone)
        .exclude(outcome="cancelled")
        .values_list("scheduled_at", flat=True)
    ]
    if not apart or not asked or min(apart)[0] >= max(asked):
        return ""
    days, other = min(apart)
    between = "1 day lies" if days == 1 else f"{days} days lie"
    passed = (
        f"{between} between it and the session of {_day(other, zone)}" if days else "That day has a session"
    )
    return (
        f"{passed}; by route and stage the protocol asks for {min(asked).normalize():f} to "
        f"{max(asked).normalize():f}. Ask the prescriber whether this is enough here."
    )


def _others(course: Course, but_not: DosingSession | None) -> list[spacing.Visit]:
    """What was given, by the time of its dose, and what is planned or has begun, by the time it was planned for."""
    rows = DosingSession.objects.filter(subject_id=rights_actions.subject_of(course))
    rows = _not_missed(rows, ZoneInfo(course.clinic.timezone)).exclude(
        outcome__in=["cancelled", "turned_back"]
    )
    if but_not is not None:
        rows = rows.exclude(id=but_not.id)
    return [
        spacing.Visit(started_at or scheduled_at, course_id == course.id)
        for started_at, scheduled_at, course_id in rows.values_list("started_at", "scheduled_at", "course_id")
    ]


def _not_missed(rows: QuerySet[DosingSession], zone: ZoneInfo) -> QuerySet[DosingSession]:
    """Without those of past days to which nobody came: no dose was given there, and none will be."""
    today = datetime.combine(timezone.now().astimezone(zone).date(), time.min, zone)
    return rows.exclude(scheduled_at__lt=today, arrived_at__isnull=True, started_at__isnull=True)


def _day(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%B}"


def _lowered(words: str) -> str:
    return words[0].lower() + words[1:]
