"""Who has seen my record, what I have opened to whom, and taking it back: for everyone, about themselves.

It never shows the log of anyone else, and what the safety circle does leaves no line here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.couples.models import Contact, Person, Role
from bothwell.enrolment.people_actions import choose_reminders
from bothwell.integration.models import InsightVersion
from bothwell.privacy import sharing_actions, signing_actions, to_sign
from bothwell.privacy.models import Audience, AuditEntry, Consent, Grant
from bothwell.refusal import Refused
from bothwell.web import log_words
from bothwell.web.asking import require_partner, viewer
from bothwell.web.person_contact import contact_form, save_contact

ON_A_PAGE = 30
LONGEST_EXCERPT = 120

KINDS: Final = {
    "access": "who has seen it",
    "break_glass": "emergency access",
    "appointment": "an appointment",
    "calendar": "the address of a calendar",
    "care team": "the care team",
    "clinic": "the clinic's details",
    "consent": "consent",
    "contact": "contact details",
    "couple": "the couple's page",
    "course": "the times of sessions",
    "couple.alone": "what one said alone to the couples therapist",
    "couple.progress": "the notes of couples sessions",
    "couple.shared": "what belongs to both",
    "credential": "a colleague's credentials",
    "cycle.node": "one's own side of the cycle",
    "decision": "the joint decision",
    "decision.status": "whether the joint decision is made",
    "device": "a monitor",
    "disclosure": "the disclosure agreement",
    "dosing.flowsheet": "the record of a session",
    "dosing.summary": "how a session went",
    "dosing.time": "the time of a session",
    "insight": "an insight",
    "invitation": "the link to a login",
    "measure.individual": "answers about oneself",
    "measure.predose": "answers before a session",
    "measure.relationship": "answers about the relationship",
    "medical": "medical history and findings",
    "pathway": "the course of care",
    "person": "name and pronouns",
    "preparation": "what is arranged for a session",
    "process_note": "a therapist's own notes",
    "protocol": "the treatment protocol",
    "role": "a colleague's role",
    "room": "a room",
    "screen.suicide": "answers about safety",
    "screen.violence": "what is asked alone",
    "task": "a task of the care team",
    "suicide.flag": "an answer about safety that waits for a clinician",
    "measures": "answers to questionnaires over time",
    "message.alone": "messages alone with the couples therapist",
    "message.care": "messages with the care team",
    "message.couple": "messages of both with the couples therapist",
    "message.therapist": "messages with the individual therapist",
    "overview": "the overview",
    "couple.request": "the record of the couple",
    "disclosed": "what was given out",
    "legal.hold": "a legal hold",
    "parting.asked": "what happens if we part",
    "record.request": "a copy of the record",
    "requests": "what was asked of the clinic",
    "shelter": "shelter at home",
    "vials": "the vials and their ledger",
    "vials.use": "what was drawn up in a session",
}
"""What a kind of item is called in the log. A kind not named here is shown by its own name."""


UNSEEN_IN_ONES_OWN: Final = "parting.asked"
"""Stands in the clinic's log alone; on one's own page not even that something was asked."""
ASKED_OF_THE_CLINIC: Final = frozenset({UNSEEN_IN_ONES_OWN, "record.request"})
"""In one's own log these read alike, and say no more: somebody else may hold the telephone."""
OF_THE_COMMAND_LINE: Final = frozenset({"found", "command line"})
"""What somebody did at the clinic's own machine, not on a page."""
ALIKE: Final = {"asked": "asked", "viewed": "viewed", "took": "took back"}


@dataclass(frozen=True)
class Line:
    """One entry of the log in words."""

    at: datetime
    who: str
    did: str
    what: str
    whose: str
    why: str


def in_words(entries: Iterable[AuditEntry], reader: Person) -> list[Line]:
    """The entries as `reader` reads them: names only of people they may see."""
    return [
        Line(
            at=entry.at,
            who=_who(entry, reader),
            did=_did(entry, reader),
            what=_what(entry, reader),
            whose=entry.subject.name_used if entry.subject else "a couple" if entry.couple_id else "",
            why=log_words.why(entry.item_kind, entry.why),
        )
        for entry in entries
    ]


def _is_plain(entry: AuditEntry, reader: Person) -> bool:
    return entry.subject_id == reader.id and entry.item_kind in ASKED_OF_THE_CLINIC


def _did(entry: AuditEntry, reader: Person) -> str:
    if _is_plain(entry, reader):
        return ALIKE.get(entry.action.partition(" ")[0], "answered")
    return log_words.done(entry.action)


def _what(entry: AuditEntry, reader: Person) -> str:
    if _is_plain(entry, reader):
        return "something asked of the clinic"
    kind, _, code = entry.item_kind.partition(":")
    if asked := to_sign.find(kind, code):  # a text that was published, signed or withdrawn
        return asked.name
    return KINDS.get(entry.item_kind, entry.item_kind.replace("_", " ").replace(":", ", "))


def _who(entry: AuditEntry, reader: Person) -> str:
    if entry.service in OF_THE_COMMAND_LINE:
        return "The command line here"
    if entry.service:
        return f"A service of the clinic ({entry.service})"
    if entry.actor_id == reader.id:
        return "You"
    return entry.actor.signs_as if entry.actor else "Somebody"


