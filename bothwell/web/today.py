"""Today: what needs me, and how am I? For a partner their own page; for staff their day and what waits.

A partner's page is made from their own rows and what was given to them; nothing on it is computed over both.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Assignment, Membership, Person, Role, open_at
from bothwell.dosing.models import DosingSession, SessionSummary
from bothwell.instruments import shelf
from bothwell.instruments.due import due
from bothwell.instruments.instrument import Instrument
from bothwell.instruments.models import Request
from bothwell.integration.actions import ITEM_KIND
from bothwell.integration.insights import seen_by
from bothwell.integration.models import CoupleSession, Insight, InsightVersion
from bothwell.integration.prompts import Prompt, When, in_turn, is_day_after, shown
from bothwell.integration.wave_actions import in_force
from bothwell.messaging.coming_actions import What
from bothwell.messaging.message_actions import has_new
from bothwell.pathway import battery, decision_actions, preparation_actions, protocol_actions
from bothwell.pathway.models import Course, DecisionSignature, JointDecision, Preparation
from bothwell.pathway.schema import Wave
from bothwell.pathway.steps import Phase, State
from bothwell.privacy.actions import receive
from bothwell.privacy.models import DisclosureAgreement
from bothwell.refusal import Refused
from bothwell.web.appointments import HAS_A_DAY, ahead
from bothwell.web.around import Nearby, local_now, nearby
from bothwell.web.asking import require_partner, viewer
from bothwell.web.checkin import released_by
from bothwell.web.given import label_of
from bothwell.web.insights import drafts_shown
from bothwell.web.insights_share import session_ahead
from bothwell.web.insights_sheet import last_session_at, sheets
from bothwell.web.nav import CARES, roles_of
from bothwell.web.own_line import own_trend
from bothwell.web.records import waiting_for
from bothwell.web.support_plan import plan_card
from bothwell.web.tasks import SEE_TASKS, waiting
from bothwell.web.us_agreed import quiet_times

SHOWN_AHEAD = timedelta(days=7)
PREPARE_AHEAD = timedelta(days=14)
COMING_AHEAD = timedelta(days=60)
FROM_THE_TEAM = "from your care team"
READING_MINUTES = 3
"""What we allow for reading and signing one page; an estimate of ours."""


@dataclass(frozen=True)
class Need:
    """One thing that waits for the person, with an estimate in minutes."""

    title: str
    note: str
    href: str
    minutes: int


@dataclass(frozen=True)
class Sitting:
    """Questions that belong to one occasion, to be answered one after the other or one at a time."""

    title: str
    needs: tuple[Need, ...]
    is_begun: bool

    @property
    def minutes(self) -> int:
        return sum(need.minutes for need in self.needs)

    @property
    def first(self) -> str:
        """Where its one button leads."""
        return self.needs[0].href


@dataclass(frozen=True)
class Visit:
    """One appointment of one's own, or of the two."""

    at: datetime
    title: str
    note: str
    session_id: UUID | None = None
    video: str = ""


NEEDS_CONSENT = (Phase.CONSENT, Phase.PREPARATION, Phase.DOSING_SERIES, Phase.MAINTENANCE)


@require_GET
def today(request: HttpRequest) -> HttpResponse:
    """The first page after the login."""
    who = viewer(request)
    return _staff(request, who) if who.is_staff_member else _partner(request, who)


# ----------------------------------------------------------------------------------------------- a partner


def _partner(request: HttpRequest, who: Person) -> HttpResponse:
    surroundings = nearby(who)
    sessions = _sessions(who)
    given = _given(surroundings)
    is_living = bool(request.htmx)  # type: ignore[attr-defined]
    # Read here or on the page of both: it was opened, and stands in the giver's log. But a page that renews itself may
    # lie on a table.
    if given and not is_living:
        receive(by=who, item_kind=ITEM_KIND, item=given)
    sittings = _sittings(who)
    needs = [
        *_signing(who, surroundings),
        *_consenting(who),
        *_preparing(who, sessions),
        *_looking_back(surroundings),
    ]
    last = Insight.objects.filter(subject=who, set_aside_at__isnull=True, kind=Insight.Kind.INSIGHT).order_by(
        "-recorded_at", "-id"
    )[:1]
    context = {
        "greeting": greeting(local_now(who)),
        "now": local_now(who),
        "sittings": sittings,
        "needs": needs,
        "things": len(needs) + sum(len(sitting.needs) for sitting in sittings),
        "minutes": sum(need.minutes for need in needs) + sum(sitting.minutes for sitting in sittings),
        "sheet": next(iter(sheets(who, last, surroundings.around)), None),
        "invitation": _invitation(who),
        "drafts": drafts_shown(who)[:2],
        "session": session_ahead(surroundings),
        "quiet": quiet_times(surroundings),
        "visits": _visits(sessions, surroundings),
        "went": _went(who),
        "nearby": surroundings,
        "given": given,
        "given_seen": label_of(given, surroundings) if given else "",
        "has_new_messages": has_new(who),
        **_trend(who, surroundings),
    }
    return render(request, "today/page.html#living" if is_living else "today/page.html", context)


