"""The day of a member of staff: sessions, what waits for a signature or an answer, by what they are here.

It shows no chart, and nothing of a life of their own.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from bothwell.couples.models import OFFICE, Assignment, Membership, Person, Role, open_at
from bothwell.dosing.models import DosingSession
from bothwell.integration.models import CoupleSession
from bothwell.messaging.message_actions import has_new
from bothwell.pathway.models import DecisionSignature, JointDecision
from bothwell.web.appointments import HAS_A_DAY
from bothwell.web.around import greeting, local_now
from bothwell.web.asking import by_script
from bothwell.web.clinic import ENROL, next_steps
from bothwell.web.nav import CARES, roles_of
from bothwell.web.records_requests import waiting_for
from bothwell.web.tasks import SEE_TASKS, waiting
from bothwell.web.today_evaluating import evaluating

SHOWN_AHEAD = timedelta(days=7)
JUST_NOW = timedelta(hours=-2)
SHOWN_BEHIND = timedelta(days=-366)


def staff_day(request: HttpRequest, who: Person) -> HttpResponse:
    """The page, or the part of it that changes, by the roles held now."""
    roles = roles_of(who)
    context = {
        "greeting": greeting(local_now(who)),
        "now": local_now(who),
        "roles": roles,
        "is_bedside": bool(roles & {Role.PRESCRIBER, Role.NURSE}),
        "at_bed": _at_bed(who),
        "next_steps": next_steps(who) if roles & {*OFFICE} else [],
        "enrol": ENROL,
        "may_set_up": Role.LEAD in roles,
        "sessions": _schedule(who) if roles & {*OFFICE, Role.PRESCRIBER, Role.NURSE} else None,
        "together": _together(who, JUST_NOW, SHOWN_AHEAD) if Role.COUPLES_THERAPIST in roles else None,
        "without_note": _together(who, SHOWN_BEHIND, JUST_NOW) if Role.COUPLES_THERAPIST in roles else [],
        "decisions": _to_sign(who) if roles & {Role.PRESCRIBER, Role.COUPLES_THERAPIST} else None,
        "evaluating": evaluating(who) if roles & CARES else [],
        "waiting": waiting() if roles & SEE_TASKS else None,
        "asked_of_us": waiting_for(who),
        "has_new_messages": has_new(who) if roles & CARES else None,
        "has_a_day": bool(roles & HAS_A_DAY),
    }
    if by_script(request):
        part = "sessions" if "sessions" in request.GET and context["sessions"] is not None else "living"
        return render(request, f"today/staff.html#{part}", context)
    return render(request, "today/staff.html", context)


def _at_bed(who: Person) -> frozenset[UUID | None]:
    """The people whose room opens to this nurse or prescriber: those in their own care."""
    held = Assignment.objects.filter(
        open_at(timezone.now()), staff=who, role__in=[Role.PRESCRIBER, Role.NURSE]
    )
    return frozenset(held.values_list("subject_id", flat=True))


def _schedule(who: Person) -> list[DosingSession]:
    start = local_now(who).replace(hour=0, minute=0, second=0, microsecond=0)
    return list(
        DosingSession.objects.select_related("room", "subject")
        .filter(scheduled_at__range=(start, start + timedelta(days=1)))
        .exclude(outcome="cancelled")
        .order_by("scheduled_at")
    )


def _together(who: Person, since: timedelta, until: timedelta) -> list[dict[str, Any]]:
    """Couples sessions still planned between the two, from now, with the two names, in two queries. Those that lie
    behind have no note yet.
    """
    now = timezone.now()
    mine = Assignment.objects.filter(open_at(now), staff=who, role=Role.COUPLES_THERAPIST).values("couple")
    planned = list(
        CoupleSession.objects.filter(
            couple__in=mine,
            state=CoupleSession.State.PLANNED,
            at__gte=now + since,
            at__lt=now + until,
        ).order_by("at")
    )
    names: dict[Any, list[str]] = {}
    for member in (
        Membership.objects.select_related("person")
        .filter(couple__in=[row.couple_id for row in planned])
        .order_by("side")
    ):
        names.setdefault(member.couple_id, []).append(member.person.name_used)
    return [{"session": row, "names": " and ".join(names.get(row.couple_id, []))} for row in planned]


def _to_sign(who: Person) -> list[JointDecision]:
    """Decisions that wait for this clinician's signature, by what they are to the person."""
    now = timezone.now()
    held = Assignment.objects.filter(open_at(now), staff=who)
    prescribed = held.filter(role=Role.PRESCRIBER).values("subject")
    couples = held.filter(role=Role.COUPLES_THERAPIST).values("couple")
    as_prescriber = Q(subject__in=prescribed) & ~Q(signatures__signs_as=DecisionSignature.As.PRESCRIBER)
    as_therapist = Q(couple__in=couples) & ~Q(signatures__signs_as=DecisionSignature.As.COUPLES_THERAPIST)
    return list(
        JointDecision.objects.select_related("subject")
        .filter(as_prescriber | as_therapist)
        .order_by("recorded_at")
        .distinct()
    )