@dataclass(frozen=True)
class Stretch:
    """A stretch of the log, newest first, and where the next older one begins."""

    entries: Sequence[AuditEntry]
    older: str


def stretch(entries: QuerySet[AuditEntry], before: str, count: int = ON_A_PAGE) -> Stretch:
    """Up to `count` entries older than the key `before`, newest first.

    `before` is what a page gave as `older`; anything else means: from the newest on.
    """
    entries = entries.select_related("actor", "subject").order_by("-at", "-id")
    moment, _, key = before.partition("~")
    try:
        typed, last = datetime.fromisoformat(moment), UUID(key)
        if typed.tzinfo is not None:
            at = typed.astimezone(UTC)
            entries = entries.filter(Q(at__lt=at) | Q(at=at, id__lt=last))
    except (ValueError, OverflowError):
        pass
    rows = list(entries[: count + 1])
    shown = rows[:count]
    return Stretch(shown, f"{shown[-1].at.isoformat()}~{shown[-1].id}" if len(rows) > count else "")


@dataclass(frozen=True)
class Opened:
    """One grant of one's own, as its giver reads it."""

    id: UUID
    what: str
    words: str
    to: str
    since: datetime


@require_GET
def access(request: HttpRequest) -> HttpResponse:
    """One's own log, and for a partner the doors they have opened."""
    who = viewer(request)
    before = request.GET.get("before", "")[:100]
    # Not what was asked about parting: whoever holds the telephone would find a line, and no copy that was asked for.
    page = stretch(AuditEntry.objects.filter(subject=who).exclude(item_kind=UNSEEN_IN_ONES_OWN), before)
    context = {"lines": in_words(page.entries, who), "older": page.older, "before": before}
    if not who.is_staff_member:
        context |= {"opened": _opened(who), "consents": _consents(who)}
    return render(request, "access/page.html", context)


def _opened(who: Person) -> list[Opened]:
    grants = list(Grant.objects.filter(subject=who, revoked_at__isnull=True).order_by("-opens_at"))
    words = {
        version.id: version.text[:LONGEST_EXCERPT]
        for version in InsightVersion.objects.filter(id__in=[grant.item_id for grant in grants])
    }
    return [
        Opened(
            grant.id,
            KINDS.get(grant.item_kind, grant.item_kind),
            words.get(grant.item_id, ""),
            Audience(grant.audience).label,
            grant.opens_at,
        )
        for grant in grants
    ]


def _consents(who: Person) -> list[dict[str, object]]:
    rows = Consent.objects.filter(subject=who, withdrawn_at__isnull=True).select_related("text")
    # Of several versions the newest: withdrawing it withdraws them all.
    newest = {(row.text.kind, row.text.code, row.release_to): row for row in rows.order_by("text__version")}
    return [
        {
            "id": row.id,
            "title": row.text.title,
            "to": f"my {Role(row.release_to).label}" if row.release_to else "",
            "since": row.recorded_at,
        }
        for row in sorted(newest.values(), key=lambda row: row.recorded_at, reverse=True)
    ]


@require_POST
def take_back(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """Close what one had opened; it is closed with the other's next page."""
    try:
        sharing_actions.revoke(by=viewer(request), grant_id=grant_id)
    except Refused as no:
        raise Http404 from no
    messages.success(request, "Taken back. It is closed from now on.")
    return redirect("access")


@require_POST
def withdraw(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """Withdraw what one had signed; it ends at once."""
    try:
        signing_actions.withdraw_consent(by=viewer(request), consent_id=consent_id)
    except Refused as no:
        raise Http404 from no
    messages.success(request, "Withdrawn. It no longer holds from now on.")
    return redirect("access")


@require_http_methods(["GET", "POST"])
def my_contact(request: HttpRequest) -> HttpResponse:
    """How I may be reached: one's own to change."""
    who = viewer(request)
    known = Contact.objects.filter(subject=who).first()
    form = contact_form(who, known, request.POST if request.method == "POST" else None)
    if request.method == "POST" and save_contact(who, who, form):
        messages.success(request, "Saved.")
        return redirect("my_contact")
    context = {"form": form, "reach": known if known and not who.is_staff_member else None}
    return render(request, "access/contact.html", context, status=422 if form.errors else 200)


@require_POST
def reminders(request: HttpRequest) -> HttpResponse:
    """Whether a mail may say that something waits: one's own to choose."""
    who = require_partner(request)
    wants = request.POST.get("do") == "on"
    try:
        choose_reminders(by=who, wants=wants)
    except Refused as no:
        messages.error(request, no.reason)
    else:
        messages.success(request, "You get them again." if wants else "Switched off. No more of these mails.")
    return redirect("my_contact")


urlpatterns = [
    path("access", access, name="access"),
    path("access/contact", my_contact, name="my_contact"),
    path("access/reminders", reminders, name="my_reminders"),
    path("access/grants/<uuid:grant_id>/take-back", take_back, name="take_back"),
    path("access/consents/<uuid:consent_id>/withdraw", withdraw, name="withdraw"),
]