def _invitation(who: Person) -> Prompt | None:
    """A question to begin with on the day after a session, as long as nothing was written since; never a duty."""
    last = last_session_at(who)
    if last is None or not is_day_after(last, timezone.now()):
        return None
    if Insight.objects.filter(subject=who, kind=Insight.Kind.INSIGHT, recorded_at__gte=last).exists():
        return None
    return shown(in_turn(When.AFTER, local_now(who).date()), "")


def _trend(who: Person, surroundings: Nearby) -> dict[str, Any]:
    own = own_trend(who, surroundings.side)
    if own is None:
        return {}
    return {
        "trend": own.trend,
        "trend_words": own.sentence,
        "trend_seen": seen_by(own.kind, surroundings.team, released_by(who)),
    }


def greeting(now: datetime) -> str:
    """`Good morning`, by the clock on the wall."""
    return (
        "Good morning" if 4 <= now.hour < 12 else "Good afternoon" if 12 <= now.hour < 18 else "Good evening"
    )


def _sittings(who: Person) -> list[Sitting]:
    """What waits for answers, by occasion, the soonest first; what was begun comes first in its own.

    A questionnaire the clinic no longer has cannot be answered, so it is left out.
    """
    rows = list(due(who))
    if not rows:
        return []
    known = shelf.find_all(who.clinic_id, [(row.instrument, row.instrument_version) for row in rows])
    waves = in_force(who.clinic_id).waves
    by_wave: dict[str, list[Request]] = {}
    for row in rows:
        if (row.instrument, row.instrument_version) in known:
            by_wave.setdefault(row.wave, []).append(row)
    return [_sitting(_title(waves, wave), those, known) for wave, those in by_wave.items()]


def _title(waves: tuple[Wave, ...], name: str) -> str:
    """What the sitting is called, from the protocol; what a clinician asked for besides has no name of its own."""
    wave = battery.wave_of(waves, name)
    return f"{wave.title[:1].lower()}{wave.title[1:]}" if wave else FROM_THE_TEAM


def _sitting(title: str, rows: Iterable[Request], known: dict[shelf.Wanted, Instrument]) -> Sitting:
    begun_first = sorted(rows, key=lambda row: not _answered(row))
    needs = tuple(_check_in(row, known[row.instrument, row.instrument_version]) for row in begun_first)
    return Sitting(title, needs, bool(_answered(begun_first[0])))


def _answered(row: Request) -> int:
    """How many questions have an answer, in the draft."""
    response = getattr(row, "response", None)
    return len(response.answers) if response else 0


def _check_in(row: Request, instrument: Instrument) -> Need:
    answered = _answered(row)
    count = len(instrument.items)
    note = f"{count} question{'' if count == 1 else 's'}" + (
        f", {answered} already answered" if answered else ""
    )
    return Need(instrument.plain_title, note, f"/checkin/{row.id}", instrument.minutes)


def _signing(who: Person, surroundings: Nearby) -> list[Need]:
    partner_signed = Q(signatures__signs_as=DecisionSignature.As.PARTNER)
    decisions = JointDecision.objects.filter(subject=who).exclude(partner_signed).order_by("recorded_at")
    needs = [
        Need(
            "Read and decide",
            "What was worked out with you, in plain words",
            f"/decisions/{row.id}",
            READING_MINUTES,
        )
        for row in decisions
    ]
    if surroundings.couple:
        last = (
            DisclosureAgreement.objects.filter(couple=surroundings.couple)
            .prefetch_related("signatures")
            .order_by("-version")
            .first()
        )
        if last and who.id not in {signature.author_id for signature in last.signatures.all()}:
            note = "How what one of you says alone is handled"
            needs.append(Need("Read and sign together", note, f"/agreement/{last.id}", READING_MINUTES))
    return needs


def _consenting(who: Person) -> list[Need]:
    """The treatment's own consent, while the course waits for it or stands without it."""
    waiting = Course.objects.filter(subject=who, state=State.ACTIVE, phase__in=NEEDS_CONSENT).exclude(
        route=""
    )
    return [
        Need(
            "Read and sign",
            "What the sessions are, their risks, and your way out",
            "/consents",
            READING_MINUTES,
        )
        for course in waiting
        if decision_actions.consent_in_force(course) is None
    ]


