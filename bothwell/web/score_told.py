"""Reads a couple's whole story as far as the one looking may see it: for one of the two, or for their therapist.

Row-level security decides what comes; whoever looks, the number of statements does not grow with the story, and
nothing is written. For one of the two it adds nothing up over both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse

from bothwell.couples.models import Couple, Role
from bothwell.dosing.models import DosingSession
from bothwell.instruments.instrument import Kind as Class
from bothwell.integration import agreements
from bothwell.integration import story as telling
from bothwell.integration.agreement_actions import agreements_of
from bothwell.integration.doing_actions import given_to
from bothwell.integration.library import title_of
from bothwell.integration.models import (
    CoupleCheckin,
    CouplePause,
    CoupleSession,
    ExerciseDone,
)
from bothwell.privacy.models import Consent, DisclosureAgreement, ReleaseClass
from bothwell.web.around import Nearby, local_now, zone_of
from bothwell.web.couple_chart import Chart
from bothwell.web.given import Shared, mine, theirs
from bothwell.web.score import (
    CouplesSession,
    Dose,
    Exercise,
    Line,
    Moment,
    SessionState,
    SharedInsight,
    Side,
    Sort,
    Story,
    Voice,
)
from bothwell.web.trajectory import Course, Measure
from bothwell.web.trajectory_rows import measures_of


@dataclass(frozen=True, slots=True)
class Choice:
    """A score one side can be shown on."""

    key: str
    title: str
    is_chosen: bool


@dataclass(frozen=True)
class Told:
    """A story with what each side can be shown on, by side, and the words that were read for it."""

    story: Story
    choices: Mapping[Side, tuple[Choice, ...]]
    shared: tuple[Shared, ...] = ()

    def seen(self, zoom: str, until: date | None) -> tuple[Story, telling.Window]:
        """The part of it asked for, with what stands beside it."""
        whole = telling.Span(self.story.begins, self.story.ends)
        part = telling.window(whole, zoom, until, self.story.today)
        return replace(self.story, begins=part.begins, ends=part.ends), part


# ── one of the two ───────────────────────────────────────────────────────────────────────────────


def of_partner(around: Nearby, wanted: Mapping[Side, str], *, is_hidden: bool = False) -> Told | None:
    """One's own, what is ours, and what the other gave; None for who is in no couple.

    With `is_hidden` nothing of one's own alone is in it, so that not even where it begins can tell of it.
    """
    who, couple, partner = around.person, around.couple, around.partner
    if couple is None or partner is None:
        return None
    zone, today = zone_of(who), local_now(who).date()
    own, other = Side(around.side), Side(around.other_side)
    people = {who.id: own, partner.id: other}
    seen = measures_of([partner.id] if is_hidden else list(people), who.clinic_id, zone)
    doses = _doses([partner.id] if is_hidden else list(people), zone)
    my_line, my_choices = _choose(_courses(seen.get(who.id, ())), wanted.get(own, ""), is_plain=True)
    their_line, their_choices = _choose(_courses(seen[partner.id]), wanted.get(other, ""), is_plain=True)
    # Numbers would tell of sessions that were not given.
    given_doses = tuple(replace(dose, number=0) for dose in doses[partner.id])
    name = partner.name_used
    voices = {
        own: Voice(own, "You", my_line, doses=doses.get(who.id, ())),
        other: Voice(
            other, name, their_line, f"{name}’s line stays with {name}", given_doses,
            is_given=bool(their_line or given_doses),
        ),
    }  # fmt: skip
    shared = [*theirs(who, around)[0], *mine(around)]
    moments = _ours(couple, people, zone, is_partner=True)
    if not is_hidden:
        moments += _signed([who.id], {who.id: own}, zone)
    made = _made(
        voices,
        today,
        sessions=_sessions(couple, zone, today),
        insights=[_given(each, zone) for each in shared],
        exercises=_exercises(couple, zone, today),
        moments=moments,
    )
    return Told(made, {own: my_choices, other: their_choices}, tuple(shared))


def _given(each: Shared, zone: ZoneInfo) -> SharedInsight:
    href = reverse("insight", args=[each.insight_id]) if each.mine and each.insight_id else reverse("us")
    return SharedInsight(
        Side(each.side), each.given_at.astimezone(zone).date(), words=each.version.text, href=href
    )


def _sessions(couple: Couple, zone: ZoneInfo, today: date) -> list[CouplesSession]:
    rows = CoupleSession.objects.filter(couple=couple).exclude(state=CoupleSession.State.CANCELLED)
    found = []
    for at, number, state in rows.order_by("at").values_list("at", "number", "state"):
        on = at.astimezone(zone).date()
        was = SessionState.HELD if state == CoupleSession.State.HELD else SessionState.PLANNED
        found.append(CouplesSession(on, number, SessionState.TODAY if on == today else was))
    return found


def _exercises(couple: Couple, zone: ZoneInfo, today: date) -> list[Exercise]:
    """Each with the weeks it was done in; of the others nothing is said."""
    done: dict[UUID, list[date]] = {}
    for given, on in ExerciseDone.objects.filter(couple=couple).values_list("given_id", "on_day"):
        done.setdefault(given, []).append(on)
    found = []
    for row in given_to(couple):
        begins = row.recorded_at.astimezone(zone).date()
        ends = row.until.astimezone(zone).date() if row.until else None
        weeks = telling.weeks_of(begins, ends, done.get(row.id, []), today)
        kept = tuple(week for week in weeks if week[1])
        found.append(
            Exercise(
                title_of(row.exercise) or row.words, begins, max(begins, min(ends or today, today)), kept
            )
        )
    return found


# ── their couples therapist ──────────────────────────────────────────────────────────────────────


def of_couple(chart: Chart, wanted: Mapping[Side, str], zone: ZoneInfo) -> Told:
    """Everything the couples therapist sees: each line and each dosing session by that partner's own release."""
    base = chart.picture()
    people = {voice.person.id: Side(voice.side) for voice in chart.voices}
    known = [voice.person.id for voice in chart.voices if voice.person.clinic_id]
    seen = measures_of(known, chart.couple.clinic_id, zone) if known else {}
    voices, choices = {}, {}
    for voice, drawn in zip(chart.voices, base.voices, strict=True):
        side = Side(voice.side)
        released = [one for one in seen.get(voice.person.id, ()) if _is_released(one, voice.released)]
        line, choices[side] = _choose(_courses(released), wanted.get(side, ""), is_plain=False)
        voices[side] = replace(drawn, line=line, absent="" if line else _absent(voice.absent, drawn))
    moments = _ours(chart.couple, people, zone, is_partner=False)
    moments += _signed(list(people), people, zone, to=Role.COUPLES_THERAPIST)
    sessions = [
        replace(drawn, href=reverse("couple_session", args=[chart.couple.id, row.id]))
        for drawn, row in zip(
            base.sessions, [one for one in chart.sessions if one.state != CoupleSession.State.CANCELLED],
            strict=True,
        )
    ]  # fmt: skip
    made = _made(
        voices,
        base.today,
        sessions=sessions,
        insights=base.insights,
        exercises=base.exercises,
        moments=moments,
    )
    return Told(made, choices)


