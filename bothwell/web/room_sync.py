"""Entries made beside somebody while the server was away, handed in when it is back: each once, in order.

It keeps nothing by itself: every entry goes through the form and the action of its own page. It begins no dose,
for the gates must be asked then, and signs nobody off.
"""

import base64
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from django.db import Error, InterfaceError, OperationalError, transaction
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import Resolver404, ResolverMatch, URLPattern, path, resolve
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from bothwell.codes import BY_CODE
from bothwell.couples.models import Person, Role
from bothwell.dosing.models import Administration, GateCheck
from bothwell.monitoring import entry_actions
from bothwell.monitoring.models import AdverseEvent, Note, Sample
from bothwell.monitoring.vitals import format_value
from bothwell.privacy import audit
from bothwell.refusal import Refused, SentBefore
from bothwell.web import handed_in
from bothwell.web.asking import require
from bothwell.web.room_bed import Bed, bed_of

log = logging.getLogger("bothwell.room")

QUEUED: Final = frozenset(
    {
        "room-enter",
        "room-check",
        "room-medicine",
        "room-effect",
        "room-infusion",
        "room-correct",
        "room-right-rate",
        "room-acknowledge",
        "room-events",
    }
)
"""The pages whose forms may wait on a tablet. js/room-queue.js names the same addresses."""
MOST_ENTRIES: Final = 50
MOST_FIELDS: Final = 60
LONGEST_SAID: Final = 2000
# Made and handed in at once, as from a page that is live: its time is that of its arrival.
AT_ONCE: Final = timedelta(seconds=10)
# Ours, technical: two people who enter the same quantity within a minute may have written down one measurement twice.
ALIKE: Final = timedelta(seconds=60)
GONE: Final = (OperationalError, InterfaceError)
"""What a database that does not answer raises: nothing is refused then, the tablet tries again."""
BROKEN = "This could not be read here. Write it as a note, or enter it anew."


class NotABatch(ValueError):
    """What came is nothing a page of ours sends."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One post of a page as it was to be sent. `made_at` by our clock as the tablet knew it; the other by its own."""

    request_id: UUID
    path: str
    fields: tuple[tuple[str, str], ...]
    made_at: datetime
    made_at_by_the_tablet: datetime


# ── what a page needs ─────────────────────────────────────────────────────────────────────────────────────


def queue_key(person_id: UUID, session_id: UUID) -> str:
    """The key under which a tablet keeps entries: one person's, for one session; the same after a new sign-in."""
    digest = salted_hmac("bothwell.room.queue", f"{person_id} {session_id}", algorithm="sha256").digest()
    return base64.b64encode(digest).decode()


def picture_key(login: str, person_id: UUID, session_id: UUID) -> str:
    """The key of the room's picture: of one login's session, so that no later login, and nobody without one, is given it."""
    digest = salted_hmac("bothwell.room.picture", f"{login} {person_id} {session_id}", algorithm="sha256")
    return base64.b64encode(digest.digest()).decode()


def owner_mark(person_id: UUID, session_id: UUID) -> str:
    """What tells one person's entries from another's on a tablet without naming either."""
    return salted_hmac("bothwell.room.owner", f"{person_id} {session_id}", algorithm="sha256").hexdigest()[
        :24
    ]


def _given(request: HttpRequest, bed: Bed) -> dict[str, Any]:
    return {
        "key": queue_key(bed.who.id, bed.session.id),
        "picture_key": picture_key(_login(request), bed.who.id, bed.session.id),
        "owner": owner_mark(bed.who.id, bed.session.id),
        "token": get_token(request),
        "now": _now(),
    }


def _login(request: HttpRequest) -> str:
    """What names this login: made anew at each sign-in, gone at sign-out."""
    login = request.session.session_key
    if not login:
        raise Http404
    return str(login)


def _now() -> str:
    return timezone.now().isoformat()


@require_GET
def shell(request: HttpRequest) -> HttpResponse:
    """The frame a tablet keeps of the room: the same for everybody, with nobody in it."""
    require(request, Role.NURSE, Role.PRESCRIBER)
    return HttpResponse(render_to_string("room/shell.html"))