def _sessions(who: Person) -> list[DosingSession]:
    """Own sessions ahead, soonest first."""
    now = timezone.now()
    return list(
        DosingSession.objects.select_related("room", "course__protocol")
        .filter(
            subject=who,
            ended_at__isnull=True,
            scheduled_at__range=(now - timedelta(hours=12), now + COMING_AHEAD),
        )
        .exclude(outcome="cancelled")
        .order_by("scheduled_at")
    )


def _preparing(who: Person, sessions: Sequence[DosingSession]) -> list[Need]:
    soon = [row for row in sessions if row.scheduled_at <= timezone.now() + PREPARE_AHEAD]
    if not soon:
        return []
    last = (
        Preparation.objects.filter(subject=who, course=soon[0].course_id).order_by("recorded_at", "id").last()
    )
    if last and last.escort_name and last.fasting_explained:
        return []
    return [Need("Before your session", "Who comes with you, and what to eat and drink", "/today/prepare", 2)]


def _looking_back(surroundings: Nearby) -> list[Need]:
    """The day on which the two wanted to look at their plan for afterwards has come."""
    card = plan_card(surroundings)
    if card is None or not card.is_due:
        return []
    return [
        Need("Look at your plan again", "What goes on after the series", "/us/plan/look", READING_MINUTES)
    ]


def _visits(sessions: Sequence[DosingSession], surroundings: Nearby) -> list[Visit]:
    visits = [Visit(row.scheduled_at, "Your session", row.room.name if row.room else "") for row in sessions]
    if surroundings.couple:
        around, now = surroundings.around, timezone.now()
        together = f"{around.partner} and you"
        if around.couples_therapists:
            together += f", with {' and '.join(around.couples_therapists)}"
        planned = CoupleSession.objects.filter(
            couple=surroundings.couple,
            state=CoupleSession.State.PLANNED,
            at__range=(now - timedelta(hours=2), now + COMING_AHEAD),
        )
        visits += [Visit(row.at, together, row.place, row.id) for row in planned]
    visits += _appointments(surroundings.person)
    return sorted(visits, key=lambda visit: visit.at)[:6]


def _appointments(who: Person) -> list[Visit]:
    """One's own appointments, with the way into the video room while it is open."""
    return [
        Visit(
            line["entry"].at,
            line["entry"].title,
            ", ".join(filter(None, (line["entry"].place, f"with {line['entry'].staff.signs_as}"))),
            video=line["video"],
        )
        for line in ahead(who)
        if line["entry"].what == What.APPOINTMENT and not line["entry"].is_cancelled
    ][:6]


def _went(who: Person) -> SessionSummary | None:
    """How one's own last session went, in the care team's words."""
    return (
        SessionSummary.objects.select_related("session", "author")
        .filter(subject=who)
        .order_by("recorded_at")
        .last()
    )


def _given(surroundings: Nearby) -> InsightVersion | None:
    """The newest words the partner gave, as far as the viewer may see them."""
    if surroundings.partner is None:
        return None
    return InsightVersion.objects.filter(subject=surroundings.partner).order_by("-recorded_at", "-id").first()


# ---------------------------------------------------------------------------------------- before a session


class PrepareForm(forms.Form):
    """Who comes along, and that the instructions were read."""

    escort_name = forms.CharField(
        max_length=120,
        label="Who takes you home?",
        help_text="An adult who stays with you. You may not drive that day.",
    )
    escort_phone = forms.CharField(max_length=40, label="Their telephone number")
    fasting_read = forms.BooleanField(label="I have read what to eat and drink before")
    note = forms.CharField(
        required=False,
        label="Anything your team should know?",
        widget=forms.Textarea,
        help_text="Your care team reads this.",
    )