def _is_released(measure: Measure, released: Collection[str]) -> bool:
    return telling.release_needed(Class(measure.kind)) in released


def _absent(words: str, drawn: Voice) -> str:
    return words or drawn.absent


# ── both ─────────────────────────────────────────────────────────────────────────────────────────


def _made(
    voices: Mapping[Side, Voice],
    today: date,
    *,
    sessions: Sequence[CouplesSession],
    insights: Sequence[SharedInsight],
    exercises: Sequence[Exercise],
    moments: Sequence[Moment],
) -> Story:
    """The whole story, as long as what is in it and no longer."""
    days = [session.on for session in sessions] + [insight.on for insight in insights]
    days += [moment.on for moment in moments] + [exercise.begins for exercise in exercises]
    for voice in voices.values():
        days += [on for on, _ in (voice.line.totals if voice.line else ())]
        days += [dose.on for dose in voice.doses]
    span = telling.whole(days, today)
    return Story(
        a=voices[Side.A],
        b=voices[Side.B],
        begins=span.begins,
        ends=span.ends,
        today=today,
        sessions=tuple(sessions),
        insights=tuple(insights),
        exercises=tuple(exercises),
        moments=tuple(moments),
    )


def _courses(seen: Iterable[Measure]) -> list[Course]:
    """What a line can be drawn of: scores that stand for something."""
    return [course for measure in seen for course in measure.heads if course.totals]


def _choose(
    courses: Sequence[Course], wanted: str, *, is_plain: bool
) -> tuple[Line | None, tuple[Choice, ...]]:
    """The line asked for by its key or its questionnaire; else the one answered most often."""
    if not courses:
        return None, ()
    asked = next((one for one in courses if wanted and wanted in (one.key, one.instrument.id)), None)
    # A whole questionnaire before a score of one gain: it has bands and a known reliable change.
    shown = asked or max(courses, key=lambda one: (one.is_main, _offered(one), len(one.totals)))
    called = shown.plain_title if is_plain else shown.title
    line = Line(shown.instrument, shown.totals, shown.scale, called, is_plain)
    return line, tuple(
        Choice(one.key, one.plain_title if is_plain else one.title, one is shown) for one in courses
    )