# ── handing in ────────────────────────────────────────────────────────────────────────────────────────────


@require_http_methods(["GET", "POST"])
def sync(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Look: the key, for whoever may chart here. Post: a batch of entries; what became of each of them."""
    bed = bed_of(request, session_id)
    if request.method == "GET":
        return JsonResponse(_given(request, bed))
    try:
        entries = _batch(request)
    except NotABatch:
        return JsonResponse({"reason": "That could not be read, and nothing was changed."}, status=400)
    known = _known(session_id, [entry.request_id for entry in entries])
    said = []
    for entry in entries:
        if entry.request_id in known:
            said.append({"request_id": str(entry.request_id), "outcome": "known"})
        else:
            said.append({"request_id": str(entry.request_id)} | _hand_in(request, bed, entry))
            known.add(entry.request_id)
    return JsonResponse({"entries": said, "now": _now()})


def _batch(request: HttpRequest) -> list[Entry]:
    """The entries, timed by our clock. Raises NotABatch."""
    try:
        sent = json.loads(request.body)
        if "\\u0000" in request.body.decode():
            raise NotABatch
        now = timezone.now()
        made = [_entry(each, now) for each in sent["entries"]]
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise NotABatch from error
    if len(made) > MOST_ENTRIES:
        raise NotABatch
    return made


def _entry(given: Mapping[str, Any], now: datetime) -> Entry:
    by_the_tablet = datetime.fromisoformat(given["made_at"])
    fields = tuple((str(name), str(value)) for name, value in given["fields"])
    if by_the_tablet.utcoffset() is None or len(fields) > MOST_FIELDS or not isinstance(given["path"], str):
        raise NotABatch
    made_at = by_the_tablet + timedelta(milliseconds=float(given["behind_ms"]))
    request_id = UUID(given["request_id"])
    return Entry(
        request_id,
        given["path"],
        (*((name, value) for name, value in fields if name != "request_id"), ("request_id", str(request_id))),
        min(made_at, now).astimezone(UTC),
        by_the_tablet,
    )


def _known(session_id: UUID, request_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these are on the chart already."""
    of: dict[str, Any] = {"session_id": session_id, "request_id__in": request_ids}
    kinds: tuple[type[Model], ...] = (Sample, Note, Administration, GateCheck, AdverseEvent)
    rows = (kind._default_manager.filter(**of).values_list("request_id", flat=True) for kind in kinds)
    return {request_id for found in rows for request_id in found}


def _hand_in(request: HttpRequest, bed: Bed, entry: Entry) -> dict[str, Any]:
    """One entry through its own page: kept, or refused with the sentence its page would have shown."""
    match = _page_of(entry.path, bed.session.id)
    if match is None:
        return {"outcome": "refused", "reason": "This cannot be handed in later. Do it on its page."}
    is_late = timezone.now() - entry.made_at > AT_ONCE
    times = (
        {handed_in.MADE_AT: entry.made_at, handed_in.BY_THE_TABLET: entry.made_at_by_the_tablet}
        if is_late
        else {}
    )
    inner = handed_in.request_for(request, entry.path, entry.fields, times)
    try:
        with transaction.atomic():
            response = match.func(inner, *match.args, **match.kwargs)
    except GONE:
        raise
    except Http404:
        return {"outcome": "refused", "reason": "What this was about is not here any more."}
    except (Error, ValueError, TypeError, KeyError) as error:
        log.error("an entry handed in later broke: %s", type(error).__name__)
        return {"outcome": "refused", "reason": BROKEN}
    if response.status_code >= 400:
        return {"outcome": "refused", "reason": _reason(response)}
    if is_late:
        _log(bed, entry)
    return {
        "outcome": "kept",
        "next": response.headers.get("Location", ""),
        "alike": _alike(bed, entry.request_id),
    }


def _page_of(address: str, session_id: UUID) -> ResolverMatch | None:
    try:
        match = resolve(address)
    except Resolver404:
        return None
    is_ours = match.url_name in QUEUED and match.kwargs.get("session_id") == session_id
    return match if is_ours else None


def _reason(response: HttpResponse) -> str:
    if response.headers.get("Content-Type", "").startswith("application/json"):
        return json.loads(response.content)["reason"] or BROKEN
    return BROKEN


def _log(bed: Bed, entry: Entry) -> None:
    """Both times of whatever came later, also where its row has one time only."""
    by_us, by_tablet = (at.astimezone(UTC) for at in (entry.made_at, entry.made_at_by_the_tablet))
    audit.log(
        "handed in an entry made without a network",
        by=bed.who,
        subject=bed.session.subject_id,
        item_kind="dosing.flowsheet",
        item_id=bed.session.id,
        why=f"Made {by_us:%H:%M:%S} UTC, {by_tablet:%H:%M:%S} by the tablet.",
    )


def _alike(bed: Bed, request_id: UUID) -> list[str]:
    """What others entered of the same quantities within a minute: both stay, somebody looks."""
    mine = list(Sample.objects.filter(session=bed.session, request_id=request_id, corrects__isnull=True))
    if not mine:
        return []
    at = mine[0].observed_at
    theirs = (
        Sample.objects.select_related("author")
        .filter(
            session=bed.session,
            code__in=[sample.code for sample in mine],
            observed_at__range=(at - ALIKE, at + ALIKE),
            author__isnull=False,
        )
        .exclude(author=bed.who)
        .order_by("observed_at", "code")
    )
    return list(_sentences(theirs, bed))


def _sentences(theirs: Iterable[Sample], bed: Bed) -> Iterable[str]:
    for sample in theirs:
        author: Person | None = sample.author
        shown = f"{BY_CODE[sample.code].title} {format_value(sample.code, sample.value)}"
        name = author.name_used if author else "somebody else"
        yield f"{shown} at {sample.observed_at.astimezone(bed.zone):%H:%M} by {name} also stands."


# ── what could not be charted ─────────────────────────────────────────────────────────────────────────────


@require_POST
def conflict(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """An entry that was refused stays as a note, in its own words; left out, with the reason of whoever did so."""
    bed = bed_of(request, session_id)
    try:
        sent = json.loads(request.body)
        entry = _entry(sent | {"fields": (), "path": ""}, timezone.now())
        said, reason, why = (_words(sent[name]) for name in ("said", "reason", "why"))
        is_left_out = sent["is_left_out"] is True
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        return JsonResponse({"reason": "That could not be read, and nothing was changed."}, status=400)
    if is_left_out and len(why) < 3:
        return JsonResponse({"reason": "Say in a few words why it is left out."}, status=422)
    at = entry.made_at if bed.session.ended_at is None else min(entry.made_at, bed.session.ended_at)
    text = handed_in.note_of(said, entry.made_at.astimezone(bed.zone), why if is_left_out else "", reason)
    try:
        _keep_note(bed, at, text, handed_in.note_id(entry.request_id))
    except Refused as refused:
        return JsonResponse({"reason": refused.reason}, status=422)
    return JsonResponse({"kept": True})


def _keep_note(bed: Bed, at: datetime, text: str, key: UUID) -> None:
    """Once in these words; in others, as where the first answer was lost on its way, beside what stands."""
    for number in (key, uuid5(key, text)):
        try:
            entry_actions.enter(
                by=bed.who, session=bed.session, readings={}, observed_at=at, note=text, request_id=number
            )
        except SentBefore:
            continue
        return


def _words(text: Any) -> str:
    if not isinstance(text, str) or "\0" in text:
        raise NotABatch
    text.encode()  # half a character is no text
    return text.strip()[:LONGEST_SAID]


urlpatterns: list[URLPattern] = [
    path("room/shell", shell, name="room-shell"),
    path("room/<uuid:session_id>/sync", sync, name="room-sync"),
    path("room/<uuid:session_id>/sync/conflict", conflict, name="room-sync-conflict"),
]