@require_http_methods(["GET", "POST"])
def prepare(request: HttpRequest) -> HttpResponse:
    """Before a session: an intention, who comes along, food and drink, and the plan against sickness."""
    who = require_partner(request)
    sessions = _sessions(who)
    if not sessions:
        raise Http404
    last = (
        Preparation.objects.filter(subject=who, course=sessions[0].course_id)
        .order_by("recorded_at", "id")
        .last()
    )
    if request.method == "GET":
        return _prepare(request, who, sessions[0], last, PrepareForm(initial=_as_kept(last)))
    form = PrepareForm(request.POST)
    if not form.is_valid():
        return _prepare(request, who, sessions[0], last, form, status=422)
    try:
        preparation_actions.prepare(
            by=who,
            course=sessions[0].course,
            escort_name=form.cleaned_data["escort_name"],
            escort_phone=form.cleaned_data["escort_phone"],
            fasting_explained=form.cleaned_data["fasting_read"],
            antiemetic_plan=last.antiemetic_plan if last else "",  # the care team's to write
            note=form.cleaned_data["note"].replace("\r\n", "\n"),
        )
    except Refused as refused:
        return _prepare(request, who, sessions[0], last, form, refused.reason, 422)
    messages.success(request, "Kept. Your care team can see it.")
    return redirect("/today")


def _as_kept(last: Preparation | None) -> dict[str, Any]:
    if last is None:
        return {}
    return {
        "escort_name": last.escort_name,
        "escort_phone": last.escort_phone,
        "fasting_read": last.fasting_explained,
        "note": last.note,
    }


def _prepare(
    request: HttpRequest,
    who: Person,
    session: DosingSession,
    last: Preparation | None,
    form: PrepareForm,
    trouble: str = "",
    status: int = 200,
) -> HttpResponse:
    around = nearby(who).around
    intention = Insight.objects.filter(
        subject=who, kind=Insight.Kind.INTENTION, set_aside_at__isnull=True
    ).order_by("-recorded_at", "-id")[:1]
    context = {
        "session": session,
        "form": form,
        "last": last,
        "fasting": _fasting(session.course),
        "intention": next(iter(sheets(who, intention, around)), None),
        "trouble": trouble,
    }
    return render(request, "today/prepare.html", context, status=status)


def _fasting(course: Course) -> dict[str, str] | None:
    """How long nothing to eat and to drink, in words, from the protocol of this very course."""
    plan = next(
        (
            p
            for route, p in protocol_actions.protocol_of(course.protocol).routes.items()
            if route == course.route
        ),
        None,
    )
    if plan is None:
        return None
    return {
        "food": _span(float(plan.fasting_food_minutes.value)),
        "clear_liquid": _span(float(plan.fasting_clear_liquid_minutes.value)),
    }


def _span(minutes: float) -> str:
    """`8 hours`, `30 minutes`."""
    hours = minutes / 60
    return f"{hours:g} hour{'' if hours == 1 else 's'}" if hours >= 1 else f"{minutes:g} minutes"


# --------------------------------------------------------------------------------------------------- staff


def _staff(request: HttpRequest, who: Person) -> HttpResponse:
    roles = roles_of(who)
    context = {
        "greeting": greeting(local_now(who)),
        "now": local_now(who),
        "roles": roles,
        "is_bedside": bool(roles & {Role.PRESCRIBER, Role.NURSE}),
        "sessions": _schedule(who)
        if roles & {Role.PRESCRIBER, Role.NURSE, Role.LEAD, Role.COORDINATOR}
        else None,
        "together": _together(who) if Role.COUPLES_THERAPIST in roles else None,
        "decisions": _to_sign(who) if roles & {Role.PRESCRIBER, Role.COUPLES_THERAPIST} else None,
        "waiting": waiting() if roles & SEE_TASKS else None,
        "asked_of_us": waiting_for(who),
        "has_new_messages": has_new(who) if roles & CARES else None,
        "has_a_day": bool(roles & HAS_A_DAY),
    }
    if request.htmx:  # type: ignore[attr-defined]
        part = "sessions" if "sessions" in request.GET and context["sessions"] is not None else "living"
        return render(request, f"today/staff.html#{part}", context)
    return render(request, "today/staff.html", context)


def _schedule(who: Person) -> list[DosingSession]:
    start = local_now(who).replace(hour=0, minute=0, second=0, microsecond=0)
    return list(
        DosingSession.objects.select_related("room", "subject")
        .filter(scheduled_at__range=(start, start + timedelta(days=1)))
        .exclude(outcome="cancelled")
        .order_by("scheduled_at")
    )


def _together(who: Person) -> list[dict[str, Any]]:
    """Couples sessions of the next days with the two names, in two queries."""
    now = timezone.now()
    mine = Assignment.objects.filter(open_at(now), staff=who, role=Role.COUPLES_THERAPIST).values("couple")
    planned = list(
        CoupleSession.objects.filter(
            couple__in=mine,
            state=CoupleSession.State.PLANNED,
            at__range=(now - timedelta(hours=2), now + SHOWN_AHEAD),
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


urlpatterns: list[URLPattern] = [
    path("today", today, name="today"),
    path("today/prepare", prepare, name="prepare"),
]