def _offered(course: Course) -> int:
    order = telling.INSTRUMENTS
    return -order.index(course.instrument.id) if course.instrument.id in order else -len(order)


def _doses(people: Collection[UUID], zone: ZoneInfo) -> dict[UUID, tuple[Dose, ...]]:
    """The dosing sessions of each whose times the viewer may see; one statement."""
    found: dict[UUID, list[Dose]] = {person: [] for person in people}
    rows = (
        DosingSession.objects.filter(subject_id__in=people)
        .exclude(outcome__in=["cancelled", "turned_back"])
        .order_by("scheduled_at")
    )
    for whose, at, number, started, ended in rows.values_list(
        "subject_id", "scheduled_at", "number", "started_at", "ended_at"
    ):
        on = (started or at).astimezone(zone).date()
        found[whose].append(Dose(on, number, planned=started is None and ended is None))
    return {person: tuple(doses) for person, doses in found.items()}


def _ours(couple: Couple, people: Mapping[UUID, Side], zone: ZoneInfo, *, is_partner: bool) -> list[Moment]:
    """Check-ins, agreements and pauses: what both may read."""

    def day(at: datetime) -> date:
        return at.astimezone(zone).date()

    lines = reverse("us-week") if is_partner else ""
    agreed = reverse("us-agreed") if is_partner else ""
    found = [
        Moment(Sort.CHECK_IN, day(at), "A week’s lines", people[author], href=lines)
        for author, at in CoupleCheckin.objects.filter(couple=couple).values_list("author_id", "recorded_at")
        if author in people
    ]
    for one in agreements_of(couple):
        if one.since and all(one.yes_by(who) for who in people):
            found.append(Moment(Sort.AGREED, day(one.since), f"Agreed: {_words(one)}", href=agreed))
            if one.ended_at:
                found.append(
                    Moment(Sort.AGREED, day(one.ended_at), f"Ended: {_words(one)}", ended=True, href=agreed)
                )
    rows = DisclosureAgreement.objects.filter(couple=couple).prefetch_related("signatures")
    for row in rows.order_by("version"):
        signed = {signature.author_id: signature.recorded_at for signature in row.signatures.all()}
        if set(people) <= set(signed):
            on = day(max(signed[who] for who in people))
            found.append(Moment(Sort.AGREED, on, f"Signed by both: {row.get_mode_display()}"))
    for since, until in CouplePause.objects.filter(couple=couple).values_list("since", "until"):
        found.append(Moment(Sort.AGREED, day(since), "Couple work paused", ended=True))
        if until:
            found.append(Moment(Sort.AGREED, day(until), "Couple work taken up again"))
    return found


def _words(one: agreements.Agreement) -> str:
    if one.kind == agreements.Kind.NO_BIG_DECISIONS:
        days = one.days or agreements.DEFAULT_DAYS
        return f"no big decisions for {days} day{'' if days == 1 else 's'} after a session"
    return one.words if len(one.words) <= 90 else f"{one.words[:90].rstrip()}…"


def _signed(
    ids: Collection[UUID], people: Mapping[UUID, Side], zone: ZoneInfo, to: Role | None = None
) -> list[Moment]:
    """What each signed and withdrew, as far as it is the viewer's to see; with `to`, releases to that role alone."""
    rows = Consent.objects.filter(subject_id__in=ids)
    rows = rows.filter(release_to=to) if to else rows
    href = "" if to else reverse("consents")
    labels, roles = dict(ReleaseClass.choices), dict(Role.choices)
    found = []
    for whose, at, withdrawn, data, audience, title in rows.order_by("recorded_at").values_list(
        "subject_id", "recorded_at", "withdrawn_at", "release_class", "release_to", "text__title"
    ):
        if whose is None:
            continue
        what = str(labels[data]) if data else title
        whom = "you" if to else f"your {roles[audience]}" if audience else ""
        given = f"Released to {whom}: {what}" if data else f"Consent signed: {what}"
        ended = f"Release to {whom} ended: {what}" if data else f"Consent withdrawn: {what}"
        on = at.astimezone(zone).date()
        found.append(Moment(Sort.SIGNED, on, given, people[whose], href=href))
        if withdrawn:
            on = withdrawn.astimezone(zone).date()
            found.append(Moment(Sort.SIGNED, on, ended, people[whose], ended=True, href=href))
    return found
