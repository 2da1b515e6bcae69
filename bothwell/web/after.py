"""After a session: whom to ring, what to follow up, and which forms are still owed, for nurses and prescribers.

It shows only people whose flowsheet the viewer writes, and how to ring them only where a call is due. Nothing rings.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db import connection
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from bothwell.couples.models import Contact, Person, Role
from bothwell.dosing.models import DosingSession
from bothwell.monitoring import adverse, next_day
from bothwell.monitoring import after_actions as actions
from bothwell.monitoring.models import AdverseEvent, NextDayCall, ProgrammeForm
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore
from bothwell.web import bedside
from bothwell.web.adverse import moment, session_of
from bothwell.web.asking import refusal_status, require, told

DONE_LATELY = timedelta(days=7)
CONTACT = "contact"
NASAL = "in"
KEPT = "Kept."
KEPT_APART = "not shown here: the prescriber and the individual therapist see it"
RAISED = (
    "Kept. A safety task stands with the prescriber and the individual therapist now. "
    "Ring the prescriber yourself, now; do not rely on the task being seen."
)


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class CallRow:
    """One call to make: after which session, how to ring safely, and what was tried."""

    session: DosingSession
    side: str
    due: next_day.Due
    contact: Contact | None
    calls: Sequence[NextDayCall]


@dataclass(frozen=True)
class FormRow:
    """One form of a safety programme that was not sent yet."""

    session: DosingSession
    side: str
    form: ProgrammeForm | None
    due_at: datetime
    is_overdue: bool

    @property
    def address(self) -> str:
        return f"/room/{self.session.id}/programme"

    @property
    def state(self) -> str:
        """How far it has come, in words."""
        return str(self.form.get_state_display()) if self.form else "not begun"


@require_GET
def after(request: HttpRequest) -> HttpResponse:
    """Everything that waits, in a fixed number of statements however much it is."""
    who = require(request, Role.NURSE, Role.PRESCRIBER)
    now, zone, people = timezone.now(), ZoneInfo(who.clinic.timezone), _mine()
    sessions = list(_sessions(people))
    sides = bedside.sides_of(people)
    calls = _calls(sessions, sides, now, zone)
    waiting = _forms([each for each in sessions if _is_nasal(each)], sides, now)
    events = _events(people)
    follow_ups = adverse.due(events, now.astimezone(zone).date())
    done = _done(people, now)
    ring = [row for row in calls if row.due.is_due]
    shown = [row.session.subject_id for row in calls] + [row.session.subject_id for row in waiting]
    shown += [one.event.subject_id for one in follow_ups] + [one.subject_id for one in done]
    audit.viewed_several(who, shown, actions.KIND)
    audit.viewed_several(who, [row.session.subject_id for row in ring], CONTACT)
    context = {
        "ring": ring,
        "later": [row for row in calls if not row.due.is_due],
        "due": [(one, sides.get(one.event.subject_id, "")) for one in follow_ups if one.is_due],
        "ahead": [(one, sides.get(one.event.subject_id, "")) for one in follow_ups if not one.is_due],
        "forms": waiting,
        "done": [(one, in_words(one)) for one in done if one.author_id],
        "missed": [one for one in done if not one.author_id],
        "missed_after_days": next_day.MISSED_AFTER_DAYS,
        "now": now,
    }
    return render(request, "after/page.html", context)


def _mine() -> set[UUID]:
    """The people whose flowsheet the viewer writes now, as the database says."""
    with connection.cursor() as cursor:
        cursor.execute("select door.writes('dosing.flowsheet')")
        return {row[0] for row in cursor.fetchall()}


def _sessions(people: Collection[UUID]) -> Any:
    """Sessions with a dose, over, whose call is not done or whose form was not sent."""
    of_it = {"session_id": OuterRef("id")}
    is_called = Exists(NextDayCall.objects.filter(**of_it, is_closed=True))
    is_sent = Exists(ProgrammeForm.objects.filter(**of_it, state=ProgrammeForm.State.SENT))
    is_nasal = Q(order__route=NASAL) | Q(order__isnull=True, course__route=NASAL)
    return (
        DosingSession.objects.select_related("subject", "course", "order")
        .filter(
            subject_id__in=people, started_at__isnull=False, ended_at__isnull=False, outcome__in=actions.DOSED
        )
        .filter(~is_called | (is_nasal & ~is_sent))
        .order_by("ended_at", "id")
    )


def _is_nasal(session: DosingSession) -> bool:
    return bool((session.order.route if session.order else session.course.route) == NASAL)


def _calls(
    sessions: Sequence[DosingSession], sides: dict[UUID, str], now: datetime, zone: ZoneInfo
) -> list[CallRow]:
    """The calls still to be made, the longest due first."""
    made: dict[UUID, list[NextDayCall]] = {}
    for one in (
        NextDayCall.objects.select_related("author", "thoughts").filter(session__in=sessions).order_by("at")
    ):
        made.setdefault(one.session_id, []).append(one)
    people = [each.subject_id for each in sessions]
    contacts = {row.subject_id: row for row in Contact.objects.filter(subject_id__in=people)}
    rows = [
        CallRow(
            each, sides.get(each.subject_id, ""), due, contacts.get(each.subject_id), made.get(each.id, [])
        )
        for each in sessions
        if each.ended_at and (due := next_day.due(each.ended_at, made.get(each.id, []), zone=zone, now=now))
    ]
    return sorted(rows, key=lambda row: row.due.at)


def _forms(sessions: Sequence[DosingSession], sides: dict[UUID, str], now: datetime) -> list[FormRow]:
    """The forms of these sessions whose newest state is not "sent", the first due first."""
    newest: dict[UUID, ProgrammeForm] = {}
    for one in ProgrammeForm.objects.filter(session__in=sessions).order_by("number"):
        newest[one.session_id] = one
    rows = []
    for each in sessions:
        form = newest.get(each.id)
        if each.ended_at is None or (form and form.state == ProgrammeForm.State.SENT):
            continue
        due_at = each.ended_at + next_day.FORM_WITHIN
        rows.append(FormRow(each, sides.get(each.subject_id, ""), form, due_at, due_at < now))
    return rows


def _events(people: Collection[UUID]) -> list[AdverseEvent]:
    """The newest version of every event that asks for something."""
    asks = Q(follow_up_on__isnull=False) | Q(prescriber_knows=AdverseEvent.Knows.NOT_YET)
    asks |= Q(prescriber_knows="", action_taken__startswith=adverse.Prescriber.NOT_YET.value)
    rows = AdverseEvent.objects.select_related("subject", "session")
    return list(rows.filter(asks, subject_id__in=people, revised_by__isnull=True).order_by("began_at", "id"))


def _done(people: Collection[UUID], now: datetime) -> list[NextDayCall]:
    """The calls finished in the last days, newest first."""
    rows = NextDayCall.objects.select_related("author", "subject", "session", "thoughts")
    since = now - DONE_LATELY
    return list(rows.filter(subject_id__in=people, is_closed=True, at__gte=since).order_by("-at", "-id"))


def in_words(call: NextDayCall) -> list[tuple[str, str]]:
    """What a call came to, as question and answer."""
    if call.author_id is None:
        return []
    if not call.was_reached:
        return [("Tried", dict(next_day.TRIED).get(call.answers.get("tried", ""), "not reached"))]
    told = call.told
    said = [
        (question.short, question.in_words(told[question.key]) if question.key in told else KEPT_APART)
        for question in next_day.QUESTIONS
        if question.key in told or question.key == next_day.THOUGHTS
    ]
    asked = call.answers.get("questions", "")
    return [*said, ("Asked us", asked)] if asked else said


# ── one call ──────────────────────────────────────────────────────────────────────────────────────────────


class CallForm(forms.Form):
    """One call. The rule in `next_day` says what is missing."""

    request_id = forms.UUIDField(widget=forms.HiddenInput)
    at = moment("When you rang")
    reached = forms.ChoiceField(
        label="Did you reach them?",
        choices=[("yes", "Yes"), ("no", "No")],
        widget=forms.RadioSelect,
        error_messages={"required": "Say whether you reached them."},
    )
    questions = forms.CharField(
        label="What they asked us",
        required=False,
        max_length=settings.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    tried = forms.ChoiceField(label="What happened", required=False, widget=forms.RadioSelect)
    next_at = moment("Ring again at", required=False)
    is_given_up = forms.BooleanField(label="Nobody will ring again; the note says why", required=False)
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=settings.LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: Any = None, *, may_leave_message: bool, **kept: Any) -> None:
        super().__init__(data, **kept)
        self.label_suffix = ""
        offered = [one for one in next_day.TRIED if may_leave_message or one[0] != next_day.MESSAGE]
        self.fields["tried"].choices = offered  # type: ignore[attr-defined]
        is_missed = data is not None and data.get("reached") != "yes"
        for question in next_day.QUESTIONS:
            self.fields[question.key] = forms.ChoiceField(
                label=question.text,
                required=not is_missed,
                choices=question.options,
                widget=forms.RadioSelect,
                error_messages={"required": next_day.ANSWER_IT},
            )

    @property
    def asked(self) -> list[forms.BoundField]:
        """The questions, in their order."""
        return [*(self[question.key] for question in next_day.QUESTIONS), self["questions"]]

    @property
    def missed(self) -> list[forms.BoundField]:
        """What is asked when nobody was reached."""
        return [self["tried"], self["next_at"], self["is_given_up"]]

    def said(self) -> next_day.Said:
        """What was typed, as the rule takes it."""
        given = self.cleaned_data
        names = [*(question.key for question in next_day.QUESTIONS), "questions", "tried"]
        return next_day.Said(
            at=given["at"],
            was_reached=given["reached"] == "yes",
            answers={name: given.get(name, "") for name in names},
            note=given.get("note", ""),
            next_at=given.get("next_at"),
            is_given_up=given.get("is_given_up", False),
        )

    def say(self, faults: Sequence[adverse.Fault]) -> None:
        """Each fault beside its answer."""
        for fault in faults:
            if fault.field not in self.errors:
                self.add_error(fault.field, fault.sentence)


@require_http_methods(["GET", "POST"])
def call(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """How to ring this person safely, what to ask, and what was said."""
    who, session = session_of(request, session_id)
    if session.started_at is None or session.ended_at is None or session.outcome not in actions.DOSED:
        raise Http404
    contact = Contact.objects.filter(subject_id=session.subject_id).first()
    begun = {"request_id": uuid4(), "at": timezone.localtime()}
    data = request.POST if request.method == "POST" else None
    may_leave = bool(contact and contact.may_leave_message)
    form = CallForm(data, may_leave_message=may_leave, initial=begun)
    refused = _refused(request, who, session, form) if data is not None and form.is_valid() else None
    if data is not None and not form.errors and refused is None:
        return redirect("after")
    audit.viewed(who, subject=session.subject_id, what=actions.KIND)
    audit.viewed(who, subject=session.subject_id, what=CONTACT)
    made = list(
        NextDayCall.objects.select_related("author", "thoughts").filter(session=session).order_by("at", "id")
    )
    context = {
        "session": session,
        "contact": contact,
        "form": form,
        "made": [(one, in_words(one)) for one in made],
        "due": next_day.due(session.ended_at, made, zone=ZoneInfo(who.clinic.timezone), now=timezone.now()),
        # One that was missed may be made late; one that somebody finished is done. What was typed stays on the page.
        "is_open": form.is_bound or not any(one.is_closed and one.author_id for one in made),
        "missed_after_days": next_day.MISSED_AFTER_DAYS,
        "first_at": next_day.first_call_at(session.ended_at, ZoneInfo(who.clinic.timezone)),
    }
    status = 200 if data is None else refusal_status(refused) if refused else 422
    return render(request, "after/call.html", context, status=status)


def _refused(request: HttpRequest, who: Person, session: DosingSession, form: CallForm) -> Refused | None:
    """Why the call was not kept, said in the form; none where it was, said on the next page."""
    said = form.said()
    try:
        kept = actions.call(
            by=who, session_id=session.id, said=said, request_id=form.cleaned_data["request_id"]
        )
    except Refused as refused:
        faults = actions.faults_of_call(session, said)
        form.say(faults) if faults and not isinstance(refused, SentBefore) else told(form, refused)
        return refused
    has_thoughts = kept.was_reached and said.answers.get(next_day.THOUGHTS) in next_day.HAS_THOUGHTS
    (messages.warning if has_thoughts else messages.success)(request, RAISED if has_thoughts else KEPT)
    return None


urlpatterns: list[URLPattern] = [
    path("after", after, name="after"),
    path("after/<uuid:session_id>/call", call, name="after-call"),
]
